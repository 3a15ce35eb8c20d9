"""Tort's modulation index on arrays: envelopes averaged over bins of phase, also shifted.

Sums over bins are products with a matrix of ones and zeros (which sample lies in which bin): for
twenty shifts or eighteen bands at once that is many times faster than counting.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

#: bins of the phase, as in Tort et al., J Neurophysiol 2010, 104:1195
N_BINS = 18


def phase_bins(signals: NDArray[np.complexfloating]) -> NDArray[np.uint8]:
    """Bin of each sample's phase: 0 begins at -pi (a trough), 9 at 0 (a crest).

    Parameters
    ----------
    signals : ndarray of complex
        Analytic signals.

    Returns
    -------
    ndarray of uint8, same shape
        0 to 17.
    """
    turns = np.angle(signals) * np.float32(N_BINS / (2 * np.pi))
    bins = np.floor(turns).astype(np.int8) + np.int8(N_BINS // 2)
    return np.clip(bins, 0, N_BINS - 1).astype(np.uint8)


def mean_by_phase(bins: NDArray[np.uint8], envelopes: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean of each envelope in each bin of each phase.

    Parameters
    ----------
    bins : ndarray of uint8, shape (n_phases, n)
        Of :func:`phase_bins`.
    envelopes : ndarray, shape (n_envelopes, n)
        Envelopes at the same instants.

    Returns
    -------
    ndarray, shape (n_phases, n_envelopes, 18)
        NaN in bins without a sample.
    """
    inside = bins[:, np.newaxis, :] == np.arange(N_BINS, dtype=np.uint8)[:, np.newaxis]
    inside = inside.astype(np.float32).reshape(-1, bins.shape[-1])
    sums = (envelopes @ inside.T).astype(float).reshape(len(envelopes), len(bins), N_BINS)
    counts = inside.sum(axis=1, dtype=float).reshape(len(bins), 1, N_BINS)
    counts[counts == 0] = np.nan
    return sums.transpose(1, 0, 2) / counts


def modulation_index(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kullback-Leibler distance of a distribution over phase from the flat one, over its maximum.

    Parameters
    ----------
    means : ndarray, shape (..., n_bins)
        Mean envelope in each bin, at least 0.

    Returns
    -------
    ndarray, shape (...)
        0 (flat) to 1 (all in one bin); NaN where a bin is NaN or all are 0.
    """
    total = means.sum(axis=-1, keepdims=True)
    share = means / np.where(total > 0, total, np.nan)
    n_bins = means.shape[-1]
    relative = np.where(share == 0, 1.0, share * n_bins)  # 0 log 0 = 0
    return np.sum(share * np.log(relative), axis=-1) / math.log(n_bins)


def shifted_indices(
    bins: NDArray[np.uint8], envelopes: NDArray[np.floating], shifts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Modulation index of several envelopes on one phase, as they are and shifted.

    Parameters
    ----------
    bins : ndarray of uint8, shape (n,)
        Phase of the slow band.
    envelopes : ndarray, shape (n_envelopes, n)
        Envelopes of fast bands.
    shifts : ndarray of int, shape (k,)
        Samples by which the envelopes are moved around the circle, 0 to n - 1.

    Returns
    -------
    ndarray, shape (n_envelopes, 1 + k)
        The unshifted index first.
    """
    n = len(bins)
    twice = np.concatenate((envelopes, envelopes[:, :-1]), axis=1)
    turned = np.lib.stride_tricks.sliding_window_view(twice, n, axis=1)
    rows = turned[:, np.concatenate(([0], shifts))].reshape(-1, n)
    means = mean_by_phase(bins[np.newaxis], rows)[0]
    return modulation_index(means).reshape(len(envelopes), -1)


class BlockDealer:
    """Deals arrays that arrive piece by piece into blocks of one length.

    Parameters
    ----------
    begins : sequence of int
        First sample of each block, counted over all pieces; blocks do not overlap.
    length : int
        Samples of a block.
    """

    def __init__(self, begins: Sequence[int], length: int) -> None:
        self._begins, self._length = list(begins), length
        self._held: tuple[NDArray, ...] | None = None
        self._first = self._next = 0

    def deal(self, *arrays: NDArray) -> Iterator[tuple[int, tuple[NDArray, ...]]]:
        """Take the next samples (last axis) and give the blocks that are complete now.

        Parameters
        ----------
        *arrays : ndarray, shape (..., n)
            The same kinds, in the same order, in every call.

        Yields
        ------
        int, tuple of ndarray
            Number of the block, and its part of each array.
        """
        if self._held is not None:
            arrays = tuple(
                np.concatenate(pair, axis=-1) for pair in zip(self._held, arrays, strict=True)
            )
        past = self._first + arrays[0].shape[-1]
        while self._next < len(self._begins) and self._begins[self._next] + self._length <= past:
            at = self._begins[self._next] - self._first
            yield self._next, tuple(array[..., at : at + self._length] for array in arrays)
            self._next += 1
        # Only what a later block needs is held on to.
        wanted = self._begins[self._next] if self._next < len(self._begins) else past
        drop = min(max(wanted, self._first), past) - self._first
        self._held = tuple(array[..., drop:] for array in arrays)
        self._first += drop
