"""Hold the criterion of the config against when the box changed its rules."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.experiment.task import Task

#: fewer changes of rule tell nothing of the box's criterion
_CHANGES = 3
#: so many of them must follow a run of one length: the change at a dose, or after a break, may not
_ALIKE = 0.75


def runs_before_changes(trials: pd.DataFrame, *, omissions_break: bool) -> list[int]:
    """Return how many correct choices in a row stood before each change of rule of a session.

    Parameters
    ----------
    trials : pandas.DataFrame
        (trial,) scored: columns ``set_index`` (0: not scored) and ``outcome``.
    omissions_break : bool
        Whether an omission ends a run.

    Returns
    -------
    list of int
        One number per set but the last, which the session ended.
    """
    scored = trials[trials["set_index"].to_numpy() > 0]
    index, outcome = scored["set_index"].to_numpy(), scored["outcome"].to_numpy()
    runs = []
    for one in np.unique(index)[:-1]:
        own = outcome[index == one]
        if not omissions_break:
            own = own[own != "omission"]
        ends = np.flatnonzero(own != "correct")
        runs.append(int(len(own) - 1 - ends[-1]) if len(ends) else len(own))
    return runs


def other_criterion(trials: pd.DataFrame, task: Task) -> tuple[str, str] | None:
    """Return what was found and expected where the box seems to have a criterion of its own.

    A box that changes the rule after so many correct choices in a row leaves runs of just that
    length before its changes; blocks of a fixed number of trials do not.

    Parameters
    ----------
    trials : pandas.DataFrame
        Of one session, scored (:func:`pipeline.flexibility.score`).
    task : Task
        With the criterion of the config; only criteria of correct choices in a row are judged.
    """
    wanted = task.criterion.consecutive
    runs = runs_before_changes(trials, omissions_break=task.omissions_break_run)
    if wanted is None or len(runs) < _CHANGES:
        return None
    length, times = Counter(runs).most_common(1)[0]
    if length == wanted or length < 2 or times < _ALIKE * len(runs):
        return None
    found = f"{times} of {len(runs)} changes of rule just after {length} correct choices in a row"
    expected = (
        f"{wanted}, the criterion of the task (flexibility.task.criterion): with another criterion "
        "than the box's, rules count as never learnt, or as learnt before the box changed them"
    )
    return found, expected
