"""Burst index from the autocorrelogram."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.irregularity import EpochIrregularity

METRIC = Metric(
    name="burst_index",
    label="Burst index",
    domain="spikes",
    entity="unit",
    needs=("irregularity",),
    grain="cell",
    value_unit="",
    # Linear: from -1 to 1.
    scale="linear",
    options=("spikes.irregularity",),
    description="Near against far lags of the autocorrelogram: 0 for Poisson, 1 for bursts alone",
    definition=(
        "(near - far) / max(near, far), near and far the rates of further spikes 0 to 10 ms and "
        "40 to 50 ms after a spike, corrected for the ends of intervals; the mean of the near "
        "lags in place of the published peak, which lies above it by chance, more so at low "
        "rates. Falls as chance neighbours rise with the rate: burst_excess does not. Units "
        "with fewer pairs of spikes at those lags than spikes.irregularity.minimum (20) have no "
        "value"
    ),
    formula=(
        "(near − far) / max(near, far), rates of further spikes 0 to 10 ms and 40 to 50 ms after a "
        "spike"
    ),
    fails_when=(
        "No value for a unit with fewer pairs of spikes at those lags than "
        "spikes.irregularity.minimum (20).",
        "Falls as chance neighbours rise with the rate: burst_excess does not.",
        "Single units that contain two cells read lower.",
    ),
    reference="After Royer et al. 2012, Nat Neurosci 15:769",
)


def compute(*, irregularity: EpochIrregularity, options: Mapping[str, Any]) -> list[Value]:
    """Burst index of every unit.

    Parameters
    ----------
    irregularity : EpochIrregularity
        Of the cell.
    options : mapping
        Not used: the options were used when the source was made.

    Returns
    -------
    list of Value
        -1 to 1. Units with fewer than ``minimum`` pairs of spikes at those lags are left out.
    """
    from pipeline.spikes.unit_values import observations

    return observations(irregularity.measures["burst_index"], pieces="pairs of spikes")
