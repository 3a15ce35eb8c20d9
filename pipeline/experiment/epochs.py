"""Anchors, contexts and phases to epochs: the intersections in which everything is measured."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise

from pipeline.errors import Problem
from pipeline.experiment.config import Design, Phase
from pipeline.experiment.model import Administration, Anchor, Epoch, Session
from pipeline.experiment.strict import did_you_mean

Span = tuple[float, float]
_FILE = "sessions.tsv"


def check_phases(design: Design, *, file: str) -> list[Problem]:
    """Refuse windows that overlap and baselines that reach past the dose."""
    problems = []
    timed = [(name, phase.seconds) for name, phase in design.phases.items() if phase.seconds]
    dated = [(name, phase.days) for name, phase in design.phases.items() if phase.days]
    for kind, windows, gap in (("seconds", timed, 0), ("days", dated, 1)):
        windows.sort(key=lambda item: item[1])
        for (first, a), (second, b) in pairwise(windows):
            if b[0] < a[1] + gap:
                expected = f"a window that does not overlap {first} {list(a)} ({kind})"
                place = f"design.phases.{second}"
                problems.append(Problem(file, place, str(list(b)), expected))
    whole = [name for name, phase in design.phases.items() if phase.session]
    others = [name for name, phase in design.phases.items() if phase.session or phase.seconds]
    if whole and len(others) > 1:
        place = f"design.phases.{whole[0]}"
        expected = f"no other phase within a session beside it; found {', '.join(others)}"
        problems.append(Problem(file, place, "session", expected))
    if design.baseline_phase not in design.phases and (
        "baseline_phase" in design.model_fields_set or design.baseline_context != "same"
    ):
        key = (
            "baseline_phase" if "baseline_phase" in design.model_fields_set else "baseline_context"
        )
        expected = (
            f"one of design.phases ({', '.join(design.phases)})"
            f"{did_you_mean(design.baseline_phase, design.phases)}, or {key} left out: without a "
            "baseline nothing is subtracted"
        )
        problems.append(
            Problem(file, "design.baseline_phase", repr(design.baseline_phase), expected)
        )
    baseline = design.phases.get(design.baseline_phase)
    place = f"design.phases.{design.baseline_phase}"
    if baseline and baseline.seconds and baseline.seconds[1] > 0:
        expected = "a baseline that ends before the dose (seconds <= 0)"
        problems.append(Problem(file, place, str(list(baseline.seconds)), expected))
    if baseline and baseline.days and baseline.days[1] >= 0:
        expected = "baseline sessions on days before the dose (negative days)"
        problems.append(Problem(file, place, str(list(baseline.days)), expected))
    for name, phase in design.phases.items():
        if name != design.baseline_phase and phase.seconds and phase.seconds[0] < 0:
            expected = f"only the baseline ({design.baseline_phase}) may begin before the anchor"
            problems.append(
                Problem(file, f"design.phases.{name}", str(list(phase.seconds)), expected)
            )
    return problems


def derive_epochs(
    sessions: Sequence[Session],
    anchors: Mapping[str, Anchor],
    administrations: Sequence[Administration],
    design: Design,
) -> tuple[dict[str, tuple[Epoch, ...]], list[Problem]]:
    """Derive every session's epochs.

    A session with an anchor of its own (a dose inside it, or one outside whose window in seconds
    reaches into it) is cut by the phases in seconds, and by them alone: own anchor wins over the
    day phases of an earlier dose. Any other session takes the phase in days that its date falls
    in, counted from the animal's latest test administration (or, before it, from the next one).

    Returns
    -------
    epochs : dict
        Session name -> epochs in the order of time; sessions that no phase fits have none.
    problems : list of Problem
        Overlapping contexts, missing times, ambiguous days; a session without any epoch is a
        warning.
    """
    epochs: dict[str, tuple[Epoch, ...]] = {}
    problems: list[Problem] = []
    by_animal: dict[str, list[Anchor]] = defaultdict(list)
    for anchor in anchors.values():
        by_animal[anchor.administration.animal].append(anchor)
    doses_of: dict[str, list[Administration]] = defaultdict(list)
    for dose in administrations:
        doses_of[dose.animal].append(dose)
    for session in sessions:
        if session.exclude:  # its doses still count for the animal's history
            epochs[session.name] = ()
            continue
        problems += _overlapping(session)
        own = _own_anchors(session, by_animal[session.animal], design)
        if own:
            found, wrong = _from_own(session, own, doses_of[session.animal], design)
        else:
            found, wrong = _from_days(session, by_animal[session.animal], design)
        problems += wrong
        if not found and not wrong:
            expected = "no phase fits it: nothing of it enters the comparison"
            place = f"row {session.line}, session {session.name}"
            problems.append(Problem(_FILE, place, "", expected, "warning"))
        epochs[session.name] = tuple(sorted(found, key=_when))
    return epochs, problems


def _when(epoch: Epoch) -> tuple[float, str, str, int]:
    start = -math.inf if epoch.start_s is None else epoch.start_s
    return start, epoch.phase, epoch.context, epoch.interval


def _overlapping(session: Session) -> list[Problem]:
    spans = sorted((_span(i.start_s, i.stop_s), i.line, i.context) for i in session.contexts)
    problems = []
    for (first, line, context), (second, other, name) in pairwise(spans):
        if second[0] < first[1]:
            problems.append(
                Problem(
                    "contexts.tsv",
                    f"row {other}, session {session.name}",
                    f"{name} from {second[0]:g} s",
                    f"a start at or after the end of {context} (row {line}), {first[1]:g} s",
                )
            )
    return problems


def _span(start: float | None, stop: float | None) -> Span:
    return (-math.inf if start is None else start, math.inf if stop is None else stop)


def clock_time(administration: Administration, session: Session) -> float | None:
    """Return when a dose was given on the session's clock, None if it cannot be known."""
    if administration.session == session.name:
        return administration.time_s
    if administration.moment and session.has_clock and session.start:
        return (administration.moment - session.start).total_seconds()
    return None


