"""The null agent: a side bias and nothing else, against which every model has to hold.

It chooses each side with a fixed probability. A lapse towards chance would only shrink the bias, so
that bias and lapse are one thing here.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipeline.flexibility.models.choices import Batch, Choices
from pipeline.flexibility.models.fitting import Array, Model, Parameter


def parameters(choices: Choices) -> tuple[Parameter, ...]:
    """Return one log odds per side but the last."""
    return tuple(
        Parameter(name=f"bias_{side}", transform="identity", mean=0.0, sd=1.0)
        for side in choices.task.sides[:-1]
    )


def trial_log_likelihoods(values: Array, batch: Batch) -> Iterator[Array]:
    """Yield log P(choice) of each trial; see :class:`Model`."""
    drive = np.concatenate([values, np.zeros((1, *values.shape[1:]))])
    log_p = drive - np.log(np.exp(drive).sum(axis=0))
    for chosen in batch.chosen[..., None]:
        yield (chosen * log_p).sum(axis=0)


MODEL = Model(name="null", parameters=parameters, trial_log_likelihoods=trial_log_likelihoods)
