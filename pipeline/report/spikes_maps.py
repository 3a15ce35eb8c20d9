"""Maps of the units' rates around the administration, as pictures within a chart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pipeline.report.assembly import Specification, concatenated, figure, layered, stacked
from pipeline.report.highlight import place_of
from pipeline.report.names import Names
from pipeline.report.png import data_uri, matrix_png
from pipeline.report.spikes_panels import GAP, held_words, in_plan, panel_title, panel_width
from pipeline.report.style import BAND, INK

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd
    from numpy.typing import NDArray

#: log2 over the baseline that the colours span, and rows of a map at most
SPAN, ROWS = 2.0, 100
#: pixels: height of a map, width of the key
_MAP, _LEGEND = 96, 160


def heat_chart(rows: pd.DataFrame, names: Names) -> Specification:
    """Draw the maps: a column per condition, a row per context; references stand first.

    Parameters
    ----------
    rows : pandas.DataFrame
        unit_rates.parquet of one region.
    names : Names
        The plan's order.
    """
    conditions, contexts = in_plan(rows, names)
    contexts = tuple(sorted(contexts, key=lambda context: context in names.plan.contexts))
    half = float(rows["width_min"].max()) / 2
    ends = (float(rows["minute"].min()) - half, float(rows["minute"].max()) + half)
    width = panel_width(len(conditions))
    panels = []
    for context in contexts:
        for condition in conditions:
            own = rows[(rows["condition"] == condition) & (rows["context"] == context)]
            title = panel_title(condition, context, held_words(own, names))
            last = context == contexts[-1]
            panels.append(_map(own, ends, half, width, title, labelled=last))
    grid = concatenated(
        panels,
        columns=len(conditions),
        spacing={"row": 12, "column": GAP},
        places=[place_of(context, names) for context in contexts for _ in conditions],
    )
    return figure(stacked([grid, _key()], spacing=10))


def _map(
    rows: pd.DataFrame,
    ends: tuple[float, float],
    half: float,
    width: float,
    title: alt.TitleParams,
    *,
    labelled: bool,
) -> Specification:
    import altair as alt

    x = alt.X(
        "x:Q",
        title="minutes since the administration" if labelled else None,
        scale=alt.Scale(domain=list(ends), nice=False, zero=False),
        axis=alt.Axis(tickCount=4, labels=labelled, ticks=labelled, grid=False),
    )
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[0, 1], nice=False))
    frame = alt.Chart(alt.InlineData(values=[{"x": 0, "y": 0}, {"x": 0, "y": 1}]))
    layers = [
        alt.Chart(alt.InlineData(values=[{}])).mark_rect(color=BAND, opacity=0.28),
        frame.mark_point(opacity=0, size=0).encode(x=x, y=y),
    ]
    if len(rows):
        # eighths of a doubling: more cannot be told by eye, and would not compress
        matrix = (8 * map_matrix(rows, ends, half)).round() / 8
        picture = alt.Chart(
            alt.InlineData(values=[{"u": data_uri(matrix_png(matrix, low=-SPAN, high=SPAN))}])
        )
        layers.append(
            picture.mark_image(
                width=width, height=_MAP, align="left", baseline="top", aspect=False
            ).encode(x=alt.XValue(0), y=alt.YValue(0), url=alt.Url("u:N"))
        )
    dose = alt.Chart(alt.InlineData(values=[{"x": 0}]))
    layers.append(dose.mark_rule(color=INK, strokeWidth=1).encode(x=x))
    return layered(*layers, width=width, height=_MAP, title=title)


def map_matrix(rows: pd.DataFrame, ends: tuple[float, float], half: float) -> NDArray[Any]:
    """Units (rows, those that rise most on top) by points of time (columns, all of them).

    Parameters
    ----------
    rows : pandas.DataFrame
        One condition and context of unit_rates.parquet.
    ends : (float, float)
        Minutes at the picture's edges.
    half : float
        Half the width of a point in minutes.

    Returns
    -------
    ndarray, shape (rows, columns)
        At most :data:`ROWS` rows; beyond, each is the mean of neighbours. NaN where a unit has no
        value.
    """
    import numpy as np

    n_columns = round((ends[1] - ends[0]) / (2 * half))
    at = np.round((rows["minute"].to_numpy() - half - ends[0]) / (2 * half)).astype(int)
    keys = rows["session"].astype(str) + "\N{SYMBOL FOR UNIT SEPARATOR}" + rows["unit_id"]
    level = rows.assign(key=keys).drop_duplicates("key").set_index("key")["after_log2"]
    level = level.fillna(-math.inf).sort_values(ascending=False, kind="stable")
    place = {key: number for number, key in enumerate(level.index)}
    matrix = np.full((len(place), n_columns), np.nan)
    matrix[keys.map(place).to_numpy(), at] = rows["log2_over_baseline"].to_numpy()
    if len(matrix) <= ROWS:
        return matrix
    starts = np.unique(np.linspace(0, len(matrix), ROWS, endpoint=False).astype(int))
    known = np.isfinite(matrix)
    total = np.add.reduceat(np.where(known, matrix, 0.0), starts, axis=0)
    with np.errstate(invalid="ignore"):
        return total / np.add.reduceat(known, starts, axis=0, dtype=float)


def map_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The maps' values: a row per unit and context, a column per minute, log2 over the baseline.

    Parameters
    ----------
    rows : pandas.DataFrame
        unit_rates.parquet of one region.
    """
    keys = ["condition", "context", "animal", "session", "unit_id"]
    wide = rows.assign(minute=rows["minute"].round(3)).pivot_table(
        index=keys, columns="minute", values="log2_over_baseline"
    )
    wide = wide.sort_index(axis=1)
    wide.columns = [f"{minute:g}" for minute in wide.columns]
    after = rows.groupby(keys)["after_log2"].first()
    wide.insert(0, "after_log2", after.reindex(wide.index))
    return wide.round(3).reset_index()


def _key() -> Specification:
    """The scale of the colours."""
    import altair as alt
    import numpy as np

    ramp = data_uri(matrix_png(np.linspace(-SPAN, SPAN, 64)[None], low=-SPAN, high=SPAN))
    labels: list[dict[str, Any]] = [
        {"x": value, "t": f"{value:+g}".replace("-", "\N{MINUS SIGN}") if value else "0"}
        for value in (-SPAN, -SPAN / 2, 0, SPAN / 2, SPAN)
    ]
    labels[-1]["t"] += "  log2 of the rate over the baseline"
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-SPAN, SPAN], nice=False))
    strip = alt.Chart(alt.InlineData(values=[{"u": ramp}])).mark_image(
        width=_LEGEND, height=8, align="left", baseline="top", aspect=False
    )
    words = alt.Chart(alt.InlineData(values=labels))
    return layered(
        strip.encode(x=alt.XValue(0), y=alt.YValue(0), url=alt.Url("u:N")),
        words.mark_text(align="left", baseline="top", fontSize=9.5, color=INK, dx=-4).encode(
            x=x, y=alt.YValue(11), text=alt.Text("t:N")
        ),
        width=_LEGEND,
        height=22,
    )
