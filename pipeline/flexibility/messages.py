"""How the problems of a trial table are put: file, rows, value found, value expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.experiment.strict import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

#: Row ranges that a message lists before it only counts.
_LISTED = 60


def unknown_labels(
    trials: pd.DataFrame, name: str, bad: NDArray[np.bool_], known: Sequence[str]
) -> list[str]:
    """One problem for each label of a column that the task does not declare."""
    if not bad.any():
        return []
    labels = trials[name].astype(object).where(trials[name].notna(), "").to_numpy()
    none_given = "; no column gives it: name one (columns: rule), or the rule of all trials (rule)"
    return [
        f"{rows(trials, bad & (labels == label))}: {name}: found {str(label)!r}; expected one of "
        f"{', '.join(known)}{did_you_mean(label, known)}"
        f"{none_given if name == 'rule' and not label else ''}"
        for label in sorted({str(label) for label in labels[bad]})
    ]


def rows(trials: pd.DataFrame, bad: NDArray[np.bool_]) -> str:
    """Name the trials of a mask by file and row, else by trial number: ``log.csv: rows 3, 5-8``."""
    numbers: pd.Series | pd.Index
    if "source_row" in trials:
        what, numbers = "row", trials["source_row"]
    elif "trial" in trials:
        what, numbers = "trial", trials["trial"]
    else:
        what, numbers = "trial", trials.index + 1
    files = trials.get("source_file")
    bad_numbers = np.asarray(numbers)[bad]
    if files is None:
        return f"trials: {_ranges(what, bad_numbers)}"
    bad_files = np.asarray(files.astype(object))[bad]
    return ", ".join(
        f"{file}: {_ranges(what, bad_numbers[bad_files == file])}"
        for file in dict.fromkeys(bad_files)
    )


def _ranges(what: str, numbers: NDArray[np.int64]) -> str:
    """Write ``rows 3, 5-8`` for the rows 3, 5, 6, 7, 8.

    A line of a MED-PC file holds several trials, and is named once.
    """
    count, numbers = len(numbers), np.unique(numbers)
    pieces = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    texts = [f"{p[0]}" if len(p) == 1 else f"{p[0]}-{p[-1]}" for p in pieces]
    more = f" and more ({count} in all)" if len(texts) > _LISTED else ""
    return f"{what}{'s' if len(numbers) > 1 else ''} {', '.join(texts[:_LISTED])}{more}"


def file_name(trials: pd.DataFrame) -> str:
    """File that the trials came from, for messages."""
    if "source_file" in trials and len(trials):
        return str(trials["source_file"].iloc[0])
    return "trials"


def one_message(problems: Sequence[str]) -> str:
    """All problems in one message."""
    if len(problems) == 1:
        return problems[0]
    lines = [f"{len(problems)} problems in the trials:"]
    return "\n".join([*lines, *(f"  {i}. {text}" for i, text in enumerate(problems, 1))])
