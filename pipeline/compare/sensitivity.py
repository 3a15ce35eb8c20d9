"""Sensitivity analyses beside the planned contrasts: labelled, and never alone.

``main`` and ``difference_of_differences`` are estimated again, adjusted for movement (a consequence
of the drug as well as a cause of rhythms: the adjusted effect is what locomotion does not
explain), adjusted for sex in parallel groups, and, where less than the washout lay between the
sessions of a crossover, from each animal's first session only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from pipeline.compare.adjusted import estimate_adjusted
from pipeline.compare.arms import DRUG, REFERENCE, Arms
from pipeline.compare.contrasts import (
    DIFFERENCE,
    MAIN,
    SIMPLE,
    Contrast,
    Spec,
    contrast_row,
    covariate_scores,
    groups_of,
    incomplete_units,
    plain_answer,
)
from pipeline.compare.guards import short_washout
from pipeline.compare.per_animal import Estimate, Group, estimate
from pipeline.experiment.plan import AnalysisPlan

FOR_MOVEMENT = "adjusted_for_movement"
FOR_SEX = "adjusted_for_sex"
FIRST_SESSION = "first_session_only"
SENSITIVITIES = (FOR_MOVEMENT, FOR_SEX, FIRST_SESSION)
#: end of the note of an adjusted contrast that no data stand behind
EXTRAPOLATES = "the adjustment extrapolates"


def sensitivity_rows(
    arms: Arms, spec: Spec, planned: Contrast, plan: AnalysisPlan
) -> Iterator[Contrast]:
    """Yield the sensitivity analyses of one planned contrast that was estimated.

    A baseline that is a covariate of the planned contrast, and the period where that is adjusted
    for, are covariates of theirs, too.
    """
    wanted = (MAIN, DIFFERENCE) if len(arms.levels) > 1 else (SIMPLE,)
    if spec.kind not in wanted or arms.problem:
        return
    if incomplete_units(arms, spec.coefficients).any():
        return  # scores per animal would leave out animals that the planned contrast keeps
    groups = groups_of(arms, spec.coefficients, arms.values)
    columns = list(covariate_scores(arms, spec.coefficients, arms.baseline))
    if "period" in str(planned.row["model"]):
        for period in range(1, arms.occasion.shape[-1]):
            share = covariate_scores(arms, spec.coefficients, arms.occasion[..., period])
            columns = _joined(columns, share) if np.concatenate(share).any() else columns
    yield from _for_movement(arms, spec, groups, columns, plan)
    yield from _for_sex(arms, spec, groups, columns, plan)
    if not np.isfinite(arms.baseline).any():
        yield from _first_session(arms, spec, plan)


def _row(
    arms: Arms, spec: Spec, kind: str, groups: tuple[Group, ...], result: Estimate, remark: str
) -> Contrast:
    named = replace(spec, kind=f"{spec.kind}_{kind}")
    answer = plain_answer(arms, spec, groups, result, remark)
    row = contrast_row(arms, named, answer, f"{spec.kind}_{kind}")
    return Contrast(row | {"other_estimate": float("nan")}, (), result.problem, float("nan"))


def _joined(columns: Sequence[np.ndarray], more: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Columns of scores of each group, side by side."""
    if not columns:
        return list(more)
    return [np.column_stack(pair) for pair in zip(columns, more, strict=True)]


def _for_movement(
    arms: Arms,
    spec: Spec,
    groups: tuple[Group, ...],
    columns: Sequence[np.ndarray],
    plan: AnalysisPlan,
) -> Iterator[Contrast]:
    if arms.slice.key["split"]:  # inside a stratum of movement, or too few seconds to adjust
        return
    speeds = covariate_scores(arms, spec.coefficients, arms.movement)
    if not speeds:
        return
    scores = _joined(columns, speeds)
    result = estimate_adjusted(groups, scores, alpha=plan.alpha, named="speed")
    if np.isfinite(result.estimate):
        remark = "sensitivity: what the speed in the same epochs does not explain"
        apart = _levels_apart(arms, spec)
        if apart:
            where = ", ".join(apart)
            remark += f"; speeds of drug and reference do not overlap in {where}: {EXTRAPOLATES}"
        yield _row(arms, spec, FOR_MOVEMENT, groups, result, remark)


def _levels_apart(arms: Arms, spec: Spec) -> list[str]:
    """Levels at which the speeds of drug and reference do not overlap."""
    found = []
    for index in np.flatnonzero((spec.coefficients != 0).any(axis=0)):
        drug, reference = (
            arms.movement[arm, :, index][np.isfinite(arms.movement[arm, :, index])]
            for arm in (DRUG, REFERENCE)
        )
        if not len(drug) or not len(reference):
            continue
        if drug.min() > reference.max() or reference.min() > drug.max():
            found.append(arms.levels[index])
    return found


def _for_sex(
    arms: Arms,
    spec: Spec,
    groups: tuple[Group, ...],
    columns: Sequence[np.ndarray],
    plan: AnalysisPlan,
) -> Iterator[Contrast]:
    if arms.drug_within or arms.slice.modifier == "sex" or arms.slice.unit_kind != "animal":
        return
    sex = np.full(len(arms.slice.units), "", dtype=object)
    sex[arms.slice.rows.unit] = arms.slice.rows.sex
    known = sorted(set(sex) - {""})
    if len(known) != 2:
        return
    codes = np.where(sex == known[1], 0.5, np.where(sex == known[0], -0.5, np.nan))
    scores = _joined(columns, [codes[group.units] for group in groups])
    result = estimate_adjusted(groups, scores, alpha=plan.alpha, named="sex")
    if np.isfinite(result.estimate):
        remark = f"sensitivity: at equal shares of {known[0]} and {known[1]}"
        yield _row(arms, spec, FOR_SEX, groups, result, remark)


def _first_session(arms: Arms, spec: Spec, plan: AnalysisPlan) -> Iterator[Contrast]:
    if not arms.drug_within or short_washout(arms, plan) is None:
        return
    early = arms.period == 1  # the animal's first test session of all, whatever it was given
    kept = replace(
        arms,
        values=np.where(early, arms.values, np.nan),
        present=arms.present & early,
        drug_within=False,
    )
    kept = replace(kept, modifier_within=bool((kept.present.sum(axis=2) > 1).any()))
    if incomplete_units(kept, spec.coefficients).any():
        return
    groups = groups_of(kept, spec.coefficients, kept.values)
    result = estimate(groups, alpha=plan.alpha)
    if np.isfinite(result.p):
        remark = "sensitivity: first session of each animal only (no carry-over), between animals"
        yield _row(kept, spec, FIRST_SESSION, groups, result, remark)