def _own_anchors(session: Session, anchors: Sequence[Anchor], design: Design) -> list[Anchor]:
    inside = [a for a in anchors if a.administration.session == session.name]
    if inside:
        return inside
    spans = [_span(i.start_s, i.stop_s) for i in session.contexts]
    spans = [(max(start, 0.0), stop) for start, stop in spans]
    reaching = []
    for anchor in anchors:
        if anchor.administration.session:
            continue
        zero = clock_time(anchor.administration, session)
        windows = [phase.seconds for phase in design.phases.values() if phase.seconds]
        if zero is not None and any(
            start < zero + window[1] and zero + window[0] < stop
            for window in windows
            for start, stop in spans
        ):
            reaching.append(anchor)
    return reaching


def _from_own(
    session: Session,
    anchors: Sequence[Anchor],
    doses: Sequence[Administration],
    design: Design,
) -> tuple[list[Epoch], list[Problem]]:
    test = [anchor for anchor in anchors if anchor.administration.role == "test"]
    first = (test or list(anchors))[0]
    times = [clock_time(dose, session) for dose in doses]
    known = sorted(time for time in times if time is not None)
    epochs: list[Epoch] = []
    problems: list[Problem] = []
    for name, phase in design.phases.items():
        if phase.session and test:
            zero = clock_time(first.administration, session)
            within = _reaching_in(doses, session)
            epochs += _cut(session, name, first, zero, (-math.inf, math.inf), within, design)
        if phase.seconds is None:
            continue
        if name == design.baseline_phase:
            zero, problem = _baseline_zero(session, anchors, doses, design)
            if problem:
                problems.append(problem)
            if zero is not None:
                earlier = [time for time in known if time < zero]
                low = max([zero + phase.seconds[0], *earlier])
                window = (low, zero + phase.seconds[1])
                anchor_zero = clock_time(first.administration, session)
                epochs += _cut(session, name, first, anchor_zero, window, known, design)
            continue
        for anchor in anchors:
            zero = clock_time(anchor.administration, session)
            if zero is None:
                problems.append(_untimed(anchor, session, name, phase))
                continue
            following = [time for time in known if time > zero]
            window = (
                zero + phase.seconds[0],
                min([zero + phase.seconds[1], *following]),
            )
            epochs += _cut(session, name, anchor, zero, window, known, design)
    return epochs, problems


def _reaching_in(doses: Sequence[Administration], session: Session) -> list[float]:
    """Return the times of doses that a whole session may contain, or begin in the handling of.

    Where no recording says when a session ends, the animal's later doses must not cut it: they
    were given in other sessions, or outside of any.
    """
    timed = [(dose, clock_time(dose, session)) for dose in doses]
    return sorted(
        time
        for dose, time in timed
        if time is not None and (time <= 0 or dose.session == session.name)
    )


