"""What stands under a verdict: flags, remarks and the second line that never decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.compare.verdicts import PROCESS
from pipeline.report.amounts import ci_name
from pipeline.report.lookup import Evidence, text
from pipeline.report.names import Names, capital, plural, spoken
from pipeline.report.numbers import SPACE, finite, ratio

BAYES = "BIC Bayes factor for no interaction"


def beside_verdict(verdict: Mapping[str, Any], evidence: Evidence, names: Names) -> tuple[str, ...]:
    """List what a reader must know beside a verdict, most important first.

    Parameters
    ----------
    verdict : mapping
        Row of verdicts.tsv; columns that an older table lacks say nothing.
    evidence : Evidence
        The contrasts behind it.
    names : Names
        Labels, alpha, the experimental unit.

    Returns
    -------
    tuple of str
        Sentences.
    """
    return tuple(_said(verdict, evidence, names))


def _said(verdict: Mapping[str, Any], evidence: Evidence, names: Names) -> Iterator[str]:
    yield from _crossing(verdict, evidence, names)
    bounds = text(verdict.get("at_bounds"))
    if bounds:
        yield f"Near a bound of the outcome, where an effect is compressed: {spoken(bounds)}."
    note = text(verdict.get("note"))
    if note:
        yield f"{capital(note).rstrip('.')}."
    odds = verdict.get("bf01_additive", float("nan"))
    if finite(odds):
        unit = "cages" if names.plan.unit == "cage" else "animals"
        yield (
            f"Second line, used by no verdict: {BAYES} (n{SPACE}={SPACE}{unit}): {ratio(odds)}"
            f"{_which(odds)}."
        )


def _which(odds: float) -> str:
    """Which model the factor favours, where it is not next to one."""
    if odds >= 3:
        return ", in favour of no interaction"
    return ", in favour of an interaction" if odds <= 1 / 3 else ", in favour of neither"


def _crossing(verdict: Mapping[str, Any], evidence: Evidence, names: Names) -> Iterator[str]:
    flag = text(verdict.get("crossing"))
    modifiers = plural(spoken(text(verdict["modifier"])))
    if flag == "True":
        yield (
            f"Crossing: the drug effect has opposite signs in two {modifiers}, each with its "
            f"{ci_name(names.plan)} on one side of zero; no change of scale removes such an "
            "interaction."
        )
    elif flag == "False" and text(verdict["verdict"]) == PROCESS:
        yield (
            f"Not crossing: no two {modifiers} have drug effects of opposite sign beyond doubt, so "
            f"that a change of scale could remove this interaction{_other(verdict, evidence)}."
        )


def _other(verdict: Mapping[str, Any], evidence: Evidence) -> str:
    """How it fared on the one other scale that was tried."""
    scales = {effect.other_scale for effect in evidence.differences if effect.other_scale}
    agrees = text(verdict.get("agrees_on_other_scale"))
    if len(scales) != 1 or agrees not in ("True", "False"):
        return ""
    word = "is there" if agrees == "True" else "is not there"
    return f" (on the {spoken(scales.pop())} scale it {word})"
