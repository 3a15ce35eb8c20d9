"""The grid of planned cohorts: what is counted at each point, with its interval and its check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.commands.power_closed import Setting, contrast_terms, omnibus, per_animal, pooled
from pipeline.commands.power_design import Design, Variances, coefficients
from pipeline.commands.power_simulation import NONE, PILL, PROCESS, Truth, judge
from pipeline.experiment.plan import PlanBound

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from pipeline.compare import Comparison

SIMPLE, MAIN, DIFFERENCE = "simple", "main", "difference_of_differences"
OMNIBUS, EQUIVALENCE, VERDICT = "omnibus", "equivalence", "verdict"
WRONG = "another effect"
#: chance that a check of the whole grid fails somewhere although all is well
CHECK_ERROR = 0.01

#: columns of power.tsv
COLUMNS = (
    "animals_per_group",
    "animals",
    "units",
    "dropout",
    "uncertainty",
    "truth",
    "drug_effect",
    "interaction_effect",
    "question",
    "level",
    "simulations",
    "hits",
    "power",
    "ci_low",
    "ci_high",
    "power_unadjusted",
    "closed_form",
    "closed_form_mixed_model",
    "check",
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """All that a run depends on.

    Attributes
    ----------
    design : Design
        Planned design.
    scenarios : tuple of (str, Variances)
        Label and components: ``stated``, or quantiles of the pilot's uncertainty.
    animals : tuple of int
        Per group.
    units : tuple of int
        Entities per cell.
    dropouts : tuple of float
        Probabilities that a session is lost.
    truths : tuple of Truth
        What the drug truly does.
    bound : PlanBound
        Smallest effects, for equivalence and verdicts.
    alpha : float
        Of every test.
    simulations, seed : int
        Cohorts per point.
    """

    design: Design
    scenarios: tuple[tuple[str, Variances], ...]
    animals: tuple[int, ...]
    units: tuple[int, ...]
    dropouts: tuple[float, ...]
    truths: tuple[Truth, ...]
    bound: PlanBound
    alpha: float
    simulations: int
    seed: int


def run(
    request: Request,
    *,
    processes: int = 1,
    tick: Callable[[int, int], None] = lambda *_: None,
) -> pd.DataFrame:
    """Simulate every point of the grid.

    Parameters
    ----------
    request : Request
        The run.
    processes : int
        Workers; every point has its own seed, so that their number changes no result.
    tick : callable
        Told how many points of how many are done.

    Returns
    -------
    DataFrame
        Columns COLUMNS, one row per point and question.
    """
    import pandas as pd

    points = [
        Point(request, Setting(request.design, variances, animals, units), label, truth, dropout)
        for label, variances in request.scenarios
        for units in request.units
        for dropout in request.dropouts
        for animals in request.animals
        for truth in request.truths
    ]
    rows: list[dict[str, Any]] = []
    for done, found in enumerate(_each(points, processes), 1):
        rows += found
        tick(done, len(points))
    return checked(pd.DataFrame(rows, columns=list(COLUMNS)))


@dataclass(frozen=True)
class Point:
    """One call of compare: where in the grid, with which truth."""

    request: Request
    setting: Setting
    label: str
    truth: Truth
    dropout: float


def _each(points: Sequence[Point], processes: int) -> Iterator[list[dict[str, Any]]]:
    if processes < 2:
        yield from map(simulate_point, points)
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(points)), mp_context=context) as pool:
        yield from pool.map(simulate_point, points)


def simulate_point(point: Point) -> list[dict[str, Any]]:
    """Simulate one point and count what was found: rows of COLUMNS."""
    return list(_rows(point.request, point.setting, point.label, point.truth, point.dropout))


def _rows(
    request: Request, setting: Setting, label: str, truth: Truth, dropout: float
) -> Iterator[dict[str, Any]]:
    found = judge(
        setting,
        truth,
        bound=request.bound,
        alpha=request.alpha,
        dropout=dropout,
        simulations=request.simulations,
        seed=request.seed,
    )
    key = {
        "animals_per_group": setting.animals,
        "animals": setting.animals * setting.design.n_groups,
        "units": setting.units,
        "dropout": dropout,
        "uncertainty": label,
        "truth": truth.name,
        "drug_effect": truth.drug,
        "interaction_effect": truth.interaction,
        "simulations": request.simulations,
    }
    for question, level, hits, unadjusted in counted(found, truth, request):
        share = hits / request.simulations
        low, high = wilson(hits, request.simulations)
        row = key | {
            "check": "",
            "question": question,
            "level": level,
            "hits": hits,
            "power": share,
            "ci_low": low,
            "ci_high": high,
            "power_unadjusted": unadjusted / request.simulations,
        }
        yield row | _closed(request, setting, truth, dropout, question, level)


def counted(
    found: Comparison, truth: Truth, request: Request
) -> Iterator[tuple[str, str, int, int]]:
    """Count what was found: question, level, cohorts (Holm-adjusted p), cohorts (unadjusted p).

    Asked under ``process``: omnibus, each difference of differences that is truly there, the
    verdict. Under ``pill``: main and simple effects, equivalence of the differences, the verdict.
    Under ``no drug effect``: equivalence of the simple effects, the verdict. Each time also how
    often the verdict named another effect than the true one. Equivalence and verdicts that need a
    smallest effect are left out where none is declared.
    """
    table, design, alpha, bound = found.contrasts, request.design, request.alpha, request.bound
    table = table[table["condition"].isin(["", design.conditions[1]])]
    if truth.name == PROCESS:
        # a row of a mixed model that tests all drugs at once has no condition of its own
        yield from _omnibus(found.contrasts, alpha)
        first = 1 if truth.differing == "all" else design.shape[1] - 1
        for level in design.levels[first:]:
            yield (DIFFERENCE, level, *_significant(table, DIFFERENCE, level, alpha))
    if truth.name == PILL:
        yield (MAIN, "", *_significant(table, MAIN, "", alpha))
        for level in design.levels:
            yield (SIMPLE, level, *_significant(table, SIMPLE, level, alpha))
        if bound.interaction is not None:
            yield from _equivalence(table, DIFFERENCE, design.levels[1:], bound.interaction)
    if truth.name == NONE and bound.drug is not None:
        yield from _equivalence(table, SIMPLE, design.levels, bound.drug)
    needed = {PROCESS: 1.0, PILL: bound.interaction, NONE: bound.drug}[truth.name]
    verdicts = found.verdicts[found.verdicts["condition"] == design.conditions[1]]["verdict"]
    if needed is not None:
        right = int((verdicts == truth.name).sum())
        yield VERDICT, truth.name, right, right
    named = verdicts.isin({PROCESS, PILL, NONE} - {truth.name})
    yield VERDICT, WRONG, int(named.sum()), int(named.sum())


def _significant(table: pd.DataFrame, kind: str, level: str, alpha: float) -> tuple[int, int]:
    rows = table[(table["contrast"] == kind) & (table["level"] == level)]
    return int((rows["p_adjusted"] < alpha).sum()), int((rows["p"] < alpha).sum())


def _omnibus(table: pd.DataFrame, alpha: float) -> Iterator[tuple[str, str, int, int]]:
    rows = table[table["contrast"] == OMNIBUS]
    if "term" in rows:
        rows = rows[rows["term"].str.contains(":")]
    if len(rows):
        yield OMNIBUS, "", int((rows["p_adjusted"] < alpha).sum()), int((rows["p"] < alpha).sum())


def _equivalence(
    table: pd.DataFrame, kind: str, levels: Sequence[str], bound: float
) -> Iterator[tuple[str, str, int, int]]:
    rows = table[(table["contrast"] == kind) & table["level"].isin(levels)]
    inside = (rows["ci90_low"] > -bound) & (rows["ci90_high"] < bound)
    for level in levels:
        hits = int(inside[rows["level"] == level].sum())
        yield f"{EQUIVALENCE} {kind}", level, hits, hits
    hits = int((inside.groupby(rows["outcome"]).sum() == len(levels)).sum())
    yield f"{EQUIVALENCE} {kind}", "all", hits, hits


def wilson(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share (Wilson 1927, J Am Stat Assoc 22:209)."""
    from scipy.stats import binomtest

    interval = binomtest(hits, n).proportion_ci(level, method="wilson")
    return float(interval.low), float(interval.high)


