"""Units with known rates: Poisson spikes with a dead time, locked to the phase of a rhythm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.simulate.tracks import Track


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
    kappa : float
        Concentration of its von Mises locking to the rhythm; 0 is none. Its mean resultant length
        is ``I1(kappa) / I0(kappa)``.
    preferred_rad : float
        Phase of the rhythm at which it fires most.
    """

    region: str
    rate_hz: float
    log2_gain: Track
    kappa: float = 0.0
    preferred_rad: float = 0.0


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
    exp(kappa cos(phase - preferred)) / I0(kappa)``. Over a cycle the last factor averages 1.
    """
    from scipy import special

    trains = []
    for unit in units:
        modulated = unit.rate_hz * 2.0**unit.log2_gain.values
        before = rate_before_dead_time(modulated, dead_time_s)
        rate = Track(unit.log2_gain.times_s, before)
        peak = math.exp(unit.kappa) / special.i0(unit.kappa)
        highest = before.max() * peak
        candidates = np.sort(rng.uniform(0.0, seconds, rng.poisson(highest * seconds)))
        angle = np.interp(candidates, phase.times_s, phase.values) - unit.preferred_rad
        locking = np.exp(unit.kappa * np.cos(angle)) / special.i0(unit.kappa)
        wanted = np.interp(candidates, rate.times_s, rate.values) * locking
        spikes = candidates[rng.uniform(0.0, highest, len(candidates)) < wanted]
        trains.append(spikes[np.diff(spikes, prepend=-np.inf) >= dead_time_s])
    return trains
