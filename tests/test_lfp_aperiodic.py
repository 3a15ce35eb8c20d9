"""Aperiodic fits: specparam's own numbers, mains, gate, recovery; a flatter spectrum is no gamma.

Simulated epochs are Gaussian noise with a declared spectrum; seeds are fixed.
"""

from functools import cache

import numpy as np
import pytest
import xarray as xr
from specparam import SpectralModel
from specparam.utils.spectral import interpolate_spectrum

from pipeline.experiment.lfp_options import AperiodicOptions, LfpOptions
from pipeline.lfp import Spectrum, epoch_spectrum, lfp_array, spectral_shape
from pipeline.lfp.aperiodic import Fit, averaged, knee_is_nowhere, scatter
from pipeline.lfp.mains import bridged, fitted_range, mains_ranges, wide_notch
from pipeline.lfp.metrics import (
    aperiodic_exponent,
    aperiodic_offset,
    band_power,
    band_power_above_aperiodic,
)

OPTIONS = AperiodicOptions().model_dump(mode="json")
BANDS = {name: list(band) for name, band in LfpOptions().bands.items()}
FREQUENCY = np.arange(0, 400.25, 0.25)


def metric_options(line_hz=None):
    return {"lfp": {"bands": BANDS}, "recording": {"line_noise_hz": line_hz}}


def spectrum_of(density_of, regions=("CA1",), high=400.0, seed=None):
    """Spectrum with a given density, multiplied by 2 % of noise when there is a seed."""
    frequency = FREQUENCY[high >= FREQUENCY]
    density = density_of(np.maximum(frequency, 0.25))
    rows = np.tile(density, (len(regions), 1))
    if seed is not None:
        rows *= np.random.default_rng(seed).gamma(2500, 1 / 2500, rows.shape)
    psd = xr.DataArray(
        rows,
        dims=("channel", "frequency"),
        coords={
            "channel": [f"ch{index}" for index in range(len(regions))],
            "region": ("channel", list(regions)),
            "frequency": frequency,
        },
    )
    return Spectrum(psd=psd, n_windows=100, seconds=202.0)


def shape_of(density_of, *, line_hz=None, **changes):
    high = changes.pop("high", 400.0)
    spectrum = spectrum_of(density_of, high=high, seed=changes.pop("seed", None))
    return spectral_shape(spectrum, options=OPTIONS | changes, line_hz=line_hz)


def power_law(exponent=1.5, level=1000.0):
    return lambda frequency: level / frequency**exponent


def with_peaks(background, *peaks):
    """Density with Gaussian peaks (centre, log10 height, standard deviation) above."""

    def density(frequency):
        logs = np.log10(background(frequency))
        for centre, height, sd in peaks:
            logs = logs + height * np.exp(-((frequency - centre) ** 2) / (2 * sd**2))
        return 10**logs

    return density


