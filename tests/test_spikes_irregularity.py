"""Irregularity of spike trains: worked by hand, closed forms, elephant's numbers, matched rates."""

import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import iv

from pipeline.experiment.spike_options import IrregularityOptions
from pipeline.spikes import epoch_units, units_dataset
from pipeline.spikes.irregularity import (
    bursts,
    cell_irregularity,
    cv2,
    epoch_irregularity,
    fano_factor,
    interval_pairs,
    lv,
    lvr,
    matched_fano,
)

GOLD = Path(__file__).parent / "data" / "gold"


def oracles():
    path = GOLD / "irregularity_oracles.py"
    found = importlib.util.spec_from_file_location("irregularity_oracles", path)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module, json.loads((GOLD / "irregularity_oracles.json").read_text())


def poisson(rng, rate, seconds):
    return np.sort(rng.uniform(0, seconds, rng.poisson(rate * seconds)))


def gamma(rng, shape, rate, seconds):
    size = int(1.5 * rate * seconds) + 100
    times = np.cumsum(rng.gamma(shape, 1 / (shape * rate), size))
    return times[times < seconds]


def whole(seconds):
    return np.array([[0.0, seconds]])


def epoch(trains, intervals):
    names = [f"u{index}" for index in range(len(trains))]
    return epoch_units(units_dataset(trains, names, ["CA1"] * len(trains)), intervals)


def test_pairs_worked_by_hand_and_never_across_a_gap():
    times = [1.0, 2.0, 4.0, 11.0, 14.0, 15.0, 25.0]
    first, second = interval_pairs(times, np.array([[0.0, 5.0], [10.0, 20.0], [22.0, 30.0]]))
    assert first.tolist() == [1.0, 3.0] and second.tolist() == [2.0, 1.0]
    assert cv2(first, second) == pytest.approx((2 / 3 + 1.0) / 2)
    assert lv(first, second) == pytest.approx((3 / 9 + 3 / 4) / 2)
    assert lvr(first, second, refractory_s=0.1) == pytest.approx(
        (1 / 3 * (1 + 0.4 / 3) + 3 / 4 * (1 + 0.4 / 4)) / 2
    )
    assert len(interval_pairs([1.0, 1.0, 1.0], whole(5.0))[0]) == 0
    assert len(interval_pairs([], whole(5.0))[0]) == 0


@pytest.mark.parametrize("kind", ["poisson", "gamma", "bursts"])
def test_numbers_of_elephant(kind):
    module, answers = oracles()
    seed = dict(module.TRAINS)[kind]
    times, expected = module.train(kind, seed), answers[kind]
    assert len(times) == expected["n_spikes"]
    pairs = interval_pairs(times, whole(module.SECONDS))
    found = {"cv2": cv2(*pairs), "lv": lv(*pairs), "lvr": lvr(*pairs)}
    for bin_s, name in ((0.1, "fano_100ms"), (1.0, "fano_1s")):
        fano, _, n = fano_factor([times], whole(module.SECONDS), bin_s=bin_s, block_s=None)
        found[name] = fano[0] * (n - 1) / n  # elephant's variance divides by n
    for name, value in found.items():
        assert value == pytest.approx(expected[name], rel=1e-11), name


@pytest.mark.parametrize("shape", [0.5, 1.0, 2.0, 4.0])
def test_gamma_intervals_have_their_closed_forms(shape):
    rng = np.random.default_rng(11)
    pairs = interval_pairs(gamma(rng, shape, 10.0, 20000.0), whole(20000.0))
    assert lv(*pairs) == pytest.approx(3 / (1 + 2 * shape), rel=0.015)
    # share of two gamma intervals is beta(k, k): mean |2 x - 1| = 2 Gamma(2k) / (4^k k Gamma(k)^2)
    closed = 2 * math.gamma(2 * shape) / (4**shape * shape * math.gamma(shape) ** 2)
    assert cv2(*pairs) == pytest.approx(2 * closed, rel=0.015)


def test_poisson_trains_have_one_at_any_rate_and_length():
    """200 units each; limits of four standard errors."""
    rng = np.random.default_rng(12)
    for rate, seconds in ((0.5, 300.0), (5.0, 60.0), (40.0, 60.0)):
        found = epoch_irregularity(
            epoch([poisson(rng, rate, seconds) for _ in range(200)], [0, seconds])
        )
        for name in ("cv2", "lv", "fano_100ms", "fano_1s", "fano_100ms_matched"):
            value = found[name].value
            limit = 4 * value.std() / math.sqrt(len(value))
            assert value.mean() == pytest.approx(1.0, abs=limit), (name, rate)
        for name in ("burst_index", "burst_excess"):
            value = found[name].value
            if len(value):
                limit = 4 * value.std() / math.sqrt(len(value))
                assert value.mean() == pytest.approx(0.0, abs=limit), (name, rate)
        share = found["burst_fraction"].value
        chance = 1 - math.exp(-2 * rate * 0.006)
        assert share.mean() == pytest.approx(chance, abs=4 * share.std() / math.sqrt(200) + 1e-4)


