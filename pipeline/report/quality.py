"""Quality of each session at a glance, what was left out and by whom, and the sum of it in words.

Everything comes from completeness.tsv; kept time per context is that of the outcome
``kept_fraction``. Nothing is judged here that the comparison uses: a mark says "look here".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from pipeline.report.design_tables import Completeness
from pipeline.report.lookup import rows_of, text
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import SPACE, count, finite, listing, number, plain, with_unit
from pipeline.report.quality_facts import (
    Facts,
    bad_share,
    contexts_of,
    facts_of,
    least_share,
    unit_share,
)
from pipeline.report.quality_losses import LAB, PIPELINE, Loss, losses

if TYPE_CHECKING:
    import pandas as pd

#: an outlier is so many scaled median absolute deviations off
FAR = 3.0
#: why a session has no sync residual, by what completeness.tsv says of its logs
_NO_RESIDUAL = {
    "declared": "offset declared",
    "same file": "same file",
    "": "no log",
}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One measure of one session.

    Attributes
    ----------
    words : str
        As it stands in the table; "–" where there is nothing to say.
    more : str
        What stands small beside it.
    bar : float or None
        Share of a full bar; None for no bar.
    mark : str
        ``low`` or ``high`` where the session is an outlier, else "".
    """

    words: str
    more: str = ""
    bar: float | None = None
    mark: str = ""


@dataclass(frozen=True, kw_only=True)
class QualityRow:
    """One session: whether it counts (and why not), and a cell per measure."""

    session: str
    state: str
    reason: str
    cells: tuple[Cell, ...]
    n_warnings: int


@dataclass(frozen=True, kw_only=True)
class AnimalQuality:
    """The sessions of one animal, with their sum in words."""

    animal: str
    summary: str
    rows: tuple[QualityRow, ...]


@dataclass(frozen=True, kw_only=True)
class QualityView:
    """What the section shows.

    Attributes
    ----------
    summary : tuple of str
        Sentences on the whole cohort.
    columns : tuple of str
        Titles of the measures that any session has.
    animals : tuple of AnimalQuality
    losses : tuple of Loss
        What was left out, why, and by whom.
    marked : str
        What a mark means, and which sessions have one; "" without any.
    """

    summary: tuple[str, ...]
    columns: tuple[str, ...]
    animals: tuple[AnimalQuality, ...]
    losses: tuple[Loss, ...]
    marked: str


def quality_view(
    completeness: pd.DataFrame, done: Completeness, outcomes: pd.DataFrame, names: Names
) -> QualityView:
    """Read the quality of each session.

    Parameters
    ----------
    completeness : pandas.DataFrame
        completeness.tsv, as text or with numbers; facts that no step stated may be absent.
    done : Completeness
        The same table as :func:`pipeline.report.design_tables.completeness_view` reads it: which
        sessions count.
    outcomes : pandas.DataFrame
        outcomes.parquet, for the kept time of each context.
    names : Names
        Labels; contexts in the plan's order.
    """
    rows = rows_of(completeness)
    by_context = contexts_of(outcomes)
    facts = [facts_of(row, by_context.get(text(row["session"]), {})) for row in rows]
    counted = {line.session for line in done.lines if line.state == "analysed"}
    measures = _measures(facts, names)
    marks = {title: _marks([f for f in facts if f.session in counted], m) for title, m in
             measures.items()}  # fmt: skip
    lines = {line.session: line for line in done.lines}
    animals: dict[str, list[QualityRow]] = {}
    for fact in facts:
        line = lines[fact.session]
        cells = tuple(m.cell(fact, marks[t].get(fact.session, "")) for t, m in measures.items())
        row = QualityRow(
            session=fact.session,
            state=line.state,
            reason=line.reason,
            cells=cells if line.state == "analysed" else (),
            n_warnings=len([part for part in line.warnings.split("; ") if part]),
        )
        animals.setdefault(fact.animal, []).append(row)
    used = [fact for fact in facts if fact.session in counted]
    return QualityView(
        summary=_summary(used, done, names),
        columns=tuple(measures),
        animals=tuple(
            AnimalQuality(
                animal=animal,
                summary=_sum([f for f in used if f.animal == animal], len(own)),
                rows=tuple(own),
            )
            for animal, own in animals.items()
        ),
        losses=losses(rows, done),
        marked=_marked(marks),
    )


