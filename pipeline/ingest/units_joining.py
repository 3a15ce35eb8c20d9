"""What several sortings of one session know of their units, brought together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pipeline.ingest.units_form import SortedUnits, stacked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.ingest.joining import RecordingPart

#: how far a rate that was typed in may lie from the one that the rig measured
_RATES_APART = 5e-4
#: how far their ratio may lie from a whole number: any large one is within 0.05 % of some
_FROM_WHOLE = 0.02
#: shift at the end of a recording from which it is told
_TOLD_S = 0.0005
#: how far beyond its recording a spike may lie untold: clocks and ends are rounded
_BEYOND_S = 0.5


def samples_per_second(units: SortedUnits, recorded_hz: float) -> float:
    """Return the rate that turns a sorting's sample numbers into seconds of its recording.

    A sorter is told 30000 Hz where the headstage runs at 30000.27: 32 ms in an hour, a quarter of
    a theta cycle. Both count the same samples, so the recording's rate holds, times the whole
    number by which the sorted stream is faster.

    Parameters
    ----------
    units : SortedUnits
    recorded_hz : float
        Samples per second of the recording.

    Returns
    -------
    float
        The sorting's own rate where it is no whole multiple within 0.05 % and 0.02, and 0 where it
        has seconds.
    """
    stated = units.sample_rate_hz
    times = stated / recorded_hz
    whole = max(round(times), 1)
    same = abs(times / whole - 1) <= _RATES_APART and abs(times - whole) <= _FROM_WHOLE
    return whole * recorded_hz if same else stated


def clock_warnings(
    units: SortedUnits,
    trains: Sequence[NDArray[Any]],
    parts: Sequence[RecordingPart],
    rate_hz: float,
    path: str,
) -> list[str]:
    """Say where the clocks of a sorting and its recording differ.

    Parameters
    ----------
    units : SortedUnits
    trains : sequence of ndarray
        Its spike times, seconds of the session.
    parts : sequence of RecordingPart
        What was sorted, in the order of time.
    rate_hz : float
        Of :func:`samples_per_second`; 0 for a sorting in seconds.
    path : str
        Of the sorting, as the tables name it.
    """
    from pipeline.ingest.recording import recording_start_s

    name, said = Path(path).name, []
    start_s = recording_start_s(parts[0].recording)
    apart = name.casefold().endswith(".nwb") and path not in [part.path for part in parts]
    if apart and abs(start_s) > _TOLD_S:
        said.append(
            f"{name}: its spikes are taken from the first sample of {parts[0].name}, which starts "
            f"at {start_s:.3f} s of its own file's clock: should both files share that clock, all "
            "spikes are late by as much (subtract it, or keep units and recording in one file)"
        )
    start, stop = parts[0].starts_at_s, max(part.stops_at_s for part in parts)
    shift_s = (stop - start) * abs(units.sample_rate_hz / rate_hz - 1) if rate_hz else 0.0
    if shift_s > _TOLD_S:
        said.append(
            f"{name}: its sample numbers count as those of the recording, {rate_hz:.9g} a second, "
            f"not {units.sample_rate_hz:.9g}: {1000 * shift_s:.1f} ms at the end"
        )
    outside = sum(
        int(((train < start - _BEYOND_S) | (train > stop + _BEYOND_S)).sum()) for train in trains
    )
    if outside:
        said.append(
            f"{name}: {outside} of {sum(map(len, trains))} spikes lie outside the recording, "
            f"{start:.1f} to {stop:.1f} s (the sorting of another or a longer recording, or "
            "another sampling rate?)"
        )
    return said


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
