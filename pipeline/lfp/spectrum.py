"""Spectra per epoch: what every spectral metric is computed from."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from pipeline.lfp.multitaper import frequencies_hz, median_bias, multitaper_psd, tapers_for
from pipeline.lfp.signal import (
    good_channels,
    rate_of,
    read_samples,
    sample_ranges,
)

#: bytes of samples held at a time; channels are taken in groups that stay below it
_HELD_BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Power spectral density of one epoch.

    Attributes
    ----------
    psd : DataArray (channel, frequency)
        One-sided density in uV^2/Hz of the good channels, with coordinate ``region`` on channel;
        frequency in Hz, 0 to the end of the pass-band.
    n_windows : int
        Segments that it rests on.
    seconds : float
        Clean seconds that these segments cover.
    """

    psd: xr.DataArray
    n_windows: int
    seconds: float


def epoch_spectrum(
    lfp: xr.DataArray,
    intervals: ArrayLike,
    *,
    segment_s: float = 4.0,
    overlap: float = 0.5,
    half_bandwidth_hz: float = 1.0,
    bad: Collection[str] = (),
    aggregate: Literal["median", "mean"] = "median",
) -> Spectrum | None:
    """Multitaper spectrum of the clean time of one epoch.

    Segments lie wholly inside one interval, on a grid that starts at each interval's start: short
    bouts (movement strata) then lose as little as possible.

    Parameters
    ----------
    lfp : DataArray (time, channel)
        Microvolts; may be opened lazily (:func:`pipeline.lfp.open_lfp`).
    intervals : array_like, shape (n, 2)
        Clean seconds of the epoch on the session clock, without overlaps. Time outside the
        recording is left out.
    segment_s : float
        Segment length.
    overlap : float
        Part of a segment that the next one shares, 0 to below 1.
    half_bandwidth_hz : float
        Half bandwidth of the tapers.
    bad : collection of str
        Channels to leave out, besides those that ``lfp`` marks.
    aggregate : {"median", "mean"}
        How segments are combined. The median (default) withstands rare large events and is
        corrected for its bias (:func:`pipeline.lfp.multitaper.median_bias`).

    Returns
    -------
    Spectrum or None
        None when no segment fits.

    Raises
    ------
    InputError
        If intervals overlap, a channel is unknown, or no good channel is left.
    """
    rate = rate_of(lfp)
    length, step = segment_samples(rate, segment_s=segment_s, overlap=overlap)
    ranges = sample_ranges(lfp, intervals)
    ranges = ranges[ranges[:, 1] - ranges[:, 0] >= length]
    if len(ranges) == 0:
        return None
    counts = (ranges[:, 1] - ranges[:, 0] - length) // step + 1
    n_windows = int(counts.sum())
    frequency = passed_frequencies(lfp, length)
    channels = good_channels(lfp, bad)
    psd = np.empty((len(channels), len(frequency)))
    stops = ranges[:, 0] + (counts - 1) * step + length
    n_samples = int(np.sum(stops - ranges[:, 0]))
    group = max(1, _HELD_BYTES // (4 * n_samples))
    combine = middle if aggregate == "median" else partial(np.mean, axis=0)
    held = np.empty((n_windows, len(frequency)))
    past = np.cumsum(counts)
    for first in range(0, len(channels), group):
        picked = channels[first : first + group]
        stretches = [
            cut(lfp, start, stop, picked, length=length, step=step)
            for start, stop in zip(ranges[:, 0], stops, strict=True)
        ]
        # One channel at a time: its segments' spectra stay in the cache for the median.
        for channel in range(len(picked)):
            for segments, end in zip(stretches, past, strict=True):
                held[end - segments.shape[1] : end] = multitaper_psd(
                    segments[channel],
                    rate_hz=rate,
                    half_bandwidth_hz=half_bandwidth_hz,
                    n_frequencies=len(frequency),
                )
            psd[first + channel] = combine(held)
    if aggregate == "median":
        used = tapers_for(length, rate_hz=rate, half_bandwidth_hz=half_bandwidth_hz)
        psd /= median_bias(n_windows, used.independent)
    seconds = float(np.sum((counts - 1) * min(step, length) + length) / rate)
    return Spectrum(_spectral_array(lfp, psd, channels, frequency), n_windows, seconds)


def middle(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median over the first axis, NaN where a value is; the order of `values` is lost.

    Same numbers as numpy's median in a quarter of its time, which goes into looking for NaN.

    Parameters
    ----------
    values : ndarray, shape (n, n_frequencies)
        At least one row; sorted in part, in place.
    """
    missing = np.isnan(values.sum(axis=0))
    half = len(values) // 2
    values.partition(half, axis=0)
    found = values[half].copy()
    if len(values) % 2 == 0:
        found = 0.5 * (values[:half].max(axis=0) + found)
    found[missing] = np.nan
    return found


def segment_samples(rate_hz: float, *, segment_s: float, overlap: float) -> tuple[int, int]:
    """Samples per segment and from one segment's start to the next.

    Raises
    ------
    ValueError
        If the segment is shorter than two samples or the overlap is not in [0, 1).
    """
    length = round(segment_s * rate_hz)
    if length < 2 or not 0 <= overlap < 1:
        raise ValueError(
            f"segment of {segment_s} s, overlap {overlap}: expected > 0 s and 0 to < 1"
        )
    return length, max(1, round(length * (1 - overlap)))


def passed_frequencies(lfp: xr.DataArray, length: int) -> NDArray[np.float64]:
    """Frequencies of a segment's spectrum up to the end of the LFP's pass-band."""
    rate = rate_of(lfp)
    frequency = frequencies_hz(length, rate)
    return frequency[frequency <= lfp.attrs.get("pass_band_hz", rate / 2) + 1e-9]


def cut(
    lfp: xr.DataArray,
    start: int,
    stop: int,
    channels: NDArray[np.int64],
    *,
    length: int,
    step: int,
) -> NDArray[np.float32]:
    """Segments of samples [start, stop) as a view, shape (n_channels, n_segments, length)."""
    samples = read_samples(lfp, start, stop, channels)
    return np.lib.stride_tricks.sliding_window_view(samples, length, axis=1)[:, ::step]


def channel_coords(lfp: xr.DataArray, channels: NDArray[np.int64]) -> dict:
    """Names and regions of the picked channels."""
    names = lfp["channel"].values[channels].astype(str)
    known = "region" in lfp.coords
    regions = lfp["region"].values[channels].astype(str) if known else np.full(len(names), "")
    return {"channel": ("channel", names), "region": ("channel", regions)}


def _spectral_array(
    lfp: xr.DataArray,
    psd: NDArray[np.float64],
    channels: NDArray[np.int64],
    frequency: NDArray[np.float64],
) -> xr.DataArray:
    """Density with its coordinates."""
    return xr.DataArray(
        psd,
        dims=("channel", "frequency"),
        coords={
            **channel_coords(lfp, channels),
            "frequency": ("frequency", frequency, {"units": "Hz"}),
        },
        name="psd",
        attrs={
            "units": "uV^2/Hz",
            "reference": str(lfp.attrs.get("reference", "recorded")),
        },
    )
