"""Simulated cohorts through compare: what was rejected, covered and called in each.

A batch is one design, number of animals and true effect, with its own random generator: what is
measured does not depend on the number of processes or their order.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.compare import compare
from pipeline.compare.tables import OUTCOMES, typed
from pipeline.experiment.plan import (
    AnalysisPlan,
    PlanBound,
    PlanCondition,
    PlanOutcome,
    PlanQuestion,
)
from pipeline.simulate.cohort_designs import CONTEXTS, DESIGNS, REFERENCE, CohortDesign, Truth
from pipeline.simulate.cohorts import simulate_cohorts
from pipeline.simulate.randomness import generator

ALPHA = 0.05
#: cohorts that are compared in one call
BATCH = 100
_METRIC = "simulated"


@dataclass(frozen=True, order=True)
class Batch:
    """Cohorts that are simulated and compared together."""

    design: str
    n: int
    truth: str
    number: int
    n_cohorts: int
    seed: int


def batches(
    designs: Iterable[CohortDesign], *, n_cohorts: int, sizes: Sequence[int] | None, seed: int
) -> Iterator[Batch]:
    """List all batches of a calibration."""
    for design in designs:
        for n in sizes if sizes and len(design.sizes) > 1 else design.sizes:
            for truth in design.truths:
                for number, first in enumerate(range(0, n_cohorts, BATCH)):
                    size = min(BATCH, n_cohorts - first)
                    yield Batch(design.name, n, truth.name, number, size, seed)


def plan_of(design: CohortDesign) -> AnalysisPlan:
    """Return the plan under which a design's cohorts are compared."""
    conditions = [PlanCondition(name=REFERENCE, reference=None, drug=REFERENCE, is_reference=True)]
    conditions += [
        PlanCondition(name=name, drug=name, reference=REFERENCE, is_reference=False)
        for name in design.conditions[1:]
    ]
    question = PlanQuestion(
        modifier="context", reference=CONTEXTS[0], levels=CONTEXTS, phases=("acute",)
    )
    return AnalysisPlan(
        title=design.title,
        species="animal",
        unit="cage" if design.mates > 1 else "animal",
        conditions=tuple(conditions),
        contexts=CONTEXTS,
        phases=("acute",),
        questions=(question,),
        smallest_effect={_METRIC: PlanBound(drug=design.smallest, interaction=design.smallest)},
        declared={_METRIC: PlanOutcome(label="Simulated", baseline=design.baseline)},
        alpha=ALPHA,
    )


def outcomes_of(simulated: pd.DataFrame, design: CohortDesign) -> pd.DataFrame:
    """Make the outcomes table of simulated cohorts; every cohort is an outcome of its own."""
    number = simulated["cohort"].astype("str").str.zfill(6)
    given = {
        "outcome": _METRIC + "@" + number,
        "region": number,
        "metric": _METRIC,
        "domain": "other",
        "priority": "primary",
        "animal": simulated["animal"],
        "session": simulated["session"],
        "anchor": simulated["session"],
        "cage": simulated["cage"],
        "condition": simulated["condition"],
        "drug": simulated["condition"],
        "context": simulated["context"],
        "phase": "acute",
        "step": 1,
        "period": simulated["period"],
        "since_dose_s": simulated["since_dose_s"],
        "since_dose_first_s": simulated["since_dose_s"],
        "since_dose_last_s": simulated["since_dose_s"],
        "value": simulated["value"],
        "baseline_value": simulated["baseline_value"],
        "baseline_rule": design.baseline,
        "baseline_source": "" if design.baseline == "none" else "own session",
        "censored": False,
        "baseline_censored": False,
        "scale": "linear",
        "n_prior_doses": simulated["period"] - 1,
        "n_entities": simulated["n_units"],
        "n_entities_unmatched": 0,
        "seconds": 600.0,
    }
    empty = {name: "" if kind == "str" else np.nan for name, kind in OUTCOMES.items()}
    return typed(pd.DataFrame(empty | given, index=simulated.index), OUTCOMES)


def measure_batch(batch: Batch) -> pd.DataFrame:
    """Simulate one batch, compare it, and count.

    Returns
    -------
    DataFrame
        One row per cohort and measure: measure, hits (how many tests, intervals or verdicts of the
        cohort are of the kind that the measure counts), tests (how many there are). Cohorts that
        an engine could not compute count under ``failed`` only.
    """
    design = DESIGNS[batch.design]
    truth = design.truth(batch.truth)
    names = ("calibrate", design.name, str(batch.n), truth.name, str(batch.number))
    rng = generator(*names, seed=batch.seed)
    simulated = simulate_cohorts(design, batch.n, truth, n_cohorts=batch.n_cohorts, rng=rng)
    outcomes, plan = outcomes_of(simulated, design), plan_of(design)
    try:
        found = compare(outcomes, plan, {}, permutations=False)
        return _with_failures(count(found.contrasts, found.verdicts, truth), outcomes, set())
    except np.linalg.LinAlgError:
        return _one_by_one(outcomes, plan, truth)


def _one_by_one(outcomes: pd.DataFrame, plan: AnalysisPlan, truth: Truth) -> pd.DataFrame:
    """Find the cohorts that an engine cannot compute, and count the others."""
    parts: list[pd.DataFrame] = []
    failed: set[str] = set()
    for name, rows in outcomes.groupby("outcome"):
        try:
            found = compare(rows, plan, {}, permutations=False)
        except np.linalg.LinAlgError as error:
            print(f"{plan.title}: a cohort failed: {error}", file=sys.stderr, flush=True)
            failed.add(str(name))
        else:
            parts.append(count(found.contrasts, found.verdicts, truth))
    return _with_failures(pd.concat(parts, ignore_index=True), outcomes, failed)


