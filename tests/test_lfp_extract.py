"""Extraction: measured response, agreement with scipy, same bytes, units, refusals."""

import hashlib
import subprocess
import sys
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import spikeinterface.core as si
import xarray as xr

from pipeline.errors import InputError
from pipeline.experiment.lfp_options import LfpOptions
from pipeline.lfp import (
    epoch_hfo,
    epoch_spectrum,
    extract_lfp,
    extract_lfp_to_netcdf,
    open_lfp,
    spectral_shape,
)
from pipeline.lfp.resample import design_resampler, rational_ratio
from pipeline.lfp.signal import held, read_samples

ROOT = Path(__file__).parents[1]
RATES = [30000.0, 20000.0, 2500.0, 2000.0, 1250.0, 24414.0625, 30000.28, 25000.0]


def make_recording(traces, rate_hz, gain=1.0, offset=0.0, ids=None):
    """SpikeInterface recording of an array (time, channel)."""
    ids = None if ids is None else np.asarray(ids)
    recording = si.NumpyRecording([np.ascontiguousarray(traces)], rate_hz, channel_ids=ids)
    recording.set_channel_gains(gain)
    recording.set_channel_offsets(offset)
    return recording


def tone(frequency_hz, rate_hz, seconds, amplitude=1000.0):
    """Cosine of one channel, float32."""
    time = np.arange(round(rate_hz * seconds)) / rate_hz
    return (amplitude * np.cos(2 * np.pi * frequency_hz * time)[:, None]).astype(np.float32)


def interior(lfp, seconds=0.2):
    """Samples and times away from the ends."""
    keep = (lfp.time > lfp.time[0] + seconds) & (lfp.time < lfp.time[-1] - seconds)
    return lfp.values[keep.values, 0].astype(float), lfp.time.values[keep.values]


def matrix_response(resampler, frequency_hz):
    """Gain of each row of the matrix (each phase of the filter) for a complex tone."""
    inputs = (np.arange(resampler.window) - resampler.before) / resampler.rate_in_hz
    outputs = np.arange(resampler.block_out) / resampler.rate_hz
    waves = np.exp(2j * np.pi * np.outer(inputs, frequency_hz))
    return (resampler.matrix.astype(float) @ waves) / np.exp(
        2j * np.pi * np.outer(outputs, frequency_hz)
    )


# --- response -------------------------------------------------------------------------


@pytest.mark.parametrize("rate_in", RATES)
def test_filter_is_flat_and_in_phase_to_two_fifths_of_the_rate(rate_in):
    resampler = design_resampler(rate_in, 1000.0)
    gain = matrix_response(resampler, np.linspace(0, 0.4 * resampler.rate_hz, 200))
    assert np.abs(20 * np.log10(np.abs(gain))).max() < 0.01
    # A single phase of the filter may lag within this; their mean has no phase by symmetry.
    assert np.abs(np.angle(gain)).max() < 1e-3


@pytest.mark.parametrize("rate_in", RATES)
def test_filter_stops_by_70_db(rate_in):
    resampler = design_resampler(rate_in, 1000.0)
    frequency = np.linspace(0.55 * resampler.rate_hz, rate_in / 2, 3000)
    assert 20 * np.log10(np.abs(matrix_response(resampler, frequency)).max()) < -70


def test_tone_above_the_stop_band_is_70_db_down():
    lfp = extract_lfp(make_recording(tone(550, 30000, 4), 30000.0))
    values, _ = interior(lfp)
    assert 20 * np.log10(np.sqrt(2) * values.std() / 1000) < -70


def test_tone_in_the_pass_band_keeps_amplitude_and_phase():
    lfp = extract_lfp(make_recording(tone(100, 30000, 4), 30000.0))
    values, times = interior(lfp)
    waves = np.column_stack((np.cos(2 * np.pi * 100 * times), np.sin(2 * np.pi * 100 * times)))
    in_phase, in_quadrature = np.linalg.lstsq(waves, values)[0]
    assert abs(20 * np.log10(in_phase / 1000)) < 0.01
    assert abs(in_quadrature / in_phase) < 1e-5


@pytest.mark.parametrize("rate_in", [24414.0625, 30000.28, 1250.0])
def test_times_of_fractional_rates_do_not_drift(rate_in):
    lfp = extract_lfp(make_recording(tone(40, rate_in, 60), rate_in))
    values, times = interior(lfp)
    error = values - 1000 * np.cos(2 * np.pi * 40 * times)
    assert np.abs(error).max() < 1.0  # 0.1 %, also in the last second


def test_constant_stays_constant_in_every_phase_and_at_the_ends():
    for rate_in in RATES:
        offset = np.full((round(rate_in), 1), 5000.0, dtype=np.float32)
        lfp = extract_lfp(make_recording(offset, rate_in))
        np.testing.assert_allclose(lfp.values, 5000.0, rtol=2e-6)


