"""What the check understood, as text: the design by every question, each session on a time line."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pipeline.commands.check_cells import cells_of, counted, in_one_context
from pipeline.commands.check_found import Extent, SessionFiles
from pipeline.experiment import Experiment
from pipeline.experiment.model import Epoch, Session
from pipeline.experiment.plan import PlanQuestion

#: width of the text time lines
_WIDTH = 60


def describe(experiment: Experiment, files: Mapping[str, SessionFiles] | None = None) -> str:
    """Return the design tables and every session's time line as text.

    Parameters
    ----------
    experiment : Experiment
        As :func:`pipeline.experiment.blinding.shown` gives it.
    files : mapping of str to SessionFiles, optional
        What was found in the files, by session.
    """
    plan = experiment.plan
    excluded = [session for session in experiment.sessions if session.exclude]
    lines = [
        plan.title,
        f"{len({s.animal for s in experiment.sessions})} animals, "
        f"{len(experiment.included)} sessions"
        f" ({len(excluded)} excluded)",
        *(f"  excluded: {session.name}: {session.exclude}" for session in excluded),
        "",
        "Sessions per condition, context and phase:",
        *_cells(experiment),
        "",
    ]
    for question in plan.questions:
        lines.append(_asked(experiment, question))
        lines += [*_split(experiment, question), ""]
    for session in experiment.included:
        own = (files or {}).get(session.name)
        lines += _timeline(session, experiment.epochs[session.name], experiment, own)
    return "\n".join(lines)


def _asked(experiment: Experiment, question: PlanQuestion) -> str:
    phases = ", ".join(question.phases)
    if in_one_context(experiment, question):
        return (
            f"Asked: does the drug act in {question.reference}? (one context, so not whether "
            f"context changes its effect; in {phases})"
        )
    others = ", ".join(question.levels[1:]) or "no other level"
    return (
        f"Asked: does {question.modifier} change the drug effect? "
        f"({others} against {question.reference}; in {phases})"
    )


def _cells(experiment: Experiment) -> list[str]:
    counts: dict[tuple[str, str, str], set[str]] = {}
    for cell in cells_of(experiment):
        key = (cell.condition, cell.epoch.context, cell.epoch.phase)
        counts.setdefault(key, set()).add(cell.session.name)
    rows = [f"  {'condition':<24}{'context':<20}{'phase':<14}sessions"]
    rows += [
        f"  {condition:<24}{context:<20}{phase:<14}{len(names)}"
        for (condition, context, phase), names in sorted(counts.items())
    ]
    return rows


def _split(experiment: Experiment, question: PlanQuestion) -> list[str]:
    """Return animals (and sessions) by condition, phase and level of a question."""
    counts = counted(cells_of(experiment), question)
    widths = [max(14, len(level) + 2) for level in question.levels]
    head = "".join(
        f"{level:>{width}}" for level, width in zip(question.levels, widths, strict=True)
    )
    rows = [f"  animals (sessions)                    {head}"]
    names = [condition.name for condition in experiment.plan.conditions]
    for phase in dict.fromkeys((experiment.plan.baseline_phase, *question.phases)):
        for condition in names:
            met = [counts.get((condition, phase, level), set()) for level in question.levels]
            if not any(met):
                continue
            said = [f"{len({animal for animal, _ in own})} ({len(own)})" for own in met]
            row = "".join(f"{text:>{width}}" for text, width in zip(said, widths, strict=True))
            rows.append(f"  {phase:<14}{condition:<24}{row}")
    return rows


def _timeline(
    session: Session,
    epochs: tuple[Epoch, ...],
    experiment: Experiment,
    files: SessionFiles | None,
) -> list[str]:
    """Return a session's files, doses and epochs as rows of a text time line."""
    extents = [e for e in files.extents if e.kind != "units"] if files else []
    timed = [extent for extent in extents if math.isfinite(extent.start_s)]
    ends = [epoch.stop_s for epoch in epochs if epoch.stop_s is not None]
    ends += [extent.stop_s for extent in timed]
    longest = max(ends, default=0.0)
    lines = [f"{session.name} ({session.animal})"]
    for extent in extents:
        lines.append(f"  |{_bar(extent, longest)}| {_named(extent)}")
    doses = [
        dose.time_s
        for dose in experiment.administrations
        if dose.session == session.name and dose.time_s is not None
    ]
    if doses and longest:
        marks = {min(_WIDTH - 1, max(0, int(dose / longest * _WIDTH))) for dose in doses}
        bar = "".join("^" if place in marks else " " for place in range(_WIDTH))
        at = ", ".join(f"{dose:g}" for dose in sorted(doses))
        lines.append(f"  |{bar}| administrations at {at} s")
    for epoch in epochs:
        label = f"{epoch.phase}, {epoch.context} {epoch.interval}"
        condition = experiment.anchors[epoch.anchor].condition
        start = 0.0 if epoch.start_s is None else epoch.start_s
        if epoch.stop_s is None or not longest:
            bar, span = "." * _WIDTH, f"{start:g} s to the end"
        else:
            bar, span = (
                _filled(start, epoch.stop_s, longest, "#"),
                f"{start:g} to {epoch.stop_s:g} s",
            )
        lines.append(f"  |{bar}| {label} [{condition}] {span}")
    return lines + [f"  note: {note}" for note in (files.notes if files else ())]


def _filled(start: float, stop: float, longest: float, mark: str) -> str:
    first = min(_WIDTH - 1, max(0, int(start / longest * _WIDTH)))
    last = min(_WIDTH, max(first + 1, int(stop / longest * _WIDTH)))
    return " " * first + mark * (last - first) + " " * (_WIDTH - last)


def _bar(extent: Extent, longest: float) -> str:
    if not math.isfinite(extent.start_s) or not longest:
        return " " * _WIDTH
    return _filled(extent.start_s, extent.stop_s, longest, "=")


def _named(extent: Extent) -> str:
    span = "no times"
    if math.isfinite(extent.start_s):
        span = f"{extent.start_s:.1f} to {extent.stop_s:.1f} s"
    return f"{extent.kind} {extent.name} ({extent.detail}) {span}"
