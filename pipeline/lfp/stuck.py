"""Time in which a channel is flat or saturated, found before another reference hides it.

A flat channel minus the median of its region is the median's mirror image, and the difference of a
flat and a live channel is the live one: after re-referencing neither looks like an artefact, and
both change the power. What was found in the LFP as recorded travels with it, as the attributes
``flat_s`` and ``saturated_s``: start and stop of every stretch in turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from pipeline.intervals import Intervals, intersect, merge, pad
from pipeline.lfp.artefact_scan import BASIC_KINDS, BaselineStatistics, Limits, scan
from pipeline.lfp.loose import loose_channels
from pipeline.lfp.signal import extent, good_channels, read_samples, sample_ranges

#: kinds that another reference hides
STUCK_KINDS = ("flat", "saturated")
#: no channel may be stuck for much of any stretch of this length either (an epoch, about)
_STRETCH_S = 600.0
#: the spread of a channel is told from so many pieces of so many samples
_PIECES, _PIECE_SAMPLES = 60, 2000
#: an attribute has room for about four thousand intervals
_MOST_INTERVALS = 3000


@dataclass(frozen=True, eq=False)
class Stuck:
    """What was found.

    Attributes
    ----------
    kinds : mapping of str to ndarray, shape (n, 2)
        flat, saturated: seconds on the session clock, without padding, of the channels that are
        not in `loose`.
    loose : mapping of str to str
        Channels that are stuck for so long that they are no use for a reference -> why.
    """

    kinds: Mapping[str, Intervals]
    loose: Mapping[str, str]

    def attributes(self) -> dict[str, np.ndarray]:
        """As attributes of an LFP; :func:`stuck_time` reads them."""
        return {
            f"{kind}_s": _few(found).ravel() for kind, found in self.kinds.items() if len(found)
        }


def find_stuck(
    lfp: xr.DataArray,
    *,
    window_s: float = 1.0,
    flat_sd: float = 1e-3,
    flat_s: float = 0.1,
    rail_samples: int = 3,
) -> Stuck:
    """Flat and saturated time of the good channels of an LFP as recorded.

    Parameters
    ----------
    lfp : DataArray (time, channel)
        Microvolts.
    window_s, flat_sd, flat_s, rail_samples
        As in :func:`pipeline.lfp.artefacts.artefact_intervals`; the standard deviation is that of
        the whole recording, for its baseline is not known yet.

    Raises
    ------
    InputError
        If all channels are marked bad.
    """
    everything = _spread(lfp, good_channels(lfp))
    names = lfp["channel"].values.astype(str)[everything.channels]
    alive = everything.sd > 0
    loose = {str(name): "flat in half of the recording or more" for name in names[~alive]}
    if not alive.any():
        return Stuck({}, loose)
    frozen = BaselineStatistics(
        everything.channels[alive], everything.centre[alive], everything.sd[alive]
    )
    found = scan(lfp, Limits(frozen, np.inf, window_s, flat_sd, flat_s, rail_samples), None)
    stretches = {"the recording": extent(lfp)}
    for start in np.arange(extent(lfp)[0, 0], extent(lfp)[-1, 1] - _STRETCH_S + 1, _STRETCH_S):
        name = f"{start:.0f}-{start + _STRETCH_S:.0f} s"
        stretches[name] = np.array([[start, start + _STRETCH_S]])
    off = loose_channels(found, stretches, what="flat or saturated")
    used = np.array([index not in off for index in range(len(frozen.channels))])
    loose |= {str(names[alive][index]): why for index, why in off.items()}
    kinds = {
        kind: intersect(found.intervals(flagged[used].any(axis=0)), extent(lfp))
        for kind, flagged in zip(BASIC_KINDS, found.flagged, strict=True)
        if kind in STUCK_KINDS
    }
    return Stuck(kinds, loose)


def stuck_time(lfp: xr.DataArray, kind: str) -> Intervals:
    """Seconds of a kind that an LFP carries from before its reference; none for other kinds."""
    if kind not in STUCK_KINDS or f"{kind}_s" not in lfp.attrs:
        return np.empty((0, 2))
    return np.reshape(lfp.attrs[f"{kind}_s"], (-1, 2)).astype(float)


def _spread(lfp: xr.DataArray, channels: np.ndarray) -> BaselineStatistics:
    """Median and robust standard deviation over pieces spread evenly over the recording."""
    starts = [
        (first, min(first + _PIECE_SAMPLES, stop))
        for start, stop in sample_ranges(lfp, extent(lfp))
        for first in range(start, stop, _PIECE_SAMPLES)
    ]
    picked = np.unique(np.linspace(0, len(starts) - 1, _PIECES).round().astype(int)).tolist()
    samples = np.concatenate(
        [read_samples(lfp, starts[i][0], starts[i][1], channels) for i in picked], axis=1
    )
    centre = np.median(samples, axis=1)
    sd = 1.482602218505602 * np.median(np.abs(samples - centre[:, None]), axis=1)
    return BaselineStatistics(channels, centre.astype(float), sd.astype(float))


def _few(intervals: Intervals) -> Intervals:
    """No more intervals than an attribute can hold: short time between them is left out, too."""
    reach = 1.0
    while len(intervals) > _MOST_INTERVALS:
        ends = pad(intervals, reach)
        intervals = merge(np.column_stack((ends[:, 0] + reach, ends[:, 1] - reach)))
        reach *= 2
    return intervals
