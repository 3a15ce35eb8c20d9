"""State-space learning curve of correct and wrong choices, and the learning trial.

Model (Smith et al. 2004, J Neurosci 24:447): the log odds of a correct choice are
``logit(chance) + x_k``; x starts at 0 (chance) and takes normal steps of variance v. A forward
filter with a Gaussian approximation at the mode of each trial's posterior and a fixed-interval
smoother give the curve; v is estimated by expectation-maximisation, between limits. The learning
trial is the first one from which on the curve is above chance with 95 % certainty for the balance
of the trials.

The Gaussian approximation makes the estimated variance too small, the more so the larger it is (a
quarter less at 0.03, a third to a half at 0.1), and the interval too narrow: 90 % intervals covered
84 to 88 % and 76 to 82 % of the truth in simulations (tests, docs/models.md).

Two additions: several sequences (the sets of a session) share one v, and after a switch the start
is uncertain (normal with ``start_sd``), for an animal that still follows the old rule starts below
chance.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

#: Standard normal quantile of the certainty with which the curve must be above chance (95 %).
CERTAINTY = 1.6448536269514722

#: Limits of the variance of a step, logit^2: below, the curve is flat. Errors up to a last one and
#: none after it make the estimate grow without end; the wider the steps, the wider the curve's
#: interval, until hardly any run of correct choices lies above chance (at 1 neither ten nor forty).
#: At 0.3 eight correct choices show learning after any number of errors.
VARIANCE_LIMITS = (1e-5, 0.3)

_RELAXATION = 3.0

#: Uncertainty of the log odds at the first trial after a switch, logits: a level between 0.05 and
#: 0.95 at a chance of 0.5.
SWITCH_START_SD = 1.5


@dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """The curve of one sequence of choices.

    Attributes
    ----------
    probability, lower, upper : ndarray, shape (n,)
        Median of P(correct) at each choice, and the ends of its 90 % interval: above ``lower`` with
        95 % certainty.
    variance : float
        Variance of a step, logit^2.
    learning_trial : int or None
        Choice, from 1, from which on ``lower`` stays above chance; None where it does not at the
        last one: then learning was not shown, and nothing is put in its place.
    converged : bool
        Whether the variance had come to rest.
    """

    probability: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    variance: float
    learning_trial: int | None
    converged: bool


class Smoothed(NamedTuple):
    """Mean and variance of x at trials 0 (before the first) to n, given all trials; and gains."""

    mean: list[float]
    variance: list[float]
    gain: list[float]


def filter_step(mean: float, variance: float, correct: bool, *, offset: float) -> tuple:
    """One step of the filter: from the prediction for a trial to its posterior.

    The posterior mode solves ``x = mean + variance (correct - p(x))`` with ``p(x) = 1 / (1 +
    exp(-offset - x))``; the posterior variance is ``1 / (1 / variance + p (1 - p))`` there.

    Parameters
    ----------
    mean, variance : float
        Of x, as predicted from the trials before.
    correct : bool
        The outcome.
    offset : float
        logit(chance).

    Returns
    -------
    mean, variance : float
        Of x, after the trial.
    """
    # The solution lies between the prediction and the prediction plus or minus the variance.
    low, high = (mean, mean + variance) if correct else (mean - variance, mean)
    x = mean
    for _ in range(100):
        p = 1.0 / (1.0 + math.exp(-offset - x))
        excess = x - mean - variance * (correct - p)
        if excess > 0:
            high = min(high, x)
        else:
            low = max(low, x)
        step = excess / (1.0 + variance * p * (1.0 - p))
        following = x - step
        if not low < following < high:
            following = 0.5 * (low + high)
        moved, x = abs(following - x), following
        if moved < 1e-10:
            break
    p = 1.0 / (1.0 + math.exp(-offset - x))
    return x, 1.0 / (1.0 / variance + p * (1.0 - p))


def smooth(
    correct: Sequence[bool], *, variance: float, offset: float, start_variance: float
) -> Smoothed:
    """Forward filter and fixed-interval smoother.

    Parameters
    ----------
    correct : sequence of bool
        Outcome of each choice.
    variance : float
        Variance of a step.
    offset : float
        logit(chance).
    start_variance : float
        Variance of x before the first trial; 0: it is exactly at chance.

    Returns
    -------
    Smoothed
    """
    means, variances = [0.0], [start_variance]
    for outcome in correct:
        x, v = filter_step(means[-1], variances[-1] + variance, outcome, offset=offset)
        means.append(x)
        variances.append(v)
    gains = [v / (v + variance) for v in variances[:-1]]
    x, v = means[-1], variances[-1]
    for trial in range(len(gains) - 1, -1, -1):
        gain = gains[trial]
        # The prediction for a trial is the filtered mean of the trial before it.
        predicted = variances[trial] + variance
        x = means[trial] + gain * (x - means[trial])
        v = variances[trial] + gain * gain * (v - predicted)
        means[trial], variances[trial] = x, v
    return Smoothed(means, variances, gains)


def learning_curves(
    sequences: Sequence[ArrayLike],
    *,
    chance: float,
    start_sd: float = 0.0,
    earliest: int = 1,
    tolerance: float = 1e-3,
    max_rounds: int = 300,
) -> list[LearningCurve]:
    """Learning curves of sequences that share the variance of a step.

    Parameters
    ----------
    sequences : sequence of array_like of bool
        Whether each choice was correct, omissions left out; one array per set, none empty.
    chance : float
        Probability of a correct choice without knowledge (1 / sides).
    start_sd : float
        Uncertainty of the log odds before the first choice; 0: exactly at chance, as published.
        After a switch :data:`SWITCH_START_SD`.
    earliest : int
        First choice, from 1, that may be the learning trial.
    tolerance : float
        The variance has come to rest when a round changes its logarithm by less.
    max_rounds : int
        Rounds of expectation-maximisation at most.

    Returns
    -------
    list of LearningCurve
        One per sequence.

    Raises
    ------
    InputError
        If chance is not between 0 and 1, or a sequence is empty.
    """
    if not 0.0 < chance < 1.0:
        raise InputError(f"learning curve: found chance = {chance}; expected between 0 and 1")
    outcomes = [np.asarray(sequence, dtype=bool).tolist() for sequence in sequences]
    if not all(outcomes):
        raise InputError("learning curve: found a sequence without choices; expected one or more")
    offset, start_variance = math.log(chance / (1.0 - chance)), start_sd**2
    variance, converged = 0.05, False
    for _ in range(max_rounds):
        total = 0.0
        for outcome in outcomes:
            total += _squared_steps(
                smooth(outcome, variance=variance, offset=offset, start_variance=start_variance)
            )
        change = math.log(total / sum(map(len, outcomes)) / variance)
        # Rounds of EM move a small variance by ever smaller steps: take them threefold, to the same
        # point of rest (over-relaxation).
        longer = variance * math.exp(min(max(_RELAXATION * change, -1.0), 1.0))
        previous, variance = variance, min(max(longer, VARIANCE_LIMITS[0]), VARIANCE_LIMITS[1])
        converged = abs(change) < tolerance or variance == previous
        if converged:
            break
    curves = []
    for outcome in outcomes:
        smoothed = smooth(outcome, variance=variance, offset=offset, start_variance=start_variance)
        curves.append(_curve(smoothed, variance, chance, converged, earliest))
    return curves


def set_curves(
    trials: pd.DataFrame, set_index: Iterable[int], *, n_sides: int, informed: bool = False
) -> dict[int, LearningCurve]:
    """Learning curves of sets that follow a switch.

    Parameters
    ----------
    trials : pandas.DataFrame
        Scored trials.
    set_index : iterable of int
        Sets to take.
    n_sides : int
        Sides of the task: chance is 1 / sides.
    informed : bool
        Whether the animal can know the rule at the first choice (a cued switch, or discovery trials
        before it). Where it cannot, the learning trial is 2 at the earliest, however right the
        first choice was.

    Returns
    -------
    dict of int to LearningCurve
        By set; sets without choices are left out. One value per choice, omissions left out.
    """
    chosen = trials[trials["outcome"].isin(["correct", "error"])]
    sequences = {}
    for number in set_index:
        outcome = chosen.loc[chosen["set_index"] == number, "outcome"]
        if len(outcome):
            sequences[int(number)] = (outcome == "correct").to_numpy()
    curves = learning_curves(
        list(sequences.values()),
        chance=1 / n_sides,
        start_sd=SWITCH_START_SD,
        earliest=1 if informed else 2,
    ) if sequences else []  # fmt: skip
    return dict(zip(sequences, curves, strict=True))


def session_curve(trials: pd.DataFrame, *, n_sides: int) -> LearningCurve | None:
    """Learning curve of all choices of a session, across its switches, from chance.

    Parameters
    ----------
    trials : pandas.DataFrame
        Scored trials.
    n_sides : int
        Sides of the task.

    Returns
    -------
    LearningCurve or None
        None without choices.
    """
    chosen = trials["outcome"].isin(["correct", "error"])
    if not chosen.any():
        return None
    correct = (trials.loc[chosen, "outcome"] == "correct").to_numpy()
    return learning_curves([correct], chance=1 / n_sides)[0]


def _squared_steps(smoothed: Smoothed) -> float:
    """Expected sum of the squared steps of x, given all trials."""
    total = 0.0
    for trial, gain in enumerate(smoothed.gain):
        step = smoothed.mean[trial + 1] - smoothed.mean[trial]
        # The covariance of neighbours is the gain times the later one's variance.
        shared = (1.0 - 2.0 * gain) * smoothed.variance[trial + 1]
        total += step * step + smoothed.variance[trial] + shared
    return total


def _curve(
    smoothed: Smoothed, variance: float, chance: float, converged: bool, earliest: int
) -> LearningCurve:
    """Curve with its interval, by the monotone change of variable from x to P(correct)."""
    mean, spread = np.array(smoothed.mean[1:]), np.sqrt(smoothed.variance[1:])
    odds = chance / (1.0 - chance)

    def probability(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1.0 / (1.0 + np.exp(-x) / odds)

    lower = probability(mean - CERTAINTY * spread)
    below = np.flatnonzero(lower <= chance)
    first = max(int(below[-1]) + 2 if len(below) else 1, earliest)
    return LearningCurve(
        probability=probability(mean),
        lower=lower,
        upper=probability(mean + CERTAINTY * spread),
        variance=variance,
        learning_trial=first if first <= len(mean) else None,
        converged=converged,
    )
