"""Metrics of single units: worked by hand through ``compute``, planted truths, declarations."""

import math
from importlib import import_module

import numpy as np
import pytest

from pipeline.experiment.lfp_options import LfpOptions
from pipeline.experiment.spike_options import IrregularityOptions, SpikeComplexityOptions
from pipeline.registry import metrics
from pipeline.spikes.complexity import cell_spike_complexity
from pipeline.spikes.irregularity import cell_irregularity
from pipeline.spikes.periodicity import unit_periodicity
from pipeline.spikes.units import EpochUnits

OPTIONS = {"lfp": {"bands": dict(LfpOptions().bands)}}
FEW = IrregularityOptions(minimum=2).model_dump()
OF_INTERVALS = ("cv2", "lv", "lvr")
OF_BURSTS = ("burst_fraction", "burst_index", "burst_excess")
OF_COUNTS = ("fano_factor", "fano_factor_matched")
OF_WORDS = ("spike_lempel_ziv", "spike_lempel_ziv_normalised", "spike_lempel_ziv_shuffled")
OF_RHYTHM = ("theta_rhythmicity", "rhythm_strength", "rhythm_frequency")
ALL = {
    **dict.fromkeys((*OF_INTERVALS, *OF_BURSTS, *OF_COUNTS), "irregularity"),
    **dict.fromkeys(OF_WORDS, "spike_complexity"),
    **dict.fromkeys(OF_RHYTHM, "periodicity"),
}


def cell(trains, intervals, regions=None):
    intervals = np.atleast_2d(np.array(intervals, dtype=float))
    return EpochUnits(
        unit_id=[f"u{index}" for index in range(len(trains))],
        region=regions or ["CA1"] * len(trains),
        spike_times=[np.asarray(train, dtype=float) for train in trains],
        intervals=intervals,
        seconds=float(np.sum(intervals[:, 1] - intervals[:, 0])),
    )


def measured(name, source):
    module = import_module(f"pipeline.spikes.metrics.{name}")
    return module.compute(**{ALL[name]: source}, options=OPTIONS)


def values(name, source, band=""):
    return np.array([found.value for found in measured(name, source) if found.band == band])


def poisson(rng, rate, seconds):
    return np.sort(rng.uniform(0, seconds, rng.poisson(rate * seconds)))


def swinging(rng, rate, hz, depth, seconds):
    times = poisson(rng, rate * (1 + depth), seconds)
    return times[rng.random(len(times)) * (1 + depth) < 1 + depth * np.cos(2 * np.pi * hz * times)]


# --- worked by hand -------------------------------------------------------------------------------


def test_intervals_worked_by_hand():
    # pairs (1, 2) of the first piece and (3, 1) of the second; none over the gap
    source = cell_irregularity(
        cell([[1.0, 2.0, 4.0, 11.0, 14.0, 15.0], []], [[0, 5], [10, 20]]), options=FEW
    )
    expected = {
        "cv2": (2 / 3 + 1.0) / 2,
        "lv": (3 / 9 + 3 / 4) / 2,
        "lvr": (1 / 3 * (1 + 0.02 / 3) + 3 / 4 * (1 + 0.02 / 4)) / 2,
    }
    for name, value in expected.items():
        (found,) = measured(name, source)
        assert found.value == pytest.approx(value)
        assert (found.unit_id, found.region, found.band) == ("u0", "CA1", "")
        assert (found.n_effective, found.n_effective_unit) == (2, "pairs of intervals")


def test_bursts_worked_by_hand():
    source = cell_irregularity(
        cell([[0.100, 0.104, 0.109, 0.145, 1.999, 2.001]], [[0, 2], [2, 3]]), options=FEW
    )
    near, far = 3 / (6 * (2.99 / 3) * 0.01), 2 / (6 * (2.91 / 3) * 0.01)
    expected = {
        "burst_fraction": (0.5, 6, "spikes"),
        "burst_index": ((near - far) / near, 5, "pairs of spikes"),
        "burst_excess": ((near - far) * 0.01, 6, "spikes"),
    }
    for name, (value, n, what) in expected.items():
        (found,) = measured(name, source)
        assert found.value == pytest.approx(value)
        assert (found.n_effective, found.n_effective_unit) == (n, what)


