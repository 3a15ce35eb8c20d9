"""The trials and sets of one cell (phase x context), as the metrics take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from pipeline.errors import InputError
from pipeline.experiment.strict import did_you_mean
from pipeline.flexibility.schemes import SCHEMES
from pipeline.flexibility.scoring import Scores
from pipeline.flexibility.sets import summarise_sets
from pipeline.intervals import as_intervals, contains

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class EpochTrials:
    """What a flexibility metric sees of one cell.

    Attributes
    ----------
    trials : pandas.DataFrame
        Scored trials inside the cell's intervals (columns of :class:`Scores`), warm-up left out.
    sets : pandas.DataFrame
        Sets that start in the cell (columns of :class:`Scores`), summarised over their trials up to
        the end of the cell's last interval; ``censored`` where the criterion was not met by then.
    scheme : str
        Primary error scheme, a key of :data:`pipeline.flexibility.schemes.SCHEMES`.
    """

    trials: pd.DataFrame
    sets: pd.DataFrame
    scheme: str


def epoch_trials(scores: Scores, intervals: ArrayLike | None, *, scheme: str) -> EpochTrials | None:
    """Cut one cell out of a scored session.

    A trial belongs to the cell in whose interval its time lies (``t_trial``); a set to the cell in
    which its first trial lies, whole, up to the end of the cell's last interval: trials that it
    spends between two intervals of the cell count, for the animal made them under the same rule.
    Where the cell ends first (an administration or the phase's end), the set is censored. Error
    labels are those of the whole session. A trial without a time is in no cell, save the whole
    session; inside a set it stands at the time of the trial before it.

    Parameters
    ----------
    scores : Scores
        The session.
    intervals : array_like, shape (n, 2), or None
        Intervals of the cell in seconds on the session clock, half-open; None: the whole session,
        for logs without clock times.
    scheme : str
        Primary error scheme.

    Returns
    -------
    EpochTrials or None
        None where neither a scored trial nor a set lies in the cell.

    Raises
    ------
    InputError
        If the scheme is unknown or the intervals are none.
    """
    if scheme not in SCHEMES:
        raise InputError(
            f"flexibility.error_scheme: found {scheme!r}; expected one of {', '.join(SCHEMES)}"
            f"{did_you_mean(scheme, SCHEMES)}"
        )
    scored = scores.trials[scores.trials["set_index"] > 0]
    if intervals is None:
        cell = EpochTrials(trials=scored, sets=scores.sets, scheme=scheme)
        return cell if len(scored) else None
    borders = as_intervals(intervals)
    inside = scored[_inside(borders, scored["t_trial"])]
    starting = scores.sets[_inside(borders, scores.sets["t_start"])]
    if not len(inside) and not len(starting):
        return None
    own = scored[scored["set_index"].isin(starting["set_index"])]
    time = own.groupby("set_index")["t_trial"].ffill()
    kept = own[time.to_numpy() < borders[:, 1].max(initial=-np.inf)]
    sets = summarise_sets(kept, scores.task)
    cut = sets["censored"].to_numpy() & (
        sets["n_trials"].to_numpy() < starting["n_trials"].to_numpy()
    )
    sets = sets.assign(ended=np.where(cut, "cut", starting["ended"]).astype(object))
    return EpochTrials(trials=inside, sets=sets, scheme=scheme)


def _inside(intervals: np.ndarray, times: pd.Series) -> np.ndarray:
    """Whether each time lies in an interval; a missing time lies in none."""
    values = times.to_numpy(dtype=float)
    known = np.isfinite(values)
    inside = np.zeros(len(values), dtype=bool)
    inside[known] = contains(intervals, values[known])
    return inside
