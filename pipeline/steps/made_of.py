"""What a report was made of, with hashes: code, config, the lab's tables, the software, results."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.experiment import Experiment
from pipeline.steps.code import ROOMS
from pipeline.steps.provenance import PACKAGE, code_hash
from pipeline.steps.sort_settings import is_sorted_here

REPOSITORY = PACKAGE.parent
#: what fixes the versions of all libraries
LOCKS = ("requirements/lock.txt", "environment.yml")
#: steps whose files no report reads
_NOT_READ = ("tables",)


def hashed(path: Path, name: str) -> dict[str, Any]:
    """Return a file's name, size and SHA-256, as ``sha256sum`` prints it.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        How it is called.

    Returns
    -------
    dict
        ``name``, ``bytes``, ``sha256``.
    """
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"name": name, "bytes": path.stat().st_size, "sha256": digest}


def made_of_settings(experiment: Experiment) -> dict[str, Any]:
    """Return what is known of a report's making before it is made.

    Parameters
    ----------
    experiment : Experiment
        As :func:`pipeline.experiment.blinding.shown` gives it. While blind, the config and the
        lab's tables have no hash: who guesses who got what could try the guess on it.

    Returns
    -------
    dict
        ``project`` (version), ``code`` (step -> hash), ``config`` (hash of it as parsed, so that a
        comment makes no other), ``lab`` (tables, lock, environment: name, bytes, sha256), ``seed``.
    """
    config = experiment.config
    steps = [step for step in ROOMS if step not in _NOT_READ]
    if not any(is_sorted_here(experiment, session) for session in experiment.included):
        steps.remove("sort")
    parsed = json.dumps(config.model_dump(mode="json", exclude={"tables"}), sort_keys=True)
    folder = experiment.config_path.parent
    named = sorted(config.tables.model_dump(exclude_none=True).values())
    blind = experiment.plan.blind
    return {
        "project": project_version(),
        "code": {step: code_hash(*ROOMS[step]) for step in steps},
        "config": None if blind else hashlib.sha256(parsed.encode()).hexdigest(),
        "lab": [
            # an absolute path is not the same on another machine
            *([] if blind else [hashed(folder / name, Path(name).name) for name in named]),
            *(hashed(REPOSITORY / n, n) for n in LOCKS if (REPOSITORY / n).is_file()),
        ],
        "seed": experiment.plan.seed,
    }


def project_version() -> str:
    """Return the version that pyproject.toml states; "" where the package stands alone."""
    path = REPOSITORY / "pyproject.toml"
    if not path.is_file():
        return ""
    return str(tomllib.loads(path.read_text(encoding="utf-8"))["project"]["version"])


def made_of_results(inputs: Any) -> dict[str, Any]:
    """Return the hashes of the results that a report reads, and what run.json says of the inputs.

    Parameters
    ----------
    inputs : object
        Files by name: Snakemake's, or attributes; folders are left out. ``record`` is run.json.

    Returns
    -------
    dict
        ``tables`` (name, bytes, sha256) and, with a record, ``inputs`` (sessions, files, bytes,
        observations).
    """
    named: Mapping[str, Any] = dict(inputs.items()) if hasattr(inputs, "items") else vars(inputs)
    files = sorted({str(path) for path in named.values() if path and Path(path).is_file()})
    found: dict[str, Any] = {"tables": [hashed(Path(name), name) for name in files]}
    if named.get("record"):
        record = json.loads(Path(named["record"]).read_text(encoding="utf-8"))
        read = [row for rows in record["files"].values() for row in rows]
        found["inputs"] = {
            "sessions": len(record["files"]),
            "files": len(read),
            "bytes": sum(row["bytes"] for row in read),
            "observations": sum(one["rows"] for one in record["observations"].values()),
        }
    return found
