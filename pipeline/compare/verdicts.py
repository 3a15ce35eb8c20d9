"""The pill-or-process verdict: design.md section 6, first match wins.

Significance is read from Holm-adjusted p values only; equivalence from the 90 % interval inside the
declared smallest effect (two one-sided tests, Schuirmann 1987, J Pharmacokinet Biopharm 15:657).
A non-significant interaction is never called independence of context.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline.compare.contrasts import DIFFERENCE, MAIN, SIMPLE
from pipeline.compare.lower_bounds import undermined
from pipeline.compare.rules import bound_of, keys_of
from pipeline.experiment.plan import AnalysisPlan, PlanBound
from pipeline.metric import Metric

PROCESS = "process"
NO_EFFECT = "no drug effect"
PILL = "pill"
ONE_CONTEXT = "drug effect, one context"
INCONCLUSIVE = "inconclusive"

#: pattern of what is significant and yet smaller than the smallest effect of interest
NEGLIGIBLE = "negligible"

#: why of a verdict that lower bounds forbid
SLOWEST_MISSING = (
    "one arm lost more values than the other because only a lower bound of them is known "
    "(criterion not reached, or counted no further): the largest are missing, and that "
    "alone could make this result"
)

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Evidence:
    """The rows that one verdict is read from.

    Attributes
    ----------
    simple : sequence of rows
        One per level, in the order of the levels.
    main : row or None
        None where there is one level only.
    differences : sequence of rows
        One per level other than the reference.
    """

    simple: Sequence[Row]
    main: Row | None
    differences: Sequence[Row]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Evidence:
        """Sort the contrast rows of one comparison."""
        main = [row for row in rows if row["contrast"] == MAIN]
        return cls(
            [row for row in rows if row["contrast"] == SIMPLE],
            main[0] if main else None,
            [row for row in rows if row["contrast"] == DIFFERENCE],
        )

    @property
    def drug(self) -> Row | None:
        """Main effect, or the simple effect of the only level."""
        if self.main is None and len(self.simple) == 1:
            return self.simple[0]
        return self.main

    @property
    def interaction(self) -> Row | None:
        """The difference of differences with the smallest adjusted p."""
        tested = [row for row in self.differences if np.isfinite(row["p_adjusted"])]
        return min(tested, key=lambda row: (row["p_adjusted"], row["p"]), default=None)


def significant(row: Row | None, alpha: float) -> bool:
    """Return whether the adjusted p of a row is below alpha (False where there is none)."""
    return row is not None and bool(row["p_adjusted"] < alpha)


def equivalent(row: Row, bound: float | None) -> bool:
    """Return whether the 90 % interval lies inside the bound."""
    return bound is not None and bool(row["ci90_low"] > -bound and row["ci90_high"] < bound)


def decide(
    evidence: Evidence, bound: PlanBound, reasons: Sequence[str], *, alpha: float
) -> tuple[str, str, str]:
    """Return verdict, pattern and why.

    Parameters
    ----------
    evidence : Evidence
        Contrast rows with adjusted p.
    bound : PlanBound
        Smallest effects on the outcome's scale.
    reasons : sequence of str
        Why there can be no verdict; any of them comes first.
    alpha : float
        Level of the adjusted p values.
    """
    if reasons:
        return INCONCLUSIVE, "", "; ".join(reasons)
    verdict, pattern, why = _first_match(evidence, bound, alpha)
    if any(
        undermined(row, significant=significant(row, alpha))
        for row in _decisive(evidence, verdict, alpha)
    ):
        return INCONCLUSIVE, "", SLOWEST_MISSING
    return verdict, pattern, why


def _decisive(evidence: Evidence, verdict: str, alpha: float) -> list[Row]:
    """Contrasts that a verdict rests on."""
    if verdict == PROCESS:
        return [row for row in evidence.differences if significant(row, alpha)]
    if verdict == NO_EFFECT:
        return list(evidence.simple)
    drug = [evidence.drug] if evidence.drug is not None else []
    if verdict == PILL:
        return [*evidence.differences, *drug]
    return drug if verdict == ONE_CONTEXT else []


def _first_match(evidence: Evidence, bound: PlanBound, alpha: float) -> tuple[str, str, str]:
    changed = [row for row in evidence.differences if significant(row, alpha)]
    if changed:
        return PROCESS, _pattern(evidence, changed, bound, alpha), ""
    if evidence.simple and all(equivalent(row, bound.drug) for row in evidence.simple):
        there = any(significant(row, alpha) for row in (*evidence.simple, evidence.main))
        return NO_EFFECT, NEGLIGIBLE if there else "", ""
    alike = bool(evidence.differences) and all(
        equivalent(row, bound.interaction) for row in evidence.differences
    )
    if alike and significant(evidence.drug, alpha):
        return PILL, "", ""
    if evidence.main is None and significant(evidence.drug, alpha):
        return ONE_CONTEXT, "", ""
    return INCONCLUSIVE, "", "; ".join(_open(evidence, bound, alike, alpha))


def _open(evidence: Evidence, bound: PlanBound, alike: bool, alpha: float) -> list[str]:
    """Say what is left open."""
    found = []
    if evidence.main is not None and not alike:
        found.append("interaction open")
    if not significant(evidence.drug, alpha):
        found.append("drug effect open")
    undeclared = [
        name
        for name, value in (("drug", bound.drug), ("interaction", bound.interaction))
        if value is None and (name == "drug" or evidence.main is not None)
    ]
    if undeclared:
        found.append(f"no smallest effect declared ({', '.join(undeclared)})")
    return found


def _pattern(evidence: Evidence, changed: Sequence[Row], bound: PlanBound, alpha: float) -> str:
    """Say how the drug effect in the level differs from that in the reference level.

    negligible: all significant differences are equivalent to zero. Otherwise, of the difference
    with the smallest p that is not: reversed when the two simple effects have opposite signs and
    both are significant and not equivalent to zero, or the smaller is at least half of the larger
    (so that an abolished effect whose estimate falls just beyond zero is not called reversed);
    else amplified or attenuated by size.
    """
    sizeable = [row for row in changed if not equivalent(row, bound.interaction)]
    if not sizeable:
        return NEGLIGIBLE
    row = min(sizeable, key=lambda row: (row["p_adjusted"], row["p"]))
    simple = {effect["level"]: effect for effect in evidence.simple}
    there, here = simple[row["level"]], simple[row["reference_level"]]
    sizes = sorted((abs(there["estimate"]), abs(here["estimate"])))
    opposite = there["estimate"] * here["estimate"] < 0
    both = all(significant(row, alpha) and not equivalent(row, bound.drug) for row in (there, here))
    if opposite and (both or sizes[0] >= sizes[1] / 2):
        return "reversed"
    return "amplified" if abs(there["estimate"]) > abs(here["estimate"]) else "attenuated"


def agrees_with_companion(evidence: Evidence, verdict: str, *, alpha: float) -> bool | None:
    """Return whether t test and permutation fall on the same side of alpha, both unadjusted.

    Read from the decisive contrasts: the strongest difference of differences for ``process``, the
    drug effect where there is one level, both otherwise. None where either is missing.
    """
    read = [evidence.interaction]
    if evidence.main is None:
        read = [evidence.drug]
    elif verdict != PROCESS:
        read.append(evidence.drug)
    decisive = [row for row in read if row is not None and np.isfinite(row["companion_p"])]
    if len(decisive) < len(read):
        return None
    return all((row["p"] < alpha) == (row["companion_p"] < alpha) for row in decisive)


def agrees_on_other_scale(evidence: Evidence, *, alpha: float) -> bool | None:
    """Return whether the strongest difference of differences has the same sign and side there."""
    row = evidence.interaction
    if row is None or not np.isfinite(row["other_p_adjusted"]):
        return None
    same_sign = bool(np.sign(row["estimate"]) == np.sign(row["other_estimate"]))
    return same_sign and (row["p_adjusted"] < alpha) == (row["other_p_adjusted"] < alpha)


def verdict_row(
    evidence: Evidence, bound: PlanBound, reasons: Sequence[str], *, alpha: float
) -> dict[str, object]:
    """Return the columns of verdicts.tsv that come from the contrasts."""
    verdict, pattern, why = decide(evidence, bound, reasons, alpha=alpha)
    nothing = dict.fromkeys(("estimate", "ci_low", "ci_high", "p_adjusted"), float("nan"))
    drug = evidence.drug or nothing
    interaction = evidence.interaction or nothing
    return {
        "verdict": verdict,
        "pattern": pattern,
        "why": why,
        "drug_estimate": drug["estimate"],
        "drug_ci_low": drug["ci_low"],
        "drug_ci_high": drug["ci_high"],
        "drug_p_adjusted": drug["p_adjusted"],
        "interaction_level": interaction.get("level", ""),
        "interaction_estimate": interaction["estimate"],
        "interaction_ci_low": interaction["ci_low"],
        "interaction_ci_high": interaction["ci_high"],
        "interaction_p_adjusted": interaction["p_adjusted"],
        "p_adjusted": (evidence.interaction or drug)["p_adjusted"],
        "smallest_drug": bound.drug if bound.drug is not None else float("nan"),
        "smallest_interaction": (
            bound.interaction if bound.interaction is not None else float("nan")
        ),
        "agrees_with_companion": agrees_with_companion(evidence, verdict, alpha=alpha),
        "agrees_on_other_scale": agrees_on_other_scale(evidence, alpha=alpha),
        "n_animals": drug.get("n_animals", 0),
        "n_complete": drug.get("n_complete", 0),
        "n_smallest_group": drug.get("n_smallest_group", 0),
    }


def missing_primaries(
    outcomes: pd.DataFrame, plan: AnalysisPlan, metrics: Mapping[str, Metric]
) -> list[dict[str, object]]:
    """Return a verdict row for every primary outcome of which no session has a value.

    It was declared before the data were seen: that it is absent must be seen, too.
    """
    known = {key for outcome in outcomes["outcome"].unique() for key in keys_of(outcome)}
    rows = []
    for outcome in plan.primary:
        if outcome in known:
            continue
        declared = plan.declared.get(keys_of(outcome)[-1]) or metrics.get(keys_of(outcome)[-1])
        for question in plan.questions:
            for condition in (c for c in plan.conditions if c.reference):
                for phase in question.phases:
                    nothing = Evidence([], None, [])
                    why = ["unestimable: no session has a value of this primary outcome"]
                    rows.append(
                        {
                            "outcome": outcome,
                            "phase": phase,
                            "split": "",
                            "split_level": "",
                            "domain": declared.domain if declared else "other",
                            "priority": "primary",
                            "condition": condition.name,
                            "reference_condition": condition.reference,
                            "step": 1,
                            "modifier": question.modifier,
                            "reference_level": question.reference,
                            "n_levels": 0,
                            "at_bounds": "",
                            "note": "",
                            **verdict_row(nothing, bound_of(outcome, plan), why, alpha=plan.alpha),
                        }
                    )
    return rows
