"""Spikes: sorted units per session and per epoch.

The room's door; names are looked up when they are first used (see :mod:`pipeline.lfp`).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.spikes.leakage import SpikeLeakage, spike_leakage
    from pipeline.spikes.quality import present_in_baseline, with_quality
    from pipeline.spikes.units import (
        EpochUnits,
        epoch_units,
        load_units,
        save_units,
        select_units,
        units_dataset,
    )

_HOME = {
    "EpochUnits": "units",
    "SpikeLeakage": "leakage",
    "epoch_units": "units",
    "load_units": "units",
    "present_in_baseline": "quality",
    "save_units": "units",
    "select_units": "units",
    "spike_leakage": "leakage",
    "units_dataset": "units",
    "with_quality": "quality",
}

__all__ = [
    "EpochUnits",
    "SpikeLeakage",
    "epoch_units",
    "load_units",
    "present_in_baseline",
    "save_units",
    "select_units",
    "spike_leakage",
    "units_dataset",
    "with_quality",
]


def __getattr__(name: str) -> Any:
    """Import the module that holds a public name."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