@pytest.mark.parametrize(("rate_in", "up", "down"), [(1250.0, 4, 5), (30000.0, 1, 30)])
def test_agreement_with_scipy_in_the_pass_band(rate_in, up, down):
    from scipy.signal import resample_poly

    rng = np.random.default_rng(1)
    time = np.arange(round(rate_in * 8)) / rate_in
    frequency = rng.uniform(2, 150, 40)
    phase = rng.uniform(0, 2 * np.pi, 40)
    signal = np.sin(2 * np.pi * time[:, None] * frequency + phase).sum(axis=1)
    lfp = extract_lfp(make_recording(signal[:, None].astype(np.float32), rate_in))
    half = 40 * down
    taps = np.hanning(2 * half + 1) * np.sinc(np.arange(-half, half + 1) / down)
    theirs = resample_poly(signal, up, down, window=taps / taps.sum())
    assert len(theirs) == len(lfp)
    middle = slice(500, -500)
    error = lfp.values[middle, 0] - theirs[middle]
    assert error.std() / theirs.std() < 2e-3  # the Hann filter's own ripple
    truth = np.sin(2 * np.pi * lfp.time.values[:, None] * frequency + phase).sum(axis=1)
    assert np.abs(lfp.values[middle, 0] - truth[middle]).max() / truth.std() < 1e-3


# --- rates ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate_in", "ratio"),
    [
        (1250.0, (4, 5)),
        (2500.0, (2, 5)),
        (30000.0, (1, 30)),
        (30000.28, (1, 30)),
        (24414.0625, (5, 122)),
        (1000.0, (1, 1)),
        (250.0, (1, 1)),
        (1010.0, (1, 1)),
    ],
)
def test_ratio_is_the_nearest_with_a_small_numerator(rate_in, ratio):
    assert rational_ratio(rate_in, 1000.0) == ratio


def test_exact_rate_is_recorded():
    lfp = extract_lfp(make_recording(tone(10, 24414.0625, 2), 24414.0625), start_s=12.5)
    assert lfp.attrs["rate_hz"] == 24414.0625 * 5 / 122
    assert lfp.attrs["pass_band_hz"] == pytest.approx(0.4 * lfp.attrs["rate_hz"])
    assert lfp.time.values[0] == 12.5
    assert lfp.time.values[777] == 12.5 + 777 / lfp.attrs["rate_hz"]


def test_slow_recording_passes_through_untouched():
    raw = np.arange(500, dtype=np.int16)[:, None] * np.array([[1, -3]], dtype=np.int16)
    lfp = extract_lfp(make_recording(raw, 250.0, gain=0.5, offset=2.0))
    np.testing.assert_array_equal(lfp.values, raw * 0.5 + 2.0)
    assert lfp.attrs["rate_hz"] == 250.0


@pytest.mark.parametrize(
    ("rate_in", "rig", "expected"),
    [(250.0, None, 100.0), (250.0, 80.0, 80.0), (250.0, 120.0, 100.0), (30000.0, 300.0, 300.0)],
)
def test_pass_band_ends_where_extraction_or_the_rig_ends_it(rate_in, rig, expected):
    lfp = extract_lfp(make_recording(tone(10, rate_in, 1), rate_in), rig_pass_hz=rig)
    assert lfp.attrs["pass_band_hz"] == expected


def test_roll_off_of_the_rig_is_no_oscillation():
    """1/f^1.5 noise through the anti-alias filter (8 poles, 0.45 x rate) of a slow rig."""
    n, rate_hz = 4000 * 60, 500.0
    spectrum = np.fft.rfft(np.random.default_rng(3).standard_normal(n))
    frequency = np.fft.rfftfreq(n, 1 / 4000.0)
    keep = frequency > 0.5
    spectrum *= np.where(keep, np.where(keep, frequency, 1.0) ** -0.75, 0.0)
    spectrum /= np.sqrt(1 + (frequency / (0.45 * rate_hz)) ** 16)
    values = np.fft.irfft(spectrum, n)[:: int(4000 / rate_hz), np.newaxis]
    recording = make_recording((1e3 * values / values.std()).astype(np.float32), rate_hz)
    lfp = extract_lfp(recording, region={"0": "A"})
    options = LfpOptions().model_dump()
    shape = spectral_shape(
        epoch_spectrum(lfp, [[0, 60]]), options=options["aperiodic"], line_hz=None
    )
    assert shape.fast_hz == (60.0, 200.0)
    found = epoch_hfo(lfp, [[0, 60]], shape=shape, options=options["hfo"])
    assert abs(10 * np.log10(found.regions["A"].power)) < 0.3
    assert found.regions["A"].frequency_hz is None


