"""How large the report's page is, and what it costs, against outcomes and sessions.

The finished run of the sample experiment (``make demo``) in the repository is cut: to 60 and 145
outcomes (those with a figure first) and to all, and to the sessions of two and of four animals and
to all. What is not of single outcomes (spectra, time courses, units, behaviour) stays whole. The
verdicts of a cut cohort mean nothing; only the page's size does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.contenders import REPOSITORY, RESULTS, print_table, run, versions, write_result

MODULE = "benchmarks.report_size"
OUTCOMES: tuple[int, ...] = (60, 145, 10_000)
ANIMALS: tuple[int, ...] = (2, 4, 10_000)
#: megabytes that the page may have, with so many outcomes and all 32 sessions
LIMIT_MB, LIMIT_OUTCOMES = 8.0, 60


def reporting(folder: Path, *, where: str, outcomes: int, animals: int) -> Callable[[], Any]:
    """The job ``report`` on a cut cohort."""
    from types import SimpleNamespace

    import pandas as pd

    from pipeline.report.slug import slug
    from pipeline.steps import settings
    from pipeline.steps.outcomes_check import load_checked
    from pipeline.steps.paths import (
        BEHAVIOUR_TABLES,
        COHORT_TABLES,
        SHUFFLES,
        SPECTRA_TABLES,
        SPIKE_TABLES,
    )
    from pipeline.steps.report import report

    os.chdir(where)
    experiment = load_checked(Path("config/config.yaml"))
    chosen = settings.report_settings(experiment)
    inputs = {name: COHORT_TABLES[name] for name in ("completeness", "record")}
    inputs |= {"calibration": SHUFFLES, "figures": "results/report/figures"}
    inputs |= {"listing": "results/report/assets/sessions.json"}
    renamed = {"timecourses": "time_courses", "timecourse_clusters": "time_clusters"}
    renamed |= {"units": "spectra"}
    of_spectra = ("units", "clusters", "timecourses", "timecourse_clusters", "spectrograms")
    for name in (*of_spectra, "comodulograms"):
        inputs[renamed.get(name, name)] = SPECTRA_TABLES[name]
    for name in ("error_types", "schemes", "switches", "latencies"):
        inputs[name] = BEHAVIOUR_TABLES[name]
    inputs["behaviour_trials"] = BEHAVIOUR_TABLES["trials"]
    inputs |= {"unit_quality": SPIKE_TABLES["units"], "unit_rates": SPIKE_TABLES["unit_rates"]}
    inputs |= {"unit_modulation": SPIKE_TABLES["modulation"]}
    inputs |= {"modulation_fractions": SPIKE_TABLES["fractions"]}
    for name in ("locking_bands", "event_rates", "autocorrelograms"):
        inputs[name] = SPIKE_TABLES[name]
    whole = pd.read_parquet(COHORT_TABLES["outcomes"])
    # those that have a figure come first: figures are not drawn again
    drawn = {path.stem for path in Path(inputs["figures"]).glob("*.svg")}
    names = sorted(whole["outcome"].unique(), key=lambda name: (slug(name) not in drawn, name))
    kept = set(names[:outcomes])
    who = set(sorted(whole["animal"].unique())[:animals])
    cut = whole[whole["outcome"].isin(kept) & whole["animal"].isin(who)]
    cut.to_parquet(folder / "outcomes.parquet")
    inputs["outcomes"] = str(folder / "outcomes.parquet")
    for name in ("contrasts", "verdicts"):
        table = pd.read_csv(COHORT_TABLES[name], sep="\t", dtype=str, keep_default_na=False)
        table[table["outcome"].isin(kept)].to_csv(folder / f"{name}.tsv", sep="\t", index=False)
        inputs[name] = str(folder / f"{name}.tsv")
    outputs = SimpleNamespace(
        page=str(folder / "index.html"),
        run=str(folder / "run.html"),
        sessions=str(folder / "sessions.html"),
    )

    def work() -> Callable[[], dict[str, Any]]:
        report(inputs=SimpleNamespace(**inputs), outputs=outputs, settings=chosen)
        return lambda: {
            "page_mb": round(Path(outputs.page).stat().st_size / 1e6, 3),
            "outcomes": int(cut["outcome"].nunique()),
            "sessions": int(cut["session"].nunique()),
        }

    return work


def benchmark(
    folder: Path,
    *,
    where: Path = REPOSITORY,
    outcomes: Sequence[int] = OUTCOMES,
    animals: Sequence[int] = ANIMALS,
    results: Path = RESULTS,
) -> dict[str, Any]:
    """Make every page, print the table, write report_size.json; nothing without a finished run."""
    if not (where / "results" / "report" / "index.html").is_file():
        print("\nreport_size: no finished run in results; run make demo first", flush=True)
        return {}
    sizes = [(n, max(animals)) for n in outcomes]
    sizes += [(max(outcomes), n) for n in animals if n != max(animals)]
    rows = []
    for n_outcomes, n_animals in sizes:
        found = run(
            MODULE, "reporting", folder, where=str(where), outcomes=n_outcomes, animals=n_animals
        )
        rows.append({**found.facts, "cpu_s": found.process_s, "peak_mb": found.peak_mb})
    print_table(
        "The report's page",
        ("outcomes", "sessions", "MB", "CPU s", "peak MB"),
        [
            (row["outcomes"], row["sessions"], row["page_mb"], row["cpu_s"], row["peak_mb"])
            for row in rows
        ],
    )
    content = {
        "versions": versions("altair", "jinja2", "pandas"),
        "limit": {"mb": LIMIT_MB, "outcomes": LIMIT_OUTCOMES},
        "points": rows,
    }
    write_result("report_size", content, results)
    return content
