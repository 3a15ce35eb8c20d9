"""ROC areas: closed form, scikit-learn, planted selectivity, and the null under drift.

Simulated sessions have 8 sets of 25 to 59 trials whose rule alternates; seeds are fixed.
"""

import math

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.spikes.selectivity import (
    change_blocks,
    flipped,
    permuted,
    roc_areas,
    selectivity,
    time_blocks,
)


def phi(z):
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))


def session_sets(rng, n_sets=8):
    return np.repeat(np.arange(n_sets), rng.integers(25, 60, n_sets))


def drifting_counts(kind, n_units, n_trials, rng):
    """Poisson counts of 5 a trial whose log rate stands, wanders, rises or forgets in 8 trials."""
    if kind == "walk":
        log_rate = np.cumsum(rng.normal(0, 0.05, (n_units, n_trials)), axis=1)
    elif kind == "rise":
        log_rate = np.tile(np.linspace(-0.7, 0.7, n_trials), (n_units, 1))
    elif kind == "autocorrelated":
        keep = np.exp(-1 / 8)
        log_rate = rng.normal(0, 0.5, (n_units, n_trials))
        for trial in range(1, n_trials):
            log_rate[:, trial] *= np.sqrt(1 - keep**2)
            log_rate[:, trial] += keep * log_rate[:, trial - 1]
    else:
        log_rate = np.zeros((n_units, n_trials))
    return rng.poisson(5 * np.exp(np.clip(log_rate, -2, 2)))


def early_errors(sets, rng):
    """Errors are frequent after a change of rule and then rare."""
    position = np.arange(len(sets)) - np.searchsorted(sets, sets)
    return rng.random(len(sets)) < 0.1 + 0.7 * np.exp(-position / 8)


def sticky_choices(sets, rng):
    """Choices that stay on a side for three trials on average."""
    return np.cumsum(rng.random(len(sets)) < 0.3) % 2


# --- the area ---------------------------------------------------------------------------


def test_area_by_hand():
    # pairs (label 1, label 0): 3>1, 3>2, 2>1, 2=2: 3.5 of 4
    assert roc_areas([[1, 2, 3, 2]], [0, 0, 1, 1])[0] == 3.5 / 4
    assert roc_areas([[3, 2, 1, 2], [5, 5, 5, 5]], [0, 0, 1, 1]).tolist() == [0.5 / 4, 0.5]
    assert np.isnan(roc_areas([[1, 2]], ["a", "a"])).all()


def test_area_of_pairs_within_blocks_by_hand():
    # across blocks label 1 has fewer spikes; within each it has more
    counts, labels, blocks = [[10, 11, 11, 1, 1, 2]], [0, 0, 1, 0, 1, 1], [0, 0, 0, 1, 1, 1]
    assert roc_areas(counts, labels)[0] < 0.5
    # block 0: 11>10, 11=11; block 1: 1=1, 2>1
    assert roc_areas(counts, labels, blocks)[0] == (1.5 + 1.5) / 4


@pytest.mark.parametrize("d_prime", [0.0, 0.5, 1.0, 2.0])
def test_area_of_two_normal_distributions(d_prime):
    rng = np.random.default_rng(1)
    n = 20000
    counts = np.concatenate([rng.normal(0, 1, n), rng.normal(d_prime, 1, n)])[np.newaxis]
    area = roc_areas(counts, np.repeat([0, 1], n))[0]
    # the largest standard error of an area, at 0.5 (Hanley & McNeil 1982)
    assert abs(area - phi(d_prime / math.sqrt(2))) < 3 * math.sqrt((2 * n + 1) / (12 * n * n))


def test_areas_agree_with_scikit_learn():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(2)
    for mean in (0.3, 3.0, 30.0):  # few spikes: many ties
        counts, labels = rng.poisson(mean, (5, 57)), rng.random(57) < 0.3
        found = roc_areas(counts, labels)
        expected = [roc_auc_score(labels, row) for row in counts]
        assert np.allclose(found, expected, rtol=0, atol=1e-12)
        answer = selectivity(counts, labels, np.zeros(57), null="permute", n_relabelled=9)
        assert np.array_equal(answer.area, found)


# --- the blocks and relabellings --------------------------------------------------------


