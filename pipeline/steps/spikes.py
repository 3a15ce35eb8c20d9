"""Units of the cohort: their tables joined to the design, and brought to animals for the figures.

Tables of units list units; nothing is tested on them. Tables of animals have rows of animals
(``part`` is ``animal``) and of the means over animals' own values with t intervals (``part`` is
``mean``), like those of :mod:`pipeline.steps.behaviour`; figures and captions only look up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.compare.slices import units_of
from pipeline.experiment.plan import AnalysisPlan
from pipeline.report.curve_words import EVERYWHERE
from pipeline.steps.cell_means import NONE, Columns, with_means
from pipeline.steps.cohort import join_design
from pipeline.steps.measure import COLUMNS
from pipeline.steps.spike_tables import TYPES, read_modulation, write_table

PLACE = ("condition", "context", "phase", "region")
#: points of a unit's time course, at most
POINTS = 60
_CELL = ["session", "anchor", "phase", "context", "region"]
#: table -> further keys, values with intervals, counts
SUMMARIES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "fractions": ((), ("up", "none", "down"), ("n_units", "n_up", "n_none", "n_down")),
    "locking_bands": (("band",), ("ppc", "locked", "x", "y"), ("n_units", "n_locked")),
    "event_rates": (("event", "time_s"), ("rate_hz", "change_hz"), ("n_units", "n_events")),
    "autocorrelograms": (("lag_s",), ("ratio",), ("n_units",)),
}
#: how the report reads fractions and locking by band: these columns are numbers, the others text
NUMBERS = frozenset(
    ["n_sessions"]
    + [name for _, values, counts in SUMMARIES.values() for name in (*values, *counts)]
    + [
        f"{value}_{what}"
        for _, values, _ in SUMMARIES.values()
        for value in values
        for what in ("low", "high", "n")
    ]
)
#: columns of unit_rates.parquet
RATE_COLUMNS = (
    "session",
    "animal",
    "condition",
    "context",
    "region",
    "unit_id",
    "minute",
    "width_min",
    "n_spikes",
    "seconds",
    "log2_over_baseline",
    "after_log2",
)


def spikes(*, inputs: Any, outputs: Any, settings: Mapping[str, Any]) -> None:
    """Join all sessions' units to the design, and bring them to animals.

    Parameters
    ----------
    inputs : object
        One list of files per name of :data:`pipeline.steps.spike_tables.TYPES`, and ``units``
        (units.tsv); empty files of failed sessions and of sessions without units are passed over.
    outputs : object
        Attributes named as :data:`pipeline.steps.paths.SPIKE_TABLES`.
    settings : mapping
        :func:`pipeline.steps.settings.spikes_settings`.
    """
    plan = AnalysisPlan.model_validate(settings["plan"])
    found = {name: _read(name, getattr(inputs, name)) for name in TYPES}
    joined = {
        name: with_design(found[name], settings, plan)
        for name in ("modulation", "locking", "responses", "autocorrelograms")
    }
    _write(joined["modulation"].drop(columns="unit"), outputs.modulation)
    _write(joined["locking"].drop(columns="unit"), outputs.locking)
    makers: dict[str, tuple[str, Callable[[pd.DataFrame], pd.DataFrame]]] = {
        "fractions": ("modulation", _fractions),
        "locking_bands": ("locking", _locking),
        "event_rates": ("responses", _events),
        "autocorrelograms": ("autocorrelograms", _autocorrelograms),
    }
    for name, (source, make) in makers.items():
        rows = enough_units(joined[source], plan.minimum_units)
        _write(summary(name, make(rows), plan), getattr(outputs, name))
    _write(rates_around(found["unit_rates"], settings, plan), outputs.unit_rates)
    _write(_quality(getattr(inputs, "units", ())), outputs.units)


def _read(name: str, paths: Sequence[str]) -> pd.DataFrame:
    """One table of all sessions; with its columns and types where no session has any."""
    read = read_modulation if name == "modulation" else pd.read_parquet
    tables = [read(path) for path in map(Path, paths) if path.stat().st_size]
    if not tables:
        return pd.DataFrame(columns=list(TYPES[name])).astype(TYPES[name])
    return pd.concat(tables, ignore_index=True)


def _quality(paths: Sequence[str]) -> pd.DataFrame:
    """Every sorted unit of every session, as the sessions' tables of quality have them."""
    tables = [
        pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False).assign(
            session=path.parent.name
        )
        for path in map(Path, paths)
        if path.stat().st_size
    ]
    tables = [table for table in tables if len(table)]
    if not tables:
        return pd.DataFrame(columns=["session", "unit_id", "region", "kept", "reason"])
    table = pd.concat(tables, ignore_index=True).fillna("")
    return table[["session", *(name for name in table.columns if name != "session")]]


