"""Narrow and wide spikes, by the time from trough to peak.

In opto-tagged mouse cortex and hippocampus nearly all parvalbumin cells and about half of the
somatostatin cells fall below 0.425 ms and no pyramidal cell does (Petersen et al. 2021, Neuron
109:3594, CellExplorer). So "narrow" is a shape, not a cell type, and units between 0.40 and 0.50 ms
get no class. Filters that remove slow parts, causal ones above all, shorten the time: classes of
recordings filtered unlike each other do not compare.

Spikes that begin with an upward deflection are left out: they are mostly axons or lie far from the
soma, and their trough-to-peak time means something else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import InputError

NARROW, WIDE, GREY = "narrow", "wide", "grey"
POSITIVE_FIRST, UNMEASURED = "positive_first", "unmeasured"

#: trough to peak in ms: below is narrow, above is wide, between is neither
GREY_ZONE_MS = (0.40, 0.50)
#: height before the trough, in troughs, from which a spike counts as positive-first (own choice:
#: the rise that a high-pass filter puts before a somatic spike stays below it)
_POSITIVE_PART = 0.5
#: samples per second below which the grey zone is narrower than two samples
LEAST_RATE_HZ = 20000.0


@dataclass(frozen=True, eq=False, kw_only=True)
class WaveformClasses:
    """Shapes of the units' mean waveforms.

    Attributes
    ----------
    label : list of str
        ``narrow``, ``wide``, ``grey`` (between), ``positive_first`` or ``unmeasured``.
    trough_to_peak_ms : ndarray, shape (n_units,)
        NaN where ``positive_first`` or ``unmeasured``.
    reason : list of str
        Why a unit has no class, "" where it has one.
    """

    label: list[str]
    trough_to_peak_ms: NDArray[np.float64]
    reason: list[str]


def waveform_classes(
    waveforms: ArrayLike,
    *,
    rate_hz: float,
    grey_zone_ms: tuple[float, float] = GREY_ZONE_MS,
) -> WaveformClasses:
    """Class of each unit by its mean waveform.

    Parameters
    ----------
    waveforms : array_like, shape (n_units, n_samples)
        Mean waveform of each unit on the channel where it is largest, about 1 ms before the trough
        and 1.5 ms after it, in any unit; NaN for a unit without one.
    rate_hz : float
        Samples per second, 20000 at least.
    grey_zone_ms : (float, float)
        Below is narrow, above is wide.

    Returns
    -------
    WaveformClasses

    Raises
    ------
    InputError
        If the shape is wrong or the rate is too low to tell the classes.

    Notes
    -----
    The trough is the lowest sample, the peak the highest after it; a parabola through each and its
    two neighbours gives the time between samples. The level before the spike is the waveform's
    median of the first tenth.
    """
    shapes = np.asarray(waveforms, dtype=float)
    if shapes.ndim != 2 or shapes.shape[1] < 10:
        raise InputError(
            f"waveforms: found shape {shapes.shape}; expected (units, samples), 10 samples at "
            "least, each unit on its largest channel"
        )
    if not rate_hz >= LEAST_RATE_HZ:
        raise InputError(
            f"waveforms: found a rate of {rate_hz:g} Hz; expected {LEAST_RATE_HZ:g} Hz at least "
            "to tell narrow from wide (an LFP instead of the spike band?)"
        )
    label, width, reason = [], np.full(len(shapes), np.nan), []
    for unit, shape in enumerate(shapes):
        trough_to_peak, why = _trough_to_peak(shape)
        if why:
            label.append(POSITIVE_FIRST if "upward" in why else UNMEASURED)
            reason.append(why)
            continue
        width[unit] = 1000.0 * trough_to_peak / rate_hz
        below, above = width[unit] < grey_zone_ms[0], width[unit] > grey_zone_ms[1]
        label.append(NARROW if below else WIDE if above else GREY)
        reason.append(
            ""
            if below or above
            else f"trough to peak {width[unit]:.3f} ms, between {grey_zone_ms[0]:g} and "
            f"{grey_zone_ms[1]:g} ms"
        )
    return WaveformClasses(label=label, trough_to_peak_ms=width, reason=reason)


def _trough_to_peak(shape: NDArray[np.float64]) -> tuple[float, str]:
    """Samples from trough to peak, or why there are none."""
    if not np.isfinite(shape).all() or np.ptp(shape) == 0:
        return np.nan, "no waveform"
    shape = shape - np.median(shape[: max(1, len(shape) // 10)])
    trough = int(np.argmin(shape))
    if not -shape[trough] > 0:
        return np.nan, "upward deflection only"
    before = shape[: trough + 1].max() / -shape[trough]
    if before > _POSITIVE_PART:
        return np.nan, f"upward deflection before the trough, {before:.2f} of its depth"
    if shape.max() > -shape[trough]:
        return np.nan, f"upward deflection {shape.max() / -shape[trough]:.2f} times the trough"
    peak = trough + int(np.argmax(shape[trough:]))
    if trough == 0 or peak == len(shape) - 1 or not shape[peak] > 0:
        return np.nan, "trough or peak at the border of the waveform (longer waveforms needed)"
    return _vertex(shape, peak) - _vertex(shape, trough), ""


def _vertex(shape: NDArray[np.float64], at: int) -> float:
    """Position of an extremum between samples, by the parabola through three of them."""
    left, middle, right = shape[at - 1 : at + 2]
    bend = left - 2 * middle + right
    return at + (0.5 * (left - right) / bend if bend != 0 else 0.0)
