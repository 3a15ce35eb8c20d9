"""Logs with one row per trial: CSV, TSV and Excel, and what spreadsheets do to them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import ExperimentError, InputError, Problem
from pipeline.experiment.strict import did_you_mean
from pipeline.ingest.adapters.log_table import LogTable
from pipeline.ingest.adapters.text import read_log_text
from pipeline.ingest.reading import reading

if TYPE_CHECKING:
    import zipfile

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
EXCEL_SUFFIXES = (".xlsx", ".xlsm")
#: a workbook is a zip file; more than this unpacked is no behaviour log
LARGEST_WORKBOOK_BYTES = 300_000_000
LARGEST_WORKBOOK_CELLS = 5_000_000
#: sheets that a message lists by name
_SHEETS_NAMED = 6

Row = tuple[int, Sequence[object]]


def read_columns(
    path: str | Path,
    *,
    header_row: int = 1,
    delimiter: str = "auto",
    sheet: str | None = None,
    expected: Iterable[str] = (),
) -> LogTable:
    """Read the cells of a table.

    Byte order marks, CRLF line ends, blanks around cells and blank rows are dropped: spreadsheets
    add them. Nothing else is.

    Parameters
    ----------
    path : path
        ``.csv``, ``.tsv``, ``.txt`` (UTF-8) or ``.xlsx``.
    header_row : int
        Row with the column names, from 1; rows above it are ignored.
    delimiter : str
        ``auto``: the tab for .tsv, else the one that brings forth most of ``expected``.
    sheet : str, optional
        Sheet of a workbook; may be left out when there is one.
    expected : iterable of str
        Columns that the mapping names.

    Returns
    -------
    LogTable

    Raises
    ------
    InputError
        Missing file, unknown suffix or encoding, no header, columns named twice, rows with more
        cells than the header, a workbook with several sheets and none named.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: not found; check the 'behaviour' column of the sessions table")
    suffix = path.suffix.casefold()
    if suffix in EXCEL_SUFFIXES:
        rows = _excel_rows(path, sheet)
    elif suffix in TEXT_SUFFIXES:
        rows = _text_rows(path, delimiter, header_row, set(expected))
    else:
        raise InputError(
            f"{path}: found '{path.suffix}'; expected {', '.join(TEXT_SUFFIXES + EXCEL_SUFFIXES)}"
            + ("; save the old .xls as .xlsx" if suffix == ".xls" else "")
        )
    return _table(path, rows, header_row)


def _text_rows(path: Path, delimiter: str, header_row: int, expected: set[str]) -> list[Row]:
    text = read_log_text(path)
    if delimiter == "auto":
        delimiter = _delimiter(path, text, header_row, expected)
    with reading(path, "a table of text", likely="an open quotation mark, or a binary file"):
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        # The line number of a row, not its count: a quoted cell may hold line breaks.
        rows: list[Row] = []
        last = 0
        for cells in lines:
            rows.append((last + 1, [cell.strip() for cell in cells]))
            last = lines.line_num
    return rows


def _delimiter(path: Path, text: str, header_row: int, expected: set[str]) -> str:
    if path.suffix.casefold() == ".tsv":
        return "\t"
    header = next(iter(text.splitlines()[header_row - 1 : header_row]), "")

    def brings_forth(candidate: str) -> tuple[int, int]:
        names = {name.strip().strip('"') for name in header.split(candidate)}
        return len(names & expected), len(names)

    return max((",", ";", "\t"), key=brings_forth)


def _excel_rows(path: Path, sheet: str | None) -> list[Row]:
    import zipfile

    import openpyxl

    with reading(path, "an Excel workbook", likely="no .xlsx file, or still open in Excel"):
        with zipfile.ZipFile(path) as archive:
            _refuse_hostile(path, archive)
            formulas = any(b"<f" in archive.read(name) for name in _sheets_of(archive))
        # Values as Excel last computed them; macros, links and formulas are never followed.
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
        try:
            name = _sheet(path, book.sheetnames, sheet)
            rows = _rows_of(path, book[name])
        finally:
            book.close()
        if formulas:
            _refuse_unknown_values(path, name, rows)
    return rows


def _sheets_of(archive: zipfile.ZipFile) -> list[str]:
    return [name for name in archive.namelist() if name.startswith("xl/worksheets/")]


