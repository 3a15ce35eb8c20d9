"""From MED-PC's arrays to events or trials: five layouts, lengths from counters alone.

The end of an array is never guessed from its zeros: a zero may be an answer, and a trailing answer
of zero would be lost. A counter that the array contradicts stops the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from pipeline.errors import InputError
from pipeline.experiment.behaviour_mapping import BehaviourMapping, cell_key
from pipeline.experiment.behaviour_medpc import (
    MedPcArray,
    MedPcEvents,
    MedPcTrials,
    counter_parts,
)
from pipeline.ingest.adapters.event_log import Event, EventLog
from pipeline.ingest.adapters.log_table import LogTable
from pipeline.ingest.adapters.medpc import MedPcNumbers, MedPcSession, pick_session

#: MED-PC's mark of the end of an array that a program sealed
SEAL = Decimal("-987.987")


@dataclass(frozen=True)
class Used:
    """The used part of an array: values as written, and their lines."""

    letter: str
    values: tuple[str, ...]
    lines: tuple[int, ...]


class _Session:
    """One session with its file, for messages."""

    def __init__(self, path: Path, session: MedPcSession) -> None:
        self.path = path
        self.session = session
        self.warnings: list[str] = []

    def error(self, line: int, found: str, expected: str) -> InputError:
        return InputError(f"{self.path.name}: line {line}: found {found}; {expected}")

    def array(self, letter: str) -> MedPcNumbers:
        if letter in self.session.arrays:
            return self.session.arrays[letter]
        kind = "a scalar" if letter in self.session.scalars else "nothing"
        raise self.error(
            self.session.line,
            f"{kind} under {letter} (arrays: {', '.join(self.session.arrays) or 'none'})",
            f"expected the array {letter}: is MSN {self.session.header.get('MSN')} the program "
            "that this mapping is for, and does its DISKVARS name the letter?",
        )

    def counter(self, length: str) -> int:
        """Return the number of used elements that a counter states."""
        letter, index, more = counter_parts(length)
        if index is None:
            if letter not in self.session.scalars:
                raise self.error(
                    self.session.line,
                    f"no scalar {letter} (scalars: {', '.join(self.session.scalars) or 'none'})",
                    f"expected the counter '{length}' there",
                )
            written = self.session.scalars[letter]
        else:
            values = self.array(letter).values
            if index >= len(values):
                raise self.error(
                    self.session.arrays[letter].line,
                    f"{len(values)} elements in {letter}",
                    f"expected the counter {length} among them",
                )
            written = values[index]
        number = Decimal(written)
        if number != number.to_integral_value() or not 0 <= number + more < 10**9:
            raise self.error(
                self.session.line,
                f"{written} in {length}",
                "expected a whole number of elements: is this the counter?",
            )
        return int(number) + more

    def used(self, letter: str, rule: MedPcArray, *, per_entry: int = 1) -> Used:
        """Return the used part of an array, refusing a counter that the array contradicts."""
        array = self.array(letter)
        held = _sealed(array.values)
        if rule.length == "all":
            stop = held
        else:
            number = self.counter(rule.length)
            number *= per_entry if rule.counts == "entries" else 1
            stop = rule.first + number
            if stop > held:
                self._capped(letter, rule, number, held)
                stop = held
        beyond = next((i for i in range(stop, held) if Decimal(array.values[i]) != 0), None)
        if beyond is not None:
            raise self.error(
                array.lines[beyond],
                f"{array.values[beyond]} in element {beyond} of {letter}",
                f"expected zeros from element {stop} on, as its counter {rule.length} says: "
                "another counter, one that counts entries, or an array that starts over when full",
            )
        if (stop - rule.first) % per_entry and rule.capped == "keep":
            stop -= (stop - rule.first) % per_entry
        if (stop - rule.first) % per_entry:
            raise self.error(
                array.line,
                f"{stop - rule.first} used elements in {letter}",
                f"expected entries of {per_entry} values (fields, first and counts)",
            )
        kept = slice(rule.first, stop)
        return Used(letter, tuple(array.values[kept]), tuple(array.lines[kept]))

    def _capped(self, letter: str, rule: MedPcArray, number: int, held: int) -> None:
        line = self.session.arrays[letter].line
        found = f"{held} elements in {letter} and {number} in its counter {rule.length}"
        if rule.capped == "refuse":
            raise self.error(
                line,
                found,
                f"the array was full (its DIM is too small) and {number - held + rule.first} "
                "values are lost, or the file is cut off; 'capped: keep' uses what is there",
            )
        self.warnings.append(
            f"{self.path.name}: line {line}: found {found}: the array was full, and what came "
            "later is lost"
        )


def _sealed(values: list[str]) -> int:
    """Return the number of elements before MED-PC's mark of the end."""
    return next((i for i, v in enumerate(values) if Decimal(v) == SEAL), len(values))


