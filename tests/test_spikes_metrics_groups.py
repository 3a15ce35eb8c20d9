"""Locking, pairs and groups as outcomes: hand-worked spikes, planted structure, what fakes it.

Truth of shared spikes (each unit fires ``r`` per second, ``s`` of them together with all others):
correlation of counts s / r; coincidences and coupling follow in closed form. Seeds are fixed.
"""

from functools import cache

import numpy as np
import pytest
from scipy.special import i0, i1, iv

from pipeline.lfp import lfp_array
from pipeline.registry import metrics, registered
from pipeline.spikes import epoch_units, units_dataset
from pipeline.spikes.groups import cell_groups
from pipeline.spikes.locking import locking_q, unit_locking
from pipeline.spikes.pairs import cell_pairs
from pipeline.spikes.phases import spike_phases
from pipeline.spikes.rate_power import cell_rate_power

PAIRS = {"window_s": 600.0, "tiling_ms": 50.0, "minimum_spikes": 50}
GROUPS = {"minimum_spikes": 50, "dimension_units": 10}
#: coincidences of two units with a smoothing of 12 ms: Hz at the spike itself
PEAK_HZ = 1 / (0.012 * np.sqrt(2 * np.pi))


def values(metric, minimum_units=5, **sources):
    options = {"spikes": {"minimum_units": minimum_units, "locking": {"level": 0.05}}}
    found = registered()[metric].compute(**sources, options=options)
    assert all(np.isfinite(v.value) and v.n_effective > 0 and v.n_effective_unit for v in found)
    return found


def named(found):
    """Values by region (or pair), unit and band, blanks left out."""
    keys = [(v.region, v.region_b, v.unit_id, v.band) for v in found]
    assert len(set(keys)) == len(keys)
    return {tuple(filter(None, key)): v.value for key, v in zip(keys, found, strict=True)}


def poisson(seconds, rate_hz, rng):
    return np.sort(rng.uniform(0, seconds, rng.poisson(rate_hz * seconds)))


def dataset(trains, regions):
    return units_dataset(trains, [f"u{index}" for index in range(len(trains))], regions)


def epoch(trains, regions, seconds):
    return epoch_units(dataset(trains, regions), [[0, seconds]])


def lfp_of(wave, rate_hz=250.0):
    return lfp_array(
        np.asarray(wave)[:, None],
        rate_hz=rate_hz,
        channels=["ch0"],
        region={"ch0": "CA1"},
        pass_band_hz=100.0,
    )


# --- declarations ---------------------------------------------------------------------------------

UNIT, REGION, PAIR = "unit", "region", "region_pair"
DECLARED = {
    "spike_phase_locking": (UNIT, "locking", "linear", True),
    "spike_phase_locking_uncorrected": (UNIT, "locking", "linear", True),
    "rate_power_correlation": (UNIT, "rate_power", "linear", True),
    "population_coupling": (UNIT, "groups", "linear", False),
    "locked_fraction": (REGION, "locking", "linear", True),
    "count_correlation": (REGION, "pairs", "linear", True),
    "count_correlation_matched": (REGION, "pairs", "linear", True),
    "count_correlation_between": (PAIR, "pairs", "linear", True),
    "count_correlation_matched_between": (PAIR, "pairs", "linear", True),
    "spike_time_tiling": (REGION, "pairs", "linear", False),
    "spike_time_tiling_between": (PAIR, "pairs", "linear", False),
    "synchrony": (REGION, "groups", "log2", False),
    "dimension": (REGION, "groups", "log2", False),
    "shared_variation": (REGION, "groups", "linear", False),
}


@pytest.mark.parametrize("name", DECLARED)
def test_declarations(name):
    declared = metrics()[name]
    entity, source, scale, per_band = DECLARED[name]
    assert (declared.entity, declared.needs, declared.scale) == (entity, (source,), scale)
    assert (declared.grain, declared.domain, declared.per_band) == ("cell", "spikes", per_band)
    bins = ("100ms", "1s") if source == "pairs" and per_band else ()
    assert declared.band_names == bins
    assert declared.baseline == "change" and declared.counted


