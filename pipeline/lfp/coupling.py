"""Coupling between regions: how alike, and how much shifted, two regions oscillate.

Four measures, all from the same multitaper cross-spectra of short windows. Coherence and pairwise
phase consistency (PPC) also count what both regions share without a lag: a true synchrony with no
lag and the spread of one source to both electrodes look alike to them. Imaginary coherence and the
debiased weighted phase lag index (wPLI) count only what is shifted in time: blind to the spread,
and blind to a true synchrony without lag. So they stand side by side, and none replaces another.

**Equal numbers of windows.** Coherence of unrelated signals is not zero: it falls with the square
root of the number of windows, so that a longer cell would seem less coherent than a shorter one.
Conditions lie in different sessions, which do not know of each other; therefore every estimate,
in every cell of the experiment, rests on exactly ``options["windows"]`` windows. A cell with n
windows is dealt out to B = n // windows blocks, window i to block i mod B; each measure is computed
in each block, and the blocks are averaged. Its bias is then that of one block whatever the length
of the cell, and its error shrinks with the number of blocks.

Sources: coherence, Carter 1987, Proc IEEE 75:236; imaginary coherence, Nolte et al. 2004, Clin
Neurophysiol 115:2292; debiased wPLI, Vinck et al. 2011, NeuroImage 55:1548; PPC, Vinck et al. 2010,
NeuroImage 51:112. Tests hold all four to mne-connectivity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from pipeline.lfp.bands import line_bands
from pipeline.lfp.multitaper import Tapers, tapered_spectra, tapers_for
from pipeline.lfp.signal import good_channels, rate_of, read_samples, sample_ranges
from pipeline.lfp.spectrum import channel_coords, passed_frequencies, segment_samples
from pipeline.metric import Value

#: the measures, in the order of their files and figures: the first two see what has no lag
MEASURES = ("coherence", "pairwise_phase_consistency", "imaginary_coherence", "debiased_wpli")
#: frequencies are followed up to here, further only for a band that reaches further
HIGHEST_HZ = 200.0
#: an imaginary part that is smaller than this part of the real one is none
_ROUNDING = 1e-12
#: bytes of sums held at a time; blocks of windows are taken in groups that stay below it
_HELD_BYTES = 128 * 2**20
#: bytes of samples read at a time
_READ_BYTES = 8 * 2**20


@dataclass(frozen=True, eq=False)
class Coupling:
    """Coupling between the regions of one cell.

    Attributes
    ----------
    spectra : Dataset
        Variables :data:`MEASURES` over (pair, frequency), each the mean over the pairs of channels
        of two regions and over the blocks. ``pair`` is "A~B" with coordinates ``region`` and
        ``region_b`` in the order of their names; ``frequency`` in Hz, above 0. NaN around the
        mains, and where a channel is silent throughout.
    n_windows : int
        Windows used.
    n_blocks : int
        Blocks of equally many windows that they were dealt out to.
    n_tapers : int
        Tapers of every window.
    seconds : float
        Clean seconds used.
    """

    spectra: xr.Dataset
    n_windows: int
    n_blocks: int
    n_tapers: int
    seconds: float

    @property
    def n_effective(self) -> float:
        """Windows x tapers of one block: what the bias of coherence depends on, equal in all cells.

        For tables and for reading: no scale uses it (coherence is a share, but not of a count).
        """
        return float(self.n_windows // self.n_blocks * self.n_tapers)


def cell_coupling(
    lfp: xr.DataArray,
    intervals: ArrayLike,
    *,
    options: Mapping[str, Any],
    line_hz: float | None,
    highest_hz: float = HIGHEST_HZ,
    tapers: int | None = None,
) -> Coupling | None:
    """Coupling between all pairs of regions in one cell.

    Windows do not overlap, lie wholly inside one interval, on a grid from each interval's start,
    and are pooled over all intervals. Those that are too many for whole blocks are left out evenly
    over the cell.

    Parameters
    ----------
    lfp : DataArray (time, channel)
        Microvolts; may be opened lazily. Bad channels, and channels without a region, are left out.
    intervals : array_like, shape (n, 2)
        Clean seconds of the cell on the session clock, without overlaps.
    options : mapping
        ``window_s``, ``windows`` (of every estimate) and ``half_bandwidth_hz``.
    line_hz : float or None
        Mains frequency; what lies within 2 Hz of it and its harmonics is left out.
    highest_hz : float
        Frequencies are followed up to here, as far as the pass band reaches.
    tapers : int, optional
        Number of tapers; those concentrated to 0.999 when not given (3 for 2 s and 1.5 Hz).

    Returns
    -------
    Coupling or None
        None with fewer than two regions, or fewer windows than one estimate rests on.

    Raises
    ------
    InputError
        If intervals overlap, or no good channel is left.
    """
    rate = rate_of(lfp)
    length, _ = segment_samples(rate, segment_s=options["window_s"], overlap=0.0)
    channels = good_channels(lfp)
    named = channel_coords(lfp, channels)["region"][1]
    channels, named = channels[named != ""], named[named != ""]
    regions = sorted(set(named.tolist()))
    starts = window_starts(sample_ranges(lfp, intervals), length)
    n_blocks = len(starts) // options["windows"]
    if len(regions) < 2 or n_blocks == 0:
        return None
    starts = evenly(starts, n_blocks * options["windows"])
    members = {region: np.flatnonzero(named == region) for region in regions}
    pairs = tuple(combinations(regions, 2))
    taper_set = tapers_for(
        length, rate_hz=rate, half_bandwidth_hz=options["half_bandwidth_hz"], tapers=tapers
    )
    # Without a mean there is nothing at 0 Hz.
    frequency = passed_frequencies(lfp, length)[1:]
    frequency = frequency[frequency <= highest_hz + 1e-9]
    products = sum(len(members[a]) * len(members[b]) for a, b in pairs)
    at_once = max(1, _HELD_BYTES // (8 * len(frequency) * (6 * products + len(channels))))
    dealt = np.arange(len(starts)) % n_blocks
    total = np.zeros((len(MEASURES), len(pairs), len(frequency)))
    for first in range(0, n_blocks, at_once):
        blocks = np.arange(first, min(first + at_once, n_blocks))
        sums = _Sums.empty(len(blocks), len(frequency), members, pairs)
        picked = np.flatnonzero(np.isin(dealt, blocks))
        for index, samples in _samples(lfp, starts[picked], length, channels):
            spectra = _weighted_spectra(samples, taper_set, len(frequency))
            sums.add(dealt[picked[index]] - first, spectra)
        total += sums.measures(options["windows"]).sum(axis=1)
    for low, high in line_bands(line_hz, float(frequency[-1])):
        total[..., (frequency >= low - 1e-9) & (frequency <= high + 1e-9)] = np.nan
    return Coupling(
        spectra=_dataset(total / n_blocks, pairs, frequency),
        n_windows=len(starts),
        n_blocks=n_blocks,
        n_tapers=len(taper_set.windows),
        seconds=float(len(starts) * length / rate),
    )


def window_starts(ranges: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """First samples of the windows that fit into each range, one after the other.

    Parameters
    ----------
    ranges : ndarray of int, shape (n, 2)
        Sample ranges [first, past).
    length : int
        Samples per window.

    Returns
    -------
    ndarray of int
    """
    fitting = [np.arange(first, past - length + 1, length) for first, past in ranges]
    return np.concatenate([np.empty(0, dtype=np.int64), *fitting])


def evenly(values: NDArray[np.int64], keep: int) -> NDArray[np.int64]:
    """`keep` of the values, those left out spread evenly."""
    return values[((np.arange(keep) + 0.5) * len(values) / keep).astype(np.int64)]


def band_coupling(
    coupling: Coupling, measure: str, *, bands: Mapping[str, tuple[float, float]]
) -> list[Value]:
    """One measure of every pair of regions in every band.

    Parameters
    ----------
    coupling : Coupling
        Of the cell.
    measure : str
        One of :data:`MEASURES`.
    bands : mapping
        Name -> [low, high) in Hz.

    Returns
    -------
    list of Value
        Mean over the frequencies of the band, those around the mains left out. A band that reaches
        beyond the spectrum, that holds no other frequency, or whose value is not defined (a channel
        was silent) is left out.
    """
    spectra = coupling.spectra[measure].transpose("pair", "frequency")
    frequency = spectra["frequency"].values
    half = (frequency[1] - frequency[0]) / 2
    stated = np.isfinite(spectra.values)
    usable = stated.any(axis=0)
    values = []
    for band, (low, high) in bands.items():
        inside = usable & (frequency >= low - 1e-9) & (frequency < high - 1e-9)
        if high > frequency[-1] + half + 1e-9 or not inside.any():
            continue
        values += [
            Value(
                value=float(curve[inside].mean()),
                region=str(region),
                region_b=str(region_b),
                band=band,
                n_effective=coupling.n_effective,
                n_effective_unit="tapered windows",
            )
            for region, region_b, curve, known in zip(
                spectra["region"].values,
                spectra["region_b"].values,
                spectra.values,
                stated,
                strict=True,
            )
            if known[inside].all()
        ]
    return values


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over the windows of each block.

    ``power`` is (block, frequency, channel); ``cross`` holds for each pair of regions (part, block,
    frequency, channel of the one, channel of the other), parts: real, imaginary, its size, its
    square, and real and imaginary part of the cross-spectrum divided by its size.
    """

    members: Mapping[str, NDArray[np.int64]]
    pairs: tuple[tuple[str, str], ...]
    power: NDArray[np.float64]
    cross: tuple[NDArray[np.float64], ...]

    @classmethod
    def empty(
        cls,
        n_blocks: int,
        n_frequencies: int,
        members: Mapping[str, NDArray[np.int64]],
        pairs: tuple[tuple[str, str], ...],
    ) -> _Sums:
        n_channels = sum(map(len, members.values()))
        shape = (6, n_blocks, n_frequencies)
        cross = tuple(np.zeros((*shape, len(members[a]), len(members[b]))) for a, b in pairs)
        return cls(members, pairs, np.zeros((n_blocks, n_frequencies, n_channels)), cross)

    def add(self, block: int, spectra: NDArray[np.complex128]) -> None:
        """Add a window: spectra (channel, taper, frequency), weighted."""
        # Products of complex numbers as products of real matrices, which are many times faster:
        # (x + iy)(u - iv) has the real part [x y] [u v]' and the imaginary part [x y] [-v u]'.
        real, imag = spectra.real.transpose(2, 0, 1), spectra.imag.transpose(2, 0, 1)
        left = np.concatenate((real, imag), axis=2)
        right = np.concatenate((-imag, real), axis=2)
        self.power[block] += np.einsum("fck,fck->fc", left, left)
        for (a, b), sums in zip(self.pairs, self.cross, strict=True):
            one, other = self.members[a], self.members[b]
            x = left[:, one]
            re = x @ left[:, other].transpose(0, 2, 1)
            im = x @ right[:, other].transpose(0, 2, 1)
            # Products of identical signals leave rounding errors, whose sign can be steady.
            im[np.abs(im) < _ROUNDING * np.abs(re)] = 0.0
            square = im * im
            size = np.sqrt(re * re + square)
            size[size == 0] = np.inf  # a silent window has no phase, and adds none
            for part, added in enumerate((re, im, np.abs(im), square, re / size, im / size)):
                sums[part, block] += added

    def measures(self, n: int) -> NDArray[np.float64]:
        """The measures of blocks of `n` windows, (measure, block, pair, frequency)."""
        return np.stack(
            [
                self._pair(n, self.members[a], self.members[b], sums)
                for (a, b), sums in zip(self.pairs, self.cross, strict=True)
            ],
            axis=2,
        )

    def _pair(
        self,
        n: int,
        one: NDArray[np.int64],
        other: NDArray[np.int64],
        sums: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Means over the pairs of channels of two regions, (measure, block, frequency)."""
        re, im, size, square, unit_re, unit_im = sums
        power = np.sqrt(self.power[..., one, np.newaxis] * self.power[..., np.newaxis, other])
        power = np.where(power > 0, power, np.nan)
        # The sums over all pairs of different windows that the debiased estimates rest on.
        between, weight = im * im - square, size * size - square
        lagged = np.divide(between, weight, out=np.zeros_like(between), where=weight > 0)
        consistent = (unit_re**2 + unit_im**2 - n) / (n * (n - 1))
        silent = np.where(np.isnan(power), np.nan, 0.0)
        by_channels = (np.hypot(re, im) / power, consistent + silent, im / power, lagged + silent)
        return np.stack([values.mean(axis=(-2, -1)) for values in by_channels])


def _weighted_spectra(
    samples: NDArray[np.float32], tapers: Tapers, n_frequencies: int
) -> NDArray[np.complex128]:
    """Eigenspectra of one window from the second frequency on, (channel, taper, frequency)."""
    spectra = tapered_spectra(samples, tapers.windows)[..., 1 : 1 + n_frequencies]
    return spectra * np.sqrt(tapers.weights)[:, np.newaxis]


def _samples(
    lfp: xr.DataArray, starts: NDArray[np.int64], length: int, channels: NDArray[np.int64]
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Number and samples (channel, length) of each window; neighbours are read at once."""
    most = max(length, _READ_BYTES // (4 * len(channels)))
    first = 0
    while first < len(starts):
        past = int(np.searchsorted(starts, starts[first] + most - length, side="right"))
        begin = int(starts[first])
        read = read_samples(lfp, begin, int(starts[past - 1]) + length, channels)
        for index in range(first, past):
            offset = int(starts[index]) - begin
            yield index, read[:, offset : offset + length]
        first = past


def _dataset(
    values: NDArray[np.float64], pairs: tuple[tuple[str, str], ...], frequency: NDArray[np.float64]
) -> xr.Dataset:
    """The measures with their coordinates; `values` is (measure, pair, frequency)."""
    return xr.Dataset(
        {name: (("pair", "frequency"), one) for name, one in zip(MEASURES, values, strict=True)},
        coords={
            "pair": ("pair", ["~".join(pair) for pair in pairs]),
            "region": ("pair", [region for region, _ in pairs]),
            "region_b": ("pair", [region for _, region in pairs]),
            "frequency": ("frequency", frequency, {"units": "Hz"}),
        },
    )
