"""Lempel-Ziv complexity of spike trains against Poisson trains of the same rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.complexity import SpikeComplexity

METRIC = Metric(
    name="spike_lempel_ziv_normalised",
    label="Normalised spike Lempel-Ziv complexity",
    domain="spikes",
    entity="unit",
    needs=("spike_complexity",),
    grain="cell",
    value_unit="",
    # log2: of the ratio to an exchangeable twin it is 0 on average; the ratio itself is above 1.
    scale="log2",
    options=("spikes.complexity",),
    description="Spike Lempel-Ziv complexity as a multiple of that of Poisson trains",
    definition=(
        "Lempel-Ziv complexity of the windows (spike_lempel_ziv), mean, divided by that of "
        "their twins, one per window, with the same number of occupied bins of 10 ms drawn "
        "anew: 1 for a Poisson train of any rate, below it for trains of many spikes with "
        "structure, how far below depending on the rate. Units with fewer occupied bins than "
        "spikes.complexity.minimum_spikes (50) in all windows have no value"
    ),
    formula="mean c of the windows / mean c of their Poisson twins",
    fails_when=(
        "No value for a unit with fewer than spikes.complexity.minimum_spikes (50) occupied bins "
        "in all windows, or where the cell holds no window of 60 s in one piece.",
        "How far below 1 a train of some structure lies depends on its rate.",
    ),
    reference="Lempel & Ziv 1976, IEEE Trans Inf Theory 22:75; Amigo et al. 2004, Neural Comput "
    "16:717; surrogates: Gruen 2009, J Neurophysiol 101:1126",
)


def compute(*, spike_complexity: SpikeComplexity, options: Mapping[str, Any]) -> list[Value]:
    """Complexity of every unit relative to Poisson trains.

    Parameters
    ----------
    spike_complexity : SpikeComplexity
        Of the cell.
    options : mapping
        Not used: the options were used when the source was made.

    Returns
    -------
    list of Value
        Above 0; 1 for a Poisson train. Units with too few spikes are left out.
    """
    from pipeline.spikes.unit_values import observations

    return observations(spike_complexity.against_poisson, pieces="bins with spikes")
