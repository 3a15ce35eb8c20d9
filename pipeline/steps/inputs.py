"""Which files a session is made of: what the tables name, what lies there, what is missing.

The Snakefile imports this module at every parse: no heavy imports.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import Problem
from pipeline.experiment import Experiment
from pipeline.experiment.model import Session
from pipeline.ingest.files import behaviour_files, recording_files, sorting_files

#: time of change that the generator of the sample gives to its files: 2026-01-01 00:00 UTC
SAMPLE_MTIME_NS = 1_767_225_600 * 10**9


def resolve(experiment: Experiment, path: str) -> str:
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
        files += recording_files(resolve(experiment, recording.path), recording.format)
    for sorting in sortings(session):
        files += sorting_files(resolve(experiment, sorting))
    for behaviour in session.behaviours:
        files += behaviour_files(resolve(experiment, behaviour.path))
    if session.movement:
        files += behaviour_files(resolve(experiment, session.movement))
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


def named_paths(session: Session) -> list[str]:
    """Return the paths that the tables give for a session, as written."""
    named = [recording.path for recording in session.recordings]
    named += [log.path for log in session.behaviours]
    named += sortings(session)
    return [*named, session.movement] if session.movement else named


def sortings(session: Session) -> list[str]:
    """Return the sortings of a session, each once: its own and those of its recordings."""
    named = [session.sorting, *(recording.sorting for recording in session.recordings)]
    return list(dict.fromkeys(path for path in named if path))


def files_of(
    experiment: Experiment, session: Session, absent: Mapping[str, int]
) -> dict[str, list[str | int]]:
    """Return a session's files with size and time of change, planned ones included.

    What lies on the disk is looked at once for each experiment that is loaded. A file that changes
    later does not change the params of a run that began before: the next run finds it changed.

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
    places = [resolve(experiment, path) for path in named_paths(session)]
    planned: dict[str, list[str | int]] = {
        file: [file, size, SAMPLE_MTIME_NS]
        for file, size in absent.items()
        if any(file == place or file.startswith(place + os.sep) for place in places)
    }
    if planned:  # once the rule has made them, they are as they lie there
        found = _listed(experiment, session)
    else:
        seen = (session.name, *places)
        if seen not in experiment.listed:
            experiment.listed[seen] = _listed(experiment, session)
        found = experiment.listed[seen]
    return dict(sorted({**planned, **found}.items()))


def _listed(experiment: Experiment, session: Session) -> dict[str, list[str | int]]:
    return {file: _stated(file) for file in session_files(experiment, session)}


def absent_files(experiment: Experiment) -> list[Problem]:
    """List every file that the tables name and that is not there (one problem per table cell)."""
    problems = []
    for session in experiment.included:
        tables = experiment.config.tables
        cells = [
            (tables.sessions, session.line, "sorting", session.sorting),
            (tables.sessions, session.line, "movement", session.movement),
        ]
        for table, column, refs in (
            (tables.recordings, "recording", session.recordings),
            (tables.behaviours, "behaviour", session.behaviours),
        ):
            for ref in refs:
                listed = (table or "", ref.line) if ref.line else (tables.sessions, session.line)
                cells.append((*listed, "file" if ref.line else column, ref.path))
                cells.append((*listed, "sorting", ref.sorting))
        for file, line, column, path in cells:
            if path and not Path(resolve(experiment, path)).exists():
                problems.append(
                    Problem(
                        file,
                        f"row {line}, column {column}",
                        repr(path),
                        "a file or folder, relative to the config file; there is none",
                    )
                )
    return problems
