"""The cohort's tables, read back with the types that they were written with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from pipeline.compare.tables import CONTRASTS, OUTCOMES, VERDICTS, require
from pipeline.errors import InputError


def read_outcomes(results: str | Path) -> pd.DataFrame:
    """Read cohort/outcomes.parquet: one row per outcome, animal, session and cell.

    Parameters
    ----------
    results : str or Path
        Folder ``results`` of a run.

    Returns
    -------
    DataFrame
        What :func:`pipeline.compare.compare` takes; values are on their scale, before the baseline
        is applied (:func:`pipeline.compare.analysis_values` does that).

    Raises
    ------
    InputError
        If there is no such table, or it lacks columns.
    """
    table = pd.read_parquet(_found(results, "outcomes.parquet"))
    require(table, OUTCOMES, name="outcomes")
    return table


def read_contrasts(results: str | Path) -> pd.DataFrame:
    """Read cohort/contrasts.tsv: one row per outcome and contrast; arguments as above."""
    return _typed(_found(results, "contrasts.tsv"), CONTRASTS)


def read_verdicts(results: str | Path) -> pd.DataFrame:
    """Read cohort/verdicts.tsv: one row per outcome, condition, phase and modifier."""
    return _typed(_found(results, "verdicts.tsv"), VERDICTS)


def _found(results: str | Path, name: str) -> Path:
    path = Path(results) / "cohort" / name
    if not path.is_file():
        raise InputError(
            f"{path}: not found; expected the results of a finished run (its folder is called "
            "results, and holds cohort/)"
        )
    return path


def _typed(path: Path, types: Mapping[str, str]) -> pd.DataFrame:
    """Text stays text ("NA" too), blank numbers are missing.

    As pipeline.steps.typed.read_typed, which jobs of a session run: they must neither import this
    room nor be run again when it changes. A test reads one file with both.
    """
    header = pd.read_csv(path, sep="\t", nrows=0).columns
    known = {name: types.get(name, "str") for name in header}
    blank = {name: [""] for name, kind in known.items() if kind != "str"}
    return pd.read_csv(path, sep="\t", dtype=known, keep_default_na=False, na_values=blank)
