"""Selectivity of units: how well the count of one trial tells its label (choice, outcome, rule).

The area under the ROC curve is the probability that a trial of one label has more spikes than one
of the other, ties counting half (Green & Swets 1966; by ranks, Bamber 1975, J Math Psychol 12:387).
0.5 is none. Two normal distributions d' apart have the area Phi(d' / sqrt 2).

**Drift must not pass for selectivity.** Rates wander over minutes, because electrodes move, animals
tire and drugs come on. Labels cluster in time as well: errors come early in a set, a rule holds for
all of one. A unit that merely wanders then separates the labels, and shuffling over the whole
session says "significant", for shuffled labels do not cluster. Moving the labels around the circle
of trials is no remedy when rates drift (Harris 2020, bioRxiv 2020.11.29.402719). So only neighbours
are compared, and exchanged:

``permute``, for labels that vary from trial to trial (choice, outcome)
    Trials of one short block (:func:`time_blocks`: about six neighbours of one set) are compared
    and exchanged, for over so few trials drift is small. What is left: in units whose rate forgets
    within 3 to 8 trials, choices that stay on a side for 3 trials on average are called selective
    in 5.8 % where 5 % are due, for 5 trials in 6.7 % (with blocks of ten, in 7 and 9 %).
``flip``, for labels that hold for whole sets (rule)
    Around each change of rule the last third of one set is compared with the first third of the
    next (:func:`change_blocks`); the null turns the direction of each change at random, as it may
    have been for a unit that drifts. The middle thirds stand between the comparisons, so that two
    of them share no slow fluctuation. ``least_p`` is 1 / 2^(changes - 1): a session with one
    change allows no p below 1, for its two rules cannot be told from drift, by any method.

The area is that of the pairs of trials within blocks (the statistic of van Elteren 1960, Bull Int
Stat Inst 37:351); with a single block of all trials it is the plain one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import InputError
from pipeline.spikes.modulation import benjamini_hochberg

Null = Literal["permute", "flip"]

#: areas closer than this are equal
_ROUNDING = 1e-9
#: first part of the seed of relabellings
_SEED = 20712


@dataclass(frozen=True, eq=False, kw_only=True)
class Selectivity:
    """Selectivity of each unit for one pair of labels.

    Attributes
    ----------
    area : ndarray, shape (n_units,)
        Probability that a trial of the second label has more spikes than one of the first.
    squared_excess : ndarray, shape (n_units,)
        Estimate of ``(area - 0.5)^2`` without the bias of squaring: the mean product of two pairs
        of trials without a trial in common (``permute``), of two different changes (``flip``; NaN
        with a single one). 0 on average for a unit without selectivity and the true square for
        one with it, whatever the number of trials, so that epochs of different length compare.
        May be negative.
    p : ndarray, shape (n_units,)
        Two-sided, by relabelling; 1 for a unit whose counts do not vary.
    q : ndarray, shape (n_units,)
        Benjamini-Hochberg over the units given.
    least_p : float
        Smallest p that this many relabellings allow.
    n_trials : tuple of int
        Trials of the first and of the second label that were compared.
    """

    area: NDArray[np.float64]
    squared_excess: NDArray[np.float64]
    p: NDArray[np.float64]
    q: NDArray[np.float64]
    least_p: float
    n_trials: tuple[int, int]


def selectivity(
    counts: ArrayLike,
    labels: ArrayLike,
    blocks: ArrayLike,
    *,
    null: Null,
    n_relabelled: int = 999,
    seed: int = 0,
) -> Selectivity | None:
    """ROC area of each unit, tested by relabelling trials.

    Parameters
    ----------
    counts : array_like, shape (n_units, n_trials)
        Spikes per trial (:func:`pipeline.spikes.events.window_counts`), in order of time; only
        trials that were seen and have a label.
    labels : array_like, shape (n_trials,)
        Two different values; the second in sorted order is the one that areas above 0.5 favour.
    blocks : array_like, shape (n_trials,)
        Block of each trial: :func:`time_blocks` to ``permute``, :func:`change_blocks` to ``flip``.
    null : {"permute", "flip"}
        What is exchanged; see the module.
    n_relabelled : int
        Relabellings at most.
    seed : int
        Of the relabellings.

    Returns
    -------
    Selectivity or None
        None when no block holds both labels.

    Raises
    ------
    InputError
        If shapes differ, there are more than two labels, or the trials of a block are apart.
    """
    counts, codes, blocks = checked(counts, labels, blocks)
    if codes.max(initial=0) > 1:
        raise InputError(
            f"labels: found {codes.max() + 1} different values; expected two (compare rules in "
            "pairs)"
        )
    ranks, informative = _centred_ranks(counts, codes, blocks)
    if not informative.any():
        return None
    if null == "permute":
        relabelled = permuted(codes, blocks, n=n_relabelled, seed=seed)
        least_p = 1 / (1 + n_relabelled)
    else:
        relabelled = flipped(codes, blocks, informative, n=n_relabelled, seed=seed)
        # turning all changes gives an area just as far from 0.5
        n_changes = len(np.unique(blocks[informative]))
        least_p = max(2.0 ** (1 - n_changes), 1 / (1 + len(relabelled)))
    area = _areas(ranks, codes[np.newaxis], blocks, informative)[0]
    drawn = _areas(ranks, relabelled, blocks, informative)
    as_far = np.abs(drawn - 0.5) >= np.abs(area - 0.5) - _ROUNDING
    p = (1 + as_far.sum(axis=0)) / (1 + len(relabelled))
    square = _square_of_trials if null == "permute" else _square_of_changes
    return Selectivity(
        area=area,
        squared_excess=square(counts[:, informative], codes[informative], blocks[informative]),
        p=p,
        q=benjamini_hochberg(p),
        least_p=least_p,
        n_trials=(int(np.sum(informative & (codes == 0))), int(np.sum(informative & (codes == 1)))),
    )


def roc_areas(
    counts: ArrayLike, labels: ArrayLike, blocks: ArrayLike | None = None
) -> NDArray[np.float64]:
    """ROC area of each unit, of pairs of trials within blocks.

    Parameters
    ----------
    counts : array_like, shape (n_units, n_trials)
        Spikes per trial.
    labels : array_like, shape (n_trials,)
        Two different values.
    blocks : array_like, shape (n_trials,), optional
        One block of all trials when not given: the plain area.

    Returns
    -------
    ndarray, shape (n_units,)
        0 to 1; NaN when no block holds both labels.
    """
    blocks = np.zeros(len(np.asarray(labels)), dtype=int) if blocks is None else blocks
    counts, codes, blocks = checked(counts, labels, blocks)
    ranks, informative = _centred_ranks(counts, codes, blocks)
    if not informative.any():
        return np.full(len(counts), np.nan)
    return _areas(ranks, codes[np.newaxis], blocks, informative)[0]


def time_blocks(sets: ArrayLike, *, trials: int = 6) -> NDArray[np.intp]:
    """Cut each set into blocks of neighbouring trials, as equal as can be.

    Parameters
    ----------
    sets : array_like, shape (n_trials,)
        Set of each trial, in order of time.
    trials : int
        Length that blocks come close to.

    Returns
    -------
    ndarray of int, shape (n_trials,)
        Ascending from 0.
    """
    pieces, first = [np.empty(0, dtype=np.intp)], 0
    for length in _runs(np.asarray(sets))[1].tolist():
        n_blocks = max(1, round(length / trials))
        pieces.append(first + np.arange(length) * n_blocks // length)
        first += n_blocks
    return np.concatenate(pieces)


def change_blocks(sets: ArrayLike) -> NDArray[np.intp]:
    """Cut each set in thirds: a block is the last third of a set and the first of the next.

    Middle thirds, the first third of the first set and the last of the last stand alone and are
    compared with nothing.

    Parameters
    ----------
    sets : array_like, shape (n_trials,)
        Set of each trial, in order of time.

    Returns
    -------
    ndarray of int, shape (n_trials,)
        Ascending.
    """
    starts, lengths = _runs(np.asarray(sets))
    index = np.repeat(np.arange(len(lengths)), lengths)
    position = np.arange(len(index)) - starts[index]
    third = np.round(lengths / 3)[index]
    return 2 * index + (position >= third) + (position >= lengths[index] - third)


def permuted(
    codes: NDArray[np.intp], blocks: NDArray[np.intp], *, n: int, seed: int
) -> NDArray[np.intp]:
    """Labels exchanged at random within blocks.

    Parameters
    ----------
    codes, blocks : ndarray of int, shape (n_trials,)
        Labels, and blocks ascending.
    n, seed : int
        How many, and the seed.

    Returns
    -------
    ndarray of int, shape (n, n_trials)
    """
    rng = np.random.default_rng([_SEED, seed])
    # blocks ascend: random keys added to them give a random order within each
    return codes[np.argsort(rng.random((n, len(codes))) + blocks, axis=1)]


def flipped(
    codes: NDArray[np.intp],
    blocks: NDArray[np.intp],
    informative: NDArray[np.bool_],
    *,
    n: int,
    seed: int,
) -> NDArray[np.intp]:
    """The two labels of whole blocks exchanged: every other way to do so if there are at most `n`.

    Parameters
    ----------
    codes, blocks : ndarray of int, shape (n_trials,)
        Labels, and blocks ascending.
    informative : ndarray of bool, shape (n_trials,)
        Trials of blocks with two labels.
    n, seed : int
        How many at most, and the seed where they are drawn.

    Returns
    -------
    ndarray of int, shape (m, n_trials)
    """
    which, block = np.unique(blocks[informative], return_inverse=True)
    if len(which) < 63 and 2 ** len(which) - 1 <= n:
        ways = np.arange(1, 2 ** len(which))
        turned = (ways[:, np.newaxis] >> np.arange(len(which))) & 1 == 1
    else:
        turned = np.random.default_rng([_SEED, seed]).random((n, len(which))) < 0.5
    owner = np.zeros(len(codes), dtype=np.intp)
    owner[informative] = block
    of_block = [codes[informative][block == index] for index in range(len(which))]
    both = np.array([labels.min() + labels.max() for labels in of_block], dtype=np.intp)
    change = turned[:, owner] & informative
    return np.where(change, both[owner] - codes, codes)


def checked(
    counts: ArrayLike, labels: ArrayLike, groups: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Counts, labels as codes from 0, groups as numbers from 0 in the order of time.

    Raises
    ------
    InputError
        If shapes differ, or the trials of a group are not neighbours.
    """
    counts = np.asarray(counts, dtype=float)
    labels, groups = np.asarray(labels), np.asarray(groups)
    if counts.ndim != 2 or labels.shape != counts.shape[1:] or groups.shape != labels.shape:
        raise InputError(
            f"trials: found counts of shape {counts.shape}, labels of {labels.shape} and groups "
            f"of {groups.shape}; expected (units, trials) and one label and group per trial"
        )
    codes = np.unique(labels, return_inverse=True)[1]
    runs = np.cumsum(np.r_[0, groups[1:] != groups[:-1]])[: len(groups)].astype(np.intp)
    if len(groups) and runs[-1] + 1 != len(np.unique(groups)):
        raise InputError(
            "groups: found trials of one group apart from each other; expected neighbours (trials "
            "out of order?)"
        )
    return counts, codes, runs


