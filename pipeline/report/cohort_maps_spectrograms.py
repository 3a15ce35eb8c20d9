"""Spectrograms around the administration: mean over animals per condition, and drug minus vehicle.

Nothing is computed here but the picture: values are those of spectrograms.parquet
(:mod:`pipeline.steps.cohort_spectrograms`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline.report.assembly import Specification
from pipeline.report.cohort_maps import (
    MINIMUM_UNITS,
    Axis,
    Grid,
    MapFigure,
    Panel,
    Scale,
    colour_words,
    condition_order,
    grid_chart,
    minus_words,
    n_words,
    scale_end,
    subtracted_words,
)
from pipeline.report.curve_words import DIFFERENCE, EVERYWHERE, MEAN
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import SPACE, finite, listing, number, signed, with_unit
from pipeline.report.slug import slug
from pipeline.report.time_courses import MIXED

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

#: pixels of a map: at most across (it gets whole pixels per point), and up
_WIDTH, _HEIGHT = 150, 96
_TICKS_HZ = (1, 8, 40, 100, 200)
#: ranges of the alternative text: chosen beforehand, whatever the data
_RANGES_HZ = (1, 4, 12, 30, 80, 200)


def spectrogram_figures(table: pd.DataFrame | None, names: Names) -> Iterator[MapFigure]:
    """Yield one figure per region (and dose of a session where there are several).

    Parameters
    ----------
    table : pandas.DataFrame or None
        spectrograms.parquet.
    names : Names
        Labels and plan; while blind its conditions are codes, and nothing is subtracted.
    """
    if table is None or table.empty:
        return
    drawn = table["db"].where(table["n_units"] >= MINIMUM_UNITS)
    scale = Scale(end=scale_end(drawn), words="dB from the baseline, or minus the reference's")
    if names.plan.blind:
        scale = Scale(end=scale.end, words="dB from the baseline")
    several = table["step"].nunique() > 1
    for (region, step), rows in table.groupby(["region", "step"], sort=True):
        levels, few = _levels(rows, names)
        if not levels:
            continue
        title = f"Spectrogram around the administration, {region}"
        name = f"spectrogram-in-{slug(str(region))}"
        if several:
            title, name = f"{title}, dose {step}", f"{name}-dose-{step}"
        caption = _caption(rows, levels, few, scale, names)
        yield MapFigure(
            name=name,
            title=title,
            kind="Spectrogram",
            caption=caption,
            alt=" ".join([f"{title}.", *_numbers(rows, levels[0], names), caption]),
            tabulate=partial(_wide, rows),
            draw=partial(_chart, rows, levels, scale, names),
        )


def _levels(rows: pd.DataFrame, names: Names) -> tuple[list[str], list[str]]:
    """Levels that are drawn, all contexts first; and those with too few animals at a time."""
    order = [EVERYWHERE, *names.plan.contexts, *sorted(set(rows["level"]))]
    met = [level for level in dict.fromkeys(order) if (rows["level"] == level).any()]
    points = rows[rows["part"] == MEAN].drop_duplicates(["level", "condition", "minute"])
    enough = (points["n_units"] >= MINIMUM_UNITS).groupby(points["level"]).mean() >= 0.5
    return [x for x in met if enough.get(x, False)], [x for x in met if not enough.get(x, False)]


def _chart(rows: pd.DataFrame, levels: list[str], scale: Scale, names: Names) -> Specification:
    return grid_chart(_grid(rows, levels, scale, names))


def _grid(rows: pd.DataFrame, levels: list[str], scale: Scale, names: Names) -> Grid:
    import numpy as np

    width = float(rows["width_min"].iloc[0])
    handling = (float(rows["handling_from"].iloc[0]), float(rows["handling_to"].iloc[0]))
    first, last = _ends(rows, width)
    span = last - first
    axis = first + width * (np.arange(round(span / width)) + 0.5)
    panels, titles = [], []
    for level in levels:
        for part in (MEAN, DIFFERENCE):
            here = rows[(rows["level"] == level) & (rows["part"] == part)]
            if not (here["n_units"] >= MINIMUM_UNITS).any():
                continue
            words = minus_words(here) if part == DIFFERENCE else "change from the baseline"
            titles.append(f"{spoken(level)}: {words}")
            for column, condition in enumerate(condition_order(rows, names)):
                own = here[here["condition"] == condition]
                if len(own):
                    panels.append(
                        Panel(
                            row=len(titles) - 1,
                            column=column,
                            values=map_of(own, axis, width),
                            title=spoken(condition),
                            note=n_words(own, names),
                        )
                    )
    low, high = float(rows["low_hz"].min()), float(rows["high_hz"].max())
    across = max(1, min(_WIDTH // len(axis), 6))
    return Grid(
        panels=tuple(panels),
        rows=tuple(titles),
        cell=(across, 1),
        x=Axis(ticks=_minutes(first, last), title="minutes since the administration"),
        y=Axis(
            ticks=tuple(
                ((hz**0.5 - low**0.5) / (high**0.5 - low**0.5), str(hz))
                for hz in _TICKS_HZ
                if low <= hz <= high
            ),
            title="frequency, Hz (even on its root)",
        ),
        scales=(scale,),
        lines=(-first / span,) if first <= 0 <= last else (),
        hatched=((max(0.0, (handling[0] - first) / span), min(1.0, (handling[1] - first) / span)),),
    )


def map_of(rows: pd.DataFrame, axis: NDArray, width: float) -> NDArray:
    """Values of one map on pixels: rows even on the root of the frequency, a column per point.

    Parameters
    ----------
    rows : pandas.DataFrame
        One condition, level and part of spectrograms.parquet.
    axis : ndarray
        Middles of the columns in minutes.
    width : float
        Of a column.

    Returns
    -------
    ndarray, shape (pixels, columns)
        Lowest frequency first; NaN where fewer than :data:`MINIMUM_UNITS` have a value, and in
        frequencies without one.
    """
    import numpy as np

    bands = rows[["low_hz", "high_hz"]].drop_duplicates().sort_values("low_hz")
    low, high = bands["low_hz"].to_numpy(), bands["high_hz"].to_numpy()
    values = np.full((len(bands), len(axis)), np.nan)
    at = np.round((rows["minute"].to_numpy() - axis[0]) / width).astype(int)
    db = rows["db"].where(rows["n_units"] >= MINIMUM_UNITS).to_numpy()
    values[np.searchsorted(low, rows["low_hz"].to_numpy()), at] = db
    edges = np.linspace(low[0] ** 0.5, high[-1] ** 0.5, _HEIGHT + 1)
    middle = ((edges[1:] + edges[:-1]) / 2) ** 2
    row = np.clip(np.searchsorted(low, middle, side="right") - 1, 0, len(low) - 1)
    return np.where((middle <= high[row])[:, None], values[row], np.nan)


def _ends(rows: pd.DataFrame, width: float) -> tuple[float, float]:
    """First and last minute, the handling within."""
    first = min(float(rows["minute"].min()) - width / 2, float(rows["handling_from"].iloc[0]))
    last = max(float(rows["minute"].max()) + width / 2, float(rows["handling_to"].iloc[0]))
    return first, last


def _minutes(first: float, last: float) -> tuple[tuple[float, str], ...]:
    """Four ticks or so, zero among them."""
    step = next(
        s for s in (1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 10**6) if (last - first) / s <= 5
    )
    start = int(-(-first // step))
    return tuple(
        ((k * step - first) / (last - first), number(float(k * step)))
        for k in range(start, int(last // step) + 1)
    )


def _wide(rows: pd.DataFrame) -> pd.DataFrame:
    """The figure's values: a row per map and point, a column per row of frequencies, dB."""
    keys = ["part", "level", "condition", "reference_condition", "minute", "n_units", "n_reference"]
    middle = (rows["low_hz"] + rows["high_hz"]) / 2
    wide = rows.assign(hz=middle).pivot_table(index=keys, columns="hz", values="db", dropna=False,
                                              observed=True, sort=True)  # fmt: skip
    wide = wide.dropna(how="all")
    wide.columns = [f"{hz:g} Hz" for hz in wide.columns]
    return wide.round(3).reset_index()


