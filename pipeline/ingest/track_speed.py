"""From positions to speed: short losses filled, long ones unknown, jitter smoothed before speed."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

#: frames that follow within so many usual steps are neighbours, whatever the declared gap
NEIGHBOURS = 1.5
#: a window narrower than this smooths nothing
NARROWEST_S = 2e-3


def movement_of_track(
    time_s: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    *,
    cm_per_unit: float,
    longest_gap_s: float,
    smooth_s: float,
) -> pd.DataFrame:
    """Return speed and position over time.

    Parameters
    ----------
    time_s : numpy.ndarray
        (frame,) seconds, growing.
    x, y : numpy.ndarray
        (frame,) units of the track, NaN where unknown.
    cm_per_unit : float
        Centimetres in a unit.
    longest_gap_s : float
        Known positions that are further apart in time are not joined: between them the position
        is unknown. Nearer ones are joined by a straight line. Neighbouring frames always are.
    smooth_s : float
        Width of the running mean of the position; 0 for none. Near the edges of a piece it
        narrows evenly on both sides, so that a straight path at constant speed keeps its speed.

    Returns
    -------
    pandas.DataFrame
        ``time_s``; ``speed_cm_s``, from each row's position to the next one's, NaN where either
        is unknown; ``x``, ``y`` (not smoothed, in units of the track, NaN where unknown). Frames
        that were dropped have rows of their own, so that a position never holds beyond a gap.
    """
    import pandas as pd

    times = with_dropped_frames(time_s, longest_gap_s)
    known = np.isfinite(x) & np.isfinite(y)
    seen = time_s[known]
    joined = _pieces(time_s, seen, longest_gap_s)
    place = np.searchsorted(seen, times, side="right") - 1
    inside = (place >= 0) & (times <= seen[-1])
    piece = np.where(inside, joined[np.clip(place, 0, None)], -1)
    # Between the last point of a piece and the first of the next one nothing is known.
    after = np.clip(place + 1, 0, len(seen) - 1)
    exact = inside & (seen[np.clip(place, 0, None)] == times)
    piece = np.where(exact | (inside & (joined[after] == piece)), piece, -1)
    there = piece >= 0
    filled_x = np.where(there, np.interp(times, seen, x[known]), np.nan)
    filled_y = np.where(there, np.interp(times, seen, y[known]), np.nan)
    speed = np.full(len(times), np.nan)
    for start, stop in _runs(piece):
        rows = slice(start, stop)
        moved = [
            np.diff(running_mean(times[rows], values[rows], smooth_s))
            for values in (filled_x, filled_y)
        ]
        speed[start : stop - 1] = np.hypot(*moved) * cm_per_unit / np.diff(times[rows])
    return pd.DataFrame({"time_s": times, "speed_cm_s": speed, "x": filled_x, "y": filled_y})


def with_dropped_frames(time_s: np.ndarray, longest_gap_s: float) -> np.ndarray:
    """Return the times with those of missing frames put in.

    Parameters
    ----------
    time_s : numpy.ndarray
        (frame,) seconds, growing.
    longest_gap_s : float
        Longest gap that is filled.

    Returns
    -------
    numpy.ndarray
        (row,) growing, the given times unchanged among them: a missing frame about every usual
        step; in a gap that is not filled one only, a usual step after its start, where knowledge
        ends.
    """
    steps = np.diff(time_s)
    usual = float(np.median(steps))
    lacking = steps > NEIGHBOURS * usual  # jitter of the frame times is no loss
    filled = lacking & (steps <= _limit(time_s, longest_gap_s))
    missing = np.where(filled, np.maximum(np.round(steps / usual) - 1, 1), lacking)
    missing = missing.astype(np.int64)
    if not missing.any():
        return time_s
    number = np.repeat(np.arange(len(steps)), missing)
    index = np.arange(len(number)) - np.repeat(np.cumsum(missing) - missing, missing) + 1
    apart = np.where(filled, steps / (missing + 1), usual)
    return np.sort(np.concatenate([time_s, time_s[number] + index * apart[number]]), kind="stable")


def _limit(time_s: np.ndarray, longest_gap_s: float) -> float:
    """Return how far apart in time known positions may be to be joined."""
    # A frame's time is a rounded fraction: a gap of exactly the limit must not fall beyond it.
    return max(longest_gap_s + 1e-9, NEIGHBOURS * float(np.median(np.diff(time_s))))


def _pieces(time_s: np.ndarray, seen: np.ndarray, longest_gap_s: float) -> np.ndarray:
    """Number the known frames by the piece of the path that they belong to."""
    return np.concatenate([[0], np.cumsum(np.diff(seen) > _limit(time_s, longest_gap_s))])


def _runs(piece: np.ndarray) -> list[tuple[int, int]]:
    """Return [start, stop) of each run of rows of one piece; -1 is none."""
    edges = np.flatnonzero(np.diff(piece)) + 1
    borders = np.concatenate([[0], edges, [len(piece)]])
    return [
        (int(start), int(stop))
        for start, stop in pairwise(borders)
        if piece[start] >= 0 and stop - start > 1
    ]


def running_mean(time_s: np.ndarray, value: np.ndarray, width_s: float) -> np.ndarray:
    """Return the mean of a path of straight lines over a window around each of its corners.

    Parameters
    ----------
    time_s : numpy.ndarray
        (n,) seconds, growing.
    value : numpy.ndarray
        (n,) without NaN.
    width_s : float
        Width of the window, which narrows on both sides alike near the ends; 0 gives ``value``.

    Returns
    -------
    numpy.ndarray
        (n,); exact whatever the steps of time, because a path of straight lines has an exact
        integral.
    """
    half = np.minimum(width_s / 2, np.minimum(time_s - time_s[0], time_s[-1] - time_s))
    area = np.concatenate([[0.0], np.cumsum(np.diff(time_s) * (value[1:] + value[:-1]) / 2)])

    def integral(at: np.ndarray) -> np.ndarray:
        k = np.clip(np.searchsorted(time_s, at, side="right") - 1, 0, len(time_s) - 2)
        slope = (value[k + 1] - value[k]) / (time_s[k + 1] - time_s[k])
        since = at - time_s[k]
        return area[k] + value[k] * since + slope * since**2 / 2

    wide = half >= NARROWEST_S  # else the difference of two integrals is rounding
    mean = value.astype(np.float64).copy()
    t, h = time_s[wide], half[wide]
    mean[wide] = (integral(t + h) - integral(t - h)) / (2 * h)
    return mean
