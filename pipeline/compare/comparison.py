"""Outcomes to contrasts and verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from pipeline.compare.arms import Arms, asked_conditions, build_arms, steps_of
from pipeline.compare.cell_designs import Designs
from pipeline.compare.cell_models import bayes_factor_additive
from pipeline.compare.companions import companion_name, companions
from pipeline.compare.contrasts import (
    DIFFERENCE,
    IN_CONTEXT,
    MAIN,
    SIMPLE,
    Contrast,
    at_equal_time,
    make_contrast,
    specs_of,
)
from pipeline.compare.covariates import covariates
from pipeline.compare.engines import Models
from pipeline.compare.families import OMNIBUS, adjust, discoveries
from pipeline.compare.guards import reasons, remarks
from pipeline.compare.log_rank import permutation_log_rank
from pipeline.compare.outcomes import analysis_values
from pipeline.compare.rules import bound_of, rules_of
from pipeline.compare.scale_flags import at_bounds, crossing
from pipeline.compare.sensitivity import sensitivity_rows
from pipeline.compare.slice_rows import CONDITION, cumulative_rows, omnibus_rows, trend_rows
from pipeline.compare.slices import DECLARED, KEYS, Slice, arrange, columns_of, levels_of, units_of
from pipeline.compare.tables import CONTRASTS, OUTCOMES, VERDICTS, from_rows, require
from pipeline.compare.verdicts import Evidence, missing_primaries, verdict_row
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
class _Cut:
    """A slice with its question.

    ``baseline`` marks the baseline phase; ``context`` names the one context that a slice of another
    modifier was narrowed to.
    """

    slice: Slice
    question: PlanQuestion
    baseline: bool = False
    context: str = ""


@dataclass(frozen=True)
class _Asked:
    """One condition of one slice at one step, with its contrasts."""

    arms: Arms
    contrasts: tuple[Contrast, ...]


@dataclass(frozen=True)
class _Part:
    """One slice at one step: what was asked of each condition, and what concerns all."""

    asked: tuple[_Asked, ...]
    together: tuple[Contrast, ...]
    baseline: bool

    @property
    def contrasts(self) -> list[Contrast]:
        """All contrasts, in the order of the rows."""
        return [c for one in self.asked for c in one.contrasts] + list(self.together)


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
        False leaves out what no verdict depends on and takes time, the permutation companions, the
        Bayes factors and the sensitivity analyses: for simulated cohorts, of which tests and
        verdicts are counted.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        Missing columns, unknown metrics, a modifier that is no column, animals without a cage.
    """
    if outcomes.empty:
        verdicts = missing_primaries(from_rows([], OUTCOMES), plan, metrics)
        return Comparison(from_rows([], CONTRASTS), from_rows(verdicts, VERDICTS))
    require(outcomes, OUTCOMES, name="outcomes")
    rules_of(outcomes["metric"].unique(), plan, metrics)
    _refuse_mixed_rules(outcomes, plan)
    # one order for any order of the input: sums of floats depend on it
    order = ["outcome", "animal", "session", "step", "phase", "context", "split", "split_level"]
    outcomes = outcomes.sort_values(order, kind="stable", ignore_index=True)
    designs = Designs()  # outcomes measured in the same cells share them
    parts = [
        part
        for cut in _slices(outcomes, plan)
        for part in (
            _in_context(cut, plan, designs)
            if cut.context
            else _parts(cut, plan, designs, beside=permutations)
        )
    ]
    contrasts = [contrast for part in parts for contrast in part.contrasts]
    rows = _finished(contrasts, plan, permutations=permutations)
    verdicts, at = [], 0
    for part in parts:
        its_rows = rows[at : at + len(part.contrasts)]
        at += len(part.contrasts)
        if not part.baseline:
            verdicts += _verdicts(part, its_rows, plan, designs if permutations else None)
    verdicts += missing_primaries(outcomes, plan, metrics)
    return Comparison(from_rows(rows, CONTRASTS), from_rows(verdicts, VERDICTS))


