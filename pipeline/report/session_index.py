"""The index of the sessions: which there are, how each went, where its page is.

The pages of the sessions know times, never drugs, and so does the listing that they leave
(``assets/sessions.json``). The index is made from it with the report, which knows the conditions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.report.embed import environment, policy, template_text, write_page
from pipeline.report.lookup import text
from pipeline.report.names import capital, spoken
from pipeline.report.numbers import SPACE, finite, minutes, plain
from pipeline.report.session_tables import status_list

if TYPE_CHECKING:
    from pipeline.report.session_page import SessionPage


# -- neighbours ------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """Where a session's page leads: names of sessions, "" for none.

    Attributes
    ----------
    before, after : str
        The sessions before and after in the experiment's table.
    siblings : tuple of str
        All sessions of the animal in that order, this one too.
    """

    before: str = ""
    after: str = ""
    siblings: tuple[str, ...] = ()


def neighbours(session: str, animal: str, visits: Sequence[tuple[str, str]]) -> Neighbours:
    """Find the sessions around one; without ``visits`` there are none."""
    names = [name for name, _ in visits]
    if session not in names:
        return Neighbours()
    at = names.index(session)
    return Neighbours(
        before=names[at - 1] if at else "",
        after=names[at + 1] if at + 1 < len(names) else "",
        siblings=tuple(name for name, whose in visits if whose == animal),
    )


# -- the listing -----------------------------------------------------------------------------------


def listing_of(page: SessionPage, href: str) -> dict[str, Any]:
    """One row of the listing: what a page knows of its session, as plain data.

    Parameters
    ----------
    page : SessionPage
        The session.
    href : str
        Address of its page as seen from the report.
    """
    found, statuses = page.step_facts, status_list(page)
    reasons = dict.fromkeys(line.reason for line in statuses if line.reason)
    contexts = [] if page.contexts is None else page.contexts["context"].map(text).tolist()
    return {
        "session": page.session,
        "animal": page.animal,
        "href": href,
        "state": page.state,
        "reason": "; ".join(reasons),
        "warnings": [warning for line in statuses for warning in line.warnings],
        "contexts": list(dict.fromkeys(contexts)),
        "duration_s": found.get("duration_s"),
        "kept_fraction": found.get("kept_fraction"),
        "n_units_kept": found.get("n_units_kept"),
        "n_units_sorted": found.get("n_units_sorted"),
        "n_trials": found.get("n_trials"),
    }


def write_listing(rows: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """Write the listing that :func:`write_session_index` reads."""
    write_page(path, json.dumps(list(rows), indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    return path


# -- the index -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A number as it is read, and as it is sorted (None: last)."""

    shown: str
    order: float | None


@dataclass(frozen=True, kw_only=True)
class IndexRow:
    """One session in the index.

    Attributes
    ----------
    session, animal, href, state, reason : str
        An excluded session has no page: ``href`` is "".
    warnings : tuple of str
        Of its steps.
    contexts, conditions : tuple of str
        As they are read; no conditions while blind.
    start : str
        Date of the visit, "" if unknown.
    duration, kept, units, trials : Cell
        Minutes, share of the recording, units kept (of those sorted), trials.
    """

    session: str
    animal: str
    href: str
    state: str
    reason: str
    warnings: tuple[str, ...]
    contexts: tuple[str, ...]
    conditions: tuple[str, ...]
    start: str
    duration: Cell
    kept: Cell
    units: Cell
    trials: Cell

    @property
    def kind(self) -> str:
        """What the filter of states asks for: the state, or ``warnings`` of one that went well."""
        return "warnings" if self.state == "ok" and self.warnings else self.state


