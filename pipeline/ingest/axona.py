"""Axona DacqUSB: ``.set`` with ``.eeg`` (250 Hz) and ``.egf`` (4800 Hz) files, ``.inp`` events.

Layout and scale: Axona, "DacqUSB file formats": microvolts = count / full count x
ADC_fullscale_mv x 1000 / gain of the channel.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.ingest.damage import TRUNCATED
from pipeline.ingest.events_words import Pulses, idle_word, numbered, split_lines
from pipeline.ingest.files import LAYOUTS
from pipeline.ingest.streams import pick_stream

if TYPE_CHECKING:
    import numpy as np
    from spikeinterface import BaseRecording

_DATA = b"data_start"
_END = b"\r\ndata_end"


@dataclass(frozen=True)
class AxonaFile:
    """One file: a text header, then binary data.

    Attributes
    ----------
    file : pathlib.Path
        The file.
    header : dict of str to str
        First word of each line to the rest.
    start, bytes : int
        Place and length of the data.
    """

    file: Path
    header: dict[str, str]
    start: int
    bytes: int

    def number(self, key: str) -> float:
        """Return a number of the header ("250 hz" is 250)."""
        return header_number(self.header, key, self.file)


def header_number(header: dict[str, str], key: str, file: Path) -> float:
    """Return the number that a line of an Axona header begins with.

    Raises
    ------
    InputError
        No such line, or no number in it.
    """
    found = re.match(r"[-+]?\d+(\.\d+)?", header.get(key, ""))
    if not found:
        raise InputError(
            f"{file}: header: found {key} '{header.get(key, '')}'; expected a number; {TRUNCATED}, "
            "or the file was not written by Axona's DacqUSB"
        )
    return float(found.group(0))


def read_axona_header(text: str) -> dict[str, str]:
    """Return the lines of a header, by their first word."""
    pairs = (line.strip().partition(" ") for line in text.splitlines())
    return {key: value.strip() for key, _, value in pairs if key}


def read_axona_file(file: Path) -> AxonaFile:
    """Find header and data of an ``.eeg``, ``.egf`` or ``.inp`` file.

    Raises
    ------
    InputError
        No ``data_start``, or no ``data_end`` behind the data.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        head = stream.read(1 << 16)
        stream.seek(max(0, size - 64))
        tail = stream.read()
    place, end = head.find(_DATA), tail.rfind(_END)
    if place < 0 or end < 0:
        raise InputError(
            f"{file}: found no {'data_start' if place < 0 else 'data_end'}; expected a text "
            f"header, data_start, data and data_end; {TRUNCATED}"
        )
    start = place + len(_DATA)
    header = read_axona_header(head[:place].decode("latin-1"))
    return AxonaFile(file, header, start, max(0, size - 64) + end - start)


def _set_file(path: Path) -> Path:
    files = [f for f in LAYOUTS["axona"].files(path) if f.suffix.casefold() == ".set"]
    if len(files) != 1:
        names = ", ".join(file.name for file in files) or "none"
        raise InputError(f"{path}: found {names}; expected one *.set: name it")
    return files[0]


def open_axona(path: Path, stream: str | None) -> BaseRecording:
    """Open the ``.eeg`` or ``.egf`` files of an Axona trial (streams "eeg" and "egf").

    Raises
    ------
    InputError
        Files of other lengths or rates than the first, of another length than their header says;
        no gain in the ``.set`` file.
    """
    setup_file = _set_file(path)
    setup = read_axona_header(setup_file.read_text(encoding="latin-1"))
    files: dict[str, dict[int, Path]] = {}
    for file in LAYOUTS["axona"].files(setup_file):
        match = re.fullmatch(r"\.(eeg|egf)(\d*)", file.suffix.casefold())
        if match:
            files.setdefault(match.group(1), {})[int(match.group(2) or 1)] = file
    name = pick_stream(sorted(files), wanted=stream, file=path)
    channels = {number: read_axona_file(file) for number, file in sorted(files[name].items())}
    first = next(iter(channels.values()))
    count_key = "num_EEG_samples" if name == "eeg" else "num_EGF_samples"
    width = int(first.number("bytes_per_sample"))
    for item in channels.values():
        shape = item.number(count_key), item.number("sample_rate"), item.number("bytes_per_sample")
        expected = first.number(count_key), first.number("sample_rate"), float(width)
        if shape != expected or item.bytes != int(expected[0]) * width:
            raise InputError(
                f"{item.file}: found {item.bytes} bytes, {shape[0]:g} samples of {shape[2]:g} "
                f"bytes at {shape[1]:g} Hz; expected {expected[0]:g} of {expected[2]:g} bytes at "
                f"{expected[1]:g} Hz as in {first.file.name}; {TRUNCATED}"
            )
    recording = _lazy(channels, name, width, count_key, setup, setup_file)
    recording.annotate(stream=name)
    return recording


