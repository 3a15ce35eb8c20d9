"""Units on a session's page: a map of their rates, and what units.tsv says of each."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any

from pipeline.report.lookup import text
from pipeline.report.marks import rounded
from pipeline.report.numbers import count, listing, minutes, plain
from pipeline.report.png import data_uri, matrix_png
from pipeline.report.session_charts import WIDTH, chart_text, filled
from pipeline.report.session_tables import Table, unit_table
from pipeline.report.style import INK

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pipeline.report.session_page import SessionPage

#: log2 over a unit's mean that the colours span; most columns; narrowest column in seconds
SPAN_LOG2 = 2.0
_COLUMNS, _LEAST_S = 300, 10.0
#: pixels of a unit, and of the picture at least and at most
_ROW, _LEAST, _MOST = 9, 60, 420
#: columns of units.tsv that the page shows: heading, and digits after the point (None: text)
_SHOWN = {
    "baseline_rate_hz": ("baseline, Hz", 2),
    "presence_ratio": ("presence", 2),
    "contamination": ("contamination", 2),
    "waveform_class": ("waveform", None),
    "trough_to_peak_ms": ("trough to peak, ms", 2),
    "amplitude_change": ("amplitude change", 2),
    "drifting": ("drifting", None),
    "channel": ("channel", None),
    "probe": ("probe", None),
}


def rate_map(page: SessionPage) -> dict[str, Any] | None:
    """Chart of the units' rates over the session, row by row; None without units or spikes.

    Colour is log2 of the rate over the unit's mean of the session, half a spike added to each
    count. Rows follow the table: by region, then by the sorting's order.
    """
    import numpy as np

    units = page.units
    if units is None or not units.sizes.get("unit", 0) or not units.sizes.get("spike", 0):
        return None
    times = units["spike_time"].values
    end = float(page.step_facts.get("duration_s", 0.0)) or float(times.max())
    end = max(end, float(times.max()))
    width = max(_LEAST_S, float(np.ceil(end / _COLUMNS)))
    n_columns = max(int(np.ceil(end / width)), 1)
    columns = np.clip((times / width).astype(int), 0, n_columns - 1)
    cells = units["spike_unit"].values.astype(np.int64) * n_columns + columns
    counts = np.bincount(cells, minlength=units.sizes["unit"] * n_columns).astype(float)
    counts = counts.reshape(units.sizes["unit"], n_columns)
    regions = units["region"].values.astype(str)
    order = np.argsort(regions, kind="stable")
    height = float(np.clip(_ROW * len(order), _LEAST, _MOST))
    matrix = _over_mean(counts, width, end)[order]
    # cells as large as they are shown, else the browser blurs their borders
    tall, wide = max(round(height / len(order)), 1), max(round(WIDTH / n_columns), 1)
    matrix = np.repeat(np.repeat(matrix, tall, axis=0), wide, axis=1)
    png = matrix_png(matrix, low=-SPAN_LOG2, high=SPAN_LOG2)
    span = n_columns * width / 60
    data = {
        "frame": [
            {"minute": 0, "row": 0, "url": data_uri(png)},
            {"minute": rounded(span), "row": len(order), "url": ""},
        ],
        "doses": [
            {"minute": rounded(t / 60), "time": minutes(t)}
            for t in page.administrations_s
            if 0 <= t / 60 <= span
        ],
        "regions": _regions(regions[order]),
    }
    return filled(_map_spec(height), data)


def _over_mean(counts: NDArray[np.float64], width: float, end: float) -> NDArray[np.float64]:
    """log2 of rates over each unit's mean, in eighths: more cannot be told by eye."""
    import numpy as np

    seconds = np.full(counts.shape[1], width)
    seconds[-1] = max(end - width * (counts.shape[1] - 1), width / 2)
    mean = (counts.sum(axis=1, keepdims=True) + 0.5) / seconds.sum()
    return (8 * np.log2((counts + 0.5) / seconds / mean)).round() / 8


