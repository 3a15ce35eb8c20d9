"""Mixed models with tests that hold for few animals: the door of the engine.

``fit`` takes a table and formulas; ``fit_matrices`` takes arrays (no formula overhead: a few
milliseconds for a cohort); ``prepare`` keeps a design so that many responses can be fitted to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.compare.mixed_design import (
    check_columns,
    check_complete,
    columns_of,
    make_fixed,
    make_terms,
)
from pipeline.compare.mixed_model import ModelFit
from pipeline.compare.mixed_results import ContrastTest, MatrixFit, fit_structure
from pipeline.compare.mixed_structure import (
    WHOLE_ROWS,
    Structure,
    make_structure,
    null_space,
    terms_of,
)
from pipeline.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ContrastTest",
    "MatrixFit",
    "ModelFit",
    "estimable",
    "fit",
    "fit_matrices",
    "fit_structure",
    "prepare",
]


def fit(
    table: pd.DataFrame,
    *,
    response: str,
    fixed: str,
    random: Sequence[str],
    reml: bool = True,
    bounded: bool = True,
) -> ModelFit:
    """Fit a linear mixed model to a table.

    Parameters
    ----------
    table : DataFrame
        One row per value. Text, categories and booleans are factors (categories in their order,
        text sorted; the first level is the reference), numbers are covariates; ``C(column)`` makes
        a factor of numbers.
    response : str
        Column of the response.
    fixed : str
        Formula of the fixed effects, without response: ``"drug*context + period"``.
    random : sequence of str
        Random intercepts ("animal", "animal:drug") and correlated slopes
        ("(1 + days | animal)"). Empty: ordinary least squares.
    reml, bounded : bool
        As in :func:`fit_matrices`.

    Raises
    ------
    InputError
        Missing values, unknown columns, terms that cannot be estimated (named), and what
        :func:`fit_matrices` refuses.
    """
    terms = make_terms(table, random)
    used = [response, *columns_of(fixed, random)]
    check_columns(table, used, "the mixed model")
    check_complete(table, used)
    design = make_fixed(table, fixed)
    y = _numbers(table, response)
    structure = make_structure(design.x, terms, design.names)
    matrix = fit_structure(structure, y, reml=reml, bounded=bounded)
    return ModelFit(response, fixed, tuple(random), design, matrix)


def _numbers(table: pd.DataFrame, response: str) -> np.ndarray:
    try:
        return table[response].to_numpy(dtype=float)
    except (TypeError, ValueError):
        raise InputError(
            f"response {response}: found {table[response].dtype}; expected numbers"
        ) from None


def prepare(
    X: np.ndarray,  # noqa: N803 - the design matrix of every textbook
    groups: Mapping[str, np.ndarray],
    *,
    names: Sequence[str] | None = None,
    whole_rows: int = WHOLE_ROWS,
) -> Structure:
    """Prepare a design for :func:`fit_structure`.

    Arguments and errors as of :func:`fit_matrices`; ``whole_rows`` as of
    :func:`pipeline.compare.mixed_structure.make_structure`.
    """
    x = np.asarray(X, dtype=float)
    if x.ndim != 2 or not np.isfinite(x).all():
        raise InputError(
            f"design matrix: found shape {x.shape}, {np.count_nonzero(~np.isfinite(x))} values "
            "that are not finite; expected (rows, fixed effects), all finite"
        )
    names = [f"x{index}" for index in range(x.shape[1])] if names is None else list(names)
    if len(names) != x.shape[1]:
        raise InputError(
            f"design matrix: found {len(names)} names; expected {x.shape[1]}, one per column"
        )
    return make_structure(x, terms_of(groups, x.shape[0]), names, whole_rows=whole_rows)


def fit_matrices(
    y: np.ndarray,
    X: np.ndarray,  # noqa: N803
    groups: Mapping[str, np.ndarray],
    *,
    reml: bool = True,
    bounded: bool = True,
    names: Sequence[str] | None = None,
) -> MatrixFit:
    """Fit a linear mixed model with random intercepts.

    Parameters
    ----------
    y : ndarray (n,)
        The response.
    X : ndarray (n, p)
        Fixed effects, of full column rank.
    groups : mapping of str to ndarray of int (n,)
        Random intercepts by name: the level of each row. Empty: ordinary least squares.
    reml : bool
        Restricted (for tests), or full maximum likelihood (for information criteria).
    bounded : bool
        Keep variances at or above zero. Unbounded is what keeps the error rate of tests right in
        crossovers; it equals the classical analysis of variance in balanced designs. Where it
        finds no minimum the fit falls back to bounded and says so (``fell_back``, ``note``).
    names : sequence of str (p,), optional
        The columns of X.

    Raises
    ------
    InputError
        Fewer rows than needed, dependent columns of X, a random term that has one level, one row
        per level, or cannot be told from the others; a constant response.
    """
    return fit_structure(prepare(X, groups, names=names), y, reml=reml, bounded=bounded)


def estimable(X: np.ndarray, coefficients: np.ndarray) -> np.ndarray:  # noqa: N803
    """Say which contrasts a design can estimate: those in the row space of X.

    Parameters
    ----------
    X : ndarray (n, p)
        Fixed effects, of any rank.
    coefficients : ndarray (p,) or (m, p)
        One contrast per row.

    Returns
    -------
    ndarray of bool (m,)
    """
    null, size = null_space(np.asarray(X, dtype=float))
    rows = np.atleast_2d(np.asarray(coefficients, dtype=float)) / size
    return np.linalg.norm(rows @ null, axis=1) <= 1e-8 * np.linalg.norm(rows, axis=1)
