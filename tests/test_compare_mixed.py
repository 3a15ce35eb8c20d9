"""The mixed-model engine over matrices: identities, deletion, refusals, invariance, recovery."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from gold import gold_table

from pipeline.compare.mixed import fit_matrices


def crossover(n_animals=8, n_drugs=4, n_contexts=3):
    """Codes of animal, animal:drug, animal:context, and X with one column per cell."""
    size = (n_animals, n_drugs, n_contexts)
    animal, drug, context = (a.ravel() for a in np.indices(size))
    x = np.eye(n_drugs * n_contexts)[drug * n_contexts + context]
    groups = {
        "animal": animal,
        "animal:drug": animal * n_drugs + drug,
        "animal:context": animal * n_contexts + context,
    }
    return groups, x


def response(groups, seed=1, sd=(1.0, 0.6, 0.5), residual=1.0):
    rng = np.random.default_rng(seed)
    parts = [
        s * rng.normal(size=codes.max() + 1)[codes]
        for s, codes in zip(sd, groups.values(), strict=True)
    ]
    return sum(parts) + residual * rng.normal(size=len(parts[0]))


def subset(groups, x, y, keep):
    return {name: codes[keep] for name, codes in groups.items()}, x[keep], y[keep]


def incomplete(seed=1, share=0.2):
    groups, x = crossover()
    y = response(groups, seed)
    keep = np.random.default_rng(seed + 100).uniform(size=len(y)) > share
    return subset(groups, x, y, keep)


def dense(groups, components):
    """V (n, n) from codes and variances."""
    v = components["residual"] * np.eye(len(next(iter(groups.values()))))
    for name, codes in groups.items():
        v += components[name] * (codes[:, None] == codes[None, :])
    return v


def least_squares(x, y, v):
    return np.linalg.solve(x.T @ np.linalg.solve(v, x), x.T @ np.linalg.solve(v, y))


def test_unbounded_is_the_classical_anova():
    """Rabbit: 5 animals, crossover; the design's own error term gives F(5, 20) = 8.772548."""
    table = gold_table("Rabbit")
    dose = pd.get_dummies(table["DoseF"], drop_first=True).to_numpy(float)
    drug = (table["Treatment"] == "MDL").to_numpy(float)[:, None]
    x = np.hstack([np.ones((60, 1)), drug, dose, drug * dose])
    groups = {
        "Animal": table["Animal"].factorize()[0],
        "Animal:Treatment": table.groupby(["Animal", "Treatment"]).ngroup().factorize()[0],
        "Animal:DoseF": table.groupby(["Animal", "DoseF"]).ngroup().factorize()[0],
    }
    fit = fit_matrices(table["BPchange"].to_numpy(), x, groups, bounded=False)
    test = fit.contrast(np.eye(12)[7:])
    assert test.statistic == pytest.approx(8.772548, abs=5e-7)
    assert (test.num_df, test.df) == (5, pytest.approx(20, rel=1e-9))


@pytest.mark.parametrize("bounded", [True, False])
def test_deletion_is_the_fit_without_the_animal_at_the_same_variances(bounded):
    groups, x, y = incomplete()
    fit = fit_matrices(y, x, groups, bounded=bounded)
    v = dense(groups, fit.variance_components)
    assert fit.fixed == pytest.approx(least_squares(x, y, v), rel=1e-9)
    left = fit.leave_out(groups["animal"])
    for animal in range(8):
        keep = groups["animal"] != animal
        without = least_squares(x[keep], y[keep], v[np.ix_(keep, keep)])
        assert left[animal] == pytest.approx(without, rel=1e-8, abs=1e-10)


def test_deletion_says_what_the_rest_cannot_estimate():
    """The first cell is measured in one animal only; its contrast needs that animal."""
    groups, x = crossover()
    keep = (x[:, 0] == 0) | (groups["animal"] == 3)
    groups, x, y = subset(groups, x, response(groups), keep)
    fit = fit_matrices(y, x, groups)
    left = fit.leave_out(groups["animal"], np.eye(12)[:2])
    assert np.isnan(left[:, 0]).tolist() == [animal == 3 for animal in range(8)]
    assert np.isfinite(left[:, 1]).all()
