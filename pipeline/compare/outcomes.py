"""Observations to outcomes: one value per animal x session x cell, with its baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.compare.baselines import Baselines, match_baselines
from pipeline.compare.cells import checked, combine_intervals, drop_short, put_on_scale
from pipeline.compare.lower_bounds import lower_bounds, missing_rows
from pipeline.compare.rules import Rule, outcome_ids, priority_of, rules_of
from pipeline.compare.scales import scale_unit
from pipeline.compare.survival_tables import restricted_outcomes
from pipeline.compare.tables import CELL, DESIGN, DROPPED, OUTCOMES, from_rows, typed
from pipeline.experiment.plan import AnalysisPlan
from pipeline.metric import Metric


@dataclass(frozen=True)
class Outcomes:
    """What the observations became.

    Attributes
    ----------
    table : DataFrame
        Columns of ``pipeline.compare.tables.OUTCOMES`` and the plan's factors, one row per outcome
        x session x cell, on the declared scale.
    dropped : DataFrame
        Columns of ``pipeline.compare.tables.DROPPED``: cells (or entities of cells) that did not
        become an outcome, each with the reason; and outcomes that are only lower bounds, which
        are in ``table`` (censored), too, and are not compared.
    """

    table: pd.DataFrame
    dropped: pd.DataFrame


def build_outcomes(
    observations: pd.DataFrame, plan: AnalysisPlan, metrics: Mapping[str, Metric]
) -> Outcomes:
    """Bring raw observations to one value per animal x session x cell and outcome.

    In this order: intervals of a cell are combined on the raw scale; short cells are left out;
    every entity goes to the declared scale; entities are averaged (spiking units: at least
    ``plan.minimum_units`` of them, the same ones in value and baseline); the baseline on the same
    scale stands beside the value and is *not* subtracted (see :func:`analysis_values`).

    Parameters
    ----------
    observations : DataFrame
        observations.parquet (design.md section 5).
    plan : AnalysisPlan
        The experiment's plan.
    metrics : mapping
        Metric name -> Metric, from the registry.

    Returns
    -------
    Outcomes

    Raises
    ------
    InputError
        Missing columns, unknown metrics, doubled values, proportions outside 0 to 1.
    """
    factors = tuple(name for name in plan.factors if name not in OUTCOMES)
    if observations.empty:
        return Outcomes(
            from_rows([], OUTCOMES | dict.fromkeys(factors, "str")), from_rows([], DROPPED)
        )
    rows = checked(observations, factors)
    rules = rules_of(rows["metric"].unique(), plan, metrics)
    baseline_rows = rows[rows["phase"] == plan.baseline_phase]
    entities, unusable = combine_intervals(rows, rules)
    entities, short = drop_short(entities, rules, plan.minimum_epoch_s)
    entities, undefined = put_on_scale(entities, rules)
    entities["cell"] = entities.groupby(list(CELL), sort=False).ngroup()
    cells = _average(entities, factors)
    few = _too_few(cells, rules, plan.minimum_units)
    matched = match_baselines(
        cells[~few],
        entities,
        plan=plan,
        rules=rules,
        own_sessions=set(baseline_rows["session"]),
        links=set(map(tuple, rows[["anchor", "session"]].drop_duplicates().to_numpy())),
    )
    table, unmatched = _join(cells[~few], matched, plan, rules)
    reason = f"fewer than {plan.minimum_units} units"
    table = _finished(table, plan, rules)
    losses = [unusable, short, undefined, cells[few].assign(reason=reason), unmatched]
    losses.append(missing_rows(table))
    kinds = {name: str(table[name].dtype) for name in factors}
    return Outcomes(typed(table, OUTCOMES | kinds), _dropped(losses))


def _average(entities: pd.DataFrame, factors: Sequence[str]) -> pd.DataFrame:
    """Average the entities of each cell (equal weights)."""
    by = entities.groupby("cell", sort=True)
    cells = by.head(1).sort_values("cell").set_index("cell")
    keep = [*CELL, *DESIGN, *factors, "outcome", "other_scale"]
    cells = cells[keep].copy()
    for name in ("value", "raw", "other", "since_dose_s"):
        cells[name] = by[name].mean()
    cells["since_dose_first_s"] = by["since_dose_first_s"].min()
    cells["since_dose_last_s"] = by["since_dose_last_s"].max()
    cells["seconds"] = by["seconds"].max()
    cells["n_effective"] = by["n_effective"].sum(min_count=1)
    cells["censored"] = by["censored"].any()
    cells["n_entities"] = by.size()
    return cells.reset_index()


def _too_few(cells: pd.DataFrame, rules: Mapping[str, Rule], minimum: int) -> pd.Series:
    by_unit = cells["metric"].map({name: rule.by_unit for name, rule in rules.items()})
    return by_unit.astype(bool) & (cells["n_entities"] < minimum)


def _join(
    cells: pd.DataFrame, matched: Baselines, plan: AnalysisPlan, rules: Mapping[str, Rule]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Set the baselines beside the values; a cell that needs one and has none is missing."""
    table = cells.merge(matched.table, on="cell", how="left", validate="one_to_one")
    rule = table["metric"].map({name: rule.baseline for name, rule in rules.items()})
    table["baseline_rule"] = rule
    common = table["common_value"].notna()
    table.loc[common, "value"] = table.loc[common, "common_value"]
    table.loc[common, "other"] = table.loc[common, "common_other"]
    table.loc[common, "n_entities"] = table.loc[common, "common_n"].astype("int64")
    table["n_entities_unmatched"] = table["unmatched_n"].fillna(0).astype("int64")
    table["baseline_censored"] = table["baseline_censored"].eq(True)
    table["baseline_source"] = table["baseline_source"].fillna("")
    needs = (rule != "none") & (table["phase"] != plan.baseline_phase)
    missing = needs & table["baseline_value"].isna()
    reason = table["baseline_problem"].fillna("no baseline in this context")
    return table[~missing], table[missing].assign(reason=reason[missing])


