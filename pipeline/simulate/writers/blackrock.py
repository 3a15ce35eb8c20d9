"""Blackrock NSx and NEV files, specification 2.3 and 3.0."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.errors import InputError
from pipeline.simulate.writers.counts import checked_signals, count_blocks
from pipeline.simulate.writers.lines import Pulse, edges

#: ticks per second of all time stamps
RESOLUTION = 30_000
#: Cerebus front end: 32764 counts are 8191 uV
MAX_COUNT, MAX_UV = 32764, 8191
UV_PER_BIT = MAX_UV / MAX_COUNT
#: sampling rates of .ns1 to .ns6
RATES = {1: 500, 2: 1000, 3: 2000, 4: 10_000, 5: 30_000, 6: 30_000}
#: bytes of one NEV packet with a 48-sample waveform
PACKET = 104
_ORIGIN = struct.pack("<8H", 2024, 6, 3, 12, 9, 0, 0, 0)


def write_blackrock(
    stem: str | Path,
    signals_uv: np.ndarray,
    *,
    rate_hz: int,
    channels: Sequence[str],
    start_tick: int = 0,
    pulses: Sequence[Pulse] | None = None,
    idle_high: bool = False,
    version: tuple[int, int] = (2, 3),
    pauses: Sequence[tuple[int, int]] = (),
) -> Path:
    """Write ``<stem>.ns<n>`` and, with pulses, ``<stem>.nev``.

    Layout: Blackrock "LB-0023 File formats": NEURALCD (2.3) or BRSMPGRP (3.0) header of 314 bytes,
    66 bytes per channel, data packets with their time stamp; NEURALEV or BREVENTS.

    Parameters
    ----------
    stem : path
        Path without suffix.
    signals_uv : numpy.ndarray
        (time, channel) microvolts.
    rate_hz : int
        500, 1000, 2000, 10000 or 30000.
    channels : sequence of str
        (channel,) labels of at most 15 characters.
    start_tick : int
        Time stamp of the first sample, in ticks of 1/30000 s.
    pulses : sequence of (line, on, off), optional
        Of the digital input, lines 0 to 15, in samples from the first.
    idle_high : bool
        Whether lines without pulses are high (pull-up resistors); pulses are low then.
    version : tuple of int
        (2, 3) or (3, 0).
    pauses : sequence of (sample, ticks)
        A new data packet begins at each sample, that many ticks late.

    Returns
    -------
    pathlib.Path
        The NSx file.

    Raises
    ------
    InputError
        Signals that do not fit names, rate or the converter; a rate the format does not have.
    """
    signals = checked_signals(signals_uv, channels, rate_hz)
    numbers = [number for number, rate in RATES.items() if rate == rate_hz]
    if not numbers:
        raise InputError(f"rate_hz: found {rate_hz}; expected one of {sorted(set(RATES.values()))}")
    stem = Path(stem)
    stem.parent.mkdir(parents=True, exist_ok=True)
    file = stem.with_name(f"{stem.name}.ns{numbers[0]}")
    counts = np.vstack([c for _, c in count_blocks(signals, channels, uv_per_bit=UV_PER_BIT)])
    stamp = "Q" if version >= (3, 0) else "I"
    cuts = [0, *(sample for sample, _ in pauses), len(counts)]
    late = np.cumsum([0, *(ticks for _, ticks in pauses)])
    with file.open("wb") as out:
        out.write(_nsx_header(rate_hz, channels, version))
        for first, end, delay in zip(cuts[:-1], cuts[1:], late.tolist(), strict=True):
            tick = start_tick + first * RESOLUTION // rate_hz + delay
            out.write(struct.pack(f"<B{stamp}I", 1, tick, end - first))
            out.write(counts[first:end].astype("<i2").tobytes())
    if pulses is not None:
        ticks = [
            (start_tick + sample * RESOLUTION // rate_hz, line, rising)
            for sample, line, rising in edges(pulses, samples=len(signals), lines=range(16))
        ]
        word = sum(1 << line for line, on, _ in pulses if on == 0)
        _write_nev(stem.with_name(f"{stem.name}.nev"), ticks, word, version, idle_high)
    return file


def _nsx_header(rate_hz: int, channels: Sequence[str], version: tuple[int, int]) -> bytes:
    identifier = b"BRSMPGRP" if version >= (3, 0) else b"NEURALCD"
    head = struct.pack(
        "<8sBBI16s256sII",
        identifier,
        *version,
        314 + 66 * len(channels),
        f"{rate_hz} S/s".encode(),
        b"",
        RESOLUTION // rate_hz,
        RESOLUTION,
    )
    head += _ORIGIN + struct.pack("<I", len(channels))
    for index, name in enumerate(channels):
        head += struct.pack(
            "<2sH16sBBhhhh16sIIHIIH",
            b"CC",
            index + 1,
            name.encode(),
            1,
            index % 32,
            -MAX_COUNT,
            MAX_COUNT,
            -MAX_UV,
            MAX_UV,
            b"uV",
            300,
            1,
            1,
            7_500_000,
            3,
            1,
        )
    return head


def _write_nev(
    file: Path,
    ticks: Sequence[tuple[int, int, bool]],
    word: int,
    version: tuple[int, int],
    idle_high: bool,
) -> None:
    """Write a packet with the digital word at each time at which it changed."""
    new = version >= (3, 0)
    head = struct.pack(
        "<8sBBHIIII",
        b"BREVENTS" if new else b"NEURALEV",
        *version,
        1,
        336,
        PACKET,
        RESOLUTION,
        RESOLUTION,
    )
    head += _ORIGIN + struct.pack("<32s256sI", b"made up", b"", 0)
    packets = []
    for index, (tick, line, _) in enumerate(ticks):
        word ^= 1 << line
        if index + 1 < len(ticks) and ticks[index + 1][0] == tick:
            continue
        said = word ^ 0xFFFF if idle_high else word
        packet = struct.pack("<QHBBH" if new else "<IHBBH", tick, 0, 1, 0, said)
        packets.append(packet.ljust(PACKET, b"\0"))
    file.write_bytes(head + b"".join(packets))
