"""Events inside EDF, BDF and BrainVision files: annotations, markers, the BDF status word."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.ingest.edf_header import read_annotations, read_edf_header, status_words
from pipeline.ingest.events_words import Pulses, numbered, split_lines, word_changes
from pipeline.ingest.openers_rigs import one_file

#: trigger lines of the BDF status word; the bits above tell the state of the amplifier
TRIGGER_BITS = range(16)


def marker_pulses(markers: Iterable[tuple[str, float, float | None]], clock: str) -> list[Pulses]:
    """Return markers with a text as pulses of lines of that name.

    Parameters
    ----------
    markers : iterable of (text, onset, duration)
        Seconds; duration None or 0 where the marker has none.
    clock : str
        Stream that they belong to.
    """
    import numpy as np

    lines: dict[str, list[tuple[float, float]]] = {}
    for text, onset, duration in markers:
        end = onset + duration if duration else np.nan
        lines.setdefault(text, []).append((onset, end))
    return [
        Pulses(text, np.array([on for on, _ in rows]), np.array([off for _, off in rows]), clock)
        for text, rows in lines.items()
    ]


def edf_events(path: Path, stream: str, *, format: str) -> list[Pulses]:
    """Read the annotations of an EDF+ or BDF+ file, and the trigger lines of a BDF file.

    Lines are the annotations' texts, and the bits 0 to 15 of the status word.
    """
    header = read_edf_header(one_file(path, format))
    found = marker_pulses(read_annotations(header), stream)
    for signal in header.signals:
        if not signal.status or header.width != 3:
            continue
        changes = word_changes(status_words(header, signal), mask=0xFFFF)
        times = changes.samples / header.rate_hz(signal)
        lines = numbered(TRIGGER_BITS)
        found += [
            Pulses(item.line, item.on, item.off, stream)
            for item in split_lines(changes.first, times, changes.words, lines=lines)
        ]
    return found


def brainvision_events(path: Path, stream: str) -> list[Pulses]:
    """Read the markers of a BrainVision recording; lines are "Stimulus/S  1".

    Markers that are one sample long have no duration. "New Segment" marks the start of recording
    and is left out.
    """
    import mne

    from pipeline.ingest.through_mne import brainvision_header

    raw = mne.io.read_raw_brainvision(brainvision_header(path), preload=False, verbose="error")
    sample = 1 / raw.info["sfreq"]
    notes = raw.annotations
    markers = [
        (str(text), float(onset), float(length) if length > 1.5 * sample else None)
        for text, onset, length in zip(notes.description, notes.onset, notes.duration, strict=True)
        if not str(text).startswith("New Segment")
    ]
    return marker_pulses(markers, stream)
