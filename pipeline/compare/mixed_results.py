"""A fitted mixed model over matrices: estimates, contrasts, information criteria, deletion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipeline.compare.mixed_inference import (
    KENWARD_ROGER,
    SATTERTHWAITE,
    Reference,
    joint,
    kenward_roger,
    satterthwaite,
    single,
)
from pipeline.compare.mixed_search import Point, Problem, fit_variances
from pipeline.compare.mixed_structure import RESIDUAL, Structure
from pipeline.errors import InputError

#: a standard deviation below this share of the residual's counts as zero (as lme4 does)
_SINGULAR = 1e-4

METHODS = (KENWARD_ROGER, SATTERTHWAITE)


@dataclass(frozen=True)
class ContrastTest:
    """The test of one contrast (t) or of several together (F).

    Attributes
    ----------
    statistic, p : float
        t of one row, F of several; two-sided p.
    num_df, df : float
        Numerator (1 for t) and denominator degrees of freedom.
    estimate, se : float
        Of one row; NaN for several.
    method : str
        How the degrees of freedom were found.
    """

    statistic: float
    num_df: int
    df: float
    p: float
    estimate: float = math.nan
    se: float = math.nan
    method: str = KENWARD_ROGER

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the confidence interval of one row."""
        from scipy.special import stdtrit

        half = float(stdtrit(self.df, (1 + level) / 2)) * self.se
        return self.estimate - half, self.estimate + half


