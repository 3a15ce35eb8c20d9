"""Charts of a session's page: spectra, trials.

A chart's specification depends on little (which regions, which contexts) and is built once for all
sessions; each page only brings its data.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from pipeline.report.lookup import rows_of, text
from pipeline.report.marks import rounded
from pipeline.report.names import spoken
from pipeline.report.numbers import finite
from pipeline.report.session_tables import trial_outcomes
from pipeline.report.style import BAND, CONDITION_COLOURS, INK, MUTED, chart_config

if TYPE_CHECKING:
    import numpy as np

    from pipeline.report.session_page import SessionPage

#: outcomes of a trial: colour and shape
TRIAL_MARKS = {
    "correct": (INK, "stroke"),
    "error": (CONDITION_COLOURS[2], "cross"),
    "omission": (BAND, "circle"),
    "unscored": (MUTED, "triangle-down"),
}
#: points of a drawn spectrum, and its frequencies
_POINTS, _LOWEST_HZ, _HIGHEST_HZ = 110, 1.0, 200.0
#: of all charts, pixels
WIDTH = 860


def filled(specification: str, datasets: dict[str, Any]) -> dict[str, Any]:
    """Return a specification with a page's data."""
    return {**json.loads(specification), "datasets": datasets}


def in_order(labels: Iterable[str], order: Sequence[str]) -> tuple[str, ...]:
    """Each label once: as the experiment lists them, then those that it does not, as they come.

    So a context has its place and its look on the pages of all sessions, in whichever order the
    animal visited them.
    """
    met = dict.fromkeys(labels)
    listed = dict.fromkeys(order)
    return (
        *(name for name in listed if name in met),
        *(name for name in met if name not in listed),
    )


def chart_text(chart: Any) -> str:
    """Return a chart's specification as text."""
    return json.dumps(chart.configure(**chart_config()).to_dict(), sort_keys=True)


# -- spectra ---------------------------------------------------------------------------------------


def psd_chart(page: SessionPage) -> dict[str, Any] | None:
    """Mean spectrum of each region and epoch; None without spectra."""
    if page.spectra is None or "psd" not in page.spectra:
        return None
    psd = page.spectra["psd"]
    regions = tuple(dict.fromkeys(map(str, psd["region"].values)))
    phases = in_order(map(str, psd["phase"].values), page.phase_order)
    records: list[dict[str, Any]] = []
    for region in regions:
        channels = psd["region"].values.astype(str) == region
        mean = psd.values[:, channels, :].mean(axis=1)
        frequency, level = _log_bins(psd["frequency"].values, mean)
        for epoch in range(psd.sizes["epoch"]):
            phase, context = (str(psd[name].values[epoch]) for name in ("phase", "context"))
            interval = int(psd["interval"].values[epoch])
            records += [
                {
                    "region": region,
                    "phase": spoken(phase),
                    "context": spoken(context),
                    "line": f"{phase} {context} {interval}",
                    "hz": rounded(hz),
                    "db": rounded(value),
                }
                for hz, value in zip(frequency, level[epoch], strict=True)
                if finite(value)
            ]
    if not records:
        return None
    seen = {record["context"] for record in records}
    listed = map(spoken, in_order(map(str, psd["context"].values), page.context_order))
    contexts = tuple(name for name in listed if name in seen)
    levels = [record["db"] for record in records]
    domain = [min(levels) - 1, max(levels) + 1]
    specification = _psd_spec(regions, contexts, tuple(map(spoken, phases)))
    chart = filled(specification, {"spectra": records})
    return {**chart, "params": [{"name": "levels", "value": domain}]}