# --- locking --------------------------------------------------------------------------------------


def locked_cell(trains, regions, *, seconds=120, bands=None, wave=None):
    """Locking of units to a steady 8 Hz wave whose peaks are at multiples of 1/8 s."""
    t = np.arange(seconds * 250) / 250.0
    lfp = lfp_of(np.cos(2 * np.pi * 8 * t) if wave is None else wave)
    phases = spike_phases(
        lfp, dataset(trains, regions), [[0, seconds]], bands=bands or {"theta": (6, 10)}
    )
    return unit_locking(phases, [[0, seconds]])


def test_locking_of_hand_worked_spikes():
    """At every peak: 1. At peak and falling edge in turn: 1/2. At peak and trough in turn: 0."""
    peaks = np.arange(80, 880) / 8.0
    turned = peaks + np.tile([0.0, 1 / 32], 400)
    opposed = peaks + np.tile([0.0, 1 / 16], 400)
    found = locked_cell([peaks, turned, opposed, peaks[:49]], ["CA1"] * 4)
    n, blocks = 800, 20
    plain = values("spike_phase_locking_uncorrected", locking=found)
    corrected = values("spike_phase_locking", locking=found)
    # 40 spikes of a block, 20 of each phase: pairs between blocks see every difference equally
    assert [v.value for v in plain] == pytest.approx(
        [1.0, (n * n / 2 - n) / (n * (n - 1)), -1 / (n - 1)], abs=1e-3
    )
    assert [v.value for v in corrected] == pytest.approx([1.0, 0.5, 0.0], abs=1e-3)
    assert found.n_blocks.tolist() == [blocks] * 3
    for v in (*plain, *corrected):
        assert (v.region, v.band, v.n_effective, v.n_effective_unit) == (
            "CA1",
            "theta",
            n,
            "spikes",
        )
    assert [v.unit_id for v in corrected] == ["u0", "u1", "u2"]


def test_spikes_of_one_block_have_no_corrected_value():
    short = np.sort(np.random.default_rng(1).uniform(10, 15, 60))
    found = locked_cell([short], ["CA1"])
    assert values("spike_phase_locking", locking=found) == []
    assert len(values("spike_phase_locking_uncorrected", locking=found)) == 1
    assert values("locked_fraction", 1, locking=found) == []  # 8 blocks are needed


def test_q_is_that_of_the_tests_of_one_band():
    p = np.array([[0.01, np.nan], [0.04, 0.03], [0.9, np.nan], [np.nan, 0.02]])
    expected = [[0.03, np.nan], [0.06, 0.03], [0.9, np.nan], [np.nan, 0.03]]
    np.testing.assert_allclose(locking_q(p), expected)


def test_locked_fraction_is_a_share_of_the_units_tested():
    """Three of five units lock in one region; the other has too few units."""
    rng = np.random.default_rng(2)
    peaks = np.arange(80, 880) / 8.0
    free = [poisson(120, 6.0, rng) for _ in range(6)]
    found = locked_cell([peaks, peaks, peaks, *free[:2]], ["CA1"] * 5)
    assert found.block_p[3:].min() > 0.05
    (value,) = values("locked_fraction", locking=found)
    assert (value.region, value.band, value.value) == ("CA1", "theta", 0.6)
    assert (value.n_effective, value.n_effective_unit) == (5, "units")
    assert values("locked_fraction", 6, locking=found) == []


def von_mises(kappas, *, keep=1.0):
    """Units of known concentration on a steady 8 Hz wave, 200 s at 6.4 Hz before any loss."""
    rng = np.random.default_rng(3)
    trains = []
    for kappa in kappas:
        cycles = np.flatnonzero(rng.random(1600) < 0.8)
        drawn = rng.uniform(-np.pi, np.pi, len(cycles))
        turn = (rng.vonmises(1.0, kappa, len(cycles)) if kappa else drawn) / (2 * np.pi)
        times = np.sort((cycles + turn) / 8)
        times = times[(times > 0) & (times < 200)]
        trains.append(times[rng.random(len(times)) < keep])
    return locked_cell(trains, ["CA1"] * len(trains), seconds=200)


