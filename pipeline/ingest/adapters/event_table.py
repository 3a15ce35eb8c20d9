"""Tables with one row per event: CSV, TSV, Excel and BIDS."""

from __future__ import annotations

from pipeline.errors import ExperimentError, InputError, Problem
from pipeline.experiment.behaviour_mapping import BehaviourMapping, EventColumns, cell_key
from pipeline.experiment.strict import did_you_mean
from pipeline.ingest.adapters.event_log import Event, EventLog
from pipeline.ingest.adapters.log_table import LogTable
from pipeline.ingest.trial_cells import CellReader, shown


def events_of_table(table: LogTable, columns: EventColumns, mapping: BehaviourMapping) -> EventLog:
    """Take the rows of a table as events.

    Parameters
    ----------
    table : LogTable
        Rows that the mapping keeps.
    columns : EventColumns
        Which columns hold time, name and value; a row with a value sets the variable of that name.
    mapping : BehaviourMapping
        Its unit of time and names of codes.

    Returns
    -------
    EventLog
        In the table's order; rows as the lab counts them.

    Raises
    ------
    InputError
        Missing columns; times that are blank or no numbers; rows without a name.
    """
    wanted = [columns.time, columns.name, *([columns.value] if columns.value else [])]
    for name in wanted:
        if name not in table.columns:
            raise InputError(
                f"{table.file}: found columns {', '.join(table.columns)}; expected '{name}'"
                f"{did_you_mean(name, table.columns)} (events)"
            )
    reader = CellReader(table, mapping.model_copy(update={"columns": {"t_cue": columns.time}}))
    times = reader.column("t_cue")
    problems = reader.problems
    index = {name: table.columns.index(name) for name in wanted}
    events = []
    for time, row, cells in zip(times, table.rows, table.cells, strict=True):
        code = cell_key(cells[index[columns.name]])
        value = shown(cells[index[columns.value]]).strip() if columns.value else ""
        for column, wrong in (
            (columns.time, time is not None and time != time),
            (columns.name, not code),
        ):
            if wrong:
                problems.append(
                    Problem(
                        table.file, f"row {row}, column {column}", "a blank", "expected a value"
                    )
                )
        if time is None:
            continue
        kind = "variable" if value else "event"
        name = mapping.codes.get(code, code)
        events.append(Event(time * mapping.seconds_per_unit, name, row, kind, value))  # type: ignore[arg-type]
    if problems:
        raise ExperimentError(problems[:10])
    return EventLog(table.file, tuple(events), row_word="row", warnings=table.warnings)
