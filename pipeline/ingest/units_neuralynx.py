"""Sorted spikes of Neuralynx: one ``.ntt``, ``.nst`` or ``.nse`` per tetrode, stereotrode or wire.

Each record has the number of a cell, given in SpikeSort3D, MClust's or Cheetah's export; 0 means
that the spike belongs to none. Layout: Neuralynx, "Data file formats".
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.errors import InputError
from pipeline.ingest.damage import TRUNCATED
from pipeline.ingest.units_form import (
    MICROVOLTS,
    SortedUnits,
    rows_by_label,
    shape_of,
    stacked,
)
from pipeline.ingest.units_layouts import neuralynx_spike_files

WIRES = {".nse": 1, ".nst": 2, ".ntt": 4}
_UNSORTED = 0
#: bytes of a record before its samples: time, electrode, cell, eight features
_FIXED = 48


def read_neuralynx(path: Path) -> SortedUnits:
    """Read one spike file, or all of a folder: units ``TT1:3`` of file and cell.

    Times are seconds on the rig's clock, as those of the ``.ncs`` files. A unit's channel is the
    ``.ncs`` file beside that has the same ADChannel as its largest wire.
    """
    found = [part for file in neuralynx_spike_files(path) for part in _file_units(file)]
    if not found:
        raise InputError(
            f"{path}: found no sorted units: all spikes are of cell {_UNSORTED}; expected files "
            "saved after sorting (SpikeSort3D, MClust), not those of the rig"
        )
    rates = sorted({rate for *_, rate in found})
    if len(rates) > 1:
        raise InputError(
            f"{path}: found spikes sampled at {', '.join(f'{r:g}' for r in rates)} Hz; expected "
            "one rate: name files of one rig"
        )
    names, times, shapes, channels, _ = zip(*found, strict=True)
    return SortedUnits(
        unit_id=tuple(names),
        region=("",) * len(names),
        quality=("",) * len(names),
        spike_times=tuple(times),
        channel=tuple(channels),
        amplitude=tuple(shape.sizes for shape in shapes),
        amplitude_units=MICROVOLTS,
        waveform=stacked([shape.mean for shape in shapes]),
        waveform_rate_hz=rates[0],
        waveform_units=MICROVOLTS,
        rig_clock=True,
    )


def _file_units(file: Path) -> list[tuple]:
    """Return name, times, shape, channel and rate of each cell of a file."""
    from pipeline.ingest.neuralynx import HEADER_BYTES, header_entries

    entries = header_entries(file)
    wires = WIRES[file.suffix.casefold()]
    layout = _record(entries, wires, file)
    count, rest = divmod(file.stat().st_size - HEADER_BYTES, layout.itemsize)
    if rest:
        raise InputError(
            f"{file}: found {count} records of {layout.itemsize} bytes and {rest} bytes; "
            f"{TRUNCATED}"
        )
    if not count:
        return []
    records = np.memmap(file, dtype=layout, mode="r", offset=HEADER_BYTES)
    cells, rows = rows_by_label(np.array(records["cell"], dtype=np.int64))
    rate_hz = _numbers(entries, "SamplingFrequency", file)[0]
    gains = _gains(entries, wires, file)
    names = _channel_names(entries, file.parent, wires)
    seconds = records["time"].astype(np.float64) / 1e6
    found = []
    for cell, mine in zip(cells, rows, strict=True):
        if cell == _UNSORTED:
            continue
        shape = shape_of(records["samples"], mine, gains)
        found.append((f"{file.stem}:{cell}", seconds[mine], shape, names[shape.wire], rate_hz))
    return found


def _record(entries: dict[str, str], wires: int, file: Path) -> np.dtype:
    size = int(_numbers(entries, "RecordSize", file)[0]) if "RecordSize" in entries else 0
    samples, rest = divmod((size or _FIXED + 64 * wires) - _FIXED, 2 * wires)
    if rest or samples < 1:
        raise InputError(
            f"{file}: header: found RecordSize {size}; expected {_FIXED} bytes and whole samples "
            f"of {wires} wire(s): the file has another ending than its kind"
        )
    return np.dtype(
        [
            ("time", "<u8"),
            ("electrode", "<u4"),
            ("cell", "<u4"),
            ("features", "<u4", (8,)),
            ("samples", "<i2", (samples, wires)),
        ]
    )


def _numbers(entries: dict[str, str], key: str, file: Path) -> list[float]:
    try:
        return [float(word) for word in entries[key].split()]
    except (KeyError, ValueError) as error:
        raise InputError(
            f"{file}: header: found {key} '{entries.get(key, '')}'; expected numbers: the file was "
            "not written by Cheetah or Pegasus, or the sorter dropped its header"
        ) from error


def _gains(entries: dict[str, str], wires: int, file: Path) -> np.ndarray:
    volts = _numbers(entries, "ADBitVolts", file)
    if len(volts) not in (1, wires) or not all(0 < gain < 1 for gain in volts):
        raise InputError(
            f"{file}: header: found ADBitVolts '{entries['ADBitVolts']}'; expected {wires} "
            "positive number(s) of volts per bit"
        )
    sign = -1.0 if entries.get("InputInverted", "").casefold() == "true" else 1.0
    return np.broadcast_to(sign * 1e6 * np.array(volts), wires)


def _channel_names(entries: dict[str, str], folder: Path, wires: int) -> list[str]:
    """Return the recorded channel of each wire, "" where no ``.ncs`` file beside has it."""
    from pipeline.ingest.neuralynx import header_entries

    names: dict[str, str] = {}
    for file in sorted(folder.glob("*.ncs")):
        channel = header_entries(file)
        names.setdefault(channel.get("ADChannel", ""), channel.get("AcqEntName") or file.stem)
    names.pop("", None)
    own = entries.get("ADChannel", "").split()
    return [names.get(wire, "") for wire in own] if len(own) == wires else [""] * wires
