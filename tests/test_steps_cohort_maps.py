"""Maps of the cohort against cases worked by hand: two animals, known arrays."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cohorts import PLACES
from maps_example import FAST, SLOW, given, write_coupling, write_gram

from pipeline.report.curve_words import DIFFERENCE, MEAN
from pipeline.steps.cohort_comodulograms import LEVEL, comodulograms
from pipeline.steps.cohort_maps import Maps, mean_over, over_baseline, over_units
from pipeline.steps.cohort_spectrograms import point_width, row_edges, spectrograms

HOME, FIELD = PLACES
DRUGS = ("vehicle", "psilocybin")
TWO = [(f"r{k}_{drug}", f"r{k}", drug) for k in (1, 2) for drug in DRUGS]


def flat(place, minute):
    return 0.0


# -- means -----------------------------------------------------------------------------------------


def rows(*values, **columns):
    return Maps(pd.DataFrame(columns), np.array(values, dtype=float)[:, None])


def test_a_mean_takes_each_point_over_what_is_known():
    maps = Maps(pd.DataFrame({"k": ["a", "a", "b"]}), np.array([[1, np.nan], [3, 4], [np.nan] * 2]))
    found = mean_over(maps, ["k"], count="n")
    np.testing.assert_array_equal(found.values, [[2, 4], [np.nan, np.nan]])
    assert found.keys["n"].tolist() == [2, 0]


def test_sessions_of_an_animal_are_averaged_before_animals():
    """r1 has three sessions at 0, 0 and 6, r2 one at 10: (2 + 10) / 2, not 16 / 4."""
    plan, _ = given(TWO)
    maps = rows(0, 0, 6, 10, unit=["r1"] * 3 + ["r2"], condition="vehicle", step=1, region="x")
    found = over_units(maps, ["region"], plan)
    assert found.values.tolist() == [[6.0]] and found.keys["n_units"].tolist() == [2]


def test_a_crossed_design_takes_the_animals_own_differences():
    """r3 has the vehicle only: it is in the vehicle's mean, and in no difference."""
    plan, _ = given(TWO)
    maps = rows(1, 4, 2, 9, 30, unit=["r1", "r1", "r2", "r2", "r3"], step=1, region="x",
                condition=["vehicle", "psilocybin"] * 2 + ["vehicle"])  # fmt: skip
    found = over_units(maps, ["region"], plan)
    keys = found.keys.set_index(["part", "condition"])
    values = dict(zip(keys.index, found.values[:, 0], strict=True))
    assert values == {(MEAN, "psilocybin"): 6.5, (MEAN, "vehicle"): 11.0,
                      (DIFFERENCE, "psilocybin"): 5.0}  # fmt: skip
    row = keys.loc[(DIFFERENCE, "psilocybin")]
    assert (row["n_units"], row["n_reference"], row["paired"]) == (2, 2, True)
    assert row["reference_condition"] == "vehicle"


def test_a_parallel_design_takes_the_difference_of_means():
    plan, _ = given(TWO)
    maps = rows(1, 3, 10, unit=["r1", "r2", "r3"], step=1, region="x",
                condition=["vehicle", "vehicle", "psilocybin"])  # fmt: skip
    found = over_units(maps, ["region"], plan)
    row = found.keys[found.keys["part"] == DIFFERENCE].iloc[0]
    assert found.values[found.keys["part"] == DIFFERENCE].tolist() == [[8.0]]
    assert (row["n_units"], row["n_reference"], row["paired"]) == (1, 2, False)


def test_baselines_are_those_of_the_session_or_of_the_anchor():
    """A session's own comes first, the anchor's before another dose's; a follow-up has none."""
    plan, _ = given(TWO)
    baselines = rows(1, 2, 4, session=["a", "a", "b"], anchor=["a.1", "a.2", "b.1"],
                     step=[1, 2, 1], context=HOME, region="x")  # fmt: skip
    cells = rows(10, 10, 10, 10, 10, session=["a", "a", "c", "a", "c"],
                 anchor=["a.2", "a.3", "b.1", "a.1", "z"], step=[2, 3, 1, 1, 1],
                 context=[HOME, HOME, HOME, FIELD, HOME], region="x")  # fmt: skip
    found = over_baseline(cells, baselines, plan)
    assert found.values[:, 0].tolist() == [8, 9, 6]  # FIELD has no baseline, z is nobody's anchor
    named = plan.model_copy(update={"baseline_context": HOME})
    assert over_baseline(cells, baselines, named).values[:, 0].tolist() == [8, 9, 6, 9]


# -- comodulograms ---------------------------------------------------------------------------------


def index_of(rat, drug, *, at=1.0):
    """Index in the home cage: 0.01 in the baseline; the drug halves one pair, doubles in r2."""
    acute = np.full((1, len(SLOW), len(FAST)), 0.01)
    if drug == "psilocybin":
        acute[0, 1, 2] *= {"r1": 0.25, "r2": 0.5}[rat]
    return {("baseline", HOME): 0.01 * at, ("acute", HOME): acute * at}


