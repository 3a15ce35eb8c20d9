"""Units that respond, up or down: by hand, planted, and how often none is called one."""

from itertools import product
from time import perf_counter

import numpy as np
import pytest
from scipy.stats import binom
from test_spikes_metrics_task import (
    ALL_OPTIONS,
    OPTIONS,
    cell,
    session,
    trains,
    trial_events,
    whole,
)

from pipeline.spikes import epoch_units, units_dataset
from pipeline.spikes.metrics import event_response, responsive_fraction
from pipeline.spikes.response_test import least_p, sign_flip_p
from pipeline.spikes.task_responses import cell_responses


def shares(found, options=ALL_OPTIONS):
    return {
        (v.band, v.region): v.value
        for v in responsive_fraction.compute(responses=found, options=options)
    }


def test_p_is_the_share_of_all_ways_to_turn_signs():
    differences = np.array([[2.0, 1.0, 3.0, -0.5, 1.5, 1.0], [1.0] * 6, [-1.0] * 6, [0.0] * 6])
    ways = np.array(list(product([-1.0, 1.0], repeat=6)))
    sums = np.abs(differences @ ways.T)
    exact = np.mean(sums >= np.abs(differences.sum(axis=1, keepdims=True)) - 1e-9, axis=1)
    assert exact[1] == exact[2] == least_p(6) == 1 / 32 and exact[3] == 1.0
    drawn = sign_flip_p(differences, permutations=9999)
    # 10 000 draws: standard error of 0.005 at most
    np.testing.assert_allclose(drawn, exact, atol=0.02)


@pytest.mark.parametrize("burst", [1, 3])
@pytest.mark.parametrize(("hz", "n_trials"), [(1.0, 40), (6.0, 20), (6.0, 200)])
def test_units_that_do_not_respond_are_called_no_more_often_than_is_due(hz, n_trials, burst):
    """Rates drift from trial to trial; spikes come alone or in threes; 0.5 s against 1 s."""
    rng = np.random.default_rng(21)
    n_units = 4000
    drift = np.exp(np.clip(np.cumsum(rng.normal(0, 0.1, (n_units, n_trials)), axis=1), -1, 1))
    after, before = (burst * rng.poisson(hz * drift * s / burst) for s in (0.5, 1.0))
    p = sign_flip_p(after - before / 2, permutations=399)
    for level in (0.05, 0.2):
        # not above by the binomial limit of 99.9 %; few spikes and trials leave it below
        assert np.sum(p <= level) <= binom.ppf(0.9995, n_units, level)
    if hz * n_trials / burst >= 400:
        assert np.sum(p <= 0.2) >= binom.ppf(0.0005, n_units, 0.19)
        assert np.sum(p <= 0.05) >= binom.ppf(0.0005, n_units, 0.045)


def half_up_half_down(rng, trials):
    """Ten units fire 3 times as much after the cue, ten a third; ten do nothing."""
    spikes = trains(rng, trials, 30, hz=12.0)
    cue = trial_events(trials).cue
    up = [(range(10), cue, (0.0, 0.5), 3.0)]
    spikes[:10] = trains(rng, trials, 10, hz=12.0, more=up)
    for unit in range(10, 20):
        train = spikes[unit]
        since = train - cue[np.searchsorted(cue, train, side="right") - 1]
        lost = (since >= 0) & (since < 0.5) & (train > cue[0]) & (rng.random(len(train)) > 1 / 3)
        spikes[unit] = train[~lost]
    return spikes


def test_responses_up_and_down_cancel_in_the_mean_and_not_in_the_share():
    rng = np.random.default_rng(22)
    trials = session(rng, [20] * 4)
    found = cell_responses(
        cell(half_up_half_down(rng, trials), whole(trials)), trials, options=OPTIONS
    )
    log2 = [
        v.value
        for v in event_response.compute(responses=found, options={})
        if v.band == "cue"
    ]  # fmt: skip
    assert np.mean(log2[:10]) > 1.2 and np.mean(log2[10:20]) < -1.2
    assert abs(np.mean(log2)) < 0.15
    # all twenty, and of the ten others no more than false discoveries: 0.05 of those called
    q = shares(found)
    assert 20 / 30 <= q["cue", "mPFC"] <= 22 / 30
    assert q["choice", "mPFC"] <= 2 / 30
    # three changes of the rule allow no p below 0.05
    assert found.n_events["rule_change"] == 3 and ("rule_change", "mPFC") not in q
    (value, *_) = responsive_fraction.compute(responses=found, options=ALL_OPTIONS)
    assert (value.n_effective, value.n_effective_unit) == (30, "units")


def test_a_loss_of_spikes_finds_fewer_responsive_units():
    rng = np.random.default_rng(25)
    trials = session(rng, [20] * 3)
    more = [(range(10), trial_events(trials).cue, (0.0, 0.5), 2.0)]
    spikes = trains(rng, trials, 20, more=more)
    fewer = [train[rng.random(len(train)) < 0.1] for train in spikes]
    every, some = (
        shares(cell_responses(cell(kept, whole(trials)), trials, options=OPTIONS))["cue", "mPFC"]
        for kept in (spikes, fewer)
    )
    assert every >= 0.45 and some <= every - 0.15


def test_regions_with_few_units_or_no_name_have_no_share():
    rng = np.random.default_rng(23)
    trials = session(rng, [20] * 2)
    spikes = trains(rng, trials, 16)
    regions = ["CA1"] * 4 + ["mPFC"] * 6 + [""] * 6
    dataset = units_dataset(spikes, [f"u{index}" for index in range(16)], regions)
    found = cell_responses(epoch_units(dataset, whole(trials)), trials, options=OPTIONS)
    assert {region for _, region in shares(found)} == {"mPFC"}


def test_silent_units_respond_to_nothing_and_the_test_is_cheap():
    assert sign_flip_p(np.zeros((3, 50))).tolist() == [1.0] * 3
    differences = np.random.default_rng(24).normal(size=(30, 100))
    began = perf_counter()
    for _ in range(12):  # four events of three cells
        sign_flip_p(differences)
    assert perf_counter() - began < 0.5


def test_declaration():
    declared = responsive_fraction.METRIC
    assert (declared.entity, declared.scale, declared.needs) == ("region", "linear", ("responses",))
    assert (declared.grain, declared.baseline) == ("cell", "none")
    assert declared.band_names == event_response.METRIC.band_names
