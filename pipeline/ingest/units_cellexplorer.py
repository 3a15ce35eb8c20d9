"""CellExplorer: ``*.spikes.cellinfo.mat``, the struct ``spikes`` of all units of a session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import InputError
from pipeline.ingest.units_form import (
    ARBITRARY,
    MICROVOLTS,
    REGION_COLUMNS,
    SortedUnits,
    stacked,
)
from pipeline.ingest.units_layouts import CELLEXPLORER_SUFFIX, only_file, session_file

LIKELY = "truncated, or no spikes.cellinfo.mat of CellExplorer"


def read_cellexplorer(path: Path) -> SortedUnits:
    """Read times, ids, channels, waveforms (microvolts) and amplitudes.

    Times are seconds from the first sample of the session's ``.dat``. ``maxWaveformCh1`` counts the
    channels of that file from 1; their number is in ``<session>.session.mat`` beside.
    """
    from pipeline.ingest.adapters.matlab import read_struct
    from pipeline.ingest.reading import reading

    file = _one_file(path)
    with reading(file, "CellExplorer units", likely=LIKELY):
        spikes = read_struct(file, "spikes")
        return _units(spikes, file, _n_channels(file))


def _one_file(path: Path) -> Path:
    if path.is_file():
        return path
    files = sorted(path.glob(f"*{CELLEXPLORER_SUFFIX}"))
    return only_file(path, files, f"*{CELLEXPLORER_SUFFIX}")


def _n_channels(file: Path) -> int:
    """Return the number of channels of the sorted file; 0 where it is not told."""
    from pipeline.ingest.adapters.matlab import read_struct

    beside = session_file(file)
    if not beside.is_file():
        return 0
    extracellular = read_struct(beside, "session").get("extracellular")
    number = extracellular.get("nChannels") if isinstance(extracellular, dict) else None
    found = _numbers(number)
    return int(found[0]) if len(found) == 1 and found[0] > 0 else 0


def _units(spikes: dict[str, Any], file: Path, n_channels: int) -> SortedUnits:
    if "times" not in spikes or not {"UID", "cluID"} & set(spikes):
        raise InputError(
            f"{file}: spikes: found the fields {', '.join(sorted(spikes)) or 'none'}; expected "
            "times and UID, as CellExplorer writes them"
        )
    times = [np.asarray(_numbers(unit), dtype=np.float64) for unit in _cells(spikes["times"])]
    number = len(times)
    ids = _numbers(spikes["UID" if "UID" in spikes else "cluID"])
    if len(ids) != number:
        raise InputError(f"{file}: spikes: found {len(ids)} ids for {number} trains of times")
    wires = _numbers(spikes.get("maxWaveformCh1"))
    position = tuple(int(wire) - 1 for wire in wires) if len(wires) == number else ()
    waveform, rate_hz = _waveforms(spikes, number)
    return SortedUnits(
        unit_id=tuple(f"{unit:g}" for unit in ids),
        region=_texts(spikes, REGION_COLUMNS, number),
        quality=("",) * number,
        spike_times=tuple(times),
        channel=("",) * number,
        position=position,
        n_channels=n_channels,
        amplitude=_amplitudes(spikes, times, file),
        amplitude_units=ARBITRARY,
        waveform=waveform,
        waveform_rate_hz=rate_hz,
        waveform_units=MICROVOLTS,
    )


def _cells(value: Any) -> list[Any]:
    """Return the cells of a cell array, or the one that MATLAB kept without a cell."""
    return value if isinstance(value, list) else [value]


def _numbers(value: Any) -> np.ndarray:
    """Return numbers as a flat array; nothing for text, structs and what is absent."""
    if value is None or isinstance(value, str | dict):
        return np.empty(0)
    if isinstance(value, list):
        parts = [_numbers(cell) for cell in value]
        return np.concatenate(parts) if parts else np.empty(0)
    return np.asarray(value, dtype=float).ravel()


def _texts(spikes: dict[str, Any], names: tuple[str, ...], number: int) -> tuple[str, ...]:
    for name in names:
        value = spikes.get(name)
        if isinstance(value, str) and number == 1:
            return (value,)
        if isinstance(value, list) and len(value) == number:
            return tuple(cell if isinstance(cell, str) else "" for cell in value)
    return ("",) * number


def _waveforms(spikes: dict[str, Any], number: int) -> tuple[np.ndarray | None, float]:
    """Return the mean filtered waveforms and their rate, which ``timeWaveform`` (ms) gives."""
    shapes, clocks = (_cells(spikes.get(name)) for name in ("filtWaveform", "timeWaveform"))
    if len(shapes) != number:
        return None, 0.0
    rows = [_numbers(shape).astype(np.float32) for shape in shapes]
    clock = next((c for c in map(_numbers, clocks) if len(c) > 1), np.empty(0))
    step_ms = float(np.median(np.diff(clock))) if len(clock) > 1 else 0.0
    if not step_ms > 0 or not any(len(row) for row in rows):
        return None, 0.0
    return stacked(rows), 1000.0 / step_ms


def _amplitudes(
    spikes: dict[str, Any], times: list[np.ndarray], file: Path
) -> tuple[np.ndarray, ...]:
    cells = _cells(spikes.get("amplitudes"))
    sizes = [_numbers(cell).astype(np.float32) for cell in cells]
    if not any(len(size) for size in sizes):
        return ()
    wrong = (
        [unit for unit, size in enumerate(sizes) if len(size) != len(times[unit])]
        if len(sizes) == len(times)
        else [len(sizes)]
    )
    if wrong:
        raise InputError(
            f"{file}: spikes.amplitudes: found another number of values than in spikes.times, "
            f"first in unit {wrong[0] + 1}; expected one per spike"
        )
    return tuple(sizes)
