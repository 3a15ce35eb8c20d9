"""Figures of the units' rates: maps over time, before against after, and how many change."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pipeline.report.behaviour import Slice, in_order
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import count
from pipeline.report.png import DIVERGING, data_uri, matrix_png
from pipeline.report.style import BAND, INK, MUTED, chart_config

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd
    from numpy.typing import NDArray

#: log2 over the baseline that the colours span, and rows of a map at most
SPAN, ROWS = 2.0, 100
#: calls, their colours and how they are named; place tells them apart too
CALLS = {1: ("up", DIVERGING[5]), 0: ("no change", BAND), -1: ("down", DIVERGING[1])}
_WIDTH, _GAP, _MAP, _BARS = 700, 16, 96, 96
_LEGEND = 160


def named(datasets: dict[str, Any], records: list[dict[str, Any]]) -> alt.Chart:
    """A chart of records that stand once, beside the panels: altair copies what stands in them."""
    import altair as alt

    name = f"d{len(datasets)}"
    datasets[name] = records
    return alt.Chart(alt.NamedData(name=name))


def _panel_width(columns: int) -> float:
    return max(70.0, min(200.0, (_WIDTH - _GAP * (columns - 1)) / columns))


def _grid(panels: list[Any], columns: int) -> alt.ConcatChart:
    import altair as alt

    return alt.ConcatChart(concat=panels, columns=columns, spacing={"row": 12, "column": _GAP})


def _title(condition: str, context: str, words: str) -> alt.TitleParams:
    import altair as alt

    return alt.TitleParams(
        f"{spoken(condition)}, {spoken(context)}",
        subtitle=words,
        frame="group",
        fontSize=10.5,
        subtitleFontSize=9,
        subtitleColor=MUTED,
        limit=230,
        offset=3,
    )


def _order(rows: pd.DataFrame, names: Names) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Conditions and contexts in the plan's order."""
    declared = [entry.name for entry in names.plan.conditions]
    return in_order(rows["condition"], declared), in_order(rows["context"], names.plan.contexts)


def _n(rows: pd.DataFrame, names: Names) -> str:
    called = names.animals() if names.plan.unit == "animal" else ("animal", "animals")
    units = len(rows[["session", "unit_id"]].drop_duplicates())
    return f"{count(units, 'unit')}, {count(rows['animal'].nunique(), *called)}"


# -- maps --------------------------------------------------------------------------------------


def heat_chart(rows: pd.DataFrame, names: Names) -> alt.VConcatChart:
    """Draw the maps: a column per condition, a row per context; references stand first.

    Parameters
    ----------
    rows : pandas.DataFrame
        unit_rates.parquet of one region.
    names : Names
        The plan's order.
    """
    import altair as alt

    conditions, contexts = _order(rows, names)
    contexts = tuple(sorted(contexts, key=lambda context: context in names.plan.contexts))
    half = float(rows["width_min"].max()) / 2
    ends = (float(rows["minute"].min()) - half, float(rows["minute"].max()) + half)
    width = _panel_width(len(conditions))
    panels = []
    for context in contexts:
        for condition in conditions:
            own = rows[(rows["condition"] == condition) & (rows["context"] == context)]
            last = context == contexts[-1]
            panels.append(_map(own, ends, half, width, _title(condition, context, _n(own, names)),
                               labelled=last))  # fmt: skip
    grid = _grid(panels, len(conditions))
    return alt.vconcat(grid, _key(), spacing=10).configure(**chart_config())


def _map(
    rows: pd.DataFrame,
    ends: tuple[float, float],
    half: float,
    width: float,
    title: alt.TitleParams,
    *,
    labelled: bool,
) -> alt.LayerChart:
    import altair as alt

    x = alt.X(
        "x:Q",
        title="minutes since the administration" if labelled else None,
        scale=alt.Scale(domain=list(ends), nice=False, zero=False),
        axis=alt.Axis(tickCount=4, labels=labelled, ticks=labelled, grid=False),
    )
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[0, 1], nice=False))
    frame = alt.Chart(alt.InlineData(values=[{"x": 0, "y": 0}, {"x": 0, "y": 1}]))
    layers: list[Any] = [
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
            ).encode(x=alt.XValue(0), y=alt.YValue(0), url="u:N")
        )
    dose = alt.Chart(alt.InlineData(values=[{"x": 0}]))
    layers.append(dose.mark_rule(color=INK, strokeWidth=1).encode(x=x))
    return alt.layer(*layers).properties(width=width, height=_MAP, title=title)


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


