"""Kaplan-Meier figures of times to an event: who had not reached it yet, in each context."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unicodedata import bidirectional

from pipeline.experiment.plan import AnalysisPlan
from pipeline.report.assembly import Specification, concatenated, figure, layered
from pipeline.report.highlight import place_of
from pipeline.report.lookup import rows_of
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import count, finite, listing, number, with_unit
from pipeline.report.slug import slug
from pipeline.report.style import BAND, INK, condition_colours

if TYPE_CHECKING:
    import pandas as pd

_HEIGHT = 170
_WIDTH = 430
#: pixels and share of the axis that one line of the key takes, above the curves
_KEY_PIXELS, _KEY_SHARE = 15, 0.09
#: names of the data sets; panels filter them
CURVES, KEY = "curves", "key"
#: dashes of the conditions, in the plan's order, so that colour is never needed
_DASHES: tuple[list[int], ...]
_DASHES = ([], [6, 3], [2, 2], [9, 3, 2, 3], [4, 4], [12, 3], [1, 3], [8, 2, 2, 2, 2, 2])


@dataclass(frozen=True, kw_only=True)
class SurvivalView:
    """Times of one outcome in one phase.

    Attributes
    ----------
    outcome, phase, name : str
        ``name`` is the file name without suffix.
    cells, steps : pandas.DataFrame
        As :class:`pipeline.compare.survival_tables.SurvivalTables`, of this outcome and phase.
    """

    outcome: str
    phase: str
    name: str
    cells: pd.DataFrame
    steps: pd.DataFrame

    @property
    def panels(self) -> list[tuple[int, str]]:
        """Step and context of every panel, in the order of the plan."""
        pairs = zip(self.cells["step"], self.cells["context"], strict=True)
        return list(dict.fromkeys((int(step), str(context)) for step, context in pairs))

    def title(self, step: int, context: str) -> str:
        """A panel's title."""
        several = len({step for step, _ in self.panels}) > 1
        return spoken(context) + (f", dose {step}" if several else "")


def survival_views(outcomes: pd.DataFrame, names: Names) -> Iterator[SurvivalView]:
    """Yield what the Kaplan-Meier figures show, one per time to an event and phase compared.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        outcomes.parquet.
    names : Names
        Labels, and the plan.
    """
    timed = outcomes[
        (outcomes["scale"] == "time_to_event")
        & (outcomes["split"].fillna("") == "")
        & outcomes["value"].notna()
    ]
    if timed.empty:  # the tables need scipy and statsmodels
        return
    from pipeline.compare.survival_tables import survival_table

    tables = survival_table(timed, names.plan)
    for outcome in dict.fromkeys(tables.cells["outcome"]):
        for phase in names.plan.phases:
            cells, steps = (
                table[(table["outcome"] == outcome) & (table["phase"] == phase)]
                for table in (tables.cells, tables.steps)
            )
            if len(cells):
                yield SurvivalView(
                    outcome=outcome,
                    phase=phase,
                    name=survival_name(outcome, phase, names.plan),
                    cells=cells,
                    steps=steps,
                )


def survival_name(outcome: str, phase: str, plan: AnalysisPlan) -> str:
    """File name without suffix."""
    where = f"-in-{slug(phase)}" if len(plan.phases) > 1 else ""
    return f"{slug(outcome)}{where}-kaplan-meier"


def survival_chart(view: SurvivalView, names: Names) -> Specification:
    """Draw the curves: one panel per context, a key with the numbers above the curves."""
    panels = [_panel(view, step, context, names) for step, context in view.panels]
    places = [place_of(context, names) for _, context in view.panels]
    content = concatenated(panels, columns=len(panels), spacing=20, places=places)
    return figure(content, {CURVES: _curves(view), KEY: _key(view)})


def _panel(view: SurvivalView, step: int, context: str, names: Names) -> Specification:
    import altair as alt

    here = view.cells[(view.cells["step"] == step) & (view.cells["context"] == context)]
    conditions = [str(name) for name in here["condition"]]
    shared = _lines(view)
    top = 1 + _KEY_SHARE * (shared + 0.5)
    last = _last(view)
    width = max(150.0, min(260.0, _WIDTH / len(view.panels)))
    order = [spoken(name) for name in conditions]
    colours, dashes = condition_colours(names.plan), condition_dashes(names.plan)
    colour = alt.Color(
        "condition:N",
        legend=None,
        scale=alt.Scale(domain=order, range=[colours.get(name, BAND) for name in conditions]),
    )
    dash = alt.StrokeDash(
        "condition:N",
        legend=None,
        scale=alt.Scale(domain=order, range=[dashes.get(name, [1, 1]) for name in conditions]),
    )
    first = view.panels[0] == (step, context)
    y = alt.Y(
        "share:Q",
        title="share not there yet" if first else None,
        scale=alt.Scale(domain=[0, top], nice=False),
        axis=alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".0%", domain=False, ticks=False),
    )
    unit = names.unit(view.outcome)
    x = alt.X(
        "time:Q",
        title=unit or "time",
        scale=alt.Scale(domain=[0, last], nice=False),
        axis=alt.Axis(tickCount=5),
    )
    at = alt.FieldEqualPredicate(field="panel", equal=view.title(step, context))
    curves = alt.Chart(alt.NamedData(name=CURVES)).transform_filter(at)
    tips = [
        alt.Tooltip(field, type="nominal", title=title)
        for field, title in (("condition", "condition"), ("shown", "so far"), ("risk", "at risk"))
    ]
    lines = curves.mark_line(interpolate="step-after", strokeWidth=2).encode(
        x=x, y=y, color=colour, strokeDash=dash, tooltip=tips
    )
    ticks = (
        curves.transform_filter("datum.censored > 0")
        .mark_tick(orient="vertical", size=11, thickness=1.8)
        .encode(x=x, y=y, color=colour, tooltip=tips)
    )
    key = alt.Chart(alt.NamedData(name=KEY)).transform_filter(at)
    strokes = key.mark_rule(strokeWidth=2).encode(
        x=alt.X("from:Q"), x2=alt.X2("to:Q"), y=alt.Y("share:Q"), color=colour, strokeDash=dash
    )
    words = key.mark_text(align="left", baseline="middle", dx=5, color=INK, fontSize=11).encode(
        x=alt.X("to:Q"), y=alt.Y("share:Q"), text=alt.Text("words:N")
    )
    return layered(
        lines,
        ticks,
        strokes,
        words,
        width=width,
        height=_HEIGHT + _KEY_PIXELS * shared,
        title=alt.TitleParams(view.title(step, context), frame="group"),
    )


