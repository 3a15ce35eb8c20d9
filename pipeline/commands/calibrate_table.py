"""Rates of a calibration with their Monte-Carlo intervals, judged and written as tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from pipeline.compare.calibrated import COLUMNS, independent, interval, wilson
from pipeline.compare.tables import typed
from pipeline.simulate.cohort_designs import DESIGNS

#: by kind of measure: the rates that are as they should be
RANGES: Mapping[str, tuple[float, float]] = {
    "level": (0.03, 0.07),
    "wrong": (0.0, 0.07),
    "coverage": (0.93, 0.97),
    "power": (0.0, 1.0),
    "described": (0.0, 1.0),
    "failed": (0.0, 0.0),
}
KINDS: Mapping[str, str] = {
    "omnibus": "level",
    "difference": "level",
    "difference_holm": "level",
    "simple": "level",
    "main": "level",
    "process_for_pill": "wrong",
    "none_for_pill": "wrong",
    "effect_for_none": "wrong",
    "pill_for_process": "wrong",
    "none_for_process": "wrong",
    "none_for_cancelling": "wrong",
    "pill_for_cancelling": "wrong",
    "process_for_fading": "wrong",
    "fading_omnibus": "described",
    "fading_difference": "described",
    "fading_difference_holm": "described",
    "coverage_difference": "coverage",
    "coverage_simple": "coverage",
    "coverage_main": "coverage",
    "power_omnibus": "power",
    "power_difference": "power",
    "power_difference_holm": "power",
    "power_main": "power",
    "right_pill": "power",
    "right_none": "power",
    "right_process": "power",
    "right_cancelling": "power",
    "right_fading": "power",
    "failed": "failed",
}
#: columns of the readable table: heading and measures, shown with a stroke between them
ERRORS = {
    "omnibus": ("omnibus",),
    "difference": ("difference",),
    "any, Holm": ("difference_holm",),
    "simple": ("simple",),
    "main": ("main",),
    "process for a pill": ("process_for_pill",),
    "pill / none for process": ("pill_for_process", "none_for_process"),
    "process or pill for none": ("effect_for_none",),
}
COVERAGE_AND_POWER = {
    "coverage: difference": ("coverage_difference",),
    "simple": ("coverage_simple",),
    "main": ("coverage_main",),
    "power: omnibus": ("power_omnibus",),
    "difference ": ("power_difference",),
    "called process": ("right_process",),
    "called pill": ("right_pill",),
    "called no drug effect": ("right_none",),
}
VERDICTS = {
    "called process": ("right_process",),
    "pill / none for process": ("pill_for_process", "none_for_process"),
    "called pill": ("right_pill",),
    "process / none for pill": ("process_for_pill", "none_for_pill"),
    "called no drug effect": ("right_none",),
    "process or pill for none": ("effect_for_none",),
    "none / pill for effects that cancel": ("none_for_cancelling", "pill_for_cancelling"),
}
FADING = {
    "inconclusive: context order": ("right_fading",),
    "process": ("process_for_fading",),
    "difference significant, had it been read": ("fading_difference",),
}


def flag_of(kind: str, rate: float, low: float, high: float) -> str:
    """Return "" inside the range of the kind, else ``high`` or ``low``.

    ``high?`` and ``low?`` say that the Monte-Carlo interval still reaches into the range.
    """
    least, most = RANGES[kind]
    if rate > most:
        return "high" if low > most else "high?"
    if rate < least:
        return "low" if high < least else "low?"
    return ""


def rates(counts: pd.DataFrame) -> pd.DataFrame:
    """Summarise counts per cohort.

    Parameters
    ----------
    counts : DataFrame
        design, n, truth, measure, hits, tests: one row per cohort and measure.

    Returns
    -------
    DataFrame
        Columns ``pipeline.compare.calibrated.COLUMNS``, in the order of designs and measures.
    """
    rows = []
    order = {name: place for place, name in enumerate(DESIGNS)}
    measures = {name: place for place, name in enumerate(KINDS)}
    groups: Iterable[Any] = counts.groupby(["design", "n", "truth", "measure"])
    for (design, n, truth, measure), part in groups:
        rate, low, high = interval(part["hits"], part["tests"])
        kind = KINDS[measure]
        rows.append(
            {
                "design": design,
                "title": DESIGNS[design].title,
                "n": n,
                "truth": truth,
                "measure": measure,
                "rate": rate,
                "low": low,
                "high": high,
                "n_cohorts": len(part),
                "n_tests": int(part["tests"].sum()),
                "kind": kind,
                "flag": flag_of(kind, rate, low, high),
            }
        )
    rows.sort(key=lambda row: (order[row["design"]], row["n"], measures[row["measure"]]))
    return typed(pd.DataFrame(rows, columns=list(COLUMNS)), COLUMNS).round(
        {"rate": 5, "low": 5, "high": 5}
    )


def with_pooled(table: pd.DataFrame) -> pd.DataFrame:
    """Add to every design of several sizes its rates over all of them, as rows of n = 0.

    Rates are weighted by their tests; sizes are independent, so that the variances add up.

    Parameters
    ----------
    table : DataFrame
        As :func:`rates`; rows of n = 0 are made anew.
    """
    table = table[table["n"] > 0]
    parts = []
    for _, design in table.groupby("design", sort=False):
        parts.append(design)
        if design["n"].nunique() > 1:
            groups = design.groupby(["truth", "measure"], sort=False)
            parts.append(pd.DataFrame([_pooled(part) for _, part in groups]))
    return typed(pd.concat(parts, ignore_index=True), COLUMNS).round(
        {"rate": 5, "low": 5, "high": 5}
    )


def _pooled(part: pd.DataFrame) -> dict[str, object]:
    weight = part["n_tests"] / part["n_tests"].sum()
    sizes = [independent(*row) for row in part[["rate", "low", "high"]].itertuples(index=False)]
    rate = float((weight * part["rate"]).sum())
    variance = float((weight**2 * part["rate"] * (1 - part["rate"]) / sizes).sum())
    # without any variance (all rates 0 or 1) every cohort counts
    size = rate * (1 - rate) / variance if variance > 0 else float(sum(sizes))
    low, high = wilson(rate, size)
    kind = str(part["kind"].iloc[0])
    first = part.iloc[0]
    return {
        **{str(name): cell for name, cell in first.items()},
        "n": 0,
        "rate": rate,
        "low": low,
        "high": high,
        "n_cohorts": int(part["n_cohorts"].sum()),
        "n_tests": int(part["n_tests"].sum()),
        "flag": flag_of(kind, rate, low, high),
    }


def markdown(table: pd.DataFrame) -> str:
    """Return the table for readers: percent with Monte-Carlo interval, what is outside in bold."""
    ordinary = ~table["design"].isin(("sample", "within_fixed_contexts"))
    parts: list[tuple[str, pd.DataFrame, Mapping[str, Iterable[str]]]] = [
        ("False positives, %", table[ordinary], ERRORS),
        ("Coverage of 95 % intervals and power, %", table[ordinary], COVERAGE_AND_POWER),
        ("Verdicts at the effects of the sample experiment, %", _of(table, "sample"), VERDICTS),
        (
            "A fading pill, contexts always in the same order, %",
            _of(table, "within_fixed_contexts"),
            FADING,
        ),
    ]
    return "\n".join(_section(title, rows, columns) for title, rows, columns in parts if len(rows))


def _of(table: pd.DataFrame, design: str) -> pd.DataFrame:
    return table[table["design"] == design]


def _section(title: str, table: pd.DataFrame, columns: Mapping[str, Iterable[str]]) -> str:
    lines = [
        f"**{title}**",
        "",
        "| design | N | " + " | ".join(heading.strip() for heading in columns) + " |",
        "|---|---|" + "---|" * len(columns),
    ]
    for (design, n), part in table.groupby(["design", "n"], sort=False):
        cells = part.set_index("measure")
        shown = [
            " / ".join(_cell(cells, measure) for measure in measures)
            for measures in columns.values()
        ]
        lines.append(f"| {design} | {n or 'all'} | " + " | ".join(shown) + " |")
    return "\n".join([*lines, ""])


def _cell(cells: pd.DataFrame, measure: str) -> str:
    if measure not in cells.index:
        return "–"
    row: Any = cells.loc[measure]
    if not math.isfinite(row["rate"]):
        return "–"
    text = f"{100 * row['rate']:.1f} ({100 * row['low']:.1f}–{100 * row['high']:.1f})"
    return f"**{text}**" if row["flag"] else text


def merged(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Replace the rows of the designs that were run again; keep the others."""
    kept = old[~old["design"].isin(set(new["design"]))]
    table = pd.concat([part for part in (kept, new) if len(part)], ignore_index=True)
    place = table["design"].map({name: index for index, name in enumerate(DESIGNS)})
    order = place.sort_values(kind="stable").index
    return table.loc[order].reset_index(drop=True)
