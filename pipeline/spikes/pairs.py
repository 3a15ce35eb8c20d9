"""How alike two units fire: correlations of spike counts, and spike-time tiling, of all pairs.

**Drift.** Two units whose rates both fall over an hour are correlated at every bin width. Counts
are therefore compared within windows of ten minutes of the session clock: each window's means are
taken off, and the products of all windows are pooled.

**Rates.** Correlations of counts fall with the rates of the units: see
:mod:`pipeline.spikes.count_correlation`. Tiling is 0 for independent
units at any rates, but falls as correlations do where spikes that units share are lost.

Units that one electrode sees hide each other's spikes for about a millisecond, which lowers
correlations at short lags only.

Sources: Pearson correlation of binned counts as in Cohen & Kohn 2011, Nat Neurosci 14:811;
spike-time tiling coefficient, Cutts & Eglen 2014, J Neurosci 34:14288. Tests hold both to elephant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.intervals import Intervals, disjoint
from pipeline.spikes.count_correlation import correlation, matched_correlation
from pipeline.spikes.pair_means import PairMean, pair_means
from pipeline.spikes.tiling import TILING_S, tiling
from pipeline.spikes.units import EpochUnits

#: a unit with fewer spikes in the epoch has no pairs
MINIMUM_SPIKES = 50
#: bins of the counts, by the names that outcomes carry: the same in every config
BIN_NAMES = {"100ms": 0.1, "1s": 1.0}
BINS_S = tuple(BIN_NAMES.values())
#: fewer bins of a cell give no correlation
_LEAST_BINS = 30
#: rates may drift from one of these windows to the next
WINDOW_S = 600.0


@dataclass(frozen=True, eq=False, kw_only=True)
class CountMoments:
    """First and second moments of spike counts, pooled within windows.

    Attributes
    ----------
    mean : ndarray, shape (n_units,)
        Spikes per bin.
    covariance : ndarray, shape (n_units, n_units)
        Of the counts around the means of their window, divided by bins less windows.
    n_bins, n_windows : int
        What they rest on.
    bin_s : float
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    n_bins: int
    n_windows: int
    bin_s: float


@dataclass(frozen=True, eq=False, kw_only=True)
class PairedUnits:
    """Units of one epoch that have enough spikes for their pairs to be looked at.

    Attributes
    ----------
    unit_id, region : list of str
        One entry per unit.
    n_spikes : ndarray of int, shape (n_units,)
    too_few : tuple of str
        Units with fewer spikes.
    """

    unit_id: list[str]
    region: list[str]
    n_spikes: NDArray[np.int64]
    too_few: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Pairs(PairedUnits):
    """All pairs of these units.

    Attributes
    ----------
    moments : dict of float to CountMoments
        By bin width in seconds; widths with fewer than two bins are left out.
    tiling : ndarray, shape (n_units, n_units)
        Spike-time tiling coefficient, -1 to 1; 1 on the diagonal.
    seconds : float
        Length of the epoch.
    """

    moments: dict[float, CountMoments]
    tiling: NDArray[np.float64]
    seconds: float


@dataclass(frozen=True, eq=False, kw_only=True)
class CellPairs:
    """What the pairs of a cell share on average, within every region and between every two.

    Attributes
    ----------
    pairs : PairedUnits
        Whose pairs these are. Not the pairs: cells are held to the end of a session, and pairs grow
        with the square of its units.
    means, matched : dict of str to list of PairMean
        Correlations of counts by the name of the bin (:data:`BIN_NAMES`), as they are and at the
        units' lowest rates; widths with fewer than 30 bins are left out.
    tiling : list of PairMean
    seconds : float
        Length of the cell.
    """

    pairs: PairedUnits
    means: dict[str, list[PairMean]]
    matched: dict[str, list[PairMean]]
    tiling: list[PairMean]
    seconds: float


def cell_pairs(
    units: EpochUnits, lowest_hz: Mapping[str, float], *, options: Mapping[str, Any]
) -> CellPairs | None:
    """What the pairs of a cell share, by region.

    Parameters
    ----------
    units : EpochUnits
        Spikes of the cell.
    lowest_hz : mapping of str to float
        Lowest rate of each unit in any cell of the session: what all its cells can be thinned to.
        A unit that is not in it, or is silent in one cell, has no matched correlations.
    options : mapping
        ``window_s``, ``tiling_ms``, ``minimum_spikes`` of the config's spikes.pairs.

    Returns
    -------
    CellPairs or None
        None with fewer than two units.
    """
    found = epoch_pairs(
        units,
        window_s=options["window_s"],
        tiling_s=options["tiling_ms"] / 1000,
        minimum_spikes=options["minimum_spikes"],
    )
    if found is None:
        return None
    rate_hz = [lowest_hz.get(unit, 0.0) for unit in found.unit_id]
    stated = {
        name: moments
        for name, bin_s in BIN_NAMES.items()
        if (moments := found.moments.get(bin_s)) is not None and moments.n_bins >= _LEAST_BINS
    }
    region = found.region
    return CellPairs(
        pairs=PairedUnits(
            unit_id=found.unit_id,
            region=found.region,
            n_spikes=found.n_spikes,
            too_few=found.too_few,
        ),
        means={name: _means(correlation(m), region) for name, m in stated.items()},
        matched={
            name: _means(matched_correlation(m, rate_hz), region) for name, m in stated.items()
        },
        tiling=_means(found.tiling, region),
        seconds=units.seconds,
    )


