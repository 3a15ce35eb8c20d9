"""Bursts like those of muscles (head twitches, chewing): short, and broadband far above 70 Hz.

A burst raises 70-110 Hz and the frequencies above 200 Hz together, and is over within two seconds.
Neither a gamma rhythm (no power above 200 Hz) nor fast oscillations of 110-180 Hz (power in neither
band) are one, and what lasts longer is a change of state or of gain, not a burst. Thresholds are
frozen on the baseline: a drug that makes animals twitch must not raise them. A burst must stand as
far above the twenty seconds around it, too: a drug that raises all power makes no bursts.

Method: own. The two bands follow from what head twitches and electromyograms look like in
recordings (head-twitch magnetometers see 70-110 Hz; muscle reaches far above 200 Hz, field
potentials hardly do). Power of half overlapping Hann windows of 0.128 s, each frequency divided by
its median over the baseline (so that mains and the slope of the spectrum have no say), mean over
the band, in dB; median over the channels of a region (muscles are seen by all of them). The upper
band counts by the weakest of its parts of 50 Hz or more: a ripple fills only one of them.

What a burst of muscles is not: bursts of spikes beside a cell layer (sharp waves of CA1) are as
broad and as short. Muscles are seen everywhere, so that a burst must show in at least half of the
regions, and in two if there are two; a recording of one region cannot make that difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from pipeline.intervals import Intervals, merge, subtract
from pipeline.lfp.signal import rate_of, read_samples, sample_ranges

LOW_HZ = (70.0, 110.0)
HIGH_FROM_HZ = 200.0
#: a pass band that ends below this has too little room above 200 Hz
_HIGH_LEAST_HZ = 250.0
#: where the pass band ends below that, its upper part stands for what lies above 200 Hz
_UPPER_PART = 0.7
#: below this the upper part would touch the lower band
_PASS_LEAST_HZ = 160.0

WINDOW_S = 0.128
#: least excess over the baseline's median in the lower and in the upper band, dB
LEAST_DB = (6.0, 10.0)
#: and no less than so many robust standard deviations of the baseline. The upper band decides: the
#: lower one holds five times fewer independent values and, in it, large field potentials
LEAST_SD = (3.0, 6.0)
#: the upper band is cut into parts of at least this width
_PART_HZ = 50.0
#: bursts that follow each other within this are one
JOIN_S = 0.5
#: what lasts longer is no burst
LONGEST_S = 2.0

_SD_PER_MAD = 1.482602218505602
#: the baseline is looked at in so many pieces, of so many windows each
_PIECES, _PIECE_WINDOWS = 48, 64
#: the surroundings of a window: medians of blocks of so many windows (1 s), and the median over so
#: many blocks on either side
_BLOCK_WINDOWS, _BLOCKS_AROUND = 16, 10
#: windows that one FFT call gets
_FFT_WINDOWS = 2048


@dataclass(frozen=True, eq=False)
class Bursts:
    """What was found.

    Attributes
    ----------
    events : ndarray, shape (n, 2)
        Onset and end of every burst, seconds on the session clock, without any padding.
    sustained : ndarray, shape (m, 2)
        Other time above both thresholds: longer than a burst lasts, or no louder than the ten
        seconds before and after.
    note : str
        What the recording does not allow; "" where it allows all.
    possible : bool
        False where the recording does not allow to tell bursts at all: no events then means
        nothing.
    """

    events: Intervals
    sustained: Intervals
    note: str = ""
    possible: bool = True


@dataclass(frozen=True, eq=False)
class BurstThresholds:
    """What windows are compared with.

    Attributes
    ----------
    channels : ndarray of int, shape (n_channels,)
        Positions of the channels that are looked at.
    groups : tuple of ndarray of int
        Indices into `channels`, region by region.
    length, step : int
        Samples per window, and from one to the next.
    bins : slice
        Frequencies of a window that are used, from the lower band to the end of the upper one.
    weights : ndarray of float32, shape (n_channels, n_bins, 1 + n_parts)
        Power x weights = mean over the lower band, and over each part of the upper one, of power
        in multiples of its baseline median.
    centre_db, limit_db : ndarray, shape (n_groups, 2)
        Median of the baseline, and the excess over it that counts.
    """

    channels: NDArray[np.int64]
    groups: tuple[NDArray[np.int64], ...]
    length: int
    step: int
    bins: slice
    weights: NDArray[np.float32]
    centre_db: NDArray[np.float64]
    limit_db: NDArray[np.float64]


def burst_bands(pass_band_hz: float) -> tuple[tuple[float, float], str] | tuple[None, str]:
    """Return the upper band in Hz, and what must be said of it.

    Parameters
    ----------
    pass_band_hz : float
        Highest frequency that the LFP holds.

    Returns
    -------
    band : (float, float) or None
        None where bursts cannot be told from gamma.
    note : str
        "" where there is nothing to say.
    """
    if pass_band_hz >= _HIGH_LEAST_HZ:
        return (HIGH_FROM_HZ, pass_band_hz), ""
    if pass_band_hz >= _PASS_LEAST_HZ:
        low = _UPPER_PART * pass_band_hz
        note = (
            f"the LFP's pass band ends at {pass_band_hz:g} Hz: bursts are told by "
            f"{low:g}-{pass_band_hz:g} Hz instead of above {HIGH_FROM_HZ:g} Hz, so that fast "
            "oscillations together with gamma may count as one"
        )
        return (low, pass_band_hz), note
    return None, (
        f"bursts of muscles are not looked for: the LFP's pass band ends at {pass_band_hz:g} Hz; "
        f"they are told from gamma by what lies above {HIGH_FROM_HZ:g} Hz"
    )


def burst_thresholds(
    lfp: xr.DataArray, baseline: ArrayLike, channels: NDArray[np.int64]
) -> tuple[BurstThresholds | None, str]:
    """Freeze the thresholds on the baseline.

    Parameters
    ----------
    lfp : DataArray (time, channel)
        Microvolts.
    baseline : array_like, shape (n, 2)
        Seconds on the session clock, without overlaps.
    channels : ndarray of int
        Positions of the good channels.

    Returns
    -------
    thresholds : BurstThresholds or None
        None where the recording does not allow to tell bursts.
    note : str
        Why not, or what is limited.
    """
    rate = rate_of(lfp)
    pass_hz = float(lfp.attrs.get("pass_band_hz", rate / 2))
    high, note = burst_bands(min(pass_hz, 0.49 * rate))
    if high is None:
        return None, note
    step = max(1, round(WINDOW_S * rate / 2))
    length = 2 * step
    frequency = np.arange(length // 2 + 1) * (rate / length)
    # A Hann window spreads a frequency by two bins: none that reaches half a bin outside is taken.
    apart = rate / length
    n_parts = max(1, int((high[1] - high[0]) // _PART_HZ))
    parts = np.linspace(high[0] + apart, high[1] - apart / 2, n_parts + 1)
    bounds = [(LOW_HZ[0], LOW_HZ[1] - apart / 2), *pairwise(parts)]
    inside = [(frequency >= low) & (frequency < top) for low, top in bounds]
    used = np.flatnonzero(np.any(inside, axis=0))
    bins = slice(int(used[0]), int(used[-1]) + 1)
    power = _baseline_power(lfp, baseline, channels, length, step, bins)
    if power is None:
        return None, "bursts of muscles are not looked for: the baseline is too short"
    median = np.median(power, axis=1)  # (n_channels, n_bins)
    members = np.stack([mask[bins] for mask in inside], axis=1)  # (n_bins, 1 + n_parts)
    usable = (median > 0)[:, :, None] & members
    counts = usable.sum(axis=1, keepdims=True)
    if (counts == 0).any():
        return None, "bursts of muscles are not looked for: there is no power at high frequencies"
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.where(usable, 1.0 / (median[:, :, None] * counts), 0.0).astype(np.float32)
    groups = _groups(lfp, channels)
    level = region_levels(np.matmul(power, weights), groups)
    centre = np.median(level, axis=1)
    sd = _SD_PER_MAD * np.median(np.abs(level - centre[:, None]), axis=1)
    limit = np.maximum(LEAST_DB, np.array(LEAST_SD) * sd)
    return BurstThresholds(channels, groups, length, step, bins, weights, centre, limit), note


def _groups(lfp: xr.DataArray, channels: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Return the channels of each region, as indices into `channels`."""
    if "region" not in lfp.coords:
        return (np.arange(len(channels)),)
    regions = lfp["region"].values[channels].astype(str)
    return tuple(np.flatnonzero(regions == name) for name in sorted(set(regions)))


