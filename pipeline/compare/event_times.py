"""Times to an event as they come: checked, and who is at risk when."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import InputError


def checked_times(time: ArrayLike, censored: ArrayLike) -> tuple[NDArray, NDArray]:
    """Return times (n,) and whether each was censored (n,).

    Raises
    ------
    InputError
        Lengths that differ, no times, times that are negative, missing or infinite.
    """
    times = np.asarray(time, dtype=float)
    late = np.asarray(censored, dtype=bool)
    if times.ndim != 1 or times.shape != late.shape or not len(times):
        raise InputError(
            f"times to an event: found {times.shape} times and {late.shape} flags of censoring; "
            "expected one flag per time, and at least one time"
        )
    bad = ~np.isfinite(times) | (times < 0)
    if bad.any():
        raise InputError(
            f"times to an event: found {times[bad][0]:g}; expected finite times from 0 (an animal "
            "that did not reach the event has the end of its session as time, and censored is yes)"
        )
    return times, late


def members(times: NDArray, late: NDArray) -> tuple[NDArray, NDArray]:
    """Who is at risk and who has the event (n, event time) at each distinct event time."""
    at = np.unique(times[~late])
    at_risk = (times[:, None] >= at).astype(float)
    return at_risk, ((times[:, None] == at) & ~late[:, None]).astype(float)
