"""The few lines between Snakemake's object and a step's function."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipeline.errors import InputError
from pipeline.steps.guard import FilesChangedError, Outcome, guarded, reason
from pipeline.steps.machine import end_with_parent, machine_trouble

#: begins the last paragraph of the log of a job that failed
_WHY = "What went wrong: "


def run_session_step(step: str, function: Callable[..., Outcome], snakemake: Any) -> None:
    """Run a per-session step inside the guard; what ends the job is told in words."""
    end_with_parent()
    named = dict(snakemake.input.items())
    log = Path(str(snakemake.log))
    with _told(f"{step} of {snakemake.wildcards.session}", log):
        guarded(
            step,
            function,
            settings=snakemake.params.settings,
            outputs=dict(snakemake.output.items()),
            log=str(log),
            upstream=named.pop("status", None),
            **({"inputs": {key: Path(path) for key, path in named.items()}} if named else {}),
        )


def run_step(function: Callable[..., None], snakemake: Any) -> None:
    """Run a step of the whole cohort; what it prints goes to its log.

    A failure is fatal here; its reason is printed in words, the traceback stays in the log.
    """
    end_with_parent()
    log = Path(str(snakemake.log))
    with _told(str(snakemake.rule), log):
        log.parent.mkdir(parents=True, exist_ok=True)
        with (
            log.open("w", encoding="utf-8") as stream,
            contextlib.redirect_stdout(stream),
            contextlib.redirect_stderr(stream),
        ):
            function(
                inputs=snakemake.input,
                outputs=snakemake.output,
                settings=dict(snakemake.params.items()).get("settings", {}),
            )


def told_in(log: Path) -> str | None:
    """Return the reason in words at the end of a job's log; None where the job left none."""
    _, found, words = log.read_text(encoding="utf-8", errors="replace").rpartition(f"\n{_WHY}")
    return words.strip() if found else None


@contextlib.contextmanager
def _told(job: str, log: Path) -> Iterator[None]:
    """Tell in words, on the terminal and at the end of the log, why a job ends badly."""
    try:
        yield
    except FilesChangedError as error:
        _tell(f"{job}: {error}", log)
        raise SystemExit(1) from None
    except InputError as error:
        _tell(str(error), log)
        raise SystemExit(1) from None
    # whatever it is: its traceback is for the log, its words are for the lab
    except Exception as error:
        words = machine_trouble(error)
        if words is not None:
            _tell(f"{job}: {words}", log)
            # at once: HDF5 crashes on the way out where it cannot write what it still holds
            os._exit(1)
        _append(log, traceback.format_exc())
        _tell(
            f"{job}: {reason(error)}\nThis is most likely a fault of this program, not of your "
            f"files. Please report it with {log}, which holds the details.",
            log,
        )
        raise SystemExit(1) from None


def _tell(words: str, log: Path) -> None:
    print(f"\n{words}\n", file=sys.stderr, flush=True)
    _append(log, f"\n{_WHY}{words}\n")


def _append(log: Path, text: str) -> None:
    # a disk that is full or gone is one of the reasons that are told
    with contextlib.suppress(OSError):
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as stream:
            stream.write(text)