# -- measures --------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Measure:
    """A column: what is judged, which side is bad, what is too little to mark, and its cell."""

    value: Callable[[Facts], float]
    worse: str
    least: float
    cell: Callable[[Facts, str], Cell]


def _measures(facts: Sequence[Facts], names: Names) -> dict[str, _Measure]:
    """Columns that any session has a value for."""
    slowest = max((f.residual_ms for f in facts if finite(f.residual_ms)), default=0.0)
    most_trials = max((f.trials for f in facts if finite(f.trials)), default=0.0)
    most_bad = max((bad_share(f) for f in facts if finite(bad_share(f))), default=0.0)
    places = [c for c in names.plan.contexts if any(c in f.contexts for f in facts)]
    places += sorted({c for f in facts for c in f.contexts} - set(places))
    titles = " · ".join(spoken(place) for place in places)
    columns = {
        "kept time": _Measure(
            value=lambda f: f.kept, worse="low", least=0.05,
            cell=lambda f, mark: Cell(words=_percent(f.kept), more=_minutes(f.kept_s),
                                      bar=f.kept if finite(f.kept) else None, mark=mark),
        ),
        f"minutes in {titles}": _Measure(
            value=lambda f: least_share(f), worse="low", least=0.1,
            cell=lambda f, mark: Cell(words=_by_context(f, places), mark=mark),
        ),
        "sync residual": _Measure(
            value=lambda f: f.residual_ms, worse="high", least=1.0,
            cell=lambda f, mark: _sync_cell(f, slowest, mark),
        ),
        "bad channels": _Measure(
            value=bad_share, worse="high", least=0.1,
            cell=lambda f, mark: _bad_cell(f, most_bad, mark),
        ),
        "units kept": _Measure(
            value=unit_share, worse="low", least=0.1,
            cell=lambda f, mark: _unit_cell(f, mark),
        ),
        "trials": _Measure(
            value=lambda f: f.trials, worse="low", least=0.2 * most_trials,
            cell=lambda f, mark: Cell(
                words=number(f.trials) if finite(f.trials) else "–", mark=mark,
                bar=f.trials / most_trials if finite(f.trials) and most_trials else None,
            ),
        ),
    }  # fmt: skip
    if any(f.sync for f in facts) and not slowest:
        columns["sync residual"] = _Measure(
            value=lambda f: math.nan, worse="high", least=1.0, cell=columns["sync residual"].cell
        )
        return {
            title: measure
            for title, measure in columns.items()
            if title == "sync residual" or any(finite(measure.value(f)) for f in facts)
        }
    return {t: m for t, m in columns.items() if any(finite(m.value(f)) for f in facts)}


def _marks(facts: Sequence[Facts], measure: _Measure) -> dict[str, str]:
    """Sessions far on the worse side of the cohort's median."""
    values = {f.session: measure.value(f) for f in facts if finite(measure.value(f))}
    if len(values) < 4:
        return {}
    middle = median(values.values())
    spread = 1.4826 * median(abs(value - middle) for value in values.values())
    limit = max(FAR * spread, measure.least)
    sign = 1 if measure.worse == "high" else -1
    return {s: measure.worse for s, value in values.items() if sign * (value - middle) > limit}


def _percent(share: float) -> str:
    return with_unit(plain(100 * share, 1), "%") if finite(share) else "–"


def _minutes(seconds: float) -> str:
    return with_unit(plain(seconds / 60, 1), "min") if finite(seconds) else ""


def _by_context(f: Facts, places: Sequence[str]) -> str:
    if not f.contexts:
        return "–"
    return " · ".join(
        plain(f.contexts[place][0] / 60, 1) if place in f.contexts else "–" for place in places
    )


def _sync_cell(f: Facts, slowest: float, mark: str) -> Cell:
    if finite(f.residual_ms):
        bar = f.residual_ms / slowest if slowest else 0.0
        return Cell(words=with_unit(number(f.residual_ms), "ms"), bar=bar, mark=mark)
    return Cell(words="–", more=_NO_RESIDUAL.get(f.sync, f.sync))


