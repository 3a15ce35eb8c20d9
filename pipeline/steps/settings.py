"""The one param of every rule: plain data in a fixed order, so that only what changed reruns.

Settings hold numbers, strings, lists and dicts only. A changed pydantic model or dataclass among
a rule's params reruns nothing, silently; sets rerun everything, always.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import Problem
from pipeline.experiment import Experiment, anchor_rows, session_rows
from pipeline.experiment.model import Session
from pipeline.ingest.files import behaviour_files, recording_files, sorting_files
from pipeline.steps.provenance import code_hash, versions

#: time of change that the generator of the sample gives to its files: 2026-01-01 00:00 UTC
SAMPLE_MTIME_NS = 1_767_225_600 * 10**9
_CORE = ("metric.py", "errors.py", "files.py", "intervals.py")
_ROOMS = {
    "extract": (
        *_CORE,
        "ingest",
        "lfp",
        "spikes",
        "experiment/behaviour_mapping.py",
        "steps/extract.py",
        "steps/guard.py",
        "steps/outcomes_check.py",
    ),
    "measure": (
        *_CORE,
        "ingest",
        "lfp",
        "spikes",
        "flexibility",
        "experiment/task.py",
        "registry.py",
        "steps/measure.py",
        "steps/session_data.py",
        "steps/epoch_tables.py",
        "steps/extract.py",
        "steps/guard.py",
    ),
    "cohort": (
        *_CORE,
        "registry.py",
        "compare",
        "experiment/plan.py",
        "steps/cohort.py",
        "steps/measure.py",
    ),
    "report": (*_CORE, "registry.py", "compare", "report", "experiment/plan.py", "steps/report.py"),
    "pages": (*_CORE, "flexibility", "experiment/task.py", "report", "steps/pages.py"),
}
_LIBRARIES = {
    "extract": (
        "h5netcdf",
        "neo",
        "numpy",
        "pandas",
        "pyarrow",
        "pynwb",
        "scipy",
        "spikeinterface",
        "xarray",
    ),
    "measure": ("h5netcdf", "numpy", "pandas", "pyarrow", "scipy", "xarray"),
    "cohort": ("numpy", "pandas", "pyarrow", "scipy", "statsmodels"),
    "report": ("altair", "jinja2", "pandas", "scipy", "vl-convert-python"),
    "pages": ("altair", "pandas", "xarray", "jinja2"),
}


def _code(step: str) -> dict[str, Any]:
    return {"hash": code_hash(*_ROOMS[step]), "versions": versions(*_LIBRARIES[step])}


def _resolve(experiment: Experiment, path: str) -> str:
    """Return a table's path as seen from the working directory (absolute stays absolute).

    Relative, so that a checkout that is moved or renamed reruns nothing.
    """
    if Path(path).is_absolute():
        return path
    return os.path.relpath(experiment.config_path.parent / path)


def _stated(path: str) -> list[str | int]:
    stat = Path(path).stat()
    return [path, stat.st_size, stat.st_mtime_ns]


def session_files(experiment: Experiment, session: Session) -> list[str]:
    """List the existing files that a session is made of; never a folder.

    A missing file is not listed: the session fails with that reason instead of stopping the run.
    """
    files: list[Path] = []
    for recording in session.recordings:
        files += recording_files(_resolve(experiment, recording.path), recording.format)
    if session.sorting:
        files += sorting_files(_resolve(experiment, session.sorting))
    for behaviour in session.behaviours:
        files += behaviour_files(_resolve(experiment, behaviour.path))
    if session.movement:
        files += behaviour_files(_resolve(experiment, session.movement))
    return sorted({str(file) for file in files})


def sample_folder(repository: Path) -> Path:
    """Return where the sample recordings lie."""
    return repository / "sample_data" / "recordings"


def missing_sample(repository: Path, config: Path) -> dict[str, int]:
    """Return the sample's files (path -> bytes) if the sample is to be run and is not there yet.

    ``sample_data/files.tsv`` lists what the generator writes; with it the workflow can plan the
    sessions before the sample exists, and finds nothing changed afterwards.
    """
    folder = sample_folder(repository)
    if config.resolve() != (repository / "config" / "config.yaml").resolve() or folder.exists():
        return {}
    with (repository / "sample_data" / "files.tsv").open(newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    return {os.path.relpath(folder / row["file"]): int(row["bytes"]) for row in rows}


def files_of(
    experiment: Experiment, session: Session, absent: Mapping[str, int]
) -> dict[str, list[str | int]]:
    """Return a session's files with size and time of change, planned ones included.

    Parameters
    ----------
    experiment, session : Experiment, Session
        Whose files.
    absent : mapping of str to int
        Files that a rule of this run will make, with their sizes.

    Returns
    -------
    dict
        Path -> [path, bytes, mtime_ns].
    """
    named = [recording.path for recording in session.recordings]
    named += [log.path for log in session.behaviours]
    named += [path for path in (session.sorting, session.movement) if path]
    places = [_resolve(experiment, path) for path in named]
    planned = {
        file: [file, size, SAMPLE_MTIME_NS]
        for file, size in absent.items()
        if any(file == place or file.startswith(place + os.sep) for place in places)
    }
    found = {file: _stated(file) for file in session_files(experiment, session)}
    return dict(sorted({**planned, **found}.items()))


def absent_files(experiment: Experiment) -> list[Problem]:
    """List every file that the tables name and that is not there (one problem per table cell)."""
    problems = []
    for session in experiment.included:
        cells = [("recording", recording.path) for recording in session.recordings]
        cells += [("behaviour", log.path) for log in session.behaviours]
        cells += [("sorting", session.sorting), ("movement", session.movement)]
        for column, path in cells:
            if path and not Path(_resolve(experiment, path)).exists():
                problems.append(
                    Problem(
                        experiment.config.tables.sessions,
                        f"row {session.line}, column {column}",
                        repr(path),
                        "a file or folder, relative to the config file; there is none",
                    )
                )
    return problems


def extract_settings(
    experiment: Experiment, session: Session, absent: Mapping[str, int]
) -> dict[str, Any]:
    """Return what ``extract`` depends on: files, channel rows, how to read logs, the LFP's rate."""
    config = experiment.config
    formats = config.behaviour.formats
    return {
        "session": session.name,
        "animal": session.animal,
        "recordings": [
            {
                "path": _resolve(experiment, recording.path),
                "format": recording.format,
                "starts_at_s": recording.starts_at_s,
                "label": recording.label,
            }
            for recording in session.recordings
        ],
        "sorting": _resolve(experiment, session.sorting) if session.sorting else "",
        "behaviours": [
            {
                "path": _resolve(experiment, log.path),
                "format": log.format,
                "starts_at_s": log.starts_at_s,
                "mapping": formats[log.format].model_dump(mode="json")
                if log.format in formats
                else None,
            }
            for log in session.behaviours
        ],
        "movement": _resolve(experiment, session.movement) if session.movement else "",
        "movement_columns": {
            "time_column": config.movement.time_column,
            "speed_column": config.movement.speed_column,
            "unit": config.movement.speed_unit,
        },
        "channels": [
            {"channel": c.channel, "region": c.region, "shank": c.shank, "bad": c.bad}
            for c in session.channels
        ],
        "stream": config.recording.stream or "",
        "rate_hz": config.lfp.rate_hz,
        "files": list(files_of(experiment, session, absent).values()),
        "code": _code("extract"),
    }


