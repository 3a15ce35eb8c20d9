"""Time line of every session, counted from its first dose: contexts, phases, doses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.report.lookup import text
from pipeline.report.marks import rounded
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import finite, minutes
from pipeline.report.style import BAND, INK, MUTED, TINTS, chart_config, condition_colours

if TYPE_CHECKING:
    import altair as alt

_ROW = 13


def timeline_chart(
    design: Mapping[str, Any], phases: Mapping[str, Any], names: Names
) -> alt.LayerChart | None:
    """Draw the sessions' time lines.

    Parameters
    ----------
    design : mapping
        ``contexts`` (rows with session, context, start_s, stop_s) and ``anchors`` (rows with
        session, animal, condition, time_s).
    phases : mapping
        Phase -> ``{"seconds": [from, to]}``, or the pair itself; phases in days are not drawn.
    names : Names
        Order and colours.

    Returns
    -------
    altair.LayerChart or None
        None where no session has both contexts and a dose with clock times.
    """
    import altair as alt

    bars, doses, order = _records(design, names)
    if not bars:
        return None
    contexts = [spoken(name) for name in names.plan.contexts]
    met = [name for name in contexts if name in {bar["context"] for bar in bars}]
    y = alt.Y(
        "session:N",
        title=None,
        sort=None,
        scale=alt.Scale(domain=order),
        axis=alt.Axis(ticks=False, domain=False, labelFontSize=10),
    )
    tint = alt.Scale(domain=met, range=[TINTS[contexts.index(name) % len(TINTS)] for name in met])
    colour = alt.Color(
        "context:N",
        scale=tint,
        title=None,
        legend=alt.Legend(orient="top", symbolType="square", direction="horizontal"),
    )
    x = alt.X("start:Q", title="minutes from the dose", axis=alt.Axis(tickCount=10, grid=False))
    tips = [alt.Tooltip(name, type="nominal") for name in ("session", "context", "time")]
    layers: list[Any] = [
        alt.Chart(alt.InlineData(values=bars))
        .mark_bar(height=_ROW - 4)
        .encode(x=x, x2="stop:Q", y=y, color=colour, tooltip=tips)
    ]
    windows = _windows(phases, names)
    if windows:
        edges = alt.Chart(alt.InlineData(values=windows))
        layers.append(edges.mark_rule(color=MUTED, strokeDash=[3, 3], opacity=0.7).encode(x="at:Q"))
        labels = edges.transform_filter("datum.name !== ''")
        layers.append(
            labels.mark_text(
                align="left", baseline="bottom", dx=3, dy=-2, fontSize=11, color=INK
            ).encode(x="at:Q", y=alt.YValue(0), text="name:N")
        )
    marks = alt.Chart(alt.InlineData(values=doses))
    tips = [alt.Tooltip(name, type="nominal") for name in ("session", "condition", "time")]
    layers.append(
        marks.mark_tick(thickness=3, size=_ROW - 1, opacity=1).encode(
            x=alt.X("at:Q"), y=y, color=alt.Color("colour:N", scale=None), tooltip=tips
        )
    )
    chart = alt.layer(*layers).resolve_scale(color="independent")
    return chart.properties(width=720, height=_ROW * len(order)).configure(**chart_config())


def _records(
    design: Mapping[str, Any], names: Names
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[str]]:
    """Bars, doses and the order of the rows; sessions without clock times are left out."""
    colours = condition_colours(names.plan)
    doses: dict[str, list[Mapping[str, Any]]] = {}
    for row in design["anchors"]:
        if finite(row.get("time_s")) and text(row.get("session")):
            doses.setdefault(text(row["session"]), []).append(row)
    zero = {session: min(row["time_s"] for row in rows) for session, rows in doses.items()}
    bars = [
        {
            "session": row["session"],
            "context": spoken(row["context"]),
            "start": rounded((row["start_s"] - zero[row["session"]]) / 60),
            "stop": rounded((row["stop_s"] - zero[row["session"]]) / 60),
            "time": f"{minutes(row['start_s'] - zero[row['session']])} to "
            f"{minutes(row['stop_s'] - zero[row['session']])}",
        }
        for row in design.get("contexts", ())
        if row["session"] in zero and finite(row["start_s"]) and finite(row["stop_s"])
    ]
    shown = {bar["session"] for bar in bars}
    order = [text(row["session"]) for row in design["sessions"] if row["session"] in shown]
    marks = [
        {
            "session": session,
            "condition": spoken(text(row["condition"])),
            "colour": colours.get(text(row["condition"]), BAND),
            "at": rounded((row["time_s"] - zero[session]) / 60),
            "time": minutes(row["time_s"]) + " on the session clock",
        }
        for session, rows in doses.items()
        if session in shown
        for row in rows
    ]
    return bars, marks, order


def _windows(phases: Mapping[str, Any], names: Names) -> list[dict[str, Any]]:
    """Edges of the phases in minutes; the first edge of each carries its name."""
    known = (names.plan.baseline_phase, *names.plan.phases)
    edges = []
    for name in known:
        window = phases.get(name)
        pair = window.get("seconds") if isinstance(window, Mapping) else window
        if isinstance(pair, Sequence) and not isinstance(pair, str) and len(pair) == 2:
            edges.append({"at": pair[0] / 60, "name": spoken(name)})
            edges.append({"at": pair[1] / 60, "name": ""})
    return edges
