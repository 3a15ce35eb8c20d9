"""``python -m pipeline check CONFIG``: all problems at once, else what was understood."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from pipeline.errors import ExperimentError, refuse
from pipeline.experiment import Experiment, examine
from pipeline.experiment.blinding import shown
from pipeline.experiment.model import Epoch, Session
from pipeline.steps.inputs import absent_files
from pipeline.steps.outcomes_check import outcome_problems
from pipeline.steps.unblinding import blind_run_problems

#: width of the text time lines
_WIDTH = 60


def check(config: Path) -> int:
    """Check an experiment and print the result.

    Parameters
    ----------
    config : Path
        The experiment's config.yaml.

    Returns
    -------
    int
        Exit status: 0 if it can run, 1 if there are errors.
    """
    try:
        experiment, problems = examine(config)
        if experiment is None:
            raise ExperimentError(problems)
        problems += [*outcome_problems(experiment), *absent_files(experiment)]
        problems += blind_run_problems(experiment)
        refuse(problems)
    except ExperimentError as error:
        print(error)
        return 1
    print(describe(shown(experiment, make_key=False)))
    for warning in problems:
        print(f"warning: {warning}")
    print("No errors found.")
    return 0


def describe(experiment: Experiment) -> str:
    """Return the design table and every session's time line as text."""
    plan = experiment.plan
    lines = [
        plan.title,
        f"{len({s.animal for s in experiment.sessions})} animals, "
        f"{len(experiment.included)} sessions"
        f" ({len(experiment.sessions) - len(experiment.included)} excluded)",
        "",
        "Sessions per condition, context and phase:",
        *_cells(experiment),
        "",
    ]
    for question in plan.questions:
        others = ", ".join(question.levels[1:]) or "no other level"
        lines.append(
            f"Asked: does {question.modifier} change the drug effect? "
            f"({others} against {question.reference}; in {', '.join(question.phases)})"
        )
    lines.append("")
    for session in experiment.included:
        lines += _timeline(session, experiment.epochs[session.name], experiment)
    return "\n".join(lines)


def _cells(experiment: Experiment) -> list[str]:
    counts: Counter[tuple[str, str, str]] = Counter()
    for session in experiment.included:
        cells = {
            (experiment.anchors[epoch.anchor].condition, epoch.context, epoch.phase)
            for epoch in experiment.epochs[session.name]
        }
        counts.update(cells)
    rows = [f"  {'condition':<24}{'context':<20}{'phase':<14}sessions"]
    rows += [
        f"  {condition:<24}{context:<20}{phase:<14}{count}"
        for (condition, context, phase), count in sorted(counts.items())
    ]
    return rows


def _timeline(session: Session, epochs: tuple[Epoch, ...], experiment: Experiment) -> list[str]:
    """Return a session's epochs as rows of a text time line (one column per context interval)."""
    lines = [f"{session.name} ({session.animal})"]
    ends = [epoch.stop_s for epoch in epochs if epoch.stop_s is not None]
    longest = max(ends, default=0.0)
    for epoch in epochs:
        label = f"{epoch.phase}, {epoch.context} {epoch.interval}"
        condition = experiment.anchors[epoch.anchor].condition
        start = 0.0 if epoch.start_s is None else epoch.start_s
        if epoch.stop_s is None or not longest:
            bar, span = "." * _WIDTH, f"{start:g} s to the end"
        else:
            first = int(start / longest * _WIDTH)
            last = max(first + 1, int(epoch.stop_s / longest * _WIDTH))
            bar = " " * first + "#" * (last - first) + " " * (_WIDTH - last)
            span = f"{start:g} to {epoch.stop_s:g} s"
        lines.append(f"  |{bar}| {label} [{condition}] {span}")
    return lines


def main(arguments: list[str]) -> int:
    """Entry point; one argument, the config file."""
    if len(arguments) != 1:
        print("usage: python -m pipeline check CONFIG", file=sys.stderr)
        return 2
    return check(Path(arguments[0]))
