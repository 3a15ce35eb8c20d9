"""Grids of maps as one picture: panels, the lines and ticks around them, and the scale of colours.

All panels of a figure are pixels of a single PNG picture, because a picture of its own for each
would mostly consist of its palette. One diverging scale of colours serves every map: blue below,
white at zero, brown above; what cannot be below zero uses its upper half.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pipeline.report.assembly import Specification, figure, layered
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import count, number
from pipeline.report.png import data_uri, matrix_png
from pipeline.report.style import BAND, INK, MUTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

#: units (animals) that a point of a map rests on at least
MINIMUM_UNITS = 3
#: ends that a scale may have, in any unit, times powers of ten
_NICE = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
#: pixels: left of the panels, between them, over each row, below the last, a key
_LEFT, _GAP, _HEAD, _TITLE, _FOOT, _KEY, _KEY_GAP = 40, 12, 16, 18, 34, 132, 24
_HATCH = 7
#: colours on either side of zero
_SHADES = 8


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What the colours span: from minus ``end`` to ``end``, or from zero where ``from_zero``."""

    end: float
    words: str
    from_zero: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class Panel:
    """One map: its place in the grid, its values (lowest row first) and the words over it."""

    row: int
    column: int
    values: NDArray[Any]
    title: str
    note: str = ""
    scale: int = 0


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Ticks as (share of the way, label), and the title."""

    ticks: tuple[tuple[float, str], ...]
    title: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Grid:
    """Maps of one size with common axes.

    Attributes
    ----------
    panels : tuple of Panel
    rows : tuple of str
        Title of each row, "" for none.
    cell : (int, int)
        Pixels of one value, across and up.
    x, y : Axis
    scales : tuple of Scale
    lines : tuple of float
        Vertical lines, as shares of a panel's width.
    hatched : tuple of (float, float)
        Spans without values, likewise.
    """

    panels: tuple[Panel, ...]
    rows: tuple[str, ...]
    cell: tuple[int, int]
    x: Axis
    y: Axis
    scales: tuple[Scale, ...]
    lines: tuple[float, ...] = ()
    hatched: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, kw_only=True)
class MapFigure:
    """One figure of maps: its words, and how it is tabulated and drawn when it is written."""

    name: str
    title: str
    kind: str
    caption: str
    alt: str
    tabulate: Callable[[], pd.DataFrame]
    draw: Callable[[], Specification]

    @property
    def data(self) -> pd.DataFrame:
        """The values behind the picture."""
        return self.tabulate()


_Align = Literal["left", "center", "right"]
#: alignment, colour, points and weight of words
_Style = tuple[_Align, str, int, Literal["normal", "bold"]]


@dataclass
class _Marks:
    """Records of the layers."""

    grounds: list[dict[str, Any]] = field(default_factory=list)
    rules: list[dict[str, Any]] = field(default_factory=list)
    hatches: list[dict[str, Any]] = field(default_factory=list)
    words: dict[_Style, list[dict[str, Any]]] = field(default_factory=dict)

    def say(
        self, x: float, y: float, text: str, *, align: _Align = "left", muted: bool = True,
        size: int = 9, bold: bool = False,
    ) -> None:  # fmt: skip
        style: _Style = (align, MUTED if muted else INK, size, "bold" if bold else "normal")
        if text:
            self.words.setdefault(style, []).append({"x": round(x, 1), "y": round(y, 1), "t": text})


def scale_end(values: Iterable[float], *, share: float = 0.99) -> float:
    """Return the end of a scale: the least round number that holds so many of the values' sizes."""
    import numpy as np

    size = np.abs(np.asarray(list(values), dtype=float))
    size = size[np.isfinite(size)]
    most = float(np.quantile(size, share)) if len(size) else 0.0
    if most <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(most))
    return float(
        round(next(nice for nice in _NICE if nice * power >= most * (1 - 1e-9)) * power, 9)
    )


