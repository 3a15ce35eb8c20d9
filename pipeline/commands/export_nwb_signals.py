"""Signals of an NWB file: electrodes, LFP written piece by piece, units, speed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from hdmf.backends.hdf5 import H5DataIO
from hdmf.common import VectorData, VectorIndex
from hdmf.data_utils import GenericDataChunkIterator
from pynwb import NWBFile, TimeSeries
from pynwb.behavior import BehavioralTimeSeries
from pynwb.ecephys import LFP, ElectricalSeries
from pynwb.misc import Units

from pipeline.commands.export_nwb_tables import columns_of
from pipeline.lfp.signal import rate_of, start_of
from pipeline.spikes.unit_form import MICROVOLTS
from pipeline.spikes.units import unit_amplitudes, unit_trains
from pipeline.steps.unit_tables import COLUMNS as UNIT_WORDS

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.commands.export_nwb_source import SessionResults
    from pipeline.experiment.model import Session

#: the standard's own unit is the volt; values stay microvolts, and this makes volts of them
VOLTS_PER_UV = 1e-6
#: values of an LFP in one compressed block of the file (1 MB) and in memory at once (64 MB at most)
_BLOCK_VALUES, _HELD_VALUES = 2**18, 2**24
#: channels of one block: a reader of one channel need not read a hundred
_BLOCK_CHANNELS = 16
#: spike times nearer to each other than this differ by rounding only
_ROUNDING_S = 1e-7
#: what the standard writes where the place of an electrode is not known
UNKNOWN = "unknown"


class LfpBlocks(GenericDataChunkIterator):
    """An LFP on disk, handed to the writer piece by piece: memory does not grow with duration."""

    def __init__(self, lfp: xr.DataArray) -> None:
        self._lfp = lfp
        samples, channels = lfp.shape
        wide = min(channels, _BLOCK_CHANNELS)
        rows = min(samples, max(_BLOCK_VALUES // wide, 1))
        # all channels of a whole number of blocks
        pieces = max(_HELD_VALUES // (rows * channels), 1)
        super().__init__(
            chunk_shape=(rows, wide), buffer_shape=(min(rows * pieces, samples), channels)
        )

    def _get_data(self, selection: tuple[slice, ...]) -> np.ndarray:
        return self._lfp[selection[0], selection[1]].values

    def _get_maxshape(self) -> tuple[int, ...]:
        return self._lfp.shape

    def _get_dtype(self) -> np.dtype:
        return self._lfp.dtype


def add_electrodes(
    nwb: NWBFile, lfp: xr.DataArray, session: Session, locations: Mapping[str, str]
) -> None:
    """Add one electrode per channel of the LFP, grouped by shank, else by region.

    Parameters
    ----------
    nwb : NWBFile
        Gets device, groups and electrodes.
    lfp : DataArray (time, channel)
        Its channels.
    session : Session
        Formats of its recordings, shanks of its channels.
    locations : mapping of str to str
        Region -> name in the archive's atlas, where that is another.
    """
    systems = ", ".join(dict.fromkeys(one.format for one in session.recordings)) or UNKNOWN
    device = nwb.create_device(
        name="recording_system",
        description=f"Acquisition system; format of its files: {systems}",
    )
    shank_of = {one.channel: one.shank for one in session.channels}
    groups: dict[str, Any] = {}
    names = lfp["channel"].values.astype(str)
    regions, bad = lfp["region"].values.astype(str), lfp["bad"].values.astype(bool)
    shanks = [shank_of.get(name, "") for name in names]
    own = {"channel_name": "channel, as the recording or its table names it",
           "region": "region as the lab's table of channels names it",
           "shank": "shank as that table names it",
           "is_bad": "whether measures leave the channel out"}  # fmt: skip
    if not any(shanks):
        del own["shank"]
    for name, words in own.items():
        nwb.add_electrode_column(name=name, description=words)
    for name, region, shank, flag in zip(names, regions, shanks, bad, strict=True):
        place = locations.get(region, region) or UNKNOWN
        label = f"shank {shank}" if shank else region or UNKNOWN
        key = label.replace("/", "_").replace(":", "_")
        if key not in groups:
            groups[key] = nwb.create_electrode_group(
                name=key,
                description=f"Electrodes of {label}",
                location=place,
                device=device,
            )
        row = {"channel_name": name, "region": region, "shank": shank, "is_bad": bool(flag)}
        nwb.add_electrode(
            location=place, group=groups[key], **{column: row[column] for column in own}
        )


def add_lfp(nwb: NWBFile, lfp: xr.DataArray, gaps_s: np.ndarray) -> None:
    """Add the LFP of all electrodes; pauses stay NaN and stand in ``invalid_times``, too."""
    electrodes = nwb.create_electrode_table_region(
        region=list(range(lfp.sizes["channel"])), description="All channels of the LFP"
    )
    reference = str(lfp.attrs.get("reference", "recorded"))
    series = ElectricalSeries(
        name="lfp",
        description=f"LFP in microvolts (conversion: volts), reference: {reference}",
        data=H5DataIO(LfpBlocks(lfp), compression="gzip", compression_opts=4, shuffle=True),
        electrodes=electrodes,
        filtering=f"flat up to {float(lfp.attrs['pass_band_hz']):g} Hz",
        conversion=VOLTS_PER_UV,
        starting_time=start_of(lfp),
        rate=rate_of(lfp),
        comments="NaN where recording was paused" if len(gaps_s) else "no comments",
    )
    module = nwb.create_processing_module(
        name="ecephys", description="Field potentials at the rate of the analysis"
    )
    container = LFP()
    module.add(container)
    container.add_electrical_series(series)
    for start, stop in gaps_s.tolist():
        nwb.add_invalid_time_interval(start_time=start, stop_time=stop, tags=["not recorded"])


def add_speed(module: Any, movement: pd.DataFrame) -> None:
    """Add the speed to a processing module; NaN where it is not known."""
    times = movement["time_s"].to_numpy(dtype=float)
    # the inspector's own measure of a steady clock: steps alike to the nanosecond
    steady = len(times) > 2 and len(np.unique(np.diff(times).round(9))) == 1
    clock: dict[str, Any] = {"timestamps": times}
    if steady:
        rate_hz = (len(times) - 1) / (times[-1] - times[0])
        clock = {"starting_time": float(times[0]), "rate": float(rate_hz)}
    series = TimeSeries(
        name="speed",
        description="Speed of the animal in cm/s (conversion: m/s), NaN where unknown",
        data=H5DataIO(movement["speed_cm_s"].to_numpy(dtype=float), compression="gzip"),
        unit="m/s",
        conversion=0.01,
        **clock,
    )
    module.add(BehavioralTimeSeries(time_series=series))


def add_units(nwb: NWBFile, source: SessionResults) -> None:
    """Add the units: times, labels, the numbers of units.tsv, amplitudes and mean waveforms."""
    units = source.units
    trains = unit_trains(units)
    times = np.concatenate(trains)
    borders = np.cumsum([len(train) for train in trains]).tolist()
    columns = [
        *_ragged("spike_times", "Seconds on the session clock", times, borders),
        *columns_of(_labels(units, source), _words()),
        *_shapes(units, borders),
    ]
    rates_hz = [source.recording_rate_hz]
    rate = {}
    if "waveform" in units:
        rates_hz.append(float(units["waveform"].attrs["rate_hz"]))
        if units["waveform"].attrs["units"] == MICROVOLTS:
            rate["waveform_rate"] = rates_hz[-1]
    nwb.units = Units(
        name="units",
        description="Sorted units; 'kept' tells which of them enter the comparison",
        id=list(range(len(trains))),
        columns=columns,
        colnames=[column.name for column in columns if not isinstance(column, VectorIndex)],
        electrode_table=nwb.electrodes,
        resolution=resolution_s(times, rates_hz),
        **rate,
    )
    _add_electrodes_of_units(nwb, units)


def _ragged(name: str, description: str, values: np.ndarray, borders: list[int]) -> list[Any]:
    """Return a column with many values per unit, and the column of where each unit's end."""
    data = H5DataIO(values, compression="gzip") if len(values) else values
    column = VectorData(name=name, description=description, data=data)
    return [VectorIndex(name=f"{name}_index", target=column, data=borders), column]


