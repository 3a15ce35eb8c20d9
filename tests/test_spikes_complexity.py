"""Spike Lempel-Ziv: worked by hand, what its twins keep, order of nothing, recovery and null."""

import math

import numpy as np
import pytest

from pipeline.experiment.spike_options import SpikeComplexityOptions
from pipeline.lfp.lempel_ziv import lempel_ziv_rate, lempel_ziv_words
from pipeline.spikes import epoch_units, units_dataset
from pipeline.spikes.complexity import (
    cell_spike_complexity,
    epoch_spike_complexity,
    occupied_bins,
    poisson_twin,
    shuffled_twin,
    spread,
    window_starts,
)


def poisson(rng, rate, seconds, start=0.0):
    return np.sort(rng.uniform(start, start + seconds, rng.poisson(rate * seconds)))


def epoch(trains, intervals, names=None):
    names = names or [f"u{index}" for index in range(len(trains))]
    return epoch_units(units_dataset(trains, names, ["CA1"] * len(trains)), intervals)


def test_bins_worked_by_hand():
    bits = occupied_bins([0.99, 1.0, 1.004, 1.03, 1.0499, 1.05], 1.0, bin_s=0.01, n_bins=5)
    assert bits.tolist() == [True, False, False, True, True]
    # 0.07 = 7 x 0.01 in decimal, not in binary: the spike belongs to bin 7
    assert np.flatnonzero(occupied_bins([0.07], 0.0, bin_s=0.01, n_bins=10)).tolist() == [7]


def test_windows_lie_inside_intervals_and_are_spread():
    starts = window_starts(np.array([[0.0, 25.0], [30.0, 39.9], [40.0, 60.0]]), 10.0)
    assert starts.tolist() == [0, 10, 40, 50]
    assert spread(starts, 4) == [0, 10, 40, 50]
    assert spread(starts, 2) == [10, 50]
    assert spread(np.arange(100.0), 5) == [10, 30, 50, 70, 90]
    assert len(window_starts(np.empty((0, 2)), 10.0)) == 0


def test_value_is_the_one_of_the_bits():
    train = np.array([0.005, 0.015, 0.045, 0.095, 0.105, 0.155])
    found = epoch_spike_complexity(
        epoch([train], [0, 0.2]), window_s=0.2, at_most=3, minimum_spikes=1
    )
    # parsed by hand: 1.10.01.000.011.000010.000
    bits = [int(letter) for letter in "11001000011000010000"]
    assert lempel_ziv_words(bits) == 7
    assert found.lempel_ziv.value[0] == pytest.approx(7 * math.log2(20) / 20)
    assert found.lempel_ziv.value[0] == lempel_ziv_rate(bits)


def test_twins_keep_what_they_promise():
    rng = np.random.default_rng(21)
    bits = rng.random(2000) < 0.07
    poisson_like, shuffled = poisson_twin(bits, rng), shuffled_twin(bits, rng)
    assert poisson_like.sum() == shuffled.sum() == bits.sum()
    gaps = [np.sort(np.diff(np.flatnonzero(one))) for one in (bits, shuffled, poisson_like)]
    np.testing.assert_array_equal(gaps[0], gaps[1])
    assert not np.array_equal(gaps[0], gaps[2]) and not np.array_equal(bits, shuffled)
    nothing = np.zeros(50, dtype=bool)
    assert not poisson_twin(nothing, rng).any() and not shuffled_twin(nothing, rng).any()


def test_every_place_is_as_likely_in_a_poisson_twin():
    rng = np.random.default_rng(22)
    bits = np.arange(20) < 5
    counts = sum(poisson_twin(bits, rng).astype(int) for _ in range(4000))
    # chi-square with 19 degrees of freedom, less what drawing without replacement takes away
    assert np.sum((counts - 1000) ** 2 / (1000 * 0.75)) * 19 / 20 < 43.8


def test_values_do_not_depend_on_order_or_on_other_epochs():
    rng = np.random.default_rng(23)
    trains = [poisson(rng, 4.0, 60.0) for _ in range(3)]
    names = ["a", "b", "c"]
    one = epoch_spike_complexity(epoch(trains, [0, 60], names), window_s=20.0)
    turned = epoch_spike_complexity(epoch(trains[::-1], [0, 60], names[::-1]), window_s=20.0)
    alone = epoch_spike_complexity(epoch(trains[1:2], [0, 60], ["b"]), window_s=20.0)
    for kind in ("lempel_ziv", "against_poisson", "against_shuffled"):
        values = getattr(one, kind).value
        np.testing.assert_array_equal(values, getattr(turned, kind).value[::-1])
        np.testing.assert_array_equal(values[1:2], getattr(alone, kind).value)
    other = epoch_spike_complexity(epoch(trains, [0, 60], ["x", "y", "z"]), window_s=20.0)
    assert (other.lempel_ziv.value == one.lempel_ziv.value).all()
    assert (other.against_poisson.value != one.against_poisson.value).all()


