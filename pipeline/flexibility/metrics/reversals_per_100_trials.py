"""Number of reversals over the number of choices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.reversals import is_reversal_task, reversal_count
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="reversals_per_100_trials",
    label="Reversals per 100 trials",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="reversals per 100 trials",
    scale="linear",
    description="Reversals per 100 choices: for cells or sessions of unequal numbers of trials",
    definition=(
        "100 x reversals / choices of the cell (omissions are none), in tasks whose rules "
        "follow each other by reversal only"
    ),
    formula="100 · reversals / choices",
    fails_when=(
        "No value in a cell without choices, or in a task in which rules also follow each other "
        "otherwise.",
        "A short cell can hold few reversals: the value is coarse.",
    ),
    reference="Bari et al. 2010 Neuropsychopharmacology 35:1290 (number of reversals)",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Reversals over choices.

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
            value=100.0 * reversals / choices,
            n_effective=float(choices),
            n_effective_unit="trials",
        )
    ]
