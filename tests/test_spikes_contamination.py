"""Refractory violations, junk, presence and drift: by hand, by SpikeInterface, on real units.

Simulated neurons have a refractory period of 3 ms and then fire at random; seeds are fixed.
"""

import numpy as np
import pytest
from convert_real import wmaze_spikes

from pipeline.errors import InputError
from pipeline.spikes.contamination import (
    MOST_AMPLITUDE_CHANGE,
    amplitude_change,
    contamination,
    dead_time,
    presence,
)

SECONDS = 2000.0


def neuron(rate_hz, rng, refractory_s=0.003):
    if rate_hz == 0:
        return np.empty(0)
    mean_s = 1 / rate_hz - refractory_s
    times = np.cumsum(refractory_s + rng.exponential(mean_s, round(rate_hz * SECONDS * 1.2)))
    return times[times < SECONDS]


def mixture(rate_hz, share, rng):
    parts = [neuron(rate_hz * part, rng) for part in (1 - share, share)]
    return np.sort(np.concatenate(parts))


def seen_by_a_tetrode(times, dead_s):
    """Spikes that come within the dead time after one that was seen are not."""
    kept = [times[0]]
    for time in times[1:]:
        if time - kept[-1] >= dead_s:
            kept.append(time)
    return np.array(kept)


# --- contamination ----------------------------------------------------------------------


def test_share_by_hand():
    # 100 spikes in 100 s, 8 intervals of 1 ms: 2 x 2 ms x 100^2 f (1 - f) / 100 s = 0.4 f (1 - f)
    times = np.sort(np.concatenate([np.arange(1, 93), np.arange(1, 9) + 0.001]))
    answer = contamination([times], seconds=100.0, dead_time_s=0.0, refractory_s=0.002)
    assert answer.violations.tolist() == [8] and np.isclose(answer.expected[0], 0.2)
    assert answer.share[0] == 0.5 and answer.at_least[0]  # 8 of 0.2: more than any mixture has
    long = contamination([times], seconds=1.0, dead_time_s=0.0, refractory_s=0.002)
    # 40 f (1 - f) = 8
    assert np.isclose(long.share[0], (1 - np.sqrt(1 - 4 * 0.2)) / 2) and not long.at_least[0]
    dead = contamination([times], seconds=1.0, dead_time_s=0.0002, refractory_s=0.002)
    assert np.isclose(dead.share[0] * (1 - dead.share[0]), 0.2 / 0.9)


def test_violations_agree_with_spikeinterface():
    from spikeinterface.metrics.quality.misc_metrics import isi_violations

    rng = np.random.default_rng(1)
    trains = [mixture(20.0, share, rng) for share in (0.02, 0.1, 0.2)]
    answer = contamination(trains, seconds=SECONDS, dead_time_s=0.0005, refractory_s=0.0025)
    for train, share, count in zip(trains, answer.share, answer.violations, strict=True):
        ratio, _, violations = isi_violations([train], SECONDS, 0.0025, 0.0005)
        assert violations == count
        # its ratio is the f (1 - f) of Hill's formula
        assert np.isclose(share * (1 - share), ratio, rtol=0, atol=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.1, 0.2, 0.3])
def test_planted_contamination_is_recovered(share):
    rng = np.random.default_rng(2)
    trains = [mixture(20.0, share, rng) for _ in range(8)]
    answer = contamination(trains, seconds=SECONDS, dead_time_s=0.0)
    assert abs(answer.share.mean() - share) < 0.02
    assert not any(answer.junk)


def test_planted_contamination_is_recovered_behind_a_dead_time():
    rng = np.random.default_rng(3)
    trains = [seen_by_a_tetrode(mixture(20.0, 0.15, rng), 0.0012) for _ in range(4)]
    assert abs(dead_time(trains) - 0.0012) < 1e-5
    found = contamination(trains, seconds=SECONDS).share.mean()
    blind = contamination(trains, seconds=SECONDS, dead_time_s=0.0).share.mean()
    assert abs(found - 0.15) < 0.03
    assert blind < 0.08  # what the violations that nobody saw would hide


def test_a_dead_time_is_found_only_where_it_shows():
    rng = np.random.default_rng(4)
    clean = [neuron(20.0, rng)]
    assert dead_time(clean) == 0.0  # 3 ms: a refractory period, no dead time
    assert dead_time([np.array([0.0, 0.001])]) == 0.0  # two spikes say nothing
    assert dead_time([]) == 0.0


