"""Variance between the entities of a cell (units, channels), from the pilot's observations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.power_pilot import Pilot, cohort_folder

if TYPE_CHECKING:
    import pandas as pd


def unit_variance(folder: Path, pilot: Pilot) -> float | None:
    """Pool the variance between the entities of a cell, on the outcome's own scale.

    Where the outcome is a change from baseline, it is the variance of the entities' changes within
    their own session (the same unit in value and baseline).

    Parameters
    ----------
    folder : pathlib.Path
        ``results/`` of the pilot.
    pilot : Pilot
        Says which outcome and phase.

    Returns
    -------
    float or None
        None where the run kept no observations, or where no cell has two entities.
    """
    import pandas as pd

    place = cohort_folder(folder)
    path = place / "observations.parquet"
    if not path.is_file() or pilot.units <= 1:
        return None
    outcomes = pd.read_parquet(place / "outcomes.parquet")
    mine = outcomes[outcomes["outcome"] == pilot.outcome].iloc[0]
    observations = pd.read_parquet(path)
    for name in ("metric", "band", "region", "region_b"):
        observations = observations[observations[name].fillna("") == mine[name]]
    entities = _on_scale(observations[observations["split"].fillna("") == ""], str(mine["metric"]))
    if entities is None:
        return None
    keys = ["session", "context", "unit_id"]
    values = entities[entities["phase"] == pilot.phase]
    if mine["baseline_rule"] == "change":
        before = entities[entities["phase"] == _baseline(outcomes)]
        before = before.groupby(keys)["value"].mean().rename("before").reset_index()
        values = values.merge(before, on=keys)
        values["value"] -= values["before"]
    return pooled_variance(values)


def pooled_variance(values: pd.DataFrame) -> float | None:
    """Pool the variance between entities within sessions.

    Entities that were met in every context of their session (tracked units) are centred on their
    own mean as well as on the context's: what an entity keeps from context to context cancels in a
    difference of differences. Sessions without two of those are centred on the context's mean.

    Parameters
    ----------
    values : DataFrame
        session, anchor, context, unit_id, value.

    Returns
    -------
    float or None
        None without degrees of freedom.
    """
    squares, df = 0.0, 0
    for _, session in values.groupby(["session", "anchor"]):
        table = session.pivot_table(index="unit_id", columns="context", values="value")
        whole = table.dropna()
        tracked = len(whole) > 1 and table.shape[1] > 1
        centred = whole if tracked else table
        centred = centred - centred.mean()
        if tracked:
            centred = centred.sub(centred.mean(axis=1), axis=0)
            df += (whole.shape[0] - 1) * (whole.shape[1] - 1)
        else:
            df += int((table.notna().sum() - 1).sum())
        squares += float((centred**2).sum().sum())
    return squares / df if df > 0 else None


def _baseline(outcomes: pd.DataFrame) -> str:
    """Name of the baseline phase: the only one whose values have no baseline to subtract."""
    changes = outcomes[outcomes["baseline_rule"] == "change"]
    bare = changes.groupby("phase")["baseline_value"].count() == 0
    return str(bare.index[bare.to_numpy()][0]) if bare.any() else ""


def _on_scale(observations: pd.DataFrame, metric: str) -> pd.DataFrame | None:
    """Entities of each cell on the metric's scale, as compare puts them there."""
    from pipeline.compare.cells import checked, combine_intervals, put_on_scale
    from pipeline.compare.rules import rules_of
    from pipeline.experiment.plan import AnalysisPlan
    from pipeline.registry import metrics

    if metric not in metrics() or observations.empty:
        return None
    plan = AnalysisPlan(title="", species="", conditions=(), contexts=(), phases=(), questions=())
    rules = rules_of([metric], plan, metrics())
    entities, _ = combine_intervals(checked(observations, ()), rules)
    entities, _ = put_on_scale(entities, rules)
    return entities