def _key() -> alt.LayerChart:
    """The scale of the colours."""
    import altair as alt
    import numpy as np

    ramp = data_uri(matrix_png(np.linspace(-SPAN, SPAN, 64)[None], low=-SPAN, high=SPAN))
    labels = [
        {"x": value, "t": f"{value:+g}".replace("-", "\N{MINUS SIGN}") if value else "0"}
        for value in (-SPAN, -SPAN / 2, 0, SPAN / 2, SPAN)
    ]
    labels[-1]["t"] += "  log2 of the rate over the baseline"
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-SPAN, SPAN], nice=False))
    strip = alt.Chart(alt.InlineData(values=[{"u": ramp}])).mark_image(
        width=_LEGEND, height=8, align="left", baseline="top", aspect=False
    )
    words = alt.Chart(alt.InlineData(values=labels))
    return alt.layer(
        strip.encode(x=alt.XValue(0), y=alt.YValue(0), url="u:N"),
        words.mark_text(align="left", baseline="top", fontSize=9.5, color=INK, dx=-4).encode(
            x=x, y=alt.YValue(11), text="t:N"
        ),
    ).properties(width=_LEGEND, height=22)


# -- before and after --------------------------------------------------------------------------


def scatter_chart(rows: pd.DataFrame, names: Names) -> alt.ConcatChart:
    """Draw rates before and after: a column per condition, a row per context.

    Parameters
    ----------
    rows : pandas.DataFrame
        unit_modulation.tsv of one region and phase.
    names : Names
        The plan's order.
    """
    import altair as alt

    conditions, contexts = _order(rows, names)
    positive = [v for name in ("before_hz", "after_hz") for v in rows[name] if v > 0]
    low, high = math.log10(min(positive)) - 0.1, math.log10(max(positive)) + 0.1
    width = min(_panel_width(len(conditions)), 165.0)
    panels: list[Any] = []
    data: dict[str, Any] = {}
    for context in contexts:
        for condition in conditions:
            own = rows[(rows["condition"] == condition) & (rows["context"] == context)]
            calls = own["call"]
            words = f"{_n(own, names)}: {(calls > 0).sum()} up, {(calls < 0).sum()} down"
            panels.append(
                _scatter(
                    data,
                    dots(own, (low, high), width),
                    (low, high),
                    width,
                    _title(condition, context, words),
                    first=condition == conditions[0],
                    last=context == contexts[-1],
                )
            )
    chart = alt.ConcatChart(
        concat=panels, columns=len(conditions), spacing={"row": 12, "column": _GAP}, datasets=data
    )
    return chart.resolve_scale(color="shared").configure(**chart_config())


def dots(rows: pd.DataFrame, domain: tuple[float, float], width: float) -> list[dict[str, Any]]:
    """Points as strokes without length of one broken line per call, each place once.

    A mark per unit would make the page several times larger.
    """
    low, high = domain
    step = (high - low) / width
    places = set()
    for before, after, call in zip(rows["before_hz"], rows["after_hz"], rows["call"], strict=True):
        x, y = (max(math.log10(v), low) if v > 0 else low for v in (before, after))
        places.add((round((x - low) / step), round((y - low) / step), int(call)))
    records: list[dict[str, Any]] = []
    for x, y, call in sorted(places, key=lambda place: (abs(place[2]), place)):
        at = {"x": round(low + x * step, 4), "y": round(low + y * step, 4), "k": CALLS[call][0]}
        records += [at, at, at | {"y": None}]
    return [record | {"o": number} for number, record in enumerate(records)]