def _refuse_hostile(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse what unpacks without end; zipfile reads no more of an entry than it declares."""
    size = sum(entry.file_size for entry in archive.infolist())
    if size > LARGEST_WORKBOOK_BYTES:
        raise InputError(
            f"{path}: found {size / 1e6:.0f} MB unpacked; expected at most "
            f"{LARGEST_WORKBOOK_BYTES / 1e6:.0f}: this is no behaviour log"
        )
    for entry in archive.infolist():
        if not entry.filename.endswith((".xml", ".rels")):
            continue
        with archive.open(entry) as part:
            if b"<!DOCTYPE" in part.read(4096).upper():
                raise InputError(
                    f"{path}: {entry.filename}: found a document type declaration, which no "
                    "spreadsheet writes; expected a workbook"
                )


def _rows_of(path: Path, sheet: Any) -> list[Row]:
    """Return the rows that hold something, with their numbers."""
    # What a sheet says of its size may be wrong, or a million formatted rows.
    sheet.reset_dimensions()
    rows: list[Row] = []
    cells = 0
    for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
        cells += len(row)
        if cells > LARGEST_WORKBOOK_CELLS:
            raise InputError(
                f"{path}: row {number}: found more than {LARGEST_WORKBOOK_CELLS} cells; this is "
                "no behaviour log"
            )
        kept = [cell.strip() if isinstance(cell, str) else cell for cell in row]
        if not _blank(kept):
            rows.append((number, kept))
    return rows


def _refuse_unknown_values(path: Path, sheet: str, rows: Sequence[Row]) -> None:
    """Refuse formulas whose value was never computed: their cells would read as blanks."""
    import openpyxl

    known = dict(rows)
    book = openpyxl.load_workbook(path, read_only=True, keep_links=False)
    try:
        page = book[sheet]
        page.reset_dimensions()
        for number, row in enumerate(page.iter_rows(), 1):
            values = known.get(number, ())
            for index, cell in enumerate(row):
                value = values[index] if index < len(values) else None
                if cell.data_type == "f" and value is None:
                    raise InputError(
                        f"{path}: row {number}, column {cell.column_letter}: found a formula "
                        "without a value; expected values: open it in a spreadsheet and save it"
                    )
    finally:
        book.close()


def _sheet(path: Path, names: Sequence[str], wanted: str | None) -> str:
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted in names:
        return str(wanted)
    found = ", ".join(f"'{name}'" for name in names[:_SHEETS_NAMED])
    if len(names) > _SHEETS_NAMED:
        found += f" and {len(names) - _SHEETS_NAMED} more"
    asked = f"; the mapping asks for '{wanted}'{did_you_mean(wanted, names)}" if wanted else ""
    raise InputError(f"{path}: found sheets {found}{asked}; name one under 'sheet'")


def _blank(cells: Sequence[object]) -> bool:
    return all(cell is None or cell == "" for cell in cells)


def _table(path: Path, rows: Sequence[Row], header_row: int) -> LogTable:
    header = next((cells for number, cells in rows if number == header_row), ())
    names = ["" if cell is None else str(cell).strip() for cell in header]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise InputError(f"{path}: row {header_row}: found no column names; set header_row")
    body = [row for row in rows if row[0] > header_row and not _blank(row[1])]
    problems = [
        Problem(path.name, f"row {header_row}", f"column '{name}' twice", "expected each name once")
        for name in dict.fromkeys(names)
        if name and names.count(name) > 1
    ]
    wide = [(number, cells) for number, cells in body if not _blank(cells[len(names) :])]
    if wide:
        number, cells = wide[0]
        more = f" (and {len(wide) - 1} more rows)" if len(wide) > 1 else ""
        expected = (
            f"expected {len(names)} as in the header (a delimiter inside a cell, comma decimals, "
            "or lines above the header: set header_row)"
        )
        problems.append(Problem(path.name, f"row {number}{more}", f"{len(cells)} cells", expected))
    if problems:
        raise ExperimentError(problems)
    padded = [[*cells[: len(names)], *[None] * (len(names) - len(cells))] for _, cells in body]
    kept = [index for index, name in enumerate(names) if name]
    return LogTable(
        file=path.name,
        columns=tuple(names[index] for index in kept),
        rows=tuple(number for number, _ in body),
        cells=tuple(tuple(cells[index] for index in kept) for cells in padded),
    )
