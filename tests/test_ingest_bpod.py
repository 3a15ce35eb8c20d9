"""Bpod sessions: version 5 as SciPy writes it, 7.3 as MATLAB lays it out in HDF5."""

import io
import zlib

import h5py
import numpy as np
import pytest
import scipy.io

from pipeline.errors import InputError
from pipeline.ingest.adapters import matlab5
from pipeline.ingest.behaviour import read, read_pulses

NEVER = np.array([np.nan, np.nan])
# Three trials: left rewarded; none; right punished. Times count from each trial's start.
TRIALS = [
    {
        "States": {
            "WaitForPoke": np.array([0, 0.5]),
            "Reward": np.array([[0.5, 0.6], [0.9, 1.0]]),
            "Punish": NEVER,
        },
        "Events": {"Port1In": 0.5, "Port1Out": np.array([0.55, 0.8]), "BNC1High": 0.1, "Tup": 0.6},
    },
    {
        "States": {"WaitForPoke": np.array([0.0, 5]), "Reward": NEVER, "Punish": NEVER},
        "Events": {"Tup": 5.0, "BNC1High": 0.1},
    },
    {
        "States": {
            "WaitForPoke": np.array([0, 0.25]),
            "Reward": NEVER,
            "Punish": np.array([0.25, 2]),
        },
        "Events": {"Port3In": 0.25, "BNC1High": 0.1},
    },
]
STARTS = [10.0, 20.0, 30.5]
MAPPING = {
    "reader": "bpod",
    "trials": {
        "start": "TrialStart",
        "stop": "TrialEnd",
        "cue_time": "WaitForPoke",
        "choice": {"Port1In": "left", "Port3In": "right"},
        "correct": {"Reward": True, "Punish": False},
        "reward": "Reward",
        "variables": {"rule": "TrialTypes"},
    },
    "values": {"rule": {1: "light", 2: "left"}},
    "sync_event": "BNC1High",
}


def session(n=3, **changes):
    data = {
        "nTrials": float(n),
        "Info": {"BpodVersion": "Gen2"},
        "RawEvents": {"Trial": TRIALS[:n]},
        "TrialStartTimestamp": np.array(STARTS[:n]),
        "TrialEndTimestamp": np.array([11.0, 25.0, 33.0][:n]),
        "TrialTypes": np.array([1.0, 1.0, 2.0][:n]),
        "SettingsFile": {"GUI": {"Amount": 4.0}},
    } | changes
    return {key: value for key, value in data.items() if value is not None}


def version_5(path, data, compressed=True):
    as_cells = data["RawEvents"]["Trial"] if isinstance(data.get("RawEvents"), dict) else None
    if as_cells is not None:
        cells = np.empty((1, len(as_cells)), dtype=object)
        for index, trial in enumerate(as_cells):
            cells[0, index] = trial
        data = data | {"RawEvents": {"Trial": cells}}
    scipy.io.savemat(path, {"SessionData": data}, do_compression=compressed)
    return path


def version_7_3(path, data):
    """Write the layout of MATLAB's HDF5: transposed arrays, references for cells, a user block."""
    with h5py.File(path, "w", userblock_size=512) as file:
        count = iter(range(10_000))

        def put(group, name, value):
            if isinstance(value, dict):
                own = group.create_group(name)
                own.attrs["MATLAB_class"] = np.bytes_("struct")
                for key, item in value.items():
                    put(own, key, item)
            elif isinstance(value, list):
                refs = np.empty((len(value), 1), dtype=h5py.ref_dtype)
                for index, item in enumerate(value):
                    inner = f"#refs#/{next(count)}"
                    put(file, inner, item)
                    refs[index, 0] = file[inner].ref
                own = group.create_dataset(name, data=refs, dtype=h5py.ref_dtype)
                own.attrs["MATLAB_class"] = np.bytes_("cell")
            elif isinstance(value, str):
                codes = np.array([[ord(char)] for char in value], dtype=np.uint16)
                group.create_dataset(name, data=codes).attrs["MATLAB_class"] = np.bytes_("char")
            else:
                array = np.atleast_2d(np.asarray(value, dtype=float))
                own = group.create_dataset(name, data=array.T)
                own.attrs["MATLAB_class"] = np.bytes_("double")

        put(file, "SessionData", data)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: PCWIN64")
    return path


WRITERS = {"5": version_5, "7.3": version_7_3}


