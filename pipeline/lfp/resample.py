"""Anti-alias resampling as matrix products of fixed shape.

Own code, because nothing at hand does all three: alias rejection of 70 dB (the stock filters of
scipy and SpikeInterface let a 550 Hz tone through at about -23 dB when they resample to 1 kHz),
bytes that do not depend on how the recording was cut into chunks, and the speed of the disk.

One linear-phase low-pass (Kaiser window) is evaluated only at the output samples (polyphase), and
the outputs are computed in blocks: block q holds outputs [q B, (q + 1) B) and equals one banded
matrix times one window of the input. The blocks are aligned to the absolute sample index and the
product always has the same shape, so that a sample's bits never depend on the chunk that held it
(the bits of a BLAS product change with its shape).

Method: Kaiser window design and polyphase resampling as in Oppenheim & Schafer, Discrete-Time
Signal Processing (3rd ed., 2010), sections 7.6 and 4.6 to 4.7.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError

#: pass-band edge and stop-band edge, as fractions of the output rate
PASS_FRACTION = 0.40
STOP_FRACTION = 0.55
#: stop-band attenuation that the window is designed for; 70 dB is promised
DESIGN_DB = 73.0
#: largest interpolation factor; odd vendor rates take the nearest ratio within it
MAX_UP = 8
#: a block is made at least this long in outputs (fewer, larger products) ...
MIN_BLOCK_OUTPUTS = 16
#: ... and about this long in inputs, where the filter itself is short
MIN_BLOCK_INPUTS = 64


def pass_band(rate_hz: float, rig_pass_hz: float | None) -> float:
    """Highest frequency that stays flat at an output rate, or that the rig's filters let pass."""
    own = PASS_FRACTION * rate_hz
    return own if rig_pass_hz is None else min(own, rig_pass_hz)


@dataclass(frozen=True, eq=False)
class Resampler:
    """A resampling filter in the form of one banded matrix.

    Attributes
    ----------
    up, down : int
        Output rate = input rate x up / down.
    rate_in_hz, rate_hz : float
        Exact input and output rate.
    block_in, block_out : int
        Inputs and outputs that one block advances by.
    before : int
        Inputs that the window of a block reaches back before the block's first input.
    matrix : ndarray of float32, shape (block_out, window)
        Outputs of a block = matrix @ window. Every row sums to 1.
    """

    up: int
    down: int
    rate_in_hz: float
    rate_hz: float
    block_in: int
    block_out: int
    before: int
    matrix: NDArray[np.float32]

    @property
    def window(self) -> int:
        """Inputs that one block needs."""
        return self.matrix.shape[1]

    def n_out(self, n_in: int) -> int:
        """Outputs of a recording of `n_in` samples: those that lie between first and last input."""
        return (n_in - 1) * self.up // self.down + 1 if n_in > 0 else 0


def rational_ratio(rate_in_hz: float, rate_hz: float) -> tuple[int, int]:
    """Ratio up / down with a small numerator that brings `rate_in_hz` nearest to `rate_hz`.

    Parameters
    ----------
    rate_in_hz, rate_hz : float
        Input rate and wanted output rate.

    Returns
    -------
    up, down : int
        In lowest terms, up <= 8. (1, 1) when the input rate is not above the wanted rate, or when
        no smaller rate is nearer to it.
    """
    if rate_in_hz <= rate_hz:
        return 1, 1
    candidates = []
    for up in range(1, MAX_UP + 1):
        down = max(up, round(rate_in_hz * up / rate_hz))
        # Rounded, so that equal ratios (1/30, 2/60) tie and the smaller numerator wins.
        error = round(abs(rate_in_hz * up / down - rate_hz), 9)
        candidates.append((error, up, down))
    _, up, down = min(candidates)
    return up, down


def kaiser_lowpass(
    *, pass_fraction: float, stop_fraction: float, attenuation_db: float
) -> NDArray[np.float64]:
    """Linear-phase low-pass of odd length by the Kaiser window.

    Parameters
    ----------
    pass_fraction, stop_fraction : float
        Band edges as fractions of the sampling rate, below 0.5.
    attenuation_db : float
        Stop-band attenuation, above 50 dB.

    Returns
    -------
    ndarray, shape (2 h + 1,)
        Symmetric impulse response with unit gain at 0 Hz.
    """
    width = 2 * np.pi * (stop_fraction - pass_fraction)
    half = math.ceil((attenuation_db - 7.95) / (2.285 * width) / 2)
    beta = 0.1102 * (attenuation_db - 8.7)
    cutoff = pass_fraction + stop_fraction
    taps = np.sinc(cutoff * np.arange(-half, half + 1)) * np.kaiser(2 * half + 1, beta)
    return taps / taps.sum()


def design_resampler(rate_in_hz: float, rate_hz: float) -> Resampler | None:
    """Resampler from one rate to (about) another.

    Parameters
    ----------
    rate_in_hz : float
        Rate of the recording.
    rate_hz : float
        Wanted rate; the exact one is in the answer.

    Returns
    -------
    Resampler or None
        None when the recording is to be passed through untouched.

    Raises
    ------
    InputError
        If a rate is not a positive number.
    """
    for name, rate in (("sampling rate of the recording", rate_in_hz), ("rate_hz", rate_hz)):
        if not (math.isfinite(rate) and rate > 0):
            raise InputError(f"{name}: found {rate}; expected a positive number of Hz")
    up, down = rational_ratio(rate_in_hz, rate_hz)
    if up == down:
        return None
    out_hz = rate_in_hz * up / down
    dense_hz = rate_in_hz * up
    taps = kaiser_lowpass(
        pass_fraction=PASS_FRACTION * out_hz / dense_hz,
        stop_fraction=STOP_FRACTION * out_hz / dense_hz,
        attenuation_db=DESIGN_DB,
    )
    half = len(taps) // 2
    outputs = max(MIN_BLOCK_OUTPUTS, MIN_BLOCK_INPUTS * up / down)
    groups = math.ceil(outputs / up)
    block_out, block_in = groups * up, groups * down
    before = half // up
    window = before + ((block_out - 1) * down + half) // up + 1
    # Distance of each input of the window from each output, in steps of the dense rate.
    distance = np.arange(block_out)[:, None] * down - (np.arange(window)[None, :] - before) * up
    matrix = np.where(np.abs(distance) <= half, taps[np.clip(distance + half, 0, 2 * half)], 0.0)
    # Unit gain at 0 Hz for every phase of the filter: an electrode offset stays an offset.
    matrix /= matrix.sum(axis=1, keepdims=True)
    matrix = np.ascontiguousarray(matrix, dtype=np.float32)
    matrix.setflags(write=False)
    return Resampler(up, down, rate_in_hz, out_hz, block_in, block_out, before, matrix)


def resample_blocks(
    resampler: Resampler, padded: NDArray[np.float32], n_blocks: int
) -> NDArray[np.float32]:
    """Outputs of consecutive blocks.

    Parameters
    ----------
    resampler : Resampler
        The filter.
    padded : ndarray of float32, shape ((n_blocks - 1) * block_in + window, n_channels)
        Input, C order, beginning `before` samples ahead of the first block.
    n_blocks : int
        Number of blocks.

    Returns
    -------
    ndarray of float32, shape (n_blocks * block_out, n_channels)
    """
    step, size, width = resampler.block_in, resampler.block_out, resampler.window
    out = np.empty((n_blocks * size, padded.shape[1]), dtype=np.float32)
    for block in range(n_blocks):
        np.matmul(
            resampler.matrix,
            padded[block * step : block * step + width],
            out=out[block * size : (block + 1) * size],
        )
    return out
