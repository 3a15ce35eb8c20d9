"""Units of sessions to tables of the cohort: what was planted comes out, animal by animal."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import spikes_example as example
from scipy import stats
from spikes_example import CALLS, DOSE_S, FACTORS, NAMES, RATES, make, write_session

from pipeline.spikes.modulation import benjamini_hochberg
from pipeline.steps.spike_tables import TYPES, label_at, read_modulation, unit_rates
from pipeline.steps.spikes import EVERYWHERE

LOST = "r4_1"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Five rats under two drugs; one session has no units."""
    folder = tmp_path_factory.mktemp("spikes")
    return folder, make(folder, without=(LOST,))


def read(path):
    if path.endswith(".parquet"):
        return pd.read_parquet(path)
    return pd.read_csv(path, sep="\t", keep_default_na=False, na_values=[""])


def only(table, /, **keys):
    for name, value in keys.items():
        table = table[table[name] == value]
    return table


# -- sessions ----------------------------------------------------------------------------------


def test_a_session_leaves_a_row_per_unit_and_cell(found):
    folder, _ = found
    table = read_modulation(folder / "r1_1" / "modulation.tsv")
    assert list(table) == list(TYPES["modulation"])
    assert table["unit_id"].tolist() == NAMES * 2  # two contexts after the dose, none before it
    assert (
        table.drop_duplicates("context")[["session", "anchor", "phase"]].values.tolist()
        == [["r1_1", "r1_1.1", "acute"]] * 2
    )
    assert table["call"].tolist() == CALLS.tolist() * 2
    assert table["after_hz"].tolist() == pytest.approx((RATES * FACTORS).tolist() * 2)


def test_locked_is_judged_within_band_and_cell(found):
    folder, _ = found
    table = pd.read_parquet(folder / "r0_0" / "locking.parquet")
    cell = only(table, phase="acute", context="open_field", band="theta")
    assert cell["q"].tolist() == pytest.approx(benjamini_hochberg(cell["block_p"]).tolist())
    assert cell.loc[cell["locked"], "region"].unique().tolist() == ["CA1"]
    assert not only(table, band="low_gamma")["locked"].any()


def test_a_unit_without_a_p_is_not_locked(tmp_path, monkeypatch):
    found = example.locking()
    p = found.block_p.copy()
    p[0] = np.nan
    thin = SimpleNamespace(**{**vars(found), "block_p": p})
    monkeypatch.setattr(example, "locking", lambda names: thin)
    paths = write_session(tmp_path / "s", "r", "vehicle")
    table = pd.read_parquet(paths["locking"])
    first = only(table, unit_id="u0")
    assert first["q"].isna().all() and not first["locked"].any()
    assert only(table, unit_id="u11", band="theta")["locked"].all()


def test_responses_keep_bins_that_nobody_saw_as_missing(found):
    folder, _ = found
    table = pd.read_parquet(folder / "r0_0" / "responses.parquet")
    late = only(table, event="choice", time_s=example.TIME_S[-1])
    assert len(late) == 2 * len(NAMES) and late["rate_hz"].isna().all()
    assert only(table, event="cue")["n_events"].unique().tolist() == [40]


def test_rates_over_time_are_counts_over_recorded_seconds(found):
    folder, _ = found
    table = pd.read_parquet(folder / "r2_1" / "unit_rates.parquet")
    assert list(table) == list(TYPES["unit_rates"])
    assert table["bin_s"].unique().tolist() == [10.0]
    assert table["bin_start_s"].min() == -DOSE_S and table["bin_start_s"].max() == 590.0
    unit = only(table, unit_id="u0")
    train = example.trains("psilocybin")[0]
    expected = np.histogram(train - DOSE_S, np.arange(-DOSE_S, 601.0, 10.0))[0]
    assert unit["n_spikes"].tolist() == expected.tolist()
    assert unit["rate_hz"].tolist() == pytest.approx((expected / 10).tolist())
    handled = unit.loc[unit["handling"], "bin_start_s"]
    assert handled.tolist() == [-30.0, -20.0, -10.0, 0.0, 10.0, 20.0]
    place = dict(zip(unit["bin_start_s"], zip(unit["phase"], unit["context"], strict=True),
                     strict=True))  # fmt: skip
    assert place[-600.0] == ("baseline", "home_cage")
    assert place[-310.0] == ("baseline", "home_cage") and place[-300.0][1] == "open_field"
    assert place[0.0] == ("", "") and place[590.0] == ("acute", "open_field")


