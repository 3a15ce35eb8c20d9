"""What maps of the cohort share: each cell's baseline, and means over animals and of differences.

A map is an array per session and cell (a comodulogram, the spectrum of some minutes). Sessions of
an animal are averaged first, then animals; where a design is crossed, a difference from the
reference is the mean of the animals' own differences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.experiment.plan import AnalysisPlan
from pipeline.report.curve_words import DIFFERENCE, MEAN

#: identity of a session's cell
CELL = ("session", "anchor", "step", "context")


@dataclass(frozen=True, eq=False)
class Maps:
    """Arrays with their keys, row by row.

    Attributes
    ----------
    keys : DataFrame
        One row per array.
    values : ndarray, shape (row, ...)
        NaN where unknown.
    """

    keys: pd.DataFrame
    values: NDArray[np.float64]

    def where(self, chosen: Any) -> Maps:
        """Return the chosen rows."""
        rows = np.asarray(chosen, dtype=bool)
        return Maps(self.keys[rows].reset_index(drop=True), self.values[rows])


def with_design(cells: pd.DataFrame, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Join the condition of each row's anchor and the unit of its session.

    Parameters
    ----------
    cells : DataFrame
        With ``session`` and ``anchor``.
    settings : mapping
        ``anchors`` and ``sessions`` as for :func:`pipeline.steps.cohort.join_design`; while blind
        the conditions are codes already. ``plan`` says whether animals or cages count.

    Returns
    -------
    DataFrame
        With ``condition`` ("" where the anchor has none) and ``unit``.
    """
    kind = settings["plan"]["unit"]
    condition = {row["anchor"]: row["condition"] for row in settings["anchors"]}
    unit = {row["session"]: row[kind] for row in settings["sessions"]}
    return cells.assign(
        condition=cells["anchor"].map(condition).fillna("").astype(str),
        unit=cells["session"].map(unit).astype(str),
    )


def over_baseline(cells: Maps, baselines: Maps, plan: AnalysisPlan) -> Maps:
    """Subtract each cell's baseline; cells without one are left out.

    The rules are those of :mod:`pipeline.compare.baselines`: a session that has any baseline uses
    its own (the anchor's before that of the session's first other dose), another one that of the
    same anchor; in the same context, or in the plan's ``baseline_context``.

    Parameters
    ----------
    cells, baselines : Maps
        On an additive scale (dB, log2), keys with :data:`CELL` and ``region``; of a baseline one
        row per cell and region.
    plan : AnalysisPlan
        ``baseline_context``.
    """
    own = set(baselines.keys["session"])
    found: dict[tuple[Any, ...], list[int]] = {}
    for at, row in enumerate(baselines.keys[[*CELL, "region"]].itertuples(index=False)):
        found.setdefault((row.region, row.context, row.session), []).append(at)
        found.setdefault((row.region, row.context, "", row.anchor), []).append(at)
    steps, anchors = baselines.keys["step"].to_numpy(), baselines.keys["anchor"].to_numpy()
    kept = np.zeros(len(cells.keys), dtype=bool)
    against = np.full(cells.values.shape, np.nan)
    for at, row in enumerate(cells.keys[[*CELL, "region"]].itertuples(index=False)):
        place = row.context if plan.baseline_context == "same" else plan.baseline_context
        if row.session in own:
            rows = found.get((row.region, place, row.session), [])
            exact = [k for k in rows if anchors[k] == row.anchor]
            first = min((steps[k] for k in rows), default=0)
            rows = exact or [k for k in rows if steps[k] == first]
        else:
            rows = found.get((row.region, place, "", row.anchor), [])
        if rows:
            kept[at] = True
            against[at] = np.mean(baselines.values[rows], axis=0)
    return Maps(cells.keys, cells.values - against).where(kept)


