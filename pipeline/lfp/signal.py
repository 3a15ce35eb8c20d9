"""The form in which an LFP travels: an xarray DataArray (time, channel) of microvolts.

Coordinates: ``time`` in seconds on the session clock, ``channel`` ids as str, and on channel
``region`` (str, "" when unknown) and ``bad`` (bool). ``attrs["rate_hz"]`` is the exact rate,
``attrs["pass_band_hz"]`` the highest frequency that the extraction left flat. Where recording was
interrupted, ``attrs["recorded_s"]`` lists start and stop of every stretch in turn, in seconds on
the session clock: the time line goes on through the gaps, samples in them are NaN, and no reader
takes them (:func:`extent`, :func:`sample_ranges`). A DataArray opened from lfp.nc reads from disk
only the samples that are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import InputError
from pipeline.files import replacing
from pipeline.intervals import as_intervals, disjoint, intersect

#: a border that misses a sample by less than this part of a sample is meant to lie on it
_SAMPLE_SLACK = 1e-6
#: values per storage block of lfp.nc (16 MB), so that one channel can be read without the others
_STORAGE_VALUES = 2**22
#: an LFP of at most so many bytes is held in memory
_HELD_BYTES = 2**26


def lfp_array(
    values: ArrayLike,
    *,
    rate_hz: float,
    channels: Sequence[str],
    start_s: float = 0.0,
    region: Mapping[str, str] | None = None,
    bad: Collection[str] = (),
    pass_band_hz: float | None = None,
) -> xr.DataArray:
    """LFP in the form that this room works with.

    Parameters
    ----------
    values : array_like, shape (n_samples, n_channels)
        Microvolts.
    rate_hz : float
        Exact sampling rate.
    channels : sequence of str
        Channel ids.
    start_s : float
        Time of the first sample on the session clock.
    region : mapping of str to str, optional
        Region of every channel.
    bad : collection of str
        Channels that no measure may use.
    pass_band_hz : float, optional
        Highest frequency that is still flat; half the rate when not given.

    Returns
    -------
    DataArray (time, channel), float32, microvolts

    Raises
    ------
    InputError
        If a channel has no region although regions are given, or a bad channel does not exist.
    """
    values = np.asarray(values, dtype=np.float32)
    names, regions, flags = channel_columns(channels, region=region, bad=bad)
    return xr.DataArray(
        values,
        dims=("time", "channel"),
        coords={
            "time": ("time", start_s + np.arange(len(values)) / rate_hz, {"units": "s"}),
            "channel": ("channel", names),
            "region": ("channel", regions),
            "bad": ("channel", flags),
        },
        name="lfp",
        attrs=lfp_attributes(rate_hz=rate_hz, pass_band_hz=pass_band_hz),
    )


def lfp_attributes(*, rate_hz: float, pass_band_hz: float | None) -> dict[str, Any]:
    """Attributes of an LFP variable."""
    return {
        "units": "uV",
        "rate_hz": float(rate_hz),
        "pass_band_hz": float(rate_hz / 2 if pass_band_hz is None else pass_band_hz),
    }


def channel_columns(
    channels: Iterable[Any], *, region: Mapping[str, str] | None, bad: Collection[str]
) -> tuple[NDArray[np.str_], NDArray[np.str_], NDArray[np.bool_]]:
    """Names, regions and bad flags of channels, checked against each other.

    Raises
    ------
    InputError
        See :func:`lfp_array`.
    """
    names = [str(channel) for channel in channels]
    if region is not None and (missing := [name for name in names if name not in region]):
        raise InputError(
            f"channels table: found no region for channel {', '.join(missing)}; expected one row "
            "per recorded channel (channel ids written differently?)"
        )
    if unknown := sorted(set(map(str, bad)) - set(names)):
        raise InputError(
            f"bad channels: found {', '.join(unknown)}; expected some of {', '.join(names)}"
        )
    regions = [region[name] if region is not None else "" for name in names]
    flags = [name in set(map(str, bad)) for name in names]
    return np.array(names, dtype=str), np.array(regions, dtype=str), np.array(flags, dtype=bool)


def rate_of(lfp: xr.DataArray) -> float:
    """Exact sampling rate of an LFP in Hz.

    Raises
    ------
    InputError
        If the array does not carry it: a rate guessed from rounded times drifts.
    """
    if "rate_hz" not in lfp.attrs:
        raise InputError("lfp: found no attribute rate_hz; expected the exact sampling rate in Hz")
    return float(lfp.attrs["rate_hz"])


def start_of(lfp: xr.DataArray) -> float:
    """Time of the first sample in seconds on the session clock."""
    return float(lfp["time"].values[0])


def extent(lfp: xr.DataArray) -> NDArray[np.float64]:
    """The recorded time, shape (n, 2), one row per stretch; a sample lasts until the next."""
    start = start_of(lfp)
    whole = np.array([[start, start + lfp.sizes["time"] / rate_of(lfp)]])
    if "recorded_s" not in lfp.attrs:
        return whole
    return intersect(whole, np.reshape(lfp.attrs["recorded_s"], (-1, 2)))


def sample_ranges(lfp: xr.DataArray, intervals: ArrayLike) -> NDArray[np.int64]:
    """First sample and sample past the last of each interval, clipped to what was recorded.

    An interval that reaches over a gap gives a range on either side of it.

    Parameters
    ----------
    lfp : DataArray (time, channel)
        Only its time line is looked at.
    intervals : array_like, shape (n, 2)
        Seconds on the session clock, without overlaps.

    Returns
    -------
    ndarray of int, shape (m, 2)
        Ranges [first, past) of the intervals that hold at least one sample.
    """
    within = disjoint(as_intervals(intervals))
    if "recorded_s" in lfp.attrs:
        within = intersect(within, extent(lfp))
    borders = (within - start_of(lfp)) * rate_of(lfp)
    ranges = np.ceil(borders - _SAMPLE_SLACK).astype(np.int64)
    ranges = np.clip(ranges, 0, lfp.sizes["time"])
    return ranges[ranges[:, 0] < ranges[:, 1]]


def good_channels(lfp: xr.DataArray, bad: Collection[str] = ()) -> NDArray[np.int64]:
    """Positions of the channels that measures may use.

    Parameters
    ----------
    lfp : DataArray (time, channel)
        With or without a ``bad`` coordinate.
    bad : collection of str
        Further channels to leave out.

    Returns
    -------
    ndarray of int

    Raises
    ------
    InputError
        If a channel of `bad` does not exist, or no channel is left.
    """
    names = lfp["channel"].values.astype(str)
    _, _, flags = channel_columns(names, region=None, bad=bad)
    if "bad" in lfp.coords:
        flags = flags | lfp["bad"].values.astype(bool)
    good = np.flatnonzero(~flags)
    if good.size == 0:
        raise InputError(
            f"lfp: all channels ({', '.join(names)}) are marked bad; expected a good one"
        )
    return good


def read_samples(
    lfp: xr.DataArray, start: int, stop: int, channels: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Samples [start, stop) of some channels, shape (n_channels, n), C order.

    The channels are read as one range and picked in memory: from a file that is many times faster
    than asking for a list of them.

    Raises
    ------
    InputError
        If the dimensions of `lfp` are not (time, channel).
    """
    if lfp.dims != ("time", "channel"):
        raise InputError(f"lfp: found dimensions {lfp.dims}; expected ('time', 'channel')")
    first, past = int(channels.min()), int(channels.max()) + 1
    # Turned over by numpy: a lazy array that xarray transposes is read sample by sample.
    samples = lfp[int(start) : int(stop), first:past].values.T
    if past - first != len(channels) or np.any(np.diff(channels) != 1):
        return np.ascontiguousarray(samples[channels - first])
    # always a copy: what is done to it must not reach the samples that others read
    return np.array(samples, order="C")


