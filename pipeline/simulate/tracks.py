"""Quantities that change in time: gains, and the phases of rhythms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

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


def steps(intervals_s: np.ndarray, values: ArrayLike) -> Track:
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


def following_phase(
    leader: Track, *, jitter_rad: Track, rng: np.random.Generator, correlation_s: float = 0.5
) -> Track:
    """Return the phase of a rhythm that follows another one more or less closely.

    The phase between them wanders with a given standard deviation, smoothly (white noise through
    two equal first-order low-passes), so that no power leaves the band: neither amplitude nor the
    spectrum beside the rhythm depends on it, and coupling can change alone. Where the deviation
    is s, and both rhythms are pure, their coherence is ``exp(-s^2 / 2)`` over windows that are
    short against ``correlation_s``, and less over longer ones.

    Parameters
    ----------
    leader : Track
        Phase in radians, evenly spaced points (:func:`drifting_phase`).
    jitter_rad : Track
        Standard deviation over time.
    rng : numpy.random.Generator
        Source of the wandering.
    correlation_s : float
        Time constant of each low-pass.
    """
    step_s = float(leader.times_s[1] - leader.times_s[0])
    keep = math.exp(-step_s / correlation_s)
    # Started so long before the first point that nothing of the start is left.
    ahead = math.ceil(20 * correlation_s / step_s)
    wander = np.empty(ahead + len(leader.times_s))
    once = twice = 0.0
    for index, shock in enumerate(rng.standard_normal(len(wander)).tolist()):
        once = keep * once + shock
        twice = keep * twice + once
        wander[index] = twice
    # Variance of the second-order recursion under unit white noise.
    variance = (1 + keep**2) / (1 - keep**2) ** 3
    between = wander[ahead:] / math.sqrt(variance)
    return Track(leader.times_s, leader.values + jitter_rad.at(leader.times_s) * between)


@dataclass(frozen=True, kw_only=True)
class Modulation:
    """How the amplitude of one rhythm follows the phase of another.

    Attributes
    ----------
    phase : Track
        Phase of the slow rhythm in radians.
    depth : Track
        m over time, 0 to 1: the amplitude goes with ``1 + m cos(phase - preferred)``, scaled so
        that its mean power does not depend on m.
    preferred_rad : float
        Phase at which the amplitude is highest.
    carrier_hz : tuple of float
        Where the unmodulated noise lies; modulation widens it by the slow frequency to both sides.
    """

    phase: Track
    depth: Track
    preferred_rad: float
    carrier_hz: tuple[float, float]

    def envelope(self, times_s: np.ndarray) -> np.ndarray:
        """Return the (time,) factor on the amplitude, float32; its mean square is 1."""
        angle = np.interp(times_s, self.phase.times_s, self.phase.values) - self.preferred_rad
        angle %= 2.0 * np.pi
        depth = self.depth.at(times_s)
        wave = 1.0 + depth * np.cos(angle.astype(np.float32))
        return wave / np.sqrt(1.0 + depth**2 / 2.0)
