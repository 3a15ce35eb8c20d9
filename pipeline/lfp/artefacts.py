"""Artefact windows with thresholds frozen on the baseline.

A drug that raises the amplitude of the LFP would hide its own artefacts, or flag its own effect,
if thresholds followed each epoch: centre and spread are therefore taken from the baseline only and
hold for the whole recording. What is a second of artefact on one good channel is left out on all,
so that the channels of a region always rest on the same time.

All kinds are found in one pass over the recording, which costs little more than reading it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import InputError
from pipeline.intervals import Intervals, from_mask, intersect, merge, pad
from pipeline.lfp.bursts import (
    Bursts,
    BurstThresholds,
    burst_thresholds,
    find_bursts,
    window_levels,
)
from pipeline.lfp.rails import Rails
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
#: values read together (a row of them stays in the cache)
_CHUNK_VALUES = 2**21
#: kinds of artefacts that :func:`artefact_intervals` unites
_BASIC = ("amplitude", "flat", "saturated")
#: and all kinds, in the order in which they are stated
KINDS = (*_BASIC, "burst")


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


@dataclass(frozen=True, eq=False)
class Artefacts:
    """Time that no measure may use, by kind; a second may be of several kinds.

    Attributes
    ----------
    kinds : mapping of str to ndarray, shape (n, 2)
        ``amplitude``, ``flat``, ``saturated``, ``burst``: disjoint seconds on the session clock,
        padded, within the recording.
    bursts : Bursts
        The bursts themselves, without padding.
    """

    kinds: Mapping[str, Intervals]
    bursts: Bursts

    @property
    def intervals(self) -> Intervals:
        """Union of all kinds."""
        return merge(np.concatenate(list(self.kinds.values())))


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
    """Time of extreme amplitude, flat or saturated; bursts are found by :func:`find_artefacts`.

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
    limits = _Limits(frozen, threshold_sd, window_s, flat_sd, flat_s, rail_samples)
    flagged, _ = _scan(lfp, limits, None)
    return _widened(lfp, np.logical_or.reduce(flagged), limits, pad_s)


def find_artefacts(
    lfp: xr.DataArray,
    *,
    baseline: ArrayLike,
    threshold_sd: float = 6.0,
    pad_s: float = 0.5,
    window_s: float = 1.0,
    flat_sd: float = 1e-3,
    flat_s: float = 0.1,
    rail_samples: int = 3,
    bad: Collection[str] = (),
) -> Artefacts:
    """All kinds of artefacts, bursts of muscles included.

    Parameters
    ----------
    lfp, threshold_sd, pad_s, window_s, flat_sd, flat_s, rail_samples, bad
        As in :func:`artefact_intervals`; bursts are widened by `pad_s` as well.
    baseline : array_like, shape (n, 2)
        Seconds whose statistics set all thresholds.

    Returns
    -------
    Artefacts

    Raises
    ------
    InputError
        As :func:`baseline_statistics`.
    """
    frozen = baseline_statistics(lfp, baseline, bad=bad)
    thresholds, note = burst_thresholds(lfp, baseline, frozen.channels)
    limits = _Limits(frozen, threshold_sd, window_s, flat_sd, flat_s, rail_samples)
    flagged, windows = _scan(lfp, limits, thresholds)
    if thresholds is None:
        bursts = Bursts(np.empty((0, 2)), np.empty((0, 2)), note, possible=False)
    else:
        bursts = find_bursts(
            *windows, thresholds, rate_hz=rate_of(lfp), start_s=start_of(lfp), note=note
        )
    kinds = {
        kind: _widened(lfp, mask, limits, pad_s) for kind, mask in zip(_BASIC, flagged, strict=True)
    }
    kinds["burst"] = intersect(pad(bursts.events, pad_s), extent(lfp))
    return Artefacts(kinds, bursts)


@dataclass(frozen=True, eq=False)
class _Limits:
    """What samples are compared with."""

    frozen: BaselineStatistics
    threshold_sd: float
    window_s: float
    flat_sd: float
    flat_s: float
    rail_samples: int


def _widened(
    lfp: xr.DataArray, flagged: NDArray[np.bool_], limits: _Limits, pad_s: float
) -> Intervals:
    """Flagged windows as intervals, padded and within the recording."""
    windows = from_mask(flagged, rate_hz=1.0 / limits.window_s, start_s=start_of(lfp))
    return intersect(pad(windows, pad_s), extent(lfp))


