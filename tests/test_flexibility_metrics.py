"""Metrics of one cell, each worked by hand, with the traps of the notes."""

from __future__ import annotations

import importlib
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flexibility_examples import make_task, trial_table

from pipeline.compare.survival import restricted_mean as survival_restricted_mean
from pipeline.flexibility import SCHEMES, epoch_trials, score
from pipeline.flexibility.restricted import restricted_mean
from pipeline.flexibility.specificity import PANEL, specificity
from pipeline.registry import metrics, parse_outcome

NAMES = (
    "accuracy_by_conflict",
    "acquisition_accuracy",
    "acquisition_trials_to_criterion",
    "first_trial_previous_rule",
    "latency_choice",
    "latency_collection",
    "latency_init",
    "lose_shift",
    "side_bias",
    "side_bias_index",
    "streak_length",
    "streak_number",
    "switch_cost",
    "switch_cost_latency",
    "time_to_criterion",
    "trials_to_criterion_by_direction",
    "trials_to_criterion_restricted",
    "win_stay",
)
# Trials every 10 s: set 1 at 0-20 (reached), set 2 at 30-90 (reached at 90), set 3 at 100-120.
TEXT = "Lll Lrr Lll  Arr Arr Alr Ar- Arl Arl Arl  Lrl Lrr Lrl"


def cell_of(text=TEXT, intervals=None, *, columns=None, administrations_s=(), **changes):
    table = trial_table(text, **(columns or {})) if isinstance(text, str) else text
    scores = score(table, make_task(**changes))
    return epoch_trials(
        scores, intervals, scheme="rule_consistent", administrations_s=administrations_s
    )


def compute(name, cell):
    module = importlib.import_module(f"pipeline.flexibility.metrics.{name}")
    return module.compute(trials=cell, options={"flexibility": {"error_scheme": cell.scheme}})


def by_kind(name, cell):
    """Value and number of pieces by kind."""
    return {v.band: (pytest.approx(v.value), v.n_effective) for v in compute(name, cell)}


def only(name, cell):
    (value,) = compute(name, cell)
    return value


# ---- declarations --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_metric_declares_itself(name):
    metric = metrics()[name]
    assert (metric.domain, metric.entity, metric.grain) == ("flexibility", "animal", "cell")
    assert metric.description and metric.definition and metric.reference
    assert metric.options[0] == "flexibility.task"
    cell = cell_of()
    directions = set(cell.task.directions) if "flexibility.task.rules" in metric.options else set()
    for value in compute(name, cell):
        assert math.isfinite(value.value)
        assert math.isfinite(value.n_effective) and value.n_effective_unit
        assert value.band in ({*metric.band_names, *directions} if metric.per_band else {""})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "text",
    ["Ll- Lr- Ll-", "Lll", "Ar- Arl Lrl", "Lll Lrr Lll Arr"],
    ids=["all omissions", "one trial", "omission first", "switch on the last trial"],
)
def test_traps_give_finite_values_or_none(name, text):
    for value in compute(name, cell_of(text)):
        assert math.isfinite(value.value)


# ---- restricted mean -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "censored", "tau", "expected"),
    [
        # all met: the mean
        ([3, 5, 10], [0, 0, 0], 20, (6.0, False)),
        # tau cuts the slow one: (3 + 5 + 8) / 3
        ([3, 5, 10], [0, 0, 0], 8, (16 / 3, False)),
        # unfinished and shorter: 3 at risk until 3, then 2/3; 5 is the last event: 3 + 2 (2/3)
        # with the set cut after 4 trials: its 1/3 goes to the one of 5
        ([3, 5, 4], [0, 0, 1], 20, (3 + 2 * 2 / 3, False)),
        # unfinished and longest: known to 9 only: 3 + 2 (2/3) + 4 (1/3), a lower bound
        ([3, 5, 9], [0, 0, 1], 20, (3 + 4 / 3 + 4 / 3, True)),
        # the same, with tau before its end: exact
        ([3, 5, 9], [0, 0, 1], 9, (3 + 4 / 3 + 4 / 3, False)),
        ([3, 5, 9], [0, 0, 1], 7, (3 + 4 / 3 + 2 / 3, False)),
        # cut at the very trial at which another set met it: not met by then
        ([4, 4], [0, 1], 20, (4.0, True)),
        # nothing met
        ([7], [1], 20, (7.0, True)),
        ([7, 12], [1, 1], 10, (10.0, False)),
    ],
)
def test_restricted_mean_by_hand(time, censored, tau, expected):
    mean, still_open = restricted_mean(time, censored, tau=tau)
    assert (mean, still_open) == (pytest.approx(expected[0]), expected[1])
    if not still_open:
        assert survival_restricted_mean(time, censored, tau=tau)[0] == pytest.approx(mean)


