"""Complexity of one cell: Lempel-Ziv, raw and against signals of the same spectrum.

A steeper spectrum alone lowers Lempel-Ziv complexity, and so does a stronger rhythm. Each window
therefore has a twin with the same amplitudes and random phases (Theiler et al., Physica D 1992,
58:77): what is left in the ratio is no matter of the spectrum.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from pipeline.lfp.analytic import Piece, band_gain, channels_by_region, cut_pieces, piece_spectra
from pipeline.lfp.lempel_ziv import above_median, lempel_ziv_rate
from pipeline.lfp.signal import rate_of, read_samples, sample_ranges

#: true signal that is transformed and dropped on either side of each window
MARGIN_S = 1.0
#: width of the band's edges
RAMP_HZ = 1.0
#: channels of a region that are looked at, evenly spread over its good ones: neighbours see nearly
#: the same signal, and the sixteenth channel costs as much as the first
CHANNELS_PER_REGION = 4
#: first part of the seed of the random phases
SEED = 1992
#: windows that are read and transformed together
_TOGETHER = 8


@dataclass(frozen=True, eq=False)
class Complexity:
    """Lempel-Ziv complexity of one cell.

    Attributes
    ----------
    lempel_ziv : DataArray (region,)
        Words x log2(n) / n, mean over windows and channels.
    surrogate : DataArray (region,)
        The same of the windows' phase-randomised twins.
    n_windows : int
        Windows that it rests on.
    seconds : float
        Their length.
    """

    lempel_ziv: xr.DataArray
    surrogate: xr.DataArray
    n_windows: int
    seconds: float


def cell_complexity(
    lfp: xr.DataArray,
    intervals: ArrayLike,
    *,
    options: Mapping[str, Any],
    line_hz: float | None,
) -> Complexity | None:
    """Lempel-Ziv complexity of the clean time of one cell.

    Each window is limited to the band without a shift in time (:func:`band_gain`; 1 s of true
    signal on either side is transformed and dropped), brought to the lower rate and cut at its
    median into samples above and not above. Around the mains and its harmonics the band has a
    hole, in the window as in its twin. The twin gets its random phases from a generator seeded with
    the window's own samples: the same window has the same twin in every cell, in all of its
    channels the same phases, and no two animals share their chance.

    A window's complexity does not depend on how many there are; the mean is therefore free of a
    bias that differs between long cells and short ones.

    Parameters
    ----------
    lfp : DataArray (time, channel)
        Microvolts; may be opened lazily.
    intervals : array_like, shape (n, 2)
        Clean seconds of the cell on the session clock, without overlaps.
    options : mapping
        ``window_s``, ``rate_hz``, ``band_hz`` and ``windows``, the least number of windows.
    line_hz : float or None
        Mains frequency.

    Returns
    -------
    Complexity or None
        None when there are fewer windows than asked for, when no region is named, or when the
        band reaches beyond the pass-band of the recording, or half the rate (options whose own
        rate is too low for the band are refused with the config).
    """
    low, high = options["band_hz"]
    rate = rate_of(lfp)
    ratio = Fraction(min(options["rate_hz"] / rate, 1.0)).limit_denominator(200)
    if high > _pass_band(lfp) or high + RAMP_HZ / 2 >= rate * ratio / 2:
        return None
    regions = channels_by_region(lfp, at_most=CHANNELS_PER_REGION)
    pieces = _windows(sample_ranges(lfp, intervals), rate, options["window_s"], ratio)
    if len(pieces) < options["windows"] or not regions:
        return None
    gain = band_gain(
        np.arange(pieces[0].n_fft // 2 + 1, dtype=np.float64) * (rate / pieces[0].n_fft),
        low,
        high,
        ramp_hz=RAMP_HZ,
        line_hz=line_hz,
    )
    channels = np.sort(np.concatenate(list(regions.values())))
    sums = np.zeros((2, len(channels)))
    for together in _runs(pieces):
        spectra, seeds = _spectra(lfp, together, channels)
        spectra *= gain
        phases = np.stack([_random_phases(seed, len(gain)) for seed in seeds])
        for kind, spectrum in enumerate((spectra, spectra * phases)):
            sums[kind] += _rates(_slow(spectrum, pieces[0], ratio))
    means = sums / len(pieces)
    names = list(regions)
    values = [
        [means[kind, np.isin(channels, regions[name])].mean() for name in names] for kind in (0, 1)
    ]
    real, twin = (
        xr.DataArray(value, dims="region", coords={"region": np.array(names, dtype=str)})
        for value in values
    )
    seconds = len(pieces) * pieces[0].length / rate
    return Complexity(real, twin, len(pieces), float(seconds))


def _pass_band(lfp: xr.DataArray) -> float:
    return float(lfp.attrs.get("pass_band_hz", rate_of(lfp) / 2)) + 1e-9


def _windows(
    ranges: NDArray[np.int64], rate_hz: float, window_s: float, ratio: Fraction
) -> list[Piece]:
    """Windows of one length that lie, with their margins, wholly inside one clean range."""
    step = ratio.denominator
    margin = step * math.ceil(MARGIN_S * rate_hz / step)
    length = step * round(window_s * rate_hz / step)
    return cut_pieces(ranges, longest=length, shortest=length, margin=margin, multiple=step)


def _runs(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Neighbouring windows, some at a time: they are read in one go."""
    run: list[Piece] = []
    for piece in pieces:
        if run and (piece.first != run[-1].past or len(run) == _TOGETHER):
            yield run
            run = []
        run.append(piece)
    if run:
        yield run


def _spectra(
    lfp: xr.DataArray, together: Sequence[Piece], channels: NDArray[np.int64]
) -> tuple[NDArray[np.complex64], list[int]]:
    """Transforms of neighbouring windows, and a number that stands for each window's samples.

    Shape of the transforms: (n_channels, n_windows, n_fft // 2 + 1).
    """
    margin, length = together[0].margin, together[0].length
    samples = read_samples(lfp, together[0].first - margin, together[-1].past + margin, channels)
    view = np.lib.stride_tricks.sliding_window_view(samples, length + 2 * margin, axis=1)
    cut = view[:, ::length][:, : len(together)]
    flat = piece_spectra(cut.reshape(-1, length + 2 * margin), together[0])
    seeds = [zlib.crc32(np.ascontiguousarray(window).data) for window in cut[0]]
    return flat.reshape(len(channels), len(together), -1), seeds


def _random_phases(seed: int, n_bins: int) -> NDArray[np.complex64]:
    """Unit factors of random phase; the same window always has the same."""
    rng = np.random.default_rng([SEED, seed])
    angle = rng.random(n_bins, dtype=np.float32) * np.float32(2 * np.pi)
    return np.cos(angle) + 1j * np.sin(angle)


def _slow(spectra: NDArray[np.complex64], piece: Piece, ratio: Fraction) -> NDArray[np.float32]:
    """Windows at the lower rate, without their margins; the scale does not matter here."""
    from scipy.fft import irfft

    short = piece.n_fft * ratio.numerator // ratio.denominator
    begin = piece.margin * ratio.numerator // ratio.denominator
    count = piece.length * ratio.numerator // ratio.denominator
    signals = irfft(spectra[..., : short // 2 + 1], short, axis=-1)
    return signals[..., begin : begin + count]


def _rates(signals: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sum over windows of each channel's complexity, shape (n_channels,)."""
    above = above_median(signals)
    return np.array([sum(lempel_ziv_rate(bits) for bits in channel) for channel in above])
