"""Contrasts per animal: agreement with scipy and statsmodels in each design; units and cells."""

from __future__ import annotations

import cohorts
import numpy as np
import pandas as pd
import pytest
from cohorts import (
    PLACES,
    contrast,
    grid,
    metrics,
    noise,
    outcomes,
    question,
    same_test,
    two_levels,
    wide,
)
from scipy import stats

from pipeline.compare import compare
from pipeline.compare.per_animal import Group, estimate
from pipeline.errors import InputError

DOD = "difference_of_differences"


def test_both_within_is_the_one_sample_t():
    rows = grid(8, levels=PLACES)
    table = outcomes(rows, noise(rows))
    found = compare(table, two_levels(), metrics()).contrasts
    y = wide(table)
    simple = {x: y["psilocybin", x] - y["vehicle", x] for x in PLACES}
    scores = simple["open_field"] - simple["home_cage"]
    for row, values in (
        (contrast(found, DOD, "open_field"), scores),
        (contrast(found, "simple", "open_field"), simple["open_field"]),
        (contrast(found, "main"), (simple["open_field"] + simple["home_cage"]) / 2),
    ):
        same_test(row, stats.ttest_1samp(values, 0.0))
        assert row.estimate == pytest.approx(values.mean())
        assert row.effect_size == pytest.approx(values.mean() / values.std(ddof=1))
        assert (row.effect_size_kind, row.model) == ("d_z", "per-animal t")
        one_out = [values.drop(animal).mean() for animal in values.index]
        assert row.leave_one_out_low == pytest.approx(min(one_out))
        assert row.leave_one_out_high == pytest.approx(max(one_out))
        assert (row.n_animals, row.n_units, row.n_sessions) == (8, 8, 16)


def test_sleep_by_hand():
    """Student's sleep data (R: t = 4.0621, df 9, p .00283, CI .7001 to 2.4599, d_z 1.2846)."""
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    rows = grid(10, levels=("home_cage",))
    value = np.where(rows["condition"] == "vehicle", np.repeat(first, 2), np.repeat(second, 2))
    plan = cohorts.plan(contexts=("home_cage",), questions=(question(levels=("home_cage",)),))
    row = contrast(compare(outcomes(rows, value), plan, metrics()).contrasts, "simple", "home_cage")
    assert row.statistic == pytest.approx(4.06212768338204, rel=1e-9)
    assert row.p == pytest.approx(0.00283289019738427, rel=1e-9)
    assert (row.ci_low, row.ci_high) == pytest.approx((0.700114236723018, 2.45988576327698))
    assert row.effect_size == pytest.approx(1.28455756259105)
    assert row.companion_p == 0.00390625


def test_drug_between_is_the_welch_t_on_profiles():
    rows = pd.concat(
        [
            grid(6, ("vehicle",), PLACES),
            grid(9, ("psilocybin",), PLACES).assign(animal=lambda t: "P" + t["animal"]),
        ]
    )
    table = outcomes(rows, noise(rows))
    found = compare(table, two_levels(), metrics()).contrasts
    y = wide(table)
    drug, vehicle = y["psilocybin"].dropna(), y["vehicle"].dropna()

    def welch(score):
        return stats.ttest_ind(score(drug), score(vehicle), equal_var=False)

    row = contrast(found, DOD, "open_field")
    same_test(row, welch(lambda t: t["open_field"] - t["home_cage"]))
    assert (row.model, row.effect_size_kind, row.n_animals) == ("Welch t", "Hedges g", 15)
    change = [t["open_field"] - t["home_cage"] for t in (drug, vehicle)]
    pooled = np.sqrt((8 * change[0].var() + 5 * change[1].var()) / 13)
    hedges = (change[0].mean() - change[1].mean()) / pooled * (1 - 3 / (4 * 13 - 1))
    assert row.effect_size == pytest.approx(hedges)
    same_test(contrast(found, "main"), welch(lambda t: t.mean(axis=1)))
    same_test(contrast(found, "simple", "home_cage"), welch(lambda t: t["home_cage"]))


def test_modifier_between_is_the_welch_t_on_differences():
    rows = pd.concat(
        [
            grid(6, levels=("home_cage",)),
            grid(10, levels=("open_field",)).assign(animal=lambda t: "P" + t["animal"]),
        ]
    )
    table = outcomes(rows, noise(rows))
    found = compare(table, two_levels(), metrics()).contrasts
    y = wide(table)
    change = {x: (y["psilocybin", x] - y["vehicle", x]).dropna() for x in PLACES}
    welch = stats.ttest_ind(change["open_field"], change["home_cage"], equal_var=False)
    same_test(contrast(found, DOD, "open_field"), welch)
    same_test(contrast(found, "simple", "home_cage"), stats.ttest_1samp(change["home_cage"], 0))
    main = contrast(found, "main")
    assert main.estimate == pytest.approx(np.mean([c.mean() for c in change.values()]))
    se = np.sqrt(sum(0.25 * c.var(ddof=1) / len(c) for c in change.values()))
    assert main.se == pytest.approx(se)


