"""What would change a verdict: its decisive contrasts under the other assumptions that were tried.

Nothing is computed here. A verdict rests on one or two contrasts; beside each stand the same
contrast under another assumption (time since the dose, movement, sex, first session), within the
strata of a split, its range when any one animal is left out, another scale, and a permutation test
(:mod:`pipeline.report.what_if_checks`). This table says which of them would have led elsewhere, and
whether the conditions differed before the dose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.compare.contrasts import DIFFERENCE, MAIN, SIMPLE
from pipeline.compare.verdicts import INCONCLUSIVE, NO_EFFECT, ONE_CONTEXT, PILL, PROCESS
from pipeline.report.amounts import amount, interval_text
from pipeline.report.carry_over import differences_before
from pipeline.report.curve_words import EVERYWHERE
from pipeline.report.lookup import Effect, effects_of, rows_of, step_of, text
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import adjusted_p, finite, listing
from pipeline.report.reasons import Reasons
from pipeline.report.tested import contrast_words
from pipeline.report.what_if_checks import Asked, Check, Claim, Row, Words, checks, reach

if TYPE_CHECKING:
    import pandas as pd

_SAME = ("outcome", "condition", "phase", "modifier")
_NOTHING = float("nan")
#: what an outcome's rule does with a difference before the dose
_RULES = {
    "none": "nothing of it is subtracted from the effect",
    "change": "the effect is a change from each session's own baseline",
    "covariate": "the effect is adjusted for the baseline",
}


@dataclass(frozen=True, kw_only=True)
class Decisive:
    """A contrast that a verdict rests on, with all that was tried on it, in words."""

    contrast: str
    found: str
    claim: Claim
    checks: tuple[Check, ...]

    @property
    def changes(self) -> bool:
        """Whether any assumption would have led elsewhere on it."""
        return any(check.changes for check in self.checks)


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """One primary verdict.

    Attributes
    ----------
    outcome, condition, where, verdict : str
        In words; ``where`` is phase and modifier where there are several.
    decisive : tuple of Decisive
        Of every claim the contrast nearest to failing it, and those that another assumption would
        change. Empty where the design forbids a verdict, or nothing could be estimated.
    tried : tuple of str
        Assumptions under which its contrasts were repeated and could tell.
    barred : tuple of str
        What was tried and cannot tell, one phrase per assumption.
    reason : str
        What of the design forbids one: no contrast could change that.
    before : str
        Differences between the condition and its reference before the dose; "" where none is
        significant.
    """

    outcome: str
    condition: str
    where: str
    verdict: str
    decisive: tuple[Decisive, ...]
    tried: tuple[str, ...] = ()
    barred: tuple[str, ...] = ()
    reason: str = ""
    before: str = ""

    @property
    def changes(self) -> tuple[str, ...]:
        """What would change it, in words."""
        several = len(self.decisive) > 1
        return tuple(
            (f"{one.contrast}: " if several else "") + f"{check.assumption}, {check.words}"
            for one in self.decisive
            for check in one.checks
            if check.changes
        )

    @property
    def holds(self) -> tuple[str, ...]:
        """Assumptions under which none of its contrasts would say otherwise."""
        changed = {c.assumption for one in self.decisive for c in one.checks if c.changes}
        return tuple(name for name in self.tried if name not in changed)

    @property
    def summary(self) -> str:
        """One sentence for a text."""
        before = f"{self.before}; " if self.before else ""
        if self.reason:
            return f"{before}the design decides, no contrast: {self.reason}."
        if not self.decisive:
            return f"{before}nothing could be estimated."
        found = "; ".join(f"{one.contrast} {one.found}" for one in self.decisive)
        if self.changes:
            said = f"would change: {'; '.join(self.changes)}"
        else:
            said = f"{self.nothing} would change it" if self.holds else "nothing could be tried"
        barred = "".join(f"; {phrase}" for phrase in self.barred)
        holds = f"; as it is: {listing(self.holds)}" if self.holds else ""
        return f"{before}{found}; {said}{barred}{holds}."

    @property
    def nothing(self) -> str:
        """What is said where no assumption would change it."""
        return f"nothing {'else ' if self.before or self.barred else ''}that was tried"


def what_if(verdicts: pd.DataFrame, contrasts: pd.DataFrame, names: Names) -> tuple[WhatIf, ...]:
    """Say what would change each primary verdict.

    Parameters
    ----------
    verdicts, contrasts : pandas.DataFrame
        verdicts.tsv and contrasts.tsv.
    names : Names
        Labels, alpha.

    Returns
    -------
    tuple of WhatIf
        One per primary verdict of the whole epochs (no split), in the table's order; none while
        blind, for there are no verdicts.
    """
    if names.plan.blind or verdicts.empty or contrasts.empty:
        return ()
    mine = verdicts[(verdicts["priority"] == "primary") & (verdicts["split"].fillna("") == "")]
    rows = contrasts[contrasts["priority"] == "primary"]
    whole: dict[tuple[str, ...], list[Row]] = {}
    strata: dict[tuple[str, ...], list[Row]] = {}
    effects = effects_of(rows)
    before = differences_before(effects, names)
    for effect, record in zip(effects, rows_of(rows), strict=True):
        row = record | {"words": contrast_words(effect)}
        (strata if effect.split else whole).setdefault(_key(row), []).append(row)
    several = {
        name: mine[name].nunique() > 1 for name in ("phase", "modifier", "step") if name in mine
    }
    return tuple(
        _line(
            verdict,
            whole.get(_key(verdict), []),
            strata.get(_key(verdict), []),
            _before(verdict, before, names),
            several,
            names,
        )
        for verdict in rows_of(mine)
    )


def _line(
    verdict: Row,
    group: Sequence[Row],
    strata: Sequence[Row],
    before: str,
    several: Mapping[str, bool],
    names: Names,
) -> WhatIf:
    """One verdict: its contrasts, each under all that was tried on it."""
    reason = _of_the_design(text(verdict["why"]))
    asked = [] if reason else list(_claims(verdict, group))
    found = [(_decisive(one, group, strata, names), one.shown) for one in asked]
    barred: dict[str, str] = {}
    for check in (check for one, _ in found for check in one.checks if check.barred):
        barred.setdefault(check.assumption, check.barred)
    tried = dict.fromkeys(check.assumption for one, _ in found for check in one.checks)
    return WhatIf(
        outcome=names.title(text(verdict["outcome"])),
        condition=spoken(text(verdict["condition"])),
        where=", ".join(_where(verdict, several)),
        verdict=text(verdict["verdict"]),
        decisive=tuple(one for one, shown in found if shown or one.changes),
        tried=tuple(name for name in tried if name not in barred),
        barred=tuple(barred.values()),
        reason=reason,
        before=before,
    )


def _before(verdict: Row, before: Mapping[tuple[str, str], Sequence[Effect]], names: Names) -> str:
    """Significant differences between a condition and its reference before the verdict's dose."""
    outcome, condition = text(verdict["outcome"]), text(verdict["condition"])
    found = [
        effect
        for effect in before.get((outcome, condition), ())
        if effect.step == step_of(verdict) and effect.p_adjusted < names.plan.alpha
    ]
    if not found:
        return ""
    said = listing(
        f"in {spoken(effect.level) or EVERYWHERE} by {amount(effect, names)} "
        f"({interval_text(effect, names)}), {adjusted_p(effect.p_adjusted)}"
        for effect in found
    )
    against = spoken(found[0].reference_condition)
    rule = _RULES.get(names.baseline_rule(outcome), "")
    return f"{spoken(condition)} and {against} differed before the dose already, {said}" + (
        f" ({rule})" if rule else ""
    )


