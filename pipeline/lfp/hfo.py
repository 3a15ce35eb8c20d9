"""High-frequency oscillations: how strong, how fast, and in what part of the time.

The epoch is cut into windows (1 s), whose densities are compared with the epoch's aperiodic fit of
the fast range (:mod:`pipeline.lfp.aperiodic`).

A single window's spectrum is noisy. It is estimated with tapers of 3 Hz half bandwidth (3 tapers
for 1 s), the mains are left out, and what remains is averaged over 12 Hz to both sides: about 30
degrees of freedom per frequency before the tapers' overlap. Noise alone then shows a peak of 3 dB
between 80 and 200 Hz in 0.4 % of windows, in 1.5 % where 50 Hz mains are left out (16,000 windows
of 1/f^2 noise). With 8 Hz to both sides it would be 3.4 and 8 %; tapers of 8 Hz half bandwidth
without averaging give 9 %, and would spread the mains over a third of the band. A window of another
length gets bandwidths in inverse proportion, and so the same rate.

A burst of muscle activity raises the whole spectrum. What stands above the fit in the flanks of the
band (the rest of the fitted range) as well as in it is no oscillation: a peak counts from the
window's own level there (the median over them, if they are as wide as half an average), where that
is higher than the fit.

Power and dominant frequency rest on the mean over windows, which holds brief oscillations by their
share of the time; the median that the epoch's spectrum is made with would not see an oscillation
that is there in less than half of it. Mean and median differ by more than oscillations: where the
gain of the whole spectrum fluctuates (with movement, say), a mean lies above the median at all
frequencies. The aperiodic part is therefore brought to the level of the mean before the two are
compared: times the median, over the flanks of the band, of the mean spectrum over the fit (over all
of the fitted range where the flanks are too narrow).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from pipeline.lfp.aperiodic import SpectralShape
from pipeline.lfp.bands import bin_widths
from pipeline.lfp.multitaper import multitaper_psd
from pipeline.lfp.signal import good_channels, rate_of, sample_ranges
from pipeline.lfp.spectrum import channel_coords, cut, passed_frequencies

#: half bandwidth of the tapers x length of the window
_TIME_HALF_BANDWIDTH = 3.0
#: half width of the average over frequencies x length of the window
_TIME_HALF_AVERAGE = 12.0
#: what harmonics of the mains may drift
_MAINS_DRIFT_HZ = 1.0
#: part of an average's width that must not be mains
_LEAST_MEASURED = 0.5
#: samples held at a time (4 MB)
_HELD_VALUES = 2**20
#: part of the band that the fitted range must hold
_LEAST_BAND = 0.75


@dataclass(frozen=True, kw_only=True)
class RegionHfo:
    """Fast oscillations of one region.

    Attributes
    ----------
    power : float
        Mean power in the band over that of the aperiodic part in the band.
    frequency_hz : float or None
        Where the mean spectrum stands highest above it; None where no peak does.
    prevalence : float
        Part of the windows with a peak, 0 to 1.
    """

    power: float
    frequency_hz: float | None
    prevalence: float


@dataclass(frozen=True, eq=False, kw_only=True)
class EpochHfo:
    """Fast oscillations of one epoch.

    Attributes
    ----------
    regions : mapping of str to RegionHfo
        Those whose fit of the fast range holds.
    band_hz : tuple of float
        Band that was looked at: what the fitted range holds of the one that was asked for.
    n_windows : int
    seconds : float
        Clean seconds that the windows cover.
    """

    regions: Mapping[str, RegionHfo]
    band_hz: tuple[float, float]
    n_windows: int
    seconds: float


def epoch_hfo(
    lfp: xr.DataArray,
    intervals: ArrayLike,
    *,
    shape: SpectralShape,
    options: Mapping[str, Any],
) -> EpochHfo | None:
    """Fast oscillations in the clean time of one epoch.

    Parameters
    ----------
    lfp : DataArray (time, channel)
        Microvolts; may be opened lazily.
    intervals : array_like, shape (n, 2)
        Clean seconds on the session clock, without overlaps.
    shape : SpectralShape
        Of the same epoch; what it left out around the mains is left out here too.
    options : mapping
        ``lfp.hfo``: band_hz, window_s, over_aperiodic_db.

    Returns
    -------
    EpochHfo or None
        None when no window fits, the fitted range holds less than three quarters of the band, or no
        region's fit holds.

    Raises
    ------
    InputError
        If intervals overlap or no good channel is left.
    """
    span = shape.fast_hz
    band = None if span is None else held_band(options["band_hz"], span)
    if span is None or band is None or not shape.fast:
        return None
    length = round(options["window_s"] * rate_of(lfp))
    starts = window_starts(lfp, intervals, length)
    if not len(starts):
        return None
    frequency = passed_frequencies(lfp, length)
    frequency = frequency[frequency <= span[1] + 1e-9]
    densities = _window_densities(lfp, starts, length, list(shape.fast), n=len(frequency))
    mains = left_out(shape.mains, window_s=options["window_s"])
    fitted = frequency >= span[0] - 1e-9
    regions = {
        region: _region(
            frequency[fitted],
            densities[region][:, fitted],
            shape.fast[region].density(frequency[fitted]),
            mains=mains,
            least_height=shape.least_height,
            band=band,
            options=options,
        )
        for region in shape.fast
    }
    n_windows = len(starts)
    return EpochHfo(
        regions=regions,
        band_hz=band,
        n_windows=n_windows,
        seconds=float(n_windows * length / rate_of(lfp)),
    )


def held_band(band_hz: Sequence[float], span: tuple[float, float]) -> tuple[float, float] | None:
    """What a fitted range holds of a band; None where that is less than three quarters of it."""
    low, high = max(band_hz[0], span[0]), min(band_hz[1], span[1])
    wanted = _LEAST_BAND * (band_hz[1] - band_hz[0])
    return (float(low), float(high)) if high - low >= wanted - 1e-9 else None


def window_starts(lfp: xr.DataArray, intervals: ArrayLike, length: int) -> NDArray[np.int64]:
    """First samples of adjoining windows, each wholly inside one interval, from its start on."""
    ranges = sample_ranges(lfp, intervals)
    return np.concatenate(
        [
            np.empty(0, dtype=np.int64),
            *(start + length * np.arange((past - start) // length) for start, past in ranges),
        ]
    )


def runs_of_windows(starts: NDArray[np.int64], length: int, most: int) -> Iterator[tuple[int, int]]:
    """Positions [first, past) of windows that adjoin, at most so many at a time."""
    first = 0
    for past in range(1, len(starts) + 1):
        ends = past == len(starts) or starts[past] != starts[past - 1] + length
        if ends or past - first == most:
            yield first, past
            first = past


def _window_densities(
    lfp: xr.DataArray, starts: NDArray[np.int64], length: int, regions: list[str], *, n: int
) -> dict[str, NDArray[np.float64]]:
    """Mean density over the channels of each region in each window, shape (n_windows, n)."""
    channels = good_channels(lfp)
    names = channel_coords(lfp, channels)["region"][1]
    members = {region: names == region for region in regions}
    out = {region: np.empty((len(starts), n)) for region in regions}
    most = max(1, _HELD_VALUES // (len(channels) * length))
    rate = rate_of(lfp)
    for first, past in runs_of_windows(starts, length, most):
        stop = int(starts[past - 1]) + length
        segments = cut(lfp, int(starts[first]), stop, channels, length=length, step=length)
        density = multitaper_psd(
            segments,
            rate_hz=rate,
            half_bandwidth_hz=_TIME_HALF_BANDWIDTH * rate / length,
            n_frequencies=n,
        )
        for region, picked in members.items():
            out[region][first:past] = density[picked].mean(axis=0)
    return out


def _region(
    frequency: NDArray[np.float64],
    density: NDArray[np.float64],
    background: NDArray[np.float64],
    *,
    mains: NDArray[np.float64],
    least_height: float,
    band: tuple[float, float],
    options: Mapping[str, Any],
) -> RegionHfo:
    """What the windows' densities (n_windows, n) say of one region."""
    low, high = band
    widths = bin_widths(frequency, low, high, masked=mains)
    reach = _TIME_HALF_AVERAGE / options["window_s"]
    smooth = averaging(frequency, mains=mains, half_width_hz=reach)
    ratio = (density / background) @ smooth
    inside = (frequency >= low) & (frequency < high)
    flank = ~inside & (smooth.sum(axis=0) > 0)
    flanked = flank.sum() * (frequency[1] - frequency[0]) >= reach
    level = np.median(ratio[:, flank], axis=1) if flanked else 1.0
    least = 10.0 ** (options["over_aperiodic_db"] / 10.0) * np.maximum(level, np.ones(len(ratio)))
    counted = inside & local_maxima(ratio) & (ratio >= least[:, np.newaxis])
    mean = density.mean(axis=0)
    gone = within(frequency, mains)
    background = background * np.median((mean / background)[(flank if flanked else True) & ~gone])
    # Bridged for the frequency only: with a hole in it, an average leans to the other side.
    mean_ratio = np.interp(frequency, frequency[~gone], (mean / background)[~gone])
    even = averaging(frequency, mains=mains[:0], half_width_hz=reach)
    return RegionHfo(
        power=float(mean @ widths / (background @ widths)),
        frequency_hz=dominant_frequency(
            frequency,
            ratio=mean_ratio @ even,
            excess=((mean_ratio - 1.0) * background) @ even,
            inside=inside,
            least=10.0**least_height,
            reach_hz=reach,
        ),
        prevalence=float(counted.any(axis=1).mean()),
    )


