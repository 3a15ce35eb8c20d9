"""Figures of spike-LFP locking: how strong in each band, and at which phase."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pipeline.report.assembly import Specification, concatenated, figure, layered
from pipeline.report.behaviour import Slice, in_order
from pipeline.report.highlight import BETWEEN, of_animal, place_of
from pipeline.report.lookup import rows_of
from pipeline.report.marks import rounded
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import MINUS, finite
from pipeline.report.spikes_panels import named
from pipeline.report.style import BAND, INK, MUTED, RULE, condition_colours
from pipeline.report.survival import condition_dashes

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_WIDTH, _GAP, _HIGH = 720, 18, 84
#: of a circle of phases, pixels
_RADIUS = 44
#: half the room around the unit circle, on its own scale
_REACH = 1.12


def locking_chart(part: Slice, names: Names) -> Specification:
    """Draw a column per band, a row per context: animals, means and intervals by condition."""
    bands = bands_of(part)
    width = max(60.0, min(150.0, (_WIDTH - _GAP * len(bands)) / len(bands) - 24))
    panels = []
    data: dict[str, Any] = {}
    for context in part.contexts:
        for band in bands:
            domain = _domain(part, band)
            panels.append(
                _band(data, part, names, context, band, domain, width, first=band == bands[0])
            )
    content = concatenated(
        panels,
        columns=len(bands),
        spacing={"row": 12, "column": _GAP},
        scales={"color": "shared"},
        places=_places(part, names),
    )
    return figure(content, data)


def _places(part: Slice, names: Names) -> list[int | None]:
    """Places of the panels' contexts: a row each, a column per band."""
    return [place_of(context, names) for context in part.contexts for _ in bands_of(part)]


