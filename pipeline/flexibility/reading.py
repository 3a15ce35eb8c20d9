"""The trials of a session, read back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def read_trials(path: str | Path) -> pd.DataFrame:
    """Read trials.parquet of a session.

    Parameters
    ----------
    path : str or Path
        File that the workflow wrote.

    Returns
    -------
    DataFrame
        One row per trial, columns as :func:`pipeline.ingest.read_behaviour` describes them:
        what :func:`pipeline.flexibility.score` takes.

    Raises
    ------
    InputError
        If the session has no trials (the file is empty), or there is no file.
    """
    import pandas as pd

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: not found; expected the trials of a finished session")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the session has no behaviour log with trials")
    return pd.read_parquet(path)
