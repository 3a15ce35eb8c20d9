"""Band-limited signals on a short time grid, from one forward transform of each clean stretch.

A stretch is cut into pieces with a margin of true signal on either side. One Fourier transform of a
piece serves every band: the band's bins are picked, weighted and transformed back on a grid that is
many times coarser. Sampling an analytic signal below its bandwidth folds its spectrum, and changes
neither envelope nor phase at the instants that are kept; so a coarse grid costs samples, never
truth. Nothing is shifted in time, and no sample that a filter could reach from a border is kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pipeline.lfp.signal import good_channels

#: half width of the hole around the mains line; beside it the gain rises to 1 over `LINE_RAMP_HZ`
LINE_HOLE_HZ = 1.0
LINE_RAMP_HZ = 1.0


@dataclass(frozen=True)
class Piece:
    """Samples that are transformed together.

    Attributes
    ----------
    first, past : int
        Samples [first, past) that are kept; `margin` further ones are read on either side.
    margin : int
        Samples on either side that are transformed and dropped.
    n_fft : int
        Length of the transform; the piece is filled up with zeros.
    """

    first: int
    past: int
    margin: int
    n_fft: int

    @property
    def length(self) -> int:
        """Samples that are kept."""
        return self.past - self.first


def cut_pieces(
    ranges: NDArray[np.int64], *, longest: int, shortest: int, margin: int, multiple: int
) -> list[Piece]:
    """Cut ranges of samples into pieces.

    Parameters
    ----------
    ranges : ndarray of int, shape (n, 2)
        Clean samples [first, past); margins lie inside them.
    longest, shortest : int
        Samples that a piece keeps, at most and at least.
    margin : int
        Samples dropped on either side of every range.
    multiple : int
        The number of samples kept and the transform's length are multiples of it (the coarsest
        grid's step).

    Returns
    -------
    list of Piece
        In the order of time.
    """
    from scipy.fft import next_fast_len

    longest -= longest % multiple
    pieces = []
    for start, stop in ranges.tolist():
        first = start + margin
        while True:
            length = min(longest, stop - margin - first)
            length -= length % multiple
            if length < max(shortest, multiple):
                break
            steps = -(-(length + 2 * margin) // multiple)
            n_fft = multiple * next_fast_len(steps)
            pieces.append(Piece(first, first + length, margin, n_fft))
            first += length
    return pieces


def piece_spectra(samples: NDArray[np.floating], piece: Piece) -> NDArray[np.complex64]:
    """Fourier transform of a piece whose mean is taken off and whose ends fade.

    Parameters
    ----------
    samples : ndarray, shape (n_channels, margin + kept + margin)
        Microvolts.
    piece : Piece
        Says how long the transform is.

    Returns
    -------
    ndarray, shape (n_channels, n_fft // 2 + 1)
    """
    from scipy.fft import rfft

    centred = samples - samples.mean(axis=-1, keepdims=True, dtype=np.float64)
    centred = centred.astype(np.float32)
    fade = fading(piece.margin)
    if len(fade):
        centred[:, : len(fade)] *= fade
        centred[:, -len(fade) :] *= fade[::-1]
    return rfft(centred, piece.n_fft, axis=-1)


def fading(margin: int) -> NDArray[np.float32]:
    """Rise of a piece over its margin (half a cosine).

    A line that is cut off leaks past any hole around its frequency, a drift into every band; what
    fades in over a second or two leaks a thousandfold less.
    """
    return (0.5 - 0.5 * np.cos(np.pi * (np.arange(margin) + 0.5) / max(margin, 1))).astype("f4")


def band_gain(
    frequency: NDArray[np.float64],
    low: float,
    high: float,
    *,
    ramp_hz: float,
    line_hz: float | None = None,
) -> NDArray[np.float32]:
    """Gain of a band-pass with smooth edges and no phase.

    1 inside the band, 0 outside, half at its edges: each edge is half a cosine, `ramp_hz` wide and
    centred on it (narrower where the band is). Around the mains and its harmonics the gain has a
    hole: 0 within 1 Hz, 1 again from 2 Hz on.

    Parameters
    ----------
    frequency : ndarray, shape (n,)
        Hz.
    low, high : float
        Band in Hz.
    ramp_hz : float
        Width of each edge.
    line_hz : float or None
        Mains frequency.

    Returns
    -------
    ndarray, shape (n,)
    """
    ramp = min(ramp_hz, high - low)
    gain = _rise((frequency - low) / ramp) * _rise((high - frequency) / ramp)
    if line_hz is not None:
        reach = LINE_HOLE_HZ + LINE_RAMP_HZ
        for line in np.arange(line_hz, high + ramp + reach, line_hz):
            away = np.abs(frequency - line) - LINE_HOLE_HZ - LINE_RAMP_HZ / 2
            gain = gain * _rise(away / LINE_RAMP_HZ)
    gain[frequency <= 0] = 0.0
    return gain.astype(np.float32)


def _rise(position: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half a cosine from 0 (at -1/2) to 1 (at 1/2)."""
    return 0.5 + 0.5 * np.sin(np.pi * np.clip(position, -0.5, 0.5))


@dataclass(frozen=True, eq=False)
class Bank:
    """Bands of one kind, ready for transforms of one length.

    Attributes
    ----------
    first_bin : tuple of int
        First bin of each band.
    gains : tuple of ndarray
        Gain of each band's bins.
    """

    first_bin: tuple[int, ...]
    gains: tuple[NDArray[np.float32], ...]


def filter_bank(
    bands: Sequence[tuple[float, float]],
    *,
    n_fft: int,
    rate_hz: float,
    ramp_hz: float,
    line_hz: float | None = None,
) -> Bank:
    """Gains of several bands (see :func:`band_gain`), each cut to the bins where it is not 0."""
    firsts, gains = [], []
    for low, high in bands:
        begin = max(0, int((low - ramp_hz) * n_fft / rate_hz))
        end = min(n_fft // 2, math.ceil((high + ramp_hz) * n_fft / rate_hz))
        frequency = np.arange(begin, end + 1, dtype=np.float64) * (rate_hz / n_fft)
        gain = band_gain(frequency, low, high, ramp_hz=ramp_hz, line_hz=line_hz)
        inside = np.flatnonzero(gain)
        first, past = (inside[0], inside[-1] + 1) if len(inside) else (0, 0)
        firsts.append(begin + int(first))
        gains.append(gain[first:past])
    return Bank(tuple(firsts), tuple(gains))


def analytic_signals(
    spectra: NDArray[np.complex64], bank: Bank, piece: Piece, *, step: int
) -> NDArray[np.complex64]:
    """Analytic signal of each band at every `step`-th kept sample of a piece.

    Parameters
    ----------
    spectra : ndarray, shape (n_channels, n_fft // 2 + 1)
        Of :func:`piece_spectra`.
    bank : Bank
        The bands.
    piece : Piece
        Says which samples are kept.
    step : int
        A divisor of the piece's kept length, margin and transform length.

    Returns
    -------
    ndarray, shape (n_channels, n_bands, kept // step)
        Real part: the filtered signal in microvolts; absolute value: its envelope.
    """
    from scipy.fft import ifft

    short = piece.n_fft // step
    folded = np.zeros((len(spectra), len(bank.gains), short), dtype=np.complex64)
    for band, (first, gain) in enumerate(zip(bank.first_bin, bank.gains, strict=True)):
        picked = spectra[:, first : first + len(gain)] * gain
        done = 0
        while done < len(gain):
            place = (first + done) % short
            count = min(short - place, len(gain) - done)
            folded[:, band, place : place + count] += picked[:, done : done + count]
            done += count
    signals = ifft(folded, axis=-1, overwrite_x=True)
    begin = piece.margin // step
    kept = signals[..., begin : begin + piece.length // step]
    return kept * np.float32(2.0 * short / piece.n_fft)


def channels_by_region(
    lfp: xr.DataArray, *, at_most: int | None = None
) -> dict[str, NDArray[np.int64]]:
    """Positions of the good channels of each region, regions by name.

    Channels without a region are left out: no outcome could name them.

    Parameters
    ----------
    lfp : DataArray (time, channel)
        With or without the coordinates ``region`` and ``bad``.
    at_most : int, optional
        Of more good channels than that, so many are taken, evenly spread over them.
    """
    good = good_channels(lfp)
    if "region" not in lfp.coords:
        return {}
    regions = lfp["region"].values.astype(str)[good]
    found = {}
    for region in sorted(set(regions.tolist()) - {""}):
        channels = good[regions == region]
        if at_most is not None and len(channels) > at_most:
            middles = (np.arange(at_most) + 0.5) * len(channels) / at_most
            channels = channels[middles.astype(int)]
        found[region] = channels
    return found
