"""Rows of sessions, contexts, channels, recordings and behaviours to Session records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from pipeline.errors import Problem
from pipeline.experiment.config import Config
from pipeline.experiment.model import Channel, ContextInterval, FileRef, Session
from pipeline.experiment.order import contexts_in_order
from pipeline.experiment.strict import did_you_mean
from pipeline.experiment.tables import Row, duplicates

#: behaviour formats that need no mapping of the lab's
BUILT_IN_BEHAVIOUR = ("nwb_trials", "bids", "fed3")
#: kinds of tables whose rows name a session
_OF_SESSIONS = ("contexts", "recordings", "behaviours", "channels")
#: rows by kind of table, then by the session that they name
Own = Mapping[str, Mapping[str, list[Row]]]


def build_sessions(
    rows: Mapping[str, Sequence[Row]], config: Config
) -> tuple[list[Session], list[Problem]]:
    """Join the tables that describe sessions.

    Parameters
    ----------
    rows : mapping of str to sequence of Row
        Tables by kind.
    config : Config
        The experiment's.

    Returns
    -------
    sessions : list of Session
        In the order of sessions.tsv.
    problems : list of Problem
    """
    table = rows["sessions"]
    problems = duplicates(table, ("session",))
    known = {row.values["session"]: row for row in table}
    for kind in _OF_SESSIONS:
        for row in rows.get(kind, ()):
            name = row.values["session"]
            if name and name not in known:
                hint = did_you_mean(name, known)
                problems.append(row.problem("session", f"a session of sessions.tsv{hint}"))
    problems += _check_contexts(rows, config)
    problems += _check_channels(rows)
    problems += duplicates(rows.get("recordings", ()), ("session", "file", "stream"))
    problems += duplicates(rows.get("behaviours", ()), ("session", "file", "format"))
    own = {kind: _grouped(rows[kind], "session") for kind in _OF_SESSIONS if kind in rows}
    for row in table:
        problems += _check_row(row, own, config)
    problems += _one_value_per_animal(table)
    shared = _grouped(own["channels"].get("", ()), "animal") if "channels" in own else {}
    return [_session(row, own, shared, config) for row in table], problems


def _grouped(table: Sequence[Row], column: str) -> dict[str, list[Row]]:
    """Rows of a table by the value of a column: looked up by every session, so cut once."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in table:
        groups[row.values[column]].append(row)
    return dict(groups)


def _of(own: Own, kind: str, row: Row) -> Sequence[Row]:
    """The rows of a kind of table that name the session of a row of sessions.tsv."""
    return own.get(kind, {}).get(row.values["session"], ())


def _check_row(row: Row, own: Own, config: Config) -> list[Problem]:
    values = row.values
    if values["exclude"]:
        return []
    problems = []
    for column, kind in (("recording", "recordings"), ("behaviour", "behaviours")):
        listed = _of(own, kind, row)
        if values[column] and listed:
            expected = f"blank, for the files stand in {listed[0].file} (row {listed[0].line})"
            problems.append(row.problem(column, expected))
    problems += _check_starts(row, own, config)
    formats = [*config.behaviour.formats, *BUILT_IN_BEHAVIOUR]
    listed = _of(own, "behaviours", row)
    stated = [(row, "behaviour_format")] if values["behaviour"] else []
    for source, column in stated + [(r, "format") for r in listed]:
        if source.values[column] not in formats:
            hint = did_you_mean(source.values[column], formats)
            expected = f"one of {', '.join(formats)} (behaviour.formats in the config){hint}"
            problems.append(source.problem(column, expected))
    met = [source.values[column] for source, column in stated + [(r, "format") for r in listed]]
    mappings = [config.behaviour.formats.get(format) for format in met]
    trials = [m for m in mappings if m is None or m.reader != "scored"]
    if trials and config.flexibility.task is None:
        problems.append(
            row.problem("behaviour", "flexibility.task in the config, to score the log with")
        )
    if "contexts" in own and not _of(own, "contexts", row):
        expected = "at least one row in the contexts table (blank times: the whole session)"
        problems.append(row.problem("session", expected))
    return problems


def is_aligned(config: Config, format: str) -> bool:
    """Whether logs of a format are put on the recording's clock by shared pulses.

    They are when ``sync.line`` names the recording's line and the format's mapping names the event
    of the log that the pulses belong to; the logs' declared starts are not used then.
    """
    mapping = config.behaviour.formats.get(format)
    return config.sync.line is not None and mapping is not None and bool(mapping.sync_event)


