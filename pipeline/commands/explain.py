"""``python -m pipeline explain OUTCOME``: where a number came from, back to files and samples."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.explain_cell import explained_cell, number
from pipeline.commands.explain_contrast import explained_contrast
from pipeline.commands.explain_files import explained_files
from pipeline.commands.explain_run import CHOICES, Run, chosen, read_run
from pipeline.errors import InputError
from pipeline.metric import SCALE_UNITS
from pipeline.registry import metrics

if TYPE_CHECKING:
    import pandas as pd

#: contrasts that are listed without being asked for by condition
_FIRST = ("simple", "main", "difference_of_differences", "omnibus", "trend")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "outcome", metavar="OUTCOME", help="as in the report: band_power/theta@mPFC"
    )
    parser.add_argument("--animal", help="follow this animal's values to their samples")
    parser.add_argument("--session", help="follow this session's values to their samples")
    parser.add_argument(
        "--condition", help="only this one; with --context its contrast, step by step"
    )
    parser.add_argument("--context", help="only this one")
    parser.add_argument("--phase", help="only this one")
    parser.add_argument(
        "--split", help="a part of the epochs (rest, walk, ...) instead of the whole"
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=Path("results"),
        help="folder of the run; results by default",
    )


def explain(chosen_options: argparse.Namespace) -> int:
    """Print where an outcome's numbers came from.

    Returns
    -------
    int
        0; 1 where a number that is computed again does not agree with the stored one; 2 where the
        outcome, an option's value or the run is not there.
    """
    wanted = {name: getattr(chosen_options, name, None) for name in CHOICES}
    wanted["split_level"] = chosen_options.split
    try:
        run = read_run(chosen_options.results, chosen_options.outcome)
        lines, agrees = explained(run, wanted)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(lines))
    return 0 if agrees else 1


def explained(run: Run, wanted: dict[str, str | None]) -> tuple[list[str], bool]:
    """Return all lines of the answer, and whether every number that was computed again agrees."""
    cells = chosen(run, wanted)
    lines = [*_definition(run), "", *_verdicts(run, wanted), "", *_contrasts(run, wanted)]
    agrees = True
    if wanted["condition"] and wanted["context"]:
        part, agrees = explained_contrast(run, wanted)
        lines += ["", *part]
    lines += ["", *_values(run, cells)]
    if not (wanted["animal"] or wanted["session"]):
        first = cells.iloc[0]["session"]
        lines += ["", f"To follow values to their samples: add --session {first}, or --animal."]
        return lines, agrees
    for session, rows in cells.groupby("session", sort=True):
        lines += ["", f"SESSION {session}"]
        for _, cell in rows.iterrows():
            part, same = explained_cell(run, cell)
            agrees = agrees and same
            lines += [f"{_name(cell)}:", *(f"  {line}" for line in part)]
        lines += explained_files(run, str(session), rows)
    return lines, agrees


def _definition(run: Run) -> list[str]:
    rule = run.rule
    lines = [run.outcome]
    metric = metrics().get(rule.metric)
    if rule.elsewhere:
        declared = run.plan.declared[rule.metric]
        lines.append(f"  {declared.label}: measured elsewhere, from the measurements table")
    elif metric is not None:
        lines += [
            f"  {metric.label}: {metric.description}",
            f"  definition: {metric.definition}",
            f"  source: {metric.reference}",
        ]
    unit = SCALE_UNITS[rule.scale] or rule.value_unit
    baseline = {
        "change": "the baseline is subtracted",
        "covariate": "adjusted for the baseline",
        "none": "as it is, whatever the baseline",
    }[rule.baseline]
    lines.append(
        f"  measured in {rule.value_unit or 'plain numbers'}, compared on the scale {rule.scale}"
        f" ({unit or 'plain numbers'}), {baseline}"
    )
    return lines


def _name(cell: pd.Series) -> str:
    parts = (cell[k] for k in ("condition", "phase", "context", "split_level"))
    step = f"step {cell['step']}" if cell["step"] != 1 else ""
    return ", ".join(filter(None, [*parts, step]))


def _asked(rows: pd.DataFrame, wanted: dict[str, str | None]) -> pd.DataFrame:
    """Rows of contrasts or verdicts that the options leave."""
    for name in ("condition", "phase", "split_level"):
        if wanted[name] is not None:
            rows = rows[rows[name] == wanted[name]]
        elif name == "split_level" and (rows["split"] == "").any():
            rows = rows[rows["split"] == ""]
    return rows


def _verdicts(run: Run, wanted: dict[str, str | None]) -> list[str]:
    rows = _asked(run.verdicts, wanted)
    if rows.empty:
        return ["VERDICTS (cohort/verdicts.tsv): none"]
    body = [
        [
            row["condition"],
            row["phase"],
            row["modifier"],
            row["verdict"] + (f" ({row['pattern']})" if row["pattern"] else ""),
            _short(row["drug_estimate"]),
            row["n_animals"],
            row["why"],
        ]
        for _, row in rows.iterrows()
    ]
    head = ["condition", "phase", "modifier", "verdict", "drug estimate", "animals", "why"]
    return ["VERDICTS (cohort/verdicts.tsv)", *table(head, body)]


def _contrasts(run: Run, wanted: dict[str, str | None]) -> list[str]:
    rows = _asked(run.contrasts, wanted)
    shown = rows[rows["contrast"].isin(_FIRST)]
    if wanted["phase"] is None:
        shown = shown[shown["phase"] != run.plan.baseline_phase]
    if wanted["context"]:
        shown = shown[shown["level"].isin([wanted["context"], ""])]
    body = [
        [
            row["contrast"].replace("_", " "),
            row["condition"],
            (
                f"{row['level'] or 'any'} - {row['reference_level']}"
                if row["reference_level"]
                else row["level"]
            ),
            row["phase"],
            _short(row["estimate"]),
            f"[{_short(row['ci_low'])}, {_short(row['ci_high'])}]" if row["ci_low"] else "",
            _short(row["p"]),
            _short(row["p_adjusted"]),
            row["model"],
        ]
        for _, row in shown.iterrows()
    ]
    head = [
        "contrast",
        "condition",
        "level",
        "phase",
        "estimate",
        "95 % CI",
        "p",
        "Holm p",
        "model",
    ]
    more = len(rows) - len(shown)
    return [
        "CONTRASTS (cohort/contrasts.tsv)",
        *table(head, body),
        *(
            [f"  and {more} more rows there (baseline phase, adjusted, other levels)"]
            if more
            else []
        ),
    ]


def _values(run: Run, cells: pd.DataFrame) -> list[str]:
    """One row per animal x session x cell: what the contrasts are made of."""
    change = run.rule.baseline == "change"
    body = [
        [
            row["animal"],
            row["session"],
            row["condition"],
            row["phase"],
            row["context"],
            row["split_level"],
            number(row["value"]) + (" or more" if row["censored"] else ""),
            _short(row["baseline_value"]),
            _short(row["value"] - row["baseline_value"]) if change else "",
            str(row["n_entities"]),
        ]
        for _, row in cells.iterrows()
    ]
    head = ["animal", "session", "condition", "phase", "context", "part"]
    head += ["value", "baseline", "value - baseline", "entities"]
    unit = cells.iloc[0]["value_unit"]
    title = f"VALUES of the animals, in {unit or 'plain numbers'} (cohort/outcomes.parquet)"
    return [title, *table(head, body)]


def _short(value: str | float) -> str:
    """Four digits of a number; "" where there is none."""
    if value == "" or not math.isfinite(float(value)):
        return ""
    return f"{float(value):.4g}"


def table(head: Sequence[str], body: Iterable[Sequence[str]]) -> list[str]:
    """Return rows under their heads, columns aligned, empty columns left out."""
    rows = [list(map(str, row)) for row in body]
    kept = [i for i in range(len(head)) if any(row[i] for row in rows)]
    lines = [[head[i] for i in kept], *([row[i] for i in kept] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(kept))]
    return [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
