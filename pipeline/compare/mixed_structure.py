"""What a mixed model has before it sees a response: fixed effects, random terms, a small basis.

The model is ``y = X b + e`` with ``var(e) = V = sum_i g_i G_i``, linear in its parameters ``g``:
``G_0`` is the identity (residual), and a random term with intercept only gives one
``G = Z Z'`` (rows that share a level). A term with slopes gives one parameter per variance and
covariance of its effects.

All algebra is done in an orthonormal basis ``U`` (n, r) of the columns of X and of all Z. In it
``V`` is an (r, r) matrix; the other ``n - r`` dimensions contain residual only and enter the
criterion as two numbers. With repeated measures r is far below n (8 animals x 12 cells x 30 units:
r is about 100, n is 2880), and nothing of size (n, n) is ever made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.errors import InputError

RESIDUAL = "residual"

#: relative size below which a direction counts as absent
_TOLERANCE = 1e-9


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


@dataclass(frozen=True)
class Block:
    """Where the parameters of a term stand: ``index[a, b]`` is that of the covariance (a, b)."""

    name: str
    index: np.ndarray


@dataclass(frozen=True, eq=False)
class Structure:
    """A design in its own basis; fit any number of responses to it.

    Attributes
    ----------
    names : tuple of str (p,)
        The columns of X.
    parameters : tuple of str (k,)
        The variance parameters, the residual first.
    blocks : tuple of Block
        The parameters of each random term.
    basis : ndarray (n, r)
        Orthonormal columns U.
    x : ndarray (r, p)
        Orthonormal coordinates of the column space of X: ``X = U x triangle``.
    triangle : ndarray (p, p)
        Upper triangular.
    pieces : ndarray (k - 1, r, r)
        ``U' G_i U`` without the identity.
    start : ndarray (k,)
        Where the search begins, for a residual variance of one without random terms.
    """

    names: tuple[str, ...]
    parameters: tuple[str, ...]
    blocks: tuple[Block, ...]
    basis: np.ndarray
    x: np.ndarray
    triangle: np.ndarray
    pieces: np.ndarray
    start: np.ndarray

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.basis.shape[0]

    @property
    def p(self) -> int:
        """Number of fixed effects."""
        return self.triangle.shape[0]

    @property
    def dead(self) -> int:
        """Dimensions that contain residual only."""
        return self.basis.shape[0] - self.basis.shape[1]

    @property
    def simple(self) -> bool:
        """Whether all random terms are intercepts."""
        return all(block.index.shape == (1, 1) for block in self.blocks)


def make_structure(x: np.ndarray, terms: Sequence[Term], names: Sequence[str]) -> Structure:
    """Bring a design into its basis.

    Parameters
    ----------
    x : ndarray (n, p)
        Fixed effects, of full column rank.
    terms : sequence of Term
        May be empty (ordinary least squares).
    names : sequence of str (p,)
        The columns of x.

    Raises
    ------
    InputError
        Fewer rows than needed, columns of x that depend on each other, a random term with one
        level, with one row per level, or one that nothing in the data tells from the others.
    """
    n, p = x.shape
    if not p:
        raise InputError("the mixed model: found no fixed effects; expected at least an intercept")
    if n <= p:
        raise InputError(
            f"the mixed model: found {n} rows for {p} fixed effects; expected more rows than fixed "
            "effects (too few sessions, or factors with too many levels)"
        )
    orthonormal, triangle = _orthonormal_columns(x, names)
    for term in terms:
        _check_levels(term, n)
    parts = [_columns(term) for term in terms]
    basis = _basis(np.hstack([orthonormal, *(z for part in parts for z in part)]))
    parameters, blocks, pieces, start = [RESIDUAL], [], [], [0.5]
    for term, part in zip(terms, parts, strict=True):
        index = np.zeros((len(part), len(part)), dtype=int)
        seen = [basis.T @ z for z in part]
        for a, b in zip(*np.tril_indices(len(part)), strict=True):
            index[a, b] = index[b, a] = len(parameters)
            parameters.append(_parameter_name(term, a, b))
            cross = seen[a] @ seen[b].T
            pieces.append(cross if a == b else cross + cross.T)
            size = np.trace(cross) / n
            start.append(0.5 / (len(terms) * len(part) * size) if a == b else 0.0)
        blocks.append(Block(term.name, index))
    r = basis.shape[1]
    structure = Structure(
        tuple(names),
        tuple(parameters),
        tuple(blocks),
        basis,
        basis.T @ orthonormal,
        triangle,
        np.array(pieces).reshape(len(pieces), r, r),
        np.array(start),
    )
    _check_parameters(structure)
    return structure


def terms_of(groups: Mapping[str, np.ndarray], n: int) -> tuple[Term, ...]:
    """Turn named integer codes (n,) into random intercepts."""
    terms = []
    for name, codes in groups.items():
        codes = np.asarray(codes)
        if codes.shape != (n,):
            raise InputError(
                f"random term {name}: found codes of shape {codes.shape}; expected one per row, "
                f"({n},)"
            )
        terms.append(Term(name, np.unique(codes, return_inverse=True)[1]))
    return tuple(terms)


def null_space(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what x (n, p) cannot tell from zero, with its columns scaled to length one.

    Returns
    -------
    null : ndarray (p, d)
        Orthonormal; ``(x / size) @ null`` is zero.
    size : ndarray (p,)
        The lengths of the columns (one for a column of zeros).
    """
    size = np.linalg.norm(x, axis=0)
    size = np.where(size > 0, size, 1.0)
    _, singular, right = np.linalg.svd(x / size, full_matrices=True)
    return right[(singular > _TOLERANCE * singular[0]).sum() :].T, size


