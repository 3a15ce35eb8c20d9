"""Spectrograms of a session's page: change from the baseline, the administration, the speed."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pipeline.report.marks import rounded
from pipeline.report.numbers import finite, minutes
from pipeline.report.png import data_uri, matrix_png
from pipeline.report.session_charts import WIDTH, chart_text, filled
from pipeline.report.style import BAND, INK

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from pipeline.report.session_page import SessionPage

#: dB around the baseline that the colours span; most columns, and rows
SPAN_DB = 6.0
_COLUMNS, _ROWS = 600, 150
#: frequencies shown
_LOWEST_HZ, _HIGHEST_HZ = 1.0, 200.0
_TICKS_HZ = (1, 8, 20, 40, 70, 100, 150, 200)
_HEIGHT, _STRIP = 240, 44
#: a baseline needs so many columns; hatches stand so many pixels apart
_LEAST_COLUMNS, _HATCH = 3, 9


def spectrogram_charts(page: SessionPage) -> list[tuple[str, dict[str, Any]]]:
    """Region and chart of its spectrogram; empty without one.

    Shown is the time around the administrations (``page.around_s``), all of a session without one.
    """
    if page.spectra is None or "spectrogram" not in page.spectra:
        return []
    array = page.spectra["spectrogram"].transpose("time", "channel", "row_frequency")
    shown = _shown(array["time"].values.astype(float), page)
    if shown.sum() < 2:
        return []
    at_rest = _baseline_columns(page, array["time"].values.astype(float))
    speed = _speed(page.spectra, shown)
    charts = []
    for region in dict.fromkeys(map(str, array["region"].values)):
        picture = _picture(array, region, shown, at_rest, speed, page)
        if picture is not None:
            charts.append((region, picture))
    return charts


def reference_words(page: SessionPage) -> str:
    """From what the decibels of the spectrograms are counted."""
    if page.spectra is None or "spectrogram" not in page.spectra:
        return ""
    columns = _baseline_columns(page, page.spectra["time"].values.astype(float))
    return "the baseline's median" if columns is not None else "the session's median"


def _shown(time: NDArray[np.float64], page: SessionPage) -> NDArray[np.bool_]:
    import numpy as np

    if not page.administrations_s:
        return np.ones(len(time), dtype=bool)
    before, after = page.around_s
    first, last = min(page.administrations_s), max(page.administrations_s)
    return (time >= first - before) & (time < last + after)


def _baseline_columns(page: SessionPage, time: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    """Columns in the session's baseline, None if it has no baseline or hardly any."""
    import numpy as np

    if page.epochs is None or not page.baseline_phase:
        return None
    inside = np.zeros(len(time), dtype=bool)
    rows = page.epochs[page.epochs["phase"] == page.baseline_phase]
    for start, stop in zip(rows["start_s"], rows["stop_s"], strict=True):
        inside |= (time >= start) & (time < stop)
    return inside if inside.sum() >= _LEAST_COLUMNS else None


