"""Raw observations with a planted truth, for experiments that were loaded from their files.

``observed`` gives every epoch of an experiment a value in physical units: what a recording, a
sorting or a log would have given, many cohorts at once (each is a region of its own, ``power000``,
``power001``, ...). ``run`` takes them through the cohort step's own functions (``join_design`` ->
``build_outcomes`` -> ``compare``). ``covered`` asks which intervals hold the truth: true contrasts
are made here from the planted effects, without a line of compare.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats

from pipeline.compare import build_outcomes, compare
from pipeline.registry import metrics
from pipeline.steps.cohort import join_design
from pipeline.steps.measure import COLUMNS
from pipeline.steps.settings import cohort_settings

#: length of a session whose contexts have no end, in s
SESSION_S = 7200.0

#: trials after which a session of set-shifting ends, criterion or not
LAST_TRIAL = 150.0

N_UNITS = 6

DRUG_CONTRASTS = ("simple", "main", "difference_of_differences", "trend")


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Standard deviations on the outcome's scale, in multiples of ``Planted.unit``.

    ``animal`` and ``session`` are shared by all of its values (a change from the session's own
    baseline cancels both), ``place`` is the animal's own difference between contexts, ``response``
    its own response to a dose, ``cell`` what remains of one phase in one context; ``cage`` as
    ``animal``, for cage mates.
    """

    animal: float = 2.0
    cage: float = 0.0
    session: float = 0.8
    place: float = 0.5
    response: float = 0.3
    cell: float = 0.35

    @property
    def total(self) -> float:
        """Standard deviation of one value over animals."""
        return float(np.sqrt(sum(sd**2 for sd in vars(self).values())))


@dataclass(frozen=True, kw_only=True)
class Planted:
    """One outcome and its truth.

    Attributes
    ----------
    name : str
        Region, to which the number of the cohort is appended.
    effect : callable
        Row of the design (condition, context, dosing_context, stage, phase, sex, ...) -> true drug
        effect, in multiples of ``unit``; not asked in the baseline phase.
    metric : str
        Of the registry, or declared.
    band : str
        For band power.
    level, unit : float
        Mean without drug, and what one unit of effect and noise is, on the outcome's scale.
    noise : Noise
        Scatter.
    only : callable
        Row of the design -> whether it is measured there at all.
    """

    name: str
    effect: Callable[..., float]
    metric: str = "band_power"
    band: str = ""
    level: float = 20.0
    unit: float = 1.0
    noise: Noise = field(default_factory=Noise)
    only: Callable[..., bool] = lambda row: True


def power(name, effect, **changes):
    """Theta power of about 100 uV^2; a unit of effect is 1 dB."""
    return Planted(name=name, effect=effect, band="theta", **changes)


def rate(name, effect, **changes):
    """Rates of units around 4 Hz; a unit of effect is a third of a doubling."""
    return Planted(
        name=name,
        effect=effect,
        **({"metric": "firing_rate", "level": 2.0, "unit": 1 / 3} | changes),
    )


def trials(name, effect, **changes):
    """Trials to criterion around 80, censored at LAST_TRIAL; a unit of effect is 8 trials."""
    fields = {"metric": "trials_to_criterion", "level": 80.0, "unit": 8.0}
    return Planted(name=name, effect=effect, **(fields | changes))


def epochs_of(experiment) -> pd.DataFrame:
    """Rows as the step ``measure`` starts from: one per epoch, nothing of drugs in them."""
    rows = []
    for session in experiment.included:
        for epoch in experiment.epochs[session.name]:
            start = 0.0 if epoch.start_s is None else epoch.start_s
            stop = SESSION_S if epoch.stop_s is None else epoch.stop_s
            zero = np.nan if epoch.since_dose_zero_s is None else epoch.since_dose_zero_s
            rows.append(
                {
                    "session": session.name,
                    "animal": session.animal,
                    "anchor": epoch.anchor,
                    "step": epoch.step,
                    "context": epoch.context,
                    "phase": epoch.phase,
                    "interval": epoch.interval,
                    "start_s": start,
                    "stop_s": stop,
                    "seconds": stop - start,
                    "since_dose_s": (start + stop) / 2 - zero,
                }
            )
    table = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    texts = ["split", "split_level", "region", "region_b", "unit_id", "band", "n_effective_unit"]
    table[[*texts, "entity", "metric", "value_unit"]] = ""
    return table.assign(censored=False)


def effects(planted: Planted, design: pd.DataFrame, baseline_phase: str) -> np.ndarray:
    """True drug effect (row,) on the outcome's scale; 0 in the baseline and before any dose."""
    return np.array(
        [
            0.0
            if row.phase == baseline_phase or row.condition == "none"
            else planted.unit * planted.effect(row)
            for row in design.itertuples()
        ]
    )


