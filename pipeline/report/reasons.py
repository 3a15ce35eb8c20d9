"""Why a verdict is inconclusive, sorted by what the reader must be told; what weakens one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.compare.verdicts import PROCESS
from pipeline.report.lookup import Evidence, text
from pipeline.report.names import plural, spoken
from pipeline.report.numbers import adjusted_p, finite, listing


@dataclass(frozen=True, kw_only=True)
class Reasons:
    """The ``why`` of an inconclusive verdict, sorted by what the reader must be told.

    Attributes
    ----------
    unestimable, confounded, few : str
        Reasons that lie in the design, in words; "" where there are none.
    interaction_open, drug_open : bool
        The data leave the question open.
    undeclared : bool
        No smallest effect of interest was declared.
    other : str
        Whatever this version of the report does not know.
    """

    unestimable: str
    confounded: str
    few: str
    interaction_open: bool
    drug_open: bool
    undeclared: bool
    other: str

    @classmethod
    def of(cls, why: str) -> Reasons:
        """Sort the reasons, which ``why`` lists between semicolons."""
        found: dict[str, list[str]] = {}
        for reason in filter(None, (part.strip() for part in why.split(";"))):
            kind = next((kind for kind in _REASONS if reason.casefold().startswith(kind)), "")
            found.setdefault(kind, []).append(reason)
        details = {
            kind: listing(dict.fromkeys(spoken(_detail(reason)) for reason in reasons))
            for kind, reasons in found.items()
        }
        order = details.get("context order", "")
        if order:
            order += ", so that an effect which merely fades would look alike"
        return cls(
            unestimable=details.get("unestimable", ""),
            confounded="; ".join(filter(None, (details.get("confounded", ""), order))),
            few=listing(spoken(reason) for reason in found.get("fewer than", [])),
            interaction_open="interaction open" in found,
            drug_open="drug effect open" in found,
            undeclared="no smallest effect" in found,
            other=listing(spoken(reason) for reason in found.get("", [])),
        )

    @property
    def barred(self) -> bool:
        """Whether the design forbids a verdict, whatever the data are."""
        return bool(self.unestimable or self.confounded or self.few)

    @property
    def undeclared_sentence(self) -> str:
        """A sentence to append, "" when the smallest effects are declared."""
        if not self.undeclared:
            return ""
        return " No smallest effect of interest was declared, so that none can be excluded."

    @property
    def short(self) -> str:
        """A few words for the verdict matrix."""
        if self.unestimable:
            return "cannot be estimated"
        if self.confounded:
            return "design cannot tell"
        if self.few:
            return "too few cages" if "cages" in self.few else "too few animals"
        if self.interaction_open and not self.drug_open:
            return "drug acts, dependence open"
        if self.drug_open:
            return "drug effect open"
        return "no smallest effect declared" if self.undeclared else self.other


#: beginnings of the reasons that :mod:`pipeline.compare` gives
_REASONS = (
    "unestimable",
    "confounded",
    "context order",
    "fewer than",
    "interaction open",
    "drug effect open",
    "no smallest effect",
)


def disagreements(
    verdict: Mapping[str, Any], evidence: Evidence | None = None, *, alpha: float = 0.05
) -> tuple[str, ...]:
    """What the reader must know when a split, a test before the dose or another test disagree.

    Parameters
    ----------
    verdict : mapping
        Row of verdicts.tsv; ``remark`` and ``before_dose`` are put there by the matrix.
    evidence : Evidence, optional
        The contrasts behind it, for the other scale.
    alpha : float
        Level of the adjusted p values.

    Returns
    -------
    tuple of str
        What follows a colon is detail. Where the design forbids a verdict, neither a permutation
        nor another scale could disagree with it: nothing is said of them.
    """
    remarks = [part for part in text(verdict.get("remark")).split("; ") if part]
    remarks += filter(None, [text(verdict.get("before_dose"))])
    if Reasons.of(text(verdict.get("why"))).barred:
        return tuple(remarks)
    if text(verdict.get("agrees_with_companion")) == "False":
        remarks.append("the permutation test disagrees")
    remarks += filter(None, [_other_scale(verdict, evidence or Evidence(), alpha)])
    return tuple(remarks)


def _other_scale(verdict: Mapping[str, Any], evidence: Evidence, alpha: float) -> str:
    """What the strongest difference of differences is on the other scale, where that matters.

    Two estimates near zero that differ in sign do not.
    """
    found = evidence.difference(text(verdict.get("interaction_level")))
    if found is None or not finite(found.other_p_adjusted):
        return ""
    levels = plural(spoken(text(verdict["modifier"])))
    scale = f"on the {spoken(found.other_scale)} scale" if found.other_scale else "on another scale"
    p = adjusted_p(found.other_p_adjusted)
    there = found.other_p_adjusted < alpha
    if text(verdict["verdict"]) != PROCESS:
        return f"a difference between {levels} {scale}: {p}" if there else ""
    if not there:
        return f"depends on the scale: no difference between {levels} is shown {scale}, {p}"
    if found.estimate * found.other_estimate < 0:
        return f"depends on the scale: the difference goes the other way {scale}, {p}"
    return ""


def _detail(reason: str) -> str:
    """What follows the colon; the reason itself where nothing does."""
    return reason.partition(":")[2].strip() or reason
