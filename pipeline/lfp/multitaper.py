"""Multitaper spectra: DPSS tapers and calibrated power.

Own code, because importing scipy.signal costs two seconds in every job, and because the calibration
must be certain (among the packages at hand one is wrong by the sampling rate under its default
settings, another by a factor of about two). Tests hold it to 1e-6 against scipy and MNE.

Method: Thomson, Proc IEEE 1982, 70:1055; tapers from the tridiagonal eigenproblem of Slepian, Bell
Syst Tech J 1978, 57:1371; weights by spectral concentration as in Percival & Walden, Spectral
Analysis for Physical Applications (1993), chapter 7.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

#: Least concentration of the tapers that are used by default. The usual 2 NW - 1 tapers include two
#: that let 1 to 6 % of a line's power out of its band: where the spectrum falls with 1/f^3 they
#: read 110-180 Hz too high by 6 dB, so that a drug that raises delta would seem to raise fast
#: oscillations. With this limit (5 tapers for NW = 4) it is 0.2 dB.
LEAST_CONCENTRATION = 0.999
#: values of the tapered segments that one FFT call gets (1 MB: they stay in the cache)
_FFT_VALUES = 2**17


@dataclass(frozen=True, eq=False)
class Tapers:
    """Discrete prolate spheroidal sequences.

    Attributes
    ----------
    windows : ndarray, shape (n_tapers, n_samples)
        Orthonormal tapers, the most concentrated first.
    concentration : ndarray, shape (n_tapers,)
        Part of each taper's energy inside the half bandwidth, 0 to 1.
    """

    windows: NDArray[np.float64]
    concentration: NDArray[np.float64]

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weights of the eigenspectra, summing to 1."""
        return self.concentration / self.concentration.sum()

    @property
    def independent(self) -> float:
        """Number of independent eigenspectra that the weighted mean amounts to."""
        return float(1.0 / np.sum(self.weights**2))


@lru_cache(maxsize=16)
def dpss_tapers(n_samples: int, time_half_bandwidth: float, n_tapers: int) -> Tapers:
    """DPSS tapers of one segment length.

    Parameters
    ----------
    n_samples : int
        Segment length.
    time_half_bandwidth : float
        NW = half bandwidth in Hz x segment length in seconds, at least 1.
    n_tapers : int
        How many, at most 2 NW.

    Returns
    -------
    Tapers
        Read-only arrays.

    Raises
    ------
    ValueError
        If the numbers cannot give concentrated tapers.
    """
    from scipy.fft import irfft, rfft
    from scipy.linalg import eigh_tridiagonal

    if not 1 <= time_half_bandwidth < n_samples / 2:
        raise ValueError(
            f"half bandwidth x segment length is {time_half_bandwidth:g}; expected 1 to half the "
            f"number of samples ({n_samples}): lengthen the segment or widen the bandwidth"
        )
    if not 1 <= n_tapers <= 2 * time_half_bandwidth:
        raise ValueError(
            f"{n_tapers} tapers; expected 1 to {2 * time_half_bandwidth:g} (2 x half bandwidth x "
            "segment length): further tapers leak"
        )
    index = np.arange(n_samples)
    bandwidth = time_half_bandwidth / n_samples
    diagonal = ((n_samples - 1 - 2 * index) / 2) ** 2 * np.cos(2 * np.pi * bandwidth)
    beside = index[1:] * (n_samples - index[1:]) / 2
    _, vectors = eigh_tridiagonal(
        diagonal, beside, select="i", select_range=(n_samples - n_tapers, n_samples - 1)
    )
    windows = np.ascontiguousarray(vectors.T[::-1])
    # Eigenvectors come with either sign: even tapers get a positive mean, odd ones rise first.
    for order, window in enumerate(windows):
        lean = window.sum() if order % 2 == 0 else window @ (n_samples - 1 - 2 * index)
        window *= 1.0 if lean >= 0 else -1.0
    # Concentration = taper' S taper with the sinc matrix S, through the taper's autocorrelation.
    length = 2 ** math.ceil(math.log2(2 * n_samples))
    correlation = irfft(np.abs(rfft(windows, length)) ** 2, length)[:, :n_samples]
    kernel = 4 * bandwidth * np.sinc(2 * bandwidth * index)
    kernel[0] = 2 * bandwidth
    concentration = correlation @ kernel
    for array in (windows, concentration):
        array.setflags(write=False)
    return Tapers(windows, concentration)


