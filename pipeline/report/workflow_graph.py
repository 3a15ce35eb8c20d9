"""The workflow as a picture: its rules, and what flows between them.

Declared here and not read from Snakemake, so that the report needs neither Snakemake nor Graphviz;
a test holds the declaration against the rules of workflow/rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule of the workflow.

    Attributes
    ----------
    name : str
    makes : tuple of str
        What comes out, in words: one line of the picture each.
    column, row : float
        Its place in the picture.
    per_session : bool
        Whether it runs once per session.
    after : tuple of str
        Rules whose files it reads.
    """

    name: str
    makes: tuple[str, ...]
    column: float
    row: float
    after: tuple[str, ...] = ()
    per_session: bool = False


RULES = (
    Rule(name="sample", makes=("the sample's recordings", "(where missing)"), column=0, row=0.5),
    Rule(
        name="sort",
        makes=("units from raw data", "(where asked for)"),
        column=0,
        row=1.75,
        after=("sample",),
        per_session=True,
    ),
    Rule(
        name="extract",
        makes=("LFP, units, trials,", "movement on one clock"),
        column=0,
        row=3,
        after=("sample", "sort"),
        per_session=True,
    ),
    Rule(
        name="measure",
        makes=("every metric in", "every epoch"),
        column=1,
        row=3,
        after=("extract",),
        per_session=True,
    ),
    Rule(
        name="cohort",
        makes=("outcomes, contrasts,", "verdicts, run.json"),
        column=2,
        row=0,
        after=("extract", "measure"),
    ),
    Rule(
        name="spectra",
        makes=("spectra, time courses,", "their clusters"),
        column=2,
        row=1,
        after=("measure",),
    ),
    Rule(
        name="behaviour",
        makes=("scored trials, errors,", "latencies"),
        column=2,
        row=2,
        after=("measure",),
    ),
    Rule(
        name="spikes",
        makes=("units, their responses", "and locking"),
        column=2,
        row=3,
        after=("measure",),
    ),
    Rule(
        name="pages",
        makes=("pages of the sessions",),
        column=2,
        row=4,
        after=("extract", "measure"),
    ),
    Rule(
        name="shuffles",
        makes=("error rates with", "shuffled labels"),
        column=3,
        row=0.55,
        after=("cohort",),
    ),
    Rule(
        name="figures",
        makes=("figures and their data",),
        column=3,
        row=2.2,
        after=("cohort", "spectra", "behaviour", "spikes"),
    ),
    Rule(
        name="tables",
        makes=("copies of the tables,", "one spreadsheet"),
        column=4,
        row=0,
        after=("cohort", "spectra", "behaviour", "spikes", "shuffles"),
    ),
    Rule(
        name="report",
        makes=("this page,", "methods in LaTeX"),
        column=4,
        row=2.2,
        after=("cohort", "spectra", "behaviour", "spikes", "shuffles", "figures", "pages"),
    ),
    Rule(
        name="acknowledge",
        makes=("fails while a failed", "session is not excluded"),
        column=4,
        row=4,
        after=("measure", "report"),
    ),
)

_WIDTH, _HEIGHT = 160.0, 62.0
_COLUMN, _ROW = 218.0, 84.0
#: columns between two boxes from which on an arrow takes the way below all rows
_FAR = 3
_MARGIN = 24.0


def alternative() -> str:
    """The picture in words: which rule reads what of which."""
    flows = "; ".join(f"{rule.name} reads {', '.join(rule.after)}" for rule in RULES if rule.after)
    return f"The {len(RULES)} rules of the workflow, from recordings to this report: {flows}."


def graph_svg() -> Markup:
    """Draw the workflow.

    Returns
    -------
    markupsafe.Markup
        An ``<svg>`` without fixed size; colours are those of the page.
    """
    from markupsafe import Markup

    places = {rule.name: _corner(rule) for rule in RULES}
    width = max(x for x, _ in places.values()) + _WIDTH + _MARGIN
    height = max(y for _, y in places.values()) + _HEIGHT + 1.5 * _MARGIN
    arrows = "".join(
        f'<path d="{_arrow(places[before], places[rule.name])}"/>'
        for rule in RULES
        for before in rule.after
    )
    boxes = "".join(_box(rule, places[rule.name]) for rule in RULES)
    return Markup(
        f'<svg class="workflow" viewBox="0 0 {width:g} {height:g}" aria-hidden="true">'
        '<defs><marker id="flow-end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>'
        f'<g class="flows" marker-end="url(#flow-end)">{arrows}</g>{boxes}</svg>'
    )


def _corner(rule: Rule) -> tuple[float, float]:
    return _MARGIN + rule.column * _COLUMN, _MARGIN + rule.row * _ROW


def _arrow(start: tuple[float, float], stop: tuple[float, float]) -> str:
    """Path from a box to another: within a column down, else from right side to left side."""
    (x0, y0), (x1, y1) = start, stop
    if x0 == x1 and y1 - y0 < 1.5 * _ROW:
        return f"M{x0 + _WIDTH / 2:g} {y0 + _HEIGHT:g}V{y1:g}"
    from_y, to_y = y0 + _HEIGHT / 2, y1 + _HEIGHT / 2
    if x0 == x1:  # around the boxes between
        aside = x0 - 0.8 * _MARGIN
        return f"M{x0:g} {from_y:g}C{aside:g} {from_y:g} {aside:g} {to_y:g} {x1:g} {to_y:g}"
    if x1 - x0 >= _FAR * _COLUMN:
        below = _MARGIN + max(rule.row for rule in RULES) * _ROW + _HEIGHT + _MARGIN
        return (
            f"M{x0 + _WIDTH / 2:g} {y0 + _HEIGHT:g}V{below:g}H{x1 + _WIDTH / 2:g}V{y1 + _HEIGHT:g}"
        )
    from_x = x0 + _WIDTH
    middle = (from_x + x1) / 2
    return f"M{from_x:g} {from_y:g}C{middle:g} {from_y:g} {middle:g} {to_y:g} {x1:g} {to_y:g}"


def _box(rule: Rule, corner: tuple[float, float]) -> str:
    x, y = corner
    kind = "each" if rule.per_session else "once"
    middle = x + _WIDTH / 2
    lines = "".join(
        f'<text class="makes" x="{middle:g}" y="{y + 36 + 15 * index:g}">{escape(line)}</text>'
        for index, line in enumerate(rule.makes)
    )
    return (
        f'<g class="{kind}"><rect x="{x:g}" y="{y:g}" width="{_WIDTH:g}" height="{_HEIGHT:g}" '
        f'rx="6"/><text x="{middle:g}" y="{y + 19:g}">{escape(rule.name)}</text>{lines}</g>'
    )
