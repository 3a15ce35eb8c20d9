"""Curves of units: rates around events and autocorrelograms, each drug beside its reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipeline.report.assembly import Specification, concatenated, figure, layered
from pipeline.report.behaviour import Slice
from pipeline.report.highlight import place_of
from pipeline.report.lookup import rows_of
from pipeline.report.names import Names, capital, spoken
from pipeline.report.numbers import finite
from pipeline.report.style import BAND, MUTED, condition_colours
from pipeline.report.survival import condition_dashes

if TYPE_CHECKING:
    import pandas as pd

#: events in the order of a trial
EVENTS = ("cue", "choice", "outcome", "rule_change")
#: lags of the autocorrelograms that are drawn: bursts and the refractory period fill the first
LAGS_S = (0.01, 0.25)
_WIDTH, _GAP, _HEIGHT = 740, 16, 92
#: share of the bins whose intervals may reach beyond a panel, at either end
_TAIL = 0.04


def arms_of(conditions: Sequence[str], names: Names) -> list[tuple[str, ...]]:
    """Conditions of each row: a drug and its reference, or all of them while none is known."""
    if names.plan.blind:
        return [tuple(conditions)]
    pairs: list[tuple[str, ...]] = [
        (names.reference(name), name)
        for name in conditions
        if names.reference(name) and names.reference(name) in conditions
    ]
    return pairs or [tuple(conditions)]


def curves_chart(
    part: Slice,
    names: Names,
    *,
    columns: Sequence[tuple[str, str, str]],
    x: str,
    value: str,
    x_title: str,
    y_title: str,
) -> Specification:
    """Draw means with intervals: a row per drug with its reference, a column per part of the table.

    Parameters
    ----------
    part : Slice
        Rows of one region and phase.
    names : Names
        Conditions and their references.
    columns : sequence of (str, str, str)
        Column of the table, the value that it has in the panels, and their title.
    x, value : str
        Columns: position, and mean with ``_low`` and ``_high``.
    x_title, y_title : str
        Of the axes.
    """
    arms = arms_of(part.conditions, names)
    domain = domain_of(part.means, value)
    ends = (float(part.means[x].min()), float(part.means[x].max()))
    width = max(90.0, min(250.0, (_WIDTH - _GAP * len(columns)) / len(columns)))
    panels, records = [], []
    places = []
    for number, arm in enumerate(arms):
        for key, own, title in columns:
            panel = f"{number}/{own}"
            rows = part.means[(part.means[key] == own) & part.means["condition"].isin(arm)]
            records += _records(rows, panel, arm, domain, x=x, value=value)
            alone = part.contexts[0] if len(part.contexts) == 1 else ""
            places.append(place_of(own if key == "context" else alone, names))
            said = title if len(arms) == 1 else f"{spoken(arm[-1])}, {title}"
            panels.append(
                _panel(panel, capital(said), part, names, domain, ends, width,
                       x_title=x_title if number == len(arms) - 1 else None,
                       y_title=y_title if own == columns[0][1] else None)
            )  # fmt: skip
    content = concatenated(
        panels,
        columns=len(columns),
        spacing={"row": 12, "column": _GAP},
        scales={"color": "shared", "strokeDash": "shared"},
        places=places,
    )
    return figure(content, {"curves": records})


def domain_of(means: pd.DataFrame, value: str) -> tuple[float, float]:
    """Range of nearly all means and intervals; what reaches beyond is cut at the panel's edge.

    Bins that few trials or animals show have intervals so wide that nothing else would be seen.
    """
    lows = means[f"{value}_low"].fillna(means[value]).dropna()
    highs = means[f"{value}_high"].fillna(means[value]).dropna()
    if lows.empty:
        return -1.0, 1.0
    low, high = float(lows.quantile(_TAIL)), float(highs.quantile(1 - _TAIL))
    air = 0.15 * (high - low) or 0.1
    return low - air, high + air


def _records(
    rows: pd.DataFrame,
    panel: str,
    arm: Sequence[str],
    domain: tuple[float, float],
    *,
    x: str,
    value: str,
) -> list[dict[str, Any]]:
    """Points of the curves; null where there is none, so that lines break."""
    low, high = domain
    records = []
    for condition in arm:
        curve = rows[rows["condition"] == condition].sort_values(x)
        for row in rows_of(curve):
            ends = {"m": row[value], "l": row[f"{value}_low"], "h": row[f"{value}_high"]}
            records.append(
                {"p": panel, "c": spoken(condition), "x": _short(row[x])}
                | {k: _short(min(max(v, low), high)) if finite(v) else None
                   for k, v in ends.items()}
            )  # fmt: skip
    return records


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _panel(
    panel: str,
    title: str,
    part: Slice,
    names: Names,
    domain: tuple[float, float],
    ends: tuple[float, float],
    width: float,
    *,
    x_title: str | None,
    y_title: str | None,
) -> Specification:
    import altair as alt

    x = alt.X(
        "x:Q",
        title=x_title,
        scale=alt.Scale(domain=list(ends), nice=False, zero=False),
        axis=alt.Axis(tickCount=4, grid=False, labels=x_title is not None),
    )
    y = alt.Y(
        "m:Q",
        title=y_title,
        scale=alt.Scale(domain=list(domain), nice=False, zero=False),
        axis=alt.Axis(tickCount=4, labels=y_title is not None, ticks=y_title is not None),
    )
    order = [spoken(name) for name in part.conditions]
    colours, dashes = condition_colours(names.plan), condition_dashes(names.plan)
    legend = alt.Legend(
        orient="top", symbolType="stroke", symbolStrokeWidth=2.5, symbolSize=500, symbolOpacity=1
    )
    colour = alt.Color(
        "c:N",
        title=None,
        scale=alt.Scale(domain=order, range=[colours.get(n, BAND) for n in part.conditions]),
        legend=legend,
    )
    dash = alt.StrokeDash(
        "c:N",
        title=None,
        scale=alt.Scale(domain=order, range=[dashes.get(n, [1, 1]) for n in part.conditions]),
        legend=legend,
    )
    at = alt.FieldEqualPredicate(field="p", equal=panel)
    curves = alt.Chart(alt.NamedData(name="curves")).transform_filter(at)
    layers: list[Any] = []
    if ends[0] < 0 < ends[1]:
        event = alt.Chart(alt.InlineData(values=[{"x": 0}]))
        layers.append(event.mark_rule(color=MUTED, strokeDash=[3, 3]).encode(x=x))
    layers += [
        curves.mark_area(opacity=0.18).encode(x=x, y=alt.Y("l:Q"), y2=alt.Y2("h:Q"), color=colour),
        curves.mark_line(strokeWidth=1.6, strokeJoin="round").encode(
            x=x, y=y, color=colour, strokeDash=dash
        ),
    ]
    return layered(
        *layers,
        width=width,
        height=_HEIGHT,
        title=alt.TitleParams(title, frame="group", fontSize=11, limit=width + 20),
    )
