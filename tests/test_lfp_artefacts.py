"""Artefact windows: planted ones are found, clean time is kept, thresholds stay frozen."""

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.intervals import contains, total_seconds
from pipeline.lfp import artefact_intervals, baseline_statistics, lfp_array

RATE = 1000.0


def noise(seconds=120, n_channels=2, seed=0, rate_hz=RATE):
    """Slow and fast noise together, SD 50 microvolts, about the crest factor of an LFP."""
    rng = np.random.default_rng(seed)
    fast = rng.standard_normal((round(seconds * rate_hz), n_channels))
    kernel = np.ones(50) / 50
    smooth = np.apply_along_axis(lambda x: np.convolve(x, kernel, "same"), 0, fast)
    values = fast + 5 * smooth
    return 50 * values / values.std(axis=0)


def as_lfp(values, start_s=0.0, rate_hz=RATE, **labels):
    names = [f"ch{index}" for index in range(values.shape[1])]
    return lfp_array(values, rate_hz=rate_hz, channels=names, start_s=start_s, **labels)


def test_clean_noise_is_kept():
    assert len(artefact_intervals(as_lfp(noise()), baseline=[[0, 60]])) == 0


def test_statistics_are_median_and_scaled_mad_of_the_baseline():
    values = noise()
    values[60_000:] *= 50
    found = baseline_statistics(as_lfp(values), [[10, 30], [40, 60]])
    part = np.concatenate((values[10_000:30_000], values[40_000:60_000])).astype(np.float32)
    np.testing.assert_allclose(found.centre, np.median(part, axis=0), rtol=1e-6)
    mad = np.median(np.abs(part - np.median(part, axis=0)), axis=0)
    np.testing.assert_allclose(found.sd, mad * 1.4826022, rtol=1e-6)


@pytest.mark.parametrize("sign", [-1, 1])
def test_large_deflection_on_one_channel_drops_its_second_and_half_a_second_around(sign):
    values = noise()
    values[70_250, 1] = sign * 450.0
    found = artefact_intervals(as_lfp(values, start_s=500.0), baseline=[[500, 560]])
    np.testing.assert_allclose(found, [[569.5, 571.5]])


def test_threshold_is_six_robust_standard_deviations():
    values = noise()
    sd = baseline_statistics(as_lfp(values), [[0, 60]]).sd[0]
    centre = baseline_statistics(as_lfp(values), [[0, 60]]).centre[0]
    for factor, expected in ((5.9, 0), (6.1, 1)):
        values[70_250, 0] = centre + factor * sd
        assert len(artefact_intervals(as_lfp(values), baseline=[[0, 60]])) == expected


def test_artefacts_in_one_epoch_do_not_raise_the_threshold_of_another():
    """A drug that makes half of its epoch dirty must not hide it behind its own spread."""
    values = noise()
    rng = np.random.default_rng(1)
    values[60_000:] += 600 * (rng.random((60_000, 2)) < 0.6)
    found = artefact_intervals(as_lfp(values), baseline=[[0, 60]])
    assert total_seconds(found) == pytest.approx(60.5)
    own = artefact_intervals(as_lfp(values), baseline=[[60, 120]])
    assert total_seconds(own) < 1  # what unfrozen thresholds would have done


def test_flat_stretch_is_found_from_a_tenth_of_a_second():
    for samples, expected in ((80, 0), (130, 1)):
        values = noise()
        values[80_300 : 80_300 + samples, 0] = 12.0
        found = artefact_intervals(as_lfp(values), baseline=[[0, 60]])
        assert len(found) == expected
    np.testing.assert_allclose(found, [[79.5, 81.5]])


def test_slow_wave_is_not_flat():
    time = np.arange(0, 120, 1 / RATE)
    values = 300 * np.sin(2 * np.pi * 0.7 * time)[:, None]
    assert len(artefact_intervals(as_lfp(values), baseline=[[0, 60]])) == 0


@pytest.mark.parametrize("side", [-1, 1])
def test_saturation_is_found_below_the_amplitude_threshold(side):
    values = noise()
    values[:, 0] = np.clip(values[:, 0], -130, 130)  # a rail within six SD
    values[:, 0] = np.where(np.abs(values[:, 0]) == 130, 129.0, values[:, 0])
    values[90_500:90_502, 0] = side * 130.0
    assert len(artefact_intervals(as_lfp(values), baseline=[[0, 60]], flat_s=1.0)) == 0
    values[90_502, 0] = side * 130.0
    found = artefact_intervals(as_lfp(values), baseline=[[0, 60]], flat_s=1.0)
    assert contains(found, [90.5]).all() and len(found) == 1


def test_bad_channels_do_not_count():
    values = noise()
    values[70_000, 1] = 1e5
    for lfp, bad in ((as_lfp(values, bad=["ch1"]), ()), (as_lfp(values), ["ch1"])):
        assert len(artefact_intervals(lfp, baseline=[[0, 60]], bad=bad)) == 0


def test_pieces_of_the_recording_are_looked_at_without_seams(monkeypatch):
    values = noise(seed=3)
    values[33_000:33_150, 0] = 5.0
    values[70_250, 1] = 450.0
    lfp = as_lfp(values)
    whole = artefact_intervals(lfp, baseline=[[0, 20]])
    assert len(whole) == 2
    for pieces in (1000, 1777 * 2, 33_050 * 2):
        monkeypatch.setattr("pipeline.lfp.artefacts._CHUNK_VALUES", pieces)
        np.testing.assert_array_equal(artefact_intervals(lfp, baseline=[[0, 20]]), whole)


def test_fractional_rate_and_last_partial_window():
    rate = 1000.576
    values = noise(seconds=30.4, rate_hz=rate)
    values[-3, 0] = 1e4
    found = artefact_intervals(as_lfp(values, rate_hz=rate), baseline=[[0, 20]])
    np.testing.assert_allclose(found, [[29.5, len(values) / rate]])


def test_missing_baseline_is_refused():
    with pytest.raises(InputError, match="no recorded sample in the baseline"):
        artefact_intervals(as_lfp(noise(10)), baseline=[[100, 200]])


def test_dead_channel_is_refused_by_name():
    values = noise(20)
    values[:, 1] = 0.0
    with pytest.raises(InputError, match=r"channel ch1: .*mark it bad"):
        artefact_intervals(as_lfp(values), baseline=[[0, 20]])