def _scatter(
    data: dict[str, Any],
    records: list[dict[str, Any]],
    domain: tuple[float, float],
    width: float,
    title: alt.TitleParams,
    *,
    first: bool,
    last: bool,
) -> alt.LayerChart:
    import altair as alt

    ticks = list(range(math.ceil(domain[0]), math.floor(domain[1]) + 1))
    axis = {"values": ticks, "labelExpr": "format(pow(10, datum.value), '~g')"}
    scale = alt.Scale(domain=list(domain), nice=False, zero=False)
    x = alt.X(
        "x:Q", title="before, Hz" if last else None, scale=scale, axis=alt.Axis(labels=last, **axis)
    )
    y = alt.Y(
        "y:Q",
        title="after, Hz" if first else None,
        scale=scale,
        axis=alt.Axis(labels=first, ticks=first, **axis),
    )
    colour = alt.Color(
        "k:N",
        title=None,
        scale=alt.Scale(
            domain=[name for name, _ in CALLS.values()], range=[c for _, c in CALLS.values()]
        ),
        legend=alt.Legend(orient="top", symbolType="circle", symbolStrokeWidth=3, symbolSize=20),
    )  # fmt: skip
    ends = [{"x": end, "y": end} for end in domain]
    return alt.layer(
        named(data, ends).mark_line(color=MUTED, strokeWidth=1, strokeDash=[3, 3]).encode(x=x, y=y),
        named(data, records)
        .mark_line(strokeWidth=3.2, strokeCap="round", opacity=0.85)
        .encode(x=x, y=y, color=colour, order="o:Q"),
    ).properties(width=width, height=width * 0.8, title=title)


# -- fractions ---------------------------------------------------------------------------------


def fractions_chart(part: Slice, names: Names) -> alt.ConcatChart:
    """Draw the shares of every animal: a column per condition, a row per context."""
    import altair as alt

    width = _panel_width(len(part.conditions))
    animals = sorted(set(part.animals["animal"]))
    panels: list[Any] = []
    data: dict[str, Any] = {}
    for context in part.contexts:
        here = part.animals[part.animals["context"] == context]
        for condition in part.conditions:
            own = here[here["condition"] == condition]
            reference = "" if names.plan.blind else names.reference(condition)
            held = here[here["condition"] == reference]
            held = held[held["animal"].isin(own["animal"])]
            units = count(own["n_units"].sum(), "unit")
            panels.append(
                _bars(data, own, held, animals, width, _title(condition, context, units),
                      first=condition == part.conditions[0], last=context == part.contexts[-1])
            )  # fmt: skip
    chart = alt.ConcatChart(
        concat=panels,
        columns=len(part.conditions),
        spacing={"row": 12, "column": _GAP},
        datasets=data,
    )
    return chart.resolve_scale(color="shared").configure(**chart_config())


def _bars(
    data: dict[str, Any],
    rows: pd.DataFrame,
    held: pd.DataFrame,
    animals: list[str],
    width: float,
    title: alt.TitleParams,
    *,
    first: bool,
    last: bool,
) -> alt.LayerChart:
    import altair as alt

    records = []
    for row in rows.to_dict("records"):
        ends = (0.0, row["down"], 1 - row["up"], 1.0)
        for call, (low, high) in zip((-1, 0, 1), pairwise(ends), strict=True):
            if high - low > 1e-9:
                records.append({"a": row["animal"], "k": CALLS[call][0], "from": round(low, 4),
                                "to": round(high, 4)})  # fmt: skip
    lines = [
        {"a": row["animal"], "from": round(at, 4)}
        for row in held.to_dict("records")
        for at in (row["down"], 1 - row["up"])
    ]
    fits = last and width / max(len(animals), 1) >= 11
    x = alt.X(
        "a:N",
        title=None,
        sort=None,
        scale=alt.Scale(domain=animals, paddingInner=0.25, paddingOuter=0.1),
        axis=alt.Axis(labels=fits, ticks=False, labelAngle=-90, labelLimit=48, labelFontSize=9),
    )
    y = alt.Y(
        "from:Q",
        title="share of units" if first else None,
        scale=alt.Scale(domain=[0, 1], nice=False),
        axis=alt.Axis(values=[0, 0.5, 1], format=".0%", labels=first, ticks=first, domain=first),
    )
    colour = alt.Color(
        "k:N",
        title=None,
        scale=alt.Scale(
            domain=[name for name, _ in CALLS.values()],
            range=[CALLS[1][1], "#d5d9de", CALLS[-1][1]],
        ),
        legend=alt.Legend(orient="top", symbolType="square", symbolStrokeWidth=0),
    )
    bars = named(data, records).mark_bar()
    marks = named(data, lines).mark_tick(color=INK, thickness=1.6, orient="horizontal", bandSize=0)
    layers = [bars.encode(x=x, y=y, y2="to:Q", color=colour)]
    if lines:
        layers.append(marks.encode(x=x, y=y))
    return alt.layer(*layers).properties(width=width, height=_BARS, title=title)
