"""Trials to criterion, right-censored where it was not met."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.per_set import mean_to_criterion
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="trials_to_criterion",
    label="Trials to criterion",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="trials",
    scale="time_to_event",
    description="Trials that the animal needs under a rule until it meets the criterion",
    definition=(
        "Index of the trial that completes the first run meeting the criterion, mean over the "
        "sets completed; where none was completed, the trials run so far, right-censored"
    ),
    formula=(
        "mean over completed sets of the index of the trial that completes the first run meeting "
        "the criterion"
    ),
    fails_when=(
        "No value in a cell in which no set starts, or no choice was made in one.",
        "Right-censored where no set of the cell was completed: the true value is at least the one "
        "given.",
        "The mean of completed sets leaves the unfinished one out, which is the hard one: read "
        "trials_to_criterion_restricted.",
    ),
    reference=(
        "Torrado Pacheco et al. 2023, doi 10.1038/s41386-023-01545-z (mean over all sets of a "
        "session)"
    ),
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Mean over completed sets; without one, the trials run, censored.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        One value, or none in a cell where no choice was made under a set of its own.
    """
    return mean_to_criterion(trials, "trials_to_criterion")
