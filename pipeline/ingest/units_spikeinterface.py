"""Sortings as SpikeInterface saves them: its folders, its ``.npz`` and its analyzers.

Read without SpikeInterface: ``load`` builds whatever class a folder's JSON file names, and older
folders hold pickles. Here numbers and text are read, and nothing is built.
"""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import InputError
from pipeline.ingest.phy import load_array
from pipeline.ingest.units_form import (
    ARBITRARY,
    MICROVOLTS,
    REGION_COLUMNS,
    SortedUnits,
    largest_channel,
    rows_by_label,
)

#: properties of units that hold a label, and the largest channel's name
LABELS = ("quality", "group_label", "KSLabel", "label")
CHANNELS = ("main_channel_id", "max_channel_id", "peak_channel_id", "extremum_channel_id")
SAVE = (
    "save it again with sorting.save(folder=..., format='numpy_folder') or "
    "analyzer.save_as(folder=..., format='binary_folder')"
)


def read_spikeinterface(path: Path) -> SortedUnits:
    """Read a folder or an ``.npz`` file of SpikeInterface."""
    if path.suffix.casefold() in (".pkl", ".pickle"):
        raise InputError(f"{path}: found a pickle; pickles are never loaded: {SAVE}")
    if path.is_file():
        return _npz(path)
    if any((path / name).is_file() for name in (".zgroup", "zarr.json")) or path.suffix == ".zarr":
        raise InputError(
            f"{path}: found a zarr folder, which may hold pickled objects; they are never loaded: "
            f"{SAVE}"
        )
    if (path / "spikeinterface_info.json").is_file():
        return _analyzer(path)
    if (path / "numpysorting_info.json").is_file():
        return _folder(path)[0]
    if (path / "sorting_cached.npz").is_file():
        return _npz(path / "sorting_cached.npz", properties=path / "properties")
    raise InputError(
        f"{path}: found neither spikes.npy with numpysorting_info.json nor sorting_cached.npz; "
        f"expected a folder that SpikeInterface saved (a pickle, or half a copy?): {SAVE}"
    )


def _json(file: Path, *keys: str) -> dict[str, Any]:
    if not file.is_file():
        raise InputError(f"{file}: not found; copy the whole folder of the sorting")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{file}: cannot be read as JSON ({error}): truncated?") from error
    missing = [key for key in keys if not isinstance(content, dict) or key not in content]
    if missing:
        raise InputError(
            f"{file}: found no {', '.join(missing)}; expected SpikeInterface's own file"
        )
    return content


def _one_segment(number: Any, file: Path) -> None:
    if number != 1:
        raise InputError(
            f"{file}: found {number} segments; expected 1: save the sorting of each recording "
            "apart, or sort the recordings concatenated"
        )


