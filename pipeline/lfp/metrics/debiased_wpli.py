"""Debiased weighted phase lag index: how steadily one region lags the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.lfp import Coupling

METRIC = Metric(
    name="debiased_wpli",
    label="Debiased wPLI",
    domain="coupling",
    entity="region_pair",
    needs=("coupling",),
    value_unit="",
    scale="linear",
    grain="cell",
    per_band=True,
    options=("lfp.bands", "recording.line_noise_hz"),
    description=(
        "Square of the weighted phase lag index without its bias: steadiness of a lag between "
        "two regions, 0 when none, 1 at most; blind to what has no lag"
    ),
    definition=(
        "Sum of the products of the imaginary cross-spectra over all pairs of different "
        "windows, divided by the same sum of their sizes (tapers averaged in each window); mean "
        "over pairs of channels and frequencies of the band, those within 2 Hz of the mains "
        "left out (bands that reach beyond the pass band have none); computed in blocks of equally "
        "many windows (lfp.coupling.windows of lfp.coupling.window_s) and averaged over the "
        "blocks, so that every cell has the same bias"
    ),
    formula="Σ_{j≠k} Iⱼ · Iₖ / Σ_{j≠k} |Iⱼ| · |Iₖ|, I = Im(X · Y*) of a window",
    fails_when=(
        "No value where the cell holds fewer than lfp.coupling.windows (40) clean windows of "
        "lfp.coupling.window_s (2 s), or where fewer than two regions have a good channel.",
        "No value for a band that reaches beyond the pass-band or lies wholly under the mains' "
        "mask, and for a pair with a silent channel.",
        "Blind to true synchrony without a lag, and to a lag of half a cycle.",
        "May lie below 0 by chance. It is a square: its root would be the weighted phase lag "
        "index.",
    ),
    reference="Vinck et al. 2011, NeuroImage 55:1548",
)


def compute(*, coupling: Coupling, options: Mapping[str, Any]) -> list[Value]:
    """Debiased wPLI of each pair of regions in each band.

    Parameters
    ----------
    coupling : Coupling
        Of the cell; what lies around the mains is already left out of it.
    options : mapping
        ``lfp.bands`` (name -> [low, high] in Hz).

    Returns
    -------
    list of Value
        At most 1; around 0, and so below it too, where nothing lags. Bands that cannot be stated
        are left out.
    """
    from pipeline.lfp.coupling import band_coupling

    return band_coupling(coupling, METRIC.name, bands=options["lfp"]["bands"])