def _means(matrix: NDArray[np.float64], region: Sequence[str]) -> list[PairMean]:
    return pair_means(matrix, region, minimum_units=1)


def epoch_pairs(
    units: EpochUnits,
    *,
    bins_s: Sequence[float] = BINS_S,
    window_s: float = WINDOW_S,
    tiling_s: float = TILING_S,
    minimum_spikes: int = MINIMUM_SPIKES,
) -> Pairs | None:
    """Correlations and tiling of all pairs of units, within and between regions.

    Parameters
    ----------
    units : EpochUnits
        Spikes of the epoch.
    bins_s : sequence of float
        Bin widths.
    window_s : float
        Windows within which counts are compared.
    tiling_s : float
        Reach of a spike for tiling.
    minimum_spikes : int
        A unit with fewer spikes is left out.

    Returns
    -------
    Pairs or None
        None with fewer than two units.
    """
    counts = np.array([len(times) for times in units.spike_times])
    enough = counts >= max(minimum_spikes, 1)
    kept = np.flatnonzero(enough)
    if len(kept) < 2:
        return None
    trains = [units.spike_times[unit] for unit in kept]
    moments = moments_by_bin(trains, units.intervals, bins_s=bins_s, window_s=window_s)
    return Pairs(
        unit_id=[units.unit_id[unit] for unit in kept],
        region=[units.region[unit] for unit in kept],
        n_spikes=counts[kept],
        moments=moments,
        tiling=tiling(trains, units.intervals, dt_s=tiling_s),
        too_few=tuple(units.unit_id[unit] for unit in np.flatnonzero(~enough)),
        seconds=units.seconds,
    )


def bin_starts(intervals: Intervals, bin_s: float) -> NDArray[np.float64]:
    """Starts of the whole bins inside intervals, on a grid from each interval's start."""
    counts = _whole_bins(intervals, bin_s)
    pieces = [start + bin_s * np.arange(n) for (start, _), n in zip(intervals, counts, strict=True)]
    return np.concatenate([np.empty(0), *pieces])


def _whole_bins(intervals: Intervals, bin_s: float) -> NDArray[np.int64]:
    """Bins that lie wholly inside each interval."""
    return np.floor((intervals[:, 1] - intervals[:, 0]) / bin_s + 1e-9).astype(np.int64)


def bin_counts(
    trains: Sequence[NDArray[np.float64]], starts: NDArray[np.float64], bin_s: float
) -> NDArray[np.float32]:
    """Spikes in bins [start, start + bin_s), shape (n_trains, n_bins); bins must not overlap."""
    n_bins = len(starts)
    counts = np.zeros((len(trains), n_bins), dtype=np.float32)
    if not n_bins:
        return counts
    # Bins that follow each other are counted off, not searched; one train after the other stays in
    # the cache.
    first = np.flatnonzero(np.diff(starts, prepend=-np.inf) > bin_s * (1 + 1e-6))
    low, high = starts[first], starts[np.append(first[1:], n_bins) - 1] + bin_s
    last = np.append(first[1:], n_bins) - 1
    ends, per_second = np.array([low[0], high[-1]]), 1 / bin_s
    for row, times in zip(counts, trains, strict=True):
        begin, past = times.searchsorted(ends)
        near = times[begin:past]
        if len(first) == 1:
            bins = ((near - low[0]) * per_second).astype(np.intp)
        else:
            run = np.searchsorted(low, near, side="right") - 1
            inside = near < high[run]
            near, run = near[inside], run[inside]
            bins = first[run] + ((near - low[run]) * per_second).astype(np.intp)
            np.minimum(bins, last[run], out=bins)
        found = np.bincount(bins, minlength=n_bins)
        # A spike just before the end may be rounded past it.
        if len(found) > n_bins:
            found[n_bins - 1] = found[n_bins - 1 :].sum()
        row[:] = found[:n_bins]
    return counts


