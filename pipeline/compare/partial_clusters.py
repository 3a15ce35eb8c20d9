"""Cluster permutation along time, where not every animal has every point.

Animals visit contexts at different times, and lose minutes to artefacts. A test that needs every
animal at every point (:func:`pipeline.compare.clusters.cluster_test`) would have nothing left of a
context that is visited in counterbalanced order. Here each point rests on the animals that have it,
and is tested where enough of them do.

Why that is a valid test: an animal's curve is flipped (or changes its group) as a whole, its gaps
with it. Which points an animal has was fixed by the order of its contexts and by chance, not by the
sign of its difference, so that under the null every rearrangement is as likely as the one that was
observed, whatever the gaps are. Where all animals have all points it is the same test as the other,
which the tests of this module check.

Method: Maris & Oostenveld, J Neurosci Methods 2007, 164:177.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.compare.clusters import (
    EXACT_UP_TO,
    MINIMUM_ANIMALS,
    N_RANDOM,
    Cluster,
    ClusterTest,
    floor_of,
)

NOWHERE = f"at no time {MINIMUM_ANIMALS} animals (of each group) have what is compared: not tested"
#: values of the rearranged curves that are held at a time
_HELD_VALUES = 2**22

Statistic = Callable[[NDArray], tuple[NDArray, NDArray]]


def partial_cluster_test(
    groups: Sequence[NDArray],
    *,
    seed: int,
    alpha: float = 0.05,
    where: NDArray[np.bool_] | None = None,
) -> ClusterTest:
    """Test whether a mean curve differs from zero, or from another group's, anywhere.

    Parameters
    ----------
    groups : sequence of ndarray (animal, point)
        As in :func:`pipeline.compare.clusters.cluster_test`; NaN where an animal lacks a point.
        A point with fewer than MINIMUM_ANIMALS (of each group) is left out, and no cluster reaches
        across it.
    seed : int
        For what cannot be enumerated.
    alpha : float
        Points with a two-sided p below it form clusters; the degrees of freedom are those of the
        animals that have the point.
    where : ndarray of bool (point,), optional
        Points that may be tested; all when not given.

    Returns
    -------
    ClusterTest
        ``threshold`` is the lowest of the points' thresholds.

    Raises
    ------
    ValueError
        Not one or two groups of curves of one length.
    """
    curves = [np.asarray(group, dtype=float) for group in groups]
    if len(curves) not in (1, 2) or any(c.ndim != 2 for c in curves):
        raise ValueError("cluster test: expected one or two arrays (animal, point)")
    if len({c.shape[1] for c in curves}) != 1:
        raise ValueError("cluster test: expected two groups of curves of one length")
    allowed = np.ones(curves[0].shape[1], dtype=bool) if where is None else where
    curves = [np.where(allowed, curve, np.nan) for curve in curves]
    # an animal without a point that may be tested does not count
    curves = [curve[np.isfinite(curve).any(axis=1)] for curve in curves]
    n = tuple(len(curve) for curve in curves)
    counts = np.array([np.isfinite(curve).sum(axis=0) for curve in curves])
    used = np.asarray((counts >= MINIMUM_ANIMALS).all(axis=0))
    if min(n) >= MINIMUM_ANIMALS:
        used &= _varies(curves)
    if not used.any():
        return _not_tested(n, used, NOWHERE)
    # what changes nothing in any tested point would only lower the floor
    curves = [curve[np.isfinite(curve[:, used]).any(axis=1)] for curve in curves]
    n = tuple(len(curve) for curve in curves)
    threshold = _thresholds(counts.sum(axis=0) - len(curves), alpha)
    clusters = _clusters(curves, used, threshold, seed)
    return ClusterTest(
        clusters=clusters,
        p=min((cluster.p for cluster in clusters), default=1.0),
        floor=floor_of(n),
        threshold=float(threshold[used].min()),
        n=n,
        used=used,
    )


def _not_tested(n: tuple[int, ...], used: NDArray, problem: str) -> ClusterTest:
    return ClusterTest((), np.nan, np.nan, np.nan, n, used, problem)


def _varies(curves: Sequence[NDArray]) -> NDArray[np.bool_]:
    """Points at which some group's values differ by more than rounding."""
    everyone = np.concatenate(curves)
    size = np.nan_to_num(np.abs(everyone)).max(axis=0)
    spread = np.zeros(everyone.shape[1])
    for curve in curves:
        high = np.where(np.isfinite(curve), curve, -np.inf).max(axis=0)
        low = np.where(np.isfinite(curve), curve, np.inf).min(axis=0)
        spread = np.maximum(spread, np.where(high > low, high - low, 0.0))
    return spread > 1e-12 * size


def _thresholds(df: NDArray[np.int64], alpha: float) -> NDArray[np.float64]:
    from scipy.special import stdtrit

    return stdtrit(np.maximum(df, 1), 1 - alpha / 2)