def conditions_of(anchors: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Conditions of each session's doses, in the order of their times.

    Parameters
    ----------
    anchors : iterable of mapping
        Rows with session, condition and time_s; a dose outside of a session is nobody's.
    """
    found: dict[str, list[str]] = {}
    for row in sorted(anchors, key=lambda row: row["time_s"] or 0.0):
        if row["session"]:
            found.setdefault(row["session"], []).append(row["condition"])
    return found


def index_rows(
    listing: Iterable[Mapping[str, Any]],
    *,
    sessions: Iterable[Mapping[str, Any]] = (),
    conditions: Mapping[str, Sequence[str]] | None = None,
) -> list[IndexRow]:
    """Rows of the index in the order of the experiment; excluded sessions stand among them.

    Parameters
    ----------
    listing : iterable of mapping
        Rows of :func:`listing_of`.
    sessions : iterable of mapping
        Rows with session, animal, start and exclude, of all sessions.
    conditions : mapping of str to sequence of str, optional
        Session -> conditions of its doses; none while blind.
    """
    given = {row["session"]: row for row in sessions}
    listed = {row["session"]: row for row in listing}
    order = [*given, *(name for name in listed if name not in given)]
    return [
        _row(listed.get(name), given.get(name, {}), (conditions or {}).get(name, ()))
        for name in order
        if name in listed or given[name].get("exclude")
    ]


def _row(
    listed: Mapping[str, Any] | None, given: Mapping[str, Any], conditions: Sequence[str]
) -> IndexRow:
    row = listed or {**given, "state": "excluded", "reason": text(given.get("exclude"))}
    duration, kept = row.get("duration_s"), row.get("kept_fraction")
    units, units_of, trials = (
        row.get(name) for name in ("n_units_kept", "n_units_sorted", "n_trials")
    )
    return IndexRow(
        session=row["session"],
        animal=text(row.get("animal")),
        href=text(row.get("href", "")),
        state=row["state"],
        reason=text(row.get("reason", "")),
        warnings=tuple(row.get("warnings", ())),
        contexts=tuple(map(spoken, row.get("contexts", ()))),
        conditions=tuple(dict.fromkeys(map(spoken, conditions))),
        start=text(given.get("start", ""))[:10],
        duration=_cell(duration, minutes(duration) if finite(duration) else ""),
        kept=_cell(kept, f"{plain(100 * kept, 1)}{SPACE}%" if finite(kept) else ""),
        units=_cell(units, f"{units} of {units_of}" if finite(units_of) else text(units)),
        trials=_cell(trials, text(trials)),
    )


def _cell(value: Any, shown: str) -> Cell:
    return Cell(shown=shown, order=float(value)) if finite(value) else Cell(shown="–", order=None)


def write_session_index(
    listing: Iterable[Mapping[str, Any]],
    path: Path,
    *,
    title: str = "",
    sessions: Iterable[Mapping[str, Any]] = (),
    conditions: Mapping[str, Sequence[str]] | None = None,
) -> Path:
    """Write ``sessions.html``: a table of all sessions, to be searched, narrowed down and sorted.

    Without JavaScript the page is the whole table.

    Parameters
    ----------
    listing, sessions, conditions
        As in :func:`index_rows`.
    path : pathlib.Path
        ``results/report/sessions.html``.
    title : str
        Title of the experiment.

    Returns
    -------
    pathlib.Path
        ``path``; the same sessions give the same bytes.
    """
    rows = index_rows(listing, sessions=sessions, conditions=conditions)
    script = template_text("tables.js")
    page = (
        environment()
        .get_template("sessions.html")
        .render(
            title=title,
            rows=rows,
            choices=_choices(rows),
            has_conditions=any(row.conditions for row in rows),
            has_dates=any(row.start for row in rows),
            tally=_tally(rows),
            style=template_text("style.css") + template_text("session.css"),
            script=script,
            policy=policy(script),
        )
    )
    write_page(path, page)
    return path


def _choices(rows: Sequence[IndexRow]) -> list[tuple[str, str, list[str]]]:
    """Name, label and values of each list to choose from; those with one value are left out."""
    met = (
        ("animal", [row.animal for row in rows]),
        ("condition", [name for row in rows for name in row.conditions]),
        ("context", [name for row in rows for name in row.contexts]),
        ("state", [row.kind for row in rows]),
    )
    found = [(name, capital(name), list(dict.fromkeys(values))) for name, values in met]
    return [choice for choice in found if len(choice[2]) > 1]


def _tally(rows: Sequence[IndexRow]) -> str:
    """How many went how."""
    kinds = [row.kind for row in rows]
    words = {"ok": "without remark", "warnings": "with warnings"}
    return ", ".join(f"{kinds.count(k)} {words.get(k, k)}" for k in dict.fromkeys(kinds))