def time_windows(starts: NDArray[np.float64], window_s: float) -> list[slice]:
    """Bins of each window of the session clock, windows counted from the first bin."""
    if not len(starts):
        return []
    window = np.floor((starts - starts[0]) / window_s + 1e-9)
    first = np.flatnonzero(np.diff(window, prepend=-1.0))
    past = np.append(first[1:], len(starts))
    return [slice(a, b) for a, b in zip(first.tolist(), past.tolist(), strict=True)]


def count_moments(
    trains: Sequence[NDArray[np.float64]],
    intervals: ArrayLike,
    *,
    bin_s: float,
    window_s: float = WINDOW_S,
) -> CountMoments | None:
    """Means and covariances of spike counts.

    Parameters
    ----------
    trains : sequence of ndarray
        Seconds, ascending.
    intervals : array_like, shape (n, 2)
        Seconds, without overlaps; bins lie wholly inside one.
    bin_s, window_s : float
        Width of the bins; length of the windows whose means are taken off.

    Returns
    -------
    CountMoments or None
        None when no window holds two bins.
    """
    found = moments_by_bin(trains, intervals, bins_s=(bin_s,), window_s=window_s)
    return found.get(bin_s)


def moments_by_bin(
    trains: Sequence[NDArray[np.float64]],
    intervals: ArrayLike,
    *,
    bins_s: Sequence[float],
    window_s: float = WINDOW_S,
) -> dict[float, CountMoments]:
    """Means and covariances of spike counts, as :func:`count_moments`, in bins of several widths.

    Spikes are counted once; bins that are whole multiples of the narrowest add its counts up.
    Widths of which no window holds two bins are left out.
    """
    intervals = disjoint(intervals)
    narrowest = min(bins_s)
    fine = bin_counts(trains, bin_starts(intervals, narrowest), narrowest)
    found = {}
    for bin_s in bins_s:
        starts = bin_starts(intervals, bin_s)
        counts = fine if bin_s == narrowest else _joined(fine, intervals, narrowest, bin_s)
        if counts is None:
            counts = bin_counts(trains, starts, bin_s)
        moments = _moments(counts, time_windows(starts, window_s), bin_s)
        if moments is not None:
            found[bin_s] = moments
    return found


def _joined(
    fine: NDArray[np.float32], intervals: Intervals, fine_s: float, bin_s: float
) -> NDArray[np.float32] | None:
    """Counts in bins that each hold several of the fine ones; None where they do not."""
    several = round(bin_s / fine_s)
    if abs(bin_s / fine_s - several) > 1e-9:
        return None
    n_fine, used = _whole_bins(intervals, fine_s), several * _whole_bins(intervals, bin_s)
    if np.any(used > n_fine):
        return None
    if np.any(used < n_fine):
        place = np.arange(n_fine.sum()) - np.repeat(np.cumsum(n_fine) - n_fine, n_fine)
        fine = fine[:, place < np.repeat(used, n_fine)]
    joined = fine.reshape(-1, several) @ np.ones(several, dtype=np.float32)
    return joined.reshape(len(fine), -1)


def _moments(
    counts: NDArray[np.float32], windows: Sequence[slice], bin_s: float
) -> CountMoments | None:
    """Moments of counts (unit, bin), pooled within windows of two bins or more."""
    windows = [window for window in windows if window.stop - window.start > 1]
    if not windows:
        return None
    n_units = len(counts)
    total, products, n_bins = np.zeros(n_units), np.zeros((n_units, n_units)), 0
    for window in windows:
        inside = counts[:, window]
        own = count_products(inside)
        sums = inside @ np.ones(inside.shape[1], dtype=np.float32)
        if own.diagonal().max(initial=0) >= 2**24:  # no sum is larger than its sum of squares
            sums = inside.sum(axis=1, dtype=np.float64)
        sums = sums.astype(np.float64)
        n_bins += inside.shape[1]
        total += sums
        own -= np.outer(sums, sums / inside.shape[1])
        products += own
    return CountMoments(
        mean=total / n_bins,
        covariance=products / (n_bins - len(windows)),
        n_bins=n_bins,
        n_windows=len(windows),
        bin_s=bin_s,
    )


def count_products(counts: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sums of products of counts, shape (n_units, n_units); exact.

    Whole numbers below 2^24 are exact in single precision, where products take half the time. No
    sum is larger than the largest sum of squares, which would show as 2^24 or more.
    """
    products = counts @ counts.T
    if np.diagonal(products).max(initial=0) >= 2**24:
        exact = counts.astype(np.float64)
        return exact @ exact.T
    return products.astype(np.float64)
