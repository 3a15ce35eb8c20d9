"""The recording at a glance: a session's time line, and the few numbers that say how it went."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pipeline.report.lookup import rows_of, text
from pipeline.report.marks import rounded
from pipeline.report.names import spoken
from pipeline.report.numbers import SPACE, count, finite, listing, minutes, plain
from pipeline.report.session_charts import TRIAL_MARKS, WIDTH, chart_text, filled, in_order
from pipeline.report.session_tables import trial_outcomes
from pipeline.report.style import BAND, INK, TINTS

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.report.session_page import SessionPage

#: rows of the time line from top to bottom
ROWS = ("context", "phase", "cut out", "recorded", "artefacts", "trials")
#: what stands in the rows that have no legend: their names say it
_UNNAMED = {"handling": TINTS[5], "recording": BAND, "artefact": INK}
#: tints on which only white can be read
_DARK = (TINTS[2],)
#: pixels of a row
_ROW = 30


# -- numbers ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Glance:
    """One number of a session, with what it needs to be read."""

    label: str
    value: str
    detail: str


def glances(page: SessionPage) -> list[Glance]:
    """The numbers that say how a session went; those that it lacks are left out."""
    found = page.step_facts
    entries = []
    if "duration_s" in found:
        entries.append(Glance(label="Recorded", value=minutes(found["duration_s"]), detail=""))
    if "n_channels" in found:
        bad = found.get("bad_channels", ())
        regions = listing(map(str, found.get("regions", ())))
        entries.append(
            Glance(
                label="Bad channels",
                value=f"{len(bad)} of {found['n_channels']}",
                detail=f"{regions}{': ' if regions and bad else ''}{', '.join(map(str, bad))}",
            )
        )
    if finite(found.get("kept_fraction")):
        kinds = found.get("artefact_s", {})
        most = [
            f"{spoken(kind)} {plain(seconds, 0)}{SPACE}s"
            for kind, seconds in kinds.items()
            if finite(seconds) and round(seconds) > 0
        ]
        kept = f"{plain(100 * found['kept_fraction'], 1)}{SPACE}%"
        entries.append(Glance(label="Time kept", value=kept, detail="; ".join(most)))
    entries += _sync(page)
    if "n_units_sorted" in found:
        n_kept = found.get("n_units_kept")
        kept_of = f"{n_kept if n_kept is not None else '–'} of {found['n_units_sorted']}"
        entries.append(Glance(label="Units kept", value=kept_of, detail=""))
    if page.trials is not None and len(page.trials):
        entries.append(_answers(page.trials))
    return entries


def _sync(page: SessionPage) -> list[Glance]:
    """How far the logs lie from the recording at most; without pulses, how they were joined."""
    logs = page.sync.get("logs", ()) if page.sync else ()
    known = [log for log in logs if finite(log.get("residual_max_ms"))]
    if known:
        worst = max(known, key=lambda log: log["residual_max_ms"])
        return [
            Glance(
                label="Clocks apart by at most",
                value=f"{plain(worst['residual_max_ms'], 2)}{SPACE}ms",
                detail=f"{count(worst.get('n_matched'), 'pulse')} matched",
            )
        ]
    methods = listing(dict.fromkeys(text(log.get("method")) for log in logs))
    return (
        [Glance(label="Clocks of the logs", value=methods, detail="no pulses")] if methods else []
    )


def _answers(trials: pd.DataFrame) -> Glance:
    shown = trial_outcomes(trials)
    right, wrong = int((shown == "correct").sum()), int((shown == "error").sum())
    answered = right + wrong
    share = f"{plain(100 * right / answered, 0)}{SPACE}% correct" if answered else "none answered"
    return Glance(label="Trials", value=str(len(shown)), detail=share)


# -- time line -------------------------------------------------------------------------------------


def timeline_chart(page: SessionPage) -> dict[str, Any] | None:
    """Chart of a session's minutes: contexts, phases, what is cut out, recorded, lost, done.

    None if the session has no times.
    """
    known = [bar for bar in _bars(page) if bar is not None]
    ticks = _ticks(page)
    if not known and not ticks:
        return None
    doses = [{"at": rounded(t / 60), "time": minutes(t)} for t in page.administrations_s]
    met = {bar["row"] for bar in known} | {tick["row"] for tick in ticks}
    rows = tuple(name for name in ROWS if name in met)
    tints = {
        **_tints([bar["name"] for bar in known if bar["row"] == "context"], page.context_order, 0),
        **_tints([bar["name"] for bar in known if bar["row"] == "phase"], page.phase_order, 3),
    }
    _hide_labels_that_do_not_fit(known)
    bars = [{key: value for key, value in bar.items() if key != "name"} for bar in known]
    specification = _timeline_spec(rows, tuple(tints.items()))
    return filled(specification, {"bars": bars, "doses": doses, "ticks": ticks})


def _bars(page: SessionPage) -> Iterable[dict[str, Any] | None]:
    if page.contexts is not None:
        for row in rows_of(page.contexts):
            yield _bar("context", text(row["context"]), row["start_s"], row["stop_s"])
    if page.epochs is not None:
        for row in rows_of(page.epochs):
            kept = row.get("kept_fraction")
            share = f"{plain(100 * kept, 1)}{SPACE}% kept" if finite(kept) else ""
            yield _bar("phase", text(row["phase"]), row["start_s"], row["stop_s"], share)
    before, after = page.handling_s
    if before < after:
        for time in page.administrations_s:
            yield _bar("cut out", "handling", max(time + before, 0.0), time + after)
    for start, stop in _recorded(page):
        yield _bar("recorded", "recording", start, stop)
    for start, stop in _artefacts(page):
        yield _bar("artefacts", "artefact", start, stop)


def _recorded(page: SessionPage) -> list[tuple[float, float]]:
    """From when to when each part of the recording lasts; seconds on the session's clock."""
    parts = page.sync.get("recordings", ()) if page.sync else ()
    if parts:
        return [(part["starts_at_s"], part["starts_at_s"] + part["seconds"]) for part in parts]
    duration = page.step_facts.get("duration_s")
    return [(0.0, float(duration))] if finite(duration) else []


