"""What units.nc is made of: names, and the checks of what is put into it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import InputError

LABELS = ("unit_id", "region", "quality")
#: labels that only some sortings give
MORE_LABELS = ("channel", "probe")
VARIABLES = ("spike_time", "spike_unit", "amplitude", "waveform")
#: units of amplitudes and waveforms: microvolts, or a sorter's own
MICROVOLTS, ARBITRARY = "uV", "a.u."


def check_lengths(number: int, labels: Mapping[str, Sequence[str]]) -> None:
    """Refuse labels of unequal number, and names that occur twice."""
    names = labels["unit_id"]
    lengths = {"spike_times": number} | {key: len(row) for key, row in labels.items()}
    if len(set(lengths.values())) != 1:
        raise InputError(f"units: found lengths {lengths}; expected one entry per unit in each")
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(
            f"units: found unit {', '.join(repeated)} more than once; expected each once (two "
            "probes sorted apart? put the probe into the name)"
        )


def amplitudes(
    amplitude: Sequence[ArrayLike],
    names: Sequence[str],
    trains: Sequence[NDArray[np.float64]],
    units: str,
) -> Any:
    """Return the variable of the spikes' amplitudes."""
    sizes = [np.asarray(values, dtype=np.float32) for values in amplitude]
    if len(sizes) != len(names):
        raise InputError(
            f"units: found amplitudes of {len(sizes)} units; expected {len(names)}, one list each"
        )
    for name, times, values in zip(names, trains, sizes, strict=True):
        if values.shape != times.shape:
            raise InputError(
                f"unit {name}: found {values.size} amplitudes for {times.size} spikes; expected "
                "one per spike"
            )
    whole = np.concatenate(sizes) if sizes else np.empty(0, dtype=np.float32)
    return "spike", whole, {"units": _known(units), "description": "size of each spike"}


def waveforms(waveform: ArrayLike, number: int, rate_hz: float | None, units: str) -> Any:
    """Return the variable of the units' mean waveforms."""
    shapes = np.asarray(waveform, dtype=np.float32)
    if shapes.ndim != 2 or len(shapes) != number:
        raise InputError(
            f"units: found waveforms of shape {shapes.shape}; expected ({number}, samples): one "
            "mean waveform per unit, on its largest channel"
        )
    if rate_hz is None or not 0 < rate_hz < np.inf:
        raise InputError(f"units: found waveforms with a rate of {rate_hz}; expected samples per s")
    attributes = {
        "units": _known(units),
        "rate_hz": float(rate_hz),
        "description": "mean waveform on the unit's channel",
    }
    return ("unit", "waveform_sample"), shapes, attributes


def _known(units: str) -> str:
    if units not in (MICROVOLTS, ARBITRARY):
        raise InputError(f"units: found amplitudes in '{units}'; expected {MICROVOLTS} or a.u.")
    return units


def metric(name: str, values: ArrayLike, number: int) -> Any:
    """Return the variable of one number per unit."""
    numbers = np.asarray(values, dtype=np.float64)
    taken = (*LABELS, *MORE_LABELS, *VARIABLES, "unit", "spike", "waveform_sample")
    if name in taken or not re.fullmatch(r"[A-Za-z_]\w*", name, flags=re.A):
        raise InputError(
            f"units: found a metric named '{name}'; expected letters, digits and _, and no name "
            f"of units.nc itself ({', '.join(taken)})"
        )
    if numbers.shape != (number,):
        raise InputError(
            f"units: metric {name}: found shape {numbers.shape}; expected {number} values"
        )
    return "unit", numbers
