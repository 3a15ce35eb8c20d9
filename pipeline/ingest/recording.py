"""Open a recording of any known format: lazy, in microvolts, with the rig's channel names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.experiment.strict import did_you_mean
from pipeline.ingest.files import detect_format
from pipeline.ingest.openers import OPENERS
from pipeline.ingest.reading import reading

if TYPE_CHECKING:
    from spikeinterface import BaseRecording


def open_recording(
    path: str | Path, *, format: str = "auto", stream: str | None = None
) -> BaseRecording:
    """Open the signals of one recording; no samples are read.

    Parameters
    ----------
    path : path
        File or folder, as sessions.tsv names it.
    format : str
        ``auto``, or a format of :data:`pipeline.ingest.openers.OPENERS`.
    stream : str, optional
        Stream of a recording that has several; for NWB the path of the ElectricalSeries, for EDF
        the rate ("1000 Hz"). When left out, :func:`pipeline.ingest.streams.pick_stream` decides or
        refuses.

    Returns
    -------
    spikeinterface.BaseRecording
        One segment; channel ids are strings: the names of the file where they are unique.
        ``get_traces(return_in_uV=True)`` gives float32 microvolts.

    Raises
    ------
    InputError
        Nothing there, an unknown format, several streams, damage, no gain, or interruptions.
    """
    path = Path(path)
    if format == "auto":
        format = detect_format(path)
    if format not in OPENERS:
        raise InputError(
            f"{path}: recording_format: found '{format}'{did_you_mean(format, OPENERS)}; expected "
            f"auto or one of {', '.join(OPENERS)}"
        )
    if not path.exists():
        raise InputError(f"{path}: not found; check the 'recording' column of the sessions table")
    opener = OPENERS[format]
    with reading(path, opener.label, likely=opener.likely):
        recording = _with_names(opener.open(path, stream or None))
    _refuse_unusable(recording, path)
    return recording


def recording_start_s(recording: BaseRecording) -> float:
    """Return the time of the first sample on the file's own clock.

    Time 0 of a session is this sample. Spike times and trials in the same NWB file count from the
    file's clock: subtract this from them.
    """
    start = recording.get_annotation("clock_start_s")
    return float(recording.get_start_time() if start is None else start)


def recording_stream(recording: BaseRecording) -> str:
    """Return the name of the stream that was opened; empty where the format has no streams."""
    return str(recording.get_annotation("stream") or "")


def left_out_channels(recording: BaseRecording) -> dict[str, str]:
    """Return the channels that were left out because they hold no voltage, with their units."""
    return dict(recording.get_annotation("left_out") or {})


def _with_names(recording: BaseRecording) -> BaseRecording:
    """Name channels as the rig does (``LF0``, not ``imec0.lf#LF0``) where that is unambiguous."""
    ids = [str(channel) for channel in recording.channel_ids]
    names = recording.get_property("channel_name")
    if names is not None:
        named = [str(name) for name in names]
        if len(set(named)) == len(named) and all(named):
            ids = named
    return recording.rename_channels(ids)


def _refuse_unusable(recording: BaseRecording, path: Path) -> None:
    import numpy as np

    segments = recording.get_num_segments()
    if segments != 1:
        seconds = [
            recording.get_num_samples(s) / recording.sampling_frequency for s in range(segments)
        ]
        lengths = ", ".join(f"{length:.1f}" for length in seconds[:10])
        raise InputError(
            f"{path}: found {segments} separate pieces of {lengths} s; expected one without gaps. "
            "Recording was paused or samples were lost; name one piece, or list the pieces in the "
            "recordings table with starts_at_s"
        )
    if recording.get_num_samples() == 0 or recording.get_num_channels() == 0:
        raise InputError(f"{path}: found no samples: recording was stopped at once, or not copied")
    gains, offsets = recording.get_channel_gains(), recording.get_channel_offsets()
    if gains is None or offsets is None or not np.all(np.isfinite(gains)) or np.any(gains == 0):
        raise InputError(
            f"{path}: found no gain; expected microvolts per count for every channel: without it "
            "the signals have no unit"
        )
