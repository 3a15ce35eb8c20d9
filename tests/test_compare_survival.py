"""Times to an event: R's answers, hand-worked curves, enumeration by hand, calibration."""

from __future__ import annotations

import itertools
import json
import math
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cohorts import CONTEXTS, grid, outcomes, plan
from scipy import stats

from pipeline.compare import log_rank as log_rank_module
from pipeline.compare.companions import N_RANDOM
from pipeline.compare.survival import (
    common_tau,
    kaplan_meier,
    log_rank,
    median_time,
    permutation_log_rank,
    pseudo_values,
    restricted_mean,
)
from pipeline.compare.survival_tables import (
    SURVIVAL_CELLS,
    SURVIVAL_STEPS,
    restricted_outcomes,
    survival_table,
)
from pipeline.errors import InputError

GOLD = Path(__file__).parent / "data" / "gold"
#: gold does not say where R restricts; a mean rises with tau, so only this one gives both
R_TAU = 20.0


@pytest.fixture(scope="module")
def gehan():
    table = pd.read_csv(GOLD / "gehan.csv")
    return table.assign(censored=table["cens"] == 0)


@pytest.fixture(scope="module")
def gold():
    return json.loads((GOLD / "surv_gehan.json").read_text())


def both(table):
    return table["time"], table["censored"]


# ------------------------------------------------------------------------------- R's answers


def test_log_rank_is_that_of_r(gehan, gold):
    found = log_rank(*both(gehan), gehan["treat"])
    assert found.statistic == pytest.approx(gold["logrank"]["chisq"], rel=1e-10)
    assert found.p == pytest.approx(gold["logrank"]["p"], rel=1e-8)
    assert found.df == 1


@pytest.mark.parametrize("row", [0, 1])
def test_restricted_mean_and_median_are_those_of_r(gehan, gold, row):
    expected = gold["km"][row]
    arm = gehan[gehan["treat"] == expected["term"].removeprefix("treat=")]
    mean, se = restricted_mean(*both(arm), tau=R_TAU)
    assert mean == pytest.approx(expected["rmean"], rel=1e-10)
    assert se == pytest.approx(expected["se_rmean"], rel=1e-10)
    assert median_time(*both(arm)) == expected["median"]
    curve = kaplan_meier(*both(arm))
    assert curve["events"].sum() == expected["events"]
    assert curve["at_risk"].iloc[0] == expected["n_start"]


def test_freireich_curve_is_the_published_one(gehan):
    """6-MP: Freireich 1963, worked in every textbook (Klein & Moeschberger, table 4.1)."""
    curve = kaplan_meier(*both(gehan[gehan["treat"] == "6-MP"])).set_index("time")
    published = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    for at, survival in published.items():
        assert curve.loc[at, "survival"] == pytest.approx(survival, abs=5e-4)
    assert curve.loc[10, ["at_risk", "events", "censored"]].tolist() == [15, 1, 1]


# ---------------------------------------------------------------------------------- by hand


def test_curve_by_hand():
    """Times 2, 4+, 6, 8+: survival 3/4 after 2, then 3/4 x 1/2 after 6."""
    curve = kaplan_meier([6, 2, 8, 4], [False, False, True, True])
    assert curve["time"].tolist() == [0, 2, 4, 6, 8]
    assert curve["survival"].tolist() == pytest.approx([1, 0.75, 0.75, 0.375, 0.375])
    assert curve["at_risk"].tolist() == [4, 4, 3, 2, 1]
    assert curve["events"].tolist() == [0, 1, 0, 1, 0]
    assert curve["censored"].tolist() == [0, 0, 1, 0, 1]
    # after 2: Greenwood variance of log S = 1 / (4 x 3)
    half = stats.norm.isf(0.025) * math.sqrt(1 / 12) / abs(math.log(0.75))
    expected = 0.75 ** math.exp(half), 0.75 ** math.exp(-half)
    assert tuple(curve.loc[1, ["ci_low", "ci_high"]]) == pytest.approx(expected)
    assert curve.loc[0, ["ci_low", "ci_high"]].isna().all()


