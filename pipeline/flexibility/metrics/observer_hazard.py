"""How often the animal behaves as if the rule changed, per trial, by the rule observer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="observer_hazard",
    label="Subjective hazard rate",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    baseline="none",
    weight="n_effective",
    value_unit="fraction",
    scale="log2",
    description="How often the animal behaves as if the rule changed, per trial",
    definition=(
        "Posterior mode of the hazard of a Bayesian observer of the declared rules who matches its "
        "belief, with hazard rate, noise of feedback and lapse, under a fixed weakly informative "
        "prior; at least 60 choices"
    ),
    formula=(
        "h of b′ = (1 − h) · b + h · (1 − b) / (K − 1) from one trial to the next, b the belief in "
        "each of K rules, matched by choices; posterior mode"
    ),
    fails_when=(
        "No value with fewer than 60 choices in the cell, with only one rule among them, where a "
        "side or cue is unknown, or where the fit does not come to rest.",
        "Under the fixed prior of one cell, estimates are pulled to its centre, more so the fewer "
        "the choices: docs/models.md has what is recovered.",
        "An animal that errs for other reasons reads as one that expects changes: read "
        "observer_lapse beside it.",
    ),
    reference="Wilson, Nassar & Gold 2010, Neural Comput 22:2452 (model and fit: docs/models.md)",
    options=("flexibility.task",),
)


def compute(*, trials: EpochTrials, options: Mapping[str, Any]) -> list[Value]:
    """Fit the cell's choices.

    Parameters
    ----------
    trials : EpochTrials
        Trials and sets of one cell.
    options : mapping
        Unused: the cell knows its task.

    Returns
    -------
    list of Value
        One value, or none with too few choices.
    """
    from pipeline.flexibility.models.rule_observer import MODEL
    from pipeline.flexibility.models.session import parameter_value

    return parameter_value(trials, MODEL, "hazard")
