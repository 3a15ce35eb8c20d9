"""Spectrograms of the cohort around the administration: change from the baseline, over animals.

The columns of the sessions' spectrograms (:mod:`pipeline.lfp.spectrogram`) get their context, phase
and handling from timecourse.parquet. They are averaged in points of half a minute or more and in
rows of about equal width on the root of the frequency, on the raw scale, and set against the mean
of the session's own baseline in the same context. As for time courses, a point of a context rests
on the animals that were there then; under
:data:`pipeline.report.curve_words.EVERYWHERE` each animal's point counts in whichever
context it was spent, against the baseline of that context.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.experiment.plan import AnalysisPlan
from pipeline.lfp.bands import line_bands
from pipeline.report.curve_words import EVERYWHERE
from pipeline.steps.cohort_maps import Maps, decoded, over_baseline, over_units, with_design

COLUMNS = ("part", "region", "level", "condition", "reference_condition", "step", "paired",
           "minute", "width_min", "handling_from", "handling_to", "n_units", "n_reference",
           "low_hz", "high_hz", "db")  # fmt: skip
#: widths that a point may have, and how many there may be
WIDTHS_S, POINTS = (30.0, 60.0, 120.0, 300.0, 600.0, 1800.0), 80
#: rows at most, and the frequencies that they span
ROWS, LOWEST_HZ, HIGHEST_HZ = 48, 0.5, 200.5

_GROUPS = ["region", "level", "point"]


def spectrograms(
    sessions: Sequence[tuple[Path, Path]], plan: AnalysisPlan, settings: Mapping[str, Any]
) -> pd.DataFrame:
    """Bring the sessions' spectrograms to animals.

    Parameters
    ----------
    sessions : sequence of (Path, Path)
        spectra.nc and timecourse.parquet of each session; empty files are passed over.
    plan : AnalysisPlan
        Conditions, baseline, least length of a baseline.
    settings : mapping
        ``time_course``, ``handling_s``, ``line_noise_hz``, and what
        :func:`pipeline.steps.cohort_maps.with_design` reads.

    Returns
    -------
    DataFrame
        :data:`COLUMNS`: a row per map, point (its middle in minutes from the administration) and
        row (its edges in Hz; without those that the mains fill). ``db`` is the change from the
        baseline, or its difference from the reference's; NaN where nobody has a value. Points that
        meet the handling around the administration have no row: ``handling_from`` and
        ``handling_to`` bound them, in minutes.
    """
    courses = [
        (spectrum, pd.read_parquet(course))
        for spectrum, course in sessions
        if spectrum.stat().st_size and course.stat().st_size
    ]
    shown = [course[course["shown"]] for _, course in courses]
    shown = [course for course in shown if len(course)]
    if not shown:
        return pd.DataFrame(columns=list(COLUMNS))
    bin_s = float(settings["time_course"]["bin_s"])
    first_s = min(float(course["bin_start_s"].min()) for course in shown)
    last_s = max(float(course["bin_start_s"].max()) for course in shown) + bin_s
    width_s = point_width(first_s, last_s, bin_s)
    edges = row_edges()
    points, baselines = [], []
    for spectrum, course in courses:
        own = session_points(
            spectrum, course, plan=plan, bin_s=bin_s, width_s=width_s, edges=edges,
            line_hz=settings["line_noise_hz"],
        )  # fmt: skip
        points.append(own[0])
        baselines.append(own[1])
    change = over_baseline(_joined(points), _joined(baselines), plan)
    if not len(change.keys):
        return pd.DataFrame(columns=list(COLUMNS))
    change = Maps(with_design(change.keys, settings), change.values)
    several = change.keys["context"].nunique() > 1
    levels = [Maps(change.keys.assign(level=change.keys["context"]), change.values)]
    levels += [_everywhere(change)] if several else []
    found = over_units(_joined(levels), _GROUPS, plan)
    return _table(found, edges, width_s, settings)


def point_width(first_s: float, last_s: float, bin_s: float) -> float:
    """Return the seconds of a point: the least width of whole bins that gives few enough points.

    Parameters
    ----------
    first_s, last_s : float
        Ends of the time that is shown, from the administration.
    bin_s : float
        Of the sessions' spectrograms.
    """
    for width in WIDTHS_S:
        whole = bin_s * math.ceil(width / bin_s - 1e-9)
        if math.ceil(last_s / whole - 1e-9) - math.floor(first_s / whole + 1e-9) <= POINTS:
            break
    return whole


def row_edges() -> NDArray[np.float64]:
    """Edges of the rows in Hz: even on the root of the frequency, between whole rows of 1 Hz."""
    even = np.linspace(LOWEST_HZ**0.5, HIGHEST_HZ**0.5, ROWS + 1) ** 2
    return np.unique(np.round(even - 0.5)) + 0.5


def session_points(
    spectrum: Path,
    course: pd.DataFrame,
    *,
    plan: AnalysisPlan,
    bin_s: float,
    width_s: float,
    edges: NDArray[np.float64],
    line_hz: float | None,
) -> tuple[Maps, Maps]:
    """Return a session's points and its baselines, both in dB.

    Parameters
    ----------
    spectrum : Path
        spectra.nc.
    course : DataFrame
        timecourse.parquet of the same session.
    plan : AnalysisPlan
        The phase of the baseline, and the clean seconds that it needs.
    bin_s, width_s : float
        Of a column and of a point. A point needs half of its seconds clean and in its context.
    edges : ndarray
        Of the rows.
    line_hz : float or None
        Mains; what lies within 2 Hz of it or a harmonic is left out.

    Returns
    -------
    (Maps, Maps)
        Keys session, anchor, step, context, region, and of the first point (0 begins at the
        administration) and seconds; values (row, frequency).
    """
    time, power, regions = _columns(spectrum, edges, line_hz)
    bins = course.drop_duplicates(["anchor", "bin_start_s"]).sort_values(
        ["anchor", "bin_start_s"], ignore_index=True
    )
    start = bins["session_s"].to_numpy()
    at = np.searchsorted(time, start - 1e-6)
    inside = at < len(time)
    at = np.minimum(at, max(len(time) - 1, 0))
    inside &= np.abs(time[at] - start - bin_s / 2) <= bin_s / 2 + 1e-6
    handled = bins["handling"].to_numpy(dtype=bool)
    # bins of a later dose lie between columns, which may then reach into the handling beside them
    off_grid = np.abs(time[at] - start - bin_s / 2) > 1e-3
    if off_grid.any():
        beside = np.r_[False, handled[:-1]] | np.r_[handled[1:], False]
        handled = handled | (off_grid & beside)
    usable = inside & ~handled & (bins["context"] != "").to_numpy()
    middle = bins["bin_start_s"] + bin_s / 2
    bins = bins.assign(
        session=spectrum.parent.name, point=np.floor(middle / width_s).astype(int), column=at
    )
    cell = ["session", "anchor", "step", "context"]
    points = _means(bins[usable & bins["shown"]], [*cell, "point"], power, regions, width_s / 2)
    is_baseline = usable & (bins["phase"] == plan.baseline_phase)
    return points, _means(bins[is_baseline], cell, power, regions, plan.minimum_epoch_s)


def _columns(
    spectrum: Path, edges: NDArray[np.float64], line_hz: float | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    """Middles of a spectrogram's columns, their power (column, region, row), and the regions."""
    import h5netcdf

    with h5netcdf.File(spectrum) as file:
        if "spectrogram" not in file.variables:
            return np.zeros(0), np.zeros((0, 0, len(edges) - 1)), []
        variable = file.variables["spectrogram"]
        order = [variable.dimensions.index(name) for name in ("time", "channel", "row_frequency")]
        gram = variable[...].transpose(order)
        time = np.asarray(file.variables["time"][...], dtype=float)
        region = np.array(decoded(file.variables["region"][...]))
        frequency = np.asarray(file.variables["row_frequency"][...], dtype=float)
    row = np.searchsorted(edges, frequency) - 1
    # a row is whole where the spectrum reaches beyond its upper edge
    kept = (row >= 0) & (row < len(edges) - 1)
    kept &= edges[np.clip(row + 1, 0, len(edges) - 1)] <= frequency[-1] + 0.5 + 1e-6
    for low, high in line_bands(line_hz, frequency[-1]):
        kept &= (frequency < low) | (frequency > high)
    mixing = np.zeros((len(frequency), len(edges) - 1))
    mixing[np.flatnonzero(kept), row[kept]] = 1
    has = mixing.sum(axis=0)
    mixing /= np.maximum(has, 1)
    names = sorted(set(region) - {""})
    means = [gram[:, region == name].mean(axis=1, dtype=float) @ mixing for name in names]
    power = np.stack(means, axis=1) if names else np.zeros((len(time), 0, len(has)))
    power[..., has == 0] = np.nan
    return time, power, names


