"""Runs of correct choices inside sets: criterion, the widge sequence, streaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Runs:
    """First run in each set; arrays have shape (n_sets,) and hold trial positions.

    Attributes
    ----------
    begin, end : ndarray of int
        First and last trial of the run; -1 where there is none.
    earliest : ndarray of int
        Where there is no run: the first trial at which one could still begin, if every coming
        choice were correct; the number of trials where even the last trial comes too early.
    """

    begin: NDArray[np.intp]
    end: NDArray[np.intp]
    earliest: NDArray[np.intp]

    @property
    def found(self) -> NDArray[np.bool_]:
        """Whether the set has a run."""
        return self.end >= 0


def first_true(mask: NDArray[np.bool_], set_id: NDArray[np.intp], n_sets: int) -> NDArray[np.intp]:
    """First trial of each set for which ``mask`` holds; the number of trials where none does.

    Parameters
    ----------
    mask, set_id : ndarray, shape (n,)
        Condition and set of each trial.
    n_sets : int
        Number of sets.

    Returns
    -------
    ndarray of int, shape (n_sets,)
    """
    first = np.full(n_sets, len(mask))
    hits = np.flatnonzero(mask)[::-1]
    # Written from the back: the first hit of a set is the last one written.
    first[set_id[hits]] = hits
    return first


def find_runs(
    *,
    good: NDArray[np.bool_],
    takes_part: NDArray[np.bool_],
    set_id: NDArray[np.intp],
    n_sets: int,
    needed: int,
    window: int,
) -> Runs:
    """First time in each set that ``needed`` of the last ``window`` trials are good.

    ``needed == window`` asks for consecutive good trials. At the start of a set the window is as
    short as the set.

    Parameters
    ----------
    good : ndarray of bool, shape (n,)
        Whether a trial counts towards the run.
    takes_part : ndarray of bool, shape (n,)
        Trials that exist for the run: others neither count nor break it.
    set_id : ndarray of int, shape (n,)
        Set of each trial, from 0, not decreasing.
    n_sets, needed, window : int
        Number of sets; size of the run.

    Returns
    -------
    Runs
    """
    trial = np.flatnonzero(takes_part)
    sets = set_id[trial]
    hit = good[trial].astype(np.intp)
    position = np.arange(len(trial))
    edges = np.searchsorted(sets, np.arange(n_sets + 1))
    start, stop = edges[:-1], edges[1:]
    total = np.concatenate([[0], np.cumsum(hit)])
    low = np.maximum(position - window + 1, start[sets])
    complete = np.flatnonzero(total[1:] - total[low] >= needed)
    begin, end = np.full(n_sets, -1), np.full(n_sets, -1)
    reached, which = np.unique(sets[complete], return_index=True)
    begin[reached] = trial[low[complete[which]]]
    end[reached] = trial[complete[which]]
    # A later run may contain `window - needed` misses at most: it begins after those before.
    missed = position - total[:-1]
    misses_before = missed - np.concatenate([missed, [0]])[start][sets]
    misses = (stop - start) - (total[stop] - total[start])
    too_early = misses_before < (misses - (window - needed))[sets]
    offset = np.bincount(sets[too_early], minlength=n_sets)
    earliest = np.concatenate([trial, [len(set_id)]])[
        np.where(offset < stop - start, start + offset, len(trial))
    ]
    return Runs(begin=begin, end=end, earliest=earliest)


def streak_lengths(
    *, good: NDArray[np.bool_], takes_part: NDArray[np.bool_], set_id: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """All maximal runs of consecutive good trials that stay inside a set.

    Parameters
    ----------
    good, takes_part, set_id : ndarray, shape (n,)
        As for :func:`find_runs`.

    Returns
    -------
    set_id, length : ndarray of int, shape (n_streaks,)
        Set and number of trials of each.
    """
    trial = np.flatnonzero(takes_part)
    sets, hit = set_id[trial], good[trial]
    fresh = np.ones(len(trial), dtype=bool)
    fresh[1:] = ~hit[:-1] | (sets[1:] != sets[:-1])
    streak = np.cumsum(fresh & hit) - 1
    length = np.bincount(streak[hit], minlength=int((fresh & hit).sum()))
    return sets[fresh & hit], length
