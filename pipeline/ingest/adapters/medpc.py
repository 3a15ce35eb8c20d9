"""MED-PC IV and V data files (annotated): what stands under which letter, as text.

The layout is that of files of five labs: a header of ten lines per session, scalars as ``G:
41958.000``, arrays as a letter alone on its line followed by rows of ``index: values``, comments
after a backslash. Numbers stay text, because ``8575.004`` may be a time and a code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import ExperimentError, InputError, Problem
from pipeline.experiment.behaviour_mapping import cell_key
from pipeline.experiment.strict import did_you_mean
from pipeline.ingest.adapters.text import read_log_text

HEADER = (
    "File",
    "Start Date",
    "End Date",
    "Subject",
    "Experiment",
    "Group",
    "Box",
    "Start Time",
    "End Time",
    "MSN",
)
#: damaged lines that a message shows
SHOWN_PROBLEMS = 10
_HEADER = re.compile(rf"({'|'.join(HEADER)}):(.*)")
_LETTER = re.compile(r"([A-Z]):\s*(\S*)")
_ROW = re.compile(r"\s*(\d+):\s*(.*)")
_NUMBER = re.compile(r"[-+]?\d+(\.(?P<decimals>\d*))?([eE][-+]?\d{1,3})?")


@dataclass
class MedPcNumbers:
    """Values of an array as written, and the line of the file that each stands in."""

    line: int
    values: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    decimals: int = -1


@dataclass
class MedPcSession:
    """One session of a file."""

    line: int
    header: dict[str, str] = field(default_factory=dict)
    scalars: dict[str, str] = field(default_factory=dict)
    arrays: dict[str, MedPcNumbers] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Say which session this is."""
        shown = ("Subject", "Start Date", "Start Time", "Box", "MSN")
        said = ", ".join(f"{key}: {self.header.get(key, '')}" for key in shown)
        return f"line {self.line} ({said})"


def read_sessions(path: str | Path) -> tuple[MedPcSession, ...]:
    """Read every session of a file.

    Parameters
    ----------
    path : path
        Annotated data file; the suffix does not matter.

    Returns
    -------
    tuple of MedPcSession
        In the file's order.

    Raises
    ------
    InputError
        No MED-PC file, one without annotations, or damaged lines, each named: missing rows of an
        array, numbers that ran together or were cut, letters given twice.
    """
    path = Path(path)
    text = read_log_text(path, legacy=True)
    _refuse_other_files(path, text)
    sessions: list[MedPcSession] = []
    problems: list[Problem] = []
    current: MedPcNumbers | None = None
    for number, line in enumerate(text.splitlines(), 1):
        line = line.rstrip()
        if not line or line.startswith("File:"):
            continue
        if line.startswith("\\"):
            if sessions:
                sessions[-1].comments.append(line[1:])
            continue
        header = _HEADER.fullmatch(line)
        if header and header[1] == "Start Date":
            sessions.append(MedPcSession(number))
            current = None
        if not sessions:
            problems.append(_problem(path, number, line, "expected 'Start Date:' first"))
            break
        if header:
            sessions[-1].header[header[1]] = header[2].strip()
            continue
        said, current = _data_line(sessions[-1], current, number, line)
        if said:
            problems.append(_problem(path, number, line, said))
            if len(problems) == SHOWN_PROBLEMS:
                break
    if not problems and not text.endswith(("\n", "\r")):
        problems = _cut_in_a_number(path, text, sessions)
    if not problems:
        problems = [p for session in sessions for p in _unfinished(path, session)]
    if problems:
        raise ExperimentError(problems)
    return tuple(sessions)


def _cut_in_a_number(path: Path, text: str, sessions: list[MedPcSession]) -> list[Problem]:
    """A file without its last line end may be cut: all numbers have the decimals of DISKFORMAT."""
    last = text.splitlines()[-1]
    value = last.split()[-1] if last.split() else ""
    if last.startswith("\\") or not _NUMBER.fullmatch(value) or not sessions:
        return []
    session = sessions[-1]
    written = [
        *session.scalars.values(),
        *(a.values[0] for a in session.arrays.values() if a.values),
    ]
    if not written or _decimals(value) == _decimals(written[0]):
        return []
    number = len(text.splitlines())
    expected = f"expected {_decimals(written[0])} decimals as elsewhere (cut off inside a number?)"
    return [_problem(path, number, last, expected)]


def _problem(path: Path, number: int, line: str, expected: str) -> Problem:
    return Problem(path.name, f"line {number}", f"'{line.strip()[:60]}'", expected)


