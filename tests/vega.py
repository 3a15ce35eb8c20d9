"""Specifications held against Vega-Lite's schema (no test in here)."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def _schema() -> dict[str, Any]:
    import altair as alt

    return alt.load_schema()


def fault(specification: dict[str, Any]) -> Exception | None:
    """What the schema has against a whole specification; None when it keeps to it."""
    from altair.utils.schemapi import validate_jsonschema

    return validate_jsonschema(specification, _schema(), _schema(), raise_error=False)


def valid(specification: dict[str, Any]) -> dict[str, Any]:
    """Return the specification, once it was found to keep to the schema."""
    found = fault(specification)
    assert not found, f"a specification breaks Vega-Lite's schema: {found}"
    return specification
