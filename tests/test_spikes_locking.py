"""Locking: exact phases, closed forms, planted locking, and what fakes it.

Seeds are fixed. Null rates are over hundreds of units on one LFP; limits are binomial.
"""

import importlib.util
import json
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy.special import i0, i1
from scipy.stats import binom, ttest_rel

from pipeline.errors import InputError
from pipeline.lfp import lfp_array
from pipeline.simulate.spiking import Unit, simulate_units
from pipeline.simulate.tracks import constant, drifting_phase
from pipeline.spikes import units_dataset
from pipeline.spikes.locking import block_sums, locking_of_sums, rayleigh_p, unit_locking
from pipeline.spikes.phases import MISSING, spike_phases
from pipeline.spikes.reference_channel import reference_channels

GOLD = Path(__file__).parent / "data" / "gold"


def gold():
    """The script that made the oracles' spikes, and elephant's answers."""
    found = importlib.util.spec_from_file_location("oracles", GOLD / "spike_groups_oracles.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module, json.loads((GOLD / "spike_groups_oracles.json").read_text())


oracles, ANSWERS = gold()
THETA = {"theta": (6.0, 10.0)}
BANDS = {"delta": (1, 4), "theta": (6, 10), "beta": (15, 30), "low_gamma": (30, 55)}


def lfp_of(*channels, rate_hz=1000.0, regions=None, start_s=0.0, bad=()):
    names = [f"ch{index}" for index in range(len(channels))]
    region = dict(zip(names, regions or ["CA1"] * len(names), strict=True))
    return lfp_array(
        np.column_stack(channels),
        rate_hz=rate_hz,
        channels=names,
        start_s=start_s,
        region=region,
        bad=bad,
        pass_band_hz=0.4 * rate_hz,
    )


def units_of(trains, regions=None):
    names = [f"u{index}" for index in range(len(trains))]
    return units_dataset(trains, names, regions or ["CA1"] * len(trains))


def falling_noise(n, rate_hz, rng):
    """Noise with a 1/f^2 spectrum, SD 1."""
    hz = np.fft.rfftfreq(n, 1 / rate_hz)
    parts = rng.standard_normal((len(hz), 2)).view(complex)[:, 0]
    line = np.fft.irfft(parts / np.maximum(hz, 1.0), n)
    return line / line.std()


def poisson(seconds, rate_hz, rng):
    return np.sort(rng.uniform(0, seconds, rng.poisson(rate_hz * seconds)))


def bursts(seconds, rate_hz, rng, size=4):
    """Bursts of spikes 3 to 8 ms apart."""
    first = poisson(seconds - 1, rate_hz / size, rng)
    return np.sort(
        (first[:, None] + np.cumsum(rng.uniform(0.003, 0.008, (len(first), size)), 1)).ravel()
    )


def turned(phase):
    """Phase differences between -pi and pi."""
    return np.angle(np.exp(1j * np.asarray(phase)))


# --- phases ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("start_s", [0.0, 731.2345])
def test_phase_is_that_of_the_analytic_signal_at_the_time_of_the_spike(start_s):
    rng = np.random.default_rng(1)
    t = np.arange(60000) / 1000.0
    outside = 3 * np.cos(2 * np.pi * 3.1 * t) + 2 * np.cos(2 * np.pi * 41 * t) + 5
    lfp = lfp_of(oracles.tones(t).real + outside, start_s=start_s)
    at = np.sort(rng.uniform(3, 57, 500))
    phases = spike_phases(lfp, units_of([at + start_s]), [[start_s, start_s + 60]], bands=THETA)
    wrong = turned(phases.radians(0)[0] - np.angle(oracles.tones(at)))
    assert np.abs(wrong).max() < 0.003


@pytest.mark.parametrize("band", [(1, 4), (30, 55), (65, 100), (110, 180)])
def test_phase_is_exact_between_samples_in_every_band(band):
    """Three tones of a band, three quarters of its width apart from each other at most."""
    rng = np.random.default_rng(2)
    low, high = band
    hz = low + (high - low) * np.array([0.3, 0.47, 0.7])
    t = np.arange(20000) / 1000.0

    def wave(at):
        return np.exp(2j * np.pi * np.outer(at, hz)) @ np.array([1.0, 0.8, 0.5j])

    at = np.sort(rng.uniform(4, 16, 400))
    phases = spike_phases(lfp_of(wave(t).real), units_of([at]), [[0, 20]], bands={"x": band})
    wrong = turned(phases.radians(0)[0] - np.angle(wave(at)))
    assert np.sqrt(np.mean(wrong**2)) < 0.005


def test_phase_agrees_with_elephant():
    at = oracles.trains()[1][:200]
    t = np.arange(int(oracles.SECONDS * 1000)) / 1000.0
    phases = spike_phases(
        lfp_of(oracles.tones(t).real), units_of([at]), [[0, oracles.SECONDS]], bands=THETA
    )
    found = phases.radians(0)[0]
    inside = at >= 2.5  # elephant has no margin
    assert inside.sum() > 150
    wrong = turned(found[inside] - np.array(ANSWERS["spike_triggered_phase"])[inside])
    assert np.abs(wrong).max() < 0.003


def test_spikes_in_gaps_and_artefacts_have_no_phase():
    rng = np.random.default_rng(3)
    values = rng.standard_normal(60000)
    values[20000:25000] = np.nan
    lfp = lfp_of(values)
    lfp.attrs["recorded_s"] = [0.0, 20.0, 25.0, 60.0]
    at = np.arange(0.5, 60, 0.5)
    phases = spike_phases(lfp, units_of([at]), [[0, 40], [42, 60]], bands=BANDS)
    stretches = [(2, 18), (27, 38), (44, 58)]
    known = np.any([(at >= low) & (at < high) for low, high in stretches], axis=0)
    assert ((phases.codes[0] != MISSING) == known).all()
    seconds = np.arange(60)
    whole = np.any([(seconds >= low) & (seconds < high) for low, high in stretches], axis=0)
    assert (np.isfinite(phases.power) == whole).all()


def test_power_is_the_variance_of_the_band():
    t = np.arange(30000) / 1000.0
    lfp = lfp_of(3 * np.cos(2 * np.pi * 8 * t) + 2 * np.cos(2 * np.pi * 40 * t))
    phases = spike_phases(lfp, units_of([np.array([5.0])]), [[0, 30]], bands=BANDS)
    power = dict(zip(phases.bands, phases.power[0, :, 5:25], strict=True))
    assert power["theta"] == pytest.approx(4.5, rel=0.002)
    assert power["low_gamma"] == pytest.approx(2.0, rel=0.002)
    assert power["beta"].max() < 1e-3


def test_bands_beyond_the_pass_band_and_units_without_channels_are_left_out():
    lfp = lfp_of(np.random.default_rng(4).standard_normal(10000), rate_hz=250.0)
    units = units_of([np.arange(1.0, 30), np.arange(1.0, 30)], ["CA1", "PrL"])
    phases = spike_phases(lfp, units, [[0, 40]], bands=BANDS | {"hfo": (110, 180)})
    assert phases.bands == tuple(BANDS)
    assert phases.channel == ["ch0", ""]
    assert (phases.codes[1] == MISSING).all()
    assert spike_phases(lfp, units_of([np.ones(1)], ["PrL"]), [[0, 40]], bands=BANDS) is None


# --- channels -------------------------------------------------------------------------------------


def channel_of(own, n=8, bad=(), **known):
    lfp = lfp_of(*np.zeros((n, 10)), bad=bad)
    (at,) = reference_channels(lfp, ["u"], ["CA1"], unit_channel={"u": own}, **known)
    return f"ch{at}" if at >= 0 else ""


def test_channel_is_never_the_units_own():
    for n in (2, 3, 8, 40):
        for own in range(n):
            assert channel_of(f"ch{own}", n) != f"ch{own}"
    assert channel_of("ch0", 1) == ""
    assert channel_of("ch0", 2, bad=["ch1"]) == ""
    assert channel_of("elsewhere", 1) == "ch0"


def test_units_share_a_channel_unless_it_is_theirs():
    assert len({channel_of(f"ch{own}") for own in range(8)}) == 2


def test_channel_is_200_um_away_where_there_is_one():
    places = {f"ch{index}": (0.0, 50.0 * index) for index in range(8)}
    for own in range(8):
        found = channel_of(f"ch{own}", place_um=places)
        assert abs(int(found[2:]) - own) >= 4 or own in (3, 4), own
    crowded = {f"ch{index}": (0.0, 20.0 * index) for index in range(8)}
    assert all(channel_of(f"ch{own}", place_um=crowded) != f"ch{own}" for own in range(8))


def test_channel_is_on_another_shank():
    shanks = {f"ch{index}": "AB"[index // 4] for index in range(8)}
    for own in range(8):
        assert shanks[channel_of(f"ch{own}", shank=shanks)] != shanks[f"ch{own}"]


def test_a_difference_of_channels_holds_both():
    lfp = lfp_of(*np.zeros((3, 10))).assign_coords(channel=["a-b", "b-c", "c-d"])
    lfp.attrs["reference"] = "bipolar"
    for own, allowed in (("a", {1, 2}), ("b", {2}), ("c", {0}), ("d", {0, 1})):
        (at,) = reference_channels(lfp, ["u"], ["CA1"], unit_channel={"u": own})
        assert at in allowed


def test_spikes_lock_to_their_own_waveform_and_not_to_another_channel():
    rng = np.random.default_rng(5)
    spikes = poisson(120, 5.0, rng)
    own, other = (30 * rng.standard_normal(120000) for _ in range(2))
    at = np.round(spikes * 1000).astype(int)
    for offset, height in ((0, -100.0), (1, 60.0)):
        np.add.at(own, np.minimum(at + offset, 119999), height)
    bands = {"hfo": (110, 180)}
    found = {}
    for name, channels in {"own": (own,), "other": (own, other)}.items():
        place = {"u0": "ch0"} if name == "other" else {}
        phases = spike_phases(
            lfp_of(*channels), units_of([spikes]), [[0, 120]], bands=bands, unit_channel=place
        )
        found[name] = unit_locking(phases, [[0, 120]])
    assert found["own"].channel == ["ch0"] and found["other"].channel == ["ch1"]
    assert found["own"].ppc[0, 0] > 0.1
    assert abs(found["other"].ppc[0, 0]) < 4 / len(spikes)
    assert found["other"].block_p[0, 0] > 0.01


# --- closed forms ---------------------------------------------------------------------------------


def test_consistency_is_the_mean_cosine_over_pairs():
    rng = np.random.default_rng(6)
    times, phase = np.sort(rng.uniform(0, 50, 60)), rng.vonmises(0.4, 0.8, 60)
    sums, counts, block = block_sums(np.exp(1j * phase)[None], times, 5.0)
    none = np.zeros(sums.shape)
    ppc, corrected, preferred, rayleigh, _ = locking_of_sums(sums, counts, occupancy=none)
    pairs = np.array(list(combinations(range(60), 2)))
    cosines = np.cos(phase[pairs[:, 0]] - phase[pairs[:, 1]])
    apart = np.floor(times[pairs] / 5.0).astype(int)
    apart = apart[:, 0] != apart[:, 1]
    assert ppc[0] == pytest.approx(cosines.mean(), abs=1e-12)
    assert corrected[0] == pytest.approx(cosines[apart].mean(), abs=1e-12)
    assert preferred[0] == pytest.approx(np.angle(np.exp(1j * phase).sum()))
    assert counts.sum() == 60 and len(block) == len(counts) == sums.shape[1]
    assert rayleigh[0] == rayleigh_p(abs(np.exp(1j * phase).sum()), 60)


@pytest.mark.parametrize("n", [50, 200, 2000])
@pytest.mark.parametrize("kappa", [0.0, 0.3, 1.0])
def test_consistency_is_the_squared_resultant_whatever_the_number_of_spikes(n, kappa):
    rng = np.random.default_rng(n)
    phase = rng.vonmises(-2.0, kappa, (400, n)) if kappa else rng.uniform(-3.1416, 3.1416, (400, n))
    sums, counts, _ = block_sums(np.exp(1j * phase), np.arange(n) * (100 / n), 5.0)
    ppc, corrected, *_ = locking_of_sums(sums, counts, occupancy=np.zeros(sums.shape))
    for values in (ppc, corrected):
        error = values.std() / np.sqrt(len(values))
        assert values.mean() == pytest.approx((i1(kappa) / i0(kappa)) ** 2, abs=4 * error)


@pytest.mark.parametrize("n", [10, 50, 1000])
def test_rayleigh_is_right_for_independent_angles(n):
    rng = np.random.default_rng(n)
    resultant = (
        np.abs(np.exp(2j * np.pi * rng.random((20000, n))).sum(axis=1))
        if n < 1000
        else (np.abs(np.exp(2j * np.pi * rng.random((4000, n), dtype=np.float32)).sum(axis=1)))
    )
    p = rayleigh_p(resultant, n)
    for level in (0.05, 0.2, 0.5):
        assert binom.cdf(np.sum(p < level), len(p), level) > 0.001
        assert binom.sf(np.sum(p < level) - 1, len(p), level) > 0.001


# --- planted locking ------------------------------------------------------------------------------


@cache
def planted(noise):
    """Locking of units of known kappa to a rhythm of SD 1 in noise of SD `noise` below 100 Hz."""
    rng = np.random.default_rng(7)
    seconds, rate = 600.0, 250.0
    phase = drifting_phase(seconds=seconds, frequency_hz=8.0, rng=rng)
    kappas = (0.0, 0.25, 0.5, 1.0, 2.0)
    units = [
        Unit(region="CA1", rate_hz=8.0, log2_gain=constant(0.0), kappa=kappa, preferred_rad=1.2)
        for kappa in kappas
    ]
    trains = simulate_units(units, seconds=seconds, phase=phase, rng=rng)
    t = np.arange(int(seconds * rate)) / rate
    wave = np.sqrt(2) * np.cos(np.interp(t, phase.times_s, phase.values))
    wave += noise * falling_noise(len(t), rate, rng)
    lfp = lfp_of(wave, rate_hz=rate)
    phases = spike_phases(lfp, units_of(trains), [[0, seconds]], bands=THETA)
    return kappas, unit_locking(phases, [[0, seconds]])


@pytest.mark.parametrize(
    ("noise", "kept"), [(0.0, (0.93, 1.05)), (1.0, (0.9, 1.03)), (4.0, (0.55, 0.9))]
)
def test_planted_locking_is_recovered(noise, kept):
    """Noise in the band turns phases and lowers locking; four times the rhythm's SD, by a third."""
    kappas, found = planted(noise)
    truth = (i1(kappas) / i0(kappas)) ** 2
    ratio = found.ppc[2:, 0] / truth[2:]
    assert (ratio > kept[0]).all() and (ratio < kept[1]).all()
    assert found.ppc_corrected[2:, 0] == pytest.approx(found.ppc[2:, 0], rel=0.1)
    assert turned(found.preferred_rad[1:, 0] - 1.2) == pytest.approx(0.0, abs=0.15)
    assert abs(found.ppc[0, 0]) < 4 / found.n_spikes[0]
    assert (found.block_p[1:, 0] < 1e-3).all() and found.block_p[0, 0] > 0.01


# --- what fakes locking ---------------------------------------------------------------------------

N_UNITS, SECONDS = 640, 600.0


@cache
def session_lfp():
    """Falling noise and a theta rhythm."""
    rng = np.random.default_rng(8)
    rate = 250.0
    phase = drifting_phase(seconds=SECONDS, frequency_hz=8.0, rng=rng)
    t = np.arange(int(SECONDS * rate)) / rate
    wave = falling_noise(len(t), rate, rng) + np.cos(np.interp(t, phase.times_s, phase.values))
    return lfp_of(wave, rate_hz=rate)


@cache
def unlocked(kind):
    """Phases of units that know nothing of the LFP."""
    rng = np.random.default_rng(9)

    def drifting():
        """Rates that wander by a factor of two and more over minutes."""
        walk = np.cumsum(rng.normal(0, 0.25, int(SECONDS / 5) + 1))
        times = poisson(SECONDS, 8.0, rng)
        gain = 2.0 ** (walk - walk.max())
        return times[rng.random(len(times)) < np.interp(times, np.arange(len(walk)) * 5.0, gain)]

    def states():
        """Half seconds of activity in a tenth of the time."""
        active = rng.random(int(2 * SECONDS)) < 0.1
        times = poisson(SECONDS, 40.0, rng)
        return times[active[(2 * times).astype(int)]]

    makers = {
        "poisson": lambda: poisson(SECONDS, 4.0, rng),
        "bursts": lambda: bursts(SECONDS, 4.0, rng),
        "drift": drifting,
        "states": states,
    }
    trains = [makers[kind]() for _ in range(N_UNITS)]
    return spike_phases(session_lfp(), units_of(trains), [[0, SECONDS]], bands=BANDS)


def within_binomial(hits, n, level=0.05, tail=0.001):
    return binom.cdf(hits, n, level) > tail and binom.sf(hits - 1, n, level) > tail


@pytest.mark.parametrize("kind", ["poisson", "bursts", "drift", "states"])
def test_p_over_blocks_is_right_where_nothing_is_locked(kind):
    found = unit_locking(unlocked(kind), [[0, SECONDS]])
    n = found.block_p.size
    hits = int((found.block_p < 0.05).sum())
    assert 0.04 < hits / n < 0.06
    assert within_binomial(hits, n)
    error = found.ppc_corrected.std(axis=0) / np.sqrt(len(found.ppc))
    assert (np.abs(found.ppc_corrected.mean(axis=0)) < 3.5 * error).all()


def test_bursts_make_rayleigh_and_the_plain_consistency_see_locking():
    """Theta and delta: Rayleigh calls about half of the units locked, at 5 %."""
    found = unit_locking(unlocked("bursts"), [[0, SECONDS]])
    rates = dict(zip(found.bands, (found.rayleigh_p < 0.05).mean(axis=0), strict=True))
    assert rates["delta"] > 0.4 and rates["theta"] > 0.35
    single = unit_locking(unlocked("poisson"), [[0, SECONDS]])
    assert 0.03 < (single.rayleigh_p[:, 1:] < 0.05).mean() < 0.07
    error = found.ppc[:, :2].std(axis=0) / np.sqrt(N_UNITS)
    assert (found.ppc[:, :2].mean(axis=0) > 8 * error).all()


def test_a_wave_that_is_not_a_sine_locks_all_units_but_for_the_correction():
    rng = np.random.default_rng(10)
    t = np.arange(int(SECONDS * 250)) / 250.0
    wave = np.cos(2 * np.pi * 1.3 * t) + 0.6 * np.cos(2 * np.pi * 2.6 * t)
    trains = [poisson(SECONDS, 5.0, rng) for _ in range(200)]
    lfp = lfp_of(wave + 0.05 * rng.standard_normal(len(t)), rate_hz=250.0)
    phases = spike_phases(lfp, units_of(trains), [[0, SECONDS]], bands={"delta": (1, 4)})
    found = unit_locking(phases, [[0, SECONDS]])
    error = found.ppc_corrected.std() / np.sqrt(200)
    assert found.ppc.mean() > 0.01
    assert (found.rayleigh_p < 0.05).mean() > 0.9
    assert abs(found.ppc_corrected.mean()) < 3.5 * error
    assert within_binomial(int((found.block_p < 0.05).sum()), 200)


def test_epochs_differ_at_5_percent_when_nothing_changes():
    """Paired t over 8 animals (means of 4 units), first against second half of the session.

    Then with bursts in the second half only, which change nothing about locking.
    """
    calm, burst = unlocked("poisson"), unlocked("bursts")
    halves = [[0, SECONDS / 2]], [[SECONDS / 2, SECONDS]]
    before, after = unit_locking(calm, halves[0]), unit_locking(calm, halves[1])
    bursting = unit_locking(burst, halves[1])

    def hits(one, other):
        animals = [v.reshape(N_UNITS // 32, 8, 4, -1).mean(axis=2) for v in (one, other)]
        p = ttest_rel(*animals, axis=1).pvalue
        return int((p < 0.05).sum()), p.size

    assert within_binomial(*hits(before.ppc_corrected, after.ppc_corrected))
    assert within_binomial(*hits(before.ppc_corrected, bursting.ppc_corrected))
    # the trap: the plain consistency changes with bursts alone
    count, total = hits(before.ppc[:, :2], bursting.ppc[:, :2])
    assert count / total > 0.3


# --- what is left out -----------------------------------------------------------------------------


def test_fewer_than_50_spikes_give_no_value():
    rng = np.random.default_rng(11)
    trains = [np.sort(rng.uniform(10, 90, n)) for n in (49, 50, 0, 300)]
    lfp = lfp_of(rng.standard_normal(25000), rate_hz=250.0)
    phases = spike_phases(lfp, units_of(trains), [[0, 100]], bands=THETA)
    found = unit_locking(phases, [[0, 100]])
    assert found.unit_id == ["u1", "u3"] and found.too_few == ("u0", "u2")
    assert found.n_spikes.tolist() == [50, 300]
    assert unit_locking(phases, [[0, 3]]) is None
    assert np.isnan(unit_locking(phases, [[10, 40]]).block_p).all()  # 6 blocks


def test_intervals_are_pooled_and_spikes_outside_them_do_not_count():
    rng = np.random.default_rng(12)
    lfp = lfp_of(rng.standard_normal(50000), rate_hz=250.0)
    train = poisson(200, 6.0, rng)
    phases = spike_phases(lfp, units_of([train]), [[0, 200]], bands=THETA)
    parts = [[20, 60], [100, 103.5], [150, 190]]
    inside = np.any([(train >= a) & (train < b) for a, b in parts], axis=0)
    alone = spike_phases(lfp, units_of([train[inside]]), [[0, 200]], bands=THETA)
    pooled, same = unit_locking(phases, parts), unit_locking(alone, [[0, 200]])
    assert pooled.n_spikes[0] == inside.sum()
    assert pooled.ppc == pytest.approx(same.ppc)
    assert pooled.seconds == pytest.approx(83.5)
    with pytest.raises(InputError, match="overlap"):
        unit_locking(phases, [[0, 10], [5, 20]])


def test_results_do_not_depend_on_other_units_or_channels():
    rng = np.random.default_rng(13)
    trains = [poisson(100, 8.0, rng) for _ in range(3)]
    signals = rng.standard_normal((2, 25000))
    both = lfp_of(*signals, rate_hz=250.0, regions=["CA1", "PrL"])
    all_units = units_of(trains, ["CA1", "PrL", "CA1"])
    found = unit_locking(spike_phases(both, all_units, [[0, 100]], bands=BANDS), [[0, 100]])
    alone = spike_phases(both.isel(channel=[0]), units_of(trains[2:]), [[0, 100]], bands=BANDS)
    assert found.ppc[2] == pytest.approx(unit_locking(alone, [[0, 100]]).ppc[0], abs=1e-6)
