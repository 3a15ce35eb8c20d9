"""Aperiodic part of the spectrum, and the peaks that stand above it.

The model is that of specparam (Donoghue et al. 2020, Nat Neurosci 23:1655): log10 of the density is
a line over log10 of the frequency (mode ``fixed``; with a bend below in mode ``knee``) plus
Gaussian peaks. It is fitted to the mean density over a region's good channels, as band power is
measured, in two ranges: the broad one, and the one under fast oscillations. The latter is always a
straight line: a bend lies lower.

Mains. What a range loses to them is in :mod:`pipeline.lfp.mains`. Goodness is judged on measured
points only: bridges fit too well.

Peaks. Their widths may be four times those of the broad range in the fast one, where oscillations
are wider (ketamine's is 20 to 40 Hz wide). Three kinds belong to the model but do not count as
peaks: those that end at the widest width, which are a bend of the background; those whose centre is
pushed to an end of the range, whose other side nobody saw; and those that the fit left lower than
the least height.

Short epochs. Their spectra are noisy, noise makes peaks, and what is taken for peaks is taken from
the aperiodic part: with the least height of a peak alone, half a minute of pure 1/f noise got 5.8
peaks, and power above the aperiodic part came out 0.4 dB too high (0.6 in the fast range), but not
in ten minutes, so that a short epoch would have differed from a long one by its length. A peak must
therefore also stand 4 standard deviations of the spectrum's own noise high, and the fast range is
fitted to the density averaged over its narrowest peak: 0.02 peaks and less than 0.05 dB remain at
every length from 30 s on.

Gate. A fit whose mean error is too large gives no value, and neither does a fit of the broad range
with too small an R2. R2 compares the error with the fall of the spectrum, so that noise alone makes
it small where epochs are short and the spectrum is flat (below 0.95 in one of ten spectra of half a
minute with exponent 1): a drug that flattens the spectrum would lose its own sessions. What the
spectrum's noise takes from R2 is therefore given back before it is judged, and R2 is no gate of the
fast range, which is no wider than a factor of 4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pipeline.lfp.bands import band_power, region_mean
from pipeline.lfp.mains import bridged, fitted_range, mains_ranges
from pipeline.lfp.peaks import Peak, gathered, highest, mark_harmonics, of_band
from pipeline.lfp.spectrum import Spectrum

#: widths of peaks in the fast range, as a multiple of those in the broad one
_FAST_WIDTHS = 4.0
#: spacing of the points of the fast range
_FAST_STEP_HZ = 1.0
#: a peak must stand so many standard deviations of the spectrum's noise above the aperiodic part
_LEAST_OVER_NOISE = 4.0
#: standard deviation of a normal distribution / its median absolute deviation
_SD_PER_MAD = 1.482602218505602
#: a peak wider than this part of the widest width is at it
_WIDE = 0.99
#: part of a band that a fit's range must hold
_LEAST_PART = 0.5

Which = Literal["broad", "fast"]


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Aperiodic part of one region in one range, and the peaks above it.

    Attributes
    ----------
    offset : float
        log10 of uV^2/Hz: the line's height at 1 Hz (without a knee).
    exponent : float
        Fall of the spectrum, positive.
    knee : float
        Bend of the mode ``knee``, Hz^exponent; 0 in the mode ``fixed``.
    r_squared, error : float
        Squared correlation with, and mean absolute difference (log10) from, the measured points.
    peaks : tuple of Peak
        By frequency.
    """

    offset: float
    exponent: float
    knee: float
    r_squared: float
    error: float
    peaks: tuple[Peak, ...] = ()

    def density(self, frequency: Any) -> Any:
        """Density of the aperiodic part at a frequency (Hz), uV^2/Hz."""
        return 10.0**self.offset / (self.knee + np.asarray(frequency, dtype=float) ** self.exponent)


@dataclass(frozen=True, kw_only=True)
class FailedFit:
    """A fit that gives no value: where, in which range (``broad`` or ``fast``), and why."""

    region: str
    which: Which
    why: str


