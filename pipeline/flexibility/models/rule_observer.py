"""A Bayesian observer who knows the declared rules and infers which of them holds.

It believes that the rule changes from one trial to the next with probability ``hazard`` (to any
other rule alike), and that an outcome misleads with probability ``noise``. It chooses a side with
the probability that the side is correct under its belief (probability matching), and at random
with probability ``lapse``. Belief over rules with a hazard rate: Adams & MacKay 2007
(arXiv:0710.3742), Wilson, Nassar & Gold 2010 (Neural Comput 22:2452).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import InputError
from pipeline.flexibility.models.choices import Batch, Choices, stack
from pipeline.flexibility.models.fitting import Array, Model, Parameter

if TYPE_CHECKING:
    import pandas as pd


def parameters(choices: Choices) -> tuple[Parameter, ...]:
    """Return the parameters.

    Raises
    ------
    InputError
        If the task declares fewer than two different rules: there is nothing to infer.
    """
    if choices.declared.sum() < 2:
        raise InputError(
            "rule observer: found one rule in the task; expected two different rules or more"
        )
    return (
        Parameter(name="hazard", transform="logit", mean=-3.5, sd=1.5),
        Parameter(name="noise", transform="logit", mean=-0.5, sd=1.0, upper=0.5),
        Parameter(name="lapse", transform="logit", mean=-2.0, sd=1.0),
    )


def trial_log_likelihoods(values: Array, batch: Batch) -> Iterator[Array]:
    """Yield log P(choice | all before) of each trial; see :class:`Model`."""
    hazard, noise, lapse = values
    for prior, agrees in _beliefs(hazard, noise, batch):
        matching = (prior * agrees).sum(axis=0)
        yield np.log((1.0 - lapse) * matching + lapse / batch.first.n_sides)


def _beliefs(hazard: Array, noise: Array, batch: Batch) -> Iterator[tuple[Array, Array]]:
    """Yield the belief before each trial (n_rules, ...), and which rules ask for the choice."""
    declared = batch.first.declared
    count = int(declared.sum())
    belief = np.full((count, *hazard.shape), 1.0 / count)
    leak = hazard / (count - 1)
    for agrees, reward in zip(
        batch.agrees[:, declared, :, None], batch.reward[..., None], strict=True
    ):
        yield belief, agrees
        rewarded = (1.0 - noise) * agrees + noise * (1.0 - agrees)
        # A floor, so that a rule refuted without noise can come back when the rule changes.
        likelihood = np.maximum(reward * rewarded + (1.0 - reward) * (1.0 - rewarded), 1e-12)
        belief = belief * likelihood
        belief = belief / belief.sum(axis=0)
        belief = leak + (1.0 - hazard - leak) * belief


def beliefs(choices: Choices, *, hazard: float, noise: float) -> Array:
    """Belief in each declared rule before each trial, given the animal's own choices and outcomes.

    Parameters
    ----------
    choices : Choices
        One session.
    hazard, noise : float
        As above.

    Returns
    -------
    ndarray, shape (n_choices, n_declared)
        In the order of ``choices.strategies`` that are declared.
    """
    point = np.ones((1, 1))
    steps = _beliefs(hazard * point, noise * point, stack([choices]))
    return np.stack([belief[:, 0, 0] for belief, _ in steps])


def ideal_trials_to_switch(
    choices: Choices, *, noise: float = 0.0, hazard: float | None = None
) -> pd.DataFrame:
    """How soon the new rule could have been known from what the animal saw.

    The observer gets the animal's cues, choices and outcomes, and the true hazard rate.

    Parameters
    ----------
    choices : Choices
        One session.
    noise : float
        Probability of misleading feedback in the task.
    hazard : float, optional
        By default the session's own: switches per choice (at least half a switch).

    Returns
    -------
    pandas.DataFrame
        One row per set that follows another: ``set_index``, ``trials`` (choices made under the new
        rule until it is the likeliest of all; NaN if it never is), ``n_choices``.
    """
    import pandas as pd

    parameters(choices)
    starts = np.flatnonzero(np.diff(choices.set_index, prepend=-1))
    stops = np.append(starts[1:], len(choices))
    if hazard is None:
        hazard = max(len(starts) - 1, 0.5) / len(choices)
    belief = beliefs(choices, hazard=hazard, noise=noise)
    column = np.cumsum(choices.declared) - 1
    rows = []
    for start, stop in zip(starts[1:], stops[1:], strict=True):
        rule = column[choices.rule[start]]
        # After choice k the belief is the one before choice k + 1.
        after = belief[start + 1 : stop]
        known = after[:, rule] > np.delete(after, rule, axis=1).max(axis=1)
        rows.append(
            {
                "set_index": int(choices.set_index[start]),
                "trials": float(np.argmax(known) + 1) if known.any() else np.nan,
                "n_choices": int(stop - start),
            }
        )
    return pd.DataFrame(rows, columns=["set_index", "trials", "n_choices"])


MODEL = Model(
    name="rule_observer", parameters=parameters, trial_log_likelihoods=trial_log_likelihoods
)
