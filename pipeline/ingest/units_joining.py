"""What several sortings of one session know of their units, brought together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from pipeline.ingest.units_form import SortedUnits, stacked


def joined_amplitudes(read: Sequence[SortedUnits]) -> dict[str, Any]:
    """Amplitudes of all sortings; their unit where all agree, else the sorters' own."""
    import numpy as np

    known = [units for units in read if units.amplitude]
    if not known:
        return {}
    sizes = [
        values
        for units in read
        for values in (units.amplitude or [np.full(len(t), np.nan) for t in units.spike_times])
    ]
    stated = {units.amplitude_units for units in known}
    return {"amplitude": sizes, "amplitude_units": stated.pop() if len(stated) == 1 else "a.u."}


def joined_waveforms(read: Sequence[SortedUnits], warnings: list[str]) -> dict[str, Any]:
    """Mean waveforms of all sortings that have the rate of the first; others count as unknown."""
    known = [units for units in read if units.waveform is not None]
    if not known:
        return {}
    rate_hz = known[0].waveform_rate_hz
    left_out = [units for units in known if abs(units.waveform_rate_hz / rate_hz - 1) > 1e-3]
    if left_out:
        warnings.append(
            f"waveforms sampled at {left_out[0].waveform_rate_hz:g} Hz are left out beside those "
            f"at {rate_hz:g} Hz: {sum(len(units.unit_id) for units in left_out)} unit(s) without"
        )
    rows = []
    for units in read:
        used = units.waveform is not None and units not in left_out
        rows += [*cast(Any, units.waveform)] if used else [[]] * len(units.unit_id)
    stated = {units.waveform_units for units in known}
    return {
        "waveform": stacked(rows),
        "waveform_rate_hz": rate_hz,
        "waveform_units": stated.pop() if len(stated) == 1 else "a.u.",
    }


def joined_metrics(read: Sequence[SortedUnits]) -> dict[str, list[float]]:
    """Further numbers of all sortings, NaN for units of one that lacks them."""
    names = dict.fromkeys(name for units in read for name in units.metrics)
    unknown = float("nan")
    return {
        name: [
            value
            for units in read
            for value in units.metrics.get(name, [unknown] * len(units.unit_id))
        ]
        for name in names
    }
