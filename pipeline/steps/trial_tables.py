"""What ``measure`` leaves of a session's trials, as tables that people open, and how to read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.flexibility.schemes import ERROR_TYPES, SCHEMES
from pipeline.steps.guard import write_atomically
from pipeline.steps.typed import read_typed, write_text

if TYPE_CHECKING:
    import pandas as pd

#: which cell a trial or a set lies in; blank outside of all
CELL = ("anchor", "step", "phase", "context")
_FLAGS = ("correct", "conflict", "previous_rule_choice", "correction", "rewarded")
#: columns of scored_trials.tsv and how they are read
SCORED_TYPES = {
    "session": "str",
    "animal": "str",
    "anchor": "str",
    "step": "Int64",
    "phase": "str",
    "context": "str",
    "interval": "Int64",
    "trial": "Int64",
    "scored_trial": "int64",
    "set_index": "int64",
    "trial_in_set": "int64",
    "rule": "str",
    "previous_rule": "str",
    "cue_side": "str",
    "correct_side": "str",
    "choice_side": "str",
    "outcome": "str",
    **dict.fromkeys(_FLAGS[1:], "Int64"),
    **{f"error_{name}": "str" for name in SCHEMES},
    "t_trial": "float64",
    "latency_init": "float64",
    "latency_choice": "float64",
    "latency_collection": "float64",
    "task": "str",
    "source_file": "str",
    "source_row": "Int64",
}
_SET_TEXTS = ("session", "animal", "anchor", "phase", "context", "rule", "previous_rule",
              "direction", "switch", "ended")  # fmt: skip


def write_trials(
    cells: Sequence[tuple[Any, Mapping[str, Any]]],
    data: Any,
    settings: Mapping[str, Any],
    *,
    scored: Path,
    sets: Path,
) -> None:
    """Write scored_trials.tsv and sets.tsv of one session.

    Trials and sets are those that the metrics of each cell were computed from, so that every
    number can be counted again from these rows.

    Parameters
    ----------
    cells : sequence of (Span, mapping)
        Every cell of the session with its sources; ``trials`` is an EpochTrials or None.
    data : SessionData
        The session, for what lies in no cell.
    settings : mapping
        ``session`` and ``animal``.
    scored : Path
        One row per trial of the log, warm-up included: columns ``SCORED_TYPES``. Cell and
        ``interval`` (from 0) are blank outside of all cells; a trial that two phases count (days
        after one dose, the baseline of another) has two rows. Flags are 1, 0 or blank; latencies
        in seconds, blank on omissions. Empty where the session has no trials.
    sets : Path
        One row per rule reached: session, animal, the cell in which the set starts, and the
        columns of :func:`pipeline.flexibility.sets.summarise_sets`, up to the end of that cell
        (``ended`` is ``cut`` where it ends first); of sets outside all cells, whole.
    """
    import pandas as pd

    if not data.has("trials"):
        write_atomically(scored, b"")
        write_atomically(sets, b"")
        return
    scores = data.scores
    inside = [(span, cell) for span, sources in cells if (cell := sources.get("trials"))]
    rows, runs = [], []
    for span, cell in inside:
        place = {name: getattr(span, name) for name in CELL}
        if len(cell.trials):
            rows.append(cell.trials.assign(**place))
        if len(cell.sets):
            runs.append(cell.sets.assign(**place))
    known = {index for part in rows for index in part.index}
    rows.append(_outside(scores.trials[~scores.trials.index.isin(known)]).assign(interval=None))
    counted = {index for part in runs for index in part["set_index"]}
    runs.append(_outside(scores.sets[~scores.sets["set_index"].isin(counted)]))
    who = {"session": settings["session"], "animal": settings["animal"]}
    # parts without rows would decide on the columns' types
    table = pd.concat([part for part in rows if len(part)]).sort_index(kind="stable")
    write_text(_columns(table.assign(**who)), scored)
    frames = [part for part in runs if len(part)] or runs
    listed = pd.concat(frames, ignore_index=True).assign(**who)
    listed = listed.sort_values("set_index", kind="stable")
    write_text(listed[["session", "animal", *CELL, *scores.sets.columns]], sets)


def _outside(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(**dict.fromkeys(CELL, "") | {"step": None})


def _columns(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of scored_trials.tsv, whatever the log had."""
    import pandas as pd

    from pipeline.flexibility.latencies import latencies

    known = {f"latency_{short}": latencies(table, what) for short, what in _LATENCIES.items()}
    if "trial" not in table:
        known["trial"] = table.index.to_numpy(dtype=float) + 1
    table = table.assign(**known).reindex(columns=list(SCORED_TYPES))
    for name, dtype in SCORED_TYPES.items():
        if dtype == "Int64":
            table[name] = pd.to_numeric(table[name], errors="raise").astype("Int64")
    return table


_LATENCIES = {"init": "initiation", "choice": "choice", "collection": "collection"}


def read_scored(path: Path) -> pd.DataFrame:
    """Read scored_trials.tsv: outcome and error types as categories.

    Parameters
    ----------
    path : Path
        Written by :func:`write_trials`; not empty.
    """
    import pandas as pd

    from pipeline.flexibility.coding import OUTCOMES

    table = read_typed(path, SCORED_TYPES)
    for name in SCHEMES:
        table[f"error_{name}"] = pd.Categorical(table[f"error_{name}"], categories=ERROR_TYPES)
    return table.assign(outcome=pd.Categorical(table["outcome"], categories=OUTCOMES))


def read_sets(path: Path) -> pd.DataFrame:
    """Read sets.tsv.

    Parameters
    ----------
    path : Path
        Written by :func:`write_trials`; not empty.
    """
    import pandas as pd

    header = pd.read_csv(path, sep="\t", nrows=0).columns
    types = {name: "str" if name in _SET_TEXTS else "float64" for name in header}
    types |= {"step": "Int64", "set_index": "int64", "reached": "bool", "censored": "bool"}
    return read_typed(path, types)
