"""Groups of units: closed forms, surrogates, planted structure, and nulls. Seeds are fixed."""

import numpy as np
import pytest
from scipy.stats import binom, kstest, spearmanr, ttest_rel

from pipeline.lfp import lfp_array
from pipeline.spikes import epoch_units, units_dataset
from pipeline.spikes.groups import epoch_groups, participation, rate_variation, synchrony
from pipeline.spikes.phases import spike_phases
from pipeline.spikes.population_coupling import population_coupling
from pipeline.spikes.rate_power import rate_power_correlation


def poisson(seconds, rate_hz, rng):
    return np.sort(rng.uniform(0, seconds, rng.poisson(rate_hz * seconds)))


def common_gain(seconds, rate_hz, n, rng, *, depth, bin_s=0.1):
    """Poisson trains whose rates follow one gain of mean 1 and SD `depth`, new in every bin."""
    n_bins = round(seconds / bin_s)
    gain = rng.gamma(1 / depth**2, depth**2, n_bins) if depth else np.ones(n_bins)
    highest = gain.max()
    trains = []
    for _ in range(n):
        times = poisson(seconds, rate_hz * highest, rng)
        at = np.minimum((times / bin_s).astype(int), len(gain) - 1)
        trains.append(times[rng.random(len(times)) * highest < gain[at]])
    return trains


def epoch(trains, intervals, regions=None):
    names = [f"u{index}" for index in range(len(trains))]
    return epoch_units(units_dataset(trains, names, regions or ["CA1"] * len(trains)), intervals)


def within_binomial(hits, n, level=0.05, tail=0.001):
    return binom.cdf(hits, n, level) > tail and binom.sf(hits - 1, n, level) > tail


# --- population coupling --------------------------------------------------------------------------


def test_coupling_is_the_kernel_sum_over_spikes_of_others():
    """By definition, from exact differences of times; the grid of 1 ms changes it by little."""
    rng = np.random.default_rng(1)
    trains = common_gain(100, 10.0, 5, rng, depth=0.7)
    found, relative = population_coupling(trains, [[0, 100]])
    for unit, own in enumerate(trains):
        others = np.sort(np.concatenate([t for i, t in enumerate(trains) if i != unit]))
        inner = own[(own > 0.1) & (own < 99.9)]
        apart = others - inner[:, None]
        around = np.exp(-0.5 * (apart / 0.012) ** 2).sum() / (0.012 * np.sqrt(2 * np.pi))
        expected = around / len(inner) - len(others) / 100
        assert found[unit] == pytest.approx(expected, rel=0.03, abs=0.05)
        assert relative[unit] == pytest.approx(found[unit] / (len(others) / 100))


def test_coupling_recovers_a_common_gain():
    """A gain of variance v in bins long against the kernel: coupling v less a tenth."""
    rng = np.random.default_rng(2)
    for depth in (0.3, 0.6):
        trains = common_gain(600, 6.0, 12, rng, depth=depth, bin_s=0.5)
        relative = population_coupling(trains, [[0, 600]])[1]
        assert relative.mean() == pytest.approx(depth**2, rel=0.12)


@pytest.mark.parametrize("own_hz", [1.0, 20.0])
def test_coupling_of_independent_units_is_zero_in_bursts_and_bouts(own_hz):
    """Own spikes are taken off; borders of bouts make no coupling.

    Scatter: a burst sees 30 Hz x 2 sqrt(pi) 12 ms = 1.3 spikes of others.
    """
    rng = np.random.default_rng(3)
    starts = np.arange(0, 400, 4.0)
    bouts = np.column_stack((starts, starts + rng.uniform(0.5, 3.5, len(starts))))
    values = []
    for _ in range(12):
        first = poisson(399, own_hz / 4, rng)
        unit = np.sort((first[:, None] + np.arange(4) * 0.004).ravel())
        trains = [unit, *(poisson(400, 5.0, rng) for _ in range(6))]
        units = epoch(trains, bouts)
        values.append(population_coupling(units.spike_times, bouts)[1][0])
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(12)
    n_bursts = own_hz / 4 * np.sum(bouts[:, 1] - bouts[:, 0])
    assert np.std(values) == pytest.approx(1 / np.sqrt(1.28 * n_bursts), rel=0.5)


