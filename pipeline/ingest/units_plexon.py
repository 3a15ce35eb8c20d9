"""Sorted spikes of Plexon: blocks of a ``.plx`` file with a channel and the number of a unit.

Unit 0 is unsorted and left out. Layout: Plexon, "PLX file format" (headers of ``Plexon.h``).
"""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from pipeline.errors import InputError
from pipeline.ingest.damage import TRUNCATED
from pipeline.ingest.units_form import MICROVOLTS, SortedUnits, UnitShape, shape_of, stacked

_BLOCK = struct.Struct("<HHIHHHH")
_SPIKE, _EVENT, _SLOW = 1, 4, 5


@dataclass
class Blocks:
    """Blocks of one unit: time stamp, place of the samples, number of samples."""

    ticks: array[int] = field(default_factory=partial(array, "q"))
    places: array[int] = field(default_factory=partial(array, "q"))
    words: array[int] = field(default_factory=partial(array, "q"))


@dataclass(frozen=True)
class PlxHeader:
    """What the headers say of the spikes.

    Attributes
    ----------
    tick_hz, rate_hz : float
        Time stamps, and samples of a waveform, per second.
    names, channels : dict of int to str
        Name of each spike channel, and of the continuous channel that has the same electrode.
    gains_uv : dict of int to float
        Microvolts per count.
    """

    tick_hz: float
    rate_hz: float
    names: dict[int, str]
    channels: dict[int, str]
    gains_uv: dict[int, float]


def read_plexon(path: Path) -> SortedUnits:
    """Read the units of a ``.plx`` file: ``sig001:1`` of channel and unit.

    Times are seconds on the rig's clock, as those of the signals. A unit's channel is the
    continuous one of its electrode with the lowest rate: that of the LFP, where there are several.
    """
    from pipeline.ingest.plexon import HEADER_BYTES, MAGIC

    file = _one_file(path)
    size = file.stat().st_size
    with file.open("rb", buffering=1 << 20) as stream:
        head = stream.read(HEADER_BYTES)
        if len(head) < HEADER_BYTES or struct.unpack_from("<I", head)[0] != MAGIC:
            raise InputError(f"{file}: found no PLX identifier in its first bytes; {TRUNCATED}")
        header = _header(stream, head, file)
        units = _spike_blocks(stream, size, file)
    if not units:
        raise InputError(
            f"{file}: found no sorted unit: all spikes are of unit 0; expected a file saved after "
            "sorting (Offline Sorter), or another sorting"
        )
    data = np.memmap(file, dtype="u1", mode="r")
    keys = sorted(units)
    unknown = sorted({channel for channel, _ in keys} - set(header.names))
    if unknown:
        raise InputError(
            f"{file}: found spikes of channel {unknown[0]}; expected one of the "
            f"{len(header.names)} spike channels in the header: the header was edited"
        )
    found = [_shape(data, units[key], header.gains_uv[key[0]]) for key in keys]
    shapes = [shape for shape in found if shape is not None]
    known = len(shapes) == len(found)
    return SortedUnits(
        unit_id=tuple(f"{header.names[channel]}:{unit}" for channel, unit in keys),
        region=("",) * len(keys),
        quality=("",) * len(keys),
        spike_times=tuple(
            np.array(units[k].ticks, dtype=np.float64) / header.tick_hz for k in keys
        ),
        channel=tuple(header.channels.get(channel, "") for channel, _ in keys),
        amplitude=tuple(shape.sizes for shape in shapes) if known else (),
        amplitude_units=MICROVOLTS,
        waveform=stacked([shape.mean for shape in shapes]) if known else None,
        waveform_rate_hz=header.rate_hz,
        waveform_units=MICROVOLTS,
        rig_clock=True,
    )


def _one_file(path: Path) -> Path:
    from pipeline.ingest.units_layouts import FINDERS, only_file

    file = only_file(path, FINDERS["plexon"](path), ".plx file")
    if file.suffix.casefold() == ".pl2":
        raise InputError(
            f"{file}: .pl2 files can be read with Plexon's own library only, on Windows; "
            "export the sorted spikes as .plx with PlexUtil or Offline Sorter, or as NWB"
        )
    return file


