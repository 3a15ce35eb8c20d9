"""Trouble of the machine is told in words; files and clocks that deceive are refused."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from pipeline.errors import InputError
from pipeline.steps import start
from pipeline.steps.guard import FilesChangedError, guarded, refuse_changed
from pipeline.steps.machine import machine_trouble
from pipeline.steps.rules import run_step

TROUBLES = [
    (OSError(errno.ENOSPC, "x", "/r/lfp.nc"), "/r/lfp.nc: the disk is full. Free some space"),
    (OSError(errno.EDQUOT, "x"), "your quota on this disk is used up"),
    (OSError(errno.EROFS, "x"), "the folder is read-only"),
    (OSError(errno.EIO, "x"), "the disk cannot be read or written"),
    (OSError(errno.ESTALE, "x"), "the network drive has lost this file"),
    (OSError(errno.ETIMEDOUT, "x"), "the network drive does not answer"),
    (MemoryError(), "there was not enough memory. Give the workflow fewer --cores"),
    # as HDF5 says it when a file is closed
    (RuntimeError("Can't decrement id ref count (file write failed: errno = 28, error"), "is full"),
    # as a process that draws figures says it
    (RuntimeError("not drawn:\nOSError: [Errno 28] No space left on device: 'a.png'"), "is full"),
]


@pytest.mark.parametrize(("error", "words"), TROUBLES, ids=lambda value: str(value)[:20])
def test_trouble_of_the_machine_in_words(error, words):
    told = machine_trouble(error)
    assert words in told
    assert told.endswith("run the same command again: everything that was finished is kept.")


def test_trouble_is_found_under_what_a_library_made_of_it():
    try:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            raise ValueError("cannot save") from error
    except ValueError as error:
        assert "disk is full" in machine_trouble(error)


@pytest.mark.parametrize(
    "error", [FileNotFoundError(errno.ENOENT, "x"), ValueError("errno = 28"), RuntimeError("x")]
)
def test_other_errors_are_no_trouble_of_the_machine(error):
    assert machine_trouble(error) is None


def stated(path) -> tuple[str, int, int]:
    return (str(path), path.stat().st_size, path.stat().st_mtime_ns)


def test_files_that_changed_since_the_plan_are_refused(tmp_path):
    file = tmp_path / "x.dat"
    file.write_bytes(b"1234")
    os.utime(file, (1_767_225_600, 1_767_225_600))
    planned = stated(file)
    refuse_changed([planned])
    os.utime(file, (1_767_225_601, 1_767_225_601))
    with pytest.raises(
        FilesChangedError,
        match=r"found 4 bytes, changed 2026-01-01 00:00:01\.000 UTC; expected 4 bytes, "
        r"changed 2026-01-01 00:00:00\.000 UTC",
    ):
        refuse_changed([planned])
    file.unlink()
    with pytest.raises(FilesChangedError, match="was there when this run began and is gone"):
        refuse_changed([planned])


@pytest.mark.parametrize("fails", [False, True])
def test_a_file_that_changes_while_it_is_read_leaves_no_status(tmp_path, fails):
    """Even where the step failed by it: the next run says what is wrong, not this one."""
    file = tmp_path / "x.dat"
    file.write_bytes(b"1234")

    def step(*, settings, outputs):
        file.write_bytes(b"12")
        if fails:
            raise InputError("half a sample")

    with pytest.raises(FilesChangedError):
        guarded(
            "extract",
            step,
            settings={"files": [stated(file)]},
            outputs={"status": str(tmp_path / "s.json")},
            log=str(tmp_path / "log.txt"),
        )
    assert not (tmp_path / "s.json").exists()


def test_results_of_tomorrow_are_refused_and_those_of_a_minute_ago_are_not(tmp_path):
    status = tmp_path / "sessions" / "s1" / "extract.status.json"
    status.parent.mkdir(parents=True)
    status.touch()
    now_s = status.stat().st_mtime
    start.refuse_future_results(tmp_path, now_s=now_s + 60)
    start.refuse_future_results(tmp_path, now_s=now_s - 59)
    with pytest.raises(InputError, match=r"1 file\(s\) of .* were written in the future"):
        start.refuse_future_results(tmp_path, now_s=now_s - 61)


def test_only_the_latest_files_are_named(tmp_path):
    files = [tmp_path / f"{n}.dat" for n in range(5)]
    for n, file in enumerate(files):
        file.touch()
        os.utime(file, (2000 + n, 2000 + n))
    with pytest.raises(InputError, match=r"^5 file.*4\.dat.*3\.dat.*2\.dat.*, \.\.\.;"):
        start.refuse_future_files(files, now_s=1000)


def test_nothing_can_be_written_where_a_file_stands(tmp_path):
    (tmp_path / "results").write_text("no folder")
    with pytest.raises(InputError, match=r"Nothing can be written: .*results: File exists"):
        start.refuse_start(
            SimpleNamespace(included=()), tmp_path / "results", absent={}, anew=False
        )


def test_a_job_whose_workflow_is_killed_ends(tmp_path):
    """The grandchild writes its number and would sleep for a minute."""
    job = (
        "import os, sys, time; from pathlib import Path\n"
        "from pipeline.steps.machine import end_with_parent; end_with_parent()\n"
        "Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(60)"
    )
    workflow = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"
    note = tmp_path / "pid"
    process = subprocess.Popen([sys.executable, "-c", workflow, job, str(note)])
    end = time.monotonic() + 20
    while not (note.exists() and note.read_text()):
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    number = int(note.read_text())
    end = time.monotonic() + 20
    while (state := _state(number)) not in ("", "Z"):
        assert time.monotonic() < end, state
        time.sleep(0.05)


def _state(number: int) -> str:
    """Return the state of a process, or nothing where it is gone."""
    said = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(number)], capture_output=True, text=True, check=False
    )
    return said.stdout.strip()[:1]


def test_the_cohorts_jobs_tell_of_the_machine_without_a_traceback(tmp_path):
    """In a process of its own, which ends at once."""
    code = (
        "import errno, sys; from types import SimpleNamespace as S\n"
        "from pipeline.steps.rules import run_step\n"
        "def step(**given): raise OSError(errno.ENOSPC, 'x', 'results/t.tsv')\n"
        "run_step(step, S(log=sys.argv[1], rule='cohort', input=[], output=[], params={}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "log")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.strip().startswith("cohort: results/t.tsv: the disk is full. Free some")
    assert "Traceback" not in done.stderr


def test_a_fault_of_ours_is_told_in_words_and_its_traceback_is_in_the_log(tmp_path, capsys):
    def step(**given):
        raise ValueError("a mistake of ours")

    given = SimpleNamespace(log=tmp_path / "log", rule="cohort", input=[], output=[], params={})
    with pytest.raises(SystemExit):
        run_step(step, given)
    said = capsys.readouterr().err
    assert "cohort: ValueError: a mistake of ours" in said and "Traceback" not in said
    assert "Traceback" in (tmp_path / "log").read_text()
