"""Is there a rhythm in the slow band at all, whose phase has a meaning?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pipeline.lfp.analytic import Piece, fading
from pipeline.lfp.bands import bin_widths

#: width of the bins in which the density is kept
BIN_HZ = 0.5
#: flanks of a band, as multiples of its edges; they spare the first harmonic
LOW_FLANK, HIGH_FLANK = (0.5, 5 / 6), (1.1, 1.4)


def slow_frequencies(highest_hz: float) -> NDArray[np.float64]:
    """Centres of the bins, from 0.5 Hz to the end of the flank of the highest slow band."""
    past = int(np.ceil(highest_hz * HIGH_FLANK[1] / BIN_HZ)) + 2
    return np.arange(1, past, dtype=np.float64) * BIN_HZ


def slow_density(
    spectra: NDArray[np.complex64],
    piece: Piece,
    *,
    rate_hz: float,
    frequency: NDArray[np.float64],
) -> NDArray[np.float64]:
    """One-sided power spectral density of one piece.

    Parameters
    ----------
    spectra : ndarray, shape (n_channels, n_fft // 2 + 1)
        Of :func:`pipeline.lfp.analytic.piece_spectra`.
    piece : Piece
        Says how long it is and how its ends fade.
    rate_hz : float
        Sampling rate.
    frequency : ndarray, shape (n,)
        Of :func:`slow_frequencies`.

    Returns
    -------
    ndarray, shape (n_channels, n)
        uV^2/Hz.
    """
    edges = np.append(frequency - BIN_HZ / 2, frequency[-1] + BIN_HZ / 2)
    at = np.round(edges * piece.n_fft / rate_hz).astype(int)
    picked = spectra[:, : at[-1]]
    power = picked.real.astype(float) ** 2 + picked.imag.astype(float) ** 2
    means = np.add.reduceat(power, at[:-1], axis=1) / np.diff(at)
    energy = piece.length + 2 * float(np.sum(fading(piece.margin).astype(float) ** 2))
    return means * (2 / (rate_hz * energy))


def rhythm_table(
    density: NDArray[np.float64],
    frequency: NDArray[np.float64],
    bands: Mapping[str, tuple[float, float]],
    *,
    regions: list[str],
) -> xr.Dataset:
    """Power and peak of each slow band in each region.

    Parameters
    ----------
    density : ndarray, shape (n_regions, n)
        uV^2/Hz, mean over the region's channels.
    frequency : ndarray, shape (n,)
        Hz.
    bands : mapping of str to (low, high)
        Slow bands in Hz.
    regions : list of str
        Names.

    Returns
    -------
    Dataset (region, phase_band)
        ``power`` in uV^2; ``peak_db``, the height of the density's highest point in the band
        (mean over 1.5 Hz) above the straight line, in logarithms, through the flanks.
    """
    free = np.empty((0, 2))
    power = np.empty((len(density), len(bands)))
    peak = np.empty_like(power)
    logs = np.log(np.maximum(density, np.finfo(float).tiny))
    padded = np.pad(density, ((0, 0), (1, 1)), mode="edge")
    smooth = (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3
    for column, (low, high) in enumerate(bands.values()):
        power[:, column] = density @ bin_widths(frequency, low, high, masked=free)
        left = _inside(frequency, low * LOW_FLANK[0], low * LOW_FLANK[1])
        right = _inside(frequency, high * HIGH_FLANK[0], high * HIGH_FLANK[1])
        band = _inside(frequency, low, high)
        ends = [np.log(frequency[side]).mean() for side in (left, right)]
        level, end = (logs[:, side].mean(axis=1, keepdims=True) for side in (left, right))
        part = (np.log(frequency[band]) - ends[0]) / (ends[1] - ends[0])
        line = level + (end - level) * part
        over = np.log(np.maximum(smooth[:, band], np.finfo(float).tiny)) - line
        peak[:, column] = 10 / np.log(10) * over.max(axis=1)
    dims = ("region", "phase_band")
    return xr.Dataset(
        {"power": (dims, power, {"units": "uV^2"}), "peak_db": (dims, peak, {"units": "dB"})},
        coords={
            "region": np.array(regions, dtype=str),
            "phase_band": np.array(list(bands), dtype=str),
        },
    )


def _inside(frequency: NDArray[np.float64], low: float, high: float) -> NDArray[np.int64]:
    """Bins whose centre lies in [low, high]; the nearest one where none does."""
    inside = np.flatnonzero((frequency >= low - 1e-9) & (frequency <= high + 1e-9))
    if len(inside) == 0:
        inside = np.array([int(np.argmin(np.abs(frequency - (low + high) / 2)))])
    return inside
