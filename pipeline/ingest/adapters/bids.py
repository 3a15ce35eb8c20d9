"""BIDS tables of behaviour (``_events.tsv``, ``_beh.tsv``) with what their side-car says."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.errors import ExperimentError, InputError, Problem
from pipeline.experiment.behaviour_mapping import cell_key
from pipeline.experiment.strict import did_you_mean
from pipeline.ingest.adapters.columns import read_columns
from pipeline.ingest.adapters.log_table import LogTable
from pipeline.ingest.adapters.text import read_log_text

SECONDS = ("s", "sec", "second", "seconds")
MILLISECONDS = ("ms", "millisecond", "milliseconds")
MISSING = "n/a"


def read_bids(path: str | Path, *, times: Iterable[str] = ("onset",)) -> LogTable:
    """Read a table of a BIDS data set.

    Parameters
    ----------
    path : path
        ``*_events.tsv`` or ``*_beh.tsv``; the JSON file of the same name beside it is read when it
        is there. (Side-cars higher up in the data set are not looked for.)
    times : iterable of str
        Columns that hold times: the side-car's milliseconds become seconds, other units are
        refused.

    Returns
    -------
    LogTable
        ``n/a`` as blanks.

    Raises
    ------
    InputError
        No .tsv, no onset and duration in an events file, blank or negative durations, cells that
        the side-car's Levels do not list, units that are no times.
    """
    path = Path(path)
    if path.suffix.casefold() != ".tsv":
        raise InputError(f"{path}: found '{path.suffix}'; expected _events.tsv or _beh.tsv")
    table = read_columns(path, delimiter="\t")
    if path.stem.casefold().endswith("events"):
        for name in ("onset", "duration"):
            if name not in table.columns:
                raise InputError(
                    f"{path}: found columns {', '.join(table.columns)}; expected '{name}'"
                    f"{did_you_mean(name, table.columns)}: every events file of BIDS has it"
                )
    said = _sidecar(path)
    cells = [
        [None if str(cell).strip() == MISSING else cell for cell in row] for row in table.cells
    ]
    problems: list[Problem] = []
    for index, name in enumerate(table.columns):
        entry = said.get(name)
        if not isinstance(entry, dict):
            continue
        if name in times:
            _to_seconds(path, entry, name, [(row, index) for row in cells])
        levels = entry.get("Levels")
        if isinstance(levels, dict) and levels:
            problems += _unlisted(table, index, levels, cells)
    if problems:
        raise ExperimentError(problems)
    return LogTable(table.file, table.columns, table.rows, tuple(tuple(row) for row in cells))


def _sidecar(path: Path) -> dict[str, Any]:
    beside = path.with_suffix(".json")
    if not beside.is_file():
        return {}
    try:
        said = json.loads(read_log_text(beside))
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(
            f"{beside}: no JSON: {error}; expected the columns' descriptions"
        ) from error
    if not isinstance(said, dict):
        raise InputError(f"{beside}: found a {type(said).__name__}; expected columns by name")
    return said


def _to_seconds(
    path: Path, entry: dict[str, Any], name: str, places: list[tuple[list[Any], int]]
) -> None:
    unit = str(entry.get("Units", "s")).strip()
    if unit.casefold() in SECONDS:
        return
    if unit.casefold() not in MILLISECONDS or name == "onset":
        expected = "s: BIDS counts onsets in seconds" if name == "onset" else "s or ms"
        raise InputError(
            f"{path.with_suffix('.json')}: {name}: found Units '{unit}'; expected {expected}"
        )
    for row, index in places:
        try:
            row[index] = None if row[index] is None else float(str(row[index])) / 1000
        except ValueError:
            continue  # the cell itself is refused later, with its row


def _unlisted(
    table: LogTable, index: int, levels: dict[str, Any], cells: list[list[Any]]
) -> list[Problem]:
    known = {cell_key(level) for level in levels}
    for number, row in zip(table.rows, cells, strict=True):
        if row[index] not in (None, "") and cell_key(row[index]) not in known:
            return [
                Problem(
                    table.file,
                    f"row {number}, column {table.columns[index]}",
                    f"'{row[index]}'",
                    f"expected one of the side-car's Levels: {', '.join(levels)}"
                    f"{did_you_mean(row[index], levels)}",
                )
            ]
    return []
