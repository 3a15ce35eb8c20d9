"""Criterion, sets, session, and what is refused."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from flexibility_examples import (
    make_task,
    oracle_criterion,
    side_of,
    split_sets,
    trial_table,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import InputError
from pipeline.flexibility import SCHEMES, score


def only_set(text: str, **changes) -> pd.Series:
    sets = score(trial_table(text), make_task(**changes)).sets
    assert len(sets) == 1
    return sets.iloc[0]


# ---- the trial algebra ---------------------------------------------------------------------------


def test_trial_columns_by_hand():
    scores = score(trial_table("Lll Lrl  Arr Arl Alr Ar-  Brl"), make_task())
    trials = scores.trials
    assert trials["set_index"].tolist() == [1, 1, 2, 2, 2, 2, 3]
    assert trials["trial_in_set"].tolist() == [1, 2, 1, 2, 3, 4, 1]
    assert trials["correct_side"].tolist() == ["left", "right", *["left"] * 4, "right"]
    assert trials["previous_rule"].tolist() == ["", "", *["light"] * 4, "left"]
    assert trials["conflict"].tolist() == [pd.NA, pd.NA, True, True, False, True, True]
    assert trials["previous_rule_choice"].tolist() == [
        pd.NA, pd.NA, True, False, False, pd.NA, True,
    ]  # fmt: skip
    assert trials["outcome"].tolist() == [
        "correct", "error", "error", "correct", "error", "omission", "error",
    ]  # fmt: skip
    assert trials["t_trial"].tolist() == [0, 10, 20, 30, 40, 50, 60]
    assert not trials["correction"].any()


def test_input_is_kept_and_not_changed():
    table = trial_table("Lll Lrl Arr", extra=["a", "b", "c"])
    before = table.copy(deep=True)
    scores = score(table, make_task())
    pd.testing.assert_frame_equal(table, before)
    pd.testing.assert_frame_equal(scores.trials[table.columns], before)
    again = score(scores.trials, make_task())
    pd.testing.assert_frame_equal(again.trials, scores.trials)


def test_correction_trials_are_marked_after_errors_and_omissions():
    scores = score(trial_table("Lll Lrl Lrr Lr- Lrl  Arr Arl"), make_task(correction_trials=True))
    assert scores.trials["correction"].tolist() == [False, False, True, False, True, False, True]


def test_trial_time_falls_back():
    table = trial_table("Lll Lrl Lrr")
    table["t_cue"] = [np.nan, np.nan, 5.0]
    table["t_init"] = [np.nan, 3.0, 4.0]
    table["t_choice"] = [1.0, 3.5, 5.5]
    assert score(table, make_task()).trials["t_trial"].tolist() == [1.0, 3.0, 5.0]


def test_error_columns_have_all_values():
    scores = score(trial_table("Lll"), make_task())
    assert set(scores.trials.columns) >= {f"error_{name}" for name in SCHEMES}


# ---- criterion -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "changes", "expected", "reached"),
    [
        ("Lll Lll Lll", {}, 3, True),
        ("Lll Lrl Lll Lll Lll Lll", {}, 5, True),
        ("Lll Lrl Lll Lll Lll Lll", {"criterion_run_included": False}, 2, True),
        ("Lll Lrl Lll", {}, 3, False),
        # exclusive and not met: the run could have begun at trial 3, so 2 trials or more
        ("Lll Lrl Lll", {"criterion_run_included": False}, 2, False),
        ("Lll Lrl Lrl", {"criterion_run_included": False}, 3, False),
        # omissions: out by default, counted, run broken
        ("Lll Ll- Lll Lll", {}, 3, True),
        ("Lll Ll- Lll Lll", {"omissions_count": True}, 4, True),
        ("Lll Ll- Lll Lll", {"omissions_break_run": True}, 3, False),
        ("Lll Ll- Lll Lll Lll", {"omissions_break_run": True}, 4, True),
        ("Lll Ll- Lll Lll Lll", {"omissions_break_run": True, "omissions_count": True}, 5, True),
        # m of n: 3 of 4, and fewer than 4 at the start
        ("Lll Lrl Lll Lrl Lll Lll", {"criterion": {"m": 3, "of": 4}}, 6, True),
        ("Lll Lll Lll", {"criterion": {"m": 3, "of": 4}}, 3, True),
        ("Lll Lrl Lrl Lll Lrl Lll", {"criterion": {"m": 3, "of": 4}}, 6, False),
        ("Lrl Lll", {"criterion": {"consecutive": 1}}, 2, True),
    ],
)
def test_trials_to_criterion_by_hand(text, changes, expected, reached):
    row = only_set(text, **changes)
    assert (row["trials_to_criterion"], row["reached"]) == (expected, reached)
    assert row["censored"] == (not reached)


def test_set_row_by_hand():
    # Seven trials of a set that goes on after the criterion (3) was met at its sixth trial.
    text = "Lll Lll Lll  Arr Arr Ar- Arl Arl All Alr"
    row = score(trial_table(text), make_task()).sets.iloc[1]
    expected = {
        "set_index": 2,
        "rule": "left",
        "previous_rule": "light",
        "direction": "cue to side",
        "switch": "extradimensional",
        "first_trial": 4,
        "last_trial": 10,
        "n_trials": 7,
        "n_correct": 3,
        "n_errors": 3,
        "n_omissions": 1,
        "accuracy": 0.5,
        "t_start": 30.0,
        "t_stop": 90.0,
        "t_criterion": 80.0,
        "trials_to_criterion": 5,
        "reached": True,
        "censored": False,
        "n_after_criterion": 1,
        "errors_to_criterion": 2,
        "n_streaks": 1,
        "mean_streak": 3.0,
        "ended": "session",
        # the error after the criterion is in the per-trial table, not in errors to criterion
        "rule_consistent_first_trial": 1,
        "rule_consistent_perseverative": 1,
        "rule_consistent_never_reinforced": 0,
        "widge_sequence_perseverative": 2,
        "widge_sequence_post_perseverative": 0,
    }
    assert {name: row[name] for name in expected} == expected


def test_streaks_and_their_minimum():
    text = "Lll Lrl Lll Lll Lrl Lll Ll- Lll Lll"
    loose, strict = only_set(text), only_set(text, streak_minimum=2)
    assert (loose["n_streaks"], loose["mean_streak"]) == (3, 2.0)
    assert (strict["n_streaks"], strict["mean_streak"]) == (2, 2.5)
    broken = only_set(text, omissions_break_run=True)
    assert (broken["n_streaks"], broken["mean_streak"]) == (4, 1.5)


def test_streaks_do_not_cross_the_switch():
    sets = score(trial_table("Lll Lll Lll Arl Arl"), make_task()).sets
    assert sets["n_streaks"].tolist() == [1, 1]
    assert sets["mean_streak"].tolist() == [3.0, 2.0]


def test_the_log_says_when_the_rule_changes_and_the_criterion_is_checked_against_it():
    early = "Lll Lrl "
    late = "Arl Arl Arl Arl "
    at_once = "Brr Brr Brr "
    scores = score(trial_table(early + late + at_once + "Lll"), make_task())
    assert scores.sets["ended"].tolist() == ["early", "switch", "switch", "session"]
    assert scores.sets["n_after_criterion"].tolist() == [0, 1, 0, 0]
    session = scores.session.iloc[0]
    assert (session["n_early_switches"], session["n_late_switches"]) == (1, 1)
    assert (session["n_sets"], session["sets_completed"]) == (4, 2)


def test_switch_kinds_and_directions():
    rules = {
        "light": {"expression": "follow cue", "dimension": "light"},
        "dark": "reverse light",
        "left": "choose left",
        "right": "choose right",
    }
    table = trial_table("Lll Lll All Brr Lll")
    table["rule"] = ["light", "dark", "left", "right", "light"]
    table["correct"] = np.nan
    sets = score(table, make_task(rules=rules)).sets
    assert sets["direction"].tolist() == [
        "", "light to light", "light to side", "side to side", "side to light",
    ]  # fmt: skip
    assert sets["switch"].tolist() == [
        "", "reversal", "extradimensional", "reversal", "extradimensional",
    ]  # fmt: skip


def test_partly_different_rules_of_one_dimension():
    rules = {"a": "map 1 -> left, 2 -> left", "b": "map 1 -> left, 2 -> right"}
    table = pd.DataFrame(
        {"rule": ["a", "b"], "cue_side": ["1", "2"], "choice_side": ["left", "right"]}
    )
    sets = score(table, make_task(rules=rules, cues=["1", "2"])).sets
    assert sets["switch"].tolist() == ["", "intradimensional"]


criterion_cases = st.tuples(
    st.lists(st.tuples(st.sampled_from("lr"), st.sampled_from("lr-")), min_size=1, max_size=30),
    st.tuples(st.integers(1, 5), st.integers(0, 3)),
)


@settings(max_examples=200, deadline=None)
@given(case=criterion_cases, count=st.booleans(), breaks=st.booleans(), included=st.booleans())
def test_criterion_agrees_with_plain_loops(case, count, breaks, included):
    choices, (m, extra) = case
    words = [f"L{cue}{choice}" for cue, choice in choices]
    rule = {"m": m, "of": m + extra, "count": count, "breaks": breaks}
    expected, reached = oracle_criterion(words, included=included, **rule)
    if not reached and not included:
        # The smallest value still possible: what comes out if the animal is right from now on.
        expected, _ = oracle_criterion(words + ["Lll"] * (m + extra), included=False, **rule)
    row = only_set(
        " ".join(words),
        criterion={"m": m, "of": m + extra},
        omissions_count=count,
        omissions_break_run=breaks,
        criterion_run_included=included,
    )
    assert row["reached"] == reached
    assert row["trials_to_criterion"] == expected


@settings(max_examples=100, deadline=None)
@given(
    choices=st.lists(st.tuples(st.sampled_from("LAB"), st.sampled_from("lr")), max_size=80),
    cut=st.integers(0, 80),
)
def test_what_came_later_does_not_change_a_completed_set(choices, cut):
    # Rules change as the draw says, in runs of at least four trials.
    words = [f"{choices[i // 4 * 4][0]}{'lr'[i % 2]}{choices[i][1]}" for i in range(len(choices))]
    whole = score(trial_table(" ".join(words)), make_task()).sets
    part = score(trial_table(" ".join(words[:cut])), make_task()).sets
    done = part[part["reached"]].drop(columns=["ended"])
    same = whole.loc[done.index]
    for name in ("set_index", "rule", "trials_to_criterion", "errors_to_criterion", "t_criterion"):
        assert same[name].tolist() == done[name].tolist(), name


# ---- traps ---------------------------------------------------------------------------------------


def test_one_rule_only():
    scores = score(trial_table("Lll Lrl Lrr Lll Lrr"), make_task())
    assert scores.sets[["reached", "trials_to_criterion"]].values.tolist() == [[True, 5]]
    assert scores.sets["previous_rule"].tolist() == [""]
    assert scores.trials["conflict"].isna().all()
    for scheme in SCHEMES:
        assert (scores.trials[f"error_{scheme}"] == "none").all()


def test_all_omissions():
    scores = score(trial_table("Ll- Lr- Ll-"), make_task())
    row, session = scores.sets.iloc[0], scores.session.iloc[0]
    assert (row["trials_to_criterion"], row["censored"], row["n_omissions"]) == (0, True, 3)
    assert np.isnan(row["accuracy"]) and np.isnan(session["accuracy"])
    assert session["omission_fraction"] == 1.0
    unflagged = score(trial_table("Ll- Lr- Ll-").drop(columns="omission"), make_task())
    assert unflagged.sets.equals(scores.sets)


def test_criterion_never_reached_is_censored_at_the_trials_run():
    scores = score(trial_table("Lll Lrl " * 20), make_task())
    row = scores.sets.iloc[0]
    assert (row["trials_to_criterion"], row["reached"], row["censored"]) == (40, False, True)
    assert np.isnan(row["t_criterion"])
    assert np.isnan(scores.session.iloc[0]["trials_to_criterion"])


@pytest.mark.parametrize("nothing", ["", None, np.nan])
def test_missing_choice_with_correct_0_is_an_omission(nothing):
    table = trial_table("Lll Lrl Lrr").drop(columns="omission")
    table["choice_side"] = table["choice_side"].astype(object)
    table.loc[1, "choice_side"] = nothing
    scores = score(table, make_task())
    assert scores.trials["outcome"].tolist() == ["correct", "omission", "correct"]
    assert scores.sets.iloc[0]["n_errors"] == 0


def test_reversal_only():
    reversal = make_task(rules={"left": "choose left", "right": "reverse left"})
    scores = score(trial_table("All All All Brl Brl Brr Brr Brr"), reversal)
    assert scores.sets["switch"].tolist() == ["", "reversal"]
    assert scores.sets["trials_to_criterion"].tolist() == [3, 5]
    assert scores.sets["initial_run_perseverative"].tolist() == [0, 1]


def test_switch_on_the_last_trial():
    scores = score(trial_table("Lll Lrr Lll Arr"), make_task())
    last = scores.sets.iloc[1]
    assert (last["n_trials"], last["trials_to_criterion"], last["censored"]) == (1, 1, True)
    assert scores.trials["error_floresco_block"].tolist()[-1] == "first_trial"
    assert scores.session.iloc[0]["sets_completed"] == 1


def test_no_trials_and_only_warm_up():
    empty = score(trial_table("Lll").iloc[:0], make_task())
    warm_up = score(trial_table("Lll Lrl"), make_task(warm_up_trials=10))
    for scores, count in ((empty, 0), (warm_up, 2)):
        assert len(scores.sets) == 0
        assert scores.session.iloc[0]["n_trials"] == count
        assert scores.session.iloc[0]["sets_completed"] == 0
    assert warm_up.trials["outcome"].tolist() == ["unscored"] * 2
    assert list(empty.sets.columns) == list(score(trial_table("Lll"), make_task()).sets.columns)


def test_warm_up_and_unscored_rules_are_left_out():
    table = trial_table("Lrl Lrl Lll Lrr Lrl Lll Lll")
    table.loc[4, "rule"] = "free"
    table.loc[0, ["rule", "choice_side"]] = ["whatever", "nowhere"]
    scores = score(table, make_task(warm_up_trials=2, unscored_rules=["free"]))
    assert scores.trials["set_index"].tolist() == [0, 0, 1, 1, 0, 1, 1]
    assert scores.trials["trial_in_set"].tolist() == [0, 0, 1, 2, 0, 3, 4]
    assert scores.sets["trials_to_criterion"].tolist() == [3]
    assert scores.session.iloc[0]["n_unscored"] == 3


def test_latency_of_the_response_window_is_an_omission():
    table = trial_table("Lll Lrl Lrl")
    table["latency_choice"] = [2.9, 3.0, 2.99]
    outcome = score(table, make_task(response_window_s=3)).trials["outcome"]
    assert outcome.tolist() == ["correct", "omission", "error"]


@pytest.mark.parametrize("logged", ["absent", "blank", "one known"])
def test_the_window_holds_for_the_latency_that_follows_from_the_times(logged):
    table = trial_table("Lll Lrl Lrl Lrl").drop(columns="latency_choice")
    table["t_choice"] = table["t_cue"] + [2.9, 3.0, 9.0, np.nan]
    if logged != "absent":
        # Where the cell is not blank, it is what counts.
        table["latency_choice"] = [np.nan, np.nan, 2.0 if logged == "one known" else np.nan, np.nan]
    outcome = score(table, make_task(response_window_s=3)).trials["outcome"].tolist()
    third = "error" if logged == "one known" else "omission"
    assert outcome == ["correct", "omission", third, "error"]


def test_logs_omission_flag_counts_even_with_a_choice():
    table = trial_table("Lll Lrl")
    table["omission"] = [False, True]
    assert score(table, make_task()).trials["outcome"].tolist() == ["correct", "omission"]


def test_probabilistic_feedback_is_not_held_against_the_rule():
    table = trial_table("Lll Lrl Lrr", correct=[0, 1, 1])
    scores = score(table, make_task(probabilistic=True))
    assert scores.trials["outcome"].tolist() == ["correct", "error", "correct"]
    with pytest.raises(InputError, match="probabilistic: true"):
        score(table, make_task())


@pytest.mark.parametrize(
    "kind", [bool, int, float, "boolean", "Int64", "object"], ids=lambda k: str(k)
)
def test_flags_of_any_type_are_read(kind):
    table = trial_table("Lll Lrl Lrr")
    values = table["correct"].astype(bool) if kind == "object" else table["correct"]
    table["correct"] = values.astype(kind)
    assert score(table, make_task()).session.iloc[0]["n_correct"] == 2


# ---- size ----------------------------------------------------------------------------------------


def test_a_million_trials_in_seconds():
    rng = np.random.default_rng(1)
    count = 1_000_000
    rule = np.array(list("LALB"))[np.arange(count) // 40 % 4]
    cue = np.array(list("lr"))[rng.integers(0, 2, count)]
    right = np.where(rule == "L", cue, np.where(rule == "A", "l", "r"))
    wrong = np.where(right == "l", "r", "l")
    choice = np.where(rng.random(count) < 0.7, right, wrong)
    words = {"l": "left", "r": "right"}
    table = pd.DataFrame(
        {
            "rule": pd.Series(rule).map({"L": "light", "A": "left", "B": "right"}),
            "cue_side": pd.Series(cue).map(words),
            "choice_side": pd.Series(choice).map(words),
            "correct": choice == right,
            "t_cue": np.arange(count) * 15.0,
        }
    )
    start = time.process_time()
    scores = score(table, make_task())
    seconds = time.process_time() - start
    assert len(scores.sets) == 25_000
    # A sample of sets against the slow implementation.
    for number in rng.integers(0, 25_000, 20):
        rows = slice(number * 40, number * 40 + 40)
        text = " ".join(map("".join, zip(rule[rows], cue[rows], choice[rows], strict=True)))
        (words_of_set,) = split_sets(text)
        expected = oracle_criterion(
            words_of_set, m=3, of=3, count=False, breaks=False, included=True
        )
        row = scores.sets.iloc[number]
        assert (row["trials_to_criterion"], row["reached"]) == expected
        errors = sum(side_of(w[0], w[1]) != w[2] for w in words_of_set)
        assert row["n_errors"] == errors
    assert seconds < 5.0
