"""What the comparison of a cohort costs as it grows: sessions to 500, outcomes to 1,000.

Simulated observations of the design of the sample (every animal under four conditions, one session
each; three contexts; a baseline and one phase after the dose) go through ``build_outcomes`` and
``compare``, as in the rule ``cohort``. Every outcome is a band power of a region of its own, one
row per session, context and phase.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.contenders import RESULTS, print_table, run, versions, write_result
from benchmarks.session_growth import line

MODULE = "benchmarks.cohort_growth"
#: the two series; while one grows, the other stays at its FEW
SESSIONS: tuple[int, ...] = (32, 64, 128, 256, 500)
OUTCOMES: tuple[int, ...] = (100, 300, 1000)
FEW_OUTCOMES, FEW_SESSIONS = 20, 32
METRIC = "band_power"


def observations(*, sessions: int, outcomes: int) -> Any:
    """Observations of a crossover with a change from baseline; truths as in the calibration."""
    import numpy as np
    import pandas as pd

    from pipeline.simulate.cohort_designs import WITHIN
    from pipeline.simulate.cohorts import simulate_cohorts
    from pipeline.steps.cohort import OBSERVATION_COLUMNS

    design = replace(WITHIN, baseline="change")
    drawn = simulate_cohorts(
        design,
        sessions // len(design.conditions),
        design.truths[0],
        n_cohorts=outcomes,
        rng=np.random.default_rng(0),
    )
    number = drawn["cohort"].astype(str).str.zfill(4)
    given = {
        "session": drawn["session"],
        "animal": drawn["animal"],
        "condition": drawn["condition"],
        "drug": drawn["condition"],
        "anchor": drawn["session"],
        "step": 1,
        "period": drawn["period"],
        "n_prior_doses": drawn["period"] - 1,
        "context": drawn["context"],
        "interval": 1,
        "start_s": 0.0,
        "stop_s": 600.0,
        "seconds": 600.0,
        "since_dose_s": drawn["since_dose_s"],
        "entity": "region",
        "region": "R" + number,
        "band": "theta",
        "metric": METRIC,
        "value_unit": "uV^2",
        "censored": False,
        "n_effective": 100.0,
        "n_effective_unit": "windows",
        "dose_mg_per_kg": np.nan,
        "days_since_previous": np.nan,
    }
    texts = dict.fromkeys((name for name in OBSERVATION_COLUMNS if name not in given), "")
    wide = pd.DataFrame({**given, **texts}, index=drawn.index)
    parts = [
        wide.assign(phase=phase, value=10.0 ** (drawn[value] / 10))
        for phase, value in (("baseline", "baseline_value"), ("acute", "value"))
    ]
    return pd.concat(parts, ignore_index=True)[list(OBSERVATION_COLUMNS)]


def plan() -> Any:
    """The plan under which they are compared."""
    from pipeline.commands.calibrate_run import plan_of
    from pipeline.experiment.plan import PlanBound
    from pipeline.simulate.cohort_designs import WITHIN

    bounds = {METRIC: PlanBound(drug=WITHIN.smallest, interaction=WITHIN.smallest)}
    return plan_of(WITHIN).model_copy(update={"declared": {}, "smallest_effect": bounds})


def comparing(folder: Path, *, sessions: int, outcomes: int) -> Callable[[], dict[str, Any]]:
    """``build_outcomes`` and ``compare`` on observations that lie in memory."""
    import time

    from pipeline.compare import build_outcomes, compare
    from pipeline.registry import metrics

    rows, chosen, known = observations(sessions=sessions, outcomes=outcomes), plan(), metrics()

    def work() -> dict[str, Any]:
        start = time.process_time()
        table = build_outcomes(rows, chosen, known).table
        built_s = time.process_time() - start
        found = compare(table, chosen, known)
        return {
            "observations": len(rows),
            "contrasts": len(found.contrasts),
            "verdicts": len(found.verdicts),
            "build_outcomes_s": round(built_s, 3),
        }

    return work


def benchmark(
    folder: Path,
    *,
    sessions: Sequence[int] = SESSIONS,
    outcomes: Sequence[int] = OUTCOMES,
    results: Path = RESULTS,
) -> dict[str, Any]:
    """Both series, print the table, write cohort_growth.json."""
    points = []
    sizes = [(n, FEW_OUTCOMES) for n in sessions] + [(FEW_SESSIONS, n) for n in outcomes]
    for n_sessions, n_outcomes in sizes:
        found = run(MODULE, "comparing", folder, sessions=n_sessions, outcomes=n_outcomes)
        points.append(
            {
                "sessions": n_sessions,
                "outcomes": n_outcomes,
                "cpu_s": found.cpu_s,
                "ms_per_outcome": round(1000 * found.cpu_s / n_outcomes, 1),
                "peak_mb": found.peak_mb,
                "above_mb": found.above_mb,
                **found.facts,
            }
        )
    lines = {
        "sessions": _line(points[: len(sessions)], "sessions"),
        "outcomes": _line(points[len(sessions) :], "outcomes"),
    }
    print_table(
        "Outcomes and comparison of a cohort, as it grows",
        (
            "sessions",
            "outcomes",
            "observations",
            "contrasts",
            "CPU s",
            "ms per outcome",
            "peak MB",
        ),
        [
            (
                row["sessions"],
                row["outcomes"],
                row["observations"],
                row["contrasts"],
                row["cpu_s"],
                row["ms_per_outcome"],
                row["peak_mb"],
            )
            for row in points
        ],
    )
    content = {
        "versions": versions("numpy", "pandas", "scipy", "statsmodels"),
        "points": points,
        "lines": lines,
    }
    write_result("cohort_growth", content, results)
    return content


def _line(rows: Sequence[Mapping[str, Any]], name: str) -> dict[str, dict[str, float]]:
    sizes = [row[name] for row in rows]
    return {what: line(sizes, [row[what] for row in rows]) for what in ("cpu_s", "peak_mb")}
