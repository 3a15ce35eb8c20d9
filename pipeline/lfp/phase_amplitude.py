"""Phase-amplitude coupling of one cell: modulation index, its z value, and the comodulogram.

The modulation index is that of Tort et al., J Neurophysiol 2010, 104:1195: the mean envelope of the
fast band in 18 bins of the slow band's phase, normalised to sum to 1, and its Kullback-Leibler
distance from the flat distribution divided by log 18. It is never negative, and what it reads where
there is no coupling falls with the length of the signal; every estimate therefore rests on blocks
of one length, in every cell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import InputError
from pipeline.lfp.analytic import (
    Piece,
    analytic_signals,
    channels_by_region,
    cut_pieces,
    filter_bank,
    piece_spectra,
)
from pipeline.lfp.modulation import (
    BlockDealer,
    mean_by_phase,
    modulation_index,
    phase_bins,
    shifted_indices,
)
from pipeline.lfp.phase_rhythm import rhythm_table, slow_density, slow_frequencies
from pipeline.lfp.signal import rate_of, read_samples, sample_ranges

Band = tuple[float, float]

#: true signal that is transformed and dropped on either side of each clean stretch
MARGIN_S = 2.0
#: widths of the filters' edges; the slow filters' reach stays within the margin
PHASE_RAMP_HZ, AMPLITUDE_RAMP_HZ = 1.0, 4.0
#: least rate of the time grid; the comodulogram's is half of it
GRID_HZ = 125.0
#: samples that are transformed together
PIECE_S = 60.0
#: least shift of a surrogate
SHIFT_S = 1.0
#: first part of the seed of the shifts
SEED = 2010
#: shifts of each block at least, however many blocks there are
LEAST_SHIFTS = 4
#: centres of the comodulogram's bands, and their widths: the fast band holds the sidebands of the
#: fastest phase (2 x 12 Hz)
PHASE_HZ = tuple(range(2, 13))
AMPLITUDE_HZ = tuple(range(30, 201, 10))
PHASE_WIDTH_HZ, AMPLITUDE_WIDTH_HZ = 2.0, 24.0
#: channels of a region that the comodulogram is made of, evenly spread over its good ones
COMODULOGRAM_CHANNELS = 4


@dataclass(frozen=True, eq=False)
class PhaseAmplitude:
    """Phase-amplitude coupling of one cell.

    Attributes
    ----------
    index : DataArray (region, pair)
        Modulation index, mean over blocks and good channels; pairs are labelled "theta-low_gamma".
    index_z : DataArray (region, pair)
        Distance of the channels' mean index from that of shifted surrogates, in standard
        deviations of one block's surrogates, mean over blocks. (Not in those of the mean over
        blocks, which would make it grow with the length of the cell.)
    rhythm : Dataset (region, phase_band)
        ``power``, uV^2 in each slow band, and ``peak_db``, the height of its highest peak above
        the line through its flanks: whether there is a rhythm whose phase has a meaning. No value
        is withheld because of it: the drug may take the rhythm away, and the cells without it
        would be missing for that very reason.
    comodulogram : DataArray (region, phase_frequency, amplitude_frequency)
        Modulation index of narrow bands, mean over blocks and at most 4 channels; Hz.
    n_blocks : int
        Blocks that everything rests on.
    seconds : float
        Their length together.
    too_narrow : tuple of str
        Pairs without a value because their fast band is too narrow (:func:`too_narrow`).
    """

    index: xr.DataArray
    index_z: xr.DataArray
    rhythm: xr.Dataset
    comodulogram: xr.DataArray
    n_blocks: int
    seconds: float
    too_narrow: tuple[str, ...] = ()


def too_narrow(bands: Mapping[str, Sequence[float]], pairs: Sequence[Sequence[str]]) -> list[str]:
    """Pairs whose fast band cannot show the coupling.

    An envelope that follows a rhythm of f Hz puts sidebands f Hz to either side of the carrier; a
    band narrower than 2 f cuts them off, and the index reads next to nothing whatever the coupling
    (Aru et al., Curr Opin Neurobiol 2015, 31:51). f is the upper edge of the slow band.

    Parameters
    ----------
    bands : mapping of str to (low, high)
        Hz.
    pairs : sequence of (slow, fast)
        Names of bands.

    Returns
    -------
    list of str
        Labels ("theta-beta").
    """
    return [
        f"{slow}-{fast}"
        for slow, fast in pairs
        if bands[fast][1] - bands[fast][0] < 2 * bands[slow][1]
    ]


def cell_phase_amplitude(
    lfp: xr.DataArray,
    intervals: ArrayLike,
    *,
    bands: Mapping[str, Sequence[float]],
    options: Mapping[str, Any],
    line_hz: float | None = None,
) -> PhaseAmplitude | None:
    """Phase-amplitude coupling of the clean time of one cell.

    Filters have no phase and smooth edges (:func:`pipeline.lfp.analytic.band_gain`; 1 Hz wide for
    the slow bands, 4 Hz for the fast ones, which also get a hole around the mains and its
    harmonics, because a line of steady amplitude hides coupling). Two seconds at both ends of every
    clean stretch are dropped; what is left is pooled and dealt into as many blocks of ``seconds``
    as it holds, evenly spread. Surrogates shift the envelope against the phase around the circle of
    its block by at least 1 s, alike in all channels; block b of every cell takes the shifts that
    the generator with the seed (2010, b) draws, so that they depend on nothing else.

    Parameters
    ----------
    lfp : DataArray (time, channel)
        Microvolts; may be opened lazily.
    intervals : array_like, shape (n, 2)
        Clean seconds of the cell on the session clock, without overlaps.
    bands : mapping of str to (low, high)
        Hz.
    options : mapping
        ``pairs`` ([slow, fast] names of bands), ``seconds`` (length of a block, more than 2) and
        ``surrogates`` (shifts, over all blocks of the cell).
    line_hz : float or None
        Mains frequency.

    Returns
    -------
    PhaseAmplitude or None
        None when the clean time does not fill one block, or when no region is named. Pairs beyond
        the pass-band of the recording, and those that are :func:`too_narrow`, are left out.

    Raises
    ------
    InputError
        If a block leaves no room for a shift.
    """
    rate = rate_of(lfp)
    step = max(1, int(rate // GRID_HZ))
    pieces = cut_pieces(
        sample_ranges(lfp, intervals),
        longest=round(PIECE_S * rate),
        shortest=2 * step,
        margin=2 * step * math.ceil(MARGIN_S * rate / (2 * step)),
        multiple=2 * step,
    )
    half = int(options["seconds"] * rate / (2 * step) + 1e-6)  # a block on the coarser grid
    begins = block_begins(sum(piece.length for piece in pieces) // (2 * step), half)
    regions = channels_by_region(lfp)
    if not begins or not regions:
        return None
    channels = np.sort(np.concatenate(list(regions.values())))
    few = channels_by_region(lfp, at_most=COMODULOGRAM_CHANNELS)
    picked = np.isin(channels, np.concatenate(list(few.values())))
    pass_band = float(lfp.attrs.get("pass_band_hz", rate / 2)) + 1e-9
    slow = {name: (float(bands[name][0]), float(bands[name][1])) for name, _ in options["pairs"]}
    narrow = too_narrow(bands, options["pairs"])
    pairs = [
        (first, second)
        for first, second in options["pairs"]
        if f"{first}-{second}" not in narrow and bands[second][1] <= pass_band
    ]
    shifts = block_shifts(
        len(begins), 2 * half, least=math.ceil(SHIFT_S * rate / step), total=options["surrogates"]
    )
    filters = _Filters(rate_hz=rate, line_hz=line_hz)
    of_pairs = _PairIndices(filters, bands, pairs, shifts, len(channels), step)
    of_grid = _Comodulogram(filters, pass_band, int(picked.sum()), 2 * step)
    fine = BlockDealer([2 * begin for begin in begins], 2 * half)
    coarse = BlockDealer(begins, half)
    frequency = slow_frequencies(max((high for _, high in slow.values()), default=1.0))
    density = np.zeros((len(channels), len(frequency)))
    for piece in pieces:
        samples = read_samples(lfp, piece.first - piece.margin, piece.past + piece.margin, channels)
        spectra = piece_spectra(samples, piece)
        density += piece.length * slow_density(spectra, piece, rate_hz=rate, frequency=frequency)
        of_pairs.add(spectra, piece, fine)
        of_grid.add(spectra[picked], piece, coarse)
    density /= sum(piece.length for piece in pieces)
    names = list(regions)
    belongs = [np.isin(channels, regions[name]) for name in names]
    means = np.stack([density[used].mean(axis=0) for used in belongs])
    return PhaseAmplitude(
        *of_pairs.result(dict(zip(names, belongs, strict=True))),
        rhythm_table(means, frequency, slow, regions=names),
        of_grid.result({n: used[picked] for n, used in zip(names, belongs, strict=True)}),
        len(begins),
        float(len(begins) * 2 * half * step / rate),
        tuple(narrow),
    )


def block_begins(total: int, length: int) -> list[int]:
    """First samples of as many blocks as fit, with even gaps before, between and after them."""
    count = total // length
    spare = total - count * length
    return [block * length + spare * (2 * block + 1) // (2 * count) for block in range(count)]


def block_shifts(n_blocks: int, length: int, *, least: int, total: int) -> NDArray[np.int64]:
    """Shifts of each block, shape (n_blocks, n_shifts), samples.

    The shifts asked for are spread over the blocks (200 over 10 blocks: 20 each); a block has at
    least four.

    Raises
    ------
    InputError
        If the block is too short for a shift by `least` in both directions.
    """
    if length <= 2 * least:
        raise InputError(
            f"lfp.phase_amplitude.seconds: found {length * SHIFT_S / least:.3g} s; expected more "
            f"than {2 * SHIFT_S:g} s, which surrogates need to be shifted by {SHIFT_S:g} s"
        )
    count = max(LEAST_SHIFTS, -(-total // n_blocks))
    return np.stack(
        [
            np.random.default_rng([SEED, block]).integers(least, length - least + 1, count)
            for block in range(n_blocks)
        ]
    )


@dataclass(frozen=True)
class _Filters:
    """Phases of slow bands and envelopes of fast ones, on one grid."""

    rate_hz: float
    line_hz: float | None

    def apply(
        self,
        spectra: NDArray[np.complex64],
        slow: Sequence[Band],
        fast: Sequence[Band],
        piece: Piece,
        step: int,
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Bins of phase (channel, slow band, time) and envelopes (channel, fast band, time)."""
        bank = partial(filter_bank, n_fft=piece.n_fft, rate_hz=self.rate_hz)
        slow_bank = bank(slow, ramp_hz=PHASE_RAMP_HZ)
        fast_bank = bank(fast, ramp_hz=AMPLITUDE_RAMP_HZ, line_hz=self.line_hz)
        phases = phase_bins(analytic_signals(spectra, slow_bank, piece, step=step))
        return phases, np.abs(analytic_signals(spectra, fast_bank, piece, step=step))


