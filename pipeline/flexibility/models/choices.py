"""A scored session as the models read it: choices only, coded, and several sessions as one batch.

Omissions are no choices: the models skip them, and their states do not move on an omission.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.experiment.task import NO_CUE, Task

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The choices of one session (or cell), in order; arrays have shape (n,) unless said otherwise.

    Strategies are every side (always choose it), then every declared rule that is not a side; rules
    of the same table are one strategy.

    Attributes
    ----------
    task : Task
        The task.
    strategies : tuple of str
        Names: sides first, then labels of rules.
    declared : ndarray of bool, shape (n_strategies,)
        Which strategies are rules of the task.
    choice : ndarray of int
        Position of the chosen side in ``task.sides``.
    cue : ndarray of int
        Position of the cue in ``task.cue_names``; -1: none.
    reward, correct : ndarray of bool
        Whether it was rewarded, and whether the rule made it correct.
    agrees : ndarray of float, shape (n, n_strategies)
        Probability that the strategy makes this choice: 1 or 0; 1 / sides where it reads a cue that
        was not shown.
    rule, previous_rule : ndarray of int
        Strategy that is the present and the previous rule; -1: none.
    set_index, lag : ndarray of int
        Set of the log, and trials since its first one (0 on the first; omissions count here).
    """

    task: Task
    strategies: tuple[str, ...]
    declared: NDArray[np.bool_]
    choice: NDArray[np.intp]
    cue: NDArray[np.intp]
    reward: NDArray[np.bool_]
    correct: NDArray[np.bool_]
    agrees: NDArray[np.float64]
    rule: NDArray[np.intp]
    previous_rule: NDArray[np.intp]
    set_index: NDArray[np.intp]
    lag: NDArray[np.intp]

    @property
    def n_sides(self) -> int:
        """Number of sides."""
        return len(self.task.sides)

    @property
    def reads_cue(self) -> bool:
        """Whether a rule of the task is to follow the cue (or avoid it) to a side."""
        return len(self.strategies) > self.n_sides

    def __len__(self) -> int:
        """Return the number of choices."""
        return len(self.choice)


def session_choices(trials: pd.DataFrame, task: Task) -> Choices | None:
    """Code the choices of a scored session.

    Where the log has no choices and the task two sides, the choice follows from what was correct.
    Reward is the log's ``rewarded`` where it is known for every choice, else the outcome; where
    feedback may mislead (``task.probabilistic``) it has to be logged.

    Parameters
    ----------
    trials : pandas.DataFrame
        Scored trials of one session or cell (:func:`pipeline.flexibility.score`).
    task : Task
        The task.

    Returns
    -------
    Choices or None
        None where nothing was chosen, or where the log does not say which side was chosen, which
        cues were shown where a rule reads them, or (misleading feedback) what was rewarded.
    """
    scored = trials[(trials["set_index"] > 0) & trials["outcome"].isin(["correct", "error"])]
    correct = (scored["outcome"] == "correct").to_numpy()
    correct_side = _positions(scored["correct_side"], task.sides)
    choice = _positions(scored.get("choice_side"), task.sides, count=len(scored))
    if len(task.sides) == 2:
        deduced = np.where(correct_side < 0, -1, np.where(correct, correct_side, 1 - correct_side))
        choice = np.where(choice < 0, deduced, choice)
    cue = _positions(scored.get("cue_side"), task.cue_names, count=len(scored))
    names, tables, declared, strategy_of = _strategies(task)
    reward = _rewards(scored, correct, task)
    cueless = len(names) > len(task.sides) and bool((cue < 0).all())
    if not len(scored) or (choice < 0).any() or reward is None or cueless:
        return None
    side = tables[:, cue].T
    agrees = np.where(side < 0, 1.0 / len(task.sides), side == choice[:, None])
    return Choices(
        task=task,
        strategies=names,
        declared=declared,
        choice=choice,
        cue=cue,
        reward=reward,
        correct=correct,
        agrees=agrees,
        rule=_strategy_codes(scored["rule"], strategy_of),
        previous_rule=_strategy_codes(scored["previous_rule"], strategy_of),
        set_index=scored["set_index"].to_numpy(dtype=np.intp),
        lag=scored["trial_in_set"].to_numpy(dtype=np.intp) - 1,
    )


