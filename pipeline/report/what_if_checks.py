"""One contrast of a verdict under each other assumption that was tried on it, judged and in words.

Nothing is computed here: every number stands in contrasts.tsv. Whether an assumption would have
led elsewhere depends on what the verdict asks of the contrast (:data:`Claim`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.compare.guards import MINIMUM_FOR_VERDICT
from pipeline.compare.sensitivity import EXTRAPOLATES
from pipeline.report.lookup import text
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import (
    SPACE,
    adjusted_p,
    decimals,
    finite,
    interval,
    listing,
    p_value,
    plain,
    signed,
    with_unit,
)
from pipeline.report.tested import SENSITIVITIES

Row = Mapping[str, Any]
#: what a verdict asks of a contrast: to differ from zero, to be as good as zero, only not to
#: differ, or (where the verdict is open) neither was found
Claim = Literal["differs", "equivalent", "alike", "open"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A contrast that a verdict rests on.

    Attributes
    ----------
    row : mapping
        Of contrasts.tsv.
    claim : Claim
    bound : float
        Smallest effect of interest, NaN where the claim has none.
    reads_p : bool
        Whether its significance would decide the verdict: not for an effect that is to lie within
        a bound, however surely it differs from zero.
    shown : bool
        Whether it is named even if nothing would change it.
    """

    row: Row
    claim: Claim
    bound: float
    reads_p: bool
    shown: bool


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
    barred : str
        Why the data do not tell, a whole phrase; "" where they do.
    """

    assumption: str
    changes: bool = False
    words: str = ""
    barred: str = ""


class Words:
    """Numbers of one outcome, written alike."""

    def __init__(self, row: Row, names: Names) -> None:
        self.alpha = names.plan.alpha
        self.unit = names.unit(text(row["outcome"]))
        self.member = names.animals()[0]
        self.digits = decimals(
            (row["estimate"], row["ci_low"], row["ci_high"]), scale=text(row["scale"])
        )

    def amount(self, value: float) -> str:
        """An estimate with its unit."""
        return with_unit(signed(value, self.digits), self.unit)

    def range(self, low: float, high: float) -> str:
        """An interval."""
        return interval(low, high, self.digits)

    def whole(self, row: Row) -> str:
        """Estimate, interval and adjusted p of a contrast."""
        adjusted = adjusted_p(row["p_adjusted"])
        return f"{self.short(row)}, {adjusted}"

    def short(self, row: Row) -> str:
        """Estimate and interval of a contrast."""
        return f"{self.amount(row['estimate'])} ({self.range(row['ci_low'], row['ci_high'])})"

    def planned(self, asked: Asked) -> str:
        """The contrast as the verdict reads it: p, or the interval of the equivalence test."""
        row, bound = asked.row, asked.bound
        if not finite(bound):
            return self.whole(row) + (self._left_out(row) if asked.claim == "open" else "")
        limit = with_unit(plain(bound, self.digits), self.unit)
        inner = f"90{SPACE}% interval {self.range(row['ci90_low'], row['ci90_high'])}"
        if asked.claim == "equivalent":
            return f"{self.amount(row['estimate'])} ({inner}, within ±{limit})"
        lies = "within" if reach(row) < bound else "not within"
        return f"{self.whole(row)}; {inner}, {lies} ±{limit}{self._left_out(row)}"

    def _left_out(self, row: Row) -> str:
        """Of an open contrast: its range tells of size, and could not settle it."""
        low, high = row["leave_one_out_low"], row["leave_one_out_high"]
        if not (finite(low) and finite(high)):
            return ""
        return f"; without any one {self.member} {self.range(low, high)}"


def reach(row: Row) -> float:
    """How far from zero the interval of the equivalence test reaches."""
    return max(abs(row["ci90_low"]), abs(row["ci90_high"]))


def checks(
    asked: Asked, group: Sequence[Row], strata: Sequence[Row], words: Words
) -> tuple[Check, ...]:
    """Hold a contrast against all that was tried on it.

    Parameters
    ----------
    asked : Asked
        The contrast, and what the verdict claims of it.
    group : sequence of rows
        All contrasts of the verdict, with the sensitivity analyses.
    strata : sequence of rows
        The same outcome's and condition's contrasts within the strata of the splits.
    words : Words
        Writes the numbers.
    """
    found = (
        _sensitivities(asked, group, words),
        _split(asked, strata, words),
        _one_left_out(asked, words),
        _other_scale(asked, words),
        _permuted(asked, words),
    )
    return tuple(check for some in found for check in some)


def _same(row: Row, other: Row) -> bool:
    names = ("level", "reference_level")
    known = finite(other["estimate"]) and finite(other["p_adjusted"])
    return known and all(text(other[name]) == text(row[name]) for name in names)


def _sensitivities(asked: Asked, group: Sequence[Row], words: Words) -> Iterator[Check]:
    """The same contrast at equal time, adjusted for movement or sex, of first sessions only."""
    for suffix, assumption in SENSITIVITIES.items():
        kind = f"{asked.row['contrast']}{suffix}"
        same = [r for r in group if text(r["contrast"]) == kind and _same(asked.row, r)]
        for other in same[:1]:
            notes = [part for part in text(other["note"]).split("; ") if EXTRAPOLATES in part]
            if notes:
                why = _spoken(notes[0].removesuffix(f": {EXTRAPOLATES}"))
                yield Check(assumption=assumption, barred=f"cannot be {assumption}: {why}")
            else:
                yield _judged(asked, other, assumption, words)


def _spoken(note: str) -> str:
    """A note with its levels as they are read."""
    before, _, levels = note.partition(" in ")
    return f"{before} in {listing(spoken(level) for level in levels.split(', '))}"


def _judged(asked: Asked, other: Row, assumption: str, words: Words) -> Check:
    """Hold a repeated contrast against what the verdict claims of the planned one."""
    row, bound = asked.row, asked.bound
    before, now = _significant(row, words), _significant(other, words)
    inside = finite(bound) and reach(other) < bound
    was_inside = finite(bound) and reach(row) < bound
    then = words.whole(other)
    if asked.claim == "differs":
        if row["estimate"] * other["estimate"] < 0:
            rest = "" if now else " and is not significant"
            return _changed(assumption, f"it changes sign{rest}: {then}")
        if not now:
            return _changed(assumption, f"it loses significance: {then}")
    elif asked.reads_p and now and not before:
        return _changed(assumption, f"it becomes significant: {then}")
    elif asked.claim == "equivalent" and not inside:
        within = f"90{SPACE}% interval {words.range(other['ci90_low'], other['ci90_high'])}"
        return _changed(assumption, f"it is no longer equivalent to zero: {then}; {within}")
    elif asked.claim == "open" and inside and not was_inside:
        return _changed(assumption, f"it becomes equivalent to zero: {then}")
    return Check(assumption=assumption)


def _significant(row: Row, words: Words) -> bool:
    return bool(row["p_adjusted"] < words.alpha)


def _changed(assumption: str, words: str) -> Check:
    return Check(assumption=assumption, changes=True, words=words)


def _split(asked: Asked, strata: Sequence[Row], words: Words) -> Iterator[Check]:
    """The same contrast within the strata of movement or learning.

    Fewer data lie in a stratum, so that lost significance alone says nothing: an effect counts as
    absent from a stratum where its interval excludes the unsplit estimate, too.
    """
    row = asked.row
    same = [r for r in strata if r["contrast"] == row["contrast"] and _same(row, r)]
    for split in dict.fromkeys(text(r["split"]) for r in same):
        within = [r for r in same if text(r["split"]) == split]
        within = [r for r in within if r["n_smallest_group"] >= MINIMUM_FOR_VERDICT]
        said = [(r, _in_stratum(asked, r, words)) for r in within]
        assumption = f"split by {spoken(split)}"
        elsewhere = [
            f"within {spoken(text(r['split_level']))} {what}: {words.whole(r)}"
            for r, what in said
            if what
        ]
        open_ = [spoken(text(r["split_level"])) for r, what in said if what is None]
        if elsewhere:
            yield _changed(assumption, "; ".join(elsewhere))
        elif open_:
            cannot = f"{assumption}, {listing(open_)} cannot tell"
            yield Check(assumption=assumption, barred=cannot)
        elif within:
            yield Check(assumption=assumption)


def _in_stratum(asked: Asked, other: Row, words: Words) -> str | None:
    """What is otherwise in a stratum, "" where the claim stands there, None where none can say."""
    row, now = asked.row, _significant(other, words)
    inside = finite(asked.bound) and reach(other) < asked.bound
    if asked.claim == "differs":
        same_sign = row["estimate"] * other["estimate"] > 0
        if now:
            return "" if same_sign else "it changes sign"
        apart = not other["ci_low"] <= row["estimate"] <= other["ci_high"]
        return "it is smaller or absent" if apart else None
    if now and (asked.reads_p or (asked.claim == "equivalent" and not inside)):
        return "it is significant"
    if asked.claim == "open" and inside:
        return "it is equivalent to zero"
    stands = asked.claim in ("alike", "open") or inside
    return "" if stands else None


def _one_left_out(asked: Asked, words: Words) -> Iterator[Check]:
    """The range of the estimate without any one animal: it tells of sign and size, not of p.

    That settles nothing open; there it stands with the estimate.
    """
    low, high = asked.row["leave_one_out_low"], asked.row["leave_one_out_high"]
    if asked.claim in ("open", "alike") or not (finite(low) and finite(high)):
        return
    assumption = f"without any one {words.member}"
    reached = words.range(low, high)
    if asked.claim == "differs" and low * high <= 0:
        yield _changed(assumption, f"the estimate changes sign ({reached})")
    elif asked.claim == "equivalent" and max(abs(low), abs(high)) >= asked.bound:
        yield _changed(assumption, f"the estimate leaves the smallest effect ({reached})")
    else:
        yield Check(assumption=assumption)


def _other_scale(asked: Asked, words: Words) -> Iterator[Check]:
    """The same contrast on another scale, on which no smallest effect is declared."""
    row = asked.row
    estimate, p = row["other_estimate"], row["other_p_adjusted"]
    if not (asked.reads_p and finite(estimate) and finite(p)):
        return
    adjusted = adjusted_p(p)
    assumption = f"on the {spoken(text(row['other_scale']))} scale"
    turned = asked.claim == "differs" and row["estimate"] * estimate < 0
    yield _by_p(asked, bool(p < words.alpha), assumption, adjusted, words, turned=turned)


def _permuted(asked: Asked, words: Words) -> Iterator[Check]:
    """The permutation test, which is not adjusted, beside the unadjusted p."""
    p, floor = asked.row["companion_p"], asked.row["companion_floor"]
    if not (asked.reads_p and finite(p)) or (finite(floor) and floor >= words.alpha):
        return
    there, planned = bool(p < words.alpha), bool(asked.row["p"] < words.alpha)
    said = f"{p_value(p)}, not adjusted"
    yield _by_p(asked, there, "by permutation", said, words, planned=planned)


def _by_p(
    asked: Asked,
    there: bool,
    assumption: str,
    p: str,
    words: Words,
    *,
    planned: bool | None = None,
    turned: bool = False,
) -> Check:
    """Whether another p value would lead elsewhere."""
    planned = _significant(asked.row, words) if planned is None else planned
    if turned:
        return _changed(assumption, f"it changes sign ({p})")
    if planned and not there and asked.claim == "differs":
        return _changed(assumption, f"it loses significance ({p})")
    if there and not planned:
        return _changed(assumption, f"it becomes significant ({p})")
    return Check(assumption=assumption)