def resolution_s(times: np.ndarray, rates_hz: Iterable[float | None]) -> float | None:
    """Smallest difference between two spike times of a session, NWB's ``resolution``.

    Parameters
    ----------
    times : ndarray
        All spikes, seconds, in any order.
    rates_hz : iterable of float or None
        Samples per second of recording and waveforms, where known: no step is longer than theirs.

    Returns
    -------
    float or None
        None where nothing tells.
    """
    steps = np.diff(np.sort(times))
    steps = steps[steps > _ROUNDING_S]
    found = [float(steps.min())] if steps.size else []
    found += [1.0 / rate for rate in rates_hz if rate]
    return min(found, default=None)


def _labels(units: xr.Dataset, source: SessionResults) -> pd.DataFrame:
    """Columns of units.tsv with types; the label of the sorting is called ``quality``."""
    import pandas as pd

    written = source.units_table
    names = [str(name) for name in units["unit_id"].values]
    if written["unit_id"].tolist() != [" ".join(name.split()) for name in names]:
        raise ValueError(f"{source.session}: units.tsv and units.nc hold other units")
    table = pd.DataFrame({"unit_name": names})
    for name in written:
        if name == "unit_id":
            continue
        table["quality" if name == "label" else str(name)] = _typed(written[name])
    return table