def _baseline_power(
    lfp: xr.DataArray,
    baseline: ArrayLike,
    channels: NDArray[np.int64],
    length: int,
    step: int,
    bins: slice,
) -> NDArray[np.float32] | None:
    """Power of windows spread evenly over the baseline, shape (n_channels, n_windows, n_bins)."""
    size = (_PIECE_WINDOWS - 1) * step + length
    starts = [
        (first, min(size, past - first))
        for start, past in sample_ranges(lfp, baseline)
        for first in range(start, past, size)
        if past - first >= length
    ]
    if not starts:
        return None
    picked = np.unique(np.linspace(0, len(starts) - 1, _PIECES).round().astype(int))
    pieces = []
    for index in picked.tolist():
        first, n_samples = starts[index]
        samples = read_samples(lfp, first, first + n_samples, channels)
        pieces.append(
            np.stack([window_power(row, length=length, step=step, bins=bins) for row in samples])
        )
    return np.concatenate(pieces, axis=1)


def window_power(
    samples: NDArray[np.float32], *, length: int, step: int, bins: slice
) -> NDArray[np.float32]:
    """Power of half overlapping Hann windows, shape (n_windows, n_bins), in an arbitrary unit.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
        One channel.
    length, step : int
        Samples per window, and from one to the next.
    bins : slice
        Frequencies that are kept.
    """
    from scipy.fft import rfft

    windows = np.lib.stride_tricks.sliding_window_view(samples, length)[::step]
    taper = (0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(length) + 0.5) / length)).astype(np.float32)
    power = np.empty((len(windows), bins.stop - bins.start), dtype=np.float32)
    for first in range(0, len(windows), _FFT_WINDOWS):
        part = slice(first, first + _FFT_WINDOWS)
        spectra = rfft(windows[part] * taper, axis=-1, overwrite_x=True)[:, bins]
        power[part] = spectra.real**2 + spectra.imag**2
    return power


