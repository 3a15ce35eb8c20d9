"""The algebra of a mixed model over all rows at once: for small cohorts, and for crossed terms.

All is done in an orthonormal basis ``U`` (n, r) of the columns of X and of all Z. In it ``V`` is an
(r, r) matrix; the other ``n - r`` dimensions contain residual only and enter the criterion as two
numbers. With repeated measures r is far below n (8 animals x 12 cells x 30 units: r is about 100,
n is 2880), and nothing of size (n, n) is ever made. The cost of a step is the cube of r;
:mod:`pipeline.compare.mixed_patched` does the same for many animals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipeline.compare.mixed_terms import Term, orthonormal


@dataclass(frozen=True, eq=False)
class Whole:
    """A design in one basis.

    Attributes
    ----------
    basis : ndarray (n, r)
        Orthonormal columns U.
    x : ndarray (r, p)
        Orthonormal coordinates of the column space of X.
    pieces : ndarray (k - 1, r, r)
        ``U' G_i U`` without the identity.
    sizes : tuple of float (k - 1,)
        Traces of the pieces.
    """

    basis: np.ndarray
    x: np.ndarray
    pieces: np.ndarray
    sizes: tuple[float, ...]

    @property
    def dead(self) -> int:
        """Dimensions that contain residual only."""
        return self.basis.shape[0] - self.basis.shape[1]

    @property
    def residual_only(self) -> int:
        """Dimensions that neither X nor a random term reaches."""
        return self.dead

    def products(self) -> tuple[np.ndarray, np.ndarray]:
        """Return traces (k, k) of Q G_i Q G_j, Q without the fixed effects, and sizes (k,) of G_i.

        The size of the identity counts as one.
        """
        r, pieces = self.x.shape[0], self.pieces
        project = np.eye(r) - self.x @ self.x.T
        seen = np.concatenate([project[None], project @ pieces @ project])
        flat = seen.reshape(len(seen), -1)
        gram = flat @ flat.T
        gram[0, 0] += self.dead
        raw = np.concatenate([[1.0], np.linalg.norm(pieces.reshape(len(pieces), -1), axis=1)])
        return gram, raw

    def least_squares(self, response: np.ndarray) -> np.ndarray:
        """Return the least-squares coefficients (p,) of a response (n,)."""
        return self.x.T @ (self.basis.T @ response)

    def fitted(self, coefficients: np.ndarray) -> np.ndarray:
        """Return the values (n,) of coefficients (p,)."""
        return self.basis @ (self.x @ coefficients)

    def enter(self, residual: np.ndarray) -> tuple[np.ndarray, float, float]:
        """Bring a residual (n,) of least squares into the basis.

        Returns
        -------
        y : ndarray (r,)
        rest : float
            Sum of squares outside the basis.
        alone : float
            Sum of squares that neither X nor a random term reaches.
        """
        y = self.basis.T @ residual
        y -= self.x @ (self.x.T @ y)
        rest = float(((residual - self.basis @ y) ** 2).sum()) if self.dead else 0.0
        return y, rest, rest

    def evaluate(
        self, y: np.ndarray, rest: float, gamma: np.ndarray, *, reml: bool
    ) -> WholePoint | None:
        """Evaluate the criterion; None where V is not positive definite."""
        from scipy.linalg.lapack import dpotrf, dpotri, dtrtrs

        if self.dead and gamma[0] <= 0:
            return None
        r, k = self.x.shape[0], len(gamma)
        v = (gamma[1:] @ self.pieces.reshape(k - 1, r * r)).reshape(r, r)
        v.flat[:: r + 1] += gamma[0]
        factor, failed = dpotrf(v, lower=1, clean=1)
        if failed:
            return None
        pivots = factor.diagonal()
        if pivots.min() < 1e-7 * pivots.max():
            return None
        inverse, _ = dpotri(factor, lower=1)
        inverse = inverse + np.tril(inverse, -1).T
        solved = inverse @ self.x
        information = self.x.T @ solved
        small, failed = dpotrf(information, lower=1, clean=1)
        if failed:
            return None
        phi, _ = dpotri(small, lower=1)
        phi = phi + np.tril(phi, -1).T
        pull = solved.T @ y
        beta = phi @ pull
        # of what the fixed effects leave: a difference of two sums may be rounding below zero
        turned, _ = dtrtrs(factor, y - self.x @ beta, lower=1)
        value = 2 * np.log(pivots).sum() + turned @ turned
        if self.dead:
            value += self.dead * np.log(gamma[0]) + rest / gamma[0]
        if reml:
            value += 2 * np.log(small.diagonal()).sum()
        return WholePoint(self, y, rest, reml, gamma, inverse, solved, phi, beta, float(value))


@dataclass(frozen=True, eq=False)
class WholePoint:
    """The criterion at one value of the variance parameters, with all that follows from it.

    Attributes
    ----------
    space : Whole
        The design.
    y, rest, reml : ndarray (r,), float, bool
        The response, what of it is outside the basis, and which criterion.
    gamma : ndarray (k,)
        Variance parameters.
    inverse : ndarray (r, r)
        Of V in the basis.
    solved : ndarray (r, p)
        inverse @ x.
    phi : ndarray (p, p)
        Covariance of the fixed effects (in orthonormal coordinates).
    beta : ndarray (p,)
        Fixed effects (in orthonormal coordinates).
    value : float
        The criterion without its constants (2 pi, the scale of y and X).
    """

    space: Whole
    y: np.ndarray
    rest: float
    reml: bool
    gamma: np.ndarray
    inverse: np.ndarray
    solved: np.ndarray
    phi: np.ndarray
    beta: np.ndarray
    value: float

    @cached_property
    def projector(self) -> np.ndarray:
        """P (r, r): V^-1 after the fixed effects are taken out."""
        return self.inverse - self.solved @ self.phi @ self.solved.T

    @cached_property
    def _products(self) -> tuple[np.ndarray, np.ndarray]:
        """Return traces (k,) of P G_i and (k, k) of P G_i P G_j."""
        return self._traces(self.projector)

    @cached_property
    def _pulls(self) -> tuple[np.ndarray, np.ndarray]:
        """Return Py (r,) and G_i P y (k, r)."""
        py = self.inverse @ (self.y - self.space.x @ self.beta)
        return py, np.concatenate([py[None], self.space.pieces @ py])

    @cached_property
    def gradient(self) -> np.ndarray:
        """Of the criterion by the parameters (k,)."""
        traces = self._products[0] if self.reml else self._traces(self.inverse)[0]
        py, pulls = self._pulls
        gradient = traces - pulls @ py
        gradient[0] -= self.rest / self.gamma[0] ** 2 if self.rest else 0.0
        return gradient

    @cached_property
    def expected(self) -> np.ndarray:
        """Expected second derivatives of the criterion (k, k)."""
        if self.reml:
            return self._products[1]
        return self._traces(self.inverse)[1]

    @property
    def restricted_information(self) -> np.ndarray:
        """Traces of P G_i P G_j (k, k): twice the information on the parameters under REML."""
        return self._products[1]

    @cached_property
    def observed(self) -> np.ndarray:
        """Second derivatives of the criterion (k, k)."""
        _, pulls = self._pulls
        second = 2 * pulls @ self.projector @ pulls.T - self.expected
        if self.rest:
            second[0, 0] += 2 * self.rest / self.gamma[0] ** 3
        return second

    @cached_property
    def _pulled(self) -> np.ndarray:
        """G_i V^-1 X (k, r, p)."""
        return np.concatenate([self.solved[None], self.space.pieces @ self.solved])

    @property
    def changes(self) -> np.ndarray:
        """Derivatives (k, p, p) of phi."""
        inner = np.matmul(self.solved.T, self._pulled)
        return self.phi @ inner @ self.phi

    @property
    def spread(self) -> np.ndarray:
        """X' V^-1 G_i P G_j V^-1 X (k, p, k, p)."""
        k, r, p = self._pulled.shape
        wide = self._pulled.transpose(1, 0, 2).reshape(r, k * p)
        return (wide.T @ self.projector @ wide).reshape(k, p, k, p)

    def without(self, residual: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the normal equations without each level of a grouping, at the same variances.

        Without the rows ``d`` they lose ``(V^-1 X)_d' (V^-1)_dd^-1 (V^-1 X)_d``.

        Parameters
        ----------
        residual : ndarray (n,)
            The response, as it entered the basis.
        codes : ndarray of int (n,)
            The level of each row, 0 to m - 1.

        Returns
        -------
        information : ndarray (m, p, p)
        right : ndarray (m, p)
        """
        basis = self.space.basis
        solved = basis @ self.solved
        outside = residual - basis @ (basis.T @ residual)
        pulled = basis @ (self.inverse @ self.y)
        core = self.inverse
        if self.space.dead:
            pulled = pulled + outside / self.gamma[0]
            core = core - np.eye(len(core)) / self.gamma[0]
        information, right = self.space.x.T @ self.solved, self.solved.T @ self.y
        found = []
        for level in range(int(codes.max()) + 1):
            gone = np.flatnonzero(codes == level)
            inside = basis[gone] @ core @ basis[gone].T
            if self.space.dead:
                inside.flat[:: len(gone) + 1] += 1 / self.gamma[0]
            weights = np.linalg.solve(inside, np.column_stack([solved[gone], pulled[gone]]))
            rest = information - solved[gone].T @ weights[:, :-1]
            found.append((rest, right - solved[gone].T @ weights[:, -1]))
        return np.array([one for one, _ in found]), np.array([one for _, one in found])

    def _traces(self, inverse: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return traces (k,) of inverse G_i and (k, k) of inverse G_i inverse G_j."""
        r, k = inverse.shape[0], len(self.gamma)
        products = np.empty((k, r, r))
        products[0] = inverse
        if k > 1:
            np.matmul(inverse, self.space.pieces, out=products[1:])
        first = np.einsum("kaa->k", products)
        second = products.reshape(k, -1) @ products.transpose(0, 2, 1).reshape(k, -1).T
        if self.space.dead:
            first[0] += self.space.dead / self.gamma[0]
            second[0, 0] += self.space.dead / self.gamma[0] ** 2
        return first, second


def make_whole(
    orthonormal_x: np.ndarray, terms: Sequence[Term], pairs: Sequence[tuple[int, int, int]]
) -> Whole:
    """Bring a design into one basis.

    Parameters
    ----------
    orthonormal_x : ndarray (n, p)
        Orthonormal columns that span the fixed effects.
    terms : sequence of Term
        May be empty.
    pairs : sequence of (int, int, int)
        Term and two of its effects, of each piece.
    """
    parts = [term.columns() for term in terms]
    basis = orthonormal(np.hstack([orthonormal_x, *(z for part in parts for z in part)]))
    seen = [[basis.T @ z for z in part] for part in parts]
    crosses = [seen[term][a] @ seen[term][b].T for term, a, b in pairs]
    pieces = [c if a == b else c + c.T for c, (_, a, b) in zip(crosses, pairs, strict=True)]
    r = basis.shape[1]
    return Whole(
        basis,
        basis.T @ orthonormal_x,
        np.array(pieces).reshape(len(pieces), r, r),
        tuple(float(np.trace(cross)) for cross in crosses),
    )
