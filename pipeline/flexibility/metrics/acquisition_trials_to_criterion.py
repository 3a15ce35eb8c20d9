"""Trials to criterion of the first set: learning without a rule to leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.per_set import acquisition, mean_to_criterion
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="acquisition_trials_to_criterion",
    label="Trials to criterion, set 1",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="trials",
    scale="time_to_event",
    description="Trials to criterion of the set that follows no other rule (acquisition)",
    definition=(
        "As trials_to_criterion, of the first set of a session, if it follows no other rule and "
        "starts in the cell; where the criterion was not met, the trials run so far, right- "
        "censored"
    ),
    formula="index of the trial that completes the first run meeting the criterion, first set",
    fails_when=(
        "No value where the first set follows another day's rule or does not start in the cell.",
        "Right-censored where the criterion was not met.",
    ),
    reference="in use; docs/flexibility.md",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Trials to criterion of the set without a previous rule.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        One value, or none where no such set starts in the cell.
    """
    return mean_to_criterion(trials, "trials_to_criterion", sets=acquisition(trials))
