"""The one param of every rule: plain data in a fixed order, so that only what changed reruns.

Settings hold numbers, strings, lists and dicts only. A changed pydantic model or dataclass among
a rule's params reruns nothing, silently; sets rerun everything, always.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.experiment import Experiment, anchor_rows, session_rows
from pipeline.experiment.behaviour_mapping import BehaviourMapping
from pipeline.experiment.blinding import shown, shown_config
from pipeline.experiment.lfp_options import LfpOptions
from pipeline.experiment.model import Session
from pipeline.experiment.movement_options import MEASURED, TrackOptions, session_cells
from pipeline.experiment.sessions import is_aligned
from pipeline.steps.code import LIBRARIES, ROOMS, code_of, code_of_steps
from pipeline.steps.inputs import files_of, named_paths, resolve, sortings
from pipeline.steps.made_of import made_of_settings
from pipeline.steps.provenance import code_hash, versions
from pipeline.steps.record import recorded_config, recorded_files
from pipeline.steps.session_times import administrations_of, contexts_of
from pipeline.steps.sort_settings import is_sorted_here, recording_rows, sorted_file
from pipeline.steps.unblinding import statement


def extract_settings(
    experiment: Experiment, session: Session, absent: Mapping[str, int]
) -> dict[str, Any]:
    """Return what ``extract`` depends on: files, channel rows, how to read logs, the LFP's rate."""
    config = experiment.config
    formats = config.behaviour.formats
    aligned = {
        log.format: bool(session.recordings) and is_aligned(config, log.format)
        for log in session.behaviours
    }
    return {
        "session": session.name,
        "animal": session.animal,
        "recordings": [
            row | {"sorting": resolve(experiment, own.sorting) if own.sorting else ""}
            for row, own in zip(
                recording_rows(experiment, session), session.recordings, strict=True
            )
        ],
        "sorting": resolve(experiment, session.sorting) if session.sorting else "",
        "sorted": sorted_file(experiment, session),
        "behaviours": [
            {
                "path": resolve(experiment, log.path),
                "format": log.format,
                "starts_at_s": log.starts_at_s,
                "task": log.label,
                "aligned": aligned[log.format],
                "mapping": mapping_of(formats[log.format], session)
                if log.format in formats
                else None,
            }
            for log in session.behaviours
        ],
        "sync": config.sync.model_dump(mode="json") if any(aligned.values()) else None,
        "movement": resolve(experiment, session.movement) if session.movement else "",
        "movement_columns": {
            **config.movement.model_dump(mode="json", include=set(TrackOptions.model_fields)),
            "speed_column": config.movement.speed_column,
            "speed_unit": config.movement.speed_unit,
        },
        "channels": [
            {"channel": c.channel, "region": c.region, "shank": c.shank, "bad": c.bad}
            for c in session.channels
        ],
        "stream": config.recording.stream or "",
        "rate_hz": config.lfp.rate_hz,
        "pass_band_hz": config.recording.pass_band_hz,
        "reference": config.lfp.reference,
        "bad_channels": config.lfp.bad_channels,
        "line_noise_hz": config.recording.line_noise_hz,
        "files": list(files_of(experiment, session, absent).values()),
        "code": code_of("extract"),
    }


def mapping_of(mapping: BehaviourMapping, session: Session) -> dict[str, Any]:
    """Return a mapping of logs with the lab's own columns of sessions.tsv filled in.

    ``{column}`` in ``sheet`` and in ``rows`` is the session's cell of that column; only the cells
    that a mapping names are read, so that no other change of the column reads the log again.
    """

    def fill(text: str) -> str:
        for name, cell in session.factors.items():
            text = text.replace(f"{{{name}}}", cell)
        return text

    filled = {
        "rows": {column: fill(value) for column, value in mapping.rows.items()},
        "sheet": mapping.sheet and fill(mapping.sheet),
    }
    return mapping.model_copy(update=filled).model_dump(mode="json")


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
        "baseline_context": config.design.baseline_context,
        "contexts": contexts_of(session),
        "administrations_s": administrations_of(experiment, session),
        "handling_s": list(config.design.handling_s),
        "options": {
            "design": {
                "minimum_epoch_s": config.design.minimum_epoch_s,
                "baseline_context": config.design.baseline_context,
            },
            "recording": {"line_noise_hz": config.recording.line_noise_hz},
            "lfp": _measured_lfp(config.lfp),
            "spikes": config.spikes.model_dump(mode="json", exclude={"sorting"}),
            "flexibility": config.flexibility.model_dump(mode="json"),
            "movement": config.movement.model_dump(mode="json", include=MEASURED)
            | {"zones": config.movement.session_zones(session_cells(session))},
        },
        "code": code_of("measure"),
    }


