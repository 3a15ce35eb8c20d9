"""The answer in one paragraph of plain words, made from the verdicts of the declared outcomes.

Nothing is estimated here: every number is that of a contrast behind a verdict, written by
:mod:`pipeline.report.sentences`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.compare.verdicts import (
    INCONCLUSIVE,
    NEGLIGIBLE,
    NO_EFFECT,
    ONE_CONTEXT,
    PILL,
    PROCESS,
)
from pipeline.report.amounts import amount, ci_text
from pipeline.report.counted import n_text
from pipeline.report.lookup import Contrasts, text
from pipeline.report.names import Names, capital, plural, spoken
from pipeline.report.numbers import SPACE, adjusted_p, count, finite, listing
from pipeline.report.sentences import Speaker

#: priorities of outcomes, from what was asked beforehand to what nobody declared
PRIMARY, SECONDARY, EXPLORATORY = "primary", "secondary", "exploratory"

#: so many outcomes of one condition are named, so many conditions have their numbers in words;
#: the matrix below the paragraph holds all
NAMED, NUMBERED = 4, 3


@dataclass(frozen=True, kw_only=True)
class Said:
    """One sentence of the paragraph: what it is about, emphasised, and the rest."""

    lead: str
    rest: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One verdict, the label of its condition (and dose), and who can put it into words."""

    verdict: str
    pattern: str
    drug: str
    outcome: str
    caveats: tuple[str, ...]
    speaker: Speaker

    @property
    def sureness(self) -> tuple[bool, bool, float, float]:
        """Sort key: without caveat first, then of a size that matters, then by adjusted p.

        Of equal adjusted p (they end at 1 and, in doubles, at 0) the one whose estimate is more
        standard errors away from zero.
        """
        found = self.speaker.difference
        if found is None or not finite(found.p_adjusted):
            return bool(self.caveats), self.pattern == NEGLIGIBLE, 1.0, 0.0
        wide = found.ci_high - found.ci_low
        distance = abs(found.estimate) / wide if finite(wide) and wide > 0 else 0.0
        return bool(self.caveats), self.pattern == NEGLIGIBLE, found.p_adjusted, -distance

    @property
    def named(self) -> str:
        """The outcome and, in brackets, what weakens the finding."""
        remarks = [caveat.partition(":")[0] for caveat in self.caveats]
        if self.pattern == NEGLIGIBLE:
            remarks.append("by less than the smallest difference of interest")
        return self.speaker.what + (f" ({'; '.join(remarks)})" if remarks else "")

    @property
    def sized(self) -> str:
        """The outcome and, in brackets, the drug effect and what weakens it."""
        effect = self.speaker.drug_effect
        inside = []
        if effect is not None and finite(effect.estimate):
            inside.append(amount(effect, self.speaker.names))
        inside += [caveat.partition(":")[0] for caveat in self.caveats]
        return self.speaker.what + (f" ({'; '.join(inside)})" if inside else "")


def basis_of(priorities: Sequence[str]) -> str:
    """Which outcomes answer: the primary ones, else the secondary ones; "" where none was declared.

    Parameters
    ----------
    priorities : sequence of str
        Priorities of the outcomes that have a verdict.
    """
    return next((basis for basis in (PRIMARY, SECONDARY) if basis in priorities), "")


def findings(
    verdicts: Sequence[Mapping[str, Any]],
    labels: Sequence[str],
    caveats: Sequence[tuple[str, ...]],
    contrasts: Contrasts,
    names: Names,
) -> list[Finding]:
    """Prepare verdicts for the paragraph.

    Parameters
    ----------
    verdicts : sequence of mapping
        Rows of verdicts.tsv of one phase and question, in the order of the page.
    labels : sequence of str
        What the condition of each is called.
    caveats : sequence of tuple of str
        What weakens each of them.
    contrasts : Contrasts
        Index of contrasts.tsv.
    names : Names
        Labels.
    """
    return [
        Finding(
            verdict=text(row["verdict"]),
            pattern=text(row["pattern"]),
            drug=label,
            outcome=text(row["outcome"]),
            caveats=said,
            speaker=Speaker(row, contrasts.of(row), names),
        )
        for row, label, said in zip(verdicts, labels, caveats, strict=True)
    ]


