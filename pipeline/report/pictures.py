"""A drawing with its words and files, wherever it stands on the page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.report.behaviour import BehaviourFigure, BehaviourTables, behaviour_figures
from pipeline.report.embed import inline_svg
from pipeline.report.figures import SUFFIXES
from pipeline.report.lookup import Contrasts
from pipeline.report.names import Names
from pipeline.report.spikes import SpikeTables, spike_figures

if TYPE_CHECKING:
    from markupsafe import Markup


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A further figure of an outcome or a chapter; without a specification it stays a drawing."""

    id: str
    title: str
    alt: str
    caption: str
    svg: Markup
    specification: Any
    files: tuple[tuple[str, str], ...]


def picture_svg(folder: Path, name: str) -> Markup:
    """The drawing of a figure that :func:`pipeline.report.figures.write_figures` wrote."""
    return inline_svg((folder / f"{name}.svg").read_text(encoding="utf-8"))


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


def _pictures(figures: Iterable[BehaviourFigure], folder: Path) -> tuple[tuple[str, Picture], ...]:
    return tuple(
        (
            figure.title,
            Picture(
                id=f"fig-{figure.name}",
                title=figure.kind,
                alt=f"{figure.title}. {figure.caption}",
                caption=figure.caption,
                svg=picture_svg(folder, figure.name),
                specification=None,
                files=picture_files(figure.name),
            ),
        )
        for figure in figures
    )
