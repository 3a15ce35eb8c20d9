"""Peaks: which one a band has, harmonics of theta, recovery of frequency and height, real files."""

import gzip
import io
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pipeline.experiment.lfp_options import AperiodicOptions, LfpOptions
from pipeline.lfp import epoch_spectrum, extract_lfp, lfp_array, spectral_shape
from pipeline.lfp.metrics import aperiodic_exponent, peak_frequency, peak_power
from pipeline.lfp.peaks import (
    Peak,
    centre_of_gravity,
    gathered,
    highest,
    mark_harmonics,
    of_band,
)

REAL = Path(__file__).parents[2] / "shared" / "data" / "real"
OPTIONS = AperiodicOptions().model_dump(mode="json")
BANDS = {name: list(band) for name, band in LfpOptions().bands.items()}
METRIC_OPTIONS = {"lfp": {"bands": BANDS}}
RATE = 500.0


def peak(frequency_hz, height=0.5):
    return Peak(frequency_hz=frequency_hz, height=height, width_hz=3.0)


def harmonics(*peaks, background=lambda hz: hz**-1.5):
    marked = mark_harmonics(peaks, background)
    assert [one.frequency_hz for one in marked] == [one.frequency_hz for one in peaks]
    return [one.frequency_hz for one in marked if one.harmonic]


# --- harmonics --------------------------------------------------------------------------


def test_twice_theta_is_a_harmonic():
    assert harmonics(peak(8.0, 1.0), peak(16.4)) == [16.4]
    assert harmonics(peak(8.0, 1.0), peak(17.0)) == [17.0]  # 1 Hz away still counts
    assert harmonics(peak(8.0, 1.0), peak(17.1)) == []
    assert harmonics(peak(16.0), peak(40.0)) == []  # no theta, no harmonic


def test_the_theta_peak_is_the_highest_from_4_to_12_hz():
    assert harmonics(peak(6.5, 0.4), peak(9.0, 0.8), peak(13.0), peak(18.0)) == [18.0]
    # a peak inside that range is no harmonic, and theta itself never is
    assert harmonics(peak(4.5, 0.9), peak(9.0, 0.3)) == []


def test_three_times_theta_counts_only_in_a_series():
    assert harmonics(peak(8.0, 1.0), peak(24.0)) == []
    assert harmonics(peak(8.0, 1.0), peak(16.0), peak(24.0)) == [16.0, 24.0]


def test_what_is_stronger_than_theta_is_no_harmonic():
    # same height above a falling background: half as fast, 2.8 times as dense
    assert harmonics(peak(8.0, 0.5), peak(16.0, 0.5)) == [16.0]
    assert harmonics(peak(8.0, 0.5), peak(16.0, 0.5), background=lambda hz: 1.0) == []
    assert harmonics(peak(8.0, 0.3), peak(16.0, 1.2)) == []


def test_the_highest_peak_of_a_band():
    peaks = (peak(6.0, 0.3), peak(9.0, 0.6), peak(10.0, 2.0))
    assert highest(peaks, 6, 10).frequency_hz == 9.0  # [from, to)
    assert highest(peaks, 6, 9).frequency_hz == 6.0
    assert highest(peaks, 11, 12) is None
    marked = mark_harmonics((peak(8.0, 1.0), peak(16.0, 0.6), peak(22.0, 0.2)), lambda hz: 1.0)
    assert highest(marked, 15, 30).frequency_hz == 22.0
    assert peak(8.0, 1.0).over == pytest.approx(10.0)


# --- centres of gravity -----------------------------------------------------------------


def test_two_halves_of_one_rhythm_are_one_peak():
    frequency = np.arange(2, 100.25, 0.25)
    ratio = np.log10(1 + 9 * np.exp(-((frequency - 8.3) ** 2) / 2))
    split = [
        Peak(frequency_hz=7.6, height=0.7, width_hz=2.0),
        Peak(frequency_hz=9.0, height=0.8, width_hz=2.4),
        Peak(frequency_hz=40.0, height=0.2, width_hz=4.0),
    ]
    found = gathered(split, frequency, ratio, narrowest_hz=2.0)
    assert [one.height for one in found] == [0.8, 0.2]
    assert found[0].frequency_hz == pytest.approx(8.3, abs=0.02) and found[0].width_hz == 2.4
    assert found[1].frequency_hz == pytest.approx(40.0)  # nothing stands there: it stays


def test_a_slope_is_no_peak():
    frequency = np.arange(2, 100.25, 0.25)
    hump = 0.4 * np.exp(-((frequency - 25) ** 2) / (2 * 8**2))
    fitted = [Peak(frequency_hz=38.0, height=0.2, width_hz=6.0)]
    assert gathered(fitted, frequency, hump, narrowest_hz=2.0) == ()


