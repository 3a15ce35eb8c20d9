"""The record of a run, ``results/cohort/run.json``: what its results were made of.

It holds what ``python -m pipeline diff`` compares beside the cohort's tables: the config as it was
parsed, the sessions' input files, the design columns, the code, the libraries and the seed. It
holds no time stamp, host or absolute path, so that the same inputs give the same bytes; those stand
in results/report/run.html. Nothing reads it to compute anything.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.experiment.config import Config

#: raised when the meaning of a key changes; diff says so when two records differ in it
FORMAT = 1

#: sections of the config in which no drug, dose, condition or title can stand
_BLIND_SECTIONS = ("recording", "lfp", "spikes", "movement", "statistics")


def recorded_config(config: Config, *, blind: bool | None = None) -> dict[str, Any]:
    """Return the config as parsed, defaults filled in; of a blinded one what cannot unblind.

    Parameters
    ----------
    config : Config
        The experiment's. Of a blinded experiment only the sections in which no drug can be named
        are kept: a copy of the whole would undo the codes.
    blind : bool, optional
        Whether codes are shown; by default what the config says (a record of unblinding opens a
        blinded experiment).
    """
    if config.statistics.blind if blind is None else blind:
        return config.model_dump(mode="json", include=set(_BLIND_SECTIONS))
    # where the tables lie says nothing of what they hold, and may be an absolute path; what the lab
    # tells of its animals enters no computation, and a word more of it must not rerun the cohort
    return config.model_dump(mode="json", exclude={"tables", "reporting"})


def recorded_files(
    places: Iterable[tuple[str, str]], files: Mapping[str, list[str | int]]
) -> list[dict[str, Any]]:
    """Name each file as the lab's table does, with its size.

    Parameters
    ----------
    places : iterable of (str, str)
        A cell of the tables as written, and the path that it means.
    files : mapping
        Path -> [path, bytes, mtime_ns]; the time of change is left out.

    Returns
    -------
    list of dict
        ``file`` and ``bytes``, in the order of the names. An absolute cell keeps its last part
        only, so that data that was moved is the same data.
    """
    roots = []
    for cell, place in places:
        written = PurePosixPath(cell)
        label = PurePosixPath(written.name) if written.is_absolute() else written
        roots.append((Path(place).parent, label.parent))
    rows = []
    for stated in files.values():
        path, size = Path(str(stated[0])), int(stated[1])
        # from the named file's folder on: a header or a second stream lies beside what is named
        inside = [
            label / path.relative_to(root).as_posix()
            for root, label in roots
            if path.is_relative_to(root)
        ]
        name = min(inside, key=lambda p: len(p.parts), default=PurePosixPath(path.name))
        rows.append({"file": name.as_posix(), "bytes": size})
    return sorted(rows, key=lambda row: row["file"])


def fingerprints(observations: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return session -> number of observations and a hash of them.

    Parameters
    ----------
    observations : DataFrame
        At least the columns of :data:`pipeline.steps.measure.COLUMNS`; design columns do not
        count, so that a new label (or code) leaves the fingerprint as it was.

    Returns
    -------
    dict
        ``rows`` and ``sha256`` (first 16 hexadecimal digits, over the rows' hashes in sorted order:
        a mere reordering is no difference).
    """
    from pandas.util import hash_pandas_object

    from pipeline.steps.measure import COLUMNS

    found = {}
    for session, rows in observations[list(COLUMNS)].groupby("session", sort=True):
        hashes = sorted(hash_pandas_object(rows, index=False).to_numpy().tolist())
        text = ",".join(map(str, hashes))
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        found[str(session)] = {"rows": len(rows), "sha256": digest}
    return found


def run_record(observations: pd.DataFrame, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of this run.

    Parameters
    ----------
    observations : DataFrame
        All observations of the cohort.
    settings : mapping
        :func:`pipeline.steps.settings.cohort_settings`. Whatever names a condition or a drug comes
        from here and nowhere else, so that the record of a blinded run holds its codes.

    Returns
    -------
    dict
        format, blinded, config, plan, seed, sessions, anchors, files (by session), observations (by
        session), measurements (number and hash), code (hash by step), versions.
    """
    given = settings["record"]
    measured = repr(sorted(sorted(row.items()) for row in settings["measurements"]))
    return {
        "format": FORMAT,
        "blinded": given["blinded"],
        "config": given["config"],
        "plan": settings["plan"],
        "seed": settings["plan"]["seed"],
        "sessions": {row["session"]: dict(row) for row in settings["sessions"]},
        "anchors": {row["anchor"]: dict(row) for row in settings["anchors"]},
        "files": given["files"],
        "observations": fingerprints(observations),
        "measurements": {
            "rows": len(settings["measurements"]),
            "sha256": hashlib.sha256(measured.encode()).hexdigest()[:16],
        },
        "code": given["code"],
        "versions": {**given["versions"], "python": platform.python_version()},
    }
