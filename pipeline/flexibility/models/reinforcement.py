"""Reinforcement learning with a store of sides and a store of the cue.

The value of side a is ``Q(a) = w V_cue[on or off] + (1 - w) V_side[a]``; P(a) is a softmax of
``beta Q(a) + kappa [a was chosen last]``. After the outcome r (1 or 0), both stores of the chosen
side follow the one prediction error ``r - Q(a)``: ``V_cue`` by ``alpha w`` and ``V_side`` by
``alpha (1 - w)`` times it, the gradient of its square, with ``alpha`` of reward or of loss. All
stores start at the chance of reward, 1 / sides.

Feature stores with attention follow Niv et al. 2015 (J Neurosci 35:8145) and Aluisi et al. 2018
(rats, intra- and extradimensional shifts); rates by outcome and stickiness are the usual extensions
(Daw 2011, Trial-by-trial data analysis using computational models).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipeline.errors import InputError
from pipeline.flexibility.models.choices import Batch, Choices
from pipeline.flexibility.models.fitting import Array, Model, Parameter


def parameters(choices: Choices) -> tuple[Parameter, ...]:
    """Return the parameters for a task; without a rule that reads the cue there is no attention.

    Raises
    ------
    InputError
        If rules read a cue that marks no side (tones that stand for sides): the model's cue store
        has a value for being on the cue.
    """
    rates = (
        Parameter(name="alpha_reward", transform="logit", mean=-0.5, sd=1.2),
        Parameter(name="alpha_loss", transform="logit", mean=-0.5, sd=1.2),
        Parameter(name="beta", transform="log", mean=float(np.log(5.0)), sd=0.7),
    )
    stickiness = Parameter(name="stickiness", transform="identity", mean=0.0, sd=1.0)
    if not choices.reads_cue:
        return (*rates, stickiness)
    strangers = [cue for cue in choices.task.cue_names if cue not in choices.task.sides]
    if strangers:
        raise InputError(
            f"reinforcement model: found the cue {strangers[0]!r}; expected cues that mark a side "
            f"({', '.join(choices.task.sides)}): its cue store knows only on and off the cue"
        )
    attention = Parameter(name="attention", transform="logit", mean=0.0, sd=1.2)
    return (*rates, attention, stickiness)


def trial_log_likelihoods(values: Array, batch: Batch) -> Iterator[Array]:
    """Yield log P(choice | all before) of each trial; see :class:`Model`."""
    alpha_reward, alpha_loss, beta = values[:3]
    stickiness = values[-1]
    attention = values[3] if len(values) == 5 else np.zeros_like(beta)
    n_sides = batch.first.n_sides
    side = np.full((n_sides, *beta.shape), 1.0 / n_sides)
    off, on = np.full((2, *beta.shape), 1.0 / n_sides)
    last = np.zeros((n_sides, beta.shape[0], 1))
    for chosen, cued, reward in zip(
        batch.chosen[..., None], batch.on_cue[..., None], batch.reward[..., None], strict=True
    ):
        value = attention * (off + (on - off) * cued) + (1.0 - attention) * side
        drive = beta * value + stickiness * last
        largest = drive.max(axis=0)
        total = largest + np.log(np.exp(drive - largest).sum(axis=0))
        yield (chosen * drive).sum(axis=0) - total
        rate = reward * alpha_reward + (1.0 - reward) * alpha_loss
        step = rate * (reward - (chosen * value).sum(axis=0))
        side = side + chosen * (step * (1.0 - attention))
        was_cued = (chosen * cued).sum(axis=0)
        step = step * attention
        on, off, last = on + was_cued * step, off + (1.0 - was_cued) * step, chosen


MODEL = Model(
    name="reinforcement", parameters=parameters, trial_log_likelihoods=trial_log_likelihoods
)
