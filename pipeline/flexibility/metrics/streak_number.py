"""Number of streaks of correct choices per set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.per_set import mean_per_set
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="streak_number",
    label="Streaks per set",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="streaks",
    scale="count",
    zero_offset="half_count",
    description="Runs of consecutive correct choices in a set",
    definition=(
        "Number of runs of at least flexibility.task.streak_minimum consecutive correct choices "
        "inside a set, mean over the sets that start in the cell; omissions end a run only where "
        "omissions_break_run says so"
    ),
    formula=(
        "mean over sets of the runs of at least flexibility.task.streak_minimum correct choices"
    ),
    fails_when=(
        "No value in a cell in which no set starts, or no choice was made in one.",
        "Grows with the length of sets: an animal that learns slowly has more streaks.",
    ),
    reference="Torrado Pacheco et al. 2023, doi 10.1038/s41386-023-01545-z",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Mean number of streaks over sets.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        One value, or none in a cell without choices under a set of its own; ``n_effective`` is the
        number of sets.
    """
    return mean_per_set(trials, "n_streaks")
