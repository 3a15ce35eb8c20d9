"""Theta modulation of single units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.periodicity import Periodicity

METRIC = Metric(
    name="theta_rhythmicity",
    label="Theta rhythmicity",
    domain="spikes",
    entity="unit",
    needs=("periodicity",),
    grain="cell",
    value_unit="",
    # Linear: from -1 to 1, around 0 without theta.
    scale="linear",
    options=("lfp.bands",),
    description="Theta-modulation index of the autocorrelogram: 0 without theta, whatever the rate",
    definition=(
        "(first period - half period) / (first period + half period), mean heights of the "
        "autocorrelogram over the one that independent spikes of the same rate give; for theta "
        "of 6 to 10 Hz (lfp.bands) lags of 100 to 167 ms and 50 to 83 ms. A ratio of counts: "
        "the rate does not move it. Only pairs of spikes within one interval of the cell count. "
        "Units with fewer than 100 spikes, or fewer than 20 expected pairs in either range, "
        "have no value"
    ),
    formula=(
        "(a − b) / (a + b), a and b the mean height of the autocorrelogram at one and at half a "
        "theta period"
    ),
    fails_when=(
        "No value for a unit with fewer than 100 spikes, or where independent spikes would give "
        "fewer than 20 pairs in either range of lags.",
        "Another rhythm near the period of theta, or near half of it, moves it.",
    ),
    reference="After Cacucci et al. 2004, J Neurosci 24:8265",
)


def compute(*, periodicity: Periodicity, options: Mapping[str, Any]) -> list[Value]:
    """Theta-modulation index of every unit.

    Parameters
    ----------
    periodicity : Periodicity
        Of the cell.
    options : mapping
        Not used: theta was told when the source was made.

    Returns
    -------
    list of Value
        -1 to 1. Units with too few spikes are left out.
    """
    import math

    return [
        Value(
            value=float(value),
            region=region,
            unit_id=unit_id,
            n_effective=float(n_spikes),
            n_effective_unit="spikes",
        )
        for unit_id, region, n_spikes, value in zip(
            periodicity.unit_id,
            periodicity.region,
            periodicity.n_spikes,
            periodicity.theta_index,
            strict=True,
        )
        if math.isfinite(value)
    ]
