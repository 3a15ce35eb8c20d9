"""Texts as Markdown: every character that could mean something else is escaped."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.report.bibliography import Work, plain

#: title, paragraphs, and pairs of a term and what is said of it
Block = tuple[str, Sequence[str], Sequence[tuple[str, str]]]

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|&~$])")
#: what begins a list, a heading's underline or a quotation at the start of a line
_LINE_START = re.compile(r"^(\s*)([-+=]|\d+(?=[.)]))", re.MULTILINE)


def escaped(text: str) -> str:
    """Write plain text so that Markdown shows it as it is.

    A backslash before any ASCII punctuation is taken literally (CommonMark 2.4).

    Parameters
    ----------
    text : str
        Line breaks become spaces: one of the lab's texts is one paragraph.
    """
    text = _SPECIAL.sub(r"\\\1", " ".join(text.splitlines()))
    return _LINE_START.sub(_not_a_list, text)


def _not_a_list(match: re.Match[str]) -> str:
    before, sign = match[1], match[2]
    return f"{before}\\{sign}" if not sign.isdigit() else f"{before}{sign}\\"


def markdown_text(title: str, blocks: Sequence[Block], works: Sequence[Work]) -> str:
    """Write a document as Markdown.

    Parameters
    ----------
    title : str
        First heading.
    blocks : sequence of Block
        Sections; citations by key become author and year.
    works : sequence of Work
        The list of references at its end.
    """
    out = [f"# {escaped(title)}"]
    for heading, paragraphs, facts in blocks:
        out.append(f"## {escaped(heading)}")
        out += [escaped(plain(paragraph)) for paragraph in paragraphs]
        listed = [f"- **{escaped(plain(term))}** {escaped(plain(said))}" for term, said in facts]
        out += ["\n".join(listed)] if listed else []
    if works:
        out.append("## References")
        out.append("\n".join(f"- {escaped(work.entry)}" for work in works))
    return "\n\n".join(out) + "\n"
