"""Tables as one spreadsheet: the same bytes for the same tables, and no cell that runs.

Format: Office Open XML (ECMA-376), written by openpyxl row by row, so that the memory for
XML does not grow with the tables.
"""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from pipeline.files import replacing

if TYPE_CHECKING:
    import pandas as pd
    from openpyxl.workbook import Workbook

#: rows of a sheet, and characters of a cell, that a spreadsheet holds
ROWS, CHARACTERS = 1_048_576, 32_767
#: the earliest time that a zip archive can state: what a file is, not when it was written
_TIME = datetime(1980, 1, 1)
#: control characters, which XML 1.0 cannot hold
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
#: text that openpyxl would take for a formula or an error, and a spreadsheet for a formula once the
#: cell is edited
_TAKEN = ("=", "+", "-", "@", "#", "\t", "\r")
_CUT = " … (cut here: a cell holds no more; see the text file)"
#: widths in characters: of the narrowest and widest column, of those of the first sheet
_NARROW, _WIDE, _FIRST = 6, 44, (26, 16, 100)
#: rows that a column's width is made from
_LOOKED_AT = 100


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One table with its words.

    Attributes
    ----------
    name : str
        At most 31 characters.
    what : str
        What a row is, and which rows are not here.
    table : DataFrame
        Numbers, booleans and text; missing cells stay blank.
    """

    name: str
    what: str
    table: pd.DataFrame


def write_spreadsheet(
    path: str | Path,
    sheets: Sequence[Sheet],
    *,
    title: str,
    words: Sequence[str],
    columns: Mapping[str, str],
    left_out: Sequence[tuple[str, str]],
) -> Path:
    """Write a workbook whose first sheet says what is in it.

    Parameters
    ----------
    path : str or pathlib.Path
        Ends with .xlsx.
    sheets : sequence of Sheet
        In order. One with more rows than a spreadsheet is left out, and the first sheet says so.
    title : str
        First cell.
    words : sequence of str
        What a reader must know, one line each.
    columns : mapping of str to str
        Column -> what it means; those of columns that are in no sheet are not written.
    left_out : sequence of (str, str)
        Tables that are not in it, and where they are.

    Returns
    -------
    pathlib.Path
        The same input gives the same bytes: times in the file are fixed.
    """
    from openpyxl import Workbook
    from openpyxl.writer.excel import ExcelWriter

    kept = [sheet for sheet in sheets if len(sheet.table) < ROWS]
    absent = [
        *left_out,
        *(
            (sheet.name, f"{len(sheet.table):,} rows; a sheet holds {ROWS:,}")
            for sheet in sheets
            if len(sheet.table) >= ROWS
        ),
    ]
    book = Workbook(write_only=True)
    book.properties.creator = "Set and Setting"
    book.properties.created = book.properties.modified = _TIME
    _write_first(book, kept, title=title, words=words, columns=columns, left_out=absent)
    for sheet in kept:
        _write_sheet(book, sheet)
    with replacing(path) as part:
        plain = part.with_name(f"{part.name}.plain")
        try:
            with ZipFile(plain, "w", ZIP_STORED) as archive:
                ExcelWriter(book, archive).save()
            _repack(plain, part)
        finally:
            plain.unlink(missing_ok=True)
    return Path(path)


def _repack(plain: Path, path: Path) -> None:
    """Compress an archive's members in their order, each with the fixed time."""
    with ZipFile(plain) as source, ZipFile(path, "w", ZIP_DEFLATED) as target:
        for member in source.infolist():
            entry = ZipInfo(member.filename, _TIME.timetuple()[:6])
            entry.compress_type = ZIP_DEFLATED
            with source.open(member) as content, target.open(entry, "w") as packed:
                shutil.copyfileobj(content, packed)


