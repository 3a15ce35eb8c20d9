"""The tools to break the files of one session: what stands in its row, and what it is made of."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from experiments import write_experiment
from test_ingest_medpc import session_text

from pipeline.simulate.writers import write_openephys

DATA = Path(__file__).parent / "data"
RATE_HZ = 1000.0
#: from a folder to the cells of the session's row that name what was written there
Make = Callable[[Path], Mapping[str, str]]

FORMATS = {
    "box": {
        "columns": {
            "trial": "Trial",
            "time": "t (s)",
            "choice_side": "Choice",
            "correct": "Correct",
        },
        "values": {
            "choice_side": {"L": "left", "R": "right", "": "omission"},
            "correct": {1: True, 0: False},
        },
    },
    "medpc": {
        "reader": "medpc",
        "medpc": {"events": [{"layout": "times", "array": "A", "event": "start", "length": "Y"}]},
        "trials": {"start": "start", "correct": {"start": True}},
    },
    "pycontrol": {
        "reader": "pycontrol",
        "trials": {"start": "choice_state", "choice": {"poke_l": "left", "poke_r": "right"}},
    },
    "bpod": {"reader": "bpod", "trials": {"start": "TrialStart", "correct": {"Reward": True}}},
    "nwb": {"reader": "nwb_trials", "columns": {"t_cue": "start_time", "correct": "Correct"}},
}
HEADER = "Trial,t (s),Choice,Correct"


def experiment(folder: Path, make: Make) -> Path:
    """Write an experiment of two sessions, of which ``make`` breaks the first one's files."""
    rng = np.random.default_rng(3)
    signals = rng.normal(0, 50, (2000, 2)).astype(np.float32)
    write_openephys(folder / "sound", signals, rate_hz=RATE_HZ, channels=["CH1", "CH2"])
    shutil.copy(DATA / "movement.csv", folder / "sound.csv")
    sound = {
        "recording": "sound",
        "recording_format": "openephys",
        "movement": "sound.csv",
    }
    cells = dict(make(folder))
    config = {
        "design": {
            "conditions": {"vehicle": {"drug": "saline"}, "psilocybin": {"drug": "psilocybin"}},
            "reference_condition": "vehicle",
            "contexts": ["home_cage"],
            "phases": {"baseline": [-1, -0.1], "acute": [0.1, 1]},
            "handling_s": [-0.1, 0.1],
            "minimum_epoch_s": 0.5,
        },
        "flexibility": {
            "task": {"rules": {"light": "follow cue"}, "criterion": {"consecutive": 5}}
        },
        "behaviour": {"formats": FORMATS},
    }
    tables: dict[str, list[dict[str, Any]]] = {}
    if "channel" in cells:
        tables["channels"] = [
            {"session": "broken", "channel": cells.pop("channel"), "region": "mPFC"}
        ]
    rows = [("broken", "r1", "saline", cells), ("sound", "r2", "psilocybin", sound)]
    columns = ("recording", "recording_format", "sorting", "behaviour", "behaviour_format")
    return write_experiment(
        folder,
        config,
        sessions=[
            {"session": name, "animal": animal}
            | {column: own.get(column, "") for column in (*columns, "movement")}
            for name, animal, _, own in rows
        ],
        administrations=[
            {"animal": animal, "session": name, "time_s": 1, "drug": drug}
            for name, animal, drug, _ in rows
        ],
        contexts=[
            {"session": name, "context": "home_cage", "start_s": 0, "stop_s": 2}
            for name, *_ in rows
        ],
        **tables,
    )


def names(recording: str, format: str = "auto", **more: str) -> Make:
    """Name a recording that may or may not be there."""
    return lambda folder: {"recording": recording, "recording_format": format, **more}


def raw(data: bytes | None = None, *, name: str = "raw.dat", **changes: Any) -> Make:
    """Write a raw binary file and a side-car with changes."""

    def make(folder: Path) -> Mapping[str, str]:
        counts = np.arange(4000, dtype=np.int16).tobytes() if data is None else data
        (folder / name).write_bytes(counts)
        car = {
            "rate_hz": RATE_HZ,
            "channels": ["a", "b"],
            "dtype": "int16",
            "gain_uv": 0.195,
            "offset_uv": 0.0,
            **changes,
        }
        (folder / f"{name}.json").write_text(json.dumps(car))
        return {"recording": name, "recording_format": "binary"}

    return make


