"""The few lines between Snakemake's object and a step's function."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipeline.errors import InputError
from pipeline.steps.guard import FilesChangedError, Outcome, guarded
from pipeline.steps.machine import end_with_parent, machine_trouble


def run_session_step(step: str, function: Callable[..., Outcome], snakemake: Any) -> None:
    """Run a per-session step inside the guard; trouble of the machine is told in words."""
    end_with_parent()
    named = dict(snakemake.input.items())
    with _told(f"{step} of {snakemake.wildcards.session}"):
        guarded(
            step,
            function,
            settings=snakemake.params.settings,
            outputs=dict(snakemake.output.items()),
            log=str(snakemake.log),
            upstream=named.pop("status", None),
            **({"inputs": {key: Path(path) for key, path in named.items()}} if named else {}),
        )


def run_step(function: Callable[..., None], snakemake: Any) -> None:
    """Run a step of the whole cohort; what it prints goes to its log.

    A failure is fatal here; its reason is printed in words, the traceback stays in the log.
    """
    end_with_parent()
    log = Path(str(snakemake.log))
    with _told(str(snakemake.rule)):
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w", encoding="utf-8") as stream:
            try:
                with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
                    function(
                        inputs=snakemake.input,
                        outputs=snakemake.output,
                        settings=dict(snakemake.params.items()).get("settings", {}),
                    )
            except InputError as error:
                stream.write(f"{error}\n")
                raise SystemExit(f"\n{error}\n") from None


@contextlib.contextmanager
def _told(job: str) -> Iterator[None]:
    """Tell trouble of the machine in words, on the terminal, in place of a traceback."""
    try:
        yield
    except FilesChangedError as error:
        raise SystemExit(f"\n{job}: {error}\n") from None
    # whatever it is that is not the machine's goes on as it came
    except Exception as error:
        words = machine_trouble(error)
        if words is None:
            raise
        print(f"\n{job}: {words}\n", file=sys.stderr, flush=True)
        # at once: HDF5 crashes on the way out where it cannot write what it still holds
        os._exit(1)
