"""Sorted units of a session (units.nc) and the spikes of one epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import InputError
from pipeline.files import replacing
from pipeline.intervals import Intervals, contains, disjoint, total_seconds
from pipeline.spikes import unit_form as form
from pipeline.spikes.unit_form import LABELS, MICROVOLTS, MORE_LABELS

#: metrics of units that were sorted from some of a session's recordings: seconds from, until
SORTED_SPAN = ("sorted_from_s", "sorted_until_s")


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
    *,
    channel: Sequence[str] | None = None,
    probe: Sequence[str] | None = None,
    amplitude: Sequence[ArrayLike] | None = None,
    amplitude_units: str = MICROVOLTS,
    waveform: ArrayLike | None = None,
    waveform_rate_hz: float | None = None,
    waveform_units: str = MICROVOLTS,
    metrics: Mapping[str, ArrayLike] | None = None,
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
    channel : sequence of str, optional
        Session's name of the channel where each unit is largest, "" where unknown.
    probe : sequence of str, optional
        Name of each unit's probe, "" in a session with one.
    amplitude : sequence of array_like, optional
        Size of each spike of each unit, in the order of its times; NaN where unknown.
    amplitude_units, waveform_units : {"uV", "a.u."}
        Microvolts, or what only compares within a unit.
    waveform : array_like, shape (n_units, n_samples), optional
        Mean waveform of each unit on its channel; NaN where unknown, and behind the end of a
        shorter one.
    waveform_rate_hz : float, optional
        Samples per second of the waveforms; needed with them.
    metrics : mapping of str to array_like, shape (n_units,), optional
        Further numbers of the units by name (``snr``), NaN where unknown.

    Returns
    -------
    Dataset (spike, unit)
        ``spike_time`` (spike) in seconds, ascending within each unit; ``spike_unit`` (spike), the
        unit's position, ascending; coordinates ``unit_id``, ``region``, ``quality`` (unit). Where
        given: coordinates ``channel``, ``probe`` (unit), ``amplitude`` (spike) with the attribute
        ``units``, ``waveform`` (unit, waveform_sample) with ``units`` and ``rate_hz``, both
        float32, and one float64 variable (unit) per metric.

    Raises
    ------
    InputError
        If lengths differ, a name occurs twice, times are not finite or not ascending, waveforms
        have no rate, or a metric has the name of something else.
    """
    names = [str(name) for name in unit_id]
    blank = [""] * len(names)
    given = {
        "region": blank if region is None else region,
        "quality": blank if quality is None else quality,
    }
    more = {"channel": channel, "probe": probe}
    given |= {key: row for key, row in more.items() if row is not None}
    labels = {"unit_id": names} | {key: [str(cell) for cell in row] for key, row in given.items()}
    form.check_lengths(len(spike_times), labels)
    trains = [np.asarray(times, dtype=float) for times in spike_times]
    for name, times in zip(names, trains, strict=True):
        _check_train(name, times)
    unit_index = np.repeat(np.arange(len(names)), [len(times) for times in trains])
    variables: dict[str, Any] = {
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
    }
    if amplitude is not None:
        variables["amplitude"] = form.amplitudes(amplitude, names, trains, amplitude_units)
    if waveform is not None:
        variables["waveform"] = form.waveforms(
            waveform, len(names), waveform_rate_hz, waveform_units
        )
    for name, values in (metrics or {}).items():
        variables[name] = form.metric(name, values, len(names))
    coordinates = {key: ("unit", np.array(row, dtype=str)) for key, row in labels.items()}
    return xr.Dataset(variables, coords=coordinates)


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
    text = {key: units[key].astype(object) for key in _labels_of(units)}
    encoding: dict[str, dict[str, Any]] = {key: {"dtype": str} for key in text}
    # A time is never missing, and an unknown amplitude is NaN: without this xarray would add a
    # fill value.
    numbers = [name for name in units.data_vars if name != "spike_unit"]
    encoding |= {str(name): {"_FillValue": None} for name in numbers}
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
            for key in _labels_of(units)
        }
    )


def _labels_of(units: xr.Dataset) -> list[str]:
    """Labels that these units have."""
    return [key for key in (*LABELS, *MORE_LABELS) if key in units.coords]


def metric_names(units: xr.Dataset) -> list[str]:
    """Names of the further numbers of the units, in their order.

    Parameters
    ----------
    units : Dataset
        From :func:`units_dataset` or :func:`load_units`.

    Returns
    -------
    list of str
    """
    return [
        str(name)
        for name, values in units.data_vars.items()
        if values.dims == ("unit",) and name not in form.VARIABLES
    ]


def unit_amplitudes(units: xr.Dataset) -> list[NDArray[np.float32]] | None:
    """Amplitudes of each unit's spikes, in the order of its times; None where none are known."""
    if "amplitude" not in units:
        return None
    borders = np.cumsum([0, *(len(train) for train in unit_trains(units))])
    return [units["amplitude"].values[first:past] for first, past in pairwise(borders)]


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
    trains, sizes = unit_trains(units), unit_amplitudes(units)
    more: dict[str, Any] = {
        key: units[key].values[positions].tolist() for key in MORE_LABELS if key in units.coords
    }
    if sizes is not None:
        more["amplitude"] = [sizes[position] for position in positions]
        more["amplitude_units"] = units["amplitude"].attrs["units"]
    if "waveform" in units:
        more["waveform"] = units["waveform"].values[positions]
        more["waveform_rate_hz"] = float(units["waveform"].attrs["rate_hz"])
        more["waveform_units"] = units["waveform"].attrs["units"]
    return units_dataset(
        [trains[position] for position in positions],
        *(units[key].values[positions].tolist() for key in LABELS),
        metrics={name: units[name].values[positions] for name in metric_names(units)},
        **more,
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
