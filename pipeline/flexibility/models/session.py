"""One cell's fits, for the metrics: single sessions under each model's fixed prior.

The models run over the cell's own choices, from a fresh start: what the animal had learnt before
the cell began is not known to them. Several metrics state parameters of one fit: the fits of a
cell are kept until other cells have taken their place.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from pipeline.errors import InputError
from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.models import explore_exploit
from pipeline.flexibility.models.choices import Choices, session_choices, stack
from pipeline.flexibility.models.fitting import Fit, Model, fit_map
from pipeline.metric import Value

#: Fewest choices for which parameters are stated (recovery at this length: docs/models.md).
MINIMUM_CHOICES = 60
#: fits that are kept: one of each model, and choices to go with them
_KEPT = 4


@lru_cache(maxsize=_KEPT)
def cell_choices(trials: EpochTrials) -> Choices | None:
    """Choices of a cell, if there are enough under two rules or more.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell, and the task that they were scored by.

    Returns
    -------
    Choices or None
        None with fewer than ``MINIMUM_CHOICES`` choices, or where they cannot be coded
        (:func:`pipeline.flexibility.models.choices.session_choices`).
    """
    if len(trials.trials) < MINIMUM_CHOICES:
        return None
    choices = session_choices(trials.trials, trials.task)
    if choices is None or len(choices) < MINIMUM_CHOICES:
        return None
    return choices if len(np.unique(choices.rule)) > 1 else None


@lru_cache(maxsize=_KEPT)
def fit_cell(trials: EpochTrials, model: Model) -> Fit | None:
    """Fit a model to a cell under its fixed prior.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    model : Model
        The model.

    Returns
    -------
    Fit or None
        None where there are too few choices, where the model does not describe the task, or where
        the fit did not come to rest.
    """
    choices = cell_choices(trials)
    if choices is None:
        return None
    try:
        model.parameters(choices)
    except InputError:
        return None
    fit = fit_map(model, stack([choices]))
    return fit if fit.converged[0] else None


def cell_states(trials: EpochTrials) -> tuple[Choices, explore_exploit.States] | None:
    """Explore/exploit states of a cell's choices, at the mode of the transition probabilities.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.

    Returns
    -------
    tuple of Choices and States, or None
        None with too few choices.
    """
    choices, fit = cell_choices(trials), fit_cell(trials, explore_exploit.MODEL)
    if choices is None or fit is None:
        return None
    return choices, explore_exploit.infer_states(choices, fit.values[0])


def parameter_value(trials: EpochTrials, model: Model, name: str) -> list[Value]:
    """Estimate of one parameter as a metric's value; none where it cannot be stated.

    Parameters
    ----------
    trials, model
        As for :func:`fit_cell`.
    name : str
        Of the parameter.

    Returns
    -------
    list of Value
    """
    fit = fit_cell(trials, model)
    if fit is None:
        return []
    return [
        Value(
            value=float(fit.column(name)[0]),
            n_effective=float(_chosen(trials)),
            n_effective_unit="trials",
        )
    ]


def parameter_values(trials: EpochTrials, model: Model, names: tuple[str, ...]) -> list[Value]:
    """Estimates of several parameters, the name in the band's place; see :func:`parameter_value`.

    A parameter that the model does not have for this task gives no value.
    """
    fit = fit_cell(trials, model)
    if fit is None:
        return []
    known = [parameter.name for parameter in fit.parameters]
    return [
        Value(
            value=float(fit.column(name)[0]),
            band=name,
            n_effective=float(_chosen(trials)),
            n_effective_unit="trials",
        )
        for name in names
        if name in known
    ]


def _chosen(trials: EpochTrials) -> int:
    """Choices of a cell."""
    return int(trials.trials["outcome"].isin(["correct", "error"]).sum())