def test_an_hour_has_bins_of_a_minute_and_a_bin_at_the_edge_its_own_seconds():
    session = example.spike_session("vehicle")
    session.data.recorded = np.array([[15.0, 4000.0]])
    table = unit_rates(session, example.measure_settings("s", "r"))
    assert table["bin_s"].unique().tolist() == [60.0]
    first = table[table["unit_id"] == "u0"].iloc[0]
    assert (first["bin_start_s"], first["seconds"]) == (-600.0, 45.0)
    assert first["n_spikes"] == 45  # one per second, from 15.01 s on
    # of the last bin, 3960 to 4020 s, 40 s were recorded: more than half
    assert table["bin_start_s"].max() == 3960 - DOSE_S


def test_a_session_without_a_dose_counts_from_its_start():
    settings = example.measure_settings("s", "r") | {"epochs": [], "administrations_s": []}
    table = unit_rates(example.spike_session("vehicle"), settings)
    assert table["anchor"].unique().tolist() == [""] and table["bin_start_s"].min() == 0.0
    assert not table["handling"].any()


def test_a_second_dose_keeps_the_baseline_before_the_first_one():
    settings = example.measure_settings("s", "r")
    second = [
        {**epoch, "anchor": "s.2", "step": 2, "since_dose_zero_s": 900.0}
        for epoch in settings["epochs"] if epoch["phase"] == "baseline" or epoch["start_s"] == 900
    ]  # fmt: skip
    settings["epochs"] = [e for e in settings["epochs"] if e["start_s"] != 900] + second
    settings["administrations_s"] = [DOSE_S, 900.0]
    table = unit_rates(example.spike_session("vehicle"), settings)
    unit = only(table, unit_id="u3", anchor="s.2")
    assert unit.loc[unit["shown"], "bin_start_s"].min() == DOSE_S - 900
    hidden = unit[~unit["shown"]]
    assert set(hidden["phase"]) == {"baseline"} and hidden["bin_start_s"].tolist() == [
        start - 900 for start in np.arange(0, 570, 10.0)
    ]
    assert (hidden["n_spikes"] == 40).all() and unit["bin_start_s"].is_monotonic_increasing
    first = only(table, unit_id="u3", anchor="s.1")
    assert first["shown"].all() and first["bin_start_s"].max() == 290.0


def test_labels_are_those_at_the_middle_of_a_bin():
    bins = np.array([[0.0, 10.0], [10.0, 20.0], [20.0, 30.0]])
    labels = label_at(bins, [("a", None, 5.0), ("b", 5.0, 24.0)])
    assert labels.tolist() == ["b", "b", ""]


def test_a_session_without_units_leaves_empty_files(found):
    folder, _ = found
    assert {path.read_bytes() for path in (folder / LOST).iterdir()} == {b""}
    assert len(list((folder / LOST).iterdir())) == len(TYPES)


# -- cohort ------------------------------------------------------------------------------------


def test_units_get_their_condition_in_the_cohort_only(found):
    folder, out = found
    assert "condition" not in read_modulation(folder / "r0_0" / "modulation.tsv")
    table = read(out.modulation)
    assert len(table) == 9 * 2 * len(NAMES)
    drugs = {session: drug for session, _, drug in example.sessions()}
    assert (table["condition"] == table["session"].map(drugs)).all()
    assert LOST not in set(table["session"])
    assert (read(out.locking)["condition"] == "vehicle").sum() == 5 * 4 * len(NAMES) * 2


def test_fractions_are_counts_of_an_animals_units(found):
    _, out = found
    table = read(out.fractions)
    hit = only(table, part="animal", condition="psilocybin", region="mPFC", context="home_cage")
    assert sorted(hit["animal"]) == ["r0", "r1", "r2", "r3"]
    assert hit["up"].tolist() == pytest.approx([3 / 7] * 4)
    assert hit["down"].tolist() == pytest.approx([1 / 7] * 4)
    assert hit[["n_up", "n_none", "n_down", "n_units"]].values.tolist() == [[3, 3, 1, 7]] * 4
    mean = only(table, part="mean", condition="vehicle", region="CA1")
    assert mean["none"].tolist() == [1.0, 1.0] and mean["none_n"].tolist() == [5, 5]


