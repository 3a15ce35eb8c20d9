"""The algebra of a mixed model patch by patch (animal by animal): for many animals.

Rows that no chain of shared levels links are independent, so that ``V`` is a block per patch
(:mod:`pipeline.compare.mixed_patches`). In each patch the algebra is done in an orthonormal basis
of its rows of X and of all Z. What does not depend on the response is made once per kind of patch
and counted: the cost grows with the animals, and in a complete design hardly. The numbers are those
of :mod:`pipeline.compare.mixed_whole`, but for rounding: sums over the fixed effects are taken from
sums over all, which loses digits where V is nearly singular.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipeline.compare.mixed_patches import Patches
from pipeline.compare.mixed_terms import RANK_TOLERANCE


@dataclass(frozen=True, eq=False)
class Patched:
    """A design in a basis per kind of patch.

    Attributes
    ----------
    patches : Patches
        Which rows belong together, and the basis of each kind.
    x : ndarray (kinds, s, p)
        Orthonormal coordinates of the column space of X.
    pieces : ndarray (k - 1, kinds, s, s)
        ``U' G_i U`` without the identity.
    beyond : ndarray (kinds, s, d)
        Orthonormal coordinates of what X adds to the random terms.
    sizes : tuple of float (k - 1,)
        Traces of the pieces.
    """

    patches: Patches
    x: np.ndarray
    pieces: np.ndarray
    beyond: np.ndarray
    sizes: tuple[float, ...]

    @property
    def dead(self) -> int:
        """Dimensions outside the bases: they contain residual only."""
        return self.patches.n - self.patches.rank

    @property
    def residual_only(self) -> int:
        """Dimensions, inside the bases too, that neither X nor a random term reaches."""
        return self.patches.n - self.patches.random_rank - self.beyond.shape[2]

    def added(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Add ``left' right`` (a, b) over all patches, of (kinds, s, a) and (kinds, s, b)."""
        weighted = left * self.patches.counts[:, None, None]
        return weighted.reshape(-1, left.shape[2]).T @ right.reshape(-1, right.shape[2])

    def products(self) -> tuple[np.ndarray, np.ndarray]:
        """Return traces (k, k) of Q G_i Q G_j, Q without the fixed effects, and sizes (k,) of G_i.

        The size of the identity counts as one.
        """
        pieces, x = self.pieces, self.x
        identity = np.eye(x.shape[1]) * self.patches.real[:, None, :]
        every = np.concatenate([identity[None], pieces])
        pulled = every @ x  # (k, kinds, s, p)
        k, p = len(every), x.shape[2]
        inner = np.array([self.added(x, one) for one in pulled])
        wide = pulled.transpose(1, 2, 0, 3).reshape(*x.shape[:2], k * p)
        outer = self.added(wide, wide).reshape(k, p, k, p)
        weighted = every * self.patches.counts[:, None, None]
        gram = weighted.reshape(k, -1) @ every.reshape(k, -1).T
        raw = np.sqrt(gram.diagonal())
        raw[0] = 1.0
        gram += np.einsum("iab,jba->ij", inner, inner) - 2 * np.einsum("iaja->ij", outer)
        gram[0, 0] += self.dead
        # the difference of two sums: what is left of a term is rounding, not the term
        explained = gram.diagonal() < 1e-12 * raw**2
        gram[explained] = gram[:, explained] = 0.0
        return gram, raw

    def least_squares(self, response: np.ndarray) -> np.ndarray:
        """Return the least-squares coefficients (p,) of a response (n,)."""
        return _across(self.x, self.patches.by_kind(self.patches.to_basis(response)))

    def fitted(self, coefficients: np.ndarray) -> np.ndarray:
        """Return the values (n,) of coefficients (p,)."""
        return self.patches.to_rows((self.x @ coefficients)[self.patches.kind])

    def enter(self, residual: np.ndarray) -> tuple[np.ndarray, float, float]:
        """Bring a residual (n,) of least squares into the bases.

        Returns
        -------
        y : ndarray (patches, s)
        rest : float
            Sum of squares outside the bases.
        alone : float
            Sum of squares that neither X nor a random term reaches.
        """
        patches, x, beyond = self.patches, self.x, self.beyond
        y = patches.to_basis(residual)
        y -= (x @ _across(x, patches.by_kind(y)))[patches.kind]
        rest = float(((residual - patches.to_rows(y)) ** 2).sum()) if self.dead else 0.0
        left = (patches.outside_random[patches.kind] @ y[:, :, None])[:, :, 0]
        left = left - (beyond @ _across(beyond, patches.by_kind(left)))[patches.kind]
        return y, rest, rest + float((left**2).sum())

    def evaluate(
        self, y: np.ndarray, rest: float, gamma: np.ndarray, *, reml: bool
    ) -> PatchedPoint | None:
        """Evaluate the criterion; None where V is not positive definite."""
        patches = self.patches
        if self.dead and gamma[0] <= 0:
            return None
        v = np.tensordot(gamma[1:], self.pieces, 1)
        s = v.shape[1]
        v[:, range(s), range(s)] += np.where(patches.real, gamma[0], 1.0)
        try:
            factor = np.linalg.cholesky(v)
        except np.linalg.LinAlgError:
            return None
        pivots = factor.diagonal(axis1=1, axis2=2)
        largest = pivots.max(where=patches.real, initial=0.0)
        if pivots.min(where=patches.real, initial=np.inf) < 1e-7 * largest:
            return None
        half = np.linalg.inv(factor)
        inverse = half.transpose(0, 2, 1) @ half
        solved = inverse @ self.x
        information = self.added(self.x, solved)
        try:
            small = np.linalg.cholesky(information)
        except np.linalg.LinAlgError:
            return None
        half_small = np.linalg.inv(small)
        phi = half_small.T @ half_small
        pull = np.tensordot(solved, patches.by_kind(y), 2 * ((0, 1),))
        beta = phi @ pull
        # of what the fixed effects leave: a difference of two sums may be rounding below zero
        left = y - (self.x @ beta)[patches.kind]
        turned = (half[patches.kind] @ left[:, :, None]).ravel()
        value = 2 * (patches.counts @ np.log(pivots).sum(axis=1)) + turned @ turned
        if self.dead:
            value += self.dead * np.log(gamma[0]) + rest / gamma[0]
        if reml:
            value += 2 * np.log(small.diagonal()).sum()
        return PatchedPoint(
            self, y, rest, reml, gamma, inverse, solved, information, phi, beta, float(value)
        )


