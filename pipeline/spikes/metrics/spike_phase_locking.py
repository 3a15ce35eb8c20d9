"""Locking of units to the phase of the LFP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.locking import Locking

METRIC = Metric(
    name="spike_phase_locking",
    label="Spike-LFP phase locking",
    domain="spikes",
    entity="unit",
    needs=("locking",),
    value_unit="",
    scale="linear",
    grain="cell",
    per_band=True,
    options=("spikes.locking.minimum_spikes",),
    description="Pairwise phase consistency of each unit, blind to bursts and the wave's shape",
    definition=(
        "Phase of the analytic signal of the band at the time of each spike, from another channel "
        "of the unit's region than the one it is largest on (on another shank where the channel "
        "table names shanks; any channel where the unit's own is not known); mean cosine of the "
        "phase difference over all pairs of spikes from different blocks of 5 s of the session "
        "clock, after the mean phase vector of each block's time, times its spikes, is taken off "
        "each block's sum: bursts, and the uneven phases of a wave that is no sine or of a short "
        "cell, make no locking then. Its mean is the squared length of the mean phase vector, 0 "
        "without locking, whatever the number of spikes; it may lie below 0 by chance. Units with "
        "fewer than spikes.locking.minimum_spikes spikes with a phase, and those whose spikes "
        "fill one block, have none"
    ),
    formula=(
        "Σ_{b≠c} Re(S_b · S_c*) / Σ_{b≠c} n_b · n_c over blocks b, c of 5 s; S_b the sum of e^(iφ) "
        "of the block's n_b spikes less n_b times the mean phase vector of its time"
    ),
    fails_when=(
        "No value without an LFP channel of the region other than those the units are on, for a "
        "band beyond the pass-band, or for a unit with fewer than spikes.locking.minimum_spikes "
        "(50) spikes with a phase.",
        "No value for a unit whose spikes fill one block.",
        "May lie below 0 by chance. A rhythm that hardly stands above the background has no phase "
        "to lock to: look at peak_power.",
    ),
    reference=(
        "Vinck et al. 2010, NeuroImage 51:112; pairs from different trials, here blocks: Vinck et "
        "al. 2012, J Comput Neurosci 33:53"
    ),
)


def compute(*, locking: Locking, options: Mapping[str, Any]) -> list[Value]:
    """Corrected consistency of every unit in every band.

    Parameters
    ----------
    locking : Locking
        Of the cell.
    options : mapping
        Not used; ``locking`` is made with them.

    Returns
    -------
    list of Value
        -1 to 1, one per unit and band; units without a value are left out.
    """
    from pipeline.spikes.unit_bands import unit_band_values

    return unit_band_values(
        locking.ppc_corrected,
        unit_id=locking.unit_id,
        region=locking.region,
        bands=locking.bands,
        n_effective=locking.n_spikes,
        n_effective_unit="spikes",
    )
