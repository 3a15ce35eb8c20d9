"""Power in a frequency band, with the mains left out."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

#: half width of what is left out around the mains line and its harmonics; wider than the tapers
#: spread a line
LINE_HALF_WIDTH_HZ = 2.0


def line_bands(line_hz: float | None, max_hz: float) -> NDArray[np.float64]:
    """Frequency ranges around the mains line and its harmonics, shape (n, 2), in Hz."""
    if line_hz is None:
        return np.empty((0, 2))
    lines = np.arange(line_hz, max_hz + LINE_HALF_WIDTH_HZ, line_hz)
    return lines[:, np.newaxis] + np.array([-LINE_HALF_WIDTH_HZ, LINE_HALF_WIDTH_HZ])


def bin_widths(
    frequency: NDArray[np.float64], low: float, high: float, *, masked: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Part of each frequency bin, in Hz, that lies in [low, high) and in no masked range.

    A bin reaches half way to its neighbours, so that bands with a common edge share no power and
    miss none, wherever the edge lies between the bins.

    Parameters
    ----------
    frequency : ndarray, shape (n,)
        Evenly spaced bin centres in Hz.
    low, high : float
        Band in Hz.
    masked : ndarray, shape (m, 2)
        Disjoint ranges in Hz.

    Returns
    -------
    ndarray, shape (n,)
    """
    half = (frequency[1] - frequency[0]) / 2

    def inside(start: float, stop: float) -> NDArray[np.float64]:
        return np.clip(
            np.minimum(frequency + half, stop) - np.maximum(frequency - half, start), 0, None
        )

    widths = inside(low, high)
    for start, stop in masked:
        if start < high and stop > low:
            widths = widths - inside(max(start, low), min(stop, high))
    return np.where(widths > 1e-9, widths, 0.0)


def band_power(
    psd: xr.DataArray, low: float, high: float, *, line_hz: float | None
) -> NDArray[np.float64] | None:
    """Power in [low, high) Hz.

    The density is summed over its bins (rectangle rule), bins at the edges by the part that lies
    inside. What lies within 2 Hz of the mains or a harmonic is left out, and the rest is scaled to
    the full width of the band: a notch would bias the band down, more so the narrower it is.

    Parameters
    ----------
    psd : DataArray (..., frequency)
        uV^2/Hz.
    low, high : float
        Band in Hz.
    line_hz : float or None
        Mains frequency; None when there is none to leave out.

    Returns
    -------
    ndarray or None
        uV^2 over the remaining dimensions. None when the band reaches beyond the spectrum or lies
        wholly under the mask: there is nothing to state then.
    """
    frequency = psd["frequency"].values
    half = (frequency[1] - frequency[0]) / 2
    if high > frequency[-1] + half + 1e-9:
        return None
    widths = bin_widths(frequency, low, high, masked=line_bands(line_hz, high))
    if (covered := widths.sum()) <= 0:
        return None
    return psd.transpose(..., "frequency").values @ widths * ((high - low) / covered)


def region_mean(psd: xr.DataArray) -> xr.DataArray:
    """Mean density over the channels of each region: (region, frequency), regions by name.

    Channels without a region are left out: no outcome could name them.
    """
    regions = psd["region"].values.astype(str)
    names = sorted(set(regions) - {""})
    values = psd.transpose("channel", "frequency").values
    means = [values[regions == name].mean(axis=0) for name in names]
    return xr.DataArray(
        np.array(means).reshape(len(names), psd.sizes["frequency"]),
        dims=("region", "frequency"),
        coords={"region": names, "frequency": psd["frequency"].values},
    )
