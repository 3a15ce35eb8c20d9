"""Decoding: how well the counts of a population tell the rule, or the choice, of trials left out.

A linear decoder (ridge regression onto one target per label, after the square root of the counts
and their z-scores in the trials learnt from) gives each trial the label whose score lies furthest
above the midpoint between this label's trials and the others; frequent labels are not favoured.
The penalty is the number of units: a prior by which the whole population explains as much as noise.
Accuracy is balanced: the mean over labels of the share of their trials that are told right.

**Neighbouring trials do not leak.** Rates wander, and a rule holds for neighbouring trials. Were
trials left out at random, each would be told by its neighbours' drift, without any code of the
rule. Parts of the session are left out instead. Whole sets will not do either: a set lies between
sets of the other rule, which drift makes like it, so that units that only drift tell alternating
rules *worse* than by chance (0.24 where 0.5 is chance, in simulations), and a code of the rule is
drowned. So:

``flip``, for labels that hold for whole sets (rule)
    The decoder learns what changes with the rule: trials around each change
    (:func:`pipeline.spikes.selectivity.change_blocks`), as differences from the midpoint between
    the trials before and after it, which takes drift away and knows nothing of the direction. One
    change after the other is left out; the null turns the direction of each at random. A session
    with one change gives none.
``permute``, for labels that vary from trial to trial (choice, outcome)
    Sets or other parts of the session are left out; the null exchanges labels within short blocks
    of neighbours (:func:`pipeline.spikes.selectivity.time_blocks`).

**Chance is measured**, as the mean accuracy of the relabelled trials; it need not be one half.
Where all ways to turn the changes are gone through, the true one is among them: turning all changes
does just as well, so that without its opposite the few others would read below chance.

**Equal numbers.** Accuracy grows with units and trials. What is compared (epochs, animals) takes
the same ``n_units``, drawn several times and averaged, and the same ``trials_per_label``; a cell
that has fewer is missing. Trials are taken in pairs, one of each label from one block
(:func:`balanced_trials`): single trials of a block could be exchanged with nothing, and the
relabelled decoder would then be the true one.

Ridge classification: Hastie, Tibshirani & Friedman 2009, The Elements of Statistical Learning,
section 4.2. Leakage between neighbours and drift: Harris 2020, bioRxiv 2020.11.29.402719.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import InputError
from pipeline.spikes.selectivity import Null, checked, flipped, permuted

#: first part of the seed of draws
_SEED = 60411


@dataclass(frozen=True, eq=False, kw_only=True)
class Decoding:
    """How well a population tells the labels of trials.

    Attributes
    ----------
    accuracy : float
        Balanced accuracy in trials left out, 0 to 1, mean over the draws of units.
    chance : float
        Its mean over the relabellings.
    p : float
        Share of relabellings that do as well, the true labels counted among them.
    least_p : float
        Smallest p that this many relabellings allow.
    n_units, n_trials, n_folds : int
        Units of a draw, trials used, and parts that were left out in turn.
    """

    accuracy: float
    chance: float
    p: float
    least_p: float
    n_units: int
    n_trials: int
    n_folds: int


def decode(
    counts: ArrayLike,
    labels: ArrayLike,
    folds: ArrayLike,
    *,
    null: Null,
    blocks: ArrayLike | None = None,
    n_units: int | None = None,
    n_draws: int = 5,
    trials_per_label: int | None = None,
    n_relabelled: int = 199,
    gap: int = 1,
    seed: int = 0,
) -> Decoding | None:
    """Decode labels of trials from the counts of many units.

    Parameters
    ----------
    counts : array_like, shape (n_units, n_trials)
        Spikes per trial, in order of time; only trials that were seen and have a label. Units that
        fell silent stay.
    labels : array_like, shape (n_trials,)
        Two or more values (rules, sides).
    folds : array_like, shape (n_trials,)
        Neighbouring trials that are left out together: ``change_blocks`` to ``flip`` (blocks with
        one label are passed over), sets to ``permute``.
    null : {"flip", "permute"}
        How chance is measured; see the module.
    blocks : array_like, shape (n_trials,), optional
        Blocks within which labels are exchanged (``permute``); the folds when not given.
    n_units : int, optional
        Units of each draw; all units, once, when not given.
    n_draws : int
        Draws of units.
    trials_per_label : int, optional
        Trials of each of two labels, by :func:`balanced_trials` from the blocks (``permute``) or
        from the changes (``flip``); all when not given.
    n_relabelled : int
        Relabellings at most.
    gap : int
        Trials on both sides of those left out that are not learnt from either.
    seed : int
        Of draws and relabellings.

    Returns
    -------
    Decoding or None
        None with too few units or trials, without two labels, where a label would be missing from
        the trials learnt from.

    Raises
    ------
    InputError
        If shapes differ, trials of a fold are apart, one holds three labels (``flip``), or equal
        numbers of trials are asked for of more than two labels.
    """
    counts, codes, folds = checked(counts, labels, folds)
    blocks = folds if blocks is None else checked(counts, labels, blocks)[2]
    n_labels, available = codes.max(initial=-1) + 1, len(counts)
    n_units = available if n_units is None else n_units
    if n_labels < 2 or not 1 <= n_units <= available:
        return None
    kept = np.arange(len(codes)) if null == "permute" else _around_changes(codes, folds)
    if trials_per_label is not None:
        if n_labels > 2:
            raise InputError(
                f"labels: found {n_labels}; expected two, of which as many trials each are taken"
            )
        of_one = blocks if null == "permute" else folds
        taken = balanced_trials(codes[kept], of_one[kept], trials_per_label, seed=seed)
        if taken is None:
            return None
        kept = kept[taken]
    counts, codes, folds, blocks = counts[:, kept], codes[kept], folds[kept], blocks[kept]
    parts = train_and_test(folds, gap=gap)
    every = all(len(np.unique(codes[learnt])) == n_labels for learnt, _ in parts)
    if not parts or not every:
        return None
    features = np.sqrt(counts)
    if null == "flip":
        features = _from_midpoints(features, codes, folds)
        whole = np.ones(len(codes), dtype=bool)
        others = flipped(codes, folds, whole, n=n_relabelled, seed=seed)
        # turning all changes does just as well
        least_p = max(2.0 ** (1 - len(parts)), 1 / (1 + len(others)))
        every_way = len(others) == 2 ** len(parts) - 1
    else:
        others = permuted(codes, blocks, n=n_relabelled, seed=seed)
        least_p, every_way = 1 / (1 + len(others)), False
    rng = np.random.default_rng([_SEED, seed])
    n_draws = 1 if n_units == available else n_draws
    draws = [np.sort(rng.permutation(available)[:n_units]) for _ in range(n_draws)]
    labellings = np.vstack([codes, others])
    right = np.array(
        [_balanced(_told(features[draw], labellings, parts), labellings) for draw in draws]
    )
    accuracy, *chance = right.mean(axis=0)
    return Decoding(
        accuracy=float(accuracy),
        chance=float(np.mean([accuracy, *chance] if every_way else chance)),
        p=float((1 + np.sum(np.array(chance) >= accuracy - 1e-9)) / (1 + len(chance))),
        least_p=least_p,
        n_units=n_units,
        n_trials=len(codes),
        n_folds=len(parts),
    )


def cross_validated(
    counts: ArrayLike, labels: ArrayLike, folds: ArrayLike, *, gap: int = 0
) -> float:
    """Balanced accuracy of one population with folds of any kind; chance is for the caller.

    Parameters
    ----------
    counts : array_like, shape (n_units, n_trials)
        Spikes per trial, in order of time.
    labels, folds : array_like, shape (n_trials,)
        Two or more values; trials left out together, which need not be neighbours.
    gap : int
        As :func:`decode` takes it.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    InputError
        If a label is missing from the trials that are learnt from.
    """
    features = np.sqrt(np.asarray(counts, dtype=float))
    values, codes = np.unique(np.asarray(labels), return_inverse=True)
    parts = train_and_test(np.unique(np.asarray(folds), return_inverse=True)[1], gap=gap)
    for learnt, left_out in parts:
        if len(np.unique(codes[learnt])) < len(values):
            raise InputError(
                f"folds: found a label that has no trial without trials {left_out[0] + 1} to "
                f"{left_out[-1] + 1}; expected each label in two folds at least"
            )
    return float(_balanced(_told(features, codes[np.newaxis], parts), codes[np.newaxis])[0])


def train_and_test(
    folds: NDArray[np.intp], *, gap: int
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Trials to learn from and trials left out, for each fold.

    Parameters
    ----------
    folds : ndarray of int, shape (n_trials,)
    gap : int
        Trials on both sides of those left out that belong to neither.

    Returns
    -------
    list of (ndarray of int, ndarray of int)
    """
    parts = []
    for fold in np.unique(folds):
        left_out = np.flatnonzero(folds == fold)
        near = (left_out[:, np.newaxis] + np.arange(-gap, gap + 1)).ravel()
        parts.append((np.setdiff1d(np.arange(len(folds)), near), left_out))
    return parts