@dataclass(frozen=True, eq=False)
class MatrixFit:
    """A fitted mixed model.

    Attributes
    ----------
    structure : Structure
        The design.
    point : Point
        The optimum, in scaled units and orthonormal coordinates.
    response : ndarray (n,)
        What was fitted.
    least_squares : ndarray (p,)
        Least-squares coefficients in orthonormal coordinates (the fit is relative to them).
    scale : float
        Unit of ``point``: the residual standard deviation of least squares.
    reml : bool
        Restricted, or full maximum likelihood.
    converged : bool
        Whether a minimum of the criterion was found.
    bounded : bool
        Whether variances were kept at or above zero in *this* fit.
    fell_back : bool
        Whether negative variances were allowed but found no minimum, so that this fit is bounded.
    """

    structure: Structure
    point: Point
    response: np.ndarray
    least_squares: np.ndarray
    scale: float
    reml: bool
    converged: bool
    bounded: bool
    fell_back: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of X."""
        return self.structure.names

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.structure.n

    @cached_property
    def _back(self) -> np.ndarray:
        """From orthonormal coordinates to the columns of X (p, p)."""
        from scipy.linalg import solve_triangular

        return solve_triangular(self.structure.triangle, np.eye(self.structure.p))

    @cached_property
    def fixed(self) -> np.ndarray:
        """Fixed effects (p,)."""
        return self._back @ (self.least_squares + self.scale * self.point.beta)

    @cached_property
    def covariance(self) -> np.ndarray:
        """Covariance of the fixed effects (p, p), without small-sample correction."""
        return self.scale**2 * self._back @ self.point.phi @ self._back.T

    @cached_property
    def variance_components(self) -> dict[str, float]:
        """Variance (or covariance) by name; the residual last."""
        values = dict(
            zip(self.structure.parameters, (self.scale**2 * self.point.gamma).tolist(), strict=True)
        )
        values[RESIDUAL] = values.pop(RESIDUAL)
        return values

    @cached_property
    def singular(self) -> bool:
        """Whether a variance is (nearly) zero or below: on or over the bound."""
        gamma = self.point.gamma
        edge = _SINGULAR**2 * abs(gamma[0])
        return any(
            np.linalg.eigvalsh(gamma[block.index])[0] < edge for block in self.structure.blocks
        )

    @cached_property
    def criterion(self) -> float:
        """Minus twice the (restricted) log likelihood."""
        n, p = self.structure.n, self.structure.p
        rows = n - p if self.reml else n
        constant = rows * (math.log(2 * math.pi) + 2 * math.log(self.scale))
        if self.reml:
            constant += 2 * float(np.log(np.abs(self.structure.triangle.diagonal())).sum())
        return self.point.value + constant

    @property
    def log_likelihood(self) -> float:
        """Log likelihood (restricted if ``reml``)."""
        return -self.criterion / 2

    @property
    def n_parameters(self) -> int:
        """Fixed effects and variance parameters."""
        return self.structure.p + len(self.structure.parameters)

    @property
    def aic(self) -> float:
        """Akaike's information criterion; compare fixed effects by full likelihood only."""
        return self.criterion + 2 * self.n_parameters

    @property
    def bic(self) -> float:
        """Bayesian information criterion with n = rows."""
        return self.bic_of(self.n)

    def bic_of(self, n: float) -> float:
        """Bayesian information criterion with another n, such as the number of animals."""
        return self.criterion + self.n_parameters * math.log(n)

    @property
    def note(self) -> str:
        """What a reader must know of this fit; empty if nothing."""
        if not self.converged:
            return "the variance components did not converge"
        if self.fell_back:
            return "negative variance components allowed, but no minimum found: kept at zero"
        return ""

    # ---- contrasts

    @cached_property
    def _kenward_roger(self) -> Reference:
        if not self.reml:
            raise InputError(
                "Kenward-Roger: found a fit by full maximum likelihood; expected reml=True (the "
                "correction is defined for restricted likelihood)"
            )
        return kenward_roger(self.point)

    @cached_property
    def _satterthwaite(self) -> Reference:
        return satterthwaite(self.point, self.structure, bounded=self.bounded)

    def _reference(self, method: str) -> Reference:
        if method not in METHODS:
            raise InputError(f"method: found {method!r}; expected {' or '.join(METHODS)}")
        return self._kenward_roger if method == KENWARD_ROGER else self._satterthwaite

    def _rows(self, coefficients: np.ndarray) -> np.ndarray:
        rows = np.atleast_2d(np.asarray(coefficients, dtype=float))
        if rows.ndim != 2 or rows.shape[1] != self.structure.p:
            raise InputError(
                f"contrast: found coefficients of shape {np.shape(coefficients)}; expected one per "
                f"fixed effect, {self.structure.p}"
            )
        if not np.isfinite(rows).all() or not rows.any(axis=1).all():
            raise InputError(
                "contrast: found coefficients that are all zero or not finite; expected numbers"
            )
        return rows

    def contrasts(
        self, coefficients: np.ndarray, *, method: str = KENWARD_ROGER
    ) -> tuple[ContrastTest, ...]:
        """Test every row (m, p) of coefficients by itself."""
        from scipy.special import stdtr

        rows = self._rows(coefficients)
        reference = self._reference(method)
        variance, df = single(reference, rows @ self._back)
        estimate = rows @ self.fixed
        se = self.scale * np.sqrt(variance)
        t = estimate / se
        p = 2 * stdtr(df, -np.abs(t))
        return tuple(
            ContrastTest(float(a), 1, float(b), float(c), float(d), float(e), method=method)
            for a, b, c, d, e in zip(t, df, p, estimate, se, strict=True)
        )

    def contrast(self, coefficients: np.ndarray, *, method: str = KENWARD_ROGER) -> ContrastTest:
        """Test one contrast (p,) by t, or several rows (m, p) together by F.

        Rows that depend on each other are reduced to as many as are independent. Satterthwaite's
        degrees of freedom of several rows depend, a little, on how a hypothesis is written as
        rows (Kenward-Roger's do not).
        """
        from scipy.special import fdtrc

        rows = self._rows(coefficients)
        if len(rows) == 1:
            return self.contrasts(rows, method=method)[0]
        inner = rows @ self._back
        _, singular, right = np.linalg.svd(
            inner / np.linalg.norm(inner, axis=1)[:, None], full_matrices=False
        )
        independent = singular > 1e-9 * singular[0]
        if not independent.all():
            inner = right[independent]
        estimates = inner @ (self.least_squares / self.scale + self.point.beta)
        statistic, q, df = joint(self._reference(method), inner, estimates)
        p = float(fdtrc(q, df, statistic)) if df > 0 and statistic >= 0 else math.nan
        return ContrastTest(statistic, q, df, p, method=method)

    # ---- deletion

    def leave_out(
        self, codes: Sequence | np.ndarray, contrast: np.ndarray | None = None
    ) -> np.ndarray:
        """Estimate again without each level of a grouping, at the full data's variances.

        Parameters
        ----------
        codes : sequence (n,)
            The grouping (the animal of each row).
        contrast : ndarray (m, p), optional
            Coefficients; the fixed effects themselves if none.

        Returns
        -------
        ndarray (levels, p) or (levels, m)
            In sorted order of the levels. NaN where the rest of the data cannot give the value.
        """
        rows = np.eye(self.structure.p) if contrast is None else self._rows(contrast)
        rows = rows @ self._back
        groups = np.unique(np.asarray(codes), return_inverse=True)[1]
        beta, directions, absent = _solve(*self.point.without(self._residual, groups))
        values = (rows @ (self.least_squares + self.scale * beta)[:, :, None])[:, :, 0]
        seen = np.abs(directions @ rows.T).max(axis=1, where=absent[:, :, None], initial=0)
        return np.where(seen < 1e-7 * np.linalg.norm(rows, axis=1), values, np.nan)

    @cached_property
    def _residual(self) -> np.ndarray:
        """Scaled residual of least squares (n,)."""
        return (self.response - self.structure.space.fitted(self.least_squares)) / self.scale