def measure_settings(experiment: Experiment, session: Session) -> dict[str, Any]:
    """Return what ``measure`` depends on: epochs (times, no drug) and the options of metrics."""
    config = experiment.config
    return {
        "session": session.name,
        "animal": session.animal,
        "epochs": [
            {
                "context": epoch.context,
                "phase": epoch.phase,
                "interval": epoch.interval,
                "start_s": epoch.start_s,
                "stop_s": epoch.stop_s,
                "anchor": epoch.anchor,
                "step": epoch.step,
                "since_dose_zero_s": epoch.since_dose_zero_s,
            }
            for epoch in experiment.epochs[session.name]
        ],
        "baseline_phase": config.design.baseline_phase,
        "options": {
            "recording": {"line_noise_hz": config.recording.line_noise_hz},
            "lfp": config.lfp.model_dump(mode="json", exclude={"rate_hz"}),
            "spikes": config.spikes.model_dump(mode="json", exclude={"minimum_units"}),
            "flexibility": config.flexibility.model_dump(mode="json"),
            "movement": config.movement.model_dump(
                mode="json", exclude={"time_column", "speed_column", "speed_unit"}
            ),
        },
        "code": _code("measure"),
    }


def cohort_settings(experiment: Experiment) -> dict[str, Any]:
    """Return what ``cohort`` depends on: the design columns, the exclusions and the plan."""
    return {
        "plan": experiment.plan.model_dump(mode="json"),
        "anchors": anchor_rows(experiment),
        "sessions": session_rows(experiment),
        "inputs": [
            {
                "session": session.name,
                "recording": bool(session.recordings),
                "sorting": bool(session.sorting),
                "behaviour": bool(session.behaviours),
                "movement": bool(session.movement),
                "channels": bool(session.channels),
            }
            for session in experiment.sessions
        ],
        "measurements": [
            {
                "animal": m.animal,
                "session": m.session,
                "outcome": m.outcome,
                "value": m.value,
                "censored": m.censored,
                "context": m.context,
                "phase": m.phase,
                "anchor": m.anchor,
                "step": m.step,
            }
            for m in experiment.measurements
        ],
        "code": _code("cohort"),
    }


