"""Change of rate per unit: worked by hand, what the test's null holds for, recovery, selection.

Simulated seeds are fixed. "5 % means 4 to 6 %" is judged on 2000 units per kind of train with
binomial limits of three standard errors around 5 % (3.5 to 6.5 % of a finite sample); the rates of
more units stand in the module.
"""

import math

import numpy as np
import pytest
from gold import gold

from pipeline.spikes import epoch_units, units_dataset
from pipeline.spikes.modulation import (
    Modulation,
    benjamini_hochberg,
    block_counts,
    called,
    fractions,
    log2_fold_change,
    modulated_units,
    modulation_index,
)
from pipeline.spikes.step_test import RHO, _correlation, design, memory, step_test

N = 2000


def epochs(trains, before, after):
    names = [f"u{index}" for index in range(len(trains))]
    dataset = units_dataset(trains, names, ["CA1"] * len(trains))
    return epoch_units(dataset, before), epoch_units(dataset, after)


def poisson(rng, rate, start, stop):
    return np.sort(rng.uniform(start, stop, rng.poisson(rate * (stop - start))))


def wandering(rng, n_units, n_blocks, memory_s, sd=0.3):
    """log2 of the rate in 5-s steps (n_units, 12 n_blocks): normal, remembered exponentially."""
    keep = math.exp(-5.0 / memory_s)
    noise = rng.standard_normal((12 * n_blocks, n_units))
    state = [noise[0]]
    for fresh in noise[1:]:
        state.append(keep * state[-1] + math.sqrt(1 - keep**2) * fresh)
    return sd * np.array(state).T


def counts(kind, rng, n_blocks, rate=5.0):
    """Spikes of N units in blocks of 60 s whose mean rate does not change (N, n_blocks)."""
    steps = np.zeros((N, 12 * n_blocks))
    along = np.linspace(-0.5, 0.5, 12 * n_blocks)
    if kind == "gamma":
        waits = rng.gamma(4.0, 1 / 4.0, (N, 75 * n_blocks))  # 1 Hz
        at = np.cumsum(waits, axis=1) // 60
        rows = np.arange(N)[:, np.newaxis] * n_blocks
        kept = at < n_blocks
        return np.bincount(
            (rows + at).astype(int)[kept], minlength=N * n_blocks
        ).reshape(N, n_blocks)  # fmt: skip
    if kind.startswith("remembers"):
        steps = wandering(rng, N, n_blocks, float(kind.split()[1]))
    if kind == "drifts":
        steps = np.log2(1 + 0.5 * along * rng.choice([-1, 1], (N, 1)))
    if kind == "drifts and remembers":
        steps = wandering(rng, N, n_blocks, 60.0) + 0.5 * along * rng.choice([-1, 1], (N, 1))
    if kind == "random walk":
        steps = np.cumsum(rng.standard_normal(steps.shape), axis=1) * 0.3 / math.sqrt(12 * n_blocks)
    means = (5 * rate * 2.0**steps).reshape(N, n_blocks, 12).sum(axis=2)
    return rng.poisson(means)


def p_values(blocks, n_before, gap, *, linear, permutations=499):
    """P values of a step; `gap` blocks of handling are cut out."""
    n_after = blocks.shape[1] - n_before - gap
    return step_test(
        blocks[:, :n_before],
        blocks[:, n_before + gap :],
        before_at=np.arange(n_before) + 0.5,
        after_at=np.arange(n_after) + n_before + gap + 0.5,
        linear=linear,
        permutations=permutations,
        rng=np.random.default_rng(1),
    )[1]


def rate_of(p):
    return float(np.mean(p <= 0.05))


LIMIT = 3 * math.sqrt(0.05 * 0.95 / N)


def test_fold_change_and_index_worked_by_hand():
    fold = log2_fold_change([0, 100, 10], [0, 0, 20], before_s=10, after_s=20)
    expected = [math.log2(0.5), math.log2(0.5 / 20 / (100.5 / 10)), math.log2(20.5 / 20 / 1.05)]
    np.testing.assert_allclose(fold, expected)
    np.testing.assert_allclose(modulation_index([1, 0, 3], [3, 2, 0]), [0.5, 1.0, -1.0])
    assert np.isnan(modulation_index([0], [0])).all()


def test_false_discovery_rate_worked_by_hand():
    p = [0.01, 0.04, 0.03, 0.5]
    np.testing.assert_allclose(benjamini_hochberg(p), [0.04, 0.16 / 3, 0.16 / 3, 0.5])
    assert benjamini_hochberg([]).size == 0
    with pytest.raises(ValueError, match="no NaN"):
        benjamini_hochberg([0.1, np.nan])


