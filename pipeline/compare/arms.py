"""The two arms of a comparison, and what the design says about them.

An arm is the drug (row 0) or its reference (row 1) at every level of the modifier. For the modifier
``pretreatment`` each level has its own condition and its own reference ("psilocybin + ketanserin"
against "ketanserin + vehicle").
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from pipeline.compare.slices import NO_PRETREATMENT, Slice
from pipeline.experiment.plan import AnalysisPlan, PlanCondition, PlanQuestion

DRUG, REFERENCE = 0, 1


@dataclass(frozen=True)
class Arms:
    """Values of the drug and of its reference.

    Attributes
    ----------
    slice : Slice
        Where they come from.
    condition, reference : str
        The condition asked about, and what it is compared with (at the reference level).
    step : int
        Administration in the session that both are matched on.
    names : tuple of (str, str)
        Condition and reference at each level.
    levels : tuple of str
        Levels of the modifier that the comparison spans.
    values, other, since_dose, period, baseline, movement, time, late : ndarray (2, unit, level)
        As in the slice; NaN where a unit has no such cell.
    occasion : ndarray (2, unit, level, period)
        As in the slice.
    present : ndarray of bool (2, unit, level)
        Whether it has any row there; the design is read from these.
    codes : ndarray (2, level)
        Index of the arm's condition in the slice, -1 for none.
    drug_within, modifier_within : bool
        Whether any unit has both arms at a level; any arm at two levels.
    problem : str
        Why nothing can be estimated; "" if something can.
    """

    slice: Slice
    condition: str
    reference: str
    step: int
    names: tuple[tuple[str, str], ...]
    levels: tuple[str, ...]
    values: np.ndarray
    other: np.ndarray
    since_dose: np.ndarray
    period: np.ndarray
    occasion: np.ndarray
    baseline: np.ndarray
    movement: np.ndarray
    time: np.ndarray
    late: np.ndarray
    present: np.ndarray
    codes: np.ndarray
    drug_within: bool
    modifier_within: bool
    problem: str

    def row_mask(self, used: np.ndarray) -> np.ndarray:
        """Return the slice's rows (row,) behind the cells ``used`` (2, unit, level)."""
        rows, part = self.slice.rows, self.slice
        if self.step not in part.steps or not self.levels:
            return np.zeros(len(rows.unit), dtype=bool)
        level_of = np.full(len(part.levels), -1)
        for index, level in enumerate(self.levels):
            level_of[part.levels.index(level)] = index
        level = level_of[rows.level]
        here = (rows.step == part.steps.index(self.step)) & (level >= 0)
        mask = np.zeros(len(rows.unit), dtype=bool)
        for arm in (DRUG, REFERENCE):
            mask |= here & (rows.condition == self.codes[arm, level]) & used[arm, rows.unit, level]
        return mask


def asked_conditions(
    plan: AnalysisPlan, question: PlanQuestion
) -> list[tuple[PlanCondition, dict[str, tuple[str, str]]]]:
    """List the conditions that a question is asked of, with (condition, reference) per level.

    Every condition that has a reference. For ``pretreatment``: those at the reference level, each
    with its namesakes (same drug and dose) at the other levels.

    Returns
    -------
    list of (PlanCondition, dict)
        The dict is empty where all levels use the condition and its reference themselves.
    """
    tested = [condition for condition in plan.conditions if condition.reference]
    if question.modifier != "pretreatment":
        return [(condition, {}) for condition in tested]
    base_level = question.reference or NO_PRETREATMENT
    asked = []
    for base in tested:
        if (base.pretreatment or NO_PRETREATMENT) != base_level:
            continue
        levels = {
            other.pretreatment or NO_PRETREATMENT: (other.name, str(other.reference))
            for other in tested
            if (other.drug, other.dose_mg_per_kg) == (base.drug, base.dose_mg_per_kg)
        }
        asked.append((base, levels | {base_level: (base.name, str(base.reference))}))
    return asked


def steps_of(part: Slice, names: set[str]) -> list[int]:
    """Return the steps at which any of the conditions was given (the first step if none was)."""
    codes = [part.conditions.index(name) for name in names if name in part.conditions]
    met = np.isin(part.rows.condition, codes)
    steps = [part.steps[index] for index in np.unique(part.rows.step[met])]
    return steps or [part.steps[0] if part.steps else 1]


def build_arms(
    part: Slice,
    condition: PlanCondition,
    per_level: dict[str, tuple[str, str]],
    step: int,
) -> Arms:
    """Take the arms of one condition at one step out of a slice."""
    levels = tuple(level for level in part.levels if not per_level or level in per_level)
    own = (condition.name, str(condition.reference))
    names = tuple(per_level.get(level, own) for level in levels)
    index = {name: code for code, name in enumerate(part.conditions)}
    codes = np.array([[index.get(pair[arm], -1) for pair in names] for arm in (0, 1)])
    codes = codes.reshape(2, len(levels))
    take = partial(_take, part, levels=levels, codes=codes, step=step)
    present = take(part.present.astype(float)) == 1
    return Arms(
        slice=part,
        condition=condition.name,
        reference=str(condition.reference),
        step=step,
        names=names,
        levels=levels,
        values=take(part.value),
        other=take(part.other),
        since_dose=take(part.since_dose),
        period=take(part.period),
        occasion=np.stack(
            [take(part.occasion[..., p]) for p in range(part.occasion.shape[-1])], axis=-1
        )
        if part.occasion.shape[-1]
        else np.zeros((2, len(part.units), len(levels), 0)),
        baseline=take(part.baseline),
        movement=take(part.movement),
        time=take(part.time),
        late=take(part.late),
        present=present,
        codes=codes,
        drug_within=bool((present[DRUG] & present[REFERENCE]).any()),
        modifier_within=bool((present.sum(axis=2) > 1).any()),
        problem=_problem(part, condition, names, codes, step),
    )


def _take(
    part: Slice, array: np.ndarray, levels: tuple[str, ...], codes: np.ndarray, step: int
) -> np.ndarray:
    """Array (2, unit, level) of the arms at one step."""
    out = np.full((2, len(part.units), len(levels)), np.nan)
    if step not in part.steps:
        return out
    at = part.steps.index(step)
    for index, level in enumerate(levels):
        for arm in (DRUG, REFERENCE):
            if codes[arm, index] >= 0:
                out[arm, :, index] = array[:, codes[arm, index], at, part.levels.index(level)]
    return out


def _problem(
    part: Slice,
    condition: PlanCondition,
    names: tuple[tuple[str, str], ...],
    codes: np.ndarray,
    step: int,
) -> str:
    """Say why a comparison cannot be made at all."""
    rows = part.rows
    at = part.steps.index(step) if step in part.steps else -1

    def met(code: np.ndarray) -> np.ndarray:
        return np.isin(rows.condition, code)

    if not (met(codes[DRUG]) & (rows.step == at)).any():
        return f"{condition.name} has no data"
    if not (met(codes[REFERENCE]) & (rows.step == at)).any():
        several = len(part.steps) > 1 or met(codes[REFERENCE]).any()
        reference = names[0][1] if names else condition.reference
        if several:
            return (
                f"dose and time cannot be separated ({reference} was never given as "
                f"administration {step} of a session)"
            )
        return f"{reference} has no data"
    return ""