def _latent(planted, design, truth, n_cohorts, rng):
    """Values (cohort, row) on the outcome's scale."""
    treated = np.where(design["phase"] == "baseline", "", design["anchor"])
    groups = {
        "animal": design["animal"],
        "cage": design["cage"],
        "session": design["session"],
        "place": design["animal"] + design["context"],
        "response": design["animal"] + treated,
        "cell": design["session"] + design["context"] + design["phase"] + design["anchor"],
    }
    _, place = np.unique(design["context"], return_inverse=True)
    latent = planted.level + planted.unit * 0.7 * place + truth + np.zeros((n_cohorts, 1))
    for name, labels in groups.items():
        code, known = pd.factorize(labels)
        sd = planted.unit * getattr(planted.noise, name)
        latent = latent + sd * rng.standard_normal((n_cohorts, len(known)))[:, code]
    return latent


def observed(planted: Planted, experiment, *, n_cohorts: int, rng) -> pd.DataFrame:
    """Observations of one outcome in all epochs of many cohorts, in physical units."""
    epochs = epochs_of(experiment)
    settings = cohort_settings(experiment)
    design = join_design(epochs, settings)
    here = np.array([planted.only(row) for row in design.itertuples()])
    epochs, design = epochs[here].reset_index(drop=True), design[here].reset_index(drop=True)
    truth = effects(planted, design, experiment.plan.baseline_phase)
    latent = _latent(planted, design, truth, n_cohorts, rng)
    declared = experiment.plan.declared.get(planted.metric) or metrics()[planted.metric]
    table = pd.concat([epochs] * n_cohorts, ignore_index=True)
    region = [f"{planted.name}{number:03d}" for number in range(n_cohorts)]
    table["region"] = np.repeat(region, len(epochs))
    table["metric"], table["band"] = planted.metric, planted.band
    table["value_unit"] = declared.value_unit
    if getattr(declared, "entity", "") == "unit":
        return _units(table, latent.ravel(), rng)
    return table.assign(**_raw(declared.scale, latent.ravel(), table, rng))


def _raw(scale, latent, table, rng):
    """Values in the unit of the recording, as a column or more."""
    if scale == "dB":  # the estimate of a spectrum: 0.1 dB beside the cell's own scatter
        return {"value": 10 ** ((latent + 0.1 * rng.standard_normal(len(latent))) / 10)}
    if scale == "log2":
        return {"value": 2.0**latent}
    if scale == "count":
        return {"value": rng.poisson(2.0**latent).astype(float), "n_effective": 120.0}
    if scale == "logit":
        return {"value": rng.binomial(120, 1 / (1 + np.exp(-latent))) / 120, "n_effective": 120.0}
    if scale == "time_to_event":
        late = latent > LAST_TRIAL
        value = np.where(late, LAST_TRIAL, np.maximum(np.round(latent), 10))
        return {"value": value, "censored": late, "n_effective": 1.0}
    return {"value": latent}


def _units(table, latent, rng):
    """Spike counts of N_UNITS units per region and session, over the epoch's seconds."""
    unit = np.tile(np.arange(N_UNITS), len(table))
    table = table.loc[table.index.repeat(N_UNITS)].reset_index(drop=True)
    level = np.linspace(-1, 1, N_UNITS)[unit]
    counts = rng.poisson(2.0 ** (np.repeat(latent, N_UNITS) + level) * table["seconds"])
    table["unit_id"] = [f"u{number}" for number in unit]
    return table.assign(
        entity="unit", value=counts / table["seconds"], n_effective=counts.astype(float)
    )


@dataclass(frozen=True)
class Found:
    """What the pipeline made of an experiment, and what it should have made."""

    experiment: object
    outcomes: pd.DataFrame
    dropped: pd.DataFrame
    contrasts: pd.DataFrame
    verdicts: pd.DataFrame
    planted: Mapping[str, Planted]

    def of(self, name: str, **where) -> pd.DataFrame:
        """Verdicts of one planted outcome, one row per cohort."""
        return self._select(self.verdicts, name, where)

    def rows(self, name: str, **where) -> pd.DataFrame:
        """Contrasts of one planted outcome."""
        return self._select(self.contrasts, name, where)

    def _select(self, table, name, where):
        here = planted_name(table["outcome"]) == name
        for column, value in where.items():
            here &= table[column] == value
        assert here.any(), (name, where)
        return table[here]

    def share(self, name: str, verdict: str, **where) -> float:
        """Share of the cohorts that got a verdict."""
        return float((self.of(name, **where)["verdict"] == verdict).mean())