def _clusters(
    curves: list[NDArray], used: NDArray, threshold: NDArray, seed: int
) -> tuple[Cluster, ...]:
    statistic, rows = _one(curves[0], seed) if len(curves) == 1 else _two(curves, seed)
    t, difference = statistic(rows[:1])
    found = _runs(t[0], used, threshold)
    if not found:
        return ()
    masses = np.array([t[0, first : last + 1].sum() for first, last in found])
    largest = [np.abs(masses).max()]
    at_once = max(1, _HELD_VALUES // len(used))
    for first in range(1, len(rows), at_once):
        largest.extend(_largest(statistic(rows[first : first + at_once])[0], used, threshold))
    # equal masses differ by rounding: they count as equal
    reached = np.array(largest)[:, np.newaxis] >= np.abs(masses) * (1 - 1e-9)
    p = reached.mean(axis=0)
    return tuple(
        Cluster(
            first=first,
            last=last,
            mass=float(mass),
            estimate=float(difference[0, first : last + 1].mean()),
            p=float(its_p),
        )
        for (first, last), mass, its_p in zip(found, masses, p, strict=True)
    )


def _one(curve: NDArray, seed: int) -> tuple[Statistic, NDArray]:
    """One-sample t, and the signs of the animals (rearrangement, animal), the observed first."""
    n = len(curve)
    have = np.isfinite(curve)
    values = np.where(have, curve, 0.0)
    count = have.sum(axis=0)
    squares = (values**2).sum(axis=0)
    if 2 ** (n - 1) <= EXACT_UP_TO:
        # the last animal keeps its sign: mirrored flips have the same |mass|
        bits = np.arange(2 ** (n - 1))[:, np.newaxis] >> np.arange(n) & 1
        signs = 1.0 - 2.0 * bits
    else:
        rng = np.random.default_rng(seed)
        signs = rng.integers(0, 2, size=(N_RANDOM, n)) * 2.0 - 1.0
        signs[0] = 1.0

    def statistic(rows: NDArray) -> tuple[NDArray, NDArray]:
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = rows @ values / count
            error = (squares - count * mean**2) / (count - 1) / count
            t = mean / np.sqrt(np.maximum(error, 0.0))
        return np.where(np.isfinite(t), t, 0.0), mean

    return statistic, signs


def _two(curves: list[NDArray], seed: int) -> tuple[Statistic, NDArray]:
    """Welch's t, and who is in the first group (rearrangement, animal), the observed first."""
    everyone = np.concatenate(curves)
    have = np.isfinite(everyone).astype(float)
    # centred: sums of squares of large values would lose the differences
    centre = np.nan_to_num(everyone).sum(axis=0) / np.maximum(have.sum(axis=0), 1)
    values = np.where(have > 0, everyone - centre, 0.0)
    total, first_n = len(everyone), len(curves[0])
    rng = np.random.default_rng(seed)
    members = np.zeros((N_RANDOM, total))
    members[:, :first_n] = 1.0
    members[1:] = rng.permuted(members[1:], axis=1)

    def moments(rows: NDArray) -> tuple[NDArray, NDArray]:
        count = rows @ have
        mean = rows @ values / count
        spread = (rows @ values**2 - count * mean**2) / (count - 1)
        return mean, np.where(count >= 2, np.maximum(spread, 0.0) / count, np.nan)

    def statistic(rows: NDArray) -> tuple[NDArray, NDArray]:
        with np.errstate(divide="ignore", invalid="ignore"):
            mean, error = moments(rows)
            other, other_error = moments(1.0 - rows)
            t = (mean - other) / np.sqrt(error + other_error)
        return np.where(np.isfinite(t), t, 0.0), mean - other

    return statistic, members


def _runs(t: NDArray, used: NDArray, threshold: NDArray) -> list[tuple[int, int]]:
    """First and last point of every run of one sign above the threshold."""
    side = np.where(used & (np.abs(t) > threshold), np.sign(t), 0.0)
    starts = np.flatnonzero((side != 0) & (side != np.concatenate([[0.0], side[:-1]])))
    stops = np.flatnonzero((side != 0) & (side != np.concatenate([side[1:], [0.0]])))
    return [(int(first), int(last)) for first, last in zip(starts, stops, strict=True)]


def _largest(t: NDArray, used: NDArray, threshold: NDArray) -> NDArray[np.float64]:
    """Largest |mass| of any cluster of each rearrangement, 0 without one."""
    largest = np.zeros(len(t))
    for sign in (1.0, -1.0):
        inside = used & (sign * t > threshold)
        total = np.cumsum(np.where(inside, sign * t, 0.0), axis=1)
        # the sum before the run: it stands still outside, and grows inside
        before = np.maximum.accumulate(np.where(inside, 0.0, total), axis=1)
        largest = np.maximum(largest, (total - before).max(axis=1))
    return largest
