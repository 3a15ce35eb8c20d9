"""From the events of a log to one row per trial, by the rules that the lab declares."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from pipeline.errors import ExperimentError, InputError, Problem
from pipeline.experiment.behaviour_mapping import BehaviourMapping
from pipeline.experiment.behaviour_rules import TrialRules
from pipeline.experiment.strict import did_you_mean
from pipeline.ingest.adapters.event_log import Event, EventLog
from pipeline.ingest.adapters.log_table import LogTable

#: names of events that a message lists
SHOWN_NAMES = 25
#: marks that end a word of a printed line
_WORD_ENDS = " \t,;"


@dataclass(frozen=True)
class _Trial:
    """Events of one trial, from its start to the next one's."""

    events: tuple[Event, ...]
    last: bool

    def first(self, names: Collection[str], *, after: Event | None = None) -> Event | None:
        """Return the first of some events, at or after another one in the log's order."""
        begun = after is None
        for event in self.events:
            begun = begun or event is after
            if begun and event.kind == "event" and event.name in names:
                return event
        return None


def trials_of_events(log: EventLog, mapping: BehaviourMapping) -> tuple[LogTable, BehaviourMapping]:
    """Make trials of the events of a log.

    Parameters
    ----------
    log : EventLog
        Entries in the order of time.
    mapping : BehaviourMapping
        With ``trials``.

    Returns
    -------
    table : LogTable
        One row per trial; columns carry the names of the trial table; ``rows`` are the rows of the
        start events. A last trial that the end of the log cut off is left out, with a warning.
    mapping : BehaviourMapping
        What its cells mean: seconds, and the words of the rules.

    Raises
    ------
    InputError
        Times that are no numbers or run backwards, events that the log does not know, no start.
    """
    rules = mapping.trials
    assert rules is not None
    _refuse_times(log)
    _refuse_unknown_events(log, rules)
    columns = ("t_cue", *rules.columns)
    rows: list[int] = []
    cells: list[tuple[object, ...]] = []
    warnings = list(log.warnings)
    state: dict[str, str] = {"rule": rules.first_rule}
    for trial in _trials(log.events, rules, state):
        said, finished = _row(trial, rules, state)
        if not finished:
            warnings.append(
                f"{log.file}: {log.row_word} {trial.events[0].row}: the log ends in the middle of "
                "its last trial, which is left out"
            )
            continue
        rows.append(trial.events[0].row)
        cells.append(tuple(said.get(name) for name in columns))
    if not rows:
        raise InputError(f"{log.file}: found no finished trial; expected at least one")
    table = LogTable(log.file, columns, tuple(rows), tuple(cells), tuple(warnings))
    return table, _meanings(mapping, rules)


def _refuse_times(log: EventLog) -> None:
    for before, after in pairwise(log.events):
        if not after.time_s >= before.time_s:
            raise ExperimentError(
                [
                    Problem(
                        log.file,
                        f"{log.row_word} {after.row}",
                        f"{after.time_s:g} s after {before.time_s:g} s",
                        "expected times in order (clock restarted, or two sessions in one file?)",
                    )
                ]
            )


def _refuse_unknown_events(log: EventLog, rules: TrialRules) -> None:
    """Refuse names that the log does not have.

    Where the log declares its events, every name must be among them. Elsewhere an event may just
    not have happened, but without any start, or any of the choices, nothing can be read.
    """
    if not log.events:
        raise InputError(f"{log.file}: found no events; expected a log with trials")
    met = {event.name for event in log.events if event.kind == "event"}
    known = sorted({*log.declared, *met})
    shown = ", ".join(known[:SHOWN_NAMES]) + (" ..." if len(known) > SHOWN_NAMES else "")
    missing = [name for name in rules.events if name not in known] if log.declared else []
    for names in (rules.start, tuple(rules.choice)):
        if names and not met & set(names):
            missing += names
    missing = list(dict.fromkeys(missing))
    if missing:
        raise ExperimentError(
            Problem(
                log.file,
                "trials",
                f"events {shown or 'none'}",
                f"expected '{name}'{did_you_mean(name, known)}, which the rules name",
            )
            for name in missing
        )
    variables = {event.name for event in log.events if event.kind == "variable"}
    absent = [name for name in rules.variables.values() if name not in variables]
    if absent:
        raise InputError(
            f"{log.file}: trials.variables: found {', '.join(sorted(variables)) or 'none'}; "
            f"expected '{absent[0]}'{did_you_mean(absent[0], variables)}"
        )


def _trials(events: Sequence[Event], rules: TrialRules, state: dict[str, str]) -> Iterable[_Trial]:
    starts = [
        index
        for index, event in enumerate(events)
        if event.kind == "event" and event.name in rules.start
    ]
    _set_state(events[: starts[0]], rules, state)
    for number, (start, stop) in enumerate(pairwise([*starts, len(events)]), 1):
        yield _Trial(tuple(events[start:stop]), last=number == len(starts))


