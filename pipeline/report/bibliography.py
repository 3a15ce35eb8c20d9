"""The works that texts of the report cite: one data file, references.yaml, and how it is cited.

In texts a work is cited as ``[@key]``; texts of the metrics, which name works in words, are turned
into such texts by :func:`with_keys`. What is between brackets and is no key stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.errors import InputError

FILE = Path(__file__).with_name("references.yaml")
_MARK = re.compile(r"\[@([a-z]+\d{4}[a-z]?)\]")
_OTHERS = "others"
_WITHHELD = "[title withheld while blind]"
EN_DASH = "\N{EN DASH}"


class Work(BaseModel):
    """One work, as references.yaml has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = Field(pattern=r"^[a-z]+\d{4}[a-z]?$")
    kind: Literal["article", "book", "chapter", "preprint"] = "article"
    authors: tuple[str, ...] = Field(min_length=1)
    title: str = Field(min_length=1)
    journal: str = ""
    booktitle: str = ""
    publisher: str = ""
    year: int = Field(ge=1800, le=2100)
    volume: int | None = None
    number: int | None = None
    pages: str = ""
    doi: str = Field("", pattern=r"^(10\.\d{4,9}/\S+)?$")
    checked: bool
    cited_as: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _has_a_place(self) -> Work:
        place = {"book": self.publisher, "chapter": self.booktitle}.get(self.kind, self.journal)
        if not place:
            raise ValueError(f"a {self.kind} needs a journal, a booktitle or a publisher")
        return self

    @property
    def surnames(self) -> tuple[str, ...]:
        """Family names, without the end mark of a list that is not whole."""
        return tuple(name.partition(",")[0] for name in self.authors if name != _OTHERS)

    @property
    def label(self) -> str:
        """How a sentence names it: ``Maris and Oostenveld 2007``, ``Hill et al. 2011``."""
        names = self.surnames
        whole = _OTHERS not in self.authors
        if len(names) == 1 and whole:
            who = names[0]
        elif len(names) == 2 and whole:
            who = f"{names[0]} and {names[1]}"
        else:
            who = f"{names[0]} et al."
        return f"{who} {self.year}"

    @property
    def entry(self) -> str:
        """Its line in a list of references, plain text."""
        names = [name.replace(",", "") for name in self.authors if name != _OTHERS]
        who = ", ".join(names) + (", et al." if _OTHERS in self.authors else "")
        doi = f" doi:{self.doi}" if self.doi else ""
        return f"{who} ({self.year}). {self.title}. {self._place}.{doi}"

    @property
    def _place(self) -> str:
        number = f"({self.number})" if self.number else ""
        volume = f" {self.volume}{number}" if self.volume else ""
        pages = self.pages.replace("-", EN_DASH)
        if self.kind == "book":
            return self.publisher
        if self.kind == "chapter":
            return f"In: {self.booktitle}, {pages}. {self.publisher}"
        if self.kind == "preprint":
            return f"Preprint, {self.journal} {self.pages}"
        return f"{self.journal}{volume}{':' if volume else ' '}{pages}"


def untitled(work: Work) -> Work:
    """Return a work without its title, for a blind report: titles name drugs."""
    return work.model_copy(update={"title": _WITHHELD})


@cache
def bibliography() -> dict[str, Work]:
    """Read references.yaml.

    Returns
    -------
    dict of str to Work
        By key, in the order of the keys.

    Raises
    ------
    InputError
        If an entry lacks a field, has one that is not known, or two works share a label or a way
        of being cited.
    """
    import yaml

    return read_works(yaml.safe_load(FILE.read_text(encoding="utf-8")), source=FILE.name)


def read_works(entries: dict[str, Any], *, source: str) -> dict[str, Work]:
    """Check the entries of a bibliography; see :func:`bibliography`."""
    try:
        works = {key: Work(key=key, **entry) for key, entry in sorted(entries.items())}
    except (ValidationError, TypeError) as error:
        raise InputError(
            f"{source}: an entry is not as its head describes: {error}; expected authors, title, "
            "year, a place and checked (is a key misspelt?)"
        ) from None
    for what, named in (
        ("label", [(work.label, work.key) for work in works.values()]),
        ("words under cited_as", [(c, w.key) for w in works.values() for c in w.cited_as]),
    ):
        seen: dict[str, str] = {}
        for words, key in named:
            if words in seen:
                raise InputError(
                    f"{source}: {seen[words]} and {key} have the same {what}, {words!r}; expected "
                    "one each (add a letter to the year in both keys and labels?)"
                )
            seen[words] = key
    return works


def with_keys(text: str) -> str:
    """Turn works that a text names in words (``cited_as``) into citations by key.

    Parameters
    ----------
    text : str
        ``After Royer et al. 2012, Nat Neurosci 15:769``.

    Returns
    -------
    str
        ``After [@royer2012]``. Longer names come first, so that none is taken apart.
    """
    named = [(words, work.key) for work in bibliography().values() for words in work.cited_as]
    for words, key in sorted(named, key=lambda pair: (-len(pair[0]), pair)):
        text = text.replace(words, f"[@{key}]")
    return text


def parts(text: str) -> tuple[tuple[str, Work | None], ...]:
    """Take a text apart at its citations.

    Parameters
    ----------
    text : str
        With citations by key.

    Returns
    -------
    tuple of (str, Work or None)
        Words, and the work where the words are a citation of it.
    """
    known = bibliography()
    found: list[tuple[str, Work | None]] = []
    rest = 0
    for match in _MARK.finditer(text):
        work = known.get(match[1])
        if work is None:
            continue
        if match.start() > rest:
            found.append((text[rest : match.start()], None))
        found.append((work.label, work))
        rest = match.end()
    if rest < len(text):
        found.append((text[rest:], None))
    return tuple(found)


def plain(text: str) -> str:
    """A text with its citations in words."""
    return "".join(words for words, _ in parts(text))


def cited(texts: Iterable[str]) -> tuple[Work, ...]:
    """Return the works that texts cite, in the order of a list of references."""
    works = {work.key: work for text in texts for _, work in parts(text) if work is not None}
    return tuple(
        sorted(works.values(), key=lambda w: (tuple(map(str.casefold, w.surnames)), w.year))
    )
