"""Time courses of the cohort: band power around the administration, and where conditions differ.

Contexts are visited one after the other, often in an order that differs from session to session. A
minute of a context therefore exists only for the animals that were there then, and the minutes of
one animal in one context are few. Two things follow. Conditions are compared at a minute in the
animals that have both (:mod:`pipeline.compare.partial_clusters`), wherever at least five do. And
beside each context stands the level :data:`EVERYWHERE`: each minute against the baseline of the
context that the animal was in then, whichever that was. It has all animals at all minutes, and
mixes the contexts, evenly where their order was counterbalanced.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.compare.contrasts import DIFFERENCE
from pipeline.compare.curves import Curves, compare_curves
from pipeline.compare.outcomes import build_outcomes
from pipeline.compare.partial_clusters import partial_cluster_test
from pipeline.experiment.plan import AnalysisPlan, PlanQuestion
from pipeline.metric import Metric
from pipeline.registry import metrics
from pipeline.report.curve_words import EVERYWHERE, POWER, SPEED
from pipeline.steps.cohort import join_design
from pipeline.steps.extract import write_parquet
from pipeline.steps.typed import write_text

#: points are so wide, or as wide as a bin
POINT_S = 60.0

_PHASE = "time course"
_CELL = ["session", "anchor", "step", "context"]
_SERIES = [*_CELL, "region", "band"]
_NAMES = ("means", "units", "clusters")


def time_courses(*, inputs: Any, outputs: Any, settings: Mapping[str, Any]) -> None:
    """Bring the sessions' time courses to animals, and test where conditions differ.

    Parameters
    ----------
    inputs : object
        ``timecourses`` (timecourse.parquet) of all sessions; empty files are passed over.
    outputs : object
        ``timecourses``, ``timecourses_units`` and ``timecourse_clusters``.
    settings : mapping
        :func:`pipeline.steps.settings.spectra_settings`.
    """
    tables = [
        pd.read_parquet(path).assign(session=path.parent.name)
        for path in map(Path, inputs.timecourses)
        if path.stat().st_size
    ]
    found = compared(tables, AnalysisPlan.model_validate(settings["plan"]), settings)
    at_minute = {"axis": "minute"}
    write_parquet(found.means.rename(columns=at_minute), Path(outputs.timecourses))
    write_parquet(found.units.rename(columns=at_minute), Path(outputs.timecourses_units))
    in_minutes = {name: f"{name}_min" for name in ("start", "stop", "from", "to")}
    write_text(found.clusters.rename(columns=in_minutes), outputs.timecourse_clusters)


def compared(
    tables: Sequence[pd.DataFrame], plan: AnalysisPlan, settings: Mapping[str, Any]
) -> Curves:
    """Describe and test the time courses of all sessions.

    Parameters
    ----------
    tables : sequence of DataFrame
        timecourse.parquet of each session, with ``session``.
    plan : AnalysisPlan
        Contexts, conditions, baseline, alpha, seed.
    settings : mapping
        ``time_course``, ``handling_s``, and what :func:`pipeline.steps.cohort.join_design` reads.

    Returns
    -------
    Curves
        As :func:`pipeline.compare.curves.compare_curves` returns them, the axis in minutes since
        the administration (middle of a point), with ``measure`` (POWER, or SPEED without region
        and band; it is not tested) and ``band`` before the other columns; ``handling_from``
        and ``handling_to`` bound the handling around the administration, in minutes.
    """
    parts: list[tuple[str, str, Curves]] = []
    if tables:
        bins = _usable(pd.concat(tables, ignore_index=True), settings)
        width_s = point_s(settings)
        bins["point"] = np.floor((bins["bin_start_s"] + _bin_s(settings) / 2) / width_s)
        powers = _outcomes(_power_rows(bins, plan, settings), plan, settings, power_metric(plan))
        shown = bins[bins["shown"]]
        where = shown["point"].astype(int)
        points = np.arange(where.min(), where.max() + 1) if len(shown) else np.zeros(0, dtype=int)
        axis = (points + 0.5) * width_s / 60
        tested = _tested(points, settings)
        for (_, band), rows in powers.groupby(["region", "band"], sort=False):
            for level_rows, question in _levels(rows, plan):
                found = _curves(level_rows, plan, question, axis, width_s, tested)
                parts.append((POWER, str(band), found))
        speeds = _outcomes(_speed_rows(shown, settings), plan, settings, _speed_metric())
        for rows, question in _levels(speeds, plan) if len(speeds) else ():
            unasked = tuple(c.model_copy(update={"reference": None}) for c in plan.conditions)
            described = plan.model_copy(update={"conditions": unasked})
            parts.append((SPEED, "", _curves(rows, described, question, axis, width_s, tested)))
    return _joined(parts, plan, settings)


def point_s(settings: Mapping[str, Any]) -> float:
    """Return the width of a point in seconds: whole bins, at least a minute."""
    bin_s = _bin_s(settings)
    return bin_s * math.ceil(POINT_S / bin_s - 1e-9)


def power_metric(plan: AnalysisPlan) -> Metric:
    """Return what a minute's power is compared as: band power, as change from its baseline.

    An outcome that takes its baseline as a covariate is shown as change here: without that, the
    curve would be of levels that differ between animals by more than any drug does.
    """
    like = metrics()[POWER]
    rule = plan.baseline.get(POWER, like.baseline)
    return replace(like, baseline="none" if rule == "none" else "change")


def _speed_metric() -> Metric:
    return replace(metrics()[SPEED], baseline="none")


def _bin_s(settings: Mapping[str, Any]) -> float:
    return float(settings["time_course"]["bin_s"])


def _usable(bins: pd.DataFrame, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Bins in a context; the handling around another dose than the anchor is cut out."""
    before, after = settings["handling_s"]
    start = bins["bin_start_s"]
    own = (start < after) & (start + _bin_s(settings) > before)
    return bins[(bins["context"] != "") & (own | ~bins["handling"])].reset_index(drop=True)


