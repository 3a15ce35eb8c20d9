"""Find what lies beside recordings: sortings, behaviour logs, tracks, by names and first bytes.

What is found is told, and written to a list that the lab copies from. Only a sorting that lies in
its recording's own folder, or alone has its name, is proposed as that session's: which log belongs
to which session stands in the lab's notes, not in the names of files.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.commands.new_find import Found
from pipeline.errors import InputError
from pipeline.ingest.units_layouts import FINDERS

#: sortings that are told by their files alone; .plx and .nev hold events as well
_SORTED = ("phy", "kilosort", "spikeinterface", "cellexplorer", "neuralynx", "neuroscope")
_TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm")
#: first bytes that are looked at
_HEAD_BYTES = 4000
#: beginning of a compressed variable in a .mat file of version 5
_MAT_DATA = 136


@dataclass(frozen=True)
class Beside:
    """One file or folder that belongs into a row of sessions.tsv.

    Attributes
    ----------
    path : Path
        What the cell should name.
    column : str
        sorting, behaviour or movement; "" for a table that may be either.
    format : str
        What it is, in the words of docs/formats.md.
    """

    path: Path
    column: str
    format: str


def find_beside(folder: Path, recordings: Sequence[Found]) -> list[Beside]:
    """List sortings, logs and tracks below a folder, in the order of their paths.

    Parameters
    ----------
    folder : Path
        Looked through to the bottom; hidden folders and links to folders are passed over.
    recordings : sequence of Found
        What was found already; their own text files are not listed again.

    Returns
    -------
    list of Beside
        NWB files once for units and once for trials.
    """
    found: list[Beside] = []
    for place, inside, names in os.walk(folder, followlinks=False):
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        path = Path(place)
        sorting = _sorted_folder(path)
        if sorting:
            found.append(sorting)
            if sorting.path == path and sorting.format != "neuralynx":
                inside[:] = []
                continue
        for name in sorted(names):
            if not name.startswith(".") and (path / name).is_file():
                found += _file(path / name)
    of_recordings = {item.path for item in recordings if item.format != "nwb"}
    return [one for one in found if one.path not in of_recordings or one.column == "sorting"]


def _sorted_folder(path: Path) -> Beside | None:
    for name in _SORTED:
        try:
            files = FINDERS[name](path)
        except InputError:
            continue
        if files and not (name == "spikeinterface" and path.suffix == ".zarr"):
            own = files[0] if name == "cellexplorer" else path
            return Beside(own, "sorting", name)
    return None


def _file(path: Path) -> Iterator[Beside]:
    suffix, name = path.suffix.casefold(), path.name
    if suffix == ".nwb":
        yield from _nwb(path)
    elif suffix == ".mat":
        if _is_bpod(path):
            yield Beside(path, "behaviour", "bpod")
    elif suffix in (".nvt", ".pos", ".videopositiontracking"):
        kinds = {".nvt": "neuralynx", ".pos": "axona"}
        yield Beside(path, "movement", kinds.get(suffix, "trodes"))
    elif name.casefold().endswith(".analysis.h5"):
        yield Beside(path, "movement", "sleap")
    elif suffix in (".xlsx", ".xlsm"):
        yield Beside(path, "behaviour", "columns")
    elif suffix in _TABLES or not suffix or "subject" in name.casefold():
        yield from _text(path)


#: what the beginning of a text tells: column of sessions.tsv, format, and by what
_TEXTS: tuple[tuple[str, str, Callable[[str, str], bool]], ...] = (
    ("behaviour", "medpc", lambda head, name: "Start Date:" in head and "MSN:" in head),
    (
        "behaviour",
        "pycontrol",
        lambda head, name: head.startswith(("I Experiment name", "time\ttype\tsubtype\tcontent")),
    ),
    ("behaviour", "fed3", lambda head, name: "Active_Poke" in head and "Pellet_Count" in head),
    ("behaviour", "bids", lambda head, name: name.endswith(("_events.tsv", "_beh.tsv"))),
    ("behaviour", "scored", lambda head, name: "Observation id" in head and "Behavior" in head),
    ("movement", "deeplabcut", lambda head, name: head.startswith("scorer,")),
    ("movement", "sleap", lambda head, name: head.startswith("track,frame_idx")),
)


def _text(path: Path) -> Iterator[Beside]:
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if b"\0" in head:
        return
    text = head.decode("latin-1").removeprefix("\xef\xbb\xbf").replace("\r\n", "\n")
    for column, format, fits in _TEXTS:
        if fits(text, path.name):
            yield Beside(path, column, format)
            return
    first = text.partition("\n")[0]
    if path.suffix.casefold() in (".csv", ".tsv") and any(mark in first for mark in ",;\t"):
        yield Beside(path, "", "columns")


def _is_bpod(path: Path) -> bool:
    """Whether a .mat file holds SessionData, from its first bytes."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if b"SessionData" in head:
        return True
    if not head.startswith(b"MATLAB 5.0"):
        return False
    try:
        begin = zlib.decompressobj().decompress(head[_MAT_DATA:], 200)
    except zlib.error:
        return False
    return b"SessionData" in begin


def _nwb(path: Path) -> Iterator[Beside]:
    from pipeline.ingest.hdf5 import open_nwb

    try:
        with open_nwb(path) as file:
            units = "units" in file and "spike_times" in file["units"]
            trials, events = "intervals/trials" in file, bool(file.get("events"))
    except InputError:
        return
    if units:
        yield Beside(path, "sorting", "nwb")
    if trials or events:
        yield Beside(path, "behaviour", "nwb_trials" if trials else "nwb_events")


def own_sorting(
    recording: Path, beside: Sequence[Beside], recordings: Sequence[Path]
) -> Beside | None:
    """Return the sorting that lies with a recording, where no other one could be meant.

    Parameters
    ----------
    recording : Path
        File or folder.
    beside : sequence of Beside
        All that was found.
    recordings : sequence of Path
        All recordings.

    Returns
    -------
    Beside or None
        The recording itself (NWB with units), the only one below its folder, the only one in the
        folder of a file that has the folder to itself, or, of sortings that lie apart, the only
        folder named as the one recording of that name.
    """
    sorted_ones = [one for one in beside if one.column == "sorting"]
    same = [one for one in sorted_ones if one.path == recording]
    if same:
        return same[0]
    folder = recording if recording.is_dir() else recording.parent
    inside = [one for one in sorted_ones if folder in one.path.parents]
    if sum(other == folder or folder in other.parents for other in recordings) != 1:
        inside = []
    if not inside and sum(_name(other) == _name(recording) for other in recordings) == 1:
        inside = [one for one in sorted_ones if one.path.name == _name(recording)]
    return inside[0] if len(inside) == 1 else None


def _name(recording: Path) -> str:
    """Return the name of a recording's folder, or of its file without suffix."""
    return recording.name if recording.is_dir() else recording.stem
