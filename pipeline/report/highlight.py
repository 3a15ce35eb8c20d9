"""What lets a reader highlight one animal or one context in all figures of a chapter.

Three marks of a specification carry it; nothing of them is seen in a figure's files. Panels of one
context have a name with the context's place in the plan, which both Vega and its drawings give to
their group of marks. Marks of animals in drawings have the animal as their description, which a
drawing keeps as ``aria-label``. Charts that come alive in the page have two parameters: ``who`` and
``where``, empty until somebody chooses.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pipeline.report.names import Names

if TYPE_CHECKING:
    import altair as alt

#: parameters of charts that come alive: name of an animal, name of a context, "" for all
WHO, WHERE = "who", "where"
#: after each animal in the description of one broken line that holds a stroke of each
BETWEEN = "\N{SYMBOL FOR UNIT SEPARATOR}"


def place_of(context: str, names: Names) -> int | None:
    """Place of a context in the plan; None for what is no single context (all of them)."""
    order = names.plan.contexts
    return order.index(context) if context in order else None


def panel_name(number: int, place: int | None) -> str | None:
    """Name of a panel: its number, for names must differ, and the place of its context."""
    return None if place is None else f"p{number}_c{place}"


def parameters() -> list[dict[str, Any]]:
    """The two parameters, as a specification declares them; nothing is chosen."""
    return [{"name": WHO, "value": ""}, {"name": WHERE, "value": ""}]


def by_animal(*, chosen: float, other: float, none: float) -> dict[str, str]:
    """A value of a mark of one animal: while it is chosen, another is, or none is."""
    return {"expr": f"{WHO}?{WHO}===datum.animal?{chosen}:{other}:{none}"}


def by_level(*, other: float, none: float, always: Iterable[str] = ()) -> dict[str, str]:
    """A value of a mark of one context: ``other`` while another one is chosen, else ``none``.

    Parameters
    ----------
    other, none : float
        The values.
    always : iterable of str
        Contexts that concern every mark, such as the one that all are compared with.
    """
    spared = "".join(f"&&{WHERE}!=={json.dumps(level)}" for level in always)
    return {"expr": f"{WHERE}&&{WHERE}!==datum.level{spared}?{other}:{none}"}


def of_animal(chart: alt.Chart, field: str) -> alt.Chart:
    """Let the marks of a drawing carry their animal (or several, see :data:`BETWEEN`).

    Parameters
    ----------
    chart : altair.Chart
        With its mark set.
    field : str
        Field that names the animal. A broken line has the text in its first record: the animals in
        the order of its strokes, :data:`BETWEEN` after each.
    """
    import altair as alt

    mark: Any = chart.mark  # the name of a mark, or its definition
    mark = mark.copy() if isinstance(mark, alt.MarkDef) else alt.MarkDef(mark)
    mark.aria = True
    described = chart.copy(deep=False)
    described.mark = mark
    return described.encode(description=alt.Description(field, type="nominal"))
