"""Writers: what they write is what the format's documentation and independent readers say."""

import datetime
import json
from pathlib import Path

import h5py
import make_data
import mne
import numpy as np
import pandas as pd
import pyedflib
import pynwb
import pytest

from pipeline.errors import InputError
from pipeline.simulate.writers import (
    write_edf,
    write_nwb,
    write_openephys,
    write_phy,
    write_spikeglx,
)

DATA = Path(__file__).parent / "data"
START = datetime.datetime(2024, 6, 12, 9, tzinfo=datetime.UTC)


@pytest.fixture
def signals():
    rng = np.random.default_rng(3)
    return rng.normal(0, 300, (3000, 3)).astype(np.float32)


def half_a_bit(signals, uv_per_bit):
    """Half a bit, and what float32 itself cannot hold at the size of each sample."""
    return uv_per_bit / 2 + 2 * np.spacing(np.abs(signals).astype(np.float32))


def files_of(folder):
    return sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())


def nwb_content(path):
    """All datasets and attributes but pynwb's random ids."""
    content = {}

    def visit(name, item):
        attributes = {k: v for k, v in item.attrs.items() if k != "object_id"}
        content[name, "attributes"] = {
            k: repr(v) for k, v in attributes.items() if not isinstance(v, h5py.Reference)
        }
        if isinstance(item, h5py.Dataset) and item.dtype.kind != "O":
            content[name] = item[()].tolist()
        elif isinstance(item, h5py.Dataset) and h5py.check_ref_dtype(item.dtype) is None:
            content[name] = np.asarray(item[()]).tolist()

    with h5py.File(path) as file:
        file.visititems(visit)
    return content


def test_committed_data_are_what_their_script_makes(tmp_path):
    make_data.make(tmp_path)
    committed = [file for file in files_of(DATA) if file.parts[0] != "gold"]  # R's answers
    assert files_of(tmp_path) == type(files_of(DATA))(committed)
    for file in files_of(tmp_path):
        if file.suffix == ".nwb":
            assert nwb_content(tmp_path / file) == nwb_content(DATA / file)
        else:
            assert (tmp_path / file).read_bytes() == (DATA / file).read_bytes(), file


def test_committed_data_are_small():
    assert all((DATA / file).stat().st_size < 100 * 1024 for file in files_of(DATA))


def test_openephys_layout_is_that_of_the_documentation(tmp_path, signals):
    write_openephys(tmp_path, signals, rate_hz=2000, channels=["a", "b", "c"], start_sample=70)
    (structure,) = tmp_path.rglob("structure.oebin")
    described = json.loads(structure.read_text())
    (stream,) = described["continuous"]
    folder = structure.parent / "continuous" / stream["folder_name"]
    samples = np.fromfile(folder / "continuous.dat", dtype="<i2").reshape(-1, 3)
    error = np.abs(samples * stream["channels"][0]["bit_volts"] - signals)
    assert np.all(error <= half_a_bit(signals, 0.195))
    numbers = np.load(folder / "sample_numbers.npy")
    assert numbers.dtype == np.int64 and numbers.tolist() == list(range(70, 3070))
    assert np.allclose(np.load(folder / "timestamps.npy"), numbers / 2000, rtol=0, atol=1e-12)
    assert stream["sample_rate"] == 2000 and stream["num_channels"] == 3


def test_spikeglx_samples_follow_the_gain_of_the_metadata(tmp_path, signals):
    binary = write_spikeglx(tmp_path, "r", signals, rate_hz=2500, channels=["x", "y", "z"])
    lines = binary.with_suffix(".meta").read_text().splitlines()
    meta = dict(line.split("=", 1) for line in lines)
    # SpikeGLX: volts = count x imAiRangeMax / imMaxInt / gain
    uv_per_bit = 1e6 * float(meta["imAiRangeMax"]) / int(meta["imMaxInt"])
    uv_per_bit /= float(meta["imChan0apGain"])
    samples = np.fromfile(binary, dtype="<i2").reshape(-1, int(meta["nSavedChans"]))
    assert np.all(np.abs(samples[:, :3] * uv_per_bit - signals) <= half_a_bit(signals, uv_per_bit))
    assert not samples[:, 3].any()
    assert int(meta["fileSizeBytes"]) == binary.stat().st_size
    assert float(meta["fileTimeSecs"]) == pytest.approx(1.2)


def test_edf_reads_alike_in_pyedflib_and_mne(tmp_path, signals):
    path = write_edf(tmp_path / "a.edf", signals, rate_hz=1000, channels=["a", "b", "c"])
    bound = half_a_bit(signals, 0.195)
    with pyedflib.EdfReader(str(path)) as edf:
        read = np.column_stack([edf.readSignal(i) for i in range(3)])
        assert (
            edf.getSignalLabels() == ["a", "b", "c"] and edf.filetype == pyedflib.FILETYPE_EDFPLUS
        )
    assert np.all(np.abs(read - signals) <= bound)
    raw = mne.io.read_raw_edf(path, preload=True, verbose="error")
    assert raw.ch_names == ["a", "b", "c"] and raw.info["sfreq"] == 1000
    assert np.all(np.abs(raw.get_data().T * 1e6 - signals) <= bound)


