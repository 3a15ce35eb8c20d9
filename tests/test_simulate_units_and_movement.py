"""Units fire at the declared rates and phases; bouts fill the declared fractions."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import optimize, special

from pipeline.ingest import movement_strata
from pipeline.simulate.movement import simulate_bouts, simulate_speed
from pipeline.simulate.randomness import generator
from pipeline.simulate.spiking import Unit, rate_before_dead_time, simulate_units
from pipeline.simulate.tracks import constant, drifting_phase, steps

SECONDS = 1200.0


@pytest.fixture(scope="module")
def theta():
    return drifting_phase(seconds=SECONDS, frequency_hz=8.0, rng=generator("theta"))


def trains(units, theta, **options):
    return simulate_units(units, seconds=SECONDS, phase=theta, rng=generator("spikes"), **options)


@pytest.mark.parametrize("rate_hz", [1.5, 8.0, 30.0])
def test_unit_fires_at_its_rate_in_spite_of_the_dead_time(theta, rate_hz):
    unit = Unit(region="CA1", rate_hz=rate_hz, log2_gain=constant(0.0))
    (spikes,) = trains([unit], theta)
    expected = rate_hz * SECONDS
    assert abs(len(spikes) - expected) < 4 * np.sqrt(expected)
    assert np.all(np.diff(spikes) >= 0.002)
    assert spikes[0] >= 0 and spikes[-1] < SECONDS


def test_rate_follows_its_track_in_log2(theta):
    gain = steps(np.array([[0, 590], [610, 1200]]), [0.0, 1.0])
    (spikes,) = trains([Unit(region="CA1", rate_hz=10.0, log2_gain=gain)], theta)
    before, after = np.sum(spikes < 590), np.sum(spikes >= 610)
    assert np.log2(after / before) == pytest.approx(1.0, abs=0.1)  # sd 0.023


@pytest.mark.parametrize("kappa", [0.0, 0.5, 1.5])
def test_locking_is_von_mises(theta, kappa):
    unit = Unit(region="CA1", rate_hz=15.0, log2_gain=constant(0.0), kappa=kappa, preferred_rad=2.0)
    (spikes,) = trains([unit], theta)
    phase = np.interp(spikes, theta.times_s, theta.values)
    vector = np.exp(1j * phase).mean()
    assert abs(len(spikes) / SECONDS - 15.0) < 0.6
    # the mean resultant length of n uniform phases is about 1 / sqrt(n): 0.007
    assert abs(vector) == pytest.approx(special.i1(kappa) / special.i0(kappa), abs=0.03)
    if kappa:
        assert np.angle(vector * np.exp(-2j)) == pytest.approx(0.0, abs=0.1)


def test_rate_before_dead_time_inverts_the_loss():
    for rate in (0.5, 20.0, 100.0):
        found = optimize.brentq(lambda r, rate=rate: r * np.exp(-r * 0.002) - rate, 0, 500)
        assert rate_before_dead_time(np.array(rate), 0.002) == pytest.approx(found, rel=1e-9)
    assert rate_before_dead_time(np.array(7.0), 0.0) == 7.0
    with pytest.raises(ValueError, match="allows no rate of"):
        rate_before_dead_time(np.array(500.0), 0.002)


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.5, 0.7, 1.0])
def test_bouts_fill_an_interval_with_the_fraction_asked(fraction):
    for seed in range(20):
        bouts = simulate_bouts(
            start_s=100, stop_s=280, walk_fraction=fraction, rng=generator("b", seed=seed)
        )
        lengths = np.array([bout.stop_s - bout.start_s for bout in bouts])
        walking = np.array([bout.walking for bout in bouts])
        assert bouts[0].start_s == 100 and bouts[-1].stop_s == 280
        assert all(a.stop_s == b.start_s for a, b in pairwise(bouts))
        assert all(a.walking != b.walking for a, b in pairwise(bouts))
        assert lengths.min() >= 8 - 1e-9
        assert lengths[walking].sum() / 180 == pytest.approx(fraction)


def test_impossible_fractions_are_refused():
    with pytest.raises(ValueError, match="less than one bout of"):
        simulate_bouts(start_s=0, stop_s=60, walk_fraction=0.05, rng=generator("b"))
    with pytest.raises(ValueError, match="between 0 and 1"):
        simulate_bouts(start_s=0, stop_s=60, walk_fraction=1.2, rng=generator("b"))


def test_speed_gives_the_bouts_back():
    import pandas as pd

    bouts = simulate_bouts(start_s=0, stop_s=300, walk_fraction=0.4, rng=generator("b"))
    time_s, speed = simulate_speed(bouts, seconds=300, rng=generator("speed"))
    assert len(time_s) == 3000 and time_s[1] == pytest.approx(0.1)
    strata = movement_strata(
        pd.DataFrame({"time_s": time_s, "speed_cm_s": speed}),
        rest_below_cm_s=2.0,
        run_above_cm_s=15.0,
        minimum_bout_s=3.0,
    )
    assert len(strata.get("run", ())) == 0
    for name, walking in (("rest", False), ("walk", True)):
        planted = np.array([(b.start_s, b.stop_s) for b in bouts if b.walking == walking])
        found = np.asarray(strata[name])
        assert len(found) == len(planted)
        np.testing.assert_allclose(found, planted, atol=1.0)  # the strata smooth the speed