def openephys(spoil: Callable[[Path], None], **more: str) -> Make:
    """Spoil one file of an Open Ephys recording; ``spoil`` gets its folder of samples."""

    def make(folder: Path) -> Mapping[str, str]:
        signals = np.full((2000, 2), 10, np.float32)
        signals[::2] = -10
        write_openephys(folder / "rat", signals, rate_hz=RATE_HZ, channels=["CH1", "CH2"])
        (data,) = (folder / "rat").rglob("continuous.dat")
        spoil(data.parent)
        return {"recording": "rat", "recording_format": "openephys", **more}

    return make


def copied(name: str, spoil: Callable[[Path], None], *, to: str = "recording") -> Make:
    """Spoil a copy of one of the committed files; ``to`` is the column that names it."""

    def make(folder: Path) -> Mapping[str, str]:
        source, target = DATA / name, folder / name
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        spoil(target)
        return {to: name} | ({"behaviour_format": "nwb"} if to == "behaviour" else {})

    return make


def cut(pattern: str, *, bytes_off: int) -> Callable[[Path], None]:
    """Cut the end of the one file that fits the pattern."""

    def spoil(path: Path) -> None:
        file = next(path.rglob(pattern)) if path.is_dir() else path
        file.write_bytes(file.read_bytes()[:-bytes_off])

    return spoil


def array(pattern: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    """Change the array in a .npy file."""

    def spoil(path: Path) -> None:
        file = next(path.rglob(pattern))
        np.save(file, change(np.load(file)), allow_pickle=True)

    return spoil


class Trap:
    """An object that leaves a trace when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("unpickled",)


def pickled(_: np.ndarray) -> np.ndarray:
    return np.array([Trap(), 1], dtype=object)


def hdf5(change: Callable[[h5py.File], None]) -> Callable[[Path], None]:
    """Change an NWB file."""

    def spoil(path: Path) -> None:
        with h5py.File(path, "a") as file:
            change(file)

    return spoil


def log(content: str | bytes, *, name: str = "log.csv", format: str = "box") -> Make:
    """Write a behaviour log."""

    def make(folder: Path) -> Mapping[str, str]:
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)
        return {"behaviour": name, "behaviour_format": format}

    return make


def trials(*rows: str, header: str = HEADER) -> Make:
    """Write a log with one row per trial."""
    return log("\n".join([header, *rows]) + "\n")


def medpc(letters: Mapping[str, Any], *, change: tuple[str, str] = ("", "")) -> Make:
    """Write a MED-PC session."""
    text = "File: C:\\x\n\n\n" + session_text(letters)
    return log(text.replace(*change).replace("\n", "\r\n"), name="rat.txt", format="medpc")


def movement(content: str | bytes, *, name: str = "track.csv") -> Make:
    """Write a movement file."""

    def make(folder: Path) -> Mapping[str, str]:
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)
        return {"movement": name}

    return make


def special(column: str, kind: str, **cells: str) -> Make:
    """Put a pipe, a device, an endless link or a folder where a file is expected."""

    def make(folder: Path) -> Mapping[str, str]:
        path = folder / "special.csv"
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "device":
            path.symlink_to("/dev/zero")
        elif kind == "loop":
            path.symlink_to(path)
        else:
            path.mkdir()
        return {column: path.name, **cells}

    return make


def workbook_bomb(folder: Path) -> Mapping[str, str]:
    """Write a workbook of some kilobytes that says it unpacks to four gigabytes."""
    path = folder / "log.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/worksheets/sheet1.xml", bytes(1_000_000))
    data = bytearray(path.read_bytes())
    # the entry's length in the directory at the end of the file
    place = data.rindex(b"PK\1\2") + 24
    data[place : place + 4] = (4_000_000_000).to_bytes(4, "little")
    path.write_bytes(data)
    return {"behaviour": path.name, "behaviour_format": "box"}


def workbook_with_entities(folder: Path) -> Mapping[str, str]:
    """Write a workbook whose XML expands its own entities (billion laughs)."""
    with zipfile.ZipFile(folder / "log.xlsx", "w") as book:
        book.writestr("[Content_Types].xml", '<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>')
    return {"behaviour": "log.xlsx", "behaviour_format": "box"}
