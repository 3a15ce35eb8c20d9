"""The record that opens a blind run: what it holds, what has changed since, what a report says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import InputError, Problem
from pipeline.experiment.blind_names import hidden_names
from pipeline.experiment.blinding import (
    codes_of,
    is_hidden,
    key_of,
    read_record,
    record_path,
)
from pipeline.experiment.model import Experiment
from pipeline.steps.inputs import resolve, session_files
from pipeline.steps.paths import COHORT_TABLES

#: raised when the meaning of a key of the record changes
FORMAT = 1
REPORT = "results/report/index.html"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as ``sha256sum`` prints it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def locked(experiment: Experiment) -> dict[str, Any]:
    """Return the hashes of config and tables, and the config as parsed.

    Returns
    -------
    dict
        ``config`` (file, sha256), ``tables`` (file -> sha256), ``settings`` (nested plain data).
    """
    path = experiment.config_path
    named = experiment.config.tables.model_dump(exclude_none=True).values()
    return {
        "config": {"file": path.name, "sha256": sha256_of(path)},
        "tables": {name: sha256_of(path.parent / name) for name in sorted(named)},
        "settings": experiment.config.model_dump(mode="json", exclude={"tables"}),
    }


def changes(
    record: Mapping[str, Any], experiment: Experiment, code: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Say what differs from what the record locked.

    Parameters
    ----------
    record : mapping
        unblinding.json.
    experiment : Experiment
        As it is now.
    code : mapping
        Step -> ``hash`` and ``versions``, as in the steps' settings.

    Returns
    -------
    list of str
        One entry per file, the code, and the libraries; empty if nothing differs.
    """
    now = locked(experiment)
    found = []
    if record["config"]["sha256"] != now["config"]["sha256"]:
        before, after = _flat(record.get("settings", {})), _flat(now["settings"])
        keys = [k for k in dict.fromkeys([*before, *after]) if before.get(k) != after.get(k)]
        found.append(f"{now['config']['file']} ({', '.join(keys) or 'comments or layout only'})")
    for name in sorted({*record["tables"], *now["tables"]}):
        before, after = record["tables"].get(name), now["tables"].get(name)
        if before != after:
            found.append(name + ("" if before and after else " (added)" if after else " (removed)"))
    steps = [
        step for step in code if record["code"].get(step, {}).get("hash") != code[step]["hash"]
    ]
    if steps:
        found.append(f"the pipeline's code ({', '.join(steps)})")
    libraries = sorted(
        {
            name
            for step, entry in code.items()
            for name, version in entry["versions"].items()
            if record["code"].get(step, {}).get("versions", {}).get(name) != version
        }
    )
    if libraries:
        found.append(f"versions of libraries ({', '.join(libraries)})")
    return found


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def statement(experiment: Experiment, code: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a report says of blinding, as plain data.

    Parameters
    ----------
    experiment : Experiment
        As loaded.
    code : mapping
        Step -> ``hash`` and ``versions``.

    Returns
    -------
    dict
        ``state``: open, blind or unblinded. Blind: ``since``. Unblinded: ``since``, ``until``,
        ``by``, ``reason``, ``who``, ``sha256`` (of the record), ``codes`` and ``changed``.
    """
    path = record_path(experiment.config_path)
    if is_hidden(experiment.config, experiment.config_path):
        return {"state": "blind", "since": key_of(experiment.config_path).made_at}
    if not path.exists():
        return {"state": "open"}
    record = read_record(path)
    return {
        "state": "unblinded",
        "since": record.get("blind_since", ""),
        "until": record["unblinded_at"],
        "by": record["by"],
        "reason": record.get("reason", ""),
        "who": record.get("who_was_blind", ""),
        "sha256": sha256_of(path),
        "codes": record["codes"],
        "changed": changes(record, experiment, code),
    }


def make_record(
    experiment: Experiment,
    results: Path,
    *,
    code: Mapping[str, Mapping[str, Any]],
    by: str,
    reason: str,
    who: str,
    at: str,
) -> dict[str, Any]:
    """Return the record of unblinding.

    Parameters
    ----------
    experiment : Experiment
        Of the blind run.
    results : Path
        Folder that holds ``results/``.
    code : mapping
        Step -> ``hash`` and ``versions``.
    by, reason, who, at : str
        Who opens the codes; why; who was blind until then; UTC time.
    """
    key = key_of(experiment.config_path)
    codes = codes_of(experiment.config.design.conditions, key.secret)
    return {
        "format": FORMAT,
        "title": experiment.plan.title,
        "blind_since": key.made_at,
        "unblinded_at": at,
        "by": by,
        "reason": reason,
        "who_was_blind": who,
        "codes": {code: condition for condition, code in codes.items()},
        "key_sha256": key.sha256,
        **locked(experiment),
        "results": {name: sha256_of(results / name) for name in (*COHORT_TABLES.values(), REPORT)},
        "code": {step: dict(entry) for step, entry in code.items()},
    }


def refuse_without_blind_results(
    experiment: Experiment, results: Path, settings: Mapping[str, Any]
) -> None:
    """Refuse to open a run that was not finished blind, or not with what lies here now.

    Parameters
    ----------
    experiment : Experiment
        As loaded.
    results : Path
        Folder that holds ``results/``.
    settings : mapping
        :func:`pipeline.steps.settings.cohort_settings` of now.

    Raises
    ------
    InputError
        If files are missing, or the run's own record says that it was open or made of other
        tables, settings, files or code.
    """
    import pandas as pd

    from pipeline.steps.measure import COLUMNS
    from pipeline.steps.record import run_record

    missing = [n for n in (*COHORT_TABLES.values(), REPORT) if not (results / n).is_file()]
    if missing:
        raise InputError(
            f"{results}: found no {missing[0]}; expected the results of a finished blind run (run "
            "snakemake first, or give the folder of its results: --directory)"
        )
    made = json.loads((results / COHORT_TABLES["record"]).read_text(encoding="utf-8"))
    nothing = pd.DataFrame(columns=list(COLUMNS))
    now = json.loads(json.dumps(run_record(nothing, settings)))
    if not made.get("blinded"):
        raise InputError(
            f"{results / COHORT_TABLES['record']}: found the record of a run that was not blind; "
            "expected a blind one (run snakemake with statistics.blind: true first)"
        )
    differ = [k for k in now if k not in ("observations", "blinded") and made.get(k) != now[k]]
    if differ:
        raise InputError(
            f"{results}: these results were made with other {', '.join(differ)} than lie here now; "
            "expected results of the present tables, config and code, for the record locks them "
            "(run snakemake again, still blind, then unblind)"
        )


def blind_run_problems(experiment: Experiment) -> list[Problem]:
    """List what the tables alone cannot show: names inside paths, and results that were blind.

    Parameters
    ----------
    experiment : Experiment
        As loaded.
    """
    if is_hidden(experiment.config, experiment.config_path):
        return list(_named_files(experiment))
    record = Path(COHORT_TABLES["record"])
    config = experiment.config
    if config.statistics.blind or record_path(experiment.config_path).exists():
        return []
    if not record.is_file() or not _was_blind(record):
        return []
    expected = (
        f"true: {record} here is of a blind run. Unblind it (python -m pipeline unblind "
        f"{experiment.config_path}), or run this experiment in another --directory"
    )
    return [Problem(experiment.config_path.name, "statistics.blind", "false", expected)]


def _was_blind(record: Path) -> bool:
    try:
        return bool(json.loads(record.read_text(encoding="utf-8")).get("blinded"))
    except ValueError:
        return False


def _named_files(experiment: Experiment) -> Iterator[Problem]:
    """Files whose path, as the steps see it, names a drug although the cell does not."""
    hidden = hidden_names(experiment.config, (a.drug for a in experiment.administrations))
    for session in experiment.included:
        cells = [("recording", recording.path) for recording in session.recordings]
        cells += [("behaviour", log.path) for log in session.behaviours]
        cells += [("sorting", session.sorting), ("movement", session.movement)]
        places = {resolve(experiment, cell): (column, cell) for column, cell in cells if cell}
        for path in dict.fromkeys([*places, *session_files(experiment, session)]):
            column, cell = next(
                (given for place, given in places.items() if path.startswith(place)),
                ("recording", ""),
            )
            name = hidden.inside(path)
            if name and not hidden.inside(cell):
                yield Problem(
                    experiment.config.tables.sessions,
                    f"row {session.line}, column {column}",
                    repr(path),
                    f"a path that does not name {name!r}, for messages of a blind run show it",
                )
                break
