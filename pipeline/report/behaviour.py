"""Set-shifting in the report: what its figures show and say, from the cohort's behaviour tables.

Nothing is computed here: means and intervals are rows of the tables
(:mod:`pipeline.steps.behaviour` wrote them), effects are rows of contrasts.tsv.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING

from pipeline.report.assembly import Specification
from pipeline.report.lookup import Contrasts
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import SPACE, count, listing, number
from pipeline.report.slug import slug

if TYPE_CHECKING:
    import pandas as pd

#: all switches together, in the tables' column ``direction``
ALL = "all"


@dataclass(frozen=True, kw_only=True)
class BehaviourTables:
    """Tables of :data:`pipeline.steps.paths.BEHAVIOUR_TABLES`, as the report reads them.

    ``scheme`` is the configured error scheme.
    """

    scheme: str
    trials: pd.DataFrame
    error_types: pd.DataFrame
    schemes: pd.DataFrame
    switches: pd.DataFrame
    latencies: pd.DataFrame

    @property
    def by_name(self) -> dict[str, pd.DataFrame]:
        """The tables by the names of their fields."""
        return {field.name: getattr(self, field.name) for field in fields(self)[1:]}


@dataclass(frozen=True, kw_only=True)
class BehaviourFigure:
    """One figure of the chapter: its words, its data, and how it is drawn when it is written.

    ``title`` heads it, ``kind`` its caption.
    """

    name: str
    title: str
    kind: str
    caption: str
    data: pd.DataFrame
    draw: Callable[[], Specification]


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Rows of one table in one phase (and context), in the order of the plan.

    Attributes
    ----------
    phase, context : str
        ``context`` is "" where the figure shows all contexts.
    conditions, contexts : tuple of str
        Those that hold data.
    animals, means : pandas.DataFrame
        The table's two parts.
    """

    phase: str
    context: str
    conditions: tuple[str, ...]
    contexts: tuple[str, ...]
    animals: pd.DataFrame
    means: pd.DataFrame

    @property
    def table(self) -> pd.DataFrame:
        """Both parts, for the file beside the figure."""
        import pandas as pd

        return pd.concat([self.means, self.animals], ignore_index=True)


def behaviour_figures(
    tables: BehaviourTables | None, contrasts: Contrasts, names: Names
) -> tuple[list[BehaviourFigure], list[str]]:
    """Return the figures of the chapter, and a sentence for each that the data do not allow.

    Parameters
    ----------
    tables : BehaviourTables or None
        Of the cohort; without them, or without any trial, there is neither figure nor sentence.
    contrasts : Contrasts
        Index of contrasts.tsv, for the specificity panel.
    names : Names
        Labels and plan; while blind its conditions are codes, and no effect is drawn.
    """
    from pipeline.report.behaviour_panel import panel_figures
    from pipeline.report.behaviour_raster import raster_figure

    if tables is None or tables.trials.empty:
        return [], []
    makers: tuple[tuple[Iterable[BehaviourFigure], str], ...] = (
        (
            panel_figures(contrasts, names),
            "While blind there is no specificity panel, for it shows effects against a reference."
            if names.plan.blind
            else "There is no specificity panel: neither the effect on shifting nor what it could "
            "be mistaken for was compared with a reference.",
        ),
        (
            _error_types(tables, names),
            "There is no figure of error types: no session completed a set that follows another "
            "rule in a phase that is compared.",
        ),
        (
            _schemes(tables, names),
            "The error schemes are not set side by side: no error after a change of the rule lies "
            "in a phase that is compared.",
        ),
        (
            _curves(tables, names),
            "There are no switch-aligned curves: the rule changed in no phase that is compared.",
        ),
        (
            _latencies(tables, names),
            "There are no latency distributions: the logs hold no latencies, or fewer than ten of "
            "each animal.",
        ),
        (
            raster_figure(tables.trials, tables.scheme, names),
            "There is no raster: no trial was scored.",
        ),
    )
    figures: list[BehaviourFigure] = []
    absent: list[str] = []
    for made, sentence in makers:
        found = list(made)
        figures += found
        absent += [] if found else [sentence]
    return figures, absent


