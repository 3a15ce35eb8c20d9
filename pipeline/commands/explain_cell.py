"""One value of an outcome, from its observations on, so that a calculator can follow it.

The arithmetic is written out here a second time, number by number, and is held against what the
run stored: it is a check of the stored value, not a reading of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.commands.explain_run import Run

if TYPE_CHECKING:
    import pandas as pd

#: entities (units) of which the arithmetic is shown
_SHOWN = 4
#: relative difference that rounding in another order may make
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Entity:
    """A region, pair, animal or unit in one cell.

    Attributes
    ----------
    name : str
        Unit id, else "".
    value : float
        On the scale of the outcome.
    lines : tuple of str
        How it came about.
    """

    name: str
    value: float
    lines: tuple[str, ...]


def number(value: float) -> str:
    """Return a number with enough digits to go on with a calculator."""
    return f"{value:.7g}"


def same(one: float, other: float) -> bool:
    """Whether two numbers agree, apart from rounding."""
    return math.isclose(one, other, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)


def records(rows: pd.DataFrame) -> list[Any]:
    """Return the rows of a table with their columns as attributes."""
    return list(rows.itertuples())


def rows_of(run: Run, cell: pd.Series) -> pd.DataFrame:
    """Return the observations of one cell, in the order of units and intervals."""
    keys = ("session", "anchor", "step", "phase", "context", "split", "split_level")
    rows = run.observations
    for key in keys:
        rows = rows[rows[key] == cell[key]]
    return rows.sort_values(["unit_id", "interval"], kind="stable")


def entities(run: Run, cell: pd.Series) -> list[Entity]:
    """Bring the observations of a cell to the outcome's scale, entity by entity.

    Parameters
    ----------
    run : Run
    cell : Series
        A row of ``run.outcomes``.

    Returns
    -------
    list of Entity
        Those that have a value on the scale.
    """
    found = []
    for name, rows in rows_of(run, cell).groupby("unit_id", sort=True):
        rows = rows[rows["value"].map(math.isfinite)]
        if rows.empty:
            continue
        raw, lines = _together(run, rows)
        seconds, n = rows["seconds"].sum(), rows["n_effective"].sum()
        value, formula = on_scale(run, raw, seconds=seconds, n=n)
        if math.isfinite(value):
            unit = f" {rows['value_unit'].iloc[0]}".rstrip()
            if formula:
                lines.append(f"on the scale of comparison: {formula} = {number(value)}")
            else:
                lines.append(f"compared as it is: {number(value)}{unit}")
            found.append(Entity(str(name), value, tuple(lines)))
    return found


def _together(run: Run, rows: pd.DataFrame) -> tuple[float, list[str]]:
    """Combine the intervals of one entity, weighted as its metric declares."""
    unit = f" {rows['value_unit'].iloc[0]}".rstrip()
    lines = [f"{_interval(row)}: {number(row.value)}{unit}" for row in records(rows)]
    if len(rows) == 1:
        return float(rows["value"].iloc[0]), lines
    name = "seconds" if run.rule.weight == "seconds" else "n_effective"
    weights, values = rows[name].tolist(), rows["value"].tolist()
    total = math.fsum(weights)
    raw = math.fsum(w * v for w, v in zip(weights, values, strict=True)) / total
    terms = " + ".join(f"{number(w)} x {number(v)}" for w, v in zip(weights, values, strict=True))
    by = "seconds" if name == "seconds" else rows["n_effective_unit"].iloc[0]
    lines.append(f"together, weighted by {by}: ({terms}) / {number(total)} = {number(raw)}{unit}")
    return raw, lines


def _interval(row: Any) -> str:
    """Say when an observation was made and what it rests on."""
    if not math.isfinite(row.start_s):
        return "a value of measurements.tsv"
    basis = [] if math.isnan(row.seconds) else [f"{number(row.seconds)} s used"]
    if math.isfinite(row.n_effective):
        basis.append(f"{number(row.n_effective)} {row.n_effective_unit}")
    where = f"interval {row.interval}, " if row.interval else ""
    return f"{where}{row.start_s:g} to {row.stop_s:g} s of the session ({', '.join(basis)})"


def on_scale(run: Run, raw: float, *, seconds: float, n: float) -> tuple[float, str]:
    """Return a raw value on the outcome's scale, and the formula with its numbers.

    Parameters
    ----------
    run : Run
        Its rule names the scale.
    raw : float
        In the unit of the observations.
    seconds, n : float
        What it rests on.

    Returns
    -------
    value : float
        NaN where the scale has none.
    formula : str
        "" where the scale leaves values as they are.
    """
    rule = run.rule
    half = rule.zero_offset == "half_count"
    inside = f"{number(raw)} + 0.5 / {number(seconds)}" if half else number(raw)
    if rule.scale in ("dB", "log2"):
        shifted = raw + (0.5 / seconds if half else 0.0)
        if not shifted > 0:
            return math.nan, ""
        if rule.scale == "dB":
            return 10 * math.log10(shifted), f"10 log10({inside})"
        return math.log2(shifted), f"log2({inside})"
    if rule.scale == "count":
        return (math.log2(raw + 0.5), f"log2({number(raw)} + 0.5)") if raw >= 0 else (math.nan, "")
    if rule.scale == "logit":
        return _logit(raw, n, counted=rule.counted)
    return raw, ""


def _logit(share: float, n: float, *, counted: bool) -> tuple[float, str]:
    if counted:
        if not n > 0:
            return math.nan, ""
        yes = share * n
        formula = f"ln(({number(yes)} + 0.5) / ({number(n - yes)} + 0.5))"
        return math.log((yes + 0.5) / (n - yes + 0.5)), formula
    if not 0 < share < 1:
        return math.nan, ""
    return math.log(share / (1 - share)), f"ln({number(share)} / (1 - {number(share)}))"


def baseline_cells(run: Run, cell: pd.Series) -> pd.DataFrame:
    """Return the baseline cells whose mean stands beside a value (one per session).

    They lie in the same series and split, in the context that the plan names; in the value's own
    session, else in the animal's sessions that belong to its anchor.
    """
    rows = run.outcomes
    context = cell["context"] if run.plan.baseline_context == "same" else run.plan.baseline_context
    rows = rows[
        (rows["phase"] == run.plan.baseline_phase)
        & (rows["animal"] == cell["animal"])
        & (rows["split"] == cell["split"])
        & (rows["split_level"] == cell["split_level"])
        & (rows["context"] == context)
    ]
    same_anchor = (rows["anchor"] == cell["anchor"]) & (cell["anchor"] != "")
    if cell["baseline_source"] == "own session":
        rows = rows[rows["session"] == cell["session"]]
    else:
        given = run.observations.loc[run.observations["anchor"] == cell["anchor"], "session"]
        rows = rows[same_anchor | rows["session"].isin(set(given))]
    # the anchor's own baseline wins over one of another step
    rank = rows["step"].where(~same_anchor[rows.index], 0)
    rows = rows[rank == rank.min()]
    return rows.sort_values(["session", "anchor"]).drop_duplicates("session")


def explained_cell(run: Run, cell: pd.Series) -> tuple[list[str], bool]:
    """Return how one value was made, and whether it agrees with what is stored.

    Parameters
    ----------
    run : Run
    cell : Series
        A row of ``run.outcomes``.

    Returns
    -------
    lines : list of str
    agrees : bool
    """
    mine = entities(run, cell)
    lines = _listed(mine)
    before = baseline_cells(run, cell) if math.isfinite(cell["baseline_value"]) else None
    own = before is not None and cell["baseline_source"] == "own session"
    common: set[str] | None = None
    if before is not None and own and run.rule.by_unit and run.rule.baseline != "none":
        common = {one.name for one in mine}
        common &= {one.name for _, row in before.iterrows() for one in entities(run, row)}
        lines.append(f"units that are in value and baseline, which alone count: {len(common)}")
    value, line = _mean(mine, common)
    lines += line
    agrees = same(value, cell["value"])
    if before is not None:
        found = []
        for _, row in before.iterrows():
            theirs = entities(run, row)
            lines += [
                f"baseline ({row['session']}, {row['phase']}, {row['context']}):",
                *(f"  {one}" for one in _listed(theirs)),
            ]
            mean, line = _mean(theirs, common)
            found.append(mean)
            lines += [f"  {one}" for one in line]
        baseline = math.fsum(found) / len(found) if found else math.nan
        if len(found) > 1:
            lines.append(f"mean of the {len(found)} sessions' baselines = {number(baseline)}")
        agrees = agrees and same(baseline, cell["baseline_value"])
        lines.append(_used(run, value, baseline, str(cell["value_unit"])))
    stored = f"stored in cohort/outcomes.parquet: value {number(cell['value'])}"
    if math.isfinite(cell["baseline_value"]):
        stored += f", baseline {number(cell['baseline_value'])}"
    end = "agrees" if agrees else f"DOES NOT AGREE with {number(value)} (the files were changed?)"
    return [*lines, f"{stored}: {end}"], agrees


def _used(run: Run, value: float, baseline: float, unit: str) -> str:
    change = f"{number(value)} - {number(baseline)} = {number(value - baseline)} {unit}".rstrip()
    if run.rule.baseline == "change":
        return f"value minus baseline, which is compared: {change}"
    if run.rule.baseline == "covariate":
        return f"the value is compared, adjusted for the baseline ({number(baseline)})"
    return f"the value is compared as it is; its baseline ({number(baseline)}) is not subtracted"


def _mean(all_of: Sequence[Entity], common: set[str] | None) -> tuple[float, list[str]]:
    """Mean over the entities that count."""
    values = [one.value for one in all_of if common is None or one.name in common]
    if not values:
        return math.nan, []
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return mean, []
    first = " + ".join(number(value) for value in values[:_SHOWN])
    more = " + ..." if len(values) > _SHOWN else ""
    return mean, [
        f"mean over {len(values)} units: ({first}{more}) / {len(values)} = {number(mean)}"
    ]


def _listed(all_of: Sequence[Entity]) -> list[str]:
    """Lines of the first entities, and how many more there are."""
    lines = []
    for one in all_of[:_SHOWN]:
        head = f"unit {one.name}: " if one.name else ""
        lines += [f"{head}{line}" for line in one.lines]
    if len(all_of) > _SHOWN:
        lines.append(f"... and {len(all_of) - _SHOWN} more units, in the same way")
    return lines
