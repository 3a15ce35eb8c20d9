"""What a figure shows, as plain tables: points, means and effects, before any drawing.

All statistics of a figure are computed or looked up here; the drawing never computes any.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.compare.families import OMNIBUS
from pipeline.experiment.plan import AnalysisPlan
from pipeline.report.lookup import PLANNED, Contrasts, Effect, Evidence, where
from pipeline.report.names import Names
from pipeline.report.numbers import finite
from pipeline.report.slug import slug

if TYPE_CHECKING:
    import pandas as pd

#: so many exploratory outcomes have each their figure; of more, so many of the surest
MANY, SUREST = 24, 12


@dataclass(frozen=True, kw_only=True)
class FigureKey:
    """What one estimation figure is about."""

    outcome: str
    phase: str
    modifier: str


@dataclass(frozen=True, kw_only=True)
class OutcomeView:
    """One outcome in one phase: everything its figure and caption show.

    Attributes
    ----------
    key : FigureKey
    name : str
        File name without suffix.
    levels : tuple of str
        Panels: levels of the modifier that hold data, in the plan's order.
    conditions : tuple of str
        Conditions that hold data, in the plan's order.
    points : pandas.DataFrame
        One row per animal, condition and level: mean over the animal's sessions (and steps), with
        ``sessions``, ``n_sessions``, ``censored``, ``n_entities``, ``seconds``.
    means : pandas.DataFrame
        One row per condition and level: ``mean``, ``low``, ``high`` (t interval), ``n``.
    evidence : dict of str to Evidence
        Contrasts by condition.
    value_title : list of str
        Axis title of the values, in lines.
    unit : str
        Unit of a difference.
    """

    key: FigureKey
    name: str
    levels: tuple[str, ...]
    conditions: tuple[str, ...]
    points: pd.DataFrame
    means: pd.DataFrame
    evidence: dict[str, Evidence]
    value_title: list[str]
    unit: str

    @property
    def effects(self) -> list[Effect]:
        """Simple effects and differences of differences, by condition in the plan's order."""
        return [
            effect
            for evidence in self.evidence.values()
            for effect in (*evidence.simple, *evidence.differences)
            if finite(effect.estimate)
        ]


def figure_keys(
    outcomes: pd.DataFrame, names: Names, contrasts: Contrasts | None = None
) -> list[FigureKey]:
    """Figures of a cohort: each outcome, phase and question that holds data, without splits.

    Where there are more than :data:`MANY` exploratory outcomes, those of them are drawn in which
    something was found, at most :data:`SUREST`, the surest first: a hundred flat figures would hide
    them. They are chosen by the false discovery rate over the outcomes of their domain
    (:func:`least_q`); only where no omnibus test could be made, by adjusted p (:func:`least_p`).
    The others keep their row in the matrix and all their numbers in the tables.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        outcomes.parquet.
    names : Names
        Labels.
    contrasts : Contrasts, optional
        Index of contrasts.tsv; every outcome has its figure when not given.
    """
    whole = where(outcomes, split="")
    ids = list(dict.fromkeys(whole["outcome"].astype(str)))
    held = set(zip(whole["outcome"].astype(str), whole["phase"].astype(str), strict=True))
    keys = [
        FigureKey(outcome=outcome, phase=phase, modifier=question.modifier)
        for outcome in ids
        for question in names.plan.questions
        for phase in question.phases
        if (outcome, phase) in held
    ]
    if contrasts is None:
        return keys
    exploratory = set(whole.loc[whole["priority"] == "exploratory", "outcome"].astype(str))
    # What the lab measured and declared itself is no by-product of a recording.
    exploratory -= set(names.plan.declared)
    if len(exploratory) <= MANY:
        return keys
    searched = [key for key in keys if key.outcome in exploratory]
    least = {key: least_q(key, contrasts) for key in searched}
    if not any(map(math.isfinite, least.values())):
        least = {key: least_p(key, contrasts) for key in searched}
    surest = sorted((p, index) for index, p in enumerate(least.values()) if p < names.plan.alpha)
    drawn = {list(least)[index] for _, index in surest[:SUREST]}
    return [key for key in keys if key.outcome not in exploratory or key in drawn]


def least_q(key: FigureKey, contrasts: Contrasts) -> float:
    """Return the least q of the omnibus tests of what a figure shows; infinity without any."""
    effects = contrasts.at(outcome=key.outcome, phase=key.phase, modifier=key.modifier)
    return min((e.q_value for e in effects if finite(e.q_value)), default=math.inf)


