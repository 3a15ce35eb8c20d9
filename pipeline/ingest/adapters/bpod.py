"""Bpod sessions (``SessionData`` of a .mat file): states and events of every trial.

Times in ``RawEvents`` count from the trial's start; ``TrialStartTimestamp`` puts them on the
session's clock. A state that a trial did not visit is NaN.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pipeline.errors import ExperimentError, InputError, Problem
from pipeline.experiment.behaviour_mapping import cell_key
from pipeline.ingest.adapters.event_log import Event, EventLog
from pipeline.ingest.adapters.matlab import read_struct

TRIAL_START, TRIAL_END = "TrialStart", "TrialEnd"
#: inputs that a machine may have and that a session need not meet
_INPUT = re.compile(
    r"(Port\d+(In|Out)|(BNC|Wire|Flex)\d+(High|Low|Trig_?\d*)|SoftCode\d+|Tup|Condition\d+|"
    r"GlobalTimer\d+_(Start|End)|GlobalCounter\d+_End|Serial\d+_\d+|[A-Za-z]+\d*_\d+)"
)
#: fields of SessionData that are no variables of the task
_OWN = ("RawEvents", "RawData", "Info", "TrialSettings", "SettingsFile", "nTrials", "Notes")


def read_bpod(path: str | Path, *, named: Collection[str] = ()) -> EventLog:
    """Read a Bpod session.

    Parameters
    ----------
    path : path
        ``.mat``, version 5 or 7.3.
    named : collection of str
        Events that the mapping names: inputs of the machine among them may be absent from the log.

    Returns
    -------
    EventLog
        Rows are trials. Each trial gives ``TrialStart``, the states it visited, its events,
        ``TrialEnd`` where the file has it, and as variables the fields of SessionData with one
        number per trial (``TrialTypes``). Seconds on the session's clock.

    Raises
    ------
    InputError
        No Bpod session, trials without a start, numbers of trials that differ, states without a
        start and an end.
    """
    import numpy as np

    path = Path(path)
    data = read_struct(path, "SessionData")
    trials, starts = _trials(path, data)
    count = len(trials)
    ends = np.atleast_1d(data.get("TrialEndTimestamp", np.empty(0)))
    variables, warnings = _variables(path, data, count)
    events: list[Event] = []
    states: set[str] = set()
    problems: list[Problem] = []
    for index, (trial, start) in enumerate(zip(trials, starts, strict=True)):
        number, zero = index + 1, float(start)
        events.append(Event(zero, TRIAL_START, number))
        events += [
            Event(zero, name, number, "variable", values[index])
            for name, values in variables.items()
        ]
        own = trial.get("States")
        if not isinstance(own, dict):
            raise InputError(f"{path}: trial {number}: found no struct States; expected one")
        states |= set(own)
        timed = [
            (time, order, name)
            for order, times in ((1, _events(trial)), (2, _visits(path, number, own, problems)))
            for name, time in times
        ]
        # An input ends a state at the same time: first the input, then the state it led to.
        events += [Event(zero + time, name, number) for time, _, name in sorted(timed)]
        if len(ends) == count:
            events.append(Event(float(ends[index]), TRIAL_END, number))
    if problems:
        raise ExperimentError(problems[:10])
    declared = {*states, TRIAL_START, *(name for name in named if _INPUT.fullmatch(name))}
    if len(ends) == count:
        declared.add(TRIAL_END)
    return EventLog(
        path.name,
        tuple(events),
        row_word="trial",
        declared=tuple(sorted(declared)),
        warnings=tuple(warnings),
    )


def _trials(path: Path, data: dict[str, Any]) -> tuple[list[dict[str, Any]], Any]:
    """Return the trials and their starts; one trial alone comes as no list."""
    import numpy as np

    raw = data.get("RawEvents")
    trials = raw.get("Trial") if isinstance(raw, dict) else None
    trials = [trials] if isinstance(trials, dict) else trials
    if not isinstance(trials, list) or not all(isinstance(trial, dict) for trial in trials):
        raise InputError(
            f"{path}: found no RawEvents.Trial in SessionData; expected a Bpod session"
        )
    if "TrialStartTimestamp" not in data:
        raise InputError(
            f"{path}: found no TrialStartTimestamp; expected one per trial: without it the times "
            "of different trials have no common clock"
        )
    starts = np.atleast_1d(data["TrialStartTimestamp"])
    stated = data.get("nTrials", len(trials))
    counts = {
        "trials in RawEvents": len(trials),
        "TrialStartTimestamp": len(starts),
        "nTrials": int(np.ravel(stated)[0]) if np.size(stated) else 0,
    }
    if len(set(counts.values())) > 1 or not trials:
        said = ", ".join(f"{name}: {count}" for name, count in counts.items())
        raise InputError(
            f"{path}: found {said}; expected the same number, at least 1 (saved in the middle of a "
            "trial?)"
        )
    if not np.isfinite(starts).all():
        wrong = int(np.flatnonzero(~np.isfinite(starts))[0]) + 1
        raise InputError(f"{path}: trial {wrong}: found no start (NaN); expected seconds")
    return trials, starts


def _events(trial: dict[str, Any]) -> list[tuple[str, float]]:
    import numpy as np

    own = trial.get("Events")
    return [
        (name, float(time))
        for name, times in (own.items() if isinstance(own, dict) else ())
        if isinstance(times, np.ndarray)
        for time in np.ravel(times)
        if np.isfinite(time)
    ]


def _visits(
    path: Path, number: int, states: dict[str, Any], problems: list[Problem]
) -> list[tuple[str, float]]:
    """Return (state, start in the trial) of every visit."""
    import numpy as np

    visits = []
    for name, times in states.items():
        if not isinstance(times, np.ndarray) or times.size % 2 or not times.size:
            found = f"{np.size(times)} numbers in state {name}"
            expected = "expected a start and an end of each visit, NaN where there was none"
            problems.append(Problem(path.name, f"trial {number}", found, expected))
            continue
        for start, stop in times.reshape(-1, 2):
            if np.isnan(start) and np.isnan(stop):
                continue
            if not 0 <= start <= stop:
                found = f"state {name} from {start:g} to {stop:g} s"
                expected = "expected a start of 0 or more and an end not before it"
                problems.append(Problem(path.name, f"trial {number}", found, expected))
                continue
            visits.append((name, float(start)))
    return visits


def _variables(
    path: Path, data: dict[str, Any], count: int
) -> tuple[dict[str, list[str]], list[str]]:
    """Return the fields with one value per trial, as text, and what was cut from longer ones."""
    import numpy as np

    found: dict[str, list[str]] = {}
    warnings = []
    for name, value in data.items():
        if name in _OWN or name.endswith("Timestamp"):
            continue
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            texts = list(value)
        elif isinstance(value, np.ndarray) and value.ndim <= 1:
            texts = [cell_key(float(item)) for item in np.atleast_1d(value)]
        elif isinstance(value, str) and count == 1:
            texts = [value]
        else:
            continue
        if len(texts) < count:
            continue
        if len(texts) > count:
            warnings.append(
                f"{path.name}: {name} has {len(texts)} values for {count} trials: planned ahead, "
                "the first ones count"
            )
        found[name] = texts[:count]
    return found, warnings
