"""Spectrum per epoch and spectrogram: which samples count, aggregation, recovery, real peaks."""

import numpy as np
import pytest
import xarray as xr

from pipeline.errors import InputError
from pipeline.lfp import epoch_spectrum, lfp_array, open_lfp, session_spectrogram
from pipeline.lfp.multitaper import multitaper_psd
from pipeline.lfp.signal import write_lfp
from pipeline.lfp.spectrum import middle


def noise_lfp(seconds=60.0, n_channels=2, rate_hz=500.0, start_s=0.0, seed=0, **labels):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((round(seconds * rate_hz), n_channels))
    names = [f"ch{index}" for index in range(n_channels)]
    return lfp_array(values, rate_hz=rate_hz, channels=names, start_s=start_s, **labels)


def coloured_noise(psd_of, n_samples, rate_hz, rng):
    """Gaussian noise with a given one-sided density."""
    frequency = np.fft.rfftfreq(n_samples, 1 / rate_hz)
    density = np.zeros_like(frequency)
    density[1:] = psd_of(frequency[1:])
    parts = rng.standard_normal((2, len(frequency)))
    spectrum = np.sqrt(density * rate_hz * n_samples / 4) * (parts[0] + 1j * parts[1])
    return np.fft.irfft(spectrum, n_samples)


# --- which segments -------------------------------------------------------------------


def test_segments_lie_inside_one_interval_on_its_own_grid():
    lfp = noise_lfp(start_s=100.0)
    # 9.0 s hold 3 segments of 4 s (steps of 2 s), 3.9 s none, 4.0 s one
    intervals = [[103.3, 112.3], [120.0, 123.9], [130.001, 134.002]]
    spectrum = epoch_spectrum(lfp, intervals, aggregate="mean")
    assert spectrum.n_windows == 4
    assert spectrum.seconds == pytest.approx(8.0 + 4.0)
    firsts = [1650, 2650, 3650, 15001]  # 30.001 s is just past sample 15000
    segments = np.stack([lfp.values[first : first + 2000, 0] for first in firsts])
    expected = multitaper_psd(segments, rate_hz=500.0).mean(axis=0)
    np.testing.assert_allclose(spectrum.psd.values[0], expected, rtol=1e-9)


def test_no_segment_gives_none():
    lfp = noise_lfp()
    assert epoch_spectrum(lfp, [[0, 3.9], [10, 13.9]]) is None
    assert epoch_spectrum(lfp, []) is None
    assert epoch_spectrum(lfp, [[100, 200]]) is None  # after the recording


def test_interval_beyond_the_recording_is_clipped():
    lfp = noise_lfp(seconds=20)
    late = epoch_spectrum(lfp, [[10, 1000]])
    assert late.n_windows == 4 and late.seconds == 10.0
    np.testing.assert_array_equal(late.psd, epoch_spectrum(lfp, [[10, 20]]).psd)


def test_nothing_outside_the_intervals_counts():
    lfp = noise_lfp()
    dirty = lfp.copy(deep=True)
    dirty[(dirty.time.values < 10) | (dirty.time.values >= 30)] = 1e6
    np.testing.assert_array_equal(
        epoch_spectrum(lfp, [[10, 30]]).psd, epoch_spectrum(dirty, [[10, 30]]).psd
    )


def test_overlapping_intervals_are_refused():
    with pytest.raises(InputError, match="overlap"):
        epoch_spectrum(noise_lfp(), [[0, 10], [9, 20]])


# --- channels and labels --------------------------------------------------------------


