"""One number per unit and band, as values of a metric."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.metric import Value


def unit_band_values(
    matrix: NDArray[np.float64],
    *,
    unit_id: Sequence[str],
    region: Sequence[str],
    bands: Sequence[str],
    n_effective: ArrayLike,
    n_effective_unit: str,
) -> list[Value]:
    """Values of every unit in every band.

    Parameters
    ----------
    matrix : ndarray, shape (n_units, n_bands)
        NaN where a unit has no value: it is left out.
    unit_id, region : sequence of str, length n_units
    bands : sequence of str, length n_bands
    n_effective : array_like, shape (n_units,)
        What each unit's values rest on.
    n_effective_unit : str
        What that is.

    Returns
    -------
    list of Value
    """
    rests_on = np.broadcast_to(np.asarray(n_effective, dtype=float), len(unit_id))
    return [
        Value(
            value=float(value),
            region=region[unit],
            unit_id=unit_id[unit],
            band=band,
            n_effective=float(rests_on[unit]),
            n_effective_unit=n_effective_unit,
        )
        for unit, row in enumerate(matrix)
        for band, value in zip(bands, row, strict=True)
        if np.isfinite(value)
    ]
