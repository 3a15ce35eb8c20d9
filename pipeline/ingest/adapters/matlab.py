"""MATLAB files without MATLAB: version 5 to 7, and 7.3 (HDF5), as plain dicts and lists.

Nothing in a file is executed: objects and function handles are not built, and data compressed
beyond reason are refused before they are unpacked.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.ingest.adapters.matlab5 import LARGEST_UNPACKED_BYTES, read_variable
from pipeline.ingest.hdf5 import open_closed_hdf5

if TYPE_CHECKING:
    import h5py

LIKELY = "the file is truncated (the copy or the save did not finish), or is no .mat file"
_DEEPEST = 30


def read_struct(path: str | Path, name: str) -> dict[str, Any]:
    """Read one struct of a MATLAB file.

    Parameters
    ----------
    path : path
        ``.mat``, version 5 to 7 or 7.3.
    name : str
        Variable that holds the struct.

    Returns
    -------
    dict
        Structs as dicts, cell arrays as lists, text as str, numbers as float arrays (1-D where
        MATLAB has a row or a column). Objects and function handles are left out.

    Raises
    ------
    InputError
        No .mat file, truncated, without the variable, unpacking to more than a gigabyte.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: not found; check the 'behaviour' column of the sessions table")
    with path.open("rb") as file:
        start = file.read(128)
    if start.startswith(b"MATLAB 7.3") or start.startswith(b"\x89HDF"):
        with open_closed_hdf5(path, "a MATLAB 7.3 file", likely=LIKELY) as mat:
            if name not in mat:
                raise _without(path, name, [key for key in mat if not key.startswith("#")])
            value = _hdf5_value(mat[name], path)
    elif start.startswith(b"MATLAB 5.0"):
        value, names = read_variable(path, name)
        if name not in names:
            raise _without(path, name, names)
    else:
        raise InputError(f"{path}: found no MATLAB file; expected .mat of version 5, 7 or 7.3")
    if not isinstance(value, dict):
        raise InputError(f"{path}: found {name} of another kind; expected one struct")
    return value


def _without(path: Path, name: str, found: list[str]) -> InputError:
    return InputError(f"{path}: found variables {', '.join(found) or 'none'}; expected {name}")


def _hdf5_value(item: Any, path: Path, depth: int = 0) -> Any:
    """Return a value of a 7.3 file: MATLAB writes arrays transposed, cells as references."""
    import h5py
    import numpy as np

    if depth > _DEEPEST:
        raise InputError(f"{path}: {item.name}: found structs within structs without end")
    if isinstance(item, h5py.Group):
        return {key: _hdf5_value(item[key], path, depth + 1) for key in item}
    kind = item.attrs.get("MATLAB_class", b"")
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    if item.attrs.get("MATLAB_empty", 0):
        return "" if kind == "char" else {} if kind == "struct" else np.empty(0)
    if item.size * max(item.dtype.itemsize, 1) > LARGEST_UNPACKED_BYTES:
        raise InputError(f"{path}: {item.name}: found {item.size} values; this is no behaviour log")
    if item.dtype == h5py.ref_dtype:
        references = np.asarray(item[()]).T.ravel(order="F")
        return [_hdf5_value(_target(item, ref, path), path, depth + 1) for ref in references]
    if kind == "char":
        return "".join(chr(code) for code in np.asarray(item[()]).T.ravel(order="F"))
    if item.dtype.kind not in "biuf":
        return None
    array = np.asarray(item[()], dtype=float).T
    return array.ravel() if 1 in array.shape and array.ndim == 2 else array


def _target(item: h5py.Dataset, reference: Any, path: Path) -> Any:
    if not reference:
        raise InputError(f"{path}: {item.name}: found a cell that points to nothing; {LIKELY}")
    return item.file[reference]