def _with_failures(counts: pd.DataFrame, outcomes: pd.DataFrame, failed: set[str]) -> pd.DataFrame:
    rows = outcomes[["outcome"]].drop_duplicates()
    hits = _per_cohort(rows, "failed", rows["outcome"].isin(failed))
    return pd.concat([counts, hits], ignore_index=True)


def count(contrasts: pd.DataFrame, verdicts: pd.DataFrame, truth: Truth) -> pd.DataFrame:
    """Count what the cohorts of one true effect came out as.

    Parameters
    ----------
    contrasts, verdicts : DataFrame
        Of compare; every outcome is a cohort.
    truth : Truth
        What was simulated.

    Returns
    -------
    DataFrame
        As :func:`measure_batch`.
    """
    parts = [*_tests(contrasts, truth), *_verdicts(verdicts, truth)]
    if truth.name == "process":
        parts += _coverage(contrasts, truth)
    return pd.concat(parts, ignore_index=True)


def _per_cohort(
    rows: pd.DataFrame, measure: str, hit: pd.Series, *, any_: bool = False
) -> pd.DataFrame:
    """Hits and tests of each cohort; ``any_``: one test, a hit if any row is one."""
    by = hit.groupby(rows["outcome"])
    table = pd.DataFrame(
        {"hits": by.any() if any_ else by.sum(), "tests": 1 if any_ else by.size()}
    )
    return table.astype("int64").assign(measure=measure)


def _tests(contrasts: pd.DataFrame, truth: Truth) -> Iterator[pd.DataFrame]:
    tested = contrasts[contrasts["p"].notna() & (contrasts["family"] != "carry_over")]
    kind = tested["contrast"]
    if truth.name == "none":
        for name in ("simple", "main"):
            rows = tested[kind == name]
            yield _per_cohort(rows, name, rows["p"] < ALPHA)
    prefix = {"pill": "", "process": "power_", "fading": "fading_"}.get(truth.name)
    if prefix is None:
        return
    differences = tested[kind == "difference_of_differences"]
    interaction = tested[(kind == "omnibus") & _interaction_term(tested)]
    of_interest = truth.name == "process"
    if of_interest:
        differences = differences[differences["level"] == CONTEXTS[-1]]
    adjusted = differences["p_adjusted"] < ALPHA
    yield _per_cohort(interaction, f"{prefix}omnibus", interaction["p"] < ALPHA)
    yield _per_cohort(differences, f"{prefix}difference", differences["p"] < ALPHA)
    yield _per_cohort(differences, f"{prefix}difference_holm", adjusted, any_=not of_interest)
    if truth.name == "pill":
        rows = tested[kind == "main"]
        yield _per_cohort(rows, "power_main", rows["p"] < ALPHA)


def _interaction_term(rows: pd.DataFrame) -> pd.Series:
    if "term" not in rows:
        return pd.Series(False, index=rows.index)
    return rows["term"].str.contains(":", regex=False)


def _coverage(contrasts: pd.DataFrame, truth: Truth) -> Iterator[pd.DataFrame]:
    effect = dict(zip(CONTEXTS, truth.effect, strict=True))
    known = contrasts[contrasts["ci_low"].notna() & (contrasts["family"] != "carry_over")]
    there = known["level"].map(effect)
    here = known["reference_level"].map(effect)
    true = {
        "difference": ("difference_of_differences", there - here),
        "simple": ("simple", there),
        "main": ("main", pd.Series(truth.main, index=known.index)),
    }
    for name, (kind, value) in true.items():
        rows = known[known["contrast"] == kind]
        value = value[rows.index]
        covered = (rows["ci_low"] <= value) & (value <= rows["ci_high"])
        yield _per_cohort(rows, f"coverage_{name}", covered)


def _verdicts(verdicts: pd.DataFrame, truth: Truth) -> Iterator[pd.DataFrame]:
    called = verdicts["verdict"]
    if truth.name == "pill":
        yield _per_cohort(verdicts, "process_for_pill", called == "process")
        yield _per_cohort(verdicts, "none_for_pill", called == "no drug effect")
        yield _per_cohort(verdicts, "right_pill", called == "pill")
    elif truth.name == "none":
        wrong = called.isin(("process", "pill"))
        yield _per_cohort(verdicts, "effect_for_none", wrong)
        yield _per_cohort(verdicts, "right_none", called == "no drug effect")
    elif truth.name == "process":
        yield _per_cohort(verdicts, "pill_for_process", called == "pill")
        yield _per_cohort(verdicts, "none_for_process", called == "no drug effect")
        yield _per_cohort(verdicts, "right_process", called == "process")
    elif truth.name == "cancelling":
        yield _per_cohort(verdicts, "none_for_cancelling", called == "no drug effect")
        yield _per_cohort(verdicts, "pill_for_cancelling", called == "pill")
        yield _per_cohort(verdicts, "right_cancelling", called == "process")
    else:
        yield _per_cohort(verdicts, "process_for_fading", called == "process")
        order = verdicts["why"].str.contains("context order", regex=False)
        yield _per_cohort(verdicts, "right_fading", (called == "inconclusive") & order)
