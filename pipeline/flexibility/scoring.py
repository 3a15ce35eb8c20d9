"""The door of the room: a trial table and a task in, scored trials, sets and session out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.experiment.task import Task
from pipeline.flexibility.coding import (
    CORRECT,
    OUTCOMES,
    UNSCORED,
    CodedTrials,
    code_trials,
    trial_times,
)
from pipeline.flexibility.schemes import ERROR_TYPES, label_errors
from pipeline.flexibility.sets import summarise_session, summarise_sets

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Scores:
    """One session, scored.

    Attributes
    ----------
    trials : pandas.DataFrame
        One row per trial of the log: its columns, and those of :func:`score`.
    sets : pandas.DataFrame
        One row per rule reached (:func:`pipeline.flexibility.sets.summarise_sets`), with
        ``ended``: ``switch`` (the rule changed after the criterion was met), ``early`` (before) or
        ``session`` (the session ended).
    session : pandas.DataFrame
        One row (:func:`pipeline.flexibility.sets.summarise_session`).
    task : Task
        The task that it was scored by.
    """

    trials: pd.DataFrame
    sets: pd.DataFrame
    session: pd.DataFrame
    task: Task


def score(trials: pd.DataFrame, task: Task) -> Scores:
    """Score the trials of one session.

    When the rule changes is read from the column ``rule``; the criterion only scores. Each run of
    trials under one label is a set, so that ``L1`` and ``L2`` are two sets even where both follow
    the cue.

    Parameters
    ----------
    trials : pandas.DataFrame
        Canonical trial table of one session in order of time. Needed: ``rule``, ``choice_side``
        (empty: none), and ``cue_side`` for rules that read the cue; a log without any choices or
        any cues needs ``correct`` instead. Used where present: ``trial``, ``correct`` (checked),
        ``omission``, ``latency_choice`` (s), ``t_cue``, ``t_init``,
        ``t_choice`` (s), ``source_file``, ``source_row``. Not changed. Columns of an earlier
        scoring are replaced.
    task : Task
        The task.

    Returns
    -------
    Scores
        ``.trials`` has the input's columns and

        * ``outcome``: ``correct``, ``error``, ``omission`` or ``unscored`` (warm-up); the log's own
          ``correct`` and ``omission`` stay as they are;
        * ``t_trial``: ``t_cue``, else ``t_init``, else ``t_choice`` (s);
        * ``log_trial``: row of the table, from 1;
        * ``scored_trial``, ``set_index``, ``trial_in_set``: from 1; 0 on unscored trials;
        * ``correct_side``: side that the rule makes correct;
        * ``previous_rule``: rule of the set before, "" for none;
        * ``conflict``: whether the previous rule asks for another side; missing without one;
        * ``previous_rule_choice``: whether the choice is what the previous rule asks for; missing
          without previous rule or choice;
        * ``correction``: whether the trial repeats a failed one (``task.correction_trials``);
        * ``error_<scheme>`` for every scheme of :mod:`pipeline.flexibility.schemes`: ``none``,
          ``omission``, ``first_trial``, ``perseverative``, ``post_perseverative``, ``regressive``
          or ``never_reinforced``.

    Raises
    ------
    InputError
        If the log contradicts the task or itself; all problems at once, each naming its rows.
    """
    coded = code_trials(trials, task)
    scored = _add_columns(trials, coded, task)
    sets = summarise_sets(scored.iloc[coded.row], task)
    ended = np.where(sets["reached"], "switch", "early").astype(object)
    ended[-1:] = "session"
    sets = sets.assign(ended=ended)
    return Scores(
        trials=scored, sets=sets, session=summarise_session(scored, sets, task), task=task
    )


def _add_columns(trials: pd.DataFrame, coded: CodedTrials, task: Task) -> pd.DataFrame:
    """Add what was found out about each trial; unscored trials get neutral values."""
    import pandas as pd

    count, row = len(trials), coded.row

    def spread(values: NDArray[Any], otherwise: object) -> NDArray[Any]:
        column = np.full(count, otherwise, dtype=values.dtype)
        column[row] = values
        return column

    def labels(names: tuple[str, ...], codes: NDArray[np.intp]) -> pd.Series:
        # Through categories: a million Python strings would take most of the time.
        column = pd.Categorical.from_codes(spread(codes + 1, 0), pd.Index(["", *names]))
        return pd.Series(column, index=trials.index).astype("str")

    def category(
        names: tuple[str, ...], codes: NDArray[Any], otherwise: int
    ) -> pd.Categorical[str]:
        return pd.Categorical.from_codes(spread(codes, otherwise), pd.Index(names))

    def flag(values: NDArray[np.bool_], known: NDArray[np.bool_]) -> pd.arrays.BooleanArray:
        return pd.arrays.BooleanArray(spread(values & known, False), ~spread(known, False))

    set_id, first = coded.set_id, coded.first
    trial_in_set = np.arange(len(row)) - first[set_id] + 1
    failed_before = np.zeros(len(row), dtype=bool)
    failed_before[1:] = coded.outcome[:-1] != CORRECT
    columns: dict[str, Any] = {
        "outcome": category(OUTCOMES, coded.outcome, UNSCORED),
        "t_trial": trial_times(trials),
        "log_trial": np.arange(count) + 1,
        "scored_trial": spread(np.arange(len(row)) + 1, 0),
        "set_index": spread(set_id + 1, 0),
        "trial_in_set": spread(trial_in_set, 0),
        "correct_side": labels(task.sides, coded.correct_side),
        "previous_rule": labels(tuple(task.rules), coded.previous_rule[set_id]),
        "conflict": flag(coded.conflict, coded.comparable),
        "previous_rule_choice": flag(
            coded.choice == coded.previous_side, coded.comparable & coded.responded & coded.chose
        ),
        "correction": spread(task.correction_trials & failed_before & (trial_in_set > 1), False),
    }
    for name, codes in label_errors(coded, task).items():
        columns[f"error_{name}"] = category(ERROR_TYPES, codes, 0)
    return trials.assign(**columns)