def _check_starts(row: Row, own: Own, config: Config) -> list[Problem]:
    """Files say when they start on the session's clock, but for the first one (of each probe)."""
    problems = []
    recorded = bool(row.values["recording"])
    for kind in ("recordings", "behaviours"):
        files = _of(own, kind, row)
        recorded = recorded or (kind == "recordings" and bool(files))
        met: set[str] = set()
        for listed in files:
            aligned = kind == "behaviours" and recorded
            aligned = aligned and is_aligned(config, listed.values["format"])
            probe = listed.values.get("probe", "")
            first, met = probe not in met, met | {probe}
            if listed.values["starts_at_s"] is None and not first and not aligned:
                expected = (
                    "a number: seconds from the session's zero (the first sample of its first "
                    "recording, else the start of its first log) to the start of this file"
                )
                problems.append(listed.problem("starts_at_s", expected))
        if kind == "recordings":
            problems += [
                listed.problem("starts_at_s", "0 or later: 0 is the session's first sample")
                for listed in files
                if (listed.values["starts_at_s"] or 0.0) < 0
            ]
            if row.values["sorting"] and len(files) > 1:
                expected = (
                    f"blank, for the session has {len(files)} recordings: name the sorting of "
                    f"each in the column 'sorting' of {files[0].file} (the same one in several "
                    "rows: made of these files one after another)"
                )
                problems.append(row.problem("sorting", expected))
    return problems


def _check_contexts(rows: Mapping[str, Sequence[Row]], config: Config) -> list[Problem]:
    problems = []
    contexts = config.design.contexts
    for row in rows.get("contexts", ()):
        values = row.values
        if values["context"] not in contexts:
            expected = f"one of design.contexts{did_you_mean(values['context'], contexts)}"
            problems.append(row.problem("context", expected))
        start, stop = values["start_s"], values["stop_s"]
        if start is not None and stop is not None and start >= stop:
            problems.append(row.problem("stop_s", f"a time after start_s, {start:g} s"))
        if start is not None and start < 0:
            problems.append(row.problem("start_s", "0 or later: 0 is the session's first sample"))
    if "contexts" not in rows and len(contexts) > 1:
        expected = "a contexts table, for the config declares several contexts"
        problems.append(Problem("config", "tables.contexts", "", expected))
    return problems


def _check_channels(rows: Mapping[str, Sequence[Row]]) -> list[Problem]:
    table = rows.get("channels", ())
    animals = {row.values["animal"] for row in rows["sessions"]}
    problems = duplicates(table, ("session", "animal", "channel"))
    for row in table:
        animal = row.values["animal"]
        if animal and animal not in animals:
            hint = did_you_mean(animal, animals)
            problems.append(row.problem("animal", f"an animal of sessions.tsv{hint}"))
        for mark in "/@~":
            if mark in row.values["region"]:
                expected = f"a region without {mark}, which separates the parts of an outcome's id"
                problems.append(row.problem("region", expected))
    return problems


def _one_value_per_animal(table: Sequence[Row]) -> list[Problem]:
    """Sex, cohort and cage belong to the animal: two values for one animal are a mistake."""
    problems = []
    for column in ("sex", "cohort", "cage"):
        first: dict[str, Row] = {}
        for row in table:
            seen = first.setdefault(row.values["animal"], row)
            if row.values[column] != seen.values[column]:
                expected = f"{seen.values[column]!r}, as for this animal in row {seen.line}"
                problems.append(row.problem(column, expected))
    return problems


def _session(row: Row, own: Own, shared: Mapping[str, list[Row]], config: Config) -> Session:
    values = row.values
    recordings = [_listed(r, "probe") for r in _of(own, "recordings", row)]
    if values["recording"]:
        recordings.append(FileRef(values["recording"], values["recording_format"]))
    behaviours = [_listed(r, "task") for r in _of(own, "behaviours", row)]
    if values["behaviour"]:
        behaviours.append(FileRef(values["behaviour"], values["behaviour_format"]))
    contexts = [
        ContextInterval(r.values["context"], r.values["start_s"], r.values["stop_s"], r.line)
        for r in _of(own, "contexts", row)
    ]
    if "contexts" not in own:
        contexts = [ContextInterval(config.design.contexts[0], None, None, row.line)]
    start = values["start"]
    return Session(
        name=values["session"],
        animal=values["animal"],
        sex=values["sex"],
        cohort=values["cohort"],
        cage=values["cage"],
        start=start[0] if start else None,
        has_clock=bool(start and start[1]),
        stage=values["stage"],
        recordings=tuple(recordings),
        sorting=values["sorting"],
        behaviours=tuple(behaviours),
        movement=values["movement"],
        exclude=values["exclude"],
        contexts=tuple(contexts_in_order(contexts)),
        channels=_channels_of(row, own, shared),
        factors=dict(row.extra),
        line=row.line,
    )


def _listed(row: Row, label: str) -> FileRef:
    values = row.values
    return FileRef(
        values["file"],
        values["format"],
        values["starts_at_s"] or 0.0,
        values[label],
        stream=values.get("stream", ""),
        sorting=values.get("sorting", ""),
        line=row.line,
    )


def _channels_of(row: Row, own: Own, shared: Mapping[str, list[Row]]) -> tuple[Channel, ...]:
    """Rows of the session win over those of the animal, and these over rows for everyone.

    `shared` holds the rows that name no session, by animal ("" for everyone).
    """
    animal = row.values["animal"]
    tables = (shared.get("", ()), shared.get(animal, ()), _of(own, "channels", row))
    chosen = {listed.values["channel"]: listed for table in tables for listed in table}
    return tuple(
        Channel(r.values["channel"], r.values["region"], r.values["shank"], r.values["bad"])
        for r in chosen.values()
    )