class _PairIndices:
    """Indices of named pairs, block by block, true and shifted."""

    def __init__(
        self,
        filters: _Filters,
        bands: Mapping[str, Sequence[float]],
        pairs: Sequence[tuple[str, str]],
        shifts: NDArray[np.int64],
        n_channels: int,
        step: int,
    ) -> None:
        self._filters, self._pairs, self._shifts, self._step = filters, pairs, shifts, step
        self._slow_names = sorted({slow for slow, _ in pairs})
        self._fast_names = sorted({fast for _, fast in pairs})
        self._slow = [(bands[name][0], bands[name][1]) for name in self._slow_names]
        self._fast = [(bands[name][0], bands[name][1]) for name in self._fast_names]
        self._found = np.empty((len(pairs), n_channels, len(shifts), shifts.shape[1] + 1))

    def add(self, spectra: NDArray[np.complex64], piece: Piece, dealer: BlockDealer) -> None:
        """Take a piece; every block that it completes is measured."""
        if not self._pairs:
            return
        signals = self._filters.apply(spectra, self._slow, self._fast, piece, self._step)
        for block, (bins, envelopes) in dealer.deal(*signals):
            for number, name in enumerate(self._slow_names):
                used = [at for at, (slow, _) in enumerate(self._pairs) if slow == name]
                rows = [self._fast_names.index(self._pairs[at][1]) for at in used]
                for channel in range(len(bins)):
                    self._found[used, channel, block] = shifted_indices(
                        bins[channel, number], envelopes[channel, rows], self._shifts[block]
                    )

    def result(self, belongs: Mapping[str, NDArray[np.bool_]]) -> tuple[xr.DataArray, xr.DataArray]:
        """Index and z value (region, pair), for the channels of each region."""
        index = np.empty((len(belongs), len(self._pairs)))
        z = np.empty_like(index)
        for row, used in enumerate(belongs.values()):
            mean = self._found[:, used].mean(axis=1)  # pair, block, (true, shifted ...)
            true, shifted = mean[..., 0], mean[..., 1:]
            spread = np.sqrt(shifted.var(axis=-1, ddof=1).mean(axis=-1))
            index[row] = true.mean(axis=-1)
            z[row] = (true - shifted.mean(axis=-1)).mean(axis=-1) / np.where(
                spread > 0, spread, np.nan
            )
        coords = {
            "region": np.array(list(belongs), dtype=str),
            "pair": np.array([f"{slow}-{fast}" for slow, fast in self._pairs], dtype=str),
        }
        dims = ("region", "pair")
        return xr.DataArray(index, coords, dims), xr.DataArray(z, coords, dims)


