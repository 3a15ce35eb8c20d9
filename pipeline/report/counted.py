"""How many animals stand behind a contrast, in words: all that enter, and who has every cell."""

from __future__ import annotations

from pipeline.report.lookup import Effect
from pipeline.report.names import Names
from pipeline.report.numbers import count, finite


def total(effect: Effect, names: Names) -> float:
    """Animals behind an effect; cages where they are the experimental unit."""
    by_cage = names.plan.unit == "cage" and finite(effect.n_units)
    return effect.n_units if by_cage else effect.n_animals


def lacking(effect: Effect, names: Names) -> bool:
    """Whether some of them lack a cell that the design gives them."""
    everyone = total(effect, names)
    return finite(effect.n_complete) and finite(everyone) and effect.n_complete < everyone


def n_text(effect: Effect, names: Names) -> str:
    """``8 rats``; ``7 of 8 rats with both``, where an arm (else a context) is missing in some."""
    words = n_short(effect, names)
    return f"{words} {_with_what(effect, names)}" if lacking(effect, names) else words


def n_short(effect: Effect, names: Names) -> str:
    """``8 rats``; ``7 of 8 rats`` where some lack a cell: how many have all, of how many enter."""
    words = count(total(effect, names), *names.animals())
    return f"{effect.n_complete:.0f} of {words}" if lacking(effect, names) else words


def n_bare(effect: Effect, names: Names) -> str:
    """``8`` or ``7 of 8``, for a column whose head says what is counted; ``–`` if unknown."""
    everyone = total(effect, names)
    if not finite(everyone):
        return "–"
    return (f"{effect.n_complete:.0f} of " if lacking(effect, names) else "") + f"{everyone:.0f}"


def who(effect: Effect, names: Names) -> str:
    """Name those who may or may not be able to tell: ``these 8 rats (7 with both)``."""
    everyone = total(effect, names)
    words = ("this " if round(everyone) == 1 else "these ") + count(everyone, *names.animals())
    if not lacking(effect, names):
        return words
    return f"{words} ({effect.n_complete:.0f} {_with_what(effect, names)})"


def _with_what(effect: Effect, names: Names) -> str:
    """What those have that the others lack: both arms, or every cell of both."""
    both = effect.n_condition + effect.n_reference - total(effect, names)
    return "with both" if both == effect.n_complete else "with every cell"
