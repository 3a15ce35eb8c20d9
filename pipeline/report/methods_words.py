"""How texts state a setting and what was analysed, and mark what nobody stated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.report.numbers import finite, number, with_unit

NOT_STATED = "[not stated]"


def stated(settings: Mapping[str, Any], key: str, unit: str = "") -> str:
    """Return a setting in words; :data:`NOT_STATED` where it is absent or empty.

    Parameters
    ----------
    settings : mapping
        A section of the recorded config.
    key : str
        Its name there.
    unit : str
        Of a number.
    """
    value = settings.get(key)
    if value is None or value == "":
        return NOT_STATED
    return with_unit(number(value), unit) if finite(value) else str(value)


def analysed_words(n: Mapping[str, Any]) -> str:
    """``, of which 30 were analysed``, to follow a number of sessions; "" where all were.

    Parameters
    ----------
    n : mapping
        ``sessions`` and ``analysed``, numbers of sessions.
    """
    kept = n.get("analysed")
    if kept is None or kept == n["sessions"]:
        return ""
    return f", of which {number(kept)} {'was' if kept == 1 else 'were'} analysed"
