"""What several metrics of modulation, responses and selectivity share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.metric import Value

if TYPE_CHECKING:
    from pipeline.spikes.modulation import CellModulation

#: q below which a unit counts as selective
LEVEL = 0.05
#: Spikes in response and baseline together. From here on the half spikes leave the log2 of a ratio
#: without bias (0.004 at most, of ratios from 1 to 4); a unit without any spike would read +1
#: where the response window is half as long as the baseline.
LEAST_SPIKES = 10


def regions_of(region: Sequence[str], minimum_units: int) -> dict[str, NDArray[np.intp]]:
    """Positions of the units of each region that has enough of them.

    Parameters
    ----------
    region : sequence of str
        Of each unit; those without one ("") are of no region.
    minimum_units : int
        Fewer: the region is left out.

    Returns
    -------
    dict of str to ndarray of int
    """
    names = np.array(region, dtype=str)
    members = {name: np.flatnonzero(names == name) for name in dict.fromkeys(region) if name}
    return {name: here for name, here in members.items() if len(here) >= minimum_units}


def called_shares(
    modulation: CellModulation, calls: Sequence[int], *, minimum_units: int
) -> list[Value]:
    """Share of the tested units of each region with some of the calls up (1) and down (-1).

    Parameters
    ----------
    modulation : CellModulation
        Of the cell.
    calls : sequence of int
        What is counted.
    minimum_units : int
        Tested units that a share rests on, at least.

    Returns
    -------
    list of Value
        0 to 1, with the tested units as ``n_effective``.
    """
    members = regions_of(modulation.modulation.region, minimum_units)
    return [
        Value(
            value=float(np.isin(modulation.calls[here], calls).mean()),
            region=region,
            n_effective=len(here),
            n_effective_unit="units",
        )
        for region, here in members.items()
    ]
