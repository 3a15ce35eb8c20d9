"""Mixed models over the cells of a slice: omnibus tests, missing cells, unbalanced orders.

Each row is one unit's value in one cell (condition x level). Fixed effects are the cell means, so
that any contrast of cells is read directly, and main effects weight the cells equally (type III);
the random terms come from the design detector. Inference is Kenward-Roger with variance components
that may be negative: with components bounded at zero a crossover rejects too often.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pipeline.compare.cell_designs import CellDesign, Designs, cell_design
from pipeline.compare.mixed import MatrixFit, fit_structure
from pipeline.compare.per_animal import MINIMUM_TO_TEST, NO_VARIATION, TOO_FEW, Estimate, t_test
from pipeline.compare.structure import contrast_rows, estimable
from pipeline.errors import InputError

METHOD = "kenward-roger"

TOO_SPARSE = "too many cells are missing for the mixed model: not tested"
NOT_SEPARATED = "cannot be separated from the order of the sessions"


@dataclass(frozen=True)
class CellModel:
    """A fitted model of values (condition, unit, level).

    Attributes
    ----------
    fit : MatrixFit or None
        None where nothing could be fitted.
    design : CellDesign
        What was fitted to.
    size : float
        Largest absolute value, to tell a variance from rounding.
    problem : str
        Why there is no fit.
    """

    fit: MatrixFit | None
    design: CellDesign
    size: float
    problem: str = ""

    @property
    def text(self) -> str:
        """The model in words."""
        return self.design.text if self.fit is None else self.design.fitted_text

    @cached_property
    def without_each(self) -> np.ndarray:
        """Fixed effects (unit, kept) without each unit, at the variances of all."""
        return self.fitted.leave_out(self.design.unit)

    @property
    def fitted(self) -> MatrixFit:
        """The fit of a model without a problem.

        Raises
        ------
        ValueError
            If nothing could be fitted.
        """
        if self.fit is None:
            raise ValueError(f"{self.text}: not fitted: {self.problem}")
        return self.fit


@dataclass(frozen=True)
class Omnibus:
    """F test of several contrasts at once; NaN where it cannot be made."""

    statistic: float
    df_numerator: float
    df: float
    p: float
    singular: bool
    model: str
    problem: str = ""


def fit_cells(
    values: np.ndarray,
    *,
    names: tuple[str, str] = ("condition", "context"),
    unit: str = "animal",
    occasion: np.ndarray | None = None,
    covariate: np.ndarray | None = None,
    designs: Designs | None = None,
) -> CellModel:
    """Fit the model that the design asks for.

    Parameters
    ----------
    values : ndarray (condition, unit, level)
        NaN where a unit has no such cell.
    names : tuple of str
        What the first and the last axis are called.
    unit : str
        What a unit is called.
    occasion : ndarray (condition, unit, level, period), optional
        Share of the cell's sessions in each period (the session's place in the unit's order).
    covariate : ndarray (condition, unit, level), optional
        The baseline, one number per cell. It enters as the unit's mean and as the deviation from
        it, each with a slope of its own: one slope for both would carry differences between
        animals into effects within them (Kenward & Roger 2010, Biostatistics 11:1).
    designs : Designs, optional
        Of the comparison; left out: the design is made for these values alone.

    Returns
    -------
    CellModel
        ``problem`` is set instead of ``fit`` where there are too few rows or no variation.
    """
    here = np.isfinite(values)
    if covariate is not None:
        here &= np.isfinite(covariate)
    if occasion is not None:
        here &= np.isfinite(occasion).all(axis=-1)
    periods = None if occasion is None else occasion[here]
    if covariate is None:
        design = (designs or Designs()).cells(here, names=names, unit=unit, occasion=periods)
    else:
        design = cell_design(
            here, names=names, unit=unit, occasion=periods, covariate=covariate[here]
        )
    y, full = values[here], design.full
    size = float(np.abs(y).max(initial=0))
    if len(y) <= design.back.shape[1]:
        return CellModel(None, design, size, design.problem)
    if np.ptp(y - full @ np.linalg.lstsq(full, y, rcond=None)[0]) <= 1e-12 * size:
        return CellModel(None, design, size, NO_VARIATION)
    if design.structure is None:
        return CellModel(None, design, size, design.problem)
    try:
        return CellModel(fit_structure(design.structure, y, bounded=False), design, size)
    except InputError as error:
        return CellModel(None, design, size, str(error))


def _columns(model: CellModel, coefficients: np.ndarray) -> np.ndarray | None:
    """Contrast of the fitted columns, None if it cannot be estimated.

    ``coefficients`` is (..., condition, level).
    """
    design = model.design
    flat = coefficients.reshape(-1, design.column.size)
    cell = design.column.ravel()
    if (flat[:, cell < 0] != 0).any():
        return None
    wide = np.zeros((len(flat), design.full.shape[1]))
    wide[:, cell[cell >= 0]] = flat[:, cell >= 0]
    return wide @ design.back if estimable(design.row_space, wide) else None


def contrast_of(model: CellModel, coefficients: np.ndarray, *, alpha: float) -> Estimate:
    """Estimate and test one contrast of cells (condition, level).

    Returns
    -------
    Estimate
        The leave-one-out range keeps the variance components of all units; effect_size is the
        estimate over its standard error times the root of the number of units (d_z of a balanced
        crossover).
    """
    needed = model.design.counts[coefficients != 0]
    if model.problem:
        few = needed.min() < MINIMUM_TO_TEST
        return Estimate(model=model.text, problem=TOO_FEW if few else model.problem)
    vector = _columns(model, coefficients)
    if vector is None:
        return Estimate(model=model.text, problem=_not_estimable(model, coefficients))
    value = float(vector[0] @ model.fitted.fixed)
    without = model.without_each @ vector[0]
    known: dict[str, Any] = {
        "estimate": value,
        "leave_one_out_low": float(np.min(without)),
        "leave_one_out_high": float(np.max(without)),
        "singular": bool(model.fitted.singular),
        "model": _text(model),
    }
    if needed.min() < MINIMUM_TO_TEST:
        return Estimate(**known, problem=TOO_FEW)
    if not model.fitted.converged:
        return Estimate(**known, problem=TOO_SPARSE)
    test = model.fitted.contrast(vector[0], method=METHOD)
    if np.isfinite(test.se) and not test.se > 1e-12 * model.size:
        return Estimate(**known, problem=NO_VARIATION)
    if not np.isfinite(test.se) or not test.df >= 1:
        return Estimate(**known, problem=TOO_SPARSE)
    return Estimate(
        **known,
        **t_test(value, float(test.se), float(test.df), alpha),
        effect_size=value / float(test.se) / np.sqrt(model.design.n_units),
        effect_size_kind="d_z of the model",
    )


def omnibus_of(model: CellModel, matrix: np.ndarray) -> Omnibus:
    """Test contrasts of cells (k, condition, level) at once, with the scaled F of Kenward-Roger."""
    none = float("nan")

    def nothing(problem: str, *, singular: bool = False, text: str = model.text) -> Omnibus:
        return Omnibus(none, none, none, none, singular, text, problem)

    if model.problem:
        return nothing(model.problem)
    rows = _columns(model, matrix)
    if rows is None:
        return nothing(_not_estimable(model, matrix))
    if model.design.counts[(matrix != 0).any(axis=0)].min() < MINIMUM_TO_TEST:
        return nothing(TOO_FEW, singular=bool(model.fitted.singular), text=_text(model))
    test = model.fitted.contrast(rows, method=METHOD)
    sound = model.fitted.converged and test.df >= 1 and np.isfinite(test.p)
    if not sound or not (test.statistic >= 0 or len(rows) == 1):
        return nothing(TOO_SPARSE, singular=bool(model.fitted.singular), text=_text(model))
    statistic = test.statistic**2 if len(rows) == 1 else test.statistic  # t is the root of F
    return Omnibus(
        float(statistic),
        float(test.num_df),
        float(test.df),
        float(test.p),
        bool(model.fitted.singular),
        _text(model),
    )


def main_matrix(n_conditions: int, n_levels: int) -> np.ndarray:
    """Differences (k, condition, level) between conditions, averaged over the levels."""
    return contrast_rows(n_conditions)[:, :, None] * np.full(n_levels, 1 / n_levels)


def interaction_matrix(n_conditions: int, n_levels: int) -> np.ndarray:
    """Differences of differences (k, condition, level)."""
    rows = np.kron(contrast_rows(n_conditions), contrast_rows(n_levels))
    return rows.reshape(-1, n_conditions, n_levels)


def bayes_factor_additive(
    values: np.ndarray,
    *,
    names: tuple[str, str],
    unit: str,
    designs: Designs | None = None,
) -> float:
    """Return how much likelier the data are without the interaction (BIC approximation).

    Wagenmakers 2007 (Psychon Bull Rev 14:779), from maximum-likelihood fits with bounded
    components. The sample size of the BIC is the number of units, not of rows: with rows, half of
    the smallest effect of interest is called additive in most experiments.

    Parameters
    ----------
    values : ndarray (condition, unit, level)
        Two conditions or more, two levels or more.
    names, unit, designs : tuple of str, str, Designs
        As for :func:`fit_cells`.

    Returns
    -------
    float
        Above 1 for additive, below for interaction; NaN where either model cannot be fitted.
    """
    here = np.isfinite(values)
    who = np.nonzero(here)[1]
    if not len(who) or (here.sum(axis=1) < MINIMUM_TO_TEST).any():
        return float("nan")
    criterion = []
    for structure in (designs or Designs()).nested(here, names=names, unit=unit):
        if structure is None:
            return float("nan")
        try:
            fit = fit_structure(structure, values[here], reml=False)
        except InputError:  # no variation to model
            return float("nan")
        criterion.append(fit.bic_of(len(np.unique(who))))
    return float(np.exp((criterion[1] - criterion[0]) / 2))


def _text(model: CellModel) -> str:
    return model.text + (f" ({model.fitted.note})" if model.fitted.note else "")


def _not_estimable(model: CellModel, coefficients: np.ndarray) -> str:
    column = model.design.column
    empty = (coefficients.reshape(-1, *column.shape) != 0).any(axis=0) & (column < 0)
    if empty.any():
        return "a cell of the contrast has no data"
    return NOT_SEPARATED