def test_bad_channels_are_left_out_and_regions_kept():
    regions = {"ch0": "CA1", "ch1": "mPFC", "ch2": "mPFC"}
    lfp = noise_lfp(n_channels=3, region=regions, bad=["ch1"])
    spectrum = epoch_spectrum(lfp, [[0, 60]])
    assert spectrum.psd.channel.values.tolist() == ["ch0", "ch2"]
    assert spectrum.psd.region.values.tolist() == ["CA1", "mPFC"]
    assert spectrum.psd.dims == ("channel", "frequency")
    only = epoch_spectrum(lfp, [[0, 60]], bad=["ch0"]).psd
    np.testing.assert_array_equal(only.sel(channel="ch2"), spectrum.psd.sel(channel="ch2"))
    with pytest.raises(InputError, match=r"all channels .* are marked bad"):
        epoch_spectrum(lfp, [[0, 60]], bad=["ch0", "ch2"])
    with pytest.raises(InputError, match="bad channels: found nix"):
        epoch_spectrum(lfp, [[0, 60]], bad=["nix"])


def test_frequencies_end_with_the_pass_band():
    lfp = noise_lfp(rate_hz=1000.0, pass_band_hz=400.0)
    assert epoch_spectrum(lfp, [[0, 60]]).psd.frequency.values[-1] == 400.0


def test_rate_is_never_guessed():
    lfp = noise_lfp()
    del lfp.attrs["rate_hz"]
    with pytest.raises(InputError, match="rate_hz"):
        epoch_spectrum(lfp, [[0, 60]])


def test_lazy_file_groups_of_channels_and_memory_give_the_same(tmp_path, monkeypatch):
    lfp = noise_lfp(n_channels=5, seconds=300, bad=["ch1"])
    path = write_lfp(
        tmp_path / "lfp.nc",
        np.array_split(lfp.values, 7),
        n_samples=lfp.sizes["time"],
        rate_hz=500.0,
        channels=lfp.channel.values,
        bad=["ch1"],
    )
    intervals = [[0, 100], [150, 280]]
    expected = epoch_spectrum(lfp, intervals)
    lazy = open_lfp(path)
    monkeypatch.setattr("pipeline.lfp.spectrum._HELD_BYTES", 1)
    xr.testing.assert_identical(epoch_spectrum(lazy, intervals).psd, expected.psd)
    lazy.close()


# --- aggregation and recovery ---------------------------------------------------------


def test_median_of_white_noise_is_unbiased():
    lfp = noise_lfp(seconds=1200, n_channels=4, seed=5)
    for aggregate in ("median", "mean"):
        psd = epoch_spectrum(lfp, [[0, 1200]], aggregate=aggregate).psd
        level = psd.sel(frequency=slice(2, 248)).mean()
        assert float(level) == pytest.approx(2 / 500, rel=0.01)


def test_median_withstands_what_the_mean_does_not():
    clean = noise_lfp(seconds=400, n_channels=1)
    dirty = clean.copy(deep=True)
    for second in range(10, 400, 40):  # ten bursts, 100 times the amplitude
        dirty[second * 500 : second * 500 + 250] *= 100
    ratio = {
        how: float(
            (
                epoch_spectrum(dirty, [[0, 400]], aggregate=how).psd
                / epoch_spectrum(clean, [[0, 400]], aggregate=how).psd
            ).mean()
        )
        for how in ("median", "mean")
    }
    assert ratio["median"] < 1.1 and ratio["mean"] > 10


@pytest.mark.parametrize("n", [1, 2, 3, 8, 299])
def test_middle_is_the_median(n):
    values = np.random.default_rng(n).standard_normal((n, 7))
    expected = np.median(values, axis=0)
    np.testing.assert_array_equal(middle(values.copy()), expected)
    values[0, 3] = np.nan
    assert np.isnan(middle(values)).tolist() == [column == 3 for column in range(7)]


def test_planted_spectrum_is_recovered():
    rng = np.random.default_rng(7)

    def truth(frequency):
        return 400 / frequency**1.5 + 60 * np.exp(-((frequency - 8) ** 2) / (2 * 0.8**2))

    signal = coloured_noise(truth, 600_000, 1000.0, rng)
    lfp = lfp_array(signal[:, None], rate_hz=1000.0, channels=["a"])
    psd = epoch_spectrum(lfp, [[0, 600]]).psd[0]
    inside = psd.sel(frequency=slice(3, 300))
    error_db = 10 * np.log10(inside.values / truth(inside.frequency.values))
    assert abs(error_db.mean()) < 0.05
    assert np.abs(error_db).max() < 1.5  # 299 segments x 5 tapers: 0.15 dB SD; taper width at 8 Hz
    peak = float(psd.sel(frequency=slice(4, 15)).idxmax())
    assert abs(peak - 8.0) <= 0.5