# --- synchrony ------------------------------------------------------------------------------------


def jittered(trains, rng, window_s=0.05):
    return [np.sort((np.floor(t / window_s) + rng.random(len(t))) * window_s) for t in trains]


def coincidences(trains, seconds, bin_s=0.005):
    counts = [
        np.bincount((t / bin_s).astype(int), minlength=round(seconds / bin_s)) for t in trains
    ]
    total, own = np.sum(counts, axis=0), np.sum(np.square(counts), axis=0)
    return np.sum(total**2 - own) / 2


def test_mean_and_spread_under_jitter_are_those_of_drawn_surrogates():
    rng = np.random.default_rng(4)
    trains = common_gain(60, 8.0, 8, rng, depth=0.8, bin_s=0.05)
    found = coincidences(trains, 60)
    drawn = np.array([coincidences(jittered(trains, rng), 60) for _ in range(800)])
    ratio, z, expected = synchrony(trains, [[0, 60]])
    assert expected == pytest.approx(drawn.mean(), abs=4 * drawn.std() / np.sqrt(800))
    assert ratio == pytest.approx(found / expected)
    assert (found - expected) / z == pytest.approx(drawn.std(), rel=0.1)


def test_synchrony_of_independent_units_is_standard_normal_even_when_rates_covary():
    rng = np.random.default_rng(5)
    z = []
    for _ in range(150):
        trains = common_gain(40, 8.0, 6, rng, depth=0.8, bin_s=0.5)
        z.append(synchrony(trains, [[0, 40]])[1])
    assert kstest(z, "norm").pvalue > 0.01
    assert within_binomial(int(np.sum(np.abs(z) > 1.96)), 150)


def test_bursts_leave_the_ratio_right_and_make_z_too_large():
    """Independent units in bursts of four: jitter of single spikes takes the bursts apart."""
    rng = np.random.default_rng(15)

    def bursting():
        first = poisson(39, 2.0, rng)
        return np.sort(
            (first[:, None] + np.cumsum(rng.uniform(0.003, 0.008, (len(first), 4)), 1)).ravel()
        )

    found = np.array([synchrony([bursting() for _ in range(6)], [[0, 40]]) for _ in range(120)])
    ratio, z, _ = found.T
    assert ratio.mean() == pytest.approx(1.0, abs=4 * ratio.std() / np.sqrt(120))
    assert z.std() > 1.15


def test_planted_coincidences_are_found():
    """Of n pairs of windows' spikes a share c is made to coincide: ratio 1 + c (m - 1)."""
    rng = np.random.default_rng(6)
    one = poisson(400, 6.0, rng)
    common = one[rng.random(len(one)) < 0.2]
    other = np.sort(np.concatenate([common + 1e-6, poisson(400, 4.8, rng)]))
    ratio, z, _ = synchrony([one, other], [[0, 400]])
    by_rate = len(one) * len(other) * 0.05 / 400
    both = len(common)
    expected = (both + by_rate / 10) / (both / 10 + by_rate / 10)
    assert ratio == pytest.approx(expected, rel=0.1)
    assert z > 10
    with pytest.raises(ValueError, match="whole multiple"):
        synchrony([one, other], [[0, 400]], coincidence_s=0.03)
    assert np.isnan(synchrony([one, np.empty(0)], [[0, 400]])[:2]).all()


# --- participation --------------------------------------------------------------------------------


def test_participation_ratio_is_that_of_the_eigenvalues():
    rng = np.random.default_rng(7)
    trains = common_gain(100, 6.0, 9, rng, depth=0.8)
    counts = [np.histogram(t, np.arange(1001) * 0.1)[0] for t in trains]
    values = np.linalg.eigvalsh(np.corrcoef(counts))
    expected = values.sum() ** 2 / np.sum(values**2)
    assert participation(trains, [[0, 100]], n_units=9)[0] == pytest.approx(expected)


