"""Movement with known fractions: bouts of rest and walking, and the speed that shows them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: rate of the speed trace
SPEED_HZ = 10.0
#: what a resting and a walking rat does, in cm/s: mean, sd, lowest, highest
_REST = (0.6, 0.3, 0.0, 1.5)
_WALK = (8.0, 1.5, 4.0, 13.0)


@dataclass(frozen=True)
class Bout:
    """A stretch of one kind of movement: [start_s, stop_s) on the session clock."""

    start_s: float
    stop_s: float
    walking: bool


def simulate_bouts(
    *,
    start_s: float,
    stop_s: float,
    walk_fraction: float,
    rng: np.random.Generator,
    typical_s: float = 16.0,
    shortest_s: float = 8.0,
) -> tuple[Bout, ...]:
    """Return alternating bouts that fill an interval, with exactly the fraction of walking asked.

    Parameters
    ----------
    start_s, stop_s : float
        The interval on the session clock.
    walk_fraction : float
        Fraction of it spent walking, between 0 and 1.
    rng : numpy.random.Generator
        Draws the lengths of the bouts and which state comes first.
    typical_s, shortest_s : float
        Mean length of the bouts of the rarer state, and the shortest of any bout.

    Raises
    ------
    ValueError
        If a state is asked for that gets less time than one shortest bout.
    """
    if not 0.0 <= walk_fraction <= 1.0:
        raise ValueError(f"walk_fraction must lie between 0 and 1, not {walk_fraction}")
    length = stop_s - start_s
    totals = {True: walk_fraction * length, False: (1.0 - walk_fraction) * length}
    if walk_fraction in (0.0, 1.0):
        return (Bout(start_s, stop_s, walk_fraction == 1.0),)
    rarest = min(totals.values())
    if rarest < shortest_s:
        raise ValueError(f"{rarest:.1f} s of a state are less than one bout of {shortest_s} s")
    n_bouts = max(1, int(rarest // max(typical_s, shortest_s)))
    lengths = {
        state: shortest_s + (total - n_bouts * shortest_s) * rng.dirichlet(np.full(n_bouts, 4.0))
        for state, total in totals.items()
    }
    first = bool(rng.integers(2))
    order = [pair for k in range(n_bouts) for pair in ((first, k), (not first, k))]
    edges = start_s + np.concatenate([[0.0], np.cumsum([lengths[s][k] for s, k in order])])
    edges[-1] = stop_s
    return tuple(
        Bout(float(begin), float(end), state)
        for begin, end, (state, _) in zip(edges[:-1], edges[1:], order, strict=True)
    )


def simulate_speed(
    bouts: tuple[Bout, ...], *, seconds: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the speed trace that belongs to the bouts; between bouts the animal rests.

    Returns
    -------
    time_s : numpy.ndarray
        (sample,) seconds on the session clock, ten per second.
    speed_cm_s : numpy.ndarray
        (sample,) rest stays below 1.5 cm/s and walking between 4 and 13 cm/s, so that thresholds
        of 2 and 15 cm/s recover the bouts exactly.
    """
    n_samples = round(seconds * SPEED_HZ)
    time_s = np.arange(n_samples) / SPEED_HZ
    walking = np.zeros(n_samples, dtype=bool)
    for bout in bouts:
        if bout.walking:
            walking |= (time_s >= bout.start_s) & (time_s < bout.stop_s)
    normal = rng.standard_normal(n_samples)
    rest = np.clip(_REST[0] + _REST[1] * normal, *_REST[2:])
    walk = np.clip(_WALK[0] + _WALK[1] * normal, *_WALK[2:])
    return time_s, np.where(walking, walk, rest)
