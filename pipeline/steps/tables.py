"""Copies of the cohort's tables for people: text beside Parquet, Parquet beside text, spreadsheet.

Nothing is computed from these files: they are written beside the report.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.report.spreadsheet import Sheet, write_spreadsheet
from pipeline.report.table_list import BY_NAME, DECLARED, Table
from pipeline.steps.column_types import DESIGN, TYPES
from pipeline.steps.extract import write_parquet
from pipeline.steps.paths import COPIED
from pipeline.steps.table_words import COLUMN_WORDS
from pipeline.steps.typed import read_typed, write_text

#: tables of which the spreadsheet holds the declared outcomes only: the others are too many
_OF_DECLARED = ("outcomes", "contrasts")
_WORDS = (
    "Written for reading. What the analysis itself used lies in results/cohort, and every table "
    "here is there as text (.tsv) and as Parquet with the same columns.",
    "Missing values are blank cells. Text that begins like a formula is kept as text.",
    "Outcome ids read metric[/band][@region[~region]]. Estimates and values stand on the scale "
    "that the column 'scale' names.",
)


def tables(*, inputs: Any, outputs: Any, settings: Mapping[str, Any]) -> None:
    """Write the copies.

    Parameters
    ----------
    inputs : object
        Attributes named as :data:`pipeline.steps.paths.COPIED`.
    outputs : object
        Attributes named as :data:`pipeline.steps.paths.TABLE_COPIES`.
    settings : mapping
        :func:`pipeline.steps.settings.tables_settings`.
    """
    sheets = {}
    for key in COPIED:
        source, copy = Path(getattr(inputs, key)), Path(getattr(outputs, key))
        table = read_table(key, source)
        if source.suffix == ".parquet":
            write_text(table, copy)
        else:
            write_parquet(table, copy)
        about = BY_NAME[source.name.partition(".")[0]]
        if about.sheet:
            sheets[about.name] = _sheet(about, table)
    left_out = [(one.label, _why_left_out(one)) for one in BY_NAME.values() if not one.sheet]
    left_out += [
        (f"{BY_NAME[name].label}: exploratory outcomes", f"too many; {_places(BY_NAME[name])}")
        for name in _OF_DECLARED
    ]
    write_spreadsheet(
        outputs.spreadsheet,
        [sheets[name] for name in BY_NAME if name in sheets],
        title=settings["title"],
        words=_WORDS,
        columns=COLUMN_WORDS,
        left_out=left_out,
    )


def read_table(key: str, path: Path) -> pd.DataFrame:
    """Read one table with its types; a text table without columns has none.

    Parameters
    ----------
    key : str
        Name of the input.
    path : pathlib.Path
        Parquet, or tab-separated text.

    Returns
    -------
    DataFrame
        Whole numbers that may be missing as Int64, so that they stay whole.
    """
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if not _has_columns(path):
        return pd.DataFrame()
    types = {**DESIGN, **TYPES[key]}
    return read_typed(path, {**types, **{n: "Int64" for n, t in types.items() if t == "int64"}})


def _has_columns(path: Path) -> bool:
    import gzip

    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            return bool(stream.readline().strip())
    with path.open(encoding="utf-8") as stream:
        return bool(stream.readline().strip())


def _sheet(about: Table, table: pd.DataFrame) -> Sheet:
    what = about.what
    if about.name in _OF_DECLARED:
        table = table[table["priority"].isin(DECLARED)]
        what = f"{what}; primary and secondary outcomes only"
    return Sheet(name=about.sheet, what=what, table=table)


def _why_left_out(about: Table) -> str:
    return f"{about.what}: too long to read here; {_places(about)}"


def _places(about: Table) -> str:
    """Where a table lies, in its formats."""
    files = [f"results/cohort/{about.name}{end}" for end in (about.first, about.copy) if end]
    return " and ".join(files)