@pytest.mark.parametrize("keep", [1.0, 0.25])
def test_planted_locking_comes_back_whether_spikes_are_lost_or_not(keep):
    kappas = np.repeat([0.0, 0.5, 1.0], 12)
    found = von_mises(kappas, keep=keep)
    assert found.n_spikes.mean() == pytest.approx(1280 * keep, rel=0.05)
    for metric in ("spike_phase_locking", "spike_phase_locking_uncorrected"):
        ppc = np.array([v.value for v in values(metric, locking=found)])
        for kappa in (0.0, 0.5, 1.0):
            own = kappas == kappa
            length, n = i1(kappa) / i0(kappa), found.n_spikes[own].mean()
            variance = (1 + iv(2, kappa) / i0(kappa)) / 2 - length**2
            error = np.hypot(2 * length * np.sqrt(variance / n), 1 / n) / np.sqrt(12)
            assert ppc[own].mean() == pytest.approx(length**2, abs=4 * error)
    (fraction,) = values("locked_fraction", locking=found)
    assert 24 / 36 <= fraction.value <= 27 / 36


def test_fewer_spikes_find_fewer_locked_units():
    (whole,), (few,) = (
        values("locked_fraction", locking=von_mises([0.25] * 20, keep=keep)) for keep in (1.0, 0.1)
    )
    assert whole.value > 0.9 and few.value < 0.6


def test_short_cells_raise_the_plain_consistency_a_little_and_the_corrected_one_not():
    """Cells of 30 s of noise that falls with 1/f^2: too high by 0.001 in delta, not in theta."""
    rng = np.random.default_rng(4)
    seconds = 604
    trains = [poisson(seconds, 6.0, rng) for _ in range(150)]
    parts = rng.standard_normal((seconds * 125 + 1, 2)).view(complex)[:, 0]
    hz = np.arange(len(parts)) / seconds
    wave = np.fft.irfft(parts / np.maximum(hz, 0.5), seconds * 250)
    bands = {"delta": (1, 4), "theta": (6, 10)}
    phases = spike_phases(lfp_of(wave), dataset(trains, ["CA1"] * 150), [[0, seconds]], bands=bands)
    cells = [unit_locking(phases, [[s, s + 30]]) for s in range(2, 602, 30)]

    def mean_and_error(metric):
        found = [[v.value for v in values(metric, locking=cell)] for cell in cells]
        means = np.reshape(found, (20, 150, 2)).mean(axis=1)
        return means.mean(axis=0), means.std(axis=0) / np.sqrt(20)

    offered = phases.occupancy[0, :, 2:602].reshape(2, 20, 30)
    offered = np.nanmean(offered, axis=2)
    truth = np.mean(np.abs(offered) ** 2, axis=1)
    assert 0.0005 < truth[0] < 0.0015 and truth[1] < 0.0001
    plain, error = mean_and_error("spike_phase_locking_uncorrected")
    assert plain == pytest.approx(truth, abs=0.0004)
    assert plain[0] > 3.5 * error[0]
    corrected, error = mean_and_error("spike_phase_locking")
    assert (np.abs(corrected) < 3.5 * error).all()
    assert abs(corrected[0]) < plain[0] / 3


# --- rates and power ------------------------------------------------------------------------------


