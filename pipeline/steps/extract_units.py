"""The sorted units of a session, on its clock: of one recording, of each part, of each probe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.steps.guard import write_atomically
from pipeline.steps.outcomes_check import WHOLE_RECORDING

if TYPE_CHECKING:
    from pipeline.ingest.joining import RecordedProbe, RecordingPart


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
    from pipeline.spikes import save_units, units_dataset

    found = sortings_of(settings, probes)
    if not found:
        write_atomically(path, b"")
        return
    read = [_read(sorting) for sorting in found]
    labels = _labels(found, [units.unit_id for units, _ in read])
    names, regions, qualities, trains = [], [], [], []
    for sorting, (units, times), label in zip(found, read, labels, strict=True):
        names += [f"{label}{name}" for name in units.unit_id]
        regions += _regions(units, sorting, settings["channels"], warnings)
        qualities += units.quality
        trains += times
    dataset = units_dataset(trains, unit_id=names, region=regions, quality=qualities)
    save_units(dataset, path)
    facts["n_units_sorted"] = len(names)


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


def _read(sorting: Sorting) -> tuple[Any, list[Any]]:
    """Units, and their spike times on the session's clock."""
    from pipeline.ingest import read_units, recording_start_s
    from pipeline.ingest.joining import spread_times

    zero_s = recording_start_s(sorting.parts[0].recording) if sorting.own_clock else 0.0
    units = read_units(sorting.path, zero_s=zero_s)
    if not sorting.parts:
        return units, list(units.spike_times)
    chained = len(sorting.parts) > 1 and not sorting.own_clock
    return units, [
        spread_times(times, sorting.parts, what=f"{sorting.path}: unit {name}", chained=chained)
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
    units: Any, sorting: Sorting, listed: Sequence[Mapping[str, Any]], warnings: list[str]
) -> list[str]:
    """Region of each unit: as the sorting says, else that of its channel."""
    by_channel = {c["channel"]: c["region"] for c in listed}
    known = set(sorting.channels.values())
    only = {r for c, r in by_channel.items() if c in known or not known} or {WHOLE_RECORDING}
    fallback = next(iter(only)) if len(only) == 1 else WHOLE_RECORDING
    regions = [
        region or by_channel.get(sorting.channels.get(channel, channel), fallback)
        for region, channel in zip(units.region, units.channel, strict=True)
    ]
    if len(only) > 1 and fallback in regions:
        warnings.append(
            f"{Path(sorting.path).name}: {regions.count(fallback)} unit(s) whose region "
            f"neither the sorting nor the channel table says count as of '{fallback}'"
        )
    return regions
