"""Comodulograms of the cohort: the baseline's index, its change per condition, and drug minus it.

Nothing is computed here but the picture: values are those of comodulograms.parquet
(:mod:`pipeline.steps.cohort_comodulograms`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from pipeline.report.assembly import Specification
from pipeline.report.cohort_maps import (
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
from pipeline.report.curve_words import DIFFERENCE, LEVEL, MEAN
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import listing, number, plain, signed, with_unit
from pipeline.report.slug import slug

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

#: pixels of a map, at most
_WIDTH, _HEIGHT = 110, 90


def comodulogram_figures(table: pd.DataFrame | None, names: Names) -> Iterator[MapFigure]:
    """Yield one figure per region and phase (and dose of a session where there are several).

    Parameters
    ----------
    table : pandas.DataFrame or None
        comodulograms.parquet.
    names : Names
        Labels and plan; while blind its conditions are codes, and nothing is subtracted.
    """
    if table is None or table.empty:
        return
    changes = table[table["part"] != LEVEL]
    indices = table.loc[table["part"] == LEVEL, "value"]
    unit = "octaves (log2) from the baseline" + ("" if names.plan.blind else ", or minus that")
    scales = (
        Scale(end=scale_end(changes["value"], share=1.0), words=unit),
        Scale(
            end=scale_end(1000 * indices, share=1.0),
            words="index in the baseline x 1000",
            from_zero=True,
        ),
    )
    keys = ["region", "phase", "step"]
    several = changes["phase"].nunique() > 1, changes["step"].nunique() > 1
    for (region, phase, step), rows in changes.groupby(keys, sort=True):
        levels = table[(table["region"] == region) & (table["part"] == LEVEL)]
        title = f"Comodulogram, {region}"
        name = f"comodulogram-in-{slug(str(region))}"
        if several[0]:
            title, name = f"{title}, {spoken(str(phase))} phase", f"{name}-{slug(str(phase))}"
        if several[1]:
            title, name = f"{title}, dose {step}", f"{name}-dose-{step}"
        caption = _caption(rows, scales, names)
        yield MapFigure(
            name=name,
            title=title,
            kind="Comodulogram",
            caption=caption,
            alt=" ".join([f"{title}.", *_numbers(levels, rows, names), caption]),
            tabulate=partial(_data, levels, rows),
            draw=partial(_chart, levels, rows, scales, names),
        )


def _contexts(rows: pd.DataFrame, names: Names) -> list[str]:
    met = set(rows["context"])
    order = dict.fromkeys([*names.plan.contexts, *sorted(met)])
    return [context for context in order if context in met]


def _chart(
    levels: pd.DataFrame, rows: pd.DataFrame, scales: tuple[Scale, ...], names: Names
) -> Specification:
    return grid_chart(_grid(levels, rows, scales, names))


def _grid(
    levels: pd.DataFrame, rows: pd.DataFrame, scales: tuple[Scale, ...], names: Names
) -> Grid:
    import numpy as np

    slow, fast = np.unique(rows["phase_hz"]), np.unique(rows["amplitude_hz"])
    panels, titles = [], []
    for context in _contexts(rows, names):
        level = levels[levels["context"] == context]
        for part in (MEAN, DIFFERENCE):
            here = rows[(rows["context"] == context) & (rows["part"] == part)]
            if here.empty:
                continue
            words = minus_words(here) if part == DIFFERENCE else "change from the baseline"
            titles.append(f"{spoken(context)}: {words}")
            row = len(titles) - 1
            if part == MEAN and len(level):
                index = map_of(level.assign(value=1000 * level["value"]), slow, fast)
                panels.append(
                    Panel(row=row, column=0, values=index, title="baseline", scale=1,
                          note=n_words(level, names))
                )  # fmt: skip
            for column, condition in enumerate(condition_order(rows, names), start=1):
                own = here[here["condition"] == condition]
                if len(own):
                    panels.append(
                        Panel(row=row, column=column, values=map_of(own, slow, fast),
                              title=spoken(condition), note=n_words(own, names))
                    )  # fmt: skip
    cell = (max(1, _WIDTH // len(slow)), max(1, _HEIGHT // len(fast)))
    return Grid(
        panels=tuple(panels),
        rows=tuple(titles),
        cell=cell,
        x=Axis(ticks=_ticks(slow, 4), title="frequency of the phase, Hz"),
        y=Axis(ticks=_ticks(fast, 4), title="frequency of the amplitude, Hz"),
        scales=scales,
    )


def map_of(rows: pd.DataFrame, slow: NDArray, fast: NDArray) -> NDArray:
    """Values of one map, shape (frequencies of the amplitude, of the phase), lowest first."""
    import numpy as np

    values = np.full((len(fast), len(slow)), np.nan)
    at = np.searchsorted(fast, rows["amplitude_hz"]), np.searchsorted(slow, rows["phase_hz"])
    values[at] = rows["value"].to_numpy()
    return values


def _ticks(frequency: NDArray, most: int) -> tuple[tuple[float, str], ...]:
    """At most so many frequencies with the places of their cells' middles."""
    step = -(-len(frequency) // most)
    return tuple(
        ((at + 0.5) / len(frequency), number(float(frequency[at])))
        for at in range(0, len(frequency), step)
    )


def _data(levels: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """What is drawn: a row per map and frequency of the amplitude, a column per phase."""
    import pandas as pd

    keys = ["part", "context", "condition", "reference_condition", "n_units", "n_reference"]
    both = pd.concat([levels, rows], ignore_index=True)
    wide = both.pivot_table(
        index=[*keys, "amplitude_hz"], columns="phase_hz", values="value", sort=True
    )
    wide.columns = [f"phase {hz:g} Hz" for hz in wide.columns]
    return wide.reset_index()


# -- words -----------------------------------------------------------------------------------------


def _caption(rows: pd.DataFrame, scales: tuple[Scale, ...], names: Names) -> str:
    plan, called = names.plan, names.animals()[1]
    where = "the same context" if plan.baseline_context == "same" else spoken(plan.baseline_context)
    parts = [
        "How much the amplitude at one frequency follows the phase at another (modulation index). "
        f"Left: the index in the baseline, mean over {called} whatever they got later (white: 0; "
        "it reads a little above 0 without coupling). Beside it: log2 of the index over the "
        f"session's own baseline in {where}, mean over {called}; "
        f"{colour_words(scales[0], 'octaves')}. {n_words(rows, names)}."
    ]
    parts += subtracted_words(rows[rows["part"] == DIFFERENCE], names)
    parts.append(
        "Where there is no coupling in the baseline, a change is one of noise: read it where the "
        "left map is coloured. Nothing is tested here: tests stand with the outcomes."
    )
    return " ".join(parts)


def _numbers(levels: pd.DataFrame, rows: pd.DataFrame, names: Names) -> Iterator[str]:
    """Each drug's change where the baseline's index is largest, per context.

    The place is chosen without looking at the changes: the largest of a hundred untested changes
    would mostly be the largest noise.
    """
    part = DIFFERENCE if (rows["part"] == DIFFERENCE).any() else MEAN
    drawn = rows[(rows["part"] == part) & rows["value"].notna()]
    words = f" {minus_words(drawn)}" if part == DIFFERENCE else ""
    for context in _contexts(drawn, names):
        own = levels[(levels["context"] == context) & levels["value"].notna()]
        here = drawn[drawn["context"] == context]
        if own.empty:
            continue
        largest = own.iloc[int(own["value"].to_numpy().argmax())]
        slow, fast = largest["phase_hz"], largest["amplitude_hz"]
        index = plain(1000 * own["value"].max(), 2)
        at = here[(here["phase_hz"] == slow) & (here["amplitude_hz"] == fast)]
        change = at.set_index("condition")["value"]
        said = [
            f"{spoken(condition)}{words} {with_unit(signed(change[condition], 2), 'octaves')}"
            for condition in condition_order(at, names)
        ]
        if said:
            yield (
                f"In {spoken(context)} the baseline's index is largest at phase "
                f"{with_unit(number(slow), 'Hz')} and amplitude {with_unit(number(fast), 'Hz')} "
                f"(x 1000: {index}); change there, untested: {listing(said)}."
            )