def _picture(
    array: xr.DataArray,
    region: str,
    shown: NDArray[np.bool_],
    baseline: NDArray[np.bool_] | None,
    speed: list[dict[str, float | None]],
    page: SessionPage,
) -> dict[str, Any] | None:
    """dB from the baseline's median at each frequency: what changes is seen, the 1/f is not."""
    import numpy as np

    power = array.values[:, array["region"].values.astype(str) == region, :].mean(axis=1)
    frequency = array["row_frequency"].values
    rows = (frequency >= _LOWEST_HZ) & (frequency <= _HIGHEST_HZ)
    if not rows.any() or not np.isfinite(power[shown]).any():
        return None
    power, frequency = power[:, rows], frequency[rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        level = 10 * np.log10(power)
    level = np.where(np.isfinite(level), level, np.nan)
    against = shown if baseline is None else baseline
    if not np.isfinite(level[against]).any():
        against = shown
    filled_rows = np.isfinite(level[against]).any(axis=0)
    level, frequency = level[:, filled_rows], frequency[filled_rows]
    level = level[shown] - np.nanmedian(level[against], axis=0)
    time = array["time"].values.astype(float)[shown] / 60
    half = (time[1] - time[0]) / 2
    span = (float(time[0] - half), float(time[-1] + half))
    hz = (float(frequency[0]), float(frequency[-1]))
    png = matrix_png(_on_roots(_fewer(level), frequency).T[::-1], low=-SPAN_DB, high=SPAN_DB)
    frame = [
        {"minute": rounded(span[0]), "hz": rounded(hz[0]), "url": data_uri(png)},
        {"minute": rounded(span[1]), "hz": rounded(hz[1]), "url": ""},
    ]
    handling = _handling(page, span)
    datasets = {
        "frame": frame,
        "doses": [
            {"minute": rounded(t / 60), "time": minutes(t)}
            for t in page.administrations_s
            if span[0] <= t / 60 <= span[1]
        ],
        "handling": [{"minute": rounded(low), "to": rounded(high)} for low, high in handling],
        "hatch": [line for window in handling for line in _hatch(window, span, hz)],
        "speed": speed,
    }
    return filled(_spectrogram_spec(bool(speed)), datasets)


def _fewer(level: NDArray[np.floating]) -> NDArray[np.floating]:
    """At most so many columns: means of neighbours."""
    import numpy as np

    step = -(-level.shape[0] // _COLUMNS)
    starts = np.arange(0, level.shape[0], step)
    known = np.isfinite(level)
    total = np.add.reduceat(np.where(known, level, 0.0), starts, axis=0)
    count = np.add.reduceat(known, starts, axis=0, dtype=float)
    with np.errstate(invalid="ignore"):
        return total / count


def _on_roots(level: NDArray[np.floating], frequency: NDArray[np.floating]) -> NDArray[np.floating]:
    """Rows (time, frequency) on an even scale of the root of the frequency.

    On it theta has a width to be seen, and 100 to 200 Hz a third of the picture.
    """
    import numpy as np

    edges = np.linspace(np.sqrt(frequency[0]), np.sqrt(frequency[-1]), _ROWS + 1) ** 2
    nearest = np.empty((_ROWS, len(frequency)))
    borders = (frequency[1:] + frequency[:-1]) / 2
    borders = np.concatenate([[frequency[0] - 1], borders, [frequency[-1] + 1]])
    for row, (low, high) in enumerate(pairwise(edges)):
        nearest[row] = np.clip(
            np.minimum(borders[1:], high) - np.maximum(borders[:-1], low), 0, None
        )
    known = np.isfinite(level)
    with np.errstate(invalid="ignore"):
        return (np.where(known, level, 0.0) @ nearest.T) / (known @ nearest.T)


def _handling(page: SessionPage, span: tuple[float, float]) -> list[tuple[float, float]]:
    """Minutes around each administration that phases leave out, as far as they are shown."""
    before, after = page.handling_s
    windows = [((t + before) / 60, (t + after) / 60) for t in page.administrations_s]
    cut = [(max(low, span[0]), min(high, span[1])) for low, high in windows]
    return [(low, high) for low, high in cut if low < high]


def _hatch(
    window: tuple[float, float], span: tuple[float, float], hz: tuple[float, float]
) -> list[dict[str, float | None]]:
    """Lines at 45 degrees across a window."""
    pixels = WIDTH / (span[1] - span[0])
    width = (window[1] - window[0]) * pixels
    bottom, top = hz[0] ** 0.5, hz[1] ** 0.5

    def at(x: float, y: float) -> tuple[float | None, float | None]:
        return (
            rounded(window[0] + x / pixels),
            rounded((bottom + (top - bottom) * y / _HEIGHT) ** 2),
        )

    lines = []
    for k in range(1, int((_HEIGHT + width) // _HATCH) + 1):
        start = k * _HATCH - width  # height at the left edge of a line that falls to the left
        x0, y0 = (0.0, start) if start >= 0 else (-start, 0.0)
        x1, y1 = (width, start + width)
        if y1 > _HEIGHT:
            x1, y1 = _HEIGHT - start, float(_HEIGHT)
        if x1 <= x0:
            continue
        (minute, low), (to, high) = at(x0, y0), at(x1, y1)
        lines.append({"minute": minute, "to": to, "hz": low, "hz2": high})
    return lines


def _speed(spectra: xr.Dataset, shown: NDArray[np.bool_]) -> list[dict[str, float | None]]:
    """Speed of each column, null where it is unknown; empty when it is nowhere known."""
    import numpy as np

    if "speed_cm_s" not in spectra:
        return []
    speed = spectra["speed_cm_s"].values[shown]
    time = spectra["time"].values.astype(float)[shown] / 60
    if not np.isfinite(speed).any():
        return []
    return [
        {"minute": rounded(minute), "speed": rounded(value) if finite(value) else None}
        for minute, value in zip(time, speed, strict=True)
    ]


@cache
def _spectrogram_spec(with_speed: bool) -> str:
    """Picture, handling and doses; the speed in a strip below."""
    import altair as alt

    frame = alt.Chart(alt.NamedData(name="frame"))
    scale = alt.Scale(zero=False, nice=False)
    title = "minutes of the session"
    x = alt.X("minute:Q", title=None if with_speed else title, scale=scale,
              axis=alt.Axis(tickCount=12, labels=not with_speed))  # fmt: skip
    y = alt.Y(
        "hz:Q",
        title="frequency, Hz",
        scale=alt.Scale(type="sqrt", zero=False, nice=False),
        axis=alt.Axis(grid=False, values=list(_TICKS_HZ), labelOverlap=False),
    )
    picture = (
        frame.transform_filter("datum.url !== ''")
        .mark_image(width=WIDTH, height=_HEIGHT, align="left", baseline="top", aspect=False)
        .encode(x=alt.XValue(0), y=alt.YValue(0), url="url:N")
    )
    corners = frame.mark_point(opacity=0).encode(x=x, y=y)
    hatch = alt.Chart(alt.NamedData(name="hatch"))
    lines = hatch.mark_rule(color=INK, strokeWidth=0.7, opacity=0.55).encode(
        x="minute:Q", x2="to:Q", y="hz:Q", y2="hz2:Q"
    )
    doses = alt.Chart(alt.NamedData(name="doses"))
    tip = [alt.Tooltip("time", type="nominal", title="dose")]
    dose = doses.mark_rule(color=INK, strokeWidth=2).encode(x="minute:Q", tooltip=tip)
    upper = alt.layer(picture, corners, lines, dose).properties(width=WIDTH, height=_HEIGHT)
    if not with_speed:
        return chart_text(upper)
    below = alt.X("minute:Q", title=title, scale=scale, axis=alt.Axis(tickCount=12))
    edges = frame.mark_point(opacity=0).encode(x=below)
    handled = alt.Chart(alt.NamedData(name="handling")).mark_rect(color=BAND, opacity=0.28)
    speed = alt.Chart(alt.NamedData(name="speed")).mark_area(
        color=BAND, line={"color": INK, "strokeWidth": 1}, opacity=0.45, interpolate="step"
    )
    strip = alt.layer(
        edges,
        handled.encode(x="minute:Q", x2="to:Q"),
        speed.encode(
            x=below,
            y=alt.Y(
                "speed:Q", title="cm/s", axis=alt.Axis(tickCount=2), scale=alt.Scale(zero=True)
            ),
        ),
        dose,
    ).properties(width=WIDTH, height=_STRIP)
    return chart_text(alt.vconcat(upper, strip, spacing=6))
