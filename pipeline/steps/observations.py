"""The observations of one session: values as they come, held as columns until they are written.

A session of 500 units has 130,000 observations and more. As a mapping per observation they take
some 800 bytes each; as numbers, and numbers in place of texts, 40.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.metric import Value
from pipeline.steps.extract import write_parquet

#: columns of a session's observations; the cohort step joins the design columns to them
COLUMNS = (
    "session",
    "animal",
    "anchor",
    "step",
    "context",
    "phase",
    "interval",
    "start_s",
    "stop_s",
    "seconds",
    "since_dose_s",
    "split",
    "split_level",
    "entity",
    "region",
    "region_b",
    "unit_id",
    "band",
    "metric",
    "value",
    "value_unit",
    "censored",
    "n_effective",
    "n_effective_unit",
)
#: what the rows are sorted by
_KEYS = (
    "metric",
    "phase",
    "context",
    "anchor",
    "interval",
    "split",
    "split_level",
    "region",
    "region_b",
    "unit_id",
    "band",
)
#: types of the columns that are no text
_NUMBERS: Mapping[str, type] = {
    "step": np.int64,
    "interval": np.int64,
    "start_s": np.float64,
    "stop_s": np.float64,
    "seconds": np.float64,
    "since_dose_s": np.float64,
    "value": np.float64,
    "censored": np.bool_,
    "n_effective": np.float64,
}
#: columns that each value brings itself; all values of one metric in one epoch share the others
_OWN = tuple(one.name for one in fields(Value))


class Observations:
    """Observations in the order in which they were made."""

    def __init__(self) -> None:
        self._parts: dict[str, list[NDArray[Any]]] = {name: [] for name in COLUMNS}
        self._lengths: list[int] = []
        self._codes: dict[str, int] = {}

    def __len__(self) -> int:
        """Return the number of observations."""
        return sum(self._lengths)

    def add(self, common: Mapping[str, Any], values: Sequence[Value]) -> None:
        """Take the values of one metric in one epoch.

        Parameters
        ----------
        common : mapping
            What they share: every column that no value brings itself.
        values : sequence of Value
            As the metric computed them.

        Raises
        ------
        KeyError
            If a column is in neither.
        """
        if not values:
            return
        self._lengths.append(len(values))
        for name, parts in self._parts.items():
            cells = [getattr(v, name) for v in values] if name in _OWN else [common[name]]
            if name in _NUMBERS:
                parts.append(np.array(cells, dtype=_NUMBERS[name]))
            else:
                codes = [self._codes.setdefault(cell, len(self._codes)) for cell in cells]
                parts.append(np.array(codes, dtype=np.int32))

    def write(self, path: Path) -> None:
        """Write the observations as Parquet, sorted, with fixed columns and types."""
        import pandas as pd

        # numbers that are in the order of the texts, so that rows can be sorted by them
        texts = pd.array(sorted(self._codes), dtype="str")
        rank = np.empty(len(texts), dtype=np.int32)
        rank[[self._codes[text] for text in texts]] = np.arange(len(texts), dtype=np.int32)
        keys = [self._column(name) for name in _KEYS]
        keys = [
            key if name in _NUMBERS else rank[key] for name, key in zip(_KEYS, keys, strict=True)
        ]
        order = np.lexsort(keys[::-1])
        del keys
        table = {}
        for name in COLUMNS:
            column = self._column(name)[order]
            table[name] = column if name in _NUMBERS else texts.take(rank[column])
        write_parquet(pd.DataFrame(table, copy=False), path)

    def _column(self, name: str) -> NDArray[Any]:
        """All rows of one column: numbers, or numbers in place of texts."""
        parts = self._parts[name]
        if not parts:
            return np.empty(0, dtype=_NUMBERS.get(name, np.int32))
        whole = np.concatenate(parts)
        return whole if name in _OWN else np.repeat(whole, self._lengths)
