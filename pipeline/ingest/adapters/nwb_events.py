"""Events of an NWB file: its EventsTables (NWB 2.9 and later, or the extension before it)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.experiment.behaviour_mapping import EventColumns, cell_key
from pipeline.experiment.strict import did_you_mean
from pipeline.ingest.adapters.event_log import Event, EventLog
from pipeline.ingest.hdf5 import LIKELY, open_nwb, plain_column, text
from pipeline.ingest.reading import reading

if TYPE_CHECKING:
    import h5py

TYPES = ("EventsTable", "NdxEventsTable")
TIME = "timestamp"


def read_nwb_events(
    path: str | Path, *, table: str = "", columns: EventColumns | None = None
) -> EventLog:
    """Read the events of an NWB file.

    Parameters
    ----------
    path : path
        NWB 2 file.
    table : str
        The only table to read, as its path in the file; without it, all tables of events.
    columns : EventColumns, optional
        Columns with times, names and values. Without it an event is called as its table, because
        NWB keeps one kind of event per table.

    Returns
    -------
    EventLog
        In the order of time (NWB does not demand it of the tables); seconds on the file's clock;
        rows count within each table.

    Raises
    ------
    InputError
        No such table or column, times that are not finite.
    """
    path = Path(path)
    events: list[Event] = []
    with open_nwb(path) as file, reading(path, "NWB events", likely=LIKELY):
        found = _tables(file)
        if table and f"/{table.strip('/')}" not in found:
            raise InputError(
                f"{path}: found tables of events {', '.join(found) or 'none'}; expected '{table}'"
                f"{did_you_mean(table, found)}"
            )
        if not found:
            raise InputError(f"{path}: found no EventsTable; is this the file of the behaviour?")
        chosen = [f"/{table.strip('/')}"] if table else found
        for name in chosen:
            events += _events(path, file[name], columns)
    events.sort(key=lambda event: event.time_s)
    return EventLog(path.name, tuple(events), row_word="row")


def _tables(file: h5py.File) -> list[str]:
    import h5py

    names: list[str] = []

    def look(name: str, item: object) -> None:
        if isinstance(item, h5py.Group) and text(item.attrs.get("neurodata_type", "")) in TYPES:
            names.append(f"/{name}")

    file.visititems(look)
    return sorted(names)


def _events(path: Path, table: h5py.Group, columns: EventColumns | None) -> list[Event]:
    own = str(table.name).rsplit("/", 1)[-1]
    wanted = {"time": columns.time if columns else TIME}
    if columns:
        wanted["name"] = columns.name
        wanted |= {"value": columns.value} if columns.value else {}
    said = {}
    for use, column in wanted.items():
        values = plain_column(table, column) if column in table else None
        if values is None:
            names = [name for name in table if name != "id"]
            raise InputError(
                f"{path}: {table.name}: found columns {', '.join(names)}; expected '{column}' with "
                f"one value per event{did_you_mean(column, names)}"
            )
        said[use] = values
    if len({len(values) for values in said.values()}) > 1:
        raise InputError(f"{path}: {table.name}: found columns of different length; {LIKELY}")
    events = []
    for index, time in enumerate(said["time"]):
        if not isinstance(time, int | float) or not math.isfinite(time):
            raise InputError(
                f"{path}: {table.name}: row {index + 1}: found {time}; expected a time in seconds"
            )
        name = cell_key(said["name"][index]) if "name" in said else own
        value = cell_key(said["value"][index]) if "value" in said else ""
        kind = "variable" if value else "event"
        events.append(Event(float(time), name, index + 1, kind, value))  # type: ignore[arg-type]
    return events
