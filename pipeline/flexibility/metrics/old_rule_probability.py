"""Share of the choices after a switch that still exploit the old rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="old_rule_probability",
    label="Old rule after a switch",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="fraction",
    scale="logit",
    description="Share of the first ten trials after a switch in which the old rule is exploited",
    definition=(
        "Mean of P(exploit the previous rule) over the choices among the first 10 trials of the "
        "sets that follow another rule, in the explore/exploit hidden Markov model of "
        "explore_probability; at least 60 choices in the cell"
    ),
    formula="mean of P(state = exploit the previous rule) over the first 10 trials after switches",
    fails_when=(
        "No value with fewer than 60 choices in the cell, with only one rule among them, where a "
        "side or cue is unknown, or where the fit does not come to rest.",
        "No value without a switch in the cell.",
        "Where the old rule is a side, it cannot be told from a preference for that side.",
    ),
    reference="Ebitz et al. 2018, Neuron 97:450, with a state for the rule that is no side",
    options=("flexibility.task",),
)

#: Trials after a switch.
LAGS = 10


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Mean posterior probability of following the previous rule.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused: the cell knows its task.

    Returns
    -------
    list of Value
        One value, or none with too few choices, or without a switch in the cell.
    """
    from pipeline.flexibility.models.explore_exploit import old_rule_after_switch
    from pipeline.flexibility.models.session import cell_states

    found = cell_states(trials)
    if found is None:
        return []
    probability = old_rule_after_switch(*found, lags=LAGS)
    if not len(probability):
        return []
    return [
        Value(
            value=float(probability.mean()),
            n_effective=float(len(probability)),
            n_effective_unit="trials",
        )
    ]
