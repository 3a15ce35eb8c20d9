"""Maximum a posteriori fits of many sessions at once: damped Newton steps on all of them together.

A likelihood of sequential choices cannot be vectorised over trials, so it is vectorised over
everything else: sessions, starting points, and the points of the finite differences. One pass over
the trials then gives gradient and Hessian of every session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.flexibility.models.choices import Batch, Choices

Array = NDArray[np.float64]

#: Half-width of the finite differences, on the transformed scale.
_STEP = 1e-3
#: Largest Newton step in any parameter, on the transformed scale.
_LONGEST = 2.0
#: Fractions of the Newton step that are tried.
_FRACTIONS = np.array([1.0, 0.5, 0.2, 0.05, 0.01])


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter of a model, and its fixed weakly informative prior.

    Attributes
    ----------
    name : str
        As tables name it.
    transform : {"logit", "log", "identity"}
        Scale on which it is free and its prior normal. ``logit``: between 0 and ``upper``.
    mean, sd : float
        Of the prior, on that scale.
    upper : float
        Upper limit under ``logit``.
    """

    name: str
    transform: Literal["logit", "log", "identity"]
    mean: float
    sd: float
    upper: float = 1.0

    def natural(self, free: Array) -> Array:
        """Return values in the parameter's own units."""
        if self.transform == "identity":
            return free
        if self.transform == "log":
            return np.exp(np.minimum(free, 50.0))
        return self.upper / (1.0 + np.exp(-np.clip(free, -50.0, 50.0)))

    def free(self, natural: Array) -> Array:
        """Return values on the transformed scale."""
        if self.transform == "identity":
            return np.asarray(natural, dtype=float)
        if self.transform == "log":
            return np.log(natural)
        part = np.asarray(natural, dtype=float) / self.upper
        return np.log(part) - np.log1p(-part)

    def slope(self, free: Array) -> Array:
        """Return the derivative of the value by the transformed one."""
        value = self.natural(free)
        if self.transform == "identity":
            return np.ones_like(value)
        return value if self.transform == "log" else value * (1.0 - value / self.upper)


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model of choices.

    Attributes
    ----------
    name : str
        As tables name it.
    parameters : callable
        Parameters for the task of a session; raises InputError for a task that the model does not
        describe.
    trial_log_likelihoods : callable
        ``(values, batch)``, with values of shape (n_parameters, n_sessions, n_points) in natural
        units, returns an iterator over trials of log P(choice | all before), shape (n_sessions,
        n_points). Weights are not applied.
    """

    name: str
    parameters: Callable[[Choices], tuple[Parameter, ...]]
    trial_log_likelihoods: Callable[[Array, Batch], Iterator[Array]]


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Fits of several sessions.

    Attributes
    ----------
    parameters : tuple of Parameter
        In the order of the columns.
    free : ndarray, shape (n_sessions, n_parameters)
        Modes of the posterior on the transformed scale.
    covariance : ndarray, shape (n_sessions, n_parameters, n_parameters)
        Laplace approximation of the posterior there.
    log_likelihood, log_posterior, log_evidence : ndarray, shape (n_sessions,)
        At the mode; the evidence by Laplace.
    converged : ndarray of bool, shape (n_sessions,)
        Whether a further Newton step would be shorter than 0.01 posterior sd.
    """

    parameters: tuple[Parameter, ...]
    free: Array
    covariance: Array
    log_likelihood: Array
    log_posterior: Array
    log_evidence: Array
    converged: NDArray[np.bool_]

    @property
    def values(self) -> Array:
        """Estimates in natural units, shape (n_sessions, n_parameters)."""
        columns = [p.natural(self.free[:, i]) for i, p in enumerate(self.parameters)]
        return np.stack(columns, axis=1)

    @property
    def standard_errors(self) -> Array:
        """Posterior sd in natural units (delta method), shape (n_sessions, n_parameters)."""
        slopes = [p.slope(self.free[:, i]) for i, p in enumerate(self.parameters)]
        spread = np.sqrt(np.diagonal(self.covariance, axis1=1, axis2=2))
        return np.stack(slopes, axis=1) * spread

    def column(self, name: str) -> Array:
        """Estimates of one parameter in natural units."""
        return self.values[:, [p.name for p in self.parameters].index(name)]


