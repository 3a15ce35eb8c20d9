"""One judgement per unit: may it count, why not, and the numbers that this rests on.

Thresholds are declared before any drug label is seen, and every exclusion rests on the label of the
sorting and on the baseline: a unit that a drug silences, speeds up or synchronises is data. Where a
session has no baseline, presence and rate are not judged, and contamination rests on all of it.

Outcomes are of regions: a unit whose region is not known ("") would be one more region of its own,
or a member of every family of tests that no outcome counts. It is left out of all of them alike.

A share of contamination estimated from a handful of intervals is mostly chance: with 900 spikes in
half an hour unrelated spikes would make 0.9 short intervals. A unit is left out when it has more
short intervals than the largest accepted share explains in 95 of 100 such units (Poisson). The
estimate itself is stated for each unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import InputError
from pipeline.experiment.strict import did_you_mean
from pipeline.intervals import Intervals, contains, disjoint, merge, subtract, total_seconds
from pipeline.spikes.contamination import (
    MOST_AMPLITUDE_CHANGE,
    Contamination,
    amplitude_change,
    contamination,
    dead_time,
)
from pipeline.spikes.quality import present_in_baseline, with_quality
from pipeline.spikes.units import SORTED_SPAN, metric_names, unit_amplitudes, unit_trains
from pipeline.spikes.waveform_classes import GREY, LEAST_RATE_HZ, NARROW, WIDE, waveform_classes

UNKNOWN = "unknown"
#: how likely a unit of the largest accepted share is to be left out by chance
_BY_CHANCE = 0.05
#: an epoch may reach so far beyond what was sorted
_SPAN_TOLERANCE_S = 1.0


def judge_units(
    units: xr.Dataset,
    baseline: ArrayLike,
    *,
    options: Mapping[str, Any],
    epochs: Sequence[ArrayLike] = (),
    recorded: ArrayLike | None = None,
    by_context: Sequence[ArrayLike] | None = None,
) -> xr.Dataset:
    """Judge every unit of a session.

    Parameters
    ----------
    units : Dataset
        From :func:`pipeline.spikes.units_dataset` or :func:`pipeline.spikes.load_units`.
    baseline : array_like, shape (n, 2)
        Recorded seconds of the session's baseline, without overlaps; empty where it has none.
    options : mapping
        ``spikes`` of the config: ``qualities``, ``minimum_baseline_presence``, ``presence_bin_s``,
        ``minimum_baseline_rate_hz``, ``maximum_contamination`` (None: not judged),
        ``refractory_ms``, ``junk_hz``, ``minimum`` and ``maximum`` (limits by metric of the
        sorting), ``narrow_below_ms``, ``wide_above_ms``.
    epochs : sequence of array_like, shape (n, 2)
        Seconds of the epochs that are compared. What lies behind the baseline is held against it
        for the amplitude.
    recorded : array_like, shape (n, 2), optional
        Recorded seconds; from the first to the last spike where not given.
    by_context : sequence of array_like, shape (n, 2), optional
        The baseline of each context that cells are held against; the whole of it as one where not
        given. A unit counts that is present, and fires enough, in any of them: one that fires in
        one context only is what an experiment on contexts looks for.

    Returns
    -------
    Dataset (unit)
        ``keep`` (bool); ``reason`` (str, all reasons, "" where kept); ``n_spikes``; ``rate_hz``
        over the recorded time; ``baseline_rate_hz`` and ``presence_ratio``, each
        of the context where it is highest (NaN without baseline);
        ``contamination`` (0 to 0.5) and ``contamination_at_least``; ``junk`` (bool);
        ``waveform_class`` (narrow, wide, grey, unknown) and ``trough_to_peak_ms``;
        ``amplitude_change`` (relative; NaN where unknown) and ``drifting`` (bool, never a reason).
        Coordinate ``unit_id``; the attribute ``notes`` says what could not be judged.

    Raises
    ------
    InputError
        If intervals overlap, or a limit names a metric that these units lack beside others.
    """
    baseline = disjoint(baseline, name="baseline")
    trains = unit_trains(units)
    whole = _whole(trains) if recorded is None else disjoint(recorded, name="recorded")
    seconds, baseline_s = total_seconds(whole), total_seconds(baseline)
    reasons: list[list[str]] = [[] for _ in trains]
    notes: list[str] = []

    labelled = with_quality(units, accepted=(*options["qualities"], ""))
    contexts = [disjoint(one, name="baseline") for one in by_context or (baseline,)]
    present = _presence(units, contexts, options)
    for judged in (labelled, present):
        _add(reasons, ~judged["keep"].values, judged["reason"].values.tolist())
    own = [train[contains(baseline, train)] for train in trains]
    rate = np.array([_highest_rate(train, contexts) for train in trains])
    least_hz = options["minimum_baseline_rate_hz"]
    _add(
        reasons,
        rate < least_hz,
        [f"{hz:.3g} Hz in the baseline, below {least_hz:g}" for hz in rate],
    )
    if not baseline_s:
        notes.append("no baseline: presence and rate of the units not judged")
    elif trains and not np.isfinite(present["presence_ratio"].values).any():
        notes.append(
            f"no baseline of {options['presence_bin_s']:g} s: presence of the units not judged"
        )

    from_baseline = baseline_s > 0
    mixed = _contamination(
        own if from_baseline else trains, baseline_s if from_baseline else seconds, options
    )
    if mixed is not None:
        _add(reasons, [bool(why) for why in mixed.junk], [f"junk: {why}" for why in mixed.junk])
        if options["maximum_contamination"] is not None:
            _judge_contamination(reasons, mixed, options["maximum_contamination"])
    _judge_metrics(reasons, units, options, notes)
    _judge_span(reasons, units, [baseline, *epochs])
    placeless = units["region"].values.astype(str) == ""
    if placeless.any():
        _add(reasons, placeless, ["no region"] * len(trains))
        notes.append(
            f"{int(placeless.sum())} of {len(trains)} unit(s) without a region are left out of all "
            "outcomes (a channel without a region in the channel table?)"
        )

    change = _amplitude_change(units, trains, baseline, epochs)
    shape, width_ms = _waveforms(units, options)
    blank = np.full(len(trains), np.nan)
    columns: dict[str, Any] = {
        "keep": np.array([not why for why in reasons], dtype=bool),
        "reason": np.array(["; ".join(why) for why in reasons], dtype=str),
        "n_spikes": np.array([len(train) for train in trains], dtype=np.int64),
        "rate_hz": np.array([np.sum(contains(whole, t)) / seconds for t in trains])
        if seconds
        else blank,
        "baseline_rate_hz": rate,
        "presence_ratio": present["presence_ratio"].values,
        "contamination": blank if mixed is None else mixed.share,
        "contamination_at_least": np.zeros(len(trains), bool) if mixed is None else mixed.at_least,
        "junk": np.array([bool(why) for why in mixed.junk] if mixed else blank, dtype=bool),
        "waveform_class": np.array(shape, dtype=str),
        "trough_to_peak_ms": width_ms,
        "amplitude_change": change,
        "drifting": np.abs(np.nan_to_num(change)) > MOST_AMPLITUDE_CHANGE,
    }
    return xr.Dataset(
        {name: ("unit", values) for name, values in columns.items()},
        coords={"unit_id": ("unit", units["unit_id"].values.astype(str))},
        attrs={"notes": "; ".join(notes)},
    )


def _presence(
    units: xr.Dataset, contexts: Sequence[Intervals], options: Mapping[str, Any]
) -> xr.Dataset:
    """Presence of every unit in the context of its baseline where it is most present."""
    judged = [
        present_in_baseline(
            units,
            baseline,
            minimum_presence=options["minimum_baseline_presence"],
            bin_s=options["presence_bin_s"],
        )
        for baseline in contexts
    ]
    ratios = np.array([one["presence_ratio"].values for one in judged])
    long_enough = np.isfinite(ratios).all(axis=1)
    # a context too short to be judged in lets no unit through; without any that is not, all pass
    judged = [one for one, known in zip(judged, long_enough, strict=True) if known] or judged[:1]
    best = np.argmax([one["presence_ratio"].fillna(0.0).values for one in judged], axis=0)
    return xr.concat(judged, dim="context").isel(context=xr.DataArray(best, dims="unit"))


def _highest_rate(train: NDArray[np.float64], contexts: Sequence[Intervals]) -> float:
    """Hz in the context where a unit fires most; NaN without baseline."""
    seconds = [(baseline, total_seconds(baseline)) for baseline in contexts]
    return max(
        (float(np.sum(contains(one, train))) / long for one, long in seconds if long),
        default=float("nan"),
    )


def _add(reasons: list[list[str]], which: ArrayLike, said: Sequence[str]) -> None:
    """Add a reason to some units."""
    for mine, applies, text in zip(reasons, np.asarray(which, dtype=bool), said, strict=True):
        if applies:
            mine.append(str(text))


def _whole(trains: Sequence[NDArray[np.float64]]) -> Intervals:
    """From the first to the last spike of all units."""
    some = [train for train in trains if len(train)]
    if not some:
        return np.empty((0, 2))
    last = np.nextafter(max(train[-1] for train in some), np.inf)
    return np.array([[min(train[0] for train in some), last]])


def _contamination(
    judged: Sequence[NDArray[np.float64]], seconds: float, options: Mapping[str, Any]
) -> Contamination | None:
    """Refractory violations; the detector's dead time rests on the same spikes.

    On those alone: one spike counted twice after a dose would make it 0 for every unit.
    """
    if not seconds > 0:
        return None
    refractory_s = options["refractory_ms"] / 1000
    return contamination(
        judged,
        seconds=seconds,
        refractory_s=refractory_s,
        dead_time_s=dead_time(judged, refractory_s=refractory_s),
        junk_hz=options["junk_hz"],
    )


def _judge_contamination(reasons: list[list[str]], mixed: Contamination, most: float) -> None:
    """Leave out units with more violations than the largest accepted share explains by chance."""
    from scipy.stats import poisson

    explained = 2 * most * (1 - most) * mixed.expected
    above = (mixed.share > most) | mixed.at_least
    too_many = above & (poisson.sf(mixed.violations - 1, explained) < _BY_CHANCE)
    said = [
        f"contamination {'at least ' if beyond else ''}{share:.2f}, above {most:g} ({count} "
        f"intervals shorter than the refractory period, {chance:.3g} of unrelated spikes)"
        for share, beyond, count, chance in zip(
            mixed.share, mixed.at_least, mixed.violations, mixed.expected, strict=True
        )
    ]
    _add(reasons, too_many, said)


def _judge_metrics(
    reasons: list[list[str]], units: xr.Dataset, options: Mapping[str, Any], notes: list[str]
) -> None:
    """Hold the metrics of the sorting against their limits; what is unknown is not judged."""
    known = [name for name in metric_names(units) if name not in SORTED_SPAN]
    limits = [
        (name, options[side][name], side)
        for side in ("minimum", "maximum")
        for name in options[side]
    ]
    for name, limit, side in limits:
        if name not in known:
            if known:
                raise InputError(
                    f"spikes.{side}: found a limit of '{name}'{did_you_mean(name, known)}; "
                    f"expected one of the metrics of the sorting: {', '.join(known)}"
                )
            notes.append(f"spikes.{side}.{name} not judged: the sorting has no metrics")
            continue
        values = units[name].values
        beyond = values < limit if side == "minimum" else values > limit
        word = "below" if side == "minimum" else "above"
        _add(reasons, beyond, [f"{name} {value:.3g}, {word} {limit:g}" for value in values])
        if np.isnan(values).any():
            notes.append(f"{name} unknown of {int(np.isnan(values).sum())} unit(s): not judged")


def _judge_span(reasons: list[list[str]], units: xr.Dataset, compared: Sequence[ArrayLike]) -> None:
    """Leave out units that were sorted from some recordings, where others are compared as well.

    They have no spikes there because nobody looked: that is no silence.
    """
    if SORTED_SPAN[0] not in units:
        return
    spans = zip(*(units[name].values for name in SORTED_SPAN), strict=True)
    times = [merge(np.asarray(one, dtype=float).reshape(-1, 2)) for one in compared]
    for mine, (start, stop) in zip(reasons, spans, strict=True):
        if np.isnan(start):
            continue
        outside = sum(total_seconds(subtract(time, [[start, stop]])) for time in times)
        if outside > _SPAN_TOLERANCE_S:
            mine.append(
                f"sorted from {start:.0f} to {stop:.0f} s only, and {outside:.0f} s that are "
                "compared lie elsewhere"
            )


def _amplitude_change(
    units: xr.Dataset,
    trains: Sequence[NDArray[np.float64]],
    baseline: Intervals,
    epochs: Sequence[ArrayLike],
) -> NDArray[np.float64]:
    """Relative change from the baseline to the epochs behind it; NaN where it is not known."""
    found = np.full(len(trains), np.nan)
    sizes = unit_amplitudes(units)
    pieces = [np.asarray(epoch, dtype=float).reshape(-1, 2) for epoch in epochs]
    if sizes is None or not len(baseline) or not pieces:
        return found
    covered = merge(np.concatenate(pieces))
    first, last = float(baseline[0, 0]), float(baseline[-1, 1])
    earliest = min([first, *covered[:, 0]])
    after = subtract(covered, [[earliest, last]])
    for unit, (train, size) in enumerate(zip(trains, sizes, strict=True)):
        known = np.isfinite(size)
        change = amplitude_change(train[known], size[known], before=baseline, after=after)
        found[unit] = np.nan if change is None else change
    return found


def _waveforms(
    units: xr.Dataset, options: Mapping[str, Any]
) -> tuple[list[str], NDArray[np.float64]]:
    """Class and trough-to-peak time of each unit; unknown where the waveform does not tell."""
    number = units.sizes["unit"]
    label, width = [UNKNOWN] * number, np.full(number, np.nan)
    if "waveform" not in units or units["waveform"].attrs["rate_hz"] < LEAST_RATE_HZ:
        return label, width
    shapes = units["waveform"].values.astype(float)
    # Shorter waveforms end in NaN.
    lengths = [int(np.argmin(np.isfinite([*row, np.nan]))) for row in shapes]
    for length in sorted({length for length in lengths if length >= 10}):
        mine = [unit for unit in range(number) if lengths[unit] == length]
        found = waveform_classes(
            shapes[mine, :length],
            rate_hz=float(units["waveform"].attrs["rate_hz"]),
            grey_zone_ms=(options["narrow_below_ms"], options["wide_above_ms"]),
        )
        for unit, name, ms in zip(mine, found.label, found.trough_to_peak_ms, strict=True):
            label[unit] = name if name in (NARROW, WIDE, GREY) else UNKNOWN
            width[unit] = ms
    return label, width
