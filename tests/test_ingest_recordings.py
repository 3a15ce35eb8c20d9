"""Recordings: every proven format gives back samples, unit, rate and names; damage is refused."""

import json
import shutil
from pathlib import Path

import h5py
import make_data
import numpy as np
import pyedflib
import pytest

from pipeline.errors import InputError
from pipeline.ingest import (
    check_microvolts,
    left_out_channels,
    open_recording,
    recording_start_s,
)
from pipeline.ingest.streams import pick_stream
from pipeline.simulate.writers import write_edf, write_openephys, write_spikeglx

DATA = Path(__file__).parent / "data"
RECORDINGS = {
    "openephys": "openephys",
    "spikeglx": "spikeglx",
    "nwb": "session.nwb",
    "edf": "recording.edf",
}


@pytest.fixture
def copy(tmp_path):
    """Copy one of the committed recordings to where it may be broken."""

    def of(name):
        source, target = DATA / RECORDINGS[name], tmp_path / RECORDINGS[name]
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        return target

    return of


def only(folder, pattern):
    (file,) = folder.rglob(pattern)
    return file


def cut(file, *, bytes_off):
    data = file.read_bytes()
    file.write_bytes(data[:-bytes_off])


@pytest.mark.parametrize("format", ["auto", "named"])
@pytest.mark.parametrize("name", RECORDINGS)
def test_samples_units_rate_and_names_come_back(name, format):
    recording = open_recording(
        DATA / RECORDINGS[name], format=name if format == "named" else "auto"
    )
    written = make_data.signals_uv()
    read = recording.get_traces(return_in_uV=True)
    half_bit = recording.get_channel_gains() / 2 + 2 * np.spacing(np.abs(written))
    assert np.all(np.abs(read - written) <= half_bit)
    assert recording.sampling_frequency == make_data.RATE_HZ
    assert list(recording.channel_ids) == make_data.CHANNELS
    assert recording.get_num_segments() == 1


def test_first_sample_on_the_clock_of_the_rig():
    assert recording_start_s(open_recording(DATA / "openephys")) == 5.0
    assert recording_start_s(open_recording(DATA / "session.nwb")) == 0.0


def test_openephys_opens_from_any_level_of_its_folders():
    for file in (DATA / "openephys").rglob("*"):
        if file.name in ("Record Node 101", "experiment1", "recording1", "structure.oebin"):
            assert open_recording(file).get_num_samples() == 2000


def test_spikeglx_file_names_its_own_stream():
    binary = only(DATA / "spikeglx", "*.bin")
    assert open_recording(binary).get_num_samples() == 2000


def test_nwb_channels_carry_their_regions():
    recording = open_recording(DATA / "session.nwb")
    assert list(recording.get_property("brain_area")) == make_data.REGIONS


def test_edf_gain_is_that_of_the_standard(tmp_path):
    """neo alone is wrong by up to one bit at the ends of the range."""
    x = np.array([[6389.0], [-6389.0]] * 50, dtype=np.float32)
    path = write_edf(tmp_path / "a.edf", x, rate_hz=100, channels=["a"])
    read = open_recording(path).get_traces(return_in_uV=True)
    assert np.abs(read - x).max() <= 0.195 / 2 + 0.001
    with pyedflib.EdfReader(str(path)) as edf:
        assert np.allclose(read[:, 0], edf.readSignal(0), rtol=1e-6)


def edf_with(path, channels):
    """Write one second of each (label, dimension, rate, physical maximum)."""
    with pyedflib.EdfWriter(str(path), len(channels), file_type=pyedflib.FILETYPE_EDF) as file:
        file.setSignalHeaders(
            [
                {
                    "label": label,
                    "dimension": dimension,
                    "sample_frequency": rate,
                    "physical_max": top,
                    "physical_min": -top,
                    "digital_max": 32767,
                    "digital_min": -32768,
                    "transducer": "",
                    "prefilter": "",
                }
                for label, dimension, rate, top in channels
            ]
        )
        for _, _, rate, top in channels:
            file.writePhysicalSamples(np.linspace(-top / 2, top / 2, rate))
    return path


def test_edf_in_millivolts_and_volts_becomes_microvolts(tmp_path):
    path = edf_with(
        tmp_path / "a.edf", [("u", "uV", 100, 2000), ("m", "mV", 100, 2), ("v", "V", 100, 0.002)]
    )
    read = open_recording(path).get_traces(return_in_uV=True)
    expected = np.linspace(-1000, 1000, 100)
    assert np.all(np.abs(read - expected[:, None]) < 4000 / 65535)


