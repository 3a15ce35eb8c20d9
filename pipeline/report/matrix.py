"""The verdict matrix: outcome x condition, with both estimates, for each phase and question."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline.compare.verdicts import PROCESS
from pipeline.report.amounts import digits_of, interval_text
from pipeline.report.answer import (
    EXPLORATORY,
    SECONDARY,
    Finding,
    Said,
    basis_of,
    elsewhere,
    findings,
    paragraph,
)
from pipeline.report.carry_over import before_dose, before_words
from pipeline.report.counted import n_short
from pipeline.report.lookup import Contrasts, Effect, Evidence, rows_of, step_of, text
from pipeline.report.meanings import VERDICTS, key_text, meanings
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import finite, p_value, signed
from pipeline.report.reasons import Reasons, disagreements
from pipeline.report.sentences import strongest, verdict_sentence
from pipeline.report.style import condition_colours
from pipeline.report.views import FigureKey, figure_name
from pipeline.report.whiskers import Whisker, WhiskerScale

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """One estimate as the matrix shows it; the unit stands at the head of the row."""

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
    n: str = ""
    caveats: tuple[str, ...] = ()


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
class Panel:
    """The answer for one phase and question.

    Attributes
    ----------
    phase, modifier, key, label : str
        ``key`` names the panel in the page, ``label`` is what the switch says.
    conditions : tuple of (str, str)
        Label and colour of each column.
    basis : str
        Which outcomes answer: primary, secondary, or "" where none was declared.
    rows : tuple of Row
    said : tuple of Said
        The answer in one paragraph.
    caveats : dict of str to str
        What weakens a verdict of the rows that answer -> the letter that marks it there.
    meanings : tuple of (str, str, str)
        Verdict, its class, what it means: those that occur.
    reading : str
        How to read a cell, and for how many tests p is adjusted.
    """

    phase: str
    modifier: str
    key: str
    label: str
    conditions: tuple[tuple[str, str], ...]
    basis: str
    rows: tuple[Row, ...]
    said: tuple[Said, ...]
    caveats: dict[str, str]
    meanings: tuple[tuple[str, str, str], ...]
    reading: str = ""

    @property
    def answering(self) -> tuple[Row, ...]:
        """Rows of the outcomes that answer; all rows, where none was declared."""
        return tuple(row for row in self.rows if self.basis in ("", row.priority))

    @property
    def secondary(self) -> tuple[Row, ...]:
        """Rows of the secondary outcomes, where primary ones answer."""
        return self._beside(SECONDARY)

    @property
    def exploratory(self) -> tuple[Row, ...]:
        """Rows of the outcomes that nobody declared, where declared ones answer."""
        return self._beside(EXPLORATORY)

    def _beside(self, priority: str) -> tuple[Row, ...]:
        beside = self.basis not in ("", priority)
        return tuple(row for row in self.rows if beside and row.priority == priority)

    @property
    def without_figure(self) -> int:
        """Number of exploratory rows whose outcome has no figure."""
        return sum(not row.anchor for row in self.exploratory)


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
    before = {key: before_words(e, names) for key, e in before_dose(contrasts, names).items()}
    records = [
        {
            **row,
            "remark": said.get((row["outcome"], row["condition"], row["phase"], row["modifier"])),
            "before_dose": before.get((row["outcome"], row["condition"])),
        }
        for row in rows_of(verdicts)
        if text(row["split"]) == ""
    ]
    found: list[tuple[Panel, list[Finding]]] = []
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
            panel, heard = _panel(here, phase, question.modifier, label, contrasts, outcomes, names)
            found.append((panel if drawn is None else _linked(panel, drawn), heard))
    return [
        replace(
            panel,
            said=panel.said
            + elsewhere([(o.label, o.modifier, heard) for o, heard in found if o is not panel]),
        )
        for panel, _ in found
    ]


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
) -> tuple[Panel, list[Finding]]:
    """One panel, and the verdicts that answer in it."""
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
    basis = basis_of([row.priority for row in rows])
    answering = [row for row in rows if basis in ("", row.priority)]
    behind = [
        (by_cell[row.outcome, arm], label)
        for arm, label in arms.items()
        for row in answering
        if (row.outcome, arm) in by_cell
    ]
    said = findings(
        [verdict for verdict, _ in behind],
        [label for _, label in behind],
        [_caveats(verdict, contrasts, names) for verdict, _ in behind],
        contrasts,
        names,
    )
    weak = dict.fromkeys(caveat for r in answering for cell in r.cells for caveat in cell.caveats)
    incomplete = any(" of " in cell.n for row in rows for cell in row.cells)
    panel = Panel(
        phase=phase,
        modifier=modifier,
        key=figure_name(FigureKey(outcome="panel", phase=phase, modifier=modifier), names),
        label=label,
        conditions=tuple((label, colours[name]) for (name, _), label in arms.items()),
        basis=basis,
        rows=rows,
        said=paragraph(said, basis=basis, modifier=modifier),
        caveats={caveat: _letter(index) for index, caveat in enumerate(weak)},
        meanings=meanings(occurring, modifier, names),
        reading=key_text(modifier, basis, len(answering), names, incomplete=incomplete),
    )
    return panel, said


def _letter(index: int) -> str:
    """``a`` to ``z``, then ``aa``, ``ab``."""
    first, last = divmod(index, 26)
    return (_letter(first - 1) if first else "") + chr(ord("a") + last)


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
    pattern = text(verdict["pattern"]) or (Reasons.of(why).short if why else "")
    return Cell(
        condition=label,
        verdict=kind,
        kind=VERDICTS.get(kind, ("open", ""))[0],
        detail="; ".join(filter(None, (pattern, _search(verdict)))),
        estimates=tuple(estimates),
        sentence=verdict_sentence(verdict, contrasts, names.plan, names.metrics),
        n="" if drug is None else n_short(drug, names),
        caveats=_caveats(verdict, contrasts, names),
    )


def _caveats(verdict: Mapping[str, Any], contrasts: Contrasts, names: Names) -> tuple[str, ...]:
    return disagreements(verdict, contrasts.of(verdict), alpha=names.plan.alpha)


def _search(verdict: Mapping[str, Any]) -> str:
    """``q = .51`` of a dependence that nobody asked for first, over the outcomes of its domain."""
    q = verdict.get("q_value", float("nan"))
    searched = text(verdict["verdict"]) == PROCESS and finite(q)
    return p_value(float(q), name="q") if searched else ""


def _estimate(
    label: str, effect: Effect, bound: float | None, scale: WhiskerScale, names: Names
) -> Estimate:
    return Estimate(
        label=label,
        amount=signed(effect.estimate, digits_of(effect, names)),
        interval=interval_text(effect, names),
        whisker=scale.whisker(effect, bound),
    )
