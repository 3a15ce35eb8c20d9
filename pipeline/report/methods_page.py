"""The section on methods: one view for the page, one document for a paper, of the same texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.report.arrive import Item, arrive_items, arrive_statement
from pipeline.report.methods_document import Document, Section
from pipeline.report.names import Names, capital
from pipeline.report.reproducibility import Reproducibility, reproducibility_view
from pipeline.report.what_if import WhatIf, what_if
from pipeline.report.workflow_graph import alternative, graph_svg

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup

    from pipeline.report.bibliography import Work

_ARRIVE = (
    "Items of the ARRIVE guidelines 2.0 ([@percie2020]), filled from config and tables. What is "
    "marked as not stated only the lab can add, under the key of the config that is named."
)
_WHAT_IF = (
    "Below stand, for every primary verdict, the contrasts that decide it (of several alike the "
    "one nearest to failing), and which of the other assumptions that were tried would have led "
    "elsewhere on them. What was tried and cannot tell is named with the reason. Leaving out an "
    "animal tells of sign and size only; permutation p values are not adjusted; on another scale "
    "and by permutation only significance is tested, not equivalence. A significant difference "
    "between the conditions before the dose is named first."
)


@dataclass(frozen=True, kw_only=True)
class MethodsView:
    """What the template shows.

    Attributes
    ----------
    document : Document
        The texts, also written as Markdown and LaTeX.
    paragraphs : tuple of str
        The methods' own.
    statement : str
        What the lab states of all of it.
    arrive : tuple of Item
    what_if : tuple of WhatIf
    made_of : Reproducibility
    graph : markupsafe.Markup
        The workflow, with its ``graph_words``.
    works : tuple of Work
        References.
    """

    document: Document
    paragraphs: tuple[str, ...]
    statement: str
    arrive_intro: str
    arrive: tuple[Item, ...]
    what_if_intro: str
    what_if: tuple[WhatIf, ...]
    made_of: Reproducibility
    graph: Markup
    graph_words: str
    works: tuple[Work, ...]


def methods_view(
    paragraphs: Sequence[str],
    methods: Mapping[str, Any],
    design: Mapping[str, Any],
    n: Mapping[str, Any],
    names: Names,
    *,
    outcomes: Sequence[str],
    verdicts: pd.DataFrame,
    contrasts: pd.DataFrame,
) -> MethodsView:
    """Gather the section on methods and reproducibility.

    Parameters
    ----------
    paragraphs : sequence of str
        The methods text, with citations by key.
    methods : mapping
        ``config``, ``blinding`` and ``made_of`` (as
        :func:`pipeline.report.reproducibility.reproducibility_view` reads it).
    design, n : mapping
        As :func:`pipeline.report.arrive.arrive_items` reads them.
    names : Names
        Labels and plan.
    outcomes : sequence of str
        Ids of all outcomes.
    verdicts, contrasts : pandas.DataFrame
        verdicts.tsv and contrasts.tsv.
    """
    items = arrive_items(methods, design, n, names, outcomes)
    changes = what_if(verdicts, contrasts, names)
    made_of = reproducibility_view(methods.get("made_of", {}))
    statement = arrive_statement(methods)
    sections = [
        Section(title="Methods", paragraphs=tuple(paragraphs)),
        Section(
            title="ARRIVE 2.0",
            paragraphs=tuple(filter(None, (statement, _ARRIVE))),
            facts=tuple((f"{item.number}. {item.title}.", item.said) for item in items),
        ),
    ]
    if changes:
        facts = tuple((_verdict_words(line), capital(line.summary)) for line in changes)
        sections.append(
            Section(title="What would change this", paragraphs=(_WHAT_IF,), facts=facts)
        )
    facts = tuple((f"{term}:", said) for term, said in made_of.facts)
    sections.append(Section(title="Reproducibility", facts=facts))
    document = Document(title=names.plan.title, sections=tuple(sections), blind=names.plan.blind)
    return MethodsView(
        document=document,
        paragraphs=tuple(paragraphs),
        statement=statement,
        arrive_intro=_ARRIVE,
        arrive=items,
        what_if_intro=_WHAT_IF,
        what_if=changes,
        made_of=made_of,
        graph=graph_svg(),
        graph_words=alternative(),
        works=document.works,
    )


def _verdict_words(line: WhatIf) -> str:
    where = f" ({line.where})" if line.where else ""
    return f"{line.outcome}, {line.condition}{where}: {line.verdict}."
