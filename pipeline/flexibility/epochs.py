"""The trials and sets of one cell (phase x context), as the metrics take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from pipeline.errors import InputError
from pipeline.experiment.strict import did_you_mean
from pipeline.experiment.task import Task
from pipeline.flexibility.schemes import SCHEMES
from pipeline.flexibility.scoring import Scores
from pipeline.flexibility.sets import summarise_sets
from pipeline.intervals import as_intervals, contains

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, kw_only=True)
class EpochTrials:
    """What a flexibility metric sees of one cell; two are the same only where they are one object.

    Attributes
    ----------
    trials : pandas.DataFrame
        Scored trials inside the cell's intervals (columns of :class:`Scores`), warm-up left out,
        with ``interval``: which of the intervals, from 0.
    sets : pandas.DataFrame
        Sets that start in the cell (columns of :class:`Scores`), summarised over their trials up to
        the end of the cell's last interval, or up to an administration before that; ``censored``
        where the criterion was not met by then. Time between two intervals of the cell in which no
        trial of the set lies is no time to criterion: the animal was elsewhere.
    scheme : str
        Primary error scheme, a key of :data:`pipeline.flexibility.schemes.SCHEMES`.
    task : Task
        The task that the trials were scored by.
    set_trials : pandas.DataFrame or None
        Trials of ``sets``, as far as they are summarised there: those between two intervals of the
        cell too, none after an administration. None only where sets are not asked for.
    """

    trials: pd.DataFrame
    sets: pd.DataFrame
    scheme: str
    task: Task
    set_trials: pd.DataFrame | None = None

    @property
    def of_sets(self) -> pd.DataFrame:
        """``set_trials``, of a cell that was cut for measures of sets.

        Raises
        ------
        ValueError
            If it was not.
        """
        if self.set_trials is None:
            raise ValueError("these trials were cut without the trials of their sets")
        return self.set_trials


def epoch_trials(
    scores: Scores,
    intervals: ArrayLike | None,
    *,
    scheme: str,
    administrations_s: Sequence[float] = (),
) -> EpochTrials | None:
    """Cut one cell out of a scored session.

    A trial belongs to the cell in whose interval its time lies (``t_trial``); a set to the cell in
    which its first trial lies, whole, up to the end of the cell's last interval: trials that it
    spends between two intervals of the cell count, for the animal made them under the same rule;
    where it makes none there, that time is not part of its time to criterion.
    Where the cell ends first (the phase's end), or something is given between two intervals of the
    cell, the set is censored at the end of the interval before. Error labels are those of the whole
    session. A trial without a time is in no cell, save the whole session; inside a set it stands at
    the time of the trial before it.

    Parameters
    ----------
    scores : Scores
        The session.
    intervals : array_like, shape (n, 2), or None
        Intervals of the cell in seconds on the session clock, half-open; None: the whole session,
        for logs without clock times.
    scheme : str
        Primary error scheme.
    administrations_s : sequence of float
        When anything was given in the session, in seconds on its clock. Unused where ``intervals``
        is None: a session without clock times knows of no administration inside it.

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
        whole = scored.assign(interval=0)
        cell = EpochTrials(
            trials=whole, sets=scores.sets, scheme=scheme, task=scores.task, set_trials=whole
        )
        return cell if len(scored) else None
    borders = as_intervals(intervals)
    inside = scored[_inside(borders, scored["t_trial"])]
    number = np.searchsorted(borders[:, 0], inside["t_trial"].to_numpy(dtype=float), side="right")
    inside = inside.assign(interval=number - 1)
    starting = scores.sets[_inside(borders, scores.sets["t_start"])]
    if not len(inside) and not len(starting):
        return None
    own = scored[scored["set_index"].isin(starting["set_index"])]
    time = own.groupby("set_index")["t_trial"].ffill().to_numpy()
    ends = _ends(borders, starting["t_start"].to_numpy(dtype=float), administrations_s)
    order = np.searchsorted(starting["set_index"].to_numpy(), own["set_index"].to_numpy())
    kept = own[time < ends[order]] if len(own) else own
    sets = summarise_sets(kept, scores.task)
    cut = sets["censored"].to_numpy() & (
        sets["n_trials"].to_numpy() < starting["n_trials"].to_numpy()
    )
    sets = sets.assign(
        ended=np.where(cut, "cut", starting["ended"]).astype(object),
        time_to_criterion=sets["time_to_criterion"] - _away(sets, kept, borders),
    )
    return EpochTrials(trials=inside, sets=sets, scheme=scheme, task=scores.task, set_trials=kept)


def following(trials: pd.DataFrame) -> np.ndarray:
    """Whether each trial directly follows the one before it in the log, inside one interval.

    A trial that is not scored stands between its neighbours, too.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials of :class:`EpochTrials`, n rows.

    Returns
    -------
    ndarray of bool, shape (n - 1,)
        For the second trial of each pair of neighbouring rows.
    """
    number, interval = trials["log_trial"].to_numpy(), trials["interval"].to_numpy()
    return (np.diff(number) == 1) & (np.diff(interval) == 0)


def _ends(borders: np.ndarray, starts: np.ndarray, given: Sequence[float]) -> np.ndarray:
    """When each set is cut: at the end of the last interval before anything is given again."""
    doses = np.append(np.sort(np.asarray(given, dtype=float)), np.inf)
    dose = doses[np.searchsorted(doses, starts, side="right")]
    last = np.searchsorted(borders[:, 0], dose, side="left") - 1
    return np.minimum(borders[:, 1][last], dose) if len(borders) else np.full(len(starts), -np.inf)


def _away(sets: pd.DataFrame, trials: pd.DataFrame, borders: np.ndarray) -> np.ndarray:
    """Seconds of each set's time to criterion that lie between intervals, without a trial of it."""
    starts = sets["t_start"].to_numpy(dtype=float)
    stops = starts + sets["time_to_criterion"].to_numpy(dtype=float)
    time, away = trials["t_trial"].to_numpy(dtype=float), np.zeros(len(sets))
    for leaves, returns in zip(borders[:-1, 1], borders[1:, 0], strict=True):
        between = trials["set_index"].to_numpy()[(time >= leaves) & (time < returns)]
        spanned = (starts < leaves) & (stops >= returns) & ~np.isin(sets["set_index"], between)
        away[spanned] += returns - leaves
    return away


def _inside(intervals: np.ndarray, times: pd.Series) -> np.ndarray:
    """Whether each time lies in an interval; a missing time lies in none."""
    values = times.to_numpy(dtype=float)
    known = np.isfinite(values)
    inside = np.zeros(len(values), dtype=bool)
    inside[known] = contains(intervals, values[known])
    return inside
