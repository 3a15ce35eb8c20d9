"""What the report says of blinding, and the omnibus tests: all that a blind report compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.compare.families import OMNIBUS
from pipeline.report.lookup import rows_of, step_of, text
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import bare_p, f_test, listing, plain
from pipeline.report.views import FigureKey, figure_name

if TYPE_CHECKING:
    import pandas as pd

#: states of a run
OPEN, BLIND, UNBLINDED = "open", "blind", "unblinded"


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What the top of the report says of blinding.

    Attributes
    ----------
    lines : tuple of str
        Sentences; empty where nobody was blind.
    alert : bool
        Whether they belong under Attention: while blind, and where something changed since.
    """

    lines: tuple[str, ...]
    alert: bool


@dataclass(frozen=True, kw_only=True)
class OmnibusLine:
    """One omnibus test, all text."""

    title: str
    anchor: str
    primary: bool
    phase: str
    what: str
    test: str
    p: str
    p_adjusted: str
    q: str
    n: str
    note: str


def notice(state: Mapping[str, Any], *, blind: bool) -> Notice:
    """Say who was blind until when, and what changed since.

    Parameters
    ----------
    state : mapping
        ``state`` (open, blind, unblinded) and, as :func:`pipeline.steps.unblinding.statement`
        gives them, since, until, by, reason, who, sha256, codes, changed.
    blind : bool
        Whether the plan's conditions are codes.
    """
    kind = BLIND if blind else state.get("state", OPEN)
    if kind == BLIND:
        return Notice(lines=(_blind(state),), alert=True)
    if kind == UNBLINDED:
        lines = (_until(state), _codes(state), _changed(state))
        return Notice(lines=tuple(filter(None, lines)), alert=bool(state["changed"]))
    return Notice(lines=(), alert=False)


def blinding_methods(state: Mapping[str, Any], *, blind: bool) -> str:
    """The methods' paragraph on blinding; "" where nothing is known of it."""
    if not blind and state.get("state") == OPEN:
        return "The analysis was not blind: conditions were named throughout."
    return " ".join(notice(state, blind=blind).lines)


def _blind(state: Mapping[str, Any]) -> str:
    since = f" since {_time(state['since'])}" if state.get("since") else ""
    return (
        f"Blind{since}: conditions are shown by code. Until the codes are opened, only omnibus "
        "tests are made, for everything else needs to know which code is the reference. Tables of "
        "the lab are not blind. To open: python -m pipeline unblind CONFIG."
    )


def _until(state: Mapping[str, Any]) -> str:
    who = state.get("who")
    since = f"from {_time(state['since'])} " if state.get("since") else ""
    reason = f"; reason: {state['reason'].rstrip('.')}" if state.get("reason") else ""
    return (
        f"Blind {since}until {_time(state['until'])} (unblinded by {state['by']}{reason}; record "
        f"sha256 {state['sha256']}). "
        + (
            f"Blind until then: {who.rstrip('.')}."
            if who
            else "Until then results showed codes; the record does not say who was blind."
        )
    )


def _codes(state: Mapping[str, Any]) -> str:
    codes: Mapping[str, str] = state.get("codes", {})
    return f"Codes: {listing(f'{code} was {spoken(name)}' for code, name in codes.items())}."


def _changed(state: Mapping[str, Any]) -> str:
    if not state["changed"]:
        return "Config, tables and code are those that the record locked."
    return (
        f"Changed since the codes were opened: {'; '.join(state['changed'])}. What follows was not "
        "made with what the record locked."
    )


def _time(stamp: str) -> str:
    """``2026-03-01T09:30:00Z`` as ``2026-03-01 09:30:00 UTC``."""
    return stamp.replace("T", " ").replace("Z", " UTC")


def omnibus_lines(
    contrasts: pd.DataFrame, order: Sequence[str], names: Names
) -> tuple[OmnibusLine, ...]:
    """List the omnibus tests, by outcome in the order of the page.

    Parameters
    ----------
    contrasts : pandas.DataFrame
        contrasts.tsv; rows whose ``contrast`` is omnibus, without splits.
    order : sequence of str
        Outcome ids.
    names : Names
        Labels.
    """
    rank = {outcome: index for index, outcome in enumerate(order)}
    rows = [
        row
        for row in rows_of(contrasts)
        if text(row["contrast"]) == OMNIBUS and not text(row["split"])
    ]
    rows.sort(key=lambda row: rank.get(row["outcome"], len(rank)))
    several = len({(row["outcome"], step_of(row)) for row in rows}) > len(
        {row["outcome"] for row in rows}
    )
    return tuple(_line(row, names, several_doses=several) for row in rows)


def _line(row: Mapping[str, Any], names: Names, *, several_doses: bool) -> OmnibusLine:
    outcome, phase, modifier = (text(row[key]) for key in ("outcome", "phase", "modifier"))
    term = text(row.get("term")) or "condition"
    what = f"differs between conditions by {spoken(modifier)}" if ":" in term else "any difference"
    dose = f", dose {step_of(row)}" if several_doses else ""
    before = " (before the dose)" if phase == names.plan.baseline_phase else ""
    drawn = phase in names.plan.phases
    key = FigureKey(outcome=outcome, phase=phase, modifier=modifier)
    return OmnibusLine(
        title=names.title(outcome),
        anchor=f"fig-{figure_name(key, names)}" if drawn else "",
        primary=text(row.get("priority")) == "primary",
        phase=spoken(phase) + before + dose,
        what=what,
        test=f_test(*(row.get(name) for name in ("statistic", "df_numerator", "df"))),
        p=bare_p(row.get("p")),
        p_adjusted=bare_p(row.get("p_adjusted")),
        q=bare_p(row.get("q_value")),
        n=plain(row["n_animals"], 0),
        note=text(row.get("note")),
    )
