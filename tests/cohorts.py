"""Synthetic plans, observations and outcomes for tests: plain functions, known truth.

``plan`` and ``metric`` make small declarations; ``observation`` one row of observations.parquet;
``grid`` the rows of a designed cohort without values (who got what, where, when); ``outcomes``
turns values on a grid into an outcomes table; ``simulated`` does so for many cohorts at once, each
an outcome of its own (``power@r000``, ``power@r001``, ...), so that one call of compare judges all.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.compare.tables import OUTCOMES, typed
from pipeline.experiment.plan import AnalysisPlan, PlanBound, PlanCondition, PlanQuestion
from pipeline.metric import Metric

CONTEXTS = ("home_cage", "open_field", "set_shifting")

#: midpoints of the three places in a session's order, seconds after the dose
SLOTS = (600.0, 1800.0, 3000.0)


def condition(name, reference="vehicle", **changes):
    """One condition of the plan; ``reference=None`` makes a reference."""
    fields = {"drug": name, "reference": reference, "is_reference": reference is None}
    return PlanCondition(name=name, **(fields | changes))


def question(modifier="context", levels=CONTEXTS, phases=("acute",)):
    """A question whose reference is the first level."""
    return PlanQuestion(modifier=modifier, reference=levels[0], levels=levels, phases=phases)


def plan(**changes):
    """Psilocybin against vehicle in three contexts, one acute phase, smallest effects 1 and 0.5."""
    fields = {
        "title": "Test",
        "species": "rat",
        "conditions": (condition("vehicle", None), condition("psilocybin")),
        "contexts": CONTEXTS,
        "phases": ("acute",),
        "questions": (question(),),
        "smallest_effect": {"power": PlanBound(drug=1.0, interaction=0.5)},
    }
    return AnalysisPlan(**(fields | changes))


def metric(name="power", **changes):
    """A metric that nothing computes."""
    fields = {
        "label": name,
        "domain": "oscillations",
        "entity": "region",
        "needs": ("spectrum",),
        "value_unit": "uV^2",
        "scale": "linear",
        "description": "",
        "definition": "",
        "reference": "",
    }
    return Metric(name=name, **(fields | changes))


def metrics(*several):
    """Metrics by name; one linear ``power`` if none is given."""
    return {one.name: one for one in several or (metric(),)}


def observation(**changes):
    """One row of observations.parquet: animal A1, vehicle session, one value of 1."""
    row = {
        "session": "S1",
        "animal": "A1",
        "sex": "F",
        "cohort": "1",
        "cage": "C1",
        "stage": "",
        "condition": "vehicle",
        "drug": "saline",
        "dose_mg_per_kg": float("nan"),
        "pretreatment": "",
        "dosing_context": "home_cage",
        "anchor": "A1.1",
        "step": 1,
        "period": 1,
        "context": "home_cage",
        "phase": "acute",
        "interval": 1,
        "start_s": 0.0,
        "stop_s": 600.0,
        "seconds": 600.0,
        "since_dose_s": 600.0,
        "split": "",
        "split_level": "",
        "entity": "region",
        "region": "mPFC",
        "region_b": "",
        "unit_id": "",
        "band": "",
        "metric": "power",
        "value": 1.0,
        "value_unit": "uV^2",
        "censored": False,
        "n_effective": 100.0,
        "n_effective_unit": "windows",
        "previous_condition": "",
        "days_since_previous": float("nan"),
        "n_prior_doses": 0,
    }
    return row | changes


def observations(*rows):
    """Rows of :func:`observation` as a table."""
    return pd.DataFrame(list(rows))


def grid(
    n_animals=8,
    conditions=("vehicle", "psilocybin"),
    levels=CONTEXTS,
    *,
    drug="within",
    modifier="within",
    column="context",
    order="counterbalanced",
    doses="counterbalanced",
):
    """Rows of a designed cohort: one per animal, condition and level that it has.

    Parameters
    ----------
    n_animals : int
        Per group (of the drug, of the modifier, or of both when both are between animals).
    drug, modifier : {"within", "between"}
        What each animal gets.
    column : str
        Column that holds the levels; ``context`` unless another modifier is tested.
    order : {"counterbalanced", "fixed"}
        Order of the levels after the dose.
    doses : {"counterbalanced", "vehicle first"}
        Order of the sessions.
    """
    groups = [
        (some_conditions, some_levels)
        for some_conditions in ([conditions] if drug == "within" else [(c,) for c in conditions])
        for some_levels in ([levels] if modifier == "within" else [(x,) for x in levels])
    ]
    rows = []
    for number, (its_conditions, its_levels) in enumerate(groups):
        for index in range(n_animals):
            animal = f"A{number}{index:02d}"
            for c, name in enumerate(its_conditions):
                turn = c + index if doses == "counterbalanced" else c
                for x, level in enumerate(its_levels):
                    slot = x + index + c if order == "counterbalanced" else x
                    rows.append(
                        {
                            "animal": animal,
                            "session": f"{animal}_{name}",
                            "anchor": f"{animal}.{name}",
                            "cage": f"{number}-{index // 2}",
                            "sex": "FM"[index % 2],
                            "cohort": str(index % 2),
                            "condition": name,
                            "drug": name,
                            "period": 1 + turn % len(its_conditions),
                            "context": CONTEXTS[0],
                            column: level,
                            "since_dose_s": SLOTS[slot % len(SLOTS)],
                        }
                    )
    return pd.DataFrame(rows)


def outcomes(rows, value=None, **columns):
    """Turn a grid into an outcomes table, missing columns filled with defaults.

    ``value`` is one number per row; ``columns`` set or replace any column.
    """
    table = rows.copy()
    for name, content in (({} if value is None else {"value": value}) | columns).items():
        table[name] = content
    defaults = {
        "outcome": "power@mPFC",
        "metric": "power",
        "region": "mPFC",
        "domain": "oscillations",
        "priority": "primary",
        "phase": "acute",
        "scale": "linear",
        "baseline_rule": "none",
        "step": 1,
        "period": 1,
        "n_prior_doses": 0,
        "n_entities": 1,
        "n_entities_unmatched": 0,
        "censored": False,
        "baseline_censored": False,
        "seconds": 600.0,
    }
    for name, kind in OUTCOMES.items():
        if name not in table:
            table[name] = defaults.get(name, "" if kind == "str" else float("nan"))
    for which in ("first", "last"):
        name = f"since_dose_{which}_s"
        table[name] = table[name].fillna(table["since_dose_s"])
    extra = {name: str(table[name].dtype) for name in table.columns if name not in OUTCOMES}
    return typed(table, OUTCOMES | extra)


def simulated(
    rows,
    effect,
    *,
    n_cohorts=200,
    seed=0,
    sd_animal=1.0,
    sd_session=0.2,
    sd_cell=0.2,
    column="context",
):
    """Simulate many cohorts of one design with normal noise.

    Parameters
    ----------
    rows : DataFrame
        From :func:`grid`.
    effect : callable
        ``effect(condition, level, since_dose_s)`` -> true drug effect of a row.
    n_cohorts : int
        Each becomes an outcome ``power@r<number>``.
    sd_animal, sd_session, sd_cell : float
        Standard deviations of animal, animal x session, and cell.

    Returns
    -------
    DataFrame
        An outcomes table with ``n_cohorts`` outcomes.
    """
    rng = np.random.default_rng(seed)
    truth = np.array(
        [
            effect(*one)
            for one in zip(rows["condition"], rows[column], rows["since_dose_s"], strict=True)
        ]
    )
    animal, animals = pd.factorize(rows["animal"])
    session, sessions = pd.factorize(rows["session"])
    value = (
        truth
        + sd_animal * rng.standard_normal((n_cohorts, len(animals)))[:, animal]
        + sd_session * rng.standard_normal((n_cohorts, len(sessions)))[:, session]
        + sd_cell * rng.standard_normal((n_cohorts, len(rows)))
    )
    parts = pd.concat([rows] * n_cohorts, ignore_index=True)
    region = np.repeat([f"r{number:03d}" for number in range(n_cohorts)], len(rows))
    return outcomes(
        parts, value.ravel(), region=region, outcome=[f"power@{name}" for name in region]
    )


def drug(*by_context):
    """True drug effect in each of CONTEXTS, the same at any time since the dose."""
    effects = dict(zip(CONTEXTS, by_context, strict=True))
    return lambda name, level, since: 0.0 if name == "vehicle" else effects[level]


PLACES = ("home_cage", "open_field")


def two_levels(modifier="context", **changes):
    """A plan with one question of two levels."""
    return plan(
        contexts=PLACES, questions=(question(modifier, changes.pop("levels", PLACES)),), **changes
    )


def noise(rows, seed=3):
    """One normal number per row."""
    return np.random.default_rng(seed).normal(size=len(rows))


def contrast(table, kind, level="", **columns):
    """The only row of a kind (in the analysed phase)."""
    rows = table[(table["contrast"] == kind) & (table["level"] == level)]
    rows = rows[rows["family"] != "carry_over"]
    for name, value in columns.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1
    return rows.iloc[0]


def wide(table):
    """Analysed values by animal, condition and context."""
    return table.pivot_table(index="animal", columns=["condition", "context"], values="value")


def same_test(row, result, level=0.95):
    """A row says what a scipy result says."""
    interval = result.confidence_interval(level)
    interval90 = result.confidence_interval(2 * level - 1)
    assert row.statistic == pytest.approx(result.statistic, rel=1e-10)
    assert row.p == pytest.approx(result.pvalue, rel=1e-10)
    assert row.df == pytest.approx(result.df, rel=1e-10)
    assert (row.ci_low, row.ci_high) == pytest.approx(tuple(interval), rel=1e-10)
    assert (row.ci90_low, row.ci90_high) == pytest.approx(tuple(interval90), rel=1e-10)
