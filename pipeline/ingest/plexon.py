"""Plexon PLX files: continuous channels and events, from the blocks that the file is made of.

Read here because neo passes over the time stamps of the blocks (a paused recording comes out as if
it had gone on), leaves the unit of the samples open, and takes the resolution of spikes for that
of continuous channels. Layout: Plexon, "PLX file format" (headers of ``Plexon.h``).
"""

from __future__ import annotations

import re
import struct
from array import array
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pipeline.errors import InputError
from pipeline.ingest.damage import TRUNCATED
from pipeline.ingest.events_words import Pulses
from pipeline.ingest.openers_rigs import one_file
from pipeline.ingest.streams import pick_stream

if TYPE_CHECKING:
    import numpy as np
    from spikeinterface import BaseRecording

MAGIC = 0x58454C50
HEADER_BYTES, DSP_BYTES, EVENT_BYTES, SLOW_BYTES = 7504, 1020, 296, 296
_BLOCK = struct.Struct("<HHIHHHH")
#: types of data blocks
_SPIKE, _EVENT, _SLOW = 1, 4, 5
#: event channels: words at the strobed port; start and stop of the recording
STROBED, START, STOP = 257, 258, 259


@dataclass
class Slow:
    """One continuous channel.

    Attributes
    ----------
    name : str
        As in the header ("FP01", "WB07").
    rate_hz : float
        Samples per second.
    gain_uv : float
        Microvolts per count.
    ticks, places, counts : array.array of int
        Time stamp, position in the file and samples of each block.
    """

    name: str
    rate_hz: float
    gain_uv: float
    ticks: array[int] = field(default_factory=partial(array, "q"))
    places: array[int] = field(default_factory=partial(array, "q"))
    counts: array[int] = field(default_factory=partial(array, "q"))


@dataclass
class PlxFile:
    """Index of a PLX file.

    Attributes
    ----------
    file : pathlib.Path
        The file.
    tick_hz : float
        Time stamps per second.
    slow : dict of int to Slow
        Continuous channels with samples, by number.
    events : dict of int to list of (tick, value)
        Events by channel.
    names : dict of int to str
        Names of the event channels.
    """

    file: Path
    tick_hz: float
    slow: dict[int, Slow]
    events: dict[int, list[tuple[int, int]]]
    names: dict[int, str]


def index_plx(file: Path) -> PlxFile:
    """Find all blocks of a PLX file; no samples are read.

    Raises
    ------
    InputError
        A file that is no PLX file, ends within a block, or holds blocks of unknown channels.
    """
    size = file.stat().st_size
    with file.open("rb", buffering=1 << 20) as stream:
        head = stream.read(HEADER_BYTES)
        if len(head) < HEADER_BYTES or struct.unpack_from("<I", head)[0] != MAGIC:
            raise InputError(f"{file}: found no PLX identifier in its first bytes; {TRUNCATED}")
        version = struct.unpack_from("<i", head, 4)[0]
        tick_hz, dsp, events, slow = struct.unpack_from("<4i", head, 136)
        stream.seek(DSP_BYTES * dsp, 1)
        names = {}
        for _ in range(events):
            data = stream.read(EVENT_BYTES)
            names[struct.unpack_from("<i", data, 32)[0]] = _text(data[:32])
        channels = {}
        for _ in range(slow):
            number, channel = _slow(stream.read(SLOW_BYTES), head, version, file)
            channels[number] = channel
        index = PlxFile(file, float(tick_hz), channels, {}, names)
        _walk_blocks(index, stream, size)
    index.slow = {number: channel for number, channel in channels.items() if channel.counts}
    return index


def _text(data: bytes) -> str:
    return data.split(b"\0")[0].decode("latin-1").strip()


def _slow(data: bytes, head: bytes, version: int, file: Path) -> tuple[int, Slow]:
    number, rate, gain, _, preamp = struct.unpack_from("<5i", data, 32)
    bits = head[203] or 12
    range_mv = struct.unpack_from("<H", head, 206)[0] or 5000
    if version < 102:
        preamp = 1000
    if version < 103:
        bits, range_mv = 12, 5000
    if gain <= 0 or preamp <= 0:
        raise InputError(
            f"{file}: channel {_text(data[:32])}: found gain {gain} and preamplifier gain "
            f"{preamp}; expected positive numbers: without them samples have no unit"
        )
    uv = 1000 * range_mv / (2 ** (bits - 1) * gain * preamp)
    return number, Slow(_text(data[:32]), float(rate), uv)


def _walk_blocks(index: PlxFile, stream: BinaryIO, size: int) -> None:
    """Note every block from here on; samples are stepped over."""
    place = stream.tell()
    while head := stream.read(_BLOCK.size):
        if len(head) < _BLOCK.size:
            raise InputError(f"{index.file}: ends within a block at byte {place}; {TRUNCATED}")
        kind, upper, low, channel, unit, waveforms, words = _BLOCK.unpack(head)
        start, place = place, place + _BLOCK.size + 2 * waveforms * words
        stream.seek(2 * waveforms * words, 1)
        if kind not in (_SPIKE, _EVENT, _SLOW) or place > size:
            raise InputError(
                f"{index.file}: found a block of type {kind} and {waveforms * words} words at byte "
                f"{start} of {size}; {TRUNCATED}"
            )
        tick = upper << 32 | low
        if kind == _EVENT:
            index.events.setdefault(channel, []).append((tick, unit))
        elif kind == _SLOW and waveforms * words:
            if channel not in index.slow:
                raise InputError(
                    f"{index.file}: found samples of channel {channel}; expected one of the "
                    f"{len(index.slow)} channels in the header: the header was edited"
                )
            slow = index.slow[channel]
            slow.ticks.append(tick)
            slow.places.append(start + _BLOCK.size)
            slow.counts.append(waveforms * words)


