"""The trial table checked against the task and coded as integers, for vectorised scoring.

Scoring is own code because no published package scores rodent set-shifting; everything follows
from the trial algebra: the side y that the rule makes correct, the side p that the previous rule
would have made correct, and the choice x.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.experiment.task import NO_CUE, Task
from pipeline.flexibility.messages import file_name, one_message, rows, unknown_labels

if TYPE_CHECKING:
    import pandas as pd

#: What became of a trial; codes are positions in this tuple.
OUTCOMES = ("correct", "error", "omission", "unscored")
CORRECT, ERROR, OMISSION, UNSCORED = range(4)

#: Code of "none" (no cue, no choice, no side defined).
NONE = -1
#: Code of a label that the task does not declare.
_UNKNOWN = -2


@dataclass(frozen=True, kw_only=True)
class CodedTrials:
    """Scored trials of one session, in order; every array has shape (n,) unless said otherwise.

    Attributes
    ----------
    row : ndarray of int
        Position in the log's table, which also holds unscored trials.
    set_id : ndarray of int
        Set of each trial, from 0, not decreasing. A set is a run of trials under one rule.
    first : ndarray of int, shape (n_sets,)
        First trial of each set.
    rule, previous_rule : ndarray of int, shape (n_sets,)
        Positions in ``task.rules``; ``previous_rule`` is -1 where nothing preceded.
    outcome : ndarray of int
        Position in ``OUTCOMES``.
    choice, correct_side, previous_side : ndarray of int
        x, y and p of the trial algebra as positions in ``task.sides``; -1: none or undefined.
    """

    row: NDArray[np.intp]
    set_id: NDArray[np.intp]
    first: NDArray[np.intp]
    rule: NDArray[np.intp]
    previous_rule: NDArray[np.intp]
    outcome: NDArray[np.intp]
    choice: NDArray[np.intp]
    correct_side: NDArray[np.intp]
    previous_side: NDArray[np.intp]

    @property
    def n_sets(self) -> int:
        """Number of sets."""
        return len(self.first)

    @property
    def responded(self) -> NDArray[np.bool_]:
        """Whether the animal chose."""
        return self.outcome != OMISSION

    @property
    def error(self) -> NDArray[np.bool_]:
        """Whether it chose wrongly."""
        return self.outcome == ERROR

    @property
    def comparable(self) -> NDArray[np.bool_]:
        """Whether both rules ask for a side, so that old and new can be compared."""
        return (self.previous_side != NONE) & (self.correct_side != NONE)

    @property
    def chose(self) -> NDArray[np.bool_]:
        """Whether it is known which side the animal chose."""
        return self.choice != NONE

    @property
    def conflict(self) -> NDArray[np.bool_]:
        """Whether the previous rule asks for another side than the present one."""
        return self.comparable & (self.previous_side != self.correct_side)


def trial_times(trials: pd.DataFrame) -> NDArray[np.float64]:
    """Time of each trial: ``t_cue``, else ``t_init``, else ``t_choice``, else NaN.

    Parameters
    ----------
    trials : pandas.DataFrame
        Canonical trial table; absent time columns count as NaN.

    Returns
    -------
    ndarray, shape (n_trials,)
        Seconds on the session clock.
    """
    times = np.full(len(trials), np.nan)
    for name in ("t_cue", "t_init", "t_choice"):
        if name in trials:
            column = trials[name].to_numpy(dtype=float, na_value=np.nan)
            times = np.where(np.isnan(times), column, times)
    return times


def choice_latencies(trials: pd.DataFrame) -> NDArray[np.float64]:
    """Latency of each choice: ``latency_choice``, where that is blank ``t_choice - t_cue``.

    Parameters
    ----------
    trials : pandas.DataFrame
        Canonical trial table; absent columns count as blank.

    Returns
    -------
    ndarray, shape (n_trials,)
        Seconds; NaN where the log does not say.
    """

    def seconds(name: str) -> NDArray[np.float64]:
        if name not in trials:
            return np.full(len(trials), np.nan)
        return trials[name].to_numpy(dtype=float, na_value=np.nan)

    logged = seconds("latency_choice")
    return np.where(np.isnan(logged), seconds("t_choice") - seconds("t_cue"), logged)


def code_trials(trials: pd.DataFrame, task: Task) -> CodedTrials:
    """Check a trial table against the task and code it.

    A trial is an omission if no side was chosen, if the log calls it one, or if its latency
    (:func:`choice_latencies`) is the response window or longer; an omission is never an error, even
    where the log says ``correct = 0``.

    A log may lack all choices or all cues (a spreadsheet with rule and ``correct`` only). Then
    ``correct`` is the outcome, and what is missing follows from it where the task has two sides:
    the choice from the correct side, or the correct side from the choice.

    Parameters
    ----------
    trials : pandas.DataFrame
        Canonical trial table of one session, in order of time.
    task : Task
        The task.

    Returns
    -------
    CodedTrials
        The scored trials: without warm-up and without trials under ``task.unscored_rules``.

    Raises
    ------
    InputError
        With all problems at once: missing columns, labels that the task does not declare, a cue
        missing where the rule needs it, `correct` at odds with rule and choice, times that run
        backwards.
    """
    missing = [] if "rule" in trials else ["rule"]
    missing += [] if {"choice_side", "correct"} & set(trials) else ["choice_side"]
    if missing:
        raise InputError(
            f"{file_name(trials)}: columns: found no {' and no '.join(missing)}; expected them in "
            "the trial table (map them in the log's format)"
        )
    labels = (*task.rules, *task.unscored_rules)
    rule = _codes(trials["rule"], labels)
    row = np.flatnonzero((np.arange(len(trials)) >= task.warm_up_trials) & (rule < len(task.rules)))
    strangers = unknown_labels(trials.iloc[row], "rule", rule[row] < 0, labels)
    row, set_id, before = _sets(row, rule[row], task)
    kept, rule = trials.iloc[row], rule[row]
    choice = _codes(kept.get("choice_side"), task.sides, count=len(row))
    cue = _codes(kept.get("cue_side"), task.cue_names, count=len(row))
    logged, problems = _flags(kept, "correct")
    omission, more = _flags(kept, "omission")
    problems += [
        *more,
        *strangers,
        *unknown_labels(kept, "choice_side", choice < NONE, (*task.sides, "(empty)")),
        *unknown_labels(kept, "cue_side", cue < NONE, (*task.cue_names, "(empty)")),
        *_backward_times(trials),
    ]
    if problems:
        raise InputError(one_message(problems))
    first = np.flatnonzero(np.diff(set_id, prepend=-1))
    previous_rule = before[first]
    # Index -1 (no rule, no cue) finds the last row and column of the table, made for it.
    table = _rule_table(task)
    correct_side = table[rule, cue]
    # An answer without a choice proves that the log has no choices, rather than only omissions.
    answered = (logged == 1) | ((logged == 0) & (omission == 0))
    no_choices = bool((choice == NONE).all() and answered.any() and not task.probabilistic)
    # A session without a single answer needs no cue either.
    scored_by_log = np.isfinite(logged).any() or (omission == 1).all()
    no_cues = bool((cue == NONE).all() and scored_by_log and not task.probabilistic)
    omitted = (omission == 1) | (np.isnan(logged) if no_choices else choice == NONE)
    if no_choices:
        choice = np.where(omitted, NONE, _deduce(correct_side, logged, task))
    elif no_cues:
        deduced = np.where(omitted, NONE, _deduce(choice, logged, task))
        correct_side = np.where(correct_side == NONE, deduced, correct_side)
    late = _late(kept, task)
    by_rule = (choice != NONE) & (correct_side != NONE)
    right = np.where(by_rule, choice == correct_side, logged == 1)
    problems = [] if task.probabilistic else _contradictions(kept, omitted, late, logged, right)
    if task.probabilistic and (choice == NONE).all() and answered.any():
        problems.append(
            f"{rows(kept, answered)}: choice_side: found none; expected the choices, because with "
            "probabilistic: true `correct` does not say which option was chosen"
        )
    no_cue = (correct_side == NONE) & ~(no_cues & (omitted | np.isfinite(logged)))
    if no_cue.any():
        where = rows(kept, no_cue)
        problems.append(f"{where}: cue_side: found none; expected the cue, which the rule needs")
    if problems:
        raise InputError(one_message(problems))
    return CodedTrials(
        row=row,
        set_id=set_id,
        first=first,
        rule=rule[first],
        previous_rule=previous_rule,
        outcome=np.select([omitted | late, right], [OMISSION, CORRECT], default=ERROR),
        choice=choice,
        correct_side=correct_side,
        previous_side=_previous_sides(
            table[previous_rule[set_id], cue], correct_side, rule=rule, before=before, task=task
        ),
    )


def _deduce(side: NDArray[np.intp], logged: NDArray[np.float64], task: Task) -> NDArray[np.intp]:
    """Choice from correct side and `correct`, or the reverse; -1 where it does not follow."""
    other = 1 - side if len(task.sides) == 2 else np.full(len(side), NONE)
    return np.where(
        side == NONE, NONE, np.select([logged == 1, logged == 0], [side, other], default=NONE)
    )


def _backward_times(trials: pd.DataFrame) -> list[str]:
    """Trials that start before the trial before them."""
    times = trial_times(trials)
    known = np.flatnonzero(np.isfinite(times))
    backwards = np.zeros(len(trials), dtype=bool)
    backwards[known[1:]] = np.diff(times[known]) < 0
    if not backwards.any():
        return []
    return [
        f"{rows(trials, backwards)}: time: found a trial earlier than the one before it; expected "
        "trials in order of time (two sessions in one file, or a clock that restarts?)"
    ]


def _late(trials: pd.DataFrame, task: Task) -> NDArray[np.bool_]:
    """Whether the latency is the response window or longer."""
    if task.response_window_s is None:
        return np.zeros(len(trials), dtype=bool)
    return choice_latencies(trials) >= task.response_window_s


def _contradictions(
    trials: pd.DataFrame,
    omitted: NDArray[np.bool_],
    late: NDArray[np.bool_],
    logged: NDArray[np.float64],
    right: NDArray[np.bool_],
) -> list[str]:
    """Where the log's `correct` says something else than rule and choice."""
    checks = (
        (
            omitted & (logged == 1),
            "1 on an omission",
            "0 or empty there (is choice_side missing, or mapped from the wrong column?)",
        ),
        (
            late & ~omitted & (logged == 1),
            "1 on a trial whose latency (latency_choice, else t_choice - t_cue) is "
            "response_window_s or longer",
            "an omission there (is response_window_s shorter than in the box, or the latency not "
            "in seconds?)",
        ),
        (
            ~omitted & ~late & np.isfinite(logged) & (logged != right),
            "a value that contradicts rule, cue_side and choice_side",
            "agreement (wrong expression for a rule, sides exchanged, or rewards by chance: then "
            "probabilistic: true)",
        ),
    )
    return [
        f"{rows(trials, bad)}: correct: found {found}; expected {expected}"
        for bad, found, expected in checks
        if bad.any()
    ]


