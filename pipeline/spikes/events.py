"""Spikes around events of a task: cue, choice, outcome, change of the rule.

Counts are aligned per unit, event and bin. A bin counts as seen only when the whole of it lies in
the epoch (and so in none of its gaps), does not begin before the event's ``not_before_s`` and does
not end after its ``not_after_s``: with the choice as the limit of a cue, no response to the choice
is taken for one to the cue. An event that did not happen (NaN: no choice on an omission) keeps its
place, so that labels stay aligned, and nothing of it is seen.

Late bins are then seen in slow trials only. Rates over bins that rest on different trials differ
for that reason alone: ``n_seen`` says on how many each rests, and :func:`event_response` takes both
of its windows from the same trials.

When does the rule change? The log's first trial under the new rule is what the task knows; the
animal cannot know before the outcome of that trial. Both are given as plain event times.

Counts agree with the perievent of pynapple (tests/data/gold/pynapple_perievent.json).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import InputError
from pipeline.intervals import merge

#: seconds that borders may differ by and be the same
_ROUNDING_S = 1e-9


@dataclass(frozen=True, eq=False, kw_only=True)
class PeriEvent:
    """Spikes around events.

    Attributes
    ----------
    counts : ndarray of int, shape (n_units, n_events, n_bins)
        0 where a bin is not seen.
    seen : ndarray of bool, shape (n_events, n_bins)
        Whether the bin lies wholly in what the event may show.
    edges_s : ndarray, shape (n_bins + 1,)
        Borders of the bins in seconds from the event.
    """

    counts: NDArray[np.int64]
    seen: NDArray[np.bool_]
    edges_s: NDArray[np.float64]

    @property
    def bin_s(self) -> float:
        """Length of a bin in seconds."""
        return float((self.edges_s[-1] - self.edges_s[0]) / (len(self.edges_s) - 1))

    @property
    def n_seen(self) -> NDArray[np.int64]:
        """Events that each bin rests on, shape (n_bins,)."""
        return self.seen.sum(axis=0)


@dataclass(frozen=True, eq=False, kw_only=True)
class EventResponse:
    """Spikes after and before the same events.

    Attributes
    ----------
    response, baseline : ndarray of int, shape (n_units,)
        Spikes in the windows of all events used.
    response_s, baseline_s : float
        Total seconds of these windows.
    n_events : int
        Events whose two windows were both wholly seen.
    """

    response: NDArray[np.int64]
    baseline: NDArray[np.int64]
    response_s: float
    baseline_s: float
    n_events: int

    @property
    def log2_change(self) -> NDArray[np.float64]:
        """log2 of the rate after over the rate before, half a spike added to each count."""
        after = np.log2((self.response + 0.5) / self.response_s)
        return after - np.log2((self.baseline + 0.5) / self.baseline_s)


def peri_event_counts(
    trains: Sequence[ArrayLike],
    events_s: ArrayLike,
    *,
    window_s: tuple[float, float],
    bin_s: float,
    intervals: ArrayLike,
    not_before_s: ArrayLike | None = None,
    not_after_s: ArrayLike | None = None,
) -> PeriEvent:
    """Count the spikes of each unit around each event.

    Parameters
    ----------
    trains : sequence of array_like
        Spike times of each unit, seconds on the session clock, ascending.
    events_s : array_like, shape (n_events,)
        Seconds on the session clock, in any order; NaN for an event that did not happen.
    window_s : (float, float)
        From, to, in seconds from the event; a whole number of bins.
    bin_s : float
        Length of a bin; bins are half-open.
    intervals : array_like, shape (n, 2)
        Seconds of the epoch that were recorded.
    not_before_s, not_after_s : array_like, shape (n_events,), optional
        Where what an event shows begins and ends on the session clock (:func:`last_before`,
        :func:`next_after`); NaN for no limit.

    Returns
    -------
    PeriEvent

    Raises
    ------
    InputError
        If the window is not a whole number of bins, or limits and events differ in number.
    """
    edges = _edges(window_s, bin_s)
    events = np.asarray(events_s, dtype=float)
    borders = events[:, np.newaxis] + edges
    starts, stops = borders[:, :-1], borders[:, 1:]
    seen = _inside(starts, stops, merge(intervals))
    seen &= starts >= _limits(not_before_s, events, -np.inf, "not_before_s") - _ROUNDING_S
    seen &= stops <= _limits(not_after_s, events, np.inf, "not_after_s") + _ROUNDING_S
    counts = np.empty((len(trains), *seen.shape), dtype=np.int64)
    for unit, train in enumerate(trains):
        counts[unit] = np.diff(np.searchsorted(np.asarray(train, dtype=float), borders), axis=1)
    counts *= seen
    return PeriEvent(counts=counts, seen=seen, edges_s=edges)


def window_counts(
    trains: Sequence[ArrayLike],
    events_s: ArrayLike,
    *,
    window_s: tuple[float, float],
    intervals: ArrayLike,
    not_before_s: ArrayLike | None = None,
    not_after_s: ArrayLike | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Count the spikes of each unit in one window per event, for selectivity and decoding.

    Parameters
    ----------
    trains, events_s, window_s, intervals, not_before_s, not_after_s
        As :func:`peri_event_counts` takes them.

    Returns
    -------
    counts : ndarray of int, shape (n_units, n_events)
        0 where the window was not seen.
    seen : ndarray of bool, shape (n_events,)
        Whether the whole window was.
    """
    aligned = peri_event_counts(
        trains,
        events_s,
        window_s=window_s,
        bin_s=window_s[1] - window_s[0],
        intervals=intervals,
        not_before_s=not_before_s,
        not_after_s=not_after_s,
    )
    return aligned.counts[:, :, 0], aligned.seen[:, 0]


