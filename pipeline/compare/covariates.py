"""What an effect may be adjusted for: the baseline, and how much the animal moved."""

from __future__ import annotations

import pandas as pd

from pipeline.experiment.plan import AnalysisPlan

#: metric whose value is the movement of an epoch
MOVEMENT_METRIC = "speed"

_CELL = ["session", "anchor", "step", "phase", "context", "split", "split_level"]


def covariates(outcomes: pd.DataFrame, plan: AnalysisPlan) -> pd.DataFrame:
    """Return the covariates of every outcome row.

    Parameters
    ----------
    outcomes : DataFrame
        ``Outcomes.table``.
    plan : AnalysisPlan
        Names the baseline phase, which has no baseline of its own.

    Returns
    -------
    DataFrame
        Same index. ``baseline``: the baseline on the outcome's scale where its rule is
        ``covariate``, else NaN. ``movement``: mean speed of the same epoch in cm/s (raw, without
        baseline), NaN where it was not measured and for the speed itself.
    """
    adjusted = outcomes["baseline_rule"].eq("covariate")
    adjusted &= outcomes["phase"].ne(plan.baseline_phase)
    moving = outcomes["metric"].eq(MOVEMENT_METRIC)
    speed = outcomes[moving].groupby(_CELL)["value"].mean().rename("movement")
    movement = outcomes[_CELL].join(speed, on=_CELL)["movement"]
    return pd.DataFrame(
        {
            "baseline": outcomes["baseline_value"].where(adjusted),
            "movement": movement.mask(moving),
        },
        index=outcomes.index,
    )
