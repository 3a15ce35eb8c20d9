"""Pairwise phase consistency between two regions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.lfp import Coupling

METRIC = Metric(
    name="pairwise_phase_consistency",
    label="Pairwise phase consistency",
    domain="coupling",
    entity="region_pair",
    needs=("coupling",),
    value_unit="",
    scale="linear",
    grain="cell",
    per_band=True,
    options=("lfp.bands", "recording.line_noise_hz"),
    description=(
        "Steadiness of the phase between two regions whatever their power, 0 when none, 1 at "
        "most; also counts what has no lag"
    ),
    definition=(
        "Mean cosine of the difference of the phases of the cross-spectrum (tapers averaged in "
        "each window) over all pairs of different windows; mean over pairs of channels and "
        "frequencies of the band, those within 2 Hz of the mains left out (bands that reach "
        "beyond the pass band have none); computed in blocks of equally many windows "
        "(lfp.coupling.windows of lfp.coupling.window_s) and averaged over the blocks, so that "
        "every cell has the same bias"
    ),
    formula="(|Σⱼ e^(iφⱼ)|² − n) / (n (n − 1)), φ the phase difference in each of n windows",
    fails_when=(
        "No value where the cell holds fewer than lfp.coupling.windows (40) clean windows of "
        "lfp.coupling.window_s (2 s), or where fewer than two regions have a good channel.",
        "No value for a band that reaches beyond the pass-band or lies wholly under the mains' "
        "mask, and for a pair with a silent channel.",
        "Counts what has no lag: volume conduction and a common reference pass for coupling. Read "
        "imaginary_coherence and debiased_wpli beside it, or choose lfp.reference: bipolar.",
        "May lie below 0 by chance.",
    ),
    reference="Vinck et al. 2010, NeuroImage 51:112",
)


def compute(*, coupling: Coupling, options: Mapping[str, Any]) -> list[Value]:
    """Pairwise phase consistency of each pair of regions in each band.

    Parameters
    ----------
    coupling : Coupling
        Of the cell; what lies around the mains is already left out of it.
    options : mapping
        ``lfp.bands`` (name -> [low, high] in Hz).

    Returns
    -------
    list of Value
        At most 1; around 0, and so below it too, where phases are unrelated. Bands that cannot be
        stated are left out.
    """
    from pipeline.lfp.coupling import band_coupling

    return band_coupling(coupling, METRIC.name, bands=options["lfp"]["bands"])