def test_restricted_mean_agrees_with_the_other_implementation():
    rng = np.random.default_rng(3)
    for _ in range(200):
        n = rng.integers(1, 9)
        time, late = rng.integers(1, 12, n), rng.random(n) < 0.3
        tau = rng.integers(1, 15)
        mean, still_open = restricted_mean(time, late, tau=tau)
        other, _ = survival_restricted_mean(time, late, tau=tau)
        assert math.isnan(other) if still_open else mean == pytest.approx(other)


def test_session_has_both_conventions():
    # Sets of 3 and 6 trials, and 3 of an unfinished one: 3 + 3 (2/3).
    session = score(trial_table(TEXT), make_task()).session.iloc[0]
    assert session["trials_to_criterion"] == 4.5
    assert session["trials_to_criterion_restricted"] == pytest.approx(5.0)
    assert not session["trials_to_criterion_restricted_censored"]
    value = only("trials_to_criterion_restricted", cell_of())
    assert (value.value, value.censored, value.n_effective) == (pytest.approx(5.0), False, 3)


def test_slow_unfinished_set_counts_only_in_the_restricted_mean():
    slow = "Lll Lll Lll  " + "Arr Arl " * 10
    cell = cell_of(slow)
    assert only("trials_to_criterion", cell).value == 3
    # Half of the sets are at 20 trials without the criterion: 3 + 17 / 2, a lower bound.
    value = only("trials_to_criterion_restricted", cell)
    assert (value.value, value.censored) == (11.5, True)
    # With a common end that was reached it is exact: 3 + 9 / 2.
    value = only("trials_to_criterion_restricted", cell_of(slow, restricted_at_trials=12))
    assert (value.value, value.censored) == (7.5, False)


def test_common_end_of_the_restricted_mean():
    assert make_task().restricted_at == 30
    assert make_task(criterion={"m": 7, "of": 8}).restricted_at == 70
    assert make_task(restricted_at_trials=50).restricted_at == 50


def test_silent_session_has_no_restricted_mean():
    assert compute("trials_to_criterion_restricted", cell_of("Ll- Lr-")) == []
    session = score(trial_table("Ll- Lr-"), make_task()).session.iloc[0]
    assert math.isnan(session["trials_to_criterion_restricted"])


# ---- time to criterion, phases of behaviour ------------------------------------------------------


def test_time_to_criterion():
    # 0 to 20 s and 30 to 90 s; the third set is not met.
    value = only("time_to_criterion", cell_of())
    assert (value.value, value.censored, value.n_effective) == (40.0, False, 2)
    assert cell_of().sets["time_to_criterion"].tolist() == [20.0, 60.0, 20.0]
    cut = only("time_to_criterion", cell_of(TEXT, [[25.0, 85.0]]))
    assert (cut.value, cut.censored) == (50.0, True)


def test_time_to_criterion_needs_times():
    timeless = trial_table(TEXT).drop(columns="t_cue")
    assert compute("time_to_criterion", cell_of(timeless)) == []


def test_end_of_the_phase_and_administration_cut_a_set():
    # A dose at 75 s, handling cut out from 70 to 80 s: baseline ends, the acute phase begins.
    baseline = cell_of(TEXT, [[0.0, 70.0]])
    acute = cell_of(TEXT, [[80.0, 500.0]])
    assert baseline.sets[["set_index", "censored", "ended"]].values.tolist() == [
        [1, False, "switch"],
        [2, True, "cut"],
    ]
    assert acute.sets["set_index"].tolist() == [3]


