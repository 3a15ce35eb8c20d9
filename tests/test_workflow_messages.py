"""What a run prints: one line per job, the reason of a failure in words and once, what to do."""

from __future__ import annotations

import logging
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from mini import write_mini
from workflow_runs import run, run_snakemake

from pipeline.commands.terminal import Terminal, words_of
from pipeline.commands.why import explained
from pipeline.errors import InputError
from pipeline.steps.rules import run_step, told_in

LINE = r"^\[\d\d:\d\d:\d\d\] +{n} of {of}  {job}$"


# --- a run, as a user starts it ------------------------------------------------------------------


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Path:
    """The mini experiment; the recording of r1_w1 has lost its data."""
    folder = tmp_path_factory.mktemp("messages")
    write_mini(folder / "lab")
    (data,) = (folder / "lab" / "r1_w1").rglob("continuous.dat")
    data.unlink()
    return folder


@pytest.mark.workflow
def test_a_session_that_fails_is_told_in_words_beside_one_that_does_not(lab):
    names = ("r0_w0", "r1_w1")
    done = run(
        lab, "--cores", "2", *(f"results/sessions/{name}/extract.status.json" for name in names)
    )
    assert done.returncode == 0, done.stderr[-2000:]
    begun = re.findall(LINE.format(n="([12])", of=2, job=r"extract (\w+)"), done.stderr, re.M)
    assert [n for n, _ in begun] == ["1", "2"] and {name for _, name in begun} == set(names)
    assert "extract r1_w1 failed, the others go on" in done.stderr
    assert done.stderr.count("continuous.dat: not found; copy the whole folder") == 1
    assert "Traceback" not in done.stderr
    assert "input:" not in done.stderr and max(map(len, done.stderr.splitlines())) < 300
    # all detail is kept
    (log,) = map(Path, re.findall(r"^Snakemake's own log: (.*)$", done.stderr, re.M))
    assert "    reason: Missing output files" in log.read_text()
    assert "Traceback" in (lab / "run/results/logs/extract/r1_w1.log").read_text()


@pytest.mark.workflow
def test_a_rule_that_fails_by_a_fault_tells_its_reason_once_and_no_traceback(lab, tmp_path):
    """Files of the step before that are not what the rule reads."""
    for name in ("r0_w0", "r0_w1", "r1_w0", "r1_w1"):
        folder = tmp_path / "results" / "sessions" / name
        folder.mkdir(parents=True)
        for file in ("scored_trials.tsv", "sets.tsv"):
            (folder / file).write_text("rubbish\n")
    config = lab / "lab" / "config.yaml"
    done = run_snakemake(config, tmp_path, "--cores", "2", "results/cohort/trials.tsv.gz")
    assert done.returncode == 1
    said = done.stderr + done.stdout
    assert said.count("behaviour: KeyError: 'error_floresco_block'") == 1
    assert "most likely a fault of this program" in said
    assert "failed: behaviour (log: results/logs/behaviour.log)" in said
    assert "The run did not end well. Everything that was finished is kept." in said
    assert "run the same command again" in said
    for noise in ("Traceback", 'File "', "CalledProcessError", "RuleException", "input:"):
        assert noise not in said
    log = tmp_path / "results/logs/behaviour.log"
    assert "Traceback" in log.read_text()
    assert told_in(log).startswith("behaviour: KeyError: 'error_floresco_block'\nThis is most")


@pytest.mark.workflow
def test_a_dry_run_says_why_in_words_and_why_reads_it(lab):
    done = run(lab, "-n", "--forceall")
    assert done.returncode == 0, done.stderr[-2000:]
    said = done.stdout + done.stderr
    assert "measure (r0_w0, r0_w1, r1_w0, r1_w1)" in said
    assert said.count("Job stats") == 1 and "input:" not in said
    assert explained(said).startswith("18 jobs would run.\n\nextract (")
    assert explained(said) in said


@pytest.mark.workflow
def test_a_wrong_config_is_told_without_the_place_in_our_rules(lab, tmp_path):
    shutil.copytree(lab / "lab", tmp_path / "lab")
    path = tmp_path / "lab" / "config.yaml"
    path.write_text(path.read_text().replace("minimum_epoch_s:", "minimum_epoch_ss:"))
    done = run(tmp_path)
    assert done.returncode == 1
    assert "1 problem(s) in the experiment:\n  1. config.yaml: design.minimum_epoch_ss" in (
        done.stderr
    )
    assert "common.smk" not in done.stderr and "WorkflowError" not in done.stderr


