"""Values that are only known to be at least so much, on scales that cannot use that.

A time to an event has tests of its own (pseudo-values, log-rank). On every other scale a censored
value (errors so far, a cost so far) is no observation: taken as one, an animal that never met its
criterion would look better than one that did, the later it gave up the worse. It is a missing cell.
What is missing is then the slowest, and an arm that lost more of them looks better than it is: a
verdict must not rest on a contrast that this bias alone could have made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from pipeline.compare.arms import DRUG, REFERENCE, Arms
from pipeline.compare.per_animal import NO_VARIATION

#: why nothing can be said of times that all ended before the event
NEVER_REACHED = "the event, or the criterion, was never reached: every time is only a lower bound"
#: column of the contrasts' rows while they are made: :func:`lean`
LEAN = "lean"


def lower_bounds(outcomes: pd.DataFrame) -> pd.Series:
    """Return which rows have no value that can be compared, because it is only a lower bound.

    Parameters
    ----------
    outcomes : DataFrame
        ``Outcomes.table``.

    Returns
    -------
    Series of bool
        Censored, or with a censored baseline that it is compared with, on any other scale than
        ``time_to_event``.
    """
    uses_baseline = (outcomes["baseline_rule"] != "none") & outcomes["baseline_value"].notna()
    late = outcomes["censored"] | (outcomes["baseline_censored"] & uses_baseline)
    return late & (outcomes["scale"] != "time_to_event")


def missing_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that are lower bounds, with ``reason`` (columns as the cells', ``raw``)."""
    lost = table[lower_bounds(table)]
    reason = [
        f"at least {raw:g}: criterion not reached, or counted no further"
        if censored
        else "its baseline is a lower bound: criterion not reached, or counted no further"
        for raw, censored in zip(lost["raw"], lost["censored"], strict=True)
    ]
    return lost.assign(reason=pd.Series(reason, index=lost.index, dtype="str"))


def lost_cells(arms: Arms) -> np.ndarray:
    """Number of values (2, level) of each arm and level that were only lower bounds."""
    shape = arms.values.shape
    counts = np.zeros((shape[0], shape[2]), dtype=int)
    if not arms.slice.rows.bounded.any():
        return counts
    for arm, level in np.ndindex(*counts.shape):
        used = np.zeros(shape, dtype=bool)
        used[arm, :, level] = True
        counts[arm, level] = int(arms.slice.rows.bounded[arms.row_mask(used)].sum())
    return counts


def lean(arms: Arms, coefficients: np.ndarray) -> float:
    """Say how a contrast would be larger with the values that were lower bounds.

    Parameters
    ----------
    arms : Arms
        The comparison.
    coefficients : ndarray (2, level)
        Of the contrast's cells.

    Returns
    -------
    float
        Lost values, summed with the coefficients. Above zero: the contrast's drug arms lost more
        of the slowest, so that its estimate is too low.
    """
    return float((coefficients * lost_cells(arms)).sum())


def undermined(row: Mapping[str, object], *, significant: bool) -> bool:
    """Return whether what a contrast says could be made by its missing lower bounds.

    Not, where as much is missing on both sides, or where it is significant against the bias.

    Parameters
    ----------
    row : mapping
        Row of a contrast, with ``lean`` (none: nothing is missing).
    significant : bool
        Whether its adjusted p is below alpha.
    """
    leaning = float(row.get(LEAN, 0.0))  # type: ignore[arg-type]
    against = significant and leaning * float(row["estimate"]) > 0  # type: ignore[arg-type]
    return leaning != 0 and not against


def reason(arms: Arms, used: np.ndarray, problem: str) -> str:
    """Return why a contrast has no test; of times that were all censored, that they were.

    Restricted to their common end they are alike, which reads as if no animal differed.

    Parameters
    ----------
    arms : Arms
        The comparison.
    used : ndarray of bool (2, unit, level)
        Cells that the contrast rests on.
    problem : str
        What the engine said.
    """
    timed = arms.slice.declared["scale"] == "time_to_event"
    late = arms.late[used]
    if problem == NO_VARIATION and timed and late.size and (late == 1).all():
        return NEVER_REACHED
    return problem


def left_out(arms: Arms, coefficients: np.ndarray | None = None) -> str:
    """Say how many values a comparison (or one contrast) lacks as lower bounds, "" for none."""
    counts = lost_cells(arms)
    if coefficients is not None:
        counts = np.where(coefficients != 0, counts, 0)
    n = int(counts.sum())
    if not n:
        return ""
    drug, reference = counts[DRUG].sum(), counts[REFERENCE].sum()
    return (
        f"{n} lower {'bound' if n == 1 else 'bounds'} left out, criterion not reached or "
        f"counted no further ({drug} {arms.condition}, {reference} {arms.reference})"
    )


def remarks(arms: Arms) -> Iterator[str]:
    """Say beside the verdict that the largest are missing."""
    text = left_out(arms)
    if text:
        yield f"{text}: the largest are missing, read trials or time to criterion beside it"
