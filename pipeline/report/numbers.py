"""How numbers are written: the only place in the report that rounds anything.

Sentences, captions, the verdict matrix and the tables all call these functions with the same rows,
so that a number reads alike wherever it stands.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from typing import TypeGuard

MINUS = "\N{MINUS SIGN}"
#: between a number and its unit: they must not part at the end of a line
SPACE = "\N{NO-BREAK SPACE}"
NOT_AVAILABLE = "not available"
#: scales whose unit is a ratio: two decimals tell all that a small cohort can know
_FIXED_DECIMALS = {"dB": 2, "log2": 2, "count": 2, "logit": 2, "time_to_event": 1}


def finite(value: object) -> TypeGuard[float]:
    """Whether a table's cell holds a number that can be printed."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def decimals(values: Iterable[float], *, scale: str) -> int:
    """Digits after the point for numbers that stand together.

    Parameters
    ----------
    values : iterable of float
        An estimate and its interval, on the outcome's scale.
    scale : str
        One of :data:`pipeline.metric.ScaleName`.

    Returns
    -------
    int
        2 on ratio scales, 1 for trials to an event; otherwise three significant digits of the
        largest number, 0 to 6.
    """
    if scale in _FIXED_DECIMALS:
        return _FIXED_DECIMALS[scale]
    largest = max((abs(value) for value in values if finite(value)), default=0.0)
    if largest == 0:
        return 1
    return min(6, max(0, 2 - math.floor(math.log10(largest))))


def plain(value: float, digits: int) -> str:
    """A number with a true minus sign, and never minus zero."""
    if not finite(value):
        return NOT_AVAILABLE
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return text.replace("-", MINUS)


def signed(value: float, digits: int) -> str:
    """A difference: its sign is always written, zero has none."""
    text = plain(value, digits)
    positive = finite(value) and float(f"{value:.{digits}f}") > 0
    return f"+{text}" if positive else text


def with_unit(text: str, unit: str) -> str:
    """A written number and its unit, which stay on one line."""
    return f"{text}{SPACE}{unit}" if unit else text


def interval(low: float, high: float, digits: int) -> str:
    """``−2.61 to −1.19``."""
    return f"{signed(low, digits)} to {signed(high, digits)}"


def p_value(p: float, *, name: str = "p") -> str:
    """``p = .002``, ``p < .001``, ``p > .999``; a missing p value says so."""
    if not finite(p):
        return f"{name} {NOT_AVAILABLE}"
    if p < 0.001:
        return f"{name}{SPACE}<{SPACE}.001"
    if p > 0.999:
        return f"{name}{SPACE}>{SPACE}.999"
    return f"{name}{SPACE}={SPACE}{f'{p:.3f}'.removeprefix('0')}"


def adjusted_p(p: float) -> str:
    """``adjusted p = .013``."""
    return p_value(p, name=f"adjusted{SPACE}p")


def bare_p(p: float | None) -> str:
    """A p value for a column whose head says what it is: ``.002``, ``< .001``, ``–``."""
    return p_value(p, name="").strip().removeprefix("=").strip() if finite(p) else "–"


def f_test(statistic: float | None, df_numerator: float | None, df: float | None) -> str:
    """``F(2, 11.4) = 5.20``; ``–`` where nothing was tested."""
    if not finite(statistic):
        return "–"
    degrees = [
        plain(value, digits) for value, digits in ((df_numerator, 0), (df, 1)) if finite(value)
    ]
    inside = f"({', '.join(degrees)})" if degrees else ""
    return f"F{inside}{SPACE}={SPACE}{plain(statistic, 2)}"


def ratio(value: float) -> str:
    """A ratio without unit, to two digits: ``3.2``, ``0.041``, ``< 0.001``, ``> 1000``."""
    if not finite(value):
        return NOT_AVAILABLE
    if value < 0.001:
        return f"<{SPACE}0.001"
    if value > 1000:
        return f">{SPACE}1000"
    return plain(value, max(0, 1 - math.floor(math.log10(value))))


def fold(log2_difference: float) -> str:
    """A difference in log2 as a factor in words: ``0.27 times``."""
    if not finite(log2_difference):
        return NOT_AVAILABLE
    factor = 2.0**log2_difference
    digits = 2 if factor < 10 else 0
    return f"{factor:.{digits}f}{SPACE}times"


def count(number: float, noun: str, plural: str | None = None) -> str:
    """``1 rat``, ``8 rats``."""
    if not finite(number):
        return f"an unknown number of {plural or noun + 's'}"
    whole = round(number)
    return f"{whole:,}{SPACE}{noun if whole == 1 else plural or noun + 's'}"


def minutes(seconds: float) -> str:
    """Seconds as minutes with one decimal at most."""
    return with_unit(f"{seconds / 60:.1f}".removesuffix(".0").replace("-", MINUS), "min")


def number(value: float) -> str:
    """A setting as it was typed: ``1``, ``0.5``, ``−1800``."""
    return f"{value:g}".replace("-", MINUS) if finite(value) else str(value)


def listing(words: Iterable[str], *, last: str = "and") -> str:
    """``a, b and c``."""
    items = list(words)
    if len(items) <= 1:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"
