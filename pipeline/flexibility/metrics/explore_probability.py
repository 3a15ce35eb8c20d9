"""Share of choices made while exploring, by the explore/exploit model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="explore_probability",
    label="Share of exploration",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="fraction",
    scale="logit",
    description="Share of choices that follow no strategy (neither a side nor another rule)",
    definition=(
        "Mean over the choices of P(explore) in a hidden Markov model with the states explore and "
        "exploit (one per side, and per rule that is not a side), fixed emissions, four transition "
        "probabilities at their posterior mode; at least 60 choices"
    ),
    formula="mean over choices of P(state = explore | all choices)",
    fails_when=(
        "No value with fewer than 60 choices in the cell, with only one rule among them, where a "
        "side or cue is unknown, or where the fit does not come to rest.",
        "Under the fixed prior of one cell, estimates are pulled to its centre, more so the fewer "
        "the choices: docs/models.md has what is recovered.",
        "A policy that the model has no state for (alternation) reads as exploration.",
    ),
    reference="Ebitz et al. 2018, Neuron 97:450, with a state for the rule that is no side",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Mean posterior probability of exploring.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused: the cell knows its task.

    Returns
    -------
    list of Value
        One value, or none with too few choices or an unknown side or cue.
    """
    from pipeline.flexibility.models.session import cell_states

    found = cell_states(trials)
    if found is None:
        return []
    choices, states = found
    return [
        Value(
            value=float(states.posterior[:, 0].mean()),
            n_effective=float(len(choices)),
            n_effective_unit="trials",
        )
    ]
