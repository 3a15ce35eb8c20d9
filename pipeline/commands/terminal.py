"""What a run prints on the terminal: one line per job, and reasons in words.

Snakemake displays for each job all its inputs, outputs, settings and resources, and for a job that
fails its own traceback beside the program's. All of that stays in its log file
(``.snakemake/log/``) and with ``--verbose``; here the handler of its terminal gets another filter
and formatter, which are those of the standard library's ``logging``.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.commands.why import Planned, in_words
from pipeline.steps.guard import read_status
from pipeline.steps.rules import told_in

#: Snakemake's name for the handler that writes to the terminal
_HANDLER = "DefaultStreamHandler"
#: events that say nothing to a lab; they are in the log file
_SILENT = {
    "workflow_started",
    "resources_info",
    "job_started",
    "progress",
    "group_info",
    "group_error",
}
#: how messages without an event begin that say nothing to a lab
_CHATTER = (
    "Assuming unrestricted shared filesystem usage",
    "Building DAG of jobs",
    "Using shell: ",
    "Conda environments: ignored",
    "Singularity containers: ignored",
    "Group jobs: inactive",
    "Select jobs to execute",
    "Shutting down, this might take some time",
    "SLURM run ID: ",
    "Reasons:\n",
    "Some jobs were triggered by provenance information",
    "Rules with provenance triggered jobs",
    "Exiting because a job execution failed",
    "Removing output files of failed job",
)
#: Slurm and clusters of other kinds; the numbers of their jobs are in the log file
_SUBMITTED = re.compile(r"^(Job \S+ has been submitted with|Submitted (group )?job \S+ with)")
#: what is known already when Snakemake says it
_KNOWN = (
    "returned non-zero exit status",
    "died with <Signals.",
    "At least one job did not complete successfully",
)
_AGAIN = re.compile(r"^Trying to restart job (\S+)\.$")
#: exceptions whose text is words to people; any other is shown whole, for it is a fault
_WORDED = {
    "AmbiguousRuleException",
    "ApiError",
    "CliException",
    "IncompleteFilesException",
    "LockException",
    "MissingInputException",
    "MissingOutputException",
    "MissingRuleException",
    "RuleException",
    "WorkflowError",
}
_PLACE = re.compile(r'^(\w+(Exception|Error)( in .*)?:|\s*File ".*", line \d+.*)$')
_UNLOCK = (
    "\nWhat to do: let the other run end. If there is none, add --unlock to the same command, and "
    "then run the command itself again."
)
#: seconds by which a file server's clock may be behind when a log is taken for an old one
_SLACK_S = 60.0


@dataclass(frozen=True)
class _Job:
    """A job that was started: its name for people, its files, and when."""

    name: str
    output: tuple[str, ...]
    log: tuple[str, ...]
    local: bool
    started_s: float


class Terminal(logging.Formatter):
    """Filter and formatter of one run's terminal; it counts the jobs that it has seen begin.

    Parameters
    ----------
    dry_run : callable
        Whether nothing is run (``-n``), known only after the rules are read: then
        jobs are told together, with why they would run.
    """

    def __init__(self, *, dry_run: Callable[[], bool] = lambda: False) -> None:
        super().__init__()
        self._dry_run = dry_run
        self._total = 0
        self._stats_shown = False
        self._jobs: dict[int, _Job] = {}
        self._planned: list[Planned] = []
        #: rules that ended a run badly, and sessions that failed without ending it
        self.failed: list[str] = []

    def ran(self, rule: str) -> bool:
        """Whether a job of a rule was started."""
        return any(job.name.split()[0] == rule for job in self._jobs.values())

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is shown; jobs are noted on the way."""
        fields, event = vars(record), str(getattr(record, "event", None) or "")
        if event in _SILENT:
            return False
        if event == "run_info":
            return self._counted(fields)
        if event == "job_info":
            return self._noted(fields, record.created)
        if event == "job_finished":
            return self._failed_alone(fields) is not None
        text = str(record.msg or "")
        chatter = text.startswith(_CHATTER) or _SUBMITTED.match(text)
        return not (chatter or any(known in text for known in _KNOWN))

    def _counted(self, fields: Mapping[str, Any]) -> bool:
        """Take the number of jobs; the table of them is shown once."""
        stats = fields.get("stats") or {}
        self._total = stats.get("total", 0) - stats.get("all", 0)
        shown, self._stats_shown = self._stats_shown, True
        return not shown

    def _noted(self, fields: Mapping[str, Any], created_s: float) -> bool:
        rule = fields["rule_name"]
        session = str(dict(fields["wildcards"] or {}).get("session", ""))
        if self._dry_run():
            output = tuple(map(str, fields["output"]))
            self._planned.append(Planned(rule, session, fields["reason"], output))
            return False
        self._jobs[fields["jobid"]] = _Job(
            name=f"{rule} {session}".strip(),
            output=tuple(map(str, fields["output"])),
            log=tuple(map(str, fields["log"])),
            local=bool(fields["local"]),
            started_s=created_s,
        )
        return rule != "all"

    def _failed_alone(self, fields: Mapping[str, Any]) -> _Job | None:
        """Return a finished job whose session failed in it, and left the others to go on."""
        job = self._jobs.get(fields["job_id"])
        for path in map(Path, job.output if job else ()):
            if path.name.endswith(".status.json") and path.exists():
                return job if read_status(path)["state"] == "failed" else None
        return None

    def format(self, record: logging.LogRecord) -> str:
        """Return the words of a record that is shown."""
        fields, event = vars(record), str(getattr(record, "event", None) or "")
        clock = time.strftime("[%H:%M:%S]", time.localtime(record.created))
        if event == "job_info":
            begun = sum(job.name != "all" for job in self._jobs.values())
            count = f"{begun:>{len(str(self._total))}} of {self._total}"
            return f"{clock} {count}  {self._jobs[fields['jobid']].name}"
        if event == "job_finished":
            return self._session_failed(clock, self._jobs[fields["job_id"]])
        if event == "job_error":
            return self._job_failed(clock, fields)
        text = str(record.msg or "")
        if event == "run_info":
            return text.rstrip()
        if event == "error":
            return words_of(text, str(fields.get("exception", "")))
        return self._said(clock, text)

    def _session_failed(self, clock: str, job: _Job) -> str:
        self.failed.append(job.name)
        log = ", ".join(job.log)
        return f"{clock} {job.name} failed, the others go on; why is told at the end (log: {log})"

    def _job_failed(self, clock: str, fields: Mapping[str, Any]) -> str:
        job = self._jobs.get(fields["jobid"])
        name = job.name if job else fields["rule_name"]
        self.failed.append(name)
        lines = [f"{clock} failed: {name} (log: {', '.join(fields['log']) or 'none'})"]
        told = _told(job)
        if told is None:
            lines.append(
                "  It left no reason in its log. If none stands above, it was killed (a lack of "
                "memory, a time limit, a power cut?), or never began."
            )
            lines += [f"  {fields['rule_msg']}"] if fields.get("rule_msg") else []
        elif job and not job.local:
            # what it printed is on another computer
            lines += [f"  {line}" for line in told.splitlines()]
        return "\n".join(lines)

    def _said(self, clock: str, text: str) -> str:
        again = _AGAIN.match(text)
        if again:
            job = self._jobs.get(int(again[1])) if again[1].isdigit() else None
            return f"{clock} {job.name if job else 'jobs of one session'}: tried again"
        if text.startswith("Complete log(s): "):
            return text.replace("Complete log(s): ", "Snakemake's own log: ")
        if text.startswith("Elapsed time: "):
            return text.replace("Elapsed time", "It took (h:mm:ss)").partition(".")[0]
        if text.startswith("Nothing to be done"):
            return "Nothing to be done: results are up to date with config, tables, files and code."
        if text.startswith("This was a dry-run"):
            return in_words(self._planned) + (
                "\nThis was a dry run: nothing was done. With --verbose, Snakemake shows each job."
            )
        return text


