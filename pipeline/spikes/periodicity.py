"""Periodicity of single units from their autocorrelograms.

The autocorrelogram is stated over what the unit's rate would give if its spikes were independent:
1 at every lag then, whatever the rate and the number of spikes. A rate that swings as
``1 + m cos(2 pi f t)`` makes it ``1 + m^2 / 2 cos(2 pi f lag)``.

Theta-modulation index: mean at the lags of the first period less that at half a period, over their
sum (after Cacucci et al. 2004, J Neurosci 24:8265, who take 100-140 and 50-70 ms). Periods are
those of the band: for 6-10 Hz 100-167 ms and 50-83 ms. It is 0 for independent spikes, and
``(m^2 / 2) (P - Q) / (2 + (m^2 / 2) (P + Q))`` for the swing above, with P and Q the mean cosines
over the two ranges. As a ratio of counts it does not depend on the rate.

Strongest rhythm: the frequency at which the cosine transform of the autocorrelogram (lags of 20 to
500 ms, its slow part taken off by a parabola) is highest, and that height, which is m^2 / 2 for the
swing above. A maximum is above zero even where there is no rhythm, more so the fewer the spikes;
`strength_z` says by how many standard deviations of independent spikes it is, and about 2.5 is
usual by chance among so many frequencies. Bursts fill the first 20 ms, which are left out of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.intervals import Intervals, contains, disjoint
from pipeline.spikes.units import EpochUnits

#: lags of the autocorrelogram
MAXIMUM_LAG_S, LAG_BIN_S = 0.5, 0.005
#: band whose modulation index is stated
THETA_HZ = (6.0, 10.0)
#: lags that the strongest rhythm is looked for in, and its frequencies
_FIRST_LAG_S = 0.02
_SEARCH_HZ = (3.0, 50.0)
#: length of the blocks that the halves of an epoch are made of
_BLOCK_S = 10.0
#: fewer spikes give no value
MINIMUM_SPIKES = 100
#: independent spikes would have to give so many pairs in each of the two ranges of lags
_LEAST_PAIRS = 20.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Periodicity:
    """Autocorrelograms of the units of one epoch that have enough spikes.

    Attributes
    ----------
    unit_id, region : list of str
        One entry per unit.
    n_spikes : ndarray of int, shape (n_units,)
    lag_s : ndarray, shape (n_lags,)
        Middles of the bins.
    autocorrelogram : ndarray, shape (n_units, n_lags)
        Over that of independent spikes.
    expected_pairs : ndarray, shape (n_units, n_lags)
        Pairs of spikes that independent spikes give.
    halves, halves_expected : ndarray, shape (2, n_units, n_lags)
        The same two for every other block of 10 s, and for the rest; a ratio of 0 where nothing
        is expected.
    theta_index : ndarray, shape (n_units,)
        -1 to 1; NaN where the epoch is too short for the unit's rate.
    frequency_hz, strength, strength_z : ndarray, shape (n_units,)
        The strongest rhythm.
    too_few : tuple of str
        Units with fewer spikes.
    seconds : float
        Length of the epoch.
    """

    unit_id: list[str]
    region: list[str]
    n_spikes: NDArray[np.int64]
    lag_s: NDArray[np.float64]
    autocorrelogram: NDArray[np.float64]
    expected_pairs: NDArray[np.float64]
    halves: NDArray[np.float64]
    halves_expected: NDArray[np.float64]
    theta_index: NDArray[np.float64]
    frequency_hz: NDArray[np.float64]
    strength: NDArray[np.float64]
    strength_z: NDArray[np.float64]
    too_few: tuple[str, ...]
    seconds: float


def unit_periodicity(
    units: EpochUnits,
    *,
    theta_hz: Sequence[float] = THETA_HZ,
    minimum_spikes: int = MINIMUM_SPIKES,
) -> Periodicity | None:
    """Periodicity of every unit.

    Parameters
    ----------
    units : EpochUnits
        Spikes of the epoch.
    theta_hz : sequence of float
        Band of the modulation index.
    minimum_spikes : int
        A unit with fewer spikes is left out.

    Returns
    -------
    Periodicity or None
        None when no unit has enough spikes, or no interval is longer than the longest lag.
    """
    counts = np.array([len(times) for times in units.spike_times])
    enough = counts >= max(minimum_spikes, 2)
    kept = np.flatnonzero(enough)
    trains = [units.spike_times[unit] for unit in kept]
    if not len(kept):
        return None
    lag, pairs, expected = autocorrelograms(trains, units.intervals)
    if not (expected > 0).all():
        return None
    ratio = pairs / expected
    frequency, strength, z = strongest_rhythm(lag, ratio, expected)
    halves, halves_expected = _halves(trains, units.intervals)
    return Periodicity(
        unit_id=[units.unit_id[unit] for unit in kept],
        region=[units.region[unit] for unit in kept],
        n_spikes=counts[kept],
        lag_s=lag,
        autocorrelogram=ratio,
        expected_pairs=expected,
        halves=halves,
        halves_expected=halves_expected,
        theta_index=modulation_index(lag, pairs, expected, theta_hz),
        frequency_hz=frequency,
        strength=strength,
        strength_z=z,
        too_few=tuple(units.unit_id[unit] for unit in np.flatnonzero(~enough)),
        seconds=units.seconds,
    )


def autocorrelograms(
    trains: Sequence[NDArray[np.float64]],
    intervals: ArrayLike,
    *,
    maximum_s: float = MAXIMUM_LAG_S,
    bin_s: float = LAG_BIN_S,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Pairs of a unit's own spikes by lag, and those that independent spikes give.

    Parameters
    ----------
    trains : sequence of ndarray
        Seconds inside `intervals`, ascending.
    intervals : array_like, shape (n, 2)
        Seconds, without overlaps; only pairs within one interval count.
    maximum_s, bin_s : float
        Longest lag, and width of the bins.

    Returns
    -------
    lag_s : ndarray, shape (n_lags,)
        Middles of the bins.
    pairs, expected : ndarray, shape (n_trains, n_lags)
        ``expected`` is n (n - 1) pairs spread evenly over the epoch's time: at lag u the share
        ``2 bin_s sum(length - u) / seconds^2`` of the n (n - 1) / 2.
    """
    intervals = disjoint(intervals)
    n_lags = round(maximum_s / bin_s)
    lag = (np.arange(n_lags, dtype=np.float64) + 0.5) * bin_s
    lengths = intervals[:, 1] - intervals[:, 0]
    counts = np.array([len(times) for times in trains], dtype=float)
    room = np.maximum(lengths[:, None] - lag, 0.0).sum(axis=0)
    share = room * bin_s / lengths.sum() ** 2
    expected = (counts * (counts - 1))[:, None] * share
    # Units and intervals laid end to end, further apart than any lag: one pass over all spikes.
    spikes = np.concatenate([np.empty(0), *trains])
    unit = np.repeat(np.arange(len(trains)), counts.astype(np.int64))
    interval = np.searchsorted(intervals[:, 0], spikes, side="right") - 1
    group = unit * len(intervals) + interval
    found = np.zeros(len(trains) * n_lags)
    first = np.arange(len(spikes))
    order = 1
    while len(first):
        first = first[first + order < len(spikes)]
        first = first[group[first + order] == group[first]]
        bins = ((spikes[first + order] - spikes[first]) / bin_s).astype(np.int64)
        near = bins < n_lags
        # What is too far for this neighbour is too far for all later ones.
        first, bins = first[near], bins[near]
        found += np.bincount(unit[first] * n_lags + bins, minlength=len(found))
        order += 1
    return lag, found.reshape(len(trains), n_lags), expected


