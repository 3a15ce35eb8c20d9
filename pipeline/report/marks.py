"""What a chart's marks carry: records with positions, and with the words of their tooltips."""

from __future__ import annotations

import math
from typing import Any

from pipeline.compare.contrasts import DIFFERENCE
from pipeline.report.lookup import Effect, rows_of
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import decimals, finite, interval, p_value, plain, signed, with_unit
from pipeline.report.style import BAND, condition_colours, level_shapes
from pipeline.report.views import OutcomeView

#: between the key and the label in the name of an effect's row; the axis shows what follows it
PART = "␟"


def point_records(view: OutcomeView, names: Names) -> list[dict[str, Any]]:
    """One record per animal, condition and level, conditions in order: lines join neighbours."""
    order = {name: index for index, name in enumerate(view.conditions)}
    rows = sorted(
        rows_of(view.points),
        key=lambda row: (row["level"], row["animal"], order[row["condition"]]),
    )
    digits = decimals(view.points["value"], scale=names.scale(view.key.outcome))
    return [
        {
            "animal": row["animal"],
            "sessions": row["sessions"],
            "condition": spoken(row["condition"]),
            "level": row["level"],
            "value": rounded(row["value"]),
            "shown": _value_text(row["value"], digits, view, names),
            "censored": bool(row["censored"]),
            "remark": _remark(row),
        }
        for row in rows
    ]


def _remark(row: dict[str, Any]) -> str:
    """What a tooltip says of a point that is no plain value."""
    if row["pseudo"]:
        return f"pseudo-value{', not reached' if row['censored'] else ''}"
    return "not reached: at least this value" if row["censored"] else ""


def mean_records(view: OutcomeView, names: Names) -> list[dict[str, Any]]:
    """One record per condition and level."""
    scale = names.scale(view.key.outcome)
    records = []
    for row in rows_of(view.means):
        digits = decimals((row["mean"], row["low"], row["high"]), scale=scale)
        known = finite(row["low"])
        records.append(
            {
                "condition": spoken(row["condition"]),
                "level": row["level"],
                "value": rounded(row["mean"]),
                "low": rounded(row["low"]),
                "high": rounded(row["high"]),
                "shown": _value_text(row["mean"], digits, view, names),
                "interval": interval(row["low"], row["high"], digits) if known else "one animal",
                "n": str(row["n"]),
            }
        )
    return records


def effect_records(view: OutcomeView, names: Names) -> list[dict[str, Any]]:
    """One record per simple effect and difference of differences."""
    shapes = level_shapes(view.levels, names.plan)
    colours = condition_colours(names.plan)
    scale = names.scale(view.key.outcome)
    records = []
    for effect in view.effects:
        digits = decimals((effect.estimate, effect.ci_low, effect.ci_high), scale=scale)
        between = effect.contrast == DIFFERENCE
        against = spoken(effect.reference_level if between else effect.reference_condition)
        records.append(
            {
                "row": effect_row(effect),
                "contrast": effect.contrast,
                "level": effect.level,
                "effect": f"{spoken(effect.condition)}, {spoken(effect.level)}, against {against}",
                "estimate": rounded(effect.estimate),
                "low": rounded(effect.ci_low),
                "high": rounded(effect.ci_high),
                "colour": colours.get(effect.condition, BAND),
                "shape": shapes.get(effect.level, "circle"),
                "shown": with_unit(signed(effect.estimate, digits), view.unit),
                "interval": interval(effect.ci_low, effect.ci_high, digits),
                "p": p_value(effect.p_adjusted),
                "n": f"{effect.n_animals:.0f}",
            }
        )
    return records


def effect_row(effect: Effect) -> str:
    """Name of an effect's row: unique, with the label after :data:`PART`."""
    level = spoken(effect.level)
    label = level if effect.step <= 1 else f"{level}, dose {effect.step}"
    return f"1{effect.condition}{PART}{label}"


def header_row(effect: Effect) -> str:
    """Name of the row above a condition's effects."""
    return f"0{effect.condition}{PART}{spoken(effect.condition)}"


def rounded(value: float) -> float | None:
    """Six significant digits: more than a screen shows."""
    if not finite(value):
        return None
    return 0.0 if value == 0 else round(float(value), 5 - math.floor(math.log10(abs(value))))


def _value_text(value: float, digits: int, view: OutcomeView, names: Names) -> str:
    """A value in its unit; a change from baseline carries its sign."""
    change = names.baseline_rule(view.key.outcome) == "change"
    return with_unit(signed(value, digits) if change else plain(value, digits), view.unit)
