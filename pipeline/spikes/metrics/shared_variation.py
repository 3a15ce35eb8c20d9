"""Variation of a region's population rate beyond chance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.groups import CellGroups

METRIC = Metric(
    name="shared_variation",
    label="Variation of the population rate",
    domain="spikes",
    entity="region",
    needs=("groups",),
    value_unit="",
    scale="linear",
    grain="cell",
    options=(
        "spikes.groups.minimum_spikes",
        "spikes.minimum_units",
    ),
    description=(
        "How much the summed rate of a region's units fluctuates from one 20 ms to the next, "
        "beyond chance"
    ),
    definition=(
        "(variance - mean) / mean^2 of the units' summed spike counts in 20 ms, means taken off "
        "within windows of ten minutes: the variance of the gain that the units share; 0 for "
        "independent Poisson units, and the same if spikes are missed at random. Bursts of "
        "single units add to it, the less the more units there are. Units with "
        "spikes.groups.minimum_spikes spikes in the cell and in every whole cell that it is "
        "compared with; regions with fewer than spikes.minimum_units such units have none"
    ),
    formula="(variance − mean) / mean² of the summed counts in 20 ms",
    fails_when=(
        "No value where fewer than spikes.minimum_units units of the region have "
        "spikes.groups.minimum_spikes (50) spikes in the cell and in every whole cell that it is "
        "compared with.",
        "Bursts of single units add to it, the more the fewer the units.",
        "May lie below 0 where units fire more regularly than Poisson.",
    ),
    reference="Goris, Movshon & Simoncelli 2014, Nat Neurosci 17:858",
)


def compute(*, groups: CellGroups, options: Mapping[str, Any]) -> list[Value]:
    """Relative variance of each region's population rate beyond Poisson's.

    Parameters
    ----------
    groups : CellGroups
        Of the cell.
    options : mapping
        ``spikes.minimum_units``: units that a region needs.

    Returns
    -------
    list of Value
        One per region; may lie below 0.
    """
    return [
        Value(
            value=float(group.shared_variation),
            region=group.region,
            n_effective=float(len(group.unit_id)),
            n_effective_unit="units",
        )
        for group in groups.groups
        if len(group.unit_id) >= options["spikes"]["minimum_units"]
        and math.isfinite(group.shared_variation)
    ]
