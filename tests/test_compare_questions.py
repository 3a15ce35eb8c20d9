"""What is compared with what: modifiers, steps, phases, pretreatment, time since dose, families."""

from __future__ import annotations

import cohorts
import numpy as np
import pandas as pd
import pytest
from cohorts import (
    PLACES,
    condition,
    contrast,
    grid,
    metric,
    metrics,
    noise,
    outcomes,
    question,
    same_test,
    two_levels,
    wide,
)
from scipy import stats

from pipeline.compare import analysis_values, compare
from pipeline.compare.families import holm
from pipeline.compare.survival import pseudo_values
from pipeline.compare.tables import CONTRASTS, VERDICTS
from pipeline.errors import InputError

DOD = "difference_of_differences"


def test_dosing_context_between_animals_averages_over_contexts():
    """Dosed at home or enriched, measured later in two contexts."""
    levels = ("home", "enriched")
    at_home = grid(6, levels=levels, modifier="between", column="dosing_context")
    rows = pd.concat([at_home.assign(context=x) for x in PLACES], ignore_index=True)
    # one animal of either order: the order stays balanced
    rows = rows[~(rows["animal"].isin(["A100", "A101"]) & (rows["context"] == "open_field"))]
    table = outcomes(rows, noise(rows), phase="day+1")
    plan = cohorts.plan(
        contexts=PLACES,
        phases=("acute", "day+1"),
        questions=(question("dosing_context", levels, ("day+1",)),),
    )
    found = compare(table, plan, metrics())
    row = contrast(found.contrasts, DOD, "enriched")
    whole = table[~table["animal"].isin(["A100", "A101"])]
    y = whole.groupby(["dosing_context", "animal", "condition"])["value"].mean().unstack()
    change = y["psilocybin"] - y["vehicle"]
    same_test(row, stats.ttest_ind(change["enriched"], change["home"], equal_var=False))
    assert "mean over contexts: home_cage, open_field" in row.note
    assert "A100" in row.note
    assert (row.reference_level, row.modifier) == ("home", "dosing_context")


