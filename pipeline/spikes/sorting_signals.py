"""The raw signals of a probe, filtered and referenced: one file that a sorter reads in pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError

if TYPE_CHECKING:
    from spikeinterface import BaseRecording

    from pipeline.ingest.joining import RecordingPart

#: microvolts per count of the file: int16 then holds 3.2 mV either way
UV_PER_BIT = 0.1
#: samples (of all channels together) that are held at once, beside the filter's margins
BLOCK_VALUES = 8_000_000
#: from so many channels on, ``reference: auto`` is the common median
COMMON_MEDIAN_FROM = 32
#: rates of one rig, each as its own clock has it, are no further apart
RATES_APART = 1e-3
#: the filter reaches less far than that (300 Hz: 3 ms)
_MARGIN_MS = 50.0


@dataclass(frozen=True, eq=False)
class Joined:
    """Parts of a probe, one after another without their gaps.

    Attributes
    ----------
    rates_hz : ndarray, shape (n_parts,)
        Samples per second of each part. Clocks of rigs differ by millionths from part to part, and
        times keep to the part's own.
    starts_s : ndarray, shape (n_parts,)
        Session time of each part's first sample.
    lengths : ndarray, shape (n_parts,)
        Samples of each part.
    clipped : int
        Samples beyond what the file holds, cut off there: artefacts.
    """

    rates_hz: NDArray[np.float64]
    starts_s: NDArray[np.float64]
    lengths: NDArray[np.int64]
    clipped: int = 0

    @property
    def rate_hz(self) -> float:
        """What filter and sorter take for the rate: that of the first part."""
        return float(self.rates_hz[0])

    def session_times(self, samples: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the seconds on the session's clock of samples of the file, gaps put back.

        Raises
        ------
        ValueError
            If a sample lies outside the file.
        """
        samples = np.asarray(samples, dtype=np.int64)
        borders = np.concatenate(([0], np.cumsum(self.lengths)))
        if samples.size and (samples.min() < 0 or samples.max() >= borders[-1]):
            raise ValueError(f"samples must lie within 0 to {borders[-1] - 1}")
        part = np.searchsorted(borders[1:-1], samples, side="right")
        return self.starts_s[part] + (samples - borders[part]) / self.rates_hz[part]


