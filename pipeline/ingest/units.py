"""Sorted units: one way to read the sortings of all programs and rigs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from pipeline.errors import InputError
from pipeline.experiment.strict import did_you_mean
from pipeline.ingest.units_form import SortedUnits
from pipeline.ingest.units_layouts import detect_sorting

UNKNOWN_REGIONS = ("", "unknown", "none", "nan")
#: format -> module and function that reads it
READERS = {
    "phy": ("units_phy", "read_phy"),
    "kilosort": ("units_phy", "read_phy"),
    "spikeinterface": ("units_spikeinterface", "read_spikeinterface"),
    "cellexplorer": ("units_cellexplorer", "read_cellexplorer"),
    "neuralynx": ("units_neuralynx", "read_neuralynx"),
    "plexon": ("units_plexon", "read_plexon"),
    "blackrock": ("units_blackrock", "read_blackrock"),
    "neuroscope": ("units_klusters", "read_klusters"),
    "nwb": ("units_nwb", "read_nwb"),
}


def read_units(path: str | Path, *, format: str = "auto", zero_s: float = 0.0) -> SortedUnits:
    """Read all units of a sorting; which of them count is decided later.

    Parameters
    ----------
    path : path
        File or folder; docs/formats.md lists what is read.
    format : str
        A key of :data:`READERS`; ``auto`` tells it from the files.
    zero_s : float
        Time of the session's zero on the clock of the spike times, subtracted from each: for units
        in the same NWB file as the recording, and for those with ``rig_clock``,
        :func:`pipeline.ingest.recording_start_s`; others count from the first sample and need none.

    Returns
    -------
    SortedUnits

    Raises
    ------
    InputError
        Missing or damaged files, files of several formats, no units, repeated names, spike times
        that are not finite or not in the order of time.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: not found; check the 'sorting' column of the sessions table")
    if format == "auto":
        format = detect_sorting(path)
    if format not in READERS:
        raise InputError(
            f"{path}: sorting format: found '{format}'{did_you_mean(format, READERS)}; expected "
            f"auto or one of {', '.join(READERS)}"
        )
    units = _reader(format)(path)
    _refuse_impossible(units, path)
    return replace(
        units,
        region=tuple("" if r.strip().casefold() in UNKNOWN_REGIONS else r for r in units.region),
        spike_times=tuple(times - zero_s for times in units.spike_times),
    )


def _reader(format: str) -> Callable[[Path], SortedUnits]:
    module, name = READERS[format]
    return getattr(import_module(f"pipeline.ingest.{module}"), name)


def _refuse_impossible(units: SortedUnits, path: Path) -> None:
    import numpy as np

    if not units.unit_id:
        raise InputError(f"{path}: found no units; is this the file of the sorting?")
    repeated = sorted({unit for unit in units.unit_id if units.unit_id.count(unit) > 1})
    if repeated:
        raise InputError(f"{path}: units: found {', '.join(repeated)} twice; expected each id once")
    for unit, times in zip(units.unit_id, units.spike_times, strict=True):
        if not np.all(np.isfinite(times)):
            raise InputError(f"{path}: unit {unit}: found a spike time that is no number")
        backwards = np.flatnonzero(np.diff(times) < 0)
        if len(backwards):
            row = int(backwards[0]) + 1
            raise InputError(
                f"{path}: unit {unit}, spike {row + 1}: found {times[row]:.6f} s after "
                f"{times[row - 1]:.6f} s; expected times in order (two recordings in one file?)"
            )
    for unit, times, sizes in zip(units.unit_id, units.spike_times, units.amplitude, strict=False):
        if len(times) != len(sizes):
            raise InputError(
                f"{path}: unit {unit}: found {len(sizes)} amplitudes for {len(times)} spikes; "
                "expected one each: the files are of different sortings"
            )
