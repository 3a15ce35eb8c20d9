"""What the columns, letters and codes of a lab's behaviour log mean: the part of the config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.experiment.behaviour_medpc import MedPcOptions
from pipeline.experiment.behaviour_rules import TrialRules
from pipeline.experiment.behaviour_scored import ScoredOptions
from pipeline.experiment.strict import StrictModel, did_you_mean

#: columns of the canonical trial table that hold seconds on the session clock
TIME_COLUMNS = ("t_cue", "t_init", "t_choice", "t_reward")
#: columns that hold a side of the box
SIDE_COLUMNS = ("cue_side", "choice_side")
#: columns that hold yes or no
YES_NO_COLUMNS = ("correct", "omission", "rewarded")
#: every column that a mapping may name; ``time`` is a shorthand for ``t_cue``
MAPPABLE_COLUMNS = (
    "trial",
    *TIME_COLUMNS,
    "latency_choice",
    "rule",
    *SIDE_COLUMNS,
    *YES_NO_COLUMNS,
    "task",
)
#: the word for "no response" in ``values``
OMISSION = "omission"
#: readers of logs in which events follow each other; ``trials`` makes trials of them
EVENT_READERS = ("pycontrol", "bpod", "nwb_events")
#: readers whose files state their own unit of time
OWN_UNIT = ("nwb_trials", "nwb_events", "bids", "pycontrol", "bpod", "fed3")
#: what the columns of some readers mean unless the lab says otherwise
READER_COLUMNS: dict[str, dict[str, str]] = {
    "fed3": {
        "t_choice": "seconds",
        "t_reward": "pellet_seconds",
        "rule": "Active_Poke",
        "choice_side": "Event",
        "correct": "correct",
        "rewarded": "rewarded",
    }
}
READER_VALUES: dict[str, dict[str, dict[str, bool | str]]] = {
    "fed3": {
        "choice_side": {"Left": "left", "Right": "right"},
        "rule": {"Left": "left", "Right": "right"},
    }
}


def cell_key(cell: object) -> str:
    """Return the text under which a cell, or a key of ``values``, is looked up.

    A spreadsheet writes one and the same code as ``1``, ``1.0`` or ``TRUE``, and YAML reads
    ``yes`` as true: all spellings of a whole number, and of true and false, become one.
    """
    if cell is None:
        return ""
    text = str(cell).strip()
    if text.casefold() in ("true", "false"):
        return text.casefold()
    # Python reads 1_2 as 12; here it is a name.
    if "_" in text:
        return text
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() else text


class EventColumns(StrictModel):
    """Columns of a table with one row per event."""

    time: str = Field(description="Column of the time")
    name: str = Field(description="Column that says what happened")
    value: str = Field("", description="Column of a value: such a row sets the variable 'name'")


class BehaviourMapping(StrictModel):
    """How one kind of behaviour log becomes the canonical trial table."""

    reader: Literal[
        "columns",
        "nwb_trials",
        "nwb_events",
        "bids",
        "medpc",
        "pycontrol",
        "bpod",
        "fed3",
        "scored",
    ] = Field(
        "columns",
        description="columns: a CSV, TSV or Excel file with one row per trial (or per event, see "
        "'events'); nwb_trials: the trials table of an NWB file; nwb_events: its EventsTables; "
        "bids: events.tsv or beh.tsv; medpc, pycontrol, bpod, fed3: the files of these rigs; "
        "scored: bouts of behaviour that a person scored, as BORIS exports them",
    )
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="Column of the log for each column of the trial table: "
        + ", ".join(MAPPABLE_COLUMNS)
        + "; 'time' means t_cue. What is left out stays empty",
    )
    values: dict[str, dict[str, bool | str]] = Field(
        default_factory=dict,
        description="Meaning of the cells, by column of the trial table: {choice_side: {L: left, "
        "R: right, '': omission}, correct: {1: true, 0: false}, rule: {A: light}}. Without it, "
        "sides read left, right or blank, and yes/no columns 1, 0, true or false",
    )
    time_unit: Literal["s", "ms"] = Field("s", description="Unit of all times and latencies")
    time_offset_s: float = Field(
        0.0,
        allow_inf_nan=False,
        description="Seconds added to every time: the log's zero on the session clock",
    )
    rows: dict[str, str] = Field(
        default_factory=dict,
        description="Keep only rows with this value in this column of the log; {session} and "
        "{animal} are filled in: {Rat: '{animal}', Visit: '{session}'}",
    )
    sheet: str | None = Field(
        None, description="Sheet of an Excel file; {session} and {animal} are filled in"
    )
    header_row: int = Field(1, ge=1, description="Row that holds the column names, from 1")
    delimiter: Literal["auto", ",", ";", "\t"] = Field(
        "auto", description="What separates the columns of a text file"
    )
    table: str = Field(
        "",
        description="nwb_trials: another table of intervals (intervals/runs); nwb_events: the one "
        "table of events to read (events/lever)",
    )
    events: EventColumns | None = Field(
        None,
        description="columns, bids: the table has one row per event, and 'trials' makes trials; "
        "nwb_events: which columns hold time and name (else: timestamp, and the table's own name)",
    )
    codes: dict[str, str] = Field(
        default_factory=dict,
        description="Names of event codes, for 'trials' and sync_event: {1: lick, 4: port_out}; "
        "other codes keep their number as name",
    )
    trials: TrialRules | None = Field(None, description="How events become trials")
    medpc: MedPcOptions | None = Field(None, description="What the letters of MED-PC hold")
    scored: ScoredOptions | None = Field(None, description="What a log of scored behaviour means")
    sync_event: str = Field(
        "",
        description="Event of each sync pulse, on the log's own clock; in a table with one row "
        "per trial, the column of its times",
    )
    task: str = Field("", description="Name of the task, where no column gives it")
    rule: str = Field(
        "",
        description="Rule of all trials, where no column gives it: a task of one rule, as "
        "flexibility.task.rules names it; for logs of events: trials.first_rule",
    )
    keep: tuple[str, ...] = Field(
        (), description="Further columns of the log to keep, as text, under their own names"
    )

    @model_validator(mode="before")
    @classmethod
    def _meanings_of_the_reader(cls, data: Any) -> Any:
        """Fill in what the columns of a reader mean, where the lab says nothing."""
        reader = data.get("reader") if isinstance(data, Mapping) else None
        if not isinstance(reader, str) or reader not in READER_COLUMNS:
            return data
        columns = data.get("columns") or READER_COLUMNS[reader]
        own = READER_COLUMNS[reader].items()
        kept = {name for name, column in own if columns.get(name) == column}
        values = {k: v for k, v in READER_VALUES[reader].items() if k in kept}
        return {**data, "columns": columns, "values": {**values, **(data.get("values") or {})}}

    @field_validator("codes", mode="before")
    @classmethod
    def _codes_as_text(cls, codes: Any) -> Any:
        if not isinstance(codes, Mapping):
            return codes
        return {cell_key(code): str(name) for code, name in codes.items()}

    @field_validator("rows", mode="before")
    @classmethod
    def _rows_as_text(cls, rows: Any) -> Any:
        if not isinstance(rows, Mapping):
            return rows
        return {str(column): cell_key(value) for column, value in rows.items()}

    @field_validator("values", mode="before")
    @classmethod
    def _keys_as_text(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        return {
            str(column): {cell_key(key): _meaning(value) for key, value in meanings.items()}
            if isinstance(meanings, Mapping)
            else meanings
            for column, meanings in values.items()
        }

    @field_validator("columns")
    @classmethod
    def _known_columns(cls, columns: dict[str, str]) -> dict[str, str]:
        if "time" in columns and "t_cue" in columns:
            raise ValueError("'time' means t_cue: give one of the two")
        known = (*MAPPABLE_COLUMNS, "time")
        unknown = [f"'{name}'{did_you_mean(name, known)}" for name in columns if name not in known]
        if unknown:
            raise ValueError(
                f"unknown trial column {', '.join(unknown)}; known: {', '.join(known)}; the lab's "
                "own columns belong under 'keep'"
            )
        return {"t_cue" if name == "time" else name: column for name, column in columns.items()}

    @field_validator("keep")
    @classmethod
    def _own_names(cls, keep: tuple[str, ...]) -> tuple[str, ...]:
        taken = {*MAPPABLE_COLUMNS, "source_file", "source_row"} & set(keep)
        if taken:
            raise ValueError(
                f"{sorted(taken)} are columns of the trial table: name them under 'columns'"
            )
        return keep

    @property
    def event_log(self) -> bool:
        """Whether the log is read as events, of which ``trials`` makes trials."""
        if self.reader == "medpc":
            return not (self.medpc and self.medpc.blocks)
        if self.reader == "bids" and self.trials:  # its columns have fixed names
            return True
        return self.reader in EVENT_READERS or self.events is not None

    @property
    def seconds_per_unit(self) -> float:
        """Seconds per unit of the log's times."""
        if self.medpc and self.medpc.ticks_per_s:
            return 1 / self.medpc.ticks_per_s
        return 0.001 if self.time_unit == "ms" else 1.0

    @model_validator(mode="after")
    def _sections_of_the_reader(self) -> BehaviourMapping:
        for section, reader in (("medpc", "medpc"), ("scored", "scored")):
            given = getattr(self, section) is not None
            if given != (self.reader == reader):
                raise ValueError(
                    f"the section '{section}' and reader: {reader} go together; found reader: "
                    f"{self.reader} {'with' if given else 'without'} it"
                )
        if self.events and self.reader not in ("columns", "bids", "nwb_events"):
            raise ValueError(f"'events' is for tables of events, not for reader: {self.reader}")
        if self.codes and self.reader in ("pycontrol", "bpod"):
            raise ValueError(f"'codes': events of reader: {self.reader} have names, no codes")
        if self.table and self.reader not in ("nwb_trials", "nwb_events"):
            raise ValueError("'table' is for tables of NWB files")
        if self.time_unit != "s" and self.reader in OWN_UNIT:
            raise ValueError(f"time_unit: files of reader: {self.reader} state their own unit")
        if self.medpc and self.medpc.ticks_per_s and self.time_unit != "s":
            raise ValueError("give time_unit or medpc.ticks_per_s, not both")
        if self.event_log != (self.trials is not None):
            raise ValueError(
                "a log of events needs 'trials': which events make a trial"
                if self.event_log
                else "'trials' makes trials of events, and this log has one row per trial"
            )
        if self.rule and self.event_log:
            raise ValueError("rule: a log of events has its rule under trials: first_rule")
        if self.rule and "rule" in self.columns:
            raise ValueError("give rule or columns.rule, not both")
        if self.event_log and self.columns:
            raise ValueError("'columns' is for one row per trial; 'trials' says what events mean")
        if self.event_log and self.keep:
            raise ValueError("'keep' is for columns of tables with one row per trial")
        return self

    @model_validator(mode="after")
    def _meanings_that_exist(self) -> BehaviourMapping:
        if self.reader == "scored":
            if self.columns or self.values or self.sync_event:
                raise ValueError("reader: scored takes its columns and words under 'scored'")
            return self
        named: Mapping[str, str] = self.columns
        if self.trials:
            named = self.trials.variables | self.trials.printed
        elif not {"choice_side", "correct"} & set(named):
            raise ValueError("columns must name choice_side or correct: else nothing is scored")
        for column, meanings in self.values.items():
            if column not in named:
                raise ValueError(
                    f"values.{column}: {'trials' if self.trials else 'columns'} does not name "
                    f"{column}{did_you_mean(column, named)}"
                )
            allowed = _allowed_meanings(column)
            wrong = [value for value in meanings.values() if allowed and value not in allowed]
            if wrong:
                raise ValueError(
                    f"values.{column}: {wrong[0]!r} is not one of "
                    f"{', '.join(map(repr, allowed or ()))}"
                )
        return self


def _meaning(value: object) -> object:
    """Return what a cell means: true, false or a word; YAML's empty value is ''."""
    if isinstance(value, bool):
        return value
    key = cell_key(value)
    return {"true": True, "false": False}.get(key, key)


def _allowed_meanings(column: str) -> tuple[bool | str, ...] | None:
    """Return what the cells of a column may mean; None: any word."""
    if column in SIDE_COLUMNS:  # the sides of the task; the whole config checks them
        return None
    if column == "correct":
        return (True, False, "", OMISSION)
    if column in YES_NO_COLUMNS:
        return (True, False)
    if column in ("rule", "task"):
        return None
    raise ValueError(f"values.{column}: the cells of {column} are numbers and have no codes")
