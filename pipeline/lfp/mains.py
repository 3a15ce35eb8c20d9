"""What fits leave out around the mains.

A fit of the aperiodic part needs evenly spaced frequencies, so that 3 Hz to both sides of the mains
and of its harmonics (what a good notch filter of the rig takes away, not only the line) are bridged
by a straight line in log-log, as the documentation of specparam advises, between the mean levels of
the 2 Hz beside them; an end of the range that lies there is cut off. Where a notch filter reaches
further, which its skirts show, it is 10 Hz: with 3 Hz the skirts of one real mouse's filter (half
the density is gone 6 Hz away) would pass for peaks on either side.

How wide it is, is decided once per session (:mod:`pipeline.steps.session_mains`): with a filter
near the limit a gamma rhythm beside the mains, or noise, would decide it otherwise in every epoch,
and the exponent would follow.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pipeline.lfp.bands import LINE_HALF_WIDTH_HZ, line_bands

#: half width of what is left out; a notch filter is wider than a line
MAINS_HALF_WIDTH_HZ = LINE_HALF_WIDTH_HZ + 1.0
#: the same where a notch filter is wider than usual
_NOTCH_HALF_WIDTH_HZ = 10.0
#: so much lower (log10) must both skirts of the mains lie to show such a filter
_NOTCH_DEPTH = 0.2
#: width of what a bridge over the mains rests on, to either side
_BRIDGEHEAD_HZ = 2.0
#: a range below one octave says nothing about a slope
_LEAST_RANGE = 2.0


def fitted_range(
    frequency: NDArray[np.float64],
    span: tuple[float, float],
    *,
    mains: NDArray[np.float64],
) -> tuple[float, float] | None:
    """Part of a range that can be fitted: within the spectrum, with no end at the mains.

    None where less than an octave is left.
    """
    low = max(span[0], float(frequency[frequency > 0][0]))
    high = min(span[1], float(frequency[-1]))
    for start, stop in mains:
        if start <= low < stop:
            low = float(stop)
        if start < high <= stop:
            high = float(start)
    return (low, high) if high >= _LEAST_RANGE * low else None


def mains_ranges(density: xr.DataArray, line_hz: float | None) -> NDArray[np.float64]:
    """What fits leave out around the mains and its harmonics, shape (n, 2), in Hz.

    One choice for all regions of a recording, for its filters are those of the rig.

    Parameters
    ----------
    density : DataArray (region, frequency)
        Of the time that decides where a notch filter is wide.
    line_hz : float or None
        Mains frequency.
    """
    end = float(density["frequency"].values[-1])
    # one multiple more than band power needs, for these ranges reach further
    middles = line_bands(line_hz, end + MAINS_HALF_WIDTH_HZ).mean(axis=1)
    halves = np.where(
        [wide_notch(density, middle) for middle in middles],
        _NOTCH_HALF_WIDTH_HZ,
        MAINS_HALF_WIDTH_HZ,
    )
    return middles[:, np.newaxis] + halves[:, np.newaxis] * np.array([-1.0, 1.0])


def wide_notch(density: xr.DataArray, middle_hz: float) -> bool:
    """Whether a notch filter reaches further than 3 Hz from a frequency.

    Both its skirts, 3 to 5 Hz away, lie 2 dB or more below the straight line (log-log) between the
    levels 10 to 12 Hz away, in the mean over regions.
    """
    frequency = density["frequency"].values
    if middle_hz - 12 <= 0 or middle_hz + 12 > frequency[-1]:
        return False
    levels = density.values
    if not (levels[:, frequency > 0] > 0).all():
        return False

    def level(start: float, stop: float) -> tuple[float, float]:
        part = (frequency >= middle_hz + start) & (frequency <= middle_hz + stop)
        return float(np.log10(frequency[part]).mean()), float(np.log10(levels[:, part]).mean())

    known_at, known = zip(level(-12, -10), level(10, 12), strict=True)
    skirts = [level(-5, -3), level(3, 5)]
    return all(np.interp(x, known_at, known) - y >= _NOTCH_DEPTH for x, y in skirts)


def bridged(
    frequency: NDArray[np.float64],
    log_density: NDArray[np.float64],
    *,
    mains: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Straight lines in log-log over the mains and its harmonics.

    Parameters
    ----------
    frequency : ndarray, shape (n,)
        Above 0 Hz.
    log_density : ndarray, shape (n,)
    mains : ndarray, shape (m, 2)
        Hz.

    Returns
    -------
    log_density : ndarray, shape (n,)
    measured : ndarray of bool, shape (n,)
        False where it was bridged.
    """
    inside = [(frequency > low) & (frequency < high) for low, high in mains]
    measured = ~np.logical_or.reduce([np.zeros(len(frequency), dtype=bool), *inside])
    out, x = log_density.copy(), np.log10(frequency)
    for (low, high), gap in zip(mains, inside, strict=True):
        if not gap.any():
            continue
        beside = [
            measured & (frequency <= low) & (frequency >= low - _BRIDGEHEAD_HZ),
            measured & (frequency >= high) & (frequency <= high + _BRIDGEHEAD_HZ),
        ]
        # at an end of the spectrum there is one side only: its level is held
        ends = [(x[part].mean(), log_density[part].mean()) for part in beside if part.any()]
        if ends:
            known_at, known = zip(*ends, strict=True)
            out[gap] = np.interp(x[gap], known_at, known)
    return out, measured
