"""One pass over a recording: in which windows is a channel extreme, flat or at a rail?

Costs little more than reading it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pipeline.intervals import Intervals, from_mask
from pipeline.lfp.bursts import BurstThresholds, window_levels
from pipeline.lfp.flat import flat_samples
from pipeline.lfp.local_level import LocalLevels
from pipeline.lfp.rails import Rails
from pipeline.lfp.signal import extent, rate_of, read_samples, sample_ranges, start_of

#: values read together (a row of them stays in the cache)
_CHUNK_VALUES = 2**21
#: kinds of artefacts of a channel, in the order in which they are found
BASIC_KINDS = ("amplitude", "flat", "saturated")
#: the frozen threshold is raised at most so many times
MOST_RAISED = 2.0


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
class Limits:
    """What samples are compared with; see :func:`pipeline.lfp.artefacts.artefact_intervals`."""

    frozen: BaselineStatistics
    threshold_sd: float
    window_s: float
    flat_sd: float
    flat_s: float
    rail_samples: int


@dataclass(frozen=True, eq=False)
class Scan:
    """What one pass found.

    Attributes
    ----------
    flagged : ndarray of bool, shape (3, n_channels, n_windows)
        Windows of each of :data:`BASIC_KINDS`.
    raised : ndarray of bool, shape (n_channels, n_windows)
        Windows beyond the frozen threshold that only the raised one kept.
    start_s, window_s : float
        Start of the first window on the session clock, and length of each.
    held : ndarray of bool, shape (n_windows,)
        Windows of which anything was recorded.
    bursts : (ndarray of int, ndarray)
        First samples and levels, as :func:`pipeline.lfp.bursts.find_bursts` takes them; empty
        without thresholds.
    """

    flagged: NDArray[np.bool_]
    raised: NDArray[np.bool_]
    start_s: float
    window_s: float
    held: NDArray[np.bool_]
    bursts: tuple[NDArray[np.int64], NDArray[np.float32]]

    def intervals(self, mask: NDArray[np.bool_]) -> Intervals:
        """Windows of a mask, shape (n_windows,), in seconds on the session clock."""
        return from_mask(mask, rate_hz=1.0 / self.window_s, start_s=self.start_s)


def scan(lfp: xr.DataArray, limits: Limits, thresholds: BurstThresholds | None) -> Scan:
    """Look at every sample once.

    Parameters
    ----------
    lfp : DataArray (time, channel)
        Microvolts; read piece by piece.
    limits : Limits
    thresholds : BurstThresholds or None
        For the levels that bursts are found in.
    """
    frozen = limits.frozen
    n_channels = len(frozen.channels)
    edges = window_edges(lfp, limits.window_s)
    n_windows = len(edges) - 1
    flagged = np.zeros((3, n_channels, n_windows), dtype=bool)
    highest = np.full((n_channels, n_windows), -np.inf, dtype=np.float32)
    lowest = np.full((n_channels, n_windows), np.inf, dtype=np.float32)
    around = LocalLevels(n_channels, edges, limits.window_s)
    flat_run = max(2, round(limits.flat_s * rate_of(lfp)))
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
        around.look(samples, first, past)
        for index, row in enumerate(samples):
            own = row[: past - first]
            top, bottom = np.maximum.reduceat(own, starts), np.minimum.reduceat(own, starts)
            np.maximum(highest[index, low:high], top, out=highest[index, low:high])
            np.minimum(lowest[index, low:high], bottom, out=lowest[index, low:high])
            hit = first + np.flatnonzero(flat_samples(row, flat_run, width[index]))
            flagged[1, index, np.searchsorted(edges, hit, side="right") - 1] = True
            rails[index].look(row, first, past, low, (top, bottom))
        if thresholds is not None and samples.shape[1] >= length:
            found = window_levels(samples[:, : past - first + length - step], thresholds)
            levels.append(found)
            begins.append(first + step * np.arange(found.shape[1]))
    for index, rail in enumerate(rails):
        flagged[2, index, rail.windows()] = True
    level, spread = around.levels(frozen.centre, frozen.sd)
    away = np.maximum(highest - level, level - lowest)  # minus infinity where nothing is
    most = limits.threshold_sd * frozen.sd[:, None]
    flagged[0] = away > most * np.clip(spread / frozen.sd[:, None], 1.0, MOST_RAISED)
    return Scan(
        flagged=flagged,
        raised=(away > most) & ~flagged[0],
        start_s=start_of(lfp),
        window_s=limits.window_s,
        held=np.isfinite(highest[0]) if n_channels else np.zeros(n_windows, dtype=bool),
        bursts=(np.concatenate(begins), np.concatenate(levels, axis=1)),
    )


def window_edges(lfp: xr.DataArray, window_s: float) -> NDArray[np.int64]:
    """First sample of every window, and the sample past the last, shape (n_windows + 1,)."""
    rate, n_samples = rate_of(lfp), lfp.sizes["time"]
    n_windows = int(np.ceil(round(n_samples / (window_s * rate), 9)))
    # Sample -> window by one formula, so that fractional rates do not drift against seconds.
    edges = np.ceil(np.arange(n_windows + 1) * window_s * rate - 1e-6).astype(np.int64)
    edges[-1] = n_samples
    return edges


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
