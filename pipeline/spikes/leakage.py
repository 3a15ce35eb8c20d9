"""How much of the power of fast oscillations the spikes of sorted units explain.

A spike near the electrode leaves a waveform in the LFP whose power reaches far below the spike
band: power above 100 Hz can be spiking, not a rhythm (Scheffer-Teixeira et al. 2013, J Neurosci
33:1535). Here each channel of a region is predicted as the sum, over the region's units, of one
waveform per unit at each of its spikes. Waveforms last 3 ms to both sides of the spike, no longer,
so that a rhythm that spikes follow is explained as little as may be; they are estimated by least
squares for all units together (spike-triggered means would count twice what two synchronous units
share) in one half of the windows, and judged in the other, so that noise explains nothing.

The share is an upper bound of the leakage of these units, for spikes that keep a phase of a true
rhythm explain a part of it; and it knows nothing of spikes that no unit holds.

All is computed from cross-spectra inside the band: the sums over time of products of band-limited
signals are sums over the band's frequencies (Parseval), and a lag is a phase. Where a region has
more than 32 units, they are solved for in groups, in turn: :mod:`pipeline.spikes.leakage_groups`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from pipeline.lfp.hfo import runs_of_windows, window_starts
from pipeline.lfp.multitaper import tapers_for
from pipeline.lfp.signal import good_channels, rate_of, read_samples, start_of
from pipeline.lfp.spectrum import channel_coords
from pipeline.spikes.leakage_groups import (
    TOGETHER,
    crossed,
    explained_in_turn,
    mixed_with,
    strong_patterns,
    waveforms,
)
from pipeline.spikes.units import unit_trains

#: windows whose spectra are taken
_WINDOW_S = 1.0
#: half bandwidth of their tapers
_HALF_BANDWIDTH_HZ = 3.0
#: a waveform's length to either side of the spike
_REACH_S = 0.003
#: units with fewer spikes in a half give no waveform
_LEAST_SPIKES = 20
#: windows that are used at most; more would make the share no surer, and long epochs no different
_MOST_WINDOWS = 240
#: windows that are taken in a row
_BLOCK_WINDOWS = 10
#: windows looked at together at most
_WINDOWS_AT_ONCE = 100
#: values of spectra held at a time within the band (64 MB), and before it is cut out (16 MB)
_HELD_IN_BAND, _HELD_VALUES = 2**22, 2**20
#: channels that many units explain at a time (74 MB for 240 windows of fast oscillations)
_CHANNELS_AT_ONCE = 32


@dataclass(frozen=True, eq=False, kw_only=True)
class SpikeLeakage:
    """Share of a band's power that spikes explain, in one epoch.

    Attributes
    ----------
    explained : mapping of str to float
        By region, 0 to 1; regions without a good channel, or without a unit that has at least 20
        spikes in each half of the windows, are not in it: nothing could be estimated there.
    n_spikes : mapping of str to int
        Spikes that the region's prediction rests on.
    seconds : float
        Clean seconds that the windows cover, 240 at most.
    """

    explained: Mapping[str, float]
    n_spikes: Mapping[str, int]
    seconds: float


def spike_leakage(
    lfp: xr.DataArray, units: xr.Dataset, intervals: ArrayLike, *, band_hz: Sequence[float]
) -> SpikeLeakage | None:
    """Share of each region's power in a band that the spikes of its units explain.

    Parameters
    ----------
    lfp : DataArray (time, channel)
        Microvolts; may be opened lazily.
    units : Dataset
        :func:`pipeline.spikes.units_dataset`.
    intervals : array_like, shape (n, 2)
        Clean seconds on the session clock, without overlaps.
    band_hz : sequence of float
        From, to; within the LFP's pass band.

    Returns
    -------
    SpikeLeakage or None
        None when no region has both a good channel and a unit with enough spikes, fewer than two
        windows fit, or the recording does not show the band.

    Raises
    ------
    InputError
        If intervals overlap or no good channel is left.
    """
    rate = rate_of(lfp)
    length = round(_WINDOW_S * rate)
    frequency = np.arange(length // 2 + 1) * (rate / length)
    band = np.flatnonzero((frequency >= band_hz[0]) & (frequency < band_hz[1]))
    shown = band_hz[1] <= lfp.attrs.get("pass_band_hz", rate / 2) + 1e-9
    channels = good_channels(lfp)
    of_channel = channel_coords(lfp, channels)["region"][1]
    of_unit = units["region"].values.astype(str)
    regions = sorted({str(name) for name in of_channel} & set(of_unit.tolist()) - {""})
    starts = spread(window_starts(lfp, intervals, length))
    if not shown or not regions or len(starts) < 2:
        return None
    trains = unit_trains(units)
    explained, n_spikes = {}, {}
    for region in regions:
        positions = [
            (trains[unit] - start_of(lfp)) * rate for unit in np.flatnonzero(of_unit == region)
        ]
        enough = [at for at in positions if _spikes(at, starts, length).min() >= _LEAST_SPIKES]
        if not enough:
            continue
        picked = channels[of_channel == region]
        lags = np.arange(-round(_REACH_S * rate), round(_REACH_S * rate) + 1) / rate
        if len(enough) <= TOGETHER:
            halves = _halves(lfp, enough, picked, starts, length=length, band=band)
            explained[region] = _explained(halves, frequency[band], lags)
        else:
            explained[region] = _explained_by_many(
                lfp, enough, picked, starts, length=length, band=band, lags=lags
            )
        n_spikes[region] = int(sum(_spikes(at, starts, length).sum() for at in enough))
    if not explained:
        return None
    seconds = float(len(starts) * length / rate)
    return SpikeLeakage(explained=explained, n_spikes=n_spikes, seconds=seconds)


def spread(starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """At most 240 windows: blocks of 10 at even distances."""
    if len(starts) <= _MOST_WINDOWS:
        return starts
    blocks = np.array_split(starts, math.ceil(len(starts) / _BLOCK_WINDOWS))
    picked = np.linspace(0, len(blocks) - 1, _MOST_WINDOWS // _BLOCK_WINDOWS)
    return np.concatenate([blocks[block] for block in picked.round().astype(int)])


@dataclass(frozen=True, eq=False)
class _Half:
    """Sums over the windows of one half.

    ``units`` (frequency, unit, unit) and ``mixed`` (frequency, unit, channel) are cross-spectra,
    ``power`` (channel,) is summed over frequencies too.
    """

    units: NDArray[np.complex128]
    mixed: NDArray[np.complex128]
    power: NDArray[np.float64]


def _spikes(
    position: NDArray[np.float64], starts: NDArray[np.int64], length: int
) -> NDArray[np.int64]:
    """Spikes of one unit in the even and in the odd windows."""
    counts = np.searchsorted(position, starts + length) - np.searchsorted(position, starts)
    return np.array([counts[::2].sum(), counts[1::2].sum()])


def _halves(
    lfp: xr.DataArray,
    positions: Sequence[NDArray[np.float64]],
    channels: NDArray[np.int64],
    starts: NDArray[np.int64],
    *,
    length: int,
    band: NDArray[np.int64],
) -> list[_Half]:
    """Cross-spectra of one region in the even and in the odd windows; spikes are in samples."""
    n_units, n_channels, n_bins = len(positions), len(channels), len(band)
    rate = rate_of(lfp)
    tapers = tapers_for(length, rate_hz=rate, half_bandwidth_hz=_HALF_BANDWIDTH_HZ).windows
    units = np.zeros((2, n_bins, n_units, n_units), dtype=complex)
    mixed = np.zeros((2, n_bins, n_units, n_channels), dtype=complex)
    power = np.zeros((2, n_channels))
    of_window = (n_units + n_channels) * len(tapers) * n_bins
    at_once = max(1, min(_WINDOWS_AT_ONCE, _HELD_IN_BAND // of_window))
    for first, past in runs_of_windows(starts, length, at_once):
        begin, n_windows = int(starts[first]), past - first
        signal = read_samples(lfp, begin, begin + n_windows * length, channels)
        lines = [_sampled(at - begin, n_windows * length) for at in positions]
        both = np.vstack([*lines, signal]).reshape(-1, n_windows, length)
        spectra = _band_spectra(both, tapers, band)
        for half in (0, 1):
            picked = spectra[:, :, (first + half) % 2 :: 2].reshape(
                n_bins, n_units + n_channels, -1
            )
            of_units, of_signal = picked[:, :n_units], picked[:, n_units:]
            conjugate = of_units.conj()
            units[half] += conjugate @ of_units.swapaxes(1, 2)
            mixed[half] += conjugate @ of_signal.swapaxes(1, 2)
            power[half] += np.sum(np.abs(of_signal) ** 2, axis=(0, 2))
    return [_Half(*sums) for sums in zip(units, mixed, power, strict=True)]


def _band_spectra(
    signals: NDArray[np.float64], tapers: NDArray[np.float64], band: NDArray[np.int64]
) -> NDArray[np.complex128]:
    """Tapered spectra (frequency, signal, window, taper), each segment's mean taken off.

    As :func:`pipeline.lfp.multitaper.tapered_spectra`; scipy transforms several rows at a time.
    """
    from scipy import fft

    n_signals, n_windows, length = signals.shape
    out = np.empty((len(band), n_signals, n_windows, len(tapers)), dtype=complex)
    group = max(1, _HELD_VALUES // (n_windows * len(tapers) * length))
    for first in range(0, n_signals, group):
        part = signals[first : first + group]
        centred = part - part.mean(axis=-1, keepdims=True)
        spectra = fft.rfft(centred[..., np.newaxis, :] * tapers, axis=-1, overwrite_x=True)
        out[:, first : first + group] = np.moveaxis(spectra[..., band], -1, 0)
    return out


def _sampled(position: NDArray[np.float64], n_samples: int) -> NDArray[np.float64]:
    """Spikes on the time line of the LFP.

    Each is shared between the two samples that it lies between: a spike moved to the nearer one
    loses 13 % of its power at a fifth of the rate.
    """
    inside = position[(position >= 0) & (position < n_samples)]
    before = np.floor(inside).astype(np.int64)
    part = inside - before
    line = np.bincount(before, weights=1.0 - part, minlength=n_samples + 1)
    line += np.bincount(before + 1, weights=part, minlength=n_samples + 1)
    return line[:n_samples].astype(np.float64, copy=False)


def _explained(
    halves: Sequence[_Half], frequency: NDArray[np.floating[Any]], lags: NDArray[np.floating[Any]]
) -> float:
    """Share of the power, over channels, that waveforms of one half explain in the other."""
    systems = [
        (crossed(half.units, frequency, lags), mixed_with(half.mixed, frequency, lags))
        for half in halves
    ]
    gained = 0.0
    for (fitted_on, fitted_mixed), (judged_on, judged_mixed) in (systems, systems[::-1]):
        forms = waveforms(strong_patterns(fitted_on), fitted_mixed)
        # |y|^2 - |y - Xw|^2 = 2 w'X'y - w'X'Xw
        gained += 2.0 * np.sum(forms * judged_mixed)
        gained -= np.sum(forms * (judged_on @ forms))
    return _share(gained, sum(half.power.sum() for half in halves))


def _explained_by_many(
    lfp: xr.DataArray,
    positions: Sequence[NDArray[np.float64]],
    channels: NDArray[np.int64],
    starts: NDArray[np.int64],
    *,
    length: int,
    band: NDArray[np.int64],
    lags: NDArray[np.floating[Any]],
) -> float:
    """The same for more units than are solved for at once; channels do not know of each other."""
    rate = rate_of(lfp)
    tapers = tapers_for(length, rate_hz=rate, half_bandwidth_hz=_HALF_BANDWIDTH_HZ).windows
    gained = total = 0.0
    for first in range(0, len(channels), _CHANNELS_AT_ONCE):
        some = channels[first : first + _CHANNELS_AT_ONCE]
        signal = _signal_spectra(lfp, some, starts, tapers, band)
        total += sum(float(np.sum(np.abs(half) ** 2, dtype=np.float64)) for half in signal)
        gained += explained_in_turn(
            signal,
            positions,
            starts,
            tapers=tapers,
            band=band,
            frequency=band * (rate / length),
            lags=lags,
        )
    return _share(gained, total)


def _signal_spectra(
    lfp: xr.DataArray,
    channels: NDArray[np.int64],
    starts: NDArray[np.int64],
    tapers: NDArray[np.float64],
    band: NDArray[np.int64],
) -> list[NDArray[np.complex64]]:
    """Spectra (frequency, channel, window x taper) of the even and of the odd windows."""
    n_bins, n_channels, (n_tapers, length) = len(band), len(channels), tapers.shape
    sizes = [(n_bins, n_channels, len(starts[half::2]), n_tapers) for half in (0, 1)]
    out = [np.empty(size, dtype=np.complex64) for size in sizes]
    at_once = max(1, min(_WINDOWS_AT_ONCE, _HELD_IN_BAND // (n_channels * n_tapers * n_bins)))
    for first, past in runs_of_windows(starts, length, at_once):
        begin, n_windows = int(starts[first]), past - first
        signal = read_samples(lfp, begin, begin + n_windows * length, channels)
        windows = signal.astype(np.float64).reshape(n_channels, n_windows, length)
        spectra = _band_spectra(windows, tapers, band)
        for window in range(first, past):
            out[window % 2][:, :, window // 2] = spectra[:, :, window - first]
    return [half.reshape(n_bins, n_channels, -1) for half in out]


def _share(gained: float, total: float) -> float:
    """Part of the power, 0 to 1."""
    return float(np.clip(gained / total, 0.0, 1.0)) if total > 0 else 0.0
