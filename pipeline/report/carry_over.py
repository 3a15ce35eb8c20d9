"""Carry-over: differences between conditions before the dose, and what they do to a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pipeline.compare.contrasts import MAIN, SIMPLE
from pipeline.compare.families import OMNIBUS
from pipeline.report.amounts import amount, ci_text, interval_text
from pipeline.report.counted import n_bare
from pipeline.report.lookup import Contrasts, Effect
from pipeline.report.names import Names, parse, small, spoken
from pipeline.report.numbers import (
    adjusted_p,
    bare_p,
    count,
    f_test,
    finite,
    listing,
    number,
    p_value,
)
from pipeline.report.tested import NOTHING


@dataclass(frozen=True, kw_only=True)
class CarryOverRow:
    """Differences between conditions before the dose, of one outcome and condition."""

    title: str
    condition: str
    reference: str
    differences: tuple[str, ...]
    least_p: str
    suspicious: bool
    declared: bool = True


@dataclass(frozen=True, kw_only=True)
class BaselineTest:
    """Omnibus test of all conditions before the dose, of one outcome.

    ``suspicious``: p below alpha; ``discovered``: also after correction over the outcomes of the
    domain (primary outcomes were not searched, so that their p counts).
    """

    title: str
    test: str
    p: str
    q: str
    n: str
    note: str
    suspicious: bool
    declared: bool = True
    discovered: bool = False


_Row = TypeVar("_Row", CarryOverRow, BaselineTest)


def _shown(rows: Sequence[_Row]) -> tuple[_Row, ...]:
    """Rows of declared outcomes, and the others that are suspicious; all, where none is declared.

    With hundreds of exploratory outcomes the others hide them: they stand in contrasts.tsv.
    """
    some = any(row.declared for row in rows)
    return tuple(row for row in rows if row.declared or row.suspicious or not some)


@dataclass(frozen=True, kw_only=True)
class CarryOver:
    """The carry-over check."""

    levels: tuple[str, ...]
    rows: tuple[CarryOverRow, ...]
    omnibus: tuple[BaselineTest, ...]
    summary: str

    @property
    def shown(self) -> tuple[CarryOverRow, ...]:
        """Differences that the page lists."""
        return _shown(self.rows)

    @property
    def shown_tests(self) -> tuple[BaselineTest, ...]:
        """Tests that the page lists."""
        return _shown(self.omnibus)


def carry_over(contrasts: Contrasts, order: Sequence[str], names: Names) -> CarryOver:
    """Differences between conditions in the baseline phase: what the last dose left behind.

    Primary outcomes come first, then secondary ones, then the others in the order of the page.
    Outcomes whose value before the dose rests on cells after it are left out, and named.

    Parameters
    ----------
    contrasts : Contrasts
        Index of contrasts.tsv.
    order : sequence of str
        Outcome ids in the order of the page.
    names : Names
        Labels, alpha, what was declared.
    """
    ranked = sorted(order, key=lambda outcome: _rank(outcome, names))
    found = differences_before(contrasts, names)
    met = {effect.level for group in found.values() for effect in group}
    levels = tuple(level for level in (*names.plan.contexts, "") if level in met)
    levels += tuple(sorted(met - set(levels)))
    shown = [
        (outcome, _row(found[outcome, condition.name], levels, names))
        for outcome in ranked
        for condition in names.plan.conditions
        if (outcome, condition.name) in found
    ]
    tests = [] if names.plan.blind else _baseline_tests(contrasts, ranked, names)
    return CarryOver(
        levels=tuple(spoken(level) or "all" for level in levels),
        rows=tuple(row for _, row in shown),
        omnibus=tuple(tests),
        summary=_summary(shown, tests, names) + _left_out(order, names),
    )


def before_dose(contrasts: Contrasts, names: Names) -> dict[tuple[str, str], Effect]:
    """Find the outcomes and conditions that differ from their reference before the dose already.

    Parameters
    ----------
    contrasts : Contrasts
        Index of contrasts.tsv.
    names : Names
        The baseline phase, alpha.

    Returns
    -------
    dict
        (outcome, condition) -> the difference in the baseline phase with the smallest adjusted p,
        where that is below alpha. Empty while blind.
    """
    if names.plan.blind:
        return {}
    least = {
        key: min(group, key=lambda e: (e.p_adjusted if finite(e.p_adjusted) else 1.0, e.p))
        for key, group in differences_before(contrasts, names).items()
    }
    return {key: e for key, e in least.items() if e.p_adjusted < names.plan.alpha}


def before_words(effect: Effect, names: Names) -> str:
    """Say what a difference before the dose does to a verdict; what follows a colon is detail.

    Without a baseline that is taken off or adjusted for, that much of the effect was there before.
    """
    size = amount(effect, names)
    allowed_for = names.baseline_rule(effect.outcome) in ("change", "covariate")
    start = f"baselines differ by {size}" if allowed_for else f"{size} already before the dose"
    sure = (ci_text(effect, names), adjusted_p(effect.p_adjusted))
    place = f"{spoken(effect.level)}, " if effect.level else ""
    return f"{start}: {place}{', '.join(sure)}"


def differences_before(
    contrasts: Iterable[Effect], names: Names
) -> dict[tuple[str, str], list[Effect]]:
    """Find the differences between conditions in the baseline phase, without any split.

    Outcomes whose value before the dose rests on cells after it are left out.

    Returns
    -------
    dict
        (outcome, condition) -> effects, in the order in which they come.
    """
    found: dict[tuple[str, str], list[Effect]] = {}
    for effect in contrasts:
        before = effect.phase == names.plan.baseline_phase and effect.split == ""
        if not before or effect.contrast not in (SIMPLE, MAIN) or _across(effect.outcome, names):
            continue
        if finite(effect.estimate):
            found.setdefault((effect.outcome, effect.condition), []).append(effect)
    return found


def _across(outcome: str, names: Names) -> bool:
    """Whether the outcome's value before the dose rests on cells after it."""
    metric = names.metrics.get(parse(outcome).metric)
    return metric is not None and metric.across_cells and outcome not in names.plan.declared


