"""Permutation companions: exact values, agreement with enumeration by hand, floors, calibration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from pipeline.compare.companions import EXACT_UP_TO, companions
from pipeline.compare.per_animal import Group

SLEEP = np.array([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])


def groups(*weighted):
    return tuple(Group(weight, np.arange(len(x)), np.asarray(x, float)) for weight, x in weighted)


def companion(*weighted, seed=0):
    p, floor = companions([groups(*weighted)], seed=seed)
    return p[0], floor[0]


def t_of(samples, weights):
    value = sum(w * np.mean(x) for w, x in zip(weights, samples, strict=True))
    se2 = sum(w**2 * np.var(x, ddof=1) / len(x) for w, x in zip(weights, samples, strict=True))
    return value / np.sqrt(se2)


def two_sided(null, observed):
    null = np.array(null)
    slack = 1e-9 * abs(observed)
    return min(1, 2 * min(np.mean(null >= observed - slack), np.mean(null <= observed + slack)))


def without_contrast(samples, weights):
    """Group means under a contrast of zero, by a constrained least squares solved numerically."""
    n = len(samples)
    sizes = [len(x) for x in samples]
    system = np.zeros((n + 1, n + 1))
    system[:n, :n] = np.diag(sizes)
    system[:n, n] = system[n, :n] = weights
    right = [*(np.sum(x) for x in samples), 0.0]
    return np.linalg.solve(system, right)[:n]


def test_sign_flip_of_sleep_is_exact():
    assert companion((1, SLEEP)) == (0.00390625, 2 / 2**10)


def test_sign_flip_agrees_with_enumeration():
    scores = np.random.default_rng(0).normal(0.5, size=7)
    flips = np.array(list(itertools.product((1, -1), repeat=7)))
    assert companion((1, scores))[0] == two_sided((flips * scores).mean(axis=1), scores.mean())


def test_two_groups_agree_with_enumeration():
    rng = np.random.default_rng(1)
    a, b = rng.normal(1, 2, size=5), rng.normal(0, 0.3, size=4)
    everyone = np.concatenate([a, b])
    null = []
    for chosen in itertools.combinations(range(9), 5):
        rest = [i for i in range(9) if i not in chosen]
        null.append(stats.ttest_ind(everyone[list(chosen)], everyone[rest], equal_var=False)[0])
    observed = stats.ttest_ind(a, b, equal_var=False)[0]
    assert companion((1, a), (-1, b)) == (pytest.approx(two_sided(null, observed)), 2 / 126)


def test_averages_of_groups_are_flipped_around_their_reduced_model():
    rng = np.random.default_rng(2)
    samples, weights = [rng.normal(1, size=4), rng.normal(-0.5, size=3)], [0.5, 0.5]
    means = without_contrast(samples, weights)
    residuals = [x - m for x, m in zip(samples, means, strict=True)]
    null = []
    for signs in itertools.product((1, -1), repeat=7):
        flipped = (residuals[0] * signs[:4] + means[0], residuals[1] * signs[4:] + means[1])
        null.append(t_of(flipped, weights))
    p, floor = companion((0.5, samples[0]), (0.5, samples[1]))
    assert p == pytest.approx(two_sided(null, t_of(samples, weights)))
    assert floor == 2 / 2**7


def test_several_groups_are_permuted_around_their_reduced_model():
    rng = np.random.default_rng(3)
    weights = [1.0, -0.5, -0.5]
    samples = [rng.normal(m, size=2) for m in (2, 0, 1)]
    means = np.repeat(without_contrast(samples, weights), 2)
    residuals = np.concatenate(samples) - means
    null = [
        t_of(np.split(residuals[list(order)] + means, 3), weights)
        for order in itertools.permutations(range(6))
    ]
    p, _ = companion(*zip(weights, samples, strict=True))
    assert p == pytest.approx(two_sided(null, t_of(samples, weights)))


def test_contrasts_of_one_shape_do_not_influence_each_other():
    rng = np.random.default_rng(4)
    many = [
        groups(*((w, rng.normal(size=n)) for w, n in shape))
        for shape in (
            [(1, 18)],
            [(1, 18)],
            [(1, 12), (-1, 11)],
            [(1, 12), (-1, 11)],
            [(1, 5), (-1, 6), (-1, 5), (1, 5)],
            [(1, 5), (-1, 6), (-1, 5), (1, 5)],
        )
    ]
    together, _ = companions(many, seed=7)
    alone = [companions([one], seed=7)[0][0] for one in many]
    assert list(together) == alone


def test_large_groups_are_sampled_with_a_seed():
    scores = np.random.default_rng(5).normal(0.4, size=20)
    assert EXACT_UP_TO < 2**20
    p, floor = companion((1, scores), seed=1)
    assert floor == 2 / 10000
    assert companion((1, scores), seed=1)[0] == p
    assert p == pytest.approx(stats.ttest_1samp(scores, 0).pvalue, abs=0.01)


def test_nothing_to_test():
    p, floor = companions([(), groups((1, SLEEP))], seed=0)
    assert np.isnan(p[0])
    assert np.isnan(floor[0])
    assert p[1] == 0.00390625
    assert companions([], seed=0)[0].size == 0


@pytest.mark.parametrize(
    ("sizes", "weights"),
    [((6, 6, 6, 6), (1, -1, -1, 1)), ((6, 8), (0.5, 0.5)), ((8, 8), (1, -1))],
)
def test_level_under_the_null_with_unequal_variances(sizes, weights):
    """True group means differ, the contrast is zero: about 5 % below .05 (600 cohorts, SE .9 %)."""
    rng = np.random.default_rng(6)
    centres = {4: (3, 1, 2, 0), 2: (2, -2) if sum(weights) else (0, 0)}[len(sizes)]
    spread = (2.0, 1.0, 1.0, 1.0)
    cohorts = [
        groups(
            *(
                (w, rng.normal(m, s, size=n))
                for w, m, s, n in zip(weights, centres, spread, sizes, strict=False)
            )
        )
        for _ in range(600)
    ]
    p, _ = companions(cohorts, seed=0)
    assert 0.025 < np.mean(p < 0.05) < 0.08
