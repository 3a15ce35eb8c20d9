"""MATLAB files without MATLAB: version 5 through SciPy, 7.3 through HDF5, as plain dicts and lists.

Nothing in a file is executed: objects and function handles are not built, and data compressed
beyond reason are refused before they are unpacked.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.ingest.hdf5 import open_closed_hdf5
from pipeline.ingest.reading import reading

if TYPE_CHECKING:
    import h5py

#: unpacked size of a variable beyond which a file is no behaviour log
LARGEST_UNPACKED_BYTES = 1_000_000_000
LIKELY = "the file is truncated (the copy or the save did not finish), or is no .mat file"
_COMPRESSED = 15
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
        value = _version_5(path, name)
    else:
        raise InputError(f"{path}: found no MATLAB file; expected .mat of version 5, 7 or 7.3")
    if not isinstance(value, dict):
        raise InputError(f"{path}: found {name} of another kind; expected one struct")
    return value


def _without(path: Path, name: str, found: list[str]) -> InputError:
    return InputError(f"{path}: found variables {', '.join(found) or 'none'}; expected {name}")


def _version_5(path: Path, name: str) -> Any:
    from scipy.io import loadmat, whosmat

    with reading(path, "a MATLAB file", likely=LIKELY):
        _refuse_bombs(path)
        found = [variable[0] for variable in whosmat(path)]
        if name not in found:
            raise _without(path, name, found)
        loaded = loadmat(path, variable_names=[name], simplify_cells=True)
        return _plain(loaded[name])


def _refuse_bombs(path: Path) -> None:
    """Unpack every compressed element piece by piece, and stop where no log can be that long."""
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(128)
        order = ">" if header[126:128] == b"MI" else "<"
        total = 0
        while file.tell() + 8 <= size:
            kind, length = struct.unpack(order + "II", file.read(8))
            if file.tell() + length > size:
                raise InputError(f"{path}: found an end in the middle of a variable; {LIKELY}")
            if kind != _COMPRESSED:
                file.seek(length, 1)
                continue
            packed = zlib.decompressobj()
            waiting = file.read(length)
            while waiting and not packed.eof:
                total += len(packed.decompress(waiting, 1 << 20))
                waiting = packed.unconsumed_tail
                if total > LARGEST_UNPACKED_BYTES:
                    raise InputError(
                        f"{path}: found more than {LARGEST_UNPACKED_BYTES / 1e6:.0f} MB unpacked; "
                        "this is no behaviour log"
                    )


def _plain(value: Any, depth: int = 0) -> Any:
    """Return what SciPy gives as dicts, lists, text and float arrays; None for objects."""
    import numpy as np

    if depth > _DEEPEST:
        raise InputError("found structs within structs without end")
    if isinstance(value, dict):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, str):
        return value
    array = np.asarray(value)
    if array.dtype == object or array.dtype.names:
        if array.dtype.names:
            return None
        return [_plain(item, depth + 1) for item in array.ravel(order="F")]
    if array.dtype.kind in "US":
        return [str(item) for item in array.ravel()] if array.size != 1 else str(array.ravel()[0])
    return array.astype(float) if array.dtype.kind in "biuf" else None


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
