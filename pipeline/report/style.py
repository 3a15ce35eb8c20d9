"""One visual language: colours of conditions, shapes of contexts, the look of every chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.experiment.plan import AnalysisPlan

#: Vehicle and every other reference: always grey, in this order.
REFERENCE_COLOURS = ("#7d838c", "#9a8f7f", "#6d7a70")
#: Other conditions, in the plan's order. Each has a contrast of at least 3 to 1 with the light and
#: with the dark page, and the first four and the grey stay apart without red or green vision (a
#: test computes both); place and label name a condition everywhere, so colour is never needed.
CONDITION_COLOURS = (
    "#6f48ec",
    "#b48700",
    "#b93b18",
    "#2d6ca8",
    "#0b8a63",
    "#a0527a",
    "#8d6a4f",
    "#6b7f1e",
)
#: Vega shapes of the contexts, in the plan's order; the same in every figure.
CONTEXT_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")

#: Tints of contexts where they are bars (time lines), by lightness alone, in the plan's order.
TINTS = ("#ccd6e0", "#93a7bb", "#5c7690", "#e6ded2", "#bfae96", "#8d7a60")

INK = "#1d232b"
MUTED = "#5d6673"
RULE = "#d9dde3"
BAND = "#8a94a3"
#: Metric-compatible everywhere; the first one is what vl-convert itself carries.
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"


def condition_colours(plan: AnalysisPlan) -> dict[str, str]:
    """Colour of each condition: greys for references, the palette for the others.

    Parameters
    ----------
    plan : AnalysisPlan
        Its order of conditions decides, so that a condition keeps its colour in all figures.

    Returns
    -------
    dict of str to str
        Condition to hexadecimal colour.
    """
    colours: dict[str, str] = {}
    references = others = 0
    for condition in plan.conditions:
        if condition.is_reference and condition.reference is None:
            colours[condition.name] = REFERENCE_COLOURS[references % len(REFERENCE_COLOURS)]
            references += 1
        else:
            colours[condition.name] = CONDITION_COLOURS[others % len(CONDITION_COLOURS)]
            others += 1
    return colours


def colours_repeat(plan: AnalysisPlan) -> bool:
    """Whether the plan has more conditions than the palette has colours."""
    own = [entry for entry in plan.conditions if not entry.is_reference or entry.reference]
    return len(own) > len(CONDITION_COLOURS)


def level_shapes(levels: Sequence[str], plan: AnalysisPlan) -> dict[str, str]:
    """Shape of each context; levels of another modifier count in their own order."""
    order = plan.contexts if set(levels) <= set(plan.contexts) else tuple(levels)
    return {level: CONTEXT_SHAPES[order.index(level) % len(CONTEXT_SHAPES)] for level in levels}


def chart_config() -> dict[str, Any]:
    """Vega-Lite's config for every chart: quiet axes, no frame, transparent ground.

    The page's style sheet recolours text, axes and ink by these very colours when the reader
    prefers a dark page; ``aria`` is off because each figure carries its sentence as one label
    instead of a label per mark.
    """
    return {
        "aria": False,
        "background": "transparent",
        "font": FONT,
        "view": {"stroke": None},
        "axis": {
            "labelColor": MUTED,
            "titleColor": INK,
            "titleFontWeight": "normal",
            "labelFontSize": 11,
            "titleFontSize": 11,
            "domainColor": BAND,
            "tickColor": BAND,
            "gridColor": RULE,
            "gridOpacity": 0.7,
            "labelLimit": 160,
            "titleLimit": 360,
        },
        "axisX": {"grid": False},
        "legend": {"labelColor": INK, "titleColor": INK},
        "title": {"color": INK, "fontSize": 12, "fontWeight": "bold", "anchor": "start"},
        "concat": {"spacing": 16},
    }
