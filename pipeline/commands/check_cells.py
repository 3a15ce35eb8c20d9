"""The cells of a design: every epoch with what was on board, and the levels of modifiers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

from pipeline.experiment import Experiment
from pipeline.experiment.model import Anchor, Epoch, Session
from pipeline.experiment.plan import PlanQuestion

#: place, found, expected, severity
Said = tuple[str, str, str, str]

#: animals per cell below which there is no verdict (pipeline.compare.guards)
FEWEST = 5

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

    @property
    def seconds(self) -> float:
        """Length of the epoch, 0 where its end is open."""
        return (self.epoch.stop_s or 0.0) - (self.epoch.start_s or 0.0)


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


def unit_of(experiment: Experiment, cell: Cell) -> str:
    """Return the animal, or the cage where that is the unit of test."""
    return cell.session.cage if experiment.plan.unit == "cage" else cell.session.animal


def units_of(experiment: Experiment, cells: Iterable[Cell]) -> set[str]:
    """Return the animals (or cages) of cells."""
    return {unit_of(experiment, cell) for cell in cells}


def counted(
    cells: list[Cell], question: PlanQuestion
) -> Mapping[tuple[str, str, str], set[tuple[str, str]]]:
    """Return (animal, session) by condition, phase and level of a question's modifier."""
    found: dict[tuple[str, str, str], set[tuple[str, str]]] = defaultdict(set)
    for cell in cells:
        key = (cell.condition, cell.epoch.phase, cell.level(question.modifier))
        found[key].add((cell.session.animal, cell.session.name))
    return found


def in_one_context(experiment: Experiment, question: PlanQuestion) -> bool:
    """Whether a question stands for none: one context was declared, and nothing asked."""
    design = experiment.config.design
    return question.modifier == "context" and not design.questions and len(design.contexts) == 1