def least_p(key: FigureKey, contrasts: Contrasts) -> float:
    """Return the least adjusted p of what a figure shows; infinity where nothing was tested.

    Of the planned comparisons and, for while blind there are no others, the omnibus tests.
    """
    effects = contrasts.at(outcome=key.outcome, phase=key.phase, modifier=key.modifier)
    tested = [effect for effect in effects if effect.contrast in (*PLANNED, OMNIBUS)]
    return min((e.p_adjusted for e in tested if finite(e.p_adjusted)), default=math.inf)


def figure_name(key: FigureKey, names: Names) -> str:
    """File name: the outcome alone where that is enough, else with phase and modifier."""
    plan = names.plan
    parts = [slug(key.outcome)]
    if key.modifier != plan.questions[0].modifier:
        parts.append(f"by-{slug(key.modifier)}")
    if len(plan.phases) > 1:
        parts.append(f"in-{slug(key.phase)}")
    return "-".join(parts)


def outcome_view(
    key: FigureKey, outcomes: pd.DataFrame, contrasts: Contrasts, names: Names
) -> OutcomeView:
    """Gather what one figure shows.

    Parameters
    ----------
    key : FigureKey
        Outcome, phase and modifier.
    outcomes : pandas.DataFrame
        outcomes.parquet, all of it.
    contrasts : Contrasts
        Index of contrasts.tsv.
    names : Names
        Labels.

    Returns
    -------
    OutcomeView

    Raises
    ------
    InputError
        If the modifier is no column of the outcomes.
    """
    plan = names.plan
    rows = where(outcomes, outcome=key.outcome, phase=key.phase, split="")
    points = animal_points(rows, modifier=key.modifier, plan=plan)
    levels = _in_order(points["level"], _level_order(key.modifier, names))
    conditions = _in_order(points["condition"], [entry.name for entry in plan.conditions])
    return OutcomeView(
        key=key,
        name=figure_name(key, names),
        levels=levels,
        conditions=conditions,
        points=points,
        means=cell_means(points, confidence=1 - plan.alpha),
        evidence={
            condition: contrasts.behind(
                outcome=key.outcome,
                condition=condition,
                phase=key.phase,
                modifier=key.modifier,
                split="",
                split_level="",
            )
            for condition in conditions
            if names.reference(condition)
        },
        value_title=value_title(key.outcome, names),
        unit=names.unit(key.outcome),
    )


def value_title(outcome: str, names: Names) -> list[str]:
    """Axis title of the values, in two lines: what and where; unit and baseline."""
    remarks = [{"count": "log2 count"}.get(names.scale(outcome), names.unit(outcome))]
    if names.baseline_rule(outcome) == "change":
        remarks.append("change from baseline")
    second = ", ".join(filter(None, remarks))
    return [names.title(outcome), *([second] if second else [])]


def animal_points(rows: pd.DataFrame, *, modifier: str, plan: AnalysisPlan) -> pd.DataFrame:
    """One row per experimental unit, condition and level: the values that were compared.

    Parameters
    ----------
    rows : pandas.DataFrame
        Rows of outcomes.parquet of one outcome and phase, without splits.
    modifier : str
        Its levels make the panels.
    plan : AnalysisPlan
        Names the experimental unit (animal or cage).

    Returns
    -------
    pandas.DataFrame
        Columns animal, condition, level, value, sessions, n_sessions, censored, n_entities,
        seconds, restricted_at (NaN where nothing was censored), pseudo (whether the value is a
        pseudo-value, not the animal's own time); sorted, without missing values.
        Sessions (and doses) of one cell are averaged first, then contexts where the modifier is
        another one.
    """
    from pipeline.compare import analysis_values
    from pipeline.compare.slices import levels_of, units_of

    rows = rows[rows["value"].notna()]
    analysed = analysis_values(rows)
    counted = rows["value"].clip(upper=analysed["restricted_at"].fillna(float("inf")))
    timed = (rows["scale"] == "time_to_event") & (rows["baseline_rule"] != "change")
    kept = rows.assign(
        pseudo=timed & ((analysed["analysed"] - counted).abs() > 1e-9 * (1 + counted.abs())),
        unit=units_of(rows, plan).astype(str),
        level=levels_of(rows, modifier, plan),
        value=analysed["analysed"],
        restricted_at=analysed["restricted_at"],
    )
    kept = kept[kept["value"].notna() & (kept["level"] != "")]
    cells = kept.groupby(["unit", "condition", "level", "context"], sort=True).agg(
        value=("value", "mean"),
        censored=("censored", "any"),
        n_entities=("n_entities", "sum"),
        seconds=("seconds", "sum"),
        restricted_at=("restricted_at", "first"),
        pseudo=("pseudo", "any"),
    )
    place = ["unit", "condition", "level"]
    points = cells.groupby(place, sort=True).agg(
        value=("value", "mean"),
        censored=("censored", "any"),
        n_entities=("n_entities", "max"),
        seconds=("seconds", "sum"),
        restricted_at=("restricted_at", "first"),
        pseudo=("pseudo", "any"),
    )
    visits = kept[[*place, "session"]].astype({"session": str}).drop_duplicates()
    visits = visits.sort_values("session")
    visits = visits.groupby(place, sort=True)["session"].agg([", ".join, "size"])
    points = points.assign(sessions=visits["join"], n_sessions=visits["size"])
    return points.reset_index().rename(columns={"unit": "animal"})


