"""TTL lines of Open Ephys and SpikeGLX, from the raw words.

Each stream of these rigs has its own clock. A pulse on the clock of the analysed stream is placed
exactly; one on another clock is placed as if both clocks had started with the acquisition, and is
marked as not aligned: shared sync pulses align it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.ingest.damage import TRUNCATED, load_numbers, sample_numbers_file, spikeglx_meta
from pipeline.ingest.events_words import (
    Pulses,
    numbered,
    pair_edges,
    read_columns,
    split_lines,
    word_changes,
)
from pipeline.ingest.files import recording_files, spikeglx_pairs

if TYPE_CHECKING:
    import numpy as np

#: bit of the sync input in the SY word of an imec or OneBox stream (SpikeGLX metadata help)
SYNC_BIT = 6


@dataclass(frozen=True)
class Clock:
    """First sample of a stream on its own clock.

    Attributes
    ----------
    name : str
        Stream.
    first : int
        Number of its first sample since acquisition began.
    rate_hz : float
        Samples per second.
    """

    name: str
    first: int
    rate_hz: float

    @property
    def start_s(self) -> float:
        """Time of the first sample since acquisition began."""
        return self.first / self.rate_hz


# --- Open Ephys


def openephys_events(path: Path, stream: str) -> list[Pulses]:
    """Read every TTL line of an Open Ephys binary recording.

    Parameters
    ----------
    path : pathlib.Path
        Any folder of the recording, or its ``structure.oebin``.
    stream : str
        The analysed stream, as the reader calls it.

    Returns
    -------
    list of Pulses
        In seconds from the first sample of the analysed stream; lines count from 1, as in the GUI.

    Raises
    ------
    InputError
        Files of a line missing, of different lengths or no numbers; sample numbers that run
        backwards.
    """
    structure, entry = _openephys_stream(path, stream)
    folder = structure.parent
    analysed = _openephys_clock(folder / "continuous" / entry["folder_name"], entry)
    described = json.loads(structure.read_text(encoding="utf-8"))
    found: list[Pulses] = []
    for ttl in sorted((folder / "events").glob("*/TTL*")):
        own = ttl.parent.name
        entries = {item["folder_name"].strip("/"): item for item in described["continuous"]}
        rate = _event_rate(described.get("events", []), entries.get(own), ttl)
        found += _openephys_lines(ttl, Clock(own, 0, rate), analysed, folder)
    return found


def _openephys_stream(path: Path, stream: str) -> tuple[Path, dict[str, Any]]:
    """Return the structure.oebin and the entry of the analysed stream."""
    node, _, name = stream.rpartition("#")
    for structure in recording_files(path, "openephys"):
        if structure.name != "structure.oebin" or (node and node not in structure.parts):
            continue
        for entry in json.loads(structure.read_text(encoding="utf-8"))["continuous"]:
            folder = entry["folder_name"].strip("/")
            if folder == name and (structure.parent / "continuous" / folder).is_dir():
                return structure, entry
    raise InputError(f"{path}: found no folder of the stream '{stream}' in any structure.oebin")


def _openephys_clock(folder: Path, entry: dict[str, Any]) -> Clock:
    numbers = load_numbers(sample_numbers_file(folder))
    return Clock(folder.name, int(numbers[0]), float(entry["sample_rate"]))


def _event_rate(events: list[dict[str, Any]], own: dict[str, Any] | None, ttl: Path) -> float:
    if own is not None:
        return float(own["sample_rate"])
    name = f"{ttl.parent.name}/{ttl.name}"
    for entry in events:
        if entry.get("folder_name", "").strip("/") == name and "sample_rate" in entry:
            return float(entry["sample_rate"])
    raise InputError(f"{ttl}: structure.oebin names no sampling rate of these events; {TRUNCATED}")


def _openephys_lines(ttl: Path, own: Clock, analysed: Clock, folder: Path) -> list[Pulses]:
    import numpy as np

    states_file = ttl / "states.npy"
    if not states_file.is_file():
        # Until GUI 0.5
        states_file = ttl / "channel_states.npy"
    numbers_file = sample_numbers_file(ttl)
    states, numbers = (load_numbers(file) for file in (states_file, numbers_file))
    if len(states) != len(numbers):
        raise InputError(
            f"{states_file}: found {len(states)} states for {len(numbers)} entries of "
            f"{numbers_file.name}; {TRUNCATED}"
        )
    backwards = np.flatnonzero(np.diff(numbers) < 0)
    if len(backwards):
        place = int(backwards[0]) + 1
        raise InputError(
            f"{numbers_file}: entry {place}: found sample {int(numbers[place])} after "
            f"{int(numbers[place - 1])}; expected growing numbers: acquisition was restarted while "
            "recording"
        )
    aligned = own.name == analysed.name
    times = numbers / own.rate_hz - analysed.start_s
    if (
        not aligned
        and (synchronised := _synchronised_times(ttl, own, analysed, folder)) is not None
    ):
        times, aligned = synchronised, True
    found = []
    for line in np.unique(np.abs(states)).tolist():
        mine = np.abs(states) == line
        on, off = pair_edges(times[mine], states[mine] > 0)
        found.append(Pulses(int(line), on, off, own.name, aligned))
    return found


def _synchronised_times(ttl: Path, own: Clock, analysed: Clock, folder: Path) -> np.ndarray | None:
    """Return event times on the clock that the GUI synchronised; None when it did not.

    ``timestamps.npy`` holds seconds on the main stream's clock once sync pulses were seen; before,
    -1 or the stream's own sample numbers in seconds.
    """
    import numpy as np

    files = ttl / "timestamps.npy", folder / "continuous" / analysed.name / "timestamps.npy"
    if not all(file.is_file() and (file.parent / "sample_numbers.npy").is_file() for file in files):
        return None
    events, signals = (load_numbers(file, whole=False) for file in files)
    numbers = load_numbers(ttl / "sample_numbers.npy")
    if len(events) != len(numbers) or not len(events) or not len(signals):
        return None
    if np.any(~np.isfinite(events)) or np.any(events < 0) or not signals[0] >= 0:
        return None
    if np.any(np.diff(events) < 0):
        return None
    free = [
        bool(np.allclose(events, numbers / own.rate_hz, rtol=0, atol=1e-7)),
        bool(abs(signals[0] - analysed.start_s) < 1e-7),
    ]
    # Two streams that both count their own samples were not synchronised with each other.
    return None if all(free) else np.asarray(events - signals[0], dtype=np.float64)


# --- SpikeGLX


def spikeglx_events(path: Path, stream: str) -> list[Pulses]:
    """Read the sync word of each probe and the digital words of the NI device.

    The words are decoded here: neo casts them to 8 bits, so that line 8 shows the pulses of line 0.

    Parameters
    ----------
    path : pathlib.Path
        Folder of the run, or one of its files.
    stream : str
        The analysed stream ("imec0.lf").

    Returns
    -------
    list of Pulses
        Sync line 6 of imec and OneBox streams; line 16 k + b is bit b of digital word k of the NI
        device. In seconds from the first sample of the analysed stream. Of the two bands of one
        probe, which share a clock and the sync input, one is read.
    """
    folder = path.parent if path.is_file() else path
    streams = {_spikeglx_name(binary): (binary, meta) for binary, meta in spikeglx_pairs(folder)}
    if stream not in streams:
        raise InputError(
            f"{path}: found files of {', '.join(streams)}; expected one of the stream {stream}: "
            "the files were renamed"
        )
    analysed = _spikeglx_clock(stream, spikeglx_meta(streams[stream][1]))
    found: list[Pulses] = []
    for name in _one_per_device(list(streams), stream):
        binary, meta_file = streams[name]
        meta = spikeglx_meta(meta_file)
        clock = _spikeglx_clock(name, meta)
        total = int(meta["nSavedChans"])
        wanted, lines = _digital_columns(meta, total)
        if not lines:
            continue
        pieces = read_columns(binary, dtype="<u2", columns=total, wanted=wanted)
        mask = sum(1 << bit for bit in lines.values())
        changes = word_changes(map(_joined, pieces), mask=mask)
        times = (changes.samples + clock.first) / clock.rate_hz - analysed.start_s
        aligned = _device(name) == _device(stream)
        found += [
            Pulses(pulses.line, pulses.on, pulses.off, name, aligned)
            for pulses in split_lines(changes.first, times, changes.words, lines=lines)
        ]
    return found


def _spikeglx_name(binary: Path) -> str:
    """Return imec0.lf of run_g0_t0.imec0.lf.bin, nidq of run_g0_t0.nidq.bin."""
    match = re.search(r"\.(imec\d*\.(?:ap|lf)|nidq|obx\d*)(?:\.obx)?\.bin$", binary.name)
    return match.group(1) if match else ".".join(binary.name.split(".")[1:-1])


def _device(stream: str) -> str:
    return stream.partition(".")[0]


def _one_per_device(names: list[str], analysed: str) -> list[str]:
    chosen: dict[str, str] = {}
    for name in sorted(names):
        if name == analysed or _device(name) not in chosen:
            chosen[_device(name)] = name
    return list(chosen.values())


def _spikeglx_clock(name: str, meta: dict[str, str]) -> Clock:
    rates = [meta[key] for key in ("imSampRate", "niSampRate", "obSampRate") if key in meta]
    return Clock(name, int(meta.get("firstSample", 0)), float(rates[0]))


def _digital_columns(meta: dict[str, str], total: int) -> tuple[slice, dict[int | str, int]]:
    """Return which columns hold digital words, and the bit of each line in the joined word."""
    if "snsMnMaXaDw" in meta:
        words = int(meta["snsMnMaXaDw"].split(",")[3])
        return slice(total - words, total), numbered(range(min(16 * words, 64)))
    key = "snsApLfSy" if "snsApLfSy" in meta else "snsXaDwSy"
    has_sync = int(meta[key].split(",")[2]) > 0
    return slice(total - 1, total), {SYNC_BIT: SYNC_BIT} if has_sync else {}


def _joined(words: np.ndarray) -> np.ndarray:
    """Join the 16-bit words of a frame into one word of up to 64 bits."""
    import numpy as np

    joined = np.zeros(len(words), dtype=np.uint64)
    for index in range(min(words.shape[1], 4)):
        joined |= words[:, index].astype(np.uint64) << np.uint64(16 * index)
    return joined