def _typed(column: pd.Series) -> pd.Series:
    """Numbers, yes and no, or words: what a column of units.tsv is made of."""
    import pandas as pd

    said = set(column) - {""}
    if said and said <= {"yes", "no"}:
        truth = column.map({"yes": True, "no": False}).astype("boolean")
        return truth if truth.isna().any() else truth.astype(bool)
    if column.name in _WORDS:
        return column
    return pd.to_numeric(column.where(column != ""))


#: columns of units.tsv that are words even where they look like numbers
_WORDS = ("region", "probe", "channel", "label", "reason", "waveform_class")


def _words() -> dict[str, str]:
    own = {"unit_name": "name of the unit in the sorting", "quality": UNIT_WORDS["label"]}
    return {**UNIT_WORDS, **own}


def _add_electrodes_of_units(nwb: NWBFile, units: xr.Dataset) -> None:
    """Refer every unit to the electrode where it is largest, where that is known."""
    if "channel" not in units.coords or nwb.electrodes is None:
        return
    rows = {name: row for row, name in enumerate(nwb.electrodes["channel_name"].data)}
    own = [[rows[name]] if name in rows else [] for name in units["channel"].values.astype(str)]
    if not any(own):
        return
    nwb.units.add_column(
        name="electrodes",
        description="Electrode where the unit is largest; none where that is not known",
        data=own,
        index=True,
        table=True,
    )
    nwb.units["electrodes"].target.table = nwb.electrodes


def _shapes(units: xr.Dataset, borders: list[int]) -> list[Any]:
    """Mean waveforms and the sizes of the spikes, where units.nc has them."""
    columns = []
    if "waveform" in units:
        waveform = units["waveform"]
        values = waveform.values.astype(np.float32)
        rate = float(waveform.attrs["rate_hz"])
        # the standard's own column is in volts
        name, words = "waveform_shape", f"in the sorter's own unit, {rate:g} samples per s"
        if waveform.attrs["units"] == MICROVOLTS:
            name, words = "waveform_mean", "volts"
            values = values * np.float32(VOLTS_PER_UV)
        said = f"Mean waveform on the unit's channel, {words}"
        columns.append(VectorData(name=name, description=said, data=values))
    amplitudes = unit_amplitudes(units)
    if amplitudes is not None:
        said = f"Size of each spike, {units['amplitude'].attrs['units']}"
        columns += _ragged("spike_amplitudes", said, np.concatenate(amplitudes), borders)
    return columns
