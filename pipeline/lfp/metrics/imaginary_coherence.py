"""Imaginary part of coherency: association with a lag, and which region leads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.lfp import Coupling

METRIC = Metric(
    name="imaginary_coherence",
    label="Imaginary coherence",
    domain="coupling",
    entity="region_pair",
    needs=("coupling",),
    value_unit="",
    scale="linear",
    grain="cell",
    per_band=True,
    options=("lfp.bands", "recording.line_noise_hz"),
    description=(
        "Association of two regions with a lag, -1 to 1; above zero: the first region leads; "
        "blind to what has no lag"
    ),
    definition=(
        "Imaginary part of the mean multitaper cross-spectrum (first region times the conjugate "
        "of the second) over the root of the product of the mean power spectra; above zero "
        "where the first region leads by less than half a cycle; mean over pairs of channels "
        "and frequencies of the band, those within 2 Hz of the mains left out (bands that reach "
        "beyond the pass band have none); computed in blocks of equally many windows "
        "(lfp.coupling.windows of lfp.coupling.window_s) and averaged over the blocks, so that "
        "every cell has the same bias"
    ),
    formula="Im⟨X · Y*⟩ / √(⟨|X|²⟩ · ⟨|Y|²⟩)",
    fails_when=(
        "No value where the cell holds fewer than lfp.coupling.windows (40) clean windows of "
        "lfp.coupling.window_s (2 s), or where fewer than two regions have a good channel.",
        "No value for a band that reaches beyond the pass-band or lies wholly under the mains' "
        "mask, and for a pair with a silent channel.",
        "Blind to true synchrony without a lag, and to a lag of half a cycle.",
        "Falls when power is added that the regions do not share; a lag that differs over the "
        "band's frequencies cancels in the mean.",
    ),
    reference="Nolte et al. 2004, Clin Neurophysiol 115:2292",
)


def compute(*, coupling: Coupling, options: Mapping[str, Any]) -> list[Value]:
    """Imaginary coherence of each pair of regions in each band.

    Parameters
    ----------
    coupling : Coupling
        Of the cell; what lies around the mains is already left out of it.
    options : mapping
        ``lfp.bands`` (name -> [low, high] in Hz).

    Returns
    -------
    list of Value
        -1 to 1, above zero where ``region`` leads ``region_b``. Bands that cannot be stated
        are left out.
    """
    from pipeline.lfp.coupling import band_coupling

    return band_coupling(coupling, METRIC.name, bands=options["lfp"]["bands"])
