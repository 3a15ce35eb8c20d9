"""Height of the aperiodic part of the spectrum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.lfp import SpectralShape

METRIC = Metric(
    name="aperiodic_offset",
    label="Aperiodic offset",
    domain="oscillations",
    entity="region",
    needs=("shape",),
    value_unit="log10(uV^2/Hz)",
    scale="linear",
    description="Height of the aperiodic part of the spectrum, continued to 1 Hz",
    definition=(
        "log10 of the density (uV^2/Hz) of the aperiodic part at 1 Hz (in the mode knee, that "
        "without its knee); it moves with the exponent, for 1 Hz lies beside the range of the "
        "fit. Line through log10 of the density over log10 of the frequency, fitted with "
        "Gaussian peaks by specparam to the region's mean multitaper spectrum (2 to 100 Hz; 3 "
        "Hz around the mains and its harmonics bridged, 10 Hz where a wide notch filter "
        "shows; a peak stands at least 0.1 and 4 standard deviations of the spectrum's noise "
        "high); no value where R2 is below 0.95 or the mean error above 0.1; the numbers "
        "named are defaults of lfp.aperiodic"
    ),
    formula="log₁₀ S(f) = offset − exponent · log₁₀ f + Gaussian peaks, read at 1 Hz",
    fails_when=(
        "No value where the clean time holds no segment of lfp.segment_s (4 s) in one piece.",
        "No value where the fit fails its gate (R² below lfp.aperiodic.min_r_squared, mean error "
        "above max_error) or does not converge; a warning counts them.",
        "At 1 Hz it lies beside the fitted range: it moves whenever the exponent does, without any "
        "change of broadband power.",
    ),
    reference="Donoghue et al. 2020, Nat Neurosci 23:1655",
)


def compute(*, shape: SpectralShape, options: Mapping[str, Any]) -> list[Value]:
    """Offset of each region.

    Parameters
    ----------
    shape : SpectralShape
        Fits of the epoch.
    options : mapping
        Not used.

    Returns
    -------
    list of Value
        Regions whose fit fails the gate are left out.
    """
    return [
        Value(
            value=fit.offset,
            region=region,
            n_effective=shape.n_windows,
            n_effective_unit="windows",
        )
        for region, fit in shape.broad.items()
    ]
