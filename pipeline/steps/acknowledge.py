"""The last rule: failed sessions keep the run from ending well until the lab says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.errors import InputError
from pipeline.steps.guard import read_status, write_atomically


def acknowledge(*, inputs: Any, outputs: Any, settings: Any) -> None:
    """Fail, naming the sessions that failed; write a line when there are none.

    Raises
    ------
    InputError
        While a session that failed is not listed under ``exclude``.
    """
    failed = []
    for path in inputs.measures:
        status = read_status(Path(path))
        if status["state"] != "ok":
            failed.append(f"  {Path(path).parent.name}: {status['step']}: {status['reason']}")
    if failed:
        raise InputError(
            f"{len(failed)} session(s) failed and are not in the comparison:\n"
            + "\n".join(failed)
            + "\nThe report was written without them. Mend their files, or write the reason into "
            "their 'exclude' cell of the sessions table, and run the same command again."
        )
    write_atomically(Path(outputs[0]), "every session was analysed or excluded with a reason\n")
