"""An agent that shifts between rules: trials of a light/side task with known flexibility."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

STRATEGIES = ("light", "left", "right")
SIDES = ("left", "right")


@dataclass(frozen=True, kw_only=True)
class Agent:
    """How an animal learns and chooses.

    It weighs three strategies (go to the light, go left, go right), follows one of them on each
    trial and lets the outcome speak for or against every strategy by what it would have chosen.

    Attributes
    ----------
    learning_rate : float
        Step from a strategy's value towards the outcome, between 0 and 1: the flexibility.
    decisiveness : float
        Inverse temperature of the softmax over strategies.
    perseveration : float
        Bonus of the strategy that was followed on the trial before.
    lapse : float
        Probability of choosing a side at random.
    omission : float
        Probability of no response.
    response_s : float
        Median response time (log-normal).
    """

    learning_rate: float = 0.2
    decisiveness: float = 8.0
    perseveration: float = 1.0
    lapse: float = 0.02
    omission: float = 0.02
    response_s: float = 0.9


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One trial as the box logs it; ``choice`` is "none" and ``response_s`` NaN when omitted."""

    number: int
    start_s: float
    rule: str
    light: str
    choice: str
    correct: bool
    response_s: float

    @property
    def omitted(self) -> bool:
        """Whether the animal did not respond."""
        return self.choice == "none"


def correct_side(rule: str, light: str) -> str:
    """Return the side that a rule makes correct."""
    return light if rule == "light" else rule


def _choose(agent: Agent, values: dict[str, float], last: str, rng: np.random.Generator) -> str:
    """Return the strategy that the agent follows (softmax with a bonus for the last one)."""
    drives = [
        agent.decisiveness * values[name] + agent.perseveration * (name == last)
        for name in STRATEGIES
    ]
    # Against the largest, so that no exponential overflows however decisive the agent is.
    weights = [math.exp(drive - max(drives)) for drive in drives]
    edges = np.cumsum(weights)
    return STRATEGIES[int(np.searchsorted(edges, rng.uniform(0.0, edges[-1]), side="right"))]


def simulate_trials(
    agent: Agent,
    *,
    rules: Sequence[str],
    trial_times_s: Sequence[float],
    rng: np.random.Generator,
    criterion: int = 10,
    restart_at_s: float = math.inf,
    after_restart: Agent | None = None,
    last_switch_s: float = math.inf,
) -> list[Trial]:
    """Return the trials of an agent under rules that change, uncued, at the criterion.

    Parameters
    ----------
    agent : Agent
        How it learns and chooses.
    rules : sequence of str
        ``light``, ``left`` or ``right``; begun again from the start when they are used up.
    trial_times_s : sequence of float
        When trials may start, on the session clock.
    rng : numpy.random.Generator
        Draws lights, choices, omissions and response times.
    criterion : int
        Consecutive correct responses that complete a rule; an omission does not count and does not
        break the run.
    restart_at_s : float
        From this time on the box starts afresh: the first trial has the next rule, whatever the
        state of the one before.
    after_restart : Agent, optional
        Who goes on from there, with what was learnt and chosen before: a dose changes the animal.
    last_switch_s : float
        A rule completed after this time is the last: the session ends there, so that it does not
        break off inside a rule.

    Returns
    -------
    list of Trial
        In the order of time, numbered from 1.
    """
    values = dict.fromkeys(STRATEGIES, 0.5)
    last, run, position = "", 0, 0
    trials: list[Trial] = []
    for number, start in enumerate(trial_times_s, 1):
        if start >= restart_at_s:
            run, position, restart_at_s = 0, position + 1, math.inf
            agent = after_restart or agent
        rule = rules[position % len(rules)]
        light = SIDES[int(rng.integers(2))]
        trial = Trial(
            number=number,
            start_s=float(start),
            rule=rule,
            light=light,
            choice="none",
            correct=False,
            response_s=math.nan,
        )
        if rng.uniform() < agent.omission:
            trials.append(trial)
            continue
        last = _choose(agent, values, last, rng)
        lapse = rng.uniform() < agent.lapse
        choice = SIDES[int(rng.integers(2))] if lapse else correct_side(last, light)
        correct = choice == correct_side(rule, light)
        for name in STRATEGIES:
            # What the outcome says of a strategy that would have chosen the other side.
            support = float(correct == (correct_side(name, light) == choice))
            values[name] += agent.learning_rate * (support - values[name])
        response = agent.response_s * math.exp(0.3 * rng.standard_normal())
        trials.append(replace(trial, choice=choice, correct=correct, response_s=response))
        run = run + 1 if correct else 0
        if run == criterion:
            run, position = 0, position + 1
            if start >= last_switch_s:
                break
    return trials


def trials_to_criterion(trials: Sequence[Trial], *, criterion: int = 10) -> list[int]:
    """Return how many responses each completed rule took, the run of correct ones included.

    Consecutive trials of one rule are one set; omissions are not counted. A bookkeeping aid for
    choosing agents: the pipeline's own scoring lives in its flexibility room.
    """
    counts, run, count = [], 0, 0
    for trial in trials:
        if trial.omitted:
            continue
        count += 1
        run = run + 1 if trial.correct else 0
        if run == criterion:
            counts.append(count)
            run = count = 0
    return counts
