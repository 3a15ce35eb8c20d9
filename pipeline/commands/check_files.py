"""Open every file of a session without reading samples: what is there, from when to when."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands.check_found import Extent, Places, SessionFiles, tried
from pipeline.errors import Problem
from pipeline.experiment import Experiment
from pipeline.experiment.model import Session

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.ingest.joining import RecordedProbe, RecordingPart

#: tables larger than this are looked at by their first and last rows
LARGE_BYTES = 5_000_000
_ENDS_BYTES = 100_000


def open_session(experiment: Experiment, session: Session) -> SessionFiles:
    """Open the files of a session, as ``extract`` will.

    Parameters
    ----------
    experiment : Experiment
        As examined.
    session : Session
        One that is not excluded.

    Returns
    -------
    SessionFiles
        Files that are not there are passed over: :func:`pipeline.steps.inputs.absent_files` lists
        them.
    """
    from pipeline.commands.check_logs import open_logs
    from pipeline.steps.settings import extract_settings

    settings = extract_settings(experiment, session, {})
    found = SessionFiles(session.name)
    place = Places(experiment, session)
    _recordings(settings, found, place)
    zero_s = {part.path: _zero(part) for part in found.parts}
    open_logs(settings, zero_s, found, place)
    _sortings(settings, found, place)
    _movement(settings, zero_s, found, place)
    return found


def _zero(part: RecordingPart) -> float:
    """Return where the session's zero lies on the clock of a recording's file."""
    from pipeline.ingest import recording_start_s

    return recording_start_s(part.recording) - part.starts_at_s


def _recordings(settings: Mapping[str, Any], found: SessionFiles, place: Places) -> None:
    from pipeline.steps.extract_recordings import open_parts

    for index, source in enumerate(settings["recordings"]):
        if not Path(source["path"]).exists():
            continue
        one = {**settings, "recordings": [source]}
        opened = tried(found, place.recording(index), partial(open_parts, one))
        found.parts += opened or []
    for part in found.parts:
        number = len(part.channels)
        detail = f"{number} channels at {part.rate_hz:g} Hz"
        probe = f" of {part.probe}" if part.probe else ""
        found.extents.append(
            Extent("recording", part.name, part.starts_at_s, part.stops_at_s, detail + probe)
        )
    if found.parts and len(found.parts) == len(settings["recordings"]):
        tried(found, place.recording(0), lambda: _join(settings, found, place))


def _join(settings: Mapping[str, Any], found: SessionFiles, place: Places) -> None:
    """Refuse recordings that are not one session, and channels that none of them has."""
    from pipeline.ingest.joining import join_recordings, pick_channels

    probes = join_recordings(found.parts)
    listed = [channel["channel"] for channel in settings["channels"]]
    table = (place.experiment.config.tables.channels or "", f"session {found.session}")
    picked = tried(found, table, lambda: pick_channels(probes, listed))
    if picked and not listed:
        expected = "a channel table: without one all channels count as one region, 'all'"
        found.problems.append(Problem(*place.recording(0), "", expected, "warning"))
    _traps(place.experiment, probes, found, place)


def _traps(
    experiment: Experiment,
    probes: tuple[RecordedProbe, ...],
    found: SessionFiles,
    place: Places,
) -> None:
    """Warn of recordings that hold less than the analysis asks for."""
    lfp = experiment.config.lfp
    highest = max(band[1] for band in lfp.bands.values())
    for part in (part for probe in probes for part in probe.parts):
        if part.rate_hz < 2 * highest:
            expected = (
                f"at least {2 * highest:g} Hz for the bands up to {highest:g} Hz; bands above "
                "half the rate hold nothing"
            )
            said = f"{part.name} at {part.rate_hz:g} Hz"
            found.problems.append(Problem(*place.recording(0), said, expected, "warning"))
        if part.seconds < experiment.config.design.minimum_epoch_s:
            expected = "a longer recording: it was stopped at once, or is not the right file"
            said = f"{part.name} of {part.seconds:.1f} s"
            found.problems.append(Problem(*place.recording(0), said, expected, "warning"))


def _sortings(settings: Mapping[str, Any], found: SessionFiles, place: Places) -> None:
    from pipeline.commands.check_units import sorting_extent
    from pipeline.ingest import recording_start_s

    # Units in the NWB file of the recording count on its clock, which may begin before it.
    starts_s = {part.path: recording_start_s(part.recording) for part in found.parts}
    named = [(settings["sorting"], place.cell("sorting"))]
    named += [
        (source["sorting"], place.recording(index))
        for index, source in enumerate(settings["recordings"])
    ]
    for path, where in {p: (p, w) for p, w in named if p}.values():
        if Path(path).exists():
            extent = tried(found, where, partial(sorting_extent, Path(path)))
            if extent:
                start_s = starts_s.get(path, 0.0)
                found.extents.append(
                    replace(
                        extent, start_s=extent.start_s - start_s, stop_s=extent.stop_s - start_s
                    )
                )


def _movement(
    settings: Mapping[str, Any],
    zero_s: Mapping[str, float],
    found: SessionFiles,
    place: Places,
) -> None:
    from pipeline.experiment.movement_options import session_cells
    from pipeline.ingest import track_warnings

    path = settings["movement"]
    if not path or not Path(path).exists():
        return
    starts_at_s = -zero_s.get(path, 0.0)
    columns = settings["movement_columns"]
    opened = tried(
        found,
        place.cell("movement"),
        lambda: movement_extent(Path(path), columns, starts_at_s=starts_at_s),
    )
    if opened:
        extent, movement = opened
        found.extents.append(extent)
        session = place.session
        zones = place.experiment.config.movement.session_zones(session_cells(session))
        found.problems += [
            Problem(*place.cell("movement"), extent.name, said, "warning")
            for said in track_warnings(movement, zones)
        ]


def movement_extent(
    path: Path, columns: Mapping[str, Any], *, starts_at_s: float
) -> tuple[Extent, pd.DataFrame]:
    """Return from when to when a movement file reaches, and what was read of it.

    Of a large table the first and last rows are read.

    Raises
    ------
    InputError
        As :func:`pipeline.ingest.read_movement`.
    """
    from pipeline.ingest import read_movement

    name, size = path.name, path.stat().st_size
    if path.suffix.casefold() in (".csv", ".tsv", ".txt") and size > LARGE_BYTES:
        with tempfile.TemporaryDirectory() as folder:
            short = Path(folder) / path.name
            with path.open("rb") as stream:
                head = stream.read(_ENDS_BYTES)
                stream.seek(size - _ENDS_BYTES)
                tail = stream.read()
            short.write_bytes(head[: head.rfind(b"\n") + 1] + tail[tail.find(b"\n") + 1 :])
            # a gap in the middle is no problem to the reader: unknown time
            movement = read_movement(short, starts_at_s=starts_at_s, **columns)
        detail = f"{size / 1e6:.0f} MB, its ends looked at"
    else:
        movement = read_movement(path, starts_at_s=starts_at_s, **columns)
        known = float(movement["speed_cm_s"].notna().mean())
        detail = f"{len(movement)} samples, {100 * known:.0f} % known"
    times = movement["time_s"]
    extent = Extent("movement", name, float(times.iloc[0]), float(times.iloc[-1]), detail)
    return extent, movement
