"""How much of an epoch was kept, and how many bursts like those of muscles it holds."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.intervals import Intervals, contains, intersect, subtract, total_seconds


@dataclass(frozen=True)
class EpochQuality:
    """Quality of one epoch.

    Attributes
    ----------
    seconds : float
        Recorded seconds of the epoch, artefacts included.
    clean_s : float
        Recorded seconds without artefacts.
    n_bursts : int or None
        Bursts that begin in the epoch; None where the recording does not allow to tell them.
    burst_s : float or None
        Seconds of bursts in the epoch, without padding.
    """

    seconds: float
    clean_s: float
    n_bursts: int | None
    burst_s: float | None

    @property
    def kept_fraction(self) -> float:
        """Part of the recorded time that is clean, 0 to 1."""
        # Sums in another order may differ in the last digit: a fraction stays within 0 to 1.
        return min(1.0, self.clean_s / self.seconds)


def epoch_quality(
    recorded: Intervals, *, artefacts: Intervals, bursts: Intervals | None
) -> EpochQuality | None:
    """Count what an epoch holds.

    Parameters
    ----------
    recorded : ndarray, shape (n, 2)
        Recorded seconds of the epoch, without overlaps.
    artefacts : ndarray, shape (m, 2)
        Seconds that no spectrum uses, bursts included.
    bursts : ndarray, shape (k, 2), or None
        Onset and end of every burst of the session; None where they were not looked for.

    Returns
    -------
    EpochQuality or None
        None for an epoch without recorded time.
    """
    seconds = total_seconds(recorded)
    if seconds <= 0:
        return None
    return EpochQuality(
        seconds=seconds,
        clean_s=total_seconds(subtract(recorded, artefacts)),
        n_bursts=None if bursts is None else int(contains(recorded, bursts[:, 0]).sum()),
        burst_s=None if bursts is None else total_seconds(intersect(recorded, bursts)),
    )