def _regions(regions: NDArray[np.str_]) -> list[dict[str, Any]]:
    """Name of each region and the rows that it takes."""
    found = []
    for region in dict.fromkeys(regions.tolist()):
        rows = [index for index, name in enumerate(regions) if name == region]
        found.append(
            {
                "region": f"{region or 'no region'}, {count(len(rows), 'unit')}",
                "row": rows[0],
                "to": rows[-1] + 1,
                "middle": (rows[0] + rows[-1] + 1) / 2,
            }
        )
    return found


@cache
def _map_spec(height: float) -> str:
    """Picture, doses, and the borders of the regions."""
    import altair as alt

    frame = alt.Chart(alt.NamedData(name="frame"))
    x = alt.X(
        "minute:Q",
        title="minutes of the session",
        scale=alt.Scale(zero=False, nice=False),
        axis=alt.Axis(tickCount=12),
    )
    y = alt.Y("row:Q", axis=None, scale=alt.Scale(reverse=True, nice=False, zero=True))
    picture = (
        frame.transform_filter("datum.url !== ''")
        .mark_image(width=WIDTH, height=height, align="left", baseline="top", aspect=False)
        .encode(x=alt.XValue(0), y=alt.YValue(0), url="url:N")
    )
    regions = alt.Chart(alt.NamedData(name="regions"))
    borders = regions.transform_filter("datum.row > 0").mark_rule(color=INK, strokeWidth=1.2)
    words = regions.mark_text(align="left", dx=6, fontSize=11, color=INK)
    doses = alt.Chart(alt.NamedData(name="doses"))
    tip = [alt.Tooltip("time", type="nominal", title="dose")]
    chart = alt.layer(
        picture,
        frame.mark_point(opacity=0).encode(x=x, y=y),
        borders.encode(y="row:Q"),
        words.encode(x=alt.XValue(WIDTH), y="middle:Q", text="region:N"),
        doses.mark_rule(color=INK, strokeWidth=2).encode(x="minute:Q", tooltip=tip),
    ).properties(width=WIDTH, height=height, padding={"right": 110})
    return chart_text(chart)


def unit_summary(page: SessionPage) -> list[str]:
    """Sentences: how many units of each region were kept, and why the others were left out."""
    if page.units is None or not page.units.sizes.get("unit", 0):
        return []
    names = [str(name) for name in page.units["unit_id"].values]
    regions = [str(region) or "no region" for region in page.units["region"].values]
    left_out = page.step_facts.get("units_left_out", {})
    kept = [name not in left_out for name in names]
    of_regions = [
        f"{region} {sum(k for k, r in zip(kept, regions, strict=True) if r == region)} of "
        f"{regions.count(region)}"
        for region in dict.fromkeys(regions)
    ]
    lines = [f"{sum(kept)} of {count(len(names), 'unit')} kept: {listing(of_regions)}."]
    reasons = Counter(text(left_out[name]) for name in names if name in left_out)
    if reasons:
        met = [f"{why} ({n})" for why, n in reasons.most_common()]
        lines.append(f"Left out: {'; '.join(met)}.")
    return lines


def quality_table(page: SessionPage) -> Table | None:
    """The units' table, with what units.tsv says of each; None without units.

    Columns of units.tsv that say nothing of any unit are left out.
    """
    table = unit_table(page)
    if table is None or page.unit_quality is None or page.unit_quality.empty:
        return table
    own = page.unit_quality.set_index("unit_id")
    names = [row[0] for row in table.rows]
    own = own.reindex(names).fillna("")
    shown = [name for name in _SHOWN if name in own and (own[name] != "").any()]
    cells = {
        name: [_cell(value, _SHOWN[name][1]) for value in own[name].tolist()] for name in shown
    }
    columns = (*table.columns, *(_SHOWN[name][0] for name in shown))
    rows = tuple(
        (*row, *(cells[name][index] for name in shown)) for index, row in enumerate(table.rows)
    )
    return Table(columns=columns, rows=rows)


def _cell(value: Any, digits: int | None) -> str:
    """A cell of units.tsv as it is read."""
    said = text(value)
    if digits is None or not said:
        return said or "\N{EN DASH}"
    return plain(float(said), digits)
