"""FED3 logs: each poke at a working port is a trial; the active poke is the rule.

The rows state what was active when they were written: ``Active_Poke`` on a poke is the port that
was right for it. Times have a resolution of 1 s, and several rows may share one.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from pipeline.errors import ExperimentError, InputError, Problem
from pipeline.experiment.strict import did_you_mean
from pipeline.ingest.adapters.columns import read_columns
from pipeline.ingest.adapters.log_table import LogTable

POKES = ("Left", "Right")
PELLET = "Pellet"
#: pokes that could earn nothing: with a pellet in the well, while one is dispensed, in a time-out
_IDLE_POKE = re.compile(r"(Left|Lef|Right)(WithPellet|DuringDispense|in_?Time_?out)", re.I)
NEEDED = ("Event", "Active_Poke", "Left_Poke_Count", "Right_Poke_Count", "Pellet_Count")
COUNTERS = NEEDED[2:]
_TIME = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d{2}):(\d{2})")


def read_fed3(path: str | Path) -> LogTable:
    """Read the pokes of a FED3 file as trials.

    Parameters
    ----------
    path : path
        CSV as the device writes it.

    Returns
    -------
    LogTable
        Columns of the file and ``seconds`` (since the first row), ``pellet_seconds`` (of the pellet
        that followed, blank without one), ``correct`` (the poke was the active one), ``rewarded``.
        Pokes that could earn nothing are left out; ``warnings`` says how many.

    Raises
    ------
    InputError
        Missing columns, times that are no times of the device or run backwards, events that are
        not known, counters that fall.
    """
    path = Path(path)
    table = read_columns(path, expected=NEEDED)
    clock = next((name for name in table.columns if name.upper().startswith("MM")), None)
    missing = [name for name in NEEDED if name not in table.columns]
    if clock is None or missing:
        raise InputError(
            f"{path}: found columns {', '.join(table.columns)}; expected "
            f"{missing[0] if missing else 'MM:DD:YYYY hh:mm:ss'}"
            f"{did_you_mean(missing[0], table.columns) if missing else ''}: is this a FED3 log?"
        )
    problems: list[Problem] = []
    times = [
        _time(table, problems, row, clock, cells[table.columns.index(clock)])
        for row, cells in zip(table.rows, table.cells, strict=True)
    ]
    rows = [dict(zip(table.columns, cells, strict=True)) for cells in table.cells]
    if not problems:
        problems = [*_order(table, clock, times), *_contradictions(table, rows)]
    if problems:
        raise ExperimentError(problems[:10])
    if not rows:
        raise InputError(f"{path}: found no events below the header")
    return _trials(table, rows, times)


def _time(
    table: LogTable, problems: list[Problem], row: int, column: str, cell: object
) -> datetime | None:
    match = _TIME.fullmatch(str(cell))
    if match:
        month, day, year, hour, minute, second = (int(part) for part in match.groups())
        try:
            return datetime(year, month, day, hour, minute, second)
        except ValueError:
            pass
    expected = (
        "expected month/day/year hh:mm:ss, as the device writes it (a spreadsheet changed the "
        "dates and saved them: use the file of the card)"
    )
    problems.append(Problem(table.file, f"row {row}, column {column}", f"'{cell}'", expected))
    return None


def _order(table: LogTable, clock: str, times: list[datetime | None]) -> list[Problem]:
    for index in range(1, len(times)):
        before, after = times[index - 1], times[index]
        if before and after and after < before:
            return [
                Problem(
                    table.file,
                    f"row {table.rows[index]}, column {clock}",
                    f"{after} after {before}",
                    "expected times in order (the clock was set while it ran, or two files in one)",
                )
            ]
    return []


def _contradictions(table: LogTable, rows: list[dict[str, object]]) -> list[Problem]:
    problems = []
    previous: dict[str, int] = {}
    for number, row in zip(table.rows, rows, strict=True):
        if None in row.values():
            expected = "expected a value in every column (the row is cut off: card removed, crash?)"
            problems.append(Problem(table.file, f"row {number}", "too few cells", expected))
            continue
        event, active = str(row["Event"]), str(row["Active_Poke"])
        if event not in (*POKES, PELLET) and not _IDLE_POKE.fullmatch(event):
            known = (*POKES, PELLET, "LeftWithPellet", "RightDuringDispense", "LeftinTimeOut")
            expected = f"expected one of {', '.join(known)} ...{did_you_mean(event, known)}"
            problems.append(
                Problem(table.file, f"row {number}, column Event", f"'{event}'", expected)
            )
        if event in POKES and active not in POKES:
            problems.append(
                Problem(
                    table.file,
                    f"row {number}, column Active_Poke",
                    f"'{active}'",
                    f"expected {' or '.join(POKES)}: without an active poke nothing is right",
                )
            )
        for counter in COUNTERS:
            said = str(row[counter])
            if not said.isdecimal() or len(said) > 9:
                found, expected = f"'{said}'", "expected a count (a damaged row?)"
            elif int(said) < previous.get(counter, 0):
                found = f"{said} after {previous[counter]}"
                expected = "expected a count that never falls (two sessions in one file?)"
            else:
                previous[counter] = int(said)
                continue
            problems.append(Problem(table.file, f"row {number}, column {counter}", found, expected))
    return problems


def _trials(
    table: LogTable, rows: list[dict[str, object]], times: list[datetime | None]
) -> LogTable:
    seconds = [(time - times[0]).total_seconds() if time and times[0] else 0.0 for time in times]
    columns = ("seconds", "pellet_seconds", "correct", "rewarded")
    kept: list[int] = []
    pellets: dict[int, float] = {}
    stray: list[int] = []
    idle = 0
    for index, row in enumerate(rows):
        event = str(row["Event"])
        if event in POKES:
            kept.append(index)
        elif event != PELLET:
            idle += 1
        elif kept and kept[-1] not in pellets:
            pellets[kept[-1]] = seconds[index]
        else:
            stray.append(table.rows[index])
    warnings = []
    if idle:
        warnings.append(
            f"{table.file}: {idle} pokes that could earn nothing (pellet in the well, being "
            "dispensed, time-out) are no trials"
        )
    if stray:
        warnings.append(
            f"{table.file}: {len(stray)} pellets without a poke, first in row {stray[0]}"
        )
    cells = tuple(
        (
            *table.cells[index],
            seconds[index],
            pellets.get(index),
            rows[index]["Event"] == rows[index]["Active_Poke"],
            index in pellets,
        )
        for index in kept
    )
    return LogTable(
        table.file,
        (*table.columns, *columns),
        tuple(table.rows[index] for index in kept),
        cells,
        tuple(warnings),
    )