def open_lfp(path: str | Path) -> xr.DataArray:
    """Open lfp.nc; samples are read when they are asked for.

    Parameters
    ----------
    path : str or Path
        File that :func:`pipeline.lfp.extract_lfp_to_netcdf` wrote.

    Returns
    -------
    DataArray (time, channel)
    """
    return xr.open_dataset(path, engine="h5netcdf", cache=False)["lfp"]


def held(lfp: xr.DataArray) -> xr.DataArray:
    """Return an LFP of 64 MB at most with its samples in memory; a longer one as it is.

    Hundreds of small reads of a short session cost more than all its samples at once. They are read
    and kept channel by channel, as they lie in the file and as :func:`read_samples` gives them.

    Parameters
    ----------
    lfp : DataArray (time, channel)
        As :func:`open_lfp` gives it.
    """
    if lfp.nbytes > _HELD_BYTES:
        return lfp
    samples = np.empty(lfp.shape[::-1], dtype=lfp.dtype)
    for channel in range(len(samples)):
        samples[channel] = lfp[:, channel].values
    return lfp.copy(data=samples.T).load()


class LfpFile:
    """Writer of lfp.nc, sample block after sample block; use as :func:`writing_lfp` gives it."""

    def __init__(self, variable: Any, time: Any, *, rate_hz: float, start_s: float) -> None:
        self._variable, self._time = variable, time
        self._rate_hz, self._start_s = rate_hz, start_s
        self._rows = storage_rows(variable.shape)
        self._pending: list[NDArray[np.float32]] = []
        self._held = self._written = 0

    def append(self, block: NDArray[np.float32]) -> None:
        """Add the next samples, shape (n, n_channels), microvolts."""
        # Written in whole storage blocks: bytes on disk do not depend on how samples arrived.
        self._pending.append(block)
        self._held += len(block)
        if self._held >= self._rows:
            samples = np.concatenate(self._pending)
            whole = len(samples) - len(samples) % self._rows
            for first in range(0, whole, self._rows):
                self._write(samples[first : first + self._rows])
            self._pending, self._held = [samples[whole:]], len(samples) - whole

    def finish(self) -> None:
        """Write what is left; every announced sample must have come."""
        if self._held:
            self._write(np.concatenate(self._pending))
        if self._written != self._variable.shape[0]:
            raise ValueError(
                f"{self._written} samples written, {self._variable.shape[0]} announced"
            )

    def _write(self, samples: NDArray[np.float32]) -> None:
        first, past = self._written, self._written + len(samples)
        # A storage block inside a gap stays unwritten, and takes no room on the disk.
        if not np.isnan(samples).all():
            self._variable[first:past] = samples
        self._time[first:past] = self._start_s + np.arange(first, past) / self._rate_hz
        self._written = past


