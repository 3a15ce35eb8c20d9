"""Spike-time tiling within a region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.pairs import CellPairs

METRIC = Metric(
    name="spike_time_tiling",
    label="Spike-time tiling",
    domain="spikes",
    entity="region",
    needs=("pairs",),
    value_unit="",
    scale="linear",
    grain="cell",
    options=(
        "spikes.pairs.tiling_ms",
        "spikes.pairs.minimum_spikes",
        "spikes.minimum_units",
    ),
    description="How much of the units' spikes fall near each other beyond chance, -1 to 1",
    definition=(
        "((PA - TB) / (1 - PA TB) + (PB - TA) / (1 - PB TA)) / 2 with PA the share of A's spikes "
        "within spikes.pairs.tiling_ms of a spike of B, TA the share of time within that of a "
        "spike of A; mean over all pairs of units of the region. 0 for units that fire "
        "independently, whatever their rates; where spikes that units share are lost it falls, "
        "as correlations do. Units with fewer than spikes.pairs.minimum_spikes spikes in the "
        "cell, or in a whole cell that it is compared with, are in no pair, and regions with "
        "fewer than spikes.minimum_units such units have none"
    ),
    formula="½ · ((P_A − T_B) / (1 − P_A · T_B) + (P_B − T_A) / (1 − P_B · T_A)), mean over pairs",
    fails_when=(
        "No value where fewer than spikes.minimum_units units of the region have "
        "spikes.pairs.minimum_spikes (50) spikes in the cell and in every whole cell that it is "
        "compared with.",
        "Falls where spikes that units share are lost (a worse sorting), as correlations do.",
        "Slow changes of the rate that units share raise it: nothing takes drift off.",
    ),
    reference="Cutts & Eglen 2014, J Neurosci 34:14288",
)


def compute(*, pairs: CellPairs, options: Mapping[str, Any]) -> list[Value]:
    """Mean over the pairs within every region.

    Parameters
    ----------
    pairs : CellPairs
        Of the cell.
    options : mapping
        ``spikes.minimum_units``: units that each region needs.

    Returns
    -------
    list of Value
        -1 to 1, one per region.
    """
    from pipeline.spikes.pair_means import pair_values

    return pair_values(
        pairs.tiling, between=False, minimum_units=options["spikes"]["minimum_units"]
    )
