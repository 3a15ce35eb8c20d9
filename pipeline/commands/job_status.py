"""``python -m pipeline.commands.job_status 1234``: what became of a job of Slurm, for Snakemake.

For the profile ``profiles/cluster``, whose executor knows no cluster: it submits with one command
and asks another, this one, which says ``running``, ``success`` or ``failed``. On a cluster without
Slurm both commands are the site's own.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence

#: states in which Slurm may still end a job well
_ALIVE = frozenset(
    {"PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "REQUEUED", "REQUEUE_HOLD"}
    | {"RESIZING", "SIGNALING", "STAGE_OUT", "STOPPED", "SPECIAL_EXIT"}
)
#: a controller that is asked by many may be slow, and must not hang the workflow
_SECONDS = 30


def verdict(state: str) -> str:
    """Return what Snakemake calls a state of Slurm; a state that nobody knows has failed.

    Parameters
    ----------
    state : str
        As ``scontrol`` and ``sacct`` print it, with what may follow ("CANCELLED by 0").

    Returns
    -------
    str
        ``running``, ``success`` or ``failed``.
    """
    first = re.split(r"[ +]", state.strip(), maxsplit=1)[0].upper()
    if first == "COMPLETED":
        return "success"
    return "running" if first in _ALIVE else "failed"


def state_of(job: str) -> str:
    """Return the state of a job: from the controller, else from the accounting, else "".

    The controller forgets a job some minutes after its end (MinJobAge).
    """
    said = _run("scontrol", "show", "job", "--oneliner", job)
    found = re.search(r"\bJobState=(\S+)", said)
    if found:
        return found[1]
    lines = _run("sacct", "--noheader", "--parsable2", "--format=State", "--jobs", job).split("\n")
    return lines[0].strip()


def _run(*words: str) -> str:
    """What a command prints; "" where it is absent, fails or hangs."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def main(arguments: Sequence[str]) -> int:
    """Print what became of one job.

    Where neither the controller nor the accounting answers, the job is taken for running: a
    controller that restarts must not make a workflow submit its jobs a second time.
    """
    if len(arguments) != 1:
        print("usage: python -m pipeline.commands.job_status JOB", file=sys.stderr)
        return 2
    state = state_of(arguments[0])
    print(verdict(state) if state else "running")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