def test_edf_channels_without_voltage_are_left_out_by_name(tmp_path):
    path = edf_with(tmp_path / "a.edf", [("lfp", "uV", 100, 2000), ("temp", "degC", 100, 50)])
    recording = open_recording(path)
    assert list(recording.channel_ids) == ["lfp"]
    assert left_out_channels(recording) == {"temp": "degC"}
    assert left_out_channels(open_recording(DATA / "recording.edf")) == {}


def test_edf_without_any_voltage_is_refused(tmp_path):
    path = edf_with(tmp_path / "a.edf", [("temp", "degC", 100, 50)])
    with pytest.raises(InputError, match=r"channels in degC; expected uV, mV or V"):
        open_recording(path)


def test_edf_of_two_rates_asks_which(tmp_path):
    path = edf_with(tmp_path / "a.edf", [("lfp", "uV", 200, 2000), ("emg", "uV", 100, 2000)])
    with pytest.raises(InputError, match=r"'200 Hz', '100 Hz'.*recording: {stream: ...}"):
        open_recording(path)
    assert list(open_recording(path, stream="100 Hz").channel_ids) == ["emg"]
    assert open_recording(path, stream="200 Hz").sampling_frequency == 200


@pytest.mark.parametrize(
    ("names", "picked"),
    [
        (["imec0.ap", "imec0.lf", "imec0.ap-SYNC", "nidq"], "imec0.lf"),
        (["Record Node 101#ProbeA-AP", "Record Node 101#ProbeA-LFP"], "Record Node 101#ProbeA-LFP"),
        (["RHD2000 amplifier channel", "USB board ADC input channel"], "RHD2000 amplifier channel"),
        (["acquisition/Raw", "processing/ecephys/LFP/lfp"], "processing/ecephys/LFP/lfp"),
        (["nidq"], "nidq"),
    ],
)
def test_stream_that_is_beyond_doubt(names, picked):
    assert pick_stream(names, wanted=None, file="f") == picked


@pytest.mark.parametrize(
    "names",
    [["imec0.lf", "imec1.lf"], ["imec0.ap", "imec1.ap"], ["a", "b"], ["selfie", "golf"]],
)
def test_streams_in_doubt_are_listed(names):
    with pytest.raises(InputError, match=f"'{names[0]}', '{names[1]}'.*recording: {{stream"):
        pick_stream(names, wanted=None, file="f")


def test_stream_that_does_not_exist_gets_a_hint():
    with pytest.raises(InputError, match=r"'imec0.lfp' \(did you mean 'imec0.lf'\?\)"):
        open_recording(DATA / "spikeglx", stream="imec0.lfp")


def test_two_probes_in_one_folder(tmp_path):
    x = np.full((1000, 1), 20, dtype=np.float32)
    first = write_spikeglx(tmp_path, "r", x, rate_hz=1000, channels=["a"])
    for file in (first, first.with_suffix(".meta")):
        file.rename(file.with_name(file.name.replace("imec0", "imec1")))
    meta = only(tmp_path, "*.meta")
    meta.write_text(meta.read_text().replace("imec0", "imec1"))
    write_spikeglx(tmp_path, "r", x / 2, rate_hz=1000, channels=["a"])
    with pytest.raises(InputError, match=r"'imec\d.lf', 'imec\d.lf'"):
        open_recording(tmp_path)
    read = open_recording(tmp_path, stream="imec1.lf").get_traces(return_in_uV=True)
    assert read[0, 0] == pytest.approx(20, abs=0.4)


# --- damage and doubt: each names the file and the likely cause


def test_unknown_format_and_missing_path(tmp_path):
    with pytest.raises(InputError, match=r"'openephy' \(did you mean 'openephys'\?\)"):
        open_recording(DATA / "openephys", format="openephy")
    for format in ("auto", "nwb"):
        with pytest.raises(InputError, match=r"'recording' column of the sessions table"):
            open_recording(tmp_path / "nothing", format=format)


def test_openephys_above_several_sessions(copy, tmp_path):
    """The reader would take one of them, in a run as in a check."""
    folder = copy("openephys")
    for day in ("monday", "tuesday"):
        shutil.copytree(folder, tmp_path / "rat" / day)
    with pytest.raises(InputError, match="sessions in monday, tuesday; expected one: name its own"):
        open_recording(tmp_path / "rat", format="openephys")
    assert open_recording(tmp_path / "rat" / "monday").get_num_samples()


def test_openephys_truncated(copy):
    folder = copy("openephys")
    cut(only(folder, "continuous.dat"), bytes_off=600)
    with pytest.raises(InputError, match=r"continuous.dat: found 1900 samples.*2000.*truncated"):
        open_recording(folder)


def test_openephys_without_its_sample_numbers(copy):
    folder = copy("openephys")
    only(folder, "sample_numbers.npy").unlink()
    with pytest.raises(InputError, match=r"sample_numbers.npy was not copied"):
        open_recording(folder)


