"""Spectrogram of a whole session, coarse enough to be shown on a page."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from pipeline.lfp.multitaper import multitaper_psd
from pipeline.lfp.signal import extent, good_channels, rate_of, sample_ranges, start_of
from pipeline.lfp.spectrum import channel_coords, cut, passed_frequencies, segment_samples


def session_spectrogram(
    lfp: xr.DataArray,
    *,
    window_s: float = 4.0,
    step_s: float = 10.0,
    half_bandwidth_hz: float = 1.0,
    resolution_hz: float = 1.0,
    max_hz: float = 200.0,
    clean: ArrayLike | None = None,
    bad: Collection[str] = (),
) -> xr.DataArray:
    """Spectrogram of a whole session, coarse enough to be shown on a page.

    Parameters
    ----------
    lfp : DataArray (time, channel)
        Microvolts; read piece by piece.
    window_s : float
        Length of the (adjoining) windows.
    step_s : float
        Width of one column: the mean of the whole windows that fit into it, at least `window_s`.
    half_bandwidth_hz : float
        Half bandwidth of the tapers.
    resolution_hz : float
        Height of one row: the mean over the frequencies nearest to it.
    max_hz : float
        Highest row; the end of the pass-band if that is lower.
    clean : array_like, shape (n, 2), optional
        Seconds without artefacts: windows that reach beyond are left out, columns without any
        window are NaN. All that was recorded counts when not given.
    bad : collection of str
        Channels to leave out, besides those that ``lfp`` marks.

    Returns
    -------
    DataArray (time, channel, frequency), float32, uV^2/Hz
        time is the middle of each column; a last column that is not whole is left out.

    Raises
    ------
    InputError
        If a channel is unknown or no good channel is left.
    """
    rate = rate_of(lfp)
    length, _ = segment_samples(rate, segment_s=window_s, overlap=0.0)
    per_column = max(1, int(step_s * rate + 1e-6) // length)
    width = max(length, round(step_s * rate))
    starts = np.arange(lfp.sizes["time"] // width) * width
    frequency = passed_frequencies(lfp, length)
    frequency = frequency[frequency < max_hz + resolution_hz / 2]
    row = np.floor(frequency / resolution_hz + 0.5).astype(int)
    firsts = np.flatnonzero(np.diff(row, prepend=-1))
    channels = good_channels(lfp, bad)
    out = np.full((len(starts), len(channels), len(firsts)), np.nan, dtype=np.float32)
    inside = _windows_inside(lfp, starts, per_column, length, clean)
    for column, start in enumerate(starts):
        if not inside[column].any():
            continue
        stop = start + per_column * length
        segments = cut(lfp, start, stop, channels, length=length, step=length)
        psd = multitaper_psd(
            segments[:, inside[column]],
            rate_hz=rate,
            half_bandwidth_hz=half_bandwidth_hz,
            n_frequencies=len(frequency),
        ).mean(axis=1)
        out[column] = np.add.reduceat(psd, firsts, axis=1) / np.diff([*firsts, len(frequency)])
    middle = start_of(lfp) + (starts + width / 2) / rate
    return xr.DataArray(
        out,
        dims=("time", "channel", "frequency"),
        coords={
            "time": ("time", middle, {"units": "s"}),
            "frequency": ("frequency", row[firsts] * resolution_hz, {"units": "Hz"}),
            **channel_coords(lfp, channels),
        },
        name="spectrogram",
        attrs={"units": "uV^2/Hz"},
    )


def _windows_inside(
    lfp: xr.DataArray,
    starts: NDArray[np.int64],
    per_column: int,
    length: int,
    clean: ArrayLike | None,
) -> NDArray[np.bool_]:
    """Which windows of each column lie in clean time, shape (n_columns, per_column)."""
    firsts = starts[:, np.newaxis] + np.arange(per_column) * length
    ranges = sample_ranges(lfp, extent(lfp) if clean is None else clean)
    # A window lies in clean time when the range that holds its first sample holds its last.
    if len(ranges) == 0:
        return np.zeros(firsts.shape, dtype=bool)
    holder = np.searchsorted(ranges[:, 0], firsts, side="right") - 1
    return (holder >= 0) & (firsts + length <= ranges[np.maximum(holder, 0), 1])
