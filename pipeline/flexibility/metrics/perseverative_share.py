"""Share of errors among three options that go to the formerly correct one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.reversals import options_chosen
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="perseverative_share",
    label="Perseverative share of errors",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="fraction",
    scale="logit",
    description="Share of errors after reversals that choose the formerly correct of three options",
    definition=(
        "previous / (previous + other) of three_choice_errors, over all completed reversals "
        "of the cell. An animal that errs without regard to the past chooses 1 / (options - "
        "1)"
    ),
    formula="previous / (previous + other) of three_choice_errors",
    fails_when=(
        "No value with two options, or without such errors in completed reversals.",
        "Chance is 1 / (options − 1), not 0; few errors make it coarse.",
    ),
    reference="docs/digging_and_reversal.md",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Share over the completed reversals that start in the cell.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        One value, or none without such errors or with two options; n_effective is the number of
        errors.
    """
    previous, other, _ = options_chosen(trials)
    if not previous + other:
        return []
    return [
        Value(
            value=previous / (previous + other),
            n_effective=float(previous + other),
            n_effective_unit="trials",
        )
    ]
