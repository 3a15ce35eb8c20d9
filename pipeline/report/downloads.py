"""What can be taken away from a run: tables in their formats, figures, what it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.report.table_list import ALWAYS, GROUPS, Table

if TYPE_CHECKING:
    import pandas as pd

_COHORT = "../cohort/"
_DECIMAL = 1000
#: what the run can be repeated from, as seen from the page
RECORD = (
    (
        "../cohort/run.json",
        "settings, hashes of input files and of code, versions of libraries",
    ),
    ("methods.md", "methods of this run as text"),
    ("methods.tex", "the same for LaTeX"),
    ("references.bib", "its references for BibTeX"),
)
_FORMATS = {".tsv": "TSV", ".tsv.gz": "TSV, gzip", ".parquet": "Parquet"}


@dataclass(frozen=True, kw_only=True)
class File:
    """One file to take away; without a size where it is written beside the report."""

    label: str
    href: str
    size: str = ""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One table in its formats; ``extent`` is empty where the report did not read the table."""

    label: str
    what: str
    extent: str
    text: File | None
    parquet: File | None
    sheet: str


@dataclass(frozen=True, kw_only=True)
class Downloads:
    """What the section shows: tables by group, figures, and what the run can be repeated from."""

    groups: tuple[tuple[str, tuple[Line, ...]], ...]
    n_figures: int
    figure_list: File
    record: tuple[tuple[File, str], ...]


def downloads_view(
    tables: Mapping[str, pd.DataFrame | None], folder: Path, *, n_figures: int, figure_list: str
) -> Downloads:
    """Return the section.

    Parameters
    ----------
    tables, folder
        As :func:`download_groups`.
    n_figures : int
        How many figures stand in the folder figures.
    figure_list : str
        File beside the page that lists them.
    """
    return Downloads(
        groups=download_groups(tables, folder),
        n_figures=n_figures,
        figure_list=File(label=figure_list, href=figure_list),
        record=tuple(
            (
                File(
                    label=Path(href).name,
                    href=href,
                    # the others are written after the page
                    size=size_words(folder / href) if href.startswith(_COHORT) else "",
                ),
                what,
            )
            for href, what in RECORD
        ),
    )


def download_groups(
    tables: Mapping[str, pd.DataFrame | None], folder: Path
) -> tuple[tuple[str, tuple[Line, ...]], ...]:
    """Return the groups of the section with the tables that this run has.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        By the keys of :data:`pipeline.report.table_list.GROUPS`, as the report read them; None or
        empty: the run has none.
    folder : pathlib.Path
        That holds the page. Sizes are read of files that the report is made from; copies for
        people are written at the same time as the report and have none.

    Returns
    -------
    tuple of (str, tuple of Line)
        Without groups that have no table.
    """
    found = []
    for title, declared in GROUPS:
        lines = tuple(
            _line(table, tables.get(table.key), folder)
            for table in declared
            if table.key in ALWAYS
            or any(_given(tables.get(key)) for key in (table.key, table.beside))
        )
        if lines:
            found.append((title, lines))
    return tuple(found)


def _given(table: pd.DataFrame | None) -> bool:
    return table is not None and not table.empty


def _line(table: Table, rows: pd.DataFrame | None, folder: Path) -> Line:
    files = {
        suffix: File(
            label=_FORMATS[suffix],
            href=f"{_COHORT}{table.name}{suffix}",
            size=size_words(folder / f"{_COHORT}{table.name}{suffix}")
            if suffix == table.first
            else "",
        )
        for suffix in (table.first, table.copy)
        if suffix
    }
    return Line(
        label=table.label,
        what=table.what,
        extent="" if rows is None else f"{len(rows):,} × {len(rows.columns)}",
        text=files.get(".tsv") or files.get(".tsv.gz"),
        parquet=files.get(".parquet"),
        sheet=table.sheet,
    )


def size_words(path: Path) -> str:
    """Size of a file as a person reads it, in decimal units; "" if there is none.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    str
        ``"932 kB"``, ``"11.2 MB"``.
    """
    if not path.is_file():
        return ""
    size = float(path.stat().st_size)
    for unit in ("B", "kB", "MB"):
        if size < _DECIMAL - 0.5:
            return f"{size:.1f} {unit}" if unit == "MB" else f"{size:.0f} {unit}"
        size /= _DECIMAL
    return f"{size:.1f} GB"
