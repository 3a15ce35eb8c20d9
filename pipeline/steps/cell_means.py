"""Means over the experimental units with their intervals, for the cohort's tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline.experiment.plan import AnalysisPlan

#: units that an interval needs, as in the figures
MINIMUM_UNITS = 3


def cell_means(
    animals: pd.DataFrame, keys: Sequence[str], values: Sequence[str], plan: AnalysisPlan
) -> pd.DataFrame:
    """Means over the experimental units' own values, with t intervals of these means.

    They are symmetrical: those of shares can go below 0 and above 1 (figures end them there).

    Parameters
    ----------
    animals : DataFrame
        With ``unit``, the keys and the values; missing values are left out. Animals of one unit (a
        cage) are averaged first.
    keys, values : sequence of str
        Columns.
    plan : AnalysisPlan
        ``alpha`` sets the level.

    Returns
    -------
    DataFrame
        The keys, and per value its mean under its own name, ``_low`` and ``_high`` (NaN below
        three units) and ``_n`` (units).
    """
    from scipy.special import stdtrit

    units = animals.groupby([*keys, "unit"], sort=True, dropna=False)[list(values)].mean()
    grouped = units.groupby(level=list(range(len(keys))), sort=True, dropna=False)
    mean, sd, n = grouped.mean(), grouped.std(), grouped.count()
    parts = {}
    for name in values:
        enough = n[name] >= MINIMUM_UNITS
        quantile = stdtrit(n[name].where(enough, 2) - 1, 1 - plan.alpha / 2)
        half = np.where(enough, quantile * sd[name] / np.sqrt(n[name].clip(lower=1)), np.nan)
        parts |= {
            name: mean[name],
            f"{name}_low": mean[name] - half,
            f"{name}_high": mean[name] + half,
            f"{name}_n": n[name],
        }
    return pd.DataFrame(parts).reset_index()
