"""Read the lab's tables: text that survived a spreadsheet, into typed rows, all problems at once.

The standard library's csv module and not pandas: the Snakefile is parsed once per cluster job, and
pandas alone costs more than the rest of the parse.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.errors import ExperimentError, Problem
from pipeline.experiment.plain_files import NO_FORMULA, is_formula, read_cells
from pipeline.experiment.strict import did_you_mean

_BLANK = {"", "n/a"}
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_COMMA_DECIMAL = re.compile(r"[+-]?\d+,\d+")
_ISO_SHAPE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?")


class CellError(ValueError):
    """What a cell should have held."""


def text(cell: str) -> str:
    """Return the cell as it is."""
    return cell


def label(cell: str) -> str:
    """Return text that comes into the results; raises CellError for formulas."""
    if is_formula(cell):
        raise CellError(NO_FORMULA)
    return cell


def name(cell: str) -> str:
    """Return a name that is safe as a folder; raises CellError otherwise."""
    if not _NAME.fullmatch(cell):
        raise CellError("a name of letters, digits, _ and - is expected")
    return cell


def number(cell: str) -> float:
    """Return a finite number; raises CellError for comma decimals and anything else."""
    if _COMMA_DECIMAL.fullmatch(cell):
        raise CellError(
            f"write {cell.replace(',', '.')}: comma decimals are refused, for they may be "
            "thousands (the spreadsheet saved in a locale with comma decimals)"
        )
    if "_" in cell:  # Python's own notation: 3_600
        raise CellError("a number is expected")
    try:
        value = float(cell)
    except ValueError:
        limit = cell.lstrip("<>≤≥= ")
        hint = ""
        if limit != cell and limit.replace(".", "", 1).isdigit():
            hint = f": write {limit} (of a measurement: and yes in the column censored)"
        raise CellError(f"a number is expected{hint}") from None
    if not math.isfinite(value):
        raise CellError("a finite number is expected; leave the cell blank if it is unknown")
    return value


def dose(cell: str) -> float:
    """Return a number of at least 0."""
    value = number(cell)
    if value < 0:
        raise CellError("a dose of at least 0 mg/kg is expected")
    return value


def moment(cell: str) -> tuple[datetime, bool]:
    """Return an ISO date or date-time, and whether a time of day stands in it."""
    try:
        value = datetime.fromisoformat(cell)
    except ValueError:
        if _ISO_SHAPE.fullmatch(cell):
            raise CellError(
                "a date and time that exist are expected: there is no such day or hour"
            ) from None
        raise CellError(
            "an ISO date and time is expected, such as 2026-03-01T09:30:00 (spreadsheets rewrite "
            "dates: format the column as text)"
        ) from None
    if value.tzinfo is not None:
        raise CellError("local time without a zone is expected, such as 2026-03-01T09:30:00")
    return value, len(cell) > 10


def flag(cell: str) -> bool:
    """Return a yes/no cell."""
    known = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if cell.casefold() not in known:
        raise CellError("yes or no is expected")
    return known[cell.casefold()]


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a reader of cells that hold one of the choices."""

    def read(cell: str) -> str:
        if cell not in choices:
            raise CellError(f"one of {', '.join(choices)} is expected{did_you_mean(cell, choices)}")
        return cell

    return read


@dataclass(frozen=True)
class Column:
    """One known column: how its cells are read, and whether a blank is allowed."""

    read: Callable[[str], Any]
    required: bool = False
    default: Any = None


@dataclass(frozen=True)
class Row:
    """One row: typed values of the known columns, text of the others, and where it stands."""

    file: str
    line: int
    values: Mapping[str, Any]
    extra: Mapping[str, str] = field(default_factory=dict)

    def problem(
        self, column: str, expected: str, *, found: Any = None, severity: str = "error"
    ) -> Problem:
        """Return a problem that points at a cell of this row."""
        value = self.values.get(column, self.extra.get(column)) if found is None else found
        place = f"row {self.line}, column {column}"
        return Problem(self.file, place, "" if value is None else repr(value), expected, severity)


