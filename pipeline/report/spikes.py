"""Units in the report: what the chapter's figures show and say, from the cohort's tables of units.

Nothing is computed here: means and intervals are rows of the tables
(:mod:`pipeline.steps.spikes` wrote them). Units are shown, animals are tested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline.report.behaviour import (
    BehaviourFigure,
    Slice,
    figure_stem,
    in_order,
    level_words,
    n_words,
    not_tested,
    slices,
    where_words,
)
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import count, listing, number
from pipeline.report.slug import slug

if TYPE_CHECKING:
    import pandas as pd

#: said of every figure of changes of units
REGRESSION = (
    "Units were chosen by their baseline rate, so that rates fall by regression to the mean under "
    "any condition"
)


#: kinds of figures, as captions begin
_RATES, _CHANGES, _CALLS = "Rates of units", "Before and after", "Calls"
_LOCKING, _PHASES = "Locking", "Preferred phase"
_EVENTS, _RHYTHMS = "Rates around events", "Autocorrelograms"


@dataclass(frozen=True, kw_only=True)
class SpikeTables:
    """Tables of :data:`pipeline.steps.paths.SPIKE_TABLES`, as the report reads them."""

    units: pd.DataFrame
    modulation: pd.DataFrame
    fractions: pd.DataFrame
    locking_bands: pd.DataFrame
    event_rates: pd.DataFrame
    autocorrelograms: pd.DataFrame
    unit_rates: pd.DataFrame
    #: the config's spikes.modulation, for what a call needs
    rule: Mapping[str, Any] = field(default_factory=dict)

    @property
    def by_name(self) -> dict[str, pd.DataFrame]:
        """The tables by the names that the downloads have."""
        known = {"units": "unit_quality", "modulation": "unit_modulation",
                 "fractions": "modulation_fractions"}  # fmt: skip
        return {
            known.get(f.name, f.name): getattr(self, f.name)
            for f in fields(self)
            if f.name != "rule"
        }


def spike_figures(
    tables: SpikeTables | None, names: Names
) -> tuple[list[BehaviourFigure], list[str]]:
    """Return the figures of the chapter, and a sentence for each that the data do not allow.

    Parameters
    ----------
    tables : SpikeTables or None
        Of the cohort; without them, or without any unit, there is neither figure nor sentence.
    names : Names
        Labels and plan; while blind its conditions are codes, and none is a reference.
    """
    if tables is None or (tables.unit_rates.empty and tables.modulation.empty):
        return [], []
    regions = {*tables.unit_rates["region"], *tables.modulation["region"]}
    regions |= {*tables.fractions["region"], *tables.locking_bands["region"]}
    figures: list[BehaviourFigure] = []
    for region in sorted(regions - {""}):
        for make, _, _ in _FIGURES:
            figures += make(tables, region, names)
    drawn = {figure.kind for figure in figures}
    return figures, [sentence for _, kind, sentence in _FIGURES if kind not in drawn]


# -- words -------------------------------------------------------------------------------------


def unit_words(rows: pd.DataFrame, names: Names) -> str:
    """``n = 8 rats, 32 sessions, 320 units``: whose units are shown.

    Parameters
    ----------
    rows : pandas.DataFrame
        With animal, session and unit_id.
    names : Names
        What animals are called.
    """
    called = names.animals() if names.plan.unit == "animal" else ("animal", "animals")
    units = rows[["session", "unit_id"]].drop_duplicates()
    return (
        f"n = {count(rows['animal'].nunique(), *called)}, "
        f"{count(rows['session'].nunique(), 'session')}, "
        f"{count(len(units), 'unit')} in sessions"
    )


def _held(part: Slice, names: Names) -> str:
    """n of a figure of animals, with the units that their values rest on."""
    own = part.animals
    keys = ["unit", "animal", "condition", "context", "phase"]
    once = own.groupby(keys)[["n_units", "n_sessions"]].max().reset_index()
    most = once.groupby(["unit", "animal", "condition"])[["n_units", "n_sessions"]].max()
    return (
        f"{n_words(part, names)}, {count(most['n_sessions'].sum(), 'session')}, "
        f"{count(most['n_units'].sum(), 'unit')} in sessions"
    )


def _beside(names: Names) -> str:
    """Where the reader finds what a change must be held against."""
    references = [entry.name for entry in names.plan.conditions if entry.is_reference]
    if names.plan.blind or not references:
        return f"{REGRESSION}: compare conditions with each other."
    named = listing(spoken(name) for name in references)
    return f"{REGRESSION}: a change means something only beside {named}."


def _called(rows: pd.DataFrame, rule: Mapping[str, Any]) -> str:
    """What a call needs, and how many changes it leaves out: they are no less sure, only small.

    Parameters
    ----------
    rows : pandas.DataFrame
        unit_modulation.tsv, with q and call, whatever is shown.
    rule : mapping
        The config's ``spikes.modulation``: level, least_log2.
    """
    level, least = rule.get("level"), rule.get("least_log2")
    if level is None:
        return ""
    needs = f" Called: q below {number(level)}"
    if least is None:
        return f"{needs}."
    small = int(((rows["q"] < level) & (rows["call"] == 0)).sum())
    return (
        f"{needs} and a change of at least {number(least)} on log2 ({number(2**least)} times); "
        f"not called with q below {number(level)}, for the change is smaller or its step goes the "
        f"other way: {small} of {len(rows)} tests of a unit in a cell."
    )


def _unplaced(tables: SpikeTables, region: str) -> str:
    """How many units the sorting names no channel of: their own waveform may be in the LFP."""
    units = tables.units
    if units.empty or "channel" not in units:
        return ""
    own = units[(units["region"] == region) & (units["kept"] == "yes")]
    unknown = int((own["channel"].astype(str) == "").sum())
    return "" if not unknown else (
        f" Of {unknown} of {count(len(own), 'kept unit')} the sorting names no channel: nothing "
        "keeps their own waveforms out of the LFP that their phases are taken from."
    )  # fmt: skip


def _stem(base: str, region: str, part: Slice, names: Names) -> str:
    return figure_stem(f"{base}-{slug(region)}", part, names)


def _cut(table: pd.DataFrame, region: str, names: Names) -> Iterator[Slice]:
    """A table of animals by phase, of one region."""
    yield from slices(table[table["region"] == region], names, by_context=False)


# -- figures -----------------------------------------------------------------------------------


def _heat_maps(tables: SpikeTables, region: str, names: Names) -> Iterator[BehaviourFigure]:
    from pipeline.report.spikes_maps import ROWS, SPAN, heat_chart, map_table

    rows = tables.unit_rates[tables.unit_rates["region"] == region]
    if rows.empty:
        return
    yield BehaviourFigure(
        name=f"unit-rates-{slug(region)}",
        kind=_RATES,
        title=f"Rates of all units around the administration, {region}",
        caption=(
            "One row per unit, sorted by its mean after the administration (vertical line); "
            "colour: log2 of the rate over the unit's own baseline in the same context, from "
            f"{number(-SPAN)} (blue) over 0 (white) to {number(SPAN)} (brown). Grey: handling, and "
            f"times in other contexts. {unit_words(rows, names)}; with more than {ROWS} units a "
            f"row is the mean of neighbours. {_beside(names)} Units are shown, animals are "
            "tested: the tests stand with the outcomes above."
        ),
        data=map_table(rows),
        draw=lambda: heat_chart(rows, names),
    )


def _scatters(tables: SpikeTables, region: str, names: Names) -> Iterator[BehaviourFigure]:
    from pipeline.report.spikes_rates import scatter_chart

    own = tables.modulation[tables.modulation["region"] == region]
    for phase in names.plan.phases:
        rows = own[own["phase"] == phase]
        if rows.empty:
            continue
        several = len(names.plan.phases) > 1
        where = f", {spoken(phase)} phase" if several else ""
        yield BehaviourFigure(
            name=f"unit-changes-{slug(region)}" + (f"-in-{slug(phase)}" if several else ""),
            kind=_CHANGES,
            title=f"Rate of each unit before and after, {region}{where}",
            caption=(
                "One point per unit: rate in the baseline and in the cell, both axes logarithmic; "
                "on the line nothing changed. Orange, above the line: called up; blue, below it: "
                "called down; grey: not called."
                f"{_called(rows, tables.rule)} Silent units lie on the lower edge; points that "
                f"cover each other are drawn once. {unit_words(rows, names)}. {_beside(names)} No "
                "test takes these units together: animals are tested."
            ),
            data=rows,
            draw=partial(scatter_chart, rows, names),
        )


def _fractions(tables: SpikeTables, region: str, names: Names) -> Iterator[BehaviourFigure]:
    from pipeline.report.spikes_rates import fractions_chart

    for part in _cut(tables.fractions, region, names):
        lines = "" if names.plan.blind else (
            " Lines across a bar: the same one's session under the reference."
        )  # fmt: skip
        own = tables.modulation[tables.modulation["region"] == region]
        called = _called(own[own["phase"] == part.phase], tables.rule)
        yield BehaviourFigure(
            name=_stem("modulated-units", region, part, names),
            kind=_CALLS,
            title=f"Units that go up, stay and go down, {region}{where_words(part, names)}",
            caption=(
                f"One bar per {names.animals()[0]}: share of its tested units that are called up "
                "(orange, from above), down (blue, from below) or not called (grey)."
                f"{lines}{called} {_held(part, names)}. Some units change under any condition, for "
                "the null of their test is a rate without change beyond drift; and "
                f"{REGRESSION[0].lower()}{REGRESSION[1:]}. What a drug does is the difference from "
                f"the reference. {not_tested('the shares of units going up and down', names)}"
            ),
            data=part.table,
            draw=partial(fractions_chart, part, names),
        )


def _locking(tables: SpikeTables, region: str, names: Names) -> Iterator[BehaviourFigure]:
    from pipeline.report.spikes_locking import locking_chart

    for part in _cut(tables.locking_bands, region, names):
        yield BehaviourFigure(
            name=_stem("spike-locking", region, part, names),
            kind=_LOCKING,
            title=f"Locking of units to the LFP by band, {region}{where_words(part, names)}",
            caption=(
                "Pairwise phase consistency over pairs of spikes from different blocks of time, "
                "relative to the phases that the LFP offered (0 without locking), by band and "
                "context. Small points: "
                f"each {names.animals()[0]}'s mean over its units; lines: means and "
                f"{level_words(names)}. Each band has its own scale, the same in all contexts. "
                f"{_held(part, names)}. Levels in the phase itself, not changes from the "
                f"baseline.{_unplaced(tables, region)} {not_tested('locking', names)}"
            ),
            data=part.table,
            draw=partial(locking_chart, part, names),
        )


def _preferred(tables: SpikeTables, region: str, names: Names) -> Iterator[BehaviourFigure]:
    from pipeline.report.spikes_locking import preferred_chart

    table = tables.locking_bands[tables.locking_bands["n_locked"].fillna(1) > 0]
    table = table[table["x"].notna()]
    for part in _cut(table, region, names):
        locked = part.animals.groupby(["unit", "animal", "condition"])["n_locked"].max().sum()
        yield BehaviourFigure(
            name=_stem("preferred-phase", region, part, names),
            kind=_PHASES,
            title=f"Preferred phase of locked units, {region}{where_words(part, names)}",
            caption=(
                f"Each point is one {names.animals()[0]}: the mean of the preferred phases of its "
                "locked units, each a unit vector, so that the distance from the centre tells how "
                "alike they are (rim: all the same). Lines: means over "
                f"{names.animals()[1]}. Phase 0, on the right, is the peak of the filtered LFP of "
                "the unit's channel, angles go anticlockwise; its sign depends on the layer and "
                f"the reference of that channel. {_held(part, names)}, at most "
                f"{count(locked, 'locked unit')} in a band and context.{_unplaced(tables, region)} "
                "Preferred phases are shown, not tested."
            ),
            data=part.table,
            draw=partial(preferred_chart, part, names),
        )


def _events(tables: SpikeTables, region: str, names: Names) -> Iterator[BehaviourFigure]:
    from pipeline.report.spikes_curves import EVENTS, curves_chart

    table = tables.event_rates[tables.event_rates["region"] == region]
    for part in slices(table, names, by_context=True):
        events = [name for name in EVENTS if name in set(part.means["event"])]
        yield BehaviourFigure(
            name=_stem("event-rates", region, part, names),
            kind=_EVENTS,
            title=f"Rates around the events of a trial, {region}{where_words(part, names)}",
            caption=(
                "Change of the rate from before the cue, mean over units, then over "
                f"{names.animals()[1]}, with {level_words(names)}; bins of time from "
                f"{listing(spoken(event) for event in events)}. What an event shows ends at the "
                "next one, so that late bins rest on slow trials and few; intervals beyond a panel "
                f"are cut, and one needs three {names.animals()[1]}. {_held(part, names)}. "
                f"{not_tested('responses to events', names)}"
            ),
            data=part.table,
            draw=partial(
                curves_chart, part, names,
                columns=[("event", event, spoken(event)) for event in events],
                x="time_s", value="change_hz", x_title="s from the event",
                y_title="change, Hz",
            ),
        )  # fmt: skip


def _autocorrelograms(tables: SpikeTables, region: str, names: Names) -> Iterator[BehaviourFigure]:
    from pipeline.report.spikes_curves import LAGS_S, curves_chart

    low, high = LAGS_S
    for part in _cut(tables.autocorrelograms, region, names):
        means = part.means[part.means["lag_s"].between(low, high)]
        shown = Slice(
            phase=part.phase, context=part.context, conditions=part.conditions,
            contexts=part.contexts, means=means,
            animals=part.animals[part.animals["lag_s"].between(low, high)],
        )  # fmt: skip
        contexts = in_order(means["context"], names.plan.contexts)
        yield BehaviourFigure(
            name=_stem("autocorrelograms", region, part, names),
            kind=_RHYTHMS,
            title=f"Autocorrelograms of units, {region}{where_words(part, names)}",
            caption=(
                "Autocorrelogram over what independent spikes of the same number would give (1), "
                f"mean over units, then over {names.animals()[1]}, with {level_words(names)}; a "
                f"rhythm shows as waves. {_held(part, names)}. Autocorrelograms are shown, not "
                "tested."
            ),
            data=shown.table,
            draw=partial(
                curves_chart, shown, names,
                columns=[("context", place, spoken(place)) for place in contexts],
                x="lag_s", value="ratio", x_title="lag, s", y_title="over chance",
            ),
        )  # fmt: skip


#: what draws each kind, and what is said where the data do not allow it
_FIGURES: tuple[
    tuple[Callable[[SpikeTables, str, Names], Iterable[BehaviourFigure]], str, str], ...
]
_FIGURES = (
    (_heat_maps, _RATES, "There is no map of unit rates: no unit has a baseline and a dose."),
    (
        _scatters,
        _CHANGES,
        "No unit was tested for a change of its rate: the baseline or the cells are too short.",
    ),
    (
        _fractions,
        _CALLS,
        "Units that go up and down are not counted: no region has enough units tested.",
    ),
    (
        _locking,
        _LOCKING,
        "There is no figure of spike-LFP locking: no region has enough units with enough spikes "
        "and an LFP.",
    ),
    (_preferred, _PHASES, "There is no figure of preferred phases: no unit is locked to the LFP."),
    (
        _events,
        _EVENTS,
        "There are no rates around events: the sessions with units hold no trials, or too few.",
    ),
    (_autocorrelograms, _RHYTHMS, "There are no autocorrelograms: units have too few spikes."),
)