@dataclass(frozen=True, eq=False, kw_only=True)
class SpectralShape:
    """Fits of one epoch.

    Attributes
    ----------
    density : DataArray (region, frequency)
        Mean over each region's good channels, uV^2/Hz, as measured (mains included).
    broad_hz, fast_hz : tuple of float or None
        Ranges that were fitted, within the pass band; None where it leaves too little.
    broad, fast : mapping of str to Fit
        By region; a region whose fit failed is not in it.
    failed : tuple of FailedFit
        Those.
    line_hz : float or None
        Mains that was left out of powers.
    mains : ndarray, shape (n, 2)
        Hz that the fits left out.
    least_height : float
        log10 of the least height of a peak.
    n_windows : int
    seconds : float
        Of the spectrum.
    """

    density: xr.DataArray
    broad_hz: tuple[float, float] | None
    fast_hz: tuple[float, float] | None
    broad: Mapping[str, Fit]
    fast: Mapping[str, Fit]
    failed: tuple[FailedFit, ...]
    line_hz: float | None
    mains: NDArray[np.float64]
    least_height: float
    n_windows: int
    seconds: float

    def fits_of(self, low: float, high: float) -> tuple[Mapping[str, Fit], float, float] | None:
        """Return the fits that a band is measured against, and what of the band they hold.

        The range that holds more of the band, the broad one where both hold as much: a choice by
        ranges only, so that it is the same in every epoch. None where it holds less than half.
        """
        found: tuple[Mapping[str, Fit], float, float] | None = None
        most = _LEAST_PART * (high - low)
        for fits, span in ((self.broad, self.broad_hz), (self.fast, self.fast_hz)):
            if span is None:
                continue
            inside = max(low, span[0]), min(high, span[1])
            part = inside[1] - inside[0]
            if part >= most - 1e-9 and (found is None or part > most + 1e-9):
                found, most = (fits, *inside), part
        return found

    def peaks_in(self, low: float, high: float) -> dict[str, Peak]:
        """Return each region's highest peak in a band, Hz; regions without one are left out."""
        chosen = self.fits_of(low, high)
        if chosen is None:
            return {}
        found = {region: highest(fit.peaks, low, high) for region, fit in chosen[0].items()}
        return {region: peak for region, peak in found.items() if peak is not None}

    def peaks_of(self, band: str, bands: Mapping[str, Sequence[float]]) -> dict[str, Peak]:
        """Return each region's peak of a band, if any (:func:`pipeline.lfp.peaks.of_band`)."""
        chosen = self.fits_of(*bands[band])
        if chosen is None:
            return {}
        found = {region: of_band(fit.peaks, band, bands) for region, fit in chosen[0].items()}
        return {region: peak for region, peak in found.items() if peak is not None}

    def power_above(self, low: float, high: float) -> dict[str, float]:
        """Return each region's power in a band over that of its aperiodic part in the same band."""
        chosen = self.fits_of(low, high)
        if chosen is None:
            return {}
        fits, low, high = chosen
        ratios = {}
        for region, fit in fits.items():
            measured = self.density.sel(region=region)
            frequency = measured["frequency"].values
            # 0 Hz has no density under a power law; it lies in no range
            under = np.where(frequency > 0, fit.density(np.maximum(frequency, 1e-9)), 0.0)
            power = band_power(measured, low, high, line_hz=self.line_hz)
            level = band_power(measured.copy(data=under), low, high, line_hz=self.line_hz)
            if power is not None and level is not None:
                ratios[region] = float(power / level)
        return ratios


