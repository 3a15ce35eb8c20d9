"""Number of reversals that the animal brought about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.reversals import is_reversal_task, reversal_count
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="reversals",
    label="Reversals",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="reversals",
    scale="count",
    zero_offset="half_count",
    description="Reversals of the rule inside the session, as the log has them",
    definition=(
        "Number of sets that start in the cell and follow another rule of the session by "
        "reversal, in tasks whose rules follow each other by reversal only"
    ),
    formula="sets that start in the cell by reversal of another rule of the session",
    fails_when=(
        "No value in a cell without choices, or in a task in which rules also follow each other "
        "otherwise.",
        "Grows with the number of trials: read reversals_per_100_trials in cells of unequal "
        "length.",
        "A criterion met on the last trial of a session earns a set and no reversal.",
    ),
    reference="Bari et al. 2010 Neuropsychopharmacology 35:1290",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Count the reversals.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        One value, or none in a cell without choices or a task with other switches; n_effective is
        the number of choices.
    """
    if not is_reversal_task(trials.task):
        return []
    reversals, choices = reversal_count(trials)
    if not choices:
        return []
    return [
        Value(
            value=float(reversals),
            n_effective=float(choices),
            n_effective_unit="trials",
        )
    ]
