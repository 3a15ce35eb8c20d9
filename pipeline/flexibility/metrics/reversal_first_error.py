"""Reversals whose first choice is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.reversals import first_errors
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="reversal_first_error",
    label="First choice wrong",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="fraction",
    scale="logit",
    description="Fraction of reversals whose first choice is wrong",
    definition=(
        "Reversals whose first choice is wrong / reversals with a choice; absent where the first "
        "choice is informed (a cued switch, discovery trials)"
    ),
    formula="reversals with a wrong first choice / reversals with a choice",
    fails_when=(
        "No value without a reversal in the cell.",
        "No value where the first choice is informed (a cued switch, discovery trials).",
        "Rests on one trial per reversal: look at n_effective.",
    ),
    reference="docs/digging_and_reversal.md",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Wrong first choices over first choices.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        One value or none; ``n_effective`` is the number of reversals.
    """
    return first_errors(trials)