def test_restricted_mean_by_hand():
    """Area to 8 of the curve above: 2 + 4 x 3/4 + 2 x 3/8; to 5: 2 + 3 x 3/4."""
    times, late = [6, 2, 8, 4], [False, False, True, True]
    mean, se = restricted_mean(times, late, tau=8)
    assert mean == pytest.approx(2 + 3 + 0.75)
    assert se == pytest.approx(math.sqrt(3.75**2 / 12 + 0.75**2 / 2))
    assert restricted_mean(times, late, tau=5) == pytest.approx((4.25, 2.25 / math.sqrt(12)))


def test_without_censoring_the_restricted_mean_is_the_mean_and_its_error():
    times = np.array([3.0, 7, 7, 12, 20])
    mean, se = restricted_mean(times, np.zeros(5, bool), tau=30)
    assert mean == pytest.approx(times.mean())
    assert se == pytest.approx(times.std(ddof=0) / math.sqrt(5))


def test_nothing_is_claimed_beyond_the_last_observation():
    assert np.isnan(restricted_mean([5, 9], [False, True], tau=10)).all()
    assert np.isnan(pseudo_values([5, 9], [False, True], tau=10)).all()
    assert median_time([5, 9, 9], [False, True, True]) == math.inf


def test_nobody_reached_the_event():
    curve = kaplan_meier([5, 9], [True, True])
    assert curve["survival"].tolist() == [1, 1, 1]
    assert restricted_mean([5, 9], [True, True], tau=9) == (9, 0)
    p, floor = permutation_log_rank([5, 9, 5, 9], [True] * 4, [0, 0, 1, 1], seed=0)
    assert np.isnan(p) and np.isnan(floor)
    assert np.isnan(log_rank([5, 9, 5, 9], [True] * 4, [0, 0, 1, 1]).statistic)


def test_tau_is_where_every_cell_is_known_without_any_one_animal():
    reached = ([5, 9, 12], [False] * 3)
    assert common_tau([reached, ([4, 20], [False, False])]) == 20
    # sessions of one length: that length, whether one or all of them were too short
    assert common_tau([reached, ([4, 20, 20], [False, True, True])]) == 20
    assert common_tau([reached, ([4, 6, 20], [False, False, True])]) == 20
    # without the animal that was seen until 20, nothing is known beyond 15
    assert common_tau([reached, ([4, 15, 20], [False, True, True])]) == 15
    assert common_tau([reached, ([4, 15, 20], [False, True, False])]) == 15
    # an early end of one session pulls nothing down
    assert common_tau([reached, ([4, 3, 20, 20], [False, True, True, True])]) == 20
    assert common_tau([reached, ([7], [True])]) == 7


# ------------------------------------------------------------------------------ pseudo-values


def test_pseudo_values_of_equal_sessions_are_the_restricted_times():
    times, late = np.array([4.0, 9, 15, 20, 20]), np.array([False, False, False, True, True])
    assert pseudo_values(times, late, tau=20) == pytest.approx(times)
    assert pseudo_values(times, late, tau=12) == pytest.approx(np.minimum(times, 12))
    assert pseudo_values([7.0], [True], tau=6) == pytest.approx([6])


def test_pseudo_values_by_leaving_out(gehan):
    arm = gehan[gehan["treat"] == "6-MP"].reset_index(drop=True)
    whole, _ = restricted_mean(*both(arm), tau=R_TAU)
    expected = [
        21 * whole - 20 * restricted_mean(*both(arm.drop(index)), tau=R_TAU)[0]
        for index in arm.index
    ]
    assert pseudo_values(*both(arm), tau=R_TAU) == pytest.approx(expected)


def cohorts_of_times(n_cohorts, effect, *, crossover, seed, n=8):
    """Weibull times with a frailty per animal; sessions end between 30 and 120."""
    rng = np.random.default_rng(seed)
    for _ in range(n_cohorts):
        frailty = np.exp(0.4 * rng.normal(size=n if crossover else 2 * n))
        frailty = np.tile(frailty, 2) if crossover else frailty
        times = 60 * rng.weibull(1.5, 2 * n) * frailty * np.exp(effect * np.repeat([0, 1], n))
        ends = rng.uniform(30, 120, 2 * n)
        yield np.minimum(times, ends).reshape(2, n), (times > ends).reshape(2, n)


