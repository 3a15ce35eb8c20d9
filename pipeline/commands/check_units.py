"""First and last spike of a sorting, without reading all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.commands.check_found import Extent
from pipeline.errors import InputError


def sorting_extent(path: Path) -> Extent:
    """Return the first and last spike of a sorting, from a few values of its files.

    Times count from the sorting's own zero: a whole sorting may be made of several recordings.

    Raises
    ------
    InputError
        Files that are missing, truncated, of unequal length, or no sorting at all.
    """
    import numpy as np

    from pipeline.ingest.phy import sample_rate
    from pipeline.ingest.units_layouts import detect_sorting

    format = detect_sorting(path)
    if format == "nwb":
        return _nwb_units(path)
    if format not in ("phy", "kilosort"):
        return _all_units(path, format)

    rate = sample_rate(path / "params.py")
    curated = path / "spike_clusters.npy"
    labels_file = curated if curated.is_file() else path / "spike_templates.npy"
    times, labels = (_mapped(file) for file in (path / "spike_times.npy", labels_file))
    if len(times) != len(labels):
        raise InputError(
            f"{labels_file}: found {len(labels)} spikes; expected {len(times)} as in "
            "spike_times.npy: the two files are of different sortings"
        )
    if not len(times):
        return Extent("units", path.name, np.nan, np.nan, "no spikes")
    first, last = float(times[0]) / rate, float(times[-1]) / rate
    return Extent("units", path.name, first, last, f"{len(times)} spikes")


def _all_units(path: Path, format: str) -> Extent:
    """Read a sorting of a rig or another program: they are smaller than what was recorded."""
    import numpy as np

    from pipeline.ingest import read_units

    units = read_units(path, format=format)
    some = [times for times in units.spike_times if len(times)]
    detail = f"{len(units.unit_id)} units"
    if units.rig_clock or not some:  # times of a rig mean nothing without its recording
        return Extent("units", path.name, np.nan, np.nan, detail)
    first, last = min(times[0] for times in some), max(times[-1] for times in some)
    return Extent("units", path.name, float(first), float(last), detail)


def _mapped(file: Path) -> Any:
    """Open a one-dimensional .npy file of whole numbers without reading it."""
    import numpy as np

    if not file.is_file():
        raise InputError(f"{file}: not found; copy the whole folder of the sorting")
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{file}: cannot be read ({error}): truncated, or no .npy file") from error
    if array.dtype.kind not in "iu" or array.size != max(array.shape, default=0):
        raise InputError(
            f"{file}: found {array.dtype} of shape {array.shape}; expected one whole number per "
            "spike"
        )
    return array.reshape(-1)


def _nwb_units(path: Path) -> Extent:
    import numpy as np

    from pipeline.ingest.hdf5 import open_nwb

    with open_nwb(path) as file:
        if "units" not in file or "spike_times" not in file["units"]:
            raise InputError(f"{path}: found no units; is this the file of the sorting?")
        table = file["units"]
        ends = table["spike_times_index"][:].astype(np.int64)
        detail = f"{len(ends)} units"
        if not len(ends) or ends[-1] != len(table["spike_times"]):
            raise InputError(
                f"{path}: units/spike_times_index: found ends up to {ends.max(initial=0)} for "
                f"{len(table['spike_times'])} spike times"
            )
        starts = np.concatenate([[0], ends[:-1]])
        full = np.flatnonzero(ends > starts)
        if not len(full):
            return Extent("units", path.name, np.nan, np.nan, detail)
        # h5py reads chosen elements one by one: enough units give the session's length
        spikes = table["spike_times"]
        some = full[np.unique(np.linspace(0, len(full) - 1, 50).astype(int))]
        first = min(float(spikes[starts[unit]]) for unit in some)
        last = max(float(spikes[ends[unit] - 1]) for unit in some)
    return Extent("units", path.name, first, last, detail)
