"""Tables of the cohort read back from text: columns have the types that they were written with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd


def read_typed(path: str | Path, types: Mapping[str, str]) -> pd.DataFrame:
    """Read a TSV with declared column types; text stays text ("NA" too), blanks are missing.

    Parameters
    ----------
    path : str or Path
        File that ``cohort`` wrote.
    types : mapping of str to str
        Column -> dtype; other columns are text.
    """
    header = pd.read_csv(path, sep="\t", nrows=0).columns
    known = {column: types.get(column, "str") for column in header}
    missing = {column: [""] for column, dtype in known.items() if dtype != "str"}
    return pd.read_csv(path, sep="\t", dtype=known, keep_default_na=False, na_values=missing)
