"""docs/cover.svg and cover_dark.svg: data, question and report in one picture.

Traces are drawn, not recorded. Effects and verdicts are those planted in the sample experiment
(sample_data/truth.yaml), against which a test holds its report.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import yaml

from pipeline.report.style import CONDITION_COLOURS

TRUTH = Path(__file__).resolve().parents[2] / "sample_data" / "truth.yaml"
WIDTH, HEIGHT = 1000, 408
CONTEXTS = ("home_cage", "open_field", "set_shifting")
DRUGS = ("psilocybin", "ketamine", "MDMA")
#: outcome -> how the picture names it
OUTCOMES = {
    "band_power/theta@CA1": "Theta power, CA1",
    "band_power/theta@mPFC": "Theta power, mPFC",
    "band_power/low_gamma@mPFC": "Low gamma, mPFC",
    "band_power/hfo@mPFC": "HFO power, mPFC",
    "firing_rate@mPFC": "Firing rate, mPFC",
}
#: what the two answers look like: outcome and drug of the sample
PILL = ("band_power/hfo@mPFC", "psilocybin")
PROCESS = ("band_power/theta@mPFC", "ketamine")
_SHORT = {"no drug effect": "no effect", "inconclusive": "cannot tell"}
DESCRIPTION = (
    "Left: recordings and logs of one animal, an LFP trace, spikes of six units and trials with a "
    "change of the rule, before and after a dose, in three contexts. Middle: the question, whether "
    "the effect of the drug is alike in all contexts (the pill) or differs between them (the pill "
    "and the process). Right: the report, with a verdict for each outcome and drug of the sample."
)


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours of the picture on a light or a dark page; the report's own."""

    ink: str
    muted: str
    rule: str
    card: str
    pill: str
    process: str
    on_chip: str
    quiet: str
    quiet_ink: str


LIGHT = Palette(
    ink="#1d232b",
    muted="#5d6673",
    rule="#c9ced6",
    card="#fdfcf9",
    pill="#13766a",
    process="#22334f",
    on_chip="#ffffff",
    quiet="#e4e7ec",
    quiet_ink="#3f4854",
)
DARK = Palette(
    ink="#e9ebee",
    muted="#aab2bd",
    rule="#4a525e",
    card="#1c2026",
    pill="#5cc7b6",
    process="#b9cdf2",
    on_chip="#14181d",
    quiet="#333a44",
    quiet_ink="#d3d8df",
)


def _text(
    x: float, y: float, words: str, colour: str, *, size: int = 14, bold: bool = False,
    anchor: str = "start",
) -> str:  # fmt: skip
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{colour}" text-anchor="{anchor}"'
        f"{weight}>{words}</text>"
    )


def _line(
    x0: float, y0: float, x1: float, y1: float, colour: str, *, width: float = 1, dash: str = ""
) -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x0:g}" y1="{y0:g}" x2="{x1:g}" y2="{y1:g}" stroke="{colour}" '
        f'stroke-width="{width:g}"{dashes}/>'
    )


def _mark(shape: int, x: float, y: float, colour: str, *, size: float = 6) -> str:
    """Draw a context's shape: circle, square, triangle."""
    if shape == 0:
        return f'<circle cx="{x:g}" cy="{y:g}" r="{size:g}" fill="{colour}"/>'
    if shape == 1:
        side = 2 * size - 1
        return (
            f'<rect x="{x - side / 2:g}" y="{y - side / 2:g}" width="{side:g}" height="{side:g}" '
            f'fill="{colour}"/>'
        )
    points = ((x, y - size - 1), (x - size - 1, y + size), (x + size + 1, y + size))
    return f'<polygon points="{" ".join(f"{a:g},{b:g}" for a, b in points)}" fill="{colour}"/>'


def _contexts(x: float, y: float, step: float, palette: Palette) -> list[str]:
    parts = []
    for place, name in enumerate(CONTEXTS):
        at = x + place * step
        parts.append(_mark(place, at, y, palette.muted, size=4.5))
        parts.append(_text(at + 10, y + 4.5, name.replace("_", " "), palette.muted, size=12))
    return parts


