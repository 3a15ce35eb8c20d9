"""Samples of a channel that hardly change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def flat_samples(row: NDArray[np.float32], run: int, width: np.float32) -> NDArray[np.bool_]:
    """Samples in a stretch of `run` that a channel spends within `width`, shape (n,).

    Parameters
    ----------
    row : ndarray of float32, shape (n,)
        One channel.
    run : int
        Samples of a stretch.
    width : float32
        Largest difference within it.
    """
    # Every such stretch holds one whole block of this grid, so that blocks tell where to look.
    block = (run + 1) // 2
    whole = len(row) - len(row) % block
    starts = np.arange(0, whole, block)
    if len(row) < run or len(starts) == 0:
        return np.zeros(len(row), dtype=bool)
    spread = np.maximum.reduceat(row[:whole], starts) - np.minimum.reduceat(row[:whole], starts)
    if not (spread <= width).any():
        return np.zeros(len(row), dtype=bool)
    low = high = row
    # Sliding extremes by doubling: a window of 2 m is two windows of m.
    span = 1
    while span < run:
        shift = min(span, run - span)
        low = np.minimum(low[:-shift], low[shift:])
        high = np.maximum(high[:-shift], high[shift:])
        span += shift
    return _cover(high - low <= width, run, len(row))


def _cover(starts: NDArray[np.bool_], run: int, n_samples: int) -> NDArray[np.bool_]:
    """Samples covered by stretches of `run` that begin where `starts` is true."""
    counts = np.zeros(n_samples + 1, dtype=np.int64)
    begin = np.flatnonzero(starts)
    np.add.at(counts, begin, 1)
    np.add.at(counts, begin + run, -1)
    return np.cumsum(counts[:-1]) > 0
