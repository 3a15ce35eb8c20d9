"""One contrast, from the animals' values on: the difference of each animal, and their mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline.commands.explain_cell import number, records, same
from pipeline.commands.explain_run import Run
from pipeline.compare.outcomes import analysis_values
from pipeline.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

#: models whose estimate is a mean of differences or a difference of means
_BY_HAND = ("per-animal t", "Welch t")


def explained_contrast(run: Run, wanted: Mapping[str, str | None]) -> tuple[list[str], bool]:
    """Return the contrasts of a condition in a context, computed again from the animals' values.

    Parameters
    ----------
    run : Run
    wanted : mapping
        ``condition`` and ``context``; ``phase`` and ``split_level`` where they are given.

    Returns
    -------
    lines : list of str
    agrees : bool
        False where an estimate that is a mean of differences is not the stored one.

    Raises
    ------
    InputError
        If the run has no such contrast.
    """
    rows = run.contrasts
    rows = rows[
        (rows["condition"] == wanted["condition"])
        & (rows["level"] == wanted["context"])
        & rows["contrast"].isin(["simple", "difference_of_differences"])
        & (rows["split_level"] == (wanted["split_level"] or ""))
    ]
    if wanted["phase"]:
        rows = rows[rows["phase"] == wanted["phase"]]
    else:
        rows = rows[rows["phase"] != run.plan.baseline_phase]
    if rows.empty:
        raise InputError(
            f"{run.outcome}: found no contrast of {wanted['condition']} in {wanted['context']}; "
            f"expected one of {_choices(run.contrasts)} (cohort/contrasts.tsv)"
        )
    lines, agrees = [], True
    for _, row in rows.iterrows():
        part, same_one = _contrast(run, row)
        lines += part
        agrees = agrees and same_one
    return lines, agrees


def _choices(contrasts: pd.DataFrame) -> str:
    rows = contrasts[contrasts["contrast"] == "simple"]
    pairs = dict.fromkeys(
        f"{c} in {level}" for c, level in zip(rows["condition"], rows["level"], strict=True)
    )
    return ", ".join(pairs)


def _contrast(run: Run, row: pd.Series) -> tuple[list[str], bool]:
    reference = row["reference_level"] if row["contrast"] == "difference_of_differences" else ""
    name = f"{row['condition']} - {row['reference_condition']} in {row['level']}"
    if reference:
        name = f"({name}) - (the same in {reference})"
    lines = [f"CONTRAST {name}, {row['phase']}: stored {number(float(row['estimate']))}"]
    if row["model"] not in _BY_HAND:
        return [
            *lines,
            f"  estimated by a model, not by a mean of differences: {row['model']}",
        ], True
    values = _animals(run, row)
    if row["model"] == "Welch t":
        estimate, part = _between(values, row, reference)
    else:
        estimate, part = _within(values, row, reference)
    agrees = same(estimate, float(row["estimate"]))
    end = "agrees with" if agrees else "DOES NOT AGREE with"
    lines += [f"  {line}" for line in part]
    return [*lines, f"  computed again: {number(estimate)}, {end} the stored estimate"], agrees


def _animals(run: Run, row: pd.Series) -> dict[tuple[str, str], dict[str, float]]:
    """(condition, level) -> animal -> mean of what is compared of its sessions."""
    cells = run.outcomes.assign(analysed=analysis_values(run.outcomes)["analysed"])
    for key in ("phase", "split", "split_level"):
        cells = cells[cells[key] == row[key]]
    if row["step"]:
        cells = cells[cells["step"] == int(row["step"])]
    cells = cells[cells["analysed"].map(math.isfinite)]
    means = cells.groupby(["condition", row["modifier"] or "context", "animal"])["analysed"].mean()
    found: dict[tuple[str, str], dict[str, float]] = {}
    for one in records(means.rename("mean").reset_index()):
        # index, condition, level, animal, mean; the level's column has the modifier's name
        _, condition, level, animal, mean = one
        found.setdefault((condition, level), {})[animal] = float(mean)
    return found


def _terms(row: pd.Series, reference: str) -> list[tuple[int, tuple[str, str]]]:
    """Sign and (condition, level) of each mean that the contrast is made of."""
    terms = [
        (1, (row["condition"], row["level"])),
        (-1, (row["reference_condition"], row["level"])),
    ]
    if reference:
        terms += [(-1, (row["condition"], reference)), (1, (row["reference_condition"], reference))]
    return terms


def _within(
    values: Mapping[tuple[str, str], Mapping[str, float]], row: pd.Series, reference: str
) -> tuple[float, list[str]]:
    """Mean of the animals' own differences."""
    terms = _terms(row, reference)
    animals = sorted(set.intersection(*(set(values.get(cell, {})) for _, cell in terms)))
    lines, differences = [], []
    for animal in animals:
        parts = [(sign, values[cell][animal]) for sign, cell in terms]
        differences.append(math.fsum(sign * value for sign, value in parts))
        lines.append(f"{animal}: {_sum(parts)} = {number(differences[-1])}")
    if not differences:
        return math.nan, lines
    mean = math.fsum(differences) / len(differences)
    return mean, [*lines, f"mean of the {len(animals)} animals' differences = {number(mean)}"]


def _between(
    values: Mapping[tuple[str, str], Mapping[str, float]], row: pd.Series, reference: str
) -> tuple[float, list[str]]:
    """Difference of the groups' means."""
    parts, lines = [], []
    for sign, cell in _terms(row, reference):
        group = list(values.get(cell, {}).values())
        mean = math.fsum(group) / len(group) if group else math.nan
        parts.append((sign, mean))
        lines.append(f"mean of {' in '.join(cell)}, {len(group)} animals: {number(mean)}")
    total = math.fsum(sign * value for sign, value in parts)
    return total, [*lines, f"{_sum(parts)} = {number(total)}"]


def _sum(parts: list[tuple[int, float]]) -> str:
    """Write a sum with its signs: ``1.5 - (-2)``."""
    text = ""
    for sign, value in parts:
        shown = number(value) if value >= 0 else f"({number(value)})"
        text += f"{' + ' if sign > 0 else ' - '}{shown}" if text else shown
    return text
