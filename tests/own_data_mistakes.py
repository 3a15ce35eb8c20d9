"""The commonest mistakes of docs/own_data, made on purpose: what the pages quote is what they say.

Each function breaks a copy of a page's example; the current folder holds ``raw`` and
``my_experiment``. Files may be hard links to the sound ones, so they are replaced, never changed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import scipy.io
from own_data_files import trains

Mistake = Callable[[], None]


def replaced(path: str | Path, data: bytes) -> None:
    """Write a file anew."""
    Path(path).unlink()
    Path(path).write_bytes(data)


def edit(name: str, old: str, new: str) -> Mistake:
    """Return a change of one of the lab's files."""

    def make() -> None:
        path = Path("my_experiment") / name
        text = path.read_text()
        assert old in text, (name, old)
        path.write_text(text.replace(old, new))

    return make


def text(path: str, old: str, new: str, *, count: int = -1) -> Mistake:
    """Return a change of a raw text."""

    def make() -> None:
        content = Path(path).read_bytes()
        assert old.encode() in content, (path, old)
        replaced(path, content.replace(old.encode(), new.encode(), count))

    return make


def cut(pattern: str, bytes_off: int) -> Mistake:
    """Return a copy of a raw file that did not finish."""

    def make() -> None:
        path = next(Path("raw").glob(pattern))
        replaced(path, path.read_bytes()[:-bytes_off])

    return make


def gone(pattern: str) -> Mistake:
    return lambda: next(Path("raw").glob(pattern)).unlink()


def renamed(path: str, to: str) -> Mistake:
    return lambda: Path(path).rename(to)


def lost_samples() -> None:
    path = next(Path("raw/rat02/2026-03-09_11-30-00").rglob("sample_numbers.npy"))
    numbers = np.load(path)
    numbers[500_000:] += 4000
    path.unlink()
    np.save(path, numbers)


def second_files() -> None:
    shutil.copy("raw/rat01_d1/CSC1.ncs", "raw/rat01_d1/CSC1_0001.ncs")


def second_block() -> None:
    shutil.copytree("raw/tdt/Tank/Block-1", "raw/tdt/Tank/Block-2")
    edit("sessions.tsv", "tdt/Tank/Block-1", "tdt/Tank")()


def no_gain() -> None:
    path = "raw/sub-rat01_ses-d1.nwb"
    replaced(path, Path(path).read_bytes())
    with h5py.File(path, "a") as file:
        file["acquisition/ElectricalSeries/data"].attrs["conversion"] = 0.0


def no_units() -> None:
    path = "raw/sub-rat01_ses-d2.nwb"
    replaced(path, Path(path).read_bytes())
    with h5py.File(path, "a") as file:
        del file["units"]


def a_pickle() -> None:
    Path("raw/rat01_d2/sorting.pkl").write_bytes(b"any")
    edit("sessions.tsv", "rat01_d2/sorting\t", "rat01_d2/sorting.pkl\t")()


def spikes_in_seconds() -> None:
    path = Path("raw/rat01_d1/phy/spike_times.npy")
    path.unlink()
    np.save(path, np.concatenate(trains()))


def other_matlab_file() -> None:
    path = next(Path("raw").rglob("rat01_*20260302*.mat"))
    path.unlink()
    scipy.io.savemat(path, {"Data": 1})


def old_workbook() -> None:
    Path("raw/boxes.xls").write_bytes(b"\xd0\xcf\x11\xe0")
    edit("sessions.tsv", "boxes.xlsx", "boxes.xls")()


def decimal_commas() -> None:
    path = "raw/rat01_d1.csv"
    content = Path(path).read_text().replace(",", ";").replace(".", ",")
    replaced(path, content.encode())


def duplicated_row() -> None:
    path = Path("my_experiment/measurements.tsv")
    rows = path.read_text()
    path.write_text(rows + rows.splitlines()[1] + "\n")


