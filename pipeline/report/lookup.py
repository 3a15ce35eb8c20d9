"""Rows of contrasts.tsv as records: the one way by which numbers enter sentences and figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Any, cast

from pipeline.compare.contrasts import DIFFERENCE, MAIN, SIMPLE
from pipeline.compare.families import OMNIBUS
from pipeline.compare.trends import TREND
from pipeline.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

#: what the verdicts are read from; every other contrast stands beside
PLANNED = (MAIN, SIMPLE, DIFFERENCE)


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One contrast with its uncertainty, on the outcome's own scale.

    The fields are columns of contrasts.tsv; see design.md section 5.
    """

    outcome: str
    contrast: str
    condition: str
    reference_condition: str
    modifier: str
    level: str
    reference_level: str
    phase: str
    split: str
    split_level: str
    step: int
    estimate: float
    ci_low: float
    ci_high: float
    ci90_low: float
    ci90_high: float
    p: float
    p_adjusted: float
    df: float
    statistic: float
    effect_size: float
    companion_p: float
    n_animals: float
    n_sessions: float
    n_entities: float
    model: str
    note: str
    n_units: float = float("nan")
    priority: str = ""
    term: str = ""
    df_numerator: float = float("nan")
    q_value: float = float("nan")
    n_outcomes: float = float("nan")
    n_tests: float = float("nan")
    companion: str = ""
    companion_floor: float = float("nan")
    other_scale: str = ""
    other_estimate: float = float("nan")
    other_p_adjusted: float = float("nan")
    n_complete: float = float("nan")
    n_condition: float = float("nan")
    n_reference: float = float("nan")


_TEXT = frozenset(field.name for field in fields(Effect) if field.type == "str")


def text(value: Any) -> str:
    """A cell of a text column; what pandas holds for missing is empty text."""
    from pandas import isna

    return "" if isna(value) else str(value)


def step_of(row: Mapping[str, Any]) -> int:
    """Which dose of a session a row is about; 0 where the table does not say."""
    value = text(row.get("step"))
    return int(float(value)) if value else 0


def effects_of(table: pd.DataFrame) -> list[Effect]:
    """Rows of contrasts.tsv as records, in order.

    They are read column by column: a table has some ten thousand rows of forty cells.

    Raises
    ------
    InputError
        If a column that the report needs is missing.
    """
    if table.empty:
        return []
    wanted = fields(Effect)
    missing = [f.name for f in wanted if f.name not in table and f.default is MISSING]
    if missing:
        raise InputError(
            f"contrasts.tsv: column(s) {', '.join(missing)} missing; found "
            f"{sorted(map(str, table))}; was the table written by an older version of the pipeline?"
        )
    held = [field.name for field in wanted if field.name in table]
    columns = [_cells(table[name]) for name in held]
    return [Effect(**dict(zip(held, row, strict=True))) for row in zip(*columns, strict=True)]


def _cells(column: pd.Series) -> list[Any]:
    """Cells of a column as fields of an effect: text, the number of a dose, or numbers."""
    if column.name in _TEXT:
        return _texts(column)
    if column.name == "step":
        return [int(float(word)) if word else 0 for word in _texts(column)]
    cells = zip(column.tolist(), column.isna().tolist(), strict=True)
    return [float("nan") if absent or cell == "" else float(cell) for cell, absent in cells]


def _texts(column: pd.Series) -> list[str]:
    """As :func:`text` of each cell."""
    cells = zip(column.tolist(), column.isna().tolist(), strict=True)
    return ["" if absent else str(cell) for cell, absent in cells]


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table, column -> cell; pandas does not say that names of columns are text."""
    return cast("list[dict[str, Any]]", table.to_dict("records"))


def where(table: pd.DataFrame, **keys: str) -> pd.DataFrame:
    """Rows whose text columns equal the keys; a missing value equals "".

    Raises
    ------
    InputError
        If the table lacks a column.
    """
    chosen = table
    for column, key in keys.items():
        if column not in chosen.columns:
            raise InputError(
                f"a results table has no column {column!r}; found "
                f"{sorted(map(str, chosen.columns))}"
            )
        chosen = chosen[chosen[column].fillna("").astype(str) == key]
    return chosen


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All contrasts behind one verdict.

    Attributes
    ----------
    main : Effect or None
        Drug effect averaged over the levels.
    simple : tuple of Effect
        Drug effect in each level.
    differences : tuple of Effect
        Difference of differences of each level against the reference level.
    others : tuple of Effect
        Whatever else was estimated for the condition (sensitivity analyses).
    """

    main: Effect | None = None
    simple: tuple[Effect, ...] = ()
    differences: tuple[Effect, ...] = ()
    others: tuple[Effect, ...] = ()

    def difference(self, level: str) -> Effect | None:
        """Difference of differences of one level."""
        return _first(effect for effect in self.differences if effect.level == level)

    def at(self, level: str) -> Effect | None:
        """Drug effect in one level."""
        return _first(effect for effect in self.simple if effect.level == level)


#: what one figure is about: several verdicts, and the tests of all conditions together
PLACE = ("outcome", "phase", "split", "split_level", "modifier")
#: columns that verdicts.tsv and contrasts.tsv share: together they name one verdict
KEYS = ("outcome", "condition", "phase", "split", "split_level", "modifier")


class Contrasts:
    """contrasts.tsv, found by what a verdict is about.

    Parameters
    ----------
    table : pandas.DataFrame
        contrasts.tsv; its order is kept.

    Raises
    ------
    InputError
        If a column that the report needs is missing.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        self._effects: dict[tuple[str, ...], list[Effect]] = {}
        self._places: dict[tuple[str, ...], list[Effect]] = {}
        for effect in effects_of(table):
            key = tuple(getattr(effect, name) for name in KEYS)
            self._effects.setdefault(key, []).append(effect)
            place = tuple(getattr(effect, name) for name in PLACE)
            self._places.setdefault(place, []).append(effect)

    def __iter__(self) -> Iterator[Effect]:
        """All effects, grouped by what they are about."""
        return (effect for group in self._effects.values() for effect in group)

    def at(self, *, split: str = "", split_level: str = "", **keys: str) -> tuple[Effect, ...]:
        """All rows of one outcome, phase and modifier, of all conditions, in the table's order."""
        wanted = {**keys, "split": split, "split_level": split_level}
        return tuple(self._places.get(tuple(wanted[name] for name in PLACE), ()))

    def behind(self, *, step: int = 0, **keys: str) -> Evidence:
        """Contrasts of one outcome, condition, phase, split, split_level and modifier.

        ``step`` 0 takes all doses of a session.
        """
        found = [
            effect
            for effect in self._effects.get(tuple(keys[name] for name in KEYS), [])
            if step in (0, effect.step)
        ]
        return Evidence(
            main=_first(effect for effect in found if effect.contrast == MAIN),
            simple=tuple(effect for effect in found if effect.contrast == SIMPLE),
            differences=tuple(effect for effect in found if effect.contrast == DIFFERENCE),
            others=tuple(e for e in found if e.contrast not in (*PLANNED, OMNIBUS, TREND)),
        )

    def of(self, verdict: Mapping[str, Any]) -> Evidence:
        """Contrasts that a row of verdicts.tsv was read from."""
        return self.behind(step=step_of(verdict), **{name: text(verdict[name]) for name in KEYS})


def _first(found: Iterable[Effect]) -> Effect | None:
    """The effect of the earliest step, None when there is none."""
    return min(found, key=lambda effect: effect.step, default=None)
