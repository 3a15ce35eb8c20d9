"""Counts around events: by hand, by pynapple, and what must not be seen."""

import importlib.util
import json

import numpy as np
import pytest
from gold import FOLDER

from pipeline.errors import InputError
from pipeline.spikes.events import (
    event_response,
    last_before,
    next_after,
    normalised_rate,
    peri_event_counts,
    peri_event_rate,
    window_counts,
)

ALL = [(0.0, 1000.0)]


def poisson(rng, rate_hz, stop):
    return np.sort(rng.uniform(0, stop, rng.poisson(rate_hz * stop)))


def test_counts_by_hand():
    trains = [[9.6, 10.0, 10.2, 20.49, 20.5], []]
    aligned = peri_event_counts(
        trains, [10.0, 20.0], window_s=(-0.5, 1.0), bin_s=0.5, intervals=ALL
    )
    assert aligned.edges_s.tolist() == [-0.5, 0.0, 0.5, 1.0]
    # a spike at the event, or at any border, belongs to the bin that begins there
    assert aligned.counts.tolist() == [[[1, 2, 0], [0, 1, 1]], [[0, 0, 0], [0, 0, 0]]]
    assert aligned.seen.all() and aligned.n_seen.tolist() == [2, 2, 2]
    assert peri_event_rate(aligned).tolist() == [[1.0, 3.0, 1.0], [0.0, 0.0, 0.0]]
    assert peri_event_rate(aligned, events=[False, True])[0].tolist() == [0.0, 2.0, 2.0]


def test_counts_agree_with_pynapple():
    found = importlib.util.spec_from_file_location("oracle", FOLDER / "pynapple_perievent.py")
    oracle = importlib.util.module_from_spec(found)
    found.loader.exec_module(oracle)
    answers = json.loads((FOLDER / "pynapple_perievent.json").read_text())
    trains, events = oracle.trains_and_events()
    aligned = peri_event_counts(
        trains, events, window_s=oracle.WINDOW_S, bin_s=oracle.BIN_S, intervals=oracle.EPOCH_S
    )
    assert aligned.seen.all()
    assert aligned.counts.tolist() == answers["counts"]


def test_bins_outside_the_epoch_or_in_its_gaps_are_not_seen():
    # the epoch ends at 10.6 and goes on at 10.9; touching pieces are one
    epoch = [(9.9, 10.2), (10.2, 10.6), (10.9, 12.0)]
    aligned = peri_event_counts(
        [np.arange(9.05, 13, 0.1)], [10.0], window_s=(-0.2, 1.2), bin_s=0.2, intervals=epoch
    )
    assert aligned.seen[0].tolist() == [False, True, True, True, False, False, True]
    assert aligned.counts[0, 0].tolist() == [0, 2, 2, 2, 0, 0, 2]


@pytest.mark.parametrize("shift", [-0.1, 0.0, 0.1])
def test_a_bin_is_seen_only_as_a_whole(shift):
    epoch = [(9.0 + shift, 12.0)]
    aligned = peri_event_counts([[]], [10.0], window_s=(-1.0, 1.0), bin_s=0.5, intervals=epoch)
    assert aligned.seen[0, 0] == (shift <= 0)
    assert aligned.seen[0, 1:].all()


def test_what_follows_the_next_event_is_not_seen():
    cue, choice = np.array([10.0, 20.0, 30.0]), np.array([11.0, np.nan, 30.4])
    following = next_after(cue, choice)
    assert following.tolist() == [11.0, 30.4, 30.4]
    aligned = peri_event_counts(
        [np.arange(0.05, 40, 0.1)], cue, window_s=(0, 2), bin_s=0.5, intervals=ALL,
        not_after_s=choice,
    )  # fmt: skip
    assert aligned.seen.sum(axis=1).tolist() == [2, 4, 0]  # NaN: no limit
    assert aligned.n_seen.tolist() == [2, 2, 1, 1]
    assert np.allclose(peri_event_rate(aligned)[0], 10.0)
    # two trials at least: the late bins have no rate, they are not 0
    assert (
        np.isnan(peri_event_rate(aligned, minimum_events=2)[0]).tolist() == [False] * 2 + [True] * 2
    )