def _refuse_mixed_rules(outcomes: pd.DataFrame, plan: AnalysisPlan) -> None:
    """A change without its baseline would be analysed as a raw value among changes."""
    changes = (outcomes["baseline_rule"] != "none") & (outcomes["phase"] != plan.baseline_phase)
    bare = outcomes[changes & outcomes["baseline_value"].isna()]
    if len(bare):
        row = bare.iloc[0]
        raise InputError(
            f"outcomes: session {row.session}, outcome {row.outcome}: found no baseline_value; "
            f"expected one under the rule {row.baseline_rule} (such cells are left out when "
            "outcomes are built: was the table edited?)"
        )


def _slices(outcomes: pd.DataFrame, plan: AnalysisPlan) -> Iterator[_Cut]:
    """Cut the outcomes into slices: question by question, then the baseline phase.

    A modifier other than ``context`` is asked over the mean of the contexts, and in each of them.
    """
    table = outcomes.drop_duplicates("outcome").set_index("outcome")[list(DECLARED)]
    declared_of: dict[Any, dict[str, str]] = {
        outcome: {str(name): str(cell) for name, cell in row.items()}
        for outcome, row in table.astype(str).to_dict("index").items()
    }
    values = analysis_values(outcomes).join(covariates(outcomes, plan))
    columns = columns_of(outcomes, units_of(outcomes, plan), values)
    grouped: Any = outcomes.groupby(list(KEYS)).indices
    cuts = sorted(grouped.items())
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
                whole = arrange(rows, names, declared, question, plan)
                yield _Cut(whole, question, baseline)
                for context in whole.contexts if len(whole.contexts) > 1 else ():
                    here = rows["context"] == context
                    narrow = {name: values[here] for name, values in rows.items()}
                    part = arrange(narrow, names, declared, question, plan)
                    yield _Cut(part, question, baseline, context)
        for outcome in [] if baseline else _never_analysed(outcomes, plan):
            rows = {name: values[:0] for name, values in levelled.items()}
            for phase in question.phases:
                names = {"outcome": outcome, "phase": phase, "split": "", "split_level": ""}
                yield _Cut(arrange(rows, names, declared_of[outcome], question, plan), question)


def _never_analysed(outcomes: pd.DataFrame, plan: AnalysisPlan) -> list[str]:
    """Outcomes without a value in any analysed phase: shown as such, not left out."""
    seen = outcomes.loc[outcomes["phase"].isin(plan.phases), "outcome"]
    return sorted(set(outcomes["outcome"]) - set(seen))


def _parts(cut: _Cut, plan: AnalysisPlan, designs: Designs, *, beside: bool) -> Iterator[_Part]:
    """Ask every condition of a slice, step by step, and all of them together."""
    for step, arms in _arms_by_step(cut, plan).items():
        models = Models(cut.slice, step, designs)
        yield _Part(
            tuple(_ask(one, models, plan, baseline=cut.baseline, beside=beside) for one in arms),
            (
                *omnibus_rows(models, arms, baseline=cut.baseline),
                *(() if cut.baseline else trend_rows(models, plan)),
            ),
            cut.baseline,
        )
    if not cut.baseline and len(cut.slice.steps) > 1:
        yield _Part((), tuple(cumulative_rows(cut.slice, plan)), baseline=False)


def _arms_by_step(cut: _Cut, plan: AnalysisPlan) -> dict[int, list[Arms]]:
    asked: dict[int, list[Arms]] = {step: [] for step in cut.slice.steps}
    for condition, per_level in asked_conditions(plan, cut.question):
        names = {pair[0] for pair in per_level.values()} or {condition.name}
        if cut.baseline and not _met(cut.slice, condition.name):
            continue
        for step in steps_of(cut.slice, names):
            asked.setdefault(step, []).append(build_arms(cut.slice, condition, per_level, step))
    return asked


def _in_context(cut: _Cut, plan: AnalysisPlan, designs: Designs) -> Iterator[_Part]:
    """Ask in one context whether the modifier changes the drug effect."""
    contrasts = []
    for step, arms in _arms_by_step(cut, plan).items():
        models = Models(cut.slice, step, designs)
        for one in arms:
            for spec in specs_of(one, baseline=False):
                if spec.kind != DIFFERENCE:
                    continue
                found = make_contrast(one, spec, models, alpha=plan.alpha, baseline=False)
                named = {"contrast": IN_CONTEXT, "family": IN_CONTEXT, "term": cut.context}
                contrasts.append(replace(found, row={**found.row, **named}))
    yield _Part((), tuple(contrasts), cut.baseline)