def test_administration_between_two_intervals_of_a_cell_cuts_a_set():
    # A sham at 75 s inside one phase: its handling is cut out, and the phase goes on.
    pieces = [[0.0, 70.0], [80.0, 500.0]]
    assert not cell_of(TEXT, pieces).sets["censored"].iloc[1]
    cell = cell_of(TEXT, pieces, administrations_s=[75.0])
    second = cell.sets.iloc[1]
    assert (second["censored"], second["ended"], second["n_trials"]) == (True, "cut", 4)
    assert second["trials_to_criterion"] == 3  # three choices and an omission
    assert cell.sets["set_index"].tolist() == [1, 2, 3]
    assert cell.sets["reached"].tolist() == [True, False, False]
    # One before the set, or at its first trial, does not cut it; touching pieces are cut too.
    assert not cell_of(TEXT, pieces, administrations_s=[-10.0, 30.0]).sets["censored"].iloc[1]
    touching = cell_of(TEXT, [[0.0, 75.0], [75.0, 500.0]], administrations_s=[75.0])
    assert touching.sets["n_trials"].tolist() == [3, 5, 3]


def test_restricted_mean_of_a_cut_set():
    value = only("trials_to_criterion_restricted", cell_of(TEXT, [[0.0, 60.0]]))
    # Sets of 3 (met) and 3 (cut): the curve ends at 3.
    assert (value.value, value.censored, value.n_effective) == (3.0, True, 2)


# ---- set 1, streaks, bias, conflict --------------------------------------------------------------


def test_acquisition_is_the_set_without_a_previous_rule():
    cell = cell_of("Lll Lrl Lll Lll Lll  Arl Arl Arl")
    assert by_kind("acquisition_accuracy", cell) == {"": (0.8, 5)}
    assert only("acquisition_trials_to_criterion", cell).value == 5
    shifted = cell_of("Lll Lrl Lll Lll Lll", rule_before_session="left")
    for name in ("acquisition_accuracy", "acquisition_trials_to_criterion"):
        assert compute(name, shifted) == []
        assert compute(name, cell_of(TEXT, [[25.0, 500.0]])) == []


def test_one_rule_only_has_acquisition_and_no_switch():
    cell = cell_of("Lll Lrl Lrr Lll Lrr")
    assert only("acquisition_trials_to_criterion", cell).value == 5
    for name in ("first_trial_previous_rule", "switch_cost", "accuracy_by_conflict"):
        assert compute(name, cell) == []
    assert {v.band for v in compute("latency_choice", cell)} == {"all", "correct", "error"}


def test_streaks_per_set():
    # Set 1: runs of 1 and 2; set 2: none; set 3: omissions only, no choice.
    cell = cell_of("Lll Lrl Lrr Lll  Arr  Lr-")
    assert by_kind("streak_number", cell) == {"": (1.0, 2)}
    assert by_kind("streak_length", cell) == {"": (1.5, 1)}
    strict = cell_of("Lll Lrl Lrr Lll  Arr  Lr-", streak_minimum=2)
    assert by_kind("streak_number", strict) == {"": (0.5, 2)}
    assert by_kind("streak_length", strict) == {"": (2.0, 1)}


def test_side_bias_by_hand():
    # Light left: 3 left, 1 right; light right: 2 left, 2 right.
    cell = cell_of("Lll Lll Lll Llr Lrl Lrl Lrr Lrr Ll-")
    log_odds = (math.log(1.5 / 3.5) + math.log(2.5 / 2.5)) / 2
    assert by_kind("side_bias", cell) == {"": (-log_odds, 8)}
    assert by_kind("side_bias_index", cell) == {"": (2 / 8, 8)}


def test_rule_moves_the_index_and_not_the_side_bias():
    # Always right under the side rule, always right under the light rule: no bias of its own.
    cell = cell_of("All All All All All All  Lll Lrr Lll Lrr Lrr Lrr Lrr Lrr")
    assert only("side_bias_index", cell).value == (8 - 6) / 14
    # Left correct: 8 left; right correct: 6 right: only the halves added are left of a bias.
    left_over = abs(math.log(0.5 / 8.5) + math.log(6.5 / 0.5)) / 2
    assert only("side_bias", cell).value == pytest.approx(left_over)
    assert left_over < 0.14
    assert compute("side_bias", cell_of("All All Alr")) == []  # right is never correct