def test_short_recording_gives_the_samples_between_its_ends():
    for n_samples, expected in ((1, 1), (30, 1), (31, 2), (300, 10), (1000, 34)):
        lfp = extract_lfp(make_recording(np.ones((n_samples, 2), dtype=np.float32), 30000.0))
        assert lfp.sizes["time"] == expected
        np.testing.assert_allclose(lfp.values, 1.0, rtol=1e-6)


# --- units and channels ---------------------------------------------------------------


def test_gains_and_offsets_of_each_channel_give_microvolts():
    rng = np.random.default_rng(2)
    raw = (32768 + rng.integers(-3000, 3000, (30000, 3))).astype(np.uint16)
    gain, offset = np.array([0.195, 0.195, 2.0]), np.array([-6389.76, -6389.0, -65536.0])
    recording = make_recording(raw, 30000.0, gain, offset, ids=["a", "b", "c"])
    microvolts = recording.get_traces(return_in_uV=True).astype(np.float32)
    expected = extract_lfp(make_recording(microvolts, 30000.0))
    lfp = extract_lfp(recording)
    np.testing.assert_allclose(lfp.values, expected.values, atol=2e-2)
    assert lfp.attrs["units"] == "uV" and lfp.dtype == np.float32


def test_channels_are_picked_by_name_in_the_order_asked():
    raw = np.tile(np.array([[10.0, 20.0, 30.0]], dtype=np.float32), (3000, 1))
    lfp = extract_lfp(
        make_recording(raw, 30000.0, ids=[7, 8, 9]),
        channels=["9", "7"],
        region={"9": "CA1", "7": "mPFC"},
        bad=["7"],
    )
    np.testing.assert_allclose(lfp.values[5], [30.0, 10.0], rtol=1e-6)
    assert lfp.channel.values.tolist() == ["9", "7"]
    assert lfp.region.values.tolist() == ["CA1", "mPFC"]
    assert lfp.bad.values.tolist() == [False, True]


# --- bytes ----------------------------------------------------------------------------


@pytest.mark.parametrize("n_channels", [1, 5])
@pytest.mark.parametrize("rate_in", [30000.0, 1250.0, 500.0])
def test_same_bytes_whatever_the_chunk_size(tmp_path, rate_in, n_channels):
    rng = np.random.default_rng(3)
    raw = rng.integers(-2000, 2000, (round(rate_in * 5.3), n_channels)).astype(np.int16)
    recording = make_recording(raw, rate_in, gain=0.195)
    digests = set()
    for chunk_values in (1, 2_500, 77_777, 2**21):
        path = tmp_path / f"lfp{chunk_values}.nc"
        extract_lfp_to_netcdf(recording, path, chunk_values=chunk_values)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_same_bytes_with_another_thread_count(tmp_path):
    code = (
        "import sys, numpy as np, spikeinterface.core as si\n"
        "from pipeline.lfp import extract_lfp_to_netcdf\n"
        "raw = np.random.default_rng(3).integers(-2000, 2000, (90000, 24)).astype(np.int16)\n"
        "recording = si.NumpyRecording([raw], 30000.0)\n"
        "recording.set_channel_gains(0.195); recording.set_channel_offsets(0.0)\n"
        "extract_lfp_to_netcdf(recording, sys.argv[1])\n"
    )
    digests = set()
    for threads in ("1", "2"):
        path = tmp_path / f"lfp{threads}.nc"
        subprocess.run(
            [sys.executable, "-c", code, str(path)],
            check=True,
            env={"OPENBLAS_NUM_THREADS": threads, "PYTHONPATH": str(ROOT)},
        )
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_file_and_memory_agree(tmp_path):
    recording = make_recording(tone(8, 2000, 70), 2000.0, ids=["x"])
    settings = {"start_s": 3.25, "region": {"x": "CA3"}, "bad": ["x"]}
    path = extract_lfp_to_netcdf(recording, tmp_path / "deep" / "lfp.nc", **settings)
    xr.testing.assert_identical(open_lfp(path).load(), extract_lfp(recording, **settings))


def test_a_short_lfp_is_held_in_memory_and_a_long_one_is_not(tmp_path, monkeypatch):
    traces = np.random.default_rng(3).normal(size=(5000, 5))
    path = extract_lfp_to_netcdf(make_recording(traces, 1000.0), tmp_path / "lfp.nc")
    short = held(open_lfp(path))
    xr.testing.assert_identical(short, open_lfp(path).load())
    for channels in ([0, 1, 2, 3, 4], [2], [0, 3]):
        read = [read_samples(lfp, 7, 4001, np.array(channels)) for lfp in (short, open_lfp(path))]
        np.testing.assert_array_equal(*read)
        # a reader may change what it was given
        assert all(part.flags.c_contiguous for part in read)
        assert not np.shares_memory(read[0], short.values)
    monkeypatch.setattr("pipeline.lfp.signal._HELD_BYTES", traces.size * 4 - 1)
    lazy = open_lfp(path)
    assert held(lazy) is lazy
    assert [item.name for item in path.parent.iterdir()] == ["lfp.nc"]


