"""Time courses: what a session leaves, and what the cohort makes of it; planted truth and null."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from cohorts import PLACES, two_levels
from scipy import stats
from time_course_example import DRUGS, bins_of, cohort, fading, planted, settings_of, step

from pipeline.compare.clusters import cluster_test
from pipeline.compare.partial_clusters import NOWHERE, partial_cluster_test
from pipeline.lfp.signal import write_lfp
from pipeline.report.curve_words import EVERYWHERE, POWER, SPEED
from pipeline.steps.cohort_time_courses import compared, time_courses
from pipeline.steps.session_data import Quality, SessionData
from pipeline.steps.time_courses import COLUMNS, session_spectra, write_time_course, zeros_of

RATE = 250.0
OPTIONS = {
    "lfp": {
        "bands": {"theta": [6, 10], "gamma": [40, 60]},
        "half_bandwidth_hz": 1.0,
        "time_course": {"bin_s": 10.0, "before_s": 60.0, "after_s": 120.0},
    },
    "recording": {"line_noise_hz": None},
}


def epoch(context, phase, start, stop, anchor="A.1", step=1, zero=103.0):
    return {
        "context": context, "phase": phase, "interval": 1, "start_s": start, "stop_s": stop,
        "anchor": anchor, "step": step, "since_dose_zero_s": zero,
    }  # fmt: skip


SETTINGS = {
    "options": OPTIONS,
    "epochs": [
        epoch("home", "baseline", None, 80.0),
        epoch("field", "acute", 130.0, None),
    ],
    "contexts": [
        {"context": "home", "start_s": None, "stop_s": 100.0},
        {"context": "field", "start_s": 106.0, "stop_s": None},
    ],
    "administrations_s": [103.0],
    "handling_s": [-20.0, 20.0],
    "baseline_phase": "baseline",
}


def measured(folder, *, settings=SETTINGS, seconds=200.0, artefacts=(), movement=True, lfp=True):
    """Run the writer on white noise of two regions; speed 1 before and 5 after the dose."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / name for name in ("lfp", "movement")}
    for path in paths.values():
        path.write_bytes(b"")
    if lfp:
        values = np.random.default_rng(0).normal(size=(round(seconds * RATE), 2))
        names = ["a", "b"]
        write_lfp(
            paths["lfp"], [values.astype("f4")], n_samples=len(values), rate_hz=RATE,
            channels=names, region={"a": "mPFC", "b": "CA1"},
        )  # fmt: skip
    if movement:
        time = np.arange(0.0, seconds, 0.1)
        speed = np.where(time < 103, 1.0, 5.0)
        speed[(time >= 153) & (time < 159)] = np.nan
        table = pd.DataFrame({"time_s": time, "speed_cm_s": speed})
        table.to_parquet(paths["movement"])
    data = SessionData(paths, settings["options"])
    quality = Quality(np.reshape(artefacts, (-1, 2)).astype(float))
    out = folder / "timecourse.parquet"
    write_time_course(session_spectra(data, quality, settings), data, settings, out)
    return pd.read_parquet(out) if out.stat().st_size else None


# -- session ---------------------------------------------------------------------------------------


def test_a_session_leaves_a_row_per_bin_region_and_band(tmp_path):
    table = measured(tmp_path, artefacts=[(63.0, 74.0)])
    assert dict(table.dtypes.astype(str)) == COLUMNS
    table = table[table["shown"]]
    one = table[(table["region"] == "mPFC") & (table["band"] == "theta")].set_index("bin_start_s")
    assert len(table) == 4 * len(one)
    # -60 to +97 s of the recording; [63, 73) is lost
    assert one.index.tolist() == [-60, -50, -30, -20, -10, *range(0, 100, 10)]
    assert one["seconds"].tolist() == [10, 10, 7.5, 10, 10, *[10] * 9, 5]
    assert one["context"].tolist() == [*["home"] * 4, "home", *["field"] * 10]
    assert one["phase"].tolist() == [*["baseline"] * 3, *[""] * 5, *["acute"] * 7]
    # [-20, 20) is cut out of phases: it stays in, and is marked
    assert one.index[one["handling"]].tolist() == [-20, -10, 0, 10]
    assert set(one["anchor"]) == {"A.1"} and set(one["step"]) == {1}
    speed = one["speed_cm_s"]
    assert speed[-60] == pytest.approx(1) and speed[20] == pytest.approx(5)
    assert np.isnan(speed[50])  # six of its seconds are unknown
    assert (table["power"] > 0).all()


