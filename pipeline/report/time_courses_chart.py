"""The figure of a time course: a row per drug, a column per context, speed in a strip below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.compare.clusters import MINIMUM_ANIMALS
from pipeline.compare.contrasts import SIMPLE
from pipeline.report.assembly import Specification, concatenated, figure, layered
from pipeline.report.highlight import place_of
from pipeline.report.lookup import rows_of
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import finite, p_value
from pipeline.report.style import BAND, INK, MUTED, condition_colours
from pipeline.report.time_courses import Arm, TimeCourseView

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_WIDTH, _HEIGHT, _STRIP = 760, 120, 34


def time_course_chart(view: TimeCourseView, names: Names) -> Specification:
    """Draw the curves: a row per drug, a column per level, clusters and speed under them."""
    low, high = domain_of(view.curves)
    tested = bool((view.clusters["p"] < names.plan.alpha).any())
    foot = 0.24 * (high - low) if tested else 0.0
    top = domain_of(view.speed)[1] if len(view.speed) else 0.0
    panels = []
    places = [place_of(level, names) for level in view.levels]
    for arm in view.arms:
        row = [_panel(view, arm, level, (low - foot, high), names) for level in view.levels]
        strips = [_strip(view, arm, level, top, names) for level in view.levels]
        panels += [*row, *(strips if len(view.speed) else ())]
    content = concatenated(
        panels,
        columns=len(view.levels),
        spacing={"row": 6 if len(view.speed) else 14, "column": 14},
        scales={"color": "shared"},
        places=places * (len(panels) // len(places)),
    )
    return figure(
        content,
        {
            "curves": _records(view.curves, view, (low, high)),
            "speed": _records(view.speed, view, (0.0, top)),
            "clusters": _bars(view, low, foot, names),
            "handling": _handling(view),
            "marks": [{"x": 0, "y": 0}],
        },
    )


def _axis(view: TimeCourseView, arm: Arm, *, labelled: bool) -> alt.X:
    import altair as alt

    last = arm == view.arms[-1]
    return alt.X(
        "x:Q",
        title="minutes since the administration" if labelled and last else None,
        scale=alt.Scale(domain=_ends(view), nice=False, zero=False),
        axis=alt.Axis(grid=False, tickCount=6, labels=labelled, ticks=labelled),
    )


def _ends(view: TimeCourseView) -> list[float]:
    """From the start of the first minute to the end of the last one, the administration in it."""
    minutes = view.curves["minute"]
    return [
        min(0.0, float(minutes.min()) - view.width / 2),
        max(0.0, float(minutes.max()) + view.width / 2),
    ]


def _panel(
    view: TimeCourseView,
    arm: Arm,
    level: str,
    domain: tuple[float, float],
    names: Names,
) -> Specification:
    import altair as alt

    first = level == view.levels[0]
    unit = names.unit(view.outcome)
    y = alt.Y(
        "m:Q",
        title=f"{'change' if _is_change(view, names) else 'power'}, {unit}" if first else None,
        scale=alt.Scale(domain=list(domain), nice=False, zero=False),
        axis=alt.Axis(tickCount=4),
    )
    x = _axis(view, arm, labelled=not len(view.speed))
    title = spoken(level) if not arm.label else f"{arm.label}, {spoken(level)}"
    bars = alt.Chart(alt.NamedData(name="clusters")).transform_filter(_at(arm, level))
    layers = [
        *_ground(),
        *_curves("curves", view, arm, level, names, x=x, y=y),
        bars.mark_rule(color=INK, strokeWidth=4).encode(
            x=alt.X("x:Q"), x2=alt.X2("to:Q"), y=alt.Y("y:Q")
        ),
        bars.mark_text(align="left", baseline="top", dy=4, fontSize=9, color=INK).encode(
            x=alt.X("x:Q"), y=alt.Y("y:Q"), text=alt.Text("words:N")
        ),
    ]
    if _is_change(view, names):
        zero = alt.Chart(alt.NamedData(name="marks"))
        layers.insert(2, zero.mark_rule(color=MUTED, strokeDash=[3, 3]).encode(y=alt.Y("y:Q")))
    return layered(
        *layers,
        width=_width(view),
        height=_HEIGHT,
        title=alt.TitleParams(title, frame="group", fontSize=11),
    )


def _strip(view: TimeCourseView, arm: Arm, level: str, top: float, names: Names) -> Specification:
    """Mean speed under a panel, on the same minutes."""
    import altair as alt

    first = level == view.levels[0]
    y = alt.Y(
        "m:Q",
        title="cm/s" if first else None,
        scale=alt.Scale(domain=[0, top], nice=False),
        axis=alt.Axis(tickCount=2, grid=False),
    )
    x = _axis(view, arm, labelled=True)
    layers = [*_ground(), *_curves("speed", view, arm, level, names, x=x, y=y)]
    return layered(*layers, width=_width(view), height=_STRIP)


def _ground() -> list[alt.Chart]:
    """Handling in grey, and the administration."""
    import altair as alt

    handled = alt.Chart(alt.NamedData(name="handling"))
    dose = alt.Chart(alt.NamedData(name="marks"))
    return [
        handled.mark_rect(color=BAND, opacity=0.28).encode(x=alt.X("x:Q"), x2=alt.X2("to:Q")),
        dose.mark_rule(color=INK, strokeWidth=1.2).encode(x=alt.X("x:Q")),
    ]


def _curves(
    data: str,
    view: TimeCourseView,
    arm: Arm,
    level: str,
    names: Names,
    *,
    x: alt.X,
    y: alt.Y,
) -> list[alt.Chart]:
    """Interval and mean of each condition of a row."""
    import altair as alt

    colours = condition_colours(names.plan)
    drawn = [
        c.name for c in names.plan.conditions if any(c.name in a.conditions for a in view.arms)
    ]
    colour = alt.Color(
        "c:N",
        title=None,
        scale=alt.Scale(
            domain=[spoken(name) for name in drawn],
            range=[colours.get(name, INK) for name in drawn],
        ),
        legend=alt.Legend(orient="top", symbolType="stroke", symbolStrokeWidth=3, symbolOpacity=1),
    )
    here = alt.Chart(alt.NamedData(name=data)).transform_filter(_at(arm, level))
    return [
        here.mark_area(opacity=0.2).encode(x=x, y=alt.Y("l:Q"), y2=alt.Y2("h:Q"), color=colour),
        here.mark_line(
            strokeWidth=1.6, strokeJoin="round", point={"size": 5, "filled": True}
        ).encode(x=x, y=y, color=colour),
    ]


def _width(view: TimeCourseView) -> float:
    return max(150.0, min(420.0, _WIDTH / len(view.levels)))


def _at(arm: Arm, level: str) -> alt.FieldEqualPredicate:
    import altair as alt

    return alt.FieldEqualPredicate(field="panel", equal=_panel_name(arm, level))


def _panel_name(arm: Arm, level: str) -> str:
    return "\N{SYMBOL FOR UNIT SEPARATOR}".join((arm.label, str(arm.step), level))


def _is_change(view: TimeCourseView, names: Names) -> bool:
    return names.baseline_rule(view.outcome) != "none"


def domain_of(curves: pd.DataFrame) -> tuple[float, float]:
    """Range of the curves, and of the intervals of enough animals, outside handling.

    An interval over three animals can be so wide that nothing else would be seen; it is cut at the
    panel's edge, and so is what happens during handling.
    """
    free = curves[~curves["handling"].astype(bool)]
    shown = free if free["mean"].notna().any() else curves
    firm = shown[shown["n_units"] >= MINIMUM_ANIMALS]
    known = [*shown["mean"].dropna(), *firm["ci_low"].dropna(), *firm["ci_high"].dropna()]
    low, high = min(0.0, *known), max(0.0, *known)
    air = 0.05 * (high - low) or 1.0
    return low - air, high + air


def _records(
    curves: pd.DataFrame, view: TimeCourseView, domain: tuple[float, float]
) -> list[dict[str, Any]]:
    """Points of the curves; null where there is none, so that lines break."""
    low, high = domain
    records = []
    for arm in view.arms:
        for row in rows_of(curves):
            if row["condition"] not in arm.conditions or row["step"] != arm.step:
                continue
            ends = {"l": row["ci_low"], "h": row["ci_high"], "m": row["mean"]}
            ends = {k: min(max(v, low), high) if finite(v) else v for k, v in ends.items()}
            records.append(
                {
                    "panel": _panel_name(arm, row["level"]),
                    "c": spoken(row["condition"]),
                    "x": _short(row["minute"]),
                    **{key: _short(value) for key, value in ends.items()},
                }
            )
    return records


def _short(value: float) -> float | None:
    return float(f"{value:.4g}") if finite(value) else None


def _handling(view: TimeCourseView) -> list[dict[str, Any]]:
    """The time that phases leave out, as far as it is shown."""
    first, last = _ends(view)
    low, high = max(view.handling[0], first), min(view.handling[1], last)
    return [{"x": _short(low), "to": _short(high)}] if low < high else []


def _bars(view: TimeCourseView, low: float, foot: float, names: Names) -> list[dict[str, Any]]:
    """Clusters of the drug effect in each level whose p is below alpha, to the minutes' edges."""
    found = view.clusters[
        (view.clusters["contrast"] == SIMPLE) & (view.clusters["p"] < names.plan.alpha)
    ]
    arms = {(arm.conditions[-1], arm.step): arm for arm in view.arms}
    half = view.width / 2
    return [
        {
            "panel": _panel_name(arms[row["condition"], row["step"]], row["level"]),
            "x": _short(row["start_min"] - half),
            "to": _short(row["stop_min"] + half),
            "y": _short(low - 0.3 * foot),
            "words": p_value(row["p"]),
        }
        for row in rows_of(found)
    ]
