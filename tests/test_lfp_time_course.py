"""Band power around an administration: which samples count, calibration, recovery, null."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from pipeline.lfp import lfp_array, spectrogram
from pipeline.lfp.bands import band_power
from pipeline.lfp.multitaper import frequencies_hz, multitaper_psd
from pipeline.lfp.spectrogram import session_spectrogram, short_spectra
from pipeline.lfp.time_course import time_course

RATE = 250.0
BANDS = {"delta": (1.0, 4.0), "theta": (6.0, 10.0), "gamma": (40.0, 60.0)}


def noise(seconds, n_channels=1, seed=0, rate=RATE):
    return np.random.default_rng(seed).normal(size=(round(seconds * rate), n_channels))


def lfp(values, region=None, **more):
    names = [f"c{k}" for k in range(values.shape[1])]
    region = dict(zip(names, region or ["mPFC"] * len(names), strict=True))
    return lfp_array(values, rate_hz=RATE, channels=names, region=region, **more)


def test_a_bin_is_the_mean_of_its_windows_band_power():
    values = noise(40, 3)
    one = lfp(values, ["mPFC", "CA1", "mPFC"], pass_band_hz=100.0)
    course = time_course(
        short_spectra(one, bands=BANDS, line_hz=50.0, origin_s=20.0), zero_s=20.0, bin_s=10.0
    )
    length = 625
    windows = values.astype(np.float32).T.reshape(3, 16, length)
    psd = multitaper_psd(windows, rate_hz=RATE)
    frequency = frequencies_hz(length, RATE)
    kept = frequency <= 100
    array = xr.DataArray(
        psd[..., kept],
        dims=("channel", "window", "frequency"),
        coords={"frequency": frequency[kept]},
    )
    for band, (low, high) in BANDS.items():
        expected = band_power(array, low, high, line_hz=50.0).reshape(3, 4, 4).mean(axis=2)
        found = course.power.sel(band=band)
        assert found.sel(region="CA1").values == pytest.approx(expected[1], rel=1e-10)
        assert found.sel(region="mPFC").values == pytest.approx(
            expected[[0, 2]].mean(axis=0), rel=1e-10
        )
    assert course.power["time"].values.tolist() == [-20, -10, 0, 10]
    assert course.n_windows.tolist() == [4] * 4 and course.seconds.tolist() == [10.0] * 4


def test_power_is_calibrated():
    time = np.arange(round(30 * RATE)) / RATE
    sine = lfp((30 * np.sin(2 * np.pi * 8 * time))[:, np.newaxis])
    course = time_course(short_spectra(sine, bands=BANDS), zero_s=0.0)
    # the tapers lay 0.01 % of a line outside of 1 Hz
    assert course.power.sel(band="theta").values == pytest.approx(450, rel=1e-3)
    white = time_course(short_spectra(lfp(noise(400, 8)), bands=BANDS), zero_s=0.0)
    mean = white.power.sel(band="gamma").mean().item()
    assert mean == pytest.approx(2 / RATE * 20, rel=0.02)


@pytest.mark.parametrize("zero", [50.0, 47.3, 61.777])
def test_a_step_at_the_administration_lies_between_two_bins(zero):
    """Recovery: no bin mixes before and after, wherever the administration lies."""
    values = noise(120, 2, seed=3)
    values[int(np.ceil(zero * RATE)) :] *= 2.0
    short = short_spectra(lfp(values), bands={"all": (1.0, 100.0)}, origin_s=zero)
    course = time_course(short, zero_s=zero)
    level = 10 * np.log10(course.power.values[:, 0, 0] / (2 / RATE * 99))
    after = course.power["time"].values >= 0
    assert np.abs(level[~after]).max() < 0.7
    assert np.abs(level[after] - 20 * np.log10(2)).max() < 0.7
    # half of a window of the first bin may lie outside of the recording
    assert course.n_windows[1:-1].tolist() == [4] * (len(after) - 2)
    assert course.seconds.sum() <= 120


def test_artefacts_are_left_out_and_counted():
    values = noise(40)
    values[round(12 * RATE) : round(12.1 * RATE)] = 1e5
    values[round(20 * RATE) : round(30 * RATE)] = 1e5
    clean = [[0, 12], [12.1, 20], [30, 40]]
    course = time_course(short_spectra(lfp(values), bands=BANDS, clean=clean), zero_s=0.0)
    assert course.power["time"].values.tolist() == [0, 10, 30]
    assert course.n_windows.tolist() == [4, 3, 4]
    assert course.seconds.tolist() == [10, 7.5, 10]
    assert course.power.max() < 10
    none = time_course(short_spectra(lfp(values), bands=BANDS, clean=[]), zero_s=0.0)
    assert none.power.size == 0


def test_bins_end_where_they_are_told():
    short = short_spectra(lfp(noise(200)), bands=BANDS, origin_s=50.0)
    first = time_course(short, zero_s=50.0, before_s=20, after_s=35, until_s=70.0)
    assert first.power["time"].values.tolist() == [-20, -10, 0, 10]
    # a further administration: windows belong to the bin that holds their middle
    second = time_course(short, zero_s=71.0, before_s=30, after_s=30, from_s=50.0)
    assert second.power["time"].values.tolist() == [-20, -10, 0, 10, 20]
    assert second.n_windows.tolist() == [4] * 5


def test_bands_beyond_the_spectrum_or_under_the_mask_are_absent():
    one = lfp(noise(20), pass_band_hz=55.0)
    bands = {"theta": (6.0, 10.0), "hum": (49.0, 51.0), "gamma": (40.0, 60.0)}
    course = time_course(short_spectra(one, bands=bands, line_hz=50.0), zero_s=0.0)
    assert course.power["band"].values.tolist() == ["theta"]


def test_the_spectrogram_lies_on_the_same_bins():
    values = noise(70)
    shown = short_spectra(lfp(values, start_s=5.0), origin_s=32.0, max_hz=100.0).spectrogram
    # bins begin at 2, 12, ...: those from 12 to 72 lie inside of 5 to 75 s
    assert shown["time"].values.tolist() == [17, 27, 37, 47, 57, 67]
    plain = session_spectrogram(lfp(values), max_hz=100.0)
    assert plain["time"].values.tolist() == [5, 15, 25, 35, 45, 55, 65]
    assert plain["frequency"].values.tolist() == list(range(101))


def test_pieces_and_gaps_change_nothing_and_a_gap_is_not_read(monkeypatch):
    values = noise(300, 2)
    clean = [[0, 52], [240, 271], [273, 300]]
    whole = short_spectra(lfp(values), bands=BANDS, clean=clean, origin_s=7.0)
    reads = []
    read = spectrogram.read_samples

    def counted(one, start, stop, channels):
        reads.append((start, stop))
        return read(one, start, stop, channels)

    monkeypatch.setattr(spectrogram, "read_samples", counted)
    monkeypatch.setattr(spectrogram, "_READ_VALUES", 3 * 2500 * 2)
    pieces = short_spectra(lfp(values), bands=BANDS, clean=clean, origin_s=7.0)
    xr.testing.assert_identical(whole.power, pieces.power)
    xr.testing.assert_identical(whole.spectrogram, pieces.spectrogram)
    assert max(stop - start for start, stop in reads) <= 3 * 2500
    assert not any(start < 200 * RATE and stop > 100 * RATE for start, stop in reads)


def test_recovery_over_signal_to_noise():
    """A rhythm that doubles at the dose, in a background: bias below 0.2 dB at all levels."""
    rng = np.random.default_rng(5)
    seconds, zero = 240.0, 120.0
    time = np.arange(round(seconds * RATE)) / RATE
    background = 2 / RATE * 4  # white noise in 6 to 10 Hz
    for ratio in (0.5, 2.0, 10.0):
        amplitude = np.sqrt(2 * background * ratio)
        gain = np.where(time < zero, 1.0, np.sqrt(2.0))
        waves = [
            amplitude * gain * np.sin(2 * np.pi * 8 * time + phase)
            for phase in rng.uniform(0, 2 * np.pi, 16)
        ]
        values = rng.normal(size=(len(time), 16)) + np.array(waves).T
        regions = [f"r{k:02d}" for k in range(16)]
        course = time_course(
            short_spectra(lfp(values, regions), bands=BANDS, origin_s=zero), zero_s=zero
        )
        power = course.power.sel(band="theta")
        after = power["time"].values >= 0
        change = 10 * np.log10(power.values[after].mean(axis=0) / power.values[~after].mean(axis=0))
        truth = 10 * np.log10((1 + 2 * ratio) / (1 + ratio))
        assert change.mean() == pytest.approx(truth, abs=0.2)
        assert change.std() < 0.6


def test_nothing_changes_in_five_percent():
    """Null: baseline against after, paired t over animals (here: regions)."""
    n_animals, n = 8, 200
    rejected = 0
    regions = [f"r{k}" for k in range(n_animals)]
    for seed in range(n):
        values = noise(40, n_animals, seed=1000 + seed)
        course = time_course(
            short_spectra(lfp(values, regions), bands={"theta": (6.0, 10.0)}, origin_s=20.0),
            zero_s=20.0,
        )
        level = 10 * np.log10(course.power.values[:, :, 0])
        after = course.power["time"].values >= 0
        change = level[after].mean(axis=0) - level[~after].mean(axis=0)
        rejected += stats.ttest_1samp(change, 0).pvalue < 0.05
    low, high = stats.binom.interval(0.99, n, 0.05)
    assert low <= rejected <= high
