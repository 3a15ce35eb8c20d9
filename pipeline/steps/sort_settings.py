"""What the rule ``sort`` depends on, and for which sessions there is one.

The Snakefile imports this module at every parse: no heavy imports.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import InputError, Problem
from pipeline.experiment import Experiment
from pipeline.experiment.model import Session
from pipeline.experiment.sorting_options import (
    SortingOptions,
    how_to_install,
    lacking_packages,
)
from pipeline.ingest.files import recording_files, sidecar
from pipeline.steps.code import code_of
from pipeline.steps.inputs import files_of, resolve, sortings
from pipeline.steps.paths import SORTED


def _options(experiment: Experiment) -> SortingOptions | None:
    """How recordings are sorted here; None where units come sorted."""
    options = experiment.config.spikes.sorting
    return options if isinstance(options, SortingOptions) else None


def is_sorted_here(experiment: Experiment, session: Session) -> bool:
    """Whether a session's recordings are sorted here.

    One with a sorting in the tables keeps that.
    """
    here = _options(experiment) is not None
    return here and bool(session.recordings) and not sortings(session)


def sorted_file(experiment: Experiment, session: Session) -> str:
    """Return where the units of a session that is sorted here lie; "" for the others."""
    here = is_sorted_here(experiment, session)
    return SORTED["sorted"].format(session=session.name) if here else ""


def recording_rows(experiment: Experiment, session: Session) -> list[dict[str, Any]]:
    """Return where a session's recordings lie and how they are read, in the tables' order."""
    return [
        {
            "path": resolve(experiment, recording.path),
            "format": recording.format,
            "starts_at_s": recording.starts_at_s,
            "label": recording.label,
            "stream": recording.stream,
        }
        for recording in session.recordings
    ]


def sort_settings(
    experiment: Experiment, session: Session, absent: Mapping[str, int]
) -> dict[str, Any]:
    """Return what ``sort`` depends on: recordings, channel rows, the sorter and how it is told.

    Parameters
    ----------
    experiment, session : Experiment, Session
        A session that :func:`is_sorted_here`.
    absent : mapping of str to int
        Files that a rule of this run will make, with their sizes.

    Raises
    ------
    InputError
        If the config says that units come sorted: the Snakefile asks for no such session.
    """
    config = experiment.config
    options = _options(experiment)
    if options is None:
        raise InputError(
            f"session {session.name}: found spikes.sorting: existing; expected a sorter, for "
            "its recordings are to be sorted here"
        )
    return {
        "session": session.name,
        "recordings": recording_rows(experiment, session),
        # Regions may be renamed without a new sort.
        "channels": [
            {"channel": c.channel, "shank": c.shank, "bad": c.bad} for c in session.channels
        ],
        "stream": config.recording.stream or "",
        # The units do not depend on the number of threads.
        "sorting": options.model_dump(mode="json", exclude={"jobs"}),
        "files": list(sort_files(experiment, session, absent).values()),
        "code": code_of("sort"),
    }


def _options_used(experiment: Experiment) -> SortingOptions | None:
    """How recordings are sorted here; None where those of no session are."""
    here = any(is_sorted_here(experiment, session) for session in experiment.included)
    return _options(experiment) if here else None


def sorting_problems(experiment: Experiment) -> list[Problem]:
    """List what keeps recordings from being sorted here: packages that are not installed.

    Parameters
    ----------
    experiment : Experiment
        As loaded.

    Returns
    -------
    list of Problem
        Empty where nothing is sorted here.
    """
    options = _options_used(experiment)
    if options is None:
        return []
    lacking = lacking_packages(options.run)
    if not lacking:
        return []
    file, sorter = experiment.config_path.name, options.run
    return [Problem(file, "spikes.sorting.run", repr(sorter), how_to_install(sorter, lacking))]


def parameter_problems(experiment: Experiment) -> list[Problem]:
    """List parameters that the sorter does not have; this imports the sorter, so only ``check``."""
    options = _options_used(experiment)
    if options is None or sorting_problems(experiment):
        return []
    from pipeline.spikes.sorting_parameters import sorter_parameters

    try:
        sorter_parameters(options.run, options.parameters)
    except InputError as error:
        return [Problem(experiment.config_path.name, "", "", str(error))]
    return []


def sort_files(
    experiment: Experiment, session: Session, absent: Mapping[str, int]
) -> dict[str, list[str | int]]:
    """Return the files of a session's recordings: path -> [path, bytes, mtime_ns].

    Logs and tracks are not among them: an edited log sorts nothing again.
    """
    named = [(resolve(experiment, r.path), r.format) for r in session.recordings]
    own = {str(file) for path, format in named for file in recording_files(path, format)}
    files = {
        path: stated
        for path, stated in files_of(experiment, session, absent).items()
        # What a rule will make is not there to be told apart; a log or track that lies in the
        # recording's folder is none of its files.
        if path in own
        or (path in absent and any(path == at or path.startswith(at + os.sep) for at, _ in named))
    }
    for path, _ in named:
        probe = _probe_file(path)
        if probe is not None:
            stat = probe.stat()
            files[str(probe)] = [str(probe), stat.st_size, stat.st_mtime_ns]
    return dict(sorted(files.items()))


def _probe_file(path: str) -> Path | None:
    """Return the probe file that the side-car of a raw binary file names, if it is there."""
    beside = sidecar(Path(path)) if Path(path).is_file() else None
    if beside is None:
        return None
    try:
        car = json.loads(beside.read_text(encoding="utf-8-sig"))
    except ValueError:
        return None  # the step that opens the recording says what is wrong with it
    probe = car.get("probe") if isinstance(car, dict) else None
    file = beside.parent / probe if isinstance(probe, str) else beside
    return file if file != beside and file.is_file() else None