def p_of(values, crossover):
    test = stats.ttest_rel(*values) if crossover else stats.ttest_ind(*values, equal_var=False)
    return test.pvalue


def rejections(effect, *, crossover, n_cohorts, seed=7):
    """Share rejected: pseudo-values, and times restricted at the smallest censoring time."""
    found = []
    for times, late in cohorts_of_times(n_cohorts, effect, crossover=crossover, seed=seed):
        tau = common_tau(list(zip(times, late, strict=True)))
        pseudo = [pseudo_values(t, c, tau=tau) for t, c in zip(times, late, strict=True)]
        smallest = times[late].min() if late.any() else np.inf
        with np.errstate(invalid="ignore"):
            restricted = p_of(np.minimum(times, smallest), crossover)
        found.append((p_of(pseudo, crossover) < 0.05, restricted < 0.05))
    return np.mean(found, axis=0)


@pytest.mark.filterwarnings("ignore:Precision loss")
@pytest.mark.parametrize("crossover", [True, False])
def test_pseudo_values_keep_the_level_and_have_the_power(crossover):
    """Unequal sessions, 8 animals (per group): the earliest censored time throws most away."""
    level, _ = rejections(0.0, crossover=crossover, n_cohorts=1000)
    assert 0.03 < level < 0.07
    power, with_smallest = rejections(0.9, crossover=crossover, n_cohorts=200)
    assert power > 0.25
    assert power > with_smallest + 0.15


def test_pseudo_values_recover_a_restricted_mean_that_is_known():
    """Exponential times, mean 40; half the sessions end between 5 and 30: the mean to 30 is known.

    The other half are long, so that the curve is known to 30 in every sample, none chosen by what
    happened in it. Censored times taken as observed are far off.
    """
    rng = np.random.default_rng(5)
    times, ends = rng.exponential(40, (400, 30)), rng.uniform(5, 30, (400, 30))
    ends[:, :15] = 60
    seen, late = np.minimum(times, ends), times > ends
    means = [pseudo_values(t, c, tau=30).mean() for t, c in zip(seen, late, strict=True)]
    truth = 40 * (1 - math.exp(-30 / 40))
    slack = 3 * np.std(means) / math.sqrt(len(means))
    assert np.mean(means) == pytest.approx(truth, abs=slack)
    assert np.minimum(seen, 30).mean() < truth - 10 * slack


# ---------------------------------------------------------------------------------- permutation


def two_sided(null, observed):
    null, slack = np.array(null), 1e-9
    return min(1, 2 * min(np.mean(null >= observed - slack), np.mean(null <= observed + slack)))


def signed(times, late, first):
    """Signed root of statsmodels' statistic: the sign is that of observed minus expected."""
    statistic = log_rank(times, late, first).statistic
    expected = sum(
        (times[~late] == at).sum() * first[times >= at].mean() for at in np.unique(times[~late])
    )
    return math.copysign(math.sqrt(statistic), first[~late].sum() - expected)


def test_between_animals_agrees_with_enumeration():
    times = np.array([3.0, 5, 5, 9, 12, 12, 7, 4, 11])
    late = np.array([0, 0, 0, 0, 1, 1, 1, 0, 0], bool)
    group = np.array(["v"] * 5 + ["d"] * 4)
    null = []
    for chosen in itertools.combinations(range(9), 5):
        first = np.zeros(9, bool)
        first[list(chosen)] = True
        null.append(signed(times, late, first))
    p, floor = permutation_log_rank(times, late, group, seed=0)
    assert p == pytest.approx(two_sided(null, signed(times, late, group == "v")))
    assert floor == 2 / math.comb(9, 4)


def scores_by_hand(times, late):
    """Log-rank scores: the event minus the Nelson-Aalen estimate at the animal's time."""
    hazard = {at: (times[~late] == at).sum() / (times >= at).sum() for at in set(times[~late])}
    return np.array(
        [
            (not c) - sum(h for at, h in hazard.items() if at <= t)
            for t, c in zip(times, late, strict=True)
        ]
    )


