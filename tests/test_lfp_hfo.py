"""Fast oscillations: false rate of noise, prevalence of a known duty cycle, power, frequency.

Simulated epochs are Gaussian noise with a declared spectrum, at 500 Hz; seeds are fixed.
"""

import tracemalloc
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pipeline.compare.scales import to_scale
from pipeline.errors import InputError
from pipeline.experiment.lfp_options import AperiodicOptions, HfoOptions
from pipeline.lfp import epoch_hfo, epoch_spectrum, lfp_array, spectral_shape
from pipeline.lfp.hfo import averaging, dominant_frequency, runs_of_windows, window_starts
from pipeline.lfp.metrics import hfo_frequency, hfo_power, hfo_prevalence

APERIODIC = AperiodicOptions().model_dump(mode="json")
OPTIONS = HfoOptions().model_dump(mode="json")
RATE = 600.0
LEVEL, EXPONENT = 4000.0, 2.0


def background(hz):
    return LEVEL / hz**EXPONENT


def bump(centre, height, sd):
    """Density of an oscillation: `height` times the background at its centre."""
    return lambda hz: height * background(centre) * np.exp(-((hz - centre) ** 2) / (2 * sd**2))


def noise(density_of, seconds, n_channels, rng):
    n = round(seconds * RATE)
    hz = np.fft.rfftfreq(n, 1 / RATE)
    scale = np.zeros(len(hz))
    scale[1:] = np.sqrt(density_of(hz[1:]) * RATE * n / 4)
    parts = rng.standard_normal((n_channels, len(hz), 2)).view(complex)[..., 0]
    return np.fft.irfft(parts * scale, n, axis=1).T


def lfp_of(values, regions=None):
    names = [f"r{index:03d}" for index in range(values.shape[1])]
    regions = names if regions is None else regions
    region = dict(zip(names, regions, strict=True))
    return lfp_array(values, rate_hz=RATE, channels=names, region=region, pass_band_hz=260.0)


def measured(lfp, intervals=None, *, line_hz=None, **changes):
    intervals = [[0, 1e6]] if intervals is None else intervals
    shape = spectral_shape(epoch_spectrum(lfp, intervals), options=APERIODIC, line_hz=line_hz)
    return epoch_hfo(lfp, intervals, shape=shape, options=OPTIONS | changes)


def values_of(found, name):
    return np.array([getattr(found.regions[key], name) for key in sorted(found.regions)])


@cache
def quiet(seconds=60, n_regions=40, seed=31):
    return lfp_of(noise(background, seconds, n_regions, np.random.default_rng(seed)))


def oscillating(seconds, n_regions, seed, *, centre=140.0, height=10.0, sd=10.0, duty=1.0):
    """Noise with an oscillation in whole seconds, and the part of them that has it, by region."""
    rng = np.random.default_rng(seed)
    values = noise(background, seconds, n_regions, rng)
    on = rng.permuted(np.arange(seconds)[:, None] < duty * seconds * np.ones(n_regions), axis=0)
    fast = noise(bump(centre, height, sd), seconds, n_regions, rng)
    return lfp_of(values + fast * np.repeat(on, round(RATE), axis=0)), on.mean(axis=0)


# --- windows ----------------------------------------------------------------------------


def test_windows_lie_inside_one_interval_from_its_start_on():
    lfp = quiet()
    starts = window_starts(lfp, [[3.3, 5.9], [10.0, 10.9], [20.0, 23.0]], 600)
    assert starts.tolist() == [1980, 2580, 12000, 12600, 13200]
    assert list(runs_of_windows(starts, 600, 2)) == [(0, 2), (2, 4), (4, 5)]
    assert list(runs_of_windows(starts, 600, 100)) == [(0, 2), (2, 5)]
    assert list(runs_of_windows(starts[:0], 600, 100)) == []


def test_nothing_outside_the_intervals_counts():
    lfp = quiet(n_regions=2)
    dirty = lfp.copy(deep=True)
    time = dirty.time.values
    dirty[(time < 5) | ((time >= 30) & (time < 33)) | (time >= 55)] = 1e5
    intervals = [[5, 30], [33, 55]]
    assert measured(dirty, intervals).regions == measured(lfp, intervals).regions
    found = measured(lfp, intervals)
    assert found.n_windows == 47 and found.seconds == 47.0


def test_channels_of_a_region_are_averaged_and_bad_ones_left_out(monkeypatch):
    values = quiet(n_regions=3).values.copy()
    values[:, 2] *= 50
    regions = ["CA1", "CA1", "CA1"]
    lfp = lfp_of(values, regions)
    lfp["bad"] = ("channel", [False, False, True])
    found = measured(lfp)
    two = measured(lfp_of(values[:, :2], regions[:2]))
    assert list(found.regions) == ["CA1"] and found.regions == two.regions
    # groups of windows change nothing
    monkeypatch.setattr("pipeline.lfp.hfo._HELD_VALUES", 5000)
    assert measured(lfp).regions == found.regions


