"""What several metrics of this room share: means over the sets of a cell, and shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.schemes import SCHEMES
from pipeline.flexibility.shifts import shift_sets
from pipeline.metric import Value

if TYPE_CHECKING:
    import pandas as pd


def mean_to_criterion(
    cell: EpochTrials, column: str, *, sets: pd.DataFrame | None = None, band: str = ""
) -> list[Value]:
    """Mean of a count or time to criterion over completed sets, else the censored one.

    Where no set was completed the value is the count so far in the unfinished set and is censored.
    Should there be several (the rule changed before the criterion was met), it is the mean of their
    counts: each set would have taken at least its own, so that this bounds their mean whatever the
    sets are like. (The restricted mean gives the longest of them, and takes them for alike.) A cell
    in which no trial counted says nothing on the criterion and gives no value.

    Parameters
    ----------
    cell : EpochTrials
        Trials and sets of one cell.
    column : str
        ``trials_to_criterion``, ``errors_to_criterion`` or ``time_to_criterion``.
    sets : pandas.DataFrame, optional
        Some of the cell's sets; by default all of them.
    band : str
        Kind that the value is given.

    Returns
    -------
    list of Value
        One value or none; ``n_effective`` is the number of completed sets.
    """
    sets = cell.sets if sets is None else sets
    sets = sets[sets[column].notna()]
    completed = sets[sets["reached"]]
    if len(completed):
        return [
            Value(
                value=float(completed[column].mean()),
                band=band,
                n_effective=float(len(completed)),
                n_effective_unit="sets",
            )
        ]
    unfinished = sets[sets["n_correct"] + sets["n_errors"] > 0]
    if not len(unfinished):
        return []
    return [
        Value(
            value=float(unfinished[column].mean()),
            band=band,
            censored=True,
            n_effective=0.0,
            n_effective_unit="sets",
        )
    ]


def acquisition(cell: EpochTrials) -> pd.DataFrame:
    """Sets that follow no other rule: the first of a session, where it starts in the cell.

    Parameters
    ----------
    cell : EpochTrials
        Trials and sets of one cell.

    Returns
    -------
    pandas.DataFrame
        One row or none of ``cell.sets``.
    """
    return cell.sets[(cell.sets["previous_rule"] == "").to_numpy()]


def mean_per_set(cell: EpochTrials, column: str) -> list[Value]:
    """Mean over the sets that start in the cell and in which a choice was made.

    Parameters
    ----------
    cell : EpochTrials
        Trials and sets of one cell.
    column : str
        ``n_streaks`` or ``mean_streak``; sets without a value are left out.

    Returns
    -------
    list of Value
        One value or none; ``n_effective`` is the number of sets.
    """
    sets = cell.sets
    values = sets.loc[(sets["n_correct"] + sets["n_errors"] > 0).to_numpy(), column].dropna()
    if not len(values):
        return []
    return [
        Value(
            value=float(values.mean()),
            n_effective=float(len(values)),
            n_effective_unit="sets",
        )
    ]


def share(part: int, whole: int, *, unit: str, band: str = "") -> list[Value]:
    """Return ``part / whole`` as a value that rests on ``whole`` pieces; none without any.

    Parameters
    ----------
    part, whole : int
        Counts.
    unit : str
        What the pieces are.
    band : str
        Kind that the value is given.

    Returns
    -------
    list of Value
        One value or none.
    """
    if not whole:
        return []
    return [Value(value=part / whole, band=band, n_effective=float(whole), n_effective_unit=unit)]


def errors_per_shift(cell: EpochTrials, kind: str, *, options: Mapping[str, Any]) -> list[Value]:
    """Mean errors of one type over completed sets that follow another rule.

    A new label for the same sides (``repeat``) is no other rule: there is nothing to shift from.

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
        cell.sets["reached"] & shift_sets(cell.sets) & (cell.sets[f"{scheme}_untyped"] == 0)
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
