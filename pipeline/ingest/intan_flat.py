"""Intan recordings whose samples lie in ``.dat`` files beside ``info.rhd`` or ``info.rhs``.

Two layouts: one file per type of signal (``amplifier.dat``, interleaved) and one file per channel
(``amp-A-000.dat``). Amplifier counts are signed here, unlike in files with header and data.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.ingest.damage import TRUNCATED, refuse_gaps
from pipeline.ingest.events_words import Pulses, read_columns
from pipeline.ingest.intan import ADC, AMPLIFIER, ANALOG, Header, line_table, scale_of

if TYPE_CHECKING:
    import numpy as np
    from spikeinterface import BaseRecording

#: names of the interleaved file, and what the name of a channel's own file begins with
_FILES = {AMPLIFIER: ("amplifier.dat", "amp-"), ADC: ("analogin.dat", "board-")}


def is_flat(header_file: Path) -> bool:
    """Whether the header names no data of its own: samples are in files beside it."""
    return header_file.stem.casefold() == "info"


def open_flat(header: Header, stream: str) -> BaseRecording:
    """Return the amplifiers or the analog inputs of either layout.

    Raises
    ------
    InputError
        A file missing or of another length than ``time.dat`` says; time stamps with gaps.
    """
    from spikeinterface import aggregate_channels
    from spikeinterface.core import BinaryRecordingExtractor

    folder = header.file.parent
    samples, start = _time(folder)
    kind = ADC if stream == ANALOG else AMPLIFIER
    dtype = "<u2" if kind == ADC else "<i2"
    names = [native for native, _, _ in header.channels[kind]]
    gain, offset = scale_of(header, kind, signed=kind == AMPLIFIER)

    def one(file: Path, channels: list[str]) -> BaseRecording:
        _check_length(file, samples, 2 * len(channels))
        recording = BinaryRecordingExtractor(
            file,
            sampling_frequency=header.rate_hz,
            dtype=dtype,
            num_channels=len(channels),
            channel_ids=channels,
            gain_to_uV=gain,
            offset_to_uV=offset,
        )
        recording.shift_times(start / header.rate_hz)
        return recording

    together, prefix = _FILES[kind]
    if (folder / together).is_file():
        return one(folder / together, names)
    return aggregate_channels([one(folder / f"{prefix}{name}.dat", [name]) for name in names])


def flat_events(header: Header, clock: str) -> list[Pulses]:
    """Return the pulses of the digital inputs, in seconds from the first sample."""
    lines = header.lines()
    if not lines:
        return []
    folder = header.file.parent
    samples, _ = _time(folder)
    together = folder / "digitalin.dat"
    if together.is_file():
        _check_length(together, samples, 2)
        words = (piece[:, 0] for piece in _words(together))
        return line_table(words, lines, header.rate_hz, clock)
    found: list[Pulses] = []
    for (native, _, _), line in zip(header.channels[header.digital_in], lines, strict=True):
        file = folder / f"board-{native}.dat"
        _check_length(file, samples, 2)
        words = (piece[:, 0] for piece in _words(file))
        found += line_table(words, {line: 0}, header.rate_hz, clock)
    return found


def _words(file: Path) -> Iterator[np.ndarray]:
    return read_columns(file, dtype="<u2", columns=1, wanted=slice(0, 1))


def _time(folder: Path) -> tuple[int, int]:
    """Return the number of samples and the first time stamp; refuse gaps."""
    import numpy as np

    file = folder / "time.dat"
    if not file.is_file() or file.stat().st_size < 4 or file.stat().st_size % 4:
        raise InputError(
            f"{file}: found no whole time stamps of 4 bytes; copy the whole folder, or {TRUNCATED}"
        )
    stamps = np.memmap(file, dtype="<i4", mode="r")
    refuse_gaps(lambda index: int(stamps[index]), len(stamps), step=1, place=f"{file}: sample")
    return len(stamps), int(stamps[0])


def _check_length(file: Path, samples: int, frame: int) -> None:
    if not file.is_file():
        raise InputError(f"{file}: not found; copy the whole folder of the recording")
    size = file.stat().st_size
    if size != samples * frame:
        raise InputError(
            f"{file}: found {size} bytes; expected {samples * frame} for the {samples} samples of "
            f"time.dat; {TRUNCATED}"
        )