def test_memory_does_not_grow_with_duration(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.lfp.signal._STORAGE_VALUES", 2**14)
    peaks = []
    for seconds in (5.0, 5.0, 40.0):  # the first run also imports
        recording = si.NoiseGeneratorRecording(
            16, 30000.0, [seconds], strategy="tile_pregenerated", seed=0
        )
        recording.set_channel_gains(0.195)
        recording.set_channel_offsets(0.0)
        tracemalloc.start()
        extract_lfp_to_netcdf(recording, tmp_path / "lfp.nc", chunk_values=2**18)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.1 * peaks[1] < 30e6


def test_reader_can_use_plain_xarray(tmp_path):
    path = extract_lfp_to_netcdf(make_recording(tone(8, 2000, 5), 2000.0), tmp_path / "lfp.nc")
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        assert dataset.lfp.sel(time=slice(1.0, 2.0)).sizes == {"time": 1001, "channel": 1}
        assert dataset.lfp.dims == ("time", "channel") and dataset.bad.dtype == bool


def test_progress_is_told(tmp_path):
    told = []
    extract_lfp(
        make_recording(tone(8, 2000, 10), 2000.0),
        chunk_values=4000,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told[-1] == (10000, 10000) and len(told) > 3
    assert all(a < b for (a, _), (b, _) in pairwise(told))


# --- bad input ------------------------------------------------------------------------


def test_several_segments_are_refused():
    recording = si.NumpyRecording([np.zeros((100, 1), "f4")] * 2, 1000.0)
    with pytest.raises(InputError, match=r"rat1\.rhd: found 2 segments; expected one"):
        extract_lfp(recording, source="rat1.rhd")


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_missing_gains_are_refused(dtype):
    recording = si.NumpyRecording([np.zeros((100, 2), dtype)], 1000.0)
    with pytest.raises(InputError, match="no gain"):
        extract_lfp(recording)


def test_zero_gain_is_refused_with_its_channel():
    recording = make_recording(np.zeros((100, 2), "i2"), 1000.0, [1.0, 0.0], ids=["a", "b"])
    with pytest.raises(InputError, match=r"channel b: found gain 0\.0"):
        extract_lfp(recording)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("rate_in", [30000.0, 500.0])
def test_sample_that_is_no_number_is_refused_with_its_place(tmp_path, rate_in, wrong):
    traces = np.zeros((6000, 2), dtype=np.float32)
    traces[4500, 1] = wrong
    recording = make_recording(traces, rate_in, ids=["a", "b"])
    with pytest.raises(InputError, match=r"rat1\.edf: channel b, sample 4500 .*found (nan|inf)"):
        extract_lfp_to_netcdf(recording, tmp_path / "lfp.nc", source="rat1.edf", chunk_values=5000)
    assert list(tmp_path.iterdir()) == []  # nothing half written


def test_unknown_channels_and_missing_regions_are_refused():
    recording = make_recording(np.zeros((100, 2), "i2"), 1000.0, ids=["a", "b"])
    with pytest.raises(InputError, match="no channel c; expected some of a, b"):
        extract_lfp(recording, channels=["a", "c"])
    with pytest.raises(InputError, match="no region for channel b"):
        extract_lfp(recording, region={"a": "CA1"})
    with pytest.raises(InputError, match="bad channels: found z"):
        extract_lfp(recording, bad=["z"])
    with pytest.raises(InputError, match="each once"):
        extract_lfp(recording, channels=["a", "a"])


def test_empty_recording_is_refused():
    with pytest.raises(InputError, match="no samples"):
        extract_lfp(make_recording(np.zeros((0, 2), "i2"), 1000.0))


# --- imports --------------------------------------------------------------------------


def test_measuring_does_not_import_what_only_extraction_needs():
    code = (
        "import sys\n"
        "import pipeline.lfp, pipeline.spikes, pipeline.lfp.metrics.band_power\n"
        "import pipeline.spikes.metrics.firing_rate\n"
        "early = {'numpy', 'xarray', 'pandas'} & set(sys.modules)\n"
        "assert not early, early\n"
        "import numpy as np\n"
        "from pipeline.lfp import epoch_spectrum, lfp_array, extract_lfp\n"
        "noise = np.random.default_rng(0).standard_normal((9000, 1))\n"
        "epoch_spectrum(lfp_array(noise, rate_hz=1000.0, channels=['a']), [[0, 9]])\n"
        "late = {'scipy.signal', 'scipy.stats', 'spikeinterface', 'mne'} & set(sys.modules)\n"
        "assert not late, late\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(ROOT)})