def grid_chart(grid: Grid) -> Specification:
    """Draw a grid of maps.

    Parameters
    ----------
    grid : Grid
        At least one panel; all have values of one shape.

    Returns
    -------
    dict
        A whole Vega-Lite specification.
    """
    import altair as alt
    import numpy as np

    size = grid.panels[0].values.shape
    width, height = size[1] * grid.cell[0], size[0] * grid.cell[1]
    tops = _tops(grid, height)
    columns = 1 + max(panel.column for panel in grid.panels)
    bottom = tops[-1] + height
    keys = sum(_KEY + _KEY_GAP + 5 * len(scale.words) for scale in grid.scales)
    total = (max(_LEFT + columns * (width + _GAP), _LEFT + keys), bottom + _FOOT + 34)
    pixels = np.full((total[1], total[0]), np.nan)
    marks = _Marks()
    held = [{p.note for p in grid.panels if p.row == row} for row in range(len(grid.rows))]
    for row, title in enumerate(grid.rows):
        # what all panels of a row say, their row says once
        title = ", ".join([title, *held[row]]) if len(held[row]) == 1 else title
        marks.say(_LEFT, tops[row] - _HEAD - 3, title, muted=False, size=11, bold=True)
    for panel in grid.panels:
        left, top = _LEFT + panel.column * (width + _GAP), tops[panel.row]
        scaled = (
            np.kron(panel.values[::-1], np.ones(grid.cell[::-1])) / grid.scales[panel.scale].end
        )
        pixels[top : top + height, left : left + width] = np.clip(scaled, -1, 1)
        below = panel.row == len(grid.rows) - 1
        first = not any(p.row == panel.row and p.column < panel.column for p in grid.panels)
        note = panel.note if len(held[panel.row]) > 1 else ""
        _frame(marks, grid, panel, (left, top, width, height), note, below=below, first=first)
    axes = f"across: {grid.x.title}; up: {grid.y.title}"
    marks.say(_LEFT, bottom + 30, axes, muted=False, size=10)
    _keys(marks, pixels, grid.scales, bottom + _FOOT + 8)
    # few colours: more cannot be told by eye, and would not compress
    uri = data_uri(matrix_png((_SHADES * pixels).round() / _SHADES, low=-1, high=1))
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, total[0]], nice=False, zero=False))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[total[1], 0], nice=False, zero=False))

    def of(records: list[dict[str, Any]]) -> alt.Chart:
        return alt.Chart(alt.InlineData(values=records))

    ends = {"x2": alt.X2("x2:Q"), "y2": alt.Y2("y2:Q")}
    layers = [
        of(marks.grounds).mark_rect(color=BAND, opacity=0.28).encode(x=x, y=y, **ends),
        of([{"u": uri}])
        .mark_image(width=total[0], height=total[1], align="left", baseline="top", aspect=False)
        .encode(x=alt.XValue(0), y=alt.YValue(0), url=alt.Url("u:N")),
    ]
    for lines, width, opacity in ((marks.rules, 1.0, 1.0), (marks.hatches, 0.7, 0.55)):
        if lines:
            path = of(_broken(lines)).mark_line(color=INK, strokeWidth=width, opacity=opacity,
                                                invalid="break-paths-show-domains")  # fmt: skip
            layers.append(path.encode(x=x, y=y, order=alt.Order("k:Q")))
    for (align, colour, points, weight), records in marks.words.items():
        words = of(records).mark_text(
            align=align, baseline="alphabetic", fontSize=points, color=colour, fontWeight=weight
        )
        layers.append(words.encode(x=x, y=y, text=alt.Text("t:N")))
    return figure(layered(*layers, width=total[0], height=total[1]))


