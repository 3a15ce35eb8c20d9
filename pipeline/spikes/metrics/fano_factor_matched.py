"""Fano factor at a reference rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.irregularity import EpochIrregularity

METRIC = Metric(
    name="fano_factor_matched",
    label="Fano factor, rate-matched",
    domain="spikes",
    entity="unit",
    needs=("irregularity",),
    grain="cell",
    value_unit="",
    # Linear: below the reference rate it is an extrapolation, which noise can bring below 0.
    scale="linear",
    per_band=True,
    band_names=("100ms", "1s"),
    options=("spikes.irregularity",),
    description="Fano factor of each unit at one reference rate; does not follow the rate",
    definition=(
        "1 + (F - 1) r / mean, F the Fano factor of the counts (fano_factor), mean their mean "
        "and r the count of a unit of 1 Hz (spikes.irregularity.fano_reference_hz): what "
        "leaving out spikes at random down to 1 Hz gives, exactly. Slower units are "
        "extrapolated, with an error that grows as 1 Hz over their rate. Units with fewer "
        "spikes in bins than spikes.irregularity.minimum (20) have no value"
    ),
    formula=(
        "1 + (F − 1) · r / mean, r the mean count at spikes.irregularity.fano_reference_hz (1 Hz)"
    ),
    fails_when=(
        "No value for a unit with fewer spikes in bins than spikes.irregularity.minimum (20).",
        "Units slower than the reference rate are extrapolated: the error grows as 1 Hz over their "
        "rate.",
    ),
    reference="Rate matching: Churchland et al. 2010, Nat Neurosci 13:369; random deletion: Cox & "
    "Isham 1980, Point Processes",
)


def compute(*, irregularity: EpochIrregularity, options: Mapping[str, Any]) -> list[Value]:
    """Fano factor of every unit and bin at the reference rate.

    Parameters
    ----------
    irregularity : EpochIrregularity
        Of the cell.
    options : mapping
        Not used: the options were used when the source was made.

    Returns
    -------
    list of Value
        Around 1; the band is the bin. Units with fewer than ``minimum`` spikes are left out.
    """
    from pipeline.spikes.unit_values import observations

    return [
        value
        for name in METRIC.band_names
        for value in observations(
            irregularity.measures[f"fano_{name}_matched"], pieces="spikes", band=name
        )
    ]
