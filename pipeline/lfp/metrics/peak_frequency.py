"""Frequency of the highest peak per band and region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.lfp.metrics._values import of_peaks
from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.lfp import SpectralShape

METRIC = Metric(
    name="peak_frequency",
    label="Peak frequency",
    domain="oscillations",
    entity="region",
    needs=("shape",),
    value_unit="Hz",
    scale="linear",
    per_band=True,
    options=("lfp.bands",),
    description="Frequency of the highest peak of a band; harmonics of theta do not count",
    definition=(
        "Centre of gravity of what stands above the aperiodic part within the bandwidth of a "
        "Gaussian, the highest in the band of those that specparam fits to the log10 spectrum "
        "above its aperiodic part; measured against the fit of the range that holds more of "
        "the band (2 to 100 Hz, or 60 to 250 Hz for fast bands, by default), which must hold "
        "at least half of it. Peaks above 12 Hz within 1 Hz of twice the theta peak (of three "
        "times, where the second stands) and weaker than it are its harmonics and do not "
        "count; a peak in no band belongs to the nearest one, "
        "up to a quarter of its width (at least 1 Hz) beyond its edge; "
        "no value without a peak"
    ),
    formula=(
        "Σ f · d(f) / Σ d(f), d(f) = max(S(f) / A(f) − 1, 0) around the band's highest Gaussian, A "
        "the aperiodic part"
    ),
    fails_when=(
        "No value where the clean time holds no segment of lfp.segment_s (4 s) in one piece.",
        "No value where the fit fails its gate (R² below lfp.aperiodic.min_r_squared, mean error "
        "above max_error) or does not converge; a warning counts them.",
        "No value for a band of which no fitted range holds at least half.",
        "No value in epochs without a peak in the band: a drug that abolishes the rhythm leaves "
        "missing cells, not a low value.",
    ),
    reference="Donoghue et al. 2020, Nat Neurosci 23:1655",
)


def compute(*, shape: SpectralShape, options: Mapping[str, Any]) -> list[Value]:
    """Frequency of the highest peak of each region in each band.

    Parameters
    ----------
    shape : SpectralShape
        Fits of the epoch.
    options : mapping
        ``lfp.bands`` (name -> [low, high] in Hz).

    Returns
    -------
    list of Value
        Hz. A band without a peak is left out.
        Regions whose fit fails the gate are left out, and bands that no fitted range holds.
    """
    return of_peaks(shape, options, lambda peak: peak.frequency_hz)