def _refuse_other_files(path: Path, text: str) -> None:
    if re.search(r"^Start Date:", text, re.MULTILINE):
        return
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise InputError(f"{path}: found an empty file; expected MED-PC data")
    numbers = sum(_NUMBER.fullmatch(line) is not None for line in lines)
    if numbers > len(lines) / 2:
        raise InputError(
            f"{path}: found numbers without letters: MED-PC data without annotations say nothing "
            "of themselves; expected annotated data ('Start Date:', 'A:', ...): export them again"
        )
    raise InputError(
        f"{path}: found '{lines[0][:60]}' and no 'Start Date:'; expected a MED-PC data file (is it "
        "the program, .MPC, or a log of another rig?)"
    )


def _data_line(
    session: MedPcSession, current: MedPcNumbers | None, number: int, line: str
) -> tuple[str, MedPcNumbers | None]:
    """Take in one line; return what is wrong with it ("" if nothing) and the open array."""
    letter = _LETTER.fullmatch(line)
    if letter:
        name, value = letter[1], letter[2]
        if name in session.scalars or name in session.arrays:
            return f"expected each letter once; {name} stands above too", current
        if not value:
            session.arrays[name] = MedPcNumbers(number)
            return "", session.arrays[name]
        session.scalars[name] = value
        return _wrong_number(value), None
    row = _ROW.fullmatch(line)
    if not row:
        return "expected a letter, a row of numbers or a comment (a damaged line?)", current
    if current is None:
        return "expected a letter alone on its line above a row of numbers", current
    if int(row[1]) != len(current.values):
        found = len(current.values)
        return f"expected the row that starts at {found}: lines are missing or doubled", current
    values = row[2].split()
    if not values:
        return "expected numbers after the colon (the file is cut off here?)", current
    for value in values:
        wrong = _wrong_number(value)
        if wrong:
            return wrong, current
        decimals = _decimals(value)
        current.decimals = decimals if current.decimals < 0 else current.decimals
        if decimals != current.decimals:
            return (
                f"expected {current.decimals} decimals as in the rows above (cut off in the middle "
                "of a number?)",
                current,
            )
    current.values += values
    current.lines += [number] * len(values)
    return "", current


def _decimals(value: str) -> int:
    match = _NUMBER.fullmatch(value)
    return len(match["decimals"] or "") if match else 0


def _wrong_number(value: str) -> str:
    if _NUMBER.fullmatch(value):
        return ""
    if value.count(".") > 1:
        return "expected blanks between numbers: they ran together, DISKFORMAT is too narrow"
    if "," in value:
        return "expected decimal points: these are decimal commas"
    return "expected numbers"


def _unfinished(path: Path, session: MedPcSession) -> list[Problem]:
    problems = []
    missing = [key for key in ("Subject", "Start Time", "MSN") if key not in session.header]
    if missing:
        expected = f"expected the lines {', '.join(missing)} (the file is cut off?)"
        problems.append(
            Problem(path.name, f"line {session.line}", "an incomplete header", expected)
        )
    elif not session.scalars and not session.arrays:
        expected = "expected letters with data (the file is cut off, or nothing was saved)"
        problems.append(Problem(path.name, str(session), "no data", expected))
    return problems + [
        Problem(path.name, f"line {array.line}", f"array {letter} without numbers", "cut off?")
        for letter, array in session.arrays.items()
        if not array.values
    ]


def pick_session(path: Path, wanted: Mapping[str, str]) -> MedPcSession:
    """Return the one session of a file that the mapping's ``rows`` ask for.

    Parameters
    ----------
    path : path
        MED-PC file.
    wanted : mapping of str to str
        Header entries and their values: ``{Subject: r12, Start Date: 07/12/23}``.

    Raises
    ------
    InputError
        When an entry does not exist, no session or several sessions fit; all are listed.
    """
    sessions = read_sessions(path)
    unknown = [key for key in wanted if key not in HEADER]
    if unknown:
        raise InputError(
            f"{path}: rows: found '{unknown[0]}'{did_you_mean(unknown[0], HEADER)}; expected an "
            f"entry of the header: {', '.join(HEADER[1:])}"
        )
    fitting = [
        session
        for session in sessions
        if all(cell_key(session.header.get(key)) == cell_key(v) for key, v in wanted.items())
    ]
    if len(fitting) == 1:
        return fitting[0]
    asked = " and ".join(f"{key} = '{value}'" for key, value in wanted.items()) or "no choice made"
    listed = "; ".join(str(session) for session in (fitting or sessions)[:20])
    raise InputError(
        f"{path}: found {len(fitting)} of {len(sessions)} sessions with {asked}: {listed}; "
        "expected one: choose it with 'rows' ({Subject: '{animal}', Start Date: ...})"
    )
