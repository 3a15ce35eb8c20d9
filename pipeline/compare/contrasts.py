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
==========================================  ====================================================

In the baseline phase only ``simple`` contrasts of the raw values are made: a difference there is
carry-over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.compare.arms import DRUG, REFERENCE, Arms
from pipeline.compare.per_animal import Estimate, Group, estimate, estimate_at_equal_time

SIMPLE = "simple"
MAIN = "main"
DIFFERENCE = "difference_of_differences"
AT_EQUAL_TIME = "difference_of_differences_at_equal_time"
CARRY_OVER = "carry_over"


@dataclass(frozen=True)
class Spec:
    """One contrast: its kind, its level, and the coefficient of every cell (2, level)."""

    kind: str
    level: str
    reference_level: str
    coefficients: np.ndarray


@dataclass(frozen=True)
class Contrast:
    """A contrast with its groups and what the engine says.

    ``row`` has all columns of contrasts.tsv except those that need the other contrasts (adjusted p
    and companions); ``groups`` is empty where nothing was tested, ``problem`` says why;
    ``other_p`` is the p value on the other scale.
    """

    row: Mapping[str, object]
    groups: tuple[Group, ...]
    problem: str
    other_p: float


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
    needed = coefficients != 0
    if arms.drug_within and arms.modifier_within:
        parts = [(1.0, coefficients, "animals with every cell")]
    elif arms.drug_within:
        parts = []
        for index in np.flatnonzero(needed.any(axis=0)):
            weight = coefficients[DRUG, index]
            within = np.zeros_like(coefficients)
            within[:, index] = 1, -1
            parts.append((weight, within, arms.levels[index]))
    elif arms.modifier_within:
        parts = []
        for arm, sign in ((DRUG, 1.0), (REFERENCE, -1.0)):
            within = np.zeros_like(coefficients)
            within[arm] = sign * coefficients[arm]
            parts.append((sign, within, _names(arms, arm)))
    else:
        parts = []
        for index in np.flatnonzero(needed.any(axis=0)):
            for arm in (DRUG, REFERENCE):
                within = np.zeros_like(coefficients)
                within[arm, index] = 1.0
                label = f"{arms.names[index][arm]}, {arms.levels[index]}"
                parts.append((coefficients[arm, index], within, label))
    return tuple(_group(weight, within, values, label) for weight, within, label in parts)


def _names(arms: Arms, arm: int) -> str:
    return ", ".join(dict.fromkeys(pair[arm] for pair in arms.names))


def _group(weight: float, within: np.ndarray, values: np.ndarray, label: str) -> Group:
    needed = within != 0
    cells = np.where(needed[:, None, :], within[:, None, :] * values, 0.0)
    scores = cells.sum(axis=(0, 2))
    have = ~np.isnan(scores)
    return Group(float(weight), np.flatnonzero(have), scores[have], label)


def make_contrast(arms: Arms, spec: Spec, *, alpha: float, baseline: bool) -> Contrast:
    """Estimate one contrast and write its row."""
    groups = groups_of(arms, spec.coefficients, arms.values)
    result = _estimate(arms, spec, groups, alpha)
    other = Estimate()
    if spec.kind == DIFFERENCE and arms.slice.declared["other_scale"]:
        others = groups_of(arms, spec.coefficients, arms.other)
        other = _estimate(arms, spec, others, alpha)
    family = CARRY_OVER if baseline else spec.kind
    row = _row(arms, spec, groups, result, family)
    row["other_estimate"] = other.estimate
    tested = groups if np.isfinite(result.p) else ()
    return Contrast(row, tested, result.problem, other.p)


def at_equal_time(arms: Arms, spec: Spec, *, alpha: float) -> Contrast | None:
    """Return the time-matched companion of a difference of differences, if there can be one.

    The lag is the difference in time since the dose between the level and the reference level, in
    the drug session (parallel groups: in each animal's own session).
    """
    if arms.slice.modifier != "context" or not arms.modifier_within:
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
    row = _row(arms, Spec(AT_EQUAL_TIME, *_levels(spec)), groups, result, AT_EQUAL_TIME)
    return Contrast(row, (), result.problem, float("nan"))


def _levels(spec: Spec) -> tuple[str, str, np.ndarray]:
    return spec.level, spec.reference_level, spec.coefficients