def test_crossover_swaps_within_animals():
    times = np.array([10.0, 14, 22, 9, 30, 18, 8, 11, 12, 9, 21, 30, 30, 17])
    late = times == 30
    animal, group = np.tile(np.arange(7), 2), np.repeat([0, 1], 7)
    scores = scores_by_hand(times, late)
    difference = scores[7:] - scores[:7]
    flips = np.array(list(itertools.product((1, -1), repeat=7)))
    mixed = np.random.default_rng(0).permutation(14)
    p, floor = permutation_log_rank(
        times[mixed], late[mixed], group[mixed], strata=animal[mixed], seed=0
    )
    assert p == pytest.approx(two_sided(flips @ difference, difference.sum()))
    assert floor == 2 / 2**7


def test_animals_without_both_times_are_left_out_of_a_crossover():
    times = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    late = np.zeros(10, bool)
    group, animal = np.repeat([0, 1], 5), np.tile(np.arange(5), 2)
    p, floor = permutation_log_rank(times[:9], late[:9], group[:9], strata=animal[:9], seed=0)
    assert floor == 2 / 2**4
    assert p == floor
    assert np.isnan(permutation_log_rank([1, 2], [0, 0], [0, 1], strata=["a", "b"], seed=0)).all()


def test_many_animals_are_drawn_from_a_fixed_seed():
    rng = np.random.default_rng(0)
    times, group = rng.exponential(size=40), np.repeat([0, 1], 20)
    late = np.zeros(40, bool)
    one, again, other = (permutation_log_rank(times, late, group, seed=s) for s in (1, 1, 2))
    assert one == again
    assert one[1] == 2 / (N_RANDOM + 1)
    assert one[0] == pytest.approx(other[0], abs=0.03)
    assert one[0] == pytest.approx(log_rank(times, late, group).p, abs=0.03)


def test_two_groups_of_eight_are_fast():
    times, late = next(cohorts_of_times(1, 0.5, crossover=False, seed=1))
    group = np.repeat([0, 1], 8)
    start = time.process_time()
    for _ in range(3):
        permutation_log_rank(times.ravel(), late.ravel(), group, seed=0)
    assert (time.process_time() - start) / 3 < 0.3


@pytest.mark.parametrize("crossover", [True, False])
def test_permuted_log_rank_keeps_the_level_and_finds_an_effect(crossover, monkeypatch):
    # fewer permutations between animals: coarser p values, the same level (49 of 999 + 1 below it)
    monkeypatch.setattr(log_rank_module, "EXACT_UP_TO", 1000)
    monkeypatch.setattr(log_rank_module, "N_RANDOM", 999)

    def rate(effect, n_cohorts):
        group, animal = np.repeat([0, 1], 8), np.tile(np.arange(8), 2)
        found = [
            permutation_log_rank(
                t.ravel(), c.ravel(), group, strata=animal if crossover else None, seed=0
            )[0]
            for t, c in cohorts_of_times(n_cohorts, effect, crossover=crossover, seed=3)
        ]
        return np.mean(np.array(found) < 0.05)

    assert rate(0.0, 100) < 0.11
    assert rate(1.8, 60) > 0.5


# -------------------------------------------------------------------------------------- refusals


def test_refusals():
    with pytest.raises(InputError, match="found -1; expected finite times from 0"):
        kaplan_meier([3, -1], [False, False])
    with pytest.raises(InputError, match="one flag per time"):
        kaplan_meier([3, 1], [False])
    with pytest.raises(InputError, match="at least one time"):
        kaplan_meier([], [])
    with pytest.raises(InputError, match="found tau inf"):
        restricted_mean([3], [False], tau=math.inf)
    with pytest.raises(InputError, match="found one group"):
        log_rank([3, 4], [False, False], ["a", "a"])
    with pytest.raises(InputError, match="found 3 groups"):
        permutation_log_rank([3, 4, 5], [False] * 3, ["a", "b", "c"], seed=0)
    with pytest.raises(InputError, match="several times of animal x in one group"):
        permutation_log_rank([3, 4, 5], [False] * 3, [0, 0, 1], strata=["x"] * 3, seed=0)
    with pytest.raises(InputError, match="one per time"):
        log_rank([3, 4], [False, False], ["a"])


