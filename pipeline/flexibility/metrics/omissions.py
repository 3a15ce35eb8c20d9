"""Fraction of trials without a choice: motivation and motor control."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="omissions",
    label="Omissions",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="fraction",
    scale="logit",
    description="Fraction of trials without a choice in time",
    definition=(
        "omissions / trials over all scored trials of the cell; an omission has no choice, or a"
        " latency of the response window or longer"
    ),
    formula="omissions / trials",
    fails_when=(
        "No value in a cell without trials.",
        "A long response window hides omissions as slow choices, a short one makes them: one "
        "window for all sessions.",
    ),
    reference="in use; docs/flexibility.md",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Omissions over trials.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        One value, or none in a cell without trials; ``n_effective`` is the number of trials.
    """
    outcome = trials.trials["outcome"]
    if not len(outcome):
        return []
    return [
        Value(
            value=float((outcome == "omission").mean()),
            n_effective=float(len(outcome)),
            n_effective_unit="trials",
        )
    ]