def test_side_bias_needs_two_sides():
    table = pd.DataFrame(
        {"rule": ["x"] * 3, "choice_side": ["front", "middle", "rear"], "cue_side": [""] * 3}
    )
    three = {"sides": ["front", "middle", "rear"], "rules": {"x": "choose middle"}}
    cell = cell_of(table, **three)
    assert compute("side_bias", cell) == compute("side_bias_index", cell) == []


def test_accuracy_by_conflict():
    # Set 2, previous light: conflict on Arr, Arl; congruent on All, Alr.
    cell = cell_of("Lll Lrr Lll  Arr Arl Arl All Alr Ar- Al-")
    expected = {"conflict": (2 / 3, 3), "congruent": (0.5, 2)}
    assert by_kind("accuracy_by_conflict", cell) == expected


def test_reversal_only_has_no_congruent_trials():
    rules = {"left": "choose left", "right": "reverse left"}
    cell = cell_of("All All All Brl Brl Brr Brr Brr", rules=rules)
    assert by_kind("accuracy_by_conflict", cell) == {"conflict": (0.6, 5)}
    assert by_kind("trials_to_criterion_by_direction", cell) == {"side_to_side": (5.0, 1)}
    assert by_kind("first_trial_previous_rule", cell) == {"": (1.0, 1)}


# ---- latencies -----------------------------------------------------------------------------------


def timed_table(text, latency):
    """Choices at given latencies; initiation 1 s after the cue, reward 0.5 s after the choice."""
    table = trial_table(text, latency_choice=latency)
    table["t_init"] = table["t_cue"] + 1.0
    table["t_choice"] = table["t_cue"] + table["latency_choice"]
    table["t_reward"] = np.where(table["correct"] == 1, table["t_choice"] + 0.5, np.nan)
    return table