def _measured_lfp(lfp: LfpOptions) -> dict[str, Any]:
    """Return the options of the LFP's measures, with the pairs of bands that the config implies."""
    options = lfp.model_dump(mode="json", exclude={"rate_hz", "bad_channels"})
    options["phase_amplitude"]["pairs"] = [list(pair) for pair in lfp.phase_amplitude_pairs]
    return options


def _record(experiment: Experiment, absent: Mapping[str, int]) -> dict[str, Any]:
    """Return what the run's record holds beside the other settings of ``cohort``.

    Only what reruns the cohort anyhow: the code of report and pages is not in it.
    """
    before = ("extract", "measure", "cohort")
    libraries = {name for step in before for name in LIBRARIES[step]}
    return {
        "blinded": experiment.plan.blind,
        "config": recorded_config(experiment.config, blind=experiment.plan.blind),
        "files": {
            session.name: recorded_files(
                [(cell, resolve(experiment, cell)) for cell in named_paths(session)],
                files_of(experiment, session, absent),
            )
            for session in experiment.included
        },
        "code": {step: code_hash(*ROOMS[step]) for step in before},
        "versions": versions(*sorted(libraries)),
    }


def cohort_settings(
    experiment: Experiment, absent: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Return what ``cohort`` depends on: design columns, exclusions, plan, the run's record.

    Parameters
    ----------
    experiment : Experiment
        As loaded; while blind, its codes are taken.
    absent : mapping of str to int, optional
        Files that a rule of this run will make, with their sizes.
    """
    experiment = shown(experiment)
    return {
        "plan": experiment.plan.model_dump(mode="json"),
        "anchors": anchor_rows(experiment),
        "sessions": session_rows(experiment),
        "inputs": [
            {
                "session": session.name,
                "recording": bool(session.recordings),
                "sorting": bool(sortings(session)) or is_sorted_here(experiment, session),
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
        "record": _record(experiment, absent or {}),
        "code": code_of("cohort"),
    }


def spectra_settings(experiment: Experiment) -> dict[str, Any]:
    """Return what ``spectra`` depends on: design columns, plan, mains and segments of the LFP.

    What the plan says of other outcomes, of priorities and of smallest effects is not in it.
    """
    experiment = shown(experiment)
    compared = ("conditions", "contexts", "phases", "questions", "seed", *_MEANS, *_BASELINES)
    known = _who_had_what(experiment, *compared)
    rules = {k: v for k, v in experiment.plan.baseline.items() if k == "band_power"}
    return {
        **known,
        "plan": known["plan"] | {"baseline": rules},
        "line_noise_hz": experiment.config.recording.line_noise_hz,
        "segment_s": experiment.config.lfp.segment_s,
        "time_course": experiment.config.lfp.time_course.model_dump(mode="json"),
        "handling_s": list(experiment.config.design.handling_s),
        "code": code_of("spectra"),
    }


#: what means over animals need of the plan, and what a baseline needs
_MEANS = ("unit", "factors", "alpha", "blind")
_BASELINES = ("baseline_phase", "baseline_context", "minimum_epoch_s")


def _part_of_plan(experiment: Experiment, keys: Iterable[str]) -> dict[str, Any]:
    """Return a plan that says what a step reads of it; the rest is empty or its default."""
    empty: dict[str, Any] = {"title": "", "species": ""}
    empty |= {"conditions": [], "contexts": [], "phases": [], "questions": []}
    return empty | experiment.plan.model_dump(mode="json", include=set(keys))


def _who_had_what(experiment: Experiment, *keys: str) -> dict[str, Any]:
    """Those keys of the plan; anchors; sessions, without the cells that are never joined."""
    return {
        "plan": _part_of_plan(experiment, keys),
        "anchors": anchor_rows(experiment),
        "sessions": [row | {"start": "", "exclude": ""} for row in session_rows(experiment)],
    }


def behaviour_settings(experiment: Experiment) -> dict[str, Any]:
    """Return what ``behaviour`` depends on: design columns, task, unit and level.

    All error schemes are in its tables: which one is configured matters to the figures only.
    """
    experiment = shown(experiment)
    task = experiment.config.flexibility.task
    return {
        **_who_had_what(experiment, *_MEANS),
        "task": task.model_dump(mode="json") if task else None,
        "code": code_of("behaviour"),
    }


def spikes_settings(experiment: Experiment) -> dict[str, Any]:
    """Return what ``spikes`` depends on: design columns, unit, level, and what time is shown."""
    experiment = shown(experiment)
    return {
        **_who_had_what(experiment, *_MEANS, *_BASELINES, "minimum_units"),
        "time_course": experiment.config.lfp.time_course.model_dump(mode="json"),
        "code": code_of("spikes"),
    }


def shuffles_settings(experiment: Experiment) -> dict[str, Any]:
    """Return what ``shuffles`` depends on beside the outcomes: the plan, and how many."""
    return {
        "plan": shown(experiment).plan.model_dump(mode="json"),
        "calibrate": experiment.config.statistics.calibrate,
        "code": code_of("shuffles"),
    }


def tables_settings(experiment: Experiment) -> dict[str, Any]:
    """Return what the copies for people depend on beside the cohort's tables: the title."""
    return {"title": shown(experiment).plan.title, "code": code_of("tables")}


def report_settings(experiment: Experiment) -> dict[str, Any]:
    """Return what figures and report depend on beside the cohort's tables."""
    experiment = shown(experiment)
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
        "config": shown_config(experiment),
        "error_scheme": experiment.config.flexibility.error_scheme,
        "blinding": statement(experiment, code_of_steps()),
        "sessions": session_rows(experiment),
        "anchors": routes,
        # sham and pretreatment too: handling is cut out around each of them
        "administrations": [
            {"session": given.session, "time_s": given.time_s}
            for given in experiment.administrations
            if given.session and given.time_s is not None
        ],
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
        "versions": versions(*sorted({name for names in LIBRARIES.values() for name in names})),
        "made_of": made_of_settings(experiment),
        "code": code_of("report"),
    }


