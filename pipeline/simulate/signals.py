"""Local field potentials with known power: 1/f background, rhythms, and gains that change in time.

A whole session is made at once (the sample's have 1.5 million samples at most): Gaussian noise is
shaped in the frequency domain, so that its spectrum is the declared one by construction and can be
written down in closed form. Nothing here is fitted or filtered, and scipy.signal is not needed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pipeline.simulate.tracks import Modulation, Track, constant


@dataclass(frozen=True, kw_only=True)
class Background:
    """The aperiodic part: ``psd_at_10hz * (f / 10) ** -exponent``, flat below ``flat_below_hz``.

    Attributes
    ----------
    exponent : float
        Slope of the fall, without the sign.
    psd_at_10hz : float
        uV^2/Hz, one-sided, of the shared part.
    white : float
        uV^2/Hz, one-sided, of each channel's own noise.
    flat_below_hz : float
        Below this the spectrum stays level (and is zero at 0 Hz).
    """

    exponent: float
    psd_at_10hz: float
    white: float = 0.0
    flat_below_hz: float = 1.0

    def psd(self, frequencies_hz: np.ndarray) -> np.ndarray:
        """Return the (frequency,) one-sided density of one channel in uV^2/Hz."""
        return self.shared_psd(frequencies_hz) + self.white

    def shared_psd(self, frequencies_hz: np.ndarray) -> np.ndarray:
        """Return the (frequency,) density of the part that all channels share, in uV^2/Hz."""
        floored = np.maximum(frequencies_hz, self.flat_below_hz)
        return self.psd_at_10hz * (floored / 10.0) ** -self.exponent

    def band_power(self, band_hz: tuple[float, float]) -> float:
        """Return the power of one channel in a band above ``flat_below_hz``, in uV^2 (exact)."""
        low, high = band_hz
        if low < self.flat_below_hz:
            raise ValueError(f"the band {band_hz} begins below {self.flat_below_hz} Hz")
        order = 1.0 - self.exponent
        scale = self.psd_at_10hz * 10.0**self.exponent
        area = math.log(high / low) if order == 0 else (high**order - low**order) / order
        return scale * area + self.white * (high - low)


def shaped_noise(
    psd: np.ndarray, *, n_samples: int, rate_hz: float, rng: np.random.Generator
) -> np.ndarray:
    """Return Gaussian noise with a given spectrum.

    Parameters
    ----------
    psd : numpy.ndarray
        (n_samples // 2 + 1,) one-sided density in uV^2/Hz at ``rfftfreq(n_samples, 1 / rate_hz)``.
    n_samples, rate_hz : int, float
        Length and rate of the signal.
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    numpy.ndarray
        (n_samples,) float32 microvolts.

    Notes
    -----
    Complex normal Fourier coefficients with ``E|X|^2 = S * rate * n / 2`` give a Gaussian process
    whose periodogram has the expectation S (Timmer and Koenig 1995, Astron. Astrophys. 300:707).
    """
    from scipy import fft

    normal = rng.standard_normal(2 * len(psd), dtype=np.float32).view(np.complex64)
    normal *= np.sqrt(psd * (rate_hz * n_samples / 4.0)).astype(np.float32)
    normal[0] = 0.0
    if n_samples % 2 == 0:
        normal[-1] = normal[-1].real * np.sqrt(2.0)
    return fft.irfft(normal, n=n_samples, overwrite_x=True)


def background_noise(
    background: Background, *, n_samples: int, rate_hz: float, rng: np.random.Generator
) -> np.ndarray:
    """Return the shared part of a background: (n_samples,) float32 microvolts."""
    frequencies = np.fft.rfftfreq(n_samples, 1.0 / rate_hz)
    psd = background.shared_psd(frequencies)
    return shaped_noise(psd, n_samples=n_samples, rate_hz=rate_hz, rng=rng)


def band_noise(
    *, band_hz: tuple[float, float], n_samples: int, rate_hz: float, rng: np.random.Generator
) -> np.ndarray:
    """Return Gaussian noise of power 1 inside a band and none outside.

    A tenth of the band at either end is left out, so that an estimator with a bandwidth of that
    order still finds all of the power inside the band.

    Returns
    -------
    numpy.ndarray
        (n_samples,) float32, unit variance in expectation.
    """
    low, high = band_hz
    margin = 0.1 * (high - low)
    low, high = low + margin, high - margin
    if not 0 < low < high < rate_hz / 2:
        raise ValueError(f"the band {band_hz} does not fit a rate of {rate_hz} Hz")
    frequencies = np.fft.rfftfreq(n_samples, 1.0 / rate_hz)
    inside = (frequencies >= low) & (frequencies < high)
    psd = inside / (inside.sum() * rate_hz / n_samples)
    return shaped_noise(psd, n_samples=n_samples, rate_hz=rate_hz, rng=rng)


def steady_rhythm(
    phase: Track, *, n_samples: int, rate_hz: float, lag_rad: float = 0.0
) -> np.ndarray:
    """Return a rhythm of power 1 (amplitude sqrt 2) with a given phase: (n_samples,) float32."""
    times = np.arange(n_samples) / rate_hz
    # Wrapped in double precision: float32 cannot hold an unwrapped phase of 60,000 rad.
    angle = np.interp(times, phase.times_s, phase.values)
    angle -= lag_rad
    angle %= 2.0 * np.pi
    return np.float32(math.sqrt(2.0)) * np.cos(angle.astype(np.float32))


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """A rhythm of a region.

    Attributes
    ----------
    band_hz : tuple of float
        The band that it lies in.
    power_uv2 : Track
        Its power over time.
    phase : Track or None
        A rhythm of steady amplitude with this phase; None gives Gaussian noise in the band.
    lag_rad : float
        How far the region lags behind ``phase``.
    modulation : Modulation or None
        How the amplitude of noise in the band follows the phase of another rhythm.
    """

    band_hz: tuple[float, float]
    power_uv2: Track
    phase: Track | None = None
    lag_rad: float = 0.0
    modulation: Modulation | None = None


@dataclass(frozen=True, kw_only=True)
class Region:
    """A recorded region: what its channels share, and how they differ.

    Attributes
    ----------
    background : Background
        The aperiodic part.
    rhythms : mapping of str to Rhythm
        By name; the name seeds the noise.
    gain_db : Track
        Gain of everything in the region over time (20 log10 of the amplitude).
    channel_gains : tuple of float
        One amplitude factor per channel.
    tilted : Background or None
        Another background, which takes the place of the first one where ``tilt`` is 1.
    tilt : Track
        Share of the other background in the power, 0 to 1.
    """

    background: Background
    rhythms: Mapping[str, Rhythm]
    gain_db: Track
    channel_gains: tuple[float, ...] = (1.0, 0.85)
    tilted: Background | None = None
    tilt: Track = field(default_factory=lambda: constant(0.0))


def simulate_lfp(
    *,
    regions: Mapping[str, Region],
    seconds: float,
    rate_hz: float,
    rngs: Mapping[str, np.random.Generator],
) -> np.ndarray:
    """Return the local field potential of a session.

    Parameters
    ----------
    regions : mapping of str to Region
        In the order of the channels.
    seconds, rate_hz : float
        Duration and sampling rate.
    rngs : mapping of str to numpy.random.Generator
        One generator per region, so that a change in one region leaves the others as they are.

    Returns
    -------
    numpy.ndarray
        (time, channel) float32 microvolts; the channels of the first region come first.

    Notes
    -----
    Channel = gain x (background + sum of sqrt(power) x unit rhythm + own white noise). The power
    of a channel in a band is therefore ``gain^2 x (background.band_power(band) + rhythm power)``.
    """
    n_samples = round(seconds * rate_hz)
    times = np.arange(n_samples) / rate_hz
    n_channels = sum(len(region.channel_gains) for region in regions.values())
    signals = np.empty((n_samples, n_channels), dtype=np.float32)
    column = 0
    for name, region in regions.items():
        rng = rngs[name]
        shared = background_noise(region.background, n_samples=n_samples, rate_hz=rate_hz, rng=rng)
        if region.tilted is not None:
            other = background_noise(region.tilted, n_samples=n_samples, rate_hz=rate_hz, rng=rng)
            share = region.tilt.at(times)
            shared = shared * np.sqrt(1 - share) + other * np.sqrt(share)
        for rhythm in region.rhythms.values():
            unit = _unit_rhythm(rhythm, times_s=times, rate_hz=rate_hz, rng=rng)
            unit *= np.sqrt(rhythm.power_uv2.at(times))
            shared += unit
        gain = 10.0 ** (region.gain_db.at(times) / np.float32(20.0))
        white_sd = np.float32(math.sqrt(region.background.white * rate_hz / 2.0))
        for channel_gain in region.channel_gains:
            own = rng.standard_normal(n_samples, dtype=np.float32)
            own *= white_sd
            own += shared
            own *= gain
            own *= np.float32(channel_gain)
            signals[:, column] = own
            column += 1
    return signals


def _unit_rhythm(
    rhythm: Rhythm, *, times_s: np.ndarray, rate_hz: float, rng: np.random.Generator
) -> np.ndarray:
    """Return a rhythm of power 1: (time,) float32."""
    n_samples = len(times_s)
    if rhythm.phase is not None:
        return steady_rhythm(
            rhythm.phase, n_samples=n_samples, rate_hz=rate_hz, lag_rad=rhythm.lag_rad
        )
    if rhythm.modulation is None:
        return band_noise(band_hz=rhythm.band_hz, n_samples=n_samples, rate_hz=rate_hz, rng=rng)
    carrier = band_noise(
        band_hz=rhythm.modulation.carrier_hz, n_samples=n_samples, rate_hz=rate_hz, rng=rng
    )
    return carrier * rhythm.modulation.envelope(times_s)
