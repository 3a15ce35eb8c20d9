"""How large the report's page is, and what it costs, against outcomes and sessions.

The finished run of the sample experiment (``make demo``) in the repository is cut: to 60 and 145
outcomes (those with a figure first) and to all, and to the sessions of two and of four animals and
to all. What is not of single outcomes (spectra, time courses, units, behaviour) stays whole. The
verdicts of a cut cohort mean nothing; only the page's size does.

Then the cohort is grown: its animals again under new names, their values moved a little, to 128 and
500 sessions, and all figures are drawn anew, of a dozen outcomes and of the chapters. Figures of a
cohort (time courses, spectrograms, intervals) keep their size; those that show every animal, or
every unit, grow: their files in full, their copies in the page little
(:mod:`pipeline.report.crowded`).
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.contenders import REPOSITORY, RESULTS, print_table, run, versions, write_result

MODULE = "benchmarks.report_size"
OUTCOMES: tuple[int, ...] = (60, 145, 10_000)
ANIMALS: tuple[int, ...] = (2, 4, 10_000)
#: megabytes that the page may have, with so many outcomes and all 32 sessions
LIMIT_MB, LIMIT_OUTCOMES = 8.0, 60
#: megabytes that the page may have with as many outcomes and the largest grown cohort
GROWN_LIMIT_MB = 25.0
#: sessions of the grown cohorts, and the outcomes that are drawn of each
GROWN: tuple[int, ...] = (32, 128, 500)
DRAWN_OUTCOMES = 12
#: columns of values, which differ from copy to copy of an animal
MOVED = (
    "value", "baseline_value", "value_other", "rate_hz", "change_hz", "ratio", "ppc", "locked", "x",
    "y", "seconds", "errors", "fraction", "share_correct", "share_previous_rule", "before_hz",
    "after_hz", "log2_fold_change", "log2_over_baseline", "t_trial", "latency_choice", "up", "down",
)  # fmt: skip
#: figures that are not of single outcomes, by how their names begin
KINDS = (
    "spectrum-of", "time-course-of", "spectrogram", "comodulogram", "unit-rates", "unit-changes",
    "spike-locking", "preferred-phase", "event-rates", "autocorrelograms", "modulated-units",
    "specificity", "rasters", "switch-aligned", "latencies", "error-types", "error-schemes",
)  # fmt: skip


def reporting(folder: Path, *, where: str, outcomes: int, animals: int) -> Callable[[], Any]:
    """The job ``report`` on a cut cohort."""
    from types import SimpleNamespace

    import pandas as pd

    from pipeline.report.slug import slug
    from pipeline.steps import settings
    from pipeline.steps.outcomes_check import load_checked
    from pipeline.steps.paths import COHORT_TABLES, DRAWN, SHUFFLES
    from pipeline.steps.report import report

    os.chdir(where)
    experiment = load_checked(Path("config/config.yaml"))
    chosen = settings.report_settings(experiment)
    inputs = {**DRAWN, **{name: COHORT_TABLES[name] for name in ("completeness", "record")}}
    inputs |= {"calibration": SHUFFLES, "figures": "results/report/figures"}
    inputs |= {"listing": "results/report/assets/sessions.json"}
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


def grown(table: Any, *, animals: int, seed: int = 0) -> Any:
    """Repeat a table's animals under new names until there are so many, values moved a little.

    Parameters
    ----------
    table : DataFrame
        Its rows of animals are repeated, with ``x1``, ``x2``, ... after animal, unit and session;
        rows of all animals (means) and tables without animals stay.
    animals : int
        How many there shall be; with no more than there are, the table is cut to the first.
    seed : int
        Of the factors, between 0.95 and 1, that the columns of :data:`MOVED` are multiplied by: a
        share stays a share.
    """
    import numpy as np
    import pandas as pd

    who = next((name for name in ("animal", "unit") if name in table), "")
    if not who and "session" in table:
        who, of = "session", table["session"].str.partition("_")[0]
    elif who:
        of = table[who]
    else:
        return table
    rng = np.random.default_rng(seed)
    floats = [name for name in table if pd.api.types.is_float_dtype(table[name])]
    names = sorted(set(of.dropna()) - {""})
    copies = [table[~of.isin(names)]]
    for copy in range(-(-animals // len(names))):
        wanted = names[: animals - copy * len(names)]
        part = table[of.isin(wanted)].copy()
        if copy:
            for name in {"animal", "unit", "session", "anchor"} & set(part):
                blank = part[name].isna() | (part[name] == "")
                part[name] = part[name].where(blank, part[name].astype(str) + f"x{copy}")
            for name in part.columns.intersection(MOVED).intersection(floats):
                part[name] = part[name] * rng.uniform(0.95, 1, len(part))
        copies.append(part)
    return pd.concat(copies, ignore_index=True)


def drawing(folder: Path, *, where: str, sessions: int, outcomes: int) -> Callable[[], Any]:
    """The jobs ``figures`` and ``report`` of a grown cohort."""
    from types import SimpleNamespace

    import pandas as pd

    from pipeline.report.slug import slug
    from pipeline.steps import settings
    from pipeline.steps.column_types import TYPES
    from pipeline.steps.outcomes_check import load_checked
    from pipeline.steps.paths import COHORT_TABLES, DRAWN, SHUFFLES
    from pipeline.steps.report import figures, report
    from pipeline.steps.typed import read_typed, write_text

    os.chdir(where)
    chosen = dict(settings.report_settings(load_checked(Path("config/config.yaml"))))
    given = pd.DataFrame(chosen["sessions"])
    animals = round(sessions * given["animal"].nunique() / len(given))
    of_session = dict(zip(given["session"], given["animal"], strict=True))
    for name in ("sessions", "anchors", "administrations", "contexts"):
        rows = pd.DataFrame(chosen[name], dtype=object)
        if "animal" not in rows:
            rows = rows.assign(animal=rows["session"].map(of_session))
        chosen[name] = [
            {key: value for key, value in row.items() if key in chosen[name][0]}
            for row in grown(rows, animals=animals).to_dict("records")
        ]
    drawn = {path.stem for path in Path("results/report/figures").glob("*.svg")}
    whole = pd.read_parquet(COHORT_TABLES["outcomes"])
    names = sorted(whole["outcome"].unique(), key=lambda name: (slug(name) not in drawn, name))
    kept = names[:outcomes]
    inputs = {"listing": str(folder / "sessions.json"), "record": COHORT_TABLES["record"]}
    sources = {
        name: (path, name)
        for name, path in {
            **DRAWN,
            "completeness": COHORT_TABLES["completeness"],
            "calibration": SHUFFLES,
        }.items()
    }
    renamed = {"time_clusters": "timecourse_clusters", "behaviour_trials": "trials"}
    renamed |= {"unit_modulation": "modulation", "modulation_fractions": "fractions"}
    for name, (path, _) in sources.items():
        if path.endswith(".parquet"):
            table = pd.read_parquet(path)
        else:
            table = read_typed(path, TYPES.get(renamed.get(name, name), {}))
        if "outcome" in table and name in ("outcomes", "contrasts", "verdicts"):
            table = table[table["outcome"].isin(kept)]
        if name not in ("contrasts", "verdicts"):
            table = grown(table, animals=animals)
        inputs[name] = str(folder / Path(path).name)
        if path.endswith(".parquet"):
            table.to_parquet(inputs[name])
        else:
            write_text(table, inputs[name])
    listing = pd.DataFrame(json.loads(Path("results/report/assets/sessions.json").read_text()))
    listing = grown(listing.astype(object), animals=animals).to_dict("records")
    Path(inputs["listing"]).write_text(json.dumps(listing))
    few = folder / "few.parquet"
    pd.read_parquet(
        inputs["outcomes"], filters=[("outcome", "in", kept[: outcomes // 3])]
    ).to_parquet(few)
    inputs["figures"] = str(folder / "figures")

    def work() -> Callable[[], dict[str, Any]]:
        figures(inputs=SimpleNamespace(**inputs), outputs=[inputs["figures"]], settings=chosen)
        pages = {}
        for name, table in (("all", inputs["outcomes"]), ("few", str(few))):
            outputs = {
                key: str(folder / f"{name}.{key}.html") for key in ("page", "run", "sessions")
            }
            report(
                inputs=SimpleNamespace(**(inputs | {"outcomes": table})),
                outputs=SimpleNamespace(**outputs),
                settings=chosen,
            )
            pages[name] = Path(outputs["page"]).stat().st_size / 1e6
        return lambda: {
            "sessions": len(chosen["sessions"]),
            "outcomes": len(kept),
            "page_mb": round(pages["all"], 3),
            "per_outcome_mb": round((pages["all"] - pages["few"]) / (len(kept) - outcomes // 3), 4),
            "kb": figure_sizes(Path(inputs["figures"]), {slug(name) for name in kept}),
        }

    return work


def figure_sizes(folder: Path, outcomes: Collection[str]) -> dict[str, list[float]]:
    """Mean kB of the specification and of the drawing, by kind of figure."""
    found = defaultdict(list)
    for path in folder.glob("*.svg"):
        kind = next((name for name in KINDS if path.stem.startswith(name)), "")
        if path.stem in outcomes:
            kind = "outcome"
        elif not kind:
            kind = "survival" if path.stem.endswith("kaplan-meier") else "other"
        specification = path.with_suffix(".vl.json")
        found[kind].append((specification.stat().st_size, path.stat().st_size))
    return {
        kind: [round(sum(column) / len(column) / 1e3, 1) for column in zip(*pairs, strict=True)]
        for kind, pairs in sorted(found.items())
    }


def benchmark(
    folder: Path,
    *,
    where: Path = REPOSITORY,
    outcomes: Sequence[int] = OUTCOMES,
    animals: Sequence[int] = ANIMALS,
    sessions: Sequence[int] = GROWN,
    drawn: int = DRAWN_OUTCOMES,
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
    points = []
    for n_sessions in sessions:
        scratch = folder / f"report{n_sessions}"
        scratch.mkdir(exist_ok=True)
        found = run(
            MODULE, "drawing", scratch, where=str(where), sessions=n_sessions, outcomes=drawn
        )
        points.append({**found.facts, "cpu_s": found.process_s, "peak_mb": found.peak_mb})
    print_grown(points)
    content = {
        "versions": versions("altair", "jinja2", "pandas"),
        "limit": {"mb": LIMIT_MB, "outcomes": LIMIT_OUTCOMES, "grown_mb": GROWN_LIMIT_MB},
        "points": rows,
        "grown": points,
    }
    write_result("report_size", content, results)
    return content


def print_grown(points: Sequence[Mapping[str, Any]]) -> None:
    """Print the pages of the grown cohorts, and what of their figures grows."""
    print_table(
        f"The report's page of a grown cohort, all figures drawn (limit {GROWN_LIMIT_MB:g} MB)",
        ("sessions", "outcomes", "MB", "MB per outcome", "MB with 60 outcomes", "CPU s", "peak MB"),
        [
            (
                row["sessions"],
                row["outcomes"],
                row["page_mb"],
                row["per_outcome_mb"],
                round(
                    row["page_mb"] + (LIMIT_OUTCOMES - row["outcomes"]) * row["per_outcome_mb"], 1
                ),
                row["cpu_s"],
                row["peak_mb"],
            )
            for row in points
        ],
    )
    kinds = dict.fromkeys(kind for row in points for kind in row["kb"])
    print_table(
        "kB of a figure's files, specification + drawing",
        ("figure", *(f"{row['sessions']} sessions" for row in points)),
        [
            (kind, *("{:.0f} + {:.0f}".format(*row["kb"].get(kind, (0, 0))) for row in points))
            for kind in kinds
        ],
    )
