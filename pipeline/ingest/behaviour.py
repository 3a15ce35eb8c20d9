"""Door of the behaviour logs: any format in, the canonical trial table out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.experiment.behaviour_mapping import MAPPABLE_COLUMNS, BehaviourMapping
from pipeline.experiment.strict import did_you_mean
from pipeline.ingest.adapters.columns import read_columns
from pipeline.ingest.adapters.log_table import LogTable
from pipeline.ingest.adapters.nwb_trials import read_nwb_trials

if TYPE_CHECKING:
    import pandas as pd

READERS = ("columns", "nwb_trials")


def read_behaviour(
    path: str | Path,
    *,
    format: str,
    mapping: BehaviourMapping | Mapping[str, object] | None = None,
    fields: Mapping[str, str] | None = None,
    starts_at_s: float = 0.0,
) -> pd.DataFrame:
    """Read one behaviour log as the canonical trial table.

    Parameters
    ----------
    path : path
        The log.
    format : str
        Name of the mapping in the config (for messages), or, without a mapping, a reader:
        ``columns`` or ``nwb_trials``.
    mapping : BehaviourMapping or mapping, optional
        What the columns mean. Without it, columns that carry the names of the trial table are
        taken as they are, and ``start_time`` of NWB trials is ``t_cue``.
    fields : mapping of str to str, optional
        What ``{session}``, ``{animal}`` ... in ``rows`` and ``sheet`` stand for.
    starts_at_s : float
        Seconds added to all times: the log's start on the session clock.

    Returns
    -------
    pandas.DataFrame
        One row per trial, in order: ``trial`` (the log's own number, else 1, 2, ...), ``t_cue``,
        ``t_init``, ``t_choice``, ``t_reward`` (s on the session clock, NaN where unknown),
        ``latency_choice`` (s; as logged, else ``t_choice - t_cue``), ``rule``, ``cue_side``,
        ``choice_side`` (left, right or ""; "" is an omission), ``correct`` (boolean; NA when
        omitted or not logged), ``omission`` (bool), ``rewarded`` (boolean, NA when not logged),
        ``task``, ``source_file``, ``source_row``, then the columns under ``keep``.

    Raises
    ------
    InputError
        All problems of the file at once, each with row, column, value found and value expected.
    """
    from pipeline.ingest.trial_table import interpret

    path = Path(path)
    if isinstance(mapping, Mapping):
        mapping = BehaviourMapping.model_validate(mapping)
    reader = mapping.reader if mapping else format
    if reader not in READERS:
        raise InputError(
            f"{path}: behaviour_format: found '{format}'{did_you_mean(format, READERS)}; expected "
            f"a name under behaviour: {{formats: ...}} of the config, or {' or '.join(READERS)}"
        )
    mapping = _filled_in(mapping, fields or {}, path) if mapping else None
    table = read_nwb_trials(path) if reader == "nwb_trials" else _columns(path, mapping)
    return interpret(table, mapping or _own_names(table, reader), starts_at_s=starts_at_s)


def _columns(path: Path, mapping: BehaviourMapping | None) -> LogTable:
    if mapping is None:
        return read_columns(path, expected=MAPPABLE_COLUMNS)
    return read_columns(
        path,
        header_row=mapping.header_row,
        delimiter=mapping.delimiter,
        sheet=mapping.sheet,
        expected=mapping.columns.values(),
    )


def _own_names(table: LogTable, reader: str) -> BehaviourMapping:
    """Return the mapping of a log that uses the names of the trial table itself."""
    columns = {name: name for name in MAPPABLE_COLUMNS if name in table.columns}
    if reader == "nwb_trials" and "start_time" in table.columns:
        columns.setdefault("t_cue", "start_time")
    if not {"choice_side", "correct"} & set(columns):
        raise InputError(
            f"{table.file}: found columns {', '.join(table.columns)}; expected choice_side or "
            "correct among them, or a mapping under behaviour: {formats: ...} of the config that "
            "says what they mean"
        )
    return BehaviourMapping(reader=reader, columns=columns)


def _filled_in(
    mapping: BehaviourMapping, fields: Mapping[str, str], path: Path
) -> BehaviourMapping:
    """Put the session's own values in place of ``{session}``, ``{animal}`` ..."""

    def fill(text: str) -> str:
        # No str.format: a field is a name, never an expression.
        unknown = [name for name in re.findall(r"\{(\w+)\}", text) if name not in fields]
        if unknown:
            raise InputError(
                f"{path}: behaviour mapping: found '{{{unknown[0]}}}' in '{text}'"
                f"{did_you_mean(unknown[0], fields)}; expected one of {', '.join(fields) or 'none'}"
            )
        return re.sub(r"\{(\w+)\}", lambda match: fields[match[1]], text)

    return mapping.model_copy(
        update={
            "rows": {column: fill(value) for column, value in mapping.rows.items()},
            "sheet": fill(mapping.sheet) if mapping.sheet is not None else None,
        }
    )
