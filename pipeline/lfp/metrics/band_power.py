"""Absolute power per band and region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.lfp import Spectrum

METRIC = Metric(
    name="band_power",
    label="Band power",
    domain="oscillations",
    entity="region",
    needs=("spectrum",),
    value_unit="uV^2",
    scale="dB",
    per_band=True,
    options=("lfp.bands", "recording.line_noise_hz"),
    description="Power of the LFP in a frequency band, mean over the region's good channels",
    definition=(
        "Multitaper power spectral density (4 s segments, half overlapping, 5 DPSS tapers of 1 Hz "
        "half bandwidth, median over clean segments corrected for its bias), mean over channels, "
        "integrated over the band by the rectangle rule; frequencies within 2 Hz of the mains "
        "and its harmonics left out and the rest scaled to the full width"
    ),
    formula=(
        "P = (f₂ − f₁) / w · Σ_f S(f) · w_f, w_f the width in Hz of the part of bin f that lies "
        "between f₁ and f₂ outside the mains, w their sum"
    ),
    fails_when=(
        "No value where the clean time holds no segment of lfp.segment_s (4 s) in one piece.",
        "No value for a band that reaches beyond the recording's pass-band or lies wholly under "
        "the mains' mask.",
        "A shift of the whole spectrum moves every band: read relative_band_power and "
        "band_power_above_aperiodic beside it.",
        "A rhythm present in less than half of the segments hardly moves the median over them.",
    ),
    reference="Thomson 1982, Proc IEEE 70:1055",
)


def compute(*, spectrum: Spectrum, options: Mapping[str, Any]) -> list[Value]:
    """Power of each region in each band.

    Parameters
    ----------
    spectrum : Spectrum
        Of the epoch.
    options : mapping
        ``lfp.bands`` (name -> [low, high] in Hz) and ``recording.line_noise_hz`` (or None).

    Returns
    -------
    list of Value
        uV^2. A band that the recording cannot show (beyond its pass-band) is left out.
    """
    from pipeline.lfp.bands import band_power, region_mean

    density = region_mean(spectrum.psd)
    line_hz = options["recording"]["line_noise_hz"]
    values = []
    for band, (low, high) in options["lfp"]["bands"].items():
        power = band_power(density, low, high, line_hz=line_hz)
        if power is None:
            continue
        values += [
            Value(
                value=float(amount),
                region=str(region),
                band=band,
                n_effective=spectrum.n_windows,
                n_effective_unit="windows",
            )
            for region, amount in zip(density["region"].values, power, strict=True)
        ]
    return values
