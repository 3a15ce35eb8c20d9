"""From raw values to the scale on which outcomes are compared, and to the other scale.

An interaction depends on the scale: additive in dB is multiplicative in power (Loftus 1978, Mem
Cognit 6:312). So every outcome is kept on its declared scale and on one alternative.
"""

from __future__ import annotations

import numpy as np

from pipeline.errors import InputError
from pipeline.metric import SCALE_UNITS

#: logarithm of what the other scale of a linear outcome is
LOG = "log2"


def to_scale(
    value: np.ndarray,
    *,
    scale: str,
    zero_offset: str,
    seconds: np.ndarray,
    n_effective: np.ndarray,
    counted: bool = True,
) -> np.ndarray:
    """Transform raw values.

    Parameters
    ----------
    value : ndarray (n,)
        Raw values in the metric's unit.
    scale : str
        dB (10 log10), log2, logit (empirical, Haldane-Anscombe: half a trial is added to successes
        and to failures), count (log2 of the count plus a half), linear or time_to_event (both as
        they are).
    zero_offset : {"none", "half_count"}
        half_count adds half an event, 0.5 / seconds, to a rate before its logarithm.
    seconds, n_effective : ndarray (n,)
        Seconds and trials that a value rests on.
    counted : bool
        False: shares that come without a number of trials (measured elsewhere); their logit is the
        plain one.

    Returns
    -------
    ndarray (n,)
        NaN where the scale has no value (logarithm of zero, logit without a number of trials, plain
        logit of 0 or 1).

    Raises
    ------
    InputError
        For a proportion outside 0 to 1.
    """
    value = np.asarray(value, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale in ("dB", "log2"):
            offset = 0.5 / seconds if zero_offset == "half_count" else 0.0
            shifted = value + offset
            logs = 10.0 * np.log10(shifted) if scale == "dB" else np.log2(shifted)
            return np.where(shifted > 0, logs, np.nan)
        if scale == "count":
            return np.where(value >= 0, np.log2(value + 0.5), np.nan)
        if scale == "logit":
            return _logit(value, n_effective, counted=counted)
    return value.copy()


def _logit(proportion: np.ndarray, n: np.ndarray, *, counted: bool) -> np.ndarray:
    outside = (proportion < 0) | (proportion > 1)
    if outside.any():
        raise InputError(
            f"observations: column value: found {proportion[outside][0]:g} on the logit scale; "
            "expected a proportion from 0 to 1 (were percent recorded?)"
        )
    if not counted:
        inside = (proportion > 0) & (proportion < 1)
        return np.where(inside, np.log(proportion) - np.log1p(-proportion), np.nan)
    successes = proportion * n
    return np.where(n > 0, np.log((successes + 0.5) / (n - successes + 0.5)), np.nan)


def other_scale(scale: str) -> str:
    """Return the scale on which an interaction is checked again."""
    return LOG if scale in ("linear", "time_to_event") else "linear"


def scale_unit(scale: str, value_unit: str) -> str:
    """Return the unit of a difference on a scale."""
    return SCALE_UNITS[scale] or value_unit
