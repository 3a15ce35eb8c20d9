"""Tests of fixed effects with few animals: Kenward-Roger and Satterthwaite.

Kenward & Roger 1997 (Biometrics 53:983): the covariance of the fixed effects is corrected for the
uncertainty of the variance parameters, the F statistic is scaled, and its denominator degrees of
freedom are chosen so that mean and variance fit. Satterthwaite 1946 (Biometrics Bull 2:110) with
several rows as in Fai & Cornelius 1996 (J Stat Comput Simul 54:363): the degrees of freedom come
from the variance of the estimated standard error.

Everything here is in the orthonormal coordinates of the fixed effects and in scaled units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pipeline.compare.mixed_search import Point, covariances_of, factors_of
from pipeline.compare.mixed_structure import Structure

KENWARD_ROGER = "kenward-roger"
SATTERTHWAITE = "satterthwaite"


@dataclass(frozen=True, eq=False)
class Reference:
    """What a method needs to test any contrast.

    Attributes
    ----------
    method : str
        Kenward-Roger or Satterthwaite.
    plain : ndarray (p, p)
        Covariance of the fixed effects.
    covariance : ndarray (p, p)
        The same, corrected (Kenward-Roger).
    changes : ndarray (k, p, p)
        Derivative of ``plain`` by each variance parameter.
    uncertainty : ndarray (k, k)
        Covariance of the variance parameters.
    """

    method: str
    plain: np.ndarray
    covariance: np.ndarray
    changes: np.ndarray
    uncertainty: np.ndarray


def kenward_roger(point: Point) -> Reference:
    """Correct the covariance of the fixed effects (V is linear in its parameters)."""
    uncertainty = 2 * _inverse(point.restricted_information)
    # the spread is Kenward and Roger's Q_ij - P_i phi P_j
    correction = np.einsum("ij,iajb->ab", uncertainty, point.spread)
    covariance = point.phi + 2 * point.phi @ correction @ point.phi
    covariance = (covariance + covariance.T) / 2
    return Reference(KENWARD_ROGER, point.phi, covariance, point.changes, uncertainty)


def satterthwaite(point: Point, structure: Structure, *, bounded: bool) -> Reference:
    """Take the uncertainty of the variance parameters from the criterion's curvature.

    A bounded fit is differentiated by the Cholesky factors, as lme4 parametrises it: at the bound
    the criterion is even in a factor, so that a variance of zero adds no uncertainty.
    """
    changes, curvature = point.changes, point.observed
    if bounded:
        _, first, second = covariances_of(structure, factors_of(structure, point.gamma))
        curvature = first.T @ curvature @ first + np.tensordot(point.gradient, second, 1)
        changes = np.tensordot(first.T, changes, 1)
    return Reference(
        SATTERTHWAITE, point.phi, point.phi, changes, 2 * _inverse(curvature, positive=True)
    )


def _inverse(matrix: np.ndarray, *, positive: bool = False) -> np.ndarray:
    """Invert a symmetric matrix without its (near) zero, or negative, directions."""
    size = np.sqrt(np.abs(matrix.diagonal()))
    size = np.where(size > 0, size, 1.0)
    values, vectors = np.linalg.eigh(matrix / np.outer(size, size))
    keep = (values if positive else np.abs(values)) > 1e-10 * np.abs(values).max()
    vectors = vectors[:, keep] / size[:, None]
    return (vectors / values[keep]) @ vectors.T


def single(reference: Reference, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return variance and degrees of freedom (m,) of contrasts (m, p), each by itself.

    For one row Kenward and Roger's degrees of freedom are those of Satterthwaite, with the
    expected information; the F scaling is one.
    """
    plain = np.einsum("ma,ab,mb->m", rows, reference.plain, rows)
    variance = np.einsum("ma,ab,mb->m", rows, reference.covariance, rows)
    slopes = np.einsum("ma,kab,mb->mk", rows, reference.changes, rows)
    noise = np.einsum("mk,kl,ml->m", slopes, reference.uncertainty, slopes)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = 2 * plain**2 / noise
    return variance, df


def joint(
    reference: Reference, rows: np.ndarray, estimates: np.ndarray
) -> tuple[float, int, float]:
    """Return F, numerator and denominator degrees of freedom of rows (m, p) tested together."""
    if reference.method == KENWARD_ROGER:
        return _joint_kenward_roger(reference, rows, estimates)
    return _joint_satterthwaite(reference, rows, estimates)


def _joint_kenward_roger(
    reference: Reference, rows: np.ndarray, estimates: np.ndarray
) -> tuple[float, int, float]:
    q = len(rows)
    wald = float(estimates @ np.linalg.solve(rows @ reference.covariance @ rows.T, estimates))
    inner = np.linalg.inv(rows @ reference.plain @ rows.T)
    blocks = inner @ (rows @ reference.changes @ rows.T)  # (k, q, q)
    traces = np.einsum("kaa->k", blocks)
    pairs = np.einsum("iab,jba->ij", blocks, blocks)
    a1 = float(traces @ reference.uncertainty @ traces)
    a2 = float((reference.uncertainty * pairs).sum())
    scale, df = _scaled_f(q, a1, a2)
    return scale * wald / q, q, df


def _scaled_f(q: int, a1: float, a2: float) -> tuple[float, float]:
    """Return the F scaling and the denominator degrees of freedom (section 3 of the paper)."""
    if a2 <= 0:
        return 1.0, math.inf
    b = (a1 + 6 * a2) / (2 * q)
    g = ((q + 1) * a1 - (q + 4) * a2) / ((q + 2) * a2)
    below = 3 * q + 2 * (1 - g)
    v0 = 1 + g / below * b
    v1 = 1 - (q - g) / below * b
    v2 = 1 - (q + 2 - g) / below * b
    v0 = 0.0 if abs(v0) < 1e-10 else v0
    ratio = _ratio(1 - a2 / q, v1) ** 2 * v0 / v2 / q
    df = 4 + (q + 2) / (q * ratio - 1)
    scale = 1.0 if abs(df - 2) < 0.01 else df * (1 - a2 / q) / (df - 2)
    return scale, df


def _ratio(above: float, below: float) -> float:
    """Divide; nothing by nothing is one."""
    if abs(above) < 1e-14 and abs(below) < 1e-14:
        return 1.0
    return above / below


def _joint_satterthwaite(
    reference: Reference, rows: np.ndarray, estimates: np.ndarray
) -> tuple[float, int, float]:
    q = len(rows)
    values, vectors = np.linalg.eigh(rows @ reference.plain @ rows.T)
    statistic = float(((vectors.T @ estimates) ** 2 / values).mean())
    _, df = single(reference, vectors.T @ rows)
    if np.ptp(df) < 1e-8 * df.max():
        return statistic, q, float(df.mean())
    if df.min() <= 2:
        return statistic, q, 2.0
    total = float((df / (df - 2)).sum())
    return statistic, q, 2 * total / (total - q)