def test_a_fast_neuron_is_no_junk_and_a_fast_mixture_is():
    rng = np.random.default_rng(5)
    fast = neuron(80.0, rng)
    heap = np.sort(np.concatenate([neuron(10.0, rng) for _ in range(8)]))
    slow_heap = np.sort(np.concatenate([neuron(2.0, rng) for _ in range(8)]))
    answer = contamination([fast, heap, slow_heap, []], seconds=SECONDS)
    assert [bool(reason) for reason in answer.junk] == [False, True, False, False]
    assert answer.share[0] == 0 and answer.share[1] > 0.35
    assert np.isnan(answer.share[3]) and answer.rate_hz[3] == 0


def test_contamination_refusals():
    with pytest.raises(InputError, match="more than 0"):
        contamination([[1.0]], seconds=0.0)
    with pytest.raises(InputError, match="longer refractory period"):
        contamination([[1.0]], seconds=1.0, dead_time_s=0.002)


@pytest.mark.real
def test_the_junk_cluster_of_a_real_session_is_flagged(real_data):
    trains = wmaze_spikes(real_data / "nelpy_rat_units" / "w-maze" / "spikes.mat")
    seconds = max(train[-1] for train in trains) - min(train[0] for train in trains)
    assert abs(dead_time(trains) - 41 / 30000) < 1e-6  # 41 samples
    answer = contamination(trains, seconds=seconds)
    junk = [index for index, reason in enumerate(answer.junk) if reason]
    assert junk == [19] and len(trains[19]) == 461464
    assert "107 spikes/s" in answer.junk[19] and "59803 intervals" in answer.junk[19]
    # without regard to the dead time, and with 1.5 ms as others take, it would pass
    naive = contamination(trains, seconds=seconds, dead_time_s=0.0, refractory_s=0.0015)
    assert naive.share[19] < 0.15 and not naive.junk[19]


# --- presence ---------------------------------------------------------------------------


def test_presence_by_hand():
    counts = presence([[1.0, 9.99, 10.0, 35.0], []], [(0, 25), (30, 51)], bin_s=10.0)
    # whole bins: 0-10, 10-20, 30-40, 40-50
    assert counts.tolist() == [[2, 1, 1, 0], [0, 0, 0, 0]]
    assert presence([[1.0]], [(0, 5)], bin_s=10.0).shape == (1, 0)
    assert presence([], [(0, 50)], bin_s=10.0).shape == (0, 5)


def test_presence_of_a_steady_unit():
    rng = np.random.default_rng(6)
    trains = [np.sort(rng.uniform(0, 60000, rng.poisson(3000))) for _ in range(5)]
    present = np.mean(presence(trains, [(0, 60000)]) > 0)
    expected = 1 - np.exp(-0.05 * 60)
    assert abs(present - expected) < 3 * np.sqrt(expected * (1 - expected) / 5000)


# --- drift of amplitude -----------------------------------------------------------------


@pytest.mark.parametrize("change", [-0.3, -0.1, 0.0, 0.25])
def test_change_of_amplitude_is_recovered(change):
    rng = np.random.default_rng(7)
    times = np.sort(rng.uniform(0, 2000, 4000))
    sizes = -80 * rng.normal(1, 0.2, 4000) * np.where(times < 1000, 1, 1 + change)
    found = amplitude_change(times, sizes, before=[(0, 1000)], after=[(1000, 2000)])
    # the error of a median of 2000 is 1.25 x 0.2 / sqrt 2000, twice that for the ratio at most
    assert abs(found - change) < 3 * 2 * 1.25 * 0.2 / np.sqrt(2000)
    assert (abs(found) > MOST_AMPLITUDE_CHANGE) == (abs(change) > 0.2)


def test_a_silenced_unit_has_no_change_of_amplitude():
    times = np.arange(100.0)
    windows = {"before": [(0, 90)], "after": [(90, 100)]}
    assert amplitude_change(times, np.ones(100), **windows) is None
    assert amplitude_change(times, np.ones(100), **windows, minimum_spikes=10) == 0.0
    assert amplitude_change(times, np.zeros(100), **windows, minimum_spikes=10) is None
    with pytest.raises(InputError, match="one per spike"):
        amplitude_change(times, np.ones(99), **windows)