def test_raw_value_follows_the_rate_and_the_ratio_does_not():
    """100 Poisson units per rate; limits of four standard errors."""
    rng = np.random.default_rng(24)
    raw = []
    for rate in (2.0, 8.0, 32.0):
        trains = [poisson(rng, rate, 60.0) for _ in range(100)]
        found = epoch_spike_complexity(epoch(trains, [0, 60]), window_s=20.0)
        raw.append(found.lempel_ziv.value.mean())
        for values in (found.against_poisson, found.against_shuffled):
            ratio = np.log2(values.value)
            limit = 4 * ratio.std() / math.sqrt(len(ratio))
            assert limit < 0.035 and ratio.mean() == pytest.approx(0.0, abs=limit), rate
    assert raw[2] > 4 * raw[0]


def test_twins_of_two_animals_do_not_deviate_alike():
    """Same unit names and times in two animals, as sorters give them."""
    rng = np.random.default_rng(29)
    animals = []
    for _ in range(2):
        trains = [poisson(rng, 5.0, 20.0) for _ in range(300)]
        found = epoch_spike_complexity(epoch(trains, [0, 20]), window_s=20.0, minimum_spikes=1)
        animals.append(np.log2(found.against_poisson.value))
    assert abs(np.corrcoef(animals)[0, 1]) < 3.3 / math.sqrt(300)


def test_structure_is_told_from_rate_and_order_from_irregularity():
    """All at 10 Hz: a clock, gamma renewal, long and short intervals in turn."""
    rng = np.random.default_rng(25)
    trains = {
        "clock": [np.arange(0.05 + 0.003 * k, 60.0, 0.1) for k in range(10)],
        "gamma": [np.cumsum(rng.gamma(8.0, 0.1 / 8.0, 900)) for _ in range(10)],
        "turns": [np.cumsum(rng.gamma(8.0, np.tile([0.04, 0.16], 450) / 8.0)) for _ in range(10)],
    }
    poisson_like, order = {}, {}
    for name, kind in trains.items():
        units = epoch([one[one < 60.0] for one in kind], [0, 60])
        found = epoch_spike_complexity(units, window_s=20.0)
        poisson_like[name] = found.against_poisson.value.mean()
        shuffled = np.log2(found.against_shuffled.value)
        if name != "clock":  # all of its intervals are alike: shuffled, it is itself
            order[name] = shuffled.mean() / (shuffled.std(ddof=1) / math.sqrt(len(shuffled)))
    assert poisson_like["clock"] < 0.2
    # a renewal train: less than Poisson, and no order in it; in turns: order too
    assert poisson_like["gamma"] < 0.9 and abs(order["gamma"]) < 3.3
    assert poisson_like["turns"] < 0.95 and order["turns"] < -4


def test_length_of_the_epoch_does_not_matter():
    rng = np.random.default_rng(26)
    trains = [poisson(rng, 6.0, 200.0) for _ in range(30)]
    short = epoch_spike_complexity(epoch(trains, [0, 20]), window_s=20.0)
    long = epoch_spike_complexity(epoch(trains, [0, 200]), window_s=20.0, at_most=10)
    assert (short.n_windows, long.n_windows) == (1, 10)
    change = long.lempel_ziv.value - short.lempel_ziv.value
    assert change.mean() == pytest.approx(0.0, abs=4 * change.std() / math.sqrt(30))


@pytest.mark.parametrize(("wander", "expected"), [(0.0, 0.004), (0.8, 0.09)])
def test_one_window_reads_a_little_less_than_five_where_windows_differ(wander, expected):
    """100 units of 2 Hz: log2 of the mean of their five windows, less mean of log2."""
    rng = np.random.default_rng(32)
    lower = []
    for _ in range(100):
        rates = 2.0 * np.exp(rng.normal(-(wander**2) / 2, wander, 15))
        train = np.concatenate([poisson(rng, rate, 20.0, 20.0 * k) for k, rate in enumerate(rates)])
        values = [
            lempel_ziv_rate(occupied_bins(train, start, bin_s=0.01, n_bins=6000))
            for start in np.arange(5) * 60.0
        ]
        lower.append(np.log2(np.mean(values)) - np.mean(np.log2(values)))
    assert np.mean(lower) == pytest.approx(expected, abs=0.001 if wander == 0 else 0.03)