def test_rate_follows_power_second_by_second():
    """Beta strong in every other second; counts of two sizes against power without ties: √3 / 2.

    A unit with the same count in every second has no correlation. Lost spikes, less correlation.
    """
    rng = np.random.default_rng(5)
    t = np.arange(300 * 250) / 250.0
    strong = (t.astype(int) % 2).astype(bool)
    wave = np.where(strong, 2.0, 1.0) * np.cos(2 * np.pi * 20 * t)
    wave += 0.1 * rng.standard_normal(len(t))
    odd, even = np.arange(1, 300, 2), np.arange(0, 300, 2)
    every = np.arange(300.0) + 0.5
    follows = np.sort(np.concatenate([every, odd + 0.7]))
    opposes = np.sort(np.concatenate([every, even + 0.7]))
    fewer = follows[rng.random(len(follows)) < 0.5]
    units = dataset([follows, opposes, every, fewer, every[:49]], ["CA1"] * 5)
    bands = {"beta": (15, 30)}
    phases = spike_phases(lfp_of(wave), units, [[0, 300]], bands=bands)
    found = cell_rate_power(epoch_units(units, [[2, 298]]), phases)
    assert found.seconds == found.n_seconds == 296
    correlation = values("rate_power_correlation", rate_power=found)
    assert [v.unit_id for v in correlation] == ["u0", "u1", "u3"]
    assert [v.value for v in correlation[:2]] == pytest.approx(
        [np.sqrt(0.75), -np.sqrt(0.75)], abs=0.01
    )
    assert 0.2 < correlation[2].value < 0.6
    assert {(v.region, v.band, v.n_effective, v.n_effective_unit) for v in correlation} == {
        ("CA1", "beta", 296, "seconds")
    }
    assert cell_rate_power(epoch_units(units, [[2, 61]]), phases) is None


# --- pairs ----------------------------------------------------------------------------------------


def test_pairs_of_hand_worked_spikes():
    """Two units of CA1 fire in even seconds, two of mPFC in odd ones, 50 ms into the second."""
    even, odd = np.arange(0, 200, 2) + 0.05, np.arange(1, 200, 2) + 0.05
    units = epoch([even, even, odd, odd, even], ["CA1", "CA1", "mPFC", "mPFC", ""], 200)
    half = {f"u{index}": 0.25 for index in range(4)}
    found = cell_pairs(units, half, options=PAIRS)
    assert found.seconds == 200
    within = named(values("count_correlation", 2, pairs=found))
    both = ("CA1", "mPFC")
    assert within == {(r, b): pytest.approx(1.0) for r in both for b in ("100ms", "1s")}
    between = named(values("count_correlation_between", 2, pairs=found))
    assert between == {
        (*both, "100ms"): pytest.approx(-1 / 19),
        (*both, "1s"): pytest.approx(-1.0),
    }
    # half of the spikes: covariance C / 4, variance V / 4 + m / 4
    matched = named(values("count_correlation_matched", 2, pairs=found))
    apart = named(values("count_correlation_matched_between", 2, pairs=found))
    for name, mean, n in (("100ms", 0.05, 2000), ("1s", 0.5, 200)):
        variance = mean * (1 - mean) * n / (n - 1)
        assert matched["CA1", name] == pytest.approx(variance / (variance + mean))
        covariance = -(mean**2) * n / (n - 1)
        assert apart[*both, name] == pytest.approx(covariance / (variance + mean))
    # spikes cover a tenth of every other second: P = 0, T = 0.05
    assert named(values("spike_time_tiling", 2, pairs=found)) == {("CA1",): 1.0, ("mPFC",): 1.0}
    apart = named(values("spike_time_tiling_between", 2, pairs=found))
    assert apart == {both: pytest.approx(-0.05)}
    assert {
        (v.n_effective, v.n_effective_unit)
        for v in values("count_correlation_between", 2, pairs=found)
    } == {(4, "units")}


