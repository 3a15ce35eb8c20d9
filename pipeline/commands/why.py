"""Say in words why a run would do jobs: ``snakemake -n 2>&1 | python -m pipeline why``.

Snakemake prints all settings of a job whose settings have changed, before and after: thousands of
characters in which one number differs. This reads what it printed, and tells that number.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.commands.changes import arrow, flat, shown

#: what begins the display of a job
_RULE = re.compile(r"^(?:local)?(?:rule|checkpoint) (?P<rule>\w+):$")
_FIELD = re.compile(r"^    (?P<name>output|reason|wildcards): (?P<text>.*)$")
_PARAMS = "Params have changed since last execution: "
_FOLLOWS = "Input files updated by another job: "
#: Snakemake's reasons in words; what follows the colon is kept
_WORDS = {
    "Missing output files": "its files are not there",
    "Incomplete output files": "a job was killed while it wrote",
    "Updated input files": "files are newer than its results",
    "Set of input files has changed since last execution": "it reads other files than before "
    "(sessions were added, excluded or included, or files have come or gone)",
    "Code has changed since last execution": "its script in workflow/scripts has changed",
    "Software environment definition has changed since last execution": "environment.yml has "
    "changed",
    "Forced execution": "it was asked for on the command line",
}
#: our own words, where a dry run was not asked for Snakemake's (pipeline.commands.terminal)
_SAID = re.compile(r"^\d+ jobs would run\.\n(?:.*\n)*?(?=\nThis was a dry run)", re.MULTILINE)
#: differences of settings that are told of one job
_MOST = 12
#: parts of a settings' key, in words
_KEYS = {
    "code.hash": "our source code of this step",
    "record.code": "our source code of the step",
    "code.versions": "version of",
    "record.versions": "version of",
}


@dataclass(frozen=True)
class Planned:
    """One job that a dry run displayed.

    Attributes
    ----------
    rule, session : str
        The session is "" for a job over all of them.
    reason : str
        Snakemake's own words.
    output : tuple of str
        Files that it makes.
    """

    rule: str
    session: str
    reason: str
    output: tuple[str, ...]


def planned_jobs(text: str) -> list[Planned]:
    """Read the jobs from what ``snakemake -n`` printed.

    Parameters
    ----------
    text : str
        Output of the dry run, both streams.

    Returns
    -------
    list of Planned
        In the order of the display.
    """
    jobs: list[Planned] = []
    rule = ""
    fields: dict[str, str] = {}
    for line in [*text.splitlines(), "rule end:"]:
        begins = _RULE.match(line)
        if begins:
            if "reason" in fields:
                session = re.search(r"session=([^,]+)", fields.get("wildcards", ""))
                output = tuple(fields.get("output", "").split(", "))
                jobs.append(Planned(rule, session[1] if session else "", fields["reason"], output))
            rule, fields = begins["rule"], {}
        else:
            field = _FIELD.match(line)
            if field and field["name"] not in fields:
                fields[field["name"]] = field["text"]
    return jobs


def settings_of(reason: str) -> tuple[Any, Any] | None:
    """Return the settings before and now from the reason of a job; None if they cannot be told.

    Parameters
    ----------
    reason : str
        With ``before: {...} now: {...}``; nothing of it is run, only literals are read.
    """
    text = reason.partition("before: ")[2]
    for cut in re.finditer(r" now: ", text):
        before = _literal(text[: cut.start()])
        # other reasons may follow
        ends = [m.start() for m in re.finditer(r"; ", text[cut.end() :])]
        after = next(
            (
                value
                for end in (None, *reversed(ends))
                if (value := _literal(text[cut.end() :][:end])) is not None
            ),
            None,
        )
        if before is not None and after is not None:
            return before, after
    return None


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return None


def differences(before: Any, after: Any) -> list[str]:
    """Return what differs between two settings, one line each: ``lfp.rate_hz: 1000 -> 500``.

    A session that was excluded or included, added or deleted is one line, whatever hangs on it.
    """
    moved = _moved(before, after)
    lines = list(moved.values())
    trees = [flat(_by_name(_without(settings, moved))) for settings in (before, after)]
    rows = [{_row_of(key) for key in tree} for tree in trees]
    for key in dict.fromkeys((*trees[0], *trees[1])):
        one, other = (tree.get(key) for tree in trees)
        row = _row_of(key)
        if row and (row in rows[0]) != (row in rows[1]):  # all of it came or went: one line
            told = f"{_named(row)}: {'one less' if row in rows[0] else 'one more'}"
            lines += [told] if told not in lines else []
        elif one != other:
            # versions are words: 2.10 is not 2.1
            told = " -> ".join(map(shown, (one or "", other or "")))
            words = told if "versions." in key else arrow(one or "", other or "")
            lines.append(f"{_named(key)}: {words}")
    return lines


def _row_of(key: str) -> str:
    """Return the row of a list that a key lies in (``epochs[2]`` of ``epochs[2].stop_s``)."""
    found = re.match(r"(.*\[\d+\])\.", key)
    return found[1] if found else ""


def _moved(before: Any, after: Any) -> dict[str, str]:
    """Return a sentence for each session that is in the analysis before or after, not both."""
    reasons = [_reasons(settings) for settings in (before, after)]
    if None in reasons:
        return {}
    was, is_now = (found or {} for found in reasons)
    said = {}
    for name in dict.fromkeys((*was, *is_now)):
        there, here = was.get(name) == "", is_now.get(name) == ""
        why = is_now.get(name)
        if there and not here:
            said[name] = f"session {shown(name)} left out" + (f" ({shown(why)})" if why else "")
        elif here and not there:
            said[name] = f"session {shown(name)} taken in"
    return said


def _reasons(settings: Any) -> dict[str, str] | None:
    """Return why each session of a job is excluded, "" for not at all; None without sessions."""
    rows = settings.get("sessions") if isinstance(settings, Mapping) else None
    if not isinstance(rows, list):
        return None
    named = [row for row in rows if isinstance(row, Mapping) and "session" in row]
    return {str(row["session"]): str(row.get("exclude") or "") for row in named}


def _without(settings: Any, sessions: Container[str]) -> Any:
    """Return settings without the rows of some sessions, and without their files."""
    if isinstance(settings, Mapping):
        kept = {key: _without(value, sessions) for key, value in settings.items()}
        files = kept.get("files")
        if isinstance(files, Mapping):
            kept["files"] = {key: value for key, value in files.items() if key not in sessions}
        return kept
    if not isinstance(settings, list):
        return settings
    return [
        _without(row, sessions)
        for row in settings
        if not (isinstance(row, Mapping) and str(row.get("session", "")) in sessions)
    ]


def _by_name(settings: Any) -> Any:
    """Files by path and rows by session, anchor or channel instead of by their place in a list."""
    if isinstance(settings, Mapping):
        return {key: _by_name(value) for key, value in settings.items()}
    if not isinstance(settings, list) or not settings:
        return settings
    if all(isinstance(row, list) and len(row) == 3 and isinstance(row[0], str) for row in settings):
        return {path: f"{size} bytes, time {time}" for path, size, time in settings}
    for name in ("session", "anchor", "channel", "path"):
        rows = [row for row in settings if isinstance(row, Mapping) and name in row]
        named = {str(row[name]): _by_name(row) for row in rows}
        if len(named) == len(settings):
            return named
    return [_by_name(value) for value in settings]


def _named(key: str) -> str:
    for part, words in _KEYS.items():
        if key == part:
            return words
        if key.startswith(f"{part}."):
            return f"{words} {key[len(part) + 1 :]}"
    return key


def reasons(job: Planned, made_by: Mapping[str, str]) -> Iterator[str]:
    """Yield why a job would run, in words.

    Parameters
    ----------
    job : Planned
        A job of the dry run.
    made_by : mapping of str to str
        File -> the rule that would make it anew in this run.
    """
    before, params, after = job.reason.partition(_PARAMS)
    if params:
        pair = settings_of(after)
        lines = differences(*pair) if pair else ["its settings (snakemake -n prints them)"]
        yield from (f"changed: {line}" for line in lines[:_MOST])
        if len(lines) > _MOST:
            yield f"and {len(lines) - _MOST} more changes of its settings"
    for one in before.split("; "):
        if one.startswith(_FOLLOWS):
            files = one.removeprefix(_FOLLOWS).split(", ")
            rules = sorted({made_by[name] for name in files if name in made_by})
            yield f"reads what is made anew by: {', '.join(rules) or 'another job'}"
        elif one:
            said, _, text = one.partition(": ")
            # alike for all sessions, so that they stand together
            listed = ", ".join(sorted(_anywhere(text, job.session).split(", ")))
            yield _WORDS.get(said, said) + (f": {shown(listed)}" if listed else "")


def _anywhere(text: str, session: str) -> str:
    return text.replace(f"/{session}/", "/*/") if session else text


def explained(text: str) -> str:
    """Return in words what ``snakemake -n`` printed.

    Parameters
    ----------
    text : str
        Output of the dry run, both streams.

    Returns
    -------
    str
        One paragraph per rule and set of reasons, sessions gathered; where nothing is to be done,
        or nothing could be read, a sentence that says so.
    """
    if said := _SAID.search(text):
        return said[0]
    jobs = planned_jobs(text)
    if not jobs and "Nothing to be done" in text:
        return "Nothing would run: results are up to date with config, tables, files and code.\n"
    if not jobs:
        return f"Found no plan of a run; expected the output of snakemake -n. It said:\n{text}"
    return in_words(jobs)


def in_words(planned: Sequence[Planned]) -> str:
    """Return why jobs would run: one paragraph per rule and set of reasons.

    Parameters
    ----------
    planned : sequence of Planned
        In the order of the display; the rule ``all`` is passed over.
    """
    jobs = [job for job in planned if job.rule != "all"]
    made_by = {file: job.rule for job in jobs for file in job.output}
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for job in jobs:
        groups.setdefault((job.rule, tuple(reasons(job, made_by))), []).append(job.session)
    lines = [f"{len(jobs)} jobs would run."]
    for (rule, why), sessions in groups.items():
        lines += ["", f"{rule}{_listed(sorted(sessions))}", *(f"    {line}" for line in why)]
    return "\n".join(lines) + "\n"


def _listed(sessions: Sequence[str]) -> str:
    """Name up to four sessions, and how many there are."""
    if sessions == [""]:
        return ""
    more = f", ... {len(sessions)} sessions" if len(sessions) > 4 else ""
    return f" ({', '.join(sessions[:4])}{more})"