def test_short_trains_are_not_biased():
    """20 spikes say the same on average as 2000: no selection by the length of the epoch."""
    rng = np.random.default_rng(13)
    short = [lv(*interval_pairs(gamma(rng, 2, 10, 2.5), whole(2.5))) for _ in range(4000)]
    assert np.mean(short) == pytest.approx(0.6, abs=0.01)


def test_slow_rates_leave_local_measures_alone_and_raise_fano():
    rng = np.random.default_rng(14)
    trains = []
    for _ in range(40):
        drawn = poisson(rng, 20.0, 600.0)
        keep = rng.random(len(drawn)) < 0.5 + 0.5 * np.sin(2 * np.pi * drawn / 600.0)
        trains.append(drawn[keep])
    found = epoch_irregularity(epoch(trains, [0, 600]))
    assert found["lv"].value.mean() == pytest.approx(1.0, abs=0.02)
    # what 60-s blocks leave of the wave's variance, 10^2 / 2 (1 - sinc^2(0.1)), over the mean
    left = 1 + 10 / 2 * (1 - np.sinc(0.1) ** 2)
    fano = found["fano_1s"].value
    assert left == pytest.approx(1.16, abs=0.005)
    assert fano.mean() == pytest.approx(left, abs=4 * fano.std() / math.sqrt(len(fano)))
    longer = fano_factor(trains, whole(600.0), bin_s=1.0, block_s=None)[0]
    assert longer.mean() > 4.0  # without blocks the slow wave is taken for variability


def expected_lvr(rate, dead_s, refractory_s):
    """Of exponential waits after a dead time: the difference over the sum is even, given the sum.

    Without the dead time the sum s of two is gamma(2), and E[((a - b) / s)^2 | s] is 1/3.
    """
    scale = 1 / rate - dead_s
    s = (np.arange(200000) + 0.5) * 1e-4  # in units of scale
    total = scale * s + 2 * dead_s
    terms = (scale * s / total) ** 2 * (1 + 4 * refractory_s / total)
    return float(np.sum(terms * s * np.exp(-s)) * 1e-4)


def test_lvr_takes_more_than_half_of_a_dead_time_away():
    """Dead time 2 ms: LV falls with the rate; LvR, to first order, makes up for it."""
    rng = np.random.default_rng(15)
    raw, corrected = [], []
    for rate in (2.0, 20.0, 60.0):
        waits = 0.002 + rng.exponential(1 / rate - 0.002, 60000)
        pair = waits[:-1], waits[1:]
        raw.append(lv(*pair))
        corrected.append(lvr(*pair, refractory_s=0.002))
        assert raw[-1] == pytest.approx(expected_lvr(rate, 0.002, 0.0), abs=0.015)
        assert corrected[-1] == pytest.approx(expected_lvr(rate, 0.002, 0.002), abs=0.015)
    assert np.ptp(raw) > 0.2 and np.ptp(corrected) < np.ptp(raw) / 2


def test_lvr_of_a_train_without_dead_time_follows_the_rate():
    """Poisson: the ratio of two intervals and their sum are independent, E[1 / sum] is the rate."""
    rng = np.random.default_rng(36)
    for rate in (1.0, 20.0):
        waits = rng.exponential(1 / rate, 100000)
        assert lvr(waits[:-1], waits[1:]) == pytest.approx(1 + 4 * rate * 0.005, rel=0.015)


def test_matched_fano_is_what_thinning_gives():
    rng = np.random.default_rng(16)
    trains = [gamma(rng, 6.0, 40.0, 600.0) for _ in range(30)]
    fano, mean, _ = fano_factor(trains, whole(600.0), bin_s=1.0)
    thinned = [train[rng.random(len(train)) < 0.25] for train in trains]
    at_quarter, fewer, _ = fano_factor(thinned, whole(600.0), bin_s=1.0)
    assert fano.mean() < 0.25 and at_quarter.mean() > 0.75
    matched = matched_fano(fano, mean, fewer.mean())
    assert matched.mean() == pytest.approx(at_quarter.mean(), abs=0.02)
    # both brought to one rate agree, whatever was recorded
    assert matched_fano(at_quarter, fewer, 1.0).mean() == pytest.approx(
        matched_fano(fano, mean, 1.0).mean(), abs=0.004
    )


