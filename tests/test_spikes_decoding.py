"""Decoding: planted codes, scikit-learn's own numbers, and what drift does to folds.

Simulated sessions have 8 sets of 20 to 39 trials whose rule alternates; seeds are fixed.
"""

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.spikes.decoding import (
    balanced_trials,
    cross_validated,
    decode,
    train_and_test,
)
from pipeline.spikes.selectivity import change_blocks, time_blocks


def session_sets(rng, n_sets=8):
    return np.repeat(np.arange(n_sets), rng.integers(20, 40, n_sets))


def wandering(n_units, n_trials, rng, mean=5.0):
    """Poisson counts whose log rate is a random walk."""
    log_rate = np.cumsum(rng.normal(0, 0.05, (n_units, n_trials)), axis=1)
    return rng.poisson(mean * np.exp(np.clip(log_rate, -2, 2)))


def scattered(n_trials, n_folds=4):
    return np.arange(n_trials) * 3 % n_folds


# --- the parts --------------------------------------------------------------------------


def test_left_out_trials_and_their_neighbours_are_not_learnt_from():
    parts = train_and_test(np.repeat([0, 1, 2], 4), gap=1)
    assert [left_out.tolist() for _, left_out in parts] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9, 10, 11],
    ]
    assert [learnt.tolist() for learnt, _ in parts] == [
        [5, 6, 7, 8, 9, 10, 11],
        [0, 1, 2, 9, 10, 11],
        [0, 1, 2, 3, 4, 5, 6],
    ]


def test_as_many_trials_of_both_labels_from_every_block():
    codes = np.array([0, 0, 1, 0, 1, 0, 1, 0, 1, 1])
    blocks = np.repeat([0, 1, 2], [4, 3, 3])
    # each block has one pair
    assert balanced_trials(codes, blocks, 4, seed=0) is None
    taken = balanced_trials(codes, blocks, 3, seed=0)
    assert np.bincount(blocks[taken]).tolist() == [2, 2, 2] and codes[taken].sum() == 3
    # two of three, evenly spread: the first and the last block's
    two = balanced_trials(codes, blocks, 2, seed=0)
    assert np.unique(blocks[two]).tolist() == [0, 2]
    # a block's second pair comes after every block's first
    codes, blocks = np.tile([0, 1], 8), np.repeat([0, 1, 2], [12, 2, 2])
    assert np.bincount(blocks[balanced_trials(codes, blocks, 5, seed=1)]).tolist() == [6, 2, 2]


def test_few_trials_of_many_leave_something_to_exchange():
    # 20 of 300 trials: evenly spread single trials of their blocks could not be relabelled
    rng = np.random.default_rng(19)
    sets = np.repeat(np.arange(10), 30)
    side = rng.random(300) < 0.5
    counts = rng.poisson(5 + 5 * side, (5, 300))
    answer = decode(
        counts, side, sets, null="permute", blocks=time_blocks(sets), trials_per_label=10
    )
    assert answer.n_trials == 20 and answer.accuracy > 0.8
    assert abs(answer.chance - 0.5) < 0.1 and answer.p < 0.05


@pytest.mark.parametrize("n_changes", [2, 3, 6])
def test_chance_does_not_depend_on_the_number_of_changes(n_changes):
    # as many trials of both rules around every change: one half, by symmetry
    rng = np.random.default_rng(20)
    sets = np.repeat(np.arange(n_changes + 1), 30)
    counts = rng.poisson(5 + 5 * (sets % 2), (5, len(sets)))
    answer = decode(counts, sets % 2, change_blocks(sets), null="flip")
    assert answer.accuracy > 0.9 and answer.chance == pytest.approx(0.5, abs=1e-9)


def test_balanced_accuracy_agrees_with_scikit_learn():
    from sklearn.linear_model import Ridge
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    rng = np.random.default_rng(1)
    # as many of both labels in every fold: the midpoint is then the mean
    labels, folds = np.tile(np.arange(40) % 2, 5), np.repeat(np.arange(5), 40)
    counts = rng.poisson(5 + 2 * labels, (6, 200))
    model = make_pipeline(FunctionTransformer(np.sqrt), StandardScaler(), Ridge(alpha=6.0))
    scores = cross_val_predict(model, counts.T, labels, groups=folds, cv=LeaveOneGroupOut())
    expected = balanced_accuracy_score(labels, scores > 0.5)
    assert 0.7 < expected < 1
    assert np.isclose(cross_validated(counts, labels, folds), expected, rtol=0, atol=1e-12)


