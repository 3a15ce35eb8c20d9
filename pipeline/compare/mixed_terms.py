"""Random terms, and orthonormal bases of what they span."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: share of a column's length below which nothing new is in it
RANK_TOLERANCE = 1e-11


@dataclass(frozen=True, eq=False)
class Term:
    """One random term.

    Attributes
    ----------
    name : str
        As in the formula ("animal:condition").
    codes : ndarray of int (n,)
        The level of each row, 0 to q - 1.
    effects : tuple of (str, ndarray (n,) or None)
        What varies between levels: None is the intercept, an array the slope on it. The effects of
        a term are correlated with each other.
    """

    name: str
    codes: np.ndarray
    effects: tuple[tuple[str, np.ndarray | None], ...] = (("Intercept", None),)

    def columns(self, rows: np.ndarray | None = None) -> list[np.ndarray]:
        """Return Z (rows, levels met) of each effect, of some rows or of all."""
        codes = self.codes
        if rows is not None:
            codes = np.unique(codes[rows], return_inverse=True)[1]
        ones = np.zeros((len(codes), int(codes.max()) + 1))
        ones[np.arange(len(codes)), codes] = 1.0
        slopes = (
            values if rows is None or values is None else values[rows] for _, values in self.effects
        )
        return [ones if values is None else ones * values[:, None] for values in slopes]


def orthonormal(columns: np.ndarray) -> np.ndarray:
    """Orthonormal basis (n, r) of the column space."""
    from scipy.linalg import qr

    if not columns.shape[1]:
        return columns
    size = np.linalg.norm(columns, axis=0)
    scaled = columns / np.where(size > 0, size, 1.0)
    q, upper, _ = qr(scaled, mode="economic", pivoting=True, check_finite=False)
    return np.ascontiguousarray(q[:, : int((np.abs(upper.diagonal()) > RANK_TOLERANCE).sum())])
