"""From the cells of a log to the canonical trial table; every contradiction is named.

Nothing is guessed: a cell that the mapping does not explain is a problem, and so is a log that
contradicts itself. All problems of a file are collected before any is raised.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipeline.errors import ExperimentError, InputError, Problem
from pipeline.experiment.behaviour_mapping import (
    OMISSION,
    TIME_COLUMNS,
    BehaviourMapping,
    cell_key,
)
from pipeline.experiment.strict import did_you_mean
from pipeline.ingest.adapters.log_table import LogTable
from pipeline.ingest.trial_cells import CellReader, shown

if TYPE_CHECKING:
    import pandas as pd


def interpret(
    table: LogTable, mapping: BehaviourMapping, *, starts_at_s: float = 0.0
) -> pd.DataFrame:
    """Return the canonical trial table of a log.

    Parameters
    ----------
    table : LogTable
        Cells of the log.
    mapping : BehaviourMapping
        What they mean; ``rows`` without placeholders.
    starts_at_s : float
        Seconds added to all times, on top of the mapping's own offset.

    Returns
    -------
    pandas.DataFrame
        As :func:`pipeline.ingest.read_behaviour` describes.

    Raises
    ------
    InputError
        Every problem of the file, each with row, column, value found and value expected.
    """
    _refuse_missing_columns(table, mapping)
    table = kept_rows(table, mapping)
    reader = CellReader(table, mapping)
    columns = {name: reader.column(name) for name in mapping.columns}
    problems = [*reader.problems]
    if not problems:
        problems = _contradictions(table, mapping, columns)
    if problems:
        raise ExperimentError(problems)
    return _frame(table, mapping, columns, starts_at_s)


def _refuse_missing_columns(table: LogTable, mapping: BehaviourMapping) -> None:
    wanted = [*mapping.columns.values(), *mapping.rows, *mapping.keep]
    missing = [name for name in dict.fromkeys(wanted) if name not in table.columns]
    if missing:
        raise ExperimentError(
            Problem(
                table.file,
                "header",
                ", ".join(table.columns),
                f"expected a column '{name}'{did_you_mean(name, table.columns)}",
            )
            for name in missing
        )


def kept_rows(table: LogTable, mapping: BehaviourMapping) -> LogTable:
    """Return the rows that the filter keeps; none is an error, because a log has trials."""
    missing = [name for name in mapping.rows if name not in table.columns]
    if missing:
        raise InputError(
            f"{table.file}: rows: found columns {', '.join(table.columns)}; expected "
            f"'{missing[0]}'{did_you_mean(missing[0], table.columns)}"
        )
    wanted = {table.columns.index(name): cell_key(value) for name, value in mapping.rows.items()}
    kept = [
        index
        for index, cells in enumerate(table.cells)
        if all(cell_key(cells[column]) == value for column, value in wanted.items())
    ]
    if kept:
        return LogTable(
            table.file,
            table.columns,
            tuple(table.rows[index] for index in kept),
            tuple(table.cells[index] for index in kept),
            table.warnings,
        )
    if not table.cells:
        raise InputError(f"{table.file}: found no trials below the header")
    said = [
        f"{table.columns[column]} = '{value}' (found: "
        + ", ".join(sorted({cell_key(cells[column]) for cells in table.cells})[:10])
        + ")"
        for column, value in wanted.items()
    ]
    raise InputError(f"{table.file}: found no row with {' and '.join(said)}; see 'rows'")


def _contradictions(
    table: LogTable, mapping: BehaviourMapping, columns: dict[str, list[Any]]
) -> list[Problem]:
    """Return what a log says in two ways, and times that run backwards."""
    problems = _order_problems(table, mapping, columns)
    sources = mapping.columns

    def problem(row: int, name: str, found: str, expected: str) -> None:
        problems.append(Problem(table.file, f"row {row}, column {sources[name]}", found, expected))

    for index, row in enumerate(table.rows):
        said = {name: values[index] for name, values in columns.items()}
        claims = _omission_claims(said)
        omitted = {claim for claim in claims.values() if claim is not None}
        if len(omitted) == 2:
            words = ", ".join(
                f"{sources[name]} says {'omitted' if claim else 'answered'}"
                for name, claim in claims.items()
                if claim is not None
            )
            problem(row, next(iter(claims)), words, "expected both to say the same")
        elif omitted == {True}:
            for name in ("correct", "rewarded"):
                if said.get(name) is True:
                    problem(row, name, "true", "expected false or blank on an omitted trial")
        elif said.get("correct") == "" and "" not in mapping.values.get("correct", {}):
            problem(row, "correct", "a blank", "expected true or false on an answered trial")
        latency = said.get("latency_choice")
        if latency is not None and latency < 0:
            problem(row, "latency_choice", f"{latency:g}", "expected 0 or more")
    return problems


def _omission_claims(said: dict[str, Any]) -> dict[str, bool | None]:
    """Return what each column says of an omission: true, false, or nothing (None)."""
    claims: dict[str, bool | None] = {}
    if "choice_side" in said:
        claims["choice_side"] = said["choice_side"] in ("", OMISSION)
    if "omission" in said:
        claims["omission"] = said["omission"]
    if "correct" in said:
        # "not correct" may be the log's way to score an omission; "correct" cannot be.
        claims["correct"] = True if said["correct"] == OMISSION else None
    return claims


def _order_problems(
    table: LogTable, mapping: BehaviourMapping, columns: dict[str, list[Any]]
) -> list[Problem]:
    problems = []
    several = "several sessions in one file? Choose one with 'rows'"
    trials = columns.get("trial", [])
    for index in range(1, len(trials)):
        if trials[index] <= trials[index - 1]:
            problems.append(
                Problem(
                    table.file,
                    f"row {table.rows[index]}, column {mapping.columns['trial']}",
                    f"trial {trials[index]} after {trials[index - 1]}",
                    f"expected growing trial numbers, each once ({several})",
                )
            )
            break
    times = [name for name in TIME_COLUMNS if name in columns]
    for name in times:
        previous = (-math.inf, 0)
        for row, time in zip(table.rows, columns[name], strict=True):
            if time < previous[0]:
                problems.append(
                    Problem(
                        table.file,
                        f"row {row}, column {mapping.columns[name]}",
                        f"{time:g} after {previous[0]:g} in row {previous[1]}",
                        f"expected times in order (clock restarted, or {several})",
                    )
                )
                break
            previous = (time, row) if not math.isnan(time) else previous
    for earlier, later in _pairs(times):
        for row, before, after in zip(table.rows, columns[earlier], columns[later], strict=True):
            if after < before:
                problems.append(
                    Problem(
                        table.file,
                        f"row {row}, column {mapping.columns[later]}",
                        f"{after:g}",
                        f"expected {before:g} or later, the trial's '{mapping.columns[earlier]}' "
                        "(columns exchanged, or relative times?)",
                    )
                )
                break
    return problems


def _pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(a, b) for index, a in enumerate(names) for b in names[index + 1 :]]


def _frame(
    table: LogTable,
    mapping: BehaviourMapping,
    columns: dict[str, list[Any]],
    starts_at_s: float,
) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    number = len(table.rows)
    scale = mapping.seconds_per_unit
    offset = mapping.time_offset_s + starts_at_s
    nothing = [math.nan] * number
    frame = pd.DataFrame({"trial": columns.get("trial") or list(range(1, number + 1))})
    for name in TIME_COLUMNS:
        frame[name] = np.asarray(columns.get(name, nothing), dtype=float) * scale + offset
    latency = columns.get("latency_choice")
    frame["latency_choice"] = (
        frame["t_choice"] - frame["t_cue"]
        if latency is None
        else np.asarray(latency, dtype=float) * scale
    )
    frame["rule"] = pd.Series(columns.get("rule", [mapping.rule] * number), dtype="str")
    frame["cue_side"] = pd.Series(columns.get("cue_side", [""] * number), dtype="str")
    choices = [
        "" if side == OMISSION else side for side in columns.get("choice_side", [""] * number)
    ]
    frame["choice_side"] = pd.Series(choices, dtype="str")
    claims = [
        _omission_claims({name: values[index] for name, values in columns.items()})
        for index in range(number)
    ]
    omission = np.array([any(claim.values()) for claim in claims], dtype=bool)
    correct = [None if v in ("", OMISSION) else v for v in columns.get("correct", [None] * number)]
    frame["correct"] = pd.array(correct, dtype="boolean")
    # An omission is no answer, whichever way the log scores it.
    frame.loc[omission, "correct"] = pd.NA
    frame["omission"] = omission
    frame["rewarded"] = pd.array(columns.get("rewarded", [None] * number), dtype="boolean")
    frame["task"] = pd.Series(columns.get("task", [mapping.task] * number), dtype="str")
    frame["source_file"] = pd.Series([table.file] * number, dtype="str")
    frame["source_row"] = list(table.rows)
    for name in mapping.keep:
        index = table.columns.index(name)
        frame[name] = pd.Series([shown(cells[index]) for cells in table.cells], dtype="str")
    return frame