def test_false_discovery_rate_agrees_with_r():
    answers = gold("p_adjust")
    np.testing.assert_allclose(benjamini_hochberg(answers["p"]), answers["BH"], rtol=1e-12)


def test_blocks_hold_observed_time():
    before, _ = epochs(
        [[1.0, 61.0, 69.9, 200.0, 229.9, 239.0], []], [[0, 70], [200, 260]], [[0, 1]]
    )
    found, middle = block_counts(before, 60.0)
    # 60 s of the first interval; its last 10 s and the first 50 s of the second; 10 s are left
    assert found.tolist() == [[1, 5], [0, 0]]
    assert middle == pytest.approx([30.0, (10 * 65 + 50 * 225) / 60])
    assert block_counts(epochs([[1.0]], [[0, 30]], [[0, 1]])[0], 60.0)[0].shape == (1, 0)


def test_the_maps_are_those_of_a_plain_regression():
    rng = np.random.default_rng(31)
    before_at, after_at = np.arange(6.0), np.arange(9.0, 17.0)
    for linear in (False, True):
        maps, order = design(before_at, after_at, linear=linear)
        at = np.r_[before_at, after_at]
        later = at >= 9
        columns = np.column_stack([np.ones(14), later] + ([at] if linear else []))
        y = rng.standard_normal(14)
        fitted = np.linalg.lstsq(columns, y, rcond=None)[0]
        assert maps.step @ y[order] == pytest.approx(fitted[1])
        np.testing.assert_allclose(maps.residual @ y, y - columns @ fitted, atol=1e-12)
        assert (maps.partial @ y)[-1] == pytest.approx(0.0, abs=1e-12)
    # without a trend the step is the difference of the means
    maps, _ = design(before_at, after_at, linear=False)
    assert maps.step @ y == pytest.approx(y[6:].mean() - y[:6].mean())
    # the later epoch may be given first: weights turn with it
    turned, order = design(after_at, before_at, linear=False)
    np.testing.assert_allclose(turned.step, -maps.step)
    assert order.tolist() == [*range(8, 14), *range(8)]


@pytest.mark.parametrize("rho", [0.0, 0.4, 0.8])
def test_memory_is_estimated_in_spite_of_short_epochs(rho):
    rng = np.random.default_rng(32)
    maps, _ = design(np.arange(20.0), np.arange(25.0, 65.0), linear=True)
    series = rng.standard_normal((3000, 60)) @ np.linalg.cholesky(_correlation(maps.at, rho)).T
    found = memory(series @ maps.residual, maps)
    # half a standard error (0.5 / sqrt(60) = 0.065) is added on purpose; the range ends at 0
    assert rho + 0.02 < np.median(found) < rho + 0.13
    assert RHO[0] <= found.min() and found.max() <= RHO[-1]


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("kind", ["poisson", "gamma", "remembers 30", "remembers 60"])
def test_null_of_trains_without_drift(kind, linear):
    """10 and 20 min, 5 min of handling between."""
    blocks = counts(kind, np.random.default_rng(33), 35)
    assert rate_of(p_values(blocks, 10, 5, linear=linear)) == pytest.approx(0.05, abs=LIMIT)


def test_null_of_a_memory_of_minutes_in_longer_epochs():
    """28 and 55 min, and a rate that remembers 2.5 min: a tenth of the shorter one."""
    blocks = counts("remembers 168", np.random.default_rng(34), 90)[:1000]
    p = p_values(blocks, 28, 7, linear=True, permutations=299)
    assert rate_of(p) == pytest.approx(0.05, abs=LIMIT * math.sqrt(2))


@pytest.mark.parametrize("kind", ["drifts", "drifts and remembers"])
def test_null_of_drifting_trains_is_kept_with_a_trend_and_only_then(kind):
    blocks = counts(kind, np.random.default_rng(35), 35)
    assert rate_of(p_values(blocks, 10, 5, linear=True)) == pytest.approx(0.05, abs=LIMIT)
    assert rate_of(p_values(blocks, 10, 5, linear=False)) > 0.1


def test_null_of_rare_spikes():
    blocks = counts("poisson", np.random.default_rng(36), 35, rate=0.05)
    for linear in (False, True):
        assert rate_of(p_values(blocks, 10, 5, linear=linear)) == pytest.approx(0.05, abs=LIMIT)


