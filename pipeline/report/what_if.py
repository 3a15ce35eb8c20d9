"""What would change a verdict: its decisive contrasts under the other assumptions that were tried.

Nothing is computed here. A verdict rests on one or two contrasts; beside each stand the same
contrast under another assumption (time since the dose, movement, sex, first session), its range
when any one animal is left out, another scale, and a permutation test. This table says which of
them would have led elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pipeline.report.lookup import DIFFERENCE, MAIN, SIMPLE, effects_of, step_of, text
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import (
    SPACE,
    decimals,
    finite,
    interval,
    listing,
    p_value,
    plain,
    signed,
    with_unit,
)
from pipeline.report.reasons import Reasons
from pipeline.report.sentences import INCONCLUSIVE, NO_EFFECT, ONE_CONTEXT, PILL, PROCESS
from pipeline.report.tested import SENSITIVITIES, contrast_words

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]
#: what a verdict asks of a contrast: to differ from zero, to be as good as zero, or (where the
#: verdict is open) neither was found
Claim = Literal["differs", "equivalent", "open"]
_SAME = ("outcome", "condition", "phase", "modifier")


@dataclass(frozen=True, kw_only=True)
class Check:
    """A contrast under one other assumption.

    Attributes
    ----------
    assumption : str
        ``adjusted for movement``.
    changes : bool
        Whether the verdict's claim on this contrast would not stand; of an open one, whether it
        would be settled.
    words : str
        What would happen; "" where nothing.
    """

    assumption: str
    changes: bool
    words: str = ""


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
        Assumptions under which any contrast of the verdict was repeated.
    reason : str
        What of the design forbids one: no contrast could change that.
    """

    outcome: str
    condition: str
    where: str
    verdict: str
    decisive: tuple[Decisive, ...]
    tried: tuple[str, ...] = ()
    reason: str = ""

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
        if self.reason:
            return f"the design decides, no contrast: {self.reason}."
        if not self.decisive:
            return "nothing could be estimated."
        found = "; ".join(f"{one.contrast} {one.found}" for one in self.decisive)
        if self.changes:
            said = f"would change: {'; '.join(self.changes)}"
        else:
            said = "nothing that was tried would change it" if self.holds else "nothing was tried"
        holds = f"; as it is: {listing(self.holds)}" if self.holds else ""
        return f"{found}; {said}{holds}."


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
    rows = contrasts[(contrasts["priority"] == "primary") & (contrasts["split"].fillna("") == "")]
    groups: dict[tuple[str, ...], list[Row]] = {}
    for effect, record in zip(effects_of(rows), rows.to_dict("records"), strict=True):
        row = record | {"words": contrast_words(effect)}
        groups.setdefault(_key(row), []).append(row)
    several = {
        name: mine[name].nunique() > 1 for name in ("phase", "modifier", "step") if name in mine
    }
    return tuple(
        _line(verdict, groups.get(_key(verdict), []), several, names)
        for verdict in mine.to_dict("records")
    )


