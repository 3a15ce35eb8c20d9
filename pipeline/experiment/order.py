"""One order for what the tables list, so that results do not depend on that of their rows.

Animals by name, their sessions by date, intervals and doses by time. Where rows have no time, and
where their order says something itself (channels along a probe, files of one session), it stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline.experiment.model import Administration, ContextInterval, Measurement, Session


def _by_name(name: str) -> tuple[tuple[bool, int, str], ...]:
    """Key that puts rat2 before rat10."""
    parts = re.split(r"([0-9]+)", name)
    return tuple((part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts)


def sessions_in_order(sessions: Iterable[Session]) -> list[Session]:
    """Sessions by animal, date and name."""
    return sorted(
        sessions,
        key=lambda one: (
            _by_name(one.animal),
            one.start.isoformat() if one.start else "",
            _by_name(one.name),
        ),
    )


def administrations_in_order(given: Iterable[Administration]) -> list[Administration]:
    """Administrations by animal, session and time; rows without a time stay as they stand."""
    return sorted(
        given,
        key=lambda one: (
            _by_name(one.animal),
            one.date.isoformat() if one.date else "",
            _by_name(one.session),
            one.moment.isoformat() if one.moment else "",
            one.time_s or 0.0,
        ),
    )


def contexts_in_order(contexts: Iterable[ContextInterval]) -> list[ContextInterval]:
    """Intervals of one session by their start."""
    return sorted(contexts, key=lambda one: 0.0 if one.start_s is None else one.start_s)


def measurements_in_order(measurements: Iterable[Measurement]) -> list[Measurement]:
    """Measured values by animal, session, outcome and cell."""
    return sorted(
        measurements,
        key=lambda one: (
            _by_name(one.animal),
            _by_name(one.session),
            one.outcome,
            one.phase,
            one.context,
        ),
    )