def test_a_random_walk_is_not_kept_and_the_vehicle_session_is_what_remains():
    """Stated plainly: both tests call too many; drug and vehicle call equally many."""
    rates = {}
    for session, seed in (("drug", 37), ("vehicle", 38)):
        blocks = counts("random walk", np.random.default_rng(seed), 35)
        rates[session] = [rate_of(p_values(blocks, 10, 5, linear=on)) for on in (False, True)]
    assert min(rates["drug"][0], rates["vehicle"][0]) > 0.15
    assert min(rates["drug"][1], rates["vehicle"][1]) > 0.065
    for drug, vehicle in zip(*rates.values(), strict=True):
        error = math.sqrt((drug * (1 - drug) + vehicle * (1 - vehicle)) / N)
        assert abs(drug - vehicle) < 3 * error


def test_plain_block_permutation_would_not_do():
    """The reason for all this: means of blocks that remember 60 s, permuted as they are."""
    rng = np.random.default_rng(39)
    blocks = counts("remembers 60", rng, 35)[:500].astype(float)
    kept = np.delete(blocks, np.s_[10:15], axis=1)
    observed = np.abs(kept[:, 10:].mean(axis=1) - kept[:, :10].mean(axis=1))
    reached = np.ones(500)
    for _ in range(199):
        drawn = kept[:, rng.permutation(30)]
        reached += np.abs(drawn[:, 10:].mean(axis=1) - drawn[:, :10].mean(axis=1)) >= observed
    assert rate_of(reached / 200) > 0.15


def test_planted_modulation_is_recovered():
    """60 units: a third doubled, a third halved, a third as they were; 20 and 30 min."""
    rng = np.random.default_rng(40)
    planted = np.repeat([1, -1, 0], 20)
    trains = []
    for sign in planted:
        rate = rng.uniform(2.0, 15.0)
        parts = poisson(rng, rate, 0, 1200), poisson(rng, rate * 2.6**sign, 1500, 3300)
        trains.append(np.concatenate(parts))
    before, after = epochs(trains, [0, 1200], [1500, 3300])
    for trend in ("none", "linear"):
        found = modulated_units(before, after, trend=trend, permutations=1999)
        assert found.blocks == (20, 30) and not found.absent
        np.testing.assert_allclose(found.log2_fold_change, np.log2(2.6) * planted, atol=0.25)
        np.testing.assert_allclose(found.index, 1.6 / 3.6 * planted, atol=0.08)
        calls = called(found)
        assert (calls == planted).mean() >= 0.95
        share = fractions(calls)
        assert (share.up, share.tested) == (np.count_nonzero(calls == 1), 60)
        assert np.count_nonzero(called(found, least_log2=None)[planted == 0]) <= 3
        np.testing.assert_allclose(
            found.step[planted == 1],
            (found.after_hz - found.before_hz)[planted == 1],
            rtol=0.02 if trend == "none" else 0.5,
        )


def test_calls_need_the_size_and_agree_with_the_step():
    def modulation(fold, step, q):
        some = np.asarray(fold, dtype=float)
        return Modulation(
            unit_id=list("abcde"), region=[""] * 5, before_hz=some, after_hz=some, index=some,
            log2_fold_change=some, step=np.asarray(step, dtype=float), blocks=(9, 9),
            p=np.asarray(q), q=np.asarray(q, dtype=float),
        )  # fmt: skip

    found = modulation(
        [1.5, 0.5, -1.0, -2.0, 1.2], [3, 1, -2, -1, -1], [0.01, 0.01, 0.04, 0.05, 0.001]
    )
    assert called(found).tolist() == [1, 0, -1, 0, 0]
    assert called(found, least_log2=None).tolist() == [1, 1, -1, 0, 0]
    assert fractions([1, 0, -1, 0, 0]).none == 3 and fractions([]).tested == 0


def test_units_chosen_for_their_rate_fall_without_any_drug():
    """Regression to the mean: why fold changes stand beside the vehicle session's only."""
    rng = np.random.default_rng(41)
    slow = 2.0 ** (1.0 + 0.7 * rng.standard_normal((4000, 1)))  # the unit itself
    rates = slow * 2.0 ** (0.7 * rng.standard_normal((4000, 2)))  # and what it does that half hour
    spikes = rng.poisson(rates * 600.0)
    fold = log2_fold_change(spikes[:, 0], spikes[:, 1], before_s=600, after_s=600)
    active = spikes[:, 0] / 600 > 4.0
    assert fold.mean() == pytest.approx(0.0, abs=4 * fold.std() / math.sqrt(4000))
    # slope -1/2 of equal variances, on the distance of the chosen from the mean
    distance = np.log2(spikes[active, 0] / 600).mean() - 1.0
    assert distance > 1.2
    assert fold[active].mean() == pytest.approx(-distance / 2, abs=0.06)
    # the vehicle session, chosen alike, falls alike: the difference says what the drug did
    vehicle = rng.poisson(slow * 2.0 ** (0.7 * rng.standard_normal((4000, 2))) * 600.0)
    other = log2_fold_change(vehicle[:, 0], vehicle[:, 1], before_s=600, after_s=600)
    chosen = vehicle[:, 0] / 600 > 4.0
    limit = 4 * math.hypot(fold[active].std() / active.sum() ** 0.5,
                           other[chosen].std() / chosen.sum() ** 0.5)  # fmt: skip
    assert fold[active].mean() - other[chosen].mean() == pytest.approx(0.0, abs=limit)


