"""The specificity panel: is it flexibility, or motor and motivation?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from pipeline.flexibility.specificity import PANEL, PanelRow, specificity
from pipeline.report.assembly import Specification, concatenated, figure, layered
from pipeline.report.behaviour import BehaviourFigure, level_words
from pipeline.report.lookup import Contrasts, Effect
from pipeline.report.marks import rounded
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import count, decimals, finite, signed, with_unit
from pipeline.report.slug import slug
from pipeline.report.style import BAND, INK, MUTED, condition_colours

_COLUMNS, _WIDTH, _ROW = 3, 205, 22


def panel_figures(contrasts: Contrasts, names: Names) -> Iterator[BehaviourFigure]:
    """Yield one panel per phase, for the first question; none while blind.

    Parameters
    ----------
    contrasts : Contrasts
        Index of contrasts.tsv: the drug effect averaged over levels, or that of the only level.
    names : Names
        Labels and plan.
    """
    if names.plan.blind:
        return
    rows = specificity(effect.outcome for effect in contrasts)
    question = names.plan.questions[0]
    for phase in question.phases:
        found = [
            (row, effects)
            for row in rows
            if (effects := _effects(row.outcome, phase, question.modifier, contrasts, names))
        ]
        if not found:
            continue
        many = len(names.plan.phases) > 1
        yield BehaviourFigure(
            name=f"specificity{f'-in-{slug(phase)}' if many else ''}",
            kind="Specificity panel",
            title="Is it flexibility, or motor and motivation?"
            + (f" {spoken(phase).capitalize()} phase" if many else ""),
            caption=_caption(found, rows, names),
            data=_data(found),
            draw=partial(panel_chart, found, names),
        )


def _effects(
    outcome: str, phase: str, modifier: str, contrasts: Contrasts, names: Names
) -> list[Effect]:
    """The drug effect of each condition: over the levels, or in the only one there is."""
    effects = []
    for entry in names.plan.conditions:
        if not entry.reference:
            continue
        evidence = contrasts.behind(
            outcome=outcome, condition=entry.name, phase=phase, split="", split_level="",
            modifier=modifier,
        )  # fmt: skip
        levels = {effect.level for effect in evidence.simple}
        alone = min(evidence.simple, key=lambda e: e.step) if len(levels) == 1 else None
        effect = evidence.main if evidence.main and finite(evidence.main.estimate) else alone
        if effect is not None and finite(effect.estimate):
            effects.append(effect)
    return effects


def _caption(
    found: list[tuple[PanelRow, list[Effect]]], rows: tuple[PanelRow, ...], names: Names
) -> str:
    n = [effect.n_animals for _, effects in found for effect in effects]
    held = {row.outcome for row, _ in found}
    lacking = [row.label.lower() for row in PANEL if row.outcome not in held]
    least = count(min(n), *names.animals())
    many = least if min(n) == max(n) else f"{min(n):.0f} to {count(max(n), *names.animals())}"
    bounds = any(names.bound(row.outcome).drug is not None for row, _ in found)
    parts = [
        "Effect of each drug against its reference, averaged over the levels where there are "
        f"several, with {level_words(names)} (not adjusted); every outcome on its own scale; "
        f"n = {many}. Filled: p below {names.plan.alpha:g}, adjusted by Holm in its family.",
        "Shaded: less than the smallest effect of interest." if bounds else "",
        "An effect on the shift speaks for flexibility where the controls are shown to be "
        "unchanged; a control that is only not significant, or was not tested, shows nothing.",
        "Sets completed are no control of their own: in a session of fixed length whoever takes "
        "more trials to criterion completes fewer sets."
        if "sets_completed" in held
        else "",
        f"Not compared here: {', '.join(lacking)}." if lacking else "",
    ]
    return " ".join(filter(None, parts))


def _data(found: list[tuple[PanelRow, list[Effect]]]) -> Any:
    import pandas as pd

    columns = ("contrast", "condition", "reference_condition", "level", "phase", "estimate",
               "ci_low", "ci_high", "p", "p_adjusted", "n_animals")  # fmt: skip
    return pd.DataFrame(
        [
            {"outcome": row.outcome, "about": row.about, "asks": row.asks}
            | {name: getattr(effect, name) for name in columns}
            for row, effects in found
            for effect in effects
        ]
    )


def panel_chart(found: list[tuple[PanelRow, list[Effect]]], names: Names) -> Specification:
    """Draw one small panel per outcome, the shift first, then what it could be mistaken for."""
    order = [entry.name for entry in names.plan.conditions if entry.reference]
    shown = [name for name in order if any(e.condition == name for _, es in found for e in es)]
    panels = [
        _panel(row, effects, shown, names, first=index % _COLUMNS == 0)
        for index, (row, effects) in enumerate(found)
    ]
    content = concatenated(
        panels,
        columns=_COLUMNS,
        spacing={"row": 20, "column": 18},
        scales={"x": "independent", "color": "independent"},
    )
    return figure(content)


def _panel(
    row: PanelRow, effects: list[Effect], shown: list[str], names: Names, *, first: bool
) -> Specification:
    import altair as alt

    unit = names.unit(row.outcome)
    colours = condition_colours(names.plan)
    digits = decimals([e.estimate for e in effects], scale=names.scale(row.outcome))
    bound = names.bound(row.outcome).drug
    ends = [0.0]
    ends += [v for e in effects for v in (e.estimate, e.ci_low, e.ci_high) if finite(v)]
    ends += [bound, -bound] if bound is not None else []
    low, high = min(ends), max(ends)
    air = 0.08 * (high - low) or 1.0
    records = [
        {
            "c": spoken(effect.condition),
            "e": rounded(effect.estimate),
            "l": rounded(effect.ci_low),
            "h": rounded(effect.ci_high),
            "f": colours.get(effect.condition, BAND),
            "s": bool(finite(effect.p_adjusted) and effect.p_adjusted < names.plan.alpha),
            "w": with_unit(signed(effect.estimate, digits), ""),
        }
        for effect in effects
    ]
    labels = [spoken(name) for name in shown]
    x = alt.X(
        "e:Q",
        title=f"effect, {unit}" if unit else "effect",
        scale=alt.Scale(domain=[low - air, high + 3.2 * air], nice=False, zero=False),
        axis=alt.Axis(tickCount=4, grid=False),
    )
    y = alt.Y(
        "c:N",
        title=None,
        sort=labels,
        scale=alt.Scale(domain=labels),
        axis=alt.Axis(domain=False, ticks=False, labels=first, labelPadding=6),
    )
    base = alt.Chart(alt.InlineData(values=records))
    ground = alt.Chart(alt.InlineData(values=[{"e": 0}]))
    colour = alt.Color("f:N", scale=None, legend=None)
    layers = []
    if bound is not None:
        band = alt.Chart(alt.InlineData(values=[{"e": -bound, "to": bound}]))
        layers.append(band.mark_rect(color=BAND, opacity=0.2).encode(x=x, x2=alt.X2("to:Q")))
    points: dict[bool, dict[str, Any]]
    points = {True: {"filled": True}, False: {"filled": False, "strokeWidth": 1.8}}
    layers += [
        ground.mark_rule(color=MUTED, strokeDash=[3, 3]).encode(x=x),
        base.mark_rule(strokeWidth=2).encode(x=alt.X("l:Q"), x2=alt.X2("h:Q"), y=y, color=colour),
        *(
            base.transform_filter(alt.FieldEqualPredicate(field="s", equal=significant))
            .mark_point(size=52, opacity=1, **style)
            .encode(x=x, y=y, color=colour)
            for significant, style in points.items()
        ),
        base.mark_text(align="right", fontSize=10, color=INK).encode(
            x=alt.XValue(_WIDTH), y=y, text=alt.Text("w:N")
        ),
    ]
    about = "shift" if row.about == "shift" else "control"
    return layered(
        *layers,
        width=_WIDTH,
        height=_ROW * len(shown),
        title=alt.TitleParams(
            row.label,
            subtitle=f"{about}: {row.asks}",
            frame="group",
            fontSize=11,
            subtitleFontSize=10,
            subtitleColor=MUTED,
        ),
    )