_DLC = "raw/rat01_d1DLC_resnet50_openfield.csv"
#: page -> groups of mistakes; those of a group are made at once
MISTAKES: dict[str, list[list[Mistake]]] = {
    "openephys": [
        [
            edit("sessions.tsv", "../raw/rat01/2026-03-02_09-30-00", "../raw/rat01"),
            lost_samples,
        ],
        [edit("config.yaml", "line: 1", "line: 2")],
    ],
    "spikeglx": [
        [
            gone("rat01_d1_g0/**/*.lf.meta"),
            cut("rat01_d2_g0/**/*.lf.bin", 600),
            text("raw/rat02_d1_g0/phy/params.py", "30000", "25000"),
        ]
    ],
    "intan": [
        [
            cut("rat01_d1_260302_093000.rhd", 1000),
            edit("channels.tsv", "A-001", "CH2"),
        ],
        [edit("sessions.tsv", "../raw/rat01_d2_260302_093000.rhd", "../raw")],
    ],
    "neuralynx": [
        [
            second_files,
            edit("sessions.tsv", "../raw/rat01_d2\t", "../raw/rat01_d2/CSC1.ncs\t"),
            cut("rat02_d1/CSC2.ncs", 5000),
        ]
    ],
    "nwb": [
        [
            no_gain,
            no_units,
            edit("config.yaml", "correct: is_correct", "correct: correct"),
        ]
    ],
    "other_recordings": [
        [
            gone("binary/session.dat.json"),
            second_block,
            renamed("raw/brainvision/session.eeg", "raw/brainvision/rat04.eeg"),
        ],
        [
            renamed("raw/plexon/session.plx", "raw/plexon/session.pl2"),
            edit("sessions.tsv", "session.plx", "session.pl2"),
        ],
    ],
    "sorted_units": [
        [
            spikes_in_seconds,
            a_pickle,
        ],
        [edit("sessions.tsv", "rat01_d1/phy", "rat01_d1")],
    ],
    "medpc": [
        [edit("config.yaml", "rows: {Subject: '{animal}'}", "rows: {}")],
        [edit("config.yaml", "11: lever_left, ", "")],
        [text("raw/!2026-03-02", "G:     146.000", "G:     400.000", count=1)],
    ],
    "pycontrol": [
        [text("raw/rat01-2026-03-02-103000.tsv", "subject_id\trat01", "subject_id\tR1")],
        [edit("config.yaml", "poke_l: left, poke_r: right", "left_poke: left, right_poke: right")],
        [edit("config.yaml", "variables: {rule: rule}", "variables: {rule: current_rule}")],
    ],
    "bpod": [
        [other_matlab_file],
        [edit("config.yaml", "rule: {1: light}", "rule: {2: light}")],
        [edit("config.yaml", "Reward: true, Punish: false", "Reward: true")],
    ],
    "spreadsheets": [
        [decimal_commas, old_workbook],
        [edit("config.yaml", "L: left, R: right, '': omission", "left: left, right: right")],
        [text("raw/rat01_d1.csv", "Trial,", "Box 3\nTrial,", count=1)],
    ],
    "other_logs": [
        [
            text("raw/FED003_030226_00.CSV", "3/2/2026 10:00:00", "02.03.2026 10:00", count=1),
            text("raw/forced_swim.csv", "rat02_d2,rat02,Immobile,,STOP,50\n", ""),
            edit("config.yaml", "t_cue: onset", "t_cue: Onset"),
        ]
    ],
    "movement": [
        [edit("config.yaml", "  frame_rate_hz: 10\n", "")],
        [edit("config.yaml", "  body_part: nose\n", "")],
        [edit("config.yaml", "[200, 100, 400, 300]", "[24, 12, 48, 36]")],
    ],
    "measurements": [
        [edit("measurements.tsv", "latency_to_feed\t305", "latency_to_fed\t305")],
        [edit("measurements.tsv", "\t360\t", "\t>360\t")],
        [duplicated_row],
    ],
}


def linked(sound: Path, broken: Path) -> None:
    """Copy a page's folder with hard links, so that big files are not written again."""
    shutil.copytree(sound / "raw", broken / "raw", copy_function=os.link)
    shutil.copytree(sound / "my_experiment", broken / "my_experiment")