def _finished(table: pd.DataFrame, plan: AnalysisPlan, rules: Mapping[str, Rule]) -> pd.DataFrame:
    """Declare and sort the outcomes."""
    priorities = {name: priority_of(name, plan) for name in table["outcome"].unique()}
    table = table.assign(
        domain=table["metric"].map({name: rule.domain for name, rule in rules.items()}),
        scale=table["metric"].map({name: rule.scale for name, rule in rules.items()}),
        value_unit=table["metric"].map(
            {name: scale_unit(rule.scale, rule.value_unit) for name, rule in rules.items()}
        ),
        priority=table["outcome"].map(priorities),
        value_other=table["other"],
    )
    order = ["outcome", "animal", "session", "step", "phase", "context", "split", "split_level"]
    return table.sort_values([*order, "anchor"], kind="stable")


def _dropped(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One row per cell and reason, with the number of entities that it concerns."""
    parts = [part for part in parts if len(part)]
    if not parts:
        return from_rows([], DROPPED)
    rows = pd.concat(parts, ignore_index=True)
    rows["outcome"] = outcome_ids(rows)
    rows["n_entities"] = rows["n_entities"].fillna(1) if "n_entities" in rows else 1
    keys = [name for name in DROPPED if name not in ("n_entities", "seconds")]
    by = rows.groupby(keys, sort=True)
    table = by.agg(n_entities=("n_entities", "sum"), seconds=("seconds", "max"))
    return typed(table.reset_index(), DROPPED)


def analysis_values(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return the values that are compared, as the figures should show them.

    ``value - baseline_value`` where the baseline rule is ``change``, else ``value``; in the
    baseline phase always ``value``. What is only a lower bound on another scale than
    ``time_to_event`` is missing (:mod:`pipeline.compare.lower_bounds`). A censored time is never
    analysed as if it had been observed: pseudo-values of the restricted mean stand for the times
    (:func:`pipeline.compare.survival_tables.restricted_outcomes`), which are the times restricted
    at the cap where all sessions are equally long. Changes of times are restricted, value and
    baseline alike, at the smallest censoring time, so that every restricted time is known
    (Royston & Parmar 2013, BMC Med Res Methodol 13:152).

    Parameters
    ----------
    outcomes : DataFrame
        ``Outcomes.table``.

    Returns
    -------
    DataFrame
        Same index; ``analysed`` on the declared scale, ``other`` on the other scale (NaN where
        there is none), ``restricted_at`` (tau, NaN where nothing is censored), ``bounded`` (bool:
        a lower bound, whose ``analysed`` and ``other`` are NaN).
    """
    value, baseline = outcomes["value"], outcomes["baseline_value"]
    other, other_baseline = outcomes["value_other"], outcomes["baseline_other"]
    keys = [outcomes[name] for name in ("outcome", "phase", "split", "split_level")]
    timed = outcomes["scale"] == "time_to_event"
    change = (outcomes["baseline_rule"] == "change") & outcomes["baseline_value"].notna()
    subtracted = timed & (outcomes["baseline_rule"] == "change")
    capped = value.where(subtracted & outcomes["censored"])
    capped_before = baseline.where(subtracted & outcomes["baseline_censored"] & change)
    tau = pd.concat([capped, capped_before], axis=1).min(axis=1)
    tau = tau.groupby(keys).transform("min") if len(outcomes) else tau
    if (timed & ~subtracted).any():
        restricted = restricted_outcomes(outcomes[timed & ~subtracted])
        tau = tau.where(~timed | subtracted, restricted["tau"])
        # one that left before tau has no logarithm of its time
        known = ~outcomes["censored"] | (value >= tau)
        other = other.where(~timed | subtracted | known)
        value = value.where(~timed | subtracted, restricted["pseudo_value"])
    ceiling = tau.fillna(np.inf)
    log_ceiling = np.log2(ceiling.where(ceiling > 0))
    other, other_baseline = other.clip(upper=log_ceiling), other_baseline.clip(upper=log_ceiling)
    value = value.where(timed & ~subtracted, value.clip(upper=ceiling))
    baseline = baseline.clip(upper=ceiling)
    bounded = lower_bounds(outcomes)
    return pd.DataFrame(
        {
            "analysed": (value - baseline).where(change, value).mask(bounded),
            "other": (other - other_baseline).where(change, other).mask(bounded),
            "restricted_at": tau,
            "bounded": bounded,
        },
        index=outcomes.index,
    )
