"""Administrations to anchors: what was on board, in which order, after what."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from pipeline.errors import Problem
from pipeline.experiment.config import NO_CONDITION, Config, Substance
from pipeline.experiment.model import Administration, Anchor, Session
from pipeline.experiment.strict import did_you_mean
from pipeline.experiment.tables import Row

#: a datetime and a time_s that both stand in one row may differ by so much (rounded to minutes)
_CLOCK_TOLERANCE_S = 90.0


def read_administrations(
    rows: Iterable[Row], sessions: Mapping[str, Session]
) -> tuple[list[Administration], list[Problem]]:
    """Place every administration on the session clock and the wall clock, as far as known.

    Parameters
    ----------
    rows : iterable of Row
        Rows of administrations.tsv.
    sessions : mapping
        Sessions by name.

    Returns
    -------
    administrations, problems
    """
    animals = {session.animal for session in sessions.values()}
    administrations, problems = [], []
    for row in rows:
        wrong = _misplaced(row, sessions, animals)
        problems += wrong
        if not wrong:
            administrations.append(_administration(row, sessions.get(row.values["session"])))
    return administrations, problems


def _misplaced(row: Row, sessions: Mapping[str, Session], animals: set[str]) -> list[Problem]:
    values = row.values
    problems = []
    if values["animal"] not in animals:
        hint = did_you_mean(values["animal"], animals)
        problems.append(row.problem("animal", f"an animal of sessions.tsv{hint}"))
    session = sessions.get(values["session"])
    if values["session"] and session is None:
        hint = did_you_mean(values["session"], sessions)
        problems.append(row.problem("session", f"a session of sessions.tsv{hint}"))
    if session is not None and session.animal != values["animal"]:
        problems.append(
            row.problem("animal", f"session {session.name} is of animal {session.animal}")
        )
    if not values["session"]:
        if values["time_s"] is not None:
            problems.append(row.problem("time_s", "blank: seconds need a session to count in"))
        if values["datetime"] is None:
            problems.append(
                row.problem("datetime", "a date and time is expected where session is blank")
            )
    if session is not None and session.has_clock and values["datetime"] and values["datetime"][1]:
        seconds = (values["datetime"][0] - session.start).total_seconds()
        stated = values["time_s"]
        if stated is not None and abs(stated - seconds) > _CLOCK_TOLERANCE_S:
            problems.append(
                row.problem("time_s", f"{seconds:g} s, by its datetime and the session's start")
            )
    return problems


def _administration(row: Row, session: Session | None) -> Administration:
    values = row.values
    time_s, stated = values["time_s"], values["datetime"]
    moment = stated[0] if stated and stated[1] else None
    day = stated[0].date() if stated else None
    if session is not None:
        day = day or session.date
        if session.start and session.has_clock and time_s is not None:
            moment = session.start + timedelta(seconds=time_s)
        elif session.start and session.has_clock and moment is not None:
            time_s = (moment - session.start).total_seconds()
    where = values["dosing_context"]
    if not where and session is not None and time_s is not None:
        where = next(
            (
                interval.context
                for interval in session.contexts
                if (interval.start_s is None or interval.start_s <= time_s)
                and (interval.stop_s is None or time_s < interval.stop_s)
            ),
            "",
        )
    return Administration(
        animal=values["animal"],
        session=values["session"],
        time_s=time_s,
        moment=moment,
        date=moment.date() if moment else day,
        drug=values["drug"],
        dose_mg_per_kg=values["dose_mg_per_kg"],
        route=values["route"],
        role=values["role"],
        dosing_context=where,
        line=row.line,
    )


def covers(substance: Substance, administration: Administration) -> bool:
    """Return whether a declared substance is what was given."""
    if administration.drug.casefold() not in substance.names:
        return False
    meant, given = substance.dose_mg_per_kg, administration.dose_mg_per_kg
    return meant is None or (given is not None and math.isclose(meant, given, rel_tol=1e-6))


def _order(administration: Administration) -> tuple[datetime, float, int]:
    day = administration.date
    moment = administration.moment or (
        datetime(day.year, day.month, day.day) if day else datetime.max
    )
    return moment, administration.time_s or 0.0, administration.line


def _on_board(
    test: Administration, given: Sequence[Administration], *, within_h: float
) -> list[Administration]:
    """Pretreatments before the test dose: of the same session, or recently by the clock.

    Where a clock time is missing, a pretreatment of the same day counts.
    """
    pretreatments = []
    for other in given:
        if other.role != "pretreatment":
            continue
        if test.session and other.session == test.session:
            if other.time_s is None or test.time_s is None or other.time_s <= test.time_s:
                pretreatments.append(other)
        elif test.moment and other.moment:
            hours = (test.moment - other.moment).total_seconds() / 3600
            if 0 <= hours <= within_h:
                pretreatments.append(other)
        elif other.date and other.date == test.date:
            pretreatments.append(other)
    return pretreatments


def _describe(administration: Administration) -> str:
    dose = administration.dose_mg_per_kg
    return administration.drug + (f" {dose:g} mg/kg" if dose else "")


def label_condition(
    test: Administration, pretreatments: Sequence[Administration], config: Config
) -> tuple[str, Problem | None]:
    """Return the declared condition that is on board at a test administration.

    A condition without ``pretreatment`` asks for none at all: a vehicle given before is a
    pretreatment too, and must be declared, so that nothing is compared by guess.
    """
    matches = []
    for name, spec in config.design.conditions.items():
        if not covers(spec, test):
            continue
        if spec.pretreatment is None:
            fits = not pretreatments
        else:
            fits = bool(pretreatments) and all(
                covers(spec.pretreatment, other) for other in pretreatments
            )
        if fits:
            matches.append(name)
    if len(matches) == 1:
        return matches[0], None
    found = " after ".join([_describe(test), *(_describe(other) for other in pretreatments)])
    place = f"row {test.line}, column drug"
    if matches:
        expected = f"one condition, but it fits {' and '.join(matches)}: state doses"
        return "", Problem(_FILE, place, repr(found), expected)
    drugs = [n for spec in config.design.conditions.values() for n in spec.names]
    hint = did_you_mean(test.drug, drugs) if test.drug.casefold() not in drugs else ""
    expected = f"no condition under design.conditions covers it{hint}: declare it there"
    return "", Problem(_FILE, place, repr(found), expected)


_FILE = "administrations.tsv"


def find_anchors(
    administrations: Sequence[Administration], config: Config, references: set[str]
) -> tuple[dict[str, Anchor], list[Problem]]:
    """Turn the test and sham administrations of every animal into anchors.

    Parameters
    ----------
    administrations : sequence of Administration
        All of them, excluded sessions included: what an animal got, it got.
    config : Config
        The experiment's.
    references : set of str
        Conditions that serve as reference; they do not count as prior doses.

    Returns
    -------
    anchors : dict
        By id, animals in the order of the table, each animal's in the order of time.
    problems : list of Problem
    """
    by_animal: dict[str, list[Administration]] = defaultdict(list)
    for administration in administrations:
        by_animal[administration.animal].append(administration)
    anchors: dict[str, Anchor] = {}
    problems: list[Problem] = []
    for animal, given in by_animal.items():
        given.sort(key=_order)
        found, wrong = _anchors_of(animal, given, config)
        problems += wrong
        for anchor in _with_history(found, references):
            anchors[anchor.id] = anchor
    return anchors, problems


def _anchors_of(
    animal: str, given: Sequence[Administration], config: Config
) -> tuple[list[Anchor], list[Problem]]:
    anchors: list[Anchor] = []
    problems: list[Problem] = []
    steps: dict[tuple[str, str], int] = defaultdict(int)
    for administration in given:
        if administration.role == "pretreatment":
            continue
        if administration.session:
            steps[administration.session, administration.role] += 1
            step = steps[administration.session, administration.role]
        else:
            step = 1
        condition, pretreatment = NO_CONDITION, ""
        if administration.role == "test":
            board = _on_board(administration, given, within_h=config.design.pretreatment_within_h)
            condition, problem = label_condition(administration, board, config)
            if problem:
                problems.append(problem)
            else:
                spec = config.design.conditions[condition].pretreatment
                pretreatment = spec.label if spec else ""
        same_time = [
            other
            for other in anchors
            if other.administration.session == administration.session != ""
            and other.administration.time_s == administration.time_s is not None
        ]
        if same_time:
            problems.append(
                Problem(
                    _FILE,
                    f"row {administration.line}, column time_s",
                    repr(administration.time_s),
                    f"another time than row {same_time[0].administration.line}: of two compounds "
                    "given together, one has the role pretreatment",
                )
            )
        number = len(anchors) + 1
        anchors.append(Anchor(f"{animal}.{number}", administration, step, condition, pretreatment))
    return anchors, problems


def _with_history(anchors: Sequence[Anchor], references: set[str]) -> list[Anchor]:
    """Number an animal's dosing occasions (a session, or a dose outside one)."""
    occasions: list[list[Anchor]] = []
    for anchor in anchors:
        if anchor.administration.role != "test":
            continue
        session = anchor.administration.session
        if occasions and session and occasions[-1][0].administration.session == session:
            occasions[-1].append(anchor)
        else:
            occasions.append([anchor])
    ordered = len(occasions) == 1 or all(group[0].administration.date for group in occasions)
    history: dict[str, Anchor] = {}
    doses = 0
    for period, group in enumerate(occasions, 1):
        before = occasions[period - 2] if period > 1 else None
        for anchor in group:
            if ordered:
                history[anchor.id] = Anchor(
                    anchor.id,
                    anchor.administration,
                    anchor.step,
                    anchor.condition,
                    anchor.pretreatment,
                    period=period,
                    previous_condition=before[-1].condition if before else "",
                    days_since_previous=_days_between(before[-1], group[0]) if before else None,
                    n_prior_doses=doses,
                )
            doses += anchor.condition not in references
    return [history.get(anchor.id, anchor) for anchor in anchors]


def _days_between(earlier: Anchor, later: Anchor) -> float | None:
    first, second = earlier.administration, later.administration
    if first.moment and second.moment:
        return (second.moment - first.moment).total_seconds() / 86400
    if first.date and second.date:
        return float((second.date - first.date).days)
    return None