# ---------------------------------------------------------------------------------------- tables


def timed(rows, value, censored, **columns):
    return outcomes(
        rows,
        value,
        scale="time_to_event",
        censored=censored,
        outcome="trials_to_criterion",
        domain="flexibility",
        value_unit="trials",
        **columns,
    )


@pytest.fixture
def crossover_times():
    rows = grid(4, levels=CONTEXTS[:1])
    value = np.where(rows["condition"] == "vehicle", 10.0, 30.0) + np.repeat(np.arange(4.0), 2)
    censored = value >= 32
    return timed(rows, np.minimum(value, 32), censored)


def test_cells_and_steps(crossover_times):
    tables = survival_table(crossover_times, plan())
    assert list(tables.cells) == list(SURVIVAL_CELLS)
    assert list(tables.steps) == list(SURVIVAL_STEPS)
    vehicle, drug = tables.cells.to_dict("records")
    assert (vehicle["condition"], drug["condition"]) == ("vehicle", "psilocybin")
    assert (vehicle["n_animals"], vehicle["n_reached"], drug["n_reached"]) == (4, 4, 2)
    assert (vehicle["median"], drug["median"]) == (11, 31)
    assert vehicle["tau"] == drug["tau"] == 32
    assert vehicle["restricted_mean"] == pytest.approx(11.5)
    assert drug["restricted_mean"] == pytest.approx((30 + 31 + 32 + 32) / 4)
    curve = tables.steps[tables.steps["condition"] == "psilocybin"]
    assert curve["time"].tolist() == [0, 30, 31, 32]
    assert curve["survival"].tolist() == pytest.approx([1, 0.75, 0.5, 0.5])


def test_the_first_of_replicate_sessions_counts(crossover_times):
    again = crossover_times.assign(
        session="zz", value=1.0, censored=False, period=crossover_times["period"] + 2
    )
    whole = pd.concat([again, crossover_times], ignore_index=True)
    cells = survival_table(whole, plan()).cells
    alone = survival_table(crossover_times, plan()).cells
    assert (cells["n_sessions_left_out"] == 4).all()
    same = [name for name in cells if name != "n_sessions_left_out"]
    pd.testing.assert_frame_equal(cells[same], alone[same])


def test_cages_get_no_interval(crossover_times):
    tables = survival_table(crossover_times, plan(unit="cage"))
    assert tables.cells["restricted_se"].isna().all()
    assert tables.steps[["ci_low", "ci_high"]].isna().all(axis=None)
    assert tables.cells["restricted_mean"].notna().all()


def test_other_scales_make_empty_tables():
    tables = survival_table(outcomes(grid(3), 1.0), plan())
    assert list(tables.cells) == list(SURVIVAL_CELLS) and tables.cells.empty
    assert list(tables.steps) == list(SURVIVAL_STEPS) and tables.steps.empty


def test_restricted_outcomes_are_pseudo_values_of_each_cell(crossover_times):
    """An animal whose session ended at 11 does not pull everyone's times down to 11."""
    table = crossover_times.copy()
    short = (table["condition"] == "psilocybin") & (table["animal"] == "A000")
    table.loc[short, ["value", "censored"]] = [11.0, True]
    found = restricted_outcomes(table)
    assert (found["tau"] == 32).all()
    drug = table["condition"] == "psilocybin"
    expected = pseudo_values([11, 31, 32, 32], [True, False, True, True], tau=32)
    assert found.loc[drug, "pseudo_value"].tolist() == pytest.approx(list(expected))
    assert found.loc[~drug, "pseudo_value"].tolist() == pytest.approx([10, 11, 12, 13])


def test_restricted_outcomes_without_censoring_are_the_values(crossover_times):
    table = crossover_times.assign(censored=False)
    found = restricted_outcomes(table)
    assert found["tau"].isna().all()
    assert (found["pseudo_value"] == table["value"]).all()
    assert restricted_outcomes(outcomes(grid(3), 1.0)).isna().all(axis=None)