def test_distance_of_a_structured_train_from_its_twins_depends_on_the_rate():
    """Doublets at random: above their shuffled twins when sparse, below when dense."""
    rng = np.random.default_rng(33)
    order = {}
    for rate in (2.0, 20.0):
        trains = []
        for _ in range(60):
            first = poisson(rng, rate / 2, 60.0)
            train = np.sort(np.r_[first, first + rng.uniform(0.003, 0.02, len(first))])
            trains.append(train[train < 60.0])
        found = epoch_spike_complexity(epoch(trains, [0, 60]))
        order[rate] = found.against_shuffled.value.mean()
        assert found.against_poisson.value.mean() < 0.93
    assert order[2.0] == pytest.approx(1.05, abs=0.03)
    assert order[20.0] == pytest.approx(0.98, abs=0.01)


def test_a_cell_is_measured_with_its_options():
    rng = np.random.default_rng(34)
    units = epoch([poisson(rng, 5.0, 90.0)], [[0, 50], [60, 100]])
    options = {"bin_s": 0.02, "window_s": 10.0, "windows": 3, "minimum_spikes": 20}
    found = cell_spike_complexity(units, options=options)
    plain = epoch_spike_complexity(units, bin_s=0.02, window_s=10.0, at_most=3, minimum_spikes=20)
    assert (found.seconds, found.n_windows) == (90, 3)
    for kind in ("lempel_ziv", "against_poisson", "against_shuffled"):
        assert getattr(found, kind).value.tolist() == getattr(plain, kind).value.tolist()
    # windows of 60 s: neither piece of the cell holds one
    assert cell_spike_complexity(units, options=SpikeComplexityOptions().model_dump()) is None
    assert cell_spike_complexity(epoch([[1.0]], []), options=options) is None


def test_no_window_reaches_over_a_gap_and_the_value_does_not_know_its_length():
    rng = np.random.default_rng(35)
    train = np.sort(rng.integers(0, 40 * 1024, 300)) / 1024  # exact when moved by whole seconds
    late = train >= 25.0
    near = epoch_spike_complexity(epoch([train], [[0, 25], [25, 40]]), window_s=10.0)
    far = epoch_spike_complexity(
        epoch([train + 400.0 * late], [[0, 25], [425, 440]]), window_s=10.0
    )
    one = epoch_spike_complexity(epoch([train], [[0, 40]]), window_s=10.0)
    assert (near.n_windows, far.n_windows, one.n_windows) == (3, 3, 4)
    assert near.lempel_ziv.value.tolist() == far.lempel_ziv.value.tolist()
    assert near.lempel_ziv.value[0] != one.lempel_ziv.value[0]


def test_what_cannot_be_stated_is_absent_and_counted():
    rng = np.random.default_rng(27)
    units = epoch([[], [3.0, 4.0], poisson(rng, 5.0, 60.0)], [0, 60])
    found = epoch_spike_complexity(units, window_s=20.0)
    assert found.lempel_ziv.unit_id == ["u0", "u1", "u2"] and not found.lempel_ziv.absent
    assert found.lempel_ziv.value[0] == pytest.approx(2 * math.log2(2000) / 2000)  # silence is data
    for ratio in (found.against_poisson, found.against_shuffled):
        assert ratio.unit_id == ["u2"] and ratio.absent == {"fewer than 50 bins with spikes": 2}
        assert np.isfinite(ratio.value).all()
    none = epoch_spike_complexity(epoch([[1.0]], [0, 30]))
    assert none.n_windows == 0 and not none.lempel_ziv.unit_id
    assert none.lempel_ziv.absent == none.against_poisson.absent == {"no window of 60 s": 1}
    assert epoch_spike_complexity(epoch([], [0, 60])).lempel_ziv.unit_id == []


def test_no_false_alarm_between_epochs_when_only_the_rate_doubles():
    """20 experiments of 5 animals of 2 Poisson units: paired t on animal means of the ratio."""
    from scipy import stats

    rng = np.random.default_rng(28)
    change = []
    for _ in range(20 * 5):
        rates = rng.uniform(3, 10, 2)
        cells = [
            epoch_spike_complexity(
                epoch([poisson(rng, part * r, 20.0, start) for r in rates], [start, start + 20]),
                window_s=20.0, minimum_spikes=20,
            )
            for part, start in ((1.0, 0.0), (2.0, 100.0))
        ]  # fmt: skip
        logs = [
            [np.log2(getattr(cell, kind).value).mean() for cell in cells]
            for kind in ("against_poisson", "against_shuffled")
        ]
        change.append([after - before for before, after in logs])
    p = stats.ttest_1samp(np.reshape(change, (20, 5, 2)), 0, axis=1).pvalue
    for kind in range(2):
        assert stats.binomtest(int((p[:, kind] < 0.05).sum()), 20, 0.05).pvalue > 0.01
