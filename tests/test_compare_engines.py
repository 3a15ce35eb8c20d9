"""Which test a contrast gets, and that each gives what an independent implementation gives."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from cohorts import (
    CONTEXTS,
    PLACES,
    condition,
    contrast,
    drug,
    grid,
    metric,
    metrics,
    noise,
    outcomes,
    plan,
    question,
    simulated,
    two_levels,
    wide,
)
from statsmodels.stats.anova import AnovaRM

from pipeline.compare import compare, mixed_search
from pipeline.compare.cell_models import contrast_of, fit_cells
from pipeline.compare.families import discoveries
from pipeline.compare.mixed import fit
from pipeline.compare.slice_rows import unequal_spread
from pipeline.compare.structure import contrast_rows, detect, estimable, row_space
from pipeline.experiment.plan import PlanBound

GOLD = Path(__file__).parent / "data" / "gold"


def codes(*labels):
    return [pd.factorize(np.asarray(one))[0] for one in labels]


def omnibus(table, term="condition:context"):
    rows = table[(table["contrast"] == "omnibus") & (table["term"] == term)]
    rows = rows[rows["phase"] == "acute"]
    assert len(rows) == 1
    return rows.iloc[0]


# --- the design detector ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("drug_is", "modifier_is", "random"),
    [
        ("within", "within", {"unit", "unit:condition", "unit:context"}),
        ("within", "between", {"unit"}),
        ("between", "within", {"unit"}),
        ("between", "between", set()),
    ],
)
def test_the_random_terms_follow_the_design(drug_is, modifier_is, random):
    rows = grid(8, drug=drug_is, modifier=modifier_is)
    unit, name, level = codes(rows["animal"], rows["condition"], rows["context"])
    found = detect(unit, {"condition": name, "context": level})
    assert set(found.random) == random
    assert ("condition" in found.within) == (drug_is == "within")
    assert ("context" in found.within) == (modifier_is == "within")


def test_replicate_rows_of_a_cell_add_the_crossing_of_both_factors():
    rows = pd.concat([grid(8)] * 2, ignore_index=True)
    unit, name, level = codes(rows["animal"], rows["condition"], rows["context"])
    found = detect(unit, {"condition": name, "context": level})
    assert "unit:condition:context" in found.random


def test_a_term_that_groups_the_rows_like_another_is_not_doubled():
    # every animal has one context only: animal x context is animal
    unit = np.repeat(np.arange(6), 2)
    found = detect(unit, {"condition": np.tile([0, 1], 6), "context": np.repeat([0, 1], 6)})
    assert list(found.random) == ["unit"]


def test_what_always_came_together_cannot_be_estimated():
    together = np.array([[1, 0, 0], [1, 0, 0], [1, 1, 1], [1, 1, 1]], dtype=float)
    assert not estimable(row_space(together), np.array([0.0, 1.0, 0.0]))
    assert estimable(row_space(together), np.array([0.0, 1.0, 1.0]))
    assert contrast_rows(3).tolist() == [[-1, 1, 0], [-1, 0, 1]]


# --- omnibus ---------------------------------------------------------------------------------


def test_rabbit_gets_the_designs_own_error_term():
    rabbit = pd.read_csv(GOLD / "Rabbit.csv", dtype={"DoseF": str})
    answers = json.loads((GOLD / "aov_Rabbit.json").read_text())["univ"]
    doses = tuple(sorted(rabbit["DoseF"].unique(), key=float))
    rows = pd.DataFrame(
        {
            "animal": rabbit["Animal"],
            "session": rabbit["Run"],
            "anchor": rabbit["Run"],
            "condition": rabbit["Treatment"],
            "context": rabbit["DoseF"],
            "since_dose_s": 600.0,
        }
    )
    its_plan = plan(
        conditions=(condition("Control", None), condition("MDL", "Control")),
        contexts=doses,
        questions=(question(levels=doses),),
    )
    found = compare(outcomes(rows, rabbit["BPchange"]), its_plan, metrics())
    for term, ours in (("Treatment", "condition"), ("Treatment:DoseF", "condition:context")):
        row = omnibus(found.contrasts, ours)
        gold = next(a for a in answers if a["term"] == term)
        assert row.statistic == pytest.approx(gold["F_value"], rel=1e-6)
        assert (row.df_numerator, row.df) == pytest.approx((gold["num_Df"], gold["den_Df"]))
        assert row.p == pytest.approx(gold["Pr_F"], rel=1e-5)


def test_a_balanced_crossover_is_the_repeated_measures_anova():
    rows = grid(6, ("vehicle", "psilocybin", "ketamine"))
    table = outcomes(rows, noise(rows))
    conditions = (condition("vehicle", None), condition("psilocybin"), condition("ketamine"))
    found = compare(table, plan(conditions=conditions), metrics()).contrasts
    anova = AnovaRM(table, "value", "animal", within=["condition", "context"]).fit().anova_table
    for term in ("condition", "condition:context"):
        row = omnibus(found, term)
        assert row.statistic == pytest.approx(anova.loc[term, "F Value"], rel=1e-6)
        assert row.df == pytest.approx(anova.loc[term, "Den DF"], rel=1e-6)


def test_both_between_animals_is_least_squares():
    rows = grid(6, drug="between", modifier="between")
    table = outcomes(rows, noise(rows))
    row = omnibus(compare(table, plan(), metrics()).contrasts)
    ols = sm.OLS.from_formula("value ~ C(condition, Sum) * C(context, Sum)", table).fit()
    anova = sm.stats.anova_lm(ols, typ=3).loc["C(condition, Sum):C(context, Sum)"]
    assert (row.statistic, row.p) == pytest.approx((anova["F"], anova["PR(>F)"]), rel=1e-8)


def test_an_empty_cell_is_named_and_not_tested():
    rows = grid(6)
    gone = (rows["condition"] == "psilocybin") & (rows["context"] == "open_field")
    row = omnibus(compare(outcomes(rows[~gone], noise(rows[~gone])), plan(), metrics()).contrasts)
    assert np.isnan(row.p)
    assert "a cell of the contrast has no data" in row.note


# --- missing cells ---------------------------------------------------------------------------


def without(rows, *cells):
    """Rows without the cells (animal, condition, context)."""
    keys = list(zip(rows["animal"], rows["condition"], rows["context"], strict=True))
    return rows[[key not in cells for key in keys]].reset_index(drop=True)


def test_with_a_missing_cell_all_animals_stay_and_the_mixed_model_tests():
    rows = grid(8)
    rows = without(rows, ("A000", "psilocybin", "open_field"))
    table = outcomes(rows, noise(rows))
    found = compare(table, plan(), metrics()).contrasts
    row = contrast(found, "difference_of_differences", "open_field")
    assert row.n_units == 8
    assert "Kenward-Roger" in row.model
    assert "A000" in row.note
    model = fit(
        table.assign(
            condition=pd.Categorical(table["condition"], ["vehicle", "psilocybin"]),
            period=table["period"].astype("str"),
        ),
        response="value",
        # without the cell the order is no longer balanced
        fixed="condition * context + period",
        random=["animal", "animal:condition", "animal:context"],
        bounded=False,
    ).coefficients()
    names = [name for name in model.index if "psilocybin" in name and "open_field" in name]
    expected = model.loc[names[0]]
    assert row.estimate == pytest.approx(expected["estimate"], rel=1e-6)
    assert row.se == pytest.approx(expected["se"], rel=1e-5)
    assert row.df == pytest.approx(expected["df"], rel=1e-4)
    # the contrast whose cells are all there keeps its own test
    other = contrast(found, "difference_of_differences", "set_shifting")
    assert other.model == "per-animal t"
    assert other.df == 7


def test_a_partly_crossed_design_is_analysed():
    rows = grid(6, drug="between")
    extra = rows[(rows["condition"] == "vehicle") & (rows["animal"] == "A000")].assign(
        condition="psilocybin", session="A000_extra", anchor="A000.extra"
    )
    table = outcomes(pd.concat([rows, extra], ignore_index=True))
    table["value"] = noise(table)
    row = contrast(compare(table, plan(), metrics()).contrasts, "main")
    assert np.isfinite(row.p)
    assert "Kenward-Roger" in row.model


# --- order of the sessions -------------------------------------------------------------------


def test_an_unbalanced_order_is_adjusted_for_period():
    rows = grid(8, ("vehicle", "psilocybin", "ketamine"))
    kept = rows[~rows["animal"].isin(["A000", "A003"])]
    value = noise(kept) * 0.1 + 3.0 * kept["period"].to_numpy(dtype=float)
    table = outcomes(kept, value)
    conditions = (condition("vehicle", None), condition("psilocybin"), condition("ketamine"))
    found = compare(table, plan(conditions=conditions), metrics()).contrasts
    rows = found[(found["contrast"] == "main") & (found["condition"] == "psilocybin")]
    row = rows.iloc[0]
    means = table.groupby(["animal", "condition", "period"], as_index=False)["value"].mean()
    # every animal had every period, so its own mean carries all that lies between animals
    ols = sm.OLS.from_formula(
        "value ~ C(condition, Treatment('vehicle')) + C(period) + C(animal)",
        means.astype({"period": int}),
    ).fit()
    name = "C(condition, Treatment('vehicle'))[T.psilocybin]"
    assert "period" in row.model
    assert row.estimate == pytest.approx(ols.params[name], rel=1e-6)
    assert row.se == pytest.approx(ols.bse[name], rel=1e-5)
    assert row.df == pytest.approx(ols.df_resid, rel=1e-4)
    assert "adjusted for period" in row.note
    # within a session the period cancels: the difference of differences needs no adjustment
    difference = found[found["contrast"] == "difference_of_differences"]
    assert set(difference["model"]) == {"per-animal t"}


def test_a_balanced_order_needs_no_model():
    rows = grid(8)
    row = contrast(compare(outcomes(rows, noise(rows)), plan(), metrics()).contrasts, "main")
    assert row.model == "per-animal t"


# --- covariates ------------------------------------------------------------------------------


def with_baseline(rows, seed=5):
    rng = np.random.default_rng(seed)
    before = rng.normal(size=len(rows))
    value = 0.6 * before + rng.normal(size=len(rows)) * 0.5
    return outcomes(rows, value, baseline_value=before, baseline_rule="covariate")


def test_a_baseline_covariate_between_groups_is_the_analysis_of_covariance():
    rows = grid(8, drug="between", levels=("home_cage",))
    table = with_baseline(rows)
    one = plan(contexts=("home_cage",), questions=(question(levels=("home_cage",)),))
    row = contrast(compare(table, one, metrics()).contrasts, "simple", "home_cage")
    ols = sm.OLS.from_formula("value ~ C(condition, Treatment('vehicle')) + baseline_value", table)
    result = ols.fit()
    name = "C(condition, Treatment('vehicle'))[T.psilocybin]"
    assert row.estimate == pytest.approx(result.params[name], rel=1e-9)
    assert (row.se, row.df, row.p) == pytest.approx(
        (result.bse[name], result.df_resid, result.pvalues[name]), rel=1e-8
    )
    leave_out = [
        ols.from_formula(ols.formula, table.drop(index=i)).fit().params[name] for i in table.index
    ]
    assert (row.leave_one_out_low, row.leave_one_out_high) == pytest.approx(
        (min(leave_out), max(leave_out)), rel=1e-8
    )


def test_a_baseline_covariate_within_animals_uses_differences_only():
    rows = grid(9)
    table = with_baseline(rows)
    row = contrast(
        compare(table, plan(), metrics()).contrasts, "difference_of_differences", "open_field"
    )

    def score(name):
        values = table.pivot_table(index="animal", columns=["condition", "context"], values=name)
        effect = values["psilocybin"] - values["vehicle"]
        return effect["open_field"] - effect["home_cage"]

    result = sm.OLS(score("value"), sm.add_constant(score("baseline_value"))).fit()
    assert (row.estimate, row.se) == pytest.approx((result.params["const"], result.bse["const"]))
    assert row.df == 7


def speeds(table, value):
    rows = table.assign(outcome="speed", metric="speed", region="", value=value, domain="other")
    return pd.concat([table, rows], ignore_index=True)


def test_movement_is_a_labelled_sensitivity_beside_the_unadjusted_contrast():
    rows = grid(9)
    rng = np.random.default_rng(2)
    speed = rng.normal(10, 2, len(rows)) + 5 * (rows["condition"] == "psilocybin")
    table = speeds(outcomes(rows, 0.5 * speed + rng.normal(size=len(rows)) * 0.2), speed)
    found = compare(table, plan(), metrics(metric(), metric("speed"))).contrasts
    found = found[found["outcome"] == "power@mPFC"]
    plain, adjusted = contrast(found, "main"), contrast(found, "main_adjusted_for_movement")
    assert plain.ci_low > 1.5  # all of it movement
    assert adjusted.ci_low < 0 < adjusted.ci_high
    assert "sensitivity" in adjusted.note


def test_speeds_that_do_not_overlap_are_named():
    rows = grid(9)
    speed = noise(rows) * 0.1 + 50.0 * (rows["condition"] == "psilocybin")
    table = speeds(outcomes(rows, noise(rows, 8)), speed)
    found = compare(table, plan(), metrics(metric(), metric("speed"))).contrasts
    row = contrast(found[found["outcome"] == "power@mPFC"], "main_adjusted_for_movement")
    assert "do not overlap in home_cage" in row.note


def test_sex_is_adjusted_for_between_groups():
    rows = grid(8, drug="between")
    sex = np.where(rows["animal"].str[-1].astype(int) < 3, "F", "M")
    table = outcomes(rows, noise(rows) + 4.0 * (sex == "F"), sex=sex)
    found = compare(table, plan(), metrics()).contrasts
    assert contrast(found, "main_adjusted_for_sex").se < contrast(found, "main").se


def test_the_first_session_alone_is_shown_after_a_short_washout():
    rows = grid(8)
    late = rows["period"] == 2
    table = outcomes(rows, noise(rows), days_since_previous=np.where(late, 3.0, np.nan))
    result = compare(table, plan(), metrics())
    row = contrast(result.contrasts, "main_first_session_only")
    values = wide(table).T.groupby("condition").mean().T
    first = rows[rows["period"] == 1].drop_duplicates("animal").set_index("animal")["condition"]
    drugged = values.loc[first.index[first == "psilocybin"], "psilocybin"]
    plain = values.loc[first.index[first == "vehicle"], "vehicle"]
    assert row.estimate == pytest.approx(drugged.mean() - plain.mean())
    assert row.n_units == 8
    assert "3 days between sessions" in result.verdicts["note"].iloc[0]


# --- dose ------------------------------------------------------------------------------------


def dosed():
    doses = {"low": 0.5, "middle": 1.0, "high": 2.0}
    several = [condition(n, dose_mg_per_kg=d, drug="psilocybin") for n, d in doses.items()]
    return plan(
        contexts=PLACES,
        conditions=(condition("vehicle", None), *several),
        questions=(question(levels=PLACES),),
    )


@pytest.mark.parametrize("how", ["within", "between"])
def test_the_trend_is_the_slope_per_doubling_of_the_dose(how):
    rows = grid(6, ("vehicle", "low", "middle", "high"), PLACES, drug=how)
    doubling = rows["condition"].map({"vehicle": 5.0, "low": -1.0, "middle": 0.0, "high": 1.0})
    gain = np.where(rows["context"] == "open_field", 3.0, 1.0)
    table = outcomes(rows, doubling * gain + noise(rows) * 1e-3)
    found = compare(table, dosed(), metrics()).contrasts
    for level, reference_level, expected in (
        ("home_cage", "", 1.0),
        ("open_field", "", 3.0),
        ("", "", 2.0),
        ("open_field", "home_cage", 2.0),
    ):
        row = contrast(found, "trend", level, reference_level=reference_level)
        assert row.estimate == pytest.approx(expected, abs=0.01)
        assert row.condition == "psilocybin 0.5, 1, 2 mg/kg"
        assert row.n_animals == (6 if how == "within" else 12)  # the middle dose weighs nothing


def test_one_dose_has_no_trend():
    rows = grid(6)
    found = compare(outcomes(rows, noise(rows)), plan(), metrics()).contrasts
    assert not (found["contrast"] == "trend").any()


# --- across outcomes, and scales -------------------------------------------------------------


def test_the_false_discovery_rate_is_r_s_and_spares_primary_outcomes():
    gold = json.loads((GOLD / "p_adjust.json").read_text())
    shared = dict.fromkeys(
        ("domain", "phase", "split", "split_level", "modifier", "family", "condition", "step"), ""
    )
    rows = [shared | {"contrast": "omnibus", "priority": "secondary"} for _ in gold["p"]]
    rows.append(shared | {"contrast": "omnibus", "priority": "primary"})
    q, n = discoveries(np.array([*gold["p"], 1e-9]), rows)
    assert q[:-1] == pytest.approx(gold["BH"])
    assert np.isnan(q[-1])
    assert n.tolist() == [len(gold["p"])] * len(gold["p"]) + [0]


def test_a_reversal_is_marked_as_crossing():
    table = simulated(grid(8), drug(2.0, 2.0, -2.0), n_cohorts=3)
    assert compare(table, plan(), metrics()).verdicts["crossing"].tolist() == [True] * 3
    table = simulated(grid(8), drug(2.0, 2.0, 0.0), n_cohorts=3)
    assert compare(table, plan(), metrics()).verdicts["crossing"].tolist() == [False] * 3


def test_a_proportion_near_one_is_marked():
    rows = grid(8, levels=PLACES)
    share = np.where(rows["context"] == "open_field", 0.97, 0.6)
    table = outcomes(rows, noise(rows), scale="logit", other_scale="linear", value_other=share)
    found = compare(table, two_levels(), metrics(metric(scale="logit"))).verdicts["at_bounds"]
    assert found.tolist() == ["vehicle in open_field near the ceiling (mean 0.97)"]


def test_the_bayes_factor_counts_animals():
    additive = simulated(grid(8), drug(1.0, 1.0, 1.0), n_cohorts=40, sd_cell=0.5)
    changed = simulated(grid(8), drug(0.0, 0.0, 2.0), n_cohorts=40, sd_cell=0.5)
    odds = compare(additive, plan(), metrics()).verdicts["bf01_additive"]
    against = compare(changed, plan(), metrics()).verdicts["bf01_additive"]
    assert odds.median() > 1.5
    assert against.median() < 0.05


def test_a_primary_outcome_that_no_session_has_is_shown():
    rows = grid(8)
    its_plan = plan(primary=("power@mPFC", "coherence/theta"), smallest_effect={})
    its_plan = its_plan.model_copy(update={"smallest_effect": {"power": PlanBound(drug=1.0)}})
    found = compare(outcomes(rows, noise(rows)), its_plan, metrics()).verdicts
    row = found[found["outcome"] == "coherence/theta"].iloc[0]
    assert (row.verdict, row.priority) == ("inconclusive", "primary")
    assert "no session has a value" in row.why


def test_conditions_without_references_get_the_omnibus_only():
    rows = grid(8)
    blind = plan(conditions=(condition("A", None), condition("B", None)))
    rows["condition"] = rows["condition"].map({"vehicle": "A", "psilocybin": "B"})
    found = compare(outcomes(rows, noise(rows)), blind, metrics())
    assert set(found.contrasts["contrast"]) == {"omnibus"}
    assert found.verdicts.empty
    assert CONTEXTS[0] == omnibus(found.contrasts).reference_level


def test_a_crossing_that_missing_cells_made_useless_is_left_out_of_the_model():
    rows = grid(6, levels=PLACES)
    # only two animals keep both sessions of open_field
    keep = (rows["context"] == "home_cage") | rows["animal"].isin(["A000", "A001"])
    keep |= (rows["condition"] == "vehicle") & rows["animal"].isin(["A002"])
    table = outcomes(rows[keep], noise(rows[keep]))
    found = compare(table, two_levels(), metrics()).contrasts
    row = contrast(found, "simple", "open_field")
    assert np.isfinite(row.estimate)
    assert "fewer than 3 in a cell" in row.note


def test_cumulative_doses_are_compared_at_their_own_step():
    """Three doses after one another in the drug session, three saline doses in the other."""
    doses = {"low": 0.5, "middle": 1.0, "high": 2.0}
    parts = []
    for step, name in enumerate(doses, start=1):
        part = grid(7, ("vehicle", name), PLACES).assign(step=step)
        part["session"] = part["animal"] + np.where(part["condition"] == "vehicle", "_v", "_d")
        part["anchor"] = part["session"] + f".{step}"
        parts.append(part)
    rows = pd.concat(parts, ignore_index=True)
    doubling = rows["condition"].map({"vehicle": 0.0, "low": 1.0, "middle": 2.0, "high": 3.0})
    drift = 5.0 * rows["step"]  # what time does, with or without the drug
    found = compare(outcomes(rows, doubling + drift + noise(rows) * 1e-3), dosed(), metrics())
    row = contrast(found.contrasts, "trend", "")
    assert row.condition == "psilocybin 0.5, 1, 2 mg/kg, cumulative"
    assert row.estimate == pytest.approx(1.0, abs=0.01)
    assert row.n_animals == 7


def test_another_modifier_is_asked_in_each_context_too():
    levels = ("home", "enriched")
    at_home = grid(6, levels=levels, modifier="between", column="dosing_context")
    rows = pd.concat([at_home.assign(context=x) for x in PLACES], ignore_index=True)
    changed = (rows["dosing_context"] == "enriched") & (rows["context"] == "open_field")
    value = 2.0 * (changed & (rows["condition"] == "psilocybin")) + noise(rows) * 0.1
    its_plan = plan(contexts=PLACES, questions=(question("dosing_context", levels),))
    found = compare(outcomes(rows, value), its_plan, metrics()).contrasts
    kind = "difference_of_differences_in_context"
    per_context = found[found["contrast"] == kind].set_index("term")["estimate"]
    assert per_context["open_field"] == pytest.approx(2.0, abs=0.3)
    assert per_context["home_cage"] == pytest.approx(0.0, abs=0.3)
    whole = contrast(found, "difference_of_differences", "enriched")
    assert whole.estimate == pytest.approx(per_context.mean())


def test_the_omnibus_is_adjusted_for_period_where_the_order_is_not_balanced():
    rows = grid(7, ("vehicle", "psilocybin", "ketamine"))
    table = outcomes(rows, noise(rows) * 0.1 + 2.0 * rows["period"])
    conditions = (condition("vehicle", None), condition("psilocybin"), condition("ketamine"))
    found = compare(table, plan(conditions=conditions), metrics()).contrasts
    row = omnibus(found, "condition")
    means = table.groupby(["animal", "condition", "period"], as_index=False)["value"].mean()
    ols = sm.OLS.from_formula(
        "value ~ C(condition, Sum) + C(period) + C(animal)", means.astype({"period": int})
    ).fit()
    expected = sm.stats.anova_lm(ols, typ=3).loc["C(condition, Sum)"]
    assert "period" in row.model
    assert (row.statistic, row.p) == pytest.approx((expected["F"], expected["PR(>F)"]), rel=1e-4)


# --- what a reviewer would try ---------------------------------------------------------------


def test_missing_cells_and_order_together_do_not_make_a_drug_effect():
    """Four complete animals in a balanced order; eight, vehicle first, lack a cell each."""
    rows = grid(12)
    late = rows["animal"].str[-2:].astype(int) >= 4
    first = rows["condition"] == "vehicle"
    rows.loc[late, "period"] = np.where(first[late], 1, 2)
    gone = late & (rows["condition"] == "psilocybin")
    gone &= rows["context"] == rows["animal"].str[-2:].astype(int).map(lambda n: CONTEXTS[n % 3])
    kept = rows[~gone].reset_index(drop=True)
    table = outcomes(kept, 2.0 * kept["period"] + noise(kept) * 0.05)
    found = compare(table, plan(), metrics())
    row = contrast(found.contrasts, "main")
    simple = found.contrasts[found.contrasts["contrast"] == "simple"]["estimate"]
    assert row.ci_low < 0 < row.ci_high
    assert row.estimate == pytest.approx(simple.mean(), abs=0.1)


def test_a_covariate_does_not_switch_the_period_off():
    rows = grid(8)
    flipped = rows["animal"].isin(["A000", "A002", "A004"])
    rows.loc[flipped, "period"] = 3 - rows.loc[flipped, "period"]
    before = noise(rows, 9)
    table = outcomes(
        rows,
        before + 2.0 * rows["period"] + noise(rows) * 0.05,
        baseline_value=before,
        baseline_rule="covariate",
    )
    row = contrast(compare(table, plan(), metrics()).contrasts, "main")
    assert "period" in row.model and "baseline" in row.model
    assert row.ci_low < 0 < row.ci_high


def test_differences_between_animals_in_the_baseline_do_not_leak_into_effects_within():
    """Between animals baseline and value go together, within them they do not."""
    rejected = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        rows = grid(8)
        level = pd.Series(rng.normal(size=8), index=sorted(set(rows["animal"])))
        own = rows["animal"].map(level).to_numpy()
        before = own + np.where(rows["condition"] == "vehicle", 0.0, 1.0)
        before = before + rng.normal(size=len(rows)) * 0.2
        table = outcomes(
            rows,
            own + rng.normal(size=len(rows)) * 0.2,
            baseline_value=before,
            baseline_rule="covariate",
        )
        rejected += omnibus(compare(table, plan(), metrics()).contrasts, "condition").p < 0.05
    assert rejected <= 6  # one in a thousand at 5 %


def test_vehicle_first_with_one_replicate_is_no_drug_effect():
    """One animal has a second vehicle session at the end; habituation after the first visit."""
    rows = grid(8, doses="vehicle first")
    again = rows[(rows["animal"] == "A000") & (rows["condition"] == "vehicle")].assign(
        session="A000_again", anchor="A000.again", period=3
    )
    rows = pd.concat([rows, again], ignore_index=True)
    value = np.where(rows["period"] > 1, 2.0, 0.0) + noise(rows) * 0.1
    verdict = compare(outcomes(rows, value), plan(), metrics()).verdicts.iloc[0]
    assert verdict.verdict in ("inconclusive", "no drug effect")


def test_a_cage_whose_mates_lack_sessions_keeps_its_composition():
    rows = grid(16)
    rows["cage"] = rows["animal"].str[-2:].astype(int).floordiv(2).astype(str)
    tall = rows["animal"].str[-1].astype(int) % 2 == 0
    gone = tall & (rows["condition"] == "psilocybin") & rows["cage"].isin(list("012345"))
    kept = rows[~gone].reset_index(drop=True)
    tall = kept["animal"].str[-1].astype(int) % 2 == 0
    table = outcomes(kept, 5.0 * tall + noise(kept) * 0.1)
    row = contrast(compare(table, plan(unit="cage"), metrics()).contrasts, "main")
    assert abs(row.estimate) < 0.3


def test_doses_that_always_rise_have_no_trend_of_their_own():
    rows = grid(8, ("vehicle", "low", "middle", "high"), PLACES, doses="fixed")
    table = outcomes(rows, -1.0 * rows["period"] + noise(rows) * 0.1)
    row = contrast(compare(table, dosed(), metrics()).contrasts, "trend")
    assert np.isnan(row.p)
    assert "order of the sessions" in row.note


def test_a_trend_keeps_animals_that_lack_a_dose_and_the_covariate():
    rows = grid(8, ("vehicle", "low", "middle", "high"), PLACES)
    kept = rows[~((rows["animal"] == "A000") & (rows["condition"] == "low"))]
    doubling = kept["condition"].map({"vehicle": 5.0, "low": -1.0, "middle": 0.0, "high": 1.0})
    row = contrast(
        compare(outcomes(kept, doubling + noise(kept) * 1e-3), dosed(), metrics()).contrasts,
        "trend",
    )
    assert row.estimate == pytest.approx(1.0, abs=0.01)
    assert "Kenward-Roger" in row.model
    table = with_baseline(grid(6, ("vehicle", "low", "middle", "high"), PLACES, drug="between"))
    row = contrast(compare(table, dosed(), metrics()).contrasts, "trend")
    assert "baseline" in row.model


def test_sensitivities_keep_the_covariate_of_the_planned_contrast():
    rows = grid(9)
    before = noise(rows, 4) * 3
    value = before + np.where(rows["condition"] == "vehicle", 0.0, 2.0) + noise(rows) * 0.1
    table = outcomes(rows, value, baseline_value=before, baseline_rule="covariate")
    table = speeds(table, noise(rows, 7))
    found = compare(table, plan(), metrics(metric(), metric("speed"))).contrasts
    row = contrast(found[found["outcome"] == "power@mPFC"], "main_adjusted_for_movement")
    assert row.estimate == pytest.approx(2.0, abs=0.3)
    assert row.ci_low > 0


@pytest.mark.parametrize("column", ["dosing_context", "stage"])
def test_drug_and_circumstances_that_go_together_are_confounded(column):
    rows = grid(8)
    rows[column] = np.where(rows["condition"] == "vehicle", "home", "enriched")
    found = compare(outcomes(rows, noise(rows)), plan(), metrics()).verdicts
    assert f"drug and {column} cannot be separated" in found["why"].iloc[0]


def test_an_unknown_order_is_remarked_upon():
    rows = grid(8).assign(period=pd.NA)
    found = compare(outcomes(rows, noise(rows)), plan(), metrics()).verdicts
    assert "order of the sessions unknown" in found["note"].iloc[0]


def test_what_is_too_sparse_is_not_tested():
    """Whatever is missing, no test has fewer than one degree of freedom or a negative F."""
    for seed in range(25):
        rng = np.random.default_rng(seed)
        rows = grid(8)
        kept = rows[rng.random(len(rows)) > 0.4]
        found = compare(outcomes(kept, noise(kept, seed)), plan(), metrics()).contrasts
        tested = found[np.isfinite(found["p"])]
        assert (tested["df"] >= 1).all()
        assert (tested.loc[tested["contrast"] == "omnibus", "statistic"] >= 0).all()
        assert (found.loc[~np.isfinite(found["p"]), "note"] != "").all()


def test_a_search_that_ends_at_the_edge_stops_no_cohort(monkeypatch):
    """Five animals, six of thirty cells gone: the way without bounds leads to the edge.

    Whether rounding makes the information negative there is chance, so that it is made so.
    """
    nan = np.nan
    values = np.array(
        [
            [
                [1.2591830806667792, 1.000308647888542, nan],
                [nan, 2.339895100526359, nan],
                [0.7410393796709245, nan, 1.340037908148514],
                [0.33969070217900593, 0.5941819819926457, nan],
                [0.6094840573431837, 1.2773328129248265, 1.1029450317558542],
            ],
            [
                [-0.30283598777638565, 0.9038735076746301, 1.032986610873386],
                [0.6467645073487194, 1.0144183286735402, 0.4422851746242121],
                [-1.0360647651690622, 0.5796565633539451, 0.3770628135007251],
                [-0.1470792610352678, -0.3890326745650058, 0.5386563345157879],
                [-0.1473982015972993, nan, -0.03434694826697578],
            ],
        ]
    )
    taken, step = [], mixed_search._step

    def to_the_edge(*args, nonnegative, **options):
        taken.append(nonnegative)
        if not nonnegative and len(taken) > 3:
            raise np.linalg.LinAlgError("the information is not positive")
        return step(*args, nonnegative=nonnegative, **options)

    monkeypatch.setattr(mixed_search, "_step", to_the_edge)
    model = fit_cells(values)
    assert taken[:4] == [False] * 4 and taken[4:] and all(taken[4:])
    assert model.fit.fell_back
    assert np.isfinite(contrast_of(model, np.array([[1.0, 0, 0], [-1, 0, 0]]), alpha=0.05).p)


def test_levels_that_vary_unequally_put_a_note_on_the_omnibus():
    rows = grid(12)
    loud = np.where(rows["context"] == "open_field", 6.0, 1.0)
    row = omnibus(compare(outcomes(rows, noise(rows) * loud), plan(), metrics()).contrasts)
    assert "vary unequally" in row.note
    # spreads of 1, 1 and 2 by construction: each level against the mean of the others
    left = np.zeros((2, 6, 3))
    left[0], left[1] = 1.0, -1.0
    sign = np.array([1, -1, 1, -1, 1, -1.0])[None, :, None]
    ratio = unequal_spread(left * sign * np.array([0.0, 0.0, 3.0]))
    assert ratio == pytest.approx(2.0)
    assert np.isnan(unequal_spread(np.zeros((2, 3, 3))))
