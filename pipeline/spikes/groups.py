"""What the units of a region do together: coupling to the population, synchrony, dimension.

Four questions, each with what could fake its answer taken out:

**Population coupling**: see :mod:`pipeline.spikes.population_coupling`.

**Synchrony beyond rate**: coincidences within 5 ms, over what jitter of every spike within fixed
windows of 50 ms leaves of them (Amarasingham et al. 2012, J Neurophysiol 107:517). Rates that
change more slowly than the windows make no synchrony then. No spike is jittered here: with m bins
per window, two spikes of different units in one window coincide with probability 1 / m, and these
events are pairwise independent, so that mean and variance over all jitters are exact:
N / m and N (1 / m) (1 - 1 / m) for N such pairs. Jitter of single spikes keeps neither dead times
nor bursts: the ratio stays right (pairs within a unit are not counted), but bursts of two units
meet or miss as a whole, so that `synchrony_z` is too large in size where units fire in bursts.

**Participation ratio** (sum of eigenvalues)^2 / (sum of squared eigenvalues) of the correlation
matrix of counts in 100 ms (Gao et al. 2017, bioRxiv 214262): N for independent units, 1 if all do
the same. It grows with the number of units and falls with short recordings, because correlations of
independent units are not zero in a sample. As sums of eigenvalues are traces, it is
N / (1 + (N - 1) r2), where r2 is the mean squared correlation of pairs. ``dimension`` states
it for one and the same number of units in every epoch and animal, with r2 from products of the
correlations in two halves of the epoch (10-s blocks in turn), whose errors are independent: it
depends neither on how many units were recorded nor on how long.

**Variation of the population rate**: SD / mean of the summed counts in 20 ms; and its part beyond
that of independent Poisson units, (variance - mean) / mean^2.

Slow drift is taken out of all by windows of ten minutes (see :mod:`pipeline.spikes.pairs`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.intervals import disjoint
from pipeline.spikes.pairs import (
    MINIMUM_SPIKES,
    WINDOW_S,
    bin_counts,
    bin_starts,
    count_moments,
    count_products,
    time_windows,
)
from pipeline.spikes.population_coupling import population_coupling
from pipeline.spikes.units import EpochUnits

#: fewer units of a region give no value
MINIMUM_UNITS = 5
#: number of units that `dimension` is stated for
DIMENSION_UNITS = 10
#: bins of the participation ratio, and blocks dealt to its two halves
_DIMENSION_BIN_S, _HALF_BLOCK_S = 0.1, 10.0
#: bins of the population rate's variation
_RATE_BIN_S = 0.02
#: jitter must leave as many coincidences for `synchrony` to be an outcome: its SD is 0.19 then
LEAST_COINCIDENCES = 25.0
#: coincidence, and the windows of jitter; whole multiples
_COINCIDENCE_S, _JITTER_S = 0.005, 0.05


@dataclass(frozen=True, eq=False, kw_only=True)
class Group:
    """Units of one region in one epoch.

    Attributes
    ----------
    region : str
    unit_id : list of str
        Units with enough spikes, which all values rest on.
    n_spikes : ndarray of int, shape (n_units,)
    coupling_hz, coupling : ndarray, shape (n_units,)
        Population coupling of each unit; as a share of the others' mean rate.
    synchrony : float
        Coincidences over their mean under jitter; 1 where units fire independently.
    synchrony_z : float
        Their distance from that mean in standard deviations; grows with the length of the epoch.
    coincidences : float
        That mean. The standard deviation of `synchrony` is about the root of 0.9 / coincidences.
    participation_ratio : float
        Of all the units, 1 to n_units; depends on their number and on the length of the epoch.
    dimension : float
        Participation ratio of :data:`DIMENSION_UNITS` units; may exceed that number by chance.
    rate_variation : float
        SD / mean of the population's counts.
    shared_variation : float
        (variance - mean) / mean^2 of the population's counts; 0 for independent Poisson units.
    seconds : float
        Length of the epoch.

    Values that cannot be stated are NaN: nothing coincides, the epoch is too short.
    """

    region: str
    unit_id: list[str]
    n_spikes: NDArray[np.int64]
    coupling_hz: NDArray[np.float64]
    coupling: NDArray[np.float64]
    synchrony: float
    synchrony_z: float
    coincidences: float
    participation_ratio: float
    dimension: float
    rate_variation: float
    shared_variation: float
    seconds: float


@dataclass(frozen=True, eq=False, kw_only=True)
class CellGroups:
    """Groups of a cell, by region, and how long the cell lasts.

    Attributes
    ----------
    groups : list of Group
        Regions with two such units or more: each measure says how many it needs.
    seconds : float
    """

    groups: list[Group]
    seconds: float


def cell_groups(units: EpochUnits, *, options: Mapping[str, Any]) -> CellGroups | None:
    """What the units of every region do together in a cell.

    Parameters
    ----------
    units : EpochUnits
        Spikes of the cell.
    options : mapping
        ``minimum_spikes``, ``dimension_units`` of the config's spikes.groups.

    Returns
    -------
    CellGroups or None
        None when no region has two units with enough spikes.
    """
    groups = epoch_groups(
        units,
        minimum_spikes=options["minimum_spikes"],
        minimum_units=2,
        dimension_units=options["dimension_units"],
    )
    return CellGroups(groups=groups, seconds=units.seconds) if groups else None


def epoch_groups(
    units: EpochUnits,
    *,
    minimum_spikes: int = MINIMUM_SPIKES,
    minimum_units: int = MINIMUM_UNITS,
    dimension_units: int = DIMENSION_UNITS,
) -> list[Group]:
    """What the units of every region do together.

    Parameters
    ----------
    units : EpochUnits
        Spikes of the epoch.
    minimum_spikes : int
        A unit with fewer spikes is left out.
    minimum_units : int
        A region with fewer such units has no entry.
    dimension_units : int
        Number of units that ``dimension`` is stated for.

    Returns
    -------
    list of Group
        Regions in the order of their names; units without a region are left out.
    """
    found = []
    for region in sorted(set(units.region) - {""}):
        kept = [
            unit
            for unit, times in enumerate(units.spike_times)
            if units.region[unit] == region and len(times) >= max(minimum_spikes, 1)
        ]
        if len(kept) < max(minimum_units, 2):
            continue
        trains = [units.spike_times[unit] for unit in kept]
        coupling_hz, coupling = population_coupling(trains, units.intervals)
        ratio, z, coincidences = synchrony(trains, units.intervals)
        all_units, same_units = participation(trains, units.intervals, n_units=dimension_units)
        variation, shared = rate_variation(trains, units.intervals)
        found.append(
            Group(
                region=region,
                unit_id=[units.unit_id[unit] for unit in kept],
                n_spikes=np.array([len(times) for times in trains]),
                coupling_hz=coupling_hz,
                coupling=coupling,
                synchrony=ratio,
                synchrony_z=z,
                coincidences=coincidences,
                participation_ratio=all_units,
                dimension=same_units,
                rate_variation=variation,
                shared_variation=shared,
                seconds=units.seconds,
            )
        )
    return found


def synchrony(
    trains: Sequence[NDArray[np.float64]],
    intervals: ArrayLike,
    *,
    coincidence_s: float = _COINCIDENCE_S,
    jitter_s: float = _JITTER_S,
) -> tuple[float, float, float]:
    """Coincidences of different units over what jitter leaves of them.

    Parameters
    ----------
    trains : sequence of ndarray
        Seconds, ascending.
    intervals : array_like, shape (n, 2)
        Seconds, without overlaps; windows lie wholly inside one.
    coincidence_s, jitter_s : float
        Width of the bins, and of the windows of jitter, a whole multiple of it.

    Returns
    -------
    ratio, z : float
        NaN where no window holds spikes of two units.
    expected : float
        What jitter leaves on average.
    """
    n_bins = round(jitter_s / coincidence_s)
    if n_bins < 2 or abs(n_bins * coincidence_s - jitter_s) > 1e-9:
        raise ValueError(f"jitter of {jitter_s} s, bins of {coincidence_s} s: no whole multiple")
    starts = bin_starts(disjoint(intervals), jitter_s)
    windows, bins = [], []
    for unit, times in enumerate(trains):
        window = np.searchsorted(starts, times, side="right") - 1
        since = times - starts[window] if len(starts) else times
        inside = (window >= 0) & (since < jitter_s)
        window = window[inside]
        part = np.minimum((since[inside] / coincidence_s).astype(np.int64), n_bins - 1)
        windows.append(window + unit * len(starts))
        bins.append(window * n_bins + part + unit * len(starts) * n_bins)
    possible = _mixed_pairs(np.concatenate(windows), len(starts))
    if possible == 0:
        return float("nan"), float("nan"), 0.0
    found = _mixed_pairs(np.concatenate(bins), len(starts) * n_bins)
    expected = possible / n_bins
    z = (found - expected) / np.sqrt(expected * (1 - 1 / n_bins))
    return found / expected, z, expected


def _mixed_pairs(place: NDArray[np.int64], n_places: int) -> float:
    """Pairs of spikes of different units in one place; `place` is place + unit x n_places."""
    if not len(place):
        return 0.0
    together = np.bincount(place % n_places).astype(float)
    borders = np.flatnonzero(np.diff(place, prepend=-1))
    alone = np.diff(borders, append=len(place)).astype(float)
    return float(np.sum(together**2) - np.sum(alone**2)) / 2


def participation(
    trains: Sequence[NDArray[np.float64]],
    intervals: ArrayLike,
    *,
    n_units: int,
    bin_s: float = _DIMENSION_BIN_S,
) -> tuple[float, float]:
    """Participation ratio of all units, and of a given number of units.

    Parameters
    ----------
    trains : sequence of ndarray
        Seconds, ascending.
    intervals : array_like, shape (n, 2)
        Seconds, without overlaps.
    n_units : int
        Number of units that the second value is stated for.
    bin_s : float
        Bin of the counts.

    Returns
    -------
    all_units, same_units : float
        NaN where a half of the epoch has no two bins, a unit is silent in one, or chance takes the
        second below any meaning.
    """
    starts = bin_starts(disjoint(intervals), bin_s)
    half = np.floor(starts / _HALF_BLOCK_S + 1e-9).astype(np.int64) % 2
    together = np.zeros((len(trains), len(trains)))
    products = np.zeros((2, len(trains), len(trains)))
    for window in time_windows(starts, WINDOW_S):
        counts = bin_counts(trains, starts[window], bin_s)
        together += _products(counts)
        for side in (0, 1):
            products[side] += _products(counts[:, half[window] == side])
    total = np.diag(together)
    sides = np.diagonal(products, axis1=1, axis2=2)
    if not (total > 0).all():
        return float("nan"), float("nan")
    whole = together / np.sqrt(np.outer(total, total))
    all_units = len(trains) ** 2 / float(np.sum(whole**2))
    if not (sides > 0).all():
        return all_units, float("nan")
    one, other = products / np.sqrt(sides[:, :, None] * sides[:, None])
    squared = float(np.mean((one * other)[np.triu_indices(len(trains), 1)]))
    share = (1 + (n_units - 1) * squared) / n_units
    return all_units, 1 / share if share > 0 else float("nan")


def _products(counts: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sums of products of the counts (unit, bin) around their means."""
    if counts.shape[1] < 2:
        return np.zeros((len(counts), len(counts)))
    sums = counts.sum(axis=1, dtype=np.float64)
    return count_products(counts) - np.outer(sums, sums) / counts.shape[1]


def rate_variation(
    trains: Sequence[NDArray[np.float64]], intervals: ArrayLike, *, bin_s: float = _RATE_BIN_S
) -> tuple[float, float]:
    """SD / mean of the population's counts, and their relative variance beyond Poisson's.

    Parameters
    ----------
    trains : sequence of ndarray
        Seconds, ascending.
    intervals : array_like, shape (n, 2)
        Seconds, without overlaps.
    bin_s : float
        Bin of the counts.

    Returns
    -------
    variation, shared : float
        ``SD / mean`` and ``(variance - mean) / mean^2``; NaN where nothing fires. The first falls
        with the number of units even when they fire independently.
    """
    joined = np.sort(np.concatenate(list(trains)))
    moments = count_moments([joined], intervals, bin_s=bin_s)
    if moments is None or moments.mean[0] == 0:
        return float("nan"), float("nan")
    mean, variance = float(moments.mean[0]), float(moments.covariance[0, 0])
    return np.sqrt(variance) / mean, (variance - mean) / mean**2
