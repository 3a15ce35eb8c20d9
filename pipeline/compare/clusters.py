"""Cluster permutation along an axis (frequency, time): is there an effect anywhere?

One curve per animal: a within-animal difference, or the curves of two groups of animals. Points
where t passes a threshold form clusters with their neighbours of the same sign; the largest sum of
t over a cluster is compared with what it is when signs of animals are flipped (one group) or labels
of animals permuted (two groups). The test is one per curve, whatever the number of points.
Channels, trials or windows must be averaged per animal before: taken as observations they reject a
true null nearly always.

A cluster says that there is an effect somewhere; where it begins and ends is not tested
(Sassenhagen & Draschkow 2019, Psychophysiology 56:e13335). Source: Maris & Oostenveld 2007, J
Neurosci Methods 164:177; computed by :mod:`mne.stats`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: animals (in each group) below which nothing is tested
MINIMUM_ANIMALS = 5
#: up to so many distinct rearrangements are enumerated, beyond it N_RANDOM are drawn
EXACT_UP_TO = 2**12
N_RANDOM = 2000

TOO_FEW = f"fewer than {MINIMUM_ANIMALS} animals: not tested"
NOWHERE = "no point that all animals have and that varies between them: not tested"


@dataclass(frozen=True)
class Cluster:
    """Neighbouring points whose t has one sign and passes the threshold.

    Attributes
    ----------
    first, last : int
        Index of its first and last point.
    mass : float
        Sum of t over its points.
    estimate : float
        Mean difference over its points.
    p : float
        Two-sided, corrected for all points of the curve.
    """

    first: int
    last: int
    mass: float
    estimate: float
    p: float


@dataclass(frozen=True)
class ClusterTest:
    """The test of one curve.

    Attributes
    ----------
    clusters : tuple of Cluster
        From the first point to the last; empty where t passes the threshold nowhere.
    p : float
        Of the test: the smallest p of its clusters, 1 without any; NaN if not tested.
    floor : float
        The smallest p that so many animals (and rearrangements) allow; NaN if not tested.
    threshold : float
        |t| from which points form clusters.
    n : tuple of int
        Animals in each group.
    used : ndarray of bool (point,)
        Points that were tested.
    problem : str
        Why nothing was tested, "" otherwise.
    """

    clusters: tuple[Cluster, ...]
    p: float
    floor: float
    threshold: float
    n: tuple[int, ...]
    used: NDArray[np.bool_]
    problem: str = ""


def cluster_test(groups: Sequence[NDArray], *, seed: int, alpha: float = 0.05) -> ClusterTest:
    """Test whether a mean curve differs from zero, or from another group's, anywhere.

    Parameters
    ----------
    groups : sequence of ndarray (animal, point)
        One group: within-animal differences, tested against zero with all 2^N sign flips where
        these are few. Two groups: the first minus the second, labels permuted over animals, Welch's
        t. Points follow each other along an evenly spaced axis of any kind; one that some animal
        lacks (NaN: mains, beyond a pass-band) is left out, and no cluster reaches across it.
    seed : int
        For what cannot be enumerated.
    alpha : float
        Points with a two-sided p below it form clusters: the threshold is the quantile of t with
        N - 1 (two groups: N - 2) degrees of freedom.

    Returns
    -------
    ClusterTest

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
    n = tuple(len(c) for c in curves)
    everyone = np.concatenate(curves)
    used = np.isfinite(everyone).all(axis=0)
    if min(n) < MINIMUM_ANIMALS:
        return _not_tested(n, used, TOO_FEW)
    size = np.abs(np.where(used, everyone, 0.0)).max(axis=0)
    spread = np.max([np.where(used, c, 0.0).std(axis=0) for c in curves], axis=0)
    used &= spread > 1e-12 * size
    if not used.any():
        return _not_tested(n, used, NOWHERE)
    # what is left out needs some finite number; it is excluded from the clusters
    filler = int(np.flatnonzero(used)[0])
    curves = [np.where(used, c, c[:, [filler]]) for c in curves]
    threshold = _threshold(sum(n) - len(n), alpha)
    clusters = _clusters(curves, used, threshold, seed)
    return ClusterTest(
        clusters=clusters,
        p=min((cluster.p for cluster in clusters), default=1.0),
        floor=floor_of(n),
        threshold=threshold,
        n=n,
        used=used,
    )