# -- words -----------------------------------------------------------------------------------------


def _caption(
    rows: pd.DataFrame, levels: list[str], few: list[str], scale: Scale, names: Names
) -> str:
    """What is drawn, how many, what each minute contains, and what is not shown."""
    plan, called = names.plan, names.animals()[1]
    width = with_unit(number(float(rows["width_min"].iloc[0])), "min")
    same = plan.baseline_context == "same"
    where = "the same context" if same else spoken(plan.baseline_context)
    drawn = rows[rows["level"].isin(levels) & (rows["n_units"] >= MINIMUM_UNITS)]
    parts = [
        f"Mean over {called} in steps of {width}, in dB from the session's own baseline in "
        f"{where}: {colour_words(scale, 'dB')}. {n_words(drawn, names)} at a time; points with "
        f"fewer than {MINIMUM_UNITS} are grey. Vertical line: the administration; hatched: the "
        "handling around it, which has no value."
    ]
    subtracted = rows[rows["part"] == DIFFERENCE]
    differences = subtracted[subtracted["level"].isin(levels)]
    parts += subtracted_words(differences, names)
    if EVERYWHERE in levels:
        parts.append(
            f"Under {EVERYWHERE} each minute counts in whichever context it was spent, against "
            f"that context's baseline{_mixture(rows, names)}."
        )
        if len(differences):
            parts.append(f"{_apart(subtracted, names)} {MIXED}")
    if few:
        parts.append(
            f"Not drawn alone, for most of their minutes have fewer than {MINIMUM_UNITS} {called}: "
            f"{listing(spoken(level) for level in few)} (the file has them)."
        )
    parts.append("Nothing is tested here: tests stand with the time courses and the outcomes.")
    return " ".join(parts)


