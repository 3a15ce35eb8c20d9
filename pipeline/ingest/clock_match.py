"""Two pulse trains on one line: one-to-one matching, straight lines, growing a line from a seed.

All trains are sorted, in seconds; windows are in seconds.
"""

from __future__ import annotations

from typing import NamedTuple, overload

import numpy as np

#: fewest pairs from which a line is grown further
FEWEST_PAIRS = 4


class Line(NamedTuple):
    """A map ``y = slope * x + intercept`` (seconds)."""

    slope: float
    intercept: float

    @overload
    def __call__(self, x: np.ndarray) -> np.ndarray: ...
    @overload
    def __call__(self, x: float) -> float: ...
    def __call__(self, x: np.ndarray | float) -> np.ndarray | float:
        """Map times."""
        return self.slope * x + self.intercept

    def inverse(self) -> Line:
        """Return the map from y to x."""
        return Line(1 / self.slope, -self.intercept / self.slope)


def nearest(sorted_times: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the index of the nearest of ``sorted_times`` (not empty) to each of ``times``."""
    right = np.clip(np.searchsorted(sorted_times, times), 1, max(1, len(sorted_times) - 1))
    right = np.minimum(right, len(sorted_times) - 1)
    left = np.maximum(right - 1, 0)
    closer = np.abs(times - sorted_times[left]) <= np.abs(sorted_times[right] - times)
    return np.where(closer, left, right)


def pairs(
    x: np.ndarray, y: np.ndarray, line: Line, window_s: float
) -> tuple[np.ndarray, np.ndarray]:
    """Match pulses one to one, in order.

    The nearest pulse of a sorted train never decreases along the other sorted train; keeping the
    closest where several claim one therefore leaves a strictly increasing one-to-one matching.

    Parameters
    ----------
    x, y : numpy.ndarray
        (n,), (m,) sorted times, seconds.
    line : Line
        Map from x to y.
    window_s : float
        Largest distance of a pair, on y.

    Returns
    -------
    ix, iy : numpy.ndarray
        (k,) indices of the pairs, both increasing.
    """
    if not len(x) or not len(y):
        empty = np.empty(0, dtype=np.intp)
        return empty, empty
    mapped = line(x)
    partner = nearest(y, mapped)
    distance = np.abs(y[partner] - mapped)
    ix = np.flatnonzero(distance <= window_s)
    order = ix[np.lexsort((distance[ix], partner[ix]))]
    _, first = np.unique(partner[order], return_index=True)
    ix = order[first]
    return ix, partner[ix]


def fit(x: np.ndarray, y: np.ndarray) -> Line:
    """Return the least-squares line through at least two points of different x."""
    mean_x, mean_y = x.mean(), y.mean()
    centred = x - mean_x
    slope = float(centred @ (y - mean_y) / (centred @ centred))
    return Line(slope, float(mean_y - slope * mean_x))


def standard_error(x: np.ndarray, y: np.ndarray, line: Line, at: np.ndarray) -> np.ndarray:
    """Return the standard error of the fitted line at the times ``at`` (s).

    Textbook simple regression: ``s sqrt(1/k + (t - mean)^2 / Sxx)``, with s from k - 2 degrees of
    freedom.
    """
    centred = x - x.mean()
    residual = y - line(x)
    scatter = np.sqrt(residual @ residual / max(1, len(x) - 2))
    return scatter * np.sqrt(1 / len(x) + (at - x.mean()) ** 2 / (centred @ centred))


def refine(x: np.ndarray, y: np.ndarray, line: Line, windows_s: tuple[float, ...]) -> Line:
    """Match and fit again within each window in turn; the line as it was where pairs are few."""
    for window in windows_s:
        ix, iy = pairs(x, y, line, window)
        if len(ix) < FEWEST_PAIRS or x[ix[-1]] <= x[ix[0]]:
            return line
        line = fit(x[ix], y[iy])
    return line


def grow(
    x: np.ndarray, y: np.ndarray, line: Line, *, centre: float, half: float, tolerance_s: float
) -> Line:
    """Grow a line that holds near ``centre`` to the whole train.

    A line fitted to few seconds errs by many milliseconds an hour later. Each round matches within
    the range that the last fit still predicts well, fits, and widens the range by 1.6.

    Parameters
    ----------
    x, y : numpy.ndarray
        (n,), (m,) sorted times, seconds.
    line : Line
        Holds within ``centre`` +- ``half`` (seconds on x).
    centre, half : float
        See above.
    tolerance_s : float
        Distance at which pulses count as the same.

    Returns
    -------
    Line
        Fitted to all pairs that it reached.
    """
    windows = (3 * tolerance_s, 2 * tolerance_s)
    while True:
        start, stop = np.searchsorted(x, [centre - half, centre + half])
        line = refine(x[start:stop], y, line, windows)
        if start == 0 and stop == len(x):
            return refine(x, y, line, (2 * tolerance_s, tolerance_s, tolerance_s))
        half = max(1.6 * half, 1e-3)
