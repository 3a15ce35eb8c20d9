"""Runs that are killed, and a full disk under the cohort: nothing half written is taken for whole.

What else can go wrong around a run is in tests/test_workflow_faults_disk.py.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import time

import psutil
import pytest
from fault_runs import (
    contents,
    differing,
    filled,
    is_gone,
    mount,
    said,
    small_disk,
    start,
    unlocked,
    until,
    workers,
)
from mini import write_full
from workflow_runs import copied, finished_run, jobs_run, planned, run

pytestmark = pytest.mark.workflow

#: rule that is going on, and what is killed
KILLS = [
    ("extract", "group"),
    ("extract", "worker"),
    ("measure", "controller"),
    ("cohort", "worker"),
    ("figures", "group"),
    ("report", "controller"),
]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The experiment with every kind of data, run once."""
    return finished_run(tmp_path_factory.mktemp("undisturbed"), write_full)


def killed(folder, rule: str, what: str, chance: random.Random) -> None:
    """Start a run and kill it, or a job of it, some time after a job of the rule has begun."""
    process = start(folder)
    try:
        until(lambda: workers(process, f".{rule}"), process)
        time.sleep(chance.uniform(0, 1.2))
        jobs = until(lambda: workers(process), process)
        if what == "worker":
            victim = (workers(process, f".{rule}") or jobs)[0]
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()
            process.wait(300)
        elif what == "group":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait(60)
        # jobs whose workflow is gone end too, and write nothing any more
        end = time.monotonic() + 30
        while not all(map(is_gone, jobs)):
            assert time.monotonic() < end, "a job outlived its workflow"
            time.sleep(0.1)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_a_run_that_is_killed_again_and_again_ends_as_if_undisturbed(undisturbed, tmp_path):
    """Moments are random (seed 9) within the jobs of a rule."""
    expected = contents(undisturbed / "run" / "results")
    chance = random.Random(9)
    shutil.copytree(undisturbed / "lab", tmp_path / "lab", copy_function=shutil.copy2)
    results = tmp_path / "run" / "results"
    for rule, what in KILLS:
        killed(tmp_path, rule, what, chance)
        # whatever stands under its final name is whole
        assert differing(contents(results), expected) == [], (rule, what)
        if what == "worker":
            assert "run the same command again" in said(tmp_path)
            continue
        if (rule, what) == KILLS[0]:
            refused = run(tmp_path)
            assert refused.returncode != 0
            assert "cannot be locked" in refused.stderr
            assert "--unlock" in refused.stderr
            assert jobs_run(refused) == {}
        unlocked(tmp_path)
    process = run(tmp_path)
    assert process.returncode == 0, process.stderr[-3000:]
    found = contents(results)
    assert differing(found, expected) == []
    assert found.keys() == expected.keys()
    assert list(results.rglob(".partial-*")) == []
    assert planned(tmp_path) == {}


def test_a_disk_that_is_full_under_the_cohort_is_told_and_the_same_command_goes_on(
    undisturbed, tmp_path
):
    """The steps of the whole cohort tell of the machine alike (pipeline/steps/rules.py)."""
    asked = ("--cores", "1", "results/cohort/verdicts.tsv")
    folder = copied(undisturbed, tmp_path / "x")
    kept = (folder / "run" / "results").rename(folder / "kept")
    with small_disk(folder / "run" / "results", size="1g") as results:
        shutil.copytree(kept, results, copy_function=shutil.copy2, dirs_exist_ok=True)
        shutil.rmtree(results / "cohort")
        filled(results, spare=32_768)
        process = run(folder, *asked)
        assert process.returncode != 0
        assert "cohort: " in process.stderr
        assert "the disk is full. Free some space, and run the same command" in process.stderr
        assert "Traceback" not in process.stderr
        assert list(results.glob("cohort/*")) == []
        mount("-o", "remount,size=1g", str(results))
        process = run(folder, *asked)
        assert process.returncode == 0, process.stderr[-3000:]
        assert jobs_run(process) == {"cohort": 1}
        assert differing(contents(results), contents(kept)) == []