def open_plexon(path: Path, stream: str | None) -> BaseRecording:
    """Open the continuous channels of one kind ("FP", "WB", "SPKC", "AI") of a PLX file.

    ``.pl2`` files are refused: they need Plexon's own library.

    Raises
    ------
    InputError
        Channels of one kind with other rates, starts or lengths; blocks with gaps.
    """
    file = one_file(path, "plexon")
    if file.suffix.casefold() == ".pl2":
        raise InputError(
            f"{file}: .pl2 files can be read with Plexon's own library only, on Windows; export "
            "the recording as .plx with PlexUtil, or as NWB"
        )
    index = index_plx(file)
    kinds: dict[str, list[Slow]] = {}
    for channel in index.slow.values():
        prefix = re.match(r"\D*", channel.name)
        kinds.setdefault(prefix.group(0) if prefix else "", []).append(channel)
    name = pick_stream(sorted(kinds), wanted=stream, file=file)
    channels = kinds[name]
    for channel in channels:
        _refuse_gaps(channel, index)
        first = channels[0]
        found = channel.rate_hz, channel.ticks[0], sum(channel.counts)
        expected = first.rate_hz, first.ticks[0], sum(first.counts)
        if found != expected:
            raise InputError(
                f"{file}: channel {channel.name}: found {found[2]} samples of {found[0]:g} Hz from "
                f"time stamp {found[1]}; expected {expected[2]} of {expected[0]:g} Hz from "
                f"{expected[1]} as in {first.name}; {TRUNCATED}"
            )
    recording = _lazy(index, channels)
    recording.annotate(stream=name)
    return recording


def _refuse_gaps(channel: Slow, index: PlxFile) -> None:
    import numpy as np

    counts = np.array(channel.counts, dtype=np.int64)
    ticks = np.array(channel.ticks, dtype=np.int64) - channel.ticks[0]
    expected = (np.cumsum(counts) - counts) * index.tick_hz / channel.rate_hz
    wrong = np.flatnonzero(np.abs(ticks - expected) > 1.5 * index.tick_hz / channel.rate_hz)
    if len(wrong):
        place = int(wrong[0])
        raise InputError(
            f"{index.file}: channel {channel.name}: block {place}: found it "
            f"{ticks[place] / index.tick_hz:.4f} s after the first; expected "
            f"{expected[place] / index.tick_hz:.4f} s: recording was paused; export the pieces as "
            "files of their own and list them in the recordings table with starts_at_s"
        )


def _lazy(index: PlxFile, channels: list[Slow]) -> BaseRecording:
    import numpy as np

    from pipeline.ingest.lazy import LazyRecording

    starts = [np.concatenate([[0], np.cumsum(channel.counts)]) for channel in channels]

    def blocks_of(column: int, start: int, end: int) -> range:
        low = int(np.searchsorted(starts[column], start, side="right")) - 1
        return range(low, int(np.searchsorted(starts[column], end, side="left")))

    def read(start: int, end: int) -> np.ndarray:
        values = np.zeros((max(end - start, 0), len(channels)), dtype="<i2")
        if not len(values):
            return values
        wanted = [blocks_of(column, start, end) for column in range(len(channels))]
        # Blocks of all channels lie between each other: one piece of the file holds them.
        places = [
            (channel.places[block], channel.places[block] + 2 * channel.counts[block])
            for channel, blocks in zip(channels, wanted, strict=True)
            for block in blocks
        ]
        low, high = min(place for place, _ in places), max(place for _, place in places)
        data = np.fromfile(index.file, dtype="u1", count=high - low, offset=low)
        for column, (channel, blocks) in enumerate(zip(channels, wanted, strict=True)):
            for block in blocks:
                place, first = channel.places[block] - low, int(starts[column][block])
                samples = data[place : place + 2 * channel.counts[block]].view("<i2")
                one, two = max(start - first, 0), min(end - first, len(samples))
                values[first + one - start : first + two - start, column] = samples[one:two]
        return values

    first = channels[0]
    return LazyRecording(
        read,
        samples=sum(first.counts),
        rate_hz=first.rate_hz,
        channels=[channel.name for channel in channels],
        dtype="<i2",
        gains_uv=[channel.gain_uv for channel in channels],
        start_s=first.ticks[0] / index.tick_hz,
    )


def plexon_events(path: Path, stream: str, start_s: float) -> list[Pulses]:
    """Read the events of a PLX file; words at the strobed port are lines "Strobed/7".

    Plexon notes the moment of each event only, so no pulse has an end.
    """
    import numpy as np

    index = index_plx(one_file(path, "plexon"))
    found: dict[str, list[float]] = {}
    for channel, items in index.events.items():
        if channel in (START, STOP):
            continue
        name = index.names.get(channel, f"channel {channel}")
        for tick, value in items:
            line = f"{name}/{value}" if channel == STROBED else name
            found.setdefault(line, []).append(tick / index.tick_hz - start_s)
    return [
        Pulses(line, np.array(times), np.full(len(times), np.nan), stream)
        for line, times in found.items()
    ]
