"""Error rates beside the results: of this cohort with shuffled labels, and of simulated designs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.compare.contrasts import DIFFERENCE, MAIN, SIMPLE
from pipeline.report.lookup import rows_of, text
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import SPACE, finite, listing

if TYPE_CHECKING:
    import pandas as pd

#: rates between these are as they should be at a nominal 5 %
LOW, HIGH = 0.03, 0.07
#: measure -> in words, and whether a low rate is worth a remark (adjusted p values are meant to
#: reject less)
_MEASURES = {
    "difference": ("a difference of differences, p not adjusted", True),
    "omnibus": ("the omnibus test of the interaction", True),
    "difference_holm": ("any difference of differences, p adjusted", False),
    "process": ("verdict process", False),
}


@dataclass(frozen=True, kw_only=True)
class RateLine:
    """One rate of this cohort with shuffled labels, all text."""

    outcome: str
    phase: str
    measure: str
    rate: str
    interval: str
    n_shuffles: str
    remark: str


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What the report says of error rates.

    Attributes
    ----------
    summary : str
        A sentence on this cohort's shuffles, "" where none were asked for.
    lines : tuple of RateLine
        Rates outside 3 to 7 %.
    warnings : tuple of str
        For the top of the page: designs whose simulated rates are out of range, rates of this
        cohort that lie above it beyond doubt.
    """

    summary: str
    lines: tuple[RateLine, ...]
    warnings: tuple[str, ...]


def calibration_view(
    table: pd.DataFrame | None,
    outcomes: pd.DataFrame,
    contrasts: pd.DataFrame,
    names: Names,
) -> Calibration:
    """Gather what is known of error rates.

    Parameters
    ----------
    table : pandas.DataFrame or None
        results/cohort/calibration.tsv.
    outcomes, contrasts : pandas.DataFrame
        Tables of design.md section 5: which designs this cohort has.
    names : Names
        Labels, and the plan.
    """
    rows = [] if table is None else rows_of(table)
    known = [row for row in rows if finite(row["rate"])]
    lines = tuple(line for row in known for line in _line(row, names))
    above = [
        f"{line.outcome}: with shuffled labels, {line.measure} occurred in {line.rate} "
        f"({line.interval}) of the cohorts."
        for row in known
        for line in _line(row, names)
        if row["low"] > HIGH
    ]
    said = [] if names.plan.blind else design_warnings(outcomes, contrasts, names)
    return Calibration(summary=_summary(rows, known, lines), lines=lines, warnings=(*above, *said))


def _line(row: dict, names: Names) -> Iterator[RateLine]:
    measure, both_sides = _MEASURES.get(text(row["measure"]), (spoken(text(row["measure"])), True))
    if LOW <= row["rate"] <= HIGH or (row["rate"] < LOW and not both_sides):
        return
    side = f"above {_percent(HIGH)}" if row["rate"] > HIGH else f"below {_percent(LOW)}: cautious"
    reaches = row["low"] <= HIGH if row["rate"] > HIGH else row["high"] >= LOW
    chance = ", within what so few shuffles leave open" if reaches else ""
    split = text(row["split_level"])
    yield RateLine(
        outcome=names.title(text(row["outcome"])) + (f", {spoken(split)}" if split else ""),
        phase=spoken(text(row["phase"])),
        measure=measure,
        rate=_percent(row["rate"]),
        interval=f"{_percent(row['low'])} to {_percent(row['high'])}",
        n_shuffles=f"{row['n_shuffles']:.0f}",
        remark=side + chance,
    )


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f}".removesuffix(".0") + f"{SPACE}%"


def _summary(rows: list[dict], known: list[dict], lines: tuple[RateLine, ...]) -> str:
    if not rows:
        return ""
    notes = list(dict.fromkeys(text(row["note"]) for row in rows if not finite(row["rate"])))
    if not known:
        return f"This cohort's own error rates: {'; '.join(notes) or 'not known'}."
    most = max(row["n_shuffles"] for row in known)
    within = len(known) - len(lines)
    return (
        f"The analysis was repeated on this cohort's primary outcomes with shuffled labels "
        f"({most:.0f} times): of {len(known)} rates at a nominal 5{SPACE}%, {within} gave no cause "
        f"for a remark and {len(lines)} did (unadjusted tests outside {_percent(LOW)} to "
        f"{_percent(HIGH)}, adjusted ones and verdicts above). An effect that is there adds to the "
        f"scatter of shuffled cohorts.{' ' + '; '.join(notes) + '.' if notes else ''}"
    )


# -- designs ---------------------------------------------------------------------------------------


def design_warnings(outcomes: pd.DataFrame, contrasts: pd.DataFrame, names: Names) -> list[str]:
    """Say for which designs of this cohort simulated error rates are out of range.

    Looked up in the stored calibration; nothing is said where none is stored.
    """
    from pipeline.compare.calibrated import calibration, warning_for

    if calibration().empty or contrasts.empty:
        return []
    found: dict[str, list[str]] = {}
    for outcome, design, n in designs_of(outcomes, contrasts, names):
        warning = warning_for(design, n)
        if warning:
            found.setdefault(warning, []).append(names.title(outcome))
    return [f"{warning} It concerns {_some(titles)}." for warning, titles in found.items()]


def _some(titles: list[str]) -> str:
    """At most three by name."""
    unique = list(dict.fromkeys(titles))
    more = len(unique) - 3
    return listing([*unique[:3], *([f"{more} more"] if more > 0 else [])])


def designs_of(
    outcomes: pd.DataFrame, contrasts: pd.DataFrame, names: Names
) -> Iterator[tuple[str, str, int]]:
    """Yield outcome, simulated design nearest to its comparison, and units in the smallest group.

    One per outcome, phase and question that was compared without splits.
    """
    from pipeline.compare.calibrated import design_name
    from pipeline.compare.slices import levels_of, units_of

    plan = names.plan
    whole = outcomes[outcomes["split"].fillna("") == ""]
    planned = contrasts[
        contrasts["contrast"].isin((MAIN, DIFFERENCE, SIMPLE))
        & (contrasts["split"].fillna("") == "")
        & contrasts["p"].notna()
    ]
    units = units_of(whole, plan)
    for question in plan.questions:
        rows = whole.assign(unit=units, level=levels_of(whole, question.modifier, plan))
        rows = rows[rows["level"] != ""]
        asked = planned[planned["modifier"] == question.modifier]
        for (outcome, phase), tests in asked.groupby(["outcome", "phase"], sort=True):
            here = rows[(rows["outcome"] == outcome) & (rows["phase"] == phase)]
            if phase == plan.baseline_phase or here.empty:
                continue
            note = " ".join(tests["note"].fillna("").astype(str))
            design = design_name(
                drug_within=_within(here, "condition"),
                modifier_within=_within(here, "level"),
                missing="units that lack a cell" in note,
                unit=plan.unit,
                baseline=text(here["baseline_rule"].iloc[0]) or "none",
                order_balanced="order of the sessions not balanced" not in note,
            )
            yield str(outcome), design, int(tests["n_smallest_group"].min())


def _within(rows: pd.DataFrame, column: str) -> bool:
    return bool((rows.groupby("unit")[column].nunique() > 1).any())
