"""Cluster permutation: agreement with enumeration, gaps, floors, levels and power, tables."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from cohorts import CONTEXTS, PLACES, condition, grid, outcomes, plan, two_levels
from scipy import stats

from pipeline.compare import clusters
from pipeline.compare.clusters import cluster_test, floor_of, welch
from pipeline.compare.curve_tables import CLUSTERS, CURVE_MEANS, CURVE_UNITS
from pipeline.compare.curves import compare_curves

N_POINTS = 60


def smooth(curves, width=5):
    """White noise to noise whose neighbours resemble each other, as in a spectrum."""
    kernel = np.ones(width) / math.sqrt(width)
    return np.apply_along_axis(np.convolve, -1, curves, kernel, "same")


def noise(rng, *shape):
    return smooth(rng.normal(size=(*shape, N_POINTS)))


# ------------------------------------------------------------------------------------ by hand


def largest_mass(t, threshold):
    """Largest |sum of t| over a run of points of one sign beyond the threshold."""
    best = 0.0
    for sign in (1, -1):
        run = 0.0
        for value in sign * t:
            run = run + value if value > threshold else 0.0
            best = max(best, run)
    return best


def one_sample_t(curves):
    return stats.ttest_1samp(curves, 0).statistic


@pytest.mark.parametrize("seed", range(6))
def test_sign_flips_agree_with_enumeration(seed):
    curves = noise(np.random.default_rng(seed), 6) + 0.4
    found = cluster_test([curves], seed=0)
    assert found.threshold == pytest.approx(stats.t.isf(0.025, 5))
    flips = np.array(list(itertools.product((1, -1), repeat=6)))
    null = [largest_mass(one_sample_t(f[:, None] * curves), found.threshold) for f in flips]
    observed = largest_mass(one_sample_t(curves), found.threshold)
    assert found.p == pytest.approx(np.mean(np.array(null) >= observed - 1e-9))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("seed", range(3))
def test_relabelling_agrees_with_enumeration_whatever_the_sign(seed, sign):
    """Negative clusters are compared with the largest of either sign, as positive ones are."""
    rng = np.random.default_rng(seed)
    one, other = noise(rng, 5) + 0.8 * sign, noise(rng, 5)
    found = cluster_test([one, other], seed=0)
    both = np.vstack([one, other])
    null = []
    for chosen in itertools.combinations(range(10), 5):
        first = np.isin(np.arange(10), chosen)
        null.append(largest_mass(welch(both[first], both[~first]), found.threshold))
    observed = largest_mass(welch(one, other), found.threshold)
    exact = np.mean(np.array(null) >= observed - 1e-9)
    error = math.sqrt(exact * (1 - exact) / clusters.N_RANDOM)
    assert found.p == pytest.approx(exact, abs=4 * error + 1e-3)


def test_welch_is_that_of_scipy():
    rng = np.random.default_rng(0)
    one, other = noise(rng, 7), 2 * noise(rng, 5)
    expected = stats.ttest_ind(one, other, equal_var=False).statistic
    assert welch(one, other) == pytest.approx(expected)


def test_a_cluster_is_described():
    rng = np.random.default_rng(2)
    curves = 0.1 * noise(rng, 8)
    curves[:, 20:30] += 2.0
    curves[:, 40:46] -= 1.0
    up, down = [c for c in cluster_test([curves], seed=0).clusters if c.p < 0.05]
    assert up.first <= 20 and up.last >= 29 and up.mass > 0
    assert down.first <= 40 and down.last >= 45 and down.mass < 0
    assert up.estimate == pytest.approx(curves[:, up.first : up.last + 1].mean())
    assert up.p == 2 / 2**8


def test_the_second_group_is_subtracted():
    rng = np.random.default_rng(2)
    one, other = 0.1 * noise(rng, 6), 0.1 * noise(rng, 6)
    one[:, 20:30] += 2.0
    best = min(cluster_test([one, other], seed=0).clusters, key=lambda c: c.p)
    worst = min(cluster_test([other, one], seed=0).clusters, key=lambda c: c.p)
    assert best.estimate > 1 and best.mass > 0
    assert worst.estimate == pytest.approx(-best.estimate)
    assert worst.mass == pytest.approx(-best.mass)


# ----------------------------------------------------------------------------- gaps and limits


def test_no_cluster_reaches_across_the_mains():
    rng = np.random.default_rng(1)
    curves = 0.1 * noise(rng, 8) + 1.0
    whole = cluster_test([curves], seed=0)
    assert [(c.first, c.last) for c in whole.clusters] == [(0, N_POINTS - 1)]
    curves[:, 29:32] = np.nan
    found = cluster_test([curves], seed=0)
    assert [(c.first, c.last) for c in found.clusters] == [(0, 28), (32, N_POINTS - 1)]
    assert (~found.used).nonzero()[0].tolist() == [29, 30, 31]
    two = cluster_test([curves, curves - 1 + 0.1 * noise(rng, 8)], seed=0)
    assert [(c.first, c.last) for c in two.clusters] == [(0, 28), (32, N_POINTS - 1)]


def test_a_point_that_one_animal_lacks_is_left_out():
    curves = noise(np.random.default_rng(1), 8)
    curves[3, 50:] = np.nan
    assert cluster_test([curves], seed=0).used.sum() == 50


def test_floors():
    assert floor_of([6]) == 2 / 2**6
    assert floor_of([12]) == 2 / 2**12
    assert floor_of([20]) == 1 / clusters.N_RANDOM
    assert floor_of([5, 5]) == 2 / math.comb(10, 5)
    assert floor_of([5, 6]) == 1 / math.comb(11, 5)
    assert floor_of([10, 10]) == 1 / clusters.N_RANDOM


def test_refused_below_five_animals_or_without_variation():
    rng = np.random.default_rng(0)
    for groups in ([noise(rng, 4)], [noise(rng, 8), noise(rng, 4)]):
        found = cluster_test(groups, seed=0)
        assert "fewer than 5 animals" in found.problem
        assert np.isnan(found.p) and np.isnan(found.floor) and found.clusters == ()
    assert "varies" in cluster_test([np.ones((8, N_POINTS))], seed=0).problem
    assert "varies" in cluster_test([np.full((8, N_POINTS), np.nan)], seed=0).problem
    with pytest.raises(ValueError, match="one or two arrays"):
        cluster_test([], seed=0)
    with pytest.raises(ValueError, match="one length"):
        cluster_test([np.ones((8, 3)), np.ones((8, 4))], seed=0)


def test_same_seed_same_p():
    rng = np.random.default_rng(0)
    one, other = noise(rng, 9) + 0.3, noise(rng, 9)
    assert cluster_test([one, other], seed=1).p == cluster_test([one, other], seed=1).p
    many = noise(rng, 20) + 0.2
    assert cluster_test([many], seed=1).p == cluster_test([many], seed=1).p


def test_a_time_course_is_a_curve_like_any_other():
    """Power in 5 s steps after the dose: a response from 100 to 200 s that fades."""
    rng = np.random.default_rng(4)
    time_s = np.arange(0, 300, 5.0)
    response = np.where((time_s >= 100) & (time_s < 200), 2 * np.exp(-(time_s - 100) / 200), 0)
    curves = response * rng.normal(1, 0.2, (8, 1)) + 0.5 * smooth(rng.normal(size=(8, 60)))
    found = min(cluster_test([curves], seed=0).clusters, key=lambda cluster: cluster.p)
    assert found.p < 0.05
    assert time_s[found.first] == pytest.approx(100, abs=15)
    assert time_s[found.last] == pytest.approx(195, abs=15)


# ------------------------------------------------------------------------------- calibration


@pytest.fixture
def few_random(monkeypatch):
    """Fewer random permutations: coarser p values, the same level (5 of 101 lie below 0.05)."""
    monkeypatch.setattr(clusters, "N_RANDOM", 101)


def rejected(make, n_cohorts, seed=0):
    rng = np.random.default_rng(seed)
    return np.mean([cluster_test(make(rng), seed=i).p < 0.05 for i in range(n_cohorts)])


def test_channels_as_observations_reject_nearly_every_true_null(few_random):
    """8 animals x 16 channels: what the channels of an animal share is no evidence."""

    def make(rng, *, averaged):
        channels = noise(rng, 8, 1) + 0.5 * noise(rng, 8, 16)
        return [channels.mean(axis=1) if averaged else channels.reshape(-1, N_POINTS)]

    assert rejected(lambda rng: make(rng, averaged=False), 20) > 0.8
    assert rejected(lambda rng: make(rng, averaged=True), 200) < 0.09


def test_two_groups_keep_the_level(few_random):
    """Unequal variances, too: 6 and 8 animals, the smaller group twice as variable."""
    assert rejected(lambda rng: [noise(rng, 7), noise(rng, 7)], 200) < 0.09
    assert rejected(lambda rng: [2 * noise(rng, 6), noise(rng, 8)], 200, seed=1) < 0.1


def test_an_effect_in_a_band_is_found(few_random):
    def band(rng, n, effect):
        curves = noise(rng, n)
        curves[:, 20:30] += effect
        return curves

    assert rejected(lambda rng: [band(rng, 8, 1.5)], 40) > 0.7
    assert rejected(lambda rng: [band(rng, 8, 0), band(rng, 8, 2.2)], 40) > 0.7


# -------------------------------------------------------------------------------------- tables

AXIS = np.arange(1.0, 41.0)
#: what is not there, as near the mains
MAINS = (30.0, 31.0)
THETA = (AXIS >= 6) & (AXIS <= 10)


def spectra_of(rows, effect, *, seed=0, sd=0.3, column="context", **columns):
    """Outcomes along AXIS: noise per animal and cell, plus effect(condition, level) in theta."""
    rng = np.random.default_rng(seed)
    animal = pd.factorize(rows["animal"])[0]
    values = rng.normal(size=(animal.max() + 1, len(AXIS)))[animal]
    values = values + sd * smooth(rng.normal(size=(len(rows), len(AXIS))))
    for index, row in enumerate(rows.to_dict("records")):
        values[index, THETA] += effect(row["condition"], row[column])
    kept = [index for index, hz in enumerate(AXIS) if hz not in MAINS]
    tables = [
        outcomes(rows, values[:, index], band=f"{AXIS[index]:g}", metric="spectrum", **columns)
        for index in kept
    ]
    return pd.concat(tables, ignore_index=True), values


def only_in_open_field(name, level):
    return 2.0 if name == "psilocybin" and level == "open_field" else 0.0


def curves_of(table, the_plan):
    return compare_curves(table, the_plan, axis=AXIS, points="frequencies")


def best(table, contrast, level):
    rows = table[(table["contrast"] == contrast) & (table["level"] == level)]
    rows = rows[rows["family"] != "carry_over"]
    return rows.sort_values("p").iloc[0]


def test_crossover_by_table():
    rows = grid(8)
    table, values = spectra_of(rows, only_in_open_field)
    found = curves_of(table, plan())
    for name, columns in (("means", CURVE_MEANS), ("units", CURVE_UNITS), ("clusters", CLUSTERS)):
        part = getattr(found, name)
        assert {k: str(v) for k, v in part.dtypes.items()} == dict(columns)
    assert set(found.clusters["contrast"]) == {"simple", "difference_of_differences"}
    effect = best(found.clusters, "simple", "open_field")
    assert (effect["start"], effect["stop"]) == pytest.approx((6, 10), abs=2)
    assert effect["estimate"] == pytest.approx(2, abs=0.5)
    assert effect["p"] == effect["floor"] == 2 / 2**8
    assert effect["n_animals"] == effect["n_units"] == 8
    assert (effect["from"], effect["to"]) == (1, 40)
    assert "its edges are not significant frequencies" in effect["note"]
    interaction = best(found.clusters, "difference_of_differences", "open_field")
    assert interaction["p"] < 0.05 and interaction["reference_level"] == "home_cage"
    assert not (best(found.clusters, "simple", "home_cage")["p"] < 0.05)
    assert not (best(found.clusters, "difference_of_differences", "set_shifting")["p"] < 0.05)
    # the mean of a cell and its interval are those of its animals
    cell = (rows["condition"] == "psilocybin") & (rows["context"] == "open_field")
    line = found.means[
        (found.means["condition"] == "psilocybin")
        & (found.means["level"] == "open_field")
        & (found.means["axis"] == 8)
    ].iloc[0]
    animals = values[cell.to_numpy(), 7]
    interval = stats.t.interval(0.95, 7, animals.mean(), stats.sem(animals))
    assert line["mean"] == pytest.approx(animals.mean())
    assert (line["ci_low"], line["ci_high"]) == pytest.approx(interval)
    assert not set(found.means["axis"]) & set(MAINS)


def test_no_cluster_of_a_table_crosses_the_mains():
    """An effect at all frequencies: two clusters, below and above the mains."""
    rows = grid(8, levels=PLACES)
    table, _ = spectra_of(rows, lambda name, level: 0.0)
    table.loc[table["condition"] == "psilocybin", "value"] += 3
    found = curves_of(table, two_levels()).clusters
    found = found[(found["contrast"] == "simple") & (found["level"] == "home_cage")]
    assert list(zip(found["start"], found["stop"], strict=True)) == [(1, 29), (32, 40)]


def test_drug_between_animals():
    rows = grid(6, levels=PLACES, drug="between")
    table, _ = spectra_of(rows, lambda n, x: 4 * only_in_open_field(n, x))
    found = curves_of(table, two_levels()).clusters
    effect = best(found, "simple", "open_field")
    assert effect["estimate"] > 4 and effect["p"] < 0.05
    assert (effect["n_units"], effect["n_smallest_group"]) == (12, 6)
    interaction = best(found, "difference_of_differences", "open_field")
    assert interaction["estimate"] == pytest.approx(8, abs=1) and interaction["p"] < 0.05


def test_modifier_between_animals():
    rows = grid(6, levels=PLACES, modifier="between")
    table, _ = spectra_of(rows, only_in_open_field)
    found = curves_of(table, two_levels()).clusters
    interaction = best(found, "difference_of_differences", "open_field")
    assert interaction["estimate"] == pytest.approx(2, abs=0.5) and interaction["p"] < 0.05
    assert interaction["n_smallest_group"] == 6


def test_both_between_animals_is_not_tested():
    rows = grid(6, levels=PLACES, drug="between", modifier="between")
    table, _ = spectra_of(rows, only_in_open_field)
    found = curves_of(table, two_levels()).clusters
    (row,) = found[found["contrast"] == "difference_of_differences"].to_dict("records")
    assert np.isnan(row["test_p"]) and "both vary between animals" in row["note"]


def test_contexts_are_averaged_for_another_modifier():
    rows = grid(6, levels=("F", "M"), modifier="between", column="sex")
    rows = pd.concat([rows.assign(context=name) for name in PLACES], ignore_index=True)
    table, values = spectra_of(rows, lambda n, x: 3.0 * (n == "psilocybin"), column="sex")
    found = curves_of(table, two_levels("sex", levels=("F", "M")))
    effect = best(found.clusters, "simple", "F")
    assert "mean over contexts: home_cage, open_field" in effect["note"]
    assert effect["n_units"] == 6 and effect["p"] <= 0.05
    cell = ((rows["condition"] == "vehicle") & (rows["sex"] == "F")).to_numpy()
    line = found.means[(found.means["condition"] == "vehicle") & (found.means["level"] == "F")]
    assert line.set_index("axis").loc[3, "mean"] == pytest.approx(values[cell, 2].mean())
    assert (line["n_animals"] == 6).all()


def test_too_few_animals():
    rows = grid(4, levels=PLACES)
    table, _ = spectra_of(rows, only_in_open_field)
    found = curves_of(table, two_levels()).clusters
    assert found["test_p"].isna().all()
    assert found["note"].str.contains("fewer than 5 animals: not tested").all()
    five, _ = spectra_of(grid(5, levels=PLACES), only_in_open_field)
    found = curves_of(five, two_levels()).clusters
    assert found["note"].str.contains("too few animals for the permutation to reject").all()


def test_an_animal_that_lacks_a_cell_is_left_out_and_counted():
    rows = grid(8, levels=PLACES)
    lost = (rows["animal"] == "A003") & (rows["condition"] == "psilocybin")
    table, _ = spectra_of(rows[~(lost & (rows["context"] == "open_field"))], only_in_open_field)
    found = curves_of(table, two_levels()).clusters
    assert best(found, "simple", "home_cage")["n_units"] == 8
    assert best(found, "simple", "open_field")["n_animals"] == 7
    assert best(found, "difference_of_differences", "open_field")["floor"] == 2 / 2**7


def test_a_recording_with_a_lower_pass_band_limits_what_is_tested():
    table, _ = spectra_of(grid(8, levels=PLACES), only_in_open_field)
    beyond = (table["band"].astype(float) > 25) & (table["session"] == "A002_vehicle")
    found = curves_of(table[~beyond], two_levels())
    assert (found.clusters["to"] == 25).all()
    vehicle = found.means[found.means["condition"] == "vehicle"].set_index("axis")["n_units"]
    assert (vehicle[20] == 8).all() and (vehicle[28] == 7).all()


def test_changes_and_the_raw_baseline():
    rows = grid(8, levels=PLACES)
    acute, _ = spectra_of(rows, only_in_open_field, baseline_rule="change", baseline_value=5.0)
    before, _ = spectra_of(rows, lambda n, x: 0.0, seed=1, phase="baseline", baseline_rule="change")
    found = curves_of(pd.concat([acute, before], ignore_index=True), two_levels())
    change = found.means[found.means["phase"] == "acute"]["mean"].mean()
    assert change == pytest.approx(acute["value"].mean() - 5, abs=0.2)
    assert set(found.means.loc[found.means["phase"] == "baseline", "baseline_rule"]) == {"none"}
    carry_over = found.clusters[found.clusters["phase"] == "baseline"]
    assert set(carry_over["family"]) == {"carry_over"}
    assert set(carry_over["contrast"]) == {"simple"}


def test_adjusted_over_the_tests_of_a_family():
    conditions = (condition("vehicle", None), condition("psilocybin"), condition("ketamine"))
    rows = grid(8, conditions=("vehicle", "psilocybin", "ketamine"))
    table, _ = spectra_of(rows, only_in_open_field)
    found = curves_of(table, plan(conditions=conditions)).clusters
    simple = found[found["contrast"] == "simple"]
    assert (simple["n_tests"] == len(CONTEXTS)).all()
    from statsmodels.stats.multitest import multipletests

    for _, of_condition in simple.groupby("condition"):
        tests = of_condition.drop_duplicates("level")
        expected = multipletests(tests["test_p"], method="holm")[1]
        assert tests["test_p_adjusted"].to_numpy() == pytest.approx(expected)


def test_where_the_floor_leaves_no_room_it_is_said():
    """Six animals: 2/64 times three tests is above 0.05."""
    table, _ = spectra_of(grid(6), only_in_open_field)
    found = curves_of(table, plan()).clusters
    simple = found[found["contrast"] == "simple"]
    assert simple["note"].str.contains("times the 3 tests, is above alpha").all()


def test_blind_conditions_have_means_and_no_clusters():
    codes = tuple(condition(name, None) for name in ("vehicle", "psilocybin"))
    table, _ = spectra_of(grid(6), only_in_open_field)
    found = curves_of(table, plan(conditions=codes))
    assert found.clusters.empty and not found.means.empty


def test_nothing_makes_empty_tables():
    empty = outcomes(grid(2), 1.0).iloc[:0]
    found = curves_of(empty, plan())
    assert list(found.means) == list(CURVE_MEANS) and found.means.empty
    assert list(found.units) == list(CURVE_UNITS) and found.units.empty
    assert list(found.clusters) == list(CLUSTERS) and found.clusters.empty
