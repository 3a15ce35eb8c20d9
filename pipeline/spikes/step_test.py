"""Test of a step in the counts of many units, for counts that remember (see modulation.py)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

#: correlations of neighbouring blocks at which the null is made; each unit takes the nearest
RHO = np.linspace(0.0, 0.98, 50)
#: standard errors (1 / sqrt(n)) by which a correlation is taken higher than it is estimated: too
#: low an estimate gives more false alarms than too high a one takes away
CAUTION = 0.4
#: permutations after which a unit without any sign of a change (p of 0.1 or more) has had enough;
#: with far fewer, units at 5 % would be given up by chance
_FIRST = 999
_CHUNK = 2000


@dataclass(frozen=True, eq=False)
class Design:
    """Linear maps from the counts of a unit in n blocks.

    Attributes
    ----------
    at : ndarray, shape (n,)
        Times of the blocks in units of their length, ascending.
    step : ndarray, shape (n,)
        Weights of the estimated step.
    residual : ndarray, shape (n, n)
        Counts to residuals of level, trend and step.
    partial : ndarray, shape (n, n)
        Counts to partial sums of the step's scores (weight times residual).
    same : ndarray, shape (n - 1,)
        Whether a block and the next lie in one epoch.
    """

    at: Floats
    step: Floats
    residual: Floats
    partial: Floats
    same: NDArray[np.bool_]


def design(before_at: Floats, after_at: Floats, *, linear: bool) -> tuple[Design, NDArray[np.intp]]:
    """Maps of the test, and the order in time of the blocks (before, then after).

    Parameters
    ----------
    before_at, after_at : array_like
        Times of the blocks of either epoch, in units of their length.
    linear : bool
        Whether a straight line is fitted along with the step.
    """
    at = np.r_[np.asarray(before_at, dtype=float), np.asarray(after_at, dtype=float)]
    later = np.r_[np.zeros(len(before_at)), np.ones(len(after_at))]
    order = np.argsort(at, kind="stable")
    at, later = at[order], later[order]
    others = [np.ones(len(at))] + ([at - at.mean()] if linear else [])
    basis = np.linalg.qr(np.column_stack(others))[0]
    weights = later - basis @ (basis.T @ later)
    weights /= weights @ later
    whole = np.linalg.qr(np.column_stack([*others, later]))[0]
    residual = np.eye(len(at)) - whole @ whole.T
    partial = np.cumsum(weights[:, np.newaxis] * residual, axis=0)
    maps = Design(at, weights, residual, partial, later[1:] == later[:-1])
    return maps, order


def step_test(
    before: ArrayLike,
    after: ArrayLike,
    *,
    before_at: ArrayLike,
    after_at: ArrayLike,
    linear: bool,
    permutations: int,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Two-sided test of a step between two epochs, per unit.

    Parameters
    ----------
    before, after : array_like, shape (n_units, n_before) and (n_units, n_after)
        Counts in blocks of one length.
    before_at, after_at : array_like, shape (n_before,) and (n_after,)
        Times of the blocks, in units of their length.
    linear : bool
        Whether a straight line through both epochs is allowed for.
    permutations : int
        999 of them for units whose p is 0.1 or more. All units share them, so that a unit's p does
        not depend on which others are there.
    rng : numpy.random.Generator
        Source of the permutations.

    Returns
    -------
    step : ndarray, shape (n_units,)
        Spikes per block.
    p : ndarray, shape (n_units,)
        1 for a unit whose count is the same in all blocks.
    """
    at = np.asarray(before_at, dtype=float), np.asarray(after_at, dtype=float)
    maps, order = design(*at, linear=linear)
    counts = np.concatenate((np.asarray(before), np.asarray(after)), axis=1)[:, order].astype(float)
    step = counts @ maps.step
    residual = counts @ maps.residual
    # Rounding is no variance: what is left of a perfect fit counts as nothing.
    residual[np.abs(residual) < 1e-9 * np.abs(counts).max(axis=1, initial=1.0, keepdims=True)] = 0
    observed = _statistic(step, residual @ maps.partial.T)
    nearest = np.searchsorted((RHO[1:] + RHO[:-1]) / 2, memory(residual, maps))
    shuffles = np.argsort(rng.random((permutations, len(order))), axis=1)
    p = np.ones(len(counts))
    for level in np.unique(nearest):
        shape = np.linalg.cholesky(_correlation(maps.at, RHO[level]))
        # Statistics of recoloured innovations, straight from the innovations.
        step_of, partial_of = shape.T @ maps.step, maps.partial @ shape
        for unit in np.flatnonzero(nearest == level):
            innovations = np.linalg.solve(shape, residual[unit])
            for number in sorted({min(_FIRST, permutations), permutations}):
                which = shuffles[:number]
                p[unit] = _p(observed[unit], innovations, which, step_of, partial_of)
                if p[unit] >= 0.1:
                    break
    p[~residual.any(axis=1) & (np.abs(step) < 1e-9)] = 1.0
    return step, p


def memory(residual: Floats, maps: Design) -> Floats:
    """Correlation of blocks one block apart, as an AR(1) process would have it.

    The residuals of a fit correlate less than the counts did, the more so the shorter the epochs;
    the estimate is the correlation whose residuals would show, on average, what these show.

    Parameters
    ----------
    residual : ndarray, shape (n_units, n)
        Of the fit.
    maps : Design
        The fit.

    Returns
    -------
    ndarray, shape (n_units,)
        Within the range of :data:`RHO`; 0 for a unit without residuals.
    """
    expected = []
    for rho in RHO:
        left = maps.residual @ _correlation(maps.at, rho) @ maps.residual
        expected.append(np.diagonal(left, 1)[maps.same].sum() / np.trace(left))
    products = (residual[:, 1:] * residual[:, :-1])[:, maps.same].sum(axis=1)
    power = np.sum(residual**2, axis=1)
    seen = np.divide(products, power, out=np.full(len(power), -1.0), where=power > 0)
    seen += CAUTION / np.sqrt(residual.shape[1])
    return np.interp(seen, np.maximum.accumulate(expected), RHO)


def _correlation(at: Floats, rho: float) -> Floats:
    apart = np.abs(at[:, np.newaxis] - at)
    return np.where(apart > 0, rho**apart, 1.0) if rho else np.eye(len(at))


def _statistic(step: Floats, partial: Floats) -> Floats:
    """Squared step over the sum of squared partial sums."""
    spread = np.einsum("...i,...i->...", partial, partial)
    return np.divide(step**2, spread, out=np.where(step**2 > 0, np.inf, 0.0), where=spread > 0)


def _p(
    observed: float,
    innovations: Floats,
    shuffles: NDArray[np.int64],
    step_of: Floats,
    partial_of: Floats,
) -> float:
    """Share of the permutations, the observed one among them, that reach the observed value."""
    reached = 1
    for begin in range(0, len(shuffles), _CHUNK):
        drawn = innovations[shuffles[begin : begin + _CHUNK]]
        null = _statistic(drawn @ step_of, drawn @ partial_of.T)
        reached += int(np.count_nonzero(null >= observed * (1 - 1e-12)))
    return reached / (1 + len(shuffles))
