"""Spike-time tiling coefficient of all pairs of units (Cutts & Eglen 2014, J Neurosci 34:14288).

Exact, and far from searching every spike in every train: a table per unit says of each millisecond
whether it lies near a spike of it, and only spikes in milliseconds that hold a border are compared
with the borders themselves.

elephant 1.2.1 agrees to rounding once its window is made exact: it looks for neighbours within
dt + 1e-5 x |t|, so that its coefficient grows with the time since the clock's zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.intervals import Intervals, disjoint, merge

#: reach of a spike to either side
TILING_S = 0.05
#: cells of the table that coverage is looked up in
_CELL_S = 0.001


def tiling(
    trains: Sequence[NDArray[np.float64]], intervals: ArrayLike, *, dt_s: float = TILING_S
) -> NDArray[np.float64]:
    """Spike-time tiling coefficient of all pairs.

    ``((P_A - T_B) / (1 - P_A T_B) + (P_B - T_A) / (1 - P_B T_A)) / 2``: P_A is the share of A's
    spikes that lie within `dt_s` of one of B, T_A the share of the time that lies within `dt_s` of
    one of A; a term whose P and T are 1 is 1.

    Parameters
    ----------
    trains : sequence of ndarray
        Seconds inside `intervals`, ascending.
    intervals : array_like, shape (n, 2)
        Seconds, without overlaps.
    dt_s : float
        Reach of a spike.

    Returns
    -------
    ndarray, shape (n_trains, n_trains)
        Symmetric; NaN for a train without spikes.
    """
    intervals = merge(disjoint(intervals))
    close, offset = _closed_up(intervals, gap_s=4 * dt_s)
    packed = [_pack(times, intervals, offset) for times in trains]
    counts = np.array([len(times) for times in packed])
    seconds = float(np.sum(close[:, 1] - close[:, 0]))
    spikes = np.concatenate([np.empty(0), *packed])
    # One cell before and one past the end, for the reach of the outermost spikes.
    cell = min(_CELL_S, dt_s)
    origin, end = close[0, 0] - dt_s - cell, close[-1, 1] + dt_s + 2 * cell
    cells = ((spikes - origin) / cell).astype(np.intp)
    table = np.empty(int((end - origin) / cell) + 2, dtype=np.int8)
    alive = np.flatnonzero(counts)
    borders = np.cumsum(counts) - counts
    share = np.full((len(trains),) * 2, np.nan)
    covered_time = np.full(len(trains), np.nan)
    for other in alive:
        low, high = _covered(packed[other], dt_s)
        covered_time[other] = _time_before(high, close) - _time_before(low, close)
        hits = _inside_any(spikes, cells, low, high, table, origin, cell)
        share[alive, other] = np.add.reduceat(hits, borders[alive], dtype=np.int32) / counts[alive]
    time = covered_time / seconds
    with np.errstate(divide="ignore", invalid="ignore"):
        term = (share - time) / (1 - share * time)
    term[share * time == 1] = 1.0
    return (term + term.T) / 2


def _closed_up(intervals: Intervals, *, gap_s: float) -> tuple[Intervals, NDArray[np.float64]]:
    """Intervals on a time line whose long gaps are cut to `gap_s`, and what each is moved by."""
    gaps = intervals[1:, 0] - intervals[:-1, 1]
    offset = np.concatenate(([0.0], np.cumsum(np.maximum(gaps - gap_s, 0.0))))
    offset += intervals[0, 0]  # times near zero keep their digits
    return intervals - offset[:, None], offset


def _pack(
    times: NDArray[np.float64], intervals: Intervals, offset: NDArray[np.float64]
) -> NDArray[np.float64]:
    row = np.searchsorted(intervals[:, 0], times, side="right") - 1
    return times - offset[row]


def _covered(
    times: NDArray[np.float64], dt_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Starts and ends of the time within `dt_s` of a spike, merged."""
    apart = np.flatnonzero(np.diff(times) > 2 * dt_s)
    return times[np.r_[0, apart + 1]] - dt_s, times[np.r_[apart, len(times) - 1]] + dt_s


def _time_before(at: NDArray[np.float64], intervals: Intervals) -> float:
    """Sum over points of the intervals' time before each."""
    lengths = intervals[:, 1] - intervals[:, 0]
    edges = intervals.ravel()
    done = np.cumsum(np.column_stack((np.zeros(len(lengths)), lengths)).ravel())
    return float(np.interp(at, edges, done).sum())


def _inside_any(
    spikes: NDArray[np.float64],
    cells: NDArray[np.intp],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    table: NDArray[np.int8],
    origin: float,
    cell: float,
) -> NDArray[np.bool_]:
    """Whether each spike lies in one of the stretches [low, high]; exact.

    A table says of every millisecond whether it is inside (1), outside (0), or holds a border (2);
    only spikes in the last kind are compared with the borders themselves. Searching for every spike
    would take ten times as long.
    """
    table[:] = 0
    first = ((low - origin) / cell).astype(np.intp)
    last = ((high - origin) / cell).astype(np.intp)
    table[first + 1] += 1
    table[last] -= 1
    np.cumsum(table, out=table)
    table[first] = table[last] = 2
    state = table[cells]
    unsure = np.flatnonzero(state == 2)
    at = np.searchsorted(low, spikes[unsure], side="right") - 1
    state[unsure] = (at >= 0) & (spikes[unsure] <= high[at])
    return state.view(np.bool_)
