"""Which baseline belongs to which cell.

A session that has a baseline phase of its own uses it, all steps alike. A session that has none
(a follow-up, or a drug session whose baseline was another visit) uses the baseline of its anchor in
another session of the animal: the baseline rows that carry the anchor, else those of the session in
which the anchor was given. Which of the two is decided per session, never per cell, so that no
analysis mixes them cell by cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from pipeline.compare.rules import Rule
from pipeline.compare.tables import SERIES
from pipeline.experiment.plan import AnalysisPlan

_SPLIT = ("split", "split_level")


@dataclass(frozen=True)
class Baselines:
    """Baselines by cell.

    Attributes
    ----------
    table : DataFrame
        cell, baseline_value, baseline_other, baseline_censored, baseline_source (``own session``,
        ``other session`` or ""), baseline_problem (why there is none), and for units in the same
        session common_value, common_other, common_n (over the units that are in both) and
        unmatched_n (units that are in one only).
    """

    table: pd.DataFrame


def match_baselines(
    cells: pd.DataFrame,
    entities: pd.DataFrame,
    *,
    plan: AnalysisPlan,
    rules: Mapping[str, Rule],
    own_sessions: set[str],
    links: set[tuple[str, str]],
) -> Baselines:
    """Find every cell's baseline.

    Parameters
    ----------
    cells : DataFrame
        Cell means (columns ``cell``, ``value``, ``other``, cell keys, ``animal``, ``outcome``).
    entities : DataFrame
        Entity values with ``cell`` and ``unit_id``.
    plan : AnalysisPlan
        baseline_phase, baseline_context, minimum_units.
    rules : mapping
        Metric -> Rule.
    own_sessions : set of str
        Sessions with baseline rows of their own, before anything was left out.
    links : set of (anchor, session)
        Sessions that an anchor has rows in.

    Returns
    -------
    Baselines
    """
    is_baseline = cells["phase"] == plan.baseline_phase
    pairs = _pairs(cells[~is_baseline], cells[is_baseline], plan, own_sessions, links)
    found = _means(pairs)
    by_unit = {name for name, rule in rules.items() if rule.by_unit and rule.baseline != "none"}
    same_units = pairs[(pairs["source"] == "own session") & pairs["metric"].isin(by_unit)]
    common = _common_units(same_units, entities, plan.minimum_units)
    table = cells[["cell"]].merge(found, on="cell", how="left").merge(common, on="cell", how="left")
    replaced = table["common_n"].notna()
    table.loc[replaced, "baseline_value"] = table.loc[replaced, "common_baseline"]
    table.loc[replaced, "baseline_other"] = table.loc[replaced, "common_baseline_other"]
    return Baselines(table.drop(columns=["common_baseline", "common_baseline_other"]))


def _pairs(
    values: pd.DataFrame,
    baselines: pd.DataFrame,
    plan: AnalysisPlan,
    own_sessions: set[str],
    links: set[tuple[str, str]],
) -> pd.DataFrame:
    """Pair cells with the baseline cells that they use (several sessions are averaged later)."""
    same_context = plan.baseline_context == "same"
    left = values[["cell", "animal", "session", "anchor", *SERIES, *_SPLIT]].assign(
        baseline_context=values["context"] if same_context else plan.baseline_context
    )
    right = baselines[["animal", *SERIES, *_SPLIT]].assign(
        baseline_context=baselines["context"],
        baseline_cell=baselines["cell"],
        baseline_session=baselines["session"],
        baseline_anchor=baselines["anchor"],
        baseline_step=baselines["step"],
        baseline_value=baselines["value"],
        baseline_other=baselines["other"],
        baseline_censored=baselines["censored"],
    )
    pairs = left.merge(right, on=["animal", *SERIES, *_SPLIT, "baseline_context"])
    own = pairs["session"].isin(own_sessions)
    same_session = pairs["session"] == pairs["baseline_session"]
    same_anchor = (pairs["anchor"] == pairs["baseline_anchor"]) & (pairs["anchor"] != "")
    anchored = zip(pairs["anchor"], pairs["baseline_session"], strict=True)
    linked = pd.Series([pair in links and pair[0] != "" for pair in anchored], index=pairs.index)
    pairs["source"] = own.map({True: "own session", False: "other session"})
    pairs = pairs[(own & same_session) | (~own & (same_anchor | linked.astype(bool)))]
    # the anchor's own baseline wins over the one that its session has for another step
    rank = pairs["baseline_step"].where(~same_anchor[pairs.index], 0)
    pairs = pairs[rank == rank.groupby(pairs["cell"]).transform("min")]
    per_session = pairs.sort_values(["cell", "baseline_session", "baseline_anchor"])
    return per_session.drop_duplicates(["cell", "baseline_session"])


def _means(pairs: pd.DataFrame) -> pd.DataFrame:
    by = pairs.groupby("cell")
    return by.agg(
        baseline_value=("baseline_value", "mean"),
        baseline_other=("baseline_other", "mean"),
        baseline_censored=("baseline_censored", "any"),
        baseline_source=("source", "first"),
    ).reset_index()


def _common_units(pairs: pd.DataFrame, entities: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Average value and baseline over the units that are in both.

    Only within a session: unit ids of two sorted sessions do not name the same neurons.
    """
    units = entities[["cell", "unit_id", "value", "other"]]
    before = units.rename(
        columns={"cell": "baseline_cell", "value": "baseline", "other": "baseline_other"}
    )
    both = (
        pairs[["cell", "baseline_cell"]]
        .merge(units, on="cell")
        .merge(before, on=["baseline_cell", "unit_id"])
    )
    by = both.groupby("cell")
    common = by.agg(
        common_value=("value", "mean"),
        common_other=("other", "mean"),
        common_baseline=("baseline", "mean"),
        common_baseline_other=("baseline_other", "mean"),
    )
    common["common_n"] = by.size()
    cells = pairs.set_index("cell")
    sizes = units.groupby("cell").size()
    common = common.reindex(cells.index)
    common["common_n"] = common["common_n"].fillna(0)
    n_value = sizes.reindex(cells.index)
    n_before = sizes.reindex(cells["baseline_cell"]).to_numpy()
    common["unmatched_n"] = n_value + n_before - 2 * common["common_n"]
    few = common["common_n"] < minimum
    common.loc[few, ["common_baseline", "common_baseline_other"]] = float("nan")
    common["baseline_problem"] = None
    common.loc[few, "baseline_problem"] = (
        f"fewer than {minimum} units that are in both value and baseline"
    )
    return common.reset_index()
