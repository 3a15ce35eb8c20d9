"""Dose trends: the slope of an outcome over the logarithm of the dose.

Doses of one drug under one pretreatment with one reference form a series; the vehicle is a level
of its own, not a dose of zero. With two doses or more the trend is the least-squares slope per
doubling of the dose, as one planned contrast per animal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.compare.per_animal import Group
from pipeline.compare.slices import Slice
from pipeline.experiment.plan import AnalysisPlan, PlanCondition

TREND = "trend"


@dataclass(frozen=True)
class Trend:
    """One trend contrast.

    Attributes
    ----------
    label : str
        The series, as the column ``condition`` names it: "psilocybin 0.3, 1, 3 mg/kg".
    reference : str
        The reference that the doses share.
    level, reference_level : str
        "" and "" averaged over the levels; a level and "" within it; both: the difference.
    conditions : tuple of str
        The doses' conditions, rising.
    groups : tuple of Group
        Scores per unit.
    used : ndarray of bool (dose, unit, level)
        Cells behind them.
    weights : ndarray (dose, level)
        Of the cells.
    """

    label: str
    reference: str
    level: str
    reference_level: str
    conditions: tuple[str, ...]
    groups: tuple[Group, ...]
    used: np.ndarray
    weights: np.ndarray


def dose_series(plan: AnalysisPlan) -> list[tuple[PlanCondition, ...]]:
    """Return the plan's series of two or more doses, each rising."""
    series: dict[tuple, list[PlanCondition]] = defaultdict(list)
    for condition in plan.conditions:
        if condition.reference and condition.dose_mg_per_kg:
            key = (condition.drug, condition.pretreatment, condition.reference)
            series[key].append(condition)
    rising = [sorted(found, key=lambda c: c.dose_mg_per_kg or 0.0) for found in series.values()]
    return [
        tuple(found) for found in rising if len({c.dose_mg_per_kg for c in found}) == len(found) > 1
    ]


def slope_weights(doses: np.ndarray) -> np.ndarray:
    """Return the weights (dose,) that make the least-squares slope per doubling of the dose."""
    doublings = np.log2(doses)
    centred = doublings - doublings.mean()
    return centred / (centred @ centred)


def trends_of(part: Slice, plan: AnalysisPlan, step: int) -> Iterator[Trend]:
    """Yield the trends of a slice at one step: within each level, over levels, and differences.

    Only doses that were met at the step take part; a trend needs two.
    """
    if step not in part.steps or not part.levels:
        return
    at = part.steps.index(step)
    for series in dose_series(plan):
        codes = {c.name: part.conditions.index(c.name) for c in series}
        met = [c for c in series if part.present[:, codes[c.name], at].any()]
        if len(met) < 2:
            continue
        values = np.stack([part.value[:, codes[c.name], at] for c in met])
        weights = slope_weights(np.array([c.dose_mg_per_kg for c in met], dtype=float))
        doses = ", ".join(f"{c.dose_mg_per_kg:g}" for c in met)
        label = f"{met[0].drug} {doses} mg/kg"
        names = tuple(c.name for c in met)
        for level, reference_level, over in _levels(part):
            groups, used = _scores(values, weights, over, names)
            cells = np.outer(weights, over)
            yield Trend(
                label, str(met[0].reference), level, reference_level, names, groups, used, cells
            )


def cumulative_trends(part: Slice, plan: AnalysisPlan) -> Iterator[Trend]:
    """Yield the trends of doses that were given one after the other in a session.

    Dose and time rise together there, so each dose is compared with the reference at its own step
    first, and the slope is that of these differences.
    """
    for series in dose_series(plan):
        reference = part.conditions.index(str(series[0].reference))
        differences, met = [], []
        for condition in series:
            code = part.conditions.index(condition.name)
            at = np.flatnonzero(part.present[:, code].any(axis=(0, 2)))
            if len(at) == 1:
                step = int(at[0])
                differences.append(part.value[:, code, step] - part.value[:, reference, step])
                met.append((condition, step))
        if len(met) < 2 or len({step for _, step in met}) < len(met):
            continue
        values = np.stack(differences)
        if not np.isfinite(values).all(axis=0).any():
            continue  # no animal had all doses and their references: parallel groups
        weights = slope_weights(np.array([c.dose_mg_per_kg for c, _ in met], dtype=float))
        doses = ", ".join(f"{c.dose_mg_per_kg:g}" for c, _ in met)
        for level, reference_level, over in _levels(part):
            groups, used = _scores(values, weights, over, tuple(c.name for c, _ in met))
            yield Trend(
                f"{met[0][0].drug} {doses} mg/kg, cumulative",
                str(series[0].reference),
                level,
                reference_level,
                tuple(c.name for c, _ in met),
                groups,
                used,
                np.outer(weights, over),
            )


def _levels(part: Slice) -> Iterator[tuple[str, str, np.ndarray]]:
    """Level, reference level and weights (level,) of every trend."""
    n = len(part.levels)
    for index, level in enumerate(part.levels):
        yield level, "", np.eye(n)[index]
    if n < 2:
        return
    yield "", "", np.full(n, 1 / n)
    if part.reference_level in part.levels:
        here = part.levels.index(part.reference_level)
        for index, level in enumerate(part.levels):
            if index != here:
                yield level, part.reference_level, np.eye(n)[index] - np.eye(n)[here]


def _scores(
    values: np.ndarray, weights: np.ndarray, over: np.ndarray, names: tuple[str, ...]
) -> tuple[tuple[Group, ...], np.ndarray]:
    """Groups of scores, and the cells used, of values (dose, unit, level)."""
    met = np.isfinite(values)
    drug_within = bool((met.any(axis=2).sum(axis=0) > 1).any())
    level_within = bool((met.any(axis=0).sum(axis=1) > 1).any())
    dose_parts = [(1.0, weights, ", ".join(names))]
    if not drug_within:
        dose_parts = [
            (w, np.eye(len(weights))[i], names[i]) for i, w in enumerate(weights) if w != 0
        ]
    level_parts = [(1.0, over)]
    if not level_within:
        level_parts = [(w, np.eye(len(over))[i]) for i, w in enumerate(over) if w != 0]
    groups, used = [], np.zeros(values.shape, dtype=bool)
    for dose_weight, within_doses, label in dose_parts:
        for level_weight, within_levels in level_parts:
            cells = np.outer(within_doses, within_levels)[:, None, :]
            scores = np.where(cells != 0, cells * values, 0.0).sum(axis=(0, 2))
            units = np.flatnonzero(np.isfinite(scores))
            groups.append(Group(float(dose_weight * level_weight), units, scores[units], label))
            used[:, units] |= (cells != 0) & np.ones((1, len(units), 1), dtype=bool)
    return tuple(groups), used