def test_regions_with_few_units_and_short_cells_have_no_pairs():
    rng = np.random.default_rng(6)
    trains = [poisson(100, 4.0, rng) for _ in range(9)]
    regions = ["CA1"] * 5 + ["mPFC"] * 4
    lowest = {f"u{index}": 2.0 for index in range(1, 9)} | {"u0": 0.0}
    found = cell_pairs(epoch(trains, regions, 100), lowest, options=PAIRS)
    assert set(named(values("count_correlation", pairs=found))) == {
        ("CA1", "100ms"),
        ("CA1", "1s"),
    }
    assert values("count_correlation_between", pairs=found) == []
    assert values("spike_time_tiling_between", pairs=found) == []
    # u0 falls silent in another cell: four units of CA1 are left
    assert values("count_correlation_matched", pairs=found) == []
    assert len(values("count_correlation_matched", 4, pairs=found)) == 4
    short = cell_pairs(epoch(trains, regions, 25), lowest, options=PAIRS)
    assert set(named(values("count_correlation", pairs=short))) == {("CA1", "100ms")}
    assert cell_pairs(epoch(trains[:1], ["CA1"], 100), lowest, options=PAIRS) is None


SECONDS, RATE, SHARED = 500, 4.0, 1.0


@cache
def shared_spikes(keep=1.0):
    """Twelve units of two regions that share spikes; each spike is kept with a probability."""
    rng = np.random.default_rng(7)
    common = poisson(SECONDS, SHARED, rng)
    own = [poisson(SECONDS, RATE - SHARED, rng) for _ in range(12)]
    trains = [np.sort(np.concatenate([train, common])) for train in own]
    if keep < 1:
        trains = [train[rng.random(len(train)) < keep] for train in trains]
    return epoch(trains, ["CA1"] * 6 + ["mPFC"] * 6, SECONDS)


def rates_of(units):
    return {
        unit: len(times) / units.seconds
        for unit, times in zip(units.unit_id, units.spike_times, strict=True)
    }


def test_planted_correlation_and_tiling_come_back_within_and_between_regions():
    found = cell_pairs(shared_spikes(), rates_of(shared_spikes()), options=PAIRS)
    share = SHARED / RATE
    for name, error in (("100ms", 0.015), ("1s", 0.05)):
        for metric in ("count_correlation", "count_correlation_matched"):
            one = named(values(metric, pairs=found))
            two = named(values(f"{metric}_between", pairs=found))
            assert one["CA1", name] == pytest.approx(share, abs=error)
            assert one["mPFC", name] == pytest.approx(share, abs=error)
            assert two["CA1", "mPFC", name] == pytest.approx(share, abs=error)
    covered = 1 - np.exp(-0.1 * RATE)
    near = share + (1 - share) * covered
    truth = (near - covered) / (1 - near * covered)
    assert named(values("spike_time_tiling", pairs=found))["CA1",] == pytest.approx(truth, abs=0.02)
    between = named(values("spike_time_tiling_between", pairs=found))
    assert between["CA1", "mPFC"] == pytest.approx(truth, abs=0.02)


def test_lost_spikes_lower_correlation_and_tiling_but_not_the_matched_correlation():
    whole, half = shared_spikes(), shared_spikes(0.5)
    lowest = rates_of(half)
    cells = [cell_pairs(units, lowest, options=PAIRS) for units in (whole, half)]
    falling = ("count_correlation", "spike_time_tiling")
    for name in (*falling, *(f"{one}_between" for one in falling)):
        before, after = (np.mean(list(named(values(name, pairs=c)).values())) for c in cells)
        assert after < 0.65 * before
    before, after = (named(values("count_correlation_matched", pairs=c)) for c in cells)
    for name, error in (("100ms", 0.015), ("1s", 0.05)):
        assert before["CA1", name] == pytest.approx(SHARED / RATE / 2, abs=error)
        assert after["CA1", name] == pytest.approx(SHARED / RATE / 2, abs=error)


# --- groups ---------------------------------------------------------------------------------------


