"""Trials that the first reversal takes more than what it reverses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.digging import reversal_stages, stage_cost
from pipeline.flexibility.epochs import EpochTrials
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="reversal_cost",
    label="Reversal cost",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="trials",
    scale="linear",
    description="Trials to criterion, first reversal minus the stage that it reverses",
    definition=(
        "Trials to criterion of the first reversal stage minus those of the stage declared "
        "before it (compound), both begun in the cell. A lower bound, censored, where only "
        "the reversal was not finished; absent where the stage before was not"
    ),
    formula="trials to criterion, first reversal − the stage that it reverses",
    fails_when=(
        "No value where the stage before was not finished, or where either does not start in the "
        "cell.",
        "Right-censored where only the reversal was not finished.",
        "A difference of two single stages: it is noisy in one animal.",
    ),
    reference="Birrell & Brown 2000 J Neurosci 20:4320",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Difference between the two stages.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        One value or none.
    """
    return stage_cost(trials, *reversal_stages(trials.task))