def test_what_cannot_be_stated():
    lfp = quiet(n_regions=2)
    shape = spectral_shape(epoch_spectrum(lfp, [[0, 60]]), options=APERIODIC, line_hz=None)

    def found(intervals, shape=shape, **changes):
        return epoch_hfo(lfp, intervals, shape=shape, options=OPTIONS | changes)

    assert found([[0, 0.9], [5, 5.9]]) is None
    assert found([[0, 60]], band_hz=[80, 330]) is None  # a third lies beyond the fitted range
    assert found([[0, 60]], band_hz=[10, 200]) is None
    assert found([[0, 60]], band_hz=[80, 260]).band_hz == (80, 250)
    assert found([[0, 60]], replace(shape, fast={})) is None
    assert found([[0, 60]], replace(shape, fast_hz=None)) is None
    one = replace(shape, fast={"r001": shape.fast["r001"]})
    assert list(found([[0, 60]], one).regions) == ["r001"]  # the other region's fit failed
    with pytest.raises(InputError, match="overlap"):
        found([[0, 10], [9, 20]])


# --- averages over frequency ------------------------------------------------------------


def test_averages_leave_the_mains_out():
    hz = np.arange(60.0, 251.0)
    weights = averaging(hz, mains=np.array([[97.0, 103.0]]), half_width_hz=12.0)
    np.testing.assert_allclose(weights.sum(axis=0)[weights.any(axis=0)], 1.0)
    at_100 = weights[:, hz == 100.0].ravel()
    assert np.flatnonzero(at_100).size == 25 - 7 and (at_100[(hz >= 97) & (hz <= 103)] == 0).all()
    # at an end half of the width is left, which is enough; under a wide notch it is not
    assert weights[:, 0].any()
    notch = averaging(hz, mains=np.array([[90.0, 110.0]]), half_width_hz=12.0)
    assert not notch[:, hz == 100.0].any() and notch[:, hz == 120.0].any()


def test_dominant_frequency_is_interpolated():
    hz = np.arange(60.0, 251.0)
    curve = 1 + 3 * np.exp(-((hz - 143.3) ** 2) / (2 * 15**2))
    found = dominant_frequency(
        hz, ratio=curve, excess=curve - 1, inside=(hz >= 80) & (hz < 200), least=2.0, reach_hz=12.0
    )
    assert found == pytest.approx(143.3, abs=0.02)
    nothing = dominant_frequency(
        hz, ratio=curve, excess=curve - 1, inside=(hz >= 80) & (hz < 200), least=4.1, reach_hz=12.0
    )
    assert nothing is None
    below = (hz >= 80) & (hz < 130)  # its top lies beyond: a slope is no peak
    assert (
        dominant_frequency(
            hz, ratio=curve, excess=curve - 1, inside=below, least=1.1, reach_hz=12.0
        )
        is None
    )


# --- noise ------------------------------------------------------------------------------


@pytest.mark.parametrize(("line_hz", "most"), [(None, 0.008), (50.0, 0.022), (60.0, 0.022)])
def test_noise_alone_is_no_oscillation(line_hz, most):
    """2400 windows: 0.4 % pass, 1.5 % where mains are left out (standard errors 0.13, 0.25 %)."""
    found = measured(quiet(), line_hz=line_hz)
    prevalence = values_of(found, "prevalence")
    assert found.n_windows == 60 and len(prevalence) == 40
    assert 0 < prevalence.mean() < most
    power = 10 * np.log10(values_of(found, "power"))
    assert abs(power.mean()) < 0.06
    assert sum(one is not None for one in values_of(found, "frequency_hz")) <= 1