@dataclass(frozen=True, eq=False)
class PatchedPoint:
    """The criterion at one value of the variance parameters, with all that follows from it.

    Attributes
    ----------
    space : Patched
        The design.
    y, rest, reml : ndarray (patches, s), float, bool
        The response, what of it is outside the bases, and which criterion.
    gamma : ndarray (k,)
        Variance parameters.
    inverse : ndarray (kinds, s, s)
        Of V in the bases; the identity in padding.
    solved : ndarray (kinds, s, p)
        inverse @ x.
    information : ndarray (p, p)
        X' V^-1 X (in orthonormal coordinates), the inverse of ``phi``.
    phi : ndarray (p, p)
        Covariance of the fixed effects (in orthonormal coordinates).
    beta : ndarray (p,)
        Fixed effects (in orthonormal coordinates).
    value : float
        The criterion without its constants (2 pi, the scale of y and X).
    """

    space: Patched
    y: np.ndarray
    rest: float
    reml: bool
    gamma: np.ndarray
    inverse: np.ndarray
    solved: np.ndarray
    information: np.ndarray
    phi: np.ndarray
    beta: np.ndarray
    value: float

    @cached_property
    def _pulled(self) -> np.ndarray:
        """G_i V^-1 X (k, kinds, s, p)."""
        return np.concatenate([self.solved[None], self.space.pieces @ self.solved])

    @cached_property
    def _inner(self) -> np.ndarray:
        """X' V^-1 G_i V^-1 X (k, p, p)."""
        added = self.space.added
        return np.array([added(self.solved, one) for one in self._pulled])

    @cached_property
    def _outer(self) -> np.ndarray:
        """X' V^-1 G_i V^-1 G_j V^-1 X (k, p, k, p)."""
        k, _, _, p = self._pulled.shape
        wide = self._pulled.transpose(1, 2, 0, 3).reshape(*self.solved.shape[:2], k * p)
        added = self.space.added(wide, self.inverse @ wide)
        return added.reshape(k, p, k, p)

    @cached_property
    def _plain(self) -> tuple[np.ndarray, np.ndarray]:
        """Return traces (k,) of V^-1 G_i and (k, k) of V^-1 G_i V^-1 G_j."""
        space, patches, k = self.space, self.space.patches, len(self.gamma)
        products = np.empty((k, *self.inverse.shape))
        products[0] = self.inverse * patches.real[:, None, :]
        if k > 1:
            np.matmul(self.inverse, space.pieces, out=products[1:])
        weighted = products * patches.counts[:, None, None]
        first = np.einsum("knaa->k", weighted)
        turned = np.ascontiguousarray(products.transpose(0, 1, 3, 2))
        second = weighted.reshape(k, -1) @ turned.reshape(k, -1).T
        if space.dead:
            first[0] += space.dead / self.gamma[0]
            second[0, 0] += space.dead / self.gamma[0] ** 2
        return first, second

    @cached_property
    def _restricted(self) -> tuple[np.ndarray, np.ndarray]:
        """Return traces (k,) of P G_i and (k, k) of P G_i P G_j; P is V^-1 without X."""
        first, second = self._plain
        seen = self.phi @ self._inner
        first = first - np.einsum("kaa->k", seen)
        second = second + np.einsum("iab,jba->ij", seen, seen)
        return first, second - 2 * np.einsum("ab,ibja->ij", self.phi, self._outer)

    @cached_property
    def _pulls(self) -> tuple[np.ndarray, np.ndarray]:
        """Return Py (patches, s) and G_i P y (patches, s, k)."""
        space, kind = self.space, self.space.patches.kind
        left = self.y - (space.x @ self.beta)[kind]
        py = (self.inverse[kind] @ left[:, :, None])[:, :, 0]
        pulls = [py, *((piece[kind] @ py[:, :, None])[:, :, 0] for piece in space.pieces)]
        return py, np.stack(pulls, axis=-1)

    @cached_property
    def gradient(self) -> np.ndarray:
        """Of the criterion by the parameters (k,)."""
        traces = (self._restricted if self.reml else self._plain)[0]
        py, pulls = self._pulls
        gradient = traces - np.tensordot(py, pulls, 2)
        gradient[0] -= self.rest / self.gamma[0] ** 2 if self.rest else 0.0
        return gradient

    @cached_property
    def expected(self) -> np.ndarray:
        """Expected second derivatives of the criterion (k, k)."""
        return (self._restricted if self.reml else self._plain)[1]

    @property
    def restricted_information(self) -> np.ndarray:
        """Traces of P G_i P G_j (k, k): twice the information on the parameters under REML."""
        return self._restricted[1]

    @cached_property
    def observed(self) -> np.ndarray:
        """Second derivatives of the criterion (k, k)."""
        _, pulls = self._pulls
        patches = self.space.patches
        across = np.tensordot(self.solved, patches.by_kind(pulls), ((0, 1), (0, 1)))  # (p, k)
        whole = np.tensordot(pulls, self.inverse[patches.kind] @ pulls, ((0, 1), (0, 1)))
        second = 2 * (whole - across.T @ self.phi @ across) - self.expected
        if self.rest:
            second[0, 0] += 2 * self.rest / self.gamma[0] ** 3
        return second

    @property
    def changes(self) -> np.ndarray:
        """Derivatives (k, p, p) of phi."""
        return self.phi @ self._inner @ self.phi

    @property
    def spread(self) -> np.ndarray:
        """X' V^-1 G_i P G_j V^-1 X (k, p, k, p)."""
        return self._outer - np.tensordot(self._inner @ self.phi, self._inner, ((2,), (1,)))

    def without(self, residual: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the normal equations without each level of a grouping, at the same variances.

        Without the rows ``d`` they lose ``(V^-1 X)_d' (V^-1)_dd^-1 (V^-1 X)_d``; of a whole patch
        that is its own ``X' V^-1 X``.

        Parameters
        ----------
        residual : ndarray (n,)
            The response, as it entered the bases.
        codes : ndarray of int (n,)
            The level of each row, 0 to m - 1.

        Returns
        -------
        information : ndarray (m, p, p)
        right : ndarray (m, p)
        """
        space, patches = self.space, self.space.patches
        n_levels = int(codes.max()) + 1
        information = np.tile(self.information, (n_levels, 1, 1))
        right = np.tile(self.information @ self.beta, (n_levels, 1))
        level = np.append(codes, -1)[patches.rows]  # (patches, m), -1 in padding
        whole = ((level == level[:, :1]) | (level < 0)).all(axis=1)
        own = (space.x.transpose(0, 2, 1) @ self.solved)[patches.kind]
        pull = (self.solved.transpose(0, 2, 1)[patches.kind] @ self.y[:, :, None])[:, :, 0]
        np.subtract.at(information, level[whole, 0], own[whole])
        np.subtract.at(right, level[whole, 0], pull[whole])
        for patch in np.flatnonzero(~whole):
            rows = patches.rows[patch][level[patch] >= 0]
            kind = patches.kind[patch]
            basis = patches.basis[kind][: len(rows)]
            inverse = basis @ self.inverse[kind] @ basis.T
            if space.dead:
                inverse += (np.eye(len(rows)) - basis @ basis.T) / self.gamma[0]
            solved, pulled = basis @ self.solved[kind], inverse @ residual[rows]
            for here in np.unique(codes[rows]):
                gone = codes[rows] == here
                wanted = np.column_stack([solved[gone], pulled[gone]])
                weights = np.linalg.solve(inverse[np.ix_(gone, gone)], wanted)
                information[here] -= solved[gone].T @ weights[:, :-1]
                right[here] -= solved[gone].T @ weights[:, -1]
        return information, right


def make_patched(
    patches: Patches, orthonormal_x: np.ndarray, pairs: Sequence[tuple[int, int, int]]
) -> Patched:
    """Bring a design into the bases of its patches.

    Parameters
    ----------
    patches : Patches
        Of the rows, made with X.
    orthonormal_x : ndarray (n, p)
        Orthonormal columns that span X.
    pairs : sequence of (int, int, int)
        Term and two of its effects, of each piece.
    """
    seen = patches.effects
    crosses = [seen[term][a] @ seen[term][b].transpose(0, 2, 1) for term, a, b in pairs]
    pieces = [
        cross if a == b else cross + cross.transpose(0, 2, 1)
        for cross, (_, a, b) in zip(crosses, pairs, strict=True)
    ]
    x = patches.to_basis(orthonormal_x)[patches.first]
    return Patched(
        patches,
        x,
        np.array(pieces).reshape(len(pieces), *patches.outside_random.shape),
        _beyond(patches, x),
        tuple(float(patches.counts @ np.einsum("kaa->k", cross)) for cross in crosses),
    )


def _beyond(patches: Patches, x: np.ndarray) -> np.ndarray:
    """Orthonormal coordinates (kinds, s, d) of the columns of X after the random terms."""
    from scipy.linalg import qr

    left = patches.outside_random @ x
    root = np.sqrt(patches.counts)[:, None, None]
    q, upper, _ = qr((left * root).reshape(-1, x.shape[2]), mode="economic", pivoting=True)
    rank = int((np.abs(upper.diagonal()) > RANK_TOLERANCE).sum())
    return q[:, :rank].reshape(*x.shape[:2], rank) / root


def _across(columns: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Coordinates (p,) on columns (kinds, s, p) of what patches add up to (kinds, s)."""
    return np.tensordot(columns, total, ((0, 1), (0, 1)))