def _mixture(rows: pd.DataFrame, names: Names) -> str:
    """Which contexts a minute holds: fewest to most animals at a time after the administration."""
    means = rows[(rows["part"] == MEAN) & (rows["level"] != EVERYWHERE) & (rows["minute"] > 0)]
    once = means.drop_duplicates(["level", "condition", "minute"])
    if once.empty:
        return ""
    counts = once.pivot_table(
        index=["condition", "minute"], columns="level", values="n_units", fill_value=0
    )
    said = [
        f"{spoken(level)} {int(counts[level].min())} to {int(counts[level].max())}"
        for level in dict.fromkeys([*names.plan.contexts, *counts.columns])
        if level in counts
    ]
    return f" (per condition and minute after it: {', '.join(said)} {names.animals()[1]})"


def _apart(differences: pd.DataFrame, names: Names) -> str:
    """In which share of the minutes after it drug and reference were in the same context.

    The differences of the single contexts rest on the units that were there under both; those of
    all contexts on every unit that has the minute under both.
    """
    after = differences[(differences["minute"] > 0)]
    once = after.drop_duplicates(["level", "condition", "minute"])
    everywhere = once["level"] == EVERYWHERE
    whole = once[everywhere].groupby("condition")["n_units"].sum()
    called = names.animals()[1]
    if not differences["paired"].all() or whole.empty:
        return f"The {called} compared at a minute may then have been in different contexts."
    same = once[~everywhere].groupby("condition")["n_units"].sum()
    said = listing(
        f"{100 * min(1.0, same.get(condition, 0) / whole[condition]):.0f}{SPACE}% "
        f"({spoken(condition)})"
        for condition in condition_order(once[everywhere], names)
        if whole[condition]
    )
    return (
        "At the same minute after it, the sessions that are subtracted from each other were in the "
        f"same context for {said} of the {called}' minutes."
    )


def _numbers(rows: pd.DataFrame, level: str, names: Names) -> Iterator[str]:
    """Each drug's mean change after the administration in ranges that are the same for all.

    Not its largest and smallest row: of some fifty untested rows these are mostly noise.
    """
    part = DIFFERENCE if (rows["part"] == DIFFERENCE).any() else MEAN
    after = rows[(rows["level"] == level) & (rows["part"] == part) & (rows["minute"] > 0)]
    after = after[after["n_units"] >= MINIMUM_UNITS]
    middle = (after["low_hz"] + after["high_hz"]) / 2
    for condition in condition_order(after, names):
        own = after[after["condition"] == condition]
        said = []
        for low, high in pairwise(_RANGES_HZ):
            mean = own.loc[(middle >= low) & (middle < high), "db"].mean()
            if finite(mean):
                said.append(
                    f"{with_unit(signed(mean, 2), 'dB')} at {low}–{with_unit(str(high), 'Hz')}"
                )
        words = f" {minus_words(own)}" if part == DIFFERENCE else ""
        if said:
            yield (
                f"{spoken(condition)}{words}, {spoken(level)}, mean after the administration, "
                f"untested: {listing(said)}."
            )
