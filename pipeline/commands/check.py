"""``python -m pipeline check CONFIG``: all problems at once, and what was understood."""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pipeline.commands.check_design import design_problems
from pipeline.commands.check_found import SessionFiles
from pipeline.commands.check_text import describe
from pipeline.errors import ExperimentError, Problem
from pipeline.experiment import Experiment, examine
from pipeline.experiment.blinding import shown
from pipeline.experiment.model import Session
from pipeline.steps.inputs import absent_files
from pipeline.steps.outcomes_check import outcome_problems
from pipeline.steps.sort_settings import parameter_problems, sorting_problems
from pipeline.steps.unblinding import blind_run_problems

#: warnings and errors of one kind that are printed
_SHOWN = 3
_SHOWN_ERRORS = 8

__all__ = ["Checked", "check", "describe", "examine_all", "main"]


@dataclass
class Checked:
    """Result of a check.

    Attributes
    ----------
    experiment : Experiment or None
        As it may be shown (codes while blind); None where config or tables cannot be used.
    files : dict of str to SessionFiles
        What was found in the files, by session.
    problems : list of Problem
        Errors first.
    """

    experiment: Experiment | None = None
    files: dict[str, SessionFiles] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def errors(self) -> list[Problem]:
        """Problems that stop the run, or one session of it."""
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        """What the lab should know before it starts."""
        return [problem for problem in self.problems if problem.severity != "error"]


def examine_all(config: Path, *, files: bool = True) -> Checked:
    """Check config, tables, design and (unless told otherwise) every file.

    Parameters
    ----------
    config : Path
        The experiment's config.yaml.
    files : bool
        False: config and tables only.

    Returns
    -------
    Checked
        With every problem that could be found: files are opened as far as the tables can be used.
    """
    try:
        experiment, problems = examine(config)
    except ExperimentError as error:
        return Checked(problems=_sorted(error.problems))
    if experiment is None:
        return Checked(problems=_sorted(problems))
    problems = [*problems, *outcome_problems(experiment), *absent_files(experiment)]
    problems += blind_run_problems(experiment)
    problems += [*sorting_problems(experiment), *parameter_problems(experiment)]
    usable = not any(problem.severity == "error" for problem in problems if _of_tables(problem))
    found: dict[str, SessionFiles] = {}
    if files:
        problems += _used_twice(experiment)
        for session in experiment.included:
            found[session.name] = _opened(experiment, session)
            problems += found[session.name].problems
        problems += _unlike_the_others(experiment, found)
    seen = shown(experiment, make_key=False) if usable else None
    if seen is not None:
        problems += design_problems(seen)
    return Checked(seen, found, _sorted(problems))


def _of_tables(problem: Problem) -> bool:
    """Whether a problem is one of config and tables, so that epochs may be wrong."""
    return not problem.expected.startswith("a file or folder, relative to the config file")


def _opened(experiment: Experiment, session: Session) -> SessionFiles:
    from pipeline.commands.check_files import open_session
    from pipeline.commands.check_times import time_problems

    files = open_session(experiment, session)
    files.problems += time_problems(experiment, session, files)
    return files


def _used_twice(experiment: Experiment) -> list[Problem]:
    """Warn of one file under two sessions: a copied row, unless two animals share a recording."""
    users: dict[tuple[str, str], dict[str, Session]] = defaultdict(dict)
    for session in experiment.included:
        for recording in session.recordings:
            users["recording", recording.path][session.name] = session
        # one spreadsheet or NWB file may hold many sessions, which the mapping tells apart
        for column, path in (("sorting", session.sorting), ("movement", session.movement)):
            if path:
                users[column, path][session.name] = session
    problems = []
    for (column, path), named in users.items():
        first, *others = named.values()
        for session in others:
            place = f"row {session.line}, column {column}"
            expected = f"a file of its own: session {first.name} (row {first.line}) names it too"
            table = experiment.config.tables.sessions
            problems.append(Problem(table, place, repr(path), expected, "warning"))
    return problems


