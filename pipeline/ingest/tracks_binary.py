"""Position tracks as rigs write them: Neuralynx ``.nvt``, Axona ``.pos``, Trodes video tracking."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from pipeline.errors import InputError
from pipeline.experiment.movement_options import TrackOptions
from pipeline.ingest.tracks import Track, choose

#: bytes of text before the records of every Neuralynx file
NEURALYNX_HEADER = 16384
#: one video record (Neuralynx Data File Formats: VideoRec)
NVT_RECORD = np.dtype(
    [
        ("swstx", "<u2"),
        ("swid", "<u2"),
        ("swdata_size", "<u2"),
        ("timestamp", "<u8"),
        ("points", "<u4", 400),
        ("crc", "<i2"),
        ("x", "<i4"),
        ("y", "<i4"),
        ("angle", "<i4"),
        ("targets", "<i4", 50),
    ]
)
#: one sample of a .pos file: frame counter, two spots, numbers of pixels (DacqUSB File Formats)
AXONA_RECORD = np.dtype(
    [
        ("frame", ">u4"),
        ("x1", ">u2"),
        ("y1", ">u2"),
        ("x2", ">u2"),
        ("y2", ">u2"),
        ("pixels1", ">u2"),
        ("pixels2", ">u2"),
        ("pixels", ">u2"),
        ("unused", ">u2"),
    ]
)
AXONA_LOST = 1023
_AXONA_FORMAT = "t,x1,y1,x2,y2,numpix1,numpix2"


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise InputError(f"{path}: not found; check the 'movement' column of the sessions table")
    return path.read_bytes()


def _swap(options: TrackOptions, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if options.axes not in (None, "xy", "yx"):
        raise InputError(
            f"movement.axes: found '{options.axes}'; expected xy or yx: video has two axes"
        )
    return (y, x) if options.axes == "yx" else (x, y)


def read_nvt(path: Path, options: TrackOptions) -> Track:
    """Read a Neuralynx video file.

    Its times are microseconds of the Cheetah clock, which the ``.ncs`` files beside it share: time
    0 is the first sample of these; without any, the first video record. The extracted position
    (0, 0) means that no target was seen.

    Raises
    ------
    InputError
        When the file is no multiple of whole records: truncated.
    """
    data = _bytes(path)
    body = len(data) - NEURALYNX_HEADER
    if body < NVT_RECORD.itemsize or not data.startswith(b"#"):
        raise InputError(
            f"{path}: found {len(data)} bytes; expected a header of {NEURALYNX_HEADER} bytes that "
            f"begins with # and records of {NVT_RECORD.itemsize} bytes: recording stopped at once, "
            "or not a Neuralynx video file"
        )
    if body % NVT_RECORD.itemsize:
        raise InputError(
            f"{path}: found {body} bytes of records; expected a multiple of "
            f"{NVT_RECORD.itemsize}: the file is truncated (the copy did not finish)"
        )
    records = np.frombuffer(data, NVT_RECORD, offset=NEURALYNX_HEADER)
    times = records["timestamp"].astype(np.int64)
    zero = _first_ncs(path.parent)
    zero = int(times[0]) if zero is None else zero
    seen = (records["x"] != 0) | (records["y"] != 0)
    x, y = (np.where(seen, records[axis], np.nan) for axis in "xy")
    x, y = _swap(options, x, y)
    return Track(time_s=(times - zero) * 1e-6, x=x, y=y)


def _first_ncs(folder: Path) -> int | None:
    """Return the first time stamp of the continuous channels in a folder, us; None if none."""
    first = []
    for file in sorted(folder.glob("*.ncs")):
        with file.open("rb") as stream:
            stream.seek(NEURALYNX_HEADER)
            stamp = stream.read(8)
        if len(stamp) == 8:
            first.append(int.from_bytes(stamp, "little"))
    return min(first, default=None)


def read_axona(path: Path, options: TrackOptions) -> Track:
    """Read an Axona ``.pos`` file; time 0 is the start of the trial, as in ``.eeg`` and ``.set``.

    ``body_part`` chooses the light: ``1`` (the larger spot; the usual one) or ``2``.

    Raises
    ------
    InputError
        When the text around the data is damaged, the number of samples is not the header's, or
        the positions are not in the two-spot format.
    """
    data = _bytes(path)
    start, stop = data.find(b"data_start"), data.rfind(b"\r\ndata_end")
    if start < 0 or stop < start:
        raise InputError(
            f"{path}: found no {'data_start' if start < 0 else 'data_end'}; expected both around "
            "the positions: the file is truncated, or no Axona .pos file"
        )
    head = data[:start].decode("latin-1").splitlines()
    header = dict(line.split(" ", 1) for line in head if " " in line)
    said = header.get("pos_format", "").strip()
    if said != _AXONA_FORMAT:
        raise InputError(
            f"{path}: pos_format: found '{said}'; expected '{_AXONA_FORMAT}' (four-colour tracking "
            "is not read: convert it to two spots)"
        )
    body = data[start + len(b"data_start") : stop]
    number = int(_header_number(header, "num_pos_samples", path))
    if len(body) != number * AXONA_RECORD.itemsize:
        raise InputError(
            f"{path}: found {len(body)} bytes of positions; expected {number} samples (the "
            f"header's num_pos_samples) of {AXONA_RECORD.itemsize} bytes: truncated?"
        )
    records = np.frombuffer(body, AXONA_RECORD)
    rate = _header_number(header, "timebase", path)
    light = choose(["1", "2"], options.body_part, key="body_part", what="lights", path=path,
                   several=False)  # fmt: skip
    x, y = (records[f"{axis}{light}"].astype(np.float64) for axis in "xy")
    lost = (x == AXONA_LOST) | (y == AXONA_LOST)
    x[lost] = y[lost] = np.nan
    x, y = _swap(options, x, y)
    frames = records["frame"].astype(np.int64)
    scale = header.get("pixels_per_metre", "").strip()
    pixels = float(scale) if re.fullmatch(r"\d+(\.\d+)?", scale) else 0.0
    return Track(
        time_s=(frames - frames[:1]) / rate,
        x=x,
        y=y,
        cm_per_unit=100.0 / pixels if pixels > 0 else None,
    )


def _header_number(header: dict[str, str], key: str, path: Path) -> float:
    """Return the number at the start of a header's value (``50 hz``)."""
    match = re.match(r"\s*(\d+(\.\d+)?)", header.get(key, ""))
    if not match or float(match[1]) <= 0:
        raise InputError(
            f"{path}: header: found {key} '{header.get(key, '')}'; expected a number above 0"
        )
    return float(match[1])


