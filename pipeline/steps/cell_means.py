"""Rows of the animals and means over the experimental units, for the cohort's tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.experiment.plan import AnalysisPlan

#: whose rows a row is about, in every table of animals
WHO = ("part", "unit", "animal")
#: condition of what was measured before, or without, any dose
NONE = "none"
#: units that an interval needs, as in the figures
MINIMUM_UNITS = 3


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Columns of a table of animals.

    Attributes
    ----------
    place, keys : tuple of str
        Cells that are described each on its own.
    values, counts : tuple of str
        What has means with intervals; what has not.
    """

    place: tuple[str, ...]
    keys: tuple[str, ...]
    values: tuple[str, ...]
    counts: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Every column, in order."""
        means = [f"{value}_{what}" for value in self.values for what in ("low", "high", "n")]
        return (*WHO, *self.place, *self.keys, *self.values, *self.counts, "n_sessions", *means)


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
    parts: dict[str, pd.Series] = {}
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


def with_means(animals: pd.DataFrame, columns: Columns, plan: AnalysisPlan) -> pd.DataFrame:
    """Rows of the animals, then the means over them.

    Parameters
    ----------
    animals : DataFrame
        One row per animal, place and key.
    columns : Columns
        What the table has.
    plan : AnalysisPlan
        ``alpha`` sets the level of the intervals.
    """
    if animals.empty:
        return pd.DataFrame(columns=list(columns.all))
    keys = [*columns.place, *columns.keys]
    means = cell_means(animals, keys, columns.values, plan).assign(part="mean")
    table = pd.concat([animals.assign(part="animal"), means], ignore_index=True)
    table = table.reindex(columns=list(columns.all))
    table[["unit", "animal"]] = table[["unit", "animal"]].fillna("")
    return table.sort_values(["part", *keys, "unit", "animal"], kind="stable", ignore_index=True)
