"""Speed of the animal: read, divided into rest, walk and run, and cut to epochs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import ExperimentError, InputError, Problem
from pipeline.experiment.strict import did_you_mean
from pipeline.ingest.reading import reading
from pipeline.intervals import Intervals, disjoint, merge

if TYPE_CHECKING:
    import pandas as pd

CM_S_PER_UNIT = {"cm/s": 1.0, "m/s": 100.0, "mm/s": 0.1}
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
    time_column: str = "time_s",
    speed_column: str = "speed_cm_s",
    unit: str = "cm/s",
) -> pd.DataFrame:
    """Read a speed trace.

    Parameters
    ----------
    path : path
        CSV (comma, semicolon or tab) or TSV with one row per sample.
    time_column, speed_column : str
        Names of the columns; times in seconds on the session clock.
    unit : {"cm/s", "m/s", "mm/s"}
        Of the speed.

    Returns
    -------
    pandas.DataFrame
        ``time_s``, growing; ``speed_cm_s``, NaN where the cell is blank (tracking lost).

    Raises
    ------
    InputError
        All problems of the file: missing columns, cells that are no numbers, times that are
        missing or do not grow, negative speeds, fewer than two samples.
    """
    import pandas as pd

    path = Path(path)
    if unit not in CM_S_PER_UNIT:
        raise InputError(
            f"movement: speed_unit: found '{unit}'{did_you_mean(unit, CM_S_PER_UNIT)}; expected "
            f"one of {', '.join(CM_S_PER_UNIT)}"
        )
    if not path.is_file():
        raise InputError(f"{path}: not found; check the 'movement' column of the sessions table")
    with reading(path, "a table of speeds", likely="no UTF-8 text, or not one row per sample"):
        table = pd.read_csv(
            path,
            sep="\t" if path.suffix.casefold() == ".tsv" else _separator(path),
            encoding="utf-8-sig",
            dtype=str,
            skipinitialspace=True,
            skip_blank_lines=False,
        )
    table = table.rename(columns=lambda name: str(name).strip()).dropna(how="all")
    missing = [name for name in (time_column, speed_column) if name not in table.columns]
    if missing:
        found = ", ".join(table.columns)
        raise ExperimentError(
            Problem(path.name, "header", found, f"expected '{n}'{did_you_mean(n, table.columns)}")
            for n in missing
        )
    problems: list[Problem] = []
    times = _numbers(table[time_column], path, problems, blanks=False)
    speeds = _numbers(table[speed_column], path, problems, blanks=True)
    rows = table.index.to_numpy() + 2
    if not problems:
        problems = _impossible(times, speeds, rows, path, (time_column, speed_column))
    if problems:
        raise ExperimentError(problems)
    return pd.DataFrame({"time_s": times, "speed_cm_s": speeds * CM_S_PER_UNIT[unit]})


def _separator(path: Path) -> str:
    with path.open(encoding="utf-8-sig") as lines:
        header = lines.readline()
    return max((",", ";", "\t"), key=header.count)


def _numbers(column: pd.Series, path: Path, problems: list[Problem], *, blanks: bool) -> np.ndarray:
    """Return a column as float64; cells that are no finite numbers become one problem."""
    import pandas as pd

    words = column.str.strip()
    empty = words.isna() | (words == "")
    numbers = pd.to_numeric(words.mask(empty), errors="coerce").to_numpy(dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(numbers) & ~(empty.to_numpy() & blanks))
    if len(wrong):
        cell = words.iloc[wrong[0]]
        said = "" if pd.isna(cell) else str(cell)
        decimal_comma = re.fullmatch(r"[-+]?\d+,\d+", said)
        problems.append(
            Problem(
                path.name,
                f"row {column.index[wrong[0]] + 2}, column {column.name}"
                + (f" (and {len(wrong) - 1} more rows)" if len(wrong) > 1 else ""),
                f"'{said}'",
                "expected a number"
                + (": the spreadsheet wrote decimal commas" if decimal_comma else ""),
            )
        )
    return numbers


def _impossible(
    times: np.ndarray, speeds: np.ndarray, rows: np.ndarray, path: Path, columns: tuple[str, str]
) -> list[Problem]:
    if len(times) < 2:
        return [Problem(path.name, "", f"{len(times)} samples", "expected at least two")]
    problems = []
    back = np.flatnonzero(np.diff(times) <= 0)
    if len(back):
        problems.append(
            Problem(
                path.name,
                f"row {rows[back[0] + 1]}, column {columns[0]}",
                f"{times[back[0] + 1]:g} after {times[back[0]]:g}",
                "expected growing times (several sessions in one file, or a clock restart?)",
            )
        )
    negative = np.flatnonzero(speeds < 0)
    if len(negative):
        problems.append(
            Problem(
                path.name,
                f"row {rows[negative[0]]}, column {columns[1]}",
                f"{speeds[negative[0]]:g}",
                "expected a speed, 0 or more (a velocity with sign, or -1 for 'lost'? Leave lost "
                "samples blank)",
            )
        )
    return problems


def _spans(movement: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return (spans (n, 2) s, known (n,)): the time each sample stands for, and if it has a speed.

    A sample holds until the next; after a gap, and at the end, it holds for one usual step.
    """
    times = movement["time_s"].to_numpy(dtype=np.float64)
    steps = np.diff(times)
    usual = float(np.median(steps))
    # The next sample's own time, bit by bit: neighbours must touch.
    stops = np.where(steps > LONGEST_STEPS * usual, times[:-1] + usual, times[1:])
    spans = np.column_stack([times, np.append(stops, times[-1] + usual)])
    known = np.isfinite(movement["speed_cm_s"].to_numpy(dtype=np.float64))
    return spans, known


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
    spans, known = _spans(movement)
    speed = movement["speed_cm_s"].to_numpy(dtype=np.float64)
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
    spans, _ = _spans(movement)
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
    spans, known = _spans(movement)
    cuts = disjoint(intervals)
    speed = movement["speed_cm_s"].to_numpy(dtype=np.float64)
    seconds = _overlap(spans, cuts)
    kept = known & (seconds > 0)
    starts = spans[kept, 0]
    begins = cuts[np.searchsorted(cuts[:, 1], starts, side="right"), 0] if kept.any() else starts
    return EpochMovement(
        time_s=np.maximum(starts, begins), speed_cm_s=speed[kept], weight_s=seconds[kept]
    )


def _overlap(spans: np.ndarray, cuts: Intervals) -> np.ndarray:
    """Return the seconds that each span shares with the intervals."""
    if len(cuts) == 0:
        return np.zeros(len(spans))
    # Time inside the intervals up to t is a straight line between their edges.
    edges = cuts.ravel()
    inside = np.zeros(len(edges))
    inside[1::2] = np.cumsum(cuts[:, 1] - cuts[:, 0])
    inside[2::2] = inside[1:-1:2]
    return np.interp(spans[:, 1], edges, inside) - np.interp(spans[:, 0], edges, inside)