def test_openephys_with_lost_samples(copy):
    folder = copy("openephys")
    file = only(folder, "sample_numbers.npy")
    numbers = np.load(file)
    numbers[1000:] += 64
    np.save(file, numbers)
    with pytest.raises(InputError, match=r"sample 1000: found number 6064; expected 6000.*lost"):
        open_recording(folder)


def test_openephys_with_half_a_description(copy):
    folder = copy("openephys")
    cut(only(folder, "structure.oebin"), bytes_off=100)
    with pytest.raises(InputError, match=r"structure.oebin: found no readable description"):
        open_recording(folder)


def test_openephys_with_a_pickle_for_a_clock(copy):
    folder = copy("openephys")
    np.save(only(folder, "sample_numbers.npy"), np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"sample_numbers.npy: cannot be read"):
        open_recording(folder)


def test_openephys_of_two_experiments_asks_which(copy):
    folder = copy("openephys")
    first = next(folder.rglob("experiment1"))
    shutil.copytree(first, first.with_name("experiment2"))
    with pytest.raises(InputError, match=r"experiment1, experiment2"):
        open_recording(folder)


def test_openephys_paused_in_between(copy):
    folder = copy("openephys")
    first = next(folder.rglob("recording1"))
    shutil.copytree(first, first.with_name("recording2"))
    with pytest.raises(InputError, match=r"2 separate pieces of 2.0, 2.0 s.*paused"):
        open_recording(folder)
    assert open_recording(first).get_num_samples() == 2000


def test_spikeglx_truncated(copy):
    folder = copy("spikeglx")
    cut(only(folder, "*.bin"), bytes_off=800)
    with pytest.raises(InputError, match=r"found 15200 bytes; expected 16000.*truncated"):
        open_recording(folder)


@pytest.mark.parametrize("half", ["*.bin", "*.meta"])
def test_spikeglx_without_its_other_half(copy, half):
    folder = copy("spikeglx")
    only(folder, half).unlink()
    with pytest.raises(InputError, match=rf"{half[1:]}: not found beside .*copy both"):
        open_recording(folder)


def test_spikeglx_meta_without_gain(copy):
    folder = copy("spikeglx")
    meta = only(folder, "*.meta")
    kept = [line for line in meta.read_text().splitlines() if "imAiRangeMax" not in line]
    meta.write_text("\n".join(kept))
    with pytest.raises(InputError, match=r"cannot be read as SpikeGLX.*imAiRangeMax"):
        open_recording(folder)


def test_nwb_truncated(copy):
    file = copy("nwb")
    cut(file, bytes_off=20_000)
    with pytest.raises(InputError, match=r"session.nwb: cannot be read as NWB.*truncated"):
        open_recording(file)


def test_nwb_without_a_recording(copy):
    file = copy("nwb")
    with h5py.File(file, "a") as nwb:
        del nwb["acquisition/ElectricalSeries"]
    with pytest.raises(InputError, match=r"no stream of signals"):
        open_recording(file)


def test_nwb_with_two_series_asks_which(copy):
    file = copy("nwb")
    with h5py.File(file, "a") as nwb:
        nwb.copy("acquisition/ElectricalSeries", "acquisition/Second")
    with pytest.raises(InputError, match=r"'acquisition/ElectricalSeries', 'acquisition/Second'"):
        open_recording(file)
    assert open_recording(file, stream="acquisition/Second").get_num_samples() == 2000


def test_nwb_with_time_stamps(copy):
    file = copy("nwb")
    with h5py.File(file, "a") as nwb:
        series = nwb["acquisition/ElectricalSeries"]
        del series["starting_time"]
        series["timestamps"] = 3.0 + np.arange(2000) / 1000.0
    recording = open_recording(shutil.copy(file, file.with_name("copy.nwb")))
    assert recording.sampling_frequency == pytest.approx(1000) and recording_start_s(recording) == 3
    with h5py.File(file, "a") as nwb:
        nwb["acquisition/ElectricalSeries/timestamps"][1500:] += 0.5
    with pytest.raises(InputError, match=r"timestamps: found the last sample at 5.499 s; expected"):
        open_recording(file)


@pytest.mark.parametrize("kind", ["link", "external data"])
def test_nwb_that_points_to_other_files_is_refused(copy, tmp_path, kind):
    file, other = copy("nwb"), tmp_path / "other.h5"
    with h5py.File(other, "w") as target:
        target["secret"] = np.arange(10)
    with h5py.File(file, "a") as nwb:
        if kind == "link":
            nwb["acquisition/extra"] = h5py.ExternalLink(str(other), "/secret")
        else:
            nwb.create_dataset("scratch/x", (4,), "i4", external=[(str(other), 0, 16)])
    with pytest.raises(InputError, match=r"(link to|kept in) another file"):
        open_recording(file)


