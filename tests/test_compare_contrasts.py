"""Contrasts: agreement with scipy and statsmodels in each design, and what belongs to a cell."""

from __future__ import annotations

import cohorts
import numpy as np
import pandas as pd
import pytest
from cohorts import condition, grid, metric, metrics, outcomes, question
from scipy import stats

from pipeline.compare import compare
from pipeline.compare.families import holm
from pipeline.compare.per_animal import Group, estimate
from pipeline.compare.tables import CONTRASTS, VERDICTS
from pipeline.errors import InputError

TWO = ("home_cage", "open_field")
DOD = "difference_of_differences"


def two_levels(modifier="context", **changes):
    return cohorts.plan(
        contexts=TWO, questions=(question(modifier, changes.pop("levels", TWO)),), **changes
    )


def noise(rows, seed=3):
    return np.random.default_rng(seed).normal(size=len(rows))


def contrast(table, kind, level="", **columns):
    """The only row of a kind (in the analysed phase)."""
    rows = table[(table["contrast"] == kind) & (table["level"] == level)]
    rows = rows[rows["family"] != "carry_over"]
    for name, value in columns.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1
    return rows.iloc[0]


def wide(table):
    """Analysed values by animal, condition and context."""
    return table.pivot_table(index="animal", columns=["condition", "context"], values="value")


def same_test(row, result, level=0.95):
    """A row says what a scipy result says."""
    interval = result.confidence_interval(level)
    interval90 = result.confidence_interval(2 * level - 1)
    assert row.statistic == pytest.approx(result.statistic, rel=1e-10)
    assert row.p == pytest.approx(result.pvalue, rel=1e-10)
    assert row.df == pytest.approx(result.df, rel=1e-10)
    assert (row.ci_low, row.ci_high) == pytest.approx(tuple(interval), rel=1e-10)
    assert (row.ci90_low, row.ci90_high) == pytest.approx(tuple(interval90), rel=1e-10)


def test_both_within_is_the_one_sample_t():
    rows = grid(8, levels=TWO)
    table = outcomes(rows, noise(rows))
    found = compare(table, two_levels(), metrics()).contrasts
    y = wide(table)
    simple = {x: y["psilocybin", x] - y["vehicle", x] for x in TWO}
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
            grid(6, ("vehicle",), TWO),
            grid(9, ("psilocybin",), TWO).assign(animal=lambda t: "P" + t["animal"]),
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
            grid(9, levels=("open_field",)).assign(animal=lambda t: "P" + t["animal"]),
        ]
    )
    table = outcomes(rows, noise(rows))
    found = compare(table, two_levels(), metrics()).contrasts
    y = wide(table)
    change = {x: (y["psilocybin", x] - y["vehicle", x]).dropna() for x in TWO}
    welch = stats.ttest_ind(change["open_field"], change["home_cage"], equal_var=False)
    same_test(contrast(found, DOD, "open_field"), welch)
    same_test(contrast(found, "simple", "home_cage"), stats.ttest_1samp(change["home_cage"], 0))
    main = contrast(found, "main")
    assert main.estimate == pytest.approx(np.mean([c.mean() for c in change.values()]))
    se = np.sqrt(sum(0.25 * c.var(ddof=1) / len(c) for c in change.values()))
    assert main.se == pytest.approx(se)


def test_both_between_are_four_means():
    rows = grid(5, levels=TWO, drug="between", modifier="between")
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
    rows = grid(8, levels=TWO)
    value, before = noise(rows), noise(rows, 4)
    kept = outcomes(rows, value - before)
    subtracted = outcomes(rows, value, baseline_value=before, baseline_rule="change")
    ignored = outcomes(rows, value - before, baseline_value=before)
    results = [compare(t, two_levels(), metrics()).contrasts for t in (kept, subtracted, ignored)]
    columns = ["estimate", "se", "p", "companion_p", "p_adjusted"]
    for other in results[1:]:
        pd.testing.assert_frame_equal(results[0][columns], other[columns])


def test_a_change_without_baseline_is_refused():
    rows = grid(8, levels=TWO)
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
    assert set(found.contrasts["contrast"]) == {"simple"}


