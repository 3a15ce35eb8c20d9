"""What the design itself cannot answer, known before any file is opened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from pipeline.errors import Problem
from pipeline.experiment import Experiment
from pipeline.experiment.model import Anchor, Epoch, Session
from pipeline.experiment.plan import PlanCondition, PlanQuestion

#: animals per cell below which there is no verdict (pipeline.compare.guards)
_FEWEST = 5
_SESSION_COLUMNS = ("sex", "cohort", "cage", "stage")


@dataclass(frozen=True)
class Cell:
    """One epoch with all that the design says of it."""

    session: Session
    anchor: Anchor
    epoch: Epoch

    @property
    def condition(self) -> str:
        """What was on board."""
        return self.anchor.condition

    def level(self, modifier: str) -> str:
        """Return the level of a modifier, "" where it has none."""
        if modifier == "context":
            return self.epoch.context
        if modifier == "dosing_context":
            return self.anchor.administration.dosing_context
        if modifier == "pretreatment":
            return self.anchor.pretreatment or "none"  # as compare calls it
        if modifier in _SESSION_COLUMNS:
            return getattr(self.session, modifier)
        return self.session.factors.get(modifier, "")

    @property
    def since_dose_s(self) -> float | None:
        """Middle of the epoch in seconds from the dose, None where its times are open."""
        epoch = self.epoch
        if epoch.since_dose_zero_s is None or epoch.stop_s is None:
            return None
        return ((epoch.start_s or 0.0) + epoch.stop_s) / 2 - epoch.since_dose_zero_s


def cells_of(experiment: Experiment) -> list[Cell]:
    """Return every epoch of the included sessions with its design."""
    return [
        Cell(session, experiment.anchors[epoch.anchor], epoch)
        for session in experiment.included
        for epoch in experiment.epochs[session.name]
    ]


def pairs_of(experiment: Experiment) -> list[tuple[str, str]]:
    """Return (condition, its reference); while blind, every two codes."""
    plan = experiment.plan
    if plan.blind:
        return list(combinations([condition.name for condition in plan.conditions], 2))
    return [(c.name, c.reference) for c in plan.conditions if c.reference is not None]


def design_problems(experiment: Experiment) -> list[Problem]:
    """List what keeps the design from an answer.

    Parameters
    ----------
    experiment : Experiment
        As :func:`pipeline.experiment.blinding.shown` gives it: while blind nothing is said of
        substances.

    Returns
    -------
    list of Problem
        Errors where nothing can be compared at all, else warnings.
    """
    file = experiment.config_path.name
    cells = [cell for cell in cells_of(experiment) if cell.condition != "none"]
    said = [*_nothing(experiment, cells)]
    if not any(severity == "error" for *_, severity in said):
        said += _conditions(experiment, cells)
        said += _few_animals(experiment, cells)
        said += _confounded(experiment, cells)
        said += _empty_cells(experiment, cells)
        said += _context_order(experiment, cells)
        said += _unknown_order(experiment, cells)
    said += _outcomes(experiment)
    return [Problem(file, place, found, text, level) for place, found, text, level in said]


Said = tuple[str, str, str, str]


def _nothing(experiment: Experiment, cells: list[Cell]) -> Iterator[Said]:
    if not experiment.included:
        yield "", "no session that is not excluded", "at least one", "error"
        return
    if not cells and not experiment.measurements:
        yield (
            "design",
            "no epoch in any session",
            "contexts and phases that meet, and doses that are dated (see the warnings of "
            "sessions.tsv)",
            "error",
        )
        return
    given = {anchor.condition for anchor in experiment.anchors.values()}
    for reference in dict.fromkeys(reference for _, reference in pairs_of(experiment)):
        if reference not in given and not experiment.plan.blind:
            yield (
                "design.reference_condition",
                f"no administration that is {reference!r}",
                "one at least: without a vehicle nothing can be compared (its drug's name is "
                "spelt otherwise in administrations.tsv?)",
                "error",
            )


def _conditions(experiment: Experiment, cells: list[Cell]) -> Iterator[Said]:
    met = {cell.condition for cell in cells} | {
        anchor.condition for anchor in experiment.anchors.values()
    }
    for condition in experiment.plan.conditions:
        if condition.name not in met:
            yield (
                f"design.conditions.{condition.name}",
                "no administration of it",
                "at least one, or no such condition",
                "warning",
            )


def _units_of(experiment: Experiment, cells: list[Cell]) -> set[str]:
    by_cage = experiment.plan.unit == "cage"
    return {cell.session.cage if by_cage else cell.session.animal for cell in cells}


def _few_animals(experiment: Experiment, cells: list[Cell]) -> Iterator[Said]:
    unit = experiment.plan.unit
    number = len(_units_of(experiment, cells))
    if number == 1:
        yield "design", f"one {unit}", f"several: the {unit} is the unit of every test", "warning"
        return
    few = []
    for condition in experiment.plan.conditions:
        own = [cell for cell in cells if cell.condition == condition.name]
        n = len(_units_of(experiment, own))
        if own and n < _FEWEST:
            few.append(f"{condition.name} {n}")
    if few:
        yield (
            "design",
            f"{unit}s per condition: {', '.join(few)}",
            f"{_FEWEST} or more in every cell, else the verdict is inconclusive",
            "warning",
        )


def _confounded(experiment: Experiment, cells: list[Cell]) -> Iterator[Said]:
    for condition, reference in pairs_of(experiment):
        drug = [cell for cell in cells if cell.condition == condition]
        other = [cell for cell in cells if cell.condition == reference]
        if not drug or not other:
            continue
        both = {c.session.animal for c in drug} & {c.session.animal for c in other}
        if both:
            yield from _order(condition, reference, drug, other, both)
            continue
        for column in ("cohort", "sex"):
            with_drug = {getattr(c.session, column) for c in drug} - {""}
            without = {getattr(c.session, column) for c in other} - {""}
            if with_drug and without and not with_drug & without:
                yield (
                    f"design.conditions.{condition}",
                    f"{column} {', '.join(sorted(with_drug))} with it, {column} "
                    f"{', '.join(sorted(without))} with {reference}",
                    f"both in every {column}: drug and {column} cannot be told apart, the verdict "
                    "is inconclusive",
                    "warning",
                )


def _periods(arm: list[Cell], animal: str) -> list[int] | None:
    """Return the periods of an animal's cells; None where one is not known."""
    found = [cell.anchor.period for cell in arm if cell.session.animal == animal]
    known = [period for period in found if period is not None]
    return known if len(known) == len(found) else None


