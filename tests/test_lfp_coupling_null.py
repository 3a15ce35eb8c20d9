"""Coupling when nothing changes: bias by number of windows, and false positives of the comparison.

White noise in two regions, 1-s windows, 3 tapers of 2 Hz half bandwidth. Bands of 3 Hz that lie
4 Hz apart are independent, so that one set of simulated animals gives many experiments.
"""

from functools import cache

import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import binom, ttest_rel

from pipeline.compare.scales import to_scale
from pipeline.lfp import cell_coupling, lfp_array
from pipeline.lfp.metrics import (
    coherence,
    debiased_wpli,
    imaginary_coherence,
    pairwise_phase_consistency,
)

METRICS = (coherence, pairwise_phase_consistency, imaginary_coherence, debiased_wpli)
RATE, LENGTH = 400.0, 400
WINDOWS, TAPERS = 40, 3
CHOSEN = {
    "lfp": {"bands": {f"at {low}": (low, low + 3) for low in range(5, 192, 7)}},
    "recording": {"line_noise_hz": None},
}
ANIMALS, SETS = 8, 8


def measured(n_windows, seed, *, windows=WINDOWS, shared=0.0):
    """Coupling of one cell; the regions share a source of variance `shared` without a lag."""
    rng = np.random.default_rng(seed)
    source = rng.standard_normal((n_windows * LENGTH, 1))
    own = rng.standard_normal((n_windows * LENGTH, 2))
    lfp = lfp_array(
        np.sqrt(shared) * source + np.sqrt(1 - shared) * own,
        rate_hz=RATE,
        channels=["a", "b"],
        region={"a": "CA1", "b": "mPFC"},
        pass_band_hz=195.0,
    )
    options = {"window_s": 1.0, "windows": windows, "half_bandwidth_hz": 2.0}
    return cell_coupling(lfp, [[0, n_windows]], options=options, line_hz=None, tapers=TAPERS)


def outcomes(coupling, metric):
    """A metric's values on the scale of its comparison, one per band."""
    values = metric.compute(coupling=coupling, options=CHOSEN)
    return to_scale(
        np.array([value.value for value in values]),
        scale=metric.METRIC.scale,
        zero_offset=metric.METRIC.zero_offset,
        counted=metric.METRIC.counted,
        seconds=np.full(len(values), coupling.seconds),
        n_effective=np.array([value.n_effective for value in values]),
    )


def false_positives(metric, one, other):
    """Number of experiments (paired t over animals) with p < 0.05, and of all experiments."""
    tables = [
        np.array([outcomes(cell, metric) for cell in cells]).reshape(SETS, ANIMALS, -1)
        for cells in (one, other)
    ]
    p = ttest_rel(*tables, axis=1).pvalue
    return int((p < 0.05).sum()), p.size


@cache
def cells(n_windows, shared, *, windows=WINDOWS):
    """One cell per set and animal, all alike."""
    seeds = range(ANIMALS * SETS)
    return tuple(
        measured(n_windows, [n_windows, index], windows=windows, shared=shared) for index in seeds
    )


def expected_coherence(n):
    """Mean coherence of unrelated signals from n independent pieces: its square is Beta(1, n-1)."""
    return np.exp(gammaln(1.5) + gammaln(n) - gammaln(n + 0.5))


# --- bias -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_windows", [40, 100, 300])
def test_bias_of_coherence_is_the_same_whatever_the_length_of_the_cell(n_windows):
    """Blocks of 40 windows x 3 tapers: 0.0810 for 40, 100 (80 used) and 300 (280 used) windows."""
    found = [
        measured(n_windows, [7, n_windows, seed]).spectra["coherence"].values[0, 4:-4]
        for seed in range(12)
    ]
    means = np.mean(found, axis=1)
    error = np.std(means, ddof=1) / np.sqrt(len(means))
    assert np.mean(means) == pytest.approx(expected_coherence(WINDOWS * TAPERS), abs=4 * error)
    assert error < 0.002


def test_without_equal_windows_the_longer_cell_would_seem_less_coherent():
    """All 120 windows in one estimate: 0.0467, where 40 windows give 0.0810."""
    short = np.mean([one.spectra["coherence"].values[0, 4:-4] for one in cells(40, 0.0)])
    pooled = measured(120, 3, windows=120).spectra["coherence"].values[0, 4:-4].mean()
    assert short == pytest.approx(expected_coherence(120), rel=0.02)
    assert pooled == pytest.approx(expected_coherence(360), rel=0.1)


@pytest.mark.parametrize("metric", METRICS[1:])
@pytest.mark.parametrize("n_windows", [40, 120])
def test_the_other_measures_of_unrelated_noise_have_mean_zero(metric, n_windows):
    values = np.array([outcomes(one, metric) for one in cells(n_windows, 0.0)])
    error = values.std() / np.sqrt(values.size)
    assert abs(values.mean()) < 4 * error
    assert error < 0.002


# --- false positives ------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("shared", [0.0, 0.5])
@pytest.mark.parametrize("n_other", [40, 120])
def test_false_positives_are_nominal(metric, shared, n_other):
    """Same coupling in both conditions, one measured as long or three times as long: 5 %.

    8 animals, 216 experiments; limits hold in 99.8 % of such tests.
    """
    one = cells(40, shared)
    other = cells(n_other, shared) if n_other != 40 else cells_again(shared)
    found, n = false_positives(metric, one, other)
    assert n == 216
    assert binom.ppf(0.001, n, 0.05) <= found <= binom.ppf(0.999, n, 0.05)


@cache
def cells_again(shared):
    """Other animals' cells of 40 windows."""
    return tuple(measured(40, [1, 40, index], shared=shared) for index in range(ANIMALS * SETS))


def test_without_equal_windows_false_positives_are_many():
    """The same noise, but all windows of a cell in one estimate: more often than not."""
    pooled = cells(120, 0.0, windows=120)
    found, n = false_positives(coherence, cells(40, 0.0), pooled)
    assert found > 0.5 * n
