"""Seconds to criterion, right-censored where it was not met."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.per_set import mean_to_criterion
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="time_to_criterion",
    label="Time to criterion",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="s",
    scale="time_to_event",
    description="Time that the animal needs under a rule until it meets the criterion",
    definition=(
        "Seconds from the first trial of a set to the trial that completes the first run meeting "
        "the criterion (starts of the trials), without time between two intervals of the cell in "
        "which the set has no trial; mean over the sets completed; where none was "
        "completed, the seconds up to the last trial so far, right-censored"
    ),
    formula=(
        "mean over completed sets of t(criterion) − t(first trial), without gaps between intervals "
        "of the cell"
    ),
    fails_when=(
        "No value in a cell in which no set starts, or no choice was made in one.",
        "No value where the log has no times of trials.",
        "Right-censored where no set of the cell was completed: the true value is at least the one "
        "given.",
        "A slower animal needs longer for the same number of trials: read it beside "
        "trials_to_criterion.",
    ),
    reference="in use; docs/flexibility.md",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Mean over completed sets; without one, the seconds so far, censored.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        One value, or none in a cell where no choice was made under a set of its own, or whose
        trials have no times. ``n_effective`` is the number of completed sets.
    """
    return mean_to_criterion(trials, "time_to_criterion")
