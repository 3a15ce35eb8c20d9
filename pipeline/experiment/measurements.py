"""Rows of measurements.tsv to values that belong to an anchor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipeline.errors import Problem
from pipeline.experiment.config import Config
from pipeline.experiment.model import Epoch, Measurement, Session
from pipeline.experiment.strict import did_you_mean
from pipeline.experiment.tables import Row, duplicates


def read_measurements(
    rows: Sequence[Row],
    sessions: Mapping[str, Session],
    epochs: Mapping[str, Sequence[Epoch]],
    config: Config,
) -> tuple[list[Measurement], list[Problem]]:
    """Give each measured value the anchor and step of its session's epoch.

    Parameters
    ----------
    rows : sequence of Row
        Rows of measurements.tsv.
    sessions : mapping of str to Session
        By name.
    epochs : mapping of str to sequence of Epoch
        By session.
    config : Config
        Declared outcomes, phases and contexts.

    Returns
    -------
    measurements : list of Measurement
        Those of excluded sessions are left out, as everything else of them is.
    problems : list of Problem
        Names that are not declared; a phase or context that the session does not have.
    """
    measurements: list[Measurement] = []
    rows = [_in_its_context(row, sessions, config) for row in rows]
    problems = duplicates(rows, ("session", "outcome", "phase", "context"))
    for row in rows:
        value = dict(row.values)
        session = sessions.get(value["session"])
        wrong = _undeclared(row, value, sessions, config)
        if session is not None and session.animal != value["animal"]:
            wrong.append(row.problem("animal", f"session {session.name} is of {session.animal}"))
        wrong += _impossible(row, value, config)
        problems += wrong
        if wrong or session is None or session.exclude:
            continue
        found = {
            (epoch.anchor, epoch.step)
            for epoch in epochs[session.name]
            if epoch.phase == value["phase"] and epoch.context == value["context"]
        }
        if len(found) != 1:
            has = {f"{epoch.phase} in {epoch.context}" for epoch in epochs[session.name]}
            expected = (
                "a phase with one dose to count from, but this session has several"
                if found
                else f"a phase and context that the session has: {', '.join(sorted(has)) or 'none'}"
            )
            problems.append(row.problem("phase", expected))
            continue
        ((anchor, step),) = found
        measurements.append(
            Measurement(
                animal=value["animal"],
                session=value["session"],
                outcome=value["outcome"],
                value=value["value"],
                censored=value["censored"],
                context=value["context"],
                phase=value["phase"],
                anchor=anchor,
                step=step,
            )
        )
    return measurements, problems


def _in_its_context(row: Row, sessions: Mapping[str, Session], config: Config) -> Row:
    """Fill in a blank context where the session, or the whole experiment, has only one."""
    session = sessions.get(row.values["session"])
    intervals = session.contexts if session is not None else ()
    possible = {interval.context for interval in intervals} or set(config.design.contexts)
    if row.values["context"] or len(possible) != 1:
        return row
    return replace(row, values={**row.values, "context": possible.pop()})


def unmeasured(rows: Sequence[Row], config: Config, *, file: str) -> list[Problem]:
    """Warn of declared outcomes that no row has: a table that the config forgot to name."""
    table = config.tables.measurements
    likely = "" if table else ": tables.measurements names no table"
    measured = {row.values["outcome"] for row in rows}
    return [
        Problem(
            file,
            f"outcomes.declare.{name}",
            f"no value of it in {table or 'any table'}",
            f"rows with the outcome {name}, else nothing of it is in the report{likely}",
            "warning",
        )
        for name in config.outcomes.declare
        if name not in measured
    ]


def _undeclared(
    row: Row, value: Mapping[str, object], sessions: Mapping[str, Session], config: Config
) -> list[Problem]:
    design = config.design
    session = sessions.get(str(value["session"]))
    # a wrong context of the session is said where it stands, in its own table
    own = [c.context for c in session.contexts] if session is not None else []
    checks = (
        ("session", sessions, "a session of sessions.tsv"),
        ("outcome", config.outcomes.declare, "one of outcomes.declare"),
        ("phase", design.phases, f"a phase of the config: {', '.join(design.phases)}"),
        ("context", design.contexts, f"a context of the config: {', '.join(design.contexts)}"),
    )
    return [
        row.problem(column, expected + did_you_mean(value[column], known))
        for column, known, expected in checks
        if value[column] not in known and not (column == "context" and value[column] in own)
    ]


def _impossible(row: Row, value: Mapping[str, object], config: Config) -> list[Problem]:
    """Refuse values that the declared scale does not have, before hours of work end in them."""
    declared = config.outcomes.declare.get(str(value["outcome"]))
    number = value["value"]
    if declared is None or not isinstance(number, float) or declared.scale == "linear":
        return []
    if declared.scale == "logit":
        expected = "a proportion from 0 to 1 on the logit scale (were percent recorded?)"
        return [] if 0 <= number <= 1 else [row.problem("value", expected)]
    expected = f"0 or more on the {declared.scale} scale (is it a difference already?)"
    return [] if number >= 0 else [row.problem("value", expected)]
