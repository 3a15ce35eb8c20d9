"""Mean firing rate per unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes import EpochUnits

METRIC = Metric(
    name="firing_rate",
    label="Mean firing rate",
    domain="spikes",
    entity="unit",
    needs=("units",),
    value_unit="Hz",
    scale="log2",
    zero_offset="half_count",
    read_with=("units_up", "units_down"),
    description="Spikes per second of each unit; a unit that falls silent counts as 0 Hz",
    definition="Spikes inside the epoch divided by its seconds",
    formula="spikes in the epoch / seconds",
    fails_when=(
        "No value where the epoch has no time, or for units that do not count (units.tsv says why: "
        "presence, contamination, labels).",
        "A unit that drifts off its channel reads as a fall: look at its amplitude on the session "
        "page.",
        "The mean over units hides units that rise while others fall: read units_up and "
        "units_down.",
    ),
    reference="Dayan & Abbott 2001, Theoretical Neuroscience, section 1.2",
)


def compute(*, units: EpochUnits, options: Mapping[str, Any]) -> list[Value]:
    """Rate of every unit.

    Parameters
    ----------
    units : EpochUnits
        Spikes of the epoch.
    options : mapping
        Not used.

    Returns
    -------
    list of Value
        Hz, one per unit; empty when the epoch has no time.
    """
    if units.seconds <= 0:
        return []
    return [
        Value(
            value=len(times) / units.seconds,
            region=region,
            unit_id=unit_id,
            n_effective=len(times),
            n_effective_unit="spikes",
        )
        for unit_id, region, times in zip(
            units.unit_id, units.region, units.spike_times, strict=True
        )
    ]