def _log_bins(frequency: np.ndarray, psd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean power in bins of equal ratio, in dB; bins without a frequency are left out."""
    import numpy as np

    top = min(_HIGHEST_HZ, float(frequency.max()))
    edges = np.geomspace(_LOWEST_HZ, top * 1.0001, _POINTS + 1)
    bins = np.digitize(frequency, edges) - 1
    held = [index for index in range(_POINTS) if (bins == index).any()]
    centres = np.array([frequency[bins == index].mean() for index in held])
    means = np.stack([psd[:, bins == index].mean(axis=1) for index in held], axis=1)
    with np.errstate(divide="ignore"):
        return centres, 10 * np.log10(means)


@cache
def _psd_spec(regions: tuple[str, ...], contexts: tuple[str, ...], phases: tuple[str, ...]) -> str:
    """A row of panels per region, a panel per context, a line per phase (and interval)."""
    import altair as alt

    shades = [BAND, INK, *CONDITION_COLOURS]
    colour = alt.Color(
        "phase:N",
        title=None,
        legend=alt.Legend(orient="top"),
        scale=alt.Scale(
            domain=list(phases), range=[shades[i % len(shades)] for i in range(len(phases))]
        ),
    )
    x = alt.X(
        "hz:Q",
        title="frequency, Hz",
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(values=[1, 2, 4, 8, 16, 32, 64, 128], grid=True),
    )
    tips = [alt.Tooltip(name, type="nominal") for name in ("phase", "context", "region")]
    panels = []
    for region in regions:
        for context in contexts:
            title = "dB re 1 µV²/Hz" if context == contexts[0] else None
            y = alt.Y("db:Q", title=title, scale=alt.Scale(domainRaw=alt.ExprRef("levels")))
            panels.append(
                alt.Chart(
                    alt.NamedData(name="spectra"),
                    title=alt.TitleParams(f"{region}, {context}", frame="group"),
                )
                .transform_filter(alt.FieldEqualPredicate(field="region", equal=region))
                .transform_filter(alt.FieldEqualPredicate(field="context", equal=context))
                .mark_line(strokeWidth=1.5, strokeJoin="round")
                .encode(x=x, y=y, color=colour, detail="line:N", tooltip=tips)
                .properties(width=240, height=170)
            )
    chart = alt.ConcatChart(
        concat=panels,
        columns=min(len(contexts), 3),
        spacing=24,
        params=[alt.VariableParameter(name="levels", value=[0, 1])],
    )
    return chart_text(chart)


# -- trials ----------------------------------------------------------------------------------------


def trial_chart(page: SessionPage) -> dict[str, Any] | None:
    """Every trial by rule: right, wrong, omitted; None without trials."""
    if page.trials is None or page.trials.empty:
        return None
    trials = page.trials.assign(shown=trial_outcomes(page.trials))
    time = "t_trial" if "t_trial" in trials.columns else "t_choice"
    timed = time in trials.columns and trials[time].notna().any()
    column = f"error_{page.error_scheme}"
    records = []
    for index, row in enumerate(rows_of(trials), 1):
        at = row[time] / 60 if timed else row.get("trial", index)
        if not finite(at):
            continue
        colour, shape = TRIAL_MARKS.get(row["shown"], TRIAL_MARKS["unscored"])
        kind = spoken(text(row.get(column, "")))
        records.append(
            {
                "at": rounded(at),
                "rule": text(row.get("rule")) or "–",
                "trial": str(row.get("trial", index)),
                "outcome": row["shown"],
                "kind": kind if kind not in ("none", row["shown"]) else "",
                "colour": colour,
                "shape": shape,
            }
        )
    if not records:
        return None
    rules = tuple(dict.fromkeys(record["rule"] for record in records))
    met = tuple(name for name in TRIAL_MARKS if name in {r["outcome"] for r in records})
    return filled(_trial_spec(rules, met, timed), {"trials": records})


@cache
def _trial_spec(rules: tuple[str, ...], outcomes: tuple[str, ...], timed: bool) -> str:
    import altair as alt

    title = "minutes of the session" if timed else "trial"
    x = alt.X("at:Q", title=title, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=12))
    y = alt.Y("rule:N", title="rule", sort=None, scale=alt.Scale(domain=list(rules)))
    colour = alt.Color(
        "outcome:N",
        title=None,
        legend=alt.Legend(orient="top"),
        scale=alt.Scale(domain=list(outcomes), range=[TRIAL_MARKS[name][0] for name in outcomes]),
    )
    shape = alt.Shape(
        "outcome:N",
        title=None,
        scale=alt.Scale(domain=list(outcomes), range=[TRIAL_MARKS[name][1] for name in outcomes]),
    )
    row = alt.YOffset("outcome:N", scale=alt.Scale(domain=list(outcomes)))
    tips = [alt.Tooltip(name, type="nominal") for name in ("trial", "rule", "outcome", "kind")]
    chart = (
        alt.Chart(alt.NamedData(name="trials"))
        .mark_point(size=46, strokeWidth=1.5, opacity=1)
        .encode(x=x, y=y, yOffset=row, color=colour, shape=shape, tooltip=tips)
    )
    return chart_text(chart.properties(width=WIDTH, height=54 * len(rules)))