def spectral_shape(
    spectrum: Spectrum,
    *,
    options: Mapping[str, Any],
    line_hz: float | None,
    mains: NDArray[np.float64] | None = None,
) -> SpectralShape | None:
    """Fit the aperiodic part and the peaks of every region.

    Parameters
    ----------
    spectrum : Spectrum
        Of the epoch.
    options : mapping
        ``lfp.aperiodic``: fit_hz, hfo_fit_hz, mode, peak_width_hz, max_peaks, min_peak_height,
        min_r_squared, max_error.
    line_hz : float or None
        Mains frequency.
    mains : ndarray, shape (n, 2), optional
        What fits leave out around it, Hz (:func:`pipeline.lfp.mains.mains_ranges` of the session);
        from this very spectrum when not given.

    Returns
    -------
    SpectralShape or None
        None when no channel has a region, or the pass band holds less than an octave of both
        ranges.
    """
    density = region_mean(spectrum.psd)
    if not density.sizes["region"]:
        return None
    mains = mains_ranges(density, line_hz) if mains is None else mains
    frequency = density["frequency"].values
    spans: dict[Literal["broad", "fast"], tuple[float, float] | None] = {
        "broad": fitted_range(frequency, options["fit_hz"], mains=mains),
        "fast": fitted_range(frequency, options["hfo_fit_hz"], mains=mains),
    }
    if not any(spans.values()):
        return None
    fits: dict[str, dict[str, Fit]] = {"broad": {}, "fast": {}}
    failed = []
    for which, span in spans.items():
        for region, values in zip(density["region"].values, density.values, strict=True):
            if span is None:
                continue
            fit, why = _fit(frequency, values, span, options, which=which, mains=mains)
            if fit is None or why:
                failed.append(FailedFit(region=str(region), which=which, why=why))
            else:
                fits[which][str(region)] = fit
    return SpectralShape(
        density=density,
        broad_hz=spans["broad"],
        fast_hz=spans["fast"],
        broad=fits["broad"],
        fast=fits["fast"],
        failed=tuple(failed),
        line_hz=line_hz,
        mains=mains,
        least_height=options["min_peak_height"],
        n_windows=spectrum.n_windows,
        seconds=spectrum.seconds,
    )


def _fit(
    frequency: NDArray[np.float64],
    density: NDArray[np.float64],
    span: tuple[float, float],
    options: Mapping[str, Any],
    *,
    which: Which,
    mains: NDArray[np.float64],
) -> tuple[Fit, str] | tuple[None, str]:
    """The fit of one region in one range, and why it gives no value ("" where it does)."""
    above = frequency > 0
    if not (density[above] > 0).all():
        return None, "the density is 0 at some frequencies"
    picked = frequency[above]
    logs, measured = bridged(picked, np.log10(density[above]), mains=mains)
    widths, mode = tuple(options["peak_width_hz"]), options["mode"]
    if which == "fast":
        widths, mode = (_FAST_WIDTHS * widths[0], _FAST_WIDTHS * widths[1]), "fixed"
        logs = np.log10(averaged(picked, 10.0**logs, width_hz=widths[0]))
        every = max(1, int(_FAST_STEP_HZ / (picked[1] - picked[0]) + 1e-9))
        picked, logs, measured = picked[::every], logs[::every], measured[::every]
    inside = (picked >= span[0] - 1e-9) & (picked <= span[1] + 1e-9)
    picked, logs, measured = picked[inside], logs[inside], measured[inside]
    noise = scatter(picked, logs, width_hz=widths[0])
    least = max(options["min_peak_height"], _LEAST_OVER_NOISE * noise)
    parameters, peaks, modelled = _specparam(
        picked, logs, mode, widths=widths, least=least, most=options["max_peaks"]
    )
    if modelled is None or not np.isfinite(modelled).all():
        return None, "the fit did not converge"
    offset, knee, exponent = parameters
    r_squared = float(np.corrcoef(logs[measured], modelled[measured])[0, 1] ** 2)
    error = float(np.mean(np.abs(logs[measured] - modelled[measured])))
    fit = Fit(offset=offset, exponent=exponent, knee=knee, r_squared=r_squared, error=error)
    ends = span[0] + widths[0] / 2, span[1] - widths[0] / 2
    peaks = [
        peak
        for peak in peaks
        if ends[0] < peak.frequency_hz < ends[1]
        and peak.width_hz < _WIDE * widths[1]
        and peak.height >= least
    ]
    ratio = logs - np.log10(fit.density(picked))
    # looked for before and after: a hump beside a harmonic is drawn away from it, or to it
    found = mark_harmonics(peaks, fit.density)
    found = gathered(found, picked, ratio, narrowest_hz=widths[0])
    fit = replace(fit, peaks=mark_harmonics(found, fit.density))
    if why := knee_is_nowhere(fit, span):
        return fit, why
    if error > options["max_error"]:
        return fit, f"mean error {error:.3f} above {options['max_error']:g}"
    judged = r_squared + float(noise**2 / np.var(logs[measured]))
    if which == "broad" and not judged >= options["min_r_squared"]:
        return fit, f"R2 {judged:.3f} (without noise) below {options['min_r_squared']:g}"
    return fit, ""


