"""Door of the ingest room: recordings, units, behaviour logs and movement, as a lab keeps them.

Names are imported on first use (PEP 562), because the Snakefile imports :mod:`.files` from here
each time it is parsed, which must not cost the readers' libraries.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "EpochMovement": "movement",
    "EpochScored": "scored",
    "EpochTrack": "zones",
    "SortedUnits": "units",
    "UnitCheck": "microvolts",
    "assert_microvolts": "microvolts",
    "behaviour_files": "files",
    "check_microvolts": "microvolts",
    "detect_format": "files",
    "epoch_movement": "movement",
    "epoch_scored": "scored",
    "epoch_track": "zones",
    "left_out_channels": "recording",
    "line_pulses": "events",
    "movement_strata": "movement",
    "open_recording": "recording",
    "read_behaviour": "behaviour",
    "read_events": "events",
    "read_movement": "movement",
    "read_pulses": "behaviour",
    "read_scored": "scored",
    "read_units": "units",
    "recording_files": "files",
    "recording_start_s": "recording",
    "recording_stream": "recording",
    "sorting_files": "files",
    "threshold_events": "events",
    "track_warnings": "zones",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Import a name of the door from the module that defines it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"pipeline.ingest.{_HOMES[name]}"), name)
