"""Set-shifting of the cohort: all scored trials, and what the report's figures of them show.

Every table has rows of animals (``part`` is ``animal``) and of the means over animals' own values
with t intervals (``part`` is ``mean``); figures and captions only look up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.compare.slices import units_of
from pipeline.experiment.plan import AnalysisPlan
from pipeline.experiment.task import Task
from pipeline.flexibility import SCHEMES, EpochTrials
from pipeline.flexibility.cross_table import cross_table, scheme_agreement
from pipeline.flexibility.latencies import KINDS, latencies, trial_kinds
from pipeline.flexibility.per_set import errors_per_shift
from pipeline.flexibility.switches import switch_aligned
from pipeline.steps.cell_means import NONE, Columns, with_means
from pipeline.steps.cohort import OBSERVATION_COLUMNS, join_design
from pipeline.steps.measure import COLUMNS
from pipeline.steps.trial_tables import SCORED_TYPES, read_scored, read_sets
from pipeline.steps.typed import write_text

#: trials before and after a switch
BEFORE, AFTER = 5, 20
#: quantiles of latencies
QUANTILES = tuple(round(0.1 * step, 1) for step in range(1, 10))
#: with fewer latencies an animal has no quantiles
MINIMUM_LATENCIES = 10
#: which of a trial's times
LATENCIES = ("initiation", "choice", "collection")
#: direction of all switches together
ALL = "all"

#: cells name a scheme; nothing here depends on it
_ANY_SCHEME = next(iter(SCHEMES))
PLACE = ("condition", "context", "phase")
_CELL = ["session", "anchor", "step", "phase", "context"]
_TABLES = {
    "error_types": (("scheme", "type"), ("errors",), ("n_sets",)),
    "types": (("scheme", "type"), ("fraction",), ("n",)),
    "agreement": (
        ("scheme", "other"),
        ("agreement", "overlap"),
        ("n", "n_same", "n_either", "n_both"),
    ),
    "switches": (
        ("direction", "kind", "lag"),
        ("share_correct", "share_previous_rule"),
        ("n_switches", "n_trials", "n_correct", "n_omissions", "n_compared", "n_previous_rule"),
    ),
    "latencies": (("latency", "kind", "quantile"), ("seconds",), ("n_trials",)),
}
#: how the report reads the tables: these columns are numbers, the others text
NUMBERS = frozenset(
    ["quantile", "lag", "n_sessions"]
    + [name for _, values, counts in _TABLES.values() for name in (*values, *counts)]
    + [f"{v}_{what}" for _, values, _ in _TABLES.values() for v in values
       for what in ("low", "high", "n")]
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Cell:
    """One cell of one session: whose it is, and its trials and sets."""

    key: dict[str, Any]
    trials: EpochTrials


#: texts of the logs themselves, which a blind table of the cohort does not carry along
LOG_TEXTS = ("task", "source_file")


def behaviour(*, inputs: Any, outputs: Any, settings: Mapping[str, Any]) -> None:
    """Join all sessions' trials to the design, and bring them to animals.

    Parameters
    ----------
    inputs : object
        ``trials`` (scored_trials.tsv) and ``sets`` (sets.tsv) of all sessions, in one order; empty
        files of failed sessions and of sessions without trials are passed over.
    outputs : object
        Attributes named as :data:`pipeline.steps.paths.BEHAVIOUR_TABLES`.
    settings : mapping
        :func:`pipeline.steps.settings.behaviour_settings`.
    """
    plan = AnalysisPlan.model_validate(settings["plan"])
    pairs = [
        (read_scored(Path(trials)), read_sets(Path(sets)))
        for trials, sets in zip(inputs.trials, inputs.sets, strict=True)
        if Path(trials).stat().st_size
    ]
    scored = [_with_design(trials, settings, plan) for trials, _ in pairs]
    cells = [
        cell
        for trials, (_, sets) in zip(scored, pairs, strict=True)
        for cell in _cells(trials, sets, settings)
    ]
    everything = pd.concat(scored, ignore_index=True) if scored else _no_trials(settings, plan)
    hidden = [name for name in LOG_TEXTS if plan.blind]
    write_text(everything.drop(columns=["unit", *hidden]), outputs.trials)
    errors = _summary("error_types", [_error_types(cell) for cell in cells], plan)
    types = _summary("types", [_scheme_types(cell) for cell in cells], plan)
    agreement = _summary("agreement", [_agreement(cell) for cell in cells], plan)
    schemes = [part.assign(table=name) for name, part in (("types", types), ("pairs", agreement))]
    _write(errors, outputs.error_types)
    _write(pd.concat(schemes, ignore_index=True), outputs.schemes)
    aligned = _summary("switches", [_switches(cell) for cell in cells], plan)
    _write(aligned, outputs.switches)
    _write(_summary("latencies", _latencies(cells), plan), outputs.latencies)


# -- sessions ----------------------------------------------------------------------------------


def _with_design(
    trials: pd.DataFrame, settings: Mapping[str, Any], plan: AnalysisPlan
) -> pd.DataFrame:
    """Scored trials with the cohort's design columns; only here do labels enter."""
    keys = trials[["session", "animal", "anchor", "step"]].drop_duplicates()
    joined = join_design(keys.reindex(columns=list(COLUMNS)), settings)
    # a blank anchor: outside of all cells
    texts = joined.assign(condition=joined["condition"].where(keys["anchor"].array != "", ""))
    own = _design_columns(list(trials.columns), list(joined.columns))
    design = texts[["session", "anchor", *own]]
    design = design.assign(
        condition=design["condition"].fillna(NONE), unit=units_of(joined, plan).astype(str).array
    )
    first = [name for name in ("session", "animal") if name in trials]
    table = trials.merge(design, on=["session", "anchor"], how="left", validate="m:1")
    described = [name for name in design.columns if name not in ("session", "anchor")]
    return table[[*first, *described, *(c for c in trials.columns if c not in first)]]


