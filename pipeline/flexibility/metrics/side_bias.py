"""Side bias with the rule's demand taken out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.strategies import conditioned_bias, side_counts
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="side_bias",
    label="Side bias",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="log odds",
    scale="linear",
    description=(
        "How strongly the animal prefers one side whatever is correct, regardless of which side"
    ),
    definition=(
        "|(logit P(R | R correct) + logit P(R | L correct)) / 2| over all choices of the cell, "
        "with half a choice added to each of the four counts; natural logarithm. Its value "
        "without any bias grows as trials get fewer: compare cells of like length"
    ),
    formula=(
        "|logit P(R | R correct) + logit P(R | L correct)| / 2, half a choice added to each count"
    ),
    fails_when=(
        "No value with three sides or more, or unless there are choices with either side correct.",
        "A magnitude: without any bias it is above 0, more so the fewer the trials. Compare cells "
        "of like length.",
    ),
    reference=(
        "criterion of signal detection on the logistic scale: Macmillan & Creelman 2005, "
        "Detection Theory; half a choice: Haldane 1956 Ann Hum Genet 20:309"
    ),
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Magnitude of the log odds of one side, conditioned on the correct side.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        One value, or none in a task with three sides or more, or unless there are choices with
        either side correct; ``n_effective`` is the number of choices.
    """
    counts = side_counts(trials)
    bias = conditioned_bias(counts)
    if bias != bias:
        return []
    return [Value(value=abs(bias), n_effective=float(counts.sum()), n_effective_unit="trials")]
