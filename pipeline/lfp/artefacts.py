"""Artefact windows with thresholds frozen on the baseline.

A drug that raises the amplitude of the LFP would hide its own artefacts, or flag its own effect,
if thresholds followed each epoch: centre and spread are therefore taken from the baseline only and
hold for the whole recording. What is a second of artefact on one good channel is left out on all,
so that the channels of a region always rest on the same time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import InputError
from pipeline.intervals import Intervals, from_mask, intersect, pad
from pipeline.lfp.signal import (
    extent,
    good_channels,
    rate_of,
    read_samples,
    sample_ranges,
    start_of,
)

#: standard deviation of a normal distribution / its median absolute deviation
_SD_PER_MAD = 1.482602218505602
#: equal within this part of the rail's value: what float32 keeps of a constant
_RAIL_TOLERANCE = 1e-6
#: values looked at together
_CHUNK_VALUES = 2**22


@dataclass(frozen=True, eq=False)
class BaselineStatistics:
    """What the signal is compared with.

    Attributes
    ----------
    channels : ndarray of int, shape (n_channels,)
        Positions of the good channels.
    centre, sd : ndarray, shape (n_channels,)
        Median, and robust standard deviation (1.4826 x median absolute deviation), microvolts.
    """

    channels: NDArray[np.int64]
    centre: NDArray[np.float64]
    sd: NDArray[np.float64]


def baseline_statistics(
    lfp: xr.DataArray, baseline: ArrayLike, *, bad: Collection[str] = ()
) -> BaselineStatistics:
    """Median and robust standard deviation of each good channel over the baseline.

    Parameters
    ----------
    lfp : DataArray (time, channel)
        Microvolts.
    baseline : array_like, shape (n, 2)
        Seconds on the session clock, without overlaps.
    bad : collection of str
        Channels to leave out, besides those that ``lfp`` marks.

    Returns
    -------
    BaselineStatistics

    Raises
    ------
    InputError
        If no baseline was recorded, or a channel is constant in it.
    """
    channels = good_channels(lfp, bad)
    ranges = sample_ranges(lfp, baseline)
    if len(ranges) == 0:
        raise InputError(
            "artefacts: found no recorded sample in the baseline; expected the intervals whose "
            "amplitude sets the thresholds (the whole recording, for a session without baseline)"
        )
    centre, sd = np.empty(len(channels)), np.empty(len(channels))
    for index, channel in enumerate(channels):
        samples = np.concatenate(
            [read_samples(lfp, first, past, np.array([channel]))[0] for first, past in ranges]
        )
        centre[index] = np.median(samples)
        sd[index] = _SD_PER_MAD * np.median(np.abs(samples - np.float32(centre[index])))
    if (flat := np.flatnonzero(~(sd > 0))).size:
        name = lfp["channel"].values[channels[flat[0]]]
        raise InputError(
            f"lfp: channel {name}: found the same value in half of the baseline or more; expected "
            "a signal (disconnected or switched off? mark it bad in channels.tsv)"
        )
    return BaselineStatistics(channels, centre, sd)


def artefact_intervals(
    lfp: xr.DataArray,
    *,
    baseline: ArrayLike | BaselineStatistics,
    threshold_sd: float = 6.0,
    pad_s: float = 0.5,
    window_s: float = 1.0,
    flat_sd: float = 1e-3,
    flat_s: float = 0.1,
    rail_samples: int = 3,
    bad: Collection[str] = (),
) -> Intervals:
    """Time that no measure may use.

    A window of `window_s` is flagged when any good channel, in it,

    - leaves its baseline median by more than `threshold_sd` robust standard deviations,
    - is flat: all samples of `flat_s` within `flat_sd` standard deviations, or
    - is saturated: `rail_samples` or more successive samples equal to the channel's highest or
      lowest value in the recording.

    Flagged windows are widened by `pad_s` on both sides.

    Parameters
    ----------
    lfp : DataArray (time, channel)
        Microvolts; read piece by piece.
    baseline : array_like, shape (n, 2), or BaselineStatistics
        Seconds whose statistics set the thresholds, or the statistics themselves.
    threshold_sd, pad_s, window_s, flat_sd, flat_s, rail_samples
        See above.
    bad : collection of str
        Channels to leave out, besides those that ``lfp`` marks; not looked at when statistics
        are given, which name their channels.

    Returns
    -------
    ndarray, shape (n, 2)
        Disjoint seconds on the session clock, within the recording.

    Raises
    ------
    InputError
        As :func:`baseline_statistics`.
    """
    if isinstance(baseline, BaselineStatistics):
        frozen = baseline
    else:
        frozen = baseline_statistics(lfp, baseline, bad=bad)
    rate, n_samples = rate_of(lfp), lfp.sizes["time"]
    n_windows = int(np.ceil(round(n_samples / (window_s * rate), 9)))
    # Sample -> window by one formula, so that fractional rates do not drift against seconds.
    edges = np.ceil(np.arange(n_windows + 1) * window_s * rate - 1e-6).astype(np.int64)
    edges[-1] = n_samples
    flagged = np.zeros(n_windows, dtype=bool)
    flat_run = max(2, round(flat_s * rate))
    low, high = _rails(lfp, frozen.channels)
    reach = max(flat_run, rail_samples) - 1
    for first, samples in _chunks(lfp, frozen.channels, reach):
        excess = np.abs(samples - frozen.centre.astype(np.float32)[:, None])
        wrong = (excess > (threshold_sd * frozen.sd).astype(np.float32)[:, None]).any(axis=0)
        wrong |= _runs_within(samples, flat_run, flat_sd * frozen.sd)
        for rail in (low, high):
            at_rail = np.abs(samples - rail[:, None]) <= _RAIL_TOLERANCE * np.abs(rail)[:, None]
            wrong |= _runs_true(at_rail, rail_samples).any(axis=0)
        hit = first + np.flatnonzero(wrong)
        flagged[np.searchsorted(edges, hit, side="right") - 1] = True
    windows = from_mask(flagged, rate_hz=1.0 / window_s, start_s=start_of(lfp))
    return intersect(pad(windows, pad_s), extent(lfp))


def _chunks(
    lfp: xr.DataArray, channels: NDArray[np.int64], reach: int
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """First sample and samples (n_channels, n) of pieces that share `reach` samples."""
    n_samples = lfp.sizes["time"]
    rows = max(1, _CHUNK_VALUES // len(channels), 4 * reach)
    for first in range(0, n_samples, rows):
        yield first, read_samples(lfp, first, min(first + rows + reach, n_samples), channels)


def _rails(
    lfp: xr.DataArray, channels: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lowest and highest value of each channel in the whole recording."""
    low = np.full(len(channels), np.inf, dtype=np.float32)
    high = -low
    for _, samples in _chunks(lfp, channels, 0):
        # Samples in a gap of the recording are NaN and have no say.
        low = np.fmin(low, np.fmin.reduce(samples, axis=1))
        high = np.fmax(high, np.fmax.reduce(samples, axis=1))
    return low, high


