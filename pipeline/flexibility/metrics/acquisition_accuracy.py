"""Accuracy in the first set: learning without a rule to leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.per_set import acquisition, share
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="acquisition_accuracy",
    label="Accuracy, set 1",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="fraction",
    scale="logit",
    description=(
        "Fraction of choices that were correct in the set that follows no other rule (acquisition)"
    ),
    definition=(
        "correct / (correct + error) over the first set of a session, if it follows no other "
        "rule and starts in the cell; up to the end of the cell"
    ),
    formula="correct / (correct + error) of the first set",
    fails_when=(
        "No value where the first set follows another day's rule or does not start in the cell.",
        "Grows with the length of the set that the cell shows.",
    ),
    reference="in use; docs/flexibility.md",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Correct choices over all choices of the set without a previous rule.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        One value, or none where no such set starts in the cell; ``n_effective`` is the number of
        choices.
    """
    sets = acquisition(trials)
    correct, wrong = int(sets["n_correct"].sum()), int(sets["n_errors"].sum())
    return share(correct, correct + wrong, unit="trials")
