"""Fano factors: variance over mean of the counts in bins, and the same at a reference rate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.intervals import disjoint

Floats = NDArray[np.float64]


def fano_factor(
    times: Sequence[ArrayLike],
    intervals: ArrayLike,
    *,
    bin_s: float,
    block_s: float | None = 60.0,
) -> tuple[Floats, Floats, int]:
    """Variance over mean of the counts in bins.

    The variance is taken within blocks and pooled, with one degree of freedom less per block: of
    a Poisson train with any number of spikes it is 1 on average, however short the epoch.

    Parameters
    ----------
    times : sequence of array_like
        Spikes of each unit, seconds, ascending, inside the intervals.
    intervals : array_like, shape (n, 2)
        Seconds, without overlaps.
    bin_s : float
        Bins lie wholly inside an interval, from its start.
    block_s : float or None
        Length of the blocks, which lie inside an interval too; None: an interval is a block.

    Returns
    -------
    fano : ndarray, shape (n_units,)
        NaN for a unit without a spike in the bins, and for all units if no block has two bins.
    mean : ndarray, shape (n_units,)
        Spikes per bin.
    n_bins : int
        Bins that the counts rest on.
    """
    intervals = disjoint(intervals)
    per_interval = np.floor((intervals[:, 1] - intervals[:, 0]) / bin_s + 1e-9).astype(int)
    per_block = np.iinfo(np.int64).max if block_s is None else max(round(block_s / bin_s), 1)
    sizes = [
        size
        for n in per_interval
        for size in [per_block] * (n // per_block) + [n % per_block]
        if size
    ]
    n_bins, freedom = sum(sizes), sum(size - 1 for size in sizes)
    if not n_bins:
        return np.full(len(times), np.nan), np.zeros(len(times)), 0
    begins = np.r_[0, np.cumsum(sizes)[:-1]]
    offset = np.r_[0, np.cumsum(per_interval)]
    fano, mean = np.full(len(times), np.nan), np.zeros(len(times))
    for index, train in enumerate(times):
        train = np.asarray(train, dtype=float)
        home = np.searchsorted(intervals[:, 0], train, side="right") - 1
        place = np.floor((train - intervals[home, 0]) / bin_s + 1e-9).astype(int)
        binned = place < per_interval[home]
        counts = np.bincount(offset[home[binned]] + place[binned], minlength=n_bins)
        if not binned.any():
            continue
        squares = np.add.reduceat(counts**2, begins)
        sums = np.add.reduceat(counts, begins)
        mean[index] = counts.mean()
        if freedom:
            fano[index] = np.sum(squares - sums**2 / np.array(sizes)) / freedom / mean[index]
    return fano, mean, n_bins


def matched_fano(fano: ArrayLike, mean: ArrayLike, reference: float) -> Floats:
    """Fano factor that a unit would have at another rate: ``1 + (F - 1) reference / mean``.

    Leaving out spikes at random with probability 1 - p turns F into ``1 + p (F - 1)``, exactly
    (the second factorial moment shrinks with p^2): no spike need be drawn, and all units stand at
    one rate. The same holds for a rate that fluctuates in proportion to its mean. For units below
    the reference it is the inverse step, and its error grows with reference / mean.

    Parameters
    ----------
    fano, mean : array_like, shape (n,)
        From :func:`fano_factor`; mean above 0.
    reference : float
        Spikes per bin to match.

    Returns
    -------
    ndarray, shape (n,)
    """
    return 1 + (np.asarray(fano, dtype=float) - 1) * reference / np.asarray(mean, dtype=float)
