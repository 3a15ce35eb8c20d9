"""A pilot: what a finished run says of the variances, and of the design it had."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.power_design import Design, Varies, near
from pipeline.errors import InputError
from pipeline.experiment.plan import PlanBound

if TYPE_CHECKING:
    import pandas as pd

#: experimental units per group below which a pilot says nothing about variances
MINIMUM = 3

_OPTION = {"modifier": "--question", "phase": "--phase", "condition": "--condition"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Pilot:
    """Cells of one outcome of a finished run.

    Attributes
    ----------
    outcome, condition, phase, modifier : str
        What was asked; ``condition`` is the drug whose verdict was read.
    unit : str
        The experimental unit: animal or cage.
    design : Design
        As the pilot was run: conditions (reference first) and levels (reference level first).
    cells : DataFrame
        animal (the experimental unit), condition, level, value (on the outcome's own scale, the
        baseline subtracted where that is the rule): one row per cell.
    units : float
        Entities per cell (harmonic mean).
    bound : PlanBound
        Smallest effects declared for the outcome.
    value_unit : str
        Of the value on its scale.
    n_smallest : int
        Experimental units in the smallest group.
    """

    outcome: str
    condition: str
    phase: str
    modifier: str
    unit: str
    design: Design
    cells: pd.DataFrame
    units: float
    bound: PlanBound
    value_unit: str
    n_smallest: int

    @property
    def n(self) -> int:
        """How many experimental units there are."""
        return int(self.cells["animal"].nunique())


def cohort_folder(folder: Path) -> Path:
    """Return where the cohort's tables lie, given ``results/`` or ``results/cohort/``.

    Raises
    ------
    InputError
        If there are none.
    """
    needed = ("outcomes.parquet", "verdicts.tsv")
    for place in (folder / "cohort", folder):
        if all((place / name).is_file() for name in needed):
            return place
    raise InputError(
        f"--pilot: {folder}: found no cohort/outcomes.parquet with cohort/verdicts.tsv; expected "
        "the results folder of a finished run (was the workflow run to its end, and from here?)"
    )


def read_pilot(
    folder: Path,
    outcome: str,
    *,
    condition: str | None = None,
    phase: str | None = None,
    modifier: str | None = None,
) -> Pilot:
    """Read a pilot's cells, design and declared smallest effects.

    Parameters
    ----------
    folder : pathlib.Path
        ``results/`` of a run.
    outcome : str
        Its id.
    condition, phase, modifier : str, optional
        Which of the run's verdicts; by default the first in verdicts.tsv.

    Returns
    -------
    Pilot

    Raises
    ------
    InputError
        No results; an outcome, condition, phase or modifier that the run does not have; a modifier
        that comes with conditions of its own; too few animals.
    """
    import pandas as pd

    from pipeline.compare import analysis_values
    from pipeline.compare.tables import CONTRASTS, VERDICTS
    from pipeline.steps.typed import read_typed

    place = cohort_folder(folder)
    outcomes = pd.read_parquet(place / "outcomes.parquet")
    verdicts = read_typed(place / "verdicts.tsv", VERDICTS)
    verdicts = verdicts[verdicts["split"] == ""]
    _one_of(outcome, verdicts["outcome"], "--outcome", f"an outcome of {place}/verdicts.tsv")
    asked = verdicts[verdicts["outcome"] == outcome]
    for name, wanted in (("modifier", modifier), ("phase", phase), ("condition", condition)):
        if wanted is not None:
            _one_of(wanted, asked[name], _OPTION[name], f"a {name} that the run asked about")
            asked = asked[asked[name] == wanted]
    row = asked.iloc[0]
    if row["modifier"] == "pretreatment":
        raise InputError(
            "--question: found pretreatment; expected a modifier whose levels share their "
            "conditions (state the components with --variances instead)"
        )
    table = outcomes.assign(value=analysis_values(outcomes)["analysed"])
    table = table[
        (table["outcome"] == outcome)
        & (table["phase"] == row["phase"])
        & (table["split"] == "")
        & (table["step"] == row["step"])
        & (table["condition"] != "none")
    ]
    contrasts = place / "contrasts.tsv"
    unit = "animal"
    if contrasts.is_file():
        tested = read_typed(contrasts, CONTRASTS)
        tested = tested[tested["outcome"] == outcome]
        unit = "cage" if (tested["n_units"] < tested["n_animals"]).any() else "animal"
    cells = _cells(table, str(row["modifier"]), unit)
    conditions = _order(cells["condition"], [row["reference_condition"], row["condition"]])
    levels = _order(cells["level"], [row["reference_level"]])
    design = _design(cells, conditions, levels)
    bound = {
        name: None if pd.isna(value) else float(value)
        for name, value in (
            ("drug", row["smallest_drug"]),
            ("interaction", row["smallest_interaction"]),
        )
    }
    return Pilot(
        outcome=outcome,
        condition=str(row["condition"]),
        phase=str(row["phase"]),
        modifier=str(row["modifier"]),
        unit=unit,
        design=design,
        cells=cells,
        units=float(1 / (1 / table["n_entities"].clip(lower=1)).mean()),
        bound=PlanBound(**bound),
        value_unit=str(table["value_unit"].iloc[0]),
        n_smallest=_smallest_group(cells, design, unit, outcome),
    )


def _one_of(name: str, known: Iterable[str], option: str, expected: str) -> None:
    names = list(dict.fromkeys(known))
    if name not in names:
        shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        raise InputError(
            f"{option}: found {name!r}{near(name, names)}; expected {expected}: {shown}"
        )


def _cells(table: pd.DataFrame, modifier: str, unit: str) -> pd.DataFrame:
    """One value per experimental unit, condition and level, as compare averages them."""
    level = table[modifier]
    table = table.assign(level=level.astype("str").where(level.notna(), ""))
    table = table[table["level"] != ""]
    keys = ["animal", "condition", "level"]
    by_context = table.groupby([*keys, "cage", "context"], sort=True)["value"].mean().reset_index()
    if modifier != "context":  # the mean over contexts, of animals that have them all
        contexts = by_context["context"].nunique()
        sizes = by_context.groupby(keys)["context"].transform("size")
        by_context = by_context[sizes == contexts]
    if unit == "cage":
        by_context = by_context.assign(animal=by_context["cage"])
    return by_context.groupby(keys, sort=True)["value"].mean().reset_index()


def _order(met: pd.Series, first: list[str]) -> tuple[str, ...]:
    names = sorted(set(met))
    return tuple(dict.fromkeys([*(name for name in first if name in names), *names]))


def _design(cells: pd.DataFrame, conditions: tuple[str, ...], levels: tuple[str, ...]) -> Design:
    """Read from the cells what varies within animals, by the rule of compare."""
    drug = (cells.groupby(["animal", "level"])["condition"].nunique() > 1).any()
    modifier = (cells.groupby(["animal", "condition"])["level"].nunique() > 1).any()
    varies: dict[bool, Varies] = {True: "within", False: "between"}
    return Design(
        drug=varies[bool(drug)],
        modifier=varies[bool(modifier)],
        conditions=conditions,
        levels=levels,
    )


def _smallest_group(cells: pd.DataFrame, design: Design, unit: str, outcome: str) -> int:
    """Experimental units in the smallest group.

    Raises
    ------
    InputError
        If there are fewer than MINIMUM, or fewer than two conditions or levels.
    """
    for name, found in (("conditions", design.conditions), ("levels", design.levels)):
        if len(found) < 2:
            raise InputError(
                f"--pilot: {outcome}: found the {name} {', '.join(found) or 'none'}; expected two "
                "or more (the pilot says nothing about how effects vary; use --variances)"
            )
    between = [
        name
        for name, varies in (("condition", design.drug), ("level", design.modifier))
        if varies == "between"
    ]
    by = cells.groupby(between) if between else cells.groupby(lambda _: "all")
    sizes = by["animal"].nunique()
    if sizes.min() < MINIMUM:
        group = sizes.idxmin()
        where = ", ".join(group) if isinstance(group, tuple) else str(group)
        raise InputError(
            f"--pilot: {outcome}: found {sizes.min()} {unit}s in {where}; expected {MINIMUM} or "
            "more in every group (too few animals to tell a variance; state the components with "
            "--variances)"
        )
    return int(sizes.min())