def test_time_blocks_are_neighbours_of_one_set():
    sets = np.repeat([1, 2, 3], [21, 4, 16])
    blocks = time_blocks(sets, trials=10)
    assert np.bincount(blocks).tolist() == [11, 10, 4, 8, 8]
    assert np.all(np.diff(blocks) >= 0)
    assert len(time_blocks([])) == 0 and len(change_blocks([])) == 0


def test_change_blocks_are_the_trials_around_changes():
    blocks = change_blocks(np.repeat([1, 2, 3], [6, 9, 3]))
    assert blocks.tolist() == [0] * 2 + [1] * 2 + [2] * 5 + [3] * 3 + [4] * 4 + [5] + [6]


def test_permuted_labels_stay_in_their_blocks():
    rng = np.random.default_rng(3)
    codes, blocks = rng.integers(0, 3, 60), np.repeat(np.arange(6), 10)
    drawn = permuted(codes, blocks, n=50, seed=1)
    for block in range(6):
        here = blocks == block
        assert np.array_equal(np.sort(drawn[:, here]), np.tile(np.sort(codes[here]), (50, 1)))
    assert np.mean(drawn == codes) < 0.6
    assert np.array_equal(drawn, permuted(codes, blocks, n=50, seed=1))


def test_flipped_labels_are_every_other_way():
    codes = np.array([0, 0, 1, 1, 2, 1, 0])
    blocks = np.array([0, 1, 1, 2, 2, 3, 3])
    informative = blocks > 0
    ways = {tuple(row) for row in flipped(codes, blocks, informative, n=100, seed=0).tolist()}
    assert len(ways) == 2**3 - 1 and tuple(codes) not in ways
    for row in ways:
        assert row[1:3] in {(0, 1), (1, 0)}
        assert row[3:5] in {(1, 2), (2, 1)}
        assert row[5:] in {(1, 0), (0, 1)}
    assert all(row[0] == 0 for row in ways)
    assert flipped(codes, blocks, informative, n=5, seed=0).shape == (5, 7)


def test_q_agrees_with_scipy():
    from scipy.stats import false_discovery_control

    rng = np.random.default_rng(4)
    labels = np.arange(60) % 2
    counts = rng.poisson(5 + np.arange(37)[:, np.newaxis] / 10 * labels)
    answer = selectivity(counts, labels, np.zeros(60), null="permute", n_relabelled=99)
    assert np.allclose(answer.q, false_discovery_control(answer.p, method="bh"))


# --- recovery ---------------------------------------------------------------------------


def test_planted_selectivity_is_found_and_has_its_size():
    rng = np.random.default_rng(5)
    sets = session_sets(rng)
    choice = rng.random(len(sets)) < 0.5
    counts = drifting_counts("walk", 40, len(sets), rng).astype(float)
    # ten units whose spikes double on one side
    counts[:10] += rng.poisson(5, (10, len(sets))) * choice
    answer = selectivity(counts, choice, time_blocks(sets), null="permute", seed=1)
    assert np.all(answer.q[:10] < 0.01) and np.all(answer.area[:10] > 0.65)
    assert np.sum(answer.q[10:] < 0.05) <= 2
    blocks = time_blocks(sets)
    both = [block for block in set(blocks) if 0 < choice[blocks == block].mean() < 1]
    compared = np.isin(blocks, both)
    assert answer.n_trials == (np.sum(~choice & compared), np.sum(choice & compared))
    assert answer.least_p == 0.001
    turned = selectivity(counts, ~choice, time_blocks(sets), null="permute", seed=1)
    assert np.allclose(turned.area, 1 - answer.area) and np.allclose(turned.p, answer.p)


def test_planted_rule_selectivity_is_found_under_drift():
    rng = np.random.default_rng(6)
    sets = session_sets(rng)
    counts = drifting_counts("walk", 40, len(sets), rng)
    counts[:10] += rng.poisson(4, (10, len(sets))) * (sets % 2)
    answer = selectivity(counts, sets % 2, change_blocks(sets), null="flip")
    assert answer.least_p == 2 / 2**7
    # seven changes are few: not every unit is found
    assert np.mean(answer.p[:10] < 0.05) >= 0.8 and np.all(answer.area[:10] > 0.6)
    assert np.mean(answer.p[10:] < 0.05) < 0.2


