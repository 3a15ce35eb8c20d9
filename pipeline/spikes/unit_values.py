"""One number per unit, and why the others have none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.metric import Value
from pipeline.spikes.units import EpochUnits


@dataclass(frozen=True, eq=False)
class UnitValues:
    """One measure of the units of an epoch.

    Attributes
    ----------
    unit_id, region : list of str
        The units whose value can be stated, in the order of the epoch.
    value : ndarray, shape (n,)
        Finite.
    n_effective : ndarray, shape (n,)
        How many pieces each value rests on (spikes, pairs of intervals, windows).
    absent : dict of str to int
        Reason, and how many units have no value for it.
    """

    unit_id: list[str]
    region: list[str]
    value: NDArray[np.float64]
    n_effective: NDArray[np.float64]
    absent: dict[str, int]


def stated(
    units: EpochUnits, value: ArrayLike, n_effective: ArrayLike, reason: Sequence[str]
) -> UnitValues:
    """Keep what can be stated and count the rest.

    Parameters
    ----------
    units : EpochUnits
        Names and regions.
    value, n_effective : array_like, shape (n_units,)
        What stands where a reason is given does not matter.
    reason : sequence of str
        "" where the value can be stated.

    Returns
    -------
    UnitValues

    Raises
    ------
    ValueError
        If a value without a reason is not finite: no NaN passes for a number.
    """
    keep = np.array([not why for why in reason], dtype=bool)
    value = np.asarray(value, dtype=float)
    if not np.isfinite(value[keep]).all():
        raise ValueError("a value that cannot be stated has no reason")
    return UnitValues(
        unit_id=[name for name, kept in zip(units.unit_id, keep, strict=True) if kept],
        region=[name for name, kept in zip(units.region, keep, strict=True) if kept],
        value=value[keep],
        n_effective=np.asarray(n_effective, dtype=float)[keep],
        absent=dict(Counter(why for why in reason if why)),
    )


def observations(found: UnitValues, *, pieces: str, band: str = "") -> list[Value]:
    """One value per unit, as a metric returns them.

    Parameters
    ----------
    found : UnitValues
        Of the cell.
    pieces : str
        What ``n_effective`` counts.
    band : str
        Of all of them.

    Returns
    -------
    list of Value
        Units that have no value are left out.
    """
    return [
        Value(
            value=float(value),
            region=region,
            unit_id=unit_id,
            band=band,
            n_effective=float(n),
            n_effective_unit=pieces,
        )
        for unit_id, region, value, n in zip(
            found.unit_id, found.region, found.value, found.n_effective, strict=True
        )
    ]
