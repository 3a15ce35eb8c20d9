"""pyControl sessions: text of version 1 (``I``, ``S``, ``E``, ``D``, ``P``, ``V``) and TSV of 2.

A state that is entered and an event that occurs are both events here; printed lines and variables
keep their text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import ExperimentError, InputError, Problem
from pipeline.experiment.behaviour_mapping import cell_key
from pipeline.experiment.strict import did_you_mean
from pipeline.ingest.adapters.event_log import Event, EventLog
from pipeline.ingest.adapters.text import read_log_text

HEADER_V2 = ("time", "type", "subtype", "content")
TYPES_V2 = ("info", "state", "event", "print", "variable", "warning", "error")
#: damaged lines that a message shows
SHOWN_PROBLEMS = 10
_INFO = re.compile(r"I (.+?)\s*:\s?(.*)")
_TIMED = re.compile(r"([DPV]) (-?\d+)(?: (.*))?")


@dataclass
class _Log:
    """What was read so far."""

    file: str
    events: list[Event] = field(default_factory=list)
    info: dict[str, str] = field(default_factory=dict)
    declared: dict[int, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    errors: list[tuple[int, str]] = field(default_factory=list)

    def wrong(self, line: int, found: str, expected: str) -> None:
        self.problems.append(Problem(self.file, f"line {line}", f"'{found[:60]}'", expected))


def read_pycontrol(path: str | Path, *, rows: Mapping[str, str] | None = None) -> EventLog:
    """Read a pyControl session.

    Parameters
    ----------
    path : path
        ``.txt`` of version 1 or ``.tsv`` of version 2; what is in it decides.
    rows : mapping of str to str, optional
        Entries of the session's information that must be so: ``{subject_id: m1}``.

    Returns
    -------
    EventLog
        Seconds since the framework's start. A task that ended with an error, and a file without
        its end, are warnings.

    Raises
    ------
    InputError
        Other files, damaged lines, unknown ids and types, information that is another's.
    """
    path = Path(path)
    text = read_log_text(path)
    first = next((line for line in text.splitlines() if line.strip()), "")
    log = _Log(path.name)
    second = tuple(first.split("\t")) == HEADER_V2
    if not second and not first.startswith("I "):
        raise InputError(
            f"{path}: found '{first[:60]}'; expected a pyControl session: the columns "
            f"{', '.join(HEADER_V2)} (version 2), or lines 'I Experiment name : ...' (version 1)"
        )
    lines = text.splitlines()
    warnings = []
    if not text.endswith(("\n", "\r")):
        # Half a line may name another event: pyControl ends every line that it writes.
        warnings = [f"{log.file}: line {len(lines)}: the file ends inside it; it is left out"]
        del lines[-1]
    (_version_2 if second else _version_1)(lines, log)
    if log.problems:
        raise ExperimentError(log.problems[:SHOWN_PROBLEMS])
    _refuse_another(path, log.info, rows or {})
    warnings += [
        f"{log.file}: line {line}: the task reported: {said[:200]}" for line, said in log.errors[:1]
    ]
    if second and "end_time" not in log.info:
        warnings.append(f"{log.file}: no end_time: the session was not closed properly")
    return EventLog(
        log.file, tuple(log.events), declared=tuple(log.declared.values()), warnings=tuple(warnings)
    )


def _refuse_another(path: Path, info: Mapping[str, str], rows: Mapping[str, str]) -> None:
    for key, value in rows.items():
        if key not in info:
            raise InputError(
                f"{path}: rows: found no '{key}'{did_you_mean(key, info)}; the session has "
                f"{', '.join(info)}"
            )
        if cell_key(info[key]) != cell_key(value):
            raise InputError(
                f"{path}: found {key} '{info[key]}'; expected '{value}' (rows): the log of another "
                "animal?"
            )


def _version_1(lines: list[str], log: _Log) -> None:
    last_s = 0.0
    follows = ""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        timed = _TIMED.fullmatch(line.rstrip("\r\n"))
        if timed and timed[3] is not None:
            # -1 stands for the end of the session: variables are printed once more.
            time_s = last_s if timed[2] == "-1" else int(timed[2]) / 1000
            last_s = max(last_s, time_s)
            _timed_1(log, number, line, timed[1], time_s, timed[3])
            follows = timed[1]
        elif line.startswith(("S {", "E {")):
            _declare(log, number, line)
        elif line.startswith("!"):
            log.errors.append((number, line[1:].strip()))
            follows = "!"
        elif info := _INFO.fullmatch(line.rstrip()):
            log.info[info[1].strip()] = info[2].strip()
        elif follows in ("P", "!"):
            continue  # the rest of a printed text with line breaks
        else:
            log.wrong(number, line, "expected I, S, E, D, P, V or ! (cut off, or damaged?)")
    if not log.declared and not log.problems:
        log.wrong(len(lines), "no S and E lines", "expected the names of states and events")


def _declare(log: _Log, number: int, line: str) -> None:
    try:
        names = json.loads(line[2:])
    except json.JSONDecodeError:
        names = None
    if not isinstance(names, dict) or not all(type(i) is int for i in names.values()):
        log.wrong(number, line, 'expected names with their ids: {"poke": 1}')
        return
    for name, identity in names.items():
        if identity in log.declared:
            log.wrong(number, line, f"expected each id once; {identity} is '{name}' and another")
        log.declared[identity] = name


def _timed_1(log: _Log, number: int, line: str, kind: str, time_s: float, rest: str) -> None:
    if kind == "D":
        if not rest.strip().isdecimal() or int(rest) not in log.declared:
            known = ", ".join(map(str, log.declared)) or "none"
            log.wrong(number, line, f"expected one of the ids of the S and E lines: {known}")
        else:
            log.events.append(Event(time_s, log.declared[int(rest)], number))
    elif kind == "P":
        log.events.append(Event(time_s, "", number, "print", rest))
    else:
        name, _, value = rest.partition(" ")
        log.events.append(Event(time_s, name, number, "variable", value.strip()))


def _version_2(lines: list[str], log: _Log) -> None:
    begun = False
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if not begun:
            begun = True  # the header, which has been looked at
            continue
        cells = line.rstrip("\r\n").split("\t", 3)
        if len(cells) < 4 or cells[1] not in TYPES_V2:
            log.wrong(
                number,
                line,
                f"expected time, type, subtype and content; type: {', '.join(TYPES_V2)}",
            )
            continue
        time, kind, subtype, content = cells
        if kind == "info":
            log.info[subtype] = content.strip()
            continue
        if kind in ("warning", "error"):
            log.errors.append((number, content.strip()))
            continue
        seconds = _seconds(time)
        if math.isnan(seconds):
            log.wrong(number, line, "expected seconds, 0 or more, in the first column")
        elif kind == "variable":
            _variables_2(log, number, seconds, content)
        elif kind == "print":
            log.events.append(Event(seconds, "", number, "print", content))
        elif not content.strip():
            log.wrong(number, line, f"expected the name of the {kind}")
        else:
            log.events.append(Event(seconds, content.strip(), number))


def _seconds(text: str) -> float:
    """Return a time; NaN for what is none."""
    if not re.fullmatch(r"\d+(\.\d*)?", text.strip()):
        return math.nan
    return float(text)


def _variables_2(log: _Log, number: int, seconds: float, content: str) -> None:
    try:
        said = json.loads(content)
    except json.JSONDecodeError:
        said = None
    if not isinstance(said, dict):
        log.wrong(number, content, 'expected variables: {"name": value}')
        return
    for name, value in said.items():
        text = value if isinstance(value, str) else json.dumps(value)
        log.events.append(Event(seconds, str(name), number, "variable", text))
