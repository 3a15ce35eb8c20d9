"""Fraction of choices that were correct."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="accuracy",
    label="Accuracy",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="fraction",
    scale="logit",
    description="Fraction of choices that were correct",
    definition=(
        "correct / (correct + error) over all scored trials of the cell; omissions are left out"
    ),
    formula="correct / (correct + error)",
    fails_when=(
        "No value in a cell without a choice.",
        "Where the box switches at a criterion, all animals are brought to alike accuracies: "
        "trials_to_criterion tells more.",
    ),
    reference="Torrado Pacheco et al. 2023, doi 10.1038/s41386-023-01545-z",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Correct choices over all choices.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        One value, or none in a cell without choices; ``n_effective`` is the number of choices.
    """
    outcome = trials.trials["outcome"]
    correct, wrong = int((outcome == "correct").sum()), int((outcome == "error").sum())
    if not correct + wrong:
        return []
    return [
        Value(
            value=correct / (correct + wrong),
            n_effective=float(correct + wrong),
            n_effective_unit="trials",
        )
    ]
