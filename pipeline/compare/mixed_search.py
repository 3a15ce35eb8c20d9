"""Restricted (or full) maximum likelihood of the variance parameters.

The criterion is minus twice the log likelihood with the fixed effects profiled out (REML:
Patterson & Thompson 1971, Biometrika 58:545), a function of the variance parameters ``g`` only.
Its gradient and both its curvatures (expected: Fisher; observed: Newton) are exact. The search
takes Fisher steps, which find a balanced design's solution at once, and Newton steps near the end.

*Bounded* keeps intercept variances at or above zero: each step solves the quadratic model under
that bound, so that a variance at the bound is exactly zero. *Unbounded* lets variances be negative
as long as V is positive definite (the classical analysis of variance then comes out in balanced
designs). Terms with slopes that leave the valid covariances are refitted in Cholesky factors
(Bates et al 2015, J Stat Softw 67:1), where every value is valid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.compare.mixed_patched import PatchedPoint
from pipeline.compare.mixed_structure import Structure
from pipeline.compare.mixed_whole import WholePoint
from pipeline.errors import InputError

_MAX_STEPS = 100

#: logarithm of a residual variance (of about one at the start) that is rounding error
_NO_RESIDUAL = -30.0

#: second derivative of the criterion by that logarithm below which it tends to a limit: of a
#: minimum it is about the number of dimensions that contain mostly residual
_LEAST_CURVATURE = 1e-4

#: predicted decrease of the criterion at which the last step is taken
_DONE = 1e-12


Point = WholePoint | PatchedPoint


@dataclass(frozen=True, eq=False)
class Problem:
    """A response in the basis of a structure, scaled to a residual variance of about one.

    Attributes
    ----------
    structure : Structure
        The design.
    y : ndarray
        The response in the basis (r,), or in that of each patch (patches, s).
    rest : float
        Sum of squares of the response outside the basis.
    reml : bool
        Restricted, or full maximum likelihood.
    """

    structure: Structure
    y: np.ndarray
    rest: float
    reml: bool

    def evaluate(self, gamma: np.ndarray) -> Point | None:
        """Evaluate the criterion; None where V is not positive definite."""
        return self.structure.space.evaluate(self.y, self.rest, gamma, reml=self.reml)


def fit_variances(problem: Problem, *, bounded: bool) -> tuple[Point, bool]:
    """Minimise the criterion.

    Returns
    -------
    point : Point
        The best that was found.
    converged : bool
        Whether it is a minimum (inside the bounds).
    """
    structure = problem.structure
    point, converged = _search(problem, nonnegative=bounded and structure.simple)
    if not bounded or (converged and is_valid(structure, point.gamma)):
        return point, converged
    return _search_factors(problem)


def is_valid(structure: Structure, gamma: np.ndarray) -> bool:
    """Whether all random effects have a valid covariance and the residual a positive variance."""
    if gamma[0] <= 0:
        return False
    return all(
        np.linalg.eigvalsh(gamma[block.index])[0] >= -1e-12 * gamma[0] for block in structure.blocks
    )


def _start(problem: Problem) -> Point:
    point = problem.evaluate(problem.structure.start)
    if point is None:
        raise InputError(
            "the mixed model: the criterion cannot be computed where the search begins; expected "
            "finite values of ordinary size"
        )
    return point


def _search(problem: Problem, *, nonnegative: bool) -> tuple[Point, bool]:
    point = _start(problem)
    decrease = np.inf
    for _ in range(_MAX_STEPS):
        try:
            step, predicted = _step(point, nonnegative=nonnegative, newton=decrease < 1.0)
        except np.linalg.LinAlgError:  # rounding, at the edge of positive definiteness
            return point, False
        if predicted < -_DONE:  # no step to a minimum: rounding, as above
            return point, False
        if predicted < _DONE:
            last = problem.evaluate(point.gamma + step)
            if last is not None and _allowed(last.gamma, nonnegative) and _falls(point, last):
                point = last
            return point, _is_minimum(point, nonnegative)
        after = _along(problem, point, step, predicted, nonnegative)
        if after is None:
            return point, False
        decrease = point.value - after.value
        point = after
    return point, False


def _step(point: Point, *, nonnegative: bool, newton: bool) -> tuple[np.ndarray, float]:
    """Return the step to the minimum of the quadratic model, and the decrease it promises."""
    if not (point.expected.diagonal() > 0).all():
        raise np.linalg.LinAlgError("the information is not positive")
    size = np.sqrt(point.expected.diagonal())  # in these units the parameters are alike
    gradient = point.gradient / size
    curvature = (point.observed if newton else point.expected) / np.outer(size, size)
    try:
        upper = np.linalg.cholesky(curvature).T
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(point.expected / np.outer(size, size))
        curvature = (vectors * np.maximum(values, 1e-8)) @ vectors.T
        upper = np.linalg.cholesky(curvature).T
    step = -np.linalg.solve(curvature, gradient)
    here = point.gamma * size
    if nonnegative and (here + step < 0).any():
        from scipy.optimize import nnls

        step = nnls(upper, upper @ here - np.linalg.solve(upper.T, gradient))[0] - here
    return step / size, float(-(gradient @ step) - step @ curvature @ step / 2)


def _allowed(gamma: np.ndarray, nonnegative: bool) -> bool:
    return not nonnegative or (gamma[0] > 0 and gamma.min() >= 0)


def _along(
    problem: Problem, point: Point, step: np.ndarray, predicted: float, nonnegative: bool
) -> Point | None:
    """Go along the step until the criterion falls."""
    length = 1.0
    for _ in range(40):
        gamma = point.gamma + length * step
        if length == 1.0 and nonnegative:
            gamma = np.maximum(gamma, 0.0)
        if _allowed(gamma, nonnegative):
            after = problem.evaluate(gamma)
            if after is not None and _falls(point, after, by=1e-4 * length * predicted):
                return after
        length /= 2
    return None


def _falls(point: Point, after: Point, *, by: float = 0.0) -> bool:
    """Whether the criterion is lower by so much, but for rounding."""
    return after.value <= point.value - by + 1e-9 * (1 + abs(point.value))


def _is_minimum(point: Point, nonnegative: bool) -> bool:
    """Whether the curvature is positive in all directions that are free."""
    free = np.ones(len(point.gamma), dtype=bool)
    if nonnegative:
        free = point.gamma > 0
        if not _has_residual(point):
            return False
    size = np.sqrt(point.expected.diagonal()[free])
    inside = point.observed[np.ix_(free, free)] / np.outer(size, size)
    return bool(np.linalg.eigvalsh(inside)[0] > 1e-10)


def _has_residual(point: Point) -> bool:
    """Whether the criterion does not just fall ever more slowly to a residual variance of zero."""
    return bool(point.gamma[0] ** 2 * point.observed[0, 0] > _LEAST_CURVATURE)


# ---- Cholesky factors of the covariance of each term


def factors_of(structure: Structure, gamma: np.ndarray) -> np.ndarray:
    """Return theta: the residual variance, then the lower triangle of each term's factor."""
    theta = [gamma[:1]]
    for block in structure.blocks:
        values, vectors = np.linalg.eigh(gamma[block.index])
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        lower = np.linalg.qr(root.T)[1].T
        lower = lower * np.where(lower.diagonal() < 0, -1.0, 1.0)
        theta.append(lower[np.tril_indices(len(values))])
    return np.concatenate(theta)


