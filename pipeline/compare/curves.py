"""Outcomes along an axis (a spectrum's frequencies): curves per cell, and where they differ.

The points of the axis come as the ``band`` of an outcomes table, so that every point is brought to
one value per animal and cell by the very rules of any other outcome (intervals, short epochs,
scale, baseline). Here the points are set side by side again: the mean curve of each condition and
level, and one cluster permutation test per simple effect and per difference of differences
(:mod:`pipeline.compare.clusters`). The axis may be anything evenly spaced, time included.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.compare.arms import Arms, asked_conditions, build_arms, steps_of
from pipeline.compare.clusters import ClusterTest, cluster_test
from pipeline.compare.contrasts import CARRY_OVER, DIFFERENCE, SIMPLE, Spec, groups_of, specs_of
from pipeline.compare.covariates import covariates
from pipeline.compare.curve_tables import (
    CLUSTERS,
    CURVE_MEANS,
    CURVE_UNITS,
    long_table,
    with_adjusted,
)
from pipeline.compare.outcomes import analysis_values
from pipeline.compare.slices import DECLARED, Slice, arrange, columns_of, levels_of, units_of
from pipeline.compare.tables import from_rows
from pipeline.experiment.plan import AnalysisPlan, PlanQuestion

#: said with every cluster
EDGES = "a cluster says that there is an effect somewhere; its edges are not significant {points}"

_FLOOR = "too few animals for the permutation to reject at any effect"


@dataclass(frozen=True)
class Curves:
    """Curves and clusters.

    Attributes
    ----------
    means, units, clusters : DataFrame
        Columns of :data:`CURVE_MEANS`, :data:`CURVE_UNITS` and :data:`CLUSTERS`.
    """

    means: pd.DataFrame
    units: pd.DataFrame
    clusters: pd.DataFrame


@dataclass(frozen=True)
class _Cut:
    """One region and phase for one question: a slice, and its values at every point."""

    part: Slice
    region: str
    question: PlanQuestion
    baseline: bool
    #: (point, unit, condition, step, level)
    values: NDArray[np.float64]


def compare_curves(
    outcomes: pd.DataFrame,
    plan: AnalysisPlan,
    *,
    axis: NDArray[np.float64],
    points: str,
    test: Callable[..., ClusterTest] = cluster_test,
) -> Curves:
    """Describe and test the curves of one metric.

    Parameters
    ----------
    outcomes : DataFrame
        ``Outcomes.table`` of one metric; ``band`` is the position on the axis, as a number.
    plan : AnalysisPlan
        Questions, conditions, alpha, seed. While blind no condition has a reference: there are
        means, and no clusters.
    axis : ndarray (point,)
        All positions, evenly spaced; no value at one (the mains) is a gap that no cluster crosses.
    points : str
        What the positions are called ("frequencies").
    test : callable
        The cluster test, as :func:`pipeline.compare.clusters.cluster_test` is called.

    Returns
    -------
    Curves
        Empty tables for empty outcomes.

    Raises
    ------
    InputError
        As :func:`pipeline.compare.compare`.
    """
    means: list[dict] = []
    units: list[dict] = []
    rows: list[dict] = []
    for region, its_rows in outcomes.groupby("region", sort=True):
        for cut in _cuts(str(region), its_rows, plan, axis):
            cells, lines = _lines(cut, plan, axis)
            means += cells
            units += lines
            rows += _tests(cut, plan, axis, points, test)
    return Curves(
        long_table(means, CURVE_MEANS),
        long_table(units, CURVE_UNITS),
        from_rows(with_adjusted(rows, alpha=plan.alpha), CLUSTERS),
    )


def _cuts(region: str, outcomes: pd.DataFrame, plan: AnalysisPlan, axis: NDArray) -> Iterator[_Cut]:
    """Every question in its phases, then the raw curves of the baseline phase (carry-over)."""
    cell = ["session", "anchor", "step", "phase", "context"]
    outcomes = outcomes[outcomes["split"] == ""].sort_values(
        ["animal", *cell, "band"], kind="stable", ignore_index=True
    )
    values = analysis_values(outcomes)
    number = outcomes.groupby(cell, sort=False).ngroup().to_numpy()
    position = outcomes["band"].astype(float).to_numpy()
    spacing = axis[1] - axis[0] if len(axis) > 1 else 1.0
    point = np.rint((position - axis[0]) / spacing).astype(np.intp)
    matrix = np.full((len(axis), int(number.max()) + 1), np.nan)
    matrix[point, number] = values["analysed"].to_numpy()
    # every cell once, whichever points it has: its design is the same at all of them
    first = ~outcomes.duplicated(cell)
    cells, values = outcomes[first], values[first]
    columns = columns_of(cells, units_of(cells, plan), values.join(covariates(cells, plan)))
    first = cells[list(DECLARED)].astype(str).iloc[0]
    declared = {str(name): str(cell) for name, cell in first.items()}
    contexts = plan.contexts or tuple(sorted(set(cells["context"])))
    carry_over = PlanQuestion(
        modifier="context",
        reference=contexts[0],
        levels=contexts,
        phases=(plan.baseline_phase,),
    )
    phases = cells["phase"].to_numpy()
    for question in (*plan.questions, carry_over):
        levels = levels_of(cells, question.modifier, plan).to_numpy(dtype=object)
        for phase in question.phases:
            at = np.flatnonzero(phases == phase)
            if not len(at):
                continue
            here = {name: column[at] for name, column in columns.items()} | {"level": levels[at]}
            key = {"outcome": "", "phase": phase, "split": "", "split_level": ""}
            parts = [
                arrange(here | {"analysed": one[at]}, key, declared, question, plan)
                for one in matrix
            ]
            if parts[0].levels:
                stack = np.stack([part.value for part in parts])
                yield _Cut(parts[0], region, question, question is carry_over, stack)


def _lines(
    cut: _Cut, plan: AnalysisPlan, axis: NDArray
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Mean curve of every cell, and the curves that it is the mean of."""
    from scipy.special import stdtrit

    part = cut.part
    means, units = [], []
    n_conditions, n_steps, n_levels = cut.values.shape[2:]
    for level, condition, step in np.ndindex(n_levels, n_conditions, n_steps):
        values = cut.values[:, :, condition, step, level]
        have = np.isfinite(values)
        if not have.any():
            continue
        key = {
            "region": cut.region,
            "modifier": part.modifier,
            "level": part.levels[level],
            "condition": part.conditions[condition],
            "step": part.steps[step],
            "phase": part.key["phase"],
            "baseline_rule": "none" if cut.baseline else part.declared["baseline_rule"],
        }
        n = have.sum(axis=1)
        known = n > 0
        mean = np.where(have, values, 0.0).sum(axis=1)[known] / n[known]
        squares = (np.where(have[known], values[known] - mean[:, None], 0.0) ** 2).sum(axis=1)
        df = np.maximum(n[known] - 1, 1)
        half = stdtrit(df, 1 - plan.alpha / 2) * np.sqrt(squares / df / n[known])
        half = np.where(n[known] >= 3, half, np.nan)
        rows = part.rows
        inside = (rows.condition == condition) & (rows.step == step) & (rows.level == level)
        inside &= np.asarray(have.any(axis=0))[rows.unit]
        means.append(
            key
            | {
                "axis": axis[known],
                "mean": mean,
                "ci_low": mean - half,
                "ci_high": mean + half,
                "n_units": n[known],
                "n_animals": len(np.unique(rows.animal[inside])),
            }
        )
        for unit in np.flatnonzero(have.any(axis=0)):
            here = have[:, unit]
            curve = {"unit": part.units[unit], "axis": axis[here], "value": values[here, unit]}
            units.append(key | curve)
    return means, units


