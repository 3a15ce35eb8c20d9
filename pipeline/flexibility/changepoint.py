"""Change points in one animal's choices: when did it begin to get them right?

Gallistel, Fairhurst & Balsam 2004 (PNAS 101:13124): go through the trials; at each, the putative
change point is where the cumulative record since the last change point departs most from a straight
line; accept it when the evidence for a change there reaches a criterion, and start again from it.
The evidence for binary outcomes is the Bayes factor of two rates against one, with beta priors: the
marginal likelihood of h hits and m misses is B(a + h, b + m) / B(a, b).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import InputError


@dataclass(frozen=True, kw_only=True)
class ChangePoint:
    """One change of the rate of correct choices.

    Attributes
    ----------
    trial : int
        First choice, from 1, at the new rate.
    found_at : int
        Choice at which the evidence sufficed.
    log10_odds : float
        Evidence for the change when it was accepted, log10 of the Bayes factor.
    rate_before, rate_after : float
        Fraction correct from the change point before to this one, and from it to the next.
    """

    trial: int
    found_at: int
    log10_odds: float
    rate_before: float
    rate_after: float


def change_evidence(correct: ArrayLike, *, prior: tuple[float, float] = (1.0, 1.0)) -> NDArray:
    """Evidence for a change after each trial but the last.

    Parameters
    ----------
    correct : array_like of bool, shape (n,)
        Outcome of each choice.
    prior : tuple of float
        Parameters of the beta prior of a rate; (1, 1): every rate alike.

    Returns
    -------
    ndarray, shape (n - 1,)
        log10 of the Bayes factor of a change after 1, 2, ... n - 1 choices against none.
    """
    from scipy.special import betaln

    hits = np.cumsum(np.asarray(correct, dtype=float))
    count = np.arange(1.0, len(hits) + 1)

    def marginal(hit: NDArray, total: NDArray) -> NDArray:
        return betaln(prior[0] + hit, prior[1] + total - hit) - betaln(*prior)

    early = marginal(hits[:-1], count[:-1])
    late = marginal(hits[-1] - hits[:-1], count[-1] - count[:-1])
    return (early + late - marginal(hits[-1], count[-1])) / np.log(10.0)


def change_points(
    correct: ArrayLike,
    *,
    log10_odds: float = 3.0,
    prior: tuple[float, float] = (1.0, 1.0),
) -> list[ChangePoint]:
    """Find the changes of the rate of correct choices.

    Parameters
    ----------
    correct : array_like of bool, shape (n,)
        Outcome of each choice, omissions left out.
    log10_odds : float
        Evidence that a change needs, log10 of the Bayes factor; above 0. Gallistel et al. used 1.3
        to 6. Every trial is a look at the data, so that the false alarms of a whole session exceed
        10 ** -log10_odds (docs/models.md).
    prior : tuple of float
        Parameters of the beta prior of a rate.

    Returns
    -------
    list of ChangePoint
        In the order of trials; empty where the rate never changed.

    Raises
    ------
    InputError
        If the criterion is not above 0 or the prior not positive.
    """
    if not log10_odds > 0 or min(prior) <= 0:
        raise InputError(
            f"change points: found log10_odds = {log10_odds} and prior = {prior}; expected numbers "
            "above 0"
        )
    outcome = np.asarray(correct, dtype=bool)
    start, found = 0, []
    for stop in range(2, len(outcome) + 1):
        part = outcome[start:stop]
        if len(part) < 2 or part.all() or not part.any():
            continue
        split = _putative(part)
        evidence = change_evidence(part, prior=prior)[split - 1]
        if evidence >= log10_odds:
            start += split
            found.append((start, stop, float(evidence)))
    edges = [0, *(start for start, _, _ in found), len(outcome)]
    rates = [float(outcome[a:b].mean()) if b > a else float("nan") for a, b in pairwise(edges)]
    return [
        ChangePoint(
            trial=start + 1,
            found_at=stop,
            log10_odds=evidence,
            rate_before=rates[position],
            rate_after=rates[position + 1],
        )
        for position, (start, stop, evidence) in enumerate(found)
    ]


def onset(
    correct: ArrayLike,
    *,
    chance: float,
    log10_odds: float = 3.0,
    prior: tuple[float, float] = (1.0, 1.0),
) -> ChangePoint | None:
    """First change for the better, to a rate above chance.

    Parameters
    ----------
    correct : array_like of bool
        As for :func:`change_points`.
    chance : float
        Probability of a correct choice without knowledge.
    log10_odds, prior
        As for :func:`change_points`.

    Returns
    -------
    ChangePoint or None
        None where there is none: an animal that was good from its first trial has no onset either.
    """
    for change in change_points(correct, log10_odds=log10_odds, prior=prior):
        if change.rate_after > max(change.rate_before, chance):
            return change
    return None


def _putative(part: NDArray[np.bool_]) -> int:
    """Number of trials before the largest departure of the cumulative record from its chord."""
    record = np.cumsum(part)
    count = np.arange(1, len(part) + 1)
    departure = np.abs(record - record[-1] * count / len(part))
    return int(np.argmax(departure[:-1])) + 1