def test_a_plateau_has_its_centre():
    frequency = np.arange(0, 30, 0.25)
    plateau = (np.abs(frequency - 8.0) <= 1.0).astype(float)
    found = centre_of_gravity(frequency, plateau, 7.1, half_width_hz=1.5)
    assert found == pytest.approx(8.0, abs=1e-3)


# --- recovery on simulated epochs -------------------------------------------------------


def epoch(rhythms, seconds, seed, line=0.0):
    """Shape of a region per rhythm: 1/f noise, noise around `frequency`, a line if asked for.

    `rhythms` are (frequency, height over the background, standard deviation) triples.
    """
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE)
    hz = np.fft.rfftfreq(n, 1 / RATE)[1:]
    time = np.arange(n) / RATE
    columns = []
    for frequency, height, sd in rhythms:
        density = 400 / hz**1.5 * (1 + height * np.exp(-((hz - frequency) ** 2) / (2 * sd**2)))
        scale = np.sqrt(np.concatenate([[0.0], density]) * RATE * n / 4)
        parts = rng.standard_normal((2, len(scale)))
        columns.append(np.fft.irfft(scale * (parts[0] + 1j * parts[1]), n))
        columns[-1] += line * np.cos(2 * np.pi * frequency * time)
    names = [f"r{index:02d}" for index in range(len(columns))]
    lfp = lfp_array(
        np.column_stack(columns),
        rate_hz=RATE,
        channels=names,
        region=dict(zip(names, names, strict=True)),
        pass_band_hz=200.0,
    )
    return spectral_shape(epoch_spectrum(lfp, [[0, seconds]]), options=OPTIONS, line_hz=None)


@cache
def theta_epochs(height, seconds, line=0.0, sd=0.8):
    frequencies = 8.0 + np.linspace(-0.6, 0.6, 20)
    shape = epoch(tuple((f, height, sd) for f in frequencies), seconds, 21, line)
    return shape, frequencies


@pytest.mark.parametrize(
    ("height", "seconds", "line", "frequency_error"),
    [(20.0, 60, 0.0, 0.1), (20.0, 240, 0.0, 0.08), (4.0, 240, 0.0, 0.1), (0.0, 60, 10.0, 0.1)],
)
def test_frequency_is_recovered(height, seconds, line, frequency_error):
    shape, truth = theta_epochs(height, seconds, line)
    found = shape.peaks_in(6, 10)
    assert len(found) == 20
    error = np.array([found[name].frequency_hz for name in sorted(found)]) - truth
    assert np.sqrt(np.mean(error**2)) < frequency_error
    # the ratio to a falling background leans to higher frequencies: sd^2 x exponent / frequency
    assert abs(error.mean()) < 0.08


@pytest.mark.parametrize(("height", "line"), [(20.0, 0.0), (0.0, 10.0)])
def test_the_centre_of_gravity_errs_less_than_a_parabola(height, line):
    """What the choice of the peak's frequency rests on (60 s)."""
    shape, truth = theta_epochs(height, 60, line)
    found = shape.peaks_in(6, 10)
    centres = np.array([found[name].frequency_hz for name in sorted(found)]) - truth
    frequency = shape.density["frequency"].values
    parabola = []
    for name, true in zip(sorted(found), truth, strict=True):
        part = (frequency >= 6) & (frequency < 10)
        ratio = shape.density.sel(region=name).values[1:] / shape.broad[name].density(frequency[1:])
        logs = np.log(np.concatenate([[1.0], ratio]))
        at = np.flatnonzero(part)[np.argmax(logs[part])]
        before, here, after = logs[at - 1 : at + 2]
        shift = 0.5 * (before - after) / (before - 2 * here + after)
        parabola.append(frequency[at] + shift * 0.25 - true)
    assert np.mean(centres**2) < 0.2 * np.mean(np.square(parabola))


@pytest.mark.parametrize(("height", "seconds"), [(9.0, 120), (9.0, 480), (3.0, 480)])
def test_height_is_recovered(height, seconds):
    """A rhythm wider than the tapers keeps its height: within 0.6 dB on average, 1 dB each."""
    frequencies = np.linspace(38, 46, 10)
    shape = epoch([(f, height, 4.0) for f in frequencies], seconds, 22)
    values = peak_power.compute(shape=shape, options=METRIC_OPTIONS)
    found = np.array([one.value for one in values if one.band == "low_gamma"])
    assert len(found) == 10
    error = 10 * np.log10(found / (1 + height))
    assert abs(error.mean()) < 0.6 and np.sqrt(np.mean(error**2)) < 1.0


