"""The sorted units of a session, on its clock: of one recording, of each part, of each probe."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pipeline.errors import InputError
from pipeline.steps.guard import write_atomically
from pipeline.steps.outcomes_check import WHOLE_RECORDING

if TYPE_CHECKING:
    import xarray as xr

    from pipeline.ingest import SortedUnits
    from pipeline.ingest.joining import RecordedProbe, RecordingPart


#: channels of Neuropixels: band and site
_NEUROPIXELS = re.compile(r"(AP|LFP?)(\d+)")


@dataclass(frozen=True, eq=False)
class Sorting:
    """A sorting and what was sorted.

    Attributes
    ----------
    path : str
    parts : tuple of RecordingPart
        In the order of time; empty for units without a recording.
    channels : mapping of str to str
        Name in the files -> name in the session, of the probe (of all probes).
    own_clock : bool
        Whether spike times count from the clock of the file that holds the recording as well.
    probe : str
        "" for none, or for several.
    """

    path: str
    parts: tuple[RecordingPart, ...]
    channels: Mapping[str, str]
    own_clock: bool
    probe: str


def extract_units(
    settings: Mapping[str, Any],
    path: Path,
    probes: Sequence[RecordedProbe],
    warnings: list[str],
    facts: dict[str, Any],
) -> None:
    """Write units.nc; leave an empty file where nothing was sorted.

    Parameters
    ----------
    settings : mapping
        :func:`pipeline.steps.settings.extract_settings`.
    path : Path
        units.nc.
    probes : sequence of RecordedProbe
        What was recorded.
    warnings, facts : list, dict
        Added to.

    Raises
    ------
    InputError
        If a sorting cannot be read, or belongs to several recordings whose order is unclear.
    """
    from pipeline.spikes import load_units, save_units

    found = sortings_of(settings, probes)
    ours = settings.get("sorted", "")
    if ours and found:
        raise InputError(
            f"{found[0].path}: found a sorting of this session, which the config has sorted here "
            "as well; expected one of the two: empty the column 'sorting', or set spikes.sorting "
            "to existing"
        )
    if ours and Path(ours).stat().st_size:
        units = take_over(load_units(ours), settings["channels"], warnings)
    elif found:
        units = _joined(found, settings["channels"], warnings)
    else:
        write_atomically(path, b"")
        return
    save_units(units, path)
    facts["n_units_sorted"] = int(units.sizes["unit"])


def take_over(
    units: xr.Dataset, listed: Sequence[Mapping[str, Any]], warnings: list[str]
) -> xr.Dataset:
    """Return units that were sorted here, with the regions of the channel table.

    Parameters
    ----------
    units : Dataset
        In the form of units.nc, on the session clock, with ``channel``.
    listed : sequence of mapping
        Rows of the channel table of the session: ``channel``, ``region``.
    warnings : list
        Added to.

    Returns
    -------
    Dataset
        The same units; a region that is there already stays.

    Raises
    ------
    InputError
        If the units do not name their channels.
    """
    if "channel" not in units.coords:
        raise InputError(
            "units sorted here: found no channel per unit; expected the form of units.nc"
        )
    by_channel = {str(row["channel"]): str(row["region"]) for row in listed}
    only = set(by_channel.values()) or {WHOLE_RECORDING}
    regions = _filled(
        [str(region) for region in units["region"].values],
        [str(channel) for channel in units["channel"].values],
        by_channel,
        only,
        "sorted here",
        warnings,
    )
    return units.assign_coords(region=("unit", [*regions]))


def _joined(
    found: Sequence[Sorting], listed: Sequence[Mapping[str, Any]], warnings: list[str]
) -> xr.Dataset:
    """Units of all sortings of a session, one after another."""
    from pipeline.spikes import units_dataset

    read = [_read(sorting) for sorting in found]
    labels = _labels(found, [units.unit_id for units, _ in read])
    names, regions, qualities, trains, channels, probes = [], [], [], [], [], []
    for sorting, (units, times), label in zip(found, read, labels, strict=True):
        names += [f"{label}{name}" for name in units.unit_id]
        mine = _channels(units, sorting)
        regions += _regions(units, mine, sorting, listed, warnings)
        qualities += units.quality
        trains += times
        channels += mine
        probes += [sorting.probe] * len(mine)
    return units_dataset(
        trains,
        unit_id=names,
        region=regions,
        quality=qualities,
        channel=channels if any(channels) else None,
        probe=probes if any(probes) else None,
        **_amplitudes([units for units, _ in read]),
        **_waveforms([units for units, _ in read], warnings),
        metrics=_metrics([units for units, _ in read]),
    )


def _channels(units: SortedUnits, sorting: Sorting) -> list[str]:
    """Session's name of each unit's channel, "" where it is not known beyond doubt.

    A place counts where the sorted file has as many channels as the recording: of a file with
    other channels, the place says nothing. Files of Neuropixels have the sync word behind them.
    """
    if not sorting.parts:
        return list(units.channel)
    recorded = sorting.parts[0].channels
    sync = all(_NEUROPIXELS.fullmatch(name) for name in recorded)
    counted = units.n_channels == len(recorded) or (sync and units.n_channels == len(recorded) + 1)
    here = set(sorting.channels.values())
    found = []
    for unit, stated in enumerate(units.channel):
        place = units.position[unit] if units.position and counted else -1
        name = recorded[place] if 0 <= place < len(recorded) else _recorded(stated, recorded)
        found.append(sorting.channels.get(name, name if name in here else ""))
    return found


def _recorded(name: str, recorded: Sequence[str]) -> str:
    """Recording's name of a channel that a sorting names, which may be of another band.

    SpikeInterface puts the stream before it (``imec0.ap#AP12``), and ``AP12`` and ``LF12`` are the
    two bands of one site.
    """
    bare = name.rpartition("#")[2]
    band = _NEUROPIXELS.fullmatch(bare)
    names = [name, bare, *([f"{kind}{band[2]}" for kind in ("LF", "LFP", "AP")] if band else [])]
    return next((one for one in names if one in recorded), name)


def _amplitudes(read: Sequence[SortedUnits]) -> dict[str, Any]:
    """Amplitudes of all sortings; their unit where all agree, else the sorters' own."""
    import numpy as np

    known = [units for units in read if units.amplitude]
    if not known:
        return {}
    sizes = [
        values
        for units in read
        for values in (units.amplitude or [np.full(len(t), np.nan) for t in units.spike_times])
    ]
    stated = {units.amplitude_units for units in known}
    return {"amplitude": sizes, "amplitude_units": stated.pop() if len(stated) == 1 else "a.u."}


def _waveforms(read: Sequence[SortedUnits], warnings: list[str]) -> dict[str, Any]:
    """Mean waveforms of all sortings that have the rate of the first; others count as unknown."""
    from pipeline.ingest.units_form import stacked

    known = [units for units in read if units.waveform is not None]
    if not known:
        return {}
    rate_hz = known[0].waveform_rate_hz
    left_out = [units for units in known if abs(units.waveform_rate_hz / rate_hz - 1) > 1e-3]
    if left_out:
        warnings.append(
            f"waveforms sampled at {left_out[0].waveform_rate_hz:g} Hz are left out beside those "
            f"at {rate_hz:g} Hz: {sum(len(units.unit_id) for units in left_out)} unit(s) without"
        )
    rows = []
    for units in read:
        used = units.waveform is not None and units not in left_out
        rows += [*cast(Any, units.waveform)] if used else [[]] * len(units.unit_id)
    stated = {units.waveform_units for units in known}
    return {
        "waveform": stacked(rows),
        "waveform_rate_hz": rate_hz,
        "waveform_units": stated.pop() if len(stated) == 1 else "a.u.",
    }


def _metrics(read: Sequence[SortedUnits]) -> dict[str, list[float]]:
    """Further numbers of all sortings, NaN for units of one that lacks them."""
    names = dict.fromkeys(name for units in read for name in units.metrics)
    unknown = float("nan")
    return {
        name: [
            value
            for units in read
            for value in units.metrics.get(name, [unknown] * len(units.unit_id))
        ]
        for name in names
    }


def sortings_of(settings: Mapping[str, Any], probes: Sequence[RecordedProbe]) -> list[Sorting]:
    """Return the sortings of a session, each once, in the order of the tables.

    Raises
    ------
    InputError
        If one sorting is named for recordings of two probes, and is not their own file.
    """
    everything = [part for probe in probes for part in probe.parts]
    stated = {source["path"]: source["sorting"] for source in settings["recordings"]}
    paths = [settings["sorting"], *(source["sorting"] for source in settings["recordings"])]
    found = []
    for path in dict.fromkeys(path for path in paths if path):
        # The session's own sorting is that of its one recording (the tables refuse more).
        of = [p for p in everything if stated[p.path] == path or path == settings["sorting"]]
        own_clock = any(part.path == path for part in of)
        labels = {part.probe for part in of}
        if len(labels) > 1 and not own_clock:
            raise InputError(
                f"{path}: found as the sorting of recordings of probes "
                f"{', '.join(sorted(labels))}; expected a sorting of its own for each probe"
            )
        channels = {
            there: here
            for probe in probes
            if probe.probe in labels
            for here, there in probe.channels.items()
        }
        probe = labels.pop() if len(labels) == 1 else ""
        parts = tuple(sorted(of, key=lambda part: part.starts_at_s))
        found.append(Sorting(path, parts, channels, own_clock, probe))
    return found


def _read(sorting: Sorting) -> tuple[SortedUnits, list[Any]]:
    """Units, and their spike times on the session's clock."""
    from pipeline.ingest import read_units, recording_start_s
    from pipeline.ingest.joining import spread_times

    units = read_units(sorting.path)
    if not sorting.parts:
        return units, list(units.spike_times)
    own_clock = sorting.own_clock or units.rig_clock
    zero_s = recording_start_s(sorting.parts[0].recording) if own_clock else 0.0
    chained = len(sorting.parts) > 1 and not own_clock
    return units, [
        spread_times(
            times - zero_s, sorting.parts, what=f"{sorting.path}: unit {name}", chained=chained
        )
        for name, times in zip(units.unit_id, units.spike_times, strict=True)
    ]


def _labels(sortings: Sequence[Sorting], names: Sequence[Sequence[str]]) -> list[str]:
    """What stands before the units of each sorting; nothing where all names differ anyway.

    Units of parts that were sorted apart are units apart, whatever their numbers.
    """
    from pipeline.ingest.joining import SEPARATOR

    every = [name for units in names for name in units]
    if len(set(every)) == len(every):
        return [""] * len(sortings)
    of_probe = Counter(sorting.probe for sorting in sortings)
    labels, met = [], Counter()
    for sorting in sortings:
        met[sorting.probe] += 1
        number = [str(met[sorting.probe])] if of_probe[sorting.probe] > 1 else []
        label = SEPARATOR.join([sorting.probe] * bool(sorting.probe) + number)
        labels.append(f"{label}{SEPARATOR}" if label else "")
    return labels


def _regions(
    units: SortedUnits,
    channels: Sequence[str],
    sorting: Sorting,
    listed: Sequence[Mapping[str, Any]],
    warnings: list[str],
) -> list[str]:
    """Region of each unit: as the sorting says, else that of its channel."""
    by_channel = {c["channel"]: c["region"] for c in listed}
    known = set(sorting.channels.values())
    only = {r for c, r in by_channel.items() if c in known or not known} or {WHOLE_RECORDING}
    name = Path(sorting.path).name
    return _filled(list(units.region), channels, by_channel, only, name, warnings)


def _filled(
    regions: Sequence[str],
    channels: Sequence[str],
    by_channel: Mapping[str, str],
    only: set[str],
    name: str,
    warnings: list[str],
) -> list[str]:
    """Regions, blanks taken from the units' channels, or from the probe that lies in one region."""
    fallback = next(iter(only)) if len(only) == 1 else WHOLE_RECORDING
    filled = [
        region or by_channel.get(channel, fallback)
        for region, channel in zip(regions, channels, strict=True)
    ]
    if len(only) > 1 and fallback in filled:
        warnings.append(
            f"{name}: {filled.count(fallback)} unit(s) whose region neither the sorting nor the "
            f"channel table says count as of '{fallback}'"
        )
    return filled