def log_likelihood(model: Model, free: Array, batch: Batch) -> Array:
    """Weighted log likelihood of every session at every point.

    Parameters
    ----------
    model : Model
        The model.
    free : ndarray, shape (n_sessions, n_points, n_parameters)
        Points on the transformed scale.
    batch : Batch
        The sessions.

    Returns
    -------
    ndarray, shape (n_sessions, n_points)
    """
    values = _natural(model.parameters(batch.first), free)
    total = np.zeros(free.shape[:2])
    trials = model.trial_log_likelihoods(values, batch)
    for weight, trial in zip(batch.weight, trials, strict=True):
        total += weight[:, None] * trial
    return total


def trial_log_likelihoods(model: Model, free: Array, batch: Batch) -> Array:
    """Log P(choice | all before) of every trial, unweighted.

    Parameters
    ----------
    model : Model
        The model.
    free : ndarray, shape (n_sessions, n_parameters)
        One point per session, on the transformed scale.
    batch : Batch
        The sessions.

    Returns
    -------
    ndarray, shape (n_trials, n_sessions)
        Meaningless where a session has ended.
    """
    values = _natural(model.parameters(batch.first), free[:, None, :])
    return np.stack([trial[:, 0] for trial in model.trial_log_likelihoods(values, batch)])


def fit_map(
    model: Model,
    batch: Batch,
    *,
    mean: Array | None = None,
    sd: Array | None = None,
    start: Array | None = None,
    n_starts: int = 3,
    max_steps: int = 60,
) -> Fit:
    """Fit each session by itself, under one normal prior on the transformed parameters.

    Starting points are the best ``n_starts`` of 64 points that cover the prior evenly (the same
    points for every session); from each, Newton steps with the Hessian made negative definite and
    the best of five step lengths.

    Parameters
    ----------
    model : Model
        The model.
    batch : Batch
        The sessions.
    mean, sd : ndarray, shape (n_parameters,), optional
        Prior; by default the model's fixed one.
    start : ndarray, shape (n_sessions, n_parameters), optional
        Start there instead, once.
    n_starts : int
        How many starting points.
    max_steps : int
        Newton steps at most.

    Returns
    -------
    Fit
    """
    parameters = model.parameters(batch.first)
    mean = np.array([p.mean for p in parameters]) if mean is None else mean
    sd = np.array([p.sd for p in parameters]) if sd is None else sd

    def objective(free: Array, sessions: Batch) -> Array:
        prior = -0.5 * (((free - mean) / sd) ** 2).sum(axis=-1)
        return log_likelihood(model, free, sessions) + prior

    if start is None:
        points = _starts(objective, batch, mean, sd, n_starts)
    else:
        points = np.array(start, dtype=float)[:, None, :]
    points = _climb(objective, batch, points, max_steps)
    heights = objective(points, batch)
    best = heights.argmax(axis=1)
    rows = np.arange(len(points))
    free = points[rows, best]
    gradient, hessian = _derivatives(objective, batch, free[:, None, :])
    covariance = _negative_inverse(hessian[:, 0])
    left = np.einsum("si,sij,sj->s", gradient[:, 0], covariance, gradient[:, 0])
    prior = -0.5 * (((free - mean) / sd) ** 2).sum(axis=1)
    height = heights[rows, best]
    evidence = height - np.log(sd).sum() + 0.5 * np.linalg.slogdet(covariance)[1]
    return Fit(
        parameters=parameters,
        free=free,
        covariance=covariance,
        log_likelihood=height - prior,
        log_posterior=height,
        log_evidence=evidence,
        converged=left < 1e-4,
    )


def _natural(parameters: tuple[Parameter, ...], free: Array) -> Array:
    """Natural values, parameters first."""
    return np.stack([p.natural(free[..., i]) for i, p in enumerate(parameters)])


