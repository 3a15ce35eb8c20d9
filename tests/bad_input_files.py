"""Ways to break recordings, sortings, logs and tracks of a session, and what is said of each."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
from bad_input_sessions import (
    HEADER,
    Make,
    array,
    copied,
    cut,
    hdf5,
    log,
    medpc,
    movement,
    names,
    openephys,
    pickled,
    raw,
    special,
    trials,
    workbook_bomb,
    workbook_with_entities,
)

Cases = dict[str, tuple[Make, tuple[str, ...]]]


def _structure(folder: Path, change) -> None:
    file = folder.parents[1] / "structure.oebin"
    content = json.loads(file.read_text())
    change(content["continuous"][0])
    file.write_text(json.dumps(content))


def _jump(numbers: np.ndarray) -> np.ndarray:
    numbers[1200:] += 500
    return numbers


def _nan(times: np.ndarray) -> np.ndarray:
    return np.where(np.arange(len(times)) == 5, np.nan, times.astype(float))


def _swapped(times: np.ndarray) -> np.ndarray:
    return times[::-1].copy()


def _external(file: h5py.File) -> None:
    file["acquisition/extra"] = h5py.ExternalLink("/etc/passwd", "/x")


def _kept_elsewhere(file: h5py.File) -> None:
    file.create_dataset("scratch/x", (4,), "i4", external=[("/etc/passwd", 0, 16)])


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), "i4")
    layout[:] = h5py.VirtualSource("/tmp/other.h5", "x", (4,))
    file.create_virtual_dataset("acquisition/x", layout)


def _no_gain(file: h5py.File) -> None:
    file["acquisition/ElectricalSeries/data"].attrs["conversion"] = 0.0


def _gap(file: h5py.File) -> None:
    series = file["acquisition/ElectricalSeries"]
    del series["starting_time"]
    series["timestamps"] = np.arange(2000) / 1000.0 + np.where(np.arange(2000) > 1500, 5.0, 0.0)


def _spike_nan(file: h5py.File) -> None:
    file["units/spike_times"][3] = np.nan


def _spike_order(file: h5py.File) -> None:
    file["units/spike_times"][3] = 0.0


def _spike_index(file: h5py.File) -> None:
    file["units/spike_times_index"][:] = [30, 42, 60]


def _no_trials(file: h5py.File) -> None:
    del file["intervals"]


def _foreign_templates(folder: Path) -> None:
    np.save(folder / "templates.npy", np.ones((4, 20, 2)))
    np.save(folder / "spike_templates.npy", np.full(47, 9))


def _sorting_file(name: str, content: bytes) -> Make:
    def make(folder: Path) -> dict[str, str]:
        (folder / name).write_bytes(content)
        return {"sorting": name}

    return make


RECORDING_CASES: Cases = {
    "recording not there": (names("gone"), ("gone", "not there", "misspelt")),
    "folder without a recording": (
        special("recording", "folder", recording_format="auto"),
        ("special.csv", "no recording of a known format"),
    ),
    "recording that links to itself": (
        special("recording", "loop", recording_format="auto"),
        ("special.csv", "not there"),
    ),
    "recording that is a pipe": (
        special("recording", "pipe", recording_format="auto"),
        ("special.csv", "no recording of a known format"),
    ),
    "raw file without a side-car": (
        lambda folder: (
            (folder / "x.dat").write_bytes(b"1234")
            and {"recording": "x.dat", "recording_format": "binary"}
        ),
        ("x.dat", "x.dat.json", "rate_hz"),
    ),
    "gain of zero": (raw(gain_uv=0.0), ("raw.dat", "gain")),
    "gain that is not a number": (raw(gain_uv=float("nan")), ("raw.dat", "gain")),
    "negative rate": (raw(rate_hz=-1000), ("raw.dat.json", "rate_hz", "greater than 0")),
    "wrong number of channels": (
        raw(channels=["a", "b", "c"]),
        ("raw.dat", "no whole number of frames", "3 channels"),
    ),
    "channel twice": (raw(channels=["a", "a"]), ("raw.dat.json", "channels", "'a' twice")),
    "type of number that does not exist": (raw(dtype="int17"), ("raw.dat.json", "int17", "int16")),
    "type of number that is an object": (raw(dtype="O"), ("raw.dat.json", "'O'", "int16")),
    "truncated in a frame": (
        raw(np.arange(4000, dtype=np.int16).tobytes()[:-1]),
        ("raw.dat", "7999 bytes", "truncated"),
    ),
    "raw file empty": (raw(b""), ("raw.dat", "no samples")),
    "side-car misspelt": (
        raw(gain=1),
        ("raw.dat.json", "gain", "did you mean 'gain_uv'"),
    ),
    "channel that is not recorded": (
        openephys(lambda folder: None, channel="CH9"),
        ("CH9", "CH1"),
    ),
    "Open Ephys truncated": (
        openephys(cut("continuous.dat", bytes_off=7)),
        ("continuous.dat", "1998 samples", "truncated"),
    ),
    "Open Ephys without sample numbers": (
        openephys(lambda folder: (folder / "sample_numbers.npy").unlink()),
        ("timestamps.npy", "sample_numbers.npy was not copied"),
    ),
    "Open Ephys with lost samples": (
        openephys(array("sample_numbers.npy", _jump)),
        ("sample_numbers.npy: sample 1200", "samples were lost"),
    ),
    "Open Ephys with a pickle for a clock": (
        openephys(array("sample_numbers.npy", pickled)),
        ("sample_numbers.npy", "cannot be read", "pickles are never loaded"),
    ),
    "Open Ephys with half a description": (
        openephys(lambda folder: cut("", bytes_off=40)(folder.parents[1] / "structure.oebin")),
        ("structure.oebin", "truncated"),
    ),
    "Open Ephys with a channel too many": (
        openephys(
            lambda folder: _structure(folder, lambda s: s["channels"].append(s["channels"][0]))
        ),
        ("continuous.dat", "3 channels"),
    ),
    "Open Ephys with a stream that climbs": (
        openephys(lambda folder: _structure(folder, lambda s: s.update(folder_name="../../../.."))),
        ("structure.oebin", "folder_name"),
    ),
    "Open Ephys without a stream's name": (
        openephys(lambda folder: _structure(folder, lambda s: s.pop("folder_name"))),
        ("structure.oebin", "folder_name"),
    ),
    "SpikeGLX truncated": (
        copied("spikeglx", cut("*.bin", bytes_off=64)),
        ("run_g0_t0.imec0.lf.bin", "fileSizeBytes", "truncated"),
    ),
    "SpikeGLX without its meta": (
        copied("spikeglx", lambda path: next(path.rglob("*.meta")).unlink()),
        ("run_g0_t0.imec0.lf.meta", "not found", "copy both"),
    ),
    "SpikeGLX with an empty meta": (
        copied("spikeglx", lambda path: next(path.rglob("*.meta")).write_text("")),
        ("run_g0_t0.imec0.lf.meta", "fileSizeBytes"),
    ),
    "EDF truncated": (
        copied("recording.edf", cut("", bytes_off=1000)),
        ("recording.edf", "truncated"),
    ),
    "EDF of another program": (
        copied("recording.edf", lambda path: path.write_bytes(b"<html>" * 100)),
        ("recording.edf", "cannot be read as EDF"),
    ),
    "text named as Blackrock": (
        lambda folder: (
            (folder / "a.ns5").write_bytes(b"no such thing" * 20) and {"recording": "a.ns5"}
        ),
        ("a.ns5", "Blackrock"),
    ),
    "text named as Intan": (
        lambda folder: (
            (folder / "a.rhd").write_bytes(b"no such thing" * 20) and {"recording": "a.rhd"}
        ),
        ("a.rhd", "Intan"),
    ),
    "text named as Plexon": (
        lambda folder: (
            (folder / "a.plx").write_bytes(b"no such thing" * 20) and {"recording": "a.plx"}
        ),
        ("a.plx", "no PLX identifier", "truncated"),
    ),
    "Neuralynx folder of empty files": (
        lambda folder: (
            (folder / "nlx").mkdir() or (folder / "nlx/CSC1.ncs").touch() or {"recording": "nlx"}
        ),
        ("CSC1.ncs",),
    ),
    "NWB truncated": (
        copied("session.nwb", cut("", bytes_off=20_000)),
        ("session.nwb", "truncated"),
    ),
    "NWB with an external link": (
        copied("session.nwb", hdf5(_external)),
        ("session.nwb: /acquisition/extra", "link to another file"),
    ),
    "NWB with data kept elsewhere": (
        copied("session.nwb", hdf5(_kept_elsewhere)),
        ("session.nwb: /scratch/x", "kept in another file"),
    ),
    "NWB with a virtual dataset": (
        copied("session.nwb", hdf5(_virtual)),
        ("session.nwb: /acquisition/x", "kept in another file"),
    ),
    "NWB without a gain": (copied("session.nwb", hdf5(_no_gain)), ("session.nwb", "gain")),
    "NWB paused in between": (
        copied("session.nwb", hdf5(_gap)),
        ("session.nwb", "timestamps", "paused"),
    ),
    "HDF5 that is no NWB": (
        copied("session.nwb", hdf5(lambda file: file.attrs.__delitem__("nwb_version"))),
        ("session.nwb", "nwb_version"),
    ),
    "NWB that is a zip file": (
        copied("session.nwb", lambda path: path.write_bytes(b"PK\3\4" * 100)),
        ("session.nwb", "cannot be read as NWB"),
    ),
}

SORTING_CASES: Cases = {
    "sorting not there": (lambda folder: {"sorting": "gone"}, ("gone", "not there")),
    "sorting with a pickle": (
        copied("phy", array("spike_times.npy", pickled), to="sorting"),
        ("spike_times.npy", "cannot be read", "pickles are never loaded"),
    ),
    "sorting whose params run code": (
        copied(
            "phy",
            lambda path: (path / "params.py").write_text("sample_rate = __import__('os').getpid()"),
            to="sorting",
        ),
        ("params.py", "line 1", "is not run"),
    ),
    "sorting in seconds": (
        copied("phy", array("spike_times.npy", lambda t: t / 3e4), to="sorting"),
        ("spike_times.npy", "not seconds"),
    ),
    "sorting out of order": (
        copied("phy", array("spike_times.npy", _swapped), to="sorting"),
        ("spike_times.npy", "spike"),
    ),
    "sorting with times that are no numbers": (
        copied("phy", array("spike_times.npy", _nan), to="sorting"),
        ("spike_times.npy", "float64"),
    ),
    "sorting of two runs": (
        copied("phy", array("spike_clusters.npy", lambda c: c[:-3]), to="sorting"),
        ("spike_clusters.npy", "44"),
    ),
    "sorting truncated": (
        copied("phy", cut("spike_times.npy", bytes_off=50), to="sorting"),
        ("spike_times.npy", "cannot be read"),
    ),
    "sorting with amplitudes of another run": (
        copied("phy", lambda path: np.save(path / "amplitudes.npy", np.ones(5)), to="sorting"),
        ("amplitudes.npy", "found 5", "expected 47"),
    ),
    "sorting with templates of another run": (
        copied("phy", _foreign_templates, to="sorting"),
        ("spike_templates.npy", "templates up to 9", "below 4"),
    ),
    "sorting that is a pickle": (
        _sorting_file("sorted.pkl", b"cos\nsystem\n(S'touch trapped'\ntR."),
        ("sorted.pkl", "pickles are never loaded", "numpy_folder"),
    ),
    "sorting in a file of Plexon's library": (
        _sorting_file("sorted.pl2", b"PL2"),
        ("sorted.pl2", "Plexon's own library", ".plx"),
    ),
    "sorting that is a text": (
        _sorting_file("sorted.txt", b"unit 1: 0.1 0.2"),
        ("sorted.txt", "no sorting of a known format", "params.py", "*.ntt"),
    ),
    "sorted tetrode cut short": (
        _sorting_file("TT1.ntt", b"######## Neuralynx"),
        ("TT1.ntt", "truncated"),
    ),
    "sorted spikes that are none": (
        _sorting_file("sorted.nev", b"NEURALEV" + bytes(100)),
        ("sorted.nev", "no NEV identifier", "truncated"),
    ),
    "NWB spike that is no number": (
        copied("session.nwb", hdf5(_spike_nan), to="sorting"),
        ("session.nwb", "unit 3", "no number"),
    ),
    "NWB spikes out of order": (
        copied("session.nwb", hdf5(_spike_order), to="sorting"),
        ("session.nwb", "unit 3, spike 4"),
    ),
    "NWB index beyond the spikes": (
        copied("session.nwb", hdf5(_spike_index), to="sorting"),
        ("session.nwb", "spike_times_index", "60"),
    ),
    "NWB with a link among the units": (
        copied("session.nwb", hdf5(_external), to="sorting"),
        ("session.nwb: /acquisition/extra", "link to another file"),
    ),
}

GOOD = {"Y": 5, "A": [1.0, 2, 3, 4, 5]}

LOG_CASES: Cases = {
    "log empty": (log(b""), ("log.csv", "row 1", "no column names")),
    "log of a header": (trials(), ("log.csv", "no trials")),
    "log in Latin-1": (log("Trial,Größe\n".encode("latin-1")), ("log.csv: line 1", "CSV UTF-8")),
    "log in UTF-16": (log((HEADER + "\n").encode("utf-16")), ("log.csv", "UTF-16")),
    "log with NUL bytes": (log(HEADER + "\n1,2,\0\n"), ("log.csv: line 2", "NUL")),
    "log with an open quotation mark": (log('Trial,"Choice\n1,2\n'), ("log.csv", "quotation mark")),
    "log that is a web page": (log("<!DOCTYPE html><html>"), ("log.csv", "web page")),
    "log that is a folder": (
        special("behaviour", "folder", behaviour_format="box"),
        ("special.csv", "not found"),
    ),
    "log that is a pipe": (
        special("behaviour", "pipe", behaviour_format="box"),
        ("special.csv", "not found"),
    ),
    "log that is a device": (
        special("behaviour", "device", behaviour_format="box"),
        ("special.csv", "not found"),
    ),
    "log with a column twice": (
        trials("1,2,3,4", header="Trial,Trial,Choice,Correct"),
        ("log.csv: row 1", "'Trial' twice"),
    ),
    "log with a column missing": (
        trials("1,0,L,1", header="Trial,t (s),Choices,Correct"),
        ("log.csv: header", "did you mean 'Choices'"),
    ),
    "log with a row too long": (trials("1,0,L,1,note"), ("log.csv: row 2", "5 cells")),
    "log with decimal commas": (
        trials("1;0,5;L;1", header=HEADER.replace(",", ";")),
        ("log.csv: row 2, column t (s)", "'0,5'", "decimal point"),
    ),
    "log with a word for a time": (
        trials("1,soon,L,1"),
        ("log.csv: row 2, column t (s)", "'soon'", "a number"),
    ),
    "log with an infinite time": (
        trials("1,inf,L,1"),
        ("log.csv: row 2, column t (s)", "finite"),
    ),
    "log with a formula": (
        trials("1,=1+1,L,1"),
        ("log.csv: row 2, column t (s)", "'=1+1'", "a number"),
    ),
    "log with an unknown code": (
        trials("1,0,<b>X</b>,1"),
        ("log.csv: row 2, column Choice", "<b>X</b>", "one of 'L', 'R'"),
    ),
    "log with a trial twice": (
        trials("1,0,L,1", "1,1,L,1"),
        ("log.csv: row 3, column Trial", "trial 1 after 1"),
    ),
    "log with times backwards": (
        trials("1,9,L,1", "2,2,L,1"),
        ("log.csv: row 3, column t (s)", "2 after 9"),
    ),
    "log that rewards an omission": (
        trials("1,0,,1"),
        ("log.csv: row 2, column Correct", "omitted"),
    ),
    "workbook that is a zip bomb": (workbook_bomb, ("log.xlsx", "MB unpacked")),
    "workbook with entities": (workbook_with_entities, ("log.xlsx", "document type declaration")),
    "workbook that is text": (log("a,b\n", name="log.xlsx"), ("log.xlsx", "Excel workbook")),
    "workbook of 1997": (log(b"\xd0\xcf\x11\xe0", name="log.xls"), ("log.xls", ".xlsx")),
    "MED-PC counter beyond its array": (
        medpc({"Y": 7, "A": [1.0, 2, 3, 4, 5]}),
        ("rat.txt", "5 elements in A", "7 in its counter Y"),
    ),
    "MED-PC counter enormous": (
        medpc({"Y": "999999999999.000", "A": [1.0]}),
        ("rat.txt", "whole number of elements"),
    ),
    "MED-PC counter negative": (medpc({"Y": -1, "A": [1.0]}), ("rat.txt", "-1.000 in Y")),
    "MED-PC without its counter": (medpc({"A": [1.0]}), ("rat.txt", "no scalar Y")),
    "MED-PC times backwards": (
        medpc({"Y": 3, "A": [1.0, 3, 2]}),
        ("rat.txt", "2 s after 3 s in A"),
    ),
    "MED-PC with decimal commas": (
        medpc(GOOD, change=("2.000", "2,000")),
        ("rat.txt", "line", "decimal commas"),
    ),
    "MED-PC numbers that ran together": (
        medpc(GOOD, change=("1.000        2.000", "1.0002.000")),
        ("rat.txt", "line", "DISKFORMAT"),
    ),
    "MED-PC that is another file": (
        log("Trial,1\n", name="rat.txt", format="medpc"),
        ("rat.txt", "MED-PC"),
    ),
    "pyControl that is another file": (
        log("Trial,1\n", name="rat.txt", format="pycontrol"),
        ("rat.txt", "pyControl"),
    ),
    "Bpod that is another file": (
        log("Trial,1\n", name="rat.mat", format="bpod"),
        ("rat.mat", "no MATLAB file"),
    ),
    "Bpod truncated": (
        log(
            b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM" + b"\x0f\0\0\0\xff\0\0\0x",
            name="rat.mat",
            format="bpod",
        ),
        ("rat.mat", "truncated"),
    ),
    "NWB without trials": (
        copied("session.nwb", hdf5(_no_trials), to="behaviour"),
        ("session.nwb", "trials"),
    ),
    "NWB log with a link": (
        copied("session.nwb", hdf5(_external), to="behaviour"),
        ("session.nwb: /acquisition/extra", "link to another file"),
    ),
}

SPEED = "time_s,speed_cm_s\n"

MOVEMENT_CASES: Cases = {
    "track not there": (lambda folder: {"movement": "gone.csv"}, ("gone.csv", "not there")),
    "track empty": (movement(b""), ("track.csv", "empty")),
    "track of a header": (movement(SPEED), ("track.csv", "found")),
    "track with NaN times": (
        movement(SPEED + "0,1\nNaN,1\n2,1\n"),
        ("track.csv", "row 3", "time_s"),
    ),
    "track with times backwards": (
        movement(SPEED + "0,1\n2,1\n1,1\n"),
        ("track.csv", "row 4"),
    ),
    "track with negative speed": (
        movement(SPEED + "0,1\n1,-1\n2,1\n"),
        ("track.csv", "row 3", "-1"),
    ),
    "track with decimal commas": (
        movement("time_s;speed_cm_s\n0,5;1\n1,5;1\n"),
        ("track.csv", "decimal commas"),
    ),
    "track with a word": (
        movement("time_s,x,y\n0,1,2\n1,a,3\n"),
        ("track.csv: row 3, column x", "'a'", "a number"),
    ),
    "track with a column missing": (
        movement("time_s,x,why\n0,1,2\n1,1,2\n"),
        ("track.csv", "expected 'y'"),
    ),
    "track in Latin-1": (
        movement("time_s,x,y,Käfig\n".encode("latin-1")),
        ("track.csv", "UTF-8"),
    ),
    "track with NUL bytes": (movement(b"time_s,x,y\n0,\0,1\n1,1,1\n"), ("track.csv", "row 2")),
    "track with half a DeepLabCut header": (
        movement("scorer,a,a\nbodyparts,n,n\n0,1,2\n"),
        ("track.csv", "scorer", "coords"),
    ),
    "track that is a device": (special("movement", "device"), ("special.csv", "not found")),
    "track that is a folder": (special("movement", "folder"), ("special.csv",)),
    "HDF5 track that is none": (movement(b"no such thing", name="track.h5"), ("track.h5",)),
}

SESSION_CASES: Cases = RECORDING_CASES | SORTING_CASES | LOG_CASES | MOVEMENT_CASES