RECORDING_FORMATS = (
    *("auto", "openephys", "spikeglx", "intan", "blackrock", "neuralynx", "plexon", "nwb", "edf"),
    *("bdf", "brainvision", "tdt", "neuroscope", "axona", "binary"),
)

#: the tables that a lab edits: name -> column -> how it is read
SCHEMAS: dict[str, dict[str, Column]] = {
    "sessions": {
        "session": Column(name, required=True),
        "animal": Column(name, required=True),
        "sex": Column(label, default=""),
        "cohort": Column(label, default=""),
        "cage": Column(label, default=""),
        "start": Column(moment),
        "stage": Column(label, default=""),
        "recording": Column(text, default=""),
        "recording_format": Column(one_of(*RECORDING_FORMATS), default="auto"),
        "sorting": Column(text, default=""),
        "behaviour": Column(text, default=""),
        "behaviour_format": Column(text, default=""),
        "movement": Column(text, default=""),
        "exclude": Column(label, default=""),
    },
    "administrations": {
        "animal": Column(name, required=True),
        "session": Column(text, default=""),
        "time_s": Column(number),
        "datetime": Column(moment),
        "drug": Column(label, required=True),
        "dose_mg_per_kg": Column(dose),
        "route": Column(label, default=""),
        "role": Column(one_of("test", "pretreatment", "sham"), default="test"),
        "dosing_context": Column(label, default=""),
    },
    "contexts": {
        "session": Column(name, required=True),
        "context": Column(label, required=True),
        "start_s": Column(number),
        "stop_s": Column(number),
    },
    "channels": {
        "session": Column(text, default=""),
        "animal": Column(text, default=""),
        "channel": Column(label, required=True),
        "region": Column(label, required=True),
        "shank": Column(label, default=""),
        "bad": Column(flag, default=False),
    },
    "recordings": {
        "session": Column(name, required=True),
        "file": Column(text, required=True),
        "format": Column(one_of(*RECORDING_FORMATS), default="auto"),
        "starts_at_s": Column(number),
        "probe": Column(label, default=""),
        "stream": Column(text, default=""),
        "sorting": Column(text, default=""),
    },
    "behaviours": {
        "session": Column(name, required=True),
        "file": Column(text, required=True),
        "format": Column(text, default=""),
        "starts_at_s": Column(number),
        "task": Column(label, default=""),
    },
    "measurements": {
        "animal": Column(name, required=True),
        "session": Column(name, required=True),
        "outcome": Column(label, required=True),
        "value": Column(number, required=True),
        "censored": Column(flag, default=False),
        "context": Column(label, default=""),
        "phase": Column(label, required=True),
    },
}
#: columns of the results that no column of the lab may be called
RESERVED = frozenset(
    (
        "condition",
        "drug",
        "dose_mg_per_kg",
        "pretreatment",
        "dosing_context",
        "anchor",
        "step",
        "period",
        "previous_condition",
        "days_since_previous",
        "n_prior_doses",
        "context",
        "phase",
        "interval",
        "start_s",
        "stop_s",
        "seconds",
        "since_dose_s",
        "split",
        "split_level",
        "entity",
        "region",
        "region_b",
        "unit_id",
        "band",
        "metric",
        "outcome",
        "value",
        "value_unit",
        "censored",
        "n_effective",
        "n_effective_unit",
        "domain",
        "priority",
        "scale",
        "level",
        "baseline_value",
        "baseline_rule",
        "n_entities",
    )
)
#: tables whose unknown columns are the lab's own factors
_WITH_FACTORS = {"sessions"}


