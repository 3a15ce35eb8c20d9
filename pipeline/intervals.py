"""Algebra of time intervals: contexts, phases, movement strata and artefacts all come as these.

An interval set is a float array of shape (n, 2), seconds on the session clock, each row half-open
[start, stop). Half-open rows make neighbours additive: [0, 5) and [5, 9) share no sample, and their
lengths sum to the length of [0, 9). Every function is pure and returns a new array.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import InputError

Intervals = NDArray[np.float64]


def as_intervals(intervals: ArrayLike, *, name: str = "intervals") -> Intervals:
    """Check an interval set and return it as a float array.

    Parameters
    ----------
    intervals : array_like, shape (n, 2)
        Start and stop of each interval in seconds; one (start, stop) pair and an empty sequence
        are accepted too.
    name : str
        What the intervals are, for the error message.

    Returns
    -------
    ndarray, shape (n, 2)
        The intervals, in the order of time.

    Raises
    ------
    InputError
        If the shape is wrong, a number is not finite, or an interval does not end after its start.
    """
    array = np.array(intervals, dtype=float)
    if array.size == 0:
        return np.empty((0, 2))
    if array.shape == (2,):
        array = array[np.newaxis]
    if array.ndim != 2 or array.shape[1] != 2:
        raise InputError(f"{name}: found shape {array.shape}; expected (n, 2), start and stop in s")
    wrong = ~(np.isfinite(array).all(axis=1) & (array[:, 0] < array[:, 1]))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        start, stop = array[row]
        raise InputError(
            f"{name}: row {row + 1}: found start {start:g} s and stop {stop:g} s; expected finite "
            "numbers with stop after start (columns exchanged?)"
        )
    return array[np.lexsort((array[:, 1], array[:, 0]))]


def disjoint(intervals: ArrayLike, *, name: str = "intervals") -> Intervals:
    """Check an interval set whose members must not overlap (touching is allowed).

    Parameters
    ----------
    intervals : array_like, shape (n, 2)
        Seconds.
    name : str
        What the intervals are, for the error message.

    Returns
    -------
    ndarray, shape (n, 2)
        The intervals, in the order of time.

    Raises
    ------
    InputError
        As :func:`as_intervals`, and if two intervals overlap: their time would count twice.
    """
    array = as_intervals(intervals, name=name)
    overlap = np.flatnonzero(array[1:, 0] < array[:-1, 1])
    if overlap.size:
        first, second = array[overlap[0]], array[overlap[0] + 1]
        raise InputError(
            f"{name}: [{first[0]:g}, {first[1]:g}) and [{second[0]:g}, {second[1]:g}) s overlap; "
            "expected separate intervals, else their time would count twice"
        )
    return array


def merge(intervals: ArrayLike) -> Intervals:
    """Union of all intervals: overlapping and touching ones become one.

    Parameters
    ----------
    intervals : array_like, shape (n, 2)
        Seconds, in any order, overlapping or not.

    Returns
    -------
    ndarray, shape (m, 2)
        Disjoint, ordered, none touching the next.
    """
    array = as_intervals(intervals)
    if len(array) == 0:
        return array
    furthest = np.maximum.accumulate(array[:, 1])
    opens = np.r_[True, array[1:, 0] > furthest[:-1]]
    closes = np.r_[opens[1:], True]
    return np.column_stack((array[opens, 0], furthest[closes]))


def intersect(a: ArrayLike, b: ArrayLike) -> Intervals:
    """Time that lies in an interval of `a` and in an interval of `b`.

    Borders inside either set stay borders (two context intervals that touch are not fused).

    Parameters
    ----------
    a, b : array_like, shape (n, 2) and (m, 2)
        Seconds; each without overlaps.

    Returns
    -------
    ndarray, shape (k, 2)
        Disjoint and ordered; empty when nothing is shared.

    Raises
    ------
    InputError
        If the members of a set overlap.
    """
    a, b = disjoint(a), disjoint(b)
    # Each member of `a` meets a contiguous run of members of `b`, because both are in order.
    first = np.searchsorted(b[:, 1], a[:, 0], side="right")
    last = np.searchsorted(b[:, 0], a[:, 1], side="left")
    pieces = [
        np.column_stack((np.maximum(b[i:j, 0], start), np.minimum(b[i:j, 1], stop)))
        for (start, stop), i, j in zip(a, first, last, strict=True)
        if j > i
    ]
    return np.concatenate(pieces) if pieces else np.empty((0, 2))


def subtract(intervals: ArrayLike, remove: ArrayLike) -> Intervals:
    """Time of `intervals` that lies in no interval of `remove`.

    Parameters
    ----------
    intervals : array_like, shape (n, 2)
        Seconds, without overlaps.
    remove : array_like, shape (m, 2)
        Seconds, in any order, overlapping or not (artefacts, handling).

    Returns
    -------
    ndarray, shape (k, 2)
        Disjoint and ordered pieces; borders between the given intervals stay borders.

    Raises
    ------
    InputError
        If `intervals` overlap.
    """
    intervals = disjoint(intervals)
    gone = merge(remove)
    # The complement of what is removed, then what it shares with the intervals.
    edges = np.concatenate(([-np.inf], gone.ravel(), [np.inf])).reshape(-1, 2)
    pieces = [
        np.column_stack((np.maximum(edges[:, 0], start), np.minimum(edges[:, 1], stop)))
        for start, stop in intervals
    ]
    kept = np.concatenate(pieces) if pieces else np.empty((0, 2))
    return kept[kept[:, 0] < kept[:, 1]]


def pad(intervals: ArrayLike, by: float) -> Intervals:
    """Every interval longer by `by` seconds on both sides, and merged.

    Parameters
    ----------
    intervals : array_like, shape (n, 2)
        Seconds.
    by : float
        Seconds, zero or more.

    Returns
    -------
    ndarray, shape (m, 2)
        Disjoint and ordered.
    """
    return merge(as_intervals(intervals) + np.array([-by, by]))


def total_seconds(intervals: ArrayLike) -> float:
    """Length of the union of all intervals in seconds: time that is named twice counts once."""
    merged = merge(intervals)
    return float(np.sum(merged[:, 1] - merged[:, 0]))


def contains(intervals: ArrayLike, times: ArrayLike) -> NDArray[np.bool_]:
    """Whether each time lies in an interval (its start included, its stop not).

    Parameters
    ----------
    intervals : array_like, shape (n, 2)
        Seconds.
    times : array_like, shape (k,)
        Seconds, in any order.

    Returns
    -------
    ndarray of bool, shape (k,)
    """
    merged = merge(intervals)
    times = np.asarray(times, dtype=float)
    # Odd positions among the borders lie inside.
    return np.searchsorted(merged.ravel(), times, side="right") % 2 == 1


def from_mask(mask: ArrayLike, *, rate_hz: float, start_s: float = 0.0) -> Intervals:
    """Runs of true samples as intervals.

    Parameters
    ----------
    mask : array_like of bool, shape (k,)
        One flag per sample; sample i covers [start_s + i / rate_hz, start_s + (i + 1) / rate_hz).
    rate_hz : float
        Samples per second.
    start_s : float
        Time of the first sample.

    Returns
    -------
    ndarray, shape (n, 2)
        Seconds.
    """
    mask = np.asarray(mask, dtype=bool)
    steps = np.diff(np.concatenate(([False], mask, [False])).astype(np.int8))
    runs = np.column_stack((np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)))
    return start_s + runs / rate_hz
