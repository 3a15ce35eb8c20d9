"""NWB files opened with care: nothing outside the file is read.

NWB tables (units, trials, electrodes) are plain HDF5 datasets, read here through h5py: pynwb costs
1.2 s of imports per job and refuses files whose extensions it does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.ingest.reading import reading

if TYPE_CHECKING:
    import h5py

LIKELY = "the file is truncated (the copy or the recording did not finish), or is no NWB 2 file"


@contextmanager
def open_nwb(path: str | Path) -> Iterator[h5py.File]:
    """Open an NWB file for reading, once nothing in it points outside.

    Parameters
    ----------
    path : path
        NWB 2 file (HDF5).

    Yields
    ------
    h5py.File

    Raises
    ------
    InputError
        When the file is missing, truncated, no NWB, or refers to other files (external links,
        external or virtual datasets): they would not be among the inputs that are watched for
        changes, and could name any file of the machine.
    """
    with open_hdf5(path, "NWB", likely=LIKELY) as file:
        if "nwb_version" not in file.attrs:
            raise InputError(f"{path}: found an HDF5 file without nwb_version; expected NWB 2")
        _refuse_references(file, Path(path))
        yield file


@contextmanager
def open_closed_hdf5(path: str | Path, kind: str, *, likely: str) -> Iterator[h5py.File]:
    """Open an HDF5 file of any kind for reading, once nothing in it points outside.

    Parameters
    ----------
    path : path
        HDF5 file.
    kind, likely : str
        What it should be and why it may not be, for the message.

    Raises
    ------
    InputError
        When the file is missing, damaged, or refers to other files.
    """
    with open_hdf5(path, kind, likely=likely) as file:
        _refuse_references(file, Path(path))
        yield file


@contextmanager
def open_hdf5(path: str | Path, kind: str, *, likely: str) -> Iterator[h5py.File]:
    """Open an HDF5 file; whatever the library raises while it is read becomes an InputError."""
    import h5py

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: not found")
    with reading(path, kind, likely=likely), h5py.File(path, "r") as file:
        yield file


def _refuse_references(file: h5py.File, path: Path) -> None:
    import h5py

    seen = set()
    waiting = [file["/"]]
    while waiting:
        group = waiting.pop()
        for name in group:
            link = group.get(name, getlink=True)
            place = f"{group.name.rstrip('/')}/{name}"
            if isinstance(link, h5py.ExternalLink):
                raise InputError(
                    f"{path}: {place}: found a link to another file ({link.filename}); expected "
                    "all data in this file: export a copy without links"
                )
            if isinstance(link, h5py.SoftLink):
                continue
            item = group[name]
            if isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
                raise InputError(
                    f"{path}: {place}: found data kept in another file; expected all data in this "
                    "file: export a copy"
                )
            address = h5py.h5o.get_info(item.id).addr
            if isinstance(item, h5py.Group) and address not in seen:
                seen.add(address)
                waiting.append(item)


def text(value: Any) -> Any:
    """Return an HDF5 value with bytes decoded and numpy scalars as plain Python values."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value


def table_columns(table: h5py.Group) -> list[str]:
    """Return the column names of an NWB table, in the table's order, without the index columns."""
    listed = [str(text(name)) for name in table.attrs.get("colnames", ())]
    return [name for name in listed if name in table]


def plain_column(table: h5py.Group, name: str) -> list[Any] | None:
    """Return one value per row; None for a ragged column or one with several values per row."""
    data = table[name]
    if f"{name}_index" in table or data.ndim != 1:
        return None
    return [text(value) for value in data[:]]


def ragged_column(table: h5py.Group, name: str) -> list[Any]:
    """Return one array per row of a ragged column (``spike_times`` with ``spike_times_index``).

    Raises
    ------
    InputError
        When the index does not divide the data: it must grow and end at their length.
    """
    import numpy as np

    data = table[name][:]
    ends = table[f"{name}_index"][:].astype(np.int64)
    if np.any(np.diff(ends, prepend=0) < 0) or (len(ends) and ends[-1] != len(data)):
        raise InputError(
            f"{table.file.filename}: {table.name}/{name}_index: found ends up to "
            f"{ends.max(initial=0)} for {len(data)} values; expected growing ends, the last one "
            f"{len(data)}"
        )
    return np.split(data, ends[:-1]) if len(ends) else []