@pytest.mark.parametrize("n_trials", [60, 240])
def test_squared_excess_does_not_depend_on_the_number_of_trials(n_trials):
    rng = np.random.default_rng(7)
    labels = np.arange(n_trials) % 2
    for d_prime in (0.0, 0.5):
        found = []
        for seed in range(30):
            counts = rng.normal(0, 1, (50, n_trials)) + d_prime * labels
            answer = selectivity(
                counts, labels, np.zeros(n_trials), null="permute", n_relabelled=99, seed=seed
            )
            found.append(answer.squared_excess.mean())
        truth = (phi(d_prime / math.sqrt(2)) - 0.5) ** 2
        assert abs(np.mean(found) - truth) < 3 * np.std(found) / math.sqrt(30) + 1e-4


def test_squared_excess_by_hand():
    # pairs (label 1, label 0) of trials: 3>1, 3>2, 2>1, 2=2, as +-0.5: products of two pairs
    # without a trial in common: 3>1 with 2=2, 3>2 with 2>1
    answer = selectivity([[1, 2, 3, 2]], [0, 0, 1, 1], np.zeros(4), null="permute")
    assert answer.squared_excess[0] == (0.5 * 0 + 0.5 * 0.5) / 2
    # one pair in either block: 2>1 and 0<1
    answer = selectivity([[1, 2, 1, 0]], [0, 1, 0, 1], [0, 0, 1, 1], null="permute")
    assert answer.squared_excess[0] == -0.25


@pytest.mark.parametrize("n_trials", [20, 300])
def test_squared_excess_of_strong_selectivity_is_not_smaller_for_few_trials(n_trials):
    rng = np.random.default_rng(14)
    found = []
    for seed in range(60):
        labels = rng.random(n_trials) < 0.5
        counts = rng.normal(0, 1, (50, n_trials)) + 1.0 * labels
        answer = selectivity(
            counts, labels, time_blocks(np.zeros(n_trials)), null="permute", n_relabelled=9,
            seed=seed,
        )  # fmt: skip
        found.append(answer.squared_excess.mean())
    error = np.std(found) / math.sqrt(60)
    assert abs(np.mean(found) - (phi(math.sqrt(0.5)) - 0.5) ** 2) < 3 * error < 0.004


@pytest.mark.parametrize("d_prime", [0.0, 0.7])
@pytest.mark.parametrize("n_sets", [3, 9])
def test_squared_excess_of_a_rule_does_not_depend_on_the_number_of_changes(n_sets, d_prime):
    rng = np.random.default_rng(13)
    sets = np.repeat(np.arange(n_sets), 30)
    counts = rng.normal(0, 1, (4000, len(sets))) + d_prime * (sets % 2)
    answer = selectivity(counts, sets % 2, change_blocks(sets), null="flip")
    truth = (phi(d_prime / math.sqrt(2)) - 0.5) ** 2
    error = answer.squared_excess.std() / math.sqrt(4000)
    assert abs(answer.squared_excess.mean() - truth) < 3 * error < 0.01


def test_squared_excess_of_two_changes_by_hand():
    # sets of three: a change has one trial before it and one after; 2 > 1, then 5 = 5
    counts, sets = [[0, 0, 1, 2, 0, 5, 5, 0, 0], [0, 0, 1, 2, 0, 5, 4, 0, 0]], np.arange(9) // 3
    answer = selectivity(counts, sets % 2, change_blocks(sets), null="flip")
    # excesses of the changes: 1/2 and 0; 1/2 and 1/2
    assert answer.squared_excess.tolist() == [0.0, 0.25]
    # more spikes after any change, whatever the rule
    after = selectivity([[0, 0, 0, 1, 0, 0, 1, 0, 0]], sets % 2, change_blocks(sets), null="flip")
    assert after.squared_excess.tolist() == [-0.25]


# --- null -------------------------------------------------------------------------------


