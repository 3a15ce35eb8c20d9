"""Logs that contradict the task or themselves: one message with every problem and its rows."""

from __future__ import annotations

import pandas as pd
import pytest
from flexibility_examples import make_task, trial_table

from pipeline.errors import InputError
from pipeline.flexibility import score


def refused(table: pd.DataFrame, **changes) -> str:
    with pytest.raises(InputError) as caught:
        score(table, make_task(**changes))
    return str(caught.value)


def test_correct_that_contradicts_the_rule_names_all_rows():
    table = trial_table("Lll Lrl Lrr Lll Lrr")
    table["correct"] = [1, 1, 0, 0, 1]
    message = refused(table)
    assert "log.csv: rows 3-5: correct: found a value that contradicts rule" in message
    assert "probabilistic" in message


def test_rows_are_named_per_file():
    table = trial_table("Lll Lrl Lrr Lll")
    table["correct"] = 0
    table["source_file"] = ["a.csv", "a.csv", "b.csv", "b.csv"]
    assert "a.csv: row 2, b.csv: rows 4-5: correct" in refused(table)


def test_a_line_that_holds_several_trials_is_named_once():
    table = trial_table("Lll Lrl Lrr Lll Lrr")
    table["correct"] = [0, 1, 0, 0, 0]  # 1, 3, 4, 5 are wrong, as 2 is
    table["source_row"] = [22, 22, 22, 23, 30]  # lines of arrays with several values each
    assert "log.csv: rows 22-23, 30: correct: found" in refused(table)


def test_trials_are_named_without_source_rows():
    table = trial_table("Lll Lrl Lrr").drop(columns=["source_file", "source_row"])
    table["correct"] = [0, 0, 0]
    assert refused(table).startswith("trials: trials 1, 3: correct")
    assert refused(table.drop(columns="trial")).startswith("trials: trials 1, 3: correct")


def test_many_rows_are_listed_up_to_a_limit():
    table = trial_table("Lll Lrl " * 100)
    table["correct"] = 0
    message = refused(table)
    assert "and more (100 in all)" in message and len(message) < 900


def test_all_problems_at_once():
    table = trial_table("Lll Lrl Lrr Lll Lll Lll")
    table.loc[0, "rule"] = "Light"
    table.loc[1, "choice_side"] = "lft"
    table.loc[2, "cue_side"] = "up"
    table.loc[4, "rule"] = ""
    table.loc[5, "t_cue"] = 1.0
    message = refused(table)
    assert "row 2: rule: found 'Light'; expected one of" in message
    assert "did you mean 'light'" in message
    assert "row 6: rule: found ''" in message
    assert message.count("no column gives it: name one (columns: rule), or the rule of all") == 1
    assert "row 3: choice_side: found 'lft'" in message
    assert "row 4: cue_side: found 'up'" in message
    assert "row 7: time: found a trial earlier" in message
    assert message.startswith("5 problems")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"correct": [1, 2, 1]}, "row 3: correct: found '2'; expected 0, 1 or empty"),
        ({"correct": ["1", "yes", "1"]}, "row 3: correct: found 'yes'"),
        ({"omission": [0, 7, 0]}, "row 3: omission: found '7'"),
        ({"cue_side": ["left", "", "right"]}, "row 3: cue_side: found none; expected the cue"),
        ({"correct": [1, 0, 1], "choice_side": ["left", "left", ""]}, "row 4: correct: found 1 on"),
        ({"t_cue": [0.0, 20.0, 10.0]}, "row 4: time"),
    ],
)
def test_bad_cells_are_refused(change, message):
    assert message in refused(trial_table("Lll Lrl Lrr", **change))


def test_response_window_that_makes_rewarded_trials_omissions_is_refused():
    message = refused(trial_table("Lll Lrr", latency_choice=[0.5, 800.0]), response_window_s=3)
    assert "row 3: correct: found 1 on a trial whose latency (latency_choice, else" in message


@pytest.mark.parametrize("names", [["rule"], ["choice_side", "correct"]])
def test_missing_column(names):
    message = refused(trial_table("Lll").drop(columns=names))
    assert f"log.csv: columns: found no {names[0]}" in message


def test_missing_cue_matters_only_for_rules_that_read_it_and_without_correct():
    table = trial_table("Lll Lrl All").drop(columns=["cue_side", "correct"])
    assert "log.csv: rows 2-3: cue_side: found none" in refused(table)
    assert len(score(table.iloc[2:], make_task()).sets) == 1


def test_correct_on_an_omission_is_refused_in_a_log_without_choices():
    table = trial_table("Lll Lrl Lrr", omission=[True, False, False]).drop(columns="choice_side")
    assert "row 2: correct: found 1 on an omission" in refused(table)


def test_probabilistic_log_needs_choices_and_cues():
    table = trial_table("Lll Lrl Lrr")
    assert "cue_side: found none" in refused(table.drop(columns="cue_side"), probabilistic=True)
