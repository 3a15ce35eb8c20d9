"""Short spectra over a whole session: its spectrogram, and band power over time.

Both come from one pass over the LFP. The windows adjoin and lie on bins that are counted from one
moment, the administration: a bin then lies before it or after it, never across.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from pipeline.lfp.bands import bin_widths, line_bands
from pipeline.lfp.multitaper import multitaper_psd
from pipeline.lfp.signal import (
    extent,
    good_channels,
    rate_of,
    read_samples,
    sample_ranges,
    start_of,
)
from pipeline.lfp.spectrum import channel_coords, passed_frequencies

#: longest window in seconds: four fill a bin of 10 s, with two tapers of 1 Hz each, and an artefact
#: costs little more than its own time
LONGEST_WINDOW_S = 2.5
#: values read from the LFP at a time, over all channels (16 MB)
_READ_VALUES = 2**22


@dataclass(frozen=True, eq=False)
class ShortSpectra:
    """Spectra of a session's clean windows, averaged in two ways.

    Attributes
    ----------
    spectrogram : DataArray (time, channel, frequency), float32, uV^2/Hz
        One column per whole bin, NaN without a window; time is its middle.
    power : DataArray (time, region, band), float64, uV^2
        Band power of each clean window, mean over the region's good channels; time is the
        window's middle. Bands that the spectrum does not hold are absent.
    window_s : float
        Length of a window.
    """

    spectrogram: xr.DataArray
    power: xr.DataArray
    window_s: float


def short_spectra(
    lfp: xr.DataArray,
    *,
    bin_s: float = 10.0,
    longest_window_s: float = LONGEST_WINDOW_S,
    half_bandwidth_hz: float = 1.0,
    resolution_hz: float = 1.0,
    max_hz: float = 200.0,
    origin_s: float | None = None,
    clean: ArrayLike | None = None,
    bad: Collection[str] = (),
    bands: Mapping[str, tuple[float, float]] | None = None,
    line_hz: float | None = None,
) -> ShortSpectra:
    """Multitaper spectra of adjoining windows, four per bin of 10 s.

    Parameters
    ----------
    lfp : DataArray (time, channel)
        Microvolts; read piece by piece.
    bin_s : float
        Width of a bin. It is divided into the fewest equal windows that are not longer than
        `longest_window_s`, so that all of its samples are used.
    longest_window_s : float
        See `bin_s`.
    half_bandwidth_hz : float
        Half bandwidth of the tapers; at least one over the window's length is taken.
    resolution_hz : float
        Height of a row of the spectrogram: the mean over the frequencies nearest to it.
    max_hz : float
        Its highest row; the end of the pass-band if that is lower.
    origin_s : float, optional
        Where a bin begins, seconds on the session clock; the recording's start when not given.
    clean : array_like, shape (n, 2), optional
        Seconds without artefacts: windows that reach beyond are left out. All that was recorded
        counts when not given.
    bad : collection of str
        Channels to leave out, besides those that ``lfp`` marks.
    bands : mapping of str to (float, float), optional
        Bands in Hz, [from, to); those that reach beyond the pass-band are left out.
    line_hz : float or None
        Mains frequency: what lies within 2 Hz of it or a harmonic is left out of the bands, as in
        :func:`pipeline.lfp.bands.band_power`.

    Returns
    -------
    ShortSpectra

    Raises
    ------
    InputError
        If a channel is unknown or no good channel is left.
    """
    rate = rate_of(lfp)
    per_bin = max(1, math.ceil(bin_s / longest_window_s - 1e-9))
    length = int(bin_s * rate / per_bin + 1e-6)
    starts = _bin_starts(lfp, bin_s, origin_s)
    firsts = starts[:, np.newaxis] + np.arange(per_bin) * length
    inside = _windows_inside(lfp, firsts, length, clean)
    channels = good_channels(lfp, bad)
    coords = channel_coords(lfp, channels)
    frequency = passed_frequencies(lfp, length)
    names, weights = _band_weights(frequency, bands or {}, line_hz)
    regions, mixing = _region_mixing(coords["region"][1])
    row = np.floor(frequency / resolution_hz + 0.5).astype(int)
    shown = int(np.sum(frequency < max_hz + resolution_hz / 2))
    row = row[:shown]
    edges = np.flatnonzero(np.diff(row, prepend=-1))
    sizes = np.diff([*edges, shown])
    needed = max(shown, int(np.flatnonzero(weights.any(axis=1)).max(initial=0)) + 1)
    gram = np.full((len(starts), len(channels), len(edges)), np.nan, dtype=np.float32)
    powers = [np.empty((0, len(regions), len(names)))]
    for column, segments in _segments(lfp, firsts, inside, channels, length):
        psd = multitaper_psd(
            segments,
            rate_hz=rate,
            half_bandwidth_hz=max(half_bandwidth_hz, rate / length),
            n_frequencies=needed,
        )
        gram[column] = np.add.reduceat(psd.mean(axis=1)[:, :shown], edges, axis=1) / sizes
        if names:
            powers.append(np.einsum("rc,cwb->wrb", mixing, psd @ weights[:needed]))
    whole = (starts >= 0) & (starts + round(bin_s * rate) <= lfp.sizes["time"])
    begin = start_of(lfp)
    middles = (firsts[inside] + length / 2) / rate
    power = xr.DataArray(
        np.concatenate(powers) if names else np.empty((len(middles), len(regions), 0)),
        dims=("time", "region", "band"),
        coords={"time": begin + middles, "region": regions, "band": np.array(names, dtype=str)},
        name="power",
        attrs={"units": "uV^2"},
    )
    spectrogram = xr.DataArray(
        gram[whole],
        dims=("time", "channel", "frequency"),
        coords={
            "time": ("time", begin + starts[whole] / rate + bin_s / 2, {"units": "s"}),
            "frequency": ("frequency", row[edges] * resolution_hz, {"units": "Hz"}),
            **coords,
        },
        name="spectrogram",
        attrs={"units": "uV^2/Hz"},
    )
    return ShortSpectra(spectrogram, power, length / rate)


def session_spectrogram(
    lfp: xr.DataArray,
    *,
    window_s: float = LONGEST_WINDOW_S,
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
        Longest window.
    step_s : float
        Width of one column: the mean of the adjoining windows that it is divided into.
    half_bandwidth_hz, resolution_hz, max_hz, clean, bad
        As in :func:`short_spectra`.

    Returns
    -------
    DataArray (time, channel, frequency), float32, uV^2/Hz
        time is the middle of each column, NaN those without a clean window; a last column that is
        not whole is left out.

    Raises
    ------
    InputError
        If a channel is unknown or no good channel is left.
    """
    return short_spectra(
        lfp,
        bin_s=step_s,
        longest_window_s=window_s,
        half_bandwidth_hz=half_bandwidth_hz,
        resolution_hz=resolution_hz,
        max_hz=max_hz,
        clean=clean,
        bad=bad,
    ).spectrogram


