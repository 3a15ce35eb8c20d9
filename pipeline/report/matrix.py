"""The verdict matrix: outcome x condition, with both estimates, for each phase and question."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline.report.lookup import Contrasts, Effect, Evidence, step_of, text
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import count, finite
from pipeline.report.reasons import Reasons
from pipeline.report.sentences import (
    INCONCLUSIVE,
    NO_EFFECT,
    ONE_CONTEXT,
    PILL,
    PROCESS,
    amount,
    ci_text,
    strongest,
    verdict_sentence,
)
from pipeline.report.style import condition_colours
from pipeline.report.views import FigureKey, figure_name
from pipeline.report.whiskers import Whisker, WhiskerScale

if TYPE_CHECKING:
    import pandas as pd

#: verdict -> (class of the cell and name of its icon, what the verdict means)
VERDICTS: dict[str, tuple[str, str]] = {
    PROCESS: ("process", "the drug's effect differs between {modifier}s: pill and process"),
    PILL: (
        "pill",
        "the drug has an effect, and it is the same in every {modifier} within the "
        "smallest difference of interest: the pill by itself",
    ),
    NO_EFFECT: (
        "none",
        "in every {modifier} the drug's effect is smaller than the smallest effect of interest",
    ),
    ONE_CONTEXT: (
        "one",
        "the drug has an effect on an outcome that exists in one {modifier} only, "
        "so pill and process cannot be told apart",
    ),
    INCONCLUSIVE: (
        "open",
        "these data, or this design, cannot tell; it does not mean that there is no effect",
    ),
}


#: priority of outcomes that nobody declared beforehand
EXPLORATORY = "exploratory"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """One estimate as the matrix shows it."""

    label: str
    amount: str
    interval: str
    whisker: Whisker | None


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Verdict of one outcome and condition."""

    condition: str
    verdict: str
    kind: str
    detail: str
    estimates: tuple[Estimate, ...]
    sentence: str
    warning: str
    remark: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One outcome of the matrix."""

    outcome: str
    title: str
    unit: str
    priority: str
    domain: str
    anchor: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Glance:
    """What was found for one condition, in one line per verdict."""

    condition: str
    colour: str
    lines: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """The answer for one phase and question.

    Attributes
    ----------
    phase, modifier, key, label : str
        ``key`` names the panel in the page, ``label`` is what the switch says.
    conditions : tuple of (str, str)
        Label and colour of each column.
    rows : tuple of Row
    glances : tuple of Glance
    meanings : tuple of (str, str, str)
        Verdict, its class, what it means: those that occur.
    """

    phase: str
    modifier: str
    key: str
    label: str
    conditions: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    glances: tuple[Glance, ...]
    meanings: tuple[tuple[str, str, str], ...]

    @property
    def declared(self) -> tuple[Row, ...]:
        """Rows of the outcomes that were declared beforehand; all rows, where none was."""
        declared = tuple(row for row in self.rows if row.priority != EXPLORATORY)
        return declared or self.rows

    @property
    def exploratory(self) -> tuple[Row, ...]:
        """The other rows."""
        declared = self.declared
        return tuple(row for row in self.rows if row not in declared)

    @property
    def without_figure(self) -> int:
        """Number of rows whose outcome has no figure."""
        return sum(not row.anchor for row in self.rows)


def panels(
    verdicts: pd.DataFrame,
    contrasts: Contrasts,
    outcomes: Sequence[str],
    names: Names,
    remarks: Mapping[tuple[str, ...], str] | None = None,
    drawn: Collection[FigureKey] | None = None,
) -> list[Panel]:
    """Build the matrix of each phase and question.

    Parameters
    ----------
    verdicts : pandas.DataFrame
        verdicts.tsv; splits are left to their own table.
    contrasts : Contrasts
        Index of contrasts.tsv.
    outcomes : sequence of str
        Outcome ids in the order of the page.
    names : Names
        Labels.
    remarks : mapping, optional
        What a split says of a verdict, by outcome, condition, phase and modifier.
    drawn : collection of FigureKey, optional
        Figures that the page has: rows of others have no link. All, when not given.

    Returns
    -------
    list of Panel
        In the plan's order of questions and phases; without verdicts, empty.
    """
    said = remarks or {}
    records = [
        {
            **row,
            "remark": said.get((row["outcome"], row["condition"], row["phase"], row["modifier"])),
        }
        for row in verdicts.to_dict("records")
        if text(row["split"]) == ""
    ]
    found: list[Panel] = []
    several = len(names.plan.questions) > 1
    for question in names.plan.questions:
        for phase in question.phases:
            here = [
                row
                for row in records
                if row["phase"] == phase and row["modifier"] == question.modifier
            ]
            if not here:
                continue
            label = spoken(phase) + (f", by {spoken(question.modifier)}" if several else "")
            panel = _panel(here, phase, question.modifier, label, contrasts, outcomes, names)
            found.append(panel if drawn is None else _linked(panel, drawn))
    return found


def _linked(panel: Panel, drawn: Collection[FigureKey]) -> Panel:
    """Take the link off rows whose figure the page has not."""

    def has_figure(row: Row) -> bool:
        key = FigureKey(outcome=row.outcome, phase=panel.phase, modifier=panel.modifier)
        return key in drawn

    rows = tuple(row if has_figure(row) else replace(row, anchor="") for row in panel.rows)
    return replace(panel, rows=rows)


def _panel(
    records: Sequence[Mapping[str, Any]],
    phase: str,
    modifier: str,
    label: str,
    contrasts: Contrasts,
    outcomes: Sequence[str],
    names: Names,
) -> Panel:
    arms = _arms(records, names)
    by_cell = {(row["outcome"], (row["condition"], step_of(row))): row for row in records}
    rows = tuple(
        _row(
            outcome,
            {arm: by_cell[outcome, arm] for arm in arms if (outcome, arm) in by_cell},
            arms,
            contrasts,
            names,
        )
        for outcome in outcomes
        if any((outcome, arm) in by_cell for arm in arms)
    )
    colours = condition_colours(names.plan)
    occurring = {cell.verdict for row in rows for cell in row.cells}
    return Panel(
        phase=phase,
        modifier=modifier,
        key=figure_name(FigureKey(outcome="panel", phase=phase, modifier=modifier), names),
        label=label,
        conditions=tuple((label, colours[name]) for (name, _), label in arms.items()),
        rows=rows,
        glances=tuple(
            _glance(index, label, colours[name], rows)
            for index, ((name, _), label) in enumerate(arms.items())
        ),
        meanings=tuple(
            (verdict, kind, meaning.format(modifier=spoken(modifier)))
            for verdict, (kind, meaning) in VERDICTS.items()
            if verdict in occurring
        ),
    )


def _arms(records: Sequence[Mapping[str, Any]], names: Names) -> dict[tuple[str, int], str]:
    """Columns of the matrix: condition (and dose, where a session has several) -> label."""
    steps: dict[str, set[int]] = {}
    for row in records:
        steps.setdefault(row["condition"], set()).add(step_of(row))
    return {
        (entry.name, step): spoken(entry.name)
        + (f", dose {step}" if len(steps[entry.name]) > 1 else "")
        for entry in names.plan.conditions
        for step in sorted(steps.get(entry.name, ()))
    }


def _row(
    outcome: str,
    verdicts: Mapping[tuple[str, int], Mapping[str, Any]],
    arms: Mapping[tuple[str, int], str],
    contrasts: Contrasts,
    names: Names,
) -> Row:
    shown = {arm: _shown(contrasts.of(row), row) for arm, row in verdicts.items()}
    scale = WhiskerScale.of([e for pair in shown.values() for e in pair if e], outcome, names)
    first = next(iter(verdicts.values()))
    key = FigureKey(outcome=outcome, phase=first["phase"], modifier=first["modifier"])
    cells = [
        _cell(label, verdicts[arm], shown[arm], scale, contrasts, names)
        if arm in verdicts
        else Cell(
            condition=label,
            verdict="",
            kind="absent",
            detail="not compared",
            estimates=(),
            sentence="",
            warning="",
        )
        for arm, label in arms.items()
    ]
    return Row(
        outcome=outcome,
        title=names.title(outcome),
        unit=names.unit(outcome),
        priority=text(first.get("priority")),
        domain=text(first.get("domain")),
        anchor=f"fig-{figure_name(key, names)}",
        cells=tuple(cells),
    )


def _shown(evidence: Evidence, verdict: Mapping[str, Any]) -> tuple[Effect | None, Effect | None]:
    """The drug effect and the difference of differences that a cell shows."""
    drug = evidence.main
    if drug is None and len(evidence.simple) == 1:
        drug = evidence.simple[0]
    return drug, strongest(evidence, verdict)


def _cell(
    label: str,
    verdict: Mapping[str, Any],
    shown: tuple[Effect | None, Effect | None],
    scale: WhiskerScale,
    contrasts: Contrasts,
    names: Names,
) -> Cell:
    kind = text(verdict["verdict"])
    drug, difference = shown
    bound = names.bound(text(verdict["outcome"]))
    estimates = []
    if drug is not None and finite(drug.estimate):
        place = "drug" if drug.level == "" else f"drug, {spoken(drug.level)}"
        estimates.append(_estimate(place, drug, bound.drug, scale, names))
    if difference is not None and finite(difference.estimate):
        adds = f"{spoken(difference.level)} adds"
        estimates.append(_estimate(adds, difference, bound.interaction, scale, names))
    why = text(verdict["why"])
    return Cell(
        condition=label,
        verdict=kind,
        kind=VERDICTS.get(kind, ("open", ""))[0],
        detail=text(verdict["pattern"]) or (Reasons.of(why).short if why else ""),
        estimates=tuple(estimates),
        sentence=verdict_sentence(verdict, contrasts, names.plan, names.metrics),
        warning=disagreement(verdict),
        remark=text(verdict.get("remark")),
    )


def disagreement(verdict: Mapping[str, Any]) -> str:
    """What the reader must know when a split, the companion test or the other scale disagree."""
    remarks = [text(verdict["remark"])] if text(verdict.get("remark")) else []
    if text(verdict.get("agrees_with_companion")) == "False":
        remarks.append("the permutation test disagrees")
    if text(verdict.get("agrees_on_other_scale")) == "False":
        remarks.append("depends on the scale: not so on the other one")
    return "; ".join(remarks)


def _estimate(
    label: str, effect: Effect, bound: float | None, scale: WhiskerScale, names: Names
) -> Estimate:
    return Estimate(
        label=label,
        amount=amount(effect, names),
        interval=ci_text(effect, names),
        whisker=scale.whisker(effect, bound),
    )


def _glance(index: int, condition: str, colour: str, rows: Sequence[Row]) -> Glance:
    """Outcomes of one condition by verdict: effects on primary outcomes by name, others by number.

    Where the lab declared no primary outcome, every effect is named.
    """
    lines = []
    for verdict, (kind, _) in VERDICTS.items():
        found = [row for row in rows if row.cells[index].verdict == verdict]
        if not found:
            continue
        what = f"{len(found)} of {len(rows)} outcomes"
        if verdict in (PROCESS, PILL, ONE_CONTEXT):
            primary = [row for row in found if row.priority == "primary"]
            if not any(row.priority == "primary" for row in rows):
                primary = found
            named = [row.title + _aside(row.cells[index].remark) for row in primary]
            others = len(found) - len(primary)
            if others:
                named.append(f"{'and ' if named else ''}{count(others, 'other outcome')}")
            what = "; ".join(named)
        lines.append((verdict, kind, what))
    return Glance(condition=condition, colour=colour, lines=tuple(lines))


def _aside(remark: str) -> str:
    """What a split says, in the few words before its colon: `` (only movement)``."""
    return f" ({remark.partition(':')[0]})" if remark else ""
