"""Charts of a session's page: coupling between regions, and comodulograms.

As in :mod:`pipeline.report.session_charts`, a chart's specification depends on little and is built
once for all sessions; each page only brings its data.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from pipeline.report.marks import rounded
from pipeline.report.names import spoken
from pipeline.report.numbers import finite
from pipeline.report.session_charts import in_order
from pipeline.report.style import BAND, CONDITION_COLOURS, INK, MUTED, chart_config

if TYPE_CHECKING:
    import altair as alt
    import numpy as np
    import xarray as xr

    from pipeline.report.session_page import SessionPage

#: measures and their titles: above those that also count what has no lag, below those that do not
PANELS = {
    "coherence": "Coherence (also without a lag)",
    "pairwise_phase_consistency": "Pairwise phase consistency (also without a lag)",
    "imaginary_coherence": "Imaginary coherence (with a lag only)",
    "debiased_wpli": "Debiased wPLI (with a lag only)",
}
#: dashes of the contexts, in the order in which they come
DASHES = ([1, 0], [6, 3], [2, 2], [9, 3, 2, 3], [1, 4], [12, 4])
#: colours of a comodulogram, from nothing to its most: by lightness alone, so that they hold on
#: paper and without colour vision
RAMP = ("#f2f5f7", "#c3d3e0", "#86a7c2", "#467a9f", "#1c4f77", "#0a2a47")
#: points of a drawn spectrum, and its frequencies
_POINTS, _LOWEST_HZ, _HIGHEST_HZ = 80, 1.0, 200.0
_PANEL_WIDTH, _PANEL_HEIGHT = 360, 140
_MAP_WIDTH, _MAP_HEIGHT, _MAPS_IN_A_ROW = 168, 130, 4


def coupling_charts(page: SessionPage) -> list[tuple[str, dict[str, Any]]]:
    """Pair of regions and chart of its four measures; empty without coupling."""
    dataset = page.coupling
    if dataset is None or not set(PANELS) <= set(dataset.data_vars):
        return []
    charts = []
    for pair in map(str, dataset["pair"].values):
        lines = _lines(dataset.sel(pair=pair))
        if lines:
            phases = tuple(dict.fromkeys(line["phase"] for line in lines))
            listed = tuple(map(spoken, page.context_order))
            contexts = in_order((line["context"] for line in lines), listed)
            specification = _coupling_spec(phases, contexts)
            charts.append((pair.replace("~", "–"), _filled(specification, {"lines": lines})))
    return charts


def _lines(dataset: xr.Dataset) -> list[dict[str, Any]]:
    """One record per measure and cell; its frequencies and values are lists, null in the gaps."""
    lines = []
    names = [_names(dataset, cell) for cell in range(dataset.sizes["cell"])]
    for measure in PANELS:
        values = dataset[measure].transpose("cell", "frequency").values
        centres, curves = _binned(dataset["frequency"].values, values)
        for cell, means in enumerate(curves):
            if any(value is not None for value in means):
                phase, context = names[cell]
                lines.append(
                    {
                        "measure": measure,
                        "phase": phase,
                        "context": context,
                        "line": cell,
                        "hz": centres,
                        "value": means,
                    }
                )
    return lines


def _names(dataset: xr.Dataset, cell: int) -> tuple[str, str]:
    """Phase and context of a cell as they are read; a later dose of a session is named."""
    phase, context = (spoken(str(dataset[name].values[cell])) for name in ("phase", "context"))
    step = int(dataset["step"].values[cell])
    return (phase if step <= 1 else f"{phase}, dose {step}"), context


def _binned(
    frequency: np.ndarray, curves: np.ndarray
) -> tuple[list[float | None], list[list[float | None]]]:
    """Means of curves in bins of equal ratio; None where most of a bin has no value (mains).

    Parameters
    ----------
    frequency : numpy.ndarray, shape (n_frequencies,)
        Rising, Hz.
    curves : numpy.ndarray, shape (n_curves, n_frequencies)
        NaN where there is no value.

    Returns
    -------
    centres : list of float
        Mean frequency of each bin that holds one.
    means : list of list of float or None
        One list for each curve.
    """
    import numpy as np

    edges = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ * 1.0001, _POINTS + 1)
    inside = (frequency >= edges[0]) & (frequency < edges[-1])
    bins = np.digitize(frequency[inside], edges) - 1
    if not bins.size:
        return [], [[] for _ in curves]
    starts = np.flatnonzero(np.diff(bins, prepend=-1))
    held = np.diff(np.append(starts, bins.size))
    known = np.isfinite(curves[:, inside])
    n_known = np.add.reduceat(known.astype(int), starts, axis=1)
    sums = np.add.reduceat(np.where(known, curves[:, inside], 0.0), starts, axis=1)
    whole = 2 * n_known >= held
    means = np.where(whole, sums / np.maximum(n_known, 1), np.nan)
    centres = np.add.reduceat(frequency[inside], starts) / held
    return (
        [rounded(hz) for hz in centres.tolist()],
        [[rounded(value) for value in curve] for curve in means.tolist()],
    )


@cache
def _coupling_spec(phases: tuple[str, ...], contexts: tuple[str, ...]) -> str:
    """A panel per measure; a line per phase (colour) and context (dash)."""
    import altair as alt

    shades = [BAND, INK, *CONDITION_COLOURS]
    # Both legends in one row, each with its name: solid ink is a phase here and a context there.
    legend: dict[str, Any] = {
        "orient": "top",
        "titleOrient": "left",
        "symbolType": "stroke",
        "symbolSize": 500,
    }
    colour = alt.Color(
        "phase:N",
        title="phase",
        legend=alt.Legend(**legend),
        scale=alt.Scale(
            domain=list(phases), range=[shades[i % len(shades)] for i in range(len(phases))]
        ),
    )
    dash = alt.StrokeDash(
        "context:N",
        title="context",
        legend=alt.Legend(**legend, symbolStrokeColor=INK),
        scale=alt.Scale(
            domain=list(contexts), range=[DASHES[i % len(DASHES)] for i in range(len(contexts))]
        ),
    )
    panels = [_measure_panel(measure, title, colour, dash) for measure, title in PANELS.items()]
    return _json(alt.ConcatChart(concat=panels, columns=2, spacing=22))


def _measure_panel(
    measure: str, title: str, colour: alt.Color, dash: alt.StrokeDash
) -> alt.LayerChart | alt.FacetChart:
    import altair as alt

    x = alt.X(
        "hz:Q",
        title="frequency, Hz",
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(values=[1, 2, 4, 8, 16, 32, 64, 128], grid=True),
    )
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=5))
    tips = [alt.Tooltip(name, type="nominal") for name in ("phase", "context")]
    lines = (
        alt.Chart(alt.NamedData(name="lines"))
        .transform_filter(alt.FieldEqualPredicate(field="measure", equal=measure))
        .transform_flatten(["hz", "value"])
        .mark_line(strokeWidth=1.5, strokeJoin="round")
        .encode(x=x, y=y, color=colour, strokeDash=dash, detail="line:N", tooltip=tips)
    )
    zero = alt.Chart(alt.InlineData(values=[{"value": 0}])).mark_rule(color=MUTED)
    return alt.layer(zero.encode(y="value:Q"), lines).properties(
        width=_PANEL_WIDTH, height=_PANEL_HEIGHT, title=alt.TitleParams(title, frame="group")
    )


# -- comodulograms ---------------------------------------------------------------------------------


def comodulogram_charts(page: SessionPage) -> list[tuple[str, dict[str, Any]]]:
    """Region and chart of its comodulograms, all on one scale; empty without them."""
    dataset = page.coupling
    if dataset is None or "comodulogram" not in dataset:
        return []
    maps = dataset["comodulogram"].transpose(
        "cell", "region", "phase_frequency", "amplitude_frequency"
    )
    pairs = [_names(dataset, cell) for cell in range(maps.sizes["cell"])]
    ranks = [
        in_order((pair[part] for pair in pairs), tuple(map(spoken, order)))
        for part, order in enumerate((page.phase_order, page.context_order))
    ]
    order = sorted(
        range(len(pairs)),
        key=lambda cell: [r.index(n) for r, n in zip(ranks, pairs[cell], strict=True)],
    )
    maps = maps.isel(cell=order)
    names = [", ".join(pairs[cell]) for cell in order]
    charts = []
    for index, region in enumerate(map(str, maps["region"].values)):
        rows = _map_rows(maps[:, index])
        if rows:
            shown = tuple(dict.fromkeys((row["cell"], names[row["cell"]]) for row in rows))
            most = max(value for row in rows for value in row["index"] if value is not None)
            steps = tuple(
                _step(maps[name].values) for name in ("phase_frequency", "amplitude_frequency")
            )
            chart = _filled(_map_spec(shown, *steps), {"rows": rows})
            scale = {"name": "most", "value": most if most > 0 else 1.0}
            charts.append((region, {**chart, "params": [scale]}))
    return charts


def _map_rows(maps: xr.DataArray) -> list[dict[str, Any]]:
    """One record per cell and frequency of the amplitude; along it, frequencies of the phase."""
    slow = [rounded(hz) for hz in maps["phase_frequency"].values]
    return [
        {
            "cell": cell,
            "amplitude": rounded(hz),
            "phase": slow,
            "index": [rounded(value) for value in values],
        }
        for cell in range(maps.sizes["cell"])
        for hz, values in zip(maps["amplitude_frequency"].values, maps.values[cell].T, strict=True)
        if any(finite(value) for value in values)
    ]


def _step(frequency: np.ndarray) -> float:
    """Distance between neighbouring frequencies."""
    return float(round(frequency[1] - frequency[0], 6)) if len(frequency) > 1 else 1.0


@cache
def _map_spec(cells: tuple[tuple[int, str], ...], phase_step: float, amplitude_step: float) -> str:
    """A panel per cell, all on one scale of colours from zero to the region's most."""
    import altair as alt

    colour = alt.Color(
        "index:Q",
        title="modulation index",
        scale=alt.Scale(
            range=list(RAMP), domainMin=0, domainMax=alt.ExprRef("most"), interpolate="lab"
        ),
        legend=alt.Legend(
            orient="bottom", gradientLength=240, gradientThickness=10, titleLimit=300
        ),
    )

    scale, axis = alt.Scale(zero=False, nice=False), alt.Axis(grid=False, tickCount=5)
    x = alt.X("phase_low:Q", title="phase, Hz", scale=scale, axis=axis)
    tips = [
        alt.Tooltip("phase:Q", title="phase, Hz"),
        alt.Tooltip("amplitude:Q", title="amplitude, Hz"),
        alt.Tooltip("index:Q", title="modulation index"),
    ]
    panels = []
    for position, (cell, name) in enumerate(cells):
        base = (
            alt.Chart(
                alt.NamedData(name="rows"),
                title=alt.TitleParams(name, frame="group", fontWeight="normal", limit=_MAP_WIDTH),
            )
            .transform_filter(alt.FieldEqualPredicate(field="cell", equal=cell))
            .transform_flatten(["phase", "index"])
            .transform_calculate(
                phase_low=f"datum.phase - {phase_step / 2}",
                phase_high=f"datum.phase + {phase_step / 2}",
                amplitude_low=f"datum.amplitude - {amplitude_step / 2}",
                amplitude_high=f"datum.amplitude + {amplitude_step / 2}",
            )
        )
        title = "amplitude, Hz" if position % _MAPS_IN_A_ROW == 0 else None
        y = alt.Y("amplitude_low:Q", title=title, scale=scale, axis=axis)
        panels.append(
            base.transform_filter("isValid(datum.index)")
            .mark_rect()
            .encode(x=x, x2="phase_high:Q", y=y, y2="amplitude_high:Q", color=colour, tooltip=tips)
            .properties(width=_MAP_WIDTH, height=_MAP_HEIGHT)
        )
    chart = alt.ConcatChart(
        concat=panels,
        columns=min(len(cells), _MAPS_IN_A_ROW),
        spacing=18,
        params=[alt.VariableParameter(name="most", value=1)],
    )
    return _json(chart)


def _filled(specification: str, datasets: dict[str, Any]) -> dict[str, Any]:
    return {**json.loads(specification), "datasets": datasets}


def _json(chart: Any) -> str:
    return json.dumps(chart.configure(**chart_config()).to_dict(), sort_keys=True)