class _Comodulogram:
    """Indices of narrow bands, summed over blocks."""

    def __init__(self, filters: _Filters, pass_band_hz: float, n_channels: int, step: int) -> None:
        self._filters, self._step, self._blocks = filters, step, 0
        half = AMPLITUDE_WIDTH_HZ / 2
        self._centres = [centre for centre in AMPLITUDE_HZ if centre + half <= pass_band_hz]
        self._slow = [(c - PHASE_WIDTH_HZ / 2, c + PHASE_WIDTH_HZ / 2) for c in PHASE_HZ]
        self._fast = [(centre - half, centre + half) for centre in self._centres]
        self._sums = np.zeros((n_channels, len(PHASE_HZ), len(self._centres)))

    def add(self, spectra: NDArray[np.complex64], piece: Piece, dealer: BlockDealer) -> None:
        """Take a piece; every block that it completes is measured."""
        signals = self._filters.apply(spectra, self._slow, self._fast, piece, self._step)
        for _, (bins, envelopes) in dealer.deal(*signals):
            self._blocks += 1
            for channel in range(len(bins)):
                means = mean_by_phase(bins[channel], envelopes[channel])
                self._sums[channel] += modulation_index(means)

    def result(self, belongs: Mapping[str, NDArray[np.bool_]]) -> xr.DataArray:
        """Mean over blocks and the picked channels of each region."""
        values = [self._sums[used].mean(axis=0) / self._blocks for used in belongs.values()]
        hz = {"units": "Hz"}
        return xr.DataArray(
            np.stack(values),
            dims=("region", "phase_frequency", "amplitude_frequency"),
            coords={
                "region": np.array(list(belongs), dtype=str),
                "phase_frequency": ("phase_frequency", np.array(PHASE_HZ, dtype=float), hz),
                "amplitude_frequency": (
                    "amplitude_frequency",
                    np.array(self._centres, dtype=float),
                    hz,
                ),
            },
        )
