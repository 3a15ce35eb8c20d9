"""Figures of large cohorts, lighter within the page: many marks as one, many records as columns.

A page holds every figure twice, as a drawing and as data for Vega, and both grow with the animals.
From :data:`MANY` marks of one kind in a panel on, the page's copy of a drawing joins those that
look alike into one path, and from :data:`MANY_ROWS` records on data stand as columns. No animal is
left out, and the files beside the page stay as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from xml.etree import ElementTree

from pipeline.report.highlight import BETWEEN

#: marks of one group that stay elements of their own: 25 animals under four conditions, whose
#: points can still be told apart and chosen by a click
MANY = 100
#: records of a data set that stay rows: 25 animals under four conditions in three contexts
MANY_ROWS = 300
#: key of a specification with the data sets that stand as columns
PACKED = "packed"

_SVG = "{http://www.w3.org/2000/svg}"
#: what marks that are joined may differ in
_OWN = frozenset(("d", "transform", "data-a"))
_MOVED = re.compile(r"translate\((-?[\d.]+),(-?[\d.]+)\)")
_CIRCLE = re.compile(r"M([\d.]+),0A\1,\1,0,1,1,-\1,0A\1,\1,0,1,1,\1,0")
_COMMAND = re.compile(r"([A-Za-z])([^A-Za-z]*)")
_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?")


# -- drawings --------------------------------------------------------------------------------------


def join_marks(element: ElementTree.Element, *, of_animals: bool = False, many: int = MANY) -> None:
    """Join the marks of each crowded group that look alike, in place; other groups stay.

    Parameters
    ----------
    element : xml.etree.ElementTree.Element
        A drawing, as :func:`pipeline.report.embed.inline_svg` reads it. Marks of animals name them
        in ``data-a``; joined, they name all in their order
        (:data:`pipeline.report.highlight.BETWEEN`), each with one stroke or shape of the path.
    of_animals : bool
        Whether only marks that name an animal are joined: in drawings that stay drawings they do,
        and other marks do not grow with the animals.
    many : int
        Groups with no more marks stay.
    """
    for child in element:
        join_marks(child, of_animals=of_animals, many=many)
    if len(element) <= many:
        return
    alike: dict[tuple[tuple[str, str], ...], list[ElementTree.Element]] = {}
    for child in element:
        looks = {name: text for name, text in child.attrib.items() if name not in _OWN}
        # what cannot be joined has only itself for company
        named = "data-a" in child.attrib
        joins = child.tag == f"{_SVG}path" and named >= of_animals and _placed(child) is not None
        looks |= {"whose": str(named)} if joins else {"alone": str(id(child))}
        alike.setdefault(tuple(sorted(looks.items())), []).append(child)
    element[:] = [_joined(marks) if len(marks) > 1 else marks[0] for marks in alike.values()]


def _joined(marks: Sequence[ElementTree.Element]) -> ElementTree.Element:
    """One path of all marks, in their order; round ones become dots, which are shorter to say."""
    first = marks[0]
    kept = {name: text for name, text in first.attrib.items() if name not in _OWN}
    radii = {_radius(mark) for mark in marks}
    shapes = [shape for mark in marks if (shape := _placed(mark)) is not None]
    radius = radii.pop() if len(radii) == 1 else None
    if radius is not None:
        ring = float(kept.get("stroke-width", 1)) if "stroke" in kept else 0.0
        kept |= {"stroke": kept["fill"], "fill": "none", "stroke-linecap": "round",
                 "stroke-width": _tenths(2 * radius + ring)}  # fmt: skip
        shapes = [shape[: shape.index("a")] + "h0" for shape in shapes]
    whole = ElementTree.Element(f"{_SVG}path", kept | {"d": "".join(shapes)})
    if radius is not None:
        # a circle begins at its right end, a dot is at the middle
        whole.set("transform", f"translate({_tenths(-radius)},0)")
    if "data-a" in first.attrib:
        whole.set("data-a", "".join(mark.attrib["data-a"] + BETWEEN for mark in marks))
    return whole


def _radius(mark: ElementTree.Element) -> float | None:
    """Of a circle that is filled, and edged with nothing else; None of another mark."""
    found = _CIRCLE.fullmatch(mark.attrib["d"])
    fill = mark.attrib.get("fill", "none")
    plain = fill not in ("none", "transparent") and mark.attrib.get("stroke", fill) == fill
    plain = plain and not any(name.endswith("-opacity") for name in mark.attrib)
    return float(found[1]) if found and plain else None


def _placed(mark: ElementTree.Element) -> str | None:
    """The path of a mark where it stands, begun by its only ``M``; None if it cannot be joined."""
    whose = mark.attrib.get("data-a", "")
    moved = _MOVED.fullmatch(mark.attrib.get("transform", "translate(0,0)"))
    shape = _relative(mark.attrib.get("d", ""))
    if len(mark) or moved is None or shape is None or BETWEEN in whose:
        return None
    x, y, rest = shape
    return f"M{_tenths(x + float(moved[1]))},{_tenths(y + float(moved[2]))}{rest}"


@lru_cache(maxsize=4096)
def _relative(d: str) -> tuple[float, float, str] | None:
    """Where a path begins, and the rest of it counted from there; None of a broken path."""
    x = y = begun_x = begun_y = 0.0
    said: list[str] = []
    for index, (command, text) in enumerate(_COMMAND.findall(d)):
        n = [float(number) for number in _NUMBER.findall(text)]
        if (command == "M") != (index == 0) or len(n) != _ARGUMENTS.get(command, -1):
            return None
        to_x, to_y = x, y
        if command in "MLA":
            to_x, to_y = n[-2:]
        elif command in "Hh":
            to_x = n[0] + (x if command == "h" else 0)
        elif command in "Vv":
            to_y = n[0] + (y if command == "v" else 0)
        if command == "M":
            begun_x, begun_y = to_x, to_y
        else:
            said.append(_step(command, n, to_x - x, to_y - y))
        x, y = to_x, to_y
    return (begun_x, begun_y, "".join(said)) if said else None


#: numbers of each command that Vega writes for the marks of a panel
_ARGUMENTS = {"M": 2, "L": 2, "A": 7, "H": 1, "h": 1, "V": 1, "v": 1, "Z": 0}


def _step(command: str, n: Sequence[float], x: float, y: float) -> str:
    """One command, counted from where the path stands."""
    if command == "Z":
        return "Z"
    if command in "Hh":
        return f"h{_hundredths(x)}"
    if command in "Vv":
        return f"v{_hundredths(y)}"
    before = [_hundredths(number) for number in n[:5]] if command == "A" else []
    return command.lower() + ",".join([*before, _hundredths(x), _hundredths(y)])


def _tenths(number: float) -> str:
    """A place: in a crowd, tenths of a pixel are enough."""
    return f"{round(number, 1) + 0.0:g}"


def _hundredths(number: float) -> str:
    return f"{round(number, 2) + 0.0:g}"


# -- specifications --------------------------------------------------------------------------------


def packed(specification: dict[str, Any], *, many: int = MANY_ROWS) -> dict[str, Any]:
    """Write large data sets as columns, in which a text that recurs stands once.

    The page's script makes rows of them again, before Vega or anything else reads them.

    Parameters
    ----------
    specification : dict
        Its data sets of more than so many records move to :data:`PACKED`: name -> ``rows``, their
        number, and ``columns``, name -> list of values, or ``of`` (distinct values) and ``at``
        (place of each row's value in ``of``; absent where there is one value only). Data sets whose
        records differ in their fields stay.
    many : int
        Data sets with no more records stay.

    Returns
    -------
    dict
        The same specification where no data set is large.
    """
    large = {
        name: rows
        for name, rows in specification.get("datasets", {}).items()
        if len(rows) > many and all(row.keys() == rows[0].keys() for row in rows)
    }
    if not large:
        return specification
    rest = {name: rows for name, rows in specification["datasets"].items() if name not in large}
    return specification | {
        "datasets": rest,
        PACKED: {
            name: {
                "rows": len(rows),
                "columns": {key: _column([row[key] for row in rows]) for key in rows[0]},
            }
            for name, rows in large.items()
        },
    }


def _column(values: list[Any]) -> Any:
    """Values of a column, in whichever form is shorter."""
    # by their text: 1, 1.0 and true are equal, and must stay what they are
    texts = [json.dumps(value, ensure_ascii=False) for value in values]
    place: dict[str, int] = {}
    at = [place.setdefault(text, len(place)) for text in texts]
    first = dict(zip(reversed(at), reversed(values), strict=True))
    of = [first[index] for index in range(len(place))]
    if len(of) == 1:
        return {"of": of}
    spared = sum(map(len, texts)) - sum(map(len, place)) - sum(len(str(index)) for index in at)
    return {"of": of, "at": at} if spared > len(at) else values