def paragraph(found: Sequence[Finding], *, basis: str, modifier: str) -> tuple[Said, ...]:
    """Say which effects depend on the modifier, which do not, and what cannot be told.

    Parameters
    ----------
    found : sequence of Finding
        All of one phase and question that answer (see :func:`basis_of`).
    basis : str
        primary, secondary, or "" where no outcome was declared.
    modifier : str
        What may change the effect.

    Returns
    -------
    tuple of Said
        Empty without findings. "No effect" is never said of what is inconclusive.
    """
    if not found:
        return ()
    by_verdict: dict[str, list[Finding]] = {}
    for one in found:
        by_verdict.setdefault(one.verdict, []).append(one)
    of = spoken(modifier)
    n_outcomes = len({one.outcome for one in found})
    changed = by_verdict.get(PROCESS, [])
    sentences = [
        *_basis(basis),
        *(_depends(changed, basis, of, n_outcomes) if changed else _none_depends(basis, of)),
        *_alike(by_verdict.get(PILL, ()), of),
        *_one_level(by_verdict.get(ONE_CONTEXT, ()), of),
        *_open(by_verdict.get(INCONCLUSIVE, ())),
        *_small(by_verdict.get(NO_EFFECT, ()), len(found), of),
    ]
    return tuple(sentences)


def elsewhere(others: Sequence[tuple[str, str, Sequence[Finding]]]) -> tuple[Said, ...]:
    """Point to effects that depend on something in another phase or question.

    Parameters
    ----------
    others : sequence of (str, str, sequence of Finding)
        Label of the panel, its modifier, its findings.
    """
    parts = [
        f"{label}, {listing(_by_condition(changed, lambda one: one.named))} (by {spoken(modifier)})"
        for label, modifier, found in others
        if (changed := [one for one in found if one.verdict == PROCESS])
    ]
    if not parts:
        return ()
    return (Said(lead="Elsewhere", rest=f" a drug effect also depends: in {'; in '.join(parts)}."),)


def _basis(basis: str) -> list[Said]:
    if basis == PRIMARY:
        return []
    if basis == SECONDARY:
        return [Said(lead="No primary outcome was declared:", rest=" secondary ones answer here.")]
    return [
        Said(
            lead="No outcome was declared beforehand:",
            rest=" what follows is exploratory, questions for the next experiment.",
        )
    ]


def _depends(changed: Sequence[Finding], basis: str, modifier: str, n_outcomes: int) -> list[Said]:
    """One sentence per condition; numbers for the surest of each, or of all where many."""
    groups = _groups(changed)
    surest = min(changed, key=lambda one: one.sureness)
    of = f"of {n_outcomes} {f'{basis} outcomes' if basis else 'outcomes'}"
    said = []
    for group in groups:
        best, *others = sorted(group, key=lambda one: one.sureness)
        numbers = _change(best) if len(groups) <= NUMBERED or best is surest else ""
        many = f" for {len(group)} {of}: most surely" if others else " for"
        also = f"; also {_named(others, lambda one: one.named)}" if others else ""
        said.append(
            Said(
                lead=f"The effect of {best.drug} depends on {modifier}",
                rest=f"{many} {best.named}{numbers}{also}.",
            )
        )
    return said


def _change(one: Finding) -> str:
    """``, from −0.50 dB in home cage to −2.40 dB in set shifting, a difference of ... (...)``."""
    found, names, evidence = one.speaker.difference, one.speaker.names, one.speaker.evidence
    if found is None:
        return ""
    base, there = evidence.at(found.reference_level), evidence.at(found.level)
    way = f", in {spoken(found.level)} against {spoken(found.reference_level)}"
    if base is not None and there is not None:
        way = (
            f", from {amount(base, names)} in {spoken(base.level)} to {amount(there, names)} in "
            f"{spoken(there.level)}"
        )
    sure = (
        ci_text(found, names),
        adjusted_p(found.p_adjusted),
        n_text(found, names),
    )
    return f"{way}, a difference of {amount(found, names)} ({'; '.join(sure)})"


