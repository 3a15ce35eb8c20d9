"""The per-animal engine: one formula for all planned contrasts.

A contrast is ``sum over groups g of w_g * mean(scores in g)``. Groups are what differs between
animals; a score is a contrast within one animal. Then ``SE^2 = sum w_g^2 s_g^2 / n_g``, with
Welch-Satterthwaite degrees of freedom. One group makes it the one-sample t, two the Welch t, four
the contrast of four means with unequal variances. A within-animal contrast of one value per animal
needs no assumption about the covariance of the contexts.

Source: Welch 1947 (Biometrika 34:28), Satterthwaite 1946 (Biometrics Bull 2:110).

The mixed-model engine (contrasts with missing cells, covariates, omnibus tests) stands beside this
one and returns the same :class:`Estimate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

#: animals per group below which nothing is tested (and 5 are needed for a verdict)
MINIMUM_TO_TEST = 3

#: problem of an estimate without a test
TOO_FEW = f"fewer than {MINIMUM_TO_TEST} in a cell: not tested"

NO_VARIATION = "no variation between animals: not tested"

_COUNTS = {3: "three", 4: "four", 6: "six", 8: "eight"}
_NAN = float("nan")


@dataclass(frozen=True)
class Group:
    """Animals that do not differ in any between-animal factor.

    Attributes
    ----------
    weight : float
        Of the group's mean in the contrast.
    units : ndarray of int (n,)
        The experimental units.
    scores : ndarray (n,)
        One within-unit contrast each.
    label : str
        What the group is, in words.
    size : float
        Largest absolute value behind the scores, to tell a variance from rounding.
    """

    weight: float
    units: np.ndarray
    scores: np.ndarray
    label: str = ""
    size: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What an engine says about one contrast; NaN where it cannot."""

    estimate: float = _NAN
    se: float = _NAN
    df: float = _NAN
    statistic: float = _NAN
    p: float = _NAN
    ci_low: float = _NAN
    ci_high: float = _NAN
    ci90_low: float = _NAN
    ci90_high: float = _NAN
    effect_size: float = _NAN
    effect_size_kind: str = ""
    leave_one_out_low: float = _NAN
    leave_one_out_high: float = _NAN
    singular: bool = False
    model: str = ""
    problem: str = ""


def estimate(groups: Sequence[Group], *, alpha: float) -> Estimate:
    """Estimate and test one contrast.

    Parameters
    ----------
    groups : sequence of Group
        At least one; a group may be empty (then there is no estimate).
    alpha : float
        The intervals cover 1 - alpha and, for two one-sided tests at alpha, 1 - 2 alpha.

    Returns
    -------
    Estimate
        effect_size is d_z (mean over standard deviation of the scores) for one group, else the
        contrast over the pooled standard deviation of the scores with Hedges' small-sample factor
        (Hedges 1981, J Educ Stat 6:107). Groups of fewer than three are estimated, not tested.
    """
    model = model_name(len(groups))
    n = np.array([len(group.scores) for group in groups])
    if not len(n) or (n == 0).any():
        empty = [group.label for group in groups if len(group.scores) == 0]
        return Estimate(model=model, problem=f"no data: {', '.join(empty)}" if empty else "no data")
    weight = np.array([group.weight for group in groups])
    mean = np.array([group.scores.mean() for group in groups])
    value = float(weight @ mean)
    low, high = _leave_one_out(groups, value)
    known: dict[str, Any]
    known = {"estimate": value, "leave_one_out_low": low, "leave_one_out_high": high}
    if (n < MINIMUM_TO_TEST).any():
        return Estimate(**known, model=model, problem=TOO_FEW)
    variance = np.array([group.scores.var(ddof=1) for group in groups])
    parts = weight**2 * variance / n
    se = float(np.sqrt(parts.sum()))
    size = max(max(float(np.abs(group.scores).max()), group.size) for group in groups)
    if se <= 1e-12 * size or se == 0:
        return Estimate(**known, model=model, problem=NO_VARIATION)
    df = float(parts.sum() ** 2 / (parts**2 / (n - 1)).sum())
    return Estimate(
        **known,
        **t_test(value, se, df, alpha),
        **effect_size(value, n, variance),
        model=model,
    )


#: names of the tests of this module without covariates
PLAIN_MODELS = (
    "per-animal t",
    "Welch t",
    *(f"{n}-mean Welch t" for n in ("three", "four", "six", "eight")),
)


def model_name(n_groups: int) -> str:
    """Return what the test is called."""
    if n_groups < 2:
        return "per-animal t"
    if n_groups == 2:
        return "Welch t"
    return f"{_COUNTS.get(n_groups, n_groups)}-mean Welch t"