def alternate_blocks(intervals: ArrayLike, block_s: float) -> tuple[Intervals, Intervals]:
    """Every other block of some intervals, and the rest.

    Parameters
    ----------
    intervals : array_like, shape (n, 2)
        Seconds, without overlaps.
    block_s : float
        Blocks begin at the start of each interval, whose last one may be shorter.

    Returns
    -------
    even, odd : ndarray, shape (m, 2)
        Seconds. Blocks take turns through all intervals.
    """
    blocks = [
        (low, min(low + block_s, stop))
        for start, stop in disjoint(intervals)
        for low in np.arange(start, stop, block_s)
    ]
    every = np.array(blocks).reshape(-1, 2)
    return every[::2], every[1::2]


def _halves(
    trains: Sequence[NDArray[np.float64]], intervals: Intervals
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Autocorrelograms of two halves of an epoch, and the pairs independent spikes give."""
    ratio, by_chance = [], []
    for part in alternate_blocks(intervals, _BLOCK_S):
        if not len(part):  # an epoch of one block has no second half
            ratio.append(np.zeros((len(trains), round(MAXIMUM_LAG_S / LAG_BIN_S))))
            by_chance.append(ratio[-1])
            continue
        _, pairs, expected = autocorrelograms([t[contains(part, t)] for t in trains], part)
        ratio.append(np.where(expected > 0, pairs / np.where(expected > 0, expected, 1.0), 0.0))
        by_chance.append(expected)
    return np.array(ratio), np.array(by_chance)


def modulation_index(
    lag_s: NDArray[np.float64],
    pairs: NDArray[np.float64],
    expected: NDArray[np.float64],
    band_hz: Sequence[float],
) -> NDArray[np.float64]:
    """(first period - half period) / (first period + half period) of autocorrelograms.

    Parameters
    ----------
    lag_s : ndarray, shape (n_lags,)
    pairs, expected : ndarray, shape (n_units, n_lags)
        Of :func:`autocorrelograms`.
    band_hz : sequence of float
        From, to.

    Returns
    -------
    ndarray, shape (n_units,)
        NaN where independent spikes would give fewer than 20 pairs in a range.
    """
    low, high = band_hz
    means, enough = [], np.ones(len(pairs), dtype=bool)
    for first, past in ((1 / high, 1 / low), (0.5 / high, 0.5 / low)):
        inside = (lag_s >= first) & (lag_s < past)
        by_chance = expected[:, inside].sum(axis=1)
        enough &= by_chance >= _LEAST_PAIRS
        means.append(pairs[:, inside].sum(axis=1) / np.maximum(by_chance, 1e-30))
    peak, trough = means
    usable = enough & (peak + trough > 0)
    return np.where(usable, (peak - trough) / np.where(usable, peak + trough, 1.0), np.nan)


def strongest_rhythm(
    lag_s: NDArray[np.float64], ratio: NDArray[np.float64], expected: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Frequency and height of the highest peak of the autocorrelograms' cosine transforms.

    Parameters
    ----------
    lag_s : ndarray, shape (n_lags,)
    ratio, expected : ndarray, shape (n_units, n_lags)
        Autocorrelogram over that of independent spikes, and the pairs these give.

    Returns
    -------
    frequency_hz, strength, strength_z : ndarray, shape (n_units,)
    """
    frequency = np.arange(_SEARCH_HZ[0], _SEARCH_HZ[1] + 1e-9, 0.25)
    used, fit = cosine_fit(lag_s, frequency)
    height = ratio[:, used] @ fit
    error = np.sqrt((1 / expected[:, used]) @ fit**2)
    z = height / error
    # The surest peak, not the highest: the slowest frequencies are the noisiest.
    best = np.argmax(z, axis=1)
    rows = np.arange(len(ratio))
    return frequency[best], height[rows, best], z[rows, best]


def cosine_fit(
    lag_s: NDArray[np.float64], frequency_hz: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Weights that take the height of a cosine out of an autocorrelogram by least squares.

    A parabola beside the cosine takes up what is slow. Later lags, where a rhythm that wanders has
    lost its phase, count less.

    Parameters
    ----------
    lag_s : ndarray, shape (n_lags,)
    frequency_hz : ndarray, shape (n_frequencies,)
        Each is fitted by itself.

    Returns
    -------
    used : ndarray of bool, shape (n_lags,)
        Lags from 20 ms on: bursts fill the earlier ones.
    fit : ndarray, shape (n_used, n_frequencies)
        ``ratio[:, used] @ fit`` are the heights.
    """
    used = lag_s >= _FIRST_LAG_S
    lag = lag_s[used]
    weight = np.cos(0.5 * np.pi * lag / (lag_s[-1] + lag_s[0])) ** 2
    slow = np.vander(lag / lag[-1], 3)
    root = np.sqrt(weight)
    basis, _ = np.linalg.qr(root[:, None] * slow)
    cosine = root[:, None] * np.cos(2 * np.pi * np.outer(lag, frequency_hz))
    cosine -= basis @ (basis.T @ cosine)
    return used, root[:, None] * cosine / np.sum(cosine**2, axis=0)
