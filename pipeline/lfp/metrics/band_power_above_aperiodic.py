"""Power per band and region over that of the aperiodic part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.lfp import SpectralShape

METRIC = Metric(
    name="band_power_above_aperiodic",
    label="Band power above the aperiodic part",
    domain="oscillations",
    entity="region",
    needs=("shape",),
    value_unit="",
    scale="dB",
    per_band=True,
    options=("lfp.bands",),
    description="Power of a band over that of the aperiodic part; a flatter spectrum is not more",
    definition=(
        "Band power divided by the power of the fitted aperiodic part in the same band, "
        "without the mains; 1 (0 dB) where nothing stands above; measured against the fit of "
        "the range that holds more of the band (2 to 100 Hz, or 60 to 250 Hz for fast bands, "
        "by default), which must hold at least half of it; what lies outside that range is "
        "left out of both"
    ),
    formula="∫ S(f) df / ∫ A(f) df over the band inside the fitted range, A the aperiodic part",
    fails_when=(
        "No value where the clean time holds no segment of lfp.segment_s (4 s) in one piece.",
        "No value where the fit fails its gate (R² below lfp.aperiodic.min_r_squared, mean error "
        "above max_error) or does not converge; a warning counts them.",
        "No value for a band of which no fitted range holds at least half.",
        "Where the mains or the pass-band cut a range, a band near 60 to 100 Hz may be held "
        "against the other fit: compare rigs with care.",
    ),
    reference="Donoghue et al. 2020, Nat Neurosci 23:1655",
)


def compute(*, shape: SpectralShape, options: Mapping[str, Any]) -> list[Value]:
    """Power of each region in each band over its aperiodic part.

    Parameters
    ----------
    shape : SpectralShape
        Fits of the epoch.
    options : mapping
        ``lfp.bands`` (name -> [low, high] in Hz).

    Returns
    -------
    list of Value
        A ratio.
        Regions whose fit fails the gate are left out, and bands that no fitted range holds.
    """
    return [
        Value(
            value=ratio,
            region=region,
            band=band,
            n_effective=shape.n_windows,
            n_effective_unit="windows",
        )
        for band, (low, high) in options["lfp"]["bands"].items()
        for region, ratio in shape.power_above(low, high).items()
    ]