@lru_cache(maxsize=16)
def concentrated_tapers(n_samples: int, time_half_bandwidth: float) -> Tapers:
    """Those tapers that keep at least 0.999 of their energy in the band; the first in any case."""
    every = dpss_tapers(n_samples, time_half_bandwidth, max(1, int(2 * time_half_bandwidth)))
    n_tapers = max(1, int(np.sum(every.concentration >= LEAST_CONCENTRATION)))
    return Tapers(every.windows[:n_tapers], every.concentration[:n_tapers])


def tapers_for(
    n_samples: int, *, rate_hz: float, half_bandwidth_hz: float, tapers: int | None = None
) -> Tapers:
    """Tapers in physical units.

    Parameters
    ----------
    n_samples : int
        Segment length.
    rate_hz, half_bandwidth_hz : float
        Sampling rate and half bandwidth.
    tapers : int, optional
        How many; :func:`concentrated_tapers` when not given.

    Returns
    -------
    Tapers
    """
    # Rounded, so that 4 s x 1 Hz is 4 whatever the rounding of the rate, and the cache is hit.
    product = round(half_bandwidth_hz * n_samples / rate_hz, 9)
    if tapers is None:
        return concentrated_tapers(n_samples, product)
    return dpss_tapers(n_samples, product, tapers)


