"""Mean of what pairs of units share, within every region and between every two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.metric import Value


@dataclass(frozen=True, kw_only=True)
class PairMean:
    """Mean over the pairs of units of one region, or of two.

    Attributes
    ----------
    region, region_b : str
        In the order of their names; `region_b` is "" within a region.
    value : float
    n_pairs, n_units : int
        What it is a mean over.
    fewest_units : int
        Units of the region that has fewer of them.
    """

    region: str
    region_b: str
    value: float
    n_pairs: int
    n_units: int
    fewest_units: int


def pair_means(
    matrix: NDArray[np.float64], region: Sequence[str], *, minimum_units: int = 2
) -> list[PairMean]:
    """Mean over pairs within every region and between every two.

    Parameters
    ----------
    matrix : ndarray, shape (n_units, n_units)
        Correlations or tiling coefficients; pairs with NaN are left out.
    region : sequence of str
        One per unit; units without a region are left out.
    minimum_units : int
        Units that each region needs.

    Returns
    -------
    list of PairMean
        Regions in the order of their names.
    """
    names = np.array([str(name) for name in region])
    units = {
        name: np.flatnonzero((names == name) & np.isfinite(np.diag(matrix)))
        for name in sorted(set(names.tolist()) - {""})
    }
    units = {name: own for name, own in units.items() if len(own) >= max(minimum_units, 1)}
    found = []
    for place, (name, own) in enumerate(units.items()):
        values = matrix[np.ix_(own, own)][np.triu_indices(len(own), 1)]
        pieces = [("", values, len(own), len(own))]
        for other in list(units)[place + 1 :]:
            values, sizes = matrix[np.ix_(own, units[other])].ravel(), (len(own), len(units[other]))
            pieces.append((other, values, sum(sizes), min(sizes)))
        for other, values, n_units, fewest in pieces:
            values = values[np.isfinite(values)]
            if len(values):
                found.append(
                    PairMean(
                        region=name,
                        region_b=other,
                        value=float(values.mean()),
                        n_pairs=len(values),
                        n_units=n_units,
                        fewest_units=fewest,
                    )
                )
    return found


def pair_values(
    means: Sequence[PairMean], *, between: bool, minimum_units: int, band: str = ""
) -> list[Value]:
    """Means over pairs as values of a metric.

    Parameters
    ----------
    means : sequence of PairMean
        Of one matrix.
    between : bool
        Those between regions; False: those within.
    minimum_units : int
        Units that each region needs.
    band : str
        What the values are named after.

    Returns
    -------
    list of Value
    """
    return [
        Value(
            value=mean.value,
            region=mean.region,
            region_b=mean.region_b,
            band=band,
            n_effective=mean.n_units,
            n_effective_unit="units",
        )
        for mean in means
        if bool(mean.region_b) == between and mean.fewest_units >= minimum_units
    ]
