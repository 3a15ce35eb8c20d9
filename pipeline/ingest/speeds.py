"""Tables of speeds, as tracking programs export them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import ExperimentError, InputError, Problem
from pipeline.experiment.movement_options import TrackOptions
from pipeline.experiment.strict import did_you_mean
from pipeline.ingest.reading import reading

if TYPE_CHECKING:
    import pandas as pd

CM_S_PER_UNIT = {"cm/s": 1.0, "m/s": 100.0, "mm/s": 0.1}


def check_speed_unit(unit: str) -> None:
    """Refuse a unit that is none of speed."""
    if unit not in CM_S_PER_UNIT:
        raise InputError(
            f"movement: speed_unit: found '{unit}'{did_you_mean(unit, CM_S_PER_UNIT)}; "
            f"expected one of {', '.join(CM_S_PER_UNIT)}"
        )


def read_speeds(path: Path, options: TrackOptions, *, speed_column: str, unit: str) -> pd.DataFrame:
    """Read a table with a row per sample: time and speed.

    Parameters
    ----------
    path : Path
        CSV (comma, semicolon or tab) or TSV, with a header.
    options : TrackOptions
        ``time_column`` and ``time_unit``.
    speed_column, unit : str
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

    from pipeline.ingest.tracks import SECONDS_PER

    time_column = options.time_column
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
    return pd.DataFrame(
        {
            "time_s": times * SECONDS_PER[options.time_unit],
            "speed_cm_s": speeds * CM_S_PER_UNIT[unit],
        }
    )


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


def refuse_impossible(movement: pd.DataFrame, path: Path) -> None:
    """Refuse speeds of a file without rows of text: times that do not grow, negative speeds."""
    times, speeds = movement["time_s"].to_numpy(), movement["speed_cm_s"].to_numpy()
    rows = np.arange(1, len(movement) + 1)
    problems = _impossible(times, speeds, rows, path, ("time_s", "speed_cm_s"))
    if problems:
        raise ExperimentError(problems)
