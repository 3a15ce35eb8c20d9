"""The workflow through sbatch: a job is killed, a run is cancelled, and the bytes are the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mini import write_full
from slurm_cluster import absent, cluster
from workflow_runs import REPOSITORY, finished_run

from pipeline.commands import job_status

pytestmark = [pytest.mark.workflow, pytest.mark.slurm]

#: Slurm is asked more often than a real cluster may be
OFTEN = ("--slurm-no-account", "--slurm-init-seconds-before-status-checks", "1",
         "--seconds-between-status-checks", "1", "--latency-wait", "5")  # fmt: skip
#: what differs between two runs: when and where; and PDF, whose objects have names by chance
VOLATILE = (".pdf", "run.html", ".log")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The same experiment on a workstation."""
    return finished_run(tmp_path_factory.mktemp("alone"), write_full)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    if reason := absent():
        pytest.skip(reason)
    with cluster(tmp_path_factory.mktemp("slurm") / "cluster") as running:
        yield running


def submit(folder: Path, *arguments: str, profile: str = "slurm") -> subprocess.Popen:
    """Start the workflow; its output goes to ``out.log``."""
    command = [str(Path(sys.executable).with_name("snakemake")), "--profile", f"profiles/{profile}"]
    command += [*arguments, "--directory", str(folder / "run")]
    command += ["--configfile", str(folder / "lab" / "config.yaml")]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with (folder / "out.log").open("a") as log:
        return subprocess.Popen(
            command, cwd=REPOSITORY, env={**os.environ, "PATH": path}, stdout=log, stderr=log
        )


def until(found, process: subprocess.Popen, *, seconds: float = 240):
    """Ask again and again until something is found; the run must not end before."""
    end = time.monotonic() + seconds
    while not (answer := found()):
        assert process.poll() is None, "the run ended before"
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.3)
    return answer


def contents(results: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(results)): path.read_bytes()
        for path in sorted(results.rglob("*"))
        if path.is_file() and not path.name.endswith(VOLATILE)
    }


def test_a_killed_job_is_tried_again_and_a_cancelled_run_goes_on(slurm, alone, tmp_path):
    write_full(tmp_path / "lab")
    process = submit(tmp_path, *OFTEN)

    def jobs(state: str = "", *, of_sessions: bool) -> list[str]:
        return [
            job
            for job, found, said in slurm.queue()
            if found.startswith(state) and ("extract" in said) == of_sessions
        ]

    def memory_mb(job: str) -> float:
        said = slurm.command("squeue", "--noheader", "--format=%m", "--jobs", job).strip()
        return float(said[:-1]) * {"M": 1, "G": 1024}[said[-1]]

    try:
        # both jobs of a session are one job of the cluster, and a job that dies comes back larger
        killed = until(lambda: jobs("RUNNING", of_sessions=True), process)[0]
        asked, highest = memory_mb(killed), max(map(int, jobs(of_sessions=True)))
        slurm.command("scancel", killed)
        again = until(
            lambda: [job for job in jobs(of_sessions=True) if int(job) > highest], process
        )
        assert memory_mb(again[0]) >= 1.9 * asked
        assert "tried again" in (tmp_path / "out.log").read_text()
        # a run that is cancelled takes its jobs with it, and the next one goes on where it was
        until(lambda: jobs("RUNNING", of_sessions=False), process)
        process.send_signal(signal.SIGINT)
        assert process.wait(120) != 0
    finally:
        if process.poll() is None:
            process.kill()
    end = time.monotonic() + 60
    while slurm.queue() and time.monotonic() < end:
        time.sleep(0.5)
    assert slurm.queue() == []
    measured = len(list((tmp_path / "run" / "results" / "sessions").glob("*/measure.status.json")))
    assert measured == 4
    before = (tmp_path / "out.log").stat().st_size
    process = submit(tmp_path, *OFTEN)
    try:
        assert process.wait(300) == 0
    finally:
        if process.poll() is None:
            process.kill()
    later = (tmp_path / "out.log").read_text()[before:]
    assert "  extract " not in later and "  report\n" in later
    there, here = contents(tmp_path / "run" / "results"), contents(alone / "run" / "results")
    assert there.keys() == here.keys()
    assert [name for name in here if there[name] != here[name]] == []


def test_the_cluster_without_an_executor_of_its_own_runs_a_session(slurm, tmp_path):
    """profiles/cluster submits by a command and asks by another."""
    write_full(tmp_path / "lab")
    target = "results/sessions/r0_w0/measure.status.json"
    process = submit(
        tmp_path, target, "--seconds-between-status-checks", "1", "--latency-wait", "5",
        profile="cluster",
    )  # fmt: skip
    try:
        jobs = until(slurm.queue, process)
        assert process.wait(240) == 0
    finally:
        if process.poll() is None:
            process.kill()
    assert (tmp_path / "run" / target).is_file()
    assert job_status.state_of(jobs[0][0]) == "COMPLETED"
    assert len(jobs) == 1  # extract and measure of one session


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("COMPLETED", "success"),
        ("COMPLETING", "running"),
        ("PENDING", "running"),
        ("RUNNING", "running"),
        ("FAILED", "failed"),
        ("CANCELLED by 0", "failed"),
        ("CANCELLED+", "failed"),
        ("OUT_OF_MEMORY", "failed"),
        ("TIMEOUT", "failed"),
        ("NODE_FAIL", "failed"),
        ("PREEMPTED", "failed"),
        ("something new", "failed"),
    ],
)
def test_states_of_slurm_in_snakemakes_words(state, said):
    assert job_status.verdict(state) == said


def test_a_silent_controller_ends_no_job(monkeypatch, capsys):
    """No command answers: the job is not submitted a second time."""
    monkeypatch.setenv("PATH", "")
    assert job_status.main(["1"]) == 0
    assert capsys.readouterr().out == "running\n"
    assert job_status.main([]) == 2
