"""What the grid says, in sentences: for the terminal and for the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.commands.power_grid import (
    DIFFERENCE,
    EQUIVALENCE,
    MAIN,
    OMNIBUS,
    SIMPLE,
    VERDICT,
    Request,
)
from pipeline.commands.power_simulation import NONE, PILL, PROCESS
from pipeline.report.names import spoken

if TYPE_CHECKING:
    import pandas as pd

#: scenario whose numbers the sentences give
MIDDLE = ("stated", "50 %")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One question of the page.

    Attributes
    ----------
    question, level, truth : str
        As in the grid's table.
    title : str
        Heading.
    finding : str
        What is found, for a sentence; ``{interaction}`` and ``{drug}`` stand for true effects.
    """

    question: str
    level: str
    truth: str
    title: str
    finding: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is said of one question.

    Attributes
    ----------
    asked : Asked
        The question.
    sentence : str
        Power at the smallest number of animals that reaches the target, or at the largest tried.
    needed : str
        Smallest number that reaches the target, in words, over the pilot's uncertainty.
    """

    asked: Asked
    sentence: str
    needed: str


def questions(request: Request) -> list[Asked]:
    """Return the questions in the order of the page; the grid has more (every level)."""
    last, first = request.design.levels[-1], request.design.levels[0]
    there, here = spoken(last), spoken(first)
    found = [
        Asked(
            question=VERDICT,
            level=PROCESS,
            truth=PROCESS,
            title="Verdict: process",
            finding="that the drug effect differs by {interaction} is called process",
        ),
        Asked(
            question=OMNIBUS,
            level="",
            truth=PROCESS,
            title="Interaction, omnibus test",
            finding="a difference of {interaction} is found by the omnibus test",
        ),
        Asked(
            question=DIFFERENCE,
            level=last,
            truth=PROCESS,
            title=f"Difference of differences, {there}",
            finding=f"a difference of differences of {{interaction}} ({there}) is found",
        ),
        Asked(
            question=VERDICT,
            level=PILL,
            truth=PILL,
            title="Verdict: pill",
            finding="a drug effect of {drug}, the same at every level, is called pill",
        ),
        Asked(
            question=MAIN,
            level="",
            truth=PILL,
            title="Main drug effect",
            finding="a main drug effect of {drug} is found",
        ),
        Asked(
            question=SIMPLE,
            level=first,
            truth=PILL,
            title=f"Simple effect, {here}",
            finding=f"a drug effect of {{drug}} in {here} is found",
        ),
        Asked(
            question=f"{EQUIVALENCE} {DIFFERENCE}",
            level="all",
            truth=PILL,
            title="Equivalence of all differences of differences",
            finding="differences that are truly zero are all shown to be smaller than matters",
        ),
        Asked(
            question=VERDICT,
            level=NONE,
            truth=NONE,
            title="Verdict: no drug effect",
            finding="a drug that truly does nothing is called no drug effect",
        ),
    ]
    return found


def answers(table: pd.DataFrame, request: Request, *, target: float, unit: str) -> list[Answer]:
    """Say the power of each question that the grid answers.

    Parameters
    ----------
    table : DataFrame
        From :func:`pipeline.commands.power_grid.run`.
    request : Request
        The run; sentences are about its largest number of units, first drop-out rate and smallest
        effects.
    target : float
        Power wanted.
    unit : str
        animal or cage.

    Returns
    -------
    list of Answer
    """
    found = []
    for asked in questions(request):
        rows = rows_of(table, asked)
        rows = rows[
            (rows["interaction_effect"] == rows["interaction_effect"].min())
            & (rows["drug_effect"] == rows["drug_effect"].min())
        ]
        if rows.empty:
            continue
        middle = rows[
            rows["uncertainty"].isin(MIDDLE)
            & (rows["units"] == max(request.units))
            & (rows["dropout"] == request.dropouts[0])
        ]
        reached = smallest(middle, target)
        shown = reached if reached is not None else int(middle["animals_per_group"].max())
        row = middle[middle["animals_per_group"] == shown].iloc[0]
        finding = asked.finding.format(
            interaction=f"{row['interaction_effect']:g}", drug=f"{row['drug_effect']:g}"
        )
        sentence = (
            f"With {group_words(shown, request, unit)}{_and_units(request, row)}, {finding} with "
            f"power {row['power']:.2f} ({row['ci_low']:.2f}-{row['ci_high']:.2f})."
        )
        found.append(
            Answer(asked=asked, sentence=sentence, needed=_needed(rows, request, target, unit))
        )
    return found


def rows_of(table: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    """Rows of the grid that answer a question."""
    return table[
        (table["question"] == asked.question)
        & (table["level"] == asked.level)
        & (table["truth"] == asked.truth)
    ]


def smallest(rows: pd.DataFrame, target: float) -> int | None:
    """Smallest N tried that reaches the target, as does every larger one tried; else None.

    Power grows with N; that a lucky point at a small N is not taken for it, all larger must agree.
    """
    rows = rows.sort_values("animals_per_group", ascending=False)
    best = None
    for n, power in zip(rows["animals_per_group"], rows["power"], strict=True):
        if power < target:
            break
        best = int(n)
    return best


def group_words(n: int, request: Request, unit: str) -> str:
    """``8 animals``, or ``8 animals per group (16 in all)``."""
    groups = request.design.n_groups
    return f"{n} {unit}s" if groups == 1 else f"{n} {unit}s per group ({n * groups} in all)"


def _and_units(request: Request, row: pd.Series) -> str:
    words = _where(request, row["units"], row["dropout"], short=False)
    return "".join(f" and {part}" for part in words)


def _where(request: Request, units: float, dropout: float, *, short: bool) -> list[str]:
    """Units and losses of a point, as far as they are worth saying."""
    unknown = all(variances.unit == 0 for _, variances in request.scenarios)
    parts = []
    if not unknown and not (short and len(request.units) == 1):
        parts.append(f"{units:g} units per cell")
    if dropout or (short and len(request.dropouts) > 1):
        parts.append(f"{dropout:.0%} of the sessions lost")
    return parts


def _needed(rows: pd.DataFrame, request: Request, target: float, unit: str) -> str:
    """Smallest N at every number of units and losses, over the pilot's uncertainty, in words."""
    found: dict[str, str] = {}
    for units in request.units:
        for dropout in request.dropouts:
            here = rows[(rows["units"] == units) & (rows["dropout"] == dropout)]
            where = ", ".join(_where(request, units, dropout, short=True))
            found[where] = _range(here, request, target)
    if len(set(found.values())) == 1:  # the same everywhere is said once
        said = next(iter(found.values()))
    else:
        said = "; ".join(f"{where}: {many}" for where, many in found.items())
    counted = f"{unit}s" if request.design.n_groups == 1 else f"{unit}s per group"
    over = " (20 to 80 % of the pilot's uncertainty)" if len(request.scenarios) > 1 else ""
    return f"Smallest number of {counted} tried that reaches {target:g}{over}: {said}."


def _range(rows: pd.DataFrame, request: Request, target: float) -> str:
    largest = max(request.animals)

    def words(label: str) -> str:
        n = smallest(rows[rows["uncertainty"] == label], target)
        return f"more than {largest}" if n is None else str(n)

    labels = [label for label, _ in request.scenarios]
    if len(labels) == 1:
        return words(labels[0])
    low, middle, high = map(words, labels)
    if low == middle == high:
        return middle
    return f"{middle} ({low} to {high})"
