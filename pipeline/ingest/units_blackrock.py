"""Sorted spikes of Blackrock: packets of ``.nev`` with an electrode and the number of a unit.

Unit 0 was not classified, 255 is noise; both are left out. Layout: Blackrock, "LB-0023 File
formats", 2.1 to 3.0.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.errors import InputError
from pipeline.ingest.damage import TRUNCATED
from pipeline.ingest.units_form import MICROVOLTS, SortedUnits, rows_by_label, shape_of, stacked

_UNCLASSIFIED, _NOISE = 0, 255
_BASIC, _EXTENDED = 336, 32
#: electrodes have these packet numbers, digital events and others do not
_ELECTRODES = (1, 10_000)
#: unit numbers, one byte
_NUMBERS = 256


@dataclass(frozen=True)
class Header:
    """What the headers of a NEV file say.

    Attributes
    ----------
    stamp, packet, start : int
        Bytes of a time stamp and of a packet, and where the packets begin.
    tick_hz, rate_hz : float
        Time stamps, and samples of a waveform, per second.
    labels : dict of int to str
        Name of each electrode.
    gains_uv : dict of int to float
        Microvolts per count of each electrode whose waveforms have 16 bits.
    """

    stamp: int
    packet: int
    start: int
    tick_hz: float
    rate_hz: float
    labels: dict[int, str]
    gains_uv: dict[int, float]


def read_blackrock(path: Path) -> SortedUnits:
    """Read the units of a ``.nev`` file: ``chan5:1`` of electrode and unit.

    Times are seconds on the rig's clock, as those of the signals.
    """
    from pipeline.ingest.units_layouts import FINDERS, only_file

    file = only_file(path, FINDERS["blackrock"](path), ".nev file")
    header = _header(file)
    count, rest = divmod(file.stat().st_size - header.start, header.packet)
    if rest or count < 0:
        raise InputError(
            f"{file}: found {count} packets of {header.packet} bytes and {rest} bytes; {TRUNCATED}"
        )
    samples = (header.packet - header.stamp - 4) // 2
    layout = np.dtype(
        {
            "names": ["time", "electrode", "unit", "samples"],
            "formats": [f"<u{header.stamp}", "<u2", "u1", ("<i2", (samples, 1))],
            "offsets": [0, header.stamp, header.stamp + 2, header.stamp + 4],
            "itemsize": header.packet,
        }
    )
    packets = (
        np.memmap(file, dtype=layout, mode="r", offset=header.start, shape=(count,))
        if (count)
        else np.empty(0, dtype=layout)
    )
    electrode = packets["electrode"].astype(np.int64)
    unit = packets["unit"].astype(np.int64)
    spikes = (electrode >= _ELECTRODES[0]) & (electrode <= _ELECTRODES[1])
    sorted_ = np.flatnonzero(spikes & (unit != _UNCLASSIFIED) & (unit != _NOISE))
    if not len(sorted_):
        raise InputError(
            f"{file}: found {int(spikes.sum())} spikes and no sorted unit; expected units 1 to "
            "254: a file saved after sorting (Offline Sorter, BOSS), or another sorting"
        )
    labels, rows = rows_by_label((electrode * _NUMBERS + unit)[sorted_])
    return _units(packets, [sorted_[mine] for mine in rows], labels, header)


def _units(
    packets: np.ndarray, rows: list[np.ndarray], labels: list[int], header: Header
) -> SortedUnits:
    names, shapes, sizes, channels = [], [], [], []
    for label, mine in zip(labels, rows, strict=True):
        electrode, unit = divmod(label, _NUMBERS)
        name = header.labels.get(electrode, f"electrode{electrode}")
        names.append(f"{name}:{unit}")
        channels.append(header.labels.get(electrode, ""))
        gain = header.gains_uv.get(electrode)
        shape = shape_of(packets["samples"], mine, np.array([gain])) if gain else None
        shapes.append(np.empty(0, np.float32) if shape is None else shape.mean)
        unknown = np.full(len(mine), np.nan, dtype=np.float32)
        sizes.append(unknown if shape is None else shape.sizes)
    known = any(len(shape) for shape in shapes)
    return SortedUnits(
        unit_id=tuple(names),
        region=("",) * len(names),
        quality=("",) * len(names),
        spike_times=tuple(packets["time"][m].astype(np.float64) / header.tick_hz for m in rows),
        channel=tuple(channels),
        amplitude=tuple(sizes) if known else (),
        amplitude_units=MICROVOLTS,
        waveform=stacked(shapes) if known else None,
        waveform_rate_hz=header.rate_hz,
        waveform_units=MICROVOLTS,
        rig_clock=True,
    )


def _header(file: Path) -> Header:
    """Read the basic and the extended headers.

    Raises
    ------
    InputError
        No NEV file, a header cut short, impossible sizes or rates.
    """
    with file.open("rb") as stream:
        basic = stream.read(_BASIC)
        if len(basic) < _BASIC or basic[:8] not in (b"NEURALEV", b"BREVENTS"):
            raise InputError(f"{file}: found no NEV identifier in its first bytes; {TRUNCATED}")
        major = basic[8]
        start, packet, tick_hz, rate_hz = struct.unpack_from("<4I", basic, 12)
        (number,) = struct.unpack_from("<I", basic, 332)
        extended = stream.read(_EXTENDED * number)
    stamp = 8 if basic[:8] == b"BREVENTS" or major >= 3 else 4
    if start != _BASIC + _EXTENDED * number or len(extended) != _EXTENDED * number:
        raise InputError(
            f"{file}: found headers of {start} bytes with {number} entries; expected "
            f"{_BASIC + _EXTENDED * number} bytes: {TRUNCATED}"
        )
    if packet < stamp + 8 or not tick_hz or not rate_hz:
        raise InputError(
            f"{file}: header: found packets of {packet} bytes, {tick_hz} time stamps and {rate_hz} "
            f"samples per second; expected positive numbers; {TRUNCATED}"
        )
    labels: dict[int, str] = {}
    gains: dict[int, float] = {}
    for at in range(0, len(extended), _EXTENDED):
        entry = extended[at : at + _EXTENDED]
        (electrode,) = struct.unpack_from("<H", entry, 8)
        if entry.startswith(b"NEUEVLBL"):
            labels[electrode] = entry[10:26].split(b"\0")[0].decode("latin-1").strip()
        elif entry.startswith(b"NEUEVWAV"):
            # nanovolts per count, and bytes per sample (0 and 1: 8 bits)
            (factor,) = struct.unpack_from("<H", entry, 12)
            if entry[21] == 2 and factor:
                gains[electrode] = factor / 1000.0
    return Header(stamp, packet, start, float(tick_hz), float(rate_hz), labels, gains)
