"""Phase-amplitude coupling: Tort's modulation index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.lfp.metrics._values import of_pairs
from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.lfp import PhaseAmplitude

METRIC = Metric(
    name="modulation_index",
    label="Modulation index",
    domain="coupling",
    entity="region",
    needs=("phase_amplitude",),
    grain="cell",
    value_unit="",
    scale="log2",
    per_band=True,
    options=("lfp.bands", "lfp.phase_amplitude"),
    description="How much the amplitude of a fast band follows the phase of a slow band",
    definition=(
        "Kullback-Leibler distance of the mean amplitude in 18 bins of phase from a flat one, "
        "divided by log 18; per block of 60 s, mean over blocks and over the region's good "
        "channels. It reads a little above 0 without coupling, alike in all cells, because all "
        "blocks have one length; a slow rhythm whose harmonics reach the fast band raises it "
        "without any fast rhythm"
    ),
    formula="Σⱼ pⱼ · ln(18 pⱼ) / ln 18, p the share of mean amplitude in each of 18 bins of phase",
    fails_when=(
        "No value where the cell holds less than lfp.phase_amplitude.seconds (60 s) of clean time "
        "beside 4 s of every piece, where the fast band reaches beyond the pass-band, or for a "
        "region without signal.",
        "A slow rhythm whose harmonics reach the fast band raises it without any fast rhythm.",
        "Never 0: reads a little above it without coupling, more so where the fast band is weak.",
    ),
    reference="Tort et al. 2010, J Neurophysiol 104:1195",
)


def compute(*, phase_amplitude: PhaseAmplitude, options: Mapping[str, Any]) -> list[Value]:
    """Modulation index of each region and pair of bands.

    Parameters
    ----------
    phase_amplitude : PhaseAmplitude
        Of the cell.
    options : mapping
        Not used: the options were used when the source was made.

    Returns
    -------
    list of Value
        Above 0, below 1. Band "theta-low_gamma": phase of theta, amplitude of low gamma. What is
        not defined (a channel without signal) is left out.
    """
    return of_pairs(phase_amplitude, phase_amplitude.index)
