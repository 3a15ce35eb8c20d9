"""What an NWB file says besides its signals: animal, start, regions, and what happened when.

It is proposed, never used: a run reads the tables only, which the lab may correct. What an interval
means (a context, a dose, neither) is the lab's to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import h5py

#: tables with more rows are counted, not listed: bouts of movement, licks
MOST_ROWS = 200
_TIMES = ("start_time", "stop_time", "timestamp", "duration")
#: intervals that have a column of sessions.tsv to themselves, or mean nothing here
_ELSEWHERE = ("trials", "invalid_times")
_SEXES = ("F", "M")
_NO_REGION = ("", "unknown", "none", "nan")


@dataclass(frozen=True)
class NwbFacts:
    """What the tables could say of one session.

    Attributes
    ----------
    animal, sex, start : str
        Cells of sessions.tsv; blank where the file does not say.
    regions : mapping of str to str
        Region by name of channel, of those that have one.
    zero_s : float
        Where the first sample lies on the file's clock.
    counts : mapping of str to int
        Rows of each table of intervals or events.
    intervals : tuple of mapping
        Rows of intervals_found.tsv, without the session; times count from the first sample.
    """

    animal: str = ""
    sex: str = ""
    start: str = ""
    regions: Mapping[str, str] = field(default_factory=dict)
    zero_s: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)
    intervals: tuple[Mapping[str, str], ...] = ()


def nwb_facts(path: Path, *, channels: Sequence[str], zero_s: float) -> NwbFacts:
    """Read what an NWB file says of its session.

    Parameters
    ----------
    path : Path
        The file.
    channels : sequence of str
        Names of the recording's channels.
    zero_s : float
        Of the first sample on the file's clock, in s.

    Returns
    -------
    NwbFacts

    Raises
    ------
    InputError
        As :func:`pipeline.ingest.hdf5.open_nwb`, and for tables that are damaged.
    """
    from pipeline.ingest.hdf5 import LIKELY, open_nwb
    from pipeline.ingest.reading import reading

    with open_nwb(path) as file, reading(path, "NWB tables", likely=LIKELY):
        tables = _tables(file)
        rows = [
            row
            for name, table in tables.items()
            if len(table["id"]) <= MOST_ROWS
            for row in _rows(table, name, zero_s)
        ]
        sex = _scalar(file, "general/subject/sex")
        return NwbFacts(
            animal=re.sub(
                r"[^A-Za-z0-9_-]+", "_", _scalar(file, "general/subject/subject_id")
            ).strip("_"),
            sex=sex if sex in _SEXES else "",
            start=_start(_scalar(file, "session_start_time"), zero_s),
            regions=_regions(file, channels),
            zero_s=zero_s,
            counts={name: len(table["id"]) for name, table in tables.items()},
            intervals=tuple(rows),
        )


def facts_said(facts: NwbFacts) -> list[str]:
    """Say in lines what was found: tables of intervals, and a clock that begins elsewhere."""
    said = []
    if facts.counts:
        counts = ", ".join(
            f"{name} {number}{'' if number <= MOST_ROWS else ' (too many to list)'}"
            for name, number in facts.counts.items()
        )
        said.append(f"intervals: {counts} (listed in intervals_found.tsv)")
    if abs(facts.zero_s) > 0.0005:
        said.append(
            f"first sample at {facts.zero_s:.3f} s of the file's clock: this is 0 in all tables"
        )
    return said


def _scalar(file: h5py.File, place: str) -> str:
    from pipeline.ingest.hdf5 import text

    return str(text(file[place][()])).strip() if place in file else ""


def _start(stated: str, zero_s: float) -> str:
    """Return the time of the first sample, as the clock on the lab's wall showed it."""
    try:
        moment = datetime.fromisoformat(stated)
    except ValueError:
        return ""
    first = moment.replace(tzinfo=None) + timedelta(seconds=zero_s)
    return first.isoformat(timespec="seconds")


def _regions(file: h5py.File, channels: Sequence[str]) -> dict[str, str]:
    from pipeline.ingest.hdf5 import plain_column
    from pipeline.ingest.units_nwb import ELECTRODES

    table = file.get(ELECTRODES)
    if table is None or "location" not in table or "id" not in table:
        return {}
    places = [str(place) for place in plain_column(table, "location") or []]
    for column in ("channel_name", "id"):
        names = [str(n) for n in (plain_column(table, column) or [])] if column in table else []
        if len(set(names)) == len(places) and set(channels) <= set(names):
            of = dict(zip(names, places, strict=True))
            found = {channel: of[channel].strip() for channel in channels}
            return {c: place for c, place in found.items() if place.casefold() not in _NO_REGION}
    return {}


def _tables(file: h5py.File) -> dict[str, h5py.Group]:
    """Return the tables of intervals and of events, by the names that a mapping would give them."""
    import h5py

    tables = {}
    for place, time in (("intervals", "start_time"), ("events", "timestamp")):
        for name, table in file.get(place, {}).items():
            if isinstance(table, h5py.Group) and {"id", time} <= set(table):
                tables[f"{place}/{name}"] = table
    return {n: t for n, t in tables.items() if n.partition("/")[2] not in _ELSEWHERE}


def _rows(table: h5py.Group, name: str, zero_s: float) -> list[dict[str, str]]:
    number = len(table["id"])
    starts = table["start_time" if "start_time" in table else "timestamp"][:]
    stops = table["stop_time"][:] if "stop_time" in table else [None] * number
    words = _words(table, number)
    several = len(words) > 1
    return [
        {
            "says": "; ".join(
                f"{column} {cells[i]}" if several else cells[i]
                for column, cells in words.items()
                if cells[i]
            ),
            "start_s": f"{start - zero_s:.3f}",
            "stop_s": "" if stop is None else f"{stop - zero_s:.3f}",
            "table": name,
        }
        for i, (start, stop) in enumerate(zip(starts, stops, strict=True))
    ]


def _words(table: h5py.Group, number: int) -> dict[str, list[str]]:
    """Return the cells of all columns but times, as text, where any row has one."""
    from pipeline.ingest.hdf5 import plain_column, ragged_column, table_columns, text

    words: dict[str, list[str]] = {}
    # "tags" is a column of its own right in every table of intervals, though not always listed
    for name in dict.fromkeys([*table_columns(table), *(["tags"] if "tags" in table else [])]):
        if name in (*_TIMES, "timeseries") or table[name].dtype.names:
            continue
        plain = plain_column(table, name)
        if plain is not None:
            cells = [_cell(value) for value in plain]
        elif f"{name}_index" in table and table[name].ndim == 1:
            cells = [
                ", ".join(_cell(text(value)) for value in row) for row in ragged_column(table, name)
            ]
        else:
            continue
        if len(cells) == number and any(cells):
            words[name] = cells
    return words


def _cell(value: Any) -> str:
    """Return a value on one line of a table; nothing for what is not known."""
    said = f"{value:g}" if isinstance(value, float) else str(value)
    return "" if said == "nan" else " ".join(said.split())
