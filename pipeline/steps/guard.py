"""One guard around every per-session job: a session that fails leaves the others analysed.

On an exception the guard writes ``<step>.status.json`` with the reason, leaves the declared outputs
as empty files and lets the job succeed; the cohort step then goes on without that session, and the
``acknowledge`` rule fails until the lab lists it under ``exclude``. Trouble of the machine (memory,
disk, network file system) is re-raised: it is not the session's fault and worth a retry. So are
files that changed after the run was planned: the next run plans with what is there then.
"""

from __future__ import annotations

import contextlib
import json
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import InputError
from pipeline.files import replacing
from pipeline.steps.machine import machine_trouble


class FilesChangedError(Exception):
    """Files of a session are not those that the run was planned with; the message is in words."""


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
        The rule's one param. ``files``, if there are any: [path, bytes, mtime_ns] of each as the
        workflow planned with it.
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
    MemoryError, OSError, RuntimeError
        Trouble of the machine (:func:`pipeline.steps.machine.machine_trouble`), so that the
        workflow system can retry.
    FilesChangedError
        If a file of ``settings["files"]`` is not what it was when the run was planned.
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
            refuse_changed(settings.get("files", ()))
            outcome = function(settings=settings, outputs=paths, **inputs)
            refuse_changed(settings.get("files", ()))
        except FilesChangedError:
            raise
        # the guard's purpose: whatever else a session's files provoke is reported, not fatal
        except Exception as error:
            if machine_trouble(error):
                raise
            refuse_changed(settings.get("files", ()))
            traceback.print_exc(file=stream)
            _empty(paths)
            write_json(status, {"state": "failed", "step": step, "reason": reason(error)})
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


def refuse_changed(files: Iterable[tuple[str, int, int]]) -> None:
    """Refuse files that are not those that the run was planned with.

    Parameters
    ----------
    files : iterable of (path, bytes, mtime_ns)
        As they were when the workflow was planned.

    Raises
    ------
    FilesChangedError
        If one is gone, or has another size or time of change.
    """
    for path, size, changed_ns in files:
        try:
            now = Path(path).stat()
        except FileNotFoundError:
            raise FilesChangedError(
                f"{path}: was there when this run began and is gone (moved, deleted, or on a drive "
                "that was unplugged?). Put it back, and run the same command again."
            ) from None
        if (now.st_size, now.st_mtime_ns) != (size, changed_ns):
            raise FilesChangedError(
                f"{path}: changed while this run was going on: found {now.st_size} bytes, changed "
                f"{_clock(now.st_mtime_ns)}; expected {size} bytes, changed {_clock(changed_ns)}, "
                "as it was when the run began (still being copied or recorded?). Let that end, and "
                "run the same command again."
            )


def _clock(time_ns: int) -> str:
    """Return a time of change as people write it, in UTC."""
    moment = datetime.fromtimestamp(time_ns / 1e9, tz=UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + " UTC"


def reason(error: Exception) -> str:
    """Return what went wrong in words: our own messages as they are, others with their type."""
    if isinstance(error, InputError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _empty(paths: Mapping[str, Path]) -> None:
    for path in paths.values():
        write_atomically(path, b"")
