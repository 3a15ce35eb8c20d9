"""Spectra: mean difference from the reference per context, with the clusters that were tested.

The differences are those of the animals' own spectra; nothing is tested here (see
:mod:`pipeline.compare.curves`, which wrote the clusters).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.compare.contrasts import SIMPLE
from pipeline.report.cluster_tests import ClusterLine, cluster_lines
from pipeline.report.lookup import rows_of
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import SPACE, count, number, with_unit
from pipeline.report.slug import slug

if TYPE_CHECKING:
    import pandas as pd

#: outcome whose scale, unit and baseline rule the spectra follow
LIKE = "band_power"
#: what every cluster must be read with
EDGES = (
    "A cluster says that there is an effect somewhere along the spectrum; where it begins and ends "
    "is not tested."
)


@dataclass(frozen=True, kw_only=True)
class SpectraView:
    """One region in one phase, for one question.

    Attributes
    ----------
    region, phase, modifier, name : str
        ``name`` is the file name without suffix.
    panels : tuple of (str, str)
        Condition and level, row by row; a session's dose is part of the condition's label.
    levels : tuple of str
        Columns.
    differences : pandas.DataFrame
        ``condition``, ``level``, ``frequency_hz``, ``difference``, ``low``, ``high``,
        ``n_units``; NaN at the mains, which nothing crosses.
    clusters : pandas.DataFrame
        Rows of clusters.tsv of this region, phase and modifier, with the label ``arm``.
    """

    region: str
    phase: str
    modifier: str
    name: str
    panels: tuple[tuple[str, str], ...]
    levels: tuple[str, ...]
    differences: pd.DataFrame
    clusters: pd.DataFrame


def spectra_views(
    units: pd.DataFrame | None, clusters: pd.DataFrame | None, names: Names
) -> Iterator[SpectraView]:
    """Yield what the figures show, region by region.

    Parameters
    ----------
    units : pandas.DataFrame or None
        results/cohort/spectra_units.parquet: one row per unit, cell and frequency.
    clusters : pandas.DataFrame or None
        results/cohort/clusters.tsv.
    names : Names
        Labels, the plan. While blind there are no clusters, and so no figures.
    """
    if units is None or clusters is None or units.empty or clusters.empty:
        return
    for region in sorted(set(clusters["region"].astype(str))):
        for question in names.plan.questions:
            for phase in question.phases:
                here = clusters[
                    (clusters["region"] == region)
                    & (clusters["phase"] == phase)
                    & (clusters["modifier"] == question.modifier)
                ]
                lines = units[
                    (units["region"] == region)
                    & (units["phase"] == phase)
                    & (units["modifier"] == question.modifier)
                ]
                if len(here) and len(lines):
                    view = _view(region, phase, question.modifier, lines, here, names)
                    if view.panels:
                        yield view


def _view(
    region: str,
    phase: str,
    modifier: str,
    lines: pd.DataFrame,
    clusters: pd.DataFrame,
    names: Names,
) -> SpectraView:
    import pandas as pd

    several = clusters["step"].nunique() > 1
    arms = clusters["condition"].map(spoken)
    if several:
        arms = arms + ", dose " + clusters["step"].astype(str)
    clusters = clusters.assign(arm=arms)
    simple = clusters[clusters["contrast"] == SIMPLE]
    simple = simple.drop_duplicates(["condition", "step", "level"])
    parts, panels = [], []
    for row in rows_of(simple):
        drug = _drug_at(row, lines, names)
        found = _difference(lines, drug, row["reference_condition"], row, names.plan.alpha)
        if found is None:
            continue
        panels.append((row["arm"], row["level"]))
        parts.append(found.assign(arm=row["arm"], condition=row["condition"], level=row["level"]))
    plan = names.plan
    where = [slug(region)]
    where += [f"by-{slug(modifier)}"] if modifier != plan.questions[0].modifier else []
    where += [f"in-{slug(phase)}"] if len(plan.phases) > 1 else []
    return SpectraView(
        region=region,
        phase=phase,
        modifier=modifier,
        name=f"spectrum-of-{'-'.join(where)}",
        panels=tuple(panels),
        levels=tuple(dict.fromkeys(level for _, level in panels)),
        differences=pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(),
        clusters=clusters,
    )


def _drug_at(row: Mapping[str, Any], lines: pd.DataFrame, names: Names) -> str:
    """Condition whose spectra a test compares: with an antagonist as level, the one given there."""
    met = set(lines.loc[lines["level"] == row["level"], "condition"])
    if row["condition"] in met:
        return str(row["condition"])
    drug = next((c.drug for c in names.plan.conditions if c.name == row["condition"]), None)
    for entry in names.plan.conditions:
        if entry.reference == row["reference_condition"] and entry.drug == drug:
            return entry.name
    return str(row["condition"])


def _difference(
    lines: pd.DataFrame, drug: str, reference: str, row: Mapping[str, Any], alpha: float
) -> pd.DataFrame | None:
    """Mean difference and its t interval at each frequency; paired where units have both.

    Welch's interval where no unit has both; NaN below three units (in each group).
    """
    import numpy as np
    import pandas as pd
    from scipy.special import stdtrit

    here = lines[(lines["level"] == row["level"]) & (lines["step"] == row["step"])]
    arms = [
        here[here["condition"] == name].pivot_table(
            index="frequency_hz", columns="unit", values="value"
        )
        for name in (drug, reference)
    ]
    if any(arm.empty for arm in arms):
        return None
    both = arms[0].columns.intersection(arms[1].columns)
    scores = [arms[0][both] - arms[1][both]] if len(both) else arms
    axis = np.sort(np.unique(here["frequency_hz"]))
    # every row of the spectrum: what lacks (the mains) stays a gap
    width = np.diff(axis).min() if len(axis) > 1 else 1.0
    axis = axis[0] + width * np.arange(round((axis[-1] - axis[0]) / width) + 1)
    curves = [group.reindex(axis, method="nearest", tolerance=width / 4) for group in scores]
    n = np.array([rows.notna().sum(axis=1) for rows in curves])
    means = np.array([rows.mean(axis=1) for rows in curves])
    parts = np.array([rows.var(axis=1, ddof=1) for rows in curves]) / np.maximum(n, 1)
    value = means[0] - means[1] if len(means) > 1 else means[0]
    total = parts.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        df = total**2 / (parts**2 / np.maximum(n - 1, 1)).sum(axis=0)
    enough = (n.min(axis=0) >= 3) & np.isfinite(df)
    quantile = stdtrit(np.where(enough, df, 1), 1 - alpha / 2)
    half = np.where(enough, quantile * np.sqrt(total), np.nan)
    return pd.DataFrame(
        {
            "frequency_hz": axis,
            "difference": value,
            "low": value - half,
            "high": value + half,
            "n_units": n.sum(axis=0),
            "reference_condition": reference,
        }
    )


# -- words -----------------------------------------------------------------------------------------


def spectra_caption(view: SpectraView, names: Names) -> str:
    """What is drawn, how many, and what a cluster says."""
    level = f"{100 * (1 - names.plan.alpha):g}{SPACE}%"
    n = view.clusters.loc[view.clusters["contrast"] == SIMPLE, "n_units"]
    most, least = int(n.max()), int(n[n > 0].min()) if (n > 0).any() else 0
    animals = names.animals()
    many = count(most, *animals) if most == least else f"{least} to {count(most, *animals)}"
    rule = ", each spectrum as change from its baseline," if _is_change(names) else ""
    return (
        f"Mean difference from the reference{rule} with its pointwise {level} band, n = {many}. "
        f"Bars under the curves: clusters (permutation over {animals[1]}) with p below "
        f"{number(names.plan.alpha)}, each corrected for all frequencies of its curve; the table "
        f"below lists every test, its p adjusted by Holm. {EDGES}"
    )


def _is_change(names: Names) -> bool:
    return names.baseline_rule(LIKE) == "change"


def spectra_lines(view: SpectraView, names: Names) -> tuple[ClusterLine, ...]:
    """List every cluster test of a region."""
    return cluster_lines(view.clusters, _span, alpha=names.plan.alpha)


def _span(row: Mapping[str, Any]) -> str:
    return f"{plain_hz(row['start_hz'])} to {with_unit(plain_hz(row['stop_hz']), 'Hz')}"


def plain_hz(value: float) -> str:
    """A frequency without spare digits."""
    return number(round(float(value), 2))


def spectra_data(view: SpectraView) -> pd.DataFrame:
    """What is drawn as one table: curves, then the clusters of every test."""
    import pandas as pd

    columns = ["condition", "reference_condition", "level", "frequency_hz", "difference", "low",
               "high", "n_units"]  # fmt: skip
    curves = view.differences[columns].assign(part="difference")
    clusters = view.clusters[
        ["contrast", "condition", "reference_condition", "level", "reference_level", "start_hz",
         "stop_hz", "estimate", "p", "test_p", "test_p_adjusted", "n_tests", "n_units"]
    ].assign(part="cluster")  # fmt: skip
    table = pd.concat([curves, clusters], ignore_index=True)
    return table[["part", *(name for name in table if name != "part")]]