def _centred_ranks(
    counts: NDArray[np.float64], codes: NDArray[np.intp], blocks: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Ranks of each unit's counts within blocks, less their mean; trials whose block has both."""
    from scipy.stats import rankdata

    ranks = np.zeros(counts.shape)
    informative = np.zeros(len(codes), dtype=bool)
    borders = np.searchsorted(blocks, np.arange(blocks.max(initial=-1) + 2))
    for first, past in pairwise(borders):
        here = slice(first, past)
        if codes[here].min() < codes[here].max():
            informative[here] = True
            ranks[:, here] = rankdata(counts[:, here], axis=1) - (past - first + 1) / 2
    return ranks, informative


def _areas(
    ranks: NDArray[np.float64],
    codes: NDArray[np.intp],
    blocks: NDArray[np.intp],
    informative: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Areas for several labellings, shape (n_labellings, n_units).

    Of the Mann-Whitney U: the centred ranks of one label add up to U - n1 n0 / 2, in each block.
    """
    positive = (codes == 1) & informative
    n_blocks = blocks.max() + 1
    member = np.zeros((len(blocks), n_blocks))
    member[np.arange(len(blocks)), blocks] = informative
    ones = positive @ member
    pairs = np.sum(ones * (member.sum(axis=0) - ones), axis=1)
    return 0.5 + (positive.astype(float) @ ranks.T) / pairs[:, np.newaxis]


def _square_of_trials(
    counts: NDArray[np.float64], codes: NDArray[np.intp], blocks: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Mean product of (more or fewer spikes, +-0.5) of two pairs of trials that share no trial.

    A U-statistic; pairs with a trial in common are taken out of the square of the sum.
    """
    block = np.unique(blocks, return_inverse=True)[1]
    at_one, at_zero = (_by_block(np.flatnonzero(codes == code), block) for code in (1, 0))
    pair = (at_one >= 0)[:, :, np.newaxis] & (at_zero >= 0)[:, np.newaxis]
    ones, zeros = counts[:, at_one][..., np.newaxis], counts[:, at_zero][:, :, np.newaxis]
    # (unit, block, trial of one label, trial of the other)
    more = np.where(pair, np.sign(ones - zeros) / 2, 0.0)
    shared = sum(np.sum(more.sum(axis=axis) ** 2, axis=(1, 2)) for axis in (2, 3))
    shared -= np.sum(more**2, axis=(1, 2, 3))
    n_ones, n_zeros = (at_one >= 0).sum(axis=1), (at_zero >= 0).sum(axis=1)
    pairs = n_ones * n_zeros
    of_two = pairs.sum() ** 2 - np.sum(pairs * (n_ones + n_zeros - 1))
    if not of_two:
        return np.full(len(counts), np.nan)
    return (more.sum(axis=(1, 2, 3)) ** 2 - shared) / of_two


def _by_block(trials: NDArray[np.intp], block: NDArray[np.intp]) -> NDArray[np.intp]:
    """Trials as one row per block, -1 where a block has fewer than another."""
    owner = block[trials]
    place = np.arange(len(trials)) - np.searchsorted(owner, owner)
    rows = np.full((block.max() + 1, place.max() + 1), -1)
    rows[owner, place] = trials
    return rows


def _square_of_changes(
    counts: NDArray[np.float64], codes: NDArray[np.intp], blocks: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Mean product of (area - 0.5) of two different blocks, weighted by their pairs of trials."""
    found, pairs = [], []
    for block in np.unique(blocks):
        here = blocks == block
        found.append(roc_areas(counts[:, here], codes[here]) - 0.5)
        pairs.append(np.sum(here & (codes == 1)) * np.sum(here & (codes == 0)))
    weights = np.array(pairs) / sum(pairs)
    of_two = 1 - np.sum(weights**2)
    if len(found) < 2:
        return np.full(len(counts), np.nan)
    parts = weights[:, np.newaxis] * np.array(found)
    return (parts.sum(axis=0) ** 2 - np.sum(parts**2, axis=0)) / of_two


def _runs(sets: NDArray[np.generic]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First trial and length of each set."""
    if len(sets) == 0:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    starts = np.flatnonzero(np.r_[True, sets[1:] != sets[:-1]])
    return starts, np.diff(np.append(starts, len(sets)))
