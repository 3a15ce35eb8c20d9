"""What ``python -m pipeline explain`` reads of a finished run, and how an outcome is chosen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.compare.rules import Rule, rules_of
from pipeline.errors import InputError
from pipeline.experiment.plan import AnalysisPlan
from pipeline.experiment.strict import did_you_mean
from pipeline.registry import metrics

if TYPE_CHECKING:
    import pandas as pd

#: columns of outcomes.parquet that a choice is made by, in the order of the messages
CHOICES = ("animal", "session", "condition", "context", "phase", "split_level")


@dataclass(frozen=True)
class Run:
    """A finished run, and of its tables the rows of one outcome.

    Attributes
    ----------
    results : Path
        Folder of the results.
    record : mapping
        ``cohort/run.json``.
    plan : AnalysisPlan
    rule : Rule
        How observations of the outcome's metric become values.
    outcome : str
        ``metric[/band][@region[~region_b]]``.
    outcomes, observations, contrasts, verdicts : DataFrame
        Rows of the outcome; text cells are "" where there is nothing.
    """

    results: Path
    record: Mapping[str, Any]
    plan: AnalysisPlan
    rule: Rule
    outcome: str
    outcomes: pd.DataFrame
    observations: pd.DataFrame
    contrasts: pd.DataFrame
    verdicts: pd.DataFrame


def read_run(results: Path, outcome: str) -> Run:
    """Read the rows of one outcome.

    Parameters
    ----------
    results : Path
        Folder ``results`` of a run that wrote its cohort tables.
    outcome : str
        As the report and ``outcomes.parquet`` name it.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        If there is no such run, or no such outcome in it.
    """
    import pandas as pd

    folder = results / "cohort"
    lacking = [
        name
        for name in ("run.json", "outcomes.parquet", "observations.parquet", "contrasts.tsv")
        if not (folder / name).is_file() or not (folder / name).stat().st_size
    ]
    if lacking:
        raise InputError(
            f"{folder}: found no {', '.join(lacking)}; expected the results of a run that reached "
            "its comparison (another folder? say --results FOLDER; or run snakemake first)"
        )
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    outcomes = pd.read_parquet(folder / "outcomes.parquet")
    rows = outcomes[outcomes["outcome"] == outcome]
    if rows.empty:
        raise InputError(_unknown(outcome, sorted(outcomes["outcome"].unique())))
    first = rows.iloc[0]
    plan = AnalysisPlan.model_validate(record["plan"])
    keys = [(name, "==", first[name]) for name in ("metric", "band", "region", "region_b")]
    tables = {}
    for name in ("contrasts", "verdicts"):
        table = pd.read_csv(folder / f"{name}.tsv", sep="\t", keep_default_na=False, dtype=str)
        tables[name] = table[table["outcome"] == outcome]
    return Run(
        results=results,
        record=record,
        plan=plan,
        rule=rules_of([first["metric"]], plan, metrics())[first["metric"]],
        outcome=outcome,
        outcomes=rows,
        observations=pd.read_parquet(folder / "observations.parquet", filters=keys),
        **tables,
    )


def _unknown(outcome: str, known: list[str]) -> str:
    names = f"; this run has {len(known)} outcomes, {', '.join(known[:5])}, ..."
    # a metric without its band or region is a common slip
    inside = [name for name in known if outcome and outcome.casefold() in name.casefold()]
    if inside:
        names = f"; outcomes with this in their name: {', '.join(inside[:8])}"
    return (
        f"OUTCOME: found {outcome!r}, which this run does not have{did_you_mean(outcome, known)}"
        f"{names} (cohort/outcomes.parquet)"
    )


def chosen(run: Run, wanted: Mapping[str, str | None]) -> pd.DataFrame:
    """Return the outcome's rows that were asked for.

    Parameters
    ----------
    run : Run
    wanted : mapping
        Column of CHOICES -> value, None for any; without a ``split_level`` those of whole epochs.

    Returns
    -------
    DataFrame
        Rows of ``run.outcomes``.

    Raises
    ------
    InputError
        If a value is not in the run, or nothing is left.
    """
    rows = run.outcomes
    for name in CHOICES:
        value = wanted.get(name)
        if name == "split_level" and value is None:
            rows = rows[rows["split"] == ""] if (rows["split"] == "").any() else rows
        elif value is not None:
            known = sorted(map(str, run.outcomes[name].unique()))
            if value not in known:
                raise InputError(
                    f"--{name.removesuffix('_level')}: found {value!r}"
                    f"{did_you_mean(value, known)}; {run.outcome} has "
                    f"{', '.join(filter(None, known))}"
                )
            rows = rows[rows[name] == value]
    if rows.empty:
        asked = ", ".join(f"{name} {value}" for name, value in wanted.items() if value)
        raise InputError(
            f"{run.outcome}: found no value of {asked} together; cohort/missing_cells.tsv says "
            "which cells are missing and why"
        )
    return rows
