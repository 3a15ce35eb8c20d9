"""Units of an NWB file: times, labels, regions, waveforms and amplitudes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.ingest.units_form import (
    ARBITRARY,
    MICROVOLTS,
    REGION_COLUMNS,
    SortedUnits,
    largest_channel,
)

if TYPE_CHECKING:
    import h5py
    import numpy as np

#: columns that hold the label of the sorting
QUALITY_COLUMNS = ("quality", "label", "group_label", "KSLabel")
#: columns that hold the id of the electrode where a unit is largest
PEAK_COLUMNS = ("peak_channel_id", "peak_channel", "max_channel_id", "max_electrode")
ELECTRODES = "general/extracellular_ephys/electrodes"
#: a mean spike outside the cell is never as large; "volts" that are microvolts are
_LARGEST_V = 0.01


def read_nwb(path: Path) -> SortedUnits:
    """Read the table /units."""
    from pipeline.ingest.hdf5 import LIKELY, open_nwb
    from pipeline.ingest.reading import reading

    with open_nwb(path) as file, reading(path, "NWB units", likely=LIKELY):
        if "units" not in file or "spike_times" not in file["units"]:
            raise InputError(f"{path}: found no units with spike_times; expected the table /units")
        return _units_of_table(file["units"])


def _units_of_table(table: h5py.Group) -> SortedUnits:
    import numpy as np

    from pipeline.ingest.hdf5 import ragged_column

    times = ragged_column(table, "spike_times")
    number = len(times)
    regions = _words(table, REGION_COLUMNS, number)
    if not any(regions):
        regions = _regions_of_electrodes(table, number)
    rows = _electrode_rows(table, number)
    waveform, rate_hz, units, largest = _waveforms(table, rows)
    channel = _channels(table, rows, largest, number)
    amplitude = _amplitudes(table)
    return SortedUnits(
        unit_id=tuple(_words(table, ("unit_name", "id"), number)),
        region=tuple(regions),
        quality=tuple(_words(table, QUALITY_COLUMNS, number)),
        spike_times=tuple(np.asarray(unit, dtype=np.float64) for unit in times),
        channel=tuple(channel),
        amplitude=amplitude,
        waveform=waveform,
        waveform_rate_hz=rate_hz,
        waveform_units=units,
    )


def _words(table: h5py.Group, columns: Sequence[str], number: int) -> list[str]:
    """Return the first of some columns that holds one value per row, as text; else blanks."""
    from pipeline.ingest.hdf5 import plain_column

    for name in columns:
        values = plain_column(table, name) if name in table else None
        if values is not None and len(values) == number:
            return [str(value) for value in values]
    return [""] * number


def _electrode_rows(table: h5py.Group, number: int) -> list[list[int]]:
    """Return the rows of the table of electrodes that each unit names; none without them."""
    from pipeline.ingest.hdf5 import ragged_column

    if "electrodes" not in table or "electrodes_index" not in table:
        return [[] for _ in range(number)]
    return [[int(row) for row in rows] for rows in ragged_column(table, "electrodes")]


def _regions_of_electrodes(table: h5py.Group, number: int) -> list[str]:
    """Return the region of each unit's electrodes where they agree, else of its electrode group."""
    from pipeline.ingest.hdf5 import plain_column, ragged_column, text

    if "electrodes" in table and f"{ELECTRODES}/location" in table.file:
        places = plain_column(table.file[ELECTRODES], "location") or []
        sets = [{str(places[i]) for i in rows} for rows in ragged_column(table, "electrodes")]
        return [places.pop() if len(places) == 1 else "" for places in sets]
    if "electrode_group" in table:
        groups = [table.file[reference] for reference in table["electrode_group"][:]]
        return [str(text(group.attrs.get("location", ""))) for group in groups]
    return [""] * number


def _waveforms(
    table: h5py.Group, rows: Sequence[Sequence[int]]
) -> tuple[np.ndarray | None, float, str, list[int | None]]:
    """Return mean waveforms, rate, unit, and which of each unit's electrodes is the largest."""
    import numpy as np

    from pipeline.ingest.hdf5 import text

    nothing = None, 0.0, ARBITRARY, [mine[0] if len(mine) == 1 else None for mine in rows]
    if "waveform_mean" not in table or "waveform_mean_index" in table:
        return nothing
    data = table["waveform_mean"]
    rate_hz = float(text(data.attrs.get("sampling_rate", 0)) or 0)
    if data.ndim not in (2, 3) or len(data) != len(rows) or 0 in data.shape or not rate_hz > 0:
        return nothing
    shapes = np.asarray(data[:], dtype=np.float32)
    shapes = shapes[:, :, None] if shapes.ndim == 2 else shapes
    columns = [largest_channel(np.nan_to_num(shape)) for shape in shapes]
    # A column of the waveforms is an electrode of the unit where both are as many.
    largest = [
        mine[column] if len(mine) == shapes.shape[2] else None
        for mine, column in zip(rows, columns, strict=True)
    ]
    chosen = shapes[np.arange(len(shapes)), :, columns]
    swings = np.nanmax(np.abs(chosen), axis=1, initial=0.0)
    volts = str(text(data.attrs.get("unit", "volts"))).casefold() in ("volts", "volt", "v")
    if volts and np.nanmax(swings) <= _LARGEST_V:
        return chosen * np.float32(1e6), rate_hz, MICROVOLTS, largest
    # Some writers state volts, as the standard wants it, and store microvolts.
    return chosen, rate_hz, ARBITRARY, largest


def _channels(
    table: h5py.Group,
    rows: Sequence[Sequence[int]],
    largest: Sequence[int | None],
    number: int,
) -> list[str]:
    """Return the name of each unit's largest electrode, as a recording of the file has it."""
    from pipeline.ingest.hdf5 import plain_column

    if ELECTRODES not in table.file:
        return [""] * number
    electrodes = table.file[ELECTRODES]
    ids = [str(value) for value in plain_column(electrodes, "id") or []]
    named = plain_column(electrodes, "channel_name") if "channel_name" in electrodes else None
    names = [str(name) for name in named] if named else ids
    peaks = _words(table, PEAK_COLUMNS, number)
    return [
        names[ids.index(peak)]
        if peak in ids
        else names[row]
        if row is not None and 0 <= row < len(names)
        else ""
        for peak, row in zip(peaks, largest, strict=True)
    ]


def _amplitudes(table: h5py.Group) -> tuple[Any, ...]:
    """Return the size of each spike, in whatever unit the lab's own column has."""
    import numpy as np

    from pipeline.ingest.hdf5 import ragged_column

    for name in ("spike_amplitudes", "amplitudes"):
        if name in table and f"{name}_index" in table and table[name].ndim == 1:
            return tuple(np.asarray(v, dtype=np.float32) for v in ragged_column(table, name))
    return ()
