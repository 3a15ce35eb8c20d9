"""Signals have the spectrum, power, phase and gain that were declared (checked with scipy)."""

import math

import numpy as np
import pytest
from scipy import integrate, signal

from pipeline.simulate import effects
from pipeline.simulate.randomness import generator
from pipeline.simulate.signals import (
    Background,
    Region,
    Rhythm,
    band_noise,
    simulate_lfp,
    steady_rhythm,
)
from pipeline.simulate.tracks import (
    Modulation,
    Track,
    constant,
    drifting_phase,
    following_phase,
    steps,
)

RATE = 1000.0
PINK = Background(exponent=1.4, psd_at_10hz=20.0, white=0.05)


def region(rhythms=None, *, background=PINK, gain_db=None, gains=(1.0, 0.5)):
    return Region(
        background=background,
        rhythms=rhythms or {},
        gain_db=gain_db or constant(0.0),
        channel_gains=gains,
    )


def lfp(regions, *, seconds=240.0, rate_hz=RATE, seed=0):
    rngs = {name: generator("test", name, seed=seed) for name in regions}
    return simulate_lfp(regions=regions, seconds=seconds, rate_hz=rate_hz, rngs=rngs)


def welch(values, rate_hz=RATE):
    return signal.welch(values, rate_hz, nperseg=round(4 * rate_hz), axis=0)


def power(values, low, high, rate_hz=RATE):
    frequency, density = welch(values, rate_hz)
    inside = (frequency >= low) & (frequency < high)
    return density[inside].sum(axis=0) * (frequency[1] - frequency[0])


def test_background_has_the_declared_density_at_every_frequency():
    frequency, density = welch(lfp({"a": region()})[:, 0])
    bins = (frequency >= 2) & (frequency < 450)
    ratio_db = 10 * np.log10(density[bins] / PINK.psd(frequency[bins]))
    # 119 half-overlapping segments: 0.45 dB per bin
    assert abs(ratio_db.mean()) < 0.05
    assert 0.3 < ratio_db.std() < 0.6


@pytest.mark.parametrize("exponent", [0.0, 1.0, 1.3, 2.2])
def test_exponent_is_the_slope_of_the_log_log_spectrum(exponent):
    background = Background(exponent=exponent, psd_at_10hz=5.0)
    frequency, density = welch(lfp({"a": region(background=background, gains=(1.0,))})[:, 0])
    bins = (frequency >= 3) & (frequency < 400)
    # bins weighted so that each octave counts alike
    slope, height = np.polyfit(
        np.log10(frequency[bins] / 10), np.log10(density[bins]), 1, w=frequency[bins] ** -0.5
    )
    assert slope == pytest.approx(-exponent, abs=0.03)
    assert 10**height == pytest.approx(5.0, rel=0.05)


@pytest.mark.parametrize("exponent", [0.7, 1.0, 1.6])
@pytest.mark.parametrize("band", [(1.0, 4.0), (6.0, 10.0), (110.0, 180.0)])
def test_band_power_of_a_background_is_the_integral_of_its_density(exponent, band):
    background = Background(exponent=exponent, psd_at_10hz=12.0, white=0.02)
    area, _ = integrate.quad(lambda f: float(background.psd(np.array(f))), *band)
    assert background.band_power(band) == pytest.approx(area, rel=1e-9)


def test_band_power_below_the_flat_part_is_refused():
    with pytest.raises(ValueError, match=r"begins below 1\.0 Hz"):
        PINK.band_power((0.5, 4.0))


@pytest.mark.parametrize("rate_hz", [500.0, 1250.0])
def test_band_noise_has_unit_power_all_of_it_inside_the_band(rate_hz):
    values = band_noise(
        band_hz=(30, 55), n_samples=round(300 * rate_hz), rate_hz=rate_hz, rng=generator("noise")
    )
    assert values.dtype == np.float32
    assert values.var() == pytest.approx(1.0, rel=0.04)  # 20 Hz x 300 s: sd 1.3 %
    assert power(values, 30, 55, rate_hz) == pytest.approx(values.var(), rel=0.01)
    with pytest.raises(ValueError, match="does not fit a rate of"):
        band_noise(band_hz=(110, 180), n_samples=1000, rate_hz=300, rng=generator("noise"))