def _estimate(arms: Arms, spec: Spec, groups: tuple[Group, ...], alpha: float) -> Estimate:
    if arms.problem:
        return Estimate(problem=arms.problem)
    if spec.kind == DIFFERENCE and spec.reference_level not in arms.levels:
        return Estimate(problem=f"the reference level {spec.reference_level} has no data")
    everyone = np.concatenate([group.units for group in groups]) if groups else np.zeros(0)
    if len(np.unique(everyone)) < len(everyone):
        problem = "some animals are in more than one group (partly crossed design)"
        return Estimate(problem=problem)
    return estimate(groups, alpha=alpha)


def _row(
    arms: Arms, spec: Spec, groups: tuple[Group, ...], result: Estimate, family: str
) -> dict[str, object]:
    part = arms.slice
    used = _cells_used(arms, spec.coefficients, groups)
    mask = arms.row_mask(used)
    names = arms.names[arms.levels.index(spec.level)] if spec.kind == SIMPLE else ("", "")
    fields = vars(result) | part.key | part.declared
    fields.pop("problem")
    return fields | {
        "family": family,
        "contrast": spec.kind,
        "condition": arms.condition,
        "reference_condition": names[1] or arms.reference,
        "modifier": part.modifier,
        "level": spec.level,
        "reference_level": spec.reference_level,
        "step": arms.step,
        "n_units": sum(len(group.scores) for group in groups),
        "n_smallest_group": min((len(group.scores) for group in groups), default=0),
        "n_animals": len(np.unique(part.rows.animal[mask])),
        "n_sessions": len(np.unique(part.rows.session[mask])),
        "n_entities": _entities(arms, mask),
        "note": "; ".join(_notes(arms, spec, used, mask, result)),
    }


def _cells_used(arms: Arms, coefficients: np.ndarray, groups: tuple[Group, ...]) -> np.ndarray:
    """Cells (2, unit, level) behind the scores."""
    needed = (coefficients != 0)[:, None, :] & ~np.isnan(arms.values)
    inside = np.zeros(arms.values.shape[1], dtype=bool)
    for group in groups:
        inside[group.units] = True
    return needed & inside[None, :, None]


def _entities(arms: Arms, mask: np.ndarray) -> int:
    """Entities over sessions: the most that any cell of a session rests on."""
    rows = arms.slice.rows
    most = np.zeros(int(rows.session.max(initial=-1)) + 1, dtype=np.int64)
    np.maximum.at(most, rows.session[mask], rows.n_entities[mask])
    return int(most.sum())


def _notes(
    arms: Arms, spec: Spec, used: np.ndarray, mask: np.ndarray, result: Estimate
) -> Iterator[str]:
    part = arms.slice
    if result.problem:
        yield result.problem
    for level, (condition, reference) in zip(arms.levels, arms.names, strict=True):
        if condition != arms.condition and spec.level in ("", level):
            yield f"{level}: {condition} against {reference}"
    missing = _missing_units(arms, spec.coefficients, used)
    if missing and not arms.problem:
        kind = part.unit_kind if len(missing) == 1 else f"{part.unit_kind}s"
        yield f"{len(missing)} {kind} missing a cell: {', '.join(missing)}"
    if len(part.contexts) > 1:
        yield f"mean over contexts: {', '.join(part.contexts)}"
    for name in ("stage", "dosing_context"):
        values = sorted(set(getattr(part.rows, name)[mask]) - {""})
        if len(values) > 1 and name != part.modifier:
            yield f"pooled over {name}: {', '.join(values)}"
    n_censored = int(part.rows.censored[mask].sum())
    if not np.isnan(part.restricted_at):
        yield f"restricted at {part.restricted_at:g}, {n_censored} of {mask.sum()} censored"
    elif n_censored:
        yield f"{n_censored} of {mask.sum()} censored: their values are lower bounds"
    if part.n_without_level:
        yield f"{part.n_without_level} values without {part.modifier} left out"


def _missing_units(arms: Arms, coefficients: np.ndarray, used: np.ndarray) -> list[str]:
    """Units of the design that are not in the contrast because they lack a cell."""
    relevant = arms.present
    if not arms.modifier_within:  # an animal of another level is not missing, it is elsewhere
        relevant = relevant & (coefficients != 0).any(axis=0)[None, None, :]
    absent = relevant.any(axis=(0, 2)) & ~used.any(axis=(0, 2))
    return [arms.slice.units[index] for index in np.flatnonzero(absent)]
