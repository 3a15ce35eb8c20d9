"""Files of the power command: power.tsv and power.html."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands.power_grid import Request
from pipeline.commands.power_words import Answer, questions, rows_of
from pipeline.files import replacing

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.commands.power import Basis

_LIBRARIES = ("numpy", "pandas", "scipy", "vl-convert-python")
#: rooms whose sources decide the numbers
_CODE = ("compare", "commands", "experiment", "metric.py")


def write_outputs(
    folder: Path,
    table: pd.DataFrame,
    said: Sequence[Answer],
    request: Request,
    basis: Basis,
    *,
    target: float,
    unit: str,
    command: str,
) -> tuple[Path, Path]:
    """Write the table and the page.

    Parameters
    ----------
    folder : pathlib.Path
        Made if absent.
    table : DataFrame
        From :func:`pipeline.commands.power_grid.run`.
    said : sequence of Answer
        The sentences.
    request, basis : Request, Basis
        What was run, and on what grounds.
    target : float
        Power wanted.
    unit : str
        animal or cage.
    command : str
        Command line.

    Returns
    -------
    page, text : pathlib.Path
        The same command gives the same bytes.
    """
    from pipeline.report.power_page import write_power_page
    from pipeline.steps.provenance import code_hash, versions

    made = versions(*_LIBRARIES) | {"code": code_hash(*_CODE)}
    stamp: dict[str, Any] = {
        "seed": request.seed,
        "alpha": request.alpha,
        "command": command,
        "versions": "; ".join(f"{name} {version}" for name, version in made.items()),
    }
    text = folder / "power.tsv"
    with replacing(text) as part:
        table.assign(**stamp).to_csv(
            part, sep="\t", index=False, lineterminator="\n", float_format="%.6g"
        )
    page = folder / "power.html"
    write_power_page(
        page,
        panels=_panels(table, said, request),
        facts=_facts(request, basis, unit),
        components=_components(request, basis),
        checks=_checks(table),
        cautions=_cautions(request, basis),
        target=target,
        unit=unit,
        per_group=request.design.n_groups > 1,
        numbers=table,
        stamp=stamp,
    )
    return page, text


def _panels(table: pd.DataFrame, said: Sequence[Answer], request: Request) -> list[dict[str, Any]]:
    """One panel per question that the grid answers: words and rows, each row with its series."""
    answered = {(one.asked.question, one.asked.level): one for one in said}
    panels = []
    for asked in questions(request):
        rows = rows_of(table, asked)
        answer = answered.get((asked.question, asked.level))
        if rows.empty or answer is None:
            continue
        panels.append(
            {
                "title": asked.title,
                "sentence": answer.sentence,
                "needed": answer.needed,
                "rows": rows.assign(series=_series(rows, asked.truth)),
            }
        )
    return panels


def _series(rows: pd.DataFrame, truth: str) -> list[str]:
    """What distinguishes the curves of a panel: what has several values in it."""
    effect = {"process": "interaction_effect", "pill": "drug_effect"}.get(truth, "")
    parts = [
        ("units", lambda value: f"{value:g} units"),
        ("dropout", lambda value: f"{value:.0%} of the sessions lost" if value else "none lost"),
        (effect, lambda value: f"effect {value:g}"),
    ]
    names = [""] * len(rows)
    for column, words in parts:
        if column and rows[column].nunique() > 1:
            names = [
                ", ".join(filter(None, (name, words(value))))
                for name, value in zip(names, rows[column], strict=True)
            ]
    return [name or "power" for name in names]


def _facts(request: Request, basis: Basis, unit: str) -> list[tuple[str, str]]:
    design, pilot = request.design, basis.pilot
    truths = {
        name: sorted(set(values))
        for name, values in (
            ("drug", [t.drug for t in request.truths if t.name == "pill"]),
            ("interaction", [t.interaction for t in request.truths if t.name == "process"]),
        )
    }

    def listed(values: Sequence[float]) -> str:
        scale = f" {pilot.value_unit}" if pilot and pilot.value_unit else ""
        return ", ".join(f"{value:g}" for value in values) + scale if values else "not stated"

    facts = []
    if pilot:
        facts += [
            ("Outcome", pilot.outcome),
            ("Drug", f"{pilot.condition}, {pilot.phase}"),
            (
                "Pilot",
                f"{pilot.n} {unit}s, {pilot.n_smallest} in the smallest group; "
                f"{pilot.design.words()}",
            ),
        ]
    facts += [
        ("Planned design", design.words()),
        ("Conditions", ", ".join(design.conditions)),
        (f"Levels of {basis.modifier}", ", ".join(design.levels)),
        ("True drug effect", listed(truths["drug"])),
        ("True difference of differences", listed(truths["interaction"])),
        ("Smallest drug effect of interest", listed([b for b in [request.bound.drug] if b])),
        (
            "Smallest difference of differences of interest",
            listed([b for b in [request.bound.interaction] if b]),
        ),
        ("Simulated cohorts per point", str(request.simulations)),
    ]
    return facts


def _components(request: Request, basis: Basis) -> dict[str, Any]:
    """Variance components by scenario, for a table."""
    names = {
        "animal": "animal",
        "condition": "animal x condition",
        "modifier": f"animal x {basis.modifier}",
        "cell": f"animal x condition x {basis.modifier}",
        "unit": "unit within the cell",
    }
    columns = list(request.scenarios)
    if basis.components:
        columns = [("REML estimate", basis.components.fitted), *columns]
    return {
        "columns": [label for label, _ in columns],
        "rows": [
            [text, *(f"{getattr(variances, name):.4g}" for _, variances in columns)]
            for name, text in names.items()
        ],
    }


def _checks(table: pd.DataFrame) -> dict[str, Any]:
    checked = table[table["check"] != ""]
    differs = checked[checked["check"] == "differs"]
    return {
        "n": len(checked),
        "agree": len(checked) - len(differs),
        "differs": [
            f"{row.question} {row.level}, N = {row.animals_per_group}, {row.units:g} units: "
            f"simulated {row.power_unadjusted:.3f}, closed form {row.closed_form:.3f}"
            for row in differs.itertuples()
        ],
    }


def _cautions(request: Request, basis: Basis) -> list[str]:
    from pipeline.commands.power import caution

    found = [caution(basis.pilot)] if basis.pilot else []
    if basis.components and basis.components.singular:
        found.append(
            "A variance component was estimated at or below zero: it is simulated as zero."
        )
    if basis.pilot and not any(variances.unit for _, variances in request.scenarios):
        found.append(
            "The pilot does not tell units from cells: curves hold for as many units as it had."
        )
    if basis.pilot is None:
        found.append("The variances are stated, not estimated: the curves are as good as they are.")
    if min(request.animals) < 5:
        found.append("With fewer than 5 animals in a cell there is no verdict, by rule.")
    return found
