"""What ``measure`` leaves of the time around each administration."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.intervals import Intervals, subtract
from pipeline.steps.guard import write_atomically
from pipeline.steps.session_data import Quality, SessionData, Span, resolve_spans

#: columns of timecourse.parquet and their types
COLUMNS = {
    "anchor": "str",
    "step": "int64",
    "bin_start_s": "float64",
    "session_s": "float64",
    "shown": "bool",
    "context": "str",
    "phase": "str",
    "handling": "bool",
    "region": "str",
    "band": "str",
    "power": "float64",
    "n_windows": "int64",
    "seconds": "float64",
    "speed_cm_s": "float64",
}


@dataclass(frozen=True)
class Zero:
    """An anchor of this session: when it was, and between which doses its bins lie."""

    anchor: str
    step: int
    zero_s: float
    from_s: float
    until_s: float


def session_spectra(data: SessionData, quality: Quality, settings: Mapping[str, Any]) -> Any:
    """Return the spectra of a session's short windows, None without an LFP.

    The spectrogram of the session's page and the time courses both rest on this one pass.

    Returns
    -------
    pipeline.lfp.spectrogram.ShortSpectra or None
        Bins are counted from the first anchor of the session.
    """
    if not data.has("lfp"):
        return None
    from pipeline.lfp.spectrogram import short_spectra

    options = settings["options"]
    zeros = zeros_of(settings)
    return short_spectra(
        data.lfp,
        bin_s=options["lfp"]["time_course"]["bin_s"],
        half_bandwidth_hz=options["lfp"]["half_bandwidth_hz"],
        origin_s=zeros[0].zero_s if zeros else None,
        clean=subtract(data.recorded, quality.artefacts),
        bands=options["lfp"]["bands"],
        line_hz=options["recording"]["line_noise_hz"],
    )


def zeros_of(settings: Mapping[str, Any]) -> list[Zero]:
    """Return the anchors that the epochs count from, in the order of time.

    The bins of an anchor end at the next administration, as its phases do, and begin after the
    anchor before it.
    """
    known = {
        (epoch["since_dose_zero_s"], epoch["anchor"], epoch["step"])
        for epoch in settings["epochs"]
        if epoch["since_dose_zero_s"] is not None
    }
    times = [zero for zero, _, _ in known]
    doses = [*times, *settings["administrations_s"]]
    return [
        Zero(
            anchor,
            step,
            zero,
            from_s=max((time for time in times if time < zero), default=-math.inf),
            until_s=min((time for time in doses if time > zero), default=math.inf),
        )
        for zero, anchor, step in sorted(known)
    ]


def write_time_course(
    short: Any, data: SessionData, settings: Mapping[str, Any], path: Path
) -> None:
    """Write timecourse.parquet: band power around each anchor, one row per bin, region and band.

    Parameters
    ----------
    short : ShortSpectra or None
        From :func:`session_spectra`.
    data : SessionData
        For the speed.
    settings : mapping
        :func:`pipeline.steps.settings.measure_settings`.
    path : Path
        Columns :data:`COLUMNS`: ``bin_start_s`` is counted from the anchor, ``session_s`` is the
        same moment on the session's clock; ``shown`` marks the bins of the time course, and not
        those of the anchor's baseline beside it, which are there because the curve of a context is
        divided by all of its baseline; ``context`` and ``phase`` (of the anchor) are those that
        hold more than half of the bin, "" for none; ``handling`` marks bins that meet the time cut
        out around any administration; ``power`` is the mean of the bin's ``n_windows`` clean
        windows in uV^2 over the region's channels; ``speed_cm_s`` is NaN where less than half of
        the bin has a known speed. Bins without a clean window have no row. An empty file without an
        LFP, or without an anchor whose bins reach into it.
    """
    import pandas as pd

    from pipeline.steps.extract import write_parquet

    spans = resolve_spans(settings["epochs"], data.end_s)
    tables: list[pd.DataFrame] = []
    for zero in zeros_of(settings) if short is not None else ():
        tables += _rows(zero, short, data, settings, spans)
    if not tables:
        write_atomically(path, b"")
        return
    table = pd.concat(tables, ignore_index=True)
    write_parquet(table[list(COLUMNS)].astype(COLUMNS), path)


def _rows(
    zero: Zero,
    short: Any,
    data: SessionData,
    settings: Mapping[str, Any],
    spans: Sequence[Span],
) -> Iterator[Any]:
    """One table of one anchor, none if no bin has a value."""
    import pandas as pd

    own = [span for span in spans if span.anchor == zero.anchor]
    course, shown = _course(zero, short, settings, own)
    n_bins, n_regions, n_bands = course.power.shape
    if not shown.any():
        return
    starts = course.power["time"].values
    bins = zero.zero_s + np.column_stack([starts, starts + _bin_s(settings)])
    places = [(c["context"], c["start_s"], c["stop_s"]) for c in settings["contexts"]]
    phases = [(span.phase, span.start_s, span.stop_s) for span in own]
    columns = {
        "bin_start_s": starts,
        "session_s": bins[:, 0],
        "shown": shown,
        "context": _majority(bins, places),
        "phase": _majority(bins, phases),
        "handling": _handling(bins, zero.zero_s, settings),
        "n_windows": course.n_windows,
        "seconds": course.seconds,
        "speed_cm_s": mean_speed(data, bins),
    }
    each = n_regions * n_bands
    table = pd.DataFrame({name: np.repeat(values, each) for name, values in columns.items()})
    table = table.assign(
        anchor=zero.anchor,
        step=zero.step,
        region=np.tile(np.repeat(course.power["region"].values, n_bands), n_bins),
        band=np.tile(course.power["band"].values, n_bins * n_regions),
        power=course.power.values.ravel(),
    )
    yield table[table["shown"] | (table["phase"] == settings["baseline_phase"])]


def _bin_s(settings: Mapping[str, Any]) -> float:
    return float(settings["options"]["lfp"]["time_course"]["bin_s"])


def _course(
    zero: Zero, short: Any, settings: Mapping[str, Any], own: Sequence[Span]
) -> tuple[Any, NDArray[np.bool_]]:
    """Bins of an anchor over its time course and its whole baseline, and which are of the former.

    A context that was visited long before the dose only has its baseline there.
    """
    from pipeline.lfp.time_course import time_course

    options = settings["options"]["lfp"]["time_course"]
    bin_s, zero_s = _bin_s(settings), zero.zero_s
    baseline = [span for span in own if span.phase == settings["baseline_phase"]]
    first_s = min((span.start_s for span in baseline), default=math.inf)
    last_s = max((span.stop_s for span in baseline), default=-math.inf)
    course = time_course(
        short,
        zero_s=zero_s,
        bin_s=bin_s,
        before_s=max(options["before_s"], zero_s - first_s + bin_s),
        after_s=options["after_s"],
        from_s=min(zero.from_s, first_s),
        until_s=max(zero.until_s, last_s),
    )
    inside = time_course(
        short,
        zero_s=zero_s,
        bin_s=bin_s,
        before_s=options["before_s"],
        after_s=options["after_s"],
        from_s=zero.from_s,
        until_s=zero.until_s,
    )
    shown = np.isin(course.power["time"].values, inside.power["time"].values)
    return course, shown


def _majority(
    bins: Intervals, labelled: Sequence[tuple[str, float | None, float | None]]
) -> NDArray[np.object_]:
    """Label that holds more than half of each bin, "" for none."""
    best = (bins[:, 1] - bins[:, 0]) / 2
    found = np.full(len(bins), "", dtype=object)
    for label in dict.fromkeys(label for label, _, _ in labelled):
        shared = np.zeros(len(bins))
        for name, start, stop in labelled:
            if name == label:
                low = -math.inf if start is None else start
                high = math.inf if stop is None else stop
                part = np.minimum(bins[:, 1], high) - np.maximum(bins[:, 0], low)
                shared += np.clip(part, 0, None)
        found[shared > best] = label
    return found


def _handling(bins: Intervals, zero_s: float, settings: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Which bins meet the time around an administration that phases leave out."""
    before, after = settings["handling_s"]
    met = np.zeros(len(bins), dtype=bool)
    for time in {zero_s, *settings["administrations_s"]}:
        met |= (bins[:, 0] < time + after) & (bins[:, 1] > time + before)
    return met


