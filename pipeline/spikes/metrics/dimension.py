"""How many dimensions a region's units fill."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.groups import CellGroups

METRIC = Metric(
    name="dimension",
    label="Dimension of activity",
    domain="spikes",
    entity="region",
    needs=("groups",),
    value_unit="",
    scale="log2",
    grain="cell",
    options=(
        "spikes.groups.minimum_spikes",
        "spikes.groups.dimension_units",
        "spikes.minimum_units",
    ),
    description=(
        "How many independent units ten units of the region are worth: the fewer, the more they "
        "fire together"
    ),
    definition=(
        "Participation ratio n / (1 + (n - 1) r2) of the correlation matrix of spike counts in "
        "100 ms, for n = spikes.groups.dimension_units in every cell and animal; r2 is the mean "
        "over pairs of units of the product of their correlations in the two halves of the cell "
        "(10-s blocks in turn; means taken off within windows of ten minutes), whose errors are "
        "independent: neither the number of units recorded nor the length of the cell moves it. "
        "It rises as rates fall, as r2 does fall: read it beside count_correlation_matched. "
        "Units with spikes.groups.minimum_spikes spikes in the cell and in every whole cell that "
        "it is compared with; regions with fewer than spikes.minimum_units such units have none"
    ),
    formula=(
        "n / (1 + (n − 1) · r²), r² the mean over pairs of (correlation in one half × in the "
        "other); n = 10"
    ),
    fails_when=(
        "No value where fewer than spikes.minimum_units units of the region have "
        "spikes.groups.minimum_spikes (50) spikes in the cell and in every whole cell that it is "
        "compared with.",
        "Rises as rates fall, without any change of what units share: read "
        "count_correlation_matched beside it.",
        "Lies above n by chance where units are independent; no value where r² comes out so far "
        "below 0 that the ratio has no positive value.",
    ),
    reference="Gao et al. 2017, bioRxiv 214262; r2 from two halves is this pipeline's own",
)


def compute(*, groups: CellGroups, options: Mapping[str, Any]) -> list[Value]:
    """Dimension of each region's units.

    Parameters
    ----------
    groups : CellGroups
        Of the cell.
    options : mapping
        ``spikes.minimum_units``: units that a region needs.

    Returns
    -------
    list of Value
        1 to about ``dimension_units``; above it by chance.
    """
    return [
        Value(
            value=float(group.dimension),
            region=group.region,
            n_effective=float(len(group.unit_id)),
            n_effective_unit="units",
        )
        for group in groups.groups
        if len(group.unit_id) >= options["spikes"]["minimum_units"]
        and math.isfinite(group.dimension)
    ]