def _line(verdict: Row, group: Sequence[Row], several: Mapping[str, bool], names: Names) -> WhatIf:
    """One verdict: its contrasts, each under all that was tried on it."""
    reason = _of_the_design(text(verdict["why"]))
    found = [
        _decisive(row, claim, bound, group, names)
        for row, claim, bound in ([] if reason else _claims(verdict, group))
    ]
    nearest = {one.claim: one for one in reversed(found)}
    return WhatIf(
        outcome=names.title(text(verdict["outcome"])),
        condition=spoken(text(verdict["condition"])),
        where=", ".join(_where(verdict, several)),
        verdict=text(verdict["verdict"]),
        decisive=tuple(one for one in found if one is nearest[one.claim] or one.changes),
        tried=tuple(dict.fromkeys(check.assumption for one in found for check in one.checks)),
        reason=reason,
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


def _claims(verdict: Row, group: Sequence[Row]) -> Iterator[tuple[Row, Claim, float]]:
    """The contrasts that a verdict rests on, of several alike the one nearest to failing first.

    A process stands on its strongest difference; pill and no effect need every contrast of theirs.
    """
    nothing = float("nan")
    kind = text(verdict["verdict"])
    simple = [row for row in group if row["contrast"] == SIMPLE and finite(row["estimate"])]
    main = [row for row in group if row["contrast"] == MAIN and finite(row["estimate"])]
    differences = [row for row in group if row["contrast"] == DIFFERENCE and finite(row["p"])]
    drug = main or (simple if len(simple) == 1 else [])
    strongest = sorted(differences, key=lambda row: (row["p_adjusted"], row["p"]))[:1]
    if kind == PROCESS:
        yield from ((row, "differs", nothing) for row in strongest)
    elif kind == NO_EFFECT:
        widest = sorted(simple, key=_reach, reverse=True)
        yield from ((row, "equivalent", verdict["smallest_drug"]) for row in widest)
    elif kind == PILL:
        widest = sorted(differences, key=_reach, reverse=True)
        yield from ((row, "differs", nothing) for row in drug)
        yield from ((row, "equivalent", verdict["smallest_interaction"]) for row in widest)
    elif kind == ONE_CONTEXT:
        yield from ((row, "differs", nothing) for row in drug)
    elif kind == INCONCLUSIVE:
        bound = verdict["smallest_interaction" if strongest else "smallest_drug"]
        yield from ((row, "open", bound) for row in strongest or drug)


def _reach(row: Row) -> float:
    """How far from zero the interval of the equivalence test reaches."""
    return max(abs(row["ci90_low"]), abs(row["ci90_high"]))


def _decisive(row: Row, claim: Claim, bound: float, group: Sequence[Row], names: Names) -> Decisive:
    """One contrast and all that was tried on it."""
    said = _Words(row, names)
    condition = "" if row["contrast"] == DIFFERENCE else f"{spoken(text(row['condition']))} "
    return Decisive(
        contrast=f"{condition}{row['words']}",
        found=said.planned(row, claim, bound),
        claim=claim,
        checks=tuple(
            check
            for found in (
                _sensitivities(row, claim, bound, group, said),
                _one_left_out(row, claim, bound, said),
                _other_scale(row, claim, said),
                _permuted(row, claim, said),
            )
            for check in found
        ),
    )


class _Words:
    """Numbers of one outcome, written alike."""

    def __init__(self, row: Row, names: Names) -> None:
        self.alpha = names.plan.alpha
        self.unit = names.unit(text(row["outcome"]))
        self.member = names.animals()[0]
        self.digits = decimals(
            (row["estimate"], row["ci_low"], row["ci_high"]), scale=text(row["scale"])
        )

    def amount(self, value: float) -> str:
        return with_unit(signed(value, self.digits), self.unit)

    def planned(self, row: Row, claim: Claim, bound: float) -> str:
        """The contrast as the verdict reads it: p, or the interval of the equivalence test."""
        if claim == "equivalent":
            within = with_unit(plain(bound, self.digits), self.unit)
            inner = self.range(row["ci90_low"], row["ci90_high"])
            return f"{self.amount(row['estimate'])} (90{SPACE}% interval {inner}, within ±{within})"
        adjusted = p_value(row["p_adjusted"], name=f"adjusted{SPACE}p")
        interval_ = self.range(row["ci_low"], row["ci_high"])
        return f"{self.amount(row['estimate'])} ({interval_}), {adjusted}"

    def range(self, low: float, high: float) -> str:
        return interval(low, high, self.digits)


def _sensitivities(
    row: Row, claim: Claim, bound: float, group: Sequence[Row], said: _Words
) -> Iterator[Check]:
    """The same contrast at equal time, adjusted for movement or sex, of first sessions only."""
    for suffix, assumption in SENSITIVITIES.items():
        same = [
            other
            for other in group
            if text(other["contrast"]) == f"{row['contrast']}{suffix}"
            and text(other["level"]) == text(row["level"])
            and text(other["reference_level"]) == text(row["reference_level"])
            and finite(other["estimate"])
            and finite(other["p_adjusted"])
        ]
        for other in same[:1]:
            p = p_value(other["p_adjusted"], name=f"adjusted{SPACE}p")
            then = f"{said.amount(other['estimate'])}, {p}"
            yield _judged(row, other, claim, bound, assumption, then, said)


def _judged(
    row: Row, other: Row, claim: Claim, bound: float, assumption: str, then: str, said: _Words
) -> Check:
    """Hold a repeated contrast against what the verdict claims of the planned one."""
    significant = bool(other["p_adjusted"] < said.alpha)
    inside = finite(bound) and _reach(other) < bound
    if claim == "differs":
        if row["estimate"] * other["estimate"] < 0:
            rest = "" if significant else " and is not significant"
            return _changed(assumption, f"it changes sign{rest} ({then})")
        if not significant:
            return _changed(assumption, f"it loses significance ({then})")
    elif claim == "equivalent" and not inside:
        reach = said.range(other["ci90_low"], other["ci90_high"])
        within = f"90{SPACE}% interval {reach}"
        return _changed(assumption, f"it is no longer equivalent to zero ({then}; {within})")
    elif claim == "open" and significant != bool(row["p_adjusted"] < said.alpha):
        verb = "becomes" if significant else "loses"
        what = "significant" if significant else "significance"
        return _changed(assumption, f"it {verb} {what} ({then})")
    elif claim == "open" and inside and not (finite(bound) and _reach(row) < bound):
        return _changed(assumption, f"it becomes equivalent to zero ({then})")
    return Check(assumption=assumption, changes=False)


def _changed(assumption: str, words: str) -> Check:
    return Check(assumption=assumption, changes=True, words=words)


def _one_left_out(row: Row, claim: Claim, bound: float, said: _Words) -> Iterator[Check]:
    """The range of the estimate without any one animal: it tells of sign and size, not of p."""
    low, high = row["leave_one_out_low"], row["leave_one_out_high"]
    if claim == "open" or not (finite(low) and finite(high)):
        return
    assumption = f"without any one {said.member}"
    reached = said.range(low, high)
    if claim == "differs" and low * high <= 0:
        yield _changed(assumption, f"the estimate changes sign ({reached})")
    elif claim == "equivalent" and max(abs(low), abs(high)) >= bound:
        yield _changed(assumption, f"the estimate leaves the smallest effect ({reached})")
    else:
        yield Check(assumption=assumption, changes=False)


def _other_scale(row: Row, claim: Claim, said: _Words) -> Iterator[Check]:
    """The same contrast on another scale; equivalence has no bound there."""
    estimate, p = row["other_estimate"], row["other_p_adjusted"]
    if claim == "equivalent" or not (finite(estimate) and finite(p)):
        return
    assumption = f"on the {spoken(text(row['other_scale']))} scale"
    planned, there = bool(row["p_adjusted"] < said.alpha), bool(p < said.alpha)
    adjusted = p_value(p, name=f"adjusted{SPACE}p")
    if claim == "differs" and row["estimate"] * estimate < 0:
        yield _changed(assumption, f"it changes sign ({adjusted})")
    elif planned and not there:
        yield _changed(assumption, f"it loses significance ({adjusted})")
    elif there and not planned:
        yield _changed(assumption, f"it becomes significant ({adjusted})")
    else:
        yield Check(assumption=assumption, changes=False)


def _permuted(row: Row, claim: Claim, said: _Words) -> Iterator[Check]:
    """The permutation test, which is not adjusted, beside the unadjusted p."""
    p, floor = row["companion_p"], row["companion_floor"]
    if claim == "equivalent" or not finite(p) or (finite(floor) and floor >= said.alpha):
        return
    assumption = "by permutation"
    planned, there = bool(row["p"] < said.alpha), bool(p < said.alpha)
    unadjusted = f"{p_value(p)}, not adjusted"
    if planned and not there:
        yield _changed(assumption, f"it loses significance ({unadjusted})")
    elif there and not planned:
        yield _changed(assumption, f"it becomes significant ({unadjusted})")
    else:
        yield Check(assumption=assumption, changes=False)