# --- its parts -----------------------------------------------------------------------------------


def record(event: str | None, message: str = "", **fields: object) -> logging.LogRecord:
    """A record as Snakemake 9 makes it, at no certain time."""
    return logging.makeLogRecord({"msg": message, "event": event, "created": 1e9, **fields})


def began(terminal: Terminal, jobid: int, rule: str, **fields: object) -> str | None:
    """What is shown when a job begins."""
    known = {"wildcards": {}, "output": [], "log": [], "local": True, "reason": ""} | fields
    one = record("job_info", jobid=jobid, rule_name=rule, **known)
    return terminal.format(one) if terminal.filter(one) else None


def failed(terminal: Terminal, jobid: int, log: Path) -> str:
    one = record("job_error", jobid=jobid, rule_name="cohort", log=[str(log)], rule_msg=None)
    assert terminal.filter(one)
    return terminal.format(one)


def test_jobs_are_counted_without_the_rule_that_only_gathers():
    terminal = Terminal()
    assert terminal.filter(record("run_info", "Job stats", stats={"total": 13, "all": 1}))
    lines = [began(terminal, n, "measure", wildcards={"session": f"s{n}"}) for n in range(12)]
    assert lines[0].endswith("]  1 of 12  measure s0") and lines[11].endswith(
        "] 12 of 12  measure s11"
    )
    assert began(terminal, 12, "all") is None
    # a job that is tried again is not counted twice
    again = record(None, "Trying to restart job 3.")
    assert terminal.filter(again) and terminal.format(again).endswith("measure s3: tried again")
    assert began(terminal, 3, "measure", wildcards={"session": "s3"}).endswith(
        "12 of 12  measure s3"
    )


@pytest.mark.parametrize(
    "text",
    [
        "Building DAG of jobs...",
        "Job 5 has been submitted with SLURM jobid 12 (log: /x/y.log).",
        "Submitted group job 57f38992-a194 with external jobid '30664'.",
        "RuleException:\nCommand 'set -euo pipefail; x' died with <Signals.SIGKILL: 9>.",
        "WorkflowError:\nAt least one job did not complete successfully.",
    ],
)
def test_what_says_nothing_to_a_lab_is_not_shown(text):
    assert not Terminal().filter(record(None, text))
    assert Terminal().filter(record(None, "No SLURM account given, trying to guess."))


def test_what_went_wrong_on_another_computer_is_read_from_its_log(tmp_path):
    log = tmp_path / "cohort.log"
    log.write_text("printed\n\nWhat went wrong: cohort: no room left\nin two lines\n")
    terminal = Terminal()
    began(terminal, 1, "cohort", local=False, log=[str(log)])
    assert failed(terminal, 1, log).splitlines()[1:] == ["  cohort: no room left", "  in two lines"]
    # here it printed that itself
    began(terminal, 2, "cohort", local=True, log=[str(log)])
    assert len(failed(terminal, 2, log).splitlines()) == 1
    assert terminal.failed == ["cohort", "cohort"]


def test_a_job_that_was_killed_is_said_to_have_left_no_reason(tmp_path):
    log = tmp_path / "cohort.log"
    log.write_text("printed\n")
    terminal = Terminal()
    began(terminal, 1, "cohort", log=[str(log)])
    assert "it was killed (a lack of memory" in failed(terminal, 1, log)


def test_a_locked_folder_comes_with_what_to_do():
    text = "LockException:\nError: Directory cannot be locked. Please ..."
    words = words_of(text, "LockException")
    assert words.startswith("Error: Directory cannot be locked.") and "add --unlock" in words


def test_a_fault_of_the_rules_themselves_is_shown_whole():
    text = 'KeyError in file "x.smk", line 3:\n\'a\'\n  File "x.smk", line 3, in <module>'
    assert words_of(text, "KeyError") == text


def job(tmp_path: Path) -> SimpleNamespace:
    return SimpleNamespace(
        rule="cohort", log=str(tmp_path / "logs" / "cohort.log"), input=None, output=None, params={}
    )


def test_bad_input_of_a_cohort_rule_is_its_reason_alone(tmp_path, capsys):
    def refuse(**_: object) -> None:
        raise InputError("table.tsv: row 3: found 'x'; expected a number")

    with pytest.raises(SystemExit) as stopped:
        run_step(refuse, job(tmp_path))
    assert stopped.value.code == 1
    words = "table.tsv: row 3: found 'x'; expected a number"
    assert capsys.readouterr().err.strip() == words
    assert told_in(tmp_path / "logs" / "cohort.log") == words