def _write(table: pd.DataFrame, path: str) -> None:
    write_table(table.reset_index(drop=True), Path(path))


# -- design ------------------------------------------------------------------------------------


def with_design(
    table: pd.DataFrame, settings: Mapping[str, Any], plan: AnalysisPlan
) -> pd.DataFrame:
    """Put the cohort's design columns before a table of units; only here do labels enter.

    Parameters
    ----------
    table : DataFrame
        With session, animal, anchor and step.
    settings : mapping
        ``anchors`` and ``sessions``, as :func:`pipeline.steps.cohort.join_design` reads them.
    plan : AnalysisPlan
        Its factors, and what the experimental unit is (column ``unit``).
    """
    keys = table[["session", "animal", "anchor", "step"]].drop_duplicates(ignore_index=True)
    joined = join_design(keys.reindex(columns=list(COLUMNS)), settings)
    own = set(table.columns)
    names = [
        name for name in joined if name not in own and (name not in COLUMNS or name == "condition")
    ]
    design = joined[["session", "anchor", "step", *names]].assign(
        condition=joined["condition"].astype(object).fillna(NONE),
        unit=units_of(joined, plan).astype(str).array,
    )
    design = design.astype({"session": "str", "anchor": "str", "step": "int64"})
    merged = table.merge(design, on=["session", "anchor", "step"], how="left", validate="m:1")
    others = [name for name in table.columns if name not in ("session", "animal")]
    return merged[["session", "animal", *names, "unit", *others]]


def enough_units(table: pd.DataFrame, least: int) -> pd.DataFrame:
    """Rows of the regions that have enough units in a session's cell, as for any outcome.

    Parameters
    ----------
    table : DataFrame
        With session, anchor, phase, context, region and unit_id.
    least : int
        spikes.minimum_units.
    """
    if table.empty:
        return table
    units = table.groupby(_CELL, sort=False)["unit_id"].transform("nunique")
    return table[(units >= least) & (table["region"] != "")]


# -- animals -----------------------------------------------------------------------------------


def summary(name: str, animals: pd.DataFrame, plan: AnalysisPlan) -> pd.DataFrame:
    """Rows of the animals, then the means over them.

    Parameters
    ----------
    name : str
        Of :data:`SUMMARIES`.
    animals : DataFrame
        One row per animal, place and key.
    plan : AnalysisPlan
        ``alpha`` sets the level of the intervals.
    """
    keys, values, counts = SUMMARIES[name]
    columns = Columns(place=PLACE, keys=keys, values=values, counts=counts)
    table = with_means(animals, columns, plan)
    if len(table):
        return table
    numbers = [c for c in columns.all if c in NUMBERS or c in ("time_s", "lag_s")]
    return table.astype(dict.fromkeys(numbers, "float64"))


def _by_animal(
    rows: pd.DataFrame, keys: Sequence[str], values: Mapping[str, str], counts: Sequence[str]
) -> pd.DataFrame:
    """Means over units within a session, then over an animal's sessions; counts are sums."""
    place = ["unit", "animal", *PLACE, *keys]
    named = {new: (old, "mean") for new, old in values.items()}
    summed = {name: (name, "sum") for name in counts}
    sessions = rows.groupby(["session", *place], sort=True).agg(
        **named, **summed, n_units=("unit_id", "nunique")
    )
    grouped = sessions.reset_index().groupby(place, sort=True)
    means = grouped[list(values)].mean()
    sums = grouped[[*counts, "n_units"]].sum()
    return means.join(sums).assign(n_sessions=grouped["session"].nunique()).reset_index()


def _fractions(rows: pd.DataFrame) -> pd.DataFrame:
    """Shares of an animal's units that go up, stay and go down, its sessions together."""
    calls = {"n_up": 1, "n_none": 0, "n_down": -1}
    rows = rows.assign(**{name: (rows["call"] == call).astype(int) for name, call in calls.items()})
    found = _by_animal(rows, (), {}, tuple(calls))
    shares = {name: found[f"n_{name}"] / found["n_units"] for name in ("up", "none", "down")}
    return found.assign(**shares)


