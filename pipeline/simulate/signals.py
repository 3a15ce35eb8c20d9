"""Local field potentials with known power: 1/f background, rhythms, and gains that change in time.

A whole session is made at once (the sample's have 1.5 million samples at most): Gaussian noise is
shaped in the frequency domain, so that its spectrum is the declared one by construction and can be
written down in closed form. Nothing here is fitted or filtered, and scipy.signal is not needed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

#: rate at which phases and gains are kept; they change slowly and are interpolated
SLOW_HZ = 100.0


@dataclass(frozen=True)
class Track:
    """A quantity that changes in time: straight lines between points, constant outside them.

    Attributes
    ----------
    times_s : numpy.ndarray
        (point,) seconds on the session clock, increasing.
    values : numpy.ndarray
        (point,) in the unit of the quantity.
    """

    times_s: np.ndarray
    values: np.ndarray

    def __post_init__(self) -> None:
        """Refuse points that are no function of time."""
        if len(self.times_s) != len(self.values) or len(self.times_s) == 0:
            raise ValueError("a track needs as many values as times, and at least one")
        if np.any(np.diff(self.times_s) < 0):
            raise ValueError("the times of a track must not decrease")

    def at(self, times_s: np.ndarray) -> np.ndarray:
        """Return the (time,) values, float32."""
        return np.interp(times_s, self.times_s, self.values).astype(np.float32)


def constant(value: float) -> Track:
    """Return a track that never changes."""
    return Track(np.array([0.0]), np.array([float(value)]))


def steps(intervals_s: np.ndarray, values: Sequence[float]) -> Track:
    """Return a track that is constant inside each interval and a straight line between them.

    Parameters
    ----------
    intervals_s : numpy.ndarray
        (n, 2) seconds, in order, not overlapping.
    values : sequence of float
        (n,) one per interval.
    """
    intervals_s = np.asarray(intervals_s, dtype=float).reshape(-1, 2)
    return Track(intervals_s.ravel(), np.repeat(np.asarray(values, dtype=float), 2))


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


def drifting_phase(
    *,
    seconds: float,
    frequency_hz: float,
    rng: np.random.Generator,
    frequency_sd_hz: float = 0.35,
    correlation_s: float = 0.5,
) -> Track:
    """Return the unwrapped phase of a rhythm whose frequency wanders and whose amplitude does not.

    The frequency is an Ornstein-Uhlenbeck process. A rhythm of steady amplitude has an exactly
    known power (amplitude^2 / 2) in every stretch of time and an exactly known phase, which
    narrow-band Gaussian noise has not: its power in three minutes scatters by a quarter of a dB.

    Returns
    -------
    Track
        Phase in radians, 100 points per second, beginning at 0 rad at 0 s.
    """
    n_points = math.ceil(seconds * SLOW_HZ) + 1
    keep = math.exp(-1.0 / (SLOW_HZ * correlation_s))
    shocks = rng.standard_normal(n_points) * frequency_sd_hz * math.sqrt(1.0 - keep**2)
    shocks[0] = rng.standard_normal() * frequency_sd_hz
    frequency = np.empty(n_points)
    state = 0.0
    for index, shock in enumerate(shocks.tolist()):
        state = keep * state + shock
        frequency[index] = state
    times = np.arange(n_points) / SLOW_HZ
    advance = 2.0 * np.pi * (frequency_hz + frequency[:-1]) / SLOW_HZ
    return Track(times, np.concatenate([[0.0], np.cumsum(advance)]))


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
    """

    band_hz: tuple[float, float]
    power_uv2: Track
    phase: Track | None = None
    lag_rad: float = 0.0


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
    """

    background: Background
    rhythms: Mapping[str, Rhythm]
    gain_db: Track
    channel_gains: tuple[float, ...] = (1.0, 0.85)


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
        for rhythm in region.rhythms.values():
            unit = (
                band_noise(band_hz=rhythm.band_hz, n_samples=n_samples, rate_hz=rate_hz, rng=rng)
                if rhythm.phase is None
                else steady_rhythm(
                    rhythm.phase, n_samples=n_samples, rate_hz=rate_hz, lag_rad=rhythm.lag_rad
                )
            )
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
