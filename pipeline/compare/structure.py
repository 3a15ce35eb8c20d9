"""The design detector: what varies within units, and which random terms that asks for.

A unit (animal or cage) gets a random intercept, and one more for every crossing of the unit with a
factor that varies within units and is tested (the "maximal" structure: Barr 2013, J Mem Lang
68:255), as far as the rows can tell it from the residual. In a balanced crossover the residual is
then unit x condition x level, the error term of the classical repeated-measures analysis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Structure:
    """What a design asks of a model.

    Attributes
    ----------
    within, between : tuple of str
        Factors of which any unit has several levels; those of which none has.
    random : dict of str to ndarray (row,)
        Random term ("unit", "unit:condition", ...) -> code of every row; empty for one row per
        unit.
    """

    within: tuple[str, ...]
    between: tuple[str, ...]
    random: dict[str, np.ndarray]


def detect(unit: np.ndarray, factors: Mapping[str, np.ndarray], *, name: str = "unit") -> Structure:
    """Read the structure from the rows of a table.

    Parameters
    ----------
    unit : ndarray of int (row,)
        Experimental unit.
    factors : mapping of str to ndarray of int (row,)
        Fixed factors that are tested.
    name : str
        What the unit is called in the names of the terms: animal, cage.

    Returns
    -------
    Structure
        A crossing that has one row per level (the residual), or the same grouping as a term
        before it, is not listed.
    """
    within = tuple(factor for factor, codes in factors.items() if _varies(unit, codes))
    between = tuple(factor for factor in factors if factor not in within)
    crossings: list[tuple[str, ...]] = [(), *((factor,) for factor in within)]
    if len(within) > 1:
        crossings.append(within)
    random: dict[str, np.ndarray] = {}
    for crossing in crossings:
        codes = crossed([unit, *(factors[factor] for factor in crossing)])
        residual = len(np.unique(codes)) == len(unit)
        if not residual and not any(_same(codes, other) for other in random.values()):
            random[":".join((name, *crossing))] = codes
    return Structure(within, between, random)


def _varies(unit: np.ndarray, codes: np.ndarray) -> bool:
    """Whether any unit has two levels."""
    pairs = np.unique(np.stack([unit, codes]), axis=1)
    return bool(len(np.unique(unit)) < pairs.shape[1])


def _same(codes: np.ndarray, other: np.ndarray) -> bool:
    """Whether two groupings of the rows are one."""
    n_levels = len(np.unique(codes))
    return len(np.unique(other)) == n_levels == len(np.unique(crossed([codes, other])))


def crossed(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Number (row,) of every row's combination of codes."""
    _, codes = np.unique(np.stack(columns), axis=1, return_inverse=True)
    return np.asarray(codes).ravel()


def contrast_rows(n: int) -> np.ndarray:
    """Return the n - 1 differences (n - 1, n) between the first of n means and each other."""
    return np.hstack([-np.ones((n - 1, 1)), np.eye(n - 1)])


def row_space(x: np.ndarray) -> np.ndarray:
    """Return the projector (column, column) on the row space of a design matrix (row, column)."""
    return np.linalg.pinv(x) @ x


def estimable(space: np.ndarray, contrast: np.ndarray) -> bool:
    """Return whether contrasts (k, column) lie in a row space (:func:`row_space`).

    A contrast that needs a cell without rows, or separates what always came together (vehicle
    always first: drug and period), does not.
    """
    contrast = np.atleast_2d(contrast)
    projected = contrast @ space
    return bool(np.allclose(projected, contrast, atol=1e-8 * max(1.0, np.abs(contrast).max())))
