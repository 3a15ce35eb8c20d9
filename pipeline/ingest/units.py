"""Sorted units, from NWB or from a phy folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.experiment.strict import did_you_mean

if TYPE_CHECKING:
    import h5py
    import numpy as np

#: columns of NWB units that labs keep the region in, the first that exists counts
REGION_COLUMNS = ("region", "location", "brain_area", "brain_region")
#: columns of NWB units that hold the label of the sorting
QUALITY_COLUMNS = ("quality", "label", "group_label", "KSLabel")
UNKNOWN_REGIONS = ("", "unknown", "none", "nan")


@dataclass(frozen=True)
class SortedUnits:
    """Units of one recording, in the order of the file.

    Attributes
    ----------
    unit_id : tuple of str
        Names of the units, each once.
    region : tuple of str
        Region per unit, "" where the file does not say.
    quality : tuple of str
        Label of the sorting per unit ("good", "mua"), "" where the file does not say.
    spike_times : tuple of numpy.ndarray
        One float64 array of seconds per unit, in the order of time; time 0 is the first sample.
    channel : tuple of str
        Channel with the largest waveform, "" where the file does not say: the channel table may
        know its region.
    """

    unit_id: tuple[str, ...]
    region: tuple[str, ...]
    quality: tuple[str, ...]
    spike_times: tuple[np.ndarray, ...]
    channel: tuple[str, ...]


def read_units(path: str | Path, *, format: str = "auto", zero_s: float = 0.0) -> SortedUnits:
    """Read all units of a sorting; which qualities count is decided later.

    Parameters
    ----------
    path : path
        NWB file, or folder as phy leaves it.
    format : {"auto", "nwb", "phy"}
        ``auto``: a folder is phy, a file is NWB.
    zero_s : float
        Time of the session's zero on the clock of the spike times, subtracted from each: for units
        in the same NWB file as the recording, :func:`pipeline.ingest.recording_start_s`; phy counts
        samples from the first and needs none.

    Returns
    -------
    SortedUnits

    Raises
    ------
    InputError
        Missing or damaged files, no units, repeated names, spike times that are not finite or not
        in the order of time.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: not found; check the 'sorting' column of the sessions table")
    if format == "auto":
        format = "phy" if path.is_dir() else "nwb"
    if format not in READERS:
        raise InputError(
            f"{path}: sorting format: found '{format}'{did_you_mean(format, READERS)}; expected "
            f"auto or one of {', '.join(READERS)}"
        )
    units = READERS[format](path)
    _refuse_impossible(units, path)
    return SortedUnits(
        unit_id=units.unit_id,
        region=tuple("" if r.strip().casefold() in UNKNOWN_REGIONS else r for r in units.region),
        quality=units.quality,
        spike_times=tuple(times - zero_s for times in units.spike_times),
        channel=units.channel,
    )


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


def _nwb_units(path: Path) -> SortedUnits:
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
    names = _words(table, ("unit_name", "id"), len(times))
    regions = _words(table, REGION_COLUMNS, len(times))
    if not any(regions):
        regions = _regions_of_electrodes(table, len(times))
    return SortedUnits(
        unit_id=tuple(names),
        region=tuple(regions),
        quality=tuple(_words(table, QUALITY_COLUMNS, len(times))),
        spike_times=tuple(np.asarray(unit, dtype=np.float64) for unit in times),
        channel=tuple([""] * len(times)),
    )


def _words(table: h5py.Group, columns: Sequence[str], number: int) -> list[str]:
    """Return the first of some columns that holds one value per row, as text; else blanks."""
    from pipeline.ingest.hdf5 import plain_column

    for name in columns:
        values = plain_column(table, name) if name in table else None
        if values is not None and len(values) == number:
            return [str(value) for value in values]
    return [""] * number


def _regions_of_electrodes(table: h5py.Group, number: int) -> list[str]:
    """Return the region of each unit's electrodes where they agree, else of its electrode group."""
    from pipeline.ingest.hdf5 import plain_column, ragged_column, text

    electrodes = "general/extracellular_ephys/electrodes"
    if "electrodes" in table and f"{electrodes}/location" in table.file:
        places = plain_column(table.file[electrodes], "location") or []
        sets = [{str(places[i]) for i in rows} for rows in ragged_column(table, "electrodes")]
        return [places.pop() if len(places) == 1 else "" for places in sets]
    if "electrode_group" in table:
        groups = [table.file[reference] for reference in table["electrode_group"][:]]
        return [str(text(group.attrs.get("location", ""))) for group in groups]
    return [""] * number


def _phy_units(path: Path) -> SortedUnits:
    from pipeline.ingest.phy import phy_folder

    clusters, times = phy_folder(path)
    return SortedUnits(
        unit_id=tuple(str(cluster["cluster_id"]) for cluster in clusters),
        region=tuple(_first(cluster, REGION_COLUMNS) for cluster in clusters),
        quality=tuple(_first(cluster, ("group", "KSLabel")) for cluster in clusters),
        spike_times=tuple(times),
        channel=tuple(_first(cluster, ("ch", "channel")) for cluster in clusters),
    )


def _first(cluster: dict[str, Any], columns: Sequence[str]) -> str:
    """Return the first value that is filled in."""
    return next((str(cluster[name]) for name in columns if cluster.get(name)), "")


READERS: dict[str, Callable[[Path], SortedUnits]] = {"nwb": _nwb_units, "phy": _phy_units}
