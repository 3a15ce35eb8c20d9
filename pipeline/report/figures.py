"""Figures as files: specification, pictures and the data, under names made of the outcome's id."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.experiment.plan import AnalysisPlan
from pipeline.files import replacing
from pipeline.metric import Metric
from pipeline.report.assembly import Specification
from pipeline.report.behaviour import BehaviourTables, behaviour_figures
from pipeline.report.cohort_maps_tables import MapTables, map_figures
from pipeline.report.drawing import beside, draw, draw_all
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

#: files of one figure: specification, three pictures, data
SUFFIXES = (".vl.json", ".svg", ".pdf", ".png", ".tsv")
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
    maps: MapTables | None = None,
    processes: int = 1,
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
        Made if absent; gets five files per figure, see :data:`SUFFIXES`.
    spectra, clusters : pandas.DataFrame, optional
        spectra_units.parquet and clusters.tsv: one more figure per region.
    time_courses, time_clusters : pandas.DataFrame, optional
        timecourses.parquet and timecourse_clusters.tsv: one more figure per region and band.
    behaviour : BehaviourTables, optional
        Trials of set-shifting and what was made of them: error types, curves, rasters.
    units : SpikeTables, optional
        Units and what was made of them: rates, changes, locking, responses.
    maps : MapTables, optional
        Spectrograms around the administration, comodulograms.
    processes : int
        How many draw at once.

    Returns
    -------
    list of pathlib.Path
        All files written, in order. All but PDF have the same bytes for the same input; PDF
        has not, for the converter names its objects at random.

    Raises
    ------
    InputError
        If a table lacks a column.
    """
    names = Names(plan=plan, metrics=metrics)
    folder.mkdir(parents=True, exist_ok=True)
    stems: list[Path] = []

    def written() -> Iterator[Path]:
        for name, chart, table in _charts(
            outcomes,
            Contrasts(contrasts),
            names,
            spectra=(spectra, clusters),
            time_courses=(time_courses, time_clusters),
            behaviour=behaviour,
            units=units,
            maps=maps,
        ):
            stem = folder / name
            _write(beside(stem, ".vl.json"), specification_json(chart))
            save_table(table, stem)
            stems.append(stem)
            yield stem

    from altair.utils.schemapi import debug_mode

    # the charts' parts are held against the schema by the tests, not again in every run
    with debug_mode(False):
        draw_all(written(), processes=processes)
    return [beside(stem, suffix) for stem in stems for suffix in SUFFIXES]


def _charts(
    outcomes: pd.DataFrame,
    index: Contrasts,
    names: Names,
    *,
    spectra: tuple[pd.DataFrame | None, pd.DataFrame | None],
    time_courses: tuple[pd.DataFrame | None, pd.DataFrame | None],
    behaviour: BehaviourTables | None,
    units: SpikeTables | None,
    maps: MapTables | None,
) -> Iterator[tuple[str, Specification, pd.DataFrame]]:
    """Name, specification and data of every figure."""
    shown = set()
    for key in figure_keys(outcomes, names, index):
        view = outcome_view(key, outcomes, index, names)
        if not view.points.empty:
            shown.add((key.outcome, key.phase))
            yield view.name, estimation_chart(view, names), view_table(view)
    for times in survival_views(outcomes, names):
        # the page shows curves beside the figure of their outcome, and nowhere else
        if (times.outcome, times.phase) in shown:
            yield times.name, survival_chart(times, names), survival_data(times)
    for region in spectra_views(*spectra, names):
        yield region.name, spectra_chart(region, names), spectra_data(region)
    for band in time_course_views(*time_courses, names):
        yield band.name, time_course_chart(band, names), time_course_data(band)
    for further in (
        *spike_figures(units, names)[0],
        *behaviour_figures(behaviour, index, names)[0],
    ):
        yield further.name, further.draw(), further.data
    for drawn, _ in map_figures(maps, names).values():
        for map_figure in drawn:
            yield map_figure.name, map_figure.draw(), map_figure.data


def save_table(table: pd.DataFrame, stem: Path) -> Path:
    """Save the data of a figure beside it."""
    path = beside(stem, ".tsv")
    safe = spreadsheet_safe(table)
    _write(path, safe.to_csv(sep="\t", index=False, lineterminator="\n", float_format="%.9g"))
    return path


def save_chart(chart: Specification, stem: Path) -> list[Path]:
    """Save a chart's specification, and its drawing as SVG, PDF and PNG."""
    _write(beside(stem, ".vl.json"), specification_json(chart))
    draw(stem)
    return [beside(stem, suffix) for suffix in SUFFIXES[:4]]


def chart_json(chart: alt.TopLevelMixin) -> str:
    """The specification of one of Altair's charts, as :func:`specification_json` writes it."""
    return specification_json(chart.to_dict(validate=False))


def specification_json(specification: Specification) -> str:
    """A specification as JSON with sorted keys and without spare spaces.

    It is not held against Vega-Lite's schema, which takes as long as all else: tests do that.
    """
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
