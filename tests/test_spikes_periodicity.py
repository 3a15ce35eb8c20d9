"""Periodicity: autocorrelograms by definition, planted rhythms, and nulls. Seeds are fixed."""

import numpy as np
import pytest
from scipy.stats import binom, kstest, ttest_rel

from pipeline.spikes import epoch_units, units_dataset
from pipeline.spikes.periodicity import (
    alternate_blocks,
    autocorrelograms,
    modulation_index,
    strongest_rhythm,
    unit_periodicity,
)
from pipeline.spikes.rhythms import band_frequency, band_strength, can_be_told

THETA = (6.0, 10.0)


def poisson(seconds, rate_hz, rng):
    return np.sort(rng.uniform(0, seconds, rng.poisson(rate_hz * seconds)))


def swinging(seconds, rate_hz, hz, depth, rng):
    """Poisson spikes whose rate goes with 1 + depth cos(2 pi hz t)."""
    times = poisson(seconds, rate_hz * (1 + depth), rng)
    return times[rng.random(len(times)) * (1 + depth) < 1 + depth * np.cos(2 * np.pi * hz * times)]


def epoch(trains, intervals):
    names = [f"u{index}" for index in range(len(trains))]
    return epoch_units(units_dataset(trains, names, ["CA1"] * len(trains)), intervals)


def within_binomial(hits, n, level=0.05, tail=0.001):
    return binom.cdf(hits, n, level) > tail and binom.sf(hits - 1, n, level) > tail


def mean_cosine(hz, low, high):
    at = np.linspace(low, high, 10001)
    return np.mean(np.cos(2 * np.pi * hz * at))


# --- autocorrelograms -----------------------------------------------------------------------------


def test_pairs_are_those_of_all_differences_within_intervals():
    rng = np.random.default_rng(1)
    intervals = np.array([[0.0, 20.0], [20.1, 30.0], [90.0, 90.4]])
    units = epoch([poisson(100, 20.0, rng), poisson(100, 2.0, rng), np.empty(0)], intervals)
    lag, pairs, expected = autocorrelograms(units.spike_times, intervals)
    assert lag[:2] == pytest.approx([0.0025, 0.0075]) and len(lag) == 100
    for row, times in enumerate(units.spike_times):
        which = np.searchsorted(intervals[:, 0], times, side="right")
        apart = times - times[:, None]
        apart = apart[(apart > 0) & (which == which[:, None])]
        assert pairs[row].tolist() == np.histogram(apart, np.arange(101) * 0.005)[0].tolist()
    room = np.maximum(np.array([20, 9.9, 0.4])[:, None] - lag, 0).sum(axis=0)
    n = len(units.spike_times[0])
    assert expected[0] == pytest.approx(n * (n - 1) * room * 0.005 / 30.3**2)


@pytest.mark.parametrize("rate_hz", [2.0, 30.0])
def test_autocorrelogram_of_independent_spikes_is_one(rate_hz):
    rng = np.random.default_rng(2)
    bouts = np.column_stack((np.arange(0, 400, 4.0), np.arange(0, 400, 4.0) + 2.0))
    units = epoch([poisson(400, rate_hz, rng) for _ in range(40)], bouts)
    _, pairs, expected = autocorrelograms(units.spike_times, bouts)
    ratio = pairs.sum(axis=0) / expected.sum(axis=0)
    assert np.abs(ratio - 1).max() < 5 / np.sqrt(expected.sum(axis=0).min())
    assert ratio.mean() == pytest.approx(1.0, abs=0.03)


# --- theta-modulation index -----------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [5.0, 40.0])
@pytest.mark.parametrize("depth", [0.4, 0.9])
def test_index_of_a_swinging_rate_is_the_closed_form(depth, rate_hz):
    rng = np.random.default_rng(3)
    trains = [swinging(900, rate_hz, 8.0, depth, rng) for _ in range(8)]
    found = unit_periodicity(epoch(trains, [[0, 900]])).theta_index
    half = depth**2 / 2
    # ranges of whole bins, as those of the index
    peak, trough = mean_cosine(8, 0.1, 0.165), mean_cosine(8, 0.05, 0.085)
    expected = half * (peak - trough) / (2 + half * (peak + trough))
    error = max(np.std(found) / np.sqrt(8), 0.002)
    assert found.mean() == pytest.approx(expected, abs=4 * error)


