"""Time courses of band power around the administration, per context, with their clusters.

Nothing is computed or tested here: means, intervals and clusters are those of the cohort's tables
(:mod:`pipeline.steps.cohort_time_courses`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.compare.contrasts import SIMPLE
from pipeline.compare.rules import priority_of
from pipeline.report.cluster_tests import ClusterLine, cluster_lines
from pipeline.report.curve_words import EVERYWHERE, POWER, SPEED
from pipeline.report.lookup import rows_of
from pipeline.report.names import Names, capital, spoken
from pipeline.report.numbers import SPACE, count, number, with_unit
from pipeline.report.slug import slug

if TYPE_CHECKING:
    import pandas as pd

#: what every cluster must be read with
EDGES = (
    "A cluster says that there is an effect somewhere along the time; when it begins and ends is "
    "not tested."
)
#: what a difference under all contexts must be read with
MIXED = (
    "Where the contexts differ, a difference between contexts is part of the difference; only "
    "over animals with balanced orders does it cancel."
)
_KEYS = ["level", "condition", "step"]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """What one row of panels draws: conditions, the reference first; a dose of the session."""

    label: str
    conditions: tuple[str, ...]
    step: int


@dataclass(frozen=True, kw_only=True)
class TimeCourseView:
    """One band of one region.

    Attributes
    ----------
    region, band, name : str
        ``name`` is the file name without suffix.
    arms : tuple of Arm
        Rows: each drug with its reference, or all conditions in one where none has a reference.
    levels : tuple of str
        Columns: contexts in the plan's order, then all of them together.
    width : float
        Minutes that a point stands for.
    handling : tuple of (float, float)
        Minutes around the administration that phases leave out.
    curves, speed : pandas.DataFrame
        ``level``, ``condition``, ``step``, ``minute``, ``mean``, ``ci_low``, ``ci_high``,
        ``n_units``, and ``handling`` where a point meets it; a row per point between the first and
        the last, NaN where nobody has it.
    clusters : pandas.DataFrame
        Rows of timecourse_clusters.tsv, with the label ``arm``.
    """

    region: str
    band: str
    name: str
    arms: tuple[Arm, ...]
    levels: tuple[str, ...]
    width: float
    handling: tuple[float, float]
    curves: pd.DataFrame
    speed: pd.DataFrame
    clusters: pd.DataFrame

    @property
    def outcome(self) -> str:
        """Id of the outcome that the curve belongs to."""
        return f"{POWER}/{self.band}@{self.region}"


def time_course_views(
    means: pd.DataFrame | None, clusters: pd.DataFrame | None, names: Names
) -> Iterator[TimeCourseView]:
    """Yield what the figures show: the primary and secondary bands, or all if none is.

    Parameters
    ----------
    means : pandas.DataFrame or None
        results/cohort/timecourses.parquet.
    clusters : pandas.DataFrame or None
        results/cohort/timecourse_clusters.tsv; empty while blind.
    names : Names
        Labels, the plan. While blind all conditions, which are codes then, share their panels.
    """
    if means is None or clusters is None or means.empty:
        return
    powers, speed = means[means["measure"] == POWER], means[means["measure"] == SPEED]
    series = list(dict.fromkeys(zip(powers["region"], powers["band"], strict=True)))
    planned = [
        (region, band)
        for region, band in series
        if priority_of(f"{POWER}/{band}@{region}", names.plan) != "exploratory"
    ]
    for region, band in planned or series:
        here = powers[(powers["region"] == region) & (powers["band"] == band)]
        tests = clusters[(clusters["region"] == region) & (clusters["band"] == band)]
        yield _view(str(region), str(band), here, speed, tests, names)


def _view(
    region: str,
    band: str,
    means: pd.DataFrame,
    speed: pd.DataFrame,
    clusters: pd.DataFrame,
    names: Names,
) -> TimeCourseView:
    import numpy as np

    minutes = np.unique(means["minute"])
    width = float(np.diff(minutes).min()) if len(minutes) > 1 else 1.0
    axis = minutes[0] + width * np.arange(round((minutes[-1] - minutes[0]) / width) + 1)
    contexts = [*names.plan.contexts, *sorted(set(means["level"]) - {EVERYWHERE}), EVERYWHERE]
    met = set(means["level"])
    several = means["step"].nunique() > 1
    label = clusters["condition"].map(spoken)
    if several:
        label = label + ", dose " + clusters["step"].astype(str)
    clusters = clusters.assign(arm=label.astype(str))
    handling = (float(means["handling_from"].iloc[0]), float(means["handling_to"].iloc[0]))
    return TimeCourseView(
        region=region,
        band=band,
        name=f"time-course-of-{slug(band)}-in-{slug(region)}",
        arms=_arms(means, clusters, names, several=several),
        levels=tuple(level for level in dict.fromkeys(contexts) if level in met),
        width=width,
        handling=handling,
        curves=_whole(means, axis, width, handling),
        speed=_whole(speed, axis, width, handling),
        clusters=clusters,
    )


def _arms(
    means: pd.DataFrame, clusters: pd.DataFrame, names: Names, *, several: bool
) -> tuple[Arm, ...]:
    """Every drug with its reference; all conditions of each dose where nothing is compared."""
    order = [condition.name for condition in names.plan.conditions]
    simple = clusters[clusters["contrast"] == SIMPLE].drop_duplicates(["condition", "step"])
    met = set(zip(means["condition"], means["step"], strict=True))
    pairs = [
        Arm(
            label=row["arm"],
            conditions=(row["reference_condition"], row["condition"]),
            step=int(row["step"]),
        )
        for row in rows_of(simple)
        if (row["condition"], row["step"]) in met
    ]
    if pairs:
        return tuple(pairs)
    return tuple(
        Arm(
            label=f"dose {step}" if several else "",
            conditions=tuple(name for name in order if (name, step) in met),
            step=int(step),
        )
        for step in sorted(set(means["step"]))
    )


def _whole(
    means: pd.DataFrame, axis: Any, width: float, handling: tuple[float, float]
) -> pd.DataFrame:
    """Every point of the axis for every curve: what lacks stays a gap that no line crosses."""
    import pandas as pd

    kept = ["minute", "mean", "ci_low", "ci_high", "n_units"]
    parts = []
    for keys, rows in means.groupby(_KEYS, sort=False):
        one = rows[kept].set_index("minute").reindex(axis, method="nearest", tolerance=width / 4)
        one = one.rename_axis("minute").reset_index()
        one = one.assign(n_units=one["n_units"].fillna(0).astype(int))
        held: dict[str, Any] = dict(zip(_KEYS, keys, strict=True))
        parts.append(one.assign(**held))
    if not parts:
        return pd.DataFrame(columns=[*_KEYS, *kept, "handling"])
    table = pd.concat(parts, ignore_index=True)
    start, stop = table["minute"] - width / 2, table["minute"] + width / 2
    return table.assign(handling=(start < handling[1]) & (stop > handling[0]))


# -- words -----------------------------------------------------------------------------------------


def time_course_title(view: TimeCourseView, names: Names) -> str:
    """``Time course of theta band power, mPFC``."""
    return f"Time course of {names.label(view.outcome)}"


def time_course_caption(view: TimeCourseView, names: Names) -> str:
    """What is drawn, how many, what the grey time is, and what a cluster says."""
    plan = names.plan
    level = f"{100 * (1 - plan.alpha):g}{SPACE}%"
    change = names.baseline_rule(view.outcome) != "none"
    where = "that context" if plan.baseline_context == "same" else spoken(plan.baseline_context)
    rule = f", as change from the session's own baseline in {where}" if change else ""
    animals = names.animals()
    width = with_unit(number(view.width), "min")
    parts = [
        f"Mean over {animals[1]} in steps of {width}{rule}, with its {level} t interval (from "
        f"three {animals[1]} on); {_many(view, names)}. Vertical line: the administration. Grey: "
        "handling, which stays in the picture and out of every test."
    ]
    if len(view.levels) > 1:
        parts.append(
            f"A minute of a context rests on those {animals[1]} that were there then; under "
            f"{EVERYWHERE}, each minute counts in whichever context it was spent."
        )
        if not plan.blind and EVERYWHERE in view.levels:
            parts.append(
                "A session and the one it is compared with may then have been in different "
                f"contexts at the same minute, in the curves as in the tests. {MIXED}"
            )
    if plan.blind:
        parts.append("While blind, no condition is compared with a reference.")
    elif view.clusters["test_p"].notna().any():
        parts.append(
            f"Bars under the curves: clusters (permutation over {animals[1]}) with p below "
            f"{number(plan.alpha)}, each corrected for all minutes of its curve; the table below "
            f"lists every test, its p adjusted by Holm. {EDGES}"
        )
    else:
        parts.append("Nothing was tested: too few were in a context at the same time.")
    if len(view.speed):
        parts.append(f"Below: mean speed of the {animals[1]}.")
    return " ".join(parts)


def _many(view: TimeCourseView, names: Names) -> str:
    """``n = 3 to 8 rats``: the fewest and the most that any point rests on."""
    n = view.curves.loc[view.curves["n_units"] > 0, "n_units"]
    least, most = int(n.min()), int(n.max())
    many = count(most, *names.animals())
    return f"n = {many}" if least == most else f"n = {least} to {many} at a time"


def time_course_lines(view: TimeCourseView, names: Names) -> tuple[ClusterLine, ...]:
    """List every cluster test of a band."""
    return cluster_lines(view.clusters, lambda row: span(row, view.width), alpha=names.plan.alpha)


def span(row: Any, width: float) -> str:
    """``10 to 25 min``: from the first minute's start to the last one's end."""
    start, stop = (round(row["start_min"] - width / 2, 2), round(row["stop_min"] + width / 2, 2))
    return f"{number(start)} to {with_unit(number(stop), 'min')}"


def time_course_methods(clusters: pd.DataFrame | None, names: Names) -> tuple[str, ...]:
    """The methods' paragraph on time courses; none where nothing was tested."""
    if clusters is None or not clusters["test_p"].notna().any():
        return ()
    from pipeline.compare.clusters import MINIMUM_ANIMALS

    unit = names.plan.unit
    return (
        "Time courses are band power in short adjoining windows, averaged without artefacts in "
        "steps from the administration; a step needs half of its seconds clean and in one context. "
        f"{capital(names.label(POWER))} was set against the mean power of the session's own "
        "baseline (ratio of means, then dB). Conditions were compared after the administration, "
        f"outside the handling around it, by cluster permutation over {unit}s as spectra are, with "
        f"one difference: a step is tested in the {unit}s that have it under both conditions, and "
        f"left out where they are fewer than {MINIMUM_ANIMALS} (of each group); signs or labels "
        f"change for an {unit}'s whole curve, its gaps with it. Under {EVERYWHERE} a minute counts "
        "in whichever context it was spent, also where the two conditions were in different ones: "
        "that test takes orders of the contexts that are balanced between conditions for granted.",
    )


def time_course_data(view: TimeCourseView) -> pd.DataFrame:
    """What is drawn as one table: curves, speed, then the clusters of every test."""
    import pandas as pd

    kept = ["level", "condition", "step", "minute", "mean", "ci_low", "ci_high", "n_units",
            "handling"]  # fmt: skip
    drawn = [view.curves[kept].assign(part="band power")]
    if len(view.speed):
        drawn.append(view.speed[kept].assign(part="speed"))
    clusters = view.clusters[
        ["contrast", "condition", "reference_condition", "level", "reference_level", "step",
         "start_min", "stop_min", "estimate", "p", "test_p", "test_p_adjusted", "n_tests",
         "n_units"]
    ].assign(part="cluster")  # fmt: skip
    if len(clusters):
        drawn.append(clusters)
    table = pd.concat(drawn, ignore_index=True)
    return table[["part", *(name for name in table if name != "part")]]
