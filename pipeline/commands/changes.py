"""Differences between two tables or two trees of settings, found without knowing what they mean.

Everything is compared as written: text with text, and numbers with numbers where both cells are
numbers. A table is a set of rows with a key; the order of its rows and columns says nothing.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.errors import InputError

#: columns on the scale of the outcome: what is far below the standard error is noise in them
ON_SCALE = (
    "estimate",
    "se",
    "ci_low",
    "ci_high",
    "ci90_low",
    "ci90_high",
    "leave_one_out_low",
    "leave_one_out_high",
)
#: columns without a unit, whose own unit is 1
STANDARDISED = ("statistic", "effect_size")
#: smallest difference between numbers without a scale (p values among them)
_SMALLEST = 1e-12

Row = Mapping[str, str]
Key = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference.

    Attributes
    ----------
    section : str
        verdicts, config, data, software, exclusions, missing cells or estimates.
    kind : {"changed", "new", "vanished", "absent", "remark"}
        ``absent``: a file or column that one run has and the other has not; ``remark``: something
        that could not be compared and is no difference by itself.
    what : str
        The thing, in words: a key of the config, a session, an outcome with its condition.
    cells : tuple of (str, str, str)
        Column, value in A, value in B.
    sentence : str
        The difference in one line.
    rank : tuple
        Sorts the changes of a section, first things first.
    """

    section: str
    kind: str
    what: str
    sentence: str
    cells: tuple[tuple[str, str, str], ...] = ()
    rank: tuple[Any, ...] = field(default=(), compare=False)


class Maker:
    """Writes the changes of one thing."""

    def __init__(self, section: str, what: str) -> None:
        self.section, self.what = section, what

    def __call__(
        self,
        kind: str,
        said: str,
        *,
        cells: tuple[tuple[str, str, str], ...] = (),
        rank: tuple[Any, ...] = (),
    ) -> Change:
        """Return one change of it; `said` follows its name in the sentence."""
        return Change(
            section=self.section,
            kind=kind,
            what=self.what,
            sentence=f"{self.what}: {said}",
            cells=cells,
            rank=rank,
        )


def absent(section: str, what: str, have: Sequence[bool], lost: str) -> Change:
    """A file or column that is not in both."""
    if not any(have):
        sentence = f"in neither run: {what}; {lost}"
        return Change(section=section, kind="remark", what=what, sentence=sentence)
    where, other = ("A", "B") if have[0] else ("B", "A")
    sentence = f"in {where} only (another version made {other}?): {what}; {lost}"
    cell = (what, "present" if have[0] else "", "present" if have[1] else "")
    return Change(section=section, kind="absent", what=what, sentence=sentence, cells=(cell,))


@dataclass(frozen=True)
class Table:
    """A results table as written.

    Attributes
    ----------
    name : str
        File name.
    columns : tuple of str
    rows : tuple of mapping
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(path: Path) -> Table | None:
    """Read a TSV as text; None if there is no such file.

    Raises
    ------
    InputError
        If the file cannot be read as a table: it was cut off, edited or is something else.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, delimiter="\t", strict=True)
            header = tuple(next(reader, ()))
            lines = [(reader.line_num, cells) for cells in reader]
    except FileNotFoundError:
        return None
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path}: cannot be read as a table: {error}") from None
    if len(set(header)) < len(header) or not header:
        found = f"the header {list(header)}" if header else "no header"
        raise InputError(f"{path}: found {found}; expected distinct column names; was it cut off?")
    for number, cells in lines:
        if len(cells) != len(header):
            raise InputError(
                f"{path}: line {number}: found {len(cells)} cells; expected {len(header)}, as in "
                "the header; was the file cut off or edited by hand?"
            )
    rows = tuple(dict(zip(header, cells, strict=True)) for _, cells in lines)
    return Table(path.name, header, rows)


def number(cell: str) -> float:
    """Return a cell as a number, NaN where it is blank or text."""
    try:
        return float(cell)
    except ValueError:
        return math.nan


def differs(a: str, b: str, *, tolerance: float, scale: float = 0.0) -> bool:
    """Return whether two cells differ beyond numerical noise.

    Parameters
    ----------
    a, b : str
        Cells.
    tolerance : float
        Relative to the larger of the two numbers and to `scale`.
    scale : float
        What size a difference of the column is measured by (a standard error); 0 for none.
    """
    if a == b:
        return False
    first, second = number(a), number(b)
    if not (math.isfinite(first) and math.isfinite(second)):
        return first != second  # infinities; a number beside a blank or text differs
    size = max(abs(first), abs(second), scale)
    return abs(first - second) > max(tolerance * size, _SMALLEST)


