"""The tests of one figure as tables: omnibus, planned contrasts, dose trends, sensitivity.

What the verdicts are read from stands first. Sensitivity analyses have a table of their own, each
beside the planned contrast that it varies, so that none is ever read alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.compare.contrasts import DIFFERENCE, IN_CONTEXT, MAIN, SIMPLE
from pipeline.compare.families import OMNIBUS
from pipeline.compare.trends import TREND
from pipeline.report.amounts import amount, digits_of
from pipeline.report.counted import lacking, n_bare, n_text
from pipeline.report.lookup import PLANNED, Effect
from pipeline.report.names import Names, capital, plural, spoken
from pipeline.report.numbers import (
    SPACE,
    adjusted_p,
    bare_p,
    count,
    f_test,
    finite,
    interval,
    listing,
    p_value,
    plain,
)

#: ends of the names of sensitivity analyses -> what was done
SENSITIVITIES = {
    "_at_equal_time": "at equal time since the dose",
    "_adjusted_for_movement": "adjusted for movement",
    "_adjusted_for_sex": "adjusted for sex",
    "_first_session_only": "first session of each animal only",
}
_FAMILIES = {
    SIMPLE: "drug effects by {one}",
    MAIN: "drug effects averaged over {s}",
    DIFFERENCE: "differences between {s}",
    IN_CONTEXT: "differences between {s} in one context",
    TREND: "dose trends",
}
NOTHING = "–"
_NO_SENSITIVITY = (*PLANNED, OMNIBUS, TREND, IN_CONTEXT)
_SLOPE = "slope per doubling of the dose"


@dataclass(frozen=True, kw_only=True)
class ContrastLine:
    """One row of the table of tests, all text; ``notes`` are numbers of the table's notes."""

    condition: str
    contrast: str
    estimate: str
    interval: str
    test: str
    model: str
    p: str
    p_adjusted: str
    companion: str
    n: str
    effect_size: str
    notes: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class SensitivityLine:
    """One sensitivity analysis beside the planned contrast that it varies, all text."""

    condition: str
    contrast: str
    planned: str
    how: str
    estimate: str
    test: str
    p: str
    n: str
    notes: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Tables:
    """All tests of one figure.

    Attributes
    ----------
    omnibus : tuple of str
        A sentence per omnibus test.
    groups : tuple of (str, tuple of ContrastLine)
        Planned contrasts and trends, each under its title; without rows, left out.
    sensitivity : tuple of SensitivityLine
    models : tuple of (str, str)
        Letter and the model that it stands for.
    notes : tuple of (int, str)
        Number and note.
    companions : tuple of str
        What the permutation tests do; one kind stands in the table's head, several in the rows.
    families : str
        Over how many tests p was adjusted.
    """

    omnibus: tuple[str, ...]
    groups: tuple[tuple[str, tuple[ContrastLine, ...]], ...]
    sensitivity: tuple[SensitivityLine, ...]
    models: tuple[tuple[str, str], ...]
    notes: tuple[tuple[int, str], ...]
    companions: tuple[str, ...]
    families: str


def tables_of(effects: Sequence[Effect], names: Names) -> Tables:
    """Sort all contrasts of one outcome, phase and modifier into tables.

    Parameters
    ----------
    effects : sequence of Effect
        As :meth:`pipeline.report.lookup.Contrasts.at` gives them.
    names : Names
        Labels.
    """
    several = len({effect.step for effect in effects}) > 1
    order = [entry.name for entry in names.plan.conditions]
    planned = sorted(
        (effect for effect in effects if effect.contrast in PLANNED),
        key=lambda effect: (
            order.index(effect.condition) if effect.condition in order else len(order),
            effect.step,
            PLANNED.index(effect.contrast),
        ),
    )
    trends = [effect for effect in effects if effect.contrast == TREND]
    omnibus = [effect for effect in effects if effect.contrast == OMNIBUS]
    narrow = [effect for effect in effects if effect.contrast == IN_CONTEXT]
    beside = [effect for effect in effects if effect.contrast not in _NO_SENSITIVITY]
    shown = [*planned, *narrow, *trends, *beside]
    models = _numbered(effect.model for effect in [*omnibus, *shown])
    letters = {model: _letter(index) for model, index in models.items()}
    notes = _numbered(note for effect in shown for note in _notes_of(effect))
    kinds = tuple(dict.fromkeys(effect.companion for effect in shown if effect.companion))
    table = _Table(names, letters, notes, named=len(kinds) > 1, steps=several)
    groups = (
        ("Planned contrasts", tuple(table.line(effect) for effect in planned)),
        ("The differences in each context", tuple(table.line(e) for e in narrow)),
        (f"Dose trends: {_SLOPE}", tuple(table.line(e) for e in trends)),
    )
    return Tables(
        omnibus=tuple(
            omnibus_sentence(effect, names, letter=letters.get(effect.model, ""), steps=several)
            for effect in omnibus
        ),
        groups=tuple((title, lines) for title, lines in groups if lines),
        sensitivity=tuple(table.beside(effect, planned) for effect in beside),
        models=tuple((letters[model], model_words(model, names)) for model in models),
        notes=tuple((index, note) for note, index in notes.items()),
        companions=kinds,
        families=_families([*planned, *narrow, *trends]),
    )


