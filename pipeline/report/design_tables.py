"""The design as it came out: who got what, where, in which order; and what was lost on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.report.lookup import rows_of, text
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import count, finite, number, with_unit
from pipeline.report.reasons import Reasons
from pipeline.report.style import BAND, condition_colours

if TYPE_CHECKING:
    import pandas as pd

_STEPS = ("extract", "measure")
#: so many outcomes that a confound concerns are named
_NAMED = 3
#: facts of completeness.tsv that the table shows, where the steps state them
_FACTS = {
    "duration_s": "duration, s",
    "kept_fraction": "kept time",
    "bad_channels": "bad channels",
    "n_units_kept": "units kept",
    "n_trials": "trials",
}


@dataclass(frozen=True, kw_only=True)
class Dose:
    """One session's dose, in the order of the animal's visits."""

    session: str
    condition: str
    colour: str
    description: str
    lost: str


@dataclass(frozen=True, kw_only=True)
class AnimalRow:
    """One animal: its cells and its order of conditions."""

    animal: str
    facts: str
    counts: tuple[int, ...]
    doses: tuple[Dose, ...]


@dataclass(frozen=True, kw_only=True)
class DesignTable:
    """Animals x conditions x contexts, with the number of sessions that count.

    Attributes
    ----------
    columns : tuple of (str, str)
        Label and colour of each condition.
    contexts : tuple of str
    rows : tuple of AnimalRow
    totals : tuple of int
        Animals per condition and context.
    problems : tuple of str
        What the design cannot tell apart, as the verdicts found it.
    """

    columns: tuple[tuple[str, str], ...]
    contexts: tuple[str, ...]
    rows: tuple[AnimalRow, ...]
    totals: tuple[int, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SessionLine:
    """One session in the table of completeness."""

    session: str
    animal: str
    state: str
    reason: str
    inputs: tuple[str, ...]
    steps: tuple[str, ...]
    facts: tuple[str, ...]
    warnings: str


@dataclass(frozen=True, kw_only=True)
class Completeness:
    """What became of each session.

    Attributes
    ----------
    inputs, steps, facts : tuple of str
        Column titles.
    lines : tuple of SessionLine
    failed, excluded, warned : tuple of SessionLine
    n : dict of str to int
        animals, sessions, analysed, failed, excluded.
    """

    inputs: tuple[str, ...]
    steps: tuple[str, ...]
    facts: tuple[str, ...]
    lines: tuple[SessionLine, ...]
    failed: tuple[SessionLine, ...]
    excluded: tuple[SessionLine, ...]
    warned: tuple[SessionLine, ...]
    n: dict[str, int]


def completeness_view(completeness: pd.DataFrame) -> Completeness:
    """Read completeness.tsv.

    Parameters
    ----------
    completeness : pandas.DataFrame
        Columns session, animal, excluded, exclude_reason, extract, measure, reason, warnings, and
        any of recording, sorting, behaviour, movement and of the steps' facts.
    """
    inputs = [
        name
        for name in ("recording", "sorting", "behaviour", "movement")
        if name in completeness.columns
    ]
    steps = [name for name in _STEPS if name in completeness.columns]
    facts = [name for name in _FACTS if name in completeness.columns]
    lines = tuple(_session_line(row, inputs, steps, facts) for row in rows_of(completeness))
    by_state = {
        state: tuple(line for line in lines if line.state == state)
        for state in ("analysed", "failed", "excluded")
    }
    return Completeness(
        inputs=tuple(inputs),
        steps=tuple(steps),
        facts=tuple(_FACTS[name] for name in facts),
        lines=lines,
        failed=by_state["failed"],
        excluded=by_state["excluded"],
        warned=tuple(line for line in lines if line.warnings and line.state == "analysed"),
        n={
            "animals": len({line.animal for line in lines}),
            "sessions": len(lines),
            **{state: len(found) for state, found in by_state.items()},
        },
    )


def _session_line(
    row: Mapping[str, Any], inputs: Sequence[str], steps: Sequence[str], facts: Sequence[str]
) -> SessionLine:
    excluded = text(row["exclude_reason"]) or (
        "no reason given" if text(row["excluded"]).casefold() in ("true", "yes", "1") else ""
    )
    states = tuple(text(row[name]) for name in steps)
    failed = not excluded and any(state and state != "ok" for state in states)
    return SessionLine(
        session=text(row["session"]),
        animal=text(row["animal"]),
        state="excluded" if excluded else "failed" if failed else "analysed",
        reason=excluded or text(row.get("reason")),
        inputs=tuple(text(row[name]) for name in inputs),
        steps=states,
        facts=tuple(number(row[name]) if finite(row[name]) else text(row[name]) for name in facts),
        warnings=text(row.get("warnings")),
    )


def design_table(
    outcomes: pd.DataFrame,
    verdicts: pd.DataFrame,
    design: Mapping[str, Any],
    lost: Mapping[str, str],
    names: Names,
) -> DesignTable:
    """Count sessions per animal, condition and context, from the outcomes that were compared.

    Parameters
    ----------
    outcomes, verdicts : pandas.DataFrame
        Tables of design.md section 5.
    design : mapping
        ``sessions`` (rows with session, animal, sex, cohort, cage, start) and ``anchors`` (rows
        with session, animal, condition, drug, dose_mg_per_kg, route, time_s, step, period).
    lost : mapping of str to str
        Session -> why it does not count (failed, excluded).
    names : Names
        Labels.
    """
    plan = names.plan
    after = outcomes[outcomes["phase"].isin(plan.phases)]
    found = after[["animal", "condition", "context", "session"]].astype(str).drop_duplicates()
    cells = found.groupby(["animal", "condition", "context"])["session"].nunique().to_dict()
    contexts = [name for name in plan.contexts if name in set(found["context"])]
    contexts += sorted(set(found["context"]) - set(contexts) - {""})
    conditions = [entry.name for entry in plan.conditions]
    colours = condition_colours(plan)
    grid = [(condition, context) for condition in conditions for context in contexts]
    sessions = list(design["sessions"])
    animals = dict.fromkeys(str(row["animal"]) for row in sessions)
    rows = tuple(
        AnimalRow(
            animal=animal,
            facts=_facts([row for row in sessions if str(row["animal"]) == animal]),
            counts=tuple(cells.get((animal, *cell), 0) for cell in grid),
            doses=_doses(animal, design, lost, colours),
        )
        for animal in animals
    )
    return DesignTable(
        columns=tuple((spoken(name), colours[name]) for name in conditions),
        contexts=tuple(spoken(name) for name in contexts),
        rows=rows,
        totals=tuple(sum(1 for row in rows if row.counts[index]) for index in range(len(grid))),
        problems=tuple(_problems(verdicts, names)),
    )


def _facts(rows: Sequence[Mapping[str, Any]]) -> str:
    """Sex, cage and cohort of an animal, as the tables say."""
    parts = []
    for key, word in (("sex", ""), ("cage", "cage "), ("cohort", "cohort ")):
        values = dict.fromkeys(text(row.get(key)) for row in rows)
        values.pop("", None)
        if values:
            parts.append(word + "/".join(values))
    return ", ".join(parts)


def _doses(
    animal: str, design: Mapping[str, Any], lost: Mapping[str, str], colours: Mapping[str, str]
) -> tuple[Dose, ...]:
    starts = {str(row["session"]): text(row.get("start")) for row in design["sessions"]}
    anchors = [row for row in design["anchors"] if str(row["animal"]) == animal]
    anchors.sort(
        key=lambda row: (
            _known(row.get("period")),
            starts.get(text(row["session"]), ""),
            text(row["session"]),
            _known(row.get("time_s")),
        )
    )
    return tuple(
        Dose(
            session=text(row["session"]),
            condition=spoken(text(row["condition"])),
            colour=colours.get(text(row["condition"]), BAND),
            description=dose_words(row),
            lost=lost.get(text(row["session"]), ""),
        )
        for row in anchors
    )


def _known(value: Any) -> float:
    return float(value) if finite(value) else float("inf")


def dose_words(row: Mapping[str, Any]) -> str:
    """``saline i.p.``; the drug's name is left out where the condition says it already."""
    dose, drug = row.get("dose_mg_per_kg"), text(row.get("drug"))
    size = with_unit(number(dose), "mg/kg") if finite(dose) else ""
    name = "" if drug.casefold() == text(row["condition"]).casefold() else drug
    return " ".join(filter(None, (name, size, text(row.get("route")))))


