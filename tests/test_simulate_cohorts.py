"""Simulated cohorts have the design, the truth and the variances that they are declared with."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.simulate.cohort_designs import CONTEXTS, DESIGNS, SAMPLE, SIZES, WITHIN, Variances
from pipeline.simulate.cohorts import begun_with, layout, simulate_cohorts

N_COHORTS = 1500


def simulated(design, n=6, truth="process", *, n_cohorts=N_COHORTS, seed=5):
    design = DESIGNS[design] if isinstance(design, str) else design
    rng = np.random.default_rng(seed)
    return simulate_cohorts(design, n, design.truth(truth), n_cohorts=n_cohorts, rng=rng)


def cells(table, value="value"):
    """Values (cohort x animal, condition x context)."""
    return table.pivot_table(
        index=["cohort", "animal"], columns=["condition", "context"], values=value
    )


def close(observed, variance, n):
    """A sample variance of n normal scores lies within four standard errors of the true one."""
    assert observed == pytest.approx(variance, abs=4 * variance * math.sqrt(2 / n))


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("n", [5, 12])
def test_every_group_has_its_animals_and_every_animal_its_cells(name, n):
    design = DESIGNS[name]
    rows = layout(design, n)
    n_conditions = 1 if design.drug == "between" else len(design.conditions)
    n_contexts = 1 if design.modifier == "between" else 3
    assert (rows.groupby("animal").size() == n_conditions * n_contexts).all()
    per_cell = rows.groupby(["condition", "context"])["animal"].nunique()
    assert len(per_cell) == 3 * len(design.conditions)
    assert (per_cell == begun_with(design, n) * design.mates).all()
    if design.mates > 1:
        assert (rows.groupby(["condition", "context"])["cage"].nunique() == n).all()
    assert not rows.duplicated(["animal", "condition", "context"]).any()
    assert not rows.duplicated(["session", "since_dose_s"]).any()


def test_crossovers_are_williams_squares():
    rows = layout(WITHIN, 8).drop_duplicates("session").sort_values(["animal", "period"])
    assert (rows.groupby(["condition", "period"]).size() == 2).all()
    before = rows.groupby("animal")["condition"].shift()
    pairs = rows.assign(before=before).dropna().groupby(["before", "condition"]).size()
    assert len(pairs) == 12
    assert (pairs == 2).all()


def test_contexts_are_counterbalanced_or_fixed():
    for n in SIZES:
        drug = layout(WITHIN, n).query("condition == 'drug_a'")
        assert (drug.groupby("context")["since_dose_s"].nunique() == 3).all()
    fixed = layout(DESIGNS["within_fixed_contexts"], 5)
    assert (fixed.groupby("context")["since_dose_s"].nunique() == 1).all()
    assert fixed.groupby("context", sort=False)["since_dose_s"].first().is_monotonic_increasing


@pytest.mark.parametrize("truth", ["pill", "none", "process"])
def test_effects_are_the_true_ones(truth):
    table = simulated("within", truth=truth)
    mean = cells(table).mean()
    effect = (mean["drug_b"] - mean["vehicle"]).reindex(CONTEXTS)
    se = math.sqrt(2 * (0.05 + 0.10 + 0.035) / (6 * N_COHORTS))
    assert effect.to_numpy() == pytest.approx(WITHIN.truth(truth).effect, abs=4 * se)


def scores(table, name):
    wide = cells(table)
    drug = next(name for name in wide.columns.levels[0] if name != "vehicle")
    simple = wide[drug] - wide["vehicle"]
    if name == "simple":
        return simple[CONTEXTS[-1]]
    if name == "main":
        return simple.mean(axis=1)
    return simple[CONTEXTS[-1]] - simple[CONTEXTS[0]]


@pytest.mark.parametrize(
    ("design", "kind", "variance"),
    [
        # W of the reference simulations: animal:drug .05, animal:drug:context .10, unit .70 / 20
        ("within", "difference", 4 * (0.10 + 0.035)),
        ("within", "simple", 2 * (0.05 + 0.10 + 0.035)),
        ("within", "main", 2 * (0.05 + (0.10 + 0.035) / 3)),
        ("within_heterogeneous", "difference", 2 * (0.60 + 0.035) + 2 * (0.10 + 0.035)),
        ("within_no_crossing_variance", "difference", 4 * 0.035),
        ("within_no_crossing_variance", "simple", 2 * 0.035),
    ],
)
def test_contrasts_of_crossovers_vary_as_declared(design, kind, variance):
    values = scores(simulated(design), kind)
    close(values.var(), variance, len(values))


def test_parallel_groups_vary_as_declared():
    wide = cells(simulated("drug_between"))
    change = wide["drug"][CONTEXTS[-1]] - wide["drug"][CONTEXTS[0]]
    close(change.dropna().var(), 2 * (0.15 + 0.035), change.count())
    alone = simulated("both_between").query("condition == 'drug' and context == 'open_field'")
    close(alone["value"].var(), 0.15 + 0.15 + 0.035, len(alone))


def test_cage_means_vary_as_declared():
    table = simulated("cage", n=5)
    assert set(table.groupby(["cohort", "cage"])["animal"].nunique()) == {3}
    cage = table.groupby(["cohort", "cage", "context"])["value"].mean().unstack()
    change = cage[CONTEXTS[-1]] - cage[CONTEXTS[0]]
    drug = change[change.index.get_level_values("cage").str.startswith("c1")]
    close(drug.var(), 2 * (0.10 + (0.10 + 0.035) / 3), len(drug))


def test_a_change_is_free_of_the_session_and_carries_two_errors():
    table = simulated("within_change")
    raw = cells(table)
    change = cells(table.assign(value=table["value"] - table["baseline_value"]))
    vehicle = ("vehicle", CONTEXTS[0])
    close(raw[vehicle].var(), 0.10 + 0.05 + 0.05 + 0.10 + 0.30 + 0.035, len(raw))
    close(change[vehicle].var(), 0.05 + 2 * (0.10 + 0.035), len(change))


def test_a_baseline_predicts_its_value_with_a_slope_below_one():
    table = simulated("drug_between_covariate").query("condition == 'vehicle'")
    one = table[table["context"] == CONTEXTS[0]]
    slope = np.polyfit(one["baseline_value"], one["value"], 1)[0]
    shared, own = 0.60 + 0.15, 0.10 + 0.035
    assert slope == pytest.approx(shared / (shared + own), abs=0.02)


def test_a_fifth_of_the_cells_is_missing_anywhere():
    table = simulated("within_missing", n=5, n_cohorts=400)
    assert (table.groupby("cohort").size() == 48).all()
    per_cell = table.groupby(["condition", "context"]).size() / 400 / 5
    assert per_cell.to_numpy() == pytest.approx(0.8, abs=0.05)
    assert table.groupby(["condition", "context", "animal"]).size().min() > 280


def test_units_are_two_to_sixty():
    units = simulated("within_unequal_units", n_cohorts=300)["n_units"]
    assert (units.min(), units.max()) == (2, 60)
    assert np.log(units).median() == pytest.approx(np.log(math.sqrt(2 * 61)), abs=0.1)


def test_few_units_are_noisy():
    table = simulated("within_unequal_units", truth="none")
    context = (table["context"] == CONTEXTS[0]) & (table["condition"] == "vehicle")
    few = table[context & (table["n_units"] <= 3)]["value"]
    many = table[context & (table["n_units"] >= 30)]["value"]
    assert few.var() - many.var() == pytest.approx(0.7 * (1 / 2.4 - 1 / 43), rel=0.35)


@pytest.mark.parametrize(("n", "begun"), [(5, 8), (6, 8), (8, 12), (12, 16)])
def test_animals_are_lost_at_random_from_a_balanced_order(n, begun):
    design = DESIGNS["within_order_unbalanced"]
    assert begun_with(design, n) == begun
    table = simulated(design, n, n_cohorts=300)
    assert (table.groupby("cohort")["animal"].nunique() == n).all()
    assert table["animal"].nunique() == begun
    assert table.groupby("animal")["cohort"].nunique().min() > 0.7 * 300 * n / begun


def test_periods_drift():
    table = simulated("within_order_unbalanced", truth="none")
    mean = table.groupby("period")["value"].mean()
    assert np.diff(mean.to_numpy()) == pytest.approx(0.2, abs=0.05)


def test_a_fading_drug_fades_with_its_half_life():
    design = DESIGNS["within_fixed_contexts"]
    mean = cells(simulated(design, truth="fading")).mean()
    effect = (mean["drug_a"] - mean["vehicle"]).reindex(CONTEXTS).to_numpy()
    assert effect == pytest.approx(2.0 * 0.5 ** (np.array([600, 1800, 3000]) / 2700), abs=0.03)


def test_the_sample_cohorts_scatter_as_the_sample():
    # 0.1 dB of the band and 0.1 dB of the region between animals; theta is 4 Hz wide, 180 s long
    error = (10 / math.log(10)) ** 2 / (4 * 180)
    assert SAMPLE.variances == Variances(
        animal_drug_context=pytest.approx(0.02), unit=pytest.approx(2 * error)
    )
    assert SAMPLE.truth("process").effect == (0.0, 0.0, -2.5)
    assert SAMPLE.truth("pill").effect == (3.0, 3.0, 3.0)
    assert SAMPLE.sizes == (8,)


def test_a_seed_gives_its_numbers_and_only_those():
    first, again = simulated("within", n_cohorts=3), simulated("within", n_cohorts=3)
    pd.testing.assert_frame_equal(first, again)
    other = simulated("within", n_cohorts=3, seed=6)
    assert not np.isclose(first["value"], other["value"]).any()


def test_a_design_without_baseline_has_none():
    assert simulated("within", n_cohorts=2)["baseline_value"].isna().all()
    with_baseline = replace(WITHIN, baseline="covariate")
    assert simulated(with_baseline, n_cohorts=2)["baseline_value"].notna().all()