def storage_rows(shape: tuple[int, ...]) -> int:
    """Samples per storage block: a power of two, about 16 MB over all channels."""
    rows = 2 ** int(math.log2(max(_STORAGE_VALUES // max(shape[1], 1), 1)))
    return int(np.clip(rows, 2**10, 2**16))


def write_lfp(
    path: str | Path,
    blocks: Iterable[NDArray[np.float32]],
    *,
    n_samples: int,
    rate_hz: float,
    channels: Sequence[str],
    start_s: float = 0.0,
    region: Mapping[str, str] | None = None,
    bad: Collection[str] = (),
    pass_band_hz: float | None = None,
    recorded_s: ArrayLike | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Path:
    """Write lfp.nc from a stream of sample blocks.

    Memory does not grow with duration, and the same samples give the same bytes however they were
    cut into blocks.

    Parameters
    ----------
    path : str or Path
        The file; written under a temporary name, then renamed.
    blocks : iterable of ndarray, shape (n, n_channels)
        Microvolts, consecutive.
    n_samples : int
        Their total length.
    rate_hz, channels, start_s, region, bad, pass_band_hz
        As in :func:`lfp_array`.
    recorded_s : array_like, shape (n, 2), optional
        Stretches that were recorded, seconds on the session clock; samples between them are NaN.
        All was, when not given.
    attributes : mapping, optional
        Further attributes of the variable ``lfp`` (provenance of the resampling).

    Returns
    -------
    Path
    """
    import h5netcdf
    import h5py

    names, regions, flags = channel_columns(channels, region=region, bad=bad)
    shape = (n_samples, len(names))
    # One column per storage block: measures read a channel at a time.
    storage = (min(storage_rows(shape), max(n_samples, 1)), 1)
    text = h5py.string_dtype()
    with replacing(path) as partial, h5netcdf.File(partial, "w") as file:
        file.dimensions = {"time": n_samples, "channel": len(names)}
        time = file.create_variable("time", ("time",), dtype="f8")
        time.attrs["units"] = "s"
        for name, column in (("channel", names), ("region", regions)):
            file.create_variable(name, ("channel",), dtype=text)[:] = column.astype(object)
        flag = file.create_variable("bad", ("channel",), dtype="i1")
        flag[:] = flags.astype(np.int8)
        flag.attrs["dtype"] = "bool"  # how xarray marks booleans
        gaps = {} if recorded_s is None else {"fillvalue": np.float32(np.nan)}
        lfp = file.create_variable("lfp", ("time", "channel"), dtype="f4", chunks=storage, **gaps)
        for key, value in lfp_attributes(rate_hz=rate_hz, pass_band_hz=pass_band_hz).items():
            lfp.attrs[key] = value
        for key, value in (attributes or {}).items():
            lfp.attrs[key] = value
        if recorded_s is not None:
            lfp.attrs["recorded_s"] = np.ravel(recorded_s).astype(float)
        lfp.attrs["coordinates"] = "region bad"
        writer = LfpFile(lfp, time, rate_hz=rate_hz, start_s=start_s)
        for block in blocks:
            writer.append(block)
        writer.finish()
    return Path(path)
