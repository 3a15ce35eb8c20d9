"""Choices of the previous rule on the first trial after a switch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.per_set import share
from pipeline.flexibility.switches import switch_rows
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="first_trial_previous_rule",
    label="Previous rule on trial 1",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="fraction",
    scale="logit",
    description=(
        "Fraction of first trials under a new rule on which the animal still follows the "
        "previous one"
    ),
    definition=(
        "Choices of the side that the previous rule asks for / choices, on trial 1 of the sets "
        "whose switch lies in the cell; after an uncued switch it says how firmly the old rule "
        "was held, not perseveration"
    ),
    formula="choices of the previous rule's side on trial 1 / choices on trial 1, over switches",
    fails_when=(
        "No value without a switch in the cell at which the choice and the previous rule's side "
        "are known.",
        "After a switch without a cue it says how firmly the old rule was held, not perseveration.",
        "On congruent first trials the old rule's side is also right.",
    ),
    reference="in use; docs/flexibility.md",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Previous-rule choices over choices on the first trial of a set.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        One value, or none without a switch at which it is known; ``n_effective`` is the number of
        switches.
    """
    known = switch_rows(trials, before=0, after=0)["old_choice"].dropna()
    return share(int(known.sum()), len(known), unit="switches")
