"""The tables of the configuration reference: columns from the schemas, their meaning from here.

A test holds the words beside :data:`pipeline.experiment.tables.SCHEMAS`: a column without a
meaning, or a meaning without a column, fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.experiment.tables import (
    SCHEMAS,
    CellError,
    Column,
    dose,
    flag,
    label,
    moment,
    name,
    number,
    text,
)

_READERS: dict[Callable[[str], Any], str] = {
    text: "text",
    label: "text",
    name: "name: letters, digits, `_`, `-`",
    number: "number, with a decimal point",
    dose: "number of at least 0",
    moment: "ISO date and time, such as `2026-03-01T09:30:00`",
    flag: "yes or no",
}
#: table -> what one row is
ROWS = {
    "sessions": "One row per visit of one animal. Columns of your own become factors.",
    "administrations": "One row per dose of one compound to one animal.",
    "contexts": "One row per stretch of time in one context, on the session clock.",
    "channels": "One row per channel, of an animal or of a session.",
    "recordings": "Only with several recording files per session: one row per file.",
    "behaviours": "Only with several behaviour logs per session: one row per log.",
    "measurements": "One row per value that was measured elsewhere, declared under "
    "`outcomes.declare`.",
}
#: table -> column -> meaning
COLUMN_WORDS: dict[str, dict[str, str]] = {
    "sessions": {
        "session": "Name of the session; once only",
        "animal": "Name of the animal",
        "sex": "As you write it; may be asked about as a modifier",
        "cohort": "Animals that were run together",
        "cage": "Home cage; the unit of tests with `design.unit: cage`",
        "start": "When the session began; phases in days, and the order of sessions, need it",
        "stage": "preparation, dosing, integration, or your own words",
        "recording": "File or folder of the recording; blank: none",
        "recording_format": "`auto` tells it from the files",
        "sorting": "File or folder of sorted units; blank: those in the recording's own file, "
        "if any",
        "behaviour": "File of the behaviour log; blank: none",
        "behaviour_format": "Name of a mapping under `behaviour.formats`",
        "movement": "File of speeds or of a track; blank: none",
        "exclude": "Reason to leave the session out; blank: it is analysed",
    },
    "administrations": {
        "animal": "Name of the animal",
        "session": "Session in which it was given; blank: outside any session, with `datetime`",
        "time_s": "Seconds on the session clock",
        "datetime": "Date and time, for a dose outside a session",
        "drug": "Name of the compound, as `design.conditions` names it",
        "dose_mg_per_kg": "Dose; blank: not known",
        "route": "As you write it: i.p., s.c.",
        "role": "`test`: phases are counted from it; `pretreatment`: an antagonist or its "
        "vehicle; `sham`: opens a control period",
        "dosing_context": "Where the animal was when it was dosed",
    },
    "contexts": {
        "session": "Name of the session",
        "context": "One of `design.contexts`",
        "start_s": "Start, seconds on the session clock; blank with `stop_s`: the whole session",
        "stop_s": "End",
    },
    "channels": {
        "session": "Session that the row holds for; blank: all sessions of the animal",
        "animal": "Animal that the row holds for; blank with `session`: all animals",
        "channel": "Name of the channel, as the recording has it",
        "region": "Brain region; outcomes are named after it",
        "shank": "Shank or tetrode; neighbours on it make bipolar derivations",
        "bad": "Whether to leave the channel out",
    },
    "recordings": {
        "session": "Name of the session",
        "file": "File or folder of the recording",
        "format": "`auto` tells it from the files",
        "starts_at_s": "Its first sample on the session clock, seconds",
        "probe": "Name of the probe, where several record at once",
        "stream": "Stream to read, where the recording has several",
        "sorting": "File or folder of its sorted units",
    },
    "behaviours": {
        "session": "Name of the session",
        "file": "File of the log",
        "format": "Name of a mapping under `behaviour.formats`",
        "starts_at_s": "Its zero on the session clock, seconds; not with `sync.line`",
        "task": "Name of the task, where the log does not say it",
    },
    "measurements": {
        "animal": "Name of the animal",
        "session": "Session that the value belongs to",
        "outcome": "Name, as declared under `outcomes.declare`",
        "value": "The value, in the declared unit",
        "censored": "Whether the true value is at least this one (an event not seen by then)",
        "context": "One of `design.contexts`; may be blank where the session has only one",
        "phase": "One of `design.phases`",
    },
}


def cell_words(column: Column) -> str:
    """Return what a cell of a column must hold, in words."""
    known = _READERS.get(column.read)
    if known is not None:
        return known
    try:
        column.read("\0")
    except CellError as error:
        return str(error).removesuffix(" is expected")
    raise TypeError("a reader of cells that takes anything, and has no words: add them here")


def _row(table: str, heading: str, column: Column) -> str:
    blank = "required" if column.required else "may be blank"
    if column.default not in (None, "", False):
        blank = f"blank: `{column.default}`"
    words = COLUMN_WORDS[table][heading]
    return f"| `{heading}` | {cell_words(column)} | {blank} | {words} |"


def tables_section() -> str:
    """Return the part of the page on the tables."""
    parts = [
        "## The tables\n",
        "Tab- or comma-separated text with a header; a blank cell is empty or `n/a`. Columns may "
        "stand in any order, and those that may be blank may be left out.\n",
    ]
    for table, schema in SCHEMAS.items():
        parts += [
            f"### `{table}.tsv`\n",
            f"{ROWS[table]}\n",
            "| column | cells | if blank | meaning |",
            "|---|---|---|---|",
            *(_row(table, heading, column) for heading, column in schema.items()),
            "",
        ]
    return "\n".join(parts)
