"""What every adapter hands over: the cells of a log as they stand, with their row numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LogTable:
    """Cells of a behaviour log, nothing interpreted yet.

    Attributes
    ----------
    file : str
        Name of the file, for messages and for ``source_file``.
    columns : tuple of str
        Names, each once.
    rows : tuple of int
        Number of each row, as the lab counts them: lines of a spreadsheet from 1, trials of an NWB
        table from 1.
    cells : tuple of tuple of object
        (row, column) text, numbers, truth values or None.
    warnings : tuple of str
        What the reader met and the report must say.
    """

    file: str
    columns: tuple[str, ...]
    rows: tuple[int, ...]
    cells: tuple[tuple[object, ...], ...]
    warnings: tuple[str, ...] = ()