def test_alpha_sets_the_intervals():
    rows = grid(8, levels=TWO)
    table = outcomes(rows, noise(rows))
    row = contrast(compare(table, two_levels(alpha=0.01), metrics()).contrasts, "main")
    y = wide(table)
    scores = (y["psilocybin"] - y["vehicle"]).mean(axis=1)
    same_test(row, stats.ttest_1samp(scores, 0.0), level=0.99)


def test_replicate_sessions_are_averaged_per_animal():
    rows = grid(8, levels=TWO)
    again = rows[rows["animal"] == "A000"].assign(session=lambda t: t["session"] + "_again")
    value = np.concatenate([noise(rows), noise(again, 9)])
    table = outcomes(pd.concat([rows, again], ignore_index=True), value)
    row = contrast(compare(table, two_levels(), metrics()).contrasts, DOD, "open_field")
    y = wide(table)
    scores = (y["psilocybin"] - y["vehicle"]) @ pd.Series({"open_field": 1, "home_cage": -1})
    assert row.estimate == pytest.approx(scores.mean())
    assert (row.n_animals, row.n_sessions) == (8, 18)


def test_entities_are_counted_once_per_session():
    rows = grid(8, levels=TWO)
    table = outcomes(rows, noise(rows), n_entities=np.where(rows["context"] == "home_cage", 10, 7))
    found = compare(table, two_levels(), metrics()).contrasts
    assert contrast(found, DOD, "open_field").n_entities == 160
    assert contrast(found, "simple", "open_field").n_entities == 112


def test_entities_and_sessions_of_other_conditions_and_steps_do_not_count():
    rows = doses_in_one_session()
    table = outcomes(rows, noise(rows), n_entities=np.where(rows["step"] == 1, 10, 3))
    row = contrast(compare(table, dose_plan(), metrics()).contrasts, "main", condition=DOSES[1])
    assert (row.n_sessions, row.n_entities) == (12, 36)
    plan = two_levels(
        conditions=(condition("vehicle", None), condition("psilocybin"), condition("mdma"))
    )
    rows = grid(6, ("vehicle", "psilocybin", "mdma"), TWO)
    found = compare(outcomes(rows, noise(rows), n_entities=10), plan, metrics()).contrasts
    assert contrast(found, "main", condition="mdma").n_entities == 120


def test_missing_cells_are_missing_for_their_contrasts_only():
    rows = grid(8)
    gone = (rows["animal"] == "A003") & (rows["condition"] == "vehicle")
    rows = rows[~(gone & (rows["context"] == "open_field"))]
    table = outcomes(rows, noise(rows))
    found = compare(table, cohorts.plan(), metrics()).contrasts
    y = wide(table)
    scores = y["psilocybin"] - y["vehicle"]
    for row, n in (
        (contrast(found, DOD, "open_field"), 7),
        (contrast(found, "simple", "open_field"), 7),
        (contrast(found, "main"), 7),
        (contrast(found, DOD, "set_shifting"), 8),
        (contrast(found, "simple", "home_cage"), 8),
    ):
        assert row.n_units == n
        assert ("1 animal missing a cell: A003" in row.note) == (n == 7)
    expected = (scores["open_field"] - scores["home_cage"]).dropna()
    same_test(contrast(found, DOD, "open_field"), stats.ttest_1samp(expected, 0.0))


def test_an_animal_with_the_reference_only_is_noted():
    rows = grid(8, levels=TWO)
    rows = rows[~((rows["animal"] == "A001") & (rows["condition"] == "psilocybin"))]
    found = compare(outcomes(rows, noise(rows)), two_levels(), metrics()).contrasts
    row = contrast(found, "simple", "home_cage")
    assert row.n_units == 7
    assert "A001" in row.note


def test_animals_of_another_level_are_not_missing():
    rows = grid(6, levels=TWO, modifier="between")
    found = compare(outcomes(rows, noise(rows)), two_levels(), metrics()).contrasts
    assert set(found["note"]) == {""}


