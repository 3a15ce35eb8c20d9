"""Hold contexts, doses and epochs against what the files of a session cover."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from pipeline.commands.check_found import Extent, SessionFiles
from pipeline.errors import Problem
from pipeline.experiment import Experiment
from pipeline.experiment.model import Epoch, Session
from pipeline.intervals import Intervals, intersect, merge, total_seconds

#: kinds of files that say what the animal did or what its brain did, from when to when
_COVERING = ("recording", "behaviour", "movement")
#: seconds by which times may pass the end: labs round
_SLACK_S = 1.0
#: contexts that cover less than this of the session are in another unit, or forgotten
_LITTLE = 0.1


def time_problems(experiment: Experiment, session: Session, files: SessionFiles) -> list[Problem]:
    """List the times of a session that its files do not bear out.

    Parameters
    ----------
    experiment : Experiment
        As examined.
    session : Session
        An included one.
    files : SessionFiles
        Its files, opened.

    Returns
    -------
    list of Problem
        Contexts and doses beyond the end, cells with too little usable time, cells without their
        baseline, trials outside every context, units that outlast their recording.
    """
    covered = coverage(files.extents)
    problems = _units_beyond(experiment, session, files.extents)
    problems += _tracks_beyond(experiment, session, files.extents)
    problems += _trials_nowhere(experiment, session, files)
    if not len(covered):
        return problems
    end = float(covered[-1, 1])
    late, spoken_of = _contexts_beyond(experiment, session, files.extents, end)
    problems += late
    problems += _doses_beyond(experiment, session, end)
    problems += _little_covered(experiment, session, covered)
    problems += _cells(experiment, session, covered, skip=spoken_of)
    return problems


def coverage(extents: Sequence[Extent]) -> Intervals:
    """Return the time that any recording, log or track covers, (n, 2) s; empty without times."""
    spans = [
        (extent.start_s, max(extent.stop_s, np.nextafter(extent.start_s, np.inf)))
        for extent in extents
        if extent.kind in _COVERING and np.isfinite([extent.start_s, extent.stop_s]).all()
    ]
    return merge(np.array(spans)) if spans else np.empty((0, 2))


def _contexts_beyond(
    experiment: Experiment, session: Session, extents: Sequence[Extent], end: float
) -> tuple[list[Problem], set[str]]:
    """Return problems, and the contexts that they already speak of.

    A log ends with its last trial, not with its context: a context that meets one may go on.
    """
    file = experiment.config.tables.contexts or experiment.config.tables.sessions
    problems, spoken_of = [], set()
    for context in session.contexts:
        start = context.start_s or 0.0
        place = f"row {context.line}, session {session.name}"
        if start >= end:
            spoken_of.add(context.context)
            expected = (
                f"a start before {end:.1f} s, where the session's last file ends (milliseconds or "
                "minutes for seconds, another clock, or a file is missing)"
            )
            found = f"{context.context} from {start:g} s"
            problems.append(Problem(file, place, found, expected))
        elif (
            context.stop_s is not None
            and context.stop_s > end + _SLACK_S
            and not any(e.kind == "behaviour" and e.stop_s >= start for e in extents)
        ):
            found = f"{context.context} until {context.stop_s:g} s"
            expected = (
                f"at most {end:.1f} s, where the session's last file ends; what lies beyond is "
                "not there"
            )
            problems.append(Problem(file, place, found, expected, "warning"))
    return problems, spoken_of


def _doses_beyond(experiment: Experiment, session: Session, end: float) -> list[Problem]:
    file = experiment.config.tables.administrations
    expected = (
        f"a time from 0 to {end:.1f} s, where the session's last file ends (minutes for seconds, "
        "another clock?)"
    )
    phases = experiment.config.design.phases.values()
    early = expected
    if any(phase.session for phase in phases):  # given before, at home
        early = (
            "a blank for a dose before a session that is one phase: with a time, contexts are "
            "compared by the middles of their sessions after the dose (context order)"
        )
    return [
        Problem(
            file,
            f"row {dose.line}, column time_s",
            f"{dose.time_s:g}",
            early if dose.time_s < 0 else expected,
            "warning",
        )
        for dose in experiment.administrations
        if dose.session == session.name
        and dose.time_s is not None
        and (dose.time_s > end + _SLACK_S or dose.time_s < 0)
    ]


def _little_covered(experiment: Experiment, session: Session, covered: Intervals) -> list[Problem]:
    """Warn where contexts and files speak of different lengths of time."""
    spans = [(c.start_s or 0.0, c.stop_s) for c in session.contexts]
    if not spans or any(stop is None for _, stop in spans):
        return []
    named = merge(np.array(spans))
    within = total_seconds(intersect(named, covered))
    length = total_seconds(covered)
    if within >= _LITTLE * length:
        return []
    file = experiment.config.tables.contexts or ""
    expected = (
        f"more of the {length:.0f} s that its files cover (minutes for seconds, or contexts were "
        "forgotten?)"
    )
    found = f"contexts that cover {within:.0f} s"
    return [Problem(file, f"session {session.name}", found, expected, "warning")]


def _cells(
    experiment: Experiment, session: Session, covered: Intervals, *, skip: set[str]
) -> list[Problem]:
    """Warn of cells with too little usable time, and of cells without their baseline."""
    design, file = experiment.config.design, experiment.config.tables.sessions
    usable: dict[tuple[str, str, str], float] = defaultdict(float)
    for epoch in experiment.epochs[session.name]:
        start = max(0.0, epoch.start_s or 0.0)
        stop = float(covered[-1, 1]) if epoch.stop_s is None else epoch.stop_s
        seconds = 0.0
        if start < stop:
            seconds = total_seconds(intersect(np.array([[start, stop]]), covered))
        usable[epoch.anchor, epoch.phase, epoch.context] += seconds
    problems = []
    place = f"row {session.line}, session {session.name}"
    for (_, phase, context), seconds in usable.items():
        if seconds < design.minimum_epoch_s and context not in skip:
            found = f"{seconds:.0f} s of {context} in {phase}"
            expected = f"at least {design.minimum_epoch_s:g} s (minimum_epoch_s): a missing cell"
            problems.append(Problem(file, place, found, expected, "warning"))
    problems += _without_baseline(experiment, session, usable)
    met = {context for _, _, context in usable}
    for context in dict.fromkeys(c.context for c in session.contexts):
        if context not in met and context not in skip and usable:
            expected = "a phase that meets it: nothing of it is compared"
            problems.append(Problem(file, place, context, expected, "warning"))
    return problems


def _without_baseline(
    experiment: Experiment, session: Session, usable: dict[tuple[str, str, str], float]
) -> list[Problem]:
    design = experiment.config.design
    phase = design.phases.get(design.baseline_phase)
    if phase is None or phase.seconds is None:  # baselines on days of their own
        return []
    enough = {key for key, seconds in usable.items() if seconds >= design.minimum_epoch_s}
    has = {context for _, name, context in enough if name == design.baseline_phase}
    problems = []
    for context in dict.fromkeys(c for _, name, c in enough if name != design.baseline_phase):
        needed = context if design.baseline_context == "same" else design.baseline_context
        if needed not in has:
            expected = (
                f"a baseline in {needed} as well: without it, outcomes whose baseline is "
                "subtracted have no value"
            )
            place = f"row {session.line}, session {session.name}"
            file = experiment.config.tables.sessions
            problems.append(Problem(file, place, context, expected, "warning"))
    return problems


def _trials_nowhere(experiment: Experiment, session: Session, files: SessionFiles) -> list[Problem]:
    """Warn of logs whose trials lie before zero, in no context, or nowhere known."""
    logs = [extent for extent in files.extents if extent.kind == "behaviour"]
    timed = [extent for extent in logs if np.isfinite(extent.start_s)]
    spans = [(c.start_s, c.stop_s) for c in session.contexts]
    file = experiment.config.tables.sessions
    problems = []
    for log in timed:
        meets = any(
            (start is None or log.stop_s >= start) and (stop is None or log.start_s < stop)
            for start, stop in spans
        )
        if log.stop_s < 0 or (spans and not meets):
            found = f"{log.name}: trials from {log.start_s:.1f} to {log.stop_s:.1f} s"
            expected = (
                "trials within the contexts of the session (the log counts from its own start: "
                "starts_at_s, time_offset_s or sync; milliseconds for seconds?)"
            )
            place = f"row {session.line}, session {session.name}"
            problems.append(Problem(file, place, found, expected, "warning"))
    epochs = experiment.epochs[session.name]
    if len(timed) < len(logs) and not any(_whole(epoch, epochs) for epoch in epochs):
        found = f"{', '.join(log.name for log in logs if log not in timed)}: trials without times"
        expected = (
            "a phase that is the whole session (test: session), in one context and without a dose "
            "inside: otherwise none of these trials is compared"
        )
        place = f"row {session.line}, session {session.name}"
        problems.append(Problem(file, place, found, expected, "warning"))
    return problems


def _whole(epoch: Epoch, epochs: Sequence[Epoch]) -> bool:
    """Return whether an epoch is the session from start to end, and its cell nothing else."""
    cell = (epoch.anchor, epoch.phase, epoch.context)
    alone = sum((e.anchor, e.phase, e.context) == cell for e in epochs) == 1
    return alone and epoch.start_s is None and epoch.stop_s is None


def _tracks_beyond(
    experiment: Experiment, session: Session, extents: Sequence[Extent]
) -> list[Problem]:
    """Warn of video that outlasts the recording: a wrong frame rate, or another session's."""
    ends = [extent.stop_s for extent in extents if extent.kind == "recording"]
    if not ends:
        return []
    end = max(ends)
    return [
        Problem(
            experiment.config.tables.sessions,
            f"row {session.line}, column movement",
            f"{extent.name} from {extent.start_s:.1f} to {extent.stop_s:.1f} s",
            f"about the {end:.1f} s of the recording (movement.frame_rate_hz, time_unit or "
            "time_offset_s wrong, or the video of another session?)",
            "warning",
        )
        for extent in extents
        if extent.kind == "movement" and extent.stop_s > max(1.02 * end, end + _SLACK_S)
    ]


def _units_beyond(
    experiment: Experiment, session: Session, extents: Sequence[Extent]
) -> list[Problem]:
    """Warn of spikes after the end of all recordings: the sorting of another recording."""
    ends = [extent.stop_s - extent.start_s for extent in extents if extent.kind == "recording"]
    if not ends:
        return []
    total = sum(ends)
    return [
        Problem(
            experiment.config.tables.sessions,
            f"row {session.line}, session {session.name}",
            f"{extent.name}: the last spike at {extent.stop_s:.1f} s",
            f"spikes within the {total:.1f} s that were recorded (the sorting of another "
            "recording, or a wrong sample_rate in params.py?)",
            "warning",
        )
        for extent in extents
        if extent.kind == "units" and extent.stop_s > total + _SLACK_S
    ]
