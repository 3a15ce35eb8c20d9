"""What the report was made of: code, libraries, config, tables, inputs, each with its hash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.report.methods_words import NOT_STATED
from pipeline.report.numbers import SPACE, count, listing

#: bytes in words: largest unit first
_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


@dataclass(frozen=True, kw_only=True)
class HashLine:
    """One file: name, size in words, SHA-256."""

    name: str
    size: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Reproducibility:
    """What the page shows of a run.

    Attributes
    ----------
    facts : tuple of (str, str)
        Term and what is said of it; also in the document for a paper.
    code : tuple of (str, str)
        Step and the hash of its code.
    tables, lab : tuple of HashLine
        The results that the report read; the lab's tables and files that fix the software.
    """

    facts: tuple[tuple[str, str], ...]
    code: tuple[tuple[str, str], ...]
    tables: tuple[HashLine, ...]
    lab: tuple[HashLine, ...]


def reproducibility_view(given: Mapping[str, Any]) -> Reproducibility:
    """Put the facts of a run into words.

    Parameters
    ----------
    given : mapping
        ``project`` (version), ``code`` (step -> hash), ``config`` (sha256 of the config as parsed,
        None while blind), ``lab`` and ``tables`` (lists of name, bytes, sha256), ``inputs``
        (sessions, files, bytes, observations; of run.json), ``seed``. Whatever is absent reads as
        not stated.

    Returns
    -------
    Reproducibility
    """
    return Reproducibility(
        facts=tuple(_facts(given)),
        code=tuple(sorted(given.get("code", {}).items())),
        tables=_lines(given.get("tables", ())),
        lab=_lines(given.get("lab", ())),
    )


def size_words(n: float) -> str:
    """Bytes in words: ``1.3 MB``."""
    for unit, size in _UNITS:
        if n >= size:
            return f"{n / size:.1f}{SPACE}{unit}"
    return f"{n:.0f}{SPACE}bytes"


def _lines(rows: Sequence[Mapping[str, Any]]) -> tuple[HashLine, ...]:
    return tuple(
        HashLine(name=row["name"], size=size_words(row["bytes"]), sha256=row["sha256"])
        for row in rows
    )


def _facts(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Project", f"Set and Setting, version {given.get('project') or NOT_STATED}."
    code = given.get("code", {})
    steps = listing(f"{step}{SPACE}{value}" for step, value in sorted(code.items()))
    yield "Code of each step (start of SHA-256)", f"{steps or NOT_STATED}."
    yield "Config as parsed, defaults filled in (SHA-256)", given.get("config") or NOT_STATED
    for row in given.get("lab", ()):
        yield f"{row['name']} (SHA-256)", row["sha256"]
    inputs = given.get("inputs", {})
    if inputs:
        yield (
            "Inputs",
            f"{count(inputs['files'], 'file')} of {count(inputs['sessions'], 'session')}, "
            f"{size_words(inputs['bytes'])}, named with their sizes in run.json; "
            f"{count(inputs['observations'], 'observation')}, with a hash for each session there.",
        )
    tables = given.get("tables", ())
    if tables:
        yield (
            "Tables of results",
            f"{count(len(tables), 'table')}; each with its hash under Methods in the report.",
        )
    seed = given.get("seed")
    yield "Seed", f"{NOT_STATED if seed is None else seed}."
