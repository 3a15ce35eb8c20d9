"""Full and read-only disks, files that change under a run, two runs at once, clocks set back.

Runs that are killed are in tests/test_workflow_faults.py.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from fault_runs import contents, differing, mount, said, small_disk, start, until, workers
from mini import write_full
from workflow_runs import copied, jobs_run, run

pytestmark = pytest.mark.workflow

NAMES = ("r0_w0", "r0_w1", "r1_w0", "r1_w1")
#: what the runs here are asked for
STATUS = {name: f"results/sessions/{name}/extract.status.json" for name in NAMES}
EXTRACTED = STATUS["r0_w0"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The sessions of the experiment with every kind of data, extracted; tests work on copies."""
    folder = tmp_path_factory.mktemp("undisturbed")
    write_full(folder / "lab")
    process = run(folder, "--cores", "2", *STATUS.values())
    assert process.returncode == 0, process.stderr[-3000:]
    return folder


@pytest.fixture
def lab(undisturbed, tmp_path):
    """The experiment without results."""
    shutil.copytree(undisturbed / "lab", tmp_path / "lab", copy_function=shutil.copy2)
    return tmp_path


def differ(folder: Path, undisturbed: Path) -> list[str]:
    """Results that are not those of the undisturbed run."""
    expected = contents(undisturbed / "run" / "results")
    return differing(contents(folder / "run" / "results"), expected)


def of_session(folder: Path, name: str) -> set[str]:
    """Files of a session's folder, hidden ones too."""
    session = folder / "run" / "results" / "sessions" / name
    return {path.name for path in session.iterdir()} if session.is_dir() else set()


def status(folder: Path, name: str) -> dict:
    """What extract says of a session."""
    return json.loads((folder / "run" / STATUS[name]).read_text())


def recording(folder: Path, name: str) -> Path:
    (data,) = (folder / "lab" / name).rglob("continuous.dat")
    return data


def test_full_and_read_only_disks_are_told_in_words_and_the_same_command_goes_on(undisturbed, lab):
    with small_disk(lab / "run" / "results", size="1m") as results:
        process = run(lab, "--cores", "2", EXTRACTED)
        assert process.returncode != 0
        assert "extract of r0_w0: the disk is full. Free some space" in process.stderr
        assert "Traceback" not in process.stderr
        assert of_session(lab, "r0_w0") == set()
        mount("-o", "remount,size=64m", str(results))
        assert run(lab, "--cores", "2", EXTRACTED).returncode == 0
        assert differ(lab, undisturbed) == []
        # and read-only: refused before the first job, and what is there stays
        mount("-o", "remount,ro", str(results))
        process = run(lab, "--cores", "2", STATUS["r1_w1"])
        assert process.returncode != 0
        assert f"Nothing can be written: {results}: the folder is read-only" in process.stderr
        assert "  extract " not in process.stderr
        assert differ(lab, undisturbed) == []
        assert "extract.status.json" in of_session(lab, "r0_w0")


def begun(folder: Path, process: subprocess.Popen) -> str:
    """Wait for the first session that is read; the others wait, for there is one core."""
    until(lambda: workers(process, ".extract"), process)
    (name,) = until(lambda: [n for n in NAMES if f"  extract {n}\n" in said(folder)], process)
    return name


def restore(path: Path, content: bytes, stat: os.stat_result) -> None:
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_recordings_that_change_under_a_run_fail_in_words_and_the_next_run_is_right(
    undisturbed, lab
):
    """Of the sessions that wait, one is cut short and one becomes another of the same size."""
    process = start(lab, "--cores", "1", *STATUS.values())
    try:
        first = begun(lab, process)
        cut, changed, untouched = (name for name in NAMES if name != first)
        files = {name: recording(lab, name) for name in (cut, changed)}
        kept = {name: (path.read_bytes(), path.stat()) for name, path in files.items()}
        os.truncate(files[cut], 100_000)
        files[changed].write_bytes(kept[changed][0][::-1])
        assert process.wait(300) != 0
    finally:
        process.kill()
    words = said(lab)
    assert f"extract of {cut}: " in words
    assert f"extract of {changed}: " in words
    assert words.count("continuous.dat: changed while this run was going on: found") == 2
    assert "found 100000 bytes" in words
    assert "Traceback" not in words
    # what was not touched is there, and whole; of the two there is nothing
    assert of_session(lab, cut) == of_session(lab, changed) == set()
    for name in (first, untouched):
        assert "extract.status.json" in of_session(lab, name)
    assert differ(lab, undisturbed) == []
    # the next run takes them as they are now: one fails alone, the other is another recording
    assert run(lab, "--cores", "2", *STATUS.values()).returncode == 0
    states = {name: status(lab, name)["state"] for name in NAMES}
    assert states == {name: "failed" if name == cut else "ok" for name in NAMES}
    assert "continuous.dat" in status(lab, cut)["reason"]
    assert f"sessions/{changed}/lfp.nc" in differ(lab, undisturbed)
    # as they were: as if nothing had happened
    for name, (content, stat) in kept.items():
        restore(files[name], content, stat)
    process = run(lab, "--cores", "2", *STATUS.values())
    assert process.returncode == 0, process.stderr[-3000:]
    assert jobs_run(process) == {"extract": 2}
    assert differ(lab, undisturbed) == []