def test_no_false_alarm_of_fractions_between_sessions():
    """Share up in 8 drug minus 8 vehicle sessions; units walk at random, in truth alike."""
    rng = np.random.default_rng(42)
    ups = []
    for _ in range(2):
        blocks = counts("random walk", rng, 35)
        p = p_values(blocks, 10, 5, linear=False, permutations=199)
        sign = np.sign(blocks[:, 15:].mean(axis=1) - blocks[:, :10].mean(axis=1))
        ups.append(((p <= 0.05) & (sign > 0)).reshape(25, 8, 10).mean(axis=2))
    change = ups[1] - ups[0]
    t = change.mean(axis=1) / (change.std(axis=1, ddof=1) / math.sqrt(8))
    # 2.365: t with 7 degrees of freedom; more than 5 of 25 have probability 0.007
    assert np.isfinite(t).all() and np.sum(np.abs(t) > 2.365) <= 5


def test_a_unit_has_the_same_p_in_any_company():
    rng = np.random.default_rng(43)
    trains = [poisson(rng, rate, 0, 1300) for rate in (1.0, 4.0, 9.0)]
    pair = epochs(trains, [0, 600], [700, 1300])
    together = modulated_units(*pair, permutations=499)
    alone = modulated_units(*epochs(trains[1:2], [0, 600], [700, 1300]), permutations=499)
    assert together.p[1] == alone.p[0] and together.step[1] == pytest.approx(alone.step[0])
    again = modulated_units(*pair, permutations=499)
    np.testing.assert_array_equal(together.p, again.p)


def test_silence_is_a_change_and_constant_counts_are_none():
    rng = np.random.default_rng(44)
    silenced = poisson(rng, 5.0, 0, 600)
    clock = np.arange(0.25, 1300, 0.5)
    found = modulated_units(*epochs([silenced, clock], [0, 600], [700, 1300]), trend="none")
    assert found.p[0] < 0.01 and found.index[0] == -1.0
    assert found.p[1] == 1.0 and found.step[1] == pytest.approx(0.0, abs=1e-9)


def test_what_cannot_be_tested_is_absent_and_counted():
    rng = np.random.default_rng(45)
    trains = [[], [5.0], poisson(rng, 5.0, 0, 1300)]
    found = modulated_units(*epochs(trains, [0, 600], [700, 1300]), permutations=99)
    assert found.unit_id == ["u2"] and found.region == ["CA1"]
    assert found.absent == {"silent or below 0.05 Hz in the baseline": 2}
    for name in ("before_hz", "after_hz", "log2_fold_change", "index", "step", "p", "q"):
        assert np.isfinite(getattr(found, name)).all() and len(getattr(found, name)) == 1
    short = modulated_units(*epochs(trains, [0, 200], [700, 1300]))
    assert short.absent == {"fewer than 5 blocks of 60 s": 3} and short.unit_id == []
    assert fractions(called(short)).tested == 0
    empty = modulated_units(*epochs([], [0, 600], [700, 1300]))
    assert empty.unit_id == [] and empty.absent == {}


def test_different_units_are_refused():
    before, _ = epochs([[1.0], [2.0]], [0, 600], [700, 1300])
    _, after = epochs([[1.0]], [0, 600], [700, 1300])
    with pytest.raises(ValueError, match="different units"):
        modulated_units(before, after)


@pytest.mark.real
def test_no_unit_of_a_real_session_is_called_within_one_run(real_data):
    """Rat CA1 in a W-maze: two halves of 15 min of running; and running against rest is seen."""
    from convert_real import wmaze_spikes

    trains = wmaze_spikes(real_data / "nelpy_rat_units" / "w-maze" / "spikes.mat")
    for trend in ("none", "linear"):
        found = modulated_units(
            *epochs(trains, [64, 514], [514, 964]), block_s=30, trend=trend, permutations=1999
        )
        assert fractions(called(found)).none == len(found.p) >= 15
    rest = modulated_units(*epochs(trains, [64, 964], [1064, 1964]), block_s=30, trend="none")
    assert fractions(called(rest)).down >= 2 and fractions(called(rest)).up == 0
