"""Entropy of the LFP's spectrum from 1 to 100 Hz."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.lfp import Spectrum

#: range whose entropy is taken, in Hz
RANGE_HZ = (1.0, 100.0)

METRIC = Metric(
    name="spectral_entropy",
    label="Spectral entropy",
    domain="oscillations",
    entity="region",
    needs=("spectrum",),
    value_unit="",
    scale="linear",
    options=("recording.line_noise_hz",),
    description="How evenly the power from 1 to 100 Hz is spread: 1 for white noise",
    definition=(
        "-sum p log p of the shares p of the frequency bins (0.25 Hz) in the power of the region's "
        "mean spectrum from 1 to 100 Hz, frequencies within 2 Hz of the mains left out, divided by "
        "the entropy of a flat spectrum; a line counts as 2 Hz wide, as the tapers spread it"
    ),
    formula="H = −Σ_f p_f ln p_f / ln n for n whole bins, p_f = S(f) / Σ S",
    fails_when=(
        "No value where the clean time holds no segment of lfp.segment_s (4 s) in one piece.",
        "No value where the recording does not reach 100 Hz, or for a region without power.",
        "Follows the slope of the spectrum: a flatter spectrum has more entropy without any loss "
        "of rhythm.",
    ),
    reference="Inouye et al. 1991, Electroencephalogr Clin Neurophysiol 79:204",
)


def compute(*, spectrum: Spectrum, options: Mapping[str, Any]) -> list[Value]:
    """Spectral entropy of each region.

    A bin of which only a part lies inside the range counts by that part (the entropy is taken
    against a flat density): a flat spectrum has exactly 1, wherever edges and mains lie.

    Parameters
    ----------
    spectrum : Spectrum
        Of the epoch.
    options : mapping
        ``recording.line_noise_hz`` (or None).

    Returns
    -------
    list of Value
        0 to 1. Nothing when the recording does not reach 100 Hz, and no value for a region without
        power.
    """
    import numpy as np

    from pipeline.lfp.bands import bin_widths, line_bands, region_mean

    density = region_mean(spectrum.psd)
    frequency = density["frequency"].values
    low, high = RANGE_HZ
    bin_hz = frequency[1] - frequency[0]
    if high > frequency[-1] + bin_hz / 2 + 1e-9:
        return []
    masked = line_bands(options["recording"]["line_noise_hz"], high)
    widths = bin_widths(frequency, low, high, masked=masked)
    used = widths > 0
    values = []
    for region, psd in zip(density["region"].values, density.values[:, used], strict=True):
        power = psd * widths[used]
        if not power.sum() > 0:
            continue
        share, flat = power / power.sum(), widths[used] / widths[used].sum()
        some = share > 0
        lost = float(np.sum(share[some] * np.log(share[some] / flat[some])))
        values.append(
            Value(
                value=1.0 - lost / float(np.log(widths[used].sum() / bin_hz)),
                region=str(region),
                n_effective=spectrum.n_windows,
                n_effective_unit="windows",
            )
        )
    return values