def test_a_recording_that_vanishes_under_a_run_is_named_and_the_next_run_fails_it_alone(
    undisturbed, lab
):
    """Snakemake itself ends the run here: it looks for a job's files before it starts the job."""
    two = {name: STATUS[name] for name in NAMES[:2]}
    process = start(lab, "--cores", "1", "--latency-wait", "0", *two.values())
    try:
        first = begun(lab, process)
        (gone,) = (name for name in two if name != first)
        data = recording(lab, gone)
        kept = (data.read_bytes(), data.stat())
        data.unlink()
        assert process.wait(300) != 0
    finally:
        process.kill()
    assert "continuous.dat (missing locally" in said(lab)
    assert gone in said(lab)
    assert of_session(lab, gone) == set()
    assert differ(lab, undisturbed) == []
    process = run(lab, "--cores", "2", *two.values())
    assert process.returncode == 0, process.stderr[-3000:]
    assert status(lab, gone)["state"] == "failed"
    restore(data, *kept)
    assert run(lab, "--cores", "2", *two.values()).returncode == 0
    assert differ(lab, undisturbed) == []
    assert status(lab, gone)["state"] == "ok"


def test_a_second_run_is_refused_and_the_first_is_unharmed(undisturbed, lab):
    process = start(lab, EXTRACTED)
    try:
        job = until(lambda: workers(process, ".extract"), process)[0]
        job.suspend()  # the first run is in the midst of it, however slow the second starts
        second = run(lab, "--cores", "2", EXTRACTED)
        assert process.poll() is None
        job.resume()
        assert process.wait(300) == 0
    finally:
        process.kill()
    assert second.returncode != 0
    assert "Directory cannot be locked" in second.stderr
    assert "make sure that no other Snakemake process" in second.stderr
    assert jobs_run(second) == {}
    assert differ(lab, undisturbed) == []
    assert "extract.status.json" in of_session(lab, "r0_w0")


def test_a_clock_that_was_set_back_is_told_before_the_first_job(undisturbed, tmp_path):
    """Files of tomorrow are what a clock shows that was set back by a day."""
    folder = copied(undisturbed, tmp_path / "x")
    tomorrow = time.time() + 86_400
    results = folder / "run" / "results"
    for path in results.rglob("*"):
        os.utime(path, (tomorrow, tomorrow))
    data = recording(folder, "r0_w0")
    data.write_bytes(data.read_bytes()[::-1])
    process = run(folder, "--cores", "2", EXTRACTED)
    assert process.returncode != 0
    assert "of results were written in the future" in process.stderr
    assert "same command with --forceall" in process.stderr
    assert "  extract " not in process.stderr
    process = run(folder, "--forceall", "--cores", "2", EXTRACTED)
    assert process.returncode == 0, process.stderr[-3000:]
    assert differ(folder, undisturbed) == ["sessions/r0_w0/lfp.nc"]


def test_a_recording_from_the_future_is_refused_until_its_time_is_right(lab):
    data = recording(lab, "r0_w1")
    tomorrow = time.time() + 86_400
    os.utime(data, (tomorrow, tomorrow))
    process = run(lab, "--cores", "2", EXTRACTED)
    assert process.returncode != 0
    assert "1 file(s) that the tables name were changed in the future" in process.stderr
    assert "r0_w1" in process.stderr
    data.touch()
    assert run(lab, "--cores", "2", EXTRACTED).returncode == 0
