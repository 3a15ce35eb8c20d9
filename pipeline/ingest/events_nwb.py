"""Events of NWB files, wherever labs keep them: there is no single place for TTL pulses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.ingest.events_files import marker_pulses
from pipeline.ingest.events_words import Pulses, pair_edges, split_lines, word_changes
from pipeline.ingest.hdf5 import text

if TYPE_CHECKING:
    import h5py
    import numpy as np

#: types of tables with one event per row, in NWB itself and in the ndx-events extension
_TABLES = ("EventsTable", "TtlsTable")
#: types with ``timestamps`` and, where labelled, indices into labels
_LISTS = ("Events", "LabeledEvents", "TTLs")
#: values of a series that are read at once
_CHUNK = 1 << 20


def nwb_events(file: h5py.File, *, start_s: float, stream: str) -> list[Pulses]:
    """Read every container of events of an NWB file.

    ============================  ============================================================
    EventsTable, TtlsTable        one line, called as the table; ends where ``duration`` is there
    TTLs, LabeledEvents, Events   one line per label, called "container/label"
    IntervalSeries                +1 and -1 begin and end a pulse
    AnnotationSeries              one line per text
    TimeSeries of 0 and one other
    value                         a line's level
    ============================  ============================================================

    Intervals (trials, epochs) are read as behaviour, other series are signals.

    Parameters
    ----------
    file : h5py.File
        Open.
    start_s : float
        Time of the analysed stream's first sample on the file's clock.
    stream : str
        The analysed stream; NWB has one clock.

    Raises
    ------
    InputError
        Times that are no numbers or run backwards, as many times as data nowhere.
    """
    found: list[Pulses] = []
    for group in _groups(file):
        kind = str(text(group.attrs.get("neurodata_type", "")))
        if kind in _TABLES:
            found += _table(group, stream)
        elif kind in _LISTS:
            found += _list(group, stream)
        elif kind == "IntervalSeries":
            found += _intervals(group, stream)
        elif kind == "AnnotationSeries":
            times = _times(group["timestamps"])
            said = [str(text(value)) for value in group["data"][:]]
            found += marker_pulses(_rows(group, said, times), stream)
        elif kind == "TimeSeries":
            found += _levels(group, stream)
    return [Pulses(item.line, item.on - start_s, item.off - start_s, item.clock) for item in found]


def _groups(file: h5py.File) -> Iterator[h5py.Group]:
    """Yield every group below the places where NWB keeps data, in order of name."""
    import h5py

    waiting = [
        file[name] for name in ("stimulus", "processing", "events", "acquisition") if name in file
    ]
    while waiting:
        group = waiting.pop()
        yield group
        names = [name for name in group if isinstance(group.get(name, getlink=True), h5py.HardLink)]
        waiting += [group[name] for name in names if isinstance(group[name], h5py.Group)]


def _name(group: h5py.Group) -> str:
    return group.name.rpartition("/")[2]


def _times(data: h5py.Dataset) -> np.ndarray:
    """Return times in seconds; they must be numbers that do not fall."""
    import numpy as np

    times = np.asarray(data[:], dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(times))
    if not len(wrong):
        wrong = np.flatnonzero(np.diff(times) < 0) + 1
    if len(wrong):
        place = int(wrong[0])
        before = f" after {times[place - 1]:g}" if place else ""
        raise InputError(
            f"{data.file.filename}: {data.name}: row {place}: found {times[place]:g}{before}; "
            "expected seconds in order of time: the clock was reset, or the rows were not sorted"
        )
    return times


def _rows(group: h5py.Group, lines: list[str], times: np.ndarray) -> list[tuple[str, float, None]]:
    if len(lines) != len(times):
        raise InputError(
            f"{group.file.filename}: {group.name}: found {len(lines)} values for {len(times)} "
            "timestamps; expected one for each"
        )
    return [(line, time, None) for line, time in zip(lines, times.tolist(), strict=True)]


def _table(group: h5py.Group, stream: str) -> list[Pulses]:
    import numpy as np

    name = "timestamp" if "timestamp" in group else "timestamps"
    if name not in group:
        raise InputError(f"{group.file.filename}: {group.name}: found no column timestamp")
    on = _times(group[name])
    off = np.full(len(on), np.nan)
    if "duration" in group:
        off = on + np.asarray(group["duration"][:], dtype=np.float64)
    return [Pulses(_name(group), on, off, stream)]


def _list(group: h5py.Group, stream: str) -> list[Pulses]:
    times = _times(group["timestamps"])
    if "data" not in group:
        return marker_pulses(_rows(group, [_name(group)] * len(times), times), stream)
    data = group["data"]
    labels = [str(text(label)) for label in data.attrs.get("labels", ())]
    codes = [int(code) for code in data[:]]
    said = [labels[code] if 0 <= code < len(labels) else str(code) for code in codes]
    return marker_pulses(_rows(group, [f"{_name(group)}/{label}" for label in said], times), stream)


def _intervals(group: h5py.Group, stream: str) -> list[Pulses]:
    """Return +k as the beginning and -k as the end of a pulse of line k."""
    import numpy as np

    times, states = _times(group["timestamps"]), np.asarray(group["data"][:], dtype=np.int64)
    if len(times) != len(states):
        _rows(group, [""] * len(states), times)
    kinds = np.unique(np.abs(states)).tolist()
    found = []
    for kind in kinds:
        mine = np.abs(states) == kind
        on, off = pair_edges(times[mine], states[mine] > 0)
        line = _name(group) if len(kinds) == 1 else f"{_name(group)}/{kind}"
        found.append(Pulses(line, on, off, stream))
    return found


def _levels(group: h5py.Group, stream: str) -> list[Pulses]:
    """Return the pulses of a series that is 0 or one other value; nothing for other series."""
    import numpy as np

    data = group.get("data")
    if data is None or data.ndim != 1 or data.dtype.kind not in "biu" or not len(data):
        return []
    high: set[int] = set()
    for piece in _pieces(data):
        high |= set(np.unique(piece).tolist()) - {0}
        # More than one level above zero is a signal (speed, a word of several lines).
        if len(high) > 1 or min(high, default=1) < 0:
            return []
    changes = word_changes((piece != 0 for piece in _pieces(data)), mask=1)
    if "timestamps" in group:
        times = _times(group["timestamps"])
        if len(times) != len(data):
            _rows(group, [""] * len(data), times)
        edges = times[changes.samples]
    else:
        start = group["starting_time"]
        edges = float(start[()]) + changes.samples / float(start.attrs["rate"])
    return [
        Pulses(item.line, item.on, item.off, stream)
        for item in split_lines(changes.first, edges, changes.words, lines={_name(group): 0})
    ]


def _pieces(data: h5py.Dataset) -> Iterator[np.ndarray]:
    for first in range(0, len(data), _CHUNK):
        yield data[first : first + _CHUNK]
