"""Clock alignment: the log's clock on the recording's clock, from pulses that both have seen.

The method, in steps: blocks of neighbouring pulses vote on offsets (:mod:`.clock_seeds`); the best
are grown to lines by matching pulses one to one and fitting (:mod:`.clock_match`); a line is taken
when it explains most of a stretch, beyond chance, and better than every other offset
(:mod:`.clock_search`); what it leaves is searched again, so that restarts give several pieces
(:mod:`.clock_pieces`). Whatever does not pass is refused. How often each happens in random pulse
trains: docs/clocks.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pipeline.errors import InputError

TOLERANCE_MS = 2.0

#: pulses in a row, all beside their partners on one side, that refuse a map
FEWEST_DISPLACED = 3
MAX_DRIFT_PPM = 500.0
Barcodes = tuple[Sequence[tuple[float, int]], Sequence[tuple[float, int]]]


class Piece(NamedTuple):
    """One affine stretch: ``recording = slope * behaviour + intercept``.

    Attributes
    ----------
    start_s, stop_s : float
        First and last matched pulse, seconds on the log's clock.
    slope, intercept : float
        Of the map; the intercept in seconds.
    run : int
        0, and one more after each time the log's clock went back.
    from_s, until_s : float
        Times of the log (s) for which this piece is used; infinite where nothing ends it.
    n_matched : int
        Pulses.
    """

    start_s: float
    stop_s: float
    slope: float
    intercept: float
    run: int
    from_s: float
    until_s: float
    n_matched: int


@dataclass(frozen=True)
class Alignment:
    """A log's clock on a recording's clock.

    Attributes
    ----------
    pieces : tuple of Piece
        In order; more than one after a restart or jump of either clock.
    n_behaviour, n_recording : int
        Distinct pulses.
    n_doubled_behaviour, n_doubled_recording : int
        Pulses closer than the tolerance to the one before, taken as one with it.
    n_matched, n_unmatched_behaviour, n_unmatched_recording : int
        Pulses.
    residual_median_ms, residual_max_ms : float
        Distance of matched pulses from the map.
    drift_ppm : float
        ``(slope - 1) * 1e6`` of the piece with most pulses: above 0, the log's clock runs slow.
    tolerance_ms : float
        Asked for.
    n_runs : int
        1, and one more for each time the log's clock went back, with or without a piece of its own.
    n_barcodes : int
        Barcode numbers in common; 0 without barcodes.
    """

    pieces: tuple[Piece, ...]
    n_behaviour: int
    n_recording: int
    n_doubled_behaviour: int
    n_doubled_recording: int
    n_matched: int
    n_unmatched_behaviour: int
    n_unmatched_recording: int
    residual_median_ms: float
    residual_max_ms: float
    drift_ppm: float
    tolerance_ms: float
    n_runs: int
    n_barcodes: int = 0

    def runs_of(self, times: Iterable[float]) -> np.ndarray:
        """Return (n,) the run of each time of the log, from the order of the log.

        Parameters
        ----------
        times : sequence of float
            (n,) seconds on the log's clock, in the order of the log; NaN is passed over.

        Returns
        -------
        numpy.ndarray
            (n,) int.

        Raises
        ------
        InputError
            The times go back more or less often than the log's clock did.
        """
        values = np.asarray(list(times), dtype=np.float64)
        if self.n_runs == 1:
            return np.zeros(len(values), dtype=int)
        known = np.flatnonzero(np.isfinite(values))
        back = np.diff(values[known]) < 0
        if int(back.sum()) != self.n_runs - 1:
            raise InputError(
                f"the log's clock restarted {self.n_runs - 1} time(s) (sync pulses), but these "
                f"{len(known)} times go back {int(back.sum())} time(s); expected the same: give "
                "times in the order of the log, or the run of each"
            )
        run = np.zeros(len(values), dtype=int)
        run[known[1:][back]] = 1
        return np.cumsum(run)

    def to_recording(self, times: Iterable[float], *, run: Iterable[int] | None = None) -> Any:
        """Map times of the log onto the recording's clock.

        Times before the first and after the last matched pulse are extrapolated along the nearest
        piece, unless pulses there were left unexplained on both sides.

        Parameters
        ----------
        times : float or sequence of float
            (n,) seconds on the log's clock; after a restart of the log's clock in the order of
            the log, or with ``run``.
        run : sequence of int, optional
            (n,) run of each time.

        Returns
        -------
        float or numpy.ndarray
            (n,) seconds on the recording's clock. NaN for NaN, and for times that no piece may
            speak for: between two pieces, where a clock jumped at an unknown moment, and in a run
            of the log's clock without a piece (the recording had ended, or not begun).

        Raises
        ------
        InputError
            The log's clock restarted, and the order of the times does not tell the runs.
        """
        values = np.asarray(times, dtype=np.float64)
        flat = np.atleast_1d(values)
        runs = self.runs_of(flat) if run is None else np.broadcast_to(np.asarray(run), flat.shape)
        mapped = np.full(flat.shape, np.nan)
        for piece in self.pieces:
            here = (runs == piece.run) & (flat >= piece.from_s) & (flat <= piece.until_s)
            mapped[here] = piece.slope * flat[here] + piece.intercept
        return mapped if values.ndim else float(mapped[0])

    def as_dict(self) -> dict[str, Any]:
        """Return the alignment for sync.json: plain numbers, None for infinite."""

        def finite(value: float) -> float | None:
            return value if np.isfinite(value) else None

        pieces = [
            {
                **piece._asdict(),
                "from_s": finite(piece.from_s),
                "until_s": finite(piece.until_s),
                "drift_ppm": (piece.slope - 1) * 1e6,
            }
            for piece in self.pieces
        ]
        rest = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "pieces"}
        return {"pieces": pieces, **rest}


def align(
    behaviour_s: Iterable[float],
    recording_s: Iterable[float],
    *,
    tolerance_ms: float = TOLERANCE_MS,
    max_drift_ppm: float = MAX_DRIFT_PPM,
    barcodes: Barcodes | None = None,
    behaviour_label: str = "behaviour log",
    recording_label: str = "recording",
) -> Alignment:
    """Find the map from a log's clock to a recording's clock, or refuse.

    Parameters
    ----------
    behaviour_s, recording_s : sequence of float
        (n,), (m,) times of the shared pulses on either clock, seconds, in the order of the file.
        Pulses may be missing, extra and doubled on both sides; the offset may be anything.
    tolerance_ms : float
        Largest distance of matched pulses.
    max_drift_ppm : float
        Largest drift between the clocks, parts per million.
    barcodes : tuple of two sequences of (float, int), optional
        Start (s) and number of each pulse-coded number on the log's and the recording's clock.
        They pin the offset, so that regular pulses serve too.
    behaviour_label, recording_label : str
        The files, for messages.

    Returns
    -------
    Alignment
        The map and how well it holds.

    Raises
    ------
    InputError
        Pulses that cannot be used (see :func:`.clock_trains.pulse_train`), trains that do not
        match, that match in more than one way, beyond the tolerance or the drift, or in part only.
    """
    from pipeline.ingest import clock_report as report
    from pipeline.ingest.clock_pieces import search_all, suspicious
    from pipeline.ingest.clock_search import Rules
    from pipeline.ingest.clock_trains import barcode_pins, pulse_train

    report.check_options(tolerance_ms, max_drift_ppm)
    tolerance_s, drift = tolerance_ms / 1000, max_drift_ppm / 1e6
    labels = (behaviour_label, recording_label)
    behaviour_s, recording_s = list(behaviour_s), list(recording_s)
    behaviour = pulse_train(behaviour_s, label=behaviour_label, tolerance_s=tolerance_s)
    recording = pulse_train(recording_s, label=recording_label, tolerance_s=tolerance_s)
    counts = (len(behaviour_s), len(recording_s))
    swapped = len(behaviour.times) > len(recording.times)
    x, y = (recording, behaviour) if swapped else (behaviour, recording)
    rules = Rules(tolerance_s, drift)
    if barcodes is not None:
        n_runs = int(behaviour.run[-1]) + 1, int(recording.run[-1]) + 1
        times, runs = barcode_pins(*barcodes, labels=labels, runs=n_runs)
        order = slice(None, None, -1) if swapped else slice(None)
        rules = Rules(tolerance_s, drift, times[:, order], runs[:, order])
    pieces, gaps = search_all(x, y, rules)
    case = report.Case(labels, x, y, swapped, rules, counts)
    if not pieces:
        raise InputError(case.refusal(gaps[0]))
    for gap in gaps:
        if suspicious(gap, pieces):
            raise InputError(case.part_only(gap, pieces))
    case.check_order(pieces)
    case.check_pieces(pieces)
    found = case.alignment(pieces, gaps)
    beside = displaced(found.to_recording(behaviour_s), recording_s, tolerance_s=tolerance_s)
    if len(beside):
        first, last = (float(behaviour_s[index]) for index in beside[[0, -1]])
        raise InputError(
            f"{behaviour_label} and {recording_label}: found {len(beside)} pulses in a row, from "
            f"{first:.3f} to {last:.3f} s of the log, all between {tolerance_ms:g} and "
            f"{3 * tolerance_ms:g} ms beside their partners; expected all within the tolerance: a "
            "clock jumped by a few milliseconds, or does not run evenly. Take the stretch out, or "
            "raise the tolerance if such errors do no harm"
        )
    return found


def displaced(
    mapped_s: Iterable[float], recording_s: Iterable[float], *, tolerance_s: float
) -> np.ndarray:
    """Return the longest row of pulses that lie alike beside their partners.

    A jump that is barely larger than the tolerance leaves a stretch of pulses unmatched, each one
    to three tolerances away on the same side: the map would be extrapolated over it, wrong by that
    much. Pulses without a partner within three tolerances (lost ones) do not interrupt the row.

    Parameters
    ----------
    mapped_s : array_like (n,)
        The log's pulses on the recording's clock, in the order of the file; NaN where unknown.
    recording_s : array_like (m,)
        The recording's pulses.
    tolerance_s : float
        Largest distance of matched pulses.

    Returns
    -------
    ndarray of int (k,)
        Their indices; empty for fewer than FEWEST_DISPLACED.
    """

    from pipeline.ingest.clock_match import nearest

    mapped = np.asarray(mapped_s, dtype=float)
    targets = np.sort(np.asarray(list(recording_s), dtype=float))
    known = np.flatnonzero(np.isfinite(mapped))
    if not len(known) or not len(targets):
        return np.zeros(0, dtype=int)
    away = targets[nearest(targets, mapped[known])] - mapped[known]
    close = np.abs(away) <= 3 * tolerance_s
    known, away = known[close], away[close]
    side = np.where(np.abs(away) > tolerance_s, np.sign(away), 0)
    edges = np.flatnonzero(np.diff(side)) + 1
    longest = np.zeros(0, dtype=int)
    for row in np.split(np.arange(len(side)), edges):
        if len(row) and side[row[0]] != 0 and len(row) > len(longest):
            longest = row
    return known[longest] if len(longest) >= FEWEST_DISPLACED else np.zeros(0, dtype=int)
