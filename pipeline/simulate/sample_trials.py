"""The behaviour log of a session of the sample: an agent in a light/side task."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from pipeline.simulate import effects
from pipeline.simulate.agent import Agent, Trial, simulate_trials
from pipeline.simulate.sample_design import (
    DOSE_S,
    RECORDING_S,
    SessionPlan,
    session_generator,
)

#: seconds from one trial to the next: while neurons are recorded, and in the hour that follows.
#: Compressed like everything in the sample: three minutes must hold trials enough for every label.
RECORDED_SPACING_S = (2.4, 2.8)
TRIAL_SPACING_S = (10.0, 12.0)
#: median time from cue to choice: mostly later than a response to the cue (0.5 s), and over before
#: the next trial
RESPONSE_S = 0.75
#: rules alternate between the light and a side
RULES = ("light", "left", "light", "right")
CRITERION = 10
#: another number gives other choices of the same agents; with this one they have the margin that
#: tests/test_simulate_sample.py asks of trials to criterion
AGENT_DRAW = 1
LAST_SWITCH_S = 4300.0


def session_trials(plan: SessionPlan) -> list[Trial]:
    """Return the behaviour log: visits before and after the dose, and the hour that follows."""
    boxes = [visit for visit in plan.visits if visit.context == plan.task.context]
    clock = session_generator(plan, "trials", "starts")
    starts = np.concatenate([_trial_starts(visit.start_s, visit.stop_s, clock) for visit in boxes])
    animal_factor = math.exp(
        effects.deviations("learning", sd=effects.ANIMAL_LEARNING_SD)[plan.animal]
    )
    before = Agent(
        learning_rate=effects.BASELINE_LEARNING_RATE * animal_factor,
        perseveration=2.0,
        response_s=RESPONSE_S,
    )
    after = replace(
        before, learning_rate=before.learning_rate * effects.LEARNING_RATE_FACTOR[plan.drug]
    )
    return simulate_trials(
        before,
        rules=RULES,
        trial_times_s=np.round(starts, 3).tolist(),
        rng=session_generator(plan, "trials", f"draw {AGENT_DRAW}"),
        criterion=CRITERION,
        restart_at_s=DOSE_S,
        after_restart=after,
        last_switch_s=LAST_SWITCH_S,
    )


def _trial_starts(start_s: float, stop_s: float, rng: np.random.Generator) -> np.ndarray:
    """Return when trials start inside a visit; the last one still ends inside it."""
    spacing = RECORDED_SPACING_S if stop_s <= RECORDING_S else TRIAL_SPACING_S
    longest = math.ceil((stop_s - start_s) / spacing[0])
    starts = start_s + 2.0 + np.cumsum(rng.uniform(*spacing, longest))
    return starts[starts < stop_s - spacing[1]]
