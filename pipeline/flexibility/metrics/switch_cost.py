"""Accuracy that the change of the rule costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.switches import switch_costs
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="switch_cost",
    label="Switch cost",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    per_band=True,
    band_names=("all",),
    baseline="none",
    weight="n_effective",
    value_unit="fraction",
    scale="linear",
    description=(
        "Accuracy before a switch minus accuracy after it: of all switches, and by direction"
    ),
    definition=(
        "Accuracy of the last flexibility.task.switch_cost_trials trials under the old rule "
        "minus that of the first as many under the new one, over all switches in the cell with "
        "choices on either side; omissions are left out. Where the box switches at a criterion "
        "of consecutive correct choices, the first term is 1 by construction"
    ),
    formula=(
        "accuracy of the last m trials before − of the first m after the switch, m = "
        "flexibility.task.switch_cost_trials"
    ),
    fails_when=(
        "No value without a switch in the cell with choices on either side; of a direction that "
        "does not occur.",
        "Where the box switches at a criterion of consecutive correct choices, the first term is 1 "
        "by construction.",
        "Omissions are left out: where they are many, few trials remain.",
    ),
    reference=("Leenaars et al. 2012 (first against fifth trial of a block); docs/flexibility.md"),
    options=(
        "flexibility.task",
        "flexibility.task.rules",
    ),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Accuracy before minus accuracy after.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused.

    Returns
    -------
    list of Value
        A value for all switches and for each direction; ``n_effective`` is the number of switches.
    """
    return switch_costs(trials, of="accuracy")
