"""Spike leakage: what planted waveforms explain, and what rhythms, chance and other regions do not.

Truth: the power of the planted waveforms in the band over the power of the whole; seeds are fixed.
"""

import tracemalloc

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.lfp import lfp_array
from pipeline.lfp.multitaper import tapers_for
from pipeline.spikes import leakage, spike_leakage, units_dataset
from pipeline.spikes.leakage import _band_spectra, _sampled, spread
from pipeline.spikes.leakage_groups import TOGETHER, _table, _trains
from pipeline.spikes.metrics import hfo_spike_leakage

RATE = 1000.0
BAND = [80, 200]


def noise(seconds, n_channels, rng, density_of=lambda hz: 4000 / hz**2):
    n = round(seconds * RATE)
    hz = np.fft.rfftfreq(n, 1 / RATE)
    scale = np.zeros(len(hz))
    scale[1:] = np.sqrt(density_of(hz[1:]) * RATE * n / 4)
    parts = rng.standard_normal((n_channels, len(hz), 2)).view(complex)[..., 0]
    return np.fft.irfft(parts * scale, n, axis=1).T


def waveform(t):
    """A spike as an LFP amplifier may show it: a trough of 0.4 ms, then a slower bump."""
    return -np.exp(-((t / 0.0004) ** 2) / 2) + 0.35 * np.exp(-(((t - 0.001) / 0.0007) ** 2) / 2)


def planted(times, n_samples):
    """Waveforms at exact times, sampled at the rate of the LFP."""
    line = np.zeros(n_samples)
    nearest = np.round(times * RATE).astype(int)
    for offset in range(-6, 7):
        at = nearest + offset
        inside = (at >= 0) & (at < n_samples)
        np.add.at(line, at[inside], waveform(at[inside] / RATE - times[inside]))
    return line


def poisson(seconds, rate_hz, rng):
    return np.sort(rng.uniform(0, seconds, rng.poisson(rate_hz * seconds)))


def power(values):
    spectrum = np.fft.rfft(values, axis=0)
    hz = np.fft.rfftfreq(len(values), 1 / RATE)
    return np.sum(np.abs(spectrum[(hz >= BAND[0]) & (hz < BAND[1])]) ** 2)


def lfp_of(values, regions):
    names = [f"ch{index}" for index in range(values.shape[1])]
    region = dict(zip(names, regions, strict=True))
    return lfp_array(values, rate_hz=RATE, channels=names, region=region, pass_band_hz=400.0)


def units_of(trains, regions):
    return units_dataset(trains, [f"u{index}" for index in range(len(trains))], regions)


def session(seconds=60, n_units=4, rate_hz=5.0, amplitude=60.0, n_channels=3, seed=0):
    """LFP of one region with leaked spikes, its units, and the share of power that is leaked."""
    rng = np.random.default_rng(seed)
    trains = [poisson(seconds, rate_hz, rng) for _ in range(n_units)]
    background = noise(seconds, n_channels, rng)
    gains = amplitude * rng.uniform(0.3, 1.0, (n_units, n_channels))
    leaked = np.array([planted(times, len(background)) for times in trains]).T @ gains
    lfp = lfp_of(background + leaked, ["CA1"] * n_channels)
    return lfp, units_of(trains, ["CA1"] * n_units), power(leaked) / power(background + leaked)


def share(lfp, units, intervals=((0, 1000),)):
    return spike_leakage(lfp, units, intervals, band_hz=BAND).explained["CA1"]


# --- recovery ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_units", "rate_hz", "amplitude"), [(4, 5, 30), (4, 5, 100), (12, 5, 60), (1, 20, 300)]
)
@pytest.mark.parametrize(("seconds", "error"), [(60, 0.03), (400, 0.025)])
def test_leaked_share_is_recovered(n_units, rate_hz, amplitude, seconds, error):
    lfp, units, truth = session(seconds, n_units, rate_hz, amplitude)
    assert 0.02 < truth < 0.99
    assert share(lfp, units) == pytest.approx(truth, abs=error)


