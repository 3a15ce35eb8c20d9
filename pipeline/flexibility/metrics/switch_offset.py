"""Trials after a switch at which the animal is half-way to the new rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="switch_offset",
    label="Switch offset",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="trials",
    scale="linear",
    description="Trials after a switch at which choices are half-way from the old to the new rule",
    definition=(
        "s of P(correct at lag t) = eps + (1 - 2 eps) / (1 + exp(-alpha (t - s))) on conflict "
        "trials of the sets that start in the cell, up to the end of the cell or to what is given "
        "first; posterior mean per set with slope and lapse shared by the sets, mean over the sets"
        " that follow another rule, unfinished ones included; at least 10 conflict choices"
    ),
    formula=(
        "P(correct at lag t) = ε + (1 − 2ε) / (1 + e^(−α(t − s))); posterior mean of s, mean over "
        "sets"
    ),
    fails_when=(
        "No value with fewer than 10 choices on conflict trials.",
        "A set that never leaves the old rule has its s where the prior lets it (mean 10, sd 20 "
        "trials): a slow animal reads faster than it is.",
    ),
    reference="Le et al. 2023, PLoS Comput Biol 19:e1011430 (the form of the curve)",
    options=("flexibility.task",),
)

#: Fewest conflict choices.
MINIMUM_CHOICES = 10


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Mean offset over the sets that start in the cell.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        One value, or none with too few conflict choices; ``n_effective`` is the number of sets.
    """
    from pipeline.flexibility.sigmoid import cell_switches

    switches = cell_switches(trials)
    if switches is None or switches.n_trials < MINIMUM_CHOICES:
        return []
    return [
        Value(
            value=float(switches.offset.mean()),
            n_effective=float(len(switches.offset)),
            n_effective_unit="sets",
        )
    ]