def coloured(density_of, seconds, n_channels, seed, rate_hz=500.0):
    """Gaussian noise with a given one-sided density, shape (n_samples, n_channels)."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate_hz)
    frequency = np.fft.rfftfreq(n, 1 / rate_hz)
    scale = np.zeros(len(frequency))
    scale[1:] = np.sqrt(density_of(frequency[1:]) * rate_hz * n / 4)
    parts = rng.standard_normal((n_channels, len(frequency), 2)).view(complex)[..., 0]
    return np.fft.irfft(parts * scale, n, axis=1).T


def simulated(density_of, seconds, n_regions=1, seed=0, rate_hz=500.0, **changes):
    """Shape of a simulated epoch whose regions are independent channels."""
    names = [f"r{index:03d}" for index in range(n_regions)]
    values = coloured(density_of, seconds, n_regions, seed, rate_hz)
    region = dict(zip(names, names, strict=True))
    lfp = lfp_array(values, rate_hz=rate_hz, channels=names, region=region, pass_band_hz=240.0)
    spectrum = epoch_spectrum(lfp, [[0, seconds]])
    return spectral_shape(spectrum, options=OPTIONS | changes, line_hz=None)


def decibels(ratio):
    return 10 * np.log10(ratio)


# --- agreement with specparam itself ----------------------------------------------------


@pytest.mark.parametrize("mode", ["fixed", "knee"])
def test_the_broad_fit_is_specparams(mode):
    knee = 60 if mode == "knee" else 0
    density = with_peaks(lambda f: 1e4 / (knee + f**2), (8, 0.8, 1.2), (40, 0.3, 4))
    spectrum = spectrum_of(density, seed=1)
    fit = spectral_shape(spectrum, options=OPTIONS | {"mode": mode}, line_hz=None).broad["CA1"]
    model = SpectralModel(
        aperiodic_mode=mode,
        peak_width_limits=(2, 12),
        max_n_peaks=6,
        min_peak_height=0.1,
        verbose=False,
    )
    model.fit(FREQUENCY, spectrum.psd.values[0], [2, 100])
    expected = list(model.get_params("aperiodic"))
    found = [fit.offset, fit.knee, fit.exponent] if mode == "knee" else [fit.offset, fit.exponent]
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    fitted = [row for row in model.get_params("periodic") if row[2] < 11.9 and row[1] >= 0.1]
    assert len(fit.peaks) == len(fitted)  # the widest are bends
    for peak, (centre, height, width) in zip(fit.peaks, fitted, strict=True):
        assert (peak.height, peak.width_hz) == pytest.approx((height, width), rel=1e-8)
        assert peak.frequency_hz == pytest.approx(centre, abs=0.3)  # moved to its centre of gravity
    np.testing.assert_allclose(fit.r_squared, model.get_metrics("gof", "rsquared"), rtol=1e-10)
    np.testing.assert_allclose(fit.error, model.get_metrics("error", "mae"), rtol=1e-10)
    line = model.results.model.get_component("aperiodic", "linear")
    inside = (FREQUENCY >= 2) & (FREQUENCY <= 100)
    np.testing.assert_allclose(fit.density(FREQUENCY[inside]), line, rtol=1e-10)


def test_the_fast_fit_is_specparams_on_the_averaged_density():
    density = with_peaks(power_law(2.0), (140, 0.5, 12))
    spectrum = spectrum_of(density, seed=2)
    fit = spectral_shape(spectrum, options=OPTIONS | {"mode": "knee"}, line_hz=None).fast["CA1"]
    smooth = averaged(FREQUENCY[1:], spectrum.psd.values[0, 1:], width_hz=8.0)[::4]
    points = FREQUENCY[1::4]
    model = SpectralModel(
        peak_width_limits=(8, 48), max_n_peaks=6, min_peak_height=0.1, verbose=False
    )
    model.fit(points, smooth, [60, 250])
    np.testing.assert_allclose([fit.offset, fit.exponent], model.get_params("aperiodic"))
    assert fit.knee == 0.0  # a straight line, whatever the mode below
    assert [peak.frequency_hz for peak in fit.peaks] == pytest.approx([140], abs=1.5)


def test_mains_is_bridged_as_specparam_advises():
    line = with_peaks(power_law(), (8, 0.6, 1), (60, 2.0, 0.5))
    spectrum = spectrum_of(line, seed=3)
    fit = spectral_shape(spectrum, options=OPTIONS, line_hz=60.0).broad["CA1"]
    frequency, power = interpolate_spectrum(FREQUENCY[1:], spectrum.psd.values[0, 1:], [57, 63])
    model = SpectralModel(
        peak_width_limits=(2, 12), max_n_peaks=6, min_peak_height=0.1, verbose=False
    )
    model.fit(frequency, power, [2, 100])
    # it takes three points beside the gap where we take 2 Hz
    np.testing.assert_allclose([fit.offset, fit.exponent], model.get_params("aperiodic"), atol=2e-3)


# --- averages and noise -----------------------------------------------------------------


def test_averaging_keeps_the_ends_and_is_the_mean():
    frequency = np.arange(1.0, 11.0)
    values = frequency**2
    np.testing.assert_allclose(
        averaged(frequency, values, width_hz=2.0),
        [2.5, *[(k**2 * 3 + 2) / 3 for k in range(2, 10)], 90.5],
    )


def test_scatter_is_the_noise_whatever_slope_and_peaks():
    rng = np.random.default_rng(4)
    noise = 0.05 * rng.standard_normal(len(FREQUENCY) - 1)
    density = with_peaks(power_law(), (8, 1.0, 1), (40, 0.5, 3))
    logs = np.log10(density(FREQUENCY[1:])) + noise
    inside = (FREQUENCY[1:] >= 2) & (FREQUENCY[1:] <= 200)
    found = scatter(FREQUENCY[1:][inside], logs[inside], width_hz=2.0)
    assert found == pytest.approx(0.05, rel=0.1)


# --- mains ------------------------------------------------------------------------------


def test_a_bridge_over_a_power_law_is_the_power_law():
    frequency = FREQUENCY[1:]
    truth = np.log10(power_law(1.7)(frequency))
    ranges = mains_ranges(spectrum_density(power_law(1.7)), 50.0)
    dirty = truth.copy()
    for middle in (50, 100, 150, 200):
        dirty[np.abs(frequency - middle) < 2.9] += 3.0
    out, measured = bridged(frequency, dirty, mains=ranges)
    below = frequency < 250
    np.testing.assert_allclose(out[below], truth[below], atol=1e-4)
    gone = frequency[~measured]
    assert gone.min() == 47.25 and 52.75 in gone and 53.0 not in gone
    assert np.isfinite(out).all()  # at 400 Hz there is one side only


def spectrum_density(density_of):
    return (
        spectrum_of(density_of).psd.rename(channel="row").drop_vars("region").rename(row="region")
    )


def test_ranges_end_beside_the_mains_and_in_the_pass_band():
    density = spectrum_density(power_law())
    at_50, at_60 = mains_ranges(density, 50.0), mains_ranges(density, 60.0)
    none = mains_ranges(density, None)
    assert none.shape == (0, 2)
    assert fitted_range(FREQUENCY, (2, 100), mains=none) == (2, 100)
    assert fitted_range(FREQUENCY, (2, 100), mains=at_50) == (2, 97)
    assert fitted_range(FREQUENCY, (60, 250), mains=at_50) == (60, 247)
    assert fitted_range(FREQUENCY, (60, 250), mains=at_60) == (63, 250)
    low = FREQUENCY[FREQUENCY <= 120]
    assert fitted_range(low, (60, 250), mains=none) == (60, 120)
    assert fitted_range(low, (60, 250), mains=at_60) is None  # 63 to 117 Hz: less than an octave


@pytest.mark.parametrize("line_hz", [50.0, 60.0])
def test_mains_does_not_change_the_fit(line_hz):
    clean = with_peaks(power_law(1.5), (8, 0.6, 1))
    lines = [(line_hz * order, 2.0, 0.6) for order in (1, 2, 3, 4)]

    def exponents(density, left_out):
        shape = shape_of(density, line_hz=left_out, seed=5)
        return [fits["CA1"].exponent if fits else np.inf for fits in (shape.broad, shape.fast)]

    dirty = with_peaks(clean, *lines)
    expected = exponents(clean, line_hz)
    np.testing.assert_allclose(exponents(dirty, line_hz), expected, atol=0.005)
    # it would change them, were it not left out
    assert (np.abs(np.subtract(exponents(dirty, None), expected)) > 0.02).any()


def test_a_wide_notch_is_found_and_left_out():
    def notched(half_width):
        return lambda f: (
            power_law(1.5)(f) / (1 + (half_width / np.maximum(np.abs(f - 60), 0.1)) ** 2)
        )

    wide, narrow = spectrum_density(notched(5.0)), spectrum_density(notched(0.8))
    assert wide_notch(wide, 60.0) and not wide_notch(narrow, 60.0)
    assert not wide_notch(wide, 120.0)
    assert mains_ranges(wide, 60.0)[:2].tolist() == [[50, 70], [117, 123]]
    fit = shape_of(notched(5.0), line_hz=60.0, seed=6).broad["CA1"]
    assert fit.exponent == pytest.approx(1.5, abs=0.05)  # a fifth is still gone 10 Hz away
    assert not fit.peaks


def test_noise_does_not_pass_for_a_notch():
    shape = simulated(power_law(1.5), 30, n_regions=30, seed=7)
    found = [
        wide_notch(shape.density.isel(region=[index]), middle)
        for index in range(30)
        for middle in (50.0, 60.0)
    ]
    assert not any(found)


# --- gate and refusals ------------------------------------------------------------------


def test_a_fit_that_does_not_hold_is_left_out_and_counted():
    def wavy(frequency):
        return power_law(1.5)(frequency) * 10 ** (0.5 * np.sin(frequency / 2))

    shape = spectral_shape(
        spectrum_of(wavy, regions=("CA1", "mPFC")), options=OPTIONS, line_hz=None
    )
    assert not shape.broad
    assert [(one.region, one.which) for one in shape.failed[:2]] == [
        ("CA1", "broad"),
        ("mPFC", "broad"),
    ]
    assert "above 0.1" in shape.failed[0].why
    assert not aperiodic_exponent.compute(shape=shape, options={})
    bent = shape_of(bend_at_30, seed=1, max_peaks=0, max_error=1.0)
    assert "(without noise) below 0.95" in bent.failed[0].why and bent.fast
    assert len(bent.failed) == 1


def bend_at_30(frequency):
    """No straight line fits it from 2 to 100 Hz; from 60 Hz on one does."""
    return 1e7 / (30**4 + frequency**4)


def test_zero_density_gives_no_fit_and_a_reason():
    shape = shape_of(lambda f: np.where(f < 50, 1 / f, 0.0))
    assert not shape.broad and not shape.fast
    assert {one.why for one in shape.failed} == {"the density is 0 at some frequencies"}


def test_nothing_to_fit_gives_none():
    spectrum = spectrum_of(power_law(), regions=("",))
    assert spectral_shape(spectrum, options=OPTIONS, line_hz=None) is None
    assert shape_of(power_law(), high=3.0) is None
    low = shape_of(power_law(), high=90.0, seed=0)
    assert low.broad_hz == (2, 90) and low.fast_hz is None and not low.failed


def test_knee_mode_recovers_a_knee_and_refuses_one_outside_the_range():
    bent = shape_of(lambda f: 1e5 / (15**2.5 + f**2.5), mode="knee", seed=8).broad["CA1"]
    assert bent.exponent == pytest.approx(2.5, abs=0.02)
    assert bent.knee ** (1 / bent.exponent) == pytest.approx(15, abs=0.3)
    same = {"offset": 3.0, "r_squared": 1.0, "error": 0.0}
    for bend, why in ((150, "150.0 Hz"), (99, ""), (-1.5, "-1.5 Hz"), (-0.5, "")):
        found = knee_is_nowhere(Fit(exponent=2.0, knee=bend * abs(bend), **same), (2, 100))
        assert why in found and bool(why) == bool(found)
    assert "exponent -1" in knee_is_nowhere(Fit(exponent=-1.0, knee=3.0, **same), (2, 100))
    straight = shape_of(power_law(1.5), mode="knee", seed=8).broad["CA1"]
    assert straight.exponent == pytest.approx(1.5, abs=0.03)


def test_noise_is_no_bad_fit():
    shape = simulated(power_law(0.8), 30, n_regions=20, seed=10)
    assert len(shape.broad) == 20
    assert min(fit.r_squared for fit in shape.broad.values()) < 0.95


def test_a_flat_fast_range_is_no_bad_fit():
    shape = simulated(lambda f: 100 / f**1.5 + 2.0, 30, n_regions=12, seed=9)
    assert np.mean([fit.r_squared for fit in shape.fast.values()]) < 0.95
    assert len(shape.fast) == 12


# --- recovery ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "peaks", "bias", "error"),
    [
        (30, (), 0.02, 0.04),
        (120, (), 0.01, 0.02),
        (120, ((8, 0.5, 1.0),), 0.02, 0.03),
        (120, ((8, 1.2, 1.0), (40, 0.4, 4)), 0.03, 0.035),
    ],
)
@pytest.mark.parametrize("exponent", [1.0, 2.0])
def test_exponent_and_offset_are_recovered(exponent, seconds, peaks, bias, error):
    level = 1000.0
    shape = simulated(with_peaks(power_law(exponent, level), *peaks), seconds, 10, seed=10)
    fits = list(shape.broad.values())
    assert len(fits) == 10
    wrong = np.array([fit.exponent for fit in fits]) - exponent
    assert abs(wrong.mean()) < bias and np.sqrt(np.mean(wrong**2)) < error
    offsets = np.array([fit.offset for fit in fits]) - np.log10(level)
    assert abs(offsets.mean()) < 2 * bias and np.sqrt(np.mean(offsets**2)) < 2 * error


@cache
def null_shapes():
    """Fits of 60 regions with nothing but 1/f noise, in 30 and in 90 s."""
    return [simulated(power_law(1.5), seconds, 60, seed=11) for seconds in (30, 90)]


def test_short_epochs_are_no_different():
    short, long = null_shapes()
    for shape in (short, long):
        found = sum(len(fit.peaks) for fit in shape.broad.values())
        assert found <= 6  # in 60 spectra; 5.8 in each with the least height alone
        for band in ((30, 55), (110, 180)):
            ratio = decibels(list(shape.power_above(*band).values()))
            assert abs(ratio.mean()) < 0.1


@pytest.mark.parametrize(
    "value",
    [
        lambda shape: [fit.exponent for fit in shape.broad.values()],
        lambda shape: [fit.offset for fit in shape.broad.values()],
        lambda shape: list(shape.power_above(30, 55).values()),
        lambda shape: list(shape.power_above(110, 180).values()),
    ],
    ids=["exponent", "offset", "above/low_gamma", "above/hfo"],
)
def test_nothing_changed_nothing_found(value):
    """Paired t at 5 % over 8 animals drawn from 60, baseline 30 s against acute 90 s."""
    short, long = (np.array(value(shape)) for shape in null_shapes())
    change = long - short
    rng = np.random.default_rng(12)
    drawn = np.array([rng.choice(change, 8, replace=False) for _ in range(2000)])
    t = drawn.mean(axis=1) / (drawn.std(axis=1, ddof=1) / np.sqrt(8))
    rate = np.mean(np.abs(t) > 2.3646)
    assert 0.03 < rate < 0.08


# --- power above the aperiodic part -----------------------------------------------------


def gamma_change(before, after):
    """Change in low gamma in dB: band power, and band power above the aperiodic part."""
    shapes = [simulated(density, 120, 4, seed=13) for density in (before, after)]
    above = [np.mean(decibels(list(shape.power_above(30, 55).values()))) for shape in shapes]
    power = [
        np.mean(
            decibels(
                [
                    one.value
                    for one in band_power.compute(spectrum=as_spectrum(s), options=metric_options())
                    if one.band == "low_gamma"
                ]
            )
        )
        for s in shapes
    ]
    return power[1] - power[0], above[1] - above[0]


def as_spectrum(shape):
    psd = shape.density.rename(region="channel")
    names = shape.density["region"].values
    psd = psd.assign_coords(region=("channel", names))
    return Spectrum(psd=psd, n_windows=shape.n_windows, seconds=shape.seconds)


def test_a_flatter_spectrum_is_not_more_gamma():
    theta = (8, 0.6, 1.0)
    steep = with_peaks(lambda f: 100 * (f / 5) ** -1.6, theta)
    flat = with_peaks(lambda f: 100 * (f / 5) ** -1.1, theta)
    power, above = gamma_change(steep, flat)
    assert power == pytest.approx(decibels((41 / 5) ** 0.5), abs=0.3)  # 4.6 dB more band power
    assert abs(above) < 0.15
    # and gamma that is really there is found on top of the flatter spectrum
    bump = (42, 0.4, 5.0)
    _, above = gamma_change(steep, with_peaks(flat, bump))
    inside = np.arange(30, 55, 0.25)
    truth = decibels(with_peaks(flat, bump)(inside).sum() / flat(inside).sum())
    assert above == pytest.approx(truth, abs=0.3)


def test_ratio_of_a_known_spectrum_is_exact():
    density = with_peaks(power_law(1.5), (40, 0.3, 3))
    shape = shape_of(density, line_hz=50.0)
    values = band_power_above_aperiodic.compute(shape=shape, options=metric_options(50.0))
    found = {one.band: one.value for one in values}
    inside = np.arange(30.125, 55, 0.25)
    inside = inside[(inside < 48) | (inside > 52)]
    truth = density(inside).sum() / power_law(1.5)(inside).sum()
    assert found["low_gamma"] == pytest.approx(truth, rel=0.01)
    assert found["theta"] == pytest.approx(1.0, abs=0.01)
    assert found["hfo"] == pytest.approx(1.0, abs=0.01)
    assert values[0].region == "CA1" and values[0].n_effective == 100


def test_a_band_is_measured_against_the_range_that_holds_more_of_it():
    shape = shape_of(power_law(), seed=14)
    assert shape.fits_of(1, 4) == (shape.broad, 2, 4)
    assert shape.fits_of(65, 100) == (shape.broad, 65, 100)
    assert shape.fits_of(80, 120) == (shape.fast, 80, 120)
    assert shape.fits_of(110, 180) == (shape.fast, 110, 180)
    assert shape.fits_of(0.5, 2.5) is None and shape.power_above(0.5, 2.5) == {}
    assert shape.peaks_in(240, 390) == {}
    # a choice by ranges, not by which fit holds
    failed = shape_of(bend_at_30, seed=14, max_peaks=0)
    assert failed.power_above(65, 100) == {} and failed.power_above(110, 180)


def test_metrics_state_what_was_fitted():
    shape = shape_of(power_law(1.5, 1000.0), seed=15)
    (exponent,) = aperiodic_exponent.compute(shape=shape, options={})
    (offset,) = aperiodic_offset.compute(shape=shape, options={})
    assert exponent.region == "CA1" and exponent.value == pytest.approx(1.5, abs=0.01)
    assert offset.value == pytest.approx(3.0, abs=0.02)
    assert exponent.n_effective == 100 and exponent.n_effective_unit == "windows"
