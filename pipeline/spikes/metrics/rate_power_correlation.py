"""Correlation of units' rates with band power."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.rate_power import RatePower

METRIC = Metric(
    name="rate_power_correlation",
    label="Correlation of firing rate and band power",
    domain="spikes",
    entity="unit",
    needs=("rate_power",),
    value_unit="",
    scale="linear",
    grain="cell",
    per_band=True,
    description="Whether a unit fires more in seconds in which the band is stronger, -1 to 1",
    definition=(
        "Spearman's correlation between the unit's spikes and the band's power (mean squared "
        "envelope / 2, from another channel of the region than the unit's own, where that is "
        "known) in whole clean seconds of the session clock; ranks are taken within windows of ten "
        "minutes and pooled, so that two slow courses make no correlation. Units with fewer than "
        "50 spikes and cells with fewer than 60 such seconds have none. It falls with the rate of "
        "a unit, whose counts get noisier: read it beside firing_rate"
    ),
    formula=(
        "Spearman's ρ(spikes per second, band power per second), ranks within windows of ten "
        "minutes"
    ),
    fails_when=(
        "No value for a unit with fewer than 50 spikes, in a cell with fewer than 60 clean whole "
        "seconds, or where the unit or the power never varies.",
        "Falls towards 0 with the rate, whose counts get noisier: read firing_rate beside it.",
        "Walking moves both: look at the strata of movement.",
    ),
    reference="Wood, Kim & Moghaddam 2012, J Neurosci 32:3022",
)


def compute(*, rate_power: RatePower, options: Mapping[str, Any]) -> list[Value]:
    """Correlation of every unit with every band.

    Parameters
    ----------
    rate_power : RatePower
        Of the cell.
    options : mapping
        Not used.

    Returns
    -------
    list of Value
        -1 to 1, one per unit and band; a unit or a band that never varies is left out.
    """
    from pipeline.spikes.unit_bands import unit_band_values

    return unit_band_values(
        rate_power.correlation,
        unit_id=rate_power.unit_id,
        region=rate_power.region,
        bands=rate_power.bands,
        n_effective=rate_power.n_seconds,
        n_effective_unit="seconds",
    )
