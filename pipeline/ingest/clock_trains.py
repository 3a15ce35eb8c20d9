"""Pulse times as they come: checked, cut where the clock went back, doubled pulses taken as one."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pipeline.errors import InputError
from pipeline.ingest.clock_pieces import Train
from pipeline.ingest.clock_search import FEWEST

#: a clock that restarts goes back by more than this (s); less is disorder
LEAST_RESTART_S = 1.0
#: more steps back than this are disorder
MOST_RESTARTS = 10


def pulse_train(times: Iterable[float], *, label: str, tolerance_s: float) -> Train:
    """Check pulse times and cut them into runs.

    Parameters
    ----------
    times : sequence of float
        (n,) seconds, in the order of the file.
    label : str
        File (and line or letter) as the lab knows it.
    tolerance_s : float
        Pulses of one side that are closer than this count as one.

    Returns
    -------
    Train
        Distinct pulses.

    Raises
    ------
    InputError
        No numbers, missing or infinite times, one time repeated, times that go back other than by
        a restart, fewer than 8 distinct pulses.
    """
    values = _numbers(times, label)
    if len(values) and (values == values[0]).all() and len(values) > 1:
        raise InputError(
            f"{label}: found {len(values)} pulses, all at {values[0]:g} s; expected growing times "
            "in seconds (the wrong column, or a clock that did not run)"
        )
    steps = np.diff(values)
    back = np.flatnonzero(steps < 0)
    run = np.concatenate([[0], np.cumsum(steps < 0)]) if len(values) else np.empty(0, dtype=int)
    _check_restarts(values, back, run, label)
    keep = _distinct(values, run, tolerance_s)
    if keep.sum() < FEWEST:
        raise InputError(
            f"{label}: found {int(keep.sum())} distinct pulses; expected at least {FEWEST}: fewer "
            "have too many places that fit (the wrong line, or the cable was not connected)"
        )
    return Train(values[keep], run[keep])


def _numbers(times: Iterable[float], label: str) -> np.ndarray:
    try:
        values = np.asarray(list(times), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{label}: found pulse times that are no numbers ({error}); expected seconds"
        ) from error
    if values.ndim != 1:
        raise InputError(f"{label}: found a table of pulse times; expected one time per pulse")
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise InputError(
            f"{label}: pulse {wrong[0] + 1}: found {values[wrong[0]]} "
            f"({len(wrong)} of {len(values)} such); expected a time in seconds: a blank cell, or "
            "an event without a time"
        )
    return values


def _check_restarts(values: np.ndarray, back: np.ndarray, run: np.ndarray, label: str) -> None:
    if not len(back):
        return
    sizes = np.bincount(run)
    small = values[back] - values[back + 1] < LEAST_RESTART_S
    if not small.any() and sizes.min() >= FEWEST and len(back) <= MOST_RESTARTS:
        return
    at = int(back[np.argmax(small)] if small.any() else back[0])
    raise InputError(
        f"{label}: pulse {at + 2}: found {values[at + 1]:.10g} s after {values[at]:.10g} s "
        f"({len(back)} steps back in {len(values)} pulses); expected growing times: rows out of "
        f"order, or several sessions in one file. A restart of the clock goes back by more than "
        f"{LEAST_RESTART_S:g} s and has at least {FEWEST} pulses before and after it"
    )


def _distinct(values: np.ndarray, run: np.ndarray, tolerance_s: float) -> np.ndarray:
    """Return (n,) bool: the first pulse of each group of doubled pulses."""
    keep = np.ones(len(values), dtype=bool)
    close = np.flatnonzero((np.diff(values) < tolerance_s) & (np.diff(run) == 0)) + 1
    for index in close:
        earlier = index - 1
        while not keep[earlier]:
            earlier -= 1
        keep[index] = values[index] - values[earlier] >= tolerance_s
    return keep


def barcode_pins(
    behaviour: Iterable[tuple[float, int]],
    recording: Iterable[tuple[float, int]],
    *,
    labels: tuple[str, str],
    runs: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray]:
    """Pair the barcodes that occur once on either side.

    Parameters
    ----------
    behaviour, recording : sequence of (float, int)
        Start (s) and number of each barcode, in the order of the file.
    labels : tuple of str
        The two files.
    runs : tuple of int
        Runs of the pulses of either side.

    Returns
    -------
    times, in_runs : numpy.ndarray
        (k, 2) seconds on the two clocks, and the run in which they count.

    Raises
    ------
    InputError
        Times that are not finite, or that go back where the pulses do not; fewer than two numbers
        in common.
    """
    sides = []
    for entries, label, n_runs in zip((behaviour, recording), labels, runs, strict=True):
        entries = list(entries)
        times = _numbers([time for time, _ in entries], f"{label}, barcodes")
        run = np.concatenate([[0], np.cumsum(np.diff(times) < 0)]).astype(int)
        if len(times) and run[-1] + 1 != n_runs:
            raise InputError(
                f"{label}, barcodes: found {run[-1] + 1} runs of growing times; expected {n_runs}, "
                "as in its pulses (barcodes are listed in the order of the file)"
            )
        numbers = [number for _, number in entries]
        sides.append(
            {n: (times[i], run[i]) for i, n in enumerate(numbers) if numbers.count(n) == 1}
        )
    common = [number for number in sides[0] if number in sides[1]]
    if len(common) < 2:
        raise InputError(
            f"{labels[0]} and {labels[1]}: found {len(common)} barcode numbers in common (of "
            f"{len(sides[0])} and {len(sides[1])} that occur once); expected at least two: files "
            "of different sessions, or barcodes decoded with the wrong bit length"
        )
    pairs = [(sides[0][number], sides[1][number]) for number in common]
    return (
        np.array([[a[0], b[0]] for a, b in pairs], dtype=np.float64),
        np.array([[a[1], b[1]] for a, b in pairs], dtype=int),
    )
