"""Peaks of a spectrum above its aperiodic part: which are harmonics, and which one a band has.

Peaks are found as Gaussians fitted to the log10 spectrum (:mod:`pipeline.lfp.aperiodic`). Their
fitted centres are not reported: a noisy rhythm is often split into two Gaussians on its flanks. A
peak lies at the centre of gravity of what stands above the aperiodic part within its bandwidth, and
Gaussians with one centre of gravity are one peak. Root mean square errors in Hz, measured on 30
simulated epochs each (rhythms as Gaussian noise with standard deviation ``sd`` in frequency):

====================================  ===============  ========  =================
rhythm                                fitted Gaussian  parabola  centre of gravity
====================================  ===============  ========  =================
8 Hz, sd 0.8, 60 s                    0.33             0.21      0.07
8 Hz, sd 1.5, 120 s                   0.54             0.35      0.12
8 Hz, a line, 60 s                    0.09             0.32      0.08
22 Hz, sd 2, 120 s                    0.57             0.60      0.12
42 Hz, sd 4, 120 s                    1.41             0.95      0.10
====================================  ===============  ========  =================

The parabola goes through the highest point: the tapers turn a line into a plateau 2 Hz wide, on
which noise picks that point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

#: where the rhythm lies whose harmonics are looked for (theta, in its wide sense)
THETA_HZ = (4.0, 12.0)
#: a peak so close to a multiple of the rhythm's frequency is its harmonic
HARMONIC_WITHIN_HZ = 1.0
#: half width of the widest window, as a part of the peak's frequency
_WINDOW_OF_FREQUENCY = 0.25
#: how often a window is moved at most
_MOVES = 50
#: so far beyond its edges a band may borrow a peak: this part of its width, but at least 1 Hz
_BORROW, _BORROW_HZ = 0.25, 1.0
#: a window that moves less rests
_AT_REST_HZ = 1e-4


@dataclass(frozen=True, kw_only=True)
class Peak:
    """One peak above the aperiodic part.

    Attributes
    ----------
    frequency_hz : float
        Its centre of gravity.
    height : float
        log10 of the density at its centre over that of the aperiodic part.
    width_hz : float
        Bandwidth (two standard deviations of the fitted Gaussian).
    harmonic : bool
        Whether it lies at a multiple of the theta peak and is weaker: the shape of a wave that is
        no sine, not a rhythm by itself.
    """

    frequency_hz: float
    height: float
    width_hz: float
    harmonic: bool = False

    @property
    def over(self) -> float:
        """Density at its centre as a multiple of that of the aperiodic part."""
        return float(10.0**self.height)


def gathered(
    peaks: Sequence[Peak],
    frequency: NDArray[np.float64],
    log_ratio: NDArray[np.float64],
    *,
    narrowest_hz: float,
) -> tuple[Peak, ...]:
    """Move fitted peaks to their centres of gravity; those that meet there become one.

    A peak that would be moved out of its own window is none, but the slope of a hump of the
    background, or of another peak.

    Parameters
    ----------
    peaks : sequence of Peak
        As fitted.
    frequency : ndarray, shape (n,)
        Evenly spaced, Hz.
    log_ratio : ndarray, shape (n,)
        log10 of the density over that of the aperiodic part.
    narrowest_hz : float
        Narrowest width of a peak. Its bandwidth is looked at to either side, but at least three
        quarters of the narrowest and at most a quarter of its frequency (a hump as wide as the
        distance to the next harmonic would be drawn there); centres closer than half of the
        narrowest are one.

    Returns
    -------
    tuple of Peak
        By frequency. A merged peak keeps height and width of the higher one.
    """
    excess = np.maximum(10.0**log_ratio - 1.0, 0.0)
    moved: list[Peak] = []
    for peak in sorted(peaks, key=lambda one: -one.height):
        widest = _WINDOW_OF_FREQUENCY * peak.frequency_hz
        half = max(0.75 * narrowest_hz, min(peak.width_hz, widest))
        centre = centre_of_gravity(frequency, excess, peak.frequency_hz, half_width_hz=half)
        if abs(centre - peak.frequency_hz) > half:
            continue
        if all(abs(centre - other.frequency_hz) >= narrowest_hz / 2 for other in moved):
            moved.append(replace(peak, frequency_hz=centre))
    return tuple(sorted(moved, key=lambda one: one.frequency_hz))


def centre_of_gravity(
    frequency: NDArray[np.float64],
    excess: NDArray[np.float64],
    start_hz: float,
    *,
    half_width_hz: float,
) -> float:
    """Centre of gravity within a window that is moved to it until it rests there."""
    step, centre = frequency[1] - frequency[0], start_hz
    for _ in range(_MOVES):
        # edges one point wide: a window that jumped from point to point would not come to rest
        window = np.clip(1.0 + (half_width_hz - np.abs(frequency - centre)) / step, 0.0, 1.0)
        mass = float(window @ excess)
        if mass <= 0:
            return centre
        moved = float((window * frequency) @ excess) / mass
        if abs(moved - centre) < _AT_REST_HZ:
            return moved
        centre = moved
    return centre


def mark_harmonics(peaks: Sequence[Peak], background: Callable[[float], float]) -> tuple[Peak, ...]:
    """Mark the peaks that are harmonics of the theta peak.

    The theta peak is the highest one from 4 to 12 Hz. A peak above 12 Hz within 1 Hz of twice its
    frequency is a harmonic if the density above the aperiodic part is smaller there than at the
    theta peak; one within 1 Hz of three times it as well, where the second harmonic stands (a
    series, not a coincidence). One that is marked already stays so.

    Parameters
    ----------
    peaks : sequence of Peak
        Of one spectrum.
    background : callable
        Density of the aperiodic part at a frequency, uV^2/Hz.

    Returns
    -------
    tuple of Peak
        In the same order.
    """
    theta = highest(peaks, *THETA_HZ)
    if theta is None:
        return tuple(peaks)

    def excess(peak: Peak) -> float:
        return background(peak.frequency_hz) * (peak.over - 1.0)

    def follows(peak: Peak, order: int) -> bool:
        return (
            peak.frequency_hz > THETA_HZ[1]
            and abs(peak.frequency_hz - order * theta.frequency_hz) <= HARMONIC_WITHIN_HZ
            and excess(peak) < excess(theta)
        )

    orders = (2, 3) if any(follows(peak, 2) for peak in peaks) else (2,)
    return tuple(
        replace(peak, harmonic=peak.harmonic or any(follows(peak, order) for order in orders))
        for peak in peaks
    )


def highest(peaks: Iterable[Peak], low: float, high: float) -> Peak | None:
    """Return the peak in [low, high) Hz that stands highest above the aperiodic part.

    Harmonics do not count. None where there is no other.
    """
    inside = [peak for peak in peaks if low <= peak.frequency_hz < high and not peak.harmonic]
    return max(inside, key=lambda peak: peak.height, default=None)


def of_band(peaks: Iterable[Peak], band: str, bands: Mapping[str, Sequence[float]]) -> Peak | None:
    """Return the peak of a band: the highest of those in it, and of those just beyond its edges.

    A rhythm does not stop at the edge of a band: theta that a drug slows from 6.5 to 5.8 Hz would
    have no frequency in a band from 6 Hz on, and the animals with the largest effect would be
    missing. A peak in no band at all is therefore given to the band that it is nearest to (the
    lower of two), up to a quarter of that band's width beyond the edge, at least 1 Hz. A peak
    within a band stays there.

    Parameters
    ----------
    peaks : iterable of Peak
        Of one spectrum; harmonics do not count.
    band : str
        Its name.
    bands : mapping of str to (low, high)
        All bands, Hz.

    Returns
    -------
    Peak or None
        None where there is no peak.
    """
    low, high = bands[band]
    reach = max(_BORROW_HZ, _BORROW * (high - low))

    def beyond(frequency: float, span: Sequence[float]) -> float:
        if span[0] <= frequency < span[1]:
            return -1.0
        return max(span[0] - frequency, frequency - span[1])

    def counts(frequency: float) -> bool:
        if low <= frequency < high:
            return True
        own = (beyond(frequency, (low, high)), low)
        others = [(beyond(frequency, span), span[0]) for span in bands.values()]
        return own[0] <= reach and own == min(others)

    own = [peak for peak in peaks if not peak.harmonic and counts(peak.frequency_hz)]
    return max(own, key=lambda peak: peak.height, default=None)