def frequencies_hz(n_samples: int, rate_hz: float) -> NDArray[np.float64]:
    """Frequencies of the spectrum of a segment, 0 to the Nyquist frequency."""
    return np.arange(n_samples // 2 + 1, dtype=np.float64) * (rate_hz / n_samples)


def tapered_spectra(segments: NDArray[np.floating], windows: NDArray[np.float64]) -> NDArray:
    """Complex eigenspectra: the foundation of power and, later, of coherence.

    Parameters
    ----------
    segments : ndarray, shape (..., n_samples)
        Signal; each segment's mean is taken off.
    windows : ndarray, shape (n_tapers, n_samples)
        Tapers.

    Returns
    -------
    ndarray of complex, shape (..., n_tapers, n_samples // 2 + 1)
        Discrete Fourier transforms, not scaled.
    """
    segments = np.asarray(segments, dtype=float)
    centred = segments - segments.mean(axis=-1, keepdims=True)
    return np.fft.rfft(centred[..., np.newaxis, :] * windows, axis=-1)


def multitaper_psd(
    segments: NDArray[np.floating],
    *,
    rate_hz: float,
    half_bandwidth_hz: float = 1.0,
    tapers: int | None = None,
    n_frequencies: int | None = None,
) -> NDArray[np.float64]:
    """One-sided power spectral density of each segment.

    Parameters
    ----------
    segments : ndarray, shape (..., n_samples)
        Signal, all of one length (a strided view will do); each segment's mean is taken off.
    rate_hz : float
        Exact sampling rate.
    half_bandwidth_hz : float
        A line in the spectrum spreads by this much to both sides.
    tapers : int, optional
        Number of tapers; those concentrated to 0.999 when not given (5 for NW = 4).
    n_frequencies : int, optional
        Keep only the first so many of :func:`frequencies_hz`.

    Returns
    -------
    ndarray, shape (..., n_frequencies)
        Squared unit of the signal per Hz. White noise of variance s^2 lies at 2 s^2 / rate; a sine
        of amplitude A integrates to A^2 / 2.
    """
    n_samples = segments.shape[-1]
    keep = n_samples // 2 + 1 if n_frequencies is None else n_frequencies
    taper_set = tapers_for(
        n_samples, rate_hz=rate_hz, half_bandwidth_hz=half_bandwidth_hz, tapers=tapers
    )
    flat = segments.reshape(-1, n_samples) if segments.ndim != 2 else segments
    # Weights and calibration in the tapers: what is left is a plain sum of squares. Both halves of
    # the spectrum are counted in one, except where there is only one.
    windows = taper_set.windows * np.sqrt(taper_set.weights * (2.0 / rate_hz))[:, np.newaxis]
    psd = np.empty((len(flat), keep))
    at_once = max(1, min(len(flat), _FFT_VALUES // windows.size))
    # One set of buffers for all calls, for fetching fresh memory costs as much as the FFT.
    centred = np.empty((at_once, n_samples))
    tapered = np.empty((at_once, *windows.shape))
    spectra = np.empty((at_once, len(windows), n_samples // 2 + 1), dtype=complex)
    power = np.empty((at_once, 2 * keep))
    for first in range(0, len(flat), at_once):
        count = min(at_once, len(flat) - first)
        part = slice(0, count)
        np.copyto(centred[part], flat[first : first + count])
        centred[part] -= centred[part].mean(axis=-1, keepdims=True)
        np.multiply(centred[part, np.newaxis], windows, out=tapered[part])
        np.fft.rfft(tapered[part], axis=-1, out=spectra[part])
        # Real and imaginary parts as neighbours: added up after the tapers are.
        parts = spectra[part].view(float)[..., : 2 * keep]
        np.einsum("skf,skf->sf", parts, parts, out=power[part])
        np.add(power[part, 0::2], power[part, 1::2], out=psd[first : first + count])
    psd[:, 0] /= 2.0
    if n_samples % 2 == 0 and keep == n_samples // 2 + 1:
        psd[:, -1] /= 2.0
    return psd.reshape(*segments.shape[:-1], keep)


@lru_cache(maxsize=1024)
def median_bias(n_segments: int, independent: float) -> float:
    """Expected median of `n_segments` multitaper estimates, as a multiple of the true density.

    The estimate of one segment is a mean of K independent eigenspectra, that is, the density times
    chi-squared(2 K) / (2 K) = Gamma(K) / K: less skewed than a single periodogram, so that the
    correction of a Welch median (ln 2, for chi-squared(2)) would be far off. The sample median of n
    values is the middle order statistic (the mean of the two middle ones for even n), whose rank
    u has a beta density; its expectation is the integral of the gamma quantile over that density.
    With n = 1 or 2 the median is the mean; with many segments the value tends to the median of
    Gamma(K) / K (0.934 for K = 5). Overlap correlates neighbouring segments, which does not change
    the distribution of any one of them, and so hardly the expected median.

    A line of constant amplitude is no noise: its median is its mean, and the correction overstates
    it by up to 7 % (K = 5), alike in every epoch, so that it cancels in decibels of change.

    Parameters
    ----------
    n_segments : int
        Number of segments that the median is taken over.
    independent : float
        Number of independent eigenspectra in each (:attr:`Tapers.independent`).

    Returns
    -------
    float
        Divide the median by it.
    """
    from scipy.special import gammaincinv

    if n_segments <= 2:
        return 1.0
    rank = (np.arange(4000) + 0.5) / 4000
    # The density of the middle rank is narrower than this for every n; finer where it matters.
    width = min(0.5, 6.0 / math.sqrt(n_segments))
    rank = 0.5 + (rank - 0.5) * 2 * width
    quantile = gammaincinv(independent, rank) / independent
    middle = {(n_segments + 1) // 2, n_segments // 2 + 1}
    expected = []
    for order in middle:
        log_density = (order - 1) * np.log(rank) + (n_segments - order) * np.log1p(-rank)
        density = np.exp(log_density - log_density.max())
        expected.append(float(density @ quantile / density.sum()))
    return float(np.mean(expected))