def test_synchronous_units_are_not_counted_twice():
    rng = np.random.default_rng(1)
    first = poisson(120, 10, rng)
    second = np.sort(np.concatenate([first[::2] + 0.001, poisson(120, 5, rng)]))
    background = noise(120, 2, rng)
    leaked = 100 * np.column_stack([planted(first, len(background))] * 2)
    lfp = lfp_of(background + leaked, ["CA1", "CA1"])
    truth = power(leaked) / power(background + leaked)
    alone = share(lfp, units_of([first], ["CA1"]))
    both = share(lfp, units_of([first, second], ["CA1", "CA1"]))
    assert alone == pytest.approx(truth, abs=0.02) and both == pytest.approx(truth, abs=0.02)


def test_other_units_are_not_seen():
    lfp, units, truth = session(n_units=2, amplitude=100.0)
    times = units["spike_time"].values[units["spike_unit"].values == 0]
    assert share(lfp, units_of([times], ["CA1"])) < 0.7 * truth


def test_a_rhythm_that_spikes_follow_is_explained_in_part_only():
    """What makes the share an upper bound: short waveforms hold little of a long rhythm."""
    rng = np.random.default_rng(2)
    seconds, time = 120, np.arange(120_000) / RATE
    rhythm = 8 * np.cos(2 * np.pi * 130 * time)
    lfp = lfp_of(noise(seconds, 2, rng) + rhythm[:, None], ["CA1", "CA1"])
    candidates = [poisson(seconds, 20, rng) for _ in range(4)]
    locked = [
        times[rng.random(len(times)) < 0.5 + 0.5 * np.cos(2 * np.pi * 130 * times)]
        for times in candidates
    ]
    assert share(lfp, units_of(candidates, ["CA1"] * 4)) < 0.002
    assert 0.01 < share(lfp, units_of(locked, ["CA1"] * 4)) < 0.2


# --- null -------------------------------------------------------------------------------


def test_chance_explains_nothing():
    """20 epochs of half a minute with 8 units each, whose spikes are not in the LFP."""
    found = [
        share(*session(seconds=30, n_units=8, amplitude=0.0, n_channels=2, seed=seed)[:2])
        for seed in range(20)
    ]
    assert max(found) < 0.005 and np.mean(found) < 0.001


def test_theta_in_spikes_and_in_fast_power_is_no_leakage():
    """Spikes and the amplitude of 100 to 160 Hz follow theta; no waveform does."""
    rng = np.random.default_rng(3)
    time = np.arange(60_000) / RATE
    theta = np.cos(2 * np.pi * 8 * time)
    fast = noise(60, 2, rng, lambda hz: 0.5 * (np.abs(hz - 130) < 30)) * (1 + theta)[:, None]
    values = noise(60, 2, rng) + fast + 100 * theta[:, None]
    trains = [poisson(60, 20, rng) for _ in range(4)]
    trains = [t[rng.random(len(t)) < 0.5 + 0.5 * np.cos(2 * np.pi * 8 * t)] for t in trains]
    assert share(lfp_of(values, ["CA1"] * 2), units_of(trains, ["CA1"] * 4)) < 0.003


def test_nothing_changed_nothing_found():
    """Paired t at 5 % over 8 animals drawn from 24: two halves of epochs with a steady leak."""
    rng = np.random.default_rng(4)
    change = []
    for seed in range(24):
        lfp, units, _ = session(seconds=90, n_units=3, n_channels=1, seed=100 + seed)
        change.append(share(lfp, units, [[0, 30]]) - share(lfp, units, [[30, 90]]))
    # the longer half knows the waveforms better: a percent of the share
    assert abs(np.mean(change)) < 0.01
    drawn = np.array([rng.choice(change, 8, replace=False) for _ in range(2000)])
    t = drawn.mean(axis=1) / (drawn.std(axis=1, ddof=1) / np.sqrt(8))
    assert np.mean(np.abs(t) > 2.3646) < 0.1


# --- what counts ------------------------------------------------------------------------


def test_regions_are_kept_apart():
    lfp, units, truth = session(n_units=2, amplitude=100.0)
    rng = np.random.default_rng(5)
    names = ["CA1", "CA1", "CA1", "mPFC", ""]
    lfp = lfp_of(np.column_stack([lfp.values, noise(60, 2, rng)]), names)
    regions = ["CA1", "CA1", "mPFC", "EC3"]
    times = [units["spike_time"].values[units["spike_unit"].values == unit] for unit in (0, 1)]
    both = units_of([*times, times[0], times[1]], regions)
    found = spike_leakage(lfp, both, [[0, 60]], band_hz=BAND)
    assert sorted(found.explained) == ["CA1", "mPFC"]  # no channel in EC3
    assert found.explained["CA1"] == pytest.approx(truth, abs=0.03)
    assert found.explained["mPFC"] < 0.005
    assert found.n_spikes == {
        "CA1": int(sum(np.sum(t < 60) for t in times)),
        "mPFC": int(np.sum(times[0] < 60)),
    }
    assert found.seconds == 60.0
    values = hfo_spike_leakage.compute(leakage=found, options={})
    assert [(one.region, one.value) for one in values] == list(found.explained.items())
    assert values[0].n_effective == found.n_spikes["CA1"] and values[0].n_effective_unit == "spikes"