def test_limits_before_the_event():
    cue, choice = np.array([10.0, 20.0]), np.array([10.3, 21.0])
    assert last_before(choice, cue).tolist() == [10.0, 20.0]
    assert last_before([5.0], cue).tolist() == [-np.inf]
    assert next_after([25.0, 20.0], cue).tolist() == [np.inf, np.inf]
    aligned = peri_event_counts(
        [[]], choice, window_s=(-1, 0), bin_s=0.5, intervals=ALL, not_before_s=cue
    )
    assert aligned.seen.tolist() == [[False, False], [True, True]]


def test_an_event_that_did_not_happen_keeps_its_place():
    counts, seen = window_counts(
        [[10.1, 30.1, 30.2]], [10.0, np.nan, 30.0], window_s=(0, 1), intervals=ALL
    )
    assert counts.tolist() == [[1, 0, 2]] and seen.tolist() == [True, False, True]


def test_response_takes_both_windows_from_the_same_trials():
    cue = np.array([10.0, 20.0, 30.0])
    train = [9.5, 10.1, 10.2, 10.3, 19.5, 19.6, 20.1, 30.1]
    answer = event_response(
        [train], cue, response_s=(0, 0.5), baseline_s=(-1, 0), intervals=[(0, 20.4), (29.5, 40)]
    )
    # the second response and the third baseline are cut: one trial is left
    assert answer.n_events == 1
    assert (answer.response.tolist(), answer.baseline.tolist()) == ([3], [1])
    assert np.isclose(answer.log2_change[0], np.log2((3.5 / 0.5) / (1.5 / 1.0)))
    assert event_response(
        [train], cue, response_s=(0, 0.5), baseline_s=(-1, 0), intervals=[(50, 60)]
    ) is None  # fmt: skip


def test_response_to_a_choice_against_the_time_before_its_cue():
    cue, choice = [10.0, 20.0], [10.8, np.nan]
    answer = event_response(
        [[9.9, 10.9, 11.0]], choice, response_s=(0, 1), baseline_s=(-1, 0), intervals=ALL,
        baseline_events_s=cue,
    )  # fmt: skip
    assert (answer.n_events, answer.response[0], answer.baseline[0]) == (1, 2, 1)


@pytest.mark.parametrize(("base_hz", "gain"), [(2.0, 4.0), (10.0, 0.5), (5.0, 1.0)])
def test_planted_response_is_recovered(base_hz, gain):
    rng = np.random.default_rng(3)
    cue = np.arange(5.0, 2005, 5)
    # spikes of the 0.5 s after each cue are thinned or added to
    train = poisson(rng, base_hz * max(gain, 1), 2010)
    after = (train % 5.0 < 0.5) & (train > 4)
    keep = rng.random(len(train)) < np.where(after, gain, 1.0) / max(gain, 1)
    train = train[keep]
    answer = event_response(
        [train], cue, response_s=(0, 0.5), baseline_s=(-1, 0), intervals=[(0, 2010)]
    )
    error = np.sqrt(1 / answer.response[0] + 1 / answer.baseline[0]) / np.log(2)
    assert abs(answer.log2_change[0] - np.log2(gain)) < 3 * error
    aligned = peri_event_counts([train], cue, window_s=(-1, 1.5), bin_s=0.1, intervals=ALL[0:1])
    rate = peri_event_rate(aligned)[0]
    assert abs(rate[10:15].mean() / (base_hz * gain) - 1) < 0.15
    assert abs(rate[15:].mean() / base_hz - 1) < 0.15