def _solve(information: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Solve stacks (m, p, p), (m, p) for what can be estimated.

    Returns
    -------
    solution : ndarray (m, p)
    directions : ndarray (m, p, p)
        Orthonormal, one per row.
    absent : ndarray of bool (m, p)
        The directions that cannot be estimated.
    """
    values, vectors = np.linalg.eigh(information)
    directions = np.ascontiguousarray(vectors.transpose(0, 2, 1))
    absent = values <= 1e-9 * values[:, -1:]
    turned = (directions @ right[:, :, None])[:, :, 0]
    turned = np.divide(turned, values, where=~absent, out=np.zeros_like(values))
    return (directions.transpose(0, 2, 1) @ turned[:, :, None])[:, :, 0], directions, absent


def fit_structure(
    structure: Structure, response: np.ndarray, *, reml: bool = True, bounded: bool = True
) -> MatrixFit:
    """Fit a response (n,) to a prepared design.

    Raises
    ------
    InputError
        A response that is not finite, constant, or left without any residual variation.
    """
    response = np.asarray(response, dtype=float)
    if response.shape != (structure.n,) or not np.isfinite(response).all():
        raise InputError(
            f"response: found shape {response.shape} with "
            f"{np.count_nonzero(~np.isfinite(response))} values that are not finite; expected "
            f"{structure.n} finite values, one per row of the design"
        )
    space = structure.space
    least_squares = space.least_squares(response)
    residual = response - space.fitted(least_squares)
    scale = float(np.linalg.norm(residual)) / math.sqrt(structure.n - structure.p)
    if scale <= 1e-10 * np.abs(response).max() or scale == 0:
        raise InputError(
            "response: found no variation beyond the fixed effects; expected values that differ "
            "between rows of one cell (a constant outcome, or one value per cell)"
        )
    y, rest, alone = space.enter(residual / scale)
    if space.residual_only and alone < 1e-18 * structure.n:
        raise InputError(
            "response: found no residual variation; expected values that differ between rows of "
            "one level of the random terms (one value copied to several rows?)"
        )
    problem = Problem(structure, y, rest, reml)
    point, converged = fit_variances(problem, bounded=bounded)
    fell_back = not bounded and not converged
    if fell_back:
        point, converged = fit_variances(problem, bounded=True)
    return MatrixFit(
        structure,
        point,
        response,
        least_squares,
        scale,
        reml,
        converged,
        bounded or fell_back,
        fell_back,
    )
