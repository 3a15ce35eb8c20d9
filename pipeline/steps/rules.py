"""The few lines between Snakemake's object and a step's function."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.errors import InputError
from pipeline.steps.guard import Outcome, guarded


def run_session_step(step: str, function: Callable[..., Outcome], snakemake: Any) -> None:
    """Run a per-session step inside the guard."""
    named = dict(snakemake.input.items())
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
    log = Path(str(snakemake.log))
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