def over_units(maps: Maps, groups: Sequence[str], plan: AnalysisPlan) -> Maps:
    """Mean over sessions within a unit, then over units; and differences from the reference.

    Parameters
    ----------
    maps : Maps
        Keys with ``unit``, ``condition``, ``step`` and the groups.
    groups : sequence of str
        What is kept apart beside condition and step.
    plan : AnalysisPlan
        Conditions with their references; while blind none has one.

    Returns
    -------
    Maps
        Keys: ``part`` (MEAN or DIFFERENCE), the groups, ``condition``, ``reference_condition``
        ("" of a mean), ``step``, ``paired`` (a difference within units), ``n_units`` and
        ``n_reference`` (units with any value). A difference is paired wherever any unit has both
        conditions; then only units that have both at a point of the array count there.
    """
    declared = [entry.name for entry in plan.conditions]
    maps = maps.where(maps.keys["condition"].isin(declared))
    cell = [*groups, "step"]
    units = mean_over(maps, [*cell, "condition", "unit"])
    parts = [_described(mean_over(units, [*cell, "condition"], count="n_units"), "", MEAN)]
    for entry in plan.conditions:
        own = units.where(units.keys["condition"] == entry.name)
        other = units.where(units.keys["condition"] == entry.reference)
        if entry.reference is None or not len(own.keys) or not len(other.keys):
            continue
        paired = bool(set(own.keys["unit"]) & set(other.keys["unit"]))
        if paired:
            both = _minus(own, other, [*cell, "unit"])
            found = mean_over(both, cell, count="n_units")
            keys = found.keys.assign(n_reference=found.keys["n_units"])
            found = Maps(keys, found.values)
        else:
            drug = mean_over(own, cell, count="n_units")
            reference = mean_over(other, cell, count="n_reference")
            found = _minus(drug, reference, cell)
        keys = found.keys.assign(condition=entry.name, paired=paired)
        parts.append(_described(Maps(keys, found.values), entry.reference, DIFFERENCE))
    columns = ["part", *groups, "condition", "reference_condition", "step", "paired"]
    columns += ["n_units", "n_reference"]
    keys = pd.concat([part.keys[columns] for part in parts], ignore_index=True)
    values = np.concatenate([part.values for part in parts])
    return Maps(keys, values).where(keys["n_units"] > 0)


def mean_over(maps: Maps, keys: Sequence[str], *, count: str | None = None) -> Maps:
    """Mean of the rows that share keys, point by point over what is known.

    Parameters
    ----------
    maps : Maps
        Rows.
    keys : sequence of str
        Columns of ``maps.keys``; they are sorted.
    count : str, optional
        Column that gets how many of the rows have any value.
    """
    grouped = maps.keys.groupby(list(keys), sort=True)
    number = grouped.ngroup().to_numpy()
    names = grouped.size().index.to_frame(index=False)
    shape = (len(names), *maps.values.shape[1:])
    total, known = np.zeros(shape), np.zeros(shape)
    has = np.isfinite(maps.values)
    np.add.at(total, number, np.where(has, maps.values, 0.0))
    np.add.at(known, number, has)
    values = np.divide(total, known, out=np.full(shape, np.nan), where=known > 0)
    if count is not None:
        any_value = has.any(axis=tuple(range(1, has.ndim)))  # where there are no rows, too
        names = names.assign(**{count: np.bincount(number[any_value], minlength=len(names))})
    return Maps(names, values)


def _minus(own: Maps, other: Maps, keys: list[str]) -> Maps:
    """Differences of the rows that both have."""
    left = own.keys.assign(left=np.arange(len(own.keys)))
    right = other.keys.assign(right=np.arange(len(other.keys)))
    extra = [name for name in map(str, right) if name.startswith("n_")]
    joined = left.merge(right[[*keys, "right", *extra]], on=keys, validate="1:1")
    difference = own.values[joined["left"]] - other.values[joined["right"]]
    return Maps(joined.drop(columns=["left", "right"]), difference)


def _described(maps: Maps, reference: str, part: str) -> Maps:
    keys = maps.keys.assign(part=part, reference_condition=reference)
    for name, value in (("paired", False), ("n_reference", 0)):
        if name not in keys:
            keys[name] = value
    return Maps(keys, maps.values)


def decoded(values: Any) -> list[str]:
    """Return text of a netCDF variable as str."""
    return [one.decode() if isinstance(one, bytes) else str(one) for one in values]