def event_response(
    trains: Sequence[ArrayLike],
    events_s: ArrayLike,
    *,
    response_s: tuple[float, float],
    baseline_s: tuple[float, float],
    intervals: ArrayLike,
    baseline_events_s: ArrayLike | None = None,
    not_before_s: ArrayLike | None = None,
    not_after_s: ArrayLike | None = None,
) -> EventResponse | None:
    """Compare what units fire after events with what they fired before, in the same trials.

    Parameters
    ----------
    trains, events_s, intervals, not_before_s, not_after_s
        As :func:`peri_event_counts` takes them.
    response_s, baseline_s : (float, float)
        Windows in seconds from the event, from the baseline's event.
    baseline_events_s : array_like, shape (n_events,), optional
        What the baseline is counted from where it is not the event (the cue, of a choice): the
        limits then hold for the response only.

    Returns
    -------
    EventResponse or None
        None when no event shows both windows.
    """
    own = baseline_events_s is None
    limits = {"not_before_s": not_before_s, "not_after_s": not_after_s}
    response, seen = window_counts(
        trains, events_s, window_s=response_s, intervals=intervals, **limits
    )
    baseline, baseline_seen = window_counts(
        trains,
        events_s if baseline_events_s is None else baseline_events_s,
        window_s=baseline_s,
        intervals=intervals,
        **(limits if own else {}),
    )
    if len(seen) != len(baseline_seen):
        raise InputError(
            f"events: found {len(seen)} events and {len(baseline_seen)} of the baseline; expected "
            "one baseline event (or NaN) per event"
        )
    both = seen & baseline_seen
    if not both.any():
        return None
    n_events = int(both.sum())
    return EventResponse(
        response=response[:, both].sum(axis=1),
        baseline=baseline[:, both].sum(axis=1),
        response_s=n_events * (response_s[1] - response_s[0]),
        baseline_s=n_events * (baseline_s[1] - baseline_s[0]),
        n_events=n_events,
    )


def peri_event_rate(
    aligned: PeriEvent, *, events: ArrayLike | None = None, minimum_events: int = 1
) -> NDArray[np.float64]:
    """Mean rate of each unit in each bin.

    Parameters
    ----------
    aligned : PeriEvent
        From :func:`peri_event_counts`.
    events : array_like of bool, shape (n_events,), optional
        Which events (correct trials, one rule); all when not given.
    minimum_events : int
        Bins that fewer events show have no rate.

    Returns
    -------
    ndarray, shape (n_units, n_bins)
        Hz, NaN where a bin rests on too few events.
    """
    which = slice(None) if events is None else np.asarray(events, dtype=bool)
    seen = aligned.seen[which].sum(axis=0)
    spikes = aligned.counts[:, which].sum(axis=1)
    enough = seen >= max(minimum_events, 1)
    rate = np.full(spikes.shape, np.nan)
    rate[:, enough] = spikes[:, enough] / (seen[enough] * aligned.bin_s)
    return rate


