"""The sorted units of a session, on its clock: of one recording, of each part, of each probe."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.metric import WHOLE_RECORDING
from pipeline.steps.guard import write_atomically

if TYPE_CHECKING:
    import xarray as xr

    from pipeline.ingest import SortedUnits
    from pipeline.ingest.joining import RecordedProbe, RecordingPart


#: starts of two files on the rig's clock and in recordings.tsv, where times are rounded
_CLOCKS_APART_S = 0.5
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
    from pipeline.steps.sorted_spans import partly_sorted

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
        partly = partly_sorted(found, probes)
        warnings += partly.values()
        units = _joined(found, settings["channels"], warnings, partly)
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
    import numpy as np

    if "channel" not in units.coords:
        raise InputError(
            "units sorted here: found no channel per unit; expected the form of units.nc"
        )
    by_channel = {str(row["channel"]): str(row["region"]) for row in listed}
    only = set(by_channel.values()) or {WHOLE_RECORDING}
    warnings += [said for said in str(units.attrs.get("warnings", "")).split("\n") if said]
    regions = _filled(
        [str(region) for region in units["region"].values],
        [str(channel) for channel in units["channel"].values],
        by_channel,
        only,
        "sorted here",
        warnings,
    )
    return units.assign_coords(region=("unit", np.array(regions, dtype=str)))


def _joined(
    found: Sequence[Sorting],
    listed: Sequence[Mapping[str, Any]],
    warnings: list[str],
    partly: Collection[str] = (),
) -> xr.Dataset:
    """Units of all sortings of a session, one after another; some sorted in parts of it only."""
    from pipeline.ingest.units_joining import (
        joined_amplitudes,
        joined_metrics,
        joined_waveforms,
    )
    from pipeline.spikes import units_dataset
    from pipeline.steps.sorted_spans import sorted_spans

    read = [_read(sorting, warnings) for sorting in found]
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
        **joined_amplitudes([units for units, _ in read]),
        **joined_waveforms([units for units, _ in read], warnings),
        metrics=joined_metrics([units for units, _ in read])
        | sorted_spans(found, [len(units.unit_id) for units, _ in read], partly),
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


def sortings_of(settings: Mapping[str, Any], probes: Sequence[RecordedProbe]) -> list[Sorting]:
    """Return the sortings of a session, each once, in the order of the tables.

    Raises
    ------
    InputError
        If one sorting is named for recordings of two probes, and is not their own file.
    """
    everything = [part for probe in probes for part in probe.parts]
    # One folder holds several probes as streams: the path alone does not tell them apart.
    stated = {
        (source["path"], source["label"]): source["sorting"] for source in settings["recordings"]
    }
    paths = [settings["sorting"], *(source["sorting"] for source in settings["recordings"])]
    found = []
    for path in dict.fromkeys(path for path in paths if path):
        # The session's own sorting is that of its one recording (the tables refuse more).
        everywhere = path == settings["sorting"]
        of = [p for p in everything if everywhere or stated[p.path, p.probe] == path]
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


def _read(sorting: Sorting, warnings: list[str]) -> tuple[SortedUnits, list[Any]]:
    """Units, and their spike times on the session's clock."""
    from pipeline.ingest import read_units, recording_start_s
    from pipeline.ingest.joining import spread_times
    from pipeline.ingest.units_joining import clock_warnings, samples_per_second

    units = read_units(sorting.path)
    if not sorting.parts:
        if units.rig_clock:
            warnings.append(
                f"{Path(sorting.path).name}: spike times count from the zero of the rig's clock: "
                "the session has no recording whose first sample would be its time 0"
            )
        return units, list(units.spike_times)
    own_clock = sorting.own_clock or units.rig_clock
    rate_hz = samples_per_second(units, sorting.parts[0].rate_hz)
    slower = units.sample_rate_hz / rate_hz if rate_hz else 1.0
    if units.rig_clock:
        _refuse_other_clock(sorting)
    zero_s = recording_start_s(sorting.parts[0].recording) if own_clock else 0.0
    chained = len(sorting.parts) > 1 and not own_clock
    spread = [
        spread_times(
            times * slower - zero_s,
            sorting.parts,
            what=f"{sorting.path}: unit {name}",
            chained=chained,
        )
        for name, times in zip(units.unit_id, units.spike_times, strict=True)
    ]
    if units.rig_clock:
        _refuse_other_recording(sorting, spread)
    warnings += clock_warnings(units, spread, sorting.parts, rate_hz, sorting.path)
    return units, spread


def _refuse_other_recording(sorting: Sorting, trains: Sequence[Any]) -> None:
    """Refuse spikes on the rig's clock of which none lies within what was recorded."""
    start, stop = sorting.parts[0].starts_at_s, max(part.stops_at_s for part in sorting.parts)
    some = [train for train in trains if len(train)]
    if some and not any(((train >= start) & (train < stop)).any() for train in some):
        first, last = min(train[0] for train in some), max(train[-1] for train in some)
        raise InputError(
            f"{sorting.path}: found spikes from {first:.1f} to {last:.1f} s of the session; "
            f"expected some between {start:.1f} and {stop:.1f} s, the recording on the rig's clock "
            "(the sorting of another recording, or one exported without its start time)"
        )


def _refuse_other_clock(sorting: Sorting) -> None:
    """Refuse parts that the rig's clock puts elsewhere than recordings.tsv does.

    One sorting of several parts on the rig's clock fits the session's in one place only.
    """
    from pipeline.ingest import recording_start_s

    first = sorting.parts[0]
    for part in sorting.parts[1:]:
        if part.probe != first.probe:
            continue
        clock_s = recording_start_s(part.recording) - recording_start_s(first.recording)
        stated_s = part.starts_at_s - first.starts_at_s
        if abs(clock_s - stated_s) > _CLOCKS_APART_S:
            raise InputError(
                f"{sorting.path}: {part.name} starts {clock_s:.3f} s after {first.name} on the "
                f"rig's clock, which the spikes count on; recordings.tsv says {stated_s:.3f} s: "
                "starts_at_s is wrong, or the clock restarted (name a sorting for each file)"
            )


def _labels(sortings: Sequence[Sorting], names: Sequence[Sequence[str]]) -> list[str]:
    """What stands before the units of each sorting; nothing where all names differ anyway.

    Units of parts that were sorted apart are units apart, whatever their numbers.
    """
    from pipeline.ingest.joining import SEPARATOR

    every = [name for units in names for name in units]
    if len(set(every)) == len(every):
        return [""] * len(sortings)
    of_probe = Counter(sorting.probe for sorting in sortings)
    labels = []
    met: Counter[str] = Counter()
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
