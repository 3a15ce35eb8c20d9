"""Reasons that come before any p value: what the design cannot tell apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.compare.arms import DRUG, REFERENCE, Arms
from pipeline.compare.contrasts import Contrast
from pipeline.compare.lower_bounds import left_out
from pipeline.compare.lower_bounds import remarks as bounds_left_out
from pipeline.compare.per_animal import TOO_FEW
from pipeline.experiment.plan import AnalysisPlan

#: animals (or cages) per cell below which there is no verdict
MINIMUM_FOR_VERDICT = 5

#: ratio of the most to the fewest entities of a cell that is remarked upon
UNEQUAL_YIELD = 5


def reasons(arms: Arms, contrasts: Sequence[Contrast]) -> list[str]:
    """List why a comparison cannot have a verdict; an empty list means that it can.

    Parameters
    ----------
    arms : Arms
        The comparison.
    contrasts : sequence of Contrast
        Its simple, main and difference-of-differences contrasts.
    """
    if arms.problem:
        return [f"unestimable: {arms.problem}"]
    found = [
        *_order_of_doses(arms),
        *_groups_of_animals(arms),
        *_circumstances(arms),
        *_modifier_and_cohort(arms),
        *_order_of_contexts(arms),
    ]
    confounds = dict.fromkeys(contrast.confound for contrast in contrasts if contrast.confound)
    if not any("period" in reason for reason in found):
        found += [f"confounded: the drug effect {confound}" for confound in confounds]
    smallest = min((int(contrast.row["n_smallest_group"]) for contrast in contrasts), default=0)
    if smallest < MINIMUM_FOR_VERDICT:
        kind = arms.slice.unit_kind
        found.append(f"fewer than {MINIMUM_FOR_VERDICT} {kind}s in a cell ({smallest})")
        found += filter(None, [left_out(arms)])
    problems = dict.fromkeys(
        contrast.problem
        for contrast in contrasts
        if contrast.problem and contrast.problem != TOO_FEW
    )
    return found + [f"unestimable: {problem}" for problem in problems]


def _arm_rows(arms: Arms, arm: int) -> np.ndarray:
    used = np.zeros(arms.values.shape, dtype=bool)
    used[arm] = True
    return arms.row_mask(used)


def _order_of_doses(arms: Arms) -> Iterator[str]:
    """Drug and period cannot be separated when every animal had them in the same order."""
    rows = arms.slice.rows
    drug, reference = _arm_rows(arms, DRUG), _arm_rows(arms, REFERENCE)
    if not arms.drug_within:
        with_drug, without = set(rows.period[drug]), set(rows.period[reference])
        known = all(np.isfinite(list(periods)).all() for periods in (with_drug, without))
        if with_drug and without and known and not with_drug & without:
            yield "confounded: drug and period cannot be separated (given at different visits)"
        return
    # first and last period of each arm, per animal and level
    cell = rows.animal * len(arms.slice.levels) + rows.level
    known = np.isfinite(rows.period)
    size = int(cell.max(initial=-1)) + 1
    first, last = np.full((2, size), np.inf), np.full((2, size), -np.inf)
    for arm, mask in ((DRUG, drug & known), (REFERENCE, reference & known)):
        np.minimum.at(first[arm], cell[mask], rows.period[mask])
        np.maximum.at(last[arm], cell[mask], rows.period[mask])
    both = np.flatnonzero(np.isfinite(first).all(axis=0))
    before = last[REFERENCE, both] < first[DRUG, both]
    after = last[DRUG, both] < first[REFERENCE, both]
    several = len(np.unique(both // len(arms.slice.levels))) >= 2
    if several and (before.all() or after.all()):
        leader = arms.reference if before.all() else arms.condition
        yield f"confounded: {leader} always came first (drug and period cannot be separated)"


def _groups_of_animals(arms: Arms) -> Iterator[str]:
    """Drug and cohort (or sex) cannot be separated when each has one of the two arms only."""
    if arms.drug_within:
        return
    rows = arms.slice.rows
    drug, reference = _arm_rows(arms, DRUG), _arm_rows(arms, REFERENCE)
    for name, column in (("cohort", rows.cohort), ("sex", rows.sex)):
        with_drug, without = set(column[drug]) - {""}, set(column[reference]) - {""}
        if with_drug and without and not with_drug & without:
            yield f"confounded: drug and {name} cannot be separated (each {name} had only one)"


def _circumstances(arms: Arms) -> Iterator[str]:
    """Drug and dosing context (or stage) cannot be separated when each arm had its own."""
    rows = arms.slice.rows
    drug, reference = _arm_rows(arms, DRUG), _arm_rows(arms, REFERENCE)
    for name, column in (("dosing_context", rows.dosing_context), ("stage", rows.stage)):
        with_drug, without = set(column[drug]) - {""}, set(column[reference]) - {""}
        if with_drug and without and not with_drug & without:
            yield (
                f"confounded: drug and {name} cannot be separated "
                f"({', '.join(sorted(with_drug))} against {', '.join(sorted(without))})"
            )


def _modifier_and_cohort(arms: Arms) -> Iterator[str]:
    """A modifier between animals is the cohort when no cohort has two of its levels."""
    part = arms.slice
    if arms.modifier_within or len(arms.levels) < 2 or part.modifier == "cohort":
        return
    rows, everyone = part.rows, arms.row_mask(np.isfinite(arms.values))
    cohorts = [
        set(rows.cohort[everyone & (rows.level == part.levels.index(level))]) - {""}
        for level in arms.levels
    ]
    if all(cohorts) and sum(map(len, cohorts)) == len(set().union(*cohorts)):
        yield f"confounded: {part.modifier} and cohort cannot be separated"


def _order_of_contexts(arms: Arms) -> Iterator[str]:
    """A context visited at other times after the dose than its reference measures time, too."""
    part = arms.slice
    if part.modifier != "context" or part.reference_level not in arms.levels:
        return
    drug = _arm_rows(arms, DRUG)
    reference = _times(arms, drug, part.reference_level)
    for level in arms.levels:
        here = _times(arms, drug, level)
        if level == part.reference_level or here is None or reference is None:
            continue
        if not (here.meets(reference) and reference.meets(here)):
            yield (
                f"context order: {level} and {part.reference_level} were never visited at the "
                "same time after the dose"
            )


@dataclass(frozen=True)
class _Times:
    """When a context was measured, s since the dose.

    ``first`` and ``last`` are the earliest and the latest midpoint of its intervals, ``begin`` and
    ``end`` those of the time measured around them, and ``sessions`` its sessions.
    """

    first: float
    last: float
    begin: float
    end: float
    sessions: frozenset[int]

    def meets(self, other: _Times) -> bool:
        """Whether some midpoint lies where the other context was measured.

        Contexts of one session take turns: there the other's midpoints are its times. Contexts with
        sessions of their own may begin alike after the dose and last differently long (the drug
        may make a session longer): there it counts what lies around the midpoints.
        """
        apart = not self.sessions & other.sessions
        begin, end = (other.begin, other.end) if apart else (other.first, other.last)
        return self.first <= end and begin <= self.last


def _times(arms: Arms, drug: np.ndarray, level: str) -> _Times | None:
    """Times of the drug's rows at a level; None where they are not known."""
    rows = arms.slice.rows
    here = drug & (rows.level == arms.slice.levels.index(level))
    first, last = rows.since_first[here], rows.since_last[here]
    if not np.isfinite(first).any() or not np.isfinite(last).any():
        return None
    half = np.nan_to_num(rows.seconds[here].astype(float)) / 2
    return _Times(
        first=float(np.nanmin(first)),
        last=float(np.nanmax(last)),
        begin=float(np.nanmin(first - half)),
        end=float(np.nanmax(last + half)),
        sessions=frozenset(rows.session[here].tolist()),
    )


