"""Times to an event, cell by cell: what the survival figures show."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from pipeline.compare.event_times import checked_times
from pipeline.compare.survival import (
    CURVE,
    common_tau,
    kaplan_meier,
    median_time,
    pseudo_values,
    restricted_mean,
)
from pipeline.compare.tables import OUTCOMES, from_rows, require
from pipeline.experiment.plan import AnalysisPlan

#: what is compared with each other, and so has one tau
_TOGETHER = ("outcome", "phase", "split", "split_level")
#: one cell
_CELL = (*_TOGETHER, "step", "condition", "context")

_KEYS = {name: "int64" if name == "step" else "str" for name in _CELL}

#: columns of ``SurvivalTables.cells``; median is infinite where fewer than half reached the event,
#: restricted_mean is the mean time within the first tau, se is NaN for cages
SURVIVAL_CELLS = {
    **_KEYS,
    "domain": "str",
    "priority": "str",
    "value_unit": "str",
    "n_animals": "int64",
    "n_reached": "int64",
    "n_sessions_left_out": "int64",
    "median": "float64",
    "tau": "float64",
    "restricted_mean": "float64",
    "restricted_se": "float64",
}

#: columns of ``SurvivalTables.steps``: the curve of each cell, a row at 0 and one per time
SURVIVAL_STEPS = {**_KEYS, **CURVE}


@dataclass(frozen=True)
class SurvivalTables:
    """Cells and curves of all outcomes whose scale is ``time_to_event``.

    Attributes
    ----------
    cells : DataFrame
        Columns of :data:`SURVIVAL_CELLS`.
    steps : DataFrame
        Columns of :data:`SURVIVAL_STEPS`.
    """

    cells: pd.DataFrame
    steps: pd.DataFrame


def survival_table(outcomes: pd.DataFrame, plan: AnalysisPlan) -> SurvivalTables:
    """Describe the times to each event, per condition, context and phase (baseline included).

    Times are as measured (no baseline is subtracted), and the first session of every animal in a
    cell is used (see :mod:`pipeline.compare.survival`). Tau is common to all cells of an outcome,
    phase and split (:func:`pipeline.compare.survival.common_tau`). Where the cage is the unit the
    curves are those of the animals and no interval is given: animals of a cage are not independent.

    Parameters
    ----------
    outcomes : DataFrame
        ``Outcomes.table``.
    plan : AnalysisPlan
        Order of the conditions and contexts; alpha; the unit.

    Returns
    -------
    SurvivalTables
        Empty tables where no outcome is a time to an event.

    Raises
    ------
    InputError
        Missing columns; negative or missing times.
    """
    require(outcomes, OUTCOMES, name="outcomes")
    timed = first_sessions(outcomes[outcomes["scale"] == "time_to_event"])
    cells, steps = [], []
    for _, together in timed.groupby(list(_TOGETHER), sort=True):
        parts = list(_parts(together, plan))
        tau = common_tau([(part["value"], part["censored"]) for _, part in parts])
        for key, part in parts:
            cells.append(key | _cell(part, tau, plan))
            steps += [key | row for row in _curve(part, plan)]
    return SurvivalTables(from_rows(cells, SURVIVAL_CELLS), from_rows(steps, SURVIVAL_STEPS))


def first_sessions(timed: pd.DataFrame) -> pd.DataFrame:
    """Return the first session of every animal in each cell, with ``n_sessions`` of the animal.

    First by period (unknown ones last), then by the session's name.
    """
    keys = [*_CELL, "animal"]
    ordered = timed.sort_values([*keys, "period", "session"], kind="stable", na_position="last")
    n_sessions = ordered.groupby(keys, sort=False)["session"].transform("size")
    return ordered.assign(n_sessions=n_sessions).drop_duplicates(keys)


def restricted_outcomes(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return restricted times that can be averaged and compared, also for unequal sessions.

    Pseudo-values of the restricted mean (:func:`pipeline.compare.survival.pseudo_values`), cell by
    cell, up to a tau common to all cells of the outcome, phase and split
    (:func:`pipeline.compare.survival.common_tau`). Where all sessions are equally long these
    are the times restricted at that length. Each replicate session of an animal gets a value.

    Parameters
    ----------
    outcomes : DataFrame
        ``Outcomes.table``.

    Returns
    -------
    DataFrame
        Same index; ``pseudo_value`` (NaN for other scales) and ``tau`` (NaN for other scales, and
        where nothing is censored: then the pseudo-values are the times themselves).

    Raises
    ------
    InputError
        Negative or missing times.
    """
    out = pd.DataFrame({"pseudo_value": math.nan, "tau": math.nan}, index=outcomes.index)
    timed = outcomes[outcomes["scale"] == "time_to_event"]
    for _, together in timed.groupby(list(_TOGETHER), sort=True):
        if not together["censored"].any():
            checked_times(together["value"], together["censored"])
            out.loc[together.index, "pseudo_value"] = together["value"]
            continue
        parts = [part for _, part in together.groupby(list(_CELL), sort=True)]
        tau = common_tau([(part["value"], part["censored"]) for part in parts])
        for part in parts:
            values = pseudo_values(part["value"], part["censored"], tau=tau)
            out.loc[part.index, "pseudo_value"] = values
        out.loc[together.index, "tau"] = tau
    return out


def _parts(
    together: pd.DataFrame, plan: AnalysisPlan
) -> Iterator[tuple[dict[str, object], pd.DataFrame]]:
    """Cells in the order of the plan."""
    conditions = [condition.name for condition in plan.conditions]

    def place(key: tuple) -> tuple:
        named = dict(zip(_CELL, key, strict=True))
        return (
            named["step"],
            _place(named["context"], plan.contexts),
            _place(named["condition"], conditions),
        )

    by = dict(iter(together.groupby(list(_CELL), sort=True)))
    for key in sorted(by, key=place):
        yield dict(zip(_CELL, key, strict=True)), by[key].sort_values("animal", kind="stable")


def _place(name: str, order: list[str] | tuple[str, ...]) -> tuple[int, str]:
    return (order.index(name) if name in order else len(order), name)


def _cell(part: pd.DataFrame, tau: float, plan: AnalysisPlan) -> dict[str, object]:
    mean, se = restricted_mean(part["value"], part["censored"], tau=tau)
    declared = {name: part[name].iloc[0] for name in ("domain", "priority", "value_unit")}
    return declared | {
        "n_animals": len(part),
        "n_reached": int((~part["censored"]).sum()),
        "n_sessions_left_out": int((part["n_sessions"] - 1).sum()),
        "median": median_time(part["value"], part["censored"]),
        "tau": tau,
        "restricted_mean": mean,
        "restricted_se": math.nan if plan.unit == "cage" else se,
    }


def _curve(part: pd.DataFrame, plan: AnalysisPlan) -> list[dict[str, object]]:
    curve = kaplan_meier(part["value"], part["censored"], alpha=plan.alpha)
    if plan.unit == "cage":
        curve[["ci_low", "ci_high"]] = math.nan
    return [{str(name): cell for name, cell in row.items()} for row in curve.to_dict("records")]
