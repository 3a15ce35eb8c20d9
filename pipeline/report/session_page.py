"""One page per session: what it is made of. It is told times, never drugs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.report.embed import (
    environment,
    inline_json,
    policy,
    template_text,
    vega_library,
    write_page,
)
from pipeline.report.session_charts import psd_chart, trial_chart
from pipeline.report.session_coupling import comodulogram_charts, coupling_charts
from pipeline.report.session_files import read_dataset, there
from pipeline.report.session_index import listing_of, neighbours, write_listing
from pipeline.report.session_spectrogram import reference_words, spectrogram_charts
from pipeline.report.session_tables import (
    clock_table,
    epoch_table,
    fact_list,
    recording_table,
    status_list,
    trial_table,
)
from pipeline.report.session_timeline import glances, timeline_chart
from pipeline.report.session_units import quality_table, rate_map, unit_summary

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

#: steps whose status files a session's folder holds
STEPS = ("extract", "measure")


@dataclass(frozen=True, kw_only=True, eq=False)
class SessionPage:
    """What a session's page shows; whatever is None becomes a plain line instead.

    Attributes
    ----------
    session, animal : str
        Names.
    facts : mapping
        Label -> value, shown in this order (recordings, logs, and what the lab's tables say).
    status : mapping
        Step -> its status file: ``state``, ``reason``, ``warnings``, ``facts``.
    sync : mapping or None
        sync.json: ``clock``; ``logs`` with file, method, and offset_s or the alignment by pulses;
        ``recordings`` and ``gaps_s``.
    contexts : pandas.DataFrame or None
        context, start_s, stop_s (seconds on the session clock).
    epochs : pandas.DataFrame or None
        epochs.tsv: phase, context, interval, start_s, stop_s, recorded_s, clean_s, kept_fraction.
    administrations_s : tuple of float
        Times of all doses on the session clock; which dose it was is not known here.
    handling_s : tuple of (float, float)
        Cut out around every administration.
    baseline_phase : str
        Phase that spectrograms are compared with.
    context_order, phase_order : tuple of str
        Contexts and phases as the experiment lists them: their places and tints on every page.
    around_s : tuple of (float, float)
        Seconds before the first and after the last administration that spectrograms show.
    spectra : xarray.Dataset or None
        spectra.nc: ``psd`` (epoch, channel, frequency) with phase, context, interval on epoch and
        region on channel; ``spectrogram`` (time, channel, row_frequency); uV^2/Hz; and, if
        movement is known, ``speed_cm_s`` (time).
    coupling : xarray.Dataset or None
        coupling.nc: ``coherence``, ``imaginary_coherence``, ``debiased_wpli`` and
        ``pairwise_phase_consistency`` (cell, pair, frequency), pairs as "A~B"; ``comodulogram``
        (cell, region, phase_frequency, amplitude_frequency); phase, context, anchor, step on cell.
    units : xarray.Dataset or None
        units.nc: ``spike_time``, ``spike_unit`` (spike); unit_id, region, quality (unit).
    unit_quality : pandas.DataFrame or None
        units.tsv, all text: unit_id, kept, reason and the numbers that this rests on.
    trials : pandas.DataFrame or None
        trials.parquet, scored or not: trial, rule, correct, omission, t_choice and, if scored,
        outcome, t_trial and the errors' types.
    error_scheme : str
        Which ``error_<scheme>`` column of scored trials is counted.
    """

    session: str
    animal: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    status: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sync: Mapping[str, Any] | None = None
    contexts: pd.DataFrame | None = None
    epochs: pd.DataFrame | None = None
    administrations_s: tuple[float, ...] = ()
    handling_s: tuple[float, float] = (0.0, 0.0)
    baseline_phase: str = ""
    context_order: tuple[str, ...] = ()
    phase_order: tuple[str, ...] = ()
    around_s: tuple[float, float] = (1800.0, 7200.0)
    spectra: xr.Dataset | None = None
    coupling: xr.Dataset | None = None
    units: xr.Dataset | None = None
    unit_quality: pd.DataFrame | None = None
    trials: pd.DataFrame | None = None
    error_scheme: str = ""

    @property
    def step_facts(self) -> dict[str, Any]:
        """What the steps state: duration_s, n_channels, regions, bad_channels, units_left_out."""
        found: dict[str, Any] = {}
        for status in self.status.values():
            found |= status.get("facts", {})
        return found

    @property
    def state(self) -> str:
        """``ok``, else the state of the first step that was not."""
        states = [status.get("state", "") for status in self.status.values()]
        return next((state for state in states if state != "ok"), "ok")


def read_session(
    folder: Path,
    *,
    session: str,
    animal: str,
    facts: Mapping[str, Any] | None = None,
    contexts: Iterable[Mapping[str, Any]] = (),
    administrations_s: Iterable[float] = (),
    handling_s: tuple[float, float] = (0.0, 0.0),
    baseline_phase: str = "",
    context_order: Sequence[str] = (),
    phase_order: Sequence[str] = (),
    around_s: tuple[float, float] = (1800.0, 7200.0),
    task: Mapping[str, Any] | None = None,
    error_scheme: str = "",
) -> SessionPage:
    """Read what the steps left in a session's folder.

    Parameters
    ----------
    folder : pathlib.Path
        ``results/sessions/<session>``; absent or empty files stand for what a session lacks.
    session, animal, facts, administrations_s, handling_s, error_scheme, baseline_phase, \
    context_order, phase_order, around_s
        As in :class:`SessionPage`.
    contexts : iterable of mapping
        Rows with context, start_s, stop_s.
    task : mapping, optional
        The declared task; trials are scored by it.

    Returns
    -------
    SessionPage
        Arrays are in memory and their files closed.
    """
    import pandas as pd

    status = {}
    for step in STEPS:
        path = folder / f"{step}.status.json"
        if there(path):
            status[step] = json.loads(path.read_text(encoding="utf-8"))
    rows = pd.DataFrame(list(contexts), columns=["context", "start_s", "stop_s"])
    epochs, trials = folder / "epochs.tsv", folder / "trials.parquet"
    sync, judged = folder / "sync.json", folder / "units.tsv"
    return SessionPage(
        session=session,
        animal=animal,
        facts=facts or {},
        status=status,
        sync=json.loads(sync.read_text(encoding="utf-8")) if there(sync) else None,
        contexts=rows if len(rows) else None,
        epochs=pd.read_csv(epochs, sep="\t") if there(epochs) else None,
        administrations_s=tuple(administrations_s),
        handling_s=handling_s,
        baseline_phase=baseline_phase,
        context_order=tuple(context_order),
        phase_order=tuple(phase_order),
        around_s=around_s,
        spectra=read_dataset(folder / "spectra.nc"),
        coupling=read_dataset(folder / "coupling.nc"),
        units=read_dataset(folder / "units.nc"),
        unit_quality=pd.read_csv(judged, sep="\t", dtype=str, keep_default_na=False)
        if there(judged)
        else None,
        trials=_scored(pd.read_parquet(trials), task) if there(trials) else None,
        error_scheme=error_scheme,
    )


def _scored(trials: pd.DataFrame, task: Mapping[str, Any] | None) -> pd.DataFrame:
    if task is None:
        return trials
    from pipeline.flexibility import Task, score

    return score(trials, Task.model_validate(task)).trials


def write_session_pages(
    sessions: Iterable[SessionPage],
    folder: Path,
    *,
    report: Path,
    title: str = "",
    visits: Sequence[tuple[str, str]] = (),
) -> list[Path]:
    """Write ``<folder>/<session>/session.html`` for each session, and the listing of them.

    Parameters
    ----------
    sessions : iterable of SessionPage
        Taken one at a time, so that a generator keeps one session in memory.
    folder : pathlib.Path
        ``results/sessions``.
    report : pathlib.Path
        ``results/report``: gets ``assets/sessions.json``, from which
        :func:`pipeline.report.session_index.write_session_index` makes the index, and
        ``assets/vega.js``, which all pages share.
    title : str
        Title of the experiment.
    visits : sequence of (str, str)
        Session and animal of every page, in the order of the experiment: pages link to their
        neighbours and to the animal's other sessions.

    Returns
    -------
    list of pathlib.Path
        All files written; the same sessions give the same bytes.
    """
    library = report / "assets" / "vega.js"
    write_page(library, vega_library())
    written = [library]
    scripts = (template_text("report.js"), template_text("tables.js"))
    style = template_text("style.css") + template_text("session.css")
    template = environment().get_template("session.html")
    rows = []
    for page in sessions:
        path = folder / page.session / "session.html"
        text = template.render(
            title=title,
            page=page,
            home=_relative(report, path.parent),
            library=_relative(library, path.parent),
            near=neighbours(page.session, page.animal, visits),
            style=style,
            scripts=scripts,
            policy=policy(*scripts, files="'self' file:"),
            statuses=status_list(page),
            glances=glances(page),
            facts=fact_list(page),
            clocks=clock_table(page),
            parts=recording_table(page),
            timeline=timeline_chart(page),
            epochs=epoch_table(page),
            psd=psd_chart(page),
            spectrograms=spectrogram_charts(page),
            reference=reference_words(page),
            couplings=coupling_charts(page),
            comodulograms=comodulogram_charts(page),
            units=quality_table(page),
            unit_words=unit_summary(page),
            rates=rate_map(page),
            raster=trial_chart(page),
            trials=trial_table(page),
            json=inline_json,
        )
        write_page(path, text)
        written.append(path)
        rows.append(listing_of(page, _relative(path, report)))
    return [*written, write_listing(rows, report / "assets" / "sessions.json")]


def _relative(path: Path, start: Path) -> str:
    return os.path.relpath(path, start).replace(os.sep, "/")
