"""Which units are mixtures, which come and go, which drift: judged without any drug label.

**Refractory violations.** A neuron keeps a refractory period; intervals shorter than it tell how
many spikes come from elsewhere. After Hill et al. 2011 (J Neurosci 31:8699), with N spikes in T
seconds of which a share f belongs to another neuron that fires independently, v = 2 (r - c) N^2
f (1 - f) / T intervals are shorter than the refractory period r; c is the time after a spike in
which the detector sees no other. Half is the most the formula can tell: more violations than that,
and the share is given as 0.5, "at least".

**The detector's dead time matters.** Tetrode systems store a window of 1 ms and more after each
spike and see nothing in it: a junk cluster of 461464 spikes at 107 Hz has 3 % of its intervals
below 1.5 ms, f = 0.12 with r = 1.5 ms and c = 0, and would pass. No unit of that session has an
interval below 1.37 ms: with that as c, and r = 2 ms, it has more violations than unrelated spikes
would. :func:`dead_time` finds c from the units of a session.

**Junk.** A cluster that fires faster than neurons do on average over a session *and* keeps no
refractory period is what sorting left over, and is flagged with the reason. A fast unit that keeps
one is a fast neuron.

**Presence and amplitude.** Presence is given per bin, for a unit that a drug silences is data; the
judgement on the baseline is in :mod:`pipeline.spikes.quality`. A change of amplitude by more than
20 % from before to after says that the electrode moved: a rate that changed with it is no finding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import InputError
from pipeline.intervals import contains, disjoint

#: refractory period of cortical neurons
REFRACTORY_S = 0.002
#: mean rate over a session above which a unit without refractory period is junk
JUNK_HZ = 50.0
#: share of contamination from which a unit is no single neuron
MOST_CONTAMINATION = 0.5
#: change of amplitude that counts as drift
MOST_AMPLITUDE_CHANGE = 0.2
#: spikes of all units below which their shortest interval says nothing about the detector
_SPIKES_FOR_DEAD_TIME = 10000
#: a dead time beyond this part of the refractory period leaves nothing to count
_MOST_DEAD_PART = 0.9


@dataclass(frozen=True, eq=False, kw_only=True)
class Contamination:
    """Refractory violations of each unit.

    Attributes
    ----------
    share : ndarray, shape (n_units,)
        Spikes from elsewhere, 0 to 0.5; NaN with fewer than two spikes.
    at_least : ndarray of bool, shape (n_units,)
        Whether there are more violations than a half explains: the share is then 0.5.
    violations : ndarray of int, shape (n_units,)
        Intervals shorter than the refractory period.
    expected : ndarray, shape (n_units,)
        What N spikes that keep no refractory period would have: (r - c) N^2 / T.
    rate_hz : ndarray, shape (n_units,)
        N / T.
    junk : list of str
        Why a unit is junk, "" where it is not.
    """

    share: NDArray[np.float64]
    at_least: NDArray[np.bool_]
    violations: NDArray[np.int64]
    expected: NDArray[np.float64]
    rate_hz: NDArray[np.float64]
    junk: list[str]


def contamination(
    trains: Sequence[NDArray[Any]],
    *,
    seconds: float,
    refractory_s: float = REFRACTORY_S,
    dead_time_s: float | None = None,
    junk_hz: float = JUNK_HZ,
    most: float = MOST_CONTAMINATION,
) -> Contamination:
    """Share of each unit's spikes that come from elsewhere, and which units are junk.

    Parameters
    ----------
    trains : sequence of array_like
        Spike times of all units of a session (or its baseline), s, ascending.
    seconds : float
        Recorded time that they cover.
    refractory_s : float
        Refractory period.
    dead_time_s : float, optional
        Time after a spike in which the detector sees no other; by :func:`dead_time` when not
        given.
    junk_hz : float
        Mean rate from which a unit without refractory period is junk.
    most : float
        Share of contamination from which it has none.

    Returns
    -------
    Contamination

    Raises
    ------
    InputError
        If no time is given, or the dead time leaves nothing of the refractory period.
    """
    if not seconds > 0:
        raise InputError(f"contamination: found {seconds:g} s recorded; expected more than 0")
    dead_s = dead_time(trains) if dead_time_s is None else dead_time_s
    if not 0 <= dead_s <= _MOST_DEAD_PART * refractory_s:
        raise InputError(
            f"contamination: found a dead time of {1000 * dead_s:g} ms; expected 0 to "
            f"{1000 * _MOST_DEAD_PART * refractory_s:g} ms, {_MOST_DEAD_PART:g} of the refractory "
            "period, for violations to be seen (take a longer refractory period)"
        )
    n_spikes = np.array([len(train) for train in trains], dtype=np.float64)
    violations = np.array(
        [int(np.sum(np.diff(np.asarray(train, dtype=float)) < refractory_s)) for train in trains],
        dtype=np.int64,
    )
    expected = (refractory_s - dead_s) * n_spikes**2 / seconds
    # v / expected = 2 f (1 - f)
    ratio = np.divide(violations, expected, out=np.zeros(len(trains)), where=expected > 0)
    share = 0.5 * (1 - np.sqrt(np.maximum(1 - 2 * ratio, 0)))
    share[n_spikes < 2] = np.nan
    rate = n_spikes / seconds
    junk = [
        f"{hz:.0f} spikes/s on average, more than {junk_hz:g}, with {count} intervals below "
        f"{1000 * refractory_s:g} ms where unrelated spikes would have {chance:.0f}"
        if hz > junk_hz and part >= most
        else ""
        for hz, part, count, chance in zip(rate, share, violations, expected, strict=True)
    ]
    return Contamination(
        share=share,
        at_least=ratio > 0.5,
        violations=violations,
        expected=expected,
        rate_hz=rate,
        junk=junk,
    )


def dead_time(trains: Sequence[NDArray[Any]], *, refractory_s: float = REFRACTORY_S) -> float:
    """Time after a spike in which the detector of a session sees no other spike of the unit.

    Parameters
    ----------
    trains : sequence of array_like
        Spike times of all units, s, ascending.
    refractory_s : float
        The refractory period: a longer dead time is not one of the detector.

    Returns
    -------
    float
        The shortest interval of all units, s; 0 with fewer than 10000 spikes in all, or where it
        is longer than 0.9 of the refractory period (units that keep it look the same then).
    """
    shortest = [np.diff(np.asarray(train, dtype=float)).min() for train in trains if len(train) > 1]
    if not shortest or sum(map(len, trains)) < _SPIKES_FOR_DEAD_TIME:
        return 0.0
    least = float(min(shortest))
    return least if least <= _MOST_DEAD_PART * refractory_s else 0.0


def presence(
    trains: Sequence[NDArray[Any]], intervals: ArrayLike, *, bin_s: float = 60.0
) -> NDArray:
    """Count the spikes of each unit in each whole bin of the recorded time.

    Parameters
    ----------
    trains : sequence of array_like
        Spike times of each unit, s, ascending.
    intervals : array_like, shape (n, 2)
        Recorded seconds, without overlaps.
    bin_s : float
        Bins lie wholly inside an interval, from its start.

    Returns
    -------
    ndarray of int, shape (n_units, n_bins)
        The presence ratio is the mean of ``counts > 0``; of a steady Poisson unit it is
        ``1 - exp(-rate bin_s)``, 0.95 for 0.05 Hz and 60 s.

    Raises
    ------
    InputError
        If intervals overlap.
    """
    pieces = [
        start + bin_s * np.arange(math.floor((stop - start) / bin_s + 1e-9))
        for start, stop in disjoint(intervals, name="presence")
    ]
    starts = np.concatenate([np.empty(0), *pieces])
    counts = [
        np.searchsorted(train, starts + bin_s) - np.searchsorted(train, starts) for train in trains
    ]
    return np.array(counts, dtype=np.int64).reshape(len(trains), len(starts))


def amplitude_change(
    times_s: ArrayLike,
    amplitudes: ArrayLike,
    *,
    before: ArrayLike,
    after: ArrayLike,
    minimum_spikes: int = 50,
) -> float | None:
    """Relative change of one unit's median spike amplitude.

    Parameters
    ----------
    times_s, amplitudes : array_like, shape (n_spikes,)
        Seconds, ascending, and the amplitude of each spike in any unit.
    before, after : array_like, shape (n, 2)
        Seconds to compare.
    minimum_spikes : int
        In each of the two; a unit that a drug silences has too few, and drift is not the reason.

    Returns
    -------
    float or None
        (after - before) / before of the absolute medians; drift where it is beyond
        :data:`MOST_AMPLITUDE_CHANGE`. None where it cannot be stated.

    Raises
    ------
    InputError
        If times and amplitudes differ in number.
    """
    times, sizes = np.asarray(times_s, dtype=float), np.asarray(amplitudes, dtype=float)
    if times.shape != sizes.shape:
        raise InputError(
            f"amplitudes: found {sizes.shape} for {times.shape} spikes; expected one per spike"
        )
    parts = [sizes[contains(intervals, times)] for intervals in (before, after)]
    if min(map(len, parts)) < minimum_spikes:
        return None
    first, last = (abs(float(np.median(part))) for part in parts)
    return (last - first) / first if first > 0 else None
