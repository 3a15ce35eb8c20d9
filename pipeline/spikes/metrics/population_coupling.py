"""Coupling of units to the population around them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.groups import CellGroups

METRIC = Metric(
    name="population_coupling",
    label="Population coupling",
    domain="spikes",
    entity="unit",
    needs=("groups",),
    value_unit="",
    scale="linear",
    grain="cell",
    options=("spikes.groups.minimum_spikes",),
    description=(
        "How much more the other units of the region fire around a unit's spikes, as a share of "
        "their rate"
    ),
    definition=(
        "Summed rate of the other units of the region, smoothed by a Gaussian of 12 ms, at the "
        "unit's spikes, less its mean over windows of ten minutes, divided by that mean: 0 for a "
        "unit that fires independently of the others, 1 where they fire twice as much around its "
        "spikes; as a share, neither the unit's rate nor theirs moves it. Units with fewer than "
        "spikes.groups.minimum_spikes spikes in the cell, or in a whole cell that it is compared "
        "with, take no part"
    ),
    formula="(rate of the others at the unit's spikes − its mean) / its mean, smoothed by 12 ms",
    fails_when=(
        "No value for a unit with fewer than spikes.groups.minimum_spikes (50) spikes in the cell "
        "or in one that it is compared with, or alone in its region.",
        "Spikes of one cell that the sorting split over two units couple them.",
    ),
    reference="Okun et al. 2015, Nature 521:511",
)


def compute(*, groups: CellGroups, options: Mapping[str, Any]) -> list[Value]:
    """Coupling of every unit to the others of its region.

    Parameters
    ----------
    groups : CellGroups
        Of the cell.
    options : mapping
        Not used; ``groups`` is made with them.

    Returns
    -------
    list of Value
        One per unit of a region that holds another; regions with too few units are left out later.
    """
    return [
        Value(
            value=float(coupling),
            region=group.region,
            unit_id=unit_id,
            n_effective=float(n_spikes),
            n_effective_unit="spikes",
        )
        for group in groups.groups
        for unit_id, coupling, n_spikes in zip(
            group.unit_id, group.coupling, group.n_spikes, strict=True
        )
        if math.isfinite(coupling)
    ]