@pytest.fixture(scope="module")
def comodulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("comodulograms")
    plan, settings = given(TWO)
    paths = [
        write_coupling(folder / name, index_of(rat, drug, at={"r1": 1, "r2": 4}[rat]))
        for name, rat, drug in TWO
    ]
    (folder / "lost").mkdir()
    (folder / "lost" / "coupling.nc").write_bytes(b"")
    return comodulograms([*paths, folder / "lost" / "coupling.nc"], plan, settings)


def test_comodulograms_are_octaves_over_the_baseline(comodulated):
    """psilocybin: -2 octaves in r1 and -1 in r2 at 8 and 100 Hz; nothing elsewhere."""
    for part in (MEAN, DIFFERENCE):
        own = comodulated[
            (comodulated["part"] == part) & (comodulated["condition"] == "psilocybin")
        ]
        grid = own.pivot(index="phase_hz", columns="amplitude_hz", values="value")
        np.testing.assert_allclose(grid.to_numpy(), [[0, 0, 0], [0, 0, -1.5]], atol=1e-12)
        assert set(own["n_units"]) == {2}


def test_the_baselines_own_index_is_a_geometric_mean(comodulated):
    level = comodulated[comodulated["part"] == LEVEL]
    assert set(level["phase"]) == {"baseline"} and set(level["condition"]) == {""}
    np.testing.assert_allclose(level["value"], 0.02)  # of 0.01 and 0.04


def test_a_session_with_fewer_frequencies_lends_what_it_has(tmp_path):
    """r2 was recorded up to 80 Hz: the pairs above rest on r1 alone."""
    plan, settings = given(TWO)
    paths = []
    for name, rat, _ in TWO:
        cells = {("baseline", HOME): 0.01, ("acute", HOME): 0.02 if rat == "r1" else 0.08}
        fast = FAST if rat == "r1" else FAST[:2]
        paths.append(write_coupling(tmp_path / name, cells, fast=fast))
    found = comodulograms(paths, plan, settings)
    mean = found[(found["part"] == MEAN) & (found["condition"] == "vehicle")]
    at = mean.groupby("amplitude_hz")["value"].first()
    assert at.to_dict() == pytest.approx({60: 2, 80: 2, 100: 1})


def test_codes_have_no_reference(tmp_path):
    plan, settings = given(TWO)
    coded = [c.model_copy(update={"reference": None, "is_reference": False, "name": f"code {k}"})
             for k, c in enumerate(plan.conditions)]  # fmt: skip
    blind = plan.model_copy(update={"conditions": tuple(coded), "blind": True})
    code = {c.name: new.name for c, new in zip(plan.conditions, coded, strict=True)}
    anchors = [row | {"condition": code[row["condition"]]} for row in settings["anchors"]]
    paths = [write_coupling(tmp_path / name, index_of(rat, drug)) for name, rat, drug in TWO]
    found = comodulograms(paths, blind, settings | {"anchors": anchors})
    assert set(found["part"]) == {MEAN, LEVEL}
    assert set(found["condition"]) <= {"", *code.values()}
    grams = [write_gram(tmp_path / name, flat) for name, _, _ in TWO]
    assert set(spectrograms(grams, blind, settings | {"anchors": anchors})["part"]) == {MEAN}


def test_nobody_with_coupling_leaves_an_empty_table(tmp_path):
    plan, settings = given(TWO)
    empty = tmp_path / "coupling.nc"
    empty.write_bytes(b"")
    assert comodulograms([empty], plan, settings).empty
    assert spectrograms([(empty, empty)], plan, settings).empty


# -- spectrograms ----------------------------------------------------------------------------------


def test_sessions_of_no_condition_leave_no_map(tmp_path):
    """Recordings without a dose: there is coupling, and nobody to compare."""
    plan, settings = given(TWO)
    settings = settings | {"anchors": []}
    cells = {("baseline", HOME): 0.01, ("acute", HOME): 0.02}
    paths = [write_coupling(tmp_path / name, cells) for name, _, _ in TWO]
    table = comodulograms(paths, plan, settings)
    assert set(table["part"]) <= {"baseline"}
    grams = [write_gram(tmp_path / name, lambda place, minute: 0.0) for name, _, _ in TWO]
    assert spectrograms(grams, plan, settings).empty


def test_points_and_rows_are_few_enough():
    assert point_width(-600, 600, 10) == 30  # 40 points
    assert point_width(-1800, 7200, 10) == 120  # 75
    assert point_width(-600, 600, 25) == 50  # whole bins
    edges = row_edges()
    assert (edges[0], edges[-1]) == (0.5, 200.5) and 30 < len(edges) <= 49
    assert (np.diff(edges) >= 1).all() and (edges % 1 == 0.5).all()


