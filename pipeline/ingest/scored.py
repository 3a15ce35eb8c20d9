"""Behaviour that a person scored (BORIS and the like): bouts on the session clock, cut to epochs.

Time that nobody scored is not time without behaviour. So every table says for each behaviour when
it was watched, and a behaviour that was watched and never seen lasted 0 s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import ExperimentError, InputError, Problem
from pipeline.experiment.behaviour_mapping import BehaviourMapping
from pipeline.experiment.behaviour_scored import ScoredOptions
from pipeline.experiment.strict import did_you_mean
from pipeline.ingest.adapters.log_table import LogTable
from pipeline.ingest.trial_cells import CellReader, shown
from pipeline.intervals import Intervals, disjoint, intersect, merge, total_seconds

if TYPE_CHECKING:
    import pandas as pd

#: kinds of rows of a table of scored behaviour
BOUT, OBSERVED = "bout", "observed"
COLUMNS = ("behaviour", "start_s", "stop_s", "modifier", "kind")
#: rounding of a log that a bout may reach beyond the scored time
SLACK_S = 1e-6

_Bout = tuple[str, str, float, float, int]


@dataclass(frozen=True, eq=False)
class EpochScored:
    """Scored behaviour inside the intervals of one epoch.

    Attributes
    ----------
    observed_s : mapping of str to float
        Seconds of the epoch in which each behaviour was watched; behaviours that were not watched
        at all are left out.
    state_s : mapping of str to float
        Seconds of these with the behaviour.
    bouts : mapping of str to int
        Bouts that began in these seconds.
    """

    observed_s: Mapping[str, float]
    state_s: Mapping[str, float]
    bouts: Mapping[str, int]

    @property
    def seconds(self) -> float:
        """Seconds in which the behaviour that was watched longest was watched."""
        return max(self.observed_s.values(), default=0.0)


def read_scored(
    path: str | Path,
    *,
    mapping: BehaviourMapping | Mapping[str, object],
    format: str = "",
    fields: Mapping[str, str] | None = None,
    starts_at_s: float = 0.0,
) -> pd.DataFrame:
    """Read a table of scored behaviour: one row per bout, or one per start and stop.

    Parameters
    ----------
    path : path
        CSV, TSV or Excel file.
    mapping : BehaviourMapping or mapping
        With ``reader: scored`` and the section ``scored``; ``rows`` choose observation and animal.
    format : str
        Name of the mapping in the config, for messages.
    fields : mapping of str to str, optional
        What ``{session}``, ``{animal}`` ... in ``rows`` and ``sheet`` stand for.
    starts_at_s : float
        Seconds added to all times: the log's start on the session clock.

    Returns
    -------
    pandas.DataFrame
        ``behaviour`` (its name in the results), ``start_s``, ``stop_s`` (s on the session clock),
        ``modifier`` (text), ``kind``: ``bout``, or ``observed`` for the time in which the behaviour
        was watched (one such row per behaviour).

    Raises
    ------
    InputError
        All problems of the file: missing columns, behaviours that the mapping does not know, starts
        without stop and the reverse, bouts that overlap, end before they start or lie outside the
        scored time.
    """
    import pandas as pd

    from pipeline.ingest.adapters.columns import read_columns
    from pipeline.ingest.behaviour import resolved_mapping
    from pipeline.ingest.trial_table import kept_rows

    path = Path(path)
    mapping = resolved_mapping(path, format, mapping, fields)
    options = mapping.scored
    if options is None:
        raise InputError(
            f"{path}: '{format}' is no log of scored behaviour; expected reader: scored"
        )
    wanted = _wanted(options)
    table = read_columns(
        path,
        header_row=mapping.header_row,
        delimiter=mapping.delimiter,
        sheet=mapping.sheet,
        expected=wanted,
    )
    _refuse_missing(table, [*wanted, *mapping.rows])
    table = kept_rows(table, mapping)
    problems: list[Problem] = []
    numbers = _Numbers(table, mapping, problems)
    bouts = (_paired if options.time else _whole)(table, options, numbers, problems)
    observed = options.observed_s or _duration(table, options, numbers, problems)
    if not problems:
        problems = _impossible(table, bouts, observed)
    if problems:
        raise ExperimentError(problems[:20])
    offset = mapping.time_offset_s + starts_at_s
    rows: list[tuple[object, ...]] = [
        (name, observed[0] + offset, observed[1] + offset, "", OBSERVED)
        for name in dict.fromkeys(options.behaviours.values())
    ]
    rows += [(name, a + offset, b + offset, modifier, BOUT) for name, modifier, a, b, _ in bouts]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    types = {"behaviour": "str", "modifier": "str", "kind": "str"}
    frame = frame.astype(types | {"start_s": "float64", "stop_s": "float64"})
    return frame.sort_values(
        ["kind", "start_s", "behaviour", "modifier"],
        ascending=[False, True, True, True],
        kind="stable",
        ignore_index=True,
    )


def _wanted(options: ScoredOptions) -> list[str]:
    """Return the columns of the file that the options name."""
    timed = [options.time, options.status] if options.time else [options.start, options.stop]
    optional = [name for name in (options.modifier, options.duration) if name]
    return [options.behaviour, *timed, *optional]


def _refuse_missing(table: LogTable, wanted: list[str]) -> None:
    missing = [name for name in dict.fromkeys(wanted) if name not in table.columns]
    if missing:
        raise ExperimentError(
            Problem(
                table.file,
                "header",
                ", ".join(table.columns),
                f"expected a column '{name}'{did_you_mean(name, table.columns)} (lines above the "
                "header? Set header_row)",
            )
            for name in missing
        )


class _Numbers:
    """Columns of times in seconds; blanks and words become problems."""

    def __init__(self, table: LogTable, mapping: BehaviourMapping, problems: list[Problem]) -> None:
        self.table, self.mapping, self.problems = table, mapping, problems

    def column(self, name: str) -> list[float]:
        reader = CellReader(
            self.table, self.mapping.model_copy(update={"columns": {"t_cue": name}})
        )
        values = reader.column("t_cue")
        self.problems += reader.problems
        unit = self.mapping.seconds_per_unit
        return [math.nan if value is None else value * unit for value in values]


def _cells(table: LogTable, name: str) -> list[str]:
    if not name or name not in table.columns:
        return [""] * len(table.rows)
    index = table.columns.index(name)
    return [shown(row[index]).strip() for row in table.cells]


def _named(
    table: LogTable, options: ScoredOptions, problems: list[Problem]
) -> list[tuple[int, str, str, str]]:
    """Return (index, behaviour, modifier, status) of the rows that count."""
    known = (*options.behaviours, *options.ignore)
    kept = []
    for index, (said, modifier, status) in enumerate(
        zip(
            _cells(table, options.behaviour),
            _cells(table, options.modifier),
            _cells(table, options.status),
            strict=True,
        )
    ):
        if said in options.ignore or status.upper() in options.point_words:
            continue
        if said in options.behaviours:
            kept.append((index, options.behaviours[said], modifier, status.upper()))
            continue
        place = f"row {table.rows[index]}, column {options.behaviour}"
        expected = f"expected one of {', '.join(known)}{did_you_mean(said, known)} (or ignore it)"
        problems.append(Problem(table.file, place, f"'{said}'", expected))
    return kept


def _whole(
    table: LogTable, options: ScoredOptions, numbers: _Numbers, problems: list[Problem]
) -> list[_Bout]:
    """Bouts of a table with one row each."""
    starts, stops = numbers.column(options.start), numbers.column(options.stop)
    bouts: list[_Bout] = []
    for index, name, modifier, _ in _named(table, options, problems):
        start, stop, row = starts[index], stops[index], table.rows[index]
        if not start <= stop and not numbers.problems:
            found = f"start {start:g} and stop {stop:g}"
            expected = "expected two times, the stop not before the start (a bout without end?)"
            problems.append(Problem(table.file, f"row {row}", found, expected))
        bouts.append((name, modifier, start, stop, row))
    return bouts


def _paired(
    table: LogTable, options: ScoredOptions, numbers: _Numbers, problems: list[Problem]
) -> list[_Bout]:
    """Bouts of a table with a row for each start and each stop."""
    times = numbers.column(options.time)
    open_: dict[tuple[str, str], tuple[float, int]] = {}
    bouts: list[_Bout] = []
    previous = -math.inf

    def problem(row: int, found: str, expected: str) -> None:
        problems.append(Problem(table.file, f"row {row}", found, expected))

    for index, name, modifier, status in _named(table, options, problems):
        time, row, key = times[index], table.rows[index], (name, modifier)
        if not time >= previous:
            problem(row, f"{time:g} after {previous:g}", "expected times in order, in every row")
            break
        previous = time
        if status in options.start_words:
            if key in open_:
                problem(
                    row, f"a second start of {name}", f"expected its stop after row {open_[key][1]}"
                )
            open_[key] = (time, row)
        elif status in options.stop_words:
            if key not in open_:
                problem(row, f"a stop of {name}", "expected its start before")
                continue
            start, first = open_.pop(key)
            bouts.append((name, modifier, start, time, first))
        else:
            words = (*options.start_words, *options.stop_words, *options.point_words)
            problem(row, f"'{status}' in column {options.status}", f"expected {', '.join(words)}")
    for (name, _), (_, row) in open_.items():
        problem(row, f"a start of {name}", "expected its stop (the scoring was not finished?)")
    return bouts


def _duration(
    table: LogTable, options: ScoredOptions, numbers: _Numbers, problems: list[Problem]
) -> tuple[float, float]:
    said = numbers.column(options.duration)
    if len(set(said)) > 1 or not said[0] > 0:
        found = ", ".join(f"{value:g}" for value in sorted(set(said))[:5])
        expected = "expected one length above 0 in all rows (several observations? see rows)"
        problems.append(Problem(table.file, f"column {options.duration}", found, expected))
    return 0.0, said[0]


def _impossible(
    table: LogTable, bouts: list[_Bout], observed: tuple[float, float]
) -> list[Problem]:
    problems = []
    last: dict[tuple[str, str], tuple[float, int]] = {}
    for name, modifier, start, stop, row in sorted(bouts, key=lambda bout: (bout[2], bout[4])):
        place = f"row {row}"
        if start < observed[0] - SLACK_S or stop > observed[1] + SLACK_S:
            found = f"{name} from {start:g} to {stop:g} s"
            expected = (
                f"expected bouts within the scored time, {observed[0]:g} to {observed[1]:g} s"
            )
            problems.append(Problem(table.file, place, found, expected))
        before = last.get((name, modifier))
        if before and start < before[0]:
            found = f"{name} from {start:g} s"
            expected = (
                f"expected it after the bout of row {before[1]}, which lasts until {before[0]:g} s "
                "(two raters, two animals or a row twice?)"
            )
            problems.append(Problem(table.file, place, found, expected))
        last[name, modifier] = (max(stop, before[0] if before else stop), row)
    return problems


def _intervals(rows: pd.DataFrame) -> np.ndarray:
    return rows[["start_s", "stop_s"]].to_numpy(np.float64)


def epoch_scored(scored: pd.DataFrame, intervals: Intervals) -> EpochScored:
    """Return the scored behaviour inside some intervals.

    Parameters
    ----------
    scored : pandas.DataFrame
        As :func:`read_scored` gives; several logs may follow each other.
    intervals : numpy.ndarray
        (n, 2) seconds on the session clock, half-open, disjoint.

    Returns
    -------
    EpochScored
        Bouts of one behaviour with different modifiers that overlap count once.

    Raises
    ------
    InputError
        When one behaviour was scored twice at the same time (two raters).
    """
    cuts = disjoint(intervals)
    observed_s: dict[str, float] = {}
    state_s: dict[str, float] = {}
    counts: dict[str, int] = {}
    for name, rows in scored.groupby("behaviour", sort=True):
        label: Any = name
        watched = disjoint(
            _intervals(rows[rows["kind"] == OBSERVED]), name=f"scored time of {label}"
        )
        inside = intersect(watched, cuts)
        seconds = total_seconds(inside)
        if not seconds > 0:
            continue
        bouts = _intervals(rows[rows["kind"] == BOUT])
        lasting = bouts[bouts[:, 1] > bouts[:, 0]]
        observed_s[label] = seconds
        state_s[label] = total_seconds(intersect(merge(lasting), inside)) if len(lasting) else 0.0
        begun = (bouts[:, :1] >= inside[:, 0]) & (bouts[:, :1] < inside[:, 1])
        counts[label] = int(begun.any(axis=1).sum())
    return EpochScored(observed_s, state_s, counts)