def _sets(
    row: NDArray[np.intp], rule: NDArray[np.intp], task: Task
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Leave discovery trials out, and say of each other trial which set it is in.

    Returns the rows kept, the set of each from 0, and the rule before that set (-1: none; a first
    set that continues the rule of the day before has none). A rule that lasted for discovery trials
    only is no set, but it is what the next one follows.
    """
    # Labels that are empty or unknown are refused later: here they only must not look like a start.
    changes = np.diff(rule, prepend=min(NONE, _UNKNOWN) - 1) != 0
    opens, run = np.flatnonzero(changes), np.cumsum(changes) - 1
    before = np.append(NONE, rule[opens][:-1])[: len(opens)]
    if len(opens) and task.rule_before_session is not None:
        start = list(task.rules).index(task.rule_before_session)
        before[0] = NONE if start == rule[0] else start
    scored = np.arange(len(row)) - opens[run] >= task.discovery_trials
    run = run[scored]
    return row[scored], np.cumsum(np.diff(run, prepend=NONE) != 0) - 1, before[run]


def _previous_sides(
    asked: NDArray[np.intp],
    correct_side: NDArray[np.intp],
    *,
    rule: NDArray[np.intp],
    before: NDArray[np.intp],
    task: Task,
) -> NDArray[np.intp]:
    """What the previous rule asks for, in the stages of a series too.

    A reversal of two options asks for the other one whatever the exemplars; a compound stage keeps
    them; every other stage brings new ones, of which the previous rule says nothing.
    """
    if not task.stages:
        return asked
    kind = [declared.kind for declared in task.rules.values()]
    own, kept, reversed_ = (
        np.array([name in names for name in kind])[rule] & (before != NONE)
        for names in (
            ("simple", "intradimensional", "extradimensional"),
            ("compound",),
            ("reversal",),
        )
    )
    reversed_ &= (correct_side != NONE) & (len(task.sides) == 2)
    return np.select([own, kept, reversed_], [NONE, correct_side, 1 - correct_side], default=asked)


def _rule_table(task: Task) -> NDArray[np.intp]:
    """Correct side of each rule for each cue, shape (n_rules + 1, n_cues + 1), -1: undefined."""
    cues = (*task.cue_names, NO_CUE)
    table = np.full((len(task.rules) + 1, len(cues)), NONE)
    for position, label in enumerate(task.rules):
        sides = task.correct_sides(label)
        table[position] = [task.sides.index(sides[cue]) if cue in sides else NONE for cue in cues]
    return table


def _codes(column: pd.Series | None, names: Sequence[str], *, count: int = 0) -> NDArray[np.intp]:
    """Positions of labels in ``names``; -1 for empty cells, -2 for labels that are not there."""
    import pandas as pd

    if column is None:
        return np.full(count, NONE)
    codes, labels = pd.factorize(column)
    position = {"": NONE, **{name: index for index, name in enumerate(names)}}
    found = [position.get(str(label), _UNKNOWN) for label in labels]
    return np.array([*found, NONE], dtype=np.intp)[codes]


def _flags(trials: pd.DataFrame, name: str) -> tuple[NDArray[np.float64], list[str]]:
    """Return 0, 1 or NaN (not logged) for each trial, and what is none of these."""
    import pandas as pd

    if name not in trials:
        return np.full(len(trials), np.nan), []
    column = trials[name]
    flags = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    bad = ~(np.isnan(flags) | (flags == 0) | (flags == 1))
    bad |= np.isnan(flags) & column.notna().to_numpy()
    if not bad.any():
        return flags, []
    value = str(column.to_numpy(dtype=object)[np.argmax(bad)])
    return flags, [f"{rows(trials, bad)}: {name}: found {value!r}; expected 0, 1 or empty"]