def test_both_between_are_four_means():
    rows = grid(5, levels=PLACES, drug="between", modifier="between")
    rows = rows.drop(index=rows.index[-1])
    table = outcomes(rows, noise(rows))
    found = compare(table, two_levels(), metrics()).contrasts
    row = contrast(found, DOD, "open_field")
    cells = [table[(table.condition == c) & (table.context == x)]["value"]
             for c in ("psilocybin", "vehicle") for x in ("open_field", "home_cage")]  # fmt: skip
    weights = [1, -1, -1, 1]
    assert row.estimate == pytest.approx(
        sum(w * c.mean() for w, c in zip(weights, cells, strict=True))
    )
    # the heteroscedasticity-consistent HC2 of a cell-means model is the same squared error
    import statsmodels.api as sm

    dummies = pd.get_dummies(table["condition"] + table["context"], dtype=float)
    fit = sm.OLS(table["value"], dummies).fit(cov_type="HC2")
    signs = [1 if ("psilo" in name) == ("open" in name) else -1 for name in dummies]
    assert row.se == pytest.approx(float(fit.t_test(signs).sd.item()), rel=1e-10)
    part = np.array([c.var(ddof=1) / len(c) for c in cells])
    df = part.sum() ** 2 / sum(part**2 / [len(c) - 1 for c in cells])
    assert row.df == pytest.approx(df)
    assert row.p == pytest.approx(2 * stats.t.sf(abs(row.estimate / row.se), df))
    assert row.model == "four-mean Welch t"
    assert contrast(found, "simple", "open_field").model == "Welch t"


def test_change_scores_are_analysed_under_the_rule_change():
    rows = grid(8, levels=PLACES)
    value, before = noise(rows), noise(rows, 4)
    kept = outcomes(rows, value - before)
    subtracted = outcomes(rows, value, baseline_value=before, baseline_rule="change")
    ignored = outcomes(rows, value - before, baseline_value=before)
    results = [compare(t, two_levels(), metrics()).contrasts for t in (kept, subtracted, ignored)]
    columns = ["estimate", "se", "p", "companion_p", "p_adjusted"]
    for other in results[1:]:
        pd.testing.assert_frame_equal(results[0][columns], other[columns])


def test_a_change_without_baseline_is_refused():
    rows = grid(8, levels=PLACES)
    before = np.where(rows.index == 0, np.nan, 0.0)
    table = outcomes(rows, noise(rows), baseline_value=before, baseline_rule="change")
    with pytest.raises(InputError, match=r"session A000_vehicle.*found no baseline_value"):
        compare(table, two_levels(), metrics())


def test_baseline_from_another_session_and_a_saline_group():
    """Changes of a drug group against those of a saline group: Welch, one context."""
    drug, before = noise(range(16), 5), noise(range(16), 6)
    rows = grid(8, levels=("home_cage",), drug="between")
    table = outcomes(rows, drug, baseline_value=before, baseline_rule="change")
    plan = cohorts.plan(contexts=("home_cage",), questions=(question(levels=("home_cage",)),))
    found = compare(table, plan, metrics())
    change = drug - before
    is_drug = (rows["condition"] == "psilocybin").to_numpy()
    welch = stats.ttest_ind(change[is_drug], change[~is_drug], equal_var=False)
    same_test(contrast(found.contrasts, "simple", "home_cage"), welch)
    kinds = {"simple", "simple_adjusted_for_sex", "omnibus"}
    assert set(found.contrasts["contrast"]) == kinds


def test_alpha_sets_the_intervals():
    rows = grid(8, levels=PLACES)
    table = outcomes(rows, noise(rows))
    row = contrast(compare(table, two_levels(alpha=0.01), metrics()).contrasts, "main")
    y = wide(table)
    scores = (y["psilocybin"] - y["vehicle"]).mean(axis=1)
    same_test(row, stats.ttest_1samp(scores, 0.0), level=0.99)


def test_replicate_sessions_are_averaged_per_animal():
    rows = grid(8, levels=PLACES)
    again = rows[rows["animal"] == "A000"].assign(session=lambda t: t["session"] + "_again")
    value = np.concatenate([noise(rows), noise(again, 9)])
    table = outcomes(pd.concat([rows, again], ignore_index=True), value)
    row = contrast(compare(table, two_levels(), metrics()).contrasts, DOD, "open_field")
    y = wide(table)
    scores = (y["psilocybin"] - y["vehicle"]) @ pd.Series({"open_field": 1, "home_cage": -1})
    assert row.estimate == pytest.approx(scores.mean())
    assert (row.n_animals, row.n_sessions) == (8, 18)


def test_entities_are_counted_once_per_session():
    rows = grid(8, levels=PLACES)
    table = outcomes(rows, noise(rows), n_entities=np.where(rows["context"] == "home_cage", 10, 7))
    found = compare(table, two_levels(), metrics()).contrasts
    assert contrast(found, DOD, "open_field").n_entities == 160
    assert contrast(found, "simple", "open_field").n_entities == 112


