"""Headers of EDF and BDF files, and the annotations and status words inside.

Kemp et al. 1992 (EDF), Kemp and Olivan 2003 (EDF+), BioSemi's BDF: the same with 24 bits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.ingest.damage import TRUNCATED
from pipeline.ingest.events_words import CHUNK_BYTES

if TYPE_CHECKING:
    import numpy as np

#: microvolts per unit of voltage; the micro sign has two code points
VOLTAGE_UNITS = {"uv": 1.0, "\u00b5v": 1.0, "\u03bcv": 1.0, "mv": 1e3, "v": 1e6, "nv": 1e-3}


@dataclass(frozen=True)
class Signal:
    """One signal: label, unit, calibration, samples per record."""

    label: str
    unit: str
    physical: tuple[float, float]
    digital: tuple[float, float]
    samples: int

    @property
    def annotations(self) -> bool:
        """Whether it holds annotations instead of samples."""
        return self.label in ("EDF Annotations", "BDF Annotations")

    @property
    def status(self) -> bool:
        """Whether it holds BioSemi's trigger and status word."""
        return self.label.casefold() == "status"

    @property
    def uv_per_unit(self) -> float | None:
        """Microvolts per unit; None when it holds no voltage."""
        if self.annotations or self.status:
            return None
        return VOLTAGE_UNITS.get(self.unit.casefold())