def _lazy(
    channels: dict[int, AxonaFile],
    name: str,
    width: int,
    count_key: str,
    setup: dict[str, str],
    setup_file: Path,
) -> BaseRecording:
    import numpy as np

    from pipeline.ingest.lazy import LazyRecording

    dtype = np.dtype("<i1" if width == 1 else "<i2")
    files = list(channels.values())

    def read(start: int, end: int) -> np.ndarray:
        columns = [
            np.fromfile(
                item.file, dtype=dtype, count=end - start, offset=item.start + width * start
            )
            for item in files
        ]
        return np.stack(columns, axis=1)

    range_uv = header_number(setup, "ADC_fullscale_mv", setup_file) * 1000
    gains = []
    for number in channels:
        # The EEG's source counts channels from 1, gains count them from 0.
        source = int(header_number(setup, f"EEG_ch_{number}", setup_file))
        gain = header_number(setup, f"gain_ch_{source - 1}", setup_file)
        if gain <= 0:
            raise InputError(f"{setup_file}: gain_ch_{source - 1}: found {gain:g}; expected a gain")
        gains.append(range_uv / 2 ** (8 * width - 1) / gain)
    return LazyRecording(
        read,
        samples=int(files[0].number(count_key)),
        rate_hz=files[0].number("sample_rate"),
        channels=[f"{name}{number if number > 1 else ''}" for number in channels],
        dtype=dtype.str,
        gains_uv=gains,
    )


def axona_events(path: Path, stream: str) -> list[Pulses]:
    """Read the digital inputs of the ``.inp`` file; line k is bit k, time counts from the trial.

    Key presses are lines "key a".

    Raises
    ------
    InputError
        Data that are no whole number of 7-byte records, times that run backwards.
    """
    import numpy as np

    from pipeline.ingest.events_files import marker_pulses

    setup_file = _set_file(path)
    file = setup_file.with_suffix(".inp")
    if not file.is_file():
        return []
    inputs = read_axona_file(file)
    layout = np.dtype([("time", ">u4"), ("kind", "S1"), ("value", ">u2")])
    if inputs.bytes % layout.itemsize:
        raise InputError(
            f"{file}: found {inputs.bytes} bytes of data; expected whole records of "
            f"{layout.itemsize} bytes; {TRUNCATED}"
        )
    records = np.fromfile(
        file, dtype=layout, count=inputs.bytes // layout.itemsize, offset=inputs.start
    )
    ticks = records["time"].astype(np.int64)
    backwards = np.flatnonzero(np.diff(ticks) < 0)
    if len(backwards):
        place = int(backwards[0]) + 1
        raise InputError(
            f"{file}: record {place}: found time {ticks[place]} after {ticks[place - 1]}; expected "
            "growing times: two trials were joined"
        )
    times = ticks / inputs.number("timebase")
    keys = records["kind"] == b"K"
    markers = [
        (f"key {chr(value & 0xFF)}", float(time), None)
        for time, value in zip(times[keys], records["value"][keys].tolist(), strict=True)
    ]
    found = marker_pulses(markers, stream)
    mine = records["kind"] == b"I"
    words = records["value"][mine].astype(np.uint64)
    if len(words):
        first = idle_word(int(words[0]), bits=16)
        lines = numbered(range(16))
        found += [
            Pulses(item.line, item.on, item.off, stream)
            for item in split_lines(first, times[mine], words, lines=lines)
        ]
    return found