def normalised_rate(
    aligned: PeriEvent,
    baseline: PeriEvent,
    *,
    scale: Literal["z", "log2", "difference"] = "z",
    events: ArrayLike | None = None,
    minimum_events: int = 1,
) -> NDArray[np.float64]:
    """Mean rate of each unit in each bin against its rate before the trial.

    Parameters
    ----------
    aligned : PeriEvent
        What is shown.
    baseline : PeriEvent
        The reference, of the same units; may be aligned to another event (the cue, of a choice).
    scale : {"z", "log2", "difference"}
        ``z``: difference over the standard deviation of the baseline's single bins (so the
        baseline needs bins of the same length); ``log2``: of the ratio, half a spike added to both
        counts; ``difference``: in Hz.
    events, minimum_events
        As :func:`peri_event_rate` takes them; the baseline is that of all events.

    Returns
    -------
    ndarray, shape (n_units, n_bins)
        NaN where a bin rests on too few events, and in z for units whose baseline does not vary.

    Raises
    ------
    InputError
        If no bin of the baseline is seen, or z is asked for with unequal bins.
    """
    n_baseline = int(baseline.seen.sum())
    if n_baseline == 0:
        raise InputError(
            "baseline: found no bin that is seen; expected a window before the event inside the "
            "epoch (window longer than the time between trials?)"
        )
    rate = peri_event_rate(aligned, events=events, minimum_events=minimum_events)
    spikes = baseline.counts.sum(axis=(1, 2))
    level = spikes / (n_baseline * baseline.bin_s)
    if scale == "difference":
        return rate - level[:, np.newaxis]
    if scale == "log2":
        which = slice(None) if events is None else np.asarray(events, dtype=bool)
        seconds = np.maximum(aligned.seen[which].sum(axis=0), 1) * aligned.bin_s
        reference = (spikes + 0.5) / (n_baseline * baseline.bin_s)
        return np.log2(rate + 0.5 / seconds) - np.log2(reference)[:, np.newaxis]
    if abs(aligned.bin_s - baseline.bin_s) > _ROUNDING_S:
        raise InputError(
            f"baseline: found bins of {baseline.bin_s:g} s and of {aligned.bin_s:g} s; expected "
            "the same for z, whose standard deviation depends on the length of a bin"
        )
    spread = baseline.counts[:, baseline.seen].std(axis=1) / baseline.bin_s
    spread = np.where(spread > 0, spread, np.nan)
    return (rate - level[:, np.newaxis]) / spread[:, np.newaxis]


def next_after(times_s: ArrayLike, others_s: ArrayLike) -> NDArray[np.float64]:
    """First of the other events strictly after each time, inf without one.

    Parameters
    ----------
    times_s, others_s : array_like, shape (n,) and (m,)
        Seconds, in any order; NaN among the others is passed over.

    Returns
    -------
    ndarray, shape (n,)
    """
    others = _sorted(others_s)
    at = np.searchsorted(others, np.asarray(times_s, dtype=float), side="right")
    return np.append(others, np.inf)[at]


def last_before(times_s: ArrayLike, others_s: ArrayLike) -> NDArray[np.float64]:
    """Last of the other events strictly before each time, -inf without one.

    Parameters
    ----------
    times_s, others_s : array_like, shape (n,) and (m,)
        Seconds, in any order; NaN among the others is passed over.

    Returns
    -------
    ndarray, shape (n,)
    """
    others = _sorted(others_s)
    at = np.searchsorted(others, np.asarray(times_s, dtype=float), side="left")
    return np.append(-np.inf, others)[at]


def _sorted(times_s: ArrayLike) -> NDArray[np.float64]:
    times = np.asarray(times_s, dtype=float)
    return np.sort(times[~np.isnan(times)])


def _edges(window_s: tuple[float, float], bin_s: float) -> NDArray[np.float64]:
    """Borders of the bins, from the window's start."""
    start, stop = window_s
    n_bins = round((stop - start) / bin_s) if bin_s > 0 else 0
    if n_bins < 1 or not math.isclose(n_bins * bin_s, stop - start, rel_tol=1e-6):
        raise InputError(
            f"window: found {start:g} to {stop:g} s with bins of {bin_s:g} s; expected a whole "
            "number of bins, start before stop"
        )
    # by linspace and not by steps: 0 is then a border where the window says so
    return np.round(np.linspace(start, stop, n_bins + 1), 12)


def _inside(
    starts: NDArray[np.float64], stops: NDArray[np.float64], intervals: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether each bin lies wholly in one of the intervals (merged, in order)."""
    if len(intervals) == 0:
        return np.zeros(starts.shape, dtype=bool)
    which = np.searchsorted(intervals[:, 0], starts + _ROUNDING_S, side="right") - 1
    within = stops <= intervals[np.maximum(which, 0), 1] + _ROUNDING_S
    return (which >= 0) & within & np.isfinite(starts)


def _limits(
    limits: ArrayLike | None, events: NDArray[np.float64], otherwise: float, name: str
) -> NDArray[np.float64]:
    """One limit per event as a column."""
    if limits is None:
        return np.full((len(events), 1), otherwise)
    array = np.asarray(limits, dtype=float)
    if array.shape != events.shape:
        raise InputError(
            f"{name}: found shape {array.shape}; expected one limit per event, {events.shape}"
        )
    return np.where(np.isnan(array), otherwise, array)[:, np.newaxis]
