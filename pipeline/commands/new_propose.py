"""Open the recordings that were found, and propose rows for the tables."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.commands.new_beside import Beside
from pipeline.commands.new_find import Found
from pipeline.commands.new_nwb import NwbFacts, nwb_facts
from pipeline.errors import InputError

#: channels by name are proposed up to this number of rows
_MOST_CHANNELS = 5000


@dataclass(frozen=True)
class Opened:
    """What one recording holds.

    Attributes
    ----------
    session : str
        Proposed name.
    path : str
        As the sessions table should name it.
    format : str
        Of the recording.
    seconds, rate_hz : float
        Length and rate; NaN where it could not be opened.
    channels : tuple of str
        Names.
    lines : str
        TTL lines with their pulses, in words.
    problem : str
        Why it could not be opened, "" if it could.
    facts : NwbFacts
        What an NWB file says besides; nothing for the others.
    """

    session: str
    path: str
    format: str
    seconds: float = float("nan")
    rate_hz: float = float("nan")
    channels: tuple[str, ...] = field(default=())
    lines: str = ""
    problem: str = ""
    facts: NwbFacts = field(default_factory=NwbFacts)


def open_found(found: Sequence[Found], *, base: Path, target: Path, events: bool) -> list[Opened]:
    """Open every recording lazily, and count the pulses of its TTL lines.

    Parameters
    ----------
    found : sequence of Found
        From :func:`pipeline.commands.new_find.find_recordings`.
    base : Path
        The folder that was looked through: names of sessions are paths below it.
    target : Path
        Folder of the new experiment: paths are relative to it.
    events : bool
        Whether pulses are counted (digital words among the samples are read through).

    Returns
    -------
    list of Opened
        In the same order; names are unique.
    """
    names = session_names([item.path for item in found], base=base)
    return [
        _open(item, name, _relative(item.path, target), events=events)
        for item, name in zip(found, names, strict=True)
    ]


def _open(item: Found, session: str, path: str, *, events: bool) -> Opened:
    from pipeline.ingest import open_recording, recording_start_s

    if item.problem:
        return Opened(session, path, item.format or "auto", problem=item.problem)
    if re.search(r"[\t\r\n]", path):
        problem = "its path holds a tab or a line break, which no table can: rename it"
        return Opened(session, repr(path), item.format, problem=problem)
    try:
        recording = open_recording(item.path, format=item.format)
        channels = tuple(str(channel) for channel in recording.channel_ids)
        facts = NwbFacts()
        if item.format == "nwb":
            zero_s = recording_start_s(recording)
            facts = nwb_facts(item.path, channels=channels, zero_s=zero_s)
    except InputError as error:
        return Opened(session, path, item.format, problem=str(error))
    rate = float(recording.sampling_frequency)
    return Opened(
        session,
        path,
        item.format,
        seconds=recording.get_num_samples() / rate,
        rate_hz=rate,
        channels=channels,
        lines=_lines(item) if events else "",
        facts=facts,
    )


def _lines(item: Found) -> str:
    from pipeline.ingest import read_events

    try:
        events = read_events(item.path, format=item.format)
    except InputError as error:
        return f"events cannot be read: {error}"
    counts = events.groupby([events["line"].map(str), "clock"], sort=True).size()
    several = counts.index.get_level_values("clock").nunique() > 1 if len(counts) else False
    return ", ".join(
        f"line {line}{f' of {clock}' if several else ''}: {number}"
        for (line, clock), number in counts.items()
    )


def _relative(path: Path, target: Path) -> str:
    """Return a path as seen from the new folder; absolute where there is no way from there."""
    try:
        return Path(os.path.relpath(path.resolve(), target.resolve())).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()


def session_names(paths: Sequence[Path], *, base: Path) -> list[str]:
    """Return a unique name of letters, digits, _ and - for each path.

    Parameters
    ----------
    paths : sequence of Path
        Recordings.
    base : Path
        Folder above all of them.

    Returns
    -------
    list of str
        The path below ``base`` without suffix, other letters replaced; a number is added where
        two become alike.
    """
    names: list[str] = []
    for path in paths:
        below = path.relative_to(base) if path != base else Path(base.resolve().name)
        plain = below.with_suffix("") if path.is_file() else below
        # rat05/rat05.nwb is rat05, sub-rat05/sub-rat05_ses-1.nwb is sub-rat05_ses-1
        parts = [
            part
            for part, inner in zip(plain.parts, [*plain.parts[1:], ""], strict=True)
            if inner != part and not inner.startswith(f"{part}_")
        ]
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", "_".join(parts)).strip("_") or "session"
        unique, number = name, 2
        while unique.casefold() in (other.casefold() for other in names):
            unique, number = f"{name}_{number}", number + 1
        names.append(unique)
    return names


def table_rows(
    proposed: Sequence[tuple[Opened, Beside | None]], *, target: Path
) -> dict[str, list[dict[str, str]]]:
    """Return rows for the lab's tables; what only the lab knows is left blank.

    Parameters
    ----------
    proposed : sequence of (Opened, Beside or None)
        Recordings, each with its own sorting; those that could not be opened are proposed too, with
        the reason elsewhere.
    target : Path
        Folder of the new experiment: paths are relative to it.

    Returns
    -------
    dict of str to list of dict
        sessions, administrations, contexts, channels, recordings_found, and intervals_found.
    """
    opened = [one for one, _ in proposed]
    rows: dict[str, list[dict[str, str]]] = {
        "sessions": [
            {
                "session": one.session,
                "animal": one.facts.animal,
                "sex": one.facts.sex,
                "start": one.facts.start,
                "recording": one.path,
                "recording_format": one.format,
                "sorting": _relative(sorting.path, target) if sorting else "",
            }
            for one, sorting in proposed
            if not one.path.startswith(("'", '"'))
        ],
        "administrations": [{"session": one.session, "animal": one.facts.animal} for one in opened],
        "contexts": [
            {"session": one.session, "start_s": "0", "stop_s": f"{one.seconds:.3f}"}
            for one in opened
            if not one.problem
        ],
        "channels": _channel_rows([one for one in opened if one.channels]),
        "recordings_found": [
            {
                "session": one.session,
                "recording": one.path,
                "format": one.format,
                "seconds": "" if one.problem else f"{one.seconds:.3f}",
                "rate_hz": "" if one.problem else f"{one.rate_hz:g}",
                "channels": "" if one.problem else str(len(one.channels)),
                "ttl_lines": one.lines,
                "problem": " ".join(one.problem.split()),
            }
            for one in opened
        ],
        "intervals_found": [
            {"session": one.session, **row} for one in opened for row in one.facts.intervals
        ],
    }
    return rows


def log_rows(
    beside: Sequence[Beside], *, base: Path, target: Path
) -> dict[str, list[dict[str, str]]]:
    """Return rows for an experiment without recordings: a session per log, else per track.

    Parameters
    ----------
    beside : sequence of Beside
        What was found.
    base, target : Path
        The folder that was looked through; that of the new experiment.

    Returns
    -------
    dict of str to list of dict
        sessions, administrations and contexts.
    """
    columns = {one.column for one in beside}
    column = "movement" if "movement" in columns and "behaviour" not in columns else "behaviour"
    # tables that may be either count as what the others are
    named = [one for one in beside if one.column in (column, "")]
    chosen = [one for one in named if _fits_a_cell(one.path, target)]
    names = session_names([one.path for one in chosen], base=base)
    sessions = [
        {"session": name, column: _relative(one.path, target)}
        for name, one in zip(names, chosen, strict=True)
    ]
    once = [{"session": name} for name in names]
    # blank times: the whole session
    return {"sessions": sessions, "administrations": once, "contexts": once}


def beside_rows(beside: Sequence[Beside], *, target: Path) -> list[dict[str, str]]:
    """Return rows of files_found.tsv; paths that no table can hold are left out."""
    return [
        {
            "column": one.column or "behaviour or movement",
            "file": _relative(one.path, target),
            "format": one.format,
        }
        for one in beside
        if _fits_a_cell(one.path, target)
    ]


def _fits_a_cell(path: Path, target: Path) -> bool:
    return not re.search(r"[\t\r\n]", _relative(path, target))


def _channel_rows(opened: Sequence[Opened]) -> list[dict[str, str]]:
    """One list for all sessions where they have the same channels, else one for each."""
    kinds = {
        tuple((name, one.facts.regions.get(name, "")) for name in one.channels) for one in opened
    }
    if len(kinds) == 1:
        return [{"channel": name, "region": region} for name, region in next(iter(kinds))]
    if sum(len(one.channels) for one in opened) > _MOST_CHANNELS:
        return []
    return [
        {"session": one.session, "channel": name, "region": one.facts.regions.get(name, "")}
        for one in opened
        for name in one.channels
    ]
