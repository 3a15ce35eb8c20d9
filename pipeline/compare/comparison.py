"""Outcomes to contrasts and verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.compare.arms import Arms, asked_conditions, build_arms, steps_of
from pipeline.compare.companions import companions
from pipeline.compare.contrasts import (
    DIFFERENCE,
    MAIN,
    SIMPLE,
    Contrast,
    at_equal_time,
    make_contrast,
    specs_of,
)
from pipeline.compare.families import adjust
from pipeline.compare.guards import reasons
from pipeline.compare.outcomes import analysis_values
from pipeline.compare.rules import bound_of, rules_of
from pipeline.compare.slices import DECLARED, KEYS, Slice, arrange, columns_of, levels_of, units_of
from pipeline.compare.tables import CONTRASTS, OUTCOMES, VERDICTS, from_rows, require
from pipeline.compare.verdicts import Evidence, verdict_row
from pipeline.errors import InputError
from pipeline.experiment.plan import AnalysisPlan, PlanQuestion
from pipeline.metric import Metric


@dataclass(frozen=True)
class Comparison:
    """What compare found.

    Attributes
    ----------
    contrasts : DataFrame
        contrasts.tsv (``pipeline.compare.tables.CONTRASTS``).
    verdicts : DataFrame
        verdicts.tsv (``pipeline.compare.tables.VERDICTS``).
    """

    contrasts: pd.DataFrame
    verdicts: pd.DataFrame


@dataclass(frozen=True)
class _Asked:
    """One condition of one slice at one step, with its contrasts."""

    arms: Arms
    contrasts: tuple[Contrast, ...]
    baseline: bool


def compare(
    outcomes: pd.DataFrame,
    plan: AnalysisPlan,
    metrics: Mapping[str, Metric],
    *,
    permutations: bool = True,
) -> Comparison:
    """Test every planned contrast per animal and give the verdicts.

    Conditions are compared with their references, matched on step, per question (modifier), phase,
    split and split_level. Whether drug and modifier vary within or between animals is read from the
    data's design, never from a p value.

    Parameters
    ----------
    outcomes : DataFrame
        ``Outcomes.table``.
    plan : AnalysisPlan
        Questions, conditions, smallest effects, alpha, seed.
    metrics : mapping
        Metric name -> Metric, from the registry.
    permutations : bool
        False leaves the permutation companions out: simulated cohorts whose verdicts alone are
        read (no verdict depends on a companion).

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        Missing columns, unknown metrics, a modifier that is no column, animals without a cage.
    """
    if outcomes.empty:
        return Comparison(from_rows([], CONTRASTS), from_rows([], VERDICTS))
    require(outcomes, OUTCOMES, name="outcomes")
    rules_of(outcomes["metric"].unique(), plan, metrics)
    _refuse_mixed_rules(outcomes, plan)
    # one order for any order of the input: sums of floats depend on it
    order = ["outcome", "animal", "session", "step", "phase", "context", "split", "split_level"]
    outcomes = outcomes.sort_values(order, kind="stable", ignore_index=True)
    asked = [
        _ask(arms, plan, baseline=baseline)
        for part, question, baseline in _slices(outcomes, plan)
        for arms in _arms(part, question, plan, baseline=baseline)
    ]
    contrasts = [contrast for one in asked for contrast in one.contrasts]
    rows = _finished(contrasts, plan, permutations=permutations)
    verdicts, at = [], 0
    for one in asked:
        its_rows = rows[at : at + len(one.contrasts)]
        at += len(one.contrasts)
        if not one.baseline:
            verdicts.append(_verdict(one, its_rows, plan))
    return Comparison(from_rows(rows, CONTRASTS), from_rows(verdicts, VERDICTS))


def _refuse_mixed_rules(outcomes: pd.DataFrame, plan: AnalysisPlan) -> None:
    """A change without its baseline would be analysed as a raw value among changes."""
    changes = (outcomes["baseline_rule"] == "change") & (outcomes["phase"] != plan.baseline_phase)
    bare = outcomes[changes & outcomes["baseline_value"].isna()]
    if len(bare):
        row = bare.iloc[0]
        raise InputError(
            f"outcomes: session {row.session}, outcome {row.outcome}: found no baseline_value; "
            "expected one under the rule change (such cells are left out when outcomes are built: "
            "was the table edited?)"
        )


def _slices(
    outcomes: pd.DataFrame, plan: AnalysisPlan
) -> Iterator[tuple[Slice, PlanQuestion, bool]]:
    """Cut the outcomes into slices: question by question, then the baseline phase."""
    declared = outcomes.drop_duplicates("outcome").set_index("outcome")[list(DECLARED)]
    declared_of = declared.astype(str).to_dict("index")
    columns = columns_of(outcomes, units_of(outcomes, plan), analysis_values(outcomes))
    cuts = sorted(outcomes.groupby(list(KEYS)).indices.items())
    contexts = plan.contexts or tuple(sorted(set(columns["context"])))
    carry_over = PlanQuestion(
        modifier="context",
        reference=contexts[0],
        levels=contexts,
        phases=(plan.baseline_phase,),
    )
    for question in (*plan.questions, carry_over):
        baseline = question is carry_over
        levels = levels_of(outcomes, question.modifier, plan).to_numpy(dtype=object)
        levelled = columns | {"level": levels}
        for key, at in cuts:
            names = dict(zip(KEYS, key, strict=True))
            if names["phase"] in question.phases:
                rows = {name: values[at] for name, values in levelled.items()}
                declared = declared_of[names["outcome"]]
                yield arrange(rows, names, declared, question, plan), question, baseline
        for outcome in [] if baseline else _never_analysed(outcomes, plan):
            rows = {name: values[:0] for name, values in levelled.items()}
            for phase in question.phases:
                names = {"outcome": outcome, "phase": phase, "split": "", "split_level": ""}
                yield arrange(rows, names, declared_of[outcome], question, plan), question, False


def _never_analysed(outcomes: pd.DataFrame, plan: AnalysisPlan) -> list[str]:
    """Outcomes without a value in any analysed phase: shown as such, not left out."""
    seen = outcomes.loc[outcomes["phase"].isin(plan.phases), "outcome"]
    return sorted(set(outcomes["outcome"]) - set(seen))


def _arms(
    part: Slice, question: PlanQuestion, plan: AnalysisPlan, *, baseline: bool
) -> Iterator[Arms]:
    for condition, per_level in asked_conditions(plan, question):
        names = {pair[0] for pair in per_level.values()} or {condition.name}
        if baseline and not _met(part, condition.name):
            continue
        for step in steps_of(part, names):
            yield build_arms(part, condition, per_level, step)


def _met(part: Slice, condition: str) -> bool:
    return bool((part.rows.condition == part.conditions.index(condition)).any())


def _ask(arms: Arms, plan: AnalysisPlan, *, baseline: bool) -> _Asked:
    contrasts = []
    for spec in specs_of(arms, baseline=baseline):
        contrasts.append(make_contrast(arms, spec, alpha=plan.alpha, baseline=baseline))
        if spec.kind == DIFFERENCE and not contrasts[-1].problem:
            beside = at_equal_time(arms, spec, alpha=plan.alpha)
            contrasts += [beside] if beside else []
    return _Asked(arms, tuple(contrasts), baseline)


def _finished(
    contrasts: Sequence[Contrast], plan: AnalysisPlan, *, permutations: bool
) -> list[dict[str, object]]:
    """Add what needs all contrasts: adjusted p values and companions."""
    rows = [dict(contrast.row) for contrast in contrasts]
    p = np.array([row["p"] for row in rows], dtype=float)
    adjusted, n_tests = adjust(p, rows)
    other = np.array([contrast.other_p for contrast in contrasts], dtype=float)
    other_adjusted, _ = adjust(other, rows)
    groups = [contrast.groups if permutations else () for contrast in contrasts]
    companion, floor = companions(groups, seed=plan.seed)
    for index, row in enumerate(rows):
        row["p_adjusted"], row["n_tests"] = adjusted[index], n_tests[index]
        row["other_p_adjusted"] = other_adjusted[index]
        row["companion_p"], row["companion_floor"] = companion[index], floor[index]
        if floor[index] > plan.alpha:
            note = "too few animals for the permutation to reject at any effect"
            row["note"] = f"{row['note']}; {note}" if row["note"] else note
    return rows


def _verdict(
    asked: _Asked, rows: Sequence[Mapping[str, object]], plan: AnalysisPlan
) -> dict[str, object]:
    arms, part = asked.arms, asked.arms.slice
    planned = [c for c in asked.contrasts if c.row["contrast"] in (SIMPLE, MAIN, DIFFERENCE)]
    found = reasons(arms, planned)
    bound = bound_of(part.key["outcome"], plan)
    return {
        **part.key,
        "domain": part.declared["domain"],
        "priority": part.declared["priority"],
        "condition": arms.condition,
        "reference_condition": arms.reference,
        "step": arms.step,
        "modifier": part.modifier,
        "reference_level": part.reference_level,
        "n_levels": len(arms.levels),
        **verdict_row(Evidence.of(rows), bound, found, alpha=plan.alpha),
    }
