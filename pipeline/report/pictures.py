"""A drawing with its words and files, wherever it stands on the page."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.report.alternatives import brief
from pipeline.report.behaviour import BehaviourFigure, BehaviourTables, behaviour_figures
from pipeline.report.cohort_maps import MapFigure
from pipeline.report.cohort_maps_tables import MapTables, map_figures
from pipeline.report.embed import inline_svg
from pipeline.report.figures import SUFFIXES
from pipeline.report.lookup import Contrasts
from pipeline.report.names import Names
from pipeline.report.spikes import SpikeTables, spike_figures

if TYPE_CHECKING:
    from markupsafe import Markup


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A further figure of an outcome or a chapter; without a specification it stays a drawing.

    ``alt`` is short, for the caption follows it on the page; ``words`` are all of both, for lists.
    """

    id: str
    title: str
    alt: str
    caption: str
    words: str
    svg: Markup
    specification: Any
    files: tuple[tuple[str, str], ...]


def picture_svg(folder: Path, name: str, *, choices: bool = False) -> Markup:
    """The drawing of a figure that :func:`pipeline.report.figures.write_figures` wrote.

    With ``choices`` where it stays a drawing, so that the page can highlight an animal in it.
    """
    return inline_svg((folder / f"{name}.svg").read_text(encoding="utf-8"), choices=choices)


def picture_files(name: str) -> tuple[tuple[str, str], ...]:
    """Label and address of a figure's files."""
    return tuple(
        (suffix.lstrip(".").upper().replace("VL.JSON", "Vega-Lite"), f"figures/{name}{suffix}")
        for suffix in (".svg", ".pdf", ".png", ".tsv", ".vl.json")
        if suffix in SUFFIXES
    )


def behaviour_pictures(
    tables: BehaviourTables | None, contrasts: Contrasts, names: Names, folder: Path
) -> tuple[tuple[tuple[str, Picture], ...], tuple[str, ...]]:
    """Return the pictures of set-shifting with their titles, and what is said where one is absent.

    Parameters
    ----------
    tables, contrasts, names
        As :func:`pipeline.report.behaviour.behaviour_figures`, which drew the same figures.
    folder : pathlib.Path
        That :func:`pipeline.report.figures.write_figures` filled.
    """
    figures, absent = behaviour_figures(tables, contrasts, names)
    return _pictures(figures, folder), tuple(absent)


def spike_pictures(
    tables: SpikeTables | None, names: Names, folder: Path
) -> tuple[tuple[tuple[str, Picture], ...], tuple[str, ...]]:
    """Return the pictures of units with their titles, and what is said where one is absent.

    Parameters
    ----------
    tables, names
        As :func:`pipeline.report.spikes.spike_figures`, which drew the same figures.
    folder : pathlib.Path
        That :func:`pipeline.report.figures.write_figures` filled.
    """
    figures, absent = spike_figures(tables, names)
    return _pictures(figures, folder), tuple(absent)


def map_pictures(
    tables: MapTables | None, names: Names, folder: Path, *, domains: Collection[str]
) -> dict[str, tuple[tuple[tuple[str, Picture], ...], tuple[str, ...]]]:
    """Return chapter -> the pictures of maps with their titles, and what is said without them.

    Parameters
    ----------
    tables, names
        As :func:`pipeline.report.cohort_maps_tables.map_figures`, which drew the same figures.
    folder : pathlib.Path
        That :func:`pipeline.report.figures.write_figures` filled.
    domains : collection of str
        Chapters that have outcomes: an empty one need not say what else it lacks.
    """
    found = {}
    for domain, (figures, absent) in map_figures(tables, names).items():
        pictures = tuple(
            (title, replace(picture, alt=_without(figure), words=figure.alt))
            for figure, (title, picture) in zip(figures, _pictures(figures, folder), strict=True)
        )
        found[domain] = (pictures, absent if domain in domains else ())
    return found


def _without(figure: MapFigure) -> str:
    """A map's title and numbers, without the caption that stands beside it."""
    return figure.alt.removesuffix(figure.caption).strip()


def _pictures(
    figures: Iterable[BehaviourFigure | MapFigure], folder: Path
) -> tuple[tuple[str, Picture], ...]:
    return tuple(
        (
            figure.title,
            Picture(
                id=f"fig-{figure.name}",
                title=figure.kind,
                alt=brief(figure.title, figure.caption),
                caption=figure.caption,
                words=f"{figure.title}. {figure.caption}",
                svg=picture_svg(folder, figure.name, choices=True),
                specification=None,
                files=picture_files(figure.name),
            ),
        )
        for figure in figures
    )
