"""A SpikeInterface recording around any function that reads samples.

Import this module where it is used, not at the top: it costs SpikeInterface.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from spikeinterface import BaseRecording, BaseRecordingSegment

#: from (first sample, sample after the last) to (time, channel) values as stored
Read = Callable[[int, int], np.ndarray]


class LazyRecording(BaseRecording):
    """One segment whose samples come from a function, when they are asked for.

    Parameters
    ----------
    read : callable
        Reads (time, channel) values from one sample up to another.
    samples : int
        Length.
    rate_hz : float
        Samples per second.
    channels : sequence of str
        (channel,) names.
    dtype : str
        Type of the values that ``read`` returns.
    gains_uv, offsets_uv : float or sequence of float
        Microvolts per count and microvolts at count 0, of all channels or of each.
    start_s : float
        Time of the first sample on the file's own clock.
    """

    def __init__(
        self,
        read: Read,
        *,
        samples: int,
        rate_hz: float,
        channels: Sequence[str],
        dtype: str,
        gains_uv: float | Sequence[float] = 1.0,
        offsets_uv: float | Sequence[float] = 0.0,
        start_s: float = 0.0,
    ) -> None:
        super().__init__(rate_hz, list(channels), np.dtype(dtype))
        self.add_recording_segment(_Segment(read, samples, rate_hz, start_s))
        number = len(channels)
        self.set_channel_gains(np.broadcast_to(np.asarray(gains_uv, dtype=float), number).copy())
        self.set_channel_offsets(
            np.broadcast_to(np.asarray(offsets_uv, dtype=float), number).copy()
        )
        # A function cannot be written to a file.
        self._serializability["memory"] = False
        self._serializability["json"] = False
        self._serializability["pickle"] = False


class _Segment(BaseRecordingSegment):
    def __init__(self, read: Read, samples: int, rate_hz: float, start_s: float) -> None:
        super().__init__(sampling_frequency=rate_hz, t_start=start_s)
        self._read, self._samples = read, samples

    def get_num_samples(self) -> int:
        return self._samples

    def get_traces(
        self,
        start_frame: int | None = None,
        end_frame: int | None = None,
        channel_indices: Sequence[int] | slice | None = None,
    ) -> np.ndarray:
        start = 0 if start_frame is None else int(start_frame)
        end = self._samples if end_frame is None else int(end_frame)
        wanted = slice(None) if channel_indices is None else channel_indices
        return self._read(start, end)[:, wanted]
