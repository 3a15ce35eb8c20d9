"""What changed between two results folders, section by section."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.commands.changes import (
    Change,
    Maker,
    Row,
    Table,
    absent,
    arrow,
    changed_cells,
    matched,
    number,
    read_table,
    shown,
    standard_error,
)
from pipeline.commands.diff_record import RECORD, compare_records, read_record
from pipeline.errors import InputError

#: sections in the order of the page, with what each compares
SECTIONS = (
    ("verdicts", "verdicts.tsv"),
    ("config", "the config as parsed"),
    ("data", "input files, design rows and observations"),
    ("software", "package versions and our own code"),
    ("exclusions", "completeness.tsv"),
    ("missing cells", "missing_cells.tsv"),
    ("estimates", "contrasts.tsv"),
)
#: what names a row of each table
VERDICT_KEYS = ("outcome", "condition", "phase", "split", "split_level", "step", "modifier")
CONTRAST_KEYS = (
    "outcome",
    "contrast",
    "condition",
    "reference_condition",
    "modifier",
    "level",
    "reference_level",
    "phase",
    "split",
    "split_level",
    "step",
)
MISSING_KEYS = (
    "outcome",
    "session",
    "condition",
    "step",
    "phase",
    "context",
    "split",
    "split_level",
)
#: columns of completeness.tsv that are said first
_STATES = ("excluded", "exclude_reason", "extract", "measure", "reason")
_TABLES = ("verdicts.tsv", "contrasts.tsv", "completeness.tsv", "missing_cells.tsv")


def cohort_folder(results: Path) -> Path:
    """Return where the cohort's tables of a run lie.

    Parameters
    ----------
    results : Path
        The folder ``results`` of a run, the folder it was run in, or ``results/cohort`` itself.

    Raises
    ------
    InputError
        If none of the tables is there.
    """
    for folder in (results / "cohort", results / "results" / "cohort", results):
        if any((folder / name).is_file() for name in (*_TABLES, RECORD)):
            return folder
    raise InputError(
        f"{results}: found no cohort/{_TABLES[0]} or other table of a run; expected the folder "
        "'results' that a run wrote"
    )


def compare_results(a: Path, b: Path, *, tolerance: float) -> list[Change]:
    """Compare two runs.

    Parameters
    ----------
    a, b : Path
        See :func:`cohort_folder`.
    tolerance : float
        Relative difference of two numbers that counts as none.

    Returns
    -------
    list of Change
        By section, first things first.

    Raises
    ------
    InputError
        If a folder holds no results, or a file in it cannot be read.
    """
    first, second = cohort_folder(a), cohort_folder(b)
    records = [read_record(folder / RECORD) for folder in (first, second)]
    changes = list(compare_records(*records))
    for section, name, compare in (
        ("verdicts", "verdicts.tsv", _verdicts),
        ("exclusions", "completeness.tsv", _exclusions),
        ("missing cells", "missing_cells.tsv", _missing),
        ("estimates", "contrasts.tsv", _estimates),
    ):
        tables = [read_table(folder / name) for folder in (first, second)]
        changes += _of_tables(section, name, tables, compare, tolerance)
    order = [section for section, _ in SECTIONS]
    return sorted(changes, key=lambda change: (order.index(change.section), *_first(change)))


def _first(change: Change) -> tuple[Any, ...]:
    """Say what is absent before what changed; then by rank."""
    return (change.kind not in ("absent", "remark"), change.rank)


def _of_tables(
    section: str,
    name: str,
    tables: Sequence[Table | None],
    compare: Callable[..., Iterator[Change]],
    tolerance: float,
) -> Iterator[Change]:
    a, b = tables
    if a is None or b is None:
        have = [table is not None for table in tables]
        yield absent(section, name, have, f"{section} are not compared")
        return
    for one, other in ((a, b), (b, a)):
        lost = [column for column in one.columns if column not in other.columns]
        if lost:
            words = f"{name}, columns {', '.join(map(shown, lost))}"
            yield absent(section, words, [one is a, one is b], "not compared")
    yield from compare(a, b, tolerance)


def _keys(a: Table, b: Table, keys: Sequence[str]) -> list[str]:
    """Return those key columns that both tables have.

    Raises
    ------
    InputError
        If that leaves nothing to tell rows apart by.
    """
    found = [key for key in keys if key in a.columns and key in b.columns]
    if keys[0] not in found:
        raise InputError(f"{a.name}: found no column {keys[0]!r} in both; rows cannot be matched")
    return found


def _words(row: Row) -> str:
    """Name a verdict or an estimate as the report does, without empty parts."""
    parts = [row.get(name, "") for name in ("outcome", "condition", "phase", "modifier")]
    if row.get("split"):
        parts.append(f"{row['split']} {row.get('split_level', '')}".strip())
    if row.get("step", "1") not in ("", "0", "1"):
        parts.append(f"dose {row['step']}")
    return ", ".join(shown(part) for part in parts if part)


def _verdict(row: Row) -> str:
    remark = row.get("pattern", "") or row.get("why", "")
    return shown(row.get("verdict", "")) + (f" ({shown(remark)})" if remark else "")


def _verdicts(a: Table, b: Table, tolerance: float) -> Iterator[Change]:
    keys = _keys(a, b, VERDICT_KEYS)
    priorities = ["primary", "secondary", "exploratory"]
    for key, before, after in matched(a, b, keys):
        row = after or before
        what = _words(row)
        priority = row.get("priority", "")
        place = priorities.index(priority) if priority in priorities else len(priorities)
        make = Maker("verdicts", what)
        if not after:
            yield make("vanished", f"{_verdict(before)} -> no verdict", rank=(2, place, key))
        elif not before:
            yield make("new", f"no verdict -> {_verdict(after)}", rank=(1, place, key))
        elif cells := changed_cells(before, after, tolerance=tolerance, leave_out=keys):
            names = {name for name, _, _ in cells}
            if "verdict" in names:
                said, level = f"{_verdict(before)} -> {_verdict(after)}", 0
            elif names & {"pattern", "why"}:
                said, level = f"{_verdict(before)} -> {_verdict(after)} (same verdict)", 3
            else:
                said, level = f"still {shown(after.get('verdict', ''))}; {_listed(cells)}", 4
            yield make("changed", said, cells=cells, rank=(level, place, key))


def _listed(cells: Sequence[tuple[str, str, str]]) -> str:
    return "; ".join(f"{name} {arrow(a, b)}" for name, a, b in cells)


def _exclusions(a: Table, b: Table, tolerance: float) -> Iterator[Change]:
    keys = _keys(a, b, ("session",))
    for key, before, after in matched(a, b, keys):
        make = Maker("exclusions", f"session {shown(key[0])}")
        if not before:
            yield make("new", f"only in B ({_state(after)})", rank=(1, key))
        elif not after:
            yield make("vanished", f"only in A ({_state(before)})", rank=(1, key))
        elif cells := changed_cells(before, after, tolerance=tolerance, leave_out=keys):
            ordered = sorted(cells, key=lambda cell: _place(_STATES, cell[0]))
            level = 0 if ordered[0][0] in _STATES else 2
            yield make("changed", _listed(ordered), cells=tuple(ordered), rank=(level, key))


def _state(row: Row) -> str:
    if row.get("excluded", "").casefold() in ("yes", "true"):
        return f"excluded: {shown(row.get('exclude_reason', ''))}"
    return shown(row.get("reason", "") or row.get("measure", "") or "ok")


def _place(order: Sequence[str], name: str) -> int:
    return order.index(name) if name in order else len(order)


def _why(row: Row) -> str:
    return shown(row.get("reason", ""))


def _missing(a: Table, b: Table, tolerance: float) -> Iterator[Change]:
    keys = _keys(a, b, MISSING_KEYS)
    for key, before, after in matched(a, b, keys):
        make = Maker("missing cells", ", ".join(shown(part) for part in key if part))
        if not before:
            yield make("new", f"missing in B: {_why(after)}", rank=(0, key))
        elif not after:
            yield make("vanished", f"missing in A: {_why(before)}", rank=(0, key))
        elif cells := changed_cells(before, after, tolerance=tolerance, leave_out=keys):
            yield make("changed", _listed(cells), cells=cells, rank=(1, key))


def _estimates(a: Table, b: Table, tolerance: float) -> Iterator[Change]:
    """Changed estimates, largest first in standard errors; then other columns; then rows."""
    keys = _keys(a, b, CONTRAST_KEYS)
    for key, before, after in matched(a, b, keys, ("family", "model")):
        row = after or before
        contrast = row.get("contrast", "").replace("_", " ")
        levels = " against ".join(
            shown(row[name]) for name in ("level", "reference_level") if row.get(name)
        )
        make = Maker("estimates", ", ".join(filter(None, (_words(row), contrast, levels))))
        if not before:
            yield make("new", f"only in B, {_estimate(after)}", rank=(2, 0.0, key))
        elif not after:
            yield make("vanished", f"only in A, {_estimate(before)}", rank=(3, 0.0, key))
        elif cells := changed_cells(before, after, tolerance=tolerance, leave_out=keys):
            moved = [cell for cell in cells if cell[0] == "estimate"]
            others = [cell for cell in cells if cell[0] != "estimate"]
            if not moved:
                yield make("changed", _listed(others), cells=cells, rank=(1, 0.0, key))
                continue
            size, words = _size(before, after)
            more = f"; also {', '.join(name for name, _, _ in others)}" if others else ""
            said = f"{_listed(moved)}{words}{more}"
            yield make("changed", said, cells=cells, rank=(0, -size, key))


def _estimate(row: Row) -> str:
    value = number(row.get("estimate", ""))
    return f"estimate {value:.4g}" if math.isfinite(value) else "no estimate"


def _size(a: Row, b: Row) -> tuple[float, str]:
    """How far an estimate moved, in standard errors; what appears or vanishes comes first."""
    moved = abs(number(b["estimate"]) - number(a["estimate"]))
    scale = standard_error(a, b)
    if not math.isfinite(moved):
        return math.inf, ""
    if not scale:
        return 0.0, " (no standard error)"
    return moved / scale, f" ({moved / scale:.2g} standard errors)"
