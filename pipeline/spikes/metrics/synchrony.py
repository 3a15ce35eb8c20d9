"""Synchrony of a region's units beyond their rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.groups import CellGroups

METRIC = Metric(
    name="synchrony",
    label="Synchrony beyond rate",
    domain="spikes",
    entity="region",
    needs=("groups",),
    value_unit="",
    scale="log2",
    grain="cell",
    options=(
        "spikes.groups.minimum_spikes",
        "spikes.minimum_units",
    ),
    description="Coincidences within 5 ms over those that are left by jitter within 50 ms",
    definition=(
        "Pairs of spikes of different units in one bin of 5 ms, over their mean if every spike "
        "were jittered evenly within its fixed window of 50 ms (one tenth of the pairs in one "
        "window, exactly); 1 where units fire independently, whatever their rates, bursts and "
        "slower changes. Cells in which jitter leaves fewer than 25 coincidences on average have "
        "none: the ratio's standard deviation would be above 0.19. Units with "
        "spikes.groups.minimum_spikes spikes in the cell and in every whole cell that it is "
        "compared with; regions with fewer than spikes.minimum_units such units have none"
    ),
    formula="coincidences within 5 ms / their mean under jitter within 50 ms",
    fails_when=(
        "No value where fewer than spikes.minimum_units units of the region have "
        "spikes.groups.minimum_spikes (50) spikes in the cell and in every whole cell that it is "
        "compared with.",
        "No value where jitter leaves fewer than 25 coincidences on average.",
        "Rhythms faster than the 50 ms windows (gamma) raise it; spikes of one cell in two units "
        "do, too.",
    ),
    reference="Amarasingham et al. 2012, J Neurophysiol 107:517",
)


def compute(*, groups: CellGroups, options: Mapping[str, Any]) -> list[Value]:
    """Coincidences of each region's units over those under jitter.

    Parameters
    ----------
    groups : CellGroups
        Of the cell.
    options : mapping
        ``spikes.minimum_units``: units that a region needs.

    Returns
    -------
    list of Value
        One per region.
    """
    from pipeline.spikes.groups import LEAST_COINCIDENCES

    return [
        Value(
            value=float(group.synchrony),
            region=group.region,
            n_effective=float(group.coincidences),
            n_effective_unit="coincidences under jitter",
        )
        for group in groups.groups
        if len(group.unit_id) >= options["spikes"]["minimum_units"]
        and group.coincidences >= LEAST_COINCIDENCES
    ]
