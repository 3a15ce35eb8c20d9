"""Agents of known parameters: what was put in comes out, and nothing where nothing changed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_flexibility_metrics import compute

from benchmarks.flexibility_null import TASK, differences, false_positives, session
from pipeline.flexibility import epoch_trials, score
from pipeline.flexibility.restricted import restricted_mean
from pipeline.flexibility.strategies import conditioned_bias
from pipeline.flexibility.switches import switch_aligned
from pipeline.simulate.agent import Agent

SIDES = np.array(["left", "right"])


def by_band(name, scores, scheme="rule_consistent"):
    return {v.band: v for v in compute(name, epoch_trials(scores, None, scheme=scheme))}


def within(value, truth, *, deviations=4.0):
    """Whether a share is within so many binomial standard errors of the truth."""
    error = math.sqrt(truth * (1 - truth) / value.n_effective)
    return abs(value.value - truth) < deviations * error


def table_of(rule, cue, choice, **columns):
    return pd.DataFrame(
        {
            "t_cue": np.arange(len(rule)) * 10.0,
            "rule": pd.Series(rule, dtype="str"),
            "cue_side": pd.Series(cue, dtype="str"),
            "choice_side": pd.Series(choice, dtype="str"),
            **columns,
        }
    )


def repeater(rng, n, *, stay, shift, coded, valid=1.0):
    """Stays after a win and shifts after a loss with given probabilities.

    What it stays with is the side, or following the cue (``coded``); rewards tell the truth of the
    rule with probability ``valid``.
    """
    cue, side = rng.integers(0, 2, n), rng.integers(0, 2)
    rule = np.arange(n) // 50 % 2  # left, right
    drawn, choice, rewarded = rng.random(n), np.empty(n, dtype=int), np.empty(n, dtype=bool)
    follows = True
    for i in range(n):
        choice[i] = side if coded == "side" else (cue[i] if follows else 1 - cue[i])
        rewarded[i] = (choice[i] == rule[i]) == (rng.random() < valid)
        keep = drawn[i] < stay if rewarded[i] else drawn[i] >= shift
        side, follows = (side, follows) if keep else (1 - side, not follows)
    extra = {"rewarded": rewarded}
    return table_of(SIDES[rule], SIDES[cue], SIDES[choice], **extra)


@pytest.mark.parametrize("coded", ["side", "cue"])
def test_win_stay_and_lose_shift_are_recovered(coded):
    rng = np.random.default_rng(11)
    table = repeater(rng, 6000, stay=0.85, shift=0.35, coded=coded, valid=0.8)
    scores = score(table, TASK.model_copy(update={"probabilistic": True}))
    stays, shifts = by_band("win_stay", scores), by_band("lose_shift", scores)
    for kind in (coded, f"{coded}_true", f"{coded}_misleading"):
        assert within(stays[kind], 0.85), kind
        assert within(shifts[kind], 0.35), kind
    # Coded the other way, the cue being drawn at random, it looks like no strategy at all.
    other = {"side": "cue", "cue": "side"}[coded]
    assert within(stays[other], 0.5) and within(shifts[other], 0.5)


@pytest.mark.parametrize("log_odds", [0.0, 0.6, -1.0])
@pytest.mark.parametrize("cue_right", [0.5, 0.8])
def test_side_bias_is_recovered_whatever_the_accuracy_and_the_cues(log_odds, cue_right):
    rng = np.random.default_rng(12)
    cue = (rng.random(8000) < cue_right).astype(int)
    right = 1 / (1 + np.exp(-(np.where(cue == 1, 1.5, -1.5) + log_odds)))
    choice = (rng.random(8000) < right).astype(int)
    scores = score(table_of(["light"] * 8000, SIDES[cue], SIDES[choice]), TASK)
    (found,) = by_band("side_bias", scores).values()
    assert found.value == pytest.approx(abs(log_odds), abs=0.12)


def test_side_bias_of_few_trials_is_known():
    # Without bias, 80 % correct of 100 choices: the magnitude is 0.2 by chance (docs).
    rng = np.random.default_rng(13)
    right = rng.binomial(50, 0.8, size=(2000, 2))
    signed = [conditioned_bias(np.array([[a, 50 - a], [50 - b, b]])) for a, b in right]
    assert np.mean(signed) == pytest.approx(0.0, abs=0.03)
    assert np.mean(np.abs(signed)) == pytest.approx(0.20, abs=0.02)


@pytest.mark.parametrize(("persists", "lapse"), [(6, 0.0), (12, 0.1)])
def test_perseveration_is_recovered(persists, lapse):
    # Follows the old rule for so many trials after each switch, then the new one; lapses choose a
    # side at random.
    rng = np.random.default_rng(14)
    n = 9000
    position = np.arange(n) % 30
    rule = np.array(["light", "left", "light", "right"])[np.arange(n) // 30 % 4]
    before = np.roll(rule, 30)
    cue = SIDES[rng.integers(0, 2, n)]
    followed = np.where((position < persists) & (np.arange(n) >= 30), before, rule)
    choice = np.where(followed == "light", cue, followed)
    choice = np.where(rng.random(n) < lapse, SIDES[rng.integers(0, 2, n)], choice)
    scores = score(table_of(rule, cue, choice), TASK)
    curve = switch_aligned(scores, before=3, after=20)
    conflict = curve[curve["kind"] == "conflict"].groupby("lag")[["n_compared", "n_previous_rule"]]
    for lag, (compared, old) in conflict.sum().iterrows():
        truth = 1 - lapse / 2 if lag < persists else lapse / 2
        error = math.sqrt(truth * (1 - truth) / compared)
        assert abs(old / compared - truth) <= 4 * error, lag
    if not lapse:
        # Half of the trials are conflicts; an error on the very first one is not perseverative.
        after = scores.trials[(scores.trials["set_index"] > 1) & (position < persists)]
        expected = (after["conflict"] & (after["trial_in_set"] > 1)).sum() / (len(scores.sets) - 1)
        (errors,) = by_band("perseverative_errors", scores).values()
        assert errors.value == pytest.approx(expected)
        assert expected == pytest.approx((persists - 1) / 2, abs=0.3)
        cost = by_band("switch_cost", scores)["all"]
        assert cost.value == pytest.approx(0.5, abs=0.05)  # conflicts are half of the trials


def test_agent_that_chooses_at_random():
    rng = np.random.default_rng(15)
    scores = session(Agent(lapse=1.0, omission=0.1), rng, n_trials=3000)
    assert within(by_band("omissions", scores)[""], 0.1)
    for name in ("win_stay", "lose_shift"):
        for value in by_band(name, scores).values():
            assert within(value, 0.5)
    for value in by_band("accuracy_by_conflict", scores).values():
        assert within(value, 0.5)
    assert by_band("side_bias", scores)[""].value < 4 * 2 / math.sqrt(2700)


def test_latency_is_recovered():
    rng = np.random.default_rng(16)
    scores = session(Agent(response_s=0.9), rng, n_trials=1500)
    for kind, value in by_band("latency_choice", scores).items():
        # Log-normal with standard deviation 0.3: that of the median is 0.3 sqrt(pi / (2 n)).
        error = 0.3 * math.sqrt(math.pi / 2 / value.n_effective)
        assert abs(math.log(value.value / 0.9)) < 4 * error, kind


def test_perseverating_agents_cost_more():
    found = {}
    for bonus in (0.0, 4.0):
        agent = replace(Agent(learning_rate=0.15), perseveration=bonus)
        scores = session(agent, np.random.default_rng(17), n_trials=1500)
        found[bonus] = [
            by_band(name, scores)[band].value
            for name, band in (
                ("perseverative_errors", ""),
                ("trials_to_criterion_restricted", ""),
                ("switch_cost", "all"),
            )
        ]
    assert all(low < high for low, high in zip(found[0.0], found[4.0], strict=True)), found


def test_restricted_mean_of_a_session_is_known():
    # Sets alike, 85 % correct, criterion 10: E[min(T, 100)] is 26.8. In sessions of 150 trials the
    # estimate is 8 % high: the length of the session is fixed, so the unfinished set is a long one.
    rng = np.random.default_rng(18)
    estimates = []
    for _ in range(1500):
        times, run, count = [], 0, 0
        for hit in rng.random(150) < 0.85:
            count, run = count + 1, run + 1 if hit else 0
            if run == 10:
                times.append((count, False))
                run = count = 0
        times += [(count, True)] if count else []
        estimates.append(restricted_mean(*zip(*times, strict=True), tau=100)[0])
    assert np.mean(estimates) / 26.8 == pytest.approx(1.08, abs=0.03)


def test_sessions_alike_differ_no_more_often_than_chance():
    # benchmarks/flexibility_null.py does this at size; the table is in docs/flexibility.md.
    found = differences(12, n_trials=80, seed=19)
    table = false_positives(found, per_cohort=4)
    tested = int(table["n_cohorts"].sum())
    assert tested > 70
    rejected = round((table["rate"] * table["n_cohorts"]).sum())
    # Outcomes of one cohort go together: as if one in eight were independent.
    assert rejected / tested < stats.binom.ppf(0.999, tested // 8, 0.05) / (tested // 8)
