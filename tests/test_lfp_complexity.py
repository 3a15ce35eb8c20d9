"""Complexity of a cell and spectral entropy: closed forms, recovery, mains, null comparison."""

import math

import numpy as np
import pytest
import xarray as xr

from pipeline.lfp import Spectrum, cell_complexity, epoch_spectrum, lfp_array
from pipeline.lfp.metrics import lempel_ziv, lempel_ziv_normalised, spectral_entropy

OPTIONS = {"window_s": 10.0, "rate_hz": 250.0, "band_hz": (1.0, 100.0), "windows": 6}


def coloured(exponent, seconds, *, rate_hz=500.0, n_channels=1, seed=0):
    """Gaussian noise with density f^-exponent above 1 Hz, unit variance, (n, n_channels)."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate_hz)
    frequency = np.fft.rfftfreq(n, 1 / rate_hz)
    gain = np.zeros_like(frequency)
    gain[1:] = np.maximum(frequency[1:], 1.0) ** (-exponent / 2)
    parts = rng.standard_normal((2, n_channels, len(frequency)))
    signal = np.fft.irfft(gain * (parts[0] + 1j * parts[1]), n)
    return (signal / signal.std(axis=1, keepdims=True)).T


def as_lfp(values, *, rate_hz=500.0, regions=None, **labels):
    names = [f"ch{index:02d}" for index in range(values.shape[1])]
    regions = regions or ["CA1"] * len(names)
    region = dict(zip(names, regions, strict=True))
    return lfp_array(100 * values, rate_hz=rate_hz, channels=names, region=region, **labels)


def complexity(values, intervals=((0, 64),), *, line_hz=None, options=None, **labels):
    return cell_complexity(
        as_lfp(values, **labels), intervals, options=options or OPTIONS, line_hz=line_hz
    )


# --- Lempel-Ziv of a cell ---------------------------------------------------------------


def test_noise_of_any_slope_has_the_complexity_of_its_surrogates():
    raw, ratios = [], []
    for exponent in (0.5, 1.0, 1.5, 2.0):
        found = complexity(coloured(exponent, 124, n_channels=4), [[0, 124]])
        raw.append(float(found.lempel_ziv[0]))
        ratios.append(float(found.lempel_ziv[0] / found.surrogate[0]))
    assert np.all(np.diff(raw) < -0.1) and raw[0] > 2 * raw[-1]
    np.testing.assert_allclose(ratios, 1.0, atol=0.03)


def test_white_noise_is_the_known_case():
    # Limited to 1-100 Hz and sampled at 250 Hz it is nearly, not wholly, white.
    found = complexity(coloured(0.0, 64, n_channels=2))
    assert 0.95 < float(found.lempel_ziv[0]) < 1.03
    assert found.n_windows == 6 and found.seconds == pytest.approx(60.0)


def test_order_beyond_the_spectrum_lowers_the_ratio_and_noise_brings_it_back():
    # A train of equal pulses at irregular times has order that its spectrum does not tell of; it is
    # mixed with Gaussian noise of its own spectrum, so that the spectrum is always the same.
    rng = np.random.default_rng(5)
    n = 64 * 500
    train = np.zeros(n)
    train[np.cumsum(rng.integers(30, 41, n // 40))] = 1.0
    pulse = np.exp(-np.arange(60) / 20) * np.sin(np.arange(60) / 3)
    pulses = np.convolve(train, pulse)[:n]
    pulses = (pulses - pulses.mean()) / pulses.std() + 0.1 * rng.standard_normal(n)
    spectrum = np.fft.rfft(pulses)
    twin = np.fft.irfft(spectrum * np.exp(2j * np.pi * rng.random(len(spectrum))), n)
    ratios = []
    for share in (0.0, 0.1, 0.3, 1.0):
        mixed = np.sqrt(1 - share) * pulses + np.sqrt(share) * twin
        found = complexity(mixed[:, np.newaxis])
        ratios.append(float(found.lempel_ziv[0] / found.surrogate[0]))
    assert ratios[0] < 0.7 and np.all(np.diff(ratios) > 0.01)
    assert ratios[-1] == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("line_hz", [50.0, 60.0])
def test_mains_neither_raise_nor_lower_it(line_hz):
    # So long because each signal has twins of its own, whose chance must average out.
    clean, whole = coloured(1.5, 2404, n_channels=2), [[0, 2404]]
    # twice as strong as the whole signal, and a little off its nominal frequency
    line = 2 * np.sqrt(2) * np.sin(2 * np.pi * (line_hz + 0.03) * np.arange(len(clean)) / 500)
    dirty = clean + line[:, np.newaxis]
    of_clean, of_dirty = (complexity(values, whole, line_hz=line_hz) for values in (clean, dirty))
    ratio = [float(c.lempel_ziv[0] / c.surrogate[0]) for c in (of_clean, of_dirty)]
    assert float(of_dirty.lempel_ziv[0]) == pytest.approx(float(of_clean.lempel_ziv[0]), rel=0.01)
    assert ratio[1] == pytest.approx(ratio[0], abs=0.01)
    # What it would do: the raw measure falls by more than a third.
    masked_not = complexity(dirty, whole, line_hz=None)
    assert float(masked_not.lempel_ziv[0]) < 0.67 * float(of_clean.lempel_ziv[0])


def test_hole_around_the_mains_costs_little():
    values = coloured(1.5, 64, n_channels=2)
    with_hole, without = (complexity(values, line_hz=hz) for hz in (60.0, None))
    assert float(with_hole.lempel_ziv[0]) == pytest.approx(float(without.lempel_ziv[0]), rel=0.03)


def test_length_of_the_cell_does_not_matter():
    # Each group of 62 s is one cell; their mean is the long cell's value, and neither leans.
    values = coloured(1.0, 310, n_channels=1, seed=6)
    long = complexity(values, [[0, 310]])
    short = [complexity(values, [[start, start + 62]]) for start in range(0, 310, 62)]
    mean = np.mean([float(cell.lempel_ziv[0]) for cell in short])
    ratio = np.mean([float(cell.lempel_ziv[0] / cell.surrogate[0]) for cell in short])
    assert mean == pytest.approx(float(long.lempel_ziv[0]), abs=0.01)
    assert ratio == pytest.approx(float(long.lempel_ziv[0] / long.surrogate[0]), abs=0.02)


def test_windows_lie_wholly_inside_one_interval():
    values = coloured(1.0, 140, seed=7)
    intervals = [[0, 33.9], [40, 72], [80, 91.9], [100, 132.5]]  # 3 + 3 + 0 + 3 windows
    options = {**OPTIONS, "windows": 9}
    found = complexity(values, intervals, options=options)
    assert found.n_windows == 9
    assert complexity(values, intervals, options={**OPTIONS, "windows": 10}) is None
    outside = values.copy()
    times = np.arange(len(values)) / 500
    for low, high in ((33.9, 40), (72, 100), (132.5, 140)):
        outside[(times >= low) & (times < high)] = 1e4
    again = complexity(outside, intervals, options=options)
    assert float(again.lempel_ziv[0]) == float(found.lempel_ziv[0])
    assert float(again.surrogate[0]) == float(found.surrogate[0])


def test_surrogates_depend_on_the_window_only():
    values = coloured(1.0, 122, seed=8)
    options = {**OPTIONS, "windows": 1}
    whole = complexity(values, [[0, 122]])
    # the same twelve windows, each a cell of its own
    apart = [complexity(values, [[at, at + 12]], options=options) for at in range(0, 120, 10)]
    assert whole.n_windows == len(apart) == 12
    for name in ("lempel_ziv", "surrogate"):
        mean = np.mean([float(getattr(cell, name)[0]) for cell in apart])
        assert float(getattr(whole, name)[0]) == pytest.approx(mean, rel=1e-12)
    intervals = np.array([[0, 32], [50, 92]])
    turned = [complexity(values, spans) for spans in (intervals, intervals[::-1])]
    assert float(turned[0].surrogate[0]) == float(turned[1].surrogate[0])


def test_amplitude_and_polarity_do_not_matter():
    values = coloured(1.0, 64, seed=9)
    first, second = complexity(values), complexity(-37.0 * values)
    assert float(first.lempel_ziv[0]) == pytest.approx(float(second.lempel_ziv[0]), rel=1e-3)


def test_recordings_of_other_rates_agree():
    values = coloured(1.0, 64, rate_hz=1000.0, n_channels=3, seed=10)
    found = complexity(values, rate_hz=1000.0)
    # the same signal at 976.5625 Hz, made by shortening its spectrum
    spectrum = np.fft.rfft(values, axis=0)
    other = np.fft.irfft(spectrum[: 62500 // 2 + 1], 62500, axis=0) * 62500 / 64000
    again = complexity(other, rate_hz=976.5625)
    assert float(again.lempel_ziv[0]) == pytest.approx(float(found.lempel_ziv[0]), rel=0.01)


def test_regions_and_bad_channels():
    values = coloured(1.0, 64, n_channels=4, seed=11)
    values[:, 3] = coloured(2.5, 64, seed=12)[:, 0]
    regions = ["mPFC", "CA1", "", "CA1"]
    found = complexity(values, regions=regions, bad=["ch03"])
    alone = complexity(values[:, [1]])
    assert found.lempel_ziv["region"].values.tolist() == ["CA1", "mPFC"]
    assert float(found.lempel_ziv.sel(region="CA1")) == float(alone.lempel_ziv[0])
    assert complexity(values, regions=[""] * 4) is None


def test_four_channels_of_a_region_are_spread_over_it():
    values = coloured(1.0, 64, n_channels=8, seed=13)
    found = complexity(values)
    picked = complexity(values[:, [1, 3, 5, 7]])
    assert float(found.lempel_ziv[0]) == pytest.approx(float(picked.lempel_ziv[0]), rel=1e-12)


def test_band_that_cannot_be_shown():
    values = coloured(1.0, 64)
    assert complexity(values, pass_band_hz=80.0) is None
    assert complexity(values, options={**OPTIONS, "rate_hz": 150.0}) is None


@pytest.mark.parametrize("rate_hz", [200.0, 100.0, 50.0])
def test_a_slow_recording_has_no_value_and_ends_no_session(rate_hz):
    lfp = as_lfp(coloured(1.0, 64, rate_hz=rate_hz), rate_hz=rate_hz, regions=["A"])
    assert cell_complexity(lfp, [[0, 64]], options=OPTIONS, line_hz=None) is None


def test_null_comparison_keeps_its_rate():
    # 100 experiments of 8 animals, a baseline of 1 window and a later cell of 2; no change.
    n_experiments, n_animals = 100, 8
    options = {**OPTIONS, "window_s": 4.0, "windows": 1}
    n_channels = n_experiments * n_animals
    values = coloured(1.5, 22, rate_hz=250.0, n_channels=n_channels, seed=14).astype(np.float32)
    names = [f"r{index:04d}" for index in range(n_channels)]
    options["band_hz"] = (1.0, 50.0)
    lfp = as_lfp(values, rate_hz=250.0, regions=names)
    cells = [
        cell_complexity(lfp, [[start, stop]], options={**options, "rate_hz": 125.0}, line_hz=None)
        for start, stop in ((0, 7), (10, 22))
    ]
    assert [cell.n_windows for cell in cells] == [1, 2]
    ratios = [np.log2((cell.lempel_ziv / cell.surrogate).values) for cell in cells]
    raws = [np.log2(cell.lempel_ziv.values) for cell in cells]
    for first, second in (ratios, raws):
        change = (second - first).reshape(n_experiments, n_animals)
        t = change.mean(axis=1) / (change.std(axis=1, ddof=1) / math.sqrt(n_animals))
        # two-sided 5 % point of t with 7 degrees of freedom; 0.1 % limits of a binomial of 100
        assert np.mean(np.abs(t) > 2.3646) <= 0.13


def test_values_of_the_metrics():
    real = xr.DataArray([0.6, 0.5], dims="region", coords={"region": ["CA1", "mPFC"]})
    twin = xr.DataArray([0.8, 0.5], dims="region", coords={"region": ["CA1", "mPFC"]})
    from pipeline.lfp import Complexity

    source = Complexity(real, twin, 59, 590.0)
    raw = lempel_ziv.compute(complexity=source, options={})
    ratio = lempel_ziv_normalised.compute(complexity=source, options={})
    assert [(v.region, v.value, v.n_effective) for v in raw] == [
        ("CA1", 0.6, 59),
        ("mPFC", 0.5, 59),
    ]
    assert [v.value for v in ratio] == pytest.approx([0.75, 1.0])
    for module in (lempel_ziv, lempel_ziv_normalised):
        declared = module.METRIC
        assert (declared.grain, declared.scale, declared.domain) == ("cell", "log2", "oscillations")


# --- spectral entropy -------------------------------------------------------------------


def spectrum(level, *, high=200.0, step=0.25):
    frequency = np.arange(0, high + step / 2, step)
    psd = xr.DataArray(
        level(frequency)[np.newaxis],
        dims=("channel", "frequency"),
        coords={"channel": ["a"], "region": ("channel", ["CA1"]), "frequency": frequency},
    )
    return Spectrum(psd=psd, n_windows=17, seconds=36.0)


def entropy(level, line_hz=None, **shape):
    options = {"recording": {"line_noise_hz": line_hz}}
    values = spectral_entropy.compute(spectrum=spectrum(level, **shape), options=options)
    return [value.value for value in values]


@pytest.mark.parametrize("line_hz", [None, 50.0, 60.0])
@pytest.mark.parametrize("step", [0.25, 0.3, 1.0])
def test_flat_spectrum_has_entropy_one(line_hz, step):
    assert entropy(lambda f: np.full_like(f, 3.0), line_hz, step=step) == pytest.approx([1.0])


def test_half_of_the_range_has_one_bit_less():
    # Bins of 0.25 Hz: 396 in the range; 198 of them carry all power.
    half = entropy(lambda f: ((f >= 1.125) & (f < 50.625)) * 1.0)
    assert half == pytest.approx([math.log(198) / math.log(396)], abs=1e-12)


def test_one_bin_has_none_and_silence_no_value():
    assert entropy(lambda f: (f == 8.0) * 1.0) == pytest.approx([0.0], abs=1e-12)
    assert entropy(lambda f: 0.0 * f) == []


def test_two_levels_in_closed_form():
    # a share of 0.8 in 40 whole bins, the rest even over the other 356
    found = entropy(lambda f: np.where((f >= 9.9) & (f < 19.9), 0.8 / 40, 0.2 / 356))
    direct = -0.8 * math.log(0.8 / 40) - 0.2 * math.log(0.2 / 356)
    assert found == pytest.approx([direct / math.log(396)], abs=1e-9)


def test_mains_do_not_count():
    def slope(f):
        return np.maximum(f, 0.25) ** -1.5

    def dirty(f):
        return slope(f) + 1e5 * (np.abs(f - 60) < 1.9)

    assert entropy(dirty, 60.0) == pytest.approx(entropy(slope, 60.0))
    assert entropy(slope, 60.0)[0] == pytest.approx(entropy(slope, None)[0], abs=0.01)


def test_recording_that_ends_below_100_hz_has_none():
    assert entropy(lambda f: f * 0 + 1, high=90.0) == []
    assert entropy(lambda f: f * 0 + 1, high=100.0) == pytest.approx([1.0])


def test_entropy_of_noise_is_that_of_its_density():
    # 30 cells of one spectrum: few windows read a little low, by half the estimate's variance.
    truth = entropy(lambda f: np.maximum(f, 1.0) ** -1.0)[0]
    values = coloured(1.0, 122, n_channels=20, seed=15)
    regions = [f"r{index:02d}" for index in range(20)]
    lfp = as_lfp(values, regions=regions)
    options = {"recording": {"line_noise_hz": None}}
    for stop, tolerance in ((22, 0.012), (122, 0.004)):
        found = spectral_entropy.compute(spectrum=epoch_spectrum(lfp, [[0, stop]]), options=options)
        assert np.mean([value.value for value in found]) == pytest.approx(truth, abs=tolerance)


def test_null_comparison_of_entropy_keeps_its_rate():
    # 60 experiments of 8 animals; 30 s of baseline against 60 s, where no spectrum changes.
    n_experiments, n_animals = 60, 8
    n_channels = n_experiments * n_animals
    values = coloured(1.0, 92, rate_hz=250.0, n_channels=n_channels, seed=16).astype(np.float32)
    names = [f"r{index:03d}" for index in range(n_channels)]
    lfp = as_lfp(values, rate_hz=250.0, regions=names)
    found = [
        [
            value.value
            for value in spectral_entropy.compute(
                spectrum=epoch_spectrum(lfp, [span]), options={"recording": {"line_noise_hz": None}}
            )
        ]
        for span in ([0, 30], [32, 92])
    ]
    change = np.subtract(found[1], found[0]).reshape(n_experiments, n_animals)
    t = change.mean(axis=1) / (change.std(axis=1, ddof=1) / math.sqrt(n_animals))
    # 5 % point of t with 7 degrees of freedom; 0.2 % limit of a binomial of 60
    assert np.mean(np.abs(t) > 2.3646) <= 8.5 / 60
