"""Fano factor of spike counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.irregularity import EpochIrregularity

METRIC = Metric(
    name="fano_factor",
    label="Fano factor",
    domain="spikes",
    entity="unit",
    needs=("irregularity",),
    grain="cell",
    value_unit="",
    # Linear: of a Poisson train it is 1 on average however few the bins, and its logarithm is not
    # 0; it is 0, which has no logarithm, where all bins hold equally many spikes.
    scale="linear",
    per_band=True,
    band_names=("100ms", "1s"),
    options=("spikes.irregularity",),
    description="Variance over mean of spike counts in bins of 100 ms and 1 s: 1 for Poisson",
    definition=(
        "Variance of the counts in bins of 100 ms or 1 s (within blocks of at most 60 s, pooled "
        "with one degree of freedom less per block, so that a long cell is not more variable "
        "for being long) divided by their mean; bins lie wholly inside an interval of the cell. "
        "Its distance from 1 grows with the rate where spikes are lost or added at random: "
        "fano_factor_matched. Units with fewer spikes in bins than spikes.irregularity.minimum "
        "(20) have no value"
    ),
    formula="F = variance / mean of the counts in bins, within blocks of at most 60 s",
    fails_when=(
        "No value for a unit with fewer spikes in bins than spikes.irregularity.minimum (20).",
        "Its distance from 1 grows with the rate where spikes are missed or added at random: read "
        "fano_factor_matched.",
        "Changes of the rate within a block (bouts of walking) raise it.",
    ),
    reference="Fano 1947, Phys Rev 72:26; Churchland et al. 2010, Nat Neurosci 13:369",
)


def compute(*, irregularity: EpochIrregularity, options: Mapping[str, Any]) -> list[Value]:
    """Fano factor of every unit and bin.

    Parameters
    ----------
    irregularity : EpochIrregularity
        Of the cell.
    options : mapping
        Not used: the options were used when the source was made.

    Returns
    -------
    list of Value
        0 or more; the band is the bin. Units with fewer than ``minimum`` spikes are left out.
    """
    from pipeline.spikes.unit_values import observations

    return [
        value
        for name in METRIC.band_names
        for value in observations(irregularity.measures[f"fano_{name}"], pieces="spikes", band=name)
    ]
