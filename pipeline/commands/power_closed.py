"""Power in closed form: a check of the simulation that shares no code with it.

For complete designs with equal groups and normal values. ``per_animal`` is the engine's own test:
the one-sample t (noncentral t, exactly) or Welch's t with its random degrees of freedom, for which
the group variances are integrated out. ``pooled`` is the noncentral t of a balanced mixed model,
whose error has the degrees of freedom of all levels; ``omnibus`` the noncentral F of the same.
None of them knows Holm: they are compared with the share of unadjusted p below alpha.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from pipeline.commands.power_design import Design, Variances, cell_covariance, coefficients

if TYPE_CHECKING:
    import numpy as np

#: points at which the group variances are taken; error below 0.001 for up to four groups
_POINTS = 2**13


@dataclass(frozen=True)
class Setting:
    """One point of the grid: design, components, animals per group, entities per cell."""

    design: Design
    variances: Variances
    animals: int
    units: float


def contrast_terms(setting: Setting, weights: np.ndarray) -> np.ndarray:
    """Variance of the contrast's estimate that each group of animals brings.

    Parameters
    ----------
    setting : Setting
        Where.
    weights : ndarray (condition, level)
        The contrast.

    Returns
    -------
    ndarray (group,)
        Groups that the contrast needs; their sum is the squared standard error.
    """
    import numpy as np

    covariance = cell_covariance(setting.design, setting.variances, setting.units)
    groups = setting.design.groups()
    parts = []
    for group in np.unique(groups[weights != 0]):
        part = np.where(groups == group, weights, 0.0).ravel()
        parts.append(part @ covariance @ part / setting.animals)
    return np.array(parts)


def per_animal(
    effect: float,
    terms: np.ndarray,
    animals: int,
    *,
    alpha: float = 0.05,
    bound: float | None = None,
) -> float:
    """Power of the per-animal t, or of two one-sided tests where a bound is given.

    Parameters
    ----------
    effect : float
        True contrast.
    terms : ndarray (group,)
        From :func:`contrast_terms`.
    animals : int
        In each group.
    bound : float, optional
        Equivalence bound: power that the 1 - 2 alpha interval lies inside.

    Returns
    -------
    float
        Given the sums of squares the estimate is normal; their distribution (independent chi
        squares) is integrated on a Sobol lattice.
    """
    import numpy as np
    from scipy.special import ndtr, stdtrit

    df = animals - 1
    parts = terms * _chi_squares(len(terms), df) / df
    se = np.sqrt(parts.sum(axis=1))
    welch = parts.sum(axis=1) ** 2 / (parts**2 / df).sum(axis=1)
    sigma = float(np.sqrt(terms.sum()))
    if bound is None:
        half = stdtrit(welch, 1 - alpha / 2) * se
        power = ndtr((effect - half) / sigma) + ndtr((-effect - half) / sigma)
    else:
        room = bound - stdtrit(welch, 1 - alpha) * se
        inside = ndtr((room - effect) / sigma) - ndtr((-room - effect) / sigma)
        power = np.where(room > 0, inside, 0.0)
    return float(power.mean())


@cache
def _chi_squares(n_groups: int, df: int) -> np.ndarray:
    """Low-discrepancy draws (point, group) of chi squares; the same every time."""
    from scipy.stats import chi2, qmc

    lattice = qmc.Sobol(n_groups, scramble=True, rng=20).random(_POINTS)
    return chi2.ppf(lattice, df)


def noncentral_t(effect: float, se: float, df: float, *, alpha: float = 0.05) -> float:
    """Power of a two-sided t test with a known standard error of the truth."""
    from scipy.stats import nct, t

    critical = t.isf(alpha / 2, df)
    shift = effect / se
    return float(nct.sf(critical, df, shift) + nct.cdf(-critical, df, shift))


def pooled_df(design: Design, animals: int) -> int:
    """Degrees of freedom of the interaction's error in the balanced mixed model."""
    n_conditions, n_levels = design.shape
    drug = n_conditions if design.drug == "between" else n_conditions - 1
    modifier = n_levels if design.modifier == "between" else n_levels - 1
    return drug * modifier * (animals - 1)


def pooled(effect: float, setting: Setting, *, alpha: float = 0.05) -> float:
    """Power of a difference of differences in a balanced mixed model (noncentral t)."""
    import numpy as np

    weights = coefficients(setting.design, "difference_of_differences", 1)
    se = float(np.sqrt(contrast_terms(setting, weights).sum()))
    return noncentral_t(effect, se, pooled_df(setting.design, setting.animals), alpha=alpha)


def omnibus(truth: np.ndarray, setting: Setting, *, alpha: float = 0.05) -> float:
    """Power of the omnibus interaction of a balanced mixed model (noncentral F).

    Parameters
    ----------
    truth : ndarray (condition, level)
        True cell means.
    """
    import numpy as np
    from scipy.stats import f, ncf

    design = setting.design
    n_conditions, n_levels = design.shape
    covariance = cell_covariance(design, setting.variances, setting.units) / setting.animals
    rows = []
    for condition in range(1, n_conditions):
        for level in range(1, n_levels):
            row = np.zeros(design.shape)
            row[condition, level] = row[0, 0] = 1
            row[condition, 0] = row[0, level] = -1
            rows.append(row.ravel())
    contrasts = np.array(rows)
    value = contrasts @ truth.ravel()
    shift = float(value @ np.linalg.solve(contrasts @ covariance @ contrasts.T, value))
    df, error = len(rows), pooled_df(design, setting.animals)
    critical = f.isf(alpha, df, error)
    if shift == 0:
        return alpha
    return float(ncf.sf(critical, df, error, shift))