def test_the_whole_baseline_is_left_beside_the_time_course(tmp_path):
    """The bins begin 60 s before the dose, the baseline with the recording, 103 s before."""
    table = measured(tmp_path)
    beside = table[~table["shown"]]
    assert sorted(set(beside["bin_start_s"])) == [-100, -90, -80, -70]
    assert set(beside["phase"]) == {"baseline"} and set(beside["context"]) == {"home"}
    everything = SETTINGS | {"options": OPTIONS | {"lfp": OPTIONS["lfp"] | {
        "time_course": {"bin_s": 10.0, "before_s": 100.0, "after_s": 120.0}}}}  # fmt: skip
    wide = measured(tmp_path / "wide", settings=everything)
    assert wide["shown"].all()
    kept = [column for column in COLUMNS if column != "shown"]
    pd.testing.assert_frame_equal(table[kept], wide[kept])


def test_a_context_visited_long_before_the_dose_keeps_its_curve():
    """Its baseline lies before the minutes that are shown: these are the same either way."""
    rng = np.random.default_rng(0)
    sessions = [(f"r{k}_{drug}", f"r{k}", drug) for k in range(5) for drug in DRUGS]
    tables = []
    for session, _, drug in sessions:
        table = bins_of(session, drug, PLACES, step, rng)
        early, late = table["bin_start_s"] < -1800, table["bin_start_s"].between(-1800, -1)
        home = table["context"] == PLACES[0]
        tables.append(table[(early & home) | (late & ~home) | (table["bin_start_s"] >= 0)])
    whole = compared(tables, two_levels(), settings_of(sessions)).means
    cut = [table.assign(shown=table["bin_start_s"] >= -1800) for table in tables]
    part = compared(cut, two_levels(), settings_of(sessions)).means
    assert part["axis"].min() == -29.5 and whole["axis"].min() < -30
    assert set(part.loc[part["measure"] == POWER, "level"]) >= set(PLACES)
    expected = whole[whole["axis"] > -30].reset_index(drop=True)
    pd.testing.assert_frame_equal(part.reset_index(drop=True), expected)


def test_a_bin_between_two_contexts_belongs_to_neither(tmp_path):
    places = [
        {"context": "home", "start_s": None, "stop_s": 108.0},
        {"context": "field", "start_s": 108.0, "stop_s": None},
    ]
    table = measured(tmp_path, settings=SETTINGS | {"contexts": places})
    at = table.drop_duplicates("bin_start_s").set_index("bin_start_s")["context"]
    assert (at[-10], at[0], at[10]) == ("home", "", "field")


def test_a_second_administration_ends_the_bins_of_the_first(tmp_path):
    epochs = [
        *SETTINGS["epochs"],
        epoch("field", "acute", 173.0, None, anchor="A.2", step=2, zero=153.0),
    ]
    settings = SETTINGS | {"epochs": epochs, "administrations_s": [103.0, 153.0]}
    table = measured(tmp_path, settings=settings)
    table = table[table["shown"]]
    bins = table.groupby("anchor")["bin_start_s"].agg(["min", "max"])
    assert bins.loc["A.1"].tolist() == [-60, 40]
    assert bins.loc["A.2"].tolist() == [-50, 40]
    late = table[(table["anchor"] == "A.1") & table["handling"]]
    assert sorted(set(late["bin_start_s"])) == [-20, -10, 0, 10, 30, 40]
    assert [zero.step for zero in zeros_of(settings)] == [1, 2]


def test_what_a_session_lacks_is_left_out(tmp_path):
    assert measured(tmp_path / "a", lfp=False) is None
    no_dose = SETTINGS | {"epochs": [epoch("home", "all", None, None, zero=None)]}
    assert measured(tmp_path / "b", settings=no_dose) is None
    days = SETTINGS | {"epochs": [epoch("home", "day+1", None, None, zero=-86400.0)]}
    assert measured(tmp_path / "c", settings=days) is None
    assert measured(tmp_path / "d", movement=False)["speed_cm_s"].isna().all()


def test_measure_is_told_times_and_no_drug():
    from pathlib import Path

    from pipeline.steps.outcomes_check import load_checked
    from pipeline.steps.settings import measure_settings

    config = Path(__file__).parents[1] / "config" / "config.yaml"
    experiment = load_checked(config)
    settings = measure_settings(experiment, experiment.included[0])
    assert settings["administrations_s"] == [600.0] and settings["handling_s"] == [-30.0, 30.0]
    said = json.dumps({k: v for k, v in settings.items() if k not in ("code", "options")})
    for name in ("saline", "psilocybin", "ketamine", "MDMA", "vehicle", "mg"):
        assert name.lower() not in said.lower()


# -- clusters with gaps ----------------------------------------------------------------------------


def walks(n, seed, points=60, drift=0.4):
    return np.random.default_rng(seed).normal(size=(n, points)).cumsum(axis=1) * 0.2 + drift


