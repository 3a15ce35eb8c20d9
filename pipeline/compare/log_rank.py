"""The log-rank test, and its permutation p for few animals.

References: Mantel 1966, Cancer Chemother Rep 50:163; Neuhaus 1993, Ann Stat 21:1760; O'Brien &
Fleming 1987, Biometrics 43:169.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.compare.companions import EXACT_UP_TO, N_RANDOM
from pipeline.compare.event_times import checked_times, members
from pipeline.errors import InputError


@dataclass(frozen=True)
class LogRank:
    """A log-rank test.

    Attributes
    ----------
    statistic : float
        Chi-square; NaN where nothing can differ (no event while both groups were at risk).
    df : int
        Groups minus one.
    p : float
        From the chi-square distribution: for large samples; see :func:`permutation_log_rank`.
    """

    statistic: float
    df: int
    p: float


def log_rank(
    time: ArrayLike, censored: ArrayLike, group: ArrayLike, *, strata: ArrayLike | None = None
) -> LogRank:
    """Compare survival between groups (Mantel 1966), within strata if there are any.

    Parameters
    ----------
    time, censored, group : array_like (n,)
        Two or more groups.
    strata : array_like (n,), optional
        Only members of one stratum are compared with each other. With the animal of a crossover as
        stratum this is the sign test of who came first: times enter by their order only.

    Returns
    -------
    LogRank

    Raises
    ------
    InputError
        As :func:`checked_times`; labels that do not fit the times; a single group.
    """
    from statsmodels.duration.survfunc import survdiff

    times, late = checked_times(time, censored)
    groups = _labels(group, times, "groups")
    blocks = None if strata is None else _labels(strata, times, "strata")
    df = len(np.unique(groups)) - 1
    if df < 1:
        raise InputError(f"log-rank test: found one group ({groups[0]}); expected two or more")
    try:
        statistic, p = survdiff(times, (~late).astype(int), groups, strata=blocks)
    except np.linalg.LinAlgError:  # no event while two groups were at risk
        return LogRank(math.nan, df, math.nan)
    return LogRank(float(statistic), df, float(p))


def permutation_log_rank(
    time: ArrayLike,
    censored: ArrayLike,
    group: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    seed: int,
) -> tuple[float, float]:
    """Permutation p of the log-rank test of two groups, for few animals.

    Between animals (no strata) their labels are permuted, and the log-rank statistic over its
    standard error is recomputed (studentised, because the sessions of one group may be shorter:
    Neuhaus 1993). With strata (the animals of a crossover) the two times of each animal are
    swapped; the statistic is the sum over animals of the difference of their log-rank scores among
    all times (O'Brien & Fleming 1987), which uses how far the two are apart, as the stratified
    log-rank, a sign test here, does not.

    Parameters
    ----------
    time, censored, group : array_like (n,)
        Exactly two groups.
    strata : array_like (n,), optional
        The animal; those without a time in both groups are left out.
    seed : int
        For more than EXACT_UP_TO rearrangements, of which N_RANDOM are then drawn.

    Returns
    -------
    p, floor : float
        Two-sided p, and the smallest one that so many animals allow. Both NaN where nothing can be
        tested: no event while both groups were at risk, no animal with both times.

    Raises
    ------
    InputError
        As :func:`log_rank`; more than two groups; several times of an animal in one group.
    """
    times, late = checked_times(time, censored)
    groups = _labels(group, times, "groups")
    names = np.unique(groups)
    if len(names) != 2:
        raise InputError(
            f"permutation log-rank: found {len(names)} groups ({', '.join(map(str, names[:5]))}); "
            "expected two (a condition and its reference)"
        )
    first = groups == names[1]
    if strata is not None:
        return _swap(times, late, first, _labels(strata, times, "strata"), seed)
    at_risk, events = members(times, late)
    if _studentised(first[None, :].astype(float), at_risk, events)[1][0] <= 0:
        return math.nan, math.nan
    n = len(times)

    def statistic(one: NDArray, other: NDArray, axis: int = -1) -> NDArray:
        membership = np.zeros((*one.shape[:-1], n))
        np.put_along_axis(membership, one.astype(np.intp), 1.0, axis=-1)
        return _studentised(membership, at_risk, events)[0]

    index = np.arange(n)
    n_all = math.comb(n, int(first.sum()))
    return _permuted((index[first], index[~first]), statistic, "independent", n_all, seed)


def _swap(
    times: NDArray, late: NDArray, first: NDArray, animal: NDArray, seed: int
) -> tuple[float, float]:
    """Swap the two times of each animal."""
    names, codes = np.unique(animal, return_inverse=True)
    per_group = [np.bincount(codes[one], minlength=len(names)) for one in (first, ~first)]
    if max(count.max() for count in per_group) > 1:
        twice = names[np.maximum(*per_group) > 1][0]
        raise InputError(
            f"permutation log-rank: found several times of animal {twice} in one group; expected "
            "one per condition (replicate sessions: use the first)"
        )
    paired = ((per_group[0] > 0) & (per_group[1] > 0))[codes]
    if not paired.any():
        return math.nan, math.nan
    times, late, first, codes = times[paired], late[paired], first[paired], codes[paired]
    at_risk, events = members(times, late)
    scores = (events - at_risk * (events.sum(axis=0) / at_risk.sum(axis=0))).sum(axis=1)
    in_pairs = scores[np.lexsort((first, codes))]
    difference = in_pairs[1::2] - in_pairs[::2]
    if np.allclose(difference, 0.0, atol=1e-12):
        return math.nan, math.nan
    return _permuted((difference,), _sum, "samples", 2 ** len(difference), seed)


def _sum(sample: NDArray, axis: int = -1) -> NDArray:
    return sample.sum(axis=axis)


def _permuted(
    data: tuple[NDArray, ...], statistic: Callable, kind: str, n_all: int, seed: int
) -> tuple[float, float]:
    from scipy.stats import permutation_test

    exact = n_all <= EXACT_UP_TO
    result = permutation_test(
        data,
        statistic,
        permutation_type=kind,
        vectorized=True,
        n_resamples=n_all if exact else N_RANDOM,
        batch=4096,
        axis=-1,
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue), min(2 / (n_all if exact else N_RANDOM + 1), 1.0)


def _labels(labels: ArrayLike, times: NDArray, what: str) -> NDArray:
    labels = np.asarray(labels)
    if labels.shape != times.shape:
        raise InputError(
            f"log-rank test: found {labels.shape} {what} for {times.shape} times; expected one "
            "per time"
        )
    return labels


def _studentised(membership: NDArray, at_risk: NDArray, events: NDArray) -> tuple[NDArray, NDArray]:
    """Log-rank statistic over its standard error, and its variance, of each grouping (..., n)."""
    n, d = at_risk.sum(axis=0), events.sum(axis=0)
    share = membership @ at_risk / n
    excess = (membership @ events - d * share).sum(axis=-1)
    spread = d * (n - d) / np.maximum(n - 1, 1)
    variance = (spread * share * (1 - share)).sum(axis=-1)
    possible = variance > 1e-12
    return np.where(possible, excess / np.sqrt(np.where(possible, variance, 1.0)), 0.0), variance
