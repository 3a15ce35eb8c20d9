"""The estimation plot of one outcome: the animals themselves, then the differences.

One panel per level of the modifier shows each animal as a point, its points joined across
conditions, with mean and t interval beside them. Then the drug effect in each level, and what each
level adds to it, as estimates with intervals against the smallest effect of interest. Drawn with
Altair (Vega-Lite); the page lets Vega draw it again with tooltips, and lays the panels out in one
column on narrow screens, which is why they are one wrapping concatenation.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipeline.compare.contrasts import DIFFERENCE, SIMPLE
from pipeline.report.assembly import Specification, concatenated, figure, layered
from pipeline.report.highlight import by_animal, by_level, parameters, place_of
from pipeline.report.lookup import Effect
from pipeline.report.marks import (
    PART,
    effect_records,
    effect_row,
    header_row,
    mean_records,
    point_records,
)
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import finite
from pipeline.report.style import BAND, INK, MUTED, condition_colours, level_shapes
from pipeline.report.views import OutcomeView

if TYPE_CHECKING:
    import altair as alt

_ROW_HEIGHT = 15
_PANEL_HEIGHT = 190
#: pixels: an effect panel, and all value panels together
_EFFECT_WIDTH = 165
_VALUE_WIDTH = 430
#: pixels: value panels that need more than this stand in several rows
_WIDEST = 900
#: pixels of a letter of a bold title, on average
_LETTER = 6.5
#: name of the parameter that highlights an animal in all panels of a figure
HIGHLIGHT = "highlight"
#: names of the data sets; panels filter them
POINTS, MEANS, EFFECTS = "animals", "means", "effects"


def estimation_chart(view: OutcomeView, names: Names) -> Specification:
    """Draw one outcome.

    Parameters
    ----------
    view : OutcomeView
        What to draw; nothing is computed here.
    names : Names
        Labels.

    Returns
    -------
    dict
        A Vega-Lite specification: value panels, then (where there are effects) the effect panels.
    """
    import altair as alt

    domain, tall = _value_domain(view), _height(view.effects)
    columns = _columns(view)
    height = _PANEL_HEIGHT if columns else tall
    panels = [
        _value_panel(view, level, domain, height, names, first=index % (columns or 99) == 0)
        for index, level in enumerate(view.levels)
    ]
    # levels of another question are no contexts that a panel could show
    places = [place_of(level, names) for level in view.levels] if _of_contexts(view) else []
    bound = names.bound(view.key.outcome)
    for kind, limit in ((SIMPLE, bound.drug), (DIFFERENCE, bound.interaction)):
        rows = [effect for effect in view.effects if effect.contrast == kind]
        panels += [_effect_panel(view, kind, rows, limit, tall)] if rows else []
    highlight = alt.TopLevelSelectionParameter(
        name=HIGHLIGHT,
        select=alt.PointSelectionConfig(
            type="point", fields=["animal"], on="pointerover", clear="pointerout"
        ),
        views=[_panel_name(view, level) for level in view.levels],
    )
    places += [None] * (len(panels) - len(places))
    content = concatenated(panels, columns=columns or len(panels), spacing=20, places=places)
    content |= {"align": "each", "params": [highlight.to_dict(validate=False), *parameters()]}
    return figure(
        content,
        {
            POINTS: point_records(view, names),
            MEANS: mean_records(view, names),
            EFFECTS: effect_records(view, names),
        },
    )


# -- the animals -----------------------------------------------------------------------------------


def _value_panel(
    view: OutcomeView,
    level: str,
    domain: list[float],
    height: float,
    names: Names,
    *,
    first: bool,
) -> Specification:
    import altair as alt

    order = [spoken(name) for name in view.conditions]
    colours = condition_colours(names.plan)
    palette = [colours.get(name, BAND) for name in view.conditions]
    shape = level_shapes(view.levels, names.plan)[level]
    here = alt.FieldEqualPredicate(field="level", equal=level)
    x = alt.X(
        "condition:N",
        title=None,
        sort=None,
        scale=alt.Scale(domain=order),
        axis=alt.Axis(labelAngle=-40, labelPadding=4, labelOverlap=False),
    )
    y = alt.Y(
        "value:Q",
        title=view.value_title if first else None,
        scale=alt.Scale(domain=domain, nice=False, zero=False),
        axis=alt.Axis(tickCount=6),
    )
    scale = alt.Scale(domain=order, range=palette)

    animals = alt.Chart(alt.NamedData(name=POINTS)).transform_filter(here)
    lines = animals.mark_line(color=BAND).encode(
        x=x,
        y=y,
        detail=alt.Detail("animal:N"),
        opacity=alt.OpacityValue(
            by_animal(chosen=1, other=0.15, none=0.45), condition=_highlighted(1.0)
        ),
        strokeWidth=alt.StrokeWidthValue(
            by_animal(chosen=3, other=1, none=1), condition=_highlighted(2.2)
        ),
    )
    # the level's name is said once a panel, not in each of the records
    named = animals.transform_calculate(at=json.dumps(spoken(level)))
    points = named.mark_point(shape=shape, strokeWidth=1.2).encode(
        x=x,
        y=y,
        opacity=alt.OpacityValue(by_animal(chosen=1, other=0.2, none=0.9)),
        size=alt.SizeValue(by_animal(chosen=120, other=38, none=38)),
        stroke=alt.Stroke("condition:N", scale=scale, legend=None),
        fill=alt.Fill("condition:N", scale=scale, legend=None, condition=_hollow_if_censored()),
        tooltip=_tooltip(
            animal="animal",
            sessions="session",
            condition="condition",
            at=spoken(view.key.modifier),
            shown="value",
            remark="remark",
        ),
    )
    means = alt.Chart(alt.NamedData(name=MEANS)).transform_filter(here)
    tips = _tooltip(condition="condition", shown="mean", interval="interval", n="n")
    spread = means.mark_rule(color=INK, strokeWidth=1.6, xOffset=9).encode(
        x=x, y=alt.Y("low:Q"), y2=alt.Y2("high:Q"), tooltip=tips
    )
    centre = means.mark_point(
        shape="stroke", size=110, color=INK, opacity=1, strokeWidth=2.4, xOffset=9
    ).encode(x=x, y=alt.Y("value:Q"), tooltip=tips)
    layers = [lines, points.properties(name=_panel_name(view, level)), spread, centre]
    if names.baseline_rule(view.key.outcome) == "change":
        zero = alt.Chart(alt.InlineData(values=[{"value": 0}]))
        layers.insert(0, zero.mark_rule(color=MUTED, strokeDash=[3, 3]).encode(y=alt.Y("value:Q")))
    return layered(
        *layers, width=_width(view), height=height, title=_title(spoken(level), _width(view))
    )


def _columns(view: OutcomeView) -> int | None:
    """Panels in a row, where all beside each other would be too small to read; else None."""
    needed = len(view.levels) * _width(view)
    return None if needed <= _WIDEST else max(1, int(_WIDEST // (_width(view) + 20)))


def _width(view: OutcomeView) -> float:
    """Share of the page's width, within what the conditions need and what the eye joins."""
    share = _VALUE_WIDTH / len(view.levels)
    return max(24 * len(view.conditions), 90, min(share, 52 * len(view.conditions)))