def _strategies(
    task: Task,
) -> tuple[tuple[str, ...], NDArray[np.intp], NDArray[np.bool_], dict[str, int]]:
    """Names, side by cue (last column: no cue), which are declared, and strategy by rule."""
    cues = (*task.cue_names, NO_CUE)
    tables = [(position,) * len(cues) for position in range(len(task.sides))]
    names, strategy_of = list(task.sides), {}
    for label in task.rules:
        sides = task.correct_sides(label)
        table = tuple(task.sides.index(sides[cue]) if cue in sides else -1 for cue in cues)
        if table not in tables:
            tables.append(table)
            names.append(label)
        strategy_of[label] = tables.index(table)
    declared = np.zeros(len(tables), dtype=bool)
    declared[list(strategy_of.values())] = True
    return tuple(names), np.array(tables), declared, strategy_of


def _rewards(
    scored: pd.DataFrame, correct: NDArray[np.bool_], task: Task
) -> NDArray[np.bool_] | None:
    """Whether each choice was rewarded; None where that is not known."""
    if "rewarded" in scored and scored["rewarded"].notna().all():
        return scored["rewarded"].to_numpy(dtype=bool)
    return None if task.probabilistic else correct


def _positions(
    column: Iterable[object] | None, names: Sequence[str], *, count: int = 0
) -> NDArray[np.intp]:
    """Positions of labels in ``names``; -1 for none."""
    if column is None:
        return np.full(count, -1)
    place = {name: position for position, name in enumerate(names)}
    return np.array([place.get(str(label), -1) for label in column], dtype=np.intp)


def _strategy_codes(column: Iterable[object], strategy_of: dict[str, int]) -> NDArray[np.intp]:
    return np.array([strategy_of.get(str(label), -1) for label in column], dtype=np.intp)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Sessions of one task side by side, padded to the longest; the likelihoods run over these.

    Attributes
    ----------
    sessions : tuple of Choices
        The sessions.
    weight : ndarray, shape (n_trials, n_sessions)
        What each choice counts in the likelihood: 1; 0 for padding and for held-out choices.
    chosen, on_cue : ndarray, shape (n_trials, n_sides, n_sessions)
        1 on the side chosen; 1 on the side of the cue.
    reward : ndarray, shape (n_trials, n_sessions)
        1 where rewarded.
    agrees : ndarray, shape (n_trials, n_strategies, n_sessions)
        As in :class:`Choices`.
    """

    sessions: tuple[Choices, ...]
    weight: NDArray[np.float64]
    chosen: NDArray[np.float64]
    on_cue: NDArray[np.float64]
    reward: NDArray[np.float64]
    agrees: NDArray[np.float64]

    @property
    def first(self) -> Choices:
        """A session, for what they all share."""
        return self.sessions[0]

    def take(self, index: NDArray[np.intp]) -> Batch:
        """Return some of the sessions."""
        return Batch(
            sessions=tuple(self.sessions[position] for position in index),
            weight=self.weight[:, index],
            chosen=self.chosen[:, :, index],
            on_cue=self.on_cue[:, :, index],
            reward=self.reward[:, index],
            agrees=self.agrees[:, :, index],
        )

    def weighted(self, weight: NDArray[np.float64]) -> Batch:
        """Return the same sessions with other weights."""
        return replace(self, weight=weight)


def stack(sessions: Sequence[Choices]) -> Batch:
    """Put sessions of one task side by side.

    Parameters
    ----------
    sessions : sequence of Choices
        At least one; all of the same sides and strategies.

    Returns
    -------
    Batch

    Raises
    ------
    InputError
        If there are none, or their tasks differ.
    """
    if not sessions:
        raise InputError("models: found no session with choices; expected one or more")
    first = sessions[0]
    for session in sessions:
        if (session.task.sides, session.strategies) != (first.task.sides, first.strategies):
            raise InputError(
                f"models: found sessions of two tasks (strategies {', '.join(first.strategies)} and"
                f" {', '.join(session.strategies)}); expected one task per fit"
            )
    longest, count, n_sides = max(map(len, sessions)), len(sessions), first.n_sides
    weight, reward = np.zeros((longest, count)), np.zeros((longest, count))
    chosen, on_cue = np.zeros((longest, n_sides, count)), np.zeros((longest, n_sides, count))
    agrees = np.full((longest, len(first.strategies), count), 1.0 / n_sides)
    cue_names = np.array([*first.task.cue_names, NO_CUE])
    for position, session in enumerate(sessions):
        length = len(session)
        trial = np.arange(length)
        weight[:length, position] = 1.0
        reward[:length, position] = session.reward
        chosen[trial, session.choice, position] = 1.0
        on_cue[:length, :, position] = cue_names[session.cue][:, None] == np.array(first.task.sides)
        agrees[:length, :, position] = session.agrees
    return Batch(
        sessions=tuple(sessions),
        weight=weight,
        chosen=chosen,
        on_cue=on_cue,
        reward=reward,
        agrees=agrees,
    )
