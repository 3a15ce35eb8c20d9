"""Figures of switch-aligned choices and of latencies: means over animals with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.report.assembly import Specification, concatenated, figure, layered, leaf
from pipeline.report.behaviour import ALL, Slice
from pipeline.report.highlight import place_of
from pipeline.report.lookup import rows_of
from pipeline.report.names import Names, capital, spoken
from pipeline.report.numbers import finite
from pipeline.report.style import BAND, MUTED, condition_colours
from pipeline.report.survival import condition_dashes

if TYPE_CHECKING:
    import pandas as pd

#: with fewer animals no curve is drawn
MINIMUM = 3
#: value, kind of trials, title of the column
_SHARES = (
    ("share_correct", "all", "Correct, all trials"),
    ("share_correct", "congruent", "Correct, rules agree"),
    ("share_previous_rule", "conflict", "Previous rule's choice, rules differ"),
)
#: kind of trials, title of the column
_KINDS = (("correct", "correct"), ("error", "errors"), ("switch", "after a switch"),
          ("stable", "later in a set"))  # fmt: skip
_WIDTH, _HEIGHT = 225, 105
_SPACING = {"row": 14, "column": 16}
#: one legend for all panels
_ONE_LEGEND = {"color": "shared", "strokeDash": "shared"}


def switch_chart(part: Slice, names: Names) -> Specification:
    """Draw the curves: a column per share, a row per direction where there are several.

    The first row takes all switches together.
    """
    ways = [ALL, *sorted(set(part.means["direction"]) - {ALL})]
    ways = ways if len(ways) > 2 else ways[:1]
    panels, records = [], []
    for way in ways:
        for value, kind, title in _SHARES:
            rows = part.means[(part.means["direction"] == way) & (part.means["kind"] == kind)]
            name = f"{way}/{value}/{kind}"
            records += _share_records(rows, value, name, part)
            said = title if len(ways) == 1 else f"{title}: {'all changes' if way == ALL else way}"
            panels.append(
                _switch_panel(name, said, part, names, first=value == _SHARES[0][0] and kind == ALL,
                              last=way == ways[-1])
            )  # fmt: skip
    content = _grid(panels, len(_SHARES), part, names)
    return figure(content, {"curves": records})


def _grid(panels: list[Specification], columns: int, part: Slice, names: Names) -> Specification:
    """Set the panels in rows; all of them are of the slice's context."""
    place = place_of(part.contexts[0], names) if len(part.contexts) == 1 else None
    return concatenated(
        panels, columns=columns, spacing=_SPACING, scales=_ONE_LEGEND, places=[place] * len(panels)
    )


def _share_records(rows: pd.DataFrame, value: str, panel: str, part: Slice) -> list[dict[str, Any]]:
    """Points of the curves; null where too few animals have such a trial, so that lines break."""
    records = []
    for condition in part.conditions:
        curve = rows[rows["condition"] == condition].sort_values("lag")
        needed = max(MINIMUM, curve[f"{value}_n"].max() / 2) if len(curve) else MINIMUM
        for row in rows_of(curve):
            enough = row[f"{value}_n"] >= needed
            ends = {"m": value, "l": f"{value}_low", "h": f"{value}_high"}
            records.append(
                {"p": panel, "c": spoken(condition), "x": int(row["lag"])}
                | {key: _share(row[name]) if enough else None for key, name in ends.items()}
            )
    return records


def _share(value: float) -> float | None:
    """A share with three decimals; intervals end at none and all."""
    return round(min(max(float(value), 0.0), 1.0), 3) if finite(value) else None


def _styles(part: Slice, names: Names) -> dict[str, Any]:
    """Colour and dashes of the conditions, with one legend for both."""
    import altair as alt

    order = [spoken(name) for name in part.conditions]
    colours, dashes = condition_colours(names.plan), condition_dashes(names.plan)
    legend = alt.Legend(
        orient="top", symbolType="stroke", symbolStrokeWidth=2.5, symbolSize=500, symbolOpacity=1
    )
    return {
        "color": alt.Color(
            "c:N",
            title=None,
            scale=alt.Scale(domain=order, range=[colours.get(n, BAND) for n in part.conditions]),
            legend=legend,
        ),
        "strokeDash": alt.StrokeDash(
            "c:N",
            title=None,
            scale=alt.Scale(domain=order, range=[dashes.get(n, [1, 1]) for n in part.conditions]),
            legend=legend,
        ),
    }