@pytest.mark.parametrize("n", [5, 6, 8, 12])
def test_without_gaps_it_is_the_other_cluster_test(n):
    curves = walks(n, seed=n, drift=0.8)
    mine, other = (test([curves], seed=0) for test in (partial_cluster_test, cluster_test))
    assert len(other.clusters) > 0
    for one, its in zip(mine.clusters, other.clusters, strict=True):
        assert (one.first, one.last, one.p) == (its.first, its.last, its.p)
        assert (one.mass, one.estimate) == pytest.approx((its.mass, its.estimate), rel=1e-9)
    assert (mine.floor, mine.threshold, mine.n) == (other.floor, other.threshold, other.n)


def test_two_groups_without_gaps_agree_within_drawing():
    groups = [walks(7, 1, drift=1.0), walks(8, 2, drift=0.0)]
    mine, other = (test(groups, seed=0) for test in (partial_cluster_test, cluster_test))
    assert len(other.clusters) > 0
    for one, its in zip(mine.clusters, other.clusters, strict=True):
        assert (one.first, one.last) == (its.first, its.last)
        assert one.mass == pytest.approx(its.mass, rel=1e-9)
        # both draw 2000 permutations
        assert one.p == pytest.approx(its.p, abs=4 * np.sqrt(2 * its.p * (1 - its.p) / 2000) + 1e-3)


def gappy(rng, n, points=40, place=0.7):
    """Noise with a level of its own per animal; each animal is away for a third of the time."""
    curves = rng.normal(size=(n, points)) + place * rng.normal(size=(n, 1))
    for row in curves:
        first = 13 * rng.integers(0, 3)
        row[first : first + 13] = np.nan
    return curves


@pytest.mark.parametrize(("sizes", "repeats"), [((9,), 400), ((8, 8), 120)])
def test_gaps_keep_the_level(sizes, repeats):
    rng = np.random.default_rng(11)
    rejected = sum(
        partial_cluster_test([gappy(rng, n) for n in sizes], seed=0).p < 0.05
        for _ in range(repeats)
    )
    assert 1 <= rejected <= stats.binom.ppf(0.995, repeats, 0.05)


def test_a_point_needs_five_animals_and_no_cluster_crosses_a_gap():
    curves = 2 + 0.1 * np.random.default_rng(0).normal(size=(8, 20))
    curves[:4, 8:11] = np.nan
    curves[7, 15] = np.nan
    found = partial_cluster_test([curves], seed=0)
    assert [(one.first, one.last) for one in found.clusters] == [(0, 7), (11, 19)]
    assert not found.used[8:11].any() and found.used[15]
    where = np.arange(20) >= 12
    late = partial_cluster_test([curves], seed=0, where=where)
    assert [(one.first, one.last) for one in late.clusters] == [(12, 19)]
    few = partial_cluster_test([curves[:4]], seed=0)
    assert few.problem == NOWHERE and np.isnan(few.p)


# -- cohort ----------------------------------------------------------------------------------------


def hits(found):
    return found.clusters[found.clusters["p"] < 0.05]


def test_a_planted_step_is_found_in_its_minutes():
    found = planted()
    hit = hits(found)
    hit = hit[hit["level"] == EVERYWHERE]
    assert len(hit) == 1
    assert (hit["start"].iloc[0], hit["stop"].iloc[0]) == (20.5, 59.5)
    assert hit["estimate"].iloc[0] == pytest.approx(2.0, abs=0.15)
    means = found.means[(found.means["measure"] == POWER) & (found.means["level"] == EVERYWHERE)]
    drug = means[means["condition"] == "psilocybin"].set_index("axis")["mean"]
    assert drug[-10.5] == pytest.approx(0, abs=0.2) and drug[30.5] == pytest.approx(2, abs=0.2)
    assert drug.index[0] == -39.5 and drug.index[-1] == 59.5


def test_a_fading_effect_is_found_early_and_where_it_is():
    found = cohort(fading)
    hit = hits(found)
    assert set(hit["level"]) == {PLACES[1], EVERYWHERE}
    field = hit[hit["level"] == PLACES[1]]
    # the open field is visited at 10 to 20, 30 to 40 and 50 to 60 min: 2 to 1, 0.5 to 0.25 dB
    assert field["start"].min() == 10.5 and field["stop"].iloc[0] == 19.5
    assert field["estimate"].iloc[0] == pytest.approx(1.43, abs=0.25)
    home = found.means[(found.means["level"] == PLACES[0]) & (found.means["measure"] == POWER)]
    after = home[(home["axis"] > 2) & (home["condition"] == "psilocybin")]
    assert after["mean"].abs().max() < 0.4
    # a context has the minutes in which animals were there, and no others
    assert set(np.floor(after["axis"] / 10)) == {0, 2, 4}


