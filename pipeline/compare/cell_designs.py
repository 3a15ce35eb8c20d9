"""What models of cells have before they see a value: columns, random terms, and their algebra.

Outcomes that were measured in the same cells of the same animals share all this, and most outcomes
of an experiment were. :class:`Designs` makes each design once; it belongs to one comparison and is
handed down to whatever fits a model there.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.compare.mixed import prepare
from pipeline.compare.mixed_structure import Structure
from pipeline.compare.structure import detect, row_space
from pipeline.errors import InputError

#: designs that are kept, the latest: of 500 sessions one takes up to 2 MB
KEPT = 64


@dataclass(frozen=True, eq=False)
class CellDesign:
    """The design of a model of values (condition, unit, level).

    Attributes
    ----------
    full : ndarray (row, column)
        Design matrix before redundant columns were left out: cells first, then covariates.
    row_space : ndarray (column, column)
        Projector on what contrasts of the full columns can be estimated.
    back : ndarray (column, kept)
        Turns a contrast of the full columns into one of the fitted.
    column : ndarray of int (condition, level)
        Column of each cell, -1 for an empty one.
    unit : ndarray of int (row,)
        Unit of every row.
    n_units : int
        Units with a row.
    counts : ndarray of int (condition, level)
        Units per cell.
    text, fitted_text : str
        The model in words: as asked for, and as it is fitted (with many cells missing a crossing
        may not be told from the others).
    structure : Structure or None
        What a response is fitted to, None where nothing can be.
    problem : str
        Why there is none.
    """

    full: np.ndarray
    row_space: np.ndarray
    back: np.ndarray
    column: np.ndarray
    unit: np.ndarray
    n_units: int
    counts: np.ndarray
    text: str
    fitted_text: str
    structure: Structure | None
    problem: str = ""


@dataclass(frozen=True)
class Designs:
    """Designs of one comparison, each made once.

    Attributes
    ----------
    kept : int
        How many are kept, those used latest. A design is known by the cells that have a value and
        by their periods; one with a covariate is the outcome's own, and is not kept.
    """

    kept: int = KEPT
    _known: OrderedDict[tuple, Any] = field(default_factory=OrderedDict)

    def cells(
        self, here: np.ndarray, *, names: tuple[str, str], unit: str, occasion: np.ndarray | None
    ) -> CellDesign:
        """Return the design of :func:`cell_design` without a covariate."""
        periods = None if occasion is None else occasion.tobytes()
        return self._once(
            ("cells", names, unit, here.shape, here.tobytes(), periods),
            lambda: cell_design(here, names=names, unit=unit, occasion=occasion),
        )

    def nested(
        self, here: np.ndarray, *, names: tuple[str, str], unit: str
    ) -> tuple[Structure | None, Structure | None]:
        """Return the structures of :func:`nested_structures`."""
        return self._once(
            ("nested", names, unit, here.shape, here.tobytes()),
            lambda: nested_structures(here, names=names, unit=unit),
        )

    def _once(self, key: tuple, make: Callable[[], Any]) -> Any:
        if key not in self._known:
            self._known[key] = make()
            if len(self._known) > self.kept:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]


def cell_design(
    here: np.ndarray,
    *,
    names: tuple[str, str],
    unit: str,
    occasion: np.ndarray | None = None,
    covariate: np.ndarray | None = None,
) -> CellDesign:
    """Make the design that the cells ask for.

    Parameters
    ----------
    here : ndarray of bool (condition, unit, level)
        Cells that have a value.
    names, unit : tuple of str, str
        What the first and the last axis, and a unit, are called.
    occasion : ndarray (row, period), optional
        Share of the sessions of each cell that has a value in each period.
    covariate : ndarray (row,), optional
        The baseline of each cell that has a value.
    """
    condition, who, level = np.nonzero(here)
    counts = here.sum(axis=1)
    column = np.full(counts.shape, -1)
    column[counts > 0] = np.arange((counts > 0).sum())
    parts = [column[condition, level][:, None] == np.arange((counts > 0).sum())]
    factors = dict(zip(names, (condition, level), strict=True))
    factors = {name: axis for name, axis in factors.items() if len(np.unique(axis)) > 1}
    terms = [" x ".join(factors) or "mean"]
    if occasion is not None:
        parts.append(occasion[:, 1:])
        terms.append("period")
    if covariate is not None:
        mean = (np.bincount(who, weights=covariate) / np.maximum(np.bincount(who), 1))[who]
        spread = np.ptp(covariate) or 1.0
        deviation = np.where(np.abs(covariate - mean) > 1e-12 * spread, covariate - mean, 0.0)
        parts += [mean[:, None], deviation[:, None]]
        terms.append("baseline (between and within)")
    full = np.hstack(parts).astype(float) if len(who) else np.zeros((0, 0))
    random = detect(who, factors, name=unit).random
    kept = _independent(full)
    common = {
        "full": full,
        "row_space": row_space(full) if len(who) else full,
        "back": np.linalg.pinv(full) @ full[:, kept] if len(who) else full,
        "column": column,
        "unit": who,
        "n_units": len(np.unique(who)),
        "counts": counts,
        "text": _in_words(terms, random),
    }
    if len(who) <= len(kept):
        problem = "no more values than the model has parameters"
        return CellDesign(**common, fitted_text="", structure=None, problem=problem)
    # with many cells missing, a crossing may no longer be told from the others: the text says
    # which terms the model has
    while True:
        try:
            structure = prepare(full[:, kept], random)
        except InputError as error:
            if not random or not str(error).startswith("random term"):
                return CellDesign(**common, fitted_text="", structure=None, problem=str(error))
            random = dict(list(random.items())[:-1])
        else:
            return CellDesign(**common, fitted_text=_in_words(terms, random), structure=structure)


def nested_structures(
    here: np.ndarray, *, names: tuple[str, str], unit: str
) -> tuple[Structure | None, Structure | None]:
    """Prepare the model without the interaction and the full one; None where one cannot be fitted.

    Parameters
    ----------
    here : ndarray of bool (condition, unit, level)
        Cells that have a value: every one in some unit.
    names, unit : tuple of str, str
        As for :func:`cell_design`.
    """
    n_conditions, _, n_levels = here.shape
    condition, who, level = np.nonzero(here)
    random = detect(who, dict(zip(names, (condition, level), strict=True)), name=unit).random
    cells = condition * n_levels + level
    full = cells[:, None] == np.arange(n_conditions * n_levels)
    additive = np.hstack(
        [condition[:, None] == np.arange(n_conditions), level[:, None] == np.arange(1, n_levels)]
    )
    return _prepared(additive, random), _prepared(full, random)


def _prepared(x: np.ndarray, random: Mapping[str, np.ndarray]) -> Structure | None:
    try:
        return prepare(x.astype(float), random)
    except InputError:  # too few rows, or terms that cannot be told apart
        return None


def _in_words(terms: Sequence[str], random: Mapping[str, np.ndarray]) -> str:
    text = " + ".join([*terms, *(f"(1|{term})" for term in random)])
    return text + ("; REML, Kenward-Roger" if random else "; least squares")


def _independent(x: np.ndarray) -> np.ndarray:
    """Columns that span a design matrix, the earliest ones (cells before covariates)."""
    kept: list[int] = []
    for index in range(x.shape[1]):
        if np.linalg.matrix_rank(x[:, [*kept, index]]) > len(kept):
            kept.append(index)
    return np.array(kept, dtype=int)
