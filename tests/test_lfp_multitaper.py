"""Multitaper engine: agreement with scipy and MNE, calibration, bias of the median."""

import numpy as np
import pytest

from pipeline.lfp.multitaper import (
    dpss_tapers,
    frequencies_hz,
    median_bias,
    multitaper_psd,
    tapers_for,
)


@pytest.mark.parametrize(("n", "nw", "k"), [(4000, 4.0, 7), (1001, 2.5, 4), (500, 1.0, 1)])
def test_tapers_agree_with_scipy(n, nw, k):
    from scipy.signal.windows import dpss

    theirs, ratios = dpss(n, nw, k, return_ratios=True)
    ours = dpss_tapers(n, nw, k)
    np.testing.assert_allclose(ours.windows, theirs, rtol=1e-6, atol=1e-10)
    np.testing.assert_allclose(ours.concentration, ratios, rtol=1e-9)


def test_tapers_solve_slepians_problem():
    n, nw = 300, 4.0
    tapers = dpss_tapers(n, nw, 7)
    np.testing.assert_allclose(tapers.windows @ tapers.windows.T, np.eye(7), atol=1e-12)
    lag = np.subtract.outer(np.arange(n), np.arange(n))
    kernel = 2 * nw / n * np.sinc(2 * nw / n * lag)
    np.testing.assert_allclose(
        tapers.windows @ kernel, tapers.concentration[:, None] * tapers.windows, atol=1e-10
    )


def brownian(n):
    """Five segments with a steep spectrum and an offset."""
    return np.cumsum(np.random.default_rng(1).standard_normal((5, n)), axis=1) + 300.0


LENGTHS = [(4000, 1000.0), (4001, 1000.0), (4002, 1000.58)]


@pytest.mark.parametrize(("n", "rate"), LENGTHS)
def test_density_agrees_with_scipy(n, rate):
    from scipy.signal import periodogram
    from scipy.signal.windows import dpss

    windows, ratios = dpss(n, 4.0, 7, return_ratios=True)
    each = [
        periodogram(brownian(n), rate, window=window, detrend="constant")[1] for window in windows
    ]
    theirs = np.average(each, axis=0, weights=ratios)
    ours = multitaper_psd(brownian(n), rate_hz=rate, half_bandwidth_hz=4 * rate / n, tapers=7)
    # At 0 Hz odd tapers hold nothing but rounding; everywhere else 1e-6 of the value itself.
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize(("n", "rate"), LENGTHS)
def test_density_agrees_with_mne(monkeypatch, n, rate):
    """With orthonormal tapers: MNE's own are the first n values of tapers of length n + 1."""
    import mne.time_frequency.multitaper as mne_multitaper

    def orthonormal(*args, sym, **kwargs):
        return mne_windows(*args, sym=True, **kwargs)

    mne_windows = mne_multitaper.dpss_windows
    # MNE's bandwidth is the full one; its default normalization is wrong by the sampling rate.
    settings = {"bandwidth": 8 * rate / n, "normalization": "full", "verbose": "error"}
    ours = multitaper_psd(brownian(n), rate_hz=rate, half_bandwidth_hz=4 * rate / n, tapers=7)
    stock, frequency = mne_multitaper.psd_array_multitaper(brownian(n), rate, **settings)
    np.testing.assert_allclose(frequencies_hz(n, rate), frequency, rtol=1e-12)
    assert abs(np.log(ours / stock)).mean() < 2e-3
    monkeypatch.setattr(mne_multitaper, "dpss_windows", orthonormal)
    theirs, _ = mne_multitaper.psd_array_multitaper(brownian(n), rate, **settings)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_white_noise_lies_at_twice_variance_over_rate():
    noise = 3.0 * np.random.default_rng(3).standard_normal((400, 4000))
    psd = multitaper_psd(noise, rate_hz=1000.0)
    # 400 segments x 5 tapers x 1900 frequencies: standard error well under 0.1 %
    assert psd[:, 50:1950].mean() == pytest.approx(2 * 9.0 / 1000, rel=1e-3)


@pytest.mark.parametrize("frequency", [8.0, 8.1, 100.0])
def test_power_of_a_sine_integrates_to_half_its_square(frequency):
    time = np.arange(4000) / 1000
    psd = multitaper_psd(50 * np.sin(2 * np.pi * frequency * time)[None], rate_hz=1000.0)[0]
    assert psd.sum() * 0.25 == pytest.approx(50**2 / 2, rel=1e-3)
    near = np.abs(frequencies_hz(4000, 1000.0) - frequency) <= 1.25
    tapers = tapers_for(4000, rate_hz=1000.0, half_bandwidth_hz=1.0)
    held = tapers.weights @ tapers.concentration  # what the tapers keep within their band
    assert psd[near].sum() / psd.sum() > held - 0.002


def test_all_of_the_energy_is_in_the_spectrum():
    """Parseval: the density integrates to the variance that the tapers see."""
    for n in (1000, 1001):
        x = np.random.default_rng(4).standard_normal((1, n))
        tapers = tapers_for(n, rate_hz=n / 4, half_bandwidth_hz=1.0)
        psd = multitaper_psd(x, rate_hz=n / 4, half_bandwidth_hz=1.0)
        energy = ((x - x.mean()) * tapers.windows) ** 2
        assert psd.sum() * 0.25 == pytest.approx(energy.sum(axis=1) @ tapers.weights, rel=1e-12)


