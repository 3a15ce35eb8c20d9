"""The arrays of a session read straight from their HDF5 files.

Opening a file through xarray takes twenty times as long as reading it, and a report opens three
files of every session.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError

if TYPE_CHECKING:
    import h5py
    import xarray as xr

#: what netCDF writes into a dimension that has no coordinate
_NO_VARIABLE = b"This is a netCDF dimension but not a netCDF variable"
#: attributes by which stored numbers would not be the values
_CODED = ("scale_factor", "add_offset", "calendar")


def there(path: Path) -> bool:
    """Whether a file is there and holds anything: a failed step leaves empty files."""
    return path.is_file() and path.stat().st_size > 0


def read_dataset(path: Path) -> xr.Dataset | None:
    """Read a netCDF file of the pipeline's own.

    Parameters
    ----------
    path : pathlib.Path
        spectra.nc, coupling.nc or units.nc; floating-point numbers, integers and text, no times
        and no packed numbers.

    Returns
    -------
    xarray.Dataset or None
        The same variables, coordinates and values as xarray reads, without attributes; in memory.
        None if the file is absent or empty.

    Raises
    ------
    InputError
        If the file is no HDF5 file, or a variable is coded.
    """
    if not there(path):
        return None
    import h5py
    import xarray as xr

    variables, named = {}, set()
    try:
        with h5py.File(path, "r") as file:
            for name, stored in file.items():
                if stored.attrs.get("NAME", b"").startswith(_NO_VARIABLE):
                    continue
                coded = [attribute for attribute in _CODED if attribute in stored.attrs]
                if coded:
                    raise InputError(
                        f"{path.name}: {name} has {coded[0]}; expected plain numbers or text (was "
                        "the file written by another program?)"
                    )
                named.update(_words(stored.attrs.get("coordinates", "")))
                variables[name] = (_dimensions(name, stored), _values(stored))
            named.update(_words(file.attrs.get("coordinates", "")))
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be read: {error}; expected a netCDF file (was it cut short?)"
        ) from None
    coordinates = {name for name, (dims, _) in variables.items() if dims == (name,)} | named
    return xr.Dataset(
        {name: value for name, value in variables.items() if name not in coordinates},
        coords={name: variables[name] for name in variables if name in coordinates},
    )


def _words(names: str | bytes) -> list[str]:
    return (names.decode() if isinstance(names, bytes) else str(names)).split()


def _dimensions(name: str, stored: h5py.Dataset) -> tuple[str, ...]:
    """Names of a variable's dimensions; a coordinate is its own."""
    if "CLASS" in stored.attrs and stored.attrs["CLASS"] == b"DIMENSION_SCALE":
        return (name,)
    return tuple(axis[0].name.rpartition("/")[2] for axis in stored.dims)


def _values(stored: h5py.Dataset) -> object:
    import h5py
    import numpy as np

    if h5py.check_string_dtype(stored.dtype) is not None:
        return np.asarray(stored.asstr()[()], dtype=str)
    return stored[()]