def _rank(outcome: str, names: Names) -> int:
    lists = (names.plan.primary, names.plan.secondary)
    return next((rank for rank, listed in enumerate(lists) if outcome in listed), len(lists))


def _baseline_tests(contrasts: Contrasts, order: Sequence[str], names: Names) -> list[BaselineTest]:
    """Omnibus tests of the baseline phase, in the order given."""
    found = [
        effect
        for effect in contrasts
        if effect.contrast == OMNIBUS
        and effect.phase == names.plan.baseline_phase
        and effect.split == ""
        and not _across(effect.outcome, names)
    ]
    steps = len({effect.step for effect in found}) > 1
    ranks = {outcome: index for index, outcome in enumerate(order)}
    found.sort(key=lambda effect: (ranks.get(effect.outcome, len(ranks)), effect.step))
    alpha = names.plan.alpha
    return [
        BaselineTest(
            title=names.title(e.outcome) + (f", dose {e.step}" if steps else ""),
            test=f_test(e.statistic, e.df_numerator, e.df),
            p=bare_p(e.p),
            q=bare_p(e.q_value),
            n=n_bare(e, names),
            note=e.note,
            suspicious=finite(e.p) and e.p < alpha,
            declared=_rank(e.outcome, names) < 2,
            discovered=(e.q_value if finite(e.q_value) else e.p) < alpha,
        )
        for e in found
    ]


def _row(group: Sequence[Effect], levels: Sequence[str], names: Names) -> CarryOverRow:
    by_level = {effect.level: effect for effect in group}
    known = [effect.p_adjusted for effect in group if finite(effect.p_adjusted)]
    least = min(known, default=float("nan"))
    shown = []
    for level in levels:
        effect = by_level.get(level)
        shown.append(
            "–" if effect is None else f"{amount(effect, names)} ({interval_text(effect, names)})"
        )
    return CarryOverRow(
        title=names.title(group[0].outcome),
        condition=spoken(group[0].condition),
        reference=spoken(group[0].reference_condition),
        differences=tuple(shown),
        least_p=p_value(least),
        suspicious=finite(least) and least < names.plan.alpha,
        declared=_rank(group[0].outcome, names) < 2,
    )


def _summary(
    shown: Sequence[tuple[str, CarryOverRow]], tests: Sequence[BaselineTest], names: Names
) -> str:
    if names.plan.blind:
        return (
            "While blind, no condition is compared with its reference before the dose; omnibus "
            f"tests of the phase {spoken(names.plan.baseline_phase)} stand under Answer."
        )
    if not shown and not tests:
        return "No outcome has a baseline phase, so that carry-over cannot be checked."
    return f"{_pairs(shown, names)}{_omnibus_summary(tests, names)}"


def _pairs(shown: Sequence[tuple[str, CarryOverRow]], names: Names) -> str:
    """In how many outcomes some condition differs, how many would by chance, which were declared.

    Holm's correction holds the error of one outcome at alpha, whatever its number of tests.
    """
    n_outcomes = len({outcome for outcome, _ in shown})
    bad = [(outcome, row) for outcome, row in shown if row.suspicious]
    if not bad:
        return (
            "No baseline differs between a condition and its reference at the adjusted level; "
            "with few animals that does not exclude carry-over: look at the intervals."
        )
    n_bad = len({outcome for outcome, _ in bad})
    declared = [f"{row.title} ({row.condition})" for _, row in bad if row.declared]
    named = (
        f" Of the declared ones: {listing(declared)}; carry-over, or groups that were unlike from "
        "the start, cannot be excluded there, and their verdicts carry a caveat."
        if declared
        else " None of them was declared beforehand."
    )
    return (
        f"Before the dose, a condition differs from its reference in {n_bad} of "
        f"{count(n_outcomes, 'outcome')} (adjusted p below {number(names.plan.alpha)}). p is "
        f"adjusted within each outcome, so that without any carry-over up to about "
        f"{number(round(names.plan.alpha * n_outcomes, 1))} would be expected by chance.{named}"
    )


def _omnibus_summary(tests: Sequence[BaselineTest], names: Names) -> str:
    """How many baselines differ when all conditions are tested at once, and which beyond chance."""
    tested = [test for test in tests if test.p != NOTHING]
    if not tested:
        return ""
    low = sum(test.suspicious for test in tested)
    alpha = number(names.plan.alpha)
    surest = [test.title for test in tested if test.discovered]
    which = listing(surest) if surest else "none"
    return (
        f" All conditions at once (omnibus test per outcome): p below {alpha} in {low} of "
        f"{count(len(tested), 'test')}; without any carry-over about "
        f"{number(round(names.plan.alpha * len(tested), 1))} would be expected by chance. With q "
        f"below {alpha} over the outcomes of the domain (primary outcomes: p): {which}."
    )


def _left_out(order: Sequence[str], names: Names) -> str:
    labels = dict.fromkeys(
        small(names.metrics[parse(outcome).metric].label)
        for outcome in order
        if _across(outcome, names)
    )
    if not labels or names.plan.blind:
        return ""
    return (
        f" Left out: {listing(labels)}. Their values before the dose are stated at the lowest rate "
        "of all cells, also after it, so that a difference there is no sign of carry-over."
    )