def _write_first(
    book: Workbook,
    sheets: Sequence[Sheet],
    *,
    title: str,
    words: Sequence[str],
    columns: Mapping[str, str],
    left_out: Sequence[tuple[str, str]],
) -> None:
    page = book.create_sheet("read me")
    for letter, width in zip("ABC", _FIRST, strict=True):
        page.column_dimensions[letter].width = width
    page.append([_bold(page, title)])
    for line in words:
        page.append([_cell(page, line)])
    page.append([])
    page.append([_bold(page, text) for text in ("Sheet", "Rows", "What a row is")])
    for sheet in sheets:
        page.append([_cell(page, sheet.name), len(sheet.table), _cell(page, sheet.what)])
    page.append([])
    page.append([_bold(page, text) for text in ("Not in this file", "", "Why, and where it is")])
    for name, why in left_out:
        page.append([_cell(page, name), None, _cell(page, why)])
    page.append([])
    page.append([_bold(page, text) for text in ("Column", "", "What it means")])
    present = {str(column) for sheet in sheets for column in sheet.table.columns}
    for column, meaning in columns.items():
        if column in present:
            page.append([_cell(page, column), None, _cell(page, meaning)])


def _write_sheet(book: Workbook, sheet: Sheet) -> None:
    from openpyxl.utils import get_column_letter

    page = book.create_sheet(sheet.name)
    page.freeze_panes = "B2"
    names = [str(column) for column in sheet.table.columns]
    columns = [list(_cells(page, sheet.table.iloc[:, at])) for at in range(len(names))]
    if names:
        page.auto_filter.ref = f"A1:{get_column_letter(len(names))}{len(sheet.table) + 1}"
    for at, (name, cells) in enumerate(zip(names, columns, strict=True), start=1):
        page.column_dimensions[get_column_letter(at)].width = _width(name, cells)
    page.append([_bold(page, name) for name in names])
    for row in zip(*columns, strict=True):
        page.append(row)


def _cells(page: Any, column: pd.Series) -> Iterator[Any]:
    """The cells of a column: numbers and truth values as such, text as text, None if missing."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(column):
        for value in column.astype("object"):
            yield None if pd.isna(value) else bool(value)
    elif pd.api.types.is_numeric_dtype(column):
        whole = pd.api.types.is_integer_dtype(column)
        for value in column.astype("object"):
            if pd.isna(value):
                yield None
            elif math.isinf(value):
                yield "inf" if value > 0 else "-inf"
            else:
                yield int(value) if whole else float(value)
    else:
        made: dict[str, Any] = {}
        for value in column.astype("object"):
            if value is None or value != value or value == "":
                yield None
                continue
            text = str(value)
            if text not in made:
                made[text] = _cell(page, text)
            yield made[text]


def _cell(page: Any, text: str) -> Any:
    """A text as it may stand in a cell; one that looks like a formula is marked as text."""
    from openpyxl.cell import WriteOnlyCell

    safe = _FORBIDDEN.sub("\ufffd", text)
    if len(safe) > CHARACTERS:
        safe = safe[: CHARACTERS - len(_CUT)] + _CUT
    if not safe.startswith(_TAKEN):
        return safe
    cell = WriteOnlyCell(page, value=safe)
    cell.data_type = "s"
    cell.style = "Normal"
    cell.quotePrefix = True
    return cell


def _bold(page: Any, text: str) -> Any:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    cell = WriteOnlyCell(page, value=_FORBIDDEN.sub("\ufffd", text))
    cell.data_type = "s"
    cell.font = Font(bold=True)
    return cell


def _width(name: str, cells: Sequence[Any]) -> int:
    """Width of a column in characters: its name, and the longest of its first cells."""
    longest = max(
        (len(f"{getattr(cell, 'value', cell):.6g}") if isinstance(cell, float) else
         len(str(getattr(cell, "value", cell)))
         for cell in cells[:_LOOKED_AT] if cell is not None),
        default=0,
    )  # fmt: skip
    return min(max(longest, len(name) + 3, _NARROW), _WIDE) + 1