def test_shape_and_cut_of_frequencies():
    x = np.random.default_rng(5).standard_normal((2, 3, 800))
    full = multitaper_psd(x, rate_hz=200.0)
    assert full.shape == (2, 3, 401)
    np.testing.assert_array_equal(
        multitaper_psd(x, rate_hz=200.0, n_frequencies=100), full[..., :100]
    )
    np.testing.assert_array_equal(multitaper_psd(x[1, 2], rate_hz=200.0), full[1, 2])


def test_no_segment_gives_no_density():
    assert multitaper_psd(np.empty((3, 0, 800)), rate_hz=200.0).shape == (3, 0, 401)


@pytest.mark.parametrize("n_segments", [1, 31, 64])
def test_density_does_not_depend_on_what_else_is_computed(n_segments):
    """Batches of any size, the last one shorter: the same bits."""
    x = np.random.default_rng(7).standard_normal((n_segments, 1000))
    together = multitaper_psd(x, rate_hz=250.0)
    alone = [multitaper_psd(segment[None], rate_hz=250.0)[0] for segment in x]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize(
    ("half_bandwidth_hz", "expected"), [(0.25, 1), (0.5, 1), (0.75, 3), (1, 5)]
)
def test_default_tapers_keep_a_thousandth_inside(half_bandwidth_hz, expected):
    settings = {"rate_hz": 1000.0, "half_bandwidth_hz": half_bandwidth_hz}
    used = tapers_for(4000, **settings)
    assert len(used.windows) == expected
    assert (used.concentration >= 0.999).all() or expected == 1
    one_more = tapers_for(4000, **settings, tapers=expected + 1)
    assert one_more.concentration[-1] < 0.999


def test_steep_spectrum_does_not_leak_into_fast_frequencies():
    """1/f^3 background: slow power must not be read as fast oscillations."""
    rng = np.random.default_rng(6)
    n, rate = 400_000, 1000.0
    frequency = np.fft.rfftfreq(n, 1 / rate)
    density = 1e4 * np.maximum(frequency, 0.5) ** -3.0
    parts = rng.standard_normal((2, len(frequency)))
    signal = np.fft.irfft(np.sqrt(density * rate * n / 4) * (parts[0] + 1j * parts[1]), n)
    segments = np.lib.stride_tricks.sliding_window_view(signal, 4000)[::2000]
    axis = frequencies_hz(4000, rate)
    error_db = {}
    for tapers in (None, 7):
        psd = multitaper_psd(segments, rate_hz=rate, tapers=tapers).mean(axis=0)
        for low, high in ((6, 10), (30, 55), (65, 100), (110, 180)):
            band = (axis >= low) & (axis < high)
            ratio = psd[band].sum() / (1e4 * axis[band] ** -3.0).sum()
            error_db[tapers, low] = 10 * np.log10(ratio)
    assert all(abs(error_db[None, low]) < 0.4 for low in (6, 30, 65, 110))
    assert error_db[7, 110] > 4  # what the usual number of tapers does


def test_impossible_tapers_are_refused():
    with pytest.raises(ValueError, match="lengthen the segment"):
        multitaper_psd(np.zeros((1, 500)), rate_hz=1000.0, half_bandwidth_hz=1.0)
    with pytest.raises(ValueError, match="further tapers leak"):
        dpss_tapers(400, 4.0, 9)


# --- the median and its bias ----------------------------------------------------------


def test_bias_of_one_periodogram_is_welchs():
    """K = 1 is chi-squared(2), whose odd sample medians have the expectation of a finite sum."""
    for n in (3, 5, 21, 101):
        even = np.arange(2, n, 2)
        exact = 1 + np.sum(1 / (even + 1) - 1 / even)
        assert median_bias(n, 1.0) == pytest.approx(exact, rel=2e-3)
    assert median_bias(100_000, 1.0) == pytest.approx(np.log(2), rel=1e-3)


def test_bias_of_many_segments_is_the_median_of_chi_squared():
    from scipy.stats import chi2

    for k in (3, 7):
        assert median_bias(100_001, k) == pytest.approx(chi2.median(2 * k) / (2 * k), rel=1e-5)


@pytest.mark.parametrize("n", [3, 4, 9, 30])
def test_bias_of_few_segments_equals_simulation(n):
    draws = np.random.default_rng(n).gamma(7, 1 / 7, (200_000, n))
    # standard error of the simulated mean is below 0.001
    assert median_bias(n, 7.0) == pytest.approx(np.median(draws, axis=1).mean(), abs=2e-3)


def test_one_and_two_segments_need_no_correction():
    assert median_bias(1, 7.0) == median_bias(2, 7.0) == 1.0


@pytest.mark.parametrize("n_segments", [5, 14, 60])
def test_median_over_overlapping_segments_of_white_noise_is_unbiased(n_segments):
    rng = np.random.default_rng(n_segments)
    length, step, repeats = 400, 200, 60
    signal = rng.standard_normal((repeats, length + step * (n_segments - 1)))
    segments = np.lib.stride_tricks.sliding_window_view(signal, length, axis=1)[:, ::step]
    psd = multitaper_psd(segments, rate_hz=100.0)
    used = tapers_for(length, rate_hz=100.0, half_bandwidth_hz=1.0)
    level = np.median(psd, axis=1) / median_bias(n_segments, used.independent)
    # 60 repeats x about 24 independent frequencies: standard error below 0.4 %
    mean = level[:, 8:-8].mean()
    assert mean == pytest.approx(2 / 100, rel=0.01)
    assert np.median(psd, axis=1)[:, 8:-8].mean() < 0.985 * mean  # the correction is needed