def _unlike_the_others(experiment: Experiment, found: dict[str, SessionFiles]) -> list[Problem]:
    """Warn of recordings much shorter than the usual one of the experiment, and of other rates."""
    import numpy as np

    lengths = {
        name: sum(part.seconds for part in files.parts)
        for name, files in found.items()
        if files.parts
    }
    rates = {name: files.parts[0].rate_hz for name, files in found.items() if files.parts}
    if len(lengths) < 3:
        return []
    usual = float(np.median(list(lengths.values())))
    lines = {session.name: session.line for session in experiment.included}
    table = experiment.config.tables.sessions
    problems = []
    if len(set(rates.values())) > 1:
        counts = {rate: list(rates.values()).count(rate) for rate in sorted(set(rates.values()))}
        said = ", ".join(f"{rate:g} Hz in {n} sessions" for rate, n in counts.items())
        text = "one rate, unless there are several rigs (a stream of wide band beside one of LFP?)"
        problems.append(Problem(table, "", said, text, "warning"))
    for name, seconds in lengths.items():
        place = f"row {lines[name]}, session {name}"
        if seconds < usual / 2:
            text = f"about {usual:.0f} s as in the other sessions (stopped early, or not copied?)"
            problems.append(Problem(table, place, f"{seconds:.0f} s recorded", text, "warning"))
    return problems


def _sorted(problems: Sequence[Problem]) -> list[Problem]:
    """Errors before warnings, each once, else in the order in which they were found."""
    once = list(dict.fromkeys(problems))
    return sorted(once, key=lambda problem: problem.severity != "error")


def check(config: Path, *, as_json: bool = False) -> int:
    """Check an experiment and print the result.

    Parameters
    ----------
    config : Path
        The experiment's config.yaml.
    as_json : bool
        Print the problems as data.

    Returns
    -------
    int
        Exit status: 0 if it can run, 1 if there are errors.
    """
    checked = examine_all(config)
    if as_json:
        print(json.dumps(as_data(config, checked), indent=1, ensure_ascii=False))
        return 1 if checked.errors else 0
    if checked.experiment is not None:
        print(describe(checked.experiment, checked.files))
    for line in shortened(checked.warnings):
        print(f"warning: {line}")
    # Last, for a terminal shows the end: warnings alone stop nothing.
    if checked.errors:
        print(f"{len(checked.errors)} problem(s) in the experiment:")
        for number, line in enumerate(shortened(checked.errors, most=_SHOWN_ERRORS), 1):
            print(f"  {number}. {line}")
    else:
        print("No errors found.")
    return 1 if checked.errors else 0


def shortened(problems: Sequence[Problem], *, most: int = _SHOWN) -> list[str]:
    """Return problems as text, of many of one kind the first ones and a count.

    Parameters
    ----------
    problems : sequence of Problem
        One mistake in the config is a problem of every session.
    most : int
        That are shown of one kind.
    """
    kinds: dict[tuple[str, str], list[Problem]] = defaultdict(list)
    for problem in problems:
        kinds[problem.file, re.sub(r"[\d.]+", "#", problem.expected)].append(problem)
    lines = []
    for alike in kinds.values():
        lines += [str(problem) for problem in alike[:most]]
        if len(alike) > most:
            lines.append(f"{alike[0].file}: ... and {len(alike) - most} more like it (--json)")
    return lines


def as_data(config: Path, checked: Checked) -> dict[str, object]:
    """Return the result as plain data: counts, files and problems."""
    return {
        "config": str(config),
        "n_errors": len(checked.errors),
        "n_warnings": len(checked.warnings),
        "problems": [asdict(problem) for problem in checked.problems],
        "files": [
            {"session": name, **_finite(asdict(extent))}
            for name, files in checked.files.items()
            for extent in files.extents
        ],
    }


def _finite(values: dict[str, object]) -> dict[str, object]:
    return {key: None if value != value else value for key, value in values.items()}


def main(arguments: list[str]) -> int:
    """Entry point; one argument, the config file."""
    if len(arguments) != 1:
        print("usage: python -m pipeline check CONFIG", file=sys.stderr)
        return 2
    return check(Path(arguments[0]))
