"""Every column of a sheet of the workbook is explained on its first sheet."""

from __future__ import annotations

import pytest

from pipeline.steps import behaviour
from pipeline.steps.cell_means import Columns
from pipeline.steps.column_types import TYPES
from pipeline.steps.table_words import COLUMN_WORDS, MEANS

#: sheets whose columns TYPES declares by name; those of means are asked below
SHEETS = ("contrasts", "verdicts", "missing", "completeness", "units", "modulation", "calibration")
ENDS = ("start", "stop", "from", "to")


@pytest.mark.parametrize("sheet", SHEETS)
def test_every_column_is_explained(sheet):
    assert [name for name in TYPES[sheet] if name not in COLUMN_WORDS] == []


@pytest.mark.parametrize("sheet", ["error_types", "types", "agreement", "latencies"])
def test_columns_of_behaviour_and_their_intervals_are_explained(sheet):
    keys, values, counts = behaviour._TABLES[sheet]
    columns = Columns(place=behaviour.PLACE, keys=keys, values=values, counts=counts)
    assert [name for name in columns.all if name not in COLUMN_WORDS] == []


def test_columns_of_clusters_are_explained_in_hertz_and_in_minutes():
    names = [n for n in TYPES["clusters"] if n not in ENDS]
    names += [f"{end}_{unit}" for end in ENDS for unit in ("hz", "min")]
    assert [name for name in names if name not in COLUMN_WORDS] == []


def test_every_mean_has_an_explained_interval():
    assert [n for m in MEANS for n in (m, f"{m}_low", f"{m}_n") if n not in COLUMN_WORDS] == []


def test_whole_numbers_of_sessions_are_numbers():
    assert TYPES["completeness"]["units_of_unknown_channel"] == "Int64"