def report_settings(experiment: Experiment) -> dict[str, Any]:
    """Return what figures and report depend on beside the cohort's tables."""
    config = experiment.config
    routes = [
        {
            "condition": anchor.condition,
            "drug": anchor.administration.drug,
            "dose_mg_per_kg": anchor.administration.dose_mg_per_kg,
            "route": anchor.administration.route,
            "session": anchor.administration.session,
            "animal": anchor.administration.animal,
            "time_s": anchor.administration.time_s,
            "step": anchor.step,
            "period": anchor.period,
        }
        for anchor in experiment.anchors.values()
    ]
    return {
        "plan": experiment.plan.model_dump(mode="json"),
        "config": config.model_dump(mode="json", exclude={"tables"}),
        "sessions": session_rows(experiment),
        "anchors": routes,
        "contexts": [
            {
                "session": session.name,
                "context": interval.context,
                "start_s": interval.start_s,
                "stop_s": interval.stop_s,
            }
            for session in experiment.included
            for interval in session.contexts
        ],
        "warnings": [str(warning) for warning in experiment.warnings],
        "versions": versions(*sorted({name for names in _LIBRARIES.values() for name in names})),
        "code": _code("report"),
    }


def figures_settings(experiment: Experiment) -> dict[str, Any]:
    """Return what the figures depend on beside the cohort's tables."""
    return {"plan": experiment.plan.model_dump(mode="json"), "code": _code("report")}


def pages_settings(experiment: Experiment) -> dict[str, Any]:
    """Return what the session pages depend on beside the sessions' files."""
    task = experiment.config.flexibility.task
    return {
        "title": experiment.plan.title,
        "sessions": [
            {
                "session": session.name,
                "animal": session.animal,
                "recordings": [f"{r.path} ({r.format})" for r in session.recordings],
                "behaviours": [f"{b.path} ({b.format})" for b in session.behaviours],
                "contexts": [
                    {"context": c.context, "start_s": c.start_s, "stop_s": c.stop_s}
                    for c in session.contexts
                ],
                "administrations_s": sorted(
                    dose.time_s
                    for dose in experiment.administrations
                    if dose.session == session.name and dose.time_s is not None
                ),
            }
            for session in experiment.included
        ],
        "handling_s": list(experiment.config.design.handling_s),
        "task": task.model_dump(mode="json") if task else None,
        "error_scheme": experiment.config.flexibility.error_scheme,
        "code": _code("pages"),
    }
