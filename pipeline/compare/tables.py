"""Columns of the tables that compare reads and writes, and how they are typed.

A table of an experiment without observations has the same columns and types as any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from pipeline.errors import InputError

#: what joins a baseline to its value, and a value to its outcome: the series that is measured
SERIES = ("metric", "band", "region", "region_b")

#: one cell of a session: a value of one outcome at one anchor, phase and context
CELL = ("session", "anchor", "step", "phase", "context", "split", "split_level", *SERIES)

#: design columns, constant within a cell
DESIGN = {
    "animal": "str",
    "sex": "str",
    "cohort": "str",
    "cage": "str",
    "stage": "str",
    "condition": "str",
    "drug": "str",
    "dose_mg_per_kg": "float64",
    "pretreatment": "str",
    "dosing_context": "str",
    "period": "Int64",
    "previous_condition": "str",
    "days_since_previous": "float64",
    "n_prior_doses": "Int64",
}

_CELL_TYPES = {name: "int64" if name == "step" else "str" for name in CELL}

#: columns that compare needs of observations.parquet (others are left alone)
OBSERVATIONS = {
    **_CELL_TYPES,
    **DESIGN,
    "unit_id": "str",
    "interval": "int64",
    "seconds": "float64",
    "since_dose_s": "float64",
    "value": "float64",
    "value_unit": "str",
    "censored": "bool",
    "n_effective": "float64",
}

#: columns of outcomes.parquet
OUTCOMES = {
    "outcome": "str",
    "domain": "str",
    "priority": "str",
    "animal": "str",
    "session": "str",
    "sex": "str",
    "cohort": "str",
    "cage": "str",
    "stage": "str",
    "condition": "str",
    "drug": "str",
    "dose_mg_per_kg": "float64",
    "pretreatment": "str",
    "dosing_context": "str",
    "anchor": "str",
    "context": "str",
    "phase": "str",
    "split": "str",
    "split_level": "str",
    "metric": "str",
    "band": "str",
    "region": "str",
    "region_b": "str",
    "step": "int64",
    "period": "Int64",
    "previous_condition": "str",
    "days_since_previous": "float64",
    "n_prior_doses": "Int64",
    "since_dose_s": "float64",
    "since_dose_first_s": "float64",
    "since_dose_last_s": "float64",
    "value": "float64",
    "baseline_value": "float64",
    "censored": "bool",
    "baseline_censored": "bool",
    "scale": "str",
    "value_unit": "str",
    "baseline_rule": "str",
    "baseline_source": "str",
    "other_scale": "str",
    "value_other": "float64",
    "baseline_other": "float64",
    "n_entities": "int64",
    "n_entities_unmatched": "int64",
    "n_effective": "float64",
    "seconds": "float64",
}

#: columns of the table of what did not become an outcome
DROPPED = {
    "outcome": "str",
    "session": "str",
    "animal": "str",
    "condition": "str",
    "step": "int64",
    "phase": "str",
    "context": "str",
    "split": "str",
    "split_level": "str",
    "n_entities": "int64",
    "seconds": "float64",
    "reason": "str",
}

#: columns of contrasts.tsv
CONTRASTS = {
    "outcome": "str",
    "domain": "str",
    "family": "str",
    "priority": "str",
    "contrast": "str",
    "term": "str",
    "condition": "str",
    "reference_condition": "str",
    "modifier": "str",
    "level": "str",
    "reference_level": "str",
    "phase": "str",
    "split": "str",
    "split_level": "str",
    "step": "int64",
    "estimate": "float64",
    "se": "float64",
    "df": "float64",
    "df_numerator": "float64",
    "statistic": "float64",
    "p": "float64",
    "p_adjusted": "float64",
    "n_tests": "int64",
    "q_value": "float64",
    "n_outcomes": "int64",
    "ci_low": "float64",
    "ci_high": "float64",
    "ci90_low": "float64",
    "ci90_high": "float64",
    "effect_size": "float64",
    "effect_size_kind": "str",
    "n_units": "int64",
    "n_smallest_group": "int64",
    "n_animals": "int64",
    "n_sessions": "int64",
    "n_entities": "int64",
    "companion_p": "float64",
    "companion_floor": "float64",
    "companion": "str",
    "leave_one_out_low": "float64",
    "leave_one_out_high": "float64",
    "other_scale": "str",
    "other_estimate": "float64",
    "other_p_adjusted": "float64",
    "scale": "str",
    "value_unit": "str",
    "singular": "bool",
    "model": "str",
    "note": "str",
    # of the experimental units; empty where several conditions are compared at once
    "n_complete": "Int64",
    "n_condition": "Int64",
    "n_reference": "Int64",
}

#: columns of verdicts.tsv
VERDICTS = {
    "outcome": "str",
    "domain": "str",
    "priority": "str",
    "condition": "str",
    "reference_condition": "str",
    "phase": "str",
    "split": "str",
    "split_level": "str",
    "step": "int64",
    "modifier": "str",
    "reference_level": "str",
    "n_levels": "int64",
    "verdict": "str",
    "pattern": "str",
    "why": "str",
    "drug_estimate": "float64",
    "drug_ci_low": "float64",
    "drug_ci_high": "float64",
    "drug_p_adjusted": "float64",
    "interaction_level": "str",
    "interaction_estimate": "float64",
    "interaction_ci_low": "float64",
    "interaction_ci_high": "float64",
    "interaction_p_adjusted": "float64",
    "p_adjusted": "float64",
    "smallest_drug": "float64",
    "smallest_interaction": "float64",
    "agrees_with_companion": "boolean",
    "agrees_on_other_scale": "boolean",
    "crossing": "boolean",
    "at_bounds": "str",
    "omnibus_p": "float64",
    "q_value": "float64",
    "bf01_additive": "float64",
    "n_animals": "int64",
    "note": "str",
    "n_complete": "int64",
    "n_smallest_group": "int64",
}


def typed(table: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """Select columns, in order, and give each its type.

    Parameters
    ----------
    table : DataFrame
        Has all the columns.
    columns : mapping
        Name -> pandas dtype. Missing text becomes "".

    Returns
    -------
    DataFrame
    """
    out = {}
    for name, kind in columns.items():
        column = table[name]
        if kind == "str":
            out[name] = column.astype("str").where(column.notna(), "").astype("str")
        else:
            out[name] = column.astype(pd.api.types.pandas_dtype(kind))
    return pd.DataFrame(out, index=table.index).reset_index(drop=True)


def from_rows(rows: Iterable[Mapping[str, object]], columns: Mapping[str, str]) -> pd.DataFrame:
    """Make a typed table of dicts; no rows make an empty table with the right columns."""
    return typed(pd.DataFrame(list(rows), columns=list(columns)), columns)


def require(table: pd.DataFrame, columns: Iterable[str], *, name: str) -> None:
    """Refuse a table that lacks columns.

    Raises
    ------
    InputError
        Naming the table and the columns that are missing.
    """
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise InputError(
            f"{name}: columns {', '.join(missing)} are missing; the cohort step writes them "
            "(was the table made by another version, or by hand?)"
        )