def _header(stream: BinaryIO, head: bytes, file: Path) -> PlxHeader:
    from pipeline.ingest.plexon import DSP_BYTES, EVENT_BYTES, SLOW_BYTES

    (version,) = struct.unpack_from("<i", head, 4)
    tick_hz, dsp, events, slow = struct.unpack_from("<4i", head, 136)
    (rate_hz,) = struct.unpack_from("<i", head, 188)
    bits, (largest_mv,) = head[202] or 12, struct.unpack_from("<H", head, 204)
    (preamp,) = struct.unpack_from("<H", head, 208)
    if version < 103:
        bits, largest_mv = 12, 3000
    preamp = preamp if version >= 105 and preamp else 1000
    if tick_hz <= 0 or rate_hz <= 0 or not largest_mv:
        raise InputError(
            f"{file}: header: found {tick_hz} time stamps and {rate_hz} samples per second, a "
            f"range of {largest_mv} mV; expected positive numbers; {TRUNCATED}"
        )
    names, gains = {}, {}
    for _ in range(dsp):
        data = stream.read(DSP_BYTES)
        if len(data) < DSP_BYTES:
            raise InputError(f"{file}: ends within its headers; {TRUNCATED}")
        number, _, _, _, gain = struct.unpack_from("<5i", data, 64)
        names[number] = data[:32].split(b"\0")[0].decode("latin-1").strip() or f"sig{number:03d}"
        if gain <= 0:
            raise InputError(
                f"{file}: channel {names[number]}: found gain {gain}; expected a positive number"
            )
        gains[number] = 1000 * largest_mv / (2 ** (bits - 1) * gain * preamp)
    stream.seek(EVENT_BYTES * events, 1)
    linked: dict[int, tuple[int, str]] = {}
    for _ in range(slow):
        data = stream.read(SLOW_BYTES)
        _, rate, _, _, _, spikes = struct.unpack_from("<6i", data, 32)
        name = data[:32].split(b"\0")[0].decode("latin-1").strip()
        if spikes > 0:
            linked[spikes] = min(linked.get(spikes, (rate, name)), (rate, name))
    channels = {number: name for number, (_, name) in linked.items()}
    return PlxHeader(float(tick_hz), float(rate_hz), names, channels, gains)


def _spike_blocks(stream: BinaryIO, size: int, file: Path) -> dict[tuple[int, int], Blocks]:
    """Return the blocks of each sorted unit, by channel and unit."""
    units: dict[tuple[int, int], Blocks] = {}
    place = stream.tell()
    while head := stream.read(_BLOCK.size):
        if len(head) < _BLOCK.size:
            raise InputError(f"{file}: ends within a block at byte {place}; {TRUNCATED}")
        kind, upper, low, channel, unit, waveforms, words = _BLOCK.unpack(head)
        start, place = place, place + _BLOCK.size + 2 * waveforms * words
        stream.seek(2 * waveforms * words, 1)
        if kind not in (_SPIKE, _EVENT, _SLOW) or place > size:
            raise InputError(
                f"{file}: found a block of type {kind} and {waveforms * words} words at byte "
                f"{start} of {size}; {TRUNCATED}"
            )
        if kind == _SPIKE and unit:
            blocks = units.setdefault((channel, unit), Blocks())
            blocks.ticks.append(upper << 32 | low)
            blocks.places.append(start + _BLOCK.size)
            blocks.words.append(waveforms * words)
    return units


def _shape(data: np.ndarray, blocks: Blocks, gain_uv: float) -> UnitShape | None:
    """Return the unit's shape; None where waveforms were not stored, or not all as long."""
    words = set(blocks.words)
    if len(words) != 1 or 0 in words:
        return None
    (number,) = words
    places = np.array(blocks.places, dtype=np.int64)
    waveforms = _Stored(data, places, number)
    # shape_of asks for rows only
    return shape_of(cast(np.ndarray, waveforms), np.arange(len(places)), np.array([gain_uv]))


class _Stored:
    """Waveforms between the other blocks of a file, indexed by rows as an array is."""

    def __init__(self, data: np.ndarray, places: np.ndarray, words: int) -> None:
        self._data, self._places, self._words = data, places, words

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        at = self._places[rows][:, None] + np.arange(2 * self._words)
        return self._data[at].view("<i2")[:, :, None]
