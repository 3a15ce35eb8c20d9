"""Time line of every session, counted from its first dose: contexts, phases, doses, cuts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.report.design_tables import dose_words
from pipeline.report.lookup import text
from pipeline.report.marks import rounded
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import finite, minutes
from pipeline.report.style import BAND, INK, MUTED, TINTS, chart_config, condition_colours

if TYPE_CHECKING:
    import altair as alt

_ROW = 13
#: heights of a bar that counts and of one that was cut out
_COUNTS, _CUT = _ROW - 4, 3

Span = tuple[float, float]


def timeline_chart(
    design: Mapping[str, Any],
    settings: Mapping[str, Any],
    names: Names,
    lost: Mapping[str, str] | None = None,
) -> alt.LayerChart | None:
    """Draw the sessions' time lines.

    Time that was cut out as handling around a dose is drawn as a thin bar, as is all of a session
    that failed.

    Parameters
    ----------
    design : mapping
        ``contexts`` (rows with session, context, start_s, stop_s), ``anchors`` (rows with session,
        animal, condition, drug, dose_mg_per_kg, route, time_s) and, if there are others than
        these, ``administrations`` (every dose: rows with session, time_s).
    settings : mapping
        The config's design: ``phases`` (phase -> ``{"seconds": [from, to]}``, or the pair itself;
        phases in days are not drawn) and ``handling_s`` ([before, after], seconds from a dose).
    names : Names
        Order and colours.
    lost : mapping of str to str, optional
        Session -> why it does not count, ``failed: ...``.

    Returns
    -------
    altair.LayerChart or None
        None where no session has both contexts and a dose with clock times.
    """
    import altair as alt

    bars, cuts, doses, order = _records(design, settings.get("handling_s"), names, lost or {})
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
    tips = [alt.Tooltip(name, type="nominal") for name in ("session", "context", "time", "counts")]
    thick = alt.Size("height:Q", scale=None, legend=None)
    layers: list[Any] = [
        alt.Chart(alt.InlineData(values=bars))
        .mark_bar()
        .encode(x=x, x2="stop:Q", y=y, color=colour, size=thick, tooltip=tips)
    ]
    if cuts:
        tips = [alt.Tooltip(name, type="nominal") for name in ("session", "time", "counts")]
        layers.append(
            alt.Chart(alt.InlineData(values=cuts))
            .mark_bar(height=_CUT, color=BAND)
            .encode(x="start:Q", x2="stop:Q", y=y, tooltip=tips)
        )
    windows = _windows(settings.get("phases", {}), names)
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
    tips = [alt.Tooltip(name, type="nominal") for name in ("session", "condition", "given", "time")]
    layers.append(
        marks.mark_tick(thickness=3, size=_ROW - 1, opacity=1).encode(
            x=alt.X("at:Q"), y=y, color=alt.Color("colour:N", scale=None), tooltip=tips
        )
    )
    chart = alt.layer(*layers).resolve_scale(color="independent")
    return chart.properties(width=720, height=_ROW * len(order)).configure(**chart_config())


def _records(
    design: Mapping[str, Any],
    handling: Sequence[float] | None,
    names: Names,
    lost: Mapping[str, str],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]], list[str]]:
    """Bars, handling, doses, order of the rows; sessions without clock times are left out."""
    colours = condition_colours(names.plan)
    doses = _by_session(design["anchors"])
    given = _by_session(design.get("administrations") or design["anchors"])
    zero = {session: min(row["time_s"] for row in rows) for session, rows in doses.items()}
    cuts = {
        session: [(row["time_s"] + handling[0], row["time_s"] + handling[1]) for row in rows]
        for session, rows in given.items()
        if handling and session in zero
    }
    bars = [
        {
            "session": name,
            "context": spoken(row["context"]),
            "counts": counts,
            "height": _COUNTS if counts == "yes" else _CUT,
        }
        | _place(piece, zero[name])
        for row in design.get("contexts", ())
        if (name := row["session"]) in zero and finite(row["start_s"]) and finite(row["stop_s"])
        for piece, counts in _pieces(
            (row["start_s"], row["stop_s"]), cuts.get(name, ()), lost.get(name, "")
        )
    ]
    shown = {bar["session"] for bar in bars}
    order = [text(row["session"]) for row in design["sessions"] if row["session"] in shown]
    handled = [
        {"session": session, "counts": "no: handling"} | _place(cut, zero[session])
        for session, spans in cuts.items()
        if session in shown
        for cut in spans
        if cut[0] < cut[1]
    ]
    marks = [
        {
            "session": session,
            "condition": spoken(text(row["condition"])),
            "given": dose_words(row),
            "colour": colours.get(text(row["condition"]), BAND),
            "at": rounded((row["time_s"] - zero[session]) / 60),
            "time": minutes(row["time_s"]) + " on the session clock",
        }
        for session, rows in doses.items()
        if session in shown
        for row in rows
    ]
    return bars, handled, marks, order


def _by_session(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Doses with a time on their session's clock."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if finite(row.get("time_s")) and text(row.get("session")):
            found.setdefault(text(row["session"]), []).append(row)
    return found


def _pieces(span: Span, cuts: Sequence[Span], lost: str) -> list[tuple[Span, str]]:
    """A context interval between the cuts, each piece with whether it counts.

    Parameters
    ----------
    span : (float, float)
        Seconds on the session clock.
    cuts : sequence of (float, float)
        Handling around the doses, in any order; they may overlap.
    lost : str
        Why the whole session does not count, "" if it does.
    """
    if lost:
        return [(span, f"no: {lost}")]
    start, stop = span
    pieces: list[tuple[Span, str]] = []
    for low, high in sorted(cuts):
        low, high = max(low, start), min(high, stop)
        if low >= high:
            continue
        if start < low:
            pieces.append(((start, low), "yes"))
        pieces.append(((low, high), "no: handling"))
        start = high
    if start < stop:
        pieces.append(((start, stop), "yes"))
    return pieces


def _place(span: Span, zero: float) -> dict[str, Any]:
    """Start and stop in minutes from the first dose, as numbers and in words."""
    start, stop = span[0] - zero, span[1] - zero
    return {
        "start": rounded(start / 60),
        "stop": rounded(stop / 60),
        "time": f"{minutes(start)} to {minutes(stop)}",
    }


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
