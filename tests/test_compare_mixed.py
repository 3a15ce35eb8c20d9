"""The mixed-model engine: closed forms, brute force, invariance, recovery, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from gold import gold_table
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pipeline.compare.mixed import estimable, fit, fit_matrices, fit_structure, prepare
from pipeline.errors import InputError


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


# ---- against closed forms


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_balanced_one_way(seed):
    """Analysis of variance: between and within mean squares give everything."""
    a, n = 7, 5
    y = np.random.default_rng(seed).normal(size=(a, n)) + np.arange(a)[:, None]
    between = n * y.mean(axis=1).var(ddof=1)
    within = y.var(axis=1, ddof=1).mean()
    codes = np.repeat(np.arange(a), n)
    result = fit_matrices(y.ravel(), np.ones((a * n, 1)), {"animal": codes})
    assert result.variance_components == pytest.approx(
        {"animal": (between - within) / n, "residual": within}, rel=1e-9
    )
    test = result.contrast([1.0])
    assert (test.estimate, test.df) == pytest.approx((y.mean(), a - 1), rel=1e-9)
    assert test.se == pytest.approx(np.sqrt(between / (a * n)), rel=1e-9)
    expected = stats.ttest_1samp(y.mean(axis=1), 0.0)
    assert test.p == pytest.approx(expected.pvalue, rel=1e-8)
    assert test.interval(0.9) == pytest.approx(expected.confidence_interval(0.9), rel=1e-8)


def test_negative_variance_is_the_moment_estimate():
    """Groups more alike than chance: unbounded (between - within) / n, bounded zero."""
    a, n = 6, 4
    y = np.random.default_rng(0).normal(size=(a, n))
    y -= 0.8 * y.mean(axis=1, keepdims=True)
    between, within = n * y.mean(axis=1).var(ddof=1), y.var(axis=1, ddof=1).mean()
    assert between < within
    codes, x = np.repeat(np.arange(a), n), np.ones((a * n, 1))
    free = fit_matrices(y.ravel(), x, {"animal": codes}, bounded=False)
    assert free.variance_components["animal"] == pytest.approx((between - within) / n, rel=1e-9)
    assert free.singular and free.converged and not free.bounded
    kept = fit_matrices(y.ravel(), x, {"animal": codes})
    assert kept.variance_components == {
        "animal": 0.0,
        "residual": pytest.approx(y.var(ddof=1), rel=1e-9),
    }
    assert kept.singular and kept.bounded
    assert free.criterion < kept.criterion


def test_split_plot_by_strata():
    """Balanced: between animals drug, within context; F from the sums of squares."""
    animals, contexts = 10, 4
    rng = np.random.default_rng(4)
    y = rng.normal(size=(animals, contexts)) + rng.normal(size=(animals, 1))
    drug = np.repeat([0, 1], animals // 2)
    means = np.array([y[drug == level].mean(axis=0) for level in (0, 1)])
    ss_drug = contexts * animals / 2 * means.mean(axis=1).var() * 2
    ss_animal = contexts * y.mean(axis=1).var() * animals - ss_drug
    centred = means - means.mean(axis=1, keepdims=True) - means.mean(axis=0) + means.mean()
    ss_both = animals / 2 * (centred**2).sum()
    rest = y - y.mean(axis=1, keepdims=True) - means[drug] + means.mean(axis=1)[drug][:, None]
    ms_rest = (rest**2).sum() / ((animals - 2) * (contexts - 1))
    table = pd.DataFrame(
        {
            "y": y.ravel(),
            "drug": np.repeat(np.array(["ketamine", "saline"])[drug], contexts),
            "context": np.tile(list("abcd"), animals),
            "animal": np.repeat(np.arange(animals), contexts),
        }
    )
    found = fit(table, response="y", fixed="drug*context", random=["animal"], bounded=False).anova()
    assert found.loc["drug", "statistic"] == pytest.approx(
        ss_drug / (ss_animal / (animals - 2)), rel=1e-9
    )
    assert found.loc["drug:context", "statistic"] == pytest.approx(
        ss_both / (contexts - 1) / ms_rest, rel=1e-9
    )
    assert found["den_df"].tolist() == pytest.approx([8, 24, 24], rel=1e-9)


# ---- against other implementations


def kenward_roger_by_hand(x, y, pieces, gamma, rows):
    """F and df of Kenward & Roger 1997 in the space of the rows, term by term as printed."""
    v = sum(g * piece for g, piece in zip(gamma, pieces, strict=True))
    w = np.linalg.inv(v)
    phi = np.linalg.inv(x.T @ w @ x)
    beta = phi @ x.T @ w @ y
    k, q = len(pieces), len(rows)
    p = [-x.T @ w @ g @ w @ x for g in pieces]
    big_q = [[x.T @ w @ g @ w @ h @ w @ x for h in pieces] for g in pieces]
    information = np.empty((k, k))
    for i in range(k):
        for j in range(k):
            information[i, j] = (
                np.trace(w @ pieces[i] @ w @ pieces[j])
                - 2 * np.trace(phi @ big_q[i][j])
                + np.trace(phi @ p[i] @ phi @ p[j])
            ) / 2
    spread = np.linalg.inv(information)
    middle = sum(
        spread[i, j] * (big_q[i][j] - p[i] @ phi @ p[j]) for i in range(k) for j in range(k)
    )
    adjusted = phi + 2 * phi @ middle @ phi
    theta = rows.T @ np.linalg.inv(rows @ phi @ rows.T) @ rows
    one = [np.trace(theta @ phi @ p[i] @ phi) for i in range(k)]
    a1 = sum(spread[i, j] * one[i] * one[j] for i in range(k) for j in range(k))
    a2 = sum(
        spread[i, j] * np.trace(theta @ phi @ p[i] @ phi @ theta @ phi @ p[j] @ phi)
        for i in range(k)
        for j in range(k)
    )
    b = (a1 + 6 * a2) / (2 * q)
    g = ((q + 1) * a1 - (q + 4) * a2) / ((q + 2) * a2)
    c1, c2, c3 = np.array([g, q - g, q + 2 - g]) / (3 * q + 2 * (1 - g))
    mean = 1 / (1 - a2 / q)
    variance = 2 / q * (1 + c1 * b) / ((1 - c2 * b) ** 2 * (1 - c3 * b))
    rho = variance / (2 * mean**2)
    df = 4 + (q + 2) / (q * rho - 1)
    estimate = rows @ beta
    f = df / (mean * (df - 2)) * estimate @ np.linalg.solve(rows @ adjusted @ rows.T, estimate) / q
    return f, df, np.sqrt((rows @ adjusted @ rows.T).diagonal())


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_kenward_roger_in_a_crossed_incomplete_design(seed, bounded):
    groups, x, y = incomplete(seed)
    result = fit_matrices(y, x, groups, bounded=bounded)
    pieces = [np.eye(len(y)), *((c[:, None] == c[None, :]).astype(float) for c in groups.values())]
    gamma = [result.variance_components[name] for name in ("residual", *groups)]
    rows = np.zeros((3, 12))
    rows[:, [0, 1]] += 1, -1
    rows[[0, 1, 2], [3, 6, 9]] -= 1
    rows[[0, 1, 2], [4, 7, 10]] += 1
    f, df, se = kenward_roger_by_hand(x, y, pieces, gamma, rows)
    test = result.contrast(rows)
    assert (test.statistic, test.df) == pytest.approx((f, df), rel=1e-7)
    singles = result.contrasts(rows)
    assert [single.se for single in singles] == pytest.approx(se, rel=1e-8)
    _, df, _ = kenward_roger_by_hand(x, y, pieces, gamma, rows[:1])
    assert singles[0].df == pytest.approx(df, rel=1e-6)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_satterthwaite_of_several_rows(seed):
    """Fai & Cornelius 1996: independent t tests, each with its own df; F from their squares."""
    groups, x, y = incomplete(seed)
    result = fit_matrices(y, x, groups)
    rows = np.eye(12)[[1, 3, 4]] - np.eye(12)[0]
    _, vectors = np.linalg.eigh(rows @ result.covariance @ rows.T)
    parts = result.contrasts(vectors.T @ rows, method="satterthwaite")
    v = np.array([part.df for part in parts])
    assert np.ptp(v) > 1 and v.min() > 2
    mean = (v / (v - 2)).sum()  # of q F, were the t tests independent
    test = result.contrast(rows, method="satterthwaite")
    assert test.statistic == pytest.approx(np.mean([part.statistic**2 for part in parts]), rel=1e-9)
    assert mean == pytest.approx(3 * test.df / (test.df - 2), rel=1e-9)
    assert test.p == pytest.approx(stats.f.sf(test.statistic, 3, test.df), rel=1e-9)


def restricted(groups, x, y, components):
    """The REML criterion, straight from its definition."""
    v = dense(groups, components)
    w = np.linalg.inv(v)
    residual = y - x @ least_squares(x, y, v)
    logs = np.linalg.slogdet(v)[1] + np.linalg.slogdet(x.T @ w @ x)[1]
    return logs + residual @ w @ residual + (len(y) - x.shape[1]) * np.log(2 * np.pi)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0, 0.35), bounded=st.booleans())
def test_no_neighbour_is_better(seed, share, bounded):
    """The criterion is what it says, and a minimum: no small allowed step lowers it."""
    groups, x, y = incomplete(seed, share)
    x = np.ones((len(y), 1))
    result = fit_matrices(y, x, groups, bounded=bounded)
    if not result.converged:
        return
    components = result.variance_components
    assert restricted(groups, x, y, components) == pytest.approx(result.criterion, rel=1e-9)
    for name, value in components.items():
        for step in (-1e-3, 1e-3):
            moved = components | {name: value + step}
            if result.bounded and moved[name] < 0:
                continue
            if np.linalg.eigvalsh(dense(groups, moved))[0] > 0:
                assert restricted(groups, x, y, moved) > result.criterion - 1e-9


def test_statsmodels_agrees():
    from statsmodels.regression.mixed_linear_model import MixedLM

    table = gold_table("obk_long")
    ours = fit(table, response="value", fixed="treatment*phase", random=["id"])
    theirs = MixedLM(table["value"], ours.design.x, groups=table["id"]).fit(reml=True)
    assert ours.log_likelihood == pytest.approx(theirs.llf, abs=1e-6)
    assert ours.coefficients()["estimate"].to_numpy() == pytest.approx(
        theirs.fe_params.to_numpy(), rel=1e-6
    )
    assert ours.variance_components["id"] == pytest.approx(
        float(theirs.cov_re.iloc[0, 0]), rel=1e-3
    )


def test_least_squares_without_random_terms():
    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(40), rng.normal(size=(40, 3))])
    y = x @ [1.0, 2.0, 0.0, -1.0] + rng.normal(size=40)
    from statsmodels.regression.linear_model import OLS

    ours, theirs = fit_matrices(y, x, {}), OLS(y, x).fit()
    for method in ("kenward-roger", "satterthwaite"):
        tests = ours.contrasts(np.eye(4), method=method)
        assert [test.p for test in tests] == pytest.approx(theirs.pvalues, rel=1e-8)
        assert [test.df for test in tests] == pytest.approx([36] * 4, rel=1e-10)
        joint = ours.contrast(np.eye(4)[1:], method=method)
        assert (joint.statistic, joint.p) == pytest.approx((theirs.fvalue, theirs.f_pvalue))
    full = fit_matrices(y, x, {}, reml=False)
    assert full.log_likelihood == pytest.approx(theirs.llf, rel=1e-10)
    left = ours.leave_out(np.arange(40))
    assert left == pytest.approx(ours.fixed - theirs.get_influence().dfbeta, rel=1e-8)


# ---- properties


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 1000),
    scale=st.floats(1e-6, 1e6),
    shift=st.floats(-1e3, 1e3),
    bounded=st.booleans(),
)
def test_order_scale_and_labels_do_not_matter(seed, scale, shift, bounded):
    groups, x, y = incomplete(seed)
    rows = np.eye(12)[[4, 5]] - np.eye(12)[[0, 1]]
    first = fit_matrices(y, x, groups, bounded=bounded)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    renamed = {name: rng.permutation(codes.max() + 1)[codes] * 7 for name, codes in groups.items()}
    groups, x, _ = subset(renamed, x, y, order)
    second = fit_matrices(scale * (y[order] + shift), x, groups, bounded=bounded)
    for method in ("kenward-roger", "satterthwaite"):
        a, b = first.contrast(rows, method=method), second.contrast(rows, method=method)
        assert (b.statistic, b.df, b.p) == pytest.approx((a.statistic, a.df, a.p), rel=1e-5)
        a, b = (f.contrast(rows[0], method=method) for f in (first, second))
        assert (b.estimate, b.se) == pytest.approx((scale * a.estimate, scale * a.se), rel=1e-5)
    for name, value in first.variance_components.items():
        assert second.variance_components[name] == pytest.approx(
            scale**2 * value, rel=1e-5, abs=1e-9 * scale**2
        )


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_coding_of_the_fixed_effects_does_not_matter(seed):
    groups, x, y = incomplete(seed)
    change = np.random.default_rng(seed).normal(size=(12, 12)) + 4 * np.eye(12)
    row = np.eye(12)[5] - np.eye(12)[0]
    first = fit_matrices(y, x, groups).contrast(row)
    second = fit_matrices(y, x @ change, groups).contrast(row @ change)
    assert (first.estimate, first.se, first.df) == pytest.approx(
        (second.estimate, second.se, second.df), rel=1e-6
    )


def test_levels_may_be_renamed_and_reordered():
    table = gold_table("CO2").drop(index=[3, 17, 40])
    kwargs = {"response": "uptake", "fixed": "Treatment*concF + Type", "random": ["Plant"]}
    first = fit(table, **kwargs).anova()
    flipped = table["Treatment"].cat.rename_categories({"nonchilled": "z", "chilled": "a"})
    other = table.assign(
        Treatment=flipped.astype(str),
        concF=table["concF"].cat.reorder_categories(list(table["concF"].cat.categories)[::-1]),
    )
    pd.testing.assert_frame_equal(fit(other, **kwargs).anova(), first, rtol=1e-7)


def test_dependent_rows_are_one_hypothesis():
    groups, x, y = incomplete()
    rows = np.eye(12)[[4, 5]] - np.eye(12)[[0, 1]]
    result = fit_matrices(y, x, groups)
    first, second = result.contrast(rows), result.contrast(np.vstack([rows, rows.sum(axis=0)]))
    assert second.num_df == 2
    assert (second.statistic, second.df) == pytest.approx((first.statistic, first.df), rel=1e-9)


def test_a_design_serves_many_responses():
    groups, x = crossover()
    design = prepare(x, groups)
    for seed in (1, 2):
        y = response(groups, seed)
        one, other = fit_structure(design, y), fit_matrices(y, x, groups)
        assert one.criterion == other.criterion
        assert one.fixed.tolist() == other.fixed.tolist()


# ---- recovery and error rate


def test_unbounded_components_are_unbiased():
    """Balanced crossover, 400 cohorts: means within four standard errors of the truth."""
    groups, x = crossover()
    design, truth = prepare(x, groups), {"animal": 1.0, "animal:drug": 0.36, "animal:context": 0.0}
    found = pd.DataFrame(
        [
            fit_structure(
                design, response(groups, seed, sd=np.sqrt([*truth.values()])), bounded=False
            ).variance_components
            for seed in range(400)
        ]
    )
    for name, value in (truth | {"residual": 1.0}).items():
        assert abs(found[name].mean() - value) < 4 * found[name].sem(), name
    assert (found["animal:context"] < 0).mean() == pytest.approx(0.5, abs=0.15)


def test_error_rate_with_missing_cells_and_no_crossing_variance():
    """Unbounded Kenward-Roger, 800 null cohorts with 20 % of the cells missing: about 5 %."""
    rejected = []
    for seed in range(800):
        groups, x = crossover()
        y = response(groups, seed, sd=(1.0, 0.0, 0.0))
        keep = np.random.default_rng(seed + 10_000).uniform(size=len(y)) > 0.2
        groups, x, y = subset(groups, x, y, keep)
        if (x.sum(axis=0) == 0).any():
            continue
        rows = np.kron(
            np.hstack([-np.ones((3, 1)), np.eye(3)]), np.hstack([-np.ones((2, 1)), np.eye(2)])
        )
        rejected.append(fit_matrices(y, x, groups, bounded=False).contrast(rows).p < 0.05)
    assert len(rejected) > 700
    assert 0.028 < np.mean(rejected) < 0.075


# ---- slopes


def days(seed):
    """Eight animals on six days; their slopes do not differ."""
    rng = np.random.default_rng(seed)
    animal, day = np.repeat(np.arange(8), 6), np.tile(np.arange(6.0), 8)
    y = rng.normal(size=8)[animal] + day + rng.normal(size=48)
    return pd.DataFrame({"y": y, "day": day, "animal": animal})


def test_satterthwaite_of_slopes_at_the_bound():
    """The definition by finite differences over the residual variance and Cholesky factors."""
    table = days(2)
    result = fit(table, response="y", fixed="day", random=["(1 + day | animal)"])
    x, y = result.design.x, table["y"].to_numpy()
    same = (table["animal"].to_numpy()[:, None] == table["animal"].to_numpy()).astype(float)
    found = result.variance_components
    first = np.sqrt(found["animal"])
    second = found["animal[Intercept, day]"] / first
    third = np.sqrt(max(found["animal[day]"] - second**2, 0.0))
    assert third < 1e-3

    def covariance(theta):
        left = x @ np.array([[theta[1], 0.0], [theta[2], theta[3]]])
        return theta[0] * np.eye(48) + same * (left @ left.T)

    def criterion(theta):
        v = covariance(theta)
        residual = y - x @ least_squares(x, y, v)
        logs = np.linalg.slogdet(v)[1] + np.linalg.slogdet(x.T @ np.linalg.solve(v, x))[1]
        return logs + residual @ np.linalg.solve(v, residual)

    def variance(theta):
        return np.linalg.inv(x.T @ np.linalg.solve(covariance(theta), x)).diagonal()

    theta, step = np.array([found["residual"], first, second, 0.0]), 1e-4 * np.eye(4)
    curvature = [
        [
            sum(s * t * criterion(theta + s * a + t * b) for s in (1, -1) for t in (1, -1)) / 4e-8
            for b in step
        ]
        for a in step
    ]
    slopes = np.array([(variance(theta + a) - variance(theta - a)) / 2e-4 for a in step])
    noise = np.einsum("ic,ij,jc->c", slopes, 2 * np.linalg.inv(curvature), slopes)
    expected = 2 * variance(theta) ** 2 / noise
    assert result.coefficients("satterthwaite")["df"].tolist() == pytest.approx(expected, rel=1e-3)


def test_slopes_at_the_bound():
    """A slope variance of zero: a valid covariance, and no worse than without slopes."""
    table = days(2)
    result = fit(table, response="y", fixed="day", random=["(1 + day | animal)"])
    v = result.variance_components
    covariance = np.array(
        [
            [v["animal"], v["animal[Intercept, day]"]],
            [v["animal[Intercept, day]"], v["animal[day]"]],
        ]
    )
    assert np.linalg.eigvalsh(covariance)[0] >= -1e-9
    without = fit(table, response="y", fixed="day", random=["animal"])
    assert result.criterion <= without.criterion + 1e-9
    assert np.isfinite(result.coefficients()["df"]).all()
    assert np.isfinite(result.coefficients("satterthwaite")["df"]).all()


def test_slope_only_and_intercept_in_brackets():
    table = gold_table("sleepstudy")
    kwargs = {"response": "Reaction", "fixed": "Days"}
    one = fit(table, random=["(1|Subject)"], **kwargs)
    assert one.criterion == fit(table, random=["Subject"], **kwargs).criterion
    slope = fit(table, random=["(0 + Days|Subject)"], **kwargs)
    assert list(slope.variance_components) == ["Subject[Days]", "residual"]


# ---- what falls back, what is refused


def test_an_unbounded_fit_without_minimum_falls_back():
    """Unequal groups whose means are more alike than chance: the variance runs to the edge."""
    codes = np.repeat(np.arange(6), [2, 2, 3, 4, 5, 6])
    y = np.random.default_rng(0).normal(size=22)
    y -= 0.97 * (np.bincount(codes, y) / np.bincount(codes))[codes]
    x = np.ones((22, 1))
    result = fit_matrices(y, x, {"animal": codes}, bounded=False)
    assert result.fell_back and result.bounded and result.converged
    assert "kept at zero" in result.note
    kept = fit_matrices(y, x, {"animal": codes})
    assert result.contrast([1.0]) == kept.contrast([1.0])
    assert not kept.fell_back and kept.note == ""


def test_estimable():
    x = np.array([[1, 0, 0], [1, 1, 0], [1, 1, 0], [1, 0, 0]], dtype=float)
    assert estimable(x, [0, 1, 0]).tolist() == [True]
    assert estimable(x, [[1, 1, 0], [0, 0, 1], [0, 1, 1e-3]]).tolist() == [True, False, False]
    twice = np.column_stack([x[:, :2], 1000 * x[:, 1]])
    assert estimable(twice, [[0, 1, 0], [0, 1, 1000], [1, 0, 0]]).tolist() == [False, True, True]


def small(**changes):
    table = pd.DataFrame(
        {
            "y": np.random.default_rng(1).normal(size=24),
            "drug": np.tile(["saline", "ketamine"], 12),
            "context": np.tile(["home", "home", "task", "task"], 6),
            "animal": np.repeat(np.arange(6), 4),
            "row": np.arange(24),
            "weight": np.linspace(1, 2, 24),
        }
    )
    return table.assign(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"response": "z"}, "found column z"),
        ({"fixed": "drug*contxt"}, "found column contxt; .* did you mean context"),
        ({"fixed": "0"}, "found no fixed effects"),
        ({"fixed": "y ~ drug"}, "with a response"),
        ({"fixed": "drug +* context"}, "expected a formula"),
        ({"fixed": "np.log(weight - 1)"}, "not finite"),
        ({"fixed": "C(drug, contr.sum)"}, "without options"),
        ({"fixed": "np.log(drug)"}, "expected numbers where"),
        ({"response": "drug"}, "response drug: found .*; expected numbers"),
        ({"random": ["animl"]}, "random term animl: .* did you mean animal"),
        ({"random": "animal"}, "expected a list"),
        ({"random": ["(drug | animal)"]}, "expected numbers"),
        ({"random": ["(drug / animal)"]}, "random terms: found"),
        ({"random": ["row"]}, "random term row: found one row per level"),
        (
            {"random": ["animal", "animal:drug:context"]},
            "animal:drug:context: .* one row",
        ),
        ({"random": ["drug"]}, "drug: its levels do not vary beyond the fixed effects"),
        ({"random": ["animal", "animal:drug", "drug:animal"]}, "told apart: animal:drug"),
    ],
)
def test_refusals(changes, message):
    kwargs = {"response": "y", "fixed": "drug*context", "random": ["animal"]} | changes
    with pytest.raises(InputError, match=message):
        fit(small(), **kwargs)


def model(table, fixed="drug*context", random=("animal",), **options):
    return fit(table, response="y", fixed=fixed, random=list(random), **options)


def test_missing_values_are_counted_and_refused():
    table = small(
        y=lambda t: t["y"].where(t["row"] != 3), drug=lambda t: t["drug"].where(t.row > 1)
    )
    with pytest.raises(InputError, match=r"y \(1 of 24\), drug \(2 of 24\)"):
        model(table)
    unused = small(weight=np.nan)
    assert model(unused).converged


def test_constant_response_and_too_few_rows():
    with pytest.raises(InputError, match="no variation beyond the fixed effects"):
        model(small(y=3.5))
    with pytest.raises(InputError, match="no residual variation"):
        model(small(y=lambda t: np.sin(t["animal"])))
    with pytest.raises(InputError, match="found 4 rows for 4 fixed effects"):
        model(small().head(4), random=())
    with pytest.raises(InputError, match="animal: found one level"):
        model(small(animal=0))
    with pytest.raises(InputError, match="found one level of drug"):
        model(small(drug="saline"))


def test_an_empty_cell_names_the_terms_and_the_cell():
    table = small()
    table = table[~((table["drug"] == "ketamine") & (table["context"] == "task"))]
    with pytest.raises(InputError) as caught:
        model(table)
    text = str(caught.value)
    assert "drug, context, drug:context" in text
    assert "drug = ketamine with context = task" in text
    assert list(model(table, fixed="drug + context").anova().index) == ["drug", "context"]


def test_two_factors_that_vary_together_are_named():
    table = small(period=lambda t: t["drug"].map({"saline": "first", "ketamine": "second"}))
    with pytest.raises(InputError, match=r"cannot be estimated: drug, period; .* vary together"):
        model(table, fixed="drug + period")


def test_contrasts_by_cell_by_name_and_by_column():
    result = model(small())
    names = result.design.names
    assert names == (
        "Intercept",
        "drug[T.saline]",
        "context[T.task]",
        "drug[T.saline]:context[T.task]",
    )
    cells = {(d, c): v * w for d, v in (("saline", 1), ("ketamine", -1))
             for c, w in (("task", 1), ("home", -1))}  # fmt: skip
    by_cell, by_name = result.contrast(cells), result.contrast({names[3]: 1})
    by_column = result.contrast([0, 0, 0, 1])
    assert by_cell.estimate == pytest.approx(by_column.estimate, rel=1e-9)
    assert by_name == by_column
    assert by_column.p == pytest.approx(result.anova().loc["drug:context", "p"], rel=1e-9)
    means = result.emmeans("drug").set_index("drug")["estimate"]
    main = result.contrast({"saline": 1, "ketamine": -1}, specs="drug").estimate
    assert main == pytest.approx(means["saline"] - means["ketamine"], rel=1e-9)
    for weights, specs in (({("saline",): 1}, None), ({("x", "task"): 1}, None), ({"a": 1}, "z")):
        with pytest.raises(InputError, match="expected"):
            result.contrast(weights, specs=specs)
    with pytest.raises(InputError, match="found 'wald'"):
        result.coefficients("wald")


def test_covariates_are_held_at_their_mean():
    result = model(small(), fixed="drug + weight + C(animal)", random=())
    slope = result.coefficients().loc["weight", "estimate"]
    low = result.emmeans("drug", at={"weight": 1.0})["estimate"]
    assert result.emmeans("drug")["estimate"].to_numpy() == pytest.approx(low + 0.5 * slope)
    assert set(result.design.factors) == {"drug", "C(animal)"}
    with pytest.raises(InputError, match="expected covariates: weight"):
        result.emmeans("drug", at={"height": 1.0})


def test_names_with_blanks():
    table = small().rename(columns={"drug": "the drug", "animal": "the animal"})
    result = model(table, fixed="`the drug`*context", random=["`the animal`"])
    plain = model(small())
    assert list(result.anova().index) == ["the drug", "context", "the drug:context"]
    assert result.criterion == pytest.approx(plain.criterion, rel=1e-12)
    assert result.emmeans("the drug")["se"].tolist() == pytest.approx(plain.emmeans("drug")["se"])