def contrast_words(effect: Effect) -> str:
    """What a contrast compares, in words."""
    base, how = split_kind(effect.contrast)
    reference = spoken(effect.reference_condition)
    level, other = spoken(effect.level), spoken(effect.reference_level)
    every = f"mean of all {plural(spoken(effect.modifier))}"
    if base == TREND:
        words = f"{level} beyond {other}" if other else level or every
    else:
        words = {
            MAIN: f"minus {reference}, {every}",
            SIMPLE: f"minus {reference}, {level}",
            DIFFERENCE: f"{level} beyond {other}",
            IN_CONTEXT: f"{level} beyond {other}, in {spoken(effect.term)}",
        }.get(base, f"{spoken(base)} {level}".strip())
    return f"{words}, {how}" if how else words


def split_kind(contrast: str) -> tuple[str, str]:
    """A contrast's kind, and the sensitivity analysis of it in words ("" for none)."""
    for suffix, words in SENSITIVITIES.items():
        if contrast.endswith(suffix):
            return contrast.removesuffix(suffix), words
    return contrast, ""


def model_kind(model: str, names: Names) -> str:
    """A model in two words: its formula stands in the table of tests."""
    return "mixed model" if "REML" in model else model_words(model, names)


def model_words(model: str, names: Names) -> str:
    """Name a model by the experimental unit that its scores are of."""
    return model.replace("per-animal", "per-cage") if names.plan.unit == "cage" else model


def omnibus_term(effect: Effect) -> str:
    """``condition``, or ``condition × context``; with what was compared, where not all were."""
    term = " × ".join(spoken(part) for part in effect.term.split(":"))
    if effect.condition:
        return f"{term} ({spoken(effect.condition)}, {spoken(effect.reference_condition)})"
    return term


def omnibus_sentence(effect: Effect, names: Names, *, letter: str = "", steps: bool) -> str:
    """``Condition × context: F(2, 14.0) = 5.20, p = .020; 8 rats.``."""
    dose = f", dose {effect.step}" if steps else ""
    what = capital(omnibus_term(effect)) + dose
    n = n_text(effect, names)
    if not finite(effect.p):
        return f"{what}: not tested ({effect.note or 'no reason was given'}); {n}."
    size = f_test(effect.statistic, effect.df_numerator, effect.df)
    model = f" [{letter}]" if letter else ""
    remark = f" ({effect.note})" if effect.note else ""
    certain = f"{p_value(effect.p)}{_family(effect)}{_search(effect)}"
    return f"{what}: {size}{model}, {certain}; {n}{remark}."


def _family(effect: Effect) -> str:
    """Holm's p where the outcome has several such tests (doses, pretreatments)."""
    if not (finite(effect.n_tests) and effect.n_tests > 1):
        return ""
    adjusted = adjusted_p(effect.p_adjusted)
    return f", {adjusted} of {count(effect.n_tests, 'test')}"


def _search(effect: Effect) -> str:
    """The false discovery rate over the outcomes of a domain; primary outcomes are not searched."""
    if not finite(effect.q_value):
        return ""
    domain = count(effect.n_outcomes, "outcome")
    return f", {p_value(effect.q_value, name='q')} over {domain} of the domain that are not primary"


def _numbered(found: Iterable[str]) -> dict[str, int]:
    return {name: index for index, name in enumerate(dict.fromkeys(filter(None, found)), start=1)}


def _letter(index: int) -> str:
    """1 -> a, 26 -> z, 27 -> aa."""
    head, last = divmod(index - 1, 26)
    return (_letter(head) if head else "") + chr(ord("a") + last)


