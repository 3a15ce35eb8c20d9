"""The cohort: design columns joined to all observations, then outcomes, contrasts and verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.compare import build_outcomes, compare
from pipeline.experiment.design import ANCHOR_COLUMNS
from pipeline.experiment.plan import AnalysisPlan
from pipeline.registry import metrics
from pipeline.steps.extract import write_parquet
from pipeline.steps.guard import read_status, write_json
from pipeline.steps.measure import COLUMNS
from pipeline.steps.record import run_record
from pipeline.steps.typed import write_text

#: leading columns of observations.parquet; the lab's factors follow
OBSERVATION_COLUMNS = (
    "session",
    "animal",
    "sex",
    "cohort",
    "cage",
    "stage",
    "condition",
    "drug",
    "dose_mg_per_kg",
    "pretreatment",
    "dosing_context",
    "anchor",
    "step",
    "period",
    "previous_condition",
    "days_since_previous",
    "n_prior_doses",
    *COLUMNS[COLUMNS.index("context") :],
)
_ANCHOR_NUMBERS = ("dose_mg_per_kg", "period", "days_since_previous", "n_prior_doses")


def cohort(*, inputs: Any, outputs: Any, settings: Mapping[str, Any]) -> None:
    """Compare: from the sessions' observations to contrasts and verdicts.

    Parameters
    ----------
    inputs : object
        ``extracts``, ``measures`` (status files) and ``observations``, in one order.
    outputs : object
        Attributes named as :data:`pipeline.steps.paths.COHORT_TABLES`.
    settings : mapping
        :func:`pipeline.steps.settings.cohort_settings`.
    """
    plan = AnalysisPlan.model_validate(settings["plan"])
    statuses = _statuses(inputs)
    observations = join_design(_observations(inputs, settings), settings)
    write_parquet(observations, Path(outputs.observations))
    outcomes = build_outcomes(observations, plan, metrics())
    write_parquet(outcomes.table, Path(outputs.outcomes))
    write_text(outcomes.dropped, outputs.missing)
    result = compare(outcomes.table, plan, metrics())
    write_text(result.contrasts, outputs.contrasts)
    write_text(result.verdicts, outputs.verdicts)
    write_text(completeness(statuses, settings), outputs.completeness)
    write_json(Path(outputs.record), run_record(observations, settings))


def _statuses(inputs: Any) -> dict[str, dict[str, dict[str, Any]]]:
    """Return session -> step -> status."""
    statuses: dict[str, dict[str, dict[str, Any]]] = {}
    for step, paths in (("extract", inputs.extracts), ("measure", inputs.measures)):
        for path in map(Path, paths):
            statuses.setdefault(path.parent.name, {})[step] = read_status(path)
    return statuses


def _observations(inputs: Any, settings: Mapping[str, Any]) -> pd.DataFrame:
    """All sessions' observations (failed sessions left empty files) and the measurements."""
    tables = [pd.read_parquet(p) for p in map(Path, inputs.observations) if p.stat().st_size]
    declared = settings["plan"]["declared"]
    measured = [
        {
            "session": row["session"],
            "animal": row["animal"],
            "anchor": row["anchor"],
            "step": row["step"],
            "context": row["context"],
            "phase": row["phase"],
            "interval": 0,
            "entity": "animal",
            "metric": row["outcome"],
            "value": row["value"],
            "value_unit": declared[row["outcome"]]["value_unit"],
            "censored": row["censored"],
        }
        for row in settings["measurements"]
    ]
    if measured:
        table = pd.DataFrame(measured, columns=list(COLUMNS))
        texts = ["split", "split_level", "region", "region_b", "unit_id", "band"]
        table[[*texts, "n_effective_unit"]] = ""
        tables.append(table)
    tables = [table for table in tables if len(table)]
    if not tables:
        return pd.DataFrame(columns=list(COLUMNS))
    numbers = ["start_s", "stop_s", "seconds", "since_dose_s", "n_effective", "value"]
    return pd.concat(
        [table.astype(dict.fromkeys(numbers, "float64")) for table in tables], ignore_index=True
    )


def join_design(observations: pd.DataFrame, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Join condition, dose, history and the animals' columns; only here do labels enter.

    Parameters
    ----------
    observations : DataFrame
        Columns of :data:`pipeline.steps.measure.COLUMNS`.
    settings : mapping
        With ``anchors`` (rows by anchor) and ``sessions`` (rows by session).

    Returns
    -------
    DataFrame
        OBSERVATION_COLUMNS, then the lab's own factors.
    """
    anchors = pd.DataFrame(settings["anchors"], columns=list(ANCHOR_COLUMNS))
    for column in _ANCHOR_NUMBERS:
        anchors[column] = pd.to_numeric(anchors[column]) if len(anchors) else []
    sessions = pd.DataFrame(settings["sessions"]).drop(columns=["animal", "start", "exclude"])
    joined = observations.merge(anchors, on="anchor", how="left", validate="m:1")
    joined = joined.merge(sessions, on="session", how="left", validate="m:1")
    factors = list(settings["plan"]["factors"])
    return joined[[*OBSERVATION_COLUMNS, *factors]]


def completeness(
    statuses: Mapping[str, Mapping[str, Mapping[str, Any]]], settings: Mapping[str, Any]
) -> pd.DataFrame:
    """Return one row per session: what was read, what worked, why not, what was excluded.

    Columns: session, animal, excluded, exclude_reason, then yes/no/"" for recording, sorting,
    behaviour, movement, channels; extract and measure (ok, failed, skipped or ""); reason;
    warnings; facts as the steps state them.
    """
    given = {row["session"]: row for row in settings["inputs"]}
    rows = []
    for session in settings["sessions"]:
        name = session["session"]
        steps = statuses.get(name, {})
        states = {step: steps.get(step, {}).get("state", "") for step in ("extract", "measure")}
        read = states["extract"] == "ok"
        failed = next((s for s in steps.values() if s["state"] != "ok"), None)
        facts: dict[str, Any] = {}
        warnings: list[str] = []
        for status in steps.values():
            facts |= status.get("facts", {})
            warnings += status.get("warnings", [])
        rows.append(
            {
                "session": name,
                "animal": session["animal"],
                "excluded": "yes" if session["exclude"] else "no",
                "exclude_reason": session["exclude"],
                **{
                    kind: ("yes" if read else "no") if given[name][kind] else ""
                    for kind in ("recording", "sorting", "behaviour", "movement", "channels")
                },
                **states,
                "reason": f"{failed['step']}: {failed['reason']}" if failed else "",
                "warnings": "; ".join(warnings),
                **{key: _plain(value) for key, value in facts.items()},
            }
        )
    return pd.DataFrame(rows)


def _plain(value: Any) -> Any:
    """Return a fact as one cell."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return "; ".join(f"{key}: {item}" for key, item in value.items())
    return value