def _met(part: Slice, condition: str) -> bool:
    return bool((part.rows.condition == part.conditions.index(condition)).any())


def _ask(arms: Arms, models: Models, plan: AnalysisPlan, *, baseline: bool, beside: bool) -> _Asked:
    contrasts = []
    for spec in specs_of(arms, baseline=baseline):
        found = make_contrast(arms, spec, models, alpha=plan.alpha, baseline=baseline)
        contrasts.append(found)
        if found.problem or baseline:
            continue
        if spec.kind == DIFFERENCE:
            timed = at_equal_time(arms, spec, alpha=plan.alpha)
            contrasts += [timed] if timed else []
        contrasts += sensitivity_rows(arms, spec, found, plan) if beside else []
    return _Asked(arms, tuple(contrasts))


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
    q_values, n_outcomes = discoveries(p, rows)
    for index, row in enumerate(rows):
        row["p_adjusted"], row["n_tests"] = adjusted[index], n_tests[index]
        row["other_p_adjusted"] = other_adjusted[index]
        row["companion_p"], row["companion_floor"] = companion[index], floor[index]
        row["companion"] = companion_name(groups[index])
        times = contrasts[index].survival
        if permutations and times is not None:
            row["companion_p"], row["companion_floor"] = permutation_log_rank(
                times.time, times.censored, times.group, strata=times.strata, seed=plan.seed
            )
            floor[index] = row["companion_floor"]
            row["companion"] = "permuted log-rank"
        row["q_value"], row["n_outcomes"] = q_values[index], n_outcomes[index]
        if floor[index] > plan.alpha:
            note = "too few animals for the permutation to reject at any effect"
            row["note"] = f"{row['note']}; {note}" if row["note"] else note
    return rows


def _verdicts(
    part: _Part,
    rows: Sequence[Mapping[str, object]],
    plan: AnalysisPlan,
    designs: Designs | None,
) -> Iterator[dict[str, object]]:
    """Give the verdict of every condition; without ``designs`` no Bayes factors."""
    interaction = [row for row in rows if row["contrast"] == OMNIBUS and row["term"] != CONDITION]
    at = 0
    for one in part.asked:
        its_rows = rows[at : at + len(one.contrasts)]
        at += len(one.contrasts)
        own = [r for r in interaction if r["condition"] in ("", one.arms.condition)]
        yield _verdict(one, its_rows, own[0] if own else None, plan, designs)


def _verdict(
    asked: _Asked,
    rows: Sequence[Mapping[str, object]],
    omnibus: Mapping[str, object] | None,
    plan: AnalysisPlan,
    designs: Designs | None,
) -> dict[str, object]:
    arms, part = asked.arms, asked.arms.slice
    planned = [c for c in asked.contrasts if c.row["contrast"] in (SIMPLE, MAIN, DIFFERENCE)]
    found = reasons(arms, planned)
    bound = bound_of(part.key["outcome"], plan)
    evidence = Evidence.of(rows)
    several = len(arms.levels) > 1 and not arms.problem
    nan = float("nan")
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
        "crossing": crossing(evidence.simple),
        "at_bounds": at_bounds(arms),
        "omnibus_p": omnibus["p"] if omnibus else nan,
        "q_value": omnibus["q_value"] if omnibus else nan,
        "bf01_additive": additive_odds(arms, designs) if designs is not None and several else nan,
        "note": "; ".join(remarks(arms, plan)),
        **verdict_row(evidence, bound, found, alpha=plan.alpha),
    }


def additive_odds(arms: Arms, designs: Designs) -> float:
    """Return the BIC Bayes factor for no interaction of a comparison."""
    names, unit = ("condition", arms.slice.modifier), arms.slice.unit_kind
    return bayes_factor_additive(arms.values, names=names, unit=unit, designs=designs)