def _notes_of(effect: Effect) -> list[str]:
    """Remarks of a row; what the title of the trends says need not be said again."""
    notes = [part.strip() for part in effect.note.split(";")]
    return [note for note in notes if note and note != _SLOPE]


def _families(effects: Sequence[Effect]) -> str:
    """Over how many tests p was adjusted, kind by kind."""
    sizes = {
        effect.contrast: (effect.n_tests, spoken(effect.modifier))
        for effect in effects
        if finite(effect.n_tests) and effect.n_tests > 0
    }
    said = [
        f"{n:.0f} {_FAMILIES[kind].format(one=modifier, s=plural(modifier))}"
        for kind in _FAMILIES
        if kind in sizes
        for n, modifier in [sizes[kind]]
    ]
    return f"Adjusted p: Holm over {listing(said)}, each kind for itself." if said else ""


class _Table:
    """Rows that share letters of models and numbers of notes."""

    def __init__(
        self,
        names: Names,
        letters: dict[str, str],
        notes: dict[str, int],
        *,
        named: bool,
        steps: bool,
    ) -> None:
        self.names = names
        self.letters = letters
        self.numbers = notes
        self.named = named
        self.steps = steps

    def line(self, effect: Effect) -> ContrastLine:
        companion = bare_p(effect.companion_p)
        if self.named and finite(effect.companion_p):
            companion += f" ({effect.companion})"
        return ContrastLine(
            condition=self._condition(effect),
            contrast=contrast_words(effect),
            estimate=self._estimate(effect),
            interval=self._interval(effect),
            test=_test(effect),
            model=self.letters.get(effect.model, ""),
            p=bare_p(effect.p),
            p_adjusted=bare_p(effect.p_adjusted),
            companion=companion,
            n=self._n(effect),
            effect_size=plain(effect.effect_size, 2) if finite(effect.effect_size) else NOTHING,
            notes=self._notes(effect),
        )

    def beside(self, effect: Effect, planned: Sequence[Effect]) -> SensitivityLine:
        base, how = split_kind(effect.contrast)
        same = [
            one
            for one in planned
            if (one.contrast, one.condition, one.level, one.reference_level, one.step)
            == (base, effect.condition, effect.level, effect.reference_level, effect.step)
        ]
        plan = same[0] if same else None
        return SensitivityLine(
            condition=self._condition(effect),
            contrast=contrast_words(plan or effect),
            planned=self._with_interval(plan) if plan else NOTHING,
            how=how or spoken(effect.contrast),
            estimate=self._with_interval(effect),
            test=f"{_test(effect)} [{self.letters.get(effect.model, NOTHING)}]",
            p=bare_p(effect.p),
            n=self._n(effect),
            notes=self._notes(effect),
        )

    def _condition(self, effect: Effect) -> str:
        return spoken(effect.condition) + (f", dose {effect.step}" if self.steps else "")

    def _estimate(self, effect: Effect) -> str:
        return amount(effect, self.names) if finite(effect.estimate) else NOTHING

    def _interval(self, effect: Effect) -> str:
        known = finite(effect.ci_low) and finite(effect.ci_high)
        digits = digits_of(effect, self.names)
        return interval(effect.ci_low, effect.ci_high, digits) if known else NOTHING

    def _with_interval(self, effect: Effect) -> str:
        within = self._interval(effect)
        size = self._estimate(effect)
        return size if within == NOTHING else f"{size} ({within})"

    def _n(self, effect: Effect) -> str:
        """Animals (or cages) with every cell, of how many, and which arm lacks some."""
        words = n_bare(effect, self.names)
        if effect.n_condition == effect.n_reference or not lacking(effect, self.names):
            return words
        drug, reference = spoken(effect.condition), spoken(effect.reference_condition)
        return f"{words} ({drug} {effect.n_condition:.0f}, {reference} {effect.n_reference:.0f})"

    def _notes(self, effect: Effect) -> tuple[int, ...]:
        return tuple(self.numbers[note] for note in dict.fromkeys(_notes_of(effect)))


def _test(effect: Effect) -> str:
    """``t(7.0) = −3.21``."""
    if not (finite(effect.statistic) and finite(effect.df)):
        return NOTHING
    return f"t({plain(effect.df, 1)}){SPACE}={SPACE}{plain(effect.statistic, 2)}"