def _design_columns(own: Sequence[str], joined: Sequence[str]) -> list[str]:
    """Design columns and factors; a factor called like a column of the trials stays out."""
    return [
        name for name in joined if name not in own and (name not in COLUMNS or name == "condition")
    ]


def _no_trials(settings: Mapping[str, Any], plan: AnalysisPlan) -> pd.DataFrame:
    factors = [name for name in plan.factors if name not in SCORED_TYPES]
    design = [name for name in OBSERVATION_COLUMNS if name not in (*COLUMNS, *SCORED_TYPES)]
    own = [name for name in SCORED_TYPES if name not in ("session", "animal")]
    return pd.DataFrame(columns=["session", "animal", *design, *factors, "unit", *own])


def _cells(
    trials: pd.DataFrame, sets: pd.DataFrame, settings: Mapping[str, Any]
) -> Iterator[_Cell]:
    """The cells of one session, as the metrics had them."""
    task = Task.model_validate(settings["task"])
    runs = dict(iter(sets.groupby(_CELL, dropna=False)))
    for key, rows in trials[trials["phase"] != ""].groupby(_CELL, sort=False):
        own = runs.get(key, sets.iloc[:0])
        first = rows.iloc[0]
        yield _Cell(
            key={name: first[name] for name in ("unit", "animal", "session", *PLACE)},
            trials=EpochTrials(trials=rows, sets=own, scheme=_ANY_SCHEME, task=task),
        )


# -- one cell ----------------------------------------------------------------------------------


def _error_types(cell: _Cell) -> pd.DataFrame:
    """Errors of each type per completed shift, as the outcomes count them, under every scheme."""
    rows = []
    for name, scheme in SCHEMES.items():
        options = {"flexibility": {"error_scheme": name}}
        trials = replace(cell.trials, scheme=name)
        for kind in scheme.types:
            rows += [
                {"scheme": name, "type": kind, "errors": found.value, "n_sets": found.n_effective}
                for found in errors_per_shift(trials, kind, options=options)
            ]
    return pd.DataFrame(rows).assign(**cell.key)


def _scheme_types(cell: _Cell) -> pd.DataFrame:
    return cross_table(cell.trials).drop(columns="fraction").assign(**cell.key)


