"""Part of the time with high-frequency oscillations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.lfp import EpochHfo

METRIC = Metric(
    name="hfo_prevalence",
    label="High-frequency prevalence",
    domain="oscillations",
    entity="region",
    needs=("hfo",),
    value_unit="",
    # Not logit: where most epochs have no such window, half a window is a larger share of a short
    # epoch than of a long one, and the change from baseline would be that of their lengths.
    scale="linear",
    weight="n_effective",
    description="Share of 1-s windows with a peak of 3 dB from 80 to 200 Hz",
    definition=(
        "Share of 1-s windows whose spectrum (3 DPSS tapers of 3 Hz half bandwidth, averaged "
        "over 12 Hz to both sides without the mains) has a local maximum from 80 to 200 Hz at "
        "least 3 dB above the epoch's aperiodic part (a line in log-log fitted from 60 to 250 "
        "Hz), and above the window's own level in the rest of that range where this is "
        "higher, so that bursts of muscles do not count; noise alone gives 0.004, 0.015 with "
        "mains left out"
    ),
    formula=(
        "windows with a local maximum of S(f) / A(f) of at least 3 dB in 80 to 200 Hz / windows"
    ),
    fails_when=(
        "No value where no window of lfp.hfo.window_s fits, or where the fit from 60 to 250 Hz "
        "holds too little of the band or fails its gate.",
        "Noise alone gives 0.004, or 0.015 where mains are left out: 0 is not its floor.",
        "A share near 0 or 1 cannot fall or rise further.",
    ),
    reference="Donoghue et al. 2020, Nat Neurosci 23:1655",
)


def compute(*, hfo: EpochHfo, options: Mapping[str, Any]) -> list[Value]:
    """Share of windows of each region with an oscillation.

    Parameters
    ----------
    hfo : EpochHfo
        Fast oscillations of the epoch.
    options : mapping
        Not used.

    Returns
    -------
    list of Value
        0 to 1. Regions whose fit fails the gate are left out.
    """
    return [
        Value(
            value=found.prevalence,
            region=region,
            n_effective=hfo.n_windows,
            n_effective_unit="windows",
        )
        for region, found in hfo.regions.items()
    ]