def _of_whom(strokes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Say in the first record of each condition's line whose strokes it holds, in their order.

    A stroke is three records: where it begins, where it ends, and what breaks the line. A drawing
    takes the description of a line from its first record; in all of them, the names of a large
    cohort would be most of the specification.
    """
    lines: dict[str, list[str]] = {}
    for record in strokes[::3]:
        lines.setdefault(record["c"], []).append(record["a"])
    records = []
    for record in strokes:
        bare = {name: value for name, value in record.items() if name != "a"}
        whose = lines.pop(record["c"], None)
        records.append(bare if whose is None else bare | {"a": "".join(a + BETWEEN for a in whose)})
    return records


def bands_of(part: Slice) -> tuple[str, ...]:
    """Bands from low to high, as the words for them go; others follow."""
    order = ("delta", "theta", "alpha", "beta", "low_gamma", "gamma", "high_gamma", "hfo")
    return in_order(part.means["band"], order)


def _domain(part: Slice, band: str) -> tuple[float, float]:
    """From all animals of a band, so that contexts can be compared."""
    own = part.animals.loc[part.animals["band"] == band, "ppc"].dropna()
    low, high = min(0.0, *own), max(0.0, *own)
    air = 0.06 * (high - low) or 0.001
    return low - air, high + air


def _band(
    data: dict[str, Any],
    part: Slice,
    names: Names,
    context: str,
    band: str,
    domain: tuple[float, float],
    width: float,
    *,
    first: bool,
) -> Specification:
    import altair as alt

    low, high = domain
    points: list[dict[str, Any]] = []
    means: list[dict[str, Any]] = []
    for index, condition in enumerate(part.conditions):
        for rows, records in ((part.animals, points), (part.means, means)):
            own = rows[
                (rows["condition"] == condition)
                & (rows["context"] == context)
                & (rows["band"] == band)
            ]
            records += _records(own, index, condition, low, high)
    strokes = _of_whom(
        [
            record | {"o": number, **({"v": None} if number % 3 == 2 else {})}
            for number, record in enumerate(p for p in points for _ in range(3))
        ]
    )
    n = len(part.conditions)
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-0.6, n - 0.4], nice=False))
    y = alt.Y(
        "v:Q",
        title=[spoken(context), "phase consistency"] if first else None,
        scale=alt.Scale(domain=[low, high], nice=False, zero=False),
        axis=alt.Axis(tickCount=3, format="~g", labelFontSize=9.5),
    )
    colour = _colour(part, names)
    here = named(data, means)
    zero = alt.Chart(alt.InlineData(values=[{"v": 0}]))
    heads = _heads(data, band, domain) if context == part.contexts[0] else []
    return layered(
        zero.mark_rule(color=MUTED, strokeDash=[3, 3]).encode(y=y),
        of_animal(
            named(data, strokes).mark_line(strokeWidth=3.4, strokeCap="round", opacity=0.75), "a"
        ).encode(x=x, y=y, color=colour, order=alt.Order("o:Q")),
        here.mark_rule(strokeWidth=1.8).encode(
            x=alt.X("m:Q"), y=alt.Y("l:Q"), y2=alt.Y2("h:Q"), color=colour
        ),
        here.mark_point(shape="stroke", size=110, strokeWidth=2.4).encode(
            x=alt.X("m:Q"), y=y, color=colour
        ),
        *heads,
        width=width,
        height=_HIGH,
    )


def _heads(data: dict[str, Any], band: str, domain: tuple[float, float]) -> list[alt.Chart]:
    """Name of a column and the reach of its axis: those of bands differ up to a hundredfold.

    Marks and not a title: that would stand higher where a label of the axis reaches out.
    """
    import altair as alt

    low, high = (f"{end:.1g}".replace("-", MINUS) for end in domain)
    lines: tuple[tuple[str, int, int, Literal["bold", "normal"], str], ...] = (
        (spoken(band), -22, 11, "bold", INK),
        (f"axis: {low} to {high}", -9, 9, "normal", MUTED),
    )
    return [
        named(data, [{"t": words}])
        .mark_text(align="left", fontSize=size, fontWeight=weight, color=colour)
        .encode(x=alt.value(0), y=alt.value(up), text=alt.Text("t:N"))
        for words, up, size, weight, colour in lines
    ]


def _head(words: str) -> alt.TitleParams:
    import altair as alt

    return alt.TitleParams(words, frame="group", fontSize=11)


def _records(
    rows: pd.DataFrame, index: int, condition: str, low: float, high: float
) -> list[dict[str, Any]]:
    """Positions of animals (beside each other) and of the mean (right of them)."""
    records = []
    rows = rows.sort_values("animal", kind="stable")
    for number, row in enumerate(rows_of(rows)):
        if not finite(row["ppc"]):
            continue
        spread = 0.0 if len(rows) < 2 else 0.36 * (number / (len(rows) - 1) - 0.5)
        record = {"a": str(row["unit"]), "c": spoken(condition),
                  "x": round(index - 0.14 + spread, 3),
                  "m": round(index + 0.22, 3), "v": rounded(row["ppc"])}  # fmt: skip
        if finite(row["ppc_low"]):
            record |= {"l": rounded(max(row["ppc_low"], low)),
                       "h": rounded(min(row["ppc_high"], high))}  # fmt: skip
        records.append(record)
    return records


def _colour(part: Slice, names: Names) -> alt.Color:
    import altair as alt

    colours = condition_colours(names.plan)
    return alt.Color(
        "c:N",
        title=None,
        scale=alt.Scale(
            domain=[spoken(name) for name in part.conditions],
            range=[colours.get(name, BAND) for name in part.conditions],
        ),
        legend=alt.Legend(orient="top", symbolType="stroke", symbolStrokeWidth=3, symbolOpacity=1),
    )


# -- preferred phase ---------------------------------------------------------------------------


def preferred_chart(part: Slice, names: Names) -> Specification:
    """Draw a circle per band (columns) and context (rows): animals, and conditions' means."""
    bands = bands_of(part)
    data: dict[str, Any] = {}
    panels = [
        _circle(
            data, part, names, context, band, first=context == part.contexts[0] and band == bands[0]
        )
        for context in part.contexts
        for band in bands
    ]
    content = concatenated(
        panels,
        columns=len(bands),
        spacing={"row": 10, "column": 14},
        scales={"color": "shared", "strokeDash": "shared"},
        places=_places(part, names),
    )
    return figure(content, data)


def _circle(
    data: dict[str, Any], part: Slice, names: Names, context: str, band: str, *, first: bool
) -> Specification:
    import altair as alt

    strokes: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for condition in part.conditions:
        for rows, records in ((part.animals, strokes), (part.means, lines)):
            own = rows[
                (rows["condition"] == condition)
                & (rows["context"] == context)
                & (rows["band"] == band)
            ]
            for row in rows_of(own):
                if not (finite(row["x"]) and finite(row["y"])):
                    continue
                at = {"c": spoken(condition), "x": rounded(row["x"]), "y": rounded(row["y"])}
                if records is strokes:
                    at["a"] = str(row["unit"])
                    records += [at, at, at | {"y": None}]
                else:
                    records += [{"c": spoken(condition), "x": 0, "y": 0}, at]
    strokes = _of_whom([record | {"o": number} for number, record in enumerate(strokes)])
    lines = [record | {"o": number} for number, record in enumerate(lines)]
    scale = alt.Scale(domain=[-_REACH, _REACH], nice=False, zero=False)
    x = alt.X("x:Q", axis=None, scale=scale)
    side_axis = alt.Axis(labels=False, ticks=False, domain=False, grid=False)
    beside = band == bands_of(part)[0]
    y = alt.Y(
        "y:Q",
        title=spoken(context) if beside else None,
        scale=scale,
        axis=side_axis if beside else None,
    )
    centre = alt.Chart(alt.InlineData(values=[{"x": 0, "y": 0}]))
    cross = alt.Chart(
        alt.InlineData(
            values=[{"x": -1, "y": 0, "u": 1, "v": 0}, {"x": 0, "y": -1, "u": 0, "v": 1}]
        )
    )
    colour = _colour(part, names)
    dashes = condition_dashes(names.plan)
    dash = alt.StrokeDash(
        "c:N",
        title=None,
        legend=None,
        scale=alt.Scale(
            domain=[spoken(name) for name in part.conditions],
            range=[dashes.get(name, [1, 1]) for name in part.conditions],
        ),
    )
    layers = [
        centre.mark_point(
            shape="circle", size=(2 * _RADIUS) ** 2, stroke=BAND, strokeWidth=1, filled=False,
            opacity=1,
        ).encode(x=x, y=y),
        cross.mark_rule(color=RULE, strokeWidth=1).encode(
            x=x, y=y, x2=alt.X2("u:Q"), y2=alt.Y2("v:Q")
        ),
        named(data, lines)
        .mark_line(strokeWidth=2)
        .encode(x=x, y=y, color=colour, strokeDash=dash, order=alt.Order("o:Q")),
        of_animal(
            named(data, strokes).mark_line(strokeWidth=4, strokeCap="round", opacity=0.8), "a"
        ).encode(x=x, y=y, color=colour, order=alt.Order("o:Q")),
    ]  # fmt: skip
    if first:
        words = [{"x": 1, "y": 0, "t": "0"}, {"x": 0, "y": 1, "t": "90°"}]
        layers.append(
            named(data, words)
            .mark_text(fontSize=9, color=INK, align="right", baseline="top", dx=-3, dy=2)
            .encode(x=x, y=y, text=alt.Text("t:N"))
        )
    side = 2 * _RADIUS * _REACH
    title = spoken(band) if context == part.contexts[0] else ""
    return layered(*layers, width=side, height=side, title=_head(title))
