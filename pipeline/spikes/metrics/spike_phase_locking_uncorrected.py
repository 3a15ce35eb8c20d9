"""Locking of units to the phase of the LFP, over all pairs of spikes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.spikes.locking import Locking

METRIC = Metric(
    name="spike_phase_locking_uncorrected",
    label="Spike-LFP phase locking, all pairs of spikes",
    domain="spikes",
    entity="unit",
    needs=("locking",),
    value_unit="",
    scale="linear",
    grain="cell",
    per_band=True,
    options=("spikes.locking.minimum_spikes",),
    description=(
        "Pairwise phase consistency of each unit as it is commonly stated; rises with bursts and "
        "where the wave is no sine"
    ),
    definition=(
        "Phase of the analytic signal of the band at the time of each spike, from another channel "
        "of the unit's region than the one it is largest on (on another shank where the channel "
        "table names shanks; any channel where the unit's own is not known); (|sum of e^(i "
        "phase)|^2 - n) / (n (n - 1)) for n spikes: mean cosine of the phase difference over all "
        "pairs of spikes. Spikes of a burst fall into one cycle, and the phases of a wave that is "
        "no sine are not evenly spread: both raise it without any locking, so that it stands "
        "beside spike_phase_locking for comparison with other work. Units with fewer than "
        "spikes.locking.minimum_spikes spikes with a phase have none"
    ),
    formula="(|Σ e^(iφ)|² − n) / (n (n − 1)) over the n spikes",
    fails_when=(
        "No value without an LFP channel of the region other than those the units are on, for a "
        "band beyond the pass-band, or for a unit with fewer than spikes.locking.minimum_spikes "
        "(50) spikes with a phase.",
        "Bursts, and a wave that is no sine, raise it without any locking: spike_phase_locking "
        "corrects for both.",
    ),
    reference="Vinck et al. 2010, NeuroImage 51:112",
)


def compute(*, locking: Locking, options: Mapping[str, Any]) -> list[Value]:
    """Consistency of every unit in every band.

    Parameters
    ----------
    locking : Locking
        Of the cell.
    options : mapping
        Not used; ``locking`` is made with them.

    Returns
    -------
    list of Value
        -1 / (n - 1) to 1, one per unit and band.
    """
    from pipeline.spikes.unit_bands import unit_band_values

    return unit_band_values(
        locking.ppc,
        unit_id=locking.unit_id,
        region=locking.region,
        bands=locking.bands,
        n_effective=locking.n_spikes,
        n_effective_unit="spikes",
    )