def planted_name(outcome: pd.Series) -> pd.Series:
    """Name of the planted outcome behind ``metric/band@name007``."""
    return outcome.str.split("@").str[-1].str[:-3]


def run(experiment, planted, *, n_cohorts: int = 20, seed: int = 0, permutations=False) -> Found:
    """Simulate and analyse, as the cohort step does."""
    rng = np.random.default_rng(seed)
    raw = pd.concat(
        [observed(one, experiment, n_cohorts=n_cohorts, rng=rng) for one in planted],
        ignore_index=True,
    )
    observations = join_design(raw, cohort_settings(experiment))
    outcomes = build_outcomes(observations, experiment.plan, metrics())
    result = compare(outcomes.table, experiment.plan, metrics(), permutations=permutations)
    return Found(
        experiment,
        outcomes.table,
        outcomes.dropped,
        result.contrasts,
        result.verdicts,
        {one.name: one for one in planted},
    )


# --- the truth of a contrast --------------------------------------------------------------------


def true_cells(planted: Planted, experiment, modifier: str, phase: str) -> dict[tuple, float]:
    """True value (condition, step, level) in a phase, averaged over the contexts it spans."""
    design = join_design(epochs_of(experiment), cohort_settings(experiment))
    design = design[design["phase"] == phase]
    design = design[[planted.only(row) for row in design.itertuples()]]
    truth = effects(planted, design, experiment.plan.baseline_phase)
    level = design[modifier]
    if modifier == "pretreatment":
        level = level.where(level != "", "none")
    design = design.assign(truth=truth, asked=level)
    by = design.groupby(["condition", "step", "asked", "context"])["truth"].mean()
    if planted.metric == "trials_to_criterion":
        by = by.map(lambda effect: _restricted(planted, effect))
    return by.groupby(level=[0, 1, 2]).mean().to_dict()


def _restricted(planted: Planted, effect: float) -> float:
    """Mean of the time restricted at LAST_TRIAL: of a normal, E min(T, c) in closed form."""
    sd = planted.unit * planted.noise.total
    z = (LAST_TRIAL - planted.level - effect) / sd
    return LAST_TRIAL - sd * (z * stats.norm.cdf(z) + stats.norm.pdf(z))


def true_estimate(row, cells: Mapping[tuple, float], plan) -> float:
    """What a row of contrasts.tsv should estimate."""
    levels = list(dict.fromkeys(level for _, _, level in cells))
    own = {c.name: c for c in plan.conditions}

    def pair(level: str) -> tuple[str, str]:
        asked = own[row.condition]
        if row.modifier == "pretreatment" and level != (asked.pretreatment or "none"):
            alike = [
                c
                for c in plan.conditions
                if (c.drug, c.dose_mg_per_kg, c.pretreatment or "none")
                == (asked.drug, asked.dose_mg_per_kg, level)
            ]
            asked = alike[0]
        return asked.name, asked.reference

    def simple(level: str) -> float:
        drug, reference = pair(level)
        return cells[drug, row.step, level] - cells[reference, row.step, level]

    def slope(level: str) -> float:
        series = [
            c
            for c in plan.conditions
            if c.dose_mg_per_kg and c.reference == row.reference_condition
        ]
        doses = np.log2([c.dose_mg_per_kg for c in series])
        if row.condition.endswith("cumulative"):
            steps = {name: step for name, step, _ in cells if name != row.reference_condition}
            effects = [
                cells[c.name, steps[c.name], level]
                - cells[row.reference_condition, steps[c.name], level]
                for c in series
            ]
        else:
            effects = [cells[c.name, row.step, level] for c in series]
        return float(np.polyfit(doses, effects, 1)[0])

    one = slope if row.contrast == "trend" else simple
    if row.level and row.reference_level:
        return one(row.level) - one(row.reference_level)
    if row.level:
        return one(row.level)
    return float(np.mean([one(level) for level in levels]))


def covered(found: Found, **where) -> pd.Series:
    """Whether the interval of every estimated drug contrast holds its truth."""
    rows = found.contrasts
    rows = rows[rows["contrast"].isin(DRUG_CONTRASTS) & (rows["family"] != "carry_over")]
    rows = rows[np.isfinite(rows["ci_low"])]
    for column, value in where.items():
        rows = rows[rows[column] == value]
    cells: dict[tuple, dict] = {}
    inside = []
    for row, name in zip(rows.itertuples(), planted_name(rows["outcome"]), strict=True):
        key = (name, row.modifier, row.phase)
        if key not in cells:
            cells[key] = true_cells(found.planted[name], found.experiment, *key[1:])
        truth = true_estimate(row, cells[key], found.experiment.plan)
        inside.append(row.ci_low <= truth <= row.ci_high)
    return pd.Series(inside, index=rows.index)
