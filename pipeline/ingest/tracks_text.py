"""Position tracks in text files: DeepLabCut, SLEAP analysis CSV, and plain columns (Bonsai)."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import InputError
from pipeline.experiment.movement_options import TrackOptions
from pipeline.experiment.strict import did_you_mean
from pipeline.ingest.reading import reading
from pipeline.ingest.tracks import SECONDS_PER, Track, choose

if TYPE_CHECKING:
    import pandas as pd

#: DeepLabCut's own plots leave points out below this (``pcutoff`` of its project files)
DEEPLABCUT_LIKELIHOOD = 0.6
_LIKELY = "not a table with one row per frame, not UTF-8, or rows of unequal length"
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}")
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")


def _first_rows(path: Path, number: int = 4) -> tuple[list[list[str]], str]:
    """Return the cells of the first rows, and what separates them."""
    with (
        reading(path, "a table", likely=_LIKELY),
        path.open(encoding="utf-8-sig", newline="") as stream,
    ):
        lines = [line for _, line in zip(range(number), stream, strict=False)]
    if not lines:
        raise InputError(f"{path}: found an empty file; expected one row per frame")
    separator = max(",;\t ", key=lambda mark: (lines[0].count(mark), mark != " "))
    if separator == " " and any(mark in lines[0] for mark in ",;\t"):
        separator = max(",;\t", key=lines[0].count)
    cells = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    return [[cell.strip() for cell in row] for row in cells], separator


def detect_text(path: Path, *, speed_column: str, options: TrackOptions) -> str:
    """Return speed, columns, deeplabcut or sleap, from the header of a table."""
    if not path.is_file():
        raise InputError(f"{path}: not found; check the 'movement' column of the sessions table")
    rows, _ = _first_rows(path, 3)
    header = rows[0]
    if header[0] == "scorer" or (len(rows) > 2 and rows[0][:1] + rows[1][:1] == ["", "bodyparts"]):
        return "deeplabcut"
    if "frame_idx" in header and "instance.score" in header:
        return "sleap"
    usual = TrackOptions()
    named = [getattr(options, key) != getattr(usual, key) for key in ("x_column", "y_column")]
    positions = options.x_column in header or any(named)
    return "columns" if positions and speed_column not in header else "speed"


def _table(
    path: Path, columns: list[int], *, separator: str, skip: int, names: list[str]
) -> pd.DataFrame:
    """Read some columns as text cells, blank ones empty."""
    import pandas as pd

    with reading(path, "a table of positions", likely=_LIKELY):
        table = pd.read_csv(
            path,
            sep=separator,
            header=None,
            skiprows=skip,
            usecols=sorted(set(columns)),
            dtype=str,
            encoding="utf-8-sig",
            skipinitialspace=True,
            keep_default_na=False,
            na_values=[],
        )
    chosen = table[columns].copy()
    chosen.columns = names
    chosen.index = chosen.index + skip + 1
    return chosen


def _numbers(column: pd.Series, path: Path, *, blanks: bool) -> np.ndarray:
    """Return a column as float64, NaN for blanks and NaN; refuses any other word."""
    import pandas as pd

    words = column.fillna("").astype(str).str.strip()
    empty = words.str.casefold().isin(("", "nan"))
    numbers = pd.to_numeric(words.mask(empty), errors="coerce").to_numpy(np.float64)
    wrong = np.flatnonzero(~np.isfinite(numbers) & ~(empty.to_numpy() & blanks))
    if len(wrong):
        cell = words.iloc[wrong[0]]
        comma = ": decimal commas (write points)" if _DECIMAL_COMMA.fullmatch(cell) else ""
        raise InputError(
            f"{path}: row {column.index[wrong[0]]}, column {column.name}: found '{cell}'; expected "
            f"a number{comma}"
        )
    return numbers


def read_deeplabcut(path: Path, options: TrackOptions) -> Track:
    """Read the CSV of a DeepLabCut project: rows scorer, (individuals,) bodyparts, coords.

    Parameters
    ----------
    path : Path
        The CSV, single-animal or multi-animal.
    options : TrackOptions
        ``body_part`` and ``individual`` are used.

    Returns
    -------
    Track
        On frame numbers, in pixels.

    Raises
    ------
    InputError
        When rows of the header are missing, a body part is not decided, or cells are no numbers.
    """
    rows, separator = _first_rows(path, 4)
    names = [row[0] if row else "" for row in rows]
    expected = ["scorer", "bodyparts", "coords"]
    if "individuals" in names:
        expected.insert(1, "individuals")
    found = names[: len(expected)]
    if found != expected:
        raise InputError(
            f"{path}: found header rows {', '.join(found)}; expected {', '.join(expected)}, as "
            "DeepLabCut writes them (a table saved from its .h5 without the header?)"
        )
    header = dict(zip(expected, rows, strict=False))
    width = len(header["coords"])
    who = header.get("individuals", [""] * width)
    owners = list(dict.fromkeys(who[1:]))
    individual = ""
    if "individuals" in header:
        individual = choose(
            owners, options.individual, key="individual", what="individuals", path=path
        )
    mine = [index for index in range(1, width) if who[index] == individual]
    parts = list(dict.fromkeys(header["bodyparts"][index] for index in mine))
    part = choose(parts, options.body_part, key="body_part", what="body parts", path=path)
    places = {header["coords"][i]: i for i in mine if header["bodyparts"][i] == part}
    missing = [name for name in ("x", "y", "likelihood") if name not in places]
    if missing:
        raise InputError(
            f"{path}: body part '{part}': found columns {', '.join(places)}; expected "
            f"{', '.join(missing)} as well"
        )
    columns = [0, places["x"], places["y"], places["likelihood"]]
    labels = ["frame", f"{part} x", f"{part} y", f"{part} likelihood"]
    table = _table(path, columns, separator=separator, skip=len(expected), names=labels)
    frame = _numbers(table["frame"], path, blanks=False)
    x, y, likelihood = (_numbers(table[name], path, blanks=True) for name in labels[1:])
    return Track(
        time_s=frame,
        x=y if _swapped(options, path) else x,
        y=x if _swapped(options, path) else y,
        clock="frames",
        likelihood=likelihood,
        minimum_likelihood=DEEPLABCUT_LIKELIHOOD,
    )


def _swapped(options: TrackOptions, path: Path) -> bool:
    """Whether x and y change places; refuses a third axis, which these tables do not have."""
    if options.axes not in (None, "xy", "yx"):
        raise InputError(
            f"{path}: movement.axes: found '{options.axes}'; expected xy or yx: the track has two "
            "axes"
        )
    return options.axes == "yx"


def read_sleap_csv(path: Path, options: TrackOptions) -> Track:
    """Read the analysis CSV of SLEAP: a row per instance and frame, columns ``<node>.x`` ....

    Parameters
    ----------
    path : Path
        The CSV.
    options : TrackOptions
        ``body_part`` (a node) and ``individual`` (a track) are used.

    Returns
    -------
    Track
        On frame numbers, in pixels; frames without an instance are absent.
    """
    rows, separator = _first_rows(path, 1)
    header = rows[0]
    nodes = [name.removesuffix(".x") for name in header if name.endswith(".x")]
    node = choose(nodes, options.body_part, key="body_part", what="nodes", path=path)
    wanted = ["track", "frame_idx", f"{node}.x", f"{node}.y", f"{node}.score"]
    missing = [name for name in wanted if name not in header]
    if missing:
        raise InputError(
            f"{path}: found columns {', '.join(header[:12])}; expected {', '.join(missing)} as "
            "well: the analysis CSV of SLEAP"
        )
    columns = [header.index(name) for name in wanted]
    table = _table(path, columns, separator=separator, skip=1, names=wanted)
    tracks = list(dict.fromkeys(table["track"].fillna("").str.strip()))
    chosen = choose(tracks, options.individual, key="individual", what="tracks", path=path)
    table = table[table["track"].fillna("").str.strip() == chosen]
    frame = _numbers(table["frame_idx"], path, blanks=False)
    x, y, score = (_numbers(table[name], path, blanks=True) for name in wanted[2:])
    swapped = _swapped(options, path)
    return Track(
        time_s=frame,
        x=y if swapped else x,
        y=x if swapped else y,
        clock="frames",
        likelihood=score,
    )


def read_columns_track(path: Path, options: TrackOptions) -> Track:
    """Read a table with a row per frame: times or frame numbers, x and y.

    Parameters
    ----------
    path : Path
        CSV or TSV, with a header; or without (as Bonsai writes by default), and then the config
        names columns by their numbers, from 1. Blank cells and NaN are unknown positions. Times
        may be date-times (ISO 8601, as Bonsai's Timestamp writes them): these count from the first
        row.
    options : TrackOptions
        Columns, unit of the times.

    Returns
    -------
    Track
        In seconds, or on frame numbers where the table has no column of times.
    """
    rows, separator = _first_rows(path, 1)
    headed = not all(_is_value(cell) for cell in rows[0] if cell)
    header = rows[0] if headed else [str(number) for number in range(1, len(rows[0]) + 1)]
    by_frame = options.time_column not in header and options.frame_column in header
    clock = options.frame_column if by_frame else options.time_column
    wanted = {"time_column": clock, "x_column": options.x_column, "y_column": options.y_column}
    if options.likelihood_column is not None:
        wanted["likelihood_column"] = options.likelihood_column
    missing = {key: name for key, name in wanted.items() if name not in header}
    if missing:
        key, name = next(iter(missing.items()))
        listed = ", ".join(header) if headed else f"1 to {len(header)}, for it has no header"
        raise InputError(
            f"{path}: found columns {listed}; expected '{name}'{did_you_mean(name, header)}: set "
            f"movement: {{{key}: ...}} to one of them"
        )
    names = list(wanted.values())
    columns = [header.index(name) for name in names]
    table = _table(path, columns, separator=separator, skip=int(headed), names=list(wanted))
    table = table.rename(columns=wanted)
    table = table.loc[:, ~table.columns.duplicated()]
    x, y = (_numbers(table[name], path, blanks=True) for name in names[1:3])
    swapped = _swapped(options, path)
    return Track(
        time_s=_clock(table[clock], path, options, by_frame=by_frame),
        x=y if swapped else x,
        y=x if swapped else y,
        clock="frames" if by_frame else "seconds",
        unit="units of the table",
        likelihood=_numbers(table[names[3]], path, blanks=True) if len(names) > 3 else None,
    )


def _is_value(cell: str) -> bool:
    """Whether a cell of the first row is data rather than a column's name."""
    if _ISO.match(cell):
        return True
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _clock(column: pd.Series, path: Path, options: TrackOptions, *, by_frame: bool) -> np.ndarray:
    import pandas as pd

    if by_frame or not _ISO.match(str(column.iloc[0]).strip() if len(column) else ""):
        return _numbers(column, path, blanks=False) * (
            1.0 if by_frame else SECONDS_PER[options.time_unit]
        )
    stamps = pd.to_datetime(column.str.strip(), format="ISO8601", errors="coerce", utc=True)
    if stamps.isna().any():
        row = column.index[int(np.argmax(stamps.isna()))]
        raise InputError(
            f"{path}: row {row}, column {column.name}: found '{column[row]}'; expected a date and "
            "time as in the first row"
        )
    return (stamps - stamps.iloc[0]).dt.total_seconds().to_numpy(np.float64)
