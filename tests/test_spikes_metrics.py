"""Firing rate: closed form and Poisson recovery."""

import numpy as np
import pytest

from pipeline.spikes import epoch_units, units_dataset
from pipeline.spikes.metrics import firing_rate


def rates(trains, intervals, regions=None):
    dataset = units_dataset(trains, [f"u{index}" for index in range(len(trains))], regions)
    return firing_rate.compute(units=epoch_units(dataset, intervals), options={})


def test_rate_is_count_over_seconds_and_silence_is_zero():
    values = rates([[1.0, 2.0, 30.0, 95.0], []], [[0, 10], [90, 100]], ["CA1", "mPFC"])
    assert [(v.unit_id, v.region, v.value) for v in values] == [
        ("u0", "CA1", 3 / 20),
        ("u1", "mPFC", 0.0),
    ]
    assert [(v.n_effective, v.n_effective_unit) for v in values] == [(3, "spikes"), (0, "spikes")]


def test_epoch_without_time_has_no_rate():
    assert rates([[1.0]], []) == []


def test_planted_rates_and_their_fold_change_are_recovered():
    """Poisson units at known rates; rate after the dose 1.5 times the rate before."""
    rng = np.random.default_rng(0)
    truth = np.array([0.5, 2.0, 8.0, 30.0] * 25)
    trains = []
    for rate in truth:
        before = rng.uniform(0, 600, rng.poisson(rate * 600))
        after = rng.uniform(600, 1200, rng.poisson(1.5 * rate * 600))
        trains.append(np.sort(np.concatenate((before, after))))
    before = np.array([v.value for v in rates(trains, [[0, 300], [300, 600]])])
    after = np.array([v.value for v in rates(trains, [[600, 1200]])])
    deviation = (before - truth) / np.sqrt(truth / 600)
    assert abs(deviation.mean()) < 0.35 and 0.8 < deviation.std() < 1.25
    assert np.log2(after / before).mean() == pytest.approx(np.log2(1.5), abs=0.03)


def test_declaration():
    declared = firing_rate.METRIC
    assert (declared.name, declared.entity, declared.value_unit) == ("firing_rate", "unit", "Hz")
    assert (declared.scale, declared.zero_offset, declared.domain) == (
        "log2",
        "half_count",
        "spikes",
    )
    assert declared.baseline == "change" and not declared.per_band
