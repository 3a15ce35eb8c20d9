"""Latencies of trials: initiation, choice and collection, and the kinds of trials they are told by.

Omissions have no latency here, and a latency of the response window or longer is an omission. An
initiation before the cue, or at its onset, is no response to it and has no latency: in a task in
which the animal initiates the trial and is then shown the cue, there is none at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.flexibility.coding import choice_latencies
from pipeline.flexibility.epochs import EpochTrials
from pipeline.metric import Value

if TYPE_CHECKING:
    import pandas as pd

#: Kinds of trials: all; by outcome; by whether the previous rule asks for another side; the first
#: trials after a switch (``task.after_switch_trials``), and those that come later in any set.
KINDS = ("all", "correct", "error", "conflict", "congruent", "switch", "stable")


def latencies(trials: pd.DataFrame, what: str) -> NDArray[np.float64]:
    """Latency of each trial.

    Parameters
    ----------
    trials : pandas.DataFrame
        Scored trials, n rows.
    what : {"initiation", "choice", "collection"}
        From cue to initiation (``t_init - t_cue``, where that is above 0); of the choice as logged
        (``latency_choice``, where that is blank ``t_choice - t_cue``); from choice to reward
        (``t_reward - t_choice``, not where the log says that nothing was rewarded).

    Returns
    -------
    ndarray (n,)
        Seconds; NaN on omissions and where the log does not say.
    """
    if what == "initiation":
        seconds = _column(trials, "t_init") - _column(trials, "t_cue")
        seconds = np.where(seconds > 0, seconds, np.nan)
    elif what == "collection":
        seconds = _column(trials, "t_reward") - _column(trials, "t_choice")
        seconds = np.where(_column(trials, "rewarded") == 0, np.nan, seconds)
    else:
        seconds = choice_latencies(trials)
    return np.where((trials["outcome"] == "omission").to_numpy(), np.nan, seconds)


def trial_kinds(cell: EpochTrials) -> dict[str, NDArray[np.bool_]]:
    """Which trials of a cell are of each kind.

    A trial without a previous rule is neither conflict nor congruent. The first trials of a set
    that follows no other rule (or a new label for the same sides) come after no switch: they are
    neither switch nor stable.

    Parameters
    ----------
    cell : EpochTrials
        n trials.

    Returns
    -------
    dict of str to ndarray of bool, shape (n,)
        By name of ``KINDS``.
    """
    trials = cell.trials
    conflict = _column(trials, "conflict")
    number = trials["trial_in_set"].to_numpy()
    early = number <= cell.task.after_switch_trials
    return {
        "all": np.ones(len(trials), dtype=bool),
        "correct": (trials["outcome"] == "correct").to_numpy(),
        "error": (trials["outcome"] == "error").to_numpy(),
        "conflict": conflict == 1,
        "congruent": conflict == 0,
        "switch": early & _shifted(cell, early),
        "stable": ~early,
    }


def median_latencies(cell: EpochTrials, what: str, kinds: Iterable[str] = KINDS) -> list[Value]:
    """Median latency of each kind of trials.

    Parameters
    ----------
    cell : EpochTrials
        Trials of one cell.
    what : str
        As in :func:`latencies`.
    kinds : iterable of str
        Names of ``KINDS``.

    Returns
    -------
    list of Value
        In seconds, one for each kind with a latency; ``n_effective`` is the number of latencies.
    """
    seconds, masks = latencies(cell.trials, what), trial_kinds(cell)
    known = np.isfinite(seconds)
    values = []
    for kind in kinds:
        used = seconds[known & masks[kind]]
        if len(used):
            values.append(
                Value(
                    value=float(np.median(used)),
                    band=kind,
                    n_effective=float(len(used)),
                    n_effective_unit="trials",
                )
            )
    return values


def _shifted(cell: EpochTrials, which: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether each of some trials follows a rule that asks for other sides; False elsewhere."""
    import pandas as pd

    shifted = np.zeros(len(which), dtype=bool)
    chosen = cell.trials.loc[which, ["previous_rule", "rule"]]
    before, old = pd.factorize(chosen["previous_rule"])
    now, new = pd.factorize(chosen["rule"])
    table = [
        [bool(a) and str(a) != str(b) and cell.task.switch(str(a), str(b)) != "repeat" for b in new]
        for a in old
    ]
    if len(chosen):
        shifted[which] = np.array(table)[before, now]
    return shifted


def _column(trials: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Numbers or flags of a column, NaN where it says nothing."""
    if name not in trials:
        return np.full(len(trials), np.nan)
    return trials[name].to_numpy(dtype=float, na_value=np.nan)
