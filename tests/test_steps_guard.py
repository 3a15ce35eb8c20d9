"""The guard: a session's failure is reported and stays its own; the machine's is not hidden."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.steps.guard import Outcome, guarded, read_status, reason


def run(tmp_path: Path, function, **extra):
    guarded(
        "extract",
        function,
        settings={"a": 1},
        outputs={"lfp": str(tmp_path / "lfp.nc"), "status": str(tmp_path / "s.json")},
        log=str(tmp_path / "log.txt"),
        **extra,
    )
    return read_status(tmp_path / "s.json")


def test_success_writes_facts_and_warnings(tmp_path):
    def step(*, settings, outputs):
        outputs["lfp"].write_text("data")
        print("working")
        return Outcome(("careful",), {"n": settings["a"]})

    status = run(tmp_path, step)
    assert status == {
        "state": "ok",
        "step": "extract",
        "reason": "",
        "warnings": ["careful"],
        "facts": {"n": 1},
    }
    assert (tmp_path / "log.txt").read_text() == "working\n"


def test_a_failure_leaves_empty_outputs_and_its_reason(tmp_path):
    def step(*, settings, outputs):
        outputs["lfp"].write_text("half of it")
        raise InputError("x.nwb: found volts; expected microvolts")

    status = run(tmp_path, step)
    assert status["state"] == "failed"
    assert status["reason"] == "x.nwb: found volts; expected microvolts"
    assert (tmp_path / "lfp.nc").read_bytes() == b""
    assert "Traceback" in (tmp_path / "log.txt").read_text()


def test_an_unforeseen_failure_is_reported_with_its_type(tmp_path):
    def step(*, settings, outputs):
        raise KeyError("rate")

    assert run(tmp_path, step)["reason"] == "KeyError: 'rate'"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.ESTALE])
def test_trouble_of_the_machine_is_raised(tmp_path, number):
    def step(*, settings, outputs):
        raise OSError(number, "trouble")

    with pytest.raises(OSError, match="trouble"):
        run(tmp_path, step)
    assert not (tmp_path / "s.json").exists()


def test_memory_errors_are_raised(tmp_path):
    def step(*, settings, outputs):
        raise MemoryError

    with pytest.raises(MemoryError):
        run(tmp_path, step)


def test_a_missing_file_is_the_sessions_failure(tmp_path):
    def step(*, settings, outputs):
        raise FileNotFoundError(errno.ENOENT, "No such file", "x.bin")

    assert run(tmp_path, step)["state"] == "failed"


def test_what_failed_upstream_is_passed_on(tmp_path):
    upstream = tmp_path / "before.json"
    failed = {"state": "failed", "step": "extract", "reason": "no file"}
    upstream.write_text(json.dumps(failed))

    def step(*, settings, outputs):
        raise AssertionError("must not run")

    status = run(tmp_path, step, upstream=str(upstream))
    assert status == {"state": "skipped", "step": "extract", "reason": "no file"}
    assert (tmp_path / "lfp.nc").read_bytes() == b""


def test_reasons_are_our_own_words_where_there_are_any():
    assert reason(InputError("words")) == "words"
    assert reason(ValueError("x")) == "ValueError: x"
