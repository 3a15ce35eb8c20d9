"""``python -m pipeline unblind CONFIG``: lock a blind run with a record, and open its codes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pipeline.errors import InputError
from pipeline.experiment.blinding import is_hidden, read_record, record_path, utc_now, write_once
from pipeline.experiment.model import Experiment
from pipeline.steps.code import code_of_steps
from pipeline.steps.outcomes_check import load_checked
from pipeline.steps.settings import cohort_settings
from pipeline.steps.unblinding import make_record, refuse_without_blind_results, sha256_of


def unblind(
    config: Path, *, by: str = "", reason: str = "", who: str = "", directory: Path | None = None
) -> int:
    """Write the record that opens a blind run, and print which code was which condition.

    Parameters
    ----------
    config : Path
        The experiment's config.yaml; the record is written beside it, once.
    by : str
        Who unblinds; asked for where it is blank and somebody can answer.
    reason : str
        Why now ("analysis plan fixed", "emergency").
    who : str
        Who was blind until now, in words.
    directory : Path, optional
        Folder that holds the run's ``results/``; the present one by default.

    Returns
    -------
    int
        Exit status: 0 if the record was written.
    """
    try:
        record = _locked(config, directory or Path.cwd(), by=by, reason=reason, who=who)
    except InputError as error:
        print(error)
        return 1
    path = record_path(config)
    print(f"Wrote {path}\nsha256 {sha256_of(path)}")
    for code, condition in record["codes"].items():
        print(f"  {code}  {condition}")
    print(
        "Leave statistics.blind as it is: the record opens the run. Keep the record under version "
        "control, and run snakemake again (cohort and report only)."
    )
    return 0


def _locked(
    config: Path, directory: Path, *, by: str, reason: str, who: str
) -> dict[str, dict[str, str]]:
    """Check everything, then write the record.

    Raises
    ------
    InputError
        If there is a record already, nothing was blind, or nobody says who unblinds.
    """
    _refuse_second(record_path(config))
    experiment = load_checked(config)
    _refuse_open(experiment)
    refuse_without_blind_results(experiment, directory, cohort_settings(experiment))
    by = by.strip() or _ask("Who unblinds (name)? ")
    if not by:
        raise InputError("Found no name; expected who unblinds: --by NAME. Nothing was written.")
    record = make_record(
        experiment,
        directory,
        code=code_of_steps(),
        by=by,
        reason=reason.strip(),
        who=who.strip(),
        at=utc_now(),
    )
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if not write_once(record_path(config), text):
        _refuse_second(record_path(config))
    return record


def _refuse_second(path: Path) -> None:
    if path.exists():
        record = read_record(path)
        raise InputError(
            f"{path}: unblinded already, on {record['unblinded_at']} by {record['by']}. A record "
            "is written once and never replaced."
        )


def _refuse_open(experiment: Experiment) -> None:
    if not is_hidden(experiment.config, experiment.config_path):
        raise InputError(
            f"{experiment.config_path.name}: statistics.blind: found false; expected true: there "
            "is nothing to unblind"
        )


def _ask(question: str) -> str:
    """Ask where somebody can answer; "" otherwise."""
    return input(question).strip() if sys.stdin.isatty() else ""