def _locking(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean consistency of all units; mean vector of the preferred phases of those locked."""
    locked = rows["locked"].astype(bool)
    rows = rows.assign(
        share=locked.astype(float),
        n_locked=locked.astype(int),
        x=np.cos(rows["preferred_rad"]).where(locked),
        y=np.sin(rows["preferred_rad"]).where(locked),
    )
    values = {"ppc": "ppc_corrected", "locked": "share", "x": "x", "y": "y"}
    return _by_animal(rows, ("band",), values, ("n_locked",))


def _events(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean rate of the units around events, and its change from before the cue.

    In Hz, and not on the log scale of rates: the mean of a rate over few trials has no bias.
    """
    rows = rows.assign(change_hz=rows["rate_hz"] - rows["baseline_hz"])
    values = {"rate_hz": "rate_hz", "change_hz": "change_hz", "events": "n_events"}
    found = _by_animal(rows, ("event", "time_s"), values, ())
    events = (found["events"] * found["n_sessions"]).round()
    return found.assign(n_events=events).drop(columns="events")


def _autocorrelograms(rows: pd.DataFrame) -> pd.DataFrame:
    return _by_animal(rows, ("lag_s",), {"ratio": "ratio"}, ())


# -- rates around the administration -------------------------------------------------------------


def rates_around(
    bins: pd.DataFrame, settings: Mapping[str, Any], plan: AnalysisPlan
) -> pd.DataFrame:
    """Rates of the units around the administration, over their baseline.

    Parameters
    ----------
    bins : DataFrame
        unit_rates.parquet of all sessions.
    settings : mapping
        ``time_course`` (before_s, after_s), ``anchors``, ``sessions``.
    plan : AnalysisPlan
        Baseline phase and context, minimum_epoch_s.

    Returns
    -------
    DataFrame
        :data:`RATE_COLUMNS`: ``log2((n + 0.5) / seconds)`` of each point (at most
        :data:`POINTS`, ``minute`` is its middle) minus that of the unit's baseline in the same
        context, or in the declared one. Beside the contexts stands :data:`EVERYWHERE`: every
        point against the baseline of the context that the animal was in then. ``after_log2`` is
        a unit's mean over the points after the administration, NaN without any. Time of handling,
        outside of all contexts, and of contexts without a baseline is left out.
    """
    bins = bins[(bins["anchor"] != "") & (bins["context"] != "") & ~bins["handling"].astype(bool)]
    around = settings["time_course"]
    shown = bins[
        bins["shown"].astype(bool)
        & (bins["bin_start_s"] >= -around["before_s"])
        & (bins["bin_start_s"] < around["after_s"])
    ]
    if shown.empty:
        return pd.DataFrame(columns=list(RATE_COLUMNS))
    unit = ["session", "animal", "anchor", "step", "region", "unit_id"]
    place = [*unit, "context"] if plan.baseline_context == "same" else unit
    baseline = bins[bins["phase"] == plan.baseline_phase]
    if plan.baseline_context != "same":
        baseline = baseline[baseline["context"] == plan.baseline_context]
    before = baseline.groupby(place, sort=False)[["n_spikes", "seconds"]].sum()
    before = before[before["seconds"] >= plan.minimum_epoch_s]
    width_s = _width_s(shown)
    point = np.floor(shown["bin_start_s"] / width_s + 1e-9).astype(int)
    keys = [*unit, "context", "point"]
    sums = shown.assign(point=point).groupby(keys, sort=False)[["n_spikes", "seconds"]].sum()
    points = sums[sums["seconds"] >= width_s / 2].reset_index()
    points = points.merge(
        before.add_prefix("base_").reset_index(), on=place, how="inner", validate="m:1"
    )
    rate = np.log2((points["n_spikes"] + 0.5) / points["seconds"])
    level = np.log2((points["base_n_spikes"] + 0.5) / points["base_seconds"])
    points = points.assign(
        log2_over_baseline=rate - level,
        minute=(points["point"] + 0.5) * width_s / 60,
        width_min=width_s / 60,
    )
    # a point on the border of two contexts counts where more of it lies
    order = points.sort_values([*unit, "point", "seconds", "context"], kind="stable")
    once = order.drop_duplicates([*unit, "point"], keep="last").assign(context=EVERYWHERE)
    several = points["context"].nunique() > 1
    points = pd.concat([points, once], ignore_index=True) if several else points
    after = points[points["point"] >= 0].groupby([*unit, "context"])["log2_over_baseline"].mean()
    after = after.rename("after_log2").reset_index()
    points = points.merge(after, on=[*unit, "context"], how="left", validate="m:1")
    table = with_design(points, settings, plan)
    table = table.sort_values([*RATE_COLUMNS[:7]], kind="stable", ignore_index=True)
    return table[list(RATE_COLUMNS)]


def _width_s(shown: pd.DataFrame) -> float:
    """Width of a point: whole bins of the widest kind, few enough points for a picture."""
    bin_s = float(shown["bin_s"].max())
    reach = float(shown["bin_start_s"].max() + bin_s - shown["bin_start_s"].min())
    return bin_s * math.ceil(reach / POINTS / bin_s - 1e-9)
