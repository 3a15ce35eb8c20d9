"""Which units an analysis may count: labels, and presence in the baseline.

Presence is judged on the baseline only. A unit that a drug silences is data; a unit that was never
there before the drug is not the same neuron lost, and cannot show a change.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from pipeline.intervals import disjoint
from pipeline.spikes.units import unit_trains


def with_quality(units: xr.Dataset, *, accepted: Collection[str] = ("good", "")) -> xr.Dataset:
    """Units whose label is accepted.

    Parameters
    ----------
    units : Dataset
        From :func:`pipeline.spikes.units_dataset`.
    accepted : collection of str
        Labels to keep, in any case of their letters. "" stands for a format without labels; phy
        clusters that nobody labelled are ``unsorted``, not "".

    Returns
    -------
    Dataset (unit)
        ``keep`` (bool) and ``reason`` (str, "" where kept), coordinate ``unit_id``.
    """
    labels = units["quality"].values.astype(str)
    wanted = {label.casefold() for label in accepted}
    keep = np.array([label.strip().casefold() in wanted for label in labels.tolist()], dtype=bool)
    reason = [
        "" if kept else f"labelled {label or 'with nothing'}"
        for kept, label in zip(keep, labels, strict=True)
    ]
    return _verdict(units, keep, reason)


def present_in_baseline(
    units: xr.Dataset,
    baseline: ArrayLike,
    *,
    minimum_presence: float = 0.9,
    bin_s: float = 60.0,
) -> xr.Dataset:
    """Units that fire throughout the baseline.

    Parameters
    ----------
    units : Dataset
        From :func:`pipeline.spikes.units_dataset`.
    baseline : array_like, shape (n, 2)
        Seconds on the session clock, without overlaps; empty for a session without baseline.
    minimum_presence : float
        Smallest accepted part of the baseline's bins with at least one spike, 0 to 1.
    bin_s : float
        Bin length. Bins lie wholly inside an interval, from its start; what is left at its end
        is not judged. 60 s is usual; take less for compressed sessions.

    Returns
    -------
    Dataset (unit)
        ``keep`` (bool), ``reason`` (str, "" where judged and kept), ``presence_ratio`` (NaN where
        it could not be judged), coordinate ``unit_id``. Without a whole bin of baseline every unit
        is kept, and the reason says so.
    """
    starts = _bin_starts(disjoint(baseline, name="baseline"), bin_s)
    n_units = units.sizes["unit"]
    if len(starts) == 0:
        reason = f"presence not judged: no baseline of {bin_s:g} s in this session"
        judged = _verdict(units, np.ones(n_units, dtype=bool), [reason] * n_units)
        return judged.assign(presence_ratio=("unit", np.full(n_units, np.nan)))
    ratio = np.empty(n_units)
    for index, times in enumerate(unit_trains(units)):
        counts = np.searchsorted(times, starts + bin_s) - np.searchsorted(times, starts)
        ratio[index] = np.mean(counts > 0)
    keep = ratio >= minimum_presence
    reasons = [
        "" if kept else f"present in {part:.2f} of the baseline, below {minimum_presence:g}"
        for kept, part in zip(keep, ratio, strict=True)
    ]
    return _verdict(units, keep, reasons).assign(presence_ratio=("unit", ratio))


def _bin_starts(intervals: NDArray[np.float64], bin_s: float) -> NDArray[np.float64]:
    """Starts of the whole bins inside intervals."""
    counts = np.floor((intervals[:, 1] - intervals[:, 0]) / bin_s + 1e-9).astype(int)
    pieces = [start + bin_s * np.arange(n) for (start, _), n in zip(intervals, counts, strict=True)]
    return np.concatenate(pieces) if pieces else np.empty(0)


def _verdict(units: xr.Dataset, keep: NDArray[np.bool_], reason: list[str]) -> xr.Dataset:
    """Mask and reasons with the units' names."""
    return xr.Dataset(
        {"keep": ("unit", keep), "reason": ("unit", np.array(reason, dtype=str))},
        coords={"unit_id": ("unit", units["unit_id"].values.astype(str))},
    )
