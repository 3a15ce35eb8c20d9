"""The one map between two pulse trains without restarts, or why there is none that can be trusted.

A map is accepted when it explains most of a stretch, could not have come about by chance, and has
no rival: another offset that explains the same pulses nearly as well.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.ingest.clock_match import Line, grow, nearest, pairs, refine, standard_error
from pipeline.ingest.clock_seeds import lags, seeds

#: fewest matched pulses of a map
FEWEST = 8
#: fewest matched pulses among those that could be matched, on the side with fewer pulses
SMALLEST_SHARE = 0.35
#: most matches of the second-best offset, as a share of the best one's
LARGEST_RIVAL = 0.6
#: most maps as good that chance alone is expected to give
MOST_BY_CHANCE = 1e-6
#: most pulses between one and three tolerances away, as a share of the matched ones
MOST_NEAR_MISSES = 0.15
#: how many seeds are grown
GROWN = 10


@dataclass(frozen=True)
class Rules:
    """What counts as the same pulse, as the same clock, and what is known beforehand.

    Attributes
    ----------
    tolerance_s : float
        Largest distance of two matched pulses.
    drift : float
        Largest difference of the slope from 1.
    pins : numpy.ndarray
        (k, 2) times on x and y of barcodes with the same number; empty without barcodes.
    pin_runs : numpy.ndarray
        (k, 2) runs of the clocks (see :mod:`.clock_pieces`) in which these times count.
    """

    tolerance_s: float
    drift: float
    pins: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    pin_runs: np.ndarray = field(default_factory=lambda: np.empty((0, 2), dtype=int))

    def within(self, run_x: int, run_y: int) -> Rules:
        """Return the rules with the barcodes of one run on each side."""
        here = (self.pin_runs == (run_x, run_y)).all(axis=1)
        return replace(self, pins=self.pins[here], pin_runs=self.pin_runs[here])

    def pinned(self, line: Line, start: float, stop: float) -> tuple[int, int]:
        """Return how many barcodes between two times (s on x) a line meets, of how many."""
        inside = (self.pins[:, 0] >= start) & (self.pins[:, 0] <= stop)
        away = np.abs(line(self.pins[inside, 0]) - self.pins[inside, 1])
        return int((away <= 2 * self.tolerance_s).sum()), int(inside.sum())


@dataclass(frozen=True)
class Found:
    """A trusted map over a stretch of x.

    Attributes
    ----------
    line : Line
        From x to y.
    ix, iy : numpy.ndarray
        (k,) matched pulses of the stretch.
    first, last : int
        The stretch: pulses of x from ``first`` up to and with ``last``.
    share : float
        Matched share of the pulses of x in the stretch that y could hold.
    chance : float
        Share that another offset would match.
    """

    line: Line
    ix: np.ndarray
    iy: np.ndarray
    first: int
    last: int
    share: float
    chance: float


@dataclass(frozen=True)
class Failure:
    """Why no map is trusted.

    Attributes
    ----------
    kind : {"few", "unlike", "ambiguous", "loose", "barcodes"}
        The reason.
    best, rival : tuple or None
        (line, matched pulses) of the best two candidates, where there are such.
    numbers : dict of str to float
        What the message needs.
    """

    kind: str
    best: tuple[Line, int] | None = None
    rival: tuple[Line, int] | None = None
    numbers: dict[str, float] = field(default_factory=dict)


def search(x: np.ndarray, y: np.ndarray, rules: Rules) -> Found | Failure:
    """Find the map from x to y.

    Parameters
    ----------
    x, y : numpy.ndarray
        (n,), (m,) sorted times, seconds, no two closer than the tolerance; n <= m is faster.
    rules : Rules
        See there.

    Returns
    -------
    Found or Failure
        The map with the stretch of x that it explains, or the reason.
    """
    if min(len(x), len(y)) < FEWEST:
        return Failure("few", numbers={"x": len(x), "y": len(y)})
    candidates = _grown(x, y, rules)
    candidates = [c for c in candidates if abs(c.slope - 1) <= 1.2 * rules.drift + 1e-5]
    if not candidates:
        return Failure("unlike")
    line = _most(x, y, candidates, rules)
    stretch = _stretch(x, y, line, rules)
    for _ in range(3):  # another offset at the same slope may be better still
        first, last = stretch
        shifts = _shifted(x[first : last + 1], y, line, rules.tolerance_s, rules)
        better = _most(x[first : last + 1], y, [line, *(other for other, _ in shifts)], rules)
        if better == line:
            break
        line = better
        stretch = _stretch(x, y, line, rules)
    return _judged(x, y, line, stretch, candidates, rules)


def _grown(x: np.ndarray, y: np.ndarray, rules: Rules) -> list[Line]:
    """Grow the best seeds; seeds that lie on a grown line are passed over."""
    tolerance = rules.tolerance_s
    lines: list[Line] = _from_pins(x, y, rules)
    tried = len(lines)
    for seed in seeds(x, y, tolerance_s=tolerance, drift=1.2 * rules.drift):
        if tried >= GROWN or seed.votes < FEWEST_VOTES:
            break
        at = seed.line(seed.centre)
        if any(abs(at - line(seed.centre)) <= 3 * tolerance for line in lines):
            continue
        tried += 1
        lines.append(
            grow(x, y, seed.line, centre=seed.centre, half=seed.half, tolerance_s=tolerance)
        )
    return lines


#: fewest pulses of a block that agree on a line worth growing
FEWEST_VOTES = 4


def _from_pins(x: np.ndarray, y: np.ndarray, rules: Rules) -> list[Line]:
    """Grow lines through neighbouring barcodes."""
    pins = rules.pins[(rules.pins[:, 0] >= x[0] - 60) & (rules.pins[:, 0] <= x[-1] + 60)]
    lines: list[Line] = []
    for (x_one, y_one), (x_two, y_two) in itertools.pairwise(pins):
        if x_two <= x_one or len(lines) >= GROWN // 2:
            continue
        slope = (y_two - y_one) / (x_two - x_one)
        if abs(slope - 1) > rules.drift + 2 * rules.tolerance_s / (x_two - x_one):
            continue
        line = Line(slope, y_one - slope * x_one)
        centre, half = (x_one + x_two) / 2, (x_two - x_one) / 2
        if all(abs(line(centre) - o(centre)) > 3 * rules.tolerance_s for o in lines):
            tolerance = rules.tolerance_s
            lines.append(grow(x, y, line, centre=centre, half=half, tolerance_s=tolerance))
    return lines


def _count(x: np.ndarray, y: np.ndarray, line: Line, window_s: float) -> int:
    return len(pairs(x, y, line, window_s)[0])


def _most(x: np.ndarray, y: np.ndarray, lines: list[Line], rules: Rules) -> Line:
    """Return the line with most barcodes, then most matched pulses; the first of equals."""
    return max(
        lines,
        key=lambda line: (
            rules.pinned(line, x[0], x[-1])[0],
            _count(x, y, line, rules.tolerance_s),
        ),
    )


def _possible(x: np.ndarray, y: np.ndarray, line: Line, tolerance_s: float) -> np.ndarray:
    """Return (n,) which pulses of x fall into the time that y covers."""
    mapped = line(x)
    return (mapped >= y[0] - tolerance_s) & (mapped <= y[-1] + tolerance_s)


def evidence(
    x: np.ndarray, y: np.ndarray, line: Line, tolerance_s: float, share: float, chance: float
) -> np.ndarray:
    """Return (n,) the log likelihood ratio of each pulse of x: the line holds, or it does not.

    A pulse outside the time that y covers says nothing.
    """
    share, chance = float(np.clip(share, 0.4, 0.95)), float(np.clip(chance, 0.005, 0.3))
    weight = np.full(len(x), np.log((1 - share) / (1 - chance)))
    weight[pairs(x, y, line, tolerance_s)[0]] = np.log(share / chance)
    return np.where(_possible(x, y, line, tolerance_s), weight, 0.0)


def chance_share(y: np.ndarray, tolerance_s: float) -> float:
    """Return the share of pulses that meet y by chance, were y irregular."""
    span = max(float(y[-1] - y[0]), 2 * tolerance_s)
    return float(1 - np.exp(-2 * tolerance_s * len(y) / span))


def _stretch(x: np.ndarray, y: np.ndarray, line: Line, rules: Rules) -> tuple[int, int]:
    """Return the first and last pulse of the stretch of x with most evidence for the line."""
    matched = _count(x, y, line, rules.tolerance_s)
    possible = max(1, int(_possible(x, y, line, rules.tolerance_s).sum()))
    weight = evidence(
        x, y, line, rules.tolerance_s, matched / possible, chance_share(y, rules.tolerance_s)
    )
    total = np.concatenate([[0.0], np.cumsum(weight)])
    lowest = np.minimum.accumulate(total)
    stop = int(np.argmax(total - lowest))
    start = int(np.argmin(total[: stop + 1]))
    # Pulses without weight at the ends belong to no stretch.
    inside = np.flatnonzero(weight[start:stop] > 0)
    if not len(inside):
        return 0, len(x) - 1
    return start + int(inside[0]), start + int(inside[-1])


def _shifted(
    x: np.ndarray, y: np.ndarray, line: Line, window_s: float, rules: Rules
) -> list[tuple[Line, int]]:
    """Return the rivals of a line at other offsets, each moved to its best place, with counts."""
    rivals = []
    for shift in lags(line(x), y, window_s=window_s, apart_s=2 * window_s):
        rival = refine(x, y, Line(line.slope, line.intercept + shift), (2 * window_s, window_s))
        if abs(rival.slope - 1) > 1.2 * rules.drift + 1e-5:
            rival = Line(line.slope, line.intercept + shift)
        rivals.append((rival, _count(x, y, rival, window_s)))
    return rivals


def _judged(
    x: np.ndarray,
    y: np.ndarray,
    line: Line,
    stretch: tuple[int, int],
    candidates: list[Line],
    rules: Rules,
) -> Found | Failure:
    """Fit within the stretch, and accept or refuse."""
    first, last = stretch
    part, tolerance = x[first : last + 1], rules.tolerance_s
    line = refine(part, y, line, (tolerance, tolerance))
    ix, iy = pairs(part, y, line, tolerance)
    best = (line, len(ix))
    if len(ix) < FEWEST:
        return Failure("unlike", best=best)
    centre = (part[0] + part[-1]) / 2
    # The scatter of the right pairs is often far below the tolerance; wrong ones fill it evenly.
    # Counting within the scatter of the best candidate tells nearly regular trains apart.
    spread = 1.4826 * float(np.median(np.abs(y[iy] - line(part[ix]))))
    window = float(np.clip(4 * spread, 0.1 * tolerance, tolerance))
    counted = _count(part, y, line, window)
    rivals = _shifted(part, y, line, window, rules)
    others = [c for c in candidates if abs(c(centre) - line(centre)) > 2 * tolerance]
    rivals += [(other, _count(part, y, other, window)) for other in others]
    held, of = rules.pinned(line, part[0], part[-1])
    if of and held < 0.8 * of:
        return Failure("barcodes", best=best, numbers={"held": held, "of": of})
    if held >= 2:  # barcodes exclude every rival that misses them
        rivals = [r for r in rivals if rules.pinned(r[0], part[0], part[-1])[0] >= 0.5 * held]
    rivals = [r for r in rivals if abs(r[0](centre) - line(centre)) > 2 * window]
    rival = max(rivals, key=lambda entry: entry[1], default=None)
    possible = int(_possible(part, y, line, tolerance).sum())
    chance = max(rival[1] / possible if rival else 0.0, chance_share(y, tolerance))
    if held < 2 and _by_chance(x, y, part, len(ix), possible, rules) > MOST_BY_CHANCE:
        return Failure("unlike", best=best, rival=rival)
    if rival and not _clear(counted, rival[1]):
        return Failure("ambiguous", best=(line, counted), rival=rival)
    share = len(ix) / possible
    if share < SMALLEST_SHARE:
        return Failure("unlike", best=best, rival=rival)
    near = _near_misses(part, y, line, tolerance)
    if near > max(2.0, MOST_NEAR_MISSES * len(ix)):
        return Failure("loose", best=best, numbers={"near": round(near)})
    return Found(line, ix + first, iy, first, last, share, chance)


def _clear(best: int, rival: int) -> bool:
    """Return whether the best offset stands out: in share, and beyond the noise of counts."""
    return rival <= LARGEST_RIVAL * best and best - rival >= max(4.0, 2 * np.sqrt(best))


def _by_chance(
    x: np.ndarray, y: np.ndarray, part: np.ndarray, matched: int, possible: int, rules: Rules
) -> float:
    """Return how many maps this good chance is expected to give in irregular trains.

    The binomial tail of the matched pulses, times the offsets, slopes and stretches that were free.
    """
    from scipy.special import bdtrc

    tolerance = rules.tolerance_s
    # The part of y that the stretch covers may be denser than the whole.
    density = max(chance_share(y, tolerance), 1e-6)
    offsets = (y[-1] - y[0] + x[-1] - x[0]) / tolerance
    slopes = 1 + 2 * rules.drift * (part[-1] - part[0]) / tolerance
    stretches = 1 + len(x) ** 2 / 2
    return float(bdtrc(matched - 1, possible, density) * offsets * slopes * stretches)


def _near_misses(x: np.ndarray, y: np.ndarray, line: Line, tolerance_s: float) -> float:
    """Return the pulses one to three tolerances from their nearest, beyond those by chance."""
    mapped = line(x)
    away = np.abs(y[nearest(y, mapped)] - mapped)
    near = int(((away > tolerance_s) & (away <= 3 * tolerance_s)).sum())
    free = int((away > tolerance_s).sum())
    return near - free * chance_share(y, 2 * tolerance_s)


def error_at(x: np.ndarray, y: np.ndarray, found: Found, at: np.ndarray) -> np.ndarray:
    """Return the standard error (s) of a found map at the times ``at`` on x."""
    return standard_error(x[found.ix], y[found.iy], found.line, at)
