"""Sort the raw recordings of a session, where the config asks for it: before ``extract``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.steps.guard import Outcome

if TYPE_CHECKING:
    from pipeline.ingest.joining import RecordedProbe, RecordingPart
    from pipeline.spikes.sorting import SortedSession

#: folder of the sorter's own files, beside the output
SCRATCH = ".partial-sorting"
#: two streams of one file start within that
_TOGETHER_S = 1.0


def sort(*, settings: Mapping[str, Any], outputs: Mapping[str, Path], jobs: int = 1) -> Outcome:
    """Sort all recordings of a session as one: units keep their identity across its contexts.

    Parameters
    ----------
    settings : mapping
        :func:`pipeline.steps.sort_settings.sort_settings`.
    outputs : mapping of str to Path
        ``sorted``: units.nc's form, on the session's clock.
    jobs : int
        Threads; the units do not depend on it.

    Returns
    -------
    Outcome
        Warnings, and facts: the sorter and its version, and each group with its channels, units
        and spikes.

    Raises
    ------
    InputError
        If files are missing, cannot be one session, or cannot be sorted.
    """
    from pipeline.ingest.joining import join_recordings, pick_channels
    from pipeline.spikes.sorting import sort_probes, units_of
    from pipeline.spikes.sorting_parameters import sorter_parameters
    from pipeline.spikes.units import save_units

    options = settings["sorting"]
    # Before anything is read: a misspelt parameter is not found after an hour.
    sorter_parameters(options["run"], options["parameters"])
    _refuse_missing(settings)
    warnings: list[str] = []
    recorded = join_recordings(parts_to_sort(settings))
    listed = pick_channels(recorded, [row["channel"] for row in settings["channels"]])
    probes = _good_channels(listed, settings["channels"], warnings)
    found = sort_probes(
        probes,
        sorter=options["run"],
        scratch=outputs["sorted"].parent / SCRATCH,
        shanks={row["channel"]: row["shank"] for row in settings["channels"]},
        pass_band_hz=tuple(options["preprocessing"]["pass_band_hz"]),
        reference=options["preprocessing"]["reference"],
        parameters=options["parameters"],
        group_by=options["group_by"],
        jobs=jobs,
    )
    warnings += [*found.warnings, *_assumed(found)]
    facts = _facts(options, found)
    units = units_of(found)
    # extract tells them again: what the cohort shows of a session it reads there.
    units.attrs["sorter"] = f"{facts['sorter']} of SpikeInterface {facts['spikeinterface']}"
    units.attrs["warnings"] = "\n".join(warnings)
    save_units(units, outputs["sorted"])
    return Outcome(tuple(warnings), facts)


def parts_to_sort(settings: Mapping[str, Any]) -> list[RecordingPart]:
    """Open the recordings, in the stream of the wide band where the LFP has one of its own.

    The session's clock and names are those of the LFP: the wide band starts where its own first
    sample lies on the rig's clock, and a site keeps its name (AP5 is LF5).

    Raises
    ------
    InputError
        If files cannot be opened, or the two streams of one do not start together.
    """
    from pipeline.ingest import recording_stream
    from pipeline.steps.extract_recordings import open_parts

    streams = settings["sorting"].get("streams", {})
    parts = open_parts(settings)
    found = []
    for part, source in zip(parts, settings["recordings"], strict=True):
        stream = recording_stream(part.recording) or source["stream"] or settings["stream"]
        if streams.get(stream, stream) != stream:
            wide = {**settings, "recordings": [{**source, "stream": streams[stream]}]}
            part = _as_lfp(open_parts(wide)[0], part)
        found.append(part)
    return found


def _as_lfp(wide: RecordingPart, lfp: RecordingPart) -> RecordingPart:
    """Return the wide band on the clock and under the names of the LFP of the same file."""
    from pipeline.ingest import recording_start_s

    later_s = recording_start_s(wide.recording) - recording_start_s(lfp.recording)
    if abs(later_s) > _TOGETHER_S:
        raise InputError(
            f"{lfp.name}: spikes.sorting.streams: found a stream that starts {later_s:.3f} s after "
            f"that of the LFP; expected both within {_TOGETHER_S:g} s, on one clock (a stream of "
            "another device?)"
        )
    names = [
        next((n for n in _names_of_site(name) if n in lfp.channels), name) for name in wide.channels
    ]
    return replace(
        lfp,
        starts_at_s=lfp.starts_at_s + later_s,
        recording=wide.recording.rename_channels(names),
    )


def _names_of_site(name: str) -> list[str]:
    """Names of a Neuropixels site in the stream of its LFP (SpikeGLX, Open Ephys)."""
    site = re.fullmatch(r"AP(\d+)", name)
    return [f"LF{site[1]}", f"LFP{site[1]}"] if site else []


def _refuse_missing(settings: Mapping[str, Any]) -> None:
    missing = [row["path"] for row in settings["recordings"] if not Path(row["path"]).exists()]
    if missing:
        raise InputError(
            f"{len(missing)} recording(s) that the tables name are not there: {', '.join(missing)} "
            "(moved, misspelt, or on a drive that is not mounted)"
        )


def _good_channels(
    probes: Sequence[RecordedProbe], rows: Sequence[Mapping[str, Any]], warnings: list[str]
) -> list[RecordedProbe]:
    """Leave out channels that the table marks as bad, and those that never change.

    A constant channel has no noise to measure spikes by.
    """
    from pipeline.ingest import check_microvolts

    bad = {row["channel"] for row in rows if row["bad"]}
    kept = []
    for probe in probes:
        good = {here: there for here, there in probe.channels.items() if here not in bad}
        flat: dict[str, str] = {}
        for part in probe.parts if good else ():
            picked = part.recording.select_channels(list(good.values()))
            dead = set(check_microvolts(picked, file=part.name).flat)
            flat |= {here: part.name for here, there in good.items() if there in dead}
        for here, name in flat.items():
            warnings.append(f"sorting: {name}: channel {here} is flat and was not sorted")
        good = {here: there for here, there in good.items() if here not in flat}
        if good:
            kept.append(replace(probe, channels=good))
    if not kept:
        raise InputError(
            "sorting: found no channel that is neither marked bad nor flat; expected at least one "
            "(headstage unplugged, or the wrong stream?)"
        )
    return kept


def _assumed(found: SortedSession) -> list[str]:
    """Warn once of channels whose places are made up."""
    groups = [one for one in found.groups if not one.group.known]
    if not groups:
        return []
    count = sum(len(one.group.channels) for one in groups)
    return [
        f"sorting: the recording does not say where {count} channel(s) of {len(groups)} group(s) "
        "lie: a square was assumed for up to four channels, else a column in the order of the "
        "channels; drift in micrometres is not stated"
    ]


def _facts(options: Mapping[str, Any], found: SortedSession) -> dict[str, Any]:
    from spikeinterface import __version__

    return {
        "sorter": options["run"],
        "spikeinterface": __version__,
        "n_units_found": sum(len(one.spike_times) for one in found.groups),
        "sorting_groups": [
            {
                "probe": one.probe,
                "group": one.group.name,
                "n_channels": len(one.group.channels),
                "places": "probe" if one.group.known else "assumed",
                "n_units": len(one.spike_times),
                "n_spikes": int(sum(len(times) for times in one.spike_times)),
            }
            for one in found.groups
        ],
    }
