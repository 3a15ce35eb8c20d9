"""Logs without choices or without cues: `correct` stands in, and nothing is made up."""

from __future__ import annotations

import pandas as pd
from flexibility_examples import make_task, trial_table

from pipeline.flexibility import score

SEQUENCE = "Lll Lrl Lr- Lll Lrr Lll  Arr Alr Ar- Arr Arl Alr All Arl Arl"


def test_log_without_choices_is_scored_by_correct():
    # With cues and two sides the choice follows, and so does every error type.
    table = trial_table(SEQUENCE)
    whole, without = score(table, make_task()), score(table.assign(choice_side=""), make_task())
    assert without.sets.equals(whole.sets)
    assert without.trials.drop(columns="choice_side").equals(
        whole.trials.drop(columns="choice_side")
    )


def test_log_without_choices_may_leave_correct_empty_on_omissions_or_flag_them():
    table = trial_table(SEQUENCE).drop(columns="choice_side")
    expected = score(trial_table(SEQUENCE), make_task()).sets
    flagged = score(table, make_task())
    empty = table.assign(correct=table["correct"].where(~table["omission"])).drop(
        columns="omission"
    )
    assert flagged.sets.equals(expected)
    assert score(empty, make_task()).sets.equals(expected)


def test_log_with_rule_and_correct_only():
    table = trial_table(SEQUENCE)[["rule", "correct", "omission"]]
    scores, whole = score(table, make_task()), score(trial_table(SEQUENCE), make_task())
    same = ["trials_to_criterion", "reached", "n_errors", "n_omissions", "accuracy"]
    assert scores.sets[same].equals(whole.sets[same])
    assert scores.trials["correct_side"].tolist() == [""] * 6 + ["left"] * 9
    for scheme in ("widge_sequence", "error_chain", "initial_run"):
        column = f"error_{scheme}"
        assert scores.trials[column].tolist() == whole.trials[column].tolist()
    # What the old rule asked for is not known: errors stay without type, and say so.
    assert scores.sets["rule_consistent_untyped"].tolist() == [1, 3]
    assert scores.sets["rule_consistent_first_trial"].tolist() == [0, 1]


def test_log_without_cues_gives_the_correct_side_by_choice_and_correct():
    table = trial_table(SEQUENCE).drop(columns="cue_side")
    scores, whole = score(table, make_task()), score(trial_table(SEQUENCE), make_task())
    answered = scores.trials["outcome"] != "omission"
    assert scores.trials["outcome"].equals(whole.trials["outcome"])
    assert scores.trials["correct_side"][answered].equals(whole.trials["correct_side"][answered])


def test_third_side_that_was_not_logged_stays_unknown():
    three = make_task(
        sides=["left", "right", "middle"], rules={"left": "choose left", "right": "choose right"}
    )
    table = trial_table("All Brl Brl Brr")[["rule", "correct", "omission"]]
    scores = score(table, three)
    assert scores.trials["outcome"].tolist() == ["correct", "error", "error", "correct"]
    assert scores.trials["error_floresco_block"].tolist()[1:3] == ["first_trial", "none"]
    assert scores.trials["previous_rule_choice"].tolist() == [pd.NA, pd.NA, pd.NA, False]
