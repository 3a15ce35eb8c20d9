"""The planned contrasts of one comparison: which there are, and their scores per animal.

==========================================  ====================================================
contrast                                    meaning
==========================================  ====================================================
``simple``                                  condition minus its reference in one level
``main``                                    the simple effects averaged over the levels
``difference_of_differences``               simple effect in a level minus that in the reference
                                            level of the modifier
``difference_of_differences_at_equal_time`` the same, at equal time since the dose (modifier
                                            context, counterbalanced order): printed beside
``difference_of_differences_in_context``    for modifiers other than context: the same in one
                                            context (column ``term``) instead of over their mean
==========================================  ====================================================

In the baseline phase only ``simple`` contrasts of the raw values are made: a difference there is
carry-over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline.compare.arms import DRUG, REFERENCE, Arms
from pipeline.compare.counts import counts
from pipeline.compare.engines import Answer, Models, answer
from pipeline.compare.lower_bounds import LEAN, lean, left_out, reason
from pipeline.compare.per_animal import (
    PLAIN_MODELS,
    Estimate,
    Group,
    estimate,
    estimate_at_equal_time,
)

SIMPLE = "simple"
MAIN = "main"
DIFFERENCE = "difference_of_differences"
AT_EQUAL_TIME = "difference_of_differences_at_equal_time"
CARRY_OVER = "carry_over"
#: the difference of differences of another modifier, in one context (column ``term``)
IN_CONTEXT = "difference_of_differences_in_context"


@dataclass(frozen=True)
class Spec:
    """One contrast: its kind, its level, and the coefficient of every cell (2, level)."""

    kind: str
    level: str
    reference_level: str
    coefficients: np.ndarray


@dataclass(frozen=True)
class Survival:
    """Times to an event in two groups.

    Attributes
    ----------
    time, censored : ndarray (n,)
        Time of the event, or of the end of observation (True).
    group : ndarray of int (n,)
        0 the drug, 1 its reference.
    strata : ndarray of int (n,) or None
        The unit, if each has both.
    """

    time: np.ndarray
    censored: np.ndarray
    group: np.ndarray
    strata: np.ndarray | None


@dataclass(frozen=True)
class Contrast:
    """A contrast with its groups and what the engine says.

    ``row`` has all columns of contrasts.tsv except those that need the other contrasts (adjusted p
    and companions); ``groups`` is empty where nothing was tested, ``problem`` says why;
    ``other_p`` is the p value on the other scale; ``survival`` the times of a simple contrast of an
    outcome that can be censored; ``confound`` says what it cannot be separated from.
    """

    row: Mapping[str, Any]
    groups: tuple[Group, ...]
    problem: str
    other_p: float
    survival: Survival | None = None
    confound: str = ""


def specs_of(arms: Arms, *, baseline: bool) -> Iterator[Spec]:
    """List the contrasts of a comparison."""
    shape = (2, len(arms.levels))
    for index, level in enumerate(arms.levels):
        coefficients = np.zeros(shape)
        coefficients[:, index] = 1, -1
        yield Spec(SIMPLE, level, "", coefficients)
    if baseline or len(arms.levels) < 2:
        return
    mean = np.vstack([np.ones(shape[1]), -np.ones(shape[1])]) / shape[1]
    yield Spec(MAIN, "", "", mean)
    reference = arms.slice.reference_level
    for index, level in enumerate(arms.levels):
        if level == reference:
            continue
        coefficients = np.zeros(shape)
        coefficients[:, index] += 1, -1
        if reference in arms.levels:
            coefficients[:, arms.levels.index(reference)] += -1, 1
        yield Spec(DIFFERENCE, level, reference, coefficients)


def groups_of(arms: Arms, coefficients: np.ndarray, values: np.ndarray) -> tuple[Group, ...]:
    """Split a contrast into what is within animals (scores) and between them (groups).

    Parameters
    ----------
    arms : Arms
        Says which of drug and modifier vary within animals.
    coefficients : ndarray (2, level)
        Of the cells.
    values : ndarray (2, unit, level)
        ``arms.values`` or the same on the other scale.

    Returns
    -------
    tuple of Group
        One (both within), one per level (drug within), one per arm (modifier within), or one per
        cell (both between). Animals that lack a needed cell are not in their group.
    """
    return tuple(_group(*part, values) for part in _parts(arms, coefficients))


def _parts(arms: Arms, coefficients: np.ndarray) -> list[tuple[float, np.ndarray, str]]:
    """Weight, within-unit coefficients (2, level) and label of every group."""
    needed = coefficients != 0
    if arms.drug_within and arms.modifier_within:
        return [(1.0, coefficients, "animals with every cell")]
    parts = []
    if arms.drug_within:
        for index in np.flatnonzero(needed.any(axis=0)):
            within = np.zeros_like(coefficients)
            within[:, index] = 1, -1
            parts.append((float(coefficients[DRUG, index]), within, arms.levels[index]))
    elif arms.modifier_within:
        for arm, sign in ((DRUG, 1.0), (REFERENCE, -1.0)):
            within = np.zeros_like(coefficients)
            within[arm] = sign * coefficients[arm]
            parts.append((sign, within, _names(arms, arm)))
    else:
        for index in np.flatnonzero(needed.any(axis=0)):
            for arm in (DRUG, REFERENCE):
                within = np.zeros_like(coefficients)
                within[arm, index] = 1.0
                label = f"{arms.names[index][arm]}, {arms.levels[index]}"
                parts.append((float(coefficients[arm, index]), within, label))
    return parts


def incomplete_units(arms: Arms, coefficients: np.ndarray) -> np.ndarray:
    """Return which units (unit,) have some cell of a contrast but not all their group needs.

    Units that are in two groups that the design keeps apart (a partly crossed design) count, too.
    """
    have = np.isfinite(arms.values)
    some_of = np.zeros(have.shape[1], dtype=int)
    lacks = np.zeros(have.shape[1], dtype=bool)
    for _, within, _ in _parts(arms, coefficients):
        needed = (within != 0)[:, None, :]
        some = (have & needed).any(axis=(0, 2))
        every = (have | ~needed).all(axis=(0, 2))
        lacks |= some & ~every
        some_of += some
    return lacks | (some_of > 1)


def _names(arms: Arms, arm: int) -> str:
    return ", ".join(dict.fromkeys(pair[arm] for pair in arms.names))


def _group(weight: float, within: np.ndarray, label: str, values: np.ndarray) -> Group:
    needed = within != 0
    cells = np.where(needed[:, None, :], within[:, None, :] * values, 0.0)
    scores = cells.sum(axis=(0, 2))
    have = ~np.isnan(scores)
    size = float(np.abs(cells[:, have]).max(initial=0.0))
    return Group(float(weight), np.flatnonzero(have), scores[have], label, size)


def make_contrast(
    arms: Arms, spec: Spec, models: Models, *, alpha: float, baseline: bool
) -> Contrast:
    """Estimate one contrast and write its row."""
    found = _answer(arms, spec, models, arms.values, alpha)
    why = reason(arms, found.used, found.estimate.problem)
    found = replace(found, estimate=replace(found.estimate, problem=why))
    other = Estimate()
    plain = found.estimate.model in PLAIN_MODELS
    if spec.kind == DIFFERENCE and arms.slice.declared["other_scale"] and plain:
        other = _on_other_scale(arms, spec, alpha)
    family = CARRY_OVER if baseline else spec.kind
    row = contrast_row(arms, spec, found, family)
    row["other_estimate"] = other.estimate
    tested = found.groups if np.isfinite(found.estimate.p) else ()
    survival = _survival(arms, spec, found.used) if tested else None
    problem = found.estimate.problem
    return Contrast(row, tested, problem, other.p, survival, found.confound)


def _survival(arms: Arms, spec: Spec, used: np.ndarray) -> Survival | None:
    """Times of a simple contrast, None where there are none or where contexts were averaged."""
    part = arms.slice
    timed = part.declared["scale"] == "time_to_event" and part.declared["baseline_rule"] == "none"
    if not timed or spec.kind != SIMPLE or len(part.contexts) > 1 or part.unit_kind != "animal":
        return None
    level = arms.levels.index(spec.level)
    arm, unit = np.nonzero(used[:, :, level])
    late = arms.late[arm, unit, level]
    if ((late > 0) & (late < 1)).any():
        return None  # replicates of which one was censored: their mean is neither
    both = arms.drug_within
    return Survival(
        arms.time[arm, unit, level],
        late == 1,
        arm,
        unit if both else None,
    )


def _answer(arms: Arms, spec: Spec, models: Models, values: np.ndarray, alpha: float) -> Answer:
    groups = groups_of(arms, spec.coefficients, values)
    problem = arms.problem
    if not problem and spec.kind == DIFFERENCE and spec.reference_level not in arms.levels:
        problem = f"the reference level {spec.reference_level} has no data"
    if problem:
        used = np.zeros(arms.values.shape, dtype=bool)
        return Answer(Estimate(problem=problem), (), used, 0, 0)
    return answer(
        arms,
        spec.coefficients,
        groups,
        incomplete_units(arms, spec.coefficients),
        models,
        alpha=alpha,
        period=_period_contrast(arms, spec.coefficients),
        covariates=covariate_scores(arms, spec.coefficients, arms.baseline),
    )


def _on_other_scale(arms: Arms, spec: Spec, alpha: float) -> Estimate:
    """The same contrast on the other scale, from the units with every cell."""
    if arms.problem or spec.reference_level not in arms.levels:
        return Estimate()
    groups = groups_of(arms, spec.coefficients, arms.other)
    everyone = np.concatenate([group.units for group in groups]) if groups else np.zeros(0)
    if len(np.unique(everyone)) < len(everyone):
        return Estimate()
    return estimate(groups, alpha=alpha)


def covariate_scores(
    arms: Arms, coefficients: np.ndarray, covariate: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Return the contrast's scores of a covariate, for the units of each group; () if unused."""
    if not np.isfinite(covariate).any():
        return ()
    scores = []
    for (_, within, _), group in zip(
        _parts(arms, coefficients), groups_of(arms, coefficients, arms.values), strict=True
    ):
        cells = np.where((within != 0)[:, None, :], within[:, None, :] * covariate, 0.0)
        scores.append(cells.sum(axis=(0, 2))[group.units])
    return tuple(scores)