def test_steady_rhythm_has_the_declared_power_in_every_stretch_and_the_declared_phase():
    phase = drifting_phase(seconds=300, frequency_hz=8.0, rng=generator("theta"))
    values = steady_rhythm(phase, n_samples=300_000, rate_hz=RATE, lag_rad=0.7)
    assert power(values, 6, 10) == pytest.approx(1.0, rel=0.02)
    every_20_s = values.reshape(15, -1).var(axis=1)
    np.testing.assert_allclose(every_20_s, 1.0, rtol=0.02)
    measured = np.angle(signal.hilbert(values))
    declared = np.interp(np.arange(len(values)) / RATE, phase.times_s, phase.values) - 0.7
    error = np.angle(np.exp(1j * (measured - declared)))[1000:-1000]
    assert np.abs(error).max() < 0.1
    frequency = np.diff(phase.values) * 100 / (2 * np.pi)
    assert frequency.mean() == pytest.approx(8.0, abs=0.1)
    assert frequency.std() == pytest.approx(0.35, rel=0.15)


def test_channel_is_gain_times_background_rhythms_and_own_noise():
    phase = drifting_phase(seconds=240, frequency_hz=8.0, rng=generator("theta"))
    rhythms = {
        "theta": Rhythm(band_hz=(6, 10), power_uv2=constant(400.0), phase=phase),
        "gamma": Rhythm(band_hz=(30, 55), power_uv2=constant(150.0)),
    }
    values = lfp({"a": region(rhythms, gain_db=constant(-3.0)), "b": region()})
    gain = 10 ** (-3 / 10)
    assert values.shape == (240_000, 4) and values.dtype == np.float32
    for band, planted in (((6, 10), 400.0), ((30, 55), 150.0), ((65, 100), 0.0)):
        expected = gain * (PINK.band_power(band) + planted)
        found = power(values, *band)
        assert found[0] == pytest.approx(expected, rel=0.06)
        assert found[1] == pytest.approx(expected / 4, rel=0.06)
        assert found[2] == pytest.approx(PINK.band_power(band), rel=0.06)
    # one region's channels share all but their own noise; two regions share nothing
    together = np.corrcoef(values, rowvar=False)
    assert together[0, 1] > 0.95
    assert abs(together[0, 2]) < 0.1


def test_power_and_gain_follow_their_tracks():
    intervals = np.array([[0, 115], [125, 240]])
    rhythm = Rhythm(band_hz=(30, 55), power_uv2=steps(intervals, [100.0, 400.0]))
    values = lfp({"a": region({"gamma": rhythm}, gain_db=steps(intervals, [0.0, 6.0]))})
    before, after = values[:115_000, 0], values[125_000:, 0]
    background = PINK.band_power((30, 55))
    expected = 6.0 + 10 * np.log10((background + 400) / (background + 100))
    change = 10 * np.log10(power(after, 30, 55) / power(before, 30, 55))
    assert change == pytest.approx(expected, abs=0.3)
    change = 10 * np.log10(power(after, 65, 100) / power(before, 65, 100))
    assert change == pytest.approx(6.0, abs=0.3)


def test_same_names_same_signal_and_regions_are_independent_of_each_other():
    both = lfp({"a": region(), "b": region()}, seconds=10)
    alone = lfp({"b": region()}, seconds=10)
    other = lfp({"b": region()}, seconds=10, seed=1)
    np.testing.assert_array_equal(both[:, 2:], alone)
    assert not np.array_equal(alone, other)


def test_generator_depends_on_every_name_and_on_their_borders():
    def draw(*names, seed=0):
        return generator(*names, seed=seed).integers(2**62)

    assert draw("a", "b") == draw("a", "b")
    assert len({draw("a", "b"), draw("ab"), draw("b", "a"), draw("a", "b", seed=1)}) == 4


def test_track_is_linear_between_points_constant_beyond_and_refuses_nonsense():
    track = steps(np.array([[1, 2], [4, 5]]), [10.0, 20.0])
    found = track.at(np.array([0.0, 1.5, 3.0, 4.5, 9.0]))
    np.testing.assert_allclose(found, [10, 10, 15, 20, 20])
    with pytest.raises(ValueError, match="must not decrease"):
        Track(np.array([1.0, 0.0]), np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="as many values as times"):
        Track(np.array([1.0]), np.array([]))


