"""The expressions of rules, read into tables from cue to correct side; nothing is evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pipeline.experiment.strict import did_you_mean

#: What an expression may be, for error messages.
EXPRESSIONS = (
    "'follow cue', 'avoid cue', 'choose SIDE', 'reverse RULE' or 'map CUE -> SIDE, CUE -> SIDE'"
)

#: Cue of a trial on which none was shown.
NO_CUE = ""


class HasExpression(Protocol):
    """A rule, as far as it is read here."""

    @property
    def expression(self) -> str:
        """What makes a side right."""


def split_expression(expression: str) -> tuple[str, str]:
    """Verb of an expression, and what follows it."""
    verb, _, rest = " ".join(expression.split()).partition(" ")
    return verb, rest


def read_rule(
    label: str,
    *,
    rules: Mapping[str, HasExpression],
    sides: tuple[str, ...],
    cues: tuple[str, ...],
    seen: tuple[str, ...],
) -> dict[str, str]:
    """Correct side by cue; ``seen`` are the rules that led here by ``reverse``."""
    expression = rules[label].expression
    verb, rest = split_expression(expression)
    where = f"rule {label!r}: found {expression!r}"
    if verb in ("follow", "avoid") and rest == "cue":
        strangers = [cue for cue in cues if cue not in sides]
        if strangers:
            raise ValueError(
                f"{where}; expected cues that are sides, but {strangers[0]!r} is none of "
                f"{', '.join(sides)} (use 'map CUE -> SIDE')"
            )
        table = {cue: cue for cue in cues}
        return table if verb == "follow" else _other_sides(table, sides=sides, where=where)
    if verb == "choose" and rest:
        return dict.fromkeys((*cues, NO_CUE), _known(rest, sides, what="side", where=where))
    if verb == "map" and rest:
        return _read_pairs(rest, sides=sides, cues=cues, where=where)
    if verb == "reverse" and rest:
        target = _known(rest, tuple(rules), what="rule", where=where)
        if target in (*seen, label):
            raise ValueError(f"{where}; expected a rule that does not lead back to itself")
        table = read_rule(target, rules=rules, sides=sides, cues=cues, seen=(*seen, label))
        return _other_sides(table, sides=sides, where=where)
    raise ValueError(f"{where}; expected {EXPRESSIONS}{did_you_mean(expression, _examples(sides))}")


def _read_pairs(
    text: str, *, sides: tuple[str, ...], cues: tuple[str, ...], where: str
) -> dict[str, str]:
    """Read ``A -> left, B -> right``; every cue must have its side."""
    table: dict[str, str] = {}
    for pair in text.split(","):
        cue, arrow, side = (part.strip() for part in pair.partition("->"))
        if not arrow:
            raise ValueError(f"{where}; expected CUE -> SIDE in place of {pair.strip()!r}")
        if cue in table:
            raise ValueError(f"{where}; expected cue {cue!r} once")
        known_cue = _known(cue, cues, what="cue", where=where)
        table[known_cue] = _known(side, sides, what="side", where=where)
    missing = [cue for cue in cues if cue not in table]
    if missing:
        raise ValueError(f"{where}; expected a side for the cue {missing[0]!r} too")
    return table


def _other_sides(table: dict[str, str], *, sides: tuple[str, ...], where: str) -> dict[str, str]:
    """Swap the sides of a rule's table."""
    if len(sides) != 2:
        raise ValueError(f"{where}; expected two sides for 'avoid' and 'reverse', not {len(sides)}")
    other = dict(zip(sides, reversed(sides), strict=True))
    return {cue: other[side] for cue, side in table.items()}


def _known(name: str, names: tuple[str, ...], *, what: str, where: str) -> str:
    """Return ``name`` if it is known."""
    if name not in names:
        raise ValueError(
            f"{where}; expected a known {what} in place of {name!r}, one of {', '.join(names)}"
            f"{did_you_mean(name, names)}"
        )
    return name


def _examples(sides: tuple[str, ...]) -> tuple[str, ...]:
    """Complete expressions, to guess at what a misspelt one meant."""
    return ("follow cue", "avoid cue", *(f"choose {side}" for side in sides))