def _period_contrast(arms: Arms, coefficients: np.ndarray) -> np.ndarray:
    """Apply a contrast to indicators of the period: zero (period,) where the order is balanced."""
    found = []
    for period in range(arms.occasion.shape[-1]):
        share = np.where(np.isfinite(arms.values), arms.occasion[..., period], np.nan)
        groups = groups_of(arms, coefficients, share)
        means = [g.weight * g.scores.mean() if len(g.scores) else 0.0 for g in groups]
        found.append(sum(means))
    return np.array(found)


def at_equal_time(arms: Arms, spec: Spec, *, alpha: float) -> Contrast | None:
    """Return the time-matched companion of a difference of differences, if there can be one.

    The lag is the difference in time since the dose between the level and the reference level, in
    the drug session (parallel groups: in each animal's own session). There is none where some unit
    lacks a cell: the regression would leave out units that the planned contrast keeps, and differ
    from it by them as well as by the time.
    """
    if arms.slice.modifier != "context" or not arms.modifier_within:
        return None
    if np.isfinite(arms.baseline).any():  # the raw values are not what is compared
        return None
    if incomplete_units(arms, spec.coefficients).any():
        return None
    groups = groups_of(arms, spec.coefficients, arms.values)
    there, here = arms.levels.index(spec.level), arms.levels.index(spec.reference_level)
    lags = []
    for arm, group in zip((DRUG, REFERENCE), groups, strict=False):
        since = arms.since_dose[arm, group.units]
        lags.append(since[:, there] - since[:, here])
    result = estimate_at_equal_time(groups, lags, alpha=alpha)
    if np.isnan(result.estimate):
        return None
    timed = Spec(AT_EQUAL_TIME, spec.level, spec.reference_level, spec.coefficients)
    row = contrast_row(arms, timed, plain_answer(arms, spec, groups, result), AT_EQUAL_TIME)
    return Contrast(row, (), result.problem, float("nan"))


