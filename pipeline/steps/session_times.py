"""When a session was where, and when something was given: times and places, never drugs."""

from __future__ import annotations

from typing import Any

from pipeline.experiment.model import Experiment, Session


def contexts_of(session: Session) -> list[dict[str, Any]]:
    """Return the context intervals of a session; None is its start or end."""
    return [
        {"context": c.context, "start_s": c.start_s, "stop_s": c.stop_s} for c in session.contexts
    ]


def administrations_of(experiment: Experiment, session: Session) -> list[float]:
    """Return when anything was given in a session, in seconds on its clock."""
    return sorted(
        dose.time_s
        for dose in experiment.administrations
        if dose.session == session.name and dose.time_s is not None
    )
