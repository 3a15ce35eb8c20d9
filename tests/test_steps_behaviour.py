"""Trials of sessions to tables of the cohort: every number can be counted again from trials."""

from __future__ import annotations

import gzip
from pathlib import Path

import behaviour_example as example
import numpy as np
import pandas as pd
import pytest
from behaviour_example import CONTEXT, SCHEME, cells_of, log_of, make, write_session
from scipy import stats

from pipeline.experiment.plan import AnalysisPlan
from pipeline.flexibility import SCHEMES
from pipeline.flexibility.metrics import perseverative_errors, regressive_errors
from pipeline.flexibility.switches import switch_rows
from pipeline.steps.cell_means import cell_means
from pipeline.steps.trial_tables import SCORED_TYPES, read_scored, read_sets

LOST = "r4_1"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Five rats under two drugs; one session failed and left empty files."""
    folder = tmp_path_factory.mktemp("behaviour")
    return folder, make(folder, without=(LOST,))


def read(path):
    return pd.read_csv(path, sep="\t", keep_default_na=False, na_values=["", "nan"])


def animals(table, /, **keys):
    table = table[table["part"] == "animal"]
    for name, value in keys.items():
        table = table[table[name] == value]
    return table


def test_every_trial_of_the_log_has_its_row_and_its_cell(found):
    folder, _ = found
    log = log_of(0)
    table = read_scored(folder / "r0_0" / "scored_trials.tsv")
    assert list(table) == list(SCORED_TYPES)
    assert table["source_row"].tolist() == log["source_row"].tolist()
    assert table["latency_choice"].tolist() == pytest.approx(
        log["latency_choice"].tolist(), nan_ok=True
    )
    time = log["t_cue"]
    expected = np.where(time < 180, "baseline", np.where(time >= 220, "acute", ""))
    assert table["phase"].tolist() == expected.tolist()
    outside = table[table["phase"] == ""]
    assert len(outside) == 4 and (outside["anchor"] == "").all() and outside["step"].isna().all()
    assert (table.loc[table["phase"] != "", "context"] == CONTEXT).all()


def test_labels_are_those_of_scoring(found):
    folder, _ = found
    scores, _ = cells_of(log_of(21, perseveration=3.0), "r2_1")
    table = read_scored(folder / "r2_1" / "scored_trials.tsv")
    same = [f"error_{name}" for name in SCHEMES] + ["outcome", "set_index", "correct_side"]
    for name in (*same, "trial_in_set", "previous_rule"):
        assert table[name].astype(str).tolist() == scores.trials[name].astype(str).tolist(), name
    for name in ("conflict", "previous_rule_choice"):
        assert table[name].isna().tolist() == scores.trials[name].isna().tolist()
        assert table[name].sum() == scores.trials[name].sum() > 0


def test_sets_lie_where_they_start_and_end_with_their_cell(found):
    folder, _ = found
    scores, cells = cells_of(log_of(0), "r0_0")
    table = read_sets(folder / "r0_0" / "sets.tsv")
    assert table["set_index"].tolist() == scores.sets["set_index"].tolist()
    for span, sources in cells:
        own = table[table["phase"] == span.phase]
        sets = sources["trials"].sets
        assert own["trials_to_criterion"].tolist() == sets["trials_to_criterion"].tolist()
        assert own["ended"].tolist() == sets["ended"].tolist()


def test_a_trial_that_two_phases_count_has_two_rows(tmp_path):
    trials = log_of(1)
    scores, cells = cells_of(trials, "s")
    twice = [*cells, (example.Span(CONTEXT, "day+7", 1, 220, 2000, "old.1", 1, None), cells[1][1])]
    from types import SimpleNamespace

    from pipeline.steps.trial_tables import write_trials

    data = SimpleNamespace(has=lambda name: True, scores=scores)
    paths = {name: tmp_path / f"{name}.tsv" for name in ("scored", "sets")}
    write_trials(twice, data, {"session": "s", "animal": "a"}, **paths)
    table = read_scored(paths["scored"])
    late = table[table["phase"] == "day+7"]
    assert late["anchor"].unique().tolist() == ["old.1"]
    assert late["trial"].tolist() == table.loc[table["phase"] == "acute", "trial"].tolist()
    assert len(table) == len(trials) + len(late)


def test_a_session_without_trials_leaves_empty_files(tmp_path):
    write_session(tmp_path / "s", None, "a")
    assert (tmp_path / "s" / "scored_trials.tsv").read_bytes() == b""
    assert (tmp_path / "s" / "sets.tsv").read_bytes() == b""


def test_error_types_are_the_metrics_own_and_can_be_counted_from_trials(found):
    folder, out = found
    table = read(out.error_types)
    options = {"flexibility": {"error_scheme": SCHEME}}
    for metric in (perseverative_errors, regressive_errors):
        kind = metric.METRIC.name.removesuffix("_errors")
        for session, animal, drug, seed in example.sessions()[:4]:
            perseveration = 1.0 if drug == "vehicle" else 3.0
            _, cells = cells_of(log_of(seed, perseveration=perseveration), session)
            (value,) = metric.compute(trials=cells[1][1]["trials"], options=options)
            (row,) = animals(
                table, animal=animal, condition=drug, phase="acute", scheme=SCHEME, type=kind
            ).to_dict("records")
            assert row["errors"] == pytest.approx(value.value, rel=1e-8)
            assert row["n_sets"] == value.n_effective
            trials = read_scored(folder / session / "scored_trials.tsv")
            sets = read_sets(folder / session / "sets.tsv")
            done = sets[
                sets["reached"] & (sets["previous_rule"] != "") & (sets["phase"] == "acute")
            ]
            own = trials[trials["set_index"].isin(done["set_index"])]
            ends = own["set_index"].map(done.set_index("set_index")["t_criterion"])
            counted = own[(own["t_trial"] <= ends) & (own[f"error_{SCHEME}"] == kind)]
            assert len(counted) / len(done) == pytest.approx(row["errors"], rel=1e-8)


def test_means_are_t_intervals_over_animals(found):
    _, out = found
    table = read(out.error_types)
    key = {"condition": "vehicle", "phase": "acute", "scheme": SCHEME, "type": "perseverative"}
    values = animals(table, **key)["errors"]
    mean = table[(table["part"] == "mean")]
    for name, value in key.items():
        mean = mean[mean[name] == value]
    (row,) = mean.to_dict("records")
    low, high = stats.ttest_1samp(values, 0).confidence_interval()
    assert (row["errors"], row["errors_low"], row["errors_high"]) == pytest.approx(
        (values.mean(), low, high), rel=1e-7
    )
    assert row["errors_n"] == len(values) == 5
    lost = animals(table, condition="psilocybin", phase="acute")
    assert set(lost["animal"]) == {"r0", "r1", "r2", "r3"}


def test_two_animals_have_a_mean_and_no_interval():
    rows = pd.DataFrame({"key": list("aaabb"), "unit": list("xyzxy"), "v": [0.9, 1, 1, 0.5, 1]})
    table = cell_means(
        rows, ["key"], ["v"], AnalysisPlan.model_validate(example.settings()["plan"])
    )
    assert table["v_n"].tolist() == [3, 2]
    assert table["v"].tolist() == pytest.approx([2.9 / 3, 0.75])
    assert table["v_low"].isna().tolist() == table["v_high"].isna().tolist() == [False, True]
    assert table["v_high"][0] > 1  # a t interval of the mean, as the docs say


def test_curves_are_the_trials_own(found):
    _, out = found
    table = read(out.switches)
    _, cells = cells_of(log_of(30), "r3_0")
    rows = switch_rows(cells[1][1]["trials"], before=5, after=20)
    curve = animals(table, animal="r3", condition="vehicle", phase="acute", direction="all")
    assert set(curve["lag"]) == set(range(-5, 21))
    for lag in (-2, 0, 3, 9):
        here = rows[(rows["lag"] == lag) & (rows["outcome"] != "omission")]
        (row,) = curve[(curve["lag"] == lag) & (curve["kind"] == "all")].to_dict("records")
        assert row["n_trials"] == len(here)
        assert row["share_correct"] == pytest.approx((here["outcome"] == "correct").mean())
        (row,) = curve[(curve["lag"] == lag) & (curve["kind"] == "conflict")].to_dict("records")
        old = here.loc[here["conflict"] == 1, "old_choice"]
        assert row["n_compared"] == len(old)
        if len(old):
            assert row["share_previous_rule"] == pytest.approx(old.mean())
    by_way = animals(table, animal="r3", condition="vehicle", phase="acute", lag=0, kind="all")
    ways = by_way.set_index("direction")["n_switches"]
    assert ways["all"] == ways.drop("all").sum() > 0


def test_latencies_are_quantiles_without_omissions(found):
    folder, out = found
    trials = read_scored(folder / "r1_0" / "scored_trials.tsv")
    used = trials[(trials["phase"] == "acute") & (trials["outcome"] == "correct")]
    key = {"animal": "r1", "condition": "vehicle", "phase": "acute", "kind": "correct"}
    rows = animals(read(out.latencies), **key, latency="choice").set_index("quantile")
    for q in (0.1, 0.5, 0.9):
        expected = np.quantile(used["latency_choice"], q)
        assert rows.loc[q, "seconds"] == pytest.approx(expected)
    assert (rows["n_trials"] == len(used)).all()
    table = read(out.latencies)
    assert set(table["latency"]) == {"choice"}  # the box noted no other
    assert table.loc[table["part"] == "animal", "n_trials"].min() >= 10


def test_schemes_share_the_same_errors(found):
    _, out = found
    table = read(out.schemes)
    types = animals(table, table="types", phase="acute")
    totals = types.groupby(["animal", "condition", "scheme"])["n"].sum().unstack()
    assert (totals.nunique(axis=1) == 1).all() and (totals > 0).all().all()
    assert types.groupby(["animal", "condition", "scheme"])["fraction"].sum().round(8).eq(1).all()
    pairs = animals(table, table="pairs", phase="acute")
    assert len(pairs) == 5 * 10 and (pairs["agreement"] <= 1).all()
    assert (pairs["n_both"] <= pairs["n_either"]).all()


def test_all_trials_stand_in_one_file_with_their_design(found):
    folder, out = found
    table = read(out.trials)
    lengths = [
        len(read_scored(folder / session / "scored_trials.tsv"))
        for session, *_ in example.sessions()
        if session != LOST
    ]
    assert len(table) == sum(lengths)
    assert set(table.loc[table["phase"].notna(), "condition"]) == set(example.DRUGS)
    assert table.loc[table["phase"].isna(), "condition"].isna().all()
    assert {"sex", "cohort", "period", "source_row"} <= set(table) and "unit" not in table


def test_while_blind_no_text_of_a_log_reaches_the_table_of_the_cohort(found, tmp_path):
    _, out = found
    session, animal, *_ = example.sessions()[0]
    for name, who, *_ in example.sessions()[1:]:
        write_session(tmp_path / name, None, who)
    log = log_of(0).assign(task="psilocybin day", source_file="r0_psilocybin.csv")
    write_session(tmp_path / session, log, animal)
    base = example.settings()
    blind = example.run(tmp_path, plan=base["plan"] | {"blind": True})
    text = gzip.decompress(Path(blind.trials).read_bytes()).decode()
    assert "psilocybin day" not in text and "r0_psilocybin" not in text
    assert set(read(out.trials)) - set(read(blind.trials)) == {"task", "source_file"}


def test_the_same_trials_give_the_same_bytes(found, tmp_path):
    folder, out = found
    again = tmp_path / "again"
    again.mkdir()
    for session, *_ in example.sessions():
        (again / session).symlink_to(folder / session)
    second = example.run(again)
    for name, path in vars(out).items():
        assert Path(path).read_bytes() == Path(getattr(second, name)).read_bytes(), name


def test_without_trials_the_tables_are_empty(tmp_path):
    everyone = tuple(session for session, *_ in example.sessions())
    out = make(tmp_path, without=everyone, task=None)
    with gzip.open(out.trials, "rt") as stream:
        header = stream.read().strip().split("\t")
    assert {"session", "condition", "outcome", "error_floresco_block"} <= set(header)
    for name in ("error_types", "schemes", "switches", "latencies"):
        table = read(getattr(out, name))
        assert table.empty and {"part", "animal", "condition"} <= set(table)


def test_cages_are_the_unit_where_the_plan_says_so(found, tmp_path):
    folder, _ = found
    for session, *_ in example.sessions():
        (tmp_path / session).symlink_to(folder / session)
    base = example.settings()
    cages = {f"r{number}": f"c{number // 2}" for number in range(5)}
    rows = [row | {"cage": cages[row["animal"]]} for row in base["sessions"]]
    out = example.run(tmp_path, sessions=rows, plan=base["plan"] | {"unit": "cage"})
    table = read(out.error_types)
    means = table[(table["part"] == "mean") & (table["phase"] == "acute")]
    assert set(means.loc[means["condition"] == "vehicle", "errors_n"]) == {3}


def test_a_new_label_for_the_same_sides_is_no_shift(tmp_path, monkeypatch):
    """Inside one set the rule gets another label: what follows it is no shift."""
    rules = example.TASK["rules"]
    task = example.TASK | {"rules": rules | {"lamp": rules["light"]}}
    monkeypatch.setattr(example, "TASK", task)
    session, animal, *_ = example.sessions()[0]
    log = log_of(0)
    acute = log["t_cue"] >= 220
    sets = (log["rule"] != log["rule"].shift()).cumsum()
    last = sets[acute & (log["rule"] == "light")].max()
    middle = log.index[sets == last][5]
    log.loc[middle:, "rule"] = log.loc[middle:, "rule"].replace("light", "lamp")
    for name, who, *_ in example.sessions()[1:]:
        write_session(tmp_path / name, None, who)
    scores = example.score(log, example.Task.model_validate(task))
    assert (scores.sets["switch"] == "repeat").sum() == 1
    write_session(tmp_path / session, log, animal)
    out = example.run(tmp_path, task=task)
    rows = animals(read(out.switches), phase="acute", direction="all", kind="all", lag=0)
    counted = scores.sets[(scores.sets["t_start"] >= 220)]
    shifts = counted[~counted["switch"].isin(["", "repeat"])]
    assert rows["n_switches"].tolist() == [len(shifts)]
    errors = animals(read(out.error_types), phase="acute", scheme=SCHEME)
    assert set(errors["n_sets"]) == {shifts["reached"].sum()}
