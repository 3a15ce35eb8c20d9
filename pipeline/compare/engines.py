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

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.compare.adjusted import adjusted_scores, estimate_adjusted
from pipeline.compare.arms import Arms
from pipeline.compare.cell_designs import Designs
from pipeline.compare.cell_models import NOT_SEPARATED, CellModel, contrast_of, fit_cells
from pipeline.compare.per_animal import Estimate, Group, estimate
from pipeline.compare.slices import Slice

BASELINE = "the baseline"


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
    confound : str
        What the contrast cannot be separated from; "" if nothing.
    """

    estimate: Estimate
    groups: tuple[Group, ...]
    used: np.ndarray
    smallest: int
    n_units: int
    remark: str = ""
    confound: str = ""


@dataclass(frozen=True)
class Models:
    """Models of one slice at one step, each fitted once, when first needed.

    ``designs`` are those of the comparison.
    """

    part: Slice
    step: int
    designs: Designs = field(default_factory=Designs)
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

    def occasions(self) -> np.ndarray:
        """Shares of the periods (condition, unit, level, period) of all conditions."""
        if self.step not in self.part.steps:
            return np.zeros((0, len(self.part.units), len(self.part.levels), 0))
        at = self.part.steps.index(self.step)
        return np.moveaxis(self.part.occasion[:, self.met, at], 1, 0)

    def everything(self, *, timed: bool | None = None) -> CellModel:
        """Model of all conditions and levels.

        ``timed`` puts the period in; left out: where the conditions were not given equally often
        in each period.
        """
        values, covariate = self.cells(self.part.value), self.cells(self.part.baseline)
        occasion = self.occasions()
        if timed is None:
            timed = unequal_periods(values, occasion)
        return self._once(
            f"all {timed}",
            lambda: fit_cells(
                values,
                names=self.names,
                unit=self.part.unit_kind,
                occasion=occasion if timed else None,
                covariate=covariate if np.isfinite(covariate).any() else None,
                designs=self.designs,
            ),
        )

    def averaged(self, over: np.ndarray) -> CellModel:
        """Model of all conditions with the period, on values averaged over levels.

        ``over`` (level,) holds the weights of a contrast within each session: one level, or all
        alike. Units that lack a level have no average.
        """
        needed = over != 0

        def mean(array: np.ndarray) -> np.ndarray:
            weights = over[needed].reshape((-1,) + (1,) * (array.ndim - 3))
            return (array[:, :, needed] * weights).sum(axis=2, keepdims=True)

        covariate = mean(self.cells(self.part.baseline))
        return self._once(
            f"averaged {over.tolist()}",
            lambda: fit_cells(
                mean(self.cells(self.part.value)),
                names=self.names,
                unit=self.part.unit_kind,
                occasion=mean(self.occasions()) / over.sum(),
                covariate=covariate if np.isfinite(covariate).any() else None,
                designs=self.designs,
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
                designs=self.designs,
            ),
        )

    def _once(self, key: str, make: Callable[[], CellModel]) -> CellModel:
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
        return _of_all_units(arms, coefficients, needed, models, alpha)
    inside = np.zeros(arms.values.shape[1], dtype=bool)
    for group in groups:
        inside[group.units] = True
    found = Answer(
        estimate(groups, alpha=alpha),
        groups,
        needed & inside[None, :, None],
        min((len(group.scores) for group in groups), default=0),
        sum(len(group.scores) for group in groups),
    )
    if covariates:
        result = estimate_adjusted(groups, covariates, alpha=alpha, named=BASELINE)
        scores = tuple(adjusted_scores(groups, covariates))
        found = replace(found, estimate=result, groups=scores, remark="adjusted for the baseline")
    if not (np.abs(period) > 1e-9).any() or found.estimate.problem:
        return found
    adjusted = _with_period(arms, coefficients, models, alpha)
    if not adjusted.problem:
        remark = "order of the sessions not balanced: adjusted for period"
        return replace(found, estimate=adjusted, groups=(), remark=remark)
    remark = f"order of the sessions not balanced, and not adjusted for: {adjusted.problem}"
    confound = NOT_SEPARATED if adjusted.problem == NOT_SEPARATED else ""
    return replace(found, remark=remark, confound=confound)


def _of_all_units(
    arms: Arms,
    coefficients: np.ndarray,
    needed: np.ndarray,
    models: Models,
    alpha: float,
) -> Answer:
    """Keep units that lack a cell: the pair's cells, or all conditions' with the period.

    The balance of the order is judged on all cells that the model uses.
    """
    counts = needed.sum(axis=1)[coefficients != 0]
    found = Answer(
        Estimate(),
        (),
        needed,
        int(counts.min()),
        int(needed.any(axis=(0, 2)).sum()),
        "units that lack a cell are kept by the mixed model",
    )
    empty = _empty_cells(arms, coefficients, needed)
    if empty:
        return replace(found, estimate=Estimate(problem=f"no data: {'; '.join(empty)}"))
    pair = contrast_of(models.pair(arms), coefficients, alpha=alpha)
    if not unequal_periods(arms.values, arms.occasion):
        return replace(found, estimate=pair)
    timed = contrast_of(
        models.everything(timed=True), _wide(arms, coefficients, models), alpha=alpha
    )
    if timed.problem == NOT_SEPARATED:
        return replace(found, estimate=pair, confound=NOT_SEPARATED)
    return replace(found, estimate=timed)


def _empty_cells(arms: Arms, coefficients: np.ndarray, needed: np.ndarray) -> list[str]:
    """Cells of a contrast that no unit has, in words."""
    empty = (coefficients != 0) & ~needed.any(axis=1)
    return [f"{arms.names[level][arm]}, {arms.levels[level]}" for arm, level in np.argwhere(empty)]


def unequal_periods(values: np.ndarray, occasion: np.ndarray) -> bool:
    """Return whether conditions differ in how often they came in each period.

    Parameters
    ----------
    values : ndarray (condition, unit, level)
        NaN where there is no value.
    occasion : ndarray (condition, unit, level, period)
        Shares of the periods; where any is unknown the answer is False.
    """
    have = np.isfinite(values)
    if occasion.shape[-1] < 2 or not np.isfinite(occasion[have]).all():
        return False
    counts = np.where(have[..., None], occasion, 0.0).sum(axis=1)  # condition, level, period
    met = counts[counts.sum(axis=-1) > 0]
    return bool(len(met) and (np.abs(met - met[0]) > 1e-9).any())


def _with_period(arms: Arms, coefficients: np.ndarray, models: Models, alpha: float) -> Estimate:
    """Adjust a contrast of complete units for the period."""
    have = np.isfinite(models.cells(models.part.value))
    if not np.isfinite(models.occasions()[have]).all():
        return Estimate(problem="the period of a session is unknown")
    rows = coefficients[0]
    if np.allclose(coefficients[1], -rows) and (rows >= 0).all() and len(set(arms.names)) == 1:
        over = np.zeros(len(arms.slice.levels))
        over[[arms.slice.levels.index(level) for level in arms.levels]] = rows
        wide = np.zeros((len(models.met), 1))
        for arm, sign in ((0, 1.0), (1, -1.0)):
            wide[models.met.index(arms.codes[arm, 0])] = sign
        return contrast_of(models.averaged(over), wide, alpha=alpha)
    wide = _wide(arms, coefficients, models)
    return contrast_of(models.everything(timed=True), wide, alpha=alpha)


def _wide(arms: Arms, coefficients: np.ndarray, models: Models) -> np.ndarray:
    """Coefficients (condition met, level of the slice) of the arms' coefficients (2, level)."""
    wide = np.zeros((len(models.met), len(arms.slice.levels)))
    for index, level in enumerate(arms.levels):
        for arm in (0, 1):
            if coefficients[arm, index] != 0:
                at = models.met.index(arms.codes[arm, index])
                wide[at, arms.slice.levels.index(level)] += coefficients[arm, index]
    return wide