def region_levels(
    ratios: NDArray[np.float32], groups: tuple[NDArray[np.int64], ...]
) -> NDArray[np.float64]:
    """Level of each region in the lower and the upper band in dB, shape (n_groups, n_windows, 2).

    Parameters
    ----------
    ratios : ndarray, shape (n_channels, n_windows, 1 + n_parts)
        Power in multiples of the baseline's, in the lower band and in each part of the upper one.
    groups : tuple of ndarray of int
        Channels of each region.
    """
    # A window of zeros (an amplifier that was cut off) lies far below, not at minus infinity.
    levels = 10.0 * np.log10(np.maximum(ratios, 1e-20))
    medians = [np.median(levels[group], axis=0).astype(float) for group in groups]
    return np.stack([np.column_stack((m[:, 0], m[:, 1:].min(axis=1))) for m in medians])


def window_levels(samples: NDArray[np.float32], thresholds: BurstThresholds) -> NDArray[np.float32]:
    """Excess of every window over the baseline's median, shape (n_groups, n_windows, 2), dB.

    Parameters
    ----------
    samples : ndarray of float32, shape (n_channels, n)
        Of the channels of `thresholds`; the first window begins at the first sample.
    thresholds : BurstThresholds
    """
    ratios = np.stack(
        [
            window_power(row, length=thresholds.length, step=thresholds.step, bins=thresholds.bins)
            @ weights
            for row, weights in zip(samples, thresholds.weights, strict=True)
        ]
    )
    excess = region_levels(ratios, thresholds.groups) - thresholds.centre_db[:, None]
    return excess.astype(np.float32)


def find_bursts(
    starts: NDArray[np.int64],
    excess: NDArray[np.float32],
    thresholds: BurstThresholds,
    *,
    rate_hz: float,
    start_s: float = 0.0,
    note: str = "",
) -> Bursts:
    """Bursts among the windows of a whole recording.

    Parameters
    ----------
    starts : ndarray of int, shape (n_windows,)
        First sample of each window; where they jump, recording was interrupted.
    excess : ndarray, shape (n_groups, n_windows, 2)
        From :func:`window_levels`.
    thresholds : BurstThresholds
    rate_hz, start_s : float
        Of the LFP.
    note : str
        Handed on.
    """
    limit = thresholds.limit_db[:, None]
    loud = np.asarray((excess > limit).all(axis=2))
    sharp = np.zeros_like(loud)
    breaks = np.flatnonzero(np.diff(starts) != thresholds.step) + 1
    for first, past in pairwise([0, *breaks.tolist(), len(starts)]):
        part = excess[:, first:past]
        # Also above what surrounds it: else a drug that raises the whole spectrum makes bursts of
        # every fluctuation.
        sharp[:, first:past] = (part - _surroundings(part) > limit).all(axis=2)
    begin = (starts + (thresholds.length - thresholds.step) / 2) / rate_hz + start_s
    middle = np.column_stack((begin, begin + thresholds.step / rate_hz))
    needed = min(len(loud), max(2, math.ceil(len(loud) / 2)))
    short, lasting = join_windows(middle[(loud & sharp).sum(axis=0) >= needed])
    rest = subtract(merge(middle[loud.sum(axis=0) >= needed]), short)
    return Bursts(short, merge(np.concatenate((rest, lasting))), note)


def _surroundings(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median of the time around each window, same shape as `levels` (n_groups, n_windows, 2)."""
    n_windows = levels.shape[1]
    if n_windows == 0:
        return levels
    size = min(_BLOCK_WINDOWS, n_windows)
    count = n_windows // size
    blocks = np.median(levels[:, : count * size].reshape(len(levels), count, size, 2), axis=2)
    padded = np.pad(blocks, ((0, 0), (_BLOCKS_AROUND, _BLOCKS_AROUND), (0, 0)), mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _BLOCKS_AROUND + 1, axis=1)
    return np.median(around, axis=3)[:, np.minimum(np.arange(n_windows) // size, count - 1)]


def join_windows(loud: Intervals) -> tuple[Intervals, Intervals]:
    """Join loud windows that follow each other within half a second.

    Parameters
    ----------
    loud : ndarray, shape (n, 2)
        Middle halves of the loud windows, seconds.

    Returns
    -------
    short, lasting : ndarray, shape (n, 2)
        What is over within two seconds, and what is not.
    """
    if len(loud) == 0:
        return np.empty((0, 2)), np.empty((0, 2))
    joined = merge(loud)
    apart = joined[1:, 0] - joined[:-1, 1] >= JOIN_S
    events = np.column_stack((joined[np.r_[True, apart], 0], joined[np.r_[apart, True], 1]))
    short = events[:, 1] - events[:, 0] <= LONGEST_S
    return events[short], events[~short]
