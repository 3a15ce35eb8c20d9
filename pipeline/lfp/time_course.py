"""Band power around an administration, bin by bin."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pipeline.lfp.spectrogram import ShortSpectra


@dataclass(frozen=True, eq=False)
class TimeCourse:
    """Mean band power of the clean windows of each bin.

    Attributes
    ----------
    power : DataArray (time, region, band), float64, uV^2
        time is the start of each bin in seconds from the administration; only bins that have a
        clean window.
    n_windows : ndarray of int, shape (n_bins,)
        Windows that each bin rests on.
    seconds : ndarray, shape (n_bins,)
        Clean seconds that these cover.
    """

    power: xr.DataArray
    n_windows: NDArray[np.int64]
    seconds: NDArray[np.float64]


def time_course(
    short: ShortSpectra,
    *,
    zero_s: float,
    bin_s: float = 10.0,
    before_s: float = 1800.0,
    after_s: float = 7200.0,
    from_s: float = -math.inf,
    until_s: float = math.inf,
) -> TimeCourse:
    """Average the windows of a session in bins that are counted from an administration.

    A window belongs to the bin that holds its middle. The bins of the administration that the
    windows were laid out from (``origin_s`` of :func:`pipeline.lfp.spectrogram.short_spectra`) hold
    whole windows only; those of a further one may share half a window with their neighbours.

    Parameters
    ----------
    short : ShortSpectra
        Of the session.
    zero_s : float
        The administration, seconds on the session clock.
    bin_s : float
        Width of a bin.
    before_s, after_s : float
        Bins begin so long before it and end so long after it, in whole bins.
    from_s, until_s : float
        Time on the session clock outside which nothing is taken (the administrations before and
        after this one).

    Returns
    -------
    TimeCourse
    """
    middle = short.power["time"].values
    number = np.floor((middle - zero_s) / bin_s + 1e-9).astype(np.int64)
    first, past = math.ceil(-before_s / bin_s - 1e-9), math.floor(after_s / bin_s + 1e-9)
    used = (number >= first) & (number < past) & (middle >= from_s) & (middle < until_s)
    held, at = np.unique(number[used], return_inverse=True)
    counts = np.bincount(at, minlength=len(held))
    values = short.power.values[used]
    sums = np.zeros((len(held), *values.shape[1:]))
    np.add.at(sums, at, values)
    power = xr.DataArray(
        sums / counts[:, np.newaxis, np.newaxis],
        dims=("time", "region", "band"),
        coords={
            "time": held * bin_s,
            "region": short.power["region"].values,
            "band": short.power["band"].values,
        },
        name="power",
        attrs={"units": "uV^2"},
    )
    return TimeCourse(power, counts, counts.astype(np.float64) * short.window_s)
