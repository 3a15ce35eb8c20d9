"""What the levels of a question cannot answer: cells that lack animals, cohorts, order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from pipeline.commands.check_cells import (
    FEWEST,
    Cell,
    Said,
    counted,
    in_one_context,
    pairs_of,
    unit_of,
)
from pipeline.experiment import Experiment
from pipeline.experiment.plan import PlanCondition, PlanQuestion

#: cells that a message lists
_LISTED = 8

#: share of a block by which contexts that alternate must differ in time to be warned of
_OF_A_BLOCK = 0.25


def question_problems(experiment: Experiment, cells: list[Cell]) -> Iterator[Said]:
    """Warn of questions whose verdict the design makes open, or wrong.

    Parameters
    ----------
    experiment : Experiment
        As it may be shown.
    cells : list of Cell
        With a dose on board.

    Yields
    ------
    (place, found, expected, severity)
    """
    yield from _empty_cells(experiment, cells)
    for question in experiment.plan.questions:
        if len(question.levels) < 2:
            continue
        yield from _few_in_a_cell(experiment, question, cells)
        yield from _levels_are_cohorts(experiment, question, cells)
    yield from _context_order(experiment, cells)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{', '.join(names[:_LISTED])}{more}"


def _empty_cells(experiment: Experiment, cells: list[Cell]) -> Iterator[Said]:
    """Warn of combinations of condition, phase and level that no session has."""
    compared = {name for pair in pairs_of(experiment) for name in pair}
    for question in experiment.plan.questions:
        if len(question.levels) < 2:
            if in_one_context(experiment, question):
                continue
            yield (
                "design.questions",
                f"{question.modifier}: {', '.join(question.levels) or 'no level'}",
                "two levels or more: with one the question cannot be asked",
                "warning",
            )
            continue
        counts = counted(cells, question)
        met = {condition for condition, _, _ in counts}
        empty = [
            f"{condition.name} x {level} in {phase}"
            for condition in experiment.plan.conditions
            for phase in question.phases
            for level in _possible(condition, question)
            if condition.name in met & compared and (condition.name, phase, level) not in counts
        ]
        if empty:
            yield (
                "design.questions",
                f"{question.modifier}: no session of {_listed(empty)}",
                "at least one of each: an empty cell has no drug effect to compare",
                "warning",
            )


def _possible(condition: PlanCondition, question: PlanQuestion) -> tuple[str, ...]:
    """Levels that a condition can have: its own pretreatment is part of what it is."""
    if question.modifier == "pretreatment":
        return (condition.pretreatment or "none",)
    return question.levels


#: animals (or cages) of one condition at each level of a modifier
ByLevel = dict[str, set[str]]


def _arms(
    experiment: Experiment, question: PlanQuestion, cells: list[Cell], phase: str
) -> Iterator[tuple[tuple[str, str], tuple[ByLevel, ByLevel]]]:
    """Yield each comparison in one phase with the units of its two arms, by level.

    Only where the modifier differs between units: none has two of its levels with one drug.
    """
    if question.modifier == "pretreatment":  # a part of the condition, counted with it
        return
    units: dict[str, ByLevel] = defaultdict(lambda: defaultdict(set))
    for cell in cells:
        level = cell.level(question.modifier)
        if cell.epoch.phase == phase and level in question.levels:
            units[cell.condition][level].add(unit_of(experiment, cell))
    for pair in pairs_of(experiment):
        arms = (units.get(pair[0], {}), units.get(pair[1], {}))
        between = all(sum(map(len, a.values())) == len(set().union(*a.values())) for a in arms)
        if all(arms) and between:
            yield pair, arms


def _few_in_a_cell(
    experiment: Experiment, question: PlanQuestion, cells: list[Cell]
) -> Iterator[Said]:
    """Warn of levels between animals that hold fewer than a verdict needs.

    Conditions that have too few altogether were named already.
    """
    few = []
    for phase in question.phases:
        for (condition, reference), (drug, other) in _arms(experiment, question, cells, phase):
            if min(len(set().union(*arm.values())) for arm in (drug, other)) < FEWEST:
                continue
            levels = [level for level in question.levels if drug.get(level) and other.get(level)]
            # the drug within animals: those that had both; else each group by itself
            if any(drug[level] & other[level] for level in levels):
                names = {f"{condition} and {reference}": {n: drug[n] & other[n] for n in levels}}
            else:
                names = {condition: drug, reference: other}
            few += [
                f"{name} x {level} {len(arm[level])} in {phase}"
                for name, arm in names.items()
                for level in levels
                if len(arm[level]) < FEWEST
            ]
    if few:
        yield (
            "design.questions",
            f"{question.modifier}: {experiment.plan.unit}s per cell: "
            f"{_listed(list(dict.fromkeys(few)))}",
            f"{FEWEST} or more in every cell, else the verdict is inconclusive",
            "warning",
        )


def _levels_are_cohorts(
    experiment: Experiment, question: PlanQuestion, cells: list[Cell]
) -> Iterator[Said]:
    """Warn of a modifier between animals no two levels of which share a cohort."""
    if question.modifier == "cohort":
        return
    cohort_of = {unit_of(experiment, cell): cell.session.cohort for cell in cells}
    for phase in question.phases:
        for _, arms in _arms(experiment, question, cells, phase):
            cohorts = {
                level: {cohort_of[unit] for arm in arms for unit in arm.get(level, ())} - {""}
                for level in question.levels
                if any(level in arm for arm in arms)
            }
            apart = sum(map(len, cohorts.values())) == len(set().union(*cohorts.values()))
            if len(cohorts) < 2 or not all(cohorts.values()) or not apart:
                continue
            said = ", ".join(f"{n} in cohort {', '.join(sorted(c))}" for n, c in cohorts.items())
            yield (
                "design.questions",
                f"{question.modifier}: {said}",
                f"two levels in a cohort: {question.modifier} and cohort cannot be told apart, "
                "the verdict is inconclusive",
                "warning",
            )
            return


def _context_order(experiment: Experiment, cells: list[Cell]) -> Iterator[Said]:
    """Warn of two contexts that never, or always one later, came at one time after the dose."""
    for question in experiment.plan.questions:
        if question.modifier != "context":
            continue
        for phase in question.phases:
            here = [cell for cell in cells if cell.epoch.phase == phase]
            here = [cell for cell in here if cell.since_dose_s is not None]
            for level in question.levels:
                if level != question.reference:
                    yield from _two_contexts(here, level, question.reference, phase)


def _two_contexts(cells: list[Cell], level: str, reference: str, phase: str) -> Iterator[Said]:
    times, others = (
        [cell.since_dose_s or 0.0 for cell in cells if cell.epoch.context == name]
        for name in (level, reference)
    )
    if not times or not others:
        return
    if min(times) > max(others) or max(times) < min(others):
        yield (
            "design.questions",
            f"context order: {level} {_minutes(times)} and {reference} "
            f"{_minutes(others)} after the dose, in {phase}",
            "contexts that are interleaved or counterbalanced: a fading drug effect "
            "looks like an effect of the context, the verdict is inconclusive",
            "warning",
        )
        return
    late = _always_later(cells, level, reference)
    if late:
        first, second = (reference, level) if late > 0 else (level, reference)
        yield (
            "design.questions",
            f"context order: every session begins with {first}, and {second} is on average "
            f"{abs(late) / 60:.0f} min later after the dose, in {phase}",
            "half of the animals to begin with each context: a fading drug effect looks like an "
            "effect of the context, the verdict may be 'process' without one",
            "warning",
        )


def _always_later(cells: list[Cell], level: str, reference: str) -> float:
    """Return by how many seconds the level comes after its reference in every session, else 0.

    Negative where it comes before. Sessions that begin with different ones, or with one and end
    with the same, make up for it. 0 where no two conditions have the animals that a verdict needs:
    none could be wrong.
    """
    sessions: dict[str, dict[str, list[Cell]]] = defaultdict(lambda: defaultdict(list))
    for cell in cells:
        if cell.epoch.context in (level, reference):
            sessions[cell.session.name][cell.epoch.context].append(cell)
    both = [pair for pair in sessions.values() if len(pair) == 2]
    animals: dict[str, set[str]] = defaultdict(set)
    for cell in (cell for pair in both for arm in pair.values() for cell in arm):
        animals[cell.condition].add(cell.session.animal)
    if sum(len(those) >= FEWEST for those in animals.values()) < 2:
        return 0.0
    second = [_first(pair[level]) > _first(pair[reference]) for pair in both]
    late = [_middle(pair[level]) - _middle(pair[reference]) for pair in both]
    blocks = sorted(cell.seconds for pair in both for arm in pair.values() for cell in arm)
    least = _OF_A_BLOCK * blocks[len(blocks) // 2]
    always = (all(second) and min(late) >= least) or (not any(second) and max(late) <= -least)
    return sum(late) / len(late) if always else 0.0


def _first(cells: list[Cell]) -> float:
    return min(cell.since_dose_s or 0.0 for cell in cells)


def _middle(cells: list[Cell]) -> float:
    """Mean time after the dose of the blocks of one context, weighted by seconds."""
    weighted = sum(cell.seconds * (cell.since_dose_s or 0.0) for cell in cells)
    return weighted / sum(cell.seconds for cell in cells)


def _minutes(times: list[float]) -> str:
    low, high = min(times) / 60, max(times) / 60
    return f"{low:.0f} min" if f"{low:.0f}" == f"{high:.0f}" else f"{low:.0f} to {high:.0f} min"
