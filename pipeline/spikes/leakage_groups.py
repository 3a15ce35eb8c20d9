"""What the spikes of many units explain of fast power: groups of units in turn.

The least squares of :mod:`pipeline.spikes.leakage` for all units of a region at once cost the
square of their number in memory and its cube in time. Here units are taken in groups. Each group's
waveforms are fitted to what the waveforms of all the others leave, again and again until a round
changes nothing of note (block Gauss-Seidel on the normal equations; Golub & Van Loan, Matrix
Computations, 4th ed., 11.2). It settles on the joint waveforms, for it lowers the same sum of
squares: two units in two groups that fire together are not counted twice. A round costs as much per
unit however many there are, and nothing but the signal and one group is held.

Which patterns of waveforms are strong is told within a group.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: units that are solved for at once at most
TOGETHER = 32
#: least share of the strongest pattern of waveforms that a pattern may have: a band holds fewer
#: independent ones than there are lags
_LEAST_PATTERN = 1e-3
#: share of the power by which a round may still lower what is left, to be the last; and rounds at
#: most, for units that fire nearly together settle slowly (and then hardly matter: what one leaves
#: the other explains)
_SETTLED, _MOST_ROUNDS = 1e-3, 10

#: complex spectra (frequency, signal, window x taper) of the even and of the odd windows
Spectra = Sequence[NDArray[np.complex64]]
#: values and vectors of the strong patterns of a group's waveforms
Patterns = tuple[NDArray[np.float64], NDArray[np.float64]]


# --- least squares -------------------------------------------------------------------------------


def crossed(
    units: NDArray[np.complex128],
    frequency: NDArray[np.floating[Any]],
    lags: NDArray[np.floating[Any]],
) -> NDArray[np.float64]:
    """Sums of products of all lagged trains, from their cross-spectra.

    Parameters
    ----------
    units : ndarray, shape (frequencies, units, units)
        Cross-spectra, the first unit's conjugated, summed over windows and tapers.
    frequency : ndarray, shape (frequencies,)
        Hz.
    lags : ndarray, shape (lags,)
        Seconds.

    Returns
    -------
    ndarray, shape (units x lags, units x lags)
        X'X of band-limited signals.
    """
    size = units.shape[1] * len(lags)
    turn = turns(frequency, lags)
    pairs = turn[:, :, np.newaxis] * turn.conj()[:, np.newaxis]
    on = np.tensordot(pairs, units, axes=(0, 0)).real
    return on.transpose(2, 0, 3, 1).reshape(size, size)


def mixed_with(
    mixed: NDArray[np.complex128],
    frequency: NDArray[np.floating[Any]],
    lags: NDArray[np.floating[Any]],
) -> NDArray[np.float64]:
    """Sums of products of lagged trains and signals: X'y (units x lags, channels).

    Parameters
    ----------
    mixed : ndarray, shape (frequencies, units, channels)
        Cross-spectra, the unit's conjugated.
    frequency, lags : ndarray
        Hz and seconds.
    """
    _, n_units, n_channels = mixed.shape
    shared = np.tensordot(turns(frequency, lags), mixed, axes=(0, 0)).real
    return shared.transpose(1, 0, 2).reshape(n_units * len(lags), n_channels)


def turns(
    frequency: NDArray[np.floating[Any]], lags: NDArray[np.floating[Any]]
) -> NDArray[np.complex128]:
    """Phases of lags (frequency, lag): a train that is later has the spectrum S exp(-i w lag)."""
    return np.exp(2j * np.pi * np.outer(frequency, lags))


def strong_patterns(on: NDArray[np.float64]) -> Patterns:
    """Patterns of waveforms that the band holds: the others would fit noise alone."""
    values, patterns = np.linalg.eigh(on)
    strong = values > _LEAST_PATTERN * values[-1]
    return values[strong], patterns[:, strong]


def waveforms(found: Patterns, mixed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares by the strong patterns only: (units x lags, channels)."""
    values, patterns = found
    return patterns @ ((patterns.T @ mixed) / values[:, np.newaxis])


# --- groups --------------------------------------------------------------------------------------


