"""What several metrics of this room share: a mean over the completed sets of a cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.schemes import SCHEMES
from pipeline.metric import Value


def mean_to_criterion(cell: EpochTrials, column: str) -> list[Value]:
    """Mean of a count to criterion over completed sets, else the censored count.

    Where no set was completed the value is the count so far in the unfinished set (the mean, should
    there be several because the rule changed before the criterion was met) and is censored. A cell
    in which no trial counted says nothing on the criterion and gives no value.

    Parameters
    ----------
    cell : EpochTrials
        Trials and sets of one cell.
    column : str
        ``trials_to_criterion`` or ``errors_to_criterion``.

    Returns
    -------
    list of Value
        One value or none.
    """
    completed = cell.sets[cell.sets["reached"]]
    if len(completed):
        return [
            Value(
                value=float(completed[column].mean()),
                n_effective=float(len(completed)),
                n_effective_unit="sets",
            )
        ]
    unfinished = cell.sets[cell.sets["n_correct"] + cell.sets["n_errors"] > 0]
    if not len(unfinished):
        return []
    return [
        Value(
            value=float(unfinished[column].mean()),
            censored=True,
            n_effective=0.0,
            n_effective_unit="sets",
        )
    ]


def errors_per_shift(cell: EpochTrials, kind: str, *, options: Mapping[str, Any]) -> list[Value]:
    """Mean errors of one type over completed sets that follow another rule.

    Parameters
    ----------
    cell : EpochTrials
        Trials and sets of one cell.
    kind : str
        Error type, one of :data:`pipeline.flexibility.schemes.ERROR_TYPES`.
    options : mapping
        Uses ``options["flexibility"]["error_scheme"]``.

    Returns
    -------
    list of Value
        One value; none where the scheme does not know the type, or where no shift was completed all
        of whose errors it can classify.

    Raises
    ------
    ValueError
        If the cell was made for another scheme than the options name.
    """
    scheme = options["flexibility"]["error_scheme"]
    if scheme != cell.scheme:
        raise ValueError(f"the cell was cut for {cell.scheme}, the options name {scheme}")
    if kind not in SCHEMES[scheme].types:
        return []
    # A set with errors that the scheme cannot classify would count too few.
    shifts = cell.sets[
        cell.sets["reached"]
        & (cell.sets["previous_rule"] != "")
        & (cell.sets[f"{scheme}_untyped"] == 0)
    ]
    if not len(shifts):
        return []
    return [
        Value(
            value=float(shifts[f"{scheme}_{kind}"].mean()),
            n_effective=float(len(shifts)),
            n_effective_unit="sets",
        )
    ]
