"""Correlations of spike counts, as they are and as they would be at other rates.

Correlations of counts fall with the rates of the units even where what they share is the
same (de la Rocha et al. 2007, Nature 448:802), so that a drug that lowers rates seems to
decorrelate. The part of it that is due to fewer spikes of the same rate fluctuations can be taken
out: if every spike of a unit is kept with probability k, covariances become k k' C and variances
k^2 V + k (1 - k) m, with m the mean count. :func:`matched_correlation` states the correlation that
units would show if they were thinned to given (common, lowest) rates, without drawing any spike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from pipeline.spikes.pairs import CountMoments


def correlation(moments: CountMoments) -> NDArray[np.float64]:
    """Pearson correlations of the counts, shape (n_units, n_units); NaN where a unit is silent."""
    return _normalised(moments.covariance, np.diag(moments.covariance))


def matched_correlation(moments: CountMoments, rate_hz: ArrayLike) -> NDArray[np.float64]:
    """Correlations that the units would show if they were thinned to given rates.

    Parameters
    ----------
    moments : CountMoments
        Of the epoch.
    rate_hz : array_like, shape (n_units,)
        Rate of each unit after thinning (for instance its lowest of all epochs that are compared).

    Returns
    -------
    ndarray, shape (n_units, n_units)
        From the moments of thinned counts; NaN for units that fire less than that, or not at all.
    """
    wanted = np.asarray(rate_hz, dtype=float) * moments.bin_s
    keep = np.divide(wanted, moments.mean, out=np.full(len(wanted), np.nan), where=moments.mean > 0)
    # Rates come from whole epochs, means from whole bins: they differ by a spike or two.
    keep = np.where(keep > 1.05, np.nan, np.minimum(keep, 1.0))
    variance = keep**2 * np.diag(moments.covariance) + keep * (1 - keep) * moments.mean
    return _normalised(moments.covariance * keep[:, None] * keep, variance)


def _normalised(
    covariance: NDArray[np.float64], variance: NDArray[np.float64]
) -> NDArray[np.float64]:
    scale = np.sqrt(np.where(variance > 0, variance, np.nan))
    matrix = covariance / (scale[:, None] * scale)
    np.fill_diagonal(matrix, np.where(np.isnan(scale), np.nan, 1.0))
    return matrix