@pytest.mark.parametrize("gain", ["slow", "steps"])
def test_fluctuations_of_gain_are_no_oscillation(gain):
    """The whole spectrum goes up and down: ln of the amplitude by 0.5, or by 6 dB a third of it."""
    lfp = quiet(120, 12, seed=44)
    n = lfp.sizes["time"]
    rng = np.random.default_rng(45)
    if gain == "slow":
        knots = rng.standard_normal(25)
        curve = np.interp(np.arange(n), np.linspace(0, n - 1, 25), knots)
        factor = np.exp(0.5 * curve / curve.std())
    else:
        factor = np.where(np.repeat(rng.permutation(12) < 4, n // 12), 2.0, 1.0)
    found = measured(lfp * factor[:, np.newaxis], line_hz=50.0)
    power = 10 * np.log10(values_of(found, "power"))
    assert abs(power.mean()) < 0.06 and np.abs(power).max() < 0.3
    assert all(one is None for one in values_of(found, "frequency_hz"))


def test_an_oscillation_in_a_fifth_of_the_time_is_still_seen_while_the_gain_fluctuates():
    lfp, _ = oscillating(60, 12, 46, height=10.0, duty=0.2)
    steady = measured(lfp)
    factor = np.where(np.repeat(np.arange(60) % 6 < 2, round(RATE)), 2.0, 1.0)
    found = measured(lfp * factor[:, np.newaxis])
    change = 10 * np.log10(values_of(found, "power") / values_of(steady, "power"))
    assert 10 * np.log10(values_of(steady, "power")).min() > 1.0
    assert abs(change.mean()) < 0.2
    error = values_of(found, "frequency_hz").astype(float) - 140
    assert abs(error.mean()) < 1.5 and np.sqrt(np.mean(error**2)) < 2.5


def test_the_band_is_cut_where_the_recording_ends():
    """At 500 Hz with 50 Hz mains the fitted range ends at 197 Hz."""
    lfp = quiet(n_regions=4).copy()
    lfp.attrs["pass_band_hz"] = 200.0
    found = measured(lfp, line_hz=50.0)
    assert found.band_hz == (80.0, 197.0)
    assert np.abs(10 * np.log10(values_of(found, "power"))).max() < 0.5
    lfp.attrs["pass_band_hz"] = 160.0
    assert measured(lfp, line_hz=50.0) is None


def test_memory_does_not_grow_with_channels_and_time():
    rng = np.random.default_rng(47)
    lfp = lfp_of(rng.standard_normal((round(300 * RATE), 24), dtype=np.float32), ["A"] * 24)
    shape = spectral_shape(epoch_spectrum(lfp, [[0, 300]]), options=APERIODIC, line_hz=None)
    tracemalloc.start()
    epoch_hfo(lfp, [[0, 300]], shape=shape, options=OPTIONS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6


def test_mains_is_no_oscillation():
    lfp = quiet(n_regions=10)
    time = lfp.time.values[:, None]
    line = sum(np.cos(2 * np.pi * 50.2 * order * time) / order for order in (1, 2, 3, 4))
    found = measured(lfp + 40 * line, line_hz=50.0)
    assert values_of(found, "prevalence").mean() < 0.03
    assert np.abs(10 * np.log10(values_of(found, "power"))).max() < 0.4
    assert all(one is None for one in values_of(found, "frequency_hz"))
    # a third of it would be one, were it not left out
    assert values_of(measured(lfp + 13 * line), "prevalence").min() > 0.9


def test_muscle_bursts_are_no_oscillation():
    rng = np.random.default_rng(33)
    lfp = quiet(n_regions=10).copy(deep=True)
    on = np.repeat(np.arange(60) % 12 == 5, round(RATE))[:, None]
    lfp += on * noise(lambda hz: 8 * background(hz) * (hz > 40), 60, 10, rng)
    prevalence = values_of(measured(lfp), "prevalence")
    assert prevalence.mean() < 0.025
    # without flanks nothing tells them from an oscillation
    options = APERIODIC | {"hfo_fit_hz": [80, 200]}
    shape = spectral_shape(epoch_spectrum(lfp, [[0, 60]]), options=options, line_hz=None)
    blind = epoch_hfo(lfp, [[0, 60]], shape=shape, options=OPTIONS)
    assert values_of(blind, "prevalence").mean() > 0.06  # of 5 bursts in 60 s


# --- recovery ---------------------------------------------------------------------------


@pytest.mark.parametrize("duty", [0.1, 0.3, 0.7, 1.0])
def test_prevalence_is_the_duty_cycle(duty):
    lfp, truth = oscillating(60, 12, 34, duty=duty)
    error = values_of(measured(lfp), "prevalence") - truth
    assert np.abs(error).max() < 0.05 and abs(error.mean()) < 0.015


def test_weaker_oscillations_are_seen_less_often():
    """An oscillation whose peak, once averaged, stands below 3 dB is mostly missed."""
    seen = [
        values_of(measured(oscillating(60, 12, 35, height=height)[0]), "prevalence").mean()
        for height in (0.5, 1.5, 4.0)
    ]
    assert seen[0] < 0.2 < seen[1] < 0.9 < seen[2]


@pytest.mark.parametrize(
    ("height", "duty", "bias"), [(1, 1.0, 0.1), (3, 1.0, 0.15), (10, 1.0, 0.25), (10, 0.3, 0.1)]
)
def test_power_is_recovered(height, duty, bias):
    """Mean over the time, whatever its part with an oscillation."""
    lfp, part = oscillating(120, 10, 36, height=height, duty=duty)
    hz = np.arange(80.125, 200, 0.25)
    truth = 1 + part * bump(140.0, height, 10.0)(hz).sum() / background(hz).sum()
    error = 10 * np.log10(values_of(measured(lfp), "power") / truth)
    assert abs(error.mean()) < bias and np.sqrt(np.mean(error**2)) < bias + 0.1


@pytest.mark.parametrize("line_hz", [None, 50.0])
@pytest.mark.parametrize(("centre", "sd"), [(105.0, 8.0), (140.0, 10.0), (160.0, 15.0)])
def test_dominant_frequency_is_recovered(centre, sd, line_hz):
    lfp, _ = oscillating(60, 10, 37, centre=centre, sd=sd, height=5.0)
    error = values_of(measured(lfp, line_hz=line_hz), "frequency_hz").astype(float) - centre
    assert abs(error.mean()) < 1.0 and np.sqrt(np.mean(error**2)) < 1.8


# --- null -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["power", "prevalence", "frequency_hz"])
def test_nothing_changed_nothing_found(name):
    """Paired t at 5 % over 8 animals drawn from 40, 30 s against 80 s of the same process."""
    short, long = (null_epoch(seconds) for seconds in (30, 80))
    change = values_of(long, name).astype(float) - values_of(short, name).astype(float)
    rng = np.random.default_rng(38)
    drawn = np.array([rng.choice(change, 8, replace=False) for _ in range(2000)])
    t = drawn.mean(axis=1) / (drawn.std(axis=1, ddof=1) / np.sqrt(8))
    assert 0.02 < np.mean(np.abs(t) > 2.3646) < 0.085
    assert abs(change.mean()) < 3 * change.std(ddof=1) / np.sqrt(len(change))


@cache
def null_epoch(seconds):
    return measured(oscillating(seconds, 40, 39, height=3.0, duty=0.5)[0])


def prevalence_null(prevalence, scale, n_baseline=60, n_acute=600):
    """Mean change and rate of paired t at 5 %, 8 animals, 500 times; nothing but length differs."""
    rng = np.random.default_rng(43)
    change = 0.0
    for sign, n in ((-1, n_baseline), (1, n_acute)):
        value = rng.binomial(n, prevalence, (500, 8)) / n
        windows = np.full(value.shape, float(n))
        change = change + sign * to_scale(
            value, scale=scale, zero_offset="none", seconds=windows, n_effective=windows
        )
    spread = np.maximum(change.std(axis=1, ddof=1), 1e-12)
    return change.mean(), np.mean(np.abs(change.mean(axis=1) / spread * np.sqrt(8)) > 2.3646)


def test_the_scale_of_prevalence_does_not_see_the_length_of_an_epoch():
    """Minutes against ten: the logit changes by what half a window is of each, the share does not.

    Of false windows alone (0.4 %) a short epoch has none mostly; the linear scale then still finds
    a "change" in one of six comparisons, of 0.004 at most, the logit in nine of ten, of a factor
    of 2.6.
    """
    assert hfo_prevalence.METRIC.scale == "linear"
    for prevalence, most in ((0.004, 0.2), (0.05, 0.09), (0.3, 0.08)):
        change, rate = prevalence_null(prevalence, "linear")
        assert abs(change) < 0.001 and rate < most
    change, rate = prevalence_null(0.004, "logit")
    assert change < -0.6 and rate > 0.8


def test_a_change_is_found():
    before = measured(oscillating(60, 8, 40, height=3.0, duty=0.3)[0])
    after = measured(oscillating(60, 8, 41, height=3.0, duty=0.6, centre=150.0)[0])
    for name, least in (("power", 0.1), ("prevalence", 0.2), ("frequency_hz", 8.0)):
        change = values_of(after, name).astype(float) - values_of(before, name).astype(float)
        assert change.mean() > least


# --- metrics ----------------------------------------------------------------------------


def test_metrics_state_what_was_found():
    lfp, _ = oscillating(30, 2, 42, duty=0.5)
    lfp[:, 1] = quiet(n_regions=2).values[: lfp.sizes["time"], 1]
    found = measured(lfp)
    power, prevalence, frequency = (
        {one.region: one for one in metric.compute(hfo=found, options={})}
        for metric in (hfo_power, hfo_prevalence, hfo_frequency)
    )
    assert power["r000"].value == found.regions["r000"].power
    assert prevalence["r000"].value == pytest.approx(0.5, abs=0.04)
    assert prevalence["r000"].n_effective == 30
    assert prevalence["r000"].n_effective_unit == "windows"
    assert list(frequency) == ["r000"]  # no peak, no frequency
    assert set(power) == set(prevalence) == {"r000", "r001"}
