"""Neuralynx NCS files: one channel each, in records of 512 samples with a time stamp.

Read here because neo passes over gaps of less than a quarter of a record (128 ms at 1 kHz) in the
mode that SpikeInterface uses. Layout: Neuralynx, "Data file formats".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.ingest.damage import TRUNCATED
from pipeline.ingest.files import LAYOUTS
from pipeline.ingest.streams import pick_stream

if TYPE_CHECKING:
    import numpy as np
    from spikeinterface import BaseRecording

#: bytes of text that each file begins with
HEADER_BYTES = 16384
RECORD = 512
#: how far the rig's clock may be from the rate in the header
CLOCK_PPM = 500
#: records whose time is looked at
_PLACES = 1000


@dataclass(frozen=True)
class Channel:
    """One NCS file.

    Attributes
    ----------
    file : pathlib.Path
        The file.
    name : str
        AcqEntName, else the file's name.
    rate_hz : float
        Rate in the header.
    gain_uv : float
        Microvolts per count; negative where the header says InputInverted.
    records, samples : int
        Length; the last record may be shorter than the others.
    first_us, last_us : int
        Time of the first and of the last record on the rig's clock.
    """

    file: Path
    name: str
    rate_hz: float
    gain_uv: float
    records: int
    samples: int
    first_us: int
    last_us: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """What channels of one stream share."""
        return self.samples, self.first_us, self.last_us


def record_dtype() -> np.dtype:
    """Return the layout of one NCS record."""
    import numpy as np

    return np.dtype(
        [
            ("time", "<u8"),
            ("channel", "<u4"),
            ("rate", "<u4"),
            ("valid", "<u4"),
            ("samples", "<i2", (RECORD,)),
        ]
    )


def header_entries(file: Path) -> dict[str, str]:
    """Return the ``-Name value`` lines of a Neuralynx header.

    Raises
    ------
    InputError
        A file that does not begin as Neuralynx files do, or ends within the header.
    """
    with file.open("rb") as stream:
        data = stream.read(HEADER_BYTES)
    if not data.startswith(b"####") or len(data) < HEADER_BYTES:
        raise InputError(
            f"{file}: found {len(data)} bytes that begin with {data[:8]!r}; expected a header of "
            f"{HEADER_BYTES} bytes that begins with ########; {TRUNCATED}"
        )
    text = data.rstrip(b"\0").decode("latin-1")
    pairs = re.findall(r"^\s*-(\S+)[ \t]*(.*?)[ \t]*\r?$", text, flags=re.M)
    return {name: value.strip('"') for name, value in pairs}


def open_neuralynx(path: Path, stream: str | None) -> BaseRecording:
    """Open the channels of one rate of a Neuralynx folder.

    Parameters
    ----------
    path : pathlib.Path
        Folder with ``.ncs`` files; streams are the rates ("2000 Hz").
    stream : str or None
        As the config asks for.

    Raises
    ------
    InputError
        A file instead of its folder; several files of one channel, channels of other lengths or
        times, records with gaps, headers without rate or gain.
    """
    if path.is_file():
        raise InputError(
            f"{path}: found a file; expected a folder: each .ncs file is one channel; name its "
            f"folder, {path.parent.name}"
        )
    files = [f for f in LAYOUTS["neuralynx"].files(path) if f.suffix.casefold() == ".ncs"]
    # Cheetah leaves a header without records for channels that were switched off.
    empty = [file for file in files if file.stat().st_size == HEADER_BYTES]
    channels = sorted(
        (_read_channel(file) for file in files if file not in empty), key=lambda c: _natural(c.name)
    )
    _refuse_repeated(channels, path)
    rates = list(dict.fromkeys(channel.rate_hz for channel in channels))
    names = [f"{rate:g} Hz" for rate in rates]
    name = pick_stream(names, wanted=stream, file=path)
    chosen = [channel for channel in channels if channel.rate_hz == rates[names.index(name)]]
    for channel in chosen:
        if channel.shape != chosen[0].shape:
            raise InputError(
                f"{channel.file}: found {channel.samples} samples from {channel.first_us} to "
                f"{channel.last_us} microseconds; expected {chosen[0].samples} from "
                f"{chosen[0].first_us} to {chosen[0].last_us} as in {chosen[0].file.name}: "
                f"{TRUNCATED}, or files of another recording"
            )
        _refuse_gaps(channel)
    recording = _lazy(chosen)
    recording.annotate(stream=name, left_out={file.stem: "no samples" for file in empty})
    return recording


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort CSC2 before CSC10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _refuse_repeated(channels: list[Channel], path: Path) -> None:
    seen: dict[str, Channel] = {}
    for channel in channels:
        if channel.name in seen:
            raise InputError(
                f"{path}: found channel {channel.name} in {seen[channel.name].file.name} and "
                f"{channel.file.name}; expected one file per channel: recording was stopped and "
                "started again; move each set of files to a folder of its own and list them in the "
                "recordings table with starts_at_s"
            )
        seen[channel.name] = channel


def _read_channel(file: Path) -> Channel:
    import numpy as np

    entries = header_entries(file)
    layout = record_dtype()
    records, rest = divmod(file.stat().st_size - HEADER_BYTES, layout.itemsize)
    if rest:
        raise InputError(
            f"{file}: found {records} records of {layout.itemsize} bytes and {rest} bytes; "
            f"{TRUNCATED}"
        )
    values = {}
    for key in ("SamplingFrequency", "ADBitVolts"):
        try:
            values[key] = float(entries[key])
        except (KeyError, ValueError) as error:
            raise InputError(
                f"{file}: header: found {key} '{entries.get(key, '')}'; expected a number: the "
                "file was not written by Cheetah or Pegasus, or its header was edited"
            ) from error
    rate = values["SamplingFrequency"]
    if entries.get("NLX_Base_Class_Type") == "CscAcqEnt":
        # Before Cheetah 4 samples were whole microseconds apart, whatever the header says.
        rate = 1e6 / (1e6 // rate)
    sign = -1 if entries.get("InputInverted", "").casefold() == "true" else 1
    table = np.memmap(file, dtype=layout, mode="r", offset=HEADER_BYTES)
    samples = RECORD * (records - 1) + int(table[-1]["valid"])
    return Channel(
        file,
        entries.get("AcqEntName") or file.stem,
        rate,
        sign * values["ADBitVolts"] * 1e6,
        records,
        samples,
        int(table[0]["time"]),
        int(table[-1]["time"]),
    )


def _refuse_gaps(channel: Channel) -> None:
    """Refuse records that do not follow each other evenly.

    The rig's clock decides the true rate, so times must lie on a straight line: a gap bends it by
    at least half the gap.
    """
    import numpy as np

    table = np.memmap(channel.file, dtype=record_dtype(), mode="r", offset=HEADER_BYTES)
    sample_us = 1e6 / channel.rate_hz
    expected = (channel.records - 1) * RECORD * sample_us
    found = channel.last_us - channel.first_us
    slack = max(sample_us, expected * CLOCK_PPM * 1e-6)
    if abs(found - expected) > slack:
        raise InputError(
            f"{channel.file}: found {found / 1e6:.6f} s from the first to the last of "
            f"{channel.records} records; expected {expected / 1e6:.6f} s at {channel.rate_hz:g} "
            "Hz: samples were lost, recording was paused or the clock restarted; export the pieces "
            "as recordings of their own"
        )
    places = np.unique(np.linspace(0, channel.records - 1, _PLACES).astype(np.int64))
    times = table["time"][places].astype(np.float64) - channel.first_us
    even = places * (found / max(channel.records - 1, 1))
    bent = np.flatnonzero(np.abs(times - even) > max(sample_us, 2.0))
    short = np.flatnonzero(table["valid"][places[:-1]] != RECORD)
    if len(bent):
        place = int(bent[0])
        raise InputError(
            f"{channel.file}: record {places[place]}: found it {times[place] / 1e6:.6f} s after "
            f"the first; expected {even[place] / 1e6:.6f} s: samples were lost, or recording was "
            "paused, somewhere before"
        )
    if len(short):
        place = int(places[short[0]])
        raise InputError(
            f"{channel.file}: record {place}: found {int(table['valid'][place])} valid samples; "
            f"expected {RECORD} in all records but the last: samples were lost while recording"
        )


def _lazy(channels: list[Channel]) -> BaseRecording:
    import numpy as np

    from pipeline.ingest.lazy import LazyRecording

    layout = record_dtype()
    first = channels[0]

    def read(start: int, end: int) -> np.ndarray:
        low, high = start // RECORD, -(-end // RECORD)
        columns = np.zeros((end - start, len(channels)), dtype="<i2")
        for index, channel in enumerate(channels):
            records = np.fromfile(
                channel.file,
                dtype=layout,
                count=high - low,
                offset=HEADER_BYTES + low * layout.itemsize,
            )
            skipped = start - low * RECORD
            columns[:, index] = records["samples"].reshape(-1)[skipped : skipped + end - start]
        return columns

    return LazyRecording(
        read,
        samples=first.samples,
        rate_hz=_true_rate(first),
        channels=[channel.name for channel in channels],
        dtype="<i2",
        gains_uv=[channel.gain_uv for channel in channels],
        start_s=first.first_us / 1e6,
    )


def _true_rate(channel: Channel) -> float:
    """Return the rate on the rig's clock, which also times the events.

    The header's rate where the clock agrees with it to the microsecond it is written in.
    """
    between = (channel.records - 1) * RECORD
    micros = channel.last_us - channel.first_us
    if between == 0 or abs(micros - between * 1e6 / channel.rate_hz) <= 1:
        return channel.rate_hz
    return between * 1e6 / micros