def test_fano_worked_by_hand_with_gaps_and_remainders():
    # bins [0,1) [1,2) and [10,11) [11,12); what lies in [2,2.5) and in no bin does not count
    times = [0.1, 0.2, 0.9, 1.5, 2.2, 10.5, 11.1, 11.2]
    fano, mean, n = fano_factor([times, []], np.array([[0, 2.5], [10, 12.0]]), bin_s=1.0)
    assert n == 4 and mean.tolist() == [7 / 4, 0.0]
    assert fano[0] == pytest.approx((2.0 + 0.5) / 2 / (7 / 4)) and np.isnan(fano[1])
    assert np.isnan(fano_factor([times], whole(1.5), bin_s=1.0)[0]).all()


def test_bursts_worked_by_hand():
    times = [0.100, 0.104, 0.109, 0.145, 1.999, 2.001]
    found = bursts(times, np.array([[0.0, 2.0], [2.0, 3.0]]))
    assert found.in_burst == 3 and found.fraction == pytest.approx(0.5)
    # lags 4, 5, 9 ms; 41 and 45 ms; 1.999 and 2.001 lie in two intervals
    assert (found.near, found.far) == (3, 2)
    near = 3 / (6 * (2.99 / 3) * 0.01)
    far = 2 / (6 * (2.91 / 3) * 0.01)
    assert found.near_hz == pytest.approx(near) and found.far_hz == pytest.approx(far)
    assert found.index == pytest.approx((near - far) / near)
    assert found.excess == pytest.approx((near - far) * 0.01)


def test_burst_excess_does_not_follow_the_rate():
    """Events at random, three in ten followed by one spike 3-8 ms later."""
    rng = np.random.default_rng(17)
    excess, index, fraction, chance = [], [], [], []
    for rate in (1.0, 4.0, 16.0):
        events = poisson(rng, rate, 6000.0)
        follow = events[rng.random(len(events)) < 0.3]
        train = np.sort(np.concatenate((events, follow + rng.uniform(0.003, 0.008, len(follow)))))
        train = train[train < 6000.0]
        found = bursts(train, whole(6000.0))
        excess.append(found.excess)
        index.append(found.index)
        fraction.append(found.fraction)
        chance.append(bursts(poisson(rng, 1.3 * rate, 6000.0), whole(6000.0)).fraction)
    np.testing.assert_allclose(excess, 0.3 / 1.3, atol=0.01)
    assert index[0] > index[2] + 0.3  # the index does follow it, as the table says
    assert chance[2] > chance[0] + 0.15


def test_burst_excess_follows_locking_to_theta_as_expected():
    """Units of 10 Hz locked to 8 Hz that never burst: kappa 1, and 0.3 of it.

    A rate r exp(kappa cos phase) / I0 has the autocorrelogram r (1 + 2 sum_k (I_k / I_0)^2
    cos(k 2 pi f lag)): lags of 0 to 10 ms lie on its peak, those of 40 to 50 ms in its trough.
    """
    rng = np.random.default_rng(19)
    rate, hz, seconds = 10.0, 8.0, 4000.0
    lags = np.linspace(0, 0.01, 101)
    found, expected = [], []
    for kappa in (0.0, 0.3, 1.0):
        train = poisson(rng, rate * np.exp(kappa) / iv(0, kappa), seconds)
        keep = rng.random(len(train)) < np.exp(kappa * (np.cos(2 * np.pi * hz * train) - 1))
        found.append(bursts(train[keep], whole(seconds)).excess)
        harmonics = range(1, 6)
        near, far = (
            sum(
                2 * (iv(k, kappa) / iv(0, kappa)) ** 2 * np.cos(k * 2 * np.pi * hz * (lags + after))
                for k in harmonics
            ).mean()
            for after in (0.0, 0.04)
        )
        expected.append(rate * 0.01 * (near - far))
    # 40 000 spikes with 0.1 neighbours each in either range: standard error of 0.0025
    np.testing.assert_allclose(found, expected, atol=0.009)
    assert expected[0] == 0 and expected[1] - expected[2] < -0.055


def test_what_cannot_be_stated_is_absent_and_counted():
    rng = np.random.default_rng(18)
    trains = [[], [1.0, 2.0], poisson(rng, 5.0, 60.0)]
    found = epoch_irregularity(epoch(trains, [0, 60]))
    assert set(found) == {
        "cv2", "lv", "lvr", "burst_fraction", "burst_index", "burst_excess",
        "fano_100ms", "fano_100ms_matched", "fano_1s", "fano_1s_matched",
    }  # fmt: skip
    assert found["cv2"].unit_id == ["u2"] and found["cv2"].region == ["CA1"]
    assert found["cv2"].absent == {"fewer than 20 pairs of intervals": 2}
    assert found["fano_1s"].absent == {"fewer than 20 spikes": 2}
    for values in found.values():
        assert np.isfinite(values.value).all()
        assert len(values.unit_id) + sum(values.absent.values()) == 3
    short = epoch_irregularity(epoch([np.linspace(0, 0.9, 40)], [0, 1]))
    assert short["fano_1s"].absent == {"no two bins": 1}