def _rate(value: Any, file: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise InputError(f"{file}: found sampling_frequency {value!r}; expected a positive number")
    return float(value)


def _folder(path: Path) -> tuple[SortedUnits, np.ndarray]:
    """Return the units of a NumpyFolderSorting, and the unit of each spike in its own order."""
    info_file, spikes_file = path / "numpysorting_info.json", path / "spikes.npy"
    info = _json(info_file, "sampling_frequency", "unit_ids", "num_segments")
    _one_segment(info["num_segments"], info_file)
    spikes = load_array(spikes_file)
    names = spikes.dtype.names or ()
    if spikes.ndim != 1 or not {"sample_index", "unit_index"} <= set(names):
        raise InputError(
            f"{spikes_file}: found {spikes.dtype} of shape {spikes.shape}; expected one "
            "sample_index and unit_index per spike"
        )
    unit_index = spikes["unit_index"].astype(np.int64)
    return _units(
        [str(name) for name in info["unit_ids"]],
        spikes["sample_index"].astype(np.int64),
        unit_index,
        _rate(info["sampling_frequency"], info_file),
        path / "properties",
        spikes_file,
    ), unit_index


def _npz(file: Path, properties: Path | None = None) -> SortedUnits:
    from pipeline.ingest.reading import reading

    likely = "truncated, a pickle, or no sorting of SpikeInterface"
    with (
        reading(file, "SpikeInterface .npz", likely=likely),
        np.load(file, allow_pickle=False) as npz,
    ):
        content = {name: npz[name] for name in npz.files if not name.endswith("seg1")}
    expected = ("unit_ids", "num_segment", "sampling_frequency")
    missing = [name for name in expected if name not in content]
    if missing:
        raise InputError(
            f"{file}: found no {', '.join(missing)}; expected SpikeInterface's own file"
        )
    _one_segment(int(content["num_segment"].ravel()[0]), file)
    if not {"spike_indexes_seg0", "spike_labels_seg0"} <= set(content):
        raise InputError(f"{file}: found no spikes; expected spike_indexes_seg0, spike_labels_seg0")
    names = [str(name) for name in content["unit_ids"]]
    labels = content["spike_labels_seg0"].astype(str)
    samples = content["spike_indexes_seg0"].astype(np.int64)
    place = {name: index for index, name in enumerate(names)}
    unknown = sorted(set(np.unique(labels).tolist()) - set(place))
    if unknown or len(labels) != len(samples):
        raise InputError(
            f"{file}: found {len(samples)} spikes, {len(labels)} labels, and the label(s) "
            f"{', '.join(unknown[:5]) or 'of known units only'}; expected one label of a unit per "
            "spike"
        )
    found, inverse = np.unique(labels, return_inverse=True)
    index = np.array([place[label] for label in found.tolist()], dtype=np.int64)[inverse]
    rate = _rate(float(content["sampling_frequency"].ravel()[0]), file)
    return _units(names, samples, index, rate, properties, file)


def _units(
    names: list[str],
    samples: np.ndarray,
    unit_index: np.ndarray,
    rate_hz: float,
    properties: Path | None,
    file: Path,
) -> SortedUnits:
    number = len(names)
    if len(unit_index) and not 0 <= unit_index.min() <= unit_index.max() < number:
        raise InputError(
            f"{file}: found a spike of unit {unit_index.max()}; expected places from 0 below "
            f"{number}: the files are of different sortings"
        )
    rows = _rows(unit_index, number)
    return SortedUnits(
        unit_id=tuple(names),
        region=_property(properties, REGION_COLUMNS, number),
        quality=_property(properties, LABELS, number),
        spike_times=tuple(samples[mine] / rate_hz for mine in rows),
        channel=_property(properties, CHANNELS, number),
        waveform_rate_hz=rate_hz,
        sample_rate_hz=rate_hz,
    )


def _rows(unit_index: np.ndarray, number: int) -> list[np.ndarray]:
    """Return the rows of each unit's spikes, also of units without any."""
    found, rows = rows_by_label(unit_index)
    by_unit = dict(zip(found, rows, strict=True))
    return [by_unit.get(unit, np.empty(0, dtype=np.int64)) for unit in range(number)]


def _property(folder: Path | None, names: tuple[str, ...], number: int) -> tuple[str, ...]:
    """Return the first of some properties that is kept as one plain value per unit."""
    for name in names:
        file = folder / f"{name}.npy" if folder else None
        if file is None or not file.is_file():
            continue
        values = load_array(file)
        if values.shape == (number,) and values.dtype.kind in "UiubS":
            return tuple(values.astype(str).tolist())
    return ("",) * number


def _analyzer(path: Path) -> SortedUnits:
    """Return the units of a SortingAnalyzer, with what it computed."""
    from dataclasses import replace

    info = _json(path / "spikeinterface_info.json", "object")
    if info["object"] != "SortingAnalyzer":
        raise InputError(
            f"{path / 'spikeinterface_info.json'}: found a {info['object']}; expected a "
            "SortingAnalyzer, or the folder of a sorting"
        )
    units, unit_index = _folder(path / "sorting")
    number, extensions = len(units.unit_id), path / "extensions"
    settings = path / "settings.json"
    options = _json(settings) if settings.is_file() else {}
    scaled = bool(options.get("return_in_uV", options.get("return_scaled", False)))
    unit = MICROVOLTS if scaled else ARBITRARY
    waveform, channel = units.waveform, units.channel
    average = extensions / "templates" / "average.npy"
    if average.is_file():
        waveform, channel = _shapes(average, path, number)
    sizes_file = extensions / "spike_amplitudes" / "amplitudes.npy"
    amplitude: tuple[np.ndarray, ...] = ()
    if sizes_file.is_file():
        sizes = load_array(sizes_file)
        if sizes.shape != unit_index.shape:
            raise InputError(
                f"{sizes_file}: found shape {sizes.shape}; expected {unit_index.shape}, one per "
                "spike of the sorting"
            )
        amplitude = tuple(sizes[mine].astype(np.float32) for mine in _rows(unit_index, number))
    metrics = _metrics(extensions / "quality_metrics" / "metrics.csv", units.unit_id)
    return replace(
        units,
        channel=channel,
        amplitude=amplitude,
        amplitude_units=unit,
        waveform=waveform,
        waveform_units=unit,
        metrics=metrics,
    )


def _shapes(average: Path, path: Path, number: int) -> tuple[np.ndarray, tuple[str, ...]]:
    attributes = path / "recording_info" / "recording_attributes.json"
    names = [str(name) for name in _json(attributes, "channel_ids")["channel_ids"]]
    templates = load_array(average)
    if templates.ndim != 3 or templates.shape[0] != number or templates.shape[2] != len(names):
        raise InputError(
            f"{average}: found shape {templates.shape}; expected ({number}, samples, {len(names)})"
            " for the units and channels of the analyzer"
        )
    columns = [largest_channel(np.nan_to_num(template)) for template in templates]
    shapes = templates[np.arange(number), :, columns].astype(np.float32)
    return shapes, tuple(names[column] for column in columns)


def _metrics(file: Path, unit_id: tuple[str, ...]) -> dict[str, tuple[float, ...]]:
    """Return the columns of numbers of a table of quality metrics."""
    if not file.is_file():
        return {}
    with file.open(encoding="utf-8", newline="") as lines:
        header, *rows = list(csv.reader(lines)) or [[]]
    if tuple(row[0] for row in rows if row) != unit_id or any(len(r) != len(header) for r in rows):
        raise InputError(
            f"{file}: found {len(rows)} rows that are not one for each of the {len(unit_id)} units "
            "in their order; expected SpikeInterface's own table (edited?)"
        )
    found = {}
    for column, name in enumerate(header[1:], start=1):
        numbers = [_number(row[column]) for row in rows]
        known = tuple(number for number in numbers if number is not None)
        if re.fullmatch(r"[A-Za-z_]\w*", name, flags=re.A) and len(known) == len(numbers):
            found[name] = known
    return found


def _number(text: str) -> float | None:
    if not text:
        return math.nan
    try:
        return float(text)
    except ValueError:
        return None