def contrast_row(arms: Arms, spec: Spec, found: Answer, family: str) -> dict[str, object]:
    """Write the row of a contrast, without what needs the other contrasts."""
    part, result = arms.slice, found.estimate
    mask = arms.row_mask(found.used)
    names = arms.names[arms.levels.index(spec.level)] if spec.kind == SIMPLE else ("", "")
    fields = vars(result) | part.key | part.declared
    fields.pop("problem")
    return fields | {
        "family": family,
        "contrast": spec.kind,
        "term": "",
        "df_numerator": float("nan"),
        "condition": arms.condition,
        "reference_condition": names[1] or arms.reference,
        "modifier": part.modifier,
        "level": spec.level,
        "reference_level": spec.reference_level,
        "step": arms.step,
        "n_units": found.n_units,
        "n_smallest_group": found.smallest,
        **counts(arms, found.used, incomplete_units(arms, spec.coefficients)),
        LEAN: lean(arms, spec.coefficients),
        "note": "; ".join(_notes(arms, spec, found, mask)),
    }


def plain_answer(
    arms: Arms, spec: Spec, groups: tuple[Group, ...], result: Estimate, remark: str = ""
) -> Answer:
    """Return an estimate from scores of complete units as an answer."""
    used = (spec.coefficients != 0)[:, None, :] & np.isfinite(arms.values)
    inside = np.zeros(arms.values.shape[1], dtype=bool)
    for group in groups:
        inside[group.units] = True
    sizes = [len(group.scores) for group in groups]
    used = used & inside[None, :, None]
    return Answer(result, groups, used, min(sizes, default=0), sum(sizes), remark)