def read_medpc_events(path: str | Path, mapping: BehaviourMapping) -> EventLog:
    """Read the event arrays of one session as one log, in the order of time.

    Parameters
    ----------
    path : path
        Annotated MED-PC file.
    mapping : BehaviourMapping
        With ``medpc.events``; ``rows`` without placeholders.

    Returns
    -------
    EventLog
        Seconds from the session's start.

    Raises
    ------
    InputError
        Letters or counters that are not there, counters that the arrays contradict, full arrays,
        negative times, times that run backwards.
    """
    path = Path(path)
    assert mapping.medpc is not None
    session = _Session(path, pick_session(path, mapping.rows))
    scale = _scale(mapping)
    events = [
        event
        for rule in mapping.medpc.events
        for event in _in_order(session, rule, list(_events(session, rule, mapping, scale)))
    ]
    # Stable: what was written at one tick keeps the order of the arrays.
    events.sort(key=lambda event: event.time_s)
    declared = _declared(mapping)
    unnamed = sorted({event.name for event in events} - set(declared)) if declared else []
    warnings = list(session.warnings)
    if unnamed:
        n = sum(event.name in unnamed for event in events)
        warnings.append(
            f"{n} events with codes that the mapping does not name: {', '.join(unnamed[:12])}"
        )
    return EventLog(path.name, tuple(events), declared=declared, warnings=tuple(warnings))


def _declared(mapping: BehaviourMapping) -> tuple[str, ...]:
    """Names that events of the log can have: a name in a rule beyond them is a misspelt code.

    A rule may also name a code by its number, which need not occur in every session.
    """
    arrays = mapping.medpc.events if mapping.medpc else ()
    names = {*mapping.codes.values(), *(rule.event for rule in arrays if rule.event)}
    if not names:
        return ()
    numbers = {name for name in mapping.trials.events if name.isdecimal()} if mapping.trials else ()
    return tuple(sorted({*names, *numbers}))


def _scale(mapping: BehaviourMapping) -> Decimal:
    """Return the units of time per second, exactly."""
    assert mapping.medpc is not None
    if mapping.medpc.ticks_per_s:
        return Decimal(str(mapping.medpc.ticks_per_s))
    return Decimal(1000 if mapping.time_unit == "ms" else 1)


def _events(
    session: _Session, rule: MedPcEvents, mapping: BehaviourMapping, scale: Decimal
) -> Iterator[Event]:
    elapsed = Decimal(0)
    for time, code, line in _coded_times(session, rule):
        if time < 0:
            expected = "expected times of 0 or more (relative times? another array?)"
            raise session.error(line, f"{time} as a time in {rule.array}", expected)
        elapsed = elapsed + time if rule.relative else time
        name = rule.event or mapping.codes.get(code, code)
        yield Event(float(elapsed / scale), name, line)


