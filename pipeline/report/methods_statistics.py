"""The methods' paragraphs on statistics: only what this cohort's tables show to have been done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pipeline.compare.contrasts import DIFFERENCE, IN_CONTEXT, MAIN, SIMPLE
from pipeline.compare.families import OMNIBUS
from pipeline.compare.trends import TREND
from pipeline.experiment.plan import AnalysisPlan
from pipeline.report.lookup import PLANNED
from pipeline.report.methods_words import NOT_STATED
from pipeline.report.names import spoken
from pipeline.report.numbers import SPACE, count, listing, number
from pipeline.report.tested import SENSITIVITIES

if TYPE_CHECKING:
    import pandas as pd

_COMPANIONS = {
    "sign flips": "the signs of the animals' scores were flipped",
    "permuted labels": "animals were permuted between the two groups (studentised statistic)",
    "permuted residuals": "residuals of the animals' scores were permuted",
    "sign flips of residuals": "the signs of the residuals of the animals' scores were flipped",
    "permuted log-rank": (
        "for times to an event, the log-rank test was permuted: labels between animals, the two "
        "times of each animal in a crossover"
    ),
}
_SENSITIVITY = {
    "_at_equal_time": (
        "at equal time since the dose (regression of the animals' scores on the difference in time)"
    ),
    "_adjusted_for_movement": (
        "adjusted for movement (regression of the scores on the same contrast of the mean speed; "
        "movement may itself be an effect of the drug)"
    ),
    "_adjusted_for_sex": "at equal shares of both sexes",
    "_first_session_only": (
        "from each animal's first session only, between animals, where less than the washout of "
        "{washout} lay between sessions"
    ),
}


def statistics_text(
    statistics: Mapping[str, Any],
    plan: AnalysisPlan,
    contrasts: pd.DataFrame | None = None,
    outcomes: pd.DataFrame | None = None,
    clusters: pd.DataFrame | None = None,
) -> list[str]:
    """Write what was tested and how.

    Parameters
    ----------
    statistics : mapping
        Keys of the config's section.
    plan : AnalysisPlan
        Questions, bounds, alpha.
    contrasts, outcomes, clusters : pandas.DataFrame, optional
        contrasts.tsv, outcomes.parquet and clusters.tsv: a sentence on an engine, a scale or an
        adjustment is written only where a row shows it. Without contrasts, only what holds for
        every cohort.

    Returns
    -------
    list of str
        Paragraphs.
    """
    if plan.blind:
        return [_blind(statistics, plan)]
    rows = None if contrasts is None or contrasts.empty else contrasts
    kinds = frozenset() if rows is None else frozenset(rows["contrast"].astype(str))
    models = () if rows is None else tuple(sorted(set(rows["model"].dropna().astype(str))))
    paragraphs = [
        [_planned(plan), *_engines(plan, models, rows)],
        [*_beside(kinds, rows, plan)],
        [*_times(outcomes)],
        [*_spectra(clusters, plan)],
        [*_multiplicity(plan, kinds, rows)],
        [_decisions(plan), *_seed(statistics, plan, rows)],
    ]
    return [" ".join(parts) for parts in paragraphs if parts]


def _questions(plan: AnalysisPlan) -> str:
    return (
        listing(
            f"{spoken(question.modifier)} (reference {spoken(question.reference)})"
            for question in plan.questions
        )
        or NOT_STATED
    )


def _blind(statistics: Mapping[str, Any], plan: AnalysisPlan) -> str:
    return (
        f"What may change the drug effect: {_questions(plan)}. While blind, conditions "
        "are compared by omnibus tests alone: of any difference between conditions, and of any "
        "change of that difference between levels. Contrasts with a reference, and verdicts, "
        "follow when the codes are opened. p values are adjusted by Holm's method and judged "
        f"at {number(plan.alpha)}. Seed of random permutations: "
        f"{statistics.get('seed', plan.seed)}."
    )


def _planned(plan: AnalysisPlan) -> str:
    return (
        f"What may change the drug effect: {_questions(plan)}. Planned "
        "contrasts were the drug effect in each level (condition minus its reference), its mean "
        "over levels, and the difference of differences against the reference level."
    )


def _engines(
    plan: AnalysisPlan, models: tuple[str, ...], rows: pd.DataFrame | None
) -> Iterator[str]:
    """Which test a contrast got, and why."""
    unit = plan.unit
    planned = [] if rows is None else list(rows.loc[rows["contrast"].isin(PLANNED), "model"])
    used = {str(model) for model in planned}
    mixed = {model for model in used if "REML" in model}
    if rows is None or "per-animal t" in used:
        yield (
            f"Where all cells of a contrast come from the same {unit}s and none lacks one, the "
            f"contrast was one score per {unit}, tested by a one-sample t test."
        )
    if any("Welch" in model for model in used):
        yield (
            f"Where drug or level varies between {unit}s, scores of the groups were compared by "
            "Welch's t with Satterthwaite's degrees of freedom."
        )
    if any("baseline" in model for model in used if "REML" not in model):
        yield (
            "Where the baseline is declared as covariate, scores were regressed on the same "
            "contrast of the baseline."
        )
    if mixed:
        yield (
            f"Where some {unit} lacks a cell that its design gives it, or the order of the "
            "sessions was not balanced over the conditions compared, a mixed model of all cells "
            "stands instead; the design and what is missing decide that, never a p value."
        )
    if any(" + period" in model for model in mixed):
        yield (
            "Where the order was not balanced, contrasts and omnibus tests were adjusted for the "
            f"period (the session's place in the {unit}'s order)."
        )
    if any(" + baseline" in model for model in mixed):
        yield "Mixed models of outcomes whose baseline is a covariate have it as a fixed effect."
    if any("REML" in model for model in models):
        yield (
            f"Mixed models have cell means as fixed effects, a random intercept per {unit} and one "
            f"per crossing of the {unit} with a factor that varies within it; they were fitted by "
            "restricted maximum likelihood, with variance components that may be negative as long "
            "as the covariance of the data stays positive definite, and tested by the method of "
            "Kenward and Roger ([@kenward1997])."
        )
    if any("kept at zero" in model for model in models):
        yield (
            "Where no such fit was found, components were kept at or above zero; the table of "
            "tests names these models."
        )
    if any(model.endswith("least squares") for model in models):
        yield f"With one value per {unit} the model of all cells is least squares."


def _beside(kinds: frozenset[str], rows: pd.DataFrame | None, plan: AnalysisPlan) -> Iterator[str]:
    """Omnibus tests, trends, permutation tests, sensitivity analyses."""
    if OMNIBUS in kinds and rows is not None:
        yield (
            "Omnibus tests are F tests of all conditions at once in the mixed model (of least "
            "squares where there is one value per unit), cells weighted equally (type III)"
            f"{': ' + _omnibus_terms(rows)}."
        )
        if (rows.loc[rows["contrast"] == OMNIBUS, "phase"] == plan.baseline_phase).any():
            yield (
                f"In the phase {spoken(plan.baseline_phase)} the difference between conditions was "
                "always tested: it shows carry-over."
            )
    if IN_CONTEXT in kinds:
        yield (
            "Differences between levels of a modifier other than the context are of the mean over "
            "contexts; they are repeated in each context beside it."
        )
    if TREND in kinds:
        yield (
            "Dose trends are least-squares slopes per doubling of the dose, one score per "
            f"{plan.unit}; the vehicle is a level of its own, not a dose of zero."
        )
    if rows is not None and "companion" in rows:
        done = [said for kind, said in _COMPANIONS.items() if (rows["companion"] == kind).any()]
        adjusted = rows["model"].astype(str).str.contains("regression on the baseline").any()
        covariate = ", the baseline's slope taken out" if adjusted else ""
        if done:
            yield (
                f"Beside each planned test stands a permutation p, from {plan.unit}s that have "
                f"every cell{covariate}: {'; '.join(done)}. All rearrangements were enumerated "
                "where there are few enough, else 9999 were drawn; no verdict is read from it."
            )
    done = [
        words.format(washout=f"{number(plan.washout_days)}{SPACE}days")
        for suffix, words in _SENSITIVITY.items()
        if any(kind.endswith(suffix) for kind in kinds)
    ]
    if done:
        yield f"Sensitivity analyses, which no verdict reads, repeat contrasts {listing(done)}."


def _omnibus_terms(rows: pd.DataFrame) -> str:
    terms = dict.fromkeys(rows.loc[rows["contrast"] == OMNIBUS, "term"].astype(str))
    return listing(" × ".join(spoken(part) for part in term.split(":")) for term in terms)


def _times(outcomes: pd.DataFrame | None) -> Iterator[str]:
    """How times to an event were compared."""
    if outcomes is None or not (outcomes["scale"] == "time_to_event").any():
        return
    timed = outcomes[outcomes["scale"] == "time_to_event"]
    yield "Times to an event are shown as Kaplan-Meier curves."
    if not timed["censored"].any():
        yield "No time was censored, so that times were compared as they are."
        return
    if (timed["baseline_rule"] != "change").any():
        yield (
            "Where a session ended before the event its time is censored. Means of times are "
            "restricted means up to the latest time to which every cell's curve is known, also "
            "without any one of its animals; what was tested are pseudo-values of the restricted "
            "mean ([@andersen2010]), which are the restricted times themselves where all "
            "sessions are equally long."
        )
    if (timed["baseline_rule"] == "change").any():
        yield "Changes of times are restricted, before and after, at the smallest censoring time."


def _spectra(clusters: pd.DataFrame | None, plan: AnalysisPlan) -> Iterator[str]:
    """How spectra were compared."""
    if clusters is None or not clusters["test_p"].notna().any():
        return
    from pipeline.compare.clusters import EXACT_UP_TO, MINIMUM_ANIMALS, N_RANDOM

    n = clusters["test_p"].notna() & ~clusters.duplicated(
        ["region", "family", "condition", "modifier", "level", "phase", "step"]
    )
    yield (
        f"Spectra were compared by cluster permutation over {plan.unit}s ([@maris2007]): "
        f"frequencies whose t passes the two-sided threshold at {number(plan.alpha)} form "
        "clusters with their neighbours of the same sign, and the largest sum of t is compared "
        "with that under all flips of signs (all permutations of labels between groups), or "
        f"{N_RANDOM} random ones beyond {EXACT_UP_TO}; with fewer than {MINIMUM_ANIMALS} "
        f"{plan.unit}s in a group nothing was tested. That makes {count(int(n.sum()), 'test')}, "
        "one per curve, adjusted by Holm's method over the levels of a region, condition, phase "
        "and kind of contrast. A cluster says that there is an effect somewhere along the "
        "spectrum, not where it begins or ends ([@sassenhagen2019])."
    )


def _multiplicity(
    plan: AnalysisPlan, kinds: frozenset[str], rows: pd.DataFrame | None
) -> Iterator[str]:
    level = f"{100 * (1 - plan.alpha):g}{SPACE}%"
    yield (
        f"Intervals are {level} confidence intervals and not adjusted; p values are adjusted by "
        "Holm's method ([@holm1979]) within each outcome, phase, split, question and kind of "
        "contrast, over all conditions, levels and doses of a session, and judged at "
        f"{number(plan.alpha)}."
    )
    searched = rows is not None and "q_value" in rows and rows["q_value"].notna().any()
    if searched:
        yield (
            "Over the outcomes of a domain that are not primary, omnibus tests have a false "
            "discovery rate q ([@benjamini1995]). Primary outcomes were named in the "
            "config and are not part of that search; nothing else is adjusted across outcomes."
        )
    else:
        yield "Nothing is adjusted across outcomes: the config names the primary ones."
    if rows is None:
        return
    tested = rows[rows["p"].notna()]
    sizes = tested["contrast"].value_counts()
    named = [
        (SIMPLE, "drug effect in one level", "drug effects in one level"),
        (MAIN, "mean drug effect", "mean drug effects"),
        (DIFFERENCE, "difference of differences", "differences of differences"),
        (
            IN_CONTEXT,
            "difference of differences in one context",
            "differences of differences in one context",
        ),
        (TREND, "dose trend", "dose trends"),
        (OMNIBUS, "omnibus test", "omnibus tests"),
    ]
    said = [count(int(sizes[kind]), one, many) for kind, one, many in named if kind in sizes]
    beside = int(sum(sizes.get(kind, 0) for kind in kinds if kind.endswith(tuple(SENSITIVITIES))))
    if beside:
        said.append(count(beside, "sensitivity analysis", "sensitivity analyses"))
    outcomes = count(tested["outcome"].nunique(), "outcome")
    yield (
        f"In all, {count(len(tested), 'test was', 'tests were')} made on {outcomes}, all phases, "
        f"splits and the baseline included: {listing(said)}."
    )


def _decisions(plan: AnalysisPlan) -> str:
    bounds = listing(
        f"{name} ({_bound(bound.drug)} for the drug effect, {_bound(bound.interaction)} for a "
        "difference between levels)"
        for name, bound in plan.smallest_effect.items()
    )
    within = f"{100 * (1 - 2 * plan.alpha):g}{SPACE}%"
    return (
        "Verdicts are read from adjusted p values of planned contrasts. A difference counts as "
        f"absent only if its {within} interval lies inside the smallest effect of interest that "
        "the config declares (two one-sided tests, [@schuirmann1987])"
        f"{': ' + bounds if bounds else ''}; otherwise the verdict is inconclusive. A difference "
        "that is not significant is never called independence of context."
    )


def _seed(
    statistics: Mapping[str, Any], plan: AnalysisPlan, rows: pd.DataFrame | None
) -> Iterator[str]:
    unit = "cages" if plan.unit == "cage" else "animals"
    if rows is not None and rows["contrast"].eq(DIFFERENCE).any():
        yield (
            "The Bayes factor for no interaction, a second line that no verdict reads, compares "
            "the BIC of the mixed models without and with the interaction (maximum likelihood, "
            f"components at or above zero), n being the number of {unit} ([@wagenmakers2007])."
        )
    yield f"Seed of random permutations: {statistics.get('seed', plan.seed)}."


def _bound(value: float | None) -> str:
    return "none" if value is None else number(value)