def remarks(arms: Arms, plan: AnalysisPlan) -> Iterator[str]:
    """Say what a reader must know beside the verdict, though it does not forbid one.

    Short washout, cohorts or sexes that lack an arm, very unequal numbers of entities.
    """
    if arms.problem:
        return
    days = short_washout(arms, plan)
    if days is not None:
        yield (
            f"as little as {days:.3g} days between sessions (washout: {plan.washout_days:g}): "
            "effects of the session before may remain"
        )
    periods = arms.slice.rows.period[arms.row_mask(np.isfinite(arms.values))]
    if arms.drug_within and not np.isfinite(periods).all():
        yield "order of the sessions unknown (no start times): effects of order are not looked at"
    yield from bounds_left_out(arms)
    yield from _lacking(arms)
    yield from _absent_levels(arms, plan)
    mask = arms.row_mask(np.isfinite(arms.values))
    entities = arms.slice.rows.n_entities[mask]
    if len(entities) and entities.max() > UNEQUAL_YIELD * max(entities.min(), 1):
        yield f"cells rest on {entities.min()} to {entities.max()} entities"


def _absent_levels(arms: Arms, plan: AnalysisPlan) -> Iterator[str]:
    """Levels of a question that have no value in this phase, so that it cannot be answered."""
    modifier = arms.slice.modifier
    if modifier == "context":  # an outcome of one task has one context
        return
    asked = {level for q in plan.questions if q.modifier == modifier for level in q.levels}
    absent = sorted(asked - set(arms.levels))
    if absent:
        yield f"{modifier}: no values of {', '.join(absent)} in this phase"


def _lacking(arms: Arms) -> Iterator[str]:
    """Cohorts, sexes and levels between animals that have only one of the two arms."""
    if arms.drug_within:
        return
    rows = arms.slice.rows
    drug, reference = _arm_rows(arms, DRUG), _arm_rows(arms, REFERENCE)
    for name, column in (("cohort", rows.cohort), ("sex", rows.sex)):
        kind = arms.slice.unit_kind
        for value in sorted(set(column[drug | reference]) - {""}):
            here = column == value
            for arm, condition in ((drug, arms.condition), (reference, arms.reference)):
                if not (arm & here).any():
                    yield f"{name} {value} has no {condition} {kind}s"


def short_washout(arms: Arms, plan: AnalysisPlan) -> float | None:
    """Return the shortest time between sessions of the arms in days, if below the washout."""
    mask = arms.row_mask(np.isfinite(arms.values))
    days = arms.slice.rows.days_since[mask]
    days = days[np.isfinite(days)]
    if arms.step > 1 or not arms.drug_within or not len(days):
        return None
    # a week later but an hour earlier is a week: whole days, as a lab counts them
    whole = np.floor(days.min() + 0.5)
    return None if max(days.min(), whole) >= plan.washout_days else float(days.min())