def standard_error(*rows: Row) -> float:
    """Return the larger standard error of the rows that state one, else 0."""
    stated = [number(row.get("se", "")) for row in rows]
    return max((value for value in stated if math.isfinite(value) and value > 0), default=0.0)


def matched(
    a: Table, b: Table, keys: Sequence[str], extra: Sequence[str] = ()
) -> Iterator[tuple[Key, Row, Row]]:
    """Pair the rows of two tables by their key.

    Parameters
    ----------
    a, b : Table
        Both have the columns `keys`.
    keys : sequence of str
        Names one row. Where several rows share a key, those columns of `extra` that both have join
        it; rows that are still alike are paired in the order of their contents.
    extra : sequence of str
        See `keys`.

    Yields
    ------
    key, row of A, row of B (empty where that table has none)
        In the order of A, then what is in B only.
    """
    both = [column for column in extra if column in a.columns and column in b.columns]
    if all(_distinct(table, keys) for table in (a, b)):
        both = []
    names = (*keys, *both)
    common = sorted(set(a.columns) & set(b.columns))
    first, second = (_grouped(table, names, common) for table in (a, b))
    for key in dict.fromkeys((*first, *second)):
        yield key[: len(names)], first.get(key, {}), second.get(key, {})


def _distinct(table: Table, keys: Sequence[str]) -> bool:
    return len({tuple(row[name] for name in keys) for row in table.rows}) == len(table.rows)


def _grouped(table: Table, names: Sequence[str], common: Sequence[str]) -> dict[Key, Row]:
    """Rows by key and, last in the key, their place among rows of the same key."""
    groups: dict[Key, list[Row]] = {}
    for row in table.rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return {
        (*key, str(place)): row
        for key, rows in groups.items()
        for place, row in enumerate(sorted(rows, key=lambda row: [row[c] for c in common]))
    }


def changed_cells(
    a: Row, b: Row, *, tolerance: float, leave_out: Iterable[str] = ()
) -> tuple[tuple[str, str, str], ...]:
    """Return the columns in which two rows differ, of those that both have, in the order of A."""
    scale = standard_error(a, b)
    scales = dict.fromkeys(ON_SCALE, scale) | dict.fromkeys(STANDARDISED, 1.0)
    skipped = set(leave_out)
    return tuple(
        (name, cell, b[name])
        for name, cell in a.items()
        if name in b
        and name not in skipped
        and differs(cell, b[name], tolerance=tolerance, scale=scales.get(name, 0.0))
    )


def flat(tree: Any, prefix: str = "") -> dict[str, str]:
    """Return the leaves of nested settings by dotted key; a list of plain values is one leaf."""
    if isinstance(tree, Mapping) and tree:
        found: dict[str, str] = {}
        for key, value in tree.items():
            found |= flat(value, f"{prefix}.{key}" if prefix else str(key))
        return found
    if isinstance(tree, list) and any(isinstance(item, Mapping | list) for item in tree):
        found = {}
        for index, value in enumerate(tree, 1):
            found |= flat(value, f"{prefix}[{index}]")
        return found
    return {prefix: plain(tree)}


def plain(value: Any) -> str:
    """Return a leaf as text: nothing is "", a list is its items."""
    if value is None:
        return ""
    if isinstance(value, list):
        return f"[{', '.join(map(plain, value))}]"
    return str(value)


def shown(cell: str) -> str:
    """Return a cell for a sentence: "nothing" when blank; no control characters, not too long."""
    safe = "".join(c if c.isprintable() else repr(c)[1:-1] for c in cell)
    if len(safe) > 120:
        safe = f"{safe[:117]}..."
    return safe or "nothing"


def arrow(a: str, b: str) -> str:
    """Return ``a -> b``; numbers rounded, but never so far that they look alike."""
    first, second = number(a), number(b)
    if math.isfinite(first) and math.isfinite(second):
        for digits in (4, 7, 10, 13, 17):
            texts = f"{first:.{digits}g}", f"{second:.{digits}g}"
            if texts[0] != texts[1]:
                return f"{texts[0]} -> {texts[1]}"
    texts = (
        f"{first:.4g}" if math.isfinite(first) else shown(a),
        f"{second:.4g}" if math.isfinite(second) else shown(b),
    )
    return f"{texts[0]} -> {texts[1]}" if texts[0] != texts[1] else f"{shown(a)} -> {shown(b)}"
