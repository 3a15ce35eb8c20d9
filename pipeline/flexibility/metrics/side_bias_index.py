"""Side bias as the share of choices, the rule's demand included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.strategies import side_counts
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="side_bias_index",
    label="Side bias index",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="fraction",
    scale="linear",
    description=(
        "Surplus of choices of one side, as a fraction of all; a side rule moves it: see side_bias"
    ),
    definition="|R - L| / (R + L) over all choices of the cell whose correct side is known",
    formula="|R − L| / (R + L)",
    fails_when=(
        "No value with three sides or more, or without choices whose correct side is known.",
        "A side rule moves it without any bias: read side_bias.",
    ),
    reference="in use; docs/flexibility.md",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Surplus of choices of one side over all choices.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        One value, or none in a task with three sides or more, or without choices; ``n_effective``
        is the number of choices.
    """
    first, second = (int(count) for count in side_counts(trials).sum(axis=0))
    total = first + second
    if not total:
        return []
    return [
        Value(
            value=abs(second - first) / total,
            n_effective=float(total),
            n_effective_unit="trials",
        )
    ]