@pytest.mark.parametrize("hz", [2.0, 25.0, 40.0])
def test_other_rhythms_are_not_taken_for_theta(hz):
    rng = np.random.default_rng(4)
    trains = [swinging(600, 20.0, hz, 0.8, rng) for _ in range(6)]
    assert np.abs(unit_periodicity(epoch(trains, [[0, 600]])).theta_index).max() < 0.12


def test_index_is_not_stated_for_too_few_pairs():
    lag = (np.arange(100) + 0.5) * 0.005
    expected = np.stack([np.full(100, 1.0), np.full(100, 3.0)])
    pairs = np.ones((2, 100)) * [[2.0], [3.0]]
    found = modulation_index(lag, pairs, expected, THETA)
    assert np.isnan(found[0]) and found[1] == 0.0
    assert np.isnan(modulation_index(lag, 0 * pairs, 100 * expected, THETA)).all()


# --- strongest rhythm -----------------------------------------------------------------------------


@pytest.mark.parametrize("hz", [4.0, 8.0, 20.0, 40.0])
def test_strongest_rhythm_is_found_with_its_strength(hz):
    rng = np.random.default_rng(5)
    found = unit_periodicity(epoch([swinging(900, 25.0, hz, 0.8, rng)], [[0, 900]]))
    assert found.frequency_hz[0] == pytest.approx(hz, abs=0.26)
    # bins of 5 ms flatten fast rhythms
    assert found.strength[0] == pytest.approx(0.32 * np.sinc(hz * 0.005), rel=0.15)
    assert found.strength_z[0] > 6


def test_chance_gives_no_strong_rhythm():
    rng = np.random.default_rng(6)
    trains = [poisson(300, rate, rng) for rate in (3.0, 10.0, 30.0) for _ in range(60)]
    z = unit_periodicity(epoch(trains, [[0, 300]])).strength_z
    assert 2.0 < np.median(z) < 3.0
    assert np.mean(z > 4.5) < 0.02


def test_one_frequency_is_standard_normal_by_chance():
    """The least-squares height over its error, at frequencies chosen beforehand."""
    rng = np.random.default_rng(7)
    trains = [poisson(300, 10.0, rng) for _ in range(200)]
    lag, pairs, expected = autocorrelograms(trains, [[0, 300]])
    draws = (pairs - expected) / np.sqrt(expected)
    assert kstest(draws[:, 10:].ravel(), "norm").pvalue > 0.001
    frequency, height, z = strongest_rhythm(lag, pairs / expected, expected)
    assert ((frequency >= 3) & (frequency <= 50)).all()
    assert ((height > 0) & (z > 0)).all()


def test_bursts_alone_are_no_rhythm():
    rng = np.random.default_rng(8)
    first = [poisson(599, 3.0, rng) for _ in range(20)]
    trains = [
        np.sort((t[:, None] + np.cumsum(rng.uniform(0.003, 0.006, (len(t), 3)), 1)).ravel())
        for t in first
    ]
    found = unit_periodicity(epoch(trains, [[0, 600]]))
    assert (found.autocorrelogram[:, 1] > 5).all()
    error = found.theta_index.std() / np.sqrt(20)
    assert abs(found.theta_index.mean()) < 4 * error
    assert error < 0.02


# --- rhythms of a band ----------------------------------------------------------------------------


def test_blocks_take_turns_through_all_intervals():
    even, odd = alternate_blocks([[0.0, 25.0], [30.0, 34.0], [50.0, 60.0]], 10.0)
    assert even.tolist() == [[0, 10], [20, 25], [50, 60]]
    assert odd.tolist() == [[10, 20], [30, 34]]
    assert [len(half) for half in alternate_blocks(np.empty((0, 2)), 10.0)] == [0, 0]


def test_bands_that_lags_can_tell():
    assert can_be_told((6, 10)) and can_be_told((3, 80))
    assert not can_be_told((1, 4)) and not can_be_told((65, 100))


