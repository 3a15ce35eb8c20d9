"""What is looked at before a run's first job: can results be written, and are the clocks right.

Which results are up to date is told by times of change. Where one lies in the future (a clock was
set back, or a rig's runs ahead), a job that must be done again may be passed over: nothing is run.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import InputError
from pipeline.experiment import Experiment
from pipeline.steps.inputs import files_of
from pipeline.steps.machine import machine_trouble

#: seconds by which the clock of a file server may run ahead of ours
SLACK_S = 60.0
#: results whose times are looked at: at least one of every job
_WRITTEN = ("sessions/*/*.status.json", "cohort/*", "report/*")
#: files that a message names
_NAMED = 3


def refuse_start(
    experiment: Experiment, results: Path, *, absent: Mapping[str, int], anew: bool
) -> None:
    """Refuse to begin where nothing can be written, or where times of change cannot be trusted.

    Parameters
    ----------
    experiment : Experiment
        Whose files are read.
    results : Path
        Folder of the results; it may not be there yet.
    absent : mapping of str to int
        Files that a rule of this run will make.
    anew : bool
        Whether everything is done again (``--forceall``): then old results do not matter.

    Raises
    ------
    InputError
        In words, with what to do.
    """
    _refuse_unwritable(results)
    now_s = time.time()
    if not anew:
        refuse_future_results(results, now_s=now_s)
    files = (
        Path(file)
        for session in experiment.included
        for file in files_of(experiment, session, absent)
        if file not in absent
    )
    refuse_future_files(files, now_s=now_s)


def _refuse_unwritable(results: Path) -> None:
    try:
        results.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=results, prefix=".partial-") as file:
            file.write(bytes(4096))
    except OSError as error:
        here = OSError(error.errno, error.strerror, str(results.resolve()))
        words = machine_trouble(here) or f"{here.filename}: {error.strerror}"
        raise InputError(f"Nothing can be written: {words}") from None


def refuse_future_results(results: Path, *, now_s: float) -> None:
    """Refuse results that were written later than now.

    Raises
    ------
    InputError
        If there are any, more than SLACK_S from now.
    """
    late = _later(now_s, (path for pattern in _WRITTEN for path in results.glob(pattern)))
    if late:
        raise InputError(
            f"{len(late)} file(s) of {results} were written in the future: {_list(late)}; the "
            f"clock of this computer says {_clock(now_s)}. It was set back, or ran ahead when they "
            "were written. Their times tell what is up to date, so nothing was run. Set the clock "
            "right and run the same command again; if it is right now, do everything anew: the "
            "same command with --forceall."
        )


def refuse_future_files(files: Iterable[Path], *, now_s: float) -> None:
    """Refuse recordings and logs that were changed later than now.

    Raises
    ------
    InputError
        If there are any, more than SLACK_S from now.
    """
    late = _later(now_s, files)
    if late:
        raise InputError(
            f"{len(late)} file(s) that the tables name were changed in the future: {_list(late)}; "
            f"the clock of this computer says {_clock(now_s)}. The clock of the computer that "
            "wrote them runs ahead, or this one's was set back. Set this clock right, or give the "
            "files the time of now (touch FILE), and run the same command again."
        )


def _later(now_s: float, paths: Iterable[Path]) -> list[tuple[float, str]]:
    """Times and names of the files that lie in the future, the latest first."""
    found = [(path.stat().st_mtime, str(path)) for path in paths]
    late = {(changed_s, path) for changed_s, path in found if changed_s > now_s + SLACK_S}
    return sorted(late, key=lambda one: (-one[0], one[1]))


def _list(late: list[tuple[float, str]]) -> str:
    named = [f"{path} ({_clock(changed_s)})" for changed_s, path in late[:_NAMED]]
    return ", ".join([*named, *(["..."] if len(late) > _NAMED else [])])


def _clock(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")
