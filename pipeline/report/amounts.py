"""Estimates and their certainty in words: amounts with units, factors, intervals, brackets."""

from __future__ import annotations

from pipeline.experiment.plan import AnalysisPlan
from pipeline.report.counted import n_text
from pipeline.report.lookup import Effect
from pipeline.report.names import Names
from pipeline.report.numbers import (
    SPACE,
    adjusted_p,
    decimals,
    finite,
    fold,
    interval,
    number,
    signed,
    with_unit,
)


def amount(effect: Effect, names: Names) -> str:
    """An estimate on its scale: ``−1.90 dB``."""
    return with_unit(signed(effect.estimate, digits_of(effect, names)), names.unit(effect.outcome))


def factor(effect: Effect, names: Names) -> str:
    """What a difference of logarithms means as a factor: ``0.50 times``; "" on other scales."""
    return fold(effect.estimate) if names.scale(effect.outcome) in ("log2", "count") else ""


def amount_in_words(effect: Effect, names: Names) -> str:
    """An estimate that no bracket follows: ``−1.00 log2 (0.50 times)``."""
    words = factor(effect, names)
    return amount(effect, names) + (f" ({words})" if words else "")


def digits_of(effect: Effect, names: Names) -> int:
    """Digits after the point for an effect and its interval."""
    numbers = (effect.estimate, effect.ci_low, effect.ci_high)
    return decimals(numbers, scale=names.scale(effect.outcome))


def ci_name(plan: AnalysisPlan) -> str:
    """``95 % CI``: the level follows from alpha."""
    return f"{100 * (1 - plan.alpha):g}{SPACE}%{SPACE}CI"


def certainty(effect: Effect, names: Names, *, with_n: bool = True) -> str:
    """What stands in the brackets after an estimate: factor, interval, adjusted p, n."""
    parts = [factor(effect, names), ci_text(effect, names)]
    parts.append(adjusted_p(effect.p_adjusted))
    if with_n:
        parts.append(n_text(effect, names))
    return "; ".join(filter(None, parts))


def ci_text(effect: Effect, names: Names) -> str:
    """``95 % CI −2.61 to −1.19``."""
    known = finite(effect.ci_low) and finite(effect.ci_high)
    return (f"{ci_name(names.plan)} " if known else "") + interval_text(effect, names)


def interval_text(effect: Effect, names: Names) -> str:
    """``−2.61 to −1.19``, where something else says of which level it is."""
    if not (finite(effect.ci_low) and finite(effect.ci_high)):
        return "no confidence interval"
    return interval(effect.ci_low, effect.ci_high, digits_of(effect, names))


def bound_text(bound: float, outcome: str, names: Names) -> str:
    """A smallest effect of interest, as it was declared: ``0.5 dB``."""
    return with_unit(number(bound), names.unit(outcome))
