"""What the design itself cannot answer, known before any file is opened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from pipeline.commands.check_cells import FEWEST, Cell, Said, cells_of, pairs_of, units_of
from pipeline.commands.check_levels import question_problems
from pipeline.errors import Problem
from pipeline.experiment import Experiment


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
        said += _by_cage(experiment, cells)
        said += question_problems(experiment, cells)
        said += _unknown_order(experiment, cells)
    said += _outcomes(experiment)
    return [Problem(file, place, found, text, level) for place, found, text, level in said]


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


def _few_animals(experiment: Experiment, cells: list[Cell]) -> Iterator[Said]:
    unit = experiment.plan.unit
    number = len(units_of(experiment, cells))
    if number == 1:
        yield "design", f"one {unit}", f"several: the {unit} is the unit of every test", "warning"
        return
    few = []
    for condition in experiment.plan.conditions:
        own = [cell for cell in cells if cell.condition == condition.name]
        n = len(units_of(experiment, own))
        if own and n < FEWEST:
            few.append(f"{condition.name} {n}")
    if few:
        yield (
            "design",
            f"{unit}s per condition: {', '.join(few)}",
            f"{FEWEST} or more in every cell, else the verdict is inconclusive",
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


def _by_cage(experiment: Experiment, cells: list[Cell]) -> Iterator[Said]:
    """Warn of a drug that all mates of a cage have alike, where animals are the unit of test."""
    if experiment.plan.unit == "cage":
        return
    compared = {name for pair in pairs_of(experiment) for name in pair}
    had: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for cell in cells:
        if cell.session.cage and cell.condition in compared:
            had[cell.session.cage][cell.session.animal].add(cell.condition)
    cages = [list(mates.values()) for mates in had.values() if len(mates) > 1]
    groups = {frozenset(mates[0]) for mates in cages}
    if len(groups) > 1 and all(mate == mates[0] for mates in cages for mate in mates):
        yield (
            "design.unit",
            f"animal, and the drug given by cage: mates alike in all {len(cages)} cages",
            "unit: cage, if cages were drawn: mates are no further evidence, and as animals they "
            "make the verdict surer than it is",
            "warning",
        )


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
