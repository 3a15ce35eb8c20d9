"""The behaviour logs of a session as one table of trials on its clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.experiment.behaviour_mapping import TIME_COLUMNS

if TYPE_CHECKING:
    import pandas as pd


def join_trials(tables: Sequence[pd.DataFrame], names: Sequence[str]) -> pd.DataFrame:
    """Join the trials of several logs in the order of time.

    Parameters
    ----------
    tables : sequence of DataFrame
        Canonical trial tables on the session's clock; logs without times keep the given order.
    names : sequence of str
        The logs, for messages.

    Returns
    -------
    DataFrame
        ``trial`` counts through all logs; ``source_file`` and ``source_row`` say where each is
        from.

    Raises
    ------
    InputError
        If the trials of two logs overlap in time, or some logs have times and others none.
    """
    import pandas as pd

    if len(tables) == 1:
        return tables[0]
    spans = [_span(table) for table in tables]
    timed = [span for span in spans if span is not None]
    if timed and len(timed) < len(spans):
        without = ", ".join(n for n, span in zip(names, spans, strict=True) if span is None)
        raise InputError(
            f"{without}: found no times; expected times in every log of the session or in none, "
            "for trials are put in order by them"
        )
    order = list(range(len(tables)))
    if timed:
        order.sort(key=lambda i: timed[i][0])
    for a, b in pairwise(order) if timed else ():
        if timed[b][0] < timed[a][1]:
            said = [f"{names[i]} ({timed[i][0]:.3f} to {timed[i][1]:.3f} s)" for i in (a, b)]
            raise InputError(
                f"behaviour logs: the trials of {said[0]} and {said[1]} overlap on the session's "
                "clock; expected one log after another (starts_at_s is wrong, or the same log "
                "twice)"
            )
    joined = pd.concat([tables[i] for i in order], ignore_index=True)
    joined["trial"] = range(1, len(joined) + 1)
    texts = [name for table in tables for name in table.columns if table[name].dtype == "str"]
    for name in dict.fromkeys(texts):  # a column that one log kept and another does not have
        joined[name] = joined[name].fillna("").astype("str")
    return joined


def _span(table: pd.DataFrame) -> tuple[float, float] | None:
    """First and last time of a log; None without any."""
    import numpy as np

    times = table[list(TIME_COLUMNS)].to_numpy(dtype=float)
    known = times[np.isfinite(times)]
    return (float(known.min()), float(known.max())) if known.size else None


def with_task(table: pd.DataFrame, task: str) -> pd.DataFrame:
    """Name the task where the log itself does not."""
    if not task:
        return table
    blank = table["task"].fillna("").astype(str) == ""
    return table.assign(task=table["task"].mask(blank, task).astype("str"))


def read_log(log: Mapping[str, Any], settings: Mapping[str, Any], *, offset_s: float) -> Any:
    """Read one log, `offset_s` added to all its times."""
    from pipeline.ingest import read_behaviour

    table = read_behaviour(
        log["path"],
        format=log["format"],
        mapping=log["mapping"],
        fields={"session": settings["session"], "animal": settings["animal"]},
        starts_at_s=offset_s,
    )
    return with_task(table, log["task"])


def log_names(settings: Mapping[str, Any]) -> list[str]:
    """Return the names of the logs as messages call them."""
    return [Path(log["path"]).name for log in settings["behaviours"]]