def test_each_phase_and_split_is_its_own_analysis():
    rows = grid(8, levels=PLACES)
    parts = [
        outcomes(rows, noise(rows, seed), phase=phase, split=split, split_level=level)
        for seed, (phase, split, level) in enumerate(
            [("acute", "", ""), ("late", "", ""), ("acute", "movement", "rest")]
        )
    ]
    plan = cohorts.plan(
        contexts=PLACES,
        phases=("acute", "late"),
        questions=(question("context", PLACES, ("acute", "late")),),
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
    rows = grid(6, ("vehicle", "ketamine"), PLACES)
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
    return cohorts.plan(conditions=conditions, contexts=PLACES, questions=asked)


def test_pretreatment_takes_each_levels_own_condition_and_reference():
    plan = antagonist()
    rows = grid(6, tuple(c.name for c in plan.conditions), PLACES)
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
    plan = antagonist().model_copy(update={"questions": (question("context", PLACES),)})
    rows = grid(8, tuple(c.name for c in plan.conditions), PLACES)
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
    rows = grid(8, levels=PLACES)
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


def test_times_that_reached_the_cap_are_restricted_there():
    value = np.array([50, 80, 90, 200, 120, 180, 60, 200, 70, 150, 40, 170.0])
    row = timed(value, value == 200)
    pairs = value.reshape(6, 2)
    same_test(row, stats.ttest_1samp(pairs[:, 1] - pairs[:, 0], 0.0))
    assert "restricted at 200, 2 of 12 censored" in row.note
    assert row.companion == "permuted log-rank"


def test_times_that_all_ended_before_the_event_are_told_from_animals_that_do_not_differ():
    value = np.array([50, 80, 90, 200, 120, 180, 60, 200, 70, 150, 40, 170.0])
    row = timed(value, np.ones(12, dtype=bool))
    assert np.isnan(row.p) and "was never reached: every time is only a lower bound" in row.note
    alike = timed(np.full(12, 50.0), np.zeros(12, dtype=bool))
    assert "no variation between animals: not tested" in alike.note


def test_one_short_session_does_not_restrict_the_others():
    value = np.array([50, 80, 90, 200, 120, 180, 60, 20, 70, 150, 40, 170.0])
    censored = np.isin(value, (20, 200))
    row = timed(value, censored)
    # the one that left at 20 gets what the other five of its cell lead to expect
    assert row.estimate == pytest.approx(
        np.mean(pseudo_values(value[1::2], censored[1::2], tau=200)) - np.mean(value[::2])
    )
    assert row.estimate > 60
    assert "restricted at 200, 2 of 12 censored" in row.note


def test_times_without_censoring_are_plain_means():
    value = np.array([50, 80, 90, 200, 120, 180, 60, 130, 70, 150, 40, 170.0])
    row = timed(value, np.zeros(12, dtype=bool))
    pairs = value.reshape(6, 2)
    assert row.estimate == pytest.approx((pairs[:, 1] - pairs[:, 0]).mean())
    assert row.note == ""


def test_censoring_on_another_scale_is_said():
    rows = grid(6, levels=PLACES)
    table = outcomes(rows, noise(rows), censored=rows.index == 0)
    row = contrast(compare(table, two_levels(), metrics()).contrasts, "main")
    assert "1 lower bound left out" in row.note and "1 vehicle" in row.note


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
    rows = grid(8, levels=PLACES)
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


def test_equal_time_needs_every_animal_of_the_planned_contrast():
    """Otherwise it differs from it by the animals, and not by the time alone."""
    drugs = ("vehicle", "psilocybin", "ketamine")
    plan = cohorts.plan(
        conditions=(condition("vehicle", None), *(condition(name) for name in drugs[1:]))
    )
    rows = grid(9, drugs)
    rows = rows[(rows["animal"] != "A002") | (rows["condition"] != "ketamine")]
    rows = rows.reset_index(drop=True)
    found = compare(outcomes(rows, noise(rows)), plan, metrics()).contrasts
    timed = found[found["contrast"] == "difference_of_differences_at_equal_time"]
    assert set(timed["condition"]) == {"psilocybin"}
    planned = found[(found["contrast"] == DOD) & (found["condition"] == "ketamine")]
    assert set(planned["n_animals"]) == {9} and set(timed["n_animals"]) == {9}


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
    rows = grid(8, levels=cohorts.CONTEXTS[::-1])
    found = compare(outcomes(rows, noise(rows)), cohorts.plan(), metrics()).contrasts
    assert list(found.loc[found["contrast"] == "simple", "level"]) == list(cohorts.CONTEXTS)
    assert set(found.loc[found["contrast"] == DOD, "reference_level"]) == {"home_cage"}


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


def test_parquet_keeps_what_compare_needs(tmp_path):
    rows = grid(8)
    table = outcomes(rows, noise(rows))
    table.to_parquet(tmp_path / "outcomes.parquet")
    again = pd.read_parquet(tmp_path / "outcomes.parquet")
    first, second = (compare(t, cohorts.plan(), metrics()) for t in (table, again))
    pd.testing.assert_frame_equal(first.contrasts, second.contrasts)


def test_entities_and_sessions_of_other_conditions_and_steps_do_not_count():
    rows = doses_in_one_session()
    table = outcomes(rows, noise(rows), n_entities=np.where(rows["step"] == 1, 10, 3))
    row = contrast(compare(table, dose_plan(), metrics()).contrasts, "main", condition=DOSES[1])
    assert (row.n_sessions, row.n_entities) == (12, 36)
    plan = two_levels(
        conditions=(condition("vehicle", None), condition("psilocybin"), condition("mdma"))
    )
    rows = grid(6, ("vehicle", "psilocybin", "mdma"), PLACES)
    found = compare(outcomes(rows, noise(rows), n_entities=10), plan, metrics()).contrasts
    assert contrast(found, "main", condition="mdma").n_entities == 120


def test_a_censored_baseline_that_is_not_subtracted_restricts_nothing():
    """A short look at the task before the dose ends before anyone reaches the criterion."""
    rows = grid(6, levels=("home_cage",))
    value = np.arange(12.0) + 100
    table = outcomes(
        rows,
        value,
        scale="time_to_event",
        baseline_value=14.0,
        baseline_censored=True,
        baseline_rule="none",
    )
    assert analysis_values(table)["analysed"].tolist() == value.tolist()
    changed = analysis_values(table.assign(baseline_rule="change"))
    assert (changed["restricted_at"] == 14).all()
