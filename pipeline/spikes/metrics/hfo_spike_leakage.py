"""Spikes in the band of high-frequency oscillations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes import SpikeLeakage

METRIC = Metric(
    name="hfo_spike_leakage",
    label="High-frequency power explained by spikes",
    domain="oscillations",
    entity="region",
    needs=("leakage",),
    value_unit="",
    scale="linear",
    description="Share of the power from 80 to 200 Hz that spikes of the region explain, at most",
    definition=(
        "Cross-validated R2, between 80 and 200 Hz, of the region's LFP by the sum over its "
        "units of a waveform (3 ms to both sides of a spike) per unit and channel, estimated "
        "by least squares in one half of the 1-s windows (240 at most, evenly spread) and "
        "judged in the other; below 0 counts as 0. An upper bound of the leakage of sorted "
        "spikes, for a rhythm that spikes lock to is explained in part; spikes that no unit "
        "holds are not seen"
    ),
    formula=(
        "1 − Σ|LFP − Σ_u spikes_u ∗ waveform_u|² / Σ|LFP|², 80 to 200 Hz, waveforms from the other "
        "half; at least 0"
    ),
    fails_when=(
        "No value where the region has no unit with 20 spikes in each half, fewer than two windows "
        "of 1 s fit, or the recording does not reach the band's end.",
        "An upper bound: a rhythm that spikes lock to is explained in part. Spikes that no unit "
        "holds are not seen.",
    ),
    reference="Scheffer-Teixeira et al. 2013, J Neurosci 33:1535",
)


def compute(*, leakage: SpikeLeakage, options: Mapping[str, Any]) -> list[Value]:
    """Share of each region's power that its spikes explain.

    Parameters
    ----------
    leakage : SpikeLeakage
        Of the epoch.
    options : mapping
        Not used.

    Returns
    -------
    list of Value
        0 to 1. Regions without units are left out.
    """
    return [
        Value(
            value=explained,
            region=region,
            n_effective=leakage.n_spikes[region],
            n_effective_unit="spikes",
        )
        for region, explained in leakage.explained.items()
    ]
