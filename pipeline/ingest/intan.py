"""Intan RHD and RHS files: headers, the three layouts, files that the rig split.

Read here because neo loads the time stamps of a whole recording when it opens it, and decodes all
digital words again for each piece. The layouts are those of Intan's "RHD2000 data file formats"
and "RHS2000 data file formats".
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pipeline.errors import InputError
from pipeline.ingest.damage import TRUNCATED, refuse_gaps
from pipeline.ingest.events_words import CHUNK_BYTES, Pulses, split_lines, word_changes

if TYPE_CHECKING:
    import numpy as np
    from spikeinterface import BaseRecording

MAGIC = {0xC6912702: "RHD", 0xD69127AC: "RHS"}
#: microvolts per count of the amplifiers; 2 ** 15 is zero where counts are unsigned
AMPLIFIER_UV = 0.195
ZERO = 32768
#: volts per count and count at 0 V of the analog inputs, by board mode; RHS has the last one
ADC_VOLTS = {0: (50.354e-6, 0), 1: (152.59e-6, ZERO), 13: (312.5e-6, ZERO)}
ANALOG = "USB board ADC input channel"
#: kinds of channel in the header
AMPLIFIER, _AUX, _SUPPLY, ADC = 0, 1, 2, 3


@dataclass(frozen=True)
class Header:
    """What the header of one file says.

    Attributes
    ----------
    file : pathlib.Path
        File that holds it.
    kind : {"RHD", "RHS"}
        Family.
    rate_hz : float
        Samples per second.
    channels : dict of int to tuple of (native name, custom name, native order)
        Enabled channels of each kind.
    block : list
        numpy fields of one data block.
    samples_per_block : int
        60 or 128.
    board_mode : int
        Which range the analog inputs have.
    size : int
        Bytes of the header.
    """

    file: Path
    kind: str
    rate_hz: float
    channels: dict[int, tuple[tuple[str, str, int], ...]]
    block: list[tuple[str, str, tuple[int, ...]]]
    samples_per_block: int
    board_mode: int
    size: int

    @property
    def digital_in(self) -> int:
        """Kind of the digital inputs in this family."""
        return 4 if self.kind == "RHD" else 5

    @property
    def streams(self) -> list[str]:
        """Names of the streams, as neo and SpikeInterface call them."""
        names = {AMPLIFIER: f"{self.kind}2000 amplifier channel", ADC: ANALOG}
        return [name for kind, name in names.items() if self.channels.get(kind)]

    def same_as(self, other: Header) -> bool:
        """Whether two files can be pieces of one recording."""
        return (self.kind, self.rate_hz, self.channels, self.block, self.board_mode) == (
            other.kind,
            other.rate_hz,
            other.channels,
            other.block,
            other.board_mode,
        )

    def lines(self) -> dict[int | str, int]:
        """Return the bit of each digital input, by the number in its name (DIGITAL-IN-01: 1)."""
        lines: dict[int | str, int] = {}
        for native, _, order in self.channels.get(self.digital_in, ()):
            number = re.search(r"(\d+)$", native)
            lines[int(number.group(1)) if number else native] = order
        return lines


class _Fields:
    """Values one after the other, as Qt writes them."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def take(self, format: str) -> tuple[float, ...]:
        size = struct.calcsize(f"<{format}")
        data = self._stream.read(size)
        if len(data) < size:
            raise EOFError("the header ends early")
        return struct.unpack(f"<{format}", data)

    def whole(self) -> int:
        return int(self.take("h")[0])

    def text(self) -> str:
        (length,) = self.take("I")
        if length == 0xFFFFFFFF:
            return ""
        if length > 10_000:
            raise ValueError(f"a text of {length} bytes in the header")
        return self._stream.read(int(length)).decode("utf-16-le")


def read_header(file: Path) -> Header:
    """Read the header of an ``.rhd`` or ``.rhs`` file.

    Raises
    ------
    InputError
        A file that is no Intan file, or ends within the header.
    """
    with file.open("rb") as stream:
        fields = _Fields(stream)
        try:
            kind = MAGIC.get(int(fields.take("I")[0]))
            if kind is None:
                raise InputError(f"{file}: found no Intan file identifier in its first bytes")
            return _read_fields(file, kind, fields, stream)
        except (EOFError, ValueError, UnicodeDecodeError) as error:
            raise InputError(f"{file}: header cannot be read ({error}); {TRUNCATED}") from error


