"""The chapters of the report: which there are, and what each outcome's figure says and shows.

The layout stands here, in one list; a new outcome needs no code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.report.alternatives import curves_alt, estimation_alt, survival_alt
from pipeline.report.amounts import bound_text
from pipeline.report.behaviour import BehaviourTables
from pipeline.report.beside import beside_verdict
from pipeline.report.cluster_tests import ClusterLine
from pipeline.report.cohort_maps_tables import MapTables
from pipeline.report.embed import read_specification
from pipeline.report.lookup import Contrasts, rows_of, text
from pipeline.report.meanings import VERDICTS
from pipeline.report.names import Names, capital, parse
from pipeline.report.numbers import count, finite, listing, number, with_unit
from pipeline.report.pictures import (
    Picture,
    behaviour_pictures,
    map_pictures,
    picture_files,
    picture_svg,
    spike_pictures,
)
from pipeline.report.published import Published, published_beside
from pipeline.report.sentences import verdict_sentence
from pipeline.report.spectra import (
    SpectraView,
    spectra_caption,
    spectra_lines,
    spectra_views,
)
from pipeline.report.spikes import SpikeTables
from pipeline.report.survival import SurvivalView, survival_caption, survival_views
from pipeline.report.tested import Tables, model_kind, tables_of
from pipeline.report.time_courses import (
    TimeCourseView,
    time_course_caption,
    time_course_lines,
    time_course_title,
    time_course_views,
)
from pipeline.report.views import OutcomeView, figure_keys, n_line, outcome_view

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup

#: domain of the metrics -> title of the chapter, and what it says when it is empty
CHAPTERS: tuple[tuple[str, str, str], ...] = (
    ("oscillations", "Oscillations", "No outcome of the local field potential was measured."),
    ("spikes", "Spikes", "No outcome of single units was measured."),
    ("coupling", "Coupling", "No outcome of coupling between signals was measured."),
    ("flexibility", "Flexibility", "No outcome of set-shifting behaviour was measured."),
    ("other", "Other outcomes", "No outcome measured elsewhere was given."),
)
#: the chapter that spectra close
_OF_SPECTRA = "oscillations"
#: the chapters that units and trials close
_OF_UNITS, _OF_BEHAVIOUR = "spikes", "flexibility"
_PRIORITIES = ("primary", "secondary", "exploratory")


@dataclass(frozen=True, kw_only=True)
class Said:
    """One verdict as its figure says it, with what stands beside it."""

    verdict: str
    kind: str
    sentence: str
    beside: tuple[str, ...]
    published: Published | None


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One outcome's figure with all that stands around it."""

    id: str
    title: str
    priority: str
    description: str
    panel: str
    sentences: tuple[Said, ...]
    alt: str
    caption: str
    words: str
    svg: Markup
    specification: Any
    tests: Tables
    pictures: tuple[Picture, ...]
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Spectrum:
    """One region's spectra: the figure, and every cluster test behind it."""

    title: str
    panel: str
    picture: Picture
    lines: tuple[ClusterLine, ...]


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A chapter; without figures it says why in one line, and so for pictures that are absent."""

    id: str
    title: str
    figures: tuple[Figure, ...]
    empty: str
    spectra: tuple[Spectrum, ...] = ()
    pictures: tuple[tuple[str, Picture], ...] = ()
    absent: tuple[str, ...] = ()


def outcome_order(outcomes: pd.DataFrame, bands: Sequence[str]) -> list[str]:
    """Outcome ids as the page orders them: chapter, priority, metric, region, band.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        outcomes.parquet, or any table with outcome, domain and priority.
    bands : sequence of str
        Bands in the config's order (lowest first, as a lab writes them).
    """
    domains = [domain for domain, _, _ in CHAPTERS]
    rows = outcomes[["outcome", "domain", "priority"]].drop_duplicates("outcome")

    def key(row: Mapping[str, Any]) -> tuple[Any, ...]:
        parts = parse(row["outcome"])
        return (
            _index(domains, row["domain"]),
            _index(_PRIORITIES, row["priority"]),
            parts.metric,
            parts.region,
            parts.region_b,
            _index(bands, parts.band),
            row["outcome"],
        )

    return [row["outcome"] for row in sorted(rows_of(rows), key=key)]


def _index(order: Sequence[str], value: str) -> int:
    return order.index(value) if value in order else len(order)


def chapters(
    outcomes: pd.DataFrame,
    contrasts: Contrasts,
    verdicts: pd.DataFrame,
    names: Names,
    *,
    figures: Path,
    order: Sequence[str],
    panel_keys: Mapping[tuple[str, str], str],
    spectra: pd.DataFrame | None = None,
    clusters: pd.DataFrame | None = None,
    time_courses: pd.DataFrame | None = None,
    time_clusters: pd.DataFrame | None = None,
    behaviour: BehaviourTables | None = None,
    units: SpikeTables | None = None,
    maps: MapTables | None = None,
) -> list[Chapter]:
    """Build the chapters.

    Parameters
    ----------
    outcomes, verdicts : pandas.DataFrame
        Tables of design.md section 5.
    contrasts : Contrasts
        Index of contrasts.tsv.
    names : Names
        Labels.
    figures : pathlib.Path
        Folder that :func:`pipeline.report.figures.write_figures` filled.
    order : sequence of str
        Outcome ids in the order of the page.
    panel_keys : mapping
        (phase, modifier) -> panel that the page's switch shows.
    spectra, clusters : pandas.DataFrame, optional
        spectra_units.parquet and clusters.tsv; without them, no spectra.
    time_courses, time_clusters : pandas.DataFrame, optional
        timecourses.parquet and timecourse_clusters.tsv; without them, no time courses.
    behaviour : BehaviourTables, optional
        Trials of set-shifting and what was made of them.
    units : SpikeTables, optional
        Units and what was made of them.
    maps : MapTables, optional
        Spectrograms and comodulograms.

    Returns
    -------
    list of Chapter
        All of :data:`CHAPTERS`, those without data too.
    """
    judged: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in rows_of(verdicts):
        if text(row["split"]) == "":
            place = (row["outcome"], row["phase"], row["modifier"])
            judged.setdefault(place, []).append(row)
    drawn: dict[str, list[Figure]] = {domain: [] for domain, _, _ in CHAPTERS}
    domains = dict(zip(outcomes["outcome"], outcomes["domain"], strict=True))
    curves = {(view.outcome, view.phase): view for view in survival_views(outcomes, names)}
    keys = figure_keys(outcomes, names, contrasts)
    for key in sorted(keys, key=lambda key: _index(order, key.outcome)):
        view = outcome_view(key, outcomes, contrasts, names)
        if view.points.empty:
            continue
        panel = panel_keys.get((key.phase, key.modifier), "")
        rows = judged.get((key.outcome, key.phase, key.modifier), [])
        # the curves do not depend on the question: they stand with the first
        times = curves.pop((key.outcome, key.phase), None)
        pictures = (_survival_picture(times, names, figures),) if times else ()
        figure = _figure(view, rows, outcomes, contrasts, names, figures, panel, pictures)
        drawn.setdefault(domains[key.outcome], []).append(figure)
    curves_of_regions = tuple(
        _spectrum(view, names, figures, panel_keys.get((view.phase, view.modifier), ""))
        for view in spectra_views(spectra, clusters, names)
    ) + tuple(
        _time_course(band, names, figures)
        for band in time_course_views(time_courses, time_clusters, names)
    )
    further = {
        **map_pictures(maps, names, figures, domains=[name for name in drawn if drawn[name]]),
        _OF_UNITS: spike_pictures(units, names, figures),
        _OF_BEHAVIOUR: behaviour_pictures(behaviour, contrasts, names, figures),
    }
    return [
        Chapter(
            id=domain,
            title=title,
            figures=tuple(drawn[domain]),
            empty=empty,
            spectra=curves_of_regions if domain == _OF_SPECTRA else (),
            pictures=further[domain][0] if domain in further else (),
            absent=further[domain][1] if domain in further else (),
        )
        for domain, title, empty in CHAPTERS
    ]


def _spectrum(view: SpectraView, names: Names, folder: Path, panel: str) -> Spectrum:
    caption = spectra_caption(view, names)
    lines = spectra_lines(view, names)
    return Spectrum(
        title=f"Spectrum, {view.region}",
        panel=panel,
        picture=_drawing(view.name, "Spectra", f"Spectra of {view.region}", caption, lines, folder),
        lines=lines,
    )


def _time_course(view: TimeCourseView, names: Names, folder: Path) -> Spectrum:
    caption, title = time_course_caption(view, names), time_course_title(view, names)
    lines = time_course_lines(view, names)
    return Spectrum(
        title=title,
        panel="",
        picture=_drawing(view.name, "Time course", title, caption, lines, folder),
        lines=lines,
    )


def _drawing(
    name: str, title: str, said: str, caption: str, lines: Sequence[ClusterLine], folder: Path
) -> Picture:
    """A figure of curves."""
    found = [
        f"{line.condition} {line.contrast}: {listing(line.clusters)}."
        for line in lines
        if line.clusters
    ]
    return Picture(
        id=f"fig-{name}",
        title=title,
        alt=curves_alt(said, caption, found),
        caption=caption,
        words=" ".join([f"{said}.", caption, *found]),
        svg=picture_svg(folder, name, choices=True),
        specification=None,
        files=picture_files(name),
    )


def _figure(
    view: OutcomeView,
    verdicts: Sequence[Mapping[str, Any]],
    outcomes: pd.DataFrame,
    contrasts: Contrasts,
    names: Names,
    folder: Path,
    panel: str,
    pictures: tuple[Picture, ...],
) -> Figure:
    outcome = view.key.outcome
    sentences = tuple(
        Said(
            verdict=text(row["verdict"]),
            kind=VERDICTS.get(text(row["verdict"]), ("open", ""))[0],
            sentence=verdict_sentence(row, contrasts, names.plan, names.metrics),
            beside=beside_verdict(row, contrasts.of(row), names),
            published=published_beside(row, names),
        )
        for row in verdicts
    )
    priorities = outcomes.loc[outcomes["outcome"] == outcome, "priority"]
    caption = _caption(view, names)
    said = [f"Estimation plot of {names.in_sentence(outcome)}.", *(s.sentence for s in sentences)]
    return Figure(
        id=f"fig-{view.name}",
        title=names.title(outcome),
        priority=text(priorities.iloc[0]),
        description=names.description(outcome),
        panel=panel,
        sentences=sentences,
        alt=estimation_alt(view, verdicts, names),
        caption=caption,
        words=" ".join([*said, caption]),
        svg=picture_svg(folder, view.name),
        specification=read_specification(folder / f"{view.name}.vl.json"),
        pictures=pictures,
        tests=tables_of(
            contrasts.at(outcome=outcome, phase=view.key.phase, modifier=view.key.modifier), names
        ),
        files=picture_files(view.name),
    )


def _survival_picture(view: SurvivalView, names: Names, folder: Path) -> Picture:
    """Kaplan-Meier curves of one outcome in one phase."""
    return Picture(
        id=f"fig-{view.name}",
        title="Times to the event",
        alt=survival_alt(view, names),
        caption=survival_caption(view, names),
        words=f"{names.title(view.outcome)}. {survival_caption(view, names)}",
        svg=picture_svg(folder, view.name),
        specification=read_specification(folder / f"{view.name}.vl.json"),
        files=picture_files(view.name),
    )


def _caption(view: OutcomeView, names: Names) -> str:
    """How many, which test, which smallest effect."""
    outcome = view.key.outcome
    animals, sessions, entities = n_line(view)
    metric = names.metrics.get(parse(outcome).metric)
    by_unit = metric is not None and metric.entity == "unit" and outcome not in names.plan.declared
    numbers = [count(animals, *names.animals()), count(sessions, "session")]
    numbers += [count(entities, "unit") + " in sessions"] if by_unit else []
    parts = [f"n = {', '.join(numbers)}."]
    models = list(dict.fromkeys(model_kind(e.model, names) for e in view.effects if e.model))
    if models:
        test = capital(listing(models, last="or"))
        parts.append(f"{test}; p adjusted by Holm in each family, intervals not adjusted.")
    if not names.plan.blind:  # else no effect is drawn against it
        parts.append(_smallest(outcome, names))
    return " ".join([*parts, *_times(view)])


def _times(view: OutcomeView) -> Iterator[str]:
    """What a reader of times must know: who did not reach the event, and what a point is."""
    pseudo, censored = view.points["pseudo"], int(view.points["censored"].sum())
    if censored:
        bound = "" if pseudo.any() else ", a lower bound"
        cells = count(len(view.points), "point")
        yield f"Hollow: event not reached{bound} ({censored} of {cells})."
    limit = view.points["restricted_at"].min()
    if finite(limit):
        reach = with_unit(number(limit), view.unit)
        yield f"Times are counted up to {reach}, to which they are known in every cell."
    if pseudo.any():
        yield (
            "Sessions were not equally long: points are pseudo-values, what each animal adds to "
            "its cell's restricted mean time; one need not be the animal's own time."
        )


def _smallest(outcome: str, names: Names) -> str:
    """Which smallest effect of interest the figure shades."""
    bound = names.bound(outcome)
    limits = [
        f"{bound_text(limit, outcome, names)} for the {what}"
        for limit, what in ((bound.drug, "drug effect"), (bound.interaction, "difference"))
        if limit is not None
    ]
    if not limits:
        return "No smallest effect of interest was declared."
    return f"Shaded: less than the smallest effect of interest, {listing(limits)}."