def _scan(
    lfp: xr.DataArray, limits: _Limits, thresholds: BurstThresholds | None
) -> tuple[NDArray[np.bool_], tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """One pass: flagged windows of each basic kind, and the levels that bursts are found in.

    Returns
    -------
    flagged : ndarray of bool, shape (3, n_windows)
        amplitude, flat, saturated.
    windows : (ndarray of int, ndarray)
        First samples and levels, as :func:`pipeline.lfp.bursts.find_bursts` takes them; empty
        without thresholds.
    """
    frozen = limits.frozen
    rate, n_samples = rate_of(lfp), lfp.sizes["time"]
    n_windows = int(np.ceil(round(n_samples / (limits.window_s * rate), 9)))
    # Sample -> window by one formula, so that fractional rates do not drift against seconds.
    edges = np.ceil(np.arange(n_windows + 1) * limits.window_s * rate - 1e-6).astype(np.int64)
    edges[-1] = n_samples
    flagged = np.zeros((3, n_windows), dtype=bool)
    flat_run = max(2, round(limits.flat_s * rate))
    centre = frozen.centre.astype(np.float32)
    most = (limits.threshold_sd * frozen.sd).astype(np.float32)
    width = (limits.flat_sd * frozen.sd).astype(np.float32)
    rails = [Rails(limits.rail_samples, edges) for _ in frozen.channels]
    step = 1 if thresholds is None else thresholds.step
    length = 1 if thresholds is None else thresholds.length
    reach = max(flat_run, limits.rail_samples, length) - 1
    begins = [np.empty(0, dtype=np.int64)]
    levels = [np.empty((0 if thresholds is None else len(thresholds.groups), 0, 2), np.float32)]
    for first, past, samples in _pieces(lfp, frozen.channels, reach, step):
        low = int(np.searchsorted(edges, first, side="right")) - 1
        high = int(np.searchsorted(edges, past, side="left"))
        starts = np.maximum(edges[low:high], first) - first
        for index, row in enumerate(samples):
            own = row[: past - first]
            top, bottom = np.maximum.reduceat(own, starts), np.minimum.reduceat(own, starts)
            far = (top - centre[index] > most[index]) | (centre[index] - bottom > most[index])
            flagged[0, low:high] |= far
            hit = first + np.flatnonzero(_flat(row, flat_run, width[index]))
            flagged[1, np.searchsorted(edges, hit, side="right") - 1] = True
            rails[index].look(row, first, past, low, (top, bottom))
        if thresholds is not None and samples.shape[1] >= length:
            found = window_levels(samples[:, : past - first + length - step], thresholds)
            levels.append(found)
            begins.append(first + step * np.arange(found.shape[1]))
    for rail in rails:
        flagged[2, rail.windows()] = True
    return flagged, (np.concatenate(begins), np.concatenate(levels, axis=1))


def _pieces(
    lfp: xr.DataArray, channels: NDArray[np.int64], reach: int, step: int
) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
    """Pieces of what was recorded: first sample, sample past the last, and samples.

    The samples (n_channels, n) go on for up to `reach` samples, into the next piece of the same
    stretch; pieces are whole multiples of `step`, counted from the stretch's first sample.
    """
    rows = max(1, _CHUNK_VALUES // len(channels), 4 * reach)
    rows = -(-rows // step) * step
    for start, stop in sample_ranges(lfp, extent(lfp)):
        for first in range(start, stop, rows):
            past = min(first + rows, stop)
            yield first, past, read_samples(lfp, first, min(past + reach, stop), channels)


def _flat(row: NDArray[np.float32], run: int, width: np.float32) -> NDArray[np.bool_]:
    """Samples in a stretch of `run` that a channel spends within `width`, shape (n,)."""
    # Every such stretch holds one whole block of this grid, so that blocks tell where to look.
    block = (run + 1) // 2
    whole = len(row) - len(row) % block
    starts = np.arange(0, whole, block)
    if len(row) < run or len(starts) == 0:
        return np.zeros(len(row), dtype=bool)
    spread = np.maximum.reduceat(row[:whole], starts) - np.minimum.reduceat(row[:whole], starts)
    if not (spread <= width).any():
        return np.zeros(len(row), dtype=bool)
    low = high = row
    # Sliding extremes by doubling: a window of 2 m is two windows of m.
    span = 1
    while span < run:
        shift = min(span, run - span)
        low = np.minimum(low[:-shift], low[shift:])
        high = np.maximum(high[:-shift], high[shift:])
        span += shift
    return _cover(high - low <= width, run, len(row))


def _cover(starts: NDArray[np.bool_], run: int, n_samples: int) -> NDArray[np.bool_]:
    """Samples covered by stretches of `run` that begin where `starts` is true."""
    counts = np.zeros(n_samples + 1, dtype=np.int64)
    begin = np.flatnonzero(starts)
    np.add.at(counts, begin, 1)
    np.add.at(counts, begin + run, -1)
    return np.cumsum(counts[:-1]) > 0
