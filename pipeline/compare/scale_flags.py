"""Whether an interaction could be an artefact of the scale: crossing, floor and ceiling.

An interaction without crossing can be removed by a monotone transform of the outcome (Loftus 1978,
Mem Cognit 6:312; Wagenmakers 2012, Mem Cognit 40:145); one in which the drug effect changes its
sign cannot. Near a floor or ceiling of the outcome a drug effect is compressed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.compare.arms import REFERENCE, Arms

#: proportions within this distance of 0 or 1 are near the bound
NEAR_BOUND = 0.1
#: mean counts below this are near zero
FEW_COUNTS = 2.0
#: share of censored times above which the cap is near
MANY_CENSORED = 0.25

Row = Mapping[str, Any]


def crossing(simple: Sequence[Row]) -> bool | None:
    """Return whether the drug effect has opposite signs in two levels, both beyond doubt.

    Parameters
    ----------
    simple : sequence of rows
        Simple effects with their 95 % intervals.

    Returns
    -------
    bool or None
        True if one interval lies above zero and another below; None with fewer than two levels.
    """
    if len(simple) < 2:
        return None
    above = any(row["ci_low"] > 0 for row in simple)
    below = any(row["ci_high"] < 0 for row in simple)
    return above and below


def at_bounds(arms: Arms) -> str:
    """Say at which levels the reference is near a bound of the outcome, "" for none.

    Proportions within 0.1 of 0 or 1, counts below 2 on average, times of which more than a quarter
    reached the cap. Read from values without baseline subtraction only.
    """
    return "; ".join(_near(arms))


def _near(arms: Arms) -> Iterator[str]:
    part = arms.slice
    scale = part.declared["scale"]
    if part.declared["baseline_rule"] == "change" or not arms.levels:
        return
    for index, level in enumerate(arms.levels):
        raw = arms.other[REFERENCE, :, index]
        raw = raw[np.isfinite(raw)]
        name = f"{arms.names[index][REFERENCE]} in {level}"
        if not len(raw):
            continue
        if scale == "logit" and raw.mean() >= 1 - NEAR_BOUND:
            yield f"{name} near the ceiling (mean {raw.mean():.2f})"
        elif scale == "logit" and raw.mean() <= NEAR_BOUND:
            yield f"{name} near the floor (mean {raw.mean():.2f})"
        elif scale == "count" and raw.mean() < FEW_COUNTS:
            yield f"{name} near the floor (mean {raw.mean():.2g})"
        elif scale == "time_to_event":
            used = np.zeros(arms.values.shape, dtype=bool)
            used[REFERENCE, :, index] = True
            censored = part.rows.censored[arms.row_mask(used)].astype(bool)
            if censored.mean() > MANY_CENSORED:
                yield f"{name} near the cap ({censored.sum()} of {len(censored)} reached it)"
