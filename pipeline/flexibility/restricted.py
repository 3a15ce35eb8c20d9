"""Restricted mean of trials to criterion: the sets of a session, the unfinished last one included.

The mean over completed sets leaves out the set that the session's end cut, which tends to be a long
one. The Kaplan-Meier curve over the sets uses what is known of it: that the criterion was not met
by then (product-limit estimate of gap times, Pena, Strawderman & Hollander 2001 J Am Stat Assoc
96:1299). The area under it up to tau is the mean of the trials to criterion, each counted up to tau
(Royston & Parmar 2013 BMC Med Res Methodol 13:152).

Trials before the criterion run (``criterion_run_included: false``) are known only once the run is
complete: their times are no gap times whose curve could be estimated from cut sets. The estimate is
made on the trials up to the criterion, and the run, of one length, is taken off the mean. Where its
length varies (m of n, blocks, omissions that count and do not end a run) there is no such mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from pipeline.experiment.task import Task

if TYPE_CHECKING:
    import pandas as pd


def restricted_to_criterion(sets: pd.DataFrame, *, task: Task) -> tuple[float, bool]:
    """Restricted mean of ``trials_to_criterion`` over all sets in which a choice was made.

    Parameters
    ----------
    sets : pandas.DataFrame
        As :func:`pipeline.flexibility.sets.summarise_sets` gives.
    task : Task
        ``restricted_at``: trials at which the mean ends, one number for all sessions, or they could
        not be compared; and how trials to criterion are counted.

    Returns
    -------
    mean : float
        Trials; NaN without a set, and where trials before a run of varying length are counted.
    censored : bool
        As :func:`restricted_mean`.
    """
    used = sets[sets["n_correct"] + sets["n_errors"] > 0]
    time = used["trials_to_criterion"].to_numpy(dtype=float)
    late = used["censored"].to_numpy(dtype=bool)
    if task.criterion_run_included:
        return restricted_mean(time, late, tau=task.restricted_at)
    run = task.criterion.consecutive
    if run is None or (task.omissions_count and not task.omissions_break_run):
        return float("nan"), False
    counted = used["n_correct"] + used["n_errors"]
    if task.omissions_count:
        counted = counted + used["n_omissions"]
    whole = np.where(late, counted.to_numpy(dtype=float), time + run)
    mean, unknown = restricted_mean(whole, late, tau=task.restricted_at + run)
    return max(mean - run, 0.0) if len(used) else mean, unknown


def restricted_mean(time: ArrayLike, censored: ArrayLike, *, tau: float) -> tuple[float, bool]:
    """Area under the Kaplan-Meier curve up to tau, or up to where the curve is known.

    Parameters
    ----------
    time : array_like (n,)
        Trials to criterion, or trials run without meeting it.
    censored : array_like of bool (n,)
        Whether it was not met. At one time, events come before censoring: a set that was cut after
        t trials had not met the criterion by t.
    tau : float
        Where the mean ends.

    Returns
    -------
    mean : float
        NaN without times.
    censored : bool
        True where the longest time is censored before tau: the curve is unknown from there, and
        the area up to there is a lower bound.
    """
    time, late = np.asarray(time, dtype=float), np.asarray(censored, dtype=bool)
    if not len(time):
        return float("nan"), False
    last = time.max()
    unknown = bool(late[time == last].any()) and last < tau
    end = last if unknown else tau
    at, which = np.unique(time[~late], return_inverse=True)
    events = np.bincount(which, minlength=len(at))
    at_risk = (time[None, :] >= at[:, None]).sum(axis=1)
    survival = np.concatenate([[1.0], np.cumprod(1.0 - events / at_risk)])
    edges = np.minimum(np.concatenate([[0.0], at, [end]]), end)
    return float((survival * np.diff(edges)).sum()), unknown