def test_an_epoch_without_time_states_nothing():
    found = epoch_irregularity(epoch([[1.0]], []))
    assert all(not values.unit_id for values in found.values())


def test_a_cell_is_measured_with_its_options():
    rng = np.random.default_rng(31)
    units = epoch([poisson(rng, 5.0, 90.0)], [[0, 30], [40, 90]])
    options = {"minimum": 5, "refractory_ms": 3.0, "fano_reference_hz": 2.0}
    found = cell_irregularity(units, options=options)
    plain = epoch_irregularity(units, minimum=5, refractory_s=0.003, reference_hz=2.0)
    assert found.seconds == 80 and set(found.measures) == set(plain)
    for name, values in found.measures.items():
        assert values.value.tolist() == plain[name].value.tolist()
    default = cell_irregularity(units, options=IrregularityOptions().model_dump())
    assert default.measures["lvr"].value != found.measures["lvr"].value
    assert default.measures["fano_1s_matched"].value != found.measures["fano_1s_matched"].value
    assert cell_irregularity(epoch([[1.0]], []), options=options) is None


#: spikes and pieces of time on one grid of binary fractions: moving them is exact
GRID = 1 / 1024


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    ticks=st.lists(st.integers(0, 64 * 1024 - 1), min_size=40, max_size=120),
    cuts=st.lists(st.integers(1, 63), min_size=1, max_size=4, unique=True),
    gaps=st.lists(st.integers(0, 1000), min_size=5, max_size=5),
)
def test_nothing_reaches_over_a_gap_however_long_it_is(ticks, cuts, gaps):
    """A cell in pieces: pairs are those of the pieces, and no measure depends on the gaps."""
    times = np.sort(np.array(ticks) * GRID)
    edges = np.array([0, *sorted(cuts), 64], dtype=float)
    pieces = np.column_stack((edges[:-1], edges[1:]))
    # The spikes of the pieces [0, a), [a, b), ... moved apart by gaps that may be 0.
    shift = np.cumsum(gaps)[: len(pieces)].astype(float)
    home = np.searchsorted(pieces[:, 0], times, side="right") - 1
    apart, moved = times + shift[home], pieces + shift[:, None]
    alone = [interval_pairs(times[home == k], pieces[[k]]) for k in range(len(pieces))]
    for side in range(2):
        expected = np.concatenate([pair[side] for pair in alone])
        assert interval_pairs(apart, moved)[side].tolist() == expected.tolist()
    in_one = [
        {(a, b) for a, b in zip(*interval_pairs(times, at), strict=True)}
        for at in (pieces, whole(64.0))
    ]
    assert in_one[0] <= in_one[1]  # a cut takes pairs away and makes none
    near, far = (
        epoch_irregularity(epoch([train], within), minimum=1)
        for train, within in ((times, pieces), (apart, moved))
    )
    for name, values in near.items():
        assert values.value.tolist() == far[name].value.tolist(), name


def test_no_false_alarm_between_epochs_when_only_the_rate_falls():
    """25 experiments of 6 animals of 4 Poisson units that halve their rate: paired t, 5 %."""
    from scipy import stats

    rng = np.random.default_rng(19)
    changes = {"cv2": [], "fano_1s_matched": [], "burst_excess": []}
    for _ in range(6 * 25):
        rates = rng.uniform(3, 12, 4)
        cells = [
            epoch_irregularity(epoch([poisson(rng, part * r, 40.0) for r in rates], [0, 40]))
            for part in (1.0, 0.5)
        ]
        for name, change in changes.items():
            change.append(cells[1][name].value.mean() - cells[0][name].value.mean())
    for name, change in changes.items():
        p = stats.ttest_1samp(np.reshape(change, (25, 6)), 0, axis=1).pvalue
        assert stats.binomtest(int((p < 0.05).sum()), 25, 0.05).pvalue > 0.01, name


@pytest.mark.real
def test_real_place_cells_fire_in_bursts(real_data):
    """Rat CA1: complex spikes, irregular intervals, counts far more variable than Poisson."""
    from convert_real import wmaze_spikes

    trains = wmaze_spikes(real_data / "nelpy_rat_units" / "w-maze" / "spikes.mat")
    found = epoch_irregularity(epoch(trains, [64, 964]))
    median = {name: np.median(values.value) for name, values in found.items()}
    assert median["burst_index"] > 0.3 and 0.02 < median["burst_excess"] < 0.5
    assert 1.0 < median["cv2"] < 1.5 and median["fano_1s"] > 2
