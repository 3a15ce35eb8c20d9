"""``python -m pipeline diff RESULTS_A RESULTS_B``: what changed between two runs."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.commands.changes import Change
from pipeline.commands.diff_results import SECTIONS, compare_results
from pipeline.errors import InputError
from pipeline.files import replacing

#: relative difference of two numbers below which they are the same
TOLERANCE = 1e-6
#: lines of a section on the terminal; every changed verdict is always shown
_LINES = 25
_MARKS = {"changed": "~", "new": "+", "vanished": "-", "absent": "!", "remark": " "}
_WORDS = {
    "verdicts": "verdict",
    "config": "config key",
    "data": "data item",
    "software": "software item",
    "exclusions": "session state",
    "missing cells": "missing cell",
    "estimates": "estimate",
}


def diff(
    a: Path,
    b: Path,
    *,
    html: Path | None = None,
    tsv: Path | None = None,
    tolerance: float = TOLERANCE,
    everything: bool = False,
) -> int:
    """Print what changed between two runs.

    Parameters
    ----------
    a, b : Path
        Their folders ``results``.
    html, tsv : Path, optional
        Also written there, whole.
    tolerance : float
        Relative difference of two numbers that counts as none.
    everything : bool
        Print every line, not the first of each section.

    Returns
    -------
    int
        0 if the runs are the same, 1 if they differ, 2 if they cannot be compared (as diff).
    """
    try:
        changes = compare_results(a, b, tolerance=tolerance)
        if tsv is not None:
            write_tsv(tsv, changes)
        if html is not None:
            write_html(html, a, b, changes, tolerance=tolerance)
    except (InputError, OSError) as error:
        print(f"diff: {error}", file=sys.stderr)
        return 2
    print(as_text(a, b, changes, limit=None if everything else _LINES))
    return int(is_different(changes))


def is_different(changes: Sequence[Change]) -> bool:
    """Return whether anything differs; what neither run has is no difference."""
    return any(change.kind != "remark" for change in changes)


def summary(changes: Sequence[Change]) -> str:
    """Return one line: how many differences of each kind."""
    parts = []
    for section, _ in SECTIONS:
        found = [c for c in changes if c.section == section and c.kind not in ("remark", "absent")]
        first = sum(map(_must, found)) if section == "verdicts" else len(found)
        if first:
            parts.append(f"{first} {_WORDS[section]}{'s' * (first != 1)}")
        if len(found) > first:
            parts.append(f"{len(found) - first} of the same verdict with other numbers or reasons")
    lost = sum(change.kind == "absent" for change in changes)
    if lost:
        parts.append(f"{lost} thing{'s' * (lost != 1)} that only one of them has")
    return f"Different: {', '.join(parts)}." if parts else "No differences."


def as_text(a: Path, b: Path, changes: Sequence[Change], *, limit: int | None = None) -> str:
    """Return the differences for the terminal, a section each, verdicts first."""
    lines = [f"A: {a}", f"B: {b}", summary(changes)]
    for section, what in SECTIONS:
        found = [change for change in changes if change.section == section]
        if not found:
            continue
        lines += ["", f"{section.capitalize()} ({what})"]
        kept = found if limit is None else [c for i, c in enumerate(found) if i < limit or _must(c)]
        lines += [f"  {_MARKS[change.kind]} {change.sentence}" for change in kept]
        if len(kept) < len(found):
            lines.append(f"    ... and {len(found) - len(kept)} more (--all shows them)")
    return "\n".join(lines)


def _must(change: Change) -> bool:
    """Return whether a line is shown however many there are: a verdict's word changed."""
    words = {name for name, _, _ in change.cells}
    return change.section == "verdicts" and (change.kind != "changed" or "verdict" in words)


def write_tsv(path: Path, changes: Sequence[Change]) -> None:
    """Write one row per changed cell: section, kind, what, column, a, b, sentence."""
    with (
        replacing(path) as part,
        part.open("w", newline="", encoding="utf-8") as stream,
    ):
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(("section", "kind", "what", "column", "a", "b", "sentence"))
        for change in changes:
            for cell in change.cells or (("", "", ""),):
                start = (change.section, change.kind, change.what)
                writer.writerow((*start, *cell, change.sentence))


def write_html(
    path: Path, a: Path, b: Path, changes: Sequence[Change], *, tolerance: float
) -> None:
    """Write the differences as one page that works offline."""
    from pipeline.report.embed import environment, policy, template_text, write_page

    sections = [
        (section, what, [change for change in changes if change.section == section])
        for section, what in SECTIONS
    ]
    page = environment().get_template("diff.html")
    text = page.render(
        style=template_text("style.css"),
        policy=policy(),
        a=str(a),
        b=str(b),
        summary=summary(changes),
        sections=sections,
        tolerance=f"{tolerance:g}",
    )
    write_page(path, text)