def _panel_name(view: OutcomeView, level: str) -> str:
    return f"panel_{view.levels.index(level)}"


def _highlighted(value: float) -> dict[str, Any]:
    """Value for the animal under the pointer, in all panels at once."""
    return {"param": HIGHLIGHT, "empty": False, "value": value}


def _hollow_if_censored() -> dict[str, Any]:
    return {"test": {"field": "censored", "equal": True}, "value": "transparent"}


def _value_domain(view: OutcomeView) -> list[float]:
    """One value axis for all panels, with air; Vega's own choice would differ per panel."""
    numbers = [*view.points["value"], *view.means["low"], *view.means["high"]]
    known = [number for number in numbers if finite(number)]
    low, high = (min(known), max(known)) if known else (-1.0, 1.0)
    air = 0.05 * (high - low) or 0.5 * (abs(high) or 1.0)
    return [low - air, high + air]


# -- the differences -------------------------------------------------------------------------------


def _effect_panel(
    view: OutcomeView, kind: str, rows: Sequence[Effect], bound: float | None, height: float
) -> Specification:
    """Estimates with intervals, one row per condition and level, under a row per condition."""
    import altair as alt

    order: list[str] = []
    for effect in rows:
        header = header_row(effect)
        order += [] if header in order else [header]
        order.append(effect_row(effect))
    y = alt.Y(
        "row:N",
        title=None,
        sort=None,
        scale=alt.Scale(domain=order),
        axis=alt.Axis(
            labelExpr=f"split(datum.label, '{PART}')[1]",
            ticks=False,
            domain=False,
            labelPadding=6,
            labelFontWeight=_bold_headers(),
        ),
    )
    x = alt.X(
        "estimate:Q",
        title=_effect_title(kind, rows, view),
        scale=alt.Scale(domain=_effect_domain(rows, bound), nice=False),
        axis=alt.Axis(tickCount=5),
    )
    colour = alt.Color("colour:N", scale=None, legend=None)
    faded = alt.OpacityValue(_opacity(kind, rows, view))
    tips = _tooltip(effect="effect", shown="estimate", interval="interval", p="adjusted p", n="n")
    here = alt.FieldEqualPredicate(field="contrast", equal=kind)
    found = alt.Chart(alt.NamedData(name=EFFECTS)).transform_filter(here)
    spread = found.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q"), x2=alt.X2("high:Q"), y=y, color=colour, opacity=faded, tooltip=tips
    )
    centre = found.mark_point(size=52, filled=True).encode(
        x=x,
        y=y,
        color=colour,
        opacity=faded,
        shape=alt.Shape("shape:N", scale=None, legend=None),
        tooltip=tips,
    )
    zero = alt.Chart(alt.InlineData(values=[{"estimate": 0}]))
    layers = [
        zero.mark_rule(color=MUTED, strokeDash=[3, 3]).encode(x=alt.X("estimate:Q")),
        spread,
        centre,
    ]
    if bound is not None:
        span = alt.Chart(alt.InlineData(values=[{"from": -bound, "to": bound}]))
        band = span.mark_rect(color=BAND, opacity=0.16)
        layers.insert(0, band.encode(x=alt.X("from:Q"), x2=alt.X2("to:Q")))
    title = "drug effect" if kind == SIMPLE else f"what {spoken(view.key.modifier)} adds"
    return layered(*layers, width=_EFFECT_WIDTH, height=height, title=_title(title))