def _problems(verdicts: pd.DataFrame, names: Names) -> list[str]:
    """What the design cannot tell apart, as the verdicts found it.

    Only whole outcomes are asked: a split's strata and a few sessions of a rare one say little of
    the design. Where some comparisons of a condition are concerned and others not, values are
    missing there, which is said; a few are named.
    """
    compared: dict[str, int] = {}
    found: dict[str, dict[str, list[str]]] = {}
    for row in rows_of(verdicts):
        if text(row["split"]):
            continue
        who, why = spoken(text(row["condition"])), Reasons.of(text(row["why"])).confounded
        compared[who] = compared.get(who, 0) + 1
        if why:
            concerned = found.setdefault(why, {})
            concerned.setdefault(who, []).append(names.in_sentence(text(row["outcome"])))
    said = {
        why: ", ".join(_concerned(who, of, compared[who]) for who, of in sorted(whom.items()))
        for why, whom in sorted(found.items())
    }
    return [f"{whom}: {why}." for why, whom in said.items()]


def _concerned(who: str, outcomes: Sequence[str], total: int) -> str:
    """``ketamine``, or ``ketamine (in 2 of 40 comparisons: accuracy, speed)``."""
    if len(outcomes) == total:
        return who
    which = "" if len(outcomes) > _NAMED else f": {', '.join(dict.fromkeys(outcomes))}"
    return f"{who} (in {len(outcomes)} of {count(total, 'comparison')}{which})"


def n_words(view: Completeness, names: Names) -> str:
    """``8 rats, 32 sessions (1 failed, 1 excluded)``."""
    singular, plural = names.animals() if names.plan.unit == "animal" else ("animal", "animals")
    words = f"{count(view.n['animals'], singular, plural)}, {count(view.n['sessions'], 'session')}"
    lost = [f"{view.n[state]} {state}" for state in ("failed", "excluded") if view.n[state]]
    return words + (f" ({', '.join(lost)})" if lost else "")