def test_hdf5_that_is_no_nwb(tmp_path):
    with h5py.File(tmp_path / "a.nwb", "w") as file:
        file["x"] = 1
    with pytest.raises(InputError, match=r"HDF5 file without nwb_version"):
        open_recording(tmp_path / "a.nwb")


def test_edf_truncated(copy):
    file = copy("edf")
    cut(file, bytes_off=1000)
    with pytest.raises(InputError, match=r"recording.edf: cannot be read as EDF.*truncated"):
        open_recording(file)


def test_edf_with_gaps_is_refused(copy):
    file = copy("edf")
    file.write_bytes(file.read_bytes().replace(b"EDF+C", b"EDF+D", 1))
    with pytest.raises(InputError, match=r"EDF"):
        open_recording(file)


def raw_binary(folder, *, dtype="int16", gain=0.195, offset=0.0, **changes):
    counts = np.arange(200).reshape(100, 2)
    path = folder / "raw.dat"
    counts.astype(dtype).tofile(path)
    car = {
        "rate_hz": 500.0,
        "channels": ["a", "b"],
        "dtype": dtype,
        "gain_uv": gain,
        "offset_uv": offset,
        **changes,
    }
    Path(f"{path}.json").write_text(json.dumps(car))
    return path, counts


@pytest.mark.parametrize("dtype", ["int16", "uint16", ">i2", "float32"])
def test_raw_binary_with_a_side_car(tmp_path, dtype):
    path, counts = raw_binary(tmp_path, dtype=dtype, gain=0.5, offset=-7.0)
    recording = open_recording(path)
    assert np.allclose(recording.get_traces(return_in_uV=True), counts * 0.5 - 7.0)
    assert list(recording.channel_ids) == ["a", "b"] and recording.sampling_frequency == 500


def test_raw_binary_without_a_side_car(tmp_path):
    path, _ = raw_binary(tmp_path)
    Path(f"{path}.json").unlink()
    with pytest.raises(InputError, match=r"raw.dat.json beside it with rate_hz, channels, dtype"):
        open_recording(path, format="binary")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gain": 0.2}, r"gain.*did you mean 'gain_uv'"),
        ({"rate_hz": 0}, "rate_hz"),
        ({"dtype": "int17"}, "int16, uint16"),
        ({"channels": ["a", "b", "c"]}, "no whole number of frames"),
        ({"gain_uv": 0.0}, "no gain"),
    ],
)
def test_raw_binary_with_a_wrong_side_car(tmp_path, change, said):
    path, _ = raw_binary(tmp_path)
    car = json.loads(Path(f"{path}.json").read_text())
    Path(f"{path}.json").write_text(json.dumps(car | change))
    with pytest.raises(InputError, match=said):
        open_recording(path)


def test_lack_of_memory_is_not_blamed_on_the_file(monkeypatch):
    from pipeline.ingest import recording as room

    def fail(path, stream):
        raise MemoryError

    monkeypatch.setitem(room.OPENERS, "nwb", room.OPENERS["nwb"].__class__("NWB", fail))
    with pytest.raises(MemoryError):
        open_recording(DATA / "session.nwb")


def test_trouble_of_the_disk_is_not_blamed_on_the_file(monkeypatch):
    import errno

    from pipeline.ingest import recording as room

    def fail(path, stream):
        raise OSError(errno.ESTALE, "stale")

    monkeypatch.setitem(room.OPENERS, "nwb", room.OPENERS["nwb"].__class__("NWB", fail))
    with pytest.raises(OSError, match=r"stale"):
        open_recording(DATA / "session.nwb")


def test_guard_runs_on_a_long_recording_in_pieces(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(0, 50, (60_000, 2)).astype(np.float32)
    x[:, 1] = 0
    write_openephys(tmp_path / "r", x, rate_hz=1000, channels=["a", "dead"])
    check = check_microvolts(open_recording(tmp_path / "r"), file="r")
    assert check.flat == ("dead",)
    # median of |normal| is 0.6745 standard deviations
    assert check.median_abs_uv["a"] == pytest.approx(0.6745 * 50, rel=0.05)
    # Volts taken for microvolts: the same counts with a gain a million times too small.
    structure = only(tmp_path / "r", "structure.oebin")
    structure.write_text(structure.read_text().replace("0.195", "0.000000195"))
    with pytest.raises(InputError, match=r"channel a: found .*Volts or millivolts"):
        check_microvolts(open_recording(tmp_path / "r"), file="r")