def _starts(
    objective: Callable[[Array, Batch], Array], batch: Batch, mean: Array, sd: Array, count: int
) -> Array:
    """Best points of an even cover of the prior (Roberts' additive recurrence), per session."""
    from scipy.special import ndtri

    size = len(mean)
    ratio = 1.5
    for _ in range(60):
        ratio = (1 + ratio) ** (1 / (size + 1))
    steps = ratio ** -np.arange(1.0, size + 1)
    cover = (0.5 + np.arange(64)[:, None] * steps) % 1.0
    points = mean + sd * ndtri(np.clip(cover, 0.01, 0.99))
    tried = np.broadcast_to(points, (len(batch.sessions), *points.shape))
    order = np.argsort(-objective(tried, batch), axis=1, kind="stable")[:, :count]
    return points[order]


def _climb(
    objective: Callable[[Array, Batch], Array], batch: Batch, points: Array, max_steps: int
) -> Array:
    """Newton steps from every start until they are tiny, or no fraction of them rises."""
    points = points.copy()
    done = np.zeros(points.shape[:2], dtype=bool)
    for _ in range(max_steps):
        moving = np.flatnonzero(~done.all(axis=1))
        if not len(moving):
            break
        part, here = batch.take(moving), points[moving]
        gradient, hessian = _derivatives(objective, part, here)
        step = np.einsum("skij,skj->ski", _negative_inverse(hessian), gradient)
        longest = np.abs(step).max(axis=-1, keepdims=True)
        step *= np.minimum(1.0, _LONGEST / np.maximum(longest, _LONGEST))
        tried = here[:, :, None, :] + _FRACTIONS[:, None] * step[:, :, None, :]
        tried = np.concatenate([here[:, :, None, :], tried], axis=2)
        flat = tried.reshape(len(moving), -1, tried.shape[-1])
        heights = objective(flat, part).reshape(tried.shape[:3])
        best = heights.argmax(axis=2)
        points[moving] = np.take_along_axis(tried, best[..., None, None], axis=2)[:, :, 0]
        done[moving] |= (longest[..., 0] < 1e-4) | (best == 0)
    return points


def _derivatives(
    objective: Callable[[Array, Batch], Array], batch: Batch, points: Array
) -> tuple[Array, Array]:
    """Gradient and Hessian at points of shape (n_sessions, n_points, n_parameters)."""
    count, n_points, size = points.shape
    unit = _STEP * np.eye(size)
    pairs = [(i, j) for i in range(size) for j in range(i)]
    both = [unit[i] + unit[j] for i, j in pairs]
    offsets = np.array([np.zeros(size), *unit, *-unit, *both, *(-offset for offset in both)])
    tried = (points[:, :, None, :] + offsets).reshape(count, -1, size)
    value = objective(tried, batch).reshape(count, n_points, -1)
    middle, up, down = value[..., :1], value[..., 1 : size + 1], value[..., size + 1 : 2 * size + 1]
    gradient = (up - down) / (2 * _STEP)
    hessian = np.zeros((count, n_points, size, size))
    diagonal = np.arange(size)
    hessian[..., diagonal, diagonal] = (up - 2 * middle + down) / _STEP**2
    plus = value[..., 2 * size + 1 : 2 * size + 1 + len(pairs)]
    minus = value[..., 2 * size + 1 + len(pairs) :]
    for position, (i, j) in enumerate(pairs):
        around = up[..., i] + down[..., i] + up[..., j] + down[..., j] - 2 * middle[..., 0]
        mixed = (plus[..., position] + minus[..., position] - around) / (2 * _STEP**2)
        hessian[..., i, j] = hessian[..., j, i] = mixed
    return gradient, hessian


def _negative_inverse(hessian: Array) -> Array:
    """Inverse of the negative Hessian, with curvatures that are flat or wrong made positive."""
    curvature, axes = np.linalg.eigh(-hessian)
    curvature = np.maximum(np.abs(curvature), 1e-3)
    return np.einsum("...ij,...j,...kj->...ik", axes, 1.0 / curvature, axes)