def _means(
    bins: pd.DataFrame,
    keys: list[str],
    power: NDArray[np.float64],
    regions: list[str],
    least_s: float,
) -> Maps:
    """Mean power of the bins that share keys, weighted by clean seconds, in dB."""
    if len(bins):
        bins = bins.iloc[np.flatnonzero(np.isfinite(power[bins["column"]]).any(axis=(1, 2)))]
    grouped = bins.groupby(keys, sort=True)
    number = grouped.ngroup().to_numpy(dtype=int)
    names = grouped["seconds"].sum().reset_index()
    total = np.zeros((len(names), len(regions), power.shape[2]))
    np.add.at(total, number, power[bins["column"]] * bins["seconds"].to_numpy()[:, None, None])
    enough = (names["seconds"] >= least_s).to_numpy()
    names, total = names[enough], total[enough]
    level = 10 * np.log10(total / names["seconds"].to_numpy()[:, None, None])
    rows = names.loc[names.index.repeat(len(regions))].reset_index(drop=True)
    rows["region"] = regions * len(names)
    return Maps(rows, level.reshape(-1, power.shape[2]))


def _everywhere(change: Maps) -> Maps:
    """Every point once: one on the border of two contexts counts where more of it lies."""
    keys = ["session", "anchor", "step", "point", "region"]
    once = change.keys.sort_values([*keys, "seconds"], kind="stable")
    once = once.drop_duplicates(keys, keep="last").sort_index()
    return Maps(once.assign(level=EVERYWHERE).reset_index(drop=True), change.values[once.index])