def balanced_trials(
    codes: NDArray[np.intp], groups: NDArray[np.intp], n: int, *, seed: int
) -> NDArray[np.intp] | None:
    """Positions of `n` trials of each of two labels, as many of both from every group.

    The k-th pairs of all groups come before any group's next one; of the last pairs that are
    needed, those evenly spread over the groups are taken. Which trials of a group is left to
    chance: any rule would tell labels exchanged within the group from the true ones.

    Parameters
    ----------
    codes : ndarray of int, shape (n_trials,)
        Labels 0 and 1.
    groups : ndarray of int, shape (n_trials,)
        Group of each trial.
    n : int
        Trials of each label.
    seed : int
        Of the choice within groups.

    Returns
    -------
    ndarray of int, shape (2 x n,), or None
        Ascending; None where the groups hold fewer pairs.
    """
    order = np.random.default_rng([_SEED, 1, seed]).permutation(len(codes))
    levels: dict[int, list[NDArray[np.intp]]] = {}
    for group in np.unique(groups):
        of_both = [order[(groups[order] == group) & (codes[order] == code)] for code in (0, 1)]
        for level, pair in enumerate(zip(*of_both, strict=False)):
            levels.setdefault(level, []).append(np.array(pair))
    taken: list[NDArray[np.intp]] = []
    for level in sorted(levels):
        pairs, wanted = levels[level], n - len(taken)
        if wanted < len(pairs):
            spread = ((np.arange(wanted) + 0.5) * len(pairs) / wanted).astype(int)
            pairs = [pairs[index] for index in spread]
        taken += pairs
    return np.sort(np.concatenate(taken)) if len(taken) == n else None


