"""The methods as a document that is written three times: page, Markdown, LaTeX with BibTeX.

All three are made from the same sections, so that they say the same; citations are by key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.report.bibliography import Work, cited, untitled
from pipeline.report.embed import write_page
from pipeline.report.latex import bibtex_text, latex_text
from pipeline.report.markdown import markdown_text

#: files beside the page
MARKDOWN, LATEX, BIBTEX = "methods.md", "methods.tex", "references.bib"


@dataclass(frozen=True, kw_only=True)
class Section:
    """One section of the document.

    Attributes
    ----------
    title : str
    paragraphs : tuple of str
        Plain text with citations by key (:mod:`pipeline.report.bibliography`).
    facts : tuple of (str, str)
        A list after the paragraphs: term, and what is said of it.
    """

    title: str
    paragraphs: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """All of its texts, in reading order."""
        return (*self.paragraphs, *(text for fact in self.facts for text in fact))


@dataclass(frozen=True, kw_only=True)
class Document:
    """Title and sections, in order; while ``blind``, the works cited have no titles."""

    title: str
    sections: tuple[Section, ...]
    blind: bool = False

    @property
    def works(self) -> tuple[Work, ...]:
        """The works cited, in the order of the list of references."""
        works = cited(text for section in self.sections for text in section.texts)
        return tuple(map(untitled, works)) if self.blind else works


def write_documents(folder: Path, document: Document) -> tuple[Path, ...]:
    """Write methods.md, methods.tex and references.bib.

    Parameters
    ----------
    folder : pathlib.Path
        Where the page is.
    document : Document
        The same document gives the same bytes.

    Returns
    -------
    tuple of pathlib.Path
    """
    blocks = [(section.title, section.paragraphs, section.facts) for section in document.sections]
    works = document.works
    writers: Sequence[tuple[str, Callable[[], str]]] = (
        (MARKDOWN, lambda: markdown_text(document.title, blocks, works)),
        (LATEX, lambda: latex_text(document.title, blocks, works, bibliography=BIBTEX)),
        (BIBTEX, lambda: bibtex_text(works)),
    )
    written = []
    for name, write in writers:
        path = folder / name
        write_page(path, write())
        written.append(path)
    return tuple(written)
