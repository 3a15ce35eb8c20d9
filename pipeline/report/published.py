"""The line "Published: ..." beside a verdict: what the literature reports, never used for anything.

Only text is made here; the numbers and verdicts of the report do not know of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.compare.literature import Entry, Literature, literature, published
from pipeline.report.lookup import text
from pipeline.report.names import capital
from pipeline.report.numbers import plain

if TYPE_CHECKING:
    from pipeline.report.names import Names

#: studies of one direction that the line names; the list below it names all
_NAMED = 3
_CHECKED = {
    "text": "checked in the article",
    "abstract": "checked in the abstract",
    "notes": "from reading notes, not checked again",
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One published finding, all text."""

    direction: str
    where: str
    said: str
    citation: str
    checked: str


@dataclass(frozen=True, kw_only=True)
class Published:
    """What stands beside one verdict.

    Attributes
    ----------
    directions : tuple of (str, str)
        A direction and the studies that report it, the most specific first.
    findings : tuple of Finding
        All of them, in the same order.
    """

    directions: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]


def published_beside(
    verdict: Mapping[str, Any], names: Names, *, table: Literature | None = None
) -> Published | None:
    """Return what is published of a verdict's drug and outcome; None where the table has nothing.

    Parameters
    ----------
    verdict : mapping
        Row of verdicts.tsv.
    names : Names
        For the plan: the condition's drug, dose and pretreatment, the species, the contexts.
    table : Literature, optional
        Instead of the package's own.
    """
    known = literature() if table is None else table
    condition = next((c for c in names.plan.conditions if c.name == verdict["condition"]), None)
    if condition is None:
        return None
    entries = published(
        text(verdict["outcome"]),
        drug=condition.drug,
        dose_mg_per_kg=condition.dose_mg_per_kg,
        pretreatment=condition.pretreatment,
        species=names.plan.species,
        contexts=names.plan.contexts,
        phase=text(verdict["phase"]),
        table=known,
    )
    if not entries:
        return None
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.direction, []).append(entry)
    return Published(
        directions=tuple((word, _studies(group, known)) for word, group in groups.items()),
        findings=tuple(
            Finding(
                direction=entry.direction,
                where=_where(entry),
                said=f"{capital(entry.finding)}.",
                citation=f"{known.study(entry).full()}.",
                checked=_CHECKED[entry.checked],
            )
            for entry in entries
        ),
    )


def _studies(entries: Sequence[Entry], known: Literature) -> str:
    """``Furth et al. 2017, rat mPFC, 10 mg/kg s.c., treadmill walking; ... and 2 more``."""
    named = [f"{known.study(entry).cite}, {_where(entry)}" for entry in entries[:_NAMED]]
    more = len(entries) - len(named)
    return "; ".join([*named, *([f"{more} more"] if more else [])])


def _where(entry: Entry) -> str:
    """Species, place, band, dose, context and time of an entry, as far as they are known."""
    places = "\u2013".join(place for place in (entry.region, entry.region_b) if place)
    parts = [f"{entry.species} {places}".strip()]
    if entry.hz is not None:
        parts.append(f"{plain(entry.hz[0], 0)} to {plain(entry.hz[1], 0)} Hz")
    parts.append(_dose(entry))
    parts += [entry.context, entry.state]
    parts += [entry.time] if entry.time != "acute" else []
    return ", ".join(part for part in parts if part)


def _dose(entry: Entry) -> str:
    doses = ", ".join(f"{dose:g}" for dose in entry.dose_mg_per_kg)
    if not doses:
        return entry.compound
    return " ".join(part for part in (entry.compound, doses, "mg/kg", entry.route) if part)
