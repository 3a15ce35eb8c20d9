"""Resampling of a recording whose samples do not meet the session's LFP samples.

A part that starts a fraction of a sample off the session's grid, or a second probe whose clock ran
at a slightly other rate, has no fixed ratio up / down to the grid: every output lies at its own
place between the inputs. The same low-pass as in :mod:`pipeline.lfp.resample` is then evaluated at
these places (a Kaiser-windowed sinc is defined between its taps as well), block by block, so that
the outputs stand exactly where the session's samples stand: nothing is shifted.

Method: as :mod:`pipeline.lfp.resample`; band-limited interpolation at arbitrary times after Smith &
Gossett, ICASSP 1984, with a table of the filter that is fine enough for float32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.lfp.resample import DESIGN_DB, PASS_FRACTION, STOP_FRACTION

#: outputs per block
BLOCK_OUTPUTS = 16
#: steps of the filter's table per output (or input) sample: linear interpolation is wrong by
#: less than (pi / 1024)^2 / 8 = 1.2e-6 of the peak
_TABLE_STEPS = 1024


@dataclass(frozen=True, eq=False)
class OffGrid:
    """A filter that gives outputs at arbitrary places between inputs.

    Attributes
    ----------
    rate_in_hz, rate_hz : float
        Rates of the inputs and of the outputs.
    lead_s : float
        Seconds from the first input to the first output, 0 or more.
    half : int
        Inputs on either side of an output that have a part in it.
    step : float
        Spacing of the table, in inputs.
    table : ndarray of float64
        The filter from its middle outwards.
    """

    rate_in_hz: float
    rate_hz: float
    lead_s: float
    half: int
    step: float
    table: NDArray[np.float64]

    @property
    def window(self) -> int:
        """Inputs that one block needs."""
        advance = (BLOCK_OUTPUTS - 1) * self.rate_in_hz / self.rate_hz
        return math.ceil(advance) + 2 * self.half + 2

    def n_out(self, n_in: int) -> int:
        """Outputs that lie between the first and the last of `n_in` inputs."""
        spare = ((n_in - 1) / self.rate_in_hz - self.lead_s) * self.rate_hz
        return max(0, math.floor(spare + 1e-9) + 1) if n_in > 0 else 0

    def first_input(self, block: int) -> int:
        """First input of the window of a block; may lie before the recording."""
        return math.floor(self._places(block)[0]) - self.half

    def outputs(self, block: int, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Outputs of a block, shape (BLOCK_OUTPUTS, n_channels), from its window of inputs."""
        near = self.first_input(block) + np.arange(self.window)
        distance = np.abs(self._places(block)[:, None] - near)
        weights = np.interp(distance / self.step, np.arange(len(self.table)), self.table, right=0.0)
        # Unit gain at 0 Hz at every place: an electrode offset stays an offset.
        weights /= weights.sum(axis=1, keepdims=True)
        return np.matmul(weights.astype(np.float32), inputs)

    def _places(self, block: int) -> NDArray[np.float64]:
        """Where the outputs of a block lie, counted in inputs."""
        number = block * BLOCK_OUTPUTS + np.arange(BLOCK_OUTPUTS)
        return (self.lead_s + number / self.rate_hz) * self.rate_in_hz


def design_offgrid(rate_in_hz: float, rate_hz: float, *, lead_s: float) -> OffGrid:
    """Filter from a recording to the samples of a given grid.

    Parameters
    ----------
    rate_in_hz : float
        Rate of the recording, not below `rate_hz`.
    rate_hz : float
        Rate of the grid.
    lead_s : float
        Seconds from the recording's first sample to the first sample of the grid in it.

    Returns
    -------
    OffGrid
    """
    width = 2 * np.pi * (STOP_FRACTION - PASS_FRACTION) * rate_hz / rate_in_hz
    reach = (DESIGN_DB - 7.95) / (2.285 * width) / 2
    beta = 0.1102 * (DESIGN_DB - 8.7)
    step = max(1.0, rate_in_hz / rate_hz) / _TABLE_STEPS
    place = np.arange(math.ceil(reach / step) + 1) * step
    cutoff = (PASS_FRACTION + STOP_FRACTION) * rate_hz / rate_in_hz
    taper = np.i0(beta * np.sqrt(np.clip(1 - (place / reach) ** 2, 0, None))) / np.i0(beta)
    table = cutoff * np.sinc(cutoff * place) * np.where(place <= reach, taper, 0.0)
    table.setflags(write=False)
    return OffGrid(rate_in_hz, rate_hz, lead_s, math.ceil(reach), step, table)
