"""Factors on the rates of units: a gain that a region shares, and responses to events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from pipeline.simulate.tracks import Track


def shared_gain(
    intervals_s: np.ndarray,
    sizes: Sequence[float],
    *,
    memory_s: float,
    rng: np.random.Generator,
) -> Track:
    """Return a gain that jumps between 1 - size and 1 + size at random moments.

    A random telegraph (Papoulis 1965, Probability, Random Variables and Stochastic Processes): it
    jumps ``1 / (2 memory_s)`` times per second, so that its autocovariance is ``size^2
    exp(-lag / memory_s)``. Unlike a Gaussian fluctuation it is bounded, and no rate becomes
    impossible. In each interval it is divided by its mean, so that the rates there stay exactly as
    they are planted; that takes ``2 memory_s / length`` of its variance.

    Parameters
    ----------
    intervals_s : numpy.ndarray
        (n, 2) seconds, in order, not overlapping; outside them the gain is 1.
    sizes : sequence of float
        (n,) standard deviation in each interval, 0 to 1.
    memory_s : float
        Time constant.
    rng : numpy.random.Generator
        Source of the jumps.
    """
    times: list[ArrayLike] = [np.zeros(1)]
    values: list[ArrayLike] = [np.ones(1)]
    for (start, stop), size in zip(intervals_s, sizes, strict=True):
        if not 0.0 <= size < 1.0:
            raise ValueError(f"a shared gain of size {size}; expected 0 to 1")
        jumps = np.sort(rng.uniform(start, stop, rng.poisson((stop - start) / (2.0 * memory_s))))
        borders = np.concatenate([[start], jumps, [stop]])
        first = rng.integers(2)
        gain = 1.0 + size * (1.0 - 2.0 * ((np.arange(len(borders) - 1) + first) % 2))
        gain /= np.sum(gain * np.diff(borders)) / (stop - start)
        times += [[start], np.repeat(borders, 2)[1:-1], [stop]]
        values += [[1.0], np.repeat(gain, 2), [1.0]]
    return Track(np.concatenate(times), np.concatenate(values))


def response_gain(spans_s: np.ndarray, factors: np.ndarray) -> Track:
    """Return the gain of a unit that responds to events, 1 between the responses.

    Parameters
    ----------
    spans_s : numpy.ndarray
        (response, 2) seconds, in order; a response ends at the latest where the next one begins.
    factors : numpy.ndarray
        (response,) factor on the rate during each.
    """
    starts, stops = np.asarray(spans_s, dtype=float).reshape(-1, 2).T
    if np.any(np.diff(starts) <= 0) or np.any(stops < starts):
        raise ValueError("the responses of a unit must come one after the other")
    if not len(starts):
        return Track(np.zeros(1), np.ones(1))
    ones, ends = np.ones(len(starts)), stops.copy()
    ends[:-1] = np.minimum(stops[:-1], starts[1:])
    times = np.stack([starts, starts, ends, ends], axis=1)
    values = np.stack([ones, factors, factors, ones], axis=1)
    return Track(times.ravel(), values.ravel())
