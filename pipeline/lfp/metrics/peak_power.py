"""Height of the highest peak per band and region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.lfp.metrics._values import of_peaks
from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.lfp import SpectralShape

METRIC = Metric(
    name="peak_power",
    label="Peak power",
    domain="oscillations",
    entity="region",
    needs=("shape",),
    value_unit="",
    scale="dB",
    per_band=True,
    options=("lfp.bands",),
    description="Height of the highest peak of a band above the aperiodic part, harmonics apart",
    definition=(
        "Density at the centre of the highest Gaussian of the band (as in peak_frequency) "
        "divided by that of the aperiodic part there; the tapers (1 Hz half bandwidth) "
        "flatten narrower peaks; a peak in no band belongs to the nearest one, "
        "up to a quarter of its width (at least 1 Hz) beyond its edge; "
        "no value without a peak; measured against the fit of the "
        "range that holds more of the band (2 to 100 Hz, or 60 to 250 Hz for fast bands, by "
        "default), which must hold at least half of it"
    ),
    formula=(
        "10^h, h the height of the band's highest Gaussian in log₁₀ S(f) − log₁₀ A(f), A the "
        "aperiodic part"
    ),
    fails_when=(
        "No value where the clean time holds no segment of lfp.segment_s (4 s) in one piece.",
        "No value where the fit fails its gate (R² below lfp.aperiodic.min_r_squared, mean error "
        "above max_error) or does not converge; a warning counts them.",
        "No value for a band of which no fitted range holds at least half.",
        "No value in epochs without a peak in the band: those that remain are the strong ones.",
        "Peaks narrower than the tapers (1 Hz half bandwidth) are flattened by them.",
    ),
    reference="Donoghue et al. 2020, Nat Neurosci 23:1655",
)


def compute(*, shape: SpectralShape, options: Mapping[str, Any]) -> list[Value]:
    """Height of the highest peak of each region in each band.

    Parameters
    ----------
    shape : SpectralShape
        Fits of the epoch.
    options : mapping
        ``lfp.bands`` (name -> [low, high] in Hz).

    Returns
    -------
    list of Value
        A ratio. A band without a peak is left out.
        Regions whose fit fails the gate are left out, and bands that no fitted range holds.
    """
    return of_peaks(shape, options, lambda peak: peak.over)