def cell_means(points: pd.DataFrame, *, confidence: float) -> pd.DataFrame:
    """Mean over animals and its t interval, per condition and level.

    Parameters
    ----------
    points : pandas.DataFrame
        As :func:`animal_points` makes it.
    confidence : float
        0.95 for a 95 % interval.

    Returns
    -------
    pandas.DataFrame
        Columns condition, level, n, mean, low, high; low and high are NaN for one animal.
    """
    import numpy as np
    from scipy.special import stdtrit  # the t quantile, without the second that scipy.stats costs

    grouped = points.groupby(["condition", "level"], sort=True, observed=True)["value"]
    table = grouped.agg(n="size", mean="mean", sd="std").reset_index()
    enough = table["n"] > 1
    quantile = stdtrit(table["n"].where(enough, 2) - 1, (1 + confidence) / 2)
    half = np.where(enough, quantile * table["sd"] / np.sqrt(table["n"]), np.nan)
    return table.assign(low=table["mean"] - half, high=table["mean"] + half).drop(columns="sd")


def view_table(view: OutcomeView) -> pd.DataFrame:
    """The data of a figure as one table, for the TSV beside it.

    Returns
    -------
    pandas.DataFrame
        ``part`` is ``animal``, ``mean``, ``simple`` or ``difference_of_differences``.
    """
    import pandas as pd

    points = view.points.assign(part="animal", estimate=view.points["value"], n_animals=1)
    means = view.means.assign(part="mean").rename(
        columns={"mean": "estimate", "low": "ci_low", "high": "ci_high", "n": "n_animals"}
    )
    effects = pd.DataFrame(
        [
            {
                "part": effect.contrast,
                "condition": effect.condition,
                "reference_condition": effect.reference_condition,
                "level": effect.level,
                "reference_level": effect.reference_level,
                "estimate": effect.estimate,
                "ci_low": effect.ci_low,
                "ci_high": effect.ci_high,
                "p": effect.p,
                "p_adjusted": effect.p_adjusted,
                "n_animals": effect.n_animals,
            }
            for effect in view.effects
        ]
    )
    columns = [
        "part",
        "condition",
        "reference_condition",
        "level",
        "reference_level",
        "animal",
        "sessions",
        "estimate",
        "ci_low",
        "ci_high",
        "p",
        "p_adjusted",
        "n_animals",
        "n_sessions",
        "n_entities",
        "seconds",
        "censored",
    ]
    frames = [frame for frame in (points, means, effects) if not frame.empty]
    table = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)
    return table.reindex(columns=columns)


def n_line(view: OutcomeView) -> tuple[int, int, int]:
    """Animals, sessions and entities that a figure rests on.

    Entities (units) are counted once per session: the most that any cell of the session has.
    """
    sessions = {name for cell in view.points["sessions"] for name in cell.split(", ")}
    most = view.points.groupby("sessions")["n_entities"].max()
    return view.points["animal"].nunique(), len(sessions), int(most.sum())


def _level_order(modifier: str, names: Names) -> list[str]:
    plan = names.plan
    asked = next(entry.levels for entry in plan.questions if entry.modifier == modifier)
    return list(plan.contexts) if modifier == "context" else list(asked)


def _in_order(found: pd.Series, order: list[str]) -> tuple[str, ...]:
    """Distinct values in the declared order; the undeclared follow, sorted."""
    held = set(found.astype(str))
    return tuple([name for name in order if name in held] + sorted(held - set(order)))