def _last(view: SurvivalView) -> float:
    """End of the axis: the latest time with air, the same in all panels."""
    return float(view.steps["time"].max()) * 1.04 or 1.0


def _lines(view: SurvivalView) -> int:
    """Lines of the longest key; all panels leave room for as many."""
    return int(view.cells.groupby(["step", "context"])["condition"].nunique().max())


def condition_dashes(plan: AnalysisPlan) -> dict[str, list[int]]:
    """Dashes of each condition's line, in the plan's order.

    Where colours begin again (:func:`pipeline.report.style.condition_colours`) dashes begin one
    later, so that no two conditions share both.
    """
    return {
        entry.name: _DASHES[(index + index // len(_DASHES)) % len(_DASHES)]
        for index, entry in enumerate(plan.conditions)
    }


def _curves(view: SurvivalView) -> list[dict[str, Any]]:
    return [
        {
            "panel": view.title(int(row["step"]), str(row["context"])),
            "condition": spoken(str(row["condition"])),
            "time": float(row["time"]),
            "share": round(float(row["survival"]), 6),
            "censored": int(row["censored"]),
            "shown": f"{number(row['time'])}: {100 * (1 - row['survival']):.0f} % reached",
            "risk": str(int(row["at_risk"])),
        }
        for row in rows_of(view.steps)
    ]


def _key(view: SurvivalView) -> list[dict[str, Any]]:
    """One line per condition above the curves: its stroke, and how many reached the event."""
    n_lines, last = _lines(view), _last(view)
    rows = []
    for step, context in view.panels:
        here = view.cells[(view.cells["step"] == step) & (view.cells["context"] == context)]
        for index, row in enumerate(rows_of(here)):
            name = spoken(str(row["condition"]))
            rows.append(
                {
                    "panel": view.title(step, context),
                    "condition": name,
                    "from": 0.0,
                    "to": round(0.12 * last, 6),
                    "share": round(1 + _KEY_SHARE * (n_lines - index), 3),
                    "words": f"{isolated(name)}: {row['n_reached']} of {row['n_animals']}",
                }
            )
    return rows


def isolated(label: str) -> str:
    """A label as it stands within a line: one that runs from the right would turn what follows."""
    if any(bidirectional(letter) in ("R", "AL") for letter in label):
        return f"\N{FIRST STRONG ISOLATE}{label}\N{POP DIRECTIONAL ISOLATE}"
    return label


def survival_caption(view: SurvivalView, names: Names) -> str:
    """How many reached the event and when half had, cell by cell; what was left out."""
    animals = names.animals()[1] if names.plan.unit == "animal" else "animals"
    unit = names.unit(view.outcome)
    parts = [
        f"Kaplan-Meier curves: share of {animals} that have not reached the event yet; the key "
        "says how many reached it, ticks mark sessions that ended first."
    ]
    for step, context in view.panels:
        here = view.cells[(view.cells["step"] == step) & (view.cells["context"] == context)]
        said = [
            f"{spoken(str(row['condition']))} {_median(row['median'], unit)} "
            f"(n = {row['n_animals']})"
            for row in rows_of(here)
        ]
        parts.append(f"Median in {view.title(step, context)}: {listing(said)}.")
    left = int(view.cells["n_sessions_left_out"].sum())
    if left:
        later = count(left, "later one")
        parts.append(
            f"An animal counts once in a cell, with its first session ({later} not shown)."
        )
    parts.append(
        "The curves are shown, not tested"
        + (
            "."
            if names.plan.blind
            else ": estimates, intervals and adjusted p are those of the figure above them."
        )
    )
    if names.plan.unit == "cage":
        parts.append("Animals of a cage are not independent: no intervals are given.")
    return " ".join(parts)


def _median(median: float, unit: str) -> str:
    if finite(median):
        return with_unit(number(round(median, 1)), unit)
    return "not reached by half" if isinstance(median, float) and math.isinf(median) else "unknown"


def survival_data(view: SurvivalView) -> pd.DataFrame:
    """The steps of the curves as one table, each with its cell's numbers."""
    keys = ["outcome", "phase", "step", "condition", "context"]
    named = view.cells[[*keys, "n_animals", "n_reached", "median", "tau", "restricted_mean"]]
    steps = view.steps.drop(columns=["split", "split_level"])
    return steps.merge(named, on=keys, how="left", validate="many_to_one")
