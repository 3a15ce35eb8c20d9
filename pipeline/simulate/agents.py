"""Agents that generate choices from the models of set-shifting, with known parameters.

The models themselves (likelihoods and fits) belong to the flexibility room. These are their
generating side, written as plain loops over trials, so that recovery tests one against the other.
Everything holds for any declared task: any number of sides, any rules.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pipeline.experiment.task import Task

if TYPE_CHECKING:
    import pandas as pd


class ChoiceState(Protocol):
    """What an agent carries from trial to trial."""

    def choose(self, cue: str, rng: np.random.Generator) -> int:
        """Return the position of the side that it chooses."""
        ...

    def learn(self, cue: str, choice: int, reward: bool) -> None:
        """Take in what followed."""
        ...


class ChoiceAgent(Protocol):
    """Parameters of an agent."""

    def begin(self, task: Task) -> ChoiceState:
        """Return a fresh state for a session of a task."""
        ...


@dataclass(frozen=True, kw_only=True)
class ReinforcementAgent:
    """Learns the worth of each side and of the cue from one prediction error.

    Attributes
    ----------
    alpha_reward, alpha_loss : float
        Learning rates after reward and after no reward, 0 to 1.
    beta : float
        Inverse temperature.
    attention : float
        Weight of the cue store, 0 to 1; the side store has the rest.
    stickiness : float
        Bonus of the side chosen last.
    """

    alpha_reward: float = 0.4
    alpha_loss: float = 0.3
    beta: float = 6.0
    attention: float = 0.5
    stickiness: float = 0.3

    def begin(self, task: Task) -> ChoiceState:
        """Return a state in which everything is worth the chance of reward."""
        return _ReinforcementState(self, task.sides)


class _ReinforcementState:
    def __init__(self, agent: ReinforcementAgent, sides: Sequence[str]) -> None:
        chance = 1.0 / len(sides)
        self.agent, self.sides = agent, list(sides)
        self.side_worth = [chance] * len(sides)
        self.cue_worth = {True: chance, False: chance}
        self.last = -1

    def worth(self, side: int, cue: str) -> float:
        weight = self.agent.attention
        return (
            weight * self.cue_worth[self.sides[side] == cue]
            + (1 - weight) * (self.side_worth[side])
        )

    def choose(self, cue: str, rng: np.random.Generator) -> int:
        drives = [
            self.agent.beta * self.worth(side, cue) + self.agent.stickiness * (side == self.last)
            for side in range(len(self.sides))
        ]
        weights = [math.exp(drive - max(drives)) for drive in drives]
        return _draw(weights, rng)

    def learn(self, cue: str, choice: int, reward: bool) -> None:
        agent = self.agent
        rate = agent.alpha_reward if reward else agent.alpha_loss
        step = rate * (float(reward) - self.worth(choice, cue))
        self.side_worth[choice] += (1 - agent.attention) * step
        self.cue_worth[self.sides[choice] == cue] += agent.attention * step
        self.last = choice


@dataclass(frozen=True, kw_only=True)
class ExploreExploitAgent:
    """Follows one strategy for a while, then explores at random, then follows another.

    It is deaf to reward: states come and go by chance. Strategies are every side, and every
    declared rule that is not a side.

    Attributes
    ----------
    explore_stay : float
        Probability of exploring on after a trial of exploration.
    side_stay, rule_stay : float
        Probability of keeping a strategy that is a side, or another rule (the cue).
    enter_rule : float
        Probability that exploration ends in a strategy that is not a side.
    """

    explore_stay: float = 0.8
    side_stay: float = 0.9
    rule_stay: float = 0.9
    enter_rule: float = 0.5

    def begin(self, task: Task) -> ChoiceState:
        """Return the state of exploring."""
        return _ExploreState(self, task)


class _ExploreState:
    def __init__(self, agent: ExploreExploitAgent, task: Task) -> None:
        self.agent, self.n_sides = agent, len(task.sides)
        self.side_tables, self.rule_tables = strategy_tables(task)
        self.now: tuple[str, int] | None = None
        self.first = True

    def choose(self, cue: str, rng: np.random.Generator) -> int:
        if not self.first:
            self._move(rng)
        self.first = False
        side = None
        if self.now is not None:
            kind, position = self.now
            side = (self.side_tables if kind == "side" else self.rule_tables)[position].get(cue)
        return int(rng.integers(self.n_sides)) if side is None else side

    def _move(self, rng: np.random.Generator) -> None:
        agent = self.agent
        if self.now is not None:
            stay = agent.side_stay if self.now[0] == "side" else agent.rule_stay
            if rng.uniform() >= stay:
                self.now = None
        elif rng.uniform() >= agent.explore_stay:
            other = self.rule_tables and rng.uniform() < agent.enter_rule
            tables = self.rule_tables if other else self.side_tables
            self.now = ("rule" if other else "side", int(rng.integers(len(tables))))

    def learn(self, cue: str, choice: int, reward: bool) -> None:
        pass

    @property
    def label(self) -> str:
        """State of the last choice: explore, side:0, side:1, ..., rule:0, ..."""
        return "explore" if self.now is None else f"{self.now[0]}:{self.now[1]}"


@dataclass(frozen=True, kw_only=True)
class RuleObserverAgent:
    """Knows the declared rules, and believes in one or the other.

    Attributes
    ----------
    hazard : float
        Probability, as the agent sees it, that the rule changes from one trial to the next.
    noise : float
        Probability, as the agent sees it, that an outcome misleads; 0 to 0.5.
    lapse : float
        Probability of choosing a side at random.
    """

    hazard: float = 0.03
    noise: float = 0.2
    lapse: float = 0.1

    def begin(self, task: Task) -> ChoiceState:
        """Return a state in which all rules are equally likely."""
        return _ObserverState(self, task)


class _ObserverState:
    def __init__(self, agent: RuleObserverAgent, task: Task) -> None:
        tables: list[dict[str, str]] = []
        for label in task.rules:
            table = task.correct_sides(label)
            if table not in tables:
                tables.append(table)
        self.tables = [
            {cue: task.sides.index(side) for cue, side in table.items()} for table in tables
        ]
        self.agent, self.n_sides = agent, len(task.sides)
        self.belief = [1.0 / len(tables)] * len(tables)

    def choose(self, cue: str, rng: np.random.Generator) -> int:
        lapse = self.agent.lapse / self.n_sides
        weights = [lapse] * self.n_sides
        for table, belief in zip(self.tables, self.belief, strict=True):
            weights[table[cue]] += (1 - self.agent.lapse) * belief
        return _draw(weights, rng)

    def learn(self, cue: str, choice: int, reward: bool) -> None:
        noise, hazard, count = self.agent.noise, self.agent.hazard, len(self.tables)
        posterior = [
            belief * ((1 - noise) if (table[cue] == choice) == reward else noise)
            for table, belief in zip(self.tables, self.belief, strict=True)
        ]
        total = sum(posterior)
        self.belief = [
            (1 - hazard) * part / total + hazard * (1 - part / total) / (count - 1)
            for part in posterior
        ]


@dataclass(frozen=True, kw_only=True)
class BiasedAgent:
    """Chooses the first side with a fixed probability, whatever the task; the others alike."""

    first_side: float = 0.5

    def begin(self, task: Task) -> ChoiceState:
        """Return the only state that it has."""
        return _BiasedState(self.first_side, len(task.sides))


class _BiasedState:
    def __init__(self, first: float, n_sides: int) -> None:
        self.weights = [first] + [(1 - first) / (n_sides - 1)] * (n_sides - 1)

    def choose(self, cue: str, rng: np.random.Generator) -> int:
        return _draw(self.weights, rng)

    def learn(self, cue: str, choice: int, reward: bool) -> None:
        pass


def strategy_tables(task: Task) -> tuple[list[dict[str, int]], list[dict[str, int]]]:
    """Return the side of each strategy by cue: the sides themselves, and the other rules.

    Parameters
    ----------
    task : Task
        The task.

    Returns
    -------
    sides, rules : list of dict of str to int
        Position of the chosen side by cue; each distinct table once.
    """
    cues = (*task.cue_names, "")
    sides = [dict.fromkeys(cues, position) for position in range(len(task.sides))]
    rules: list[dict[str, int]] = []
    for label in task.rules:
        table = {cue: task.sides.index(side) for cue, side in task.correct_sides(label).items()}
        if table not in sides and table not in rules:
            rules.append(table)
    return sides, rules


def simulate_choices(
    agent: ChoiceAgent,
    *,
    task: Task,
    rules: Sequence[str],
    n_trials: int,
    rng: np.random.Generator,
    set_trials: int | None = None,
    omission: float = 0.0,
    misleading: float = 0.0,
) -> pd.DataFrame:
    """Let an agent do a session, and return the trials as the canonical table.

    Parameters
    ----------
    agent : ChoiceAgent
        One of this module.
    task : Task
        Sides, cues, rules and criterion.
    rules : sequence of str
        Rules in their order, begun again when they are used up.
    n_trials : int
        Trials of the session.
    rng : numpy.random.Generator
        Draws cues, choices, omissions and misleading feedback.
    set_trials : int, optional
        The rule changes after so many trials; by default when the task's criterion is met by the
        last choices (omissions do not count and break nothing).
    omission : float
        Probability of no choice.
    misleading : float
        Probability that a correct choice goes unrewarded and a wrong one is rewarded.

    Returns
    -------
    pandas.DataFrame
        ``trial``, ``t_cue`` (s, one trial every 10 s), ``rule``, ``cue_side``, ``choice_side``,
        ``correct``, ``omission``, ``rewarded``; of an :class:`ExploreExploitAgent` also ``state``
        (``explore``, ``side:0``, ... in the order of the sides, ``rule:0``, ... of the others).
    """
    reads_cue = any(len(set(task.correct_sides(label).values())) > 1 for label in task.rules)
    state, rows, hits, position, in_set = agent.begin(task), [], [], 0, 0
    for trial in range(n_trials):
        rule = rules[position % len(rules)]
        cue = task.cue_names[int(rng.integers(len(task.cue_names)))] if reads_cue else ""
        row = {"trial": trial + 1, "t_cue": 10.0 * trial, "rule": rule, "cue_side": cue}
        in_set += 1
        if omission and rng.uniform() < omission:
            row |= {"choice_side": "", "correct": False, "omission": True, "rewarded": False}
        else:
            choice = state.choose(cue, rng)
            correct = task.sides[choice] == task.correct_sides(rule)[cue]
            reward = correct != bool(misleading and rng.uniform() < misleading)
            state.learn(cue, choice, reward)
            hits.append(correct)
            row |= {"choice_side": task.sides[choice], "correct": correct, "omission": False}
            row["rewarded"] = reward
            if isinstance(state, _ExploreState):
                row["state"] = state.label
        rows.append(row)
        done = task.criterion.met(hits) if set_trials is None else in_set == set_trials
        if done:
            position, hits, in_set = position + 1, [], 0
    import pandas as pd

    return pd.DataFrame(rows).astype({"correct": "boolean", "rewarded": "boolean"})


def replay(
    agent: ChoiceAgent,
    *,
    task: Task,
    rules: Sequence[str],
    cues: Sequence[str],
    rng: np.random.Generator,
) -> np.ndarray:
    """Let an agent choose under a given sequence of rules and cues, and return what was correct.

    Parameters
    ----------
    agent : ChoiceAgent
        One of this module.
    task : Task
        The task; outcomes follow its rules.
    rules, cues : sequence of str
        Rule and cue of each trial.
    rng : numpy.random.Generator
        Draws the choices.

    Returns
    -------
    ndarray of bool, shape (n_trials,)
        Whether each choice was correct.
    """
    tables = {label: task.correct_sides(label) for label in set(rules)}
    state, correct = agent.begin(task), np.zeros(len(rules), dtype=bool)
    for trial, (rule, cue) in enumerate(zip(rules, cues, strict=True)):
        choice = state.choose(cue, rng)
        correct[trial] = task.sides[choice] == tables[rule][cue]
        state.learn(cue, choice, bool(correct[trial]))
    return correct


def _draw(weights: Sequence[float], rng: np.random.Generator) -> int:
    """Return a position, with probability in proportion to its weight."""
    edges = np.cumsum(weights)
    position = int(np.searchsorted(edges, rng.uniform(0.0, edges[-1]), side="right"))
    return min(position, len(weights) - 1)
