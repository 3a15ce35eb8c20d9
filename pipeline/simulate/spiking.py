"""Units with known rates: Poisson spikes with a dead time, locked to the phase of a rhythm.

Beside their slow rates they may share a gain, respond to events and fire in bursts of two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.simulate.tracks import Track, constant

#: lag of the second spike of a burst
BURST_LAG_S = (0.003, 0.006)


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What one unit does.

    Attributes
    ----------
    region : str
        Where it was found.
    rate_hz : float
        Its mean rate where ``log2_gain`` is 0.
    log2_gain : Track
        log2 of the factor on its rate over time.
    kappa : float or Track
        Concentration of its von Mises locking to the rhythm; 0 is none. Its mean resultant length
        is ``I1(kappa) / I0(kappa)``.
    preferred_rad : float
        Phase of the rhythm at which it fires most.
    gains : tuple of Track
        Further factors on its rate, fast ones too; the dead time is not made up for in them.
    burst : Track or None
        Probability p that a spike is followed by another one 3 to 6 ms later. It leaves the rate
        alone: first spikes are fewer by 1 / (1 + p).
    """

    region: str
    rate_hz: float
    log2_gain: Track
    kappa: float | Track = 0.0
    preferred_rad: float = 0.0
    gains: tuple[Track, ...] = ()
    burst: Track | None = None


def rate_before_dead_time(rate_hz: np.ndarray, dead_time_s: float) -> np.ndarray:
    """Return the Poisson rate that is left with ``rate_hz`` once the dead time has taken its part.

    A spike that follows another within the dead time is lost: of a rate r, ``r exp(-r d)`` remain.

    Raises
    ------
    ValueError
        If no rate can leave so many spikes (``rate_hz * dead_time_s > 1 / e``).
    """
    from scipy import special

    load = np.asarray(rate_hz, dtype=float) * dead_time_s
    if np.any(load > 1.0 / math.e):
        raise ValueError(f"a dead time of {dead_time_s} s allows no rate of {np.max(rate_hz)} Hz")
    return -special.lambertw(-load).real / dead_time_s if dead_time_s else np.asarray(rate_hz)


def simulate_units(
    units: Sequence[Unit],
    *,
    seconds: float,
    phase: Track,
    rng: np.random.Generator,
    dead_time_s: float = 0.002,
) -> list[np.ndarray]:
    """Return the spike times of units.

    Parameters
    ----------
    units : sequence of Unit
        What each one does.
    seconds : float
        Duration of the session.
    phase : Track
        Phase in radians of the rhythm that they lock to.
    rng : numpy.random.Generator
        Source of the spikes.
    dead_time_s : float
        No two spikes of a unit are closer than this.

    Returns
    -------
    list of numpy.ndarray
        One sorted (spike,) array of seconds per unit.

    Notes
    -----
    Thinning (Lewis and Shedler 1979, Nav Res Logist Q 26:403): candidates at the highest rate, each
    kept with probability ``rate(t) / highest``, where ``rate(t) = rate x 2^log2_gain(t) x
    exp(kappa cos(phase - preferred)) / I0(kappa) x gains(t)``. Over a cycle the second last factor
    averages 1.
    """
    return [
        _train(unit, seconds=seconds, phase=phase, rng=rng, dead_time_s=dead_time_s)
        for unit in units
    ]


def _train(
    unit: Unit, *, seconds: float, phase: Track, rng: np.random.Generator, dead_time_s: float
) -> np.ndarray:
    """Return the spike times of one unit."""
    from scipy import special

    slow = unit.rate_hz * 2.0**unit.log2_gain.values
    if unit.burst is not None:
        slow = slow / (1.0 + unit.burst.at(unit.log2_gain.times_s))
    rate = Track(unit.log2_gain.times_s, rate_before_dead_time(slow, dead_time_s))
    kappa = unit.kappa if isinstance(unit.kappa, Track) else constant(unit.kappa)
    strongest = float(kappa.values.max())
    highest = rate.values.max() * math.exp(strongest) / special.i0(strongest)
    highest *= math.prod(float(gain.values.max()) for gain in unit.gains)
    candidates = np.sort(rng.uniform(0.0, seconds, rng.poisson(highest * seconds)))
    angle = np.interp(candidates, phase.times_s, phase.values) - unit.preferred_rad
    concentration = np.interp(candidates, kappa.times_s, kappa.values)
    wanted = np.interp(candidates, rate.times_s, rate.values)
    wanted *= np.exp(concentration * np.cos(angle)) / special.i0(concentration)
    for gain in unit.gains:
        wanted *= np.interp(candidates, gain.times_s, gain.values)
    spikes = candidates[rng.uniform(0.0, highest, len(candidates)) < wanted]
    if unit.burst is not None:
        second = rng.uniform(size=len(spikes)) < unit.burst.at(spikes)
        lags = rng.uniform(*BURST_LAG_S, np.count_nonzero(second))
        spikes = np.sort(np.concatenate([spikes, spikes[second] + lags]))
        spikes = spikes[spikes < seconds]
    return spikes[np.diff(spikes, prepend=-np.inf) >= dead_time_s]