def _none_depends(basis: str, modifier: str) -> list[Said]:
    which = f"{basis} outcome" if basis else "outcome"
    return [
        Said(
            lead=f"For no {which} was a drug's effect shown to depend on {modifier}.",
            rest="",
        )
    ]


def _alike(found: Sequence[Finding], modifier: str) -> list[Said]:
    if not found:
        return []
    verb = "was the effect" if len(found) == 1 else "were the effects"
    listed = "; ".join(f"of {part}" for part in _by_condition(found, lambda one: one.sized))
    lead = f"With no difference of interest between {plural(modifier)}"
    return [Said(lead=lead, rest=f" {verb} {listed}.")]


def _one_level(found: Sequence[Finding], modifier: str) -> list[Said]:
    if not found:
        return []
    listed = "; ".join(_by_condition(found, lambda one: one.sized))
    return [
        Said(
            lead=f"In one {modifier} only",
            rest=f", so that pill and process cannot be told apart: {listed}.",
        )
    ]


def _open(found: Sequence[Finding]) -> list[Said]:
    """What cannot be told: by these animals, for want of animals, by this design, at all."""
    by_cause: dict[tuple[str, str], list[Finding]] = {}
    for one in found:
        by_cause.setdefault(_cause(one), []).append(one)
    said = []
    for (lead, reason), group in by_cause.items():
        questions = _named(group, lambda one: one.speaker.question)
        said.append(Said(lead=lead, rest=f" {questions}{f': {reason}' if reason else ''}."))
    return said


def _cause(one: Finding) -> tuple[str, str]:
    why, speaker = one.speaker.why, one.speaker
    if why.unestimable:
        return "It cannot be estimated", why.unestimable
    if why.confounded:
        return "This design cannot tell", why.confounded
    who = capital(speaker.these())
    if why.few:
        return f"{who} are too few to tell", why.few
    return f"{who} cannot tell", why.other


def _small(found: Sequence[Finding], total: int, modifier: str) -> list[Said]:
    if not found:
        return []
    n = len(found)
    which = "The other" if n == 1 else f"The other {n}"
    lead = f"{which} of the {total} effects" if n < total else f"All {total} effects"
    one = found[0]
    whose = f", of {one.drug} on {one.speaker.what}," if n == 1 < total else ""
    places = {one.speaker.everywhere("every") for one in found}
    where = places.pop() if len(places) == 1 else f"in every {modifier}"
    small_but = [one for one in found if one.pattern == NEGLIGIBLE]
    though = ""
    if small_but:
        which = "it is" if n == 1 else f"{len(small_but)} of them are"
        though = f"; {which} significant all the same"
    return [
        Said(
            lead="The only effect" if total == 1 else lead,
            rest=f"{whose} {'was' if n == 1 else 'were'} shown to be smaller {where} than the "
            f"smallest effect of interest (90{SPACE}% intervals){though}.",
        )
    ]


def _groups(found: Sequence[Finding]) -> list[list[Finding]]:
    """By condition (and dose, where several), in the order in which they come."""
    groups: dict[str, list[Finding]] = {}
    for one in found:
        groups.setdefault(one.drug, []).append(one)
    return list(groups.values())


def _by_condition(found: Sequence[Finding], words: Any) -> list[str]:
    """``psilocybin on A and B``, one entry per condition."""
    return [f"{group[0].drug} on {_named(group, words)}" for group in _groups(found)]


def _named(group: Sequence[Finding], words: Any) -> str:
    """At most :data:`NAMED` of a group in words, the others counted."""
    said = list(dict.fromkeys(words(one) for one in group))
    if len(said) > NAMED + 1:
        return listing([*said[:NAMED], count(len(said) - NAMED, "other")])
    return listing(said)