# --- spectrogram ----------------------------------------------------------------------


def test_spectrogram_shows_when_and_where():
    rate = 500.0
    time = np.arange(0, 120, 1 / rate)
    burst = np.where((time >= 40) & (time < 60), 30 * np.sin(2 * np.pi * 40 * time), 0)
    rng = np.random.default_rng(8)
    values = np.column_stack((burst, np.zeros_like(time))) + rng.standard_normal((len(time), 2))
    lfp = lfp_array(values, rate_hz=rate, channels=["a", "b"], start_s=1000.0)
    shown = session_spectrogram(lfp, max_hz=100.0)
    assert shown.dims == ("time", "channel", "frequency")
    np.testing.assert_allclose(shown.time, 1005.0 + 10 * np.arange(12))
    np.testing.assert_allclose(shown.frequency, np.arange(101))
    strong = shown.sel(frequency=40) > 10
    assert shown.time.values[strong.sel(channel="a").values].tolist() == [1045.0, 1055.0]
    assert not strong.sel(channel="b").any()
    quiet = shown.sel(channel="b", frequency=slice(2, 98)).mean()
    assert float(quiet) == pytest.approx(2 / rate, rel=0.03)


def test_spectrogram_leaves_out_windows_that_are_not_clean():
    lfp = noise_lfp(seconds=60)
    lfp[10 * 500 : 11 * 500] = 1e5  # in the first window of the second column
    shown = session_spectrogram(lfp, clean=[[0, 9.9], [11.1, 20.0], [30.0, 60.0]])
    assert np.isnan(shown.isel(time=2)).all()
    assert np.isfinite(shown.isel(time=[0, 1, 3, 4, 5])).all()
    assert float(shown.max()) < 1
    assert np.isnan(session_spectrogram(lfp, clean=[])).all()


# --- real recordings ------------------------------------------------------------------


@pytest.mark.real
@pytest.mark.parametrize(
    ("file", "rate_hz", "theta", "harmonic"),
    [
        ("bycycle_rat_ca1_ec3/ca1.npy", 1250.0, 8.0, 16.4),
        ("bycycle_rat_ca1_ec3/ec3.npy", 1250.0, 8.0, None),
        ("neurodsp_rat_hpc/sample_data_2.npy", 1000.0, 6.5, 13.1),
    ],
)
def test_theta_of_real_recordings(real_data, file, rate_hz, theta, harmonic):
    import spikeinterface.core as si

    from pipeline.lfp import extract_lfp

    recording = si.NumpyRecording([np.load(real_data / file).reshape(-1, 1)], rate_hz)
    recording.set_channel_gains(1.0)
    recording.set_channel_offsets(0.0)
    lfp = extract_lfp(recording)
    assert lfp.attrs["rate_hz"] == 1000.0
    psd = epoch_spectrum(lfp, [[0, 1000]]).psd[0]

    def peak(low, high):
        """Peak of the density above a straight line between the ends, in log-log."""
        part = psd.sel(frequency=slice(low, high))
        x, y = np.log(part.frequency.values), np.log(part.values)
        return part.frequency.values[np.argmax(y - np.interp(x, x[[0, -1]], y[[0, -1]]))]

    assert abs(float(psd.sel(frequency=slice(4, 12)).idxmax()) - theta) <= 0.25
    if harmonic is not None:
        # A narrow peak becomes a plateau as wide as the tapers' band, 1 Hz to both sides.
        assert abs(peak(harmonic - 3, harmonic + 4) - harmonic) <= 1.0