def test_counts_worked_by_hand():
    # counts 3, 1 in the first piece and 1, 2 in the second: variances 2 and 0.5, mean 7 / 4
    times = [0.1, 0.2, 0.9, 1.5, 2.2, 10.5, 11.1, 11.2]
    source = cell_irregularity(cell([times], [[0, 2.5], [10, 12]]), options=FEW)
    fano = (2.0 + 0.5) / 2 / (7 / 4)
    plain = {found.band: found for found in measured("fano_factor", source)}
    assert set(plain) == {"100ms", "1s"}
    assert plain["1s"].value == pytest.approx(fano)
    assert (plain["1s"].n_effective, plain["1s"].n_effective_unit) == (7, "spikes")
    # 1 Hz is one spike in a bin of 1 s
    assert values("fano_factor_matched", source, "1s") == pytest.approx(1 + (fano - 1) / (7 / 4))
    # all spikes of a bin of 100 ms but one stand alone: 25 + 20 bins, two spikes in [11.1, 11.2)
    counts = np.zeros(45)
    counts[[1, 2, 9, 15, 22, 30, 36, 37]] = 1
    parts = [counts[:25], counts[25:]]
    variance = sum(np.sum((part - part.mean()) ** 2) for part in parts) / 43
    assert plain["100ms"].value == pytest.approx(variance / counts.mean())


def test_words_worked_by_hand():
    options = SpikeComplexityOptions(window_s=0.2, minimum_spikes=2).model_dump()
    train = np.array([0.005, 0.015, 0.045, 0.095, 0.105, 0.155])
    source = cell_spike_complexity(cell([train, []], [0, 0.2]), options=options)
    found = measured("spike_lempel_ziv", source)
    # 1.10.01.000.011.000010.000; a silent unit has two words, 0.000...
    assert [one.value for one in found] == pytest.approx(
        [7 * math.log2(20) / 20, 2 * math.log2(20) / 20]
    )
    assert [(one.n_effective, one.n_effective_unit) for one in found] == [(1, "windows")] * 2
    for name in OF_WORDS[1:]:
        (one,) = measured(name, source)
        assert (one.unit_id, one.n_effective, one.n_effective_unit) == ("u0", 6, "bins with spikes")
        assert one.value > 0


# --- planted truths -------------------------------------------------------------------------------


def test_shape_of_gamma_intervals_is_recovered_at_any_rate():
    rng = np.random.default_rng(41)
    trains = []
    for rate in (3.0, 30.0):
        for _ in range(10):
            train = np.cumsum(rng.gamma(3.0, 1 / (3 * rate), int(700 * rate)))
            trains.append(train[train < 600])
    source = cell_irregularity(
        cell(trains, [0, 600]), options=IrregularityOptions(refractory_ms=0).model_dump()
    )
    for name, truth in (("lv", 3 / 7), ("lvr", 3 / 7), ("cv2", 0.625)):
        found = values(name, source).reshape(2, 10).mean(axis=1)
        assert found == pytest.approx(truth, rel=0.02), name


def test_half_the_spikes_leave_what_is_matched_alone():
    """Leaving out spikes at random: Fano factors move, the rate-matched ones and CV2 do not."""
    rng = np.random.default_rng(42)
    gains = [np.exp(rng.normal(-0.125, 0.5, 600)) for _ in range(20)]
    trains = [
        np.sort(np.concatenate([k + poisson(rng, 12.0 * g, 1.0) for k, g in enumerate(gain)]))
        for gain in gains
    ]
    thinned = [train[rng.random(len(train)) < 0.5] for train in trains]
    options = IrregularityOptions().model_dump()
    full, half = (
        cell_irregularity(cell(some, [0, 600]), options=options) for some in (trains, thinned)
    )
    change = {
        name: values(name, half, "1s" if name in OF_COUNTS else "").mean()
        - values(name, full, "1s" if name in OF_COUNTS else "").mean()
        for name in ("fano_factor", "fano_factor_matched")
    }
    # F - 1 = 12 x variance of the gain over its square mean, exp(0.25) - 1
    excess = 12 * (math.exp(0.25) - 1)
    assert change["fano_factor"] == pytest.approx(-excess / 2, rel=0.15)
    assert change["fano_factor_matched"] == pytest.approx(0.0, abs=0.02)


def test_bursts_and_their_excess_are_recovered():
    rng = np.random.default_rng(43)
    trains = []
    for rate in (1.0, 8.0):
        for _ in range(10):
            first = poisson(rng, rate, 599.0)
            follow = first[rng.random(len(first)) < 0.3]
            trains.append(np.sort(np.r_[first, follow + rng.uniform(0.002, 0.005, len(follow))]))
    source = cell_irregularity(cell(trains, [0, 600]), options=IrregularityOptions().model_dump())
    found = {name: values(name, source).reshape(2, 10).mean(axis=1) for name in OF_BURSTS}
    assert found["burst_excess"] == pytest.approx(0.3 / 1.3, abs=0.02)
    # two spikes of each burst, and chance neighbours that grow with the rate
    assert found["burst_fraction"][0] == pytest.approx(0.6 / 1.3, abs=0.02)
    assert found["burst_fraction"][1] > found["burst_fraction"][0] + 0.02
    assert found["burst_index"][0] > 0.9 and found["burst_index"][1] < found["burst_index"][0]


