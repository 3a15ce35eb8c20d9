"""The page of ``python -m pipeline power``: curves of power over animals, and their grounds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.report.drawing import render_svg
from pipeline.report.embed import (
    environment,
    inline_json,
    inline_svg,
    policy,
    template_text,
    vega_library,
    write_page,
)
from pipeline.report.figures import chart_json
from pipeline.report.lookup import rows_of
from pipeline.report.style import (
    BAND,
    CONDITION_COLOURS,
    CONTEXT_SHAPES,
    INK,
    MUTED,
    chart_config,
)

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

#: uncertainty of the row: the curve, and the edges of the band around it
MIDDLE, LOW, HIGH = ("stated", "50 %"), "20 %", "80 %"
_WIDTH, _HEIGHT = 440, 230


def write_power_page(
    path: Path,
    *,
    panels: Sequence[Mapping[str, Any]],
    facts: Sequence[tuple[str, str]],
    components: Mapping[str, Any],
    checks: Mapping[str, Any],
    cautions: Sequence[str],
    target: float,
    unit: str,
    per_group: bool,
    numbers: pd.DataFrame,
    stamp: Mapping[str, Any],
) -> Path:
    """Write the page, one file that needs no network.

    Parameters
    ----------
    path : pathlib.Path
        The page; the folder is made if absent.
    panels : sequence of mapping
        ``title``, ``sentence``, ``needed`` and ``rows`` (DataFrame with animals_per_group, power,
        ci_low, ci_high, closed_form, power_unadjusted, uncertainty, series).
    facts : sequence of (str, str)
        What was asked.
    components : mapping
        ``columns`` and ``rows`` of the table of variance components.
    checks : mapping
        ``n``, ``agree`` and ``differs`` (lines).
    cautions : sequence of str
        What the reader must know first.
    target : float
        Power wanted.
    unit : str
        animal or cage.
    per_group : bool
        Whether N counts each group of animals.
    numbers : DataFrame
        All of power.tsv.
    stamp : mapping
        Seed, alpha, command, versions.

    Returns
    -------
    pathlib.Path
        ``path``; the same input gives the same bytes.
    """
    shown = []
    for index, panel in enumerate(panels, 1):
        chart = power_chart(panel["rows"], target=target, unit=unit, per_group=per_group)
        specification = chart_json(chart)
        shown.append(
            {
                **{name: panel[name] for name in ("title", "sentence", "needed")},
                "id": f"power-{index}",
                "svg": inline_svg(render_svg(specification)),
                "specification": json.loads(specification),
                "table": panel_table(panel["rows"]),
                "closed": bool(panel["rows"]["closed_form"].notna().any()),
            }
        )
    scripts = (vega_library(), template_text("report.js"))
    page = (
        environment()
        .get_template("power.html")
        .render(
            panels=shown,
            facts=list(facts),
            components=components,
            checks=checks,
            cautions=list(cautions),
            target=f"{target:g}",
            unit=unit,
            per_group=per_group,
            columns=list(numbers.columns),
            uncertain=bool(numbers["uncertainty"].isin([LOW, HIGH]).any()),
            stamp=stamp,
            style=template_text("style.css") + template_text("power.css"),
            scripts=scripts,
            policy=policy(*scripts),
            json=inline_json,
        )
    )
    write_page(path, page)
    return path


def panel_table(rows: pd.DataFrame) -> dict[str, Any]:
    """Numbers of one panel: a row per N, a column per curve."""
    columns = rows[["series", "uncertainty"]].drop_duplicates().to_numpy().tolist()
    body = []
    for n in sorted(rows["animals_per_group"].unique()):
        here = rows[rows["animals_per_group"] == n].set_index(["series", "uncertainty"])
        cells = [here.loc[tuple(column)] for column in columns]
        body.append(
            [
                f"{n}",
                *(f"{c['power']:.2f} ({c['ci_low']:.2f}–{c['ci_high']:.2f})" for c in cells),
            ]
        )
    return {"columns": [_heading(*column) for column in columns], "rows": body}


def _heading(series: str, uncertainty: str) -> str:
    parts = [series if series != "power" else "", uncertainty if uncertainty != "stated" else ""]
    return ", ".join(part for part in parts if part) or "power"


def power_chart(rows: pd.DataFrame, *, target: float, unit: str, per_group: bool) -> alt.LayerChart:
    """Draw power over N: a curve per series with Wilson intervals, a band, and the closed form.

    Parameters
    ----------
    rows : DataFrame
        As ``panels[...]["rows"]`` of :func:`write_power_page`.
    target : float
        Marked by a line.
    unit : str
        animal or cage.
    per_group : bool
        Whether N counts each group.

    Returns
    -------
    altair.LayerChart
    """
    import altair as alt

    series = list(dict.fromkeys(rows["series"]))
    scale = alt.Scale(domain=series, range=[_colour(index) for index in range(len(series))])
    shapes = alt.Scale(
        domain=series,
        range=[CONTEXT_SHAPES[index % len(CONTEXT_SHAPES)] for index in range(len(series))],
    )
    several = len(series) > 1
    legend = None
    if several:  # the band's opacity is not the curve's
        legend = alt.Legend(
            title=None, orient="bottom", labelLimit=400, symbolOpacity=1, labelColor=MUTED
        )
    colour = alt.Color("series:N", scale=scale, legend=legend)
    n = alt.X(
        "n:Q",
        title=f"{unit}s per group" if per_group else f"{unit}s",
        axis=alt.Axis(values=sorted(int(n) for n in rows["animals_per_group"].unique())),
        scale=alt.Scale(zero=False, nice=False, padding=10),
    )
    share = alt.Scale(domain=[0, 1])
    power = alt.Y("power:Q", title="power", scale=share, axis=alt.Axis(tickCount=5, format=".1f"))
    middle = alt.Chart(alt.InlineData(values=_records(rows[rows["uncertainty"].isin(MIDDLE)])))
    layers: list[Any] = []
    band = _band(rows)
    if band:
        base = alt.Chart(alt.InlineData(values=band))
        layers.append(
            base.mark_area(opacity=0.2).encode(
                x=n,
                y=alt.Y("low:Q", title="power", scale=share),
                y2="high:Q",
                color=colour,
            )
        )
    layers.append(
        alt.Chart(alt.InlineData(values=[{"target": target}]))
        .mark_rule(color=MUTED, strokeDash=[2, 3])
        .encode(y=alt.Y("target:Q", scale=share))
    )
    layers += [
        middle.mark_rule(strokeWidth=1.5).encode(x=n, y="low:Q", y2="high:Q", color=colour),
        middle.mark_line(strokeWidth=2).encode(x=n, y=power, color=colour),
        middle.mark_point(filled=True, size=48, opacity=1).encode(
            x=n,
            y=power,
            color=colour,
            shape=alt.Shape("series:N", scale=shapes, legend=legend),
            tooltip=[
                alt.Tooltip("n:Q", title=f"{unit}s"),
                alt.Tooltip("shown:N", title="power"),
                alt.Tooltip("unadjusted:N", title="without Holm"),
                alt.Tooltip("closed:N", title="closed form"),
                alt.Tooltip("series:N", title="curve"),
            ],
        ),
    ]
    if rows["closed_form"].notna().any():
        layers.append(
            middle.mark_line(strokeWidth=1.2, strokeDash=[5, 4], color=INK)
            .encode(x=n, y=alt.Y("closed_form:Q", scale=share), detail="series:N")
            .transform_filter("isValid(datum.closed_form)")
        )
    chart = alt.LayerChart(layer=layers).properties(width=_WIDTH, height=_HEIGHT)
    return chart.configure(**chart_config())


def _colour(index: int) -> str:
    return CONDITION_COLOURS[index] if index < len(CONDITION_COLOURS) else BAND


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    import math

    return [
        {
            "n": int(row["animals_per_group"]),
            "series": row["series"],
            "power": row["power"],
            "low": round(row["ci_low"], 4),
            "high": round(row["ci_high"], 4),
            "shown": f"{row['power']:.2f} ({row['ci_low']:.2f} to {row['ci_high']:.2f})",
            "unadjusted": f"{row['power_unadjusted']:.2f}",
            "closed": "–" if math.isnan(row["closed_form"]) else f"{row['closed_form']:.2f}",
            "closed_form": None if math.isnan(row["closed_form"]) else round(row["closed_form"], 4),
        }
        for row in rows_of(rows.sort_values(["series", "animals_per_group"]))
    ]


def _band(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Edges of the pilot's uncertainty; none for stated variances."""
    edges = rows[rows["uncertainty"].isin([LOW, HIGH])]
    if edges.empty:
        return []
    wide = edges.pivot_table(
        index=["series", "animals_per_group"], columns="uncertainty", values="power"
    )
    return [
        {
            "series": row["series"],
            "n": int(row["animals_per_group"]),
            "low": row[HIGH],
            "high": row[LOW],
        }
        for row in rows_of(wide.reset_index())
    ]