def _read_fields(file: Path, kind: str, fields: _Fields, stream: BinaryIO) -> Header:
    version = fields.whole(), fields.whole()
    (rate,) = fields.take("f")
    temperatures = board_mode = dc_saved = 0
    # DSP, bandwidths, notch filter and impedance test: nothing here needs them
    fields.take("hffffffhff" if kind == "RHD" else "hffffffffhff")
    if kind == "RHS":
        fields.take("hhfff")
    for _ in range(3):
        fields.text()
    if kind == "RHD":
        temperatures = fields.whole() if version >= (1, 1) else 0
        board_mode = fields.whole() if version >= (1, 3) else 0
    else:
        dc_saved = fields.whole()
        # The mode written by RHS boards is not that of their analog inputs, which are +-10.24 V.
        fields.whole()
        board_mode = 13
    if kind == "RHS" or version >= (2, 0):
        fields.text()
    channels = _read_channels(fields, kind)
    per_block = 60 if kind == "RHD" and version < (2, 0) else 128
    stamp = "<u4" if kind == "RHD" and version < (1, 2) else "<i4"
    number = {key: len(value) for key, value in channels.items()}
    block: list[tuple[str, str, tuple[int, ...]]] = [("time", stamp, (per_block,))]
    amplifiers = number.get(AMPLIFIER, 0)
    parts: list[tuple[str, int, tuple[int, ...]]] = [
        ("amplifier", amplifiers, (amplifiers, per_block))
    ]
    if kind == "RHD":
        aux, supply = number.get(_AUX, 0), number.get(_SUPPLY, 0)
        parts += [
            ("aux", aux, (aux, per_block // 4)),
            ("supply", supply, (supply,)),
            ("temperature", temperatures, (temperatures,)),
        ]
        tail = {"adc": ADC, "digital_in": 4, "digital_out": 5}
    else:
        dc = amplifiers if dc_saved else 0
        parts += [
            ("dc", dc, (dc, per_block)),
            ("stim", amplifiers, (amplifiers, per_block)),
        ]
        tail = {"adc": ADC, "dac": 4, "digital_in": 5, "digital_out": 6}
    for name, key in tail.items():
        count = number.get(key, 0)
        shape: tuple[int, ...] = (count, per_block)
        if name.startswith("digital"):
            shape = (per_block,)
        parts.append((name, count, shape))
    block += [(name, "<u2", shape) for name, count, shape in parts if count]
    return Header(
        file, kind, float(rate), channels, block, per_block, board_mode, size=stream.tell()
    )


def _read_channels(fields: _Fields, kind: str) -> dict[int, tuple[tuple[str, str, int], ...]]:
    found: dict[int, list[tuple[str, str, int]]] = {}
    for _ in range(fields.whole()):
        fields.text(), fields.text()
        enabled, count, _ = fields.take("hhh")
        for _ in range(int(count) if enabled else 0):
            native, custom = fields.text(), fields.text()
            order, _, signal, used = (int(value) for value in fields.take("hhhh"))
            fields.take("hhhhhhff" if kind == "RHD" else "hhhhhhhff")
            if used:
                found.setdefault(signal, []).append((native, custom, order))
    return {signal: tuple(items) for signal, items in found.items()}


# --- files with header and data, possibly several in a row


@dataclass(frozen=True)
class Pieces:
    """Files of one recording in order.

    Attributes
    ----------
    headers : tuple of Header
        One per file.
    blocks : tuple of int
        Data blocks of each file.
    start : int
        First time stamp, in samples.
    """

    headers: tuple[Header, ...]
    blocks: tuple[int, ...]
    start: int

    @property
    def samples(self) -> int:
        """Length."""
        return sum(self.blocks) * self.headers[0].samples_per_block

    def read_blocks(self, first: int, stop: int) -> Iterator[np.ndarray]:
        """Yield arrays of data blocks, of one file each."""
        import numpy as np

        before = 0
        for header, blocks in zip(self.headers, self.blocks, strict=True):
            low, high = max(first - before, 0), min(stop - before, blocks)
            if low < high:
                dtype = np.dtype(header.block)
                offset = header.size + low * dtype.itemsize
                yield np.fromfile(header.file, dtype=dtype, count=high - low, offset=offset)
            before += blocks


def join_pieces(files: list[Path]) -> Pieces:
    """Put files that the rig split by time in order.

    Raises
    ------
    InputError
        A file that holds no whole number of data blocks or none; other channels or another rate
        than in the first; time stamps that do not go on where the file before ended.
    """
    import numpy as np

    pieces = []
    for file in files:
        header = read_header(file)
        dtype = np.dtype(header.block)
        blocks, rest = divmod(file.stat().st_size - header.size, dtype.itemsize)
        if rest or not blocks:
            raise InputError(
                f"{file}: found {blocks} data blocks and {rest} bytes; expected whole blocks of "
                f"{dtype.itemsize} bytes, at least one; {TRUNCATED}"
            )
        refuse_gaps(
            partial(_first_stamp, header),
            blocks,
            step=header.samples_per_block,
            place=f"{file}: data block",
        )
        pieces.append((_first_stamp(header, 0), header, blocks))
    pieces.sort(key=lambda piece: (piece[0], piece[1].file.name))
    expected = first = pieces[0][0]
    for stamp, header, blocks in pieces:
        if not header.same_as(pieces[0][1]):
            raise InputError(
                f"{header.file}: found other channels or another rate than in "
                f"{pieces[0][1].file.name}; expected pieces of one recording: name one file, or "
                "list them in the recordings table"
            )
        if stamp != expected:
            raise InputError(
                f"{header.file}: found the first time stamp {stamp}; expected {expected}, where "
                "the file before it ends: a file is missing, or these are several recordings: name "
                "one file, or list them in the recordings table with starts_at_s"
            )
        expected += blocks * header.samples_per_block
    headers = tuple(header for _, header, _ in pieces)
    return Pieces(headers, tuple(blocks for _, _, blocks in pieces), first)


def _first_stamp(header: Header, block: int) -> int:
    """Return the first time stamp of a data block, which begins with it."""
    import numpy as np

    place = header.size + block * np.dtype(header.block).itemsize
    _, kind, _ = header.block[0]
    return int(np.fromfile(header.file, dtype=kind, count=1, offset=place)[0])


def open_pieces(pieces: Pieces, stream: str) -> BaseRecording:
    """Return the amplifiers or the analog inputs of files with header and data."""
    import numpy as np

    from pipeline.ingest.lazy import LazyRecording

    header = pieces.headers[0]
    per_block = header.samples_per_block
    kind, field = (ADC, "adc") if stream == ANALOG else (AMPLIFIER, "amplifier")
    channels = header.channels[kind]

    def read(start: int, end: int) -> np.ndarray:
        parts = [
            blocks[field].transpose(0, 2, 1).reshape(-1, len(channels))
            for blocks in pieces.read_blocks(start // per_block, -(-end // per_block))
        ]
        if not parts:
            return np.zeros((0, len(channels)), dtype="<u2")
        skipped = start % per_block
        return np.concatenate(parts)[skipped : skipped + end - start]

    gain, offset = scale_of(header, kind, signed=False)
    return LazyRecording(
        read,
        samples=pieces.samples,
        rate_hz=header.rate_hz,
        channels=[native for native, _, _ in channels],
        dtype="<u2",
        gains_uv=gain,
        offsets_uv=offset,
        start_s=pieces.start / header.rate_hz,
    )


def scale_of(header: Header, kind: int, *, signed: bool) -> tuple[float, float]:
    """Return microvolts per count, and microvolts at count 0, of one kind of channel."""
    if kind == ADC:
        if header.board_mode not in ADC_VOLTS:
            raise InputError(
                f"{header.file}: found board mode {header.board_mode}; expected one of "
                f"{', '.join(map(str, ADC_VOLTS))}, whose range is known"
            )
        volts, zero = ADC_VOLTS[header.board_mode]
        return volts * 1e6, -zero * volts * 1e6
    return AMPLIFIER_UV, 0.0 if signed else -ZERO * AMPLIFIER_UV


def piece_events(pieces: Pieces, clock: str) -> list[Pulses]:
    """Return the pulses of the digital inputs, in seconds from the first sample."""
    import numpy as np

    header = pieces.headers[0]
    lines = header.lines()
    if not lines:
        return []
    step = max(1, CHUNK_BYTES // np.dtype(header.block).itemsize)
    words = (
        blocks["digital_in"].reshape(-1)
        for first in range(0, sum(pieces.blocks), step)
        for blocks in pieces.read_blocks(first, first + step)
    )
    return line_table(words, lines, header.rate_hz, clock)


def line_table(
    words: Iterator[np.ndarray], lines: dict[int | str, int], rate_hz: float, clock: str
) -> list[Pulses]:
    """Return the pulses of the lines of a word with one value per sample."""
    changes = word_changes(words, mask=sum(1 << bit for bit in set(lines.values())))
    times = changes.samples / rate_hz
    return [
        Pulses(pulses.line, pulses.on, pulses.off, clock)
        for pulses in split_lines(changes.first, times, changes.words, lines=lines)
    ]
