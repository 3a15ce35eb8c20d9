"""Errors after a reversal, before and after the first correct choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.reversals import reversal_errors
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="reversal_errors",
    label="Errors per reversal",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    per_band=True,
    band_names=("perseverative", "regressive"),
    baseline="none",
    weight="n_effective",
    value_unit="errors",
    scale="count",
    zero_offset="half_count",
    description="Errors per reversal: until the first correct choice, and after it",
    definition=(
        "perseverative: consecutive wrong choices after the reversal until the first correct "
        "one, without an uninformed first one (reversal_first_error); regressive: wrong choices "
        "from there up to the criterion. Means over reversals: with a correct choice "
        "(perseverative; the errors so far, right-censored, without any), with the criterion "
        "met (regressive)"
    ),
    formula=(
        "mean over reversals of wrong choices before (perseverative) and after (regressive) the "
        "first correct one"
    ),
    fails_when=(
        "No value without a reversal in the cell.",
        "Perseverative is right-censored where no reversal has a correct choice; regressive has no "
        "value where none met the criterion.",
        "In a probabilistic task a correct choice that goes unrewarded sends the animal back: "
        "regressive errors rise with the noise of feedback.",
    ),
    reference=(
        "Bari et al. 2010 Neuropsychopharmacology 35:1290; the first choice apart: "
        "docs/digging_and_reversal.md"
    ),
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Mean errors over the reversals that start in the cell.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        One for each kind that is known; n_effective is the number of reversals.
    """
    return reversal_errors(trials)
