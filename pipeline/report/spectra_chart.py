"""The figure of spectra: a row per condition, a column per level, clusters under the axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pipeline.compare.contrasts import SIMPLE
from pipeline.report.assembly import Specification, concatenated, figure, layered
from pipeline.report.highlight import place_of
from pipeline.report.lookup import rows_of
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import finite, p_value
from pipeline.report.spectra import LIKE, SpectraView
from pipeline.report.style import INK, MUTED, condition_colours

_WIDTH, _HEIGHT = 760, 105
#: pixels of a letter of a cluster's p, on average, and between two of them
_LETTER, _APART = 5.0, 4.0
_TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500)


def spectra_chart(view: SpectraView, names: Names) -> Specification:
    """Draw the differences: a row per condition, a column per level, clusters under the axis."""
    low, high = _domain(view)
    foot = 0.24 * (high - low)
    panels = [
        _panel(view, arm, level, (low - foot, high), names, first=level == view.levels[0])
        for arm, level in view.panels
    ]
    places = [place_of(level, names) for _, level in view.panels]
    places = places if view.modifier == "context" else []
    content = concatenated(panels, columns=len(view.levels), spacing=14, places=places)
    return figure(content, {"curves": _records(view), "clusters": _bars(view, low, foot, names)})


def _panel(
    view: SpectraView,
    arm: str,
    level: str,
    domain: tuple[float, float],
    names: Names,
    *,
    first: bool,
) -> Specification:
    import altair as alt

    at = alt.FieldEqualPredicate(field="panel", equal=_panel_name(arm, level))
    axis = view.differences["frequency_hz"]
    ends = [float(axis.min()), float(axis.max())]
    logarithmic = ends[0] > 0
    x = alt.X(
        "f:Q",
        title="frequency, Hz",
        scale=alt.Scale(type="log" if logarithmic else "linear", domain=ends, nice=False),
        axis=alt.Axis(
            values=[tick for tick in _TICKS if ends[0] <= tick <= ends[1]], format="~g", grid=False
        ),
    )
    unit = names.unit(LIKE)
    y = alt.Y(
        "m:Q",
        title=f"difference{', ' + unit if unit else ''}" if first else None,
        scale=alt.Scale(domain=list(domain), nice=False, zero=False),
        axis=alt.Axis(tickCount=4),
    )
    colours = condition_colours(names.plan)
    rows = view.differences[(view.differences["arm"] == arm)]
    colour = colours.get(str(rows["condition"].iloc[0]), INK)
    curves = alt.Chart(alt.NamedData(name="curves")).transform_filter(at)
    bars = alt.Chart(alt.NamedData(name="clusters")).transform_filter(at)
    zero = alt.Chart(alt.InlineData(values=[{"m": 0}]))
    layers = [
        zero.mark_rule(color=MUTED, strokeDash=[3, 3]).encode(y=alt.Y("m:Q")),
        curves.mark_area(color=colour, opacity=0.22).encode(x=x, y=alt.Y("l:Q"), y2=alt.Y2("h:Q")),
        curves.mark_line(color=colour, strokeWidth=1.8).encode(x=x, y=y),
        bars.mark_rule(color=INK, strokeWidth=4).encode(
            x=alt.X("f:Q"), x2=alt.X2("to:Q"), y=alt.Y("y:Q")
        ),
        bars.mark_text(align="left", baseline="top", dy=4, fontSize=9, color=INK).encode(
            x=alt.X("at:Q"), y=alt.Y("y:Q"), text=alt.Text("words:N")
        ),
    ]
    title = f"{arm} minus {spoken(str(rows['reference_condition'].iloc[0]))}, {spoken(level)}"
    return layered(
        *layers,
        width=_width(view),
        height=_HEIGHT,
        title=alt.TitleParams(title, frame="group", fontSize=11),
    )


def _width(view: SpectraView) -> float:
    """Pixels of a panel."""
    return max(150.0, min(330.0, _WIDTH / len(view.levels)))


def _panel_name(arm: str, level: str) -> str:
    return f"{arm}\N{SYMBOL FOR UNIT SEPARATOR}{level}"


def _domain(view: SpectraView) -> tuple[float, float]:
    known = view.differences[["difference", "low", "high"]]
    low, high = min(0.0, float(known.min().min())), max(0.0, float(known.max().max()))
    air = 0.05 * (high - low) or 1.0
    return low - air, high + air


def _records(view: SpectraView) -> list[dict[str, Any]]:
    """Points of the curves; null where there is none, so that lines break."""
    return [
        {
            "panel": _panel_name(row["arm"], row["level"]),
            "f": _short(row["frequency_hz"]),
            "m": _short(row["difference"]),
            "l": _short(row["low"]),
            "h": _short(row["high"]),
        }
        for row in rows_of(view.differences)
    ]


def _short(value: float) -> float | None:
    return float(f"{value:.4g}") if finite(value) else None


def _bars(view: SpectraView, low: float, foot: float, names: Names) -> list[dict[str, Any]]:
    """Clusters of the drug effect in each level whose p is below alpha, to the rows' edges."""
    axis = view.differences["frequency_hz"].drop_duplicates().sort_values()
    half = float(axis.diff().min()) / 2 if len(axis) > 1 else 0.5
    found = view.clusters[
        (view.clusters["contrast"] == SIMPLE) & (view.clusters["p"] < names.plan.alpha)
    ]
    ends = (float(axis.min()), float(axis.max()))
    records = []
    for (arm, level), rows in found.groupby(["arm", "level"], sort=False):
        rows = rows.sort_values("start_hz", kind="stable")
        starts = [max(float(start) - half, ends[0]) for start in rows["start_hz"]]
        stops = [min(float(stop) + half, ends[1]) for stop in rows["stop_hz"]]
        labels = label_places(starts, [p_value(p) for p in rows["p"]], ends, _width(view))
        records += [
            {
                "panel": _panel_name(str(arm), str(level)),
                "f": _short(start),
                "to": _short(stop),
                "at": _short(at),
                "y": _short(low - 0.3 * foot),
                "words": words,
            }
            for start, stop, (at, words) in zip(starts, stops, labels, strict=True)
        ]
    return records


def label_places(
    starts: Sequence[float], words: Sequence[str], ends: tuple[float, float], width: float
) -> list[tuple[float, str]]:
    """Where words under an axis begin, so that none covers another or leaves the panel.

    Parameters
    ----------
    starts : sequence of float
        Hz: where each would best begin, in rising order.
    words : sequence of str
        What stands there.
    ends : (float, float)
        Hz: of the axis, which is logarithmic where it begins above zero.
    width : float
        Pixels of the axis.

    Returns
    -------
    list of (float, str)
        Hz and words; "" where there is no room: the neighbour before says the same, or the table
        of tests does.
    """
    scale, back = (math.log, math.exp) if ends[0] > 0 else (float, float)
    low, high = scale(ends[0]), scale(ends[1])
    per_pixel = (high - low) / width
    free = -math.inf
    places = []
    for start, text in zip(starts, words, strict=True):
        long = len(text) * _LETTER
        pixel = min((scale(start) - low) / per_pixel, width - long)
        if pixel < free:
            places.append((start, ""))
            continue
        free = pixel + long + _APART
        places.append((back(low + max(pixel, 0.0) * per_pixel), text))
    return places
