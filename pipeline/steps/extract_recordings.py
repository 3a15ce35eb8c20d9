"""The recordings of a session to one lfp.nc: one file, several parts, several probes."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.files import replacing
from pipeline.intervals import subtract, total_seconds
from pipeline.metric import WHOLE_RECORDING
from pipeline.steps.guard import write_atomically

if TYPE_CHECKING:
    from pipeline.ingest.joining import RecordedProbe, RecordingPart

#: seconds that only some of the probes recorded, above which a warning says so
_LOST_S = 1.0


def extract_recordings(
    settings: Mapping[str, Any], path: Path, warnings: list[str], facts: dict[str, Any]
) -> tuple[RecordedProbe, ...]:
    """Write lfp.nc; leave an empty file where nothing was recorded.

    Parameters
    ----------
    settings : mapping
        :func:`pipeline.steps.settings.extract_settings`.
    path : Path
        lfp.nc.
    warnings, facts : list, dict
        Added to.

    Returns
    -------
    tuple of RecordedProbe
        What was recorded, for the clocks of units and logs; empty without recordings.

    Raises
    ------
    InputError
        If a file cannot be opened, or the files cannot be one session.
    """
    if not settings["recordings"]:
        write_atomically(path, b"")
        return ()
    from pipeline.ingest.joining import join_recordings, pick_channels
    from pipeline.steps.extract_quality import check_lfp

    listed = settings["channels"]
    recorded = join_recordings(open_parts(settings))
    probes = pick_channels(recorded, [channel["channel"] for channel in listed])
    channels = [channel["channel"] for channel in listed] or [
        name for probe in probes for name in probe.channels
    ]
    regions = {c["channel"]: c["region"] for c in listed} or dict.fromkeys(
        channels, WHOLE_RECORDING
    )
    if not listed:
        warnings.append("no channel table: all channels count as one region, 'all'")
    stated = {channel["channel"] for channel in listed if channel["bad"]}
    flat = _flat_channels(probes, stated, settings, warnings)
    known = dict.fromkeys(sorted(stated), "channel table") | flat
    several = len(settings["recordings"]) > 1
    write = _write_joined if several else _write_one
    facts.update(recording_rate_hz=probes[0].parts[0].rate_hz, n_channels=len(channels))
    # Nobody sees the file before its channels are judged.
    with replacing(path) as partial:
        write(settings, probes, partial, regions, set(known), warnings, facts)
        check_lfp(settings, partial, probes, known, warnings, facts)
    return recorded


def open_parts(settings: Mapping[str, Any]) -> list[RecordingPart]:
    """Open every recording of the session, in the order of the table."""
    from pipeline.ingest import open_recording
    from pipeline.ingest.joining import RecordingPart, short_names

    sources = settings["recordings"]
    names = short_names([source["path"] for source in sources])
    return [
        RecordingPart(
            path=source["path"],
            name=name,
            probe=source["label"],
            starts_at_s=source["starts_at_s"],
            recording=open_recording(
                source["path"],
                format=source["format"],
                stream=source["stream"] or settings["stream"] or None,
            ),
        )
        for source, name in zip(sources, names, strict=True)
    ]


def _flat_channels(
    probes: Sequence[RecordedProbe],
    stated: set[str],
    settings: Mapping[str, Any],
    warnings: list[str],
) -> dict[str, str]:
    """Channels that do not change in some part, after the guard of units, with the reason."""
    from pipeline.ingest import check_microvolts

    found: dict[str, str] = {}
    for probe in probes:
        own = {there: here for here, there in probe.channels.items()}
        looked_at = [there for there, here in own.items() if here not in stated]
        for part in probe.parts if looked_at else ():
            recording = part.recording.select_channels(looked_at)
            for channel in check_microvolts(recording, file=part.name).flat:
                if settings["bad_channels"] == "detect":
                    warnings.append(
                        f"{part.name}: channel {own[channel]} is flat and counts as bad"
                    )
                    found[own[channel]] = f"flat: no change in {part.name}"
                else:
                    warnings.append(
                        f"{part.name}: channel {own[channel]} is flat; it is used all the same, "
                        "because lfp.bad_channels is 'listed'"
                    )
    return found


def _write_one(
    settings: Mapping[str, Any],
    probes: Sequence[RecordedProbe],
    path: Path,
    regions: Mapping[str, str],
    bad: set[str],
    warnings: list[str],
    facts: dict[str, Any],
) -> None:
    from pipeline.lfp import extract_lfp_to_netcdf
    from pipeline.steps.extract_quality import opened_lfp

    (probe,) = probes
    (part,) = probe.parts
    extract_lfp_to_netcdf(
        part.recording,
        path,
        rate_hz=settings["rate_hz"],
        channels=list(probe.channels.values()),
        start_s=part.starts_at_s,
        region=regions,
        bad=bad,
        rig_pass_hz=settings["pass_band_hz"],
        source=part.name,
        progress=_progress(settings["session"]),
    )
    with opened_lfp(path) as lfp:
        facts.update(
            duration_s=round(lfp.sizes["time"] / float(lfp.attrs["rate_hz"]), 3),
            lfp_rate_hz=float(lfp.attrs["rate_hz"]),
        )


def _write_joined(
    settings: Mapping[str, Any],
    probes: Sequence[RecordedProbe],
    path: Path,
    regions: Mapping[str, str],
    bad: set[str],
    warnings: list[str],
    facts: dict[str, Any],
) -> None:
    from pipeline.lfp.parts import Part, Probe, extract_parts_to_netcdf
    from pipeline.steps.extract_quality import opened_lfp

    joined = extract_parts_to_netcdf(
        [
            Probe(
                tuple(probe.channels),
                tuple(
                    Part(part.recording, part.name, part.starts_at_s, (*probe.channels.values(),))
                    for part in probe.parts
                ),
            )
            for probe in probes
        ],
        path,
        rate_hz=settings["rate_hz"],
        region=regions,
        bad=bad,
        rig_pass_hz=settings["pass_band_hz"],
        progress=_progress(settings["session"]),
    )
    with opened_lfp(path) as lfp:
        span_s = lfp.sizes["time"] / joined.rate_hz
    seconds = total_seconds(joined.recorded_s)
    facts.update(
        duration_s=round(span_s, 3),
        recorded_s=round(seconds, 3),
        lfp_rate_hz=joined.rate_hz,
        n_recordings=len(settings["recordings"]),
    )
    probes_named = [probe.probe for probe in probes if probe.probe]
    if probes_named:
        facts["probes"] = probes_named
    some = [
        (placed.first / joined.rate_hz, (placed.first + placed.n_samples) / joined.rate_hz)
        for track in joined.placed
        for placed in track
        if placed.n_samples
    ]
    lost = total_seconds(some) - seconds
    if lost > _LOST_S:
        warnings.append(
            f"{lost:.1f} s that only some of the probes recorded are left out, so that all "
            "channels rest on the same time"
        )


def recording_lines(probes: Sequence[RecordedProbe], *, rate_hz: float) -> dict[str, Any]:
    """Return what sync.json says of the recordings: each part, and the gaps between them.

    Parameters
    ----------
    probes : sequence of RecordedProbe
        What was recorded.
    rate_hz : float
        Rate of the LFP.

    Returns
    -------
    dict
        ``recordings``: file, probe, starts_at_s, seconds, rate_hz, off_grid_ms (how far its first
        sample lies before the next sample of the LFP: the LFP is evaluated there, and nothing is
        shifted); ``gaps_s``: [start, stop] of the time between the first and the last sample in
        which nothing was recorded.
    """
    from pipeline.ingest.joining import describe
    from pipeline.lfp.parts import GRID_SLACK

    parts = [part for probe in probes for part in probe.parts]
    if not parts:
        return {"recordings": [], "gaps_s": []}
    zero = min(part.starts_at_s for part in parts)
    rows = []
    for part in parts:
        offset = (part.starts_at_s - zero) * rate_hz
        ahead = max(0.0, math.ceil(offset - GRID_SLACK) - offset)
        rows.append(describe(part) | {"off_grid_ms": round(1000 * ahead / rate_hz, 6)})
    spans = [(part.starts_at_s, part.stops_at_s) for part in parts]
    whole = [(zero, max(stop for _, stop in spans))]
    # Half an LFP sample: the end of one part and the start of the next, written with few decimals.
    gaps = [[a, b] for a, b in subtract(whole, spans).tolist() if b - a > 0.5 / rate_hz]
    return {"recordings": rows, "gaps_s": gaps}


def _progress(session: str) -> Any:
    """Print the extraction of long recordings to the log, every tenth."""
    shown = 0

    def report(done: int, total: int) -> None:
        nonlocal shown
        tenth = 10 * done // max(total, 1)
        if tenth > shown:
            shown = tenth
            print(f"{session}: LFP {10 * tenth} %", file=sys.stderr, flush=True)

    return report
