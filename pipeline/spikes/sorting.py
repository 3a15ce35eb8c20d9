"""Sort the raw recordings of a session: each group of channels apart, all parts in one sort."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.ingest.joining import SEPARATOR
from pipeline.spikes.sorting_groups import SortingGroup, sorting_groups
from pipeline.spikes.sorting_parameters import sorter_parameters
from pipeline.spikes.sorting_signals import (
    Joined,
    crossings_per_s,
    open_signals,
    same_rate,
    write_signals,
)

if TYPE_CHECKING:
    import xarray as xr
    from spikeinterface import BaseRecording, BaseSorting

    from pipeline.ingest.joining import RecordedProbe

#: a sorter that fails on a group whose channels cross the threshold less often found no spikes
#: there; a unit of 0.1 Hz on every channel, or noise that is not Gaussian, crosses it more often
SILENT_PER_S = 0.05


@dataclass(frozen=True, eq=False)
class SortedGroup:
    """What the sort of one group found.

    Attributes
    ----------
    probe : str
        Name of the probe, "" for none.
    group : SortingGroup
    spike_times : list of ndarray
        Per unit, seconds on the session's clock, ascending.
    channel : list of str
        Session's name of the channel where each unit is largest.
    amplitude : list of ndarray
        Per unit, size of each spike in microvolts.
    waveform : ndarray, shape (n_units, n_samples)
        Mean waveform on that channel, microvolts.
    metrics : mapping of str to ndarray, shape (n_units,)
        Quality metrics.
    """

    probe: str
    group: SortingGroup
    spike_times: list[NDArray[np.float64]]
    channel: list[str]
    amplitude: list[NDArray[np.float64]]
    waveform: NDArray[np.float64]
    metrics: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class SortedSession:
    """What the sorts of a session found, and how.

    Attributes
    ----------
    groups : list of SortedGroup
    rate_hz : float
        Of the waveforms.
    warnings : list of str
    """

    groups: list[SortedGroup]
    rate_hz: float
    warnings: list[str] = field(default_factory=list)


def sort_probes(
    probes: Sequence[RecordedProbe],
    *,
    sorter: str,
    scratch: Path,
    shanks: Mapping[str, str],
    pass_band_hz: tuple[float, float] = (300.0, 6000.0),
    reference: str = "auto",
    parameters: Mapping[str, Any] | None = None,
    group_by: str = "shank",
    jobs: int = 1,
) -> SortedSession:
    """Sort the recordings of a session.

    Parameters
    ----------
    probes : sequence of RecordedProbe
        With the channels to be sorted only.
    sorter : str
        Name of a SpikeInterface sorter.
    scratch : Path
        Folder for the filtered signals and the sorter's own files (2 bytes per sample and
        channel, and some more); made here and removed at the end, whatever happens.
    shanks : mapping of str to str
        Shank of each channel by its name in the session, "" for none.
    pass_band_hz, reference, parameters, group_by, jobs
        :class:`pipeline.experiment.sorting_options.SortingOptions`.

    Returns
    -------
    SortedSession

    Raises
    ------
    InputError
        If the sorter is not installed or fails, a parameter is unknown, or the recordings cannot
        be sorted.
    """
    settled = sorter_parameters(sorter, parameters or {}, jobs=jobs)
    found: list[SortedGroup] = []
    warnings: list[str] = []
    # Before anything is sorted: not found after an hour.
    rates = [probe.parts[0].rate_hz for probe in probes]
    if not same_rate(rates):
        raise InputError(
            f"recordings: found probes of {', '.join(f'{rate:g}' for rate in sorted(set(rates)))} "
            "Hz; expected one rate, which the waveforms of all units share"
        )
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        for probe in probes:
            signals = scratch / "signals.dat"
            joined = write_signals(
                probe.parts,
                probe.channels,
                signals,
                pass_band_hz=pass_band_hz,
                reference=reference,
            )
            warnings += _clipping(probe.probe, joined)
            groups = sorting_groups(
                probe.parts[0].recording, probe.channels, shanks=shanks, group_by=group_by
            )
            for group in groups:
                places = dict(zip(group.channels, group.places_um, strict=True))
                recording = open_signals(signals, list(probe.channels), joined.rate_hz, places)
                name = SEPARATOR.join(part for part in (probe.probe, group.name) if part)
                sorting = _sort_group(
                    recording, sorter, settled, scratch / "sorter", name, warnings
                )
                found.append(_described(probe.probe, group, recording, sorting, joined))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return SortedSession(found, rates[0], warnings)


def units_of(session: SortedSession) -> xr.Dataset:
    """Bring sorted groups to the form of units.nc.

    Units are named ``probe:group:number``, without what there is only one of, and have no region
    and no label of quality yet.
    """
    from pipeline.spikes.units import units_dataset

    groups = session.groups
    several = {
        probe: sum(one.probe == probe for one in groups) > 1
        for probe in {one.probe for one in groups}
    }
    names = [
        SEPARATOR.join(
            [one.probe] * bool(one.probe)
            # channels without a shank beside others are a group without a name
            + [one.group.name] * (several[one.probe] and bool(one.group.name))
            + [str(number)]
        )
        for one in groups
        for number in range(1, len(one.spike_times) + 1)
    ]
    columns = list(dict.fromkeys(name for one in groups for name in one.metrics))
    waves = [one.waveform for one in groups if len(one.waveform)]
    metrics = {
        name: np.concatenate(
            [one.metrics.get(name, np.full(len(one.spike_times), np.nan)) for one in groups]
        )
        for name in columns
    }
    return units_dataset(
        [times for one in groups for times in one.spike_times],
        names,
        channel=[name for one in groups for name in one.channel],
        probe=[one.probe for one in groups for _ in one.spike_times],
        amplitude=[sizes for one in groups for sizes in one.amplitude],
        waveform=np.vstack(waves) if waves else np.empty((0, 0)),
        waveform_rate_hz=session.rate_hz,
        metrics=metrics,
    )


def run_sorter(
    recording: BaseRecording,
    sorter: str,
    parameters: Mapping[str, Any],
    folder: Path,
    *,
    what: str = "",
) -> BaseSorting:
    """Run a sorter of SpikeInterface and return its units, in memory.

    Parameters
    ----------
    recording : BaseRecording
        Filtered signals, in a file.
    sorter, parameters : str, mapping
        From :func:`pipeline.spikes.sorting_parameters.sorter_parameters`.
    folder : Path
        The sorter's own; removed at the end.
    what : str
        Probe and group, for messages.

    Raises
    ------
    InputError
        If the sorter fails.
    MemoryError, OSError
        Trouble of the machine, so that the workflow system can retry.
    """
    from spikeinterface.core import NumpySorting
    from spikeinterface.sorters import run_sorter as run
    from spikeinterface.sorters.utils import SpikeSortingError

    try:
        sorting = run(sorter, recording, folder=folder, verbose=False, **parameters)
        return NumpySorting.from_sorting(sorting)
    except SpikeSortingError as error:
        raise _failure(str(error), sorter, what) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sort_group(
    recording: BaseRecording,
    sorter: str,
    parameters: Mapping[str, Any],
    folder: Path,
    name: str,
    warnings: list[str],
) -> BaseSorting:
    """Sort a group; one without spikes, on which sorters fail, has no units and a warning."""
    from spikeinterface.core import NumpySorting

    try:
        return run_sorter(recording, sorter, parameters, folder, what=name)
    except InputError as error:
        crossings = crossings_per_s(recording)
        if crossings >= SILENT_PER_S:
            raise
        of = f" of {name}" if name else ""
        warnings.append(
            f"sorting: no units on the channels{of}: they fall below 5 standard deviations of "
            f"their noise {crossings:.2g} times a second each, as noise does"
        )
        print(error)
        return NumpySorting.from_unit_dict([{}], recording.sampling_frequency)


def _failure(trace: str, sorter: str, what: str) -> Exception:
    """Return what to raise for a sorter's failure, of which SpikeInterface keeps the text only."""
    stated = re.findall(r"^(\w*(?:Error|Exception)\b.*)$", trace, flags=re.MULTILINE)
    last = stated[-1].strip() if stated else trace.strip().splitlines()[-1]
    if "MemoryError" in last:
        return MemoryError(last)
    if "No space left on device" in last:
        return OSError(errno.ENOSPC, last)
    of = f" of {what}" if what else ""
    return InputError(
        f"spikes.sorting: {sorter} failed on the channels{of}: {last} (few spikes, dead channels "
        "that are not marked as bad, or parameters that do not fit; the log has the whole trace)"
    )


def _described(
    probe: str, group: SortingGroup, recording: BaseRecording, sorting: BaseSorting, joined: Joined
) -> SortedGroup:
    """Times on the session's clock, and what is measured of the units."""
    from pipeline.spikes.sorting_quality import describe_units

    kept = [unit for unit in sorting.unit_ids if len(sorting.get_unit_spike_train(unit))]
    sorting = sorting.select_units(kept)
    samples = [np.sort(sorting.get_unit_spike_train(unit)) for unit in kept]
    about = describe_units(recording, sorting, places_known=group.known)
    return SortedGroup(
        probe,
        group,
        [joined.session_times(train) for train in samples],
        about.channel,
        about.amplitude,
        about.waveform,
        about.metrics,
    )


def _clipping(probe: str, joined: Joined) -> list[str]:
    if not joined.clipped:
        return []
    of = f" of probe '{probe}'" if probe else ""
    return [
        f"sorting: {joined.clipped} filtered sample(s){of} beyond 3.2 mV were cut off there: "
        "artefacts larger than any spike"
    ]
