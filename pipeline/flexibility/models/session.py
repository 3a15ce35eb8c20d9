"""One cell's fits, for the metrics: single sessions under each model's fixed prior.

The models run over the cell's own choices, from a fresh start: what the animal had learnt before
the cell began is not known to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.errors import InputError
from pipeline.experiment.task import Task
from pipeline.flexibility.epochs import EpochTrials
from pipeline.flexibility.models import explore_exploit
from pipeline.flexibility.models.choices import Choices, session_choices, stack
from pipeline.flexibility.models.fitting import Fit, Model, fit_map
from pipeline.metric import Value

#: Fewest choices for which parameters are stated (recovery at this length: docs/models.md).
MINIMUM_CHOICES = 60


def cell_choices(trials: EpochTrials, options: Mapping[str, Any]) -> Choices | None:
    """Choices of a cell, if there are enough under two rules or more.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Uses ``options["flexibility"]["task"]``.

    Returns
    -------
    Choices or None
        None with fewer than ``MINIMUM_CHOICES`` choices, or where they cannot be coded
        (:func:`pipeline.flexibility.models.choices.session_choices`).
    """
    if len(trials.trials) < MINIMUM_CHOICES:
        return None
    choices = session_choices(trials.trials, Task.model_validate(options["flexibility"]["task"]))
    if choices is None or len(choices) < MINIMUM_CHOICES:
        return None
    return choices if len(np.unique(choices.rule)) > 1 else None


def fit_cell(trials: EpochTrials, options: Mapping[str, Any], model: Model) -> Fit | None:
    """Fit a model to a cell under its fixed prior.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        As for :func:`cell_choices`.
    model : Model
        The model.

    Returns
    -------
    Fit or None
        None where there are too few choices, where the model does not describe the task, or where
        the fit did not come to rest.
    """
    choices = cell_choices(trials, options)
    if choices is None:
        return None
    try:
        model.parameters(choices)
    except InputError:
        return None
    fit = fit_map(model, stack([choices]))
    return fit if fit.converged[0] else None


def cell_states(
    trials: EpochTrials, options: Mapping[str, Any]
) -> tuple[Choices, explore_exploit.States] | None:
    """Explore/exploit states of a cell's choices, at the mode of the transition probabilities.

    Parameters
    ----------
    trials, options
        As for :func:`cell_choices`.

    Returns
    -------
    tuple of Choices and States, or None
        None with too few choices.
    """
    choices = cell_choices(trials, options)
    if choices is None:
        return None
    fit = fit_map(explore_exploit.MODEL, stack([choices]))
    if not fit.converged[0]:
        return None
    return choices, explore_exploit.infer_states(choices, fit.values[0])


def parameter_value(
    trials: EpochTrials, options: Mapping[str, Any], model: Model, name: str
) -> list[Value]:
    """Estimate of one parameter as a metric's value; none where it cannot be stated.

    Parameters
    ----------
    trials, options, model
        As for :func:`fit_cell`.
    name : str
        Of the parameter.

    Returns
    -------
    list of Value
    """
    fit = fit_cell(trials, options, model)
    if fit is None:
        return []
    return [
        Value(
            value=float(fit.column(name)[0]),
            n_effective=float(_chosen(trials)),
            n_effective_unit="trials",
        )
    ]


def parameter_values(
    trials: EpochTrials, options: Mapping[str, Any], model: Model, names: tuple[str, ...]
) -> list[Value]:
    """Estimates of several parameters, the name in the band's place; see :func:`parameter_value`.

    A parameter that the model does not have for this task gives no value.
    """
    fit = fit_cell(trials, options, model)
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