def _notes(arms: Arms, spec: Spec, found: Answer, mask: np.ndarray) -> Iterator[str]:
    part = arms.slice
    if found.estimate.problem:
        yield found.estimate.problem
    if found.remark:
        yield found.remark
    for level, (condition, reference) in zip(arms.levels, arms.names, strict=True):
        if condition != arms.condition and spec.level in ("", level):
            yield f"{level}: {condition} against {reference}"
    missing = _missing_units(arms, spec.coefficients)
    if missing and not arms.problem:
        kind = part.unit_kind if len(missing) == 1 else f"{part.unit_kind}s"
        yield f"{len(missing)} {kind} missing a cell: {', '.join(missing)}"
    if len(part.contexts) > 1:
        yield f"mean over contexts: {', '.join(part.contexts)}"
    for name in ("stage", "dosing_context"):
        values = sorted(set(getattr(part.rows, name)[mask]) - {""})
        if len(values) > 1 and name != part.modifier:
            yield f"pooled over {name}: {', '.join(values)}"
    if not np.isnan(part.restricted_at):
        n_censored = int(part.rows.censored[mask].sum())
        yield f"restricted at {part.restricted_at:g}, {n_censored} of {mask.sum()} censored"
    elif bounds := left_out(arms, spec.coefficients):
        yield bounds
    if part.n_without_level:
        yield f"{part.n_without_level} values without {part.modifier} left out"


def _missing_units(arms: Arms, coefficients: np.ndarray) -> list[str]:
    """Units of the design that lack a cell that the contrast needs of them."""
    relevant = arms.present
    if not arms.modifier_within:  # an animal of another level is not missing, it is elsewhere
        relevant = relevant & (coefficients != 0).any(axis=0)[None, None, :]
    have = (coefficients != 0)[:, None, :] & np.isfinite(arms.values)
    absent = relevant.any(axis=(0, 2)) & ~have.any(axis=(0, 2))
    absent |= incomplete_units(arms, coefficients)
    return [arms.slice.units[index] for index in np.flatnonzero(absent)]