def test_handling_is_shown_and_neither_tested_nor_baseline():
    found = planted()
    tested = found.clusters[found.clusters["level"] == EVERYWHERE]
    assert set(tested["from"]) == {2.5} and set(tested["to"]) == {59.5}
    means = found.means[(found.means["level"] == EVERYWHERE) & (found.means["measure"] == POWER)]
    at = means[means["condition"] == "vehicle"].set_index("axis")["mean"]
    assert at[-0.5] == pytest.approx(10 * np.log10(50), abs=0.4)
    assert at[-20.5] == pytest.approx(0, abs=0.3)


def test_minutes_that_some_animals_lack():
    """Orders counterbalanced over animals: each minute of a context has half of the animals."""
    found = cohort(step, n=12, orders="by animal")
    hit = hits(found)
    assert {PLACES[0], PLACES[1], EVERYWHERE} == set(hit["level"])
    assert (hit["start"] >= 20).all() and hit["stop"].max() == 59.5
    means = found.means[(found.means["measure"] == POWER) & (found.means["level"] == PLACES[0])]
    assert set(means["n_units"]) == {6}
    # with four animals at a time nothing is tested in a context, and that is said
    few = cohort(step, n=8, orders="by animal").clusters
    assert few.loc[few["level"].isin(PLACES), "note"].str.contains(NOWHERE, regex=False).all()
    assert few.loc[few["level"] == EVERYWHERE, "p"].notna().any()


def test_a_minute_lost_in_one_animal_does_not_break_the_cluster():
    found = cohort(step, lost=lambda k, drug: (30, 31) if k == 3 else ())
    hit = hits(found)
    hit = hit[hit["level"] == EVERYWHERE]
    assert hit[["start", "stop"]].values.tolist() == [[20.5, 59.5]]
    means = found.means[(found.means["measure"] == POWER) & (found.means["level"] == EVERYWHERE)]
    assert set(means.loc[means["axis"] == 30.5, "n_units"]) == {7}


def test_a_session_without_its_baseline_in_a_context_lacks_that_context():
    lost = range(-40, -2)
    found = cohort(
        step, lost=lambda k, drug: [m for m in lost if m // 10 % 2 == 1] if k == 0 else ()
    )
    means = found.means[found.means["measure"] == POWER]
    n = means.groupby("level")["n_units"].max()
    assert n[PLACES[0]] == 8 and n[PLACES[1]] == 7


def test_nothing_planted_keeps_the_level():
    repeats = 3
    rejected = tests = 0
    for seed in range(repeats):
        found = cohort(lambda *_: 0.0, seed=100 + seed).clusters
        first = found.drop_duplicates(["contrast", "level"])
        tested = first[first["test_p"].notna()]
        tests += len(tested)
        rejected += (tested["test_p"] < 0.05).sum()
    assert tests >= 2 * repeats
    assert rejected <= stats.binom.ppf(0.995, tests, 0.05)


def test_speed_is_described_and_not_tested():
    found = planted()
    speed = found.means[found.means["measure"] == SPEED]
    at = speed[(speed["level"] == EVERYWHERE)].groupby("axis")["mean"].mean()
    assert at[-10.5] == 2.0 and at[10.5] == 6.0
    assert set(found.clusters["measure"]) == {POWER}


def test_while_blind_there_are_means_and_no_clusters():
    plan = two_levels()
    blind = plan.model_copy(
        update={
            "conditions": tuple(
                c.model_copy(update={"reference": None, "is_reference": False})
                for c in plan.conditions
            ),
            "blind": True,
        }
    )
    found = cohort(step, plan=blind)
    assert len(found.means) and found.clusters.empty


def test_files_of_a_cohort_without_time_courses(tmp_path):
    (tmp_path / "s").mkdir()
    empty = tmp_path / "s" / "timecourse.parquet"
    empty.write_bytes(b"")
    names = ("timecourses", "timecourses_units", "timecourse_clusters")
    out = SimpleNamespace(**{name: str(tmp_path / name) for name in names})
    for files in ([str(empty)], []):
        time_courses(
            inputs=SimpleNamespace(timecourses=files),
            outputs=out,
            settings=settings_of([("s", "a", "vehicle")]),
        )
        means = pd.read_parquet(out.timecourses)
        assert means.empty and {"measure", "region", "band", "minute", "mean"} <= set(means)
        clusters = pd.read_csv(out.timecourse_clusters, sep="\t")
        assert clusters.empty and {"band", "start_min", "stop_min", "p"} <= set(clusters)


def test_results_do_not_depend_on_the_order_of_sessions():
    sessions = [(f"r{k}_{drug}", f"r{k}", drug) for k in range(5) for drug in DRUGS]
    rng = np.random.default_rng(2)
    tables = [bins_of(name, drug, PLACES, step, rng) for name, _, drug in sessions]
    one = compared(tables, two_levels(), settings_of(sessions))
    other = compared(tables[::-1], two_levels(), settings_of(sessions[::-1]))
    for name in ("means", "units", "clusters"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name))
