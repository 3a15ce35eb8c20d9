"""Columns of the tables of curves and clusters, and how they are made of rows."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.compare.families import holm
from pipeline.compare.tables import from_rows

#: said where Holm and the floor leave no room
OUT_OF_REACH = "the smallest p that so many animals allow, times the {n} tests, is above alpha"

#: one curve of a cell; ``axis`` is the position in the axis' unit
_CELL = {
    "region": "str",
    "modifier": "str",
    "level": "str",
    "condition": "str",
    "step": "int64",
    "phase": "str",
    "baseline_rule": "str",
}

#: columns of ``Curves.means``: over experimental units, with the interval of their mean (t, NaN
#: below three units)
CURVE_MEANS = {
    **_CELL,
    "axis": "float64",
    "mean": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "n_units": "int64",
    "n_animals": "int64",
}

#: columns of ``Curves.units``: what the means are made of
CURVE_UNITS = {**_CELL, "unit": "str", "axis": "float64", "value": "float64"}

#: columns of ``Curves.clusters``: one row per cluster, or one without start and stop for a test
#: that found none or was not made. ``p`` is the cluster's, ``test_p`` the smallest of its test (1
#: without a cluster), ``test_p_adjusted`` that by Holm over the ``n_tests`` of its region, phase,
#: modifier, condition and family; ``from`` and ``to`` bound what was tested
CLUSTERS = {
    "region": "str",
    "family": "str",
    "contrast": "str",
    "condition": "str",
    "reference_condition": "str",
    "modifier": "str",
    "level": "str",
    "reference_level": "str",
    "phase": "str",
    "step": "int64",
    "start": "float64",
    "stop": "float64",
    "estimate": "float64",
    "mass": "float64",
    "p": "float64",
    "floor": "float64",
    "test_p": "float64",
    "test_p_adjusted": "float64",
    "n_tests": "int64",
    "threshold_t": "float64",
    "from": "float64",
    "to": "float64",
    "n_animals": "int64",
    "n_units": "int64",
    "n_smallest_group": "int64",
    "note": "str",
}


def with_adjusted(rows: Sequence[Mapping[str, Any]], *, alpha: float) -> list[dict[str, Any]]:
    """Add Holm over the tests of a family; a test may have several rows."""
    # per condition: with eight animals no p of a family of nine could reach 0.05
    family = ("region", "phase", "modifier", "family", "condition")
    test = (*family, "level", "step")
    tests: dict[tuple, dict[tuple, float]] = defaultdict(dict)
    for row in rows:
        if np.isfinite(row["test_p"]):
            tests[tuple(row[k] for k in family)][tuple(row[k] for k in test)] = row["test_p"]
    adjusted: dict[tuple, float] = {}
    for members in tests.values():
        values = holm(np.array(list(members.values())))
        adjusted |= dict(zip(members, map(float, values), strict=True))
    out = []
    for row in rows:
        n_tests = len(tests.get(tuple(row[k] for k in family), ()))
        its_adjusted = adjusted.get(tuple(row[k] for k in test), math.nan)
        note = row["note"]
        if row["floor"] <= alpha < row["floor"] * n_tests:
            note = f"{note}; {OUT_OF_REACH.format(n=n_tests)}"
        more = {"test_p_adjusted": its_adjusted, "n_tests": n_tests, "note": note}
        out.append(dict(row) | more)
    return out


def long_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> pd.DataFrame:
    """One row per point, of rows whose columns along the axis are arrays."""
    if not rows:
        return from_rows([], columns)
    sizes = [len(row["axis"]) for row in rows]
    table = {
        name: np.concatenate(
            [
                value if isinstance(value, np.ndarray) else np.repeat(np.array([value]), size)
                for value, size in zip((row[name] for row in rows), sizes, strict=True)
            ]
        )
        for name in columns
    }
    return pd.DataFrame(table).astype(dict(columns))