def _broken(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Many lines as one path with gaps: a mark of its own for each takes most of a drawing."""
    ends = [
        {"x": line[x], "y": None if y is None else line[y]}
        for line in lines
        for x, y in (("x", "y"), ("x2", "y2"), ("x2", None))
    ]
    return [{"k": k, **end} for k, end in enumerate(ends)]


def _tops(grid: Grid, height: int) -> list[int]:
    """Upper edge of each row's panels."""
    tops, at = [], 0
    for title in grid.rows:
        at += _HEAD + (_TITLE if title else 2)
        tops.append(at)
        at += height
    return tops


def _frame(
    marks: _Marks, grid: Grid, panel: Panel, box: tuple[int, int, int, int], note: str, *,
    below: bool, first: bool,
) -> None:  # fmt: skip
    """What stands in and around one panel."""
    left, top, width, height = box
    marks.grounds.append({"x": left, "x2": left + width, "y": top, "y2": top + height})
    marks.say(left, top - 4, panel.title, muted=False, size=10)
    marks.say(left + width, top - 4, note, align="right")
    for share in grid.lines:
        at = left + round(share * width, 1)
        marks.rules.append({"x": at, "x2": at, "y": top, "y2": top + height})
    for start, stop in grid.hatched:
        marks.hatches += _hatch(left + start * width, left + stop * width, top, top + height)
    for share, label in grid.x.ticks if below else ():
        at = round(left + share * width, 1)
        marks.rules.append({"x": at, "x2": at, "y": top + height, "y2": top + height + 3})
        if 0.03 < share < 0.97:  # at an edge it would meet the label of the next panel
            marks.say(at, top + height + 13, label, align="center")
    for share, label in grid.y.ticks:
        at = round(top + (1 - share) * height, 1)
        marks.rules.append({"x": left - 3, "x2": left, "y": at, "y2": at})
        if first:
            marks.say(left - 5, at + 3, label, align="right")


def _hatch(left: float, right: float, top: int, bottom: int) -> list[dict[str, float]]:
    """Lines at 45 degrees across a span."""
    lines = []
    for start in range(int(top - (right - left)) + _HATCH, bottom, _HATCH):
        # a line that falls to the right, as far as it lies within the span
        x0, y0 = (left, start) if start >= top else (left + top - start, top)
        x1 = min(right, x0 + bottom - y0)
        if x1 > x0:
            line = {"x": x0, "x2": x1, "y": y0, "y2": y0 + x1 - x0}
            lines.append({name: round(value, 1) for name, value in line.items()})
    return lines


def _keys(marks: _Marks, pixels: NDArray[Any], scales: Sequence[Scale], top: int) -> None:
    """Strips of the colours with their numbers and units."""
    import numpy as np

    left = _LEFT
    for scale in scales:
        low = 0.0 if scale.from_zero else -1.0
        pixels[top : top + 9, left : left + _KEY] = np.linspace(low, 1, _KEY)
        ticks = (0, 0.5, 1) if scale.from_zero else (-1, -0.5, 0, 0.5, 1)
        for share in ticks:
            at = left + (share - low) / (1 - low) * _KEY
            marks.say(at, top + 20, number(share * scale.end), align="center")
        marks.say(left + _KEY + 12, top + 9, scale.words)
        left += _KEY + _KEY_GAP + 5 * len(scale.words)


# -- words -----------------------------------------------------------------------------------------


def n_words(rows: pd.DataFrame, names: Names) -> str:
    """``n = 6 to 8 rats``: the fewest and the most that any point of some rows rests on."""
    called = names.animals()
    least, most = int(rows["n_units"].min()), int(rows["n_units"].max())
    return f"n = {count(most, *called)}" if least == most else f"n = {least} to {most} {called[1]}"


def colour_words(scale: Scale, unit: str) -> str:
    """Where the colours end."""
    end = number(scale.end)
    return f"colour from {number(-scale.end)} (blue) over 0 (white) to {end} {unit} (brown)"


def condition_order(rows: pd.DataFrame, names: Names) -> list[str]:
    """Conditions of some rows as the plan orders them."""
    met = set(rows["condition"])
    return [entry.name for entry in names.plan.conditions if entry.name in met]


def minus_words(rows: pd.DataFrame) -> str:
    """``minus vehicle``, for rows of differences."""
    return "minus " + " or ".join(
        spoken(name) for name in dict.fromkeys(rows["reference_condition"])
    )


def subtracted_words(differences: pd.DataFrame, names: Names) -> list[str]:
    """A sentence on what stands below each drug: the rows of differences; on why, where none."""
    if len(differences):
        own = bool(differences["paired"].all())
        how = (
            f"the mean of the {names.animals()[1]}' own differences"
            if own
            else "the difference of means"
        )
        return [f"Below each drug: the same {minus_words(differences)}, {how}."]
    return ["While blind, no condition is compared with a reference."] if names.plan.blind else []
