"""Spikes that follow a spike beyond chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.irregularity import EpochIrregularity

METRIC = Metric(
    name="burst_excess",
    label="Burst excess",
    domain="spikes",
    entity="unit",
    needs=("irregularity",),
    grain="cell",
    value_unit="spikes per spike",
    # Linear: around 0 without bursts, and below it for a refractory unit.
    scale="linear",
    options=("spikes.irregularity",),
    description="Spikes within 10 ms after a spike beyond chance; does not follow the rate",
    definition=(
        "Number of further spikes 0 to 10 ms after a spike minus that 40 to 50 ms after it, per "
        "spike, corrected for the ends of intervals. 0 for a Poisson train of any rate; in bursts "
        "that come at random it counts their further spikes, however often they come. A "
        "refractory period lowers it by at most its length times the rate. Units locked to theta "
        "fire again within 10 ms and are silent after 40 to 50 ms: what loosens their locking "
        "lowers it without any burst. Units with fewer spikes than spikes.irregularity.minimum "
        "(20) have no value"
    ),
    formula="n(0 to 10 ms) − n(40 to 50 ms), further spikes after a spike, per spike",
    fails_when=(
        "No value for a unit with fewer spikes than spikes.irregularity.minimum (20).",
        "Units locked to theta fire again within 10 ms and rest after 40 to 50 ms: looser locking "
        "lowers it without any burst.",
        "A refractory period lowers it by at most its length times the rate.",
    ),
    reference="Difference of the two rates of Royer et al. 2012, Nat Neurosci 15:769",
)


def compute(*, irregularity: EpochIrregularity, options: Mapping[str, Any]) -> list[Value]:
    """Burst excess of every unit.

    Parameters
    ----------
    irregularity : EpochIrregularity
        Of the cell.
    options : mapping
        Not used: the options were used when the source was made.

    Returns
    -------
    list of Value
        Spikes per spike. Units with fewer than ``minimum`` spikes are left out.
    """
    from pipeline.spikes.unit_values import observations

    return observations(irregularity.measures["burst_excess"], pieces="spikes")
