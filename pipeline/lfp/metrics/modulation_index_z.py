"""Phase-amplitude coupling against shifted surrogates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.lfp.metrics._values import of_pairs
from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.lfp import PhaseAmplitude

METRIC = Metric(
    name="modulation_index_z",
    label="Modulation index, z",
    domain="coupling",
    entity="region",
    needs=("phase_amplitude",),
    grain="cell",
    value_unit="SD",
    scale="linear",
    per_band=True,
    options=("lfp.bands", "lfp.phase_amplitude"),
    description="Modulation index in standard deviations of surrogates with shifted amplitudes",
    definition=(
        "Modulation index, mean over the region's good channels, minus the mean of its surrogates "
        "(200 circular shifts of the amplitude by at least 1 s, over all blocks), divided by the "
        "standard deviation of one block's surrogates; mean over blocks. Reads 0 without coupling; "
        "a very regular slow rhythm survives the shifts and lowers it"
    ),
    formula="(MI − mean of surrogates) / SD of the surrogates of one block",
    fails_when=(
        "No value where the cell holds less than lfp.phase_amplitude.seconds (60 s) of clean time "
        "beside 4 s of every piece, where the fast band reaches beyond the pass-band, or for a "
        "region without signal.",
        "A very regular slow rhythm survives the time shifts and lowers it: read modulation_index "
        "beside it.",
        "Spikes or sharp waves locked to the slow rhythm pass for a fast rhythm.",
    ),
    reference="Tort et al. 2010, J Neurophysiol 104:1195",
)


def compute(*, phase_amplitude: PhaseAmplitude, options: Mapping[str, Any]) -> list[Value]:
    """z value of the modulation index of each region and pair of bands.

    Parameters
    ----------
    phase_amplitude : PhaseAmplitude
        Of the cell.
    options : mapping
        Not used: the options were used when the source was made.

    Returns
    -------
    list of Value
        Standard deviations of the surrogates of one block. Band "theta-low_gamma": phase of theta,
        amplitude of low gamma. What is not defined (a channel without signal) is left out.
    """
    return of_pairs(phase_amplitude, phase_amplitude.index_z)
