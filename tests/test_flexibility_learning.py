"""Learning curves, transitions and change points: by hand, on simulated truth, and on none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from flexibility_examples import make_task, trial_table
from scipy import stats
from scipy.optimize import brentq

from pipeline.errors import InputError
from pipeline.flexibility import epoch_trials, score
from pipeline.flexibility.changepoint import change_evidence, change_points, onset
from pipeline.flexibility.learning import (
    SWITCH_START_SD,
    VARIANCE_LIMITS,
    filter_step,
    learning_curves,
    session_curve,
    set_curves,
    smooth,
)
from pipeline.flexibility.metrics import learning_trial, switch_offset, switch_slope
from pipeline.flexibility.sigmoid import fit_switches, switch_trials
from pipeline.simulate.agents import ReinforcementAgent, simulate_choices


def generator(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# --- the state-space learning curve


def test_one_step_of_the_filter_by_hand():
    # Chance 1/2, prediction 0 with variance 1, correct: x = 1 - p(x), which is x = 1 / (1 + e^x).
    mean, variance = filter_step(0.0, 1.0, True, offset=0.0)
    assert mean == pytest.approx(0.40105814, abs=1e-7)
    p = 1 / (1 + math.exp(-0.40105814))
    assert variance == pytest.approx(1 / (1 + p * (1 - p)), abs=1e-7)
    assert filter_step(0.0, 1.0, False, offset=0.0)[0] == pytest.approx(-mean)


@pytest.mark.parametrize("correct", [True, False])
@pytest.mark.parametrize("mean", [-6.0, 0.3, 8.0])
@pytest.mark.parametrize("variance", [1e-4, 2.0, 400.0])
def test_the_filter_finds_the_mode_however_wide_the_prediction(mean, variance, correct):
    offset = math.log(0.25 / 0.75)

    def excess(x):
        return x - mean - variance * (correct - sigmoid(offset + x))

    expected = brentq(excess, mean - variance - 1, mean + variance + 1, xtol=1e-12)
    assert filter_step(mean, variance, correct, offset=offset)[0] == pytest.approx(
        expected, abs=1e-8
    )


def test_the_smoother_is_the_exact_gaussian_posterior():
    # Each step of the filter is a Gaussian observation; the smoother must then give what the whole
    # precision matrix gives at once.
    outcomes, step, start = [True, False, True, True, False, True], 0.3, 0.7
    mean, variance, pseudo = 0.0, start, []
    for outcome in outcomes:
        predicted = variance + step
        x, after = filter_step(mean, predicted, outcome, offset=0.0)
        weight = 1 / after - 1 / predicted
        pseudo.append((weight, (x / after - mean / predicted) / weight))
        mean, variance = x, after
    size = len(outcomes) + 1
    precision, linear = np.zeros((size, size)), np.zeros(size)
    precision[0, 0] = 1 / start
    for k in range(1, size):
        precision[k - 1 : k + 1, k - 1 : k + 1] += np.array([[1, -1], [-1, 1]]) / step
        weight, value = pseudo[k - 1]
        precision[k, k] += weight
        linear[k] = weight * value
    covariance = np.linalg.inv(precision)
    smoothed = smooth(outcomes, variance=step, offset=0.0, start_variance=start)
    np.testing.assert_allclose(smoothed.mean, covariance @ linear, atol=1e-8)
    np.testing.assert_allclose(smoothed.variance, np.diag(covariance), atol=1e-8)
    # The covariance of neighbours, which the estimate of the variance rests on.
    shared = [gain * smoothed.variance[k + 1] for k, gain in enumerate(smoothed.gain)]
    np.testing.assert_allclose(shared, np.diag(covariance, 1), atol=1e-8)


def test_the_variance_is_a_fixed_point_of_expectation_maximisation():
    rng = generator(3)
    x = np.cumsum(rng.normal(0, math.sqrt(0.1), size=(12, 60)), axis=1)
    sequences = list(rng.random(x.shape) < sigmoid(x))
    curve = learning_curves(sequences, chance=0.5, tolerance=1e-5)[0]
    # True: 0.1. The approximation makes it too small: five seeds gave 0.05 to 0.08.
    assert 0.03 < curve.variance < 0.12
    total = 0.0
    for sequence in sequences:
        s = smooth(sequence.tolist(), variance=curve.variance, offset=0.0, start_variance=0.0)
        for k, gain in enumerate(s.gain):
            total += (s.mean[k + 1] - s.mean[k]) ** 2 + s.variance[k + 1] + s.variance[k]
            total -= 2 * gain * s.variance[k + 1]
    assert total / 720 == pytest.approx(curve.variance, rel=1e-4)


def exact_posterior(outcomes, *, variance, start):
    """Mean and sd of x by forward and backward sums over a fine grid: no Gaussian anywhere."""
    grid = np.linspace(-10, 10, 501)
    move = np.exp(-0.5 * (grid[:, None] - grid) ** 2 / variance)
    move /= move.sum(axis=0)
    seen = [sigmoid(grid) if outcome else sigmoid(-grid) for outcome in outcomes]
    forward = [np.exp(-0.5 * grid**2 / start)]
    for likelihood in seen:
        forward.append((move @ forward[-1]) * likelihood / likelihood.max())
    backward, posterior = np.ones_like(grid), []
    for k in range(len(outcomes), 0, -1):
        posterior.append(forward[k] * backward / (forward[k] @ backward))
        backward = move.T @ (backward * seen[k - 1])
        backward /= backward.max()
    density = np.array(posterior[::-1])
    mean = density @ grid
    return mean, np.sqrt(density @ grid**2 - mean**2)


def test_the_gaussian_approximation_is_close_to_the_exact_posterior():
    rng = generator(12)
    outcomes = (rng.random(40) < sigmoid(np.linspace(-1, 2, 40))).tolist()
    mean, spread = exact_posterior(outcomes, variance=0.05, start=0.5)
    smoothed = smooth(outcomes, variance=0.05, offset=0.0, start_variance=0.5)
    assert np.abs(np.array(smoothed.mean[1:]) - mean).max() < 0.25 * spread.min()
    np.testing.assert_allclose(np.sqrt(smoothed.variance[1:]), spread, rtol=0.1)


def test_how_often_the_interval_covers_the_truth():
    rng = generator(4)
    x = np.cumsum(rng.normal(0, math.sqrt(0.03), size=(40, 60)), axis=1)
    curves = learning_curves(list(rng.random(x.shape) < sigmoid(x)), chance=0.5)
    covered = [
        ((curve.lower < p) & (p < curve.upper)).mean()
        for curve, p in zip(curves, sigmoid(x), strict=True)
    ]
    # Meant to be 0.90. The approximation makes the variance too small, and four seeds gave 0.88,
    # 0.86, 0.84 and 0.84 (standard error about 0.02: choices of one sequence are dependent).
    assert 0.80 < np.mean(covered) < 0.93
    assert curves[0].variance == pytest.approx(0.025, abs=0.01)


def test_the_learning_trial_of_a_learner_is_found():
    rng = generator(5)
    p = 0.5 + 0.45 * sigmoid(0.5 * (np.arange(80) - 30))
    found = [learning_curves([rng.random(80) < p], chance=0.5)[0].learning_trial for _ in range(30)]
    stated = [trial for trial in found if trial is not None]
    assert len(stated) >= 25
    # The bound passes chance about when the animal is half-way.
    assert np.median(stated) == pytest.approx(30, abs=4)
    assert np.percentile(stated, 90) - np.percentile(stated, 10) < 15


def test_without_learning_the_learning_trial_is_stated_in_less_than_one_in_twenty():
    rng = generator(6)
    stated = [
        learning_curves([rng.random(40) < 0.5], chance=0.5)[0].learning_trial is not None
        for _ in range(36)
    ]
    # 99.9 % limit of 5 %; benchmarks/model_recovery.py finds 1 to 4 %.
    assert sum(stated) <= stats.binom.ppf(0.999, 36, 0.05)


@pytest.mark.parametrize("start", [0.0, SWITCH_START_SD])
def test_all_wrong_none_and_all_right(start):
    wrong, right, few = (
        learning_curves([np.zeros(30)], chance=0.5, start_sd=start)[0],
        *(learning_curves([np.ones(n)], chance=0.5, start_sd=start)[0] for n in (30, 1)),
    )
    assert wrong.learning_trial is None
    assert wrong.variance <= VARIANCE_LIMITS[1]
    assert right.learning_trial is not None
    assert right.learning_trial <= 3
    assert right.variance <= VARIANCE_LIMITS[1]
    assert few.learning_trial is None
    # Right at first and wrong at the end: it did not stay above chance.
    lost = learning_curves([np.repeat([True, False], 20)], chance=0.5, start_sd=start)[0]
    assert lost.learning_trial is None


def test_ten_right_after_any_number_of_errors_show_learning():
    found = [
        learning_curves([[False] * k + [True] * 10], chance=0.5, start_sd=SWITCH_START_SD)[0]
        for k in range(26)
    ]
    trials = [curve.learning_trial for curve in found]
    assert None not in trials
    assert trials == sorted(trials)
    # After the last error, and when that many correct choices show it.
    assert all(k < trial <= k + 5 for k, trial in enumerate(trials))


@pytest.mark.parametrize("slip", [0.0, 0.02])
@pytest.mark.parametrize("errors", [2, 5, 12])
def test_completed_reversals_have_a_learning_trial(errors, slip):
    rng, stated = generator(7), []
    for _ in range(4):
        sets = []
        while sum(map(len, sets)) < 150:
            done, wanted = [], rng.poisson(errors)
            while done[-10:].count(True) < 10:
                done.append(len(done) >= wanted and rng.random() >= slip)
            sets.append(done)
        curves = learning_curves(sets, chance=0.5, start_sd=SWITCH_START_SD)
        stated += [curve.learning_trial is not None for curve in curves]
    assert len(stated) > 20
    assert np.mean(stated) >= 0.95


def test_the_first_choice_after_an_uncued_switch_shows_no_learning():
    cell = epoch_trials(
        score(trial_table("Lll Lrr Lll Arl All Arl All Arl"), make_task()),
        None,
        scheme="floresco_block",
    )
    for informed, trial in ((False, 2), (True, 1)):
        curves = set_curves(cell.set_trials, [2], n_sides=2, informed=informed)
        assert curves[2].learning_trial == trial
        task = make_task(switch_is_cued=informed).model_dump(mode="json")
        (value,) = learning_trial.compute(trials=cell, options={"flexibility": {"task": task}})
        assert (value.value, value.censored) == (trial, False)


def test_chance_is_the_tasks():
    hits = np.tile([True, False], 40)
    assert learning_curves([hits], chance=1 / 4)[0].learning_trial is not None
    assert learning_curves([hits], chance=1 / 2)[0].learning_trial is None
    curve = learning_curves([hits], chance=1 / 4)[0]
    assert curve.probability.mean() == pytest.approx(0.5, abs=0.12)


def test_learning_curve_refuses_what_it_cannot_use():
    with pytest.raises(InputError, match="chance = 1"):
        learning_curves([[True]], chance=1.0)
    with pytest.raises(InputError, match="without choices"):
        learning_curves([[True], []], chance=0.5)


# --- the transition


def test_the_posterior_of_one_set_is_the_sum_over_its_curve():
    lag, hit = np.array([0, 2, 3, 5, 8, 9]), np.array([0, 0, 1, 0, 1, 1], dtype=bool)
    fit = fit_switches([lag], [hit])
    # The same by plain sums over a finer grid of everything.
    s = np.linspace(-10, 120, 1041)
    log_a = np.linspace(math.log(0.05), math.log(5), 61)
    eps = np.linspace(0.001, 0.35, 60)
    prior = -0.5 * ((s - 10) / 20) ** 2
    total = np.zeros_like(s)
    for la in log_a:
        rise = sigmoid(math.exp(la) * (lag[:, None] - s))
        for e in eps:
            p = e + (1 - 2 * e) * rise
            log_p = np.where(hit[:, None], np.log(p), np.log1p(-p)).sum(axis=0) + prior
            total += np.exp(log_p - 0.5 * (la - math.log(0.5)) ** 2) * (1 - 2 * e) ** 8
    total /= total.sum()
    mean = total @ s
    assert fit.offset[0] == pytest.approx(mean, abs=0.15)
    assert fit.offset_sd[0] == pytest.approx(math.sqrt(total @ s**2 - mean**2), rel=0.05)


def test_offset_and_its_uncertainty_are_recovered():
    rng, off, means = generator(8), [], []
    for _ in range(8):
        offset, slope = rng.uniform(3, 30, size=8), math.exp(rng.normal(-0.7, 0.4))
        lags = [np.flatnonzero(rng.random(int(s) + 15) < 0.5) for s in offset]
        hits = [
            rng.random(len(lag)) < 0.05 + 0.9 * sigmoid(slope * (lag - s))
            for lag, s in zip(lags, offset, strict=True)
        ]
        fit = fit_switches(lags, hits)
        off += list((fit.offset - offset) / fit.offset_sd)
        means.append((offset.mean(), fit.offset.mean()))
    assert np.mean(off) == pytest.approx(0, abs=0.25)
    assert np.std(off) == pytest.approx(1, abs=0.2)
    assert np.corrcoef(np.transpose(means))[0, 1] > 0.75


def test_an_unfinished_set_says_that_it_is_unfinished():
    lag = np.arange(20)
    done, undone = lag >= 6, np.zeros(20, dtype=bool)
    fit = fit_switches([lag, lag], [done, undone])
    assert fit.unfinished.tolist() == [False, True]
    assert fit.offset[0] == pytest.approx(5.5, abs=0.5)
    assert fit.offset[1] > 19
    assert fit.offset_sd[1] > 5 * fit.offset_sd[0]
    assert fit.offset_mode[0] == pytest.approx(5.5, abs=0.5)


def test_transitions_rest_on_conflict_trials_with_the_lag_of_all():
    scores = score(trial_table("Lll Lrr Lll Alr Arr All Ar- Arl"), make_task())
    index, lags, correct = switch_trials(scores.trials)
    # Under choose-left a light on the right is the conflict; lags count omissions and the others.
    assert index == [2]
    assert lags[0].tolist() == [1, 4]
    assert correct[0].tolist() == [False, True]
    with pytest.raises(InputError, match="no set"):
        fit_switches([], [])


# --- change points


def test_evidence_for_a_change_in_closed_form():
    # One miss, one hit: B(1, 2) B(2, 1) / B(2, 2) = (1/2)(1/2) / (1/6) = 3/2.
    assert change_evidence([0, 1]) == pytest.approx([math.log10(1.5)])
    # Misses then hits, n each: (1 / (n + 1))^2 (2n + 1)! / (n! n!).
    n = 6
    expected = math.log10((1 / (n + 1)) ** 2 * math.factorial(2 * n + 1) / math.factorial(n) ** 2)
    assert change_evidence([0] * n + [1] * n)[n - 1] == pytest.approx(expected)


def test_the_onset_of_a_step_is_found():
    rng = generator(9)
    found = [
        onset(rng.random(100) < np.repeat([0.4, 0.95], [40, 60]), chance=0.5) for _ in range(50)
    ]
    trials = [change.trial for change in found if change is not None]
    assert len(trials) >= 45
    assert np.median(trials) == pytest.approx(41, abs=3)
    clean = onset([False] * 20 + [True] * 20, chance=0.5)
    assert (clean.trial, clean.rate_before, clean.rate_after) == (21, 0.0, 1.0)
    assert clean.log10_odds >= 3
    assert clean.found_at < 35


def test_no_change_no_onset():
    assert change_points([True] * 50) == []
    assert onset([False] * 50, chance=0.5) is None
    # For the worse is a change, but no onset.
    worse = [True] * 30 + [False] * 30
    assert [change.trial for change in change_points(worse)] == [31]
    assert onset(worse, chance=0.5) is None
    with pytest.raises(InputError, match="log10_odds"):
        change_points([True], log10_odds=0)


def test_false_alarms_without_change():
    # 150 choices at a constant rate, looked at after every one. At the default of 3 false alarms
    # stay below 5 %; at 2, which Gallistel et al. used among others, they are near 14 %.
    rng = generator(10)
    alarms = sum(bool(change_points(rng.random(150) < 0.5)) for _ in range(150))
    assert alarms <= stats.binom.ppf(0.999, 150, 0.03)


# --- the metrics


def shifting_cell(n_trials=200, seed=11):
    task = make_task(criterion={"consecutive": 8})
    agent = ReinforcementAgent(alpha_reward=0.5, alpha_loss=0.5, beta=10.0)
    log = simulate_choices(
        agent, task=task, rules=("light", "left", "light", "right"), n_trials=n_trials,
        rng=generator(seed),
    )  # fmt: skip
    options = {"flexibility": {"task": task.model_dump(mode="json")}}
    return epoch_trials(score(log, task), None, scheme="floresco_block"), options


def test_metrics_of_a_session():
    cell, options = shifting_cell()
    (trial,) = learning_trial.compute(trials=cell, options=options)
    assert not trial.censored
    assert 1 <= trial.value < 30
    assert trial.n_effective_unit == "sets"
    curves = set_curves(cell.trials, [1, 2], n_sides=2)
    assert [len(curve.lower) for curve in curves.values()] == (
        cell.sets["n_correct"] + cell.sets["n_errors"]
    ).tolist()[:2]
    whole = session_curve(cell.trials, n_sides=2)
    assert len(whole.lower) == (cell.trials["outcome"] != "omission").sum()
    assert set_curves(cell.trials, [99], n_sides=2) == {}
    assert session_curve(cell.trials.iloc[:0], n_sides=2) is None
    (offset,) = switch_offset.compute(trials=cell, options=options)
    assert -2 < offset.value < 30
    assert offset.n_effective == (cell.sets["previous_rule"] != "").sum()
    (slope,) = switch_slope.compute(trials=cell, options=options)
    assert 0.05 <= slope.value <= 5


@pytest.mark.parametrize("module", [learning_trial, switch_offset, switch_slope])
def test_what_an_animal_does_after_the_dose_or_the_phase_is_not_counted(module):
    options = {"flexibility": {"task": make_task().model_dump(mode="json")}}
    switches = "Lll Lrr Lll " + "Arr Arr Arl Arl Arl " + "Lrl Lrl Lrr Lrr Lrr " * 1
    before = switches + "Arr " * 12 + "Arl " * 12
    # Trials every 10 s; the dose at 345 s, between two intervals of the cell, and trials 25 to 26
    # between them too.
    scores = [
        score(trial_table(before + after), make_task()) for after in ("Arl " * 12, "Arr " * 12)
    ]

    def values(scored, intervals, given=()):
        cell = epoch_trials(scored, intervals, scheme="floresco_block", administrations_s=given)
        return module.compute(trials=cell, options=options)

    apart = [[0.0, 235.0], [260.0, 340.0], [350.0, 900.0]]
    good, bad = (values(scored, apart, (345.0,)) for scored in scores)
    assert good == bad != []
    # Trials between two intervals are the set's: as in a cell without the gap.
    assert good == values(scores[0], [[0.0, 340.0]])
    assert values(scores[0], apart) != good


def test_metrics_give_nothing_where_there_is_nothing():
    options = {"flexibility": {"task": make_task().model_dump(mode="json")}}
    one_rule = score(trial_table("Lll Lrr Llr Lll Lrl"), make_task())
    cell = epoch_trials(one_rule, None, scheme="floresco_block")
    for module in (learning_trial, switch_offset, switch_slope):
        assert module.compute(trials=cell, options=options) == []
    # A set too short to show learning: censored at its length, never invented.
    short = epoch_trials(
        score(trial_table("Lll Lrr Lll Arr Arr Arl"), make_task()), None, scheme="floresco_block"
    )
    (trial,) = learning_trial.compute(trials=short, options=options)
    assert (trial.value, trial.censored, trial.n_effective) == (3.0, True, 0.0)
    assert switch_offset.compute(trials=short, options=options) == []