def explained_in_turn(
    signal: Spectra,
    positions: Sequence[NDArray[np.float64]],
    starts: NDArray[np.int64],
    *,
    tapers: NDArray[np.float64],
    band: NDArray[np.int64],
    frequency: NDArray[np.floating[Any]],
    lags: NDArray[np.floating[Any]],
) -> float:
    """Power of some channels that waveforms fitted in one half of windows explain in the other.

    Parameters
    ----------
    signal : two ndarrays, shape (frequencies, channels, windows of the half x tapers)
        Tapered spectra of the even and of the odd windows.
    positions : sequence of ndarray
        Of each unit: spikes in samples of the LFP, ascending.
    starts : ndarray, shape (windows,)
        First samples of the windows, ascending, without overlaps.
    tapers : ndarray, shape (tapers, samples of a window)
        As of ``signal``.
    band : ndarray, shape (frequencies,)
        Which bins of a window's spectrum ``signal`` holds.
    frequency : ndarray, shape (frequencies,)
        The same in Hz.
    lags : ndarray, shape (lags,)
        Seconds, of the waveforms.

    Returns
    -------
    float
        Summed over channels and both ways; negative where waveforms of noise do harm.
    """
    table = _table(tapers, band)
    shape = (len(band), len(tapers), tapers.shape[1])
    turn = turns(frequency, lags).conj()
    within = [np.searchsorted(one, (starts[0] - 1, starts[-1] + shape[2])) for one in positions]
    positions = [one[slice(*span)] for one, span in zip(positions, within, strict=True)]
    groups = np.array_split(np.arange(len(positions)), -(-len(positions) // TOGETHER))
    # what waveforms that were fitted in one half leave of either half
    left = [[half.copy() for half in signal] for _ in (0, 1)]
    total = [_power(half) for half in signal]
    kept: dict[tuple[int, int], Patterns] = {}
    before = total
    for _ in range(_MOST_ROUNDS):
        for number, group in enumerate(groups):
            trains = _trains([positions[unit] for unit in group], starts, table, shape)
            for fitted in (0, 1):
                conjugate = trains[fitted].conj()
                if (number, fitted) not in kept:
                    units = (conjugate @ trains[fitted].swapaxes(1, 2)).astype(complex)
                    kept[number, fitted] = strong_patterns(crossed(units, frequency, lags))
                mixed = (conjugate @ left[fitted][fitted].swapaxes(1, 2)).astype(complex)
                more = waveforms(kept[number, fitted], mixed_with(mixed, frequency, lags))
                spectra = np.tensordot(
                    turn, more.reshape(len(group), len(lags), -1), axes=(1, 1)
                ).astype(np.complex64)
                for half in (0, 1):
                    left[fitted][half] -= spectra.swapaxes(1, 2) @ trains[half]
        after = [_power(left[half][half]) for half in (0, 1)]
        gained = [was - now for was, now in zip(before, after, strict=True)]
        if all(gain <= _SETTLED * whole for gain, whole in zip(gained, total, strict=True)):
            break
        before = after
    return sum(total) - _power(left[0][1]) - _power(left[1][0])


def _power(spectra: NDArray[np.complex64]) -> float:
    """Sum of squares in double precision, one frequency at a time."""
    return float(sum(np.sum(np.abs(one) ** 2, dtype=np.float64) for one in spectra))


def _table(tapers: NDArray[np.float64], band: NDArray[np.int64]) -> NDArray[np.float32]:
    """Tapered spectra of a spike at each sample of a window, its mean taken off.

    Rows are samples; columns frequencies x tapers, real and imaginary parts in turn. A train's
    spectrum is the sum of the rows of its spikes, which are fewer than the samples.
    """
    length = tapers.shape[1]
    waves = np.exp(-2j * np.pi * (np.outer(np.arange(length), band) % length) / length)
    rows = (waves[:, :, np.newaxis] * tapers.T[:, np.newaxis]).reshape(length, -1)
    return (rows - rows.mean(axis=0)).astype(np.complex64).view(np.float32)


def _trains(
    positions: Sequence[NDArray[np.float64]],
    starts: NDArray[np.int64],
    table: NDArray[np.float32],
    shape: tuple[int, int, int],
) -> list[NDArray[np.complex64]]:
    """Spectra of trains (frequency, unit, window x taper) in the even and in the odd windows.

    As of a signal that is 0 but for spikes, each shared between the two samples it lies between.
    """
    from scipy import sparse

    n_bins, n_tapers, length = shape
    before = [np.floor(position).astype(np.int64) for position in positions]
    parts = [position - whole for position, whole in zip(positions, before, strict=True)]
    owner = np.repeat(np.arange(len(positions)), [len(position) for position in positions])
    sample, part = np.concatenate(before), np.concatenate(parts)
    unit, at = np.tile(owner, 2), np.concatenate([sample, sample + 1])
    weight = np.concatenate([1.0 - part, part]).astype(np.float32)
    window = np.searchsorted(starts, at, side="right") - 1
    offset = at - starts[window]
    inside = (window >= 0) & (offset < length)
    halves = []
    for half in (0, 1):
        n_windows = len(starts[half::2])
        here = inside & (window % 2 == half)
        row = unit[here] * n_windows + window[here] // 2
        spikes = sparse.csr_array(
            (weight[here], (row, offset[here])), shape=(len(positions) * n_windows, length)
        )
        sums = (spikes @ table).view(np.complex64)
        by_bin = sums.reshape(len(positions), n_windows, n_bins, n_tapers).transpose(2, 0, 1, 3)
        halves.append(by_bin.reshape(n_bins, len(positions), n_windows * n_tapers))
    return halves