def _joined(parts: Sequence[Maps]) -> Maps:
    keys = pd.concat([part.keys for part in parts], ignore_index=True)
    return Maps(keys, np.concatenate([part.values for part in parts]))


def _table(
    maps: Maps, edges: NDArray[np.float64], width_s: float, settings: Mapping[str, Any]
) -> pd.DataFrame:
    """A row per map, point and row of frequencies that any map has."""
    before, after = settings["handling_s"]
    first, last = math.floor(before / width_s + 1e-9), math.ceil(after / width_s - 1e-9)
    maps = maps.where(~maps.keys["point"].between(first, last - 1))
    filled = np.flatnonzero(np.isfinite(maps.values).any(axis=0))
    keys = maps.keys.assign(
        minute=(maps.keys["point"].to_numpy(dtype=float) + 0.5) * width_s / 60,
        width_min=width_s / 60,
        handling_from=first * width_s / 60,
        handling_to=last * width_s / 60,
    )
    table = keys.loc[np.repeat(np.arange(len(keys)), len(filled))].reset_index(drop=True)
    table = table.assign(
        low_hz=np.tile(edges[filled], len(keys)),
        high_hz=np.tile(edges[filled + 1], len(keys)),
        db=maps.values[:, filled].ravel(),
    )
    return table[list(COLUMNS)]
