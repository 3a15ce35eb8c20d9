"""What a mixed model has before it sees a response: fixed effects, random terms, a small basis.

The model is ``y = X b + e`` with ``var(e) = V = sum_i g_i G_i``, linear in its parameters ``g``:
``G_0`` is the identity (residual), and a random term with intercept only gives one
``G = Z Z'`` (rows that share a level). A term with slopes gives one parameter per variance and
covariance of its effects.

The algebra is done in a space of its own: over all rows at once (:mod:`.mixed_whole`) for up to
``WHOLE_ROWS`` rows and where random terms cross, else patch by patch, which with animals as random
terms means animal by animal (:mod:`.mixed_patched`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.compare.mixed_patched import Patched, make_patched
from pipeline.compare.mixed_patches import make_patches
from pipeline.compare.mixed_terms import Term
from pipeline.compare.mixed_whole import Whole, make_whole
from pipeline.errors import InputError

RESIDUAL = "residual"

#: rows up to which a design is not taken apart into patches: there the whole is as fast, and keeps
#: more digits where a variance tends to its limit, as it does with few animals
WHOLE_ROWS = 256

#: relative size below which a direction counts as absent
_TOLERANCE = 1e-9


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
    space : Whole or Patched
        The basis, and X and the random terms in it.
    n : int
        Number of rows.
    triangle : ndarray (p, p)
        Upper triangular; X is orthonormal columns (the coordinates of ``space``) times it.
    start : ndarray (k,)
        Where the search begins, for a residual variance of one without random terms.
    """

    names: tuple[str, ...]
    parameters: tuple[str, ...]
    blocks: tuple[Block, ...]
    space: Whole | Patched
    n: int
    triangle: np.ndarray
    start: np.ndarray

    @property
    def p(self) -> int:
        """Number of fixed effects."""
        return self.triangle.shape[0]

    @property
    def simple(self) -> bool:
        """Whether all random terms are intercepts."""
        return all(block.index.shape == (1, 1) for block in self.blocks)


def make_structure(
    x: np.ndarray, terms: Sequence[Term], names: Sequence[str], *, whole_rows: int = WHOLE_ROWS
) -> Structure:
    """Bring a design into its basis.

    Parameters
    ----------
    x : ndarray (n, p)
        Fixed effects, of full column rank.
    terms : sequence of Term
        May be empty (ordinary least squares).
    names : sequence of str (p,)
        The columns of x.
    whole_rows : int
        Rows up to which the algebra is over all rows at once.

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
    parameters, blocks, pairs = [RESIDUAL], [], []
    for number, term in enumerate(terms):
        index = np.zeros((len(term.effects), len(term.effects)), dtype=int)
        for a, b in np.column_stack(np.tril_indices(len(index))).tolist():
            index[a, b] = index[b, a] = len(parameters)
            parameters.append(_parameter_name(term, a, b))
            pairs.append((number, a, b))
        blocks.append(Block(term.name, index))
    space = _space(x, orthonormal, terms, pairs, whole_rows)
    start = [0.5]
    for size, (number, a, b) in zip(space.sizes, pairs, strict=True):
        share = len(terms) * len(terms[number].effects)
        start.append(0.5 / (share * (size / n)) if a == b else 0.0)
    structure = Structure(
        tuple(names), tuple(parameters), tuple(blocks), space, n, triangle, np.array(start)
    )
    _check_parameters(structure)
    return structure


def _space(
    x: np.ndarray,
    orthonormal: np.ndarray,
    terms: Sequence[Term],
    pairs: Sequence[tuple[int, int, int]],
    whole_rows: int,
) -> Whole | Patched:
    if len(x) > whole_rows and terms:
        patches = make_patches(x, terms)
        if len(patches.kind) > 1:
            return make_patched(patches, orthonormal, pairs)
    return make_whole(orthonormal, terms, pairs)


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


def _parameter_name(term: Term, a: int, b: int) -> str:
    """Name a parameter: "Subject", "Subject[Days]", "Subject[Intercept, Days]"."""
    first, second = term.effects[b], term.effects[a]
    if a == b:
        return term.name if first[1] is None else f"{term.name}[{first[0]}]"
    return f"{term.name}[{first[0]}, {second[0]}]"


def _check_parameters(structure: Structure) -> None:
    """Refuse variance parameters that the data cannot tell apart (after the fixed effects)."""
    if len(structure.parameters) < 2:
        return
    gram, raw = structure.space.products()
    size = np.sqrt(gram.diagonal())
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