def test_no_rhythm_no_peak():
    shape = epoch([(8.0, 0.0, 1.0)] * 30, 60, 23)
    values = peak_frequency.compute(shape=shape, options=METRIC_OPTIONS)
    assert len(shape.broad) == 30
    assert len(values) <= 6  # of 30 regions x 5 bands that the recording shows


def test_nothing_changed_nothing_found():
    """Paired t at 5 % of frequency and height over 8 animals, 60 s against 240 s."""
    rng = np.random.default_rng(24)
    short, _ = theta_epochs(20.0, 60)
    frequencies = 8.0 + np.linspace(-0.6, 0.6, 20)
    long = epoch([(f, 20.0, 0.8) for f in frequencies], 240, 25)
    for value in (lambda one: one.frequency_hz, lambda one: one.height):
        pair = [shape.peaks_in(6, 10) for shape in (short, long)]
        change = np.array([value(pair[1][name]) - value(pair[0][name]) for name in pair[0]])
        drawn = np.array([rng.choice(change, 8, replace=False) for _ in range(2000)])
        t = drawn.mean(axis=1) / (drawn.std(axis=1, ddof=1) / np.sqrt(8))
        assert np.mean(np.abs(t) > 2.3646) < 0.1
        assert abs(change.mean()) < 3 * change.std(ddof=1) / np.sqrt(len(change))


def test_a_change_of_frequency_is_found():
    slow, fast = (epoch([(f, 20.0, 0.8)] * 8, 120, 26) for f in (7.5, 8.5))
    change = [
        fast.peaks_in(6, 10)[name].frequency_hz - slow.peaks_in(6, 10)[name].frequency_hz
        for name in slow.peaks_in(6, 10)
    ]
    assert np.mean(change) == pytest.approx(1.0, abs=0.15)


def test_a_sharp_theta_wave_has_no_beta_peak():
    """A wave that is no sine: its second harmonic is the only peak of the beta band."""
    rng = np.random.default_rng(27)
    n = round(200 * RATE)
    hz = np.fft.rfftfreq(n, 1 / RATE)
    scale = np.sqrt(np.concatenate([[0.0], 400 / hz[1:] ** 1.5]) * RATE * n / 4)
    parts = rng.standard_normal((2, len(hz)))
    noise = np.fft.irfft(scale * (parts[0] + 1j * parts[1]), n)
    drift = np.cumsum(rng.standard_normal(n)) * 0.02
    phase = 2 * np.pi * 8 * np.arange(n) / RATE + drift
    theta = 40 * np.cos(phase) + 12 * np.cos(2 * phase + 0.7)
    lone = 12 * np.cos(2 * phase + 0.7)
    found = {}
    for name, wave in (("sharp", theta), ("lone", lone)):
        lfp = lfp_array((noise + wave)[:, None], rate_hz=RATE, channels=["a"], region={"a": "CA1"})
        shape = spectral_shape(epoch_spectrum(lfp, [[0, 200]]), options=OPTIONS, line_hz=None)
        for metric in (peak_frequency, peak_power):
            values = metric.compute(shape=shape, options=METRIC_OPTIONS)
            found[name, metric.METRIC.name] = {one.band: one.value for one in values}
    assert "beta" not in found["sharp", "peak_frequency"]
    assert "beta" not in found["sharp", "peak_power"]
    assert found["sharp", "peak_frequency"]["theta"] == pytest.approx(8.0, abs=0.1)
    # the same wave without its theta is a beta rhythm
    assert found["lone", "peak_frequency"]["beta"] == pytest.approx(16.0, abs=0.1)


# --- real recordings --------------------------------------------------------------------


@cache
def real_shape(file, rate_hz, line_hz=None):
    import spikeinterface.core as si

    values = np.load(REAL / file).reshape(-1, 1).astype(float)
    recording = si.NumpyRecording([values], rate_hz)
    recording.set_channel_gains(1.0)
    recording.set_channel_offsets(0.0)
    lfp = extract_lfp(recording).assign_coords(region=("channel", ["HPC"]))
    return spectral_shape(epoch_spectrum(lfp, [[0, 1000]]), options=OPTIONS, line_hz=line_hz)


@pytest.mark.real
@pytest.mark.parametrize(
    ("file", "rate_hz", "theta", "harmonic", "exponent"),
    [
        ("bycycle_rat_ca1_ec3/ca1.npy", 1250.0, 8.0, 16.4, 1.4),
        ("bycycle_rat_ca1_ec3/ec3.npy", 1250.0, 8.0, 16.0, 1.4),
        ("neurodsp_rat_hpc/sample_data_2.npy", 1000.0, 6.5, 13.1, 1.6),
    ],
)
def test_theta_and_its_harmonic_in_real_recordings(
    real_data, file, rate_hz, theta, harmonic, exponent
):
    shape = real_shape(file, rate_hz)
    frequencies = peak_frequency.compute(shape=shape, options=METRIC_OPTIONS)
    found = {one.band: one.value for one in frequencies}
    assert found["theta"] == pytest.approx(theta, abs=0.25)
    marked = [one.frequency_hz for one in shape.broad["HPC"].peaks if one.harmonic]
    assert marked[0] == pytest.approx(harmonic, abs=0.5)
    # neither the second nor the third harmonic is called beta
    assert "beta" not in found
    powers = peak_power.compute(shape=shape, options=METRIC_OPTIONS)
    assert {one.band for one in powers} == set(found)
    (value,) = aperiodic_exponent.compute(shape=shape, options={})
    assert value.value == pytest.approx(exponent, abs=0.03)


