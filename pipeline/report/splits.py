"""Tables beside the answer: the same question split by movement or learning, and carry-over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from pipeline.report.lookup import MAIN, OMNIBUS, SIMPLE, Contrasts, Effect, Evidence, text
from pipeline.report.matrix import EXPLORATORY, VERDICTS
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import (
    SPACE,
    bare_p,
    count,
    f_test,
    finite,
    interval,
    listing,
    number,
    p_value,
)
from pipeline.report.sentences import (
    NO_EFFECT,
    ONE_CONTEXT,
    PILL,
    PROCESS,
    amount,
    digits_of,
    n_text,
)
from pipeline.report.tested import NOTHING

if TYPE_CHECKING:
    import pandas as pd

#: levels of the splits that are known, in the order of the table; others follow as they come
_LEVELS = {
    "movement": ("rest", "walk", "run"),
    "learning": ("before_switch", "perseverative", "post_perseverative", "established"),
}
_EFFECTS = (PROCESS, PILL, ONE_CONTEXT)


@dataclass(frozen=True, kw_only=True)
class SplitCell:
    """Drug effect and verdict in one stratum."""

    verdict: str
    kind: str
    estimate: str
    interval: str
    n: str


@dataclass(frozen=True, kw_only=True)
class SplitRow:
    """One outcome and condition, unsplit and by stratum.

    ``key`` is outcome, condition, phase and modifier, as the tables name them.
    """

    key: tuple[str, ...]
    title: str
    condition: str
    phase: str
    cells: tuple[SplitCell | None, ...]
    remark: str
    declared: bool = True


@dataclass(frozen=True, kw_only=True)
class SplitTable:
    """One split: movement or learning."""

    split: str
    levels: tuple[str, ...]
    rows: tuple[SplitRow, ...]

    @property
    def declared(self) -> tuple[SplitRow, ...]:
        """Rows of the outcomes that were declared beforehand; all rows, where none was."""
        return tuple(row for row in self.rows if row.declared) or self.rows

    @property
    def exploratory(self) -> tuple[SplitRow, ...]:
        """The other rows of which there is something to remark."""
        return tuple(row for row in self._others if row.remark)

    @property
    def unremarkable(self) -> int:
        """How many rows are neither declared nor remarked upon: they stand in the tables only."""
        return sum(not row.remark for row in self._others)

    @property
    def _others(self) -> tuple[SplitRow, ...]:
        return (
            ()
            if not any(row.declared for row in self.rows)
            else tuple(row for row in self.rows if not row.declared)
        )


def split_tables(
    verdicts: pd.DataFrame, contrasts: Contrasts, order: Sequence[str], names: Names
) -> list[SplitTable]:
    """Set each split outcome's strata beside the unsplit result.

    An effect that is there without the split and in no stratum came with the time spent in the
    strata: it is movement (or learning) only, which one sees only side by side.
    """
    records = verdicts.to_dict("records")
    tables = []
    for split in dict.fromkeys(text(row["split"]) for row in records if text(row["split"])):
        met = list(
            dict.fromkeys(
                text(row["split_level"]) for row in records if text(row["split"]) == split
            )
        )
        known = [level for level in _LEVELS.get(split, ()) if level in met]
        levels = (*known, *(level for level in met if level not in known))
        cells: dict[tuple[str, ...], dict[str, SplitCell]] = {}
        exploratory = {
            text(row["outcome"]) for row in records if text(row.get("priority")) == EXPLORATORY
        }
        for row in records:
            if text(row["split"]) not in ("", split):
                continue
            key = tuple(text(row[name]) for name in ("outcome", "condition", "phase", "modifier"))
            cell = _cell(text(row["verdict"]), contrasts.of(row), names)
            cells.setdefault(key, {})[text(row["split_level"])] = cell
        rows = [
            _row(key, found, levels, split, names)
            for key, found in cells.items()
            if any(level in found for level in levels)
        ]
        ranks = {name: index for index, name in enumerate(order)}
        rows.sort(key=lambda pair: ranks.get(pair[0], len(ranks)))
        tables.append(
            SplitTable(
                split=split,
                levels=("unsplit", *map(spoken, levels)),
                rows=tuple(
                    replace(row, declared=outcome not in exploratory) for outcome, row in rows
                ),
            )
        )
    return tables


def remarks(tables: Sequence[SplitTable]) -> dict[tuple[str, ...], str]:
    """What the splits say of a verdict, by outcome, condition, phase and modifier."""
    found: dict[tuple[str, ...], list[str]] = {}
    for table in tables:
        for row in table.rows:
            if row.remark:
                found.setdefault(row.key, []).append(row.remark)
    return {key: "; ".join(said) for key, said in found.items()}


def _cell(verdict: str, evidence: Evidence, names: Names) -> SplitCell:
    drug = evidence.main or (evidence.simple[0] if len(evidence.simple) == 1 else None)
    known = drug is not None and finite(drug.estimate)
    return SplitCell(
        verdict=verdict,
        kind=VERDICTS.get(verdict, ("open", ""))[0],
        estimate=amount(drug, names) if known else "–",
        interval=_interval(drug, names) if known else "",
        n=f"n{SPACE}={SPACE}{drug.n_animals:.0f}" if known else "",
    )


def _row(
    key: tuple[str, ...],
    found: dict[str, SplitCell],
    levels: Sequence[str],
    split: str,
    names: Names,
) -> tuple[str, SplitRow]:
    outcome, condition, phase, _ = key
    strata = [found[level] for level in levels if level in found]
    whole = found.get("")
    remark = ""
    if whole is not None and whole.verdict in _EFFECTS:
        still = [cell for cell in strata if cell.verdict in _EFFECTS]
        if all(cell.verdict == NO_EFFECT for cell in strata):
            remark = f"only {split}: the effect is in none of the strata"
        elif not still:
            remark = f"perhaps only {split}: no stratum shows the effect, but none excludes it"
    return outcome, SplitRow(
        key=key,
        title=names.title(outcome),
        condition=spoken(condition),
        phase=spoken(phase),
        cells=(whole, *(found.get(level) for level in levels)),
        remark=remark,
    )


def _interval(effect: Effect, names: Names) -> str:
    if not (finite(effect.ci_low) and finite(effect.ci_high)):
        return "no confidence interval"
    return interval(effect.ci_low, effect.ci_high, digits_of(effect, names))


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
    """Omnibus test of all conditions before the dose, of one outcome."""

    title: str
    test: str
    p: str
    q: str
    n: str
    note: str
    suspicious: bool
    declared: bool = True


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
    """Differences between conditions in the baseline phase: what the last dose left behind."""
    phase = names.plan.baseline_phase
    found: dict[tuple[str, str], list[Effect]] = {}
    for effect in contrasts:
        before = effect.phase == phase and effect.split == "" and effect.contrast in (SIMPLE, MAIN)
        if before and finite(effect.estimate):
            found.setdefault((effect.outcome, effect.condition), []).append(effect)
    met = {effect.level for group in found.values() for effect in group}
    levels = tuple(level for level in (*names.plan.contexts, "") if level in met)
    levels += tuple(sorted(met - set(levels)))
    rows = []
    for outcome in order:
        for condition in (entry.name for entry in names.plan.conditions):
            group = found.get((outcome, condition))
            if group:
                rows.append(_carry_over_row(group, levels, names))
    tests = [] if names.plan.blind else _baseline_tests(contrasts, order, names)
    return CarryOver(
        levels=tuple(spoken(level) or "all" for level in levels),
        rows=tuple(rows),
        omnibus=tuple(tests),
        summary=_summary(rows, tests, names),
    )


def _baseline_tests(contrasts: Contrasts, order: Sequence[str], names: Names) -> list[BaselineTest]:
    """Omnibus tests of the baseline phase, in the order of the page."""
    found = [
        effect
        for effect in contrasts
        if effect.contrast == OMNIBUS
        and effect.phase == names.plan.baseline_phase
        and effect.split == ""
    ]
    steps = len({effect.step for effect in found}) > 1
    ranks = {outcome: index for index, outcome in enumerate(order)}
    found.sort(key=lambda effect: (ranks.get(effect.outcome, len(ranks)), effect.step))
    return [
        BaselineTest(
            title=names.title(e.outcome) + (f", dose {e.step}" if steps else ""),
            test=f_test(e.statistic, e.df_numerator, e.df),
            p=bare_p(e.p),
            q=bare_p(e.q_value),
            n=n_text(e, names),
            note=e.note,
            suspicious=finite(e.p) and e.p < names.plan.alpha,
            declared=_declared(e.outcome, names),
        )
        for e in found
    ]


def _carry_over_row(group: Sequence[Effect], levels: Sequence[str], names: Names) -> CarryOverRow:
    by_level = {effect.level: effect for effect in group}
    known = [effect.p_adjusted for effect in group if finite(effect.p_adjusted)]
    least = min(known, default=float("nan"))
    shown = []
    for level in levels:
        effect = by_level.get(level)
        shown.append(
            "–" if effect is None else f"{amount(effect, names)} ({_interval(effect, names)})"
        )
    return CarryOverRow(
        title=names.title(group[0].outcome),
        condition=spoken(group[0].condition),
        reference=spoken(group[0].reference_condition),
        differences=tuple(shown),
        least_p=p_value(least),
        suspicious=finite(least) and least < names.plan.alpha,
        declared=_declared(group[0].outcome, names),
    )


def _declared(outcome: str, names: Names) -> bool:
    return outcome in (*names.plan.primary, *names.plan.secondary)


def _summary(rows: Sequence[CarryOverRow], tests: Sequence[BaselineTest], names: Names) -> str:
    if names.plan.blind:
        return (
            "While blind, no condition is compared with its reference before the dose; omnibus "
            f"tests of the phase {spoken(names.plan.baseline_phase)} stand under Answer."
        )
    if not rows and not tests:
        return "No outcome has a baseline phase, so that carry-over cannot be checked."
    bad = [f"{row.title} ({row.condition})" for row in rows if row.suspicious]
    pairs = (
        f"Before the dose, conditions already differ in {listing(bad)}: carry-over is likely there."
        if bad
        else "No baseline differs between a condition and its reference at the adjusted level; "
        "with few animals that does not exclude carry-over: look at the intervals."
    )
    return f"{pairs}{_omnibus_summary(tests, names)}"


def _omnibus_summary(tests: Sequence[BaselineTest], names: Names) -> str:
    """How many baselines differ when all conditions are tested at once."""
    tested = [test for test in tests if test.p != NOTHING]
    if not tested:
        return ""
    low = [test.title for test in tested if test.suspicious]
    alpha = number(names.plan.alpha)
    which = f": {listing(low)}" if low else ""
    return (
        f" All conditions at once (omnibus test per outcome): p below {alpha} in {len(low)} of "
        f"{count(len(tested), 'test')}{which}. Without any carry-over about "
        f"{number(round(names.plan.alpha * len(tested), 1))} would be expected by chance."
    )
