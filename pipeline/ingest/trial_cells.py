"""Cells of a log to numbers, sides, yes and no; what cannot be read is collected, not raised."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from pipeline.errors import Problem
from pipeline.experiment.behaviour_mapping import (
    SIDE_COLUMNS,
    TIME_COLUMNS,
    YES_NO_COLUMNS,
    BehaviourMapping,
    cell_key,
)
from pipeline.ingest.adapters.log_table import LogTable

#: ways to write "no value"
BLANKS = ("", "nan", "na", "n/a", "none")
#: meanings without ``values``
DEFAULT_SIDES = {"left": "left", "right": "right"}
DEFAULT_YES_NO = {"1": True, "0": False, "true": True, "false": False}
#: different wrong values of a column that a message shows
SHOWN_VALUES = 5


class CellReader:
    """Reads mapped columns cell by cell and collects what it cannot read."""

    def __init__(self, table: LogTable, mapping: BehaviourMapping) -> None:
        self.table = table
        self.mapping = mapping
        self._wrong: dict[tuple[str, str], list[tuple[int, str]]] = {}

    @property
    def problems(self) -> list[Problem]:
        """One problem per column and reason, with its first row and how many more there are."""
        problems = []
        for (column, expected), cells in self._wrong.items():
            more = f" (and {len(cells) - 1} more rows)" if len(cells) > 1 else ""
            values = list(dict.fromkeys(f"'{value}'" for _, value in cells))
            found = ", ".join(values[:SHOWN_VALUES]) + (" ..." * (len(values) > SHOWN_VALUES))
            place = f"row {cells[0][0]}, column {column}{more}"
            problems.append(Problem(self.table.file, place, found, expected))
        return problems

    def column(self, name: str) -> list[Any]:
        """Return the values of one column of the trial table."""
        source = self.mapping.columns[name]
        index = self.table.columns.index(source)
        read = self._reader(name)
        values = []
        for row, cells in zip(self.table.rows, self.table.cells, strict=True):
            try:
                values.append(read(cells[index]))
            except ValueError as error:
                wrong = self._wrong.setdefault((source, str(error)), [])
                wrong.append((row, shown(cells[index])))
                values.append(None)
        return values

    def _reader(self, name: str) -> Callable[[object], Any]:
        if name == "trial":
            return _whole_number
        if name in TIME_COLUMNS or name == "latency_choice":
            return _number
        given = self.mapping.values.get(name)
        if name in ("rule", "task"):
            return _coded(given, blank="") if given is not None else _word
        meanings: dict[str, Any] = dict(DEFAULT_YES_NO if name in YES_NO_COLUMNS else DEFAULT_SIDES)
        # A blank side is no response; whether "correct" may be blank depends on the other columns.
        blanks = {"correct": "", "rewarded": None, **dict.fromkeys(SIDE_COLUMNS, "")}
        return _coded(meanings if given is None else given, blank=blanks.get(name, _NO_BLANK))


#: stands for "a blank cell is a problem"
_NO_BLANK = object()


def shown(cell: object) -> str:
    """Return a cell as text; a blank cell is ""."""
    return "" if cell is None else str(cell)


def _is_blank(cell: object) -> bool:
    return cell is None or str(cell).strip().casefold() in BLANKS


def _number(cell: object) -> float:
    """Return a number, NaN for a blank cell."""
    if _is_blank(cell):
        return math.nan
    said = str(cell).strip()
    if re.fullmatch(r"[-+]?\d+,\d+", said):
        raise ValueError("expected a decimal point: the spreadsheet wrote decimal commas")
    if re.fullmatch(r"(\d{4}-\d\d-\d\d[ T])?\d{1,2}:\d\d(:\d\d(\.\d+)?)?", said):
        raise ValueError("expected seconds or milliseconds on the log's clock, no time of day")
    try:
        number = float(said.replace("_", "?"))
    except ValueError:
        raise ValueError("expected a number") from None
    if not math.isfinite(number):
        raise ValueError("expected a finite number")
    return number


def _whole_number(cell: object) -> int:
    number = _number(cell)
    if math.isnan(number) or not number.is_integer() or number < 0:
        raise ValueError("expected the trial's number: whole, 0 or more")
    return int(number)


def _word(cell: object) -> str:
    if _is_blank(cell):
        return ""
    return cell.strip() if isinstance(cell, str) else cell_key(cell)


def _coded(meanings: dict[str, Any], *, blank: object) -> Callable[[object], Any]:
    """Return a reader of codes; a blank cell has a meaning of its own unless it is listed."""
    folded = {key.casefold(): value for key, value in meanings.items()}
    listed = ", ".join(f"'{key}'" for key in meanings)

    def read(cell: object) -> Any:
        key = cell_key(cell)
        for known, name in ((meanings, key), (folded, key.casefold())):
            if name in known:
                return known[name]
        if _is_blank(cell) and "" in meanings:
            return meanings[""]
        if _is_blank(cell) and blank is not _NO_BLANK:
            return blank
        raise ValueError(f"expected one of {listed}: say under 'values' what else occurs")

    return read