def _order(
    condition: str, reference: str, drug: list[Cell], other: list[Cell], both: set[str]
) -> Iterator[Said]:
    """Warn where every animal had the two in the same order."""
    firsts = set()
    for animal in both:
        with_drug, without = (_periods(arm, animal) for arm in (drug, other))
        if with_drug is None or without is None:
            return
        before = max(without) < min(with_drug)
        after = max(with_drug) < min(without)
        firsts.add(reference if before else condition if after else None)
    if len(both) >= 2 and len(firsts) == 1 and None not in firsts:
        first = firsts.pop()
        yield (
            f"design.conditions.{condition}",
            f"{first} always before {condition if first == reference else reference} "
            f"({len(both)} animals)",
            "both orders: drug and period cannot be told apart, the verdict is inconclusive",
            "warning",
        )


def in_one_context(experiment: Experiment, question: PlanQuestion) -> bool:
    """Whether a question stands for none: one context was declared, and nothing asked."""
    design = experiment.config.design
    return question.modifier == "context" and not design.questions and len(design.contexts) == 1


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
            more = f" and {len(empty) - 8} more" if len(empty) > 8 else ""
            yield (
                "design.questions",
                f"{question.modifier}: no session of {', '.join(empty[:8])}{more}",
                "at least one of each: an empty cell has no drug effect to compare",
                "warning",
            )


def _possible(condition: PlanCondition, question: PlanQuestion) -> tuple[str, ...]:
    """Levels that a condition can have: its own pretreatment is part of what it is."""
    if question.modifier == "pretreatment":
        return (condition.pretreatment or "none",)
    return question.levels


