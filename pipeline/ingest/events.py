"""TTL pulses and markers of a recording, from every format, in one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.ingest.events_words import Pulses
from pipeline.ingest.files import detect_format
from pipeline.ingest.openers import OPENERS
from pipeline.ingest.reading import reading
from pipeline.ingest.recording import open_recording, recording_start_s, recording_stream

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from spikeinterface import BaseRecording

COLUMNS = ("line", "t_on", "t_off", "clock", "aligned")
#: how far events may lie outside the recording before they belong to another one
SLACK_S = 1.0

Reader = Callable[[Path, "BaseRecording"], list[Pulses]]


def read_events(
    path: str | Path, *, format: str = "auto", stream: str | None = None
) -> pd.DataFrame:
    """Read the TTL pulses and markers of one recording.

    Digital words are read piece by piece, so memory grows with the number of pulses only.

    Parameters
    ----------
    path : path
        File or folder of the recording, as sessions.tsv names it.
    format : str
        As for :func:`pipeline.ingest.open_recording`.
    stream : str, optional
        The analysed stream, as for :func:`pipeline.ingest.open_recording`: time 0 is its first
        sample.

    Returns
    -------
    pandas.DataFrame
        One row per pulse, in order of time:

        line
            Number of the line as the rig counts it (bit of a digital word; Open Ephys and Intan
            channel number), or the text of a marker or annotation.
        t_on, t_off : float
            Seconds from the first sample of the analysed stream. NaN where that edge was not
            recorded: ``t_on`` of a line that was high from the start, ``t_off`` of one that was
            high until the end, whose falling edge was lost, or of a marker without duration.
        clock
            Stream whose clock timed the pulse.
        aligned : bool
            False where that is another clock than the analysed stream's: these times hold only
            as far as both clocks started together and ran alike, until sync pulses align them.

        No rows when the recording has no events.

    Raises
    ------
    InputError
        What :func:`pipeline.ingest.open_recording` refuses; damaged event files; events that all
        lie outside the recording.
    """
    path = Path(path)
    if format == "auto":
        format = detect_format(path)
    recording = open_recording(path, format=format, stream=stream)
    with reading(path, f"events of {OPENERS[format].label}", likely=OPENERS[format].likely):
        pulses = _READERS[format](path, recording)
    table = events_table(pulses)
    _refuse_foreign(table, path, recording.get_num_samples() / recording.sampling_frequency)
    return table


def events_table(pulses: Iterable[Pulses]) -> pd.DataFrame:
    """Return pulses of several lines as one table in order of time; see :func:`read_events`."""
    import numpy as np
    import pandas as pd

    parts = [
        pd.DataFrame(
            {
                "line": pd.Series([item.line] * len(item.on), dtype=object),
                "t_on": np.asarray(item.on, dtype=np.float64),
                "t_off": np.asarray(item.off, dtype=np.float64),
                "clock": item.clock,
                "aligned": item.aligned,
            }
        )
        for item in pulses
        if len(item.on)
    ]
    if not parts:
        empty = {"line": object, "t_on": float, "t_off": float, "clock": object, "aligned": bool}
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in empty.items()})
    table = pd.concat(parts, ignore_index=True)
    # A line that was high from the start has no t_on and comes first.
    first_seen = table.t_on.fillna(-np.inf)
    return table.iloc[np.argsort(first_seen.to_numpy(), kind="stable")].reset_index(drop=True)


def line_pulses(
    events: pd.DataFrame, line: int | str, *, clock: str | None = None, file: object = ""
) -> pd.DataFrame:
    """Return the rows of one line.

    Parameters
    ----------
    events : pandas.DataFrame
        As :func:`read_events` returns them.
    line : int or str
        As in the table; "3" finds line 3 too.
    clock : str, optional
        Needed where several streams have a line of that number.
    file : object
        The recording, for the message.

    Raises
    ------
    InputError
        No such line, or the same line in several streams: all lines are listed with their pulses.
    """
    found = events[events.line.map(str) == str(line)]
    if clock is not None:
        found = found[found.clock == clock]
    clocks = list(dict.fromkeys(found.clock))
    if len(clocks) == 1:
        return found.reset_index(drop=True)
    counts = events.groupby(["clock", events.line.map(str)], sort=False).size()
    pulses: dict[Any, Any] = counts.to_dict()
    listed = ", ".join(f"{name} of '{own}' ({n} pulses)" for (own, name), n in pulses.items())
    wanted = f"line {line}" + (f" of '{clock}'" if clock else "")
    if not clocks:
        raise InputError(f"{file}: found {listed or 'no events'}; expected {wanted}")
    raise InputError(f"{file}: found {wanted} in {', '.join(clocks)}; name the clock too: {listed}")


def threshold_events(
    recording: BaseRecording,
    channel: str,
    *,
    high_uv: float,
    low_uv: float | None = None,
    line: int | str | None = None,
) -> pd.DataFrame:
    """Read pulses from an analog channel, for rigs whose TTL went to an analog input.

    Parameters
    ----------
    recording : spikeinterface.BaseRecording
        The stream with the analog input, opened by name.
    channel : str
        Its channel.
    high_uv : float
        The line goes high where it reaches this, in microvolts (2.5 V are 2.5e6).
    low_uv : float, optional
        The line goes low where it falls to this; below ``high_uv``, so that noise at the threshold
        makes no pulses. Left out, half of ``high_uv``.
    line : int or str, optional
        Its name in the table; left out, the channel's.

    Returns
    -------
    pandas.DataFrame
        As :func:`read_events`; times from the first sample of ``recording``.

    Raises
    ------
    InputError
        No such channel; thresholds the wrong way round.
    """
    from pipeline.ingest.events_words import split_lines, word_changes

    low_uv = high_uv / 2 if low_uv is None else low_uv
    if channel not in recording.channel_ids:
        raise InputError(
            f"analog channel '{channel}': found {', '.join(map(str, recording.channel_ids))}"
        )
    if not low_uv < high_uv:
        raise InputError(f"low_uv: found {low_uv:g}; expected less than high_uv, {high_uv:g}")
    levels = _schmitt(recording, channel, high_uv, low_uv)
    changes = word_changes(levels, mask=1)
    times = changes.samples / recording.sampling_frequency
    name = channel if line is None else line
    pulses = split_lines(changes.first, times, changes.words, lines={name: 0})
    clock = recording_stream(recording)
    return events_table([Pulses(item.line, item.on, item.off, clock) for item in pulses])


def _schmitt(
    recording: BaseRecording, channel: str, high_uv: float, low_uv: float
) -> Iterable[np.ndarray]:
    """Yield 0 and 1, piece by piece; between the thresholds the last level holds."""
    import numpy as np

    level = 0
    step = max(1, round(10 * recording.sampling_frequency))
    for start in range(0, recording.get_num_samples(), step):
        end = min(start + step, recording.get_num_samples())
        x = recording.get_traces(
            start_frame=start, end_frame=end, channel_ids=[channel], return_in_uV=True
        )[:, 0]
        # 1 where above, 0 where below, -1 where the level before holds
        said = np.where(x >= high_uv, 1, np.where(x <= low_uv, 0, -1))
        known = np.concatenate([[level], said])
        last = np.maximum.accumulate(np.where(known >= 0, np.arange(len(known)), 0))
        levels = known[last][1:]
        level = int(levels[-1])
        yield levels.astype(np.uint16)


def _refuse_foreign(table: pd.DataFrame, path: Path, seconds: float) -> None:
    """Refuse events of which none lies within the recording."""
    times = table.loc[table.aligned, ["t_on", "t_off"]].to_numpy()
    import numpy as np

    known = times[np.isfinite(times)]
    if known.size and not np.any((known >= -SLACK_S) & (known <= seconds + SLACK_S)):
        raise InputError(
            f"{path}: found all {len(table)} events between {known.min():.3f} and "
            f"{known.max():.3f} s; expected some within the recording of {seconds:.3f} s: the "
            "event file belongs to another recording, or the rig's clock was reset between them"
        )


def _openephys(path: Path, recording: BaseRecording) -> list[Pulses]:
    from pipeline.ingest.events_rigs import openephys_events

    return openephys_events(path, recording_stream(recording))


def _spikeglx(path: Path, recording: BaseRecording) -> list[Pulses]:
    from pipeline.ingest.events_rigs import spikeglx_events

    return spikeglx_events(path, recording_stream(recording))


def _intan(path: Path, recording: BaseRecording) -> list[Pulses]:
    from pipeline.ingest.events_amplifiers import intan_events

    return intan_events(path, recording_stream(recording))


def _blackrock(path: Path, recording: BaseRecording) -> list[Pulses]:
    from pipeline.ingest.events_amplifiers import blackrock_events

    return blackrock_events(path, recording_stream(recording), recording_start_s(recording))


def _neuralynx(path: Path, recording: BaseRecording) -> list[Pulses]:
    from pipeline.ingest.events_amplifiers import neuralynx_events

    return neuralynx_events(path, recording_stream(recording), recording_start_s(recording))


def _nwb(path: Path, recording: BaseRecording) -> list[Pulses]:
    from pipeline.ingest.events_nwb import nwb_events
    from pipeline.ingest.hdf5 import open_nwb
    from pipeline.ingest.openers_rigs import one_file

    with open_nwb(one_file(path, "nwb")) as file:
        return nwb_events(
            file, start_s=recording_start_s(recording), stream=recording_stream(recording)
        )


def _edf(path: Path, recording: BaseRecording) -> list[Pulses]:
    from pipeline.ingest.events_files import edf_events

    return edf_events(path, recording_stream(recording), format="edf")


def _bdf(path: Path, recording: BaseRecording) -> list[Pulses]:
    from pipeline.ingest.events_files import edf_events

    return edf_events(path, recording_stream(recording), format="bdf")


def _brainvision(path: Path, recording: BaseRecording) -> list[Pulses]:
    from pipeline.ingest.events_files import brainvision_events

    return brainvision_events(path, recording_stream(recording))


def _plexon(path: Path, recording: BaseRecording) -> list[Pulses]:
    from pipeline.ingest.plexon import plexon_events

    return plexon_events(path, recording_stream(recording), recording_start_s(recording))


def _tdt(path: Path, recording: BaseRecording) -> list[Pulses]:
    from pipeline.ingest.tdt import tdt_events

    return tdt_events(path, recording_stream(recording), recording_start_s(recording))


def _neuroscope(path: Path, recording: BaseRecording) -> list[Pulses]:
    from pipeline.ingest.neuroscope import neuroscope_events

    return neuroscope_events(path, recording_stream(recording))


def _axona(path: Path, recording: BaseRecording) -> list[Pulses]:
    from pipeline.ingest.axona import axona_events

    return axona_events(path, recording_stream(recording))


def _none(path: Path, recording: BaseRecording) -> list[Pulses]:
    """Return nothing: the format holds no events."""
    return []


_READERS: dict[str, Reader] = {
    "openephys": _openephys,
    "spikeglx": _spikeglx,
    "intan": _intan,
    "blackrock": _blackrock,
    "neuralynx": _neuralynx,
    "plexon": _plexon,
    "nwb": _nwb,
    "edf": _edf,
    "bdf": _bdf,
    "brainvision": _brainvision,
    "tdt": _tdt,
    "neuroscope": _neuroscope,
    "axona": _axona,
    "binary": _none,
}
