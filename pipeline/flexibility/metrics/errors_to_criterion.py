"""Errors to criterion, right-censored where it was not met."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.per_set import mean_to_criterion
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="errors_to_criterion",
    label="Errors to criterion",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="errors",
    scale="count",
    zero_offset="half_count",
    description="Errors that the animal makes under a rule until it meets the criterion",
    definition=(
        "Wrong choices (omissions excluded) up to the trial that meets the criterion, mean over"
        " the sets completed; where none was completed, the errors made so far, right-censored"
    ),
    formula="mean over completed sets of wrong choices up to the criterion",
    fails_when=(
        "No value in a cell in which no set starts, or no choice was made in one.",
        "Right-censored where no set of the cell was completed: the true value is at least the one "
        "given.",
        "An animal that omits does not err: read omissions beside it.",
    ),
    reference="in use; docs/flexibility.md",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Mean over completed sets; without one, the errors made, censored.

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
    return mean_to_criterion(trials, "errors_to_criterion")