def _switch_panel(
    name: str, title: str, part: Slice, names: Names, *, first: bool, last: bool
) -> Specification:
    import altair as alt

    lags = part.means["lag"]
    x = alt.X(
        "x:Q",
        title="trials from the change" if last else None,
        scale=alt.Scale(domain=[float(lags.min()), float(lags.max())], nice=False, zero=False),
        axis=alt.Axis(values=[-5, 0, 5, 10, 15, 20], grid=False),
    )
    y = alt.Y(
        "m:Q",
        title="share" if first else None,
        scale=alt.Scale(domain=[0, 1], nice=False),
        axis=alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".0%"),
    )
    at = alt.FieldEqualPredicate(field="p", equal=name)
    curves = alt.Chart(alt.NamedData(name="curves")).transform_filter(at)
    styles = _styles(part, names)
    change = alt.Chart(alt.InlineData(values=[{"x": -0.5}]))
    return layered(
        change.mark_rule(color=MUTED, strokeDash=[3, 3]).encode(x=x),
        curves.mark_area(opacity=0.18).encode(
            x=x, y=alt.Y("l:Q"), y2=alt.Y2("h:Q"), color=styles["color"]
        ),
        curves.mark_line(strokeWidth=1.7, strokeJoin="round").encode(x=x, y=y, **styles),
        width=_WIDTH,
        height=_HEIGHT,
        title=alt.TitleParams(title, frame="group", fontSize=11),
    )


# -- latencies ---------------------------------------------------------------------------------


def latency_chart(part: Slice, names: Names) -> Specification:
    """Draw cumulative curves: a column per kind of trials, a row per latency that the logs hold."""
    order = ("initiation", "choice", "collection")
    held = [name for name in order if name in set(part.means["latency"])]
    panels, records = [], []
    for what in held:
        own = part.means[part.means["latency"] == what]
        kinds = [(kind, words) for kind, words in _KINDS if kind in set(own["kind"])]
        shown = own[own["kind"].isin([kind for kind, _ in kinds])]
        ends = shown[["seconds", "seconds_low", "seconds_high"]].stack()
        firm = shown.loc[shown["seconds_n"] >= MINIMUM, ["seconds_low", "seconds_high"]].stack()
        low, high = shown["seconds"].min(), shown["seconds"].max()
        if len(firm):
            low, high = min(low, firm.min()), max(high, firm.max())
        low, high = max(0.0, float(min(low, ends.max()))), float(high)
        air = 0.04 * (high - low) or 0.1
        domain = (max(0.0, low - air), high + air)
        for kind, words in kinds:
            name = f"{what}/{kind}"
            rows = own[own["kind"] == kind]
            records += _latency_records(rows, name, part, domain)
            panels.append(
                _latency_panel(name, f"{capital(what)}, {words}", what, part, names, domain,
                               first=kind == kinds[0][0])
            )  # fmt: skip
        panels += [_nothing() for _ in range(len(_KINDS) - len(kinds))] if len(held) > 1 else []
    content = _grid(panels, len(_KINDS), part, names)
    return figure(content, {"curves": records})


def _nothing() -> Specification:
    """An empty place, so that rows stay rows."""
    import altair as alt

    return leaf(alt.Chart(alt.InlineData(values=[]), width=1, height=1).mark_point())


def _latency_records(
    rows: pd.DataFrame, panel: str, part: Slice, domain: tuple[float, float]
) -> list[dict[str, Any]]:
    low, high = domain
    return [
        {
            "p": panel,
            "c": spoken(condition),
            "q": row["quantile"],
            **{
                key: round(min(max(float(row[name]), low), high), 4) if finite(row[name]) else None
                for key, name in (("m", "seconds"), ("l", "seconds_low"), ("h", "seconds_high"))
            },
        }
        for condition in part.conditions
        for row in rows_of(rows[rows["condition"] == condition].sort_values("quantile"))
    ]


def _latency_panel(
    name: str,
    title: str,
    what: str,
    part: Slice,
    names: Names,
    domain: tuple[float, float],
    *,
    first: bool,
) -> Specification:
    import altair as alt

    at = alt.FieldEqualPredicate(field="p", equal=name)
    curves = alt.Chart(alt.NamedData(name="curves")).transform_filter(at)
    styles = _styles(part, names)
    x = alt.X(
        "m:Q",
        title=f"latency of {what}, s",
        scale=alt.Scale(domain=list(domain), nice=False, zero=False),
        axis=alt.Axis(tickCount=4, grid=True),
    )
    y = alt.Y(
        "q:Q",
        title="share of trials" if first else None,
        scale=alt.Scale(domain=[0, 1], nice=False),
        axis=alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".0%"),
    )
    return layered(
        curves.mark_area(opacity=0.18, orient="horizontal").encode(
            x=alt.X("l:Q"), x2=alt.X2("h:Q"), y=y, color=styles["color"]
        ),
        curves.mark_line(strokeWidth=1.7).encode(x=x, y=y, order=alt.Order("q:Q"), **styles),
        width=163,
        height=150,
        title=alt.TitleParams(title, frame="group", fontSize=11),
    )