def test_frequent_labels_are_not_favoured():
    rng = np.random.default_rng(2)
    labels = rng.random(600) < 0.1
    counts = rng.poisson(5 + 3 * labels, (10, 600))
    assert cross_validated(counts, labels, np.arange(600) // 60) > 0.75


# --- recovery ---------------------------------------------------------------------------


def test_planted_choice_is_decoded_as_well_as_can_be():
    # one unit, two normal distributions d' apart: Phi(d' / 2) of the trials are told right
    rng = np.random.default_rng(3)
    labels = rng.random(4000) < 0.5
    counts = (20 + rng.normal(0, 1, (1, 4000)) + 1.0 * labels) ** 2
    found = cross_validated(counts, labels, np.arange(4000) // 400)
    assert abs(found - 0.6915) < 3 * np.sqrt(0.25 / 4000)


def test_planted_rule_is_decoded_under_drift():
    rng = np.random.default_rng(4)
    sets = session_sets(rng)
    counts = wandering(30, len(sets), rng)
    counts[:10] += rng.poisson(2, (10, len(sets))) * (sets % 2)
    answer = decode(counts, sets % 2, change_blocks(sets), null="flip")
    assert answer.accuracy > 0.75 and answer.p == answer.least_p == 2 / 2**7
    assert abs(answer.chance - 0.5) < 0.02
    assert answer.n_folds == 7 and answer.n_units == 30


def test_three_rules_are_decoded():
    rng = np.random.default_rng(5)
    sets = session_sets(rng, 9)
    rule = np.array(["light", "left", "right"])[sets % 3]
    counts = wandering(30, len(sets), rng)
    for index, name in enumerate(("light", "left", "right")):
        counts[4 * index : 4 * index + 4] += rng.poisson(3, (4, len(sets))) * (rule == name)
    answer = decode(counts, rule, change_blocks(sets), null="flip")
    assert answer.accuracy > 0.6 and answer.p <= 0.02
    assert 0.2 < answer.chance < 0.45


def test_planted_choice_is_decoded_and_more_units_do_better():
    rng = np.random.default_rng(6)
    sets = session_sets(rng)
    side = np.where(rng.random(len(sets)) < 0.5, "left", "right")
    counts = wandering(40, len(sets), rng) + rng.poisson(1.5, (40, len(sets))) * (side == "left")
    few, many = (
        decode(counts, side, sets, null="permute", blocks=time_blocks(sets), n_units=n)
        for n in (5, 30)
    )
    assert many.accuracy > few.accuracy + 0.05 > 0.6
    assert many.p == many.least_p == 1 / 200
    assert (few.n_units, many.n_units, many.n_trials) == (5, 30, len(sets))


def test_the_same_numbers_of_trials():
    rng = np.random.default_rng(7)
    sets = session_sets(rng)
    counts = wandering(5, len(sets), rng)
    side = rng.random(len(sets)) < 0.3
    answer = decode(counts, side, sets, null="permute", trials_per_label=40)
    assert answer.n_trials == 80
    assert decode(counts, side, sets, null="permute", trials_per_label=200) is None
    again = decode(counts, side, sets, null="permute", trials_per_label=40)
    assert (again.accuracy, again.p) == (answer.accuracy, answer.p)


# --- null -------------------------------------------------------------------------------


def test_random_folds_tell_the_rule_from_drift_and_folds_by_changes_do_not():
    rng = np.random.default_rng(18)
    random, left_out, told = [], [], []
    for _ in range(30):
        # two long sets of each rule
        sets = np.repeat(np.arange(4), rng.integers(40, 60, 4))
        counts = wandering(12, len(sets), rng)
        rule = sets % 2
        random.append(cross_validated(counts, rule, scattered(len(sets))))
        left_out.append(cross_validated(counts, rule, sets))
        told.append(decode(counts, rule, change_blocks(sets), null="flip", n_relabelled=7).accuracy)
    error = np.std(told) / np.sqrt(len(told))
    assert np.mean(random) > 0.65
    # a set is most like its neighbours, which have the other rule
    assert np.mean(left_out) < 0.35
    assert abs(np.mean(told) - 0.5) < 3 * error < 0.1


def test_five_per_cent_of_populations_without_code_are_called_coding():
    rng = np.random.default_rng(9)
    n, hits, excess = 40, {"flip": 0, "permute": 0}, {"flip": [], "permute": []}
    for session in range(n):
        sets = session_sets(rng)
        counts = wandering(8, len(sets), rng)
        position = np.arange(len(sets)) - np.searchsorted(sets, sets)
        errors = rng.random(len(sets)) < 0.1 + 0.7 * np.exp(-position / 8)
        answers = {
            "flip": decode(counts, sets % 2, change_blocks(sets), null="flip", n_relabelled=39),
            "permute": decode(
                counts, errors, sets // 2, null="permute", blocks=time_blocks(sets),
                n_relabelled=39, seed=session,
            ),
        }  # fmt: skip
        for null, answer in answers.items():
            hits[null] += answer.p <= 0.05
            excess[null].append(answer.accuracy - answer.chance)
    for null in hits:
        # 99.9 % of binomial counts of 40 at 5 %
        assert hits[null] <= 7, (null, hits[null])
        assert abs(np.mean(excess[null])) < 3.3 * np.std(excess[null]) / np.sqrt(n)


# --- edges ------------------------------------------------------------------------------


def test_what_cannot_be_decoded_is_none():
    rng = np.random.default_rng(10)
    sets = np.repeat([0, 1], 30)
    counts = rng.poisson(5 + 5 * sets, (4, 60))
    # one change: nothing is left to learn from
    assert decode(counts, sets, change_blocks(sets), null="flip") is None
    assert decode(counts, sets, sets, null="permute") is None
    assert decode(counts, np.zeros(60), sets, null="permute") is None
    side = np.arange(60) % 2
    assert decode(counts, side, sets, null="permute", n_units=5) is None
    assert decode(np.empty((4, 0)), [], [], null="permute") is None
    assert decode(np.empty((0, 60)), side, sets, null="permute") is None
    # units that never fire tell nothing, and are no error
    silent = decode(np.zeros((4, 60)), side, sets, null="permute")
    assert (silent.accuracy, silent.p) == (0.5, 1.0)


def test_refusals():
    counts = np.ones((2, 9))
    with pytest.raises(InputError, match="3 labels in trials 1 to 9"):
        decode(counts, np.arange(9) // 3, np.zeros(9), null="flip")
    with pytest.raises(InputError, match="found 3; expected two"):
        decode(counts, np.arange(9) % 3, np.arange(9) // 3, null="permute", trials_per_label=1)
    with pytest.raises(InputError, match="two folds at least"):
        cross_validated(counts, np.arange(9) // 3, np.arange(9) // 3)
    with pytest.raises(InputError, match="apart from each other"):
        decode(counts, np.arange(9) % 2, np.arange(9) % 3, null="permute")