def test_fewer_than_three_animals_are_estimated_not_tested():
    rows = grid(2, levels=TWO)
    value = noise(rows)
    row = contrast(compare(outcomes(rows, value), two_levels(), metrics()).contrasts, "main")
    assert np.isfinite(row.estimate)
    assert np.isnan(row[["p", "se", "ci_low", "p_adjusted", "companion_p"]].astype(float)).all()
    assert "fewer than 3" in row.note


def test_no_variation_is_not_tested():
    rows = grid(8, levels=TWO)
    row = contrast(compare(outcomes(rows, 0.1), two_levels(), metrics()).contrasts, "main")
    assert np.isnan(row.p)
    assert "no variation" in row.note


def test_partly_crossed_animals_are_refused():
    """Both between by design, but one animal is in two of the four groups."""
    rows = grid(5, levels=TWO, drug="between", modifier="between")
    rows["animal"] = rows["animal"].replace({"A300": "A000"})
    found = compare(outcomes(rows, noise(rows)), two_levels(), metrics())
    assert np.isnan(contrast(found.contrasts, DOD, "open_field").p)
    assert "in more than one group" in found.verdicts["why"].item()


def test_cage_is_the_unit():
    rows = grid(12, levels=TWO)
    table = outcomes(rows, noise(rows))
    row = contrast(compare(table, two_levels(unit="cage"), metrics()).contrasts, "main")
    by_cage = table.groupby(["cage", "condition"])["value"].mean().unstack()
    same_test(row, stats.ttest_1samp(by_cage["psilocybin"] - by_cage["vehicle"], 0.0))
    assert (row.n_units, row.n_animals) == (6, 12)


def test_cages_given_one_drug_each_are_groups():
    rows = grid(10, levels=TWO, drug="between")
    table = outcomes(rows, noise(rows))
    row = contrast(compare(table, two_levels(unit="cage"), metrics()).contrasts, "main")
    by_cage = table.groupby(["condition", "cage"])["value"].mean()
    welch = stats.ttest_ind(by_cage["psilocybin"], by_cage["vehicle"], equal_var=False)
    same_test(row, welch)


@pytest.mark.parametrize("cages", ["blank", "two"])
def test_an_animal_needs_one_cage(cages):
    rows = grid(8, levels=TWO)
    if cages == "blank":
        rows.loc[0, "cage"] = ""
    else:
        rows.loc[0, "cage"] = "elsewhere"
    with pytest.raises(InputError, match=r"column cage: found .* for animal A000"):
        compare(outcomes(rows, 1.0), two_levels(unit="cage"), metrics())


def test_dosing_context_between_animals_averages_over_contexts():
    """Dosed at home or enriched, measured later in two contexts."""
    levels = ("home", "enriched")
    at_home = grid(6, levels=levels, modifier="between", column="dosing_context")
    rows = pd.concat([at_home.assign(context=x) for x in TWO], ignore_index=True)
    rows = rows[~((rows["animal"] == "A100") & (rows["context"] == "open_field"))]
    table = outcomes(rows, noise(rows), phase="day+1")
    plan = cohorts.plan(
        contexts=TWO,
        phases=("acute", "day+1"),
        questions=(question("dosing_context", levels, ("day+1",)),),
    )
    found = compare(table, plan, metrics())
    row = contrast(found.contrasts, DOD, "enriched")
    whole = table[table["animal"] != "A100"]
    y = whole.groupby(["dosing_context", "animal", "condition"])["value"].mean().unstack()
    change = y["psilocybin"] - y["vehicle"]
    same_test(row, stats.ttest_ind(change["enriched"], change["home"], equal_var=False))
    assert "mean over contexts: home_cage, open_field" in row.note
    assert "A100" in row.note
    assert (row.reference_level, row.modifier) == ("home", "dosing_context")