# -- slices ------------------------------------------------------------------------------------


def slices(table: pd.DataFrame, names: Names, *, by_context: bool) -> Iterator[Slice]:
    """Cut a table by the phases that are compared, and by context.

    Parameters
    ----------
    table : pandas.DataFrame
        With part, condition, context and phase.
    names : Names
        The plan's order.
    by_context : bool
        One slice per context, else one with all.
    """
    for phase in names.plan.phases:
        here = table[table["phase"] == phase]
        contexts = in_order(here["context"], names.plan.contexts)
        groups = [(context,) for context in contexts] if by_context else [contexts]
        for group in groups if contexts else ():
            rows = here[here["context"].isin(group)]
            declared = [entry.name for entry in names.plan.conditions]
            yield Slice(
                phase=phase,
                context=group[0] if by_context and len(contexts) > 1 else "",
                conditions=in_order(rows["condition"], declared),
                contexts=tuple(group),
                animals=rows[rows["part"] == "animal"],
                means=rows[rows["part"] == "mean"],
            )


def in_order(found: Iterable[str], order: Iterable[str]) -> tuple[str, ...]:
    """Distinct values in the declared order; the undeclared follow, sorted."""
    held, declared = set(found), list(order)
    return tuple([name for name in declared if name in held] + sorted(held - set(declared)))


def figure_stem(base: str, part: Slice, names: Names) -> str:
    """File name without suffix: with phase and context only where there are several."""
    where = [base]
    where += [f"in-{slug(part.phase)}"] if len(names.plan.phases) > 1 else []
    where += [f"at-{slug(part.context)}"] if part.context else []
    return "-".join(where)


def where_words(part: Slice, names: Names) -> str:
    """``, acute phase, open field``: as much as the titles need."""
    words = [f"{spoken(part.phase)} phase"] if len(names.plan.phases) > 1 else []
    words += [spoken(part.context)] if part.context else []
    return "".join(f", {word}" for word in words)


def n_words(part: Slice, names: Names) -> str:
    """``n = 8 rats``, or per condition where they differ."""
    seen = part.animals.drop_duplicates(["condition", "unit"])
    n = seen.groupby("condition").size().to_dict()
    if len(set(n.values())) == 1:
        return f"n = {count(next(iter(n.values())), *names.animals())} in each condition"
    each = [f"{spoken(name)} {n[name]}" for name in part.conditions if name in n]
    return f"n = {listing(each)} {names.animals()[1]}"


def held_words(part: Slice, names: Names) -> str:
    """``n = 8 rats in each condition, 32 sessions``; contexts of one session count it once."""
    once = part.animals.groupby(["unit", "animal", "condition"])["n_sessions"].max()
    return f"{n_words(part, names)}, {count(once.sum(), 'session')}"


def not_tested(what: str, names: Names) -> str:
    """Say where the tests are of what a figure only shows; while blind there are omnibus tests."""
    if names.plan.blind:
        return "Nothing is tested in this figure."
    return (
        f"Nothing is tested in this figure: estimates, intervals and adjusted p of {what} stand "
        "with the outcomes of this chapter and in the table of contrasts."
    )


def level_words(names: Names) -> str:
    """``95 % t intervals over rats``."""
    return f"{100 * (1 - names.plan.alpha):g}{SPACE}% t intervals over {names.animals()[1]}"


# -- figures -----------------------------------------------------------------------------------


def _error_types(tables: BehaviourTables, names: Names) -> Iterator[BehaviourFigure]:
    from pipeline.report.behaviour_errors import error_types_chart

    scheme = tables.scheme
    table = tables.error_types[tables.error_types["scheme"] == scheme]
    for part in slices(table, names, by_context=False):
        yield BehaviourFigure(
            name=figure_stem("error-types", part, names),
            kind="Error types",
            title=f"Error types under {scheme}{where_words(part, names)}",
            caption=(
                f"Errors up to the criterion per completed set that follows another rule, typed by "
                f"the scheme {scheme}. Bars: means over {names.animals()[1]}, stacked. Points: "
                f"each one's own mean over sets, lines join the same one; beside them mean and "
                f"{level_words(names)}; {held_words(part, names)}, {_sets(part)}. Sets that were "
                f"not completed are not in it. {not_tested('errors', names)}"
            ),
            data=part.table,
            draw=partial(error_types_chart, part, names),
        )