def test_nothing_outside_the_intervals_and_no_bad_channel_counts():
    lfp, units, _ = session()
    dirty = lfp.copy(deep=True)
    dirty[(dirty.time.values < 10) | (dirty.time.values >= 50)] = 1e5
    assert share(dirty, units, [[10, 50]]) == share(lfp, units, [[10, 50]])
    lfp["bad"] = ("channel", [False, False, True])
    dirty = lfp.copy(deep=True)
    dirty[:, 2] = 1e5
    assert share(dirty, units) == share(lfp, units)


def test_the_session_clock_is_that_of_the_lfp():
    lfp, units, _ = session(amplitude=100.0)
    later = lfp.assign_coords(time=lfp.time + 5.0)
    assert share(later, units) < 0.01
    shifted = units.assign(spike_time=units["spike_time"] + 5.0)
    assert share(later, shifted) == pytest.approx(share(lfp, units), rel=1e-6)


def test_too_few_spikes_state_nothing():
    """No share can be estimated from them, and 0 would say that there is no leakage."""
    lfp, units, _ = session()
    rng = np.random.default_rng(6)
    silent = units_of([poisson(60, 0.2, rng), []], ["CA1", "CA1"])
    assert spike_leakage(lfp, silent, [[0, 60]], band_hz=BAND) is None
    # beside units with enough spikes they change nothing
    times = [units["spike_time"].values[units["spike_unit"].values == unit] for unit in range(4)]
    more = units_of([*times, poisson(60, 0.2, rng)], ["CA1"] * 5)
    assert share(lfp, more) == share(lfp, units)


def test_groups_of_windows_and_channels_change_nothing(monkeypatch):
    lfp, units, _ = session()
    whole = share(lfp, units)
    monkeypatch.setattr("pipeline.spikes.leakage._HELD_VALUES", 20_000)
    monkeypatch.setattr("pipeline.spikes.leakage._HELD_IN_BAND", 30_000)
    assert share(lfp, units) == pytest.approx(whole, rel=1e-9)


def test_memory_stays_bounded():
    rng = np.random.default_rng(7)
    values = rng.standard_normal((40_000, 32)).astype(np.float32)
    units = units_of([poisson(40, 5, rng) for _ in range(60)], ["CA1"] * 60)
    lfp = lfp_of(values, ["CA1"] * 32)
    tracemalloc.start()
    spike_leakage(lfp, units, [[0, 40]], band_hz=BAND)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 250e6


def test_what_cannot_be_stated():
    lfp, units, _ = session(seconds=10)
    assert spike_leakage(lfp, units, [[0, 1.5], [4, 4.9]], band_hz=BAND) is None  # one window
    assert spike_leakage(lfp, units, [[0, 10]], band_hz=[80, 450]) is None
    elsewhere = units.assign_coords(region=("unit", ["EC3"] * 4))
    assert spike_leakage(lfp, elsewhere, [[0, 10]], band_hz=BAND) is None
    assert spike_leakage(lfp, units_of([], []), [[0, 10]], band_hz=BAND) is None
    with pytest.raises(InputError, match="overlap"):
        spike_leakage(lfp, units, [[0, 5], [4, 9]], band_hz=BAND)


def test_long_epochs_are_sampled_evenly():
    starts = np.arange(1234) * 1000
    picked = spread(starts)
    assert 200 <= len(picked) <= 240 and np.isin(picked, starts).all()
    assert (np.diff(picked) >= 1000).all() and np.sum(np.diff(picked) > 1000) == 23
    assert picked[0] == 0 and picked[-1] == starts[-1]
    np.testing.assert_array_equal(spread(starts[:240]), starts[:240])


def test_spikes_are_shared_between_samples():
    line = _sampled(np.array([-0.5, 1.0, 2.25, 3.5]), 4)
    np.testing.assert_allclose(line, [0, 1, 0.75, 0.75])


