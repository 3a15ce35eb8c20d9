"""Runs of correct choices inside sets: criterion, the widge sequence, streaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.experiment.criterion import Blocks


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
    window: int | Blocks,
) -> Runs:
    """First time in each set that ``needed`` of the last ``window`` trials are good.

    ``needed == window`` asks for consecutive good trials. At the start of a set the window is as
    short as the set. With blocks, ``needed`` trials of each block must be good, the blocks follow
    each other from the start of the set, and an incomplete one meets nothing.

    Parameters
    ----------
    good : ndarray of bool, shape (n,)
        Whether a trial counts towards the run.
    takes_part : ndarray of bool, shape (n,)
        Trials that exist for the run: others neither count nor break it.
    set_id : ndarray of int, shape (n,)
        Set of each trial, from 0, not decreasing.
    n_sets, needed : int
        Number of sets; good trials of the run.
    window : int or Blocks
        Trials among which they must lie.

    Returns
    -------
    Runs
    """
    if isinstance(window, Blocks):
        return _find_blocks(
            good=good,
            takes_part=takes_part,
            set_id=set_id,
            n_sets=n_sets,
            needed=needed,
            blocks=window,
        )
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


def _find_blocks(
    *,
    good: NDArray[np.bool_],
    takes_part: NDArray[np.bool_],
    set_id: NDArray[np.intp],
    n_sets: int,
    needed: int,
    blocks: Blocks,
) -> Runs:
    """First run of blocks that have enough good trials each: a run like any other, over blocks."""
    trial = np.flatnonzero(takes_part)
    sets = set_id[trial]
    rank = np.arange(len(trial)) - np.searchsorted(sets, sets)
    opens = np.flatnonzero(rank % blocks.size == 0)
    size = np.diff(np.append(opens, len(trial)))
    hits = np.add.reduceat(good[trial].astype(np.intp), opens) if len(opens) else size
    enough, open_ended = hits >= needed, size < blocks.size
    every = np.ones(len(opens), dtype=bool)

    def runs_of(passed: NDArray[np.bool_]) -> Runs:
        return find_runs(
            good=passed,
            takes_part=every,
            set_id=sets[opens],
            n_sets=n_sets,
            needed=blocks.repeats,
            window=blocks.repeats,
        )

    found = runs_of(enough & ~open_ended)
    # What a block that the set's end cut could still have become.
    possible = runs_of(np.where(open_ended, hits + blocks.size - size >= needed, enough))
    begins = np.append(trial[opens], len(set_id))
    ends = trial[np.append(opens[1:], len(trial)) - 1] if len(opens) else opens
    reached = found.found
    return Runs(
        begin=np.where(reached, begins[found.begin], -1),
        end=np.where(reached, ends[found.end], -1) if len(opens) else np.full(n_sets, -1),
        earliest=begins[np.minimum(possible.earliest, len(opens))],
    )


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
