"""Samples that stay at a rail: found in one pass, although the rail is known at its end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: equal within this part of the rail's value: what float32 keeps of a constant
RAIL_TOLERANCE = 1e-6


class Rails:
    """Windows in which one channel stays at its highest or lowest value of the whole recording.

    What these values are is known at the end only. A window matters only while it holds the most
    extreme value so far, which is rare: for those, the value that `n_samples` successive samples
    all reach is kept, and compared with the extreme at the end. Nothing is read twice.

    Parameters
    ----------
    n_samples : int
        Length of a run that counts.
    edges : ndarray of int, shape (n_windows + 1,)
        First sample of every window, and the sample past the last.
    """

    def __init__(self, n_samples: int, edges: NDArray[np.int64]) -> None:
        self._n, self._edges = n_samples, edges
        self._extreme = {1: -np.inf, -1: -np.inf}
        self._reached: dict[int, list[tuple[int, float]]] = {1: [], -1: []}

    def look(
        self,
        row: NDArray[np.float32],
        first: int,
        past: int,
        window: int,
        extremes: tuple[NDArray[np.float32], NDArray[np.float32]],
    ) -> None:
        """Take in the samples from `first` to `past`; those that follow complete their runs.

        `window` is the place of the first window, `extremes` are the windows' highest and lowest
        values.
        """
        for sign, reached in ((1, extremes[0]), (-1, -extremes[1])):
            self._extreme[sign] = max(self._extreme[sign], float(reached.max()))
            least = self._extreme[sign] - 2 * RAIL_TOLERANCE * abs(self._extreme[sign])
            for here in (window + np.flatnonzero(reached >= least)).tolist():
                start = max(int(self._edges[here]), first)
                stop = min(int(self._edges[here + 1]), past)
                part = sign * row[start - first : stop - first + self._n - 1]
                if len(part) < self._n:
                    continue
                runs = np.lib.stride_tricks.sliding_window_view(part, self._n).min(axis=1)
                self._reached[sign].append((here, float(runs.max())))
                # A run that begins in this window may end in the next one.
                over = runs[max(int(self._edges[here + 1]) - self._n + 1 - start, 0) :]
                if len(over):
                    self._reached[sign].append((here + 1, float(over.max())))

    def windows(self) -> list[int]:
        """Windows with a run at the rail."""
        found = []
        for sign, reached in self._reached.items():
            least = self._extreme[sign] - RAIL_TOLERANCE * abs(self._extreme[sign])
            found += [window for window, value in reached if value >= least]
        return found
