"""Digging task: stages by hand, costs with unfinished stages, logs with and without sides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from pydantic import ValidationError

from pipeline.experiment.task import STAGES
from pipeline.flexibility import Task, epoch_trials, score
from pipeline.flexibility.digging import set_formed, stage_table
from pipeline.ingest import read_behaviour
from pipeline.registry import registered
from pipeline.steps.outcomes_check import load_checked

CONFIG = Path(__file__).parents[1] / "config"
DECLARED = yaml.safe_load((CONFIG / "tasks" / "digging.yaml").read_text(encoding="utf-8"))
SERIES = ("SD", "CD", "REV1", "ID", "REV2", "ED", "REV3")


def dig_task(**changes) -> Task:
    return Task.model_validate({**DECLARED, **changes})


def log(text: str, **columns) -> pd.DataFrame:
    """``SD:0111 CD:11-1``: 1 right, 0 wrong, - no dig; one trial every 10 s, no sides."""
    rows = [(part.split(":")[0], mark) for part in text.split() for mark in part.split(":")[1]]
    table = {
        "rule": [stage for stage, _ in rows],
        "correct": [{"1": 1.0, "0": 0.0, "-": np.nan}[mark] for _, mark in rows],
        "omission": [mark == "-" for _, mark in rows],
        "t_cue": np.arange(len(rows)) * 10.0,
        "latency_choice": [np.nan if mark == "-" else 2.0 for _, mark in rows],
    }
    return pd.DataFrame({**table, **columns})


def cell(text: str, intervals=None, **changes):
    return epoch_trials(score(log(text), dig_task(**changes)), intervals, scheme="initial_run")


def compute(name: str, held) -> list:
    options = {"flexibility": {"error_scheme": "initial_run"}}
    return registered()[name].compute(trials=held, options=options)


def found(name: str, held) -> dict:
    """Value and whether it is censored, by band."""
    return {value.band: (value.value, value.censored) for value in compute(name, held)}


WHOLE = "SD:10111111 CD:0111111 REV1:000111111 ID:111111 REV2:00111111 ED:0010111111 REV3:0111111"


def test_whole_series_by_hand():
    held = cell(WHOLE)
    assert found("trials_to_criterion_by_stage", held) == {
        "simple": (8, False),
        "compound": (7, False),
        "reversal_1": (9, False),
        "intradimensional": (6, False),
        "reversal_2": (8, False),
        "extradimensional": (10, False),
        "reversal_3": (7, False),
    }
    errors = {
        band: value for band, (value, _) in found("errors_to_criterion_by_stage", held).items()
    }
    assert list(errors.values()) == [1, 1, 3, 0, 2, 3, 1]
    assert found("shift_cost", held) == {"": (10 - 6, False)}
    assert found("reversal_cost", held) == {"": (9 - 7, False)}
    assert set_formed(held) is True
    assert {value.n_effective for value in compute("shift_cost", held)} == {2.0}


def test_unfinished_stage_is_censored_and_one_not_begun_is_absent():
    held = cell("SD:10111111 CD:0111111 REV1:000111111 ID:111111 REV2:00111111 ED:00101111")
    values = found("trials_to_criterion_by_stage", held)
    assert values["extradimensional"] == (8, True)
    assert "reversal_3" not in values
    assert found("errors_to_criterion_by_stage", held)["extradimensional"] == (3, True)
    assert found("shift_cost", held) == {"": (2, True)}
    table = stage_table(held).set_index("stage")
    assert table.loc["extradimensional", ["begun", "reached", "censored"]].tolist() == [1, 0, 1]
    assert table.loc["reversal_3", ["begun", "reached", "censored"]].tolist() == [0, 0, 0]
    assert table.loc["reversal_3", "trials_to_criterion"] is pd.NA


def test_cost_has_no_lower_bound_where_the_stage_before_was_not_finished():
    held = cell("SD:111111 CD:010101 REV1:0111111 ID:01010 ED:0111111")
    assert found("trials_to_criterion_by_stage", held)["compound"] == (6, True)
    assert compute("reversal_cost", held) == compute("shift_cost", held) == []
    both = cell("ID:0101 ED:0101")
    assert compute("shift_cost", both) == []
    assert compute("shift_cost", cell("ID:111111")) == []
    assert compute("shift_cost", cell("ED:111111")) == []


@pytest.mark.parametrize(
    ("text", "formed"),
    [
        ("ID:111111 ED:0111111", True),
        ("ID:0111111 ED:111111", False),
        ("ID:111111 ED:111111", False),
        ("ID:0111111 ED:0101011", True),  # 7 trials without the criterion: 8 or more
        ("ID:0111111 ED:010101", None),  # 7 or more: as many as ID, or more
        ("ID:0101011 ED:0111111", False),  # 8 or more against 7
        ("ID:01010 ED:0111111", None),
        ("ID:01010 ED:0101011", None),
        ("ID:111111", None),
        ("CD:111111", None),
    ],
)
def test_set_formation_is_known_where_unfinished_stages_allow_it(text, formed):
    assert set_formed(cell(text)) is formed


def test_criterion_on_the_last_trial_and_stages_without_a_dig():
    held = cell("SD:0111111 CD:------")
    assert found("trials_to_criterion_by_stage", held) == {"simple": (7, False)}
    assert list(found("latency_by_stage", held)) == ["simple"]
    silent = cell("SD:-----")
    for name in ("trials_to_criterion_by_stage", "errors_to_criterion_by_stage", "shift_cost"):
        assert compute(name, silent) == []
    # ED begun, and never a dig: nothing is known of its cost.
    assert compute("shift_cost", cell("ID:111111 ED:---")) == []


def test_omissions_neither_count_nor_break_the_run():
    assert found("trials_to_criterion_by_stage", cell("SD:11-111-1")) == {"simple": (6, False)}
    counted = cell("SD:11-111-1", omissions_count=True)
    assert found("trials_to_criterion_by_stage", counted) == {"simple": (8, False)}


def test_discovery_trials_count_or_not():
    text = "SD:0111111111 CD:0011111111"
    assert found("trials_to_criterion_by_stage", cell(text)) == {
        "simple": (7, False),
        "compound": (8, False),
    }
    without = cell(text, discovery_trials=4)
    assert found("trials_to_criterion_by_stage", without) == {
        "simple": (6, False),
        "compound": (6, False),
    }
    assert set(found("errors_to_criterion_by_stage", without).values()) == {(0, False)}
    assert len(without.trials) == 12
    scores = score(log(text), dig_task(discovery_trials=4))
    assert (scores.trials["outcome"] == "unscored").tolist() == ([True] * 4 + [False] * 6) * 2
    assert scores.session["n_unscored"].tolist() == [8]


def test_rule_that_lasts_for_its_discovery_trials_only_is_what_the_next_one_follows():
    scores = score(log("SD:111111 CD:111 SD:111111"), dig_task(discovery_trials=4))
    assert scores.sets["rule"].tolist() == ["SD", "SD"]
    assert scores.sets["previous_rule"].tolist() == ["", "CD"]
    assert scores.sets["n_trials"].tolist() == [2, 2]
    nothing = score(log("SD:111"), dig_task(discovery_trials=4))
    assert not len(nothing.sets) and not stage_table(nothing)["begun"].any()
    with pytest.raises(Exception, match=r"found 'SDD'.*did you mean 'SD'"):
        score(log("SDD:11 SD:111111"), dig_task(discovery_trials=4))


def test_first_error_after_discovery_trials_is_informed():
    text = "CD:1111111111 REV1:00000111111"
    assert score(log(text), dig_task()).sets["initial_run_first_trial"].tolist() == [0, 1]
    sets = score(log(text), dig_task(discovery_trials=4)).sets
    assert sets["initial_run_first_trial"].tolist() == [0, 0]
    assert sets["initial_run_perseverative"].tolist() == [0, 1]


def test_stage_met_twice_is_scored_the_first_time():
    held = cell("SD:0111111 CD:111111 SD:111111")
    assert found("trials_to_criterion_by_stage", held)["simple"] == (7, False)


def test_stages_belong_to_the_cell_in_which_they_start():
    # SD: trials at 0 to 60 s, CD from 70 s; the first cell ends inside CD.
    held = cell("SD:0111111 CD:0111111", [[0.0, 100.0]])
    assert found("trials_to_criterion_by_stage", held) == {
        "simple": (7, False),
        "compound": (3, True),
    }
    later = cell("SD:0111111 CD:0111111", [[100.0, 200.0]])
    assert compute("trials_to_criterion_by_stage", later) == []
    assert [value.n_effective for value in compute("latency_by_stage", later)] == [4.0]


def test_latency_is_the_median_of_the_digs_of_a_stage():
    table = log("SD:1011 CD:1-1", latency_choice=[1.0, 9.0, 2.0, 4.0, 7.0, np.nan, 8.0])
    held = epoch_trials(score(table, dig_task()), None, scheme="initial_run")
    assert found("latency_by_stage", held) == {"simple": (3.0, False), "compound": (7.5, False)}
    assert [value.n_effective for value in compute("latency_by_stage", held)] == [4.0, 2.0]


def test_task_without_stages_has_none_of_these():
    task = Task.model_validate({"rules": {"a": "choose left"}, "criterion": {"consecutive": 2}})
    table = pd.DataFrame({"rule": ["a"] * 3, "choice_side": ["left"] * 3})
    held = epoch_trials(score(table, task), None, scheme="initial_run")
    for name in ("trials_to_criterion_by_stage", "latency_by_stage", "shift_cost", "reversal_cost"):
        assert compute(name, held) == []
    assert not len(stage_table(held)) and set_formed(held) is None


# --- names of stages -----------------------------------------------------------------------------


def stages(*kinds: str) -> dict[str, str]:
    rules = {f"r{i}": {"expression": "follow cue", "kind": kind} for i, kind in enumerate(kinds)}
    return Task.model_validate({"rules": rules, "criterion": {"consecutive": 6}}).stages


def test_names_of_stages_are_fixed_whatever_the_lab_calls_them():
    assert tuple(dig_task().stages) == SERIES
    assert set(dig_task().stages.values()) <= set(STAGES)
    # CD, CDR, IDS, IDSR, IDS2, IDS2R, EDS, EDSR
    shift = ("intradimensional", "reversal")
    eight = ("compound", "reversal", *shift, *shift, "extradimensional", "reversal")
    assert list(stages(*eight).values())[-4:] == [
        "intradimensional_2",
        "reversal_3",
        "extradimensional",
        "reversal_4",
    ]
    assert stages("", "simple", "") == {"r1": "simple"}


def test_shift_cost_takes_the_last_intradimensional_stage_before():
    rules = {
        "IDS": {"expression": "follow cue", "kind": "intradimensional"},
        "IDS2": {"expression": "follow cue", "kind": "intradimensional"},
        "IDSR": {"expression": "follow cue", "kind": "reversal"},
        "EDS": {"expression": "follow cue", "kind": "extradimensional"},
    }
    held = cell("IDS:111111 IDS2:00111111 IDSR:0111111 EDS:000111111", rules=rules)
    assert found("shift_cost", held) == {"": (9 - 8, False)}
    assert found("reversal_cost", held) == {"": (7 - 8, False)}


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (("simple", "simple"), "found the stage simple_2; expected at most one simple"),
        (("reversal", "compound"), "rule 'r0': found kind: reversal at the start of the series"),
        (("simple", *["reversal"] * 5), "found the stage reversal_5"),
        (("intra",), "kind"),
    ],
)
def test_series_without_names_are_refused(kinds, message):
    with pytest.raises(ValidationError, match=message):
        stages(*kinds)


# --- sides ---------------------------------------------------------------------------------------


def with_sides(text: str, seed: int = 0) -> pd.DataFrame:
    """The same log with the baited bowl and the one dug in."""
    table = log(text)
    baited = np.random.default_rng(seed).choice(["left", "right"], len(table))
    other = np.where(baited == "left", "right", "left")
    dug = np.where(table["correct"] == 1, baited, other)
    return table.assign(cue_side=baited, choice_side=np.where(table["omission"], "", dug))


def test_previous_rule_asks_for_the_old_exemplar_where_there_is_one():
    text = "SD:10 CD:10 REV1:110010 ID:10 ED:10"
    trials = score(with_sides(text), dig_task()).trials
    conflict = {stage: set(rows) for stage, rows in trials.groupby("rule")["conflict"]}
    assert conflict["CD"] == {False} and conflict["REV1"] == {True}
    for stage in ("SD", "ID", "ED"):
        assert trials.loc[trials["rule"] == stage, "conflict"].isna().all()
    reversal = trials[trials["rule"] == "REV1"]
    assert reversal["error_rule_consistent"].tolist()[2:] == ["regressive"] * 2 + ["none"] + [
        "regressive"
    ]
    # New exemplars: the previous rule has nothing to say of the error.
    assert trials["error_rule_consistent"].iloc[-1] == "none"
    kinds = score(log(WHOLE), dig_task()).sets["switch"].tolist()
    assert kinds[:4] == ["", "compound", "reversal", "intradimensional"]
    assert kinds[4:] == ["reversal", "extradimensional", "reversal"]
    assert dig_task().switch("REV1", "ID") == "intradimensional"
    assert dig_task().switch("CD", "REV1") == "reversal"


def test_scores_do_not_depend_on_sides_or_on_the_names_of_stages():
    one = score(with_sides(WHOLE, seed=1), dig_task())
    swap = {"left": "right", "right": "left", "": ""}
    table = with_sides(WHOLE, seed=1)
    mirrored = table.assign(**{n: table[n].map(swap) for n in ("cue_side", "choice_side")})
    assert score(mirrored, dig_task()).sets.equals(one.sets)
    plain = stage_table(score(log(WHOLE), dig_task()))
    assert stage_table(one).equals(plain)
    renamed = dig_task(rules={f"x{name}": rule for name, rule in DECLARED["rules"].items()})
    other = stage_table(score(table.assign(rule="x" + table["rule"]), renamed))
    assert other.drop(columns="rule").equals(plain.drop(columns="rule"))


# --- closed form ---------------------------------------------------------------------------------


def expected_trials(p: float, k: int) -> float:
    """Trials to k consecutive correct of a rat that is right with probability p."""
    return (1 - p**k) / (p**k * (1 - p))


def test_costs_of_rats_with_known_accuracy_are_recovered():
    rng = np.random.default_rng(20)
    accuracy = dict(zip(SERIES, (0.85, 0.85, 0.7, 0.9, 0.8, 0.7, 0.8), strict=True))
    shift, reversal = [], []
    for _ in range(60):
        text = []
        for stage, p in accuracy.items():
            marks = ""
            while not marks.endswith("111111"):
                marks += "1" if rng.random() < p else "0"
            text.append(f"{stage}:{marks}")
        held = cell(" ".join(text))
        shift.append(found("shift_cost", held)[""][0])
        reversal.append(found("reversal_cost", held)[""][0])
    for costs, stage, before in ((shift, "ED", "ID"), (reversal, "REV1", "CD")):
        truth = expected_trials(accuracy[stage], 6) - expected_trials(accuracy[before], 6)
        error = np.std(costs, ddof=1) / np.sqrt(len(costs))
        assert abs(np.mean(costs) - truth) < 3 * error, (stage, np.mean(costs), truth)
        assert np.mean(costs) > 3 * error, "the test would not see a cost of zero"


# --- files ---------------------------------------------------------------------------------------


def test_sheet_of_stage_trial_correct_latency_scores_end_to_end(tmp_path):
    table = log(WHOLE.replace("SD:1", "SD:-1"))
    correct = [
        "" if omitted else int(c)
        for c, omitted in zip(table["correct"].fillna(0), table["omission"], strict=True)
    ]
    sheet = pd.DataFrame(
        {
            "Trial": np.arange(1, len(table) + 1),
            "Stage": table["rule"],
            "Correct": correct,
            "Dig latency (s)": table["latency_choice"],
        }
    )
    sheet.to_csv(tmp_path / "rat.csv", index=False)
    mapping = yaml.safe_load((CONFIG / "behaviour" / "digging.yaml").read_text(encoding="utf-8"))
    trials = read_behaviour(tmp_path / "rat.csv", "digging", mapping)
    scores = score(trials, dig_task())
    assert stage_table(scores)["trials_to_criterion"].tolist() == [8, 7, 9, 6, 8, 10, 7]
    assert scores.session["n_omissions"].tolist() == [1]


def test_example_of_summary_tables_loads_and_its_costs_are_the_differences():
    experiment = load_checked(CONFIG / "examples" / "digging.yaml")
    values: dict[str, dict] = {}
    for row in experiment.measurements:
        values.setdefault(row.animal, {})[row.outcome] = (row.value, row.censored)
    assert len(values) == 12
    for own in values.values():
        for cost, stage, before in (("ED_minus_ID", "ED", "ID"), ("REV1_minus_CD", "REV1", "CD")):
            (late, open_end), (early, unfinished) = own[f"trials_{stage}"], own[f"trials_{before}"]
            assert own[cost] == (late - early, open_end) and not unfinished
    assert [animal for animal, own in values.items() if own["trials_ED"][1]] == ["R05"]
    assert "trials_REV3" not in values["R05"]


def test_config_in_the_docs_is_a_config():
    text = (CONFIG.parent / "docs" / "digging_and_reversal.md").read_text(encoding="utf-8")
    shown = yaml.safe_load(text.split("```yaml\n")[1].split("```")[0])
    mapping = yaml.safe_load((CONFIG / "behaviour" / "digging.yaml").read_text(encoding="utf-8"))
    (sheet,) = shown["behaviour"]["formats"].values()
    assert sheet == {name: mapping[name] for name in ("columns", "values")}
    assert (CONFIG / shown["flexibility"]["task"]).exists()
    for outcome in shown["outcomes"]["primary"]:
        name, _, band = outcome.partition("/")
        assert band in ("", *registered()[name].metric.band_names)
    for name in STAGES:
        assert name.split("_")[0] in text
