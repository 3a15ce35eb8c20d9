"""Where two pulse trains may lie on each other: votes of blocks of pulses, and lags of a line.

A block of 24 neighbouring pulses is so short that drift smears its offsets by about one hundredth
of an interval only, so the offsets ``y - x`` of the right pairs pile up in a narrow window while
those of all other pairs spread. Neighbours need not be neighbours in the other train: missing,
extra and doubled pulses thin the pile, they do not move it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.ingest.clock_match import Line, fit, nearest

BLOCK = 24
BLOCKS = 10
PER_BLOCK = 12
#: most differences that are sorted for the lags of a line
MOST_DIFFERENCES = 400_000


class Seed(NamedTuple):
    """A line that holds within ``centre`` +- ``half`` on x, backed by ``votes`` pulses."""

    votes: int
    line: Line
    centre: float
    half: float


def seeds(x: np.ndarray, y: np.ndarray, *, tolerance_s: float, drift: float) -> list[Seed]:
    """Return local lines on which blocks of x meet y, most votes first.

    Parameters
    ----------
    x, y : numpy.ndarray
        (n,), (m,) sorted times, seconds; x is the train with fewer pulses.
    tolerance_s : float
        Distance at which pulses count as the same.
    drift : float
        Largest difference of the slope from 1.

    Returns
    -------
    list of Seed
        At most ``BLOCKS * PER_BLOCK``.
    """
    size = min(BLOCK, len(x))
    starts = np.unique(np.linspace(0, len(x) - size, BLOCKS).astype(int))
    found: list[Seed] = []
    for start in starts:
        block = x[start : start + size]
        half = (block[-1] - block[0]) / 2
        if half <= 0:
            continue
        width = 2 * (tolerance_s + drift * half)
        offsets = _piles(block, y, width=width, most=PER_BLOCK)
        found += _local_lines(block, y, offsets, width, tolerance_s=tolerance_s, drift=drift)
    return sorted(found, key=lambda seed: -seed.votes)


def _piles(x: np.ndarray, y: np.ndarray, *, width: float, most: int) -> np.ndarray:
    """Return the offsets ``y - x`` around which most differences lie within ``width``."""
    differences = np.sort((y[None, :] - x[:, None]).ravel())
    ends = np.searchsorted(differences, differences + width, side="right")
    counts = ends - np.arange(len(differences))
    # One pile fills many windows: look at enough of them to see `most` piles.
    best = _largest(counts, 40 * most)
    chosen: list[float] = []
    for index in best:
        offset = float(np.median(differences[index : ends[index]]))
        if all(abs(offset - other) > width for other in chosen):
            chosen.append(offset)
            if len(chosen) == most:
                break
    return np.array(chosen)


def _largest(counts: np.ndarray, most: int) -> np.ndarray:
    """Return the places of the largest counts, largest first, the first of equals first."""
    if len(counts) > most:
        least = np.partition(counts, len(counts) - most)[len(counts) - most]
        above, equal = np.flatnonzero(counts > least), np.flatnonzero(counts == least)
        places = np.sort(np.concatenate([above, equal[: most - len(above)]]))
    else:
        places = np.arange(len(counts))
    return places[np.argsort(-counts[places], kind="stable")]


def _local_lines(
    block: np.ndarray,
    y: np.ndarray,
    offsets: np.ndarray,
    width: float,
    *,
    tolerance_s: float,
    drift: float,
) -> list[Seed]:
    """Return per offset the line through two pulses of the block that most others agree with."""
    centre, half = (block[0] + block[-1]) / 2, (block[-1] - block[0]) / 2
    targets = block[None, :] + offsets[:, None]
    partner = nearest(y, targets.ravel()).reshape(targets.shape)
    error = y[partner] - targets
    error = np.where(np.abs(error) <= width, error, np.nan)
    one, two = np.triu_indices(len(block), 1)
    apart = block[two] - block[one]
    wide = apart >= 0.5 * half
    one, two, apart = one[wide], two[wide], apart[wide]
    found = []
    for offset, errors, partners in zip(offsets, error, partner, strict=True):
        tilt = (errors[two] - errors[one]) / apart
        usable = np.abs(tilt) <= drift + 2 * tolerance_s / apart
        if not usable.any():
            continue
        lines = errors[one][usable, None] + tilt[usable, None] * (block - block[one][usable, None])
        agrees = np.abs(errors - lines) <= tolerance_s
        best = int(agrees.sum(axis=1).argmax())
        members = agrees[best]
        if members.sum() >= 3:
            line = fit(block[members], y[partners[members]])
            found.append(Seed(int(members.sum()), line, float(centre), float(half)))
        else:
            found.append(Seed(int(members.sum()), Line(1.0, float(offset)), centre, half))
    return found


def lags(
    mapped: np.ndarray, y: np.ndarray, *, window_s: float, apart_s: float, most: int = 6
) -> list[float]:
    """Return the shifts, other than 0, at which a mapped train meets y most often.

    The slope of a line is right even where its offset is wrong (a regular train grows a line at
    any lag), so all offsets are tried again with that slope, over the whole train.

    Parameters
    ----------
    mapped : numpy.ndarray
        (n,) x on the clock of y, seconds.
    y : numpy.ndarray
        (m,) sorted times, seconds.
    window_s : float
        Distance at which pulses count as the same.
    apart_s : float
        Shifts this small are the line itself.
    most : int
        How many shifts.

    Returns
    -------
    list of float
        Seconds to add to ``mapped``, most coincidences first.
    """
    keep = max(40, MOST_DIFFERENCES // max(1, len(y)))
    if len(mapped) > keep:
        mapped = mapped[np.linspace(0, len(mapped) - 1, keep).astype(int)]
    differences = (y[None, :] - mapped[:, None]).ravel()
    differences = np.sort(differences[np.abs(differences) > apart_s])
    if not len(differences):
        return []
    ends = np.searchsorted(differences, differences + 2 * window_s, side="right")
    counts = ends - np.arange(len(differences))
    order = _largest(counts, 60 * most)
    chosen: list[float] = []
    for index in order:
        shift = float(np.median(differences[index : ends[index]]))
        if abs(shift) > apart_s and all(abs(shift - other) > 2 * window_s for other in chosen):
            chosen.append(shift)
            if len(chosen) == most:
                break
    return chosen
