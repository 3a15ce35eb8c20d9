"""Errors after a reversal among three options, by what was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.reversals import options_chosen
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="three_choice_errors",
    label="Errors by option",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    per_band=True,
    band_names=("previous", "other"),
    baseline="none",
    weight="n_effective",
    value_unit="errors",
    scale="count",
    zero_offset="half_count",
    description="Errors per reversal among three options: the formerly correct one, or another",
    definition=(
        "Wrong choices up to the criterion, without an uninformed first one, mean over the "
        "completed reversals. previous: of the option that was correct before (A-), other: of "
        "the remaining ones (C-)"
    ),
    formula=(
        "wrong choices up to the criterion, of the formerly correct option and of others / "
        "completed reversals"
    ),
    fails_when=(
        "No value with two options, or without a completed reversal whose choices are all known.",
        "Of the others there are more options: chance alone gives them more errors with four sides "
        "or more.",
    ),
    reference="docs/digging_and_reversal.md",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Mean errors over the completed reversals that start in the cell.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        Two values, or none without a completed reversal or with two options; n_effective is the
        number of reversals.
    """
    previous, other, reversals = options_chosen(trials)
    if not reversals:
        return []
    return [
        Value(
            value=errors / reversals,
            band=band,
            n_effective=float(reversals),
            n_effective_unit="sets",
        )
        for band, errors in (("previous", previous), ("other", other))
    ]
