"""One outcome in one phase, arranged for one question: what every engine starts from.

A slice holds the analysed values as an array (unit, condition, step, level). The unit is the
experimental unit of the plan (animal or cage). Replicate sessions of one cell are averaged per
animal; for a modifier other than ``context`` the contexts are averaged per animal, who must have
all the contexts that the slice has; a cage is the mean of its animals.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pipeline.errors import InputError
from pipeline.experiment.plan import AnalysisPlan, PlanQuestion

#: what identifies a slice besides its modifier
KEYS = ("outcome", "phase", "split", "split_level")
#: columns that an arranged slice is made of, besides unit, level and the analysed values
_KEPT = (
    *KEYS,
    "animal",
    "session",
    "condition",
    "step",
    "context",
    "since_dose_s",
    "since_dose_first_s",
    "since_dose_last_s",
    "seconds",
    "n_entities",
    "period",
    "censored",
    "cohort",
    "sex",
    "stage",
    "dosing_context",
    "days_since_previous",
)
#: arrays of a slice, and the columns that they are the cell means of
_ARRAYS = {
    "value": "analysed",
    "other": "other",
    "since_dose": "since_dose_s",
    "period": "period",
    "baseline": "baseline",
    "movement": "movement",
    "time": "time",
    "late": "censored",
}
#: what is the same in all rows of an outcome
DECLARED = ("domain", "priority", "scale", "value_unit", "other_scale", "baseline_rule")
NO_PRETREATMENT = "none"
#: condition of rows that no test administration came before
NO_CONDITION = "none"

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Rows:
    """Columns of the slice's outcome rows as arrays (row,), codes index the slice's labels."""

    unit: np.ndarray
    animal: np.ndarray
    session: np.ndarray
    condition: np.ndarray
    step: np.ndarray
    level: np.ndarray
    n_entities: np.ndarray
    period: np.ndarray
    censored: np.ndarray
    bounded: np.ndarray
    since_first: np.ndarray
    since_last: np.ndarray
    seconds: np.ndarray
    cohort: np.ndarray
    sex: np.ndarray
    stage: np.ndarray
    dosing_context: np.ndarray
    days_since: np.ndarray


@dataclass(frozen=True)
class Slice:
    """Analysed values of one outcome, phase and split, for one modifier.

    Attributes
    ----------
    key : dict
        outcome, phase, split, split_level.
    modifier, reference_level : str
        The question.
    declared : dict
        domain, priority, scale, value_unit, other_scale, baseline_rule of the outcome.
    units, conditions, levels, contexts : tuple of str
        Labels of the axes; ``contexts`` are those averaged over (empty for modifier context).
    steps : tuple of int
        Steps met.
    value, other, since_dose : ndarray (unit, condition, step, level)
        Analysed value, the same on the other scale, seconds since the dose; NaN where missing.
    period, baseline, movement : ndarray (unit, condition, step, level)
        Place of the session in the animal's order (the mean, if replicates were averaged), baseline
        where it is a covariate, mean speed (cm/s); NaN where missing.
    occasion : ndarray (unit, condition, step, level, period)
        Share of the cell's sessions in each period; NaN where the period is unknown.
    time, late : ndarray (unit, condition, step, level)
        Time as it was recorded, and the share of its values that are censored.
    present : ndarray of bool (unit, condition, step, level)
        Whether the unit has any row there (its value is missing if it lacks a context).
    rows : Rows
        The rows behind them.
    n_without_level : int
        Rows that have no level of the modifier, and are left out.
    restricted_at : float
        Tau of a restricted mean, NaN if nothing is censored.
    """

    key: dict[str, str]
    modifier: str
    reference_level: str
    declared: dict[str, str]
    units: tuple[str, ...]
    conditions: tuple[str, ...]
    steps: tuple[int, ...]
    levels: tuple[str, ...]
    contexts: tuple[str, ...]
    value: np.ndarray
    other: np.ndarray
    since_dose: np.ndarray
    period: np.ndarray
    occasion: np.ndarray
    baseline: np.ndarray
    movement: np.ndarray
    time: np.ndarray
    late: np.ndarray
    present: np.ndarray
    rows: Rows
    n_without_level: int
    restricted_at: float
    unit_kind: str = field(default="animal")


def levels_of(table: pd.DataFrame, modifier: str, plan: AnalysisPlan) -> pd.Series:
    """Return every row's level of a modifier, "" where it has none.

    The level of ``pretreatment`` comes with the row's condition as the plan declares it
    (``none`` without one), not from the text of a table.

    Raises
    ------
    InputError
        If the outcomes have no such column.
    """
    if modifier == "pretreatment":
        declared = {c.name: c.pretreatment or NO_PRETREATMENT for c in plan.conditions}
        return table["condition"].map(declared).fillna("")
    if modifier not in table.columns:
        raise InputError(
            f"design.questions: modifier: found {modifier!r}; expected context, dosing_context, "
            "pretreatment, stage, sex or a column of sessions.tsv (outcomes have no such column)"
        )
    column = table[modifier]
    return column.astype("str").where(column.notna(), "").astype("str")


def units_of(table: pd.DataFrame, plan: AnalysisPlan) -> pd.Series:
    """Return the experimental unit of every row.

    Raises
    ------
    InputError
        If the unit is the cage and an animal has none, or several.
    """
    if plan.unit == "cage":
        homeless = table.loc[table["cage"] == "", "animal"]
        if len(homeless):
            raise InputError(
                f"sessions.tsv: column cage: found a blank for animal {homeless.iloc[0]}; expected "
                "a cage, because design.unit is cage"
            )
        moved = table.drop_duplicates(["animal", "cage"])["animal"]
        if moved.duplicated().any():
            raise InputError(
                f"sessions.tsv: column cage: found several for animal "
                f"{moved[moved.duplicated()].iloc[0]}; expected one, because design.unit is cage"
            )
        return table["cage"]
    return table["animal"]


def columns_of(outcomes: pd.DataFrame, units: pd.Series, values: pd.DataFrame) -> Columns:
    """Return what :func:`arrange` needs as plain arrays, from which many slices are cut.

    ``values`` has the columns of ``analysis_values`` and of ``covariates``.
    """
    kept = outcomes[list(_KEPT)].assign(unit=units, time=outcomes["value"], **values)
    columns = {name: kept[name].to_numpy() for name in kept}
    return columns | {"period": kept["period"].to_numpy(dtype=float, na_value=np.nan)}


def arrange(
    column: Columns,
    key: dict[str, str],
    declared: dict[str, str],
    question: PlanQuestion,
    plan: AnalysisPlan,
) -> Slice:
    """Arrange the rows of one slice.

    Parameters
    ----------
    column : dict of ndarray (row,)
        Rows of one key from :func:`columns_of`, with ``level`` (of the question's modifier); may
        be empty.
    key : dict
        outcome, phase, split, split_level.
    declared : dict
        domain, priority, scale, value_unit, other_scale, baseline_rule of the outcome.
    question : PlanQuestion
        Modifier, reference level, order of the levels.
    plan : AnalysisPlan
        Order of the conditions; the unit.

    Returns
    -------
    Slice
    """
    # before any dose, and in the control period of a sham, no condition is on board
    given = column["condition"] != NO_CONDITION
    column = {name: values[given] for name, values in column.items()}
    labelled = column["level"] != ""
    column = {name: values[labelled] for name, values in column.items()}
    met = set(column["level"])
    wanted = [name or NO_PRETREATMENT for name in (question.reference, *question.levels)]
    order = [*dict.fromkeys(wanted), *sorted(met - set(wanted))]
    levels = tuple(level for level in order if level in met)
    declared_conditions = [condition.name for condition in plan.conditions]
    undeclared = sorted(set(column["condition"]) - set(declared_conditions))
    conditions = (*declared_conditions, *undeclared)
    steps = tuple(sorted(int(step) for step in set(column["step"])))
    averaged = question.modifier != "context"
    contexts = _common_contexts(column) if averaged else ()
    if averaged:
        kept = np.isin(column["context"], contexts)
        column = {name: values[kept] for name, values in column.items()}
    animals, units = (tuple(sorted(set(column[name]))) for name in ("animal", "unit"))
    at = {
        "unit": _codes(column["unit"], units),
        "animal": _codes(column["animal"], animals),
        "condition": _codes(column["condition"], conditions),
        "step": _codes(column["step"], steps),
        "level": _codes(column["level"], levels),
    }
    context = _codes(column["context"], contexts) if averaged else np.zeros_like(at["unit"])
    cell = (at["animal"], at["condition"], at["step"], at["level"], context)
    shape = (len(animals), len(conditions), len(steps), len(levels), len(contexts) or 1)
    unit_of_animal = np.zeros(len(animals), dtype=int)
    unit_of_animal[at["animal"]] = at["unit"]
    mates = _mates(_cell_means(column["analysed"], cell, shape).mean(axis=-1), unit_of_animal)

    def gathered(values: np.ndarray) -> np.ndarray:
        by_animal = _cell_means(values, cell, shape).mean(axis=-1)
        return _by_unit(np.where(mates, by_animal, np.nan), unit_of_animal, len(units))

    periods = np.unique(column["period"][np.isfinite(column["period"])])
    share = [np.where(np.isnan(column["period"]), np.nan, column["period"] == p) for p in periods]
    empty = np.zeros((len(units), *shape[1:-1], 0))
    present = np.zeros((len(units), *shape[1:-1]), dtype=bool)
    present[at["unit"], at["condition"], at["step"], at["level"]] = True
    return Slice(
        key=key,
        modifier=question.modifier,
        reference_level=question.reference or NO_PRETREATMENT,
        declared=declared,
        units=units,
        conditions=conditions,
        steps=steps,
        levels=levels,
        contexts=contexts,
        **{field: gathered(column[name]) for field, name in _ARRAYS.items()},
        occasion=np.stack([gathered(part) for part in share], axis=-1) if share else empty,
        present=present,
        rows=_rows(column, at),
        n_without_level=int((~labelled).sum()),
        restricted_at=float(column["restricted_at"][0]) if labelled.any() else float("nan"),
        unit_kind=plan.unit,
    )


def _codes(values: np.ndarray, labels: tuple) -> np.ndarray:
    """Index of every value among the labels."""
    index = {label: code for code, label in enumerate(labels)}
    return np.array([index[value] for value in values], dtype=np.intp)


def _cell_means(values: np.ndarray, cell: tuple, shape: tuple[int, ...]) -> np.ndarray:
    """Mean per cell over replicate sessions; NaN for an empty cell."""
    flat = np.ravel_multi_index(cell, shape) if len(values) else np.zeros(0, dtype=int)
    size = int(np.prod(shape))
    count = np.bincount(flat, minlength=size)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(flat, weights=values, minlength=size) / count
    return mean.reshape(shape)


def _common_contexts(column: Columns) -> tuple[str, ...]:
    """Contexts that are averaged over: those that at least half of the animals have.

    A stray session in another context would otherwise leave nobody with all of them.
    """
    n_animals = len(set(column["animal"]))
    met = sorted(set(column["context"]))
    have = [len(set(column["animal"][column["context"] == context])) for context in met]
    return tuple(name for name, n in zip(met, have, strict=True) if 2 * n >= n_animals)


def _mates(by_animal: np.ndarray, unit_of_animal: np.ndarray) -> np.ndarray:
    """Which cells (animal, ...) enter the mean of their unit, so that its composition is constant.

    Animals with every cell that the unit has; if there is none, cells that all its animals have.
    A cage whose mates lack different cells would otherwise compare one mate with another.
    """
    have = ~np.isnan(by_animal)
    used = np.zeros_like(have)
    for unit in np.unique(unit_of_animal):
        members = np.flatnonzero(unit_of_animal == unit)
        every = have[members].any(axis=0)
        whole = members[(have[members] | ~every).reshape(len(members), -1).all(axis=1)]
        used[whole] = have[whole]
        if not len(whole):
            used[members] = have[members].all(axis=0)
    return used


def _by_unit(by_animal: np.ndarray, unit_of_animal: np.ndarray, n_units: int) -> np.ndarray:
    """Mean over the animals of each unit that have the cell."""
    have = ~np.isnan(by_animal)
    total = np.zeros((n_units, *by_animal.shape[1:]))
    count = np.zeros_like(total)
    np.add.at(total, unit_of_animal, np.where(have, by_animal, 0.0))
    np.add.at(count, unit_of_animal, have)
    with np.errstate(invalid="ignore"):
        return total / count


def _rows(column: Columns, at: Columns) -> Rows:
    sessions = tuple(dict.fromkeys(column["session"]))
    return Rows(
        **at,
        session=_codes(column["session"], sessions),
        n_entities=column["n_entities"],
        period=column["period"],
        censored=column["censored"],
        bounded=column["bounded"],
        since_first=column["since_dose_first_s"],
        since_last=column["since_dose_last_s"],
        seconds=column["seconds"],
        cohort=column["cohort"],
        sex=column["sex"],
        stage=column["stage"],
        dosing_context=column["dosing_context"],
        days_since=column["days_since_previous"],
    )