def test_by_chance_a_band_has_no_strength_at_any_rate_where_the_maximum_has():
    """100 Poisson units per rate; limits of four standard errors."""
    rng = np.random.default_rng(11)
    rates = (3.0, 10.0, 30.0)
    trains = [poisson(200, rate, rng) for rate in rates for _ in range(100)]
    found = unit_periodicity(epoch(trains, [[0, 200]]))
    assert found.strength[:100].mean() > 0.1 > 0.02 > found.strength[200:].mean()
    for band in (THETA, (15, 30), (30, 55)):
        for strength in band_strength(found, band).reshape(3, 100):
            limit = 4 * strength.std() / 10
            assert limit < 0.05 and strength.mean() == pytest.approx(0.0, abs=limit)
        assert np.isfinite(band_frequency(found, band)).mean() < 0.02


@pytest.mark.parametrize("hz", [6.5, 9.5])
def test_strength_of_a_band_is_that_of_the_swing_wherever_it_lies_in_it(hz):
    rng = np.random.default_rng(12)
    trains = [swinging(400, rate, hz, 0.6, rng) for rate in (10.0, 40.0) for _ in range(8)]
    found = unit_periodicity(epoch(trains, [[0, 150], [200, 400]]))
    strength = band_strength(found, THETA).reshape(2, 8).mean(axis=1)
    assert strength == pytest.approx(0.18, abs=0.02)
    assert band_frequency(found, THETA) == pytest.approx(hz, abs=0.25)


def test_a_slope_beyond_the_edge_of_a_band_is_no_frequency_in_it():
    rng = np.random.default_rng(13)
    found = unit_periodicity(epoch([swinging(600, 30.0, 12.0, 0.9, rng)], [[0, 600]]))
    assert np.isnan(band_frequency(found, THETA)[0])


def test_an_epoch_of_one_block_has_no_strength_of_a_band():
    rng = np.random.default_rng(14)
    found = unit_periodicity(epoch([swinging(9, 80.0, 8.0, 0.9, rng)], [[0, 9]]))
    assert np.isfinite(found.theta_index[0]) and np.isnan(band_strength(found, THETA)[0])


def test_the_length_of_a_gap_changes_nothing():
    rng = np.random.default_rng(15)
    train = np.sort(rng.integers(0, 60 * 1024, 900)) / 1024  # exact when moved by whole seconds
    late = train >= 25.0
    near = unit_periodicity(epoch([train], [[0, 25], [25, 60]]))
    far = unit_periodicity(epoch([train + 300.0 * late], [[0, 25], [325, 360]]))
    for name in ("autocorrelogram", "halves", "theta_index", "strength"):
        assert getattr(near, name).tolist() == getattr(far, name).tolist(), name


# --- epochs ---------------------------------------------------------------------------------------


def test_few_spikes_and_short_bouts_give_no_value():
    rng = np.random.default_rng(9)
    trains = [np.sort(rng.uniform(0, 100, n)) for n in (99, 100, 0)]
    found = unit_periodicity(epoch(trains, [[0, 100]]))
    assert found.unit_id == ["u1"] and found.too_few == ("u0", "u2")
    assert unit_periodicity(epoch(trains[:1], [[0, 100]])) is None
    bouts = np.column_stack((np.arange(0, 100, 1.0), np.arange(0, 100, 1.0) + 0.45))
    assert unit_periodicity(epoch([poisson(100, 40, rng)], bouts)) is None


def test_epochs_differ_at_5_percent_when_nothing_changes():
    """Paired t over 8 units; a third of the spikes left in the second epoch changes nothing."""
    rng = np.random.default_rng(10)
    before, after = (
        unit_periodicity(
            epoch([swinging(120, rate, 8.0, 0.7, rng) for _ in range(480)], [[0, 120]])
        ).theta_index
        for rate in (15.0, 5.0)
    )
    p = ttest_rel(before.reshape(60, 8), after.reshape(60, 8), axis=1).pvalue
    assert within_binomial(int((p < 0.05).sum()), 60)
    error = np.std(before - after) / np.sqrt(480)
    assert abs(np.mean(before - after)) < 4 * error
