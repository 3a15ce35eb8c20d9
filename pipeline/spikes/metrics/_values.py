"""Values that several metrics list in one way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.metric import Value

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.spikes.periodicity import Periodicity


def of_rhythms(
    periodicity: Periodicity,
    options: Mapping[str, Any],
    measure: Callable[[Periodicity, Sequence[float]], NDArray[Any]],
) -> list[Value]:
    """List what ``measure`` finds for each unit in each band of ``lfp.bands`` that can be told."""
    import numpy as np

    from pipeline.spikes.rhythms import can_be_told

    return [
        Value(
            value=float(value),
            region=region,
            unit_id=unit_id,
            band=band,
            n_effective=float(n_spikes),
            n_effective_unit="spikes",
        )
        for band, range_hz in options["lfp"]["bands"].items()
        if can_be_told(range_hz)
        for unit_id, region, n_spikes, value in zip(
            periodicity.unit_id,
            periodicity.region,
            periodicity.n_spikes,
            measure(periodicity, range_hz),
            strict=True,
        )
        if np.isfinite(value)
    ]