def _bold_headers() -> dict[str, Any]:
    return {
        "condition": {"test": "datum.label[0] === '0'", "value": "bold"},
        "value": "normal",
    }


def _of_contexts(view: OutcomeView) -> bool:
    return view.key.modifier == "context"


def _opacity(kind: str, rows: Sequence[Effect], view: OutcomeView) -> float | dict[str, str]:
    """Fades the rows of contexts that are not chosen; a difference concerns its reference too."""
    if not _of_contexts(view):
        return 1
    references = {row.reference_level for row in rows} if kind == DIFFERENCE else set()
    return by_level(other=0.25, none=1, always=sorted(references))


def _effect_title(kind: str, rows: Sequence[Effect], view: OutcomeView) -> str:
    if kind == SIMPLE:
        word, against = "minus", {spoken(effect.reference_condition) for effect in rows}
    else:
        word, against = "beyond", {spoken(effect.reference_level) for effect in rows}
    reference = against.pop() if len(against) == 1 else "its reference"
    return f"{word} {reference}" + (f", {view.unit}" if view.unit else "")


def _effect_domain(rows: Sequence[Effect], bound: float | None) -> list[float]:
    """Zero, every interval and the band, with air."""
    numbers = [0.0, bound or 0.0, -(bound or 0.0)]
    numbers += [n for row in rows for n in (row.estimate, row.ci_low, row.ci_high) if finite(n)]
    low, high = min(numbers), max(numbers)
    air = 0.06 * (high - low) or 1.0
    return [low - air, high + air]


# -- shared ----------------------------------------------------------------------------------------


def _height(effects: Sequence[Effect]) -> int:
    """Tall enough for the effect panel with the most rows (one header per condition)."""
    longest = 0
    for kind in (SIMPLE, DIFFERENCE):
        found = [effect for effect in effects if effect.contrast == kind]
        longest = max(longest, len(found) + len({effect.condition for effect in found}))
    return max(_PANEL_HEIGHT, _ROW_HEIGHT * longest)


def _tooltip(**titles: str) -> list[alt.Tooltip]:
    """Fields and what the tooltip calls them; all are text that was formatted before."""
    import altair as alt

    return [alt.Tooltip(field, type="nominal", title=title) for field, title in titles.items()]


def _title(text: str, width: float = _EFFECT_WIDTH) -> alt.TitleParams:
    """A panel's title, cut where it would run into the next one."""
    import altair as alt

    if len(text) * _LETTER > width:
        return alt.TitleParams(text, frame="group", limit=width + 10)
    return alt.TitleParams(text, frame="group")
