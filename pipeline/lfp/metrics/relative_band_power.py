"""Power per band and region as a share of the power from 1 to 100 Hz."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.lfp import Spectrum

#: range of the whole, in Hz
TOTAL_HZ = (1.0, 100.0)

METRIC = Metric(
    name="relative_band_power",
    label="Relative band power",
    domain="oscillations",
    entity="region",
    needs=("spectrum",),
    value_unit="",
    scale="logit",
    counted=False,
    per_band=True,
    options=("lfp.bands", "recording.line_noise_hz"),
    description="Share of a band in the power from 1 to 100 Hz; blind to broadband shifts",
    definition=(
        "Band power divided by the power from 1 to 100 Hz, both from the region's mean spectrum "
        "with the mains left out; only bands inside that range have it"
    ),
    formula="P(band) / P(1 to 100 Hz)",
    fails_when=(
        "No value where the clean time holds no segment of lfp.segment_s (4 s) in one piece.",
        "No value for bands outside 1 to 100 Hz, and none at all where the recording does not "
        "reach 100 Hz.",
        "Shares add up to at most 1: one band that grows makes the others shrink.",
    ),
    reference="Thomson 1982, Proc IEEE 70:1055",
)


def compute(*, spectrum: Spectrum, options: Mapping[str, Any]) -> list[Value]:
    """Share of each band in each region's power.

    Parameters
    ----------
    spectrum : Spectrum
        Of the epoch.
    options : mapping
        ``lfp.bands`` (name -> [low, high] in Hz) and ``recording.line_noise_hz`` (or None).

    Returns
    -------
    list of Value
        Above 0 and below 1. Bands that are not a proper part of 1 to 100 Hz are left out, and so
        is everything when the recording does not reach 100 Hz.
    """
    from pipeline.lfp.bands import band_power, region_mean

    density = region_mean(spectrum.psd)
    line_hz = options["recording"]["line_noise_hz"]
    total = band_power(density, *TOTAL_HZ, line_hz=line_hz)
    if total is None:
        return []
    values = []
    for band, (low, high) in options["lfp"]["bands"].items():
        inside = TOTAL_HZ[0] <= low and high <= TOTAL_HZ[1] and (low, high) != TOTAL_HZ
        power = band_power(density, low, high, line_hz=line_hz) if inside else None
        if power is None:
            continue
        values += [
            Value(
                value=float(share),
                region=str(region),
                band=band,
                n_effective=spectrum.n_windows,
                n_effective_unit="windows",
            )
            for region, share in zip(density["region"].values, power / total, strict=True)
        ]
    return values