def figures_settings(experiment: Experiment) -> dict[str, Any]:
    """Return what the figures depend on beside the cohort's tables."""
    return {
        "plan": shown(experiment).plan.model_dump(mode="json"),
        "error_scheme": experiment.config.flexibility.error_scheme,
        "code": code_of("report"),
    }


def pages_settings(experiment: Experiment) -> dict[str, Any]:
    """Return what the session pages depend on beside the sessions' files."""
    task = experiment.config.flexibility.task
    around = experiment.config.lfp.time_course
    return {
        "title": experiment.plan.title,
        "sessions": [
            {
                "session": session.name,
                "animal": session.animal,
                "recordings": [f"{r.path} ({r.format})" for r in session.recordings],
                "behaviours": [f"{b.path} ({b.format})" for b in session.behaviours],
                "contexts": contexts_of(session),
                "administrations_s": administrations_of(experiment, session),
            }
            for session in experiment.included
        ],
        "handling_s": list(experiment.config.design.handling_s),
        "baseline_phase": experiment.config.design.baseline_phase,
        "contexts": list(experiment.plan.contexts),
        "phases": [experiment.config.design.baseline_phase, *experiment.plan.phases],
        "around_s": [around.before_s, around.after_s],
        "task": task.model_dump(mode="json") if task else None,
        "error_scheme": experiment.config.flexibility.error_scheme,
        "code": code_of("pages"),
    }
