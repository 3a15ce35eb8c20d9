"""Locking of single units to the phase of the LFP.

Pairwise phase consistency is the mean cosine of the phase difference over pairs of spikes, in
closed form ``(|sum e^{i phase}|^2 - n) / (n (n - 1))``: its mean is the squared resultant length
of the phases' distribution, 0 without locking, whatever the number of spikes.

**Bursts.** All of this holds for spikes that choose their phases independently. Spikes of a burst
do not: they fall into the same cycle. Their pairs raise the consistency of a unit that knows
nothing of the LFP, and Rayleigh's test, which takes every spike for a new piece of evidence, calls
it locked far too often (``tests/test_spikes_locking.py``: bursts of four spikes, theta: in about
half of all such units). A drug that changes bursting would seem to change locking.

**Occupancy.** In a short epoch, or in a wave that is not a sine, the LFP spends more time at some
phases than at others; the mean over time of ``e^{i phase}`` is not 0, and all units follow it. The
square of its length is what the consistency reads in excess: 0.001 of delta in 30 s of noise that
falls with 1 / f^2 and less than 0.0001 of theta; more than 0.01 over any length of a slow wave with
a strong harmonic.

``ppc_corrected`` and ``block_p`` suffer from neither. Phase vectors are summed within blocks of 5 s
of time, and of each sum what the block itself offers is taken off: its number of spikes times the
mean vector over its time. ``ppc_corrected`` counts only pairs of spikes from different blocks.
``block_p`` tests the sums S of the blocks: for a unit without locking they are independent, each of
its own length, so that R = ``|sum S|^2 / sum |S|^2`` over the B blocks has mean 1, and R / B
follows a Beta(1, B - 1) law: p = (1 - R / B)^(B - 1), exact for Gaussian sums of equal size.

Sources: pairwise phase consistency, Vinck et al. 2010, NeuroImage 51:112; only pairs from different
trials, here blocks, Vinck et al. 2012, J Comput Neurosci 33:53; Rayleigh's p with the correction
for few angles, Zar 1999, Biostatistical Analysis, eq. 27.4. The test over blocks is this project's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.intervals import Intervals, disjoint
from pipeline.spikes.phases import MISSING, POWER_S, SpikePhases, phasors

#: fewer spikes give no value: the standard deviation of the consistency without locking is 1 / n
MINIMUM_SPIKES = 50
#: length of the blocks of time whose spikes are taken for one piece of evidence
BLOCK_S = 5.0
#: fewer blocks with spikes give no p over blocks
_LEAST_BLOCKS = 8


@dataclass(frozen=True, eq=False, kw_only=True)
class Locking:
    """Locking of the units of one epoch that have enough spikes.

    Attributes
    ----------
    unit_id, region, channel : list of str
        One entry per unit; `channel` is the one that the phases are from.
    bands : tuple of str
    n_spikes : ndarray of int, shape (n_units,)
        Spikes with a phase.
    n_blocks : ndarray of int, shape (n_units,)
        Blocks of 5 s with such a spike.
    ppc : ndarray, shape (n_units, n_bands)
        Pairwise phase consistency over all pairs of spikes, -1 / (n - 1) to 1.
    ppc_corrected : ndarray, shape (n_units, n_bands)
        The same over pairs from different blocks, and relative to the occupancy of phases; NaN
        with fewer than two blocks.
    preferred_rad : ndarray, shape (n_units, n_bands)
        Mean phase, -pi to pi; 0 is the peak of the filtered LFP. Its sign depends on the layer and
        the reference of the channel.
    rayleigh_p : ndarray, shape (n_units, n_bands)
        Of Rayleigh's test; too small for units that fire in bursts.
    block_p : ndarray, shape (n_units, n_bands)
        Of the test over blocks; NaN with fewer than 8 blocks.
    too_few : tuple of str
        Units with spikes, a channel and too few of them with a phase.
    seconds : float
        Length of the epoch.
    """

    unit_id: list[str]
    region: list[str]
    channel: list[str]
    bands: tuple[str, ...]
    n_spikes: NDArray[np.int64]
    n_blocks: NDArray[np.int64]
    ppc: NDArray[np.float64]
    ppc_corrected: NDArray[np.float64]
    preferred_rad: NDArray[np.float64]
    rayleigh_p: NDArray[np.float64]
    block_p: NDArray[np.float64]
    too_few: tuple[str, ...]
    seconds: float


def unit_locking(
    phases: SpikePhases,
    intervals: ArrayLike,
    *,
    minimum_spikes: int = MINIMUM_SPIKES,
    block_s: float = BLOCK_S,
) -> Locking | None:
    """Locking of every unit in every band, in one epoch or cell.

    Parameters
    ----------
    phases : SpikePhases
        Of the session (:func:`pipeline.spikes.phases.spike_phases`).
    intervals : array_like, shape (n, 2)
        Seconds on the session clock, without overlaps.
    minimum_spikes : int
        A unit with fewer spikes that have a phase is left out.
    block_s : float
        Length of the blocks, on a grid of the session clock; whole seconds.

    Returns
    -------
    Locking or None
        None when no unit has enough spikes.
    """
    intervals = disjoint(intervals, name="epoch")
    table = phasors()
    kept, few, found = [], [], []
    offered = _Offered.of(phases, intervals, block_s)
    for unit, times in enumerate(phases.spike_times):
        if not phases.channel[unit]:
            continue
        ranges = np.searchsorted(times, intervals)
        times, codes = _inside(times, phases.codes[unit], ranges)
        # Filters end together: a spike has a phase in every band or in none.
        known = codes[0] != MISSING
        n_spikes = int(np.count_nonzero(known))
        if n_spikes < max(minimum_spikes, 2):
            few.append(phases.unit_id[unit])
            continue
        if n_spikes < len(times):
            times, codes = times[known], codes[:, known]
        vectors = table[codes.view(np.uint16)]
        sums, counts, block = block_sums(vectors, times, block_s)
        channel = phases.power_channel.index(phases.channel[unit])
        found.append((sums, counts, offered.at(channel, block)))
        kept.append(unit)
    if not kept:
        return None
    measures = [locking_of_sums(sums, counts, occupancy=own) for sums, counts, own in found]
    ppc, corrected, preferred, rayleigh, block_p = (
        np.stack([row[part] for row in measures]) for part in range(5)
    )
    return Locking(
        unit_id=[phases.unit_id[unit] for unit in kept],
        region=[phases.region[unit] for unit in kept],
        channel=[phases.channel[unit] for unit in kept],
        bands=phases.bands,
        n_spikes=np.array([counts.sum() for _, counts, _ in found]),
        n_blocks=np.array([len(counts) for _, counts, _ in found]),
        ppc=ppc,
        ppc_corrected=corrected,
        preferred_rad=preferred,
        rayleigh_p=rayleigh,
        block_p=block_p,
        too_few=tuple(few),
        seconds=float(np.sum(intervals[:, 1] - intervals[:, 0])),
    )


@dataclass(frozen=True, eq=False)
class _Offered:
    """Mean of ``e^{i phase}`` over an epoch's time (channel, band), and over its blocks' time."""

    whole: NDArray[np.complex128]
    block: NDArray[np.int64]
    of_block: NDArray[np.complex128]

    @classmethod
    def of(cls, phases: SpikePhases, intervals: Intervals, block_s: float) -> _Offered:
        inside = np.flatnonzero(phases.whole_seconds(intervals))
        shape = phases.occupancy.shape[:2]
        if not len(inside):  # all bouts are too short to hold a whole second: nothing to take off
            return cls(np.zeros(shape, complex), np.empty(0, np.int64), np.empty((*shape, 0)))
        vectors = phases.occupancy[..., inside].astype(complex)
        labels = np.floor((inside + phases.first_second) * POWER_S / block_s).astype(np.int64)
        block, first, count = np.unique(labels, return_index=True, return_counts=True)
        of_block: NDArray[np.complex128] = np.add.reduceat(vectors, first, axis=-1)
        return cls(vectors.mean(axis=-1), block, of_block / count)

    def at(self, channel: int, block: NDArray[np.int64]) -> NDArray[np.complex128]:
        """Mean of each block, shape (band, block); of the epoch where a block holds no second."""
        found = np.isin(block, self.block)
        means = np.repeat(self.whole[channel][:, None], len(block), axis=1)
        at = np.searchsorted(self.block, block[found])
        means[:, found] = self.of_block[channel][:, at]
        return means


def _inside(
    times: NDArray[np.float64], codes: NDArray[np.int16], ranges: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int16]]:
    """Spikes in ranges [first, past); a view where there is one range only."""
    if len(ranges) == 1:
        first, past = ranges[0]
        return times[first:past], codes[:, first:past]
    slices = [slice(first, past) for first, past in ranges.tolist()]
    empty = (np.empty(0), np.empty((len(codes), 0), dtype=np.int16))
    return (
        np.concatenate([empty[0], *(times[s] for s in slices)]),
        np.concatenate([empty[1], *(codes[:, s] for s in slices)], axis=1),
    )


def block_sums(
    vectors: NDArray[np.complexfloating], times: NDArray[np.float64], block_s: float
) -> tuple[NDArray[np.complex128], NDArray[np.int64], NDArray[np.int64]]:
    """Sums of unit vectors over blocks of time that hold a spike.

    Parameters
    ----------
    vectors : ndarray, shape (n_bands, n_spikes)
        ``e^{i phase}``, at least one spike.
    times : ndarray, shape (n_spikes,)
        Seconds, ascending.
    block_s : float
        Length of a block.

    Returns
    -------
    sums : ndarray, shape (n_bands, n_blocks)
    counts, block : ndarray of int, shape (n_blocks,)
        Number of spikes; the block's place, counted from 0 s of the session clock.
    """
    block = np.floor(times / block_s).astype(np.int64)
    first = np.flatnonzero(np.diff(block, prepend=block[0] - 1))
    sums = np.add.reduceat(vectors, first, axis=-1).astype(np.complex128)
    return sums, np.diff(first, append=len(times)), block[first]


def locking_of_sums(
    sums: NDArray[np.complex128],
    counts: NDArray[np.int64],
    *,
    occupancy: NDArray[np.complex128],
) -> tuple[NDArray[np.float64], ...]:
    """Locking of one unit from the sums of its blocks.

    Parameters
    ----------
    sums : ndarray, shape (n_bands, n_blocks)
        Sums of unit vectors.
    counts : ndarray of int, shape (n_blocks,)
        Spikes of each block.
    occupancy : ndarray, shape (n_bands, n_blocks)
        Mean unit vector over the time of each block.

    Returns
    -------
    ppc, ppc_corrected, preferred_rad, rayleigh_p, block_p : ndarray, shape (n_bands,)
        See :class:`Locking`.
    """
    total, n, n_blocks = sums.sum(axis=-1), int(counts.sum()), len(counts)
    square = np.abs(total) ** 2
    ppc = (square - n) / (n * (n - 1))
    centred = sums - occupancy * counts
    own = np.sum(np.abs(centred) ** 2, axis=-1)
    beyond = np.abs(centred.sum(axis=-1)) ** 2
    unstated = np.full(len(total), np.nan)
    corrected = block_p = unstated
    if n_blocks > 1:
        corrected = (beyond - own) / (float(n) ** 2 - np.sum(counts.astype(float) ** 2))
    if n_blocks >= _LEAST_BLOCKS:
        share = np.clip(beyond / (n_blocks * np.maximum(own, 1e-30)), 0.0, 1.0)
        block_p = (1.0 - share) ** (n_blocks - 1)
    return ppc, corrected, np.angle(total), rayleigh_p(np.sqrt(square), n), block_p


def locking_q(block_p: NDArray[np.float64]) -> NDArray[np.float64]:
    """False-discovery rate at which each unit counts as locked, within every band by itself.

    Parameters
    ----------
    block_p : ndarray, shape (n_units, n_bands)
        Of all units of the session; NaN where a unit has no test, which then is none of the family.

    Returns
    -------
    ndarray, shape (n_units, n_bands)
        :func:`pipeline.spikes.modulation.benjamini_hochberg`; NaN stays NaN.
    """
    from pipeline.spikes.modulation import benjamini_hochberg

    q = np.full(block_p.shape, np.nan)
    for band, p in enumerate(block_p.T):
        tested = np.isfinite(p)
        q[tested, band] = benjamini_hochberg(p[tested])
    return q


def rayleigh_p(resultant: ArrayLike, n: int) -> NDArray[np.float64]:
    """p of Rayleigh's test that `n` independent angles are uniform.

    Parameters
    ----------
    resultant : array_like
        Length of the sum of unit vectors, 0 to n.
    n : int
        Number of angles.

    Returns
    -------
    ndarray
        ``exp(sqrt(1 + 4 n + 4 (n^2 - R^2)) - (1 + 2 n))``, right to 0.001 from 10 angles on.
    """
    length = np.minimum(np.asarray(resultant, dtype=float), n)
    return np.exp(np.sqrt(1 + 4 * n + 4 * (n**2 - length**2)) - (1 + 2 * n))
