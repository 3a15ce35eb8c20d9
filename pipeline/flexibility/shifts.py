"""What counts as a shift: a set, or a trial in one, that follows a rule asking for other sides.

A new label for the same sides (``repeat``) is no shift: there is nothing to leave. Every outcome,
table and figure of shifts asks here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.experiment.task import Task

if TYPE_CHECKING:
    import pandas as pd

#: kinds of switch (:meth:`pipeline.experiment.task.Task.switch`, "" without one) that are no shift
NO_SHIFT = ("", "repeat")


def shift_sets(sets: pd.DataFrame) -> NDArray[np.bool_]:
    """Which sets (n,) follow a rule that asks for other sides.

    Parameters
    ----------
    sets : pandas.DataFrame
        As :func:`pipeline.flexibility.sets.summarise_sets` gives, n rows.
    """
    return ~sets["switch"].isin(NO_SHIFT).to_numpy()


def shift_trials(trials: pd.DataFrame, task: Task) -> NDArray[np.bool_]:
    """Which trials (n,) stand in a set that follows a rule asking for other sides.

    Parameters
    ----------
    trials : pandas.DataFrame
        Scored trials, n rows; the sets they are in may have begun in another cell.
    task : Task
        Says what each rule asks for.
    """
    import pandas as pd

    if not len(trials):
        return np.zeros(0, dtype=bool)
    before, old = pd.factorize(trials["previous_rule"])
    now, new = pd.factorize(trials["rule"])
    pairs = set(zip(before.tolist(), now.tolist(), strict=True))
    table = np.zeros((len(old), len(new)), dtype=bool)
    for a, b in pairs:
        left, reached = str(old[a]), str(new[b])
        kind = task.switch(left, reached) if left and left != reached else ""
        table[a, b] = kind not in NO_SHIFT
    return table[before, now]
