"""Correlation of spike counts between two regions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.pairs import CellPairs

METRIC = Metric(
    name="count_correlation_between",
    label="Spike-count correlation between regions",
    domain="spikes",
    entity="region_pair",
    needs=("pairs",),
    value_unit="",
    scale="linear",
    grain="cell",
    per_band=True,
    band_names=("100ms", "1s"),
    options=(
        "spikes.pairs.window_s",
        "spikes.pairs.minimum_spikes",
        "spikes.minimum_units",
    ),
    description="Mean correlation of spike counts of units of two regions; falls with their rates",
    definition=(
        "Pearson correlation of the spike counts of two units in bins of 100 ms and of 1 s, "
        "means taken off within windows of spikes.pairs.window_s so that slow drift makes no "
        "correlation; mean over all pairs of a unit of one region and a unit of the other. It "
        "falls with the units' rates: read it beside count_correlation_matched_between; units "
        "with fewer than spikes.pairs.minimum_spikes spikes in the cell, or in a whole cell that "
        "it is compared with, are in no pair, bins that the cell holds fewer than 30 of have no "
        "value, nor have regions with fewer than spikes.minimum_units such units"
    ),
    formula=(
        "mean over pairs of cov(nᵢ, nⱼ) / √(var nᵢ · var nⱼ), i in the one and j in the other "
        "region"
    ),
    fails_when=(
        "No value where fewer than spikes.minimum_units units of either region have "
        "spikes.pairs.minimum_spikes (50) spikes in the cell and in every whole cell that it is "
        "compared with.",
        "No value where the cell holds fewer than 30 bins.",
        "Falls with the units' rates, without any change of what they share: read "
        "count_correlation_matched_between beside it.",
        "Movement that both regions follow raises it: look at the strata of movement.",
    ),
    reference="Cohen & Kohn 2011, Nat Neurosci 14:811",
)


def compute(*, pairs: CellPairs, options: Mapping[str, Any]) -> list[Value]:
    """Mean over the pairs between every two regions.

    Parameters
    ----------
    pairs : CellPairs
        Of the cell.
    options : mapping
        ``spikes.minimum_units``: units that each region needs.

    Returns
    -------
    list of Value
        -1 to 1, regions in the order of their names.
    """
    from pipeline.spikes.pair_means import pair_values

    return [
        value
        for band, means in pairs.means.items()
        for value in pair_values(
            means, between=True, minimum_units=options["spikes"]["minimum_units"], band=band
        )
    ]
