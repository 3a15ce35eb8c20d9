"""Who was given what, at which visit, in which order of contexts: is the design balanced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from pipeline.report.design_tables import dose_words
from pipeline.report.lookup import text
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import finite
from pipeline.report.style import condition_colours


@dataclass(frozen=True, kw_only=True)
class ConditionRow:
    """One condition: what was given, to whom, at which visits; sessions that count only.

    Attributes
    ----------
    condition, colour : str
    given : tuple of str
        Every drug, dose and route that the condition stands for.
    animals : str
        ``8 (4 F, 4 M)``.
    n_sessions : int
    visits : tuple of int
        Animals per visit, in the order of :attr:`Balance.visits`.
    orders : tuple of int
        Sessions per order of contexts, in the order of :attr:`Balance.orders`.
    """

    condition: str
    colour: str
    given: tuple[str, ...]
    animals: str
    n_sessions: int
    visits: tuple[int, ...]
    orders: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Balance:
    """The conditions side by side.

    Attributes
    ----------
    conditions : tuple of ConditionRow
    visits : tuple of int
        Visits met, counted per animal.
    orders : tuple of str
        Orders of contexts met after the dose.
    problems : tuple of str
        What cannot be told apart for want of balance.
    """

    conditions: tuple[ConditionRow, ...]
    visits: tuple[int, ...]
    orders: tuple[str, ...]
    problems: tuple[str, ...]


def balance_view(design: Mapping[str, Any], lost: Mapping[str, str], names: Names) -> Balance:
    """Count animals and sessions of each condition by sex, visit and order of contexts.

    Parameters
    ----------
    design : mapping
        ``sessions`` (rows with session, animal, sex), ``anchors`` (rows with session, animal,
        condition, drug, dose_mg_per_kg, route, time_s, period) and ``contexts`` (rows with
        session, context, start_s, stop_s).
    lost : mapping of str to str
        Session -> why it does not count (failed, excluded).
    names : Names
        Labels, order of the conditions.
    """
    colours = condition_colours(names.plan)
    sexes = {str(row["animal"]): text(row.get("sex")) for row in design["sessions"]}
    anchors = [row for row in design["anchors"] if text(row.get("session")) not in lost]
    visits = sorted({round(row["period"]) for row in anchors if finite(row.get("period"))})
    order_of = {text(row["session"]): _order(row, design) for row in anchors}
    orders = sorted(set(filter(None, order_of.values())))
    rows = []
    for condition, colour in colours.items():
        here = [row for row in anchors if text(row["condition"]) == condition]
        if not here:
            continue
        animals = sorted({str(row["animal"]) for row in here})
        sessions = {text(row["session"]) for row in here} - {""}
        at = [
            {str(row["animal"]) for row in here if finite(p := row.get("period")) and p == visit}
            for visit in visits
        ]
        rows.append(
            ConditionRow(
                condition=spoken(condition),
                colour=colour,
                given=tuple(dict.fromkeys(filter(None, map(dose_words, here)))),
                animals=_by_sex(animals, sexes),
                n_sessions=len(sessions),
                visits=tuple(map(len, at)),
                orders=tuple(sum(order_of[name] == order for name in sessions) for order in orders),
            )
        )
    return Balance(
        conditions=tuple(rows),
        visits=tuple(visits),
        orders=tuple(orders),
        problems=tuple(_one_sex(anchors, sexes)),
    )


def _order(anchor: Mapping[str, Any], design: Mapping[str, Any]) -> str:
    """Contexts after a dose: ``home cage → open field``; a context that goes on is named once."""
    dose = anchor["time_s"] if finite(anchor.get("time_s")) else float("-inf")
    visited = [
        (row["start_s"] if finite(row["start_s"]) else float("-inf"), spoken(row["context"]))
        for row in design.get("contexts", ())
        if row["session"] == text(anchor["session"])
        and (row["stop_s"] if finite(row["stop_s"]) else float("inf")) > dose
    ]
    names = [name for _, name in sorted(visited)]
    return " \N{RIGHTWARDS ARROW} ".join(name for name, _ in groupby(names))


def _by_sex(animals: Sequence[str], sexes: Mapping[str, str]) -> str:
    """``8 (4 F, 4 M)``; the number alone where the tables state no sex."""
    known = sorted(sexes.get(animal) or "not stated" for animal in animals)
    parts = [f"{len(list(same))} {sex}" for sex, same in groupby(known)]
    return f"{len(animals)}" + (f" ({', '.join(parts)})" if set(known) != {"not stated"} else "")


def _one_sex(anchors: Sequence[Mapping[str, Any]], sexes: Mapping[str, str]) -> list[str]:
    """Conditions that one sex alone was given, where the experiment has several."""
    met: dict[str, set[str]] = {}
    for row in anchors:
        met.setdefault(text(row["condition"]), set()).add(sexes.get(str(row["animal"]), ""))
    if len(set().union(*met.values(), set()) - {""}) < 2:
        return []
    return [
        f"{spoken(condition)}: given to {next(iter(found))} only, so that drug and sex cannot be "
        "separated."
        for condition, found in met.items()
        if len(found) == 1 and found != {""}
    ]
