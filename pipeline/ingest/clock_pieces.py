"""Clock restarts: several maps, one after the other, each trusted by itself.

A clock that goes back cuts its train there. A jump forward shows only in the other train: one map
explains the pulses up to it and none after it, so the rest before and after is searched again.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from pipeline.ingest.clock_match import fit, pairs
from pipeline.ingest.clock_search import Failure, Found, Rules, evidence, search

#: the jump lies somewhere among the splits this likely, against the likeliest (natural logarithm)
SPLIT_DOUBT = float(np.log(1e4))
#: unmatched pulses on both sides are no accident when chance leaves so many with this probability
NO_ACCIDENT = 1e-3
#: fewer unmatched pulses than this are no reason to refuse a session: their times are NaN
FEWEST_UNEXPLAINED = 5


@dataclass(frozen=True)
class Train:
    """Pulses in the order they were written, cut into runs of growing times.

    Attributes
    ----------
    times : numpy.ndarray
        (n,) seconds.
    run : numpy.ndarray
        (n,) number of the run, from 0.
    """

    times: np.ndarray
    run: np.ndarray

    def parts(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Return (start, stop) of each run within a range of pulses."""
        if start >= stop:
            return []
        cuts = start + 1 + np.flatnonzero(np.diff(self.run[start:stop]))
        edges = [start, *cuts.tolist(), stop]
        return list(itertools.pairwise(edges))


@dataclass(frozen=True)
class Gap:
    """Pulses that no map explains: ranges on x and y, and why the search failed there."""

    x: tuple[int, int]
    y: tuple[int, int]
    failure: Failure | None


def search_all(x: Train, y: Train, rules: Rules) -> tuple[list[Found], list[Gap]]:
    """Find the maps from x to y, in order.

    Parameters
    ----------
    x, y : Train
        x has fewer pulses.
    rules : Rules
        See there.

    Returns
    -------
    pieces : list of Found
        In order on both sides; indices count in the whole trains.
    gaps : list of Gap
        What lies before, between and after them.
    """
    pieces, gaps = _region(x, y, (0, len(x.times)), (0, len(y.times)), rules)
    return _joined(x, y, pieces, gaps, rules)


def _region(
    x: Train, y: Train, on_x: tuple[int, int], on_y: tuple[int, int], rules: Rules
) -> tuple[list[Found], list[Gap]]:
    best: Found | None = None
    failure: Failure | None = None
    for x_start, x_stop in x.parts(*on_x):
        for y_start, y_stop in y.parts(*on_y):
            here = rules.within(int(x.run[x_start]), int(y.run[y_start]))
            result = search(x.times[x_start:x_stop], y.times[y_start:y_stop], here)
            if isinstance(result, Failure):
                failure = _telling(failure, result)
            elif best is None or len(result.ix) > len(best.ix):
                best = replace(
                    result,
                    ix=result.ix + x_start,
                    iy=result.iy + y_start,
                    first=result.first + x_start,
                    last=result.last + x_start,
                )
    if best is None:
        return [], [Gap(on_x, on_y, failure)]
    before = (on_x[0], best.first), (on_y[0], int(best.iy[0]))
    after = (best.last + 1, on_x[1]), (int(best.iy[-1]) + 1, on_y[1])
    early, early_gaps = _region(x, y, *before, rules)
    late, late_gaps = _region(x, y, *after, rules)
    return [*early, best, *late], [*early_gaps, *late_gaps]


def _telling(one: Failure | None, two: Failure) -> Failure:
    """Return the failure that says more: the one nearer to a map."""
    order = ("few", "unlike", "loose", "barcodes", "ambiguous")
    if one is None or order.index(two.kind) > order.index(one.kind):
        return two
    return one


def _joined(
    x: Train, y: Train, pieces: list[Found], gaps: list[Gap], rules: Rules
) -> tuple[list[Found], list[Gap]]:
    """Join neighbours that are one map with a stretch of lost pulses between."""
    joined: list[Found] = pieces[:1]
    kept = list(gaps)
    for piece in pieces[1:]:
        one = _as_one(x, y, joined[-1], piece, rules)
        if one is None:
            joined.append(piece)
            continue
        kept = [g for g in kept if not (joined[-1].last < g.x[0] and g.x[1] <= piece.first)]
        joined[-1] = one
    return joined, kept


def _as_one(x: Train, y: Train, a: Found, b: Found, rules: Rules) -> Found | None:
    same = x.run[a.last] == x.run[b.first] and y.run[a.iy[-1]] == y.run[b.iy[0]]
    ends = np.array([x.times[a.last], x.times[b.first]])
    if not same or np.abs(a.line(ends) - b.line(ends)).max() > 3 * rules.tolerance_s:
        return None
    ix, iy = np.concatenate([a.ix, b.ix]), np.concatenate([a.iy, b.iy])
    line = fit(x.times[ix], y.times[iy])
    kx, ky = pairs(
        x.times[a.first : b.last + 1], y.times[a.iy[0] : b.iy[-1] + 1], line, rules.tolerance_s
    )
    if len(kx) < 0.97 * len(ix):
        return None
    share = len(kx) / (b.last + 1 - a.first)
    return Found(
        line, kx + a.first, ky + int(a.iy[0]), a.first, b.last, share, max(a.chance, b.chance)
    )


def suspicious(gap: Gap, pieces: list[Found]) -> bool:
    """Return whether a gap must hide another clock: many pulses on both sides, none of them met."""
    on_x, on_y = gap.x[1] - gap.x[0], gap.y[1] - gap.y[0]
    share = min(piece.share for piece in pieces)
    # x is the sparser train as a whole, not everywhere: the smaller count is what could match.
    fewer = min(on_x, on_y)
    return fewer >= FEWEST_UNEXPLAINED and (1 - share) ** fewer < NO_ACCIDENT


def split(x: Train, y: Train, a: Found, b: Found, rules: Rules) -> tuple[float, float]:
    """Return until when on x the first of two maps holds, and from when the second.

    Chance matches just after a jump look like the first map going on. All splits whose likelihood
    is within 1 : 10,000 of the best stay possible; between the outermost of them neither holds.

    Parameters
    ----------
    x, y : Train
        The trains.
    a, b : Found
        Neighbouring maps, in order.
    rules : Rules
        See there.

    Returns
    -------
    until, from : float
        Seconds on x.
    """
    if x.run[a.last] != x.run[b.first]:  # the clock went back there: the place is known
        cut = int(np.flatnonzero(x.run == x.run[a.last])[-1])
        start = int(np.flatnonzero(x.run == x.run[b.first])[0])
        return float(x.times[cut]), float(x.times[start])
    start, stop = a.first, b.last + 1
    times = x.times[start:stop]
    sides = []
    for piece in (a, b):
        run = y.run == y.run[piece.iy[0]]
        sides.append(
            evidence(times, y.times[run], piece.line, rules.tolerance_s, piece.share, piece.chance)
        )
    before = np.concatenate([[0.0], np.cumsum(sides[0])])
    after = np.concatenate([[0.0], np.cumsum(sides[1][::-1])])[::-1]
    total = before + after
    likely = np.flatnonzero(total >= total.max() - SPLIT_DOUBT)
    low = int(np.clip(likely[0], 1, len(times) - 1))
    high = int(np.clip(likely[-1], low, len(times) - 1))
    return float(times[low - 1]), float(times[high])