def test_words_follow_the_rate_and_ratios_do_not():
    rng = np.random.default_rng(44)
    trains = [poisson(rng, rate, 120.0) for rate in (3.0, 30.0) for _ in range(40)]
    source = cell_spike_complexity(
        cell(trains, [0, 120]), options=SpikeComplexityOptions().model_dump()
    )
    raw = values("spike_lempel_ziv", source).reshape(2, 40).mean(axis=1)
    assert raw[1] > 4 * raw[0]
    for name in OF_WORDS[1:]:
        ratio = np.log2(values(name, source)).reshape(2, 40)
        assert np.abs(ratio.mean(axis=1)) == pytest.approx(0, abs=4 * ratio.std() / math.sqrt(40))


def test_rhythms_are_recovered_with_their_frequency():
    rng = np.random.default_rng(45)
    trains = [swinging(rng, 20.0, hz, 0.8, 600.0) for hz in (7.3, 7.3, 22.0, 40.5)]
    trains += [poisson(rng, 20.0, 600.0), poisson(rng, 0.1, 600.0)]
    source = unit_periodicity(cell(trains, [0, 600]), theta_hz=OPTIONS["lfp"]["bands"]["theta"])
    index = {found.unit_id: found.value for found in measured("theta_rhythmicity", source)}
    assert min(index["u0"], index["u1"]) > 0.15
    assert max(abs(index[name]) for name in ("u2", "u3", "u4")) < 0.05
    strength = {(one.unit_id, one.band): one for one in measured("rhythm_strength", source)}
    frequency = {(one.unit_id, one.band): one.value for one in measured("rhythm_frequency", source)}
    # bands that autocorrelograms tell; delta, high gamma and hfo reach beyond 3 to 80 Hz
    assert {band for _, band in strength} == {"theta", "beta", "low_gamma"}
    assert {unit for unit, _ in strength} == {"u0", "u1", "u2", "u3", "u4"}
    planted = {("u0", "theta"): 7.3, ("u1", "theta"): 7.3, ("u2", "beta"): 22.0}
    planted["u3", "low_gamma"] = 40.5
    assert set(frequency) == set(planted)
    for key, hz in planted.items():
        assert frequency[key] == pytest.approx(hz, abs=0.05)
        assert strength[key].value == pytest.approx(0.32, abs=0.02)
    # a strong rhythm leaves up to a tenth of its height, upside down, in other bands
    rest = [one.value for key, one in strength.items() if key not in planted]
    assert max(rest) < 0.02 and min(rest) > -0.04
    assert max(abs(strength["u4", band].value) for band in ("theta", "beta", "low_gamma")) < 0.02
    assert {one.n_effective_unit for one in strength.values()} == {"spikes"}
    assert strength["u0", "theta"].n_effective == len(trains[0])


# --- all of them ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_declaration(name):
    declared = metrics()[name]
    assert declared.name == name and declared.needs == (ALL[name],)
    assert (declared.domain, declared.entity, declared.grain) == ("spikes", "unit", "cell")
    assert declared.baseline == "change" and declared.zero_offset == "none"
    # what can be 0 or below it has no logarithm
    assert declared.scale == ("log2" if name in OF_WORDS else "linear")
    assert declared.per_band == (name in (*OF_COUNTS, "rhythm_strength", "rhythm_frequency"))
    assert declared.band_names == (("100ms", "1s") if name in OF_COUNTS else ())


def sources(units):
    return {
        "irregularity": cell_irregularity(units, options=IrregularityOptions().model_dump()),
        "spike_complexity": cell_spike_complexity(
            units, options=SpikeComplexityOptions().model_dump()
        ),
        "periodicity": unit_periodicity(units),
    }


def test_units_without_a_value_are_left_out_and_regions_kept():
    rng = np.random.default_rng(46)
    units = cell(
        [[], [3.0, 4.0], swinging(rng, 15.0, 8.0, 0.9, 120.0)],
        [0, 120],
        regions=["CA1", "mPFC", "mPFC"],
    )
    made = sources(units)
    assert {source.seconds for source in made.values()} == {120.0}
    for name, need in ALL.items():
        found = measured(name, made[need])
        expected = {"u0", "u1", "u2"} if name == "spike_lempel_ziv" else {"u2"}
        assert {one.unit_id for one in found} == expected, name
        assert all(math.isfinite(one.value) and one.n_effective > 0 for one in found)
        assert {one.region for one in found if one.unit_id == "u2"} == {"mPFC"}


def test_a_cell_without_time_has_no_source():
    empty = EpochUnits(
        unit_id=["u0"],
        region=["CA1"],
        spike_times=[np.empty(0)],
        intervals=np.empty((0, 2)),
        seconds=0.0,
    )
    assert set(sources(empty).values()) == {None}
