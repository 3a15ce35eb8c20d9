"""The list of all figures as a table: what each shows and says, for whoever takes them elsewhere.

Snakemake's own report takes its categories, labels and captions from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.files import replacing
from pipeline.report.names import Names, parse
from pipeline.report.slug import slug

if TYPE_CHECKING:
    from pipeline.report.chapters import Chapter

#: beside the page; no figure's file can be called so, for slugs hold no dots
FILE = "figures.index.tsv"
#: how a cell begins that a spreadsheet takes for a formula, or a reader of TSV for a quoted one
_GUARDED = ("=", "+", "-", "@", '"')
_ID = "fig-"
_BREAKS = re.compile(r"[\t\r\n]+")


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One figure.

    Attributes
    ----------
    name : str
        Its files without suffix.
    chapter, title : str
        Where it stands in the report, and over it.
    outcome, region : str
        Empty for a figure that is of no single outcome.
    priority : str
        Of the outcome.
    caption : str
        What is said of it in words: sentences with their numbers, n, tests.
    """

    name: str
    chapter: str
    title: str
    outcome: str = ""
    region: str = ""
    priority: str = ""
    caption: str


def listed_figures(
    chapters: Sequence[Chapter], outcomes: Sequence[str], names: Names
) -> Iterator[Listed]:
    """Yield all figures in the order of the page.

    Parameters
    ----------
    chapters : sequence of Chapter
        As the page shows them.
    outcomes : sequence of str
        Ids of all outcomes.
    names : Names
        Labels.
    """
    for chapter in chapters:
        for figure in chapter.figures:
            name = figure.id.removeprefix(_ID)
            outcome = _outcome_of(name, figure.title, outcomes, names)
            parts = parse(outcome)
            own = {
                "chapter": chapter.title,
                "outcome": outcome,
                "region": "–".join(filter(None, (parts.region, parts.region_b))),
                "priority": figure.priority,
            }
            yield Listed(name=name, title=figure.title, caption=figure.words, **own)
            for picture in figure.pictures:
                yield Listed(
                    name=picture.id.removeprefix(_ID),
                    title=f"{figure.title}: {picture.title}",
                    caption=picture.words,
                    **own,
                )
        further = [(one.title, one.picture) for one in chapter.spectra]
        for title, picture in (*further, *chapter.pictures):
            yield Listed(
                name=picture.id.removeprefix(_ID),
                chapter=chapter.title,
                title=title,
                caption=picture.words,
            )


def _outcome_of(name: str, title: str, outcomes: Sequence[str], names: Names) -> str:
    """The outcome of a figure: its file is called after it, and it bears its title."""
    fitting = [o for o in outcomes if name.startswith(slug(o)) and names.title(o) == title]
    return max(fitting, key=len, default="")


def write_figure_list(path: str | Path, figures: Iterable[Listed]) -> Path:
    """Write the list as tab-separated text without quotes: one line per figure."""
    header = "\t".join(field.name for field in fields(Listed))
    lines = ["\t".join(map(_cell, astuple(figure))) for figure in figures]
    with replacing(path) as part:
        part.write_text("".join(f"{line}\n" for line in (header, *lines)), encoding="utf-8")
    return Path(path)


def _cell(text: str) -> str:
    flat = _BREAKS.sub(" ", text)  # other white space stays: numbers hold narrow spaces
    return f"'{flat}" if flat.startswith(_GUARDED) else flat