def test_intervals_are_over_animals_not_units(found, tmp_path):
    folder, _ = found
    paths = []
    for session, *_ in example.sessions():
        own = {name: folder / session / path.name for name, path in
               zip(TYPES, sorted_paths(folder / session), strict=True)}  # fmt: skip
        paths.append(own)
    # one animal has twice the locking of the others
    for own in paths:
        if own["locking"].parent.name == "r0_0":
            table = pd.read_parquet(own["locking"])
            changed = tmp_path / "locking.parquet"
            table.assign(ppc_corrected=2 * table["ppc_corrected"]).to_parquet(changed)
            own["locking"] = changed
    out = example.run(tmp_path, paths)
    table = only(read(out.locking_bands), condition="vehicle", region="CA1", band="theta",
                 context="open_field", phase="acute")  # fmt: skip
    values = table.loc[table["part"] == "animal", "ppc"]
    assert sorted(values) == pytest.approx([0.08] * 4 + [0.16])
    low, high = stats.ttest_1samp(values, 0).confidence_interval()
    (mean,) = table[table["part"] == "mean"].to_dict("records")
    assert (mean["ppc"], mean["ppc_low"], mean["ppc_high"]) == pytest.approx(
        (values.mean(), low, high), rel=1e-7
    )
    assert mean["ppc_n"] == 5


def sorted_paths(folder):
    return [folder / f"{name}{'.tsv' if name == 'modulation' else '.parquet'}" for name in TYPES]


def test_preferred_phases_are_those_of_locked_units(found):
    _, out = found
    table = only(read(out.locking_bands), part="animal", phase="acute", context="home_cage")
    theta = only(table, region="CA1", band="theta")
    assert theta["x"].tolist() == pytest.approx([0] * 9, abs=1e-9)
    assert theta["y"].tolist() == pytest.approx([1] * 9)
    assert theta["n_locked"].tolist() == [5] * 9
    nothing = only(table, region="mPFC")
    assert nothing["x"].isna().all() and (nothing["n_locked"] == 0).all()


def test_rates_around_events_are_counted_from_before_the_cue(found):
    _, out = found
    table = only(read(out.event_rates), condition="vehicle", region="CA1", phase="acute")
    cue = only(table, event="cue", part="mean")
    inside = (cue["time_s"] > 0) & (cue["time_s"] < 0.5)
    assert cue.loc[inside, "change_hz"].tolist() == pytest.approx([4.0] * 10)
    assert cue.loc[~inside, "change_hz"].tolist() == pytest.approx([0.0] * 50)
    assert cue.loc[~inside, "rate_hz"].tolist() == pytest.approx([RATES[7:].mean()] * 50)
    late = only(table, event="choice", time_s=example.TIME_S[-1])
    assert late["change_hz"].isna().all()
    animals = only(table, event="choice", part="animal")
    assert set(animals["n_units"]) == {5} and set(animals["n_events"]) == {36}


def test_autocorrelograms_are_means_of_units(found):
    _, out = found
    table = only(read(out.autocorrelograms), part="mean", condition="vehicle", phase="acute",
                 context="open_field")  # fmt: skip
    rhythm = only(table, region="CA1").sort_values("lag_s")
    assert rhythm["ratio"].tolist() == pytest.approx(
        (1 + 0.2 * np.cos(2 * np.pi * 8 * rhythm["lag_s"])).tolist()
    )
    assert only(table, region="mPFC")["ratio"].tolist() == pytest.approx([1.0] * 100)


def test_rates_over_baseline_recover_what_was_planted(found):
    _, out = found
    table = read(out.unit_rates)
    hit = only(table, condition="psilocybin", session="r0_1")
    assert hit["width_min"].unique().tolist() == pytest.approx([1 / 3])
    for context in ("home_cage", "open_field", EVERYWHERE):
        after = hit[(hit["context"] == context) & (hit["minute"] > 0)]
        means = after.groupby("unit_id")["log2_over_baseline"].mean()
        for unit, factor in zip(NAMES, FACTORS, strict=True):
            assert means[unit] == pytest.approx(np.log2(factor), abs=0.05)
        first = after.drop_duplicates("unit_id").set_index("unit_id")["after_log2"]
        assert first.to_dict() == pytest.approx(means.to_dict())
    # contexts do not reach into each other, and handling is left out
    home = hit[hit["context"] == "home_cage"]["minute"]
    assert home[home > 0].max() < 300 / 60 and not ((home > -0.5) & (home < 0.5)).any()


