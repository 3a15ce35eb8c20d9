"""Mains: levels in closed form, notches, and a config that names the wrong mains."""

from __future__ import annotations

import gzip
import io

import numpy as np
import pytest

from pipeline.lfp import lfp_array
from pipeline.lfp.bad_channels import survey_channels
from pipeline.lfp.line_noise import describe_line_noise, line_levels, mains_part
from pipeline.simulate.signals import shaped_noise

RATE = 1000.0
#: width of the bins within 1 Hz of the line: nine of 0.25 Hz
WIDTH_HZ = 2.25


def density(frequency):
    """1/f, 1 uV^2/Hz at 60 Hz."""
    return 60.0 / np.maximum(frequency, 1.0)


def background(seconds=120.0, n_channels=4, seed=0):
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE)
    psd = density(np.fft.rfftfreq(n, 1 / RATE))
    noise = [shaped_noise(psd, n_samples=n, rate_hz=RATE, rng=rng) for _ in range(n_channels)]
    return np.stack(noise, axis=1)


def lines(values, amplitudes_uv):
    """Add sines: frequency -> amplitude."""
    time = np.arange(len(values)) / RATE
    added = sum(a * np.sin(2 * np.pi * hz * time + hz) for hz, a in amplitudes_uv.items())
    return values + np.reshape(added, (-1, 1))


def surveyed(values, rate_hz=RATE, pass_band_hz=400.0):
    names = [f"c{index}" for index in range(values.shape[1])]
    return survey_channels(
        lfp_array(values, rate_hz=rate_hz, channels=names, pass_band_hz=pass_band_hz)
    )


def levels(values, line_hz=60.0):
    survey = surveyed(values)
    return line_levels(survey.frequency, survey.psd, line_hz)


def described(values, line_hz, regions=None):
    survey = surveyed(values)
    regions = regions or ["CA1"] * values.shape[1]
    return describe_line_noise(
        survey.frequency, survey.psd, channels=survey.channels, regions=regions, line_hz=line_hz
    )


@pytest.mark.parametrize("amplitude_uv", [1.0, 3.0, 10.0, 100.0])
def test_levels_are_those_of_the_formula(amplitude_uv):
    """10 log10(1 + A^2 / (2 w S)): bias within 0.4 dB, error of a channel 0.5 dB in two minutes."""
    found = levels(lines(background(n_channels=12), {60: amplitude_uv, 180: amplitude_uv / 2}))
    for hz, amplitude in ((60.0, amplitude_uv), (180.0, amplitude_uv / 2)):
        expected = 10 * np.log10(1 + amplitude**2 / (2 * WIDTH_HZ * density(hz)))
        assert found[hz].mean() == pytest.approx(expected, abs=0.4)
        assert found[hz].std() < 0.7
    for hz in (120.0, 240.0, 300.0, 360.0):
        assert found[hz].mean() == pytest.approx(0.0, abs=0.4)


def test_without_mains_the_level_is_zero_on_average():
    found = np.concatenate(list(levels(background(n_channels=40)).values()))
    assert abs(found.mean()) < 3 * found.std() / np.sqrt(found.size) + 0.02
    assert found.std() < 0.6 and np.abs(found).max() < 2.5


def test_a_wide_gamma_rhythm_is_no_mains():
    rng = np.random.default_rng(2)
    n = 120_000
    hz = np.fft.rfftfreq(n, 1 / RATE)
    psd = density(hz) + 10 * np.exp(-0.5 * ((hz - 60) / 8) ** 2)
    values = np.stack(
        [shaped_noise(psd, n_samples=n, rate_hz=RATE, rng=rng) for _ in range(3)], axis=1
    )
    assert np.all(np.abs(levels(values)[60.0]) < 1.5)


def test_mains_that_drift_by_a_tenth_of_a_hertz_keep_their_level():
    values = background()
    time = np.arange(len(values)) / RATE
    drift = 60 * time + 0.1 * 20 / (2 * np.pi) * np.sin(2 * np.pi * time / 20)
    steady = levels(lines(values, {60: 10.0}))[60.0]
    moving = levels(values + 10 * np.sin(2 * np.pi * drift)[:, None])[60.0]
    np.testing.assert_allclose(moving, steady, atol=0.6)


def test_a_notch_is_a_trough():
    values = background()
    spectrum = np.fft.rfft(values, axis=0)
    hz = np.fft.rfftfreq(len(values), 1 / RATE)
    # second-order notch of Q 30
    response = (1 - (hz / 60) ** 2) / (1 - (hz / 60) ** 2 + 1j * hz / (60 * 30))
    notched = np.fft.irfft(spectrum * response[:, None], len(values), axis=0)
    assert np.all(levels(notched)[60.0] < -4)
    found = described(notched, 60)
    assert "60 Hz -" in found.regions["CA1"] and "already notched" in found.regions["CA1"]
    assert found.warnings == ()


def test_mains_part():
    values = lines(0.01 * background(), {60: 10.0, 120: 10.0})
    survey = surveyed(values)
    np.testing.assert_allclose(mains_part(survey.frequency, survey.psd, 60.0), 1.0, atol=0.01)
    assert np.all(mains_part(survey.frequency, survey.psd, 50.0) < 0.01)


def test_the_config_that_names_the_wrong_mains_or_none_is_warned_of():
    values = lines(background(), {60: 30.0})
    assert described(values, 60).warnings == ()
    for line_hz, says in ((50, "says 50"), (None, "names no mains")):
        (warning,) = described(values, line_hz).warnings
        assert says in warning and "60 Hz stands" in warning and "set it to 60" in warning
    assert described(background(), None) == described(background(), None)
    assert described(background(), None).regions == {"CA1": "none found at 50 or 60 Hz"}
    assert described(lines(background(), {50: 3.0}), 60).warnings == ()  # weak: not said


def test_regions_are_told_apart_and_the_worst_channel_is_named():
    values = background()
    values[:, 1:2] = lines(values[:, 1:2], {50: 40.0})
    found = described(values, 50, ["CA1", "CA1", "CA1", "mPFC"]).regions
    assert "(channel c1: +2" in found["CA1"] and "channel" not in found["mPFC"]


@pytest.mark.real
def test_the_mouse_eeg_was_notched_and_keeps_harmonics(real_data):
    with gzip.open(real_data / "neurodent_mouse_eeg" / "Cage 2 A10-0_RowMajor.npy.gz") as stream:
        mouse = np.load(io.BytesIO(stream.read()), allow_pickle=False)
    found = described(mouse, 60)
    assert found.regions["CA1"].startswith("60 Hz -1") and found.warnings == ()
    assert "already notched" in found.regions["CA1"] and "180 Hz +" in found.regions["CA1"]
    for line_hz in (50, None):
        (warning,) = described(mouse, line_hz).warnings
        assert "a trough of 13.9 dB at 60 Hz" in warning


@pytest.mark.real
def test_rat_hippocampus_has_no_mains(real_data):
    signal = np.load(real_data / "neurodsp_rat_hpc" / "sample_data_2.npy")[:, None]
    assert described(signal, None).regions == {"CA1": "none found at 50 or 60 Hz"}