def _told(job: _Job | None) -> str | None:
    """Return the reason at the end of a job's own log; None if that is not of this run."""
    for path in map(Path, job.log if job else ()):
        if job and path.exists() and path.stat().st_mtime > job.started_s - _SLACK_S:
            return told_in(path)
    return None


def words_of(text: str, exception: str) -> str:
    """Return an error's text without the places in our own rules that it came from.

    Parameters
    ----------
    text : str
        As Snakemake prints it.
    exception : str
        Its type; what is not meant for people is returned whole.
    """
    if exception not in _WORDED:
        return text
    words = "\n".join(line for line in text.splitlines() if not _PLACE.match(line))
    return words + (_UNLOCK if exception == "LockException" else "")


def install(*, main_process: bool, dry_run: Callable[[], bool]) -> Terminal:
    """Put the terminal of this run in place of Snakemake's, unless more is asked for.

    Parameters
    ----------
    main_process : bool
        Whether this is the process that the lab started; jobs on a cluster write logs of their own,
        which stay whole.
    dry_run : callable
        As for :class:`Terminal`.

    Returns
    -------
    Terminal
        Not in use where ``--verbose`` or another logger was asked for.
    """
    terminal = Terminal(dry_run=dry_run)
    logger = logging.getLogger("snakemake.logging")
    if main_process and logger.getEffectiveLevel() > logging.DEBUG:
        for handler in logger.handlers:
            if handler.name == _HANDLER:
                handler.addFilter(terminal)
                handler.setFormatter(terminal)
    return terminal


def tell_good_end(results: Path, terminal: Terminal) -> None:
    """Print where the report is, and why sessions failed where no rule of the run told of them."""
    lines = _sessions(results) if terminal.failed else []
    if terminal.ran("report"):
        lines.append(f"The report: {(results / 'report' / 'index.html').resolve()}")
    if lines:
        _print("\n".join(["", *lines]))


def tell_bad_end(results: Path, terminal: Terminal) -> None:
    """Print what is kept, which sessions failed, and what to do next.

    Parameters
    ----------
    results : Path
        Folder of the results.
    terminal : Terminal
        Of this run.
    """
    lines = ["", "The run did not end well. Everything that was finished is kept."]
    # the rule acknowledge tells of sessions itself, after the report
    lines += [] if "acknowledge" in terminal.failed else _sessions(results)
    lines += [
        "What to do: mend what is named above (docs/troubleshooting.md says how), and run the same "
        "command again; it goes on from there.",
        f"Logs: {(results / 'logs').resolve()}",
    ]
    report = results / "report" / "index.html"
    if "acknowledge" in terminal.failed and report.exists():
        lines.append(f"The report: {report.resolve()}")
    _print("\n".join(lines) + "\n")


def _sessions(results: Path) -> list[str]:
    """Sessions that failed, with their reasons, under a heading."""
    found = []
    for path in sorted(results.glob("sessions/*/*.status.json")):
        status = read_status(path)
        if status["state"] == "failed":
            found.append(f"  {path.parent.name}: {status['step']}: {status['reason']}")
    return ["Sessions that failed:", *found] if found else []


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