def test_groups_of_hand_worked_spikes():
    """Two units fire together every 2 s: alone on both sides of each spike."""
    every = np.arange(0, 600, 2) + 1.0
    found = cell_groups(epoch([every, every, every], ["CA1", "CA1", ""], 600), options=GROUPS)
    assert found.seconds == 600 and [group.region for group in found.groups] == ["CA1"]
    coupling = values("population_coupling", groups=found)
    assert [v.unit_id for v in coupling] == ["u0", "u1"]
    assert [v.value for v in coupling] == pytest.approx([(PEAK_HZ - 0.5) / 0.5] * 2, rel=0.002)
    assert {(v.n_effective, v.n_effective_unit) for v in coupling} == {(300, "spikes")}
    # 300 pairs in one window of 50 ms each, of which jitter leaves a tenth
    (value,) = values("synchrony", 2, groups=found)
    assert (value.value, value.n_effective) == (pytest.approx(10.0), pytest.approx(30.0))
    # correlation 1: one dimension, whatever the number of units
    assert values("dimension", 2, groups=found)[0].value == pytest.approx(1.0)
    # two spikes in one of 100 bins: mean 0.02, mean square 0.04
    (value,) = values("shared_variation", 2, groups=found)
    truth = ((0.04 - 0.0004) * 30000 / 29999 - 0.02) / 0.0004
    assert value.value == pytest.approx(truth)
    for metric in ("synchrony", "dimension", "shared_variation"):
        assert values(metric, 3, groups=found) == []


def test_synchrony_of_half_the_pairs_and_of_too_few():
    one = np.arange(600) + 0.0025
    other = one + np.tile([0.0, 0.02], 300)
    found = cell_groups(epoch([one, other], ["CA1"] * 2, 600), options=GROUPS)
    (value,) = values("synchrony", 2, groups=found)
    assert (value.value, value.n_effective) == (pytest.approx(5.0), pytest.approx(60.0))
    few = cell_groups(epoch([one, other], ["CA1"] * 2, 240), options=GROUPS)
    assert few.groups[0].coincidences == pytest.approx(24.0)
    assert values("synchrony", 2, groups=few) == []
    assert cell_groups(epoch([one], ["CA1"], 600), options=GROUPS) is None


@pytest.mark.parametrize("keep", [1.0, 0.5])
def test_planted_structure_of_groups_comes_back_whether_spikes_are_lost_or_not(keep):
    """All but the dimension are the same at half the rates; it follows from correlation s k / r."""
    found = cell_groups(shared_spikes(keep), options=GROUPS)
    window, coincidence = 0.05, 0.005
    together = SHARED / RATE**2
    synchrony = 10 * (coincidence + together) / (window + together)
    truths = {
        "synchrony": (synchrony, 0.06 * synchrony),
        "shared_variation": (5 / 6 * together / 0.02, 0.25),
        "dimension": (10 / (1 + 9 * (keep * SHARED / RATE) ** 2), 0.8),
    }
    for metric, (truth, error) in truths.items():
        both = [v.value for v in values(metric, groups=found)]
        assert both == pytest.approx([truth, truth], abs=error), metric
    coupling = np.array([v.value for v in values("population_coupling", groups=found)])
    assert coupling.shape == (12,)
    assert coupling.mean() == pytest.approx(together * PEAK_HZ, rel=0.06)


def test_a_rhythm_that_all_follow_couples_them():
    """Rates r (1 + a cos 8 Hz), else independent: a^2 / 2, less what 12 ms of smoothing takes."""
    rng = np.random.default_rng(8)
    trains = []
    for _ in range(8):
        times = poisson(400, 10.0, rng)
        kept = rng.random(len(times)) * 1.8 < 1 + 0.8 * np.cos(2 * np.pi * 8 * times)
        trains.append(times[kept])
    units = epoch(trains, ["CA1"] * 8, 400)
    found = cell_groups(units, options=GROUPS)
    coupling = np.mean([v.value for v in values("population_coupling", groups=found)])
    truth = 0.32 * np.exp(-0.5 * (2 * np.pi * 8 * 0.012) ** 2)
    assert coupling == pytest.approx(truth, rel=0.1)
    pairs = cell_pairs(units, rates_of(units), options=PAIRS)
    assert values("spike_time_tiling", pairs=pairs)[0].value > 0.03
