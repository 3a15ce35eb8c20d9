"""TTL lines of made-up rigs: pulses to digital words and to lists of edges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.errors import InputError

#: (line, first sample that is high, first sample that is low again or None)
Pulse = tuple[int, int, int | None]


def digital_words(pulses: Sequence[Pulse], *, samples: int, bits: int = 16) -> np.ndarray:
    """Return the digital word of each sample.

    Parameters
    ----------
    pulses : sequence of (line, on, off)
        Lines are bits; ``off`` None stays high until the end.
    samples : int
        Length.
    bits : int
        Width of the word.

    Returns
    -------
    numpy.ndarray
        (samples,) uint64.

    Raises
    ------
    InputError
        A line that the word cannot hold, or a pulse outside the recording.
    """
    words = np.zeros(samples, dtype=np.uint64)
    for line, on, off in pulses:
        _check(line, on, off, samples, range(bits))
        words[on : samples if off is None else off] |= np.uint64(1 << line)
    return words


def edges(pulses: Sequence[Pulse], *, samples: int, lines: range) -> list[tuple[int, int, bool]]:
    """Return (sample, line, rising) of each edge, in order of time.

    A line that is high at sample 0 has no rising edge, as rigs write none.
    """
    found = []
    for line, on, off in pulses:
        _check(line, on, off, samples, lines)
        if on > 0:
            found.append((on, line, True))
        if off is not None and off < samples:
            found.append((off, line, False))
    return sorted(found)


def _check(line: int, on: int, off: int | None, samples: int, lines: range) -> None:
    if line not in lines:
        raise InputError(f"line {line}: expected {lines.start} to {lines.stop - 1}")
    if not 0 <= on < (samples if off is None else off) <= samples:
        raise InputError(f"line {line}: found a pulse from {on} to {off} in {samples} samples")