def drawn(table, **where):
    for name, value in where.items():
        table = table[table[name] == value]
    return table


@pytest.fixture(scope="module")
def grams(tmp_path_factory):
    """psilocybin adds 2 dB in r1 and 6 in r2, in the home cage; r2 visits the places reversed."""
    folder = tmp_path_factory.mktemp("grams")
    plan, settings = given(TWO)
    paths = []
    for name, rat, drug in TWO:
        more = {"r1": 2.0, "r2": 6.0}[rat] if drug == "psilocybin" else 1.0
        paths.append(
            write_gram(folder / name, lambda place, minute, more=more: more * (place == HOME),
                       order=PLACES if rat == "r1" else PLACES[::-1])
        )  # fmt: skip
    return spectrograms(paths, plan, settings)


def test_a_point_of_a_context_rests_on_those_who_were_there(grams):
    """Home cage after the dose: r1 until minute 2.5, r2 from then on."""
    own = drawn(grams, level=HOME, condition="psilocybin", part=MEAN)
    first = own.groupby("minute")[["db", "n_units"]].first()
    assert first.loc[1.25].tolist() == pytest.approx([2, 1])
    assert first.loc[3.25].tolist() == pytest.approx([6, 1])
    assert own.groupby("minute")["db"].agg(np.ptp).max() < 1e-5  # alike in all rows


def test_everywhere_each_point_is_held_against_its_own_contexts_baseline(grams):
    """Contexts differ by 7 dB at any time: none of that is left."""
    everywhere = drawn(grams, level="all contexts", part=MEAN)
    vehicle = drawn(everywhere, condition="vehicle").groupby("minute")["db"].first()
    assert vehicle[-2.25] == pytest.approx(0, abs=1e-5)
    assert vehicle[1.25] == pytest.approx(0.5, abs=1e-5)  # 1 dB in r1, none in r2
    difference = drawn(grams, level="all contexts", part=DIFFERENCE)
    at = difference.groupby("minute")[["db", "n_units"]].first()
    assert at.loc[1.25].tolist() == pytest.approx([0.5, 2], abs=1e-5)  # 2 - 1 in r1, 0 in r2
    assert at.loc[4.25].tolist() == pytest.approx([2.5, 2], abs=1e-5)  # 0 in r1, 6 - 1 in r2


def test_regions_have_baselines_of_their_own(tmp_path):
    """CA1 is a hundred times as strong as mPFC at all times: neither changes."""
    plan, settings = given(TWO)
    paths = []
    for name, _, _ in TWO:
        paths.append(write_gram(tmp_path / name, flat, regions={"mPFC": 1.0, "CA1": 100.0}))
    found = spectrograms(paths, plan, settings)
    assert set(found["region"]) == {"mPFC", "CA1"}
    np.testing.assert_allclose(found["db"], 0, atol=1e-5)


def test_handling_has_no_row(grams):
    assert set(grams["handling_from"]) == {-0.5} and set(grams["handling_to"]) == {0.5}
    assert not grams["minute"].between(-0.5, 0.5).any()
    assert grams["minute"].min() == -4.75 and grams["minute"].max() == 4.75


def test_a_session_that_is_missing_takes_its_difference_with_it(tmp_path):
    """r2's vehicle session failed: the difference is r1's alone, the drug's mean has both."""
    plan, settings = given(TWO)
    paths = [
        write_gram(tmp_path / name, lambda place, minute, drug=drug: 3.0 * (drug != "vehicle"))
        for name, _, drug in TWO
    ]
    for path in paths[2]:
        path.write_bytes(b"")
    found = drawn(spectrograms(paths, plan, settings), condition="psilocybin", level="all contexts")
    n = found[found["minute"] > 0].groupby("part")["n_units"].first()
    assert n.to_dict() == {MEAN: 2, DIFFERENCE: 1}


def test_points_need_half_of_their_time_and_mains_are_left_out(tmp_path):
    """Of columns 42 to 44 one is clean, of 45 to 47 two."""
    plan, settings = given(TWO[:1])
    paths = [write_gram(tmp_path / TWO[0][0], flat, bad=[42, 43, 45])]
    found = spectrograms(paths, plan, settings | {"line_noise_hz": 50.0})
    minutes = set(found["minute"])
    assert 2.25 not in minutes and 2.75 in minutes
    rows_hz = found[["low_hz", "high_hz"]].drop_duplicates()
    # no row lies within 2 Hz of the mains; those that overlap that hold the rest
    assert not ((rows_hz["low_hz"] >= 47.5) & (rows_hz["high_hz"] <= 52.5)).any()


def test_a_baseline_that_is_too_short_is_none(tmp_path):
    plan, settings = given(TWO[:1], minimum_epoch_s=140.0)
    # home: 150 s of baseline, two columns lost; field: 120 s before the handling
    paths = [write_gram(tmp_path / TWO[0][0], flat, bad=[0, 1])]
    assert spectrograms(paths, plan, settings).empty