@pytest.mark.real
def test_the_notch_of_a_real_mouse_is_left_out(real_data):
    (path,) = (real_data / "neurodent_mouse_eeg").glob("*.npy.gz")
    values = np.load(io.BytesIO(gzip.decompress(path.read_bytes())))
    names = [f"ch{index}" for index in range(values.shape[1])]
    region = dict(zip(names, names, strict=True))
    lfp = lfp_array(values, rate_hz=1000.0, channels=names, region=region, pass_band_hz=400.0)
    spectrum = epoch_spectrum(lfp, [[0, 200]])
    shapes = {
        line_hz: spectral_shape(spectrum, options=OPTIONS, line_hz=line_hz)
        for line_hz in (60.0, None)
    }
    shape = shapes[60.0]
    assert len(shape.broad) == len(shape.fast) == 10 and not shape.failed
    assert shape.fast_hz[0] == 70.0  # this filter reaches further than 57 to 63 Hz
    assert max(fit.error for fit in shape.broad.values()) < 0.05
    assert len(shapes[None].failed) == 10  # what the notch would do to the fits
    # no peak beside the notch that is none
    beside = [p for fit in shape.broad.values() for p in fit.peaks if 50 < p.frequency_hz < 72]
    assert not beside


# --- peaks beyond the edges of a band -----------------------------------------------------

EDGES = {"delta": (1, 4), "theta": (6, 10), "beta": (15, 30), "low_gamma": (30, 55)}


@pytest.mark.parametrize(
    ("frequency_hz", "owner"),
    [
        (6.5, "theta"),
        (5.8, "theta"),
        (5.0, "delta"),  # as near to both: the lower one
        (4.6, "delta"),
        (10.9, "theta"),
        (11.1, None),  # nearest to theta, and too far for it
        (12.6, "beta"),
        (30.0, "low_gamma"),  # owned: beta may not have it
        (29.9, "beta"),
        (60.0, "low_gamma"),
        (63.0, None),
    ],
)
def test_a_peak_between_bands_is_given_to_the_nearest(frequency_hz, owner):
    peaks = [Peak(frequency_hz=frequency_hz, height=0.5, width_hz=2.0)]
    found = {band for band in EDGES if of_band(peaks, band, EDGES) is not None}
    assert found == ({owner} if owner else set())


def test_of_peaks_in_and_beyond_a_band_the_highest_counts():
    inside = Peak(frequency_hz=9.0, height=0.2, width_hz=2.0)
    beyond = Peak(frequency_hz=5.7, height=0.9, width_hz=2.0)
    assert of_band([inside, beyond], "theta", EDGES) is beyond
    assert of_band([inside, replace(beyond, harmonic=True)], "theta", EDGES) is inside


def test_theta_that_slows_out_of_its_band_keeps_its_frequency():
    """From 6.5 to 5.8 Hz: no value before, so that the largest effects were missing."""
    rng = np.random.default_rng(6)
    n = 120_000
    hz = np.fft.rfftfreq(n, 1e-3)
    scale = np.where(hz > 0.5, np.maximum(hz, 0.5) ** -0.75, 0.0)
    values = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * scale, n)
    found = {}
    for centre in (6.5, 5.8):
        phase = np.cumsum(2 * np.pi * centre / 1000 + 0.03 * rng.standard_normal(n))
        mixed = 100 * values / values.std() + 80 * np.sin(phase)
        lfp = lfp_array(
            mixed[:, np.newaxis],
            rate_hz=1000.0,
            channels=["a"],
            region={"a": "A"},
            pass_band_hz=400.0,
        )
        shape = spectral_shape(
            epoch_spectrum(lfp, [[0, 120]]), options=AperiodicOptions().model_dump(), line_hz=None
        )
        values_of = peak_frequency.compute(shape=shape, options={"lfp": {"bands": EDGES}})
        found[centre] = {one.band: one.value for one in values_of}
    assert found[6.5]["theta"] == pytest.approx(6.5, abs=0.15)
    assert found[5.8]["theta"] == pytest.approx(5.8, abs=0.15)
