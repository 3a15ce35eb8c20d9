"""Alternative texts of figures: short, for the words beside a figure describe it in full."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.report.lookup import text
from pipeline.report.names import Names, capital, spoken
from pipeline.report.numbers import count, decimals, finite, signed, with_unit
from pipeline.report.survival import SurvivalView
from pipeline.report.views import OutcomeView, n_line

#: arms whose clusters are named; the others stand in the table below
_NAMED = 3


def brief(title: str, caption: str) -> str:
    """What a figure is, and of how many, as its caption says."""
    found = re.search(r"\bn = .*?(?=[.;](?:\s|$))", caption)
    return f"{title}: {found[0]}." if found else f"{title}."


def curves_alt(title: str, caption: str, found: Sequence[str]) -> str:
    """The same of curves, with the first clusters.

    Parameters
    ----------
    title, caption : str
        Of the figure.
    found : sequence of str
        A sentence for each arm that has clusters.
    """
    rest = len(found) - _NAMED
    more = [f"{rest} more with clusters in the table below."] if rest > 0 else []
    return " ".join([brief(title, caption), *found[:_NAMED], *more])


def survival_alt(view: SurvivalView, names: Names) -> str:
    """What the curves are of, and how many reached the event."""
    known, reached = (int(view.cells[name].sum()) for name in ("n_animals", "n_reached"))
    most = count(view.cells["n_animals"].max(), *names.animals())
    return (
        f"Kaplan-Meier curves, {names.in_sentence(view.outcome)}, n = {most} at most in a cell: "
        f"{reached} of {count(known, 'first session')} in all cells reached the event."
    )


def estimation_alt(view: OutcomeView, verdicts: Sequence[Mapping[str, Any]], names: Names) -> str:
    """Verdict, estimates and n in one sentence; intervals and tests stand in the words below.

    Parameters
    ----------
    view : OutcomeView
        What is drawn.
    verdicts : sequence of mapping
        Rows of verdicts.tsv of its outcome, phase and modifier.
    names : Names
        Labels.
    """
    outcome = view.key.outcome
    said = []
    for row in verdicts:
        numbers = {"drug": row["drug_estimate"], "interaction": row["interaction_estimate"]}
        known = {name: value for name, value in numbers.items() if finite(value)}
        digits = decimals(known.values(), scale=names.scale(outcome))
        amounts = [
            f"{name} {with_unit(signed(value, digits), names.unit(outcome))}"
            for name, value in known.items()
        ]
        detail = f" ({', '.join(amounts)})" if amounts else ""
        said.append(f"{spoken(text(row['condition']))}: {text(row['verdict'])}{detail}")
    animals = count(n_line(view)[0], *names.animals())
    head = f"Estimation plot of {names.in_sentence(outcome)}, n = {animals}."
    return f"{head} {capital('; '.join(said))}." if said else head