def read_table(
    path: Path, kind: str, *, file: str | None = None
) -> tuple[list[Row], list[Problem]]:
    """Read one of the lab's tables.

    Parameters
    ----------
    path : Path
        A .tsv or .csv file in UTF-8 (with or without BOM) or a spreadsheet's UTF-16 text.
    kind : str
        Key of SCHEMAS.
    file : str, optional
        Name used in problems; the file's own name by default.

    Returns
    -------
    rows : list of Row
        All rows but those whose required cells could not be read; other cells that could not are
        blank.
    problems : list of Problem
        Everything else, each with row and column; row 1 is the header.
    """
    file = file or path.name
    schema = SCHEMAS[kind]
    if path.suffix not in (".tsv", ".csv"):
        return [], [Problem(file, "", repr(path.suffix), "a .tsv or .csv file is expected")]
    try:
        lines = read_cells(path, file)
    except ExperimentError as error:
        return [], list(error.problems)
    if not lines or not any(lines[0]):
        return [], [Problem(file, "row 1", "no header", f"columns {', '.join(schema)}")]
    header, problems = _header(lines[0], schema, kind, file)
    if problems:
        return [], problems
    rows = []
    for line, cells in enumerate(lines[1:], 2):
        if not any(cells):
            continue
        if any(cells[len(header) :]):
            expected = f"{len(header)} cells as in the header"
            problems.append(Problem(file, f"row {line}", f"{len(cells)} cells", expected))
            continue
        padded = cells + [""] * (len(header) - len(cells))
        named = dict(zip(header, padded, strict=False))
        row, wrong = _row(named, schema, file, line)
        problems += wrong
        if row is not None:
            rows.append(row)
    return rows, problems


def _header(
    cells: list[str], schema: Mapping[str, Column], kind: str, file: str
) -> tuple[list[str], list[Problem]]:
    header = list(cells)
    while header and not header[-1]:
        header.pop()
    problems = [
        Problem(file, "row 1", "a column without a name", "give it a name or delete it")
        for cell in header
        if not cell
    ]
    for cell, count in Counter(header).items():
        if cell and count > 1:
            problems.append(Problem(file, f"row 1, column {cell}", f"{count} times", "one column"))
    for column, spec in schema.items():
        if spec.required and column not in header:
            hint = did_you_mean(column, set(header) - set(schema))
            problems.append(Problem(file, "row 1", "", f"column {column} is missing{hint}"))
    for cell in header:
        if is_formula(cell):
            problems.append(Problem(file, "row 1", repr(cell), NO_FORMULA))
        if kind in _WITH_FACTORS and cell in RESERVED:
            expected = "another name, or no such column: the pipeline derives a column of that name"
            problems.append(Problem(file, "row 1", repr(cell), expected))
    if kind not in _WITH_FACTORS:
        for cell in header:
            if cell and cell not in schema:
                expected = f"a known column is expected{did_you_mean(cell, schema)}"
                problems.append(Problem(file, "row 1", repr(cell), expected))
    return header, problems


def _row(
    cells: Mapping[str, str], schema: Mapping[str, Column], file: str, line: int
) -> tuple[Row | None, list[Problem]]:
    """Read one row; a cell that cannot be read is blank then, None if the row needs it."""
    values: dict[str, Any] = {}
    problems = []
    usable = True
    for column, spec in schema.items():
        cell = cells.get(column, "")
        place = f"row {line}, column {column}"
        if cell in _BLANK:
            values[column] = spec.default
            if spec.required:
                usable = False
                problems.append(Problem(file, place, "a blank", "a value is expected"))
            continue
        try:
            values[column] = spec.read(cell)
        except CellError as error:
            values[column] = spec.default
            usable = usable and not spec.required
            problems.append(Problem(file, place, repr(cell), str(error)))
    extra = {column: cell for column, cell in cells.items() if column not in schema}
    problems += [
        Problem(file, f"row {line}, column {column}", repr(cell), NO_FORMULA)
        for column, cell in extra.items()
        if is_formula(cell)
    ]
    return (Row(file, line, values, extra) if usable else None), problems


def duplicates(rows: Iterable[Row], columns: tuple[str, ...]) -> list[Problem]:
    """Return a problem for every row that repeats an earlier one in the columns."""
    seen: dict[tuple[Any, ...], int] = {}
    problems = []
    for row in rows:
        key = tuple(row.values[column] for column in columns)
        if key in seen:
            problems.append(row.problem(columns[0], f"once only; it stands in row {seen[key]} too"))
        seen.setdefault(key, row.line)
    return problems
