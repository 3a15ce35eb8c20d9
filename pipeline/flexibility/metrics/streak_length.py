"""Mean length of the streaks of correct choices in a set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.per_set import mean_per_set
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="streak_length",
    label="Streak length",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="trials",
    scale="log2",
    description="Length of the runs of consecutive correct choices in a set",
    definition=(
        "Mean length of the runs of at least flexibility.task.streak_minimum consecutive correct "
        "choices inside a set, then mean over the sets that start in the cell and have a run"
    ),
    formula=(
        "mean over sets of the mean length of runs of at least flexibility.task.streak_minimum "
        "correct choices"
    ),
    fails_when=(
        "No value in a cell without such a run.",
        "Sets that end at a criterion run cut the last streak at its length.",
    ),
    reference="Torrado Pacheco et al. 2023, doi 10.1038/s41386-023-01545-z",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Mean over sets of the mean length of a streak.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        One value, or none in a cell without a streak; ``n_effective`` is the number of sets with
        one.
    """
    return mean_per_set(trials, "mean_streak")