def _around_changes(codes: NDArray[np.intp], folds: NDArray[np.intp]) -> NDArray[np.intp]:
    """Trials whose fold holds two labels."""
    kept = []
    for fold in np.unique(folds):
        where = np.flatnonzero(folds == fold)
        n_labels = len(np.unique(codes[where]))
        if n_labels > 2:
            raise InputError(
                f"folds: found {n_labels} labels in trials {where[0] + 1} to {where[-1] + 1}; "
                "expected one change of the rule in each (folds by change_blocks?)"
            )
        if n_labels == 2:
            kept.append(where)
    return np.concatenate([np.empty(0, dtype=np.intp), *kept])


def _from_midpoints(
    features: NDArray[np.float64], codes: NDArray[np.intp], folds: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Differences from the midpoint between the means of a fold's two labels.

    It is the same whichever of the two labels comes first.
    """
    centred = np.empty_like(features)
    for fold in np.unique(folds):
        here = folds == fold
        means = [features[:, here & (codes == code)].mean(axis=1) for code in set(codes[here])]
        centred[:, here] = features[:, here] - np.mean(means, axis=0)[:, np.newaxis]
    return centred


def _told(
    features: NDArray[np.float64],
    labellings: NDArray[np.intp],
    parts: list[tuple[NDArray[np.intp], NDArray[np.intp]]],
) -> NDArray[np.intp]:
    """Labels that the trials are given when they are left out, shape (n_labellings, n_trials).

    All labellings are targets of one regression: it is solved once per fold.
    """
    from sklearn import config_context
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    n_labels = labellings.max() + 1
    told = np.zeros(labellings.shape, dtype=np.intp)
    with config_context(assume_finite=True, skip_parameter_validation=True):
        for learnt, left_out in parts:
            scaler = StandardScaler().fit(features[:, learnt].T)
            known, unknown = (scaler.transform(features[:, at].T) for at in (learnt, left_out))
            # (trial, labelling, label)
            member = labellings[:, learnt].T[..., np.newaxis] == np.arange(n_labels)
            ridge = Ridge(alpha=float(len(features)), solver="cholesky")
            ridge.fit(known, member.reshape(len(learnt), -1).astype(float))
            scores = ridge.predict(known).reshape(member.shape)
            of_own = np.sum(scores * member, axis=0) / np.maximum(member.sum(axis=0), 1)
            of_rest = np.sum(scores * ~member, axis=0) / np.maximum((~member).sum(axis=0), 1)
            middle, half = (of_own + of_rest) / 2, (of_own - of_rest) / 2
            new = ridge.predict(unknown).reshape(len(left_out), *middle.shape) - middle
            new /= np.where(half > 1e-12, half, np.inf)
            told[:, left_out] = np.argmax(new, axis=2).T
    return told


def _balanced(told: NDArray[np.intp], labellings: NDArray[np.intp]) -> NDArray[np.float64]:
    """Mean over labels of the share of their trials that are told right, per labelling."""
    shares = [
        np.sum((told == code) & (labellings == code), axis=1) / np.sum(labellings == code, axis=1)
        for code in range(labellings.max() + 1)
    ]
    return np.mean(shares, axis=0)
