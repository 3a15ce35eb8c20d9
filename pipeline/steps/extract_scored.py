"""Scored behaviour of a session: its logs apart from those with trials, and as one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.steps.guard import write_atomically


def split_scored(
    settings: Mapping[str, Any],
) -> tuple[dict[str, Any], list[Mapping[str, Any]]]:
    """Divide the logs of a session into logs with trials and logs of scored behaviour.

    Parameters
    ----------
    settings : mapping
        :func:`pipeline.steps.settings.extract_settings`.

    Returns
    -------
    settings : dict
        The same with only the logs with trials under ``behaviours``.
    scored : list of mapping
        The other logs.
    """
    scored = [log for log in settings["behaviours"] if _is_scored(log)]
    trials = [log for log in settings["behaviours"] if not _is_scored(log)]
    return {**settings, "behaviours": trials}, scored


def _is_scored(log: Mapping[str, Any]) -> bool:
    return bool(log["mapping"]) and log["mapping"]["reader"] == "scored"


def extract_scored(
    logs: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
    path: Path,
    facts: dict[str, Any],
) -> None:
    """Write the bouts of all logs of scored behaviour; an empty file where there is none.

    Parameters
    ----------
    logs : sequence of mapping
        As :func:`split_scored` gives them; ``starts_at_s`` puts each on the session's clock.
    settings : mapping
        Names of session and animal.
    path : Path
        What :func:`pipeline.ingest.epoch_scored` cuts to epochs.
    facts : dict
        Gets ``n_bouts``.
    """
    import pandas as pd

    from pipeline.ingest import read_scored
    from pipeline.steps.extract import write_parquet

    if not logs:
        write_atomically(path, b"")
        return
    tables = [
        read_scored(
            log["path"],
            format=log["format"],
            mapping=log["mapping"],
            fields={"session": settings["session"], "animal": settings["animal"]},
            starts_at_s=log["starts_at_s"],
        )
        for log in logs
    ]
    scored = pd.concat(tables, ignore_index=True)
    write_parquet(scored, path)
    facts["n_bouts"] = int((scored["kind"] == "bout").sum())