def _data(palette: Palette, *, x: float, width: float) -> list[str]:
    """Draw what a lab has: a trace, spikes, trials, a dose."""
    draw = Random(11)
    dose = x + 0.36 * width
    parts = [_text(x, 30, "Your recordings and logs", palette.ink, size=17, bold=True)]
    points = []
    for step in range(int(width) * 2):
        at = step / 2
        strength = 1.0 if at < 0.36 * width else 0.35
        wave = strength * math.sin(0.42 * at) + 0.25 * math.sin(1.7 * at) + draw.gauss(0, 0.14)
        points.append(f"{x + at:.1f},{92 - 19 * wave:.1f}")
    parts.append(_text(x, 58, "LFP", palette.muted, size=12))
    parts.append(
        f'<polyline points="{" ".join(points)}" fill="none" stroke="{palette.ink}" '
        'stroke-width="1.1"/>'
    )
    parts.append(_text(x, 140, "Units", palette.muted, size=12))
    for unit in range(6):
        y = 148 + 12 * unit
        at, rate = 0.0, 0.10 + 0.02 * unit
        while True:
            changed = 2.1 if unit % 2 == 0 and at > 0.36 * width else 1.0
            at += draw.expovariate(rate * changed)
            if at > width:
                break
            parts.append(_line(x + at, y, x + at, y + 8, palette.ink, width=1.3))
    parts.append(_text(x, 246, "Trials", palette.muted, size=12))
    change = 13
    for trial in range(22):
        at = x + 7 + trial * (width - 14) / 21
        wrong = trial in (1, 3, change, change + 1, change + 3)
        fill = "none" if wrong else palette.ink
        parts.append(
            f'<circle cx="{at:.1f}" cy="262" r="4.6" fill="{fill}" stroke="{palette.ink}" '
            'stroke-width="1.3"/>'
        )
    at = x + 7 + (change - 0.5) * (width - 14) / 21
    parts += [
        _line(at, 251, at, 274, palette.muted, width=1.5),
        _text(at, 290, "new rule", palette.muted, size=12, anchor="middle"),
        _line(dose, 48, dose, 278, CONDITION_COLOURS[0], width=2, dash="5 4"),
        _text(dose + 6, 58, "dose", palette.ink, size=13, bold=True),
        *_contexts(x + 5, 322, 102, palette),
        _text(x, 356, "Open formats, tables, one config file.", palette.muted, size=13),
        _text(x, 376, "Rats or mice; drug or vehicle.", palette.muted, size=13),
    ]
    return parts


def _effects(truth: Mapping[str, Any], outcome: str, drug: str) -> list[float]:
    row = next(r for r in truth["planted"] if (r["outcome"], r["condition"]) == (outcome, drug))
    return [float(row[context]) for context in CONTEXTS]


