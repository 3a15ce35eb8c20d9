"""The level and the spread of a channel around each window, from a few samples of each.

An electrode's potential steps and drifts without any artefact, and a drug may raise the amplitude
of the field. Both change over many seconds, an artefact within a few: medians over tens of seconds
follow the former, and hardly the latter.

Method: own. Twenty samples of each window stand for it; their places are uneven, so that no rhythm
falls on all of them at one phase.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: samples that stand for a window (100 bytes per channel and second are held)
_PER_WINDOW = 20
#: the level is the median over so many seconds on either side
_LEVEL_REACH_S = 10.0
#: the spread is that of so many seconds on either side, taken anew every so many seconds
_SPREAD_REACH_S, _SPREAD_STEP_S = 30.0, 10.0
#: standard deviation of a normal distribution / its median absolute deviation
_SD_PER_MAD = 1.482602218505602


class LocalLevels:
    """Gathers samples of every window while a recording is read once.

    Parameters
    ----------
    n_channels : int
    edges : ndarray of int, shape (n_windows + 1,)
        First sample of every window, and the sample past the last.
    window_s : float
        Length of a window.
    """

    def __init__(self, n_channels: int, edges: NDArray[np.int64], window_s: float) -> None:
        number = np.arange(_PER_WINDOW)
        part = (number + number * 0.6180339887 % 1) / _PER_WINDOW
        self._at = (edges[:-1, None] + np.floor(part * np.diff(edges)[:, None])).ravel()
        self._at = self._at.astype(np.int64)
        self._seen = np.full((n_channels, len(self._at)), np.nan, dtype=np.float32)
        self._window_s = window_s

    def look(self, samples: NDArray[np.float32], first: int, past: int) -> None:
        """Take in the samples [first, past), shape (n_channels, at least past - first)."""
        low, high = np.searchsorted(self._at, [first, past])
        self._seen[:, low:high] = samples[:, self._at[low:high] - first]

    def levels(
        self, centre: NDArray[np.float64], sd: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Median and robust standard deviation around each window, shape (n_channels, n_windows).

        `centre` and `sd`, shape (n_channels,), stand for windows of which nothing was seen.
        """
        n_windows = self._seen.shape[1] // _PER_WINDOW
        around = np.repeat(np.asarray(centre, dtype=float)[:, None], n_windows, axis=1)
        spread = np.repeat(np.asarray(sd, dtype=float)[:, None], n_windows, axis=1)
        for index, row in enumerate(self._seen):
            windows = row.reshape(n_windows, _PER_WINDOW)
            held = ~np.isnan(windows).all(axis=1)
            if held.any():
                around[index, held], spread[index, held] = self._of(windows[held])
        return around, spread

    def _of(
        self, windows: NDArray[np.float32]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Level and spread around windows that follow each other (gaps are passed over)."""
        if (missing := np.isnan(windows)).any():
            middle = np.nanmedian(windows, axis=1)
            windows = np.where(missing, middle[:, None], windows)
        else:
            middle = np.median(windows, axis=1)
        number = np.arange(len(windows))
        reach, size = self._span(_LEVEL_REACH_S, len(windows))
        medians = np.median(np.lib.stride_tricks.sliding_window_view(middle, size), axis=1)
        level = medians[np.clip(number - reach, 0, len(medians) - 1)]
        away = np.abs(windows - level[:, None].astype(np.float32))
        reach, size = self._span(_SPREAD_REACH_S, len(windows))
        step = max(1, round(_SPREAD_STEP_S / self._window_s))
        view = np.lib.stride_tricks.sliding_window_view(away, size, axis=0)[::step]
        spreads = np.array([np.median(part) for part in view])
        nearest = np.rint((number - reach) / step).astype(np.int64)
        spread = _SD_PER_MAD * spreads[np.clip(nearest, 0, len(spreads) - 1)]
        return level, spread

    def _span(self, reach_s: float, n_windows: int) -> tuple[int, int]:
        """Windows on either side, and windows in all."""
        reach = max(1, round(reach_s / self._window_s))
        return reach, min(2 * reach + 1, n_windows)