# --- many units: groups in turn ---------------------------------------------------------


def joint(monkeypatch, *args):
    """The share with all units solved for at once."""
    with monkeypatch.context() as patched:
        patched.setattr(leakage, "TOGETHER", 10_000)
        return share(*args)


@pytest.mark.parametrize(
    ("n_units", "seconds", "amplitude", "seed"),
    [(TOGETHER + 1, 30, 60, 30), (64, 60, 30, 31), (96, 30, 60, 32), (64, 20, 0, 33)],
)
def test_groups_settle_on_the_joint_waveforms(monkeypatch, n_units, seconds, amplitude, seed):
    lfp, units, truth = session(seconds, n_units, 4.0, amplitude, 2, seed=seed)
    found = share(lfp, units)
    assert found == pytest.approx(joint(monkeypatch, lfp, units), abs=0.002)
    # what is estimated in vain for each unit takes away from the share; nothing adds to it
    assert truth - 0.1 < found < truth + 0.005


def test_units_of_two_groups_that_fire_together_are_not_counted_twice(monkeypatch):
    """Each unit of the second group has nine of ten spikes of one of the first, 0.3 ms later."""
    rng = np.random.default_rng(34)
    first = [poisson(60, 5, rng) for _ in range(TOGETHER)]
    kept = [times[rng.random(len(times)) < 0.9] + 0.0003 for times in first]
    second = [np.sort(np.concatenate([times, poisson(60, 0.5, rng)])) for times in kept]
    background = noise(60, 2, rng)
    leaked = np.array([planted(times, len(background)) for times in first + second]).T
    leaked = leaked @ (60 * rng.uniform(0.3, 1.0, (2 * TOGETHER, 2)))
    lfp, units = lfp_of(background + leaked, ["CA1"] * 2), units_of(first + second, ["CA1"] * 64)
    truth = power(leaked) / power(background + leaked)
    found = share(lfp, units)
    assert found == pytest.approx(joint(monkeypatch, lfp, units), abs=0.005)
    assert truth - 0.05 < found < truth + 0.005
    # both units leak: one group alone explains less
    assert share(lfp, units_of(first, ["CA1"] * TOGETHER)) < found - 0.01


def test_channels_and_windows_at_once_change_nothing_of_many_units(monkeypatch):
    lfp, units, _ = session(30, 40, 4.0, 60.0, 3, seed=35)
    whole = share(lfp, units)
    monkeypatch.setattr(leakage, "_CHANNELS_AT_ONCE", 2)
    monkeypatch.setattr(leakage, "_HELD_IN_BAND", 30_000)
    # channels that are settled apart from each other may take another round
    assert whole > 0.3 and share(lfp, units) == pytest.approx(whole, abs=0.001)


def test_spectra_of_spikes_are_those_of_their_line():
    """The sum of rows of a table against the transform of the sampled train; gaps, and borders."""
    rng = np.random.default_rng(36)
    starts = np.array([0, 1000, 2500, 4000, 5000])
    trains = [np.sort(rng.uniform(0, 6000, 80)), np.array([0.0, 999.5, 1000.25, 2499.0, 5999.0])]
    tapers = tapers_for(1000, rate_hz=RATE, half_bandwidth_hz=3.0).windows
    band = np.arange(80, 200)
    lines = np.array([_sampled(train, 6000) for train in trains])
    windows = np.stack([lines[:, start : start + 1000] for start in starts], axis=1)
    wanted = _band_spectra(windows, tapers, band)
    shape = (len(band), len(tapers), 1000)
    for half, found in enumerate(_trains(trains, starts, _table(tapers, band), shape)):
        expected = wanted[:, :, half::2].reshape(found.shape)
        np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(wanted).max())


def test_memory_is_that_of_one_group():
    rng = np.random.default_rng(37)
    lfp = lfp_of(rng.standard_normal((10_000, 4)).astype(np.float32), ["CA1"] * 4)
    peaks = []
    for n_units in (64, 192):
        units = units_of([poisson(10, 8, rng) for _ in range(n_units)], ["CA1"] * n_units)
        tracemalloc.start()
        spike_leakage(lfp, units, [[0, 10]], band_hz=BAND)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # besides: the patterns of each group's waveforms, 16 kB per unit
    assert peaks[1] - peaks[0] < 128 * 40e3 and peaks[1] < 60e6