def left_out(mains: NDArray[np.float64], *, window_s: float) -> NDArray[np.float64]:
    """Ranges around the mains, Hz, as wide as the windows' tapers spread a line, and 1 Hz more."""
    middle = mains.mean(axis=1, keepdims=True)
    half = np.maximum(np.diff(mains) / 2, _TIME_HALF_BANDWIDTH / window_s + _MAINS_DRIFT_HZ)
    return middle + half * np.array([-1.0, 1.0])


def within(frequency: NDArray[np.float64], ranges: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which frequencies lie in one of some ranges, ends included."""
    inside = np.zeros(len(frequency), dtype=bool)
    for start, stop in ranges:
        inside |= (frequency >= start - 1e-9) & (frequency <= stop + 1e-9)
    return inside


def averaging(
    frequency: NDArray[np.float64], *, mains: NDArray[np.float64], half_width_hz: float
) -> NDArray[np.float64]:
    """Weights of the mean over the frequencies around each one, the mains left out.

    Returns
    -------
    ndarray, shape (n, n)
        One column per frequency, summing to 1; 0 where the mains leave less than half of its width.
    """
    near = np.abs(frequency[:, np.newaxis] - frequency) <= half_width_hz + 1e-9
    weights = near & ~within(frequency, mains)[:, np.newaxis]
    counts = weights.sum(axis=0)
    full = 2 * np.floor(half_width_hz / (frequency[1] - frequency[0]) + 1e-9) + 1
    kept = counts >= _LEAST_MEASURED * full
    return np.where(kept, weights / np.maximum(counts, 1), 0.0)


def local_maxima(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points of the last axis are higher than the one before and not lower than the next."""
    higher = np.zeros(values.shape, dtype=bool)
    middle = values[..., 1:-1]
    higher[..., 1:-1] = (middle > values[..., :-2]) & (middle >= values[..., 2:])
    return higher


def dominant_frequency(
    frequency: NDArray[np.float64],
    *,
    ratio: NDArray[np.float64],
    excess: NDArray[np.float64],
    inside: NDArray[np.bool_],
    least: float,
    reach_hz: float,
) -> float | None:
    """Frequency of the oscillation that stands highest above the aperiodic part.

    It is found as the highest local maximum of the ratio to the aperiodic part in a band, and
    located where, within `reach_hz` of that, the density above the aperiodic part is largest, by a
    parabola through three points: the ratio to a falling spectrum leans to higher frequencies (by
    1 to 3 Hz for oscillations 20 to 30 Hz wide and exponent 2).

    Returns
    -------
    float or None
        Hz. None when no local maximum reaches `least`.
    """
    found = np.flatnonzero(inside & local_maxima(ratio) & (ratio >= least))
    if not found.size:
        return None
    top = int(found[np.argmax(ratio[found])])
    near = np.abs(frequency - frequency[top]) <= reach_hz
    peaks = np.flatnonzero(near & inside & local_maxima(excess))
    at = int(peaks[np.argmax(excess[peaks])]) if peaks.size else top
    points = excess if peaks.size else ratio
    before, here, after = points[at - 1 : at + 2]
    shift = 0.5 * (before - after) / (before - 2 * here + after)
    return float(frequency[at] + shift * (frequency[1] - frequency[0]))
