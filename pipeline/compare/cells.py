"""Observations to cells: intervals combined, values on scale, one row per entity.

Raw observations come one row per metric x entity x interval. The intervals of one cell are combined
on the raw scale, then every entity goes to the declared scale; only the mean over entities follows
(:mod:`pipeline.compare.outcomes`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.compare.rules import Rule, outcome_ids
from pipeline.compare.scales import other_scale, to_scale
from pipeline.compare.tables import CELL, DESIGN, OBSERVATIONS, require, typed
from pipeline.errors import InputError

ENTITY = (*CELL, "unit_id")


def checked(observations: pd.DataFrame, factors: tuple[str, ...]) -> pd.DataFrame:
    """Select, type and sort the observations.

    Raises
    ------
    InputError
        Missing columns or steps; two values of one metric and entity in one interval (a table
        joined twice); one cell with two animals, conditions or other design columns.
    """
    require(observations, [*OBSERVATIONS, *factors], name="observations")
    if observations["step"].isna().any():
        row = observations[observations["step"].isna()].iloc[0]
        raise InputError(
            f"observations: session {row.session}, metric {row.metric}: found no step; expected 1, "
            "2, ... (a value whose phase has no administration to count from?)"
        )
    extra = [name for name in factors if name not in OBSERVATIONS]
    kinds = {name: "str" if _is_text(observations[name]) else "float64" for name in extra}
    rows = typed(observations, OBSERVATIONS | kinds)
    # one order for any order of the input: sums of floats depend on it
    rows = rows.sort_values([*ENTITY, "interval"], kind="stable", ignore_index=True)
    twice = rows.duplicated([*ENTITY, "interval"])
    if twice.any():
        row = rows[twice].iloc[0]
        raise InputError(
            f"observations: session {row.session}, metric {row.metric}, region {row.region!r}, "
            f"unit {row.unit_id!r}, phase {row.phase}, context {row.context}: found two values for "
            f"interval {row.interval}; expected one (the same unit id in two probes, or a table "
            "joined twice?)"
        )
    design = rows.drop_duplicates([*CELL, *DESIGN, *extra])
    mixed = design.duplicated(list(CELL))
    if mixed.any():
        row = design[mixed].iloc[0]
        raise InputError(
            f"observations: session {row.session}, anchor {row.anchor!r}, phase {row.phase}, "
            f"context {row.context}: found two values of a design column (animal, condition, "
            "dose, ...); expected one per cell (sessions.tsv or administrations.tsv joined twice?)"
        )
    return rows


def _is_text(column: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(column)


def combine_intervals(
    rows: pd.DataFrame, rules: Mapping[str, Rule]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Combine the intervals of each entity's cell on the raw scale.

    Weights are seconds or ``n_effective``, as the metric declares: the mean of two rates weighted
    by seconds is the rate of both intervals together.

    Parameters
    ----------
    rows : DataFrame
        From :func:`checked`.
    rules : mapping
        Metric -> Rule.

    Returns
    -------
    entities : DataFrame
        One row per entity and cell, with seconds, n_effective (sums), since_dose_s (mean of the
        intervals' midpoints weighted by seconds), since_dose_first_s and since_dose_last_s.
    dropped : DataFrame
        Rows left out, with ``reason``.
    """
    finite = np.isfinite(rows["value"])
    lost = rows[~finite].drop_duplicates(list(ENTITY))
    lost = lost.assign(reason="the value is not a finite number")
    rows = rows[finite]
    by = rows.groupby(list(ENTITY), sort=False)
    code = by.ngroup().to_numpy()
    n = int(code.max()) + 1 if len(code) else 0
    single = np.bincount(code, minlength=n)[code] == 1
    by_seconds = rows["metric"].map(
        {name: rule.weight == "seconds" for name, rule in rules.items()}
    )
    weight = np.where(by_seconds.to_numpy(dtype=bool), rows["seconds"], rows["n_effective"])
    # a single interval needs no weight (values measured elsewhere have no seconds)
    weight = np.where(single, 1.0, weight)
    clock = np.where(single, 1.0, rows["seconds"])

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(code, weights=values, minlength=n)

    entities = by.head(1).drop(columns=["value", "interval"]).reset_index(drop=True)
    value = rows["value"].to_numpy()
    since = rows["since_dose_s"].to_numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        entities["value"] = total(value * weight) / total(weight)
        entities["since_dose_s"] = total(since * clock) / total(clock)
    entities["seconds"] = total(rows["seconds"].to_numpy())
    entities["n_effective"] = total(rows["n_effective"].to_numpy())
    entities["censored"] = by["censored"].any().to_numpy()
    entities["since_dose_first_s"] = by["since_dose_s"].min().to_numpy()
    entities["since_dose_last_s"] = by["since_dose_s"].max().to_numpy()
    unweighted = ~np.isfinite(entities["value"])
    reason = "its intervals cannot be weighted: seconds or n_effective are missing or zero"
    lost = pd.concat([lost, entities[unweighted].assign(reason=reason)])
    return entities[~unweighted].reset_index(drop=True), lost


def drop_short(
    entities: pd.DataFrame, rules: Mapping[str, Rule], minimum_s: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Leave out cells with fewer usable seconds than the plan asks for (trials excepted)."""
    applies = entities["metric"].map({name: rule.minimum_epoch for name, rule in rules.items()})
    short = applies.astype(bool) & (entities["seconds"] < minimum_s)
    reason = f"fewer usable seconds than minimum_epoch_s ({minimum_s:g} s)"
    return entities[~short], entities[short].assign(reason=reason)


def put_on_scale(
    entities: pd.DataFrame, rules: Mapping[str, Rule]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Add ``outcome`` and ``other``, and bring ``value`` to the declared scale.

    Parameters
    ----------
    entities : DataFrame
        Raw values, one row per entity and cell.
    rules : mapping
        Metric -> Rule.

    Returns
    -------
    entities, dropped : DataFrame
        ``raw`` is the value as it was; ``other`` is the value on the alternative scale
        (:func:`other_scale`), NaN throughout an outcome that has a value with no logarithm. Dropped
        are values that the declared scale does not have.
    """
    raw = entities["value"].to_numpy(dtype=float)
    scaled, other = np.full(len(raw), np.nan), np.full(len(raw), np.nan)
    for name, rule in rules.items():
        here = (entities["metric"] == name).to_numpy()
        parts = entities.loc[here, ["seconds", "n_effective"]].to_numpy(dtype=float).T
        basis = {"seconds": parts[0], "n_effective": parts[1]}
        scaled[here] = to_scale(
            raw[here],
            scale=rule.scale,
            zero_offset=rule.zero_offset,
            counted=rule.counted,
            **basis,
        )
        other[here] = to_scale(
            raw[here], scale=other_scale(rule.scale), zero_offset="none", **basis
        )
    out = entities.assign(value=scaled, raw=raw, other=other, outcome=outcome_ids(entities))
    undefined = np.isnan(scaled)
    reason = [
        f"{value:g} has no value on the {rules[metric].scale} scale"
        for value, metric in zip(raw[undefined], entities.loc[undefined, "metric"], strict=True)
    ]
    dropped = out[undefined].assign(reason=reason)
    out = out[~undefined].reset_index(drop=True)
    partly = out["other"].isna().groupby(out["outcome"]).transform("any")
    scale = out["metric"].map({name: other_scale(rule.scale) for name, rule in rules.items()})
    out["other"] = out["other"].where(~partly)
    out["other_scale"] = scale.where(~partly, "")
    return out, dropped