def t_test(value: float, se: float, df: float, alpha: float) -> dict[str, Any]:
    """Return test and intervals of an estimate, as fields of an Estimate."""
    from scipy.special import stdtr, stdtrit

    t = value / se
    half, half90 = (float(stdtrit(df, 1 - tail)) * se for tail in (alpha / 2, alpha))
    return {
        "se": se,
        "df": df,
        "statistic": t,
        "p": float(2 * stdtr(df, -abs(t))),
        "ci_low": value - half,
        "ci_high": value + half,
        "ci90_low": value - half90,
        "ci90_high": value + half90,
    }


def effect_size(value: float, n: np.ndarray, variance: np.ndarray) -> dict[str, Any]:
    """Return the standardised effect of groups (n and variance of each), as Estimate's fields."""
    df = (n - 1).sum()
    pooled = float(np.sqrt(((n - 1) * variance).sum() / df))
    if len(n) == 1:
        return {"effect_size": value / pooled, "effect_size_kind": "d_z"}
    correction = 1 - 3 / (4 * df - 1)
    return {"effect_size": correction * value / pooled, "effect_size_kind": "Hedges g"}


def _leave_one_out(groups: Sequence[Group], value: float) -> tuple[float, float]:
    """Smallest and largest estimate without one animal."""
    without = [
        value + group.weight * (group.scores.mean() - group.scores) / (len(group.scores) - 1)
        for group in groups
        if len(group.scores) > 1
    ]
    if len(without) < len(groups):
        return _NAN, _NAN
    everyone = np.concatenate(without)
    return float(everyone.min()), float(everyone.max())


def estimate_at_equal_time(
    groups: Sequence[Group], lags: Sequence[np.ndarray], *, alpha: float
) -> Estimate:
    """Estimate a contrast as if both levels had been visited equally long after the dose.

    In each group the scores are regressed on the animals' lags (least squares); the intercept is
    the score at lag zero. Intercepts are combined like means, each with n - 2 degrees of freedom.

    Parameters
    ----------
    groups : sequence of Group
        Differences between two levels.
    lags : sequence of ndarray (n,)
        Per animal, seconds since the dose at the level minus those at the reference level.
    alpha : float
        As in :func:`estimate`.

    Returns
    -------
    Estimate
        ``problem`` is set where the lags are not on both sides of zero, or too few animals.
    """
    from scipy.stats import linregress

    model = "per-animal regression on time since dose"
    fits = []
    for group, lag in zip(groups, lags, strict=True):
        usable = np.isfinite(lag)
        if usable.sum() < 4 or not (lag[usable].min() < 0 < lag[usable].max()):
            return Estimate(model=model, problem="the order of the levels is not counterbalanced")
        fits.append((group.weight, group.scores[usable], lag[usable]))
    lines = [linregress(lag, scores) for _, scores, lag in fits]
    weight = np.array([w for w, _, _ in fits])
    value = float(weight @ [line.intercept for line in lines])
    without = [
        value + w * _intercept_shifts(scores, lag, line.slope, line.intercept)
        for (w, scores, lag), line in zip(fits, lines, strict=True)
    ]
    known: dict[str, Any] = {
        "estimate": value,
        "leave_one_out_low": float(np.nanmin(np.concatenate(without))),
        "leave_one_out_high": float(np.nanmax(np.concatenate(without))),
    }
    parts = (weight * [line.intercept_stderr for line in lines]) ** 2
    se = float(np.sqrt(parts.sum()))
    size = max(float(np.abs(s).max()) for _, s, _ in fits)
    if se <= 1e-12 * size or se == 0:
        return Estimate(**known, model=model, problem=NO_VARIATION)
    n = np.array([len(s) for _, s, _ in fits])
    df = float(parts.sum() ** 2 / (parts**2 / (n - 2)).sum())
    return Estimate(**known, **t_test(value, se, df, alpha), model=model)


def _intercept_shifts(
    scores: np.ndarray, lag: np.ndarray, slope: float, intercept: float
) -> np.ndarray:
    """Change of the intercept (n,) without each animal (deletion formula: Cook 1977)."""
    centred = lag - lag.mean()
    spread = centred @ centred
    n = len(lag)
    leverage = 1 / n + centred**2 / spread
    pull = 1 / n - lag.mean() * centred / spread
    residual = scores - intercept - slope * lag
    # an animal that alone fixes the slope (leverage 1) cannot be left out
    return -pull * residual / np.where(leverage < 1 - 1e-9, 1 - leverage, np.nan)