def write_signals(
    parts: Sequence[RecordingPart],
    channels: Mapping[str, str],
    path: Path,
    *,
    pass_band_hz: tuple[float, float],
    reference: str,
) -> Joined:
    """Filter the parts of a probe and write them one after another.

    Each part is filtered by itself, zero phase (Butterworth of order 5, forward and backward), so
    that no transient spans a gap.

    Parameters
    ----------
    parts : sequence of RecordingPart
        In the order of time.
    channels : mapping of str to str
        Name in the session -> name in the files.
    path : Path
        int16, interleaved, :data:`UV_PER_BIT` microvolts per count.
    pass_band_hz : (float, float)
        In Hz.
    reference : {"auto", "common_median", "none"}
        Whether the median over `channels` is subtracted from each sample.

    Returns
    -------
    Joined

    Raises
    ------
    InputError
        If the rates of the parts differ, or do not hold the pass band.
    """
    rate_hz = _common_rate(parts, pass_band_hz)
    names = list(channels.values())
    clipped = 0
    block = max(round(rate_hz), BLOCK_VALUES // len(names))
    with path.open("wb") as file:
        for part in parts:
            filtered = _filtered(part.recording.select_channels(names), pass_band_hz)
            total = filtered.get_num_samples()
            for start in range(0, total, block):
                traces = filtered.get_traces(start_frame=start, end_frame=min(total, start + block))
                if subtracts_median(reference, len(names)):
                    traces = traces - np.median(traces, axis=1, keepdims=True)
                counts = np.rint(traces / np.float32(UV_PER_BIT))
                clipped += int(np.count_nonzero(np.abs(counts) > 32767))
                held = np.clip(counts, -32767, 32767)
                file.write(np.ascontiguousarray(held, dtype="<i2").data)
    return Joined(
        np.array([part.rate_hz for part in parts]),
        np.array([part.starts_at_s for part in parts]),
        np.array([part.recording.get_num_samples() for part in parts], dtype=np.int64),
        clipped,
    )


def subtracts_median(reference: str, n_channels: int) -> bool:
    """Whether the median over the channels is subtracted."""
    return reference == "common_median" or (
        reference == "auto" and n_channels >= COMMON_MEDIAN_FROM
    )


def open_signals(
    path: Path, channels: Sequence[str], rate_hz: float, places_um: Mapping[str, Any]
) -> BaseRecording:
    """Open some channels of the file, with their places; nothing is read.

    Parameters
    ----------
    path : Path
        From :func:`write_signals`.
    channels : sequence of str
        All channels of the file.
    rate_hz : float
        Samples per second.
    places_um : mapping of str to (float, float)
        Channels that are wanted, and where each lies.

    Returns
    -------
    BaseRecording
    """
    from spikeinterface.core import BinaryRecordingExtractor

    recording = BinaryRecordingExtractor(
        path,
        sampling_frequency=rate_hz,
        num_channels=len(channels),
        dtype="int16",
        channel_ids=list(channels),
        gain_to_uV=UV_PER_BIT,
        offset_to_uV=0.0,
        is_filtered=True,
    ).select_channels(list(places_um))
    recording.set_dummy_probe_from_locations(np.array(list(places_um.values()), dtype=float))
    return recording


def crossings_per_s(recording: BaseRecording, *, threshold: float = 5.0) -> float:
    """Return how often a filtered signal falls below its noise, per second and channel.

    Parameters
    ----------
    recording : BaseRecording
        From :func:`open_signals`; read in pieces.
    threshold : float
        In robust standard deviations (median absolute value / 0.6745) of each channel's piece.

    Returns
    -------
    float
        Gaussian noise of 30000 samples per second alone gives about 0.01.
    """
    total, count = recording.get_num_samples(), 0
    block = max(round(recording.sampling_frequency), BLOCK_VALUES // recording.get_num_channels())
    for start in range(0, total, block):
        piece = recording.get_traces(start_frame=start, end_frame=min(total, start + block))
        noise = np.median(np.abs(piece.astype(np.float32)), axis=0) / 0.6745
        below = piece < -threshold * noise
        count += int(np.count_nonzero(below[1:] & ~below[:-1]))
    return count / (total / recording.sampling_frequency) / recording.get_num_channels()


def same_rate(rates_hz: Sequence[float]) -> bool:
    """Whether rates are one but for how exactly each was measured (Neuralynx, Neuropixels)."""
    return max(rates_hz) <= min(rates_hz) * (1 + RATES_APART)


def _common_rate(parts: Sequence[RecordingPart], band_hz: tuple[float, float]) -> float:
    if not same_rate([part.rate_hz for part in parts]):
        said = ", ".join(f"{part.name} {part.rate_hz:g} Hz" for part in parts)
        raise InputError(
            f"recordings: found {said}; expected one rate in all parts that are sorted together"
        )
    rate_hz = parts[0].rate_hz
    if band_hz[1] >= rate_hz / 2:
        raise InputError(
            f"{parts[0].name}: found {rate_hz:g} samples per second; expected more than "
            f"{2 * band_hz[1]:g}, twice the upper end of spikes.sorting.preprocessing.pass_band_hz "
            "(a stream of LFP? name that of the wide band under spikes.sorting.streams)"
        )
    return rate_hz


def _filtered(recording: BaseRecording, band_hz: tuple[float, float]) -> BaseRecording:
    """Microvolts in the band, computed where they are read."""
    from spikeinterface.preprocessing import bandpass_filter, scale_to_uV

    return bandpass_filter(
        scale_to_uV(recording),
        freq_min=band_hz[0],
        freq_max=band_hz[1],
        margin_ms=_MARGIN_MS,
        dtype="float32",
    )