def test_dimension_of_ten_units_depends_neither_on_their_number_nor_on_length():
    rng = np.random.default_rng(8)
    found = {}
    for n, seconds in ((8, 600), (30, 600), (30, 120)):
        found[n, seconds] = np.array(
            [
                participation(
                    common_gain(seconds, 8.0, n, rng, depth=0.8), [[0, seconds]], n_units=10
                )
                for _ in range(12)
            ]
        )
    # Poisson counts of mean 0.8 and a gain of variance 0.64: r = 0.64 x 0.8 / (1 + 0.64 x 0.8)
    r = 0.512 / 1.512
    for values in found.values():
        error = values[:, 1].std() / np.sqrt(12)
        assert values[:, 1].mean() == pytest.approx(10 / (1 + 9 * r**2), abs=4 * error)
        assert error < 0.35
    # what would be compared otherwise: 8 against 30 units
    assert found[30, 600][:, 0].mean() > 1.3 * found[8, 600][:, 0].mean()


def test_dimension_of_independent_units_is_their_number():
    rng = np.random.default_rng(9)
    values = np.array(
        [
            participation([poisson(60, 5.0, rng) for _ in range(20)], [[0, 60]], n_units=10)
            for _ in range(20)
        ]
    )
    assert values[:, 1].mean() == pytest.approx(10.0, abs=4 * values[:, 1].std() / np.sqrt(20))
    assert values[:, 0].mean() < 19.6  # the sample's correlations are not zero
    assert np.isnan(participation([poisson(60, 5.0, rng), np.empty(0)], [[0, 60]], n_units=10)[0])


# --- population rate ------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [0.0, 0.5])
def test_variation_of_the_population_rate(depth):
    """n units of mean count m and a gain of variance v: variance n m + v (n m)^2."""
    rng = np.random.default_rng(10)
    trains = common_gain(600, 10.0, 10, rng, depth=depth)
    variation, shared = rate_variation(trains, [[0, 600]])
    assert variation == pytest.approx(np.sqrt(1 / 2 + depth**2), rel=0.04)
    assert shared == pytest.approx(depth**2, abs=0.03)
    assert np.isnan(rate_variation([np.empty(0)], [[0, 600]])).all()


# --- epochs ---------------------------------------------------------------------------------------


def test_regions_with_few_units_have_no_entry():
    rng = np.random.default_rng(11)
    trains = [poisson(100, 3.0, rng) for _ in range(14)] + [np.arange(10.0)]
    regions = ["PrL"] * 6 + ["CA1"] * 4 + [""] * 4 + ["CA1"]
    (found,) = epoch_groups(epoch(trains, [[0, 100]], regions))
    assert found.region == "PrL" and found.unit_id == [f"u{i}" for i in range(6)]
    assert found.coupling.shape == (6,) and found.seconds == 100
    assert epoch_groups(epoch(trains, [[0, 5]], regions)) == []


def test_epochs_differ_at_5_percent_when_nothing_changes():
    """Paired t over 8 animals of 8 units with a common gain; 20 experiments."""
    rng = np.random.default_rng(12)
    names = ("coupling", "synchrony", "dimension", "shared_variation")
    hits = dict.fromkeys(names, 0)
    for _ in range(20):
        rows = []
        for _ in range(16):
            trains = common_gain(40, 6.0, 8, rng, depth=0.5, bin_s=0.2)
            (group,) = epoch_groups(epoch(trains, [[0, 40]]))
            rows.append([np.mean(getattr(group, name)) for name in names])
        before, after = np.array(rows).reshape(8, 2, 4).transpose(1, 0, 2)
        for name, p in zip(names, ttest_rel(before, after).pvalue, strict=True):
            hits[name] += p < 0.05
    assert all(within_binomial(int(count), 20) for count in hits.values()), hits


