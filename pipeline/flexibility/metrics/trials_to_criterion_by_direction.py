"""Trials to criterion by the direction of the switch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.per_set import mean_to_criterion
from pipeline.flexibility.switches import by_direction
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="trials_to_criterion_by_direction",
    label="Trials to criterion by direction",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    per_band=True,
    baseline="none",
    weight="n_effective",
    value_unit="trials",
    scale="time_to_event",
    description="Trials to criterion after a switch in one direction, such as light_to_side",
    definition=(
        "As trials_to_criterion, over the sets that follow another rule in that direction; "
        "directions are the dimensions of the rules of flexibility.task, joined by _to_"
    ),
    formula="as trials_to_criterion, over the sets that follow another rule in that direction",
    fails_when=(
        "No value of a direction in which no set starts in the cell.",
        "Right-censored where no set of the cell was completed: the true value is at least the one "
        "given.",
        "Few sets per direction: the value of one session is coarse.",
    ),
    reference="Torrado Pacheco et al. 2023, doi 10.1038/s41386-023-01545-z",
    options=(
        "flexibility.task",
        "flexibility.task.rules",
    ),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Mean over the completed sets of each direction; without one, the trials run, censored.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        One value for each direction of a set that starts in the cell. ``n_effective`` is the
        number of completed sets.
    """
    shifts = trials.sets[~trials.sets["switch"].isin(["", "repeat"])]
    return [
        value
        for name, sets in by_direction(trials, shifts).items()
        if name != "all"
        for value in mean_to_criterion(trials, "trials_to_criterion", sets=sets, band=name)
    ]