@pytest.mark.parametrize("version", WRITERS)
def test_trials_of_both_versions(tmp_path, version):
    path = WRITERS[version](tmp_path / "s.mat", session())
    table = read(path, "box", MAPPING)
    assert table["t_cue"].tolist() == STARTS
    assert table["choice_side"].tolist() == ["left", "", "right"]
    assert table["t_choice"].dropna().tolist() == [10.5, 30.75]
    assert table["correct"].dropna().tolist() == [True, False]
    assert table["rewarded"].tolist() == [True, False, False]
    assert table["t_reward"].dropna().tolist() == [10.5]
    assert table["rule"].tolist() == ["light", "light", "left"]
    assert table["source_row"].tolist() == [1, 2, 3]
    pulses = read_pulses(path, format="box", mapping=MAPPING)
    assert np.allclose(pulses, np.array(STARTS) + 0.1)


@pytest.mark.parametrize("version", WRITERS)
def test_session_of_one_trial(tmp_path, version):
    path = WRITERS[version](tmp_path / "s.mat", session(1))
    table = read(path, "box", MAPPING)
    assert table["choice_side"].tolist() == ["left"] and table["rule"].tolist() == ["light"]


def test_one_trial_that_collapsed_to_a_struct(tmp_path):
    data = session(1) | {"RawEvents": {"Trial": TRIALS[0]}}
    scipy.io.savemat(tmp_path / "s.mat", {"SessionData": data})
    assert read(tmp_path / "s.mat", "box", MAPPING)["t_choice"].tolist() == [10.5]


def test_old_machine_without_trial_ends_and_types_planned_ahead(tmp_path):
    planned = np.array([1.0, 2, 2, 1, 1, 1])
    data = session(TrialEndTimestamp=None, TrialTypes=planned)
    rules = MAPPING["trials"] | {"stop": [], "window_s": 4, "omission": "Tup"}
    rules |= {"omission": []}
    table = read(version_5(tmp_path / "s.mat", data), "box", MAPPING | {"trials": rules})
    assert table["rule"].tolist() == ["light", "left", "left"]
    assert "TrialTypes has 6 values for 3 trials" in table.attrs["warnings"][0]


def test_input_that_never_came_is_no_mistake_but_a_state_is(tmp_path):
    path = version_5(tmp_path / "s.mat", session())
    rules = MAPPING["trials"] | {"choice": {"Port1In": "left", "Port2In": "right"}}
    assert read(path, "box", MAPPING | {"trials": rules})["choice_side"].tolist()[0] == "left"
    rules = MAPPING["trials"] | {"reward": "Rewards"}
    with pytest.raises(InputError, match=r"expected 'Rewards' \(did you mean 'Reward'\?\)"):
        read(path, "box", MAPPING | {"trials": rules})


def changed(index, part, **values):
    trials = [{key: dict(value) for key, value in trial.items()} for trial in TRIALS]
    trials[index][part].update(values)
    return {"RawEvents": {"Trial": trials}}


BAD = {
    "no start": ({"TrialStartTimestamp": None}, "found no TrialStartTimestamp"),
    "numbers": ({"nTrials": 4.0}, "trials in RawEvents: 3, TrialStartTimestamp: 3, nTrials: 4"),
    "starts": ({"TrialStartTimestamp": np.array([1.0, 2.0])}, "TrialStartTimestamp: 2"),
    "NaN start": ({"TrialStartTimestamp": np.array([1, np.nan, 3])}, "trial 2: found no start"),
    "backwards": (
        {"TrialStartTimestamp": np.array([50, 20, 30.0])},
        "trial 1: found 11 s after 50.9 s",
    ),
    "no events": ({"RawEvents": {"x": 1.0}}, "found no RawEvents.Trial"),
    "state": (changed(1, "States", Reward=np.array([3.0, 2.0])), "state Reward from 3 to 2 s"),
    "half a visit": (changed(1, "States", Reward=np.array([3.0, np.nan])), "from 3 to nan s"),
    "three numbers": (changed(1, "States", Reward=np.array([1.0, 2, 3])), "3 numbers in state"),
}


@pytest.mark.parametrize("kind", BAD)
def test_sessions_that_contradict_themselves(tmp_path, kind):
    changes, said = BAD[kind]
    data = session(**changes)
    path = tmp_path / "s.mat"
    if kind == "no events":
        scipy.io.savemat(path, {"SessionData": data})
    else:
        version_5(path, data)
    with pytest.raises(InputError) as error:
        read(path, "box", MAPPING)
    assert said in str(error.value) and "s.mat" in str(error.value)


def test_files_that_are_no_sessions(tmp_path):
    path = tmp_path / "s.mat"
    path.write_bytes(b"\x80\x04pickle")
    with pytest.raises(InputError, match="found no MATLAB file"):
        read(path, "box", MAPPING)
    scipy.io.savemat(path, {"Other": 1})
    with pytest.raises(InputError, match="found variables Other; expected SessionData"):
        read(path, "box", MAPPING)
    scipy.io.savemat(path, {"SessionData": 1})
    with pytest.raises(InputError, match="expected one struct"):
        read(path, "box", MAPPING)
    whole = version_5(path, session()).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cannot be read as a MATLAB file.*truncated"):
        read(path, "box", MAPPING)
    hdf = version_7_3(tmp_path / "h.mat", session())
    hdf.write_bytes(hdf.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"h\.mat"):
        read(hdf, "box", MAPPING)
    with pytest.raises(InputError, match="not found"):
        read(tmp_path / "gone.mat", "box", MAPPING)