def _bin_starts(lfp: xr.DataArray, bin_s: float, origin_s: float | None) -> NDArray[np.int64]:
    """First sample of every bin that reaches into the recording; may lie before its start."""
    rate, begin, n = rate_of(lfp), start_of(lfp), lfp.sizes["time"]
    offset = 0.0 if origin_s is None else origin_s - begin
    first = math.ceil(-offset / bin_s - 1 + 1e-9)
    past = math.ceil((n / rate - offset) / bin_s - 1e-9)
    return np.rint((offset + np.arange(first, past) * bin_s) * rate).astype(np.int64)


def _windows_inside(
    lfp: xr.DataArray, firsts: NDArray[np.int64], length: int, clean: ArrayLike | None
) -> NDArray[np.bool_]:
    """Which windows lie in clean time, shape of `firsts` (their first samples)."""
    ranges = sample_ranges(lfp, extent(lfp) if clean is None else clean)
    # A window lies in clean time when the range that holds its first sample holds its last.
    if len(ranges) == 0:
        return np.zeros(firsts.shape, dtype=bool)
    holder = np.searchsorted(ranges[:, 0], firsts, side="right") - 1
    return (holder >= 0) & (firsts + length <= ranges[np.maximum(holder, 0), 1])


def _segments(
    lfp: xr.DataArray,
    firsts: NDArray[np.int64],
    inside: NDArray[np.bool_],
    channels: NDArray[np.int64],
    length: int,
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Bin by bin, its number and its clean windows (channel, window, sample).

    Several bins are read at once: asking a file for a bin costs more than its spectra.
    """
    columns = np.flatnonzero(inside.any(axis=1))
    at_once = max(1, _READ_VALUES // (firsts.shape[1] * length * len(channels)))
    # by their number, not their count: a long gap must not be read
    blocks = np.flatnonzero(np.diff(columns // at_once)) + 1
    for group in np.split(columns, blocks):
        if not len(group):
            continue
        begins = firsts[group][inside[group]]
        start = int(begins[0])
        samples = read_samples(lfp, start, int(begins[-1]) + length, channels)
        for column in group:
            own = firsts[column, inside[column]] - start
            windows = own[:, np.newaxis] + np.arange(length)
            yield int(column), samples[:, windows]


def _band_weights(
    frequency: NDArray[np.float64],
    bands: Mapping[str, tuple[float, float]],
    line_hz: float | None,
) -> tuple[list[str], NDArray[np.float64]]:
    """Names of the bands that the spectrum holds, and what each frequency adds to each of them.

    The rules are those of :func:`pipeline.lfp.bands.band_power`, as one matrix for all bands.
    """
    half = (frequency[1] - frequency[0]) / 2
    names, columns = [], [np.empty((len(frequency), 0))]
    for name, (low, high) in bands.items():
        widths = bin_widths(frequency, low, high, masked=line_bands(line_hz, high))
        if high > frequency[-1] + half + 1e-9 or widths.sum() <= 0:
            continue
        names.append(name)
        columns.append(widths[:, np.newaxis] * ((high - low) / widths.sum()))
    return names, np.hstack(columns)


def _region_mixing(regions: NDArray[np.str_]) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    """Regions by name, and the matrix (region, channel) of their means; "" is no region."""
    names = np.array(sorted(set(map(str, regions)) - {""}), dtype=str)
    mixing = (names[:, np.newaxis] == regions).astype(float)
    return names, mixing / np.maximum(mixing.sum(axis=1, keepdims=True), 1)