def _bad_cell(f: Facts, most: float, mark: str) -> Cell:
    if not finite(f.n_channels):
        return Cell(words="–")
    share = len(f.bad) / f.n_channels if f.n_channels else 0.0
    by = {LAB: "declared", PIPELINE: "found"}
    named = [
        f"{who}: {', '.join(channels[:4])}{' …' if len(channels) > 4 else ''}"
        for who, channels in (
            (word, [name for name in f.bad if f.bad_by[name] == key]) for key, word in by.items()
        )
        if channels
    ]
    shown = "; ".join(named)
    bar = share / most if most else 0.0
    return Cell(words=f"{len(f.bad)} of {number(f.n_channels)}", more=shown, bar=bar, mark=mark)


def _unit_cell(f: Facts, mark: str) -> Cell:
    if not finite(f.units_sorted):
        return Cell(words="–")
    kept = number(f.units_kept) if finite(f.units_kept) else "–"
    share = unit_share(f)
    bar = share if finite(share) else None
    return Cell(words=f"{kept} of {number(f.units_sorted)}", bar=bar, mark=mark)


# -- words -----------------------------------------------------------------------------------------


def _sum(facts: Sequence[Facts], n: int) -> str:
    """``4 sessions, 78.2 min kept, 100 of 100 units``: an animal's sessions that count."""
    parts = [count(n, "session")]
    seconds = [f.kept_s for f in facts if finite(f.kept_s)]
    parts += [f"{_minutes(sum(seconds))} kept"] if seconds else []
    known = [f for f in facts if finite(unit_share(f))]
    if known:
        kept, of = sum(f.units_kept for f in known), sum(f.units_sorted for f in known)
        parts.append(f"{number(kept)} of {count(round(of), 'unit')}")
    return ", ".join(parts)


def _summary(facts: Sequence[Facts], done: Completeness, names: Names) -> tuple[str, ...]:
    """How much was read, kept and left out, in sentences."""
    n = done.n
    read = [line for line in done.lines if line.state == "analysed"]
    lost = [f"{n[state]} {state}" for state in ("failed", "excluded") if n[state]]
    animals = count(len({line.animal for line in read}), *names.animals())
    if names.plan.unit != "animal":
        animals = count(len({line.animal for line in read}), "animal")
    said = [
        f"{len(read)} of {count(n['sessions'], 'session')} were read and analysed, of {animals}; "
        + (f"{listing(lost)}." if lost else "none failed, none was excluded.")
    ]
    timed = [f for f in facts if finite(f.kept_s)]
    if timed:
        kept, all_of = sum(f.kept_s for f in timed), sum(f.recorded_s for f in timed)
        least = min(timed, key=lambda f: f.kept)
        worst = ""
        if kept / all_of - least.kept >= 0.005:
            worst = f"; least {_percent(least.kept)}, {least.session}"
        said.append(
            f"{with_unit(plain(kept / 3600, 1), 'h')} of {plain(all_of / 3600, 1)} recorded were "
            f"kept ({_percent(kept / all_of)}{worst})."
        )
    synced = [f for f in facts if finite(f.residual_ms)]
    if synced:
        last = max(synced, key=lambda f: f.residual_ms)
        said.append(
            f"Worst sync residual: {with_unit(number(last.residual_ms), 'ms')} ({last.session}), "
            f"of {count(len(synced), 'session')} aligned by pulses."
        )
    elif any(f.sync for f in facts):
        kinds = [_NO_RESIDUAL.get(f.sync, f.sync) for f in facts if f.sync]
        how = [f"{kind} in {count(kinds.count(kind), 'session')}" for kind in dict.fromkeys(kinds)]
        said.append(f"No log was aligned by pulses, so that none has a residual: {listing(how)}.")
    counted = [f for f in facts if finite(unit_share(f))]
    if counted:
        kept, of = sum(f.units_kept for f in counted), sum(f.units_sorted for f in counted)
        said.append(f"{number(kept)} of {number(of)} sorted units were kept.")
    return tuple(said)


def _marked(marks: Mapping[str, Mapping[str, str]]) -> str:
    """What a mark means; "" where there is none."""
    sessions = {session for found in marks.values() for session in found}
    if not sessions:
        return ""
    return (
        f"Marked (▼{SPACE}low, ▲{SPACE}high) in {count(len(sessions), 'session')}: more than "
        f"{number(FAR)} scaled median absolute deviations on the worse side of the cohort's "
        "median, and far enough to matter (5 points of kept time, 10 of a context's, 1 ms, a tenth "
        "of the channels or units, a fifth of the trials). A mark says where to look; nothing is "
        "left out because of it."
    )