def test_each_phase_and_split_is_its_own_analysis():
    rows = grid(8, levels=TWO)
    parts = [
        outcomes(rows, noise(rows, seed), phase=phase, split=split, split_level=level)
        for seed, (phase, split, level) in enumerate(
            [("acute", "", ""), ("late", "", ""), ("acute", "movement", "rest")]
        )
    ]
    plan = cohorts.plan(
        contexts=TWO,
        phases=("acute", "late"),
        questions=(question("context", TWO, ("acute", "late")),),
    )
    found = compare(pd.concat(parts), plan, metrics())
    for part, (phase, split) in zip(
        parts, [("acute", ""), ("late", ""), ("acute", "movement")], strict=True
    ):
        row = contrast(found.contrasts, "main", phase=phase, split=split)
        y = wide(part)
        expected = (y["psilocybin"] - y["vehicle"]).to_numpy().mean()
        assert row.estimate == pytest.approx(expected)
        assert row.n_tests == 1
    assert len(found.verdicts) == 3


DOSES = ("ketamine_3", "ketamine_10")


def doses_in_one_session(with_reference_at=(1, 2)):
    """Animals with a session of two ketamine doses and one of two saline injections."""
    rows = grid(6, ("vehicle", "ketamine"), TWO)
    first, second = rows.assign(step=1), rows.assign(step=2)
    for step, part in ((1, first), (2, second)):
        part["condition"] = part["condition"].replace({"ketamine": DOSES[step - 1]})
    both = pd.concat([first, second], ignore_index=True)
    keep = (both["condition"] != "vehicle") | both["step"].isin(with_reference_at)
    return both[keep].reset_index(drop=True)


def dose_plan():
    conditions = (condition("vehicle", None), *(condition(name) for name in DOSES))
    return two_levels(conditions=conditions)


def test_steps_are_matched():
    rows = doses_in_one_session()
    table = outcomes(rows, noise(rows))
    found = compare(table, dose_plan(), metrics()).contrasts
    for step, name in enumerate(DOSES, 1):
        part = table[table["step"] == step]
        y = part.pivot_table(index="animal", columns="condition", values="value")
        row = contrast(found, "main", condition=name)
        assert row.step == step
        same_test(row, stats.ttest_1samp(y[name] - y["vehicle"], 0.0))
    assert set(found.loc[found["contrast"] == "main", "n_tests"]) == {2}


def test_a_step_without_reference_cannot_be_estimated():
    rows = doses_in_one_session(with_reference_at=(1,))
    found = compare(outcomes(rows, noise(rows)), dose_plan(), metrics())
    row = contrast(found.contrasts, "main", condition="ketamine_10")
    assert np.isnan(row.estimate)
    verdicts = found.verdicts.set_index("condition")
    assert "dose and time cannot be separated" in verdicts.loc["ketamine_10", "why"]
    assert verdicts.loc["ketamine_10", "verdict"] == "inconclusive"
    assert "dose and time" not in verdicts.loc["ketamine_3", "why"]
    assert np.isfinite(contrast(found.contrasts, "main", condition="ketamine_3").p)


def antagonist():
    """Plan and conditions of an agonist with and without an antagonist."""
    blocked = {"pretreatment": "ketanserin"}
    psilocybin = {"drug": "psilocybin", "dose_mg_per_kg": 1.0}
    conditions = (
        condition("vehicle", None, drug="saline"),
        condition("psilocybin", **psilocybin),
        condition("ketanserin_vehicle", "vehicle", drug="saline", is_reference=True, **blocked),
        condition("psilocybin_ketanserin", "ketanserin_vehicle", **psilocybin, **blocked),
        # another drug and another dose under the same antagonist are not its namesakes
        condition("mdma_ketanserin", "ketanserin_vehicle", drug="mdma", **blocked),
        condition(
            "psilocybin_3_ketanserin",
            "ketanserin_vehicle",
            **(psilocybin | {"dose_mg_per_kg": 3.0}),
            **blocked,
        ),
    )
    asked = (question("pretreatment", ("none", "ketanserin")),)
    return cohorts.plan(conditions=conditions, contexts=TWO, questions=asked)