def _agreement(cell: _Cell) -> pd.DataFrame:
    """Pairs of schemes, all conditions and contexts of a phase together: it is the same errors."""
    table = scheme_agreement(cell.trials)
    either = table["n_perseverative"] + table["n_perseverative_other"]
    both = table["n_both_perseverative"]
    counts = table[["scheme", "other", "n"]].assign(
        n_same=(table["agreement"].fillna(0) * table["n"]).round().astype(int),
        n_either=either - both,
        n_both=both,
    )
    return counts.assign(**cell.key | {"condition": "", "context": ""})


def _switches(cell: _Cell) -> pd.DataFrame:
    """Counts by lag, of each direction and of all together."""
    table = switch_aligned(cell.trials, before=BEFORE, after=AFTER)
    whole = table.drop(columns="direction").groupby(["kind", "lag"], as_index=False).sum()
    return pd.concat([whole.assign(direction=ALL), table]).assign(**cell.key)


def _latencies(cells: Sequence[_Cell]) -> list[pd.DataFrame]:
    """Quantiles of an animal's latencies, all its sessions of a cell together."""
    pools: dict[tuple[Any, ...], list[np.ndarray]] = {}
    keys: dict[tuple[Any, ...], dict[str, Any]] = {}
    sessions: dict[tuple[Any, ...], set[str]] = {}
    for cell in cells:
        masks = trial_kinds(cell.trials)
        for what in LATENCIES:
            seconds = latencies(cell.trials.trials, what)
            known = np.isfinite(seconds)
            for kind in KINDS:
                key = (cell.key["animal"], *(cell.key[name] for name in PLACE), what, kind)
                pools.setdefault(key, []).append(seconds[known & masks[kind]])
                keys[key] = {name: cell.key[name] for name in ("unit", "animal", *PLACE)}
                sessions.setdefault(key, set()).add(cell.key["session"])
    parts = []
    for key, pieces in pools.items():
        pooled = np.concatenate(pieces)
        if len(pooled) < MINIMUM_LATENCIES:
            continue
        parts.append(
            pd.DataFrame({"quantile": QUANTILES, "seconds": np.quantile(pooled, QUANTILES)}).assign(
                latency=key[-2],
                kind=key[-1],
                n_trials=len(pooled),
                n_sessions=len(sessions[key]),
                **keys[key],
            )
        )
    return parts


# -- animals -----------------------------------------------------------------------------------


def _summary(name: str, parts: Sequence[pd.DataFrame], plan: AnalysisPlan) -> pd.DataFrame:
    """Rows of the animals, then the means over them."""
    keys, values, counts = _TABLES[name]
    parts = [part for part in parts if len(part)]
    columns = Columns(place=PLACE, keys=keys, values=values, counts=counts)
    if not parts:
        return with_means(pd.DataFrame(), columns, plan)
    rows = pd.concat(parts, ignore_index=True)
    by = ["unit", "animal", *PLACE, *keys]
    grouped = rows.groupby(by, sort=True)
    if name == "latencies":
        animals = rows
    elif name == "error_types":  # sessions first, as the outcome of that name
        animals = grouped.agg(errors=("errors", "mean"), n_sets=("n_sets", "sum"))
    else:
        animals = grouped[list(counts)].sum()
    if name != "latencies":
        animals = animals.assign(n_sessions=grouped["session"].nunique()).reset_index()
    return with_means(_shares(name, animals), columns, plan)


def _shares(name: str, animals: pd.DataFrame) -> pd.DataFrame:
    """Ratios of an animal's own counts, all its sessions of a cell together."""
    if name == "types":
        whole = animals.groupby(["animal", *PLACE, "scheme"])["n"].transform("sum")
        return animals.assign(fraction=animals["n"] / whole.where(whole > 0))
    if name == "agreement":
        n, either = animals["n"], animals["n_either"]
        return animals.assign(
            agreement=animals["n_same"] / n.where(n > 0),
            overlap=animals["n_both"] / either.where(either > 0),
        )
    if name == "switches":
        trials, compared = animals["n_trials"], animals["n_compared"]
        return animals.assign(
            share_correct=animals["n_correct"] / trials.where(trials > 0),
            share_previous_rule=animals["n_previous_rule"] / compared.where(compared > 0),
        )
    return animals


def _write(table: pd.DataFrame, path: str) -> None:
    write_text(table, path, float_format="%.9g")