def counted(
    cells: list[Cell], question: PlanQuestion
) -> Mapping[tuple[str, str, str], set[tuple[str, str]]]:
    """Return (animal, session) by condition, phase and level of a question's modifier."""
    found: dict[tuple[str, str, str], set[tuple[str, str]]] = defaultdict(set)
    for cell in cells:
        key = (cell.condition, cell.epoch.phase, cell.level(question.modifier))
        found[key].add((cell.session.animal, cell.session.name))
    return found


def _context_order(experiment: Experiment, cells: list[Cell]) -> Iterator[Said]:
    """Warn where two contexts were never visited at the same time after the dose."""
    for question in experiment.plan.questions:
        if question.modifier != "context":
            continue
        for phase in question.phases:
            times: dict[str, list[float]] = defaultdict(list)
            for cell in cells:
                if cell.epoch.phase == phase and cell.since_dose_s is not None:
                    times[cell.epoch.context].append(cell.since_dose_s)
            reference = times.get(question.reference)
            for level in question.levels:
                here = times.get(level)
                if level == question.reference or not here or not reference:
                    continue
                if min(here) > max(reference) or max(here) < min(reference):
                    yield (
                        "design.questions",
                        f"context order: {level} {_minutes(here)} and {question.reference} "
                        f"{_minutes(reference)} after the dose, in {phase}",
                        "contexts that are interleaved or counterbalanced: a fading drug effect "
                        "looks like an effect of the context, the verdict is inconclusive",
                        "warning",
                    )


def _minutes(times: list[float]) -> str:
    low, high = min(times) / 60, max(times) / 60
    return f"{low:.0f} min" if f"{low:.0f}" == f"{high:.0f}" else f"{low:.0f} to {high:.0f} min"


def _unknown_order(experiment: Experiment, cells: list[Cell]) -> Iterator[Said]:
    by_animal: dict[str, set[str]] = defaultdict(set)
    unknown = set()
    for cell in cells:
        by_animal[cell.session.animal].add(cell.condition)
        if cell.anchor.period is None:
            unknown.add(cell.session.animal)
    lost = sorted(animal for animal in unknown if len(by_animal[animal]) > 1)
    if lost:
        yield (
            "sessions: start",
            f"no dates for {', '.join(lost[:8])}{' ...' if len(lost) > 8 else ''}",
            "the start of every session: without it order and carry-over cannot be seen",
            "warning",
        )
    short = [
        cell.anchor.days_since_previous
        for cell in cells
        if cell.anchor.days_since_previous is not None
        and cell.anchor.step == 1
        and round(cell.anchor.days_since_previous) < experiment.config.design.washout_days
    ]
    if short:
        yield (
            "design.washout_days",
            f"as little as {min(short):.3g} days between doses",
            f"{experiment.config.design.washout_days:g} or more: effects of the dose before may "
            "remain",
            "warning",
        )


def _outcomes(experiment: Experiment) -> Iterator[Said]:
    """Warn of answers that the config makes impossible."""
    config = experiment.config
    if not experiment.plan.primary:
        yield (
            "outcomes.primary",
            "no primary outcome",
            "the outcomes that matter, declared before the data are seen: all are exploratory now",
            "warning",
        )
    bounds = set(config.outcomes.smallest_effect)
    open_ended = []
    for outcome in experiment.plan.primary:
        short = outcome.split("@")[0]
        if not {outcome, short, short.split("/")[0]} & bounds:
            open_ended.append(outcome)
    if open_ended:
        yield (
            "outcomes.smallest_effect",
            f"nothing for {', '.join(open_ended[:8])}{' ...' if len(open_ended) > 8 else ''}",
            "the smallest effect that matters: without it there is no 'no drug effect' and no "
            "'pill'",
            "warning",
        )
    recorded = any(session.recordings for session in experiment.included)
    if recorded and config.recording.line_noise_hz is None:
        yield (
            "recording.line_noise_hz",
            "nothing",
            "50 or 60: mains hum stays in the bands (write it, or filter it in the rig)",
            "warning",
        )
