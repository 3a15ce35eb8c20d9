"""Sorted units of a session (units.nc) and the spikes of one epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import InputError
from pipeline.files import replacing
from pipeline.intervals import Intervals, contains, disjoint, total_seconds

_LABELS = ("unit_id", "region", "quality")


@dataclass(frozen=True, eq=False)
class EpochUnits:
    """Spikes of one epoch.

    Attributes
    ----------
    unit_id, region : list of str
        One entry per unit; a unit without a spike in the epoch keeps its entry.
    spike_times : list of ndarray
        Seconds on the session clock, ascending, those inside `intervals` only.
    intervals : ndarray, shape (n, 2)
        Seconds of the epoch, disjoint.
    seconds : float
        Their total length.
    """

    unit_id: list[str]
    region: list[str]
    spike_times: list[NDArray[np.float64]]
    intervals: Intervals
    seconds: float


def units_dataset(
    spike_times: Sequence[ArrayLike],
    unit_id: Sequence[str],
    region: Sequence[str] | None = None,
    quality: Sequence[str] | None = None,
) -> xr.Dataset:
    """Units of a session in the form of units.nc.

    Parameters
    ----------
    spike_times : sequence of array_like
        Spikes of each unit, seconds on the session clock, ascending.
    unit_id : sequence of str
        Names, each once.
    region : sequence of str, optional
        "" when not given.
    quality : sequence of str, optional
        Label of the sorting or its curation (good, mua, noise, unsorted); "" where the format has
        no such labels.

    Returns
    -------
    Dataset (spike, unit)
        ``spike_time`` (spike) in seconds, ascending within each unit; ``spike_unit`` (spike), the
        unit's position, ascending; coordinates ``unit_id``, ``region``, ``quality`` (unit).

    Raises
    ------
    InputError
        If lengths differ, a name occurs twice, or times are not finite or not ascending.
    """
    names = [str(name) for name in unit_id]
    labels = {
        "unit_id": names,
        "region": [""] * len(names) if region is None else [str(label) for label in region],
        "quality": [""] * len(names) if quality is None else [str(label) for label in quality],
    }
    lengths = {"spike_times": len(spike_times)} | {key: len(row) for key, row in labels.items()}
    if len(set(lengths.values())) != 1:
        raise InputError(f"units: found lengths {lengths}; expected one entry per unit in each")
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(
            f"units: found unit {', '.join(repeated)} more than once; expected each once (two "
            "probes sorted apart? put the probe into the name)"
        )
    trains = [np.asarray(times, dtype=float) for times in spike_times]
    for name, times in zip(names, trains, strict=True):
        _check_train(name, times)
    unit_index = np.repeat(np.arange(len(names)), [len(times) for times in trains])
    return xr.Dataset(
        {
            "spike_time": (
                "spike",
                np.concatenate(trains) if trains else np.empty(0),
                {"units": "s", "description": "session clock, ascending within each unit"},
            ),
            "spike_unit": (
                "spike",
                unit_index.astype(np.int32),
                {"description": "position along unit"},
            ),
        },
        coords={key: ("unit", np.array(row, dtype=str)) for key, row in labels.items()},
    )


def save_units(units: xr.Dataset, path: str | Path) -> Path:
    """Write units.nc; the same units give the same bytes.

    Parameters
    ----------
    units : Dataset
        From :func:`units_dataset`.
    path : str or Path
        Written under a temporary name, then renamed.

    Returns
    -------
    Path
    """
    # Text as variable-length strings: MATLAB and R read them, and an empty table keeps its type.
    text = {key: units[key].astype(object) for key in _LABELS}
    encoding = {key: {"dtype": str} for key in _LABELS}
    # A time is never missing: without this xarray would add a fill value.
    encoding["spike_time"] = {"_FillValue": None}
    with replacing(path) as partial:
        units.assign_coords(text).to_netcdf(partial, engine="h5netcdf", encoding=encoding)
    return Path(path)


def load_units(path: str | Path) -> xr.Dataset:
    """Read units.nc into memory.

    Parameters
    ----------
    path : str or Path
        File that :func:`save_units` wrote.

    Returns
    -------
    Dataset
        As :func:`units_dataset` makes it.
    """
    with xr.open_dataset(path, engine="h5netcdf") as opened:
        units = opened.load()
    return units.assign_coords(
        {
            key: ("unit", np.array([str(label) for label in units[key].values], dtype=str))
            for key in _LABELS
        }
    )


def unit_trains(units: xr.Dataset) -> list[NDArray[np.float64]]:
    """Spike times of each unit, in the order of ``unit``, as views.

    Raises
    ------
    InputError
        If spikes are not grouped by unit in ascending order.
    """
    times, owner = units["spike_time"].values, units["spike_unit"].values
    n_units = units.sizes["unit"]
    if owner.size and (owner[0] < 0 or owner[-1] >= n_units or np.any(np.diff(owner) < 0)):
        raise InputError(
            f"units: spike_unit is not ascending from 0 to {n_units - 1}; expected the spikes "
            "grouped by unit (file made by another program?)"
        )
    borders = np.searchsorted(owner, np.arange(n_units + 1))
    trains = [times[first:past] for first, past in pairwise(borders)]
    for name, train in zip(units["unit_id"].values, trains, strict=True):
        _check_train(str(name), train)
    return trains


def epoch_units(units: xr.Dataset, intervals: ArrayLike) -> EpochUnits:
    """Spikes of every unit inside an epoch.

    Parameters
    ----------
    units : Dataset
        From :func:`units_dataset` or :func:`load_units`.
    intervals : array_like, shape (n, 2)
        Seconds on the session clock, without overlaps.

    Returns
    -------
    EpochUnits
        Units without a spike are kept: silence is data.

    Raises
    ------
    InputError
        If intervals overlap or the spikes are not grouped by unit.
    """
    intervals = disjoint(intervals, name="epoch")
    trains = [times[contains(intervals, times)] for times in unit_trains(units)]
    return EpochUnits(
        unit_id=[str(name) for name in units["unit_id"].values],
        region=[str(name) for name in units["region"].values],
        spike_times=trains,
        intervals=intervals,
        seconds=total_seconds(intervals),
    )


def select_units(units: xr.Dataset, keep: ArrayLike) -> xr.Dataset:
    """Only some units, with their spikes.

    Parameters
    ----------
    units : Dataset
        From :func:`units_dataset` or :func:`load_units`.
    keep : array_like of bool, shape (n_units,)
        Which.

    Returns
    -------
    Dataset
        Same form, positions counted anew.
    """
    positions = np.flatnonzero(np.asarray(keep, dtype=bool))
    trains = unit_trains(units)
    return units_dataset(
        [trains[position] for position in positions],
        *(units[key].values[positions].tolist() for key in _LABELS),
    )


def _check_train(name: str, times: NDArray[np.float64]) -> None:
    """Refuse spike times that are no ascending list of numbers."""
    if times.ndim != 1:
        raise InputError(f"unit {name}: found {times.ndim} dimensions of times; expected a list")
    if not np.isfinite(times).all():
        at = int(np.flatnonzero(~np.isfinite(times))[0])
        raise InputError(f"unit {name}: spike {at + 1}: found {times[at]}; expected a time in s")
    if (falls := np.flatnonzero(np.diff(times) < 0)).size:
        at = int(falls[0])
        raise InputError(
            f"unit {name}: spike {at + 2} at {times[at + 1]:.6f} s comes after one at "
            f"{times[at]:.6f} s; expected ascending times (several files joined out of order?)"
        )
