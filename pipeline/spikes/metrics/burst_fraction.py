"""Share of spikes in bursts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.irregularity import EpochIrregularity

METRIC = Metric(
    name="burst_fraction",
    label="Burst fraction",
    domain="spikes",
    entity="unit",
    needs=("irregularity",),
    grain="cell",
    value_unit="fraction",
    # Linear, not logit: many units have no burst, and half a spike added to none would turn a
    # difference in the number of spikes into one of bursting.
    scale="linear",
    options=("spikes.irregularity",),
    description="Share of spikes with a neighbour within 6 ms; follows the rate: see burst_excess",
    definition=(
        "Spikes whose nearest neighbour, before or after, is closer than 6 ms, divided by all "
        "spikes of the cell. Chance neighbours alone give 1 - exp(-0.012 rate), so that a drug "
        "that raises the rate raises it; burst_excess takes them away. Units with fewer spikes "
        "than spikes.irregularity.minimum (20) have no value"
    ),
    formula="spikes with a neighbour nearer than 6 ms / spikes",
    fails_when=(
        "No value for a unit with fewer spikes than spikes.irregularity.minimum (20).",
        "Rises with the rate: chance alone gives 1 − e^(−0.012 · rate). burst_excess takes that "
        "away.",
    ),
    reference="Harris et al. 2001, Neuron 32:141",
)


def compute(*, irregularity: EpochIrregularity, options: Mapping[str, Any]) -> list[Value]:
    """Share of each unit's spikes that lie in bursts.

    Parameters
    ----------
    irregularity : EpochIrregularity
        Of the cell.
    options : mapping
        Not used: the options were used when the source was made.

    Returns
    -------
    list of Value
        0 to 1. Units with fewer than ``minimum`` spikes are left out.
    """
    from pipeline.spikes.unit_values import observations

    return observations(irregularity.measures["burst_fraction"], pieces="spikes")