def _of_the_design(why: str) -> str:
    """What of an inconclusive verdict's reasons no other assumption on the data could lift."""
    reasons = Reasons.of(why)
    found = (reasons.unestimable, reasons.confounded, reasons.few, reasons.other)
    return "; ".join(filter(None, found))


def _key(row: Row) -> tuple[str, ...]:
    return (*(text(row[name]) for name in _SAME), str(step_of(row)))


def _where(verdict: Row, several: Mapping[str, bool]) -> Iterator[str]:
    if several.get("phase"):
        yield spoken(text(verdict["phase"]))
    if several.get("modifier"):
        yield f"by {spoken(text(verdict['modifier']))}"
    if several.get("step"):
        yield f"dose {step_of(verdict)}"


def _claims(verdict: Row, group: Sequence[Row]) -> Iterator[Asked]:
    """The contrasts that a verdict rests on, of several alike the one nearest to failing first.

    A process stands on its strongest difference; pill and no effect need every contrast of theirs,
    and that no difference is significant.
    """
    kind = text(verdict["verdict"])
    simple = [row for row in group if row["contrast"] == SIMPLE and finite(row["estimate"])]
    main = [row for row in group if row["contrast"] == MAIN and finite(row["estimate"])]
    differences = [row for row in group if row["contrast"] == DIFFERENCE and finite(row["p"])]
    differences.sort(key=lambda row: (row["p_adjusted"], row["p"]))
    drug = main or (simple if len(simple) == 1 else [])
    drug_bound, bound = verdict["smallest_drug"], verdict["smallest_interaction"]
    if kind == PROCESS:
        yield from _asked(differences[:1], "differs")
    elif kind == NO_EFFECT:
        yield from _asked(_widest(simple), "equivalent", drug_bound, reads_p=False)
        yield from _asked(main, "equivalent", drug_bound, reads_p=False, shown=False)
        yield from _asked(differences, "alike", shown=False)
    elif kind == PILL:
        yield from _asked(drug, "differs")
        yield from _asked(_widest(differences), "equivalent", bound)
    elif kind == ONE_CONTEXT:
        yield from _asked(drug, "differs")
    elif kind == INCONCLUSIVE:
        yield from _open(verdict, simple, main, differences)


