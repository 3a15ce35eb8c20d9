"""Parameters of reinforcement learning with side and cue stores, single session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.flexibility.epochs import EpochTrials
from pipeline.metric import Metric, Value

METRIC = Metric(
    name="rl_parameters",
    label="Reinforcement learning",
    domain="flexibility",
    entity="animal",
    needs=("trials",),
    grain="cell",
    per_band=True,
    band_names=("alpha_loss", "beta", "attention", "stickiness"),
    baseline="none",
    weight="n_effective",
    value_unit="",
    scale="linear",
    description="Learning rate (no reward), inverse temperature, attention to the cue, stickiness",
    definition=(
        "Posterior mode of each parameter of a softmax over w V_cue + (1 - w) V_side with a bonus "
        "for the last choice, both stores learning from one prediction error, under a fixed weakly "
        "informative prior; at least 60 choices. attention only where a rule reads the cue;"
        " the learning rate after reward is not stated, for it is not recovered from one session"
    ),
    formula=(
        "P(choice) ∝ exp(β · Q + stickiness · [chosen last]), Q = w · V_cue + (1 − w) · V_side; "
        "both stores learn from reward − Q, V_cue by α · w and V_side by α · (1 − w) times it; "
        "posterior mode"
    ),
    fails_when=(
        "No value with fewer than 60 choices in the cell, with only one rule among them, where a "
        "side or cue is unknown, or where the fit does not come to rest.",
        "No value of attention where no rule reads the cue; none at all where cues mark no side.",
        "Under the fixed prior of one cell, estimates are pulled to its centre, more so the fewer "
        "the choices: docs/models.md has what is recovered.",
        "Parameters trade off (a low learning rate against a high inverse temperature): read them "
        "together.",
    ),
    reference="Niv et al. 2015, J Neurosci 35:8145; Daw 2011 (model and fit: docs/models.md)",
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
        One per parameter; none with too few choices, or cues that mark no side.
    """
    from pipeline.flexibility.models.reinforcement import MODEL
    from pipeline.flexibility.models.session import parameter_values

    return parameter_values(trials, MODEL, METRIC.band_names)