def test_normalised_rates_of_a_unit_without_response():
    rng = np.random.default_rng(4)
    cue = np.arange(5.0, 4000, 5)
    trains = [poisson(rng, 8.0, 4010), np.empty(0)]
    aligned = peri_event_counts(trains, cue, window_s=(0, 1), bin_s=0.1, intervals=[(0, 4010)])
    before = peri_event_counts(trains, cue, window_s=(-1, 0), bin_s=0.1, intervals=[(0, 4010)])
    z = normalised_rate(aligned, before)
    # the mean of n trials in units of one trial's bins has an error of 1 / sqrt n
    assert np.abs(z[0]).max() < 4 / np.sqrt(len(cue))
    assert np.isnan(z[1]).all()  # silent: no spread, no z
    assert np.abs(normalised_rate(aligned, before, scale="difference")[0]).max() < 1.5
    assert np.abs(normalised_rate(aligned, before, scale="log2")[0]).max() < 0.25
    # a silent unit in both: only the half spikes over unequal seconds are left
    assert np.allclose(normalised_rate(aligned, before, scale="log2")[1], np.log2(10))


def test_z_by_hand():
    train = [9.1, 9.2, 19.1, 10.1, 20.1, 20.2, 20.3]
    train.sort()
    at = {"bin_s": 0.5, "intervals": ALL}
    aligned = peri_event_counts([train], [10, 20], window_s=(0, 0.5), **at)
    before = peri_event_counts([train], [10, 20], window_s=(-1, 0), **at)
    # baseline bins: 2, 0 and 1, 0 spikes; response: 1 and 3
    spread = np.std([2, 0, 1, 0]) / 0.5
    assert np.isclose(normalised_rate(aligned, before)[0, 0], (4.0 - 1.5) / spread)
    assert np.isclose(normalised_rate(aligned, before, scale="difference")[0, 0], 2.5)


def test_refusals():
    with pytest.raises(InputError, match="whole number of bins"):
        peri_event_counts([[]], [1.0], window_s=(0, 1), bin_s=0.3, intervals=ALL)
    with pytest.raises(InputError, match="one limit per event"):
        peri_event_counts([[]], [1.0], window_s=(0, 1), bin_s=1, intervals=ALL, not_after_s=[1, 2])
    with pytest.raises(InputError, match="one baseline event"):
        event_response(
            [[]], [1.0], response_s=(0, 1), baseline_s=(-1, 0), intervals=ALL,
            baseline_events_s=[1.0, 2.0],
        )  # fmt: skip
    seen = peri_event_counts([[]], [10.0], window_s=(0, 1), bin_s=0.5, intervals=ALL)
    unseen = peri_event_counts([[]], [10.0], window_s=(0, 1), bin_s=0.5, intervals=[(50, 60)])
    coarse = peri_event_counts([[]], [10.0], window_s=(0, 1), bin_s=1.0, intervals=ALL)
    with pytest.raises(InputError, match="no bin that is seen"):
        normalised_rate(seen, unseen)
    with pytest.raises(InputError, match="the same for z"):
        normalised_rate(seen, coarse)
    assert not peri_event_counts([[1.0]], [1.0], window_s=(0, 1), bin_s=1, intervals=[]).seen.any()


def test_equal_responses_in_epochs_of_unequal_length_are_not_called_changed():
    # 120 experiments of 6 animals, 8 units of 2 Hz whose rate doubles after each cue
    from scipy.stats import ttest_rel

    rng, n, called = np.random.default_rng(5), 120, 0
    for _ in range(n):
        found = np.empty((6, 2))
        for animal in range(6):
            for epoch, n_events in enumerate((20, 60)):
                cue = 5.0 * np.arange(1, n_events + 1)
                stop = cue[-1] + 5
                trains = [poisson(rng, 2.0, stop) for _ in range(8)]
                extra = [cue[rng.random(n_events) < 0.632] + 0.25 for _ in range(8)]
                trains = [np.sort(np.r_[a, b]) for a, b in zip(trains, extra, strict=True)]
                answer = event_response(
                    trains, cue, response_s=(0, 0.5), baseline_s=(-1, 0), intervals=[(0, stop)]
                )
                found[animal, epoch] = answer.log2_change.mean()
        called += ttest_rel(found[:, 0], found[:, 1]).pvalue <= 0.05
    # 99.9 % of binomial counts of 120 at 5 %
    assert called <= 14