def test_pretreatment_takes_each_levels_own_condition_and_reference():
    plan = antagonist()
    rows = grid(8, tuple(c.name for c in plan.conditions), TWO)
    table = outcomes(rows, noise(rows))
    found = compare(table, plan, metrics())
    y = table.pivot_table(index="animal", columns="condition", values="value")
    plain = y["psilocybin"] - y["vehicle"]
    blocked = y["psilocybin_ketanserin"] - y["ketanserin_vehicle"]
    assert set(found.verdicts["condition"]) == {"psilocybin"}
    same_test(contrast(found.contrasts, "simple", "none"), stats.ttest_1samp(plain, 0))
    row = contrast(found.contrasts, "simple", "ketanserin")
    same_test(row, stats.ttest_1samp(blocked, 0))
    assert (row.condition, row.reference_condition) == ("psilocybin", "ketanserin_vehicle")
    assert "ketanserin: psilocybin_ketanserin against ketanserin_vehicle" in row.note
    same_test(contrast(found.contrasts, DOD, "ketanserin"), stats.ttest_1samp(blocked - plain, 0))


def test_the_same_conditions_are_compared_with_their_references_per_context():
    plan = antagonist().model_copy(update={"questions": (question("context", TWO),)})
    rows = grid(8, tuple(c.name for c in plan.conditions), TWO)
    verdicts = compare(outcomes(rows, noise(rows)), plan, metrics()).verdicts
    pairs = dict(zip(verdicts["condition"], verdicts["reference_condition"], strict=True))
    assert pairs == {
        "psilocybin": "vehicle",
        "ketanserin_vehicle": "vehicle",
        "psilocybin_ketanserin": "ketanserin_vehicle",
        "psilocybin_3_ketanserin": "ketanserin_vehicle",
        "mdma_ketanserin": "ketanserin_vehicle",
    }


def test_carry_over_compares_raw_baselines():
    rows = grid(8, levels=TWO)
    before = outcomes(rows, noise(rows), phase="baseline", baseline_rule="change")
    acute = outcomes(rows, noise(rows, 8), baseline_value=noise(rows), baseline_rule="change")
    found = compare(pd.concat([before, acute]), two_levels(), metrics()).contrasts
    carried = found[found["family"] == "carry_over"]
    assert set(carried["contrast"]) == {"simple"}
    assert set(carried["phase"]) == {"baseline"}
    y = wide(before)
    for row in carried.itertuples():
        expected = y["psilocybin", row.level] - y["vehicle", row.level]
        same_test(row, stats.ttest_1samp(expected, 0.0))
        assert row.n_tests == 2


