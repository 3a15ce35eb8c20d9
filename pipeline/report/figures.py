"""Figures as files: specification, SVG, PDF and the data, under names made of the outcome's id."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.experiment.plan import AnalysisPlan
from pipeline.files import replacing
from pipeline.metric import Metric
from pipeline.report.behaviour import BehaviourTables, behaviour_figures
from pipeline.report.estimation import estimation_chart
from pipeline.report.lookup import Contrasts
from pipeline.report.names import Names
from pipeline.report.spectra import spectra_data, spectra_views
from pipeline.report.spectra_chart import spectra_chart
from pipeline.report.spikes import SpikeTables, spike_figures
from pipeline.report.survival import survival_chart, survival_data, survival_views
from pipeline.report.time_courses import time_course_data, time_course_views
from pipeline.report.time_courses_chart import time_course_chart
from pipeline.report.views import figure_keys, outcome_view, view_table

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

#: files of one figure: specification, two pictures, data
SUFFIXES = (".vl.json", ".svg", ".pdf", ".tsv")
#: a spreadsheet takes a cell that begins so for a formula
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_figures(
    outcomes: pd.DataFrame,
    contrasts: pd.DataFrame,
    verdicts: pd.DataFrame,
    plan: AnalysisPlan,
    metrics: Mapping[str, Metric],
    folder: Path,
    *,
    spectra: pd.DataFrame | None = None,
    clusters: pd.DataFrame | None = None,
    time_courses: pd.DataFrame | None = None,
    time_clusters: pd.DataFrame | None = None,
    behaviour: BehaviourTables | None = None,
    units: SpikeTables | None = None,
) -> list[Path]:
    """Write one estimation figure per outcome (and phase and question where there are several).

    Times to an event have Kaplan-Meier curves beside it.

    Parameters
    ----------
    outcomes, contrasts, verdicts : pandas.DataFrame
        Tables of design.md section 5.
    plan : AnalysisPlan
        Order, labels, bounds.
    metrics : Mapping of str to Metric
        The registry.
    folder : pathlib.Path
        Made if absent; gets four files per figure, see :data:`SUFFIXES`.
    spectra, clusters : pandas.DataFrame, optional
        spectra_units.parquet and clusters.tsv: one more figure per region.
    time_courses, time_clusters : pandas.DataFrame, optional
        timecourses.parquet and timecourse_clusters.tsv: one more figure per region and band.
    behaviour : BehaviourTables, optional
        Trials of set-shifting and what was made of them: error types, curves, rasters.
    units : SpikeTables, optional
        Units and what was made of them: rates, changes, locking, responses.

    Returns
    -------
    list of pathlib.Path
        All files written, in order. SVG, JSON and TSV have the same bytes for the same input; PDF
        has not, for the converter names its objects at random.

    Raises
    ------
    InputError
        If a table lacks a column.
    """
    names = Names(plan=plan, metrics=metrics)
    index = Contrasts(contrasts)
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for key in figure_keys(outcomes, names, index):
        view = outcome_view(key, outcomes, index, names)
        if view.points.empty:
            continue
        written += save_chart(estimation_chart(view, names), folder / view.name)
        written.append(save_table(view_table(view), folder / view.name))
    for times in survival_views(outcomes, names):
        written += save_chart(survival_chart(times, names), folder / times.name)
        written.append(save_table(survival_data(times), folder / times.name))
    for region in spectra_views(spectra, clusters, names):
        written += save_chart(spectra_chart(region, names), folder / region.name)
        written.append(save_table(spectra_data(region), folder / region.name))
    for band in time_course_views(time_courses, time_clusters, names):
        written += save_chart(time_course_chart(band, names), folder / band.name)
        written.append(save_table(time_course_data(band), folder / band.name))
    further = [*spike_figures(units, names)[0], *behaviour_figures(behaviour, index, names)[0]]
    for drawn in further:
        written += save_chart(drawn.draw(), folder / drawn.name)
        written.append(save_table(drawn.data, folder / drawn.name))
    return written


def save_table(table: pd.DataFrame, stem: Path) -> Path:
    """Save the data of a figure beside it."""
    path = stem.with_name(f"{stem.name}.tsv")
    safe = spreadsheet_safe(table)
    _write(path, safe.to_csv(sep="\t", index=False, lineterminator="\n", float_format="%.9g"))
    return path


def save_chart(chart: alt.TopLevelMixin, stem: Path) -> list[Path]:
    """Save a chart's specification, SVG, and the PDF made from that SVG.

    Rendering once and converting is several times faster than letting Vega draw the PDF too.
    """
    import vl_convert

    specification = chart_json(chart)
    svg = render_svg(specification)
    paths = [stem.with_name(stem.name + suffix) for suffix in (".vl.json", ".svg", ".pdf")]
    _write(paths[0], specification)
    _write(paths[1], svg)
    _write(paths[2], vl_convert.svg_to_pdf(svg))
    return paths


def chart_json(chart: alt.TopLevelMixin) -> str:
    """A chart's specification as JSON with sorted keys and without spare spaces."""
    specification: dict[str, Any] = chart.to_dict()
    return (
        json.dumps(
            specification,
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
            allow_nan=False,
        )
        + "\n"
    )


def render_svg(specification: str) -> str:
    """Draw a Vega-Lite specification as SVG; nothing is loaded from anywhere."""
    import vl_convert

    return vl_convert.vegalite_to_svg(specification, allowed_base_urls=[])


def spreadsheet_safe(table: pd.DataFrame) -> pd.DataFrame:
    """Put an apostrophe before text that a spreadsheet would run as a formula.

    Labels come from the lab's tables and these files are meant to be opened in a spreadsheet.
    """
    import pandas as pd

    def guard(cell: Any) -> Any:
        return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell

    textual = [name for name in table.columns if not pd.api.types.is_numeric_dtype(table[name])]
    return table.assign(**{name: table[name].map(guard) for name in textual})


def _write(path: Path, content: str | bytes) -> None:
    with replacing(path) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
