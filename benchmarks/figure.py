"""``python -m benchmarks.figure``: docs/growth.svg, drawn from the numbers in benchmarks/results.

Four panels, each with the straight line that its points are held against: CPU seconds of a
session's jobs over its minutes, channels and units, and of the plan over the number of sessions.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.contenders import REPOSITORY, RESULTS
from benchmarks.session_growth import line

PATH = REPOSITORY / "docs" / "growth.svg"
#: size of a panel, and what lies around its axes, in pixels
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 250, 190, 46, 40, 26
_COLOURS = {"measure": "#0072b2", "extract": "#d55e00", "plan": "#555555"}
_SHAPES = {"measure": "circle", "extract": "square", "plan": "circle"}


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel: points (x, y) of each series by name."""

    title: str
    x: str
    series: Mapping[str, Sequence[tuple[float, float]]]


def panels(results: Path) -> list[Panel]:
    """Read what the panels show from dry_run.json and session_growth.json."""
    session = json.loads((results / "session_growth.json").read_text())
    plan = json.loads((results / "dry_run.json").read_text())["by_sessions"]
    shown = []
    axes = (("seconds", "minutes", 1 / 60), ("channels", "channels", 1), ("units", "units", 1))
    for name, label, factor in axes:
        series = {
            job: sorted((row[name] * factor, row["cpu_s"]) for row in _of(session, job, name))
            for job in session["points"]
        }
        shown.append(Panel(title=f"one session, by {label}", x=label, series=series))
    points = sorted((float(n), row["cpu_s"]) for n, row in plan.items())
    shown.append(Panel(title="dry run, by sessions", x="sessions", series={"plan": points}))
    return shown


def _of(session: Mapping[str, Any], job: str, name: str) -> list[Mapping[str, Any]]:
    """The points of one series: those that are in the middle in all else."""
    others = {key: value for key, value in session["middle"][job].items() if key != name}
    rows = session["points"][job]
    return [row for row in rows if all(row[key] == value for key, value in others.items())]


def draw(shown: Sequence[Panel]) -> str:
    """The panels side by side as SVG."""
    width = _WIDTH * len(shown)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT}" '
        f'width="{width}" height="{_HEIGHT}" font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{_HEIGHT}" fill="white"/>',
    ]
    for number, panel in enumerate(shown):
        parts.append(f'<g transform="translate({number * _WIDTH} 0)">{_panel(panel)}</g>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(panel: Panel) -> str:
    points = [point for series in panel.series.values() for point in series]
    top_x, top_y = (_round_up(max(values)) for values in zip(*points, strict=True))
    plot_w, plot_h = _WIDTH - _LEFT - 14, _HEIGHT - _TOP - _BOTTOM

    def at(x: float, y: float) -> tuple[float, float]:
        return _LEFT + plot_w * x / top_x, _TOP + plot_h * (1 - y / top_y)

    drawn = [f'<text x="{_LEFT}" y="15" font-weight="bold">{panel.title}</text>']
    for share in (0, 0.5, 1):
        x, y = at(share * top_x, share * top_y)
        floor, left = _TOP + plot_h, _LEFT
        drawn += [
            f'<line x1="{left}" x2="{left + plot_w}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>',
            f'<text x="{left - 5}" y="{y + 4:.1f}" text-anchor="end">{share * top_y:g}</text>',
            f'<text x="{x:.1f}" y="{floor + 15}" text-anchor="middle">{share * top_x:g}</text>',
        ]
    drawn.append(
        f'<text x="{_LEFT + plot_w / 2}" y="{_HEIGHT - 8}" text-anchor="middle">{panel.x}</text>'
    )
    for index, (name, series) in enumerate(panel.series.items()):
        colour = _COLOURS[name]
        fit = line(*zip(*series, strict=True))
        ends = [at(x, fit["at_zero"] + fit["slope"] * x) for x in (series[0][0], series[-1][0])]
        (x1, y1), (x2, y2) = ends
        drawn.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'
        )
        drawn += [_mark(*at(x, y), _SHAPES[name], colour) for x, y in series]
        key_y = _TOP + 8 + 14 * index
        drawn += [
            _mark(_LEFT + 10, key_y, _SHAPES[name], colour),
            f'<text x="{_LEFT + 18}" y="{key_y + 4}">{name}, CPU s</text>',
        ]
    return "".join(drawn)


def _mark(x: float, y: float, shape: str, colour: str) -> str:
    if shape == "square":
        return f'<rect x="{x - 3:.1f}" y="{y - 3:.1f}" width="6" height="6" fill="{colour}"/>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 5, 6, 8 or 10 times a power of ten."""
    power = 10.0 ** (len(str(int(value))) - 1)
    return next(step * power for step in (1, 2, 4, 5, 6, 8, 10) if step * power >= value)


def main(results: Path = RESULTS, path: Path = PATH) -> int:
    """Draw the figure."""
    path.write_text(draw(panels(results)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