def test_compressed_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(matlab5, "LARGEST_UNPACKED_BYTES", 5_000_000)
    good = io.BytesIO()
    scipy.io.savemat(good, {"x": 1})
    packed = zlib.compress(bytes(50_000_000))
    path = tmp_path / "bomb.mat"
    head = good.getvalue()[:128]
    path.write_bytes(head + np.array([15, len(packed)], "<u4").tobytes() + packed)
    assert path.stat().st_size < 100_000
    with pytest.raises(InputError, match="more than 5 MB unpacked"):
        read(path, "box", MAPPING)


def test_hdf5_that_points_elsewhere_is_refused(tmp_path):
    path = version_7_3(tmp_path / "s.mat", session())
    with h5py.File(path, "a") as file:
        file["SessionData/Notes"] = h5py.ExternalLink("/etc/passwd", "/")
    with pytest.raises(InputError, match="link to another file"):
        read(path, "box", MAPPING)


def same(ours, theirs):
    """Whether our reading of a variable agrees with SciPy's."""
    if isinstance(theirs, dict):
        return set(ours) == set(theirs) and all(same(ours[key], theirs[key]) for key in theirs)
    if isinstance(ours, list):
        items = [theirs] if isinstance(theirs, str | dict) else list(np.ravel(theirs, order="F"))
        return len(ours) == len(items) and all(map(same, ours, items))
    if isinstance(theirs, str):
        return ours == theirs
    theirs = np.asarray(theirs)
    if isinstance(ours, str):
        return ours == "" and not theirs.size
    if not theirs.size:
        return not np.size(ours)
    return np.array_equal(np.squeeze(ours), np.squeeze(theirs.astype(float)), equal_nan=True)


@pytest.mark.parametrize("compressed", [True, False])
def test_version_5_agrees_with_scipy(tmp_path, compressed):
    """An independent reader of the same bytes: all types of numbers, text, cells, structs."""
    rng = np.random.default_rng(3)
    kinds = ("i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8", "i8", "u8")
    cell = np.empty((2, 3), dtype=object)
    for index in np.ndindex(cell.shape):
        cell[index] = rng.normal(size=(index[0] + 1, index[1] + 2))
    cell[0, 0] = "text, Größe"
    cell[1, 1] = {"a": 1.5, "b": np.zeros((0, 0))}
    data = {kind: (rng.random((3, 4)) * 100).astype(kind) for kind in kinds}
    data |= {"cell": cell, "name": "Sandbox", "flag": np.array([True, False]), "one": 4.25}
    data |= {"cube": rng.normal(size=(2, 3, 4)), "empty": np.zeros((0, 3)), "blank": ""}
    data |= {"deep": {"deeper": {"deepest": np.array([1.0, np.nan])}}}
    path = tmp_path / "s.mat"
    scipy.io.savemat(path, {"before": 1, "SessionData": data}, do_compression=compressed)
    ours = matlab5.read_variable(path, "SessionData")[0]
    theirs = scipy.io.loadmat(path, simplify_cells=True)["SessionData"]
    theirs["cell"] = scipy.io.loadmat(path, struct_as_record=True)["SessionData"]["cell"][0, 0]
    for key in data:
        if key == "cell":
            assert ours["cell"][0] == "text, Größe"
            assert ours["cell"][3]["a"] == 1.5 and ours["cell"][3]["b"].size == 0
            assert np.array_equal(ours["cell"][5], cell[1, 2])
        else:
            assert same(ours[key], theirs[key]), key


@pytest.mark.parametrize("compressed", [True, False])
def test_damaged_bytes_are_refused_or_harmless(tmp_path, compressed):
    """SciPy's reader ends the process on some of these; here every file gives an answer."""
    good = version_5(tmp_path / "s.mat", session(), compressed).read_bytes()
    whole = read(tmp_path / "s.mat", "box", MAPPING)
    rng = np.random.default_rng(11)
    refused = 0
    for _ in range(150):
        data = bytearray(good)
        for at in rng.integers(0, len(data), size=3):
            data[at] = rng.integers(0, 256)
        (tmp_path / "d.mat").write_bytes(bytes(data))
        try:
            assert len(read(tmp_path / "d.mat", "box", MAPPING)) <= len(whole)
        except InputError:
            refused += 1
    assert refused > 50
