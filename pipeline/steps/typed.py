"""Tables as text: columns are read back with the types that they were written with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.files import replacing

if TYPE_CHECKING:
    import pandas as pd


def write_text(table: pd.DataFrame, path: str | Path, *, float_format: str | None = None) -> None:
    """Write a table as tab-separated text, atomically; the same table gives the same bytes.

    Parameters
    ----------
    table : DataFrame
        Its index is not written.
    path : str or Path
        Packed where it ends in ``.gz``.
    float_format : str, optional
        How numbers with a fraction are written; all their digits by default.
    """
    packed: dict[str, Any] = {"compression": {"method": "gzip", "mtime": 1}}
    with replacing(path) as part:
        table.to_csv(
            part,
            sep="\t",
            index=False,
            lineterminator="\n",
            float_format=float_format,
            **(packed if part.suffix == ".gz" else {}),
        )


def read_typed(path: str | Path, types: Mapping[str, str]) -> pd.DataFrame:
    """Read a TSV with declared column types; text stays text ("NA" too), blanks are missing.

    Parameters
    ----------
    path : str or Path
        File that :func:`write_text` wrote.
    types : mapping of str to str
        Column -> dtype; other columns are text.
    """
    import pandas as pd

    header = pd.read_csv(path, sep="\t", nrows=0).columns
    known = {column: types.get(column, "str") for column in header}
    missing = {column: [""] for column, dtype in known.items() if dtype != "str"}
    return pd.read_csv(path, sep="\t", dtype=known, keep_default_na=False, na_values=missing)
