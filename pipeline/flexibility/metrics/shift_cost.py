"""Trials that an extradimensional shift takes more than an intradimensional one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.digging import shift_stages, stage_cost
from pipeline.flexibility.epochs import EpochTrials
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="shift_cost",
    label="Shift cost",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="trials",
    scale="linear",
    description="Trials to criterion, extradimensional minus intradimensional",
    definition=(
        "Trials to criterion of the first extradimensional stage minus those of the last "
        "intradimensional stage declared before it, both begun in the cell. A lower bound, "
        "censored, where only the extradimensional stage was not finished; absent where the "
        "intradimensional one was not. Above zero: an attentional set was formed"
    ),
    formula="trials to criterion, extradimensional − last intradimensional stage before it",
    fails_when=(
        "No value where the intradimensional stage was not finished, or where either does not "
        "start in the cell.",
        "Right-censored where only the extradimensional stage was not finished.",
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
    return stage_cost(trials, *shift_stages(trials.task))
