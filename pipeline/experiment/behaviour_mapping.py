"""What the columns, letters and codes of a lab's behaviour log mean: the part of the config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

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


class BehaviourMapping(StrictModel):
    """How one kind of behaviour log becomes the canonical trial table."""

    reader: Literal["columns", "nwb_trials"] = Field(
        "columns",
        description="columns: a CSV, TSV or Excel file with one row per trial; nwb_trials: the "
        "trials table of an NWB file",
    )
    columns: dict[str, str] = Field(
        description="Column of the log for each column of the trial table: "
        + ", ".join(MAPPABLE_COLUMNS)
        + "; 'time' means t_cue. What is left out stays empty"
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
    task: str = Field("", description="Name of the task, where no column gives it")
    keep: tuple[str, ...] = Field(
        (), description="Further columns of the log to keep, as text, under their own names"
    )

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

    @model_validator(mode="after")
    def _meanings_that_exist(self) -> BehaviourMapping:
        if not {"choice_side", "correct"} & set(self.columns):
            raise ValueError("columns must name choice_side or correct: else nothing is scored")
        for column, meanings in self.values.items():
            if column not in self.columns:
                raise ValueError(
                    f"values.{column}: columns does not name {column}"
                    f"{did_you_mean(column, self.columns)}"
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