def _sets(part: Slice) -> str:
    """``480 completed sets``: each counted once, whatever its errors' types."""
    keys = ["unit", "animal", "condition", "context"]
    return count(part.animals.groupby(keys)["n_sets"].max().sum(), "completed set")


def _schemes(tables: BehaviourTables, names: Names) -> Iterator[BehaviourFigure]:
    from pipeline.report.behaviour_errors import schemes_chart

    pairs = tables.schemes[tables.schemes["table"] == "pairs"]
    for part in slices(tables.error_types, names, by_context=False):
        agreement = pairs[(pairs["phase"] == part.phase) & (pairs["part"] == "mean")]
        if agreement.empty:
            continue
        many = len(part.contexts) > 1
        data = part.table.merge(agreement.drop(columns=["table"]), how="outer", sort=False)
        yield BehaviourFigure(
            name=figure_stem("error-schemes", part, names),
            kind="Schemes",
            title=f"The same errors under five schemes{where_words(part, names)}",
            caption=(
                "Above: errors per completed set by type under every scheme, means over "
                f"{names.animals()[1]}{', contexts averaged' if many else ''}; "
                f"{held_words(part, names)}. Below, for each pair of schemes: under the "
                "diagonal the share of errors to which both give the same type, above it the share "
                "of the errors perseverative under either that are so under both (all conditions "
                f"together, mean over {names.animals()[1]}). widge_sequence counts omissions as "
                "errors above, not below. A number of perseverative errors "
                "says nothing without its scheme, and no test compares schemes."
            ),
            data=data,
            draw=partial(schemes_chart, part, agreement, names),
        )


def _curves(tables: BehaviourTables, names: Names) -> Iterator[BehaviourFigure]:
    from pipeline.report.behaviour_curves import switch_chart

    for part in slices(tables.switches, names, by_context=True):
        if not part.animals["n_switches"].gt(0).any():
            continue
        yield BehaviourFigure(
            name=figure_stem("switch-aligned", part, names),
            kind="Switch-aligned curves",
            title=f"Choices around the change of the rule{where_words(part, names)}",
            caption=(
                "Share of choices by trials from the change (0: the first trial under the new "
                f"rule), mean of the {names.animals()[1]}' own shares and {level_words(names)}; "
                f"{held_words(part, names)}. Omissions are left out. A curve is drawn where at "
                f"least half of its {names.animals()[1]}, and no fewer than three, have such a "
                "trial. Late trials come from the sets that lasted so long. With two sides, the "
                "previous rule's choice is every error on trials where the rules differ. "
                f"{not_tested('trials to criterion and errors', names)}"
            ),
            data=part.table,
            draw=partial(switch_chart, part, names),
        )


def _latencies(tables: BehaviourTables, names: Names) -> Iterator[BehaviourFigure]:
    from pipeline.report.behaviour_curves import latency_chart

    for part in slices(tables.latencies, names, by_context=True):
        decile = sorted(set(part.means["quantile"]))
        yield BehaviourFigure(
            name=figure_stem("latencies", part, names),
            kind="Latencies",
            title=f"How long trials took{where_words(part, names)}",
            caption=(
                f"Cumulative share of trials by latency: quantiles {number(decile[0])} to "
                f"{number(decile[-1])} of each one's trials, averaged over {names.animals()[1]}, "
                f"with {level_words(names)}; {held_words(part, names)}. Omissions have no latency. "
                "After a switch: the first trials under the new rule, as the task declares. Fewer "
                f"than ten latencies of a kind give no quantiles. {not_tested('latencies', names)}"
            ),
            data=part.table,
            draw=partial(latency_chart, part, names),
        )
