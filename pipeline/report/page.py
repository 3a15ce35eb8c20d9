"""The cohort report: one self-contained page, and the small page of what changes between runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.experiment.plan import AnalysisPlan
from pipeline.metric import Metric
from pipeline.report.answer_balance import balance_view
from pipeline.report.behaviour import BehaviourTables
from pipeline.report.bibliography import parts
from pipeline.report.blinding import notice, omnibus_lines
from pipeline.report.calibration import calibration_view
from pipeline.report.carry_over import carry_over
from pipeline.report.chapters import chapters, outcome_order
from pipeline.report.cohort_maps_tables import MapTables
from pipeline.report.design_tables import completeness_view, design_table, n_words
from pipeline.report.downloads import downloads_view
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
from pipeline.report.figure_list import FILE, listed_figures, write_figure_list
from pipeline.report.figures import chart_json
from pipeline.report.lookup import Contrasts
from pipeline.report.matrix import panels
from pipeline.report.methods import methods_text
from pipeline.report.methods_document import write_documents
from pipeline.report.methods_page import methods_view
from pipeline.report.names import Names, parse
from pipeline.report.quality import quality_view
from pipeline.report.spikes import SpikeTables
from pipeline.report.spikes_quality import unit_quality
from pipeline.report.splits import remarks, split_tables
from pipeline.report.style import colours_repeat
from pipeline.report.time_courses import time_course_methods
from pipeline.report.timeline import timeline_chart
from pipeline.report.views import figure_keys
from pipeline.report.whiskers import WHISKER_WIDTH

if TYPE_CHECKING:
    import pandas as pd

#: style sheets of the cohort report: the one of all pages, then one for each part that needs more
STYLES = ("style.css", "answer.css", "chapters.css", "quality.css", "methods.css",
          "downloads.css")  # fmt: skip


def write_report(
    outcomes: pd.DataFrame,
    contrasts: pd.DataFrame,
    verdicts: pd.DataFrame,
    completeness: pd.DataFrame,
    *,
    plan: AnalysisPlan,
    metrics: Mapping[str, Metric],
    design: Mapping[str, Any],
    methods: Mapping[str, Any],
    figures: Path,
    path: Path,
    spectra: pd.DataFrame | None = None,
    clusters: pd.DataFrame | None = None,
    time_courses: pd.DataFrame | None = None,
    time_clusters: pd.DataFrame | None = None,
    calibration: pd.DataFrame | None = None,
    behaviour: BehaviourTables | None = None,
    units: SpikeTables | None = None,
    maps: MapTables | None = None,
) -> Path:
    """Write the cohort report, one file that needs no network, and the methods beside it.

    Parameters
    ----------
    outcomes, contrasts, verdicts, completeness : pandas.DataFrame
        Tables of design.md section 5; completeness as
        :func:`pipeline.report.design_tables.completeness_view` reads it.
    plan : AnalysisPlan
        Title, labels, order, bounds.
    metrics : Mapping of str to Metric
        The registry.
    design : mapping
        ``blind`` (bool), ``blinding`` (as :func:`pipeline.report.blinding.notice` reads it),
        ``warnings`` (list of str), ``sessions`` (rows with session, animal, sex,
        cohort, cage, start), ``anchors`` (rows with session, animal, condition, drug,
        dose_mg_per_kg, route, time_s, step, period) and, for the time line, ``contexts`` (rows with
        session, context, start_s, stop_s) and ``administrations``, where others than the anchors
        were given (rows with session, time_s).
    methods : mapping
        ``config`` (resolved settings as nested plain data), ``versions`` and ``made_of`` (as
        :func:`pipeline.report.reproducibility.reproducibility_view` reads it).
    figures : pathlib.Path
        Folder that :func:`pipeline.report.figures.write_figures` filled from the same tables.
    path : pathlib.Path
        The page; the folder is made if absent.
    spectra, clusters : pandas.DataFrame, optional
        spectra_units.parquet and clusters.tsv, as ``figures`` was made from.
    time_courses, time_clusters : pandas.DataFrame, optional
        timecourses.parquet and timecourse_clusters.tsv, likewise.
    calibration : pandas.DataFrame, optional
        calibration.tsv: error rates of this cohort with shuffled labels.
    behaviour : BehaviourTables, optional
        Trials of set-shifting and what was made of them.
    units : SpikeTables, optional
        Units and what was made of them.
    maps : MapTables, optional
        Spectrograms and comodulograms.

    Returns
    -------
    pathlib.Path
        ``path``. The same tables give the same bytes; nothing in it depends on time or host.

    Raises
    ------
    InputError
        If a table lacks a column that the report needs.
    FileNotFoundError
        If a figure is missing from ``figures``.
    """
    names = Names(plan=plan, metrics=metrics)
    blind = plan.blind or bool(design.get("blind", False))
    index = Contrasts(contrasts)
    config = methods.get("config", {})
    order = outcome_order(outcomes, list(config.get("lfp", {}).get("bands", {})))
    splits = split_tables(verdicts, index, order, names)
    drawn = figure_keys(outcomes, names, index)
    answer = panels(verdicts, index, order, names, remarks(splits), drawn)
    done = completeness_view(completeness)
    lost = {line.session: f"{line.state}: {line.reason}" for line in (*done.failed, *done.excluded)}
    shown = {
        name: metrics[name] for name in sorted({parse(o).metric for o in order} & set(metrics))
    }
    given = {
        "outcomes": outcomes,
        "contrasts": contrasts,
        "verdicts": verdicts,
        "completeness": completeness,
        "spectra": spectra,
        "clusters": clusters,
        "time_courses": time_courses,
        "time_clusters": time_clusters,
        "calibration": calibration,
        **({} if behaviour is None else behaviour.by_name),
        **({} if units is None else units.by_name),
        **({} if maps is None else maps.by_name),
    }
    n = {**done.n, "reasons": lost}
    told = methods_view(
        [
            *methods_text(
                methods,
                plan,
                shown,
                n,
                contrasts=contrasts,
                outcomes=outcomes,
                clusters=clusters,
            ).split("\n\n"),
            *time_course_methods(time_clusters, names),
        ],
        methods,
        design,
        n,
        names,
        outcomes=order,
        verdicts=verdicts,
        contrasts=contrasts,
    )
    parted = chapters(
        outcomes,
        index,
        verdicts,
        names,
        figures=figures,
        order=order,
        panel_keys={(panel.phase, panel.modifier): panel.key for panel in answer},
        spectra=spectra,
        clusters=clusters,
        time_courses=time_courses,
        time_clusters=time_clusters,
        behaviour=behaviour,
        units=units,
        maps=maps,
    )
    listed = list(listed_figures(parted, order, names))
    scripts = (vega_library(), template_text("report.js"))
    page = (
        environment()
        .get_template("report.html")
        .render(
            plan=plan,
            names=names,
            style="".join(map(template_text, STYLES)),
            scripts=scripts,
            policy=policy(*scripts),
            n_words=n_words(done, names),
            blind=blind,
            blinding=notice(design.get("blinding", {}), blind=blind),
            omnibus=omnibus_lines(contrasts, order, names) if blind else (),
            warnings=list(design.get("warnings", ())),
            panels=answer,
            whisker_width=WHISKER_WIDTH,
            completeness=done,
            quality=quality_view(completeness, done, outcomes, names),
            design=design_table(outcomes, verdicts, design, lost, names),
            balance=balance_view(design, lost, names),
            timeline=_timeline(design, config, lost, names),
            chapters=parted,
            colours_repeat=colours_repeat(plan),
            splits=splits,
            carry_over=carry_over(index, order, names),
            unit_quality=unit_quality(None if units is None else units.units),
            calibration=calibration_view(calibration, outcomes, contrasts, names),
            methods=told,
            parts=parts,
            settings=_flat(config),
            versions=sorted(methods.get("versions", {}).items()),
            downloads=downloads_view(given, path.parent, n_figures=len(listed), figure_list=FILE),
            json=inline_json,
        )
    )
    write_page(path, page)
    write_figure_list(path.with_name(FILE), listed)
    write_documents(path.parent, told.document)
    return path


def write_run_page(path: Path, facts: Mapping[str, Any]) -> Path:
    """Write what changes from run to run: times, host, durations. The report itself has none.

    Parameters
    ----------
    path : pathlib.Path
        ``results/report/run.html``.
    facts : mapping
        Label -> value; a value may itself be a mapping (shown as a table of its own).

    Returns
    -------
    pathlib.Path
        ``path``.
    """
    simple = {key: value for key, value in facts.items() if not isinstance(value, Mapping)}
    groups = {key: value for key, value in facts.items() if isinstance(value, Mapping)}
    page = (
        environment()
        .get_template("run.html")
        .render(style=template_text("style.css"), policy=policy(), facts=simple, groups=groups)
    )
    write_page(path, page)
    return path


def _timeline(
    design: Mapping[str, Any], config: Mapping[str, Any], lost: Mapping[str, str], names: Names
) -> dict[str, Any] | None:
    import json

    chart = timeline_chart(design, config.get("design", {}), names, lost)
    if chart is None:
        return None
    specification = chart_json(chart)
    return {
        "svg": inline_svg(render_svg(specification)),
        "specification": json.loads(specification),
    }


def _flat(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Every setting with its dotted key, in the config's order."""
    rows: list[tuple[str, str]] = []
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            rows += _flat(value, f"{name}.")
        else:
            rows.append((name, _setting(value)))
    return rows


def _setting(value: Any) -> str:
    if value is None or value == {}:
        return "–"
    if isinstance(value, list | tuple):
        return ", ".join(_setting(item) for item in value) or "–"
    return str(value)
