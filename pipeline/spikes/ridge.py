"""Ridge regression of many targets at once, for the decoder.

Own code, because importing scikit-learn costs more than all that is decoded in a session; its
numbers are those of scikit-learn's StandardScaler and Ridge (solver ``cholesky``) to the last bit.
Hastie, Tibshirani & Friedman 2009, The Elements of Statistical Learning, section 3.4.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def z_scored(known: Array, unknown: Array) -> tuple[Array, Array]:
    """Features of two groups of trials, z-scored by mean and standard deviation of the first.

    Parameters
    ----------
    known, unknown : ndarray, shape (n_trials, n_features)
        Trials learnt from, and others. A feature that is constant among the former, but for the
        rounding of its mean, keeps its scale.

    Returns
    -------
    known, unknown : ndarray
        Of the same shapes.
    """
    eps, n = np.finfo(float).eps, len(known)
    mean = known.mean(axis=0)
    variance = np.sum((known - mean) ** 2, axis=0) / n
    constant = variance <= n * eps * variance + (n * mean * eps) ** 2
    scale = np.where(constant, 1.0, np.sqrt(variance))
    return (known - mean) / scale, (unknown - mean) / scale


@dataclass(frozen=True, eq=False)
class Ridge:
    """A fitted regression: ``weights`` (n_features, n_targets) and ``intercept`` (n_targets,)."""

    weights: Array
    intercept: Array

    def predict(self, features: Array) -> Array:
        """Predict the targets of trials, shape (n_trials, n_targets)."""
        return features @ self.weights + self.intercept


def fit_ridge(features: Array, targets: Array, *, penalty: float) -> Ridge:
    """Least squares with a penalty on the squared weights; the intercept goes free.

    Solved in the space of the features, or of the trials where these are fewer.

    Parameters
    ----------
    features : ndarray, shape (n_trials, n_features)
    targets : ndarray, shape (n_trials, n_targets)
    penalty : float
        Above 0.

    Returns
    -------
    Ridge
    """
    from scipy.linalg import solve

    n_trials, n_features = features.shape
    offset, level = features.mean(axis=0), targets.mean(axis=0)
    x, y = features - offset, targets - level
    products = x @ x.T if n_features > n_trials else x.T @ x
    products.flat[:: len(products) + 1] += penalty
    if n_features > n_trials:
        weights = x.T @ solve(products, y, assume_a="pos")
    else:
        weights = solve(products, x.T @ y, assume_a="pos")
    return Ridge(weights, level - offset @ weights)
