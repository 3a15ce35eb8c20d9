"""Values that several metrics list in one way."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pipeline.metric import Value

if TYPE_CHECKING:
    import xarray as xr

    from pipeline.lfp import PhaseAmplitude, SpectralShape


def of_pairs(phase_amplitude: PhaseAmplitude, table: xr.DataArray) -> list[Value]:
    """List what is known of each region and pair of bands; ``table`` is (region, pair)."""
    return [
        Value(
            value=float(value),
            region=str(region),
            band=str(pair),
            n_effective=phase_amplitude.n_blocks,
            n_effective_unit="blocks",
        )
        for pair, column in zip(table["pair"].values, table.values.T, strict=True)
        for region, value in zip(table["region"].values, column, strict=True)
        if math.isfinite(value)
    ]


def of_peaks(
    shape: SpectralShape, options: Mapping[str, Any], value: Callable[[Any], float]
) -> list[Value]:
    """List what ``value`` says of the peak of each region and band of ``lfp.bands``."""
    return [
        Value(
            value=value(peak),
            region=region,
            band=band,
            n_effective=shape.n_windows,
            n_effective_unit="windows",
        )
        for band in options["lfp"]["bands"]
        for region, peak in shape.peaks_of(band, options["lfp"]["bands"]).items()
    ]