def knee_is_nowhere(fit: Fit, span: tuple[float, float]) -> str:
    """Why a knee says nothing about the spectrum, "" if it does or there is none."""
    if not fit.knee:
        return ""
    if fit.exponent <= 0:
        return f"a knee with exponent {fit.exponent:.2f}"
    bend = math.copysign(abs(fit.knee) ** (1.0 / fit.exponent), fit.knee)
    # below the range a knee of either sign is a straight line; a negative one has its pole there
    if bend > span[1] or bend < -span[0] / 2:
        return f"the knee lies at {bend:.1f} Hz, outside the range"
    return ""


def averaged(
    frequency: NDArray[np.float64], density: NDArray[np.float64], *, width_hz: float
) -> NDArray[np.float64]:
    """Mean density over `width_hz` around each frequency, as far as the spectrum reaches."""
    half = int(width_hz / 2 / (frequency[1] - frequency[0]) + 1e-9)
    total = np.concatenate([[0.0], np.cumsum(density)])
    position = np.arange(len(density))
    first = np.maximum(position - half, 0)
    past = np.minimum(position + half + 1, len(density))
    return (total[past] - total[first]) / (past - first)


def scatter(
    frequency: NDArray[np.float64], log_density: NDArray[np.float64], *, width_hz: float
) -> float:
    """Standard deviation of the noise of a spectrum (log10), peaks and slope apart.

    From the differences over the narrowest width of a peak, which neither tapers nor averaging
    correlate; the median absolute deviation passes over the few that span a peak.
    """
    lag = max(1, round(width_hz / (frequency[1] - frequency[0])))
    steps = log_density[lag:] - log_density[:-lag]
    spread = np.median(np.abs(steps - np.median(steps)))
    return float(_SD_PER_MAD * spread / math.sqrt(2.0))


def _specparam(
    frequency: NDArray[np.float64],
    log_density: NDArray[np.float64],
    mode: str,
    *,
    widths: tuple[float, ...],
    least: float,
    most: int,
) -> tuple[tuple[float, float, float], list[Peak], NDArray[np.float64] | None]:
    """Offset, knee and exponent, peaks, and the modelled log10 density; None without a fit."""
    from specparam import SpectralModel

    model = SpectralModel(
        aperiodic_mode=mode,
        peak_width_limits=widths,
        max_n_peaks=most,
        min_peak_height=least,
        verbose=False,
    )
    model.fit(frequency, 10.0**log_density)
    if not model.results.has_model:
        return (math.nan, math.nan, math.nan), [], None
    parameters = [float(value) for value in model.get_params("aperiodic")]
    offset, knee, exponent = parameters if mode == "knee" else (parameters[0], 0.0, parameters[1])
    rows = np.atleast_2d(model.get_params("periodic"))
    peaks = [
        Peak(frequency_hz=float(centre), height=float(height), width_hz=float(width))
        for centre, height, width in rows
        if np.isfinite(centre)
    ]
    return (offset, knee, exponent), peaks, model.results.model.modeled_spectrum
