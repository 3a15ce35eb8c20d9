"""What the panels of the units' figures share: places, titles, and data that stand once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.report.behaviour import in_order
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import count
from pipeline.report.style import MUTED

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

#: pixels of a figure, and between its panels
WIDTH, GAP = 700, 16


def named(datasets: dict[str, Any], records: list[dict[str, Any]]) -> alt.Chart:
    """A chart of records that stand once, among the data sets of the figure: it names them."""
    import altair as alt

    name = f"d{len(datasets)}"
    datasets[name] = records
    return alt.Chart(alt.NamedData(name=name))


def panel_width(columns: int) -> float:
    """Pixels of each of so many panels beside each other."""
    return max(70.0, min(200.0, (WIDTH - GAP * (columns - 1)) / columns))


def panel_title(condition: str, context: str, words: str) -> alt.TitleParams:
    """Condition and context over a panel, with what is counted in it below."""
    import altair as alt

    return alt.TitleParams(
        f"{spoken(condition)}, {spoken(context)}",
        subtitle=words,
        frame="group",
        fontSize=10.5,
        subtitleFontSize=9,
        subtitleColor=MUTED,
        limit=230,
        offset=3,
    )


def in_plan(rows: pd.DataFrame, names: Names) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Conditions and contexts in the plan's order."""
    declared = [entry.name for entry in names.plan.conditions]
    return in_order(rows["condition"], declared), in_order(rows["context"], names.plan.contexts)


def held_words(rows: pd.DataFrame, names: Names) -> str:
    """``104 units, 8 rats``: whose units a panel shows."""
    called = names.animals() if names.plan.unit == "animal" else ("animal", "animals")
    units = len(rows[["session", "unit_id"]].drop_duplicates())
    return f"{count(units, 'unit')}, {count(rows['animal'].nunique(), *called)}"
