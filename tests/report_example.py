"""A made-up cohort with known truth, in the columns that the report reads (no test in here)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from pipeline.compare import build_outcomes, compare
from pipeline.experiment.plan import (
    AnalysisPlan,
    PlanBound,
    PlanCondition,
    PlanOutcome,
    PlanQuestion,
)
from pipeline.metric import Metric

ANIMALS = [f"rat{number:02d}" for number in range(1, 9)]
CONDITIONS = ["vehicle", "psilocybin", "ketamine", "MDMA"]
CONTEXTS = ["home_cage", "open_field", "set_shifting"]
BANDS = ["delta", "theta", "beta", "low_gamma", "high_gamma", "hfo"]
FEW = (
    "band_power/theta@mPFC",
    "band_power/low_gamma@CA1",
    "firing_rate@mPFC",
    "trials_to_criterion",
)
FAILED = "rat03_ketamine"
REASON = (
    "log.csv: row 14, column time_s: found '12,5'; expected a number with a decimal point (was it "
    "saved with decimal commas?)"
)
EXCLUDED = "rat06_MDMA"


def metric(name: str, label: str, domain: str, scale: str, **more: Any) -> Metric:
    defaults = {
        "entity": "region",
        "needs": ("spectrum",),
        "value_unit": "uV^2",
        "description": f"{label}, for the tests",
        "definition": f"{label} as defined here",
        "reference": "Nobody 2024",
    }
    return Metric(name=name, label=label, domain=domain, scale=scale, **{**defaults, **more})


METRICS = {
    entry.name: entry
    for entry in (
        metric("band_power", "Band power", "oscillations", "dB", per_band=True),
        metric(
            "firing_rate",
            "Firing rate",
            "spikes",
            "log2",
            entity="unit",
            needs=("units",),
            value_unit="Hz",
        ),
        metric("coherence", "Coherence", "coupling", "logit", value_unit="", per_band=True),
        metric(
            "trials_to_criterion",
            "Trials to criterion",
            "flexibility",
            "time_to_event",
            value_unit="trials",
            baseline="none",
            entity="animal",
        ),
        metric(
            "accuracy",
            "Accuracy",
            "flexibility",
            "logit",
            value_unit="fraction",
            baseline="none",
            entity="animal",
        ),
        metric(
            "perseverative_errors",
            "Perseverative errors",
            "flexibility",
            "count",
            value_unit="errors",
            baseline="none",
            entity="animal",
        ),
    )
}


def plan(**changes: Any) -> AnalysisPlan:
    conditions = [
        PlanCondition(name="vehicle", reference=None, drug="saline", is_reference=True),
        PlanCondition(
            name="psilocybin",
            reference="vehicle",
            drug="psilocybin",
            dose_mg_per_kg=1,
            is_reference=False,
        ),
        PlanCondition(
            name="ketamine",
            reference="vehicle",
            drug="ketamine",
            dose_mg_per_kg=10,
            is_reference=False,
        ),
        PlanCondition(
            name="MDMA", reference="vehicle", drug="MDMA", dose_mg_per_kg=5, is_reference=False
        ),
    ]
    fields: dict[str, Any] = {
        "title": "Psilocybin, ketamine and MDMA across three contexts",
        "species": "rat",
        "conditions": conditions,
        "contexts": CONTEXTS,
        "phases": ["acute"],
        "questions": [
            PlanQuestion(
                modifier="context", reference="home_cage", levels=CONTEXTS, phases=["acute"]
            )
        ],
        "primary": ["band_power/theta@mPFC", "firing_rate@mPFC", "trials_to_criterion"],
        "smallest_effect": {
            "band_power": PlanBound(drug=1.0, interaction=1.0),
            "firing_rate": PlanBound(drug=0.4, interaction=0.4),
            "coherence": PlanBound(drug=0.3, interaction=0.3),
            "trials_to_criterion": PlanBound(drug=5, interaction=5),
        },
        "declared": {
            "head_twitches": PlanOutcome(
                label="Head twitches", scale="count", value_unit="twitches"
            ),
        },
    }
    return AnalysisPlan(**{**fields, **changes})


#: outcome -> (contexts, {(condition, context): effect}, noise); "*" is every context
TRUTH: dict[str, tuple[list[str], dict[tuple[str, str], float], float]] = {
    "band_power/theta@mPFC": (
        CONTEXTS,
        {("psilocybin", "*"): -0.6, ("psilocybin", "set_shifting"): -1.9, ("ketamine", "*"): 1.6},
        0.35,
    ),
    "band_power/low_gamma@mPFC": (CONTEXTS, {("ketamine", "*"): 2.1}, 0.35),
    "band_power/hfo@mPFC": (
        CONTEXTS,
        {("ketamine", "*"): 2.6, ("psilocybin", "*"): 1.4, ("psilocybin", "open_field"): -1.2},
        0.4,
    ),
    "firing_rate@mPFC": (
        CONTEXTS,
        {("psilocybin", "*"): 0.5, ("psilocybin", "set_shifting"): -1.1, ("ketamine", "*"): 0.6},
        0.14,
    ),
    "trials_to_criterion": (
        ["set_shifting"],
        {("psilocybin", "*"): -9.0, ("ketamine", "*"): 7.0},
        4,
    ),
    "perseverative_errors": (["set_shifting"], {("psilocybin", "*"): -0.9}, 0.5),
    "accuracy": (["set_shifting"], {("ketamine", "*"): -0.5}, 0.3),
    "coherence/theta@mPFC~CA1": (CONTEXTS, {("psilocybin", "set_shifting"): -0.7}, 0.14),
    "head_twitches": (["home_cage"], {("psilocybin", "*"): 3.0}, 0.5),
}
for _band, _region in itertools.product(BANDS, ("mPFC", "CA1")):
    TRUTH.setdefault(
        f"band_power/{_band}@{_region}", (CONTEXTS, {}, 0.4 if _band != "delta" else 1.6)
    )
TRUTH.setdefault("firing_rate@CA1", (CONTEXTS, {("MDMA", "*"): 0.3}, 0.15))


@dataclass(frozen=True)
class Cohort:
    plan: AnalysisPlan
    metrics: dict[str, Metric]
    outcomes: pd.DataFrame
    contrasts: pd.DataFrame
    verdicts: pd.DataFrame
    completeness: pd.DataFrame
    design: dict[str, Any]
    methods: dict[str, Any]


def domain(outcome: str, of: AnalysisPlan) -> str:
    if outcome in of.declared:
        return of.declared[outcome].domain
    return METRICS[outcome.split("/")[0].split("@")[0]].domain


def priority(outcome: str, of: AnalysisPlan) -> str:
    return "primary" if outcome in of.primary else "exploratory"


def sessions() -> list[dict[str, Any]]:
    """Latin square of conditions, contexts counterbalanced."""
    rows = []
    for index, animal in enumerate(ANIMALS):
        for period in range(4):
            condition = CONDITIONS[(index + period * (1 if index % 2 else 3)) % 4]
            rows.append(
                {
                    "session": f"{animal}_{condition}",
                    "animal": animal,
                    "condition": condition,
                    "sex": "F" if index % 2 else "M",
                    "cohort": "1",
                    "cage": f"c{index // 2}",
                    "stage": "dosing",
                    "start": f"2024-03-{1 + 7 * period:02d}T10:00:00",
                    "period": period + 1,
                    "contexts": CONTEXTS[(index + period) % 3 :] + CONTEXTS[: (index + period) % 3],
                }
            )
    return rows


def _raw(value: float, scale: str) -> float:
    """From the scale of comparison back to the physical unit that observations have."""
    return {
        "dB": 10.0 ** (value / 10),
        "log2": 2.0**value,
        "count": max(2.0**value - 0.5, 0.0),
        "logit": 1.0 / (1.0 + np.exp(-value)),
    }.get(scale, value)


def observation_rows(of: AnalysisPlan, only: tuple[str, ...], seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for outcome in only:
        contexts, truth, noise = TRUTH[outcome]
        name = outcome.split("/")[0].split("@")[0]
        declared = METRICS.get(name) or of.declared[name]
        scale, unit = declared.scale, declared.value_unit
        base = {"trials_to_criterion": 24.0, "accuracy": 1.2, "perseverative_errors": 3.0}.get(
            name, 2.0
        )
        trait = {
            animal: rng.normal(0, 0.5 if scale != "time_to_event" else 3) for animal in ANIMALS
        }
        change = declared.baseline == "change"
        splits = [("", "")]
        if outcome.startswith(("band_power/theta", "band_power/low_gamma")):
            splits += [("movement", level) for level in ("rest", "walk", "run")]
        units = [f"u{number}" for number in range(6)] if name == "firing_rate" else [""]
        for session in sessions():
            if session["session"] in (FAILED, EXCLUDED):
                continue
            for context, (split, level) in itertools.product(contexts, splits):
                effect = truth.get((session["condition"], "*"), 0.0)
                effect += truth.get((session["condition"], context), 0.0)
                if outcome == "band_power/low_gamma@CA1" and session["condition"] == "MDMA":
                    effect += 1.8 if split == "" else 0.0  # only movement
                baseline = base + rng.normal(0, 0.3)
                value = (baseline if change else base) + effect + rng.normal(0, noise)
                value += trait[session["animal"]]
                censored = scale == "time_to_event" and value > 34
                phases = [("acute", min(value, 34.0) if censored else value)]
                phases += [("baseline", baseline)] if change else []
                for (phase, number), unit_id in itertools.product(phases, units):
                    rows.append(
                        {
                            **{
                                key: session[key]
                                for key in (
                                    "animal",
                                    "session",
                                    "sex",
                                    "cohort",
                                    "cage",
                                    "stage",
                                    "condition",
                                    "period",
                                )
                            },
                            "drug": session["condition"],
                            "dose_mg_per_kg": 1.0,
                            "pretreatment": "",
                            "dosing_context": "home_cage",
                            "anchor": f"{session['animal']}.{session['period']}",
                            "step": 1,
                            "context": context,
                            "phase": phase,
                            "interval": 0,
                            "split": split,
                            "split_level": level,
                            "metric": name,
                            "band": outcome.partition("/")[2].partition("@")[0],
                            "region": outcome.partition("@")[2].partition("~")[0],
                            "region_b": outcome.partition("~")[2],
                            "unit_id": unit_id,
                            "previous_condition": "",
                            "days_since_previous": 7.0,
                            "n_prior_doses": session["period"] - 1,
                            "seconds": 600.0,
                            "since_dose_s": 600.0 + 600.0 * session["contexts"].index(context)
                            if phase == "acute"
                            else -600.0,
                            "value": _raw(number, scale),
                            "value_unit": unit,
                            "censored": censored and phase == "acute",
                            "n_effective": 200.0,
                        }
                    )
    return pd.DataFrame(rows)


def completeness_rows() -> pd.DataFrame:
    rows = []
    for entry in sessions():
        excluded, failed = entry["session"] == EXCLUDED, entry["session"] == FAILED
        rows.append(
            {
                "session": entry["session"],
                "animal": entry["animal"],
                "excluded": excluded,
                "exclude_reason": "pump failed, excluded by AB before unblinding"
                if excluded
                else "",
                "recording": "" if excluded else "yes",
                "sorting": "" if excluded else "yes",
                "behaviour": "" if excluded else ("no" if failed else "yes"),
                "extract": "skipped" if excluded else ("failed" if failed else "ok"),
                "measure": "skipped" if excluded or failed else "ok",
                "reason": REASON if failed else "",
                "warnings": "2 of 4 channels of CA1 are marked bad"
                if entry["session"] == "rat01_MDMA"
                else "",
            }
        )
    return pd.DataFrame(rows)


def design() -> dict[str, Any]:
    listed = sessions()
    doses = {
        "vehicle": ("saline", None),
        "psilocybin": ("psilocybin", 1.0),
        "ketamine": ("ketamine", 10.0),
        "MDMA": ("MDMA", 5.0),
    }
    return {
        "blind": False,
        "warnings": [],
        "sessions": [
            {
                **{
                    key: entry[key]
                    for key in ("session", "animal", "sex", "cohort", "cage", "stage", "start")
                },
                "exclude": "pump failed, excluded by AB before unblinding"
                if entry["session"] == EXCLUDED
                else "",
            }
            for entry in listed
        ],
        "anchors": [
            {
                "session": entry["session"],
                "animal": entry["animal"],
                "condition": entry["condition"],
                "drug": doses[entry["condition"]][0],
                "dose_mg_per_kg": doses[entry["condition"]][1],
                "route": "i.p.",
                "time_s": 400.0,
                "step": 1,
                "period": entry["period"],
            }
            for entry in listed
        ],
        "contexts": [
            {
                "session": entry["session"],
                "context": context,
                "start_s": start + 130.0 * index,
                "stop_s": start + 130.0 * (index + 1),
            }
            for entry in listed
            for start in (0.0, 440.0)
            for index, context in enumerate(entry["contexts"])
        ],
    }


def methods() -> dict[str, Any]:
    return {
        "config": {
            "design": {
                "phases": {
                    "baseline": {"seconds": [-400.0, -10.0]},
                    "acute": {"seconds": [40.0, 450.0]},
                },
                "handling_s": [-10.0, 40.0],
                "baseline_before": "first_administration",
                "minimum_epoch_s": 30.0,
            },
            "recording": {"line_noise_hz": 60, "stream": None},
            "lfp": {
                "rate_hz": 1000.0,
                "bands": {"delta": [1, 4], "theta": [6, 10], "beta": [15, 30]},
                "segment_s": 4.0,
                "half_bandwidth_hz": 1.0,
                "artefact_sd": 6.0,
            },
            "spikes": {
                "sorting": "existing",
                "qualities": ["good"],
                "minimum_baseline_presence": 0.9,
                "minimum_units": 5,
            },
            "flexibility": {"task": {"name": "light_side"}, "error_scheme": "floresco_block"},
            "statistics": {"alpha": 0.05, "blind": False, "calibrate": 0, "seed": 0},
        },
        "versions": {"numpy": "2.4.6", "scipy": "1.17.1", "spikeinterface": "0.105.3"},
    }


@cache
def _cached(only: tuple[str, ...], seed: int) -> Cohort:
    return cohort(only=only, seed=seed)


def few() -> Cohort:
    """Four outcomes, made once per process: a process, a pill, only movement, one context."""
    return _cached(FEW, 3)


def cohort(*, only: tuple[str, ...] | None = None, seed: int = 3, **changes: Any) -> Cohort:
    of = plan(**changes)
    observations = observation_rows(of, tuple(TRUTH) if only is None else only, seed)
    outcomes = build_outcomes(observations, of, METRICS).table
    found = compare(outcomes, of, METRICS)
    return Cohort(
        plan=of,
        metrics=dict(METRICS),
        outcomes=outcomes,
        contrasts=found.contrasts,
        verdicts=found.verdicts,
        completeness=completeness_rows(),
        design=design(),
        methods=methods(),
    )