_TRODES_TYPES = {"uint32": "<u4", "uint16": "<u2", "int16": "<i2", "int32": "<i4", "double": "<f8"}


def read_trodes(path: Path, options: TrackOptions) -> Track:
    """Read a ``.videoPositionTracking`` file of Trodes (SpikeGadgets).

    Times count from the first frame. ``body_part`` chooses the light: ``1`` or ``2``. A position of
    (0, 0) means that no light was seen. A record that repeats the one before it, time and all
    (real files have some), is left out.

    Raises
    ------
    InputError
        When the header is incomplete, fields are of unknown types, or the last record is cut off.
    """
    data = _bytes(path)
    mark = b"<End settings>\n"
    stop = data.find(mark)
    if not data.startswith(b"<Start settings>") or stop < 0:
        raise InputError(
            f"{path}: found no settings at the start; expected <Start settings> ... <End "
            "settings>: truncated, or no Trodes tracking file"
        )
    lines = data[:stop].decode("latin-1").splitlines()
    header = dict(line.split(":", 1) for line in lines if ":" in line)
    fields = re.findall(r"<(\w+) (\w+)>", header.get("Fields", ""))
    types = [(name.casefold(), _TRODES_TYPES.get(kind, "")) for name, kind in fields]
    if not all(kind for _, kind in types) or not {"time", "xloc", "yloc"} <= {n for n, _ in types}:
        raise InputError(
            f"{path}: header: found fields '{header.get('Fields', '').strip()}'; expected time, "
            f"xloc and yloc of types {', '.join(_TRODES_TYPES)}"
        )
    record = np.dtype(types)
    body = data[stop + len(mark) :]
    if len(body) % record.itemsize:
        raise InputError(
            f"{path}: found {len(body)} bytes of positions; expected a multiple of "
            f"{record.itemsize}: the file is truncated"
        )
    records = np.frombuffer(body, record)
    if len(records):
        records = records[np.concatenate([[True], records[1:] != records[:-1]])]
    lights = ["1", "2"] if {"xloc2", "yloc2"} <= set(record.names or ()) else ["1"]
    light = choose(lights, options.body_part, key="body_part", what="lights", path=path,
                   several=False)  # fmt: skip
    end = "" if light == "1" else "2"
    x, y = (records[f"{axis}loc{end}"].astype(np.float64) for axis in "xy")
    unseen = (x == 0) & (y == 0)
    x[unseen] = y[unseen] = np.nan
    x, y = _swap(options, x, y)
    rate = _header_number(header, "clockrate", path)
    ticks = records["time"].astype(np.int64)
    scale = re.match(r"\s*(\d+(\.\d+)?) pix/cm", header.get("pixel scale", ""))
    pixels = float(scale[1]) if scale else 0.0
    return Track(
        time_s=(ticks - ticks[:1]) / rate,
        x=x,
        y=y,
        cm_per_unit=1.0 / pixels if pixels > 0 else None,
    )
