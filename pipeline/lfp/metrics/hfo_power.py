"""Power of high-frequency oscillations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.lfp import EpochHfo

METRIC = Metric(
    name="hfo_power",
    label="High-frequency power",
    domain="oscillations",
    entity="region",
    needs=("hfo",),
    value_unit="",
    scale="dB",
    description="Power from 80 to 200 Hz over that of the aperiodic part",
    definition=(
        "Mean power of 1-s windows in 80 to 200 Hz (3 DPSS tapers of 3 Hz half bandwidth; 4 "
        "Hz around the mains and its harmonics left out) divided by the power there of the "
        "aperiodic part, a line in log-log fitted from 60 to 250 Hz (Donoghue et al. 2020) and "
        "brought to the level of the mean power beside the band; "
        "no value where the fit's mean error is above 0.1"
    ),
    formula=(
        "∫ S(f) df / ∫ A(f) df from 80 to 200 Hz, S the mean over windows, A the aperiodic part at "
        "the level of S beside the band"
    ),
    fails_when=(
        "No value where no window of lfp.hfo.window_s fits, where the fitted range (60 to 250 Hz) "
        "holds less than three quarters of the band, or where its fit fails the gate.",
        "Spikes and muscles fill the same band: read hfo_spike_leakage and burst_rate beside it.",
    ),
    reference="Caixeta et al. 2013, Sci Rep 3:2348",
)


def compute(*, hfo: EpochHfo, options: Mapping[str, Any]) -> list[Value]:
    """Power of each region over its aperiodic part.

    Parameters
    ----------
    hfo : EpochHfo
        Fast oscillations of the epoch.
    options : mapping
        Not used.

    Returns
    -------
    list of Value
        A ratio. Regions whose fit fails the gate are left out.
    """
    return [
        Value(
            value=found.power,
            region=region,
            n_effective=hfo.n_windows,
            n_effective_unit="windows",
        )
        for region, found in hfo.regions.items()
    ]
