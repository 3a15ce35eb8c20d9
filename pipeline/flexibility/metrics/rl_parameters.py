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