def _closed(
    request: Request,
    setting: Setting,
    truth: Truth,
    dropout: float,
    question: str,
    level: str,
) -> dict[str, float]:
    """Closed forms where there are any, else NaN."""
    import math

    nothing = {"closed_form": math.nan, "closed_form_mixed_model": math.nan}
    if dropout:
        return nothing
    means = truth.means(setting.design)
    alpha = request.alpha
    if question == OMNIBUS:
        value = omnibus(means, setting, alpha=alpha)
        return nothing | {"closed_form": value}
    kind = question.removeprefix(f"{EQUIVALENCE} ")
    if kind not in (SIMPLE, MAIN, DIFFERENCE) or level == "all":
        return nothing
    index = setting.design.levels.index(level) if level else 0
    weights: np.ndarray = coefficients(setting.design, kind, index)
    effect = float((weights * means).sum())
    terms = contrast_terms(setting, weights)
    bound = None
    if question != kind:
        bound = request.bound.interaction if kind == DIFFERENCE else request.bound.drug
    value = per_animal(effect, terms, setting.animals, alpha=alpha, bound=bound)
    found = nothing | {"closed_form": value}
    if question == DIFFERENCE:
        found["closed_form_mixed_model"] = pooled(effect, setting, alpha=alpha)
    return found


def checked(table: pd.DataFrame) -> pd.DataFrame:
    """Say where the closed form lies in Wilson's interval of the unadjusted share.

    The intervals are wide enough for all of them to hold together (Bonferroni): a place that
    ``differs`` is chance in one run of a hundred.
    """
    have = table["closed_form"].notna()
    level = 1 - CHECK_ERROR / max(1, int(have.sum()))
    said = []
    rows: Iterator[Any] = table.itertuples()
    for row in rows:
        low, high = wilson(round(row.power_unadjusted * row.simulations), row.simulations, level)
        said.append("agrees" if low <= row.closed_form <= high else "differs")
    return table.assign(check=[word if one else "" for word, one in zip(said, have, strict=True)])
