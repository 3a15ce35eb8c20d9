"""One guard around every per-session job: a session that fails leaves the others analysed.

On an exception the guard writes ``<step>.status.json`` with the reason, leaves the declared outputs
as empty files and lets the job succeed; the cohort step then goes on without that session, and the
``acknowledge`` rule fails until the lab lists it under ``exclude``. Trouble of the machine (memory,
disk, network file system) is re-raised: it is not the session's fault and worth a retry.
"""

from __future__ import annotations

import contextlib
import errno
import json
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.errors import InputError
from pipeline.files import replacing

#: errno of the machine's troubles
_MACHINE = {errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT, errno.ESTALE, errno.ETIMEDOUT}


@dataclass(frozen=True)
class Outcome:
    """What a per-session step has to say beside its files.

    Attributes
    ----------
    warnings : tuple of str
        Shown in the report; they stop nothing.
    facts : mapping
        Plain numbers and words for the completeness table and the session's page.
    """

    warnings: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file under a temporary name and rename it, so that it is whole or absent."""
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def write_json(path: Path, content: Any) -> None:
    """Write JSON with sorted keys, atomically."""
    write_atomically(path, json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_status(path: Path) -> dict[str, Any]:
    """Read a status file: ``state`` ok, failed or skipped; ``step``; ``reason``; ``warnings``."""
    return json.loads(path.read_text())


def guarded(
    step: str,
    function: Callable[..., Outcome],
    *,
    settings: Mapping[str, Any],
    outputs: Mapping[str, str],
    log: str,
    upstream: str | None = None,
    **inputs: Any,
) -> None:
    """Run one per-session step so that its failure stays its own.

    Parameters
    ----------
    step : str
        Name of the step, for the status file.
    function : callable
        Called as ``function(settings=..., outputs=..., **inputs)`` with ``outputs`` a mapping of
        name to Path (without ``status``); returns an Outcome.
    settings : mapping
        The rule's one param.
    outputs : mapping of str to str
        All declared outputs, ``status`` among them.
    log : str
        Everything printed goes here.
    upstream : str, optional
        Status file of the step before; if it failed, so has this one, for the same reason.
    **inputs
        Handed to the function.

    Raises
    ------
    MemoryError, OSError
        Trouble of the machine, so that the workflow system can retry.
    """
    paths = {name: Path(path) for name, path in outputs.items()}
    status = paths.pop("status")
    before = read_status(Path(upstream)) if upstream else {"state": "ok"}
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    with Path(log).open("w", encoding="utf-8") as stream, contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(stream))
        stack.enter_context(contextlib.redirect_stderr(stream))
        if before["state"] != "ok":
            _empty(paths)
            write_json(status, {**before, "state": "skipped"})
            return
        try:
            outcome = function(settings=settings, outputs=paths, **inputs)
        except (MemoryError, KeyboardInterrupt):
            raise
        # the guard's purpose: whatever else a session's files provoke is reported, not fatal
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _MACHINE:
                raise
            traceback.print_exc(file=stream)
            _empty(paths)
            write_json(status, {"state": "failed", "step": step, "reason": reason(error)})
            print(f"{step}: {reason(error)}", file=sys.__stderr__)
            return
    write_json(
        status,
        {
            "state": "ok",
            "step": step,
            "reason": "",
            "warnings": list(outcome.warnings),
            "facts": dict(outcome.facts),
        },
    )


def reason(error: Exception) -> str:
    """Return what went wrong in words: our own messages as they are, others with their type."""
    if isinstance(error, InputError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _empty(paths: Mapping[str, Path]) -> None:
    for path in paths.values():
        write_atomically(path, b"")