def covariances_of(
    structure: Structure, theta: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return gamma (k,), its first (k, t) and its second derivatives (k, t, t) by theta."""
    k, t = len(structure.parameters), len(theta)
    gamma, first, second = np.zeros(k), np.zeros((k, t)), np.zeros((k, t, t))
    gamma[0], first[0, 0] = theta[0], 1.0
    at = 1
    for block in structure.blocks:
        e = len(block.index)
        where = np.zeros((e, e), dtype=int)
        rows, columns = np.tril_indices(e)
        where[rows, columns] = at + np.arange(len(rows))
        at += len(rows)
        for a, b in zip(rows, columns, strict=True):
            target = block.index[a, b]
            for c in range(b + 1):
                left, right = where[a, c], where[b, c]
                gamma[target] += theta[left] * theta[right]
                first[target, left] += theta[right]
                first[target, right] += theta[left]
                second[target, left, right] += 1.0
                second[target, right, left] += 1.0
    return gamma, first, second


def _search_factors(problem: Problem) -> tuple[Point, bool]:
    """Minimise over the logarithm of the residual variance and the factors."""
    from scipy.optimize import minimize

    structure = problem.structure
    cache: dict[bytes, Point | None] = {}

    def at(u: np.ndarray) -> tuple[Point | None, np.ndarray, np.ndarray]:
        theta = np.concatenate([np.exp(u[:1]), u[1:]])
        gamma, first, second = covariances_of(structure, theta)
        first[:, 0] *= theta[0]
        second[0, 0, 0] = theta[0]
        key = u.tobytes()
        if key not in cache:
            cache[key] = problem.evaluate(gamma) if u[0] > _NO_RESIDUAL else None
        return cache[key], first, second

    def value(u: np.ndarray) -> float:
        point = at(u)[0]
        return np.inf if point is None else point.value

    def slope(u: np.ndarray) -> np.ndarray:
        point, first, _ = at(u)
        return np.zeros(len(u)) if point is None else first.T @ point.gradient

    def curvature(u: np.ndarray) -> np.ndarray:
        point, first, second = at(u)
        if point is None:  # asked for, though such a step is never taken
            return np.eye(len(u))
        return first.T @ point.observed @ first + np.tensordot(point.gradient, second, 1)

    start = factors_of(structure, structure.start)
    start[0] = np.log(start[0])
    found = minimize(
        value, start, jac=slope, hess=curvature, method="trust-exact", options={"gtol": 1e-8}
    )
    best = at(found.x)[0]
    point = _start(problem) if best is None else best
    converged = bool(np.abs(slope(found.x)).max() < 1e-5) and _has_residual(point)
    return point, converged