def column_speed(
    short: Any, data: SessionData, settings: Mapping[str, Any]
) -> NDArray[np.float64] | None:
    """Mean speed in each column of the spectrogram, None without movement or LFP."""
    if short is None or not data.has("movement"):
        return None
    middle = short.spectrogram["time"].values
    half = settings["options"]["lfp"]["time_course"]["bin_s"] / 2
    return mean_speed(data, np.column_stack([middle - half, middle + half]))


def mean_speed(data: SessionData, bins: Intervals) -> NDArray[np.float64]:
    """Mean speed in each bin in cm/s, weighted by time; NaN where half of it is unknown."""
    if not data.has("movement") or len(data.movement) < 2:
        return np.full(len(bins), np.nan)
    from pipeline.ingest.movement import sample_spans

    spans = sample_spans(data.movement)
    speed = data.movement["speed_cm_s"].to_numpy(dtype=np.float64)
    known = np.isfinite(speed)
    weight = np.where(known, spans[:, 1] - spans[:, 0], 0.0)
    edges = spans.ravel()

    def inside(per_sample: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum over each bin: straight lines between the edges of the samples."""
        total = np.repeat(np.cumsum(per_sample), 2)
        total[::2] -= per_sample
        return np.interp(bins[:, 1], edges, total) - np.interp(bins[:, 0], edges, total)

    seconds = inside(weight)
    distance = inside(np.where(known, speed, 0.0) * weight)
    enough = seconds > (bins[:, 1] - bins[:, 0]) / 2
    return np.divide(distance, seconds, out=np.full(len(bins), np.nan), where=enough)