def false_positives(kind, labelled, blocked, null, n_sessions=48, n_units=100):
    """Share of units without selectivity whose p is at most 0.05."""
    rng = np.random.default_rng(8)
    hits = []
    for session in range(n_sessions):
        sets = session_sets(rng)
        counts = drifting_counts(kind, n_units, len(sets), rng)
        answer = selectivity(
            counts, labelled(sets, rng), blocked(sets), null=null, n_relabelled=199, seed=session
        )
        hits.append(np.mean(answer.p <= 0.05))
    return np.mean(hits)


@pytest.mark.parametrize("labelled", [early_errors, sticky_choices])
@pytest.mark.parametrize("kind", ["steady", "walk", "rise", "autocorrelated"])
def test_five_per_cent_of_unselective_units_are_called_selective(kind, labelled):
    # labels that cluster, in units that drift
    assert 0.04 <= false_positives(kind, labelled, time_blocks, "permute") <= 0.06


@pytest.mark.parametrize(
    ("kind", "labelled", "at_least"),
    [
        ("autocorrelated", early_errors, 0.08),
        ("walk", lambda sets, _: sets % 2, 0.3),
        ("rise", lambda sets, _: sets % 2, 0.3),
    ],
)
def test_permuting_over_the_whole_session_would_be_liberal(kind, labelled, at_least):
    assert false_positives(kind, labelled, np.zeros_like, "permute") > at_least


@pytest.mark.parametrize("kind", ["steady", "walk", "rise", "autocorrelated"])
def test_rules_are_not_found_in_units_that_drift(kind):
    # 7 changes: p comes in steps of 2 / 128, and 6 / 128 is the level that is tested
    share = false_positives(kind, lambda sets, _: sets % 2, change_blocks, "flip")
    assert (0.0 if kind == "rise" else 0.035) <= share <= 0.06


def test_equal_selectivity_in_epochs_of_unequal_length_is_not_called_changed():
    # 40 experiments of 6 animals, 12 units, a third of them selective, 4 and 8 sets
    from scipy.stats import ttest_rel

    rng, n, called = np.random.default_rng(12), 40, 0
    for _ in range(n):
        found = np.empty((6, 2))
        for animal in range(6):
            for epoch, n_sets in enumerate((4, 8)):
                sets = session_sets(rng, n_sets)
                side = rng.random(len(sets)) < 0.5
                counts = drifting_counts("walk", 12, len(sets), rng)
                counts[:4] += rng.poisson(1.5, (4, len(sets))) * side
                answer = selectivity(
                    counts, side, time_blocks(sets), null="permute", n_relabelled=29
                )
                found[animal, epoch] = answer.squared_excess.mean()
        called += ttest_rel(found[:, 0], found[:, 1]).pvalue <= 0.05
    # 99.9 % of binomial counts of 40 at 5 %
    assert called <= 7


def test_one_change_of_rule_proves_nothing():
    rng = np.random.default_rng(9)
    sets = np.repeat([0, 1], 40)
    counts = rng.poisson(5 + 20 * sets, (3, 80))
    answer = selectivity(counts, sets, change_blocks(sets), null="flip")
    assert answer.p.tolist() == [1, 1, 1] and answer.least_p == 1
    assert np.all(answer.area > 0.9) and np.isnan(answer.squared_excess).all()


# --- edges ------------------------------------------------------------------------------


def test_nothing_to_compare_is_none():
    assert selectivity([[1, 2, 3]], [0, 0, 0], [0, 0, 0], null="permute") is None
    assert selectivity([[1, 2, 3]], [0, 0, 1], [0, 0, 1], null="permute") is None
    assert selectivity(np.empty((2, 0)), [], [], null="permute") is None
    silent = selectivity(np.zeros((2, 20)), np.arange(20) % 2, np.zeros(20), null="permute")
    assert silent.p.tolist() == [1, 1] and silent.area.tolist() == [0.5, 0.5]


def test_refusals():
    with pytest.raises(InputError, match="3 different values"):
        selectivity([[1, 2, 3]], ["a", "b", "c"], [0, 0, 0], null="permute")
    with pytest.raises(InputError, match="one label and group per trial"):
        selectivity([[1, 2, 3]], [0, 1], [0, 0], null="permute")
    with pytest.raises(InputError, match="apart from each other"):
        selectivity([[1, 2, 3]], [0, 1, 0], [0, 1, 0], null="permute")