# --- rate and power -------------------------------------------------------------------------------


def beta_session(coupled, seconds=400, n=6, seed=13):
    """LFP whose beta goes up and down in seconds, and units whose rates follow it or do not."""
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.lognormal(0, 0.5, seconds // 2), 2)
    t = np.arange(seconds * 250) / 250.0
    wave = np.sqrt(2 * np.repeat(level, 250)) * np.cos(2 * np.pi * 20 * t)
    lfp = lfp_array(
        np.column_stack([wave, wave]) + 0.3 * rng.standard_normal((len(t), 2)),
        rate_hz=250.0,
        channels=["a", "b"],
        region={"a": "CA1", "b": "CA1"},
        pass_band_hz=100.0,
    )
    gain = level if coupled else level[::-1]
    trains = []
    for _ in range(n):
        times = poisson(seconds, 8.0 * gain.max(), rng)
        trains.append(times[rng.random(len(times)) * gain.max() < gain[times.astype(int)]])
    names = [f"u{index}" for index in range(n)]
    units = units_dataset(trains, names, ["CA1"] * n)
    bands = {"beta": (15, 30), "low_gamma": (30, 55)}
    phases = spike_phases(lfp, units, [[0, seconds]], bands=bands, unit_channel={"u0": "a"})
    return epoch_units(units, [[10, 390]]), phases, level


def test_correlation_with_power_is_spearmans():
    units, phases, level = beta_session(coupled=True)
    found = rate_power_correlation(units, phases)
    assert found.n_seconds == 380 and found.bands == ("beta", "low_gamma")
    for row, times in enumerate(units.spike_times):
        counts = np.histogram(times, np.arange(10, 391))[0]
        channel = phases.power_channel.index(phases.channel[row])
        power = phases.power[channel, 0, 10:390]
        assert found.correlation[row, 0] == pytest.approx(spearmanr(counts, power)[0], abs=1e-9)
        assert found.correlation[row, 0] == pytest.approx(
            spearmanr(counts, level[10:390])[0], abs=0.05
        )
    assert (found.correlation[:, 0] > 0.5).all()
    assert (np.abs(found.correlation[:, 1]) < 0.3).all()


def test_unrelated_rates_do_not_correlate_with_power():
    found = rate_power_correlation(*beta_session(coupled=False)[:2])
    assert (np.abs(found.correlation) < 0.25).all()
    units, phases, _ = beta_session(coupled=False)
    assert rate_power_correlation(units, phases, minimum_seconds=381) is None
    assert rate_power_correlation(units, phases, minimum_spikes=10**6) is None


def test_slow_courses_after_a_dose_do_not_correlate():
    """Power doubles and rates double over an hour, each in one steady course."""
    rng = np.random.default_rng(14)
    seconds = 3600
    course = 2.0 ** (np.arange(seconds) / seconds)
    noise = rng.standard_normal((seconds * 100, 1)) * np.sqrt(np.repeat(course, 100))[:, None]
    lfp = lfp_array(noise, rate_hz=100.0, channels=["a"], region={"a": "CA1"}, pass_band_hz=40.0)
    trains = []
    for _ in range(4):
        times = poisson(seconds, 16.0, rng)
        trains.append(times[rng.random(len(times)) * 2 < course[times.astype(int)]])
    units = units_dataset(trains, list("wxyz"), ["CA1"] * 4)
    phases = spike_phases(lfp, units, [[0, seconds]], bands={"beta": (15, 30)})
    counts = np.array([np.bincount(t.astype(int), minlength=seconds) for t in trains])[:, 2:-2]
    plain = [spearmanr(row, phases.power[0, 0, 2:-2])[0] for row in counts]
    found = rate_power_correlation(epoch_units(units, [[0, seconds]]), phases)
    assert np.mean(plain) > 0.15
    assert abs(found.correlation.mean()) < 0.04
