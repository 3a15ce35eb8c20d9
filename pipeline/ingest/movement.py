"""Movement of the animal: read, divided into rest, walk and run, and cut to epochs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import InputError
from pipeline.intervals import Intervals, disjoint, merge

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.experiment.movement_options import TrackOptions

STRATA = ("rest", "walk", "run")
#: a sample stands for the time until the next one, unless that is later than so many usual steps:
#: then the tracking was lost, and the time between is unknown
LONGEST_STEPS = 5.0


@dataclass(frozen=True)
class EpochMovement:
    """Speed inside the intervals of one epoch.

    Attributes
    ----------
    time_s : numpy.ndarray
        (sample,) start of each sample inside the intervals, seconds on the session clock.
    speed_cm_s : numpy.ndarray
        (sample,) speed; never NaN.
    weight_s : numpy.ndarray
        (sample,) seconds of the intervals that each sample stands for.
    """

    time_s: np.ndarray
    speed_cm_s: np.ndarray
    weight_s: np.ndarray

    @property
    def seconds(self) -> float:
        """Seconds of the intervals in which the speed is known."""
        return float(self.weight_s.sum())


def read_movement(
    path: str | Path,
    *,
    speed_column: str = "speed_cm_s",
    speed_unit: str = "cm/s",
    starts_at_s: float = 0.0,
    **track: Any,
) -> pd.DataFrame:
    """Read a speed trace, or a position track and the speed along it.

    Parameters
    ----------
    path : path
        A table of times and speeds (CSV with comma, semicolon or tab, or TSV); or a track of
        DeepLabCut, SLEAP, Bonsai, NWB, Neuralynx, Axona or Trodes.
    speed_column : str
        Column of a table of speeds.
    speed_unit : {"cm/s", "m/s", "mm/s"}
        Of the speed.
    starts_at_s : float
        Seconds added to all times: the zero of the file's clock on the session clock.
    **track
        Fields of :class:`pipeline.experiment.movement_options.TrackOptions`.

    Returns
    -------
    pandas.DataFrame
        ``time_s``, growing, seconds on the session clock; ``speed_cm_s``, NaN where it is unknown
        (a blank cell, tracking lost). Of tracks also ``x`` and ``y``, in units of the track, NaN
        where unknown; the speed of a row is that of the way to the next row's position.

    Raises
    ------
    InputError
        All problems of a table of speeds: missing columns, cells that are no numbers, times that
        are missing or do not grow, negative speeds, fewer than two samples. Of a track: what
        :func:`pipeline.ingest.tracks.read_track` refuses, and a unit without a length.
    """
    from pipeline.experiment.movement_options import TrackOptions
    from pipeline.ingest.speeds import check_speed_unit, read_speeds
    from pipeline.ingest.tracks import detect_track

    path = Path(path)
    options = TrackOptions.model_validate(track)
    check_speed_unit(speed_unit)
    if not path.is_file():
        raise InputError(f"{path}: not found; check the 'movement' column of the sessions table")
    kind: str = options.format
    if kind == "auto":
        kind = detect_track(path, speed_column=speed_column, options=options)
    if kind == "speed":
        movement = read_speeds(path, options, speed_column=speed_column, unit=speed_unit)
    else:
        movement = _read_track(path, options, kind)
    movement["time_s"] += options.time_offset_s + starts_at_s
    return movement


def _read_track(path: Path, options: TrackOptions, kind: str) -> pd.DataFrame:
    """Return position and speed of a track, or the speeds that an NWB file holds instead."""
    import pandas as pd

    from pipeline.ingest.speeds import refuse_impossible
    from pipeline.ingest.track_speed import movement_of_track
    from pipeline.ingest.tracks import read_track

    found = read_track(path, options, format=kind)
    if isinstance(found, pd.DataFrame):
        refuse_impossible(found, path)
        return found
    stated = options.cm_per_unit
    if stated and found.cm_per_unit and not np.isclose(stated, found.cm_per_unit, rtol=0.02):
        raise InputError(
            f"{path}: movement.cm_per_unit: found {stated:g}; the file itself says "
            f"{found.cm_per_unit:g} ({found.unit}): leave the key out, or correct it"
        )
    cm_per_unit = stated or found.cm_per_unit
    if not cm_per_unit:
        raise InputError(
            f"{path}: found positions in {found.unit}; expected movement: {{cm_per_unit: ...}}: "
            "without it speed and distance have no unit"
        )
    return movement_of_track(
        found.time_s,
        found.x,
        found.y,
        cm_per_unit=cm_per_unit,
        longest_gap_s=options.longest_gap_s,
        smooth_s=options.smooth_position_s,
    )


def sample_spans(movement: pd.DataFrame) -> np.ndarray:
    """Return (n, 2) seconds: the time that each sample stands for.

    A sample holds until the next; after a gap, and at the end, it holds for one usual step.
    """
    times = movement["time_s"].to_numpy(dtype=np.float64)
    steps = np.diff(times)
    usual = float(np.median(steps))
    # The next sample's own time, bit by bit: neighbours must touch.
    stops = np.where(steps > LONGEST_STEPS * usual, times[:-1] + usual, times[1:])
    return np.column_stack([times, np.append(stops, times[-1] + usual)])


def smoothed_speed(movement: pd.DataFrame, *, smooth_s: float) -> np.ndarray:
    """Return the running mean of the speed, NaN where the speed itself is unknown.

    The mean runs over the known time within ``smooth_s`` around the middle of each sample, so
    samples may come at any rate and may be missing.

    Parameters
    ----------
    movement : pandas.DataFrame
        As :func:`read_movement` gives.
    smooth_s : float
        Width of the window; 0 for none.

    Returns
    -------
    numpy.ndarray
        (sample,) cm/s.
    """
    spans = sample_spans(movement)
    speed = movement["speed_cm_s"].to_numpy(dtype=np.float64)
    known = np.isfinite(speed)
    if smooth_s <= 0:
        return speed
    # Path and known time, as they add up along the session: straight lines between the edges.
    weight = np.where(known, spans[:, 1] - spans[:, 0], 0.0)
    edges = spans.ravel()
    path = np.repeat(np.cumsum(np.where(known, speed, 0.0) * weight), 2)
    path[::2] -= np.where(known, speed, 0.0) * weight
    time = np.repeat(np.cumsum(weight), 2)
    time[::2] -= weight
    middle = spans.mean(axis=1)
    window = [middle - smooth_s / 2, middle + smooth_s / 2]
    distance = np.interp(window[1], edges, path) - np.interp(window[0], edges, path)
    seconds = np.interp(window[1], edges, time) - np.interp(window[0], edges, time)
    return np.divide(
        distance, seconds, out=np.full(len(speed), np.nan), where=known & (seconds > 0)
    )


def movement_strata(
    movement: pd.DataFrame,
    *,
    rest_below_cm_s: float = 2.0,
    run_above_cm_s: float = 15.0,
    smooth_s: float = 1.0,
    minimum_bout_s: float = 3.0,
) -> dict[str, Intervals]:
    """Divide a session into rest, walk and run.

    The limits are the lab's: rest below 1 to 3 cm/s and run above 15 cm/s occur in the literature,
    with bouts of at least 3 s. Shorter bouts, and time with the tracking lost, belong to no
    stratum.

    Parameters
    ----------
    movement : pandas.DataFrame
        As :func:`read_movement` gives.
    rest_below_cm_s, run_above_cm_s : float
        Slower than the first is rest, faster than the second is run, between them is walk.
    smooth_s : float
        Width of the running mean that is compared with the limits.
    minimum_bout_s : float
        Shortest bout.

    Returns
    -------
    dict of str to numpy.ndarray
        ``rest``, ``walk`` and ``run``: (n, 2) seconds on the session clock, disjoint, in order.

    Raises
    ------
    InputError
        When the limits are not in order.
    """
    if not 0 < rest_below_cm_s <= run_above_cm_s:
        raise InputError(
            f"movement: found rest_below_cm_s {rest_below_cm_s:g} and run_above_cm_s "
            f"{run_above_cm_s:g}; expected the first to be above 0 and not above the second"
        )
    spans = sample_spans(movement)
    speed = smoothed_speed(movement, smooth_s=smooth_s)
    # NaN is in none: every comparison with it is false.
    members = {
        "rest": speed < rest_below_cm_s,
        "walk": (speed >= rest_below_cm_s) & (speed <= run_above_cm_s),
        "run": speed > run_above_cm_s,
    }
    return {name: _bouts(spans[members[name]], minimum_bout_s) for name in STRATA}


def _bouts(spans: np.ndarray, minimum_s: float) -> Intervals:
    bouts = merge(spans)
    # Sums of binary fractions: a bout of exactly the minimum must not fall short by rounding.
    return bouts[bouts[:, 1] - bouts[:, 0] >= minimum_s - 1e-9]


def epoch_movement(movement: pd.DataFrame, intervals: Intervals) -> EpochMovement:
    """Return the known speed inside some intervals.

    Parameters
    ----------
    movement : pandas.DataFrame
        As :func:`read_movement` gives.
    intervals : numpy.ndarray
        (n, 2) seconds on the session clock, half-open, disjoint.

    Returns
    -------
    EpochMovement
        Samples with the seconds of the intervals that each stands for; a sample that began before
        an interval counts from the interval's start.
    """
    spans = sample_spans(movement)
    cuts = disjoint(intervals)
    speed = movement["speed_cm_s"].to_numpy(dtype=np.float64)
    seconds = overlap(spans, cuts)
    kept = np.isfinite(speed) & (seconds > 0)
    starts = spans[kept, 0]
    begins = cuts[np.searchsorted(cuts[:, 1], starts, side="right"), 0] if kept.any() else starts
    return EpochMovement(
        time_s=np.maximum(starts, begins), speed_cm_s=speed[kept], weight_s=seconds[kept]
    )


def overlap(spans: np.ndarray, cuts: Intervals) -> np.ndarray:
    """Return the seconds that each span shares with the intervals."""
    if len(cuts) == 0:
        return np.zeros(len(spans))
    # Time inside the intervals up to t is a straight line between their edges.
    edges = cuts.ravel()
    inside = np.zeros(len(edges))
    inside[1::2] = np.cumsum(cuts[:, 1] - cuts[:, 0])
    inside[2::2] = inside[1:-1:2]
    return np.interp(spans[:, 1], edges, inside) - np.interp(spans[:, 0], edges, inside)