def test_latencies_by_kind():
    text = "Lll Lrl Lll  Arr Arl All Alr Arl"
    table = timed_table(text, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    cell = cell_of(table, after_switch_trials=2)
    assert by_kind("latency_choice", cell) == {
        "all": (4.5, 8),
        "correct": (5.0, 5),  # 1 3 5 6 8
        "error": (4.0, 3),  # 2 4 7
        "conflict": (5.0, 3),  # 4 5 8
        "congruent": (6.5, 2),  # 6 7
        "switch": (4.5, 2),  # trials 1 and 2 of set 2
        "stable": (6.5, 4),  # trial 3 of set 1, trials 3 to 5 of set 2
    }
    assert by_kind("latency_init", cell)["all"] == (1.0, 8)
    assert by_kind("latency_collection", cell) == {
        "all": (0.5, 5),
        "conflict": (0.5, 2),
        "congruent": (0.5, 1),
        "switch": (0.5, 1),
        "stable": (0.5, 3),
    }


def test_omissions_and_latencies_of_the_window_have_no_latency():
    table = timed_table("Lll Lrl Lrl Lll", [1.0, 3.0, 9.0, 3.5])
    table["omission"] = [False, False, True, False]
    table["correct"] = [1.0, 0.0, 0.0, np.nan]
    cell = cell_of(table, response_window_s=3.5)
    assert by_kind("latency_choice", cell)["all"] == (2.0, 2)
    assert by_kind("latency_init", cell)["all"] == (1.0, 2)


def test_choice_latency_of_a_blank_cell_follows_from_the_times():
    table = timed_table("Lll Lrl Lrr", [1.0, 3.0, 8.0])
    table["latency_choice"] = [np.nan, 2.5, np.nan]  # 1, as logged, 8
    assert by_kind("latency_choice", cell_of(table))["all"] == (2.5, 3)
    # The window counts it out by the same latency.
    table["correct"] = [1.0, 0.0, np.nan]
    cell = cell_of(table, response_window_s=8.0)
    assert by_kind("latency_choice", cell)["all"] == (1.75, 2)
    assert by_kind("omissions", cell)[""] == (pytest.approx(1 / 3), 3)


def test_an_initiation_before_the_cue_has_no_latency():
    table = timed_table("Lll Lrl Lll Lrr", [1.0, 2.0, 3.0, 4.0])
    # Nose poke, then the cue: no value, rather than -0.5 s. At its onset: none either.
    for ahead in (0.5, 0.0):
        table["t_init"] = table["t_cue"] - ahead
        assert compute("latency_init", cell_of(table)) == []
    # Both in one session: the initiations that follow their cue.
    table["t_init"] = table["t_cue"] + [-0.5, 2.0, 0.0, 3.0]
    cell = cell_of(table)
    assert by_kind("latency_init", cell)["all"] == (2.5, 2)
    assert by_kind("latency_choice", cell)["all"] == (2.5, 4)


def test_latency_of_a_log_that_has_times_only_and_of_one_that_has_none():
    table = timed_table("Lll Lrl", [1.0, 3.0])
    assert by_kind("latency_choice", cell_of(table.drop(columns="latency_choice")))["all"][1] == 2
    bare = table[["rule", "cue_side", "choice_side"]]
    for name in ("latency_choice", "latency_init", "latency_collection"):
        assert compute(name, cell_of(bare)) == []


def test_unrewarded_choices_have_no_collection():
    table = timed_table("Lll Lrr Lll", [1.0, 1.0, 1.0])
    table["rewarded"] = pd.array([True, False, None], dtype="boolean")
    assert by_kind("latency_collection", cell_of(table))["all"] == (0.5, 2)


# ---- win-stay and lose-shift ---------------------------------------------------------------------


def test_win_stay_lose_shift_by_hand():
    # win Lll; loss Lrl; loss Llr; win Lrr; win Lll; end. Pairs:
    # Lll->Lrl: win, same side, cue followed then not; Lrl->Llr: loss, other side, cue left twice;
    # Llr->Lrr: loss, same side, cue left then followed; Lrr->Lll: win, other side, followed twice.
    cell = cell_of("Lll Lrl Llr Lrr Lll")
    assert by_kind("win_stay", cell) == {"side": (0.5, 2), "cue": (0.5, 2)}
    assert by_kind("lose_shift", cell) == {"side": (0.5, 2), "cue": (0.5, 2)}


def test_omission_breaks_the_pair_and_the_switch_does_not():
    assert by_kind("win_stay", cell_of("Lll Ll- Lll Lll"))["side"] == (1.0, 1)
    assert by_kind("win_stay", cell_of("Lll All"))["side"] == (1.0, 1)


@pytest.mark.parametrize("nothing", ["", None, np.nan])
def test_missing_choice_with_correct_0_is_neither_win_nor_loss(nothing):
    table = trial_table("Lll Lll Lll").drop(columns="omission")
    table["choice_side"] = table["choice_side"].astype(object)
    table.loc[1, ["choice_side", "correct"]] = [nothing, 0.0]
    cell = cell_of(table)
    for name in ("win_stay", "lose_shift"):
        assert compute(name, cell) == []
    assert by_kind("latency_choice", cell)["all"][1] == 2
    assert by_kind("side_bias_index", cell) == {"": (1.0, 2)}


def test_border_of_an_interval_breaks_the_pair():
    assert by_kind("win_stay", cell_of("Lll Lll Lll Lll"))["side"] == (1.0, 3)
    for pieces in ([[0.0, 15.0], [18.0, 500.0]], [[0.0, 20.0], [20.0, 500.0]]):
        assert by_kind("win_stay", cell_of("Lll Lll Lll Lll", pieces))["side"] == (1.0, 2)
    # Trials 1, 2 and 4 are inside: 2 and 4 are no neighbours.
    gap = [[0.0, 15.0], [25.0, 500.0]]
    assert by_kind("win_stay", cell_of("Lll Lll Lll Lll", gap))["side"] == (1.0, 1)


def test_unscored_trial_breaks_the_pair():
    table = trial_table("Lll Lll Lll Lll")
    table.loc[2, "rule"] = "free"
    cell = cell_of(table, unscored_rules=["free"])
    assert by_kind("win_stay", cell)["side"] == (1.0, 1)


def test_feedback_true_and_misleading():
    # Rewards: Lll yes (true win); Lrl yes (misleading win); Lll no (misleading loss); Lrl no (true
    # loss); Lrr yes, last.
    rewarded = {"rewarded": pd.array([True, True, False, False, True], dtype="boolean")}
    cell = cell_of("Lll Lrl Lll Lrl Lrr", columns=rewarded, probabilistic=True)
    assert by_kind("win_stay", cell) == {
        "side": (1.0, 2),
        "cue": (0.0, 2),
        "side_true": (1.0, 1),
        "side_misleading": (1.0, 1),
        "cue_true": (0.0, 1),
        "cue_misleading": (0.0, 1),
    }
    assert by_kind("lose_shift", cell) == {
        "side": (0.5, 2),
        "cue": (1.0, 2),
        "side_true": (1.0, 1),
        "side_misleading": (0.0, 1),
        "cue_true": (1.0, 1),
        "cue_misleading": (1.0, 1),
    }


def test_no_feedback_is_made_up_in_a_probabilistic_task():
    nothing = {"rewarded": pd.array([None] * 5, dtype="boolean")}
    for columns in ({}, nothing):
        cell = cell_of("Lll Lrl Lll Lrl Lrr", columns=columns, probabilistic=True)
        assert by_kind("win_stay", cell) == by_kind("lose_shift", cell) == {}
        told = cell_of("Lll Lrl Lll Lrl Lrr", columns=columns)
        assert by_kind("win_stay", told)["side"] == (1.0, 2)


def test_pairs_whose_reward_is_not_known_are_left_out():
    rewarded = {"rewarded": pd.array([None, True, True], dtype="boolean")}
    assert by_kind("win_stay", cell_of("Lll Lll Lll", columns=rewarded))["side"] == (1.0, 1)
    empty = {"rewarded": pd.array([None] * 3, dtype="boolean")}
    assert by_kind("win_stay", cell_of("Lll Lll Lll", columns=empty))["side"] == (1.0, 2)


def test_cues_that_are_no_sides_have_no_cue_coding():
    table = trial_table("Lll Lll").assign(cue_side=["low", "low"])
    rules = {"light": "map low -> left, high -> right"}
    cell = cell_of(table, cues=["low", "high"], rules=rules)
    assert set(by_kind("win_stay", cell)) == {"side"}


def test_log_without_choices_still_gives_pairs_and_bias():
    cell, full = (
        cell_of(trial_table("Lll Lrl Llr Lrr Lll").drop(columns=drop))
        for drop in (["choice_side"], [])
    )
    for name in ("win_stay", "lose_shift", "side_bias", "side_bias_index"):
        assert by_kind(name, cell) == by_kind(name, full)


# ---- panel and schemes ---------------------------------------------------------------------------


def test_panel_names_outcomes_that_exist():
    for row in PANEL:
        parts = parse_outcome(row.outcome)
        metric = metrics()[parts["metric"]]
        assert parts["band"] in metric.band_names if metric.per_band else not parts["band"]
    found = specificity(["omissions", "trials_to_criterion", "band_power/theta@mPFC"])
    assert [row.outcome for row in found] == ["trials_to_criterion", "omissions"]
    assert {row.about for row in PANEL} == {"shift", "control"}


def test_docs_define_every_outcome_and_its_kinds():
    text = (Path(__file__).parents[1] / "docs" / "flexibility.md").read_text(encoding="utf-8")
    for name in NAMES:
        assert f"`{name}" in text, name
        for kind in metrics()[name].band_names:
            assert f"/{kind}`" in text, (name, kind)
    defaults = make_task()
    assert f"`after_switch_trials` ({defaults.after_switch_trials})" in text
    assert f"`switch_cost_trials` ({defaults.switch_cost_trials})" in text


def test_metrics_of_error_types_name_the_scheme():
    for name in (
        "perseverative_errors",
        "post_perseverative_errors",
        "regressive_errors",
        "never_reinforced_errors",
    ):
        metric = metrics()[name]
        assert "flexibility.error_scheme" in metric.options
        assert "flexibility.error_scheme" in metric.definition
    assert set(SCHEMES) >= {"floresco_block", "widge_sequence"}


# ---- trials before the criterion run, several unfinished sets ------------------------------------


def exclusive(name, text, **changes):
    return compute(name, cell_of(text, criterion_run_included=False, **changes))


def test_restricted_mean_of_trials_before_the_run_is_estimated_with_the_run():
    # Up to the criterion 3, 9 and 2 (cut): 3 + 6 (1/2) = 6, less the run of three.
    text = "Lll Lll Lll  " + "Arr " * 6 + "Arl Arl Arl  Lll Lll"
    (whole,) = compute("trials_to_criterion_restricted", cell_of(text))
    (value,) = exclusive("trials_to_criterion_restricted", text)
    assert (whole.value, whole.censored) == (pytest.approx(6.0), False)
    assert (value.value, value.censored) == (pytest.approx(3.0), False)
    session = score(trial_table(text), make_task(criterion_run_included=False)).session.iloc[0]
    assert session["trials_to_criterion_restricted"] == pytest.approx(3.0)


def test_restricted_mean_of_trials_before_the_run_ends_at_the_common_number():
    # 0 and 6 trials before the run, up to 4; and up to no run at all: at least nothing.
    text = "Lll Lll Lll  " + "Arr " * 6 + "Arl Arl Arl"
    (value,) = exclusive("trials_to_criterion_restricted", text, restricted_at_trials=4)
    assert (value.value, value.censored) == (pytest.approx(2.0), False)
    (short,) = exclusive("trials_to_criterion_restricted", "Lll Lll")
    assert (short.value, short.censored) == (0.0, True)


@pytest.mark.parametrize(
    ("changes", "known"),
    [
        ({}, True),
        ({"criterion": {"m": 3, "of": 4}}, False),
        ({"criterion": {"accuracy": 0.8, "block": 5}}, False),
        ({"omissions_count": True, "omissions_break_run": True}, True),
        ({"omissions_count": True, "omissions_break_run": False}, False),
    ],
)
def test_a_run_of_varying_length_has_no_restricted_mean_without_it(changes, known):
    assert bool(exclusive("trials_to_criterion_restricted", TEXT, **changes)) == known
    assert compute("trials_to_criterion_restricted", cell_of(TEXT, **changes))


def test_restricted_mean_without_the_run_has_no_other_bias_than_with_it():
    """Sessions cut at 60 trials: both forms tell the same, a run of five apart."""
    rng = np.random.default_rng(0)
    task = {"criterion": {"consecutive": 5}, "restricted_at_trials": 50}
    found = {True: [], False: []}
    for _ in range(40):
        words, run, number = [], 0, 0
        while len(words) < 60:
            right = rng.random() < 0.9
            words.append((("Lll", "Llr"), ("Arl", "Arr"))[number % 2][not right])
            run = run + 1 if right else 0
            number, run = (number + 1, 0) if run == 5 else (number, run)
        for included in found:
            made = make_task(criterion_run_included=included, **task)
            session = score(trial_table(" ".join(words)), made).session.iloc[0]
            found[included].append(session["trials_to_criterion_restricted"])
    apart = np.subtract(found[True], found[False])
    assert apart.mean() == pytest.approx(5.0, abs=0.2)


def test_several_unfinished_sets_are_bounded_by_their_mean():
    """4, 9 and 6 trials: whatever the sets are like, their mean is 19 / 3 or more."""
    text = "Lll " * 4 + "Arl " * 9 + "Lll " * 6
    cell = cell_of(text, criterion={"consecutive": 10})
    value = only("trials_to_criterion", cell)
    assert (value.value, value.censored) == (pytest.approx(19 / 3), True)
    alike = only("trials_to_criterion_restricted", cell)
    assert (alike.value, alike.censored) == (9.0, True)


def test_session_and_cell_count_streaks_of_the_same_sets():
    text = "Lll Lrr Lll  Ar- Al-  Lrl"
    session = score(trial_table(text), make_task()).session.iloc[0]
    assert session["n_streaks"] == only("streak_number", cell_of(text)).value == 0.5
