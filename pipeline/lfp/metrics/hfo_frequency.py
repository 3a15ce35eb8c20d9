"""Dominant frequency of high-frequency oscillations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.lfp import EpochHfo

METRIC = Metric(
    name="hfo_frequency",
    label="High-frequency peak",
    domain="oscillations",
    entity="region",
    needs=("hfo",),
    value_unit="Hz",
    scale="linear",
    description="Dominant frequency from 80 to 200 Hz",
    definition=(
        "Where the mean spectrum of 1-s windows, averaged over 12 Hz to both sides without "
        "the mains, stands highest above the aperiodic part (a line in log-log fitted from 60 "
        "to 250 Hz): at the highest local maximum of their ratio, where their difference is "
        "largest, by a parabola; no value where no local maximum reaches 1 dB"
    ),
    formula=(
        "argmax of S(f) − A(f) beside the highest local maximum of S(f) / A(f) in 80 to 200 Hz, "
        "refined by a parabola; A the aperiodic part"
    ),
    fails_when=(
        "No value where no local maximum reaches 1 dB above the aperiodic part.",
        "No value where no window of lfp.hfo.window_s fits, or where the fit from 60 to 250 Hz "
        "holds too little of the band or fails its gate.",
        "The frequency of a peak that hardly stands out wanders: read hfo_prevalence beside it.",
    ),
    reference="Średniawa et al. 2021, Sci Rep 11:6390",
)


def compute(*, hfo: EpochHfo, options: Mapping[str, Any]) -> list[Value]:
    """Dominant frequency of each region.

    Parameters
    ----------
    hfo : EpochHfo
        Fast oscillations of the epoch.
    options : mapping
        Not used.

    Returns
    -------
    list of Value
        Hz. A region without a peak is left out. Regions whose fit fails the gate are left out.
    """
    return [
        Value(
            value=found.frequency_hz,
            region=region,
            n_effective=hfo.n_windows,
            n_effective_unit="windows",
        )
        for region, found in hfo.regions.items()
        if found.frequency_hz is not None
    ]
