"""Lempel-Ziv complexity of spike trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.complexity import SpikeComplexity

METRIC = Metric(
    name="spike_lempel_ziv",
    label="Spike Lempel-Ziv complexity",
    domain="spikes",
    entity="unit",
    needs=("spike_complexity",),
    grain="cell",
    value_unit="",
    # log2: above 0 even for a silent unit, and near to proportional to the rate.
    scale="log2",
    options=("spikes.complexity",),
    description="Lempel-Ziv complexity of spike trains; follows the rate above all",
    definition=(
        "Number c of words of the LZ76 parsing of n bins of 10 ms that hold a spike or not, as "
        "c log2(n) / n; mean over at most 5 windows of 60 s (spikes.complexity), evenly spread, "
        "that lie wholly inside an interval of the cell. More spikes, more words: "
        "spike_lempel_ziv_normalised stands beside it. Fewer windows read a little less where "
        "the rate wanders. A silent unit has a value"
    ),
    formula="c · log₂(n) / n, c words of the LZ76 parsing of n bins of 10 ms (a spike or none)",
    fails_when=(
        "No value where the cell holds no window of spikes.complexity.window_s (60 s) in one "
        "piece.",
        "Follows the rate above all: read spike_lempel_ziv_normalised.",
    ),
    reference="Lempel & Ziv 1976, IEEE Trans Inf Theory 22:75; Amigo et al. 2004, Neural Comput "
    "16:717",
)


def compute(*, spike_complexity: SpikeComplexity, options: Mapping[str, Any]) -> list[Value]:
    """Complexity of every unit's spike train.

    Parameters
    ----------
    spike_complexity : SpikeComplexity
        Of the cell.
    options : mapping
        Not used: the options were used when the source was made.

    Returns
    -------
    list of Value
        Above 0. Cells without a window have none.
    """
    from pipeline.spikes.unit_values import observations

    return observations(spike_complexity.lempel_ziv, pieces="windows")