def _artefacts(page: SessionPage) -> list[tuple[float, float]]:
    """Spans in which the spectrogram of some channel has a gap; seconds on the session's clock."""
    if page.spectra is None or "spectrogram" not in page.spectra:
        return []
    import numpy as np

    array = page.spectra["spectrogram"].transpose("time", "channel", "row_frequency")
    time = array["time"].values.astype(float)
    if len(time) < 2:
        return []
    known = np.isfinite(array.values)
    # a channel or frequency without any value (the mains) is no artefact
    lost = (~known & known.any(axis=0)).any(axis=(1, 2))
    half = (time[1] - time[0]) / 2
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lost, [False]]).astype(int)))
    return [
        (float(time[start] - half), float(time[stop - 1] + half))
        for start, stop in zip(edges[::2], edges[1::2], strict=True)
    ]


def _ticks(page: SessionPage) -> list[dict[str, Any]]:
    """Trials at their times, by outcome; empty without clock times."""
    if page.trials is None or page.trials.empty:
        return []
    time = "t_trial" if "t_trial" in page.trials.columns else "t_choice"
    if time not in page.trials.columns:
        return []
    shown = trial_outcomes(page.trials)
    return [
        {"row": "trials", "at": rounded(at / 60), "label": label}
        for at, label in zip(page.trials[time].tolist(), shown.tolist(), strict=True)
        if finite(at)
    ]


def _hide_labels_that_do_not_fit(bars: list[dict[str, Any]]) -> None:
    """Keep a bar's word only where it fits; the legend and the tooltip name all of them."""
    if not bars:
        return
    first, last = min(bar["start"] for bar in bars), max(bar["stop"] for bar in bars)
    pixels = WIDTH / (last - first)
    for bar in bars:
        fits = 6 * len(bar["label"]) + 8 < pixels * (bar["stop"] - bar["start"])
        bar["word"] = bar["label"] if fits and bar["row"] in ("context", "phase") else ""


def _bar(row: str, label: str, start: Any, stop: Any, detail: str = "") -> dict[str, Any] | None:
    if not (finite(start) and finite(stop)) or stop <= start:
        return None
    return {
        "row": row,
        "name": label,
        "label": spoken(label),
        "start": rounded(start / 60),
        "stop": rounded(stop / 60),
        "time": f"{minutes(start)} to {minutes(stop)}{', ' if detail else ''}{detail}",
    }


def _tints(labels: Iterable[str], order: Sequence[str], first: int) -> dict[str, str]:
    """Tint of each label by its place in the experiment, the same on the pages of all sessions."""
    listed = in_order([*order, *labels], order)
    return {
        spoken(name): TINTS[(first + listed.index(name)) % len(TINTS)]
        for name in in_order(labels, order)
    }


@cache
def _timeline_spec(rows: tuple[str, ...], named: tuple[tuple[str, str], ...]) -> str:
    """Rows from top to bottom, and the tint of each context and phase.

    A name that is a context and a phase has one tint: one scale draws both rows.
    """
    import altair as alt

    bars = alt.Chart(alt.NamedData(name="bars"))
    x = alt.X("start:Q", title="minutes of the session", axis=alt.Axis(tickCount=12))
    y = alt.Y(
        "row:N",
        title=None,
        sort=None,
        scale=alt.Scale(domain=list(rows)),
        axis=alt.Axis(ticks=False, domain=False),
    )
    tints = {**_UNNAMED, **dict(named)}
    fill = alt.Fill(
        "label:N",
        title=None,
        scale=alt.Scale(domain=list(tints), range=list(tints.values())),
        legend=alt.Legend(
            orient="top",
            symbolType="square",
            symbolStrokeWidth=0,
            values=[name for name, _ in named],
        )
        if named
        else None,
    )
    tips = [alt.Tooltip("label", type="nominal"), alt.Tooltip("time", type="nominal")]
    dark = [name for name, tint in named if tint in _DARK]
    ink = alt.when(alt.FieldOneOfPredicate(field="label", oneOf=dark)).then(alt.value("#ffffff"))
    words = bars.mark_text(align="left", dx=4, fontSize=10.5)
    doses = alt.Chart(alt.NamedData(name="doses")).mark_rule(color=INK, strokeWidth=2)
    colour = alt.Color(
        "label:N",
        legend=None,
        scale=alt.Scale(
            domain=list(TRIAL_MARKS), range=[colour for colour, _ in TRIAL_MARKS.values()]
        ),
    )
    trials = alt.Chart(alt.NamedData(name="ticks")).mark_tick(thickness=1.5, height=20)
    chart = alt.layer(
        bars.mark_bar(height=20).encode(x=x, x2="stop:Q", y=y, fill=fill, tooltip=tips),
        words.encode(x="start:Q", y=y, text="word:N", color=ink.otherwise(alt.value("#14171b"))),
        trials.encode(x="at:Q", y=y, color=colour, tooltip=[alt.Tooltip("label:N", title="trial")]),
        doses.encode(x="at:Q", tooltip=[alt.Tooltip("time", type="nominal", title="dose")]),
    )
    return chart_text(chart.properties(width=WIDTH, height=_ROW * len(rows)))