def _runs_within(
    samples: NDArray[np.float32], run: int, width: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Samples in a stretch of `run` that any channel spends within `width`, shape (n,)."""
    n_samples = samples.shape[1]
    if n_samples < run:
        return np.zeros(n_samples, dtype=bool)
    low = high = samples
    # Sliding extremes by doubling: a window of 2 m is two windows of m.
    span = 1
    while span < run:
        shift = min(span, run - span)
        low = np.minimum(low[:, :-shift], low[:, shift:])
        high = np.maximum(high[:, :-shift], high[:, shift:])
        span += shift
    starts = (high - low <= width.astype(np.float32)[:, None]).any(axis=0)
    return _cover(starts, run, n_samples)


def _runs_true(mask: NDArray[np.bool_], run: int) -> NDArray[np.bool_]:
    """Where at least `run` successive samples are true; same shape as `mask` (n_channels, n)."""
    n_samples = mask.shape[1]
    if n_samples < run or not mask.any():
        return np.zeros(mask.shape, dtype=bool)
    starts = np.logical_and.reduce(
        [mask[:, offset : n_samples - run + 1 + offset] for offset in range(run)]
    )
    return np.stack([_cover(row, run, n_samples) for row in starts])


def _cover(starts: NDArray[np.bool_], run: int, n_samples: int) -> NDArray[np.bool_]:
    """Samples covered by stretches of `run` that begin where `starts` is true."""
    counts = np.zeros(n_samples + 1, dtype=np.int64)
    begin = np.flatnonzero(starts)
    np.add.at(counts, begin, 1)
    np.add.at(counts, begin + run, -1)
    return np.cumsum(counts[:-1]) > 0
