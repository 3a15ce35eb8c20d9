"""BDF and BDF+ (continuous): BioSemi's 24-bit version of EDF, with its status word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.errors import InputError
from pipeline.simulate.writers.counts import checked_signals
from pipeline.simulate.writers.lines import Pulse, digital_words

#: BioSemi: 24 bits over +-262144 microvolts, 31.25 nV per bit
MAX_COUNT = 2**23 - 1
MIN_UV, MAX_UV = -262144, 262143
#: bytes of annotations per record
ANNOTATION_BYTES = 120
#: battery and amplifier flags above the 16 trigger lines, as a healthy ActiveTwo sets them
STATUS_FLAGS = 0b1001_0000


def write_bdf(
    path: str | Path,
    signals_uv: np.ndarray,
    *,
    rate_hz: int,
    channels: Sequence[str],
    pulses: Sequence[Pulse] | None = None,
    annotations: Sequence[tuple[float, float | None, str]] | None = None,
) -> Path:
    """Write one-second records of 24-bit counts.

    Parameters
    ----------
    path : path
        File to write; its folder is made if absent.
    signals_uv : numpy.ndarray
        (time, channel) microvolts, a whole number of seconds.
    rate_hz : int
        Samples per second.
    channels : sequence of str
        (channel,) labels of at most 16 ASCII characters.
    pulses : sequence of (line, on, off), optional
        Lines 0 to 15 of the ``Status`` channel, in samples; left out, there is no such channel.
    annotations : sequence of (onset, duration or None, text), optional
        Seconds; written as BDF+.

    Returns
    -------
    pathlib.Path
        ``path``.

    Raises
    ------
    InputError
        Signals that do not fit names, rate, range or whole seconds.
    """
    signals = checked_signals(signals_uv, channels, rate_hz)
    if len(signals) % rate_hz:
        raise InputError(f"{path}: found {len(signals)} samples; expected whole seconds")
    gain = (MAX_UV - MIN_UV) / (2 * MAX_COUNT + 1)
    counts = np.rint((np.asarray(signals, dtype=np.float64) - MIN_UV) / gain) - MAX_COUNT - 1
    if not np.all(np.abs(counts) <= MAX_COUNT):
        raise InputError(f"{path}: found samples beyond {MAX_UV} uV, or none that are numbers")
    records = len(signals) // rate_hz
    parts = [
        _three_bytes(counts[:, index].astype(np.int64)).reshape(records, 3 * rate_hz)
        for index in range(len(channels))
    ]
    labels = [(name, "uV", MIN_UV, MAX_UV, rate_hz) for name in channels]
    if pulses is not None:
        words = digital_words(pulses, samples=len(signals)).astype(np.int64) | STATUS_FLAGS << 16
        parts.append(_three_bytes(words).reshape(records, 3 * rate_hz))
        labels.append(("Status", "Boolean", -MAX_COUNT - 1, MAX_COUNT, rate_hz))
    if annotations is not None:
        parts.append(_annotation_records(annotations, records))
        labels.append(("BDF Annotations", "", -1, 1, ANNOTATION_BYTES // 3))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    header = _header(labels, records, "BDF+C" if annotations is not None else "24BIT")
    path.write_bytes(header + np.hstack(parts).tobytes())
    return path


def _three_bytes(counts: np.ndarray) -> np.ndarray:
    return counts.astype("<i4").view("u1").reshape(-1, 4)[:, :3]


def _annotation_records(
    annotations: Sequence[tuple[float, float | None, str]], records: int
) -> np.ndarray:
    """Return the bytes of the annotation signal: the record's own time first."""
    rows = []
    for record in range(records):
        row = f"+{record}\x14\x14\0".encode()
        for onset, duration, text in annotations:
            if record <= onset < record + 1:
                length = "" if duration is None else f"\x15{duration:g}"
                row += f"+{onset:.6f}{length}\x14{text}\x14\0".encode()
        rows.append(np.frombuffer(row.ljust(ANNOTATION_BYTES, b"\0"), dtype="u1"))
    return np.vstack(rows)


def _header(labels: Sequence[tuple[str, str, int, int, int]], records: int, kind: str) -> bytes:
    number = len(labels)

    def field(value: object, width: int) -> bytes:
        return str(value).encode("ascii").ljust(width)

    head = b"\xffBIOSEMI" + field("X X X X", 80) + field("Startdate X X X X", 80)
    head += b"01.01.2000.00.00"[:8] + b"00.00.00" + field(256 * (number + 1), 8) + field(kind, 44)
    head += field(records, 8) + field(1, 8) + field(number, 4)
    columns: list[tuple[int, list[object]]] = [
        (16, [label for label, *_ in labels]),
        (80, [""] * number),
        (8, [unit for _, unit, *_ in labels]),
        (8, [low for _, _, low, _, _ in labels]),
        (8, [high for *_, high, _ in labels]),
        (8, [-MAX_COUNT - 1] * number),
        (8, [MAX_COUNT] * number),
        (80, [""] * number),
        (8, [samples for *_, samples in labels]),
        (32, [""] * number),
    ]
    return head + b"".join(field(value, width) for width, values in columns for value in values)