@pytest.mark.parametrize("jitter", [0.4, 1.4])
def test_a_follower_strays_by_the_planted_angle_and_keeps_its_amplitude(jitter):
    leader = drifting_phase(seconds=4000.0, frequency_hz=8.0, rng=generator("leader"))
    follower = following_phase(leader, jitter_rad=constant(jitter), rng=generator("follower"))
    between = follower.values - leader.values
    # 4,000 s of a process that forgets within 1 s: about 2,000 independent angles
    assert between.std() == pytest.approx(jitter, rel=0.08)
    together = abs(np.exp(1j * between).mean())
    assert together == pytest.approx(math.exp(-(jitter**2) / 2), abs=0.05)
    rhythm = steady_rhythm(follower, n_samples=40_000, rate_hz=1000.0)
    assert np.mean(rhythm**2) == pytest.approx(1.0, abs=0.02)


def test_a_follower_follows_alone_where_the_jitter_is_nought():
    leader = drifting_phase(seconds=60.0, frequency_hz=8.0, rng=generator("leader"))
    jitter = steps(np.array([[0.0, 29.0], [31.0, 60.0]]), [0.0, 1.0])
    follower = following_phase(leader, jitter_rad=jitter, rng=generator("follower"))
    early = leader.times_s < 29.0
    np.testing.assert_array_equal(follower.values[early], leader.values[early])
    assert (follower.values - leader.values)[~early].std() > 0.5


@pytest.mark.parametrize("depth", [0.0, 0.3, 0.7])
def test_modulation_follows_the_phase_and_leaves_the_power(depth):
    phase = drifting_phase(seconds=300.0, frequency_hz=8.0, rng=generator("theta"))
    modulation = Modulation(
        phase=phase, depth=constant(depth), preferred_rad=1.0, carrier_hz=(73.0, 92.0)
    )
    times = np.arange(300_000) / 1000.0
    envelope = modulation.envelope(times)
    assert np.mean(envelope**2) == pytest.approx(1.0, abs=0.002)
    angle = np.interp(times, phase.times_s, phase.values) - 1.0
    # mean of (1 + m cos) cos is m / 2, over the square root of the mean square
    share = depth / 2 / math.sqrt(1 + depth**2 / 2)
    assert np.mean(envelope * np.cos(angle)) == pytest.approx(share, abs=0.003)
    assert np.mean(envelope * np.sin(angle)) == pytest.approx(0.0, abs=0.003)


def test_a_tilted_background_takes_the_place_of_the_first():
    plain = Background(exponent=1.6, psd_at_10hz=25.0)
    flat = Background(exponent=1.3, psd_at_10hz=22.0)
    region = Region(
        background=plain,
        rhythms={},
        gain_db=constant(0.0),
        channel_gains=(1.0,),
        tilted=flat,
        tilt=steps(np.array([[0.0, 300.0], [301.0, 601.0]]), [0.0, 1.0]),
    )
    lfp = simulate_lfp(
        regions={"CA1": region}, seconds=601.0, rate_hz=1000.0, rngs={"CA1": generator("tilt")}
    )
    for samples, background in ((lfp[:300_000, 0], plain), (lfp[301_000:, 0], flat)):
        frequency, psd = signal.welch(samples, fs=1000.0, nperseg=4000)
        for band in ((20.0, 40.0), (100.0, 180.0)):
            inside = (frequency >= band[0]) & (frequency < band[1])
            power = psd[inside].sum() * (frequency[1] - frequency[0])
            assert power == pytest.approx(background.band_power(band), rel=0.03)


def test_the_flatter_spectrum_of_the_sample_leaves_theta_and_raises_what_is_above():
    tilted = effects.flattened("CA1", "MDMA")
    assert effects.flattened("CA1", "ketamine") is None
    assert effects.flattened("mPFC", "MDMA") is None
    assert tilted.exponent == pytest.approx(1.3)
    assert effects.flattening_db(band="theta", region="CA1", drug="MDMA") == pytest.approx(0)
    # by hand: a power law that turns around 7.8 Hz, at the middle of the band
    assert effects.flattening_db(band="high_gamma", region="CA1", drug="MDMA") == pytest.approx(
        0.3 * 10 * math.log10(81 / 7.8), abs=0.1
    )
