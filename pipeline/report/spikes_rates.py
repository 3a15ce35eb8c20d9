"""Figures of the units' rates before and after, and of how many change."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pipeline.report.assembly import Specification, concatenated, figure, layered
from pipeline.report.behaviour import Slice
from pipeline.report.highlight import of_animal, place_of
from pipeline.report.lookup import rows_of
from pipeline.report.names import Names
from pipeline.report.numbers import count
from pipeline.report.png import DIVERGING
from pipeline.report.spikes_panels import (
    GAP,
    held_words,
    in_plan,
    named,
    panel_title,
    panel_width,
)
from pipeline.report.style import BAND, INK, MUTED

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

#: calls, their colours and how they are named; place tells them apart too
CALLS = {1: ("up", DIVERGING[5]), 0: ("not called", BAND), -1: ("down", DIVERGING[1])}
_BARS = 96
_SPACING = {"row": 12, "column": GAP}


# -- before and after --------------------------------------------------------------------------


def scatter_chart(rows: pd.DataFrame, names: Names) -> Specification:
    """Draw rates before and after: a column per condition, a row per context.

    Parameters
    ----------
    rows : pandas.DataFrame
        unit_modulation.tsv of one region and phase.
    names : Names
        The plan's order.
    """
    conditions, contexts = in_plan(rows, names)
    positive = [v for name in ("before_hz", "after_hz") for v in rows[name] if v > 0]
    low, high = math.log10(min(positive)) - 0.1, math.log10(max(positive)) + 0.1
    width = min(panel_width(len(conditions)), 165.0)
    panels = []
    data: dict[str, Any] = {}
    for context in contexts:
        for condition in conditions:
            own = rows[(rows["condition"] == condition) & (rows["context"] == context)]
            calls = own["call"]
            words = f"{held_words(own, names)}: {(calls > 0).sum()} up, {(calls < 0).sum()} down"
            panels.append(
                _scatter(
                    data,
                    dots(own, (low, high), width),
                    (low, high),
                    width,
                    panel_title(condition, context, words),
                    first=condition == conditions[0],
                    last=context == contexts[-1],
                )
            )
    content = concatenated(
        panels,
        columns=len(conditions),
        spacing=_SPACING,
        scales={"color": "shared"},
        places=[place_of(context, names) for context in contexts for _ in conditions],
    )
    return figure(content, data)


def dots(rows: pd.DataFrame, domain: tuple[float, float], width: float) -> list[dict[str, Any]]:
    """Points as strokes without length of one broken line per call, each place once.

    A mark per unit would make the page several times larger.
    """
    low, high = domain
    step = (high - low) / width
    places = set()
    for before, after, call in zip(rows["before_hz"], rows["after_hz"], rows["call"], strict=True):
        x, y = (max(math.log10(v), low) if v > 0 else low for v in (before, after))
        places.add((round((x - low) / step), round((y - low) / step), int(call)))
    records: list[dict[str, Any]] = []
    for x, y, call in sorted(places, key=lambda place: (abs(place[2]), place)):
        at = {"x": round(low + x * step, 4), "y": round(low + y * step, 4), "k": CALLS[call][0]}
        records += [at, at, at | {"y": None}]
    return [record | {"o": number} for number, record in enumerate(records)]


def log_ticks(domain: tuple[float, float]) -> list[float]:
    """Places of 1, 2, 5, 10, ... on a scale of log10; of the decades alone where these suffice."""
    decades = range(math.floor(domain[0]), math.ceil(domain[1]) + 1)
    each = [[decade + math.log10(step) for decade in decades] for step in (1, 2, 5)]
    inside = [[tick for tick in row if domain[0] <= tick <= domain[1]] for row in each]
    return inside[0] if len(inside[0]) > 2 else sorted(tick for row in inside for tick in row)


def _scatter(
    data: dict[str, Any],
    records: list[dict[str, Any]],
    domain: tuple[float, float],
    width: float,
    title: alt.TitleParams,
    *,
    first: bool,
    last: bool,
) -> Specification:
    import altair as alt

    axis: dict[str, Any] = {
        "grid": False,
        "values": log_ticks(domain),
        "labelExpr": "format(pow(10, datum.value), '.3~g')",
    }
    scale = alt.Scale(domain=list(domain), nice=False, zero=False)
    x = alt.X(
        "x:Q",
        title="before, Hz" if last else None,
        scale=scale,
        axis=alt.Axis(labels=last, ticks=last, **axis),
    )
    y = alt.Y(
        "y:Q",
        title="after, Hz" if first else None,
        scale=scale,
        axis=alt.Axis(labels=first, ticks=first, **axis),
    )
    colour = alt.Color(
        "k:N",
        title=None,
        scale=alt.Scale(
            domain=[name for name, _ in CALLS.values()], range=[c for _, c in CALLS.values()]
        ),
        legend=alt.Legend(orient="top", symbolType="circle", symbolStrokeWidth=3, symbolSize=20),
    )  # fmt: skip
    ends = [{"x": end, "y": end} for end in domain]
    return layered(
        named(data, ends).mark_line(color=MUTED, strokeWidth=1, strokeDash=[3, 3]).encode(x=x, y=y),
        named(data, records)
        .mark_line(strokeWidth=3.2, strokeCap="round", opacity=0.85)
        .encode(x=x, y=y, color=colour, order=alt.Order("o:Q")),
        width=width,
        height=width * 0.8,
        title=title,
    )


# -- fractions ---------------------------------------------------------------------------------


def fractions_chart(part: Slice, names: Names) -> Specification:
    """Draw the shares of every animal: a column per condition, a row per context."""
    width = panel_width(len(part.conditions))
    animals = sorted(set(part.animals["animal"]))
    panels = []
    data: dict[str, Any] = {}
    for context in part.contexts:
        here = part.animals[part.animals["context"] == context]
        for condition in part.conditions:
            own = here[here["condition"] == condition]
            reference = "" if names.plan.blind else names.reference(condition)
            held = here[here["condition"] == reference]
            held = held[held["animal"].isin(own["animal"])]
            units = count(own["n_units"].sum(), "unit")
            panels.append(
                _bars(data, own, held, animals, width, panel_title(condition, context, units),
                      first=condition == part.conditions[0], last=context == part.contexts[-1])
            )  # fmt: skip
    content = concatenated(
        panels,
        columns=len(part.conditions),
        spacing=_SPACING,
        scales={"color": "shared"},
        places=[place_of(context, names) for context in part.contexts for _ in part.conditions],
    )
    return figure(content, data)


def _bars(
    data: dict[str, Any],
    rows: pd.DataFrame,
    held: pd.DataFrame,
    animals: list[str],
    width: float,
    title: alt.TitleParams,
    *,
    first: bool,
    last: bool,
) -> Specification:
    import altair as alt

    records = []
    for row in rows_of(rows):
        ends = (0.0, row["down"], 1 - row["up"], 1.0)
        for call, (low, high) in zip((-1, 0, 1), pairwise(ends), strict=True):
            if high - low > 1e-9:
                records.append({"a": row["animal"], "u": row["unit"], "k": CALLS[call][0],
                                "from": round(low, 4), "to": round(high, 4)})  # fmt: skip
    lines = [
        {"a": row["animal"], "from": round(at, 4)}
        for row in rows_of(held)
        for at in (row["down"], 1 - row["up"])
    ]
    fits = last and width / max(len(animals), 1) >= 11
    x = alt.X(
        "a:N",
        title=None,
        sort=None,
        scale=alt.Scale(domain=animals, paddingInner=0.25, paddingOuter=0.1),
        axis=alt.Axis(labels=fits, ticks=False, labelAngle=-90, labelLimit=48, labelFontSize=9),
    )
    y = alt.Y(
        "from:Q",
        title="share of units" if first else None,
        scale=alt.Scale(domain=[0, 1], nice=False),
        axis=alt.Axis(
            values=[0, 0.5, 1],
            format=".0%",
            labels=first,
            ticks=first,
            domain=first,
            # within the panel: else the first column's title would stand higher than the others
            labelBaseline=alt.ConditionalAxisLabelBaseline(
                condition={"test": "datum.value===1", "value": "top"}, value="middle"
            ),
        ),
    )
    colour = alt.Color(
        "k:N",
        title=None,
        scale=alt.Scale(
            domain=[name for name, _ in CALLS.values()],
            range=[CALLS[1][1], "#d5d9de", CALLS[-1][1]],
        ),
        legend=alt.Legend(orient="top", symbolType="square", symbolStrokeWidth=0),
    )
    bars = of_animal(named(data, records).mark_bar(), "u")
    marks = named(data, lines).mark_tick(color=INK, thickness=1.6, orient="horizontal", bandSize=0)
    layers = [bars.encode(x=x, y=y, y2=alt.Y2("to:Q"), color=colour)]
    if lines:
        layers.append(marks.encode(x=x, y=y))
    return layered(*layers, width=width, height=_BARS, title=title)
