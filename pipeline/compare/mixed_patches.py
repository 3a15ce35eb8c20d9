"""The patches of a design: sets of rows that random terms link, each with a small basis.

Two rows are in one patch if a chain of shared levels leads from one to the other. Rows of different
patches are independent, so that the covariance of all rows is a block per patch. Where every random
term lies within animals (animal, animal:drug, ...) a patch is an animal.

Patches whose rows look alike, in their fixed effects and in their levels, are one kind; arrays of
kinds are padded with zeros to the largest patch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.compare.mixed_terms import Term, orthonormal


@dataclass(frozen=True, eq=False)
class Patches:
    """The rows of a design by patch.

    Attributes
    ----------
    n : int
        Number of rows.
    rows : ndarray of int (patches, m)
        The rows of each patch; n where a patch has fewer than m.
    kind : ndarray of int (patches,)
        The kind of each patch.
    first : ndarray of int (kinds,)
        A patch of each kind.
    counts : ndarray (kinds,)
        How many patches a kind has.
    basis : ndarray (kinds, m, s)
        Orthonormal columns U that span the rows of X and of all Z; zeros beyond its rank.
    real : ndarray of bool (kinds, s)
        Columns of the basis that are no padding.
    outside_random : ndarray (kinds, s, s)
        Projector, in the basis, on what no random term reaches.
    random_rank : int
        Dimensions that random terms reach, over all patches.
    effects : tuple of tuple of ndarray (kinds, s, q)
        ``U' Z`` of each effect of each term.
    """

    n: int
    rows: np.ndarray
    kind: np.ndarray
    first: np.ndarray
    counts: np.ndarray
    basis: np.ndarray
    real: np.ndarray
    outside_random: np.ndarray
    random_rank: int
    effects: tuple[tuple[np.ndarray, ...], ...]

    @property
    def rank(self) -> int:
        """Dimensions of the bases of all patches."""
        return int(self.counts @ self.real.sum(axis=1))

    def to_basis(self, values: np.ndarray) -> np.ndarray:
        """Bring values (n,) or (n, c) of rows into the bases: (patches, s) or (patches, s, c)."""
        padded = np.concatenate([values, np.zeros((1, *values.shape[1:]))])[self.rows]
        wide = padded.reshape(*self.rows.shape, -1)
        found = self.basis[self.kind].transpose(0, 2, 1) @ wide
        return found.reshape(*found.shape[:2], *values.shape[1:])

    def to_rows(self, inside: np.ndarray) -> np.ndarray:
        """Bring coordinates (patches, s) or (patches, s, c) back to rows: (n,) or (n, c)."""
        wide = inside.reshape(*inside.shape[:2], -1)
        found = np.zeros((self.n + 1, wide.shape[2]))
        found[self.rows] = self.basis[self.kind] @ wide
        return found[: self.n].reshape(self.n, *inside.shape[2:])

    def by_kind(self, inside: np.ndarray) -> np.ndarray:
        """Add coordinates (patches, ...) up within each kind: (kinds, ...)."""
        total = np.zeros((len(self.first), *inside.shape[1:]))
        np.add.at(total, self.kind, inside)
        return total


def make_patches(x: np.ndarray, terms: Sequence[Term]) -> Patches:
    """Find the patches of a design, their kinds and their bases.

    Parameters
    ----------
    x : ndarray (n, p)
        Fixed effects.
    terms : sequence of Term
        Random terms; without any, all rows are one patch.
    """
    label = _linked(len(x), terms)
    order = np.argsort(label, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    known: dict[bytes, int] = {}
    kind, first = np.zeros(len(parts), dtype=int), []
    for patch, rows in enumerate(parts):
        key = b"".join(part.tobytes() for part in _looks(x, terms, rows))
        if key not in known:
            known[key] = len(known)
            first.append(patch)
        kind[patch] = known[key]
    counts = np.bincount(kind)
    columns = [[term.columns(parts[patch]) for term in terms] for patch in first]
    size = np.linalg.norm(x, axis=0)
    scaled = x / np.where(size > 0, size, 1.0)
    bases, inner, reached = [], [], []
    for patch, own in zip(first, columns, strict=True):
        rows = parts[patch]
        every = [z for effects in own for z in effects]
        basis = orthonormal(np.hstack([*every, scaled[rows]]))
        seen = [[basis.T @ z for z in effects] for effects in own]
        bases.append(basis)
        inner.append(seen)
        reached.append(
            orthonormal(np.hstack([np.zeros((basis.shape[1], 0)), *(z for e in seen for z in e)]))
        )
    m, s = max(map(len, parts)), max(basis.shape[1] for basis in bases)
    rank = np.array([basis.shape[1] for basis in bases])
    real = np.arange(s) < rank[:, None]
    identity = np.eye(s) * real[:, None, :]
    reach = _stacked(reached, s)
    return Patches(
        len(x),
        np.array([np.pad(rows, (0, m - len(rows)), constant_values=len(x)) for rows in parts]),
        kind,
        np.array(first),
        counts,
        _stacked(bases, m),
        real,
        identity - reach @ reach.transpose(0, 2, 1),
        int(counts @ [one.shape[1] for one in reached]),
        tuple(
            tuple(
                _stacked([seen[index][effect] for seen in inner], s)
                for effect in range(len(term.effects))
            )
            for index, term in enumerate(terms)
        ),
    )


def _linked(n: int, terms: Sequence[Term]) -> np.ndarray:
    """Number (n,) the patch of every row."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not terms:
        return np.zeros(n, dtype=int)
    offsets = np.cumsum([n, *(int(term.codes.max()) + 1 for term in terms)])
    rows = np.tile(np.arange(n), len(terms))
    levels = np.concatenate([t.codes + o for t, o in zip(terms, offsets[:-1], strict=True)])
    size = int(offsets[-1])
    graph = coo_array((np.ones(len(rows)), (rows, levels)), shape=(size, size))
    return connected_components(graph, directed=False)[1][:n]


def _looks(x: np.ndarray, terms: Sequence[Term], rows: np.ndarray) -> list[np.ndarray]:
    """What makes patches one kind: rows of X, levels in the order of their rows, slopes."""
    slopes = [values[rows] for term in terms for _, values in term.effects if values is not None]
    levels = [np.unique(term.codes[rows], return_inverse=True)[1] for term in terms]
    return [np.array([len(rows)]), x[rows], *levels, *slopes]


def _stacked(parts: Sequence[np.ndarray], length: int) -> np.ndarray:
    """Matrices (a, b) of all kinds as one array (kinds, length, most columns), zeros beyond."""
    found = np.zeros((len(parts), length, max(part.shape[1] for part in parts)))
    for index, part in enumerate(parts):
        found[index, : part.shape[0], : part.shape[1]] = part
    return found
