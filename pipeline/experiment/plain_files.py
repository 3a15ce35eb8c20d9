"""Bytes and cells of the files that a lab edits; what is no plain text is refused unread.

The standard library's csv module and not pandas: the Snakefile is parsed once per cluster job.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from pipeline.errors import ExperimentError, Problem

#: more than this is no table that a lab edits, and no config
_LARGEST_BYTES = 100_000_000
#: what a spreadsheet would run; +/- and -5 are labels of labs (genotypes, doses) and are not
_FORMULA = re.compile(r"[=@]|[+-].*[(|!]", re.DOTALL)
#: what is said of it
NO_FORMULA = (
    "a label that no spreadsheet takes for a formula is expected (it would run where the results "
    "are opened): without = or @ at its start, and without ( | ! after a + or - at its start"
)


def is_formula(label: str) -> bool:
    """Whether a spreadsheet that opens the results would run a label as a formula."""
    return bool(_FORMULA.match(label))


def read_whole(path: Path, file: str) -> bytes:
    """Return the bytes of a config or table.

    Parameters
    ----------
    path : Path
        The file.
    file : str
        As it is called in problems.

    Raises
    ------
    ExperimentError
        What is no plain file, and would never end (a pipe, a device) or is not to be held in
        memory.
    FileNotFoundError
    """
    size = path.stat().st_size
    found, expected = "", "a file is expected"
    if path.is_dir():
        found = "a folder"
    elif not path.is_file():
        found, expected = "no plain file", "a file is expected, not a pipe or device"
    elif size > _LARGEST_BYTES:
        found = f"{size / 1e6:.0f} MB"
        expected = f"at most {_LARGEST_BYTES / 1e6:.0f} MB are expected (is it a recording?)"
    if found:
        raise ExperimentError([Problem(file, "", found, expected)])
    return path.read_bytes()


def read_cells(path: Path, file: str) -> list[list[str]]:
    """Return the stripped cells of every line of a .tsv or .csv file.

    Parameters
    ----------
    path : Path
        UTF-8 (with or without BOM) or a spreadsheet's UTF-16 text.
    file : str
        As it is called in problems.

    Raises
    ------
    ExperimentError
        No file, no plain file, no text, no cells.
    """
    try:
        content = _decode(read_whole(path, file))
    except FileNotFoundError:
        problem = Problem(file, "", f"no file at {path}", "check the path under tables:")
        raise ExperimentError([problem]) from None
    except UnicodeDecodeError as error:
        problem = Problem(
            file, f"byte {error.start}", "text that is not UTF-8", "save the table as UTF-8"
        )
        raise ExperimentError([problem]) from None
    if "\0" in content:
        row = content[: content.index("\0")].count("\n") + 1
        expected = "text is expected (a binary file, or the disk's rest after a crash)"
        raise ExperimentError([Problem(file, f"row {row}", "a NUL byte", expected)])
    try:
        return _cells(content, path.suffix)
    except csv.Error as error:
        expected = f"a table is expected: {error} (a quotation mark that is never closed?)"
        raise ExperimentError([Problem(file, "", "", expected)]) from None


def _decode(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):  # a spreadsheet's "Unicode text"
        return data.decode("utf-16")
    return data.decode("utf-8-sig")


def _cells(content: str, suffix: str) -> list[list[str]]:
    first = content.split("\n", 1)[0]
    comma = ";" if ";" in first and "," not in first else ","  # spreadsheets of some locales
    delimiter = comma if suffix == ".csv" else "\t"
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter)
    return [[cell.replace("\xa0", " ").strip() for cell in row] for row in reader]
