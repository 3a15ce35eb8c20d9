"""Time that the change of the rule costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.switches import switch_costs
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="switch_cost_latency",
    label="Switch cost, latency",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    per_band=True,
    band_names=("all",),
    baseline="none",
    weight="n_effective",
    value_unit="s",
    scale="linear",
    description=(
        "Latency of the choice after a switch minus latency before it: of all switches, and by "
        "direction"
    ),
    definition=(
        "Median latency of the choice on the first flexibility.task.switch_cost_trials trials "
        "under the new rule minus that of the last as many under the old one, over all switches "
        "in the cell with latencies on either side"
    ),
    formula=(
        "median latency of the first m trials after − of the last m before the switch, m = "
        "flexibility.task.switch_cost_trials"
    ),
    fails_when=(
        "No value without a switch in the cell with latencies on either side; of a direction that "
        "does not occur.",
        "A difference in seconds: animals that are slow altogether have larger ones.",
    ),
    reference="Leenaars et al. 2012; docs/flexibility.md",
    options=(
        "flexibility.task",
        "flexibility.task.rules",
    ),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Median latency after minus median latency before.

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
    return switch_costs(trials, of="latency")