def _tests(
    cut: _Cut, plan: AnalysisPlan, axis: NDArray, points: str, test: Callable[..., ClusterTest]
) -> Iterator[dict[str, object]]:
    part = cut.part
    for condition, per_level in asked_conditions(plan, cut.question):
        names = {pair[0] for pair in per_level.values()} or {condition.name}
        met = part.rows.condition == part.conditions.index(condition.name)
        if cut.baseline and not met.any():
            continue
        for step in steps_of(part, names):
            arms = build_arms(part, condition, per_level, step)
            for spec in specs_of(arms, baseline=cut.baseline):
                if spec.kind in (SIMPLE, DIFFERENCE):
                    yield from _test(cut, arms, spec, plan, axis, points, test)


def _test(
    cut: _Cut,
    arms: Arms,
    spec: Spec,
    plan: AnalysisPlan,
    axis: NDArray,
    points: str,
    test: Callable[..., ClusterTest],
) -> list[dict[str, object]]:
    """Rows of one contrast: its clusters, or why there are none."""
    curves, units, problem = _curves_of(cut, arms, spec)
    found = test(curves, seed=plan.seed, alpha=plan.alpha) if not problem else None
    names = arms.names[arms.levels.index(spec.level)] if spec.kind == SIMPLE else ("", "")
    tested = axis[found.used] if found and not found.problem else np.array([np.nan])
    sizes = [len(curve) for curve in curves]
    mask = arms.row_mask(_cells(spec, units, arms))
    row = {
        "region": cut.region,
        "family": CARRY_OVER if cut.baseline else spec.kind,
        "contrast": spec.kind,
        "condition": arms.condition,
        "reference_condition": names[1] or arms.reference,
        "modifier": arms.slice.modifier,
        "level": spec.level,
        "reference_level": spec.reference_level,
        "phase": arms.slice.key["phase"],
        "step": arms.step,
        "floor": found.floor if found else math.nan,
        "test_p": found.p if found else math.nan,
        "threshold_t": found.threshold if found else math.nan,
        "from": tested[0],
        "to": tested[-1],
        "n_animals": len(np.unique(arms.slice.rows.animal[mask])),
        "n_units": sum(sizes),
        "n_smallest_group": min(sizes, default=0),
    }
    notes = _notes(cut, found, problem, plan)
    if not found or not found.clusters:
        said = [] if problem or (found and found.problem) else ["no cluster"]
        return [row | {"note": "; ".join([*notes, *said])}]
    note = "; ".join([*notes, EDGES.format(points=points)])
    return [
        row
        | {
            "start": axis[cluster.first],
            "stop": axis[cluster.last],
            "estimate": cluster.estimate,
            "mass": cluster.mass,
            "p": cluster.p,
            "note": note,
        }
        for cluster in found.clusters
    ]


