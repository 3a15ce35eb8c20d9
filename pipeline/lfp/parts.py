"""Several recordings to one LFP: parts in turn, probes side by side, gaps kept as NaN.

The samples of the LFP stand on one grid that begins at the first sample of the first part. A part
that meets the grid is extracted as a recording of its own would be; one that does not (it starts a
fraction of a sample off, or its probe's clock ran at another rate) is resampled at the places of
the grid (:mod:`pipeline.lfp.offgrid`), so that no part is shifted. Nothing is put into gaps.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.intervals import Intervals, intersect
from pipeline.lfp.extract import (
    CHUNK_VALUES,
    Progress,
    Source,
    lfp_blocks,
    open_source,
)
from pipeline.lfp.offgrid import design_offgrid
from pipeline.lfp.resample import pass_band
from pipeline.lfp.signal import write_lfp

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording

#: parts that miss the grid by less than this part of an LFP sample (1 us at 1 kHz) are on it
GRID_SLACK = 1e-3


@dataclass(frozen=True, eq=False)
class Part:
    """One recording of a joined session.

    Attributes
    ----------
    recording : BaseRecording
        One segment, with gains.
    name : str
        What messages call it.
    start_s : float
        Its first sample on the session clock.
    channels : tuple of str
        Its own ids of the probe's channels, in the probe's order.
    """

    recording: BaseRecording
    name: str
    start_s: float
    channels: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Probe:
    """What one set of channels recorded, in the order of time.

    Attributes
    ----------
    channels : tuple of str
        Names of the channels in the session, each once in all of it.
    parts : tuple of Part
        Without overlaps.
    """

    channels: tuple[str, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True, eq=False)
class Placed:
    """A part on the grid.

    Attributes
    ----------
    part : Part
    source : Source
        As extraction sees it.
    first : int
        Number of its first sample of the LFP.
    n_samples : int
        How many samples of the LFP it gives.
    """

    part: Part
    source: Source
    first: int
    n_samples: int


@dataclass(frozen=True, eq=False)
class Joined:
    """What was written.

    Attributes
    ----------
    rate_hz : float
        Of the LFP.
    start_s : float
        Its first sample on the session clock.
    placed : tuple of tuple of Placed
        Parts of each probe.
    recorded_s : ndarray, shape (n, 2)
        Seconds that all probes recorded; parts that touch stay apart.
    """

    rate_hz: float
    start_s: float
    placed: tuple[tuple[Placed, ...], ...]
    recorded_s: Intervals


def extract_parts_to_netcdf(
    probes: Sequence[Probe],
    path: str | Path,
    *,
    rate_hz: float = 1000.0,
    region: Mapping[str, str] | None = None,
    bad: Collection[str] = (),
    rig_pass_hz: float | None = None,
    chunk_values: int = CHUNK_VALUES,
    progress: Progress | None = None,
) -> Joined:
    """LFP of all parts of a session, streamed to one lfp.nc.

    Parameters
    ----------
    probes : sequence of Probe
        At least one, each with at least one part.
    path : str or Path
        The netCDF file.
    rate_hz : float
        Wanted rate; the exact one is that of the earliest part.
    region, bad
        As in :func:`pipeline.lfp.signal.lfp_array`, by the session's names of the channels.
    rig_pass_hz : float, optional
        Highest frequency that the rig's filters pass flat.
    chunk_values : int
        Raw values held at a time, over all probes. The result does not depend on it.
    progress : callable, optional
        Called with samples done and samples in all.

    Returns
    -------
    Joined

    Raises
    ------
    InputError
        As :func:`pipeline.lfp.extract_lfp`; if a part is slower than the LFP; if there is no time
        that all probes recorded.
    """
    joined = place(probes, rate_hz=rate_hz, rig_pass_hz=rig_pass_hz)
    everything = [placed for track in joined.placed for placed in track]
    n_samples = max(placed.first + placed.n_samples for placed in everything)
    held = max(1, chunk_values // len(probes))
    rows = max(1, held // max(len(probe.channels) for probe in probes))
    tracks = [
        _even(_track_blocks(placed, len(probe.channels), n_samples, held), rows)
        for probe, placed in zip(probes, joined.placed, strict=True)
    ]
    write_lfp(
        path,
        _side_by_side(tracks, n_samples, progress),
        n_samples=n_samples,
        rate_hz=joined.rate_hz,
        channels=[channel for probe in probes for channel in probe.channels],
        start_s=joined.start_s,
        region=region,
        bad=bad,
        pass_band_hz=min(placed.source.pass_band_hz for placed in everything),
        recorded_s=joined.recorded_s,
        attributes={
            "resampling": "; ".join(
                dict.fromkeys(str(p.source.attributes["resampling"]) for p in everything)
            ),
            "recording_rate_hz": everything[0].source.attributes["recording_rate_hz"],
        },
    )
    return joined


def place(probes: Sequence[Probe], *, rate_hz: float, rig_pass_hz: float | None = None) -> Joined:
    """Put every part on the grid of the session; no sample is read.

    Parameters
    ----------
    probes, rate_hz, rig_pass_hz
        As in :func:`extract_parts_to_netcdf`.

    Returns
    -------
    Joined

    Raises
    ------
    InputError
        As :func:`extract_parts_to_netcdf`.
    """
    first = min((part for probe in probes for part in probe.parts), key=lambda p: p.start_s)
    grid = _opened(first, rate_hz, rig_pass_hz)
    tracks = []
    for probe in probes:
        track = [_placed(part, grid, first, rate_hz, rig_pass_hz) for part in probe.parts]
        # Two parts that touch may both claim the sample at their border: the later one has it.
        ends = [later.first for later in track[1:]] + [track[-1].first + track[-1].n_samples]
        tracks.append(
            tuple(
                replace(placed, n_samples=min(placed.n_samples, end - placed.first))
                for placed, end in zip(track, ends, strict=True)
            )
        )
    return Joined(grid.rate_hz, first.start_s, tuple(tracks), _recorded(tracks, grid, first))


def _opened(part: Part, rate_hz: float, rig_pass_hz: float | None) -> Source:
    return open_source(
        part.recording,
        rate_hz=rate_hz,
        channels=part.channels,
        rig_pass_hz=rig_pass_hz,
        name=part.name,
    )


def _placed(
    part: Part, grid: Source, first: Part, rate_hz: float, rig_pass_hz: float | None
) -> Placed:
    source = _opened(part, rate_hz, rig_pass_hz)
    offset = (part.start_s - first.start_s) * grid.rate_hz
    nearest = round(offset)
    if source.rate_hz == grid.rate_hz and abs(offset - nearest) <= GRID_SLACK:
        return Placed(part, source, nearest, source.n_out)
    rate_in_hz = float(source.recording.get_sampling_frequency())
    if rate_in_hz < grid.rate_hz:
        raise InputError(
            f"{part.name}: found {rate_in_hz:g} Hz; expected at least the LFP's "
            f"{grid.rate_hz:g} Hz, as {first.name} gives: set lfp: {{rate_hz: ...}} to the lower "
            "rate, or put the parts into two sessions"
        )
    number = int(np.ceil(offset - GRID_SLACK))
    lead_s = max(0.0, (number - offset) / grid.rate_hz)
    filter_ = design_offgrid(rate_in_hz, grid.rate_hz, lead_s=lead_s)
    source = replace(
        source,
        resampler=filter_,
        rate_hz=grid.rate_hz,
        pass_band_hz=pass_band(grid.rate_hz, rig_pass_hz),
    )
    return Placed(part, source, number, source.n_out)


def _recorded(tracks: Sequence[Sequence[Placed]], grid: Source, first: Part) -> Intervals:
    """Time that every probe recorded, so that all channels rest on the same time."""
    stretches = [
        first.start_s
        + np.array([(p.first, p.first + p.n_samples) for p in track if p.n_samples > 0])
        / grid.rate_hz
        for track in tracks
    ]
    common = stretches[0]
    for other in stretches[1:]:
        common = intersect(common, other)
    if len(common) == 0:
        names = ", ".join(placed.part.name for track in tracks for placed in track)
        raise InputError(
            f"{names}: found no time that all probes recorded; expected probes that ran in "
            "parallel (one animal's parts in turn? leave the column 'probe' blank, or starts_at_s "
            "is wrong)"
        )
    return common


def _track_blocks(
    placed: Sequence[Placed], n_channels: int, n_samples: int, chunk_values: int
) -> Iterator[NDArray[np.float32]]:
    """Samples of one probe from the first of the session to the last, NaN where it has none."""
    ends = [(item.first, item.first + item.n_samples) for item in placed]
    gaps = [
        (before, after) for (_, before), (after, _) in pairwise([(0, 0), *ends, (n_samples,) * 2])
    ]
    rows = max(1, chunk_values // n_channels)
    for gap, item in zip(gaps, [*placed, None], strict=True):
        for first in range(gap[0], gap[1], rows):
            yield np.full((min(rows, gap[1] - first), n_channels), np.nan, dtype=np.float32)
        if item is not None:
            left = item.n_samples
            for block in lfp_blocks(item.source, chunk_values=chunk_values):
                yield block[:left]
                left -= len(block[:left])


def _even(blocks: Iterator[NDArray[np.float32]], rows: int) -> Iterator[NDArray[np.float32]]:
    """The same samples in blocks of `rows`; the last may be shorter."""
    held: list[NDArray[np.float32]] = []
    count = 0
    for block in blocks:
        held.append(block)
        count += len(block)
        if count >= rows:
            samples = np.concatenate(held)
            whole = count - count % rows
            for first in range(0, whole, rows):
                yield samples[first : first + rows]
            held, count = [samples[whole:]], count - whole
    if count:
        yield np.concatenate(held)


def _side_by_side(
    tracks: Sequence[Iterator[NDArray[np.float32]]], n_samples: int, progress: Progress | None
) -> Iterator[NDArray[np.float32]]:
    """Blocks of all probes, channel after channel."""
    done = 0
    for blocks in zip(*tracks, strict=True):
        block = blocks[0] if len(blocks) == 1 else np.hstack(blocks)
        done += len(block)
        yield block
        if progress is not None:
            progress(done, n_samples)
