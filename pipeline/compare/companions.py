"""Permutation companions: a p value that needs no normal distribution, beside every t.

One group: the signs of the animals' scores are flipped (exact). Two groups: animals are relabelled
and the Welch t recomputed (exact for small groups; studentised, because variances may differ:
Janssen 1997, Stat Probab Lett 36:9). More groups, Freedman-Lane: residuals of the model without the
contrast are permuted over all animals (or their signs flipped, where the weights do not sum to
zero), the fitted means added back, and the t recomputed (Freedman & Lane 1983, J Bus Econ Stat
1:292; Winkler 2014, NeuroImage 92:381). All resampling is done by
:func:`scipy.stats.permutation_test`.

Contrasts whose groups have the same sizes are resampled in one call, with the same permutations;
each p value is the one that the contrast would get alone.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from pipeline.compare.per_animal import Group

#: up to so many rearrangements are enumerated, beyond it N_RANDOM are drawn
EXACT_UP_TO = 2**15
N_RANDOM = 9999

#: numbers held at once; bounds memory, changes no result
_BLOCK = 4_000_000


def companions(contrasts: Sequence[Sequence[Group]], *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Compute the companion of every contrast.

    Parameters
    ----------
    contrasts : sequence of sequence of Group
        Groups of each contrast; an empty sequence means that there is nothing to test.
    seed : int
        For those that are too large to enumerate.

    Returns
    -------
    p : ndarray (n,)
        Two-sided p values, NaN where there is nothing to test.
    floor : ndarray (n,)
        The smallest p that the number of animals allows.
    """
    p = np.full(len(contrasts), np.nan)
    floor = np.full(len(contrasts), np.nan)
    alike: dict[tuple, list[int]] = defaultdict(list)
    for index, groups in enumerate(contrasts):
        if groups:
            alike[tuple((len(g.scores), g.weight) for g in groups)].append(index)
    for signature, indices in alike.items():
        sizes = np.array([size for size, _ in signature])
        weights = np.array([weight for _, weight in signature])
        if len(sizes) == 1 and sizes[0] < 2:
            continue
        scores = np.array([np.concatenate([g.scores for g in contrasts[i]]) for i in indices])
        p[indices], floor[indices] = _resample(scores, sizes, weights, seed)
    return p, floor


def companion_name(groups: Sequence[Group]) -> str:
    """Return what the companion of a contrast does, "" where there is none."""
    if not groups:
        return ""
    if len(groups) == 1:
        return "sign flips"
    flips = not math.isclose(sum(group.weight for group in groups), 0.0, abs_tol=1e-12)
    if len(groups) == 2 and not flips:
        return "permuted labels"
    return "sign flips of residuals" if flips else "permuted residuals"


def _resample(
    scores: np.ndarray, sizes: np.ndarray, weights: np.ndarray, seed: int
) -> tuple[np.ndarray, float]:
    """Companion p (contrast,) of scores (contrast, unit) whose units lie group by group."""
    n = int(sizes.sum())
    flips = not math.isclose(weights.sum(), 0.0, abs_tol=1e-12)
    if flips:
        kind, n_all = "samples", 2**n
    elif len(sizes) == 2:
        kind, n_all = "independent", math.comb(n, int(sizes[0]))
    else:
        kind, n_all = "pairings", math.factorial(n)
    exact = n_all <= EXACT_UP_TO
    n_drawn = n_all if exact else N_RANDOM
    floor = 2 / (n_all if exact else N_RANDOM + 1)
    rows = max(1, _BLOCK // n_drawn)
    parts = []
    for start in range(0, len(scores), rows):
        block = scores[start : start + rows]
        data, statistic = _set_up(block, sizes, weights, kind)
        parts.append(_permute(data, statistic, kind, n_drawn, max(1, _BLOCK // block.size), seed))
    return np.concatenate(parts), min(floor, 1.0)


def _set_up(
    scores: np.ndarray, sizes: np.ndarray, weights: np.ndarray, kind: str
) -> tuple[tuple[np.ndarray, ...], Callable]:
    """Data and statistic for the resampler."""
    edges = np.cumsum(sizes)[:-1]
    if len(sizes) == 1:
        return (scores,), _mean
    if kind == "independent":

        def two_groups(*samples: np.ndarray, axis: int = -1) -> np.ndarray:
            return _t(samples, weights)

        return tuple(np.split(scores, edges, axis=-1)), two_groups
    fitted = _without_contrast(scores, sizes, weights)

    def several(residuals: np.ndarray, axis: int = -1) -> np.ndarray:
        return _t(np.split(residuals + fitted, edges, axis=-1), weights)

    return (scores - fitted,), several


def _mean(sample: np.ndarray, axis: int = -1) -> np.ndarray:
    return sample.mean(axis=axis)


def _t(samples: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Contrast over its standard error, groups along the last axis of each sample."""
    value, variance = 0.0, 0.0
    for sample, weight in zip(samples, weights, strict=True):
        value = value + weight * sample.mean(axis=-1)
        variance = variance + weight**2 * sample.var(axis=-1, ddof=1) / sample.shape[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(value == 0, 0.0, value / np.sqrt(variance))


def _without_contrast(scores: np.ndarray, sizes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Least-squares fit (contrast, unit) of the group means under ``sum w_g mean_g = 0``."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    means = np.stack([scores[:, group == g].mean(axis=1) for g in range(len(sizes))], axis=1)
    excess = (means @ weights) / (weights**2 / sizes).sum()
    return (means - excess[:, None] * (weights / sizes))[:, group]


def _permute(
    data: tuple[np.ndarray, ...], statistic: Callable, kind: str, n: int, batch: int, seed: int
) -> np.ndarray:
    from scipy.stats import permutation_test

    result = permutation_test(
        data,
        statistic,
        permutation_type=kind,
        vectorized=True,
        n_resamples=n,
        batch=batch,
        axis=-1,
        rng=np.random.default_rng(seed),
    )
    return np.asarray(result.pvalue, dtype=float)