def test_nwb_reads_in_pynwb(tmp_path, signals):
    trials = pd.DataFrame({"start_time": [0.1, 1.5], "stop_time": [1.0, 2.5], "choice": ["L", ""]})
    units = [{"spike_times": np.array([0.1, 0.25]), "region": "CA1", "unit_id": 5}]
    path = write_nwb(
        tmp_path / "a.nwb",
        signals_uv=signals,
        rate_hz=1000,
        channels=["a", "b", "c"],
        regions=["mPFC", "mPFC", "CA1"],
        session_start=START,
        identifier="s1",
        subject_id="rat1",
        units=units,
        trials=trials,
    )
    with pynwb.NWBHDF5IO(path, "r") as file:
        nwb = file.read()
        series = nwb.acquisition["ElectricalSeries"]
        volts = series.data[:] * series.conversion
        assert np.all(np.abs(volts * 1e6 - signals) <= half_a_bit(signals, 0.195))
        assert series.rate == 1000 and nwb.session_start_time == START
        assert list(nwb.electrodes["location"][:]) == ["mPFC", "mPFC", "CA1"]
        assert nwb.units["spike_times"][0].tolist() == [0.1, 0.25]
        assert list(nwb.trials["choice"][:]) == ["L", ""]
    assert pynwb.validate(path=str(path)) == []


def test_nwb_without_a_recording_holds_units_only(tmp_path):
    path = write_nwb(
        tmp_path / "units.nwb",
        signals_uv=None,
        rate_hz=1000,
        channels=[],
        regions=[],
        session_start=START,
        identifier="s1",
        subject_id="rat1",
        units=[{"spike_times": np.array([1.0]), "region": "CA1", "unit_id": 5}],
    )
    with h5py.File(path) as file:
        assert "units" in file and "ElectricalSeries" not in file["acquisition"]


def test_same_arguments_same_content(tmp_path, signals):
    for copy in ("one", "two"):
        folder = tmp_path / copy
        write_openephys(folder / "oe", signals, rate_hz=1000, channels=["a", "b", "c"])
        write_spikeglx(folder / "sglx", "r", signals, rate_hz=1000, channels=["a", "b", "c"])
        write_edf(folder / "a.edf", signals, rate_hz=1000, channels=["a", "b", "c"])
        write_phy(folder / "phy", spike_times_s=[np.array([0.5])], rate_hz=30_000)
    for file in files_of(tmp_path / "one"):
        one, two = tmp_path / "one" / file, tmp_path / "two" / file
        assert one.read_bytes() == two.read_bytes(), file


WRITERS = {
    "openephys": lambda folder, x, names: write_openephys(folder, x, rate_hz=1000, channels=names),
    "spikeglx": lambda folder, x, names: write_spikeglx(
        folder, "r", x, rate_hz=1000, channels=names
    ),
    "edf": lambda folder, x, names: write_edf(folder / "a.edf", x, rate_hz=1000, channels=names),
    "nwb": lambda folder, x, names: write_nwb(
        folder / "a.nwb",
        signals_uv=x,
        rate_hz=1000,
        channels=names,
        regions=[""] * len(names),
        session_start=START,
        identifier="s",
        subject_id="r",
    ),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_signals_that_do_not_fit_are_refused(tmp_path, writer, signals):
    write = WRITERS[writer]
    broken, loud = signals.copy(), signals.copy()
    broken[1234, 1], loud[777, 2] = np.nan, 1e6
    with pytest.raises(InputError, match="channel b, sample 1234: found nan"):
        write(tmp_path, broken, ["a", "b", "c"])
    with pytest.raises(InputError, match=r"channel c, sample 777: found 1e\+06 uV"):
        write(tmp_path, loud, ["a", "b", "c"])
    with pytest.raises(InputError, match="3 channels for 2 names"):
        write(tmp_path, signals, ["a", "b"])
    with pytest.raises(InputError, match="each name once"):
        write(tmp_path, signals, ["a", "b", "a"])


def test_edf_refuses_a_part_of_a_second(tmp_path, signals):
    with pytest.raises(InputError, match="whole seconds"):
        write_edf(tmp_path / "a.edf", signals[:2500], rate_hz=1000, channels=["a", "b", "c"])


def test_spikeglx_refuses_a_channel_called_sync(tmp_path, signals):
    with pytest.raises(InputError, match="SY"):
        write_spikeglx(tmp_path, "r", signals, rate_hz=1000, channels=["a", "b", "SY0"])


def test_nwb_refuses_a_start_without_time_zone(tmp_path, signals):
    with pytest.raises(InputError, match="time zone"):
        write_nwb(
            tmp_path / "a.nwb",
            signals_uv=signals,
            rate_hz=1000,
            channels=["a", "b", "c"],
            regions=["", "", ""],
            session_start=datetime.datetime(2024, 1, 1),
            identifier="s",
            subject_id="r",
        )


def test_phy_refuses_spikes_before_the_recording(tmp_path):
    with pytest.raises(InputError, match="expected 0 or later"):
        write_phy(tmp_path, spike_times_s=[np.array([-0.1, 1.0])], rate_hz=30_000)
