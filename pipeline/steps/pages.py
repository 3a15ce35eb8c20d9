"""All session pages in one job (a job per page would cost its imports each time)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def pages(*, inputs: Any, outputs: Any, settings: Mapping[str, Any]) -> None:
    """Write one page per session, and the listing that their index is made from.

    Parameters
    ----------
    inputs : object
        ``measures``: status files, one per session, in the folders of the sessions.
    outputs : object
        ``listing``; the pages stand beside the sessions' files.
    settings : mapping
        :func:`pipeline.steps.settings.pages_settings`.
    """
    from pipeline.report.session_page import read_session, write_session_pages

    folders = {Path(path).parent.name: Path(path).parent for path in inputs.measures}
    write_session_pages(
        (
            read_session(
                folders[session["session"]],
                session=session["session"],
                animal=session["animal"],
                facts={
                    "Recording": ", ".join(session["recordings"]) or "none",
                    "Behaviour log": ", ".join(session["behaviours"]) or "none",
                },
                contexts=session["contexts"],
                administrations_s=session["administrations_s"],
                handling_s=tuple(settings["handling_s"]),
                baseline_phase=settings["baseline_phase"],
                context_order=settings["contexts"],
                phase_order=settings["phases"],
                around_s=tuple(settings["around_s"]),
                task=settings["task"],
                error_scheme=settings["error_scheme"],
            )
            for session in settings["sessions"]
        ),
        next(iter(folders.values())).parent if folders else Path("results/sessions"),
        report=Path(outputs.listing).parents[1],
        title=settings["title"],
        visits=[(session["session"], session["animal"]) for session in settings["sessions"]],
    )
