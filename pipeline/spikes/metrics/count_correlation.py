"""Correlation of spike counts within a region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.pairs import CellPairs

METRIC = Metric(
    name="count_correlation",
    label="Spike-count correlation",
    domain="spikes",
    entity="region",
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
    description="Mean correlation of the spike counts of a region's units; falls with their rates",
    definition=(
        "Pearson correlation of the spike counts of two units in bins of 100 ms and of 1 s, "
        "means taken off within windows of spikes.pairs.window_s so that slow drift makes no "
        "correlation; mean over all pairs of units of the region. It falls with the units' "
        "rates: read it beside count_correlation_matched; units with fewer than "
        "spikes.pairs.minimum_spikes spikes in the cell, or in a whole cell that it is compared "
        "with, are in no pair, bins that the cell holds fewer than 30 of have no value, nor have "
        "regions with fewer than spikes.minimum_units such units"
    ),
    formula="mean over pairs of cov(nᵢ, nⱼ) / √(var nᵢ · var nⱼ), counts in bins of 100 ms or 1 s",
    fails_when=(
        "No value where fewer than spikes.minimum_units units of the region have "
        "spikes.pairs.minimum_spikes (50) spikes in the cell and in every whole cell that it is "
        "compared with.",
        "No value where the cell holds fewer than 30 bins.",
        "Falls with the units' rates, without any change of what they share: read "
        "count_correlation_matched beside it.",
        "Movement and rhythms that all units follow raise it: look at the strata of movement.",
    ),
    reference="Cohen & Kohn 2011, Nat Neurosci 14:811",
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
        -1 to 1, one per region and width of the bins.
    """
    from pipeline.spikes.pair_means import pair_values

    return [
        value
        for band, means in pairs.means.items()
        for value in pair_values(
            means, between=False, minimum_units=options["spikes"]["minimum_units"], band=band
        )
    ]
