"""Artefact windows with thresholds frozen on the baseline.

A drug that raises the amplitude of the LFP would hide its own artefacts, or flag its own effect,
if thresholds followed each epoch: they come from the baseline and hold for the whole recording.
Two things give way, within bounds. Deviations are taken from the level around (the median over 20
s), for an electrode's potential steps and drifts without any artefact. And where the spread of a
channel over the minute around is above that of the baseline, the threshold is raised with it, to at
most twice the frozen one: else a true rise of the amplitude by 6 dB would count as artefact, and
what is left of it would be biased. It is never lowered.

What is a second of artefact on one good channel is left out on all, so that the channels of a
region always rest on the same time. A channel whose own artefacts take much of an epoch in which
the others are clean has come loose: it is left out itself, not the time of all.

All kinds are found in one pass over the recording (:mod:`pipeline.lfp.artefact_scan`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import InputError
from pipeline.intervals import Intervals, intersect, merge, pad, subtract
from pipeline.lfp.artefact_scan import (
    BASIC_KINDS,
    BaselineStatistics,
    Limits,
    Scan,
    scan,
)
from pipeline.lfp.bursts import Bursts, burst_thresholds, find_bursts
from pipeline.lfp.loose import LOOSE_FRACTION, loose_channels
from pipeline.lfp.signal import (
    extent,
    good_channels,
    rate_of,
    read_samples,
    sample_ranges,
    start_of,
)
from pipeline.lfp.stuck import stuck_time

#: standard deviation of a normal distribution / its median absolute deviation
_SD_PER_MAD = 1.482602218505602
#: all kinds, in the order in which they are stated
KINDS = (*BASIC_KINDS, "burst")


@dataclass(frozen=True, eq=False)
class Artefacts:
    """Time that no measure may use, by kind; a second may be of several kinds.

    Attributes
    ----------
    kinds : mapping of str to ndarray, shape (n, 2)
        ``amplitude``, ``flat``, ``saturated``, ``burst``: disjoint seconds on the session clock,
        padded, within the recording.
    bursts : Bursts
        The bursts themselves, without padding.
    raised : ndarray, shape (n, 2)
        Time beyond the frozen threshold that only the raised one kept.
    loose : mapping of str to str
        Channels that count as bad in this session, besides those marked before -> why.
    """

    kinds: Mapping[str, Intervals]
    bursts: Bursts
    raised: Intervals = field(default_factory=lambda: np.empty((0, 2)))
    loose: Mapping[str, str] = field(default_factory=dict)

    @property
    def intervals(self) -> Intervals:
        """Union of all kinds."""
        return merge(np.concatenate(list(self.kinds.values())))


def baseline_statistics(
    lfp: xr.DataArray, baseline: ArrayLike, *, bad: Collection[str] = ()
) -> BaselineStatistics:
    """Median and robust standard deviation of each good channel over the baseline.

    Parameters
    ----------
    lfp : DataArray (time, channel)
        Microvolts.
    baseline : array_like, shape (n, 2)
        Seconds on the session clock, without overlaps.
    bad : collection of str
        Channels to leave out, besides those that ``lfp`` marks.

    Returns
    -------
    BaselineStatistics

    Raises
    ------
    InputError
        If no baseline was recorded, or a channel is constant in it.
    """
    found = _statistics(lfp, baseline, good_channels(lfp, bad))
    if (flat := np.flatnonzero(~(found.sd > 0))).size:
        name = lfp["channel"].values[found.channels[flat[0]]]
        raise InputError(
            f"lfp: channel {name}: found the same value in half of the baseline or more; expected "
            "a signal (disconnected or switched off? mark it bad in channels.tsv)"
        )
    return found


def _statistics(
    lfp: xr.DataArray, baseline: ArrayLike, channels: NDArray[np.int64]
) -> BaselineStatistics:
    """As :func:`baseline_statistics`, with an SD of zero for channels that are constant."""
    ranges = sample_ranges(lfp, baseline)
    if len(ranges) == 0:
        raise InputError(
            "artefacts: found no recorded sample in the baseline; expected the intervals whose "
            "amplitude sets the thresholds (the whole recording, for a session without baseline)"
        )
    centre, sd = np.empty(len(channels)), np.empty(len(channels))
    for index, channel in enumerate(channels):
        samples = np.concatenate(
            [read_samples(lfp, first, past, np.array([channel]))[0] for first, past in ranges]
        )
        centre[index] = np.median(samples)
        sd[index] = _SD_PER_MAD * np.median(np.abs(samples - np.float32(centre[index])))
    return BaselineStatistics(channels, centre, sd)


def artefact_intervals(
    lfp: xr.DataArray,
    *,
    baseline: ArrayLike | BaselineStatistics,
    threshold_sd: float = 6.0,
    pad_s: float = 0.5,
    window_s: float = 1.0,
    flat_sd: float = 1e-3,
    flat_s: float = 0.1,
    rail_samples: int = 3,
    bad: Collection[str] = (),
) -> Intervals:
    """Time of extreme amplitude, flat or saturated; bursts are found by :func:`find_artefacts`.

    A window of `window_s` is flagged when any good channel, in it,

    - leaves its median over the 20 s around by more than `threshold_sd` robust standard deviations
      of the baseline, or, where its spread over the minute around is larger than the baseline's, of
      that spread, but no more than twice the former,
    - is flat: all samples of `flat_s` within `flat_sd` standard deviations, or
    - is saturated: `rail_samples` or more successive samples equal to the channel's highest or
      lowest value in the recording.

    Flagged windows are widened by `pad_s` on both sides.

    Parameters
    ----------
    lfp : DataArray (time, channel)
        Microvolts; read piece by piece.
    baseline : array_like, shape (n, 2), or BaselineStatistics
        Seconds whose statistics set the thresholds, or the statistics themselves.
    threshold_sd, pad_s, window_s, flat_sd, flat_s, rail_samples
        See above.
    bad : collection of str
        Channels to leave out, besides those that ``lfp`` marks; not looked at when statistics
        are given, which name their channels.

    Returns
    -------
    ndarray, shape (n, 2)
        Disjoint seconds on the session clock, within the recording.

    Raises
    ------
    InputError
        As :func:`baseline_statistics`.
    """
    if isinstance(baseline, BaselineStatistics):
        frozen = baseline
    else:
        frozen = baseline_statistics(lfp, baseline, bad=bad)
    limits = Limits(frozen, threshold_sd, window_s, flat_sd, flat_s, rail_samples)
    found = scan(lfp, limits, None)
    return _widened(lfp, found, np.asarray(found.flagged.any(axis=(0, 1))), pad_s)


def find_artefacts(
    lfp: xr.DataArray,
    *,
    baseline: ArrayLike,
    epochs: Mapping[str, ArrayLike] | None = None,
    threshold_sd: float = 6.0,
    pad_s: float = 0.5,
    window_s: float = 1.0,
    flat_sd: float = 1e-3,
    flat_s: float = 0.1,
    rail_samples: int = 3,
    loose_fraction: float = LOOSE_FRACTION,
    bad: Collection[str] = (),
) -> Artefacts:
    """All kinds of artefacts, bursts of muscles included, and channels that came loose.

    Flat and saturated time that the LFP carries from before its reference
    (:mod:`pipeline.lfp.stuck`) is part of these kinds.

    Parameters
    ----------
    lfp, threshold_sd, pad_s, window_s, flat_sd, flat_s, rail_samples, bad
        As in :func:`artefact_intervals`; bursts are widened by `pad_s` as well.
    baseline : array_like, shape (n, 2)
        Seconds whose statistics set all thresholds.
    epochs : mapping of str to array_like, shape (n, 2), optional
        Name -> seconds in which, besides the whole recording, no channel may be loose.
    loose_fraction : float
        A channel counts as bad where its own artefacts take more than this part of an epoch or of
        the recording, and those of most other channels do not; so does one that is constant in
        half of the baseline or more.

    Returns
    -------
    Artefacts
        Without any time where no channel is left.

    Raises
    ------
    InputError
        If no baseline was recorded, or all channels are marked bad.
    """
    names = lfp["channel"].values.astype(str)
    everything = _statistics(lfp, baseline, good_channels(lfp, bad))
    fine = everything.sd > 0
    loose = {
        str(name): "the same value in half of the baseline or more"
        for name in names[everything.channels[~fine]]
    }
    stretches = {"the recording": extent(lfp), **(epochs or {})}
    while fine.any():
        frozen = BaselineStatistics(
            everything.channels[fine], everything.centre[fine], everything.sd[fine]
        )
        thresholds, note = burst_thresholds(lfp, baseline, frozen.channels)
        limits = Limits(frozen, threshold_sd, window_s, flat_sd, flat_s, rail_samples)
        found = scan(lfp, limits, thresholds)
        more = loose_channels(found, stretches, limit=loose_fraction)
        if not more:
            break
        loose |= {str(names[frozen.channels[index]]): why for index, why in more.items()}
        fine = fine & ~np.isin(names[everything.channels], list(loose))
    else:
        nothing = np.empty((0, 2))
        bursts = Bursts(nothing, nothing, possible=False)
        return Artefacts(dict.fromkeys(KINDS, nothing), bursts, loose=loose)
    if thresholds is None:
        bursts = Bursts(np.empty((0, 2)), np.empty((0, 2)), note, possible=False)
    else:
        bursts = find_bursts(
            *found.bursts, thresholds, rate_hz=rate_of(lfp), start_s=start_of(lfp), note=note
        )
    kinds = {
        kind: _widened(lfp, found, flagged.any(axis=0), pad_s, stuck_time(lfp, kind))
        for kind, flagged in zip(BASIC_KINDS, found.flagged, strict=True)
    }
    kinds["burst"] = intersect(pad(bursts.events, pad_s), extent(lfp))
    raised = intersect(found.intervals(np.asarray(found.raised.any(axis=0))), extent(lfp))
    left_out = merge(np.concatenate(list(kinds.values())))
    return Artefacts(kinds, bursts, raised=subtract(raised, left_out), loose=loose)


def _widened(
    lfp: xr.DataArray,
    found: Scan,
    flagged: NDArray[np.bool_],
    pad_s: float,
    known: ArrayLike = (),
) -> Intervals:
    """Flagged windows and known intervals, padded and within the recording."""
    windows = np.concatenate((found.intervals(flagged), np.reshape(known, (-1, 2))))
    return intersect(pad(windows, pad_s), extent(lfp))