def _tested(points: NDArray[np.int64], settings: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Points after the administration, outside the handling around it."""
    before, after = settings["handling_s"]
    width_s = point_s(settings)
    start_s = points * width_s
    handled = (start_s < after) & (start_s + width_s > before)
    return (points >= 0) & ~handled


def _power_rows(
    bins: pd.DataFrame, plan: AnalysisPlan, settings: Mapping[str, Any]
) -> pd.DataFrame:
    """Mean power of every minute and of every baseline, on the raw scale.

    A minute needs half of its seconds clean and in the context, a baseline the plan's
    minimum_epoch_s. The baseline is all of the phase, however early its context was visited;
    minutes are those of the time course.
    """
    minutes = _means(bins[bins["shown"]], [*_SERIES, "point"], "power")
    minutes = minutes[minutes["seconds"] >= point_s(settings) / 2]
    is_baseline = (bins["phase"] == plan.baseline_phase) & ~bins["handling"]
    baselines = _means(bins[is_baseline], _SERIES, "power")
    baselines = baselines[baselines["seconds"] >= plan.minimum_epoch_s]
    # a minute stands as a phase of its own, so that its baseline is found as any phase's is
    minutes = minutes.assign(phase=minutes["point"].astype(int).astype(str))
    rows = pd.concat([minutes, baselines.assign(phase=plan.baseline_phase)], ignore_index=True)
    return rows.assign(metric=POWER, entity="region", value_unit="uV^2")


def _speed_rows(bins: pd.DataFrame, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Mean speed of every minute, over the bins in which it is known."""
    once = bins.drop_duplicates([*_CELL, "bin_start_s"])
    known = once[once["speed_cm_s"].notna()].assign(region="", band="", seconds=_bin_s(settings))
    rows = _means(known, [*_SERIES, "point"], "speed_cm_s")
    rows = rows[rows["seconds"] >= point_s(settings) / 2]
    rows = rows.assign(phase=rows["point"].astype(int).astype(str))
    return rows.assign(metric=SPEED, entity="animal", value_unit="cm/s")


def _means(bins: pd.DataFrame, keys: list[str], column: str) -> pd.DataFrame:
    """Mean weighted by clean seconds, as ``value``, and the seconds."""
    weighted = bins.assign(total=bins[column] * bins["seconds"])
    sums = weighted.groupby(keys, sort=False)[["total", "seconds"]].sum().reset_index()
    return sums.assign(value=sums["total"] / sums["seconds"]).drop(columns="total")


def _outcomes(
    rows: pd.DataFrame, plan: AnalysisPlan, settings: Mapping[str, Any], metric: Metric
) -> pd.DataFrame:
    """Rows as outcomes, by the rules of any other; without the baselines, ``point`` as a number."""
    if rows.empty:
        return pd.DataFrame(columns=[*_SERIES, "point"])
    animal = {row["session"]: row["animal"] for row in settings["sessions"]}
    rows = rows.assign(
        animal=rows["session"].map(animal),
        interval=1,
        start_s=math.nan,
        stop_s=math.nan,
        since_dose_s=math.nan,
        split="",
        split_level="",
        region_b="",
        unit_id="",
        censored=False,
        n_effective=math.nan,
        n_effective_unit="",
    )
    joined = join_design(rows, settings)
    # how long a minute and a baseline must be was looked at already
    relaxed = plan.model_copy(
        update={"minimum_epoch_s": 0.0, "baseline": {metric.name: metric.baseline}}
    )
    table = build_outcomes(joined, relaxed, {metric.name: metric}).table
    table = table[table["phase"] != plan.baseline_phase]
    order = {band: number for number, band in enumerate(dict.fromkeys(rows["band"]))}
    table = table.assign(point=table["phase"].astype(int), order=table["band"].map(order))
    return table.sort_values(["region", "order"], kind="stable", ignore_index=True)


def _levels(rows: pd.DataFrame, plan: AnalysisPlan) -> list[tuple[pd.DataFrame, PlanQuestion]]:
    """Rows of the contexts, and of all of them together where there are several."""
    contexts = plan.contexts or tuple(sorted(set(rows["context"])))

    def question(levels: tuple[str, ...]) -> PlanQuestion:
        return PlanQuestion(
            modifier="context", reference=levels[0], levels=levels, phases=(_PHASE,)
        )

    parts = [(rows, question(contexts))]
    if rows["context"].nunique() > 1:
        # a minute on the border of two contexts counts where more of it lies
        keys = ["session", "anchor", "step", "point"]
        once = rows.sort_values([*keys, "seconds"], kind="stable").drop_duplicates(
            keys, keep="last"
        )
        parts.append((once.assign(context=EVERYWHERE), question((EVERYWHERE,))))
    return parts


def _curves(
    rows: pd.DataFrame,
    plan: AnalysisPlan,
    question: PlanQuestion,
    axis: NDArray[np.float64],
    width_s: float,
    tested: NDArray[np.bool_],
) -> Curves:
    position = (rows["point"] + 0.5) * width_s / 60
    rows = rows.assign(phase=_PHASE, band=position.map(repr))
    asked = plan.model_copy(update={"questions": (question,), "contexts": question.levels})
    test = partial(partial_cluster_test, where=tested)
    return compare_curves(rows, asked, axis=axis, points="minutes", test=test)


def _joined(
    parts: Sequence[tuple[str, str, Curves]], plan: AnalysisPlan, settings: Mapping[str, Any]
) -> Curves:
    """All parts in one; contexts that no session visits at the same time are not compared."""
    if not parts:
        nothing = compare_curves(
            pd.DataFrame(columns=["region"]), plan, axis=np.zeros(0), points="minutes"
        )
        parts = [(POWER, "", nothing)]
    tables = []
    for name in _NAMES:
        several = [
            getattr(found, name).assign(measure=measure, band=band)
            for measure, band, found in parts
        ]
        filled = [table for table in several if len(table)] or several[:1]
        table = pd.concat(filled, ignore_index=True).drop(columns="phase")
        if "axis" in table:
            before, after = settings["handling_s"]
            table = table.assign(handling_from=before / 60, handling_to=after / 60)
        tables.append(table[[*dict.fromkeys(["measure", "region", "band", *table.columns])]])
    clusters = tables[2]
    nobody = (clusters["contrast"] == DIFFERENCE) & (clusters["n_units"] == 0)
    return Curves(tables[0], tables[1], clusters[~nobody].reset_index(drop=True))
