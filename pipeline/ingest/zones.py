"""Zones of the arena: who is inside, and the known position in an epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.intervals import Intervals, disjoint

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class EpochTrack:
    """Position inside the intervals of one epoch.

    Attributes
    ----------
    x, y : numpy.ndarray
        (sample,) in the units of the track; never NaN.
    weight_s : numpy.ndarray
        (sample,) seconds of the intervals that each sample stands for.
    """

    x: np.ndarray
    y: np.ndarray
    weight_s: np.ndarray

    @property
    def seconds(self) -> float:
        """Seconds of the intervals in which the position is known."""
        return float(self.weight_s.sum())


def epoch_track(movement: pd.DataFrame, intervals: Intervals) -> EpochTrack | None:
    """Return the known positions inside some intervals.

    Parameters
    ----------
    movement : pandas.DataFrame
        As :func:`pipeline.ingest.read_movement` gives.
    intervals : numpy.ndarray
        (n, 2) seconds on the session clock, half-open, disjoint.

    Returns
    -------
    EpochTrack or None
        None where only speeds were read.
    """
    from pipeline.ingest.movement import overlap, sample_spans

    if not {"x", "y"} <= set(movement.columns):
        return None
    x, y = (movement[axis].to_numpy(np.float64) for axis in ("x", "y"))
    seconds = overlap(sample_spans(movement), disjoint(intervals))
    kept = np.isfinite(x) & np.isfinite(y) & (seconds > 0)
    return EpochTrack(x=x[kept], y=y[kept], weight_s=seconds[kept])


def inside(area: Mapping[str, Any], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return which points lie in an area.

    Parameters
    ----------
    area : mapping
        ``{"rectangle": [x0, y0, x1, y1]}``: from its lower to, not including, its upper edges, so
        that neighbours share no point; ``{"circle": [x, y, radius]}``: nearer than the radius;
        ``{"polygon": [[x, y], ...]}``: even-odd rule (a line to the right crosses the border an
        odd number of times), lower and left edges included.
    x, y : numpy.ndarray
        (point,) in the same units.

    Returns
    -------
    numpy.ndarray of bool
        (point,); False for NaN.
    """
    if "rectangle" in area:
        x0, y0, x1, y1 = area["rectangle"]
        return (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
    if "circle" in area:
        centre_x, centre_y, radius = area["circle"]
        return np.hypot(x - centre_x, y - centre_y) < radius
    return _inside_polygon(area["polygon"], x, y)


def _inside_polygon(corners: Sequence[Sequence[float]], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    odd = np.zeros(len(x), dtype=bool)
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if ay == by:  # a level side is never crossed by a level line
            continue
        between = (np.minimum(ay, by) <= y) & (y < np.maximum(ay, by))
        odd ^= between & (x < ax + (y - ay) * (bx - ax) / (by - ay))
    return odd


def track_warnings(
    movement: pd.DataFrame, zones: Mapping[str, Mapping[str, Any]], *, fastest_cm_s: float = 300.0
) -> tuple[str, ...]:
    """Return what looks wrong with a session's movement.

    Parameters
    ----------
    movement : pandas.DataFrame
        As :func:`pipeline.ingest.read_movement` gives.
    zones : mapping
        Area by name, of this session.
    fastest_cm_s : float
        Rats and mice do not run faster: more than one known step in a hundred above it are
        jumps of the tracking, or a wrong scale.

    Returns
    -------
    tuple of str
        A zone that no point of the track lies near; zones without positions; impossible speeds.
    """
    warnings = []
    speed = movement["speed_cm_s"].to_numpy(np.float64)
    speed = speed[np.isfinite(speed)]
    fast = float(np.mean(speed > fastest_cm_s)) if len(speed) else 0.0
    if fast > 0.01:
        warnings.append(
            f"movement: {100 * fast:.0f} % of the known time faster than {fastest_cm_s:g} cm/s "
            "(tracking that jumps, cm_per_unit or frame rate wrong)"
        )
    if zones and not {"x", "y"} <= set(movement.columns):
        warnings.append("movement: zones are declared, but the file holds speeds and no positions")
        return tuple(warnings)
    for name, area in zones.items():
        x0, y0, x1, y1 = bounds(area)
        x, y = movement["x"].to_numpy(np.float64), movement["y"].to_numpy(np.float64)
        apart = np.nanmax(x) < x0 or np.nanmin(x) > x1 or np.nanmax(y) < y0 or np.nanmin(y) > y1
        if apart:
            warnings.append(
                f"movement: zone {name} (x {x0:g} to {x1:g}, y {y0:g} to {y1:g}) lies outside the "
                f"whole track (x {np.nanmin(x):g} to {np.nanmax(x):g}, y {np.nanmin(y):g} to "
                f"{np.nanmax(y):g}): never visited, or other units, or x and y exchanged"
            )
    return tuple(warnings)


def bounds(area: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """Return (x0, y0, x1, y1) around an area."""
    if "rectangle" in area:
        return tuple(area["rectangle"])
    if "circle" in area:
        x, y, radius = area["circle"]
        return x - radius, y - radius, x + radius, y + radius
    xs, ys = zip(*area["polygon"], strict=True)
    return min(xs), min(ys), max(xs), max(ys)
