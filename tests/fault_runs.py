"""Runs that tests disturb: started, watched, killed; and what is asked of their files."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from workflow_runs import REPOSITORY, run

#: what differs between two runs: when and where; and PDF, whose objects have names by chance
VOLATILE = (".pdf", "run.html", ".log")


def start(folder: Path, *arguments: str) -> subprocess.Popen:
    """Start the experiment of a folder in a process group of its own; it writes to ``out.log``."""
    command = [str(Path(sys.executable).with_name("snakemake")), "--cores", "2", *arguments]
    command += ["--directory", str(folder / "run")]
    command += ["--configfile", str(folder / "lab" / "config.yaml")]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with (folder / "out.log").open("w") as log:
        return subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env={**os.environ, "PATH": path},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def said(folder: Path) -> str:
    """What the run that was started last has printed."""
    return (folder / "out.log").read_text()


def workers(process: subprocess.Popen, rule: str = "") -> list[psutil.Process]:
    """Jobs of a run that are going on now: those of a rule, or all."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            command = child.cmdline()
        except psutil.Error:
            continue
        if any(part.endswith(f"{rule}.py") and ".snakemake" in part for part in command):
            found.append(child)
    return found


def until(found: Callable, process: subprocess.Popen, *, seconds: float = 300):
    """Ask again and again until something is found; the run must not end before."""
    end = time.monotonic() + seconds
    while not (answer := found()):
        assert process.poll() is None, "the run ended before"
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)
    return answer


def is_gone(process: psutil.Process) -> bool:
    """Whether a process has ended (one that nobody waits for has ended too)."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def contents(results: Path) -> dict[str, bytes]:
    """Everything that a run has left under its final name."""
    return {
        str(path.relative_to(results)): path.read_bytes()
        for path in sorted(results.rglob("*"))
        if path.is_file()
        and not path.name.endswith(VOLATILE)
        and not any(part.startswith(".") for part in path.relative_to(results).parts)
    }


def differing(found: dict[str, bytes], undisturbed: dict[str, bytes]) -> list[str]:
    """Names of the files that an undisturbed run has not, or has with other bytes."""
    return [name for name, content in found.items() if undisturbed.get(name) != content]


def unlocked(folder: Path) -> None:
    """Do what the message says after a kill."""
    process = run(folder, "--unlock")
    assert process.returncode == 0, process.stderr[-3000:]


def mount(*arguments: str) -> None:
    """Mount, as root; the test is not run where that is not possible."""
    try:
        process = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("mount is not installed")
    if process.returncode:
        pytest.skip(f"cannot mount a file system here: {process.stderr.strip()}")


def filled(disk: Path, *, spare: int) -> None:
    """Make a small disk so much smaller that no more than some bytes are free."""
    stat = os.statvfs(disk)
    used = (stat.f_blocks - stat.f_bfree) * stat.f_frsize
    mount("-o", f"remount,size={used + spare}", str(disk))


@contextmanager
def small_disk(folder: Path, *, size: str) -> Iterator[Path]:
    """A disk of its own at a folder; it is gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
