"""What the verdicts mean, and how a cell of their matrix is read."""

from __future__ import annotations

from collections.abc import Collection

from pipeline.compare.verdicts import INCONCLUSIVE, NO_EFFECT, ONE_CONTEXT, PILL, PROCESS
from pipeline.report.names import Names, plural, spoken
from pipeline.report.numbers import SPACE

#: verdict -> (class of the cell and name of its icon, what the verdict means)
VERDICTS: dict[str, tuple[str, str]] = {
    PROCESS: ("process", "the drug's effect differs between {modifiers}: pill and process"),
    PILL: (
        "pill",
        "the drug has an effect, and no {modifier} differs from "
        "{reference} by the smallest difference of interest or more: the pill by itself",
    ),
    NO_EFFECT: (
        "none",
        "{every} the drug's effect was shown to be smaller than the smallest effect of interest; "
        "negligible: it is significant all the same",
    ),
    ONE_CONTEXT: (
        "one",
        "the drug has an effect on an outcome that exists in one {modifier} only, "
        "so pill and process cannot be told apart",
    ),
    INCONCLUSIVE: (
        "open",
        "these data, or this design, cannot tell; it does not mean that there is no effect",
    ),
}


def meanings(
    occurring: Collection[str], modifier: str, names: Names
) -> tuple[tuple[str, str, str], ...]:
    """Verdict, its class and what it means, of those that occur in a panel.

    Parameters
    ----------
    occurring : collection of str
        Verdicts of the panel.
    modifier : str
        What may change the effect.
    names : Names
        The question's levels and reference.
    """
    levels, reference = _question(modifier, names)
    one = spoken(modifier)
    words = {
        "modifier": one,
        "modifiers": plural(one),
        "reference": spoken(reference),
        "every": f"in {spoken(levels[0])}" if len(levels) == 1 else f"in every {one}",
    }
    return tuple(
        (verdict, kind, meaning.format(**words))
        for verdict, (kind, meaning) in VERDICTS.items()
        if verdict in occurring
    )


def key_text(
    modifier: str, basis: str, n_outcomes: int, names: Names, *, incomplete: bool = False
) -> str:
    """How to read a cell of the matrix, and for how many tests p and intervals are adjusted.

    Parameters
    ----------
    modifier : str
        What may change the effect.
    basis : str
        Which outcomes answer; "" where none was declared.
    n_outcomes : int
        How many of them there are.
    names : Names
        Labels, alpha, the question's levels.
    incomplete : bool
        Whether some cell says "7 of 8", which must be explained.
    """
    one, several = spoken(modifier), len(_question(modifier, names)[0]) > 1
    effect = f"the drug effect averaged over the {plural(one)}" if several else "the drug effect"
    adds = f", and what the named {one} adds to it, each" if several else ","
    level = f"{100 * (1 - names.plan.alpha):g}{SPACE}%"
    asked = f" {basis}" if basis else ""
    counted = " (7 of 8: so many of them have every cell)" if incomplete else ""
    over = (
        f" p is not corrected over the {n_outcomes}{asked} outcomes, and intervals not at all."
        if n_outcomes > 1
        else " Intervals are not corrected."
    )
    return (
        f"Each cell: verdict, number of {names.animals()[1]}{counted}, "
        f"{effect}{adds} with its {level} confidence interval. Verdicts read p values corrected "
        f"over all drugs{f' and {plural(one)}' if several else ''} of an outcome (Holm).{over} In "
        "the small pictures the line at zero is dotted and the smallest effect of interest is "
        "shaded; all pictures of a row share one scale."
    )


def _question(modifier: str, names: Names) -> tuple[list[str], str]:
    """Levels and reference level of the question about a modifier."""
    asked = [q for q in names.plan.questions if q.modifier == modifier]
    return (list(asked[0].levels), asked[0].reference) if asked else ([], "")