def floor_of(n: Sequence[int]) -> float:
    """Return the smallest p of groups of ``n`` animals.

    Mirrored rearrangements have the same largest |mass|: all flips, and swapped equal groups.
    """
    n_all, mirrored = _rearrangements(n)
    distinct = n_all / mirrored
    drawn = len(n) == 2 or distinct > EXACT_UP_TO
    return max(1 / distinct, 1 / N_RANDOM) if drawn else 1 / distinct


def _rearrangements(n: Sequence[int]) -> tuple[int, int]:
    if len(n) == 1:
        return 2 ** n[0], 2
    return math.comb(sum(n), n[0]), 2 if n[0] == n[1] else 1


def _threshold(df: int, alpha: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(df, 1 - alpha / 2))


def _not_tested(n: tuple[int, ...], used: NDArray, problem: str) -> ClusterTest:
    return ClusterTest((), math.nan, math.nan, math.nan, n, used, problem)


def _clusters(
    curves: list[NDArray], used: NDArray, threshold: float, seed: int
) -> tuple[Cluster, ...]:
    if len(curves) == 1:
        t, difference = one_sample(curves[0]), curves[0].mean(axis=0)
    else:
        t, difference = welch(*curves), curves[0].mean(axis=0) - curves[1].mean(axis=0)
    if not (np.abs(t[used]) > threshold).any():
        return ()
    run = _flipped if len(curves) == 1 else _relabelled
    clusters = [
        Cluster(
            first=int(points[0]),
            last=int(points[-1]),
            mass=float(t[points].sum()),
            estimate=float(difference[points].mean()),
            p=float(p),
        )
        for points, p in run(curves, used, threshold, seed)
    ]
    return tuple(sorted(clusters, key=lambda cluster: cluster.first))


def _flipped(
    curves: list[NDArray], used: NDArray, threshold: float, seed: int
) -> Iterator[tuple[NDArray, float]]:
    """Points and p of each cluster, signs of the animals flipped."""
    from mne.stats import permutation_cluster_1samp_test

    distinct = 2 ** (len(curves[0]) - 1)
    _, found, p, _ = permutation_cluster_1samp_test(
        curves[0],
        threshold=threshold,
        # as many as there are: all of them are taken ("all" would leave one out at random)
        n_permutations=distinct if distinct <= EXACT_UP_TO else N_RANDOM,
        tail=0,
        exclude=~used,
        out_type="mask",
        rng=np.random.default_rng(seed),
        verbose="ERROR",
    )
    for cluster, its_p in zip(found, p, strict=True):
        yield np.arange(len(used))[cluster], its_p


def _relabelled(
    curves: list[NDArray], used: NDArray, threshold: float, seed: int
) -> Iterator[tuple[NDArray, float]]:
    """Points and p of each cluster, labels of the animals permuted.

    The curves and their negatives stand side by side in a one-tailed test: with two tails, mne
    1.13 compares negative clusters, too, with the largest *positive* cluster of each permutation,
    and rejects a true null in about 8 % instead of 5 %.
    """
    from mne.stats import permutation_cluster_test

    n = len(used)
    gap = np.zeros(1, dtype=bool)
    both = [np.hstack([curve, curve[:, :1], -curve]) for curve in curves]
    _, found, p, _ = permutation_cluster_test(
        both,
        threshold=threshold,
        n_permutations=N_RANDOM,
        tail=1,
        stat_fun=welch,
        exclude=~np.concatenate([used, gap, used]),
        out_type="mask",
        rng=np.random.default_rng(seed),
        verbose="ERROR",
    )
    for cluster, its_p in zip(found, p, strict=True):
        yield np.arange(2 * n + 1)[cluster] % (n + 1), its_p


def one_sample(one: NDArray) -> NDArray:
    """Return the one-sample t (point,) of a group (animal, point)."""
    error = one.var(axis=0, ddof=1) / len(one)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(one.mean(axis=0) / np.sqrt(error))


def welch(one: NDArray, other: NDArray) -> NDArray:
    """Return Welch's t (point,) of two groups (animal, point)."""
    error = one.var(axis=0, ddof=1) / len(one) + other.var(axis=0, ddof=1) / len(other)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num((one.mean(axis=0) - other.mean(axis=0)) / np.sqrt(error))
