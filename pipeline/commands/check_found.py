"""What the check knows of a session's files, and where the tables name them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.errors import ExperimentError, InputError, Problem
from pipeline.experiment import Experiment
from pipeline.experiment.model import Session

if TYPE_CHECKING:
    from pipeline.ingest.joining import RecordingPart


@dataclass(frozen=True)
class Extent:
    """From when to when one file speaks of the session.

    Attributes
    ----------
    kind : str
        recording, behaviour, movement or units.
    name : str
        File, as messages call it.
    start_s, stop_s : float
        Seconds on the session clock; NaN where the file has no times.
    detail : str
        What else was found: channels, trials.
    """

    kind: str
    name: str
    start_s: float
    stop_s: float
    detail: str = ""


@dataclass
class SessionFiles:
    """What the files of one session hold.

    Attributes
    ----------
    session : str
        Its name.
    extents : list of Extent
        Of every file that could be opened.
    parts : list of RecordingPart
        Recordings, opened lazily.
    trials : DataFrame or None
        Trials of all logs that could be read.
    problems : list of Problem
        What is wrong with them.
    notes : list of str
        What was not looked at.
    """

    session: str
    extents: list[Extent] = field(default_factory=list)
    parts: list[RecordingPart] = field(default_factory=list)
    trials: Any = None
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Places:
    """Where in the tables each file is named, for the problems."""

    experiment: Experiment
    session: Session

    def recording(self, index: int) -> tuple[str, str]:
        """Return table and cell of a recording."""
        return self._listed("recordings", self.session.recordings[index].line, "recording")

    def log(self, index: int) -> tuple[str, str]:
        """Return table and cell of a behaviour log."""
        return self._listed("behaviours", self.session.behaviours[index].line, "behaviour")

    def cell(self, column: str) -> tuple[str, str]:
        """Return a cell of the session's own row."""
        return self.experiment.config.tables.sessions, f"row {self.session.line}, column {column}"

    def _listed(self, table: str, line: int, column: str) -> tuple[str, str]:
        named = getattr(self.experiment.config.tables, table)
        return (named, f"row {line}, column file") if line and named else self.cell(column)


def tried(found: SessionFiles, place: tuple[str, str], action: Callable[[], Any]) -> Any:
    """Return what an action gives; its refusals become problems, and None."""
    try:
        return action()
    except ExperimentError as error:
        found.problems += [
            Problem(place[0], f"{place[1]}: {p.file}: {p.place}".rstrip(": "), p.found, p.expected)
            for p in error.problems
        ]
    except InputError as error:
        found.problems.append(Problem(*place, "", str(error)))
    return None
