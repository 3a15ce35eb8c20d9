"""The chapters of the report: which there are, and what each outcome's figure says and shows.

The layout stands here, in one list; a new outcome needs no code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.report.embed import inline_svg, read_specification
from pipeline.report.figures import SUFFIXES
from pipeline.report.lookup import DIFFERENCE, MAIN, SIMPLE, Contrasts, Effect, text
from pipeline.report.matrix import VERDICTS
from pipeline.report.names import Names, capital, parse, spoken
from pipeline.report.numbers import (
    count,
    finite,
    interval,
    listing,
    number,
    p_value,
    plain,
    with_unit,
)
from pipeline.report.published import Published, published_beside
from pipeline.report.sentences import amount, bound_text, digits_of, verdict_sentence
from pipeline.report.views import OutcomeView, figure_keys, n_line, outcome_view

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup

#: domain of the metrics -> title of the chapter, and what it says when it is empty
CHAPTERS: tuple[tuple[str, str, str], ...] = (
    ("oscillations", "Oscillations", "No outcome of the local field potential was measured."),
    ("spikes", "Spikes", "No outcome of single units was measured."),
    ("coupling", "Coupling", "No outcome of coupling between signals was measured."),
    ("flexibility", "Flexibility", "No outcome of set-shifting behaviour was measured."),
    ("other", "Other outcomes", "No outcome measured elsewhere was given."),
)
_PRIORITIES = ("primary", "secondary", "exploratory")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One row of a figure's table of numbers, all text."""

    condition: str
    contrast: str
    estimate: str
    interval: str
    p: str
    p_adjusted: str
    companion: str
    n: str
    effect_size: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One outcome's figure with all that stands around it."""

    id: str
    title: str
    priority: str
    description: str
    panel: str
    sentences: tuple[tuple[str, str, str, Published | None], ...]
    alt: str
    caption: str
    svg: Markup
    specification: Any
    lines: tuple[Line, ...]
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A chapter; without figures it says why in one line."""

    id: str
    title: str
    figures: tuple[Figure, ...]
    empty: str


def outcome_order(outcomes: pd.DataFrame, bands: Sequence[str]) -> list[str]:
    """Outcome ids as the page orders them: chapter, priority, metric, region, band.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        outcomes.parquet, or any table with outcome, domain and priority.
    bands : sequence of str
        Bands in the config's order (lowest first, as a lab writes them).
    """
    domains = [domain for domain, _, _ in CHAPTERS]
    rows = outcomes[["outcome", "domain", "priority"]].drop_duplicates("outcome")

    def key(row: Mapping[str, Any]) -> tuple[Any, ...]:
        parts = parse(row["outcome"])
        return (
            _index(domains, row["domain"]),
            _index(_PRIORITIES, row["priority"]),
            parts.metric,
            parts.region,
            parts.region_b,
            _index(bands, parts.band),
            row["outcome"],
        )

    return [row["outcome"] for row in sorted(rows.to_dict("records"), key=key)]


def _index(order: Sequence[str], value: str) -> int:
    return order.index(value) if value in order else len(order)


def chapters(
    outcomes: pd.DataFrame,
    contrasts: Contrasts,
    verdicts: pd.DataFrame,
    names: Names,
    *,
    figures: Path,
    order: Sequence[str],
    panel_keys: Mapping[tuple[str, str], str],
) -> list[Chapter]:
    """Build the chapters.

    Parameters
    ----------
    outcomes, verdicts : pandas.DataFrame
        Tables of design.md section 5.
    contrasts : Contrasts
        Index of contrasts.tsv.
    names : Names
        Labels.
    figures : pathlib.Path
        Folder that :func:`pipeline.report.figures.write_figures` filled.
    order : sequence of str
        Outcome ids in the order of the page.
    panel_keys : mapping
        (phase, modifier) -> panel that the page's switch shows.

    Returns
    -------
    list of Chapter
        All of :data:`CHAPTERS`, those without data too.
    """
    judged: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in verdicts.to_dict("records"):
        if text(row["split"]) == "":
            key = (row["outcome"], row["phase"], row["modifier"])
            judged.setdefault(key, []).append(row)
    drawn: dict[str, list[Figure]] = {domain: [] for domain, _, _ in CHAPTERS}
    domains = dict(zip(outcomes["outcome"], outcomes["domain"], strict=True))
    keys = sorted(figure_keys(outcomes, names), key=lambda key: _index(order, key.outcome))
    for key in keys:
        view = outcome_view(key, outcomes, contrasts, names)
        if view.points.empty:
            continue
        panel = panel_keys.get((key.phase, key.modifier), "")
        rows = judged.get((key.outcome, key.phase, key.modifier), [])
        figure = _figure(view, rows, outcomes, contrasts, names, figures, panel)
        drawn.setdefault(domains[key.outcome], []).append(figure)
    return [
        Chapter(id=domain, title=title, figures=tuple(drawn[domain]), empty=empty)
        for domain, title, empty in CHAPTERS
    ]


def _figure(
    view: OutcomeView,
    verdicts: Sequence[Mapping[str, Any]],
    outcomes: pd.DataFrame,
    contrasts: Contrasts,
    names: Names,
    folder: Path,
    panel: str,
) -> Figure:
    outcome = view.key.outcome
    sentences = tuple(
        (
            text(row["verdict"]),
            VERDICTS.get(text(row["verdict"]), ("open", ""))[0],
            verdict_sentence(row, contrasts, names.plan, names.metrics),
            published_beside(row, names),
        )
        for row in verdicts
    )
    title = names.title(outcome)
    priorities = outcomes.loc[outcomes["outcome"] == outcome, "priority"]
    caption = _caption(view, names)
    said = " ".join(sentence for _, _, sentence, _ in sentences)
    return Figure(
        id=f"fig-{view.name}",
        title=title,
        priority=text(priorities.iloc[0]),
        description=names.description(outcome),
        panel=panel,
        sentences=sentences,
        alt=f"Estimation plot of {names.in_sentence(outcome)}. {said} {caption}".strip(),
        caption=caption,
        svg=inline_svg((folder / f"{view.name}.svg").read_text(encoding="utf-8")),
        specification=read_specification(folder / f"{view.name}.vl.json"),
        lines=tuple(_line(effect, names) for effect in _all_effects(view)),
        files=tuple(
            (
                suffix.lstrip(".").upper().replace("VL.JSON", "Vega-Lite"),
                f"figures/{view.name}{suffix}",
            )
            for suffix in (".svg", ".pdf", ".tsv", ".vl.json")
            if suffix in SUFFIXES
        ),
    )


def _caption(view: OutcomeView, names: Names) -> str:
    """How many, which test, which smallest effect."""
    outcome = view.key.outcome
    animals, sessions, entities = n_line(view)
    metric = names.metrics.get(parse(outcome).metric)
    by_unit = metric is not None and metric.entity == "unit" and outcome not in names.plan.declared
    numbers = [count(animals, *names.animals()), count(sessions, "session")]
    numbers += [count(entities, "unit") + " in sessions"] if by_unit else []
    parts = [f"n = {', '.join(numbers)}."]
    models = list(dict.fromkeys(effect.model for effect in view.effects if effect.model))
    if models:
        parts.append(f"{capital(listing(models, last='or'))}; p adjusted by Holm in each family.")
    if not names.plan.blind:  # else no effect is drawn against it
        parts.append(_smallest(outcome, names))
    censored = int(view.points["censored"].sum())
    if censored:
        cells = count(len(view.points), "point")
        parts.append(f"Hollow: criterion not reached, a lower bound ({censored} of {cells}).")
    limit = view.points["restricted_at"].min()
    if finite(limit):
        reach = with_unit(number(limit), view.unit)
        parts.append(f"Times are counted up to {reach}, the smallest at which any was censored.")
    return " ".join(parts)


def _smallest(outcome: str, names: Names) -> str:
    """Which smallest effect of interest the figure shades."""
    bound = names.bound(outcome)
    limits = [
        f"{bound_text(limit, outcome, names)} for the {what}"
        for limit, what in ((bound.drug, "drug effect"), (bound.interaction, "difference"))
        if limit is not None
    ]
    if not limits:
        return "No smallest effect of interest was declared."
    return f"Shaded: less than the smallest effect of interest, {listing(limits)}."


def _all_effects(view: OutcomeView) -> list[Effect]:
    found: list[Effect] = []
    for evidence in view.evidence.values():
        found += [evidence.main] if evidence.main is not None else []
        found += [*evidence.simple, *evidence.differences, *evidence.others]
    return found


def contrast_words(effect: Effect) -> str:
    """What a contrast compares, in words."""
    reference = spoken(effect.reference_condition)
    level, base = spoken(effect.level), spoken(effect.reference_level)
    kinds = {
        MAIN: f"minus {reference}, mean of all {spoken(effect.modifier)}s",
        SIMPLE: f"minus {reference}, {level}",
        DIFFERENCE: f"{level} beyond {base}",
        f"{DIFFERENCE}_at_equal_time": f"{level} beyond {base}, at equal time since the dose",
    }
    return kinds.get(effect.contrast, f"{spoken(effect.contrast)} {level}".strip())


def _line(effect: Effect, names: Names) -> Line:
    digits = digits_of(effect, names)
    known = finite(effect.ci_low) and finite(effect.ci_high)
    return Line(
        condition=spoken(effect.condition),
        contrast=contrast_words(effect),
        estimate=amount(effect, names) if finite(effect.estimate) else "–",
        interval=interval(effect.ci_low, effect.ci_high, digits) if known else "–",
        p=_bare(effect.p),
        p_adjusted=_bare(effect.p_adjusted),
        companion=_bare(effect.companion_p),
        n=plain(effect.n_animals, 0),
        effect_size=plain(effect.effect_size, 2) if finite(effect.effect_size) else "–",
        note=effect.note,
    )


def _bare(p: float) -> str:
    """A p value for a column: ``.002``, ``< .001``."""
    return p_value(p, name="").strip().removeprefix("=").strip() if finite(p) else "–"
