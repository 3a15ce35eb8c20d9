"""Correlation of spike counts within a region at matched rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.pairs import CellPairs

METRIC = Metric(
    name="count_correlation_matched",
    label="Spike-count correlation at matched rates",
    domain="spikes",
    entity="region",
    needs=("pairs",),
    value_unit="",
    scale="linear",
    grain="cell",
    per_band=True,
    across_cells=True,
    band_names=("100ms", "1s"),
    options=(
        "spikes.pairs.window_s",
        "spikes.pairs.minimum_spikes",
        "spikes.minimum_units",
    ),
    description=(
        "Mean correlation of a region's units as it were if each fired at its lowest rate in "
        "every cell"
    ),
    definition=(
        "Correlation of spike counts (100 ms, 1 s; means taken off within windows of "
        "spikes.pairs.window_s) that two units would show if their spikes were dropped at random "
        "until each fired at its lowest rate of all cells of the session: covariance k k' C and "
        "variance k^2 V + k (1 - k) m, for the share k of spikes that is kept, variance V and "
        "mean count m; mean over all pairs of units of the region. Units that fall silent in one "
        "cell are in no pair of any; so are units that fire more than 5 % less in a stratum than "
        "in any whole cell, there; units with fewer than spikes.pairs.minimum_spikes spikes in "
        "the cell, or in a whole cell that it is compared with, are in no pair, bins that the "
        "cell holds fewer than 30 of have no value, nor have regions with fewer than "
        "spikes.minimum_units such units"
    ),
    formula=(
        "kᵢkⱼC / √(V'ᵢ · V'ⱼ), V' = k²V + k(1 − k)m; k the share of spikes kept, C covariance, V "
        "variance, m mean of the counts"
    ),
    fails_when=(
        "No value where fewer than spikes.minimum_units units of the region have "
        "spikes.pairs.minimum_spikes (50) spikes in the cell and in every whole cell that it is "
        "compared with.",
        "No value where the cell holds fewer than 30 bins.",
        "A unit that falls silent in one cell is in no pair of any: those that remain are the ones "
        "that keep firing.",
        "It rests on the other cells of the session, also those after the dose: a difference "
        "before the dose is no sign of carry-over.",
    ),
    reference=(
        "de la Rocha et al. 2007, Nature 448:802, for the dependence on rate; moments of thinned "
        "counts in closed form"
    ),
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
        for band, means in pairs.matched.items()
        for value in pair_values(
            means, between=False, minimum_units=options["spikes"]["minimum_units"], band=band
        )
    ]