def _notes(cut: _Cut, found: ClusterTest | None, problem: str, plan: AnalysisPlan) -> list[str]:
    notes = [problem] if problem else []
    if found and found.problem:
        notes.append(found.problem)
    if found and found.floor > plan.alpha:
        notes.append(_FLOOR)
    if cut.part.contexts[1:]:
        notes.append(f"mean over contexts: {', '.join(cut.part.contexts)}")
    if not cut.baseline and cut.part.declared["baseline_rule"] == "covariate":
        notes.append("not adjusted for the baseline")
    return notes


def _curves_of(cut: _Cut, arms: Arms, spec: Spec) -> tuple[list[NDArray], NDArray[np.intp], str]:
    """Curves (animal, point) of each group, the units in them, and why there is nothing to test.

    A unit is in if it has every cell that its group needs at some point of the axis; points that
    one of these units lacks stay NaN.
    """
    none = np.zeros(0, dtype=np.intp)
    if arms.problem:
        return [], none, arms.problem
    if spec.kind == DIFFERENCE and spec.reference_level not in arms.levels:
        return [], none, f"the reference level {spec.reference_level} has no data"
    values = _of_arms(cut, arms)
    groups = [groups_of(arms, spec.coefficients, at_point) for at_point in values]
    n_groups = len(groups[0])
    if n_groups > 2:
        return [], none, "drug and modifier both vary between animals: no cluster test for this"
    curves, units = [], []
    for index in range(n_groups):
        scores = np.full((len(arms.slice.units), len(values)), np.nan)
        for point, at_point in enumerate(groups):
            group = at_point[index]
            scores[group.units, point] = group.scores
        have = np.isfinite(scores).any(axis=1)
        curves.append(scores[have])
        units.append(np.flatnonzero(have))
    everyone = np.concatenate(units)
    if len(np.unique(everyone)) < len(everyone):
        return [], none, "some animals are in more than one group (partly crossed design)"
    if groups[0][0].weight < 0:
        curves.reverse()
    return curves, everyone, ""


def _of_arms(cut: _Cut, arms: Arms) -> NDArray[np.float64]:
    """Values (point, 2, unit, level) of the arms."""
    part = cut.part
    out = np.full((len(cut.values), *arms.present.shape), np.nan)
    if arms.step not in part.steps:
        return out
    step = part.steps.index(arms.step)
    for arm, level in np.ndindex(arms.codes.shape):
        if arms.codes[arm, level] >= 0:
            at = part.levels.index(arms.levels[level])
            out[:, arm, :, level] = cut.values[:, :, arms.codes[arm, level], step, at]
    return out


def _cells(spec: Spec, units: NDArray[np.intp], arms: Arms) -> NDArray[np.bool_]:
    """Cells (2, unit, level) that the curves are made of."""
    inside = np.zeros(arms.present.shape[1], dtype=bool)
    inside[units] = True
    return (spec.coefficients != 0)[:, None, :] & arms.present & inside[None, :, None]
