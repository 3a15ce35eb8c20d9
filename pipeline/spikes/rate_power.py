"""Correlation between a unit's rate and the power of a band, second by second.

Wood, Kim & Moghaddam 2012, J Neurosci 32:3022: drugs that change prefrontal activity in
opposite directions all loosen the tie between rates and gamma power.

Spearman's: power is log-normal and counts are skewed. Seconds are ranked within windows of ten
minutes and the ranks of all windows are pooled, so that two slow courses after a dose make no
correlation. Power is that of the channel that the unit's phases are taken from, never its own:
there the unit's spikes are power themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.spikes.pairs import MINIMUM_SPIKES, WINDOW_S, bin_counts, time_windows
from pipeline.spikes.phases import POWER_S, SpikePhases
from pipeline.spikes.units import EpochUnits

#: fewer seconds give no value
MINIMUM_SECONDS = 60


@dataclass(frozen=True, eq=False, kw_only=True)
class RatePower:
    """Correlation of units' rates with band power in one epoch.

    Attributes
    ----------
    unit_id, region : list of str
        Units with enough spikes and a channel.
    bands : tuple of str
    correlation : ndarray, shape (n_units, n_bands)
        Spearman's, -1 to 1; NaN where the unit or the power never varies.
    n_seconds : int
        Whole clean seconds that it rests on.
    seconds : float
        Their length.
    """

    unit_id: list[str]
    region: list[str]
    bands: tuple[str, ...]
    correlation: NDArray[np.float64]
    n_seconds: int
    seconds: float


def cell_rate_power(units: EpochUnits, phases: SpikePhases) -> RatePower | None:
    """Correlation of the rates of a cell's units with band power: :func:`rate_power_correlation`.

    Units with fewer than 50 spikes, and cells with less than a minute of whole clean seconds, have
    no value.
    """
    return rate_power_correlation(units, phases)


def rate_power_correlation(
    units: EpochUnits,
    phases: SpikePhases,
    *,
    minimum_spikes: int = MINIMUM_SPIKES,
    minimum_seconds: int = MINIMUM_SECONDS,
) -> RatePower | None:
    """Correlation of every unit's counts with every band's power, in seconds of the session clock.

    Parameters
    ----------
    units : EpochUnits
        Spikes of the epoch; units by the names that `phases` knows.
    phases : SpikePhases
        Of the session (:func:`pipeline.spikes.phases.spike_phases`).
    minimum_spikes, minimum_seconds : int
        A unit, an epoch with fewer is left out.

    Returns
    -------
    RatePower or None
        None when no unit or too few seconds are left.
    """
    channel = dict(zip(phases.unit_id, phases.channel, strict=True))
    kept = [
        unit
        for unit, times in enumerate(units.spike_times)
        if len(times) >= minimum_spikes and channel.get(units.unit_id[unit])
    ]
    inside = phases.whole_seconds(units.intervals)
    if not kept or inside.sum() < minimum_seconds:
        return None
    starts = (np.flatnonzero(inside) + phases.first_second).astype(np.float64) * POWER_S
    power = phases.power[..., inside]
    counts = bin_counts([units.spike_times[unit] for unit in kept], starts, POWER_S)
    rows = [phases.power_channel.index(channel[units.unit_id[unit]]) for unit in kept]
    own = squares = products = np.zeros(())
    for window in time_windows(starts, WINDOW_S):
        fired = _centred_ranks(counts[:, window])
        strong = _centred_ranks(power[..., window])
        own = own + np.sum(fired**2, axis=-1)
        squares = squares + np.sum(strong**2, axis=-1)
        products = products + np.einsum("ubs,us->ub", strong[rows], fired)
    scale = np.sqrt(own[:, None] * squares[rows])
    return RatePower(
        unit_id=[units.unit_id[unit] for unit in kept],
        region=[units.region[unit] for unit in kept],
        bands=phases.bands,
        correlation=products / np.where(scale > 0, scale, np.nan),
        n_seconds=len(starts),
        seconds=len(starts) * POWER_S,
    )


def _centred_ranks(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Ranks along the last axis, ties at their mean, from -1/2 to 1/2, sum 0."""
    flat = values.reshape(-1, values.shape[-1])
    ranks = np.empty(flat.shape)
    for row, ranked in zip(flat, ranks, strict=True):
        _, place, count = np.unique(row, return_inverse=True, return_counts=True)
        ranked[:] = (np.cumsum(count) - (count - 1) / 2)[place]
    ranks = (ranks - (flat.shape[-1] + 1) / 2) / flat.shape[-1]
    return ranks.reshape(values.shape)
