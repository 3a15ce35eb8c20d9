"""Artefact windows: planted ones are found, clean time is kept, thresholds stay frozen."""

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.intervals import contains, intersect, total_seconds
from pipeline.lfp import artefact_intervals, baseline_statistics, lfp_array
from pipeline.lfp.artefacts import find_artefacts

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
    """Of a sine, whose spread is the same around every window."""
    values = 50 * np.sin(2 * np.pi * 7.3 * np.arange(0, 120, 1 / RATE))[:, None].repeat(2, axis=1)
    found = baseline_statistics(as_lfp(values), [[0, 60]])
    for factor, expected in ((5.9, 0), (6.1, 1)):
        values[70_250, 0] = found.centre[0] + factor * found.sd[0]
        assert len(artefact_intervals(as_lfp(values), baseline=[[0, 60]])) == expected


@pytest.mark.parametrize(("gain_db", "least"), [(3, 0.99), (6, 0.95)])
def test_a_true_rise_of_the_amplitude_is_kept_and_its_artefacts_are_found(gain_db, least):
    """A drug's broadband gain is an effect: its time is kept; 15 SD of the baseline are none."""
    rng = np.random.default_rng(4)
    hz = np.fft.rfftfreq(600_000, 1 / RATE)
    spectrum = np.fft.rfft(rng.standard_normal((600_000, 4)), axis=0)
    values = np.fft.irfft(spectrum * np.maximum(hz, 0.5)[:, None] ** -0.5, 600_000, axis=0)
    values *= 100 / values.std(axis=0)
    values[300_000:] *= 10 ** (gain_db / 20)
    lfp = as_lfp(values)
    found = find_artefacts(lfp, baseline=[[0, 300]])
    assert total_seconds(intersect(found.intervals, [[300, 600]])) <= (1 - least) * 300
    assert total_seconds(intersect(found.intervals, [[0, 300]])) == 0
    assert total_seconds(found.raised) > 0 and not found.loose
    sd = baseline_statistics(lfp, [[0, 300]]).sd
    values[450_500, 3], values[500_500, 1] = 15 * sd[3], -15 * sd[1]
    again = find_artefacts(as_lfp(values), baseline=[[0, 300]]).intervals
    assert contains(again, [450.5, 500.5]).all()


def test_ten_decibels_of_delta_are_kept():
    """The filter's steps are slow waves, not artefacts: a strong change of state is kept."""
    values = noise(300, seed=5)
    wave = np.sin(2 * np.pi * 2.5 * np.arange(0, 300, 1 / RATE))[:, None]
    values += 70 * wave * np.where(np.arange(300_000) < 150_000, 1.0, 10 ** (10 / 20))[:, None]
    assert total_seconds(artefact_intervals(as_lfp(values), baseline=[[0, 150]])) == 0


@pytest.mark.parametrize("offset", [400.0, -5000.0])
def test_a_step_or_a_drift_of_the_potential_costs_its_seconds_only(offset):
    values = noise(240, seed=6)
    values[130_400:, 0] += offset
    found = artefact_intervals(as_lfp(values), baseline=[[0, 60]])
    assert total_seconds(found) <= 5
    if abs(offset) > 1000:
        assert contains(found, [130.4]).all()
    drifting = noise(240, seed=6) + np.linspace(0, offset, 240_000)[:, None]
    assert total_seconds(artefact_intervals(as_lfp(drifting), baseline=[[0, 60]])) == 0


def test_the_threshold_is_never_raised_above_twice_the_frozen_one():
    values = noise(240, seed=7)
    sd = baseline_statistics(as_lfp(values), [[0, 100]]).sd
    values[120_000:] *= 4
    values[180_250, 0] = 13 * sd[0]
    found = artefact_intervals(as_lfp(values), baseline=[[0, 100]])
    assert contains(found, [180.25]).all()


def test_gaps_and_short_recordings_have_levels_around_them():
    values = noise(40, seed=8)
    values[15_000:20_400] = np.nan
    lfp = as_lfp(values)
    lfp.attrs["recorded_s"] = [0.0, 15.0, 20.4, 40.0]
    assert len(artefact_intervals(lfp, baseline=[[0, 40]])) == 0
    values[30_500, 1] = 600.0
    assert len(artefact_intervals(as_lfp(values[:15_000]), baseline=[[0, 15]])) == 0
    lfp.values[30_500, 1] = 600.0
    np.testing.assert_allclose(artefact_intervals(lfp, baseline=[[0, 40]]), [[29.5, 31.5]])


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
        monkeypatch.setattr("pipeline.lfp.artefact_scan._CHUNK_VALUES", pieces)
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


# --- channels that come loose ---------------------------------------------------------------------


def eight(seed=9, seconds=120):
    return noise(seconds, 8, seed=seed)


def test_a_channel_that_comes_loose_is_left_out_not_the_time_of_all():
    values = eight()
    values[72_000:, 2] = 1000 * np.random.default_rng(1).standard_normal(48_000)
    found = find_artefacts(as_lfp(values), baseline=[[0, 60]])
    assert total_seconds(found.intervals) == 0
    assert list(found.loose) == ["ch2"]
    assert "40 % of the recording" in found.loose["ch2"] and "limit 20 %" in found.loose["ch2"]


def test_a_channel_that_is_loose_in_one_epoch_only_is_named_with_it():
    values = eight()
    values[80_000:90_000, 1] = 1000 * np.random.default_rng(1).standard_normal(10_000)
    epochs = {"acute, home_cage": [[75, 105]], "late, home_cage": [[105, 120]]}
    found = find_artefacts(as_lfp(values), baseline=[[0, 60]], epochs=epochs)
    assert list(found.loose) == ["ch1"] and "33 % of acute, home_cage" in found.loose["ch1"]
    kept = find_artefacts(as_lfp(values), baseline=[[0, 60]])
    assert not kept.loose and total_seconds(kept.intervals) == pytest.approx(11)


def test_what_most_channels_see_is_no_channels_fault():
    values = eight()
    values[80_000:115_000, :5] *= 40
    found = find_artefacts(as_lfp(values), baseline=[[0, 60]])
    assert not found.loose and total_seconds(found.intervals) > 34


def test_a_channel_that_is_flat_in_the_baseline_is_left_out():
    values = eight()
    values[5_000:25_000, 4] = 3.0
    found = find_artefacts(as_lfp(values), baseline=[[0, 30]])
    assert found.loose == {"ch4": "the same value in half of the baseline or more"}
    assert total_seconds(found.intervals) == 0


def test_no_channel_left():
    found = find_artefacts(as_lfp(np.zeros((20_000, 2))), baseline=[[0, 10]])
    assert list(found.loose) == ["ch0", "ch1"] and len(found.intervals) == 0
    assert not found.bursts.possible
