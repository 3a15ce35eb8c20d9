"""Door of the behaviour logs: any format in, the canonical trial table out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.experiment.behaviour_mapping import (
    EVENT_READERS,
    MAPPABLE_COLUMNS,
    TIME_COLUMNS,
    BehaviourMapping,
    EventColumns,
)
from pipeline.experiment.strict import did_you_mean
from pipeline.ingest.adapters.event_log import EventLog
from pipeline.ingest.adapters.log_table import LogTable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

#: readers that need no mapping
READERS = ("columns", "nwb_trials", "bids", "fed3")


def read_behaviour(
    path: str | Path,
    format: str,
    mapping: BehaviourMapping | Mapping[str, object] | None = None,
    *,
    fields: Mapping[str, str] | None = None,
    starts_at_s: float = 0.0,
) -> pd.DataFrame:
    """Read one behaviour log as the canonical trial table.

    Parameters
    ----------
    path : path
        The log.
    format : str
        Name of the mapping in the config (for messages), or, without a mapping, a reader:
        ``columns``, ``nwb_trials``, ``bids`` or ``fed3``.
    mapping : BehaviourMapping or mapping, optional
        What columns, letters, codes, states and events mean. Without it, columns that carry the
        names of the trial table are taken as they are, ``start_time`` of NWB trials and ``onset``
        of BIDS are ``t_cue``, and each poke of a FED3 log is a trial.
    fields : mapping of str to str, optional
        What ``{session}``, ``{animal}`` ... in ``rows`` and ``sheet`` stand for.
    starts_at_s : float
        Seconds added to all times: the log's start on the session clock.

    Returns
    -------
    pandas.DataFrame
        One row per trial, in order: ``trial`` (the log's own number, else 1, 2, ...), ``t_cue``,
        ``t_init``, ``t_choice``, ``t_reward`` (s on the session clock, NaN where unknown),
        ``latency_choice`` (s; as logged, else ``t_choice - t_cue``), ``rule``, ``cue_side``,
        ``choice_side`` (left, right or ""; "" is an omission), ``correct`` (boolean; NA when
        omitted or not logged), ``omission`` (bool), ``rewarded`` (boolean, NA when not logged),
        ``task``, ``source_file``, ``source_row``, then the columns under ``keep``. What the design
        tables and the task say of a trial (subject, drug, previous rule, trial in set, ...) is
        joined later. ``attrs["warnings"]`` lists what the reader met (an array that was full, an
        unfinished last trial); ``attrs["pulses_s"]`` holds the sync pulses on the log's own clock
        when the mapping names a ``sync_event``.

    Raises
    ------
    InputError
        All problems of the file at once, each with row, column, value found and value expected.
    """
    from pipeline.ingest.trial_rules import trials_of_events
    from pipeline.ingest.trial_table import interpret

    path = Path(path)
    mapping = resolved_mapping(path, format, mapping, fields)
    if mapping.reader == "scored":
        raise InputError(
            f"{path}: '{format}' is a log of scored behaviour: bouts (read_scored), no trials"
        )
    log = _log(path, mapping)
    if isinstance(log, EventLog):
        table, meaning = trials_of_events(log, mapping)
    else:
        table, meaning = log, mapping if mapping.columns else _own_names(log, mapping.reader)
    if mapping.reader == "medpc":  # its 'rows' have chosen the session
        meaning = meaning.model_copy(update={"rows": {}})
    trials = interpret(table, meaning, starts_at_s=starts_at_s)
    # Plain lists: attributes are written to Parquet as JSON.
    if table.warnings:
        prefix = f"{table.file}: "  # whoever shows them says whose they are
        trials.attrs["warnings"] = [said.removeprefix(prefix) for said in table.warnings]
    if mapping.sync_event:
        trials.attrs["pulses_s"] = _pulses(path, log, mapping).tolist()
    return trials


#: the name under which the issue of formats knows it: ``read(path, format, mapping)``
read = read_behaviour


def read_pulses(
    path: str | Path,
    *,
    format: str,
    mapping: BehaviourMapping | Mapping[str, object],
    fields: Mapping[str, str] | None = None,
) -> np.ndarray:
    """Read the sync pulses that a behaviour log recorded.

    Parameters
    ----------
    path, format, mapping, fields
        As for :func:`read_behaviour`; the mapping names a ``sync_event``.

    Returns
    -------
    numpy.ndarray
        (pulse,) seconds on the log's own clock, in order: no ``time_offset_s``, no
        ``starts_at_s``.

    Raises
    ------
    InputError
        When the mapping names no sync event, the log has none of it, or its clock is too coarse.
    """
    path = Path(path)
    mapping = resolved_mapping(path, format, mapping, fields)
    if not mapping.sync_event:
        raise InputError(f"{path}: the mapping '{format}' names no sync_event: which event is it?")
    return _pulses(path, _log(path, mapping, pulses=True), mapping)


def _pulses(path: Path, log: EventLog | LogTable, mapping: BehaviourMapping) -> np.ndarray:
    import numpy as np

    from pipeline.ingest.trial_cells import CellReader

    name = mapping.sync_event
    if mapping.reader == "fed3":
        raise InputError(
            f"{path}: sync_event: a FED3 log has times in whole seconds; no clock can be aligned "
            "to it. Record the device's output on the recording system instead"
        )
    if mapping.reader == "medpc" and isinstance(log, LogTable):
        log = _log(path, mapping, pulses=True)
    if isinstance(log, EventLog):
        times = [e.time_s for e in log.events if e.kind == "event" and e.name == name]
        known = sorted({e.name for e in log.events if e.kind == "event"} | set(log.declared))
        rows = [e.row for e in log.events if e.kind == "event" and e.name == name]
    else:
        known = list(log.columns)
        times, rows = [], []
        if name in log.columns:
            rows = list(log.rows)
            reader = CellReader(log, mapping.model_copy(update={"columns": {"t_cue": name}}))
            unit = mapping.seconds_per_unit
            times = [float("nan") if t is None else t * unit for t in reader.column("t_cue")]
            if reader.problems:
                raise InputError("; ".join(str(problem) for problem in reader.problems))
    kept = [(time, row) for time, row in zip(times, rows, strict=True) if time == time]
    if not kept:
        raise InputError(
            f"{path}: sync_event: found none of '{name}'{did_you_mean(name, known)} among "
            f"{', '.join(known[:25]) or 'no events'}"
        )
    pulses = np.array([time for time, _ in kept])
    back = np.flatnonzero(np.diff(pulses) <= 0)
    if len(back):
        raise InputError(
            f"{path}: row {kept[back[0] + 1][1]}: found the pulse '{name}' at "
            f"{pulses[back[0] + 1]:g} s after one at {pulses[back[0]]:g} s; expected growing times"
        )
    return pulses


def resolved_mapping(
    path: Path,
    format: str,
    mapping: BehaviourMapping | Mapping[str, object] | None,
    fields: Mapping[str, str] | None,
) -> BehaviourMapping:
    """Return the mapping to read a log with: checked, and with the session's own values.

    Without a mapping ``format`` names a reader that needs none.
    """
    if mapping is None:
        if format not in READERS:
            raise InputError(
                f"{path}: behaviour_format: found '{format}'{did_you_mean(format, READERS)}; "
                "expected a name under behaviour: {formats: ...} of the config, or "
                f"{' or '.join(READERS)}"
            )
        if format == "fed3":
            return BehaviourMapping(reader="fed3")
        # Unchecked: the columns of this very log are looked at before they get their meaning.
        return BehaviourMapping.model_construct(reader=format)  # type: ignore[arg-type]
    if isinstance(mapping, Mapping):
        mapping = BehaviourMapping.model_validate(mapping)
    return _filled_in(mapping, fields or {}, path)


def _log(path: Path, mapping: BehaviourMapping, *, pulses: bool = False) -> EventLog | LogTable:
    """Read a log with the reader of its mapping; ``pulses`` asks for the events of a MED-PC file.

    Each adapter is imported when it is needed.
    """
    if mapping.reader == "medpc":
        from pipeline.ingest.adapters.medpc_arrays import read_medpc_events, read_medpc_trials

        events = mapping.event_log or pulses
        return (read_medpc_events if events else read_medpc_trials)(path, mapping)
    if mapping.reader == "fed3":
        from pipeline.ingest.adapters.fed3 import read_fed3

        return read_fed3(path)
    if mapping.reader == "nwb_trials":
        from pipeline.ingest.adapters.nwb_trials import read_nwb_trials

        return read_nwb_trials(path, table=mapping.table)
    if mapping.reader in EVENT_READERS:
        return _event_log(path, mapping)
    table = _columns(path, mapping)
    if not mapping.event_log:
        return table
    from pipeline.ingest.adapters.event_table import events_of_table
    from pipeline.ingest.trial_table import kept_rows

    columns = mapping.events or EventColumns(time="onset", name="trial_type")
    return events_of_table(kept_rows(table, mapping), columns, mapping)


def _event_log(path: Path, mapping: BehaviourMapping) -> EventLog:
    if mapping.reader == "pycontrol":
        from pipeline.ingest.adapters.pycontrol import read_pycontrol

        return read_pycontrol(path, rows=mapping.rows)
    if mapping.rows:
        raise InputError(
            f"{path}: rows: found {', '.join(mapping.rows)}; a log of reader: {mapping.reader} is "
            "one session: expected no 'rows'"
        )
    if mapping.reader == "bpod":
        from pipeline.ingest.adapters.bpod import read_bpod

        named = [*(mapping.trials.events if mapping.trials else ()), mapping.sync_event]
        return read_bpod(path, named=named)
    from pipeline.ingest.adapters.nwb_events import read_nwb_events

    return read_nwb_events(path, table=mapping.table, columns=mapping.events)


def _columns(path: Path, mapping: BehaviourMapping) -> LogTable:
    if mapping.reader == "bids":
        from pipeline.ingest.adapters.bids import read_bids

        timed = (*TIME_COLUMNS, "latency_choice")
        return read_bids(path, times={"onset", *(mapping.columns.get(t, "") for t in timed)})
    from pipeline.ingest.adapters.columns import read_columns

    return read_columns(
        path,
        header_row=mapping.header_row,
        delimiter=mapping.delimiter,
        sheet=mapping.sheet,
        expected=mapping.columns.values() or MAPPABLE_COLUMNS,
    )


def _own_names(table: LogTable, reader: str) -> BehaviourMapping:
    """Return the mapping of a log that uses the names of the trial table itself."""
    columns = {name: name for name in MAPPABLE_COLUMNS if name in table.columns}
    onset = {"nwb_trials": "start_time", "bids": "onset"}.get(reader)
    if onset in table.columns:
        columns.setdefault("t_cue", str(onset))
    if not {"choice_side", "correct"} & set(columns):
        raise InputError(
            f"{table.file}: found columns {', '.join(table.columns)}; expected choice_side or "
            "correct among them, or a mapping under behaviour: {formats: ...} of the config that "
            "says what they mean"
        )
    return BehaviourMapping.model_validate({"reader": reader, "columns": columns})


def _filled_in(
    mapping: BehaviourMapping, fields: Mapping[str, str], path: Path
) -> BehaviourMapping:
    """Put the session's own values in place of ``{session}``, ``{animal}`` ..."""

    def fill(text: str) -> str:
        # No str.format: a field is a name, never an expression.
        unknown = [name for name in re.findall(r"\{(\w+)\}", text) if name not in fields]
        if unknown:
            raise InputError(
                f"{path}: behaviour mapping: found '{{{unknown[0]}}}' in '{text}'"
                f"{did_you_mean(unknown[0], fields)}; expected one of {', '.join(fields) or 'none'}"
            )
        return re.sub(r"\{(\w+)\}", lambda match: fields[match[1]], text)

    return mapping.model_copy(
        update={
            "rows": {column: fill(value) for column, value in mapping.rows.items()},
            "sheet": fill(mapping.sheet) if mapping.sheet is not None else None,
        }
    )
