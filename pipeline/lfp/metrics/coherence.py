"""Coherence between two regions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.lfp import Coupling

METRIC = Metric(
    name="coherence",
    label="Coherence",
    domain="coupling",
    entity="region_pair",
    needs=("coupling",),
    value_unit="",
    scale="logit",
    counted=False,
    grain="cell",
    per_band=True,
    options=("lfp.bands", "recording.line_noise_hz"),
    description=(
        "Linear association of two regions at each frequency, 0 to 1; also counts what has no lag"
    ),
    definition=(
        "Magnitude of the mean multitaper cross-spectrum over the root of the product of the "
        "mean power spectra; mean over pairs of channels and frequencies of the band, those "
        "within 2 Hz of the mains left out (bands that reach beyond the pass band have none); "
        "computed in blocks of equally many windows (lfp.coupling.windows of "
        "lfp.coupling.window_s) and averaged over the blocks, so that every cell has the same "
        "bias. Never zero: unrelated signals have about 0.9 over the root of windows x tapers"
    ),
    formula="|⟨X · Y*⟩| / √(⟨|X|²⟩ · ⟨|Y|²⟩), ⟨ ⟩ the mean over windows and tapers",
    fails_when=(
        "No value where the cell holds fewer than lfp.coupling.windows (40) clean windows of "
        "lfp.coupling.window_s (2 s), or where fewer than two regions have a good channel.",
        "No value for a band that reaches beyond the pass-band or lies wholly under the mains' "
        "mask, and for a pair with a silent channel.",
        "Counts what has no lag: volume conduction and a common reference pass for coupling. Read "
        "imaginary_coherence and debiased_wpli beside it, or choose lfp.reference: bipolar.",
        "Never 0: unrelated signals have about 0.9 / √(windows × tapers), alike in all cells.",
    ),
    reference="Carter 1987, Proc IEEE 75:236",
)


def compute(*, coupling: Coupling, options: Mapping[str, Any]) -> list[Value]:
    """Coherence of each pair of regions in each band.

    Parameters
    ----------
    coupling : Coupling
        Of the cell; what lies around the mains is already left out of it.
    options : mapping
        ``lfp.bands`` (name -> [low, high] in Hz).

    Returns
    -------
    list of Value
        0 to 1, regions in the order of their names. Bands that cannot be stated are left out.
    """
    from pipeline.lfp.coupling import band_coupling

    return band_coupling(coupling, METRIC.name, bands=options["lfp"]["bands"])