def _set_state(events: Iterable[Event], rules: TrialRules, state: dict[str, str]) -> None:
    """Follow rule and variables through some entries."""
    for event in events:
        if event.kind == "variable":
            state[f"variable {event.name}"] = event.value
        elif event.kind == "event" and event.name in rules.rule:
            state["rule"] = rules.rule[event.name]


def _row(trial: _Trial, rules: TrialRules, state: dict[str, str]) -> tuple[dict[str, Any], bool]:
    """Return the cells of one trial, and whether it is finished; ``state`` moves on."""
    start = trial.events[0]
    stop = trial.first(rules.stop)
    open_ = replace(trial, events=_until(trial.events, stop))
    cue = open_.first(rules.cue)
    shown = open_.first(rules.cue_time) if rules.cue_time else cue or start
    init = open_.first(rules.init)
    choice, closed = _choice(trial, open_, rules)
    after = _at(trial, choice)
    correct = after.first(rules.correct)
    reward = after.first(rules.reward)
    omitted = trial.first(rules.omission)
    # In force at the choice; without one, at the end of the time for it.
    decided = _until(trial.events, choice or stop)
    _set_state(decided, rules, state)
    said: dict[str, Any] = {
        "t_cue": shown.time_s if shown else None,
        "cue_side": rules.cue[cue.name] if cue else "",
        "t_init": init.time_s if init else None,
        "t_choice": choice.time_s if choice else None,
        "choice_side": rules.choice[choice.name] if choice else "",
        "correct": rules.correct[correct.name] if correct else _silent(rules, choice),
        "omission": omitted is not None,
        "rewarded": reward is not None,
        "t_reward": reward.time_s if reward else None,
        "rule": state["rule"],
    }
    said |= {c: state.get(f"variable {name}", "") for c, name in rules.variables.items()}
    said |= {column: _printed(trial.events, word) for column, word in rules.printed.items()}
    _set_state(trial.events[len(decided) :], rules, state)
    return said, not trial.last or _finished(rules, choice, correct, stop, omitted, closed)


def _finished(
    rules: TrialRules,
    choice: Event | None,
    correct: Event | None,
    stop: Event | None,
    omitted: Event | None,
    closed: bool,
) -> bool:
    """Whether the last trial of a log reached its end."""
    if omitted or (not rules.choice and correct):
        return True
    if choice:
        return correct is not None or not rules.correct or "" in rules.correct
    return stop is not None or closed


def _silent(rules: TrialRules, choice: Event | None) -> bool | str:
    """Return what it means that no event of ``correct`` occurred."""
    if choice is None and rules.choice:
        return ""
    return rules.correct.get("", "")


def _choice(trial: _Trial, open_: _Trial, rules: TrialRules) -> tuple[Event | None, bool]:
    """Return the choice, and whether the log reaches beyond the time for it."""
    origin = open_.first(rules.choice_after) if rules.choice_after else trial.events[0]
    if origin is None:
        return None, False
    choice = open_.first(rules.choice, after=origin)
    if rules.window_s is None:
        return choice, False
    # Times are decimal fractions of seconds: the window must not end early by rounding.
    limit = origin.time_s + rules.window_s + 1e-9
    late = choice is not None and choice.time_s > limit
    return None if late else choice, trial.events[-1].time_s > limit


def _until(events: tuple[Event, ...], last: Event | None) -> tuple[Event, ...]:
    """Return the events up to and with one of them; all when there is none."""
    for index, event in enumerate(events):
        if event is last:
            return events[: index + 1]
    return events


def _at(trial: _Trial, choice: Event | None) -> _Trial:
    """Return the part of a trial from the choice on; the whole trial without one."""
    for index, event in enumerate(trial.events):
        if event is choice:
            return replace(trial, events=trial.events[index:])
    return trial


def _printed(events: Iterable[Event], word: str) -> str:
    """Return what follows a word in the last printed line that holds it; "" without one."""
    found = ""
    for event in events:
        if event.kind != "print":
            continue
        before, mark, behind = event.value.partition(word)
        if mark and (not before or before[-1] in _WORD_ENDS):
            rest = behind.strip(_WORD_ENDS)
            ends = [rest.index(mark) for mark in _WORD_ENDS if mark in rest]
            found = rest[: min(ends, default=len(rest))]
    return found


def _meanings(mapping: BehaviourMapping, rules: TrialRules) -> BehaviourMapping:
    """Return the mapping of the table that the rules made."""
    names = ["t_cue", *rules.columns]
    values: dict[str, Mapping[str, bool | str]] = {
        name: {word: word for word in (*sorted(set(words.values())),)} | {"": ""}
        for name, words in (("choice_side", rules.choice), ("cue_side", rules.cue))
        if words and name in names
    }
    values |= mapping.values
    return mapping.model_copy(
        update={
            "reader": "columns",
            "columns": {name: name for name in names},
            "values": values,
            "time_unit": "s",
            "medpc": None,
            "rows": {},
        }
    )
