"""Population coupling: how many more spikes than usual the other units fire around a unit's.

Okun et al. 2015, Nature 521:511. ``coupling_hz`` is the summed rate of the other units, smoothed by
a Gaussian of 12 ms, at the unit's spikes, less its mean over the window of ten minutes. It grows
with the others' rates; as a share of their mean it does not: ``coupling`` is 0 for a unit that
fires independently of the others, and 1 where they fire twice as much around its spikes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.intervals import Intervals, disjoint, intersect
from pipeline.spikes.pairs import WINDOW_S

#: smoothing of the population rate, and its time line
_SMOOTH_S, _FINE_S = 0.012, 0.001


def population_coupling(
    trains: Sequence[NDArray[np.float64]], intervals: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coupling of each unit to the others.

    Parameters
    ----------
    trains : sequence of ndarray
        Seconds inside `intervals`, ascending; one region.
    intervals : array_like, shape (n, 2)
        Seconds, without overlaps.

    Returns
    -------
    coupling_hz, coupling : ndarray, shape (n_trains,)
        Hz, and as a share of the others' mean rate; NaN for a unit without spikes, and for one
        whose others have none.

    Notes
    -----
    On a grid of 1 ms. The kernel is cut at 5 standard deviations and at the borders of intervals,
    where what is left of it is scaled to 1. A unit's own spikes are taken off exactly.
    """
    intervals = disjoint(intervals)
    reach = round(5 * _SMOOTH_S / _FINE_S)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * _FINE_S / _SMOOTH_S) ** 2)
    kernel /= kernel.sum()
    n_units = len(trains)
    around, expected, others = np.zeros(n_units), np.zeros(n_units), np.zeros(n_units)
    seconds = 0.0
    for window in _split(intervals):
        fired, lasting = np.zeros(n_units), 0.0
        for start, stop in window:
            length = max(round((stop - start) / _FINE_S), 1)
            bins, unit = _fine_bins(trains, start, stop, length)
            line = np.bincount(bins, minlength=length).astype(float)
            norm = _kept_part(kernel, length)
            rate = _smoothed(line, kernel) / norm
            around += np.bincount(unit, rate[bins], minlength=n_units)
            around -= _own_part(bins, unit, kernel[reach:], norm, n_units)
            fired += np.bincount(unit, minlength=n_units)
            lasting += length
        expected += fired * (fired.sum() - fired) / lasting
        others += fired.sum() - fired
        seconds += lasting * _FINE_S
    n_spikes = np.array([len(times) for times in trains])
    spikes = np.where(n_spikes > 0, n_spikes, np.nan)
    coupling_hz = (around - expected) / spikes / _FINE_S
    return coupling_hz, coupling_hz * seconds / np.where(others > 0, others, np.nan)


def _split(intervals: Intervals) -> list[Intervals]:
    """Parts of the intervals in each window of the session clock."""
    if not len(intervals):
        return []
    edges = np.arange(intervals[0, 0], intervals[-1, 1], WINDOW_S)
    parts = [intersect(intervals, [[edge, edge + WINDOW_S]]) for edge in edges]
    return [part for part in parts if len(part)]


def _fine_bins(
    trains: Sequence[NDArray[np.float64]], start: float, stop: float, length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Bins and units of the spikes of a stretch, unit after unit."""
    pieces = [times[slice(*np.searchsorted(times, [start, stop]))] for times in trains]
    unit = np.repeat(np.arange(len(trains)), [len(piece) for piece in pieces])
    bins = ((np.concatenate(pieces) - start) / _FINE_S).astype(np.int64)
    return np.minimum(bins, length - 1), unit


def _kept_part(kernel: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Part of the kernel that lies inside a stretch, for every bin of it."""
    reach = len(kernel) // 2
    before = np.cumsum(kernel)[np.minimum(np.arange(length) + reach, len(kernel) - 1)]
    return before + before[::-1] - 1.0


def _smoothed(line: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    reach = len(kernel) // 2
    return np.convolve(line, kernel)[reach : reach + len(line)]


def _own_part(
    bins: NDArray[np.int64],
    unit: NDArray[np.int64],
    half: NDArray[np.float64],
    norm: NDArray[np.float64],
    n_units: int,
) -> NDArray[np.float64]:
    """What each unit adds to the smoothed rate at its own spikes; `half` is the kernel from 0."""
    weight = 1.0 / norm[bins]
    total = half[0] * np.bincount(unit, weight, minlength=n_units)
    for order in range(1, len(bins)):
        apart = bins[order:] - bins[:-order]
        near = np.flatnonzero((unit[order:] == unit[:-order]) & (apart < len(half)))
        if not len(near):
            break
        both = half[apart[near]] * (weight[near] + weight[near + order])
        total += np.bincount(unit[near], both, minlength=n_units)
    return total
