"""Which test a planned contrast gets: decided by the design and by what is missing, never by p.

============================================  ==================================================
what the contrast's cells look like           engine
============================================  ==================================================
every unit has the cells that its design      t on scores per unit (:mod:`.per_animal`)
gives it
the same, baseline declared as covariate      regression of the scores on the same contrast of
                                              the baseline (:mod:`.adjusted`)
some unit lacks a cell, or has cells of two   mixed model of all its cells
groups                                        (:mod:`.cell_models`)
the drug and its reference were not given     mixed model with the period, over all conditions
equally often in each period
============================================  ==================================================
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pipeline.compare.adjusted import adjusted_scores, estimate_adjusted
from pipeline.compare.arms import Arms
from pipeline.compare.cell_models import CellModel, contrast_of, fit_cells, uses_period
from pipeline.compare.per_animal import Estimate, Group, estimate
from pipeline.compare.slices import Slice


@dataclass(frozen=True)
class Answer:
    """An estimate, and what stands behind it.

    Attributes
    ----------
    estimate : Estimate
        From the engine that was chosen.
    groups : tuple of Group
        Scores for the permutation companion (units with every cell).
    used : ndarray of bool (2, unit, level)
        Cells that the contrast rests on.
    smallest : int
        Units in the smallest cell or group.
    n_units : int
        Units that carry the contrast.
    remark : str
        What the reader must know about the choice; "" for the plain case.
    """

    estimate: Estimate
    groups: tuple[Group, ...]
    used: np.ndarray
    smallest: int
    n_units: int
    remark: str = ""


@dataclass(frozen=True)
class Models:
    """Models of one slice at one step, each fitted once, when first needed."""

    part: Slice
    step: int
    _fitted: dict[str, CellModel] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, str]:
        """Names of the two axes."""
        return "condition", self.part.modifier

    def cells(self, array: np.ndarray) -> np.ndarray:
        """Array (condition, unit, level) of all conditions that were met at the step."""
        if self.step not in self.part.steps:
            return np.zeros((0, len(self.part.units), len(self.part.levels)))
        return np.moveaxis(array[:, self.met, self.part.steps.index(self.step)], 1, 0)

    @property
    def met(self) -> list[int]:
        """Conditions (codes) with a value at the step."""
        if self.step not in self.part.steps:
            return []
        at = self.part.value[:, :, self.part.steps.index(self.step)]
        return list(np.flatnonzero(np.isfinite(at).any(axis=(0, 2))))

    def everything(self) -> CellModel:
        """Model of all conditions and levels, for the omnibus tests."""
        values, period = self.cells(self.part.value), self.cells(self.part.period)
        covariate = self.cells(self.part.baseline)
        adjust = np.isfinite(covariate).any()
        timed = not adjust and _unequal_periods(values, period)
        return self._once(
            "all",
            lambda: fit_cells(
                values,
                names=self.names,
                unit=self.part.unit_kind,
                period=period if timed else None,
                covariate=covariate if adjust else None,
            ),
        )

    def by_period(self, over: np.ndarray) -> CellModel:
        """Model of all conditions with the period, on values averaged over levels ``over``.

        ``over`` (level,) holds the weights of a contrast within each session: one level, or all
        alike. Units that lack a level have no average.
        """
        values = self.cells(self.part.value)
        period = self.cells(self.part.period)
        needed = over != 0
        averaged = (values[:, :, needed] * over[needed]).sum(axis=2, keepdims=True)
        when = period[:, :, needed].mean(axis=2, keepdims=True)
        return self._once(
            f"period {over.tolist()}",
            lambda: fit_cells(averaged, names=self.names, unit=self.part.unit_kind, period=when),
        )

    def by_period_and_level(self) -> CellModel:
        """Model of all conditions and levels with the period."""
        return self._once(
            "period, levels",
            lambda: fit_cells(
                self.cells(self.part.value),
                names=self.names,
                unit=self.part.unit_kind,
                period=self.cells(self.part.period),
            ),
        )

    def pair(self, arms: Arms) -> CellModel:
        """Model of the two arms of a comparison, with the covariate if there is one."""
        adjust = np.isfinite(arms.baseline).any()
        return self._once(
            f"pair {arms.names}",
            lambda: fit_cells(
                arms.values,
                names=self.names,
                unit=self.part.unit_kind,
                covariate=arms.baseline if adjust else None,
            ),
        )

    def _once(self, key: str, make) -> CellModel:
        if key not in self._fitted:
            self._fitted[key] = make()
        return self._fitted[key]


def answer(
    arms: Arms,
    coefficients: np.ndarray,
    groups: tuple[Group, ...],
    incomplete: np.ndarray,
    models: Models,
    *,
    alpha: float,
    period: np.ndarray,
    covariates: tuple[np.ndarray, ...] = (),
) -> Answer:
    """Choose the engine of a contrast and run it.

    Parameters
    ----------
    arms : Arms
        The comparison.
    coefficients : ndarray (2, level)
        Of the cells.
    groups : tuple of Group
        Scores of the units that have every cell.
    incomplete : ndarray of bool (unit,)
        Units that have some cell of the contrast but not all that their group needs.
    models : Models
        Of the slice and step.
    alpha : float
        Level.
    period : ndarray (period,)
        The contrast of the period's indicators: zero where the order is balanced.
    covariates : tuple of ndarray
        Scores of the baseline, one array per group; empty if it is no covariate.
    """
    needed = (coefficients != 0)[:, None, :] & np.isfinite(arms.values)
    if incomplete.any():
        mixed = _mixed(arms, coefficients, models, period, alpha)
        empty = _empty_cells(arms, coefficients, needed)
        if empty:
            mixed = Estimate(problem=f"no data: {'; '.join(empty)}")
        counts = needed.sum(axis=1)[coefficients != 0]
        units = needed.any(axis=(0, 2))
        remark = "units that lack a cell are kept by the mixed model"
        return Answer(mixed, groups, needed, int(counts.min()), int(units.sum()), remark)
    inside = np.zeros(arms.values.shape[1], dtype=bool)
    for group in groups:
        inside[group.units] = True
    used = needed & inside[None, :, None]
    n_units = sum(len(group.scores) for group in groups)
    smallest = min((len(group.scores) for group in groups), default=0)
    if covariates:
        result = estimate_adjusted(groups, covariates, alpha=alpha, named="the baseline")
        groups = tuple(adjusted_scores(groups, covariates))
        return Answer(result, groups, used, smallest, n_units, "adjusted for the baseline")
    plain = estimate(groups, alpha=alpha)
    if not _unbalanced(period) or plain.problem:
        return Answer(plain, groups, used, smallest, n_units)
    adjusted = _with_period(arms, coefficients, models, alpha)
    if adjusted.problem:
        remark = f"order of the sessions not balanced, and not adjusted for: {adjusted.problem}"
        return Answer(plain, groups, used, smallest, n_units, remark)
    remark = "order of the sessions not balanced: adjusted for period"
    return Answer(adjusted, groups, used, smallest, n_units, remark)


def _unequal_periods(values: np.ndarray, period: np.ndarray) -> bool:
    """Whether conditions (condition, unit, level) differ in how often they came in each period."""
    met = uses_period(values, period)
    counts = np.array([(period == when).sum(axis=(1, 2)) for when in met])
    return len(met) > 1 and bool((counts != counts[:, :1]).any())


def _empty_cells(arms: Arms, coefficients: np.ndarray, needed: np.ndarray) -> list[str]:
    """Cells of a contrast that no unit has, in words."""
    empty = (coefficients != 0) & ~needed.any(axis=1)
    return [f"{arms.names[level][arm]}, {arms.levels[level]}" for arm, level in np.argwhere(empty)]


def _unbalanced(period: np.ndarray) -> bool:
    return bool((np.abs(period) > 1e-9).any())


def _mixed(
    arms: Arms, coefficients: np.ndarray, models: Models, period: np.ndarray, alpha: float
) -> Estimate:
    """Keep every unit: the pair's cells, or with an unbalanced order all conditions' cells."""
    if _unbalanced(period) and not np.isfinite(arms.baseline).any():
        wide = _wide(arms, coefficients, models)
        found = contrast_of(models.by_period_and_level(), wide, alpha=alpha)
        if not found.problem:
            return found
    return contrast_of(models.pair(arms), coefficients, alpha=alpha)


def _with_period(arms: Arms, coefficients: np.ndarray, models: Models, alpha: float) -> Estimate:
    """Adjust a contrast of complete units for the period."""
    if not uses_period(models.cells(models.part.value), models.cells(models.part.period)):
        return Estimate(problem="the period of a session is unknown, or replicates were averaged")
    rows = coefficients[0]
    if np.allclose(coefficients[1], -rows) and (rows >= 0).all() and len(set(arms.names)) == 1:
        over = np.zeros(len(arms.slice.levels))
        over[[arms.slice.levels.index(level) for level in arms.levels]] = rows
        wide = np.zeros((len(models.met), 1))
        for arm, sign in ((0, 1.0), (1, -1.0)):
            wide[models.met.index(arms.codes[arm, 0])] = sign
        return contrast_of(models.by_period(over), wide, alpha=alpha)
    return contrast_of(models.by_period_and_level(), _wide(arms, coefficients, models), alpha=alpha)


def _wide(arms: Arms, coefficients: np.ndarray, models: Models) -> np.ndarray:
    """Coefficients (condition met, level of the slice) of the arms' coefficients (2, level)."""
    wide = np.zeros((len(models.met), len(arms.slice.levels)))
    for index, level in enumerate(arms.levels):
        for arm in (0, 1):
            if coefficients[arm, index] != 0:
                at = models.met.index(arms.codes[arm, index])
                wide[at, arms.slice.levels.index(level)] += coefficients[arm, index]
    return wide
