"""Plexon PLX files, version 106: continuous channels in blocks, events, a few spikes between."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.simulate.writers.counts import checked_signals, count_blocks

TICK_HZ = 40_000
#: +-5 V over 16 bits, gain 1 of the channel and 1000 of the preamplifier: 0.1526 uV per bit
BITS, RANGE_MV, GAIN, PREAMP = 16, 5000, 1, 1000
UV_PER_BIT = 1000 * RANGE_MV / (2 ** (BITS - 1) * GAIN * PREAMP)


def write_plexon(
    path: str | Path,
    signals_uv: np.ndarray,
    *,
    rate_hz: int,
    channels: Sequence[str],
    start_tick: int = 0,
    events: Sequence[tuple[float, int, int]] = (),
    block: int = 250,
    gap: tuple[int, int] | None = None,
) -> Path:
    """Write one file.

    Layout: Plexon's ``Plexon.h``: file header of 7504 bytes, headers of 1020 bytes per spike
    channel and 296 per event and continuous channel, then blocks of 16 bytes and their samples.

    Parameters
    ----------
    path : path
        File to write; its folder is made if absent.
    signals_uv : numpy.ndarray
        (time, channel) microvolts, within +-5000.
    rate_hz : int
        Samples per second; divides 40000.
    channels : sequence of str
        (channel,) names; the part before the digits is the kind ("FP01").
    start_tick : int
        Time stamp of the first sample, in ticks of 1/40000 s; may exceed 32 bits.
    events : sequence of (seconds from the first sample, channel, value)
        Channels 1 and 2 are called "Event001" and "Event002", 257 is "Strobed".
    block : int
        Samples per block.
    gap : tuple of int, optional
        (block, ticks): blocks from this one on come later.

    Returns
    -------
    pathlib.Path
        ``path``.

    Raises
    ------
    InputError
        Signals that do not fit names, rate or the converter.
    """
    signals = checked_signals(signals_uv, channels, rate_hz)
    counts = np.vstack([c for _, c in count_blocks(signals, channels, uv_per_bit=UV_PER_BIT)])
    names = {1: "Event001", 2: "Event002", 257: "Strobed", 258: "Start", 259: "Stop"}
    head = struct.pack("<Ii128s", 0x58454C50, 106, b"made up")
    head += struct.pack("<4i", TICK_HZ, 1, len(names), len(channels))
    head += struct.pack("<10i", 32, 8, 2024, 6, 12, 9, 0, 0, 0, TICK_HZ)
    head += struct.pack("<dBBBBHHH", float(len(signals)), 1, 1, 12, BITS, 3000, RANGE_MV, 1000)
    head = head.ljust(256, b"\0").ljust(7504, b"\0")
    head += b"sig001".ljust(64, b"\0") + struct.pack("<6i", 1, 10, 1, 0, 32, 0)
    head = head.ljust(7504 + 1020, b"\0")
    for number, name in names.items():
        head += (name.encode().ljust(32, b"\0") + struct.pack("<i", number)).ljust(296, b"\0")
    for number, name in enumerate(channels):
        entry = name.encode().ljust(32, b"\0")
        entry += struct.pack("<6i", number, rate_hz, GAIN, 1, PREAMP, 0)
        head += entry.ljust(296, b"\0")
    blocks = [(start_tick, 4, 258, 0, b"")]
    per_sample = TICK_HZ // rate_hz
    for index, first in enumerate(range(0, len(counts), block)):
        late = gap[1] if gap and index >= gap[0] else 0
        tick = start_tick + first * per_sample + late
        for number in range(len(channels)):
            samples = counts[first : first + block, number].astype("<i2").tobytes()
            blocks.append((tick, 5, number, 0, samples))
        # a spike of unit 1, which a reader of continuous channels must step over
        blocks.append((tick + 3, 1, 1, 1, np.arange(32, dtype="<i2").tobytes()))
    for seconds, channel, value in events:
        blocks.append((start_tick + round(seconds * TICK_HZ), 4, channel, value, b""))
    blocks.sort(key=lambda item: item[0])
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        out.write(head)
        for tick, kind, channel, unit, data in blocks:
            words = len(data) // 2
            upper, low = tick >> 32, tick & 0xFFFFFFFF
            out.write(
                struct.pack("<HHIHHHH", kind, upper, low, channel, unit, bool(words), words) + data
            )
    return path
