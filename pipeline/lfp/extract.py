"""Raw recording to LFP: microvolts at about 1 kHz, zero phase, streamed.

What the filter keeps: flat (0.01 dB) to 0.4 of the output rate, at least 70 dB down from 0.55 of
it, no phase shift. Between the two it falls off, so that measures end at ``pass_band_hz``; so
they do where samples pass through, for the rig's own filter falls off below half its rate.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.lfp.offgrid import BLOCK_OUTPUTS, OffGrid
from pipeline.lfp.resample import Resampler, design_resampler, pass_band, resample_blocks
from pipeline.lfp.signal import lfp_array, write_lfp

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording

#: called with samples done and samples in all
Progress = Callable[[int, int], None]

#: raw values held at a time (8 MB as float32)
CHUNK_VALUES = 2**21


@dataclass(frozen=True, eq=False)
class Source:
    """A recording as extraction sees it: checked, with its channels and their calibration.

    Attributes
    ----------
    recording : BaseRecording
        One segment.
    name : str
        What messages call it.
    ids : tuple
        The recording's own channel ids that are read; None for all, in the recording's order.
    channels : tuple of str
        Their names.
    gain, offset : ndarray of float64, shape (n_channels,)
        Microvolts = raw value x gain + offset.
    n_samples : int
        Length of the recording.
    resampler : Resampler, OffGrid or None
        None when the samples pass through untouched; OffGrid where the samples of a joined session
        lie between those of this recording.
    rate_hz, pass_band_hz : float
        Exact output rate, and the highest frequency that stays flat.
    """

    recording: BaseRecording
    name: str
    ids: tuple[Any, ...] | None
    channels: tuple[str, ...]
    gain: NDArray[np.float64]
    offset: NDArray[np.float64]
    n_samples: int
    resampler: Resampler | OffGrid | None
    rate_hz: float
    pass_band_hz: float

    @property
    def n_out(self) -> int:
        """Samples of the LFP."""
        return self.n_samples if self.resampler is None else self.resampler.n_out(self.n_samples)

    @property
    def attributes(self) -> dict[str, Any]:
        """How the LFP was made, for the file."""
        if self.resampler is None:
            return {"resampling": "none", "recording_rate_hz": self.rate_hz}
        if isinstance(self.resampler, OffGrid):
            return {
                "resampling": "between samples, zero-phase Kaiser low-pass",
                "recording_rate_hz": self.resampler.rate_in_hz,
            }
        return {
            "resampling": f"{self.resampler.up}/{self.resampler.down}, zero-phase Kaiser low-pass",
            "recording_rate_hz": self.resampler.rate_in_hz,
        }


def extract_lfp(
    recording: BaseRecording,
    rate_hz: float = 1000.0,
    channels: Sequence[str] | None = None,
    *,
    start_s: float = 0.0,
    region: Mapping[str, str] | None = None,
    bad: Collection[str] = (),
    rig_pass_hz: float | None = None,
    source: str = "recording",
    chunk_values: int = CHUNK_VALUES,
    progress: Progress | None = None,
) -> xr.DataArray:
    """LFP of a recording, in memory.

    Parameters
    ----------
    recording : BaseRecording
        Any SpikeInterface recording of one segment that knows its gains.
    rate_hz : float
        Wanted rate. The exact one (nearest ratio up / down with up <= 8) is in ``attrs``; a
        recording that is not faster than this passes through untouched, at its own rate.
    channels : sequence of str, optional
        Channels to read, in this order; all when not given.
    start_s : float
        Time of the first sample on the session clock.
    region, bad
        As in :func:`pipeline.lfp.signal.lfp_array`.
    rig_pass_hz : float, optional
        Highest frequency that the rig's filters pass flat; the LFP's pass band ends no higher.
    source : str
        What messages call the recording (its file).
    chunk_values : int
        Raw values held at a time. The result does not depend on it.
    progress : callable, optional
        Called with samples done and samples in all.

    Returns
    -------
    DataArray (time, channel), float32, microvolts

    Raises
    ------
    InputError
        If the recording has several segments, no samples or no gains, a channel is unknown, or a
        sample is not finite.
    """
    origin = open_source(
        recording, rate_hz=rate_hz, channels=channels, rig_pass_hz=rig_pass_hz, name=source
    )
    values = np.empty((origin.n_out, len(origin.channels)), dtype=np.float32)
    first = 0
    for block in lfp_blocks(origin, chunk_values=chunk_values, progress=progress):
        values[first : first + len(block)] = block
        first += len(block)
    lfp = lfp_array(
        values,
        rate_hz=origin.rate_hz,
        channels=origin.channels,
        start_s=start_s,
        region=region,
        bad=bad,
        pass_band_hz=origin.pass_band_hz,
    )
    lfp.attrs.update(origin.attributes)
    return lfp


def extract_lfp_to_netcdf(
    recording: BaseRecording,
    path: str | Path,
    *,
    rate_hz: float = 1000.0,
    channels: Sequence[str] | None = None,
    start_s: float = 0.0,
    region: Mapping[str, str] | None = None,
    bad: Collection[str] = (),
    rig_pass_hz: float | None = None,
    source: str = "recording",
    chunk_values: int = CHUNK_VALUES,
    progress: Progress | None = None,
) -> Path:
    """LFP of a recording, streamed to lfp.nc: memory does not grow with duration.

    Parameters
    ----------
    recording, rate_hz, channels, start_s, region, bad, rig_pass_hz, source, chunk_values, progress
        As in :func:`extract_lfp`.
    path : str or Path
        The netCDF file (variables lfp, time, channel, region, bad).

    Returns
    -------
    Path
        `path`; :func:`pipeline.lfp.open_lfp` reads it.

    Raises
    ------
    InputError
        As :func:`extract_lfp`; nothing is left at `path` then.
    """
    origin = open_source(
        recording, rate_hz=rate_hz, channels=channels, rig_pass_hz=rig_pass_hz, name=source
    )
    return write_lfp(
        path,
        lfp_blocks(origin, chunk_values=chunk_values, progress=progress),
        n_samples=origin.n_out,
        rate_hz=origin.rate_hz,
        channels=origin.channels,
        start_s=start_s,
        region=region,
        bad=bad,
        pass_band_hz=origin.pass_band_hz,
        attributes=origin.attributes,
    )


def open_source(
    recording: BaseRecording,
    *,
    rate_hz: float,
    channels: Sequence[str] | None,
    name: str,
    rig_pass_hz: float | None = None,
) -> Source:
    """Check a recording and design its resampler; no sample is read.

    Raises
    ------
    InputError
        See :func:`extract_lfp`.
    """
    if (segments := recording.get_num_segments()) != 1:
        raise InputError(
            f"{name}: found {segments} segments; expected one (acquisition was paused or "
            "restarted? list the parts in recordings.tsv, each with its starts_at_s)"
        )
    if (n_samples := int(recording.get_num_samples(segment_index=0))) == 0:
        raise InputError(f"{name}: found no samples; expected a recording (acquisition aborted?)")
    by_name = {str(channel): channel for channel in recording.channel_ids}
    wanted = list(by_name) if channels is None else [str(channel) for channel in channels]
    if unknown := [channel for channel in wanted if channel not in by_name]:
        raise InputError(
            f"{name}: found no channel {', '.join(unknown)}; expected some of {', '.join(by_name)}"
        )
    if not wanted or len(set(wanted)) != len(wanted):
        raise InputError(f"{name}: channels {wanted}; expected at least one, each once")
    ids = None if channels is None else tuple(by_name[channel] for channel in wanted)
    gain, offset = recording.get_channel_gains(ids), recording.get_channel_offsets(ids)
    if gain is None or offset is None:
        raise InputError(
            f"{name}: found no gain to microvolts; expected one per channel (state gain_uv and "
            "offset_uv for this file; 1 and 0 if its values are microvolts already)"
        )
    gain, offset = np.asarray(gain, dtype=float), np.asarray(offset, dtype=float)
    usable = np.isfinite(gain) & np.isfinite(offset) & (gain != 0)
    if not usable.all():
        at = int(np.flatnonzero(~usable)[0])
        raise InputError(
            f"{name}: channel {wanted[at]}: found gain {gain[at]} and offset {offset[at]}; "
            "expected finite numbers, the gain not zero"
        )
    rate_in_hz = float(recording.get_sampling_frequency())
    resampler = design_resampler(rate_in_hz, rate_hz)
    rate_out_hz = rate_in_hz if resampler is None else resampler.rate_hz
    return Source(
        recording=recording,
        name=name,
        ids=ids,
        channels=tuple(wanted),
        gain=gain,
        offset=offset,
        n_samples=n_samples,
        resampler=resampler,
        rate_hz=rate_out_hz,
        pass_band_hz=pass_band(rate_out_hz, rig_pass_hz),
    )


def lfp_blocks(
    source: Source, *, chunk_values: int = CHUNK_VALUES, progress: Progress | None = None
) -> Iterator[NDArray[np.float32]]:
    """Consecutive pieces of the LFP.

    Parameters
    ----------
    source : Source
        The recording.
    chunk_values : int
        Raw values held at a time; at least one filter window is.
    progress : callable, optional
        Called with samples done and samples in all.

    Yields
    ------
    ndarray of float32, shape (n, n_channels)
        Microvolts.

    Raises
    ------
    InputError
        If a sample is not finite.
    """
    # Counts are centred before the filter and scaled after it: float32 then keeps all bits for
    # the signal even where the converter's zero is at 32768, and scaling costs next to nothing.
    centre = np.round(-source.offset / source.gain).astype(np.float32)
    scale = source.gain.astype(np.float32)
    shift = (source.offset + centre * source.gain).astype(np.float32)
    rows = max(1, chunk_values // len(source.channels))
    if source.resampler is None:
        pieces = _plain_pieces(source, centre, rows)
    elif isinstance(source.resampler, OffGrid):
        pieces = _offgrid_pieces(source, source.resampler, centre, rows)
    else:
        pieces = _resampled_pieces(source, source.resampler, centre, rows)
    done = 0
    for piece in pieces:
        piece = piece[: source.n_out - done] * scale + shift
        done += len(piece)
        yield piece
        if progress is not None:
            progress(done, source.n_out)


def _plain_pieces(
    source: Source, centre: NDArray[np.float32], rows: int
) -> Iterator[NDArray[np.float32]]:
    """Centred counts as they were recorded."""
    for first in range(0, source.n_samples, rows):
        past = min(first + rows, source.n_samples)
        buffer = np.empty((past - first, len(source.channels)), dtype=np.float32)
        _read(source, first, past, centre, buffer)
        yield buffer


def _resampled_pieces(
    source: Source, resampler: Resampler, centre: NDArray[np.float32], rows: int
) -> Iterator[NDArray[np.float32]]:
    """Centred counts through the filter, in whole blocks (the last ones run past the end)."""
    n_blocks = -(-source.n_out // resampler.block_out)
    overlap = resampler.window - resampler.block_in
    at_once = min(n_blocks, max(1, (rows - overlap) // resampler.block_in))
    held = np.empty(
        (at_once * resampler.block_in + overlap, len(source.channels)), dtype=np.float32
    )
    for block in range(0, n_blocks, at_once):
        count = min(at_once, n_blocks - block)
        padded = held[: count * resampler.block_in + overlap]
        _read_padded(source, block * resampler.block_in - resampler.before, centre, padded)
        yield resample_blocks(resampler, padded, count)


def _offgrid_pieces(
    source: Source, filter_: OffGrid, centre: NDArray[np.float32], rows: int
) -> Iterator[NDArray[np.float32]]:
    """Centred counts at the places of the session's samples, in whole blocks."""
    n_blocks = -(-source.n_out // BLOCK_OUTPUTS)
    per_block = BLOCK_OUTPUTS * filter_.rate_in_hz / filter_.rate_hz
    at_once = max(1, int((rows - filter_.window) / per_block))
    for block in range(0, n_blocks, at_once):
        blocks = range(block, min(block + at_once, n_blocks))
        firsts = [filter_.first_input(number) for number in blocks]
        held = np.empty(
            (firsts[-1] - firsts[0] + filter_.window, len(source.channels)), dtype=np.float32
        )
        _read_padded(source, firsts[0], centre, held)
        yield np.concatenate(
            [
                filter_.outputs(number, held[first - firsts[0] :][: filter_.window])
                for number, first in zip(blocks, firsts, strict=True)
            ]
        )


def _read_padded(
    source: Source, first: int, centre: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """Centred counts from sample `first` on; it may lie before the start, the end after the end."""
    past = first + len(out)
    inside = slice(max(first, 0) - first, min(past, source.n_samples) - first)
    _read(source, first + inside.start, first + inside.stop, centre, out[inside])
    # Beyond its ends the recording is taken to stay at its first and last value.
    out[: inside.start] = out[inside.start]
    out[inside.stop :] = out[inside.stop - 1]


def _read(
    source: Source,
    first: int,
    past: int,
    centre: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Centred counts of samples [first, past) into `out`."""
    traces = source.recording.get_traces(
        segment_index=0, start_frame=first, end_frame=past, channel_ids=source.ids
    )
    np.copyto(out, traces, casting="unsafe")
    if traces.dtype.kind == "f" and not np.isfinite(out).all():
        row, column = np.argwhere(~np.isfinite(out))[0]
        rate = float(source.recording.get_sampling_frequency())
        raise InputError(
            f"{source.name}: channel {source.channels[column]}, sample {first + row} "
            f"({(first + row) / rate:.3f} s): found {traces[row, column]}; expected a finite "
            "number (a gap in the recording, or a channel switched off?)"
        )
    if centre.any():
        out -= centre