def test_missing_cells_are_missing_for_their_contrasts_only():
    rows = grid(8)
    gone = (rows["animal"] == "A003") & (rows["condition"] == "vehicle")
    rows = rows[~(gone & (rows["context"] == "open_field"))]
    table = outcomes(rows, noise(rows))
    found = compare(table, cohorts.plan(), metrics()).contrasts
    y = wide(table)
    scores = y["psilocybin"] - y["vehicle"]
    for row, lacks in (
        (contrast(found, DOD, "open_field"), True),
        (contrast(found, "simple", "open_field"), True),
        (contrast(found, "main"), True),
        (contrast(found, DOD, "set_shifting"), False),
        (contrast(found, "simple", "home_cage"), False),
    ):
        assert row.n_units == 8
        assert ("1 animal missing a cell: A003" in row.note) == lacks
        assert (row.model == "per-animal t") != lacks
        assert row.n_smallest_group == 8 - lacks
    expected = scores["set_shifting"] - scores["home_cage"]
    same_test(contrast(found, DOD, "set_shifting"), stats.ttest_1samp(expected, 0.0))


def test_an_animal_with_the_reference_only_is_noted():
    rows = grid(8, levels=PLACES)
    rows = rows[~((rows["animal"] == "A001") & (rows["condition"] == "psilocybin"))]
    found = compare(outcomes(rows, noise(rows)), two_levels(), metrics()).contrasts
    row = contrast(found, "simple", "home_cage")
    assert (row.n_units, row.n_smallest_group) == (8, 7)
    assert "A001" in row.note


def test_animals_of_another_level_are_not_missing():
    rows = grid(6, levels=PLACES, modifier="between")
    found = compare(outcomes(rows, noise(rows)), two_levels(), metrics()).contrasts
    assert set(found["note"]) == {""}


def test_fewer_than_three_animals_are_estimated_not_tested():
    rows = grid(2, levels=PLACES)
    value = noise(rows)
    row = contrast(compare(outcomes(rows, value), two_levels(), metrics()).contrasts, "main")
    assert np.isfinite(row.estimate)
    assert np.isnan(row[["p", "se", "ci_low", "p_adjusted", "companion_p"]].astype(float)).all()
    assert "fewer than 3" in row.note


def test_no_variation_is_not_tested():
    rows = grid(8, levels=PLACES)
    row = contrast(compare(outcomes(rows, 0.1), two_levels(), metrics()).contrasts, "main")
    assert np.isnan(row.p)
    assert "no variation" in row.note


def test_partly_crossed_animals_get_the_mixed_model():
    """Both between by design, but one animal is in two of the four groups."""
    rows = grid(5, levels=PLACES, drug="between", modifier="between")
    rows["animal"] = rows["animal"].replace({"A300": "A000"})
    found = compare(outcomes(rows, noise(rows)), two_levels(), metrics())
    row = contrast(found.contrasts, DOD, "open_field")
    assert np.isfinite(row.p)
    assert "(1|animal)" in row.model
    assert row.n_units == 19


def test_cage_is_the_unit():
    rows = grid(12, levels=PLACES)
    table = outcomes(rows, noise(rows))
    row = contrast(compare(table, two_levels(unit="cage"), metrics()).contrasts, "main")
    by_cage = table.groupby(["cage", "condition"])["value"].mean().unstack()
    same_test(row, stats.ttest_1samp(by_cage["psilocybin"] - by_cage["vehicle"], 0.0))
    assert (row.n_units, row.n_animals) == (6, 12)


def test_cages_given_one_drug_each_are_groups():
    rows = grid(10, levels=PLACES, drug="between")
    table = outcomes(rows, noise(rows))
    row = contrast(compare(table, two_levels(unit="cage"), metrics()).contrasts, "main")
    by_cage = table.groupby(["condition", "cage"])["value"].mean()
    welch = stats.ttest_ind(by_cage["psilocybin"], by_cage["vehicle"], equal_var=False)
    same_test(row, welch)


@pytest.mark.parametrize("cages", ["blank", "two"])
def test_an_animal_needs_one_cage(cages):
    rows = grid(8, levels=PLACES)
    if cages == "blank":
        rows.loc[0, "cage"] = ""
    else:
        rows.loc[0, "cage"] = "elsewhere"
    with pytest.raises(InputError, match=r"column cage: found .* for animal A000"):
        compare(outcomes(rows, 1.0), two_levels(unit="cage"), metrics())


def test_an_empty_group_has_no_estimate():
    scores = np.arange(5.0)
    groups = [Group(1, np.arange(5), scores, "a"), Group(-1, np.zeros(0, int), np.zeros(0), "b")]
    result = estimate(groups, alpha=0.05)
    assert np.isnan(result.estimate)
    assert result.problem == "no data: b"
