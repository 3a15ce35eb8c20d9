"""Layers and panels put together as plain specifications; leaves are still Altair's charts.

Altair copies every chart inside a layer or a concatenation, at each level and again for each
property that is set: of two thousand small charts it made fifty thousand, which took longer than
all else. Here a leaf becomes a dictionary once, what encloses it is a dictionary from the start,
and data sets are set last, so that nothing copies them. Vega-Lite's schema is checked by tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.report.highlight import panel_name
from pipeline.report.style import chart_config

if TYPE_CHECKING:
    import altair as alt

#: a part of a Vega-Lite specification; until :func:`figure` took them, ``datasets`` holds the
#: values that stand in its leaves, by names made of their content
Specification = dict[str, Any]


def leaf(chart: alt.Chart) -> Specification:
    """Turn a chart without charts inside into a part of a specification."""
    datasets: dict[str, Any] = {}
    context = {"top_level": False, "datasets": datasets}
    return chart.to_dict(validate=False, context=context) | _held(datasets)


def layered(
    *layers: alt.Chart, width: float, height: float, title: alt.TitleParams | None = None
) -> Specification:
    """Lay charts over each other, the ground first.

    Parameters
    ----------
    *layers : altair.Chart
        Without charts inside. Where all of them were made of one chart, its data stand once.
    width, height : float
        Pixels.
    title : altair.TitleParams, optional
        Over the panel.

    Returns
    -------
    dict
        A panel for :func:`concatenated`, or the content of :func:`figure`.
    """
    datasets, parts = _without_datasets([leaf(chart) for chart in layers])
    panel: Specification = {"layer": parts, "width": width, "height": height}
    if title is not None:
        panel["title"] = title.to_dict(validate=False)
    if all(chart.data is layers[0].data for chart in layers):
        panel["data"] = parts[0]["data"]
        panel["layer"] = [_without(part, "data") for part in parts]
    return panel | _held(datasets)


def concatenated(
    panels: Sequence[Specification],
    *,
    columns: int,
    spacing: float | Mapping[str, float],
    scales: Mapping[str, str] | None = None,
    places: Sequence[int | None] = (),
) -> Specification:
    """Set panels beside each other, row by row.

    Parameters
    ----------
    panels : sequence of dict
        As :func:`layered` and :func:`leaf` make them.
    columns : int
        Panels in a row.
    spacing : float or mapping
        Pixels between panels, or those of ``row`` and ``column``.
    scales : mapping, optional
        Channel to ``shared`` or ``independent``, where Vega-Lite's own rule is not meant.
    places : sequence of int or None
        Place of each panel's context in the plan, where the panel shows one context
        (:func:`pipeline.report.highlight.place_of`); not given where no panel does.
    """
    datasets, parts = _without_datasets(panels)
    for number, (part, place) in enumerate(zip(parts, places, strict=True) if places else ()):
        name = panel_name(number, place)
        parts[number] = part if name is None else part | {"name": name}
    content: Specification = {"concat": parts, "columns": columns, "spacing": spacing}
    if scales:
        content["resolve"] = {"scale": dict(scales)}
    return content | _held(datasets)


def stacked(panels: Sequence[Specification], *, spacing: float) -> Specification:
    """Set panels below each other, whatever they hold, with so many pixels between."""
    datasets, parts = _without_datasets(panels)
    return {"vconcat": parts, "spacing": spacing} | _held(datasets)


def figure(
    content: Specification, datasets: Mapping[str, list[dict[str, Any]]] | None = None
) -> Specification:
    """Complete a specification: with the look of every chart, and the data.

    Parameters
    ----------
    content : dict
        As the functions above make it.
    datasets : mapping, optional
        Records by the name that leaves call them (``altair.NamedData``); they are not copied.

    Returns
    -------
    dict
        A whole Vega-Lite specification.
    """
    import altair as alt

    # Altair writes what stands around the content: the version of the schema, its own theme
    frame = alt.ConcatChart(concat=[]).configure(**chart_config()).to_dict(validate=False)
    around = {key: frame[key] for key in ("$schema", "config")}
    return around | content | _held({**(datasets or {}), **content.get("datasets", {})})


def _held(datasets: dict[str, Any]) -> Specification:
    return {"datasets": datasets} if datasets else {}


def _without_datasets(
    parts: Sequence[Specification],
) -> tuple[dict[str, Any], list[Specification]]:
    """Take the data sets out of parts: only a whole specification may hold them."""
    datasets: dict[str, Any] = {}
    for part in parts:
        datasets |= part.get("datasets", {})
    return datasets, [_without(part, "datasets") for part in parts]


def _without(part: Specification, key: str) -> Specification:
    return {name: value for name, value in part.items() if name != key}
