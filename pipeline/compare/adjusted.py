"""Planned contrasts per animal with covariates: baseline, movement.

The scores of :mod:`pipeline.compare.per_animal` are regressed on the same contrast of the
covariate. Within animals that is the analysis of differences on differences, in which a covariate
that differs between sessions cannot leak between animals into the effect (Kenward & Roger 2010,
Biostatistics 11:1); between animals it is the analysis of covariance. The effect is read where the
covariate does not differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.compare.per_animal import (
    MINIMUM_TO_TEST,
    NO_VARIATION,
    TOO_FEW,
    Estimate,
    Group,
    effect_size,
    t_test,
)

ADJUSTED_MODEL = "per-animal regression on {}"


def estimate_adjusted(
    groups: Sequence[Group], covariates: Sequence[np.ndarray], *, alpha: float, named: str
) -> Estimate:
    """Estimate and test a contrast at no difference in the covariate.

    Ordinary least squares of the scores on the groups and one common slope, by statsmodels.

    Parameters
    ----------
    groups : sequence of Group
        As for :func:`pipeline.compare.per_animal.estimate`.
    covariates : sequence of ndarray (n,) or (n, k)
        The score of every unit of every group in one covariate, or in several.
    alpha : float
        Of the intervals.
    named : str
        The covariate, in words.

    Returns
    -------
    Estimate
        ``problem`` is set for fewer than three units in a group, and where the covariate has the
        same value in all units of every group (nothing can be adjusted).
    """
    from statsmodels.regression.linear_model import OLS

    model = ADJUSTED_MODEL.format(named)
    covariates = [c if c.ndim == 2 else c[:, None] for c in covariates]
    usable = [np.isfinite(covariate).all(axis=1) for covariate in covariates]
    n = np.array([int(mask.sum()) for mask in usable])
    if not len(n) or (n == 0).any():
        return Estimate(model=model, problem=f"no {named} to adjust for")
    if (n < MINIMUM_TO_TEST).any():
        return Estimate(model=model, problem=TOO_FEW)
    scores = np.concatenate([g.scores[mask] for g, mask in zip(groups, usable, strict=True)])
    covariate = np.concatenate([c[mask] for c, mask in zip(covariates, usable, strict=True)])
    index = np.repeat(np.arange(len(n)), n)
    x = np.column_stack([index[:, None] == np.arange(len(n)), covariate]).astype(float)
    if np.linalg.matrix_rank(x) < x.shape[1]:
        return Estimate(model=model, problem=f"{named} does not vary within the groups")
    if len(scores) <= x.shape[1]:
        return Estimate(model=model, problem=TOO_FEW)
    fit = OLS(scores, x).fit()
    weights = np.append([group.weight for group in groups], np.zeros(covariate.shape[1]))
    value = float(weights @ fit.params)
    se = float(np.sqrt(weights @ fit.cov_params() @ weights))
    leverage = fit.get_influence().hat_matrix_diag
    # deletion formula (Cook 1977); who alone fixes the slope cannot be left out
    apart = np.where(leverage < 1 - 1e-9, 1 - leverage, np.nan)
    without = value - (weights @ fit.normalized_cov_params @ x.T) * fit.resid / apart
    known: dict[str, Any] = {
        "estimate": value,
        "leave_one_out_low": float(np.nanmin(without)),
        "leave_one_out_high": float(np.nanmax(without)),
    }
    size = max(float(np.abs(scores).max()), *(group.size for group in groups))
    if se <= 1e-12 * size:
        return Estimate(**known, model=model, problem=NO_VARIATION)
    variance = np.full(len(n), fit.mse_resid)
    return Estimate(
        **known,
        **t_test(value, se, float(fit.df_resid), alpha),
        **effect_size(value, n, variance),
        model=model,
    )


def adjusted_scores(groups: Sequence[Group], covariates: Sequence[np.ndarray]) -> list[Group]:
    """Return the groups with the covariate's common slope taken out of the scores.

    For the permutation companion, which then permutes what the covariate does not explain.
    """
    kept = [np.isfinite(covariate) for covariate in covariates]
    centred_scores = [g.scores[k] - g.scores[k].mean() for g, k in zip(groups, kept, strict=True)]
    centred = [c[k] - c[k].mean() for c, k in zip(covariates, kept, strict=True)]
    y, x = np.concatenate(centred_scores), np.concatenate(centred)
    slope = float(x @ y / (x @ x)) if x @ x > 0 else 0.0
    return [
        Group(g.weight, g.units[k], g.scores[k] - slope * c[k], g.label)
        for g, c, k in zip(groups, covariates, kept, strict=True)
    ]
