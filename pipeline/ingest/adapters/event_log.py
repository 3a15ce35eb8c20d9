"""What adapters of event logs hand over: what happened when, nothing interpreted yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Event:
    """One entry of a log.

    Attributes
    ----------
    time_s : float
        Seconds on the log's own clock.
    name : str
        Event or state that began, or the variable that was set; "" for a printed line.
    row : int
        Line of the file, or trial of a file that counts in trials.
    kind : {"event", "variable", "print"}
        What the entry is.
    value : str
        Value of the variable, or the printed line.
    """

    time_s: float
    name: str
    row: int
    kind: Literal["event", "variable", "print"] = "event"
    value: str = ""


@dataclass(frozen=True)
class EventLog:
    """Entries of a log, in the order of time.

    Attributes
    ----------
    file : str
        Name of the file, for messages and for ``source_file``.
    row_word : str
        What ``row`` counts, for messages: "line" or "trial".
    events : tuple of Event
    declared : tuple of str
        Names of events and states that the log itself declares, met or not; empty when it does not.
    warnings : tuple of str
        What the reader met and the report must say.
    """

    file: str
    events: tuple[Event, ...]
    row_word: str = "line"
    declared: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