def _small_plot(
    effects: Iterable[float], title: str, palette: Palette, *, x: float, y: float, colour: str
) -> list[str]:
    """Draw the effect in each context over a line of no effect; 10 px are 1 dB."""
    zero = y + 62
    parts = [
        _text(x, y, title, palette.ink, size=15, bold=True),
        _line(x, zero, x + 210, zero, palette.rule, width=1.5, dash="4 3"),
        _text(x + 216, zero + 4, "vehicle", palette.muted, size=12),
    ]
    places = [(x + 32 + 72 * n, zero - 11 * effect) for n, effect in enumerate(effects)]
    joined = " ".join(f"{a:g},{b:g}" for a, b in places)
    parts.append(f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
    parts += [_mark(n, a, b, colour, size=7) for n, (a, b) in enumerate(places)]
    return parts


def _question(truth: Mapping[str, Any], palette: Palette, *, x: float) -> list[str]:
    return [
        _text(x, 30, "One question", palette.ink, size=17, bold=True),
        *_small_plot(
            _effects(truth, *PILL), "The pill: alike in all contexts?", palette,
            x=x, y=66, colour=palette.ink,
        ),
        *_small_plot(
            _effects(truth, *PROCESS), "Or the pill and the process?", palette,
            x=x, y=182, colour=palette.ink,
        ),
        *_contexts(x + 5, 322, 92, palette),
        _text(x, 356, "Asked per outcome, with the animal", palette.muted, size=13),
        _text(x, 376, "as the unit of every test.", palette.muted, size=13),
    ]  # fmt: skip


def _verdict(truth: Mapping[str, Any], outcome: str, drug: str) -> str:
    return next(
        str(row["verdict"])
        for row in truth["verdicts"]
        if (row["outcome"], row["condition"], row["split"]) == (outcome, drug, "")
    )


def _chip(verdict: str, palette: Palette, *, x: float, y: float) -> list[str]:
    words = _SHORT.get(verdict, verdict)
    fill = {"pill": palette.pill, "process": palette.process}.get(verdict, palette.quiet)
    loud = verdict in ("pill", "process")
    ink = palette.on_chip if loud else palette.quiet_ink
    dash = ' stroke-dasharray="3 2"' if verdict == "inconclusive" else ""
    edge = palette.quiet_ink if verdict == "inconclusive" else fill
    return [
        f'<rect x="{x:g}" y="{y:g}" width="78" height="22" rx="4" '
        f'fill="{palette.card if dash else fill}" stroke="{edge}"{dash}/>',
        _text(x + 39, y + 15.5, words, ink, size=13, bold=loud, anchor="middle"),
    ]


def _report(truth: Mapping[str, Any], palette: Palette, *, x: float, width: float) -> list[str]:
    left, first, step = x + 12, x + 138, 83
    parts = [
        _text(x, 30, "The report", palette.ink, size=17, bold=True),
        f'<rect x="{x:g}" y="46" width="{width:g}" height="292" rx="6" fill="{palette.card}" '
        f'stroke="{palette.rule}"/>',
    ]
    for place, drug in enumerate(DRUGS):
        at = first + place * step
        parts.append(f'<circle cx="{at + 5:g}" cy="70" r="4.5" fill="{CONDITION_COLOURS[place]}"/>')
        parts.append(_text(at + 14, 74.5, drug, palette.ink, size=12, bold=True))
    for row, (outcome, words) in enumerate(OUTCOMES.items()):
        y = 92 + 48 * row
        parts.append(_line(left, y, x + width - 14, y, palette.rule))
        parts.append(_text(left, y + 29, words, palette.ink, size=13))
        for place, drug in enumerate(DRUGS):
            verdict = _verdict(truth, outcome, drug)
            parts += _chip(verdict, palette, x=first + place * step, y=y + 13)
    parts += [
        _text(x, 356, "A verdict in words, every animal shown, methods", palette.muted, size=13),
        _text(x, 376, "written; one file that works offline.", palette.muted, size=13),
    ]
    return parts


def _arrow(x: float, palette: Palette) -> list[str]:
    tip = f"{x + 26:g},190 {x + 15:g},183 {x + 15:g},197"
    return [
        _line(x, 190, x + 16, 190, palette.muted, width=3),
        f'<polygon points="{tip}" fill="{palette.muted}"/>',
    ]


def picture(palette: Palette) -> str:
    """Return the picture as SVG."""
    truth = yaml.safe_load(TRUTH.read_text(encoding="utf-8"))
    parts = [
        *_data(palette, x=4, width=272),
        *_arrow(292, palette),
        *_question(truth, palette, x=334),
        *_arrow(566, palette),
        *_report(truth, palette, x=602, width=394),
    ]
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT - 20}" '
        f'role="img" font-family="Liberation Sans, Arial, Helvetica, sans-serif">\n'
        f"<title>From data over the question to the report</title>\n<desc>{DESCRIPTION}</desc>\n"
        f"{body}\n</svg>\n"
    )


def pages() -> dict[str, str]:
    """Return the text of both pictures by file name."""
    return {"cover.svg": picture(LIGHT), "cover_dark.svg": picture(DARK)}
