"""Microvolts to the integer counts of an analog-to-digital converter, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pipeline.errors import InputError

#: samples (of all channels together) that are converted at once: 8 MB of float32
BLOCK_VALUES = 2_000_000


def checked_signals(signals_uv: np.ndarray, channels: Sequence[str], rate_hz: float) -> np.ndarray:
    """Return the signals as an array once shape, names and rate make sense.

    Parameters
    ----------
    signals_uv : numpy.ndarray
        (time, channel) microvolts.
    channels : sequence of str
        (channel,) names.
    rate_hz : float
        Samples per second.

    Raises
    ------
    InputError
        Wrong number of dimensions or channels, repeated names, or a rate that is not positive.
    """
    signals = np.asarray(signals_uv)
    if signals.ndim != 2 or signals.shape[0] == 0:
        raise InputError(
            f"signals: found shape {signals.shape}; expected (time, channel), not empty"
        )
    if signals.shape[1] != len(channels):
        raise InputError(f"signals: found {signals.shape[1]} channels for {len(channels)} names")
    if len(set(channels)) != len(channels):
        raise InputError(f"channels: found {list(channels)}; expected each name once")
    if not rate_hz > 0:
        raise InputError(f"rate_hz: found {rate_hz}; expected a positive number")
    return signals


def count_blocks(
    signals_uv: np.ndarray, channels: Sequence[str], *, uv_per_bit: float, bits: int = 16
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (first sample, int16 counts of a block), rounding each sample to the nearest bit.

    Parameters
    ----------
    signals_uv : numpy.ndarray
        (time, channel) microvolts.
    channels : sequence of str
        (channel,) names, for the message.
    uv_per_bit : float
        Microvolts per count.
    bits : int
        Resolution of the converter, at most 16.

    Raises
    ------
    InputError
        A sample that is not finite or that the converter cannot hold: a real amplifier would clip
        it, and a clipped test signal would no longer be the truth.
    """
    highest = 2 ** (bits - 1) - 1
    step = max(1, BLOCK_VALUES // max(1, signals_uv.shape[1]))
    for start in range(0, signals_uv.shape[0], step):
        block = np.asarray(signals_uv[start : start + step], dtype=np.float32) / np.float32(
            uv_per_bit
        )
        np.rint(block, out=block)
        # a NaN fails both comparisons
        if not (block.max() <= highest and block.min() >= -highest - 1):
            sample, channel = np.argwhere(~((block <= highest) & (block >= -highest - 1)))[0]
            raise InputError(
                f"channel {channels[channel]}, sample {start + sample}: found "
                f"{signals_uv[start + sample, channel]:g} uV; expected a finite value within "
                f"{(-highest - 1) * uv_per_bit:g} to {highest * uv_per_bit:g} uV, which is what "
                f"{bits} bits of {uv_per_bit:g} uV hold"
            )
        yield start, block.astype(np.int16)


def write_counts(
    path: Path,
    signals_uv: np.ndarray,
    channels: Sequence[str],
    *,
    uv_per_bit: float,
    bits: int = 16,
    extra: np.ndarray | None = None,
) -> None:
    """Write interleaved little-endian int16 counts, with further columns after the channels.

    ``extra`` is (time, column), 16 bits wide whatever their sign.
    """
    with path.open("wb") as file:
        for first, counts in count_blocks(signals_uv, channels, uv_per_bit=uv_per_bit, bits=bits):
            if extra is not None:
                more = extra[first : first + len(counts)].astype("<u2").view("<i2")
                counts = np.hstack([counts, more])
            file.write(np.ascontiguousarray(counts, dtype="<i2").data)
