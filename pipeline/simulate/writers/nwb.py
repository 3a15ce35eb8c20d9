"""NWB file with one ElectricalSeries, sorted units and trials, through pynwb."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import InputError
from pipeline.simulate.writers.counts import checked_signals, count_blocks

if TYPE_CHECKING:
    import pandas as pd
    import pynwb


def write_nwb(
    path: str | Path,
    *,
    signals_uv: np.ndarray | None,
    rate_hz: float,
    channels: Sequence[str],
    regions: Sequence[str],
    session_start: datetime,
    identifier: str,
    subject_id: str,
    species: str = "Rattus norvegicus",
    units: Sequence[Mapping[str, Any]] | None = None,
    trials: pd.DataFrame | None = None,
    uv_per_bit: float = 0.195,
    cache_spec: bool = True,
) -> Path:
    """Write an NWB 2 file: int16 samples with a conversion to volts, units, trials.

    The content depends on the arguments alone; the bytes do not, because pynwb gives each object a
    random id.

    Parameters
    ----------
    path : path
        File to write; its folder is made if absent.
    signals_uv : numpy.ndarray or None
        (time, channel) microvolts, written to ``acquisition/ElectricalSeries`` from time 0; None
        for a file without a recording.
    rate_hz : float
        Samples per second.
    channels, regions : sequence of str
        (channel,) names and regions: columns ``channel_name`` and ``location`` of the electrodes.
    session_start : datetime.datetime
        With a time zone.
    identifier, subject_id, species : str
        Of the session and the animal.
    units : sequence of mapping, optional
        ``spike_times`` (s), ``region``, ``unit_id``, and ``quality`` where known; written to the
        columns ``spike_times``, ``region``, ``unit_name`` and ``quality``.
    trials : pandas.DataFrame, optional
        Needs ``start_time`` and ``stop_time`` (s); all other columns are written as they are.
    uv_per_bit : float
        Microvolts per count.
    cache_spec : bool
        Whether the file holds the NWB schema (200 kB), as files of the field do.

    Returns
    -------
    pathlib.Path
        ``path``.

    Raises
    ------
    InputError
        No time zone, trials without times, signals that do not fit names, rate or 16 bits.
    """
    from pynwb import NWBHDF5IO, NWBFile
    from pynwb.file import Subject

    if session_start.tzinfo is None:
        raise InputError(f"{path}: session_start {session_start}: expected a time zone")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    nwb = NWBFile(
        session_description="Simulated session with known truth",
        identifier=identifier,
        session_start_time=session_start,
        # else pynwb writes the clock's time, and no two runs are alike
        file_create_date=session_start,
        subject=Subject(subject_id=subject_id, species=species, sex="U", age="P90D"),
    )
    _add_electrodes(nwb, channels, regions)
    if signals_uv is not None:
        _add_series(
            nwb, checked_signals(signals_uv, channels, rate_hz), channels, rate_hz, uv_per_bit
        )
    for unit in units or ():
        _add_unit(nwb, unit)
    if trials is not None:
        _add_trials(nwb, trials, path)
    with NWBHDF5IO(str(path), "w") as file:
        file.write(nwb, cache_spec=cache_spec)
    return path


def _add_electrodes(nwb: pynwb.NWBFile, channels: Sequence[str], regions: Sequence[str]) -> None:
    if len(channels) != len(regions):
        raise InputError(f"regions: found {len(regions)} for {len(channels)} channels")
    if not channels:
        return
    device = nwb.create_device(name="probe")
    nwb.add_electrode_column(name="channel_name", description="Name of the channel")
    groups: dict[str, Any] = {}
    for name, said in zip(channels, regions, strict=True):
        # pynwb refuses an empty location, and writes "unknown" itself where it has none.
        region = said or "unknown"
        if region not in groups:
            groups[region] = nwb.create_electrode_group(
                name=f"electrodes_{region}",
                description="Electrodes of one region",
                location=region,
                device=device,
            )
        nwb.add_electrode(group=groups[region], location=region, channel_name=name)


def _add_series(
    nwb: pynwb.NWBFile,
    signals: np.ndarray,
    channels: Sequence[str],
    rate_hz: float,
    uv_per_bit: float,
) -> None:
    from pynwb.ecephys import ElectricalSeries

    counts = np.empty(signals.shape, dtype=np.int16)
    for first, block in count_blocks(signals, channels, uv_per_bit=uv_per_bit):
        counts[first : first + len(block)] = block
    electrodes = nwb.create_electrode_table_region(
        region=list(range(len(channels))), description="All channels"
    )
    series = ElectricalSeries(
        name="ElectricalSeries",
        data=counts,
        electrodes=electrodes,
        rate=float(rate_hz),
        starting_time=0.0,
        conversion=uv_per_bit * 1e-6,
    )
    nwb.add_acquisition(series)


def _add_unit(nwb: pynwb.NWBFile, unit: Mapping[str, Any]) -> None:
    if nwb.units is None:
        nwb.add_unit_column(name="unit_name", description="Name of the unit")
        nwb.add_unit_column(name="region", description="Region that the unit was recorded in")
        nwb.add_unit_column(name="quality", description="Label of the sorting")
    nwb.add_unit(
        spike_times=np.asarray(unit["spike_times"], dtype=np.float64),
        unit_name=str(unit["unit_id"]),
        region=str(unit["region"]),
        quality=str(unit.get("quality", "good")),
    )


def _add_trials(nwb: pynwb.NWBFile, trials: pd.DataFrame, path: Path) -> None:
    missing = {"start_time", "stop_time"} - set(trials.columns)
    if missing:
        raise InputError(f"{path}: trials: found no {sorted(missing)}; NWB needs both, in seconds")
    extra = [str(name) for name in trials.columns if name not in ("start_time", "stop_time")]
    for name in extra:
        nwb.add_trial_column(name=name, description=f"Column {name} of the behaviour log")
    for row in trials.to_dict("records"):
        nwb.add_trial(**{str(name): value for name, value in row.items()})
