"""Position tracks in HDF5: SLEAP analysis files, NWB Position and BehavioralTimeSeries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import InputError
from pipeline.experiment.movement_options import TrackOptions
from pipeline.ingest.hdf5 import open_closed_hdf5, open_nwb, text
from pipeline.ingest.tracks import CM_PER, Track, choose

if TYPE_CHECKING:
    import h5py
    import pandas as pd

#: centimetres per second in the units of speed that NWB files name
SPEED_UNITS = {f"{unit}{per}": cm for unit, cm in CM_PER.items() for per in ("/s", " / s", "/sec")}
_LIKELY_SLEAP = "no SLEAP analysis file (File > Export Analysis HDF5), or truncated"


def _axes(options: TrackOptions, number: int, path: Path) -> tuple[int, int]:
    """Return which columns are x and y; a third column must be spoken of."""
    if options.axes is None and number != 2:
        raise InputError(
            f"{path}: found {number} axes; expected movement: {{axes: ...}} to say which two are "
            "the floor (xy, xz ...)"
        )
    places = tuple("xyz".index(letter) for letter in options.axes or "xy")
    if max(places) >= number:
        raise InputError(
            f"{path}: movement.axes: found '{options.axes}'; the track has {number} axes"
        )
    return places[0], places[1]


def read_sleap_hdf5(path: Path, options: TrackOptions) -> Track:
    """Read a SLEAP analysis file: datasets tracks, node_names, track_names, point_scores.

    ``tracks`` is (track, 2, node, frame), or (frame, node, 2, track) where it was exported
    untransposed; the lengths of the names tell which. Frame numbers count from 0.

    Raises
    ------
    InputError
        When datasets are missing, the shape fits neither order or both, or a node or track is not
        decided.
    """
    with open_closed_hdf5(path, "SLEAP analysis HDF5", likely=_LIKELY_SLEAP) as file:
        if "_i_table" in file.get("df_with_missing", {}) or "df_with_missing" in file:
            raise InputError(
                f"{path}: found the .h5 of DeepLabCut; expected its CSV (save_as_csv, or "
                "deeplabcut.analyze_videos_converth5_to_csv)"
            )
        missing = [name for name in ("tracks", "node_names") if name not in file]
        if missing:
            raise InputError(
                f"{path}: found {', '.join(file) or 'nothing'}; expected {', '.join(missing)}: "
                + _LIKELY_SLEAP
            )
        nodes = [str(text(name)) for name in file["node_names"][:]]
        names = file["track_names"][:] if "track_names" in file else []
        tracks = [str(text(name)) for name in names] or ["track 0"]
        order = _sleap_order(file["tracks"].shape, len(tracks), len(nodes), path)
        node = nodes.index(
            choose(nodes, options.body_part, key="body_part", what="nodes", path=path)
        )
        one = tracks.index(
            choose(tracks, options.individual, key="individual", what="tracks", path=path)
        )
        if order == "names first":
            points = file["tracks"][one, :, node, :]
        else:
            points = file["tracks"][:, node, :, one].T
        scores = None
        if "point_scores" in file:
            stored = file["point_scores"]
            names_first = order == "names first"
            scores = stored[one, node, :] if names_first else stored[:, node, one]
    first, second = _axes(options, 2, path)
    return Track(
        time_s=np.arange(points.shape[1], dtype=np.float64),
        x=points[first],
        y=points[second],
        clock="frames",
        likelihood=scores,
    )


def _sleap_order(shape: tuple[int, ...], tracks: int, nodes: int, path: Path) -> str:
    fits = []
    if len(shape) == 4 and shape[:3] == (tracks, 2, nodes):
        fits.append("names first")
    if len(shape) == 4 and shape[1:] == (nodes, 2, tracks):
        fits.append("frames first")
    if len(fits) == 1:
        return fits[0]
    problem = "either order" if fits else "neither order"
    raise InputError(
        f"{path}: tracks: found shape {shape}, which fits {problem}; expected ({tracks} tracks, "
        f"2, {nodes} nodes, frames), or (frames, {nodes}, 2, {tracks})"
    )


def read_nwb_movement(path: Path, options: TrackOptions) -> Track | pd.DataFrame:
    """Read position (container Position) or speed (container BehavioralTimeSeries) of an NWB file.

    Parameters
    ----------
    path : Path
        NWB 2 file.
    options : TrackOptions
        ``series`` names one where there are several; ``axes``.

    Returns
    -------
    Track or pandas.DataFrame
        Positions, if there are any or ``series`` names one; else ``time_s`` and ``speed_cm_s``.
        Times are seconds on the clock of the file.

    Raises
    ------
    InputError
        When there is neither, several and none chosen, or a series is not one value per time.
    """
    with open_nwb(path) as file:
        series = _series(file)
        positions = [name for name, (kind, _) in series.items() if kind == "position"]
        names = list(series) if options.series is not None or not positions else positions
        if not names:
            raise InputError(
                f"{path}: found no series in a Position or BehavioralTimeSeries container; is this "
                "the file of the video tracking?"
            )
        name = choose(names, options.series, key="series", what="series", path=path)
        kind, group = series[name]
        return _position(group, options, path) if kind == "position" else _speed(group, path)


def _series(file: h5py.File) -> dict[str, tuple[str, h5py.Group]]:
    """Return the series of positions and speeds by name, or by path where names repeat."""
    import h5py

    found: list[tuple[str, str, h5py.Group]] = []

    def visit(place: str, item: Any) -> None:
        if not isinstance(item, h5py.Group) or "data" not in item or item.parent is None:
            return
        holder = text(item.parent.attrs.get("neurodata_type", ""))
        unit = str(text(item["data"].attrs.get("unit", ""))).strip().casefold()
        if holder == "Position" or (holder == "BehavioralTimeSeries" and item["data"].ndim == 2):
            found.append((place, "position", item))
        elif holder == "BehavioralTimeSeries" and unit in SPEED_UNITS:
            found.append((place, "speed", item))

    file.visititems(visit)
    short = [place.rsplit("/", 1)[-1] for place, _, _ in found]
    return {
        name if short.count(name) == 1 else place: (kind, group)
        for name, (place, kind, group) in zip(short, found, strict=True)
    }


def _times(group: h5py.Group, number: int, path: Path) -> np.ndarray:
    if "timestamps" in group:
        times = group["timestamps"][:].astype(np.float64)
    elif "starting_time" in group:
        rate = float(group["starting_time"].attrs.get("rate", 0))
        if not rate > 0:
            raise InputError(f"{path}: {group.name}: found rate {rate:g}; expected more than 0 Hz")
        times = float(group["starting_time"][()]) + np.arange(number) / rate
    else:
        raise InputError(f"{path}: {group.name}: found no timestamps and no starting_time")
    if len(times) != number:
        turned = group["data"].ndim == 2 and group["data"].shape[1] == len(times)
        raise InputError(
            f"{path}: {group.name}: found {len(times)} times for data of shape "
            f"{group['data'].shape}; expected one per row"
            + (": rows and columns are exchanged (MATLAB writes them so)" if turned else "")
        )
    return times


def _scaled(group: h5py.Group) -> np.ndarray:
    data = group["data"]
    factor = float(data.attrs.get("conversion", 1.0))
    return data[:].astype(np.float64) * factor + float(data.attrs.get("offset", 0.0))


def _position(group: h5py.Group, options: TrackOptions, path: Path) -> Track:
    times = _times(group, group["data"].shape[0], path)
    values = _scaled(group)
    if values.ndim != 2:
        raise InputError(
            f"{path}: {group.name}: found one value per time; expected x and y (a linearised "
            "position has no zones; name another series, or give a table of speeds)"
        )
    first, second = _axes(options, values.shape[1], path)
    unit = str(text(group["data"].attrs.get("unit", ""))).strip()
    return Track(
        time_s=times,
        x=values[:, first],
        y=values[:, second],
        cm_per_unit=CM_PER.get(unit.casefold()),
        unit=unit or "no unit",
    )


def _speed(group: h5py.Group, path: Path) -> pd.DataFrame:
    import pandas as pd

    unit = str(text(group["data"].attrs.get("unit", ""))).strip().casefold()
    times = _times(group, group["data"].shape[0], path)
    return pd.DataFrame({"time_s": times, "speed_cm_s": _scaled(group) * SPEED_UNITS[unit]})
