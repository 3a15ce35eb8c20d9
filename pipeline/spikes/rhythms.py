"""Rhythms of single units in the config's bands, from their autocorrelograms.

The strongest rhythm (:mod:`pipeline.spikes.periodicity`) is a maximum over frequencies: it lies
above zero by chance, more so the fewer the spikes, so that a drug that only lowers rates would seem
to add rhythm. Here the frequency is found in one half of the epoch (every other block of 10 s) and
its strength is measured in the other half, and the reverse. Independent spikes give 0 on average,
however few; a rate that swings as ``1 + m cos(2 pi f t)`` gives ``m^2 / 2`` wherever in the band f
lies. A rhythm too weak for the frequency to be found loses a part of its strength with it. Without
the first 20 ms, which bursts fill, cosines of different frequencies are not quite orthogonal: a
rhythm leaves up to a tenth of its height, upside down, in other bands.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.spikes.periodicity import LAG_BIN_S, Periodicity, cosine_fit

#: what lags of 20 to 500 ms in bins of 5 ms can tell
RANGE_HZ = (3.0, 80.0)
#: a frequency is stated where its peak lies so many standard deviations of independent spikes up
LEAST_Z = 4.0
_STEP_HZ = 0.25
#: half an epoch must give so many pairs per bin of lags, by chance
_LEAST_PAIRS = 1.0


def can_be_told(band_hz: Sequence[float]) -> bool:
    """Whether all of a band lies where autocorrelograms can tell it, 3 to 80 Hz."""
    return RANGE_HZ[0] <= band_hz[0] < band_hz[1] <= RANGE_HZ[1]


def band_strength(periodicity: Periodicity, band_hz: Sequence[float]) -> NDArray[np.float64]:
    """Strength of each unit's rhythm in a band, at the frequency that the other half shows.

    Parameters
    ----------
    periodicity : Periodicity
        Of the cell.
    band_hz : sequence of float
        From, to; see :func:`can_be_told`.

    Returns
    -------
    ndarray, shape (n_units,)
        Mean of the two halves. NaN where a half is so short, or has so few spikes, that
        independent spikes would give less than a pair in a bin of lags.
    """
    frequency = np.arange(band_hz[0], band_hz[1] + 1e-9, _STEP_HZ)
    used, fit = cosine_fit(periodicity.lag_s, frequency)
    expected = periodicity.halves_expected[:, :, used]
    enough = (expected.min(axis=2) >= _LEAST_PAIRS).all(axis=0)
    height = periodicity.halves[:, :, used] @ fit
    error = np.sqrt((1 / np.maximum(expected, _LEAST_PAIRS)) @ fit**2)
    best = np.argmax(height / error, axis=2)
    rows = np.arange(len(enough))
    # Bins of 5 ms flatten fast rhythms.
    flattened = np.sinc(frequency * LAG_BIN_S)
    held_out = [
        height[judged, rows, best[found]] / flattened[best[found]]
        for found, judged in ((0, 1), (1, 0))
    ]
    return np.where(enough, np.mean(held_out, axis=0), np.nan)


def band_frequency(periodicity: Periodicity, band_hz: Sequence[float]) -> NDArray[np.float64]:
    """Frequency of each unit's rhythm in a band, from all of the epoch.

    Parameters
    ----------
    periodicity : Periodicity
        Of the cell.
    band_hz : sequence of float
        From, to; see :func:`can_be_told`.

    Returns
    -------
    ndarray, shape (n_units,)
        Hz; NaN where the surest frequency of the band is no peak (a slope beyond the band's edge),
        or less than 4 standard deviations of independent spikes above zero.
    """
    low, high = band_hz
    frequency = np.arange(low - _STEP_HZ, high + 1.5 * _STEP_HZ, _STEP_HZ)
    used, fit = cosine_fit(periodicity.lag_s, frequency)
    error = np.sqrt((1 / periodicity.expected_pairs[:, used]) @ fit**2)
    z = periodicity.autocorrelogram[:, used] @ fit / error
    best = 1 + np.argmax(z[:, 1:-1], axis=1)
    rows = np.arange(len(z))
    before, top, after = z[rows, best - 1], z[rows, best], z[rows, best + 1]
    peak = (top >= LEAST_Z) & (top > before) & (top > after)
    bend = np.where(peak, before - 2 * top + after, -1.0)
    return np.where(peak, frequency[best] + _STEP_HZ * 0.5 * (before - after) / bend, np.nan)