def _coded_times(session: _Session, rule: MedPcEvents) -> Iterator[tuple[Decimal, str, int]]:
    """Yield (time in the log's unit, code, line) of each event of an array."""
    entry = len(rule.fields) or 1
    used = session.used(rule.array, rule, per_entry=entry)
    if rule.layout == "paired":
        codes = session.used(rule.codes_array, rule)
        if len(codes.values) != len(used.values):
            raise session.error(
                session.array(rule.codes_array).line,
                f"{len(codes.values)} codes in {rule.codes_array} for {len(used.values)} times in "
                f"{rule.array}",
                "expected one code per time",
            )
        for time, code, line in zip(used.values, codes.values, used.lines, strict=True):
            yield Decimal(time), cell_key(code), line
    elif rule.layout == "entries":
        for start in range(0, len(used.values), entry):
            said = dict(zip(rule.fields, used.values[start : start + entry], strict=True))
            code = "/".join(cell_key(said[name]) for name in rule.code)
            yield Decimal(said["time"]), code, used.lines[start]
    else:
        for value, line in zip(used.values, used.lines, strict=True):
            yield *_unpacked(session, rule, value, line), line


def _unpacked(session: _Session, rule: MedPcEvents, value: str, line: int) -> tuple[Decimal, str]:
    if rule.layout == "packed":
        time, _, decimals = value.partition(".")
        code = decimals[: rule.code_digits]
        if len(code) < rule.code_digits or decimals[rule.code_digits :].strip("0"):
            raise session.error(
                line,
                f"'{value}' in {rule.array}",
                f"expected {rule.code_digits} digits of code after the point (DISKFORMAT, "
                "code_digits)",
            )
        return Decimal(time), str(int(code))
    if rule.layout == "prefixed":
        number = Decimal(value)
        step = rule.code_step
        number_of_code, rest = divmod(number, step) if number >= 0 else (Decimal(0), number)
        return rest, str(int(number_of_code) * step)
    return Decimal(value), ""


def _in_order(session: _Session, rule: MedPcEvents, events: list[Event]) -> list[Event]:
    for before, after in pairwise(events):
        if after.time_s < before.time_s:
            raise session.error(
                after.row,
                f"{after.time_s:g} s after {before.time_s:g} s in {rule.array}",
                "expected times in order (relative times? zeros after the used part? another "
                "layout? an array that starts over when full?)",
            )
    return events


def read_medpc_trials(path: str | Path, mapping: BehaviourMapping) -> LogTable:
    """Read arrays with one element, or one entry of values, per trial.

    Parameters
    ----------
    path : path
        Annotated MED-PC file.
    mapping : BehaviourMapping
        With ``medpc.blocks``; ``rows`` without placeholders.

    Returns
    -------
    LogTable
        Columns as the blocks name them; rows are the lines of each trial's first value.
    """
    path = Path(path)
    assert mapping.medpc is not None
    session = _Session(path, pick_session(path, mapping.rows))
    blocks = [_block(session, rule) for rule in mapping.medpc.blocks]
    columns = tuple(dict.fromkeys(name for block in blocks for name in block[0]))
    rows: list[int] = []
    cells: list[tuple[object, ...]] = []
    for said, lines in blocks:
        rows += lines
        cells += [
            tuple(said[name][index] if name in said else None for name in columns)
            for index in range(len(lines))
        ]
    return LogTable(path.name, columns, tuple(rows), tuple(cells), tuple(session.warnings))


def _block(
    session: _Session, rule: MedPcTrials
) -> tuple[dict[str, tuple[str, ...]], tuple[int, ...]]:
    if rule.array:
        width = len(rule.fields)
        used = session.used(rule.array, rule, per_entry=width)
        said = {name: used.values[k::width] for k, name in enumerate(rule.fields)}
        lines = used.lines[::width]
    else:
        parts = {name: session.used(letter, rule) for name, letter in rule.arrays.items()}
        lengths = {used.letter: len(used.values) for used in parts.values()}
        if len(set(lengths.values())) > 1:
            raise session.error(
                session.session.line,
                ", ".join(f"{number} in {letter}" for letter, number in lengths.items()),
                "expected as many elements in every array of a block of trials",
            )
        said = {name: used.values for name, used in parts.items()}
        lines = next(iter(parts.values())).lines
    return said | {n: (value,) * len(lines) for n, value in rule.constants.items()}, lines