def _untimed(anchor: Anchor, session: Session, phase: str, spec: Phase) -> Problem:
    return Problem(
        "administrations.tsv",
        f"row {anchor.administration.line}, column time_s",
        "a blank",
        f"the time of the dose in session {session.name}: phase {phase} is "
        f"{list(spec.seconds or ())} seconds from it (or declare the phase as 'session')",
    )


def _baseline_zero(
    session: Session,
    anchors: Sequence[Anchor],
    doses: Sequence[Administration],
    design: Design,
) -> tuple[float | None, Problem | None]:
    """Return what the baseline's seconds are counted from: one moment per session."""
    rule = design.baseline_before
    inside = [dose for dose in doses if dose.session == session.name]
    if not inside:  # dosed outside: the window reaches in, or it does not
        inside = [anchor.administration for anchor in anchors]
    if rule != "first_administration":
        inside = [dose for dose in inside if dose.role == rule]
    if not inside:
        place = f"row {session.line}, session {session.name}"
        expected = f"an administration with the role {rule}: design.baseline_before asks for it"
        return None, Problem(_FILE, place, "", expected)
    times = [clock_time(dose, session) for dose in inside]
    known = [time for time in times if time is not None]
    return (min(known) if known else None), None


def _cut(
    session: Session,
    phase: str,
    anchor: Anchor,
    zero: float | None,
    window: Span,
    doses: Iterable[float],
    design: Design,
) -> list[Epoch]:
    """Intersect a window with the contexts and cut the handling around every dose out of it."""
    before, after = design.handling_s
    counts: dict[str, int] = defaultdict(int)
    epochs = []
    for interval in sorted(session.contexts, key=lambda i: _span(i.start_s, i.stop_s)):
        start, stop = _span(interval.start_s, interval.stop_s)
        pieces = [(max(start, window[0]), min(stop, window[1]))]
        for dose in doses:
            cut = (dose + before, dose + after)
            pieces = [
                part
                for low, high in pieces
                for part in ((low, min(high, cut[0])), (max(low, cut[1]), high))
            ]
        # a piece that ends before the session's first sample holds nothing
        for low, high in pieces:
            if low < high and high > 0:
                counts[interval.context] += 1
                epochs.append(
                    Epoch(
                        session=session.name,
                        context=interval.context,
                        phase=phase,
                        interval=counts[interval.context],
                        start_s=None if low <= 0 else low,
                        stop_s=None if high == math.inf else high,
                        anchor=anchor.id,
                        step=anchor.step,
                        since_dose_zero_s=zero,
                    )
                )
    return epochs


def _from_days(
    session: Session, anchors: Sequence[Anchor], design: Design
) -> tuple[list[Epoch], list[Problem]]:
    """Assign a session without an anchor of its own to the phase in days that it falls in."""
    tests = [
        (anchor.administration.date, anchor)
        for anchor in anchors
        if anchor.administration.role == "test" and anchor.administration.date
    ]
    if session.date is None or not tests:
        return [], []
    days = [((session.date - date).days, anchor) for date, anchor in tests]
    after = [
        (day, anchor) for day, anchor in days if day > 0 or (day == 0 and _given(anchor, session))
    ]
    before = [(day, anchor) for day, anchor in days if day < 0]
    nearest = [min(after, key=lambda item: item[0])] if after else []
    if nearest:  # of several doses on that day the last one
        nearest = [[item for item in after if item[0] == nearest[0][0]][-1]]
    if before:
        nearest.append(max(before, key=lambda item: item[0]))
    matches = [
        (name, day, anchor)
        for name, phase in design.phases.items()
        if phase.days
        for day, anchor in nearest
        if phase.days[0] <= day <= phase.days[1]
    ]
    if len(matches) > 1:
        found = " and ".join(f"{name} (day {day:+d})" for name, day, _ in matches)
        expected = (
            "one phase: change the days of the phases, or exclude the session with that reason"
        )
        place = f"row {session.line}, session {session.name}"
        return [], [Problem(_FILE, place, found, expected)]
    if not matches:
        return [], []
    name, _, anchor = matches[0]
    zero = clock_time(anchor.administration, session)
    return _cut(session, name, anchor, zero, (-math.inf, math.inf), (), design), []


def _given(anchor: Anchor, session: Session) -> bool:
    """Return whether a dose of the same day came before the session."""
    moment = anchor.administration.moment
    if moment is None or session.start is None or not session.has_clock:
        return True
    return moment <= session.start + timedelta(seconds=1)
