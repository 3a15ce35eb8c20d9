"""What a search of clocks comes to: the alignment, or a refusal in words."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pipeline.errors import InputError
from pipeline.ingest.clock import Alignment, Piece
from pipeline.ingest.clock_match import Line, pairs
from pipeline.ingest.clock_pieces import Gap, Train, split
from pipeline.ingest.clock_search import FEWEST, Found, Rules, error_at

#: the tolerance covers so many standard errors of the map
STANDARD_ERRORS = 4.0
#: two offsets within so many tolerances are one that coarse steps blur: pulses are farther apart
BLURRED = 10


def check_options(tolerance_ms: float, max_drift_ppm: float) -> None:
    """Refuse tolerances and drifts that make no sense."""
    if not 0 < tolerance_ms <= 1000:
        raise InputError(f"tolerance_ms: found {tolerance_ms:g}; expected above 0, up to 1000")
    if not 0 <= max_drift_ppm <= 5000:
        raise InputError(f"max_drift_ppm: found {max_drift_ppm:g}; expected 0 to 5000")


@dataclass(frozen=True)
class Case:
    """One alignment: the trains as searched, and the names for messages.

    Attributes
    ----------
    labels : tuple of str
        Log and recording.
    x, y : Train
        The side with fewer pulses, and the other.
    swapped : bool
        Whether x is the recording.
    rules : Rules
        As searched with.
    counts : tuple of int
        Pulses of log and recording as given.
    """

    labels: tuple[str, str]
    x: Train
    y: Train
    swapped: bool
    rules: Rules
    counts: tuple[int, int]

    @property
    def behaviour(self) -> Train:
        """The log's pulses."""
        return self.y if self.swapped else self.x

    @property
    def recording(self) -> Train:
        """The recording's pulses."""
        return self.x if self.swapped else self.y

    def _found(self) -> str:
        return (
            f"{self.labels[0]} ({self.counts[0]} pulses) and {self.labels[1]} "
            f"({self.counts[1]} pulses): found "
        )

    def _place(self, candidate: tuple[Line, int]) -> str:
        """Say an offset: recording minus log, at the log's first pulse."""
        line = candidate[0].inverse() if self.swapped else candidate[0]
        at = float(self.behaviour.times[0])
        return f"offset {line(at) - at:.4f} s with {candidate[1]} pulses matched"

    def _why_ambiguous(self, candidates: list[tuple[Line, int]]) -> str:
        """Say why two offsets fit: steps of the log blur one, regular pulses fit at every shift."""
        at = float(self.x.times.mean())
        apart = abs(candidates[0][0](at) - candidates[-1][0](at))
        if 0 < apart <= BLURRED * self.rules.tolerance_s:
            return (
                f"They are only {apart * 1000:.1f} ms apart: the log writes its pulses in coarse "
                "steps or late. Raise sync.tolerance_ms only if such errors do no harm (steps of "
                "10 ms need 6)"
            )
        return "Regular pulses fit at every shift: send pulses at irregular intervals, or barcodes"

    def refusal(self, gap: Gap) -> str:
        """Say why there is no map at all."""
        failure, tolerance = gap.failure, self.rules.tolerance_s * 1000
        kind = failure.kind if failure else "unlike"
        numbers = failure.numbers if failure else {}
        candidates = [c for c in (failure.best, failure.rival) if c] if failure else []
        if kind == "ambiguous":
            return (
                f"{self._found()}two ways to match that fit nearly as well: "
                f"{' and '.join(map(self._place, candidates))}; expected one that stands out. "
                f"{self._why_ambiguous(candidates)}"
            )
        if kind == "loose":
            return (
                f"{self._found()}{candidates[0][1]} pulses that match within {tolerance:g} ms, "
                f"but {numbers['near']:.0f} more lie up to {3 * tolerance:g} ms away; expected "
                "all within the tolerance: the log writes its pulses late or in coarse steps, or "
                "a clock does not run evenly. Raise sync.tolerance_ms only if such errors do no "
                "harm (steps of 10 ms need 6)"
            )
        if kind == "barcodes":
            return (
                f"{self._found()}a match of {candidates[0][1]} pulses that meets "
                f"{numbers['held']:.0f} of {numbers['of']:.0f} barcodes; expected all: pulses and "
                "barcodes of different lines or sessions, or barcodes decoded wrongly"
            )
        if kind == "few":
            return (
                f"{self._found()}stretches of {numbers['x']:.0f} and {numbers['y']:.0f} pulses; "
                f"expected at least {FEWEST} on both sides"
            )
        tried = f" (best: {'; next: '.join(map(self._place, candidates))})" if candidates else ""
        return (
            f"{self._found()}no offset at which they match{tried}; expected most pulses of the "
            f"side with fewer within {tolerance:g} ms, at a drift of up to "
            f"{self.rules.drift * 1e6:g} ppm: {self._likely()}"
        )

    def _likely(self) -> str:
        ratio = np.ptp(self.recording.times) / max(np.ptp(self.behaviour.times), 1e-9)
        for factor, unit in ((1000, "milliseconds"), (1e6, "microseconds"), (30000, "samples")):
            if 0.5 < ratio / factor < 2:
                return f"{self.labels[1]} seems to be in {unit}"
            if 0.5 < ratio * factor < 2:
                return f"{self.labels[0]} seems to be in {unit}"
        return "files of different sessions, another TTL line, or too many pulses lost"

    def part_only(self, gap: Gap, pieces: list[Found]) -> str:
        """Say that a stretch is left without a map."""
        on_behaviour, on_recording = (gap.y, gap.x) if self.swapped else (gap.x, gap.y)
        log, recorded = self.behaviour.times, self.recording.times
        stretch, other = log[slice(*on_behaviour)], recorded[slice(*on_recording)]
        matched = sum(len(piece.ix) for piece in pieces)
        why = ""
        if gap.failure and gap.failure.kind == "ambiguous":
            why = " (they fit in more than one way)"
        return (
            f"{self._found()}a match for {matched} pulses, but none{why} for the "
            f"{len(stretch)} of {self.labels[0]} from {stretch[0]:.3f} to {stretch[-1]:.3f} s and "
            f"the {len(other)} of {self.labels[1]} from {other[0]:.3f} to {other[-1]:.3f} s; "
            "expected all stretches to match: a clock jumped and too few or too regular pulses "
            "follow, or the line carried other pulses"
        )

    def check_pieces(self, pieces: list[Found]) -> None:
        """Refuse maps that drift too much, or that are too uncertain where they are used."""
        for piece in pieces:
            line = piece.line.inverse() if self.swapped else piece.line
            mean = self.x.times[piece.ix].mean()
            apart = np.array([mean, mean + 1000.0])
            error = np.diff(error_at(self.x.times, self.y.times, piece, apart))[0] / 1000
            excess = abs(line.slope - 1) - self.rules.drift
            if excess > STANDARD_ERRORS * abs(error) + 1e-7:
                raise InputError(
                    f"{self._found()}a match of {len(piece.ix)} pulses with a drift of "
                    f"{(line.slope - 1) * 1e6:.1f} ppm; expected at most "
                    f"{self.rules.drift * 1e6:g}: a wrong sampling rate or tick length, or clocks "
                    "that really drift so (then raise max_drift_ppm)"
                )
            ends = self.x.times[[piece.first, piece.last]]
            error = error_at(self.x.times, self.y.times, piece, ends).max()
            if STANDARD_ERRORS * error > self.rules.tolerance_s:
                raise InputError(
                    f"{self._found()}a match of {len(piece.ix)} pulses that leaves the map "
                    f"uncertain by {STANDARD_ERRORS * error * 1000:.1f} ms; expected at most "
                    f"{self.rules.tolerance_s * 1000:g} ms: too few pulses for their jitter"
                )

    def check_order(self, pieces: list[Found]) -> None:
        """Refuse a step back after which the clock goes on as before: rows out of order."""
        for one, two in pairwise(pieces):
            steps = (
                self.x.run[one.last] != self.x.run[two.first],
                self.y.run[one.iy[-1]] != self.y.run[two.iy[0]],
            )
            ends = self.x.times[[one.last, two.first]]
            away = np.abs(one.line(ends) - two.line(ends)).max()
            if any(steps) and away <= 3 * self.rules.tolerance_s:
                raise InputError(self._disorder(int(steps[0] == self.swapped)))
        for piece in pieces:
            # A run without a map that lies on the map of another one.
            inverse = piece.line.inverse()
            for side, train, other, line in (
                (int(self.swapped), self.x, self.y, piece.line),
                (int(not self.swapped), self.y, self.x, inverse),
            ):
                mine = {int(train.run[p.ix[0] if train is self.x else p.iy[0]]) for p in pieces}
                for run in set(train.run.tolist()) - mine:
                    times = train.times[train.run == run]
                    met = pairs(times, np.sort(other.times), line, self.rules.tolerance_s)[0]
                    if len(met) >= max(FEWEST, piece.share * len(times) / 2):
                        raise InputError(self._disorder(side))

    def _disorder(self, side: int) -> str:
        return (
            f"{self.labels[side]}: found pulse times that go back, but the clock goes on as before "
            "(one map holds before and after); expected growing times: rows out of order"
        )

    def alignment(self, pieces: list[Found], gaps: list[Gap]) -> Alignment:
        """Return the result."""
        ix = np.concatenate([piece.ix for piece in pieces])
        log, recorded = self.behaviour, self.recording
        out, residuals = [], []
        for number, piece in enumerate(pieces):
            line = piece.line.inverse() if self.swapped else piece.line
            mine, theirs = (piece.iy, piece.ix) if self.swapped else (piece.ix, piece.iy)
            residuals.append(np.abs(recorded.times[theirs] - line(log.times[mine])))
            start, stop = float(log.times[mine[0]]), float(log.times[mine[-1]])
            low, high = self._reach(pieces, gaps, number)
            out.append(
                Piece(
                    start,
                    stop,
                    float(line.slope),
                    float(line.intercept),
                    int(log.run[mine[0]]),
                    low,
                    high,
                    len(mine),
                )
            )
        residual = np.concatenate(residuals) * 1000
        main = max(out, key=lambda piece: piece.n_matched)
        return Alignment(
            pieces=tuple(out),
            n_behaviour=len(log.times),
            n_recording=len(recorded.times),
            n_doubled_behaviour=self.counts[0] - len(log.times),
            n_doubled_recording=self.counts[1] - len(recorded.times),
            n_matched=len(ix),
            n_unmatched_behaviour=len(log.times) - len(ix),
            n_unmatched_recording=len(recorded.times) - len(ix),
            residual_median_ms=float(np.median(residual)),
            residual_max_ms=float(residual.max()),
            drift_ppm=(main.slope - 1) * 1e6,
            tolerance_ms=self.rules.tolerance_s * 1000,
            n_runs=int(log.run[-1]) + 1,
            n_barcodes=len(self.rules.pins),
        )

    def _reach(self, pieces: list[Found], gaps: list[Gap], number: int) -> tuple[float, float]:
        """Return the times of the log for which a piece is used."""
        piece = pieces[number]
        low, high = -np.inf, np.inf
        if number and self._same_run(pieces[number - 1], piece):
            low = self._boundary(pieces[number - 1], piece)[1]
        elif self._left(gaps, piece, before=True, restart=number > 0):
            low = self._log_time(piece, piece.first)
        if number + 1 < len(pieces) and self._same_run(piece, pieces[number + 1]):
            high = self._boundary(piece, pieces[number + 1])[0]
        elif self._left(gaps, piece, before=False, restart=number + 1 < len(pieces)):
            high = self._log_time(piece, piece.last)
        return low, high

    def _same_run(self, one: Found, two: Found) -> bool:
        run = self.behaviour.run
        ends = (one.iy[-1], two.iy[0]) if self.swapped else (one.last, two.first)
        return bool(run[ends[0]] == run[ends[1]])

    def _boundary(self, one: Found, two: Found) -> tuple[float, float]:
        """Return until when the first piece holds and from when the second, s of the log."""
        until, since = split(self.x, self.y, one, two, self.rules)
        if self.swapped:
            return float(one.line(until)), float(two.line(since))
        return until, since

    def _left(self, gaps: list[Gap], piece: Found, *, before: bool, restart: bool) -> bool:
        """Return whether pulses that were left without a match next to a piece may hide a jump.

        At the ends of a session that takes unmatched pulses on both sides. Beside a restart those
        of the log suffice: a clock that restarted once may have done so twice.
        """
        run = self.behaviour.run[piece.iy[0] if self.swapped else piece.first]
        for gap in gaps:
            touches = gap.x[1] == piece.first if before else gap.x[0] == piece.last + 1
            log, recorded = (gap.y, gap.x) if self.swapped else (gap.x, gap.y)
            left = (self.behaviour.run[slice(*log)] == run).any()
            if touches and left and (restart or recorded[1] > recorded[0]):
                return True
        return False

    def _log_time(self, piece: Found, index: int) -> float:
        time = float(self.x.times[index])
        return float(piece.line(time)) if self.swapped else time
