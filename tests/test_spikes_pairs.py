"""Pairs of units: agreement with elephant, closed forms, planted correlation, and nulls.

Seeds are fixed.
"""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom, ttest_rel

from pipeline.spikes import epoch_units, units_dataset
from pipeline.spikes.pairs import (
    bin_counts,
    bin_starts,
    correlation,
    count_moments,
    count_products,
    epoch_pairs,
    matched_correlation,
    pair_means,
    time_windows,
)
from pipeline.spikes.tiling import tiling

GOLD = Path(__file__).parent / "data" / "gold"


def gold():
    """The script that made the oracles' spikes, and elephant's answers."""
    found = importlib.util.spec_from_file_location("oracles", GOLD / "spike_groups_oracles.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module, json.loads((GOLD / "spike_groups_oracles.json").read_text())


oracles, ANSWERS = gold()


def poisson(seconds, rate_hz, rng):
    return np.sort(rng.uniform(0, seconds, rng.poisson(rate_hz * seconds)))


def sharing(seconds, own_hz, shared_hz, n, rng):
    """Trains of own spikes and of spikes that all have in common."""
    shared = poisson(seconds, shared_hz, rng)
    return [np.sort(np.concatenate([poisson(seconds, own_hz, rng), shared])) for _ in range(n)]


def epoch(trains, intervals, regions=None):
    names = [f"u{index}" for index in range(len(trains))]
    return epoch_units(units_dataset(trains, names, regions or ["CA1"] * len(trains)), intervals)


def off_diagonal(matrix):
    return matrix[np.triu_indices(len(matrix), 1)]


# --- agreement with elephant ----------------------------------------------------------------------


@pytest.mark.parametrize("bin_s", [0.1, 1.0])
def test_correlations_agree_with_elephant(bin_s):
    moments = count_moments(oracles.trains(), [[0, oracles.SECONDS]], bin_s=bin_s)
    expected = np.array(ANSWERS["correlation_coefficient"][str(bin_s)])
    assert correlation(moments) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("dt_s", [0.005, 0.05, 0.4])
def test_tiling_agrees_with_elephant(dt_s):
    found = tiling(oracles.trains(), [[0, oracles.SECONDS]], dt_s=dt_s)
    expected = np.array(ANSWERS["spike_time_tiling_coefficient"][str(dt_s)])
    assert found == pytest.approx(expected, abs=1e-12)


# --- counts ---------------------------------------------------------------------------------------


def test_counts_by_hand():
    starts = bin_starts(np.array([[0.0, 0.35], [2.0, 2.2]]), 0.1)
    assert starts == pytest.approx([0.0, 0.1, 0.2, 2.0, 2.1])
    counts = bin_counts([np.array([0.05, 0.06, 0.29, 0.31, 1.0, 2.15, 2.25])], starts, 0.1)
    assert counts.tolist() == [[2, 0, 1, 0, 1]]
    windows = time_windows(np.array([5.0, 6.0, 14.9, 15.0, 40.0]), 10.0)
    assert [(w.start, w.stop) for w in windows] == [(0, 3), (3, 4), (4, 5)]
    assert bin_counts([np.array([1.0])], np.empty(0), 0.1).shape == (1, 0)


@pytest.mark.parametrize("bin_s", [0.02, 0.1, 1.0])
def test_counts_in_bouts_are_those_of_every_bin_by_itself(bin_s):
    rng = np.random.default_rng(9)
    edges = np.sort(rng.uniform(0, 500, 200)).reshape(-1, 2)
    starts = bin_starts(edges, bin_s)
    trains = [poisson(500, rate, rng) for rate in (0.1, 5.0, 60.0)]
    expected = [[np.sum((t >= s) & (t < s + bin_s)) for s in starts] for t in trains]
    assert bin_counts(trains, starts, bin_s).tolist() == expected


def test_products_of_large_counts_are_exact():
    counts = np.array([[4001, 4003, 1], [2, 4007, 4009]], dtype=np.float32)
    expected = counts.astype(np.int64) @ counts.T.astype(np.int64)
    assert count_products(counts).tolist() == expected.tolist()


def test_shared_spikes_make_the_correlation_that_they_should():
    """Shared rate s of a total r: correlation s / r at every bin width."""
    rng = np.random.default_rng(1)
    trains = sharing(1200, 3.0, 1.0, 12, rng)
    for bin_s, error in ((0.1, 0.01), (1.0, 0.03)):
        values = off_diagonal(correlation(count_moments(trains, [[0, 1200]], bin_s=bin_s)))
        assert values.mean() == pytest.approx(0.25, abs=error)


def test_thinned_trains_correlate_as_the_moments_say():
    rng = np.random.default_rng(2)
    trains = sharing(600, 8.0, 8.0, 6, rng)
    moments = count_moments(trains, [[0, 600]], bin_s=0.1)
    target = np.array([4.0, 4.0, 8.0, 8.0, 12.0, 2.0])
    stated = off_diagonal(matched_correlation(moments, target))
    keep = target / (moments.mean / 0.1)
    drawn = []
    for _ in range(60):
        thin = [times[rng.random(len(times)) < k] for times, k in zip(trains, keep, strict=True)]
        drawn.append(off_diagonal(correlation(count_moments(thin, [[0, 600]], bin_s=0.1))))
    error = np.std(drawn, axis=0) / np.sqrt(len(drawn))
    assert (np.abs(np.mean(drawn, axis=0) - stated) < 4 * error + 1e-3).all()
    assert (stated < off_diagonal(correlation(moments)) - 0.05).all()


def test_rates_above_a_units_own_cannot_be_matched():
    trains = sharing(100, 2.0, 2.0, 3, np.random.default_rng(8))
    moments = count_moments(trains, [[0, 100]], bin_s=1.0)
    own = moments.mean / 1.0
    assert matched_correlation(moments, own) == pytest.approx(correlation(moments))
    assert np.isnan(matched_correlation(moments, own * [2, 1, 1])[0]).all()


def test_slow_drift_does_not_correlate_units():
    """Both units' rates rise fourfold over an hour; within ten minutes they hardly change."""
    rng = np.random.default_rng(3)
    trains = [poisson(3600, 8.0, rng) for _ in range(6)]
    trains = [t[rng.random(len(t)) < 4.0 ** (t / 3600 - 1)] for t in trains]
    whole = count_moments(trains, [[0, 3600]], bin_s=1.0, window_s=3600)
    parts = count_moments(trains, [[0, 3600]], bin_s=1.0)
    assert off_diagonal(correlation(whole)).mean() > 0.3
    assert abs(off_diagonal(correlation(parts)).mean()) < 0.03
    assert parts.n_windows == 6 and parts.n_bins == 3600


# --- tiling ---------------------------------------------------------------------------------------


def slow_tiling(a, b, intervals, dt):
    """By definition, on a fine grid of time for the covered share."""

    def near(one, other):
        return np.mean([np.any(np.abs(other - t) <= dt) for t in one])

    def covered(times):
        total = inside = 0.0
        for start, stop in intervals:
            grid = np.arange(start + 5e-5, stop, 1e-4)
            at = np.searchsorted(times, grid)
            after = np.append(times, np.inf)[at] - grid
            before = grid - np.insert(times, 0, -np.inf)[at]
            inside += np.mean(np.minimum(before, after) <= dt) * (stop - start)
            total += stop - start
        return inside / total

    pa, pb, ta, tb = near(a, b), near(b, a), covered(a), covered(b)
    return ((pa - tb) / (1 - pa * tb) + (pb - ta) / (1 - pb * ta)) / 2


def test_tiling_over_several_intervals_is_that_of_the_definition():
    rng = np.random.default_rng(4)
    intervals = np.array([[10.0, 14.0], [14.02, 30.0], [500.0, 520.0]])
    trains = [
        np.sort(np.concatenate([rng.uniform(*row, 60) for row in intervals])) for _ in range(3)
    ]
    found = tiling(trains, intervals, dt_s=0.05)
    for i, j in ((0, 1), (1, 2)):
        expected = slow_tiling(trains[i], trains[j], intervals, 0.05)
        assert found[i, j] == pytest.approx(expected, abs=2e-4)
    assert found == pytest.approx(found.T)
    assert np.diag(found) == pytest.approx(1.0)


@pytest.mark.parametrize("offset", [0.0, 43210.0])
def test_tiling_of_known_trains(offset):
    one = offset + np.arange(0.5, 100, 1.0)
    trains = [one, one + 0.04, one + 0.3, np.empty(0)]
    found = tiling(trains, [[offset, offset + 100]])
    assert found[0, 1] == pytest.approx(1.0)
    assert found[0, 2] == pytest.approx(-0.1)  # P = 0, T = 0.1
    assert np.isnan(found[3]).all() and np.isnan(found[:, 3]).all()


@pytest.mark.parametrize("rates", [(1.0, 1.0), (5.0, 5.0), (0.5, 20.0)])
def test_independent_trains_tile_to_zero_whatever_their_rates(rates):
    rng = np.random.default_rng(5)
    trains = [poisson(300, rates[index % 2], rng) for index in range(40)]
    values = off_diagonal(tiling(trains, [[0, 300]]))
    assert abs(values.mean()) < 4 * values.std() / np.sqrt(len(values) / 4)
    assert values.std() < 0.08


# --- epochs and regions ---------------------------------------------------------------------------


def test_pairs_within_and_between_regions():
    matrix = np.array(
        [[1, 0.2, 0.3, np.nan], [0.2, 1, 0.1, np.nan], [0.3, 0.1, 1, np.nan], [np.nan] * 4]
    )
    found = pair_means(matrix, ["CA1", "CA1", "PrL", "CA1"], minimum_units=1)
    assert [(m.region, m.region_b, m.n_pairs, m.n_units) for m in found] == [
        ("CA1", "", 1, 2),
        ("CA1", "PrL", 2, 3),
    ]
    assert [m.value for m in found] == pytest.approx([0.2, 0.2])
    assert [m.region_b for m in pair_means(matrix, ["CA1", "CA1", "PrL", "CA1"])] == [""]
    assert pair_means(matrix, [""] * 4) == []


def test_units_with_few_spikes_have_no_pairs():
    rng = np.random.default_rng(6)
    trains = [np.sort(rng.uniform(0, 100, n)) for n in (49, 50, 80, 0)]
    found = epoch_pairs(epoch(trains, [[0, 100]]))
    assert found.unit_id == ["u1", "u2"] and found.too_few == ("u0", "u3")
    assert found.tiling.shape == (2, 2) and set(found.moments) == {0.1, 1.0}
    assert epoch_pairs(epoch(trains, [[0, 20]])) is None
    assert set(epoch_pairs(epoch([trains[2]] * 2, [[0, 0.9], [5, 99]])).moments) == {0.1, 1.0}


def within_binomial(hits, n, level=0.05, tail=0.001):
    return binom.cdf(hits, n, level) > tail and binom.sf(hits - 1, n, level) > tail


def test_epochs_differ_at_5_percent_when_nothing_changes():
    """Paired t over 8 animals with 5 units each that share spikes; 30 experiments.

    The trap: spikes thinned to a third lower the correlation of counts, but not the matched one.
    """
    rng = np.random.default_rng(7)
    names = ("same", "fewer", "matched", "tiling")
    p = {name: [] for name in names}
    for _ in range(30):
        rows = []
        for _ in range(8):
            before = sharing(80, 4.0, 4.0, 5, rng)
            after = sharing(80, 4.0, 4.0, 5, rng)
            fewer = [times[rng.random(len(times)) < 1 / 3] for times in after]
            moments = [count_moments(t, [[0, 80]], bin_s=0.1) for t in (before, after, fewer)]
            plain = [off_diagonal(correlation(m)).mean() for m in moments]
            low = matched_correlation(moments[0], moments[2].mean / 0.1)
            tiles = [off_diagonal(tiling(t, [[0, 80]])).mean() for t in (before, after)]
            rows.append([*plain, off_diagonal(low).mean(), *tiles])
        rows = np.array(rows).T
        for name, one, other in zip(names, (0, 0, 3, 4), (1, 2, 2, 5), strict=True):
            p[name].append(ttest_rel(rows[one], rows[other]).pvalue)
    hits = {name: int((np.array(values) < 0.05).sum()) for name, values in p.items()}
    assert hits["fewer"] > 27
    for name in ("same", "matched", "tiling"):
        assert within_binomial(hits[name], 30), hits