def timed(value, censored, *, levels=("set_shifting",)):
    rows = grid(len(value) // 2, levels=levels)
    table = outcomes(rows, value, censored=censored, scale="time_to_event")
    plan = cohorts.plan(contexts=levels, questions=(question(levels=levels),))
    return compare(table, plan, metrics(metric(scale="time_to_event"))).contrasts.iloc[0]


def test_censored_times_are_restricted_at_the_smallest_cap():
    value = np.array([50, 80, 90, 200, 120, 180, 60, 130, 70, 150, 40, 170.0])
    censored = np.zeros(12, dtype=bool)
    censored[[3, 7]] = True  # caps of 200 and 130
    row = timed(value, censored)
    restricted = np.minimum(value, 130).reshape(6, 2)
    same_test(row, stats.ttest_1samp(restricted[:, 1] - restricted[:, 0], 0.0))
    assert "restricted at 130, 2 of 12 censored" in row.note
    assert timed(np.where(value == 200, 400, value), censored).estimate == row.estimate


def test_times_without_censoring_are_plain_means():
    value = np.array([50, 80, 90, 200, 120, 180, 60, 130, 70, 150, 40, 170.0])
    row = timed(value, np.zeros(12, dtype=bool))
    pairs = value.reshape(6, 2)
    assert row.estimate == pytest.approx((pairs[:, 1] - pairs[:, 0]).mean())
    assert row.note == ""


def test_censoring_on_another_scale_is_said():
    rows = grid(6, levels=TWO)
    table = outcomes(rows, noise(rows), censored=rows.index == 0)
    row = contrast(compare(table, two_levels(), metrics()).contrasts, "main")
    assert "1 of 24 censored: their values are lower bounds" in row.note


def test_equal_time_is_the_intercept_of_a_regression():
    rows = grid(9)
    table = outcomes(rows, noise(rows))
    found = compare(table, cohorts.plan(), metrics()).contrasts
    row = contrast(found, "difference_of_differences_at_equal_time", "open_field")
    y = wide(table)
    scores = y["psilocybin"] - y["vehicle"]
    drug = table[table["condition"] == "psilocybin"]
    since = drug.pivot_table(index="animal", columns="context", values="since_dose_s")
    import statsmodels.api as sm

    lag = since["open_field"] - since["home_cage"]
    fit = sm.OLS(scores["open_field"] - scores["home_cage"], sm.add_constant(lag)).fit()
    assert row.estimate == pytest.approx(fit.params["const"])
    assert row.se == pytest.approx(fit.bse["const"])
    assert row.df == 7
    assert row.p == pytest.approx(fit.pvalues["const"])
    assert (row.ci_low, row.ci_high) == pytest.approx(tuple(fit.conf_int().loc["const"]))
    y, x = scores["open_field"] - scores["home_cage"], lag
    without = [stats.linregress(x.drop(a), y.drop(a)).intercept for a in y.index]
    assert (row.leave_one_out_low, row.leave_one_out_high) == pytest.approx(
        (min(without), max(without))
    )


def test_equal_time_removes_a_fade_that_the_order_did_not_balance():
    rows = grid(8, levels=TWO)
    # seven animals at home first, one the other way round
    first = (rows["context"] == "home_cage") ^ (rows["animal"] == "A000")
    rows["since_dose_s"] = np.where(first, 600.0, 1800.0)
    table = outcomes(
        rows, np.where(rows["condition"] == "vehicle", 0.0, 2.0 - rows["since_dose_s"] / 1200)
    )
    table["value"] += noise(rows) * 1e-6
    found = compare(table, two_levels(), metrics()).contrasts
    assert contrast(found, DOD, "open_field").estimate == pytest.approx(-0.75, abs=1e-4)
    beside = contrast(found, "difference_of_differences_at_equal_time", "open_field")
    assert beside.estimate == pytest.approx(0.0, abs=1e-4)


def test_equal_time_needs_a_counterbalanced_order():
    rows = grid(8, order="fixed")
    found = compare(outcomes(rows, noise(rows)), cohorts.plan(), metrics()).contrasts
    assert "difference_of_differences_at_equal_time" not in set(found["contrast"])


def test_holm_agrees_with_statsmodels():
    from statsmodels.stats.multitest import multipletests

    p = np.random.default_rng(2).random(30) ** 3
    for n in (1, 2, 7, 30):
        assert holm(p[:n]) == pytest.approx(multipletests(p[:n], method="holm")[1])
    assert holm(np.zeros(0)).size == 0


def test_families_span_conditions_and_levels():
    names = ("psilocybin", "ketamine", "mdma")
    plan = cohorts.plan(conditions=(condition("vehicle", None), *(condition(n) for n in names)))
    rows = grid(8, ("vehicle", *names))
    found = compare(outcomes(rows, noise(rows)), plan, metrics()).contrasts
    for family, n in (("simple", 9), ("main", 3), (DOD, 6)):
        part = found[found["family"] == family]
        assert len(part) == n
        assert set(part["n_tests"]) == {n}
        assert part["p_adjusted"].to_numpy() == pytest.approx(holm(part["p"].to_numpy()))


def test_a_row_for_every_condition_and_outcome():
    plan = cohorts.plan(
        conditions=(condition("vehicle", None), condition("psilocybin"), condition("mdma"))
    )
    rows = grid(8)
    only_before = outcomes(rows, noise(rows), phase="baseline", outcome="power@CA1", region="CA1")
    found = compare(pd.concat([outcomes(rows, noise(rows)), only_before]), plan, metrics())
    verdicts = found.verdicts.set_index(["outcome", "condition"])
    assert len(verdicts) == 4
    assert verdicts.loc[("power@mPFC", "mdma"), "why"] == "unestimable: mdma has no data"
    assert verdicts.loc[("power@CA1", "psilocybin"), "verdict"] == "inconclusive"


def test_levels_keep_the_plans_order_and_reference():
    rows = grid(8, levels=CONTEXTS_REVERSED)
    found = compare(outcomes(rows, noise(rows)), cohorts.plan(), metrics()).contrasts
    assert list(found.loc[found["contrast"] == "simple", "level"]) == list(cohorts.CONTEXTS)
    assert set(found.loc[found["contrast"] == DOD, "reference_level"]) == {"home_cage"}


CONTEXTS_REVERSED = cohorts.CONTEXTS[::-1]


def test_without_the_reference_level_nothing_is_put_in_its_place():
    rows = grid(8, levels=("open_field", "set_shifting"))
    found = compare(outcomes(rows, noise(rows)), cohorts.plan(), metrics())
    assert found.contrasts.loc[found.contrasts["contrast"] == DOD, "estimate"].isna().all()
    assert "the reference level home_cage has no data" in found.verdicts["why"].item()


def test_a_modifier_that_is_no_column_is_refused():
    rows = grid(8)
    plan = cohorts.plan(questions=(question("litter", ("a", "b")),))
    with pytest.raises(InputError, match="modifier: found 'litter'"):
        compare(outcomes(rows, 1.0), plan, metrics())


def test_sex_and_a_factor_are_modifiers_between_animals():
    rows = grid(12, levels=("home_cage",))
    rows["litter"] = np.where(rows["animal"] < "A006", "a", "b")
    table = outcomes(rows, noise(rows))
    for modifier, levels in (("sex", ("F", "M")), ("litter", ("a", "b"))):
        plan = two_levels(modifier, levels=levels, factors=("litter",))
        row = contrast(compare(table, plan, metrics()).contrasts, DOD, levels[1])
        y = table.pivot_table(index=["animal", modifier], columns="condition", values="value")
        change = (y["psilocybin"] - y["vehicle"]).reset_index(level=modifier)
        halves = [change.loc[change[modifier] == level, 0] for level in levels[::-1]]
        same_test(row, stats.ttest_ind(*halves, equal_var=False))


def test_rows_without_a_level_are_counted():
    rows = grid(8, levels=("home_cage",)).assign(stage="dosing")
    rows.loc[rows["animal"] == "A000", "stage"] = ""
    found = compare(outcomes(rows, noise(rows)), two_levels("stage", levels=("dosing",)), metrics())
    row = contrast(found.contrasts, "simple", "dosing")
    assert row.n_units == 7
    assert "2 values without stage left out" in row.note


def test_no_outcomes_give_empty_tables_with_the_right_columns():
    empty = outcomes(grid(1), 1.0).iloc[:0]
    for given in (empty, pd.DataFrame()):
        found = compare(given, cohorts.plan(), metrics())
        assert list(found.contrasts.columns) == list(CONTRASTS)
        assert list(found.verdicts.columns) == list(VERDICTS)
    full = compare(outcomes(grid(8), 1.0), cohorts.plan(), metrics())
    assert (found.contrasts.dtypes == full.contrasts.dtypes).all()
    assert (found.verdicts.dtypes == full.verdicts.dtypes).all()


def test_row_order_changes_nothing():
    rows = grid(8)
    table = outcomes(rows, noise(rows))
    mixed = table.sample(frac=1, random_state=1)
    first, second = (compare(t, cohorts.plan(), metrics()) for t in (table, mixed))
    pd.testing.assert_frame_equal(first.contrasts, second.contrasts)
    pd.testing.assert_frame_equal(first.verdicts, second.verdicts)


def test_an_empty_group_has_no_estimate():
    scores = np.arange(5.0)
    groups = [Group(1, np.arange(5), scores, "a"), Group(-1, np.zeros(0, int), np.zeros(0), "b")]
    result = estimate(groups, alpha=0.05)
    assert np.isnan(result.estimate)
    assert result.problem == "no data: b"


def test_parquet_keeps_what_compare_needs(tmp_path):
    rows = grid(8)
    table = outcomes(rows, noise(rows))
    table.to_parquet(tmp_path / "outcomes.parquet")
    again = pd.read_parquet(tmp_path / "outcomes.parquet")
    first, second = (compare(t, cohorts.plan(), metrics()) for t in (table, again))
    pd.testing.assert_frame_equal(first.contrasts, second.contrasts)