def test_the_declared_baseline_context_serves_all(found, tmp_path):
    folder, _ = found
    rows = pd.read_parquet(folder / "r0_0" / "unit_rates.parquet")
    twice = rows["context"].eq("open_field") & rows["phase"].eq("baseline")
    rows.loc[twice, "n_spikes"] *= 2
    from pipeline.experiment.plan import AnalysisPlan
    from pipeline.steps.spikes import rates_around

    settings = example.settings()
    plan = AnalysisPlan.model_validate(settings["plan"])
    own = rates_around(rows, settings, plan)
    after = own[(own["context"] == "open_field") & (own["minute"] > 0)]
    assert after["log2_over_baseline"].mean() == pytest.approx(-1, abs=0.02)
    declared = plan.model_copy(update={"baseline_context": "home_cage"})
    shared = rates_around(rows, settings, declared)
    after = shared[(shared["context"] == "open_field") & (shared["minute"] > 0)]
    assert after["log2_over_baseline"].mean() == pytest.approx(0, abs=0.02)


def test_a_context_that_ends_before_the_dose_stays(found):
    folder, _ = found
    from pipeline.experiment.plan import AnalysisPlan
    from pipeline.steps.spikes import rates_around

    settings = example.settings()
    rows = pd.read_parquet(folder / "r0_0" / "unit_rates.parquet")
    rows = rows[(rows["context"] != "home_cage") | (rows["bin_start_s"] < 0)]
    table = rates_around(rows, settings, AnalysisPlan.model_validate(settings["plan"]))
    home = table[table["context"] == "home_cage"]
    assert home["unit_id"].nunique() == len(NAMES) and home["after_log2"].isna().all()
    from pipeline.report.spikes_maps import map_matrix, map_table

    assert map_matrix(home, (-10.0, 10.0), 1 / 6).shape == (len(NAMES), 60)
    assert len(map_table(home)) == len(NAMES)


def test_regions_with_few_units_are_missing_cells(found, tmp_path):
    folder, _ = found
    plan = example.settings()["plan"] | {"minimum_units": 6}
    paths = [dict(zip(TYPES, sorted_paths(folder / s), strict=True))
             for s, *_ in example.sessions()]  # fmt: skip
    out = example.run(tmp_path, paths, plan=plan)
    for name in ("fractions", "locking_bands", "event_rates", "autocorrelograms"):
        assert set(read(getattr(out, name))["region"]) == {"mPFC"}, name
    assert set(read(out.modulation)["region"]) == {"mPFC", "CA1"}  # units are shown


def test_codes_stand_where_conditions_are_hidden(found, tmp_path):
    folder, _ = found
    coded = [row | {"condition": "A" if row["condition"] == "vehicle" else "B", "drug": ""}
             for row in example.settings()["anchors"]]  # fmt: skip
    paths = [dict(zip(TYPES, sorted_paths(folder / s), strict=True))
             for s, *_ in example.sessions()]  # fmt: skip
    out = example.run(tmp_path, paths, anchors=coded)
    for path in vars(out).values():
        content = read(path).astype(str).to_csv()
        assert "psilocybin" not in content and "vehicle" not in content, path


def test_a_cohort_without_units_has_empty_tables(tmp_path):
    names = tuple(session for session, *_ in example.sessions())
    out = make(tmp_path, without=names)
    for name, path in vars(out).items():
        table = read(path)
        assert len(table) == 0 and len(table.columns) > 3, name


def test_quality_of_all_units_is_one_table(tmp_path):
    for session in ("r0_0", "r0_1"):
        (tmp_path / session).mkdir()
        rows = pd.DataFrame({"unit_id": ["1", "NA"], "region": "mPFC", "kept": ["True", "False"],
                             "reason": ["", "contaminated"]})  # fmt: skip
        rows.to_csv(tmp_path / session / "units.tsv", sep="\t", index=False)
    from pipeline.steps.spikes import _quality

    (tmp_path / "empty.tsv").write_bytes(b"")
    table = _quality([str(tmp_path / "r0_0/units.tsv"), str(tmp_path / "empty.tsv"),
                      str(tmp_path / "r0_1/units.tsv")])  # fmt: skip
    assert table["session"].tolist() == ["r0_0", "r0_0", "r0_1", "r0_1"]
    assert table["unit_id"].tolist() == ["1", "NA"] * 2
