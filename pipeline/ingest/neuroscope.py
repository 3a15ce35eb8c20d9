"""Neuroscope: an ``.xml`` that describes a ``.dat`` (wide band) and a ``.lfp`` or ``.eeg`` file.

Read here because neo gives ``.lfp`` files the rate of the wide band.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from pipeline.errors import InputError
from pipeline.ingest.damage import TRUNCATED
from pipeline.ingest.events_files import marker_pulses
from pipeline.ingest.events_words import (
    Pulses,
    numbered,
    read_columns,
    split_lines,
    word_changes,
)
from pipeline.ingest.files import LAYOUTS, NEUROSCOPE_DATA
from pipeline.ingest.streams import pick_stream

if TYPE_CHECKING:
    from spikeinterface import BaseRecording


@dataclass(frozen=True)
class Session:
    """What the ``.xml`` says.

    Attributes
    ----------
    file : pathlib.Path
        The ``.xml``.
    channels, bits : int
        Number of channels and resolution.
    rates_hz : dict of str to float
        Samples per second of each stream ("dat", "lfp").
    gain_uv : float
        Microvolts per count.
    groups : dict of int to int
        Anatomical group of each channel.
    """

    file: Path
    channels: int
    bits: int
    rates_hz: dict[str, float]
    gain_uv: float
    groups: dict[int, int]

    @property
    def dtype(self) -> str:
        """Type of a sample."""
        return "<i2" if self.bits <= 16 else "<i4"

    def data(self, stream: str) -> Path:
        """Return the file of a stream."""
        return self.file.with_suffix(f".{stream}")


def read_session(file: Path) -> Session:
    """Read the ``.xml`` of a Neuroscope recording.

    Raises
    ------
    InputError
        No XML, entities (which could name any file), an entry missing or no number, a zero that is
        not at count 0.
    """
    text = file.read_text(encoding="utf-8", errors="replace")
    if "<!ENTITY" in text or "<!DOCTYPE" in text:
        raise InputError(f"{file}: found a document type in the XML; expected none")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise InputError(f"{file}: cannot be read as XML ({error}); {TRUNCATED}") from error

    def number(place: str, default: float | None = None) -> float:
        found = root.findtext(place)
        try:
            return default if found is None and default is not None else float(found or "")
        except (TypeError, ValueError) as error:
            raise InputError(
                f"{file}: {place}: found {found!r}; expected a number: this is not the parameter "
                "file of a Neuroscope recording"
            ) from error

    if zero := number("acquisitionSystem/offset", 0.0):
        raise InputError(f"{file}: acquisitionSystem/offset: found {zero:g}; expected 0")
    bits = int(number("acquisitionSystem/nBits"))
    if bits not in (12, 14, 16, 32):
        raise InputError(f"{file}: acquisitionSystem/nBits: found {bits}; expected 12, 14, 16, 32")
    wide = number("acquisitionSystem/samplingRate")
    slow = number("fieldPotentials/lfpSamplingRate", 1250.0)
    groups = {
        int(channel.text or -1): index
        for index, group in enumerate(root.findall("anatomicalDescription/channelGroups/group"))
        for channel in group.findall("channel")
    }
    return Session(
        file,
        int(number("acquisitionSystem/nChannels")),
        bits,
        {"dat": wide, "lfp": slow, "eeg": slow},
        number("acquisitionSystem/voltageRange")
        * 1e6
        / 2**bits
        / number("acquisitionSystem/amplification"),
        groups,
    )


def _the_session(path: Path) -> Session:
    files = LAYOUTS["neuroscope"].files(path)
    headers = [file for file in files if file.suffix.casefold() == ".xml"]
    if len(headers) != 1:
        names = ", ".join(file.name for file in headers) or "none"
        raise InputError(f"{path}: found {names}; expected one *.xml with its data: name it")
    return read_session(headers[0])


def open_neuroscope(path: Path, stream: str | None) -> BaseRecording:
    """Open ``.dat`` (stream "dat") or ``.lfp`` ("lfp"; "eeg") of a Neuroscope recording.

    Channels are called as Neuroscope numbers them, from 0; property ``group`` is the anatomical
    group.

    Raises
    ------
    InputError
        Several recordings, a file of no whole number of frames, entries missing in the XML.
    """
    import numpy as np
    from spikeinterface.core import BinaryRecordingExtractor

    session = _the_session(path)
    names = [kind for kind in NEUROSCOPE_DATA if session.data(kind).is_file()]
    if path.suffix[1:] in names and stream is None:
        stream = path.suffix[1:]
    name = pick_stream(names, wanted=stream, file=path)
    file = session.data(name)
    frame = np.dtype(session.dtype).itemsize * session.channels
    if file.stat().st_size % frame:
        raise InputError(
            f"{file}: found {file.stat().st_size} bytes, no whole number of frames of "
            f"{session.channels} channels of {session.bits} bits as in {session.file.name}; "
            f"{TRUNCATED}"
        )
    recording = BinaryRecordingExtractor(
        file,
        sampling_frequency=session.rates_hz[name],
        dtype=session.dtype,
        num_channels=session.channels,
        channel_ids=[str(channel) for channel in range(session.channels)],
        gain_to_uV=session.gain_uv,
        offset_to_uV=0.0,
    )
    recording.set_property(
        "group", [session.groups.get(channel, -1) for channel in range(session.channels)]
    )
    recording.annotate(stream=name)
    return recording


def neuroscope_events(path: Path, stream: str) -> list[Pulses]:
    """Read ``.evt`` files (milliseconds and a text) and ``digitalin.dat``, where there are any.

    ``digitalin.dat`` holds one 16-bit word per sample of the wide band, as Intan writes it.

    Raises
    ------
    InputError
        A line of an ``.evt`` file without a time; words for another length than the samples.
    """
    session = _the_session(path)
    found: list[Pulses] = []
    for file in sorted(session.file.parent.glob(f"{session.file.stem}*.evt")):
        markers = []
        for row, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            time, _, text = line.strip().partition("\t" if "\t" in line else " ")
            if not line.strip():
                continue
            try:
                markers.append((text.strip(), float(time) / 1000, None))
            except ValueError as error:
                raise InputError(
                    f"{file}: line {row}: found '{line[:40]}'; expected milliseconds and a text"
                ) from error
        found += marker_pulses(markers, stream)
    return found + _digital(session, stream)


def _digital(session: Session, stream: str) -> list[Pulses]:
    import numpy as np

    file, wide = session.file.parent / "digitalin.dat", session.data("dat")
    if not file.is_file() or not wide.is_file():
        return []
    samples = wide.stat().st_size // (np.dtype(session.dtype).itemsize * session.channels)
    if file.stat().st_size != 2 * samples:
        raise InputError(
            f"{file}: found {file.stat().st_size} bytes; expected {2 * samples} for the {samples} "
            f"samples of {wide.name}; {TRUNCATED}, or it belongs to another recording"
        )
    words = read_columns(file, dtype="<u2", columns=1, wanted=slice(0, 1))
    changes = word_changes((piece[:, 0] for piece in words), mask=0xFFFF)
    times = changes.samples / session.rates_hz["dat"]
    return [
        Pulses(item.line, item.on, item.off, stream)
        for item in split_lines(changes.first, times, changes.words, lines=numbered(range(16)))
    ]
