"""contrasts.tsv as records: what its cells may hold, and how effects are found."""

from __future__ import annotations

import math
from dataclasses import MISSING, fields

import pandas as pd
import pytest

from pipeline.errors import InputError
from pipeline.report.lookup import Contrasts, Effect, effects_of

NAN = float("nan")
TEXT = [field.name for field in fields(Effect) if field.type == "str"]


def row(**cells):
    """A row with every column that the report needs."""
    needed = [field.name for field in fields(Effect) if field.default is MISSING]
    plain = {name: "a" if name in TEXT else 1.0 for name in needed}
    return plain | {"split": "", "split_level": "", "contrast": "simple"} | cells


def test_cells_are_text_doses_and_numbers():
    table = pd.DataFrame(
        [
            row(level="home_cage", step=2, estimate=0.25, note=NAN, n_animals=8),
            row(level=None, step=NAN, estimate=NAN, note="few", n_animals=7),
        ]
    )
    first, second = effects_of(table)
    assert (first.level, first.step, first.estimate, first.note) == ("home_cage", 2, 0.25, "")
    assert (second.level, second.step, second.note) == ("", 0, "few")
    assert math.isnan(second.estimate) and second.n_animals == 7.0
    assert all(type(effect.step) is int for effect in (first, second))
    assert all(type(effect.estimate) is float for effect in (first, second))
    # columns that an older table lacks have the record's own values
    assert first.term == "" and math.isnan(first.q_value)


def test_a_table_read_as_text_says_the_same():
    numbers = pd.DataFrame([row(step=1, estimate=-0.5, p=0.25), row(step=3, estimate=2.0, p=NAN)])
    words = numbers.astype(object).where(numbers.notna(), "").astype(str)
    for one, other in zip(effects_of(numbers), effects_of(words), strict=True):
        assert (one.step, one.estimate, one.condition) == (
            other.step, other.estimate, other.condition
        )  # fmt: skip
        assert one.p == other.p or (math.isnan(one.p) and math.isnan(other.p))


def test_the_tables_order_is_kept():
    table = pd.DataFrame([row(level=level) for level in ("c", "a", "b")])
    index = Contrasts(table)
    place = {"outcome": "a", "phase": "a", "modifier": "a"}
    assert [effect.level for effect in index.at(**place)] == ["c", "a", "b"]
    evidence = index.behind(**place, condition="a", split="", split_level="")
    assert [effect.level for effect in evidence.simple] == ["c", "a", "b"]


def test_a_missing_column_is_named_and_a_table_without_rows_has_no_effects():
    with pytest.raises(InputError, match=r"contrasts.tsv: column\(s\) p_adjusted missing"):
        Contrasts(pd.DataFrame([row()]).drop(columns="p_adjusted"))
    assert list(Contrasts(pd.DataFrame())) == []