def _orthonormal_columns(x: np.ndarray, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    size = np.linalg.norm(x, axis=0)
    orthonormal, triangle = np.linalg.qr(x / np.where(size > 0, size, 1.0))
    if np.abs(triangle.diagonal()).min() < _TOLERANCE:
        involved = (np.abs(null_space(x)[0]) > 1e-6).any(axis=1)
        guilty = [name for name, bad in zip(names, involved, strict=True) if bad]
        raise InputError(
            f"the fixed effects cannot be told apart: {', '.join(guilty)}; expected columns that "
            "do not depend on each other (an empty cell, or two factors that vary together)"
        )
    return orthonormal, triangle * size


def _check_levels(term: Term, n: int) -> None:
    n_levels = int(term.codes.max()) + 1
    if n_levels == 1:
        raise InputError(
            f"random term {term.name}: found one level; expected at least two (nothing varies "
            "between its levels)"
        )
    if n_levels == n:
        raise InputError(
            f"random term {term.name}: found one row per level ({n}); expected several rows in "
            "some level (with one row each the term is the residual: leave it out)"
        )


def _columns(term: Term) -> list[np.ndarray]:
    """Return Z (n, q) of each effect of a term."""
    n, q = len(term.codes), int(term.codes.max()) + 1
    ones = np.zeros((n, q))
    ones[np.arange(n), term.codes] = 1.0
    return [ones if values is None else ones * values[:, None] for _, values in term.effects]


def _parameter_name(term: Term, a: int, b: int) -> str:
    """Name a parameter: "Subject", "Subject[Days]", "Subject[Intercept, Days]"."""
    first, second = term.effects[b], term.effects[a]
    if a == b:
        return term.name if first[1] is None else f"{term.name}[{first[0]}]"
    return f"{term.name}[{first[0]}, {second[0]}]"


def _basis(columns: np.ndarray) -> np.ndarray:
    """Orthonormal basis (n, r) of the column space."""
    from scipy.linalg import qr

    size = np.linalg.norm(columns, axis=0)
    scaled = columns / np.where(size > 0, size, 1.0)
    q, upper, _ = qr(scaled, mode="economic", pivoting=True, check_finite=False)
    rank = int((np.abs(upper.diagonal()) > 1e-11).sum())
    return np.ascontiguousarray(q[:, :rank])


def _check_parameters(structure: Structure) -> None:
    """Refuse variance parameters that the data cannot tell apart (after the fixed effects)."""
    pieces, x = structure.pieces, structure.x
    if not len(pieces):
        return
    r = x.shape[0]
    project = np.eye(r) - x @ x.T
    seen = np.concatenate([project[None], project @ pieces @ project])
    flat = seen.reshape(len(seen), -1)
    gram = flat @ flat.T
    gram[0, 0] += structure.dead
    size = np.sqrt(gram.diagonal())
    raw = np.concatenate([[1.0], np.linalg.norm(pieces.reshape(len(pieces), -1), axis=1)])
    gone = size < 1e-8 * raw
    if gone.any():
        names = [name for name, bad in zip(structure.parameters, gone, strict=True) if bad]
        raise InputError(
            f"random term {', '.join(names)}: its levels do not vary beyond the fixed effects; "
            "expected levels inside the cells of the fixed effects (a factor used as both?)"
        )
    values, vectors = np.linalg.eigh(gram / np.outer(size, size))
    if values[0] < 1e-9:
        guilty = np.abs(vectors[:, values < 1e-9]).max(axis=1) > 1e-4
        names = [name for name, bad in zip(structure.parameters, guilty, strict=True) if bad]
        raise InputError(
            f"the random terms cannot be told apart: {', '.join(names)}; expected terms that group "
            "the rows differently (one that follows from the others: leave it out)"
        )
