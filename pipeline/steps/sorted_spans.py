"""Sortings of some of a session's recordings: where their units could be seen at all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.ingest.joining import RecordedProbe
    from pipeline.steps.extract_units import Sorting


def partly_sorted(found: Sequence[Sorting], probes: Sequence[RecordedProbe]) -> dict[str, str]:
    """Return sortings that know only some recordings of their probe, and what to say of each.

    Parameters
    ----------
    found : sequence of Sorting
    probes : sequence of RecordedProbe
        What was recorded.

    Returns
    -------
    dict of str to str
        Path of the sorting -> warning.
    """
    said = {}
    for sorting in found:
        lengths = [len(probe.parts) for probe in probes if probe.probe == sorting.probe]
        if sorting.parts and len(sorting.parts) < sum(lengths):
            said[sorting.path] = (
                f"{Path(sorting.path).name}: sorted from {len(sorting.parts)} of the "
                f"{sum(lengths)} recordings of its probe: its units cannot be seen in the others, "
                "and do not count where an epoch lies there (sort all recordings of the session "
                "as one)"
            )
    return said


def sorted_spans(
    found: Sequence[Sorting], numbers: Sequence[int], partly: Collection[str]
) -> dict[str, list[float]]:
    """Return where the units of sortings of some recordings could be seen, as metrics of units.

    Parameters
    ----------
    found : sequence of Sorting
        In the order of the units.
    numbers : sequence of int
        Units of each.
    partly : collection of str
        Paths of those that know some recordings only.

    Returns
    -------
    dict of str to list of float
        :data:`pipeline.spikes.units.SORTED_SPAN`, in seconds of the session; NaN for the others.
        Empty where all know all.
    """
    from pipeline.spikes.units import SORTED_SPAN

    if not partly:
        return {}
    unknown = (float("nan"), float("nan"))
    spans = [
        (sorting.parts[0].starts_at_s, max(part.stops_at_s for part in sorting.parts))
        if sorting.path in partly
        else unknown
        for sorting in found
    ]
    rows = [span for span, number in zip(spans, numbers, strict=True) for _ in range(number)]
    return {name: [row[side] for row in rows] for side, name in enumerate(SORTED_SPAN)}
