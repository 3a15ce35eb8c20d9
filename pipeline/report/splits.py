"""Tables beside the answer: the same question split by movement or learning.

An effect is remarked to be *not seen within* the strata by a strict rule (docs/statistics.md):
the unsplit verdict is an effect of a size that matters, and in **every** stratum the same contrast
has enough animals, is no effect by its own verdict, is less than half as large, and has a 95 %
confidence interval that excludes the unsplit estimate. Verdicts alone would not do: "no drug
effect" means smaller than the smallest effect of interest, and a stratum with few animals is
inconclusive whatever is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline.compare.verdicts import NEGLIGIBLE, ONE_CONTEXT, PILL, PROCESS
from pipeline.report.amounts import amount, interval_text
from pipeline.report.answer import EXPLORATORY
from pipeline.report.counted import n_bare
from pipeline.report.lookup import Contrasts, Effect, Evidence, rows_of, text
from pipeline.report.meanings import VERDICTS
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import SPACE, finite, listing
from pipeline.report.reasons import Reasons

if TYPE_CHECKING:
    import pandas as pd

#: levels of the splits that are known, in the order of the table; others follow as they come
_LEVELS = {
    "movement": ("rest", "walk", "run"),
    "learning": ("before_switch", "perseverative", "post_perseverative", "established"),
}
_EFFECTS = (PROCESS, PILL, ONE_CONTEXT)


@dataclass(frozen=True, kw_only=True)
class SplitCell:
    """Drug effect and verdict in one stratum."""

    verdict: str
    kind: str
    estimate: str
    interval: str
    n: str


@dataclass(frozen=True, kw_only=True)
class SplitRow:
    """One outcome and condition, unsplit and by stratum.

    ``key`` is outcome, condition, phase and modifier, as the tables name them.
    """

    key: tuple[str, ...]
    title: str
    condition: str
    phase: str
    cells: tuple[SplitCell | None, ...]
    remark: str
    declared: bool = True


@dataclass(frozen=True, kw_only=True)
class SplitTable:
    """One split: movement or learning."""

    split: str
    levels: tuple[str, ...]
    rows: tuple[SplitRow, ...]

    @property
    def declared(self) -> tuple[SplitRow, ...]:
        """Rows of the outcomes that were declared beforehand; all rows, where none was."""
        return tuple(row for row in self.rows if row.declared) or self.rows

    @property
    def exploratory(self) -> tuple[SplitRow, ...]:
        """The other rows of which there is something to remark."""
        return tuple(row for row in self._others if row.remark)

    @property
    def unremarkable(self) -> int:
        """How many rows are neither declared nor remarked upon: they stand in the tables only."""
        return sum(not row.remark for row in self._others)

    @property
    def _others(self) -> tuple[SplitRow, ...]:
        return (
            ()
            if not any(row.declared for row in self.rows)
            else tuple(row for row in self.rows if not row.declared)
        )


@dataclass(frozen=True)
class _Found:
    """A row of verdicts.tsv and the contrasts behind it."""

    verdict: Mapping[str, Any]
    evidence: Evidence

    @property
    def word(self) -> str:
        return text(self.verdict["verdict"])

    @property
    def drug(self) -> Effect | None:
        """The drug effect, averaged over levels where there are several."""
        if self.evidence.main is not None:
            return self.evidence.main
        return self.evidence.simple[0] if len(self.evidence.simple) == 1 else None


def split_tables(
    verdicts: pd.DataFrame, contrasts: Contrasts, order: Sequence[str], names: Names
) -> list[SplitTable]:
    """Set each split outcome's strata beside the unsplit result.

    An effect that is there without the split and within no stratum may have come with the time
    spent in the strata, which one sees only side by side.
    """
    records = rows_of(verdicts)
    tables = []
    for split in dict.fromkeys(text(row["split"]) for row in records if text(row["split"])):
        met = list(
            dict.fromkeys(
                text(row["split_level"]) for row in records if text(row["split"]) == split
            )
        )
        known = [level for level in _LEVELS.get(split, ()) if level in met]
        levels = (*known, *(level for level in met if level not in known))
        cells: dict[tuple[str, ...], dict[str, _Found]] = {}
        exploratory = {
            text(row["outcome"]) for row in records if text(row.get("priority")) == EXPLORATORY
        }
        for row in records:
            if text(row["split"]) not in ("", split):
                continue
            key = tuple(text(row[name]) for name in ("outcome", "condition", "phase", "modifier"))
            one = _Found(row, contrasts.of(row))
            cells.setdefault(key, {})[text(row["split_level"])] = one
        rows = [
            _row(key, found, levels, split, names)
            for key, found in cells.items()
            if any(level in found for level in levels)
        ]
        ranks = {name: index for index, name in enumerate(order)}
        rows.sort(key=lambda pair: ranks.get(pair[0], len(ranks)))
        tables.append(
            SplitTable(
                split=split,
                levels=("unsplit", *map(spoken, levels)),
                rows=tuple(
                    replace(row, declared=outcome not in exploratory) for outcome, row in rows
                ),
            )
        )
    return tables


def remarks(tables: Sequence[SplitTable]) -> dict[tuple[str, ...], str]:
    """What the splits say of a verdict, by outcome, condition, phase and modifier."""
    found: dict[tuple[str, ...], list[str]] = {}
    for table in tables:
        for row in table.rows:
            if row.remark:
                found.setdefault(row.key, []).append(row.remark)
    return {key: "; ".join(said) for key, said in found.items()}


def _cell(found: _Found, names: Names) -> SplitCell:
    drug = found.drug
    estimate, interval, n = "–", "", ""
    if drug is not None and finite(drug.estimate):
        estimate, interval = amount(drug, names), interval_text(drug, names)
        n = f"n{SPACE}={SPACE}{n_bare(drug, names)}"
    return SplitCell(
        verdict=found.word,
        kind=VERDICTS.get(found.word, ("open", ""))[0],
        estimate=estimate,
        interval=interval,
        n=n,
    )


def _row(
    key: tuple[str, ...],
    found: Mapping[str, _Found],
    levels: Sequence[str],
    split: str,
    names: Names,
) -> tuple[str, SplitRow]:
    outcome, condition, phase, _ = key
    cells = {level: _cell(one, names) for level, one in found.items()}
    return outcome, SplitRow(
        key=key,
        title=names.title(outcome),
        condition=spoken(condition),
        phase=spoken(phase),
        cells=(cells.get(""), *(cells.get(level) for level in levels)),
        remark=_remark(found, levels, split),
    )


def _remark(found: Mapping[str, _Found], levels: Sequence[str], split: str) -> str:
    """``not seen within rest or walk``, by the rule at the head of this module; else ""."""
    whole = found.get("")
    strata = {level: found[level] for level in levels if level in found}
    if whole is None or whole.word not in _EFFECTS or len(strata) < 2:
        return ""
    if text(whole.verdict["pattern"]) == NEGLIGIBLE:
        return ""
    level = text(whole.verdict["interaction_level"]) if whole.word == PROCESS else ""
    unsplit = whole.evidence.difference(level) if level else whole.drug
    if unsplit is None or not all(
        _is_absent(one, one.evidence.difference(level) if level else one.drug, unsplit)
        for one in strata.values()
    ):
        return ""
    where = listing((spoken(level) for level in strata), last="or")
    return f"not seen within {where}: in every stratum of {split} it is clearly smaller"


def _is_absent(stratum: _Found, effect: Effect | None, unsplit: Effect) -> bool:
    """Whether an effect is clearly smaller in a stratum, whose verdict does not find any."""
    barred = Reasons.of(text(stratum.verdict["why"])).barred
    if effect is None or barred or stratum.word in _EFFECTS:
        return False
    numbers = (effect.estimate, effect.ci_low, effect.ci_high, unsplit.estimate)
    if not all(finite(one) for one in numbers):
        return False
    excluded = not effect.ci_low <= unsplit.estimate <= effect.ci_high
    return excluded and abs(effect.estimate) < abs(unsplit.estimate) / 2