@dataclass(frozen=True)
class EdfHeader:
    """What the header says.

    Attributes
    ----------
    file : pathlib.Path
        The file.
    width : int
        Bytes per value: 2 (EDF), 3 (BDF).
    size : int
        Bytes of the header.
    records : int
        Data records.
    record_s : float
        Seconds of each.
    signals : tuple of Signal
        In the order of the file.
    """

    file: Path
    width: int
    size: int
    records: int
    record_s: float
    signals: tuple[Signal, ...]

    @property
    def record_bytes(self) -> int:
        """Bytes of one data record."""
        return self.width * sum(signal.samples for signal in self.signals)

    def rate_hz(self, signal: Signal) -> float:
        """Return the samples per second of a signal."""
        return signal.samples / self.record_s

    def place(self, signal: Signal) -> slice:
        """Return the bytes of a signal within a record."""
        index = next(i for i, other in enumerate(self.signals) if other is signal)
        start = self.width * sum(other.samples for other in self.signals[:index])
        return slice(start, start + self.width * signal.samples)

    def read(self, signal: Signal) -> Iterator[np.ndarray]:
        """Yield (record, byte) arrays of one signal, piece by piece."""
        import numpy as np

        step = max(1, CHUNK_BYTES // self.record_bytes)
        with self.file.open("rb") as stream:
            stream.seek(self.size)
            for first in range(0, self.records, step):
                count = min(step, self.records - first) * self.record_bytes
                table = np.fromfile(stream, dtype="u1", count=count)
                yield table.reshape(-1, self.record_bytes)[:, self.place(signal)]


def read_edf_header(file: Path) -> EdfHeader:
    """Read the header of an EDF or BDF file.

    Raises
    ------
    InputError
        Fields that are no numbers; a number of records of -1 (recording was not stopped properly)
        or one that the size of the file contradicts.
    """
    with file.open("rb") as stream:
        main = stream.read(256)
        number = _number(file, main[252:256], "number of signals")
        rest = stream.read(256 * int(number))
    if len(rest) < 256 * number:
        raise InputError(f"{file}: header ends after {256 + len(rest)} bytes; {TRUNCATED}")
    width = 3 if main[:1] == b"\xff" else 2
    number = int(number)
    columns = _columns(rest, number)
    signals = tuple(
        Signal(
            columns[0][i].decode("latin-1").strip(),
            columns[2][i].decode("latin-1").strip(),
            (_number(file, columns[3][i], "minimum"), _number(file, columns[4][i], "maximum")),
            (_number(file, columns[5][i], "minimum"), _number(file, columns[6][i], "maximum")),
            int(_number(file, columns[8][i], "samples per record")),
        )
        for i in range(number)
    )
    header = EdfHeader(
        file,
        width,
        256 * (number + 1),
        int(_number(file, main[236:244], "number of records")),
        _number(file, main[244:252], "seconds per record"),
        signals,
    )
    _check_size(header)
    return header


def _check_size(header: EdfHeader) -> None:
    if header.records < 0:
        raise InputError(
            f"{header.file}: found {header.records} data records in the header; expected their "
            "number: recording was not stopped properly; let the rig's software repair the file"
        )
    size = header.file.stat().st_size
    expected = header.size + header.records * header.record_bytes
    if size < expected:
        raise InputError(
            f"{header.file}: found {size} bytes; expected {expected} for {header.records} records "
            f"of {header.record_bytes} bytes; {TRUNCATED}"
        )


def _columns(data: bytes, number: int) -> list[list[bytes]]:
    """Split the per-signal part: all labels, then all transducers, all units ..."""
    columns, place = [], 0
    for width in (16, 80, 8, 8, 8, 8, 8, 80, 8, 32):
        columns.append([data[place + i * width : place + (i + 1) * width] for i in range(number)])
        place += width * number
    return columns


def _number(file: Path, field: bytes, what: str) -> float:
    try:
        return float(field.decode("ascii").strip())
    except ValueError as error:
        raise InputError(
            f"{file}: header: found {field[:20]!r} as {what}; expected a number: no EDF or BDF "
            f"file, or {TRUNCATED}"
        ) from error


#: +onset, optional duration, texts, end: of one time-stamped annotation list
_TAL = re.compile(rb"([+-]\d+(?:\.\d*)?)(?:\x15(\d+(?:\.\d*)?))?\x14((?:[^\x00\x14]*\x14)*)\x00")


def read_annotations(header: EdfHeader) -> list[tuple[str, float, float | None]]:
    """Read the annotations of an EDF+ or BDF+ file.

    Returns
    -------
    list of (text, onset, duration)
        Seconds from the first sample; duration None where there is none.

    Raises
    ------
    InputError
        Records that do not follow each other: the recording has gaps (EDF+D).
    """
    found: list[tuple[str, float, float | None]] = []
    for signal in (signal for signal in header.signals if signal.annotations):
        start: float | None = None
        record = 0
        for piece in header.read(signal):
            for row in piece:
                lists = _TAL.findall(row.tobytes())
                # The first list of a record keeps the time: its first text is empty.
                if lists and lists[0][2].startswith(b"\x14"):
                    onset = float(lists[0][0])
                    start = onset if start is None else start
                    _refuse_gap(header, record, onset - start)
                for onset, duration, texts in lists:
                    for text in texts.split(b"\x14")[:-1]:
                        if text:
                            said = text.decode("utf-8", errors="replace")
                            length = float(duration) if duration else None
                            found.append((said, float(onset) - (start or 0.0), length))
                record += 1
    return sorted(found, key=lambda item: item[1])


def _refuse_gap(header: EdfHeader, record: int, onset: float) -> None:
    expected = record * header.record_s
    if abs(onset - expected) > 1e-3 + 1e-9 * expected:
        raise InputError(
            f"{header.file}: data record {record}: found it {onset:.3f} s after the first; "
            f"expected {expected:.3f} s: recording was paused (EDF+D); export each piece as a file "
            "of its own"
        )


def status_words(header: EdfHeader, signal: Signal) -> Iterator[np.ndarray]:
    """Yield the 24-bit words of BioSemi's Status channel; bits 0 to 15 are trigger lines."""
    import numpy as np

    for piece in header.read(signal):
        parts = np.ascontiguousarray(piece).reshape(-1, 3).astype(np.uint32)
        yield parts[:, 0] | parts[:, 1] << np.uint32(8) | parts[:, 2] << np.uint32(16)