def _open(
    verdict: Row, simple: Sequence[Row], main: Sequence[Row], differences: Sequence[Row]
) -> Iterator[Asked]:
    """Of an inconclusive verdict what its ``why`` leaves open; what else could settle it after."""
    reasons = Reasons.of(text(verdict["why"]))
    if reasons.drug_open:
        bound = verdict["smallest_drug"]
        wide = [row for row in _widest(simple) if not reach(row) < bound]
        yield from _asked(wide, "open", bound, reads_p=len(simple) == 1)
        yield from _asked(main, "open", shown=not wide)
    bound = verdict["smallest_interaction"]
    wide = [row for row in _widest(differences) if not reach(row) < bound]
    if reasons.interaction_open:
        yield from _asked(wide, "open", bound)
    inside = [row for row in differences if not any(row is other for other in wide)]
    yield from _asked(inside, "alike", shown=False)


def _asked(
    rows: Sequence[Row],
    claim: Claim,
    bound: float = _NOTHING,
    *,
    reads_p: bool = True,
    shown: bool = True,
) -> Iterator[Asked]:
    """Contrasts of one claim; only the first is named whatever was found."""
    for index, row in enumerate(rows):
        yield Asked(row=row, claim=claim, bound=bound, reads_p=reads_p, shown=shown and index == 0)


def _widest(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=reach, reverse=True)


def _decisive(asked: Asked, group: Sequence[Row], strata: Sequence[Row], names: Names) -> Decisive:
    """One contrast and all that was tried on it."""
    row, words = asked.row, Words(asked.row, names)
    condition = "" if row["contrast"] == DIFFERENCE else f"{spoken(text(row['condition']))} "
    return Decisive(
        contrast=f"{condition}{row['words']}",
        found=words.planned(asked),
        claim=asked.claim,
        checks=checks(asked, group, strata, words),
    )
