"""Units of a folder of Kilosort or phy: labels, regions, channels, amplitudes, templates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.errors import InputError
from pipeline.ingest.phy import PhyFolder, load_array, phy_folder, whole_numbers
from pipeline.ingest.units_form import (
    ARBITRARY,
    REGION_COLUMNS,
    SortedUnits,
    largest_channel,
    rows_by_label,
)

#: a person's label, else the sorter's own
LABEL_COLUMNS = ("group", "KSLabel")
#: what phy calls clusters that nobody labelled
UNSORTED = "unsorted"


def read_phy(path: Path) -> SortedUnits:
    """Read a folder with ``params.py`` and ``spike_times.npy``.

    Amplitudes are those of ``amplitudes.npy``: each spike's scale in the sorter's own unit. The
    waveform is the template, or the mean of a merged cluster's templates weighted by its spikes,
    unwhitened where ``whitening_mat_inv.npy`` is there.
    """
    if not path.is_dir():
        raise InputError(f"{path}: found a file; expected the folder of Kilosort or phy")
    folder = phy_folder(path)
    numbers, rows = rows_by_label(folder.labels)
    tables = [folder.tables.get(str(number), {}) for number in numbers]
    sizes = _amplitudes(path, len(folder.samples))
    waveform, position = _templates(path, folder, rows)
    qualities = [_first(table, LABEL_COLUMNS) for table in tables]
    if any(qualities):
        qualities = [label or UNSORTED for label in qualities]
    channels = [_first(table, ("ch", "channel")) for table in tables]
    if not position and folder.n_channels:
        position = [int(name) if name.isdecimal() else -1 for name in channels]
    # phy's number is a place in the sorted file, from 0: never a name such as "12", from 1.
    channels = ["" if name.isdecimal() else name for name in channels]
    return SortedUnits(
        unit_id=tuple(str(number) for number in numbers),
        region=tuple(_first(table, REGION_COLUMNS) for table in tables),
        quality=tuple(qualities),
        spike_times=tuple(folder.samples[mine] / folder.rate_hz for mine in rows),
        channel=tuple(channels),
        position=tuple(position),
        n_channels=folder.n_channels,
        amplitude=() if sizes is None else tuple(sizes[mine] for mine in rows),
        amplitude_units=ARBITRARY,
        waveform=waveform,
        waveform_rate_hz=folder.rate_hz,
        waveform_units=ARBITRARY,
        sample_rate_hz=folder.rate_hz,
    )


def _first(table: dict[str, str], columns: Sequence[str]) -> str:
    """Return the first value that is filled in."""
    return next((str(table[name]) for name in columns if table.get(name)), "")


def _amplitudes(path: Path, number: int) -> np.ndarray | None:
    file = path / "amplitudes.npy"
    if not file.is_file():
        return None
    sizes = load_array(file)
    if sizes.dtype.kind not in "fiu" or sizes.size != max(sizes.shape, default=0):
        raise InputError(
            f"{file}: found {sizes.dtype} of shape {sizes.shape}; expected one number per spike"
        )
    if sizes.size != number:
        raise InputError(
            f"{file}: found {sizes.size} amplitudes; expected {number} as in spike_times.npy: the "
            "two files are of different sortings"
        )
    return sizes.ravel().astype(np.float32)


def _templates(
    path: Path, folder: PhyFolder, rows: Sequence[np.ndarray]
) -> tuple[np.ndarray | None, list[int]]:
    """Return each cluster's mean template on its largest channel, and that channel's place."""
    file, of_spikes = path / "templates.npy", path / "spike_templates.npy"
    if not file.is_file() or not of_spikes.is_file():
        return None, []
    templates = load_array(file, lazily=True)
    used = whole_numbers(of_spikes)
    if templates.ndim != 3 or templates.dtype.kind not in "fiu" or not all(templates.shape[1:]):
        raise InputError(
            f"{file}: found {templates.dtype} of shape {templates.shape}; expected (template, "
            "sample, channel)"
        )
    if len(used) != len(folder.labels) or (
        len(used) and not 0 <= used.min() <= used.max() < len(templates)
    ):
        raise InputError(
            f"{of_spikes}: found {len(used)} spikes of templates up to {used.max(initial=-1)}; "
            f"expected {len(folder.labels)} spikes of templates below {len(templates)}: the files "
            "are of different sortings"
        )
    places = _places(path, len(templates), templates.shape[2])
    whitening = _unwhitening(path)
    shapes, position = [], []
    for mine in rows:
        numbers, counts = np.unique(used[mine], return_counts=True)
        mean = _dense(templates, places, numbers, counts / counts.sum())
        if whitening is not None and len(whitening) == mean.shape[1]:
            mean = mean @ whitening
        column = largest_channel(mean)
        shapes.append(mean[:, column].astype(np.float32))
        position.append(column)
    mapped = _channel_map(path)
    if mapped is not None:
        known = [0 <= column < len(mapped) for column in position]
        position = [int(mapped[c]) if ok else -1 for c, ok in zip(position, known, strict=True)]
    return (np.array(shapes) if shapes else None), position


def _places(path: Path, number: int, columns: int) -> np.ndarray | None:
    """Return the channel of each column of each template (-1: none); None where all are dense."""
    for name in ("template_ind.npy", "templates_ind.npy"):
        file = path / name
        if not file.is_file():
            continue
        places = load_array(file)
        if places.shape != (number, columns):
            raise InputError(
                f"{file}: found shape {places.shape}; expected {(number, columns)} as in "
                "templates.npy"
            )
        return places.astype(np.int64)
    return None


def _dense(
    templates: np.ndarray, places: np.ndarray | None, numbers: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return the weighted mean of some templates, over all channels."""
    width = templates.shape[2] if places is None else max(int(places.max(initial=0)) + 1, 1)
    mean = np.zeros((templates.shape[1], width))
    for number, weight in zip(numbers, weights, strict=True):
        columns = np.arange(width) if places is None else places[number]
        real = columns >= 0
        mean[:, columns[real]] += weight * templates[number][:, real]
    return mean


def _unwhitening(path: Path) -> np.ndarray | None:
    file = path / "whitening_mat_inv.npy"
    if not file.is_file():
        return None
    matrix = load_array(file)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise InputError(f"{file}: found shape {matrix.shape}; expected a square matrix")
    return matrix.astype(np.float64)


def _channel_map(path: Path) -> np.ndarray | None:
    file = path / "channel_map.npy"
    return whole_numbers(file) if file.is_file() else None
